/* shard_private.h -- what the files of the shard share.
 *
 *   sh_shard_start --> method's handler(call) --> answer, at once
 *                                             '-> job: an evaluation that goes on in steps
 *
 * A handler writes its answer behind what the body holds already; on a failure the door takes that back. Handlers of
 * writing methods finish at once, so a job only ever reads.
 *
 * Readers and forgotten slots. Jobs and open cursors remember slots across requests. A cursor notes the workspace's
 * `sequence` when it is made; forgetting a user raises the sequence and stamps the slot with it; a slot is given out
 * again only when no cursor is older than its stamp, and no job is under way.
 */
#ifndef SH_SHARD_PRIVATE_H
#define SH_SHARD_PRIVATE_H

#include "aliases.h"
#include "audience.h"
#include "catalogue.h"
#include "contact.h"
#include "feed.h"
#include "hierarchies.h"
#include "privacy.h"
#include "receipts.h"
#include "referral.h"
#include "repeats.h"
#include "request_params.h"
#include "rfm.h"
#include "row_fields.h"
#include "rules.h"
#include "scenes.h"
#include "score.h"
#include "shard.h"

/* Ascending by (length, name): see method_table.c. */
enum {
    SH_METHOD_PING,
    SH_METHOD_HELLO,
    SH_METHOD_STATS,
    SH_METHOD_RFM_GET,
    SH_METHOD_RFM_PUT,
    SH_METHOD_FEED_GET,
    SH_METHOD_ITEM_GET,
    SH_METHOD_ITEM_PUT,
    SH_METHOD_RULE_GET,
    SH_METHOD_RULE_PUT,
    SH_METHOD_SNAPSHOT,
    SH_METHOD_TREE_GET,
    SH_METHOD_TREE_PUT,
    SH_METHOD_USER_GET,
    SH_METHOD_USER_PUT,
    SH_METHOD_ITEM_LIST,
    SH_METHOD_MODEL_PUT,
    SH_METHOD_RULE_LIST,
    SH_METHOD_SCENE_GET,
    SH_METHOD_SCENE_PUT,
    SH_METHOD_SCORE_GET,
    SH_METHOD_SCORE_PUT,
    SH_METHOD_TREE_LIST,
    SH_METHOD_EVENT_LIST,
    SH_METHOD_FEED_BATCH,
    SH_METHOD_MODEL_LIST,
    SH_METHOD_SCENE_LIST,
    SH_METHOD_SCHEMA_GET,
    SH_METHOD_SCHEMA_PUT,
    SH_METHOD_SCORE_LIST,
    SH_METHOD_TOKEN_LIST,
    SH_METHOD_USER_MERGE,
    SH_METHOD_EVENT_SWEEP,
    SH_METHOD_FEED_SERVED,
    SH_METHOD_ITEM_REMOVE,
    SH_METHOD_MODEL_TRAIN,
    SH_METHOD_RFM_REFRESH,
    SH_METHOD_RULE_REMOVE,
    SH_METHOD_SEGMENT_GET,
    SH_METHOD_SEGMENT_PUT,
    SH_METHOD_SHARD_LEARN,
    SH_METHOD_TREE_REMOVE,
    SH_METHOD_USER_EXPORT,
    SH_METHOD_USER_FORGET,
    SH_METHOD_AUDIENCE_ASK,
    SH_METHOD_AUDIENCE_RFM,
    SH_METHOD_AUDIENCE_WHY,
    SH_METHOD_EVENT_APPEND,
    SH_METHOD_FEED_EXPLAIN,
    SH_METHOD_FEED_SIMILAR,
    SH_METHOD_MODEL_REMOVE,
    SH_METHOD_REFERRAL_GET,
    SH_METHOD_REFERRAL_PUT,
    SH_METHOD_SCENE_REMOVE,
    SH_METHOD_SCORE_REMOVE,
    SH_METHOD_SEGMENT_LIST,
    SH_METHOD_TOKEN_CREATE,
    SH_METHOD_TOKEN_REVOKE,
    SH_METHOD_TOKEN_ROTATE,
    SH_METHOD_USER_RECEIPT,
    SH_METHOD_AUDIENCE_LIST,
    SH_METHOD_FEED_LEARNING,
    SH_METHOD_FEED_TRENDING,
    SH_METHOD_MODEL_LIKINGS,
    SH_METHOD_AUDIENCE_CLOSE,
    SH_METHOD_AUDIENCE_COUNT,
    SH_METHOD_CLIENT_NUMBERS,
    SH_METHOD_SEGMENT_REMOVE,
    SH_METHOD_AUDIENCE_EXPORT,
    SH_METHOD_AUDIENCE_FUNNEL,
    SH_METHOD_AUDIENCE_SAMPLE,
    SH_METHOD_SEGMENT_OF_USER,
    SH_METHOD_AUDIENCE_EXPLAIN,
    SH_METHOD_AUDIENCE_INSIGHT,
    SH_METHOD_AUDIENCE_OVERLAP,
    SH_METHOD_FEED_ALSO_BOUGHT,
    SH_METHOD_FEED_IMPRESSIONS,
    SH_METHOD_REFERRAL_REFRESH,
    SH_METHOD_AUDIENCE_LOOKALIKE,
    SH_METHOD_AUDIENCE_RETENTION,
    SH_METHOD_AUDIENCE_WATERFALL,
    SH_METHOD_FEED_USERS_FOR_ITEM,
    SH_METHOD_COUNT
};

