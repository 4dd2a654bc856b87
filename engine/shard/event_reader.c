#include "event_reader.h"

#include "cursor_inline.h"
#include "event_pack.h"
#include "memory.h"
#include "served.h"
#include "value_reader.h"

#define PROPERTY_NONE    (-1)
#define PROPERTY_UNKNOWN (-2)

static const char *const key_names[SH_EVENT_KEY_COUNT] = {"type", "user", "time", "item", "amount", "id", "rec_id"};

static uint32_t find_key(struct sh_text name) {
    for (uint32_t key = 0; key < SH_EVENT_KEY_COUNT; key++) {
        if (sh_text_equal(name, sh_text_of(key_names[key]))) return key;
    }
    return SH_EVENT_KEY_COUNT;
}

/* ---- Names ---- */

static void offer_names(const struct sh_event_type *type, struct sh_nearest *search) {
    for (uint32_t key = 0; key < SH_EVENT_KEY_COUNT; key++)
        sh_nearest_offer(search, sh_text_of(key_names[key]));
    for (uint32_t i = 0; i < type->property_count; i++)
        sh_nearest_offer(search, type->properties[i]->name);
}

static enum sh_status fail_property(const struct sh_event_type *type, struct sh_text name, struct sh_error *err) {
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    offer_names(type, &search);
    return sh_fail_unknown(err, SH_ERR_NAME, &search, "events of type `%.*s` have no property `%.*s`",
                           SH_TEXT_ARGS(type->name), (int)(name.count < 80 ? name.count : 80), name.bytes);
}

/* A field that no type has is a mistake in every row: better said once. */
static enum sh_status check_field(const struct sh_event_store *events, struct sh_text name, struct sh_error *err) {
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < sh_event_type_count(events); i++) {
        const struct sh_event_type *type = sh_event_type(events, i);
        if (sh_event_property_find(type, name) >= 0) return SH_OK;
        offer_names(type, &search);
    }
    return sh_fail_unknown(err, SH_ERR_NAME, &search, "no event type has a property `%.*s`",
                           (int)(name.count < 80 ? name.count : 80), name.bytes);
}

static enum sh_status resolve_fields(struct sh_event_reader *reader, struct sh_arena *arena, struct sh_error *err) {
    const struct sh_batch *batch = reader->batch;
    const struct sh_event_store *events = reader->workspace->events;
    const size_t pair_count = (size_t)sh_event_type_count(events) * batch->field_count;
    reader->keys = sh_arena_alloc(arena, ((size_t)batch->field_count + 1) * sizeof *reader->keys);
    reader->property_of_type = sh_arena_alloc(arena, (pair_count + 1) * sizeof *reader->property_of_type);
    if (reader->keys == NULL || reader->property_of_type == NULL) return sh_fail_memory(err);
    for (size_t i = 0; i < pair_count; i++)
        reader->property_of_type[i] = PROPERTY_UNKNOWN;
    for (uint32_t i = 0; i < batch->field_count; i++) {
        reader->keys[i] = find_key(batch->fields[i]);
        if (reader->keys[i] < SH_EVENT_KEY_COUNT) {
            reader->field_of_key[reader->keys[i]] = (int32_t)i;
            continue;
        }
        const enum sh_status status = check_field(events, batch->fields[i], err);
        if (status != SH_OK) return status;
    }
    for (uint32_t key = 0; key <= SH_EVENT_TIME; key++) {
        if (batch->is_arrays && reader->field_of_key[key] < 0)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`fields` needs \"%s\"", key_names[key]);
    }
    return SH_OK;
}

enum sh_status sh_event_reader_init(struct sh_event_reader *reader, struct sh_workspace *workspace,
                                    const struct sh_batch *batch, struct sh_arena *arena, struct sh_error *err) {
    reader->workspace = workspace;
    reader->batch = batch;
    reader->last_type = (struct sh_text){0};
    for (uint32_t key = 0; key < SH_EVENT_KEY_COUNT; key++)
        reader->field_of_key[key] = -1;
    const uint32_t property_count =
        batch->field_count > SH_EVENT_PROPERTY_COUNT_MAX ? batch->field_count : SH_EVENT_PROPERTY_COUNT_MAX;
    reader->cell_capacity = SH_EVENT_KEY_COUNT + property_count;
    reader->cells = sh_arena_alloc(arena, reader->cell_capacity * sizeof *reader->cells);
    reader->names = sh_arena_alloc(arena, reader->cell_capacity * sizeof *reader->names);
    if (reader->cells == NULL || reader->names == NULL) return sh_fail_memory(err);
    return resolve_fields(reader, arena, err);
}

/* ---- Looking ahead ---- */

