#include "insight.h"

#include "insight_private.h"
#include "memory.h"

enum { LOOK_WEIGHT = 2 }; /* of a look at a block, against one bare block */

static enum sh_status fail_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory while looking at an audience");
}

static bool is_of_events(const struct sh_look *look) {
    const enum sh_look_kind kind = look->spec.kind;
    return kind == SH_LOOK_EVENT_VALUES || kind == SH_LOOK_EVENT_NUMBERS || kind == SH_LOOK_DAYS;
}

/* ---- Life ---- */

static enum sh_status prepare(struct sh_insight *insight, const struct sh_insight_spec *spec, struct sh_error *err) {
    insight->looks = sh_alloc_zero(((size_t)spec->look_count + 1) * sizeof *insight->looks);
    insight->tag_block_ns = sh_alloc_zero(((size_t)spec->look_count + 1) * sizeof *insight->tag_block_ns);
    insight->words = sh_alloc(SH_BLOCK_BYTES);
    insight->work = sh_alloc(SH_BLOCK_BYTES);
    insight->places = sh_alloc(SH_BLOCK_SLOTS * sizeof *insight->places);
    if (insight->looks == NULL || insight->tag_block_ns == NULL || insight->words == NULL || insight->work == NULL ||
        insight->places == NULL)
        return fail_memory(err);
    for (uint32_t i = 0; i < spec->look_count; i++) {
        struct sh_look *look = &insight->looks[i];
        look->spec = spec->looks[i];
        look->numbers.unit = 1;
        insight->look_count++;
        const enum sh_status status =
            is_of_events(look) ? sh_look_prepare_events(insight, i, err) : sh_look_prepare_values(insight, i, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

enum sh_status sh_insight_create(const struct sh_insight_spec *spec, struct sh_insight **created,
                                 struct sh_error *err) {
    *created = NULL;
    struct sh_insight *insight = sh_alloc_zero(sizeof *insight);
    if (insight == NULL) return fail_memory(err);
    insight->scope = spec->scope;
    insight->audience = spec->audience;
    insight->base = spec->base;
    insight->block_count = sh_plan_block_count(spec->audience);
    const enum sh_status status = prepare(insight, spec, err);
    if (status != SH_OK) {
        sh_insight_destroy(insight);
        return status;
    }
    *created = insight;
    return SH_OK;
}

void sh_insight_destroy(struct sh_insight *insight) {
    if (insight == NULL) return;
    for (uint32_t i = 0; i < insight->look_count; i++) {
        struct sh_look *look = &insight->looks[i];
        sh_free(look->users);
        sh_free(look->base);
        sh_free(look->events);
        sh_tally_deinit(&look->numbers);
    }
    sh_free(insight->looks);
    sh_free(insight->tag_block_ns);
    sh_free(insight->words);
    sh_free(insight->work);
    sh_free(insight->places);
    sh_free(insight->seen);
    sh_free(insight->dealt);
    sh_free(insight->starts);
    sh_free(insight);
}

/* ---- Blocks ---- */

static bool wants_places(const struct sh_look *look) {
    return look->spec.kind == SH_LOOK_VALUES || look->spec.kind == SH_LOOK_NUMBERS || look->spec.kind == SH_LOOK_CROSS;
}

/* Bring the view into words, and into a list if any look goes user by user. */
static void make_crowd(struct sh_insight *insight, struct sh_crowd *crowd, bool of_base) {
    crowd->words = sh_block_words(crowd->view);
    crowd->places = NULL;
    if (crowd->words == NULL) {
        sh_block_store(crowd->view, insight->words);
        crowd->words = insight->words;
    }
    for (uint32_t i = 0; i < insight->look_count && crowd->places == NULL; i++) {
        const struct sh_look *look = &insight->looks[i];
        if (!wants_places(look) || (of_base && !look->spec.has_base)) continue;
        (void)sh_block_list_u16(crowd->view, insight->places);
        crowd->places = insight->places;
    }
}

static enum sh_status look_at(struct sh_insight *insight, uint32_t number, const struct sh_crowd *crowd,
                              struct sh_error *err) {
    struct sh_look *look = &insight->looks[number];
    switch (look->spec.kind) {
    case SH_LOOK_TAGS:
        sh_look_tags(insight, number, crowd, look->users);
        return SH_OK;
    case SH_LOOK_VALUES:
        sh_look_values(insight, look, crowd, look->users);
        return SH_OK;
    case SH_LOOK_NUMBERS:
        return sh_look_numbers(insight, look, crowd);
    case SH_LOOK_CROSS:
        return sh_look_cross(insight, look, crowd);
    case SH_LOOK_EVENT_VALUES:
    case SH_LOOK_EVENT_NUMBERS:
    case SH_LOOK_DAYS:
        return sh_look_events(insight, look, crowd, err);
    }
    return SH_OK;
}

static enum sh_status run_audience(struct sh_insight *insight, struct sh_crowd *crowd, struct sh_error *err) {
    enum sh_status status = sh_plan_run_view(insight->audience, crowd->block, &crowd->view, err);
    if (status != SH_OK || crowd->view.count == 0) return status;
    insight->count += crowd->view.count;
    make_crowd(insight, crowd, false);
    for (uint32_t i = 0; i < insight->look_count; i++) {
        if (err != NULL) err->status = SH_OK;
        if ((status = look_at(insight, i, crowd, err)) == SH_OK) continue;
        if (err != NULL && err->status == status) return status; /* it has its words */
        if (status == SH_ERR_MEMORY) return fail_memory(err);
        return sh_fail(err, status, -1, "`dimensions`, number %u, has more than %d different values", i,
                       SH_TALLY_VALUE_COUNT_MAX);
    }
    return SH_OK;
}

static enum sh_status run_base(struct sh_insight *insight, struct sh_crowd *crowd, struct sh_error *err) {
    const enum sh_status status = sh_plan_run_view(insight->base, crowd->block, &crowd->view, err);
    if (status != SH_OK || crowd->view.count == 0) return status;
    insight->base_count += crowd->view.count;
    make_crowd(insight, crowd, true);
    for (uint32_t i = 0; i < insight->look_count; i++) {
        struct sh_look *look = &insight->looks[i];
        if (!look->spec.has_base) continue;
        if (look->spec.kind == SH_LOOK_TAGS)
            sh_look_tags(insight, i, crowd, look->base);
        else
            sh_look_values(insight, look, crowd, look->base);
    }
    return SH_OK;
}

static enum sh_status run_block(struct sh_insight *insight, struct sh_error *err) {
    struct sh_crowd crowd = {.block = insight->block++};
    crowd.live = sh_bitmap_block(sh_table_live(insight->scope->table), crowd.block);
    const enum sh_status status = run_audience(insight, &crowd, err);
    return status != SH_OK || insight->base == NULL ? status : run_base(insight, &crowd, err);
}

/* Without a base everybody is: what is kept says it at once. */
static void finish(struct sh_insight *insight) {
    if (insight->base != NULL) return;
    insight->base_count = sh_bitmap_count(sh_table_live(insight->scope->table));
    for (uint32_t i = 0; i < insight->look_count; i++)
        if (insight->looks[i].spec.has_base) sh_look_base_of_all(insight, &insight->looks[i]);
}

enum sh_status sh_insight_step(struct sh_insight *insight, uint32_t block_count, bool *done, struct sh_error *err) {
    const uint32_t weight = 1 + insight->look_count * LOOK_WEIGHT;
    *done = false;
    for (uint32_t left = block_count; left > 0 && insight->block < insight->block_count;
         left -= left < weight ? left : weight) {
        const enum sh_status status = run_block(insight, err);
        if (status != SH_OK) return status;
    }
    *done = insight->block >= insight->block_count;
    if (*done) finish(insight);
    return SH_OK;
}

uint64_t sh_insight_count(const struct sh_insight *insight) {
    return insight->count;
}

uint64_t sh_insight_base_count(const struct sh_insight *insight) {
    return insight->base_count;
}

const struct sh_look *sh_insight_look(const struct sh_insight *insight, uint32_t number) {
    sh_assert(number < insight->look_count);
    return &insight->looks[number];
}
