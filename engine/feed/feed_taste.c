#include "feed_taste.h"

#include <math.h>
#include <string.h>

#include "feed_math.h"

enum {
    KNOWN_COUNT_FIRST = 256, /* places of a table at first; a power of two */
    KNOWN_COUNT_MAX = 1 << 17,
    WORD_TAGS_MAX = 3, /* feature tags of one text that are kept; few texts stand in more than two sets */
    HOME_COUNT = 256,
    PLACE_COUNT = HOME_COUNT + PROFILE_COUNT_MAX,
};
#define NONE UINT32_MAX /* no feature tag has this number, nor has a user's own */

/* ---- What is kept of tags ---- */

struct known_order {
    uint32_t tag; /* NONE: free */
    uint64_t order;
};

/* What one of the users' own tags reads as among items. */
struct known_word {
    uint32_t own; /* set and code; NONE: free */
    uint32_t count;
    uint32_t tags[WORD_TAGS_MAX];
};

struct known {
    void *places;
    uint32_t count;
    uint32_t capacity; /* a power of two, at least twice the count */
};

/* ---- A user's tags in their order ---- */

struct drawn {
    uint64_t order;
    uint32_t tag;
    bool is_declared;
    double affinity;
};

struct shelf {
    uint64_t taken[PLACE_COUNT / 64 + 1];
    uint32_t count;
    struct drawn places[PLACE_COUNT];
};

struct feed_taste {
    const struct feed_run *run;
    uint32_t item;
    uint32_t tag_count;
    struct item_tag {
        uint32_t tag;
        uint64_t order;
        double rarity;          /* log2(1 + N / n); 0 for a tag that only one item has */
    } tags[ITEM_TAG_COUNT_MAX]; /* in their order */
    uint64_t texts;             /* versions of them when the rest was looked up */
    struct known orders;
    struct known words;
    struct shelf shelf;
};

static bool comes_before(uint64_t order, uint32_t tag, uint64_t other_order, uint32_t other_tag) {
    return order != other_order ? order < other_order : tag < other_tag;
}

/* ---- Tables ---- */

static uint32_t home_of(uint32_t key, uint32_t capacity) {
    return (uint32_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 40) & (capacity - 1);
}

static struct known_order *order_place(const struct known *known, uint32_t tag) {
    struct known_order *places = known->places;
    uint32_t at = home_of(tag, known->capacity);
    while (places[at].tag != tag && places[at].tag != NONE)
        at = (at + 1) & (known->capacity - 1);
    return &places[at];
}

static struct known_word *word_place(const struct known *known, uint32_t own) {
    struct known_word *places = known->places;
    uint32_t at = home_of(own, known->capacity);
    while (places[at].own != own && places[at].own != NONE)
        at = (at + 1) & (known->capacity - 1);
    return &places[at];
}

/* Both kinds of places begin with their key, and all ones is free. */
static bool known_init(struct known *known, uint32_t capacity, size_t place_bytes, struct sh_arena *arena) {
    *known = (struct known){.places = sh_arena_alloc(arena, capacity * place_bytes), .capacity = capacity};
    if (known->places != NULL) memset(known->places, 0xFF, capacity * place_bytes);
    return known->places != NULL;
}

/* Room for one more? */
static bool orders_reserve(struct feed_taste *taste) {
    const struct known old = taste->orders;
    const struct known_order *places = old.places;
    if (old.count * 2 < old.capacity) return true;
    if (old.capacity >= KNOWN_COUNT_MAX ||
        !known_init(&taste->orders, old.capacity * 2, sizeof *places, taste->run->arena)) {
        taste->orders = old;
        return false;
    }
    for (uint32_t i = 0; i < old.capacity; i++)
        if (places[i].tag != NONE) *order_place(&taste->orders, places[i].tag) = places[i];
    taste->orders.count = old.count;
    return true;
}

static bool words_reserve(struct feed_taste *taste) {
    const struct known old = taste->words;
    const struct known_word *places = old.places;
    if (old.count * 2 < old.capacity) return true;
    if (old.capacity >= KNOWN_COUNT_MAX ||
        !known_init(&taste->words, old.capacity * 2, sizeof *places, taste->run->arena)) {
        taste->words = old;
        return false;
    }
    for (uint32_t i = 0; i < old.capacity; i++)
        if (places[i].own != NONE) *word_place(&taste->words, places[i].own) = places[i];
    taste->words.count = old.count;
    return true;
}

