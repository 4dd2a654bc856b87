/* request_merge.c -- the parts' answers as one. */
#include <stdlib.h>

#include "explain_program.h"
#include "memory.h"
#include "merge_numbers.h"
#include "merge_people.h"
#include "merge_segments.h"
#include "part_answer.h"
#include "request_params.h"
#include "request_rounds.h"
#include "shard_private.h"

struct merging {
    const struct sh_request *request;
    const struct sh_split *split;
    const struct sh_buffer *bodies;
    struct sh_answer_map *maps; /* of the bodies */
    uint32_t part_count;
    uint32_t shard_count;
    struct sh_buffer *merged;
    msgpack_packer packer;
};

/* A map's head whose pairs are counted at the end: merged answers have fewer than 16. */
static size_t begin_map(struct merging *merging) {
    const uint8_t head = 0x80;
    const size_t at = merging->merged->count;
    sh_buffer_append(merging->merged, &head, 1);
    return at;
}

static void end_map(struct merging *merging, size_t at, uint32_t pair_count) {
    sh_assert(pair_count < 16);
    if (!merging->merged->failed) merging->merged->bytes[at] = (uint8_t)(0x80 | pair_count);
}

static void pack_sum(struct merging *merging, const char *name) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < merging->part_count; i++)
        sum += sh_answer_map_uint(&merging->maps[i], name);
    sh_pack_literal(&merging->packer, name);
    (void)msgpack_pack_uint64(&merging->packer, sum);
}

/* What each part held back for `for`; how many pairs that is. */
static uint32_t pack_held(struct merging *merging) {
    if (sh_answer_map_find(&merging->maps[0], "no_consent") == NULL) return 0;
    pack_sum(merging, "suppressed");
    pack_sum(merging, "no_consent");
    return 2;
}

static void pack_bool(struct merging *merging, const char *name, bool value) {
    sh_pack_literal(&merging->packer, name);
    if (value)
        (void)msgpack_pack_true(&merging->packer);
    else
        (void)msgpack_pack_false(&merging->packer);
}

/* ---- Rows ---- */

struct element {
    uint32_t row; /* of the request */
    const uint8_t *begin;
    const uint8_t *end;
};

