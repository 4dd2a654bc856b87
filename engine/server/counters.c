#include "counters.h"

#include "shard.h"

static uint32_t bucket_of(uint64_t ns) {
    if (ns < 4) return (uint32_t)ns;
    const uint32_t high = 63u - (uint32_t)__builtin_clzll(ns);
    const uint32_t bucket = high * 4 + (uint32_t)(ns >> (high - 2) & 3);
    return bucket < SH_LATENCY_BUCKET_COUNT ? bucket : SH_LATENCY_BUCKET_COUNT - 1;
}

/* The first value that is above the bucket. */
static uint64_t bucket_end_ns(uint32_t bucket) {
    if (bucket < 8) return bucket + 1;
    const uint32_t high = bucket / 4;
    return (UINT64_C(1) << high) + ((uint64_t)(bucket % 4 + 1) << (high - 2));
}

void sh_counters_request(struct sh_counters *counters, uint32_t method, uint64_t latency_ns, bool failed) {
    sh_assert(method < SH_COUNTED_METHOD_COUNT_MAX);
    struct sh_method_counters *counted = &counters->methods[method];
    sh_count(&counted->request_count, 1);
    if (failed) sh_count(&counted->error_count, 1);
    sh_count(&counted->latency[bucket_of(latency_ns)], 1);
    if (latency_ns > sh_counted(&counted->latency_ns_max)) sh_count_set(&counted->latency_ns_max, latency_ns);
}

/* ---- packing ---- */

static uint64_t sum(const struct sh_counters_context *context, size_t offset) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < context->loop_count; i++)
        total += sh_counted((const sh_counter *)(const void *)((const char *)context->loops[i] + offset));
    return total;
}

static void pack_number(msgpack_packer *packer, const char *name, uint64_t number) {
    sh_pack_literal(packer, name);
    msgpack_pack_uint64(packer, number);
}

static void pack_micros(msgpack_packer *packer, const char *name, uint64_t ns) {
    sh_pack_literal(packer, name);
    msgpack_pack_double(packer, (double)ns / 1000);
}

static uint64_t percentile_ns(const uint64_t *latency, uint64_t count, double part) {
    const uint64_t wanted = (uint64_t)((double)count * part);
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < SH_LATENCY_BUCKET_COUNT; bucket++) {
        seen += latency[bucket];
        if (seen > wanted) return bucket_end_ns(bucket);
    }
    return 0;
}

static void pack_method(const struct sh_counters_context *context, uint32_t method, msgpack_packer *packer) {
    const size_t base = offsetof(struct sh_counters, methods) + method * sizeof(struct sh_method_counters);
    const size_t latency_base = base + offsetof(struct sh_method_counters, latency);
    uint64_t latency[SH_LATENCY_BUCKET_COUNT];
    uint64_t count = 0;
    for (uint32_t bucket = 0; bucket < SH_LATENCY_BUCKET_COUNT; bucket++) {
        latency[bucket] = sum(context, latency_base + bucket * sizeof(sh_counter));
        count += latency[bucket];
    }
    uint64_t max_ns = 0;
    for (uint32_t i = 0; i < context->loop_count; i++) {
        const uint64_t loop_max_ns = sh_counted(&context->loops[i]->methods[method].latency_ns_max);
        if (loop_max_ns > max_ns) max_ns = loop_max_ns;
    }
    msgpack_pack_map(packer, 6);
    pack_number(packer, "requests", sum(context, base + offsetof(struct sh_method_counters, request_count)));
    pack_number(packer, "errors", sum(context, base + offsetof(struct sh_method_counters, error_count)));
    pack_micros(packer, "p50_us", percentile_ns(latency, count, 0.5));
    pack_micros(packer, "p99_us", percentile_ns(latency, count, 0.99));
    pack_micros(packer, "p999_us", percentile_ns(latency, count, 0.999));
    pack_micros(packer, "max_us", max_ns);
}

static void pack_methods(const struct sh_counters_context *context, msgpack_packer *packer) {
    uint32_t used[SH_COUNTED_METHOD_COUNT_MAX];
    uint32_t used_count = 0;
    for (uint32_t method = 0; method < sh_method_count(); method++) {
        const size_t offset = offsetof(struct sh_counters, methods) + method * sizeof(struct sh_method_counters) +
                              offsetof(struct sh_method_counters, request_count);
        if (sum(context, offset) > 0) used[used_count++] = method;
    }
    msgpack_pack_map(packer, used_count);
    for (uint32_t i = 0; i < used_count; i++) {
        sh_pack_literal(packer, sh_method_at(used[i])->name);
        pack_method(context, used[i], packer);
    }
}

void sh_counters_pack(const struct sh_counters_context *context, struct sh_buffer *buffer) {
    static const struct {
        const char *name;
        size_t offset;
    } numbers[] = {
        {"connections", offsetof(struct sh_counters, connection_count)},
        {"accepted", offsetof(struct sh_counters, accepted_count)},
        {"refused", offsetof(struct sh_counters, refused_count)},
        {"evicted", offsetof(struct sh_counters, evicted_count)},
        {"faulty", offsetof(struct sh_counters, faulty_count)},
        {"unknown_methods", offsetof(struct sh_counters, unknown_count)},
        {"denied", offsetof(struct sh_counters, denied_count)},
        {"received_bytes", offsetof(struct sh_counters, received_bytes)},
        {"sent_bytes", offsetof(struct sh_counters, sent_bytes)},
        {"unsent_bytes", offsetof(struct sh_counters, unsent_bytes)},
        {"partial_bytes", offsetof(struct sh_counters, partial_bytes)},
        {"turns", offsetof(struct sh_counters, turn_count)},
        {"sleeps", offsetof(struct sh_counters, sleep_count)},
        {"in_flight", offsetof(struct sh_counters, task_count)},
        {"jobs", offsetof(struct sh_counters, job_count)},
        {"jobs_waiting", offsetof(struct sh_counters, job_wait_count)},
        {"letters", offsetof(struct sh_counters, letter_count)},
        {"log_records", offsetof(struct sh_counters, log_record_count)},
        {"log_bytes", offsetof(struct sh_counters, log_record_bytes)},
        {"log_commits", offsetof(struct sh_counters, log_commit_count)},
        {"log_commit_bytes", offsetof(struct sh_counters, log_commit_bytes)},
        {"log_refused", offsetof(struct sh_counters, log_refused_count)},
        {"snapshots", offsetof(struct sh_counters, snapshot_count)},
        {"snapshot_bytes", offsetof(struct sh_counters, snapshot_bytes)},
        {"snapshot_hold_us", offsetof(struct sh_counters, snapshot_hold_us)},
        {"snapshot_pause_us", offsetof(struct sh_counters, snapshot_pause_us)},
        {"snapshot_time_ms", offsetof(struct sh_counters, snapshot_time_ms)},
        {"log_waiting", offsetof(struct sh_counters, log_wait_count)},
    };
    enum { NUMBER_COUNT = sizeof numbers / sizeof numbers[0] };
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    msgpack_pack_map(&packer, NUMBER_COUNT + 5);
    sh_pack_literal(&packer, "version");
    sh_pack_literal(&packer, context->version);
    sh_pack_literal(&packer, "io");
    sh_pack_literal(&packer, context->io);
    pack_number(&packer, "shards", context->loop_count);
    pack_number(&packer, "uptime_ms", context->uptime_ms);
    for (uint32_t i = 0; i < NUMBER_COUNT; i++)
        pack_number(&packer, numbers[i].name, sum(context, numbers[i].offset));
    sh_pack_literal(&packer, "methods");
    pack_methods(context, &packer);
}
