/* train_kernels_avx2.c -- the kernels for AVX2. */
#include "cpu.h"
#include "train_kernels_vector.h"

TRAIN_KERNELS(avx2, SH_CPU_AVX2);
