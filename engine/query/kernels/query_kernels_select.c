/* query_kernels_select.c -- the table in use. */
#include "isa.h"
#include "query_kernels.h"

static const struct sh_query_kernels *const tables[SH_ISA_COUNT] = {
    &sh_query_kernels_scalar,
#ifdef SH_KERNELS_X86
    &sh_query_kernels_avx2,
    &sh_query_kernels_avx512,
#else
    &sh_query_kernels_scalar,
    &sh_query_kernels_scalar,
#endif
};

const struct sh_query_kernels *sh_crossing = &sh_query_kernels_scalar;

/* A constructor, so that the choice is made before there is a second thread, without every program having to call it.
 */
__attribute__((constructor)) static void choose_query_kernels(void) {
    uint32_t required[SH_ISA_COUNT];
    for (uint32_t isa = 0; isa < SH_ISA_COUNT; isa++)
        required[isa] = tables[isa]->cpu_required;
    sh_crossing = tables[sh_isa_choose(required)];
}
