/* rfm_property.c -- RFM against loops over one array of events, with users dealt over one to three stores.
 *
 * The twin knows no cut points: a score is 1 + k * (users who are worse) / users, counted user by user, frozen at a
 * refresh as the list of values that there were. Events come in any order of time, some of them after `now`.
 *
 * Run: rfm_property [SEED [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "query_match.h"
#include "rfm_report.h"
#include "split_random.h"

enum { STORES_MAX = 3, USERS_MAX = 200, EVENTS_MAX = 3000, SPREAD_SLOTS = 700 };

struct event {
    uint32_t user;
    uint32_t type;
    int64_t time_ms;
    int64_t amount;
    bool has_amount;
};
struct line {
    bool has_any;
    int64_t first, last, previous;
    uint32_t count, count_ever;
    int64_t amount, amount_ever;
};

static uint64_t round_seed;
static struct split_random rng;
static struct sh_zone *zone;
static uint32_t store_count;
static struct sh_event_store *stores[STORES_MAX];
static struct sh_rfm *rfms[STORES_MAX];
static struct event events[EVENTS_MAX];
static uint32_t event_count;
static uint32_t user_count;
static struct sh_rfm_config config;
static int64_t from_ms;
/* Of the latest refresh: the values of all scored users. */
static bool is_refreshed;
static uint32_t scored_count;
static int64_t scored[SH_RFM_AXIS_COUNT][USERS_MAX];
static const int64_t base_ms = 1700000000000;

static void must(bool condition, const char *what) {
    if (condition) return;
    (void)printf("reproduce: rfm_property %llu 1: %s\n", (unsigned long long)round_seed, what);
    exit(1);
}

/* Users lie far apart in some rounds, so that there is more than one block. */
static uint32_t slot_of(uint32_t user) {
    return user / store_count * (round_seed % 4 == 3 ? SPREAD_SLOTS : 1);
}
static uint32_t store_of(uint32_t user) {
    return user % store_count;
}

/* ---- The twin ---- */

static struct line twin_line(uint32_t user, int64_t now_ms) {
    struct line line = {.has_any = false};
    int32_t days[EVENTS_MAX];
    uint32_t day_count = 0;
    int32_t inside_days[EVENTS_MAX];
    uint32_t inside_count = 0;
    for (uint32_t i = 0; i < event_count; i++) {
        const struct event *event = &events[i];
        if (event->user != user || event->type != config.event_type || event->time_ms > now_ms) continue;
        const int32_t day = sh_zone_day(zone, event->time_ms);
        const int64_t amount = event->has_amount ? event->amount : 0;
        bool is_new = true;
        bool is_new_inside = true;
        for (uint32_t d = 0; d < day_count; d++)
            is_new = is_new && days[d] != day;
        for (uint32_t d = 0; d < inside_count; d++)
            is_new_inside = is_new_inside && inside_days[d] != day;
        days[day_count++] = day;
        line.count_ever += !config.per_day || is_new;
        line.amount_ever += amount;
        if (!line.has_any || event->time_ms < line.first) line.first = event->time_ms;
        if (!line.has_any || event->time_ms > line.last) line.last = event->time_ms;
        line.has_any = true;
        if (event->time_ms <= from_ms) continue;
        inside_days[inside_count++] = day;
        line.count += !config.per_day || is_new_inside;
        line.amount += amount;
    }
    line.previous = SH_RFM_NEVER;
    for (uint32_t i = 0; i < event_count; i++) {
        const struct event *event = &events[i];
        if (event->user != user || event->type != config.event_type || event->time_ms >= line.last) continue;
        if (event->time_ms > line.previous) line.previous = event->time_ms;
    }
    return line;
}

static int64_t value_of(const struct line *line, uint32_t axis, int64_t now_ms) {
    if (axis == SH_RFM_F) return line->count;
    return axis == SH_RFM_M ? line->amount : -((now_ms - line->last) / SH_DAY_MS);
}

static uint32_t twin_score(uint32_t axis, int64_t value) {
    uint32_t reached = 1;
    uint64_t worse = 0;
    if (config.is_fixed[axis]) {
        for (uint32_t i = 0; i + 1 < config.scores[axis]; i++)
            reached += axis == SH_RFM_R ? -value <= config.fixed[axis][i] : value >= config.fixed[axis][i];
        return reached;
    }
    for (uint32_t i = 0; i < scored_count; i++)
        worse += scored[axis][i] < value;
    const uint32_t score = 1 + (uint32_t)(worse * config.scores[axis] / scored_count);
    return score < config.scores[axis] ? score : config.scores[axis]; /* better than everybody there was */
}

