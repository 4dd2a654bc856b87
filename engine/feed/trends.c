/* trends.c -- short-lived and long-lived sums by store and item. */
#include "trends.h"

#include <math.h>
#include <string.h>

#include "feed_math.h"
#include "hash.h"
#include "memory.h"

enum {
    PERIOD_HALF_LIVES = 8,
    CELL_PLACES_MIN = 64,
    CELL_PLACES_MAX = 1 << 19, /* three quarters of them are SH_TREND_CELL_COUNT_MAX */
    TRENDS_VERSION = 1,
};
#define AMOUNT_UNIT 1048576.0 /* 2^20: a weight of 1 */
#define DAY_MS      86400000.0
#define LN_2        0.6931471805599453

struct cell {
    uint32_t store;
    uint32_t item;
    uint32_t next; /* of the store's chain: place + 1, 0 ends it */
    int32_t short_newest;
    int64_t short_sums[2]; /* period p has the place p mod 2 */
    int64_t long_sums[2];
    int32_t long_newest;
    uint32_t is_used;
    uint64_t unused;
};
_Static_assert(sizeof(struct cell) == 64, "one cache line a cell");

struct store {
    char *name;
    uint32_t name_count;
    uint32_t first; /* of the chain: place + 1 */
};

struct sh_trends {
    double half_life_short_ms;
    double half_life_long_ms;
    struct cell *cells;
    uint32_t place_count; /* a power of two, or 0 */
    uint32_t cell_count;
    uint32_t cell_count_max;
    struct store *stores; /* 0 is everywhere, without a name */
    uint32_t store_count;
    uint32_t store_capacity;
    uint32_t *by_name; /* store number, 0: empty; open addressing */
    uint64_t missed;
    int32_t newest_long; /* the highest long period of all */
    size_t name_bytes;
};

/* ---- Life ---- */

enum { NAME_PLACES = 2 * SH_TREND_STORE_COUNT_MAX };

struct sh_trends *sh_trends_create(double half_life_short_ms, double half_life_long_ms, uint32_t cell_count_max) {
    struct sh_trends *trends = sh_alloc_zero(sizeof *trends);
    if (trends == NULL) return NULL;
    trends->half_life_short_ms = half_life_short_ms;
    trends->half_life_long_ms = half_life_long_ms;
    trends->cell_count_max = cell_count_max == 0 ? SH_TREND_CELL_COUNT_MAX : cell_count_max;
    trends->newest_long = INT32_MIN;
    if (sh_grow((void **)&trends->stores, &trends->store_capacity, 1, sizeof *trends->stores) != SH_OK) {
        sh_free(trends);
        return NULL;
    }
    trends->stores[trends->store_count++] = (struct store){.name = NULL};
    return trends;
}

void sh_trends_destroy(struct sh_trends *trends) {
    if (trends == NULL) return;
    for (uint32_t i = 0; i < trends->store_count; i++)
        sh_free(trends->stores[i].name);
    sh_free(trends->stores);
    sh_free(trends->by_name);
    sh_free(trends->cells);
    sh_free(trends);
}

void sh_trends_clear(struct sh_trends *trends, double half_life_short_ms, double half_life_long_ms) {
    trends->half_life_short_ms = half_life_short_ms;
    trends->half_life_long_ms = half_life_long_ms;
    sh_free(trends->cells);
    trends->cells = NULL;
    trends->place_count = 0;
    trends->cell_count = 0;
    trends->missed = 0;
    trends->newest_long = INT32_MIN;
    for (uint32_t i = 0; i < trends->store_count; i++)
        trends->stores[i].first = 0;
}

/* ---- Stores ---- */

static uint32_t *name_place(const struct sh_trends *trends, struct sh_text name) {
    uint32_t at = (uint32_t)sh_hash_text(name) % NAME_PLACES;
    for (; trends->by_name[at] != 0; at = (at + 1) % NAME_PLACES) {
        const struct store *store = &trends->stores[trends->by_name[at]];
        if (sh_text_equal((struct sh_text){store->name, store->name_count}, name)) break;
    }
    return &trends->by_name[at];
}

uint32_t sh_trends_find_store(const struct sh_trends *trends, struct sh_text name) {
    if (trends->by_name == NULL) return SH_TREND_STORE_NONE;
    const uint32_t store = *name_place(trends, name);
    return store == 0 ? SH_TREND_STORE_NONE : store;
}

