/* Literals to values. A literal becomes a span low..high of canonical values that mean the same as it:
 *
 *   points: 100       100..100                  amount (scale 2): 10.005     1001..1000, between two values: empty
 *   tier: 'gold'      rank 2..2                 a time: '2026-03-01'         the day's first to its last millisecond
 *
 * Then every comparison is the same for all types: = is low..high, < is ..low - 1, <= is ..high, > is high + 1.., and
 * >= is low... Spans are 128 bits wide, so the ends of 64 bits need no special care until the last step.
 */
#include "query_check.h"
#include "query_number.h"
#include "query_words.h"

struct span {
    __int128 low;
    __int128 high;
};

const char *sh_domain_words(const struct sh_query_domain *domain) {
    static const char *const words[SH_TYPE_COUNT] = {"a bool", "an int", "a decimal", "a time", "an enum", "a string"};
    return domain->is_date ? "a date" : words[domain->type];
}

/* ---- Failures ---- */

static enum sh_status fail_label(struct sh_checker *checker, const struct sh_query_domain *domain,
                                 const struct sh_literal *literal) {
    struct sh_buffer labels;
    struct sh_nearest search;
    sh_nearest_init(&search, literal->text);
    sh_buffer_init(&labels, SH_ERROR_MESSAGE_BYTES_MAX);
    for (uint32_t rank = 0; rank < sh_dictionary_count(domain->texts); rank++) {
        const struct sh_text label = sh_dictionary_text(domain->texts, domain->code_of_rank[rank]);
        sh_nearest_offer(&search, label);
        if (labels.count < SH_ERROR_HINT_BYTES_MAX)
            sh_buffer_print(&labels, "%s'%.*s'", rank == 0 ? "" : ", ", SH_TEXT_ARGS(label));
    }
    const enum sh_status status =
        sh_fail(checker->err, SH_ERR_NAME, sh_checker_position(literal->position),
                "%.*s has no label '%.*s'; from the lowest they are %.*s", SH_TEXT_ARGS(domain->words),
                SH_TEXT_ARGS(literal->text), (int)labels.count, (const char *)labels.bytes);
    sh_buffer_deinit(&labels);
    if (search.nearest.count == 0) return status;
    return sh_fail_hint(checker->err, status, "did you mean '%.*s'?", SH_TEXT_ARGS(search.nearest));
}

/* The literal is of a kind that this operand is never compared with. */
static enum sh_status fail_kind(struct sh_checker *checker, const struct sh_query_domain *domain,
                                const struct sh_literal *literal) {
    static const char *const kinds[] = {"a number", "a text", "a bool"};
    const struct sh_text words = domain->words;
    const enum sh_status status = sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(literal->position),
                                          "%.*s is %s and cannot be compared with %s", SH_TEXT_ARGS(words),
                                          sh_domain_words(domain), kinds[literal->kind]);
    switch (domain->type) {
    case SH_TYPE_BOOL:
        return sh_fail_hint(checker->err, status, "write %.*s, or %.*s = false", SH_TEXT_ARGS(words),
                            SH_TEXT_ARGS(words));
    case SH_TYPE_INT:
    case SH_TYPE_DECIMAL:
        if (literal->kind == SH_LITERAL_TEXT && sh_number_is_valid(literal->text))
            return sh_fail_hint(checker->err, status, "write %.*s without quotes", SH_TEXT_ARGS(literal->text));
        return sh_fail_hint(checker->err, status, "compare it with a number: %.*s >= 100", SH_TEXT_ARGS(words));
    case SH_TYPE_TIME:
        return sh_fail_hint(checker->err, status, "write a date in quotes: %.*s >= '2026-03-01'", SH_TEXT_ARGS(words));
    case SH_TYPE_ENUM: {
        const uint32_t top = sh_dictionary_count(domain->texts) - 1;
        return sh_fail_hint(checker->err, status, "compare it with a label: %.*s = '%.*s'", SH_TEXT_ARGS(words),
                            SH_TEXT_ARGS(sh_dictionary_text(domain->texts, domain->code_of_rank[top])));
    }
    case SH_TYPE_STRING:
        if (literal->kind == SH_LITERAL_NUMBER)
            return sh_fail_hint(checker->err, status, "write the value in quotes: '%.*s'", SH_TEXT_ARGS(literal->text));
        return sh_fail_hint(checker->err, status, "compare it with a text: %.*s = '...'", SH_TEXT_ARGS(words));
    }
    return status;
}

