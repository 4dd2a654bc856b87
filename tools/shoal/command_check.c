/* command_check.c -- check and repair: is what a server has stored whole, and what can be saved of what is not?
 * Offline. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "command.h"
#include "data_places.h"
#include "log_repair.h"
#include "snapshot_files.h"

/* ---- what is found, as rows ---- */

struct finding {
    const char *path;
    const char *state;
    json_t *counts; /* records, first, last, bytes ...; owned */
    const char *remark;
};

struct findings {
    struct session *session;
    struct output_table *table; /* NULL: JSON */
    json_t *list;
    bool is_damaged;
};

static void findings_begin(struct findings *findings, struct session *session) {
    *findings = (struct findings){.session = session};
    if (session->format == OUTPUT_JSON) {
        findings->list = json_array();
        return;
    }
    findings->table = output_table_create(session->format, stdout);
    static const char *const names[] = {"what", "state", "records", "first", "last", "bytes", "remark"};
    for (uint32_t i = 0; i < 7; i++)
        output_column(findings->table, names[i], i >= 2 && i <= 5);
}

static void add_count(struct output_table *table, const json_t *counts, const char *key) {
    char text[32] = "";
    const json_t *value = json_object_get(counts, key);
    if (value != NULL) (void)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    output_add(table, text);
}

static void findings_add(struct findings *findings, struct finding finding) {
    if (findings->table == NULL) {
        (void)json_object_set_new(finding.counts, "what", json_string(finding.path));
        (void)json_object_set_new(finding.counts, "state", json_string(finding.state));
        if (finding.remark[0] != '\0') (void)json_object_set_new(finding.counts, "remark", json_string(finding.remark));
        (void)json_array_append_new(findings->list, finding.counts);
        return;
    }
    output_add(findings->table, finding.path);
    output_add(findings->table, finding.state);
    add_count(findings->table, finding.counts, "records");
    add_count(findings->table, finding.counts, "first");
    add_count(findings->table, finding.counts, "last");
    add_count(findings->table, finding.counts, "bytes");
    output_add(findings->table, finding.remark);
    json_decref(finding.counts);
}

static int findings_end(struct findings *findings) {
    if (findings->table != NULL) {
        output_table_finish(findings->table);
    } else {
        json_t *document = json_pack("{s:o,s:b}", "places", findings->list, "damaged", (int)findings->is_damaged);
        (void)json_dumpf(document, stdout, JSON_ENSURE_ASCII * 0);
        (void)fputc('\n', stdout);
        json_decref(document);
    }
    return findings->is_damaged ? 1 : 0;
}

/* ---- check ---- */

static void check_log(struct findings *findings, const struct data_place *place, struct sh_log_report *report) {
    struct sh_error err;
    char remark[SH_ERROR_MESSAGE_BYTES_MAX + 64] = "";
    const enum sh_status status = sh_log_check(sh_disk_system(), place->path, report, &err);
    const char *state = "whole";
    if (status != SH_OK) {
        state = "unreadable";
        (void)snprintf(remark, sizeof remark, "%s", err.message);
    } else if (report->is_damaged) {
        state = "damaged";
        (void)snprintf(remark, sizeof remark, "%s", report->damage.message);
    } else if (report->lost_count > 0) {
        (void)snprintf(remark, sizeof remark, "%llu records were lost before a repair",
                       (unsigned long long)report->lost_count);
    } else if (report->dropped_bytes > 0) {
        (void)snprintf(remark, sizeof remark,
                       "a torn end of %llu bytes, never acknowledged; the next start cuts it off",
                       (unsigned long long)report->dropped_bytes);
    }
    findings->is_damaged = findings->is_damaged || status != SH_OK || report->is_damaged;
    json_t *counts = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "records", (json_int_t)report->record_count, "first",
                               (json_int_t)report->first, "last", (json_int_t)report->last, "bytes",
                               (json_int_t)report->record_bytes, "lost", (json_int_t)report->lost_count, "files",
                               (json_int_t)report->file_count, "spares", (json_int_t)report->spare_count);
    findings_add(findings, (struct finding){place->path, state, counts, remark});
}

