/* sweep.c -- the inverse of a symmetric positive definite matrix, in place, block by block.
 *
 * The sweep operator on the block K of rows and columns, D = (A_KK)^-1:
 *
 *     A_IJ -= A_IK D A_KJ      A_IK = A_IK D      A_KK = -D          for all I, J other than K, swept before or not
 *
 * After all blocks the matrix is -A^-1 (Goodnight, 1979; positive definite matrices need no pivoting). Nearly all work
 * is the first part: products of panels of SH_SWEEP_BLOCK rows, which go through registers tile by tile.
 */
#include <string.h>

#include "memory.h"
#include "train.h"

enum {
    PANEL_PAD = 24,      /* doubles between rows of a panel, so that they do not meet in the same cache sets */
    STRIP_COLUMNS = 512, /* of a panel at a time: 256 KiB, which L2 keeps */
};

struct sweep {
    double *matrix;
    uint32_t side;
    uint64_t stride;
    double *left;  /* A_K, all columns: SH_SWEEP_BLOCK rows */
    double *right; /* D A_K */
    uint64_t panel_stride;
    double block[SH_SWEEP_BLOCK][SH_SWEEP_BLOCK]; /* D */
};

static void read_panel(struct sweep *sweep, uint32_t first) {
    for (uint32_t k = 0; k < SH_SWEEP_BLOCK; k++) {
        double *row = sweep->left + k * sweep->panel_stride;
        for (uint32_t j = 0; j < first + k; j++)
            row[j] = sweep->matrix[j * sweep->stride + first + k];
        memcpy(row + first + k, sweep->matrix + (first + k) * sweep->stride + first + k,
               (sweep->side - first - k) * sizeof *row);
    }
}

/* D, by the same operator one row at a time. */
static bool invert_block(struct sweep *sweep, uint32_t first) {
    double(*block)[SH_SWEEP_BLOCK] = sweep->block;
    for (uint32_t i = 0; i < SH_SWEEP_BLOCK; i++)
        memcpy(block[i], sweep->left + i * sweep->panel_stride + first, sizeof block[i]);
    for (uint32_t k = 0; k < SH_SWEEP_BLOCK; k++) {
        double column[SH_SWEEP_BLOCK];
        if (!(block[k][k] > 0)) return false;
        const double inverse = 1.0 / block[k][k];
        for (uint32_t i = 0; i < SH_SWEEP_BLOCK; i++)
            column[i] = block[i][k];
        for (uint32_t i = 0; i < SH_SWEEP_BLOCK; i++) {
            if (i == k) continue;
            const double factor = column[i] * inverse;
            for (uint32_t j = 0; j < SH_SWEEP_BLOCK; j++)
                block[i][j] -= factor * column[j];
            block[i][k] = factor;
        }
        for (uint32_t j = 0; j < SH_SWEEP_BLOCK; j++)
            block[k][j] = column[j] * inverse;
        block[k][k] = -inverse;
    }
    for (uint32_t i = 0; i < SH_SWEEP_BLOCK; i++)
        for (uint32_t j = 0; j < SH_SWEEP_BLOCK; j++)
            block[i][j] = -block[i][j];
    return true;
}

/* right = D left, as tiles of -(-D) left. */
static void make_right(struct sweep *sweep) {
    double negative[SH_SWEEP_BLOCK][SH_SWEEP_BLOCK];
    for (uint32_t i = 0; i < SH_SWEEP_BLOCK; i++) {
        memset(sweep->right + i * sweep->panel_stride, 0, sweep->side * sizeof(double));
        for (uint32_t j = 0; j < SH_SWEEP_BLOCK; j++)
            negative[i][j] = -sweep->block[i][j];
    }
    for (uint32_t i = 0; i < SH_SWEEP_BLOCK; i += SH_TRAIN_TILE_ROWS)
        for (uint32_t j = 0; j < sweep->side; j += SH_TRAIN_TILE_COLUMNS)
            sh_train->subtract_tile(sweep->right + i * sweep->panel_stride + j, sweep->panel_stride, &negative[0][i],
                                    SH_SWEEP_BLOCK, sweep->left + j, sweep->panel_stride, SH_SWEEP_BLOCK);
}

