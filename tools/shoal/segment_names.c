#include "segment_names.h"

#include <string.h>

#include "calendar.h"
#include "memory.h"

enum {
    NAME_BYTES_MAX = 64, /* of the protocol */
    ARENA_BYTES_MAX = 64 << 20,
    NEW_DECIMAL_SCALE = 4, /* prices and rates; a column of whole cents takes no more room with it */
};

static const char *const type_names[] = {"bool", "int", "decimal", "time", "date", "enum", "string"};

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for names");
}

static enum sh_status keep_text(struct segment_names *names, struct sh_text text, struct sh_text *kept,
                                struct sh_error *err) {
    *kept = (struct sh_text){sh_arena_copy(&names->arena, text.bytes, text.count), text.count};
    return kept->bytes != NULL || text.count == 0 ? SH_OK : no_memory(err);
}

static enum sh_status add_field(struct segment_names *names, struct segment_table *table, struct sh_text name,
                                struct segment_field **field, struct sh_error *err) {
    if (sh_grow((void **)&table->fields, &table->capacity, (uint64_t)table->count + 1, sizeof *table->fields) != SH_OK)
        return no_memory(err);
    *field = &table->fields[table->count];
    **field = (struct segment_field){.type = SEGMENT_DROPPED};
    const enum sh_status status = keep_text(names, name, &(*field)->name, err);
    if (status == SH_OK) table->count++;
    return status;
}