/* `city` on its own, which the parser took for a bool. */
static enum sh_status fail_bare(struct sh_checker *checker, const struct sh_node *node,
                                const struct sh_query_domain *domain) {
    const struct sh_text words = domain->words;
    const enum sh_status status =
        sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(node->operand.position),
                "%.*s is %s: only a bool can stand without a comparison", SH_TEXT_ARGS(words), sh_domain_words(domain));
    switch (domain->type) {
    case SH_TYPE_TIME:
        return sh_fail_hint(checker->err, status, "write %.*s >= '2026-03-01', or %.*s is not missing",
                            SH_TEXT_ARGS(words), SH_TEXT_ARGS(words));
    case SH_TYPE_ENUM:
    case SH_TYPE_STRING:
        return sh_fail_hint(checker->err, status, "write %.*s = '...', or %.*s is not missing", SH_TEXT_ARGS(words),
                            SH_TEXT_ARGS(words));
    default:
        return sh_fail_hint(checker->err, status, "write %.*s > 0, or %.*s is not missing", SH_TEXT_ARGS(words),
                            SH_TEXT_ARGS(words));
    }
}

/* The question itself does not fit the type: `city > 'a'`, `tier starts with 'g'`. */
static enum sh_status fail_question(struct sh_checker *checker, const struct sh_node *node,
                                    const struct sh_query_domain *domain, const char *question) {
    const enum sh_status status = sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(node->operand.position),
                                          "%.*s is %s: %s does not fit it", SH_TEXT_ARGS(domain->words),
                                          domain->ids == NULL ? sh_domain_words(domain) : "an id", question);
    if (domain->ids != NULL) return sh_fail_hint(checker->err, status, "compare it with = or in");
    switch (domain->type) {
    case SH_TYPE_STRING:
        return sh_fail_hint(checker->err, status, "compare it with = or in, or use starts with or contains");
    case SH_TYPE_BOOL:
        return sh_fail_hint(checker->err, status, "write %.*s, or %.*s = false", SH_TEXT_ARGS(domain->words),
                            SH_TEXT_ARGS(domain->words));
    case SH_TYPE_TIME:
        return sh_fail_hint(checker->err, status, "compare it with a date, or ask for a window: in last 30 days");
    case SH_TYPE_ENUM:
        return sh_fail_hint(checker->err, status, "compare it with = != < <= > >=, in or between");
    default:
        return sh_fail_hint(checker->err, status, "compare it with = != < <= > >=, in or between, and a number");
    }
}

/* ---- Spans ---- */

static enum sh_literal_kind literal_kind_of(const struct sh_query_domain *domain) {
    if (domain->type == SH_TYPE_BOOL) return SH_LITERAL_BOOL;
    return domain->type == SH_TYPE_INT || domain->type == SH_TYPE_DECIMAL ? SH_LITERAL_NUMBER : SH_LITERAL_TEXT;
}

static struct span number_span(struct sh_text number, uint32_t scale, __int128 limit) {
    bool exact;
    const __int128 floor = sh_number_floor(number, scale, limit, &exact);
    return (struct span){exact ? floor : floor + 1, floor};
}

static enum sh_status time_span(struct sh_checker *checker, const struct sh_query_domain *domain,
                                const struct sh_literal *literal, struct span *span) {
    struct sh_moment moment;
    enum sh_status status = sh_query_moment(literal, checker->scope->zone, &moment, checker->err);
    if (status != SH_OK) return status;
    if (!domain->is_date) {
        *span = (struct span){moment.first_ms, moment.last_ms};
        return SH_OK;
    }
    if (moment.is_date) {
        const int64_t midnight_utc = moment.day * SH_DAY_MS;
        *span = (struct span){midnight_utc, midnight_utc};
        return SH_OK;
    }
    status = sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(literal->position),
                     "%.*s is a date and cannot be compared with a time of day", SH_TEXT_ARGS(domain->words));
    return sh_fail_hint(checker->err, status, "write '%.10s'", literal->text.bytes);
}

