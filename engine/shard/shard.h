/* shard.h -- one core's whole state, and the one door to it.
 *
 *   request (method, params as msgpack, now) --> start --> step, step ... --> answer (msgpack map)
 *
 * A shard holds workspaces; a workspace holds users, items, events, the feed's model, frozen audiences. Everything that
 * changes it comes through sh_shard_start with a writing method, so that a log can record exactly what was done and a
 * replay of the same requests with the same `now` gives the same state and the same answers. A shard has no clock, no
 * randomness, no socket and no lock: one thread owns it.
 *
 * With several shards, users are dealt by hash of their id. A method says how it spreads (enum sh_spread):
 *   ONE     about one user: goes to the owner                         feed.get
 *   ROWS    rows of users: split by owner, answers added up           user.put, user.get, event.append, user.forget
 *   EVERY   the same write in all shards, which all answer alike      schema.put, item.put, item.remove
 *   ALL     a question to all shards, answers merged                  audience.*, stats
 *   ANY     any shard can answer alone                  schema.get, item.get, feed.trending
 *   ROUNDS  a write that shards do together, in rounds  user.merge
 *   SESSION the server answers, a shard cannot                        hello
 *
 * The server asks sh_request_split for the parts, runs each in its shard, and gives the answers to sh_request_merge,
 * also when there is only one part: a shard of several answers ALL and ROWS with more than a client should see. If any
 * part fails, its error is the request's. With one shard there is nothing to split or merge, and neither is called.
 *
 * What events say about items (popularity) must be known in every shard. A shard that applied events leaves the sums
 * for its siblings in answer.effects (empty: nothing to tell); the server sends them to every other shard as the params
 * of the writing method `shard.learn`, after all parts of the request have answered and before it answers itself. The
 * sums are integers and commute. Items that events were the first to name are told in the same way, so that every shard
 * knows the same items.
 *
 * Answer: a msgpack map whose head already counts one pair more, `took_us`, which the server appends last.
 */
#ifndef SH_SHARD_H
#define SH_SHARD_H

#include "archive.h"
#include "bounds.h"
#include "buffer.h"
#include "roles.h"

struct sh_shard;
struct sh_job; /* a request that is not finished yet */

struct sh_shard_options {
    uint32_t shard_index;
    uint32_t shard_count;
    uint64_t forget_ms; /* within which nothing of somebody forgotten is on the disk; 0: SH_FORGET_HOURS_DEFAULT */
};

enum sh_spread {
    SH_SPREAD_ONE,
    SH_SPREAD_ROWS,
    SH_SPREAD_EVERY,
    SH_SPREAD_ALL,
    SH_SPREAD_ANY,
    SH_SPREAD_ROUNDS,
    SH_SPREAD_SESSION
};
struct sh_method {
    const char *name;
    enum sh_spread spread;
    bool writes;
    bool internal;   /* between shards only; refused from clients */
    uint32_t number; /* dense, for counters; below sh_method_count() */
    uint32_t roles;  /* of enum sh_role: a client needs one of them */
    uint32_t flags;  /* of enum sh_method_flag */
};
enum sh_method_flag {
    SH_METHOD_URGENT = 1,  /* goes on when the disk is full, in room that is kept for it */
    SH_METHOD_FREES = 4,   /* goes on when memory is full: it leaves less than there was */
    SH_METHOD_AUDITED = 2, /* who called it, and how it went, is written down for good */
};
/* NULL if there is none; err then has the nearest name. */
const struct sh_method *sh_method_find(struct sh_text name, struct sh_error *err);
const struct sh_method *sh_method_at(uint32_t number);
uint32_t sh_method_count(void);
struct sh_method_words {
    const char *params; /* "where now? timeout_ms?": names with blanks between; "?": it may be left out */
    const char *words;  /* what it is for */
};
/* Of one between shards both are NULL. */
const struct sh_method_words *sh_method_words(uint32_t number);

