/* bitmap_block.h -- one block of a bitmap: 65,536 slots seen without a copy, and combined in 8 KiB registers.
 *
 * An expression is evaluated one block at a time: each operand is a view of a block in whatever form it is kept, the
 * result grows in a register of 1,024 words that stays in the L1 cache.
 *
 *   form        memory                                count
 *   EMPTY       NULL                                  0
 *   FULL        NULL                                  65536
 *   ARRAY       u16, ascending: the slots             entries
 *   INVERTED    u16, ascending: the missing slots     65536 - entries
 *   RUNS        struct sh_run, ascending, not         sum of last - first + 1
 *               touching one another
 *   BITS        1,024 words, 64-byte aligned          ones
 *
 * A view borrows: it is good until the bitmap is changed next. Nothing here allocates, so nothing can fail.
 * Registers are `uint64_t words[SH_BLOCK_WORDS]`, of any alignment but fastest on 64 bytes.
 */
#ifndef SH_BITMAP_BLOCK_H
#define SH_BITMAP_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bitmap_kernels.h"

enum {
    SH_BLOCK_SLOTS = 65536,
    SH_BLOCK_WORDS = SH_BLOCK_SLOTS / 64,
    SH_BLOCK_BYTES = SH_BLOCK_SLOTS / 8,
};

enum sh_block_form {
    SH_BLOCK_EMPTY,
    SH_BLOCK_FULL,
    SH_BLOCK_ARRAY,
    SH_BLOCK_INVERTED,
    SH_BLOCK_RUNS,
    SH_BLOCK_BITS,
};

/* Slots first .. last of a block, both in the set. */
struct sh_run {
    uint16_t first;
    uint16_t last;
};

struct sh_block_view {
    const void *memory;
    uint32_t count;     /* slots in the set, 0..65536, exact */
    uint16_t run_count; /* RUNS only */
    uint8_t form;       /* enum sh_block_form */
};

/* The words if the form is BITS, else NULL. */
static inline const uint64_t *sh_block_words(struct sh_block_view view) {
    return view.form == SH_BLOCK_BITS ? (const uint64_t *)view.memory : NULL;
}
/* The slots of an ARRAY or the missing slots of an INVERTED block; their number is sh_block_list_count(). */
static inline const uint16_t *sh_block_list(struct sh_block_view view) {
    return (const uint16_t *)view.memory;
}
static inline uint32_t sh_block_list_count(struct sh_block_view view) {
    return view.form == SH_BLOCK_INVERTED ? SH_BLOCK_SLOTS - view.count : view.count;
}
/* The runs of a RUNS block. */
static inline const struct sh_run *sh_block_runs(struct sh_block_view view) {
    return (const struct sh_run *)view.memory;
}
/* A register (or any 1,024 words) as a view. count must be exact. */
static inline struct sh_block_view sh_block_of_words(const uint64_t *words, uint32_t count) {
    if (count == 0) return (struct sh_block_view){.form = SH_BLOCK_EMPTY};
    if (count == SH_BLOCK_SLOTS) return (struct sh_block_view){.form = SH_BLOCK_FULL, .count = count};
    return (struct sh_block_view){.memory = words, .count = count, .form = SH_BLOCK_BITS};
}
/* A strictly ascending list as a view. */
static inline struct sh_block_view sh_block_of_list(const uint16_t *list, uint32_t count) {
    if (count == 0) return (struct sh_block_view){.form = SH_BLOCK_EMPTY};
    if (count == SH_BLOCK_SLOTS) return (struct sh_block_view){.form = SH_BLOCK_FULL, .count = count};
    return (struct sh_block_view){.memory = list, .count = count, .form = SH_BLOCK_ARRAY};
}
/* Runs as a view: ascending, not touching, count slots in all. */
static inline struct sh_block_view sh_block_of_runs(const struct sh_run *runs, uint32_t run_count, uint32_t count) {
    if (count == 0) return (struct sh_block_view){.form = SH_BLOCK_EMPTY};
    if (count == SH_BLOCK_SLOTS) return (struct sh_block_view){.form = SH_BLOCK_FULL, .count = count};
    return (struct sh_block_view){
        .memory = runs, .count = count, .run_count = (uint16_t)run_count, .form = SH_BLOCK_RUNS};
}

/* `slot` is a place inside the block, 0..65535, in all of these. */
bool sh_block_contains(struct sh_block_view view, uint32_t slot);
/* Slots below `slot` (0..65536). */
uint32_t sh_block_rank(struct sh_block_view view, uint32_t slot);
/* The n-th slot in ascending order, n counted from 0, n < view.count. */
uint32_t sh_block_select(struct sh_block_view view, uint32_t n);
/* The first slot at or above `from` (0..65536); SH_BLOCK_SLOTS if there is none. */
uint32_t sh_block_next(struct sh_block_view view, uint32_t from);

/* words = view. */
void sh_block_store(struct sh_block_view view, uint64_t *words);
/* words = words OP view. The view must not lie in words. An EMPTY or FULL view costs nothing or one fill; an ARRAY
 * costs its entries (AND: plus a fill); BITS costs one pass. */
void sh_block_and_into(uint64_t *words, struct sh_block_view view);
void sh_block_or_into(uint64_t *words, struct sh_block_view view);
void sh_block_xor_into(uint64_t *words, struct sh_block_view view);
void sh_block_andnot_into(uint64_t *words, struct sh_block_view view);
/* The same, and the number of ones in words afterwards, counted in the same pass where there is one. */
uint32_t sh_block_and_into_count(uint64_t *words, struct sh_block_view view);
uint32_t sh_block_or_into_count(uint64_t *words, struct sh_block_view view);
uint32_t sh_block_xor_into_count(uint64_t *words, struct sh_block_view view);
uint32_t sh_block_andnot_into_count(uint64_t *words, struct sh_block_view view);

/* Slots first .. last (both included, first <= last <= 65535) of a register. */
void sh_block_set_range(uint64_t *words, uint32_t first, uint32_t last);
void sh_block_clear_range(uint64_t *words, uint32_t first, uint32_t last);
void sh_block_flip_range(uint64_t *words, uint32_t first, uint32_t last);

/* Slots that are in both, without building anything. The other operations follow from it, because counts are kept:
 * or = a + b - both, xor = a + b - 2 both, a andnot b = a - both. */
uint32_t sh_block_and_count(struct sh_block_view a, struct sh_block_view b);
/* and_count > 0; may stop early. */
bool sh_block_intersects(struct sh_block_view a, struct sh_block_view b);

/* All slots, ascending. out has room for view.count entries. Returns view.count. */
uint32_t sh_block_list_u16(struct sh_block_view view, uint16_t *out);
/* All slots + base. */
uint32_t sh_block_list_u32(struct sh_block_view view, uint32_t base, uint32_t *out);
/* Slots at or above `from`, at most max of them, + base. Returns how many; fewer than max means there are no more. */
uint32_t sh_block_list_from(struct sh_block_view view, uint32_t from, uint32_t base, uint32_t *out, uint32_t max);

/* The set as runs: how many there are, and they themselves. out has room for sh_block_run_count() of them. */
uint32_t sh_block_run_count(struct sh_block_view view);
uint32_t sh_block_list_runs(struct sh_block_view view, struct sh_run *out);

/* "empty", "array" ...: for messages and prints. */
const char *sh_block_form_name(enum sh_block_form form);

#endif
