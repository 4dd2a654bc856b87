#include "row_reader.h"

#include "cursor_inline.h"
#include "memory.h"
#include "row_contact.h"
#include "value_reader.h"

/* ---- Names ---- */

static enum sh_status find_target(const struct sh_row_reader *reader, struct sh_text name, struct sh_row_target *target,
                                  struct sh_error *err) {
    if (name.count == 2 && memcmp(name.bytes, "id", 2) == 0) {
        *target = (struct sh_row_target){SH_ROW_ID, 0, 0};
        return SH_OK;
    }
    int32_t found = sh_table_find_attribute(reader->table, name);
    if (found >= 0) {
        *target = (struct sh_row_target){SH_ROW_ATTRIBUTE, (uint32_t)found, 1 + (uint32_t)found};
        return SH_OK;
    }
    found = sh_table_find_tag_set(reader->table, name);
    if (found >= 0) {
        const uint32_t number = 1 + sh_table_attribute_count(reader->table) + (uint32_t)found;
        *target = (struct sh_row_target){SH_ROW_TAG_SET, (uint32_t)found, number};
        return SH_OK;
    }
    if (reader->space.count > 0 && sh_text_equal(reader->space, name)) {
        const uint32_t number = 1 + sh_table_attribute_count(reader->table) + sh_table_tag_set_count(reader->table);
        *target = (struct sh_row_target){SH_ROW_VECTOR, 0, number};
        return SH_OK;
    }
    struct sh_row_field field;
    return sh_row_field_find(reader->table, name, &field, err); /* says what is near */
}

static enum sh_status find_key(struct sh_row_reader *reader, uint32_t place, struct sh_text key,
                               struct sh_row_target *target, struct sh_error *err) {
    if (place < SH_ROW_KEY_CACHE && reader->cache[place].key.count > 0 &&
        sh_text_equal(reader->cache[place].key, key)) {
        *target = reader->cache[place].target;
        return SH_OK;
    }
    const enum sh_status status = find_target(reader, key, target, err);
    if (status != SH_OK) return status;
    if (place < SH_ROW_KEY_CACHE) {
        reader->cache[place].key = key;
        reader->cache[place].target = *target;
    }
    return SH_OK;
}

static struct sh_text target_name(const struct sh_row_reader *reader, struct sh_row_target target) {
    if (target.kind == SH_ROW_ATTRIBUTE) return sh_table_attribute(reader->table, target.index)->name;
    if (target.kind == SH_ROW_VECTOR) return reader->space;
    if (target.kind == SH_ROW_TAG_SET) return sh_table_tag_set_name(reader->table, target.index);
    return SH_TEXT_LITERAL("id");
}

void sh_row_reader_space(struct sh_row_reader *reader, const struct sh_feed_config *config) {
    reader->space = (struct sh_text){config->vector_space, config->vector_space_count};
    reader->dimension = config->vector_dimension;
}

enum sh_status sh_row_reader_init(struct sh_row_reader *reader, struct sh_table *table, const struct sh_zone *zone,
                                  const struct sh_batch *batch, struct sh_arena *arena, struct sh_error *err) {
    *reader = (struct sh_row_reader){.table = table,
                                     .zone = zone,
                                     .batch = batch,
                                     .id_field = -1,
                                     .space = reader->space,
                                     .dimension = reader->dimension};
    const size_t target_count = 2 + (size_t)sh_table_attribute_count(table) + sh_table_tag_set_count(table);
    reader->given = sh_arena_alloc_zero(arena, target_count * sizeof *reader->given);
    /* A tag set may be added to and removed from in one row: two operations. */
    reader->operations = sh_arena_alloc(arena, 2 * target_count * sizeof *reader->operations);
    reader->targets = sh_arena_alloc(arena, ((size_t)batch->field_count + 1) * sizeof *reader->targets);
    if (reader->given == NULL || reader->operations == NULL || reader->targets == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < batch->field_count; i++) {
        const enum sh_status status = find_target(reader, batch->fields[i], &reader->targets[i], err);
        if (status != SH_OK) return status;
    }
    reader->id_field = sh_batch_find_field(batch, "id");
    if (batch->is_arrays && reader->id_field < 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "`fields` needs \"id\"");
    return SH_OK;
}