enum sh_status sh_trends_store(struct sh_trends *trends, struct sh_text name, uint32_t *store) {
    *store = SH_TREND_STORE_NONE;
    if (name.count == 0 || name.count > SH_TREND_STORE_BYTES_MAX) return SH_OK;
    if (trends->by_name == NULL) {
        trends->by_name = sh_alloc_zero(NAME_PLACES * sizeof *trends->by_name);
        if (trends->by_name == NULL) return SH_ERR_MEMORY;
    }
    uint32_t *place = name_place(trends, name);
    *store = *place == 0 ? SH_TREND_STORE_NONE : *place;
    if (*place != 0 || trends->store_count == SH_TREND_STORE_COUNT_MAX) return SH_OK;
    const enum sh_status status = sh_grow((void **)&trends->stores, &trends->store_capacity,
                                          (uint64_t)trends->store_count + 1, sizeof *trends->stores);
    char *copy = status == SH_OK ? sh_alloc(name.count) : NULL;
    if (copy == NULL) return SH_ERR_MEMORY;
    memcpy(copy, name.bytes, name.count);
    trends->name_bytes += name.count;
    *store = *place = trends->store_count;
    trends->stores[trends->store_count++] = (struct store){copy, name.count, 0};
    return SH_OK;
}

struct sh_text sh_trends_store_name(const struct sh_trends *trends, uint32_t store) {
    sh_assert(store < trends->store_count);
    return (struct sh_text){trends->stores[store].name, trends->stores[store].name_count};
}

/* ---- Cells ---- */

static uint32_t home_of(const struct sh_trends *trends, uint32_t store, uint32_t item) {
    return (uint32_t)sh_hash_mix((uint64_t)store << 32 | item, UINT64_C(0x9E3779B97F4A7C15)) &
           (trends->place_count - 1);
}

/* The cell, or the free place where it would be; there are places, and one is free. */
static struct cell *find_cell(const struct sh_trends *trends, uint32_t store, uint32_t item) {
    uint32_t at = home_of(trends, store, item);
    while (trends->cells[at].is_used && !(trends->cells[at].store == store && trends->cells[at].item == item))
        at = (at + 1) & (trends->place_count - 1);
    return &trends->cells[at];
}

static void take_place(struct sh_trends *trends, struct cell *place, const struct cell *cell) {
    *place = *cell;
    place->next = trends->stores[cell->store].first;
    trends->stores[cell->store].first = (uint32_t)(place - trends->cells) + 1;
    trends->cell_count++;
}

/* Its sums are all of periods that the newest acts have left behind. */
static bool is_over(const struct sh_trends *trends, const struct cell *cell) {
    return (int64_t)cell->long_newest < (int64_t)trends->newest_long - 1;
}

/* All cells (without_old: that are not over) into so many places. */
static enum sh_status resize(struct sh_trends *trends, uint32_t place_count, bool without_old) {
    struct cell *old = trends->cells;
    const uint32_t old_count = trends->place_count;
    struct cell *grown = sh_alloc_zero(place_count * sizeof *grown);
    if (grown == NULL) return SH_ERR_MEMORY;
    trends->cells = grown;
    trends->place_count = place_count;
    trends->cell_count = 0;
    for (uint32_t i = 0; i < trends->store_count; i++)
        trends->stores[i].first = 0;
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i].is_used && !(without_old && is_over(trends, &old[i])))
            take_place(trends, find_cell(trends, old[i].store, old[i].item), &old[i]);
    sh_free(old);
    return SH_OK;
}

static bool has_old(const struct sh_trends *trends) {
    for (uint32_t i = 0; i < trends->place_count; i++)
        if (trends->cells[i].is_used && is_over(trends, &trends->cells[i])) return true;
    return false;
}

enum sh_status sh_trends_reserve(struct sh_trends *trends) {
    const uint32_t needed = trends->cell_count + 2;
    if (needed > trends->cell_count_max) {
        /* Looked for once in a while: a shop that is full of what is new stays so until time has passed. */
        if (trends->missed % CELL_PLACES_MIN == 0 && has_old(trends)) return resize(trends, trends->place_count, true);
        return SH_OK;
    }
    if ((uint64_t)needed * 4 <= (uint64_t)trends->place_count * 3) return SH_OK;
    return resize(trends, trends->place_count == 0 ? CELL_PLACES_MIN : 2 * trends->place_count, false);
}

