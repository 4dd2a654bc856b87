/* referral.h -- how many users somebody has invited, and how many of those are buyers.
 *
 *   users of this shard                         refresh                          inviters of this shard
 *   u1  invited by 'a'   did(purchase)   --.    'a': users 2, buyers 1  --.      a  invited.users 2  invited.buyers 1
 *   u2  invited by 'a'                   --+->  'z': users 1, buyers 1    +-->   b  invited.users 0  invited.buyers 0
 *   u3  invited by 'z'   did(purchase)   --'    (to the other shards) ----'
 *
 * One plan a workspace: a string attribute of users that holds the external id of who invited them, and up to seven
 * conditions, expressions over users, each with a name. Every user then has the fields invited.users and
 * invited.<name>, in expressions, orders and fields of rows.
 *
 * Inviter and invited may live in different shards, and a condition may depend on time. So the numbers are counted by a
 * refresh, at its now, as rfm's cut points are, and stay until the next: every shard counts its own users by their
 * inviters and tells the others; a shard that has heard all takes the sum. Until the first refresh the fields are
 * missing; after it nobody's invitation is 0.
 *
 *   - A user is counted once, for whom the attribute means at the refresh: another name of a merged user means that
 *     user. Who names himself, or a user who does not exist, is counted for nobody.
 *   - Forgetting an invited user takes the user out of the numbers at once; forgetting an inviter takes the numbers.
 *   - All else that happens (invitations, purchases, merges) is seen by the next refresh.
 *   - Of refreshes that cross, the one with the later (now, id) remains, in whatever order shards hear of them.
 *
 * Cost: a refresh evaluates the conditions for all users and looks up each different inviter once; reading is a load.
 * Memory of a refresh, in force or under way: 5 bytes a user slot, 8 bytes a count and slot up to the last inviter's,
 * and the different inviters' ids.
 * Threads: one shard.
 */
#ifndef SH_REFERRAL_H
#define SH_REFERRAL_H

#include "archive.h"
#include "bounds.h"
#include "query_derived.h"
#include "table.h"

enum {
    SH_REFERRAL_CONDITION_MAX = 7, /* with "invited at all", bits of one byte */
    SH_REFERRAL_COUNT_MAX = 1 + SH_REFERRAL_CONDITION_MAX,
    SH_REFERRAL_PENDING_MAX = 4, /* refreshes that wait for the other shards; of more the oldest is given up */
};

struct sh_referral_condition {
    struct sh_text name;  /* a to z and _; not "users" */
    struct sh_text where; /* canonical */
};
struct sh_referral_plan {
    uint32_t attribute; /* of users, STRING */
    uint32_t condition_count;
    struct sh_referral_condition conditions[SH_REFERRAL_CONDITION_MAX];
};

struct sh_referral;

/* base: derived fields that come before these, or NULL; it and users outlive the referral. NULL if memory is out. */
struct sh_referral *sh_referral_create(const struct sh_table *users, const struct sh_derived *base);
void sh_referral_destroy(struct sh_referral *referral); /* NULL is fine */
/* Take a plan (texts are copied); numbers are gone until a refresh. On SH_ERR_MEMORY the old plan stays. Nobody may
 * hold numbers of derived fields. */
SH_MUST_CHECK enum sh_status sh_referral_configure(struct sh_referral *referral, const struct sh_referral_plan *plan,
                                                   struct sh_error *err);
const struct sh_referral_plan *sh_referral_plan(const struct sh_referral *referral); /* NULL: there is none */
bool sh_referral_plans_are_equal(const struct sh_referral_plan *a, const struct sh_referral_plan *b);
/* Of what the plan says: shards that were told of another plan meanwhile do not mix its numbers with these. */
uint64_t sh_referral_plan_hash(const struct sh_referral *referral);
/* The refresh in force; false if there is none. */
bool sh_referral_refreshed(const struct sh_referral *referral, int64_t *now_ms);
/* The base's fields and these; the pointer stays. */
const struct sh_derived *sh_referral_derived(const struct sh_referral *referral);
/* The base has other fields now. SH_ERR_MEMORY: the fields are as they were. */
SH_MUST_CHECK enum sh_status sh_referral_relist(struct sh_referral *referral, struct sh_error *err);

