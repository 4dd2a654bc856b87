#include "cursor.h"
#include "loop.h"
#include "memory.h"
#include "room.h"

enum {
    SPARE_COUNT_MAX = 1024,     /* tasks kept for the next requests: one connection's pipeline */
    SPARE_BYTES_MAX = 64 << 10, /* a spare one keeps its buffers up to this size */
    SWAP_BYTES_MIN = 64 << 10,  /* an answer from this size on is handed over rather than copied */
    HEAD_BYTES_MAX = 64,        /* of an answer's frame, and took_us */
};

/* ---- life of a task ---- */

struct sh_task *sh_task_make(struct sh_loop *loop) {
    struct sh_task *task = loop->spare_tasks;
    if (task != NULL) {
        loop->spare_tasks = task->after;
        loop->spare_task_count--;
    } else {
        task = sh_alloc_zero(sizeof *task);
        if (task == NULL) return NULL;
        sh_buffer_init(&task->own, SH_FRAME_BYTES_MAX + 2 * (size_t)SH_NAME_BYTES_MAX);
        sh_buffer_init(&task->errand.body, (size_t)SH_ANSWER_BYTES_MAX + HEAD_BYTES_MAX);
        sh_buffer_init(&task->errand.effects, SH_PART_BYTES_MAX);
        sh_buffer_init(&task->errand.follow, SH_FRAME_BYTES_MAX);
    }
    loop->task_count++;
    return task;
}

static void buffer_rest(struct sh_buffer *buffer) {
    if (buffer->capacity > SPARE_BYTES_MAX)
        sh_buffer_deinit(buffer);
    else
        sh_buffer_clear(buffer);
    buffer->failed = false;
}

static void task_free(struct sh_task *task) {
    sh_buffer_deinit(&task->own);
    sh_errand_deinit(&task->errand);
    sh_free(task);
}

/* By way of loop 0, if there are several shards. */
static bool goes_to_every_shard(const struct sh_method *method) {
    return method->writes && (method->spread == SH_SPREAD_EVERY || method->spread == SH_SPREAD_ROUNDS);
}

static void task_leave_session(struct sh_task *task) {
    struct sh_session *session = task->session;
    if (session == NULL) return;
    if (task->before == NULL)
        session->tasks = task->after;
    else
        task->before->after = task->after;
    if (task->after != NULL) task->after->before = task->before;
    session->task_count--;
    session->task_bytes -= task->own.count;
    session->write_count -= task->errand.request.method->writes;
    session->every_count -= goes_to_every_shard(task->errand.request.method);
    task->session = NULL;
}

void sh_task_end(struct sh_loop *loop, struct sh_task *task) {
    task_leave_session(task);
    if (task->errand.request.method->writes && atomic_fetch_sub(&loop->write_count, 1) == 1)
        sh_snapshots_note_end(loop);
    loop->task_count--;
    loop->follow_count -= task->is_follow;
    task->is_follow = false;
    if (loop->spare_task_count >= SPARE_COUNT_MAX) {
        task_free(task);
        return;
    }
    buffer_rest(&task->own);
    buffer_rest(&task->errand.body);
    buffer_rest(&task->errand.effects);
    buffer_rest(&task->errand.follow);
    task->after = loop->spare_tasks;
    loop->spare_tasks = task;
    loop->spare_task_count++;
}

void sh_task_free_spares(struct sh_loop *loop) {
    while (loop->spare_tasks != NULL) {
        struct sh_task *task = loop->spare_tasks;
        loop->spare_tasks = task->after;
        task_free(task);
    }
    loop->spare_task_count = 0;
}

static uint64_t took_us(const struct sh_loop *loop, uint64_t begin_ns) {
    return (loop->clock_ns - begin_ns) / 1000;
}

/* ---- the audit log ---- */

static const char *caller_of(const struct sh_principal *principal) {
    return principal->is_owner ? "owner" : principal->token;
}

static bool is_audited(const struct sh_loop *loop, const struct sh_method *method) {
    return loop->server->audit != NULL && (method->flags & SH_METHOD_AUDITED) != 0;
}

