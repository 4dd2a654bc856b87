/* log_fuzz.c -- files of foreign bytes where a log should be: checked, opened and replayed, repaired.
 *
 * The input is a row of blocks: a byte of flags, two bytes of length, and so many bytes of the block's beginning; the
 * rest of the block is zero. So that what lies behind checksums is reached, flags mend a block before it is stored:
 * 1 its checksum, 2 its link to the block before, 4 its place, sequence and salt as after the last head, 8 begins a new
 * file, 16 the checksum of the record that begins first in it.
 *
 * What must hold: no crash; a log that is found whole is replayed with as many records as the check has counted, twice;
 * a repair of what is damaged gives a log that is whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk_sim.h"
#include "log.h"
#include "log_repair.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

enum { FILE_MAX = 4, BLOCK_MAX = 64, STORE = 7, SHARD = 1 };
enum { MEND_CHECKSUM = 1, MEND_LINK = 2, MEND_PLACE = 4, NEW_FILE = 8, MEND_RECORD = 16 };

static void need(bool condition, const char *what) {
    if (condition) return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static void mend(struct sh_log_block *block, unsigned flags, const struct sh_log_block *head, uint64_t previous,
                 uint32_t place) {
    if ((flags & MEND_RECORD) != 0 && block->begin + sizeof(struct sh_log_record_head) <= SH_LOG_STREAM_BYTES) {
        struct sh_log_record_head record;
        memcpy(&record, block->stream + block->begin, sizeof record);
        const uint32_t room = SH_LOG_STREAM_BYTES - block->begin - (uint32_t)sizeof record;
        if (record.count > room) record.count = room;
        record.checksum =
            sh_log_record_checksum(record.position, block->stream + block->begin + sizeof record, record.count);
        memcpy(block->stream + block->begin, &record, sizeof record);
    }
    if ((flags & MEND_LINK) != 0) block->previous = previous;
    if ((flags & MEND_PLACE) != 0) {
        block->place = place;
        block->sequence = head->sequence;
        block->salt = head->salt;
    }
    if ((flags & MEND_CHECKSUM) != 0) block->checksum = sh_log_block_checksum(block, sh_log_seed(STORE, SHARD));
}

static void store(struct sh_disk *disk, const uint8_t *bytes, size_t byte_count) {
    static struct sh_log_block block;
    static struct sh_log_block head;
    uint32_t place = 0;
    uint32_t file = 0;
    uint32_t block_count = 0;
    uint64_t previous = 0;
    int handle = -1;
    need(sh_disk_make_directory(disk, "log", NULL) == SH_OK, "no directory");
    while (byte_count >= 3 && block_count++ < BLOCK_MAX) {
        const unsigned flags = bytes[0];
        size_t count = bytes[1] | (size_t)bytes[2] << 8;
        bytes += 3;
        byte_count -= 3;
        if (count > byte_count) count = byte_count;
        if (count > sizeof block) count = sizeof block;
        memset(&block, 0, sizeof block);
        memcpy(&block, bytes, count);
        bytes += count;
        byte_count -= count;
        if (handle < 0 || ((flags & NEW_FILE) != 0 && file < FILE_MAX)) {
            char path[32];
            (void)snprintf(path, sizeof path, "log/log-%08x", ++file);
            need(sh_disk_open(disk, path, SH_IO_OPEN_WRITE | SH_IO_OPEN_CREATE, &handle, NULL) == SH_OK, "no file");
            place = 0;
            head = block;
        }
        mend(&block, flags, &head, previous, place);
        previous = block.checksum;
        need(sh_disk_write(disk, "log", handle, &block, sizeof block, (uint64_t)place * sizeof block, NULL) == SH_OK,
             "no write");
        place++;
    }
    if (handle >= 0) need(sh_disk_close(disk, "log", handle, NULL) == SH_OK, "no close");
}

static void ignore_durable(void *context, uint64_t position) {
    (void)context;
    (void)position;
}

/* Whether it opens; then *record_count is how many were given back. */
static enum sh_status replay(struct sh_disk *disk, const char *directory, uint64_t after, uint64_t *record_count) {
    static const struct sh_log_events events = {.on_durable = ignore_durable};
    const struct sh_log_options options = {.directory = directory,
                                           .store = STORE,
                                           .shard = SHARD,
                                           .segment_bytes = SH_LOG_SEGMENT_BYTES_MIN,
                                           .disk = disk,
                                           .events = &events};
    struct sh_log *log;
    struct sh_log_end end;
    struct sh_error err;
    enum sh_status status = sh_log_open(&options, &log, &err);
    if (status != SH_OK) return status;
    status = sh_log_replay(log, after, NULL, NULL, &end, &err);
    sh_log_close(log);
    *record_count = end.record_count;
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct disk_sim *sim = disk_sim_create(1);
    struct sh_disk *disk = disk_sim_disk(sim);
    struct sh_error err = {0};
    struct sh_log_report report;
    store(disk, bytes, byte_count);
    const enum sh_status status = sh_log_check(disk, "log", &report, &err);
    const bool is_ours = report.file_count > 0 && report.store == STORE && report.shard == SHARD;
    uint64_t record_count = 0;
    if (status == SH_OK && is_ours && !report.is_damaged) {
        need(replay(disk, "log", report.first - 1, &record_count) == SH_OK, "a whole log does not open");
        need(record_count == report.record_count, "another number of records");
        need(replay(disk, "log", report.first - 1, &record_count) == SH_OK, "it opens once only");
        need(record_count == report.record_count, "another number of records the second time");
    } else if (status == SH_OK && is_ours) {
        need(replay(disk, "log", report.first - 1, &record_count) != SH_OK, "a damaged log opens");
    }
    /* Numbers from a forged block could make a repair write billions of empty records: only small ones here. */
    if (status == SH_OK && report.is_damaged && report.lost_count < 1000 && report.last < 1000) {
        struct sh_log_report fixed;
        const enum sh_status repaired = sh_log_repair(disk, "log", "fixed", STORE, SHARD, 5, NULL, NULL, &report, &err);
        if (repaired == SH_OK)
            need(sh_log_check(disk, "fixed", &fixed, &err) == SH_OK && !fixed.is_damaged, "a repair is not whole");
    }
    disk_sim_destroy(sim);
    return 0;
}
