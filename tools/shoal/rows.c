#include "rows.h"

#include <time.h>

#include "decimal.h"
#include "hash.h"
#include "memory.h"

/* --- how often a content was seen in this file: an open hash table of 64-bit hashes that doubles --- */

struct row_places {
    uint64_t *hashes; /* 0: free */
    uint32_t *counts;
    uint64_t capacity; /* a power of two */
    uint64_t count;
};

static bool places_grow(struct row_places *places) {
    const uint64_t capacity = places->capacity == 0 ? 1024 : places->capacity * 2;
    uint64_t *hashes = sh_alloc_zero(capacity * sizeof *hashes);
    uint32_t *counts = sh_alloc_zero(capacity * sizeof *counts);
    if (hashes == NULL || counts == NULL) {
        sh_free(hashes);
        sh_free(counts);
        return false;
    }
    for (uint64_t i = 0; i < places->capacity; i++) {
        if (places->hashes[i] == 0) continue;
        uint64_t at = places->hashes[i] & (capacity - 1);
        while (hashes[at] != 0)
            at = (at + 1) & (capacity - 1);
        hashes[at] = places->hashes[i];
        counts[at] = places->counts[i];
    }
    sh_free(places->hashes);
    sh_free(places->counts);
    places->hashes = hashes;
    places->counts = counts;
    places->capacity = capacity;
    return true;
}

/* The place of this content among equal ones, from 0; UINT32_MAX when memory is out. */
static uint32_t places_take(struct row_places *places, uint64_t hash) {
    if (hash == 0) hash = 1;
    if (places->count * 4 >= places->capacity * 3 && !places_grow(places)) return UINT32_MAX;
    uint64_t at = hash & (places->capacity - 1);
    while (places->hashes[at] != 0 && places->hashes[at] != hash)
        at = (at + 1) & (places->capacity - 1);
    if (places->hashes[at] == 0) {
        places->hashes[at] = hash;
        places->count++;
    }
    return places->counts[at]++;
}

void row_encoder_restart(struct row_encoder *encoder) {
    struct row_places *places = encoder->places;
    if (places->capacity == 0) return;
    memset(places->hashes, 0, places->capacity * sizeof *places->hashes);
    memset(places->counts, 0, places->capacity * sizeof *places->counts);
    places->count = 0;
}

void row_encoder_deinit(struct row_encoder *encoder) {
    if (encoder->places == NULL) return;
    sh_free(encoder->places->hashes);
    sh_free(encoder->places->counts);
    encoder->places->hashes = NULL;
    encoder->places->counts = NULL;
}

/* --- binding --- */

uint32_t row_want(struct sh_text *wanted, uint32_t *wanted_count, struct sh_text name) {
    for (uint32_t i = 0; i < *wanted_count; i++)
        if (sh_text_equal(wanted[i], name)) return i;
    if (*wanted_count == ROW_WANTED_COUNT_MAX) return UINT32_MAX;
    wanted[*wanted_count] = name;
    return (*wanted_count)++;
}

static struct row_source bind_source(const struct mapping_source *source, struct sh_text *wanted,
                                     uint32_t *wanted_count) {
    struct row_source bound = {.source = source, .column = UINT32_MAX, .factor = UINT32_MAX};
    if (source->column.count > 0) bound.column = row_want(wanted, wanted_count, source->column);
    if (source->factor.count > 0) bound.factor = row_want(wanted, wanted_count, source->factor);
    return bound;
}

