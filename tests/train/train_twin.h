/* train_twin.h -- the four methods as their formulae stand in train.h: dense matrices of doubles and plain loops. */
#ifndef TRAIN_TWIN_H
#define TRAIN_TWIN_H

#include "train.h"

enum { TWIN_USERS = 60, TWIN_ITEMS = 50 };

/* Weights of likings by the finished interactions' numbers; 0: none. */
struct train_twin {
    uint32_t user_count;
    uint32_t item_count;
    double likings[TWIN_USERS][TWIN_ITEMS];
    double table[TWIN_ITEMS]
                [TWIN_ITEMS]; /* of a method of lists: row to column, before the smaller ones are left out */
};

void train_twin_read(struct train_twin *twin, const struct sh_interactions *interactions);
/* Fills the table by ease, knn or rp3. */
void train_twin_table(struct train_twin *twin, const struct sh_train_spec *spec);
/* What ials minimises, at these vectors of items with each user's vector solved for by elimination. */
double train_twin_loss(const struct train_twin *twin, const struct sh_train_spec *spec, const float *factors,
                       double (*users)[SH_FACTOR_DIMENSION_MAX]);
/* x of a x = b, by elimination with pivots; a and b are spoilt. */
void train_twin_solve(double *a, uint32_t side, double *b);

#endif
