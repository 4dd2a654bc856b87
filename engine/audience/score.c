#include "score.h"

#include <string.h>

#include "buffer.h"
#include "memory.h"
#include "query_lexer.h"
#include "query_quantity.h"
#include "score_private.h"

static const struct sh_text prefix = {"score.", 6};

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory for scoring plans");
}

static void score_destroy(struct sh_score *score) {
    if (score == NULL) return;
    for (uint32_t i = 0; i < score->part_count; i++)
        sh_text_free(score->parts[i].text);
    sh_free(score->parts);
    sh_text_free(score->field);
    sh_text_free(score->note);
    sh_free(score);
}

struct sh_scores *sh_scores_create(const struct sh_scores_source *source) {
    struct sh_scores *scores = sh_alloc_zero(sizeof *scores);
    if (scores == NULL) return NULL;
    scores->source = *source;
    scores->derived =
        (struct sh_derived){.owner = scores, .read_codes = score_read_codes, .read_values = score_read_values};
    for (uint32_t i = 0; i < SH_SCORE_PREPARED_COUNT_MAX; i++)
        sh_arena_init(&scores->runs[i].arena, SH_REQUEST_ARENA_BYTES_MAX);
    /* Room for what the base may have one day, so that listing anew cannot fail. */
    if (sh_grow((void **)&scores->fields, &scores->field_capacity, SH_SCORE_COUNT_MAX + SH_SCORE_BASE_COUNT_MAX,
                sizeof *scores->fields) != SH_OK) {
        sh_scores_destroy(scores);
        return NULL;
    }
    sh_scores_relist(scores);
    return scores;
}

void sh_scores_destroy(struct sh_scores *scores) {
    if (scores == NULL) return;
    for (uint32_t i = 0; i < SH_SCORE_PREPARED_COUNT_MAX; i++)
        sh_arena_deinit(&scores->runs[i].arena);
    for (uint32_t i = 0; i < scores->count; i++)
        score_destroy(scores->list[i]);
    sh_free(scores->list);
    sh_free(scores->fields);
    sh_free(scores);
}

/* ---- Fields ---- */

const struct sh_derived *sh_scores_derived(const struct sh_scores *scores) {
    return &scores->derived;
}

void sh_scores_relist(struct sh_scores *scores) {
    const struct sh_derived *base = scores->source.base;
    sh_scores_rest(scores);
    scores->base_count = base == NULL ? 0 : base->field_count;
    sh_assert(scores->base_count <= SH_SCORE_BASE_COUNT_MAX);
    if (scores->base_count > 0) memcpy(scores->fields, base->fields, scores->base_count * sizeof *scores->fields);
    for (uint32_t i = 0; i < scores->count; i++) {
        const struct sh_score *score = scores->list[i];
        scores->fields[scores->base_count + i] =
            (struct sh_derived_field){.name = score->field,
                                      .type = score->digits == 0 ? SH_TYPE_INT : SH_TYPE_DECIMAL,
                                      .scale = score->digits,
                                      .part_count = score->part_count};
    }
    scores->derived.fields = scores->fields;
    scores->derived.field_count = scores->base_count + scores->count;
}

/* ---- Finding ---- */

uint32_t sh_scores_count(const struct sh_scores *scores) {
    return scores->count;
}

const struct sh_score *sh_scores_at(const struct sh_scores *scores, uint32_t place) {
    sh_assert(place < scores->count);
    return scores->list[place];
}

/* Where the name stands, or where it would. */
static uint32_t place_of(const struct sh_scores *scores, struct sh_text name) {
    uint32_t place = 0;
    while (place < scores->count && sh_text_compare(scores->list[place]->name, name) < 0)
        place++;
    return place;
}

const struct sh_score *sh_scores_find(const struct sh_scores *scores, struct sh_text name) {
    const uint32_t place = place_of(scores, name);
    if (place == scores->count || !sh_text_equal(scores->list[place]->name, name)) return NULL;
    return scores->list[place];
}

enum sh_status sh_scores_fail_unknown(const struct sh_scores *scores, struct sh_text name, struct sh_error *err) {
    const int shown = (int)(name.count < SH_NAME_BYTES_MAX ? name.count : SH_NAME_BYTES_MAX);
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < scores->count; i++)
        sh_nearest_offer(&search, scores->list[i]->name);
    const enum sh_status status = sh_fail(err, SH_ERR_NAME, -1, "there is no scoring plan '%.*s'", shown, name.bytes);
    if (scores->count == 0) return sh_fail_hint(err, status, "score.put makes one");
    if (search.nearest.count == 0) return status;
    return sh_fail_hint(err, status, "did you mean '%.*s'?", SH_TEXT_ARGS(search.nearest));
}

/* ---- Parts ---- */

