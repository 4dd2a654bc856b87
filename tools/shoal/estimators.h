/* estimators.h -- what another policy would have earned, from a log of what one did and with which chances.
 *
 *   r    what came of a shown item          p   the chance with which it was shown (logged)
 *   t    the chance with which the other policy would have shown it       w = t / p, at most `clip`
 *   m    what a model expects of the item   M   and of what the other policy shows, in the same place
 *
 *   IPS    mean of w r                      right on average, if p > 0 wherever t > 0; wide when weights are large
 *   SNIPS  sum of w r / sum of w            a little biased in small logs, much narrower
 *   DR     mean of M + w (r - m)            right if p is right or the model is; narrow where the model is good
 *
 * Items of one feed are seen together, so what is drawn are feeds: sums over a feed are the observations of the
 * intervals (normal, 95 %; of SNIPS by the delta method). Without a model m = M = the mean of r.
 */
#ifndef SHOAL_ESTIMATORS_H
#define SHOAL_ESTIMATORS_H

#include <stdbool.h>
#include <stdint.h>

struct estimator_row {
    double reward;
    double propensity; /* above 0 */
    double target;     /* at least 0 */
    double model;
    double model_target;
    uint64_t feed; /* rows of one feed have one number */
};
struct estimate {
    double value, low, high;
};
struct estimates {
    struct estimate logged; /* the mean reward of the log itself */
    struct estimate ips, snips, dr;
    uint64_t row_count, feed_count;
    double effective_count; /* rows of equal weight that would be as good: (sum of w)^2 / sum of w^2 */
    double weight_max;
    uint64_t clipped_count;
};
/* Sorts the rows by feed. clip 0: none. has_model: the rows have m and M. False: memory is out; there is a row at
 * least. */
bool estimate_all(struct estimator_row *rows, uint64_t row_count, double clip, bool has_model,
                  struct estimates *estimates);

#endif
