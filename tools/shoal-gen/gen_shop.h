/* gen_shop.h -- a shop that never was, but could be.
 *
 *   interests  ----> which categories a user looks at ----> view -> cart -> purchase -> (refund)
 *       |                                                        '-> again after the category's own gap (repurchase)
 *       '----> written on the user as tags, most of them
 *   joined ..... active ......... dormant for some .... until
 *
 * A user's activity follows a heavy tail (a few do most), days follow seasons (weekends, 6.18, 11.11, the new year),
 * evenings are busier than mornings. Each user has a home store; one in eight was invited by another user.
 * Everything follows from (seed, user number): no state, so a user is the same in a shop of any size except for the
 * number of events, which are dealt so that their sum is exactly what was asked for.
 */
#ifndef GEN_SHOP_H
#define GEN_SHOP_H

#include <stdint.h>
#include <stdio.h>

#include "gen_random.h"

enum {
    GEN_CATEGORY_COUNT = 14,
    GEN_STORE_COUNT = 24,
    GEN_INTERESTS_MAX = 4,
    GEN_USER_COUNT_MAX = 100000000,
    GEN_ITEM_COUNT_MAX = 10000000,
    GEN_DAY_COUNT_MAX = 3650,
};
#define GEN_EVENT_COUNT_MAX 2000000000u

struct gen_options {
    uint64_t seed;
    uint32_t user_count;
    uint32_t item_count;
    uint32_t event_count;
    uint32_t day_count; /* the shop's history ends at the end of until_day */
    int32_t until_day;  /* days since 1970-01-01, in the shop's zone (UTC+8, no summer time) */
    const char *folder;
};

struct gen_category {
    const char *slug;     /* value of the item attribute `category` */
    const char *interest; /* the tag on users and items */
    const char *nouns[6];
    uint32_t price_low, price_high; /* cents */
    uint32_t repurchase_days;       /* 0: bought once */
    uint32_t weight;                /* how many users like it */
};
extern const struct gen_category gen_categories[GEN_CATEGORY_COUNT];
extern const char *const gen_brands[];
extern const uint32_t gen_brand_count;

struct gen_user {
    uint8_t interests[GEN_INTERESTS_MAX]; /* categories, strongest first */
    uint8_t interest_count;
    uint8_t tier;   /* 0..3 */
    uint8_t gender; /* 0 unknown, 1 female, 2 male */
    uint8_t store;
    uint16_t city;
    int32_t joined_day;
    int32_t last_day;  /* after it the user does nothing: dormant */
    uint32_t activity; /* share of all events, relative */
};
struct gen_item {
    uint8_t category;
    uint8_t brand;
    uint32_t price; /* cents */
    int32_t listed_day;
};

struct gen_user gen_user_of(const struct gen_options *options, uint32_t number);
struct gen_item gen_item_of(const struct gen_options *options, uint32_t number);

/* Each writes one file and returns 0, or -1 with errno set. */
int gen_write_users(const struct gen_options *options, FILE *file);
int gen_write_items(const struct gen_options *options, FILE *file);
int gen_write_events(const struct gen_options *options, FILE *file);
int gen_write_mapping(FILE *file);

void gen_date_text(int32_t day, char text[16]); /* "2026-03-01" */

#endif
