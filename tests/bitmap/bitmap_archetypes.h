/* bitmap_archetypes.h -- one block in every form, full to every edge of it. */
#ifndef SH_BITMAP_ARCHETYPES_H
#define SH_BITMAP_ARCHETYPES_H

#include "bitmap.h"

struct archetype {
    const char *name;
    enum sh_block_form form; /* with SH_ARRAY_COUNT_FAST */
    uint32_t count;
    uint32_t step; /* every step-th slot from first on, count of them; 0: slots from first on, in one run */
    uint32_t first;
    bool inverted; /* all slots but those */
};

enum { ARCHETYPE_COUNT = 17 };
extern const struct archetype archetypes[ARCHETYPE_COUNT];

bool archetype_has(const struct archetype *archetype, uint32_t place);
/* Put it into a block; ends the program if memory is out. */
void archetype_put(const struct archetype *archetype, struct sh_bitmap *bitmap, uint32_t block_index);

#endif
