/* bitmap_combine.c -- every pair of forms under every operation. */
#include "bitmap_combine.h"

#include <string.h>

#include "bitmap_private.h"

/* Room for a result, whatever it turns out to be. */
union block_room {
    _Alignas(64) uint64_t words[SH_BLOCK_WORDS];
    uint16_t list[SH_BLOCK_BYTES / sizeof(uint16_t)];
    struct sh_run runs[SH_BLOCK_BYTES / sizeof(struct sh_run)];
};

/* ---- Lists and runs ---- */

/* The same for runs: both are walked once, unless the list is so short that each entry is better looked up, or, to keep
 * what lies in few runs, so long that each run is. */
static uint32_t filter_list_by_runs(const uint16_t *list, uint32_t count, struct sh_block_view view, bool keep,
                                    uint16_t *out) {
    enum { FEW = 16 }; /* a lookup costs about as much as walking over so many */
    const struct sh_run *runs = sh_block_runs(view);
    const uint32_t run_count = view.run_count;
    uint32_t n = 0;
    if (keep && count / FEW > run_count) {
        for (uint32_t r = 0, at = 0; r < run_count && at < count; r++) {
            const uint32_t first = at + list_lower_bound(list + at, count - at, runs[r].first);
            at = first + list_lower_bound(list + first, count - first, runs[r].last + 1u);
            memmove(out + n, list + first, (at - first) * sizeof *out);
            n += at - first;
        }
        return n;
    }
    const bool looks_up = run_count / FEW > count;
    for (uint32_t i = 0, r = 0; i < count; i++) {
        const uint16_t entry = list[i];
        if (looks_up) r = sh_runs_lower_bound(view, entry);
        while (r < run_count && runs[r].last < entry)
            r++;
        out[n] = entry;
        n += (r < run_count && runs[r].first <= entry) == keep;
    }
    return n;
}

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
    if (view.form == SH_BLOCK_RUNS) return filter_list_by_runs(list, count, view, keep, out);
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

/* What both runs of a and runs of b have, to out; how many runs. *count gets the slots. No branch depends on where runs
 * lie. */
static uint32_t intersect_runs(struct sh_block_view a, struct sh_block_view b, struct sh_run *out, uint32_t *count) {
    const struct sh_run *x = sh_block_runs(a), *y = sh_block_runs(b);
    uint32_t i = 0, j = 0, n = 0, slots = 0;
    while (i < a.run_count && j < b.run_count) {
        const uint32_t x_last = x[i].last, y_last = y[j].last;
        const uint32_t first = x[i].first > y[j].first ? x[i].first : y[j].first;
        const uint32_t last = x_last < y_last ? x_last : y_last;
        const bool meets = first <= last;
        out[n] = (struct sh_run){(uint16_t)first, (uint16_t)last};
        n += meets;
        slots += meets ? last - first + 1 : 0;
        i += x_last <= y_last;
        j += y_last <= x_last;
    }
    *count = slots;
    return n;
}

/* What runs of a or runs of b have, to out; how many runs, which do not touch. *count gets the slots. */
static uint32_t unite_runs(struct sh_block_view a, struct sh_block_view b, struct sh_run *out, uint32_t *count) {
    const struct sh_run *x = sh_block_runs(a), *y = sh_block_runs(b);
    uint32_t i = 0, j = 0, n = 0, slots = 0;
    /* The run that is being made, so far; before the first one, a run that touches none. */
    uint32_t first = UINT32_MAX, end = 0;
    while (i < a.run_count || j < b.run_count) {
        const bool takes_x = j == b.run_count || (i < a.run_count && x[i].first <= y[j].first);
        const struct sh_run next = takes_x ? x[i] : y[j];
        i += takes_x;
        j += !takes_x;
        if (next.first > end || first == UINT32_MAX) {
            if (first != UINT32_MAX) {
                out[n++] = (struct sh_run){(uint16_t)first, (uint16_t)(end - 1)};
                slots += end - first;
            }
            first = next.first;
            end = next.first;
        }
        if (next.last + 1u > end) end = next.last + 1u;
    }
    out[n++] = (struct sh_run){(uint16_t)first, (uint16_t)(end - 1)};
    *count = slots + end - first;
    return n;
}

