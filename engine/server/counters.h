/* counters.h -- what one loop counts about itself.
 *
 * Only the loop's own thread writes; any thread reads, for `stats` and for Prometheus. So each counter is an atomic that
 * is never contended (latency.h). The table of their names (sh_counter_names) says what each is called in either.
 */
#ifndef SH_COUNTERS_H
#define SH_COUNTERS_H

#include "buffer.h"
#include "latency.h"

struct sh_method_counters {
    sh_counter request_count;
    sh_counter error_count;
    struct sh_latency latency;
};

enum { SH_STATUS_COUNT = 24 }; /* at least as many as there are, see counters.c */

struct sh_counters {
    sh_counter connection_count; /* open now */
    sh_counter accepted_count;
    sh_counter refused_count;    /* over SH_CONNECTION_COUNT_MAX */
    sh_counter evicted_count;    /* closed because they read or wrote too slowly */
    sh_counter faulty_count;     /* streams that were no MessagePack-RPC */
    sh_counter unknown_count;    /* requests for methods that do not exist */
    sh_counter unfollowed_count; /* feeds served that were not written down to be learned from: follow.c */
    sh_counter denied_count;     /* requests of nobody, without the role, or beyond the token's limit */
    sh_counter received_bytes;
    sh_counter sent_bytes;
    sh_counter unsent_bytes;  /* of answers, now */
    sh_counter partial_bytes; /* of unfinished messages, now */
    sh_counter turn_count;
    sh_counter sleep_count;
    sh_counter seen_ms;          /* when it was last seen to turn, by the monotonic clock; at least once a second */
    sh_counter task_count;       /* requests in flight, now */
    sh_counter job_count;        /* of them: being worked on in turn */
    sh_counter job_wait_count;   /* of them: not begun */
    sh_counter letter_count;     /* posted to other loops */
    sh_counter log_record_count; /* of the log, since the start: appended */
    sh_counter log_record_bytes;
    sh_counter log_replayed_bytes; /* of records that the start did again */
    sh_counter log_commit_count;   /* writes to the disk */
    sh_counter log_commit_bytes;
    sh_counter log_refused_count;
    sh_counter snapshot_count;    /* since the start */
    sh_counter snapshot_bytes;    /* of the last one, as the next three */
    sh_counter snapshot_hold_us;  /* writes waited */
    sh_counter snapshot_pause_us; /* all stood still */
    sh_counter snapshot_time_ms;  /* when it was there, by the wall clock; 0: never */
    sh_counter log_wait_count;    /* errands that wait for it, now */
    sh_counter slow_count;        /* requests that took longer than the slow log's threshold */
    sh_counter workspace_count;   /* of its shard, now; the next ones as well, over all workspaces */
    sh_counter user_count;
    sh_counter item_count;
    sh_counter event_count;
    sh_counter cursor_count;
    sh_counter memory_bytes;
    sh_counter errors[SH_STATUS_COUNT]; /* that were answered, by status */
    struct sh_method_counters *methods; /* sh_method_count() of them, by number */
};

/* Make room for the methods. False: there is no memory. */
bool sh_counters_init(struct sh_counters *counters);
void sh_counters_deinit(struct sh_counters *counters);

/* One request of this method took so long, from its last byte to its answer. */
void sh_counters_request(struct sh_counters *counters, uint32_t method, uint64_t latency_ns, bool failed);
/* An error was answered. */
void sh_counters_error(struct sh_counters *counters, enum sh_status status);

/* ---- reading, from any thread ---- */

struct sh_counters_context {
    const struct sh_counters *const *loops;
    uint32_t loop_count;
    uint64_t uptime_ms;
    const char *io;
    const char *version;
};

/* A counter's names. */
struct sh_counter_name {
    size_t offset;      /* in struct sh_counters */
    const char *name;   /* in `stats` */
    const char *metric; /* for Prometheus; one that ends in _total only grows */
    double scale;       /* from what is counted to the metric's unit */
    bool is_of_loop;    /* each loop's own, not one of loop 0 for all */
    const char *help;
};
extern const struct sh_counter_name sh_counter_names[];
extern const uint32_t sh_counter_name_count;

uint64_t sh_counters_one(const struct sh_counters *loop, const struct sh_counter_name *name);
uint64_t sh_counters_sum(const struct sh_counters_context *context, const struct sh_counter_name *name);
/* Of place 0 to SH_STATUS_COUNT - 1, how many errors were answered and of which status; SH_OK: no status has the place.
 */
enum sh_status sh_counters_errors(const struct sh_counters_context *context, uint32_t place, uint64_t *count);
struct sh_method_sum {
    uint64_t request_count;
    uint64_t error_count;
    struct sh_latency_sum latency;
};
/* False, and nothing is filled in, if it was never asked for. */
bool sh_counters_method(const struct sh_counters_context *context, uint32_t method, struct sh_method_sum *sum);

/* ---- counters_pack.c: sections of `stats` ---- */

/* {version, io, shards, uptime_ms, ...}, and with with_methods `methods`, too. */
void sh_counters_pack_server(const struct sh_counters_context *context, bool with_methods, struct sh_buffer *buffer);
/* {method: {requests, errors, p50_us, ...}}; with its whole histogram as `took_us: [[us, count], ...]`, if wanted. */
void sh_counters_pack_methods(const struct sh_counters_context *context, bool with_histogram, struct sh_buffer *buffer);
/* [{...}], one for each loop. */
void sh_counters_pack_loops(const struct sh_counters_context *context, struct sh_buffer *buffer);
/* {status: count} */
void sh_counters_pack_errors(const struct sh_counters_context *context, struct sh_buffer *buffer);

#endif
