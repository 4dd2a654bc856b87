#include "query_words.h"

#include "query_number.h"

const char *const sh_compare_words[6] = {"=", "!=", "<", "<=", ">", ">="};
const char *const sh_term_words[6] = {NULL, NULL, "+", "-", "*", "/"};
const char *const sh_has_words[3] = {"any", "all", "none"};
const char *const sh_function_words[SH_FUNCTION_EXPECTED_NEXT + 1] = {
    NULL,   "count",          "sum", "min",     "max",     "avg",     "first",        "last", "days_since",
    "days", "count_distinct", "nth", "gap_min", "gap_avg", "gap_max", "expected_next"};
const char *const sh_unit_words[8] = {NULL, "minute", "hour", "day", "week", "month", "quarter", "year"};

enum sh_function sh_function_of(struct sh_text word) {
    for (int i = SH_FUNCTION_COUNT; i <= SH_FUNCTION_EXPECTED_NEXT; i++)
        if (sh_text_equal_keyword(word, sh_function_words[i])) return (enum sh_function)i;
    return SH_FUNCTION_NONE;
}

enum sh_unit sh_unit_of(struct sh_text word) {
    struct sh_text singular = word;
    if (word.count > 1 && (word.bytes[word.count - 1] | 0x20) == 's') singular.count--;
    for (int i = SH_UNIT_MINUTE; i <= SH_UNIT_YEAR; i++)
        if (sh_text_equal_keyword(word, sh_unit_words[i]) || sh_text_equal_keyword(singular, sh_unit_words[i]))
            return (enum sh_unit)i;
    return SH_UNIT_NONE;
}

enum sh_property_use sh_function_property_use(enum sh_function function) {
    switch (function) {
    case SH_FUNCTION_SUM:
    case SH_FUNCTION_MIN:
    case SH_FUNCTION_MAX:
    case SH_FUNCTION_AVG:
    case SH_FUNCTION_DISTINCT:
        return SH_PROPERTY_MUST;
    case SH_FUNCTION_FIRST:
    case SH_FUNCTION_LAST:
    case SH_FUNCTION_NTH:
        return SH_PROPERTY_MAY;
    default:
        return SH_PROPERTY_NEVER;
    }
}

bool sh_function_is_fraction(enum sh_function function) {
    return function == SH_FUNCTION_AVG || (function >= SH_FUNCTION_GAP_MIN && function <= SH_FUNCTION_GAP_MAX);
}

bool sh_unit_slides(enum sh_unit unit) {
    return unit >= SH_UNIT_MINUTE && unit <= SH_UNIT_WEEK;
}

bool sh_unit_is_calendar(enum sh_unit unit) {
    return unit >= SH_UNIT_DAY && unit <= SH_UNIT_YEAR;
}

bool sh_sequence_settle(struct sh_node *node) {
    uint32_t step_count = 0;
    for (const struct sh_node *step = node->child; step != NULL; step = step->next)
        step_count++;
    if (node->sequence.reach > step_count) return false;
    if (node->sequence.reach == step_count) node->sequence.reach = 0;
    return true;
}

struct sh_node *sh_node_make(struct sh_arena *arena, enum sh_node_kind kind, uint32_t position) {
    struct sh_node *node = sh_arena_alloc_zero(arena, sizeof *node);
    if (node == NULL) return NULL;
    node->kind = kind;
    node->position = position;
    return node;
}

bool sh_node_add_literal(struct sh_arena *arena, struct sh_node *node, struct sh_literal literal) {
    const uint32_t count = node->literal_count;
    if ((count & (count - 1)) == 0) { /* 0, 1, 2, 4, 8 ...: full */
        struct sh_literal *grown = sh_arena_alloc(arena, (count == 0 ? 1 : 2 * (size_t)count) * sizeof *grown);
        if (grown == NULL) return false;
        if (count > 0) memcpy(grown, node->literals, count * sizeof *grown);
        node->literals = grown;
    }
    node->literals[node->literal_count++] = literal;
    return true;
}

bool sh_sample_parts_of(struct sh_text number, uint32_t *parts) {
    bool exact;
    const __int128 units = sh_number_floor(number, 4, SH_SAMPLE_PARTS, &exact);
    if (!exact || units < 0 || units > SH_SAMPLE_PARTS) return false;
    *parts = (uint32_t)units;
    return true;
}
