#include "loop.h"
#include "memory.h"
#include "server_log.h"

static void send_out(struct sh_loop *loop, struct sh_errand *errand, uint32_t shard) {
    if (shard == loop->index)
        sh_errand_run(loop, errand);
    else
        sh_loop_post(loop, shard, errand);
}

static void errands_free(struct sh_errand *errands, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        sh_errand_deinit(&errands[i]);
    sh_free(errands);
}

static void gather_end(struct sh_loop *loop, struct sh_gather *gather) {
    struct sh_errand *asked = gather->asked;
    errands_free(gather->errands, gather->errand_count);
    errands_free(gather->lessons, gather->lesson_count);
    sh_split_free(&gather->split);
    sh_free(gather);
    if (asked->home == loop->index) asked->gathered_by = NULL;
    sh_errand_done(loop, asked);
}

/* ---- the parts ---- */

static struct sh_errand *errands_make(uint32_t count) {
    struct sh_errand *errands = sh_alloc_zero(count * sizeof *errands);
    for (uint32_t i = 0; errands != NULL && i < count; i++) {
        sh_buffer_init(&errands[i].body, SH_ANSWER_BYTES_MAX);
        sh_buffer_init(&errands[i].effects, SH_PART_BYTES_MAX);
        sh_buffer_init(&errands[i].follow, SH_FRAME_BYTES_MAX);
    }
    return errands;
}

