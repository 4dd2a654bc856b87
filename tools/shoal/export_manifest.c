/* export_manifest.c -- the manifest of an export, as JSON. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "export.h"

const char *export_asked(const struct export *export, const char *name) {
    return json_string_value(json_object_get(export->asked, name));
}

void export_manifest_of(const char *out, char path[PATH_MAX]) {
    (void)snprintf(path, PATH_MAX, "%s.manifest.json", out);
}

enum sh_status export_path(const struct export *export, const char *file, const char *suffix, char path[PATH_MAX],
                           struct sh_error *err) {
    if (snprintf(path, PATH_MAX, "%s/%s%s", export->folder, file, suffix) < PATH_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "the name of the file is too long");
}

/* ---- Writing ---- */

static void set_text(json_t *object, const char *name, const char *text) {
    (void)json_object_set_new(object, name, text[0] == '\0' ? json_null() : json_string(text));
}

static void set_number(json_t *object, const char *name, uint64_t number) {
    (void)json_object_set_new(object, name, json_integer((json_int_t)number));
}

static void set_sums(json_t *object, const struct export_sums *sums) {
    set_number(object, "bytes", sums->bytes);
    set_text(object, "xxh3_128", sums->xxh3);
    set_text(object, "sha256", sums->sha256);
}

static json_t *make_part(const struct export_part *part) {
    json_t *object = json_object();
    set_text(object, "kind", part->kind);
    set_text(object, "file", part->file);
    set_number(object, "rows", part->rows);
    set_sums(object, &part->sums);
    set_text(object, "cursor", part->is_done ? "" : part->cursor);
    (void)json_object_set_new(object, "done", json_boolean(part->is_done));
    return object;
}

static json_t *make_manifest(const struct export *export) {
    char as_of[32] = "";
    const time_t seconds = (time_t)(export->as_of_ms / 1000);
    struct tm parts;
    if (export->as_of_ms != 0 && gmtime_r(&seconds, &parts) != NULL) {
        const size_t length = strftime(as_of, sizeof as_of, "%Y-%m-%dT%H:%M:%S", &parts);
        (void)snprintf(as_of + length, sizeof as_of - length, ".%03dZ", (int)(export->as_of_ms % 1000));
    }
    json_t *object = json_object();
    json_t *list = json_array();
    uint64_t rows = 0;
    bool is_done = true;
    for (uint32_t i = 0; i < export->part_count; i++) {
        (void)json_array_append_new(list, make_part(&export->parts[i]));
        rows += export->parts[i].rows;
        is_done = is_done && export->parts[i].is_done;
    }
    set_number(object, "shoal_export", 1);
    (void)json_object_set(object, "asked", export->asked);
    set_text(object, "as_of", as_of);
    set_number(object, "now", (uint64_t) export->as_of_ms);
    set_text(object, "began", export->began);
    set_text(object, "ended", export->ended);
    (void)json_object_set_new(object, "done", json_boolean(is_done));
    set_number(object, "rows", rows);
    set_number(object, "skipped", export->skipped);
    if (export->held_back > 0) set_number(object, "held_back", export->held_back);
    (void)json_object_set_new(object, "parts", list);
    if (is_done || export->spool.bytes == 0) return object;
    json_t *ids = json_object();
    set_number(ids, "audience", export->spool_number);
    set_number(ids, "count", export->spool_count);
    set_sums(ids, &export->spool);
    (void)json_object_set_new(object, "ids", ids);
    return object;
}

/* Whole or not at all: under another name, to the disk, then under its own. */
static enum sh_status replace(const char *path, const char *text, struct sh_error *err) {
    char other[PATH_MAX + 8];
    (void)snprintf(other, sizeof other, "%s.new", path);
    FILE *file = fopen(other, "w");
    bool done = file != NULL && fputs(text, file) >= 0 && fputc('\n', file) != EOF && fflush(file) == 0 &&
                fdatasync(fileno(file)) == 0;
    if (file != NULL) done = fclose(file) == 0 && done;
    if (done && rename(other, path) == 0) return SH_OK;
    return sh_fail(err, SH_ERR_IO, -1, "%s: %s", other, strerror(errno));
}