void sh_trends_prefetch(const struct sh_trends *trends, uint32_t store, uint32_t item) {
    if (trends->place_count > 0) __builtin_prefetch(&trends->cells[home_of(trends, store, item)], 1);
}

/* ---- Acts ---- */

static int64_t amount_of(double weight, double power) {
    const double units = weight * AMOUNT_UNIT * power;
    return (int64_t)(units < 0 ? units - 0.5 : units + 0.5);
}

struct sh_trend_act sh_trends_act(const struct sh_trends *trends, uint32_t item, uint32_t store, double weight,
                                  int64_t time_ms) {
    const double lives[2] = {(double)time_ms / trends->half_life_short_ms, (double)time_ms / trends->half_life_long_ms};
    const double periods[2] = {floor(lives[0] / PERIOD_HALF_LIVES), floor(lives[1] / PERIOD_HALF_LIVES)};
    const double since[2] = {lives[0] - PERIOD_HALF_LIVES * periods[0], lives[1] - PERIOD_HALF_LIVES * periods[1]};
    double powers[2];
    feed_math_exp2_two(since, powers);
    return (struct sh_trend_act){.item = item,
                                 .store = store,
                                 .short_period = (int32_t)periods[0],
                                 .long_period = (int32_t)periods[1],
                                 .short_amount = amount_of(weight, powers[0]),
                                 .long_amount = amount_of(weight, powers[1])};
}

static void add_sum(int64_t sums[2], int32_t *newest, int32_t period, int64_t amount) {
    if ((int64_t)period < (int64_t)*newest - 1) return; /* too old to count */
    if (period > *newest) {
        sums[period & 1] = 0;
        if ((int64_t)period > (int64_t)*newest + 1) sums[!(period & 1)] = 0;
        *newest = period;
    }
    int64_t *sum = &sums[period & 1];
    if (__builtin_add_overflow(*sum, amount, sum)) *sum = amount > 0 ? INT64_MAX : INT64_MIN;
}

void sh_trends_add(struct sh_trends *trends, const struct sh_trend_act *act) {
    sh_assert(act->store < trends->store_count);
    if (trends->place_count == 0) return;
    struct cell *cell = find_cell(trends, act->store, act->item);
    if (!cell->is_used) {
        if (trends->cell_count >= trends->cell_count_max) {
            trends->missed++;
            return;
        }
        const struct cell made = {.store = act->store,
                                  .item = act->item,
                                  .short_newest = act->short_period,
                                  .long_newest = act->long_period,
                                  .is_used = 1};
        take_place(trends, cell, &made);
    }
    add_sum(cell->short_sums, &cell->short_newest, act->short_period, act->short_amount);
    add_sum(cell->long_sums, &cell->long_newest, act->long_period, act->long_amount);
    if (act->long_period > trends->newest_long) trends->newest_long = act->long_period;
}

/* ---- Reading ---- */

static double sum_now(const int64_t sums[2], int32_t newest, double half_life_ms, int64_t now_ms) {
    const double lives = (double)now_ms / half_life_ms;
    const double behind = (double)sums[!(newest & 1)] * feed_math_exp2(-(double)PERIOD_HALF_LIVES);
    const double sum = ((double)sums[newest & 1] + behind) / AMOUNT_UNIT;
    return sum * feed_math_growth(PERIOD_HALF_LIVES * (double)newest - lives);
}

static struct sh_trend trend_of(const struct sh_trends *trends, const struct cell *cell, int64_t now_ms) {
    struct sh_trend trend = {
        .item = cell->item,
        .short_lived = sum_now(cell->short_sums, cell->short_newest, trends->half_life_short_ms, now_ms),
        .long_lived = sum_now(cell->long_sums, cell->long_newest, trends->half_life_long_ms, now_ms)};
    const double now = trend.short_lived * LN_2 / (trends->half_life_short_ms / DAY_MS);
    const double usual = trend.long_lived * LN_2 / (trends->half_life_long_ms / DAY_MS);
    trend.rising = (now - usual) / sqrt((usual > 0 ? usual : 0) + 1.0);
    return trend;
}