/* limit: what a value can be at most, INT64_MAX but for sums. */
static enum sh_status span_of(struct sh_checker *checker, const struct sh_query_domain *domain,
                              const struct sh_literal *literal, __int128 limit, struct span *span) {
    *span = (struct span){1, 0};
    if (literal->kind != literal_kind_of(domain)) return fail_kind(checker, domain, literal);
    switch (domain->type) {
    case SH_TYPE_BOOL:
        span->low = span->high = sh_text_equal(literal->text, SH_TEXT_LITERAL("true"));
        return SH_OK;
    case SH_TYPE_INT:
    case SH_TYPE_DECIMAL:
        *span = number_span(literal->text, domain->scale, limit);
        return SH_OK;
    case SH_TYPE_TIME:
        return time_span(checker, domain, literal, span);
    case SH_TYPE_ENUM: {
        const uint32_t code = sh_dictionary_find(domain->texts, literal->text);
        if (code == SH_CODE_NONE) return fail_label(checker, domain, literal);
        span->low = span->high = domain->rank_of_code[code];
        return SH_OK;
    }
    case SH_TYPE_STRING: {
        const uint32_t code = domain->ids != NULL ? sh_table_find(domain->ids, literal->text)
                                                  : sh_dictionary_find(domain->texts, literal->text);
        if (code != UINT32_MAX) *span = (struct span){code, code};
        return SH_OK;
    }
    }
    return SH_OK;
}
_Static_assert(SH_CODE_NONE == UINT32_MAX && SH_SLOT_NONE == UINT32_MAX, "either is: nobody has it");

/* COMPARE and BETWEEN narrow *asked, which is all values. */
static enum sh_status asked_span(struct sh_checker *checker, const struct sh_node *node,
                                 const struct sh_query_domain *domain, __int128 limit, struct span *asked) {
    struct span first = {1, 0};
    enum sh_status status = span_of(checker, domain, &node->literals[0], limit, &first);
    if (status != SH_OK) return status;
    if (node->kind == SH_NODE_BETWEEN) {
        struct span second = {1, 0};
        if ((status = span_of(checker, domain, &node->literals[1], limit, &second)) != SH_OK) return status;
        *asked = (struct span){first.low, second.high};
        return SH_OK;
    }
    switch (node->compare) {
    case SH_COMPARE_EQ:
    case SH_COMPARE_NE:
        *asked = first;
        break;
    case SH_COMPARE_LT:
        asked->high = first.low - 1;
        break;
    case SH_COMPARE_LE:
        asked->high = first.high;
        break;
    case SH_COMPARE_GT:
        asked->low = first.high + 1;
        break;
    case SH_COMPARE_GE:
        asked->low = first.low;
        break;
    }
    return SH_OK;
}

/* ---- Values ---- */

static int compare_values(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void sort_values(struct sh_node *node) {
    qsort(node->values, node->value_count, sizeof *node->values, compare_values);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < node->value_count; i++)
        if (kept == 0 || node->values[i] != node->values[kept - 1]) node->values[kept++] = node->values[i];
    node->value_count = kept;
}

/* The codes of the ranks low..high. */
static enum sh_status set_rank_codes(struct sh_checker *checker, struct sh_node *node,
                                     const struct sh_query_domain *domain) {
    const int64_t last = (int64_t)sh_dictionary_count(domain->texts) - 1;
    const int64_t low = node->low < 0 ? 0 : node->low;
    const int64_t high = node->high > last ? last : node->high;
    const size_t count = low <= high ? (size_t)(high - low + 1) : 0;
    node->values = sh_arena_alloc(checker->arena, (count + 1) * sizeof *node->values);
    if (node->values == NULL) return sh_checker_memory(checker);
    for (int64_t rank = low; rank <= high; rank++)
        node->values[node->value_count++] = domain->code_of_rank[rank];
    sort_values(node);
    return SH_OK;
}

static void set_bounds(struct sh_node *node, struct span asked) {
    if (asked.low < INT64_MIN) asked.low = INT64_MIN;
    if (asked.high > INT64_MAX) asked.high = INT64_MAX;
    if (asked.low > asked.high) asked = (struct span){1, 0};
    node->low = (int64_t)asked.low;
    node->high = (int64_t)asked.high;
}

static enum sh_status bind_asked(struct sh_checker *checker, struct sh_node *node,
                                 const struct sh_query_domain *domain) {
    static const struct span all = {INT64_MIN, INT64_MAX};
    struct span asked = all;
    const enum sh_status status = asked_span(checker, node, domain, INT64_MAX, &asked);
    if (status != SH_OK) return status;
    set_bounds(node, asked);
    if (domain->type == SH_TYPE_ENUM) return set_rank_codes(checker, node, domain);
    if (domain->type != SH_TYPE_STRING) return SH_OK;
    node->values = sh_arena_alloc(checker->arena, sizeof *node->values);
    if (node->values == NULL) return sh_checker_memory(checker);
    if (node->low <= node->high) node->values[node->value_count++] = node->low;
    return SH_OK;
}

