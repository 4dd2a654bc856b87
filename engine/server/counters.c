#include "counters.h"

#include "memory.h"
#include "shard.h"

bool sh_counters_init(struct sh_counters *counters) {
    counters->methods = sh_alloc_zero(sh_method_count() * sizeof *counters->methods);
    return counters->methods != NULL;
}

void sh_counters_deinit(struct sh_counters *counters) {
    sh_free(counters->methods);
    counters->methods = NULL;
}

void sh_counters_request(struct sh_counters *counters, uint32_t method, uint64_t latency_ns, bool failed) {
    sh_assert(method < sh_method_count());
    struct sh_method_counters *counted = &counters->methods[method];
    sh_count(&counted->request_count, 1);
    if (failed) sh_count(&counted->error_count, 1);
    sh_latency_note(&counted->latency, latency_ns);
}

/* ---- errors ---- */

/* A dense place for each status. A switch, so that the compiler says which is missing. */
static uint32_t place_of(enum sh_status status) {
    switch (status) {
    case SH_OK:
        return 0;
    case SH_ERR_PROTOCOL:
        return 1;
    case SH_ERR_TOO_LARGE:
        return 2;
    case SH_ERR_UNSUPPORTED:
        return 3;
    case SH_ERR_UNAUTHENTICATED:
        return 4;
    case SH_ERR_FORBIDDEN:
        return 5;
    case SH_ERR_ARGUMENT:
        return 6;
    case SH_ERR_SYNTAX:
        return 7;
    case SH_ERR_TYPE:
        return 8;
    case SH_ERR_NAME:
        return 9;
    case SH_ERR_NOT_FOUND:
        return 10;
    case SH_ERR_CONFLICT:
        return 11;
    case SH_ERR_OVERFLOW:
        return 12;
    case SH_ERR_BUSY:
        return 13;
    case SH_ERR_DEADLINE:
        return 14;
    case SH_ERR_LIMIT:
        return 15;
    case SH_ERR_CLOSED:
        return 16;
    case SH_ERR_READ_ONLY:
        return 17;
    case SH_ERR_RATE_LIMITED:
        return 18;
    case SH_ERR_MEMORY:
        return 19;
    case SH_ERR_IO:
        return 20;
    case SH_ERR_CORRUPT:
        return 21;
    }
    return 0;
}

/* Which status has this place: codes are three digits. */
static enum sh_status status_at(uint32_t place) {
    for (int code = 100; code < 600; code++)
        if (place_of((enum sh_status)code) == place) return (enum sh_status)code;
    return SH_OK;
}

void sh_counters_error(struct sh_counters *counters, enum sh_status status) {
    sh_count(&counters->errors[place_of(status)], 1);
}

enum sh_status sh_counters_errors(const struct sh_counters_context *context, uint32_t place, uint64_t *count) {
    *count = 0;
    for (uint32_t i = 0; i < context->loop_count; i++)
        *count += sh_counted(&context->loops[i]->errors[place]);
    return place == 0 ? SH_OK : status_at(place);
}

/* ---- names ---- */

