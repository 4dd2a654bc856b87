/* embedded_ask.c -- shoal/shoal.h, the questions about what people do and are like, and saved segments. */
#include <inttypes.h>

#include "bounds.h"
#include "embedded_private.h"

/* A pair that is only there if the text is: how many pairs that makes. */
static uint32_t has(const char *text) {
    return text == NULL ? 0 : 1;
}

static void pack_if_there(msgpack_packer *packer, const char *name, const char *text) {
    if (text != NULL) sh_embedded_pack(packer, name, text);
}

static struct shoal_text text_of(const struct sh_answer_map *map, const char *name) {
    const struct sh_value value = sh_answer_map_value(map, name);
    if (value.kind != SH_VALUE_STR) return (struct shoal_text){"", 0};
    return (struct shoal_text){value.text.bytes, value.text.count};
}

/* An integer that may be nil. */
static int64_t integer_or(const struct sh_answer_map *map, const char *name, int64_t otherwise) {
    const struct sh_value value = sh_answer_map_value(map, name);
    return value.kind == SH_VALUE_INT ? value.integer : otherwise;
}

static double real_or(const struct sh_answer_map *map, const char *name, double otherwise) {
    const struct sh_value value = sh_answer_map_value(map, name);
    if (value.kind == SH_VALUE_INT) return (double)value.integer;
    return value.kind == SH_VALUE_FLOAT ? value.real : otherwise;
}

