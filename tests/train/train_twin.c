#include "train_twin.h"

#include <math.h>
#include <string.h>

void train_twin_read(struct train_twin *twin, const struct sh_interactions *interactions) {
    memset(twin, 0, sizeof *twin);
    twin->user_count = interactions->user_count;
    twin->item_count = interactions->item_count;
    for (uint32_t user = 0; user < twin->user_count; user++)
        for (uint32_t i = interactions->row_begin[user]; i < interactions->row_begin[user + 1]; i++)
            twin->likings[user][interactions->rows[i].number] = (double)interactions->rows[i].weight;
}

void train_twin_solve(double *a, uint32_t side, double *b) {
    for (uint32_t k = 0; k < side; k++) {
        uint32_t pivot = k;
        for (uint32_t i = k; i < side; i++)
            if (fabs(a[i * side + k]) > fabs(a[pivot * side + k])) pivot = i;
        for (uint32_t j = 0; j < side; j++) {
            const double swap = a[k * side + j];
            a[k * side + j] = a[pivot * side + j];
            a[pivot * side + j] = swap;
        }
        const double swap = b[k];
        b[k] = b[pivot];
        b[pivot] = swap;
        for (uint32_t i = 0; i < side; i++) {
            if (i == k) continue;
            const double factor = a[i * side + k] / a[k * side + k];
            for (uint32_t j = 0; j < side; j++)
                a[i * side + j] -= factor * a[k * side + j];
            b[i] -= factor * b[k];
        }
    }
    for (uint32_t i = 0; i < side; i++)
        b[i] /= a[i * side + i];
}

static void fill_ease(struct train_twin *twin, double regularisation) {
    static double gram[TWIN_ITEMS * TWIN_ITEMS];
    static double inverse[TWIN_ITEMS][TWIN_ITEMS]; /* [column][row] */
    const uint32_t side = twin->item_count;
    for (uint32_t column = 0; column < side; column++) {
        for (uint32_t i = 0; i < side; i++)
            for (uint32_t j = 0; j < side; j++) {
                double sum = i == j ? regularisation : 0;
                for (uint32_t user = 0; user < twin->user_count; user++)
                    sum += twin->likings[user][i] > 0 && twin->likings[user][j] > 0;
                gram[i * side + j] = sum;
            }
        memset(inverse[column], 0, sizeof inverse[column]);
        inverse[column][column] = 1;
        train_twin_solve(gram, side, inverse[column]);
    }
    for (uint32_t i = 0; i < side; i++)
        for (uint32_t j = 0; j < side; j++)
            twin->table[i][j] = i == j ? 0 : -inverse[j][i] / inverse[j][j];
}

static double count_of(const struct train_twin *twin, uint32_t item) {
    double count = 0;
    for (uint32_t user = 0; user < twin->user_count; user++)
        count += twin->likings[user][item] > 0;
    return count;
}

static double walk_of(const struct train_twin *twin, const struct sh_train_spec *spec, uint32_t i, uint32_t j) {
    double sum = 0;
    for (uint32_t user = 0; user < twin->user_count; user++) {
        double row = 0;
        for (uint32_t k = 0; k < twin->item_count; k++)
            row += twin->likings[user][k] > 0;
        if (twin->likings[user][i] > 0 && twin->likings[user][j] > 0)
            sum += pow(1 / count_of(twin, i), spec->alpha) * pow(1 / row, spec->alpha);
    }
    return sum / pow(count_of(twin, j), spec->beta);
}

static double cosine_of(const struct train_twin *twin, const struct sh_train_spec *spec, uint32_t i, uint32_t j) {
    double together = 0, sum_i = 0, sum_j = 0;
    for (uint32_t user = 0; user < twin->user_count; user++) {
        together += fmin(twin->likings[user][i], twin->likings[user][j]);
        sum_i += twin->likings[user][i];
        sum_j += twin->likings[user][j];
    }
    return together / (sqrt(sum_i * sum_j) + spec->shrink);
}

void train_twin_table(struct train_twin *twin, const struct sh_train_spec *spec) {
    if (spec->method == SH_TRAIN_EASE) {
        fill_ease(twin, spec->regularisation);
        return;
    }
    for (uint32_t i = 0; i < twin->item_count; i++)
        for (uint32_t j = 0; j < twin->item_count; j++)
            twin->table[i][j] = i == j                         ? 0
                                : spec->method == SH_TRAIN_RP3 ? walk_of(twin, spec, i, j)
                                                               : cosine_of(twin, spec, i, j);
}

/* ---- ials ---- */

static double product(const float *factors, const double *user, uint32_t dimension) {
    double sum = 0;
    for (uint32_t k = 0; k < dimension; k++)
        sum += (double)factors[k] * user[k];
    return sum;
}

static void solve_user(const struct train_twin *twin, const struct sh_train_spec *spec, const float *factors,
                       uint32_t user, double *vector) {
    static double a[SH_FACTOR_DIMENSION_MAX * SH_FACTOR_DIMENSION_MAX];
    const uint32_t d = spec->dimension;
    double n = spec->unobserved * twin->item_count;
    memset(a, 0, sizeof a);
    memset(vector, 0, d * sizeof *vector);
    for (uint32_t item = 0; item < twin->item_count; item++) {
        const float *q = factors + (size_t)item * d;
        const double w = twin->likings[user][item];
        n += w;
        for (uint32_t i = 0; i < d; i++) {
            vector[i] += w * (double)q[i];
            for (uint32_t j = 0; j < d; j++)
                a[i * d + j] += (spec->unobserved + w) * (double)q[i] * (double)q[j];
        }
    }
    for (uint32_t i = 0; i < d; i++)
        a[i * d + i] += spec->regularisation * n;
    train_twin_solve(a, d, vector);
}

double train_twin_loss(const struct train_twin *twin, const struct sh_train_spec *spec, const float *factors,
                       double (*users)[SH_FACTOR_DIMENSION_MAX]) {
    const uint32_t d = spec->dimension;
    double loss = 0;
    for (uint32_t user = 0; user < twin->user_count; user++)
        solve_user(twin, spec, factors, user, users[user]);
    for (uint32_t item = 0; item < twin->item_count; item++) {
        const float *q = factors + (size_t)item * d;
        double n_item = spec->unobserved * twin->user_count, length = 0;
        for (uint32_t user = 0; user < twin->user_count; user++) {
            const double w = twin->likings[user][item];
            const double guess = product(q, users[user], d);
            loss += w * (1 - guess) * (1 - guess) + spec->unobserved * guess * guess;
            n_item += w;
        }
        for (uint32_t k = 0; k < d; k++)
            length += (double)q[k] * (double)q[k];
        loss += spec->regularisation * n_item * length;
    }
    for (uint32_t user = 0; user < twin->user_count; user++) {
        double n = spec->unobserved * twin->item_count, length = 0;
        for (uint32_t item = 0; item < twin->item_count; item++)
            n += twin->likings[user][item];
        for (uint32_t k = 0; k < d; k++)
            length += users[user][k] * users[user][k];
        loss += spec->regularisation * n * length;
    }
    return loss;
}