enum sh_status score_part_parse(const struct sh_score_part *part, struct sh_arena *arena, struct sh_node **tree,
                                struct sh_error *err) {
    return part->is_weight ? sh_quantity_parse(part->text, arena, tree, err)
                           : sh_query_parse(part->text, arena, tree, err);
}

/* The fault of a part, with which it is; positions stay those of its text. */
static enum sh_status fail_part(const struct sh_score *score, uint32_t place, const struct sh_error *inner,
                                struct sh_error *err) {
    const bool is_weight = score->parts[place].is_weight;
    uint32_t number = 1;
    if (inner->status == SH_ERR_MEMORY) return no_memory(err);
    for (uint32_t i = 0; i < place; i++)
        number += score->parts[i].is_weight == is_weight;
    (void)sh_fail(err, inner->status, inner->position, "%s, number %u: %s", is_weight ? "`weights`" : "`points`",
                  number, inner->message);
    return inner->hint[0] == '\0' ? inner->status : sh_fail_hint(err, inner->status, "%s", inner->hint);
}

static enum sh_status check_part(const struct sh_score_part *part, const struct sh_query_scope *scope,
                                 struct sh_arena *arena, struct sh_error *err) {
    struct sh_node *tree;
    const enum sh_status status = score_part_parse(part, arena, &tree, err);
    return status != SH_OK ? status : sh_query_check(&tree, scope, arena, err);
}

static enum sh_status check_parts(const struct sh_score *score, const struct sh_query_scope *scope,
                                  struct sh_arena *arena, struct sh_error *err) {
    for (uint32_t i = 0; i < score->part_count; i++) {
        struct sh_error inner = {.status = SH_OK};
        if (check_part(&score->parts[i], scope, arena, &inner) != SH_OK) return fail_part(score, i, &inner, err);
    }
    return SH_OK;
}

enum sh_status sh_scores_fit(const struct sh_scores *scores, const struct sh_query_scope *scope, struct sh_arena *arena,
                             struct sh_error *err) {
    for (uint32_t i = 0; i < scores->count; i++) {
        struct sh_error inner = {.status = SH_OK};
        const struct sh_score *score = scores->list[i];
        if (check_parts(score, scope, arena, &inner) == SH_OK) continue;
        if (inner.status == SH_ERR_MEMORY) return no_memory(err);
        (void)sh_fail(err, SH_ERR_CONFLICT, -1, "the scoring plan '%.*s' would not be right any more: %s",
                      SH_TEXT_ARGS(score->name), inner.message);
        return inner.hint[0] == '\0' ? SH_ERR_CONFLICT : sh_fail_hint(err, SH_ERR_CONFLICT, "%s", inner.hint);
    }
    return SH_OK;
}

/* ---- Putting ---- */

static bool are_equal(const struct sh_score *a, const struct sh_score *b) {
    if (a->digits != b->digits || a->part_count != b->part_count || !sh_text_equal(a->note, b->note)) return false;
    for (uint32_t i = 0; i < a->part_count; i++) {
        const struct sh_score_part *left = &a->parts[i];
        const struct sh_score_part *right = &b->parts[i];
        if (left->is_weight != right->is_weight || left->amount != right->amount || left->has_cap != right->has_cap ||
            left->cap != right->cap || !sh_text_equal(left->text, right->text))
            return false;
    }
    return true;
}

/* The part's canonical text; *tree is what it says. */
static enum sh_status canonical_text(const struct sh_score_part *part, struct sh_arena *arena, struct sh_node **tree,
                                     struct sh_text *text, struct sh_error *err) {
    struct sh_buffer buffer;
    enum sh_status status = score_part_parse(part, arena, tree, err);
    if (status != SH_OK) return status;
    sh_buffer_init(&buffer, SH_EXPRESSION_BYTES_MAX);
    if (part->is_weight)
        sh_quantity_print(*tree, &buffer);
    else
        sh_query_print(*tree, &buffer);
    const bool is_copied =
        !buffer.failed && sh_text_copy((struct sh_text){(const char *)buffer.bytes, (uint32_t)buffer.count}, text);
    sh_buffer_deinit(&buffer);
    return is_copied ? SH_OK : no_memory(err);
}

static enum sh_status make_parts(const struct sh_score *put, struct sh_score *made, struct sh_arena *arena,
                                 struct sh_node **trees, struct sh_error *err) {
    made->parts = sh_alloc_zero((put->part_count + 1) * sizeof *made->parts);
    if (made->parts == NULL) return no_memory(err);
    for (uint32_t i = 0; i < put->part_count; i++) {
        struct sh_error inner = {.status = SH_OK};
        struct sh_score_part *part = &made->parts[made->part_count++];
        *part = put->parts[i];
        part->text = (struct sh_text){NULL, 0};
        if (canonical_text(&put->parts[i], arena, &trees[i], &part->text, &inner) != SH_OK)
            return fail_part(put, i, &inner, err);
    }
    return SH_OK;
}