/* The token that a token.* method is about. */
static struct sh_text subject_of(const struct sh_request *request) {
    struct sh_cursor cursor;
    struct sh_text key;
    struct sh_text id = {0};
    uint32_t pair_count;
    if (strncmp(request->method->name, "token.", 6) != 0) return id;
    sh_cursor_init(&cursor, request->params, request->params_count);
    if (sh_cursor_map(&cursor, &pair_count, "", NULL) != SH_OK) return id;
    for (uint32_t i = 0; i < pair_count && sh_cursor_text(&cursor, &key, "", NULL) == SH_OK; i++) {
        if (!sh_text_equal(key, SH_TEXT_LITERAL("id"))) {
            if (sh_cursor_skip(&cursor, NULL, NULL) != SH_OK) break;
        } else if (sh_cursor_text(&cursor, &id, "", NULL) == SH_OK && sh_token_id_is_valid(id)) {
            return id;
        } else {
            break;
        }
    }
    return (struct sh_text){0};
}

static void audit(const struct sh_loop *loop, const struct sh_request *request, const char *caller,
                  enum sh_status result, uint64_t request_us) {
    const struct sh_audit_entry entry = {.time_ms = sh_io_now_ms(loop->io),
                                         .method = request->method->name,
                                         .token = caller,
                                         .workspace = request->workspace,
                                         .subject = subject_of(request),
                                         .result = result,
                                         .request = request->id,
                                         .took_us = request_us};
    sh_audit_write(loop->server->audit, &entry);
}

/* One that is answered at once, or was refused before it was begun. */
static void audit_now(const struct sh_session *session, const struct sh_request *request, enum sh_status result,
                      uint64_t begin_ns) {
    const bool is_stranger = result == SH_ERR_UNAUTHENTICATED && session->loop->server->audit != NULL;
    if (is_stranger || is_audited(session->loop, request->method))
        audit(session->loop, request, caller_of(&session->principal), result, took_us(session->loop, begin_ns));
}

/* ---- beginning ---- */

/* A task of this session for this request; the request's texts become the task's own. */
static struct sh_task *task_begin(struct sh_session *session, const struct sh_frame *frame,
                                  const struct sh_request *request) {
    struct sh_task *task = sh_task_make(session->loop);
    if (task == NULL) return NULL;
    sh_errand_init(&task->errand, request, session->loop->index);
    if (request->method->writes) atomic_fetch_add(&session->loop->write_count, 1);
    sh_buffer_append(&task->own, request->params, request->params_count);
    sh_buffer_append_text(&task->own, request->workspace);
    sh_buffer_append_text(&task->own, request->client);
    task->session = session;
    task->before = NULL;
    task->after = session->tasks;
    if (task->after != NULL) task->after->before = task;
    session->tasks = task;
    session->task_count++;
    session->task_bytes += task->own.count;
    task->errand.is_behind = session->write_count > 0;
    session->write_count += request->method->writes;
    session->every_count += goes_to_every_shard(request->method);
    if (task->own.failed) {
        sh_task_end(session->loop, task);
        return NULL;
    }
    task->msgid = frame->msgid;
    task->is_notice = frame->kind == SH_FRAME_NOTICE;
    task->is_held = false;
    task->begin_ns = session->loop->clock_ns;
    if (is_audited(session->loop, request->method)) {
        const char *caller = caller_of(&session->principal);
        memcpy(task->caller, caller, strlen(caller) + 1);
    }
    task->errand.task = task;
    task->errand.request.params = task->own.bytes;
    task->errand.request.workspace =
        (struct sh_text){(const char *)task->own.bytes + request->params_count, request->workspace.count};
    task->errand.request.client =
        (struct sh_text){task->errand.request.workspace.bytes + request->workspace.count, request->client.count};
    sh_frame_write_answer(&task->errand.body, task->msgid);
    task->head_bytes = task->errand.body.count;
    return task;
}

void sh_task_detach_all(struct sh_loop *loop, struct sh_session *session) {
    session->held_first = NULL;
    session->held_last = NULL;
    while (session->tasks != NULL) {
        struct sh_task *task = session->tasks;
        task_leave_session(task);
        atomic_store_explicit(&task->errand.is_cancelled, true, memory_order_relaxed);
        if (task->errand.gathered_by != NULL) sh_gather_cancel(task->errand.gathered_by);
        if (task->is_held) sh_task_end(loop, task);
    }
}

/* ---- answers ---- */

static void count_request(struct sh_loop *loop, const struct sh_method *method, uint64_t begin_ns, bool failed) {
    loop->clock_ns = sh_io_exact_ns(loop->io);
    sh_counters_request(&loop->counters, method->number, loop->clock_ns - begin_ns, failed);
}

