#include "data_places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log_files.h"
#include "snapshot_files.h"

struct listing {
    struct data_places *places;
    const char *directory;
    bool is_log;
    bool is_set;
};

static void add(struct listing *listing, enum data_place_kind kind, uint32_t shard, const char *name) {
    struct data_places *places = listing->places;
    if (places->count == DATA_PLACE_COUNT_MAX) return;
    struct data_place *place = &places->places[places->count];
    const int count =
        snprintf(place->path, sizeof place->path, "%s%s%s", listing->directory, name[0] == '\0' ? "" : "/", name);
    if (count < 0 || (size_t)count >= sizeof place->path) return;
    place->kind = kind;
    place->shard = shard;
    places->count++;
}

static void look(void *context, const char *name) {
    struct listing *listing = context;
    uint32_t number;
    if (sh_log_name_read(name, &number)) listing->is_log = true;
    if (strncmp(name, "snapshot-", 9) == 0 || strncmp(name, "damaged-", 8) == 0) listing->is_set = true;
    if (strcmp(name, "snapshots") == 0) add(listing, DATA_SNAPSHOTS, 0, name);
    if (strncmp(name, "shard-", 6) != 0 || name[6] == '\0' || strspn(name + 6, "0123456789") != strlen(name + 6))
        return;
    add(listing, DATA_LOG, (uint32_t)strtoul(name + 6, NULL, 10), name);
}

static int compare_places(const void *a, const void *b) {
    const struct data_place *left = a;
    const struct data_place *right = b;
    if (left->kind != right->kind) return left->kind == DATA_LOG ? -1 : 1;
    return left->shard < right->shard ? -1 : left->shard > right->shard;
}

/* The line "store 5f0c2d1e8a7b9c34" of shoal.data; 0 if there is none. */
static uint64_t read_store(const char *directory) {
    char path[DATA_PATH_BYTES_MAX + 16];
    char line[64];
    unsigned long long store = 0;
    (void)snprintf(path, sizeof path, "%s/shoal.data", directory);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "store ", 6) == 0) store = strtoull(line + 6, NULL, 16);
    (void)fclose(file);
    return store;
}

bool data_places_open(struct data_places *places, const char *command, const char *directory) {
    struct sh_disk *disk = sh_disk_system();
    struct sh_error err;
    places->count = 0;
    struct listing listing = {.places = places, .directory = directory};
    places->store = read_store(directory);
    enum sh_status status = sh_log_lock(disk, directory, false, &places->lock, &err);
    if (status == SH_OK && (status = disk->list(disk, directory, look, &listing, &err)) != SH_OK)
        data_places_close(places);
    if (status != SH_OK) {
        (void)fprintf(stderr, "shoal %s: %s\n", command, err.message);
        return false;
    }
    if (listing.is_log || listing.is_set) {
        /* The directory itself; its lock is the log's own, which whoever reads the log takes. */
        data_places_close(places);
        places->count = 0;
        const char *shard = strstr(directory, "shard-");
        add(&listing, listing.is_log ? DATA_LOG : DATA_SNAPSHOTS,
            shard == NULL ? 0 : (uint32_t)strtoul(shard + 6, NULL, 10), "");
    }
    if (places->count > 0) {
        qsort(places->places, places->count, sizeof *places->places, compare_places);
        return true;
    }
    (void)fprintf(stderr, "shoal %s: %s holds neither logs nor snapshots\n", command, directory);
    data_places_close(places);
    return false;
}

void data_places_close(struct data_places *places) {
    if (places->lock >= 0) (void)sh_disk_close(sh_disk_system(), "lock", places->lock, NULL);
    places->lock = -1;
}

const char *print_utc(int64_t time_ms, char room[32]) {
    const time_t seconds = (time_t)(time_ms >= 0 ? time_ms / 1000 : -((999 - time_ms) / 1000));
    struct tm parts;
    char text[24];
    if (gmtime_r(&seconds, &parts) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0) return "?";
    (void)snprintf(room, 32, "%s.%03dZ", text, (int)(time_ms - (int64_t)seconds * 1000));
    return room;
}
