#include "row_cells.h"

#include <time.h>

#include "decimal.h"
#include "row_pack.h"

/* --- texts --- */

static inline bool take_text(const struct row_source *source, const struct mapping_section *section,
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

bool row_text(const struct row_source *source, const struct mapping_section *section,
              const struct record_reader *record, struct sh_text *text) {
    return take_text(source, section, record, text);
}

static struct sh_text source_name(const struct row_source *source) {
    return source->source->is_constant ? source->source->constant : source->source->column;
}

/* "points: 'many' is not a whole number". The value is cut, and what is not text in it is shown as a question mark. */
static enum sh_status bad_value(const struct row_source *source, struct sh_text value, const char *wanted,
                                struct sh_error *err) {
    char shown[61];
    uint32_t count = value.count < sizeof shown - 1 ? value.count : (uint32_t)sizeof shown - 1;
    while (count < value.count && count > 0 && ((uint8_t)value.bytes[count] & 0xC0) == 0x80)
        count--; /* cut at a character's start */
    const bool is_utf8 = sh_text_is_utf8((struct sh_text){value.bytes, count});
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t byte = (uint8_t)value.bytes[i];
        shown[i] = (char)(byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !is_utf8) ? '?' : byte);
    }
    shown[count] = '\0';
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "%.*s: '%s' is not %s", SH_TEXT_ARGS(source_name(source)), shown, wanted);
}

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t';
}

static struct sh_text trim(struct sh_text text) {
    while (text.count > 0 && is_blank(text.bytes[0])) {
        text.bytes++;
        text.count--;
    }
    while (text.count > 0 && is_blank(text.bytes[text.count - 1]))
        text.count--;
    return text;
}

static bool is_list(const struct row_work *work, const struct row_source *source) {
    return !source->source->is_constant && source->column < work->record->wanted_count &&
           work->record->values[source->column].array != NULL;
}

static enum sh_status refuse_list(const struct row_work *work, const struct row_source *source) {
    return sh_fail(work->err, SH_ERR_ARGUMENT, -1, "%.*s: a list where one value is needed",
                   SH_TEXT_ARGS(source_name(source)));
}

/* The text of a value that is not a string: without blanks around it, *present false when nothing is left. */
static enum sh_status take_word(const struct row_work *work, const struct row_source *source, bool *present,
                                struct sh_text *text) {
    *present = false;
    if (take_text(source, work->section, work->record, text)) {
        *text = trim(*text);
        *present = text->count > 0;
    } else if (is_list(work, source)) {
        return refuse_list(work, source);
    }
    return SH_OK;
}

static bool is_utf8(const struct row_work *work, const struct row_source *source, struct sh_text text) {
    return work->record->is_utf8 || source->source->is_constant || sh_text_is_utf8(text);
}

/* --- numbers --- */

