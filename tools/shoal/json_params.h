/* json_params.h -- JSON as the params of a call. */
#ifndef SHOAL_JSON_PARAMS_H
#define SHOAL_JSON_PARAMS_H

#include <jansson.h>

#include "shoal/client.h"

/* A value as it is; numbers with a point become reals. */
void json_params_write(struct shoal_client_writer *params, const json_t *value);

#endif
