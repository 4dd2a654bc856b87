/* json_property.c -- JSON and back against a library: good texts, and good texts with pieces changed.
 * Run: json_property SEED COUNT */
#include <stdio.h>

#include "buffer.h"
#include "hash.h"
#include "json_check.h"

static uint64_t state;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

/* What stands in JSON, right and wrong. */
static const char *const pieces[] = {"0",
                                     "-0",
                                     "1",
                                     "-1",
                                     "7.50",
                                     "1e3",
                                     "-2.5E-7",
                                     "1E+2",
                                     "9007199254740991",
                                     "9007199254740992",
                                     "-9007199254740993",
                                     "9223372036854775807",
                                     "-9223372036854775808",
                                     "9223372036854775808",
                                     "18446744073709551615",
                                     "0.1",
                                     "1.7976931348623157e308",
                                     "4.9e-324",
                                     "1e-400",
                                     "\"\"",
                                     "\"a\"",
                                     "\"会员等级\"",
                                     "\"\\u4f1a\\u5458\"",
                                     "\"\\ud83d\\udc1f\"",
                                     "\"\\n\\t\\\\\\\"\\/\"",
                                     "\"\x7f\"",
                                     "\"\\u001f\"",
                                     "true",
                                     "false",
                                     "null",
                                     "[]",
                                     "{}",
                                     " ",
                                     "\n",
                                     "\t",
                                     "[",
                                     "]",
                                     "{",
                                     "}",
                                     ",",
                                     ":",
                                     "\"",
                                     "\\",
                                     "\"\\ud83d\"",
                                     "\"\\u0000\"",
                                     "\"\xff\"",
                                     "\"\xc0\x80\"",
                                     "01",
                                     "1.",
                                     ".5",
                                     "-",
                                     "1e",
                                     "nul",
                                     "NaN",
                                     "18446744073709551616",
                                     "1e999",
                                     "\"\x01\"",
                                     "\\u",
                                     "/*",
                                     "'a'"};
enum { PIECE_COUNT = sizeof pieces / sizeof pieces[0], GOOD_COUNT = 30 };

static void append(struct sh_buffer *json, const char *piece) {
    sh_buffer_append(json, piece, strlen(piece));
}

static void append_value(struct sh_buffer *json, uint32_t depth) {
    const uint32_t form = depth == 0 ? 2 : random_below(5);
    const uint32_t count = random_below(5);
    if (form > 1) {
        append(json, pieces[random_below(GOOD_COUNT)]);
        return;
    }
    append(json, form == 0 ? "[" : "{");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) append(json, ", ");
        if (form == 1) sh_buffer_print(json, "\"k%u\": ", random_below(6));
        append_value(json, depth - 1);
    }
    append(json, form == 0 ? "]" : "}");
}

/* Put a piece in, take bytes out, or change one. */
static void change(struct sh_buffer *json) {
    const char *piece = pieces[random_below(PIECE_COUNT)];
    const size_t piece_count = strlen(piece);
    const size_t at = json->count == 0 ? 0 : random_below((uint32_t)json->count);
    switch (random_below(3)) {
    case 0:
        append(json, piece);
        memmove(json->bytes + at + piece_count, json->bytes + at, json->count - piece_count - at);
        memcpy(json->bytes + at, piece, piece_count);
        break;
    case 1: {
        size_t count = 1 + random_below(4);
        if (count > json->count - at) count = json->count - at;
        memmove(json->bytes + at, json->bytes + at + count, json->count - at - count);
        json->count -= count;
        break;
    }
    default:
        if (json->count > 0) json->bytes[at] = (uint8_t)random_below(256);
    }
}

static int fail(uint64_t seed, uint64_t round, const char *fault, const struct sh_buffer *json) {
    (void)fprintf(stderr, "reproduce: json_property %llu %llu\n%s: %.*s\n", (unsigned long long)seed,
                  (unsigned long long)round + 1, fault, (int)json->count, (const char *)json->bytes);
    return 1;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 10000;
    struct sh_buffer json;
    sh_buffer_init(&json, 1 << 20);
    state = seed;
    for (uint64_t round = 0; round < count; round++) {
        sh_buffer_clear(&json);
        append_value(&json, 4);
        const char *fault = json_check_text(json.bytes, json.count);
        for (uint32_t i = random_below(4); i > 0 && fault == NULL; i--) {
            change(&json);
            fault = json_check_text(json.bytes, json.count);
        }
        if (fault == NULL) fault = json_check_msgpack(json.bytes, json.count);
        if (fault != NULL) return fail(seed, round, fault, &json);
    }
    sh_buffer_deinit(&json);
    printf("%llu texts\n", (unsigned long long)count);
    return 0;
}
