/* segment_value.h -- a value of a message as a value of a field. */
#ifndef SHOAL_SEGMENT_VALUE_H
#define SHOAL_SEGMENT_VALUE_H

#include "buffer.h"
#include "segment_names.h"

/* Append it as msgpack. False, and nothing is appended: it does not fit the field's type. */
bool segment_pack_value(const struct segment_field *field, const json_t *value, struct sh_buffer *rows);
/* A number, or a text that is one. */
bool segment_number(const json_t *value, double *number);
/* The text of a text, whole number, number or boolean, in room if it must be made. */
bool segment_text(const json_t *value, char room[64], struct sh_text *text);

#endif