static void twin_refresh(int64_t now_ms) {
    scored_count = 0;
    from_ms = config.days == 0 ? INT64_MIN : now_ms - config.days * SH_DAY_MS;
    for (uint32_t user = 0; user < user_count; user++) {
        const struct line line = twin_line(user, now_ms);
        if (line.count == 0) continue;
        for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++)
            scored[axis][scored_count] = value_of(&line, axis, now_ms);
        scored_count++;
    }
    is_refreshed = scored_count > 0;
}

static bool twin_is_high(uint32_t axis, uint32_t score) {
    uint64_t sum = 0;
    if (config.split[axis] != 0) return score >= config.split[axis];
    for (uint32_t i = 0; i < scored_count; i++)
        sum += twin_score(axis, scored[axis][i]);
    return (uint64_t)score * scored_count >= sum;
}

static const char *twin_stage(const struct line *line, int64_t now_ms) {
    const int64_t age = now_ms - line->last;
    if (age > config.dormant_days * SH_DAY_MS) return "lost";
    if (age > config.cooling_days * SH_DAY_MS) return "dormant";
    if (age > config.active_days * SH_DAY_MS) return "cooling";
    if (now_ms - line->first <= config.active_days * SH_DAY_MS) return "new";
    if (line->previous != SH_RFM_NEVER && line->last - line->previous > config.cooling_days * SH_DAY_MS)
        return "won back";
    return "active";
}

/* ---- What is done to both ---- */

static void make_stores(void) {
    store_count = 1 + (uint32_t)split_below(&rng, STORES_MAX);
    user_count = 1 + (uint32_t)split_length(&rng, USERS_MAX);
    event_count = 0;
    is_refreshed = false;
    for (uint32_t s = 0; s < store_count; s++) {
        uint32_t number;
        stores[s] = sh_event_store_create(zone);
        must(stores[s] != NULL, "store");
        must(sh_event_type_add(stores[s], SH_TEXT_LITERAL("view"), 2, &number, NULL) == SH_OK, "type");
        must(sh_event_type_add(stores[s], SH_TEXT_LITERAL("buy"), 2, &number, NULL) == SH_OK, "type");
        rfms[s] = sh_rfm_create(stores[s]);
        must(rfms[s] != NULL, "rfm");
    }
}

static void append_one(int64_t now_ms) {
    struct event *event = &events[event_count];
    bool duplicate;
    if (event_count == EVENTS_MAX) return;
    event->user = (uint32_t)split_below(&rng, user_count);
    event->type = !split_one_in(&rng, 6);
    event->time_ms = now_ms - (int64_t)split_length(&rng, 200 * (uint64_t)SH_DAY_MS) + 2 * SH_DAY_MS;
    if (split_one_in(&rng, 3)) event->time_ms -= event->time_ms % SH_DAY_MS; /* the same time more often */
    event->has_amount = !split_one_in(&rng, 8);
    event->amount = (int64_t)split_length(&rng, 100000) - (split_one_in(&rng, 10) ? 3000 : 0);
    if (split_one_in(&rng, 500)) event->amount *= 1000000007; /* beyond what four bytes hold */
    const struct sh_event stored = {.type = event->type,
                                    .slot = slot_of(event->user),
                                    .item = SH_NO_ITEM,
                                    .time_ms = event->time_ms,
                                    .has_amount = event->has_amount,
                                    .amount = event->amount};
    const uint32_t s = store_of(event->user);
    must(sh_event_append(stores[s], &stored, &duplicate, NULL) == SH_OK && !duplicate, "append");
    must(sh_rfm_add(rfms[s], &stored) == SH_OK, "add");
    event_count++;
}

static void forget_one(void) {
    const uint32_t user = (uint32_t)split_below(&rng, user_count);
    uint32_t kept = 0;
    sh_event_forget(stores[store_of(user)], slot_of(user), NULL);
    sh_rfm_forget(rfms[store_of(user)], slot_of(user));
    for (uint32_t i = 0; i < event_count; i++)
        if (events[i].user != user) events[kept++] = events[i];
    event_count = kept;
}