static enum sh_status add_table(struct segment_names *names, struct sh_text name, bool is_event,
                                struct segment_table **table, struct sh_error *err) {
    if (names->table_count == SEGMENT_TABLE_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are more than %d event types", SEGMENT_TABLE_COUNT_MAX - 2);
    *table = &names->tables[names->table_count];
    **table = (struct segment_table){.is_event = is_event, .amount_scale = 2};
    const enum sh_status status = keep_text(names, name, &(*table)->name, err);
    if (status == SH_OK) names->table_count++;
    return status;
}

/* --- what there is --- */

static struct sh_text text_of(struct shoal_client_value value) {
    size_t length = 0;
    const char *bytes = shoal_client_text(value, &length);
    return (struct sh_text){bytes == NULL ? "" : bytes, (uint32_t)length};
}

static enum sh_status learn_field(struct segment_names *names, struct segment_table *table,
                                  struct shoal_client_value told, bool is_tags, struct sh_error *err) {
    struct segment_field *field;
    enum sh_status status = add_field(names, table, text_of(shoal_client_get(told, "name")), &field, err);
    if (status != SH_OK) return status;
    const struct sh_text type = text_of(shoal_client_get(told, "type"));
    for (uint32_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
        if (sh_text_equal(type, sh_text_of(type_names[i]))) field->type = (enum segment_type)i;
    if (is_tags) field->type = SEGMENT_TAGS;
    field->scale = (uint32_t)shoal_client_integer(shoal_client_get(told, "scale"), 2);
    const struct shoal_client_value labels = shoal_client_get(told, "labels");
    const uint32_t label_count = shoal_client_count(labels);
    field->labels = sh_arena_alloc(&names->arena, (label_count + 1) * sizeof *field->labels);
    if (field->labels == NULL) return no_memory(err);
    struct shoal_client_walk walk = shoal_client_walk_begin(labels);
    struct shoal_client_value label;
    while (shoal_client_walk_next(&walk, NULL, &label)) {
        status = keep_text(names, text_of(label), &field->labels[field->label_count], err);
        if (status != SH_OK) return status;
        field->label_count++;
    }
    return SH_OK;
}

static enum sh_status learn_fields(struct segment_names *names, struct segment_table *table,
                                   struct shoal_client_value list, bool is_tags, struct sh_error *err) {
    struct shoal_client_walk walk = shoal_client_walk_begin(list);
    struct shoal_client_value told;
    enum sh_status status = SH_OK;
    while (status == SH_OK && shoal_client_walk_next(&walk, NULL, &told))
        status = learn_field(names, table, told, is_tags, err);
    return status;
}

static enum sh_status learn(struct segment_names *names, struct shoal_client_value schema, struct sh_error *err) {
    static const char *const words[] = {"users", "items"};
    struct segment_table *table;
    for (uint32_t i = 0; i < 2; i++) {
        const struct shoal_client_value told = shoal_client_get(schema, words[i]);
        enum sh_status status = add_table(names, sh_text_of(words[i]), false, &table, err);
        if (status == SH_OK) status = learn_fields(names, table, shoal_client_get(told, "attributes"), false, err);
        if (status == SH_OK) status = learn_fields(names, table, shoal_client_get(told, "tag_sets"), true, err);
        if (status != SH_OK) return status;
    }
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(schema, "events"));
    struct shoal_client_value told;
    while (shoal_client_walk_next(&walk, NULL, &told)) {
        enum sh_status status = add_table(names, text_of(shoal_client_get(told, "name")), true, &table, err);
        if (status != SH_OK) return status;
        table->amount_scale = (uint32_t)shoal_client_integer(shoal_client_get(told, "amount_scale"), 2);
        status = learn_fields(names, table, shoal_client_get(told, "properties"), false, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

enum sh_status segment_names_init(struct segment_names *names, struct stream *stream, const char *zone,
                                  struct sh_error *err) {
    *names = (struct segment_names){.stream = stream, .params = shoal_client_writer_create()};
    sh_arena_init(&names->arena, ARENA_BYTES_MAX);
    if (names->params == NULL) return no_memory(err);
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    shoal_client_write_map(names->params, zone != NULL ? 1 : 0);
    if (zone != NULL) {
        shoal_client_write_literal(names->params, "zone");
        shoal_client_write_literal(names->params, zone);
    }
    if (stream_call(stream, "schema.put", names->params, NULL, 0, &answer, &error) != SHOAL_CLIENT_OK)
        return stream_fault(stream, "schema.put", &error);
    if (stream_call(stream, "schema.get", NULL, NULL, 0, &answer, &error) != SHOAL_CLIENT_OK)
        return stream_fault(stream, "schema.get", &error);
    return learn(names, answer.result, err);
}

void segment_names_deinit(struct segment_names *names) {
    for (uint32_t i = 0; i < names->table_count; i++)
        sh_free(names->tables[i].fields);
    shoal_client_writer_destroy(names->params);
    sh_arena_deinit(&names->arena);
}

struct segment_table *segment_users(struct segment_names *names) {
    return &names->tables[0];
}

struct segment_table *segment_items(struct segment_names *names) {
    return &names->tables[1];
}

/* --- what is new --- */

bool segment_type_of(const json_t *value, bool may_be_tags, enum segment_type *type) {
    switch (json_typeof(value)) {
    case JSON_TRUE:
    case JSON_FALSE:
        *type = SEGMENT_BOOL;
        return true;
    case JSON_INTEGER:
        *type = SEGMENT_INT;
        return true;
    case JSON_REAL:
        *type = SEGMENT_DECIMAL;
        return true;
    case JSON_ARRAY:
        *type = SEGMENT_TAGS;
        return may_be_tags;
    case JSON_STRING: {
        const struct sh_text text = {json_string_value(value), (uint32_t)json_string_length(value)};
        struct sh_date date;
        int64_t instant;
        *type = SEGMENT_STRING;
        if (text.count < 10 || text.bytes[4] != '-') return true;
        if (text.count == 10 && sh_date_parse(text, &date, NULL) == SH_OK) *type = SEGMENT_DATE;
        /* A time that names its zone: nobody writes those by chance. */
        const char last = text.bytes[text.count - 1];
        const bool has_zone = last == 'Z' || memchr("+-", text.bytes[text.count >= 6 ? text.count - 6 : 0], 2) != NULL;
        if (text.count > 10 && has_zone && sh_instant_parse(text, NULL, &instant, NULL) == SH_OK) *type = SEGMENT_TIME;
        return true;
    }
    case JSON_OBJECT:
    case JSON_NULL:
    default:
        return false;
    }
}

static void write_pair(struct shoal_client_writer *params, const char *key, struct sh_text value) {
    shoal_client_write_literal(params, key);
    shoal_client_write_text(params, value.bytes, value.count);
}

/* {name, type, scale?} or, of tags, {name}. */
static void write_field(struct shoal_client_writer *params, const struct segment_field *field) {
    const bool is_decimal = field->type == SEGMENT_DECIMAL;
    shoal_client_write_map(params, field->type == SEGMENT_TAGS ? 1 : 2u + is_decimal);
    write_pair(params, "name", field->name);
    if (field->type == SEGMENT_TAGS) return;
    write_pair(params, "type", sh_text_of(type_names[field->type]));
    if (!is_decimal) return;
    shoal_client_write_literal(params, "scale");
    shoal_client_write_integer(params, field->scale);
}

/* Put it; *is_refused when the server says no for good. */
static enum sh_status put(struct segment_names *names, bool *is_refused) {
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    const int code = stream_call(names->stream, "schema.put", names->params, NULL, 0, &answer, &error);
    *is_refused = code >= SHOAL_CLIENT_ERR_ARGUMENT && code < SHOAL_CLIENT_ERR_BUSY;
    *is_refused = *is_refused || code == SHOAL_CLIENT_ERR_LIMIT;
    return code == SHOAL_CLIENT_OK || *is_refused ? SH_OK : stream_fault(names->stream, "schema.put", &error);
}

static enum sh_status put_field(struct segment_names *names, const struct segment_table *table,
                                struct segment_field *field) {
    struct shoal_client_writer *params = names->params;
    shoal_client_writer_clear(params);
    shoal_client_write_map(params, 1);
    if (table->is_event) {
        shoal_client_write_literal(params, "events");
        shoal_client_write_array(params, 1);
        shoal_client_write_map(params, 3);
        write_pair(params, "name", table->name);
        shoal_client_write_literal(params, "amount_scale");
        shoal_client_write_integer(params, table->amount_scale);
        shoal_client_write_literal(params, "properties");
    } else {
        shoal_client_write_text(params, table->name.bytes, table->name.count);
        shoal_client_write_map(params, 1);
        shoal_client_write_literal(params, field->type == SEGMENT_TAGS ? "tag_sets" : "attributes");
    }
    shoal_client_write_array(params, 1);
    write_field(params, field);
    bool is_refused;
    const enum sh_status status = put(names, &is_refused);
    if (is_refused) field->type = SEGMENT_DROPPED;
    return status;
}

/* A first amount may be whole by chance. */
static bool is_money(struct sh_text name) {
    static const char *const words[] = {"price",    "total",  "revenue", "value",   "tax", "shipping", "discount",
                                        "subtotal", "amount", "cost",    "balance", "ltv", "rate"};
    for (uint32_t i = 0; i < sizeof words / sizeof *words; i++) {
        const struct sh_text word = sh_text_of(words[i]);
        if (name.count < word.count || memcmp(name.bytes + name.count - word.count, word.bytes, word.count) != 0)
            continue;
        if (name.count == word.count || name.bytes[name.count - word.count - 1] == '_') return true;
    }
    return false;
}

enum sh_status segment_field_of(struct segment_names *names, struct segment_table *table, struct sh_text name,
                                const json_t *value, struct segment_field **field, struct sh_error *err) {
    for (uint32_t i = 0; i < table->count; i++) {
        *field = &table->fields[i];
        if (sh_text_equal((*field)->name, name)) return SH_OK;
    }
    *field = NULL;
    enum segment_type type;
    if (!segment_type_of(value, !table->is_event, &type)) return SH_OK;
    enum sh_status status = add_field(names, table, name, field, err);
    if (status != SH_OK || name.count == 0 || name.count > NAME_BYTES_MAX) return status;
    (*field)->type = type == SEGMENT_INT && is_money(name) ? SEGMENT_DECIMAL : type;
    (*field)->scale = NEW_DECIMAL_SCALE;
    status = put_field(names, table, *field);
    if (status != SH_OK) table->count--;
    return status;
}

enum sh_status segment_event_type(struct segment_names *names, struct sh_text name, struct segment_table **table,
                                  struct sh_error *err) {
    for (uint32_t i = 2; i < names->table_count; i++) {
        *table = &names->tables[i];
        if (sh_text_equal((*table)->name, name)) return SH_OK;
    }
    enum sh_status status = add_table(names, name, true, table, err);
    if (status != SH_OK) return status;
    struct shoal_client_writer *params = names->params;
    shoal_client_writer_clear(params);
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "events");
    shoal_client_write_array(params, 1);
    shoal_client_write_map(params, 2);
    write_pair(params, "name", name);
    shoal_client_write_literal(params, "amount_scale");
    shoal_client_write_integer(params, (*table)->amount_scale);
    status = put(names, &(*table)->is_dropped);
    if (status != SH_OK) names->table_count--;
    return status;
}
