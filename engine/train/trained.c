/* trained.c -- lists from columns, the fold-in, and how high a method's best items score. */
#include <math.h>
#include <string.h>

#include "memory.h"
#include "train.h"

enum { SCALE_USER_COUNT = 256 }; /* some percent of what an average says */

void sh_trained_deinit(struct sh_trained *trained) {
    sh_free(trained->fold.gram);
    sh_free(trained->factors);
    sh_free(trained->list_begin);
    sh_free(trained->list);
    *trained = (struct sh_trained){.item_count = 0};
}

/* ---- Lists ---- */

void train_lists_init(struct train_lists *lists, uint32_t item_count, uint32_t neighbours) {
    *lists = (struct train_lists){.item_count = item_count, .neighbours = neighbours};
}

void train_lists_deinit(struct train_lists *lists) {
    sh_free(lists->columns);
    sh_free(lists->entries);
    *lists = (struct train_lists){.item_count = 0};
}

/* Does a come before b? */
static bool is_larger(struct sh_entry a, struct sh_entry b) {
    const float size_a = fabsf(a.weight);
    const float size_b = fabsf(b.weight);
    return size_a != size_b ? size_a > size_b : a.number < b.number;
}

/* The `wanted` largest to the front, in no order: quickselect around the middle one of three. */
static void select_largest(struct sh_entry *entries, uint32_t count, uint32_t wanted) {
    uint32_t low = 0;
    uint32_t high = count;
    while (high - low > 1 && wanted > low && wanted < high) {
        struct sh_entry a = entries[low];
        struct sh_entry b = entries[low + (high - low) / 2];
        const struct sh_entry c = entries[high - 1];
        if (is_larger(b, a)) {
            const struct sh_entry swap = a;
            a = b;
            b = swap;
        }
        const struct sh_entry middle = is_larger(c, a) ? a : is_larger(b, c) ? b : c;
        uint32_t i = low;
        uint32_t k = high;
        while (i < k) { /* those larger than the middle, then the others */
            if (is_larger(entries[i], middle)) {
                i++;
                continue;
            }
            k--;
            const struct sh_entry swap = entries[i];
            entries[i] = entries[k];
            entries[k] = swap;
        }
        if (wanted <= i) {
            high = i;
            continue;
        }
        /* The middle itself is the first of the rest. */
        for (uint32_t m = i; m < high; m++) {
            if (entries[m].number != middle.number) continue;
            entries[m] = entries[i];
            entries[i] = middle;
        }
        low = i + 1;
    }
}

enum sh_status train_lists_take(struct train_lists *lists, uint32_t column, struct sh_entry *candidates,
                                uint32_t count) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (candidates[i].weight != 0) candidates[kept++] = candidates[i];
    if (kept > lists->neighbours) {
        select_largest(candidates, kept, lists->neighbours);
        kept = lists->neighbours;
    }
    const uint64_t needed = (uint64_t)lists->count + kept;
    enum sh_status status = sh_grow((void **)&lists->columns, &lists->column_capacity, needed, sizeof *lists->columns);
    if (status != SH_OK) return status;
    status = sh_grow((void **)&lists->entries, &lists->entry_capacity, needed, sizeof *lists->entries);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < kept; i++) {
        lists->columns[lists->count] = column;
        lists->entries[lists->count++] = candidates[i];
    }
    return SH_OK;
}

enum sh_status train_lists_finish(const struct train_lists *lists, struct sh_trained *trained) {
    trained->list_begin = sh_alloc_zero(((size_t)lists->item_count + 2) * sizeof *trained->list_begin);
    trained->list = sh_alloc(((size_t)lists->count + 1) * sizeof *trained->list);
    if (trained->list_begin == NULL || trained->list == NULL) return SH_ERR_MEMORY;
    uint32_t *begin = trained->list_begin;
    for (uint32_t i = 0; i < lists->count; i++)
        begin[lists->entries[i].number + 2]++;
    for (uint32_t item = 2; item <= lists->item_count; item++)
        begin[item] += begin[item - 1];
    for (uint32_t i = 0; i < lists->count; i++) /* columns come ascending, and so do they in each row */
        trained->list[begin[lists->entries[i].number + 1]++] =
            (struct sh_entry){lists->columns[i], lists->entries[i].weight};
    return SH_OK;
}

/* ---- Fold-in ---- */

void sh_fold_in(const struct sh_fold *fold, const float *const *vectors, const float *weights, uint32_t count,
                float *matrix, float *user) {
    const uint32_t dimension = fold->dimension;
    float sum = fold->base;
    memset(user, 0, dimension * sizeof *user);
    if (count == 0) return;
    memcpy(matrix, fold->gram, (size_t)dimension * dimension * sizeof *matrix);
    sh_train->add_outer(matrix, dimension, vectors, weights, count);
    for (uint32_t i = 0; i < count; i++) {
        sh_train->add_scaled(user, vectors[i], weights[i], dimension);
        sum += weights[i];
    }
    for (uint32_t i = 0; i < dimension; i++)
        matrix[(size_t)i * dimension + i] += fold->regularisation * sum;
    bool is_good = sh_train->factorise(matrix, dimension);
    if (is_good) sh_train->solve(matrix, dimension, user);
    for (uint32_t i = 0; i < dimension && is_good; i++)
        is_good = fabsf(user[i]) <= (float)SH_TRAINED_VALUE_MAX;
    /* Only with numbers that no training gives: nothing is known then. */
    if (!is_good) memset(user, 0, dimension * sizeof *user);
}

/* ---- Scale ---- */

struct scaling {
    const struct sh_interactions *interactions;
    const struct sh_trained *trained;
    float *scores; /* by item */
    float *matrix;
    float *user;
    const float **vectors;
    float *weights;
};

