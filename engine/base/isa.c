#include "isa.h"

#include <stdlib.h>
#include <string.h>

static const char *const isa_names[SH_ISA_COUNT] = {"scalar", "avx2", "avx512"};

static const uint32_t isa_features[SH_ISA_COUNT] = {
    0,
    SH_CPU_POPCNT | SH_CPU_BMI1 | SH_CPU_BMI2 | SH_CPU_AVX2 | SH_CPU_FMA,
    SH_CPU_POPCNT | SH_CPU_BMI1 | SH_CPU_BMI2 | SH_CPU_AVX2 | SH_CPU_FMA | SH_CPU_AVX512F | SH_CPU_AVX512BW |
        SH_CPU_AVX512DQ | SH_CPU_AVX512VL | SH_CPU_AVX512VBMI | SH_CPU_AVX512VBMI2 | SH_CPU_AVX512VPOPCNTDQ |
        SH_CPU_AVX512VNNI,
};

uint32_t sh_cpu_features(void) {
    uint32_t features = 0;
#if defined(__x86_64__)
    /* These also ask whether the operating system saves the wide registers. The init call is for constructors. */
    __builtin_cpu_init();
    if (__builtin_cpu_supports("popcnt")) features |= SH_CPU_POPCNT;
    if (__builtin_cpu_supports("bmi")) features |= SH_CPU_BMI1;
    if (__builtin_cpu_supports("bmi2")) features |= SH_CPU_BMI2;
    if (__builtin_cpu_supports("avx2")) features |= SH_CPU_AVX2;
    if (__builtin_cpu_supports("fma")) features |= SH_CPU_FMA;
    if (__builtin_cpu_supports("avx512f")) features |= SH_CPU_AVX512F;
    if (__builtin_cpu_supports("avx512bw")) features |= SH_CPU_AVX512BW;
    if (__builtin_cpu_supports("avx512dq")) features |= SH_CPU_AVX512DQ;
    if (__builtin_cpu_supports("avx512vl")) features |= SH_CPU_AVX512VL;
    if (__builtin_cpu_supports("avx512vbmi")) features |= SH_CPU_AVX512VBMI;
    if (__builtin_cpu_supports("avx512vbmi2")) features |= SH_CPU_AVX512VBMI2;
    if (__builtin_cpu_supports("avx512vpopcntdq")) features |= SH_CPU_AVX512VPOPCNTDQ;
    if (__builtin_cpu_supports("avx512vnni")) features |= SH_CPU_AVX512VNNI;
#endif
    return features;
}

const char *sh_isa_name(enum sh_isa isa) {
    return isa_names[isa];
}

uint32_t sh_isa_features(enum sh_isa isa) {
    return isa_features[isa];
}

/* The instruction set that SHOAL_ISA names; SH_ISA_COUNT if it is not set or names none. */
static enum sh_isa isa_forced(const char *name) {
    if (name == NULL) return SH_ISA_COUNT;
    enum sh_isa isa = SH_ISA_SCALAR;
    while (isa < SH_ISA_COUNT && strcmp(name, isa_names[isa]) != 0)
        isa++;
    return isa;
}

enum sh_isa sh_isa_choose(const uint32_t required[SH_ISA_COUNT]) {
    const uint32_t features = sh_cpu_features();
    const enum sh_isa forced = isa_forced(getenv("SHOAL_ISA"));
    if (forced != SH_ISA_COUNT && (required[forced] & ~features) == 0) return forced;
    enum sh_isa isa = SH_ISA_COUNT - 1;
    while (isa > SH_ISA_SCALAR && (required[isa] & ~features) != 0)
        isa--;
    return isa;
}

enum sh_status sh_isa_check(struct sh_error *err) {
    const char *name = getenv("SHOAL_ISA");
    if (name == NULL) return SH_OK;
    const enum sh_isa forced = isa_forced(name);
    if (forced == SH_ISA_COUNT)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "SHOAL_ISA is \"%s\"; it takes scalar, avx2 or avx512", name);
    if ((isa_features[forced] & ~sh_cpu_features()) != 0)
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "SHOAL_ISA is \"%s\", which this machine does not have", name);
    return SH_OK;
}
