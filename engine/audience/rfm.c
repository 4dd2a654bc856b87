/* rfm.c -- see rfm.h, rfm_private.h. */
#include <string.h>

#include "memory.h"
#include "rfm_private.h"

/* ---- Lines ---- */

/* Room for a place of a block. */
enum sh_status rfm_block_reserve(struct sh_rfm_block *block, uint32_t place) {
    uint32_t capacity = block->capacity == 0 ? SH_RFM_SLOTS_MIN : block->capacity;
    if (place < block->capacity) return SH_OK;
    while (capacity <= place)
        capacity *= 2;
    struct sh_rfm_block grown = {.capacity = capacity,
                                 .users = sh_alloc(capacity * sizeof *grown.users),
                                 .last_ms = sh_alloc(capacity * sizeof *grown.last_ms),
                                 .scores = sh_alloc_zero(capacity)};
    if (grown.users == NULL || grown.last_ms == NULL || grown.scores == NULL) {
        sh_free(grown.users);
        sh_free(grown.last_ms);
        sh_free(grown.scores);
        return SH_ERR_MEMORY;
    }
    if (block->capacity > 0) {
        memcpy(grown.users, block->users, block->capacity * sizeof *grown.users);
        memcpy(grown.last_ms, block->last_ms, block->capacity * sizeof *grown.last_ms);
        memcpy(grown.scores, block->scores, block->capacity);
    }
    for (uint32_t i = block->capacity; i < capacity; i++) {
        grown.users[i] = rfm_nobody();
        grown.last_ms[i] = SH_RFM_NEVER;
    }
    sh_free(block->users);
    sh_free(block->last_ms);
    sh_free(block->scores);
    *block = grown;
    return SH_OK;
}

enum sh_status rfm_directory_reserve(struct sh_rfm *rfm, uint32_t block) {
    if (block < rfm->block_count) return SH_OK;
    if (sh_grow((void **)&rfm->blocks, &rfm->block_capacity, (uint64_t)block + 1, sizeof *rfm->blocks) != SH_OK)
        return SH_ERR_MEMORY;
    memset(rfm->blocks + rfm->block_count, 0, (block + 1 - rfm->block_count) * sizeof *rfm->blocks);
    rfm->block_count = block + 1;
    return SH_OK;
}

/* ---- Life ---- */

struct sh_rfm *sh_rfm_create(const struct sh_event_store *events) {
    struct sh_rfm *rfm = sh_alloc_zero(sizeof *rfm);
    if (rfm == NULL) return NULL;
    rfm->events = events;
    if (rfm_fields_init(rfm)) return rfm;
    sh_rfm_destroy(rfm);
    return NULL;
}

static void blocks_free(struct sh_rfm_block *blocks, uint32_t block_count) {
    for (uint32_t i = 0; i < block_count; i++) {
        sh_free(blocks[i].users);
        sh_free(blocks[i].last_ms);
        sh_free(blocks[i].scores);
    }
    sh_free(blocks);
}

void sh_rfm_destroy(struct sh_rfm *rfm) {
    if (rfm == NULL) return;
    rfm_pending_drop(rfm);
    blocks_free(rfm->blocks, rfm->block_count);
    rfm_fields_deinit(rfm);
    sh_free(rfm);
}

const struct sh_rfm_config *sh_rfm_config(const struct sh_rfm *rfm) {
    return rfm->is_on ? &rfm->config : NULL;
}

const struct sh_rfm_cuts *sh_rfm_cuts(const struct sh_rfm *rfm) {
    return &rfm->cuts;
}

int64_t sh_rfm_from_ms(const struct sh_rfm *rfm) {
    return rfm->from_ms;
}

const struct sh_derived *sh_rfm_derived(const struct sh_rfm *rfm) {
    return &rfm->derived;
}

size_t sh_rfm_memory_bytes(const struct sh_rfm *rfm) {
    size_t bytes = sizeof *rfm + rfm->block_capacity * sizeof *rfm->blocks;
    for (uint32_t i = 0; i < rfm->block_count; i++)
        bytes += (size_t)rfm->blocks[i].capacity *
                 (sizeof *rfm->blocks[i].users + sizeof *rfm->blocks[i].last_ms + sizeof *rfm->blocks[i].scores);
    return bytes;
}

/* ---- The plan ---- */

