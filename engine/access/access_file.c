#include "access_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "memory.h"
#include "roles.h"

enum { FORMAT_VERSION = 1 };

/* ---- the table ---- */

void sh_token_table_free(struct sh_token_table *table) {
    sh_free(table->tokens);
    *table = (struct sh_token_table){0};
}

/* The place of the id, or where it would stand. */
static uint32_t find_place(const struct sh_token_table *table, struct sh_text id, bool *found) {
    uint32_t low = 0;
    uint32_t high = table->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        const int order = sh_text_compare(id, sh_text_of(table->tokens[middle].id));
        *found = order == 0;
        if (*found) return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *found = false;
    return low;
}

struct sh_token *sh_token_table_find(const struct sh_token_table *table, struct sh_text id) {
    bool found;
    const uint32_t place = find_place(table, id, &found);
    return found ? &table->tokens[place] : NULL;
}

enum sh_status sh_token_table_add(struct sh_token_table *table, const struct sh_token *token, struct sh_error *err) {
    bool found;
    const uint32_t place = find_place(table, sh_text_of(token->id), &found);
    if (found) return sh_fail(err, SH_ERR_CONFLICT, -1, "the token \"%s\" stands twice", token->id);
    if (table->count >= SH_TOKEN_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are %d tokens, as many as there may be", SH_TOKEN_COUNT_MAX);
    const enum sh_status status =
        sh_grow((void **)&table->tokens, &table->capacity, (uint64_t)table->count + 1, sizeof *table->tokens);
    if (status != SH_OK) return sh_fail(err, status, -1, "no memory for a token");
    memmove(table->tokens + place + 1, table->tokens + place, (table->count - place) * sizeof *table->tokens);
    table->tokens[place] = *token;
    table->count++;
    return SH_OK;
}

/* ---- reading ---- */

/* One object's keys, read one by one; who asks for a key that must be there, or is of another type, fails. */
struct fields {
    json_t *object;
    const char *of; /* for words */
    size_t known_count;
    struct sh_error *err;
    enum sh_status status;
};

static enum sh_status refuse(struct fields *fields, const char *name, const char *why) {
    if (fields->status != SH_OK) return fields->status;
    fields->status = sh_fail(fields->err, SH_ERR_CORRUPT, -1, "%s: \"%s\" %s", fields->of, name, why);
    return fields->status;
}

static json_t *field(struct fields *fields, const char *name) {
    json_t *found = json_object_get(fields->object, name);
    if (found != NULL) fields->known_count++;
    return found;
}

static int64_t integer_field(struct fields *fields, const char *name, int64_t value_max) {
    const json_t *found = field(fields, name);
    if (found == NULL) return 0;
    if (!json_is_integer(found) || json_integer_value(found) < 0 || json_integer_value(found) > value_max) {
        (void)refuse(fields, name, "is no number that it can be");
        return 0;
    }
    return json_integer_value(found);
}

static void text_field(struct fields *fields, const char *name, bool is_needed, size_t bytes_max, char *target) {
    const json_t *found = field(fields, name);
    target[0] = '\0';
    if (found == NULL && !is_needed) return;
    if (!json_is_string(found) || json_string_length(found) > bytes_max ||
        (is_needed && json_string_length(found) == 0) ||
        strlen(json_string_value(found)) != json_string_length(found)) {
        (void)refuse(fields, name, "is no text that it can be");
        return;
    }
    memcpy(target, json_string_value(found), json_string_length(found) + 1);
}

static int hex_digit(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    return -1;
}

static void hex_field(struct fields *fields, const char *name, uint8_t *target, size_t byte_count) {
    const json_t *found = field(fields, name);
    const char *text = json_is_string(found) ? json_string_value(found) : "";
    bool is_right = strlen(text) == 2 * byte_count;
    for (size_t i = 0; i < byte_count && is_right; i++) {
        const int high = hex_digit(text[2 * i]);
        const int low = hex_digit(text[2 * i + 1]);
        is_right = high >= 0 && low >= 0;
        if (is_right) target[i] = (uint8_t)(high << 4 | low);
    }
    if (!is_right) (void)refuse(fields, name, "is not as many hexadecimal digits as it must be");
}

static void roles_field(struct fields *fields, uint32_t *roles) {
    json_t *found = field(fields, "roles");
    size_t place;
    json_t *name;
    *roles = 0;
    if (!json_is_array(found)) {
        (void)refuse(fields, "roles", "is no list");
        return;
    }
    json_array_foreach(found, place, name) {
        const uint32_t role = json_is_string(name) ? sh_role_find(sh_text_of(json_string_value(name))) : 0;
        if (role == 0) (void)refuse(fields, "roles", "has a name that is no role");
        *roles |= role;
    }
}

static enum sh_status fields_end(struct fields *fields) {
    const char *name;
    json_t *value;
    if (fields->status != SH_OK || fields->known_count == json_object_size(fields->object)) return fields->status;
    /* Which one: the first that nobody asked for cannot be told from here, so all are shown. */
    char names[160] = "";
    size_t used = 0;
    json_object_foreach(fields->object, name, value) {
        const int count = snprintf(names + used, sizeof names - used, "%s%.40s", used > 0 ? ", " : "", name);
        used += (size_t)count;
        if (used >= sizeof names) break;
    }
    fields->status =
        sh_fail(fields->err, SH_ERR_CORRUPT, -1, "%s: there is an unknown key among %s", fields->of, names);
    return fields->status;
}

static enum sh_status read_secret(json_t *object, const char *of, struct sh_token_secret *secret,
                                  struct sh_error *err) {
    struct fields fields = {.object = object, .of = of, .err = err};
    if (!json_is_object(object)) return sh_fail(err, SH_ERR_CORRUPT, -1, "%s: a secret is no object", of);
    hex_field(&fields, "salt", secret->salt, sizeof secret->salt);
    hex_field(&fields, "sha256", secret->hash, sizeof secret->hash);
    secret->created_ms = integer_field(&fields, "created", INT64_MAX);
    secret->expires_ms = integer_field(&fields, "expires", INT64_MAX);
    return fields_end(&fields);
}

static enum sh_status read_secrets(struct fields *fields, struct sh_token *token) {
    json_t *list = field(fields, "secrets");
    const size_t count = json_array_size(list);
    if (!json_is_array(list) || count == 0 || count > SH_TOKEN_LIVE_COUNT_MAX)
        return refuse(fields, "secrets", "is no list of one or two");
    token->secret_count = (uint32_t)count;
    for (size_t i = 0; i < count && fields->status == SH_OK; i++)
        fields->status = read_secret(json_array_get(list, i), fields->of, &token->secrets[i], fields->err);
    return fields->status;
}

static enum sh_status read_token(json_t *object, size_t number, struct sh_token *token, struct sh_error *err) {
    char of[32];
    (void)snprintf(of, sizeof of, "token %zu", number + 1);
    struct fields fields = {.object = object, .of = of, .err = err};
    *token = (struct sh_token){0};
    if (!json_is_object(object)) return sh_fail(err, SH_ERR_CORRUPT, -1, "%s is no object", of);
    text_field(&fields, "id", true, SH_NAME_BYTES_MAX, token->id);
    if (fields.status == SH_OK && !sh_token_id_is_valid(sh_text_of(token->id)))
        (void)refuse(&fields, "id", "has other characters than letters, digits, \"_\" and \"-\"");
    text_field(&fields, "workspace", true, SH_NAME_BYTES_MAX, token->workspace);
    text_field(&fields, "note", false, SH_TOKEN_NOTE_BYTES_MAX, token->note);
    roles_field(&fields, &token->roles);
    token->rate = (uint32_t)integer_field(&fields, "rate", SH_TOKEN_RATE_MAX);
    token->burst = (uint32_t)integer_field(&fields, "burst", SH_TOKEN_RATE_MAX);
    if ((token->rate == 0) != (token->burst == 0)) (void)refuse(&fields, "burst", "goes with \"rate\"");
    token->created_ms = integer_field(&fields, "created", INT64_MAX);
    token->expires_ms = integer_field(&fields, "expires", INT64_MAX);
    token->revoked_ms = integer_field(&fields, "revoked", INT64_MAX);
    if (fields.status == SH_OK) (void)read_secrets(&fields, token);
    return fields_end(&fields);
}

static enum sh_status read_document(json_t *document, struct sh_token_table *table, struct sh_error *err) {
    struct fields fields = {.object = document, .of = "the file", .err = err};
    if (!json_is_object(document)) return sh_fail(err, SH_ERR_CORRUPT, -1, "it is no object");
    if (integer_field(&fields, "shoal_access", FORMAT_VERSION) != FORMAT_VERSION)
        return refuse(&fields, "shoal_access", "is not 1");
    const json_t *list = field(&fields, "tokens");
    if (!json_is_array(list)) return refuse(&fields, "tokens", "is no list");
    enum sh_status status = fields_end(&fields);
    for (size_t i = 0; i < json_array_size(list) && status == SH_OK; i++) {
        struct sh_token token;
        status = read_token(json_array_get(list, i), i, &token, err);
        if (status == SH_OK) status = sh_token_table_add(table, &token, err);
    }
    return status;
}

enum sh_status sh_access_text_read(const char *text, size_t byte_count, struct sh_token_table *table,
                                   struct sh_error *err) {
    json_error_t fault;
    *table = (struct sh_token_table){0};
    json_t *document = json_loadb(text, byte_count, JSON_REJECT_DUPLICATES, &fault);
    if (document == NULL) return sh_fail(err, SH_ERR_CORRUPT, -1, "line %d: %s", fault.line, fault.text);
    const enum sh_status status = read_document(document, table, err);
    json_decref(document);
    if (status != SH_OK) sh_token_table_free(table);
    return status;
}

static void mark_of(const struct stat *info, struct sh_file_mark *mark) {
    *mark = (struct sh_file_mark){.is_there = true,
                                  .device = info->st_dev,
                                  .inode = info->st_ino,
                                  .byte_count = info->st_size,
                                  .changed = info->st_ctim};
}

static enum sh_status read_open_file(int handle, const char *path, struct sh_token_table *table,
                                     struct sh_file_mark *mark, struct sh_error *err) {
    struct stat info;
    if (fstat(handle, &info) != 0) return sh_fail(err, SH_ERR_IO, -1, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode) || info.st_size > SH_ACCESS_FILE_BYTES_MAX)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "%s is no file of tokens", path);
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        (void)sh_fail(err, SH_ERR_IO, -1, "%s may be written by others than its owner", path);
        return sh_fail_hint(err, SH_ERR_IO, "chmod 600 %s, and make tokens anew that you do not know", path);
    }
    char *text = sh_alloc((size_t)info.st_size + 1);
    if (text == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to read %s", path);
    size_t byte_count = 0;
    for (ssize_t got = 1; got > 0 && byte_count<(size_t)info.st_size; byte_count += got> 0 ? (size_t)got : 0)
        got = read(handle, text + byte_count, (size_t)info.st_size - byte_count);
    struct sh_error why;
    enum sh_status status = sh_access_text_read(text, byte_count, table, &why);
    if (status != SH_OK) status = sh_fail(err, status, -1, "%s: %s", path, why.message);
    mark_of(&info, mark);
    sh_free(text);
    return status;
}

