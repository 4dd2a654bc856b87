/* feed_property.c -- random shops, events and requests: every answer against the twin and against what is promised.
 * Run: feed_property SEED COUNT (of shops). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "calendar.h"
#include "feed_fit.h"
#include "feed_twin.h"
#include "hash.h"

static const char *const words[] = {"tea", "green", "咖啡", "mug", "gift", "cheap", "new", "oolong", "red", "tin"};
static const char *const categories[] = {"tea", "coffee", "cup", "red"};
static const char *const brands[] = {"plain", "fine", "茗"};
enum { WORDS = 10, CATEGORIES = 4, BRANDS = 3, SCORE_TOLERANCE_MILLIONTHS = 20 };
#define BASE_MS 1772294400000

static uint64_t state;
static struct shop shop;
static struct shop sibling; /* another shard: the same items, other users */
static const char *reason;
static int64_t last_ms; /* of the last event's now */

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

static bool promise(bool holds, const char *words_if_not) {
    if (!holds) reason = words_if_not;
    return holds;
}

static bool near(double a, double b) {
    return fabs(a - b) <= SCORE_TOLERANCE_MILLIONTHS * 1e-6 * (1 + fabs(a) + fabs(b));
}

static uint32_t pick_words(const char **picked, uint32_t max) {
    uint32_t count = 0;
    const uint32_t first = random_below(WORDS);
    for (uint32_t i = random_below(max + 1); i > 0; i--)
        picked[count++] = words[(first + i * 3) % WORDS];
    return count;
}

static void fill_shop(uint32_t item_count, uint32_t user_count) {
    char id[32];
    const char *picked[8];
    for (uint32_t i = 0; i < item_count; i++) {
        snprintf(id, sizeof id, "item-%u", i * 7919 % 1000);
        const uint32_t count = pick_words(picked, 4);
        const char *category = random_below(5) ? categories[random_below(CATEGORIES)] : NULL;
        const char *brand = random_below(3) ? brands[random_below(BRANDS)] : NULL;
        const int64_t now_ms = BASE_MS - (int64_t)random_below(200) * SH_DAY_MS;
        shop_item(&shop, id, picked, count, category, brand, now_ms);
        shop_item(&sibling, id, picked, count, category, brand, now_ms);
    }
    for (uint32_t i = 0; i < user_count; i++) {
        snprintf(id, sizeof id, "user-%u", i);
        shop_user(&shop, id, picked, pick_words(picked, 4));
        snprintf(id, sizeof id, "else-%u", i);
        shop_user(&sibling, id, NULL, 0);
    }
}

static void configure(void) {
    struct sh_feed_config config = sh_feed_config_default();
    config.bought_days = random_below(3) * 20;
    config.seen_days = random_below(3) * 5;
    config.short_share = random_below(11) / 10.0;
    config.declared = random_below(4);
    config.weights[SH_FEED_AFFINITY] = random_below(3);
    config.weights[SH_FEED_RECENCY] = random_below(3) / 4.0;
    config.weights[SH_FEED_SESSION] = random_below(4) / 2.0;
    config.weights[SH_FEED_PAIRS] = random_below(4) / 2.0;
    config.weights[SH_FEED_WALK] = random_below(3);
    config.weights[SH_FEED_DUE] = random_below(3);
    config.weights[SH_FEED_TREND] = random_below(3);
    if (random_below(3) != 0) config.due_attribute = (int32_t)shop.category;
    if (random_below(4) == 0) {
        config.diversity_attribute = (int32_t)shop.category;
        config.diversity_count = 1 + random_below(2);
        config.diversity_window = config.diversity_count + 1 + random_below(3);
    }
    if (random_below(4) == 0) config.explore_every = 2 + random_below(3);
    if (sh_feed_configure(shop.model, &config, NULL, NULL) != SH_OK) abort();
    if (sh_feed_configure(sibling.model, &config, NULL, NULL) != SH_OK) abort();
}

