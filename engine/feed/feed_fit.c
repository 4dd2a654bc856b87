#include "feed_fit.h"

#include <math.h>
#include <string.h>

#include "feed_companion.h"
#include "feed_taste.h"

enum {
    MATE_BITS = 8192, /* for at most SH_PAIR_OF_ITEM_MAX companions: one in thirteen of the others passes too */
    MEMO_COUNT = 4096,
    AHEAD = 8, /* users whose memory is asked for: where it is, and half as many later what is there */
};

struct sh_feed_fit {
    struct sh_feed_model *model;
    struct sh_arena *arena;
    struct sh_feed_request request; /* of the user at hand, as a feed would have it */
    struct feed_run run;
    uint32_t item;
    uint32_t tags[ITEM_TAG_COUNT_MAX]; /* the item's */
    uint32_t tag_count;
    bool has_more_tags;                /* than are listed: then nobody is passed over for having none of them */
    struct feed_taste *taste;          /* NULL: it has more tags */
    const struct sh_bitmap **declared; /* users who have a tag that reads as one of the item's */
    uint32_t declared_count;
    struct mates {
        uint64_t version; /* of the pairs: as long as it is the same, the rest holds */
        bool is_known;
        bool is_whole;                 /* `bits` has all that may have a pair with it */
        uint64_t bits[MATE_BITS / 64]; /* a bit a companion, by a hash */
        struct memo {
            uint32_t item; /* whose list was looked at; SH_SLOT_NONE: no item's */
            bool has_pair;
        } memo[MEMO_COUNT]; /* the others' lists, by the same hash, where its own does not have all */
    } mates;
    uint64_t declared_words[SH_BLOCK_WORDS]; /* of the block at hand: who is in any of `declared` */
    struct best best;
    uint64_t count;
};

static enum sh_status arena_full(struct sh_error *err) {
    return sh_fail(err, SH_ERR_LIMIT, -1, "the request needs more memory than its arena may take");
}

/* ---- Who may have to do with it ---- */

/* Users' tags that read as one of the item's. */
static enum sh_status find_declared(struct sh_feed_fit *fit) {
    const struct sh_table *users = fit->model->scope.users;
    const uint32_t set_count = sh_table_tag_set_count(users);
    fit->declared = sh_arena_alloc(fit->arena, ((size_t)fit->tag_count * set_count + 1) * sizeof *fit->declared);
    if (fit->declared == NULL) return SH_ERR_LIMIT;
    if (fit->model->config.declared == 0) return SH_OK;
    for (uint32_t set = 0; set < set_count; set++)
        for (uint32_t i = 0; i < fit->tag_count; i++) {
            const struct sh_text text = tag_name(fit->model->scope.items, fit->tags[i]);
            const uint32_t code = sh_table_find_tag(users, set, text);
            if (code != SH_CODE_NONE) fit->declared[fit->declared_count++] = sh_table_tag_slots(users, set, code);
        }
    return SH_OK;
}

static uint32_t mate_hash(uint32_t item) {
    return (uint32_t)((item * UINT64_C(0x9E3779B97F4A7C15)) >> 40);
}

/* A pair stands in the lists of both, so the item's own says who its companions are; once it has lost some, the lists of
 * the others are looked at, each once. */
