#include "load_files.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>

struct list {
    struct sh_arena *arena;
    struct load_file *files;
    uint32_t file_count;
    const char *folder;
    uint32_t section_count;
    struct sh_error *err;
};

/* The folder in front of a pattern is a name, not a pattern: what glob would read in it is escaped. */
static void escape_folder(const char *folder, char *escaped, size_t escaped_bytes) {
    size_t length = 0;
    for (; *folder != '\0' && length + 2 < escaped_bytes; folder++) {
        if (strchr("*?[]\\", *folder) != NULL) escaped[length++] = '\\';
        escaped[length++] = *folder;
    }
    escaped[length] = '\0';
}

/* found is to be freed, whatever comes back. */
static enum sh_status expand(const struct list *list, struct sh_text pattern, glob_t *found) {
    char escaped[PATH_MAX];
    char path[2 * PATH_MAX];
    *found = (glob_t){0};
    escape_folder(list->folder, escaped, sizeof escaped);
    const bool is_standard = sh_text_equal(pattern, SH_TEXT_LITERAL("-"));
    const int length = is_standard || pattern.bytes[0] == '/'
                           ? snprintf(path, sizeof path, "%.*s", SH_TEXT_ARGS(pattern))
                           : snprintf(path, sizeof path, "%s/%.*s", escaped, SH_TEXT_ARGS(pattern));
    if (length >= (int)sizeof path) return sh_fail(list->err, SH_ERR_NOT_FOUND, -1, "the name of a file is too long");
    const int result = glob(path, GLOB_ERR | (is_standard ? GLOB_NOCHECK : 0), NULL, found);
    if (result == 0) return SH_OK;
    if (result == GLOB_NOMATCH) return sh_fail(list->err, SH_ERR_NOT_FOUND, -1, "there is no file %s", path);
    return sh_fail(list->err, SH_ERR_IO, -1, "%s: %s", path, result == GLOB_NOSPACE ? "no memory" : strerror(errno));
}

static enum sh_status add(struct list *list, const char *path, uint32_t section) {
    uint32_t place = 0;
    while (place < list->file_count && strcmp(list->files[place].path, path) != 0)
        place++;
    if (place == LOAD_FILE_COUNT_MAX)
        return sh_fail(list->err, SH_ERR_LIMIT, -1, "the mapping reads more than %d files", LOAD_FILE_COUNT_MAX);
    struct load_file *file = &list->files[place];
    if (place == list->file_count) {
        file->path = sh_arena_copy(list->arena, path, strlen(path) + 1);
        file->is_read_by = sh_arena_alloc_zero(list->arena, list->section_count + 1u);
        if (file->path == NULL || file->is_read_by == NULL)
            return sh_fail(list->err, SH_ERR_MEMORY, -1, "no memory for the file list");
        list->file_count++;
    }
    file->is_read_by[section] = true;
    return SH_OK;
}

enum sh_status load_list_files(const struct mapping *mapping, const char *mapping_path, const char *folder,
                               struct sh_arena *arena, struct load_file **files, uint32_t *file_count,
                               struct sh_error *err) {
    char beside[PATH_MAX];
    (void)snprintf(beside, sizeof beside, "%s", mapping_path);
    struct list list = {.arena = arena,
                        .err = err,
                        .section_count = mapping->section_count,
                        .folder = folder != NULL ? folder : dirname(beside)};
    list.files = sh_arena_alloc_zero(arena, LOAD_FILE_COUNT_MAX * sizeof *list.files);
    if (list.files == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the file list");
    enum sh_status status = SH_OK;
    for (uint32_t s = 0; s < mapping->section_count; s++) {
        const struct mapping_section *section = &mapping->sections[s];
        for (uint32_t f = 0; f < section->file_count && status == SH_OK; f++) {
            glob_t found;
            status = expand(&list, section->files[f], &found);
            for (size_t i = 0; i < found.gl_pathc && status == SH_OK; i++)
                status = add(&list, found.gl_pathv[i], s);
            globfree(&found);
        }
    }
    *files = list.files;
    *file_count = list.file_count;
    return status;
}
