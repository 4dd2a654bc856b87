/* ease.c -- EASE in closed form, from the smaller side of the matrix.
 *
 * By items:  P = (X'X + l I)^-1                          B_ij = -P_ij / P_jj
 * By users:  P = (I - X' K X) / l,  K = (XX' + l I)^-1   B_ij = (x_i' K x_j) / (1 - x_j' K x_j)      x_j: column j of X
 */
#include <string.h>

#include "memory.h"
#include "train.h"

struct ease {
    const struct sh_interactions *interactions;
    const struct sh_train_watch *watch;
    double regularisation;
    uint32_t side;
    uint64_t stride; /* of the matrix: side in whole blocks */
    double *matrix;
    double *along;               /* by users: K x_j */
    struct sh_entry *candidates; /* by item */
    struct train_lists lists;
};

/* Counts of what rows (or columns) have in common, and the regularisation: X'X + l I from rows, XX' + l I from columns.
 */
static void fill_matrix(struct ease *ease, const uint32_t *begin, const struct sh_entry *entries, uint32_t count) {
    for (uint32_t line = 0; line < count; line++)
        for (uint32_t i = begin[line]; i < begin[line + 1]; i++) {
            double *row = ease->matrix + entries[i].number * ease->stride;
            for (uint32_t k = i; k < begin[line + 1]; k++) /* ascending: the upper triangle */
                row[entries[k].number] += 1;
        }
    for (uint64_t i = 0; i < ease->stride; i++) /* beyond the side: an identity of its own */
        ease->matrix[i * ease->stride + i] += i < ease->side ? ease->regularisation : 1;
}

static double value_at(const struct ease *ease, uint32_t i, uint32_t j) {
    return i <= j ? ease->matrix[i * ease->stride + j] : ease->matrix[j * ease->stride + i];
}

static void column_by_items(struct ease *ease, uint32_t j) {
    const double diagonal = value_at(ease, j, j);
    for (uint32_t i = 0; i < ease->side; i++)
        ease->candidates[i] = (struct sh_entry){i, i == j ? 0 : (float)(-value_at(ease, i, j) / diagonal)};
}

static double sum_along(const struct ease *ease, uint32_t item) {
    const struct sh_interactions *interactions = ease->interactions;
    double sum = 0;
    for (uint32_t i = interactions->column_begin[item]; i < interactions->column_begin[item + 1]; i++)
        sum += ease->along[interactions->columns[i].number];
    return sum;
}

static void column_by_users(struct ease *ease, uint32_t j) {
    const struct sh_interactions *interactions = ease->interactions;
    memset(ease->along, 0, ease->side * sizeof *ease->along);
    for (uint32_t i = interactions->column_begin[j]; i < interactions->column_begin[j + 1]; i++)
        for (uint32_t user = 0; user < ease->side; user++)
            ease->along[user] += value_at(ease, interactions->columns[i].number, user);
    const double rest = 1 - sum_along(ease, j);
    for (uint32_t i = 0; i < interactions->item_count; i++)
        ease->candidates[i] = (struct sh_entry){i, i == j ? 0 : (float)(sum_along(ease, i) / rest)};
}

static enum sh_status make_lists(struct ease *ease, bool by_items) {
    const uint32_t item_count = ease->interactions->item_count;
    for (uint32_t j = 0; j < item_count; j++) {
        if (!train_is_wanted(ease->watch)) return SH_ERR_CLOSED;
        if (by_items)
            column_by_items(ease, j);
        else
            column_by_users(ease, j);
        const enum sh_status status = train_lists_take(&ease->lists, j, ease->candidates, item_count);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status solve(struct ease *ease, bool by_items) {
    const struct sh_interactions *interactions = ease->interactions;
    const size_t square = (size_t)(ease->stride * ease->stride);
    ease->matrix = sh_alloc_zero(square * sizeof *ease->matrix);
    ease->along = sh_alloc(ease->stride * sizeof *ease->along);
    ease->candidates = sh_alloc((size_t)interactions->item_count * sizeof *ease->candidates);
    if (ease->matrix == NULL || ease->along == NULL || ease->candidates == NULL) return SH_ERR_MEMORY;
    if (by_items)
        fill_matrix(ease, interactions->row_begin, interactions->rows, interactions->user_count);
    else
        fill_matrix(ease, interactions->column_begin, interactions->columns, interactions->item_count);
    const enum sh_status status = train_sweep(ease->matrix, (uint32_t)ease->stride, ease->stride, ease->watch);
    return status == SH_OK ? make_lists(ease, by_items) : status;
}

enum sh_status train_ease(const struct sh_interactions *interactions, struct sh_train_watch *watch,
                          struct sh_trained *trained) {
    const bool by_items = interactions->item_count <= interactions->user_count;
    const uint32_t side = by_items ? interactions->item_count : interactions->user_count;
    if (side > SH_EASE_SIDE_MAX || interactions->item_count > SH_EASE_ITEM_COUNT_MAX) return SH_ERR_LIMIT;
    struct ease ease = {
        .interactions = interactions,
        .watch = watch,
        .regularisation = trained->spec.regularisation,
        .side = side,
        .stride = (side + SH_SWEEP_BLOCK - 1) / SH_SWEEP_BLOCK * SH_SWEEP_BLOCK,
    };
    train_lists_init(&ease.lists, interactions->item_count, trained->spec.neighbours);
    enum sh_status status = solve(&ease, by_items);
    if (status == SH_OK) status = train_lists_finish(&ease.lists, trained);
    train_lists_deinit(&ease.lists);
    sh_free(ease.matrix);
    sh_free(ease.along);
    sh_free(ease.candidates);
    return status;
}
