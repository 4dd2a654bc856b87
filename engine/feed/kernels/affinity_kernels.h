/* affinity_kernels.h -- what an event adds to the list of what its user is drawn to, one table for each instruction set.
 *
 *   tags    [ tea | mug | red | ... ]      the item's tags that the list has get `short_add` and `long_add`; those that
 *   short   [ 1.5 | 0.2 | 7.0 | ... ]      it has not come in behind the last, or, when the list has its most, in place
 *   long    [ 3.0 | 0.9 | 9.1 | ... ]      of the weakest by long-lived value that this event has not touched
 *
 * Values are added one by one, so wider registers give the same bits. This header is included by files that are compiled
 * with -m flags: no functions, no inline code.
 */
#ifndef SH_AFFINITY_KERNELS_H
#define SH_AFFINITY_KERNELS_H

#include <stdint.h>

enum {
    AFFINITY_STEP = 4,      /* capacities are multiples of it */
    AFFINITY_COUNT_MAX = 32 /* and at most this */
};
#define AFFINITY_TAG_NONE UINT32_MAX /* in places from count on */

/* A list, of which tags, short-lived and long-lived values are capacity long each. */
struct affinity_list {
    uint32_t *tags;
    float *short_lived;
    float *long_lived;
    uint32_t capacity;
    uint32_t count;
};
/* An event; tags are different. */
struct affinity_event {
    const uint32_t *tags;
    uint32_t tag_count;
    float short_add;
    float long_add;
};

struct affinity_kernels {
    const char *name;
    uint32_t cpu_required;
    /* There is room for tags that the list has not, up to AFFINITY_COUNT_MAX. unknown has room for tag_count + 1. */
    void (*add)(struct affinity_list *list, const struct affinity_event *event, uint32_t *unknown);
};

extern const struct affinity_kernels affinity_kernels_scalar;
extern const struct affinity_kernels affinity_kernels_avx2;

/* The table of an instruction set, NULL if this machine lacks it; and the one in use. */
const struct affinity_kernels *affinity_kernels_of(uint32_t isa);
extern const struct affinity_kernels *affinity_in_use;

#endif
