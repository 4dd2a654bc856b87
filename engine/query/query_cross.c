/* query_cross.c -- bitmaps with bitmaps, as they lie in the table. */
#include <string.h>

#include "prefetch.h"
#include "query_run.h"

/* ---- Two views ---- */

enum {
    /* A list up to so long is crossed with others entry by entry; a longer one costs more than passes over bits. */
    SHORT_LIST_COUNT_MAX = 256,
    LOOK_UP_COUNT_MAX = 8 /* so few entries are looked up where a block is neither bits nor a list */
};

/* The entries of a list that are (negated: are not) in a view. out may be the list itself, but not the view's words;
 * scratch is a register that is neither. */
static struct sh_block_view filter_list(struct sh_block_view list, struct sh_block_view view, bool negated,
                                        uint16_t *out, uint64_t *scratch) {
    const uint16_t *entries = sh_block_list(list);
    size_t count = 0;
    if (view.form == SH_BLOCK_ARRAY && !negated) {
        count = sh_bits->lists_and(entries, list.count, sh_block_list(view), view.count, out);
    } else if (view.form == SH_BLOCK_BITS || list.count > LOOK_UP_COUNT_MAX) {
        const uint64_t *words = sh_block_words(view);
        if (words == NULL) {
            sh_block_store(view, scratch);
            words = scratch;
        }
        count = negated ? sh_bits->drop_list(words, entries, list.count, out)
                        : sh_bits->keep_list(words, entries, list.count, out);
    } else {
        for (uint32_t i = 0; i < list.count; i++)
            if (sh_block_contains(view, entries[i]) != negated) out[count++] = entries[i];
    }
    return sh_block_of_list(out, (uint32_t)count);
}

struct sh_block_view sh_cross_views(struct sh_plan *plan, struct sh_block_view a, struct sh_block_view b, bool negated,
                                    uint32_t reg, bool count_only) {
    if (a.count == 0) return sh_empty_view();
    if (b.count == 0) return negated ? a : sh_empty_view();
    if (b.form == SH_BLOCK_FULL) return negated ? sh_empty_view() : a;
    if (a.form == SH_BLOCK_FULL && !negated) return b;
    if (count_only) {
        const uint32_t both = sh_block_and_count(a, b);
        return sh_counted_view(negated ? a.count - both : both);
    }
    /* What is looked up in must not be written over. */
    const bool swaps_lists = b.form == SH_BLOCK_ARRAY && a.form != SH_BLOCK_ARRAY && !negated;
    if (plan->registers[reg] == (swaps_lists ? a.memory : b.memory)) sh_swap_registers(plan, reg, reg + 1);
    uint64_t *words = plan->registers[reg];
    uint64_t *scratch = plan->registers[reg + 1];
    if (scratch == a.memory || scratch == b.memory) scratch = plan->registers[reg + 2];
    if (swaps_lists) return filter_list(b, a, false, (uint16_t *)(void *)words, scratch);
    if (a.form == SH_BLOCK_ARRAY) return filter_list(a, b, negated, (uint16_t *)(void *)words, scratch);
    if (a.memory != words) sh_block_store(a, words);
    return sh_block_of_words(words, negated ? sh_block_andnot_into_count(words, b) : sh_block_and_into_count(words, b));
}

/* Ask for the beginning of what the next block will want, while this one is worked on. The head beside the one that was
 * just read says where it is. */
SH_PREFETCHER void prefetch_next(const struct sh_crossing *crossing, uint32_t block) {
    enum { LINES_OF_BITS = 8, LINES_OF_LIST = 3 };
    const struct sh_bitmap *bitmap = crossing->bitmap;
    if (bitmap == NULL || block + 1 >= bitmap->block_count) return;
    const char *memory = bitmap->blocks[block + 1].memory;
    const uint32_t line_count = bitmap->blocks[block + 1].form == SH_BLOCK_BITS ? LINES_OF_BITS : LINES_OF_LIST;
    for (uint32_t line = 0; memory != NULL && line < line_count; line++)
        __builtin_prefetch(memory + (size_t)line * 64);
}

/* ---- Many ---- */

void sh_cross_begin(struct sh_cross *cross, const struct sh_block_run *run) {
    cross->view_count = 0;
    cross->input_count = 0;
    cross->union_count = 0;
    if (run->candidates.count == run->live.count) return; /* all live rows: nothing to cross */
    cross->views[cross->view_count++] = (struct sh_crossing){.view = run->candidates};
}

