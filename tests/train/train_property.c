/* train_property.c -- random likings: every method against its formula, the kernels of every instruction set against
 * the scalar ones bit by bit, and the same table however the likings were gathered. Run: train_property SEED COUNT. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "isa.h"
#include "memory.h"
#include "train_twin.h"

static uint64_t state;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

static double random_share(void) {
    return (double)random_below(1u << 24) / (double)(1u << 24);
}

/* ---- Likings ---- */

struct liking {
    uint32_t user;
    uint32_t item;
    float weight;
};
static struct liking likings[TWIN_USERS * TWIN_ITEMS];
static uint32_t liking_count;
static uint32_t user_count, item_count;

/* Users and items of a few kinds, so that there is something to find. */
static void draw_likings(void) {
    static const float weights[] = {1, 1, 1, 3, 5};
    liking_count = 0;
    user_count = 2 + random_below(TWIN_USERS - 1);
    item_count = 2 + random_below(TWIN_ITEMS - 1);
    const bool is_plain = random_below(2) == 0;
    for (uint32_t user = 0; user < user_count; user++)
        for (uint32_t item = 0; item < item_count; item++)
            if (random_below(user % 3 == item % 3 ? 4 : 20) == 0)
                likings[liking_count++] = (struct liking){user, item, is_plain ? 1 : weights[random_below(5)]};
    if (liking_count == 0) likings[liking_count++] = (struct liking){0, 0, 1};
}

/* In another order each time: users, items and what a user likes. */
static void gather(struct sh_interactions *interactions) {
    uint32_t order[TWIN_USERS];
    sh_interactions_init(interactions);
    for (uint32_t i = 0; i < user_count; i++)
        order[i] = i;
    for (uint32_t i = user_count; i > 1; i--) {
        const uint32_t k = random_below(i);
        const uint32_t swap = order[k];
        order[k] = order[i - 1];
        order[i - 1] = swap;
    }
    for (uint32_t i = 0; i < user_count; i++) {
        cr_assert_eq(sh_interactions_user(interactions, sh_hash_mix(order[i], 7)), SH_OK);
        const uint32_t turn = random_below(liking_count);
        for (uint32_t k = 0; k < liking_count; k++) {
            const struct liking *liking = &likings[(k + turn) % liking_count];
            char id[16];
            uint32_t number;
            if (liking->user != order[i]) continue;
            (void)snprintf(id, sizeof id, "item%u", liking->item);
            cr_assert_eq(sh_interactions_item(interactions, sh_text_of(id), &number), SH_OK);
            cr_assert_eq(sh_interactions_add(interactions, number, liking->weight), SH_OK);
        }
    }
    cr_assert_eq(sh_interactions_finish(interactions), SH_OK);
}

static struct sh_train_spec draw_spec(enum sh_train_method method) {
    struct sh_train_spec spec = sh_train_spec_default(method);
    spec.dimension = SH_TRAIN_LANES * (1 + random_below(2));
    spec.epochs = 3;
    spec.neighbours = random_below(2) == 0 ? SH_TRAIN_NEIGHBOUR_COUNT_MAX : 1 + random_below(20);
    spec.unobserved = 0.05 + 0.5 * random_share();
    spec.regularisation = method == SH_TRAIN_EASE ? 1 + 100 * random_share() : 0.005 + 0.1 * random_share();
    spec.shrink = 20 * random_share();
    spec.alpha = 0.5 + random_share();
    spec.beta = random_share();
    spec.seed = random_below(1000);
    cr_assert_eq(sh_train_spec_check(&spec, NULL), SH_OK);
    return spec;
}

/* ---- Lists ---- */

static struct train_twin twin;

/* The table's entry, 0 if it was left out. */
static double listed(const struct sh_trained *trained, uint32_t row, uint32_t column) {
    for (uint32_t i = trained->list_begin[row]; i < trained->list_begin[row + 1]; i++)
        if (trained->list[i].number == column) return (double)trained->list[i].weight;
    return 0;
}

