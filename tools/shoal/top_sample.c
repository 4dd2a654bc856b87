#include "top_sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const top_names[TOP_NUMBER_COUNT] = {
    "connections", "in_flight",    "jobs",           "jobs_waiting", "log_waiting", "unsent_bytes", "users",
    "events",      "memory_bytes", "received_bytes", "sent_bytes",   "turns",       "sleeps",       "letters",
    "log_bytes",   "log_commits",  "slow",           "evicted",      "denied"};

struct top_sample *top_sample_create(void) {
    struct top_sample *sample = calloc(1, sizeof *sample);
    if (sample != NULL) sample->methods = calloc(TOP_METHOD_COUNT_MAX, sizeof *sample->methods);
    if (sample != NULL && sample->methods != NULL) return sample;
    free(sample);
    return NULL;
}

void top_sample_destroy(struct top_sample *sample) {
    if (sample == NULL) return;
    free(sample->methods);
    free(sample);
}

/* ---- reading ---- */

static uint64_t number_of(struct shoal_client_value map, const char *key) {
    const int64_t number = shoal_client_integer(shoal_client_get(map, key), 0);
    return number < 0 ? 0 : (uint64_t)number;
}

/* Cut to the room; a name is ASCII. */
static void copy_text(struct shoal_client_value value, char *target, size_t room) {
    size_t count = 0;
    const char *text = shoal_client_text(value, &count);
    (void)snprintf(target, room, "%.*s", text == NULL ? 0 : (int)count, text == NULL ? "" : text);
}

static void read_numbers(struct shoal_client_value map, uint64_t numbers[TOP_NUMBER_COUNT]) {
    for (uint32_t i = 0; i < TOP_NUMBER_COUNT; i++)
        numbers[i] = number_of(map, top_names[i]);
}

static void read_method(struct shoal_client_value key, struct shoal_client_value map, struct top_method *method) {
    copy_text(key, method->name, sizeof method->name);
    method->request_count = number_of(map, "requests");
    method->error_count = number_of(map, "errors");
    method->us_max = shoal_client_real(shoal_client_get(map, "max_us"), 0);
    method->busy_us = shoal_client_real(shoal_client_get(map, "mean_us"), 0) * (double)method->request_count;
    method->bucket_count = 0;
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(map, "took_us"));
    struct shoal_client_value bucket;
    while (method->bucket_count < TOP_BUCKET_COUNT_MAX && shoal_client_walk_next(&walk, NULL, &bucket)) {
        const int64_t count = shoal_client_integer(shoal_client_at(bucket, 1), 0);
        method->ends_us[method->bucket_count] = shoal_client_real(shoal_client_at(bucket, 0), 0);
        method->counts[method->bucket_count++] = count < 0 ? 0 : (uint64_t)count;
    }
}

bool top_sample_read(struct top_sample *sample, struct shoal_client_value stats) {
    const struct shoal_client_value server = shoal_client_get(stats, "server");
    const struct shoal_client_value loops = shoal_client_get(stats, "loops");
    const struct shoal_client_value methods = shoal_client_get(stats, "latencies");
    struct shoal_client_value key, value;
    if (shoal_client_value_kind(server) != SHOAL_CLIENT_MAP || shoal_client_value_kind(loops) != SHOAL_CLIENT_ARRAY ||
        shoal_client_value_kind(methods) != SHOAL_CLIENT_MAP)
        return false;
    copy_text(shoal_client_get(server, "version"), sample->version, sizeof sample->version);
    copy_text(shoal_client_get(server, "io"), sample->io, sizeof sample->io);
    sample->uptime_ms = number_of(server, "uptime_ms");
    read_numbers(server, sample->numbers);
    sample->loop_count = 0;
    struct shoal_client_walk walk = shoal_client_walk_begin(loops);
    while (sample->loop_count < TOP_LOOP_COUNT_MAX && shoal_client_walk_next(&walk, NULL, &value))
        read_numbers(value, sample->loops[sample->loop_count++]);
    sample->method_count = 0;
    walk = shoal_client_walk_begin(methods);
    while (sample->method_count < TOP_METHOD_COUNT_MAX && shoal_client_walk_next(&walk, &key, &value))
        read_method(key, value, &sample->methods[sample->method_count++]);
    return true;
}

/* ---- differences ---- */

/* A server that was started again counts from 0: then what it says is the difference. */
static uint64_t grown(uint64_t now, uint64_t before) {
    return now >= before ? now - before : now;
}

static void subtract_numbers(uint64_t now[TOP_NUMBER_COUNT], const uint64_t before[TOP_NUMBER_COUNT]) {
    for (uint32_t i = TOP_RECEIVED_BYTES; i < TOP_NUMBER_COUNT; i++)
        now[i] = grown(now[i], before[i]);
}

static const struct top_method *find_method(const struct top_sample *sample, const char *name) {
    for (uint32_t i = 0; i < sample->method_count; i++)
        if (strcmp(sample->methods[i].name, name) == 0) return &sample->methods[i];
    return NULL;
}

/* Buckets ascend in both, and none that was there goes. */
static void subtract_method(struct top_method *now, const struct top_method *before) {
    uint32_t other = 0;
    now->request_count -= before->request_count;
    now->error_count = grown(now->error_count, before->error_count);
    now->busy_us = now->busy_us > before->busy_us ? now->busy_us - before->busy_us : 0;
    for (uint32_t i = 0; i < now->bucket_count; i++) {
        while (other < before->bucket_count && before->ends_us[other] < now->ends_us[i])
            other++;
        if (other < before->bucket_count && before->ends_us[other] <= now->ends_us[i])
            now->counts[i] = grown(now->counts[i], before->counts[other]);
    }
}

static int by_time(const void *a, const void *b) {
    const struct top_method *left = a;
    const struct top_method *right = b;
    if (left->busy_us < right->busy_us || left->busy_us > right->busy_us)
        return left->busy_us < right->busy_us ? 1 : -1;
    return strcmp(left->name, right->name);
}

void top_sample_since(struct top_sample *now, const struct top_sample *before) {
    const bool is_same_run = before != NULL && before->uptime_ms <= now->uptime_ms;
    if (is_same_run) {
        now->uptime_ms -= before->uptime_ms;
        subtract_numbers(now->numbers, before->numbers);
        for (uint32_t i = 0; i < now->loop_count && i < before->loop_count; i++)
            subtract_numbers(now->loops[i], before->loops[i]);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < now->method_count; i++) {
        struct top_method *method = &now->methods[i];
        const struct top_method *other = is_same_run ? find_method(before, method->name) : NULL;
        if (other != NULL && other->request_count <= method->request_count) subtract_method(method, other);
        if (method->request_count == 0) continue;
        if (kept != i) now->methods[kept] = *method;
        kept++;
    }
    now->method_count = kept;
    qsort(now->methods, kept, sizeof *now->methods, by_time);
}

double top_percentile_us(const struct top_method *method, double share) {
    uint64_t total = 0;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < method->bucket_count; i++)
        total += method->counts[i];
    const uint64_t wanted = (uint64_t)ceil((double)total * share);
    for (uint32_t i = 0; i < method->bucket_count; i++) {
        seen += method->counts[i];
        if (seen > 0 && seen >= wanted)
            return method->ends_us[i] < method->us_max ? method->ends_us[i] : method->us_max;
    }
    return 0;
}
