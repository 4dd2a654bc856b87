#include "part_answer.h"

#include "memory.h"

enum sh_status sh_job_create(struct sh_call *call, struct sh_job **created, struct sh_error *err) {
    struct sh_shard *shard = call->shard;
    struct sh_job *job = shard->spare_jobs;
    struct sh_arena arena;
    *created = NULL;
    if (job != NULL) {
        shard->spare_jobs = job->next;
        shard->spare_job_count--;
        arena = job->arena;
    } else {
        job = sh_alloc(sizeof *job);
        if (job == NULL) return sh_fail_memory(err);
        sh_arena_init(&arena, SH_REQUEST_ARENA_BYTES_MAX);
    }
    memset(job, 0, sizeof *job);
    job->arena = arena;
    job->shard = shard;
    job->workspace = call->workspace;
    job->request = *call->request;
    job->answer = *call->answer;
    job->body_count = call->answer->body->count;
    job->sequence = call->workspace->sequence;
    job->gate.is_open = true;
    *created = job;
    return SH_OK;
}

static void link_job(struct sh_job *job) {
    struct sh_workspace *workspace = job->workspace;
    job->next = workspace->jobs;
    job->link = &workspace->jobs;
    if (job->next != NULL) job->next->link = &job->next;
    workspace->jobs = job;
}

static void unlink_job(struct sh_job *job) {
    if (job->link == NULL) return;
    *job->link = job->next;
    if (job->next != NULL) job->next->link = job->link;
    job->link = NULL;
}

void sh_job_release(struct sh_job *job) {
    struct sh_shard *shard = job->shard;
    const bool was_reader = job->link != NULL;
    unlink_job(job);
    if (was_reader) sh_workspace_update_reuse(shard, job->workspace);
    sh_audience_destroy(job->audience);
    job->audience = NULL;
    if (job->work != NULL && job->work->release != NULL) job->work->release(job);
    job->work = NULL;
    if (shard->spare_job_count == SH_SPARE_JOB_COUNT_MAX) {
        sh_arena_deinit(&job->arena);
        sh_free(job);
        return;
    }
    sh_arena_reset(&job->arena);
    job->next = shard->spare_jobs;
    shard->spare_jobs = job;
    shard->spare_job_count++;
}

void sh_spare_jobs_deinit(struct sh_shard *shard) {
    while (shard->spare_jobs != NULL) {
        struct sh_job *job = shard->spare_jobs;
        shard->spare_jobs = job->next;
        sh_arena_deinit(&job->arena);
        sh_free(job);
    }
    shard->spare_job_count = 0;
}

/* The body is as it was before the request. */
static void take_back(const struct sh_job *job) {
    job->answer.body->count = job->body_count;
    job->answer.body->failed = false;
}

static enum sh_status read_timeout(struct sh_job *job, const struct sh_param *param, struct sh_error *err) {
    int64_t timeout_ms = 0;
    if (!sh_param_given(param)) return SH_OK;
    const enum sh_status status =
        sh_param_integer(param, "timeout_ms", 1, SH_QUESTION_TIMEOUT_MS_MAX, &timeout_ms, err);
    if (status != SH_OK) return status;
    if (job->request.clock_ns == NULL)
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "`timeout_ms` measures time, and no clock was given");
    job->timeout_ms = (uint32_t)timeout_ms;
    job->deadline_ns = job->request.begin_ns + (uint64_t)timeout_ms * 1000000u;
    return SH_OK;
}

enum sh_status sh_job_read_now(struct sh_job *job, const struct sh_call *call, const struct sh_param *now,
                               const struct sh_param *timeout_ms, struct sh_error *err) {
    int64_t now_ms;
    const enum sh_status status = sh_read_now(now, call, &now_ms, err);
    if (status != SH_OK) return status;
    sh_workspace_scope(call->workspace, false, now_ms, &job->scope);
    return read_timeout(job, timeout_ms, err);
}

static uint32_t narrow(void *gate, uint32_t block, uint64_t *words, uint32_t count) {
    return sh_contact_narrow(gate, block, words, count);
}

