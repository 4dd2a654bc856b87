#include "rate_bucket.h"

#include "status.h"

bool sh_rate_bucket_take(struct sh_rate_bucket *bucket, uint32_t rate, uint32_t burst, uint64_t now_ns,
                         uint64_t *wait_ns) {
    sh_assert(rate > 0 && burst > 0);
    const uint64_t coin_ns = UINT64_C(1000000000) / rate;
    const uint64_t depth_ns = coin_ns * (burst - 1);
    uint64_t full_ns = atomic_load_explicit(&bucket->full_ns, memory_order_relaxed);
    for (;;) {
        const uint64_t from_ns = full_ns > now_ns ? full_ns : now_ns;
        if (from_ns - now_ns > depth_ns) {
            *wait_ns = from_ns - now_ns - depth_ns;
            return false;
        }
        /* Of two threads that take the last coin one sees the other's number, and looks again. */
        if (atomic_compare_exchange_weak_explicit(&bucket->full_ns, &full_ns, from_ns + coin_ns, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    }
}
