/* learner_property.c -- random feeds served, acted upon, forgotten, handed over, saved: the learner beside one that keeps
 * lists, and beside a sibling that hears of the acts in another order. Run: learner_property SEED COUNT (of shops). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "archive_rig.h"
#include "hash.h"
#include "learner_private.h"

enum { USERS = 30, ITEMS = 40, STEPS = 1500, FEED_MAX = 12, WINDOW_MS = 60000 };

/* One item of a feed, as anybody would write it down. */
struct line {
    uint64_t rec;
    uint64_t user;
    uint32_t item;
    uint32_t flags;
    int64_t amount;
};

static uint64_t state;
static struct sh_table *users;
static struct sh_table *items;
static struct sh_learner *learner;
static struct sh_learner *sibling;
static struct line lines[STEPS * FEED_MAX];
static uint32_t line_count;
static struct sh_learner_act waiting[8]; /* the sibling hears of them later */
static uint32_t waiting_count;
static uint64_t feed_count;
static const char *reason;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

static bool promise(bool holds, const char *words_if_not) {
    if (!holds) reason = words_if_not;
    return holds;
}

/* ---- The shop ---- */

static uint32_t add_row(struct sh_table *table, const char *prefix, uint32_t number) {
    char id[32];
    uint32_t slot;
    const struct sh_text text = {id, (uint32_t)snprintf(id, sizeof id, "%s%u", prefix, number)};
    if (sh_table_intern(table, text, sh_id_hash(text), &slot, NULL, NULL) != SH_OK) abort();
    return slot;
}

static void set_text(struct sh_table *table, uint32_t slot, const char *value) {
    uint32_t code;
    if (sh_table_text_code(table, 0, sh_text_of(value), &code, NULL) != SH_OK ||
        sh_table_set(table, slot, 0, code) != SH_OK)
        abort();
}

static void make_tables(void) {
    static const char *const words[] = {"茶", "cup", "tin", "酒"};
    const struct sh_attribute_spec kind = {.name = SH_TEXT_LITERAL("kind"), .type = SH_TYPE_STRING};
    const struct sh_attribute_spec price = {.name = SH_TEXT_LITERAL("price"), .type = SH_TYPE_DECIMAL, .scale = 2};
    users = sh_table_create();
    items = sh_table_create();
    if (users == NULL || items == NULL) abort();
    if (sh_table_add_attribute(users, &kind, NULL, NULL) != SH_OK ||
        sh_table_add_attribute(items, &kind, NULL, NULL) != SH_OK ||
        sh_table_add_attribute(items, &price, NULL, NULL) != SH_OK)
        abort();
    for (uint32_t i = 0; i < USERS; i++)
        set_text(users, add_row(users, "u", i), words[i % 4]);
    for (uint32_t i = 0; i < ITEMS; i++) {
        const uint32_t slot = add_row(items, "i", i);
        set_text(items, slot, words[i % 3]);
        if (sh_table_set(items, slot, 1, 100 * (i + 1)) != SH_OK) abort();
    }
}

static struct sh_learner *make_learner(void) {
    struct sh_learner *made = sh_learner_create(users, items);
    struct sh_learner_config config = sh_learner_config_default();
    config.share = 1;
    config.window_ms = WINDOW_MS;
    config.category_attribute = 0;
    config.price_attribute = 1;
    config.goal_weights[SH_GOAL_PURCHASE] = 2;
    config.amount_weight = 0.01;
    if (made == NULL || sh_learner_configure(made, &config, NULL) != SH_OK) abort();
    return made;
}

/* ---- Steps ---- */

static void serve(int64_t now_ms) {
    struct sh_serving_item shown[FEED_MAX] = {{0}};
    const uint32_t user = random_below(USERS + 1);
    struct sh_serving serving = {
        .rec = ++feed_count * 64, .time_ms = now_ms, .hour = (uint8_t)random_below(24), .items = shown};
    const uint32_t slot = user == USERS ? SH_SLOT_NONE : user;
    serving.user_hash = user == USERS ? 0 : 1000 + user;
    serving.kind_count = (uint8_t)sh_learner_user_kinds(learner, slot, NULL, 0, serving.kinds);
    serving.count = 1 + random_below(FEED_MAX);
    const uint32_t first = random_below(ITEMS);
    for (uint32_t i = 0; i < serving.count; i++) {
        shown[i] = (struct sh_serving_item){.item = (first + i * 3) % ITEMS,
                                            .score = (float)random_below(100) / 10,
                                            .propensity = 1,
                                            .predicted = 0.1f,
                                            .sources = 1u << random_below(7)};
        memset(shown[i].parts, 128, sizeof shown[i].parts);
        shown[i].parts[0] = sh_learner_part((double)shown[i].score);
        shown[i].is_explored = random_below(10) == 0;
        lines[line_count++] = (struct line){serving.rec, serving.user_hash, shown[i].item, 0, 0};
    }
    sh_learner_serve(learner, &serving);
    while (waiting_count > 0) /* what the sibling has not heard comes before the next write to all */
        (void)sh_learner_act(sibling, &waiting[--waiting_count]);
    sh_learner_serve(sibling, &serving);
}

