/* http_files.c -- the console's files: read into memory once, at the start, and answered from there.
 *
 * What does not get smaller by gzip (pictures, fonts) is kept plain; the rest twice. Each has the hash of its bytes as
 * ETag, and browsers ask every time whether it still holds: an update of the server is an update of the page.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

#include "hash.h"
#include "http_private.h"
#include "memory.h"

enum {
    PATH_BYTES_MAX = 256,
    FOLDER_DEPTH_MAX = 8,
    TOTAL_BYTES_MAX = 4 * SH_CONSOLE_FILE_BYTES_MAX,
};

struct file {
    char path[PATH_BYTES_MAX]; /* as in a URL: "/index.html" */
    char tags[2][24];          /* plain, gzip */
    struct MHD_Response *answers[2];
    struct MHD_Response *unchanged[2];
};

struct http_files {
    struct file *all; /* ascending by path */
    uint32_t count;
    uint32_t capacity;
    size_t total_bytes;
};

static const struct {
    const char *ending;
    const char *type;
    bool shrinks;
} kinds[] = {
    {".html", "text/html; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".mjs", "text/javascript; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", true},
    {".json", "application/json", true},
    {".svg", "image/svg+xml", true},
    {".txt", "text/plain; charset=utf-8", true},
    {".webmanifest", "application/manifest+json", true},
    {".png", "image/png", false},
    {".jpg", "image/jpeg", false},
    {".webp", "image/webp", false},
    {".ico", "image/x-icon", false},
    {".woff2", "font/woff2", false},
};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

/* KIND_COUNT: it is none of a page's files. */
static uint32_t kind_of(const char *name) {
    const char *dot = strrchr(name, '.');
    uint32_t kind = 0;
    while (dot != NULL && kind < KIND_COUNT && strcmp(dot, kinds[kind].ending) != 0)
        kind++;
    return dot == NULL ? KIND_COUNT : kind;
}

/* ---- reading ---- */

static enum sh_status read_whole(const char *path, uint8_t **bytes, size_t *byte_count, struct sh_error *err) {
    struct stat info;
    FILE *file = fopen(path, "rb");
    *bytes = NULL;
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        const int error = errno;
        if (file != NULL) (void)fclose(file);
        return sh_fail(err, SH_ERR_IO, -1, "cannot read %s: %s", path, strerror(error));
    }
    *byte_count = (size_t)info.st_size;
    if (info.st_size <= SH_CONSOLE_FILE_BYTES_MAX) *bytes = sh_alloc(*byte_count);
    const bool is_read = *bytes != NULL && fread(*bytes, 1, *byte_count, file) == *byte_count;
    (void)fclose(file);
    if (is_read) return SH_OK;
    sh_free(*bytes);
    *bytes = NULL;
    return sh_fail(err, SH_ERR_IO, -1, "cannot read %s: a file has at most %d bytes", path, SH_CONSOLE_FILE_BYTES_MAX);
}

/* NULL if it would not be smaller. */
static uint8_t *shrink(const uint8_t *bytes, size_t byte_count, size_t *shrunk_count) {
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return NULL;
    uint8_t *shrunk = sh_alloc(byte_count);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)byte_count;
    stream.next_out = shrunk;
    stream.avail_out = (uInt)byte_count;
    const bool is_smaller = shrunk != NULL && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    *shrunk_count = stream.total_out;
    (void)deflateEnd(&stream);
    if (is_smaller) return shrunk;
    sh_free(shrunk);
    return NULL;
}

static void add_headers(struct MHD_Response *response, uint32_t kind, const char *tag, bool is_gzip) {
    if (response == NULL) return;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, kinds[kind].type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, tag);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    if (kinds[kind].shrinks) (void)MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
    if (is_gzip) (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    http_add_security(response);
}

/* The bytes belong to the response; they go with it, or now when it cannot be made. */
static bool make_answers(struct file *file, uint32_t form, uint32_t kind, uint8_t *bytes, size_t byte_count) {
    const uint64_t hash = sh_hash_bytes(bytes, byte_count, 0);
    (void)snprintf(file->tags[form], sizeof file->tags[form], "\"%016llx\"", (unsigned long long)hash);
    file->answers[form] = MHD_create_response_from_buffer_with_free_callback(byte_count, bytes, sh_free);
    if (file->answers[form] == NULL) sh_free(bytes);
    file->unchanged[form] = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    add_headers(file->answers[form], kind, file->tags[form], form == 1);
    add_headers(file->unchanged[form], kind, file->tags[form], false);
    return file->answers[form] != NULL && file->unchanged[form] != NULL;
}

