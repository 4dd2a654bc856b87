#include "rates.h"

#include "feed_math.h"
#include "memory.h"

enum {
    RATES_VERSION = 1,
    LOOK_UNIT = 1024,
    PLACE_COUNT = 64, /* places with a weight of their own; all further ones share the last */
    TABLE_MIN = 64,
    NODE_COUNT_MAX = 1 << 20, /* categories and stores; more names are no categories */
};
static const double base_rates[SH_GOAL_COUNT] = {0.05, 0.01, 0.005};

/* What was counted of one thing: period p has the place p modulo 4. */
struct counts {
    uint64_t looks[SH_RATE_PERIOD_COUNT]; /* in units of 1 / LOOK_UNIT */
    uint32_t acts[SH_RATE_PERIOD_COUNT][SH_GOAL_COUNT];
    uint32_t is_named; /* of a category or a store, not of an item */
    int32_t newest;    /* the highest period counted */
    uint64_t amounts[SH_RATE_PERIOD_COUNT];
};
_Static_assert(sizeof(struct counts) == 120, "written as is: no padding");

struct node {
    uint64_t name;
    struct counts counts;
};
_Static_assert(sizeof(struct node) == 128, "written as is: no padding; two cache lines");

struct sh_rates {
    int64_t period_ms;
    uint32_t look_weights[PLACE_COUNT];
    struct counts all;
    uint32_t *item_places; /* by item: place in nodes + 1, or 0 */
    uint32_t item_capacity;
    struct node *nodes; /* items (name: the slot), categories and stores (name: the hash), in order of first sight */
    uint32_t node_count;
    uint32_t node_capacity;
    uint32_t named_count; /* of them categories and stores */
    uint32_t *table;      /* by the name of a category or store: place in nodes + 1, or 0 */
    uint32_t table_capacity;
};

struct sh_rates *sh_rates_create(int64_t period_ms) {
    sh_assert(period_ms > 0);
    struct sh_rates *rates = sh_alloc_zero(sizeof *rates);
    if (rates == NULL) return NULL;
    rates->period_ms = period_ms;
    rates->all.newest = INT32_MIN;
    for (uint32_t i = 0; i < PLACE_COUNT; i++)
        rates->look_weights[i] = (uint32_t)(LOOK_UNIT / feed_math_log2(2.0 + (double)i) + 0.5);
    return rates;
}

void sh_rates_destroy(struct sh_rates *rates) {
    if (rates == NULL) return;
    sh_free(rates->item_places);
    sh_free(rates->nodes);
    sh_free(rates->table);
    sh_free(rates);
}

/* ---- Finding ---- */

static uint32_t *table_find(const struct sh_rates *rates, uint64_t name) {
    const uint32_t mask = rates->table_capacity - 1;
    uint32_t at = (uint32_t)name & mask;
    while (rates->table[at] != 0 && rates->nodes[rates->table[at] - 1].name != name)
        at = (at + 1) & mask;
    return &rates->table[at];
}

static const struct counts *find_item(const struct sh_rates *rates, uint32_t item) {
    if (item >= rates->item_capacity || rates->item_places[item] == 0) return NULL;
    return &rates->nodes[rates->item_places[item] - 1].counts;
}

static const struct counts *find_named(const struct sh_rates *rates, uint64_t name) {
    if (name == 0 || rates->table_capacity == 0) return NULL;
    const uint32_t place = *table_find(rates, name);
    return place == 0 ? NULL : &rates->nodes[place - 1].counts;
}

static enum sh_status table_reserve(struct sh_rates *rates) {
    if (rates->named_count < rates->table_capacity / 2) return SH_OK;
    const uint32_t capacity = rates->table_capacity == 0 ? TABLE_MIN : 2 * rates->table_capacity;
    uint32_t *table = sh_alloc_zero(capacity * sizeof *table);
    if (table == NULL) return SH_ERR_MEMORY;
    uint32_t *old = rates->table;
    const uint32_t old_capacity = rates->table_capacity;
    rates->table = table;
    rates->table_capacity = capacity;
    for (uint32_t i = 0; i < old_capacity; i++)
        if (old[i] != 0) *table_find(rates, rates->nodes[old[i] - 1].name) = old[i];
    sh_free(old);
    return SH_OK;
}

