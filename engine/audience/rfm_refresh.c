/* rfm_refresh.c -- from how often values occur to cut points, over shards. */
#include "memory.h"
#include "rfm_private.h"

/* ---- The plan ---- */

static enum sh_status check_fixed(const struct sh_rfm_config *config, uint32_t axis, struct sh_error *err) {
    const char letter = "rfm"[axis];
    for (uint32_t i = 0; config->is_fixed[axis] && i + 1 < config->scores[axis]; i++) {
        const int64_t cut = config->fixed[axis][i];
        if (axis != SH_RFM_M && cut < 0)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "the cuts of %c cannot be below 0", letter);
        if (i == 0) continue;
        const int64_t before = config->fixed[axis][i - 1];
        if (axis == SH_RFM_R ? cut >= before : cut <= before)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "the cuts of %c must %s, score after score", letter,
                           axis == SH_RFM_R ? "fall" : "rise");
    }
    return SH_OK;
}

enum sh_status sh_rfm_config_check(const struct sh_rfm_config *config, struct sh_error *err) {
    if (config->days > SH_RFM_DAYS_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the horizon is at most %d days", SH_RFM_DAYS_MAX);
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++) {
        const char letter = "rfm"[axis];
        if (config->scores[axis] < SH_RFM_SCORE_MIN || config->scores[axis] > SH_RFM_SCORE_MAX)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "%c has %u scores; it can have %d to %d", letter,
                           config->scores[axis], SH_RFM_SCORE_MIN, SH_RFM_SCORE_MAX);
        if (config->split[axis] == 1 || config->split[axis] > config->scores[axis])
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "the split of %c is a score from 2 to %u", letter,
                           config->scores[axis]);
        const enum sh_status status = check_fixed(config, axis, err);
        if (status != SH_OK) return status;
    }
    if (config->active_days == 0 || config->active_days >= config->cooling_days ||
        config->cooling_days >= config->dormant_days || config->dormant_days > SH_RFM_DAYS_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "active, cooling and dormant must be days that rise, at most %d",
                       SH_RFM_DAYS_MAX);
    return SH_OK;
}

/* ---- Refresh: measure ---- */

/* What a refresh wants to know of the users. */
struct measure {
    int64_t now_ms;
    struct sh_rfm_values values[SH_RFM_AXIS_COUNT];
    bool failed; /* out of memory for them; everything else is done all the same */
};

/* M as 64 bits: who has more is as good as anybody. */
static int64_t clamp(__int128 amount) {
    if (amount > INT64_MAX) return INT64_MAX;
    return amount < INT64_MIN ? INT64_MIN : (int64_t)amount;
}

/* Events after now are not of this refresh: such users are looked up in their past. */
static void measure_block(const struct sh_rfm *rfm, uint32_t number, struct measure *measure) {
    const struct sh_rfm_block *block = &rfm->blocks[number];
    const int64_t now_ms = measure->now_ms;
    for (uint32_t i = 0; i < block->capacity; i++) {
        uint32_t count = block->users[i].count;
        __int128 amount = block->users[i].amount;
        int64_t last_ms = block->users[i].last_ms;
        if (last_ms > now_ms) {
            struct sh_rfm_line line;
            sh_rfm_line(rfm, number * SH_BLOCK_SLOTS + i, now_ms, &line);
            count = line.count;
            amount = line.amount;
            last_ms = line.last_ms;
        }
        if (count == 0 || measure->failed) continue;
        measure->failed = !sh_rfm_values_add(&measure->values[SH_RFM_R], -((now_ms - last_ms) / SH_DAY_MS)) ||
                          !sh_rfm_values_add(&measure->values[SH_RFM_F], count) ||
                          !sh_rfm_values_add(&measure->values[SH_RFM_M], clamp(amount));
    }
}

enum sh_status sh_rfm_measure(struct sh_rfm *rfm, int64_t now_ms, struct sh_rfm_spread *spread, struct sh_error *err) {
    sh_rfm_spread_init(spread);
    sh_assert(rfm->is_on);
    if (now_ms < rfm->measured_ms) {
        (void)sh_fail(err, SH_ERR_CONFLICT, -1, "rfm has been refreshed with a later now already");
        return sh_fail_hint(err, SH_ERR_CONFLICT, "the latest refresh had now %lld", (long long)rfm->measured_ms);
    }
    size_t room = 1;
    for (uint32_t b = 0; b < rfm->block_count; b++)
        room += rfm->blocks[b].capacity;
    struct measure measure = {.now_ms = now_ms};
    enum sh_status status = SH_OK;
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++)
        if (!sh_rfm_values_init(&measure.values[axis], room)) status = SH_ERR_MEMORY;
    if (status != SH_OK)
        (void)sh_fail(err, status, -1, "out of memory while counting scores");
    else
        status = rfm_move_horizon(rfm, rfm_horizon_from(&rfm->config, now_ms), err);
    for (uint32_t block = 0; status == SH_OK && block < rfm->block_count; block++)
        measure_block(rfm, block, &measure);
    if (status == SH_OK) {
        rfm->measured_ms = now_ms;
        spread->user_count = measure.values[SH_RFM_F].count;
        if (measure.failed) status = SH_ERR_MEMORY;
        for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT && status == SH_OK; axis++)
            status = sh_rfm_tally_count(&spread->tallies[axis], &measure.values[axis]);
        if (status != SH_OK) (void)sh_fail(err, status, -1, "out of memory while counting scores");
    }
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++)
        sh_rfm_values_deinit(&measure.values[axis]);
    return status;
}

