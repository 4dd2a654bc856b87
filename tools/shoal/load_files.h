/* load_files.h -- which files a mapping's names and patterns mean, and which sections read each. */
#ifndef SHOAL_LOAD_FILES_H
#define SHOAL_LOAD_FILES_H

#include "mapping.h"

enum { LOAD_FILE_COUNT_MAX = 10000 };

struct load_file {
    const char *path;
    bool *is_read_by; /* by section */
};

/* The distinct files of all sections, in the order in which the mapping names them. Names and patterns are beside the
 * mapping, or in folder if it is not NULL, unless they begin with /; "-" is standard input. A name or a pattern without
 * a file is SH_ERR_NOT_FOUND. The list lives in the arena. */
SH_MUST_CHECK enum sh_status load_list_files(const struct mapping *mapping, const char *mapping_path,
                                             const char *folder, struct sh_arena *arena, struct load_file **files,
                                             uint32_t *file_count, struct sh_error *err);

#endif
