/* bitmap_head.c -- one block that owns its memory: building it, adding and removing a slot, choosing its form. */
#include <string.h>

#include "bitmap_private.h"

enum {
    /* The first room of a list: 24 bytes is what the smallest piece of the C library's malloc holds. */
    LIST_CAPACITY_FIRST = 12,
    /* Crossing a run with something costs about as much as crossing so many entries of an array (bitmap_bench), so
     * where arrays are kept short for speed runs are kept few. */
    ENTRIES_PER_RUN = 8,
};

static const struct sh_block_head full_head = {.form = SH_BLOCK_FULL, .count = SH_BLOCK_SLOTS};

static struct sh_block_view view_of(const struct sh_block_head *head) {
    return sh_block_head_view(head);
}

static void head_replace(struct sh_block_head *head, struct sh_block_head fresh) {
    sh_free(head->memory);
    *head = fresh;
}

enum sh_status sh_head_alloc_list(struct sh_block_head *head, enum sh_block_form form, uint32_t list_count) {
    uint16_t *list = sh_alloc_plain(list_count * sizeof *list);
    if (list == NULL) return SH_ERR_MEMORY;
    *head = (struct sh_block_head){
        .memory = list,
        .count = form == SH_BLOCK_ARRAY ? list_count : SH_BLOCK_SLOTS - list_count,
        .capacity = (uint16_t)list_count,
        .form = (uint8_t)form,
    };
    return SH_OK;
}

enum sh_status sh_head_alloc_runs(struct sh_block_head *head, uint32_t run_count, uint32_t count) {
    struct sh_run *runs = sh_alloc_plain(run_count * sizeof *runs);
    if (runs == NULL) return SH_ERR_MEMORY;
    *head =
        (struct sh_block_head){.memory = runs, .count = count, .run_count = (uint16_t)run_count, .form = SH_BLOCK_RUNS};
    return SH_OK;
}

enum sh_status sh_head_alloc_bits(struct sh_block_head *head, uint32_t count) {
    uint64_t *words = sh_alloc(SH_BLOCK_BYTES);
    if (words == NULL) return SH_ERR_MEMORY;
    *head = (struct sh_block_head){.memory = words, .count = count, .form = SH_BLOCK_BITS};
    return SH_OK;
}

enum sh_status sh_head_from_words(struct sh_block_head *head, const uint64_t *words, uint32_t count,
                                  uint32_t array_count_max) {
    struct sh_block_head fresh = {.form = SH_BLOCK_EMPTY};
    if (count == SH_BLOCK_SLOTS) {
        fresh = full_head;
    } else if (count != 0 && count <= array_count_max) {
        if (sh_head_alloc_list(&fresh, SH_BLOCK_ARRAY, count) != SH_OK) return SH_ERR_MEMORY;
        (void)sh_bits->list_u16(words, SH_BLOCK_WORDS, fresh.memory);
    } else if (SH_BLOCK_SLOTS - count <= array_count_max) {
        if (sh_head_alloc_list(&fresh, SH_BLOCK_INVERTED, SH_BLOCK_SLOTS - count) != SH_OK) return SH_ERR_MEMORY;
        _Alignas(64) uint64_t missing[SH_BLOCK_WORDS];
        memcpy(missing, words, sizeof missing);
        sh_bits->not_into(missing, SH_BLOCK_WORDS);
        (void)sh_bits->list_u16(missing, SH_BLOCK_WORDS, fresh.memory);
    } else if (count != 0) {
        if (sh_head_alloc_bits(&fresh, count) != SH_OK) return SH_ERR_MEMORY;
        memcpy(fresh.memory, words, SH_BLOCK_BYTES);
    }
    *head = fresh;
    return SH_OK;
}

bool sh_runs_are_cheapest(uint32_t run_count, uint32_t count, uint32_t array_count_max) {
    const uint32_t missing_count = SH_BLOCK_SLOTS - count;
    uint32_t plain_bytes = SH_BLOCK_BYTES;
    if (count <= array_count_max) plain_bytes = count * (uint32_t)sizeof(uint16_t);
    if (missing_count <= array_count_max) plain_bytes = missing_count * (uint32_t)sizeof(uint16_t);
    return run_count <= array_count_max / ENTRIES_PER_RUN && run_count * sizeof(struct sh_run) < plain_bytes;
}

static enum sh_status head_through_words(struct sh_block_head *head, struct sh_block_view view,
                                         uint32_t array_count_max) {
    _Alignas(64) uint64_t words[SH_BLOCK_WORDS];
    sh_block_store(view, words);
    return sh_head_from_words(head, words, view.count, array_count_max);
}

