/* vector_kernels_scalar.c -- the kernels that define what is right. */
#include "vector_kernels_plain.h"

const struct sh_vector_kernels sh_vector_kernels_scalar = {
    .name = "scalar",
    .dot_rows = plain_dot_rows,
    .add_bits = plain_add_bits,
    .first_scores = plain_first_scores,
    .at_least = plain_at_least,
};
