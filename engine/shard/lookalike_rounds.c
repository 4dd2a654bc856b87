#include "lookalike_rounds.h"

#include <math.h>
#include <stdlib.h>

#include "lookalike.h"
#include "memory.h"

enum { CURVE_POINTS = 10, INFORMATION_PARTS = 1000000000 };

/* ---- Weights ---- */

struct counted {
    struct sh_text of;
    bool is_tag_set;
    struct sh_value value;
    const uint8_t *begin; /* of the value */
    const uint8_t *end;
    uint64_t seeds;
    uint64_t users;
    int64_t information; /* rounded, so that features that tell the same go by their names */
    int64_t weight;
};

static int by_name(const void *left, const void *right) {
    const struct counted *a = left;
    const struct counted *b = right;
    const int order = sh_text_compare(a->of, b->of);
    if (order != 0) return order;
    if (a->is_tag_set != b->is_tag_set) return a->is_tag_set ? 1 : -1;
    if (a->value.kind == SH_VALUE_BOOL) return (int)a->value.boolean - (int)b->value.boolean;
    return sh_text_compare(a->value.text, b->value.text);
}

static int by_information(const void *left, const void *right) {
    const struct counted *a = left;
    const struct counted *b = right;
    if (a->information != b->information) return a->information > b->information ? -1 : 1;
    return by_name(left, right);
}

static struct sh_value next_value(struct sh_answer_list *list) {
    const bool has_next = sh_answer_list_next(list);
    sh_assert(has_next);
    return sh_answer_list_value(list);
}

/* All shards' features, each once. */
static enum sh_status gather(const struct sh_answer_map *maps, uint32_t part_count, struct counted **features,
                             uint64_t *count, struct sh_error *err) {
    struct sh_answer_list list;
    uint64_t capacity = 1;
    for (uint32_t i = 0; i < part_count; i++) {
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], "features"));
        capacity += list.left / 5;
    }
    struct counted *all = sh_alloc_zero(capacity * sizeof *all);
    if (all == NULL) return sh_fail_memory(err);
    uint64_t found = 0;
    for (uint32_t i = 0; i < part_count; i++) {
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], "features"));
        while (list.left > 0) {
            struct counted *feature = &all[found++];
            feature->of = next_value(&list).text;
            feature->is_tag_set = next_value(&list).integer != 0;
            feature->value = next_value(&list);
            feature->begin = list.begin;
            feature->end = list.end;
            feature->seeds = next_value(&list).big;
            feature->users = next_value(&list).big;
        }
    }
    qsort(all, found, sizeof *all, by_name);
    uint64_t kept = 0;
    for (uint64_t i = 0; i < found; i++) {
        struct counted *last = kept == 0 ? NULL : &all[kept - 1];
        if (last == NULL || by_name(last, &all[i]) != 0) {
            all[kept++] = all[i];
            continue;
        }
        last->seeds += all[i].seeds;
        last->users += all[i].users;
    }
    *features = all;
    *count = kept;
    return SH_OK;
}

static void weigh(struct counted *feature, uint64_t seed_count, uint64_t user_count) {
    /* Rows written while it was counted may have left the two counts a little apart. */
    if (feature->users < feature->seeds) feature->users = feature->seeds;
    if (feature->seeds > seed_count) feature->seeds = seed_count;
    if (feature->users - feature->seeds > user_count - seed_count)
        feature->users = feature->seeds + (user_count - seed_count);
    const double weight = sh_feature_weight(feature->seeds, feature->users, seed_count, user_count);
    const double information = sh_feature_information(feature->seeds, feature->users, seed_count, user_count);
    feature->weight = lrint(weight * SH_LOOKALIKE_WEIGHT_PARTS);
    feature->information = llrint(information * INFORMATION_PARTS);
}