enum sh_status row_encoder_init(struct row_encoder *encoder, const struct mapping_section *section,
                                const struct sh_zone *zone, struct sh_text *wanted, uint32_t *wanted_count,
                                struct sh_arena *arena, struct sh_error *err) {
    *encoder = (struct row_encoder){.section = section, .zone = zone};
    encoder->fields = sh_arena_alloc(arena, (section->field_count + 1) * sizeof *encoder->fields);
    encoder->condition_columns = sh_arena_alloc(arena, (section->condition_count + section->aside_count + 1) *
                                                           sizeof *encoder->condition_columns);
    encoder->places = sh_arena_alloc_zero(arena, sizeof *encoder->places);
    if (encoder->fields == NULL || encoder->condition_columns == NULL || encoder->places == NULL)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the mapping");
    encoder->id = bind_source(&section->id, wanted, wanted_count);
    encoder->user = bind_source(&section->user, wanted, wanted_count);
    encoder->item = bind_source(&section->item, wanted, wanted_count);
    encoder->type = bind_source(&section->type, wanted, wanted_count);
    encoder->time = bind_source(&section->time, wanted, wanted_count);
    encoder->amount = bind_source(&section->amount, wanted, wanted_count);
    for (uint32_t i = 0; i < section->field_count; i++)
        encoder->fields[i] = bind_source(&section->fields[i].source, wanted, wanted_count);
    for (uint32_t i = 0; i < section->condition_count; i++)
        encoder->condition_columns[i] = row_want(wanted, wanted_count, section->conditions[i].column);
    for (uint32_t i = 0; i < section->aside_count; i++)
        encoder->condition_columns[section->condition_count + i] =
            row_want(wanted, wanted_count, section->asides[i].column);
    if (*wanted_count == ROW_WANTED_COUNT_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a file's sections name more than %d columns", ROW_WANTED_COUNT_MAX);
    return SH_OK;
}

static bool is_given(const struct row_source *source) {
    return source->source->is_constant || source->source->column.count > 0;
}

void row_pack_names(const struct row_encoder *encoder, msgpack_packer *packer) {
    const struct mapping_section *section = encoder->section;
    if (section->kind != MAPPING_EVENTS) {
        msgpack_pack_array(packer, section->field_count + 1);
        sh_pack_literal(packer, "id");
    } else {
        msgpack_pack_array(packer, section->field_count + 6);
        static const char *const names[] = {"type", "user", "time", "id", "item", "amount"};
        for (uint32_t i = 0; i < 6; i++)
            sh_pack_literal(packer, names[i]);
    }
    for (uint32_t i = 0; i < section->field_count; i++)
        sh_pack_text(packer, section->fields[i].name);
}

/* --- cells --- */

/* The text of a source in this record; false when absent. */
static bool cell_text(const struct row_source *source, const struct mapping_section *section,
                      const struct record_reader *record, struct sh_text *text) {
    if (source->source->is_constant) {
        *text = source->source->constant;
        return true;
    }
    if (source->column >= record->wanted_count) return false;
    const struct record_value *value = &record->values[source->column];
    if (!value->present || value->array != NULL) return false;
    for (uint32_t i = 0; i < section->null_count; i++)
        if (sh_text_equal(value->text, section->nulls[i])) return false;
    *text = value->text;
    return true;
}

static struct sh_text source_name(const struct row_source *source) {
    return source->source->is_constant ? source->source->constant : source->source->column;
}

static enum sh_status bad_value(struct sh_error *err, const struct row_source *source, struct sh_text value,
                                const char *wanted) {
    const struct sh_text name = source_name(source);
    const struct sh_text shown = {value.bytes, value.count > 60 ? 60 : value.count};
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "%.*s: '%.*s' is not %s", SH_TEXT_ARGS(name), SH_TEXT_ARGS(shown), wanted);
}

static bool parse_integer(struct sh_text text, int64_t *integer) {
    uint32_t i = text.count > 0 && (text.bytes[0] == '-' || text.bytes[0] == '+') ? 1 : 0;
    if (i == text.count || text.count - i > 18) return false;
    int64_t value = 0;
    for (; i < text.count; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9') return false;
        value = value * 10 + (text.bytes[i] - '0');
    }
    *integer = text.bytes[0] == '-' ? -value : value;
    return true;
}

