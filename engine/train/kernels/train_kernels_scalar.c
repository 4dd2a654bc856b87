/* train_kernels_scalar.c -- the kernels for the baseline machine. */
#include "train_kernels_vector.h"

TRAIN_KERNELS(scalar, 0);
