/* export_ask.c -- the questions of an export: the schema, and whom it is about. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "export.h"
#include "json_value.h"
#include "memory.h"

enum { PAUSE_MS = 300, FETCH_LIMIT = 100000, FETCH_ATTEMPT_COUNT = 3, ID_BYTES_MAX = 255 };

/* ---- Calls ---- */

static bool may_work_later(int code) {
    return code == SHOAL_CLIENT_ERR_CLOSED || code == SHOAL_CLIENT_ERR_IO || code == SHOAL_CLIENT_ERR_BUSY ||
           code == SHOAL_CLIENT_ERR_DEADLINE || code == SHOAL_CLIENT_ERR_RATE_LIMITED ||
           code == SHOAL_CLIENT_ERR_MEMORY;
}

static enum sh_status status_of(int code) {
    switch (code) {
    case SHOAL_CLIENT_ERR_FORBIDDEN:
        return SH_ERR_FORBIDDEN;
    case SHOAL_CLIENT_ERR_NOT_FOUND:
        return SH_ERR_NOT_FOUND;
    case SHOAL_CLIENT_ERR_LIMIT:
        return SH_ERR_LIMIT;
    default:
        return SH_ERR_IO;
    }
}

enum sh_status export_call(struct export *export, const char *method, struct shoal_client_answer *answer) {
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    struct shoal_client_error error;
    for (uint32_t waited_ms = 0;; waited_ms += PAUSE_MS) {
        const int code =
            shoal_client_call(export->session->client, method, export->params, SHOAL_CLIENT_IDEMPOTENT, answer, &error);
        if (code == SHOAL_CLIENT_OK) return SH_OK;
        if (!may_work_later(code) || waited_ms >= EXPORT_RETRY_MS) break;
        (void)nanosleep(&pause, NULL);
    }
    const enum sh_status status = status_of(error.code);
    (void)sh_fail(export->err, status, error.position, "%s: %s", method, error.message);
    return error.hint[0] == '\0' ? status : sh_fail_hint(export->err, status, "%s", error.hint);
}

/* ---- Whom it is about ---- */

static enum sh_status spool_path(const struct export *export, char path[PATH_MAX]) {
    if (snprintf(path, PATH_MAX, "%s.ids", export->manifest_path) < PATH_MAX) return SH_OK;
    return sh_fail(export->err, SH_ERR_ARGUMENT, -1, "the name of the file is too long");
}

/* Ids as a byte that says how long each is, and its bytes. */
static enum sh_status add_ids(struct export *export, struct export_file *file, struct shoal_client_value ids) {
    struct shoal_client_walk walk = shoal_client_walk_begin(ids);
    struct shoal_client_value id;
    sh_buffer_clear(&export->page);
    while (shoal_client_walk_next(&walk, NULL, &id)) {
        size_t length = 0;
        const char *text = shoal_client_text(id, &length);
        if (text == NULL || length == 0 || length > ID_BYTES_MAX)
            return sh_fail(export->err, SH_ERR_PROTOCOL, -1, "the server's list holds what is no id");
        const uint8_t head = (uint8_t)length;
        sh_buffer_append(&export->page, &head, 1);
        sh_buffer_append(&export->page, text, length);
        export->spool_count++;
    }
    const enum sh_status status = sh_buffer_status(&export->page, export->err);
    return status != SH_OK ? status : export_file_add(file, export->page.bytes, export->page.count, export->err);
}

static void write_first(struct export *export, const struct export_audience *audience) {
    const struct {
        const char *name, *text;
    } texts[] = {{"where", audience->where}, {"order", audience->order}, {"for", audience->purpose}};
    struct shoal_client_writer *params = export->params;
    const char *now = export_asked(export, "now");
    uint32_t pair_count = 1;
    shoal_client_writer_clear(params);
    const size_t map = shoal_client_begin_map(params);
    shoal_client_write_literal(params, "limit");
    shoal_client_write_integer(params, FETCH_LIMIT);
    for (uint32_t i = 0; i < 3; i++) {
        if (texts[i].text == NULL) continue;
        write_key_text(params, texts[i].name, texts[i].text);
        pair_count++;
    }
    if (audience->desc) {
        shoal_client_write_literal(params, "desc");
        shoal_client_write_boolean(params, true);
        pair_count++;
    }
    if (export->as_of_ms != 0) { /* all that is exported together is of one moment */
        shoal_client_write_literal(params, "now");
        shoal_client_write_integer(params, export->as_of_ms);
        pair_count++;
    } else if (now != NULL) {
        write_key_text(params, "now", now);
        pair_count++;
    }
    shoal_client_end(params, map, pair_count);
}

