/* rows_show.h -- what a mapping's first section makes of a file's records, as one text, a record a line.
 *
 *   ['u1', 12, nil]      a row that was taken
 *   -                    not this section's
 *   aside: no customer   set aside
 *   no: words            rejected
 */
#ifndef ROWS_SHOW_H
#define ROWS_SHOW_H

/* path says the format, as a file's name does. free() the text. Aborts if the mapping is wrong. */
char *rows_show(const char *mapping_text, const char *path, const char *text);

#endif