static enum sh_status bind_sum(struct sh_checker *checker, struct sh_node *node, const struct sh_query_domain *domain) {
    /* A sum of 2^32 values of 63 bits stays below 2^95. */
    const __int128 limit = (__int128)1 << 100;
    const struct span all = {-limit - 1, limit};
    struct span asked = all;
    const enum sh_status status = asked_span(checker, node, domain, limit, &asked);
    if (status != SH_OK) return status;
    if (asked.low > asked.high) asked = (struct span){1, 0};
    node->low128 = asked.low;
    node->high128 = asked.high;
    return SH_OK;
}

/* Averages and gaps are fractions: the bounds keep the literal's own digits, and < and > leave the bound itself out. */
static enum sh_status bind_average(struct sh_checker *checker, struct sh_node *node,
                                   const struct sh_query_domain *domain) {
    node->bound_scale = domain->scale;
    for (uint32_t i = 0; i < node->literal_count; i++) {
        const struct sh_literal *literal = &node->literals[i];
        if (literal->kind != SH_LITERAL_NUMBER) return fail_kind(checker, domain, literal);
        const uint32_t scale = sh_number_scale(literal->text);
        if (scale > domain->scale + 9)
            return sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(literal->position),
                           "%.*s is compared with at most %u digits after the point", SH_TEXT_ARGS(domain->words),
                           domain->scale + 9);
        if (scale > node->bound_scale) node->bound_scale = scale;
    }
    bool exact;
    const __int128 bound_max = node->operand.function == SH_FUNCTION_AVG ? SH_AVG_BOUND_MAX : SH_GAP_BOUND_MAX;
    const __int128 limit = bound_max - 1;
    const __int128 first = sh_number_floor(node->literals[0].text, node->bound_scale, limit, &exact);
    node->low128 = -bound_max;
    node->high128 = bound_max;
    if (node->kind == SH_NODE_BETWEEN) {
        node->low128 = first;
        node->high128 = sh_number_floor(node->literals[1].text, node->bound_scale, limit, &exact);
        return SH_OK;
    }
    const enum sh_compare compare = node->compare;
    if (compare != SH_COMPARE_LT && compare != SH_COMPARE_LE) node->low128 = first;
    if (compare != SH_COMPARE_GT && compare != SH_COMPARE_GE) node->high128 = first;
    node->low_open = compare == SH_COMPARE_GT;
    node->high_open = compare == SH_COMPARE_LT;
    return SH_OK;
}

/* `time in ('2026-03-01', '2026-03-08')`: a whole day is no single value, so the list becomes comparisons. */
static enum sh_status spread_days(struct sh_checker *checker, struct sh_node *node,
                                  const struct sh_query_domain *domain) {
    struct sh_node *children = NULL;
    for (uint32_t i = node->literal_count; i-- > 0;) {
        struct sh_node *child = sh_arena_copy(checker->arena, node, sizeof *node);
        if (child == NULL) return sh_checker_memory(checker);
        child->kind = SH_NODE_COMPARE;
        child->compare = node->negated ? SH_COMPARE_NE : SH_COMPARE_EQ;
        child->negated = node->negated;
        child->literals = &node->literals[i];
        child->literal_count = 1;
        child->next = children;
        children = child;
        const enum sh_status status = bind_asked(checker, child, domain);
        if (status != SH_OK) return status;
    }
    struct sh_node *const next = node->next;
    checker->node_count += node->literal_count;
    checker->reshaped = true;
    const bool single = node->literal_count == 1;
    *node = single ? *children
                   : (struct sh_node){.kind = node->negated ? SH_NODE_AND : SH_NODE_OR,
                                      .position = node->position,
                                      .child = children};
    node->next = next;
    return SH_OK;
}

static enum sh_status bind_list(struct sh_checker *checker, struct sh_node *node,
                                const struct sh_query_domain *domain) {
    node->values = sh_arena_alloc(checker->arena, node->literal_count * sizeof *node->values);
    if (node->values == NULL) return sh_checker_memory(checker);
    bool has_days = false;
    for (uint32_t i = 0; i < node->literal_count; i++) {
        struct span span = {1, 0};
        const enum sh_status status = span_of(checker, domain, &node->literals[i], INT64_MAX, &span);
        if (status != SH_OK) return status;
        has_days |= span.low < span.high;
        if (span.low != span.high || span.low < INT64_MIN || span.high > INT64_MAX) continue; /* no value is it */
        const int64_t value = (int64_t)span.low;
        node->values[node->value_count++] = domain->type == SH_TYPE_ENUM ? domain->code_of_rank[value] : value;
    }
    if (has_days) {
        node->value_count = 0;
        node->values = NULL;
        return spread_days(checker, node, domain);
    }
    sort_values(node);
    return SH_OK;
}

