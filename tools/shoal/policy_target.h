/* policy_target.h -- the chances of another policy, asked of the code that serves.
 *
 *   a logged feed       user, time, items at places
 *   the other policy    feed.get {user, now: time, scene, filter, count, seed: 1..draws} of a server with the shop's data
 *   chance              of an item at its place: the share of the draws that show it there
 *
 * Without explored places all draws are alike and one is enough; with them more draws come closer. What the server knows
 * is what it knows today: `now` leaves out the user's later events, but not what was learned of items since. Nothing that
 * is asked here is remembered as served. */
#ifndef SHOAL_POLICY_TARGET_H
#define SHOAL_POLICY_TARGET_H

#include "command.h"
#include "estimators.h"
#include "names.h"

struct policy_shown { /* what else a row of the log says */
    uint32_t user, item;
    uint32_t place; /* from 1 */
    int64_t time_ms;
};
struct policy_target {
    const char *scene;  /* NULL: none */
    const char *filter; /* NULL: none */
    uint32_t draws;
    struct names users, items;
    struct policy_shown *shown; /* by row */
    uint32_t capacity;
};

/* Sets the target of each row. False: it cannot, and has said why. */
bool policy_target_ask(struct session *session, const struct policy_target *target, struct estimator_row *rows,
                       uint32_t row_count);
void policy_target_free(struct policy_target *target);

#endif
