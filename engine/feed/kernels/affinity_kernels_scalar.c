/* affinity_kernels_scalar.c -- for every processor: registers of four words, which the compiler has everywhere. */
#define LANES 4
#include "affinity_kernels_add.h"

const struct affinity_kernels affinity_kernels_scalar = {.name = "scalar", .add = add};
