#include "loop.h"
#include "memory.h"

/* Of 65,536 rows, between two looks at the clock: some tens of microseconds for plain questions, up to a millisecond
 * for ones about events. */
enum { STEP_BLOCK_COUNT = 4 };

void sh_errand_push(struct sh_errand_queue *queue, struct sh_errand *errand) {
    errand->next = NULL;
    if (queue->last == NULL)
        queue->first = errand;
    else
        queue->last->next = errand;
    queue->last = errand;
    queue->count++;
}

struct sh_errand *sh_errand_pop(struct sh_errand_queue *queue) {
    struct sh_errand *errand = queue->first;
    if (errand == NULL) return NULL;
    queue->first = errand->next;
    if (queue->first == NULL) queue->last = NULL;
    queue->count--;
    return errand;
}

static uint64_t clock_of_loop(void *context) {
    return sh_io_exact_ns(((struct sh_loop *)context)->io);
}

void sh_errand_init(struct sh_errand *errand, const struct sh_request *request, uint32_t home) {
    errand->kind = SH_ERRAND_RUN;
    errand->home = home;
    errand->is_back = false;
    atomic_init(&errand->is_cancelled, false);
    errand->request = *request;
    errand->job = NULL;
    errand->status = SH_OK;
    errand->worked_ns = 0;
    errand->wait_ms = 0;
    errand->part_kind = SH_PART_OWN;
    errand->source = 0;
    errand->number = 0;
    errand->position = 0;
    errand->is_behind = false;
    errand->is_urgent = false;
    errand->part_of = NULL;
    errand->gathered_by = NULL;
    errand->task = NULL;
}

void sh_errand_deinit(struct sh_errand *errand) {
    sh_buffer_deinit(&errand->body);
    sh_buffer_deinit(&errand->effects);
    sh_buffer_deinit(&errand->follow);
}

/* ---- running ---- */

static void start(struct sh_loop *loop, struct sh_errand *errand) {
    errand->request.clock_ns = clock_of_loop;
    errand->request.clock_context = loop;
    if (errand->request.method->writes) errand->request.position = errand->position;
    errand->answer.body = &errand->body;
    errand->answer.follow = &errand->follow;
    errand->answer.effects = loop->server->loop_count > 1 ? &errand->effects : NULL;
    errand->answer.wait_ms = &errand->wait_ms;
    errand->wait_ms = 0;
    const uint64_t refused_count = sh_memory_refused_count();
    const uint64_t begin_ns = clock_of_loop(loop);
    errand->status = sh_shard_start(loop->shard, &errand->request, &errand->answer, &errand->job, &errand->err);
    const uint64_t worked_ns = clock_of_loop(loop) - begin_ns;
    errand->worked_ns += worked_ns;
    loop->begun_ns += worked_ns;
    if (errand->request.method->writes) sh_behind_ring(loop);
    if (errand->request.method->writes && sh_memory_refused_count() != refused_count) {
        sh_journal_fall_behind(loop);
        /* Nor shall others learn from what was half done: the next start does it again, and then they do. */
        if (loop->journal.log != NULL) sh_buffer_clear(&errand->effects);
    }
    if (errand->job != NULL) sh_shares_add_job(&loop->shares, errand);
    sh_shares_used(&loop->shares, errand->request.workspace, worked_ns);
    if (errand->job != NULL) return;
    if (errand->status == SH_ERR_BUSY && errand->wait_ms > 0 && sh_behind_wait(loop, errand, errand->wait_ms)) return;
    sh_errand_done(loop, errand);
}

/* Is there room for answers? */
static bool may_begin(const struct sh_loop *loop) {
    return loop->unsent_bytes < SH_OUTPUT_TOTAL_BYTES_MAX;
}

static bool is_cancelled(const struct sh_errand *errand) {
    return atomic_load_explicit(&errand->is_cancelled, memory_order_relaxed);
}

static void done_cancelled(struct sh_loop *loop, struct sh_errand *errand) {
    sh_shares_used(&loop->shares, errand->request.workspace, 0);
    errand->status = sh_fail(&errand->err, SH_ERR_CLOSED, -1, "the client has gone");
    sh_errand_done(loop, errand);
}

void sh_errand_run(struct sh_loop *loop, struct sh_errand *errand) {
    if (sh_journal_takes(loop, errand))
        sh_journal_take(loop, errand);
    else
        sh_errand_begin(loop, errand);
}

void sh_errand_begin(struct sh_loop *loop, struct sh_errand *errand) {
    /* Only questions to all shards can become jobs with large answers. Many of them come in one turn, from one client's
     * pipeline or another loop's mail: what a slice does not hold waits, and everybody else is looked after between. */
    const bool is_question = errand->request.method->spread == SH_SPREAD_ALL;
    const bool is_spent = loop->begun_ns >= SH_SLICE_US_MAX * UINT64_C(1000);
    if (is_question && (is_spent || !may_begin(loop) || !sh_shares_may_begin(&loop->shares, errand->request.workspace)))
        sh_shares_add_waiting(&loop->shares, errand);
    else
        start(loop, errand);
}

void sh_errand_again(struct sh_loop *loop, struct sh_errand *errand) {
    if (is_cancelled(errand))
        done_cancelled(loop, errand);
    else
        start(loop, errand);
}

static void step(struct sh_loop *loop, struct sh_errand *errand) {
    if (is_cancelled(errand)) {
        sh_job_cancel(errand->job);
        errand->job = NULL;
        done_cancelled(loop, errand);
        return;
    }
    bool done = false;
    const uint64_t begin_ns = clock_of_loop(loop);
    errand->status = sh_job_step(errand->job, STEP_BLOCK_COUNT, &done, &errand->err);
    const uint64_t worked_ns = clock_of_loop(loop) - begin_ns;
    errand->worked_ns += worked_ns;
    if (!done) sh_shares_add_job(&loop->shares, errand);
    sh_shares_used(&loop->shares, errand->request.workspace, worked_ns);
    if (!done) return;
    errand->job = NULL;
    sh_errand_done(loop, errand);
}

void sh_errand_slice(struct sh_loop *loop) {
    const uint64_t end_ns = clock_of_loop(loop) + SH_SLICE_US_MAX * UINT64_C(1000);
    do {
        bool is_new;
        struct sh_errand *errand = sh_shares_next(&loop->shares, may_begin(loop), &is_new);
        if (errand == NULL) return;
        if (is_new)
            sh_errand_again(loop, errand);
        else
            step(loop, errand);
    } while (clock_of_loop(loop) < end_ns);
}

bool sh_errand_has_work(const struct sh_loop *loop) {
    return sh_shares_have_work(&loop->shares, may_begin(loop));
}

/* ---- coming and going ---- */

void sh_errand_done(struct sh_loop *loop, struct sh_errand *errand) {
    if (errand->home != loop->index) {
        errand->is_back = true;
        sh_loop_post(loop, errand->home, errand);
    } else if (errand->part_of != NULL) {
        sh_gather_back(loop, errand);
    } else {
        sh_task_finish(loop, errand->task);
    }
}

void sh_errand_arrived(struct sh_loop *loop, struct sh_errand *errand) {
    if (errand->is_back)
        sh_errand_done(loop, errand);
    else if (errand->kind == SH_ERRAND_EVERY)
        sh_gather_begin(loop, errand);
    else
        sh_errand_run(loop, errand);
}