struct sh_request {
    const struct sh_method *method;
    struct sh_text workspace; /* from the session, never from the params */
    struct sh_text client;    /* who numbers its writes: 1 to SH_NAME_BYTES_MAX bytes; empty if seq is 0 */
    uint64_t seq;             /* the client's number of this write, from 1; 0: it has none. See repeats.h */
    const uint8_t *params;    /* one msgpack map; must stay in place until the request is finished */
    size_t params_count;
    int64_t now_ms; /* the server's clock when the request was read */
    uint64_t id;    /* unique among the server's requests, the same for all parts; names cursors and recommendations */
    /* May be NULL. Only audience.explain reads it, whose answer shows it, and questions with `timeout_ms`. */
    uint64_t (*clock_ns)(void *context);
    void *clock_context;
    bool hides_personal; /* the caller may not see what is personal (privacy.h); for questions */
    uint64_t position;   /* of a write: its record's in the log; 0: it is in none */
    uint64_t begin_ns;   /* by that clock, or by another loop's: when the request was read */
};

struct sh_answer {
    struct sh_buffer *body;    /* the caller's; appended to. On an error it is as it was before the request */
    struct sh_buffer *effects; /* the caller's; what the sibling shards must learn; may be NULL with one shard */
    /* The caller's; params of the write `feed.served` that is to follow this feed.get, if anything is left in it: see
     * served.h. NULL: nobody will write it, and nothing is left. */
    struct sh_buffer *follow;
    /* The caller's, 0: with SH_ERR_BUSY, so many milliseconds after the request began is it worth while to ask again for
     * what the answer is to come `after`. NULL: the caller does not wait. */
    uint32_t *wait_ms;
};

SH_MUST_CHECK enum sh_status sh_shard_create(const struct sh_shard_options *options, struct sh_shard **shard,
                                             struct sh_error *err);
void sh_shard_destroy(struct sh_shard *shard);

/* Begin a request. *job is NULL when it is already finished: then the status is its result. Otherwise call sh_job_step
 * until it is. Writes always finish at once. */
SH_MUST_CHECK enum sh_status sh_shard_start(struct sh_shard *shard, const struct sh_request *request,
                                            const struct sh_answer *answer, struct sh_job **job, struct sh_error *err);
/* May the caller have this write done, whatever comes of it? Asked before it is written down: what is refused here is
 * refused because of who asks (request->hides_personal), which a log does not keep. SH_ERR_FORBIDDEN. */
SH_MUST_CHECK enum sh_status sh_shard_admit(struct sh_shard *shard, const struct sh_request *request,
                                            struct sh_error *err);
/* Work on for about block_count blocks of 65,536 rows. *done says whether the status is final; the job is then gone. */
SH_MUST_CHECK enum sh_status sh_job_step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err);
/* The client has gone: drop it. */
void sh_job_cancel(struct sh_job *job);
/* start and all steps at once: for embedding, tests and replay. */
SH_MUST_CHECK enum sh_status sh_shard_apply(struct sh_shard *shard, const struct sh_request *request,
                                            const struct sh_answer *answer, struct sh_error *err);
/* Housekeeping that time asks for (cursors that rested too long). Call about once a second. */
void sh_shard_tick(struct sh_shard *shard, int64_t now_ms);

/* Forgetting on the disk (receipts.h). When the oldest of those that are pending was asked for; INT64_MAX if none is. */
int64_t sh_shard_forget_oldest(const struct sh_shard *shard);
/* Nothing is left on the disk of what records up to this one of the shard's log forgot. */
void sh_shard_erased(struct sh_shard *shard, uint64_t position, int64_t now_ms);

/* How much there is in it, over all workspaces. Reads no rows: some microseconds a workspace. */
struct sh_shard_figures {
    uint64_t workspace_count;
    uint64_t user_count;
    uint64_t item_count;
    uint64_t event_count;
    uint64_t cursor_count;
};
void sh_shard_figures(const struct sh_shard *shard, struct sh_shard_figures *figures);

/* Do the rules of everything in it hold? If not, *reason says which does not. Reads everything; for tests. */
bool sh_shard_check(const struct sh_shard *shard, const char **reason);

/* Write all state as the section "shard" of an archive that the caller has begun and will finish. Changes nothing and
 * allocates nothing, so that a forked child can do it. Two shards with the same state write the same bytes, and after
 * the same requests again. Open cursors and unfinished jobs are not state: they are left out. */