enum sh_status sh_head_from_view(struct sh_block_head *head, struct sh_block_view view, uint32_t array_count_max) {
    struct sh_block_head fresh = {.form = SH_BLOCK_EMPTY};
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        break;
    case SH_BLOCK_FULL:
        fresh = full_head;
        break;
    case SH_BLOCK_BITS:
        return sh_head_from_words(head, sh_block_words(view), view.count, array_count_max);
    case SH_BLOCK_RUNS:
        if (!sh_runs_are_cheapest(view.run_count, view.count, array_count_max))
            return head_through_words(head, view, array_count_max);
        if (sh_head_alloc_runs(&fresh, view.run_count, view.count) != SH_OK) return SH_ERR_MEMORY;
        memcpy(fresh.memory, view.memory, view.run_count * sizeof(struct sh_run));
        break;
    case SH_BLOCK_ARRAY:
    case SH_BLOCK_INVERTED: {
        const uint32_t list_count = sh_block_list_count(view);
        if (list_count > array_count_max) return head_through_words(head, view, array_count_max);
        if (sh_head_alloc_list(&fresh, view.form, list_count) != SH_OK) return SH_ERR_MEMORY;
        memcpy(fresh.memory, view.memory, list_count * sizeof(uint16_t));
        break;
    }
    }
    *head = fresh;
    return SH_OK;
}

enum sh_status sh_head_from_complement(struct sh_block_head *head, struct sh_block_view view,
                                       uint32_t array_count_max) {
    struct sh_block_view flipped = view;
    flipped.count = SH_BLOCK_SLOTS - view.count;
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        flipped.form = SH_BLOCK_FULL;
        break;
    case SH_BLOCK_FULL:
        flipped.form = SH_BLOCK_EMPTY;
        break;
    case SH_BLOCK_ARRAY:
        flipped.form = SH_BLOCK_INVERTED;
        break;
    case SH_BLOCK_INVERTED:
        flipped.form = SH_BLOCK_ARRAY;
        break;
    case SH_BLOCK_RUNS:
    case SH_BLOCK_BITS: {
        _Alignas(64) uint64_t words[SH_BLOCK_WORDS];
        sh_block_store(view, words);
        sh_bits->not_into(words, SH_BLOCK_WORDS);
        return sh_head_from_words(head, words, flipped.count, array_count_max);
    }
    }
    return sh_head_from_view(head, flipped, array_count_max);
}

void sh_head_settle(struct sh_block_head *head, uint32_t list_count_max) {
    const uint32_t missing_count = SH_BLOCK_SLOTS - head->count;
    if (head->count == 0) {
        sh_head_free(head);
    } else if (missing_count == 0) {
        head_replace(head, full_head);
    } else if (head->form == SH_BLOCK_BITS && (head->count <= list_count_max || missing_count <= list_count_max)) {
        struct sh_block_head fresh;
        if (sh_head_from_words(&fresh, head->memory, head->count, list_count_max) == SH_OK) head_replace(head, fresh);
    }
}

/* ---- One slot ---- */

/* Put entry at its place in the list of an ARRAY or INVERTED head; the list is not at its limit. */
static enum sh_status list_insert(struct sh_block_head *head, uint32_t at, uint32_t entry, uint32_t array_count_max) {
    const uint32_t list_count = sh_block_list_count(view_of(head));
    if (list_count == head->capacity) {
        uint32_t capacity = head->capacity + head->capacity / 2u;
        if (capacity < LIST_CAPACITY_FIRST) capacity = LIST_CAPACITY_FIRST;
        if (capacity > array_count_max) capacity = array_count_max;
        void *grown = sh_realloc(head->memory, list_count * sizeof(uint16_t), capacity * sizeof(uint16_t));
        if (grown == NULL) return SH_ERR_MEMORY;
        head->memory = grown;
        head->capacity = (uint16_t)capacity;
    }
    uint16_t *list = head->memory;
    memmove(list + at + 1, list + at, (list_count - at) * sizeof *list);
    list[at] = (uint16_t)entry;
    return SH_OK;
}

static void list_erase(struct sh_block_head *head, uint32_t at) {
    uint16_t *list = head->memory;
    memmove(list + at, list + at + 1, (sh_block_list_count(view_of(head)) - at - 1) * sizeof *list);
}

/* The block with one slot flipped, as bits or whatever is cheapest: for forms that cannot be changed in place. */
static enum sh_status head_flip(struct sh_block_head *head, uint32_t place, uint32_t count, uint32_t array_count_max) {
    _Alignas(64) uint64_t words[SH_BLOCK_WORDS];
    sh_block_store(view_of(head), words);
    words[place / 64] ^= (uint64_t)1 << (place % 64);
    struct sh_block_head fresh;
    if (sh_head_from_words(&fresh, words, count, array_count_max) != SH_OK) return SH_ERR_MEMORY;
    head_replace(head, fresh);
    return SH_OK;
}

