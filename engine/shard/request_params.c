#include "request_params.h"

#include <stdarg.h>
#include <stdio.h>

#include "event_store.h"
#include "memory.h"

void sh_row_places_deinit(struct sh_row_places *places) {
    sh_free(places->offsets);
    *places = (struct sh_row_places){0};
}

enum sh_status sh_fail_unknown(struct sh_error *err, enum sh_status status, const struct sh_nearest *search,
                               const char *format, ...) {
    char words[SH_ERROR_MESSAGE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    (void)sh_fail(err, status, -1, "%s", words);
    if (search->nearest.count > 0)
        return sh_fail_hint(err, status, "did you mean `%.*s`?", SH_TEXT_ARGS(search->nearest));
    return status;
}

static enum sh_status find_name(const struct sh_param_names *names, struct sh_text key, uint32_t *found,
                                struct sh_error *err) {
    for (uint32_t i = 0; i < names->count; i++) {
        if (sh_text_equal(key, sh_text_of(names->names[i]))) {
            *found = i;
            return SH_OK;
        }
    }
    struct sh_nearest search;
    sh_nearest_init(&search, key);
    for (uint32_t i = 0; i < names->count; i++)
        sh_nearest_offer(&search, sh_text_of(names->names[i]));
    return sh_fail_unknown(err, SH_ERR_ARGUMENT, &search, "unknown key `%.*s`", (int)(key.count < 80 ? key.count : 80),
                           key.bytes);
}

/* Pass over an array, noting where each element begins. */
static enum sh_status note_rows(struct sh_cursor *cursor, const char *name, struct sh_row_places *places,
                                struct sh_error *err) {
    struct sh_value head;
    enum sh_status status;
    if ((status = sh_cursor_next(cursor, &head, err)) != SH_OK) return status;
    if (head.kind != SH_VALUE_ARRAY)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` must be an array of rows, but is %s", name,
                       sh_value_kind_name(head.kind));
    if (head.count > SH_BATCH_ROW_COUNT_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "`%s` has %u rows; a batch has at most %d", name, head.count,
                       SH_BATCH_ROW_COUNT_MAX);
    if (sh_grow((void **)&places->offsets, &places->capacity, head.count, sizeof(uint32_t)) != SH_OK)
        return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
    cursor->depth++;
    for (uint32_t i = 0; i < head.count; i++) {
        places->offsets[i] = (uint32_t)sh_cursor_offset(cursor);
        if ((status = sh_cursor_skip(cursor, NULL, err)) != SH_OK) return status;
    }
    cursor->depth--;
    places->count = head.count;
    return SH_OK;
}

static enum sh_status read_pair(struct sh_cursor *cursor, const struct sh_param_names *names, struct sh_param *values,
                                bool *given, struct sh_row_places *places, struct sh_error *err) {
    enum sh_status status;
    struct sh_text key;
    uint32_t found = 0;
    enum sh_value_kind kind;
    if ((status = sh_cursor_text(cursor, &key, "a key of the params", err)) != SH_OK) return status;
    if ((status = find_name(names, key, &found, err)) != SH_OK) return status;
    if (given[found]) return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` is given twice", names->names[found]);
    given[found] = true;
    if ((status = sh_cursor_peek(cursor, &kind, err)) != SH_OK) return status;
    const uint8_t *begin = cursor->at;
    if ((names->rows_mask >> found & 1) != 0 && kind != SH_VALUE_NIL)
        status = note_rows(cursor, names->names[found], places, err);
    else
        status = sh_cursor_skip(cursor, NULL, err);
    if (status != SH_OK) return status;
    if (kind != SH_VALUE_NIL) values[found] = (struct sh_param){begin, cursor->at};
    return SH_OK;
}

enum sh_status sh_params_read(const uint8_t *params, size_t params_count, const struct sh_param_names *names,
                              struct sh_param *values, struct sh_row_places *places, struct sh_error *err) {
    sh_assert(names->count <= SH_PARAM_COUNT_MAX);
    bool given[SH_PARAM_COUNT_MAX] = {false};
    memset(values, 0, names->count * sizeof *values);
    if (places != NULL) places->count = 0;
    if (params_count > SH_PART_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "the params have %zu bytes; at most %d are accepted", params_count,
                       SH_PART_BYTES_MAX);

    struct sh_cursor cursor;
    sh_cursor_init(&cursor, params, params_count);
    uint32_t pair_count;
    enum sh_status status = sh_cursor_map(&cursor, &pair_count, "params", err);
    if (status != SH_OK) return status;
    cursor.depth++;
    for (uint32_t i = 0; i < pair_count; i++) {
        if ((status = read_pair(&cursor, names, values, given, places, err)) != SH_OK) return status;
    }
    if (!sh_cursor_at_end(&cursor))
        return sh_fail(err, SH_ERR_PROTOCOL, sh_cursor_offset(&cursor), "bytes are left behind the params");
    return SH_OK;
}

void sh_param_cursor(const struct sh_param *param, struct sh_cursor *cursor) {
    sh_cursor_init(cursor, param->begin, (size_t)(param->end - param->begin));
}

enum sh_status sh_param_require(const struct sh_param *param, const char *name, struct sh_error *err) {
    if (sh_param_given(param)) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "the key `%s` is needed", name);
}

/* The value's head. Cannot fail after sh_params_read, which passed over it. */
static enum sh_status read_head(const struct sh_param *param, struct sh_cursor *cursor, struct sh_value *value,
                                struct sh_error *err) {
    sh_param_cursor(param, cursor);
    return sh_cursor_next(cursor, value, err);
}

