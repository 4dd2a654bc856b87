/* vector_reader.h -- the vector in a row of item.put or user.put, as a row of vectors.h.
 *
 *   [0.12, -0.4, ...]         an array of as many ints and floats as the space has dimensions
 *   bin, 4 bytes a number     floats of 32 bits, little-endian: what numpy's x.astype('<f4').tobytes() gives
 *   "0.12, -0.4, ..."         numbers with commas or blanks between them, in brackets or not: what files hold
 */
#ifndef SH_VECTOR_READER_H
#define SH_VECTOR_READER_H

#include "cursor.h"
#include "vectors.h"

/* The value stands before the cursor already read; what belongs to it is read. SH_ERR_ARGUMENT: another number of
 * numbers, or they have no direction. */
SH_MUST_CHECK enum sh_status sh_vector_read(const struct sh_value *value, struct sh_cursor *cursor, struct sh_text name,
                                            uint32_t dimension, int16_t *row, struct sh_error *err);

#endif