enum sh_status sh_lookalike_weigh(const struct sh_answer_map *maps, uint32_t part_count, struct sh_buffer *weights,
                                  struct sh_error *err) {
    struct counted *features = NULL;
    uint64_t count = 0;
    uint64_t seed_count = 0;
    uint64_t user_count = 0;
    msgpack_packer packer;
    for (uint32_t i = 0; i < part_count; i++) {
        seed_count += sh_answer_map_uint(&maps[i], "seeds");
        user_count += sh_answer_map_uint(&maps[i], "users");
    }
    if (seed_count == 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "nobody matches `seeds`: there is nobody to be like");
    if (seed_count >= user_count) return sh_fail(err, SH_ERR_ARGUMENT, -1, "everybody matches `seeds`: nobody is left");
    const enum sh_status status = gather(maps, part_count, &features, &count, err);
    if (status != SH_OK) return status;
    for (uint64_t i = 0; i < count; i++)
        weigh(&features[i], seed_count, user_count);
    qsort(features, count, sizeof *features, by_information);
    uint64_t shown = 0;
    while (shown < count && shown < SH_LOOKALIKE_FEATURE_COUNT_MAX && features[shown].information > 0)
        shown++;
    sh_buffer_packer(weights, &packer);
    (void)msgpack_pack_map(&packer, 3);
    sh_pack_literal(&packer, "seeds");
    (void)msgpack_pack_uint64(&packer, seed_count);
    sh_pack_literal(&packer, "users");
    (void)msgpack_pack_uint64(&packer, user_count);
    sh_pack_literal(&packer, "list");
    (void)msgpack_pack_array(&packer, shown);
    for (uint64_t i = 0; i < shown; i++) {
        (void)msgpack_pack_array(&packer, 6);
        sh_pack_text(&packer, features[i].of);
        (void)msgpack_pack_uint8(&packer, features[i].is_tag_set);
        sh_buffer_append(weights, features[i].begin, (size_t)(features[i].end - features[i].begin));
        (void)msgpack_pack_int64(&packer, features[i].weight);
        (void)msgpack_pack_uint64(&packer, features[i].seeds);
        (void)msgpack_pack_uint64(&packer, features[i].users);
    }
    sh_free(features);
    return sh_buffer_status(weights, err);
}

/* ---- The second round ---- */

/* The request's map and one pair more. */
static enum sh_status write_params(const struct sh_request *request, const struct sh_buffer *weights,
                                   struct sh_buffer *params, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t pair_count;
    msgpack_packer packer;
    sh_cursor_init(&cursor, request->params, request->params_count);
    const enum sh_status status = sh_cursor_map(&cursor, &pair_count, "params", err);
    if (status != SH_OK) return status;
    sh_buffer_clear(params);
    sh_buffer_packer(params, &packer);
    (void)msgpack_pack_map(&packer, (size_t)pair_count + 1);
    sh_buffer_append(params, cursor.at, (size_t)(cursor.end - cursor.at));
    sh_pack_literal(&packer, "part_weights");
    sh_buffer_append(params, weights->bytes, weights->count);
    return params->failed ? sh_fail_memory(err) : SH_OK;
}

enum sh_status sh_lookalike_next(const struct sh_request *request, struct sh_split *split,
                                 const struct sh_part_result *results, struct sh_error *err) {
    struct sh_answer_map maps[SH_SHARD_COUNT_MAX];
    struct sh_buffer weights;
    for (uint32_t i = 0; i < split->part_count; i++) {
        if (results[i].status != SH_OK) {
            if (err != NULL) *err = *results[i].err;
            return results[i].status;
        }
        sh_answer_map_read_body(&maps[i], results[i].body);
    }
    sh_buffer_init(&weights, SH_PART_BYTES_MAX);
    enum sh_status status = sh_lookalike_weigh(maps, split->part_count, &weights, err);
    for (uint32_t i = 0; i < split->part_count && status == SH_OK; i++)
        status = write_params(request, &weights, &split->parts[i].params, err);
    sh_buffer_deinit(&weights);
    split->question_round = 2;
    return status;
}

/* ---- The answer ---- */

/* A shard's list, the first of which is looked at. */
struct source {
    struct sh_answer_list ids;
    struct sh_answer_list scores;
    struct sh_answer_list mixes;
    bool has_row;
    struct sh_text id;
    int64_t score;
    uint64_t mix;
};

static void advance(struct source *source) {
    source->has_row = sh_answer_list_next(&source->ids);
    if (!source->has_row) return;
    source->id = sh_answer_list_value(&source->ids).text;
    source->score = next_value(&source->scores).integer;
    source->mix = next_value(&source->mixes).big;
}

static bool is_before(const struct source *a, const struct source *b) {
    if (a->score != b->score) return a->score > b->score;
    if (a->mix != b->mix) return a->mix < b->mix;
    return sh_text_compare(a->id, b->id) < 0;
}

/* `ids`, with each one's score into scores. */
static void merge_ids(const struct sh_answer_map *maps, uint32_t part_count, uint64_t count, int64_t *scores,
                      struct sh_buffer *merged, msgpack_packer *packer) {
    struct source sources[SH_SHARD_COUNT_MAX];
    for (uint32_t i = 0; i < part_count; i++) {
        sh_answer_list_begin(&sources[i].ids, sh_answer_map_find(&maps[i], "ids"));
        sh_answer_list_begin(&sources[i].scores, sh_answer_map_find(&maps[i], "scores"));
        sh_answer_list_begin(&sources[i].mixes, sh_answer_map_find(&maps[i], "mixes"));
        advance(&sources[i]);
    }
    sh_pack_literal(packer, "ids");
    (void)msgpack_pack_array(packer, count);
    for (uint64_t row = 0; row < count; row++) {
        struct source *first = NULL;
        for (uint32_t i = 0; i < part_count; i++)
            if (sources[i].has_row && (first == NULL || is_before(&sources[i], first))) first = &sources[i];
        sh_assert(first != NULL);
        scores[row] = first->score;
        sh_buffer_append(merged, first->ids.begin, (size_t)(first->ids.end - first->ids.begin));
        advance(first);
    }
}