/* The first part, for tiles on or above the diagonal and outside of K's rows and columns (both multiples of a tile). */
static void subtract_products(struct sweep *sweep, uint32_t first) {
    for (uint32_t strip = 0; strip < sweep->side; strip += STRIP_COLUMNS) {
        const uint32_t end = sweep->side - strip < STRIP_COLUMNS ? sweep->side : strip + STRIP_COLUMNS;
        for (uint32_t i = 0; i < end; i += SH_TRAIN_TILE_ROWS) {
            if (i >= first && i < first + SH_SWEEP_BLOCK) continue;
            const uint32_t diagonal = i & ~(SH_TRAIN_TILE_COLUMNS - 1u);
            for (uint32_t j = strip > diagonal ? strip : diagonal; j < end; j += SH_TRAIN_TILE_COLUMNS) {
                if (j >= first && j < first + SH_SWEEP_BLOCK) continue;
                sh_train->subtract_tile(sweep->matrix + i * sweep->stride + j, sweep->stride, sweep->left + i,
                                        sweep->panel_stride, sweep->right + j, sweep->panel_stride, SH_SWEEP_BLOCK);
            }
        }
    }
}

static void write_panel(struct sweep *sweep, uint32_t first) {
    for (uint32_t k = 0; k < SH_SWEEP_BLOCK; k++) {
        const double *row = sweep->right + k * sweep->panel_stride;
        double *target = sweep->matrix + (first + k) * sweep->stride;
        for (uint32_t j = 0; j < first; j++)
            sweep->matrix[j * sweep->stride + first + k] = row[j];
        for (uint32_t j = first; j < first + SH_SWEEP_BLOCK; j++)
            target[j] = -sweep->block[k][j - first];
        memcpy(target + first + SH_SWEEP_BLOCK, row + first + SH_SWEEP_BLOCK,
               (sweep->side - first - SH_SWEEP_BLOCK) * sizeof *row);
    }
}

enum sh_status train_sweep(double *matrix, uint32_t side, uint64_t stride, const struct sh_train_watch *watch) {
    sh_assert(side % SH_SWEEP_BLOCK == 0);
    struct sweep *sweep = sh_alloc(sizeof *sweep);
    enum sh_status status = SH_ERR_MEMORY;
    if (sweep == NULL) return status;
    sweep->matrix = matrix;
    sweep->side = side;
    sweep->stride = stride;
    sweep->panel_stride = side + PANEL_PAD;
    sweep->left = sh_alloc(SH_SWEEP_BLOCK * sweep->panel_stride * sizeof(double));
    sweep->right = sh_alloc(SH_SWEEP_BLOCK * sweep->panel_stride * sizeof(double));
    if (sweep->left != NULL && sweep->right != NULL) status = SH_OK;
    for (uint32_t first = 0; first < side && status == SH_OK; first += SH_SWEEP_BLOCK) {
        if (!train_is_wanted(watch)) {
            status = SH_ERR_CLOSED;
            break;
        }
        read_panel(sweep, first);
        if (!invert_block(sweep, first)) {
            status = SH_ERR_OVERFLOW;
            break;
        }
        make_right(sweep);
        subtract_products(sweep, first);
        write_panel(sweep, first);
    }
    for (uint32_t i = 0; i < side && status == SH_OK; i++)
        for (uint32_t j = i; j < side; j++)
            matrix[i * stride + j] = -matrix[i * stride + j];
    sh_free(sweep->left);
    sh_free(sweep->right);
    sh_free(sweep);
    return status;
}
_Static_assert(SH_SWEEP_BLOCK % SH_TRAIN_TILE_COLUMNS == 0 && SH_SWEEP_BLOCK % SH_TRAIN_TILE_ROWS == 0,
               "a tile is inside or outside of K");
