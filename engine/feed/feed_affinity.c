/* feed_affinity.c -- the feature "affinity": tags of the item that the user is drawn to, or has.
 *
 * For all items, affinities are added tag by tag over the items that have the tag (a bitmap), a block of 65,536 items
 * at a time, so that the sums of a block stay in L2. An item's sum thereby receives its tags in the profile's order:
 * the same additions in the same order as for one item.
 */
#include <string.h>

#include "feed_feature.h"

enum { MATCHED_WORDS = PROFILE_COUNT_MAX / 64 + 1 };

/* What the last item that was looked at has: the same is asked for its value, its sources and its reasons. */
struct affinity_state {
    uint32_t item;
    uint32_t count;
    bool is_known;
    uint32_t matched[PROFILE_COUNT_MAX];
};

/* What the user and an item have in common, as numbers of the profile. An item has few tags and a user has many, so the
 * item's are looked up among the user's; only where an item has more than ITEM_TAG_COUNT_MAX are the tags' bitmaps asked.
 * Both give the profile's order. */
static uint32_t match_item(const struct feed_run *run, uint32_t item, uint32_t matched[PROFILE_COUNT_MAX]) {
    uint32_t tags[ITEM_TAG_COUNT_MAX];
    uint32_t all;
    const uint32_t count = item_tags(run->model->scope.items, item, tags, ITEM_TAG_COUNT_MAX, &all);
    uint64_t has[MATCHED_WORDS] = {0};
    for (uint32_t i = 0; i < count && all <= ITEM_TAG_COUNT_MAX; i++) {
        const uint32_t place = profile_place(run, tags[i]);
        if (place < run->profile_count) has[place / 64] |= UINT64_C(1) << (place % 64);
    }
    for (uint32_t i = 0; i < run->profile_count && all > ITEM_TAG_COUNT_MAX; i++)
        has[i / 64] |= (uint64_t)sh_bitmap_contains(run->profile[i].items, item) << (i % 64);
    uint32_t matched_count = 0;
    for (uint32_t w = 0; w < MATCHED_WORDS; w++)
        for (uint64_t word = has[w]; word != 0; word &= word - 1)
            matched[matched_count++] = w * 64 + (uint32_t)__builtin_ctzll(word);
    return matched_count;
}

/* The same, out of the state; into `room` for who asks of one item for many users, and has none. */
static const uint32_t *matched_of(const struct feed_run *run, const void *memory, uint32_t item,
                                  uint32_t room[PROFILE_COUNT_MAX], uint32_t *count) {
    struct affinity_state *state = (struct affinity_state *)(uintptr_t)memory; /* it is the feature's own */
    if (state == NULL) {
        *count = match_item(run, item, room);
        return room;
    }
    if (!state->is_known || state->item != item) {
        state->count = match_item(run, item, state->matched);
        state->item = item;
        state->is_known = true;
    }
    *count = state->count;
    return state->matched;
}

static double value(const struct feed_run *run, const void *state, uint32_t item) {
    uint32_t room[PROFILE_COUNT_MAX];
    uint32_t count;
    double sum = 0;
    const uint32_t *matched = matched_of(run, state, item, room, &count);
    for (uint32_t i = 0; i < count; i++)
        sum += run->profile[matched[i]].weight * run->model->inverse_norm[item];
    return sum;
}

/* The items of a block that have a tag: a pointer into the bitmap where it keeps a list, else listed here; of bits only
 * the candidates are listed, which are fewer. */
static uint32_t list_items(const struct feed_run *run, struct sh_block_view view, const uint64_t *candidates,
                           const uint16_t **slots) {
    *slots = run->model->block_slots;
    if (view.form == SH_BLOCK_ARRAY) {
        *slots = sh_block_list(view);
        return view.count;
    }
    if (view.form != SH_BLOCK_BITS) return sh_block_list_u16(view, run->model->block_slots);
    uint64_t words[SH_BLOCK_WORDS];
    memcpy(words, candidates, sizeof words);
    const uint32_t count = sh_block_and_into_count(words, view);
    return sh_block_list_u16(sh_block_of_words(words, count), run->model->block_slots);
}

static void add_block(const struct feed_run *run, const void *state, const struct feed_block *block) {
    const double *inverse_norm = run->model->inverse_norm + block->first;
    (void)state;
    for (uint32_t i = 0; i < run->profile_count; i++) {
        const double weight = run->profile[i].weight;
        const uint16_t *slots;
        uint32_t count =
            list_items(run, sh_bitmap_block(run->profile[i].items, block->number), block->candidates, &slots);
        while (count > 0 && slots[count - 1] >= block->place_count)
            count--; /* rows that were never put have no place yet */
        for (uint32_t k = 0; k < count; k++)
            block->sums[slots[k]] += weight * inverse_norm[slots[k]];
    }
}

static uint32_t sources(const struct feed_run *run, const void *state, uint32_t item, double sum) {
    uint32_t room[PROFILE_COUNT_MAX];
    uint32_t count;
    uint32_t bits = 0;
    (void)sum; /* one tag that draws proposes, whatever the others say against */
    const uint32_t *matched = matched_of(run, state, item, room, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct profile_tag *tag = &run->profile[matched[i]];
        if (tag->weight <= 0) continue;
        if (tag->declared > 0) bits |= 1u << SH_FEED_SOURCE_DECLARED;
        if (tag->affinity > tag->declared) bits |= 1u << SH_FEED_SOURCE_AFFINITY;
    }
    return bits;
}

static void explain(const struct feed_run *run, const void *state, uint32_t item, double sum,
                    struct feed_reasons *reasons) {
    const struct sh_table *items = run->model->scope.items;
    uint32_t room[PROFILE_COUNT_MAX];
    uint32_t count;
    (void)sum;
    const uint32_t *matched = matched_of(run, state, item, room, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct profile_tag *tag = &run->profile[matched[i]];
        feed_reason_add(reasons, tag->declared > tag->affinity / 2 ? "declared" : "affinity",
                        tag->weight * run->model->inverse_norm[item]);
        if (reasons->count == 0) continue;
        struct sh_feed_reason *reason = &reasons->list[reasons->count - 1];
        reason->name = tag_name(items, tag->tag);
        reason->group = tag_group(items, tag->tag);
    }
}

const struct feed_feature feed_affinity = {
    .name = "affinity",
    .weight = 1,
    .state_bytes = sizeof(struct affinity_state),
    .value = value,
    .add_block = add_block,
    .sources = sources,
    .explain = explain,
};
