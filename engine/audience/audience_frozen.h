/* audience_frozen.h -- an audience as it was at one moment, for pages that never overlap and miss nobody.
 *
 *   without order:  a bitmap of the slots                     place p is the p-th slot of the set
 *   with an order:  the slots in order (and their keys)       place p is slots[p]
 *
 * Places are counted in the audience as it was frozen. People forgotten since are passed over and counted; what is
 * shown of the others is today's. The owner keeps forgotten slots from being given out again while it is open.
 */
#ifndef SH_AUDIENCE_FROZEN_H
#define SH_AUDIENCE_FROZEN_H

#include "audience_order.h"
#include "bitmap.h"

struct sh_frozen {
    struct sh_order order;
    struct sh_bitmap set;      /* order NONE */
    struct sh_ordered ordered; /* any other */
    uint64_t count;
};
void sh_frozen_init(struct sh_frozen *frozen);
void sh_frozen_deinit(struct sh_frozen *frozen);
size_t sh_frozen_memory_bytes(const struct sh_frozen *frozen);

/* One page: up to max people who still live, from a place on. slots and places (may be NULL) have room for max;
 * places[i] is the place behind slot i. */
struct sh_frozen_page {
    /* The caller's to set; may be NULL: who lives and does not pass is passed over like the forgotten. */
    bool (*passes)(const void *context, uint32_t slot);
    const void *passes_context;

    uint32_t *slots;
    uint64_t *places;
    uint32_t count;
    uint64_t skipped; /* those passed over */
    uint64_t
        next; /* of the next one who is not passed over, where the next page begins; frozen->count if there is none */
};
void sh_frozen_page(const struct sh_frozen *frozen, const struct sh_table *table, uint64_t place, uint32_t max,
                    struct sh_frozen_page *page);

#endif
