/* cursor_bench.c -- how many msgpack values a second does the cursor read, and how many does msgpack-c's unpacker?
 *
 * Three frames of compact events [user id, item id, type, time, amount]: with short texts, with numbers only, and with
 * names in Chinese. The cursor is asked in three ways: sh_cursor_next for every value, sh_cursor_skip over every event,
 * and msgpack_unpack_next, which builds an object for every event. All three check the same bytes.
 *
 * Limits of the machine: a frame of 2.4 MB is in L2 or L3, and a value is 4 to 10 bytes, so memory does not count; the
 * branch on the value's first byte does. The hash is of all numbers and text lengths, the same for next and msgpack-c.
 *
 * Run: cursor_bench [EVENTS [ROUNDS]]; the best round is printed.
 */
#include <msgpack.h>
#include <stdio.h>
#include <time.h>

#include "buffer.h"
#include "cursor.h"
#include "hash.h"

enum shape { SHAPE_TEXTS, SHAPE_NUMBERS, SHAPE_CHINESE, SHAPE_COUNT };
static const char *const shape_names[SHAPE_COUNT] = {"short ascii texts", "numbers only", "chinese texts"};

enum { VALUES_PER_EVENT = 6 }; /* the array's head and its five elements */

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pack_event(msgpack_packer *packer, enum shape shape, uint64_t number) {
    static const char *const types[] = {"view", "click", "buy", "\xE6\xB5\x8F\xE8\xA7\x88\xE5\x95\x86\xE5\x93\x81"};
    const uint64_t random = sh_hash_mix(number, 7);
    char id[16];
    const int id_bytes = snprintf(id, sizeof id, "u%llu", (unsigned long long)(random % 10000000));
    msgpack_pack_array(packer, VALUES_PER_EVENT - 1);
    if (shape == SHAPE_NUMBERS) {
        msgpack_pack_uint64(packer, random % 10000000);
        msgpack_pack_uint64(packer, random >> 40);
        msgpack_pack_uint64(packer, random % 100);
    } else {
        sh_pack_text(packer, (struct sh_text){id, (uint32_t)id_bytes});
        sh_pack_text(packer, (struct sh_text){id, (uint32_t)id_bytes - 1});
        sh_pack_literal(packer, types[shape == SHAPE_CHINESE ? 3 : random % 3]);
    }
    msgpack_pack_int64(packer, (int64_t)(1772294400000 + random % 86400000));
    msgpack_pack_int64(packer, (int64_t)(random % 5000) - 100);
}

static uint64_t read_next(const struct sh_buffer *frame) {
    struct sh_cursor cursor;
    struct sh_value value;
    uint64_t hash = 0;
    sh_cursor_init(&cursor, frame->bytes, frame->count);
    while (!sh_cursor_at_end(&cursor)) {
        if (sh_cursor_next(&cursor, &value, NULL) != SH_OK) abort();
        const uint64_t part = value.kind == SH_VALUE_INT   ? value.big
                              : value.kind == SH_VALUE_STR ? value.text.count
                                                           : value.count;
        hash = hash * 31 + part;
    }
    return hash;
}

static uint64_t read_skip(const struct sh_buffer *frame) {
    struct sh_cursor cursor;
    const uint8_t *begin;
    uint64_t event_count = 0;
    sh_cursor_init(&cursor, frame->bytes, frame->count);
    for (; !sh_cursor_at_end(&cursor); event_count++) {
        if (sh_cursor_skip(&cursor, &begin, NULL) != SH_OK) abort();
    }
    return event_count;
}

static uint64_t read_unpack(const struct sh_buffer *frame) {
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t offset = 0;
    uint64_t hash = 0;
    while (offset < frame->count) {
        const msgpack_unpack_return status =
            msgpack_unpack_next(&unpacked, (const char *)frame->bytes, frame->count, &offset);
        if (status != MSGPACK_UNPACK_SUCCESS && status != MSGPACK_UNPACK_EXTRA_BYTES) abort();
        const msgpack_object_array *event = &unpacked.data.via.array;
        hash = hash * 31 + event->size;
        for (uint32_t i = 0; i < event->size; i++) {
            const msgpack_object *object = &event->ptr[i];
            hash = hash * 31 + (object->type == MSGPACK_OBJECT_STR ? object->via.str.size : object->via.u64);
        }
    }
    msgpack_unpacked_destroy(&unpacked);
    return hash;
}

static double measure(uint64_t (*read)(const struct sh_buffer *), const struct sh_buffer *frame, uint32_t round_count,
                      uint64_t *answer) {
    double best_seconds = 1e9;
    for (uint32_t round = 0; round < round_count; round++) {
        const double begin = now_seconds();
        *answer = read(frame);
        const double seconds = now_seconds() - begin;
        if (seconds < best_seconds) best_seconds = seconds;
    }
    return best_seconds;
}

int main(int argument_count, char **arguments) {
    const uint64_t event_count = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 100000;
    const uint32_t round_count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 20;
    if (event_count == 0 || round_count == 0) {
        printf("usage: cursor_bench [EVENTS [ROUNDS]]\n");
        return 2;
    }
    for (uint32_t shape = 0; shape < SHAPE_COUNT; shape++) {
        struct sh_buffer frame;
        msgpack_packer packer;
        sh_buffer_init(&frame, UINT32_MAX);
        sh_buffer_packer(&frame, &packer);
        for (uint64_t i = 0; i < event_count; i++)
            pack_event(&packer, (enum shape)shape, i);
        const double value_count = (double)event_count * VALUES_PER_EVENT;
        uint64_t hash_next;
        uint64_t hash_unpack;
        uint64_t skipped_count;
        const double next_seconds = measure(read_next, &frame, round_count, &hash_next);
        const double skip_seconds = measure(read_skip, &frame, round_count, &skipped_count);
        const double unpack_seconds = measure(read_unpack, &frame, round_count, &hash_unpack);
        printf("%-18s %8.1f MB  next %6.1f M values/s  skip %6.1f M values/s  msgpack-c %6.1f M values/s  "
               "next/msgpack-c %.1f  hash %016llx\n",
               shape_names[shape], (double)frame.count / 1e6, value_count / next_seconds / 1e6,
               value_count / skip_seconds / 1e6, value_count / unpack_seconds / 1e6, unpack_seconds / next_seconds,
               (unsigned long long)hash_next);
        sh_buffer_deinit(&frame);
        if (hash_next != hash_unpack || skipped_count != event_count) {
            printf("the answers differ\n");
            return 1;
        }
    }
    return 0;
}
