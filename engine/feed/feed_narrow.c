/* feed_narrow.c -- what narrowing keeps of each item, and how it is kept true. The stage itself: feed_first.c. */
#include "feed_narrow.h"

#include <math.h>
#include <string.h>

#include "feed_code.h"
#include "memory.h"

enum { NORM_UNIT = 256, BYTE_TOP = 255 };

static void free_arrays(struct feed_narrow *narrow) {
    sh_free(narrow->norms);
    sh_free(narrow->popularities);
    sh_free(narrow->recencies);
    sh_free(narrow->lengths);
    sh_free(narrow->codes);
    sh_free(narrow->sums);
    sh_free(narrow->scores);
    sh_free(narrow->tops);
}

void narrow_deinit(struct feed_narrow *narrow) {
    free_arrays(narrow);
    *narrow = (struct feed_narrow){0};
}

size_t narrow_memory_bytes(const struct feed_narrow *narrow) {
    return (size_t)narrow->capacity * (4 + narrow->code_bytes + 2 * sizeof(int16_t)) +
           narrow->capacity / SH_FIRST_GROUP * sizeof(int16_t);
}

/* ---- One item ---- */

static uint8_t byte_of(double share) {
    const double steps = share * BYTE_TOP + 0.5;
    return steps < 1 ? 0 : steps > BYTE_TOP ? BYTE_TOP : (uint8_t)steps;
}

/* The least e with value <= 2^e. */
static int32_t exponent_of(double value) {
    int exponent;
    return frexp(value, &exponent) == 0.5 ? exponent - 1 : exponent;
}

static uint8_t norm_of(const struct sh_feed_model *model, uint32_t item) {
    const double steps = model->inverse_norm[item] * NORM_UNIT + 0.5;
    return steps > BYTE_TOP ? BYTE_TOP : (uint8_t)steps;
}

static void note_recency(struct feed_narrow *narrow, const struct sh_feed_model *model, uint32_t item) {
    narrow->recencies[item] = byte_of(ldexp(model->recency[item], -narrow->recency_exponent));
}

void narrow_note_popularity(struct sh_feed_model *model, uint32_t item) {
    struct feed_narrow *narrow = &model->narrow;
    if (item >= narrow->capacity || !narrow->is_popularity_current) return;
    narrow->popularities[item] = byte_of(ldexp(model->popularity_root[item], -narrow->popularity_exponent));
}

/* Bounds over all listed items hold as long as those that are at a bound go no further in. */
void narrow_note_item(struct sh_feed_model *model, uint32_t item) {
    struct feed_narrow *narrow = &model->narrow;
    if (item >= narrow->capacity || !narrow->is_item_current) return;
    const uint8_t norm = norm_of(model, item);
    const double recency = model->recency[item];
    const bool may_loosen = norm > narrow->norms[item] && narrow->norms[item] <= narrow->norm_least;
    if (may_loosen || exponent_of(recency) > narrow->recency_exponent ||
        (narrow->recencies[item] > BYTE_TOP / 2 && recency < narrow->recency_top)) {
        narrow->is_item_current = false;
        return;
    }
    if (norm > 0 && norm < narrow->norm_least) narrow->norm_least = norm;
    if (recency > narrow->recency_top) narrow->recency_top = recency;
    narrow->norms[item] = norm;
    note_recency(narrow, model, item);
}

void narrow_note_remove(struct sh_feed_model *model, uint32_t item) {
    struct feed_narrow *narrow = &model->narrow;
    if (item >= narrow->capacity || !narrow->is_item_current) return;
    if (narrow->norms[item] <= narrow->norm_least || model->recency[item] >= narrow->recency_top)
        narrow->is_item_current = false;
}

