/* rates.h -- how often what is shown is clicked, put in a cart, bought: counts that are thinned by time, smoothed by
 * what the thing belongs to.
 *
 *   all  <---  store  <---  category  <---  item          a thing without much of its own leans on its parent:
 *
 *   rate(x) = (acts(x) + PRIOR * rate(parent of x)) / (looks(x) + PRIOR)
 *   rate(parent of all) = 5 % click, 1 % cart, 0.5 % purchase
 *   amount(x), of one purchase: the same with what was paid for acts and purchases for looks; nothing for all's parent
 *
 * A look at a further place counts less, 1 / log2(1 + place), because fewer look so far. Counts are integers for a period
 * of so many milliseconds; a period k periods back counts 2^-k, and the fifth back no more:
 *
 *   item 7       period    90    91    92    93   now is in 93:   rate reads 93 + 92 / 2 + 91 / 4 + 90 / 8
 *                looks      0  1024   300    12
 *
 * Integers for a period commute: shards that hear of the same looks and acts in any order have the same rates. Late ones
 * find their period, or are too old to count. A count that is full stays so.
 *
 * Cost: 128 bytes a thing that was ever shown, and 4 bytes an item number up to the highest shown; about 50 ns an act,
 * 100 ns a rate. Failure: on SH_ERR_MEMORY nothing was counted. Threads: one owner.
 */
#ifndef SH_RATES_H
#define SH_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive.h"

enum { SH_RATE_PERIOD_COUNT = 4 };
enum sh_goal { SH_GOAL_CLICK, SH_GOAL_CART, SH_GOAL_PURCHASE, SH_GOAL_COUNT, SH_GOAL_NONE = SH_GOAL_COUNT };

/* So many looks of the parent's kind stand behind a thing from the start. */
#define SH_RATE_PRIOR 20.0

/* Where an item hangs. Names are hashes (of a value, so that they are the same in all shards); 0: there is none, and the
 * next one up is the parent. */
struct sh_rate_place {
    uint32_t item; /* slot */
    uint64_t category;
    uint64_t store;
};

struct sh_rates;

struct sh_rates *sh_rates_create(int64_t period_ms); /* NULL if memory is out */
void sh_rates_destroy(struct sh_rates *rates);       /* NULL is fine */

/* place: 1 is the first of the feed. */
SH_MUST_CHECK enum sh_status sh_rates_look(struct sh_rates *rates, const struct sh_rate_place *of, uint32_t place,
                                           int64_t time_ms);
/* amount: of a purchase, scaled as the caller likes; below 0 it counts as 0. */
SH_MUST_CHECK enum sh_status sh_rates_act(struct sh_rates *rates, const struct sh_rate_place *of, enum sh_goal goal,
                                          int64_t amount, int64_t time_ms);

/* Smoothed, above 0 and below 1. */
double sh_rates_of(const struct sh_rates *rates, const struct sh_rate_place *of, enum sh_goal goal, int64_t now_ms);
/* Of all that was shown. */
double sh_rates_overall(const struct sh_rates *rates, enum sh_goal goal, int64_t now_ms);
/* What a purchase of it brings, smoothed; 0 if nothing was ever paid. */
double sh_rates_amount(const struct sh_rates *rates, const struct sh_rate_place *of, int64_t now_ms);
/* The posterior of its rate as Beta(a, b): acts and looks without, behind the prior of its category. */
void sh_rates_posterior(const struct sh_rates *rates, const struct sh_rate_place *of, enum sh_goal goal, int64_t now_ms,
                        double *a, double *b);
/* How often one item was looked at, thinned. */
double sh_rates_looks(const struct sh_rates *rates, uint32_t item, int64_t now_ms);

size_t sh_rates_memory_bytes(const struct sh_rates *rates);
/* Section "rates". Allocates nothing. */
void sh_rates_save(const struct sh_rates *rates, struct sh_archive_writer *writer);
/* Into one that counted nothing, with the same period. Items are below item_end. */
SH_MUST_CHECK enum sh_status sh_rates_load(struct sh_rates *rates, uint32_t item_end, struct sh_archive_reader *reader);

#endif