bool sh_cross_add_view(struct sh_cross *cross, const struct sh_block_run *run, struct sh_crossing crossing) {
    const bool is_input = crossing.view.form == SH_BLOCK_BITS;
    if (cross->view_count + cross->union_count == SH_CROSS_GROUP_COUNT_MAX) return false;
    if (is_input && cross->view_count + cross->input_count == SH_CROSS_INPUT_COUNT_MAX) return false;
    cross->views[cross->view_count++] = crossing;
    prefetch_next(&crossing, run->block);
    return true;
}

bool sh_cross_add_union(struct sh_cross *cross, const struct sh_block_run *run, const struct sh_plan_node *node) {
    const bool negated = node->op == SH_PLAN_NOT;
    if (negated) node = node->children[0];
    if (node->op != SH_PLAN_OR || cross->view_count + cross->union_count == SH_CROSS_GROUP_COUNT_MAX) return false;
    uint32_t end = cross->input_count;
    for (uint32_t i = 0; i < node->child_count; i++) {
        struct sh_crossing looked;
        const enum sh_glance found = sh_plan_glance(run->plan, node->children[i], run->block, run->live, &looked);
        if (found == SH_GLANCE_NONE) continue;
        if (found != SH_GLANCE_VIEW || looked.negated || looked.view.form != SH_BLOCK_BITS) return false;
        if (cross->view_count + end == SH_CROSS_INPUT_COUNT_MAX) return false;
        cross->inputs[end++] = sh_block_words(looked.view);
        prefetch_next(&looked, run->block);
    }
    if (end == cross->input_count) return false; /* nobody at all */
    cross->unions[cross->union_count++] =
        (struct sh_input_group){.count = end - cross->input_count, .negated = negated};
    cross->input_count = end;
    return true;
}

bool sh_cross_has_short_list(const struct sh_cross *cross) {
    for (uint32_t i = 0; i < cross->view_count; i++)
        if (!cross->views[i].negated && cross->views[i].view.form == SH_BLOCK_ARRAY &&
            cross->views[i].view.count <= SHORT_LIST_COUNT_MAX)
            return true;
    return false;
}

/* Fewest rows first, what is taken away last. */
static uint64_t crossing_rank(const struct sh_crossing *crossing) {
    return ((uint64_t)crossing->negated << 32) + crossing->view.count;
}

static void sort_views(struct sh_crossing *views, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        const struct sh_crossing moved = views[i];
        uint32_t at = i;
        for (; at > 0 && crossing_rank(&views[at - 1]) > crossing_rank(&moved); at--)
            views[at] = views[at - 1];
        views[at] = moved;
    }
}

/* All blocks of bits and all unions in one pass; views that are in another form stay behind. */
static struct sh_block_view cross_bits(struct sh_cross *cross, const struct sh_block_run *run, bool count_only) {
    struct sh_input_group groups[SH_CROSS_GROUP_COUNT_MAX + 1];
    uint32_t group_count = cross->union_count;
    uint32_t left = 0;
    memcpy(groups, cross->unions, cross->union_count * sizeof *groups);
    for (uint32_t i = 0; i < cross->view_count; i++) {
        const struct sh_crossing *crossing = &cross->views[i];
        if (crossing->view.form != SH_BLOCK_BITS) {
            cross->views[left++] = *crossing;
            continue;
        }
        groups[group_count++] = (struct sh_input_group){.count = 1, .negated = crossing->negated};
        cross->inputs[cross->input_count++] = sh_block_words(crossing->view);
    }
    cross->view_count = left;
    uint64_t *words = count_only && left == 0 ? NULL : run->plan->registers[run->reg];
    const uint64_t ones = sh_crossing->cross_groups(words, groups, group_count, cross->inputs, SH_BLOCK_WORDS);
    return words == NULL ? sh_counted_view((uint32_t)ones) : sh_block_of_words(words, (uint32_t)ones);
}

static bool is_positive(const struct sh_cross *cross) {
    for (uint32_t i = 0; i < cross->union_count; i++)
        if (!cross->unions[i].negated) return true;
    for (uint32_t i = 0; i < cross->view_count; i++)
        if (!cross->views[i].negated && cross->views[i].view.form == SH_BLOCK_BITS) return true;
    return false;
}

static uint32_t bits_count(const struct sh_cross *cross) {
    uint32_t count = cross->union_count;
    for (uint32_t i = 0; i < cross->view_count; i++)
        count += cross->views[i].view.form == SH_BLOCK_BITS;
    return count;
}

