/* learner_archive.c -- the learner as a section of an archive.
 *
 *   section learner 1
 *     config        f64 share, i64 window_ms, f64 weight of each goal and of the amount, u8 ranks,
 *                   u32 category, store and price attribute, u32 count and u8 goal of as many event types
 *     u8            is there more?
 *     names         u32 count, texts: the sources, as bits count them; the same: the features, as parts count them
 *     counts        u64 feeds, items, lost, unknown, i64 amount; struct sh_shown_report of explored, of each place, and
 *                   of each source
 *     goals         u64 acts, u64 examples, struct loss_sums, u8 has_weights, if so section ftrl twice: weights and
 *                   calibration
 *     early         u32 count, for each u64 rec, u32 item, u32 goal, i64 amount; oldest first
 *     impressions   u64 count, u64 of them not open, struct sh_impression and its struct sh_shown of each, oldest first
 *     section rates
 *
 * Sources and features go by name, so that an archive from before there were others is read right.
 */
#include <math.h>

#include "feed.h"
#include "learner_private.h"
#include "memory.h"

enum { LEARNER_VERSION = 1, NAME_COUNT_MAX = 32 };
_Static_assert(sizeof(struct sh_shown_report) == 32 && sizeof(struct loss_sums) == 32, "written as they are");
_Static_assert((int)SH_FEED_SOURCE_COUNT <= (int)SH_LEARNER_SOURCE_COUNT, "a bit each");

/* ---- Saving ---- */

static void put_double(struct sh_archive_writer *writer, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    sh_archive_put_u64(writer, bits);
}

static void save_config(const struct sh_learner_config *config, struct sh_archive_writer *writer) {
    put_double(writer, config->share);
    sh_archive_put_i64(writer, config->window_ms);
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++)
        put_double(writer, config->goal_weights[goal]);
    put_double(writer, config->amount_weight);
    sh_archive_put_u8(writer, config->ranks);
    sh_archive_put_u32(writer, (uint32_t)config->category_attribute);
    sh_archive_put_u32(writer, (uint32_t)config->store_attribute);
    sh_archive_put_u32(writer, (uint32_t)config->price_attribute);
    uint32_t type_count = SH_EVENT_TYPE_COUNT_MAX;
    while (type_count > 0 && config->goal_of_type[type_count - 1] == SH_LEARNER_GOAL_BY_NAME)
        type_count--;
    sh_archive_put_u32(writer, type_count);
    sh_archive_put(writer, config->goal_of_type, type_count);
}

static void save_names(struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, SH_FEED_SOURCE_COUNT);
    for (uint32_t i = 0; i < SH_FEED_SOURCE_COUNT; i++)
        sh_archive_put_text(writer, sh_text_of(sh_feed_source_name((enum sh_feed_source)i)));
    sh_archive_put_u32(writer, SH_FEED_RANKER);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        sh_archive_put_text(writer, sh_text_of(sh_feed_feature_name((enum sh_feed_feature)i)));
}

static void save_counts(const struct sh_learner *learner, struct sh_archive_writer *writer) {
    sh_archive_put_u64(writer, learner->feeds);
    sh_archive_put_u64(writer, learner->items_shown);
    sh_archive_put_u64(writer, learner->lost);
    sh_archive_put_u64(writer, learner->unknown);
    sh_archive_put_i64(writer, learner->amount);
    sh_archive_put(writer, &learner->explored, sizeof learner->explored);
    sh_archive_put(writer, learner->places, sizeof learner->places);
    sh_archive_put(writer, learner->sources, SH_FEED_SOURCE_COUNT * sizeof *learner->sources);
}

static void save_goals(const struct sh_learner *learner, struct sh_archive_writer *writer) {
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++) {
        const struct goal_model *model = &learner->goals[goal];
        sh_archive_put_u64(writer, model->acts);
        sh_archive_put_u64(writer, model->examples);
        sh_archive_put(writer, &model->losses, sizeof model->losses);
        sh_archive_put_u8(writer, model->weights != NULL);
        if (model->weights == NULL) continue;
        sh_ftrl_save(model->weights, writer);
        sh_ftrl_save(model->calibration, writer);
    }
}

