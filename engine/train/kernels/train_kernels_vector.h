/* train_kernels_vector.h -- the kernels, written once over vectors of sixteen floats or eight doubles.
 *
 * Included by the kernel files alone. The compiler makes of a vector as many registers as the file's instruction set
 * needs: four for the baseline, two for AVX2, one for AVX-512. All static, so that no copy compiled for a newer machine
 * can stand in for the baseline one; macros load and store, because functions that take such vectors have another
 * calling convention in each file.
 */
#ifndef SH_TRAIN_KERNELS_VECTOR_H
#define SH_TRAIN_KERNELS_VECTOR_H

#include <math.h>
#include <string.h>

#include "train_kernels.h"

typedef float lanes __attribute__((vector_size(4 * SH_TRAIN_LANES)));
typedef double wide __attribute__((vector_size(64)));

#define LOAD(vector, place)  memcpy(&(vector), (place), sizeof(vector))
#define STORE(place, vector) memcpy((place), &(vector), sizeof(vector))

/* Rows are taken by fours, so that the matrix is loaded and stored once for four of them. */
static void vector_add_outer(float *matrix, uint32_t dimension, const float *const *rows, const float *weights,
                             uint32_t count) {
    uint32_t k = 0;
    for (; k + 4 <= count; k += 4) {
        const float *const a = rows[k], *const b = rows[k + 1], *const c = rows[k + 2], *const d = rows[k + 3];
        for (uint32_t r = 0; r < dimension; r++) {
            const float fa = weights[k] * a[r], fb = weights[k + 1] * b[r];
            const float fc = weights[k + 2] * c[r], fd = weights[k + 3] * d[r];
            float *const row = matrix + (uint64_t)r * dimension;
            for (uint32_t i = r & ~(SH_TRAIN_LANES - 1u); i < dimension; i += SH_TRAIN_LANES) {
                lanes sum, x;
                LOAD(sum, row + i);
                LOAD(x, a + i);
                sum += fa * x;
                LOAD(x, b + i);
                sum += fb * x;
                LOAD(x, c + i);
                sum += fc * x;
                LOAD(x, d + i);
                sum += fd * x;
                STORE(row + i, sum);
            }
        }
    }
    for (; k < count; k++) {
        for (uint32_t r = 0; r < dimension; r++) {
            const float factor = weights[k] * rows[k][r];
            float *const row = matrix + (uint64_t)r * dimension;
            for (uint32_t i = r & ~(SH_TRAIN_LANES - 1u); i < dimension; i += SH_TRAIN_LANES) {
                lanes sum, x;
                LOAD(sum, row + i);
                LOAD(x, rows[k] + i);
                sum += factor * x;
                STORE(row + i, sum);
            }
        }
    }
}

static void vector_add_scaled(float *target, const float *source, float factor, uint32_t dimension) {
    for (uint32_t i = 0; i < dimension; i += SH_TRAIN_LANES) {
        lanes sum, x;
        LOAD(sum, target + i);
        LOAD(x, source + i);
        sum += factor * x;
        STORE(target + i, sum);
    }
}

static float add_lanes(const float *sums) {
    float half[8];
    for (int i = 0; i < 8; i++)
        half[i] = sums[i] + sums[i + 8];
    for (int i = 0; i < 4; i++)
        half[i] += half[i + 4];
    return (half[0] + half[2]) + (half[1] + half[3]);
}

static float vector_dot(const float *x, const float *y, uint32_t dimension) {
    lanes sum = {0};
    float sums[SH_TRAIN_LANES];
    for (uint32_t i = 0; i < dimension; i += SH_TRAIN_LANES) {
        lanes a, b;
        LOAD(a, x + i);
        LOAD(b, y + i);
        sum += a * b;
    }
    STORE(sums, sum);
    return add_lanes(sums);
}

/* Row by row: a row is divided by the root of its pivot and taken off the rows below. Four rows below at a time would
 * change no sum; at 64 dimensions the matrix is in L1 either way. */
