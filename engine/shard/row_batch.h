/* row_batch.h -- the three ways in which rows come, seen as one.
 *
 *   {user: {id: "a", age: 3}}                        one map
 *   {users: [{id: "a", age: 3}, {id: "b"}]}          maps
 *   {fields: ["id", "age"], rows: [["a", 3], ["b"]]} arrays: the names once
 *
 * A row is read and checked whole before anything is changed by it, and then it is applied or it is refused; the rows
 * that were refused are collected with their numbers and reasons.
 */
#ifndef SH_ROW_BATCH_H
#define SH_ROW_BATCH_H

#include "shard_private.h"

enum { SH_ROW_KEY_CACHE = 64 }; /* keys of a map whose meaning is remembered by their place */

struct sh_batch {
    const uint8_t *params;
    size_t params_count;
    const struct sh_row_places *places;
    uint32_t row_count;
    bool is_arrays;
    bool nil_leaves;        /* a nil cell is as if it were not there */
    struct sh_text *fields; /* arrays only */
    uint32_t field_count;
};

/* one and many are the keys of the map forms ("user", "users"). */
SH_MUST_CHECK enum sh_status sh_batch_read(struct sh_call *call, const char *one, const char *many,
                                           struct sh_batch *batch, struct sh_error *err);
/* A cursor before row i. */
static inline void sh_batch_row(const struct sh_batch *batch, uint32_t row, struct sh_cursor *cursor) {
    *cursor = (struct sh_cursor){.start = batch->params,
                                 .at = batch->params + batch->places->offsets[row],
                                 .end = batch->params + batch->params_count};
}
/* The head of a row: how many cells or pairs. SH_ERR_ARGUMENT if it is of the wrong kind or too long. */
SH_MUST_CHECK enum sh_status sh_batch_row_head(const struct sh_batch *batch, struct sh_cursor *cursor,
                                               uint32_t *cell_count, struct sh_error *err);
/* For a look ahead: the value of one cell of a row, by field number or by key; false if there is none. */
bool sh_batch_peek_cell(const struct sh_batch *batch, uint32_t row, int32_t field, struct sh_text key,
                        struct sh_value *value);
/* The same for two fields of rows of arrays, in one pass; false as well if one of them is a container. */
bool sh_batch_peek_two(const struct sh_batch *batch, uint32_t row, const int32_t fields[2], struct sh_value values[2]);
/* The number of a field of that name; -1 if there is none, or the rows are maps. */
int32_t sh_batch_find_field(const struct sh_batch *batch, const char *name);

struct sh_refusal {
    uint32_t row;
    uint32_t bytes_begin; /* of its packed map in bytes */
    uint32_t bytes_end;
};
struct sh_refusals {
    struct sh_buffer bytes;
    struct sh_refusal *list;
    uint32_t count;
    uint32_t capacity;
};
void sh_refusals_init(struct sh_refusals *refusals);
void sh_refusals_deinit(struct sh_refusals *refusals);
/* False if even that needs more memory than there is. */
bool sh_refusals_add(struct sh_refusals *refusals, uint32_t row, const struct sh_error *err);
/* The key `refused` and its array, ascending by row. */
SH_MUST_CHECK enum sh_status sh_refusals_pack(struct sh_refusals *refusals, struct sh_buffer *body,
                                              struct sh_error *err);

#endif
