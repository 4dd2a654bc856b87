/* guess.h -- proposes a mapping from the first records of a file.
 *
 * Each column is tried as every type; the narrowest type that all sampled values fit wins:
 *   bool < int < decimal < date < time < tags (values cut by | or ; that repeat) < string
 * The kind of rows is told by names: a time and somebody's id make events, a price or a title make items. It is a
 * proposal: the comments say what was seen, so that a person can correct it. What is printed is always a mapping that
 * mapping_parse takes.
 */
#ifndef SHOAL_GUESS_H
#define SHOAL_GUESS_H

#include <stdio.h>

#include "status.h"

SH_MUST_CHECK enum sh_status guess_mapping(const char *path, FILE *out, struct sh_error *err);

#endif
