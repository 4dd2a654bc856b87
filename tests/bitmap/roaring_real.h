/* roaring_real.h -- the bitmaps of the Roaring papers, which stand beside the source tree or nowhere.
 *
 * They are looked for in $SHOAL_DATA/roaring-real, else in ../shared/data/roaring-real from the source tree. Without
 * them tests and benchmarks say so and go on.
 */
#ifndef SH_ROARING_REAL_H
#define SH_ROARING_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REAL_BITMAP_COUNT = 200, REAL_SET_COUNT = 3 };

struct real_bitmap {
    uint32_t *slots; /* ascending */
    size_t count;
};

struct real_set {
    const char *name;
    struct real_bitmap bitmaps[REAL_BITMAP_COUNT];
};

extern const char *const real_set_names[REAL_SET_COUNT];
/* How many integers are in all bitmaps of a set. */
extern const uint64_t real_set_integers[REAL_SET_COUNT];

/* False, with a line on stdout that says SKIPPED, if the archive is not there. What is there but cannot be unpacked
 * ends the program. */
bool real_set_open(struct real_set *set, uint32_t index);
void real_set_close(struct real_set *set);

#endif