static enum sh_status fetch(struct export *export, struct export_file *file) {
    struct shoal_client_answer answer;
    enum sh_status status = export_call(export, "audience.export", &answer);
    if (status != SH_OK) return status;
    export->as_of_ms = shoal_client_integer(shoal_client_get(answer.result, "now"), 0);
    export->held_back = (uint64_t)(shoal_client_integer(shoal_client_get(answer.result, "suppressed"), 0) +
                                   shoal_client_integer(shoal_client_get(answer.result, "no_consent"), 0));
    for (;;) {
        if ((status = add_ids(export, file, shoal_client_get(answer.result, "ids"))) != SH_OK) return status;
        export->skipped += (uint64_t)shoal_client_integer(shoal_client_get(answer.result, "skipped"), 0);
        size_t length = 0;
        const char *cursor = shoal_client_text(shoal_client_get(answer.result, "cursor"), &length);
        if (cursor == NULL) return SH_OK;
        shoal_client_writer_clear(export->params);
        shoal_client_write_map(export->params, 2);
        shoal_client_write_literal(export->params, "cursor");
        shoal_client_write_text(export->params, cursor, length);
        shoal_client_write_literal(export->params, "limit");
        shoal_client_write_integer(export->params, FETCH_LIMIT);
        if ((status = export_call(export, "audience.export", &answer)) != SH_OK) return status;
    }
}

/* All of them, or none: who begins again freezes anew. */
static enum sh_status fetch_whole(struct export *export, const char *path, const struct export_audience *audience) {
    const int64_t as_of_ms = export->as_of_ms;
    const uint64_t skipped = export->skipped;
    enum sh_status status = SH_OK;
    for (uint32_t attempt = 0; attempt < FETCH_ATTEMPT_COUNT; attempt++) {
        const struct export_sums nothing = {0};
        struct export_file *file;
        if ((status = export_file_open(path, EXPORT_BARE, &nothing, &file, export->err)) != SH_OK) return status;
        export->as_of_ms = as_of_ms;
        export->skipped = skipped;
        export->spool_count = 0;
        write_first(export, audience);
        status = fetch(export, file);
        if (status == SH_OK) status = export_file_settle(file, &export->spool, export->err);
        export_file_close(file);
        sh_buffer_clear(&export->page);
        if (status != SH_ERR_NOT_FOUND) break; /* the cursor went with a server that was started again */
    }
    return status;
}

enum sh_status export_fetch_ids(struct export *export, const struct export_audience *audience) {
    char path[PATH_MAX];
    struct export_sums found = {0};
    enum sh_status status = spool_path(export, path);
    if (status != SH_OK) return status;
    if (export->spool_handle >= 0 && export->spool_number == audience->number) return SH_OK;
    export_drop_ids(export);
    bool is_there = export->spool.bytes > 0 && export->spool_number == audience->number;
    if (is_there) {
        is_there = export_file_sum(path, &found, NULL) == SH_OK && found.bytes == export->spool.bytes &&
                   strcmp(found.xxh3, export->spool.xxh3) == 0;
        if (!is_there)
            return sh_fail(export->err, SH_ERR_CORRUPT, -1,
                           "%s is not what the manifest says, and whom the export is of stood in it", path);
    } else {
        if ((status = fetch_whole(export, path, audience)) != SH_OK) return status;
        export->spool_number = audience->number;
        if ((status = export_manifest_write(export)) != SH_OK) return status;
    }
    export->spool_handle = open(path, O_RDONLY | O_CLOEXEC);
    if (export->spool_handle >= 0) return SH_OK;
    return sh_fail(export->err, SH_ERR_IO, -1, "%s: %s", path, strerror(errno));
}

void export_drop_ids(struct export *export) {
    if (export->spool_handle >= 0) (void)close(export->spool_handle);
    export->spool_handle = -1;
}

static enum sh_status read_bytes(struct export *export, uint64_t offset, struct sh_buffer *room, size_t byte_count) {
    sh_buffer_clear(room);
    uint8_t *bytes = sh_buffer_reserve(room, byte_count);
    if (bytes == NULL) return sh_buffer_status(room, export->err);
    while (room->count < byte_count) {
        const ssize_t got =
            pread(export->spool_handle, bytes + room->count, byte_count - room->count, (off_t)(offset + room->count));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            return sh_fail(export->err, SH_ERR_IO, -1, "the ids of an export: %s",
                           got == 0 ? "the file is shorter than it was" : strerror(errno));
        room->count += (size_t)got;
    }
    return SH_OK;
}

enum sh_status export_read_ids(struct export *export, uint64_t *offset, uint32_t count, struct sh_buffer *room,
                               struct sh_text *ids, uint32_t *got) {
    const uint64_t left = export->spool.bytes > *offset ? export->spool.bytes - *offset : 0;
    const uint64_t most = (uint64_t)count * (ID_BYTES_MAX + 1);
    const enum sh_status status = read_bytes(export, *offset, room, (size_t)(left < most ? left : most));
    if (status != SH_OK) return status;
    size_t at = 0;
    for (*got = 0; *got < count && at < room->count; (*got)++) {
        const size_t length = room->bytes[at];
        ids[*got] = (struct sh_text){(const char *)room->bytes + at + 1, (uint32_t)length};
        at += 1 + length;
    }
    *offset += at;
    return SH_OK;
}

/* A page of nobody says what moment it is of. */
enum sh_status export_find_moment(struct export *export) {
    struct shoal_client_answer answer;
    write_first(export, &(struct export_audience){.where = "false", .purpose = "internal"});
    const enum sh_status status = export_call(export, "audience.export", &answer);
    if (status != SH_OK) return status;
    export->as_of_ms = shoal_client_integer(shoal_client_get(answer.result, "now"), 0);
    return SH_OK;
}