enum sh_status sh_rfm_configure(struct sh_rfm *rfm, const struct sh_rfm_config *config, int64_t now_ms,
                                struct sh_error *err) {
    enum sh_status status = sh_rfm_config_check(config, err);
    if (status != SH_OK) return status;
    if ((status = rfm_rebuild(rfm, config, rfm_horizon_from(config, now_ms), err)) != SH_OK) return status;
    rfm->is_on = true;
    rfm->measured_ms = INT64_MIN;
    rfm->cuts = (struct sh_rfm_cuts){.is_set = false};
    rfm_pending_drop(rfm);
    rfm_fields_update(rfm);
    return SH_OK;
}

/* ---- Events ---- */

static inline bool find_place(const struct sh_rfm *rfm, uint32_t slot, struct sh_rfm_block **block, uint32_t *place) {
    const uint32_t number = slot / SH_BLOCK_SLOTS;
    *place = slot % SH_BLOCK_SLOTS;
    if (number >= rfm->block_count || *place >= rfm->blocks[number].capacity) return false;
    *block = &rfm->blocks[number];
    return true;
}

void sh_rfm_prefetch(const struct sh_rfm *rfm, uint32_t slot) {
    struct sh_rfm_block *block;
    uint32_t place;
    if (!rfm->is_on || !find_place(rfm, slot, &block, &place)) return;
    __builtin_prefetch(&block->users[place], 1);
    __builtin_prefetch(&block->last_ms[place], 1);
    __builtin_prefetch(&block->scores[place], 1);
}

/* Is it the first event of its local day, ever and within the horizon? The event itself is in the history already. */
static void count_day(const struct sh_rfm *rfm, const struct sh_event *event, struct sh_rfm_user *user) {
    const struct sh_zone *zone = sh_event_store_zone(rfm->events);
    const int32_t day = sh_zone_day(zone, event->time_ms);
    uint32_t ever = 0;
    uint32_t inside = 0;
    struct sh_event_ref ref;
    bool more = sh_event_history_first(rfm->events, event->slot, &ref);
    for (; more; more = sh_event_history_next(rfm->events, &ref)) {
        if (ref.cell->day < day) break;
        if (ref.cell->day > day || sh_event_ref_type(ref) != event->type) continue;
        ever++;
        inside += sh_event_ref_time(ref) > rfm->from_ms;
    }
    user->count_ever += ever == 1;
    user->count += event->time_ms > rfm->from_ms && inside == 1;
}

enum sh_status sh_rfm_add(struct sh_rfm *rfm, const struct sh_event *event) {
    if (!rfm->is_on || event->type != rfm->config.event_type) return SH_OK;
    const uint32_t place = event->slot % SH_BLOCK_SLOTS;
    if (rfm_directory_reserve(rfm, event->slot / SH_BLOCK_SLOTS) != SH_OK) return SH_ERR_MEMORY;
    struct sh_rfm_block *block = &rfm->blocks[event->slot / SH_BLOCK_SLOTS];
    if (rfm_block_reserve(block, place) != SH_OK) return SH_ERR_MEMORY;
    struct sh_rfm_user *user = &block->users[place];
    const bool is_inside = event->time_ms > rfm->from_ms;
    const int64_t amount = event->has_amount ? event->amount : 0;
    if (rfm->config.per_day) {
        count_day(rfm, event, user);
    } else {
        user->count_ever++;
        user->count += is_inside;
    }
    rfm_take_time(user, event->time_ms);
    block->last_ms[place] = user->last_ms;
    user->amount_ever += amount;
    if (!is_inside) return SH_OK;
    user->amount += amount;
    block->scores[place] = rfm_scores_of(rfm, user->count, user->amount);
    return SH_OK;
}

void sh_rfm_forget(struct sh_rfm *rfm, uint32_t slot) {
    struct sh_rfm_block *block;
    uint32_t place;
    if (!find_place(rfm, slot, &block, &place)) return;
    block->users[place] = rfm_nobody();
    block->last_ms[place] = SH_RFM_NEVER;
    block->scores[place] = 0;
}

/* ---- One user at a time ---- */