/* Each event is of a user of one of the two shards; its effect goes to the other, after some more events. */
static void live(uint32_t event_count, uint32_t item_count, uint32_t user_count) {
    static struct sh_feed_lesson late[2][TWIN_EVENTS_MAX];
    uint32_t late_count[2] = {0, 0};
    struct shop *const shards[2] = {&shop, &sibling};
    const uint32_t types[] = {shop.view, shop.view, shop.favorite, shop.cart, shop.purchase, shop.dislike};
    uint32_t home = 0;
    uint32_t user = 0;
    last_ms = BASE_MS;
    for (uint32_t i = 0; i < event_count; i++) {
        /* Somebody comes, or goes on with the visit. */
        const bool goes_on = random_below(4) != 0;
        if (!goes_on) {
            home = random_below(3) == 0;
            user = random_below(user_count);
        }
        last_ms += goes_on ? random_below(8) * SH_MINUTE_MS : (int64_t)random_below(400) * SH_MINUTE_MS;
        const int64_t now_ms = last_ms;
        int64_t time_ms = now_ms - (goes_on ? 0 : (int64_t)random_below(1000) * SH_MINUTE_MS);
        if (random_below(20) == 0) time_ms -= (int64_t)random_below(400) * SH_DAY_MS;
        if (random_below(20) == 0) time_ms += (int64_t)random_below(4000) * SH_MINUTE_MS; /* a clock that is ahead */
        shop_act(shards[home], types[random_below(6)], user, random_below(item_count), time_ms, now_ms,
                 &late[home][late_count[home]]);
        late_count[home]++;
    }
    /* In any order. */
    for (home = 0; home < 2; home++)
        for (uint32_t left = late_count[home]; left > 0; left--) {
            const uint32_t pick = random_below(left);
            if (sh_feed_learn_effect(shards[!home]->model, &late[home][pick].effect) != SH_OK) abort();
            if (sh_feed_learn_click(shards[!home]->model, &late[home][pick].click) != SH_OK) abort();
            if (sh_feed_learn_trend(shards[!home]->model, &late[home][pick].trend) != SH_OK) abort();
            if (late[home][pick].liked.item != SH_NO_ITEM &&
                sh_feed_learn_pairs(shards[!home]->model, &late[home][pick].liked, false) != SH_OK)
                abort();
            late[home][pick] = late[home][left - 1];
        }
}

/* The twin reads one log: for popularity it must know what happened in the sibling. */
static void join_logs(uint32_t user_count) {
    for (uint32_t i = 0; i < sibling.log_count; i++) {
        shop.log[shop.log_count] = sibling.log[i];
        shop.log[shop.log_count++].event.slot += user_count; /* other people */
    }
}

struct question {
    struct sh_feed_request request;
    struct sh_bitmap eligible;
    uint32_t excluded[8];
    uint32_t clicks[12];
    struct sh_feed_reading reading;
};

/* Weights and half-lives of the request's own. */
static void read_otherwise(struct question *question) {
    sh_feed_reading_default(shop.model, &question->reading);
    for (uint32_t type = 0; type < TWIN_TYPES; type++) {
        if (random_below(2)) question->reading.weights[type] = (double)random_below(80) / 8 - 3;
        if (random_below(2)) question->reading.half_life_short_ms[type] = (1 + random_below(50)) * (double)SH_HOUR_MS;
        if (random_below(2)) question->reading.half_life_long_ms[type] = (1 + random_below(90)) * (double)SH_DAY_MS;
    }
    question->request.reading = &question->reading;
}

static void ask_something(struct question *question, uint32_t item_count, uint32_t user_count) {
    question->eligible = SH_BITMAP_EMPTY;
    question->request =
        (struct sh_feed_request){.user = random_below(8) ? random_below(user_count) : SH_SLOT_NONE,
                                 .count = 1 + random_below(30),
                                 .now_ms = random_below(2) ? last_ms + random_below(40) * SH_MINUTE_MS
                                                           : BASE_MS + (int64_t)random_below(300) * SH_DAY_MS / 2,
                                 .seed = random_below(5),
                                 .excluded = question->excluded,
                                 .excluded_count = random_below(9)};
    if (random_below(3) == 0) {
        question->request.clicks = question->clicks;
        question->request.click_count = random_below(13);
        for (uint32_t i = 0; i < question->request.click_count; i++)
            question->clicks[i] = random_below(item_count);
    }
    if (random_below(3) == 0) read_otherwise(question);
    shop.reading = question->request.reading;
    shop.clicks = question->request.clicks;
    shop.click_count = question->request.click_count;
    for (uint32_t i = 0; i < question->request.excluded_count; i++)
        question->excluded[i] = random_below(item_count + 5);
    if (random_below(2) == 0) return;
    for (uint32_t i = 0; i < item_count + 5; i++) /* some that are not listed, too */
        if (random_below(3) != 0 && sh_bitmap_add(&question->eligible, i, NULL) != SH_OK) abort();
    question->request.eligible = &question->eligible;
}