/* ---- State ---- */

struct sh_held_id {
    char bytes[SH_ID_BYTES_MAX];
    uint8_t count;
};

struct sh_workspace {
    char name[SH_NAME_BYTES_MAX];
    uint32_t name_count;
    struct sh_zone *zone;
    struct sh_table *users;
    struct sh_table *items;
    struct sh_bitmap listed; /* items that may be shown */
    struct sh_event_store *events;
    struct sh_kept *kept; /* of windows asked for again and again; in no snapshot */
    struct sh_feed_model *feed;
    struct sh_rfm *rfm;
    struct sh_referral *referral;
    struct sh_scores *scores; /* and, with them, all that is derived of users */
    char *eligible;           /* the feed's expression over items, canonical; NULL: every listed item */
    uint32_t eligible_count;
    struct sh_catalogue segments;
    struct sh_rules rules;
    struct sh_hierarchies trees;
    struct sh_privacy privacy;
    struct sh_contact contact;
    struct sh_receipts receipts; /* of the forgotten */
    bool hides_personal;         /* of the question that is being read */
    struct sh_scenes scenes;     /* what the merchant rules, by where a feed is shown */
    struct sh_aliases aliases;   /* other names of users, of all shards */
    struct sh_held_id *held;     /* users of this shard that are being merged */
    uint32_t held_count;
    struct sh_shard_options options; /* of the shard that it belongs to */
    int64_t clock_ms;                /* the latest time that a request told; tags have ended by it */
    uint64_t sequence;               /* raised by each user forgotten */
    uint64_t write_version;          /* raised by each write: what was counted at the same one still holds */
    uint64_t rules_version;          /* raised by each write that is not about people alone; in no snapshot */
    struct sh_job *jobs;             /* unfinished */
};

/* A frozen audience that pages walk. */
struct sh_open_cursor {
    uint64_t id; /* of the request that froze it */
    struct sh_workspace *workspace;
    struct sh_frozen frozen;
    struct sh_row_fields fields;
    struct sh_row_field *field_memory;
    size_t field_bytes;
    bool has_fields;
    struct sh_contact_gate gate;
    bool is_maybe_done; /* all of it was on the first page, if the siblings' people did not come before them */
    uint64_t sequence;  /* the workspace's when it was frozen */
    int64_t used_ms;    /* when it was last read */
};

