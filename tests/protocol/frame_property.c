/* frame_property.c -- streams of random messages, packed by msgpack-c so that the ends are known, found again in random
 * pieces; then the same streams with bytes changed. Run: frame_property SEED COUNT */
#include <stdio.h>
#include <stdlib.h>

#include "frame.h"
#include "frame_check.h"
#include "hash.h"

enum { MESSAGES_MAX = 6 };

static uint64_t state;
static uint64_t stream_bytes; /* checked in all: a run that checked next to nothing shows */

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state ^ 0xA0761D6478BD642F, 0xE7037ED1A0B428DB) % bound);
}

static void pack_value(msgpack_packer *packer, uint32_t depth) {
    static const char text[70000];
    static const uint32_t lengths[] = {0, 1, 15, 16, 31, 32, 255, 256, 300, 65535, 65536};
    const uint32_t shape = random_below(depth == 0 ? 8 : 12);
    const uint32_t length = lengths[random_below(random_below(40) == 0 ? 11 : 8)];
    switch (shape) {
    case 0:
        msgpack_pack_nil(packer);
        return;
    case 1:
        msgpack_pack_true(packer);
        return;
    case 2:
        msgpack_pack_int64(packer, (int64_t)(((uint64_t)random_below(UINT32_MAX) << 32) >> random_below(64)));
        return;
    case 3:
        msgpack_pack_int64(packer, -(int64_t)random_below(UINT32_MAX) >> random_below(32));
        return;
    case 4:
        msgpack_pack_double(packer, 0.1 * random_below(1000));
        return;
    case 5:
        msgpack_pack_float(packer, (float)random_below(1000));
        return;
    case 6:
        sh_pack_text(packer, (struct sh_text){text, length});
        return;
    case 7:
        msgpack_pack_bin_with_body(packer, text, length);
        return;
    default:
        break;
    }
    const uint32_t count = random_below(random_below(10) == 0 ? 40 : 5);
    if (shape < 10)
        msgpack_pack_array(packer, count);
    else
        msgpack_pack_map(packer, count);
    for (uint32_t i = 0; i < (shape < 10 ? count : 2 * count); i++)
        pack_value(packer, depth - 1);
}

static void write_message(struct sh_buffer *stream, struct sh_buffer *params) {
    msgpack_packer packer;
    sh_buffer_clear(params);
    sh_buffer_packer(params, &packer);
    msgpack_pack_map(&packer, 1);
    pack_value(&packer, 0);
    pack_value(&packer, random_below(5));
    const struct sh_text method = {"audience.count", random_below(15)};
    switch (random_below(4)) {
    case 0:
        sh_frame_write_notice(stream, method, params->bytes, params->count);
        break;
    case 1:
        sh_frame_write_answer(stream, random_below(UINT32_MAX));
        sh_buffer_append(stream, params->bytes, params->count);
        break;
    default:
        sh_frame_write_request(stream, random_below(UINT32_MAX) >> random_below(32), method, params->bytes,
                               params->count);
    }
}

static const char *check_ends(const struct sh_buffer *stream, const size_t *ends, uint32_t message_count) {
    size_t at = 0;
    for (uint32_t i = 0; i < message_count; i++) {
        struct sh_frame_scan scan;
        size_t frame_bytes;
        sh_frame_scan_init(&scan, 1 << 24);
        if (sh_frame_scan(&scan, stream->bytes + at, stream->count - at, &frame_bytes, NULL) != SH_OK) return "refused";
        at += frame_bytes;
        if (at != ends[i]) return "the end of a message is wrong";
    }
    return NULL;
}

static const char *check_step(struct sh_buffer *stream, struct sh_buffer *params) {
    sh_buffer_clear(stream);
    size_t ends[MESSAGES_MAX];
    const uint32_t message_count = 1 + random_below(MESSAGES_MAX);
    for (uint32_t i = 0; i < message_count; i++) {
        write_message(stream, params);
        ends[i] = stream->count;
    }
    if (stream->failed || params->failed) return "no memory";
    stream_bytes += stream->count;
    const char *fault = check_ends(stream, ends, message_count);
    if (fault == NULL) fault = frame_check(stream->bytes, stream->count, state);
    for (uint32_t i = 0; i < 4 && fault == NULL; i++) {
        const size_t at = random_below((uint32_t)stream->count);
        const uint8_t before = stream->bytes[at];
        stream->bytes[at] = (uint8_t)random_below(256);
        fault = frame_check(stream->bytes, stream->count, state);
        stream->bytes[at] = before;
    }
    return fault;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 20000;
    printf("reproduce: ./frame_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)count);
    struct sh_buffer stream;
    struct sh_buffer params;
    sh_buffer_init(&stream, 1 << 26);
    sh_buffer_init(&params, 1 << 24);
    const char *fault = NULL;
    for (uint64_t step = 0; step < count && fault == NULL; step++) {
        state = sh_hash_mix(seed, step);
        fault = check_step(&stream, &params);
        if (fault != NULL) printf("step %llu: %s\n", (unsigned long long)step, fault);
    }
    printf("%llu bytes of messages checked\n", (unsigned long long)stream_bytes);
    sh_buffer_deinit(&params);
    sh_buffer_deinit(&stream);
    return fault == NULL ? 0 : 1;
}