static uint64_t order_of(struct feed_taste *taste, uint32_t tag) {
    const struct known_order *place = order_place(&taste->orders, tag);
    if (place->tag == tag) return place->order;
    const uint64_t order = tag_order(taste->run->model->scope.items, tag);
    if (orders_reserve(taste)) {
        *order_place(&taste->orders, tag) = (struct known_order){tag, order};
        taste->orders.count++;
    }
    return order;
}

/* ---- The shelf ---- */

static void shelf_empty(struct shelf *shelf) {
    memset(shelf->taken, 0, sizeof shelf->taken);
    shelf->count = 0;
}

static bool is_taken(const struct shelf *shelf, uint32_t place) {
    return (shelf->taken[place / 64] >> (place % 64) & 1) != 0;
}

/* Where it stands; NULL: nowhere. */
static struct drawn *shelf_find(struct shelf *shelf, uint64_t order, uint32_t tag) {
    uint32_t place = (uint32_t)(order >> 56);
    while (is_taken(shelf, place) && comes_before(shelf->places[place].order, shelf->places[place].tag, order, tag))
        place++;
    struct drawn *found = &shelf->places[place];
    return is_taken(shelf, place) && found->order == order && found->tag == tag ? found : NULL;
}

/* It is not there yet, and fewer than PROFILE_COUNT_MAX are. */
static void shelf_add(struct shelf *shelf, struct drawn added) {
    uint32_t place = (uint32_t)(added.order >> 56);
    for (; is_taken(shelf, place); place++) {
        struct drawn *there = &shelf->places[place];
        if (comes_before(there->order, there->tag, added.order, added.tag)) continue;
        const struct drawn later = *there;
        *there = added;
        added = later;
    }
    shelf->places[place] = added;
    shelf->taken[place / 64] |= UINT64_C(1) << (place % 64);
    shelf->count++;
}

/* The sum of the squares, in their order. */
static double shelf_squares(const struct shelf *shelf) {
    double squares = 0;
    for (uint32_t w = 0; w < sizeof shelf->taken / sizeof *shelf->taken; w++)
        for (uint64_t word = shelf->taken[w]; word != 0; word &= word - 1) {
            const double affinity = shelf->places[w * 64 + (uint32_t)__builtin_ctzll(word)].affinity;
            squares += affinity * affinity;
        }
    return squares;
}

/* ---- One user ---- */

static void add_affinities(struct feed_taste *taste, uint32_t user, int64_t now_ms) {
    const struct sh_feed_model *model = taste->run->model;
    const struct sh_feed_config *config = &model->config;
    struct affinity *affinity = user < model->user_capacity ? model->users[user] : NULL;
    if (affinity == NULL) return;
    const double back_ms = (double)(affinity->landmark_ms - now_ms);
    const double short_factor = config->short_share * feed_math_growth(back_ms / config->half_life_short_ms);
    const double long_factor = (1 - config->short_share) * feed_math_growth(back_ms / config->half_life_long_ms);
    for (uint32_t i = 0; i < affinity->count; i++) {
        const uint32_t tag = affinity_tags(affinity)[i];
        shelf_add(&taste->shelf, (struct drawn){.order = order_of(taste, tag),
                                                .tag = tag,
                                                .affinity = short_factor * (double)affinity_short(affinity)[i] +
                                                            long_factor * (double)affinity_long(affinity)[i]});
    }
}

static void add_declared_tag(struct feed_taste *taste, uint32_t tag) {
    const double declared = taste->run->model->config.declared;
    const uint64_t order = order_of(taste, tag);
    struct drawn *found = shelf_find(&taste->shelf, order, tag);
    if (found == NULL && taste->shelf.count < PROFILE_COUNT_MAX) {
        shelf_add(&taste->shelf, (struct drawn){.order = order, .tag = tag, .is_declared = true, .affinity = declared});
    } else if (found != NULL && !found->is_declared) {
        found->is_declared = true;
        found->affinity += declared;
    }
}

