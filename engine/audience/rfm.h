/* rfm.h -- recency, frequency, money; stage of life; lifetime value: numbers about users that stay current.
 *
 *   event of the plan's type ---> the user's line (64 bytes): first, latest and previous time,
 *                                 events and money within the horizon, and ever
 *                                    |            |
 *        cut points (a refresh) -->  F, M scores  |   now --> R score, stage, next purchase
 *                                    '------------+------------'
 *                                                 v
 *             rfm.r  rfm.f  rfm.m  rfm.score  rfm.segment  rfm.name     lifecycle
 *             value.amount  value.count  value.average  value.first  value.last  value.interval  value.next
 *
 * SEMANTICS
 *
 * Plan. One a workspace: an event type, a horizon of so many days, 3 to 5 scores each for R, F and M. Only events of
 * the type count, and of them none after `now`.
 *
 * Horizon. (from, now]. `from` is fixed by a refresh at its own now - days * 86,400,000 ms, and by the plan itself when
 * it is put; between two refreshes events come in at the near end and none leave at the far end. Horizon 0 is all time.
 *   R  whole elapsed 24 h since the latest event, as days_since
 *   F  events in the horizon (per day: the local days that have one)
 *   M  the sum of their amounts; an event without an amount adds nothing
 * A user is scored if an event lies in the horizon and a refresh has been made. Others have no rfm value: it is
 * missing.
 *
 * Scores go from 1 to k, and k is best. A user's score is 1 + the number of cut points that the value reaches; R
 * reaches a cut of so many days with as many or fewer, F and M with as much or more. So equal values have equal scores,
 * and a value that nobody had before has the score its place gives it. Cut points are given, or made by a refresh from
 * all scored users: cut s, for s = 1 .. k - 1, is the least value that is better than that of at least s / k of the
 * users. This is to say: score = 1 + floor(k * (users who are worse) / users), or in SQL 1 + (rank() over (order by
 * value) - 1) * k / count(*) over (). NTILE is another thing: it deals equal values into several groups.
 *
 * Cut points change only at a refresh. F and M scores follow each event; R is judged at the request's now.
 *
 * Cells. A score is high if it reaches the split: one that was given, or the mean score of all scored users at the
 * refresh. R, F and M, each high or low, are the eight cells:
 *   R high  F high  M high  重要价值      M low   一般价值
 *   R high  F low   M high  重要发展      M low   一般发展
 *   R low   F high  M high  重要保持      M low   一般保持
 *   R low   F low   M high  重要挽留      M low   一般挽留
 * rfm.name is one of eleven, by R and the mean of F and M (halves up), both stretched to 1 .. 5:
 *              FM 1            2                   3                   4          5
 *   R 5   New Customers   Potential Loyalists Potential Loyalists  Champions  Champions
 *     4   Promising       Potential Loyalists Potential Loyalists  Loyal      Loyal
 *     3   About To Sleep  About To Sleep      Need Attention       Loyal      Loyal
 *     2   Hibernating     Hibernating         At Risk              At Risk    Cannot Lose Them
 *     1   Lost            Hibernating         At Risk              At Risk    Cannot Lose Them
 * rfm.score is R, F and M as the digits of one number: 545.
 *
 * Lifecycle, by the time since the latest event and the gap before it, whatever the horizon. Gaps are in days:
 *   at most `active`    new if the first event is no older either; won back if the gap between the latest event and the
 *                       one before it (at an earlier time) was longer than `cooling`; else active
 *   at most `cooling`   cooling          at most `dormant`   dormant          longer   lost
 *
 * Value: count and amount ever; average = amount / count, half even at the amount's scale; interval = (last - first) /
 * (count - 1) in days, one digit; next = last + that interval, whole ms. Interval and next are missing below two.
 *
 * Now before the latest event of a user (a question about the past): the user's history is walked instead, so the
 * answer is as exact, and slower. Cut points and `from` are today's, as attributes are.
 *
 * Events that are kept for some days only (keep_days) count while they are there, for "ever" and "all time" too: who
 * wants lifetime value keeps the events it is made of.
 *
 * Several shards. Each counts its own users' values (rfm_spread.h), the counts of all are added up, and every shard
 * makes the same cut points of the sum.
 *
 * Cost: one line and two bytes' worth of arrays an event, asked for ahead (sh_rfm_prefetch); a condition about 1 ns a
 * user; a refresh reads the events that leave the horizon and a line a user, a new plan every event of the type. Memory: 73 bytes a user slot below the highest one that has an
 * event, in blocks that double.
 * Rules (sh_rfm_check): every line says what a walk over the user's history says.
 * Threads: one shard.
 */
