/* audience_sample.h -- the n users with the smallest lots, kept in a heap with the largest on top. See audience.h. */
#ifndef SH_AUDIENCE_SAMPLE_H
#define SH_AUDIENCE_SAMPLE_H

#include "audience.h"

struct sh_sampler {
    const struct sh_table *table;
    uint64_t seed;
    uint32_t limit;
    struct sh_lot *lots;
    uint32_t count;
    uint32_t capacity;
};
void sh_sampler_init(struct sh_sampler *sampler, const struct sh_table *table, uint64_t seed, uint32_t limit);
void sh_sampler_deinit(struct sh_sampler *sampler);
SH_MUST_CHECK enum sh_status sh_sampler_add(struct sh_sampler *sampler, const uint32_t *slots, uint32_t slot_count,
                                            struct sh_error *err);
/* Smallest first. */
void sh_sampler_finish(struct sh_sampler *sampler);

#endif