static enum sh_status read_time(const struct sh_event_reader *reader, const struct sh_value *value, int64_t *time_ms,
                                struct sh_error *err) {
    if (value->kind == SH_VALUE_INT && value->integer >= SH_INSTANT_MIN && value->integer <= SH_INSTANT_MAX) {
        *time_ms = value->integer; /* the usual case */
        return SH_OK;
    }
    const struct sh_value_type type = {SH_TEXT_LITERAL("time"), SH_TYPE_TIME, 0, false};
    return sh_read_plain(value, &type, reader->workspace->zone, time_ms, err);
}

/* The values of `user` and `time`, in this order. */
static bool peek_values(const struct sh_event_reader *reader, uint32_t row, struct sh_value values[2]) {
    const struct sh_batch *batch = reader->batch;
    const int32_t fields[2] = {reader->field_of_key[SH_EVENT_USER], reader->field_of_key[SH_EVENT_TIME]};
    if (batch->is_arrays) return sh_batch_peek_two(batch, row, fields, values);
    return sh_batch_peek_cell(batch, row, fields[0], SH_TEXT_LITERAL("user"), &values[0]) &&
           sh_batch_peek_cell(batch, row, fields[1], SH_TEXT_LITERAL("time"), &values[1]);
}

bool sh_event_reader_peek(const struct sh_event_reader *reader, uint32_t row, struct sh_event_preview *preview) {
    struct sh_value values[2];
    struct sh_id_reader user;
    if (!peek_values(reader, row, values) || sh_id_read_value(&user, &values[0], "`user`", NULL) != SH_OK) return false;
    preview->user_hash = sh_id_hash(user.text);
    return read_time(reader, &values[1], &preview->time_ms, NULL) == SH_OK;
}

/* ---- Reading: cells as they are ---- */

static bool is_scalar(const struct sh_value *value) {
    return value->kind != SH_VALUE_ARRAY && value->kind != SH_VALUE_MAP;
}

static enum sh_status fail_container(struct sh_text name, const struct sh_value *value, struct sh_error *err) {
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` of an event must be one value, but is %s",
                   (int)(name.count < 80 ? name.count : 80), name.bytes, sh_value_kind_name(value->kind));
}

static enum sh_status take_arrays(struct sh_event_reader *reader, struct sh_cursor *cursor, uint32_t cell_count,
                                  struct sh_error *err) {
    const struct sh_batch *batch = reader->batch;
    const uint32_t *keys = reader->keys;
    struct sh_value *cells = reader->cells;
    struct sh_cursor at = *cursor; /* in registers */
    uint32_t property = SH_EVENT_KEY_COUNT;
    for (uint32_t i = 0; i < cell_count; i++) {
        const bool is_property = keys[i] == SH_EVENT_KEY_COUNT;
        struct sh_value *cell = &cells[is_property ? property : keys[i]];
        sh_cursor_next_checked(&at, cell);
        if (!is_scalar(cell)) return fail_container(batch->fields[i], cell, err);
        if (!is_property) continue;
        cell->offset = i; /* the field, for its property of the type */
        reader->names[property++] = batch->fields[i];
    }
    reader->cell_count = property;
    return SH_OK;
}

static enum sh_status take_map(struct sh_event_reader *reader, struct sh_cursor *cursor, uint32_t pair_count,
                               struct sh_error *err) {
    uint32_t given = 0;
    reader->cell_count = SH_EVENT_KEY_COUNT;
    for (uint32_t i = 0; i < pair_count; i++) {
        struct sh_text name;
        enum sh_status status = sh_cursor_text(cursor, &name, "a key of an event", err);
        if (status != SH_OK) return status;
        const uint32_t key = find_key(name);
        if (key == SH_EVENT_KEY_COUNT && reader->cell_count == reader->cell_capacity)
            return sh_fail(err, SH_ERR_TOO_LARGE, -1, "an event has at most %d properties",
                           SH_EVENT_PROPERTY_COUNT_MAX);
        const uint32_t place = key < SH_EVENT_KEY_COUNT ? key : reader->cell_count++;
        bool is_twice = key < SH_EVENT_KEY_COUNT && (given >> key & 1) != 0;
        for (uint32_t other = SH_EVENT_KEY_COUNT; other < place; other++)
            is_twice = is_twice || sh_text_equal(reader->names[other], name);
        if (is_twice)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` is given twice", (int)(name.count < 80 ? name.count : 80),
                           name.bytes);
        if (key < SH_EVENT_KEY_COUNT) given |= 1u << key;
        reader->names[place] = name;
        sh_cursor_next_checked(cursor, &reader->cells[place]);
        if (!is_scalar(&reader->cells[place])) return fail_container(name, &reader->cells[place], err);
    }
    return SH_OK;
}

