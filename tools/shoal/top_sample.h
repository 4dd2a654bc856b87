/* top_sample.h -- what a server has counted up to a moment, and what it did between two of them.
 *
 * `stats` counts from the server's start on. A sample keeps the numbers that `shoal top` shows; the difference of two is
 * what happened between them: rates by dividing, percentiles from the difference of the histograms. Of the first sample
 * the one before is the start of the server, when all was 0.
 */
#ifndef SHOAL_TOP_SAMPLE_H
#define SHOAL_TOP_SAMPLE_H

#include "shoal/client.h"

enum { TOP_METHOD_COUNT_MAX = 256, TOP_LOOP_COUNT_MAX = 64, TOP_BUCKET_COUNT_MAX = 400, TOP_NAME_BYTES = 64 };

/* Counts, in the order of top_names. */
enum top_number {
    TOP_CONNECTIONS,
    TOP_IN_FLIGHT,
    TOP_JOBS,
    TOP_JOBS_WAITING,
    TOP_LOG_WAITING,
    TOP_UNSENT_BYTES,
    TOP_USERS,
    TOP_EVENTS,
    TOP_MEMORY_BYTES,
    TOP_RECEIVED_BYTES, /* from here on they only grow */
    TOP_SENT_BYTES,
    TOP_TURNS,
    TOP_SLEEPS,
    TOP_LETTERS,
    TOP_LOG_BYTES,
    TOP_LOG_COMMITS,
    TOP_SLOW,
    TOP_EVICTED,
    TOP_DENIED,
    TOP_NUMBER_COUNT
};

struct top_method {
    char name[TOP_NAME_BYTES];
    uint64_t request_count;
    uint64_t error_count;
    double busy_us; /* of all of them together */
    double us_max;  /* since the server's start */
    uint32_t bucket_count;
    double ends_us[TOP_BUCKET_COUNT_MAX];
    uint64_t counts[TOP_BUCKET_COUNT_MAX];
};

struct top_sample {
    char version[32];
    char io[16];
    uint64_t uptime_ms;
    uint64_t numbers[TOP_NUMBER_COUNT]; /* of all loops */
    uint32_t loop_count;
    uint64_t loops[TOP_LOOP_COUNT_MAX][TOP_NUMBER_COUNT];
    uint32_t method_count;
    struct top_method *methods; /* TOP_METHOD_COUNT_MAX */
};

/* NULL when memory is out. */
struct top_sample *top_sample_create(void);
void top_sample_destroy(struct top_sample *sample); /* NULL is fine */
/* From the answer of `stats` with the sections server, latencies and loops. False: they are not in it. */
bool top_sample_read(struct top_sample *sample, struct shoal_client_value stats);
/* What happened since `before` (NULL: since the server's start): *now becomes that, but for what is a state and does
 * not only grow. Methods that were not asked for are left out, and those that took most time come first. */
void top_sample_since(struct top_sample *now, const struct top_sample *before);
/* Of a method's difference. 0 when there is none. */
double top_percentile_us(const struct top_method *method, double share);

#endif
