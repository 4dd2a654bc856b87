#include "rows.h"

#include "hash.h"
#include "row_cells.h"
#include "row_pack.h"

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
    if (encoder->fields == NULL || encoder->condition_columns == NULL)
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

void row_encoder_deinit(struct row_encoder *encoder) {
    row_places_deinit(&encoder->places);
}

void row_encoder_restart(struct row_encoder *encoder) {
    row_places_clear(&encoder->places);
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

/* --- rows --- */

/* An absent value is an empty text to a condition; a list is not empty, and equal to nothing. */
static bool holds(const struct mapping_condition *condition, const struct mapping_section *section, uint32_t column,
                  const struct record_reader *record) {
    const struct mapping_source named = {.column = condition->column};
    const struct row_source source = {.source = &named, .column = column, .factor = UINT32_MAX};
    const struct sh_text operand = condition->operand;
    struct sh_text text = {"", 0};
    const bool is_list = column < record->wanted_count && record->values[column].array != NULL;
    (void)row_text(&source, section, record, &text);
    bool result = false;
    switch (condition->test) {
    case MAPPING_EMPTY:
        result = text.count == 0;
        break;
    case MAPPING_EQUAL:
        result = sh_text_equal(text, operand);
        break;
    case MAPPING_STARTS:
        result = text.count >= operand.count && memcmp(text.bytes, operand.bytes, operand.count) == 0;
        break;
    }
    return (result && !is_list) != condition->negated;
}

/* "row-<hash of the record's bytes>-<place among equal ones>": loading a file again gives the same ids. */
static enum sh_status pack_content_id(struct row_encoder *encoder, const struct row_work *work) {
    const struct sh_text raw = record_raw(work->record);
    const uint64_t hash = sh_hash_bytes(raw.bytes, raw.count, 0);
    uint64_t place;
    if (!row_places_take(&encoder->places, hash, &place))
        return sh_fail(work->err, SH_ERR_MEMORY, -1, "no memory to tell equal rows apart");
    char id[48] = "row-";
    for (uint32_t i = 0; i < 16; i++)
        id[4 + i] = "0123456789abcdef"[hash >> (60 - 4 * i) & 15];
    uint32_t length = 20;
    id[length++] = '-';
    char digits[24];
    uint32_t digit_count = 0;
    do
        digits[digit_count++] = (char)('0' + place % 10);
    while ((place /= 10) > 0);
    while (digit_count > 0)
        id[length++] = digits[--digit_count];
    row_pack_text(work->rows, (struct sh_text){id, length});
    return SH_OK;
}

static enum sh_status pack_event(struct row_encoder *encoder, const struct row_work *work) {
    enum sh_status status;
    if ((status = row_pack_required(work, &encoder->type, "event type")) != SH_OK) return status;
    if ((status = row_pack_required(work, &encoder->user, "user")) != SH_OK) return status;
    if ((status = row_pack_instant(work, &encoder->time)) != SH_OK) return status;
    status =
        is_given(&encoder->id) ? row_pack_required(work, &encoder->id, "event id") : pack_content_id(encoder, work);
    if (status != SH_OK) return status;
    if (is_given(&encoder->item)) {
        if ((status = row_pack_optional_id(work, &encoder->item)) != SH_OK) return status;
    } else {
        row_pack_nil(work->rows);
    }
    if (is_given(&encoder->amount)) return row_pack_decimal(work, &encoder->amount, encoder->section->amount_scale);
    row_pack_nil(work->rows);
    return SH_OK;
}

static enum sh_status pack_row(struct row_encoder *encoder, const struct row_work *work) {
    const struct mapping_section *section = encoder->section;
    enum sh_status status;
    if (section->kind == MAPPING_EVENTS) {
        row_pack_array(work->rows, section->field_count + 6);
        status = pack_event(encoder, work);
    } else {
        row_pack_array(work->rows, section->field_count + 1);
        status = row_pack_required(work, &encoder->id, "id");
    }
    for (uint32_t i = 0; i < section->field_count && status == SH_OK; i++)
        status = row_pack_field(work, &encoder->fields[i], &section->fields[i]);
    if (status == SH_OK && work->rows->failed)
        return sh_fail(work->err, SH_ERR_TOO_LARGE, -1, "the row is too large, or memory is out");
    return status;
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
    const struct row_work work = {
        .section = section, .zone = encoder->zone, .record = record, .rows = rows, .err = err};
    const size_t before = rows->count;
    if (pack_row(encoder, &work) == SH_OK) return ROW_TAKEN;
    rows->count = before;
    rows->failed = false; /* one row too large must not take the batch with it */
    return ROW_REJECTED;
}

struct sh_text row_event_type(const struct row_encoder *encoder, const struct record_reader *record) {
    struct sh_text text = {"", 0};
    (void)row_text(&encoder->type, encoder->section, record, &text);
    return text;
}
