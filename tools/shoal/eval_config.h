/* eval_config.h -- what `shoal tune` found, as a file that a server loads.
 *
 *   {"feed":   {"scores": {"session": 1, "pairs": 0.5, ...}, "half_life_days": {...}},      params of schema.put
 *    "models": [{"name": "ease", "neighbours": 1000, ...}, ...]}                            params of model.train each
 *
 * Either part may be missing. */
#ifndef SHOAL_EVAL_CONFIG_H
#define SHOAL_EVAL_CONFIG_H

#include <jansson.h>

#include "command.h"
#include "eval_engine.h"

struct eval_config {
    json_t *root; /* NULL: nothing is said */
};

/* False, and words, if it is none. */
bool eval_config_read(const char *path, struct eval_config *config);
bool eval_config_write(const char *path, const struct eval_config *config);
/* `feed`, into an engine in this process. Nothing to say is fine. */
bool eval_config_put(struct eval_engine *eval, const struct eval_config *config);
/* All of it, into the workspace of the session. */
bool eval_config_load(struct session *session, const struct eval_config *config);
void eval_config_free(struct eval_config *config);

#endif