static bool parse_integer(struct sh_text text, int64_t *integer) {
    const bool negative = text.count > 0 && text.bytes[0] == '-';
    uint32_t i = negative || (text.count > 0 && text.bytes[0] == '+');
    if (i == text.count || text.count - i > 19) return false;
    uint64_t value = 0; /* 19 digits are below 2^64 */
    for (; i < text.count; i++) {
        const uint32_t digit = (uint32_t)(uint8_t)text.bytes[i] - '0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    if (value > (uint64_t)INT64_MAX + negative) return false;
    *integer = (int64_t)(negative ? 0 - value : value);
    return true;
}

/* A decimal at the number of digits it was written with, zeros at its end not counted. */
static enum sh_status parse_written(const struct row_source *source, struct sh_text text, int64_t *units,
                                    uint32_t *scale, struct sh_error *err) {
    struct sh_text kept = trim(text);
    const char *point = memchr(kept.bytes, '.', kept.count);
    uint32_t digits = point == NULL ? 0 : kept.count - (uint32_t)(point - kept.bytes) - 1;
    while (digits > 0 && kept.bytes[kept.count - 1] == '0') { /* 2.500 is 2.5 */
        kept.count--;
        digits--;
    }
    *scale = digits;
    if (digits > SH_DECIMAL_SCALE_MAX || sh_decimal_parse(kept, digits, units, NULL) != SH_OK)
        return bad_value(source, text, "a number of at most nine digits after the point", err);
    return SH_OK;
}

enum sh_status row_number(const struct row_source *source, const struct mapping_section *section,
                          const struct record_reader *record, bool *present, __int128 *units, uint32_t *scale,
                          struct sh_error *err) {
    const struct row_work work = {.section = section, .record = record, .err = err};
    struct sh_text text;
    int64_t first = 0, second = 0;
    uint32_t first_scale = 0, second_scale = 0;
    enum sh_status status = take_word(&work, source, present, &text);
    if (status != SH_OK || !*present) return status;
    if ((status = parse_written(source, text, &first, &first_scale, err)) != SH_OK) return status;
    __int128 product = first;
    if (source->factor != UINT32_MAX) {
        struct row_source factor = *source;
        factor.column = source->factor;
        status = take_word(&work, &factor, present, &text);
        if (status != SH_OK || !*present) return status;
        if ((status = parse_written(source, text, &second, &second_scale, err)) != SH_OK) return status;
        product *= second; /* below 2^126 */
        first_scale += second_scale;
    }
    *units = source->source->negative ? -product : product;
    *scale = first_scale;
    return SH_OK;
}

/* A product, or a number whose sign is turned: as a text, which is how exact decimals travel. */
static enum sh_status pack_computed(const struct row_work *work, const struct row_source *source, uint32_t scale) {
    bool present;
    __int128 units;
    uint32_t found_scale;
    const enum sh_status status =
        row_number(source, work->section, work->record, &present, &units, &found_scale, work->err);
    if (status != SH_OK) return status;
    if (!present) {
        row_pack_nil(work->rows);
        return SH_OK;
    }
    for (; found_scale > scale; found_scale--) {
        if (units % 10 != 0)
            return sh_fail(work->err, SH_ERR_ARGUMENT, -1, "%.*s: the result has more than %u digits after the point",
                           SH_TEXT_ARGS(source_name(source)), scale);
        units /= 10;
    }
    uint8_t room[64];
    struct sh_buffer digits = {.bytes = room, .capacity = sizeof room, .limit = sizeof room};
    sh_decimal_print(&digits, units, found_scale);
    const struct sh_text text = {(const char *)room, (uint32_t)digits.count};
    int64_t integer;
    if (found_scale == 0 && parse_integer(text, &integer))
        row_pack_integer(work->rows, integer);
    else
        row_pack_text(work->rows, text);
    return SH_OK;
}

static enum sh_status pack_number(const struct row_work *work, const struct row_source *source, uint32_t scale,
                                  bool is_integer) {
    if (source->factor != UINT32_MAX || source->source->negative) return pack_computed(work, source, scale);
    bool present;
    struct sh_text text;
    int64_t number;
    const enum sh_status status = take_word(work, source, &present, &text);
    if (status != SH_OK) return status;
    if (!present) {
        row_pack_nil(work->rows);
        return SH_OK;
    }
    if (parse_integer(text, &number)) { /* decimals, too, are taken as whole numbers */
        row_pack_integer(work->rows, number);
        return SH_OK;
    }
    if (sh_decimal_parse(text, scale, &number, NULL) == SH_OK) {
        if (is_integer) /* 12.0 */
            row_pack_integer(work->rows, number);
        else
            row_pack_text(work->rows, text);
        return SH_OK;
    }
    if (is_integer) return bad_value(source, text, "a whole number", work->err);
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "a number with at most %u digits after the point", scale);
    return bad_value(source, text, wanted, work->err);
}

enum sh_status row_pack_decimal(const struct row_work *work, const struct row_source *source, uint32_t scale) {
    return pack_number(work, source, scale, false);
}

/* --- times --- */

