#include "text.h"

#include "memory.h"

/* Names are at most SH_NAME_BYTES_MAX long; this is room for the longest thing anybody would mistype. */
enum { DISTANCE_CHARACTERS_MAX = 256 };
/* Texts up to here are looked at as a whole before they are looked at character by character. */
enum { PLAIN_BYTES_MAX = 64 };

bool sh_text_copy(struct sh_text text, struct sh_text *copy) {
    char *bytes = sh_alloc((size_t)text.count + 1);
    if (bytes == NULL) return false;
    if (text.count > 0) memcpy(bytes, text.bytes, text.count);
    *copy = (struct sh_text){bytes, text.count};
    return true;
}

void sh_text_free(struct sh_text copy) {
    sh_free((char *)(uintptr_t)copy.bytes);
}

int sh_text_compare(struct sh_text a, struct sh_text b) {
    const uint32_t shorter = a.count < b.count ? a.count : b.count;
    const int order = shorter == 0 ? 0 : memcmp(a.bytes, b.bytes, shorter);
    if (order != 0) return order;
    return (a.count > b.count) - (a.count < b.count);
}

/* The high bit of each of eight bytes that is not 0x01..0x7F: set in the byte itself, or by a borrow when 1 is taken
 * from it. A borrow from a zero byte may mark the bytes above it too, so only the lowest mark is to be trusted. */
static inline uint64_t marks_of_word(uint64_t word) {
    return (word | (word - 0x0101010101010101u)) & 0x8080808080808080u;
}