/* A list of one entry, with room to grow. */
static enum sh_status head_first_entry(struct sh_block_head *head, enum sh_block_form form, uint32_t place,
                                       uint32_t array_count_max) {
    struct sh_block_head fresh;
    const uint32_t capacity = array_count_max < LIST_CAPACITY_FIRST ? array_count_max : LIST_CAPACITY_FIRST;
    if (sh_head_alloc_list(&fresh, form, capacity) != SH_OK) return SH_ERR_MEMORY;
    fresh.count = form == SH_BLOCK_ARRAY ? 1 : SH_BLOCK_SLOTS - 1;
    ((uint16_t *)fresh.memory)[0] = (uint16_t)place;
    *head = fresh;
    return SH_OK;
}

enum sh_status sh_head_add(struct sh_block_head *head, uint32_t place, uint32_t array_count_max, bool *changed) {
    *changed = false;
    enum sh_status status = SH_OK;
    switch ((enum sh_block_form)head->form) {
    case SH_BLOCK_FULL:
        return SH_OK;
    case SH_BLOCK_EMPTY:
        status = head_first_entry(head, SH_BLOCK_ARRAY, place, array_count_max);
        break;
    case SH_BLOCK_ARRAY: {
        const uint16_t *list = head->memory;
        /* Slots are given out in order, so the usual place is the end. */
        const uint32_t at = list[head->count - 1] < place ? head->count : list_lower_bound(list, head->count, place);
        if (at < head->count && list[at] == place) return SH_OK;
        if (head->count == array_count_max) {
            status = head_flip(head, place, head->count + 1, array_count_max);
            break;
        }
        status = list_insert(head, at, place, array_count_max);
        if (status == SH_OK) head->count++;
        break;
    }
    case SH_BLOCK_INVERTED: {
        const uint16_t *missing = head->memory;
        const uint32_t missing_count = SH_BLOCK_SLOTS - head->count;
        const uint32_t at = list_lower_bound(missing, missing_count, place);
        if (at == missing_count || missing[at] != place) return SH_OK;
        list_erase(head, at);
        head->count++;
        if (head->count == SH_BLOCK_SLOTS) head_replace(head, full_head);
        break;
    }
    case SH_BLOCK_RUNS:
        if (sh_block_contains(view_of(head), place)) return SH_OK;
        status = head_flip(head, place, head->count + 1, array_count_max);
        break;
    case SH_BLOCK_BITS: {
        uint64_t *word = (uint64_t *)head->memory + place / 64;
        const uint64_t bit = (uint64_t)1 << (place % 64);
        if ((*word & bit) != 0) return SH_OK;
        *word |= bit;
        head->count++;
        if (SH_BLOCK_SLOTS - head->count <= array_count_max / 2) sh_head_settle(head, array_count_max / 2);
        break;
    }
    }
    *changed = status == SH_OK;
    return status;
}

enum sh_status sh_head_remove(struct sh_block_head *head, uint32_t place, uint32_t array_count_max, bool *changed) {
    *changed = false;
    enum sh_status status = SH_OK;
    switch ((enum sh_block_form)head->form) {
    case SH_BLOCK_EMPTY:
        return SH_OK;
    case SH_BLOCK_FULL:
        status = head_first_entry(head, SH_BLOCK_INVERTED, place, array_count_max);
        break;
    case SH_BLOCK_ARRAY: {
        const uint16_t *list = head->memory;
        const uint32_t at = list_lower_bound(list, head->count, place);
        if (at == head->count || list[at] != place) return SH_OK;
        list_erase(head, at);
        head->count--;
        if (head->count == 0) sh_head_free(head);
        break;
    }
    case SH_BLOCK_INVERTED: {
        const uint16_t *missing = head->memory;
        const uint32_t missing_count = SH_BLOCK_SLOTS - head->count;
        const uint32_t at = list_lower_bound(missing, missing_count, place);
        if (at < missing_count && missing[at] == place) return SH_OK;
        if (missing_count == array_count_max) {
            status = head_flip(head, place, head->count - 1, array_count_max);
            break;
        }
        status = list_insert(head, at, place, array_count_max);
        if (status == SH_OK) head->count--;
        break;
    }
    case SH_BLOCK_RUNS:
        if (!sh_block_contains(view_of(head), place)) return SH_OK;
        status = head_flip(head, place, head->count - 1, array_count_max);
        break;
    case SH_BLOCK_BITS: {
        uint64_t *word = (uint64_t *)head->memory + place / 64;
        const uint64_t bit = (uint64_t)1 << (place % 64);
        if ((*word & bit) == 0) return SH_OK;
        *word &= ~bit;
        head->count--;
        if (head->count <= array_count_max / 2) sh_head_settle(head, array_count_max / 2);
        break;
    }
    }
    *changed = status == SH_OK;
    return status;
}
