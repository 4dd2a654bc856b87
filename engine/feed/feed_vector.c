/* feed_vector.c -- the feature "vector": items whose vectors point where the user's does (vectors.h).
 *
 *   value of item i = weight * cosine(u, v_i)         0 without a vector
 *
 * u is the vector given for the user, if there is one. Else it is folded from the items that the user liked last, or of
 * the clicks that the request brings (feed_companion.c: at most COMPANION_RECENT_MAX, the newest first, each with a share
 * of liking * 0.8^place), as far as they have vectors:
 *
 *   u = direction of  sum of c_k v_k         c_k = round(2^16 share_k)
 *
 * in whole numbers up to the one division that makes it a row. Its parts name the liked items that lead to an item:
 * c_k (v_k . v_i) / |sum|.
 */
#include "feed_vector.h"

#include <math.h>
#include <string.h>

#include "feed_companion.h"
#include "feed_narrow.h"

/* "It points there": from this cosine on the vector proposes an item. */
#define NEAR_COSINE 0.3

enum { NAMED_COUNT = 3, SHARE_UNIT = 1 << 16 };

struct vector_state {
    const int16_t *user; /* NULL: nothing to say */
    double factor;       /* value of a dot of 1 */
    int16_t folded[SH_VECTOR_DIMENSION_MAX];
    struct {
        uint32_t item;
        int64_t share;
    } parts[COMPANION_RECENT_MAX];
    uint32_t part_count; /* 0: the vector was given */
    double length;       /* of the sum, in those of a row */
};

static void fold(const struct feed_run *run, struct vector_state *state) {
    const struct sh_vectors *vectors = run->model->item_vectors;
    const uint32_t dimension = sh_vectors_dimension(vectors);
    struct companion_recent recent[COMPANION_RECENT_MAX];
    double values[SH_VECTOR_DIMENSION_MAX];
    int64_t sums[SH_VECTOR_DIMENSION_MAX] = {0};
    double squares = 0;
    const uint32_t count = companion_recent_of(run, recent);
    for (uint32_t i = 0; i < count; i++) {
        const int16_t *row = sh_vectors_row(vectors, recent[i].item);
        const int64_t share = (int64_t)(recent[i].share * SHARE_UNIT + 0.5);
        if (row == NULL) continue;
        for (uint32_t k = 0; k < dimension; k++)
            sums[k] += share * row[k];
        state->parts[state->part_count].item = recent[i].item;
        state->parts[state->part_count++].share = share;
    }
    for (uint32_t k = 0; k < dimension; k++) {
        values[k] = (double)sums[k];
        squares += values[k] * values[k];
    }
    state->length = sqrt(squares) / SH_VECTOR_UNIT;
    if (state->part_count > 0 && sh_vectors_fit(values, dimension, state->folded)) state->user = state->folded;
}

static enum sh_status begin(struct feed_run *run, void *memory) {
    struct vector_state *state = memory;
    const struct sh_feed_model *model = run->model;
    if (sh_vectors_count(model->item_vectors) == 0) return SH_OK;
    state->factor = run->weights[SH_FEED_VECTOR] * SH_VECTOR_COSINE;
    if (run->request->user != SH_SLOT_NONE) state->user = sh_vectors_row(model->user_vectors, run->request->user);
    if (state->user == NULL) fold(run, state);
    return SH_OK;
}

const int16_t *vector_of_run(const struct feed_run *run) {
    return ((const struct vector_state *)run->states[SH_FEED_VECTOR])->user;
}

static double value(const struct feed_run *run, const void *memory, uint32_t item) {
    const struct vector_state *state = memory;
    const struct sh_vectors *vectors = run->model->item_vectors;
    const int16_t *row = sh_vectors_row(vectors, item);
    if (state->user == NULL || row == NULL) return 0;
    return state->factor * (double)sh_vectors_dot(vectors, state->user, row);
}

/* The candidates that have a vector are listed, some at a time, and their rows gone through together. */
struct batch {
    uint32_t places[256];
    uint32_t numbers[256];
    uint32_t count;
};

static void add_batch(const struct vector_state *state, const struct sh_vectors *vectors, struct batch *batch,
                      double *sums) {
    int32_t dots[256];
    sh_vector->dot_rows(state->user, sh_vectors_stride(vectors), sh_vectors_rows(vectors), batch->numbers, batch->count,
                        dots);
    for (uint32_t i = 0; i < batch->count; i++)
        sums[batch->places[i]] += state->factor * (double)dots[i];
    batch->count = 0;
}