/* Where the time of a long one went. */
static void note_if_slow(struct sh_loop *loop, const struct sh_session *session, const struct sh_request *request,
                         uint64_t begin_ns, uint64_t worked_ns, enum sh_status status, size_t answer_bytes) {
    struct sh_slow_log *log = &loop->server->slow;
    const uint64_t took_ns = loop->clock_ns - begin_ns;
    if (!sh_slow_log_wants(log, took_ns)) return;
    sh_count(&loop->counters.slow_count, 1);
    const struct sh_slow_request slow = {
        .request = request,
        .token = session == NULL ? "" : session->principal.token,
        .took_ns = took_ns,
        .worked_ns = worked_ns,
        .status = status,
        .answer_bytes = answer_bytes,
    };
    sh_slow_log_note(log, &slow);
}

static void answer_error(struct sh_session *session, const struct sh_frame *frame, const struct sh_error *err) {
    sh_counters_error(&session->loop->counters, err->status);
    if (frame->kind == SH_FRAME_REQUEST) sh_frame_write_error(&session->output, frame->msgid, err);
}

/* An output without memory for an answer cannot go on: the client would wait for it for ever. */
static void check_output(struct sh_session *session) {
    if (session->output.failed) sh_session_close(session);
}

void sh_task_answer(struct sh_loop *loop, struct sh_task *task) {
    struct sh_session *session = task->session;
    struct sh_errand *errand = &task->errand;
    if (session != NULL && !task->is_notice) {
        struct sh_buffer *output = &session->output;
        if (errand->status != SH_OK) {
            sh_counters_error(&loop->counters, errand->status);
            sh_frame_write_error(output, task->msgid, &errand->err);
        } else if (errand->body.count >= SWAP_BYTES_MIN && output->count == 0) {
            const struct sh_buffer empty = *output;
            *output = errand->body;
            output->limit = empty.limit;
            errand->body = empty;
            errand->body.limit = (size_t)SH_ANSWER_BYTES_MAX + HEAD_BYTES_MAX;
        } else {
            sh_buffer_append(output, errand->body.bytes, errand->body.count);
        }
        check_output(session);
    }
    /* Also after a notice: it may have been the last thing that an ending session waited for. */
    if (session != NULL) sh_session_mark_dirty(session);
    sh_task_end(loop, task);
}

void sh_task_finish(struct sh_loop *loop, struct sh_task *task) {
    struct sh_errand *errand = &task->errand;
    const struct sh_method *method = errand->request.method;
    struct sh_session *session = task->session;
    if (errand->status == SH_OK && method->spread == SH_SPREAD_ALL && strcmp(method->name, "stats") == 0 &&
        session != NULL && session->principal.names_workspace)
        errand->status = sh_answer_add_counters(loop, &errand->request, &errand->body, task->head_bytes, &errand->err);
    count_request(loop, method, task->begin_ns, errand->status != SH_OK);
    if (is_audited(loop, method))
        audit(loop, &errand->request, task->caller, errand->status, took_us(loop, task->begin_ns));
    note_if_slow(loop, session, &errand->request, task->begin_ns, errand->worked_ns, errand->status,
                 errand->body.count - task->head_bytes);
    if (errand->status == SH_OK) {
        sh_frame_write_took(&errand->body, took_us(loop, task->begin_ns));
        errand->status = sh_buffer_status(&errand->body, &errand->err);
    }
    struct sh_task *follow = sh_follow_take(loop, errand);
    if (session != NULL && !task->is_notice && !sh_session_has_room(session))
        sh_session_hold(session, task);
    else
        sh_task_answer(loop, task);
    sh_follow_begin(loop, follow);
}

/* ---- requests ---- */

/* May it use the room that the log keeps when the disk is full? */
static bool is_urgent(const struct sh_method *method) {
    return (method->flags & SH_METHOD_URGENT) != 0;
}

/* A write in the only shard finishes at once: its params are read where they arrived, and its answer is written where
 * it is sent from. */