static bool may_be_shown(const struct question *question, uint32_t item) {
    for (uint32_t i = 0; i < question->request.excluded_count; i++)
        if (question->excluded[i] == item) return false;
    return question->request.eligible == NULL || sh_bitmap_contains(question->request.eligible, item);
}

/* The rules that must give way before the item can be shown. */
static uint32_t rules_of(const struct question *question, uint32_t item) {
    const struct sh_feed_request *request = &question->request;
    uint32_t rules = 0;
    if (request->user == SH_SLOT_NONE) return 0;
    if (twin_is_held(&shop, request->user, item, request->now_ms, SH_FEED_BOUGHT)) rules |= 1u << SH_FEED_BOUGHT;
    if (twin_is_held(&shop, request->user, item, request->now_ms, SH_FEED_SEEN)) rules |= 1u << SH_FEED_SEEN;
    return rules;
}

/* What was bought comes back after what was seen. */
enum { FREE, SEEN, BOUGHT, LEVEL_COUNT };
static uint32_t level_of(uint32_t rules) {
    return rules >> SH_FEED_BOUGHT & 1 ? BOUGHT : rules >> SH_FEED_SEEN & 1 ? SEEN : FREE;
}

static bool check_reasons(const struct sh_feed_item *item) {
    double last = INFINITY;
    for (uint32_t i = 0; i < item->reason_count; i++) {
        if (!promise(fabs(item->reasons[i].value) <= last, "the strongest reason comes first")) return false;
        last = fabs(item->reasons[i].value);
    }
    return promise(item->sources != 0, "every item has a source");
}

#define DIVERSITY (1u << SH_FEED_RULE_DIVERSITY)

static bool check_items(const struct question *question, const struct sh_feed_answer *answer,
                        const struct twin_score *scores) {
    uint32_t relaxed = 0;
    for (uint32_t i = 0; i < answer->count; i++) {
        const struct sh_feed_item *item = &answer->items[i];
        const struct twin_score *expected = &scores[item->item];
        double sum = 0;
        for (uint32_t k = 0; k < SH_FEED_FEATURE_COUNT; k++) {
            sum += item->contributions[k];
            if (!promise(near(item->contributions[k], expected->contributions[k]), "a contribution as the twin's"))
                return false;
        }
        if (!promise(sum == item->score, "contributions add up to the score, exactly")) return false;
        if (!promise(may_be_shown(question, item->item), "only what may be shown")) return false;
        if (!promise((item->relaxed & ~DIVERSITY) == rules_of(question, item->item), "the rule that gave way"))
            return false;
        relaxed |= item->relaxed;
        for (uint32_t k = 0; k < i; k++)
            if (!promise(answer->items[k].item != item->item, "no item twice")) return false;
        if (!check_reasons(item)) return false;
    }
    return promise(relaxed == answer->relaxed, "relaxed names the rules that gave way");
}

/* Rules give way only as far as they must, and nothing better is left out. */
static bool check_choice(const struct question *question, const struct sh_feed_answer *answer,
                         const struct twin_score *scores, uint32_t item_count) {
    const struct sh_feed_config *config = sh_feed_config(shop.model);
    uint32_t available[LEVEL_COUNT] = {0};
    for (uint32_t item = 0; item < item_count; item++)
        if (may_be_shown(question, item)) available[level_of(rules_of(question, item))]++;
    const uint32_t all = available[FREE] + available[SEEN] + available[BOUGHT];
    const uint32_t wanted = question->request.count;
    if (!promise(answer->count == (all < wanted ? all : wanted), "as many items as there are")) return false;
    if (!promise(answer->eligible_count == available[0], "eligible_count")) return false;
    const bool seen_gave_way = answer->relaxed >> SH_FEED_SEEN & 1;
    const bool bought_gave_way = answer->relaxed >> SH_FEED_BOUGHT & 1;
    if (!promise(!seen_gave_way || available[FREE] < wanted, "what was seen comes back only if it must")) return false;
    if (!promise(seen_gave_way || available[FREE] >= wanted || available[SEEN] == 0, "and then it does")) return false;
    if (!promise(bought_gave_way == (available[FREE] + available[SEEN] < wanted && available[BOUGHT] > 0),
                 "what was bought comes back last"))
        return false;
    if (config->diversity_attribute >= 0 || config->explore_every > 0) return true;
    for (uint32_t i = 1; i < answer->count; i++) {
        const struct sh_feed_item *before = &answer->items[i - 1];
        const struct sh_feed_item *after = &answer->items[i];
        if (level_of(before->relaxed) != level_of(after->relaxed)) continue;
        const bool in_order =
            before->score > after->score ||
            (before->score == after->score &&
             sh_text_compare(sh_table_id(shop.items, before->item), sh_table_id(shop.items, after->item)) < 0);
        if (!promise(in_order, "best first, ties by id")) return false;
    }
    const double worst = answer->count < wanted || answer->relaxed != 0 ? -INFINITY
                         : answer->count == 0                           ? INFINITY
                                                                        : answer->items[answer->count - 1].score;
    for (uint32_t item = 0; item < item_count; item++) {
        if (!may_be_shown(question, item) || rules_of(question, item) != 0) continue;
        bool inside = false;
        for (uint32_t i = 0; i < answer->count; i++)
            inside = inside || answer->items[i].item == item;
        if (!promise(inside || scores[item].score <= worst || near(scores[item].score, worst),
                     "nothing better is left out"))
            return false;
    }
    return true;
}