/* Does the log reach what the snapshot has of it, and begin at or before what follows? */
static void check_fit(struct findings *findings, const struct sh_snapshot *snapshot, const struct data_places *places,
                      const struct sh_log_report *reports, char *remark, size_t remark_bytes) {
    for (uint32_t i = 0; i < places->count; i++) {
        const struct data_place *place = &places->places[i];
        char name[32];
        if (place->kind != DATA_LOG || reports[i].file_count == 0) continue;
        (void)snprintf(name, sizeof name, "shard-%u", place->shard);
        for (uint32_t f = 0; f < snapshot->file_count; f++) {
            const uint64_t position = snapshot->files[f].position;
            if (strcmp(snapshot->files[f].name, name) != 0) continue;
            if (position <= reports[i].last && position + 1 >= reports[i].first) continue;
            (void)snprintf(remark, remark_bytes, "it holds %s up to record %llu; the log has %llu to %llu", name,
                           (unsigned long long)position, (unsigned long long)reports[i].first,
                           (unsigned long long)reports[i].last);
            findings->is_damaged = true;
        }
    }
}

static void check_snapshots(struct findings *findings, const struct data_place *place, const struct data_places *places,
                            const struct sh_log_report *reports) {
    enum { SHOWN_MAX = 16 };
    struct sh_disk *disk = sh_disk_system();
    struct sh_error err;
    uint32_t count = 0;
    struct sh_snapshot *snapshots = calloc(SHOWN_MAX, sizeof *snapshots);
    if (snapshots == NULL) abort();
    const enum sh_status listed = sh_snapshot_list(disk, place->path, snapshots, SHOWN_MAX, &count, &err);
    uint32_t invalid_count = 0;
    if (listed == SH_OK && sh_snapshot_count(disk, place->path, &invalid_count, &err) == SH_OK) invalid_count -= count;
    for (uint32_t i = 0; i < count; i++) {
        char path[DATA_PATH_BYTES_MAX + 64];
        char remark[SH_ERROR_MESSAGE_BYTES_MAX] = "";
        char when[32];
        uint64_t bytes = 0;
        (void)snprintf(path, sizeof path, "%s/snapshot-%016llx", place->path,
                       (unsigned long long)snapshots[i].sequence);
        for (uint32_t f = 0; f < snapshots[i].file_count; f++)
            bytes += snapshots[i].files[f].byte_count;
        const bool is_whole = sh_snapshot_verify(disk, place->path, &snapshots[i], &err) == SH_OK;
        (void)snprintf(remark, sizeof remark, "%s%s", is_whole ? "of " : "",
                       is_whole ? print_utc(snapshots[i].time_ms, when) : err.message);
        findings->is_damaged = findings->is_damaged || !is_whole;
        if (is_whole) check_fit(findings, &snapshots[i], places, reports, remark, sizeof remark);
        json_t *counts = json_pack("{s:I,s:I}", "bytes", (json_int_t)bytes, "time", (json_int_t)snapshots[i].time_ms);
        findings_add(findings, (struct finding){path, is_whole ? "whole" : "damaged", counts, remark});
    }
    if (listed != SH_OK || invalid_count > 0) {
        findings->is_damaged = true;
        findings_add(findings, (struct finding){place->path, "damaged", json_object(),
                                                listed != SH_OK ? err.message : "a snapshot without a valid manifest"});
    }
    free(snapshots);
}

int run_check(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)options;
    (void)word_count;
    struct findings findings;
    struct data_places *places = calloc(1, sizeof *places);
    struct sh_log_report *reports = calloc(DATA_PLACE_COUNT_MAX, sizeof *reports);
    if (places == NULL || reports == NULL) abort();
    int status = 1;
    if (data_places_open(places, "check", words[0])) {
        findings_begin(&findings, session);
        for (uint32_t i = 0; i < places->count; i++) {
            if (places->places[i].kind == DATA_LOG)
                check_log(&findings, &places->places[i], &reports[i]);
            else
                check_snapshots(&findings, &places->places[i], places, reports);
        }
        data_places_close(places);
        status = findings_end(&findings);
    }
    free(reports);
    free(places);
    return status;
}

/* ---- repair ---- */

static void tell(void *context, const char *words) {
    (void)printf("%s: %s\n", (const char *)context, words);
}

static bool fail(const char *path, const struct sh_error *err) {
    (void)fprintf(stderr, "shoal repair: %s: %s\n", path, err->message);
    return false;
}

/* path.damaged, or path.damaged-2 ...: the first that is not taken. */
static bool backup_path(const char *path, char backup[DATA_PATH_BYTES_MAX + 32]) {
    for (uint32_t number = 1; number < 1000; number++) {
        int handle;
        (void)snprintf(backup, DATA_PATH_BYTES_MAX + 32, number == 1 ? "%s.damaged" : "%s.damaged-%u", path, number);
        if (sh_disk_open(sh_disk_system(), backup, SH_IO_OPEN_DIRECTORY, &handle, NULL) == SH_ERR_NOT_FOUND)
            return true;
        if (handle >= 0) (void)sh_disk_close(sh_disk_system(), backup, handle, NULL);
    }
    return false;
}

