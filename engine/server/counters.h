/* counters.h -- what one loop counts about itself.
 *
 * Only the loop's own thread writes; any thread reads, for `stats`. So each counter is an atomic that is never
 * contended: a relaxed load and a relaxed store, which cost what plain ones do.
 *
 * Latencies are kept in buckets that are a quarter of a power of two wide, from 1 ns to 64 s:
 *
 *   ns        1   2   4     8          16   ...       a value's bucket is its highest bit and the two bits below it,
 *   bucket    |0..|4..|8.9. |12.13.14.15|16 ...       so a percentile read back is at most 25 % too high
 */
#ifndef SH_COUNTERS_H
#define SH_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "buffer.h"

enum {
    SH_LATENCY_BUCKET_COUNT = 36 * 4,
    SH_COUNTED_METHOD_COUNT_MAX = 128,
};

typedef _Atomic(uint64_t) sh_counter;

static inline void sh_count(sh_counter *counter, uint64_t more) {
    const uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + more, memory_order_relaxed);
}
static inline void sh_count_set(sh_counter *counter, uint64_t value) {
    atomic_store_explicit(counter, value, memory_order_relaxed);
}
static inline uint64_t sh_counted(const sh_counter *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct sh_method_counters {
    sh_counter request_count;
    sh_counter error_count;
    sh_counter latency_ns_max;
    sh_counter latency[SH_LATENCY_BUCKET_COUNT];
};

struct sh_counters {
    sh_counter connection_count; /* open now */
    sh_counter accepted_count;
    sh_counter refused_count; /* over SH_CONNECTION_COUNT_MAX */
    sh_counter evicted_count; /* closed because they read or wrote too slowly */
    sh_counter faulty_count;  /* streams that were no MessagePack-RPC */
    sh_counter unknown_count; /* requests for methods that do not exist */
    sh_counter denied_count;  /* requests of nobody, without the role, or beyond the token's limit */
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
    struct sh_method_counters methods[SH_COUNTED_METHOD_COUNT_MAX];
};

/* One request of this method took so long, from its last byte to its answer. */
void sh_counters_request(struct sh_counters *counters, uint32_t method, uint64_t latency_ns, bool failed);

/* Pack the sum over all loops as one map. */
struct sh_counters_context {
    const struct sh_counters *const *loops;
    uint32_t loop_count;
    uint64_t uptime_ms;
    const char *io;
    const char *version;
};
void sh_counters_pack(const struct sh_counters_context *context, struct sh_buffer *buffer);

#endif