/* Edge e of runs: even edges are where a run begins, odd ones where it has ended; SH_BLOCK_SLOTS + 1 after the last. */
static uint32_t run_edge(struct sh_block_view view, uint32_t edge) {
    const struct sh_run *runs = sh_block_runs(view);
    if (edge == 2u * view.run_count) return SH_BLOCK_SLOTS + 1;
    return edge % 2 == 0 ? runs[edge / 2].first : runs[edge / 2].last + 1u;
}

/* XOR or ANDNOT to out, which has room for one run more than both have; how many. *count gets the slots. */
static uint32_t subtract_runs(enum sh_operation operation, struct sh_block_view a, struct sh_block_view b,
                              struct sh_run *out, uint32_t *count) {
    uint32_t i = 0, j = 0, n = 0;
    bool inside = false; /* of a run of the result, which began at first */
    uint32_t first = 0;
    *count = 0;
    for (;;) {
        const uint32_t x = run_edge(a, i), y = run_edge(b, j);
        const uint32_t edge = x < y ? x : y;
        if (edge > SH_BLOCK_SLOTS) return n;
        i += x == edge;
        j += y == edge;
        const bool in_a = i % 2 != 0, in_b = j % 2 != 0;
        const bool now_inside = operation == SH_XOR ? in_a != in_b : in_a && !in_b;
        if (now_inside && !inside) first = edge;
        if (inside && !now_inside) {
            out[n++] = (struct sh_run){(uint16_t)first, (uint16_t)(edge - 1)};
            *count += edge - first;
        }
        inside = now_inside;
    }
}

/* ---- One block ---- */

/* Cases where one side is EMPTY or FULL, so that the answer is one of the sides, its complement, or trivial. */
static bool draft_of_trivial(enum sh_operation operation, struct sh_block_view target, struct sh_block_view source,
                             uint32_t array_count_max, struct sh_block_head *draft, enum sh_status *status) {
    const bool target_full = target.form == SH_BLOCK_FULL, target_empty = target.form == SH_BLOCK_EMPTY;
    const bool source_full = source.form == SH_BLOCK_FULL, source_empty = source.form == SH_BLOCK_EMPTY;
    if (!target_full && !target_empty && !source_full && !source_empty) return false;

    *status = SH_OK;
    *draft = (struct sh_block_head){.form = SH_DRAFT_KEEP};
    const struct sh_block_head empty = {.form = SH_BLOCK_EMPTY};
    const struct sh_block_head full = {.form = SH_BLOCK_FULL, .count = SH_BLOCK_SLOTS};
    switch (operation) {
    case SH_AND:
        if (target_empty || source_full) break;
        if (source_empty)
            *draft = empty;
        else
            *status = sh_head_from_view(draft, source, array_count_max);
        break;
    case SH_OR:
        if (target_full || source_empty) break;
        if (source_full)
            *draft = full;
        else
            *status = sh_head_from_view(draft, source, array_count_max);
        break;
    case SH_XOR:
        if (source_empty) break;
        if (target_empty)
            *status = sh_head_from_view(draft, source, array_count_max);
        else if (source_full)
            *status = sh_head_from_complement(draft, target, array_count_max);
        else
            *status = sh_head_from_complement(draft, source, array_count_max);
        break;
    case SH_ANDNOT:
        if (target_empty || source_empty) break;
        if (source_full)
            *draft = empty;
        else
            *status = sh_head_from_complement(draft, source, array_count_max);
        break;
    }
    return true;
}

static uint32_t register_combine(enum sh_operation operation, uint64_t *words, struct sh_block_view view) {
    switch (operation) {
    case SH_AND:
        return sh_block_and_into_count(words, view);
    case SH_OR:
        return sh_block_or_into_count(words, view);
    case SH_XOR:
        return sh_block_xor_into_count(words, view);
    case SH_ANDNOT:
        break;
    }
    return sh_block_andnot_into_count(words, view);
}

/* A list that gets shorter: slots of an ARRAY under AND and ANDNOT, missing slots of an INVERTED block under OR. */
static bool list_shrinks(enum sh_operation operation, uint32_t form) {
    return (form == SH_BLOCK_ARRAY && (operation == SH_AND || operation == SH_ANDNOT)) ||
           (form == SH_BLOCK_INVERTED && operation == SH_OR);
}

