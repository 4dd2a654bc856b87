/* command_dump.c -- dump: the records of logs and the manifests of snapshots, readable. Offline. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "data_places.h"
#include "frame.h"
#include "log_record.h"
#include "log_walk.h"
#include "snapshot_files.h"

struct dump {
    struct session *session;
    struct output_table *table; /* NULL: JSON, a document a line */
    uint64_t from;
    uint64_t limit; /* of records of a log */
};

static const char *const kind_names[SH_PART_KIND_COUNT] = {
    [SH_PART_OWN] = "own",   [SH_PART_EVERY] = "every", [SH_PART_LESSON] = "lesson", [SH_PART_HOLD] = "hold",
    [SH_PART_TAKE] = "take", [SH_PART_END] = "end",     [SH_PART_LET_GO] = "let_go",
};

/* What was asked, as JSON; empty if it is no msgpack value. */
static void print_params(const struct sh_log_record *record, FILE *out) {
    struct sh_frame_scan scan;
    size_t byte_count = 0;
    sh_frame_scan_init(&scan, SH_PART_BYTES_MAX);
    const uint8_t *bytes = record->request.params;
    const size_t count = record->request.params_count;
    if (sh_frame_scan(&scan, bytes, count, &byte_count, NULL) != SH_OK || byte_count != count || count == 0) return;
    output_json((struct shoal_client_value){bytes, count}, out);
}

static char *params_text(const struct sh_log_record *record) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) abort();
    print_params(record, out);
    if (fclose(out) != 0 || text == NULL) abort();
    return text;
}

static void add_number(struct output_table *table, uint64_t number) {
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    output_add(table, text);
}

static void add_text(struct output_table *table, struct sh_text text) {
    char copy[256];
    (void)snprintf(copy, sizeof copy, "%.*s", (int)text.count, text.bytes);
    output_add(table, copy);
}

static void print_json_text(const char *key, struct sh_text text) {
    (void)printf(",\"%s\":", key);
    struct sh_buffer buffer;
    msgpack_packer packer;
    sh_buffer_init(&buffer, 4096);
    sh_buffer_packer(&buffer, &packer);
    sh_pack_text(&packer, text);
    output_json((struct shoal_client_value){buffer.bytes, buffer.count}, stdout);
    sh_buffer_deinit(&buffer);
}

/* One record; fault is why it cannot be read as a request, "" if it can. */
static void dump_record(const struct dump *dump, const struct data_place *place, const struct sh_log_entry *entry,
                        const struct sh_log_record *record, const char *fault) {
    char when[32];
    const struct sh_request *request = &record->request;
    const bool is_known = fault[0] == '\0';
    const struct sh_text method = sh_text_of(is_known ? request->method->name : "");
    (void)print_utc(request->now_ms, when);
    if (dump->table != NULL) {
        char *params = is_known ? params_text(record) : NULL;
        add_number(dump->table, place->shard);
        add_number(dump->table, entry->position);
        output_add(dump->table, is_known ? when : "");
        output_add(dump->table, is_known ? kind_names[record->kind] : "");
        add_text(dump->table, request->workspace);
        add_text(dump->table, method);
        add_text(dump->table, request->client);
        if (request->seq > 0)
            add_number(dump->table, request->seq);
        else
            output_add(dump->table, "");
        output_add(dump->table, is_known ? params : fault);
        free(params);
        return;
    }
    (void)printf("{\"shard\":%u,\"position\":%" PRIu64 ",\"file\":\"log-%08x\",\"offset\":%" PRIu64 ",\"bytes\":%zu",
                 place->shard, entry->position, entry->place.number,
                 (uint64_t)entry->place.block * SH_LOG_BLOCK_BYTES + entry->place.offset, entry->count);
    if (is_known) {
        (void)printf(",\"time\":%" PRId64 ",\"kind\":\"%s\"", request->now_ms, kind_names[record->kind]);
        print_json_text("workspace", request->workspace);
        print_json_text("method", method);
        if (request->seq > 0) {
            print_json_text("client", request->client);
            (void)printf(",\"seq\":%" PRIu64, request->seq);
        }
        char *params = params_text(record);
        if (params[0] != '\0') (void)printf(",\"params\":%s", params);
        free(params);
    } else {
        print_json_text("fault", sh_text_of(fault));
    }
    (void)puts("}");
}

static bool dump_entries(const struct dump *dump, const struct data_place *place, struct sh_log_walk *walk) {
    struct sh_error err;
    uint64_t shown = 0;
    for (bool at_end = false; shown < dump->limit;) {
        struct sh_log_entry entry;
        struct sh_log_record record = {0};
        enum sh_status status = sh_log_walk_next(walk, &entry, &at_end, &err);
        if (status == SH_OK && at_end) {
            struct sh_log_rest rest;
            status = sh_log_walk_judge(walk, &rest, &err);
            if (status == SH_OK) return true;
        }
        if (status != SH_OK) {
            (void)fprintf(stderr, "shoal dump: %s\n", err.message);
            return false;
        }
        if (entry.position < dump->from) continue;
        err.message[0] = '\0';
        if (entry.count == 0)
            (void)snprintf(err.message, sizeof err.message, "lost before a repair");
        else if (sh_log_record_read(entry.bytes, entry.count, &record, &err) == SH_OK)
            err.message[0] = '\0';
        if (err.message[0] != '\0') record = (struct sh_log_record){0};
        dump_record(dump, place, &entry, &record, err.message);
        shown++;
    }
    return true;
}

