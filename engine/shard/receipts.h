/* receipts.h -- what user.forget leaves behind: that somebody was forgotten, and when nothing of it is on the disk.
 *
 *   user.forget ----> gone from memory, receipt: pending ------------------------> complete
 *                     record in the log, at `position`       two snapshots begun after it, and the logs behind the older
 *                                                            of them filled with zeroes: the server says so
 *
 * A receipt has numbers and times, and nothing by which to know who it was. It is state like all other: logged,
 * archived, the same after a replay. When the disk has let go of it is the server's to see (erasure.h there); it tells
 * the shard up to which record of its log nothing is left (sh_shard_erased).
 *
 * Where nothing is logged there is nothing to let go of, and a receipt is complete at once. A workspace remembers the
 * latest SH_RECEIPT_COUNT_MAX.
 */
#ifndef SH_RECEIPTS_H
#define SH_RECEIPTS_H

#include "archive.h"
#include "bounds.h"
#include "status.h"

struct sh_receipt {
    uint64_t id;       /* of the request */
    uint64_t position; /* of its record in this shard's log */
    int64_t asked_ms;
    int64_t erased_ms; /* INT64_MAX: pending */
    uint64_t users;
    uint64_t names; /* other names of them */
    uint64_t events;
    uint64_t values; /* attributes and tags */
};
struct sh_receipts {
    struct sh_receipt *list; /* in the order they were asked for */
    uint32_t count;
    uint32_t capacity;
    /* Of those that were pending and had to make room: the first one's asked_ms, and the last place in the log. They are
     * not archived: as many newer ones are, which begin the erasure of all. */
    uint32_t lost_count;
    int64_t lost_ms;
    uint64_t lost_position;
};

void sh_receipts_deinit(struct sh_receipts *receipts);
/* Room for one more: before anybody is forgotten. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_receipts_reserve(struct sh_receipts *receipts, struct sh_error *err);
/* Cannot fail after sh_receipts_reserve. */
void sh_receipts_add(struct sh_receipts *receipts, const struct sh_receipt *receipt);
const struct sh_receipt *sh_receipts_find(const struct sh_receipts *receipts, uint64_t id);
/* Nothing is left of what was forgotten by records up to this one. */
void sh_receipts_erase(struct sh_receipts *receipts, uint64_t position, int64_t now_ms);
/* When the oldest pending one was asked for; INT64_MAX if none is. */
int64_t sh_receipts_oldest(const struct sh_receipts *receipts);

void sh_receipts_save(const struct sh_receipts *receipts, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status sh_receipts_load(struct sh_receipts *receipts, struct sh_archive_reader *reader);

#endif