#ifndef SH_RFM_H
#define SH_RFM_H

#include "archive.h"
#include "bounds.h"
#include "event_store.h"
#include "query_derived.h"
#include "rfm_spread.h"

enum {
    SH_RFM_SCORE_MIN = 3,
    SH_RFM_SCORE_MAX = 5,
    SH_RFM_CUT_MAX = SH_RFM_SCORE_MAX - 1,
    SH_RFM_DAYS_MAX = 36500,
    SH_RFM_CODE_COUNT = 1 + SH_RFM_SCORE_MAX * SH_RFM_SCORE_MAX * SH_RFM_SCORE_MAX,
    SH_RFM_CELL_COUNT = 8,
    SH_RFM_NAME_COUNT = 11,
    SH_RFM_STAGE_COUNT = 6,
    SH_RFM_PENDING_MAX = 4, /* refreshes that wait for the other shards: clients that refresh at the same moment */
};
enum sh_rfm_axis { SH_RFM_R, SH_RFM_F, SH_RFM_M, SH_RFM_AXIS_COUNT };

struct sh_rfm_config {
    uint32_t event_type;
    uint32_t days; /* the horizon; 0: all time */
    bool per_day;  /* count counts local days */
    uint32_t scores[SH_RFM_AXIS_COUNT];
    bool is_fixed[SH_RFM_AXIS_COUNT];                 /* cuts are given */
    int64_t fixed[SH_RFM_AXIS_COUNT][SH_RFM_CUT_MAX]; /* in order of rising score */
    uint32_t split[SH_RFM_AXIS_COUNT];                /* 0: the mean */
    uint32_t active_days, cooling_days, dormant_days; /* ascending */
};

/* What a refresh decided. */
struct sh_rfm_cuts {
    bool is_set;
    int64_t now_ms;
    uint64_t id; /* of the request */
    uint64_t user_count;
    int64_t cuts[SH_RFM_AXIS_COUNT][SH_RFM_CUT_MAX];
    uint64_t score_sums[SH_RFM_AXIS_COUNT];
    uint32_t high[SH_RFM_AXIS_COUNT]; /* the lowest score that is high */
};

struct sh_rfm;

/* NULL if memory is out. Without a plan nothing is kept and nothing is derived. */
struct sh_rfm *sh_rfm_create(const struct sh_event_store *events);
void sh_rfm_destroy(struct sh_rfm *rfm); /* NULL is fine */
/* SH_ERR_ARGUMENT says what of it cannot be. */
SH_MUST_CHECK enum sh_status sh_rfm_config_check(const struct sh_rfm_config *config, struct sh_error *err);
/* Take a plan, counting everything anew; scores are gone until a refresh. On SH_ERR_MEMORY the old plan stays. */
SH_MUST_CHECK enum sh_status sh_rfm_configure(struct sh_rfm *rfm, const struct sh_rfm_config *config, int64_t now_ms,
                                              struct sh_error *err);
const struct sh_rfm_config *sh_rfm_config(const struct sh_rfm *rfm); /* NULL: there is no plan */
const struct sh_rfm_cuts *sh_rfm_cuts(const struct sh_rfm *rfm);
int64_t sh_rfm_from_ms(const struct sh_rfm *rfm);
/* What expressions, orders and fields read: the same pointer for the life of rfm. */
const struct sh_derived *sh_rfm_derived(const struct sh_rfm *rfm);

/* ---- Events ---- */

