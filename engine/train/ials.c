/* ials.c -- implicit alternating least squares: all users given the items, then all items given the users. */
#include <math.h>
#include <string.h>

#include "hash.h"
#include "memory.h"
#include "train.h"

enum {
    GRAM_ROWS = 1024,     /* vectors whose outer products are added at a time */
    WATCH_SOLUTIONS = 64, /* between two looks at whether the training is wanted: below a millisecond */
};
#define START_DEVIATION 0.1 /* of the length of a start vector, as in the paper's code */

struct side {
    uint32_t count;
    uint32_t other_count;
    const uint32_t *begin;
    const struct sh_entry *entries;
    float *vectors;
};

/* Solving for one side needs what a fold-in does; the scratch grows to the longest row. */
struct solver {
    struct sh_fold fold;
    float *matrix;
    const float **vectors;
    float *weights;
    float *ones;
};

/* unobserved * sum of v v' over all vectors of a side, in their order. */
static void take_gram(struct solver *solver, const struct side *side, double unobserved) {
    const uint32_t dimension = solver->fold.dimension;
    memset(solver->fold.gram, 0, (size_t)dimension * dimension * sizeof(float));
    for (uint32_t i = 0; i < GRAM_ROWS; i++)
        solver->ones[i] = (float)unobserved;
    for (uint32_t begin = 0; begin < side->count; begin += GRAM_ROWS) {
        const float *rows[GRAM_ROWS];
        const uint32_t count = side->count - begin < GRAM_ROWS ? side->count - begin : GRAM_ROWS;
        for (uint32_t i = 0; i < count; i++)
            rows[i] = side->vectors + (size_t)(begin + i) * dimension;
        sh_train->add_outer(solver->fold.gram, dimension, rows, solver->ones, count);
    }
}

static bool solve_side(struct solver *solver, const struct side *target, const struct side *source, double unobserved,
                       const struct sh_train_watch *watch) {
    const uint32_t dimension = solver->fold.dimension;
    take_gram(solver, source, unobserved);
    solver->fold.base = (float)(unobserved * target->other_count);
    for (uint32_t row = 0; row < target->count; row++) {
        const struct sh_entry *entries = target->entries + target->begin[row];
        const uint32_t count = target->begin[row + 1] - target->begin[row];
        if (row % WATCH_SOLUTIONS == 0 && !train_is_wanted(watch)) return false;
        for (uint32_t i = 0; i < count; i++) {
            solver->vectors[i] = source->vectors + (size_t)entries[i].number * dimension;
            solver->weights[i] = entries[i].weight;
        }
        sh_fold_in(&solver->fold, solver->vectors, solver->weights, count, solver->matrix,
                   target->vectors + (size_t)row * dimension);
    }
    return true;
}

/* Small, different for each item, and its own whatever other items there are. */
static void start_items(const struct sh_interactions *interactions, const struct sh_train_spec *spec, float *vectors) {
    const double width = START_DEVIATION * sqrt(3.0 / spec->dimension);
    for (uint32_t item = 0; item < interactions->item_count; item++) {
        const uint64_t own = sh_hash_text(sh_interactions_name(interactions, item));
        for (uint32_t k = 0; k < spec->dimension; k++) {
            const uint64_t drawn = sh_hash_mix(own ^ spec->seed * UINT64_C(0x9E3779B97F4A7C15), k + UINT64_C(1)) >> 11;
            vectors[(size_t)item * spec->dimension + k] =
                (float)(width * ((double)drawn * (2.0 / 9007199254740992.0) - 1.0));
        }
    }
}

static uint32_t longest(const struct side *side) {
    uint32_t most = 1;
    for (uint32_t i = 0; i < side->count; i++)
        most = side->begin[i + 1] - side->begin[i] > most ? side->begin[i + 1] - side->begin[i] : most;
    return most;
}

static bool solver_init(struct solver *solver, const struct sh_train_spec *spec, uint32_t row_max) {
    const size_t square = (size_t)spec->dimension * spec->dimension * sizeof(float);
    *solver = (struct solver){.fold = {.dimension = spec->dimension, .regularisation = (float)spec->regularisation}};
    solver->fold.gram = sh_alloc(square);
    solver->matrix = sh_alloc(square);
    solver->vectors = sh_alloc(row_max * sizeof *solver->vectors);
    solver->weights = sh_alloc(row_max * sizeof *solver->weights);
    solver->ones = sh_alloc(GRAM_ROWS * sizeof *solver->ones);
    return solver->fold.gram != NULL && solver->matrix != NULL && solver->vectors != NULL && solver->weights != NULL &&
           solver->ones != NULL;
}

static void solver_deinit(struct solver *solver) {
    sh_free(solver->fold.gram);
    sh_free(solver->matrix);
    sh_free((void *)solver->vectors);
    sh_free(solver->weights);
    sh_free(solver->ones);
}

static enum sh_status run_epochs(struct solver *solver, struct side *users, struct side *items,
                                 const struct sh_train_spec *spec, struct sh_train_watch *watch) {
    for (uint32_t epoch = 0; epoch < spec->epochs; epoch++) {
        if (!solve_side(solver, users, items, spec->unobserved, watch)) return SH_ERR_CLOSED;
        if (!solve_side(solver, items, users, spec->unobserved, watch)) return SH_ERR_CLOSED;
        if (watch != NULL) watch->epochs_done = epoch + 1;
    }
    take_gram(solver, items, spec->unobserved); /* for those who fold in from now on */
    solver->fold.base = (float)(spec->unobserved * items->count);
    return SH_OK;
}

enum sh_status train_ials(const struct sh_interactions *interactions, struct sh_train_watch *watch,
                          struct sh_trained *trained) {
    const struct sh_train_spec *spec = &trained->spec;
    struct side users = {interactions->user_count, interactions->item_count, interactions->row_begin,
                         interactions->rows, NULL};
    struct side items = {interactions->item_count, interactions->user_count, interactions->column_begin,
                         interactions->columns, NULL};
    const uint32_t user_row = longest(&users);
    const uint32_t item_row = longest(&items);
    struct solver solver;
    enum sh_status status = SH_ERR_MEMORY;
    const size_t vector_bytes = spec->dimension * sizeof(float);
    users.vectors = sh_alloc_zero(users.count * vector_bytes);
    items.vectors = sh_alloc_zero(items.count * vector_bytes);
    if (solver_init(&solver, spec, user_row > item_row ? user_row : item_row) && users.vectors != NULL &&
        items.vectors != NULL) {
        start_items(interactions, spec, items.vectors);
        status = run_epochs(&solver, &users, &items, spec, watch);
    }
    if (status == SH_OK) {
        trained->factors = items.vectors;
        trained->fold = solver.fold;
        items.vectors = NULL;
        solver.fold.gram = NULL;
        for (size_t i = 0; i < (size_t)items.count * spec->dimension; i++)
            if (!(fabsf(trained->factors[i]) <= (float)SH_TRAINED_VALUE_MAX)) status = SH_ERR_OVERFLOW;
    }
    solver_deinit(&solver);
    sh_free(users.vectors);
    sh_free(items.vectors);
    return status;
}