/* Ask, and begin the list of that name in the answer. */
static int ask_for_list(struct shoal *engine, const char *method, const char *key, struct sh_answer_list *list,
                        struct shoal_error *error) {
    struct sh_answer_map answer;
    const int code = sh_embedded_ask(engine, method, error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    sh_answer_list_begin(list, sh_answer_map_find(&answer, key));
    return SHOAL_OK;
}

/* ---- Saved segments ---- */

int shoal_segment_put(struct shoal *engine, const char *name, const char *where, uint64_t *version,
                      struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_map answer;
    sh_embedded_begin(engine, &packer, 2);
    sh_embedded_pack(&packer, "name", name);
    sh_embedded_pack(&packer, "where", where);
    const int code = sh_embedded_ask(engine, "segment.put", error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    if (version != NULL) *version = sh_answer_map_uint(&answer, "version");
    return SHOAL_OK;
}

int shoal_segment_remove(struct shoal *engine, const char *name, struct shoal_error *error) {
    msgpack_packer packer;
    sh_embedded_begin(engine, &packer, 1);
    sh_embedded_pack(&packer, "name", name);
    return sh_embedded_ask(engine, "segment.remove", error);
}

int shoal_segments_of(struct shoal *engine, const char *user, shoal_each_id *each, void *context,
                      struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_map answer;
    sh_embedded_begin(engine, &packer, 1);
    sh_embedded_pack(&packer, "user", user);
    const int code = sh_embedded_ask(engine, "segment.of_user", error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    (void)sh_embedded_give_ids(&answer, "segments", each, context);
    return SHOAL_OK;
}

/* ---- What people do ---- */

int shoal_funnel(struct shoal *engine, const char *sequence, const char *among, shoal_each_step *each, void *context,
                 struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_list list;
    sh_embedded_begin(engine, &packer, 1 + has(among));
    sh_embedded_pack(&packer, "sequence", sequence);
    pack_if_there(&packer, "among", among);
    const int code = ask_for_list(engine, "audience.funnel", "steps", &list, error);
    if (code != SHOAL_OK) return code;
    while (sh_answer_list_next(&list)) {
        struct sh_answer_map map;
        sh_answer_list_map(&list, &map);
        const struct shoal_step step = {.step = text_of(&map, "step"),
                                        .users = sh_answer_map_uint(&map, "users"),
                                        .from_first_s = integer_or(&map, "from_first_s", -1),
                                        .from_previous_s = integer_or(&map, "from_previous_s", -1),
                                        .reached = text_of(&map, "reached"),
                                        .dropped = text_of(&map, "dropped")};
        if (!each(context, &step)) break;
    }
    return SHOAL_OK;
}

static bool give_cohort(const struct sh_answer_list *list, shoal_each_cohort *each, void *context) {
    uint64_t returned[SH_RETENTION_PERIOD_COUNT_MAX];
    struct sh_answer_map map;
    struct sh_answer_list counts;
    sh_answer_list_map(list, &map);
    struct shoal_cohort cohort = {.start = text_of(&map, "start"), .users = sh_answer_map_uint(&map, "users")};
    sh_answer_list_begin(&counts, sh_answer_map_find(&map, "returned"));
    sh_assert(counts.left <= SH_RETENTION_PERIOD_COUNT_MAX);
    while (sh_answer_list_next(&counts))
        returned[cohort.returned_count++] = (uint64_t)sh_answer_list_value(&counts).integer;
    cohort.returned = returned;
    return each(context, &cohort);
}

int shoal_retention(struct shoal *engine, const char *first, const struct shoal_retention_options *options,
                    shoal_each_cohort *each, void *context, struct shoal_error *error) {
    static const struct shoal_retention_options defaults = {0};
    const struct shoal_retention_options *wanted = options == NULL ? &defaults : options;
    msgpack_packer packer;
    struct sh_answer_list list;
    sh_embedded_begin(engine, &packer,
                      1 + has(wanted->again) + has(wanted->period) + has(wanted->among) + (wanted->period_count != 0));
    sh_embedded_pack(&packer, "first", first);
    pack_if_there(&packer, "return", wanted->again);
    pack_if_there(&packer, "period", wanted->period);
    pack_if_there(&packer, "among", wanted->among);
    if (wanted->period_count != 0) sh_pack_uint(&packer, "periods", wanted->period_count);
    const int code = ask_for_list(engine, "audience.retention", "cohorts", &list, error);
    if (code != SHOAL_OK) return code;
    while (sh_answer_list_next(&list))
        if (!give_cohort(&list, each, context)) break;
    return SHOAL_OK;
}

/* ---- What they are like ---- */

static bool give_looks(const struct sh_answer_map *dimension, shoal_each_look *each, void *context) {
    struct sh_answer_list list;
    sh_answer_list_begin(&list, sh_answer_map_find(dimension, "values"));
    while (sh_answer_list_next(&list)) {
        struct sh_answer_map map;
        sh_answer_list_map(&list, &map);
        const struct sh_value value = sh_answer_map_value(&map, "value");
        struct shoal_look look = {.value = text_of(&map, "value"),
                                  .users = sh_answer_map_uint(&map, "count"),
                                  .base = sh_answer_map_uint(&map, "base"),
                                  .share = real_or(&map, "share", 0),
                                  .index = real_or(&map, "index", -1)};
        if (value.kind == SH_VALUE_BOOL)
            look.value = value.boolean ? (struct shoal_text){"true", 4} : (struct shoal_text){"false", 5};
        if (!each(context, &look)) return false;
    }
    return true;
}

int shoal_insight(struct shoal *engine, const char *where, const char *of, const char *base, uint32_t top,
                  shoal_each_look *each, void *context, struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_list list;
    struct sh_answer_map dimension;
    sh_embedded_begin(engine, &packer, 2 + has(base));
    sh_embedded_pack(&packer, "where", where);
    pack_if_there(&packer, "base", base);
    sh_pack_literal(&packer, "dimensions");
    (void)msgpack_pack_array(&packer, 1);
    (void)msgpack_pack_map(&packer, 1u + (top != 0));
    sh_embedded_pack(&packer, "of", of);
    if (top != 0) sh_pack_uint(&packer, "top", top);
    const int code = ask_for_list(engine, "audience.insight", "dimensions", &list, error);
    if (code != SHOAL_OK) return code;
    if (!sh_answer_list_next(&list)) return SHOAL_OK;
    sh_answer_list_map(&list, &dimension);
    if (!sh_text_equal(sh_answer_map_text(&dimension, "kind"), SH_TEXT_LITERAL("values")))
        return sh_embedded_fault(error, SH_ERR_TYPE, "this has numbers, not values: ask shoal_call for them");
    (void)give_looks(&dimension, each, context);
    return SHOAL_OK;
}

int shoal_overlap(struct shoal *engine, const char *const *sets, size_t set_count, uint64_t *matrix,
                  struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_list rows;
    sh_embedded_begin(engine, &packer, 1);
    sh_pack_literal(&packer, "sets");
    (void)msgpack_pack_array(&packer, set_count);
    for (size_t i = 0; i < set_count; i++)
        sh_pack_literal(&packer, sets[i]);
    const int code = ask_for_list(engine, "audience.overlap", "matrix", &rows, error);
    if (code != SHOAL_OK) return code;
    sh_assert(rows.left == set_count);
    while (sh_answer_list_next(&rows)) {
        struct sh_answer_list cells;
        const struct sh_answer_pair row = {.begin = rows.begin, .end = rows.end};
        sh_answer_list_begin(&cells, &row);
        sh_assert(cells.left == set_count);
        while (sh_answer_list_next(&cells))
            *matrix++ = (uint64_t)sh_answer_list_value(&cells).integer;
    }
    return SHOAL_OK;
}

int shoal_waterfall(struct shoal *engine, const char *where, shoal_each_clause *each, void *context,
                    struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_list list;
    sh_embedded_begin(engine, &packer, 1);
    sh_embedded_pack(&packer, "where", where);
    const int code = ask_for_list(engine, "audience.waterfall", "steps", &list, error);
    if (code != SHOAL_OK) return code;
    while (sh_answer_list_next(&list)) {
        struct sh_answer_map map;
        sh_answer_list_map(&list, &map);
        const struct shoal_clause clause = {
            .clause = text_of(&map, "clause"),
            .alone = sh_answer_map_uint(&map, "alone"),
            .after = sh_answer_map_uint(&map, "after"),
            .changed = sh_answer_map_uint(&map, sh_answer_map_find(&map, "added") != NULL ? "added" : "removed"),
            .only = sh_answer_map_uint(&map, "only")};
        if (!each(context, &clause)) break;
    }
    return SHOAL_OK;
}

/* A value as text, behind what the engine's text holds; of a list its texts, with commas. */
static void write_value(struct sh_buffer *text, const struct sh_value *value) {
    char digits[40] = "";
    if (value->kind == SH_VALUE_STR) sh_buffer_append_text(text, value->text);
    if (value->kind == SH_VALUE_BOOL) (void)snprintf(digits, sizeof digits, "%s", value->boolean ? "true" : "false");
    if (value->kind == SH_VALUE_INT) (void)snprintf(digits, sizeof digits, "%" PRId64, value->integer);
    if (value->kind == SH_VALUE_FLOAT) (void)snprintf(digits, sizeof digits, "%.15g", value->real);
    sh_buffer_append_text(text, sh_text_of(digits));
}

static void write_found(struct sh_buffer *text, const struct sh_answer_map *line) {
    struct sh_answer_list list;
    struct sh_value value = sh_answer_map_value(line, "found");
    sh_buffer_clear(text);
    if (value.kind != SH_VALUE_ARRAY) {
        write_value(text, &value);
        return;
    }
    sh_answer_list_begin(&list, sh_answer_map_find(line, "found"));
    for (bool is_first = true; sh_answer_list_next(&list); is_first = false) {
        value = sh_answer_list_value(&list);
        if (!is_first) sh_buffer_append_text(text, SH_TEXT_LITERAL(", "));
        write_value(text, &value);
    }
}

int shoal_why(struct shoal *engine, const char *user, const char *where, bool *matches, shoal_each_reason *each,
              void *context, struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_map answer;
    struct sh_answer_list list;
    sh_embedded_begin(engine, &packer, 2);
    sh_embedded_pack(&packer, "user", user);
    sh_embedded_pack(&packer, "where", where);
    const int code = sh_embedded_ask(engine, "audience.why", error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    if (matches != NULL) *matches = sh_answer_map_bool(&answer, "matches");
    sh_answer_list_begin(&list, sh_answer_map_find(&answer, "lines"));
    while (sh_answer_list_next(&list)) {
        struct sh_answer_map map;
        sh_answer_list_map(&list, &map);
        struct shoal_reason reason = {.depth = (uint32_t)sh_answer_map_uint(&map, "depth"),
                                      .holds = sh_answer_map_bool(&map, "holds"),
                                      .kind = text_of(&map, "kind"),
                                      .clause = text_of(&map, "clause")};
        write_found(&engine->text, &map);
        if (engine->text.failed) return sh_embedded_fault(error, SH_ERR_MEMORY, "out of memory");
        reason.found =
            (struct shoal_text){engine->text.count == 0 ? "" : (const char *)engine->text.bytes, engine->text.count};
        if (!each(context, &reason)) break;
    }
    return SHOAL_OK;
}

int shoal_lookalike(struct shoal *engine, const char *seeds, uint64_t count, const char *exclude, shoal_each_id *each,
                    void *context, struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_map answer;
    sh_embedded_begin(engine, &packer, 2 + has(exclude));
    sh_embedded_pack(&packer, "seeds", seeds);
    sh_pack_uint(&packer, "count", count);
    pack_if_there(&packer, "exclude", exclude);
    const int code = sh_embedded_ask(engine, "audience.lookalike", error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    (void)sh_embedded_give_ids(&answer, "ids", each, context);
    return SHOAL_OK;
}

/* ---- Recency, frequency, money ---- */

int shoal_rfm_put(struct shoal *engine, const struct shoal_rfm_plan *plan, struct shoal_error *error) {
    msgpack_packer packer;
    sh_embedded_begin(engine, &packer, 2u + (plan->days != 0) + (plan->scores != 0));
    sh_embedded_pack(&packer, "event", plan->event);
    sh_pack_literal(&packer, "per_day");
    (void)(plan->per_day ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer));
    if (plan->days != 0) {
        sh_pack_literal(&packer, "days");
        (void)msgpack_pack_int(&packer, plan->days == SHOAL_RFM_ALL_TIME ? 0 : plan->days);
    }
    if (plan->scores != 0) sh_pack_uint(&packer, "scores", plan->scores);
    return sh_embedded_ask(engine, "rfm.put", error);
}

int shoal_rfm_refresh(struct shoal *engine, struct shoal_error *error) {
    msgpack_packer packer;
    sh_embedded_begin(engine, &packer, 0);
    return sh_embedded_ask(engine, "rfm.refresh", error);
}

int shoal_rfm(struct shoal *engine, const char *where, enum shoal_rfm_list list, shoal_each_group *each, void *context,
              struct shoal_error *error) {
    static const char *const keys[] = {"cells", "names", "lifecycle"};
    static const char *const words[] = {"segment", "name", "stage"};
    if ((unsigned)list >= sizeof keys / sizeof *keys)
        return sh_embedded_fault(error, SH_ERR_ARGUMENT, "there is no such list of rfm");
    msgpack_packer packer;
    struct sh_answer_list rows;
    sh_embedded_begin(engine, &packer, has(where));
    pack_if_there(&packer, "where", where);
    const int code = ask_for_list(engine, "audience.rfm", keys[list], &rows, error);
    if (code != SHOAL_OK) return code;
    while (sh_answer_list_next(&rows)) {
        struct sh_answer_map map;
        sh_answer_list_map(&rows, &map);
        const struct shoal_group group = {.name = text_of(&map, words[list]),
                                          .users = sh_answer_map_uint(&map, "users"),
                                          .amount = text_of(&map, "amount")};
        if (!each(context, &group)) break;
    }
    return SHOAL_OK;
}