struct sh_block_view sh_cross_finish(struct sh_cross *cross, const struct sh_block_run *run, bool count_only) {
    struct sh_block_view left = run->candidates;
    uint32_t at = 0;
    if (cross->view_count + cross->union_count == 0) return left;
    if (cross->union_count > 0 || (!sh_cross_has_short_list(cross) && bits_count(cross) >= 2)) {
        if (!is_positive(cross)) { /* only things to take away: from the live rows, as nothing narrower is there */
            sh_block_store(run->live, run->plan->registers[run->reg + 1]);
            cross->inputs[cross->input_count++] = run->plan->registers[run->reg + 1];
            cross->unions[cross->union_count++] = (struct sh_input_group){.count = 1};
        }
        left = cross_bits(cross, run, count_only);
        sort_views(cross->views, cross->view_count);
    } else {
        sort_views(cross->views, cross->view_count);
        if (!cross->views[0].negated) left = cross->views[at++].view;
    }
    for (; at < cross->view_count && left.count > 0; at++)
        left = sh_cross_views(run->plan, left, cross->views[at].view, cross->views[at].negated, run->reg,
                              count_only && at + 1 == cross->view_count);
    return left;
}

/* ---- Unions ---- */

enum { UNITE_COUNT_MAX = 32 };

struct unite {
    uint64_t *words;
    bool has_words;
    struct sh_block_view lists[UNITE_COUNT_MAX]; /* anything that is not bits */
    uint32_t list_count;
    const uint64_t *inputs[UNITE_COUNT_MAX + 1]; /* one more for the words so far */
    uint32_t input_count;
};

static void unite_lists(struct unite *unite) {
    if (unite->list_count == 0) return;
    if (!unite->has_words) memset(unite->words, 0, SH_BLOCK_BYTES);
    unite->has_words = true;
    for (uint32_t i = 0; i < unite->list_count; i++)
        sh_block_or_into(unite->words, unite->lists[i]);
    unite->list_count = 0;
}

/* All inputs and the words so far; the count of the union. */
static uint64_t unite_inputs(struct unite *unite, bool count_only) {
    if (unite->input_count == 0) return sh_bits->popcount(unite->words, SH_BLOCK_WORDS);
    if (unite->has_words) unite->inputs[unite->input_count++] = unite->words;
    const struct sh_input_group group = {.count = unite->input_count};
    const uint64_t ones =
        sh_crossing->cross_groups(count_only ? NULL : unite->words, &group, 1, unite->inputs, SH_BLOCK_WORDS);
    unite->has_words = true;
    unite->input_count = 0;
    return ones;
}

static void unite_add(struct unite *unite, struct sh_block_view view) {
    if (view.form == SH_BLOCK_BITS) {
        if (unite->input_count == UNITE_COUNT_MAX) (void)unite_inputs(unite, false);
        unite->inputs[unite->input_count++] = sh_block_words(view);
        return;
    }
    /* A short list is two or three lines that lie anywhere: ask for them while the others are looked at. */
    for (uint32_t line = 0; line < 3; line++)
        __builtin_prefetch((const char *)view.memory + (size_t)line * 64);
    if (unite->list_count == UNITE_COUNT_MAX) unite_lists(unite);
    unite->lists[unite->list_count++] = view;
}

enum sh_glance sh_unite_views(const struct sh_block_run *run, const struct sh_plan_node *node, bool count_only,
                              uint32_t *work_count, struct sh_block_view *united) {
    struct unite unite = {.words = run->plan->registers[run->reg]};
    uint32_t view_count = 0;
    *work_count = 0;
    *united = sh_empty_view();
    for (uint32_t i = 0; i < node->child_count; i++) {
        struct sh_crossing looked;
        const enum sh_glance found = sh_plan_glance(run->plan, node->children[i], run->block, run->live, &looked);
        if (found == SH_GLANCE_ALL) return SH_GLANCE_ALL;
        *work_count += found == SH_GLANCE_WORK || (found == SH_GLANCE_VIEW && looked.negated);
        if (found != SH_GLANCE_VIEW || looked.negated) continue;
        unite_add(&unite, looked.view);
        prefetch_next(&looked, run->block);
        *united = looked.view; /* borrowed, should it stay alone */
        view_count++;
    }
    if (view_count <= 1) return view_count == 0 ? SH_GLANCE_NONE : SH_GLANCE_VIEW;
    unite_lists(&unite);
    const bool is_last = count_only && *work_count == 0;
    const uint32_t count = (uint32_t)unite_inputs(&unite, is_last);
    *united = is_last ? sh_counted_view(count) : sh_block_of_words(unite.words, count);
    return SH_GLANCE_VIEW;
}