static void find_mates(struct sh_feed_fit *fit) {
    const struct sh_pairs *pairs = fit->model->liked;
    struct mates *mates = &fit->mates;
    struct sh_pair list[SH_PAIR_OF_ITEM_MAX];
    if (mates->is_known && mates->version == sh_pairs_version(pairs)) return;
    mates->is_known = true;
    mates->version = sh_pairs_version(pairs);
    mates->is_whole = sh_pairs_lost(pairs, fit->item) == 0;
    memset(mates->bits, 0, sizeof mates->bits);
    for (uint32_t i = 0; i < MEMO_COUNT && !mates->is_whole; i++)
        mates->memo[i].item = SH_SLOT_NONE;
    const uint32_t count = mates->is_whole ? sh_pairs_of(pairs, fit->item, list) : 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t bit = mate_hash(list[i].item) % MATE_BITS;
        mates->bits[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
}

static bool may_be_mate(struct sh_feed_fit *fit, uint32_t item) {
    const uint32_t bit = mate_hash(item) % MATE_BITS;
    if (fit->mates.is_whole) return (fit->mates.bits[bit / 64] >> (bit % 64) & 1) != 0;
    struct memo *memo = &fit->mates.memo[mate_hash(item) % MEMO_COUNT];
    if (memo->item != item) *memo = (struct memo){item, sh_pairs_count(fit->model->liked, item, fit->item) > 0};
    return memo->has_pair;
}

/* May the user have a pair with it? */
static bool has_mate(struct sh_feed_fit *fit, uint32_t user) {
    struct sh_pair_liking latest[COMPANION_RECENT_MAX];
    const uint32_t count = sh_pairs_latest(fit->model->liked, user, latest, COMPANION_RECENT_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (may_be_mate(fit, latest[i].item)) return true;
    return false;
}

static bool is_declared(const struct sh_feed_fit *fit, uint32_t user) {
    for (uint32_t i = 0; i < fit->declared_count; i++)
        if (sh_bitmap_contains(fit->declared[i], user)) return true;
    return false;
}

static bool is_drawn(const struct sh_feed_fit *fit, uint32_t user) {
    struct affinity *affinity = user < fit->model->user_capacity ? fit->model->users[user] : NULL;
    if (affinity == NULL) return false;
    bool found = false;
    for (uint32_t k = 0; k < fit->tag_count && !found; k++)
        for (uint32_t i = 0; i < affinity->capacity; i++) /* those from count on are no tags */
            found |= affinity_tags(affinity)[i] == fit->tags[k];
    return found;
}

/* ---- Scores ---- */

static void read_profile(struct sh_feed_fit *fit) {
    fit->run.profile_count = 0;
    profile_begin(&fit->run);
}

static double affinity_of(struct sh_feed_fit *fit, uint32_t user) {
    if (fit->taste != NULL) return feed_taste_value(fit->taste, user, fit->request.now_ms);
    read_profile(fit);
    return feature_value(&fit->run, SH_FEED_AFFINITY, fit->item);
}

/* is_near: the user is known to have a tag that reads as one of the item's. */
static struct sh_feed_fit_user score_of(struct sh_feed_fit *fit, uint32_t user, bool is_near) {
    struct sh_feed_fit_user made = {.user = user};
    fit->request.user = user;
    if (item_is_known(fit->model, fit->item) && feature_is_on(&fit->run, SH_FEED_AFFINITY) &&
        (is_near || fit->has_more_tags || is_drawn(fit, user)))
        made.affinity = affinity_of(fit, user);
    if (has_mate(fit, user)) {
        struct companion_parts parts;
        if (feature_is_on(&fit->run, SH_FEED_PAIRS))
            made.pairs = companion_value(&fit->run, SH_FEED_PAIRS, fit->item, &parts);
        if (feature_is_on(&fit->run, SH_FEED_WALK))
            made.walk = companion_value(&fit->run, SH_FEED_WALK, fit->item, &parts);
    }
    made.score = made.affinity + made.pairs + made.walk;
    return made;
}

/* What is the same for all users, as it is now. */
static void refresh(struct sh_feed_fit *fit) {
    if (fit->taste != NULL) feed_taste_refresh(fit->taste);
    find_mates(fit);
}

static void ask_ahead(const struct sh_feed_fit *fit, const uint32_t *users, uint32_t count, uint32_t at) {
    const struct sh_feed_model *model = fit->model;
    if (at + AHEAD < count) {
        const uint32_t user = users[at + AHEAD];
        if (user < model->user_capacity) __builtin_prefetch(&model->users[user]);
        sh_pairs_prefetch(model->liked, SH_PAIRS_AHEAD_ROOTS, user, fit->item);
        for (uint32_t set = 0; set < sh_table_tag_set_count(model->scope.users); set++)
            sh_table_prefetch_tag_cell(model->scope.users, set, user);
    }
    if (at + AHEAD / 2 < count) {
        const uint32_t user = users[at + AHEAD / 2];
        affinity_prefetch(model, user);
        sh_pairs_prefetch(model->liked, SH_PAIRS_AHEAD_LATEST, user, fit->item);
        for (uint32_t set = 0; set < sh_table_tag_set_count(model->scope.users); set++)
            sh_table_prefetch_tags(model->scope.users, set, user);
    }
}

static void offer_listed(struct sh_feed_fit *fit, const uint32_t *users, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t place = users[i] % SH_BLOCK_SLOTS;
        ask_ahead(fit, users, count, i);
        const bool is_near = (fit->declared_words[place / 64] >> (place % 64) & 1) != 0;
        const double score = score_of(fit, users[i], is_near).score;
        if (!(score > 0)) continue;
        fit->count++;
        best_offer(&fit->best, users[i], score);
    }
}

void sh_feed_fit_offer(struct sh_feed_fit *fit, uint32_t block, const uint64_t *words, uint32_t word_first,
                       uint32_t word_count) {
    enum { WORDS_AT_ONCE = 8 };
    uint32_t users[WORDS_AT_ONCE * 64];
    refresh(fit);
    memset(fit->declared_words, 0, sizeof fit->declared_words);
    for (uint32_t i = 0; i < fit->declared_count; i++)
        sh_block_or_into(fit->declared_words, sh_bitmap_block(fit->declared[i], block));
    for (uint32_t w = 0; w < word_count; w += WORDS_AT_ONCE) {
        uint32_t count = 0;
        for (uint32_t k = w; k < w + WORDS_AT_ONCE && k < word_count; k++)
            for (uint64_t word = words[k]; word != 0; word &= word - 1)
                users[count++] = block * SH_BLOCK_SLOTS + (word_first + k) * 64 + (uint32_t)__builtin_ctzll(word);
        offer_listed(fit, users, count);
    }
}

uint64_t sh_feed_fit_count(const struct sh_feed_fit *fit) {
    return fit->count;
}

/* ---- Life ---- */

enum sh_status sh_feed_fit_create(const struct sh_feed_model *model, uint32_t item, int64_t now_ms, uint32_t count,
                                  struct sh_arena *arena, struct sh_feed_fit **created, struct sh_error *err) {
    uint32_t all;
    struct sh_feed_fit *fit = sh_arena_alloc_zero(arena, sizeof *fit);
    *created = fit;
    if (fit == NULL) return arena_full(err);
    fit->model = (struct sh_feed_model *)(uintptr_t)model; /* what follows from rows may be written */
    fit->arena = arena;
    fit->item = item;
    fit->request = (struct sh_feed_request){.user = SH_SLOT_NONE, .count = 1, .now_ms = now_ms};
    fit->run.model = fit->model;
    fit->run.request = &fit->request;
    fit->run.arena = arena;
    memcpy(fit->run.weights, model->config.weights, sizeof fit->run.weights);
    fit->tag_count = item_tags(model->scope.items, item, fit->tags, ITEM_TAG_COUNT_MAX, &all);
    fit->has_more_tags = all > ITEM_TAG_COUNT_MAX;
    /* Of items that are not listed nobody keeps it up. */
    if (item_is_known(model, item)) fit->model->inverse_norm[item] = all == 0 ? 0 : 1.0 / sqrt((double)all);
    if (!fit->has_more_tags && (fit->taste = feed_taste_create(&fit->run, item, fit->tags, fit->tag_count)) == NULL)
        return arena_full(err);
    if (find_declared(fit) != SH_OK || best_init(&fit->best, model->scope.users, count, arena) != SH_OK)
        return arena_full(err);
    return SH_OK;
}

/* ---- The answer ---- */

static enum sh_status explain(struct sh_feed_fit *fit, struct sh_feed_fit_user *user) {
    struct feed_reasons reasons = {.count = 0};
    struct companion_parts parts;
    fit->request.user = user->user;
    read_profile(fit);
    if (user->affinity != 0) feed_affinity.explain(&fit->run, NULL, fit->item, user->affinity, &reasons);
    if (user->pairs != 0) {
        (void)companion_value(&fit->run, SH_FEED_PAIRS, fit->item, &parts);
        companion_explain(fit->model, &parts, "pairs", &reasons);
    }
    if (user->walk != 0) {
        (void)companion_value(&fit->run, SH_FEED_WALK, fit->item, &parts);
        companion_explain(fit->model, &parts, "walk", &reasons);
    }
    return feed_reasons_take(&reasons, SH_FEED_REASON_COUNT_MAX, fit->arena, &user->reasons, &user->reason_count);
}

enum sh_status sh_feed_fit_best(struct sh_feed_fit *fit, struct sh_feed_fit_user **users, uint32_t *count,
                                struct sh_error *err) {
    const struct sh_table *table = fit->model->scope.users;
    struct best best;
    *count = 0;
    *users = sh_arena_alloc(fit->arena, ((size_t)fit->best.count + 1) * sizeof **users);
    if (*users == NULL || best_init(&best, table, fit->best.count, fit->arena) != SH_OK) return arena_full(err);
    /* Events may have come since they were looked at: what is told of them is of one moment. */
    refresh(fit);
    for (uint32_t i = 0; i < fit->best.count; i++) {
        const uint32_t user = fit->best.items[i].item;
        const double score =
            sh_bitmap_contains(sh_table_live(table), user) ? score_of(fit, user, is_declared(fit, user)).score : 0;
        if (score > 0) best_offer(&best, user, score);
    }
    best_sort(&best);
    for (; *count < best.count; ++*count) {
        const uint32_t user = best.items[*count].item;
        (*users)[*count] = score_of(fit, user, is_declared(fit, user));
        if (explain(fit, &(*users)[*count]) != SH_OK) return arena_full(err);
    }
    return SH_OK;
}
