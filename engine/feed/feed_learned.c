#include "feed_learned.h"

#include "table.h"

/* What the user is known by: own tags and values, then the tags that weigh most in the profile. */
static uint32_t user_kinds(const struct feed_run *run, uint32_t kinds[SH_SERVED_KIND_COUNT]) {
    uint32_t strongest[SH_SERVED_KIND_COUNT];
    uint64_t drawn_to[SH_SERVED_KIND_COUNT];
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->profile_count; i++) {
        if (run->profile[i].weight <= 0) continue;
        uint32_t place = count < SH_SERVED_KIND_COUNT ? count++ : SH_SERVED_KIND_COUNT;
        while (place > 0 && run->profile[strongest[place - 1]].weight < run->profile[i].weight) {
            if (place < SH_SERVED_KIND_COUNT) strongest[place] = strongest[place - 1];
            place--;
        }
        if (place < SH_SERVED_KIND_COUNT) strongest[place] = i;
    }
    for (uint32_t i = 0; i < count; i++)
        drawn_to[i] = run->profile[strongest[i]].order;
    return sh_learner_user_kinds(run->model->learner, run->request->user, drawn_to, count, kinds);
}

static void read_for(const struct feed_run *run, struct sh_learner_reader *reader) {
    uint32_t kinds[SH_SERVED_KIND_COUNT];
    const uint32_t count = user_kinds(run, kinds);
    sh_learner_read(run->model->learner, run->request->goals, run->request->now_ms, run->request->hour, kinds, count,
                    reader);
}

/* The score before anything is learned, and its parts. */
static double bare_score(const double *contributions, uint8_t parts[SH_SHOWN_PART_COUNT]) {
    double score = 0;
    memset(parts, 128, SH_SHOWN_PART_COUNT);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++) {
        score += contributions[i];
        if (i < SH_SHOWN_PART_COUNT) parts[i] = sh_learner_part(contributions[i]);
    }
    return score;
}

static bool is_ready(const struct feed_run *run) {
    return sh_learner_is_ready(run->model->learner, run->request->goals);
}

static enum sh_status rank(const struct feed_run *run, struct feed_candidate *candidates, uint32_t count) {
    struct sh_learner_reader reader;
    read_for(run, &reader);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t parts[SH_SHOWN_PART_COUNT];
        struct sh_learned learned;
        const double score = bare_score(candidates[i].contributions, parts);
        sh_learner_rank(&reader, candidates[i].item, score, parts, &learned);
        candidates[i].contributions[SH_FEED_RANKER] = learned.part;
    }
    return SH_OK;
}

static void explain(const struct feed_run *run, const struct feed_candidate *candidate, struct feed_reasons *reasons) {
    (void)run;
    feed_reason_add(reasons, "learned", candidate->contributions[SH_FEED_RANKER]);
}

const struct feed_ranker feed_learned = {.is_ready = is_ready, .rank = rank, .explain = explain};

static void remember_item(const struct sh_learner_reader *reader, const struct sh_feed_item *item,
                          struct sh_serving_item *remembered) {
    struct sh_learned learned;
    const double score = bare_score(item->contributions, remembered->parts);
    sh_learner_rank(reader, item->item, score, remembered->parts, &learned);
    remembered->item = item->item;
    remembered->score = (float)score;
    remembered->propensity = (float)item->propensity;
    remembered->predicted = (float)learned.predicted;
    remembered->is_explored = (item->sources >> SH_FEED_SOURCE_EXPLORE & 1) != 0;
    remembered->sources = item->sources;
}

enum sh_status learned_remember(const struct feed_run *run, struct sh_feed_answer *answer) {
    struct sh_learner_reader reader;
    struct sh_serving *serving = sh_arena_alloc_zero(run->arena, sizeof *serving);
    struct sh_serving_item *items = sh_arena_alloc_zero(run->arena, (answer->count + (size_t)1) * sizeof *items);
    if (serving == NULL || items == NULL) return SH_ERR_LIMIT;
    read_for(run, &reader);
    serving->time_ms = run->request->now_ms;
    serving->hour = run->request->hour;
    serving->places_before = run->request->place;
    serving->kind_count = (uint8_t)reader.kind_count;
    memcpy(serving->kinds, reader.kinds, reader.kind_count * sizeof *reader.kinds);
    for (uint32_t i = 0; i < answer->count; i++)
        remember_item(&reader, &answer->items[i], &items[i]);
    serving->count = answer->count;
    serving->items = items;
    answer->serving = serving;
    return SH_OK;
}