enum sh_status sh_access_file_read(const char *path, struct sh_token_table *table, struct sh_file_mark *mark,
                                   struct sh_error *err) {
    *table = (struct sh_token_table){0};
    *mark = (struct sh_file_mark){0};
    const int handle = open(path, O_RDONLY | O_CLOEXEC);
    if (handle < 0 && errno == ENOENT) return SH_OK;
    if (handle < 0) return sh_fail(err, SH_ERR_IO, -1, "%s: %s", path, strerror(errno));
    const enum sh_status status = read_open_file(handle, path, table, mark, err);
    (void)close(handle);
    return status;
}

bool sh_access_file_has_changed(const char *path, const struct sh_file_mark *mark) {
    struct stat info;
    if (stat(path, &info) != 0) return mark->is_there;
    struct sh_file_mark now;
    mark_of(&info, &now);
    return !mark->is_there || now.device != mark->device || now.inode != mark->inode ||
           now.byte_count != mark->byte_count || now.changed.tv_sec != mark->changed.tv_sec ||
           now.changed.tv_nsec != mark->changed.tv_nsec;
}

/* ---- writing ---- */

static json_t *hex_of(const uint8_t *bytes, size_t byte_count) {
    static const char digits[] = "0123456789abcdef";
    char text[2 * SH_TOKEN_HASH_BYTES];
    sh_assert(byte_count <= SH_TOKEN_HASH_BYTES);
    for (size_t i = 0; i < byte_count; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return json_stringn(text, 2 * byte_count);
}

/* json_pack and the _new functions take over what they are given, and pass on that memory is out. */
static json_t *write_token(const struct sh_token *token) {
    json_t *roles = json_array();
    json_t *secrets = json_array();
    for (uint32_t i = 0; i < SH_ROLE_COUNT; i++)
        if ((token->roles >> i & 1) != 0) (void)json_array_append_new(roles, json_string(sh_role_name(i)));
    for (uint32_t i = 0; i < token->secret_count; i++) {
        const struct sh_token_secret *secret = &token->secrets[i];
        (void)json_array_append_new(
            secrets, json_pack("{s:o, s:o, s:I, s:I}", "salt", hex_of(secret->salt, sizeof secret->salt), "sha256",
                               hex_of(secret->hash, sizeof secret->hash), "created", (json_int_t)secret->created_ms,
                               "expires", (json_int_t)secret->expires_ms));
    }
    const bool is_whole = json_array_size(secrets) == token->secret_count;
    json_t *object =
        json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "id", token->id, "workspace", token->workspace,
                  "roles", roles, "rate", (json_int_t)token->rate, "burst", (json_int_t)token->burst, "created",
                  (json_int_t)token->created_ms, "expires", (json_int_t)token->expires_ms, "revoked",
                  (json_int_t)token->revoked_ms, "note", token->note, "secrets", secrets);
    if (is_whole) return object;
    json_decref(object);
    return NULL;
}

