/* part_answer.h -- answers that are put together from parts, the same way for one shard and for many.
 *
 *   shard 0: counts --pack--> part --.
 *   shard 1: counts --pack--> part --+-- merge --> answer     the server's loop, through sh_request_merge
 *   shard 2: counts --pack--> part --'
 *
 *   the only shard: counts --pack--> part -- merge --> answer      here, so that both ways are one
 *
 * A part is a map of at most 15 pairs whose head counts one more, as every body's; its integers and texts mean the same
 * in every shard (never codes or slots). The merged answer's map likewise counts took_us.
 */
#ifndef SH_PART_ANSWER_H
#define SH_PART_ANSWER_H

#include "answer_map.h"
#include "job.h"

struct sh_part_form {
    /* Behind what the buffer holds. */
    enum sh_status (*pack)(struct sh_job *job, struct sh_buffer *part, struct sh_error *err);
    /* maps[i] is the part of a shard; request->params are known to be right. */
    enum sh_status (*merge)(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                            struct sh_buffer *merged, struct sh_error *err);
};

/* Pack job->answer: the part, or the answer if there is only this shard. */
SH_MUST_CHECK enum sh_status sh_part_answer(struct sh_job *job, const struct sh_part_form *form, struct sh_error *err);

/* The one of a method, for sh_request_merge; NULL if its answers are not of this kind. */
const struct sh_part_form *sh_part_form_of(const struct sh_method *method);

extern const struct sh_part_form sh_overlap_form; /* methods_overlap.c */
extern const struct sh_part_form sh_insight_form; /* methods_insight.c */
extern const struct sh_part_form sh_rfm_form;     /* methods_rfm.c */

extern const struct sh_part_form sh_funnel_form;    /* methods_funnel.c */
extern const struct sh_part_form sh_waterfall_form; /* methods_waterfall.c */
extern const struct sh_part_form sh_retention_form; /* methods_retention.c */
extern const struct sh_part_form sh_lookalike_form; /* methods_lookalike.c */

extern const struct sh_part_form sh_event_list_form; /* methods_event_list.c */

extern const struct sh_part_form sh_receipt_form;    /* methods_person.c */
extern const struct sh_part_form sh_feed_batch_form; /* methods_feed_batch.c */
extern const struct sh_part_form sh_feed_users_form; /* methods_feed_users.c */

/* The pairs of sh_job_pack_held, added up over all parts; how many there are. */
uint32_t sh_part_held_count(const struct sh_answer_map *maps);
void sh_part_merge_held(const struct sh_answer_map *maps, uint32_t part_count, msgpack_packer *packer);

/* ---- What several methods read ---- */

/* job->plan: the audience that a question is about, all users if it is absent. */
SH_MUST_CHECK enum sh_status sh_plan_among(struct sh_job *job, const struct sh_param *among, struct sh_error *err);

/* An expression that stands under the cursor, planned. */
SH_MUST_CHECK enum sh_status sh_plan_cursor(struct sh_cursor *cursor, const struct sh_query_scope *scope,
                                            struct sh_arena *arena, struct sh_node **tree, struct sh_plan **plan,
                                            struct sh_error *err);
/* Say in which of several places the fault is: "`sets`, number 2: there is no ...". Returns err's status. */
enum sh_status sh_fail_in(struct sh_error *err, enum sh_status status, const char *name, uint32_t number);

#endif