static void add_node(struct sh_rates *rates, uint64_t name, bool is_named, uint32_t *place) {
    rates->nodes[rates->node_count++] =
        (struct node){.name = name, .counts = {.is_named = is_named, .newest = INT32_MIN}};
    *place = rates->node_count;
}

static enum sh_status items_reserve(struct sh_rates *rates, uint32_t item) {
    const uint32_t old = rates->item_capacity;
    if (item < old) return SH_OK;
    const enum sh_status status =
        sh_grow((void **)&rates->item_places, &rates->item_capacity, (uint64_t)item + 1, sizeof *rates->item_places);
    if (status == SH_OK) memset(rates->item_places + old, 0, (rates->item_capacity - old) * sizeof *rates->item_places);
    return status;
}

/* Room for all that one look or act may name, so that it is counted everywhere or nowhere. */
static enum sh_status reserve(struct sh_rates *rates, uint32_t item) {
    enum sh_status status = items_reserve(rates, item);
    if (status != SH_OK) return status;
    if ((status = table_reserve(rates)) != SH_OK) return status;
    return sh_grow((void **)&rates->nodes, &rates->node_capacity, (uint64_t)rates->node_count + 3,
                   sizeof *rates->nodes);
}

static struct counts *counts_of_named(struct sh_rates *rates, uint64_t name) {
    if (name == 0) return NULL;
    uint32_t *place = table_find(rates, name);
    if (*place == 0) {
        if (rates->named_count == NODE_COUNT_MAX) return NULL;
        rates->named_count++;
        add_node(rates, name, true, place);
    }
    return &rates->nodes[*place - 1].counts;
}

static struct counts *counts_of_item(struct sh_rates *rates, uint32_t item) {
    uint32_t *place = &rates->item_places[item];
    if (*place == 0) add_node(rates, item, false, place);
    return &rates->nodes[*place - 1].counts;
}

/* ---- Counting ---- */

static int32_t period_of(const struct sh_rates *rates, int64_t time_ms) {
    const int64_t period = time_ms >= 0 ? time_ms / rates->period_ms : -((-time_ms - 1) / rates->period_ms) - 1;
    if (period > INT32_MAX) return INT32_MAX;
    return period <= INT32_MIN ? INT32_MIN + 1 : (int32_t)period;
}

static uint32_t place_of(int32_t period) {
    return (uint32_t)period & (SH_RATE_PERIOD_COUNT - 1);
}

/* The place of a period in the counts; -1 if it is too old. */
static int32_t open_period(struct counts *counts, int32_t period) {
    if (counts->newest == INT32_MIN) counts->newest = period;
    if ((int64_t)counts->newest - period >= SH_RATE_PERIOD_COUNT) return -1;
    const int64_t steps = (int64_t)period - counts->newest;
    for (int64_t i = 1; i <= steps && i <= SH_RATE_PERIOD_COUNT; i++) {
        const uint32_t place = place_of((int32_t)(counts->newest + i));
        counts->looks[place] = 0;
        counts->amounts[place] = 0;
        memset(counts->acts[place], 0, sizeof counts->acts[place]);
    }
    if (steps > 0) counts->newest = period;
    return (int32_t)place_of(period);
}

static void add_u64(uint64_t *sum, uint64_t more) {
    if (__builtin_add_overflow(*sum, more, sum)) *sum = UINT64_MAX;
}

static void count_look(struct counts *counts, int32_t period, uint32_t weight) {
    if (counts == NULL) return;
    const int32_t place = open_period(counts, period);
    if (place >= 0) add_u64(&counts->looks[place], weight);
}

static void count_act(struct counts *counts, int32_t period, enum sh_goal goal, uint64_t amount) {
    if (counts == NULL) return;
    const int32_t place = open_period(counts, period);
    if (place < 0) return;
    if (counts->acts[place][goal] < UINT32_MAX) counts->acts[place][goal]++;
    add_u64(&counts->amounts[place], amount);
}

enum sh_status sh_rates_look(struct sh_rates *rates, const struct sh_rate_place *of, uint32_t place, int64_t time_ms) {
    const enum sh_status status = reserve(rates, of->item);
    if (status != SH_OK) return status;
    const int32_t period = period_of(rates, time_ms);
    const uint32_t index = place == 0 ? 0 : place - 1;
    const uint32_t weight = rates->look_weights[index < PLACE_COUNT ? index : PLACE_COUNT - 1];
    count_look(&rates->all, period, weight);
    count_look(counts_of_named(rates, of->store), period, weight);
    count_look(counts_of_named(rates, of->category), period, weight);
    count_look(counts_of_item(rates, of->item), period, weight);
    return SH_OK;
}