static enum sh_status add_file(struct http_files *files, const char *disk_path, const char *path, uint32_t kind,
                               struct sh_error *err) {
    uint8_t *bytes;
    size_t byte_count;
    if (files->count == SH_CONSOLE_FILE_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "a console has at most %d files", SH_CONSOLE_FILE_COUNT_MAX);
    enum sh_status status = sh_grow((void **)&files->all, &files->capacity, files->count + 1u, sizeof *files->all);
    if (status != SH_OK) return sh_fail(err, status, -1, "no memory for the console");
    if ((status = read_whole(disk_path, &bytes, &byte_count, err)) != SH_OK) return status;
    files->total_bytes += byte_count;
    struct file *file = &files->all[files->count++];
    *file = (struct file){0};
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    size_t shrunk_count = 0;
    uint8_t *shrunk = kinds[kind].shrinks ? shrink(bytes, byte_count, &shrunk_count) : NULL;
    bool is_made = make_answers(file, 0, kind, bytes, byte_count);
    if (shrunk != NULL) is_made &= make_answers(file, 1, kind, shrunk, shrunk_count);
    if (!is_made) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the console");
    if (files->total_bytes <= TOTAL_BYTES_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_LIMIT, -1, "a console has at most %d bytes", TOTAL_BYTES_MAX);
}

static enum sh_status load_folder(struct http_files *files, const char *disk_folder, const char *folder, uint32_t depth,
                                  struct sh_error *err) {
    enum sh_status status = SH_OK;
    DIR *open = opendir(disk_folder);
    if (open == NULL) return sh_fail(err, SH_ERR_IO, -1, "cannot read %s: %s", disk_folder, strerror(errno));
    for (struct dirent *entry; status == SH_OK && (entry = readdir(open)) != NULL;) {
        char disk_path[4096];
        char path[PATH_BYTES_MAX];
        struct stat info;
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "node_modules") == 0) continue;
        const int disk_bytes = snprintf(disk_path, sizeof disk_path, "%s/%s", disk_folder, entry->d_name);
        const int path_bytes = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (disk_bytes >= (int)sizeof disk_path || path_bytes >= (int)sizeof path || stat(disk_path, &info) != 0)
            continue;
        const uint32_t kind = kind_of(entry->d_name);
        if (S_ISDIR(info.st_mode) && depth < FOLDER_DEPTH_MAX)
            status = load_folder(files, disk_path, path, depth + 1, err);
        else if (S_ISREG(info.st_mode) && kind < KIND_COUNT)
            status = add_file(files, disk_path, path, kind, err);
    }
    (void)closedir(open);
    return status;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

enum sh_status http_files_load(const char *folder, struct http_files **files, struct sh_error *err) {
    *files = NULL;
    struct http_files *made = sh_alloc_zero(sizeof *made);
    if (made == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the console");
    const enum sh_status status = load_folder(made, folder, "", 0, err);
    if (status != SH_OK) {
        http_files_free(made);
        return status;
    }
    if (made->count > 0) qsort(made->all, made->count, sizeof *made->all, by_path);
    *files = made;
    return SH_OK;
}

void http_files_free(struct http_files *files) {
    if (files == NULL) return;
    for (uint32_t i = 0; i < files->count; i++) {
        for (uint32_t form = 0; form < 2; form++) {
            if (files->all[i].answers[form] != NULL) MHD_destroy_response(files->all[i].answers[form]);
            if (files->all[i].unchanged[form] != NULL) MHD_destroy_response(files->all[i].unchanged[form]);
        }
    }
    sh_free(files->all);
    sh_free(files);
}

/* ---- answering ---- */

/* Is the word one of a list's, "gzip" of "br, gzip;q=0.8"? What is given no weight ("gzip;q=0") is not meant. */
static bool has_word(const char *list, const char *word) {
    const size_t count = strlen(word);
    for (const char *at = list; at != NULL && *at != '\0';) {
        at += strspn(at, " \t,");
        const char *end = at + strcspn(at, ",");
        if (strncmp(at, word, count) == 0 && strchr(" ,;", at[count]) != NULL) {
            const char *weight = memmem(at, (size_t)(end - at), "q=", 2);
            return weight == NULL || strtod(weight + 2, NULL) > 0;
        }
        at = end;
    }
    return false;
}

struct MHD_Response *http_files_find(const struct http_files *files, const char *path,
                                     struct MHD_Connection *connection, unsigned *http_status) {
    if (files == NULL || files->count == 0) return NULL;
    struct file key = {0};
    if (strcmp(path, "/") == 0) path = "/index.html";
    if (snprintf(key.path, sizeof key.path, "%s", path) >= (int)sizeof key.path) return NULL;
    const struct file *file = bsearch(&key, files->all, files->count, sizeof key, by_path);
    if (file == NULL) return NULL;
    const char *encodings = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    const char *known = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    const uint32_t form = file->answers[1] != NULL && has_word(encodings, "gzip");
    const bool is_known = known != NULL && strstr(known, file->tags[form]) != NULL;
    *http_status = is_known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK;
    return is_known ? file->unchanged[form] : file->answers[form];
}