static void configure(int64_t now_ms) {
    static const uint32_t horizons[] = {0, 7, 30, 90, 365};
    config = (struct sh_rfm_config){.event_type = 1,
                                    .days = horizons[split_below(&rng, 5)],
                                    .per_day = split_one_in(&rng, 2),
                                    .active_days = 5 + (uint32_t)split_below(&rng, 30),
                                    .cooling_days = 40,
                                    .dormant_days = 90};
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++) {
        config.scores[axis] = SH_RFM_SCORE_MIN + (uint32_t)split_below(&rng, 3);
        if (split_one_in(&rng, 3)) config.split[axis] = 2 + (uint32_t)split_below(&rng, 2);
        config.is_fixed[axis] = split_one_in(&rng, 4);
        for (uint32_t i = 0; i < SH_RFM_CUT_MAX; i++)
            config.fixed[axis][i] = axis == SH_RFM_R ? 100 - 20 * i : axis == SH_RFM_F ? 2 + i : 500 + 5000 * i;
    }
    for (uint32_t s = 0; s < store_count; s++)
        must(sh_rfm_configure(rfms[s], &config, now_ms, NULL) == SH_OK, "configure");
    from_ms = config.days == 0 ? INT64_MIN : now_ms - config.days * SH_DAY_MS;
    is_refreshed = false;
}

/* Two refreshes of the same now at once: every store measures both, in its own order, and hears of both in its own
 * order. In the end all have the cut points of the later one. */
static void refresh_twice(int64_t now_ms, uint64_t id) {
    struct sh_rfm_spread spreads[STORES_MAX][2];
    for (uint32_t s = 0; s < store_count; s++) {
        const uint32_t first = (uint32_t)split_below(&rng, 2);
        for (uint32_t i = 0; i < 2; i++) {
            struct sh_rfm_spread *spread = &spreads[s][i ^ first];
            must(sh_rfm_measure(rfms[s], now_ms, spread, NULL) == SH_OK, "measure");
            must(sh_rfm_learn(rfms[s], id + (i ^ first), now_ms, spread, store_count, NULL) == SH_OK, "learn");
        }
    }
    for (uint32_t s = 0; s < store_count; s++) {
        const uint32_t first = (uint32_t)split_below(&rng, 2);
        for (uint32_t i = 0; i < 2; i++)
            for (uint32_t other = 0; other < store_count; other++)
                if (other != s)
                    must(sh_rfm_learn(rfms[s], id + (i ^ first), now_ms, &spreads[other][i ^ first], store_count,
                                      NULL) == SH_OK,
                         "learn");
    }
    for (uint32_t s = 0; s < store_count; s++) {
        for (uint32_t i = 0; i < 2; i++)
            sh_rfm_spread_deinit(&spreads[s][i]);
        const struct sh_rfm_cuts *cuts = sh_rfm_cuts(rfms[s]);
        must(!cuts->is_set || store_count == 1 || cuts->id == id + 1, "the later refresh stays");
    }
    twin_refresh(now_ms);
}

/* Each store tells all stores, its bytes written and read. */
static void refresh(int64_t now_ms, uint64_t id) {
    struct sh_rfm_spread spreads[STORES_MAX];
    for (uint32_t s = 0; s < store_count; s++) {
        const char *reason = "";
        must(sh_rfm_measure(rfms[s], now_ms, &spreads[s], NULL) == SH_OK, "measure");
        const bool is_whole = sh_rfm_check(rfms[s], &reason);
        must(is_whole, reason);
        must(sh_rfm_learn(rfms[s], id, now_ms, &spreads[s], store_count, NULL) == SH_OK, "learn");
    }
    for (uint32_t s = 0; s < store_count; s++) {
        struct sh_buffer bytes;
        sh_buffer_init(&bytes, 1 << 20);
        sh_rfm_spread_write(&spreads[s], &bytes);
        const struct sh_text text = {(const char *)bytes.bytes, (uint32_t)bytes.count};
        for (uint32_t other = 0; other < store_count; other++) {
            struct sh_rfm_spread read;
            if (other == s) continue;
            must(sh_rfm_spread_read(text, &read, NULL) == SH_OK, "read");
            must(sh_rfm_learn(rfms[other], id, now_ms, &read, store_count, NULL) == SH_OK, "learn");
            sh_rfm_spread_deinit(&read);
        }
        const struct sh_text cut = {text.bytes, text.count - 1};
        struct sh_rfm_spread none;
        must(sh_rfm_spread_read(cut, &none, NULL) != SH_OK, "bytes that end early are refused");
        sh_buffer_deinit(&bytes);
        sh_rfm_spread_deinit(&spreads[s]);
    }
    twin_refresh(now_ms);
    if (!is_refreshed) return;
    const struct sh_rfm_cuts *first = sh_rfm_cuts(rfms[0]);
    for (uint32_t s = 0; s < store_count; s++) {
        const struct sh_rfm_cuts *cuts = sh_rfm_cuts(rfms[s]);
        must(cuts->is_set && cuts->user_count == scored_count, "how many are scored");
        must(memcmp(cuts->cuts, first->cuts, sizeof cuts->cuts) == 0, "all stores have the same cut points");
    }
}