static void add_declared_word(struct feed_taste *taste, uint32_t set, uint32_t code) {
    const struct sh_feed_model *model = taste->run->model;
    const uint32_t own = set << 16 | code;
    const struct known_word *known = word_place(&taste->words, own);
    if (known->own == own) {
        for (uint32_t i = 0; i < known->count; i++)
            add_declared_tag(taste, known->tags[i]);
        return;
    }
    uint32_t tags[ITEM_TAG_COUNT_MAX];
    const struct sh_text text = sh_table_tag_text(model->scope.users, set, code);
    const uint32_t count = tags_of_text(model->scope.items, text, tags, ITEM_TAG_COUNT_MAX);
    for (uint32_t i = 0; i < count; i++)
        add_declared_tag(taste, tags[i]);
    if (count > WORD_TAGS_MAX || !words_reserve(taste)) return;
    struct known_word *place = word_place(&taste->words, own);
    *place = (struct known_word){.own = own, .count = count};
    memcpy(place->tags, tags, count * sizeof *tags);
    taste->words.count++;
}

static void add_declared(struct feed_taste *taste, uint32_t user) {
    const struct sh_table *users = taste->run->model->scope.users;
    uint32_t left = SH_FEED_DECLARED_COUNT_MAX;
    if (taste->run->model->config.declared == 0) return;
    for (uint32_t set = 0; set < sh_table_tag_set_count(users); set++) {
        struct sh_tag_list list;
        sh_table_tags(users, user, set, &list);
        for (uint32_t i = 0; i < list.count && left > 0; i++, left--)
            add_declared_word(taste, set, list.codes[i]);
    }
}

double feed_taste_value(struct feed_taste *taste, uint32_t user, int64_t now_ms) {
    shelf_empty(&taste->shelf);
    add_affinities(taste, user, now_ms);
    add_declared(taste, user);
    const double scale = taste->run->weights[SH_FEED_AFFINITY] / (1.0 + sqrt(shelf_squares(&taste->shelf)));
    const double inverse_norm = taste->run->model->inverse_norm[taste->item];
    double sum = 0;
    for (uint32_t i = 0; i < taste->tag_count; i++) {
        const struct item_tag *tag = &taste->tags[i];
        const struct drawn *found = shelf_find(&taste->shelf, tag->order, tag->tag);
        if (found != NULL) sum += scale * found->affinity * tag->rarity * inverse_norm;
    }
    return sum;
}

/* ---- Life ---- */

struct feed_taste *feed_taste_create(const struct feed_run *run, uint32_t item, const uint32_t *tags,
                                     uint32_t tag_count) {
    struct feed_taste *taste = sh_arena_alloc_zero(run->arena, sizeof *taste);
    if (taste == NULL || !known_init(&taste->orders, KNOWN_COUNT_FIRST, sizeof(struct known_order), run->arena) ||
        !known_init(&taste->words, KNOWN_COUNT_FIRST, sizeof(struct known_word), run->arena))
        return NULL;
    sh_assert(tag_count <= ITEM_TAG_COUNT_MAX);
    taste->run = run;
    taste->item = item;
    for (uint32_t i = 0; i < tag_count; i++) { /* by insertion: they are few */
        const struct item_tag tag = {.tag = tags[i], .order = tag_order(run->model->scope.items, tags[i])};
        uint32_t place = taste->tag_count++;
        for (; place > 0 && comes_before(tag.order, tag.tag, taste->tags[place - 1].order, taste->tags[place - 1].tag);
             place--)
            taste->tags[place] = taste->tags[place - 1];
        taste->tags[place] = tag;
    }
    return taste;
}

/* A code may mean another text when the one it had is used no more. */
static void forget_texts(struct feed_taste *taste) {
    memset(taste->orders.places, 0xFF, taste->orders.capacity * sizeof(struct known_order));
    memset(taste->words.places, 0xFF, taste->words.capacity * sizeof(struct known_word));
    taste->orders.count = 0;
    taste->words.count = 0;
}

void feed_taste_refresh(struct feed_taste *taste) {
    const struct sh_feed_model *model = taste->run->model;
    const struct sh_table *items = model->scope.items;
    const struct sh_table *users = model->scope.users;
    const uint64_t texts = sh_table_text_version(items) + sh_table_schema_version(items) +
                           sh_table_text_version(users) + sh_table_schema_version(users);
    if (texts != taste->texts) forget_texts(taste);
    taste->texts = texts;
    for (uint32_t i = 0; i < taste->tag_count; i++) {
        const struct sh_bitmap *holders = tag_items(items, taste->tags[i].tag);
        const uint64_t count = holders == NULL ? 0 : sh_bitmap_count(holders);
        taste->tags[i].rarity = count < 2 ? 0 : feed_math_log2(1.0 + (double)model->listed_count / (double)count);
    }
}
