/* log_bench.c -- how many commits a second does the log make, and how many bytes, beside what the disk can do?
 *
 * One commit is one record of 4 KiB to 1 MiB, the next is begun when it is durable: the cost of being durable, with no
 * help from groups. Beside it, in the same run and in turn (the disk's mood changes from second to second), the bare
 * limits for the same number of bytes on files of the same kind, filled with zeroes before:
 *
 *   write + datasync    pwrite, then fdatasync: what most logs do
 *   direct              one O_DIRECT | O_DSYNC pwrite: what the log does, without the log
 *   log, disk           the log with plain calls (sh_disk_system)
 *   log, uring          the log on io_uring, as a server has it: a turn of the loop a commit
 *
 * Then groups: many records of 200 bytes for each commit, appended while the one before is under way.
 * The target: the log at nine tenths of the bare direct write.
 *
 * Run: log_bench [ROUNDS [DIRECTORY]]; the median round of each is printed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "log_files.h"

#define RUN_SECONDS_MAX 0.25

enum { ROUND_COUNT_MAX = 31, FILE_BYTES = 64 << 20, WAY_COUNT = 4, COMMITS_MAX = 512 };

static char directory[900];
static uint8_t *bytes; /* 1 MiB and more, aligned */
static uint64_t round_count = 5;

static void need(bool condition, const char *what, const struct sh_error *err) {
    if (condition) return;
    (void)fprintf(stderr, "log_bench: %s: %s\n", what, err == NULL ? "" : err->message);
    exit(1);
}

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the bare disk ---- */

static int bare_open(const char *name, int flags) {
    char path[1000];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    int handle = open(path, O_CREAT | O_RDWR, 0600);
    need(handle >= 0, path, NULL);
    memset(bytes, 0, 1 << 20);
    for (off_t at = 0; at < FILE_BYTES; at += 1 << 20)
        need(pwrite(handle, bytes, 1 << 20, at) == 1 << 20, "filling with zeroes", NULL);
    need(fsync(handle) == 0 && close(handle) == 0, "sync", NULL);
    handle = open(path, O_RDWR | flags);
    if (handle < 0 && (flags & O_DIRECT) != 0) handle = open(path, O_RDWR | (flags & ~O_DIRECT));
    need(handle >= 0, path, NULL);
    memset(bytes, 'b', 1 << 20);
    return handle;
}

/* Seconds a write, of `count` of byte_count bytes one after another; fewer on a disk that is slow today. */
static double bare_run(int handle, size_t byte_count, uint32_t count, bool syncs) {
    static off_t at;
    const double begin = now_seconds();
    uint32_t i = 0;
    for (; i < count && now_seconds() - begin < RUN_SECONDS_MAX; i++) {
        if (at + (off_t)byte_count > FILE_BYTES) at = 0;
        need(pwrite(handle, bytes, byte_count, at) == (ssize_t)byte_count, "a write", NULL);
        if (syncs) need(fdatasync(handle) == 0, "a sync", NULL);
        at += (off_t)byte_count;
    }
    return (now_seconds() - begin) / i;
}

/* ---- the log ---- */

struct keeper {
    struct sh_log *log;
    struct sh_io *io;
    uint64_t durable;
};

static void on_durable(void *context, uint64_t position) {
    ((struct keeper *)context)->durable = position;
}

static void ignore_wake(void *context) {
    (void)context;
}

static void log_open(struct keeper *keeper, const char *name, bool has_io) {
    static const struct sh_log_events events = {.on_durable = on_durable};
    static const struct sh_io_events io_events = {.on_wake = ignore_wake};
    char path[1000];
    struct sh_error err = {0};
    struct sh_log_end end;
    enum sh_io_body body;
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    *keeper = (struct keeper){0};
    if (has_io) {
        need(sh_io_choose(NULL, &body, &err) == SH_OK, "io", &err);
        need(sh_io_create(body, &io_events, NULL, &keeper->io, &err) == SH_OK, "io", &err);
    }
    const struct sh_log_options options = {.directory = path,
                                           .store = 1,
                                           .salt = 2,
                                           .segment_bytes = FILE_BYTES,
                                           .create = true,
                                           .disk = sh_disk_system(),
                                           .io = keeper->io,
                                           .events = &events,
                                           .context = keeper};
    need(sh_log_open(&options, &keeper->log, &err) == SH_OK, path, &err);
    need(sh_log_replay(keeper->log, 0, NULL, NULL, &end, &err) == SH_OK, path, &err);
}

static void turn(struct keeper *keeper) {
    struct sh_error err;
    sh_log_commit(keeper->log);
    if (keeper->io != NULL) need(sh_io_turn(keeper->io, 1000000000, &err) == SH_OK, "a turn", &err);
}

/* Let files be made ready and recycled, outside of what is timed. */
static void settle(struct keeper *keeper) {
    sh_log_release(keeper->log, keeper->durable);
    sh_log_commit(keeper->log);
    while (!sh_log_is_idle(keeper->log) || sh_log_statistics_of(keeper->log).spare_count == 0)
        turn(keeper);
}