static bool check_diversity(const struct sh_feed_answer *answer) {
    const struct sh_feed_config *config = sh_feed_config(shop.model);
    for (uint32_t i = 0; i < answer->count; i++) {
        const bool gave_way = (answer->items[i].relaxed & DIVERSITY) != 0;
        int64_t value;
        if (!promise(!gave_way || config->diversity_attribute >= 0, "a rule that is there gave way")) return false;
        if (config->diversity_attribute < 0 || gave_way ||
            !sh_table_get(shop.items, answer->items[i].item, shop.category, &value))
            continue;
        uint32_t same = 1;
        for (uint32_t back = 1; back < config->diversity_window && back <= i; back++) {
            int64_t other;
            if (sh_table_get(shop.items, answer->items[i - back].item, shop.category, &other)) same += other == value;
        }
        if (!promise(same <= config->diversity_count, "neighbours are diverse unless it says so")) return false;
    }
    return true;
}

static bool same_answer(const struct sh_feed_answer *a, const struct sh_feed_answer *b) {
    bool same = a->count == b->count && a->relaxed == b->relaxed;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = a->items[i].item == b->items[i].item && a->items[i].score == b->items[i].score &&
               a->items[i].sources == b->items[i].sources && a->items[i].reason_count == b->items[i].reason_count;
    return promise(same, "the same request has the same answer");
}

static bool check_question(uint32_t item_count, uint32_t user_count) {
    static struct twin_score scores[TWIN_ITEMS_MAX];
    static double popularity[TWIN_ITEMS_MAX];
    struct question question;
    struct sh_arena arena;
    struct sh_feed_answer answer;
    struct sh_feed_answer again;
    struct sh_error err;
    sh_arena_init(&arena, 64 << 20);
    ask_something(&question, item_count, user_count);
    bool ok = promise(sh_feed_get(shop.model, &question.request, &arena, &answer, &err) == SH_OK, err.message) &&
              promise(sh_feed_get(shop.model, &question.request, &arena, &again, &err) == SH_OK, err.message) &&
              same_answer(&answer, &again);
    if (ok) {
        twin_scores(&shop, question.request.user, question.request.now_ms, scores, popularity);
        ok = check_items(&question, &answer, scores) && check_choice(&question, &answer, scores, item_count) &&
             check_diversity(&answer);
        for (uint32_t item = 0; ok && item < item_count; item++)
            ok = promise(near(sh_feed_popularity(shop.model, item, question.request.now_ms), popularity[item]),
                         "popularity as the twin's");
    }
    sh_bitmap_deinit(&question.eligible);
    sh_arena_deinit(&arena);
    return ok;
}

static bool check_shards_agree(uint32_t item_count) {
    for (uint32_t item = 0; item < item_count; item++)
        if (!promise(sh_feed_popularity(shop.model, item, BASE_MS) == sh_feed_popularity(sibling.model, item, BASE_MS),
                     "popularity is the same number in all shards"))
            return false;
    const char *broken = "";
    return promise(sh_feed_check(shop.model, &broken), broken) &&
           promise(sh_feed_check(sibling.model, &broken), broken);
}