static char *write_text(const struct sh_token_table *table) {
    json_t *tokens = json_array();
    bool is_whole = tokens != NULL;
    for (uint32_t i = 0; i < table->count && is_whole; i++)
        is_whole = json_array_append_new(tokens, write_token(&table->tokens[i])) == 0;
    json_t *document = json_pack("{s:i, s:o}", "shoal_access", FORMAT_VERSION, "tokens", tokens);
    char *text = is_whole && document != NULL ? json_dumps(document, JSON_INDENT(1)) : NULL;
    json_decref(document);
    return text;
}

static bool write_all(int handle, const char *text, size_t byte_count) {
    while (byte_count > 0) {
        const ssize_t count = write(handle, text, byte_count);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        text += count;
        byte_count -= (size_t)count;
    }
    return true;
}

/* The name itself is durable when its directory is. */
static bool sync_directory_of(const char *path) {
    char directory[PATH_MAX];
    const char *last = strrchr(path, '/');
    const size_t count = last == NULL ? 1 : last == path ? 1 : (size_t)(last - path);
    if (count >= sizeof directory) return false;
    memcpy(directory, last == NULL ? "." : path, count);
    directory[count] = '\0';
    const int handle = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0) return false;
    const bool done = fsync(handle) == 0;
    (void)close(handle);
    return done;
}

