/* bitmap_algebra.c -- sets combined with sets, ranges and sorted slots.
 *
 * HOW A CHANGE IS ALL OR NOTHING
 *
 * A change of many blocks first writes a draft: for each block the new head, or KEEP, or IN_PLACE. Everything that
 * needs memory is done in the draft, so if memory is out the draft is thrown away and the bitmap has not been touched.
 * Then the commit puts the new heads in and does the work that was left for IN_PLACE, which cannot fail: bits combined
 * with anything stay bits, and a list only gets shorter under AND and ANDNOT.
 */
#include <string.h>

#include "bitmap_private.h"

enum operation { AND, OR, XOR, ANDNOT };

/* Draft heads that are no forms. */
enum { KEEP = 64, IN_PLACE = 65 };

/* Room in which an operand can make a block that does not exist as such. */
union operand_room {
    _Alignas(64) uint64_t words[SH_BLOCK_WORDS];
    uint16_t list[SH_BLOCK_BYTES / sizeof(uint16_t)];
    struct sh_run run;
};

/* The second set of an operation: a bitmap, a range, or sorted slots, seen block by block. */
struct operand {
    struct sh_block_view (*view)(const struct operand *operand, uint32_t block_index, union operand_room *room);
    union {
        const struct sh_bitmap *bitmap;
        struct {
            uint64_t first;
            uint64_t end;
        } range;
        struct {
            const uint32_t *slots;
            size_t slot_count;
        } sorted;
    };
};

static struct sh_block_view bitmap_operand_view(const struct operand *operand, uint32_t block_index,
                                                union operand_room *room) {
    (void)room;
    return sh_bitmap_block(operand->bitmap, block_index);
}

static struct sh_block_view range_operand_view(const struct operand *operand, uint32_t block_index,
                                               union operand_room *room) {
    const uint64_t block_first = (uint64_t)block_index * SH_BLOCK_SLOTS;
    const uint64_t first = operand->range.first > block_first ? operand->range.first - block_first : 0;
    const uint64_t end =
        operand->range.end < block_first + SH_BLOCK_SLOTS ? operand->range.end - block_first : SH_BLOCK_SLOTS;
    if (first == 0 && end == SH_BLOCK_SLOTS)
        return (struct sh_block_view){.form = SH_BLOCK_FULL, .count = SH_BLOCK_SLOTS};
    room->run = (struct sh_run){(uint16_t)first, (uint16_t)(end - 1)};
    return (struct sh_block_view){
        .memory = &room->run, .count = (uint32_t)(end - first), .run_count = 1, .form = SH_BLOCK_RUNS};
}

