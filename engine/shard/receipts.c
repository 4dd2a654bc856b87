/* receipts.c -- see receipts.h. As a section of an archive:
 *
 *   section receipts 1
 *     u32 count, then struct sh_receipt for each, little-endian
 */
#include "receipts.h"

#include <string.h>

#include "memory.h"

enum { RECEIPTS_VERSION = 1 };
_Static_assert(sizeof(struct sh_receipt) == 64, "written as is: no padding");

void sh_receipts_deinit(struct sh_receipts *receipts) {
    sh_free(receipts->list);
    *receipts = (struct sh_receipts){0};
}

enum sh_status sh_receipts_reserve(struct sh_receipts *receipts, struct sh_error *err) {
    if (receipts->count == SH_RECEIPT_COUNT_MAX) return SH_OK; /* the oldest makes room */
    if (sh_grow((void **)&receipts->list, &receipts->capacity, (uint64_t)receipts->count + 1, sizeof *receipts->list) ==
        SH_OK)
        return SH_OK;
    return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
}

/* An eighth of them goes at a time: the oldest that are complete, else the oldest, whose erasure goes on without them. */
static void make_room(struct sh_receipts *receipts) {
    const uint32_t wanted = SH_RECEIPT_COUNT_MAX / 8;
    uint32_t kept = 0;
    uint32_t dropped = 0;
    for (uint32_t i = 0; i < receipts->count; i++) {
        const bool is_complete = receipts->list[i].erased_ms != INT64_MAX;
        if (is_complete && dropped < wanted)
            dropped++;
        else
            receipts->list[kept++] = receipts->list[i];
    }
    receipts->count = kept;
    if (dropped > 0) return;
    for (uint32_t i = 0; i < wanted; i++) {
        if (receipts->lost_count++ == 0) receipts->lost_ms = receipts->list[i].asked_ms;
        if (receipts->list[i].position > receipts->lost_position) receipts->lost_position = receipts->list[i].position;
    }
    receipts->count -= wanted;
    memmove(receipts->list, receipts->list + wanted, receipts->count * sizeof *receipts->list);
}

void sh_receipts_add(struct sh_receipts *receipts, const struct sh_receipt *receipt) {
    if (receipts->count == SH_RECEIPT_COUNT_MAX) make_room(receipts);
    sh_assert(receipts->count < receipts->capacity);
    receipts->list[receipts->count++] = *receipt;
}

const struct sh_receipt *sh_receipts_find(const struct sh_receipts *receipts, uint64_t id) {
    for (uint32_t i = receipts->count; i-- > 0;)
        if (receipts->list[i].id == id) return &receipts->list[i];
    return NULL;
}

void sh_receipts_erase(struct sh_receipts *receipts, uint64_t position, int64_t now_ms) {
    if (receipts->lost_position <= position) receipts->lost_count = 0;
    for (uint32_t i = 0; i < receipts->count; i++) {
        struct sh_receipt *receipt = &receipts->list[i];
        if (receipt->erased_ms == INT64_MAX && receipt->position <= position) receipt->erased_ms = now_ms;
    }
}

int64_t sh_receipts_oldest(const struct sh_receipts *receipts) {
    int64_t oldest = receipts->lost_count > 0 ? receipts->lost_ms : INT64_MAX;
    for (uint32_t i = 0; i < receipts->count; i++)
        if (receipts->list[i].erased_ms == INT64_MAX && receipts->list[i].asked_ms < oldest)
            oldest = receipts->list[i].asked_ms;
    return oldest;
}

void sh_receipts_save(const struct sh_receipts *receipts, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "receipts", RECEIPTS_VERSION);
    sh_archive_put_u32(writer, receipts->count);
    if (receipts->count > 0) sh_archive_put(writer, receipts->list, receipts->count * sizeof *receipts->list);
    sh_archive_end(writer);
}

enum sh_status sh_receipts_load(struct sh_receipts *receipts, struct sh_archive_reader *reader) {
    sh_assert(receipts->list == NULL);
    if (sh_archive_enter(reader, "receipts", RECEIPTS_VERSION) == 0) return sh_archive_status(reader, NULL);
    const uint32_t count =
        sh_archive_get_count(reader, SH_RECEIPT_COUNT_MAX, sizeof(struct sh_receipt), "receipts of the forgotten");
    if (count > 0 && !sh_archive_failed(reader)) {
        receipts->list = sh_archive_get_array(reader, count, sizeof *receipts->list);
        if (receipts->list != NULL) receipts->count = receipts->capacity = count;
    }
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