static enum sh_status fail_kind(const char *name, const char *wanted, const struct sh_value *value,
                                struct sh_error *err) {
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` must be %s, but is %s", name, wanted,
                   sh_value_kind_name(value->kind));
}

enum sh_status sh_param_text(const struct sh_param *param, const char *name, struct sh_text *text,
                             struct sh_error *err) {
    if (!sh_param_given(param)) return SH_OK;
    struct sh_cursor cursor;
    struct sh_value value;
    const enum sh_status status = read_head(param, &cursor, &value, err);
    if (status != SH_OK) return status;
    if (value.kind != SH_VALUE_STR) return fail_kind(name, "a str", &value, err);
    *text = value.text;
    return SH_OK;
}

enum sh_status sh_param_needed_text(const struct sh_param *param, const char *name, struct sh_text *value,
                                    struct sh_error *err) {
    const enum sh_status status = sh_param_require(param, name, err);
    return status != SH_OK ? status : sh_param_text(param, name, value, err);
}

enum sh_status sh_param_integer(const struct sh_param *param, const char *name, int64_t low, int64_t high,
                                int64_t *integer, struct sh_error *err) {
    if (!sh_param_given(param)) return SH_OK;
    struct sh_cursor cursor;
    struct sh_value value;
    const enum sh_status status = read_head(param, &cursor, &value, err);
    if (status != SH_OK) return status;
    if (value.kind != SH_VALUE_INT && value.kind != SH_VALUE_UINT_BIG) return fail_kind(name, "an int", &value, err);
    if (value.kind == SH_VALUE_UINT_BIG || value.integer < low || value.integer > high)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` must be from %lld to %lld", name, (long long)low,
                       (long long)high);
    *integer = value.integer;
    return SH_OK;
}

enum sh_status sh_param_boolean(const struct sh_param *param, const char *name, bool *boolean, struct sh_error *err) {
    if (!sh_param_given(param)) return SH_OK;
    struct sh_cursor cursor;
    struct sh_value value;
    const enum sh_status status = read_head(param, &cursor, &value, err);
    if (status != SH_OK) return status;
    if (value.kind != SH_VALUE_BOOL) return fail_kind(name, "true or false", &value, err);
    *boolean = value.boolean;
    return SH_OK;
}

enum sh_status sh_param_real(const struct sh_param *param, const char *name, double low, double high, double *real,
                             struct sh_error *err) {
    if (!sh_param_given(param)) return SH_OK;
    struct sh_cursor cursor;
    struct sh_value value;
    const enum sh_status status = read_head(param, &cursor, &value, err);
    if (status != SH_OK) return status;
    if (value.kind != SH_VALUE_INT && value.kind != SH_VALUE_FLOAT) return fail_kind(name, "a number", &value, err);
    const double number = value.kind == SH_VALUE_INT ? (double)value.integer : value.real;
    if (!(number >= low && number <= high)) /* what is no number is in no range */
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` must be from %g to %g", name, low, high);
    *real = number;
    return SH_OK;
}

enum sh_status sh_param_array(const struct sh_param *param, const char *name, uint32_t count_max,
                              struct sh_cursor *cursor, uint32_t *count, struct sh_error *err) {
    *count = 0;
    if (!sh_param_given(param)) {
        sh_cursor_init(cursor, "", 0);
        return SH_OK;
    }
    struct sh_value value;
    const enum sh_status status = read_head(param, cursor, &value, err);
    if (status != SH_OK) return status;
    if (value.kind != SH_VALUE_ARRAY) return fail_kind(name, "an array", &value, err);
    if (value.count > count_max)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "`%s` has %u elements; at most %u are accepted", name, value.count,
                       count_max);
    *count = value.count;
    return SH_OK;
}

enum sh_status sh_id_read_value(struct sh_id_reader *id, const struct sh_value *value, const char *what,
                                struct sh_error *err) {
    switch (value->kind) {
    case SH_VALUE_STR:
        id->text = value->text;
        break;
    case SH_VALUE_INT:
        (void)snprintf(id->digits, sizeof id->digits, "%lld", (long long)value->integer);
        id->text = sh_text_of(id->digits);
        break;
    case SH_VALUE_UINT_BIG:
        (void)snprintf(id->digits, sizeof id->digits, "%llu", (unsigned long long)value->big);
        id->text = sh_text_of(id->digits);
        break;
    default:
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s must be a str or an int, but is %s", what,
                       sh_value_kind_name(value->kind));
    }
    if (id->text.count >= 1 && id->text.count <= SH_ID_BYTES_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s has %u bytes; an id has 1 to %d", what, id->text.count,
                   SH_ID_BYTES_MAX);
}

enum sh_status sh_id_read(struct sh_id_reader *id, struct sh_cursor *cursor, const char *what, struct sh_error *err) {
    struct sh_value value;
    const enum sh_status status = sh_cursor_next(cursor, &value, err);
    if (status != SH_OK) return status;
    return sh_id_read_value(id, &value, what, err);
}

enum sh_status sh_event_type_named(const struct sh_event_store *events, struct sh_text name, uint32_t *type,
                                   struct sh_error *err) {
    const int32_t found = sh_event_type_find(events, name);
    *type = (uint32_t)found;
    if (found >= 0) return SH_OK;
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < sh_event_type_count(events); i++)
        sh_nearest_offer(&search, sh_event_type(events, i)->name);
    return sh_fail_unknown(err, SH_ERR_NAME, &search, "there is no event type `%.*s`",
                           (int)(name.count < 80 ? name.count : 80), name.bytes);
}
