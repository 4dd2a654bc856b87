#include "query_derived.h"

#include <string.h>

#include "query_lexer.h"
#include "query_match.h"

static const struct sh_text groups[] = {{"rfm", 3}, {"value", 5}, {"invited", 7}, {"score", 5}};
static const struct sh_text own_names = {"score", 5}; /* the group whose names people choose */

bool sh_derived_is_group(struct sh_text word) {
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (sh_text_equal(word, groups[i])) return true;
    return false;
}

/* Plain letters and underlines behind the point, or a bare name: what prints bare parses again. */
bool sh_derived_is_name(struct sh_text name) {
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const struct sh_text group = groups[i];
        if (name.count < group.count + 2 || name.bytes[group.count] != '.') continue;
        if (memcmp(name.bytes, group.bytes, group.count) != 0) continue;
        if (sh_text_equal(group, own_names))
            return sh_name_is_bare((struct sh_text){name.bytes + group.count + 1, name.count - group.count - 1});
        for (uint32_t at = group.count + 1; at < name.count; at++) {
            const char letter = name.bytes[at];
            if (!(letter >= 'a' && letter <= 'z') && letter != '_') return false;
        }
        return true;
    }
    return false;
}

int32_t sh_derived_find(const struct sh_derived *derived, struct sh_text name) {
    if (derived == NULL) return -1;
    for (uint32_t i = 0; i < derived->field_count; i++)
        if (sh_text_equal(derived->fields[i].name, name)) return (int32_t)i;
    return -1;
}

bool sh_derived_get(const struct sh_derived *derived, uint32_t field, uint32_t slot, int64_t now_ms, int64_t *value) {
    const struct sh_derived_field *about = &derived->fields[field];
    if (about->values != NULL) {
        uint8_t code;
        derived->read_codes(derived->owner, field, slot, 1, now_ms, &code);
        *value = about->values[code];
        return code != 0;
    }
    uint64_t present;
    derived->read_values(derived->owner, field, slot, 1, now_ms, value, &present);
    return present != 0;
}

/* Does each code satisfy? */
static void accept_codes(const struct sh_derived_field *about, const struct sh_match *match,
                         uint8_t accepts[SH_DERIVED_CODE_MAX]) {
    memset(accepts, 0, SH_DERIVED_CODE_MAX);
    for (uint32_t code = 0; code < about->value_count; code++)
        accepts[code] = sh_match_value(match, code != 0, code != 0 ? about->values[code] : 0);
}

static void match_codes(const uint8_t *codes, const uint8_t *accepts, uint64_t *words) {
    for (uint32_t w = 0; w < SH_DERIVED_SPAN / 64; w++) {
        uint64_t word = 0;
        for (uint32_t bit = 0; bit < 64; bit++)
            word |= (uint64_t)accepts[codes[w * 64 + bit]] << bit;
        words[w] = word;
    }
}

static void match_values(const int64_t *values, const uint64_t *present, const struct sh_match *match,
                         uint64_t *words) {
    for (uint32_t w = 0; w < SH_DERIVED_SPAN / 64; w++) {
        uint64_t word = match->when_missing ? ~present[w] : 0;
        for (uint64_t rest = present[w]; rest != 0; rest &= rest - 1)
            if (sh_match_value(match, true, values[w * 64 + (uint32_t)__builtin_ctzll(rest)])) word |= rest & -rest;
        words[w] = word;
    }
}

static bool any_bit(const uint64_t *words, uint32_t count) {
    uint64_t all = 0;
    for (uint32_t i = 0; i < count; i++)
        all |= words[i];
    return all != 0;
}

void sh_derived_match(const struct sh_derived *derived, uint32_t field, uint32_t block, int64_t now_ms,
                      const struct sh_match *match, const uint64_t *among, uint64_t *words) {
    enum { SPAN_WORDS = SH_DERIVED_SPAN / 64 };
    const struct sh_derived_field *about = &derived->fields[field];
    uint8_t accepts[SH_DERIVED_CODE_MAX];
    uint8_t codes[SH_DERIVED_SPAN];
    int64_t values[SH_DERIVED_SPAN];
    uint64_t present[SPAN_WORDS];
    if (about->values != NULL) accept_codes(about, match, accepts);
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w += SPAN_WORDS) {
        const uint32_t first = block * SH_BLOCK_SLOTS + w * 64;
        if (!any_bit(among + w, SPAN_WORDS)) {
            memset(words + w, 0, SPAN_WORDS * sizeof *words);
        } else if (about->values != NULL) {
            derived->read_codes(derived->owner, field, first, SH_DERIVED_SPAN, now_ms, codes);
            match_codes(codes, accepts, words + w);
        } else {
            derived->read_values(derived->owner, field, first, SH_DERIVED_SPAN, now_ms, values, present);
            match_values(values, present, match, words + w);
        }
    }
}
