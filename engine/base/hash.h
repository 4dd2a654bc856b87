/* hash.h -- XXH3-64 for ids and mixes; the values are part of stored and sampled results, so never change them. */
#ifndef SH_HASH_H
#define SH_HASH_H

#include <stdint.h>

#include "text.h"

/* XXH3_64bits of the bytes. */
uint64_t sh_hash_text(struct sh_text text);
uint64_t sh_hash_bytes(const void *bytes, size_t byte_count, uint64_t seed);
/* A good 64-bit mix of two words: the 128-bit product folded, as in wyhash's mum step. */
uint64_t sh_hash_mix(uint64_t a, uint64_t b);

/* A key for tables whose words are chosen outside (rec_ids, users' ids): with it nobody who writes to us can tell which
 * words meet in one place, and what is looked up takes the few steps it should. A table takes the secret when it is made
 * and mixes it into its places alone: what is found, saved and answered is the same with any, so it is never logged. A
 * server draws it when it starts; without that it is a number that everybody knows. */
void sh_hash_set_secret(uint64_t secret);
uint64_t sh_hash_secret(void);

#endif