/* ---- Comparing ---- */

static int64_t field(uint32_t user, const char *name, int64_t now_ms, bool *is_present) {
    const struct sh_derived *derived = sh_rfm_derived(rfms[store_of(user)]);
    const int32_t index = sh_derived_find(derived, sh_text_of(name));
    int64_t value = 0;
    must(index >= 0, name);
    *is_present = sh_derived_get(derived, (uint32_t)index, slot_of(user), now_ms, &value);
    return value;
}

static void compare_number(uint32_t user, const char *name, int64_t now_ms, bool expected_present, int64_t expected) {
    bool is_present;
    const int64_t value = field(user, name, now_ms, &is_present);
    must(is_present == expected_present, name);
    must(!is_present || value == expected, name);
}

static void compare_label(uint32_t user, const char *name, int64_t now_ms, bool expected_present,
                          const char *expected) {
    const struct sh_derived *derived = sh_rfm_derived(rfms[store_of(user)]);
    const int32_t index = sh_derived_find(derived, sh_text_of(name));
    bool is_present;
    const int64_t value = field(user, name, now_ms, &is_present);
    must(is_present == expected_present, name);
    if (!is_present) return;
    must(sh_text_equal(sh_dictionary_text(derived->fields[index].labels, (uint32_t)value), sh_text_of(expected)), name);
}

static const char *twin_cell(const uint32_t scores[SH_RFM_AXIS_COUNT]) {
    static const char *const words[2][2][2] = {{{"一般挽留", "重要挽留"}, {"一般保持", "重要保持"}},
                                               {{"一般发展", "重要发展"}, {"一般价值", "重要价值"}}};
    return words[twin_is_high(SH_RFM_R, scores[0])][twin_is_high(SH_RFM_F, scores[1])]
                [twin_is_high(SH_RFM_M, scores[2])];
}

static void compare_user(uint32_t user, int64_t now_ms) {
    const struct line line = twin_line(user, now_ms);
    const bool is_scored = is_refreshed && line.count > 0;
    uint32_t scores[SH_RFM_AXIS_COUNT] = {0};
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT && is_scored; axis++)
        scores[axis] = twin_score(axis, value_of(&line, axis, now_ms));
    compare_number(user, "rfm.r", now_ms, is_scored, scores[0]);
    compare_number(user, "rfm.f", now_ms, is_scored, scores[1]);
    compare_number(user, "rfm.m", now_ms, is_scored, scores[2]);
    compare_number(user, "rfm.score", now_ms, is_scored, scores[0] * 100 + scores[1] * 10 + scores[2]);
    compare_label(user, "rfm.segment", now_ms, is_scored, is_scored ? twin_cell(scores) : NULL);
    compare_label(user, "lifecycle", now_ms, line.has_any, line.has_any ? twin_stage(&line, now_ms) : NULL);
    compare_number(user, "value.count", now_ms, line.has_any, line.count_ever);
    compare_number(user, "value.amount", now_ms, line.has_any, line.amount_ever);
    compare_number(user, "value.first", now_ms, line.has_any, line.first);
    compare_number(user, "value.last", now_ms, line.has_any, line.last);
    const bool has_gap = line.count_ever > 1;
    compare_number(user, "value.next", now_ms, has_gap,
                   has_gap ? line.last + (line.last - line.first) / (line.count_ever - 1) : 0);
}

/* Conditions over whole blocks say what is said of each user, whatever is negated or missing. */
static void compare_matches(int64_t now_ms) {
    static uint64_t among[SH_BLOCK_WORDS];
    static uint64_t words[SH_BLOCK_WORDS];
    memset(among, 0xFF, sizeof among);
    const struct sh_match match = {.kind = SH_MATCH_RANGE,
                                   .low = (int64_t)split_below(&rng, 4),
                                   .high = (int64_t)split_below(&rng, 6),
                                   .negated = split_one_in(&rng, 2),
                                   .when_missing = split_one_in(&rng, 2)};
    for (uint32_t s = 0; s < store_count; s++) {
        const struct sh_derived *derived = sh_rfm_derived(rfms[s]);
        const uint32_t index = (uint32_t)split_below(&rng, derived->field_count);
        sh_derived_match(derived, index, 0, now_ms, &match, among, words);
        for (uint32_t user = s; user < user_count; user += store_count) {
            int64_t value = 0;
            const uint32_t slot = slot_of(user);
            if (slot >= SH_BLOCK_SLOTS) continue;
            const bool is_present = sh_derived_get(derived, index, slot, now_ms, &value);
            must((words[slot / 64] >> (slot % 64) & 1) == sh_match_value(&match, is_present, value), "a condition");
        }
    }
}

