/* tally.h -- how often each number was seen, exactly.
 *
 *   add 5, 7, 5, 90, 5   ->   5: 3, 7: 1, 90: 1        count 5, sum 112
 *
 * Everything that is said of numbers (percentiles, histograms) follows from such a list, and lists of several shards
 * merge into the list of all: so the answer is exact however the users are dealt. Two ways to keep it:
 *
 *   low ... low + (dense_count - 1) * unit    a counter a place, where the caller knows that values are close together
 *   anything else                             a hash table, grown by doubling: 16 bytes a place
 *
 * At most SH_TALLY_VALUE_COUNT_MAX different numbers outside the dense places: above that SH_ERR_LIMIT.
 * Cost: 1-2 ns a dense number, 5-30 ns another.
 */
#ifndef SH_TALLY_H
#define SH_TALLY_H

#include <stdint.h>

#include "status.h"

enum { SH_TALLY_DENSE_COUNT_MAX = 1 << 20 }; /* 8 MiB of counters */

struct sh_tally_entry {
    int64_t value;
    uint64_t count; /* 0: an empty place */
};
struct sh_tally {
    uint64_t count;
    __int128 sum; /* 2^64 numbers of 63 bits fit */
    int64_t low;
    uint64_t unit;
    uint64_t dense_count;
    uint64_t *dense;
    struct sh_tally_entry *table;
    uint64_t capacity; /* a power of two, or 0 */
    uint64_t used;
};

/* low..high, unit apart, get counters of their own if they are few enough; low > high: none do. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_tally_init(struct sh_tally *tally, int64_t low, int64_t high, uint64_t unit);
void sh_tally_deinit(struct sh_tally *tally);
/* For a value without dense place; use sh_tally_add. */
SH_MUST_CHECK enum sh_status sh_tally_add_sparse(struct sh_tally *tally, int64_t value, uint64_t times);
static inline enum sh_status sh_tally_add(struct sh_tally *tally, int64_t value) {
    const uint64_t distance = (uint64_t)value - (uint64_t)tally->low;
    tally->count++;
    tally->sum += value;
    if (tally->unit == 1 && distance < tally->dense_count) {
        tally->dense[distance]++;
        return SH_OK;
    }
    if (value >= tally->low && distance % tally->unit == 0 && distance / tally->unit < tally->dense_count) {
        tally->dense[distance / tally->unit]++;
        return SH_OK;
    }
    return sh_tally_add_sparse(tally, value, 1);
}
/* How many different numbers. O(places). */
uint64_t sh_tally_value_count(const struct sh_tally *tally);
/* All of them, ascending; entries has room for sh_tally_value_count(). */
void sh_tally_list(const struct sh_tally *tally, struct sh_tally_entry *entries);

#endif
