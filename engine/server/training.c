#include "training.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"
#include "server_log.h"
#include "trainer.h"

enum { RECEIVE_BYTES = 64 << 10, LOWEST_PRIORITY = 19 };

/* What the thread talks through. */
struct line {
    int handle;
    uint32_t msgid;
    struct sh_buffer out;
    struct sh_buffer in; /* of one answer */
};

/* ---- The thread's connection ---- */

static enum sh_status closed(struct sh_error *err) {
    return sh_fail(err, SH_ERR_CLOSED, -1, "the server stops");
}

static enum sh_status send_all(const struct line *line, struct sh_error *err) {
    for (size_t at = 0; at < line->out.count;) {
        const ssize_t sent = send(line->handle, line->out.bytes + at, line->out.count - at, MSG_NOSIGNAL);
        if (sent > 0)
            at += (size_t)sent;
        else if (errno != EINTR)
            return closed(err);
    }
    return SH_OK;
}

/* One answer; only one is ever on its way. */
static enum sh_status receive(struct line *line, struct sh_error *err) {
    static const size_t piece = RECEIVE_BYTES;
    struct sh_frame_scan scan;
    size_t frame_bytes = 0;
    sh_frame_scan_init(&scan, SH_ANSWER_BYTES_MAX);
    sh_buffer_clear(&line->in);
    while (frame_bytes == 0) {
        uint8_t *room = sh_buffer_reserve(&line->in, piece);
        if (room == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "there is no memory for an answer");
        const ssize_t got = recv(line->handle, room, piece, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return closed(err);
        line->in.count += (size_t)got;
        const enum sh_status status = sh_frame_scan(&scan, line->in.bytes, line->in.count, &frame_bytes, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

/* *result is good until the next call. */
static enum sh_status call(struct line *line, struct sh_text method, const void *params, size_t params_bytes,
                           struct sh_buffer *result, struct sh_error *err) {
    struct sh_frame frame;
    sh_buffer_clear(&line->out);
    sh_frame_write_request(&line->out, ++line->msgid, method, params, params_bytes);
    enum sh_status status = sh_buffer_status(&line->out, err);
    if (status == SH_OK) status = send_all(line, err);
    if (status == SH_OK) status = receive(line, err);
    if (status == SH_OK) status = sh_frame_read(line->in.bytes, line->in.count, &frame, err);
    if (status != SH_OK) return status;
    if (frame.result == NULL) {
        sh_frame_read_error(frame.error, frame.error_bytes, err);
        return err->status;
    }
    *result =
        (struct sh_buffer){.bytes = line->in.bytes + (frame.result - line->in.bytes), .count = frame.result_bytes};
    return SH_OK;
}

static enum sh_status say_hello(struct line *line, struct sh_text workspace, struct sh_error *err) {
    struct sh_buffer params;
    struct sh_buffer result;
    msgpack_packer packer;
    sh_buffer_init(&params, SH_FRAME_BYTES_MAX);
    sh_buffer_packer(&params, &packer);
    (void)msgpack_pack_map(&packer, 3);
    sh_pack_literal(&packer, "version");
    (void)msgpack_pack_int(&packer, 1);
    sh_pack_literal(&packer, "client");
    sh_pack_literal(&packer, "training");
    sh_pack_literal(&packer, "workspace");
    sh_pack_text(&packer, workspace);
    enum sh_status status = sh_buffer_status(&params, err);
    if (status == SH_OK) status = call(line, SH_TEXT_LITERAL("hello"), params.bytes, params.count, &result, err);
    sh_buffer_deinit(&params);
    return status;
}

/* ---- The thread ---- */

static void talk(struct sh_trainer *trainer, struct line *line) {
    bool is_greeted = false;
    while (sh_trainer_phase(trainer) != SH_TRAINER_DONE) {
        struct sh_error err;
        struct sh_request request = {.method = NULL};
        struct sh_buffer result = {.count = 0};
        if (sh_trainer_phase(trainer) == SH_TRAINER_TRAINING) {
            sh_trainer_compute(trainer);
            continue;
        }
        sh_trainer_next(trainer, &request);
        enum sh_status status = is_greeted ? SH_OK : say_hello(line, request.workspace, &err);
        is_greeted = true;
        if (status == SH_OK)
            status = call(line, sh_text_of(request.method->name), request.params, request.params_count, &result, &err);
        sh_trainer_take(trainer, status, &err, &result);
    }
}

/* What is refused stays as it was: then the thread is as important as others. */
static void lower_priority(void) {
    const struct sched_param none = {.sched_priority = 0};
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), LOWEST_PRIORITY);
    (void)sched_setscheduler(0, SCHED_IDLE, &none); /* of this thread: 0 is the caller */
}

static void *run(void *context) {
    struct sh_training *training = context;
    struct line line = {.handle = training->handle};
    lower_priority();
    sh_buffer_init(&line.out, SH_FRAME_BYTES_MAX + RECEIVE_BYTES);
    sh_buffer_init(&line.in, (size_t)SH_ANSWER_BYTES_MAX + RECEIVE_BYTES);
    talk(training->trainer, &line);
    sh_buffer_deinit(&line.out);
    sh_buffer_deinit(&line.in);
    atomic_store(&training->is_done, true);
    return NULL;
}

/* ---- Loop 0 ---- */

static void finish(struct sh_training *training, uint64_t now_ns) {
    struct sh_error err = {.status = SH_OK};
    (void)pthread_join(training->thread, NULL);
    (void)close(training->handle);
    if (!sh_trainer_is_well(training->trainer, &err) && err.status != SH_ERR_CLOSED)
        sh_log(SH_LOG_ERROR, "a training failed: %s", err.message);
    if (!sh_trainer_is_written(training->trainer))
        training->not_before_ns = now_ns + SH_TRAINING_RETRY_MS * UINT64_C(1000000);
    sh_trainer_destroy(training->trainer);
    training->trainer = NULL;
}

static void begin(struct sh_loop *loop, struct sh_training *training, uint64_t now_ns) {
    struct sh_error err;
    struct sh_trainer *trainer = sh_trainer_find_due(loop->shard, &training->turn, sh_io_now_ms(loop->io));
    if (trainer == NULL) return;
    enum sh_status status = sh_server_connect_owner(loop->server, &training->handle, &err);
    if (status == SH_OK) {
        training->trainer = trainer;
        atomic_store(&training->is_done, false);
        if (pthread_create(&training->thread, NULL, run, training) == 0) return;
        training->trainer = NULL;
        (void)close(training->handle);
        status = sh_fail(&err, SH_ERR_LIMIT, -1, "the kernel gives no thread");
    }
    sh_log(SH_LOG_ERROR, "a training could not begin: %s", err.message);
    training->not_before_ns = now_ns + SH_TRAINING_RETRY_MS * UINT64_C(1000000);
    sh_trainer_destroy(trainer);
}

void sh_training_tick(struct sh_loop *loop) {
    struct sh_training *training = &loop->server->training;
    const uint64_t now_ns = sh_io_monotonic_ns(loop->io);
    if (training->trainer != NULL && atomic_load(&training->is_done)) finish(training, now_ns);
    if (training->trainer == NULL && !loop->is_stopping && now_ns >= training->not_before_ns)
        begin(loop, training, now_ns);
}

void sh_training_end(struct sh_server *server) {
    struct sh_training *training = &server->training;
    if (training->trainer == NULL) return;
    sh_trainer_stop(training->trainer);
    (void)shutdown(training->handle, SHUT_RDWR);
    finish(training, 0);
}
