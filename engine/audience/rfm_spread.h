/* rfm_spread.h -- how often each value of recency, frequency and money occurs among the scored users of some shards.
 *
 *   values ascending    -412  -17   -3        (R is minus the days: more is better, as for F and M)
 *   counts                90    7   12
 *
 * Exact, and sums of spreads are spreads: so cut points of all shards are those of one shard with all users. On the way
 * it is packed as differences and counts of 1 to 10 bytes each; ten million users in cents take a few megabytes.
 */
#ifndef SH_RFM_SPREAD_H
#define SH_RFM_SPREAD_H

#include "buffer.h"
#include "status.h"
#include "text.h"

struct sh_rfm_tally {
    int64_t *values; /* ascending, no doubles */
    uint64_t *counts;
    uint32_t count;
};
struct sh_rfm_spread {
    struct sh_rfm_tally tallies[3]; /* R, F, M */
    uint64_t user_count;
};

void sh_rfm_spread_init(struct sh_rfm_spread *spread);
void sh_rfm_spread_deinit(struct sh_rfm_spread *spread);
/* Values to be counted, in any order: four bytes each as long as all of them fit, as amounts in cents do. */
struct sh_rfm_values {
    int32_t *narrow; /* room for `room`; NULL once they are wide */
    int64_t *wide;
    size_t count;
    size_t room;
    int64_t least; /* of those that were added */
    int64_t most;
};
/* False: out of memory. Deinit after all. */
SH_MUST_CHECK bool sh_rfm_values_init(struct sh_rfm_values *values, size_t room);
void sh_rfm_values_deinit(struct sh_rfm_values *values);
SH_MUST_CHECK bool sh_rfm_values_add_wide(struct sh_rfm_values *values, int64_t value);
SH_MUST_CHECK static inline bool sh_rfm_values_add(struct sh_rfm_values *values, int64_t value) {
    values->least = value < values->least ? value : values->least;
    values->most = value > values->most ? value : values->most;
    if (values->narrow == NULL || value < INT32_MIN || value > INT32_MAX) return sh_rfm_values_add_wide(values, value);
    values->narrow[values->count++] = (int32_t)value;
    return true;
}
/* Count them; they are left in any order. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_rfm_tally_count(struct sh_rfm_tally *tally, struct sh_rfm_values *values);
/* sum += other. On SH_ERR_MEMORY sum can only be deinited. */
SH_MUST_CHECK enum sh_status sh_rfm_spread_add(struct sh_rfm_spread *sum, const struct sh_rfm_spread *other);
/* As bytes, and back: SH_ERR_ARGUMENT for bytes that are none. */
void sh_rfm_spread_write(const struct sh_rfm_spread *spread, struct sh_buffer *buffer);
SH_MUST_CHECK enum sh_status sh_rfm_spread_read(struct sh_text bytes, struct sh_rfm_spread *spread,
                                                struct sh_error *err);
/* The least value for which at least users * part / parts users are worse, 0 < part < parts; one more than the greatest
 * worse value there is. user_count > 0. */
int64_t sh_rfm_tally_cut(const struct sh_rfm_tally *tally, uint64_t user_count, uint32_t part, uint32_t parts);

#endif
