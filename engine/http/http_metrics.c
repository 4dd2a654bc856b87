/* http_metrics.c -- what is counted, as Prometheus text. Names end in their unit; counters in _total. */
#include "http_private.h"

static void head(struct sh_buffer *text, const char *name, const char *type, const char *help) {
    sh_buffer_print(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void number(struct sh_buffer *text, const char *name, const char *type, const char *help, uint64_t value) {
    head(text, name, type, help);
    sh_buffer_print(text, "%s %llu\n", name, (unsigned long long)value);
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

void http_metrics_write(const struct sh_http *http, const struct sh_server *server, struct sh_buffer *text) {
    number(text, "shoal_up", "gauge", "Whether the server has loaded what it keeps and serves.", server != NULL);
    write_http(http, text);
}
