/* train_kernels.h -- the arithmetic of training, one table for each instruction set.
 *
 * Every operation works on its elements one by one, in a written order, with one rounding for each multiplication and
 * each addition (no fused ones). Wider registers do more elements at once and never another sum, so all tables give the
 * same bits; dot() alone adds across elements, in sixteen lanes whose order is written too:
 *
 *   lane k   x[k] y[k] + x[k+16] y[k+16] + x[k+32] y[k+32] ...    then lanes 0+8, 1+9 .. 7+15, of these 0+4 .. 3+7,
 *                                                                 0+2, 1+3, and 0+1
 *
 * A dimension is a multiple of SH_TRAIN_LANES. Matrices of floats are `dimension` wide; only the upper triangle means
 * something, and elements left of it in the same lanes may be changed. Any alignment.
 *
 * This header is included by files that are compiled with -m flags: no functions, no inline code.
 */
#ifndef SH_TRAIN_KERNELS_H
#define SH_TRAIN_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SH_TRAIN_LANES = 16,
    SH_TRAIN_TILE_ROWS = 4,
    SH_TRAIN_TILE_COLUMNS = 16,
};

struct sh_train_kernels {
    const char *name;      /* "scalar", "avx2", "avx512": what SHOAL_ISA takes */
    uint32_t cpu_required; /* SH_CPU_* bits (cpu.h), all of which must be present */

    /* matrix[r][c] += sum over k of (weights[k] * rows[k][r]) * rows[k][c], k ascending, for c >= r. */
    void (*add_outer)(float *matrix, uint32_t dimension, const float *const *rows, const float *weights,
                      uint32_t count);
    /* target[i] += factor * source[i] */
    void (*add_scaled)(float *target, const float *source, float factor, uint32_t dimension);
    float (*dot)(const float *x, const float *y, uint32_t dimension);
    /* In place: matrix = U' U, U in the upper triangle. False: it is not positive definite. */
    bool (*factorise)(float *matrix, uint32_t dimension);
    /* The x of U' U x = b, in place of b. */
    void (*solve)(const float *factorised, uint32_t dimension, float *b);
    /* sums[i] = sum over k of vector[k] * block[k][i], k ascending, i below SH_TRAIN_LANES. */
    void (*score_lanes)(const float *vector, uint32_t dimension, const float *block, float *sums);
    /* matrix[i][j] -= sum over k of left[k][i] * right[k][j], k ascending, for a tile of SH_TRAIN_TILE_ROWS by
     * SH_TRAIN_TILE_COLUMNS doubles. Strides in elements. */
    void (*subtract_tile)(double *matrix, uint64_t stride, const double *left, uint64_t left_stride,
                          const double *right, uint64_t right_stride, uint32_t depth);
};

extern const struct sh_train_kernels sh_train_kernels_scalar;
extern const struct sh_train_kernels sh_train_kernels_avx2;
extern const struct sh_train_kernels sh_train_kernels_avx512;

/* The table of an instruction set, NULL if this machine lacks it; and the one in use. */
const struct sh_train_kernels *sh_train_kernels_of(uint32_t isa);
extern const struct sh_train_kernels *sh_train;

#endif