static void run_in_place(struct sh_session *session, const struct sh_frame *frame, const struct sh_request *request) {
    struct sh_loop *loop = session->loop;
    struct sh_error err;
    struct sh_job *job = NULL;
    struct sh_buffer *output = &session->output;
    const size_t begin = output->count;
    const uint64_t begin_ns = loop->clock_ns;
    sh_frame_write_answer(output, frame->msgid);
    const struct sh_answer answer = {.body = output};
    const enum sh_status status = sh_shard_start(loop->shard, request, &answer, &job, &err);
    sh_assert(job == NULL);
    sh_behind_ring(loop);
    count_request(loop, request->method, begin_ns, status != SH_OK);
    note_if_slow(loop, session, request, begin_ns, loop->clock_ns - begin_ns, status, output->count - begin);
    audit_now(session, request, status, begin_ns);
    if (status == SH_OK) sh_frame_write_took(output, took_us(loop, begin_ns));
    if (status != SH_OK || frame->kind == SH_FRAME_NOTICE) output->count = begin;
    if (status != SH_OK) answer_error(session, frame, &err);
}

/* ---- what the server answers itself ---- */

/* Methods of SH_SPREAD_SESSION that are answered at once. */
struct session_method {
    const char *name;
    enum sh_status (*answer)(struct sh_session *session, const struct sh_request *request, struct sh_buffer *body,
                             struct sh_error *err);
};
static const struct session_method session_methods[] = {
    {"hello", sh_answer_hello},
    {"token.create", sh_answer_token_create},
    {"token.list", sh_answer_token_list},
    {"token.rotate", sh_answer_token_rotate},
    {"token.revoke", sh_answer_token_revoke},
};

static const struct session_method *find_session_method(const struct sh_method *method) {
    for (size_t i = 0; method->spread == SH_SPREAD_SESSION && i < sizeof session_methods / sizeof session_methods[0];
         i++)
        if (strcmp(session_methods[i].name, method->name) == 0) return &session_methods[i];
    return NULL;
}

static void run_session_method(struct sh_session *session, const struct sh_frame *frame,
                               const struct sh_request *request, const struct session_method *known) {
    struct sh_loop *loop = session->loop;
    struct sh_error err;
    struct sh_buffer *output = &session->output;
    const size_t begin = output->count;
    const uint64_t begin_ns = loop->clock_ns;
    sh_frame_write_answer(output, frame->msgid);
    const enum sh_status status = known->answer(session, request, output, &err);
    count_request(loop, request->method, begin_ns, status != SH_OK);
    audit_now(session, request, status, begin_ns);
    if (status == SH_OK) sh_frame_write_took(output, took_us(loop, begin_ns));
    if (status != SH_OK || frame->kind == SH_FRAME_NOTICE) output->count = begin;
    if (status != SH_OK) answer_error(session, frame, &err);
    if (status == SH_ERR_UNAUTHENTICATED) sh_session_refuse(session);
}