enum sh_status sh_rates_act(struct sh_rates *rates, const struct sh_rate_place *of, enum sh_goal goal, int64_t amount,
                            int64_t time_ms) {
    sh_assert(goal < SH_GOAL_COUNT);
    const enum sh_status status = reserve(rates, of->item);
    if (status != SH_OK) return status;
    const int32_t period = period_of(rates, time_ms);
    const uint64_t paid = amount > 0 ? (uint64_t)amount : 0;
    count_act(&rates->all, period, goal, paid);
    count_act(counts_of_named(rates, of->store), period, goal, paid);
    count_act(counts_of_named(rates, of->category), period, goal, paid);
    count_act(counts_of_item(rates, of->item), period, goal, paid);
    return SH_OK;
}

/* ---- Asking ---- */

struct seen {
    double looks;
    double acts;
    double amount;
    double purchases;
};

static struct seen read_counts(const struct sh_rates *rates, const struct counts *counts, enum sh_goal goal,
                               int64_t now_ms) {
    static const double shares[SH_RATE_PERIOD_COUNT] = {1.0, 0.5, 0.25, 0.125};
    struct seen seen = {0};
    if (counts == NULL || counts->newest == INT32_MIN) return seen;
    /* Something from a time to come counts as of now, so that a clock ahead does no harm. */
    const int32_t now = period_of(rates, now_ms);
    for (int32_t back = SH_RATE_PERIOD_COUNT - 1; back >= 0; back--) {
        const int64_t period = (int64_t)counts->newest - back;
        const int64_t age = period > now ? 0 : now - period;
        const uint32_t place = place_of((int32_t)period);
        if (period < INT32_MIN || age >= SH_RATE_PERIOD_COUNT || counts->looks[place] + counts->acts[place][goal] == 0)
            continue;
        const double share = shares[age];
        seen.looks += share * (double)counts->looks[place] / LOOK_UNIT;
        seen.acts += share * (double)counts->acts[place][goal];
        seen.amount += share * (double)counts->amounts[place];
        seen.purchases += share * (double)counts->acts[place][SH_GOAL_PURCHASE];
    }
    return seen;
}

/* Acts without looks (an act may outlive its look's period) are no rate above what can be. */
static double smooth(struct seen seen, double parent) {
    const double looks = seen.looks > seen.acts ? seen.looks : seen.acts;
    return (seen.acts + SH_RATE_PRIOR * parent) / (looks + SH_RATE_PRIOR);
}

static double parent_rate(const struct sh_rates *rates, const struct sh_rate_place *of, enum sh_goal goal,
                          int64_t now_ms) {
    double rate = sh_rates_overall(rates, goal, now_ms);
    rate = smooth(read_counts(rates, find_named(rates, of->store), goal, now_ms), rate);
    return smooth(read_counts(rates, find_named(rates, of->category), goal, now_ms), rate);
}

double sh_rates_overall(const struct sh_rates *rates, enum sh_goal goal, int64_t now_ms) {
    return smooth(read_counts(rates, &rates->all, goal, now_ms), base_rates[goal]);
}

double sh_rates_of(const struct sh_rates *rates, const struct sh_rate_place *of, enum sh_goal goal, int64_t now_ms) {
    const struct seen seen = read_counts(rates, find_item(rates, of->item), goal, now_ms);
    return smooth(seen, parent_rate(rates, of, goal, now_ms));
}

static double smooth_amount(struct seen seen, double parent) {
    const double purchases = seen.purchases + SH_RATE_PRIOR;
    return (seen.amount + SH_RATE_PRIOR * parent) / purchases;
}

double sh_rates_amount(const struct sh_rates *rates, const struct sh_rate_place *of, int64_t now_ms) {
    const enum sh_goal goal = SH_GOAL_PURCHASE;
    const struct seen all = read_counts(rates, &rates->all, goal, now_ms);
    if (!(all.amount > 0) || !(all.purchases > 0)) return 0;
    double amount = all.amount / all.purchases;
    amount = smooth_amount(read_counts(rates, find_named(rates, of->store), goal, now_ms), amount);
    amount = smooth_amount(read_counts(rates, find_named(rates, of->category), goal, now_ms), amount);
    return smooth_amount(read_counts(rates, find_item(rates, of->item), goal, now_ms), amount);
}