enum sh_status sh_job_read_for(struct sh_job *job, const struct sh_param *param, bool lists, struct sh_error *err) {
    struct sh_text purpose = {0};
    enum sh_status status = sh_param_text(param, "for", &purpose, err);
    if (status == SH_OK && sh_param_given(param) && purpose.count == 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`for` names a purpose");
    if (status == SH_OK)
        status = sh_contact_gate_open(&job->workspace->contact, job->workspace->users, purpose, lists, &job->gate, err);
    if (status == SH_OK && !job->gate.is_open) job->spec.gate = (struct sh_audience_gate){narrow, &job->gate};
    return status;
}

void sh_job_pack_held(const struct sh_job *job, msgpack_packer *packer) {
    if (!job->gate.is_asked) return;
    sh_pack_literal(packer, "suppressed");
    (void)msgpack_pack_uint64(packer, job->gate.suppressed_count);
    sh_pack_literal(packer, "no_consent");
    (void)msgpack_pack_uint64(packer, job->gate.no_consent_count);
}

static enum sh_status check_deadline(const struct sh_job *job, struct sh_error *err) {
    if (job->timeout_ms == 0 || job->request.clock_ns(job->request.clock_context) < job->deadline_ns) return SH_OK;
    (void)sh_fail(err, SH_ERR_DEADLINE, -1, "the question was not answered within %u ms", job->timeout_ms);
    return sh_fail_hint(err, SH_ERR_DEADLINE, "ask again when there is less to do, or with a longer `timeout_ms`");
}

static enum sh_status pack_answer(struct sh_job *job, struct sh_error *err) {
    if (job->work == NULL) return sh_job_answer(job, err);
    return job->work->answer != NULL ? job->work->answer(job, err) : sh_part_answer(job, job->work->form, err);
}

/* Work on; when there is nothing left, pack the answer. *done also on a failure. */
static enum sh_status run(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    const struct sh_job_work *work = job->work;
    enum sh_status status = check_deadline(job, err);
    if (status == SH_OK)
        status = work != NULL ? work->step(job, block_count, done, err)
                              : sh_audience_step(job->audience, block_count, done, err);
    if (status == SH_OK) status = sh_scores_take_fault(job->workspace->scores, err);
    if (status == SH_OK && !*done) return SH_OK;
    *done = true;
    if (status == SH_OK) status = pack_answer(job, err);
    if (status == SH_OK) status = sh_scores_take_fault(job->workspace->scores, err);
    if (status == SH_OK) status = sh_buffer_status(job->answer.body, err);
    if (status != SH_OK) take_back(job);
    return status;
}

enum sh_status sh_job_begin(struct sh_call *call, struct sh_job *job, struct sh_error *err) {
    enum sh_status status = SH_OK;
    if (job->work == NULL)
        status = sh_audience_create(job->workspace->users, job->plan, &job->spec, &job->audience, err);
    if (status != SH_OK) {
        sh_job_release(job);
        return status;
    }
    bool done;
    const bool is_ordered = job->spec.list && job->spec.order.by != SH_ORDER_NONE;
    status = run(job, is_ordered ? SH_JOB_START_BLOCKS_ORDERED : SH_JOB_START_BLOCKS, &done, err);
    if (done) {
        sh_job_release(job);
        return status;
    }
    link_job(job);
    call->job = job;
    return SH_OK;
}

enum sh_status sh_job_step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    enum sh_status status;
    job->workspace->hides_personal = job->request.hides_personal;
    if (job->finished) {
        *done = true;
        status = job->status;
        if (status != SH_OK && err != NULL) *err = job->error;
    } else {
        status = run(job, block_count == 0 ? 1 : block_count, done, err);
    }
    if (!*done) return status;
    struct sh_workspace *workspace = job->workspace;
    sh_job_release(job);
    if (workspace->jobs == NULL) sh_scores_rest(workspace->scores);
    return status;
}

void sh_job_cancel(struct sh_job *job) {
    if (job->finished) take_back(job);
    sh_job_release(job);
}

void sh_jobs_finish(struct sh_workspace *workspace) {
    for (struct sh_job *job = workspace->jobs; job != NULL; job = job->next) {
        while (!job->finished)
            job->status = run(job, UINT32_MAX, &job->finished, &job->error);
    }
    sh_scores_rest(workspace->scores); /* what was read so far may be about to change */
}

bool sh_jobs_are_open(const struct sh_workspace *workspace) {
    for (const struct sh_job *job = workspace->jobs; job != NULL; job = job->next) {
        if (!job->finished) return true;
    }
    return false;
}

enum sh_status sh_job_ask(struct sh_call *call, const struct sh_param_names *names, const struct sh_job_work *work,
                          struct sh_error *err) {
    struct sh_param params[SH_JOB_PARAM_COUNT_MAX] = {{0}};
    struct sh_job *job;
    sh_assert(names->count <= SH_JOB_PARAM_COUNT_MAX);
    enum sh_status status =
        sh_params_read(call->request->params, call->request->params_count, names, params, NULL, err);
    if (status != SH_OK) return status;
    if ((status = sh_job_create(call, &job, err)) != SH_OK) return status;
    sh_assert(job != NULL);
    job->state = sh_arena_alloc_zero(&job->arena, work->state_bytes);
    if (job->state == NULL) {
        status = sh_fail_memory(err);
    } else {
        job->work = work;
        status = work->prepare(call, job, params, err);
    }
    if (status == SH_OK) return sh_job_begin(call, job, err);
    sh_job_release(job);
    return status;
}
