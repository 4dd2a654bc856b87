/* trends.h -- what is liked more than usual, everywhere and in each store: short-lived sums against long-lived ones.
 *
 *   (store, item)      short   sum of weight * 2^-(age / 1 day)         what happens now
 *                      long    sum of weight * 2^-(age / 7 days)        what is usual
 *
 *   rates a day        s = short * ln 2 / 1      l = long * ln 2 / 7
 *   rising             (s - l) / sqrt(l + 1)     standard deviations above the usual, if acts came at random; the 1 is
 *                                                what an item must have before anybody speaks of a trend
 *
 * Store 0 is everywhere; each store that an event names has cells of its own beside. Whole numbers, 2^-20 of a weight,
 * by periods of eight half-lives of which the newest two are kept, like popularity (feed.h): what an act adds depends on
 * nothing but itself, sums commute, and shards that tell each other their acts hold the same, in whatever order.
 *
 *   cells   open addressing by (store, item); each store's are a chain        newest period p: places p mod 2, p - 1
 *
 * Bounds: SH_TREND_CELL_COUNT_MAX cells and SH_TREND_STORE_COUNT_MAX stores. When all cells are taken those go whose
 * sums are all from before the kept periods; if there are none, what is new is not counted, and `missed` counts that;
 * shards may then miss different ones. What is everywhere is counted first.
 *
 * Privacy: sums name nobody. Cost: two lines of memory an act, or four with a store. Memory: 64 bytes a cell, at most 75
 * % taken. Threads: one.
 */
#ifndef SH_TRENDS_H
#define SH_TRENDS_H

#include "archive.h"
#include "text.h"

enum {
    SH_TREND_CELL_COUNT_MAX = 3 << 17, /* 32 MiB of places */
    SH_TREND_STORE_COUNT_MAX = 4096,
    SH_TREND_STORE_BYTES_MAX = 255,
    SH_TREND_EVERYWHERE = 0,
};
#define SH_TREND_STORE_NONE UINT32_MAX

struct sh_trends;

/* What one event adds. Numbers of items and stores are this shard's. */
struct sh_trend_act {
    uint32_t item;
    uint32_t store;
    int32_t short_period;
    int32_t long_period;
    int64_t short_amount;
    int64_t long_amount;
};

/* 0 means the bound. Smaller ones are for tests. */
struct sh_trends *sh_trends_create(double half_life_short_ms, double half_life_long_ms, uint32_t cell_count_max);
void sh_trends_destroy(struct sh_trends *trends); /* NULL is fine */
/* Everything that was counted goes; stores stay. */
void sh_trends_clear(struct sh_trends *trends, double half_life_short_ms, double half_life_long_ms);

/* The store's number, or SH_TREND_STORE_NONE. */
uint32_t sh_trends_find_store(const struct sh_trends *trends, struct sh_text name);
/* The same, made known if there is room; SH_TREND_STORE_NONE if there are too many. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_trends_store(struct sh_trends *trends, struct sh_text name, uint32_t *store);
struct sh_text sh_trends_store_name(const struct sh_trends *trends, uint32_t store);

/* An act of this weight at that time. */
struct sh_trend_act sh_trends_act(const struct sh_trends *trends, uint32_t item, uint32_t store, double weight,
                                  int64_t time_ms);
/* Room for two more cells (an act everywhere and in its store), as far as there may be; then sh_trends_add cannot fail. */
SH_MUST_CHECK enum sh_status sh_trends_reserve(struct sh_trends *trends);
void sh_trends_add(struct sh_trends *trends, const struct sh_trend_act *act);
/* For batches. A hint. */
void sh_trends_prefetch(const struct sh_trends *trends, uint32_t store, uint32_t item);

/* What is known of an item in a store, decayed to now: so many fresh acts of weight 1. */
struct sh_trend {
    uint32_t item;
    double short_lived;
    double long_lived;
    double rising; /* as above; below 0: it goes down */
};
struct sh_trend sh_trends_of(const struct sh_trends *trends, uint32_t store, uint32_t item, int64_t now_ms);
/* All items of a store, one after another: *at is 0 at first. False: there are no more. */
bool sh_trends_next(const struct sh_trends *trends, uint32_t store, int64_t now_ms, uint32_t *at,
                    struct sh_trend *trend);

uint32_t sh_trends_cell_count(const struct sh_trends *trends);
uint64_t sh_trends_missed(const struct sh_trends *trends);
size_t sh_trends_memory_bytes(const struct sh_trends *trends);
/* Do the invariants hold? If not, *reason says which does not. */
bool sh_trends_check(const struct sh_trends *trends, const char **reason);

/* The section "trends". Allocates nothing. */
void sh_trends_save(const struct sh_trends *trends, struct sh_archive_writer *writer);
/* Into trends that are empty; on a failure they can only be destroyed. Items are below item_end. Any bytes. */
SH_MUST_CHECK enum sh_status sh_trends_load(struct sh_trends *trends, uint32_t item_end,
                                            struct sh_archive_reader *reader);

#endif