/* The parts of a time as a strptime pattern reads them. */
static bool parse_pattern(const struct row_source *source, struct sh_text text, struct sh_date *date,
                          int64_t *of_day_ms, bool *has_offset, int64_t *offset_ms) {
    char copy[64];
    struct tm parts = {.tm_mday = 1};
    if (text.count >= sizeof copy) return false;
    memcpy(copy, text.bytes, text.count);
    copy[text.count] = '\0';
    const char *pattern = source->source->pattern.bytes;
    const char *rest = strptime(copy, pattern, &parts);
    *date = (struct sh_date){parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday};
    if (rest == NULL || *rest != '\0' || !sh_date_is_valid(*date)) return false;
    *of_day_ms = parts.tm_hour * SH_HOUR_MS + parts.tm_min * SH_MINUTE_MS + parts.tm_sec * SH_SECOND_MS;
    *has_offset = strstr(pattern, "%z") != NULL;
    *offset_ms = parts.tm_gmtoff * SH_SECOND_MS;
    return true;
}

static enum sh_status bad_pattern(const struct row_source *source, struct sh_text text, struct sh_error *err) {
    char wanted[96];
    (void)snprintf(wanted, sizeof wanted, "a time like '%.60s'", source->source->pattern.bytes);
    return bad_value(source, text, wanted, err);
}

/* Digits behind the milliseconds are cut off, as from an ISO time. */
static bool parse_seconds(struct sh_text text, int64_t *instant_ms) {
    const char *point = memchr(text.bytes, '.', text.count);
    for (uint32_t i = point == NULL ? text.count : (uint32_t)(point - text.bytes) + 1; i < text.count; i++)
        if (text.bytes[i] < '0' || text.bytes[i] > '9') return false;
    if (point != NULL && text.count > (uint32_t)(point - text.bytes) + 4)
        text.count = (uint32_t)(point - text.bytes) + 4;
    return sh_decimal_parse(text, 3, instant_ms, NULL) == SH_OK;
}

static bool is_instant(int64_t instant_ms) {
    return instant_ms >= SH_INSTANT_MIN && instant_ms <= SH_INSTANT_MAX;
}

static enum sh_status parse_time(const struct row_work *work, const struct row_source *source, struct sh_text text,
                                 int64_t *instant_ms) {
    struct sh_date date = {0};
    int64_t of_day_ms = 0, offset_ms = 0;
    bool has_offset = false;
    switch (source->source->clock) {
    case MAPPING_CLOCK_MS:
        if (parse_integer(text, instant_ms) && is_instant(*instant_ms)) return SH_OK;
        return bad_value(source, text, "milliseconds since 1970", work->err);
    case MAPPING_CLOCK_S:
        if (parse_seconds(text, instant_ms) && is_instant(*instant_ms)) return SH_OK;
        return bad_value(source, text, "seconds since 1970", work->err);
    case MAPPING_CLOCK_PATTERN:
        if (!parse_pattern(source, text, &date, &of_day_ms, &has_offset, &offset_ms))
            return bad_pattern(source, text, work->err);
        *instant_ms = sh_day_from_date(date) * SH_DAY_MS + of_day_ms;
        *instant_ms = has_offset ? *instant_ms - offset_ms : sh_zone_instant_ms(work->zone, *instant_ms);
        return SH_OK;
    case MAPPING_CLOCK_ISO:
        break;
    }
    if (sh_instant_parse(text, work->zone, instant_ms, NULL) == SH_OK) return SH_OK;
    return bad_value(source, text, "a time like 2026-03-01 09:30:00", work->err);
}

static enum sh_status pack_time(const struct row_work *work, const struct row_source *source, bool *present) {
    struct sh_text text = {"", 0};
    int64_t instant_ms = 0;
    enum sh_status status = take_word(work, source, present, &text);
    if (status != SH_OK) return status;
    if (!*present) {
        row_pack_nil(work->rows);
        return SH_OK;
    }
    if ((status = parse_time(work, source, text, &instant_ms)) == SH_OK) row_pack_integer(work->rows, instant_ms);
    return status;
}

enum sh_status row_pack_instant(const struct row_work *work, const struct row_source *source) {
    bool present;
    const enum sh_status status = pack_time(work, source, &present);
    if (status != SH_OK || present) return status;
    return sh_fail(work->err, SH_ERR_ARGUMENT, -1, "no time: %.*s is empty", SH_TEXT_ARGS(source_name(source)));
}