static void save_early(const struct sh_learner *learner, struct sh_archive_writer *writer) {
    const uint64_t kept =
        learner->early_count < SH_IMPRESSION_EARLY_MAX ? learner->early_count : SH_IMPRESSION_EARLY_MAX;
    sh_archive_put_u32(writer, (uint32_t)kept);
    for (uint64_t n = learner->early_count - kept; n < learner->early_count; n++) {
        const struct sh_learner_act *act = &learner->early[n % SH_IMPRESSION_EARLY_MAX];
        sh_archive_put_u64(writer, act->rec);
        sh_archive_put_u32(writer, act->item);
        sh_archive_put_u32(writer, act->goal);
        sh_archive_put_i64(writer, act->amount);
    }
}

static void save_impressions(const struct sh_impressions *impressions, struct sh_archive_writer *writer) {
    sh_archive_put_u64(writer, impressions->newest - impressions->oldest);
    sh_archive_put_u64(writer, impressions->open_at - impressions->oldest);
    for (uint64_t n = impressions->oldest; n < impressions->newest; n++) {
        const struct sh_impression *impression = sh_impressions_at(impressions, n);
        sh_archive_put(writer, impression, sh_impression_bytes(impression->count));
    }
}

static void save_learned(const struct sh_learner *learner, struct sh_archive_writer *writer) {
    save_names(writer);
    save_counts(learner, writer);
    save_goals(learner, writer);
    save_early(learner, writer);
    save_impressions(&learner->impressions, writer);
    sh_rates_save(learner->rates, writer);
}

void sh_learner_save(const struct sh_learner *learner, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "learner", LEARNER_VERSION);
    save_config(&learner->config, writer);
    const bool is_used = learner->feeds > 0 || learner->early_count > 0 || learner->lost > 0;
    sh_archive_put_u8(writer, is_used);
    if (is_used) save_learned(learner, writer);
    sh_archive_end(writer);
}

/* ---- Loading ---- */

/* Where a name of the archive stands here; count_here: nowhere. */
struct names {
    uint32_t count;
    uint8_t here[NAME_COUNT_MAX];
};

static double get_double(struct sh_archive_reader *reader) {
    const uint64_t bits = sh_archive_get_u64(reader);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void load_config(struct sh_learner *learner, struct sh_archive_reader *reader) {
    struct sh_learner_config config = {.share = get_double(reader)};
    struct sh_error err;
    config.window_ms = sh_archive_get_i64(reader);
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++)
        config.goal_weights[goal] = get_double(reader);
    config.amount_weight = get_double(reader);
    config.ranks = sh_archive_get_bool(reader);
    config.category_attribute = (int32_t)sh_archive_get_u32(reader);
    config.store_attribute = (int32_t)sh_archive_get_u32(reader);
    config.price_attribute = (int32_t)sh_archive_get_u32(reader);
    memset(config.goal_of_type, SH_LEARNER_GOAL_BY_NAME, sizeof config.goal_of_type);
    const uint32_t type_count = sh_archive_get_count(reader, SH_EVENT_TYPE_COUNT_MAX, 1, "event types with goals");
    if (!sh_archive_get(reader, config.goal_of_type, type_count)) return;
    for (uint32_t type = 0; type < type_count; type++)
        if (config.goal_of_type[type] > SH_GOAL_NONE && config.goal_of_type[type] != SH_LEARNER_GOAL_BY_NAME)
            (void)sh_archive_refuse(reader, "an event type is for no goal that there is");
    if (!sh_archive_failed(reader) && sh_learner_configure(learner, &config, &err) != SH_OK)
        (void)sh_archive_refuse(reader, "%s", err.message);
}

