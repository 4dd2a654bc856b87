/* eval_engine.h -- what evaluations share: an engine in this process, and files of who did what put into it. */
#ifndef SHOAL_EVAL_ENGINE_H
#define SHOAL_EVAL_ENGINE_H

#include "clicks.h"
#include "shoal/client.h"
#include "shoal/shoal.h"

struct eval_engine {
    struct shoal *engine;
    struct shoal_client_writer *params; /* of the next call */
};

/* False when it cannot; has said why. Close in any case. */
bool eval_open(struct eval_engine *eval);
void eval_close(struct eval_engine *eval);
/* Calls with the params; result (may be NULL) is good until the next call. False: it failed, and has said why. */
bool eval_call(struct eval_engine *eval, const char *method, struct shoal_client_value *result);
/* Clears the params and begins them as a map. */
void eval_begin(struct eval_engine *eval, uint32_t pair_count);

/* An event type of that name, and these weights of a score (names and numbers, count of them). */
bool eval_put_schema(struct eval_engine *eval, const char *type, const char *const *names, const double *weights,
                     uint32_t count);
/* Every name as a listed item. */
bool eval_put_items(struct eval_engine *eval, const struct names *items);
/* All as events of the type, in order of time, which they are put into; now is the last one's time from here on. */
bool eval_learn(struct eval_engine *eval, const char *type, const struct names *items, struct clicks *clicks);

#endif
