/* data_places.h -- the logs and sets of snapshots in a directory, for the commands that look at them offline.
 *
 * The directory is one of a server (shard-0, shard-1 ..., snapshots), a log alone, or a set of snapshots alone.
 */
#ifndef SHOAL_DATA_PLACES_H
#define SHOAL_DATA_PLACES_H

#include "disk.h"

enum { DATA_PLACE_COUNT_MAX = 256, DATA_PATH_BYTES_MAX = 1000 };

enum data_place_kind { DATA_LOG, DATA_SNAPSHOTS };

struct data_place {
    enum data_place_kind kind;
    uint32_t shard; /* of a log, by its directory's name */
    char path[DATA_PATH_BYTES_MAX];
};

struct data_places {
    struct data_place places[DATA_PLACE_COUNT_MAX]; /* logs by shard, then snapshots */
    uint32_t count;
    int lock; /* that keeps a server from starting meanwhile; -1: there is none */
    uint64_t store;
};

/* False, and words to stderr, if a server has the directory open, or there is nothing of the kind in it. */
bool data_places_open(struct data_places *places, const char *command, const char *directory);
void data_places_close(struct data_places *places);

/* "2026-03-01T12:00:00.000Z" */
const char *print_utc(int64_t time_ms, char room[32]);

#endif