static void compare_reports(int64_t now_ms) {
    struct sh_rfm_report sum;
    uint64_t scored_now = 0;
    uint64_t in_cells = 0;
    for (uint32_t s = 0; s < store_count; s++) {
        static uint64_t words[SH_BLOCK_WORDS];
        struct sh_rfm_report report;
        sh_rfm_report_begin(&report, rfms[s]);
        for (uint32_t block = 0; block <= slot_of(user_count) / SH_BLOCK_SLOTS; block++) {
            memset(words, 0, sizeof words);
            for (uint32_t user = s; user < user_count; user += store_count)
                if (slot_of(user) / SH_BLOCK_SLOTS == block)
                    words[slot_of(user) % SH_BLOCK_SLOTS / 64] |= 1ULL << slot_of(user) % 64;
            sh_rfm_report_add_block(&report, rfms[s], block, words, now_ms);
        }
        if (s == 0)
            sum = report;
        else
            sh_rfm_report_add(&sum, &report);
    }
    int64_t amount = 0;
    for (uint32_t user = 0; user < user_count; user++) {
        const struct line line = twin_line(user, now_ms);
        scored_now += is_refreshed && line.count > 0;
        amount += line.amount_ever;
    }
    for (uint32_t i = 0; i < SH_RFM_CELL_COUNT; i++)
        in_cells += sum.sums[SH_RFM_SUM_CELLS + i].users;
    must(sum.count == user_count, "a report counts everybody");
    must(sum.scored == scored_now && in_cells == scored_now, "a report counts the scored in one cell each");
    must(sum.sums[SH_RFM_SUM_EVER].amount == amount, "a report sums all money");
}

static void compare(int64_t now_ms) {
    for (uint32_t s = 0; s < store_count; s++) {
        const char *reason = "";
        const bool holds = sh_rfm_check(rfms[s], &reason);
        must(holds, reason);
    }
    for (uint32_t user = 0; user < user_count; user++)
        compare_user(user, now_ms);
    compare_matches(now_ms);
    compare_reports(now_ms);
}

static void run_round(void) {
    int64_t now_ms = base_ms;
    make_stores();
    const uint32_t early = (uint32_t)split_below(&rng, 200);
    for (uint32_t i = 0; i < early; i++)
        append_one(now_ms);
    configure(now_ms);
    for (uint32_t step = 0; step < 8; step++) {
        const uint32_t count = (uint32_t)split_below(&rng, 120);
        now_ms += (int64_t)split_length(&rng, 40 * (uint64_t)SH_DAY_MS);
        for (uint32_t i = 0; i < count; i++)
            append_one(now_ms);
        if (split_one_in(&rng, 3)) forget_one();
        /* A plan that was put later than now: the next refresh moves the horizon back. */
        if (split_one_in(&rng, 4))
            configure(now_ms + (int64_t)split_below(&rng, 2) * (int64_t)split_below(&rng, 60 * (uint64_t)SH_DAY_MS));
        if (split_one_in(&rng, 2)) refresh(now_ms, 3 * step + 1);
        if (split_one_in(&rng, 4)) refresh_twice(now_ms, 3 * step + 2);
        compare(now_ms);
        compare(now_ms - (int64_t)split_length(&rng, 100 * (uint64_t)SH_DAY_MS)); /* a question about the past */
    }
    for (uint32_t s = 0; s < store_count; s++) {
        sh_rfm_destroy(rfms[s]);
        sh_event_store_destroy(stores[s]);
    }
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t rounds = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 60;
    must(sh_zone_open(SH_TEXT_LITERAL("Europe/Berlin"), &zone, NULL) == SH_OK, "zone");
    for (uint64_t i = 0; i < rounds; i++) {
        round_seed = seed + i;
        rng = (struct split_random){round_seed};
        run_round();
    }
    sh_zone_close(zone);
    must(sh_memory_bytes() == 0, "memory is left");
    (void)printf("rfm_property: seeds %llu to %llu: alike\n", (unsigned long long)seed,
                 (unsigned long long)(seed + rounds - 1));
    return 0;
}