static void load_names(struct names *names, bool are_sources, struct sh_archive_reader *reader) {
    const uint32_t here_count = are_sources ? SH_FEED_SOURCE_COUNT : SH_FEED_RANKER;
    names->count = sh_archive_get_count(reader, NAME_COUNT_MAX, sizeof(uint32_t) + 1, "names of sources and features");
    for (uint32_t i = 0; i < names->count && !sh_archive_failed(reader); i++) {
        const struct sh_text name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of a source or feature");
        names->here[i] = (uint8_t)here_count;
        for (uint32_t k = 0; k < here_count && !sh_archive_failed(reader); k++) {
            const char *known = are_sources ? sh_feed_source_name((enum sh_feed_source)k)
                                            : sh_feed_feature_name((enum sh_feed_feature)k);
            if (sh_text_equal(name, sh_text_of(known))) names->here[i] = (uint8_t)k;
        }
        sh_free((char *)(uintptr_t)name.bytes);
    }
}

static void load_counts(struct sh_learner *learner, const struct names *sources, struct sh_archive_reader *reader) {
    learner->feeds = sh_archive_get_u64(reader);
    learner->items_shown = sh_archive_get_u64(reader);
    learner->lost = sh_archive_get_u64(reader);
    learner->unknown = sh_archive_get_u64(reader);
    learner->amount = sh_archive_get_i64(reader);
    (void)sh_archive_get(reader, &learner->explored, sizeof learner->explored);
    (void)sh_archive_get(reader, learner->places, sizeof learner->places);
    for (uint32_t i = 0; i < sources->count && !sh_archive_failed(reader); i++) {
        struct sh_shown_report report;
        if (!sh_archive_get(reader, &report, sizeof report)) return;
        if (sources->here[i] < SH_FEED_SOURCE_COUNT) learner->sources[sources->here[i]] = report;
    }
}

static bool losses_are_good(const struct loss_sums *losses) {
    return isfinite(losses->predicted) && isfinite(losses->calibrated) && isfinite(losses->rate) &&
           isfinite(losses->weight) && losses->weight >= 0;
}

static void load_goals(struct sh_learner *learner, struct sh_archive_reader *reader) {
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT && !sh_archive_failed(reader); goal++) {
        struct goal_model *model = &learner->goals[goal];
        model->acts = sh_archive_get_u64(reader);
        model->examples = sh_archive_get_u64(reader);
        if (!sh_archive_get(reader, &model->losses, sizeof model->losses)) return;
        if (!losses_are_good(&model->losses)) (void)sh_archive_refuse(reader, "a loss is no number");
        if (!sh_archive_get_bool(reader)) {
            if (model->examples > 0) (void)sh_archive_refuse(reader, "a goal has examples and no weights");
            continue;
        }
        if (!goal_make(model)) (void)sh_archive_refuse_memory(reader);
        if (sh_archive_failed(reader) || sh_ftrl_load(model->weights, reader) != SH_OK ||
            sh_ftrl_load(model->calibration, reader) != SH_OK)
            return;
    }
}

static void load_early(struct sh_learner *learner, uint32_t item_end, struct sh_archive_reader *reader) {
    const uint32_t count = sh_archive_get_count(reader, SH_IMPRESSION_EARLY_MAX, 24, "early acts");
    for (; learner->early_count < count && !sh_archive_failed(reader); learner->early_count++) {
        struct sh_learner_act *act = &learner->early[learner->early_count];
        act->rec = sh_archive_get_u64(reader);
        act->item = sh_archive_get_u32(reader);
        const uint32_t goal = sh_archive_get_u32(reader);
        act->goal = goal <= SH_GOAL_NONE ? (enum sh_goal)goal : SH_GOAL_NONE;
        act->amount = sh_archive_get_i64(reader);
        if (goal > SH_GOAL_NONE || act->item >= item_end) (void)sh_archive_refuse(reader, "an early act is of nothing");
    }
}

static const char *fault_of_head(const struct sh_learner *learner, const struct sh_impression *head) {
    const struct sh_impressions *impressions = &learner->impressions;
    if (head->count > SH_FEED_COUNT_MAX || head->kind_count > SH_SERVED_KIND_COUNT || head->hour > 23 ||
        head->places_before > SH_SERVED_PLACE_MAX)
        return "an impression has more than it may";
    if (head->time_ms < SH_INSTANT_MIN || head->time_ms > SH_INSTANT_MAX) return "an impression is outside all time";
    if (sh_impressions_find(impressions, head->rec) != NULL) return "an impression is there twice";
    if (impressions->byte_count + sh_impression_bytes(head->count) > SH_IMPRESSION_BYTES_MAX)
        return "there are more impressions than may be";
    return NULL;
}