/* A decimal at the number of digits it was written with. */
static enum sh_status parse_written(const struct row_source *source, struct sh_text text, int64_t *units,
                                    uint32_t *scale, struct sh_error *err) {
    const char *point = memchr(text.bytes, '.', text.count);
    uint32_t digits = point == NULL ? 0 : text.count - (uint32_t)(point - text.bytes) - 1;
    while (digits > 0 && text.bytes[text.count - 1] == '0') { /* 2.500 is 2.5 */
        text.count--;
        digits--;
    }
    if (digits > SH_DECIMAL_SCALE_MAX)
        return bad_value(err, source, text, "a number of at most nine digits after the point");
    *scale = digits;
    if (sh_decimal_parse(text, digits, units, NULL) != SH_OK) return bad_value(err, source, text, "a number");
    return SH_OK;
}

enum sh_status row_number(const struct row_source *source, const struct mapping_section *section,
                          const struct record_reader *record, bool *present, __int128 *units, uint32_t *scale,
                          struct sh_error *err) {
    struct sh_text text;
    int64_t first;
    enum sh_status status;
    *present = cell_text(source, section, record, &text);
    if (!*present) return SH_OK;
    if ((status = parse_written(source, text, &first, scale, err)) != SH_OK) return status;
    *units = first;
    if (source->factor != UINT32_MAX) {
        struct row_source factor = *source;
        factor.column = source->factor;
        int64_t second;
        uint32_t second_scale;
        *present = cell_text(&factor, section, record, &text);
        if (!*present) return SH_OK;
        if ((status = parse_written(source, text, &second, &second_scale, err)) != SH_OK) return status;
        *units *= second;
        *scale += second_scale;
    }
    if (source->source->negative) *units = -*units;
    return SH_OK;
}

/* Decimals travel as texts, or as whole numbers. */
static enum sh_status pack_number(const struct row_encoder *encoder, const struct row_source *source, uint32_t scale,
                                  const struct record_reader *record, msgpack_packer *packer, struct sh_error *err) {
    struct sh_text text;
    int64_t integer;
    if (source->factor == UINT32_MAX && !source->source->negative) { /* the usual case: as it stands */
        if (!cell_text(source, encoder->section, record, &text)) {
            msgpack_pack_nil(packer);
            return SH_OK;
        }
        if (parse_integer(text, &integer)) {
            msgpack_pack_int64(packer, integer);
            return SH_OK;
        }
        if (scale == 0) return bad_value(err, source, text, "a whole number");
        if (sh_decimal_parse(text, scale, &integer, NULL) != SH_OK) {
            char wanted[64];
            (void)snprintf(wanted, sizeof wanted, "a number with at most %u digits after the point", scale);
            return bad_value(err, source, text, wanted);
        }
        sh_pack_text(packer, text);
        return SH_OK;
    }
    bool present;
    __int128 units;
    uint32_t found_scale;
    const enum sh_status status = row_number(source, encoder->section, record, &present, &units, &found_scale, err);
    if (status != SH_OK) return status;
    if (!present) {
        msgpack_pack_nil(packer);
        return SH_OK;
    }
    for (; found_scale > scale; found_scale--) {
        if (units % 10 != 0)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "%.*s: the product has more than %u digits after the point",
                           SH_TEXT_ARGS(source_name(source)), scale);
        units /= 10;
    }
    uint8_t room[64];
    struct sh_buffer digits = {.bytes = room, .capacity = sizeof room, .limit = sizeof room};
    sh_decimal_print(&digits, units, found_scale);
    sh_pack_text(packer, (struct sh_text){(const char *)digits.bytes, (uint32_t)digits.count});
    return SH_OK;
}

static enum sh_status parse_pattern(const struct row_encoder *encoder, const struct row_source *source,
                                    struct sh_text text, int64_t *instant_ms, struct sh_error *err) {
    char copy[64];
    struct tm parts = {.tm_mday = 1};
    if (text.count < sizeof copy) {
        memcpy(copy, text.bytes, text.count);
        copy[text.count] = '\0';
        const char *rest = strptime(copy, source->source->pattern.bytes, &parts);
        const struct sh_date date = {parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday};
        if (rest != NULL && *rest == '\0' && sh_date_is_valid(date)) {
            const int64_t local_ms = sh_day_from_date(date) * SH_DAY_MS + parts.tm_hour * SH_HOUR_MS +
                                     parts.tm_min * SH_MINUTE_MS + parts.tm_sec * SH_SECOND_MS;
            *instant_ms = sh_zone_instant_ms(encoder->zone, local_ms);
            return SH_OK;
        }
    }
    char wanted[96];
    (void)snprintf(wanted, sizeof wanted, "a time like '%.60s'", source->source->pattern.bytes);
    return bad_value(err, source, text, wanted);
}