/* ---- Reading: what they mean ---- */

static enum sh_status read_type(struct sh_event_reader *reader, struct sh_error *err) {
    const struct sh_value *cell = &reader->cells[SH_EVENT_TYPE];
    if (cell->kind != SH_VALUE_STR)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`type` must be a str, but is %s", sh_value_kind_name(cell->kind));
    const struct sh_event_store *events = reader->workspace->events;
    if (reader->last_type.count == 0 || !sh_text_equal(cell->text, reader->last_type)) {
        reader->last_type_number = sh_event_type_find(events, cell->text);
        reader->last_type = cell->text;
    }
    if (reader->last_type_number >= 0) {
        reader->event.type = (uint32_t)reader->last_type_number;
        return SH_OK;
    }
    reader->last_type.count = 0;
    return sh_event_type_named(events, cell->text, &reader->event.type, err);
}

static enum sh_status read_event_id(struct sh_event_reader *reader, struct sh_error *err) {
    const struct sh_value *cell = &reader->cells[SH_EVENT_ID];
    reader->event.has_id = cell->kind != SH_VALUE_NIL;
    if (!reader->event.has_id) return SH_OK;
    struct sh_id_reader id;
    const enum sh_status status = sh_id_read_value(&id, cell, "`id`", err);
    if (status != SH_OK) return status;
    reader->event.id_hash = sh_event_id_hash(id.text);
    return SH_OK;
}

static enum sh_status read_rec_id(struct sh_event_reader *reader, struct sh_error *err) {
    const struct sh_value *cell = &reader->cells[SH_EVENT_REC_ID];
    reader->has_rec = cell->kind != SH_VALUE_NIL;
    if (!reader->has_rec) return SH_OK;
    struct sh_text text = {0};
    if (cell->kind == SH_VALUE_STR) text = cell->text;
    return sh_rec_id_read(text, &reader->rec, err);
}

static int32_t property_of(struct sh_event_reader *reader, const struct sh_event_type *type, uint32_t place) {
    if (!reader->batch->is_arrays) return sh_event_property_find(type, reader->names[place]);
    const uint32_t field = reader->cells[place].offset;
    int32_t *known = &reader->property_of_type[(size_t)type->number * reader->batch->field_count + field];
    if (*known == PROPERTY_UNKNOWN) {
        *known = sh_event_property_find(type, reader->names[place]);
        if (*known < 0) *known = PROPERTY_NONE;
    }
    return *known;
}

static enum sh_status read_property(struct sh_event_reader *reader, const struct sh_event_type *type, uint32_t place,
                                    struct sh_error *err) {
    const struct sh_value *cell = &reader->cells[place];
    if (cell->kind == SH_VALUE_NIL) return SH_OK;
    const int32_t index = property_of(reader, type, place);
    if (index < 0) return fail_property(type, reader->names[place], err);
    const struct sh_event_property *property = type->properties[index];
    struct sh_event_value *value = &reader->values[reader->event.value_count];
    value->property = (uint32_t)index;
    enum sh_status status;
    if (property->type != SH_TYPE_ENUM && property->type != SH_TYPE_STRING) {
        const struct sh_value_type plain = {property->name, property->type, property->scale, property->is_date};
        status = sh_read_plain(cell, &plain, reader->workspace->zone, &value->value, err);
        if (status == SH_OK) reader->event.value_count++;
        return status;
    }
    struct sh_text text;
    if ((status = sh_read_string(cell, property->name, &text, err)) != SH_OK) return status;
    uint32_t code = sh_event_property_code(property, text);
    if (code == SH_CODE_NONE && property->type == SH_TYPE_ENUM)
        return sh_event_text_code(reader->workspace->events, type->number, value->property, text, &code, err);
    if (code == SH_CODE_NONE)
        reader->pending[reader->pending_count++] = (struct sh_pending_text){reader->event.value_count, text};
    value->value = code;
    reader->event.value_count++;
    return SH_OK;
}

static enum sh_status fail_too_old(const struct sh_event_reader *reader, struct sh_error *err) {
    const struct sh_event_type *type = sh_event_type(reader->workspace->events, reader->event.type);
    return sh_fail(err, SH_ERR_LIMIT, -1, "events of type `%.*s` are kept for %u days, and this one is older",
                   SH_TEXT_ARGS(type->name), type->keep_days);
}