SH_MUST_CHECK enum sh_status sh_shard_save(const struct sh_shard *shard, struct sh_archive_writer *writer,
                                           struct sh_error *err);
/* A shard as it was saved; the caller closes the reader. The bytes may be anybody's: SH_ERR_CORRUPT with the section
 * and the offset for what cannot be. SH_ERR_CONFLICT: it was saved as another shard, or as one of another number of
 * shards. On a failure *shard is NULL. */
SH_MUST_CHECK enum sh_status sh_shard_load(const struct sh_shard_options *options, struct sh_archive_reader *reader,
                                           struct sh_shard **shard, struct sh_error *err);

/* The shard that owns a user. */
uint32_t sh_shard_of_user(struct sh_text id, uint32_t shard_count);
/* The same by the hash of the id. The lower half: the upper one leads through the shards' own indexes. */
static inline uint32_t sh_shard_of_hash(uint64_t hash, uint32_t shard_count) {
    return (uint32_t)(((hash & UINT32_MAX) * shard_count) >> 32);
}

/* What a part of a write is to the other shards: how recovery completes a write that a crash left half done. */
enum sh_part_kind {
    SH_PART_OWN,    /* of this shard alone: it stands for itself */
    SH_PART_EVERY,  /* the same in all shards */
    SH_PART_LESSON, /* what another shard's part of the same request taught */
    SH_PART_HOLD,   /* user.merge, the rounds of request_rounds.h */
    SH_PART_TAKE,
    SH_PART_END, /* the same in all shards */
    SH_PART_LET_GO,
    SH_PART_KIND_COUNT
};

/* One part of a request that several shards work on. params are owned by the part's buffer. */
struct sh_part {
    uint32_t shard;
    struct sh_buffer params;
    uint32_t *row_numbers; /* ROWS: the part's row -> the request's row, for `refused` */
    uint32_t row_count;
};
struct sh_rounds;
struct sh_split {
    struct sh_part parts[SH_SHARD_COUNT_MAX];
    uint32_t part_count;
    uint32_t shard_count;     /* how many shards there are, not all of which need have a part */
    enum sh_part_kind kind;   /* of these parts, if the request writes */
    struct sh_rounds *rounds; /* SH_SPREAD_ROUNDS: what leads from round to round; NULL otherwise */
    uint32_t question_round;  /* audience.lookalike, which asks twice: 1 or 2; 0 for all other methods */
};
/* Does sh_request_next come after these parts, and not sh_request_merge? */
static inline bool sh_split_has_next(const struct sh_split *split) {
    return split->rounds != NULL || split->question_round == 1;
}
/* Cut a request for the shards, of which there are several; `home` is the caller's own, and knows whose other name an
 * id is. ONE and ANY give one part (ANY: to home). Free with sh_split_free. */
SH_MUST_CHECK enum sh_status sh_request_split(const struct sh_request *request, struct sh_shard *home,
                                              struct sh_split *split, struct sh_error *err);
/* If sh_split_has_next. All parts of a round have answered, well or not (results in the order of split->parts): *more
 * says that there is another round, and split holds its parts now. Otherwise the status is the request's, and if it is
 * SH_OK, sh_request_merge makes the answer (it needs no bodies). Results are not looked at after the call. */
struct sh_part_result {
    enum sh_status status;
    const struct sh_error *err;
    const struct sh_buffer *body;
};
SH_MUST_CHECK enum sh_status sh_request_next(const struct sh_request *request, struct sh_split *split,
                                             const struct sh_part_result *results, bool *more, struct sh_error *err);
void sh_split_free(struct sh_split *split);
/* The params of a merge's part of kind END or LET_GO, from those of its part of kind HOLD: for recovery, when the round
 * that was to come is lost. */
SH_MUST_CHECK enum sh_status sh_merge_part(const struct sh_request *hold, enum sh_part_kind kind,
                                           struct sh_buffer *params, struct sh_error *err);
/* Merge the parts' answers (bodies in the order of split->parts) into one answer body, took_us still to be appended. */
SH_MUST_CHECK enum sh_status sh_request_merge(const struct sh_request *request, const struct sh_split *split,
                                              const struct sh_buffer *bodies, struct sh_buffer *merged,
                                              struct sh_error *err);

#endif