struct sh_trend sh_trends_of(const struct sh_trends *trends, uint32_t store, uint32_t item, int64_t now_ms) {
    if (trends->place_count == 0 || store >= trends->store_count) return (struct sh_trend){.item = item};
    const struct cell *cell = find_cell(trends, store, item);
    return cell->is_used ? trend_of(trends, cell, now_ms) : (struct sh_trend){.item = item};
}

bool sh_trends_next(const struct sh_trends *trends, uint32_t store, int64_t now_ms, uint32_t *at,
                    struct sh_trend *trend) {
    if (store >= trends->store_count) return false;
    const uint32_t place = *at == 0 ? trends->stores[store].first : trends->cells[*at - 1].next;
    if (place == 0) return false;
    if (trends->cells[place - 1].next != 0) __builtin_prefetch(&trends->cells[trends->cells[place - 1].next - 1]);
    *at = place;
    *trend = trend_of(trends, &trends->cells[place - 1], now_ms);
    return true;
}

uint32_t sh_trends_cell_count(const struct sh_trends *trends) {
    return trends->cell_count;
}

uint64_t sh_trends_missed(const struct sh_trends *trends) {
    return trends->missed;
}

/* ---- Upkeep ---- */

size_t sh_trends_memory_bytes(const struct sh_trends *trends) {
    return sizeof *trends + trends->place_count * sizeof *trends->cells +
           trends->store_capacity * sizeof *trends->stores + trends->name_bytes +
           (trends->by_name != NULL ? NAME_PLACES * sizeof *trends->by_name : 0);
}

static bool broken(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

bool sh_trends_check(const struct sh_trends *trends, const char **reason) {
    uint32_t used = 0;
    uint32_t chained = 0;
    for (uint32_t i = 0; i < trends->place_count; i++) {
        const struct cell *cell = &trends->cells[i];
        if (!cell->is_used) continue;
        used++;
        if (cell->store >= trends->store_count) return broken(reason, "trends: a cell is of a store that nobody knows");
        if (find_cell(trends, cell->store, cell->item) != cell)
            return broken(reason, "trends: a cell is not found from its home");
        if (cell->long_newest > trends->newest_long) return broken(reason, "trends: a period is newer than the newest");
    }
    for (uint32_t store = 0; store < trends->store_count; store++)
        for (uint32_t at = trends->stores[store].first; at != 0 && chained <= used; at = trends->cells[at - 1].next) {
            if (!trends->cells[at - 1].is_used || trends->cells[at - 1].store != store)
                return broken(reason, "trends: a store's chain has a cell of another one");
            chained++;
        }
    if (used != trends->cell_count || chained != used) return broken(reason, "trends: cells are counted wrong");
    return used <= trends->cell_count_max || broken(reason, "trends: there are more cells than there may be");
}

/* ---- Saving ----
 *
 *   u64 missed, i64 newest period, u32 count of stores without the first, each a text
 *   u32 places, u32 count of cells, each as struct saved_cell, ascending by place
 */
struct saved_cell {
    uint32_t place;
    uint32_t unused;
    uint32_t store;
    uint32_t item;
    int32_t short_newest;
    int32_t long_newest;
    int64_t short_sums[2];
    int64_t long_sums[2];
};
_Static_assert(sizeof(struct saved_cell) == 56, "written as is: no padding");

void sh_trends_save(const struct sh_trends *trends, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "trends", TRENDS_VERSION);
    sh_archive_put_u64(writer, trends->missed);
    sh_archive_put_i64(writer, trends->newest_long);
    sh_archive_put_u32(writer, trends->store_count - 1);
    for (uint32_t i = 1; i < trends->store_count; i++)
        sh_archive_put_text(writer, sh_trends_store_name(trends, i));
    sh_archive_put_u32(writer, trends->place_count);
    sh_archive_put_u32(writer, trends->cell_count);
    for (uint32_t i = 0; i < trends->place_count; i++) {
        const struct cell *cell = &trends->cells[i];
        if (!cell->is_used) continue;
        const struct saved_cell saved = {i,
                                         0,
                                         cell->store,
                                         cell->item,
                                         cell->short_newest,
                                         cell->long_newest,
                                         {cell->short_sums[0], cell->short_sums[1]},
                                         {cell->long_sums[0], cell->long_sums[1]}};
        sh_archive_put(writer, &saved, sizeof saved);
    }
    sh_archive_end(writer);
}

