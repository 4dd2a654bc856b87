#include "vectors.h"

#include <math.h>
#include <string.h>

#include "memory.h"

enum {
    VECTORS_VERSION = 1,
    CENTRE_COUNT_MIN = 64, /* rows that make the first centre */
};

struct sh_vectors {
    uint32_t dimension;
    uint32_t stride;
    uint32_t *places; /* by slot */
    uint32_t slot_capacity;
    int16_t *rows; /* row 0 is all zeros */
    uint32_t row_end;
    uint32_t row_capacity;
    uint32_t *free; /* rows that were given back */
    uint32_t free_count;
    uint32_t free_capacity;
    uint32_t count;
    int64_t sums[SH_VECTOR_DIMENSION_MAX]; /* of all rows */
    int16_t centre[SH_VECTOR_DIMENSION_MAX];
    uint64_t centre_count; /* rows that the centre is the mean of */
    uint64_t centre_number;
};

struct sh_vectors *sh_vectors_create(void) {
    return sh_alloc_zero(sizeof(struct sh_vectors));
}

void sh_vectors_clear(struct sh_vectors *vectors, uint32_t dimension) {
    sh_assert(dimension <= SH_VECTOR_DIMENSION_MAX);
    const uint64_t centre_number = vectors->centre_number;
    sh_free(vectors->places);
    sh_free(vectors->rows);
    sh_free(vectors->free);
    *vectors = (struct sh_vectors){.dimension = dimension, .centre_number = centre_number + 1};
    vectors->stride = (dimension + SH_VECTOR_LANES - 1) / SH_VECTOR_LANES * SH_VECTOR_LANES;
}

void sh_vectors_destroy(struct sh_vectors *vectors) {
    if (vectors == NULL) return;
    sh_vectors_clear(vectors, 0);
    sh_free(vectors);
}

uint32_t sh_vectors_dimension(const struct sh_vectors *vectors) {
    return vectors->dimension;
}

uint32_t sh_vectors_stride(const struct sh_vectors *vectors) {
    return vectors->stride;
}

uint32_t sh_vectors_count(const struct sh_vectors *vectors) {
    return vectors->count;
}

bool sh_vectors_fit(const double *values, uint32_t dimension, int16_t *row) {
    double largest = 0;
    for (uint32_t i = 0; i < dimension; i++) {
        if (!isfinite(values[i])) return false;
        if (fabs(values[i]) > largest) largest = fabs(values[i]);
    }
    /* So that squares neither vanish nor overflow. A subnormal is as good as nothing. */
    if (largest < 1e-300) return false;
    double squares = 0;
    for (uint32_t i = 0; i < dimension; i++)
        squares += (values[i] / largest) * (values[i] / largest);
    const double scale = (double)SH_VECTOR_UNIT / sqrt(squares);
    for (uint32_t i = 0; i < dimension; i++)
        row[i] = (int16_t)floor(values[i] / largest * scale + 0.5);
    for (uint32_t i = dimension; i % SH_VECTOR_LANES != 0; i++)
        row[i] = 0;
    return true;
}

/* ---- Rows ---- */

static int16_t *row_at(const struct sh_vectors *vectors, uint32_t number) {
    return vectors->rows + (size_t)number * vectors->stride;
}

/* The mean of all rows becomes the centre when there are twice as many as it was made of. */
static void move_centre(struct sh_vectors *vectors) {
    if (vectors->count < CENTRE_COUNT_MIN || vectors->count < 2 * vectors->centre_count) return;
    vectors->centre_count = vectors->count;
    vectors->centre_number++;
    for (uint32_t i = 0; i < vectors->dimension; i++)
        vectors->centre[i] = (int16_t)(vectors->sums[i] / (int64_t)vectors->count);
}

static void sum_up(struct sh_vectors *vectors, const int16_t *row, int64_t sign) {
    for (uint32_t i = 0; i < vectors->dimension; i++)
        vectors->sums[i] += sign * row[i];
}

static enum sh_status reserve_slot(struct sh_vectors *vectors, uint32_t slot) {
    const uint32_t before = vectors->slot_capacity;
    if (slot < before) return SH_OK;
    const enum sh_status status =
        sh_grow((void **)&vectors->places, &vectors->slot_capacity, (uint64_t)slot + 1, sizeof *vectors->places);
    if (status != SH_OK) return status;
    memset(vectors->places + before, 0, (vectors->slot_capacity - before) * sizeof *vectors->places);
    return SH_OK;
}

