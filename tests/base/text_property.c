/* text_property.c -- UTF-8 and edit distance against simple twins, on random bytes that lean towards the edges.
 * Run: text_property SEED COUNT */
#include <stdio.h>
#include <stdlib.h>

#include "hash.h"
#include "text.h"

static uint64_t state;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

/* Decode, then ask whether the code point needed that many bytes. */
static bool twin_is_utf8(const uint8_t *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count;) {
        uint32_t code = bytes[i];
        uint32_t extra = code < 0x80             ? 0
                         : (code & 0xE0) == 0xC0 ? 1
                         : (code & 0xF0) == 0xE0 ? 2
                         : (code & 0xF8) == 0xF0 ? 3
                                                 : 9;
        if (extra == 9 || i + extra >= count) return false;
        if (extra > 0) code &= 0x3Fu >> extra;
        for (uint32_t k = 1; k <= extra; k++) {
            if ((bytes[i + k] & 0xC0) != 0x80) return false;
            code = code << 6 | (bytes[i + k] & 0x3F);
        }
        static const uint32_t least[4] = {1, 0x80, 0x800, 0x10000};
        if (code < least[extra] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
        i += extra + 1;
    }
    return true;
}

static uint32_t put_character(uint8_t *target, uint32_t code) {
    if (code < 0x80) {
        target[0] = (uint8_t)code;
        return 1;
    }
    const uint32_t extra = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t lead[4] = {0, 0xC0, 0xE0, 0xF0};
    target[0] = (uint8_t)(lead[extra] | code >> (6 * extra));
    for (uint32_t k = 1; k <= extra; k++)
        target[k] = (uint8_t)(0x80 | (code >> (6 * (extra - k)) & 0x3F));
    return extra + 1;
}

static bool check_utf8(void) {
    uint8_t bytes[64];
    uint32_t count = 0;
    const uint32_t shape = random_below(3);
    while (count < 60 && random_below(24) != 0) {
        static const uint32_t bounds[4] = {0x80, 0x800, 0x10000, 0x110000};
        if (shape == 0)
            bytes[count++] = (uint8_t)random_below(256);
        else
            count += put_character(bytes + count, shape == 1 && random_below(8) != 0
                                                      ? 1 + random_below(127)
                                                      : random_below(bounds[random_below(4)]));
    }
    if (count > 0 && random_below(2) == 0) bytes[random_below(count)] = (uint8_t)random_below(256);
    return sh_text_is_utf8((struct sh_text){(const char *)bytes, count}) == twin_is_utf8(bytes, count);
}

/* The whole table, as the definition says. */
static uint32_t twin_distance(const uint8_t *a, uint32_t a_count, const uint8_t *b, uint32_t b_count) {
    uint32_t table[16][16];
    for (uint32_t i = 0; i <= a_count; i++) {
        for (uint32_t j = 0; j <= b_count; j++) {
            uint32_t best = i == 0 ? j : j == 0 ? i : UINT32_MAX;
            if (i > 0 && table[i - 1][j] + 1 < best) best = table[i - 1][j] + 1;
            if (j > 0 && table[i][j - 1] + 1 < best) best = table[i][j - 1] + 1;
            if (i > 0 && j > 0 && table[i - 1][j - 1] + (a[i - 1] != b[j - 1]) < best)
                best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && table[i - 2][j - 2] + 1 < best)
                best = table[i - 2][j - 2] + 1;
            table[i][j] = best;
        }
    }
    return table[a_count][b_count];
}

static bool check_distance(void) {
    uint8_t a[15];
    uint8_t b[15];
    const uint32_t a_count = random_below(15);
    const uint32_t b_count = random_below(15);
    for (uint32_t i = 0; i < a_count; i++)
        a[i] = (uint8_t)('a' + random_below(3));
    for (uint32_t i = 0; i < b_count; i++)
        b[i] = (uint8_t)('a' + random_below(3));
    const uint32_t limit = random_below(8);
    const uint32_t exact = twin_distance(a, a_count, b, b_count);
    const uint32_t wanted = exact > limit ? limit + 1 : exact;
    return sh_text_distance((struct sh_text){(const char *)a, a_count}, (struct sh_text){(const char *)b, b_count},
                            limit) == wanted;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 200000;
    printf("reproduce: ./text_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)count);
    for (uint64_t step = 0; step < count; step++) {
        state = sh_hash_mix(seed, step);
        if (!check_utf8() || !check_distance()) {
            printf("step %llu: differs from the twin\n", (unsigned long long)step);
            return 1;
        }
    }
    return 0;
}