void narrow_note_vector(struct sh_feed_model *model, uint32_t item) {
    struct feed_narrow *narrow = &model->narrow;
    uint64_t centre_number;
    const int16_t *centre = sh_vectors_centre(model->item_vectors, &centre_number);
    if (item >= narrow->capacity || narrow->centre_number != centre_number || narrow->code_bytes == 0) return;
    const int16_t *row = sh_vectors_row(model->item_vectors, item);
    narrow->lengths[item] = 0;
    if (row == NULL) return;
    code_make(row, centre, sh_vectors_dimension(model->item_vectors), item % SH_FIRST_GROUP,
              narrow->codes + (size_t)(item / SH_FIRST_GROUP) * narrow->code_bytes * SH_FIRST_GROUP,
              &narrow->lengths[item]);
}

/* ---- All items ---- */

static enum sh_status reserve(struct feed_narrow *narrow, uint32_t item_capacity, uint32_t code_bytes) {
    /* Kernels go by whole groups, and lists of items may go as far as their block does. */
    const uint32_t blocks = item_capacity / SH_BLOCK_SLOTS + 1;
    const uint32_t capacity = blocks * SH_BLOCK_SLOTS;
    if (capacity == narrow->capacity && code_bytes == narrow->code_bytes) return SH_OK;
    struct feed_narrow made = {.capacity = capacity, .code_bytes = code_bytes};
    made.norms = sh_alloc_zero(capacity);
    made.popularities = sh_alloc_zero(capacity);
    made.recencies = sh_alloc_zero(capacity);
    made.lengths = sh_alloc_zero(capacity);
    made.codes = sh_alloc_zero((size_t)capacity * code_bytes);
    made.sums = sh_alloc_zero(capacity * sizeof *made.sums);
    made.scores = sh_alloc_zero(capacity * sizeof *made.scores);
    made.tops = sh_alloc_zero(capacity / SH_FIRST_GROUP * sizeof *made.tops);
    if (made.norms == NULL || made.popularities == NULL || made.recencies == NULL || made.lengths == NULL ||
        made.codes == NULL || made.sums == NULL || made.scores == NULL || made.tops == NULL) {
        free_arrays(&made);
        return SH_ERR_MEMORY;
    }
    free_arrays(narrow);
    *narrow = made;
    return SH_OK;
}

static void refresh_items(struct sh_feed_model *model) {
    struct feed_narrow *narrow = &model->narrow;
    narrow->recency_top = 0;
    narrow->norm_least = BYTE_TOP;
    for (uint32_t item = 0; item < model->item_capacity; item++) {
        narrow->norms[item] = norm_of(model, item);
        if (!item_is_listed(model, item)) continue;
        if (model->recency[item] > narrow->recency_top) narrow->recency_top = model->recency[item];
        if (narrow->norms[item] > 0 && narrow->norms[item] < narrow->norm_least)
            narrow->norm_least = narrow->norms[item];
    }
    narrow->recency_exponent = exponent_of(narrow->recency_top);
    for (uint32_t item = 0; item < model->item_capacity; item++)
        note_recency(narrow, model, item);
    narrow->is_item_current = true;
}

static void refresh_popularity(struct sh_feed_model *model) {
    model->narrow.popularity_exponent = exponent_of(model->top_root);
    model->narrow.is_popularity_current = true;
    for (uint32_t item = 0; item < model->item_capacity; item++)
        narrow_note_popularity(model, item);
}

enum sh_status narrow_prepare(struct sh_feed_model *model) {
    struct feed_narrow *narrow = &model->narrow;
    uint64_t centre_number;
    (void)sh_vectors_centre(model->item_vectors, &centre_number);
    const uint32_t dimension =
        sh_vectors_count(model->item_vectors) == 0 ? 0 : sh_vectors_dimension(model->item_vectors);
    const enum sh_status status = reserve(narrow, model->item_capacity, code_bytes_of(dimension));
    if (status != SH_OK) return status;
    if (!narrow->is_item_current) refresh_items(model);
    if (!narrow->is_popularity_current || exponent_of(model->top_root) != narrow->popularity_exponent)
        refresh_popularity(model);
    if (narrow->code_bytes == 0 || narrow->centre_number == centre_number) return SH_OK;
    narrow->centre_number = centre_number;
    for (uint32_t item = 0; item < model->item_capacity; item++)
        narrow_note_vector(model, item);
    return SH_OK;
}
