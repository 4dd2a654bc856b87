/* isa.h -- which instruction sets this machine has, and which one the kernels use.
 *
 * A module with kernels has one table for each enum sh_isa, each with the SH_CPU_* bits that its file was compiled for.
 * sh_isa_choose() picks the best whose bits are all present (and enabled by the operating system).
 *
 * SHOAL_ISA=scalar|avx2|avx512 forces one, for tests and for comparing machines. A name that is unknown, or an
 * instruction set that the machine lacks, cannot be obeyed: then the choice is as if it were unset, and
 * sh_isa_check(), which a program calls at start, refuses to go on.
 */
#ifndef SH_ISA_H
#define SH_ISA_H

#include "cpu.h"
#include "status.h"

enum sh_isa { SH_ISA_SCALAR, SH_ISA_AVX2, SH_ISA_AVX512, SH_ISA_COUNT };

/* The SH_CPU_* bits of this machine. */
uint32_t sh_cpu_features(void);
/* "scalar", "avx2", "avx512". */
const char *sh_isa_name(enum sh_isa isa);
/* Which of a module's tables to use; required[isa] are the bits that each needs, and SH_ISA_SCALAR needs none. */
enum sh_isa sh_isa_choose(const uint32_t required[SH_ISA_COUNT]);
/* The bits that any table of this instruction set may need: avx512 means what Ice Lake and Zen 4 have. */
uint32_t sh_isa_features(enum sh_isa isa);
/* SH_ERR_ARGUMENT if SHOAL_ISA names no instruction set, SH_ERR_UNSUPPORTED if it names one of whose bits this machine
 * lacks some. */
SH_MUST_CHECK enum sh_status sh_isa_check(struct sh_error *err);

#endif