/* A place for a row, which a later remove needs no memory for. */
static enum sh_status reserve_row(struct sh_vectors *vectors) {
    const size_t row_bytes = vectors->stride * sizeof *vectors->rows;
    if (vectors->free_count > 0) return SH_OK;
    enum sh_status status =
        sh_grow((void **)&vectors->free, &vectors->free_capacity, (uint64_t)vectors->row_end + 1, sizeof(uint32_t));
    if (status == SH_OK)
        status = sh_grow((void **)&vectors->rows, &vectors->row_capacity, (uint64_t)vectors->row_end + 2, row_bytes);
    if (status == SH_OK && vectors->row_end == 0) {
        memset(vectors->rows, 0, row_bytes);
        vectors->row_end = 1;
    }
    return status;
}

static enum sh_status add_row(struct sh_vectors *vectors, uint32_t slot) {
    enum sh_status status = reserve_slot(vectors, slot);
    if (status == SH_OK) status = reserve_row(vectors);
    if (status != SH_OK) return status;
    vectors->places[slot] = vectors->free_count > 0 ? vectors->free[--vectors->free_count] : vectors->row_end++;
    vectors->count++;
    return SH_OK;
}

enum sh_status sh_vectors_set(struct sh_vectors *vectors, uint32_t slot, const int16_t *row) {
    sh_assert(vectors->dimension > 0);
    const uint32_t known = sh_vectors_number(vectors, slot);
    if (known != 0) {
        sum_up(vectors, row_at(vectors, known), -1);
    } else {
        const enum sh_status status = add_row(vectors, slot);
        if (status != SH_OK) return status;
    }
    int16_t *target = row_at(vectors, vectors->places[slot]);
    memcpy(target, row, vectors->stride * sizeof *row);
    sum_up(vectors, target, 1);
    move_centre(vectors);
    return SH_OK;
}

void sh_vectors_remove(struct sh_vectors *vectors, uint32_t slot) {
    const uint32_t number = sh_vectors_number(vectors, slot);
    if (number == 0) return;
    int16_t *row = row_at(vectors, number);
    sum_up(vectors, row, -1);
    memset(row, 0, vectors->stride * sizeof *row); /* of a forgotten user nothing stays readable */
    vectors->free[vectors->free_count++] = number;
    vectors->places[slot] = 0;
    vectors->count--;
}

uint32_t sh_vectors_number(const struct sh_vectors *vectors, uint32_t slot) {
    return slot < vectors->slot_capacity ? vectors->places[slot] : 0;
}

const int16_t *sh_vectors_rows(const struct sh_vectors *vectors) {
    return vectors->rows;
}

const int16_t *sh_vectors_row(const struct sh_vectors *vectors, uint32_t slot) {
    const uint32_t number = sh_vectors_number(vectors, slot);
    return number == 0 ? NULL : row_at(vectors, number);
}

void sh_vectors_prefetch_number(const struct sh_vectors *vectors, uint32_t slot) {
    if (slot < vectors->slot_capacity) __builtin_prefetch(&vectors->places[slot]);
}

void sh_vectors_prefetch(const struct sh_vectors *vectors, uint32_t number) {
    for (uint32_t i = 0; i < vectors->stride; i += SH_VECTOR_LANES)
        __builtin_prefetch(row_at(vectors, number) + i);
}

int32_t sh_vectors_dot(const struct sh_vectors *vectors, const int16_t *a, const int16_t *b) {
    const uint32_t first = 0;
    int32_t sum;
    sh_vector->dot_rows(a, vectors->stride, b, &first, 1, &sum);
    return sum;
}

const int16_t *sh_vectors_centre(const struct sh_vectors *vectors, uint64_t *number) {
    *number = vectors->centre_number;
    return vectors->centre;
}

/* ---- Saving ----
 *
 *   section of the caller's name, 1
 *     u32 dimension; from here on only if it is not 0:
 *     u64 centre_count, i16 centre[dimension]
 *     u32 count, then ascending by slot         u32 slot, i16 row[dimension]
 */

void sh_vectors_save(const struct sh_vectors *vectors, const char *name, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, name, VECTORS_VERSION);
    sh_archive_put_u32(writer, vectors->dimension);
    if (vectors->dimension > 0) {
        const size_t row_bytes = vectors->dimension * sizeof(int16_t);
        sh_archive_put_u64(writer, vectors->centre_count);
        sh_archive_put(writer, vectors->centre, row_bytes);
        sh_archive_put_u32(writer, vectors->count);
        for (uint32_t slot = 0; slot < vectors->slot_capacity; slot++) {
            if (vectors->places[slot] == 0) continue;
            sh_archive_put_u32(writer, slot);
            sh_archive_put(writer, row_at(vectors, vectors->places[slot]), row_bytes);
        }
    }
    sh_archive_end(writer);
}

