/* bitmap_combine.h -- one block combined with one block; within this module.
 *
 * `array_count_max` is that of the bitmap which will own the head.
 */
#ifndef SH_BITMAP_COMBINE_H
#define SH_BITMAP_COMBINE_H

#include "bitmap.h"

enum sh_operation { SH_AND, SH_OR, SH_XOR, SH_ANDNOT };

/* What a draft says instead of a form: the block stays as it is; or sh_combine_in_place() will do. */
enum { SH_DRAFT_KEEP = 64, SH_DRAFT_IN_PLACE = 65 };

/* *draft = the fresh head of target OPERATION source, KEEP, or IN_PLACE. On SH_ERR_MEMORY it owns nothing. */
enum sh_status sh_combine_draft(enum sh_operation operation, struct sh_block_view target, struct sh_block_view source,
                                uint32_t array_count_max, struct sh_block_head *draft);
/* The work of a draft that is IN_PLACE. It cannot fail: bits combined with anything stay bits, and a list only gets
 * shorter. */
void sh_combine_in_place(enum sh_operation operation, struct sh_block_head *head, struct sh_block_view source,
                         uint32_t array_count_max);
/* *head = a fresh head of a OPERATION b, whatever they are. On SH_ERR_MEMORY it owns nothing. */
enum sh_status sh_combine_build(enum sh_operation operation, struct sh_block_view a, struct sh_block_view b,
                                uint32_t array_count_max, struct sh_block_head *head);

#endif
