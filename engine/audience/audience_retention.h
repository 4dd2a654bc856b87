/* audience_retention.h -- who comes back: cohorts by the first event, their returns period by period, and how regularly
 * people are active.
 *
 *   first = purchase, return = purchase, by month        periods: whole local days, weeks (from Monday) or months; the
 *                                                        last one is the one that holds now, and ends there
 *   cohort     users    +0   +1   +2
 *   2025-12      900   200  300  250      a user belongs to the period of their first event of all time, whether or not
 *   2026-01      700   150  210           it is one of the periods asked for; who has none belongs to no cohort
 *   2026-02      400    90                +k: of them, who returned in the k-th period after their own
 *
 * A return is an event later than the user's first one: of a later millisecond, so that the lines of one order, which
 * have one time, are no return to it.
 *
 * again      of all cohorts together: how many returned first after 0, 1, 2 ... whole elapsed days (24 h). Its running
 *            sum is the share that buys again within n days; who came late had less time to.
 * active     for each period, whoever the user is: who did the return event in it, and on how many days each; the
 *            stickiness is the average of active users a day over the active users of the period.
 *
 * Per block of 65,536 users: a pass over the cells of the first event before the periods says who is known already, for
 * 2 bytes an event; then one over those of the first event and one over those of the return event in the periods, or
 * one over both if they are the same event. Who did something there has 32 bytes of state; who did not costs nothing.
 */
#ifndef SH_AUDIENCE_RETENTION_H
#define SH_AUDIENCE_RETENTION_H

#include "query_plan.h"
#include "query_where.h"

struct sh_retention_events {
    uint32_t event_type;
    struct sh_where *where; /* NULL: every event of the type */
};
struct sh_retention_spec {
    struct sh_plan *among; /* the audience; outlives the retention, as does what where refers to */
    struct sh_retention_events first;
    struct sh_retention_events again;
    enum sh_unit unit;     /* DAY, WEEK or MONTH */
    uint32_t period_count; /* 1 to SH_RETENTION_PERIOD_COUNT_MAX */
};
struct sh_retention;

/* SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_retention_create(const struct sh_retention_spec *spec, struct sh_retention **retention,
                                                 struct sh_error *err);
void sh_retention_destroy(struct sh_retention *retention); /* NULL is fine */
SH_MUST_CHECK enum sh_status sh_retention_step(struct sh_retention *retention, uint32_t block_count, bool *done,
                                               struct sh_error *err);

/* ---- Once done. Periods from 0, the oldest. ---- */

uint64_t sh_retention_among(const struct sh_retention *retention);
/* The local day that a period begins with, and how many days of it are over or under way. */
int32_t sh_retention_period_day(const struct sh_retention *retention, uint32_t period);
uint32_t sh_retention_period_days(const struct sh_retention *retention, uint32_t period);
uint64_t sh_retention_cohort(const struct sh_retention *retention, uint32_t cohort); /* its users */
/* Of them, who returned in the period (at or after their own). */
uint64_t sh_retention_returned(const struct sh_retention *retention, uint32_t cohort, uint32_t period);
/* How many of all cohorts returned first after that many whole days, below sh_retention_again_count. */
uint32_t sh_retention_again_count(const struct sh_retention *retention);
uint64_t sh_retention_again(const struct sh_retention *retention, uint32_t days);
uint64_t sh_retention_active(const struct sh_retention *retention, uint32_t period);    /* users */
uint64_t sh_retention_user_days(const struct sh_retention *retention, uint32_t period); /* active days of all users */

#endif