static bool swap(const char *path, const char *repaired, const char *backup, struct sh_error *err) {
    struct sh_disk *disk = sh_disk_system();
    char parent[DATA_PATH_BYTES_MAX];
    (void)snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash != NULL && slash != parent) *slash = '\0';
    if (sh_disk_rename(disk, path, backup, err) != SH_OK) return false;
    if (sh_disk_rename(disk, repaired, path, err) != SH_OK) return false;
    return sh_disk_sync_directory(disk, slash == NULL ? "." : slash == parent ? "/" : parent, err) == SH_OK;
}

/* What the newest snapshot has of the shard's log; 0: there is none, and the log is needed from its first record on. */
static uint64_t position_needed(const struct data_places *places, uint32_t shard) {
    uint64_t position = 0;
    uint32_t count = 0;
    char name[32];
    struct sh_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL) abort();
    (void)snprintf(name, sizeof name, "shard-%u", shard);
    for (uint32_t i = 0; i < places->count; i++) {
        if (places->places[i].kind != DATA_SNAPSHOTS) continue;
        if (sh_snapshot_list(sh_disk_system(), places->places[i].path, snapshot, 1, &count, NULL) != SH_OK) continue;
        for (uint32_t f = 0; count > 0 && f < snapshot->file_count; f++)
            if (strcmp(snapshot->files[f].name, name) == 0) position = snapshot->files[f].position;
    }
    free(snapshot);
    return position;
}

static bool repair_log(const struct data_places *places, const struct data_place *place) {
    struct sh_disk *disk = sh_disk_system();
    struct sh_error err;
    struct sh_log_report report;
    const enum sh_status checked = sh_log_check(disk, place->path, &report, &err);
    if (checked != SH_OK && checked != SH_ERR_NOT_FOUND) return fail(place->path, &err);
    /* A log whose first file has lost its head looks whole, but begins too late. A log alone may begin anywhere. */
    const bool begins_late =
        places->store != 0 && report.first > position_needed(places, place->shard) + 1 && report.spare_count > 0;
    if (checked == SH_OK && !report.is_damaged && !begins_late) {
        (void)printf("%s: whole, nothing to repair\n", place->path);
        return true;
    }
    char backup[DATA_PATH_BYTES_MAX + 32];
    char repaired[DATA_PATH_BYTES_MAX + 32];
    (void)snprintf(repaired, sizeof repaired, "%s.repaired", place->path);
    uint64_t salt = 0;
    if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt) salt = report.store ^ report.last;
    char name[DATA_PATH_BYTES_MAX];
    (void)snprintf(name, sizeof name, "%s", place->path);
    if (sh_log_repair(disk, place->path, repaired, places->store, place->shard, salt, tell, name, &report, &err) !=
        SH_OK)
        return fail(place->path, &err);
    if (!backup_path(place->path, backup)) {
        (void)fprintf(stderr, "shoal repair: %s: too many backups\n", place->path);
        return false;
    }
    if (!swap(place->path, repaired, backup, &err)) return fail(place->path, &err);
    (void)printf("%s: %llu records saved, %llu lost; as it was, it is kept in %s\n", place->path,
                 (unsigned long long)report.record_count, (unsigned long long)report.lost_count, backup);
    return true;
}

static bool repair_snapshots(const struct data_place *place) {
    struct sh_error err;
    bool found = false;
    struct sh_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL) abort();
    char name[DATA_PATH_BYTES_MAX];
    (void)snprintf(name, sizeof name, "%s", place->path);
    const enum sh_status status =
        sh_snapshot_find(sh_disk_system(), place->path, 0, tell, name, snapshot, &found, &err);
    if (status == SH_OK && found)
        (void)printf("%s: snapshot %llu is whole and will be used\n", place->path,
                     (unsigned long long)snapshot->sequence);
    free(snapshot);
    if (status != SH_OK) return fail(place->path, &err);
    if (!found) (void)printf("%s: no snapshots\n", place->path);
    return true;
}

int run_repair(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)session;
    (void)options;
    (void)word_count;
    struct data_places *places = calloc(1, sizeof *places);
    if (places == NULL) abort();
    bool right = data_places_open(places, "repair", words[0]);
    if (right) {
        for (uint32_t i = 0; i < places->count; i++) {
            const struct data_place *place = &places->places[i];
            const bool done = place->kind == DATA_LOG ? repair_log(places, place) : repair_snapshots(place);
            right = right && done;
        }
        data_places_close(places);
    }
    free(places);
    return right ? 0 : 1;
}