static bool dump_files(const struct dump *dump, const struct data_place *place, const struct sh_log_files *files) {
    struct sh_error err;
    struct sh_log_walk walk;
    const struct sh_log_file nothing = {.first = 1};
    const struct sh_log_file *first = files->head_count > 0 ? &files->files[0] : &nothing;
    const uint64_t from = dump->from > first->first ? dump->from : first->first;
    if (sh_log_walk_open(&walk, sh_disk_system(), place->path, files, first->store, first->shard, from - 1, &err) !=
        SH_OK) {
        (void)fprintf(stderr, "shoal dump: %s\n", err.message);
        return false;
    }
    const bool right = dump_entries(dump, place, &walk);
    sh_log_walk_close(&walk);
    return right;
}

static bool dump_log(const struct dump *dump, const struct data_place *place) {
    struct sh_disk *disk = sh_disk_system();
    struct sh_error err;
    struct sh_log_files files;
    int lock;
    bool right = false;
    enum sh_status status = sh_log_lock(disk, place->path, false, &lock, &err);
    if (status == SH_OK) status = sh_log_files_read(disk, place->path, NULL, NULL, &files, &err);
    if (status == SH_OK) {
        right = dump_files(dump, place, &files);
        sh_log_files_deinit(&files);
    } else {
        (void)fprintf(stderr, "shoal dump: %s\n", err.message);
    }
    if (lock >= 0) (void)sh_disk_close(disk, place->path, lock, NULL);
    return right;
}

/* Manifests, as JSON or as lines for people; CSV has the records alone. */
static bool dump_snapshots(const struct dump *dump, const struct data_place *place) {
    enum { SHOWN_MAX = 16 };
    struct sh_error err;
    uint32_t count = 0;
    struct sh_snapshot *snapshots = calloc(SHOWN_MAX, sizeof *snapshots);
    if (snapshots == NULL) abort();
    const enum sh_status status = sh_snapshot_list(sh_disk_system(), place->path, snapshots, SHOWN_MAX, &count, &err);
    if (status != SH_OK) (void)fprintf(stderr, "shoal dump: %s\n", err.message);
    for (uint32_t i = 0; i < count && dump->session->format != OUTPUT_CSV; i++) {
        const struct sh_snapshot *snapshot = &snapshots[i];
        const bool is_json = dump->table == NULL;
        char when[32];
        (void)printf(is_json ? "{\"snapshot\":%" PRIu64 ",\"store\":\"%016" PRIx64 "\",\"time\":\"%s\",\"files\":["
                             : "snapshot %" PRIu64 " of store %016" PRIx64 ", %s\n",
                     snapshot->sequence, snapshot->store, print_utc(snapshot->time_ms, when));
        for (uint32_t f = 0; f < snapshot->file_count; f++) {
            const struct sh_snapshot_file *file = &snapshot->files[f];
            if (is_json && f > 0) (void)putchar(',');
            (void)printf(is_json ? "{\"file\":\"%s\",\"position\":%" PRIu64 ",\"bytes\":%" PRIu64 "}"
                                 : "  %s: up to record %" PRIu64 ", %" PRIu64 " bytes\n",
                         file->name, file->position, file->byte_count);
        }
        if (is_json) (void)puts("]}");
    }
    free(snapshots);
    return status == SH_OK;
}

/* A whole number, or `otherwise` if it was not given. */
static bool read_number(const char *option, const char *text, uint64_t otherwise, uint64_t *number) {
    *number = otherwise;
    if (text == NULL) return true;
    char *end;
    *number = strtoull(text, &end, 10);
    if (text[0] != '\0' && text[0] != '-' && *end == '\0') return true;
    (void)fprintf(stderr, "shoal dump: --%s is a number, not %s\n", option, text);
    return false;
}

int run_dump(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)word_count;
    /* A table is put together before it is shown; what is for programs goes on as it is read. */
    enum { LIMIT_TABLE = 100 };
    struct dump dump = {.session = session};
    const bool is_json = session->format == OUTPUT_JSON;
    const uint64_t otherwise = session->format == OUTPUT_TABLE ? LIMIT_TABLE : UINT64_MAX;
    if (!read_number("from", options->from, 0, &dump.from)) return 2;
    if (!read_number("limit", options->limit, otherwise, &dump.limit)) return 2;
    struct data_places *places = calloc(1, sizeof *places);
    if (places == NULL) abort();
    bool right = data_places_open(places, "dump", words[0]);
    if (right) {
        static const char *const names[] = {"shard",  "position", "time", "kind",  "workspace",
                                            "method", "client",   "seq",  "params"};
        if (!is_json) {
            dump.table = output_table_create(session->format, stdout);
            for (uint32_t i = 0; i < 9; i++)
                output_column(dump.table, names[i], i < 2 || i == 7);
        }
        for (uint32_t i = 0; i < places->count; i++)
            if (places->places[i].kind == DATA_LOG) right = dump_log(&dump, &places->places[i]) && right;
        if (dump.table != NULL) output_table_finish(dump.table);
        for (uint32_t i = 0; i < places->count; i++)
            if (places->places[i].kind == DATA_SNAPSHOTS) right = dump_snapshots(&dump, &places->places[i]) && right;
        data_places_close(places);
    }
    free(places);
    return right ? 0 : 1;
}
