/* catalogue_private.h -- what the files of the catalogue share.
 *
 *   catalogue.c          finding, putting, removing; who uses whom
 *   catalogue_archive.c  into a snapshot and back
 */
#ifndef SH_CATALOGUE_PRIVATE_H
#define SH_CATALOGUE_PRIVATE_H

#include "catalogue.h"

void segment_destroy(struct sh_segment *segment); /* NULL is fine */

/* The names in an expression, each once, as segments; one that is not there is passed over, checking tells of it. */
struct segment_uses {
    struct sh_catalogue *segments;
    struct sh_segment **list; /* room for as many as there are segments */
    uint32_t count;
    struct sh_text self;
    const struct sh_node *self_use;
};
void collect_uses(struct segment_uses *uses, const struct sh_node *node);
/* Of a segment that uses these. */
uint32_t depth_above(struct sh_segment *const *uses, uint32_t use_count);

#endif
