/* score.h -- scoring plans: one number a user, from points for conditions and weights on values.
 *
 *   score.engagement, digits 1
 *
 *     when  did(view, last 7 days)             points 5          user u7:   5
 *     when  tier >= 'gold'                     points 20                    0    silver
 *     value count(purchase, last 90 days)      weight 10  cap 30           30    4 purchases, 40 cut to 30
 *     value sum(purchase.amount) / 100         weight 0.5                   6.2  1,234.56: 6.1728 rounded
 *                                                                   total  41.2
 *
 * A plan is a derived field of users (query_derived.h) named score.<name>: a number in expressions, in orders, among
 * fields. It is worked out when it is read, as of the reader's now, so it is never stale and nothing is kept a user.
 *
 * THE RULE. points are added where the condition holds. A value is a calculation; times its weight it is a fraction,
 * exact, which is rounded to the plan's digits (halves to even) and then kept within -cap .. cap. A value that is
 * missing adds 0, and one that leaves 128 bits is an error, as in any calculation. The sum is exact; a user whose sum
 * does not fit 63 bits in units of 10^-digits has no score, and every other user has one.
 *
 * Conditions and values may name segments and other scores, and segments may name scores. What would use itself, by
 * whatever way, is refused with the path, and what is used cannot be removed.
 *
 * HOW. Each (plan, now) is prepared once: its parts as plans in an arena of its own, good until a schema, a text, a
 * segment or a plan changes. A reader who takes a span gets it from the whole block, all parts of which are evaluated
 * together and kept until the next write; a reader of single users gets them one by one, and the block from some
 * hundred on. Reading cannot answer an error, so the first fault is kept and told at the end of the request
 * (sh_scores_take_fault).
 *
 * Cost: a block costs what its parts cost as expressions; 65,536 values of a weight about a millisecond more. Memory:
 * SH_SCORE_PREPARED_COUNT_MAX prepared plans, each 1 MiB of sums once a block of it was read.
 */
#ifndef SH_SCORE_H
#define SH_SCORE_H

#include "archive.h"
#include "query.h"

enum {
    SH_SCORE_WEIGHT_SCALE = 9, /* digits behind the point of a weight */
    SH_SCORE_DIGITS_MAX = 6,
};

struct sh_score_part {
    struct sh_text text; /* canonical: an expression, or of a weight a calculation */
    bool is_weight;
    int64_t amount; /* points in units of 10^-digits; a weight in 10^-9 */
    bool has_cap;
    int64_t cap; /* in units of 10^-digits, not below 0 */
};
struct sh_score {
    struct sh_text field; /* score.engagement */
    struct sh_text name;  /* engagement; part of it */
    struct sh_text note;
    uint32_t digits;
    int64_t changed_ms;
    struct sh_score_part *parts; /* points, then weights, each as they were put */
    uint32_t part_count;
};

/* Whose scores they are. All of it outlives the scores. */
struct sh_scores_source {
    void *owner;
    void (*scope)(void *owner, int64_t now_ms, struct sh_query_scope *scope); /* of an expression over users */
    const uint64_t *segment_version;                                          /* rises when a segment changes */
    const uint64_t *write_version;                                            /* rises with every write */
    const struct sh_derived *base; /* derived fields beside the scores, which come first */
};

struct sh_scores;
/* NULL if memory is out. */
struct sh_scores *sh_scores_create(const struct sh_scores_source *source);
void sh_scores_destroy(struct sh_scores *scores); /* NULL is fine */

/* The base's fields and the scores. The pointer stays; fields move when a score is put or removed, or the base changes
 * and sh_scores_relist is told: nobody may hold numbers of fields then. */
const struct sh_derived *sh_scores_derived(const struct sh_scores *scores);
void sh_scores_relist(struct sh_scores *scores);

uint32_t sh_scores_count(const struct sh_scores *scores);
/* In ascending order of names. */
const struct sh_score *sh_scores_at(const struct sh_scores *scores, uint32_t place);
/* By the name without "score."; NULL if there is none. */
const struct sh_score *sh_scores_find(const struct sh_scores *scores, struct sh_text name);
enum sh_status sh_scores_fail_unknown(const struct sh_scores *scores, struct sh_text name, struct sh_error *err);

/* Make it or replace it; *changed is false if nothing differs. parts have their texts as written. Faults of a part tell
 * which it is. SH_ERR_CONFLICT: it would use itself; the path is told. On a failure all is as it was. */
SH_MUST_CHECK enum sh_status sh_scores_put(struct sh_scores *scores, const struct sh_score *put,
                                           const struct sh_query_scope *scope, struct sh_arena *arena, bool *changed,
                                           struct sh_error *err);
/* *removed is false if there was none. SH_ERR_CONFLICT: another score uses it. Segments that use it are the caller's to
 * ask, with sh_score_is_used. */
SH_MUST_CHECK enum sh_status sh_scores_remove(struct sh_scores *scores, struct sh_text name, struct sh_arena *arena,
                                              bool *removed, struct sh_error *err);
/* Do all fit this scope? SH_ERR_CONFLICT names the first that does not, and why. */
SH_MUST_CHECK enum sh_status sh_scores_fit(const struct sh_scores *scores, const struct sh_query_scope *scope,
                                           struct sh_arena *arena, struct sh_error *err);

/* Does the expression, which is not bound, name this score? */
bool sh_score_is_used(const struct sh_node *tree, struct sh_text field);
/* A score that names this segment; NULL: none. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_scores_find_user(const struct sh_scores *scores, struct sh_text segment,
                                                 struct sh_arena *arena, const struct sh_score **user,
                                                 struct sh_error *err);
/* The segment `name` is about to mean `tree`. SH_ERR_CONFLICT: it would use itself by way of a score. */
SH_MUST_CHECK enum sh_status sh_scores_check_segment(const struct sh_scores *scores, struct sh_text name,
                                                     const struct sh_node *tree, const struct sh_query_scope *scope,
                                                     struct sh_arena *arena, struct sh_error *err);

/* What went wrong while scores were read, once; SH_OK: nothing. */
enum sh_status sh_scores_take_fault(struct sh_scores *scores, struct sh_error *err);
/* As a section of an archive; into scores without any. What fails is the reader's. */
void sh_scores_save(const struct sh_scores *scores, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status sh_scores_load(struct sh_scores *scores, struct sh_archive_reader *reader);

/* Give back what is prepared; nothing is being read. */
void sh_scores_rest(struct sh_scores *scores);

#endif
