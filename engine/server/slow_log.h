/* slow_log.h -- requests that took long: what was asked, and where the time went.
 *
 * One line of the log each, its rest a JSON object, and the last SH_SLOW_COUNT of them for `stats`:
 *
 *   ... warn  slow {"method":"audience.count","workspace":"shop","token":"crm","took_ms":1204.1,"worked_ms":811.0,
 *       "status":"ok","params_bytes":83,"answer_bytes":21,"where":"sum(purchase.amount, last 90 days) > ?"}
 *
 * took is from the request's last byte to its answer; worked is what the shards computed for it, all of them added up.
 * The rest was waiting: for its turn, for the log, for other shards. In an expression the names are shown and the
 * values are not: texts and numbers are "?", but for lengths of time, which say what a window costs. So no phone number
 * and no id of a person gets into a log.
 *
 * Threads: any loop notes, any thread reads, under a lock; slow requests are few.
 */
#ifndef SH_SLOW_LOG_H
#define SH_SLOW_LOG_H

#include <pthread.h>
#include <stdatomic.h>

#include "buffer.h"
#include "shard.h"

enum { SH_SLOW_TEXT_BYTES_MAX = 640 };

struct sh_slow_log {
    pthread_mutex_t mutex;
    _Atomic(uint64_t) threshold_ns; /* 0: nothing is slow */
    uint64_t count;
    char texts[SH_SLOW_COUNT][SH_SLOW_TEXT_BYTES_MAX]; /* JSON; number n is at n modulo their count */
    int64_t times_ms[SH_SLOW_COUNT];
};

struct sh_slow_request {
    const struct sh_request *request;
    const char *token; /* id of the principal's; "" for none */
    uint64_t took_ns;
    uint64_t worked_ns;
    enum sh_status status;
    size_t answer_bytes;
};

void sh_slow_log_init(struct sh_slow_log *log, uint32_t threshold_ms);
void sh_slow_log_deinit(struct sh_slow_log *log);
static inline bool sh_slow_log_wants(const struct sh_slow_log *log, uint64_t took_ns) {
    const uint64_t threshold_ns = atomic_load_explicit(&log->threshold_ns, memory_order_relaxed);
    return threshold_ns != 0 && took_ns >= threshold_ns;
}
void sh_slow_log_note(struct sh_slow_log *log, const struct sh_slow_request *slow);
/* [{time, what}], newest first; `what` is the JSON of the line. */
void sh_slow_log_pack(struct sh_slow_log *log, struct sh_buffer *buffer);

/* The expression with its values as "?", at most this many bytes of it, cut where a character begins. What cannot be
 * read as an expression is "?" from there on. */
enum { SH_SLOW_EXPRESSION_BYTES_MAX = 320 };
void sh_slow_redact(struct sh_text expression, struct sh_buffer *redacted);

#endif