/* `store under 'East'`: as a list of the names at and below it. */
static enum sh_status bind_under(struct sh_checker *checker, struct sh_node *node,
                                 const struct sh_query_domain *domain) {
    const struct sh_query_scope *scope = checker->scope;
    const struct sh_literal *literal = &node->literals[0];
    const struct sh_text *names = NULL;
    uint32_t count = 0;
    enum sh_status status = SH_OK;
    if (domain->type != SH_TYPE_STRING && domain->type != SH_TYPE_ENUM)
        return fail_question(checker, node, domain, "under");
    if (literal->kind != SH_LITERAL_TEXT) return fail_kind(checker, domain, literal);
    if (scope->below == NULL)
        status = sh_fail(checker->err, SH_ERR_NAME, -1, "nothing stands under '%.*s': there are no trees here",
                         (int)(literal->text.count < SH_NAME_BYTES_MAX ? literal->text.count : SH_NAME_BYTES_MAX),
                         literal->text.bytes);
    else
        status = scope->below(scope->below_owner, node->operand.name, literal->text, &names, &count, checker->err);
    if (status != SH_OK) {
        if (checker->err != NULL) checker->err->position = sh_checker_position(literal->position);
        return status;
    }
    node->values = sh_arena_alloc(checker->arena, ((size_t)count + 1) * sizeof *node->values);
    if (node->values == NULL) return sh_checker_memory(checker);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t value =
            domain->ids != NULL ? sh_table_find(domain->ids, names[i]) : sh_dictionary_find(domain->texts, names[i]);
        if (value != UINT32_MAX) node->values[node->value_count++] = value; /* else no row has it */
    }
    sort_values(node);
    return SH_OK;
}

static bool is_ordered(const struct sh_query_domain *domain) {
    return domain->type != SH_TYPE_STRING && domain->type != SH_TYPE_BOOL;
}

enum sh_status sh_query_bind(struct sh_checker *checker, struct sh_node *node, const struct sh_query_domain *domain) {
    const bool sum = node->operand.function == SH_FUNCTION_SUM;
    const bool average = sh_function_is_fraction(node->operand.function);
    switch (node->kind) {
    case SH_NODE_COMPARE:
        if (node->literals[0].position == node->operand.position && node->literals[0].position != SH_POSITION_NONE &&
            domain->type != SH_TYPE_BOOL)
            return fail_bare(checker, node, domain);
        if (node->compare != SH_COMPARE_EQ && node->compare != SH_COMPARE_NE && !is_ordered(domain))
            return fail_question(checker, node, domain, "an order (< <= > >=)");
        node->negated = node->compare == SH_COMPARE_NE;
        if (average) return bind_average(checker, node, domain);
        return sum ? bind_sum(checker, node, domain) : bind_asked(checker, node, domain);
    case SH_NODE_BETWEEN:
        if (!is_ordered(domain)) return fail_question(checker, node, domain, "between");
        if (average) return bind_average(checker, node, domain);
        return sum ? bind_sum(checker, node, domain) : bind_asked(checker, node, domain);
    case SH_NODE_IN:
        if (!average) return bind_list(checker, node, domain);
        return sh_fail_hint(checker->err,
                            sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(node->operand.position),
                                    "%.*s is %s: a list of values does not fit it", SH_TEXT_ARGS(domain->words),
                                    node->operand.function == SH_FUNCTION_AVG ? "an average" : "a fraction"),
                            "compare it with <, > or between");
    case SH_NODE_UNDER:
        return bind_under(checker, node, domain);
    case SH_NODE_STARTS:
    case SH_NODE_CONTAINS:
        if (domain->type != SH_TYPE_STRING || domain->ids != NULL)
            return fail_question(checker, node, domain, node->kind == SH_NODE_STARTS ? "starts with" : "contains");
        if (node->literals[0].kind != SH_LITERAL_TEXT) return fail_kind(checker, domain, &node->literals[0]);
        return SH_OK;
    case SH_NODE_WINDOW:
        if (domain->type != SH_TYPE_TIME) return fail_question(checker, node, domain, "a window of time");
        if (node->window.kind == SH_WINDOW_WITHIN)
            return sh_fail_hint(checker->err,
                                sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(node->window.position),
                                        "a window after or before a time is one of events"),
                                "such as did(purchase, within 7 days after first(purchase))");
        return sh_query_window_check(&node->window, checker->scope->zone, checker->err);
    case SH_NODE_NEXT:
        if (domain->type != SH_TYPE_TIME) return fail_question(checker, node, domain, "in next N days");
        return SH_OK;
    default: /* MISSING: every type */
        return SH_OK;
    }
}
