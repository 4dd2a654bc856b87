/* eval_engine.h -- what evaluations share: an engine in this process, and files of who did what put into it.
 *
 *   file            engine
 *   user, item, time  event.append     type    an event type each, of the weights that are given or usual for its name
 *   value             its amount       store   its property `store`, which trends of stores count by
 *   category, tags    attributes and tag sets of items under the columns' names
 */
#ifndef SHOAL_EVAL_ENGINE_H
#define SHOAL_EVAL_ENGINE_H

#include "clicks.h"
#include "shoal/client.h"
#include "shoal/shoal.h"

struct command_options;

struct eval_engine {
    struct shoal *engine;
    struct shoal_client_writer *params; /* of the next call */
    const struct goods *goods;
    const char *type; /* of events of which no file says the type */
    bool has_values;
};

/* Names and numbers: weights of scores. */
struct eval_scores {
    const char *const *names;
    const double *weights;
    uint32_t count;
};

/* Reads a file of --columns (or those), --min and --types, into goods and clicks, which are not empty then. False: it
 * cannot, and has said why. */
bool eval_read(const char *path, const struct command_options *options, const char *columns, struct goods *goods,
               struct clicks *clicks);
/* --items and --item-columns, if they are given: after the events. */
bool eval_read_items(const struct command_options *options, struct goods *goods);

/* False when it cannot; has said why. Close in any case. */
bool eval_open(struct eval_engine *eval);
void eval_close(struct eval_engine *eval);
/* Calls with the params; result (may be NULL) is good until the next call. False: it failed, and has said why. */
bool eval_call(struct eval_engine *eval, const char *method, struct shoal_client_value *result);
/* Clears the params and begins them as a map. */
void eval_begin(struct eval_engine *eval, uint32_t pair_count);

/* The schema, and every item, listed. Nothing is held back for having been bought: what people come back to is to be
 * foreseen too. goods stay the caller's; type is that of events whose file has none; weights (may be NULL) are
 * "view=1,cart=3". */
bool eval_put_shop(struct eval_engine *eval, const struct goods *goods, const char *type, const char *weights);
/* Weights of the score from now on. */
bool eval_put_scores(struct eval_engine *eval, const struct eval_scores *scores);
/* As a value of the params: of the key "scores" of feed.get or feed. */
void eval_write_scores(struct eval_engine *eval, const struct eval_scores *scores);
/* All as events, in order of time, which they are put into; now is the last one's time from here on. */
bool eval_learn(struct eval_engine *eval, struct clicks *clicks);
/* The same for some that are in order. */
bool eval_learn_some(struct eval_engine *eval, const struct clicks *clicks, uint32_t first, uint32_t count);

#endif
