/* http_metrics.c -- what is counted, as Prometheus text (format 0.0.4).
 *
 * Names end in their unit, counters in _total. Labels have few values, all known beforehand: shards, methods that were
 * asked for, statuses; never a workspace, a token or anything that clients choose. A method that nobody has called has
 * no lines. Everything is read from counters in place: nobody is asked and nothing waits.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "http_private.h"

/* Edges of the histograms, as powers of two of the unit (latency.h): from 16 us to 16.8 s, closer together where
 * promises are made. At these edges the counts are exact. */
static const uint32_t edge_bits[] = {6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 26};

static void head(struct sh_buffer *text, const char *name, const char *type, const char *help) {
    sh_buffer_print(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void number(struct sh_buffer *text, const char *name, const char *type, const char *help, uint64_t value) {
    head(text, name, type, help);
    sh_buffer_print(text, "%s %llu\n", name, (unsigned long long)value);
}

static void real(struct sh_buffer *text, const char *name, const char *type, const char *help, double value) {
    head(text, name, type, help);
    sh_buffer_print(text, "%s %.9g\n", name, value);
}

/* ---- HTTP itself ---- */

static void write_http(const struct sh_http *http, struct sh_buffer *text) {
    uint32_t waiting;
    uint32_t busy;
    http_workers_count(http->workers, &waiting, &busy);
    number(text, "shoal_http_connections", "gauge", "Open HTTP connections.", atomic_load(&http->guard.peer_count));
    number(text, "shoal_http_requests_total", "counter", "HTTP requests.", atomic_load(&http->totals.request_count));
    number(text, "shoal_http_refused_total", "counter", "HTTP requests that were refused before a shard was asked.",
           atomic_load(&http->totals.refused_count));
    number(text, "shoal_http_cut_total", "counter", "HTTP connections that were cut because they were too slow.",
           atomic_load(&http->guard.cut_count));
    number(text, "shoal_http_calls_waiting", "gauge", "Calls over HTTP that wait for a worker.", waiting);
    number(text, "shoal_http_calls_running", "gauge", "Calls over HTTP that are worked on.", busy);
    number(text, "shoal_http_body_bytes", "gauge", "Bytes of request bodies that are held.",
           atomic_load(&http->totals.body_bytes));
    number(text, "shoal_http_answer_bytes", "gauge", "Bytes of answers that are being sent.",
           atomic_load(&http->totals.answer_bytes));
}

/* ---- the process ---- */

static uint64_t resident_bytes(void) {
    unsigned long long total = 0;
    unsigned long long resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    const int count = fscanf(file, "%llu %llu", &total, &resident);
    (void)fclose(file);
    return count == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void write_process(struct sh_buffer *text) {
    struct rusage usage;
    struct rlimit limit;
    number(text, "process_resident_memory_bytes", "gauge", "Memory of the process that is in RAM.", resident_bytes());
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        real(text, "process_cpu_seconds_total", "counter", "Time that the process has computed.",
             (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        number(text, "process_max_fds", "gauge", "Descriptors that the process may open.", limit.rlim_cur);
}

/* ---- the server ---- */

static void write_names(const struct sh_counters_context *context, struct sh_buffer *text) {
    for (uint32_t i = 0; i < sh_counter_name_count; i++) {
        const struct sh_counter_name *name = &sh_counter_names[i];
        const size_t count = strlen(name->metric);
        const bool grows = count > 6 && strcmp(name->metric + count - 6, "_total") == 0;
        head(text, name->metric, grows ? "counter" : "gauge", name->help);
        if (!name->is_of_loop) {
            sh_buffer_print(text, "%s %.15g\n", name->metric, (double)sh_counters_sum(context, name) * name->scale);
            continue;
        }
        for (uint32_t loop = 0; loop < context->loop_count; loop++)
            sh_buffer_print(text, "%s{shard=\"%u\"} %llu\n", name->metric, loop,
                            (unsigned long long)sh_counters_one(context->loops[loop], name));
    }
}

static void write_health(const struct sh_server *server, uint32_t loop_count, struct sh_buffer *text) {
    const struct sh_server_health health = sh_server_health(server);
    head(text, "shoal_log_full", "gauge", "Whether the disk has no room for the shard's log.");
    for (uint32_t i = 0; i < loop_count; i++)
        sh_buffer_print(text, "shoal_log_full{shard=\"%u\"} %u\n", i, (unsigned)(health.full_logs >> i & 1));
    head(text, "shoal_log_failed", "gauge", "Whether the shard's log takes nothing until the next start.");
    for (uint32_t i = 0; i < loop_count; i++)
        sh_buffer_print(text, "shoal_log_failed{shard=\"%u\"} %u\n", i, (unsigned)(health.failed_logs >> i & 1));
    real(text, "shoal_loop_stood_seconds", "gauge", "Since the loop that has stood still longest was seen to turn.",
         (double)health.stood_ms / 1000);
}

static void write_errors(const struct sh_counters_context *context, struct sh_buffer *text) {
    head(text, "shoal_errors_total", "counter", "Errors that were answered, by status.");
    for (uint32_t place = 1; place < SH_STATUS_COUNT; place++) {
        uint64_t count;
        const enum sh_status status = sh_counters_errors(context, place, &count);
        if (status != SH_OK)
            sh_buffer_print(text, "shoal_errors_total{status=\"%s\"} %llu\n", sh_status_name(status),
                            (unsigned long long)count);
    }
}

static void write_histogram(const char *method, const struct sh_latency_sum *latency, struct sh_buffer *text) {
    static const char name[] = "shoal_request_duration_seconds";
    for (uint32_t i = 0; i < sizeof edge_bits / sizeof edge_bits[0]; i++)
        sh_buffer_print(text, "%s_bucket{method=\"%s\",le=\"%.9g\"} %llu\n", name, method,
                        (double)(UINT64_C(1) << edge_bits[i]) * SH_LATENCY_UNIT_NS / 1e9,
                        (unsigned long long)sh_latency_below(latency, edge_bits[i]));
    sh_buffer_print(text, "%s_bucket{method=\"%s\",le=\"+Inf\"} %llu\n", name, method,
                    (unsigned long long)latency->count);
    sh_buffer_print(text, "%s_sum{method=\"%s\"} %.9f\n", name, method, (double)latency->sum_ns / 1e9);
    sh_buffer_print(text, "%s_count{method=\"%s\"} %llu\n", name, method, (unsigned long long)latency->count);
}

/* A family's lines stand together, so the methods are gone through once for each. */
static void write_methods(const struct sh_counters_context *context, struct sh_buffer *text) {
    struct sh_method_sum sum;
    head(text, "shoal_request_errors_total", "counter", "Requests that were answered with an error, by method.");
    for (uint32_t method = 0; method < sh_method_count(); method++)
        if (sh_counters_method(context, method, &sum))
            sh_buffer_print(text, "shoal_request_errors_total{method=\"%s\"} %llu\n", sh_method_at(method)->name,
                            (unsigned long long)sum.error_count);
    head(text, "shoal_request_duration_seconds", "histogram",
         "How long requests took, from the last byte to the answer, by method.");
    for (uint32_t method = 0; method < sh_method_count(); method++)
        if (sh_counters_method(context, method, &sum)) write_histogram(sh_method_at(method)->name, &sum.latency, text);
}

static void write_server(const struct sh_server *server, struct sh_buffer *text) {
    const struct sh_counters_context context = sh_server_counters(server);
    head(text, "shoal_build_info", "gauge", "What runs here; always 1.");
    sh_buffer_print(text, "shoal_build_info{version=\"%s\",io=\"%s\"} 1\n", context.version, context.io);
    real(text, "shoal_uptime_seconds", "gauge", "Since the start.", (double)context.uptime_ms / 1000);
    number(text, "shoal_shards", "gauge", "Shards.", context.loop_count);
    write_health(server, context.loop_count, text);
    write_names(&context, text);
    write_errors(&context, text);
    write_methods(&context, text);
}

void http_metrics_write(const struct sh_http *http, const struct sh_server *server, struct sh_buffer *text) {
    number(text, "shoal_up", "gauge", "Whether the server has loaded what it keeps and serves.", server != NULL);
    write_http(http, text);
    write_process(text);
    if (server != NULL) write_server(server, text);
}
