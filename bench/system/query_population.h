/* query_population.h -- the shop that query_bench asks about, as plain arrays.
 *
 * Users with a city (340, Zipf with exponent 1.05), a tier (8, falling), an age of 13 to 90, points of 0 to 100,000
 * (few have many), and 500 tags, from 30 % of the users down to 0.01 %, about one tag a user. All independent of each
 * other and of the user's number, so no bitmap has runs. The same numbers for the same seed on every machine.
 */
#ifndef QUERY_POPULATION_H
#define QUERY_POPULATION_H

#include <stddef.h>
#include <stdint.h>

#include "split_random.h"

enum {
    CITY_COUNT = 340,
    TIER_COUNT = 8,
    TAG_COUNT = 500,
    TAG_A = 2,        /* 6 % */
    TAG_B = 4,        /* 3.8 % */
    UNION_FIRST = 60, /* Q3: tags 60 .. 79, 0.15 % to 0.11 % */
    UNION_COUNT = 20,
    CITY_FIRST = 2, /* Q2: cities 2 .. 6, 18 % together */
    CITY_ASKED = 5,
    TIER_LOW = 4, /* Q2: tiers 5 to 8 of 8, 15 % together */
    AGE_LOW = 25,
    AGE_HIGH = 40,
    POINTS_LOW = 20001,
    POINTS_HIGH = 50000,
};

struct population {
    uint32_t user_count;
    uint8_t *tier; /* 0 .. 7 */
    uint8_t *gender;
    uint8_t *age;
    uint16_t *city;
    uint32_t *points;
    uint32_t *tag_users[TAG_COUNT]; /* ascending user numbers */
    uint32_t tag_user_count[TAG_COUNT];
};

struct purchase {
    uint32_t user;
    uint32_t item;
    int64_t time_ms;
    uint32_t amount; /* 1.00 to 400.00 in hundredths */
};

enum { POPULATION_DAYS = 90, POPULATION_ITEMS = 5000, PURCHASE_SEED = 7 };

/* The instant that the questions are asked at: 2026-01-01T00:00:00Z. */
#define POPULATION_NOW_MS INT64_C(1767225600000)

/* The i-th of `count` purchases by random users, evenly over POPULATION_DAYS before now; random begins at PURCHASE_SEED. */
struct purchase population_purchase(struct split_random *random, uint64_t i, uint64_t count, uint32_t user_count);

void population_create(struct population *population, uint32_t user_count, uint64_t seed);
void population_destroy(struct population *population);

#endif