static enum sh_status refuse(struct sh_archive_reader *reader, const char *words) {
    return sh_archive_refuse(reader, "%s", words);
}

static enum sh_status load_stores(struct sh_trends *trends, struct sh_archive_reader *reader) {
    const uint32_t count =
        sh_archive_get_count(reader, SH_TREND_STORE_COUNT_MAX - 1, sizeof(uint32_t), "stores of trends");
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++) {
        uint32_t store = SH_TREND_STORE_NONE;
        const struct sh_text name = sh_archive_get_text(reader, SH_TREND_STORE_BYTES_MAX, "a store of trends");
        if (sh_archive_failed(reader)) break;
        const enum sh_status status = sh_trends_store(trends, name, &store);
        sh_free((char *)(uintptr_t)name.bytes);
        if (status != SH_OK) return sh_archive_refuse_memory(reader);
        if (store != i + 1) return refuse(reader, "a store of trends has no name, or that of another one");
    }
    return sh_archive_status(reader, NULL);
}

static enum sh_status load_cell(struct sh_trends *trends, uint32_t item_end, struct sh_archive_reader *reader) {
    struct saved_cell saved;
    if (!sh_archive_get(reader, &saved, sizeof saved)) return sh_archive_status(reader, NULL);
    if (saved.store >= trends->store_count || saved.item >= item_end)
        return refuse(reader, "a trend is of a store or an item that nobody knows");
    if (saved.long_newest > trends->newest_long) return refuse(reader, "a trend is newer than the newest");
    if (saved.place >= trends->place_count || trends->cells[saved.place].is_used || saved.unused != 0)
        return refuse(reader, "a trend stands where there is no place");
    const struct cell made = {.store = saved.store,
                              .item = saved.item,
                              .short_newest = saved.short_newest,
                              .long_newest = saved.long_newest,
                              .short_sums = {saved.short_sums[0], saved.short_sums[1]},
                              .long_sums = {saved.long_sums[0], saved.long_sums[1]},
                              .is_used = 1};
    take_place(trends, &trends->cells[saved.place], &made);
    return SH_OK;
}

static enum sh_status load_cells(struct sh_trends *trends, uint32_t item_end, struct sh_archive_reader *reader) {
    const char *reason;
    const uint32_t place_count = sh_archive_get_u32(reader);
    const uint32_t count = sh_archive_get_count(reader, trends->cell_count_max, sizeof(struct saved_cell), "trends");
    if (sh_archive_failed(reader)) return sh_archive_status(reader, NULL);
    if (place_count == 0 && count == 0) return SH_OK;
    if (place_count < CELL_PLACES_MIN || place_count > CELL_PLACES_MAX || (place_count & (place_count - 1)) != 0 ||
        (uint64_t)count * 4 > (uint64_t)place_count * 3)
        return refuse(reader, "trends have more cells than places, or places that are no power of two");
    trends->cells = sh_alloc_zero(place_count * sizeof *trends->cells);
    if (trends->cells == NULL) return sh_archive_refuse_memory(reader);
    trends->place_count = place_count;
    for (uint32_t i = 0; i < count; i++) {
        const enum sh_status status = load_cell(trends, item_end, reader);
        if (status != SH_OK) return status;
    }
    return sh_trends_check(trends, &reason) ? SH_OK : refuse(reader, reason);
}

enum sh_status sh_trends_load(struct sh_trends *trends, uint32_t item_end, struct sh_archive_reader *reader) {
    if (sh_archive_enter(reader, "trends", TRENDS_VERSION) == 0) return sh_archive_status(reader, NULL);
    trends->missed = sh_archive_get_u64(reader);
    const int64_t newest_long = sh_archive_get_i64(reader);
    if (newest_long < INT32_MIN || newest_long > INT32_MAX) return refuse(reader, "a period of trends is none");
    trends->newest_long = (int32_t)newest_long;
    enum sh_status status = load_stores(trends, reader);
    if (status == SH_OK) status = load_cells(trends, item_end, reader);
    if (status == SH_OK) sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
