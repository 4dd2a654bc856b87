/* load_follow.h -- files of a mapping that grow: what `shoal load --follow` does.
 *
 *   users.csv, items.csv     read to their ends, in the mapping's order
 *   events.csv (the last)    read, and what is written to it, and what takes its place, until it is told to stop
 *
 * Each line is done once, whoever is killed when: as with messages (stream.h), the server remembers how far each file was
 * read, and follow.h finds the place again. An event without an id has the same id that a plain load gives it.
 */
#ifndef SHOAL_LOAD_FOLLOW_H
#define SHOAL_LOAD_FOLLOW_H

#include "load.h"
#include "stream.h"

/* stream is begun. prefix: under which name places are remembered. */
SH_MUST_CHECK enum sh_status load_follow(struct stream *stream, const struct load_options *options, const char *prefix);

#endif