#define AT(member) offsetof(struct sh_counters, member)
const struct sh_counter_name sh_counter_names[] = {
    {AT(connection_count), "connections", "shoal_connections", 1, true, "Open connections."},
    {AT(accepted_count), "accepted", "shoal_connections_accepted_total", 1, true, "Connections that were accepted."},
    {AT(refused_count), "refused", "shoal_connections_refused_total", 1, true, "Connections beyond the limit."},
    {AT(evicted_count), "evicted", "shoal_connections_evicted_total", 1, true,
     "Connections closed because they read or wrote too slowly, or showed no token in time."},
    {AT(unfollowed_count), "feeds_not_remembered", "shoal_feeds_not_remembered_total", 1, true,
     "Feeds served that could not be written down to be learned from."},
    {AT(faulty_count), "faulty", "shoal_connections_faulty_total", 1, true,
     "Connections closed because they did not speak MessagePack-RPC."},
    {AT(unknown_count), "unknown_methods", "shoal_requests_unknown_total", 1, true,
     "Requests for methods that do not exist."},
    {AT(denied_count), "denied", "shoal_requests_denied_total", 1, true,
     "Requests of nobody, without the role, or beyond the token's limit."},
    {AT(received_bytes), "received_bytes", "shoal_received_bytes_total", 1, true, "Bytes from clients."},
    {AT(sent_bytes), "sent_bytes", "shoal_sent_bytes_total", 1, true, "Bytes to clients."},
    {AT(unsent_bytes), "unsent_bytes", "shoal_unsent_bytes", 1, true, "Bytes of answers that clients have not read."},
    {AT(partial_bytes), "partial_bytes", "shoal_partial_bytes", 1, true, "Bytes held for unfinished messages."},
    {AT(turn_count), "turns", "shoal_loop_turns_total", 1, true, "Turns of the loop."},
    {AT(sleep_count), "sleeps", "shoal_loop_sleeps_total", 1, true, "Turns that had to wait for something to do."},
    {AT(task_count), "in_flight", "shoal_requests_in_flight", 1, true, "Requests that are not answered yet."},
    {AT(job_count), "jobs", "shoal_questions_running", 1, true, "Long questions that are worked on in turn."},
    {AT(job_wait_count), "jobs_waiting", "shoal_questions_waiting", 1, true, "Questions that are not begun."},
    {AT(letter_count), "letters", "shoal_letters_total", 1, true, "Messages to other shards."},
    {AT(slow_count), "slow", "shoal_requests_slow_total", 1, true, "Requests that the slow log has noted."},
    {AT(workspace_count), "workspaces", "shoal_workspaces", 1, true, "Workspaces in the shard."},
    {AT(user_count), "users", "shoal_users", 1, true, "Users in the shard."},
    {AT(item_count), "items", "shoal_items", 1, true, "Items; every shard has all."},
    {AT(event_count), "events", "shoal_events", 1, true, "Events in the shard."},
    {AT(cursor_count), "cursors", "shoal_cursors_open", 1, true, "Frozen audiences that are paged through."},
    {AT(memory_bytes), "memory_bytes", "shoal_memory_bytes", 1, true,
     "Bytes that the process has allocated, an even part for each shard."},
    {AT(log_record_count), "log_records", "shoal_log_records_total", 1, true, "Records appended to the log."},
    {AT(log_record_bytes), "log_bytes", "shoal_log_record_bytes_total", 1, true, "Bytes of them."},
    {AT(log_commit_count), "log_commits", "shoal_log_commits_total", 1, true, "Writes of the log to the disk."},
    {AT(log_commit_bytes), "log_commit_bytes", "shoal_log_commit_bytes_total", 1, true, "Bytes of them."},
    {AT(log_refused_count), "log_refused", "shoal_log_refused_total", 1, true, "Records that the log did not take."},
    {AT(log_wait_count), "log_waiting", "shoal_log_waiting", 1, true, "Requests that wait for the log."},
    {AT(snapshot_count), "snapshots", "shoal_snapshots_total", 1, false, "Snapshots since the start."},
    {AT(snapshot_bytes), "snapshot_bytes", "shoal_snapshot_bytes", 1, false, "Size of the last snapshot."},
    {AT(snapshot_hold_us), "snapshot_hold_us", "shoal_snapshot_hold_seconds", 1e-6, false,
     "How long writes waited for the last snapshot to begin."},
    {AT(snapshot_pause_us), "snapshot_pause_us", "shoal_snapshot_pause_seconds", 1e-6, false,
     "How long everything stood still for the last snapshot."},
    {AT(snapshot_time_ms), "snapshot_time_ms", "shoal_snapshot_timestamp_seconds", 1e-3, false,
     "When the last snapshot was there; 0: never since the start."},
};
#undef AT
const uint32_t sh_counter_name_count = sizeof sh_counter_names / sizeof sh_counter_names[0];

/* ---- sums ---- */

uint64_t sh_counters_one(const struct sh_counters *loop, const struct sh_counter_name *name) {
    return sh_counted((const sh_counter *)(const void *)((const char *)loop + name->offset));
}

uint64_t sh_counters_sum(const struct sh_counters_context *context, const struct sh_counter_name *name) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < context->loop_count; i++)
        total += sh_counters_one(context->loops[i], name);
    return total;
}

bool sh_counters_method(const struct sh_counters_context *context, uint32_t method, struct sh_method_sum *sum) {
    bool is_used = false;
    for (uint32_t i = 0; i < context->loop_count && !is_used; i++)
        is_used = sh_counted(&context->loops[i]->methods[method].request_count) > 0;
    if (!is_used) return false;
    *sum = (struct sh_method_sum){0};
    for (uint32_t i = 0; i < context->loop_count; i++) {
        const struct sh_method_counters *counted = &context->loops[i]->methods[method];
        sum->request_count += sh_counted(&counted->request_count);
        sum->error_count += sh_counted(&counted->error_count);
        sh_latency_add(&sum->latency, &counted->latency);
    }
    return true;
}