static enum sh_status parse_time(const struct row_encoder *encoder, const struct row_source *source,
                                 struct sh_text text, int64_t *instant_ms, struct sh_error *err) {
    switch (source->source->clock) {
    case MAPPING_CLOCK_MS:
        if (parse_integer(text, instant_ms) && *instant_ms <= SH_INSTANT_MAX && *instant_ms >= SH_INSTANT_MIN)
            return SH_OK;
        return bad_value(err, source, text, "milliseconds since 1970");
    case MAPPING_CLOCK_S:
        if (!parse_integer(text, instant_ms) || *instant_ms > SH_INSTANT_MAX / 1000 ||
            *instant_ms < SH_INSTANT_MIN / 1000)
            return bad_value(err, source, text, "seconds since 1970");
        *instant_ms *= 1000;
        return SH_OK;
    case MAPPING_CLOCK_PATTERN:
        return parse_pattern(encoder, source, text, instant_ms, err);
    case MAPPING_CLOCK_ISO:
        break;
    }
    if (sh_instant_parse(text, encoder->zone, instant_ms, NULL) == SH_OK) return SH_OK;
    return bad_value(err, source, text, "a time like 2026-03-01 09:30:00");
}

static enum sh_status pack_time(const struct row_encoder *encoder, const struct row_source *source, bool date_only,
                                const struct record_reader *record, msgpack_packer *packer, struct sh_error *err) {
    struct sh_text text;
    if (!cell_text(source, encoder->section, record, &text)) {
        msgpack_pack_nil(packer);
        return SH_OK;
    }
    struct sh_date date;
    if (date_only && source->source->clock == MAPPING_CLOCK_ISO && sh_date_parse(text, &date, NULL) == SH_OK) {
        sh_pack_text(packer, text);
        return SH_OK;
    }
    int64_t instant_ms;
    const enum sh_status status = parse_time(encoder, source, text, &instant_ms, err);
    if (status != SH_OK) return status;
    if (!date_only) {
        msgpack_pack_int64(packer, instant_ms);
        return SH_OK;
    }
    uint8_t room[32];
    struct sh_buffer printed = {.bytes = room, .capacity = sizeof room, .limit = sizeof room};
    sh_date_print(&printed, sh_date_from_day(sh_zone_day(encoder->zone, instant_ms)));
    sh_pack_text(packer, (struct sh_text){(const char *)room, (uint32_t)printed.count});
    return SH_OK;
}

static enum sh_status pack_bool(const struct row_encoder *encoder, const struct row_source *source,
                                const struct record_reader *record, msgpack_packer *packer, struct sh_error *err) {
    static const char *const yes[] = {"true", "1", "yes", "y", "t", "是"};
    static const char *const no[] = {"false", "0", "no", "n", "f", "否"};
    struct sh_text text;
    if (!cell_text(source, encoder->section, record, &text)) {
        msgpack_pack_nil(packer);
        return SH_OK;
    }
    for (uint32_t i = 0; i < 6; i++) {
        if (sh_text_equal_keyword(text, yes[i])) {
            msgpack_pack_true(packer);
            return SH_OK;
        }
        if (sh_text_equal_keyword(text, no[i])) {
            msgpack_pack_false(packer);
            return SH_OK;
        }
    }
    return bad_value(err, source, text, "true or false");
}

static enum sh_status pack_text(const struct row_encoder *encoder, const struct row_source *source,
                                const struct record_reader *record, msgpack_packer *packer, struct sh_error *err) {
    struct sh_text text;
    if (!cell_text(source, encoder->section, record, &text)) {
        msgpack_pack_nil(packer);
        return SH_OK;
    }
    if (!sh_text_is_utf8(text)) return bad_value(err, source, text, "UTF-8 text");
    sh_pack_text(packer, text);
    return SH_OK;
}