/* A column keeps as many as it may, and none that is left out is larger than one that is kept. */
static void check_lists(const struct sh_trained *trained) {
    const uint32_t n = trained->item_count;
    for (uint32_t column = 0; column < n; column++) {
        uint32_t kept = 0, there = 0;
        double least = INFINITY, most_left = 0;
        for (uint32_t row = 0; row < n; row++) {
            const double truth = twin.table[row][column];
            const double found = listed(trained, row, column);
            there += fabs(truth) > 1e-9;
            if (found != 0) {
                kept++;
                least = fmin(least, fabs(truth));
                cr_assert_lt(fabs(found - truth), 1e-5 * (fabs(truth) + 1e-2), "%u %u: %g is not %g", row, column,
                             found, truth);
            } else {
                most_left = fmax(most_left, fabs(truth));
            }
        }
        cr_assert_geq(least + 1e-6, kept == trained->spec.neighbours ? most_left : 0);
        cr_assert_leq(kept, trained->spec.neighbours);
        if (there <= trained->spec.neighbours) cr_assert_geq(kept, there);
    }
}

static void check_same(const struct sh_trained *a, const struct sh_trained *b) {
    cr_assert_eq(a->item_count, b->item_count);
    cr_assert_eq(a->scale, b->scale);
    if (a->factors != NULL) {
        const size_t d = a->spec.dimension;
        cr_assert_arr_eq(a->factors, b->factors, a->item_count * d * sizeof(float));
        for (size_t r = 0; r < d; r++)
            cr_assert_arr_eq(a->fold.gram + r * d + r, b->fold.gram + r * d + r, (d - r) * sizeof(float));
        return;
    }
    cr_assert_arr_eq(a->list_begin, b->list_begin, (a->item_count + 1) * sizeof(uint32_t));
    for (uint32_t i = 0; i < a->list_begin[a->item_count]; i++)
        cr_assert(a->list[i].number == b->list[i].number && a->list[i].weight == b->list[i].weight);
}

/* ---- Factors ---- */

static void check_factors(const struct sh_train_spec *spec, const struct sh_interactions *interactions,
                          const struct sh_trained *trained) {
    static double users[TWIN_USERS][SH_FACTOR_DIMENSION_MAX];
    static float matrix[SH_FACTOR_DIMENSION_MAX * SH_FACTOR_DIMENSION_MAX];
    float user[SH_FACTOR_DIMENSION_MAX];
    const float *vectors[TWIN_ITEMS];
    float weights[TWIN_ITEMS];
    const double loss = train_twin_loss(&twin, spec, trained->factors, users);
    for (uint32_t u = 0; u < interactions->user_count; u++) {
        const uint32_t begin = interactions->row_begin[u];
        const uint32_t count = interactions->row_begin[u + 1] - begin;
        for (uint32_t i = 0; i < count; i++) {
            vectors[i] = trained->factors + (size_t)interactions->rows[begin + i].number * spec->dimension;
            weights[i] = interactions->rows[begin + i].weight;
        }
        sh_fold_in(&trained->fold, vectors, weights, count, matrix, user);
        for (uint32_t k = 0; k < spec->dimension; k++)
            cr_assert_lt(fabs((double)user[k] - users[u][k]), 2e-3 * (fabs(users[u][k]) + 0.1));
    }
    /* More epochs from the same start never lose: each half of one is the minimum over its side. */
    struct sh_train_spec more = *spec;
    struct sh_trained longer;
    more.epochs = spec->epochs + 3;
    cr_assert_eq(sh_train_run(&more, interactions, NULL, &longer, NULL), SH_OK);
    cr_assert_leq(train_twin_loss(&twin, spec, longer.factors, users), loss * (1 + 1e-4));
    sh_trained_deinit(&longer);
}

static void check_shop(void) {
    draw_likings();
    for (int method = 0; method < SH_TRAIN_METHOD_COUNT; method++) {
        const struct sh_train_spec spec = draw_spec((enum sh_train_method)method);
        struct sh_interactions first, second;
        struct sh_trained one, other;
        gather(&first);
        gather(&second);
        train_twin_read(&twin, &first);
        cr_assert_eq(sh_train_run(&spec, &first, NULL, &one, NULL), SH_OK);
        cr_assert_eq(sh_train_run(&spec, &second, NULL, &other, NULL), SH_OK);
        cr_assert_gt(one.scale, 0);
        check_same(&one, &other);
        if (one.factors != NULL) {
            check_factors(&spec, &first, &one);
        } else {
            train_twin_table(&twin, &spec);
            check_lists(&one);
        }
        sh_trained_deinit(&one);
        sh_trained_deinit(&other);
        sh_interactions_deinit(&first);
        sh_interactions_deinit(&second);
    }
}

static uint64_t seed = 1;
static uint32_t shop_count = 12;

Test(train, each_method_is_its_formula_however_likings_were_gathered) {
    for (uint32_t i = 0; i < shop_count; i++) {
        state = seed + i;
        check_shop();
    }
}