static void act(void) {
    const uint32_t number = line_count - 1 - random_below(line_count < 200 ? line_count : 200);
    struct line *line = &lines[number];
    if (line->rec == 0 || waiting_count == 8) return;
    struct sh_learner_act done = {
        .rec = line->rec, .item = line->item, .goal = (enum sh_goal)random_below(SH_GOAL_COUNT)};
    if (done.goal == SH_GOAL_PURCHASE) done.amount = random_below(10000);
    if (done.goal == SH_GOAL_PURCHASE && (line->flags >> SH_GOAL_PURCHASE & 1) != 0)
        return; /* sums of a second one depend on who is first */
    line->flags |= 1u << done.goal;
    line->amount += done.amount;
    (void)sh_learner_act(learner, &done);
    waiting[waiting_count++] = done;
}

static void forget(bool hand_over) {
    const uint64_t user = 1000 + random_below(USERS);
    const uint64_t into = 1000 + random_below(USERS);
    for (uint32_t i = 0; i < line_count; i++) {
        if (lines[i].user != user || lines[i].rec == 0) continue;
        if (hand_over)
            lines[i].user = into;
        else
            lines[i].rec = 0;
    }
    while (waiting_count > 0)
        (void)sh_learner_act(sibling, &waiting[--waiting_count]);
    struct sh_learner *both[] = {learner, sibling};
    for (uint32_t i = 0; i < 2; i++) {
        if (hand_over) sh_learner_rename(both[i], user, into);
        if (!hand_over) sh_learner_forget(both[i], user);
    }
}

/* ---- What must hold ---- */

static bool check_lines(const struct sh_learner *asked) {
    const struct sh_impressions *impressions = sh_learner_impressions(asked);
    uint64_t shown_count = 0;
    uint32_t kept = 0;
    if (!sh_learner_check(asked, &reason)) return false;
    for (uint64_t n = impressions->oldest; n < impressions->newest; n++)
        shown_count += sh_impressions_at(impressions, n)->count;
    for (uint32_t i = 0; i < line_count; i++) {
        if (lines[i].rec == 0) continue;
        const struct sh_impression *impression = sh_impressions_find(impressions, lines[i].rec);
        if (!promise(impression != NULL && impression->user == lines[i].user, "an impression is lost")) return false;
        bool found = false;
        for (uint32_t k = 0; k < impression->count; k++) {
            const struct sh_shown *shown = &impression->items[k];
            if (shown->item != lines[i].item) continue;
            found = (shown->flags & 7u) == lines[i].flags && shown->amount == lines[i].amount;
        }
        if (!promise(found, "an item's acts are others")) return false;
        kept++;
    }
    return promise(shown_count == kept, "there are items that nobody was shown");
}

static bool losses_are_alike(int64_t now_ms) {
    struct sh_learner_report reports[2];
    sh_learner_report(learner, now_ms, &reports[0]);
    sh_learner_report(sibling, now_ms, &reports[1]);
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++) {
        const struct sh_goal_report *a = &reports[0].goals[goal];
        const struct sh_goal_report *b = &reports[1].goals[goal];
        if (a->loss != b->loss || a->loss_calibrated != b->loss_calibrated || a->weight_count != b->weight_count ||
            a->examples != b->examples || a->acts != b->acts)
            return false;
    }
    return reports[0].goals[SH_GOAL_CLICK].examples > 0 || line_count < 1000;
}

/* The same weights, bit by bit: both are asked about every item and user. */
static bool check_alike(int64_t now_ms) {
    if (!promise(losses_are_alike(now_ms), "the sibling has had other losses")) return false;
    for (uint32_t user = 0; user < USERS; user += 7) {
        struct sh_learner_reader readers[2];
        uint32_t kinds[SH_SERVED_KIND_COUNT];
        const uint32_t count = sh_learner_user_kinds(learner, user, NULL, 0, kinds);
        sh_learner_read(learner, NULL, now_ms, 12, kinds, count, &readers[0]);
        sh_learner_read(sibling, NULL, now_ms, 12, kinds, count, &readers[1]);
        for (uint32_t item = 0; item < ITEMS; item++) {
            uint8_t parts[SH_SHOWN_PART_COUNT];
            struct sh_learned learned[2];
            memset(parts, 128, sizeof parts);
            for (uint32_t i = 0; i < 2; i++)
                sh_learner_rank(&readers[i], item, (double)(item % 9), parts, &learned[i]);
            if (!promise(learned[0].part == learned[1].part && learned[0].predicted == learned[1].predicted,
                         "the sibling has learned something else"))
                return false;
            if (!promise(isfinite(learned[0].part) && learned[0].predicted > 0 && learned[0].predicted < 1,
                         "a prediction is none"))
                return false;
            const struct sh_belief belief = sh_learner_belief(learner, NULL, item, now_ms);
            if (!promise(belief.a > 0 && belief.b > 0, "nothing is believed of an item")) return false;
        }
    }
    return true;
}

