/* feed_profile.c -- what a request knows of its user: the tags that they are drawn to. */
#include <math.h>
#include <string.h>

#include "feed_math.h"
#include "feed_private.h"
#include "feed_reading.h"

/* ---- Tags ---- */

static struct profile_tag *profile_find(struct feed_run *run, uint32_t tag) {
    for (uint32_t i = 0; i < run->profile_count; i++)
        if (run->profile[i].tag == tag) return &run->profile[i];
    if (run->profile_count == PROFILE_COUNT_MAX) return NULL;
    struct profile_tag *added = &run->profile[run->profile_count++];
    *added = (struct profile_tag){.tag = tag, .order = tag_order(run->model->scope.items, tag)};
    return added;
}

static void add_read(struct feed_run *run) {
    for (uint32_t i = 0; i < run->reading->count; i++) {
        struct profile_tag *tag = profile_find(run, run->reading->tags[i]);
        if (tag == NULL) return;
        tag->affinity = run->reading->affinities[i];
    }
}

static void add_affinities(struct feed_run *run) {
    const struct sh_feed_model *model = run->model;
    const uint32_t user = run->request->user;
    if (user >= model->user_capacity || model->users[user] == NULL) return;
    struct affinity *affinity = model->users[user];
    const struct sh_feed_config *config = &model->config;
    const double back_ms = (double)(affinity->landmark_ms - run->request->now_ms);
    const double short_factor = config->short_share * feed_math_growth(back_ms / config->half_life_short_ms);
    const double long_factor = (1 - config->short_share) * feed_math_growth(back_ms / config->half_life_long_ms);
    for (uint32_t i = 0; i < affinity->count; i++) {
        struct profile_tag *tag = profile_find(run, affinity_tags(affinity)[i]);
        if (tag == NULL) return;
        tag->affinity =
            short_factor * (double)affinity_short(affinity)[i] + long_factor * (double)affinity_long(affinity)[i];
    }
}

static void add_declared_text(struct feed_run *run, struct sh_text text) {
    uint32_t tags[ITEM_TAG_COUNT_MAX];
    const uint32_t count = tags_of_text(run->model->scope.items, text, tags, ITEM_TAG_COUNT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct profile_tag *tag = profile_find(run, tags[i]);
        if (tag == NULL || tag->declared != 0) continue; /* the same word in two sets of a user counts once */
        tag->declared = run->model->config.declared;
        tag->affinity += tag->declared;
    }
}

static void add_declared(struct feed_run *run) {
    const struct sh_table *users = run->model->scope.users;
    uint32_t left = SH_FEED_DECLARED_COUNT_MAX;
    if (run->model->config.declared == 0) return;
    for (uint32_t set = 0; set < sh_table_tag_set_count(users); set++) {
        struct sh_tag_list list;
        sh_table_tags(users, run->request->user, set, &list);
        for (uint32_t i = 0; i < list.count && left > 0; i++, left--)
            add_declared_text(run, sh_table_tag_text(users, set, list.codes[i]));
    }
}

static int by_order(const void *left, const void *right) {
    const struct profile_tag *a = left;
    const struct profile_tag *b = right;
    if (a->order != b->order) return a->order < b->order ? -1 : 1;
    return a->tag < b->tag ? -1 : a->tag > b->tag;
}

static uint32_t tag_place(uint32_t tag) {
    return (tag ^ tag >> 16) * UINT32_C(0x9E3779B1) >> (32 - PROFILE_PLACE_BITS);
}

/* A_t becomes a_t; tags that no two items share say nothing and go. */
static void weigh_profile(struct feed_run *run) {
    const struct sh_feed_model *model = run->model;
    qsort(run->profile, run->profile_count, sizeof *run->profile, by_order);
    double squares = 0;
    for (uint32_t i = 0; i < run->profile_count; i++)
        squares += run->profile[i].affinity * run->profile[i].affinity;
    const double scale = run->weights[SH_FEED_AFFINITY] / (1.0 + sqrt(squares));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < run->profile_count; i++) {
        struct profile_tag tag = run->profile[i];
        tag.items = tag_items(model->scope.items, tag.tag);
        const uint64_t holders = tag.items == NULL ? 0 : sh_bitmap_count(tag.items);
        if (holders < 2) continue;
        tag.weight = scale * tag.affinity * feed_math_log2(1.0 + (double)model->listed_count / (double)holders);
        if (tag.weight != 0) run->profile[kept++] = tag;
    }
    run->profile_count = kept;
    memset(run->by_tag, 0xFF, sizeof run->by_tag);
    for (uint32_t i = 0; i < kept; i++) {
        uint32_t place = tag_place(run->profile[i].tag);
        while (run->by_tag[place] != PROFILE_NONE)
            place = (place + 1) % PROFILE_PLACES;
        run->by_tag[place] = (uint8_t)i;
    }
}

void profile_begin(struct feed_run *run) {
    if (run->request->user != SH_SLOT_NONE) {
        if (run->reading != NULL)
            add_read(run);
        else
            add_affinities(run);
        add_declared(run);
    }
    weigh_profile(run);
}

uint32_t profile_place(const struct feed_run *run, uint32_t tag) {
    uint32_t place = tag_place(tag);
    while (run->by_tag[place] != PROFILE_NONE && run->profile[run->by_tag[place]].tag != tag)
        place = (place + 1) % PROFILE_PLACES;
    return run->by_tag[place] == PROFILE_NONE ? run->profile_count : run->by_tag[place];
}