static enum sh_status understand(struct sh_event_reader *reader, struct sh_error *err) {
    struct sh_event *event = &reader->event;
    const struct sh_value *cells = reader->cells;
    enum sh_status status;
    for (uint32_t key = 0; key <= SH_EVENT_TIME; key++) {
        if (cells[key].kind == SH_VALUE_NIL)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "the event has no `%s`", key_names[key]);
    }
    if ((status = read_type(reader, err)) != SH_OK) return status;
    if ((status = sh_id_read_value(&reader->user, &cells[SH_EVENT_USER], "`user`", err)) != SH_OK) return status;
    if ((status = read_time(reader, &cells[SH_EVENT_TIME], &event->time_ms, err)) != SH_OK) return status;
    if (!sh_event_is_kept(reader->workspace->events, event->type, event->time_ms)) return fail_too_old(reader, err);
    if ((status = read_event_id(reader, err)) != SH_OK) return status;
    if ((status = read_rec_id(reader, err)) != SH_OK) return status;
    reader->has_item = cells[SH_EVENT_ITEM].kind != SH_VALUE_NIL;
    if (reader->has_item && (status = sh_id_read_value(&reader->item, &cells[SH_EVENT_ITEM], "`item`", err)) != SH_OK)
        return status;
    const struct sh_event_type *type = sh_event_type(reader->workspace->events, event->type);
    event->has_amount = cells[SH_EVENT_AMOUNT].kind != SH_VALUE_NIL;
    if (event->has_amount) {
        const struct sh_value_type amount = {SH_TEXT_LITERAL("amount"), SH_TYPE_DECIMAL, type->amount_scale, false};
        status = sh_read_plain(&cells[SH_EVENT_AMOUNT], &amount, reader->workspace->zone, &event->amount, err);
        if (status != SH_OK) return status;
    }
    for (uint32_t place = SH_EVENT_KEY_COUNT; place < reader->cell_count; place++) {
        if ((status = read_property(reader, type, place, err)) != SH_OK) return status;
    }
    return SH_OK;
}

enum sh_status sh_event_reader_read(struct sh_event_reader *reader, uint32_t row, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t cell_count;
    sh_batch_row(reader->batch, row, &cursor);
    enum sh_status status = sh_batch_row_head(reader->batch, &cursor, &cell_count, err);
    if (status != SH_OK) return status;
    for (uint32_t key = 0; key < SH_EVENT_KEY_COUNT; key++)
        reader->cells[key].kind = SH_VALUE_NIL;
    reader->event = (struct sh_event){.item = SH_NO_ITEM, .values = reader->values};
    reader->pending_count = 0;
    status = reader->batch->is_arrays ? take_arrays(reader, &cursor, cell_count, err)
                                      : take_map(reader, &cursor, cell_count, err);
    return status == SH_OK ? understand(reader, err) : status;
}

/* ---- Applying ---- */

static enum sh_status resolve_texts(struct sh_event_reader *reader, struct sh_error *err) {
    for (uint32_t i = 0; i < reader->pending_count; i++) {
        struct sh_event_value *value = &reader->values[reader->pending[i].value];
        uint32_t code;
        const enum sh_status status = sh_event_text_code(reader->workspace->events, reader->event.type, value->property,
                                                         reader->pending[i].text, &code, err);
        if (status != SH_OK) return status;
        value->value = code;
    }
    return SH_OK;
}

enum sh_status sh_event_reader_apply(struct sh_event_reader *reader, uint64_t user_hash, bool *duplicate,
                                     uint32_t *new_item, struct sh_error *err) {
    struct sh_workspace *workspace = reader->workspace;
    struct sh_event *event = &reader->event;
    bool is_new_user;
    bool is_new_item = false;
    enum sh_status status;
    *new_item = SH_NO_ITEM;
    if ((status = sh_workspace_resolve(workspace, &reader->user.text, &user_hash, err)) != SH_OK) return status;
    if ((status = resolve_texts(reader, err)) != SH_OK) return status;
    status = sh_table_intern(workspace->users, reader->user.text, user_hash, &event->slot, &is_new_user, err);
    if (status != SH_OK) return status;
    if (reader->has_item) {
        const struct sh_text item = reader->item.text;
        status = sh_table_intern(workspace->items, item, sh_id_hash(item), &event->item, &is_new_item, err);
    }
    if (status == SH_OK) status = sh_event_append(workspace->events, event, duplicate, err);
    /* An item that stays although its event was refused must be known to the siblings as well. */
    if (is_new_item) *new_item = event->item;
    if (status == SH_OK || !is_new_user) return status;
    /* Whole or not at all: the user goes again. Should there be no memory even for that, an empty user stays. */
    const enum sh_status undone = sh_table_forget(workspace->users, event->slot, workspace->sequence);
    return undone == SH_OK ? status : sh_fail_memory(err);
}
