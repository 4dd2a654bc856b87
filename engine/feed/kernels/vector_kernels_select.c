/* vector_kernels_select.c -- the table in use. */
#include "isa.h"
#include "vector_kernels.h"

static const struct sh_vector_kernels *const tables[SH_ISA_COUNT] = {
    &sh_vector_kernels_scalar,
#ifdef SH_KERNELS_X86
    &sh_vector_kernels_avx2,
    &sh_vector_kernels_avx512,
#else
    &sh_vector_kernels_scalar,
    &sh_vector_kernels_scalar,
#endif
};

const struct sh_vector_kernels *sh_vector_kernels_of(uint32_t isa) {
    if (isa >= SH_ISA_COUNT || (tables[isa]->cpu_required & ~sh_cpu_features()) != 0) return NULL;
    return tables[isa];
}

const struct sh_vector_kernels *sh_vector = &sh_vector_kernels_scalar;

/* A constructor, so that the choice is made before there is a second thread, without every program having to call it.
 */
__attribute__((constructor)) static void choose_vector_kernels(void) {
    uint32_t required[SH_ISA_COUNT];
    for (uint32_t isa = 0; isa < SH_ISA_COUNT; isa++)
        required[isa] = tables[isa]->cpu_required;
    sh_vector = tables[sh_isa_choose(required)];
}