/* The history, newest event first. */
static void walk(const struct sh_rfm *rfm, uint32_t slot, int64_t now_ms, struct sh_rfm_line *line) {
    struct sh_event_ref ref;
    int32_t day_ever = SH_RFM_DAY_NONE;
    int32_t day_counted = SH_RFM_DAY_NONE;
    bool more = sh_event_history_first(rfm->events, slot, &ref);
    *line = (struct sh_rfm_line){
        .first_ms = SH_RFM_NEVER, .last_ms = SH_RFM_NEVER, .previous_ms = SH_RFM_NEVER, .count = 0};
    for (; more; more = sh_event_history_next(rfm->events, &ref)) {
        const int64_t time_ms = sh_event_ref_time(ref);
        int64_t amount = 0;
        if (time_ms > now_ms || sh_event_ref_type(ref) != rfm->config.event_type) continue;
        (void)sh_event_ref_amount(ref, &amount);
        if (line->last_ms == SH_RFM_NEVER) line->last_ms = time_ms;
        if (line->previous_ms == SH_RFM_NEVER && time_ms < line->last_ms) line->previous_ms = time_ms;
        line->first_ms = time_ms;
        line->amount_ever += amount;
        line->count_ever += !rfm->config.per_day || ref.cell->day != day_ever;
        day_ever = ref.cell->day;
        if (time_ms <= rfm->from_ms) continue;
        line->amount += amount;
        line->count += !rfm->config.per_day || ref.cell->day != day_counted;
        day_counted = ref.cell->day;
    }
}

void sh_rfm_line(const struct sh_rfm *rfm, uint32_t slot, int64_t now_ms, struct sh_rfm_line *line) {
    struct sh_rfm_block *block;
    uint32_t place;
    *line = (struct sh_rfm_line){
        .first_ms = SH_RFM_NEVER, .last_ms = SH_RFM_NEVER, .previous_ms = SH_RFM_NEVER, .count = 0};
    if (!find_place(rfm, slot, &block, &place)) return;
    if (block->last_ms[place] > now_ms) {
        walk(rfm, slot, now_ms, line);
        return;
    }
    const struct sh_rfm_user *user = &block->users[place];
    *line = (struct sh_rfm_line){.first_ms = user->first_ms,
                                 .last_ms = block->last_ms[place],
                                 .previous_ms = user->previous_ms,
                                 .count = user->count,
                                 .count_ever = user->count_ever,
                                 .amount = user->amount,
                                 .amount_ever = user->amount_ever};
}

void sh_rfm_recount(struct sh_rfm *rfm, uint32_t slot) {
    struct sh_rfm_block *block;
    struct sh_rfm_line line;
    uint32_t place;
    if (!rfm->is_on || !find_place(rfm, slot, &block, &place)) return;
    walk(rfm, slot, INT64_MAX, &line);
    struct sh_rfm_user *user = &block->users[place];
    user->first_ms = line.first_ms;
    user->previous_ms = line.previous_ms;
    user->last_ms = line.last_ms;
    user->count = line.count;
    user->count_ever = line.count_ever;
    user->amount = line.amount;
    user->amount_ever = line.amount_ever;
    block->last_ms[place] = line.last_ms;
    block->scores[place] = rfm_scores_of(rfm, user->count, user->amount);
}

static bool check_user(const struct sh_rfm *rfm, uint32_t slot) {
    struct sh_rfm_line kept;
    struct sh_rfm_line walked;
    sh_rfm_line(rfm, slot, INT64_MAX, &kept);
    walk(rfm, slot, INT64_MAX, &walked);
    if (kept.first_ms != walked.first_ms || kept.last_ms != walked.last_ms) return false;
    if (kept.previous_ms != walked.previous_ms || kept.count != walked.count) return false;
    if (kept.count_ever != walked.count_ever || kept.amount != walked.amount) return false;
    return kept.amount_ever == walked.amount_ever;
}

bool sh_rfm_check(const struct sh_rfm *rfm, const char **reason) {
    if (!rfm->is_on) return true;
    *reason = "rfm counts fewer blocks of users than have events";
    const struct sh_event_type *type = sh_event_type(rfm->events, rfm->config.event_type);
    uint64_t event_count = 0;
    for (uint32_t b = 0; b < rfm->block_count; b++) {
        const struct sh_rfm_block *block = &rfm->blocks[b];
        for (uint32_t i = 0; i < block->capacity; i++) {
            *reason = "a user's line of rfm is not what the history says";
            if (!check_user(rfm, b * SH_BLOCK_SLOTS + i)) return false;
            *reason = "a user's scores are not those of the cut points";
            if (block->scores[i] != rfm_scores_of(rfm, block->users[i].count, block->users[i].amount)) return false;
            event_count += block->users[i].count_ever;
        }
    }
    *reason = "rfm has not counted all events";
    return rfm->config.per_day || event_count == type->totals.count;
}
