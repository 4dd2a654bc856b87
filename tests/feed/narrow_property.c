/* narrow_property.c -- narrowed feeds against exact ones, over a shop that changes all the time. Run:
 * narrow_property SEED COUNT (of shops).
 *
 *   - what a narrowed feed shows may be shown, and has the score that the exact feed gives it, to the last bit;
 *   - nearly all of the exact best ten are there (all shops of a run together);
 *   - what narrowing keeps of items, changed step by step, is what it would make of them anew;
 *   - an item that was not scored is explained as "narrowed", and one that was is not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calendar.h"
#include "feed_narrow.h"
#include "hash.h"
#include "memory.h"

enum { ITEMS = 3000, TAGS = 80, USERS = 12, KINDS = 20, DIMENSION_MAX = 100, TOP = 10, LONG = 1000, QUESTIONS = 6 };
#define BASE_MS      INT64_C(1772294400000)
#define RECALL_LEAST 0.97

static uint64_t state;
static const char *reason;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

static bool promise(bool holds, const char *words_if_not) {
    if (!holds) reason = words_if_not;
    return holds;
}

static void must(enum sh_status status) {
    if (status != SH_OK) abort();
}

/* ---- The shop ---- */

static struct sh_zone *zone;
static struct sh_table *users, *items;
static struct sh_event_store *events;
static struct sh_feed_model *model;
static uint32_t item_count, dimension;
static int64_t now_ms;

static uint32_t intern(struct sh_table *table, const char *prefix, uint32_t number) {
    char id[32];
    uint32_t slot;
    const struct sh_text text = {id, (uint32_t)snprintf(id, sizeof id, "%s-%u", prefix, number)};
    must(sh_table_intern(table, text, sh_id_hash(text), &slot, NULL, NULL));
    return slot;
}

static void add_tags(struct sh_table *table, uint32_t slot, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        uint32_t code;
        const uint32_t number = random_below(1 + random_below(TAGS)); /* the first are common: bits, not lists */
        const struct sh_text text = {name, (uint32_t)snprintf(name, sizeof name, "tag-%u", number)};
        must(sh_table_tag_code(table, 0, text, &code, NULL));
        must(sh_table_tag_add(table, slot, 0, code));
    }
}

static void put_vector(enum sh_feed_whose whose, uint32_t slot, uint32_t kind) {
    double values[DIMENSION_MAX];
    int16_t row[SH_VECTOR_DIMENSION_MAX];
    if (dimension == 0) return;
    for (uint32_t k = 0; k < dimension; k++) /* all of them lie to one side, as those of many models do */
        values[k] = 2.0 + (double)(sh_hash_mix(kind + 1, k) % 2001) / 500 + (double)random_below(2001) / 800;
    if (!sh_vectors_fit(values, dimension, row)) abort();
    must(sh_feed_vector_put(model, whose, slot, row));
}

static void put_item(uint32_t number) {
    const uint32_t item = intern(items, "item", number);
    char name[32];
    uint32_t code;
    const struct sh_text kind = {name, (uint32_t)snprintf(name, sizeof name, "kind-%u", number % KINDS)};
    must(sh_table_text_code(items, 0, kind, &code, NULL));
    must(sh_table_set(items, item, 0, code));
    add_tags(items, item, random_below(40) == 0 ? 30 : 1 + random_below(5));
    must(sh_feed_item_put(model, item, now_ms - (int64_t)random_below(200) * SH_DAY_MS));
    if (random_below(10) != 0) put_vector(SH_FEED_OF_ITEM, item, number % KINDS);
}

static void open_shop(void) {
    const struct sh_attribute_spec kind = {.name = SH_TEXT_LITERAL("kind"), .type = SH_TYPE_STRING};
    struct sh_feed_config config = sh_feed_config_default();
    must(sh_zone_open(SH_TEXT_LITERAL("UTC"), &zone, NULL));
    users = sh_table_create();
    items = sh_table_create();
    events = sh_event_store_create(zone);
    const struct sh_feed_scope scope = {.users = users, .items = items, .events = events};
    model = sh_feed_model_create(&scope);
    must(sh_table_add_tag_set(users, SH_TEXT_LITERAL("tags"), NULL, NULL));
    must(sh_table_add_tag_set(items, SH_TEXT_LITERAL("tags"), NULL, NULL));
    must(sh_table_add_attribute(items, &kind, NULL, NULL));
    must(sh_event_type_add(events, SH_TEXT_LITERAL("view"), 2, NULL, NULL));
    must(sh_event_type_add(events, SH_TEXT_LITERAL("purchase"), 2, NULL, NULL));
    now_ms = BASE_MS;
    dimension = random_below(5) == 0 ? 0 : 2 + random_below(DIMENSION_MAX - 1);
    config.vector_dimension = dimension;
    config.vector_space_count = dimension > 0;
    config.vector_space[0] = 'v';
    config.due_attribute = random_below(2) ? 0 : -1;
    if (random_below(4) == 0) config.explore_every = 3;
    must(sh_feed_configure(model, &config, NULL, NULL));
    item_count = ITEMS / 2 + random_below(ITEMS / 2);
    for (uint32_t i = 0; i < item_count; i++)
        put_item(i);
    for (uint32_t i = 0; i < USERS; i++) {
        const uint32_t user = intern(users, "user", i);
        add_tags(users, user, random_below(12));
        if (random_below(2)) put_vector(SH_FEED_OF_USER, user, random_below(KINDS));
    }
}