static enum sh_status path_beside(const char *path, const char *ending, char beside[PATH_MAX], struct sh_error *err) {
    const int count = snprintf(beside, PATH_MAX, "%s%s", path, ending);
    if (count > 0 && count < PATH_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s is too long for a path", path);
}

enum sh_status sh_access_file_write(const char *path, const struct sh_token_table *table, struct sh_file_mark *mark,
                                    struct sh_error *err) {
    char path_new[PATH_MAX];
    const enum sh_status status = path_beside(path, ".new", path_new, err);
    if (status != SH_OK) return status;
    char *text = write_text(table);
    if (text == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to write %s", path);
    struct stat info = {0};
    int handle = open(path_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool done = handle >= 0 && write_all(handle, text, strlen(text)) && write_all(handle, "\n", 1);
    done = done && fsync(handle) == 0 && rename(path_new, path) == 0 && fstat(handle, &info) == 0;
    const int error = errno;
    if (handle >= 0) (void)close(handle);
    free(text);
    if (!done) return sh_fail(err, SH_ERR_IO, -1, "%s: %s", path_new, strerror(error));
    mark_of(&info, mark);
    if (!sync_directory_of(path)) return sh_fail(err, SH_ERR_IO, -1, "%s: %s", path, strerror(errno));
    return SH_OK;
}

enum sh_status sh_access_file_lock(const char *path, int *handle, struct sh_error *err) {
    char path_lock[PATH_MAX];
    const enum sh_status status = path_beside(path, ".lock", path_lock, err);
    if (status != SH_OK) return status;
    *handle = open(path_lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int error = errno;
    while (*handle >= 0 && flock(*handle, LOCK_EX) != 0) {
        error = errno;
        if (error == EINTR) continue;
        (void)close(*handle);
        *handle = -1;
    }
    if (*handle >= 0) return SH_OK;
    return sh_fail(err, SH_ERR_IO, -1, "%s: %s", path_lock, strerror(error));
}

void sh_access_file_unlock(int handle) {
    (void)close(handle);
}