/* Through words, which are made where they will stay if the result is BITS, as it is mostly. */
static enum sh_status build_words(enum sh_operation operation, struct sh_block_view target, struct sh_block_view source,
                                  uint32_t array_count_max, struct sh_block_head *head) {
    struct sh_block_head fresh;
    if (sh_head_alloc_bits(&fresh, 0) != SH_OK) return SH_ERR_MEMORY;
    sh_block_store(target, fresh.memory);
    fresh.count = register_combine(operation, fresh.memory, source);
    const bool stays = fresh.count > array_count_max && SH_BLOCK_SLOTS - fresh.count > array_count_max;
    enum sh_status status = SH_OK;
    if (stays) {
        *head = fresh;
    } else {
        status = sh_head_from_words(head, fresh.memory, fresh.count, array_count_max);
        sh_head_free(&fresh);
    }
    return status;
}

/* A fresh head of target OPERATION source, neither of which is EMPTY or FULL. */
static enum sh_status build_block(enum sh_operation operation, struct sh_block_view target, struct sh_block_view source,
                                  uint32_t array_count_max, struct sh_block_head *head) {
    union block_room room;
    uint32_t count = UINT32_MAX;
    if (operation == SH_AND && source.form == SH_BLOCK_ARRAY)
        count = filter_list(sh_block_list(source), source.count, target, true, room.list);
    else if (target.form == SH_BLOCK_ARRAY && (operation == SH_AND || operation == SH_ANDNOT))
        count = filter_list(sh_block_list(target), target.count, source, operation == SH_AND, room.list);
    else if (target.form == SH_BLOCK_ARRAY && source.form == SH_BLOCK_ARRAY &&
             target.count + source.count <= sizeof room.list / sizeof room.list[0])
        count = merge_lists(sh_block_list(target), target.count, sh_block_list(source), source.count,
                            operation == SH_OR, room.list);
    if (count != UINT32_MAX) return sh_head_from_view(head, sh_block_of_list(room.list, count), array_count_max);
    if (target.form == SH_BLOCK_RUNS && source.form == SH_BLOCK_RUNS &&
        target.run_count + source.run_count < sizeof room.runs / sizeof room.runs[0]) {
        const uint32_t run_count = operation == SH_AND  ? intersect_runs(target, source, room.runs, &count)
                                   : operation == SH_OR ? unite_runs(target, source, room.runs, &count)
                                                        : subtract_runs(operation, target, source, room.runs, &count);
        return sh_head_from_view(head, sh_block_of_runs(room.runs, run_count, count), array_count_max);
    }
    return build_words(operation, target, source, array_count_max, head);
}

enum sh_status sh_combine_draft(enum sh_operation operation, struct sh_block_view target, struct sh_block_view source,
                                uint32_t array_count_max, struct sh_block_head *draft) {
    enum sh_status status;
    if (draft_of_trivial(operation, target, source, array_count_max, draft, &status)) return status;
    const bool stays_bits = target.form == SH_BLOCK_BITS && !(operation == SH_AND && source.form == SH_BLOCK_ARRAY);
    if (stays_bits || list_shrinks(operation, target.form)) {
        *draft = (struct sh_block_head){.form = SH_DRAFT_IN_PLACE};
        return SH_OK;
    }
    return build_block(operation, target, source, array_count_max, draft);
}

void sh_combine_in_place(enum sh_operation operation, struct sh_block_head *head, struct sh_block_view source,
                         uint32_t array_count_max) {
    if (head->form == SH_BLOCK_BITS) {
        head->count = register_combine(operation, head->memory, source);
    } else {
        const uint32_t list_count = sh_block_list_count(sh_block_head_view(head));
        const uint32_t left = filter_list(head->memory, list_count, source, operation == SH_AND, head->memory);
        head->count = head->form == SH_BLOCK_ARRAY ? left : SH_BLOCK_SLOTS - left;
    }
    sh_head_settle(head, array_count_max);
}

enum sh_status sh_combine_build(enum sh_operation operation, struct sh_block_view a, struct sh_block_view b,
                                uint32_t array_count_max, struct sh_block_head *head) {
    enum sh_status status;
    if (!draft_of_trivial(operation, a, b, array_count_max, head, &status))
        return build_block(operation, a, b, array_count_max, head);
    if (status == SH_OK && head->form == SH_DRAFT_KEEP) return sh_head_from_view(head, a, array_count_max);
    return status;
}