static int compare_elements(const void *left, const void *right) {
    const struct element *a = left;
    const struct element *b = right;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* How a part says which of its rows an element is about. */
enum row_of {
    ROW_IS_PLACE,  /* its place in the array: users of user.get */
    ROW_IS_INSIDE, /* its key `row`: refused rows */
    ROW_IS_BESIDE  /* the same place of the array `rows`: unknown ids */
};

static uint32_t row_of_element(enum row_of how, const struct sh_answer_list *element, const struct sh_answer_list *rows,
                               uint32_t place) {
    struct sh_answer_map map;
    const struct sh_answer_pair pair = {.begin = element->begin, .end = element->end};
    switch (how) {
    case ROW_IS_PLACE:
        return place;
    case ROW_IS_INSIDE:
        sh_answer_map_read(&map, &pair);
        return (uint32_t)sh_answer_map_uint(&map, "row");
    case ROW_IS_BESIDE:
        return (uint32_t)sh_answer_list_value(rows).integer;
    }
    sh_assert(false);
}

/* Elements of an array in all parts, in the order of the request's rows; NULL if memory is out. */
static struct element *gather(const struct merging *merging, const char *name, enum row_of how, uint32_t *count) {
    uint64_t capacity = 1;
    struct sh_answer_list list;
    struct sh_answer_list rows;
    for (uint32_t i = 0; i < merging->part_count; i++) {
        sh_answer_list_begin(&list, sh_answer_map_find(&merging->maps[i], name));
        capacity += list.left;
    }
    struct element *elements = sh_alloc(capacity * sizeof *elements);
    *count = 0;
    for (uint32_t i = 0; i < merging->part_count && elements != NULL; i++) {
        const struct sh_part *part = &merging->split->parts[i];
        sh_answer_list_begin(&list, sh_answer_map_find(&merging->maps[i], name));
        sh_answer_list_begin(&rows, how == ROW_IS_BESIDE ? sh_answer_map_find(&merging->maps[i], "rows") : NULL);
        for (uint32_t place = 0; sh_answer_list_next(&list); place++) {
            if (how == ROW_IS_BESIDE) (void)sh_answer_list_next(&rows);
            uint32_t row = row_of_element(how, &list, &rows, place);
            if (part->row_numbers != NULL) row = part->row_numbers[row];
            elements[(*count)++] = (struct element){row, list.begin, list.end};
        }
    }
    if (elements != NULL) qsort(elements, *count, sizeof *elements, compare_elements);
    return elements;
}

/* A refused row's map, with the request's number of the row. */
static void copy_refusal(struct merging *merging, const struct element *element) {
    struct sh_answer_map map;
    const struct sh_answer_pair pair = {.begin = element->begin, .end = element->end};
    sh_answer_map_read(&map, &pair);
    (void)msgpack_pack_map(&merging->packer, map.count);
    for (uint32_t i = 0; i < map.count; i++) {
        sh_pack_text(&merging->packer, map.pairs[i].name);
        if (sh_text_equal(map.pairs[i].name, SH_TEXT_LITERAL("row")))
            (void)msgpack_pack_uint32(&merging->packer, element->row);
        else
            sh_buffer_append(merging->merged, map.pairs[i].begin, (size_t)(map.pairs[i].end - map.pairs[i].begin));
    }
}

static enum sh_status merge_put(struct merging *merging, const char *second, struct sh_error *err) {
    uint32_t count;
    struct element *refused = gather(merging, "refused", ROW_IS_INSIDE, &count);
    if (refused == NULL) return sh_fail_memory(err);
    const size_t map = begin_map(merging);
    pack_sum(merging, "accepted");
    pack_sum(merging, second);
    sh_pack_literal(&merging->packer, "refused");
    (void)msgpack_pack_array(&merging->packer, count);
    for (uint32_t i = 0; i < count; i++)
        copy_refusal(merging, &refused[i]);
    sh_free(refused);
    end_map(merging, map, 4);
    return SH_OK;
}

/* The pair of an array of all parts' elements. */
static enum sh_status pack_gathered(struct merging *merging, const char *name, enum row_of how, struct sh_error *err) {
    uint32_t count;
    struct element *elements = gather(merging, name, how, &count);
    if (elements == NULL) return sh_fail_memory(err);
    sh_pack_literal(&merging->packer, name);
    (void)msgpack_pack_array(&merging->packer, count);
    for (uint32_t i = 0; i < count; i++)
        sh_buffer_append(merging->merged, elements[i].begin, (size_t)(elements[i].end - elements[i].begin));
    sh_free(elements);
    return SH_OK;
}

static enum sh_status merge_get(struct merging *merging, struct sh_error *err) {
    const size_t map = begin_map(merging);
    const enum sh_status status = pack_gathered(merging, "users", ROW_IS_PLACE, err);
    end_map(merging, map, 2);
    return status;
}

static void copy_pair(struct merging *merging, const char *name) {
    const struct sh_answer_pair *pair = sh_answer_map_find(&merging->maps[0], name);
    sh_pack_literal(&merging->packer, name);
    sh_buffer_append(merging->merged, pair->begin, (size_t)(pair->end - pair->begin));
}

static enum sh_status merge_forget(struct merging *merging, struct sh_error *err) {
    const size_t map = begin_map(merging);
    pack_sum(merging, "forgotten");
    const enum sh_status status = pack_gathered(merging, "unknown", ROW_IS_BESIDE, err);
    copy_pair(merging, "receipt");
    copy_pair(merging, "erased_by");
    end_map(merging, map, 5);
    return status;
}

/* ---- Audiences ---- */

/* An int of the params (or of a map in them), which the shards have checked. */
static uint64_t param_uint(const struct sh_request *request, const char *outer, const char *name, uint64_t otherwise) {
    struct sh_answer_map map;
    const struct sh_answer_pair params = {.begin = request->params, .end = request->params + request->params_count};
    sh_answer_map_read(&map, &params);
    const struct sh_answer_pair *pair = outer == NULL ? NULL : sh_answer_map_find(&map, outer);
    if (pair != NULL) sh_answer_map_read(&map, pair);
    pair = sh_answer_map_find(&map, name);
    return pair == NULL || *pair->begin == 0xC0 ? otherwise : sh_answer_map_uint(&map, name);
}

static void pack_cursor(struct merging *merging, const struct sh_page_token *token) {
    struct sh_buffer text;
    sh_buffer_init(&text, 4096);
    sh_page_token_print(token, &text);
    sh_pack_literal(&merging->packer, "cursor");
    sh_pack_text(&merging->packer, (struct sh_text){(const char *)text.bytes, (uint32_t)text.count});
    if (text.failed) merging->merged->failed = true;
    sh_buffer_deinit(&text);
}

/* The pairs `ids` or `rows`, and `cursor` where more is left; how many pairs that is. */
static uint32_t merge_list_pairs(struct merging *merging, const struct sh_answer_map *maps, uint64_t limit,
                                 uint64_t cursor_id, uint64_t *skipped) {
    uint32_t shards[SH_SHARD_COUNT_MAX];
    struct sh_page_token token = {.id = cursor_id, .shard_count = merging->shard_count};
    for (uint32_t i = 0; i < merging->part_count; i++)
        shards[i] = merging->split->parts[i].shard;
    sh_merge_list(maps, shards, merging->part_count, limit, &token, skipped, merging->merged);
    if (sh_page_token_left(&token) == 0) return 1;
    pack_cursor(merging, &token);
    return 2;
}

static enum sh_status merge_list(struct merging *merging, struct sh_error *err) {
    uint64_t skipped;
    struct sh_answer_map params;
    const struct sh_request *request = merging->request;
    const struct sh_answer_pair all = {.begin = request->params, .end = request->params + request->params_count};
    sh_answer_map_read(&params, &all);
    const struct sh_answer_pair *cursor = sh_answer_map_find(&params, "cursor");
    uint64_t id = request->id;
    const bool is_page = cursor != NULL && *cursor->begin != 0xC0;
    if (is_page) {
        struct sh_page_token token;
        struct sh_param param = {cursor->begin, cursor->end};
        struct sh_text text = {0};
        enum sh_status status = sh_param_text(&param, "cursor", &text, err);
        if (status == SH_OK) status = sh_page_token_parse(text, merging->shard_count, &token, err);
        if (status != SH_OK) return status;
        id = token.id;
    }
    const size_t map = begin_map(merging);
    const uint64_t limit = param_uint(request, NULL, "limit", SH_LIST_LIMIT_DEFAULT);
    const bool has_now = !is_page && sh_answer_map_find(&merging->maps[0], "now") != NULL; /* audience.export */
    if (!is_page) pack_sum(merging, "count");
    if (has_now) copy_pair(merging, "now");
    const uint32_t held_count = is_page ? 0 : pack_held(merging);
    const uint32_t pair_count = merge_list_pairs(merging, merging->maps, limit, id, &skipped);
    if (is_page) {
        sh_pack_literal(&merging->packer, "skipped");
        (void)msgpack_pack_uint64(&merging->packer, skipped);
    }
    end_map(merging, map, pair_count + held_count + 2 + has_now);
    return SH_OK;
}

static enum sh_status merge_sample(struct merging *merging) {
    const size_t map = begin_map(merging);
    pack_sum(merging, "count");
    const uint32_t held_count = pack_held(merging);
    sh_merge_sample(merging->maps, merging->part_count, param_uint(merging->request, NULL, "count", 0),
                    merging->merged);
    end_map(merging, map, 3 + held_count);
    return SH_OK;
}

static enum sh_status merge_count(struct merging *merging) {
    const size_t map = begin_map(merging);
    pack_sum(merging, "count");
    pack_sum(merging, "total");
    const uint32_t held_count = pack_held(merging);
    end_map(merging, map, 3 + held_count);
    return SH_OK;
}

/* The maps under one key of every part. */
static void read_inner(const struct merging *merging, const char *name, struct sh_answer_map *inner) {
    for (uint32_t i = 0; i < merging->part_count; i++)
        sh_answer_map_read(&inner[i], sh_answer_map_find(&merging->maps[i], name));
}

static enum sh_status merge_ask(struct merging *merging, struct sh_error *err) {
    uint32_t pair_count = 1; /* took_us */
    struct sh_answer_map *inner = sh_alloc(merging->part_count * sizeof *inner);
    if (inner == NULL) return sh_fail_memory(err);
    const size_t map = begin_map(merging);
    if (sh_answer_map_find(&merging->maps[0], "count") != NULL) {
        pair_count += 2;
        pack_sum(merging, "count");
        pack_sum(merging, "total");
    }
    pair_count += pack_held(merging);
    if (sh_answer_map_find(&merging->maps[0], "list") != NULL) {
        uint64_t skipped;
        pair_count++;
        read_inner(merging, "list", inner);
        sh_pack_literal(&merging->packer, "list");
        const size_t list = begin_map(merging);
        const uint64_t limit = param_uint(merging->request, "list", "limit", SH_LIST_LIMIT_DEFAULT);
        end_map(merging, list, merge_list_pairs(merging, inner, limit, merging->request->id, &skipped));
    }
    if (sh_answer_map_find(&merging->maps[0], "sample") != NULL) {
        pair_count++;
        read_inner(merging, "sample", inner);
        sh_pack_literal(&merging->packer, "sample");
        const size_t sample = begin_map(merging);
        sh_merge_sample(inner, merging->part_count, param_uint(merging->request, "sample", "count", 0),
                        merging->merged);
        end_map(merging, sample, 1);
    }
    sh_free(inner);
    end_map(merging, map, pair_count);
    return SH_OK;
}

static enum sh_status merge_explain(struct merging *merging, struct sh_error *err) {
    struct sh_explain_program program;
    struct sh_buffer text;
    enum sh_status status = sh_explain_merge(merging->maps, merging->part_count, &program, err);
    if (status != SH_OK) return status;
    sh_buffer_init(&text, SH_ANSWER_BYTES_MAX);
    sh_explain_print(&program, &text);
    status = sh_buffer_status(&text, err);
    if (status == SH_OK) {
        const size_t map = begin_map(merging);
        sh_pack_literal(&merging->packer, "text");
        sh_pack_text(&merging->packer, (struct sh_text){(const char *)text.bytes, (uint32_t)text.count});
        copy_pair(merging, "canonical");
        copy_pair(merging, "hash");
        copy_pair(merging, "tree");
        sh_explain_pack(&program, &merging->packer);
        end_map(merging, map, 6);
    }
    sh_buffer_deinit(&text);
    sh_free(program.lines);
    return status;
}

static enum sh_status merge_close(struct merging *merging) {
    bool closed = false;
    for (uint32_t i = 0; i < merging->part_count; i++)
        closed = closed || sh_answer_map_bool(&merging->maps[i], "closed");
    const size_t map = begin_map(merging);
    pack_bool(merging, "closed", closed);
    end_map(merging, map, 2);
    return SH_OK;
}

/* ---- Segments ---- */

static enum sh_status merge_segments(struct merging *merging) {
    const size_t map = begin_map(merging);
    pack_sum(merging, "total");
    sh_pack_literal(&merging->packer, "segments");
    sh_merge_segments(merging->maps, merging->part_count, merging->merged);
    end_map(merging, map, 3);
    return SH_OK;
}

static enum sh_status merge_rules(struct merging *merging) {
    const size_t at = begin_map(merging);
    sh_pack_literal(&merging->packer, "rules");
    sh_merge_rules(merging->maps, merging->part_count, merging->merged);
    end_map(merging, at, 2);
    return SH_OK;
}

/* ---- Stats ---- */

/* Users, events and memory add up; items are the same in every shard. */
static bool adds_up(struct sh_text name) {
    return !sh_text_equal(name, SH_TEXT_LITERAL("items")) && !sh_text_equal(name, SH_TEXT_LITERAL("listed")) &&
           !sh_text_equal(name, SH_TEXT_LITERAL("cursors"));
}

static void pack_totals(struct merging *merging, const struct sh_answer_map *maps, bool is_memory) {
    (void)msgpack_pack_map(&merging->packer, maps[0].count);
    for (uint32_t p = 0; p < maps[0].count; p++) {
        const struct sh_text name = maps[0].pairs[p].name;
        sh_pack_text(&merging->packer, name);
        const bool is_feed = sh_text_equal(name, SH_TEXT_LITERAL("feed_memory"));
        if (is_feed || sh_text_equal(name, SH_TEXT_LITERAL("memory"))) {
            struct sh_answer_map inner[SH_SHARD_COUNT_MAX];
            for (uint32_t i = 0; i < merging->part_count; i++) {
                const struct sh_answer_pair *memory = sh_answer_map_find(&maps[i], is_feed ? "feed_memory" : "memory");
                inner[i].count = 0; /* a shard that schema.put has not reached yet */
                if (memory != NULL) sh_answer_map_read(&inner[i], memory);
            }
            pack_totals(merging, inner, true);
            continue;
        }
        char key[SH_NAME_BYTES_MAX + 1] = {0};
        memcpy(key, name.bytes, name.count);
        uint64_t sum = 0;
        uint64_t most = 0;
        for (uint32_t i = 0; i < merging->part_count; i++) {
            const uint64_t number = sh_answer_map_uint(&maps[i], key);
            sum += number;
            most = number > most ? number : most;
        }
        (void)msgpack_pack_uint64(&merging->packer, is_memory || adds_up(name) ? sum : most);
    }
}

static enum sh_status merge_stats(struct merging *merging, struct sh_error *err) {
    struct sh_answer_map *inner = sh_alloc(merging->part_count * sizeof *inner);
    if (inner == NULL) return sh_fail_memory(err);
    const size_t map = begin_map(merging);
    read_inner(merging, "workspace", inner);
    sh_pack_literal(&merging->packer, "workspace");
    pack_totals(merging, inner, false);
    end_map(merging, map, 2);
    sh_free(inner);
    return SH_OK;
}

/* ---- model.likings ---- */

/* Pages of all parts beside each other. */
static enum sh_status merge_likings(struct merging *merging) {
    uint64_t next = 0;
    uint32_t count = 0;
    struct sh_answer_list list;
    for (uint32_t i = 0; i < merging->part_count; i++) {
        const uint64_t own = sh_answer_map_uint(&merging->maps[i], "next");
        next = own > next ? own : next;
        sh_answer_list_begin(&list, sh_answer_map_find(&merging->maps[i], "pages"));
        count += list.left;
    }
    const size_t map = begin_map(merging);
    sh_pack_literal(&merging->packer, "next");
    (void)msgpack_pack_uint64(&merging->packer, next);
    sh_pack_literal(&merging->packer, "pages");
    (void)msgpack_pack_array(&merging->packer, count);
    for (uint32_t i = 0; i < merging->part_count; i++) {
        sh_answer_list_begin(&list, sh_answer_map_find(&merging->maps[i], "pages"));
        while (sh_answer_list_next(&list))
            sh_buffer_append(merging->merged, list.begin, (size_t)(list.end - list.begin));
    }
    end_map(merging, map, 3);
    return SH_OK;
}

/* ---- The door ---- */

static enum sh_status merge(struct merging *merging, struct sh_error *err) {
    const struct sh_part_form *form = sh_part_form_of(merging->request->method);
    if (form != NULL) return form->merge(merging->request, merging->maps, merging->part_count, merging->merged, err);
    switch (merging->request->method->number) {
    case SH_METHOD_USER_PUT:
        return merge_put(merging, "created", err);
    case SH_METHOD_EVENT_APPEND:
        return merge_put(merging, "duplicates", err);
    case SH_METHOD_USER_GET:
        return merge_get(merging, err);
    case SH_METHOD_USER_FORGET:
        return merge_forget(merging, err);
    case SH_METHOD_AUDIENCE_COUNT:
        return merge_count(merging);
    case SH_METHOD_AUDIENCE_LIST:
    case SH_METHOD_AUDIENCE_EXPORT:
        return merge_list(merging, err);
    case SH_METHOD_AUDIENCE_SAMPLE:
        return merge_sample(merging);
    case SH_METHOD_AUDIENCE_ASK:
        return merge_ask(merging, err);
    case SH_METHOD_AUDIENCE_EXPLAIN:
        return merge_explain(merging, err);
    case SH_METHOD_AUDIENCE_CLOSE:
        return merge_close(merging);
    case SH_METHOD_SEGMENT_LIST:
        return merge_segments(merging);
    case SH_METHOD_RULE_LIST:
        return merge_rules(merging);
    case SH_METHOD_MODEL_LIKINGS:
        return merge_likings(merging);
    case SH_METHOD_CLIENT_NUMBERS:
        return sh_merge_numbers(merging->request, merging->maps, merging->part_count, merging->merged, err);
    case SH_METHOD_STATS:
        return merge_stats(merging, err);
    default:
        sh_assert(false); /* is_whole has taken all others */
    }
}

/* The first answer is the client's already: there is no other, or all are alike. */
static bool is_whole(const struct sh_request *request, const struct sh_split *split) {
    if (request->method->spread == SH_SPREAD_ROWS) return split->part_count == 1 && split->parts[0].row_numbers == NULL;
    return request->method->spread != SH_SPREAD_ALL;
}

enum sh_status sh_request_merge(const struct sh_request *request, const struct sh_split *split,
                                const struct sh_buffer *bodies, struct sh_buffer *merged, struct sh_error *err) {
    sh_assert(split->part_count > 0);
    const size_t count = merged->count;
    if (split->rounds != NULL) {
        sh_rounds_answer(split->rounds, merged);
        return sh_buffer_status(merged, err);
    }
    if (is_whole(request, split)) {
        sh_buffer_append(merged, bodies[0].bytes, bodies[0].count);
        return sh_buffer_status(merged, err);
    }
    struct merging merging = {.request = request,
                              .split = split,
                              .bodies = bodies,
                              .part_count = split->part_count,
                              .shard_count = split->shard_count,
                              .merged = merged};
    merging.maps = sh_alloc(split->part_count * sizeof *merging.maps);
    if (merging.maps == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < split->part_count; i++)
        sh_answer_map_read_body(&merging.maps[i], &bodies[i]);
    sh_buffer_packer(merged, &merging.packer);
    enum sh_status status = merge(&merging, err);
    sh_free(merging.maps);
    if (status == SH_OK) status = sh_buffer_status(merged, err);
    if (status != SH_OK) {
        merged->count = count;
        merged->failed = false;
    }
    return status;
}
