/* load.h -- files into a server: what `shoal load` does.
 *
 *   for each file of the mapping:
 *     record -> each section that reads this file -> rows -> batches, several in flight -> user.put, item.put,
 * event.append |                                                        |
 *                                    '------------- reject file: file, line, reason, record <-'
 *
 * The schema that the mapping describes is put first; event types that come from a column are put when they first
 * appear. A bad row never stops a load. Every row of every file ends in exactly one count of the summary.
 */
#ifndef SHOAL_LOAD_H
#define SHOAL_LOAD_H

#include <stdio.h>

#include "mapping.h"
#include "shoal/client.h"

enum {
    LOAD_BATCH_ROW_COUNT = 4096,
    LOAD_BATCH_BYTES = 1 << 20,
    LOAD_IN_FLIGHT_COUNT_MAX = 8, /* enough to keep one server core busy while the next batches are read */
};

struct load_options {
    const char *mapping_path;
    const char *folder;       /* files are beside the mapping unless this is given */
    const char *rejects_path; /* written only when a row is refused */
    bool quiet;               /* no progress */
    bool json;                /* the summary as one JSON document on standard output */
    bool only_schema;         /* put the schema and stop */
};

/* Returns the process's exit status: 0 when everything was read (rejects included), 1 when the load could not go on. */
int load_run(struct shoal_client *client, const struct load_options *options);
/* The schema.put params of a mapping, for load and for `schema guess`. */
void load_write_schema(const struct mapping *mapping, struct shoal_client_writer *params);
/* One event type of a section, as schema.put takes it. */
void load_write_event_type(const struct mapping_section *section, struct sh_text name,
                           struct shoal_client_writer *params);
/* A file is read once, for all its sections: two of them must agree on how. SH_ERR_SYNTAX. */
SH_MUST_CHECK enum sh_status load_check_agreement(const char *path, const struct mapping_section *a,
                                                  const struct mapping_section *b, struct sh_error *err);
/* Read a whole mapping file. Texts live in the arena. */
SH_MUST_CHECK enum sh_status load_read_mapping(const char *path, struct sh_arena *arena, struct mapping *mapping,
                                               struct sh_error *err);

#endif
