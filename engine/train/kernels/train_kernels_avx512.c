/* train_kernels_avx512.c -- the kernels for AVX-512. */
#include "cpu.h"
#include "train_kernels_vector.h"

TRAIN_KERNELS(avx512, SH_CPU_AVX512F);
