#include "export.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bitmap.h"
#include "memory.h"
#include "record.h"
#include "roaring_format.h"

/* ---- Time ---- */

static uint64_t clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void print_moment(char text[32]) {
    const time_t seconds = time(NULL);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) != NULL) (void)strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

/* ---- Settling ---- */

static enum sh_status settle(struct export *export, struct export_file *file, struct export_part *part) {
    enum sh_status status = export_file_settle(file, &part->sums, export->err);
    if (status == SH_OK) status = export_manifest_write(export);
    export->settled_ns = clock_ns();
    export->unsettled_bytes = 0;
    return status;
}

/* Its own name, and the name to the disk. */
static enum sh_status give_name(struct export *export, const struct export_part *part) {
    char from[PATH_MAX];
    char to[PATH_MAX];
    enum sh_status status = export_path(export, part->file, ".part", from, export->err);
    if (status == SH_OK) status = export_path(export, part->file, "", to, export->err);
    if (status != SH_OK) return status;
    if (rename(from, to) != 0 && errno != ENOENT) /* ENOENT: it had been renamed before a stop */
        return sh_fail(export->err, SH_ERR_IO, -1, "%s: %s", to, strerror(errno));
    const int folder = open(export->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        (void)fsync(folder);
        (void)close(folder);
    }
    return SH_OK;
}

/* ---- A part ---- */

static bool is_of_people(const char *kind) {
    return strcmp(kind, "users") == 0 || strcmp(kind, "numbers") == 0 || strcmp(kind, "feeds") == 0 ||
           strcmp(kind, "roaring") == 0;
}

/* The ids that the part is about, where it is about one audience. A table of numbers is of everybody; the bitmap beside it
 * is of the audience, which is its number 1. */
static enum sh_status fetch_ids(struct export *export, const struct export_part *part) {
    const bool is_bitmap = strcmp(part->kind, "roaring") == 0;
    const bool is_table = strcmp(part->kind, "numbers") == 0;
    if (!is_of_people(part->kind)) return SH_OK;
    /* A table and a copy of a shop write to nobody. */
    const struct export_audience everybody = {.purpose = "internal"};
    const struct export_audience audience = {.where = export_asked(export, "where"),
                                             .order = is_bitmap ? NULL : export_asked(export, "order"),
                                             .desc = json_is_true(json_object_get(export->asked, "desc")),
                                             .purpose = export_asked(export, "for"),
                                             .number = is_bitmap ? 1 : 0};
    return export_fetch_ids(export,
                            is_table || strcmp(export_asked(export, "kind"), "shop") == 0 ? &everybody : &audience);
}

static enum sh_status add_page(struct export *export, struct export_file *file) {
    const enum sh_status status = sh_buffer_status(&export->page, export->err);
    export->unsettled_bytes += export->page.count;
    return status != SH_OK ? status : export_file_add(file, export->page.bytes, export->page.count, export->err);
}

static enum sh_status write_head(struct export *export, struct export_file *file) {
    const char *format = export_asked(export, "format");
    if (strcmp(format, "jsonl") == 0) return SH_OK; /* what stands beside a .roaring file is CSV, too */
    sh_buffer_clear(&export->page);
    export_write_head(EXPORT_CSV, export->columns.columns, export->columns.count, &export->page);
    return add_page(export, file);
}

static enum sh_status write_pages(struct export *export, struct export_file *file, struct export_part *part) {
    enum sh_status status = part->cursor[0] == '\0' ? write_head(export, file) : SH_OK;
    for (bool is_last = false; status == SH_OK && !is_last;) {
        const uint32_t audience = export->spool_number;
        const bool had_ids = export->spool.bytes > 0;
        status = export_next_page(export, part, &is_last);
        if (status == SH_OK) status = add_page(export, file);
        if (status != SH_OK || is_last) break;
        /* Before the ids of the next audience take the place of these. */
        const bool is_next = had_ids && (export->spool.bytes == 0 || export->spool_number != audience);
        if (is_next || export->unsettled_bytes >= EXPORT_SETTLE_BYTES ||
            clock_ns() - export->settled_ns >= EXPORT_SETTLE_MS * UINT64_C(1000000))
            status = settle(export, file, part);
    }
    return status;
}

static enum sh_status write_whole(struct export *export, struct export_file *file, struct export_part *part) {
    enum sh_status status;
    sh_buffer_clear(&export->page);
    if (strcmp(part->kind, "roaring") == 0)
        status = export_write_roaring(export, part);
    else
        status = export_write_shop(export, part);
    return status == SH_OK ? add_page(export, file) : status;
}

static bool is_paged(const char *kind) {
    return strcmp(kind, "roaring") != 0 && strcmp(kind, "map") != 0 && strcmp(kind, "calls") != 0;
}