static void close_shop(void) {
    sh_feed_model_destroy(model);
    sh_event_store_destroy(events);
    sh_table_destroy(items);
    sh_table_destroy(users);
    sh_zone_close(zone);
}

static void act(void) {
    struct sh_event event = {.type = random_below(5) == 0, .slot = random_below(USERS), .time_ms = now_ms};
    bool duplicate;
    event.item = random_below(1 + random_below(item_count));
    must(sh_event_append(events, &event, &duplicate, NULL));
    if (!duplicate) must(sh_feed_learn(model, &event, now_ms, NULL));
}

static void change(void) {
    const uint32_t item = random_below(item_count);
    now_ms += random_below(50) == 0 ? 40 * SH_DAY_MS : (int64_t)random_below(200) * SH_MINUTE_MS;
    switch (random_below(6)) {
    case 0:
        put_item(random_below(ITEMS));
        if (item_count < sh_table_slot_end(items)) item_count = sh_table_slot_end(items);
        break;
    case 1:
        sh_feed_item_remove(model, item);
        break;
    case 2:
        must(sh_feed_vector_put(model, SH_FEED_OF_ITEM, item, NULL));
        break;
    case 3:
        put_vector(SH_FEED_OF_ITEM, item, random_below(KINDS));
        break;
    default:
        act();
    }
}

/* ---- What narrowing keeps ---- */

static bool same_bytes(const void *a, const void *b, size_t byte_count) {
    return byte_count == 0 || memcmp(a, b, byte_count) == 0;
}

static bool check_kept(void) {
    struct feed_narrow kept = model->narrow;
    bool holds = true;
    model->narrow = (struct feed_narrow){0};
    must(narrow_prepare(model));
    const struct feed_narrow *made = &model->narrow;
    holds = holds && promise(kept.code_bytes == made->code_bytes, "codes are of another size");
    holds = holds && promise(same_bytes(kept.popularities, made->popularities, model->item_capacity), "popularities");
    holds = holds && promise(kept.norm_least == made->norm_least, "the least norm");
    holds = holds && promise(kept.recency_exponent == made->recency_exponent, "the exponent of recencies");
    for (uint32_t item = 0; item < model->item_capacity && holds; item++) {
        const size_t group = (size_t)(item / SH_FIRST_GROUP) * made->code_bytes * SH_FIRST_GROUP;
        const uint32_t place = item % SH_FIRST_GROUP;
        const uint32_t at = place < 32 ? 2 * place : 2 * (place - 32) + 1;
        holds = promise(kept.lengths[item] == made->lengths[item], "a length of a vector");
        if (!item_is_listed(model, item)) continue;
        holds = holds && promise(kept.norms[item] == made->norms[item], "a norm");
        holds = holds && promise(kept.recencies[item] == made->recencies[item], "a recency");
        for (uint32_t i = 0; i < made->code_bytes && made->lengths[item] != 0 && holds; i++)
            holds = promise(kept.codes[group + i * SH_FIRST_GROUP + at] == made->codes[group + i * SH_FIRST_GROUP + at],
                            "a code");
    }
    narrow_deinit(&kept);
    return holds;
}

/* ---- Feeds ---- */

static uint64_t best_count, found_count, narrowed_count;

struct question {
    struct sh_feed_request request;
    struct sh_feed_rules rules;
    double weights[SH_FEED_RANKER];
    struct sh_bitmap eligible, boosted;
    uint32_t excluded[20];
};

static void ask(struct question *question) {
    *question = (struct question){.eligible = SH_BITMAP_EMPTY, .boosted = SH_BITMAP_EMPTY};
    sh_feed_rules_default(sh_feed_config(model), &question->rules);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        question->weights[i] = random_below(3) == 0 ? 0 : random_below(5) / 2.0;
    question->request = (struct sh_feed_request){.user = random_below(8) ? random_below(USERS) : SH_SLOT_NONE,
                                                 .count = TOP,
                                                 .now_ms = now_ms,
                                                 .weights = question->weights,
                                                 .rules = &question->rules,
                                                 .excluded = question->excluded,
                                                 .excluded_count = random_below(20),
                                                 .seed = random_below(5)};
    for (uint32_t i = 0; i < question->request.excluded_count; i++)
        question->excluded[i] = random_below(item_count);
    if (random_below(2)) {
        for (uint32_t i = 0; i < item_count; i++)
            if (random_below(8) != 0) must(sh_bitmap_add(&question->eligible, i, NULL));
        question->request.eligible = &question->eligible;
    }
    if (random_below(3) != 0) return;
    for (uint32_t i = 0; i < item_count; i++)
        if (random_below(5) == 0) must(sh_bitmap_add(&question->boosted, i, NULL));
    question->rules.boost_count = 1;
    question->rules.boosts[0] = (struct sh_feed_boost){
        .items = &question->boosted, .factor = random_below(4) / 2.0, .points = random_below(3) / 4.0};
}

