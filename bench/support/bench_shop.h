/* bench_shop.h -- the items that the benchmarks of feeds have in common. What fails ends the program. */
#ifndef BENCH_SHOP_H
#define BENCH_SHOP_H

#include "table.h"

enum { BENCH_TAGS = 500, BENCH_CATEGORIES = 100, BENCH_TAGS_AN_ITEM = 5 };

/* Below count; number 0 is drawn most often. */
uint32_t bench_skewed(uint64_t mix, uint32_t count);
/* The slot of `prefix-000123`, which may be new. */
uint32_t bench_intern(struct sh_table *table, const char *prefix, uint32_t number);
/* One of `word-0` .. `word-499`, of the first tag set. */
void bench_add_tag(struct sh_table *table, uint32_t slot, uint32_t number);
/* A tag set, an attribute `category`, and `item-000000` on: each with BENCH_TAGS_AN_ITEM of the words, some far commoner
 * than others, and a category. Items take the slots 0 .. count - 1. */
void bench_make_items(struct sh_table *items, uint32_t count);

#endif