/* ---- A refresh in this shard ---- */

/* Counting this shard's users. The caller owns it until sh_referral_counted takes it over. */
struct sh_referral_tally;
struct sh_referral_tally *sh_referral_tally_create(const struct sh_referral *referral); /* NULL: memory */
void sh_referral_tally_destroy(struct sh_referral_tally *tally);                        /* NULL is fine */
/* The condition holds for these slots of the block: SH_BLOCK_WORDS words. */
void sh_referral_tally_mark(struct sh_referral_tally *tally, uint32_t condition, uint32_t block, const uint64_t *words);
/* Whom an id means, by its own name. */
struct sh_referral_names {
    struct sh_text (*resolve)(const void *owner, struct sh_text id);
    const void *owner;
};
/* Count everybody who has an inviter, by inviter. */
SH_MUST_CHECK enum sh_status sh_referral_tally_count(struct sh_referral_tally *tally,
                                                     const struct sh_referral_names *names, struct sh_error *err);
uint32_t sh_referral_tally_inviters(const struct sh_referral_tally *tally);
/* 1 + condition_count numbers. */
const uint32_t *sh_referral_tally_at(const struct sh_referral_tally *tally, uint32_t place, struct sh_text *inviter);
/* These were this shard's users at the refresh `id`; takes the tally over. Then this shard's part of it is heard with
 * sh_referral_add and sh_referral_hear as any other's. */
void sh_referral_counted(struct sh_referral *referral, uint64_t id, int64_t now_ms, struct sh_referral_tally *tally);

/* ---- Numbers of all shards ---- */

/* A user of this shard has invited so many more, of whichever shard: 1 + condition_count numbers, `sign` 1 or -1. What
 * is taken from a user who is new under an old id stays 0. */
SH_MUST_CHECK enum sh_status sh_referral_add(struct sh_referral *referral, uint64_t id, int64_t now_ms, uint32_t slot,
                                             const uint32_t *counts, int32_t sign, struct sh_error *err);
/* One shard's part of the refresh has been added. With those of all, its numbers are in force. */
void sh_referral_hear(struct sh_referral *referral, uint64_t id, int64_t now_ms, uint32_t shard_count);

/* ---- Forgetting ---- */

/* In how many refreshes, in force or not yet, this user is counted for an inviter. */
struct sh_referral_counted_for {
    uint64_t id;
    int64_t now_ms;
    struct sh_text inviter; /* until the next refresh or change of the plan */
    uint32_t counts[SH_REFERRAL_COUNT_MAX];
};
uint32_t sh_referral_counted_in(const struct sh_referral *referral, uint32_t slot,
                                struct sh_referral_counted_for found[1 + SH_REFERRAL_PENDING_MAX]);
/* The slot is nobody's now: its own numbers are gone, and it is counted for nobody (taking it out of the inviters'
 * numbers comes before). */
void sh_referral_forget(struct sh_referral *referral, uint32_t slot);

/* ---- Saving ---- */

/* Write the plan, the refresh in force and those under way as the section "referral". Allocates nothing. */
void sh_referral_save(const struct sh_referral *referral, struct sh_archive_writer *writer);
/* Into one that was just created, and has no plan; on a failure it can only be destroyed. Any bytes. */
SH_MUST_CHECK enum sh_status sh_referral_load(struct sh_referral *referral, struct sh_archive_reader *reader);

size_t sh_referral_memory_bytes(const struct sh_referral *referral);
bool sh_referral_check(const struct sh_referral *referral, const char **reason);

#endif
