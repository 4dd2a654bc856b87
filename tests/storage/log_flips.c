/* log_flips.c -- every single bit of a small log that was stopped in order is flipped: all its records are still read,
 * unchanged, or the log is refused with words. Run: log_flips [STRIDE]; 1 is every bit of its files (half a million and
 * more), the normal tests look at every 61st. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk_sim.h"
#include "log.h"
#include "log_walk.h"

enum { RECORD_COUNT = 9, STORE = 7, SHARD = 1 };

static const size_t lengths[RECORD_COUNT] = {1, 300, 4016, 9000, 5, 40, 4040, 12000, 77};

static void fill(uint64_t position, uint8_t *bytes) {
    for (size_t i = 0; i < lengths[position - 1]; i++)
        bytes[i] = (uint8_t)(position * 31 + i * 7);
}

static void need(bool condition, const char *what) {
    if (condition) return;
    (void)printf("FAILED: %s\n", what);
    exit(1);
}

static void ignore_durable(void *context, uint64_t position) {
    (void)context;
    (void)position;
}

static void write_log(struct disk_sim *sim) {
    static const struct sh_log_events events = {.on_durable = ignore_durable};
    const struct sh_log_options options = {.directory = "log",
                                           .store = STORE,
                                           .shard = SHARD,
                                           .salt = 11,
                                           .segment_bytes = SH_LOG_SEGMENT_BYTES_MIN,
                                           .create = true,
                                           .disk = disk_sim_disk(sim),
                                           .events = &events};
    static uint8_t bytes[12000];
    struct sh_log *log;
    struct sh_log_end end;
    struct sh_error err;
    need(sh_log_open(&options, &log, &err) == SH_OK, "open");
    need(sh_log_replay(log, 0, NULL, NULL, &end, &err) == SH_OK, "replay");
    for (uint64_t i = 1; i <= RECORD_COUNT; i++) {
        uint64_t position;
        fill(i, bytes);
        const struct sh_log_piece piece = {bytes, lengths[i - 1]};
        need(sh_log_append(log, &piece, 1, SH_LOG_USUAL, &position, &err) == SH_OK, "append");
        if (i % 3 != 0) sh_log_commit(log);
    }
    sh_log_seal(log);
    sh_log_commit(log);
    sh_log_close(log);
}

/* What a start would find, without changing anything: SH_OK and all records, or a refusal. */
static enum sh_status read_log(struct disk_sim *sim, uint64_t *record_count) {
    static uint8_t wanted[12000];
    const uint64_t store = STORE;
    const uint32_t shard = SHARD;
    struct sh_disk *disk = disk_sim_disk(sim);
    struct sh_log_files files;
    struct sh_log_walk walk;
    struct sh_error err = {0};
    *record_count = 0;
    enum sh_status status = sh_log_files_read(disk, "log", &store, &shard, &files, &err);
    if (status != SH_OK) return status;
    if (files.head_count == 0) status = SH_ERR_NOT_FOUND;
    if (status == SH_OK) status = sh_log_walk_open(&walk, disk, "log", &files, store, shard, 0, &err);
    if (status == SH_OK) {
        for (bool at_end = false; status == SH_OK && !at_end;) {
            struct sh_log_entry entry;
            status = sh_log_walk_next(&walk, &entry, &at_end, &err);
            if (status != SH_OK || at_end) break;
            need(entry.position == ++*record_count && entry.position <= RECORD_COUNT, "a phantom record");
            fill(entry.position, wanted);
            need(entry.count == lengths[entry.position - 1] && memcmp(entry.bytes, wanted, entry.count) == 0,
                 "a changed record");
        }
        struct sh_log_rest rest;
        if (status == SH_OK) status = sh_log_walk_judge(&walk, &rest, &err);
        sh_log_walk_close(&walk);
    }
    sh_log_files_deinit(&files);
    need(status != SH_ERR_CORRUPT || strstr(err.message, "log/log-0") != NULL, "a refusal without a place");
    return status;
}

int main(int argument_count, char **arguments) {
    const uint64_t stride = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 61;
    need(stride > 0, "usage: log_flips [STRIDE]");
    struct disk_sim *sim = disk_sim_create(1);
    write_log(sim);
    uint64_t flip_count = 0;
    uint64_t refused_count = 0;
    uint64_t record_count;
    need(read_log(sim, &record_count) == SH_OK && record_count == RECORD_COUNT, "the log is not whole to begin with");
    for (unsigned file = 1; file <= 2; file++) {
        char path[32];
        uint64_t byte_count = 0;
        (void)snprintf(path, sizeof path, "log/log-%08x", file);
        uint8_t *bytes = disk_sim_bytes(sim, path, &byte_count);
        for (uint64_t bit = 0; bytes != NULL && bit < byte_count * 8; bit += stride) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            const enum sh_status status = read_log(sim, &record_count);
            if (status == SH_OK && record_count != RECORD_COUNT) {
                (void)printf("FAILED: bit %llu of %s: %llu records are read, and nothing is said\n",
                             (unsigned long long)bit, path, (unsigned long long)record_count);
                return 1;
            }
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            flip_count++;
            refused_count += status != SH_OK;
        }
    }
    disk_sim_destroy(sim);
    printf("%llu bits flipped one by one: %llu refused, %llu harmless, no record lost or changed\n",
           (unsigned long long)flip_count, (unsigned long long)refused_count,
           (unsigned long long)(flip_count - refused_count));
    return 0;
}