/* An errand for each part of the split. */
static enum sh_status make_parts(struct sh_loop *loop, struct sh_gather *gather, struct sh_error *err) {
    const struct sh_request *request = &gather->asked->request;
    const uint32_t count = gather->split.part_count;
    gather->errands = errands_make(count);
    if (gather->errands == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a request to %u shards", count);
    gather->errand_count = count;
    /* Loop 0 alone gathers these, and sends them out in the order of their numbers. */
    const bool is_numbered = gather->split.kind == SH_PART_EVERY || gather->split.kind == SH_PART_END;
    const uint64_t number = is_numbered ? ++loop->server->every_number : 0;
    for (uint32_t i = 0; i < count; i++) {
        struct sh_request part = *request;
        part.params = gather->split.parts[i].params.bytes;
        part.params_count = gather->split.parts[i].params.count;
        sh_errand_init(&gather->errands[i], &part, loop->index);
        gather->errands[i].part_of = gather;
        gather->errands[i].part_kind = gather->split.kind;
        gather->errands[i].number = number;
        gather->errands[i].is_behind = gather->asked->is_behind;
        gather->errands[i].is_urgent = gather->asked->is_urgent;
    }
    return SH_OK;
}

static void send_parts(struct sh_loop *loop, struct sh_gather *gather) {
    /* One more is awaited until all are sent, so that an answer at once does not end the gather under our feet. */
    gather->awaited_count = gather->errand_count + 1;
    for (uint32_t i = 0; i < gather->errand_count; i++)
        send_out(loop, &gather->errands[i], gather->split.parts[i].shard);
    sh_gather_back(loop, &gather->errands[0]);
}

void sh_gather_begin(struct sh_loop *loop, struct sh_errand *asked) {
    struct sh_gather *gather = sh_alloc_zero(sizeof *gather);
    if (gather == NULL) {
        asked->status = sh_fail(&asked->err, SH_ERR_MEMORY, -1, "no memory for a request to several shards");
        sh_errand_done(loop, asked);
        return;
    }
    gather->asked = asked;
    /* Only its home looks there, when the client leaves; another loop's gather may be gone by then. */
    if (asked->home == loop->index) asked->gathered_by = gather;
    asked->status = sh_request_split(&asked->request, loop->shard, &gather->split, &asked->err);
    if (asked->status == SH_OK) asked->status = make_parts(loop, gather, &asked->err);
    if (asked->status != SH_OK) {
        gather_end(loop, gather);
        return;
    }
    send_parts(loop, gather);
}

/* ---- what the siblings must learn ---- */

static const struct sh_method *learn_method(void) {
    const struct sh_method *method = sh_method_find(SH_TEXT_LITERAL("shard.learn"), NULL);
    sh_assert(method != NULL);
    return method;
}

/* Each part's effects go to every shard but its own. */
static bool teach(struct sh_loop *loop, struct sh_gather *gather) {
    const uint32_t shard_count = loop->server->loop_count;
    uint32_t teacher_count = 0;
    for (uint32_t i = 0; i < gather->errand_count; i++)
        if (gather->errands[i].effects.count > 0) teacher_count++;
    if (teacher_count == 0) return false;
    gather->lessons = errands_make(teacher_count * (shard_count - 1));
    if (gather->lessons == NULL) {
        sh_log(SH_LOG_ERROR, "no memory to tell the other shards what events say about items");
        sh_journal_fall_behind(loop);
        return false;
    }
    gather->lesson_count = teacher_count * (shard_count - 1);
    gather->is_teaching = true;
    gather->awaited_count = gather->lesson_count + 1;
    uint32_t lesson = 0;
    for (uint32_t i = 0; i < gather->errand_count; i++) {
        const struct sh_errand *teacher = &gather->errands[i];
        if (teacher->effects.count == 0) continue;
        struct sh_request request = gather->asked->request;
        request.method = learn_method();
        request.client = (struct sh_text){0};
        request.seq = 0;
        request.params = teacher->effects.bytes;
        request.params_count = teacher->effects.count;
        for (uint32_t shard = 0; shard < shard_count; shard++) {
            if (shard == gather->split.parts[i].shard) continue;
            struct sh_errand *errand = &gather->lessons[lesson++];
            sh_errand_init(errand, &request, loop->index);
            errand->part_of = gather;
            errand->part_kind = SH_PART_LESSON;
            errand->source = gather->split.parts[i].shard;
            errand->is_urgent = gather->asked->is_urgent;
            send_out(loop, errand, shard);
        }
    }
    return true;
}

/* ---- the answer ---- */

static enum sh_status merge(struct sh_loop *loop, struct sh_gather *gather, struct sh_error *err) {
    struct sh_errand *asked = gather->asked;
    const uint64_t begin_ns = sh_io_exact_ns(loop->io);
    struct sh_buffer *bodies = sh_alloc(gather->errand_count * sizeof *bodies);
    if (bodies == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to merge answers");
    for (uint32_t i = 0; i < gather->errand_count; i++)
        bodies[i] = gather->errands[i].body;
    const enum sh_status status = sh_request_merge(&asked->request, &gather->split, bodies, &asked->body, err);
    asked->worked_ns += sh_io_exact_ns(loop->io) - begin_ns;
    sh_free(bodies);
    return status;
}

/* Of a write in rounds: the next one is on its way. If not, the request's status is known. */
static bool begin_next_round(struct sh_loop *loop, struct sh_gather *gather) {
    struct sh_errand *asked = gather->asked;
    struct sh_part_result results[SH_SHARD_COUNT_MAX];
    bool more = false;
    for (uint32_t i = 0; i < gather->errand_count; i++) {
        const struct sh_errand *errand = &gather->errands[i];
        results[i] = (struct sh_part_result){errand->status, &errand->err, &errand->body};
    }
    asked->status = sh_request_next(&asked->request, &gather->split, results, &more, &asked->err);
    if (!more) return false;
    errands_free(gather->errands, gather->errand_count);
    gather->errands = NULL;
    gather->errand_count = 0;
    asked->status = make_parts(loop, gather, &asked->err);
    if (asked->status != SH_OK) {
        if (asked->request.method->writes) sh_journal_fall_behind(loop); /* in the midst of a merge */
        return false;
    }
    send_parts(loop, gather);
    return true;
}

static void gather_finish_rounds(struct sh_loop *loop, struct sh_gather *gather) {
    struct sh_errand *asked = gather->asked;
    if (begin_next_round(loop, gather)) return;
    if (asked->status == SH_OK) asked->status = merge(loop, gather, &asked->err);
    gather_end(loop, gather);
}

/* What one shard's answer leaves to be written becomes the whole request's. */
static void take_follow(struct sh_gather *gather) {
    for (uint32_t i = 0; i < gather->errand_count; i++) {
        struct sh_buffer *follow = &gather->errands[i].follow;
        if (follow->count == 0) continue;
        const struct sh_buffer empty = gather->asked->follow;
        gather->asked->follow = *follow;
        *follow = empty;
    }
}

static void gather_finish(struct sh_loop *loop, struct sh_gather *gather) {
    struct sh_errand *asked = gather->asked;
    if (sh_split_has_next(&gather->split)) {
        gather_finish_rounds(loop, gather);
        return;
    }
    for (uint32_t i = 0; i < gather->lesson_count; i++)
        if (gather->lessons[i].status != SH_OK)
            sh_log(SH_LOG_ERROR, "a shard could not learn from another: %s", gather->lessons[i].err.message);
    asked->status = SH_OK;
    for (uint32_t i = 0; i < gather->errand_count && asked->status == SH_OK; i++) {
        asked->status = gather->errands[i].status;
        if (asked->status != SH_OK) asked->err = gather->errands[i].err;
    }
    if (asked->status == SH_OK) asked->status = merge(loop, gather, &asked->err);
    take_follow(gather);
    gather_end(loop, gather);
}

/* All parts, or all lessons, are back. */
static void note_work(struct sh_gather *gather) {
    const struct sh_errand *errands = gather->is_teaching ? gather->lessons : gather->errands;
    const uint32_t count = gather->is_teaching ? gather->lesson_count : gather->errand_count;
    for (uint32_t i = 0; i < count; i++)
        gather->asked->worked_ns += errands[i].worked_ns;
}

void sh_gather_back(struct sh_loop *loop, struct sh_errand *errand) {
    struct sh_gather *gather = errand->part_of;
    sh_assert(gather->awaited_count > 0);
    if (--gather->awaited_count > 0) return;
    note_work(gather);
    if (!gather->is_teaching && teach(loop, gather) && --gather->awaited_count > 0) return;
    gather_finish(loop, gather);
}

void sh_gather_cancel(struct sh_gather *gather) {
    for (uint32_t i = 0; i < gather->errand_count; i++)
        atomic_store_explicit(&gather->errands[i].is_cancelled, true, memory_order_relaxed);
}