bool score_set_name(struct sh_score *score, struct sh_text name) {
    char *field = sh_alloc((size_t)prefix.count + name.count);
    if (field == NULL) return false;
    memcpy(field, prefix.bytes, prefix.count);
    memcpy(field + prefix.count, name.bytes, name.count);
    score->field = (struct sh_text){field, prefix.count + name.count};
    score->name = (struct sh_text){field + prefix.count, name.count};
    return true;
}

static enum sh_status make_score(const struct sh_score *put, struct sh_arena *arena, struct sh_node **trees,
                                 struct sh_score **score, struct sh_error *err) {
    struct sh_score *made = sh_alloc_zero(sizeof *made);
    *score = made;
    if (made == NULL) return no_memory(err);
    made->digits = put->digits;
    made->changed_ms = put->changed_ms;
    if (!score_set_name(made, put->name)) return no_memory(err);
    if (!sh_text_copy(put->note, &made->note)) return no_memory(err);
    return make_parts(put, made, arena, trees, err);
}

static enum sh_status check_name(struct sh_text name, struct sh_error *err) {
    if (name.count > 0 && name.count <= SH_NAME_BYTES_MAX - prefix.count && sh_text_is_utf8(name) &&
        sh_name_is_bare(name))
        return SH_OK;
    const enum sh_status status =
        sh_fail(err, SH_ERR_ARGUMENT, -1, "a scoring plan's name is 1 to %d bytes that need no quotes: score.name",
                (int)(SH_NAME_BYTES_MAX - prefix.count));
    return sh_fail_hint(err, status, "letters, digits and _, a letter first, and no word of the language");
}

static void insert(struct sh_scores *scores, struct sh_score *made, uint32_t place) {
    memmove(scores->list + place + 1, scores->list + place, (scores->count - place) * sizeof(struct sh_score *));
    scores->list[place] = made;
    scores->count++;
}

enum sh_status sh_scores_put(struct sh_scores *scores, const struct sh_score *put, const struct sh_query_scope *scope,
                             struct sh_arena *arena, bool *changed, struct sh_error *err) {
    struct sh_score *made = NULL;
    enum sh_status status = check_name(put->name, err);
    if (status != SH_OK) return status;
    const uint32_t place = place_of(scores, put->name);
    const bool is_known = sh_scores_find(scores, put->name) != NULL;
    if (put->part_count == 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a scoring plan needs `points`, `weights` or both");
    if (put->part_count > SH_SCORE_PART_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "a scoring plan has at most %d points and weights",
                       SH_SCORE_PART_COUNT_MAX);
    if (!is_known && scores->count == SH_SCORE_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are %d scoring plans, and no more are allowed",
                       SH_SCORE_COUNT_MAX);
    struct sh_node **trees = sh_arena_alloc_zero(arena, put->part_count * sizeof *trees);
    if (trees == NULL) return no_memory(err);
    status = make_score(put, arena, trees, &made, err);
    if (status == SH_OK) /* before it is checked: a segment on the way may name what is not there yet */
        status = score_check_cycle(scores, made->field, trees, made->part_count, scope, arena, err);
    if (status == SH_OK) status = check_parts(put, scope, arena, err);
    if (status == SH_OK && sh_grow((void **)&scores->list, &scores->capacity, (uint64_t)scores->count + 1,
                                   sizeof(struct sh_score *)) != SH_OK)
        status = no_memory(err);
    *changed = status == SH_OK && !(is_known && are_equal(scores->list[place], made));
    if (!*changed) {
        score_destroy(made);
        return status;
    }
    sh_scores_rest(scores);
    if (is_known) {
        score_destroy(scores->list[place]);
        scores->list[place] = made;
    } else {
        insert(scores, made, place);
    }
    sh_scores_relist(scores);
    return SH_OK;
}

enum sh_status sh_scores_remove(struct sh_scores *scores, struct sh_text name, struct sh_arena *arena, bool *removed,
                                struct sh_error *err) {
    const uint32_t place = place_of(scores, name);
    *removed = false;
    if (sh_scores_find(scores, name) == NULL) return SH_OK;
    struct sh_score *score = scores->list[place];
    for (uint32_t i = 0; i < scores->count; i++) {
        for (uint32_t p = 0; p < scores->list[i]->part_count; p++) {
            struct sh_node *tree;
            const enum sh_status status = score_part_parse(&scores->list[i]->parts[p], arena, &tree, err);
            if (status != SH_OK) return status;
            if (sh_score_is_used(tree, score->field))
                return sh_fail(err, SH_ERR_CONFLICT, -1, "the scoring plan '%.*s' uses it",
                               SH_TEXT_ARGS(scores->list[i]->name));
        }
    }
    sh_scores_rest(scores);
    scores->count--;
    memmove(scores->list + place, scores->list + place + 1, (scores->count - place) * sizeof(struct sh_score *));
    score_destroy(score);
    sh_scores_relist(scores);
    *removed = true;
    return SH_OK;
}