/* Answered when the snapshot is there. */
static enum sh_status run_snapshot(struct sh_session *session, const struct sh_frame *frame,
                                   const struct sh_request *request, struct sh_error *err) {
    struct sh_loop *loop = session->loop;
    const enum sh_status status = sh_check_no_params(request, err);
    if (status != SH_OK) return status;
    if (loop->server->data == NULL) {
        (void)sh_fail(err, SH_ERR_UNSUPPORTED, -1, "this server keeps nothing");
        return sh_fail_hint(err, SH_ERR_UNSUPPORTED, "start it with --data DIR");
    }
    if (loop->is_stopping) return sh_fail(err, SH_ERR_CLOSED, -1, "the server stops");
    struct sh_task *task = task_begin(session, frame, request);
    if (task == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for this request; nothing was changed");
    sh_snapshots_ask(loop, task);
    return SH_OK;
}

void sh_task_send(struct sh_loop *loop, struct sh_task *task) {
    const enum sh_spread spread = task->errand.request.method->spread;
    if (loop->server->loop_count == 1 || spread == SH_SPREAD_ANY) {
        sh_errand_run(loop, &task->errand);
    } else if ((spread == SH_SPREAD_EVERY || spread == SH_SPREAD_ROUNDS) && loop->index != 0) {
        task->errand.kind = SH_ERRAND_EVERY;
        sh_loop_post(loop, 0, &task->errand);
    } else {
        sh_gather_begin(loop, &task->errand);
    }
}

static void run_task(struct sh_session *session, const struct sh_frame *frame, const struct sh_request *request) {
    struct sh_loop *loop = session->loop;
    struct sh_task *task = task_begin(session, frame, request);
    if (task == NULL) {
        struct sh_error err;
        (void)sh_fail(&err, SH_ERR_MEMORY, -1, "no memory for this request; nothing was changed");
        answer_error(session, frame, &err);
        return;
    }
    task->errand.is_urgent = is_urgent(request->method);
    sh_task_send(loop, task);
}

/* Is this the moment to begin such a request? Only with a journal it may not be. */
static bool may_begin(const struct sh_session *session, const struct sh_method *method) {
    const struct sh_server *server = session->loop->server;
    if (server->data == NULL) return true;
    if (session->every_count > 0 && server->loop_count > 1 && !goes_to_every_shard(method)) return false;
    return !method->writes || !atomic_load(&server->holds_writes);
}

/* What there is no memory for, or what the journal may not take, is refused before anything is done. */
static bool is_admitted(const struct sh_loop *loop, const struct sh_method *method, struct sh_error *err) {
    if (sh_room_admit(loop, method, err) != SH_OK) return false;
    if (loop->server->data == NULL || !method->writes) return true;
    return sh_journal_admit(loop->server, is_urgent(method), err) == SH_OK;
}

static void run_request(struct sh_session *session, const struct sh_frame *frame, const struct sh_request *request) {
    const struct sh_method *method = request->method;
    const struct session_method *known = find_session_method(method);
    struct sh_error err;
    if (known != NULL) {
        run_session_method(session, frame, request, known);
    } else if (method->spread == SH_SPREAD_SESSION) {
        if (run_snapshot(session, frame, request, &err) != SH_OK) answer_error(session, frame, &err);
    } else if (method->writes && session->loop->journal.log == NULL && session->loop->server->loop_count == 1) {
        run_in_place(session, frame, request);
    } else {
        run_task(session, frame, request);
    }
}

/* May this session call it? method NULL: what was asked for is not there, as *err says; but who is nobody is not told
 * which methods there are. */
static enum sh_status check_open(struct sh_session *session, const struct sh_method *method, struct sh_error *err) {
    struct sh_loop *loop = session->loop;
    struct sh_access *access = loop->server->access;
    if (access == NULL || (method == NULL && session->principal.is_known)) return SH_OK;
    /* hello looks at the token that it brings. */
    if (method != NULL && find_session_method(method) == &session_methods[0]) return SH_OK;
    return sh_access_check(access, &session->principal, method, sh_io_now_ms(loop->io), sh_io_monotonic_ns(loop->io),
                           err);
}

static const struct sh_method *find_method(struct sh_text name, struct sh_error *err) {
    const struct sh_method *method = sh_method_find(name, err);
    if (method == NULL || !method->internal) return method;
    (void)sh_fail(err, SH_ERR_NAME, -1, "`%s` is for shards only", method->name);
    return NULL;
}

bool sh_task_run(struct sh_loop *loop, struct sh_session *session, const struct sh_frame *frame) {
    struct sh_error err;
    const struct sh_method *method = find_method(frame->method, &err);
    if (method != NULL && !may_begin(session, method)) return false;
    const enum sh_status status = check_open(session, method, &err);
    if (method == NULL || status != SH_OK) {
        sh_count(status == SH_OK ? &loop->counters.unknown_count : &loop->counters.denied_count, 1);
        answer_error(session, frame, &err);
        const struct sh_request request = {.method = method,
                                           .workspace = {session->workspace, session->workspace_count},
                                           .params = frame->params,
                                           .params_count = frame->params_bytes};
        if (method != NULL) audit_now(session, &request, status, loop->clock_ns);
        if (status == SH_ERR_UNAUTHENTICATED) sh_session_refuse(session);
    } else {
        struct sh_request request = {
            .method = method,
            .workspace = {session->workspace, session->workspace_count},
            .params = frame->params,
            .params_count = frame->params_bytes,
            .now_ms = sh_io_now_ms(loop->io),
            .id = sh_loop_request_id(loop),
            .begin_ns = loop->clock_ns,
            .hides_personal = loop->server->access != NULL && (session->principal.roles & SH_ROLE_PERSONAL) == 0,
        };
        if (sh_envelope_read(frame, &request, &err) == SH_OK && is_admitted(loop, method, &err) &&
            sh_shard_admit(loop->shard, &request, &err) == SH_OK)
            run_request(session, frame, &request);
        else {
            answer_error(session, frame, &err);
            audit_now(session, &request, err.status, loop->clock_ns);
        }
    }
    check_output(session);
    return true;
}
