/* counters_pack.c -- counters as sections of `stats`. */
#include "counters.h"
#include "shard.h"

static void pack_number(msgpack_packer *packer, const char *name, uint64_t number) {
    sh_pack_literal(packer, name);
    msgpack_pack_uint64(packer, number);
}

static void pack_micros(msgpack_packer *packer, const char *name, uint64_t ns) {
    sh_pack_literal(packer, name);
    msgpack_pack_double(packer, (double)ns / 1000);
}

/* The ends of the buckets that are not empty, and how many are in each. */
static void pack_histogram(msgpack_packer *packer, const struct sh_latency_sum *latency) {
    uint32_t used_count = 0;
    for (uint32_t bucket = 0; bucket < SH_LATENCY_BUCKET_COUNT; bucket++)
        used_count += latency->buckets[bucket] > 0;
    sh_pack_literal(packer, "took_us");
    msgpack_pack_array(packer, used_count);
    for (uint32_t bucket = 0; bucket < SH_LATENCY_BUCKET_COUNT; bucket++) {
        if (latency->buckets[bucket] == 0) continue;
        msgpack_pack_array(packer, 2);
        msgpack_pack_double(packer, (double)sh_latency_end_ns(bucket) / 1000);
        msgpack_pack_uint64(packer, latency->buckets[bucket]);
    }
}

static void pack_method(const struct sh_method_sum *sum, bool with_histogram, msgpack_packer *packer) {
    msgpack_pack_map(packer, with_histogram ? 8 : 7);
    pack_number(packer, "requests", sum->request_count);
    pack_number(packer, "errors", sum->error_count);
    pack_micros(packer, "mean_us", sum->latency.count == 0 ? 0 : sum->latency.sum_ns / sum->latency.count);
    pack_micros(packer, "p50_us", sh_latency_percentile_ns(&sum->latency, 0.5));
    pack_micros(packer, "p99_us", sh_latency_percentile_ns(&sum->latency, 0.99));
    pack_micros(packer, "p999_us", sh_latency_percentile_ns(&sum->latency, 0.999));
    pack_micros(packer, "max_us", sum->latency.ns_max);
    if (with_histogram) pack_histogram(packer, &sum->latency);
}

/* The head of a map whose count is not known yet; end_map fills it in. */
static size_t begin_map(struct sh_buffer *buffer) {
    static const uint8_t head[3] = {0xDE};
    const size_t begin = buffer->count;
    sh_buffer_append(buffer, head, sizeof head);
    return begin;
}

static void end_map(struct sh_buffer *buffer, size_t begin, uint32_t count) {
    if (buffer->failed) return;
    buffer->bytes[begin + 1] = (uint8_t)(count >> 8);
    buffer->bytes[begin + 2] = (uint8_t)count;
}

void sh_counters_pack_methods(const struct sh_counters_context *context, bool with_histogram,
                              struct sh_buffer *buffer) {
    struct sh_method_sum sum;
    msgpack_packer packer;
    uint32_t count = 0;
    sh_buffer_packer(buffer, &packer);
    const size_t begin = begin_map(buffer);
    for (uint32_t method = 0; method < sh_method_count(); method++) {
        if (!sh_counters_method(context, method, &sum)) continue;
        sh_pack_literal(&packer, sh_method_at(method)->name);
        pack_method(&sum, with_histogram, &packer);
        count++;
    }
    end_map(buffer, begin, count);
}

void sh_counters_pack_server(const struct sh_counters_context *context, bool with_methods, struct sh_buffer *buffer) {
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    msgpack_pack_map(&packer, 4 + sh_counter_name_count + with_methods);
    sh_pack_literal(&packer, "version");
    sh_pack_literal(&packer, context->version);
    sh_pack_literal(&packer, "io");
    sh_pack_literal(&packer, context->io);
    pack_number(&packer, "shards", context->loop_count);
    pack_number(&packer, "uptime_ms", context->uptime_ms);
    for (uint32_t i = 0; i < sh_counter_name_count; i++)
        pack_number(&packer, sh_counter_names[i].name, sh_counters_sum(context, &sh_counter_names[i]));
    if (!with_methods) return;
    sh_pack_literal(&packer, "methods");
    sh_counters_pack_methods(context, false, buffer);
}

void sh_counters_pack_loops(const struct sh_counters_context *context, struct sh_buffer *buffer) {
    msgpack_packer packer;
    uint32_t own_count = 0;
    for (uint32_t i = 0; i < sh_counter_name_count; i++)
        own_count += sh_counter_names[i].is_of_loop;
    sh_buffer_packer(buffer, &packer);
    msgpack_pack_array(&packer, context->loop_count);
    for (uint32_t loop = 0; loop < context->loop_count; loop++) {
        msgpack_pack_map(&packer, own_count);
        for (uint32_t i = 0; i < sh_counter_name_count; i++)
            if (sh_counter_names[i].is_of_loop)
                pack_number(&packer, sh_counter_names[i].name,
                            sh_counters_one(context->loops[loop], &sh_counter_names[i]));
    }
}

void sh_counters_pack_errors(const struct sh_counters_context *context, struct sh_buffer *buffer) {
    msgpack_packer packer;
    uint32_t used_count = 0;
    sh_buffer_packer(buffer, &packer);
    const size_t begin = begin_map(buffer);
    for (uint32_t place = 1; place < SH_STATUS_COUNT; place++) {
        uint64_t count;
        const enum sh_status status = sh_counters_errors(context, place, &count);
        if (count == 0) continue;
        pack_number(&packer, sh_status_name(status), count);
        used_count++;
    }
    end_map(buffer, begin, used_count);
}