/* An event that has just been stored. */
SH_MUST_CHECK enum sh_status sh_rfm_add(struct sh_rfm *rfm, const struct sh_event *event);
void sh_rfm_prefetch(const struct sh_rfm *rfm, uint32_t slot);
/* All events of the slot are gone. */
void sh_rfm_forget(struct sh_rfm *rfm, uint32_t slot);
/* Some events of the slot were swept: its line is made anew of those that are left. */
void sh_rfm_recount(struct sh_rfm *rfm, uint32_t slot);

/* ---- Refresh ---- */

/* Move the horizon to end at now_ms, and count how often each value occurs. SH_ERR_CONFLICT if a refresh
 * with a later now was begun. The spread is the caller's to deinit, also after a failure. */
SH_MUST_CHECK enum sh_status sh_rfm_measure(struct sh_rfm *rfm, int64_t now_ms, struct sh_rfm_spread *spread,
                                            struct sh_error *err);
/* One shard's counts of the refresh `id`. With those of all shard_count shards the cut points change, unless a later
 * refresh has changed them already; in any order of shards and refreshes the last one remains. */
SH_MUST_CHECK enum sh_status sh_rfm_learn(struct sh_rfm *rfm, uint64_t id, int64_t now_ms,
                                          const struct sh_rfm_spread *spread, uint32_t shard_count,
                                          struct sh_error *err);
/* The cut points of a spread under a plan: what every shard decides alike. */
void sh_rfm_decide(const struct sh_rfm_config *config, const struct sh_rfm_spread *spread, struct sh_rfm_cuts *cuts);

/* ---- Reading ---- */

/* Scores as one byte: 0 none, else 1 + 25 (r - 1) + 5 (f - 1) + (m - 1). */
static inline uint32_t sh_rfm_code_score(uint32_t code, enum sh_rfm_axis axis) {
    const uint32_t place = code - 1;
    return 1 + (axis == SH_RFM_R ? place / 25 : axis == SH_RFM_F ? place / 5 % 5 : place % 5);
}
/* Bit 2 M high, bit 1 R high, bit 0 F high: the order of sh_rfm_cells, the best last. */
uint32_t sh_rfm_code_cell(const struct sh_rfm *rfm, uint32_t code);
/* By place in sh_rfm_names. */
uint32_t sh_rfm_code_name(const struct sh_rfm *rfm, uint32_t code);
extern const char *const sh_rfm_cells[SH_RFM_CELL_COUNT]; /* by bits */
extern const char *const sh_rfm_names[SH_RFM_NAME_COUNT]; /* the best last */
extern const char *const sh_rfm_stages[SH_RFM_STAGE_COUNT];
uint8_t sh_rfm_code(const struct sh_rfm *rfm, uint32_t slot, int64_t now_ms);

/* What is kept of a user, as it is at now_ms. */
struct sh_rfm_line {
    int64_t first_ms; /* SH_RFM_NEVER if count_ever is 0 */
    int64_t last_ms;
    int64_t previous_ms; /* the latest time before last_ms */
    uint32_t count;      /* in the horizon */
    uint32_t count_ever;
    __int128 amount;
    __int128 amount_ever;
};
#define SH_RFM_NEVER INT64_MIN
void sh_rfm_line(const struct sh_rfm *rfm, uint32_t slot, int64_t now_ms, struct sh_rfm_line *line);
/* By place in sh_rfm_stages; -1: no event. */
int32_t sh_rfm_stage(const struct sh_rfm *rfm, const struct sh_rfm_line *line, int64_t now_ms);

/* ---- Saving ---- */

/* Write the plan, the cut points and the refreshes under way as the section "rfm". Allocates nothing. */
void sh_rfm_save(const struct sh_rfm *rfm, struct sh_archive_writer *writer);
/* As it was saved, over the events as they were then, from which the lines of users are counted. Any bytes. On a
 * failure *rfm is NULL, and the reader says why. */
SH_MUST_CHECK enum sh_status sh_rfm_load(const struct sh_event_store *events, struct sh_archive_reader *reader,
                                         struct sh_rfm **rfm);

size_t sh_rfm_memory_bytes(const struct sh_rfm *rfm);
bool sh_rfm_check(const struct sh_rfm *rfm, const char **reason);

#endif