void sh_rates_posterior(const struct sh_rates *rates, const struct sh_rate_place *of, enum sh_goal goal, int64_t now_ms,
                        double *a, double *b) {
    const struct seen seen = read_counts(rates, find_item(rates, of->item), goal, now_ms);
    const double parent = parent_rate(rates, of, goal, now_ms);
    const double misses = seen.looks > seen.acts ? seen.looks - seen.acts : 0;
    *a = seen.acts + SH_RATE_PRIOR * parent;
    *b = misses + SH_RATE_PRIOR * (1.0 - parent);
}

double sh_rates_looks(const struct sh_rates *rates, uint32_t item, int64_t now_ms) {
    return read_counts(rates, find_item(rates, item), SH_GOAL_CLICK, now_ms).looks;
}

size_t sh_rates_memory_bytes(const struct sh_rates *rates) {
    return sizeof *rates + rates->item_capacity * sizeof *rates->item_places +
           rates->node_capacity * sizeof *rates->nodes + rates->table_capacity * sizeof *rates->table;
}

/* ---- Archive: counts of all, u32 items, u32 names, struct node of each item by slot, of each name as first seen ---- */

void sh_rates_save(const struct sh_rates *rates, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "rates", RATES_VERSION);
    sh_archive_put(writer, &rates->all, sizeof rates->all);
    sh_archive_put_u32(writer, rates->node_count - rates->named_count);
    sh_archive_put_u32(writer, rates->named_count);
    for (uint32_t item = 0; item < rates->item_capacity; item++)
        if (rates->item_places[item] != 0)
            sh_archive_put(writer, &rates->nodes[rates->item_places[item] - 1], sizeof *rates->nodes);
    for (uint32_t i = 0; i < rates->node_count; i++)
        if (rates->nodes[i].counts.is_named) sh_archive_put(writer, &rates->nodes[i], sizeof *rates->nodes);
    sh_archive_end(writer);
}

static const char *fault_of_node(const struct sh_rates *rates, const struct node *node, bool is_named,
                                 uint32_t item_min, uint32_t item_end) {
    if (node->counts.is_named != is_named) return "a rate is of an item and of a name";
    if (!is_named && (node->name < item_min || node->name >= item_end)) return "a rate is of no item, or there twice";
    if (is_named && (node->name == 0 || find_named(rates, node->name) != NULL)) return "a rate is there twice";
    return NULL;
}

static void load_nodes(struct sh_rates *rates, uint32_t count, bool is_named, uint32_t item_end,
                       struct sh_archive_reader *reader) {
    uint32_t item_min = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct node node;
        if (!sh_archive_get(reader, &node, sizeof node)) return;
        const char *fault = fault_of_node(rates, &node, is_named, item_min, item_end);
        if (fault != NULL) {
            (void)sh_archive_refuse(reader, "%s", fault);
            return;
        }
        if (reserve(rates, is_named ? 0 : (uint32_t)node.name) != SH_OK) {
            (void)sh_archive_refuse_memory(reader);
            return;
        }
        item_min = (uint32_t)node.name + 1;
        *(is_named ? counts_of_named(rates, node.name) : counts_of_item(rates, (uint32_t)node.name)) = node.counts;
    }
}

enum sh_status sh_rates_load(struct sh_rates *rates, uint32_t item_end, struct sh_archive_reader *reader) {
    if (sh_archive_enter(reader, "rates", RATES_VERSION) == 0) return sh_archive_status(reader, NULL);
    (void)sh_archive_get(reader, &rates->all, sizeof rates->all);
    const uint32_t item_count = sh_archive_get_count(reader, item_end, sizeof(struct node), "items with rates");
    const uint32_t named_count = sh_archive_get_count(reader, NODE_COUNT_MAX, sizeof(struct node), "named rates");
    load_nodes(rates, item_count, false, item_end, reader);
    if (!sh_archive_failed(reader)) load_nodes(rates, named_count, true, item_end, reader);
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
