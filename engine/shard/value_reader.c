#include "value_reader.h"

#include "bounds.h"
#include "decimal.h"

static enum sh_status fail_kind(const struct sh_value *value, struct sh_text name, const char *wanted,
                                struct sh_error *err) {
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` must be %s, but is %s", SH_TEXT_ARGS(name), wanted,
                   sh_value_kind_name(value->kind));
}

/* A reader of texts failed: say of which attribute. Positions inside a value help nobody who sent a thousand rows. */
static enum sh_status name_fault(enum sh_status status, struct sh_text name, struct sh_text text,
                                 struct sh_error *err) {
    if (status == SH_OK || err == NULL) return status;
    char reason[SH_ERROR_MESSAGE_BYTES_MAX];
    memcpy(reason, err->message, sizeof reason);
    const int shown = text.count < 40 ? (int)text.count : 40;
    return sh_fail(err, status, -1, "`%.*s` cannot be \"%.*s\": %.300s", SH_TEXT_ARGS(name), shown, text.bytes, reason);
}

static enum sh_status read_decimal(const struct sh_value *value, const struct sh_value_type *type, int64_t *units,
                                   struct sh_error *err) {
    enum sh_status status;
    switch (value->kind) {
    case SH_VALUE_STR:
        return name_fault(sh_decimal_parse(value->text, type->scale, units, err), type->name, value->text, err);
    case SH_VALUE_INT:
        if (!__builtin_mul_overflow(value->integer, sh_power_of_ten[type->scale], units)) return SH_OK;
        break;
    case SH_VALUE_UINT_BIG:
        break;
    case SH_VALUE_FLOAT:
        status = sh_decimal_from_real(value->real, type->scale, units, err);
        if (status != SH_OK)
            return sh_fail(err, status, -1, "`%.*s` cannot be %.17g: it is not a decimal of %u digits after the point",
                           SH_TEXT_ARGS(type->name), value->real, type->scale);
        return SH_OK;
    default:
        return fail_kind(value, type->name, "a decimal, as a str or an int", err);
    }
    return sh_fail(err, SH_ERR_OVERFLOW, -1, "`%.*s` is too large for a decimal of %u digits after the point",
                   SH_TEXT_ARGS(type->name), type->scale);
}

static enum sh_status read_time(const struct sh_value *value, const struct sh_value_type *type,
                                const struct sh_zone *zone, int64_t *instant, struct sh_error *err) {
    if (value->kind == SH_VALUE_STR) {
        if (!type->is_date)
            return name_fault(sh_instant_parse(value->text, zone, instant, err), type->name, value->text, err);
        struct sh_date date;
        const enum sh_status status = sh_date_parse(value->text, &date, err);
        if (status != SH_OK) return name_fault(status, type->name, value->text, err);
        *instant = sh_day_from_date(date) * SH_DAY_MS;
        return SH_OK;
    }
    if (value->kind != SH_VALUE_INT)
        return fail_kind(value, type->name,
                         type->is_date ? "a date such as \"2026-03-01\"" : "a time: milliseconds or ISO 8601", err);
    if (value->integer < SH_INSTANT_MIN || value->integer > SH_INSTANT_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` is outside the years 1 to 9999", SH_TEXT_ARGS(type->name));
    if (type->is_date && value->integer % SH_DAY_MS != 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` is a date, and %lld is not a midnight in UTC",
                       SH_TEXT_ARGS(type->name), (long long)value->integer);
    *instant = value->integer;
    return SH_OK;
}

enum sh_status sh_read_plain(const struct sh_value *value, const struct sh_value_type *type, const struct sh_zone *zone,
                             int64_t *canonical, struct sh_error *err) {
    switch (type->type) {
    case SH_TYPE_BOOL:
        if (value->kind != SH_VALUE_BOOL) return fail_kind(value, type->name, "true or false", err);
        *canonical = value->boolean;
        return SH_OK;
    case SH_TYPE_INT:
        if (value->kind == SH_VALUE_UINT_BIG)
            return sh_fail(err, SH_ERR_OVERFLOW, -1, "`%.*s` is above 9223372036854775807", SH_TEXT_ARGS(type->name));
        if (value->kind != SH_VALUE_INT) return fail_kind(value, type->name, "an int", err);
        *canonical = value->integer;
        return SH_OK;
    case SH_TYPE_DECIMAL:
        return read_decimal(value, type, canonical, err);
    case SH_TYPE_TIME:
        return read_time(value, type, zone, canonical, err);
    case SH_TYPE_ENUM:
    case SH_TYPE_STRING:
        break;
    }
    sh_assert(false);
}

enum sh_status sh_read_string(const struct sh_value *value, struct sh_text name, struct sh_text *text,
                              struct sh_error *err) {
    if (value->kind != SH_VALUE_STR) return fail_kind(value, name, "a str", err);
    if (value->text.count > SH_STRING_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "`%.*s` has %u bytes; a text has at most %d", SH_TEXT_ARGS(name),
                       value->text.count, SH_STRING_BYTES_MAX);
    *text = value->text;
    return SH_OK;
}