/* ---- Kernels ---- */

enum { ROWS = 9 };
static float vectors[ROWS][SH_FACTOR_DIMENSION_MAX], plain[SH_FACTOR_DIMENSION_MAX * SH_FACTOR_DIMENSION_MAX];
static float quick[SH_FACTOR_DIMENSION_MAX * SH_FACTOR_DIMENSION_MAX];

static void compare_upper(uint32_t dimension, const char *isa, const char *what) {
    for (uint32_t r = 0; r < dimension; r++)
        cr_assert_eq(memcmp(plain + r * dimension + r, quick + r * dimension + r, (dimension - r) * sizeof(float)), 0,
                     "%s: %s, row %u of %u", isa, what, r, dimension);
}

static void check_kernels(const struct sh_train_kernels *tested, uint32_t dimension) {
    const struct sh_train_kernels *scalar = &sh_train_kernels_scalar;
    const float *rows[ROWS];
    float weights[ROWS], b[2][SH_FACTOR_DIMENSION_MAX], sums[2][SH_TRAIN_LANES];
    double truth = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = vectors[i];
        weights[i] = (float)random_share();
        for (uint32_t k = 0; k < dimension; k++)
            vectors[i][k] = (float)(random_share() - 0.5);
    }
    memset(plain, 0, sizeof plain);
    for (uint32_t i = 0; i < dimension; i++)
        plain[i * dimension + i] = 1;
    memcpy(quick, plain, sizeof quick);
    scalar->add_outer(plain, dimension, rows, weights, ROWS);
    tested->add_outer(quick, dimension, rows, weights, ROWS);
    compare_upper(dimension, tested->name, "add_outer");
    for (uint32_t i = 0; i < ROWS; i++)
        truth += (double)weights[i] * (double)rows[i][1] * (double)rows[i][dimension - 1];
    cr_assert_lt(fabs((double)plain[dimension + dimension - 1] - truth), 1e-5);
    cr_assert(scalar->factorise(plain, dimension) && tested->factorise(quick, dimension));
    compare_upper(dimension, tested->name, "factorise");
    memcpy(b[0], vectors[0], sizeof b[0]);
    memcpy(b[1], vectors[0], sizeof b[1]);
    scalar->solve(plain, dimension, b[0]);
    tested->solve(quick, dimension, b[1]);
    cr_assert_arr_eq(b[0], b[1], dimension * sizeof(float), "%s: solve", tested->name);
    const float dots[2] = {scalar->dot(vectors[1], vectors[2], dimension),
                           tested->dot(vectors[1], vectors[2], dimension)};
    cr_assert_eq(dots[0], dots[1], "%s: dot", tested->name);
    scalar->score_lanes(vectors[3], dimension, plain, sums[0]);
    tested->score_lanes(vectors[3], dimension, plain, sums[1]);
    cr_assert_arr_eq(sums[0], sums[1], sizeof sums[0], "%s: score_lanes", tested->name);
    scalar->add_scaled(b[0], vectors[4], 0.3f, dimension);
    tested->add_scaled(b[1], vectors[4], 0.3f, dimension);
    cr_assert_arr_eq(b[0], b[1], dimension * sizeof(float), "%s: add_scaled", tested->name);
}

Test(train, kernels_of_every_instruction_set_give_the_same_bits) {
    uint32_t tested = 0;
    state = seed;
    for (uint32_t isa = 0; isa < SH_ISA_COUNT; isa++) {
        const struct sh_train_kernels *kernels = sh_train_kernels_of(isa);
        if (kernels == NULL) {
            (void)fprintf(stderr, "SKIPPED: this machine has no %s\n", sh_isa_name((enum sh_isa)isa));
            continue;
        }
        for (uint32_t dimension = SH_TRAIN_LANES; dimension <= SH_FACTOR_DIMENSION_MAX; dimension += SH_TRAIN_LANES)
            check_kernels(kernels, dimension);
        tested++;
    }
    cr_assert_geq(tested, 1);
}

/* A factorised matrix that is not one is found out. */
Test(train, a_matrix_that_is_not_positive_definite_is_refused) {
    float matrix[SH_TRAIN_LANES * SH_TRAIN_LANES] = {0};
    static double square[SH_SWEEP_BLOCK * SH_SWEEP_BLOCK];
    cr_assert_not(sh_train->factorise(matrix, SH_TRAIN_LANES));
    cr_assert_eq(train_sweep(square, SH_SWEEP_BLOCK, SH_SWEEP_BLOCK, NULL), SH_ERR_OVERFLOW);
}