static enum sh_status run_part(struct export *export, struct export_part *part) {
    char path[PATH_MAX];
    struct export_file *file;
    enum sh_status status = export_learn_schema(export);
    if (status == SH_OK) status = export_find_columns(export, part->kind);
    if (status == SH_OK) status = export_path(export, part->file, ".part", path, export->err);
    if (status == SH_OK)
        status = export_file_open(path, export_packing_of(part->file), &part->sums, &file, export->err);
    if (status != SH_OK) return status;
    status = fetch_ids(export, part);
    if (status == SH_OK)
        status = is_paged(part->kind) ? write_pages(export, file, part) : write_whole(export, file, part);
    if (status == SH_OK) {
        part->is_done = true;
        export->spool = (struct export_sums){0};
        export_drop_ids(export);
        if (part == &export->parts[export->part_count - 1]) print_moment(export->ended);
        status = settle(export, file, part);
    }
    export_file_close(file);
    return status == SH_OK ? give_name(export, part) : status;
}

static void remove_ids(const struct export *export) {
    char path[PATH_MAX + 8];
    (void)snprintf(path, sizeof path, "%s.ids", export->manifest_path);
    (void)unlink(path);
}

enum sh_status export_run(struct export *export) {
    enum sh_status status = SH_OK;
    if (export->params == NULL) return sh_fail(export->err, SH_ERR_MEMORY, -1, "no memory for an export");
    if (export->began[0] == '\0') print_moment(export->began);
    if (export->as_of_ms == 0 && export->part_count > 0 && !is_of_people(export->parts[0].kind) &&
        (status = export_find_moment(export)) != SH_OK)
        return status;
    for (uint32_t i = 0; i < export->part_count && status == SH_OK; i++)
        status = export->parts[i].is_done ? give_name(export, &export->parts[i]) : run_part(export, &export->parts[i]);
    export_drop_ids(export);
    if (status == SH_OK) remove_ids(export);
    return status;
}

/* ---- Verifying ---- */

static enum sh_status read_whole(const char *path, struct sh_buffer *bytes, struct sh_error *err) {
    struct input *input;
    enum sh_status status = input_open(path, &input, err);
    if (status != SH_OK) return status;
    for (bool at_end = false; !at_end && status == SH_OK;) {
        size_t count;
        status = input_more(input, &at_end, err);
        const char *at = input_at(input, &count);
        sh_buffer_append(bytes, at, count);
        input_advance(input, count);
    }
    input_close(input);
    return status == SH_OK ? sh_buffer_status(bytes, err) : status;
}

/* The numbers of a Roaring file. */
static enum sh_status count_bitmap(const char *path, uint64_t *rows, struct sh_error *err) {
    struct sh_buffer bytes;
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    sh_buffer_init(&bytes, EXPORT_PAGE_BYTES_MAX);
    enum sh_status status = read_whole(path, &bytes, err);
    if (status == SH_OK) status = sh_roaring_read(&bitmap, bytes.bytes, bytes.count, err);
    *rows = bitmap.count;
    sh_bitmap_deinit(&bitmap);
    sh_buffer_deinit(&bytes);
    return status;
}

/* Its records, read as `shoal load` reads them. */
static enum sh_status count_rows(const char *path, uint64_t *rows, struct sh_error *err) {
    static const struct record_options options = {.has_header = true};
    struct record_reader reader;
    enum sh_status status = record_open(&reader, path, NULL, &options, NULL, 0, 0, err);
    if (status != SH_OK) return status;
    for (bool at_end = false; status == SH_OK; (*rows)++) {
        status = record_next(&reader, &at_end, err);
        if (at_end) break;
    }
    record_close(&reader);
    return status;
}

static enum sh_status verify_part(const struct export *export, const struct export_part *part, struct sh_error *err) {
    char path[PATH_MAX];
    struct export_sums found = {0};
    uint64_t rows = 0;
    if (!part->is_done) return sh_fail(err, SH_ERR_CONFLICT, -1, "not finished: %" PRIu64 " rows so far", part->rows);
    enum sh_status status = export_path(export, part->file, "", path, err);
    if (status == SH_OK) status = export_file_sum(path, &found, err);
    if (status != SH_OK) return status;
    if (found.bytes != part->sums.bytes)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "%" PRIu64 " bytes, and the manifest says %" PRIu64, found.bytes,
                       part->sums.bytes);
    if (strcmp(found.xxh3, part->sums.xxh3) != 0 || strcmp(found.sha256, part->sums.sha256) != 0)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "other bytes than the manifest says");
    if (!is_paged(part->kind) && strcmp(part->kind, "roaring") != 0) return SH_OK;
    status = strcmp(part->kind, "roaring") == 0 ? count_bitmap(path, &rows, err) : count_rows(path, &rows, err);
    if (status == SH_OK && rows != part->rows)
        status = sh_fail(err, SH_ERR_CORRUPT, -1, "%" PRIu64 " rows, and the manifest says %" PRIu64, rows, part->rows);
    return status;
}

enum sh_status export_verify(struct export *export, FILE *out) {
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < export->part_count; i++) {
        const struct export_part *part = &export->parts[i];
        struct sh_error fault = {.hint = ""};
        const enum sh_status found = verify_part(export, part, &fault);
        if (found == SH_OK)
            (void)fprintf(out, "%s: as the manifest says, %" PRIu64 " rows, %" PRIu64 " bytes\n", part->file,
                          part->rows, part->sums.bytes);
        else
            (void)fprintf(out, "%s: %s\n", part->file, fault.message);
        if (status == SH_OK) status = found;
    }
    return status;
}