static void add_block(const struct feed_run *run, const void *memory, const struct feed_block *block) {
    const struct vector_state *state = memory;
    const struct sh_vectors *vectors = run->model->item_vectors;
    struct batch batch = {.count = 0};
    if (state->user == NULL) return;
    for (uint32_t w = 0; w < block->place_count / 64; w++)
        for (uint64_t word = block->candidates[w]; word != 0; word &= word - 1) {
            const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
            const uint32_t number = sh_vectors_number(vectors, block->first + place);
            if (number == 0) continue;
            batch.places[batch.count] = place;
            batch.numbers[batch.count++] = number;
            if (batch.count == 256) add_batch(state, vectors, &batch, block->sums);
        }
    add_batch(state, vectors, &batch, block->sums);
}

static uint32_t sources(const struct feed_run *run, const void *memory, uint32_t item, double contribution) {
    (void)memory;
    (void)item;
    return contribution >= run->weights[SH_FEED_VECTOR] * NEAR_COSINE ? 1u << SH_FEED_SOURCE_VECTOR : 0;
}

/* The liked items that lead there most, and the rest. */
static void explain(const struct feed_run *run, const void *memory, uint32_t item, double contribution,
                    struct feed_reasons *reasons) {
    const struct vector_state *state = memory;
    const struct sh_vectors *vectors = run->model->item_vectors;
    const int16_t *row = sh_vectors_row(vectors, item);
    double parts[COMPANION_RECENT_MAX];
    for (uint32_t i = 0; i < state->part_count; i++) {
        const int16_t *liked = sh_vectors_row(vectors, state->parts[i].item);
        parts[i] =
            state->factor * (double)state->parts[i].share * (double)sh_vectors_dot(vectors, liked, row) / state->length;
    }
    for (uint32_t n = 0; n < NAMED_COUNT; n++) {
        uint32_t best = state->part_count;
        for (uint32_t i = 0; i < state->part_count; i++)
            if (parts[i] > 0 && (best == state->part_count || parts[i] > parts[best])) best = i;
        if (best == state->part_count || reasons->count >= sizeof reasons->list / sizeof *reasons->list) break;
        reasons->list[reasons->count++] =
            (struct sh_feed_reason){.kind = "vector",
                                    .name = sh_table_id(run->model->scope.items, state->parts[best].item),
                                    .group = SH_TEXT_LITERAL("item"),
                                    .value = parts[best]};
        contribution -= parts[best];
        parts[best] = 0;
    }
    feed_reason_add(reasons, "vector", contribution);
}

const struct feed_feature feed_vector = {
    .name = "vector",
    .weight = 1,
    .state_bytes = sizeof(struct vector_state),
    .begin = begin,
    .value = value,
    .add_block = add_block,
    .sources = sources,
    .explain = explain,
};

/* ---- Likeness ---- */

double vector_likeness(const struct sh_feed_model *model, uint32_t item, uint32_t other) {
    const int16_t *a = sh_vectors_row(model->item_vectors, item);
    const int16_t *b = sh_vectors_row(model->item_vectors, other);
    return a == NULL || b == NULL ? 0 : SH_VECTOR_COSINE * (double)sh_vectors_dot(model->item_vectors, a, b);
}

/* ---- The model's doors ---- */

const struct sh_vectors *sh_feed_vectors(const struct sh_feed_model *model, enum sh_feed_whose whose) {
    return whose == SH_FEED_OF_ITEM ? model->item_vectors : model->user_vectors;
}

enum sh_status sh_feed_vector_put(struct sh_feed_model *model, enum sh_feed_whose whose, uint32_t slot,
                                  const int16_t *row) {
    struct sh_vectors *vectors = whose == SH_FEED_OF_ITEM ? model->item_vectors : model->user_vectors;
    enum sh_status status = SH_OK;
    if (row == NULL)
        sh_vectors_remove(vectors, slot);
    else
        status = sh_vectors_set(vectors, slot, row);
    if (status == SH_OK && whose == SH_FEED_OF_ITEM) narrow_note_vector(model, slot);
    return status;
}