static void append(struct keeper *keeper, size_t byte_count) {
    struct sh_error err;
    uint64_t position;
    const struct sh_log_piece piece = {bytes, byte_count};
    enum sh_status status;
    while ((status = sh_log_append(keeper->log, &piece, 1, SH_LOG_USUAL, &position, &err)) == SH_ERR_BUSY)
        turn(keeper);
    need(status == SH_OK, "an append", &err);
}

static double log_run(struct keeper *keeper, size_t byte_count, uint32_t count) {
    settle(keeper);
    const double begin = now_seconds();
    uint32_t i = 0;
    for (; i < count && now_seconds() - begin < RUN_SECONDS_MAX; i++) {
        append(keeper, byte_count);
        while (keeper->durable < sh_log_position(keeper->log))
            turn(keeper);
    }
    return (now_seconds() - begin) / i;
}

/* Records of 200 bytes, `waiting` of them at most before a turn: a loop with that many clients. */
static void print_groups(struct keeper *keeper, uint32_t waiting, uint32_t count) {
    settle(keeper);
    const struct sh_log_statistics before = sh_log_statistics_of(keeper->log);
    const double begin = now_seconds();
    const uint64_t target = sh_log_position(keeper->log) + count;
    while (keeper->durable < target && now_seconds() - begin < 4 * RUN_SECONDS_MAX) {
        while (sh_log_position(keeper->log) < target && sh_log_position(keeper->log) - keeper->durable < waiting)
            append(keeper, 200);
        turn(keeper);
    }
    const double took = now_seconds() - begin;
    const uint64_t done = keeper->durable + count - target;
    const struct sh_log_statistics after = sh_log_statistics_of(keeper->log);
    printf("  %6u clients waiting: %9.0f records/s, %7.0f commits/s, %5.1f records a commit\n", waiting,
           (double)done / took, (double)(after.commit_count - before.commit_count) / took,
           (double)done / (double)(after.commit_count - before.commit_count));
}

/* ---- */

static int compare_times(const void *a, const void *b) {
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static double median(double *times) {
    qsort(times, round_count, sizeof *times, compare_times);
    return times[round_count / 2];
}

int main(int argument_count, char **arguments) {
    static const char *const ways[WAY_COUNT] = {"write + datasync", "direct", "log, disk", "log, uring"};
    if (argument_count > 1) round_count = strtoull(arguments[1], NULL, 10);
    if (round_count < 1 || round_count > ROUND_COUNT_MAX) round_count = 5;
    (void)snprintf(directory, sizeof directory, "%s/shoal-log-bench-XXXXXX",
                   argument_count > 2 ? arguments[2] : "/tmp");
    need(mkdtemp(directory) != NULL, directory, NULL);
    bytes = sh_log_buffer_alloc((1 << 20) + SH_LOG_BLOCK_BYTES);
    need(bytes != NULL, "memory", NULL);
    const int synced = bare_open("synced", 0);
    const int direct = bare_open("direct", O_DIRECT | O_DSYNC);
    struct keeper keepers[2];
    log_open(&keepers[0], "log-disk", false);
    log_open(&keepers[1], "log-uring", true);

    printf("one record a commit; median of %llu rounds\n", (unsigned long long)round_count);
    static const size_t sizes[] = {4096, 16384, 65536, 262144, 1048576};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        double times[WAY_COUNT][ROUND_COUNT_MAX];
        /* The log's block has 4,040 bytes for records: the same number of bytes reaches the disk. */
        const size_t payload = sizes[s] / SH_LOG_BLOCK_BYTES * SH_LOG_STREAM_BYTES - sizeof(struct sh_log_record_head);
        uint32_t count = (uint32_t)((16 << 20) / sizes[s]);
        if (count > COMMITS_MAX) count = COMMITS_MAX;
        for (uint64_t r = 0; r < round_count; r++) {
            times[0][r] = bare_run(synced, sizes[s], count, true);
            times[1][r] = bare_run(direct, sizes[s], count, false);
            times[2][r] = log_run(&keepers[0], payload, count);
            times[3][r] = log_run(&keepers[1], payload, count);
        }
        const double limit = median(times[1]);
        for (int way = 0; way < WAY_COUNT; way++) {
            const double took = median(times[way]);
            printf("  %5zu KiB  %-16s %8.0f commits/s  %7.1f MB/s  %5.2f of direct\n", sizes[s] >> 10, ways[way],
                   1 / took, (double)sizes[s] / took / 1e6, limit / took);
        }
    }
    printf("groups of records of 200 bytes, on io_uring\n");
    static const uint32_t waiting[] = {1, 16, 64, 1024, 16384};
    for (size_t w = 0; w < sizeof waiting / sizeof *waiting; w++)
        print_groups(&keepers[1], waiting[w], waiting[w] < 64 ? 2000 : 200000);
    for (int k = 0; k < 2; k++) {
        settle(&keepers[k]);
        sh_log_close(keepers[k].log);
        sh_io_destroy(keepers[k].io);
    }
    (void)close(synced);
    (void)close(direct);
    sh_log_buffer_free(bytes);
    char command[1000];
    (void)snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command) == 0 ? 0 : 1;
}