struct sh_shard {
    struct sh_shard_options options;
    struct sh_workspace **workspaces;
    uint32_t workspace_count;
    uint32_t workspace_capacity;
    struct sh_open_cursor **cursors;
    uint32_t cursor_count;
    uint32_t cursor_capacity;
    size_t cursor_bytes;
    struct sh_repeats repeats; /* of all workspaces */
    int64_t now_ms;            /* the latest that anybody told */
    struct sh_job *spare_jobs; /* done ones, kept for their arenas */
    uint32_t spare_job_count;
    struct sh_arena arena; /* of the request at hand, reset before each */
    struct sh_row_places places;
    struct sh_buffer scratch; /* texts printed on the way to an answer */
};

/* ---- One request ---- */

struct sh_call {
    struct sh_shard *shard;
    struct sh_workspace *workspace; /* NULL only where a method takes a workspace that does not exist */
    const struct sh_request *request;
    const struct sh_answer *answer;
    struct sh_arena *arena;
    struct sh_job *job; /* set by a handler whose work goes on */
    bool is_one_page;   /* feed.get: no page is to follow, as in a batch */
};

/* One a method; each writes its answer, or sets call->job. */
enum sh_status sh_handle_ping(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_stats(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_schema_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_schema_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_user_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_user_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_user_export(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_user_receipt(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_user_forget(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_item_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_item_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_item_list(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_item_remove(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_event_append(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_event_list(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_event_sweep(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_count(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_list(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_export(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_sample(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_ask(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_explain(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_insight(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_funnel(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_retention(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_waterfall(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_why(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_lookalike(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_overlap(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_close(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_audience_rfm(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_rfm_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_rfm_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_rfm_refresh(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_feed_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_feed_batch(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_feed_users_for_item(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_feed_served(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_feed_learning(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_feed_impressions(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_feed_explain(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_scene_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_scene_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_scene_list(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_scene_remove(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_feed_similar(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_feed_also_bought(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_feed_trending(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_user_merge(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_score_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_score_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_score_list(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_score_remove(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_segment_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_segment_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_segment_list(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_client_numbers(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_segment_remove(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_segment_of_user(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_rule_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_rule_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_rule_list(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_rule_remove(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_tree_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_tree_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_tree_list(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_tree_remove(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_referral_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_referral_get(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_referral_refresh(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_model_put(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_model_list(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_model_train(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_model_remove(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_model_likings(struct sh_call *call, struct sh_error *err);
enum sh_status sh_handle_shard_learn(struct sh_call *call, struct sh_error *err);

/* The request's params by a method's words: as sh_params_read, without rows. */
SH_MUST_CHECK enum sh_status sh_call_params(const struct sh_call *call, const char *const *words, uint32_t count,
                                            struct sh_param *params, struct sh_error *err);
/* The map's head of an answer with pair_count pairs, and one more for took_us. */
void sh_answer_begin(struct sh_call *call, msgpack_packer *packer, uint32_t pair_count);
/* An answer of one of several shards goes to sh_request_merge, with what merging needs. */
static inline bool sh_answer_is_part(const struct sh_shard *shard) {
    return shard->options.shard_count > 1;
}
/* `now` of the params, or of the request. A str is read in the workspace's zone. */
SH_MUST_CHECK enum sh_status sh_read_now(const struct sh_param *param, const struct sh_call *call, int64_t *now_ms,
                                         struct sh_error *err);
enum sh_status sh_fail_memory(struct sh_error *err);
/* One user's row as user.get has it, with all that is not missing: methods_data.c. */
SH_MUST_CHECK enum sh_status sh_user_pack(struct sh_call *call, uint32_t slot, msgpack_packer *packer,
                                          struct sh_error *err);
/* When nothing of what was forgotten then is on the disk any more. */
int64_t sh_forget_due(const struct sh_shard_options *options, int64_t asked_ms);

/* ---- Workspaces: workspace.c ---- */

struct sh_workspace *sh_workspace_find(struct sh_shard *shard, struct sh_text name);
/* SH_ERR_LIMIT over SH_WORKSPACE_COUNT_MAX, SH_ERR_NAME for a zone that does not exist. */
SH_MUST_CHECK enum sh_status sh_workspace_create(struct sh_shard *shard, struct sh_text name, struct sh_text zone,
                                                 struct sh_workspace **workspace, struct sh_error *err);
/* The same without tables, events, feed and rfm, which are NULL until the caller fills them in: for loading. */
SH_MUST_CHECK enum sh_status sh_workspace_begin(struct sh_shard *shard, struct sh_text name, struct sh_text zone,
                                                struct sh_workspace **begun, struct sh_error *err);
/* Takes the last one created away again: for a schema.put that fails. */
void sh_workspace_destroy_last(struct sh_shard *shard);
void sh_workspaces_deinit(struct sh_shard *shard);
/* After readers of it went or came: which forgotten slots may be given out again. */
void sh_workspace_update_reuse(struct sh_shard *shard, struct sh_workspace *workspace);
/* Remove a person from everything. visits as sh_feed_forget has it. SH_ERR_MEMORY: call again. */
SH_MUST_CHECK enum sh_status sh_workspace_forget(struct sh_shard *shard, struct sh_workspace *workspace, uint32_t slot,
                                                 struct sh_buffer *visits, struct sh_error *err);
/* Take away what has ended by the clock. Which request does it changes no answer: what has ended and is still there is
 * looked past. */
void sh_workspace_expire(struct sh_workspace *workspace, int64_t clock_ms);
/* Let go of days of events that are kept no longer, if a day has begun since that was done last, or keep_days changed;
 * did it? A part of writes that all shards hear of: one shard's event.append sweeps it, and by its effects the others,
 * before it is answered. So questions find the same days in all shards. Unfinished jobs are finished first. */
bool sh_workspace_sweep(struct sh_workspace *workspace, int64_t now_ms);
/* The user that an id means, by its own name: *id and *hash become those of the user, if it was another name. Refused
 * with SH_ERR_BUSY while it is being merged. Before a write. */
SH_MUST_CHECK enum sh_status sh_workspace_resolve(const struct sh_workspace *workspace, struct sh_text *id,
                                                  uint64_t *hash, struct sh_error *err);
/* The slot of the user that an id means, or SH_SLOT_NONE. */
uint32_t sh_workspace_find_user(const struct sh_workspace *workspace, struct sh_text id);
/* Writes to this user are refused from now on; SH_ERR_BUSY if they are already. */
SH_MUST_CHECK enum sh_status sh_workspace_hold(struct sh_workspace *workspace, struct sh_text id, struct sh_error *err);
void sh_workspace_let_go(struct sh_workspace *workspace, struct sh_text id);
/* Nothing kept yet, once there are events. False: memory is out. */
bool sh_workspace_make_kept(struct sh_workspace *workspace);
/* No scores yet, once there are rfm and referral. False: memory is out. */
bool sh_workspace_make_scores(struct sh_workspace *workspace);
/* What is derived of users. */
static inline const struct sh_derived *sh_workspace_derived(const struct sh_workspace *workspace) {
    return sh_scores_derived(workspace->scores); /* whose base is referral, whose base is rfm */
}
/* What a sibling's rfm.refresh leaves to this shard: methods_rfm.c. */
SH_MUST_CHECK enum sh_status sh_rfm_learn_part(struct sh_call *call, const struct sh_param *param,
                                               struct sh_error *err);
/* methods_referral.c: what a sibling's referral.refresh, and its user.forget, leave to this shard. */
SH_MUST_CHECK enum sh_status sh_referral_learn_part(struct sh_call *call, const struct sh_param *param,
                                                    struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_referral_learn_forgotten(struct sh_call *call, const struct sh_param *param,
                                                         struct sh_error *err);
/* Before the user goes: take it out of its inviters' numbers, here or, as elements of an array in `told`, elsewhere. */
SH_MUST_CHECK enum sh_status sh_referral_uninvite(struct sh_workspace *workspace, uint32_t slot, struct sh_buffer *told,
                                                  uint32_t *told_count, struct sh_error *err);
/* Are the plan's conditions right in this scope of users? SH_ERR_CONFLICT. */
SH_MUST_CHECK enum sh_status sh_referral_fit(const struct sh_referral *referral, const struct sh_query_scope *scope,
                                             struct sh_arena *arena, struct sh_error *err);
/* The scope of an expression over users (or items) at a time. */
void sh_workspace_scope(struct sh_workspace *workspace, bool of_items, int64_t now_ms, struct sh_query_scope *scope);
/* Expression -> plan: parse or read, check, plan. */
SH_MUST_CHECK enum sh_status sh_plan_param(const struct sh_param *param, const struct sh_query_scope *scope,
                                           struct sh_arena *arena, struct sh_node **tree, struct sh_plan **plan,
                                           struct sh_error *err);

/* ---- Cursors: cursors.c ---- */

struct sh_cursor_spec {
    uint64_t id;
    struct sh_workspace *workspace;
    uint64_t sequence;
    const struct sh_row_fields *fields; /* NULL: ids only */
    struct sh_contact_gate gate;
    bool is_maybe_done;
};
/* The frozen audience becomes the shard's. SH_ERR_LIMIT over SH_CURSOR_COUNT_MAX or SH_CURSOR_BYTES_MAX. */
SH_MUST_CHECK enum sh_status sh_cursors_open(struct sh_shard *shard, const struct sh_cursor_spec *spec,
                                             struct sh_frozen *frozen, struct sh_error *err);
/* NULL if there is none of that id in that workspace. */
struct sh_open_cursor *sh_cursors_find(struct sh_shard *shard, const struct sh_workspace *workspace, uint64_t id);
/* What it counts against SH_CURSOR_BYTES_MAX. */
size_t sh_cursor_bytes(const struct sh_open_cursor *cursor);
void sh_cursors_close(struct sh_shard *shard, struct sh_open_cursor *cursor);
/* Those that show what is derived of users, because its fields move. */
void sh_cursors_close_derived(struct sh_shard *shard, const struct sh_workspace *workspace);
void sh_cursors_tick(struct sh_shard *shard, int64_t now_ms);
void sh_cursors_deinit(struct sh_shard *shard);

/* ---- Jobs: job.c ---- */

/* Finish every job of the workspace now, because its schema changes. Their results wait for their next step. */
void sh_jobs_finish(struct sh_workspace *workspace);
bool sh_jobs_are_open(const struct sh_workspace *workspace);
void sh_spare_jobs_deinit(struct sh_shard *shard);

/* ---- Effects: methods_feed.c ---- */

struct sh_effects; /* sums of one request, by item and period */
SH_MUST_CHECK enum sh_status sh_effects_add(struct sh_effects **effects, struct sh_arena *arena,
                                            const struct sh_feed_effect *effect, struct sh_error *err);
/* Days of events were swept at this now: the siblings are to do it too. */
SH_MUST_CHECK enum sh_status sh_effects_add_sweep(struct sh_effects **effects, struct sh_arena *arena, int64_t now_ms,
                                                  struct sh_error *err);
/* What an event is to the trends, where that is learned again. */
SH_MUST_CHECK enum sh_status sh_effects_add_trend(struct sh_effects **effects, struct sh_arena *arena,
                                                  const struct sh_trend_act *act, struct sh_error *err);
/* An item that became known with no effect of its own. */
/* What one event teaches. */
SH_MUST_CHECK enum sh_status sh_effects_add_lesson(struct sh_effects **effects, struct sh_arena *arena,
                                                   const struct sh_feed_lesson *lesson, struct sh_error *err);
/* What an event says of what was served. */
SH_MUST_CHECK enum sh_status sh_effects_add_act(struct sh_effects **effects, struct sh_arena *arena,
                                                const struct sh_learner_act *act, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_effects_add_item(struct sh_effects **effects, struct sh_arena *arena, uint32_t item,
                                                 struct sh_error *err);
/* Pack them for shard.learn; nothing if there are none. */
void sh_effects_pack(const struct sh_effects *effects, const struct sh_workspace *workspace, struct sh_buffer *buffer);

#endif
