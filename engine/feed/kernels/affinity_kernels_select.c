/* affinity_kernels_select.c -- the table in use. A list is four registers of AVX2, and two of AVX-512 win nothing more. */
#include "affinity_kernels.h"

#include <stddef.h>

#include "isa.h"

static const struct affinity_kernels *const tables[SH_ISA_COUNT] = {
    &affinity_kernels_scalar,
#ifdef SH_KERNELS_X86
    &affinity_kernels_avx2,
    &affinity_kernels_avx2,
#else
    &affinity_kernels_scalar,
    &affinity_kernels_scalar,
#endif
};

const struct affinity_kernels *affinity_kernels_of(uint32_t isa) {
    if (isa >= SH_ISA_COUNT || (tables[isa]->cpu_required & ~sh_cpu_features()) != 0) return NULL;
    return tables[isa];
}

const struct affinity_kernels *affinity_in_use = &affinity_kernels_scalar;

/* A constructor, so that the choice is made before there is a second thread, without every program having to call it.
 */
__attribute__((constructor)) static void choose_affinity_kernels(void) {
    uint32_t required[SH_ISA_COUNT];
    for (uint32_t isa = 0; isa < SH_ISA_COUNT; isa++)
        required[isa] = tables[isa]->cpu_required;
    affinity_in_use = tables[sh_isa_choose(required)];
}
