#include "hash.h"

#include <stdatomic.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t sh_hash_text(struct sh_text text) {
    return XXH3_64bits(text.bytes, text.count);
}

uint64_t sh_hash_bytes(const void *bytes, size_t byte_count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, byte_count, seed);
}

uint64_t sh_hash_mix(uint64_t a, uint64_t b) {
    const unsigned __int128 product =
        (unsigned __int128)(a ^ 0x9E3779B97F4A7C15u) * (unsigned __int128)(b ^ 0xD6E8FEB86659FD93u);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static _Atomic uint64_t table_secret = UINT64_C(0x8BB84B93962EACC9);

void sh_hash_set_secret(uint64_t secret) {
    atomic_store_explicit(&table_secret, secret, memory_order_relaxed);
}

uint64_t sh_hash_secret(void) {
    return atomic_load_explicit(&table_secret, memory_order_relaxed);
}
