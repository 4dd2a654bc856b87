#include "query_population.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void *must_have(void *memory) {
    if (memory != NULL) return memory;
    fprintf(stderr, "query_bench: no memory\n");
    exit(1);
}

static double unit(struct split_random *random) {
    return ((double)(split_next(random) >> 11) + 0.5) / 9007199254740992.0;
}

/* A place in ascending sums of weights. */
static uint32_t draw(struct split_random *random, const double *sums, uint32_t count) {
    const double at = unit(random) * sums[count - 1];
    uint32_t low = 0;
    uint32_t high = count - 1;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (sums[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void create_attributes(struct population *population, struct split_random *random) {
    static const double tier_weights[TIER_COUNT] = {40, 22, 14, 9, 6, 4, 3, 2};
    double city_sums[CITY_COUNT];
    double tier_sums[TIER_COUNT];
    double sum = 0;
    for (uint32_t i = 0; i < CITY_COUNT; i++)
        city_sums[i] = sum += pow(i + 1, -1.05);
    sum = 0;
    for (uint32_t i = 0; i < TIER_COUNT; i++)
        tier_sums[i] = sum += tier_weights[i];
    for (uint32_t user = 0; user < population->user_count; user++) {
        population->city[user] = (uint16_t)draw(random, city_sums, CITY_COUNT);
        population->tier[user] = (uint8_t)draw(random, tier_sums, TIER_COUNT);
        population->gender[user] = (uint8_t)split_below(random, 3);
        population->age[user] = (uint8_t)(13 + split_below(random, 78));
        population->points[user] = (uint32_t)(100000.0 * pow(unit(random), 3));
    }
}

/* 0.3 * rank^-1.288 is 30 % for the first and 0.01 % for the 500th. */
static double tag_share(uint32_t tag) {
    return tag == TAG_A ? 0.06 : 0.3 * pow(tag + 1, -1.288);
}

/* Skips between users who have a tag are geometric, so that rare tags cost little to make. */
static void create_tag(struct population *population, uint32_t tag, struct split_random *random) {
    const double scale = 1 / log1p(-tag_share(tag));
    uint32_t capacity = (uint32_t)(tag_share(tag) * population->user_count * 1.2) + 1000;
    uint32_t *users = must_have(malloc(capacity * sizeof *users));
    uint32_t count = 0;
    for (double user = floor(log(unit(random)) * scale); user < population->user_count;
         user += 1 + floor(log(unit(random)) * scale)) {
        if (count == capacity) {
            capacity *= 2;
            users = must_have(realloc(users, capacity * sizeof *users));
        }
        users[count++] = (uint32_t)user;
    }
    population->tag_users[tag] = users;
    population->tag_user_count[tag] = count;
}

void population_create(struct population *population, uint32_t user_count, uint64_t seed) {
    struct split_random random = {seed};
    *population = (struct population){
        .user_count = user_count,
        .tier = must_have(malloc(user_count)),
        .gender = must_have(malloc(user_count)),
        .age = must_have(malloc(user_count)),
        .city = must_have(malloc(user_count * sizeof(uint16_t))),
        .points = must_have(malloc(user_count * sizeof(uint32_t))),
    };
    create_attributes(population, &random);
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++)
        create_tag(population, tag, &random);
}

struct purchase population_purchase(struct split_random *random, uint64_t i, uint64_t count, uint32_t user_count) {
    const int64_t span_ms = (int64_t)POPULATION_DAYS * 86400000;
    struct purchase purchase;
    purchase.user = (uint32_t)split_below(random, user_count);
    purchase.item = (uint32_t)split_below(random, POPULATION_ITEMS);
    purchase.time_ms = POPULATION_NOW_MS - span_ms + (int64_t)((double)i / (double)count * (double)span_ms);
    purchase.amount = 100 + (uint32_t)split_below(random, 39901);
    return purchase;
}

void population_destroy(struct population *population) {
    free(population->tier);
    free(population->gender);
    free(population->age);
    free(population->city);
    free(population->points);
    for (uint32_t tag = 0; tag < TAG_COUNT; tag++)
        free(population->tag_users[tag]);
}