/* A date is the civil day as it was written; only a time with an offset, or a number, needs a zone to become one. */
static enum sh_status pack_date(const struct row_work *work, const struct row_source *source) {
    bool present, has_offset = false;
    struct sh_text text;
    struct sh_date date = {0};
    int64_t instant_ms = 0, offset_ms = 0;
    enum sh_status status = take_word(work, source, &present, &text);
    if (status != SH_OK) return status;
    if (!present) {
        row_pack_nil(work->rows);
        return SH_OK;
    }
    const enum mapping_clock clock = source->source->clock;
    if (clock == MAPPING_CLOCK_ISO && sh_date_parse(text, &date, NULL) == SH_OK) {
        row_pack_text(work->rows, text);
        return SH_OK;
    }
    if (clock != MAPPING_CLOCK_PATTERN || !parse_pattern(source, text, &date, &instant_ms, &has_offset, &offset_ms) ||
        has_offset) {
        if ((status = parse_time(work, source, text, &instant_ms)) != SH_OK) return status;
        date = sh_date_from_day(sh_zone_day(work->zone, instant_ms));
    }
    uint8_t room[32];
    struct sh_buffer printed = {.bytes = room, .capacity = sizeof room, .limit = sizeof room};
    sh_date_print(&printed, date);
    row_pack_text(work->rows, (struct sh_text){(const char *)room, (uint32_t)printed.count});
    return SH_OK;
}

/* --- yes and no, strings, tags --- */

static enum sh_status pack_bool(const struct row_work *work, const struct row_source *source) {
    static const char *const words[2][6] = {{"false", "0", "no", "n", "f", "否"}, {"true", "1", "yes", "y", "t", "是"}};
    bool present;
    struct sh_text text;
    const enum sh_status status = take_word(work, source, &present, &text);
    if (status != SH_OK) return status;
    if (!present) {
        row_pack_nil(work->rows);
        return SH_OK;
    }
    for (uint32_t i = 0; i < 6; i++) {
        for (uint32_t yes = 0; yes < 2; yes++) {
            if (!sh_text_equal_keyword(text, words[yes][i])) continue;
            row_pack_bool(work->rows, yes == 1);
            return SH_OK;
        }
    }
    return bad_value(source, text, "true or false", work->err);
}

/* A string as it stands; an empty one is a value only where empty_is_text. */
static enum sh_status pack_text(const struct row_work *work, const struct row_source *source, bool empty_is_text) {
    struct sh_text text;
    if (!take_text(source, work->section, work->record, &text)) {
        if (is_list(work, source)) return refuse_list(work, source);
        row_pack_nil(work->rows);
    } else if (text.count == 0 && !empty_is_text) {
        row_pack_nil(work->rows);
    } else if (!is_utf8(work, source, text)) {
        return bad_value(source, text, "UTF-8 text", work->err);
    } else {
        row_pack_text(work->rows, text);
    }
    return SH_OK;
}

enum sh_status row_pack_optional_id(const struct row_work *work, const struct row_source *source) {
    return pack_text(work, source, false);
}

enum sh_status row_pack_required(const struct row_work *work, const struct row_source *source, const char *what) {
    struct sh_text text;
    if (!take_text(source, work->section, work->record, &text) || text.count == 0) {
        if (is_list(work, source)) return refuse_list(work, source);
        return sh_fail(work->err, SH_ERR_ARGUMENT, -1, "no %s: %.*s is empty", what, SH_TEXT_ARGS(source_name(source)));
    }
    if (!is_utf8(work, source, text)) return bad_value(source, text, "UTF-8 text", work->err);
    row_pack_text(work->rows, text);
    return SH_OK;
}

/* An array of so many tags follows: the row's tags, or tags that are added for some days. */
static void begin_tags(const struct row_work *work, const struct mapping_field *field, uint32_t count) {
    if (field->ttl_days > 0) {
        row_pack_byte(work->rows, 0x82); /* a map of two */
        row_pack_text(work->rows, SH_TEXT_LITERAL("ttl_days"));
        row_pack_integer(work->rows, field->ttl_days);
        row_pack_text(work->rows, SH_TEXT_LITERAL("add"));
    }
    row_pack_array(work->rows, count);
}