static bool may_be_shown(const struct question *question, uint32_t item) {
    for (uint32_t i = 0; i < question->request.excluded_count; i++)
        if (question->excluded[i] == item) return false;
    return item_is_listed(model, item) &&
           (question->request.eligible == NULL || sh_bitmap_contains(question->request.eligible, item));
}

static bool check_fate(const struct question *question, uint32_t item, const struct sh_feed_answer *narrowed,
                       struct sh_arena *arena) {
    struct sh_feed_fate fate;
    struct sh_feed_request request = question->request;
    bool is_shown = false;
    request.narrowing = SH_FEED_NARROW_ALWAYS;
    must(sh_feed_explain(model, &request, item, arena, &fate, NULL));
    for (uint32_t i = 0; i < narrowed->count; i++)
        is_shown = is_shown || narrowed->items[i].item == item;
    if (!promise(is_shown == (fate.stage == SH_FEED_STAGE_SHOWN), "the fate of an item is another than it was"))
        return false;
    if (fate.stage != SH_FEED_STAGE_NARROW) return true;
    return promise(narrowed->is_narrowed && may_be_shown(question, item), "narrowed, although it was not");
}

static bool compare(const struct question *question, struct sh_arena *arena) {
    struct sh_feed_request request = question->request;
    struct sh_feed_answer exact, narrowed;
    const bool explores = sh_feed_config(model)->explore_every > 0;
    request.narrowing = SH_FEED_NARROW_NEVER;
    request.count = LONG;
    must(sh_feed_get(model, &request, arena, &exact, NULL));
    request.narrowing = SH_FEED_NARROW_ALWAYS;
    request.count = TOP;
    must(sh_feed_get(model, &request, arena, &narrowed, NULL));
    if (!promise(narrowed.eligible_count == exact.eligible_count, "there are other candidates")) return false;
    if (!promise(narrowed.count == (exact.count < TOP ? exact.count : TOP), "a narrowed feed is shorter")) return false;
    narrowed_count += narrowed.is_narrowed;
    for (uint32_t i = 0; i < narrowed.count; i++) {
        const struct sh_feed_item *item = &narrowed.items[i];
        double sum = 0;
        for (uint32_t k = 0; k < SH_FEED_FEATURE_COUNT; k++)
            sum += item->contributions[k];
        if (!promise(sum == item->score, "contributions do not add up")) return false;
        if (!promise(may_be_shown(question, item->item), "something is shown that may not be")) return false;
        for (uint32_t k = 0; k < exact.count; k++)
            if (exact.items[k].item == item->item && !promise(exact.items[k].score == item->score, "another score"))
                return false;
    }
    for (uint32_t k = 0; k < TOP && k < exact.count && !explores; k++) {
        /* As good as the last one is as good. */
        bool is_found = exact.items[k].score <= narrowed.items[narrowed.count - 1].score;
        for (uint32_t i = 0; i < narrowed.count && !is_found; i++)
            is_found = narrowed.items[i].item == exact.items[k].item;
        best_count++;
        found_count += is_found;
    }
    return check_fate(question, random_below(item_count), &narrowed, arena) &&
           (exact.count == 0 || check_fate(question, exact.items[0].item, &narrowed, arena));
}

static bool run_shop(void) {
    struct sh_arena arena;
    bool holds = true;
    sh_arena_init(&arena, SH_REQUEST_ARENA_BYTES_MAX);
    open_shop();
    for (uint32_t i = 0; i < 300; i++)
        act();
    for (uint32_t i = 0; i < QUESTIONS && holds; i++) {
        struct question question;
        for (uint32_t k = random_below(60); k > 0; k--)
            change();
        ask(&question);
        holds = compare(&question, &arena) && check_kept();
        sh_arena_reset(&arena);
        sh_bitmap_deinit(&question.eligible);
        sh_bitmap_deinit(&question.boosted);
    }
    holds = holds && promise(sh_feed_check(model, &reason), reason);
    close_shop();
    sh_arena_deinit(&arena);
    return holds;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint32_t count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 20;
    state = seed;
    for (uint32_t shop = 0; shop < count; shop++) {
        if (run_shop()) continue;
        printf("reproduce: narrow_property %" PRIu64 " %u: %s\n", seed, shop + 1, reason);
        return 1;
    }
    const double recall = best_count == 0 ? 1 : (double)found_count / (double)best_count;
    printf("seed %" PRIu64 ": %u shops, %" PRIu64 " feeds narrowed, recall %.4f of %" PRIu64 "\n", seed, count,
           narrowed_count, recall, best_count);
    return recall >= RECALL_LEAST && (count < 5 || narrowed_count > 0) ? 0 : 1;
}
