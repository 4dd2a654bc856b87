/* rate_bucket.h -- so many requests a second, and so many at once.
 *
 * A bucket of `burst` coins into which `rate` coins fall a second is one number: when it would be full again. A request
 * moves that moment 1 / rate later; it is refused if the moment would be further away than the bucket is deep.
 *
 *      now                          full again
 *   ----|------------------------------|------->         full again - now <= (burst - 1) / rate: let in
 *       |<-- what has been taken out ->|
 *
 * Any thread: one atomic number, and no lock. Time comes from the caller.
 */
#ifndef SH_RATE_BUCKET_H
#define SH_RATE_BUCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sh_rate_bucket {
    _Atomic(uint64_t) full_ns; /* 0: it is full */
};

/* Take a coin. False: there is none, and *wait_ns says when there will be. rate and burst are at least 1. */
bool sh_rate_bucket_take(struct sh_rate_bucket *bucket, uint32_t rate, uint32_t burst, uint64_t now_ns,
                         uint64_t *wait_ns);

#endif
