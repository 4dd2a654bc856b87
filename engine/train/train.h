/* train.h -- from who liked what to a table that a feed reads: four methods.
 *
 *   interactions --> sh_train() --> factors   a vector an item, and how to make a user's from what the user liked
 *                               '-> lists     for each item liked, the items that it speaks for, and how much
 *
 *   ials    factors  Minimise over p_u, q_i (Rendle and others, "Revisiting the performance of iALS"):
 *                        sum over (u,i) liked of w_ui (1 - p_u.q_i)^2  +  unobserved * sum over all u,i of (p_u.q_i)^2
 *                      + regularisation * (sum over u of n_u |p_u|^2  +  sum over i of n_i |q_i|^2)
 *                    with n_u = sum of the user's weights + unobserved * items, n_i = the item's + unobserved * users,
 *                    by solving for all p and all q in turn, `epochs` times, from q_ik = 0.1 sqrt(3 / d) u, u of -1..1 by
 *                    sh_hash_mix of (XXH3 of the item's id ^ seed * 0x9E3779B97F4A7C15, k + 1). A user's vector is
 *                        p_u = (unobserved Q'Q + sum of w_ui q_i q_i' + regularisation n_u I)^-1  sum of w_ui q_i
 *                    which is what a feed solves with the user's latest events (sh_fold_in): exact, no user is stored.
 *   ease    lists    B_ij = -P_ij / P_jj, B_jj = 0, P = (X'X + regularisation I)^-1 (Steck, "Embarrassingly shallow
 *                    autoencoders"), X the matrix of who liked what, in zeros and ones. P comes from the smaller of
 *                    X'X and XX' (the identity of Woodbury), which must be at most SH_EASE_SIDE_MAX wide.
 *   knn     lists    C_ij / (sqrt(N_i N_j) + shrink), C_ij the sum over users of the smaller of both weights, N_i of
 *                    the item's: the cosine of pairs.h, over whole histories.
 *   rp3     lists    RP3beta: sum over users of (1/N_i)^alpha (1/N_u)^alpha / N_j^beta, counts of likings.
 *
 * Lists keep the `neighbours` largest of each column j, by absolute value, ties by the items' ids.
 *
 * Scale. Each result says how high the best unliked item of a user scores on average (over at most
 * SCALE_USER_COUNT users), so that a feed can weigh results of different methods against each other.
 *
 * The same bits on every machine and for any number of shards, from the same interactions: element by element in the
 * kernels (train_kernels.h), start values from hashes of the items' ids. Of `rp3` alone the last bits are those of the
 * machine's pow(). Nothing is served from a repeated training, though: a shop's log keeps the table itself.
 *
 * Threads: everything here may run in a thread of its own. `is_wanted` is asked often (never more than some
 * milliseconds of work apart, a block of `ease` aside); when it says no, the result is SH_ERR_CLOSED.
 *
 * Cost, one core with AVX-512 (bench/micro/train_bench): ials d = 64, an epoch over 1 M likings of 50,000 users and
 * 20,000 items 0.61 s (AVX2 1.00, baseline 1.17). ease: side^3 / 2 multiplications and likings * (items + side).
 * Memory beside the interactions: ials 4 d bytes a user and an item; ease 8 side^2, so 512 MiB at the bound.
 */
#ifndef SH_TRAIN_H
#define SH_TRAIN_H

#include "bounds.h"
#include "interactions.h"
#include "train_kernels.h"

enum sh_train_method { SH_TRAIN_IALS, SH_TRAIN_EASE, SH_TRAIN_KNN, SH_TRAIN_RP3, SH_TRAIN_METHOD_COUNT };
/* "ials", "ease", "knn", "rp3". */
const char *sh_train_method_name(enum sh_train_method method);
/* SH_TRAIN_METHOD_COUNT if there is none of that name. */
enum sh_train_method sh_train_method_find(struct sh_text name);
/* ials makes factors, the others lists. */
static inline bool sh_train_makes_factors(enum sh_train_method method) {
    return method == SH_TRAIN_IALS;
}