static enum sh_status pack_tag_list(const struct row_work *work, const struct row_source *source,
                                    const struct mapping_field *field) {
    const json_t *array = work->record->values[source->column].array;
    uint32_t count = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *element = json_array_get(array, i);
        if (!json_is_string(element))
            return sh_fail(work->err, SH_ERR_ARGUMENT, -1, "%.*s: a list of tags has only texts",
                           SH_TEXT_ARGS(source_name(source)));
        count += json_string_length(element) > 0;
    }
    begin_tags(work, field, count);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *element = json_array_get(array, i);
        const struct sh_text tag = {json_string_value(element), (uint32_t)json_string_length(element)};
        if (tag.count > 0) row_pack_text(work->rows, tag);
    }
    return SH_OK;
}

/* The next piece of a text that a separator cuts, without blanks around it; false when there is none. */
static bool next_tag(struct sh_text *rest, struct sh_text separator, struct sh_text *tag) {
    while (rest->count > 0) {
        const char *cut =
            separator.count == 0 ? NULL : memmem(rest->bytes, rest->count, separator.bytes, separator.count);
        const uint32_t length = cut == NULL ? rest->count : (uint32_t)(cut - rest->bytes);
        const uint32_t used = cut == NULL ? rest->count : length + separator.count;
        *tag = trim((struct sh_text){rest->bytes, length});
        *rest = (struct sh_text){rest->bytes + used, rest->count - used};
        if (tag->count > 0) return true;
    }
    return false;
}

/* Tags of a JSON array, or of one text cut at the separator; empty ones are passed over. */
static enum sh_status pack_tags(const struct row_work *work, const struct row_source *source,
                                const struct mapping_field *field) {
    const struct sh_text separator = field->separator;
    if (is_list(work, source)) return pack_tag_list(work, source, field);
    struct sh_text text, rest, tag;
    if (!take_text(source, work->section, work->record, &text) || text.count == 0) {
        row_pack_nil(work->rows);
        return SH_OK;
    }
    if (!is_utf8(work, source, text)) return bad_value(source, text, "UTF-8 text", work->err);
    uint32_t count = 0;
    for (rest = text; next_tag(&rest, separator, &tag);)
        count++;
    begin_tags(work, field, count);
    for (rest = text; next_tag(&rest, separator, &tag);)
        row_pack_text(work->rows, tag);
    return SH_OK;
}

/* A JSON array of numbers. Numbers in one text are cut by the server. */
static enum sh_status pack_vector(const struct row_work *work, const struct row_source *source) {
    const json_t *array = work->record->values[source->column].array;
    row_pack_array(work->rows, (uint32_t)json_array_size(array));
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *element = json_array_get(array, i);
        if (!json_is_number(element))
            return sh_fail(work->err, SH_ERR_ARGUMENT, -1, "%.*s: a vector has only numbers",
                           SH_TEXT_ARGS(source_name(source)));
        row_pack_real(work->rows, json_number_value(element));
    }
    return SH_OK;
}

enum sh_status row_pack_field(const struct row_work *work, const struct row_source *source,
                              const struct mapping_field *field) {
    bool present;
    switch (field->type) {
    case MAPPING_BOOL:
        return pack_bool(work, source);
    case MAPPING_INT:
        return pack_number(work, source, 0, true);
    case MAPPING_DECIMAL:
        return pack_number(work, source, field->scale, false);
    case MAPPING_TIME:
        return pack_time(work, source, &present);
    case MAPPING_DATE:
        return pack_date(work, source);
    case MAPPING_STRING:
        return pack_text(work, source, true);
    case MAPPING_ENUM:
        return pack_text(work, source, false);
    case MAPPING_TAGS:
        return pack_tags(work, source, field);
    case MAPPING_VECTOR:
        return is_list(work, source) ? pack_vector(work, source) : pack_text(work, source, false);
    }
    return SH_OK;
}
