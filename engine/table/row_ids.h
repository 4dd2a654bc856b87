/* row_ids.h -- external ids by slot, and slots by external id.
 *
 *   cell of a slot, 16 bytes                             a page of 4,096 cells never moves
 *     length 0                      no row
 *     length 1..15  | bytes         the id itself: one cache line to read it
 *     length 16..255 | - | pointer  to the bytes
 *
 *   index: hash of the id -> slot (hash_index.h)
 */
#ifndef SH_ROW_IDS_H
#define SH_ROW_IDS_H

#include "archive.h"
#include "hash_index.h"
#include "text.h"

enum { ID_INLINE_BYTES_MAX = 15 };

struct id_cell {
    uint8_t length;
    union {
        char held[ID_INLINE_BYTES_MAX];
        struct {
            char unused[7];
            char *bytes;
        } __attribute__((packed, aligned(1)));
    };
};
_Static_assert(sizeof(struct id_cell) == 16, "four cells in a cache line");
_Static_assert(offsetof(struct id_cell, bytes) == 8, "an aligned pointer");

struct row_ids {
    struct id_cell **pages;
    uint32_t page_count;
    uint32_t page_capacity;
    struct sh_hash_index index;
    size_t long_bytes; /* of the ids that are not in cells */
};

void row_ids_init(struct row_ids *ids);
void row_ids_deinit(struct row_ids *ids);
/* Empty text: no row. */
struct sh_text row_ids_get(const struct row_ids *ids, uint32_t slot);
bool row_ids_has(const struct row_ids *ids, uint32_t slot);
/* SH_HASH_INDEX_NONE: unknown. */
uint32_t row_ids_find(const struct row_ids *ids, struct sh_text id, uint64_t hash);
/* The slot that the index has for this hash, without looking at the id. */
uint32_t row_ids_guess(const struct row_ids *ids, uint64_t hash);
void row_ids_prefetch_cell(const struct row_ids *ids, uint32_t slot);
/* An unknown id for a slot without one. On a failure nothing changed. */
SH_MUST_CHECK enum sh_status row_ids_add(struct row_ids *ids, uint32_t slot, struct sh_text id, uint64_t hash);
void row_ids_remove(struct row_ids *ids, uint32_t slot);
/* The ids of slots 0 .. slot_end - 1, and back, where there should be row_count; the index is built anew. Into ids that
 * are empty; on a failure, which the reader keeps, they are for row_ids_deinit. */
void row_ids_save(const struct row_ids *ids, uint32_t slot_end, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status row_ids_load(struct row_ids *ids, uint32_t slot_end, uint64_t row_count,
                                          struct sh_archive_reader *reader);
size_t row_ids_memory_bytes(const struct row_ids *ids);

#endif