/* ---- From the item's side ---- */

/* What tells users apart, of the item in the user's feed. */
static double score_in_feed(uint32_t user, uint32_t item, int64_t now_ms, struct sh_arena *arena) {
    const struct sh_feed_request request = {.user = user, .count = TWIN_ITEMS_MAX, .now_ms = now_ms};
    struct sh_feed_answer answer;
    if (sh_feed_get(shop.model, &request, arena, &answer, NULL) != SH_OK) abort();
    for (uint32_t i = 0; i < answer.count; i++)
        if (answer.items[i].item == item)
            return answer.items[i].contributions[SH_FEED_AFFINITY] + answer.items[i].contributions[SH_FEED_PAIRS] +
                   answer.items[i].contributions[SH_FEED_WALK];
    abort();
}

static bool check_fit(uint32_t item_count, uint32_t user_count) {
    const uint32_t item = random_below(item_count);
    const uint32_t wanted = 1 + random_below(user_count);
    double expected[TWIN_USERS_MAX];
    uint32_t positive = 0;
    struct sh_arena arena;
    struct sh_feed_fit *fit;
    struct sh_feed_fit_user *users;
    uint32_t count;
    sh_arena_init(&arena, SH_REQUEST_ARENA_BYTES_MAX);
    for (uint32_t user = 0; user < user_count; user++) {
        expected[user] = score_in_feed(user, item, last_ms, &arena);
        positive += expected[user] > 0;
        sh_arena_reset(&arena);
    }
    if (sh_feed_fit_create(shop.model, item, last_ms, wanted, &arena, &fit, NULL) != SH_OK) abort();
    const uint64_t everybody[2] = {(UINT64_C(1) << user_count) - 1, 0};
    if (random_below(2) == 0) { /* in one piece, or the first of them and then the others */
        sh_feed_fit_offer(fit, 0, everybody, 0, 2);
    } else {
        sh_feed_fit_offer(fit, 0, &(uint64_t){everybody[0] & 1}, 0, 1);
        sh_feed_fit_offer(fit, 0, &(uint64_t){everybody[0] & ~UINT64_C(1)}, 0, 1);
    }
    if (sh_feed_fit_best(fit, &users, &count, NULL) != SH_OK) abort();
    bool ok = promise(sh_feed_fit_count(fit) == positive, "as many users as have it in their feeds for a reason");
    ok = ok && promise(count == (wanted < positive ? wanted : positive), "as many users as wanted");
    for (uint32_t i = 0; ok && i < count; i++) {
        double by_reasons = 0;
        for (uint32_t k = 0; k < users[i].reason_count; k++)
            by_reasons += users[i].reasons[k].value;
        ok = promise(users[i].score == expected[users[i].user], "the score of the user's own feed, to the last bit") &&
             promise(i == 0 || users[i - 1].score >= users[i].score, "the best users first") &&
             promise(users[i].reason_count == SH_FEED_REASON_COUNT_MAX || near(by_reasons, users[i].score),
                     "reasons add up to a user's score");
        for (uint32_t user = 0; ok && user < user_count; user++) { /* who is left out is no better */
            bool is_in = false;
            for (uint32_t k = 0; k < count; k++)
                is_in |= users[k].user == user;
            ok = promise(is_in || expected[user] <= users[count - 1].score, "nobody better is left out");
        }
    }
    sh_arena_deinit(&arena);
    return ok;
}

static bool one_shop(void) {
    const uint32_t item_count = 1 + random_below(80);
    const uint32_t user_count = 1 + random_below(5);
    shop_open(&shop);
    shop_open(&sibling);
    fill_shop(item_count, user_count);
    configure();
    live(random_below(400), item_count, user_count);
    join_logs(user_count);
    bool ok = check_shards_agree(item_count);
    for (uint32_t i = 0; ok && i < 6; i++)
        ok = check_question(item_count, user_count) && check_fit(item_count, user_count);
    shop_close(&sibling);
    shop_close(&shop);
    return ok;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 100;
    printf("reproduce: ./feed_property %" PRIu64 " %" PRIu64 "\n", seed, count);
    for (uint64_t run = 0; run < count; run++) {
        state = sh_hash_mix(seed, run);
        if (!one_shop()) {
            printf("shop %" PRIu64 ": this does not hold: %s\n", run, reason);
            return 1;
        }
    }
    return 0;
}