static void pack_score(msgpack_packer *packer, int64_t thousandths) {
    (void)msgpack_pack_double(packer, (double)thousandths / SH_LOOKALIKE_WEIGHT_PARTS);
}

/* The scores at the first place and at each tenth of the list. */
static void pack_curve(const int64_t *scores, uint64_t count, msgpack_packer *packer) {
    uint64_t ranks[CURVE_POINTS + 1];
    uint32_t rank_count = 0;
    for (uint32_t i = 0; i <= CURVE_POINTS && count > 0; i++) {
        const uint64_t rank = i == 0 ? 1 : (count * i + CURVE_POINTS - 1) / CURVE_POINTS;
        if (rank_count == 0 || rank > ranks[rank_count - 1]) ranks[rank_count++] = rank;
    }
    sh_pack_literal(packer, "curve");
    (void)msgpack_pack_array(packer, rank_count);
    for (uint32_t i = 0; i < rank_count; i++) {
        (void)msgpack_pack_map(packer, 2);
        sh_pack_literal(packer, "rank");
        (void)msgpack_pack_uint64(packer, ranks[i]);
        sh_pack_literal(packer, "score");
        pack_score(packer, scores[ranks[i] - 1]);
    }
}

static void pack_features(const struct sh_answer_map *weights, struct sh_buffer *merged, msgpack_packer *packer) {
    static const char *const names[] = {"of", NULL, "value", "weight", "seeds", "users"};
    struct sh_answer_list list;
    sh_answer_list_begin(&list, sh_answer_map_find(weights, "list"));
    sh_pack_literal(packer, "features");
    (void)msgpack_pack_array(packer, list.left);
    while (sh_answer_list_next(&list)) {
        struct sh_answer_list cells;
        const struct sh_answer_pair row = {.begin = list.begin, .end = list.end};
        sh_answer_list_begin(&cells, &row);
        (void)msgpack_pack_map(packer, 5);
        for (uint32_t i = 0; i < sizeof names / sizeof *names; i++) {
            (void)sh_answer_list_next(&cells);
            if (names[i] == NULL) continue;
            sh_pack_literal(packer, names[i]);
            if (i == 3)
                pack_score(packer, sh_answer_list_value(&cells).integer);
            else
                sh_buffer_append(merged, cells.begin, (size_t)(cells.end - cells.begin));
        }
    }
}

enum sh_status sh_lookalike_merge(const struct sh_request *request, const struct sh_answer_map *maps,
                                  uint32_t part_count, struct sh_buffer *merged, struct sh_error *err) {
    struct sh_answer_map params, weights;
    msgpack_packer packer;
    uint64_t found = 0;
    uint64_t candidates = 0;
    const struct sh_answer_pair all = {.begin = request->params, .end = request->params + request->params_count};
    sh_answer_map_read(&params, &all);
    const uint64_t wanted = sh_answer_map_uint(&params, "count");
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list ids;
        sh_answer_list_begin(&ids, sh_answer_map_find(&maps[i], "ids"));
        found += ids.left;
        candidates += sh_answer_map_uint(&maps[i], "candidates");
    }
    const uint64_t count = found < wanted ? found : wanted;
    int64_t *scores = sh_alloc((count + 1) * sizeof *scores);
    if (scores == NULL) return sh_fail_memory(err);
    sh_answer_map_read(&weights, sh_answer_map_find(&maps[0], "weights"));
    sh_buffer_packer(merged, &packer);
    (void)msgpack_pack_map(&packer, 5 + 1 + sh_part_held_count(maps));
    sh_part_merge_held(maps, part_count, &packer);
    sh_pack_literal(&packer, "seeds");
    (void)msgpack_pack_uint64(&packer, sh_answer_map_uint(&weights, "seeds"));
    sh_pack_literal(&packer, "candidates");
    (void)msgpack_pack_uint64(&packer, candidates);
    pack_features(&weights, merged, &packer);
    merge_ids(maps, part_count, count, scores, merged, &packer);
    pack_curve(scores, count, &packer);
    sh_free(scores);
    return SH_OK;
}