struct sh_train_spec {
    enum sh_train_method method;
    uint32_t dimension;    /* of factors: a multiple of SH_TRAIN_LANES, at most SH_FACTOR_DIMENSION_MAX */
    uint32_t epochs;       /* 1..SH_TRAIN_EPOCH_COUNT_MAX */
    uint32_t neighbours;   /* of lists: 1..SH_TRAIN_NEIGHBOUR_COUNT_MAX */
    double unobserved;     /* above 0 */
    double regularisation; /* above 0 */
    double shrink;         /* from 0 */
    double alpha;          /* 0..4 */
    double beta;           /* 0..4 */
    uint64_t seed;
};
/* What is used where nothing is said. */
struct sh_train_spec sh_train_spec_default(enum sh_train_method method);
/* SH_ERR_ARGUMENT with what is wrong. */
SH_MUST_CHECK enum sh_status sh_train_spec_check(const struct sh_train_spec *spec, struct sh_error *err);

/* What a fold-in needs beside the items' vectors. */
struct sh_fold {
    uint32_t dimension;
    float regularisation;
    float base;  /* unobserved * items: n_u without likings */
    float *gram; /* unobserved Q'Q: dimension^2, upper triangle */
};

/* Numbers of a table, and of a user's vector, by absolute value: sums over them stay finite. */
#define SH_TRAINED_VALUE_MAX 1e6

struct sh_trained {
    struct sh_train_spec spec;
    uint32_t item_count;
    double scale;          /* above 0 */
    struct sh_fold fold;   /* factors only, as the next */
    float *factors;        /* item_count * dimension */
    uint32_t *list_begin;  /* lists only: by item, one more at the end */
    struct sh_entry *list; /* ascending by item */
};

struct sh_train_watch {
    bool (*is_wanted)(void *context); /* NULL: always */
    void *context;
    uint32_t epochs_done; /* for people */
};

/* Items are those of the finished interactions, of which there must be some (SH_ERR_NOT_FOUND). SH_ERR_LIMIT: too many
 * for ease. The result is to be freed with sh_trained_deinit, also after a failure. */
SH_MUST_CHECK enum sh_status sh_train_run(const struct sh_train_spec *spec, const struct sh_interactions *interactions,
                                          struct sh_train_watch *watch, struct sh_trained *trained,
                                          struct sh_error *err);
void sh_trained_deinit(struct sh_trained *trained);

/* One user's vector from what the user likes: vectors[i] (of fold->dimension) with weights[i]. matrix is scratch of
 * dimension^2 floats. All zero if count is 0. count * d^2 / 2 + d^3 / 6 multiplications. */
void sh_fold_in(const struct sh_fold *fold, const float *const *vectors, const float *weights, uint32_t count,
                float *matrix, float *user);

/* ---- For the files of this folder and its tests ---- */

static inline bool train_is_wanted(const struct sh_train_watch *watch) {
    return watch == NULL || watch->is_wanted == NULL || watch->is_wanted(watch->context);
}
enum sh_status train_ials(const struct sh_interactions *interactions, struct sh_train_watch *watch,
                          struct sh_trained *trained);
enum sh_status train_ease(const struct sh_interactions *interactions, struct sh_train_watch *watch,
                          struct sh_trained *trained);
enum sh_status train_neighbours(const struct sh_interactions *interactions, struct sh_train_watch *watch,
                                struct sh_trained *trained);

/* A symmetric positive definite matrix becomes its inverse: side is a multiple of SH_SWEEP_BLOCK, only the upper
 * triangle is read and written, rows are `stride` doubles apart. SH_ERR_OVERFLOW: it is not positive definite. */
enum { SH_SWEEP_BLOCK = 64 };
SH_MUST_CHECK enum sh_status train_sweep(double *matrix, uint32_t side, uint64_t stride,
                                         const struct sh_train_watch *watch);

/* Lists, column by column. */
struct train_lists {
    uint32_t item_count;
    uint32_t neighbours;
    uint32_t *columns; /* of each entry, and the entries (their rows), in the order they came */
    struct sh_entry *entries;
    uint32_t count;
    uint32_t column_capacity, entry_capacity;
};
void train_lists_init(struct train_lists *lists, uint32_t item_count, uint32_t neighbours);
/* Of the candidates (rows and weights, each row once) the largest by absolute value are kept, none of weight 0; they
 * are left in another order. */
SH_MUST_CHECK enum sh_status train_lists_take(struct train_lists *lists, uint32_t column, struct sh_entry *candidates,
                                              uint32_t count);
/* Into rows. */
SH_MUST_CHECK enum sh_status train_lists_finish(const struct train_lists *lists, struct sh_trained *trained);
void train_lists_deinit(struct train_lists *lists);

#endif