/* ---- Cut points ---- */

/* A value of the spread, where more is better: R is minus days. */
static uint32_t score_of_value(const struct sh_rfm_config *config, const struct sh_rfm_cuts *cuts, uint32_t axis,
                               int64_t value) {
    uint32_t score = 1;
    for (uint32_t i = 0; i + 1 < config->scores[axis]; i++) {
        const int64_t cut = cuts->cuts[axis][i];
        score += axis == SH_RFM_R ? -value <= cut : value >= cut;
    }
    return score;
}

void sh_rfm_decide(const struct sh_rfm_config *config, const struct sh_rfm_spread *spread, struct sh_rfm_cuts *cuts) {
    cuts->is_set = spread->user_count > 0;
    cuts->user_count = spread->user_count;
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT && cuts->is_set; axis++) {
        const struct sh_rfm_tally *tally = &spread->tallies[axis];
        const uint32_t parts = config->scores[axis];
        for (uint32_t i = 0; i + 1 < parts; i++) {
            const int64_t cut = sh_rfm_tally_cut(tally, spread->user_count, i + 1, parts);
            cuts->cuts[axis][i] = axis == SH_RFM_R ? -cut : cut;
            if (config->is_fixed[axis]) cuts->cuts[axis][i] = config->fixed[axis][i];
        }
        cuts->score_sums[axis] = 0;
        for (uint32_t i = 0; i < tally->count; i++)
            cuts->score_sums[axis] += tally->counts[i] * score_of_value(config, cuts, axis, tally->values[i]);
        /* At least the mean: score * users >= sum. */
        const uint64_t mean = (cuts->score_sums[axis] + spread->user_count - 1) / spread->user_count;
        cuts->high[axis] = config->split[axis] != 0 ? config->split[axis] : (uint32_t)mean;
    }
}

/* ---- The counts of all shards ---- */

static void pending_free(struct sh_rfm_pending *pending) {
    sh_rfm_spread_deinit(&pending->spread);
    *pending = (struct sh_rfm_pending){.shard_count = 0};
}

void rfm_pending_drop(struct sh_rfm *rfm) {
    for (uint32_t i = 0; i < SH_RFM_PENDING_MAX; i++)
        pending_free(&rfm->pending[i]);
}

static bool is_before(int64_t now_a, uint64_t id_a, int64_t now_b, uint64_t id_b) {
    return now_a != now_b ? now_a < now_b : id_a < id_b;
}

/* The refresh's place, or a free one, or that of the earliest, which will not be finished any more. */
static struct sh_rfm_pending *find_pending(struct sh_rfm *rfm, uint64_t id, int64_t now_ms) {
    struct sh_rfm_pending *worst = &rfm->pending[0];
    for (uint32_t i = 0; i < SH_RFM_PENDING_MAX; i++) {
        struct sh_rfm_pending *pending = &rfm->pending[i];
        if (pending->shard_count > 0 && pending->id == id && pending->now_ms == now_ms) return pending;
        const bool is_worse =
            pending->shard_count == 0 || is_before(pending->now_ms, pending->id, worst->now_ms, worst->id);
        if (worst->shard_count > 0 && is_worse) worst = pending;
    }
    pending_free(worst);
    worst->id = id;
    worst->now_ms = now_ms;
    return worst;
}

/* Two refreshes at once end in different orders in different shards: the later one stays. */
static bool is_overtaken(const struct sh_rfm *rfm, const struct sh_rfm_pending *pending) {
    return rfm->cuts.is_set && is_before(pending->now_ms, pending->id, rfm->cuts.now_ms, rfm->cuts.id);
}

void rfm_score_all(struct sh_rfm *rfm) {
    for (uint32_t b = 0; b < rfm->block_count; b++) {
        struct sh_rfm_block *block = &rfm->blocks[b];
        for (uint32_t i = 0; i < block->capacity; i++)
            block->scores[i] = rfm_scores_of(rfm, block->users[i].count, block->users[i].amount);
    }
}

static void apply(struct sh_rfm *rfm, const struct sh_rfm_pending *pending) {
    struct sh_rfm_cuts cuts = {.now_ms = pending->now_ms, .id = pending->id};
    sh_rfm_decide(&rfm->config, &pending->spread, &cuts);
    rfm->cuts = cuts;
    rfm_score_all(rfm);
    rfm_fields_update(rfm);
}

enum sh_status sh_rfm_learn(struct sh_rfm *rfm, uint64_t id, int64_t now_ms, const struct sh_rfm_spread *spread,
                            uint32_t shard_count, struct sh_error *err) {
    if (!rfm->is_on) return sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no rfm plan yet");
    struct sh_rfm_pending *pending = find_pending(rfm, id, now_ms);
    if (sh_rfm_spread_add(&pending->spread, spread) != SH_OK) {
        pending_free(pending);
        return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory while adding up the shards' scores");
    }
    if (++pending->shard_count < shard_count) return SH_OK;
    if (shard_count == 1 || !is_overtaken(rfm, pending)) apply(rfm, pending);
    pending_free(pending);
    return SH_OK;
}
