/* referral_private.h -- what the files of referral share.
 *
 *   referral.c          the plan, refreshes, fields, forgetting
 *   referral_archive.c  into a snapshot and back
 */
#ifndef SH_REFERRAL_PRIVATE_H
#define SH_REFERRAL_PRIVATE_H

#include "column.h"
#include "dictionary.h"
#include "referral.h"

enum { REFERRAL_INVITED_BYTES = 8, REFERRAL_NAME_ROOM = REFERRAL_INVITED_BYTES + SH_NAME_BYTES_MAX };

struct sh_referral_tally {
    const struct sh_referral *referral;
    uint32_t slot_end;
    uint32_t width;       /* 1 + conditions */
    uint8_t *masks;       /* by slot: bit c, the condition c holds */
    uint32_t *inviter_of; /* by slot: place in inviters + 1, or 0 */
    struct sh_dictionary inviters;
    uint32_t *counts; /* by inviter, width each */
    uint32_t count_capacity;
};

/* What is known of one refresh. */
struct referral_refresh {
    bool is_there;
    uint64_t id;
    int64_t now_ms;
    uint32_t heard;                  /* parts of shards */
    struct sh_referral_tally *tally; /* of this shard's own users; NULL: not counted yet */
    int64_t *numbers;                /* by slot, width each; beyond capacity all are 0 */
    uint32_t slot_capacity;
};

struct sh_referral {
    const struct sh_table *users;
    const struct sh_derived *base;
    bool is_on;
    struct sh_referral_plan plan; /* texts are owned */
    struct referral_refresh current;
    struct referral_refresh pending[SH_REFERRAL_PENDING_MAX];
    struct sh_derived derived;
    struct sh_derived_field *fields;
    uint32_t base_count; /* of fields: those of the base */
    char names[SH_REFERRAL_COUNT_MAX][REFERRAL_NAME_ROOM];
};

static inline uint32_t referral_width(const struct sh_referral *referral) {
    return 1 + referral->plan.condition_count;
}

/* referral.c: room for the numbers of a slot. */
SH_MUST_CHECK enum sh_status referral_refresh_reserve(struct referral_refresh *refresh, uint32_t slot, uint32_t width);

#endif
