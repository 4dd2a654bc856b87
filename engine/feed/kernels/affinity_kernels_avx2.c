/* affinity_kernels_avx2.c -- registers of eight words. */
#define LANES 8
#include "affinity_kernels_add.h"
#include "cpu.h"

const struct affinity_kernels affinity_kernels_avx2 = {.name = "avx2", .cpu_required = SH_CPU_AVX2, .add = add};
