/* openapi.h -- a description of POST /rpc/METHOD for programs: OpenAPI 3.0, made from the method table. */
#ifndef SH_OPENAPI_H
#define SH_OPENAPI_H

#include "buffer.h"

/* Append the description as JSON. The same bytes each time. */
void sh_openapi_write(struct sh_buffer *json);

#endif
