#include "feed_fit.h"

#include <math.h>
#include <string.h>

#include "feed_companion.h"
#include "feed_feature.h"

struct sh_feed_fit {
    struct sh_feed_model *model;
    struct sh_arena *arena;
    struct sh_feed_request request; /* of the user at hand, as a feed would have it */
    struct feed_run run;
    uint32_t item;
    uint32_t tags[ITEM_TAG_COUNT_MAX]; /* the item's */
    uint32_t tag_count;
    bool has_more_tags;                /* than are listed: then nobody is passed over for having none of them */
    const struct sh_bitmap **declared; /* users who have a tag that reads as one of the item's */
    uint32_t declared_count;
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

static bool is_drawn(const struct sh_feed_fit *fit, uint32_t user) {
    if (fit->has_more_tags) return true;
    struct affinity *affinity = user < fit->model->user_capacity ? fit->model->users[user] : NULL;
    for (uint32_t i = 0; affinity != NULL && i < affinity->count; i++)
        for (uint32_t k = 0; k < fit->tag_count; k++)
            if (affinity_tags(affinity)[i] == fit->tags[k]) return true;
    for (uint32_t i = 0; i < fit->declared_count; i++)
        if (sh_bitmap_contains(fit->declared[i], user)) return true;
    return false;
}

/* ---- Scores ---- */

static void read_profile(struct sh_feed_fit *fit) {
    fit->run.profile_count = 0;
    profile_begin(&fit->run);
}

static struct sh_feed_fit_user score_of(struct sh_feed_fit *fit, uint32_t user) {
    const struct sh_feed_model *model = fit->model;
    struct sh_feed_fit_user made = {.user = user};
    fit->request.user = user;
    if (item_is_known(model, fit->item) && feature_is_on(&fit->run, SH_FEED_AFFINITY) && is_drawn(fit, user)) {
        read_profile(fit);
        made.affinity = feature_value(&fit->run, SH_FEED_AFFINITY, fit->item);
    }
    struct companion_parts parts;
    if (feature_is_on(&fit->run, SH_FEED_PAIRS))
        made.pairs = companion_value(&fit->run, SH_FEED_PAIRS, fit->item, &parts);
    if (feature_is_on(&fit->run, SH_FEED_WALK)) made.walk = companion_value(&fit->run, SH_FEED_WALK, fit->item, &parts);
    made.score = made.affinity + made.pairs + made.walk;
    return made;
}

void sh_feed_fit_offer(struct sh_feed_fit *fit, uint32_t user) {
    const double score = score_of(fit, user).score;
    if (!(score > 0)) return;
    fit->count++;
    best_offer(&fit->best, user, score);
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
    for (uint32_t i = 0; i < fit->best.count; i++) {
        const uint32_t user = fit->best.items[i].item;
        const double score = sh_bitmap_contains(sh_table_live(table), user) ? score_of(fit, user).score : 0;
        if (score > 0) best_offer(&best, user, score);
    }
    best_sort(&best);
    for (; *count < best.count; ++*count) {
        (*users)[*count] = score_of(fit, best.items[*count].item);
        if (explain(fit, &(*users)[*count]) != SH_OK) return arena_full(err);
    }
    return SH_OK;
}
