/* csv_show.h -- everything that a CSV reader says about some bytes, as one text, so that readings can be compared.
 *
 *   3:[u1]["Tee"]     a record at line 3: bare fields in [], quoted ones in [""]
 *   5!"abc            a bad record at line 5, and its raw bytes
 *   =ok               how the reading ended, or the status's name
 */
#ifndef CSV_SHOW_H
#define CSV_SHOW_H

#include <stddef.h>

/* Reads bytes piece_bytes at a time (0: at once). free() the text. shown_bytes (may be NULL) gets its length: zero
 * bytes are shown as they are. */
char *csv_show(const void *bytes, size_t byte_count, size_t piece_bytes, char delimiter, size_t *shown_bytes);

#endif