/* The first place in slots whose slot is not below x. */
static size_t slots_lower_bound(const uint32_t *slots, size_t slot_count, uint64_t x) {
    size_t low = 0, high = slot_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (slots[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct sh_block_view sorted_operand_view(const struct operand *operand, uint32_t block_index,
                                                union operand_room *room) {
    const uint64_t block_first = (uint64_t)block_index * SH_BLOCK_SLOTS;
    const uint32_t *slots = operand->sorted.slots;
    const size_t first = slots_lower_bound(slots, operand->sorted.slot_count, block_first);
    const size_t end = slots_lower_bound(slots, operand->sorted.slot_count, block_first + SH_BLOCK_SLOTS);
    if (end - first <= sizeof room->list / sizeof room->list[0]) {
        uint32_t n = 0;
        for (size_t i = first; i < end; i++)
            if (i == first || slots[i] != slots[i - 1]) room->list[n++] = (uint16_t)(slots[i] % SH_BLOCK_SLOTS);
        return sh_block_of_list(room->list, n);
    }
    memset(room->words, 0, sizeof room->words);
    for (size_t i = first; i < end; i++)
        room->words[slots[i] % SH_BLOCK_SLOTS / 64] |= (uint64_t)1 << (slots[i] % 64);
    return sh_block_of_words(room->words, (uint32_t)sh_bits->popcount(room->words, SH_BLOCK_WORDS));
}

/* ---- Lists in place ---- */

/* Entries of list that are (keep) or are not (!keep) in the view, to out, which may be list; how many. */
static uint32_t filter_list(const uint16_t *list, uint32_t count, struct sh_block_view view, bool keep, uint16_t *out) {
    if (view.form == SH_BLOCK_BITS) {
        const uint64_t *words = sh_block_words(view);
        return (uint32_t)(keep ? sh_bits->keep_list(words, list, count, out)
                               : sh_bits->drop_list(words, list, count, out));
    }
    if (view.form == SH_BLOCK_INVERTED) { /* being in it is not being in the list of what it misses */
        view = sh_block_of_list(sh_block_list(view), sh_block_list_count(view));
        keep = !keep;
    }
    if (view.form == SH_BLOCK_ARRAY && keep)
        return (uint32_t)sh_bits->lists_and(list, count, sh_block_list(view), view.count, out);
    uint32_t n = 0;
    if (view.form == SH_BLOCK_ARRAY) {
        const uint16_t *other = sh_block_list(view);
        for (uint32_t i = 0, j = 0; i < count; i++) {
            const uint16_t entry = list[i];
            while (j < view.count && other[j] < entry)
                j++;
            out[n] = entry;
            n += j == view.count || other[j] != entry;
        }
        return n;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint16_t entry = list[i];
        out[n] = entry;
        n += sh_block_contains(view, entry) == keep;
    }
    return n;
}

/* OR or XOR of two lists, to out; how many. */
static uint32_t merge_lists(const uint16_t *a, uint32_t a_count, const uint16_t *b, uint32_t b_count, bool keep_common,
                            uint16_t *out) {
    uint32_t i = 0, j = 0, n = 0;
    while (i < a_count && j < b_count) {
        const uint16_t x = a[i], y = b[j];
        out[n] = x < y ? x : y;
        n += x != y || keep_common;
        i += x <= y;
        j += y <= x;
    }
    memcpy(out + n, a + i, (a_count - i) * sizeof *out);
    n += a_count - i;
    memcpy(out + n, b + j, (b_count - j) * sizeof *out);
    return n + (b_count - j);
}

/* ---- One block of a draft ---- */

/* Cases where one side is EMPTY or FULL, so that the answer is one of the sides, its complement, or trivial. */
static bool draft_trivial(enum operation operation, struct sh_block_view target, struct sh_block_view source,
                          uint32_t array_count_max, struct sh_block_head *draft, enum sh_status *status) {
    const bool target_full = target.form == SH_BLOCK_FULL, target_empty = target.form == SH_BLOCK_EMPTY;
    const bool source_full = source.form == SH_BLOCK_FULL, source_empty = source.form == SH_BLOCK_EMPTY;
    if (!target_full && !target_empty && !source_full && !source_empty) return false;

    *status = SH_OK;
    *draft = (struct sh_block_head){.form = KEEP};
    const struct sh_block_head empty = {.form = SH_BLOCK_EMPTY};
    const struct sh_block_head full = {.form = SH_BLOCK_FULL, .count = SH_BLOCK_SLOTS};
    switch (operation) {
    case AND:
        if (target_empty || source_full) break;
        if (source_empty)
            *draft = empty;
        else
            *status = sh_head_from_view(draft, source, array_count_max);
        break;
    case OR:
        if (target_full || source_empty) break;
        if (source_full)
            *draft = full;
        else
            *status = sh_head_from_view(draft, source, array_count_max);
        break;
    case XOR:
        if (source_empty) break;
        if (target_empty)
            *status = sh_head_from_view(draft, source, array_count_max);
        else if (source_full)
            *status = sh_head_from_complement(draft, target, array_count_max);
        else
            *status = sh_head_from_complement(draft, source, array_count_max);
        break;
    case ANDNOT:
        if (target_empty || source_empty) break;
        if (source_full)
            *draft = empty;
        else
            *status = sh_head_from_complement(draft, source, array_count_max);
        break;
    }
    return true;
}

static uint32_t register_combine(enum operation operation, uint64_t *words, struct sh_block_view view) {
    switch (operation) {
    case AND:
        return sh_block_and_into_count(words, view);
    case OR:
        return sh_block_or_into_count(words, view);
    case XOR:
        return sh_block_xor_into_count(words, view);
    case ANDNOT:
        break;
    }
    return sh_block_andnot_into_count(words, view);
}

/* A list that gets shorter: slots of an ARRAY under AND and ANDNOT, missing slots of an INVERTED block under OR. */
static bool list_shrinks(enum operation operation, uint32_t form) {
    return (form == SH_BLOCK_ARRAY && (operation == AND || operation == ANDNOT)) ||
           (form == SH_BLOCK_INVERTED && operation == OR);
}

/* A fresh head of target OPERATION source, neither of which is EMPTY or FULL. */
static enum sh_status build_block(enum operation operation, struct sh_block_view target, struct sh_block_view source,
                                  uint32_t array_count_max, struct sh_block_head *head) {
    union operand_room room;
    uint32_t count = UINT32_MAX;
    if (operation == AND && source.form == SH_BLOCK_ARRAY)
        count = filter_list(sh_block_list(source), source.count, target, true, room.list);
    else if (target.form == SH_BLOCK_ARRAY && (operation == AND || operation == ANDNOT))
        count = filter_list(sh_block_list(target), target.count, source, operation == AND, room.list);
    else if (target.form == SH_BLOCK_ARRAY && source.form == SH_BLOCK_ARRAY &&
             target.count + source.count <= sizeof room.list / sizeof room.list[0])
        count = merge_lists(sh_block_list(target), target.count, sh_block_list(source), source.count, operation == OR,
                            room.list);
    if (count != UINT32_MAX) return sh_head_from_view(head, sh_block_of_list(room.list, count), array_count_max);
    sh_block_store(target, room.words);
    count = register_combine(operation, room.words, source);
    return sh_head_from_words(head, room.words, count, array_count_max);
}

static enum sh_status draft_block(enum operation operation, struct sh_block_view target, struct sh_block_view source,
                                  uint32_t array_count_max, struct sh_block_head *draft) {
    enum sh_status status;
    if (draft_trivial(operation, target, source, array_count_max, draft, &status)) return status;
    const bool stays_bits = target.form == SH_BLOCK_BITS && !(operation == AND && source.form == SH_BLOCK_ARRAY);
    if (stays_bits || list_shrinks(operation, target.form)) {
        *draft = (struct sh_block_head){.form = IN_PLACE};
        return SH_OK;
    }
    return build_block(operation, target, source, array_count_max, draft);
}

static void commit_in_place(enum operation operation, struct sh_block_head *head, struct sh_block_view source,
                            uint32_t array_count_max) {
    if (head->form == SH_BLOCK_BITS) {
        head->count = register_combine(operation, head->memory, source);
    } else {
        const uint32_t list_count = sh_block_list_count(sh_block_head_view(head));
        const uint32_t left = filter_list(head->memory, list_count, source, operation == AND, head->memory);
        head->count = head->form == SH_BLOCK_ARRAY ? left : SH_BLOCK_SLOTS - left;
    }
    sh_head_settle(head, array_count_max);
}

/* ---- Many blocks ---- */

/* target = target OPERATION operand in the blocks first_block .. end_block - 1; other blocks are left alone. */
static enum sh_status combine(struct sh_bitmap *target, enum operation operation, const struct operand *operand,
                              uint32_t first_block, uint32_t end_block) {
    enum { NEAR_COUNT = 64 }; /* small changes need no memory for the draft itself */
    struct sh_block_head near[NEAR_COUNT];
    union operand_room room;
    if (first_block >= end_block) return SH_OK;
    const uint32_t block_count = end_block - first_block;
    struct sh_block_head *draft = block_count <= NEAR_COUNT ? near : sh_alloc(block_count * sizeof *draft);
    if (draft == NULL) return SH_ERR_MEMORY;

    uint32_t drafted = 0;
    enum sh_status status = sh_bitmap_reserve_blocks(target, end_block);
    while (status == SH_OK && drafted < block_count) {
        const uint32_t block_index = first_block + drafted;
        status = draft_block(operation, sh_bitmap_block(target, block_index),
                             operand->view(operand, block_index, &room), target->array_count_max, &draft[drafted]);
        if (status == SH_OK) drafted++;
    }
    for (uint32_t i = 0; i < drafted; i++) {
        struct sh_block_head *head = &target->blocks[first_block + i];
        if (draft[i].form == KEEP) continue;
        if (status != SH_OK) {
            if (draft[i].form != IN_PLACE) sh_head_free(&draft[i]);
            continue;
        }
        target->count -= head->count;
        if (draft[i].form == IN_PLACE) {
            commit_in_place(operation, head, operand->view(operand, first_block + i, &room), target->array_count_max);
        } else {
            sh_head_free(head);
            *head = draft[i];
        }
        target->count += head->count;
    }
    if (draft != near) sh_free(draft);
    return status;
}

static enum sh_status combine_bitmaps(struct sh_bitmap *target, enum operation operation,
                                      const struct sh_bitmap *source) {
    if (target == source) {
        if (operation == XOR || operation == ANDNOT) sh_bitmap_clear(target);
        return SH_OK;
    }
    const struct operand operand = {.view = bitmap_operand_view, .bitmap = source};
    /* Blocks of one side only: OR and XOR take those of the source, AND empties those of the target. */
    uint32_t end_block = operation == OR || operation == XOR ? source->block_count : target->block_count;
    if (operation == ANDNOT && source->block_count < end_block) end_block = source->block_count;
    return combine(target, operation, &operand, 0, end_block);
}

enum sh_status sh_bitmap_and_into(struct sh_bitmap *target, const struct sh_bitmap *source) {
    return combine_bitmaps(target, AND, source);
}

enum sh_status sh_bitmap_or_into(struct sh_bitmap *target, const struct sh_bitmap *source) {
    return combine_bitmaps(target, OR, source);
}

enum sh_status sh_bitmap_xor_into(struct sh_bitmap *target, const struct sh_bitmap *source) {
    return combine_bitmaps(target, XOR, source);
}

enum sh_status sh_bitmap_andnot_into(struct sh_bitmap *target, const struct sh_bitmap *source) {
    return combine_bitmaps(target, ANDNOT, source);
}

/* result, which is empty, = a OPERATION b. */
static enum sh_status build(struct sh_bitmap *result, enum operation operation, const struct sh_bitmap *a,
                            const struct sh_bitmap *b) {
    uint32_t block_count = a->block_count;
    if (operation == AND && b->block_count < block_count) block_count = b->block_count;
    if ((operation == OR || operation == XOR) && b->block_count > block_count) block_count = b->block_count;
    enum sh_status status = sh_bitmap_reserve_blocks(result, block_count);
    for (uint32_t i = 0; i < block_count && status == SH_OK; i++) {
        const struct sh_block_view x = sh_bitmap_block(a, i), y = sh_bitmap_block(b, i);
        struct sh_block_head fresh;
        if (!draft_trivial(operation, x, y, result->array_count_max, &fresh, &status))
            status = build_block(operation, x, y, result->array_count_max, &fresh);
        else if (status == SH_OK && fresh.form == KEEP)
            status = sh_head_from_view(&fresh, x, result->array_count_max);
        if (status != SH_OK) break;
        result->blocks[i] = fresh;
        result->count += fresh.count;
    }
    return status;
}

static enum sh_status build_into(struct sh_bitmap *target, enum operation operation, const struct sh_bitmap *a,
                                 const struct sh_bitmap *b) {
    struct sh_bitmap result;
    sh_bitmap_init(&result, target->array_count_max);
    const enum sh_status status = build(&result, operation, a, b);
    if (status == SH_OK) sh_bitmap_swap(target, &result);
    sh_bitmap_deinit(&result);
    return status;
}

enum sh_status sh_bitmap_and(struct sh_bitmap *target, const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return build_into(target, AND, a, b);
}

enum sh_status sh_bitmap_or(struct sh_bitmap *target, const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return build_into(target, OR, a, b);
}

enum sh_status sh_bitmap_xor(struct sh_bitmap *target, const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return build_into(target, XOR, a, b);
}

enum sh_status sh_bitmap_andnot(struct sh_bitmap *target, const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return build_into(target, ANDNOT, a, b);
}

enum sh_status sh_bitmap_add_range(struct sh_bitmap *bitmap, uint32_t first, uint64_t end) {
    sh_assert(end <= (uint64_t)SH_BLOCK_COUNT_MAX * SH_BLOCK_SLOTS);
    if (first >= end) return SH_OK;
    const struct operand operand = {.view = range_operand_view, .range = {first, end}};
    return combine(bitmap, OR, &operand, first / SH_BLOCK_SLOTS, (uint32_t)((end - 1) / SH_BLOCK_SLOTS) + 1);
}

enum sh_status sh_bitmap_remove_range(struct sh_bitmap *bitmap, uint32_t first, uint64_t end) {
    sh_assert(end <= (uint64_t)SH_BLOCK_COUNT_MAX * SH_BLOCK_SLOTS);
    if (first >= end) return SH_OK;
    const struct operand operand = {.view = range_operand_view, .range = {first, end}};
    const uint32_t end_block = (uint32_t)((end - 1) / SH_BLOCK_SLOTS) + 1;
    return combine(bitmap, ANDNOT, &operand, first / SH_BLOCK_SLOTS,
                   end_block < bitmap->block_count ? end_block : bitmap->block_count);
}

enum sh_status sh_bitmap_add_sorted(struct sh_bitmap *bitmap, const uint32_t *slots, size_t slot_count) {
    if (slot_count == 0) return SH_OK;
    const struct operand operand = {.view = sorted_operand_view, .sorted = {slots, slot_count}};
    return combine(bitmap, OR, &operand, slots[0] / SH_BLOCK_SLOTS, slots[slot_count - 1] / SH_BLOCK_SLOTS + 1);
}

/* ---- Many sources ---- */

static enum sh_status or_many_block(struct sh_block_head *head, const struct sh_bitmap *const *sources,
                                    size_t source_count, uint32_t block_index, uint32_t array_count_max) {
    _Alignas(64) uint64_t words[SH_BLOCK_WORDS];
    struct sh_block_view only = {.form = SH_BLOCK_EMPTY};
    uint32_t used = 0;
    for (size_t k = 0; k < source_count; k++) {
        const struct sh_block_view view = sh_bitmap_block(sources[k], block_index);
        if (view.form == SH_BLOCK_EMPTY) continue;
        if (view.form == SH_BLOCK_FULL) return sh_head_from_view(head, view, array_count_max);
        if (used == 0) only = view;
        if (used == 1) sh_block_store(only, words);
        if (used >= 1) sh_block_or_into(words, view);
        used++;
    }
    if (used <= 1) return sh_head_from_view(head, only, array_count_max);
    return sh_head_from_words(head, words, (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS), array_count_max);
}

enum sh_status sh_bitmap_or_many(struct sh_bitmap *target, const struct sh_bitmap *const *sources,
                                 size_t source_count) {
    uint32_t block_count = 0;
    for (size_t k = 0; k < source_count; k++) {
        sh_assert(sources[k] != target);
        if (sources[k]->block_count > block_count) block_count = sources[k]->block_count;
    }
    struct sh_bitmap result;
    sh_bitmap_init(&result, target->array_count_max);
    enum sh_status status = sh_bitmap_reserve_blocks(&result, block_count);
    for (uint32_t i = 0; i < block_count && status == SH_OK; i++) {
        status = or_many_block(&result.blocks[i], sources, source_count, i, result.array_count_max);
        result.count += result.blocks[i].count;
    }
    if (status == SH_OK) sh_bitmap_swap(target, &result);
    sh_bitmap_deinit(&result);
    return status;
}

/* ---- Counts ---- */

static uint32_t common_block_count(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return a->block_count < b->block_count ? a->block_count : b->block_count;
}

uint64_t sh_bitmap_and_count(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    const uint32_t block_count = common_block_count(a, b);
    uint64_t count = 0;
    for (uint32_t i = 0; i < block_count; i++) {
        if (a->blocks[i].count == 0 || b->blocks[i].count == 0) continue; /* sparse sets are mostly this */
        count += sh_block_and_count(sh_block_head_view(&a->blocks[i]), sh_block_head_view(&b->blocks[i]));
    }
    return count;
}

uint64_t sh_bitmap_or_count(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return a->count + b->count - sh_bitmap_and_count(a, b);
}

uint64_t sh_bitmap_xor_count(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return a->count + b->count - 2 * sh_bitmap_and_count(a, b);
}

uint64_t sh_bitmap_andnot_count(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return a->count - sh_bitmap_and_count(a, b);
}

bool sh_bitmap_intersects(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    for (uint32_t i = 0; i < common_block_count(a, b); i++)
        if (sh_block_intersects(sh_bitmap_block(a, i), sh_bitmap_block(b, i))) return true;
    return false;
}

bool sh_bitmap_is_subset(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    if (a->count > b->count) return false;
    for (uint32_t i = 0; i < a->block_count; i++) {
        const struct sh_block_view x = sh_bitmap_block(a, i), y = sh_bitmap_block(b, i);
        if (x.count > y.count || sh_block_and_count(x, y) != x.count) return false;
    }
    return true;
}

bool sh_bitmap_equal(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return a->count == b->count && sh_bitmap_is_subset(a, b);
}