/* ---- The schema, and columns ---- */

enum sh_status export_learn_schema(struct export *export) {
    struct shoal_client_answer answer;
    json_error_t fault;
    if (export->schema != NULL) return SH_OK;
    shoal_client_writer_clear(export->params);
    shoal_client_write_map(export->params, 0);
    const enum sh_status status = export_call(export, "schema.get", &answer);
    if (status != SH_OK) return status;
    struct sh_buffer text;
    sh_buffer_init(&text, EXPORT_MANIFEST_BYTES_MAX);
    json_value_append(answer.result, &text, NULL);
    export->schema = json_loadb((const char *)text.bytes, text.count, 0, &fault);
    sh_buffer_deinit(&text);
    if (export->schema == NULL) return sh_fail(export->err, SH_ERR_PROTOCOL, -1, "the server's schema cannot be read");
    (void)json_object_del(export->schema, "took_us");
    return SH_OK;
}

static void add_column(struct export *export, const char *name, enum export_shape shape) {
    struct export_column_list *list = &export->columns;
    for (uint32_t i = 0; i < list->count; i++)
        if (sh_text_equal(list->columns[i].name, sh_text_of(name))) return;
    char *copy = sh_arena_copy(&export->arena, name, strlen(name) + 1);
    struct export_column *columns = sh_arena_alloc(&export->arena, (list->count + 1u) * sizeof *columns);
    if (copy == NULL || columns == NULL) return; /* the arena's limit is far away; a missing column is seen at once */
    if (list->count > 0) memcpy(columns, list->columns, list->count * sizeof *columns);
    columns[list->count] = (struct export_column){sh_text_of(copy), shape};
    *list = (struct export_column_list){columns, list->count + 1};
}

static enum export_shape shape_of(const json_t *table, const char *name) {
    const json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(table, "tag_sets"), i, entry) {
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0) return EXPORT_TAGS;
    }
    json_array_foreach(json_object_get(table, "attributes"), i, entry) {
        const char *type = json_string_value(json_object_get(entry, "type"));
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) != 0) continue;
        return strcmp(type, "time") == 0 ? EXPORT_TIME : EXPORT_PLAIN;
    }
    return EXPORT_PLAIN;
}

static void add_event_columns(struct export *export) {
    static const char *const names[] = {"type", "user", "time", "item", "amount", "id"};
    const json_t *wanted = json_object_get(export->asked, "types");
    const json_t *type, *property, *name;
    size_t i, p, w;
    for (i = 0; i < 6; i++)
        add_column(export, names[i], i == 2 ? EXPORT_TIME : EXPORT_PLAIN);
    json_array_foreach(json_object_get(export->schema, "events"), i, type) {
        bool is_wanted = wanted == NULL;
        json_array_foreach(wanted, w, name) {
            is_wanted = is_wanted || json_equal(name, json_object_get(type, "name"));
        }
        json_array_foreach(json_object_get(type, "properties"), p, property) {
            const char *word = json_string_value(json_object_get(property, "name"));
            const bool is_time = strcmp(json_string_value(json_object_get(property, "type")), "time") == 0;
            if (is_wanted) add_column(export, word, is_time ? EXPORT_TIME : EXPORT_PLAIN);
        }
    }
}

enum sh_status export_find_columns(struct export *export, const char *kind) {
    static const char *const feed_names[] = {"user", "place", "item", "score"};
    const bool is_item = strcmp(kind, "items") == 0;
    const bool is_feed = strcmp(kind, "feeds") == 0;
    const json_t *table = json_object_get(export->schema, is_item || is_feed ? "items" : "users");
    const json_t *fields = json_object_get(json_object_get(export->asked, "fields"), kind);
    const json_t *field;
    size_t i;
    export->columns = (struct export_column_list){0};
    if (strcmp(kind, "events") == 0) {
        add_event_columns(export);
    } else if (strcmp(kind, "memberships") == 0) {
        add_column(export, "segment", EXPORT_PLAIN);
        add_column(export, "id", EXPORT_PLAIN);
    } else if (strcmp(kind, "numbers") == 0) {
        add_column(export, "number", EXPORT_PLAIN);
        add_column(export, "id", EXPORT_PLAIN);
    } else {
        for (i = 0; is_feed && i < 4; i++)
            add_column(export, feed_names[i], EXPORT_PLAIN);
        if (!is_feed) add_column(export, "id", EXPORT_PLAIN);
        if (is_item) add_column(export, "listed", EXPORT_PLAIN);
        json_array_foreach(fields, i, field) {
            add_column(export, json_string_value(field), shape_of(table, json_string_value(field)));
        }
    }
    export->values = sh_arena_alloc_zero(&export->arena, (export->columns.count + 1u) * sizeof *export->values);
    if (export->values != NULL) return SH_OK;
    return sh_fail(export->err, SH_ERR_MEMORY, -1, "no memory for the columns of an export");
}