enum sh_status export_manifest_write(const struct export *export) {
    json_t *object = make_manifest(export);
    char *text = json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    if (text == NULL) return sh_fail(export->err, SH_ERR_MEMORY, -1, "no memory for a manifest");
    const enum sh_status status = replace(export->manifest_path, text, export->err);
    free(text);
    return status;
}

/* ---- Reading ---- */

static bool get_text(const json_t *object, const char *name, char *text, size_t text_bytes) {
    const json_t *value = json_object_get(object, name);
    const char *string = json_is_null(value) ? "" : json_string_value(value);
    if (string == NULL || strlen(string) >= text_bytes) return false;
    memcpy(text, string, strlen(string) + 1);
    return true;
}

static bool get_number(const json_t *object, const char *name, uint64_t *number) {
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *number = (uint64_t)json_integer_value(value);
    return true;
}

static bool get_sums(const json_t *object, struct export_sums *sums) {
    return get_number(object, "bytes", &sums->bytes) && get_text(object, "xxh3_128", sums->xxh3, sizeof sums->xxh3) &&
           get_text(object, "sha256", sums->sha256, sizeof sums->sha256);
}

static bool get_part(const json_t *object, struct export_part *part) {
    const json_t *done = json_object_get(object, "done");
    part->is_done = json_is_true(done);
    return json_is_boolean(done) && get_text(object, "kind", part->kind, sizeof part->kind) &&
           get_text(object, "file", part->file, sizeof part->file) && part->file[0] != '\0' &&
           strchr(part->file, '/') == NULL && get_number(object, "rows", &part->rows) &&
           get_sums(object, &part->sums) && get_text(object, "cursor", part->cursor, sizeof part->cursor);
}

static bool take_manifest(struct export *export, const json_t *object) {
    uint64_t version = 0;
    uint64_t now = 0;
    uint64_t number = 0;
    json_t *asked = json_object_get(object, "asked");
    const json_t *list = json_object_get(object, "parts");
    const json_t *ids = json_object_get(object, "ids");
    if (!get_number(object, "shoal_export", &version) || version != 1 || !json_is_object(asked)) return false;
    if (!get_number(object, "now", &now) || !get_number(object, "skipped", &export->skipped)) return false;
    if (!get_text(object, "began", export->began, sizeof export->began)) return false;
    if (!get_text(object, "ended", export->ended, sizeof export->ended)) return false;
    if (!json_is_array(list) || json_array_size(list) > EXPORT_PART_COUNT_MAX) return false;
    export->part_count = (uint32_t)json_array_size(list);
    for (uint32_t i = 0; i < export->part_count; i++)
        if (!get_part(json_array_get(list, i), &export->parts[i])) return false;
    if (ids != NULL && (!get_number(ids, "audience", &number) || !get_number(ids, "count", &export->spool_count) ||
                        !get_sums(ids, &export->spool)))
        return false;
    (void)get_number(object, "held_back", &export->held_back);
    export->spool_number = (uint32_t)number;
    export->as_of_ms = (int64_t)now;
    export->asked = json_incref(asked);
    return export_asked(export, "kind") != NULL && export_asked(export, "format") != NULL;
}

enum sh_status export_manifest_read(struct export *export, const char *path) {
    char folder[PATH_MAX];
    json_error_t fault;
    if (strlen(path) >= PATH_MAX) return sh_fail(export->err, SH_ERR_ARGUMENT, -1, "the name of the file is too long");
    memcpy(export->manifest_path, path, strlen(path) + 1);
    memcpy(folder, path, strlen(path) + 1);
    (void)snprintf(export->folder, sizeof export->folder, "%s", dirname(folder));
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return sh_fail(export->err, errno == ENOENT ? SH_ERR_NOT_FOUND : SH_ERR_IO, -1, "%s: %s", path,
                       strerror(errno));
    json_t *object = json_loadf(file, JSON_REJECT_DUPLICATES, &fault);
    (void)fclose(file);
    const bool is_ours = object != NULL && take_manifest(export, object);
    json_decref(object);
    if (is_ours) return SH_OK;
    return sh_fail(export->err, SH_ERR_CORRUPT, -1, "%s is no manifest of an export", path);
}
