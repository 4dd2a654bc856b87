#include "row_batch.h"

#include <stdlib.h>

#include "cursor_inline.h"
#include "memory.h"

enum { PARAM_ONE, PARAM_MANY, PARAM_FIELDS, PARAM_ROWS, PARAM_NIL, PARAM_COUNT };
enum { FIELD_NAME_COUNT_MAX = SH_FIELD_COUNT_MAX + SH_EVENT_PROPERTY_COUNT_MAX };

static enum sh_status read_field_names(struct sh_call *call, const struct sh_param *param, struct sh_batch *batch,
                                       struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "fields", FIELD_NAME_COUNT_MAX, &cursor, &count, err);
    if (status != SH_OK) return status;
    batch->fields = sh_arena_alloc(call->arena, ((size_t)count + 1) * sizeof *batch->fields);
    if (batch->fields == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        if ((status = sh_cursor_text(&cursor, &batch->fields[i], "a name in `fields`", err)) != SH_OK) return status;
        for (uint32_t j = 0; j < i; j++) {
            if (sh_text_equal(batch->fields[i], batch->fields[j]))
                return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` stands twice in `fields`",
                               (int)(batch->fields[i].count < 80 ? batch->fields[i].count : 80),
                               batch->fields[i].bytes);
        }
    }
    batch->field_count = count;
    return SH_OK;
}

static enum sh_status read_nil(const struct sh_param *param, struct sh_batch *batch, struct sh_error *err) {
    struct sh_text word = SH_TEXT_LITERAL("clear");
    const enum sh_status status = sh_param_text(param, "nil", &word, err);
    if (status != SH_OK) return status;
    batch->nil_leaves = sh_text_equal(word, SH_TEXT_LITERAL("leave"));
    if (batch->nil_leaves || sh_text_equal(word, SH_TEXT_LITERAL("clear"))) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`nil` must be \"clear\" or \"leave\"");
}

enum sh_status sh_batch_read(struct sh_call *call, const char *one, const char *many, struct sh_batch *batch,
                             struct sh_error *err) {
    const char *const words[PARAM_COUNT] = {one, many, "fields", "rows", "nil"};
    const struct sh_param_names names = {words, PARAM_COUNT, 1u << PARAM_MANY | 1u << PARAM_ROWS};
    struct sh_param params[PARAM_COUNT];
    struct sh_row_places *places = &call->shard->places;
    const struct sh_request *request = call->request;
    *batch = (struct sh_batch){.params = request->params, .params_count = request->params_count, .places = places};

    enum sh_status status = sh_params_read(request->params, request->params_count, &names, params, places, err);
    if (status != SH_OK) return status;
    const bool has_one = sh_param_given(&params[PARAM_ONE]);
    const bool has_many = sh_param_given(&params[PARAM_MANY]);
    const bool has_rows = sh_param_given(&params[PARAM_ROWS]);
    if (has_one + has_many + has_rows != 1)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "exactly one of `%s`, `%s` and `rows` is needed", one, many);
    if (has_rows != sh_param_given(&params[PARAM_FIELDS]))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`fields` and `rows` go together");
    if ((status = read_nil(&params[PARAM_NIL], batch, err)) != SH_OK) return status;
    if (has_rows && (status = read_field_names(call, &params[PARAM_FIELDS], batch, err)) != SH_OK) return status;
    if (has_one) {
        if (sh_grow((void **)&places->offsets, &places->capacity, 1, sizeof *places->offsets) != SH_OK)
            return sh_fail_memory(err);
        places->offsets[0] = (uint32_t)(params[PARAM_ONE].begin - request->params);
        places->count = 1;
    }
    batch->is_arrays = has_rows;
    batch->row_count = places->count;
    return SH_OK;
}

enum sh_status sh_batch_row_head(const struct sh_batch *batch, struct sh_cursor *cursor, uint32_t *cell_count,
                                 struct sh_error *err) {
    struct sh_value head;
    sh_cursor_next_checked(cursor, &head);
    const enum sh_value_kind wanted = batch->is_arrays ? SH_VALUE_ARRAY : SH_VALUE_MAP;
    if (head.kind != wanted)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a row must be %s, but is %s", sh_value_kind_name(wanted),
                       sh_value_kind_name(head.kind));
    if (batch->is_arrays && head.count > batch->field_count)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the row has %u cells, but there are %u fields", head.count,
                       batch->field_count);
    *cell_count = head.count;
    return SH_OK;
}

/* Pass over one cell, container or not. */
static void pass_cell(struct sh_cursor *cursor) {
    const struct sh_cursor before = *cursor;
    struct sh_value value;
    sh_cursor_next_checked(cursor, &value);
    if (value.kind != SH_VALUE_ARRAY && value.kind != SH_VALUE_MAP) return;
    *cursor = before;
    const enum sh_status status = sh_cursor_skip(cursor, NULL, NULL);
    sh_assert(status == SH_OK); /* the whole batch was passed over before */
}

bool sh_batch_peek_cell(const struct sh_batch *batch, uint32_t row, int32_t field, struct sh_text key,
                        struct sh_value *value) {
    struct sh_cursor cursor;
    struct sh_value head;
    sh_batch_row(batch, row, &cursor);
    sh_cursor_next_checked(&cursor, &head);
    if (batch->is_arrays) {
        if (head.kind != SH_VALUE_ARRAY || field < 0 || (uint32_t)field >= head.count) return false;
        for (int32_t i = 0; i < field; i++)
            pass_cell(&cursor);
        sh_cursor_next_checked(&cursor, value);
        return true;
    }
    if (head.kind != SH_VALUE_MAP) return false;
    for (uint32_t i = 0; i < head.count; i++) {
        struct sh_value name;
        sh_cursor_next_checked(&cursor, &name);
        if (name.kind != SH_VALUE_STR) return false;
        if (sh_text_equal(name.text, key)) {
            sh_cursor_next_checked(&cursor, value);
            return true;
        }
        pass_cell(&cursor);
    }
    return false;
}

bool sh_batch_peek_two(const struct sh_batch *batch, uint32_t row, const int32_t fields[2], struct sh_value values[2]) {
    struct sh_cursor cursor;
    struct sh_value head;
    sh_batch_row(batch, row, &cursor);
    sh_cursor_next_checked(&cursor, &head);
    const int32_t last = fields[0] > fields[1] ? fields[0] : fields[1];
    if (head.kind != SH_VALUE_ARRAY || fields[0] < 0 || fields[1] < 0 || (uint32_t)last >= head.count) return false;
    for (int32_t i = 0; i <= last; i++) {
        if (i != fields[0] && i != fields[1]) {
            pass_cell(&cursor);
            continue;
        }
        struct sh_value *value = &values[i == fields[1]];
        sh_cursor_next_checked(&cursor, value);
        if (value->kind == SH_VALUE_ARRAY || value->kind == SH_VALUE_MAP) return false;
    }
    return true;
}

int32_t sh_batch_find_field(const struct sh_batch *batch, const char *name) {
    for (uint32_t i = 0; i < batch->field_count; i++) {
        if (sh_text_equal(batch->fields[i], sh_text_of(name))) return (int32_t)i;
    }
    return -1;
}

/* ---- Refused rows ---- */

void sh_refusals_init(struct sh_refusals *refusals) {
    *refusals = (struct sh_refusals){0};
    sh_buffer_init(&refusals->bytes, SH_ANSWER_BYTES_MAX);
}

void sh_refusals_deinit(struct sh_refusals *refusals) {
    sh_buffer_deinit(&refusals->bytes);
    sh_free(refusals->list);
    refusals->list = NULL;
}

bool sh_refusals_add(struct sh_refusals *refusals, uint32_t row, const struct sh_error *err) {
    if (sh_grow((void **)&refusals->list, &refusals->capacity, (uint64_t)refusals->count + 1, sizeof *refusals->list) !=
        SH_OK)
        return false;
    struct sh_refusal *refusal = &refusals->list[refusals->count++];
    refusal->row = row;
    refusal->bytes_begin = (uint32_t)refusals->bytes.count;
    msgpack_packer packer;
    sh_buffer_packer(&refusals->bytes, &packer);
    const bool has_hint = err->hint[0] != '\0';
    (void)msgpack_pack_map(&packer, has_hint ? 5 : 4);
    sh_pack_literal(&packer, "row");
    (void)msgpack_pack_uint32(&packer, row);
    sh_pack_literal(&packer, "code");
    (void)msgpack_pack_int(&packer, (int)err->status);
    sh_pack_literal(&packer, "status");
    sh_pack_literal(&packer, sh_status_name(err->status));
    sh_pack_literal(&packer, "message");
    sh_pack_literal(&packer, err->message);
    if (has_hint) {
        sh_pack_literal(&packer, "hint");
        sh_pack_literal(&packer, err->hint);
    }
    refusal->bytes_end = (uint32_t)refusals->bytes.count;
    return !refusals->bytes.failed;
}

static int compare_rows(const void *left, const void *right) {
    const struct sh_refusal *a = left;
    const struct sh_refusal *b = right;
    return a->row < b->row ? -1 : a->row > b->row;
}

enum sh_status sh_refusals_pack(struct sh_refusals *refusals, struct sh_buffer *body, struct sh_error *err) {
    const enum sh_status status = sh_buffer_status(&refusals->bytes, err);
    if (status != SH_OK) return status;
    if (refusals->count > 1) qsort(refusals->list, refusals->count, sizeof *refusals->list, compare_rows);
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    sh_pack_literal(&packer, "refused");
    (void)msgpack_pack_array(&packer, refusals->count);
    for (uint32_t i = 0; i < refusals->count; i++) {
        const struct sh_refusal *refusal = &refusals->list[i];
        sh_buffer_append(body, refusals->bytes.bytes + refusal->bytes_begin, refusal->bytes_end - refusal->bytes_begin);
    }
    return SH_OK;
}