/* How many bytes come before the lowest mark. */
static inline uint32_t bytes_before(uint64_t marks) {
    return (uint32_t)__builtin_ctzll(marks) / 8;
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte of a text is the lowest of its word");

static inline bool is_continuation(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

/* Bytes of the well-formed character at `at`, which is not ASCII; 0 if there is none. Table 3-7 of the Unicode
 * standard: only the second byte's range depends on the first. */
static inline uint32_t character_bytes(const uint8_t *at, const uint8_t *end) {
    const uint8_t lead = at[0];
    const ptrdiff_t left = end - at;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return left >= 2 && is_continuation(at[1]) ? 2 : 0;
    if (lead < 0xF0) {
        if (left < 3 || !is_continuation(at[1]) || !is_continuation(at[2])) return 0;
        if (lead == 0xE0 && at[1] < 0xA0) return 0; /* overlong */
        if (lead == 0xED && at[1] > 0x9F) return 0; /* surrogate */
        return 3;
    }
    if (lead > 0xF4 || left < 4) return 0;
    if (!is_continuation(at[1]) || !is_continuation(at[2]) || !is_continuation(at[3])) return 0;
    if (lead == 0xF0 && at[1] < 0x90) return 0; /* overlong */
    if (lead == 0xF4 && at[1] > 0x8F) return 0; /* above U+10FFFF */
    return 4;
}

/* Nothing but ASCII, and no zero byte? The last word overlaps the one before it, so there is no rest to go through. */
static bool is_plain(const uint8_t *bytes, uint32_t count) {
    uint64_t word;
    if (count >= 8) {
        uint64_t marks = 0;
        for (uint32_t i = 0; i + 8 < count; i += 8) {
            memcpy(&word, bytes + i, sizeof word);
            marks |= marks_of_word(word);
        }
        memcpy(&word, bytes + count - 8, sizeof word);
        return (marks | marks_of_word(word)) == 0;
    }
    if (count >= 4) {
        uint32_t first;
        uint32_t last;
        memcpy(&first, bytes, sizeof first);
        memcpy(&last, bytes + count - 4, sizeof last);
        word = (uint64_t)first << 32 | last;
        return marks_of_word(word) == 0;
    }
    /* First, middle and last byte are all there are; for one byte they are the same. */
    return count == 0 || marks_of_word(0x0101010101000000u | (uint64_t)bytes[0] << 16 |
                                       (uint64_t)bytes[count / 2] << 8 | bytes[count - 1]) == 0;
}

bool sh_text_is_utf8(struct sh_text text) {
    if (text.count == 0) return true; /* also without bytes: nothing is added to a null pointer */
    const uint8_t *at = (const uint8_t *)text.bytes;
    const uint8_t *end = at + text.count;
    if (text.count < PLAIN_BYTES_MAX && is_plain(at, text.count)) return true; /* most texts: ids, labels, numbers */
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        const uint64_t marks = marks_of_word(word);
        if (marks == 0) {
            at += 8;
            continue;
        }
        at += bytes_before(marks); /* a character that is not ASCII, or a zero byte, which begins none */
        do {
            const uint32_t byte_count = character_bytes(at, end);
            if (byte_count == 0) return false;
            at += byte_count;
        } while (at < end && *at >= 0x80);
    }
    while (at < end) {
        if (*at == 0) return false;
        const uint32_t byte_count = *at < 0x80 ? 1 : character_bytes(at, end);
        if (byte_count == 0) return false;
        at += byte_count;
    }
    return true;
}

static uint8_t lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool sh_text_equal_keyword(struct sh_text text, const char *keyword) {
    for (uint32_t i = 0; i < text.count; i++) {
        if (keyword[i] == '\0' || lower((uint8_t)text.bytes[i]) != lower((uint8_t)keyword[i])) return false;
    }
    return keyword[text.count] == '\0';
}

/* The text's characters, each as its bytes in one word. A byte that begins no character stands for itself, so any
 * bytes can be compared. Returns how many, or DISTANCE_CHARACTERS_MAX + 1 if there are more. */
static uint32_t split_characters(struct sh_text text, bool fold_case, uint32_t characters[DISTANCE_CHARACTERS_MAX]) {
    const uint8_t *at = (const uint8_t *)text.bytes;
    const uint8_t *end = at + text.count;
    uint32_t count = 0;
    while (at < end) {
        if (count == DISTANCE_CHARACTERS_MAX) return DISTANCE_CHARACTERS_MAX + 1;
        uint32_t byte_count = *at < 0x80 ? 1 : character_bytes(at, end);
        if (byte_count == 0) byte_count = 1;
        uint32_t character = 0;
        for (uint32_t i = 0; i < byte_count; i++)
            character = character << 8 | (fold_case ? lower(at[i]) : at[i]);
        characters[count++] = character;
        at += byte_count;
    }
    return count;
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* Three rows of the usual table: two back for the swap, one back, and the one being filled. */
static uint32_t distance(struct sh_text a, struct sh_text b, uint32_t limit, bool fold_case) {
    uint32_t left[DISTANCE_CHARACTERS_MAX];
    uint32_t right[DISTANCE_CHARACTERS_MAX];
    const uint32_t left_count = split_characters(a, fold_case, left);
    const uint32_t right_count = split_characters(b, fold_case, right);
    const uint32_t too_far = limit == UINT32_MAX ? limit : limit + 1;
    if (left_count > DISTANCE_CHARACTERS_MAX || right_count > DISTANCE_CHARACTERS_MAX)
        return sh_text_equal(a, b) ? 0 : too_far;
    const uint32_t gap = left_count > right_count ? left_count - right_count : right_count - left_count;
    if (gap > limit) return too_far;

    uint32_t rows[3][DISTANCE_CHARACTERS_MAX + 1];
    for (uint32_t j = 0; j <= right_count; j++)
        rows[0][j] = j;
    for (uint32_t i = 1; i <= left_count; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *above = rows[(i + 2) % 3];
        const uint32_t *above_twice = rows[(i + 1) % 3];
        row[0] = i;
        uint32_t row_least = i;
        for (uint32_t j = 1; j <= right_count; j++) {
            uint32_t best = above[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
            best = least(best, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                best = least(best, above_twice[j - 2] + 1);
            row[j] = best;
            row_least = least(row_least, best);
        }
        if (row_least > limit + 1 && row_least > limit) return too_far;
    }
    return least(rows[left_count % 3][right_count], too_far);
}

uint32_t sh_text_distance(struct sh_text a, struct sh_text b, uint32_t limit) {
    return distance(a, b, limit, false);
}

void sh_nearest_init(struct sh_nearest *search, struct sh_text wanted) {
    uint32_t characters[DISTANCE_CHARACTERS_MAX];
    const uint32_t third = split_characters(wanted, true, characters) / 3;
    const uint32_t limit = third < 1 ? 1 : third > 3 ? 3 : third;
    *search = (struct sh_nearest){.wanted = wanted, .distance = limit + 1};
}

void sh_nearest_offer(struct sh_nearest *search, struct sh_text name) {
    const uint32_t found = distance(search->wanted, name, search->distance, true);
    if (found > search->distance) return;
    if (found == search->distance && (search->nearest.count == 0 || sh_text_compare(name, search->nearest) >= 0))
        return;
    search->nearest = name;
    search->distance = found;
}
