/* job.h -- an audience question on its way: from the handler that read it to the answer that methods_audience.c packs.
 *
 *   made by a handler --> run some blocks --> done at once: answered, put back
 *                              '----------> goes on: in the workspace's list until sh_job_step says done
 *
 * A job owns its arena (plan, tree, fields) and its evaluation. Done jobs are kept as spares, because an arena that has
 * its first chunk costs nothing to use again.
 */
#ifndef SH_JOB_H
#define SH_JOB_H

#include "shard_private.h"

enum {
    /* A question begins with so many blocks before the server hears of it: a million users, about 0.1 ms. */
    SH_JOB_START_BLOCKS = 16,
    /* The same for one that puts its people in order, which takes several times as long for each block. */
    SH_JOB_START_BLOCKS_ORDERED = 4,
    SH_SPARE_JOB_COUNT_MAX = 4,
    SH_JOB_PARAM_COUNT_MAX = 16, /* of one method */
};

struct sh_job;

struct sh_part_form;

/* What a job does that is no plain audience: its state, job->state, is the method's own. */
struct sh_job_work {
    /* Read the params into the state, and make what steps need. For sh_job_ask alone. */
    enum sh_status (*prepare)(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err);
    /* Up to block_count blocks; *done once the answer can be packed. */
    enum sh_status (*step)(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err);
    /* Pack it behind job->answer.body. NULL: it is put together from parts of this form. */
    enum sh_status (*answer)(struct sh_job *job, struct sh_error *err);
    const struct sh_part_form *form;
    /* What the arena does not own; also after a failure. May be NULL. */
    void (*release)(struct sh_job *job);
    size_t state_bytes; /* sh_job_ask makes so many zeros in the job's arena */
};

struct sh_job {
    struct sh_job *next;  /* in the workspace's list, or among the spares */
    struct sh_job **link; /* what points at this one; NULL: in no list */
    struct sh_shard *shard;
    struct sh_workspace *workspace;
    struct sh_request request;
    struct sh_answer answer;
    size_t body_count; /* of the answer's body before the request */
    uint64_t sequence;
    uint32_t timeout_ms;  /* 0: none */
    uint64_t deadline_ns; /* by the request's clock */
    struct sh_arena arena;
    struct sh_query_scope scope;
    struct sh_node *tree;
    struct sh_plan *plan;
    struct sh_audience_spec spec;
    struct sh_contact_gate gate; /* of `for`: who may be listed */
    struct sh_audience *audience;
    const struct sh_job_work *work; /* NULL: spec and audience say it all */
    void *state;                    /* of the work */
    bool is_ask;                    /* the answer has `list` and `sample` as maps of their own */
    bool wants_count;
    bool has_list_fields;
    bool has_sample_fields;
    struct sh_row_fields list_fields;
    struct sh_row_fields sample_fields;
    bool finished; /* early, see sh_jobs_finish; status and error wait for the next step */
    enum sh_status status;
    struct sh_error error;
};

SH_MUST_CHECK enum sh_status sh_job_create(struct sh_call *call, struct sh_job **job, struct sh_error *err);
/* What questions begin with: the params `now` and `timeout_ms`, and the scope of users at that time. Steps end with
 * SH_ERR_DEADLINE when timeout_ms has passed since the question was read. */
SH_MUST_CHECK enum sh_status sh_job_read_now(struct sh_job *job, const struct sh_call *call, const struct sh_param *now,
                                             const struct sh_param *timeout_ms, struct sh_error *err);
/* The param `for`: opens job->gate, through which job->spec passes. lists: the answer names people. */
SH_MUST_CHECK enum sh_status sh_job_read_for(struct sh_job *job, const struct sh_param *purpose, bool lists,
                                             struct sh_error *err);
/* How many pairs sh_job_pack_held packs: `suppressed` and `no_consent`, if `for` was given. */
static inline uint32_t sh_job_held_count(const struct sh_job *job) {
    return job->gate.is_asked ? 2 : 0;
}
void sh_job_pack_held(const struct sh_job *job, msgpack_packer *packer);
/* Begin job->work, or the evaluation that job->spec describes, with job->plan. Either it is answered, or call->job goes
 * on. The job is the callee's from here on. */
SH_MUST_CHECK enum sh_status sh_job_begin(struct sh_call *call, struct sh_job *job, struct sh_error *err);
/* A whole handler: the params of those names, a job with this work, prepared and begun. At most SH_JOB_PARAM_COUNT_MAX
 * names. */
SH_MUST_CHECK enum sh_status sh_job_ask(struct sh_call *call, const struct sh_param_names *names,
                                        const struct sh_job_work *work, struct sh_error *err);
/* Put it back without an answer. */
void sh_job_release(struct sh_job *job);

/* Pack what the job has evaluated: methods_audience.c. */
SH_MUST_CHECK enum sh_status sh_job_answer(struct sh_job *job, struct sh_error *err);

#endif