/* Rounding moves the length by at most half a place of each number. */
static bool is_row(const struct sh_vectors *vectors, const int16_t *row) {
    double squares = 0;
    for (uint32_t i = 0; i < vectors->dimension; i++)
        squares += (double)row[i] * row[i];
    const double length = sqrt(squares);
    return length > SH_VECTOR_UNIT - 9 && length < SH_VECTOR_UNIT + 9;
}
_Static_assert(SH_VECTOR_DIMENSION_MAX <= 4 * 8 * 8, "half a place of each number: sqrt(256) / 2 = 8");

static enum sh_status load_rows(struct sh_vectors *vectors, uint32_t slot_end, struct sh_archive_reader *reader) {
    const size_t row_bytes = vectors->dimension * sizeof(int16_t);
    const uint32_t count = sh_archive_get_count(reader, slot_end, sizeof(uint32_t) + row_bytes, "vectors");
    uint32_t slot_min = 0;
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++) {
        int16_t row[SH_VECTOR_DIMENSION_MAX] = {0};
        const uint32_t slot = sh_archive_get_u32(reader);
        if (!sh_archive_get(reader, row, row_bytes)) break;
        if (slot < slot_min || slot >= slot_end || !is_row(vectors, row))
            return sh_archive_refuse(reader, "a vector is nobody's, or has no direction");
        slot_min = slot + 1;
        const enum sh_status status = add_row(vectors, slot);
        if (status != SH_OK) return sh_archive_refuse_memory(reader);
        memcpy(row_at(vectors, vectors->places[slot]), row, vectors->stride * sizeof *row);
        sum_up(vectors, row, 1);
    }
    return sh_archive_status(reader, NULL);
}

enum sh_status sh_vectors_load(struct sh_vectors *vectors, const char *name, uint32_t slot_end,
                               struct sh_archive_reader *reader) {
    if (sh_archive_enter(reader, name, VECTORS_VERSION) == 0) return sh_archive_status(reader, NULL);
    const uint32_t dimension = sh_archive_get_u32(reader);
    if (!sh_archive_failed(reader) && dimension != vectors->dimension)
        (void)sh_archive_refuse(reader, "vectors have another dimension than the feed's space");
    if (!sh_archive_failed(reader) && dimension > 0) {
        const uint64_t centre_count = sh_archive_get_u64(reader);
        (void)sh_archive_get(reader, vectors->centre, dimension * sizeof *vectors->centre);
        if (centre_count > UINT32_MAX) (void)sh_archive_refuse(reader, "a centre is of more vectors than there can be");
        if (load_rows(vectors, slot_end, reader) == SH_OK) {
            vectors->centre_count = centre_count;
            vectors->centre_number++;
        }
    }
    if (!sh_archive_failed(reader)) sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}

/* ---- Upkeep ---- */

size_t sh_vectors_memory_bytes(const struct sh_vectors *vectors) {
    return sizeof *vectors + vectors->slot_capacity * sizeof *vectors->places +
           (size_t)vectors->row_capacity * vectors->stride * sizeof *vectors->rows +
           vectors->free_capacity * sizeof *vectors->free;
}

static bool broken(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

bool sh_vectors_check(const struct sh_vectors *vectors, const char **reason) {
    int64_t sums[SH_VECTOR_DIMENSION_MAX] = {0};
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < vectors->slot_capacity; slot++) {
        if (vectors->places[slot] == 0) continue;
        if (vectors->places[slot] >= vectors->row_end) return broken(reason, "a vector's row is outside all rows");
        const int16_t *row = row_at(vectors, vectors->places[slot]);
        if (!is_row(vectors, row)) return broken(reason, "a row has not the length of all rows");
        for (uint32_t i = 0; i < vectors->dimension; i++)
            sums[i] += row[i];
        for (uint32_t i = vectors->dimension; i < vectors->stride; i++)
            if (row[i] != 0) return broken(reason, "a row goes on behind its dimension");
        count++;
    }
    if (count != vectors->count) return broken(reason, "vectors are counted wrong");
    if (vectors->row_end > 0 && count + vectors->free_count + 1 != vectors->row_end)
        return broken(reason, "a row is neither used nor free");
    if (memcmp(sums, vectors->sums, sizeof sums) != 0) return broken(reason, "the sums of rows are others");
    return true;
}
