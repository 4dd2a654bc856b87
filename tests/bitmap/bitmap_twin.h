/* bitmap_twin.h -- a set of slots too simple to be wrong: one byte a slot, below TWIN_SLOTS. */
#ifndef SH_BITMAP_TWIN_H
#define SH_BITMAP_TWIN_H

#include "bitmap.h"

enum { TWIN_BLOCKS = 4, TWIN_SLOTS = TWIN_BLOCKS * SH_BLOCK_SLOTS };

struct twin {
    uint8_t has[TWIN_SLOTS]; /* 0 or 1 */
};

void twin_set_range(struct twin *twin, uint64_t first, uint64_t end, bool has);
uint64_t twin_count(const struct twin *twin);
/* NULL if bitmap passes its own check and is the same set, else what differs. */
const char *twin_difference(const struct twin *twin, const struct sh_bitmap *bitmap);

/* Random numbers: the same for the same seed everywhere. */
struct random {
    uint64_t state;
};
uint64_t random_word(struct random *random);
uint32_t random_below(struct random *random, uint32_t bound); /* bound > 0 */
/* A slot that is near an edge more often than not. */
uint32_t random_slot(struct random *random);
/* 1 .. max, small numbers as often as large ones. */
uint32_t random_length(struct random *random, uint32_t max);
/* A random word in which each bit is one with the chance sixteenths / 16. */
uint64_t random_dense_word(struct random *random, uint32_t sixteenths);

#endif