/* Tags of a JSON array, or of one text cut at the separator; empty pieces are passed over. */
static enum sh_status pack_tags(const struct row_encoder *encoder, const struct row_source *source,
                                struct sh_text separator, const struct record_reader *record, msgpack_packer *packer,
                                struct sh_error *err) {
    json_t *array = source->column < record->wanted_count ? record->values[source->column].array : NULL;
    if (array != NULL) {
        msgpack_pack_array(packer, json_array_size(array));
        for (size_t i = 0; i < json_array_size(array); i++) {
            const json_t *element = json_array_get(array, i);
            if (!json_is_string(element)) return bad_value(err, source, SH_TEXT_LITERAL("a list"), "a list of texts");
            sh_pack_text(packer, (struct sh_text){json_string_value(element), (uint32_t)json_string_length(element)});
        }
        return SH_OK;
    }
    struct sh_text text;
    if (!cell_text(source, encoder->section, record, &text)) {
        msgpack_pack_nil(packer);
        return SH_OK;
    }
    if (!sh_text_is_utf8(text)) return bad_value(err, source, text, "UTF-8 text");
    for (int counting = 1; counting >= 0; counting--) { /* first how many, then what */
        uint32_t count = 0;
        for (const char *at = text.bytes, *end = text.bytes + text.count; at < end;) {
            const char *cut =
                separator.count == 0 ? NULL : memmem(at, (size_t)(end - at), separator.bytes, separator.count);
            const char *until = cut == NULL ? end : cut;
            if (until > at) {
                count++;
                if (!counting) sh_pack_text(packer, (struct sh_text){at, (uint32_t)(until - at)});
            }
            at = cut == NULL ? end : cut + separator.count;
        }
        if (counting) msgpack_pack_array(packer, count);
    }
    return SH_OK;
}

static enum sh_status pack_field(const struct row_encoder *encoder, uint32_t number, const struct record_reader *record,
                                 msgpack_packer *packer, struct sh_error *err) {
    const struct mapping_field *field = &encoder->section->fields[number];
    const struct row_source *source = &encoder->fields[number];
    switch (field->type) {
    case MAPPING_BOOL:
        return pack_bool(encoder, source, record, packer, err);
    case MAPPING_INT:
        return pack_number(encoder, source, 0, record, packer, err);
    case MAPPING_DECIMAL:
        return pack_number(encoder, source, field->scale, record, packer, err);
    case MAPPING_TIME:
        return pack_time(encoder, source, false, record, packer, err);
    case MAPPING_DATE:
        return pack_time(encoder, source, true, record, packer, err);
    case MAPPING_STRING:
    case MAPPING_ENUM:
        return pack_text(encoder, source, record, packer, err);
    case MAPPING_TAGS:
        return pack_tags(encoder, source, field->separator, record, packer, err);
    }
    return SH_OK;
}

/* --- rows --- */

static bool holds(const struct mapping_condition *condition, const struct mapping_section *section, uint32_t column,
                  const struct record_reader *record) {
    const struct mapping_source named = {.column = condition->column};
    const struct row_source source = {.source = &named, .column = column, .factor = UINT32_MAX};
    struct sh_text text = {"", 0};
    const bool present = cell_text(&source, section, record, &text) ||
                         (column < record->wanted_count && record->values[column].array != NULL);
    bool result = false;
    switch (condition->test) {
    case MAPPING_EMPTY:
        result = !present;
        break;
    case MAPPING_EQUAL:
        result = present && sh_text_equal(text, condition->operand);
        break;
    case MAPPING_STARTS:
        result = present && text.count >= condition->operand.count &&
                 memcmp(text.bytes, condition->operand.bytes, condition->operand.count) == 0;
        break;
    }
    return result != condition->negated;
}

static enum sh_status pack_required(const struct row_encoder *encoder, const struct row_source *source,
                                    const char *what, const struct record_reader *record, msgpack_packer *packer,
                                    struct sh_error *err) {
    struct sh_text text;
    if (!cell_text(source, encoder->section, record, &text) || text.count == 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "no %s: %.*s is empty", what, SH_TEXT_ARGS(source_name(source)));
    if (!sh_text_is_utf8(text)) return bad_value(err, source, text, "UTF-8 text");
    sh_pack_text(packer, text);
    return SH_OK;
}

