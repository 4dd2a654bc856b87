/* query_roaring.c -- the same questions to Debian's libroaring (0.2.66 of 2020: an old release; newer ones are faster).
 * Points are bit slices, as there is no other column in it.
 */
#include <roaring/roaring.h>
#include <stdlib.h>

#include "query_reference.h"

enum { SLICE_COUNT = 17 };

struct roaring_side {
    roaring_bitmap_t *tiers[TIER_COUNT - TIER_LOW];
    roaring_bitmap_t *cities[CITY_ASKED];
    roaring_bitmap_t *tag_first, *tag_a, *tag_b;
    roaring_bitmap_t *tags[UNION_COUNT];
    roaring_bitmap_t *ages[AGE_HIGH - AGE_LOW + 1];
    roaring_bitmap_t *everybody;
    roaring_bitmap_t *slices[SLICE_COUNT];
};

struct roaring_side *roaring_create(const struct population *population) {
    struct roaring_side *side = calloc(1, sizeof *side);
    if (side == NULL) abort();
    for (uint32_t i = 0; i < TIER_COUNT - TIER_LOW; i++)
        side->tiers[i] = roaring_bitmap_create();
    for (uint32_t i = 0; i < CITY_ASKED; i++)
        side->cities[i] = roaring_bitmap_create();
    for (uint32_t i = 0; i <= AGE_HIGH - AGE_LOW; i++)
        side->ages[i] = roaring_bitmap_create();
    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        side->slices[i] = roaring_bitmap_create();
    for (uint32_t user = 0; user < population->user_count; user++) {
        const uint32_t city = (uint32_t)population->city[user] - CITY_FIRST;
        const uint32_t age = (uint32_t)population->age[user] - AGE_LOW;
        if (population->tier[user] >= TIER_LOW)
            roaring_bitmap_add(side->tiers[population->tier[user] - TIER_LOW], user);
        if (city < CITY_ASKED) roaring_bitmap_add(side->cities[city], user);
        if (age <= AGE_HIGH - AGE_LOW) roaring_bitmap_add(side->ages[age], user);
        for (uint32_t k = 0; k < SLICE_COUNT; k++)
            if (population->points[user] >> k & 1) roaring_bitmap_add(side->slices[k], user);
    }
    side->everybody = roaring_bitmap_from_range(0, population->user_count, 1);
    side->tag_first = roaring_bitmap_of_ptr(population->tag_user_count[0], population->tag_users[0]);
    side->tag_a = roaring_bitmap_of_ptr(population->tag_user_count[TAG_A], population->tag_users[TAG_A]);
    side->tag_b = roaring_bitmap_of_ptr(population->tag_user_count[TAG_B], population->tag_users[TAG_B]);
    for (uint32_t i = 0; i < UNION_COUNT; i++)
        side->tags[i] =
            roaring_bitmap_of_ptr(population->tag_user_count[UNION_FIRST + i], population->tag_users[UNION_FIRST + i]);
    return side;
}

void roaring_destroy(struct roaring_side *side) {
    for (uint32_t i = 0; i < TIER_COUNT - TIER_LOW; i++)
        roaring_bitmap_free(side->tiers[i]);
    for (uint32_t i = 0; i < CITY_ASKED; i++)
        roaring_bitmap_free(side->cities[i]);
    for (uint32_t i = 0; i <= AGE_HIGH - AGE_LOW; i++)
        roaring_bitmap_free(side->ages[i]);
    for (uint32_t i = 0; i < SLICE_COUNT; i++)
        roaring_bitmap_free(side->slices[i]);
    for (uint32_t i = 0; i < UNION_COUNT; i++)
        roaring_bitmap_free(side->tags[i]);
    roaring_bitmap_free(side->everybody);
    roaring_bitmap_free(side->tag_first);
    roaring_bitmap_free(side->tag_a);
    roaring_bitmap_free(side->tag_b);
    free(side);
}

uint64_t roaring_q1(const struct roaring_side *side) {
    return roaring_bitmap_get_cardinality(side->tag_first);
}

/* The rarest first: the tag, then tiers and cities, which are united before. */
static roaring_bitmap_t *q2(const struct roaring_side *side) {
    roaring_bitmap_t *found = roaring_bitmap_andnot(side->tag_a, side->tag_b);
    roaring_bitmap_t *tiers = roaring_bitmap_or_many(TIER_COUNT - TIER_LOW, (const roaring_bitmap_t **)side->tiers);
    roaring_bitmap_t *cities = roaring_bitmap_or_many(CITY_ASKED, (const roaring_bitmap_t **)side->cities);
    roaring_bitmap_and_inplace(found, tiers);
    roaring_bitmap_and_inplace(found, cities);
    roaring_bitmap_free(tiers);
    roaring_bitmap_free(cities);
    return found;
}

uint64_t roaring_q2(const struct roaring_side *side) {
    roaring_bitmap_t *found = q2(side);
    const uint64_t count = roaring_bitmap_get_cardinality(found);
    roaring_bitmap_free(found);
    return count;
}

uint64_t roaring_q3(const struct roaring_side *side) {
    roaring_bitmap_t *tags = roaring_bitmap_or_many(UNION_COUNT, (const roaring_bitmap_t **)side->tags);
    uint64_t count = 0; /* ages exclude each other */
    for (uint32_t i = 0; i <= AGE_HIGH - AGE_LOW; i++)
        count += roaring_bitmap_and_cardinality(tags, side->ages[i]);
    roaring_bitmap_free(tags);
    return count;
}

/* How many have at most `bound` points. */
static uint64_t at_most(const struct roaring_side *side, uint32_t bound) {
    roaring_bitmap_t *equal = roaring_bitmap_copy(side->everybody);
    uint64_t count = 0;
    for (uint32_t bit = SLICE_COUNT; bit-- > 0;) {
        if (bound >> bit & 1) {
            count += roaring_bitmap_andnot_cardinality(equal, side->slices[bit]);
            roaring_bitmap_and_inplace(equal, side->slices[bit]);
        } else {
            roaring_bitmap_andnot_inplace(equal, side->slices[bit]);
        }
    }
    count += roaring_bitmap_get_cardinality(equal);
    roaring_bitmap_free(equal);
    return count;
}

uint64_t roaring_q4(const struct roaring_side *side) {
    return at_most(side, POINTS_HIGH) - at_most(side, POINTS_LOW - 1);
}

uint64_t roaring_q6(const struct roaring_side *side, uint32_t *out) {
    roaring_bitmap_t *found = q2(side);
    const uint64_t count = roaring_bitmap_get_cardinality(found);
    roaring_bitmap_to_uint32_array(found, out);
    roaring_bitmap_free(found);
    return count;
}

uint64_t roaring_q6b(const struct roaring_side *side, uint32_t *out) {
    roaring_bitmap_t *found = roaring_bitmap_or_many(TIER_COUNT - TIER_LOW, (const roaring_bitmap_t **)side->tiers);
    roaring_bitmap_t *cities = roaring_bitmap_or_many(CITY_ASKED, (const roaring_bitmap_t **)side->cities);
    roaring_bitmap_and_inplace(found, cities);
    const uint64_t count = roaring_bitmap_get_cardinality(found);
    roaring_bitmap_to_uint32_array(found, out);
    roaring_bitmap_free(found);
    roaring_bitmap_free(cities);
    return count;
}