static const char *fault_of_shown(const struct sh_shown *shown, uint32_t item_end) {
    if (shown->item >= item_end) return "an impression is of no item";
    if (shown->kind_count > SH_SHOWN_KIND_COUNT || shown->flags >= 2 * SH_SHOWN_EXPLORED)
        return "an impression has more than it may";
    if (!isfinite(shown->score) || !(shown->propensity > 0) || shown->propensity > 1 || !isfinite(shown->predicted) ||
        shown->amount < 0)
        return "an impression's numbers cannot be";
    return NULL;
}

static void rename_parts(struct sh_shown *shown, const struct names *sources, const struct names *features) {
    const struct sh_shown old = *shown;
    shown->sources = 0;
    for (uint32_t i = 0; i < sources->count; i++)
        if ((old.sources >> i & 1) != 0 && sources->here[i] < SH_FEED_SOURCE_COUNT)
            shown->sources |= UINT32_C(1) << sources->here[i];
    memset(shown->parts, 128, sizeof shown->parts);
    for (uint32_t i = 0; i < features->count && i < SH_SHOWN_PART_COUNT; i++)
        if (features->here[i] < SH_SHOWN_PART_COUNT) shown->parts[features->here[i]] = old.parts[i];
}

static bool load_impression(struct sh_learner *learner, uint32_t item_end, const struct names *sources,
                            const struct names *features, struct sh_archive_reader *reader) {
    struct sh_impression head;
    if (!sh_archive_get(reader, &head, sizeof head)) return false;
    const char *fault = fault_of_head(learner, &head);
    struct sh_impression *impression =
        fault != NULL ? NULL : sh_impressions_add(&learner->impressions, head.rec, head.count);
    if (fault == NULL && impression == NULL) (void)sh_archive_refuse_memory(reader);
    if (impression != NULL) {
        memcpy(impression, &head, sizeof head);
        if (!sh_archive_get(reader, impression->items, head.count * sizeof(struct sh_shown))) return false;
    }
    for (uint32_t i = 0; impression != NULL && fault == NULL && i < head.count; i++) {
        fault = fault_of_shown(&impression->items[i], item_end);
        rename_parts(&impression->items[i], sources, features);
    }
    if (fault != NULL) (void)sh_archive_refuse(reader, "%s", fault);
    return !sh_archive_failed(reader);
}

static void load_learned(struct sh_learner *learner, struct sh_archive_reader *reader) {
    struct names sources;
    struct names features;
    const uint32_t item_end = sh_table_slot_end(learner->items);
    load_names(&sources, true, reader);
    load_names(&features, false, reader);
    load_counts(learner, &sources, reader);
    load_goals(learner, reader);
    if (!sh_archive_failed(reader)) load_early(learner, item_end, reader);
    const uint64_t count = sh_archive_get_u64(reader);
    const uint64_t closed = sh_archive_get_u64(reader);
    for (uint64_t i = 0; i < count && !sh_archive_failed(reader); i++)
        if (!load_impression(learner, item_end, &sources, &features, reader)) break;
    if (closed > count) (void)sh_archive_refuse(reader, "more impressions are learned from than there are");
    learner->impressions.open_at = closed;
    if (sh_archive_failed(reader)) return;
    const enum sh_status status = sh_rates_load(learner->rates, item_end, reader);
    (void)status; /* the reader keeps it */
}

enum sh_status sh_learner_load(struct sh_learner *learner, struct sh_archive_reader *reader) {
    if (sh_archive_enter(reader, "learner", LEARNER_VERSION) == 0) return sh_archive_status(reader, NULL);
    load_config(learner, reader);
    if (sh_archive_get_bool(reader)) load_learned(learner, reader);
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