/* An id from the row's bytes and its place among equal rows: loading a file again gives the same ids. */
static enum sh_status pack_content_id(struct row_encoder *encoder, const struct record_reader *record,
                                      msgpack_packer *packer, struct sh_error *err) {
    const struct sh_text raw = record_raw(record);
    const uint64_t hash = sh_hash_bytes(raw.bytes, raw.count, 0);
    const uint32_t place = places_take(encoder->places, hash);
    if (place == UINT32_MAX) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to tell equal rows apart");
    char id[40];
    const int length = snprintf(id, sizeof id, "row-%016llx-%u", (unsigned long long)hash, place);
    sh_pack_text(packer, (struct sh_text){id, (uint32_t)length});
    return SH_OK;
}

static enum sh_status pack_event(struct row_encoder *encoder, const struct record_reader *record,
                                 msgpack_packer *packer, struct sh_error *err) {
    enum sh_status status;
    if ((status = pack_required(encoder, &encoder->type, "event type", record, packer, err)) != SH_OK) return status;
    if ((status = pack_required(encoder, &encoder->user, "user", record, packer, err)) != SH_OK) return status;
    struct sh_text text;
    if (!cell_text(&encoder->time, encoder->section, record, &text))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "no time: %.*s is empty", SH_TEXT_ARGS(source_name(&encoder->time)));
    int64_t instant_ms;
    if ((status = parse_time(encoder, &encoder->time, text, &instant_ms, err)) != SH_OK) return status;
    msgpack_pack_int64(packer, instant_ms);
    if (is_given(&encoder->id))
        status = pack_required(encoder, &encoder->id, "event id", record, packer, err);
    else
        status = pack_content_id(encoder, record, packer, err);
    if (status != SH_OK) return status;
    if (is_given(&encoder->item))
        status = pack_text(encoder, &encoder->item, record, packer, err);
    else
        msgpack_pack_nil(packer);
    if (status != SH_OK) return status;
    if (is_given(&encoder->amount))
        return pack_number(encoder, &encoder->amount, encoder->section->amount_scale, record, packer, err);
    msgpack_pack_nil(packer);
    return SH_OK;
}

enum row_verdict row_encode(struct row_encoder *encoder, const struct record_reader *record, struct sh_buffer *rows,
                            struct sh_text *reason, struct sh_error *err) {
    const struct mapping_section *section = encoder->section;
    for (uint32_t i = 0; i < section->condition_count; i++)
        if (!holds(&section->conditions[i], section, encoder->condition_columns[i], record)) return ROW_PASSED;
    for (uint32_t i = 0; i < section->aside_count; i++) {
        if (!holds(&section->asides[i], section, encoder->condition_columns[section->condition_count + i], record))
            continue;
        *reason = section->asides[i].reason;
        return ROW_ASIDE;
    }
    const size_t before = rows->count;
    msgpack_packer packer;
    sh_buffer_packer(rows, &packer);
    enum sh_status status;
    if (section->kind == MAPPING_EVENTS) {
        msgpack_pack_array(&packer, section->field_count + 6);
        status = pack_event(encoder, record, &packer, err);
    } else {
        msgpack_pack_array(&packer, section->field_count + 1);
        status = pack_required(encoder, &encoder->id, "id", record, &packer, err);
    }
    for (uint32_t i = 0; i < section->field_count && status == SH_OK; i++)
        status = pack_field(encoder, i, record, &packer, err);
    if (status == SH_OK) status = sh_buffer_status(rows, err);
    if (status == SH_OK) return ROW_TAKEN;
    rows->count = before;
    return ROW_REJECTED;
}

struct sh_text row_event_type(const struct row_encoder *encoder, const struct record_reader *record) {
    struct sh_text text = {"", 0};
    (void)cell_text(&encoder->type, encoder->section, record, &text);
    return text;
}
