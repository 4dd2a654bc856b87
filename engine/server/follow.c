/* follow.c -- the write that a question leaves behind: what was served, to be remembered (served.h in shard).
 *
 *   task of feed.get, done -- sh_follow_take --> a task of nobody, not begun
 *        '- the answer goes out
 *                               sh_follow_begin --> goes the way of every write: journal, all shards
 *
 * Nobody waits for it, and it can be left out: when the journal takes no writes, a snapshot waits for them to end, the
 * server stops, or so many are under way that the disk is behind. Then a feed is served that is not learned from.
 */
#include "loop.h"

enum { FOLLOW_COUNT_MAX = 4096 }; /* under way in a loop: some MiB of params */

static bool is_possible(const struct sh_loop *loop, const struct sh_method *method) {
    const struct sh_server *server = loop->server;
    struct sh_error err;
    if (loop->is_stopping || loop->follow_count >= FOLLOW_COUNT_MAX) return false;
    if (server->data == NULL) return true;
    return !atomic_load(&server->holds_writes) &&
           sh_journal_admit(server, (method->flags & SH_METHOD_URGENT) != 0, &err) == SH_OK;
}

struct sh_task *sh_follow_take(struct sh_loop *loop, const struct sh_errand *asked) {
    if (asked->status != SH_OK || asked->follow.count == 0 || asked->follow.failed) return NULL;
    const struct sh_method *method = sh_method_find(SH_TEXT_LITERAL("feed.served"), NULL);
    sh_assert(method != NULL);
    struct sh_task *task = is_possible(loop, method) ? sh_task_make(loop) : NULL;
    if (task == NULL) {
        sh_count(&loop->counters.unfollowed_count, 1);
        return NULL;
    }
    struct sh_request request = asked->request;
    request.method = method;
    request.client = (struct sh_text){0};
    request.seq = 0;
    request.id = sh_loop_request_id(loop);
    sh_buffer_append(&task->own, asked->follow.bytes, asked->follow.count);
    sh_buffer_append_text(&task->own, request.workspace);
    sh_errand_init(&task->errand, &request, loop->index);
    task->errand.task = task;
    task->errand.request.params = task->own.bytes;
    task->errand.request.params_count = asked->follow.count;
    task->errand.request.workspace =
        (struct sh_text){(const char *)task->own.bytes + asked->follow.count, request.workspace.count};
    task->is_notice = true;
    task->is_held = false;
    task->is_follow = true;
    task->begin_ns = loop->clock_ns;
    task->head_bytes = 0;
    loop->follow_count++;
    atomic_fetch_add(&loop->write_count, 1);
    return task;
}

void sh_follow_begin(struct sh_loop *loop, struct sh_task *task) {
    if (task == NULL) return;
    if (task->own.failed) {
        sh_count(&loop->counters.unfollowed_count, 1);
        sh_task_end(loop, task);
        return;
    }
    sh_task_send(loop, task);
}
