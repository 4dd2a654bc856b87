/* rfm_report.h -- the table of an audience: how many users, and how much money, in each cell of R, F and M.
 *
 * Sums of reports are reports: each shard makes one of its users, and one is packed of all.
 *
 *   {count, scored, grid: [{r, f, users, amount} ...], cells: [{segment, users, amount} ...],
 *    names: [{name, users, amount} ...], lifecycle: [{stage, users, amount} ...],
 *    value: {users, repeat, repeat_percent, count, amount, average}}
 *
 * Amounts of grid, cells and names lie within the horizon; those of lifecycle and value are of all time.
 */
#ifndef SH_RFM_REPORT_H
#define SH_RFM_REPORT_H

#include "bitmap_block.h"
#include "cursor.h"
#include "rfm.h"

enum {
    SH_RFM_SUM_GRID = 0, /* 5 (r - 1) + f - 1 */
    SH_RFM_SUM_CELLS = SH_RFM_SUM_GRID + SH_RFM_SCORE_MAX * SH_RFM_SCORE_MAX,
    SH_RFM_SUM_NAMES = SH_RFM_SUM_CELLS + SH_RFM_CELL_COUNT,
    SH_RFM_SUM_STAGES = SH_RFM_SUM_NAMES + SH_RFM_NAME_COUNT,
    SH_RFM_SUM_EVER = SH_RFM_SUM_STAGES + SH_RFM_STAGE_COUNT, /* users with any event */
    SH_RFM_SUM_COUNT,
};
struct sh_rfm_sum {
    uint64_t users;
    __int128 amount;
};
struct sh_rfm_report {
    uint32_t r_scores, f_scores;
    uint32_t scale;
    uint64_t count;  /* users of the audience */
    uint64_t scored; /* of them */
    uint64_t repeat; /* with two events or more, ever */
    uint64_t events; /* ever */
    struct sh_rfm_sum sums[SH_RFM_SUM_COUNT];
};

void sh_rfm_report_begin(struct sh_rfm_report *report, const struct sh_rfm *rfm);
/* The users of a block, as they are at now_ms. */
void sh_rfm_report_add_block(struct sh_rfm_report *report, const struct sh_rfm *rfm, uint32_t block,
                             const uint64_t *words, int64_t now_ms);
void sh_rfm_report_add(struct sh_rfm_report *sum, const struct sh_rfm_report *other);

/* One value: an array of ints. */
void sh_rfm_report_pack_part(const struct sh_rfm_report *report, msgpack_packer *packer);
SH_MUST_CHECK enum sh_status sh_rfm_report_read_part(struct sh_cursor *cursor, struct sh_rfm_report *report,
                                                     struct sh_error *err);
enum { SH_RFM_REPORT_PAIRS = 7 };
/* That many pairs of the answer. */
void sh_rfm_report_pack(const struct sh_rfm_report *report, msgpack_packer *packer);

#endif
