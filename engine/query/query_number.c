#include "query_number.h"

bool sh_number_is_valid(struct sh_text text) {
    uint32_t at = text.count > 0 && (text.bytes[0] == '-' || text.bytes[0] == '+') ? 1 : 0;
    uint32_t digit_count = 0;
    for (; at < text.count && text.bytes[at] >= '0' && text.bytes[at] <= '9'; at++)
        digit_count++;
    if (digit_count == 0) return false;
    if (at == text.count) return true;
    if (text.bytes[at++] != '.' || at == text.count) return false;
    for (; at < text.count; at++)
        if (text.bytes[at] < '0' || text.bytes[at] > '9') return false;
    return true;
}

struct sh_text sh_number_normalize(struct sh_text digits, struct sh_arena *arena) {
    const bool negative = digits.count > 0 && digits.bytes[0] == '-';
    uint32_t begin = digits.count > 0 && (negative || digits.bytes[0] == '+') ? 1 : 0;
    uint32_t end = digits.count;
    const char *point = memchr(digits.bytes, '.', digits.count);
    if (point != NULL) {
        while (digits.bytes[end - 1] == '0')
            end--;
        if (digits.bytes[end - 1] == '.') end--;
    }
    const uint32_t integer_end = point == NULL ? digits.count : (uint32_t)(point - digits.bytes);
    while (begin + 1 < integer_end && digits.bytes[begin] == '0')
        begin++;
    const bool zero = end - begin == 1 && digits.bytes[begin] == '0';
    char *text = sh_arena_alloc(arena, end - begin + 1);
    if (text == NULL) return (struct sh_text){NULL, 0};
    uint32_t count = 0;
    if (negative && !zero) text[count++] = '-';
    memcpy(text + count, digits.bytes + begin, end - begin);
    return (struct sh_text){text, count + end - begin};
}

/* The parts of a normalized number. */
struct parts {
    bool negative;
    const char *integer;
    uint32_t integer_count;
    const char *fraction;
    uint32_t fraction_count;
};

static struct parts parts_of(struct sh_text number) {
    struct parts parts = {.negative = number.bytes[0] == '-'};
    parts.integer = number.bytes + (parts.negative ? 1 : 0);
    const uint32_t count = number.count - (parts.negative ? 1 : 0);
    const char *point = memchr(parts.integer, '.', count);
    parts.integer_count = point == NULL ? count : (uint32_t)(point - parts.integer);
    if (point != NULL) {
        parts.fraction = point + 1;
        parts.fraction_count = count - parts.integer_count - 1;
    }
    return parts;
}

static int compare_digits(const char *a, uint32_t a_count, const char *b, uint32_t b_count) {
    const uint32_t common = a_count < b_count ? a_count : b_count;
    const int order = common == 0 ? 0 : memcmp(a, b, common);
    if (order != 0) return order;
    return (a_count > b_count) - (a_count < b_count);
}

int sh_number_compare(struct sh_text a, struct sh_text b) {
    const struct parts left = parts_of(a);
    const struct parts right = parts_of(b);
    if (left.negative != right.negative) return left.negative ? -1 : 1;
    int order = (left.integer_count > right.integer_count) - (left.integer_count < right.integer_count);
    if (order == 0) order = compare_digits(left.integer, left.integer_count, right.integer, right.integer_count);
    if (order == 0) order = compare_digits(left.fraction, left.fraction_count, right.fraction, right.fraction_count);
    return left.negative ? -order : order;
}

uint32_t sh_number_scale(struct sh_text number) {
    return parts_of(number).fraction_count;
}

__int128 sh_number_floor(struct sh_text number, uint32_t scale, __int128 limit, bool *exact) {
    const struct parts parts = parts_of(number);
    __int128 units = 0;
    for (uint32_t i = 0; i < parts.integer_count + scale; i++) {
        int digit = 0;
        if (i < parts.integer_count) {
            digit = parts.integer[i] - '0';
        } else if (i - parts.integer_count < parts.fraction_count) {
            digit = parts.fraction[i - parts.integer_count] - '0';
        }
        units = units * 10 + digit;
        if (units > limit + (parts.negative ? 1 : 0)) {
            *exact = false;
            return parts.negative ? -limit - 2 : limit;
        }
    }
    *exact = parts.fraction_count <= scale; /* normalized: the last digit of a fraction is not 0 */
    if (!parts.negative) return units;
    return *exact ? -units : -units - 1;
}