static void score_by_factors(struct scaling *scaling, const struct sh_entry *row, uint32_t count) {
    const struct sh_trained *trained = scaling->trained;
    const uint32_t dimension = trained->fold.dimension;
    for (uint32_t i = 0; i < count; i++) {
        scaling->vectors[i] = trained->factors + (size_t)row[i].number * dimension;
        scaling->weights[i] = row[i].weight;
    }
    sh_fold_in(&trained->fold, scaling->vectors, scaling->weights, count, scaling->matrix, scaling->user);
    for (uint32_t item = 0; item < trained->item_count; item++)
        scaling->scores[item] = sh_train->dot(scaling->user, trained->factors + (size_t)item * dimension, dimension);
}

static void score_by_lists(struct scaling *scaling, const struct sh_entry *row, uint32_t count) {
    const struct sh_trained *trained = scaling->trained;
    memset(scaling->scores, 0, trained->item_count * sizeof *scaling->scores);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t item = row[i].number;
        for (uint32_t k = trained->list_begin[item]; k < trained->list_begin[item + 1]; k++)
            scaling->scores[trained->list[k].number] += trained->list[k].weight;
    }
}

static double best_unliked(struct scaling *scaling, uint32_t user) {
    const struct sh_interactions *interactions = scaling->interactions;
    const struct sh_entry *row = interactions->rows + interactions->row_begin[user];
    const uint32_t count = interactions->row_begin[user + 1] - interactions->row_begin[user];
    if (scaling->trained->factors != NULL)
        score_by_factors(scaling, row, count);
    else
        score_by_lists(scaling, row, count);
    float best = 0;
    for (uint32_t i = 0; i < count; i++)
        scaling->scores[row[i].number] = 0;
    for (uint32_t item = 0; item < scaling->trained->item_count; item++)
        best = scaling->scores[item] > best ? scaling->scores[item] : best;
    return (double)best;
}

static enum sh_status measure_scale(const struct sh_interactions *interactions, struct sh_trained *trained) {
    uint32_t row_max = 1;
    for (uint32_t user = 0; user < interactions->user_count; user++) {
        const uint32_t count = interactions->row_begin[user + 1] - interactions->row_begin[user];
        row_max = count > row_max ? count : row_max;
    }
    const size_t dimension = trained->factors != NULL ? trained->fold.dimension : 1;
    struct scaling scaling = {
        .interactions = interactions,
        .trained = trained,
        .scores = sh_alloc((size_t)trained->item_count * sizeof(float)),
        .matrix = sh_alloc(dimension * dimension * sizeof(float)),
        .user = sh_alloc(dimension * sizeof(float)),
        .vectors = sh_alloc(row_max * sizeof(float *)),
        .weights = sh_alloc(row_max * sizeof(float)),
    };
    const bool is_there = scaling.scores != NULL && scaling.matrix != NULL && scaling.user != NULL &&
                          scaling.vectors != NULL && scaling.weights != NULL;
    if (is_there) {
        const uint32_t count =
            interactions->user_count < SCALE_USER_COUNT ? interactions->user_count : SCALE_USER_COUNT;
        double sum = 0;
        for (uint64_t i = 0; i < count; i++)
            sum += best_unliked(&scaling, (uint32_t)(i * interactions->user_count / count));
        const double mean = sum / count;
        trained->scale = mean >= 1 / SH_TRAINED_VALUE_MAX && mean <= SH_TRAINED_VALUE_MAX ? mean : 1;
    }
    sh_free(scaling.scores);
    sh_free(scaling.matrix);
    sh_free(scaling.user);
    sh_free((void *)scaling.vectors);
    sh_free(scaling.weights);
    return is_there ? SH_OK : SH_ERR_MEMORY;
}

/* ---- The door ---- */

enum sh_status sh_train_run(const struct sh_train_spec *spec, const struct sh_interactions *interactions,
                            struct sh_train_watch *watch, struct sh_trained *trained, struct sh_error *err) {
    sh_assert(interactions->is_finished);
    *trained = (struct sh_trained){.spec = *spec, .item_count = interactions->item_count};
    if (interactions->entry_count == 0)
        return sh_fail(err, SH_ERR_NOT_FOUND, -1, "nobody likes anything yet: there is nothing to learn from");
    enum sh_status status;
    if (spec->method == SH_TRAIN_IALS)
        status = train_ials(interactions, watch, trained);
    else if (spec->method == SH_TRAIN_EASE)
        status = train_ease(interactions, watch, trained);
    else
        status = train_neighbours(interactions, watch, trained);
    for (uint32_t i = 0; status == SH_OK && trained->list != NULL && i < trained->list_begin[trained->item_count]; i++)
        if (!(fabsf(trained->list[i].weight) <= (float)SH_TRAINED_VALUE_MAX)) status = SH_ERR_OVERFLOW;
    if (status == SH_OK) status = measure_scale(interactions, trained);
    if (status == SH_OK) return SH_OK;
    sh_trained_deinit(trained);
    if (status == SH_ERR_CLOSED) return sh_fail(err, status, -1, "the training is not wanted any more");
    if (status == SH_ERR_MEMORY) return sh_fail(err, status, -1, "there is no memory for the training");
    if (status == SH_ERR_LIMIT)
        return sh_fail(err, status, -1, "`%s` needs at most %d items, or at most so many users who like something",
                       sh_train_method_name(spec->method), (int)SH_EASE_SIDE_MAX);
    return sh_fail(err, status, -1, "the numbers of `%s` are not those of a solution: more regularisation may help",
                   sh_train_method_name(spec->method));
}