void sh_row_reader_deinit(struct sh_row_reader *reader) {
    sh_free(reader->tags);
    sh_free(reader->codes);
    sh_free(reader->old_tags);
    sh_free(reader->old_ends);
}

bool sh_row_reader_hash(const struct sh_row_reader *reader, uint32_t row, uint64_t *hash) {
    struct sh_value value;
    struct sh_id_reader id;
    if (!sh_batch_peek_cell(reader->batch, row, reader->id_field, SH_TEXT_LITERAL("id"), &value)) return false;
    if (sh_id_read_value(&id, &value, "`id`", NULL) != SH_OK) return false;
    *hash = sh_id_hash(id.text);
    return true;
}

/* ---- Reading ---- */

static struct sh_row_operation *add_operation(struct sh_row_reader *reader, enum sh_row_operation_kind kind,
                                              uint32_t target) {
    struct sh_row_operation *operation = &reader->operations[reader->operation_count++];
    operation->kind = (uint8_t)kind;
    operation->target = target;
    return operation;
}

static enum sh_status read_attribute(struct sh_row_reader *reader, uint32_t index, const struct sh_value *value,
                                     struct sh_error *err) {
    if (value->kind == SH_VALUE_NIL) {
        (void)add_operation(reader, SH_ROW_CLEAR, index);
        return SH_OK;
    }
    const struct sh_attribute *attribute = sh_table_attribute(reader->table, index);
    enum sh_status status;
    if (attribute->type == SH_TYPE_ENUM || attribute->type == SH_TYPE_STRING) {
        struct sh_text text;
        if ((status = sh_read_string(value, attribute->name, &text, err)) != SH_OK) return status;
        uint32_t code = sh_attribute_find_code(attribute, text);
        if (code != SH_CODE_NONE) {
            add_operation(reader, SH_ROW_SET, index)->value = code;
            return SH_OK;
        }
        /* An enum's label that is not known is refused here, with the words of the table. */
        if (attribute->type == SH_TYPE_ENUM) return sh_table_text_code(reader->table, index, text, &code, err);
        add_operation(reader, SH_ROW_SET_TEXT, index)->text = text;
        return SH_OK;
    }
    const struct sh_value_type type = {attribute->name, attribute->type, attribute->scale, attribute->is_date};
    int64_t canonical;
    if ((status = sh_read_plain(value, &type, reader->zone, &canonical, err)) != SH_OK) return status;
    add_operation(reader, SH_ROW_SET, index)->value = canonical;
    return SH_OK;
}

static enum sh_status grow_tags(struct sh_row_reader *reader, uint32_t more, struct sh_error *err) {
    const uint64_t needed = (uint64_t)reader->tag_count + more;
    if (sh_grow((void **)&reader->tags, &reader->tag_capacity, needed, sizeof *reader->tags) != SH_OK ||
        sh_grow((void **)&reader->codes, &reader->code_capacity, needed, sizeof *reader->codes) != SH_OK)
        return sh_fail_memory(err);
    return SH_OK;
}

/* `count` strs under the cursor become one operation. */
static enum sh_status read_tags(struct sh_row_reader *reader, uint32_t tag_set, enum sh_row_operation_kind kind,
                                uint32_t count, struct sh_cursor *cursor, struct sh_error *err) {
    const struct sh_text name = sh_table_tag_set_name(reader->table, tag_set);
    if (count > SH_TAGS_PER_ROW_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "`%.*s` has %u tags; a row has at most %d", SH_TEXT_ARGS(name), count,
                       SH_TAGS_PER_ROW_MAX);
    enum sh_status status = grow_tags(reader, count, err);
    if (status != SH_OK) return status;
    struct sh_row_operation *operation = add_operation(reader, kind, tag_set);
    operation->tags.until_ms = INT64_MAX;
    operation->tags.first = reader->tag_count;
    operation->tags.count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct sh_value value;
        sh_cursor_next_checked(cursor, &value);
        struct sh_text *text = &reader->tags[reader->tag_count];
        if ((status = sh_read_string(&value, name, text, err)) != SH_OK) return status;
        reader->codes[reader->tag_count++] = sh_table_find_tag(reader->table, tag_set, *text);
    }
    return SH_OK;
}

