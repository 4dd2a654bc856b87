/* neighbours.c -- item to item by what the same people like: the shrunk cosine, and RP3beta. */
#include <math.h>

#include "memory.h"
#include "train.h"

struct neighbours {
    const struct sh_interactions *interactions;
    const struct sh_train_spec *spec;
    double *sums;       /* by item: what is together with the column at hand */
    uint32_t *touched;  /* items whose sum is not 0 */
    double *user_share; /* rp3: (1 / N_u)^alpha */
    struct sh_entry *candidates;
    struct train_lists lists;
};

static uint32_t column_length(const struct sh_interactions *interactions, uint32_t item) {
    return interactions->column_begin[item + 1] - interactions->column_begin[item];
}

/* Sums over the users of the column; returns how many items it touched. */
static uint32_t add_up(struct neighbours *neighbours, uint32_t column) {
    const struct sh_interactions *interactions = neighbours->interactions;
    const bool by_rp3 = neighbours->spec->method == SH_TRAIN_RP3;
    uint32_t count = 0;
    for (uint32_t c = interactions->column_begin[column]; c < interactions->column_begin[column + 1]; c++) {
        const struct sh_entry user = interactions->columns[c];
        for (uint32_t r = interactions->row_begin[user.number]; r < interactions->row_begin[user.number + 1]; r++) {
            const struct sh_entry other = interactions->rows[r];
            if (neighbours->sums[other.number] == 0) neighbours->touched[count++] = other.number;
            neighbours->sums[other.number] += by_rp3
                                                  ? neighbours->user_share[user.number]
                                                  : (double)(user.weight < other.weight ? user.weight : other.weight);
        }
    }
    return count;
}

static double value_of(const struct neighbours *neighbours, uint32_t i, uint32_t j) {
    const struct sh_interactions *interactions = neighbours->interactions;
    const struct sh_train_spec *spec = neighbours->spec;
    const double sum = neighbours->sums[i];
    if (spec->method == SH_TRAIN_RP3)
        return sum * pow(1.0 / column_length(interactions, i), spec->alpha) /
               pow(column_length(interactions, j), spec->beta);
    return sum / (sqrt(interactions->item_sums[i] * interactions->item_sums[j]) + spec->shrink);
}

static enum sh_status take_column(struct neighbours *neighbours, uint32_t column) {
    const uint32_t count = add_up(neighbours, column);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t item = neighbours->touched[i];
        if (item != column)
            neighbours->candidates[kept++] = (struct sh_entry){item, (float)value_of(neighbours, item, column)};
    }
    for (uint32_t i = 0; i < count; i++)
        neighbours->sums[neighbours->touched[i]] = 0;
    return train_lists_take(&neighbours->lists, column, neighbours->candidates, kept);
}

static enum sh_status take_all(struct neighbours *neighbours, const struct sh_train_watch *watch) {
    const struct sh_interactions *interactions = neighbours->interactions;
    for (uint32_t user = 0; user < interactions->user_count; user++)
        neighbours->user_share[user] =
            pow(1.0 / (interactions->row_begin[user + 1] - interactions->row_begin[user]), neighbours->spec->alpha);
    for (uint32_t column = 0; column < interactions->item_count; column++) {
        if (!train_is_wanted(watch)) return SH_ERR_CLOSED;
        const enum sh_status status = take_column(neighbours, column);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

enum sh_status train_neighbours(const struct sh_interactions *interactions, struct sh_train_watch *watch,
                                struct sh_trained *trained) {
    const size_t item_count = interactions->item_count;
    struct neighbours neighbours = {
        .interactions = interactions,
        .spec = &trained->spec,
        .sums = sh_alloc_zero(item_count * sizeof(double)),
        .touched = sh_alloc(item_count * sizeof(uint32_t)),
        .user_share = sh_alloc(interactions->user_count * sizeof(double)),
        .candidates = sh_alloc(item_count * sizeof(struct sh_entry)),
    };
    train_lists_init(&neighbours.lists, interactions->item_count, trained->spec.neighbours);
    enum sh_status status = SH_ERR_MEMORY;
    if (neighbours.sums != NULL && neighbours.touched != NULL && neighbours.user_share != NULL &&
        neighbours.candidates != NULL)
        status = take_all(&neighbours, watch);
    if (status == SH_OK) status = train_lists_finish(&neighbours.lists, trained);
    train_lists_deinit(&neighbours.lists);
    sh_free(neighbours.sums);
    sh_free(neighbours.touched);
    sh_free(neighbours.user_share);
    sh_free(neighbours.candidates);
    return status;
}
