/* json_value.h -- values of answers as JSON text. */
#ifndef SHOAL_JSON_VALUE_H
#define SHOAL_JSON_VALUE_H

#include <stdio.h>

#include "buffer.h"
#include "shoal/client.h"

/* Appends a string with its quotes. Controls are escaped; all else is UTF-8 as it is. */
void json_text_append(const char *bytes, size_t byte_count, struct sh_buffer *out);
/* Appends a value; bytes become base64, what is no number null, and reals have the fewest digits that read back as the
 * same. Dense, or, with a file, for people: a blank behind each comma and colon, and what has gathered in the buffer goes
 * to the file now and then, so that a large answer is not held twice. The rest stays in the buffer. */
void json_value_append(struct shoal_client_value value, struct sh_buffer *out, FILE *file);

#endif