/* The keys of a change of tags, and when what is added ends. They may come in any order, so they are looked at before
 * anything is read; on return the cursor stands behind them. */
struct tag_changes {
    struct sh_cursor lists[2]; /* add, remove: before the array */
    bool given[2];
    bool remove_first;
    int64_t until_ms;
};

static enum sh_status read_end(struct sh_row_reader *reader, struct sh_text name, bool is_days,
                               struct sh_cursor *cursor, struct tag_changes *changes, struct sh_error *err) {
    struct sh_value value;
    int64_t days;
    if (reader->people == NULL)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s`: tags of items do not end", SH_TEXT_ARGS(name));
    if (changes->until_ms != INT64_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` takes `ttl_days` or `until`, once", SH_TEXT_ARGS(name));
    if (is_days) {
        const enum sh_status status = sh_cursor_integer(cursor, 1, SH_TTL_DAYS_MAX, &days, "`ttl_days`", err);
        if (status == SH_OK) changes->until_ms = reader->now_ms + days * SH_DAY_MS;
        return status;
    }
    sh_cursor_next_checked(cursor, &value);
    const struct sh_value_type type = {.name = SH_TEXT_LITERAL("until"), .type = SH_TYPE_TIME};
    return sh_read_plain(&value, &type, reader->zone, &changes->until_ms, err);
}

static enum sh_status read_change(struct sh_row_reader *reader, struct sh_text name, struct sh_cursor *cursor,
                                  struct tag_changes *changes, struct sh_error *err) {
    struct sh_text key;
    const enum sh_status status = sh_cursor_text(cursor, &key, "a key of a tag set", err);
    if (status != SH_OK) return status;
    const bool is_days = sh_text_equal(key, SH_TEXT_LITERAL("ttl_days"));
    if (is_days || sh_text_equal(key, SH_TEXT_LITERAL("until")))
        return read_end(reader, name, is_days, cursor, changes, err);
    const bool is_remove = sh_text_equal(key, SH_TEXT_LITERAL("remove"));
    if ((!is_remove && !sh_text_equal(key, SH_TEXT_LITERAL("add"))) || changes->given[is_remove])
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` takes an array, or `add` and `remove` once each",
                       SH_TEXT_ARGS(name));
    changes->given[is_remove] = true;
    changes->remove_first = is_remove && !changes->given[0];
    changes->lists[is_remove] = *cursor;
    return sh_cursor_skip(cursor, NULL, err);
}

/* {add: [...], remove: [...], ttl_days: 30} */
static enum sh_status read_tag_changes(struct sh_row_reader *reader, uint32_t tag_set, uint32_t pair_count,
                                       struct sh_cursor *cursor, struct sh_error *err) {
    const struct sh_text name = sh_table_tag_set_name(reader->table, tag_set);
    struct tag_changes changes = {.until_ms = INT64_MAX};
    for (uint32_t i = 0; i < pair_count; i++) {
        const enum sh_status status = read_change(reader, name, cursor, &changes, err);
        if (status != SH_OK) return status;
    }
    if (changes.until_ms != INT64_MAX && !changes.given[0])
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s`: an end belongs to what `add` adds", SH_TEXT_ARGS(name));
    for (uint32_t turn = 0; turn < 2; turn++) {
        const bool is_remove = (turn == 0) == changes.remove_first;
        struct sh_cursor *list = &changes.lists[is_remove];
        struct sh_value value;
        if (!changes.given[is_remove]) continue;
        sh_cursor_next_checked(list, &value);
        if (value.kind != SH_VALUE_ARRAY)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` of `%.*s` must be an array", is_remove ? "remove" : "add",
                           SH_TEXT_ARGS(name));
        const enum sh_status status =
            read_tags(reader, tag_set, is_remove ? SH_ROW_TAGS_REMOVE : SH_ROW_TAGS_ADD, value.count, list, err);
        if (status != SH_OK) return status;
        if (!is_remove) reader->operations[reader->operation_count - 1].tags.until_ms = changes.until_ms;
    }
    return SH_OK;
}

static enum sh_status read_tag_set(struct sh_row_reader *reader, uint32_t tag_set, const struct sh_value *value,
                                   struct sh_cursor *cursor, struct sh_error *err) {
    switch (value->kind) {
    case SH_VALUE_NIL:
        return read_tags(reader, tag_set, SH_ROW_TAGS_SET, 0, cursor, err);
    case SH_VALUE_ARRAY:
        return read_tags(reader, tag_set, SH_ROW_TAGS_SET, value->count, cursor, err);
    case SH_VALUE_MAP:
        return read_tag_changes(reader, tag_set, value->count, cursor, err);
    default:
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` must be an array of strs, or a map of `add` and `remove`",
                       SH_TEXT_ARGS(sh_table_tag_set_name(reader->table, tag_set)));
    }
}

