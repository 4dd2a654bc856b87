/* rfm_private.h -- what the files of RFM share.
 *
 *   rfm.c          lines of users: events in, walks into the past
 *   rfm_recount.c  lines of all users: counting anew, moving the horizon
 *   rfm_refresh.c  from lines to values, from values to cut points, over shards; F and M scores
 *   rfm_fields.c   what expressions, orders and fields read
 *   rfm_archive.c  into a snapshot and back
 *   rfm_spread.c   how often each value occurs
 *
 *   block of 65,536 slots, as many of them as there are users with events, doubled
 *     lines      64 bytes a user: one cache line an event
 *     last_ms     8 bytes: the latest event once more, for R, read in a row by every condition
 *     scores      1 byte:  0 not scored, else 1 + 5 (f - 1) + (m - 1)
 */
#ifndef SH_RFM_PRIVATE_H
#define SH_RFM_PRIVATE_H

#include "rfm.h"

enum {
    SH_RFM_SLOTS_MIN = 1024, /* of a block's first memory */
    SH_RFM_FIELD_COUNT = 14,
};

struct sh_rfm_user {
    __int128 amount;
    __int128 amount_ever;
    int64_t first_ms;
    int64_t previous_ms;
    int64_t last_ms;
    uint32_t count;
    uint32_t count_ever;
};
_Static_assert(sizeof(struct sh_rfm_user) == 64, "one cache line an event");

struct sh_rfm_block {
    uint32_t capacity; /* slots, a power of two up to SH_BLOCK_SLOTS; 0: nobody */
    struct sh_rfm_user *users;
    int64_t *last_ms;
    uint8_t *scores;
};

struct sh_rfm_pending {
    uint64_t id;
    int64_t now_ms;
    uint32_t shard_count; /* that have told; 0: free */
    struct sh_rfm_spread spread;
};

struct sh_rfm {
    const struct sh_event_store *events;
    bool is_on;
    struct sh_rfm_config config;
    struct sh_rfm_cuts cuts;
    int64_t from_ms;
    int64_t measured_ms; /* now of the latest refresh begun */
    struct sh_rfm_block *blocks;
    uint32_t block_count;
    uint32_t block_capacity;
    struct sh_rfm_pending pending[SH_RFM_PENDING_MAX];
    struct sh_derived derived;
    struct sh_derived_field fields[SH_RFM_FIELD_COUNT];
    struct sh_dictionary cell_labels, name_labels, stage_labels;
    int64_t code_values[6][SH_RFM_CODE_COUNT]; /* r, f, m, score, segment, name of each code */
};

#define SH_RFM_DAY_NONE INT32_MIN

/* rfm.c */
/* A line for that place of the block; places for blocks. On SH_ERR_MEMORY nothing changed. */
SH_MUST_CHECK enum sh_status rfm_block_reserve(struct sh_rfm_block *block, uint32_t place);
SH_MUST_CHECK enum sh_status rfm_directory_reserve(struct sh_rfm *rfm, uint32_t block);
static inline struct sh_rfm_user rfm_nobody(void) {
    return (struct sh_rfm_user){.first_ms = SH_RFM_NEVER, .previous_ms = SH_RFM_NEVER, .last_ms = SH_RFM_NEVER};
}
/* An event in any order of time. */
static inline void rfm_take_time(struct sh_rfm_user *user, int64_t time_ms) {
    if (time_ms > user->last_ms) {
        user->previous_ms = user->last_ms;
        user->last_ms = time_ms;
        user->first_ms = user->first_ms == SH_RFM_NEVER ? time_ms : user->first_ms; /* no branch: it is hard to guess */
        return;
    }
    if (time_ms < user->last_ms && time_ms > user->previous_ms) user->previous_ms = time_ms;
    if (time_ms < user->first_ms) user->first_ms = time_ms;
}
/* rfm_recount.c */
static inline int64_t rfm_horizon_from(const struct sh_rfm_config *config, int64_t now_ms) {
    return config->days == 0 ? INT64_MIN : now_ms - config->days * SH_DAY_MS;
}
/* Everything counted anew, by a plan and a horizon; on a failure all is as it was. Scores are all 0. */
SH_MUST_CHECK enum sh_status rfm_rebuild(struct sh_rfm *rfm, const struct sh_rfm_config *config, int64_t from_ms,
                                         struct sh_error *err);
/* Another horizon for the same plan: by the events that enter it or leave it. Scores are by the cut points there are. */
SH_MUST_CHECK enum sh_status rfm_move_horizon(struct sh_rfm *rfm, int64_t from_ms, struct sh_error *err);
/* The F and M part of a code. */
static inline uint8_t rfm_scores_of(const struct sh_rfm *rfm, uint32_t count, __int128 amount) {
    const struct sh_rfm_config *config = &rfm->config;
    if (count == 0 || !rfm->cuts.is_set) return 0;
    const int64_t *cuts_f = rfm->cuts.cuts[SH_RFM_F];
    const int64_t *cuts_m = rfm->cuts.cuts[SH_RFM_M];
    uint32_t f = 0;
    uint32_t m = 0;
    for (uint32_t i = 0; i + 1 < config->scores[SH_RFM_F]; i++)
        f += (int64_t)count >= cuts_f[i];
    for (uint32_t i = 0; i + 1 < config->scores[SH_RFM_M]; i++)
        m += amount >= cuts_m[i];
    return (uint8_t)(1 + SH_RFM_SCORE_MAX * f + m);
}
/* rfm_refresh.c */
/* All users' scores by the cut points there are. */
void rfm_score_all(struct sh_rfm *rfm);
void rfm_pending_drop(struct sh_rfm *rfm);
/* rfm_fields.c */
bool rfm_fields_init(struct sh_rfm *rfm);
void rfm_fields_deinit(struct sh_rfm *rfm);
/* After the plan or the cut points changed. */
void rfm_fields_update(struct sh_rfm *rfm);

#endif
