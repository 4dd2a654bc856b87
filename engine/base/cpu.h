/* cpu.h -- names for what a machine's instruction set has. Nothing but constants, so that a file which is compiled for
 * a newer machine may include it. */
#ifndef SH_CPU_H
#define SH_CPU_H

enum {
    SH_CPU_POPCNT = 1 << 0,
    SH_CPU_BMI1 = 1 << 1,
    SH_CPU_BMI2 = 1 << 2,
    SH_CPU_AVX2 = 1 << 3,
    SH_CPU_FMA = 1 << 4,
    SH_CPU_AVX512F = 1 << 5,
    SH_CPU_AVX512BW = 1 << 6,
    SH_CPU_AVX512DQ = 1 << 7,
    SH_CPU_AVX512VL = 1 << 8,
    SH_CPU_AVX512VBMI = 1 << 9,
    SH_CPU_AVX512VBMI2 = 1 << 10,
    SH_CPU_AVX512VPOPCNTDQ = 1 << 11,
    SH_CPU_AVX512VNNI = 1 << 12,
};

#endif