/* ---- The inverse ---- */

Test(train, an_inverse_times_its_matrix_is_the_identity) {
    enum { SIDE = 5 * SH_SWEEP_BLOCK };
    double *matrix = sh_alloc(SIDE * SIDE * sizeof *matrix);
    double *inverse = sh_alloc(SIDE * SIDE * sizeof *inverse);
    state = seed;
    for (uint32_t i = 0; i < SIDE; i++)
        for (uint32_t j = i; j < SIDE; j++)
            matrix[i * SIDE + j] = matrix[j * SIDE + i] = (i == j ? SIDE / 4.0 : 0) + random_share();
    memcpy(inverse, matrix, SIDE * SIDE * sizeof *inverse);
    cr_assert_eq(train_sweep(inverse, SIDE, SIDE, NULL), SH_OK);
    for (uint32_t i = 0; i < SIDE; i++)
        for (uint32_t j = 0; j < SIDE; j += 7) {
            double sum = 0;
            for (uint32_t k = 0; k < SIDE; k++)
                sum += matrix[i * SIDE + k] * (k <= j ? inverse[k * SIDE + j] : inverse[j * SIDE + k]);
            cr_assert_lt(fabs(sum - (i == j)), 1e-9);
        }
    sh_free(matrix);
    sh_free(inverse);
}

/* ---- Faults ---- */

static bool is_unwanted(void *context) {
    uint32_t *looks = context;
    return (*looks)++ < 2;
}

Test(train, a_training_that_is_not_wanted_ends_and_leaves_nothing) {
    struct sh_interactions interactions;
    state = seed;
    draw_likings();
    gather(&interactions);
    for (int method = 0; method < SH_TRAIN_METHOD_COUNT; method++) {
        uint32_t looks = 0;
        struct sh_train_watch watch = {.is_wanted = is_unwanted, .context = &looks};
        const struct sh_train_spec spec = sh_train_spec_default((enum sh_train_method)method);
        struct sh_trained trained;
        struct sh_error err;
        cr_assert_eq(sh_train_run(&spec, &interactions, &watch, &trained, &err), SH_ERR_CLOSED);
        cr_assert(trained.factors == NULL && trained.list == NULL);
    }
    sh_interactions_deinit(&interactions);
}

Test(train, memory_that_is_out_is_said_and_all_is_given_back) {
    struct sh_interactions interactions;
    state = seed;
    draw_likings();
    gather(&interactions);
    for (int method = 0; method < SH_TRAIN_METHOD_COUNT; method++) {
        const struct sh_train_spec spec = sh_train_spec_default((enum sh_train_method)method);
        const int64_t before = sh_memory_bytes();
        for (uint64_t n = 0;; n++) {
            struct sh_trained trained;
            sh_memory_fail_after(n);
            const enum sh_status status = sh_train_run(&spec, &interactions, NULL, &trained, NULL);
            const bool failed = sh_memory_failed();
            sh_memory_fail_after(UINT64_MAX);
            cr_assert_eq(status, failed ? SH_ERR_MEMORY : SH_OK);
            sh_trained_deinit(&trained);
            cr_assert_eq(sh_memory_bytes(), before);
            if (!failed) break;
        }
    }
    sh_interactions_deinit(&interactions);
}

Test(train, nobody_who_likes_anything_is_nothing_to_learn_from) {
    struct sh_interactions interactions;
    struct sh_trained trained;
    struct sh_error err;
    const struct sh_train_spec spec = sh_train_spec_default(SH_TRAIN_EASE);
    sh_interactions_init(&interactions);
    cr_assert_eq(sh_interactions_user(&interactions, 1), SH_OK);
    cr_assert_eq(sh_interactions_finish(&interactions), SH_OK);
    cr_assert_eq(interactions.user_count, 0);
    cr_assert_eq(sh_train_run(&spec, &interactions, NULL, &trained, &err), SH_ERR_NOT_FOUND);
    sh_interactions_deinit(&interactions);
}

int main(int argc, char **argv) {
    struct criterion_test_set *tests = criterion_initialize();
    if (argc > 1) seed = strtoull(argv[1], NULL, 10);
    if (argc > 2) shop_count = (uint32_t)strtoul(argv[2], NULL, 10);
    (void)printf("reproduce: ./train_property %llu %u\n", (unsigned long long)seed, shop_count);
    (void)fflush(stdout);
    const int result = !criterion_run_all_tests(tests);
    criterion_finalize(tests);
    return result;
}