static bool vector_factorise(float *matrix, uint32_t dimension) {
    for (uint32_t k = 0; k < dimension; k++) {
        float *const pivot_row = matrix + (uint64_t)k * dimension;
        const float pivot = pivot_row[k];
        if (!(pivot > 0)) return false;
        const float inverse = 1.0f / sqrtf(pivot);
        for (uint32_t i = k & ~(SH_TRAIN_LANES - 1u); i < dimension; i += SH_TRAIN_LANES) {
            lanes x;
            LOAD(x, pivot_row + i);
            x *= inverse;
            STORE(pivot_row + i, x);
        }
        for (uint32_t r = k + 1; r < dimension; r++) {
            const float factor = pivot_row[r];
            float *const row = matrix + (uint64_t)r * dimension;
            for (uint32_t i = r & ~(SH_TRAIN_LANES - 1u); i < dimension; i += SH_TRAIN_LANES) {
                lanes sum, x;
                LOAD(sum, row + i);
                LOAD(x, pivot_row + i);
                sum -= factor * x;
                STORE(row + i, sum);
            }
        }
    }
    return true;
}

/* Left of the diagonal a row has what is nobody's; it is masked by zeros in a copy of the row's first lanes. */
static void vector_solve(const float *factorised, uint32_t dimension, float *b) {
    for (uint32_t k = 0; k < dimension; k++) {
        const float *const row = factorised + (uint64_t)k * dimension;
        const uint32_t first = k & ~(SH_TRAIN_LANES - 1u);
        const float y = b[k] / row[k];
        for (uint32_t i = k + 1; i < first + SH_TRAIN_LANES; i++)
            b[i] -= y * row[i];
        for (uint32_t i = first + SH_TRAIN_LANES; i < dimension; i += SH_TRAIN_LANES) {
            lanes sum, x;
            LOAD(sum, b + i);
            LOAD(x, row + i);
            sum -= y * x;
            STORE(b + i, sum);
        }
        b[k] = y;
    }
    for (uint32_t k = dimension; k-- > 0;) {
        const float *const row = factorised + (uint64_t)k * dimension;
        const uint32_t first = k & ~(SH_TRAIN_LANES - 1u);
        float head[SH_TRAIN_LANES] = {0};
        lanes sum, x, y;
        for (uint32_t i = k + 1; i < first + SH_TRAIN_LANES; i++)
            head[i - first] = row[i];
        LOAD(x, head);
        LOAD(y, b + first);
        sum = x * y;
        for (uint32_t i = first + SH_TRAIN_LANES; i < dimension; i += SH_TRAIN_LANES) {
            LOAD(x, row + i);
            LOAD(y, b + i);
            sum += x * y;
        }
        STORE(head, sum);
        b[k] = (b[k] - add_lanes(head)) / row[k];
    }
}

static void vector_score_lanes(const float *vector, uint32_t dimension, const float *block, float *sums) {
    lanes sum = {0};
    for (uint32_t k = 0; k < dimension; k++) {
        lanes x;
        LOAD(x, block + (uint64_t)k * SH_TRAIN_LANES);
        sum += vector[k] * x;
    }
    STORE(sums, sum);
}

static void vector_subtract_tile(double *matrix, uint64_t stride, const double *left, uint64_t left_stride,
                                 const double *right, uint64_t right_stride, uint32_t depth) {
    wide sum[SH_TRAIN_TILE_ROWS][2];
    for (int r = 0; r < SH_TRAIN_TILE_ROWS; r++) {
        LOAD(sum[r][0], matrix + (uint64_t)r * stride);
        LOAD(sum[r][1], matrix + (uint64_t)r * stride + 8);
    }
    for (uint32_t k = 0; k < depth; k++) {
        wide x, y;
        LOAD(x, right + k * right_stride);
        LOAD(y, right + k * right_stride + 8);
        for (int r = 0; r < SH_TRAIN_TILE_ROWS; r++) {
            const double factor = left[k * left_stride + (uint64_t)r];
            sum[r][0] -= factor * x;
            sum[r][1] -= factor * y;
        }
    }
    for (int r = 0; r < SH_TRAIN_TILE_ROWS; r++) {
        STORE(matrix + (uint64_t)r * stride, sum[r][0]);
        STORE(matrix + (uint64_t)r * stride + 8, sum[r][1]);
    }
}

#define TRAIN_KERNELS(isa, features)                                                                                   \
    const struct sh_train_kernels sh_train_kernels_##isa = {                                                           \
        .name = #isa,                                                                                                  \
        .cpu_required = (features),                                                                                    \
        .add_outer = vector_add_outer,                                                                                 \
        .add_scaled = vector_add_scaled,                                                                               \
        .dot = vector_dot,                                                                                             \
        .factorise = vector_factorise,                                                                                 \
        .solve = vector_solve,                                                                                         \
        .score_lanes = vector_score_lanes,                                                                             \
        .subtract_tile = vector_subtract_tile,                                                                         \
    }

#endif
