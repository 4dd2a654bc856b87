/* query_kernels_avx512.c -- 1,024 bits as two vectors, so that an input's pointer is looked at once for both.
 *
 * Compiled with -mavx512f -mavx512vpopcntdq.
 */
#include "query_kernels.h"

#include <immintrin.h>

#include "cpu.h"

static uint64_t cross_groups(uint64_t *target, const struct sh_input_group *groups, size_t group_count,
                             const uint64_t *const *inputs, size_t word_count) {
    __m512i ones = _mm512_setzero_si512(), more_ones = _mm512_setzero_si512();
    for (size_t i = 0; i < word_count; i += 16) {
        const uint64_t *const *input = inputs;
        __m512i all = _mm512_set1_epi64(-1), more = all;
        for (size_t group = 0; group < group_count; group++) {
            __m512i any = _mm512_loadu_si512(input[0] + i), any_more = _mm512_loadu_si512(input[0] + i + 8);
            for (uint32_t k = 1; k < groups[group].count; k++) {
                any = _mm512_or_si512(any, _mm512_loadu_si512(input[k] + i));
                any_more = _mm512_or_si512(any_more, _mm512_loadu_si512(input[k] + i + 8));
            }
            input += groups[group].count;
            all = groups[group].negated ? _mm512_andnot_si512(any, all) : _mm512_and_si512(any, all);
            more = groups[group].negated ? _mm512_andnot_si512(any_more, more) : _mm512_and_si512(any_more, more);
        }
        if (target != NULL) {
            _mm512_storeu_si512(target + i, all);
            _mm512_storeu_si512(target + i + 8, more);
        }
        ones = _mm512_add_epi64(ones, _mm512_popcnt_epi64(all));
        more_ones = _mm512_add_epi64(more_ones, _mm512_popcnt_epi64(more));
    }
    return (uint64_t)_mm512_reduce_add_epi64(_mm512_add_epi64(ones, more_ones));
}

const struct sh_query_kernels sh_query_kernels_avx512 = {
    .name = "avx512", .cpu_required = SH_CPU_AVX512F | SH_CPU_AVX512VPOPCNTDQ, .cross_groups = cross_groups};