/* What is wanted may be said anew for each feed: the workspace's own goals said again change nothing, and each goal
 * alone gives the part that a workspace gives which wants it alone. */
static bool check_goals(int64_t now_ms) {
    const struct sh_learner_config config = *sh_learner_config(learner);
    uint32_t differs = 0;
    for (uint32_t wanted = 0; wanted <= SH_GOAL_COUNT; wanted++) {
        struct sh_goals goals = {.amount = 0};
        struct sh_learner_config alone = config;
        if (wanted == SH_GOAL_COUNT) goals = sh_learner_goals(learner);
        if (wanted < SH_GOAL_COUNT) goals.weights[wanted] = 3;
        memcpy(alone.goal_weights, goals.weights, sizeof goals.weights);
        alone.amount_weight = goals.amount;
        for (uint32_t item = 0; item < ITEMS; item++) {
            struct sh_learner_reader readers[3];
            struct sh_learned learned[3];
            uint8_t parts[SH_SHOWN_PART_COUNT];
            memset(parts, 128, sizeof parts);
            sh_learner_read(learner, &goals, now_ms, 12, NULL, 0, &readers[0]);
            sh_learner_read(learner, NULL, now_ms, 12, NULL, 0, &readers[1]);
            if (sh_learner_configure(learner, &alone, NULL) != SH_OK) abort();
            sh_learner_read(learner, NULL, now_ms, 12, NULL, 0, &readers[2]);
            for (uint32_t i = 0; i < 3; i++)
                sh_learner_rank(&readers[i], item, (double)(item % 9), parts, &learned[i]);
            if (sh_learner_configure(learner, &config, NULL) != SH_OK) abort();
            differs += learned[0].part != learned[1].part;
            const bool is_learned = wanted == SH_GOAL_COUNT || config.goal_weights[wanted] > 0 ||
                                    (wanted == SH_GOAL_PURCHASE && config.amount_weight > 0);
            if (!promise(!is_learned || learned[0].part == learned[2].part,
                         "goals of a feed are not those of a workspace") ||
                !promise(is_learned || learned[0].part == 0, "something is learned that nobody wants") ||
                !promise(wanted < SH_GOAL_COUNT || learned[0].part == learned[1].part, "the same goals, another part"))
                return false;
        }
    }
    return promise(differs > 0 || !sh_learner_is_ready(learner, NULL), "goals make no difference");
}

static void save_learner(const void *thing, struct sh_archive_writer *writer) {
    sh_learner_save(*(struct sh_learner *const *)thing, writer);
}
static enum sh_status load_learner(void *thing, struct sh_archive_reader *reader) {
    struct sh_learner *loaded = sh_learner_create(users, items);
    if (loaded == NULL) return sh_archive_refuse_memory(reader);
    const enum sh_status status = sh_learner_load(loaded, reader);
    if (status == SH_OK)
        *(struct sh_learner **)thing = loaded;
    else
        sh_learner_destroy(loaded);
    return status;
}
static bool check_learner(const void *thing, const char **why) {
    return sh_learner_check(*(struct sh_learner *const *)thing, why);
}
static void destroy_learner(void *thing) {
    sh_learner_destroy(*(struct sh_learner **)thing);
}

static bool check_saved(bool is_thorough) {
    struct sh_learner *loaded = NULL;
    const struct archive_rig rig = {save_learner, load_learner, check_learner, destroy_learner, &loaded};
    const char *fault = rig_renew(&rig, &learner, is_thorough ? RIG_SWEEP : RIG_ROUND_TRIP);
    return promise(fault == NULL, fault);
}

static bool run_steps(uint32_t step_count) {
    int64_t now_ms = 1600000000000;
    for (uint32_t i = 0; i < step_count; i++) {
        now_ms += random_below(4000);
        if (line_count == 0 || random_below(3) == 0)
            serve(now_ms);
        else
            act();
        if (random_below(200) == 0) forget(random_below(2) == 0);
        if (i % 100 == 99 && !(check_lines(learner) && check_saved(false))) return false;
    }
    serve(now_ms + 1);
    return check_lines(learner) && check_lines(sibling) && check_alike(now_ms) && check_goals(now_ms);
}

static bool run_shop(uint32_t number) {
    const bool is_small = number % 10 == 9; /* for every bit of it */
    make_tables();
    learner = make_learner();
    sibling = make_learner();
    line_count = 0;
    waiting_count = 0;
    feed_count = 0;
    bool holds = run_steps(is_small ? 12 : STEPS);
    if (holds && is_small) holds = check_saved(true);
    sh_learner_destroy(learner);
    sh_learner_destroy(sibling);
    sh_table_destroy(users);
    sh_table_destroy(items);
    return holds;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint32_t count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 10;
    for (uint32_t i = 0; i < count; i++) {
        state = seed + i;
        if (run_shop(i)) continue;
        printf("seed %" PRIu64 ", shop %u: %s\n", seed, i, reason);
        return 1;
    }
    printf("seed %" PRIu64 ": %u shops of %d steps\n", seed, count, (int)STEPS);
    return 0;
}