static enum sh_status read_vector(struct sh_row_reader *reader, const struct sh_value *value, struct sh_cursor *cursor,
                                  struct sh_error *err) {
    reader->vector = value->kind == SH_VALUE_NIL ? SH_ROW_VECTOR_CLEAR : SH_ROW_VECTOR_SET;
    if (value->kind == SH_VALUE_NIL) return SH_OK;
    return sh_vector_read(value, cursor, reader->space, reader->dimension, reader->vector_row, err);
}

static enum sh_status read_cell(struct sh_row_reader *reader, struct sh_row_target target, struct sh_cursor *cursor,
                                struct sh_error *err) {
    struct sh_value value;
    sh_cursor_next_checked(cursor, &value);
    /* Before a nil leaves: request_split.c deals rows out by the first `id` it sees. */
    if (reader->given[target.number] == reader->row_stamp)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` is given twice", SH_TEXT_ARGS(target_name(reader, target)));
    reader->given[target.number] = reader->row_stamp;
    if (value.kind == SH_VALUE_NIL && reader->batch->nil_leaves) return SH_OK;
    switch (target.kind) {
    case SH_ROW_ID:
        return sh_id_read_value(&reader->id, &value, "`id`", err);
    case SH_ROW_ATTRIBUTE:
        return read_attribute(reader, target.index, &value, err);
    case SH_ROW_TAG_SET:
        return read_tag_set(reader, target.index, &value, cursor, err);
    case SH_ROW_VECTOR:
        return read_vector(reader, &value, cursor, err);
    }
    return SH_OK;
}

enum sh_status sh_row_reader_read(struct sh_row_reader *reader, uint32_t row, struct sh_error *err) {
    const struct sh_batch *batch = reader->batch;
    struct sh_cursor cursor;
    uint32_t cell_count;
    reader->row_stamp = row + 1;
    reader->operation_count = 0;
    reader->tag_count = 0;
    reader->vector = SH_ROW_VECTOR_LEFT;
    reader->id.text.count = 0;
    sh_batch_row(batch, row, &cursor);
    enum sh_status status = sh_batch_row_head(batch, &cursor, &cell_count, err);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < cell_count; i++) {
        struct sh_row_target target;
        if (batch->is_arrays) {
            target = reader->targets[i];
        } else {
            struct sh_text key;
            if ((status = sh_cursor_text(&cursor, &key, "a key of a row", err)) != SH_OK) return status;
            if ((status = find_key(reader, i, key, &target, err)) != SH_OK) return status;
        }
        if ((status = read_cell(reader, target, &cursor, err)) != SH_OK) return status;
    }
    if (reader->id.text.count == 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "the row has no `id`");
    reader->hash = sh_id_hash(reader->id.text);
    if (reader->people == NULL) return SH_OK;
    status = sh_workspace_resolve(reader->people, &reader->id.text, &reader->hash, err);
    if (status != SH_OK || reader->people->contact.count == 0) return status;
    return sh_row_contact_settle(reader, err);
}

/* ---- Applying ---- */

/* Texts get codes. What fails here leaves the row as it was; texts that got a code keep it. */
static enum sh_status resolve_texts(struct sh_row_reader *reader, struct sh_error *err) {
    for (uint32_t i = 0; i < reader->operation_count; i++) {
        struct sh_row_operation *operation = &reader->operations[i];
        enum sh_status status;
        if (operation->kind == SH_ROW_SET_TEXT) {
            uint32_t code;
            status = sh_table_text_code(reader->table, operation->target, operation->text, &code, err);
            if (status != SH_OK) return status;
            operation->kind = SH_ROW_SET;
            operation->value = code;
        }
        if (operation->kind <= SH_ROW_CLEAR) continue;
        for (uint32_t t = operation->tags.first; t < operation->tags.first + operation->tags.count; t++) {
            if (reader->codes[t] != SH_CODE_NONE) continue;
            if (operation->kind == SH_ROW_TAGS_REMOVE) {
                /* Nobody has it, unless this row's `add` has just made it known. */
                reader->codes[t] = sh_table_find_tag(reader->table, operation->target, reader->tags[t]);
                continue;
            }
            status = sh_table_tag_code(reader->table, operation->target, reader->tags[t], &reader->codes[t], err);
            if (status != SH_OK) return status;
        }
    }
    return SH_OK;
}

static enum sh_status note_old_tags(struct sh_row_reader *reader, uint32_t slot, struct sh_row_operation *operation) {
    struct sh_tag_list tags;
    sh_table_tags(reader->table, slot, operation->target, &tags);
    if (sh_grow((void **)&reader->old_tags, &reader->old_capacity, (uint64_t)reader->old_count + tags.count,
                sizeof *reader->old_tags) != SH_OK ||
        sh_grow((void **)&reader->old_ends, &reader->old_end_capacity, (uint64_t)reader->old_count + tags.count,
                sizeof *reader->old_ends) != SH_OK)
        return SH_ERR_MEMORY;
    operation->old_first = reader->old_count;
    operation->old_count = tags.count;
    for (uint32_t i = 0; i < tags.count; i++) {
        reader->old_ends[reader->old_count] = sh_table_tag_until(reader->table, slot, operation->target, tags.codes[i]);
        reader->old_tags[reader->old_count++] = tags.codes[i];
    }
    return SH_OK;
}

/* What undo would need. Before the operation, and not for a new row, which would go as a whole. */
static enum sh_status note_old(struct sh_row_reader *reader, uint32_t slot, struct sh_row_operation *operation) {
    if (operation->kind > SH_ROW_CLEAR) return note_old_tags(reader, slot, operation);
    operation->had_value = sh_table_get(reader->table, slot, operation->target, &operation->old_value);
    return SH_OK;
}

static enum sh_status do_operation(struct sh_row_reader *reader, uint32_t slot,
                                   const struct sh_row_operation *operation) {
    struct sh_table *table = reader->table;
    const uint32_t target = operation->target;
    if (operation->kind == SH_ROW_SET) return sh_table_set(table, slot, target, operation->value);
    if (operation->kind == SH_ROW_CLEAR) return sh_table_clear(table, slot, target);
    /* Without a tag in the batch yet there is no array. */
    const uint32_t *codes = reader->codes == NULL ? NULL : reader->codes + operation->tags.first;
    if (operation->kind == SH_ROW_TAGS_SET) return sh_table_tags_set(table, slot, target, codes, operation->tags.count);
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < operation->tags.count && status == SH_OK; i++) {
        if (operation->kind == SH_ROW_TAGS_ADD)
            status = sh_table_tag_add_until(table, slot, target, codes[i], operation->tags.until_ms);
        else if (codes[i] != SH_CODE_NONE)
            status = sh_table_tag_remove(table, slot, target, codes[i]);
    }
    return status;
}

static enum sh_status put_back_tags(struct sh_row_reader *reader, uint32_t slot,
                                    const struct sh_row_operation *operation) {
    const uint32_t first = operation->old_first;
    enum sh_status status =
        sh_table_tags_set(reader->table, slot, operation->target, reader->old_tags + first, operation->old_count);
    for (uint32_t i = first; i < first + operation->old_count && status == SH_OK; i++) {
        if (reader->old_ends[i] != INT64_MAX)
            status = sh_table_tag_add_until(reader->table, slot, operation->target, reader->old_tags[i],
                                            reader->old_ends[i]);
    }
    return status;
}

/* Put back what the first operation_count operations changed. The memory that the old state needs was just given up by
 * it, so this fails only if something else took it; the row is then some of both, and whole in itself. */
static void undo(struct sh_row_reader *reader, uint32_t slot, uint32_t operation_count) {
    struct sh_table *table = reader->table;
    while (operation_count > 0) {
        const struct sh_row_operation *operation = &reader->operations[--operation_count];
        enum sh_status status;
        if (operation->kind > SH_ROW_CLEAR)
            status = put_back_tags(reader, slot, operation);
        else if (operation->had_value)
            status = sh_table_set(table, slot, operation->target, operation->old_value);
        else
            status = sh_table_clear(table, slot, operation->target);
        if (status != SH_OK) return;
    }
}

/* All operations on a known row, or none. *failed is the one that could not be done. */
static enum sh_status change_row(struct sh_row_reader *reader, uint32_t slot, uint32_t *failed) {
    reader->old_count = 0;
    for (uint32_t i = 0; i < reader->operation_count; i++) {
        struct sh_row_operation *operation = &reader->operations[i];
        *failed = i;
        enum sh_status status = note_old(reader, slot, operation);
        if (status != SH_OK) {
            undo(reader, slot, i);
            return status;
        }
        status = do_operation(reader, slot, operation);
        if (status != SH_OK) {
            undo(reader, slot, i + 1);
            return status;
        }
    }
    return SH_OK;
}

/* All operations on a row that was just made. If one fails the row goes again. */
static enum sh_status fill_row(struct sh_row_reader *reader, uint32_t slot, uint64_t sequence, uint32_t *failed) {
    for (uint32_t i = 0; i < reader->operation_count; i++) {
        *failed = i;
        const enum sh_status status = do_operation(reader, slot, &reader->operations[i]);
        if (status == SH_OK) continue;
        /* Should even that fail, the row stays with what it has: sending it again completes it. */
        if (sh_table_forget(reader->table, slot, sequence) != SH_OK) return SH_ERR_MEMORY;
        return status;
    }
    return SH_OK;
}

enum sh_status sh_row_reader_apply(struct sh_row_reader *reader, uint64_t sequence, uint32_t *slot, bool *created,
                                   struct sh_error *err) {
    enum sh_status status;
    uint32_t failed = 0;
    if ((status = resolve_texts(reader, err)) != SH_OK) return status;
    if ((status = sh_table_intern(reader->table, reader->id.text, reader->hash, slot, created, err)) != SH_OK)
        return status;
    status = *created ? fill_row(reader, *slot, sequence, &failed) : change_row(reader, *slot, &failed);
    if (status == SH_OK) return SH_OK;
    if (status == SH_ERR_LIMIT)
        return sh_fail(err, status, -1, "`%.*s` would have more than %d tags",
                       SH_TEXT_ARGS(sh_table_tag_set_name(reader->table, reader->operations[failed].target)),
                       SH_TAGS_PER_ROW_MAX);
    return sh_fail_memory(err);
}
