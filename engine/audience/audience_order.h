/* audience_order.h -- rows in the order of an attribute or of their ids.
 *
 * Comparing two rows must not touch the table: a random id costs two cache misses, and a sort compares each row twenty
 * times. So a row is taken into 32 bytes while its block is being read, in slot order, when its value and its id stand
 * in lines that are read anyway:
 *
 *   offset  size  field
 *        0     8  key      of the value, so that less is earlier: sign flipped, all bits flipped for descending
 *        8    16  id       the first 16 bytes of the id, first byte highest, zeros behind a shorter one
 *       24     4  slot
 *       28     4  code     of a string's text, for texts that are equal in their first 8 bytes; NONE: no value
 *
 * Two ways. The best n of many: a heap with the worst on top, and a glance at the worst's key turns most rows away. All
 * of them: each block is sorted as it comes, then the blocks are merged, a slice of the result at a time.
 */
#ifndef SH_AUDIENCE_ORDER_H
#define SH_AUDIENCE_ORDER_H

#include "buffer.h"
#include "query_derived.h"
#include "table.h"

enum sh_order_by { SH_ORDER_NONE, SH_ORDER_ID, SH_ORDER_NUMBER, SH_ORDER_TEXT };
struct sh_order {
    enum sh_order_by by; /* NUMBER: any attribute but a string, or a derived field */
    uint32_t attribute;  /* its number, or that of the derived field */
    bool descending;
    const struct sh_derived *derived; /* NULL: an attribute */
    int64_t now_ms;                   /* when derived values are read */
};
/* The order by that name: an attribute, or "id". SH_ERR_NAME with the nearest. */
SH_MUST_CHECK enum sh_status sh_order_find(const struct sh_table *table, struct sh_text name, bool descending,
                                           struct sh_order *order, struct sh_error *err);
/* The order by a derived field of that name, unless an attribute has it. False if there is none. */
bool sh_order_find_derived(const struct sh_table *table, const struct sh_derived *derived, int64_t now_ms,
                           struct sh_text name, bool descending, struct sh_order *order);

/* Slots in order, and (if asked for) what they were ordered by. Texts are copies: a table erases a text that no row has
 * any more, and the order must outlive it. */
struct sh_order_key {
    uint64_t key;  /* NUMBER: less is earlier, whatever the direction. TEXT: where it begins in texts */
    uint32_t size; /* TEXT: its bytes. SH_CODE_NONE: no value */
};
struct sh_ordered {
    uint32_t *slots;
    struct sh_order_key *keys; /* NULL if not asked for */
    uint32_t count;
    uint32_t capacity;
    uint32_t key_capacity;
    struct sh_buffer texts;
};
void sh_ordered_deinit(struct sh_ordered *ordered);

struct sh_sorter;
/* The first `limit` rows, or all of them if limit is 0. NULL if memory is out. */
struct sh_sorter *sh_sorter_create(const struct sh_table *table, const struct sh_order *order, uint32_t limit,
                                   bool keep_keys);
void sh_sorter_destroy(struct sh_sorter *sorter); /* NULL is fine */
/* Take out of words, a register with *count rows of the block, those that cannot be among the first `limit` any more:
 * one compare of the column, where a million rows would be looked at one by one. False: there is nothing to take out.
 */
bool sh_sorter_narrow(struct sh_sorter *sorter, uint32_t block, uint64_t *words, uint32_t *count);
/* Can narrow say anything yet? */
bool sh_sorter_can_narrow(const struct sh_sorter *sorter);
/* Rows of one block, ascending slots. Blocks come in ascending order. SH_ERR_MEMORY; SH_ERR_LIMIT over
 * SH_ORDERED_COUNT_MAX rows. */
SH_MUST_CHECK enum sh_status sh_sorter_add(struct sh_sorter *sorter, uint32_t block, const uint32_t *slots,
                                           uint32_t slot_count, struct sh_error *err);
/* Bring up to row_count more rows into order; *done when all are. */
SH_MUST_CHECK enum sh_status sh_sorter_finish(struct sh_sorter *sorter, uint64_t row_count, bool *done,
                                              struct sh_error *err);
/* After finish; good until destroy. */
struct sh_ordered *sh_sorter_rows(struct sh_sorter *sorter);

#endif
