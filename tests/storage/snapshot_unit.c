#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk_sim.h"
#include "snapshot_files.h"

static void publish(struct sh_disk *disk, const char *directory, uint64_t sequence, size_t byte_count) {
    struct sh_error err = {0};
    struct sh_snapshot_writer *writer;
    char *bytes = malloc(byte_count);
    memset(bytes, 'a' + (int)(sequence % 26), byte_count);
    cr_assert_eq(sh_snapshot_begin(disk, directory, 5, sequence, 1234, 2, &writer, &err), SH_OK, "%s", err.message);
    for (unsigned i = 0; i < 2; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "shard-%u", i);
        cr_assert_eq(sh_snapshot_file(writer, name, sequence * 100 + i, &err), SH_OK, "%s", err.message);
        cr_assert_eq(sh_snapshot_write(writer, bytes, byte_count * i, &err), SH_OK, "%s", err.message);
    }
    cr_assert_eq(sh_snapshot_publish(writer, NULL, &err), SH_OK, "%s", err.message);
    free(bytes);
}

static void tell(void *context, const char *words) {
    (void)snprintf(context, 512, "%s", words);
}

/* On the real disk: lengths around the blocks that direct reads want, and an empty file. */
Test(snapshot, is_found_on_the_real_disk) {
    struct sh_disk *disk = sh_disk_system();
    static struct sh_snapshot snapshot;
    struct sh_error err = {0};
    char folder[] = "/tmp/shoal-snapshot-unit-XXXXXX";
    char words[512] = "";
    bool found;
    uint64_t sequence;
    cr_assert_not_null(mkdtemp(folder));
    char set[64];
    (void)snprintf(set, sizeof set, "%s/snapshots", folder);
    cr_assert_eq(sh_snapshot_find(disk, set, 5, tell, words, &snapshot, &found, &err), SH_OK, "%s", err.message);
    cr_assert_not(found);
    static const size_t lengths[] = {1, 4095, 4096, 4097, 262144, 262145, 3000000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        cr_assert_eq(sh_snapshot_next(disk, set, &sequence, &err), SH_OK);
        cr_assert_eq(sequence, i + 1);
        publish(disk, set, sequence, lengths[i]);
        cr_assert_eq(sh_snapshot_find(disk, set, 5, tell, words, &snapshot, &found, &err), SH_OK, "%s", err.message);
        cr_assert(found && snapshot.sequence == sequence && snapshot.files[1].byte_count == lengths[i]);
        cr_assert_eq(snapshot.files[0].byte_count, 0u);
        uint64_t position;
        cr_assert_eq(sh_snapshot_releasable(disk, set, "shard-1", &position, &err), SH_OK);
        cr_assert_eq(position, i == 0 ? 0u : (sequence - 1) * 100 + 1);
    }
    cr_assert_str_empty(words);
    cr_assert_eq(sh_snapshot_find(disk, set, 6, tell, words, &snapshot, &found, &err), SH_ERR_CONFLICT);
    char command[128];
    (void)snprintf(command, sizeof command, "test $(ls %s | wc -l) = 2 && rm -r %s", set, folder);
    cr_assert_eq(system(command), 0, "two are kept, and nothing else");
}

Test(snapshot, that_is_damaged_is_set_aside_until_the_next_is_there) {
    struct disk_sim *sim = disk_sim_create(1);
    struct sh_disk *disk = disk_sim_disk(sim);
    static struct sh_snapshot snapshot;
    struct sh_error err = {0};
    char words[512] = "";
    bool found;
    uint64_t count;
    uint64_t sequence;
    publish(disk, "set", 1, 100);
    publish(disk, "set", 2, 100);
    disk_sim_bytes(sim, "set/snapshot-0000000000000002/shard-1", &count)[50] ^= 1;
    cr_assert_eq(sh_snapshot_find(disk, "set", 5, tell, words, &snapshot, &found, &err), SH_OK);
    cr_assert(found && snapshot.sequence == 1);
    cr_assert_str_eq(words,
                     "set/snapshot-0000000000000002/shard-1 is damaged: its bytes are not those that were written");
    cr_assert_not_null(disk_sim_bytes(sim, "set/damaged-0000000000000002/shard-1", &count));
    cr_assert_eq(sh_snapshot_releasable(disk, "set", "shard-1", &sequence, &err), SH_OK);
    cr_assert_eq(sequence, 0u, "one snapshot is not enough to let go of the log");
    cr_assert_eq(sh_snapshot_next(disk, "set", &sequence, &err), SH_OK);
    cr_assert_eq(sequence, 3u);
    publish(disk, "set", sequence, 100);
    cr_assert_null(disk_sim_bytes(sim, "set/damaged-0000000000000002/shard-1", &count));
    cr_assert_not_null(disk_sim_bytes(sim, "set/snapshot-0000000000000001/shard-1", &count));
    disk_sim_destroy(sim);
}

Test(snapshot, on_a_full_disk_leaves_nothing_behind) {
    struct disk_sim *sim = disk_sim_create(1);
    struct sh_disk *disk = disk_sim_disk(sim);
    struct sh_error err = {0};
    struct sh_snapshot_writer *writer;
    static char bytes[300000];
    uint64_t count;
    publish(disk, "set", 1, 1000);
    disk_sim_faults(sim)->space_bytes = 100000;
    cr_assert_eq(sh_snapshot_begin(disk, "set", 5, 2, 0, 2, &writer, &err), SH_OK);
    cr_assert_eq(sh_snapshot_file(writer, "shard-0", 1, &err), SH_OK);
    cr_assert_eq(sh_snapshot_write(writer, bytes, sizeof bytes, &err), SH_ERR_LIMIT);
    sh_snapshot_abandon(writer);
    cr_assert_null(disk_sim_bytes(sim, "set/aside-0000000000000002/shard-0", &count));
    publish(disk, "set", 2, 1000);
    disk_sim_destroy(sim);
}

Test(snapshot, manifest_is_written_and_read_alike) {
    static struct sh_snapshot snapshot = {.store = 1, .sequence = 2, .time_ms = -3, .shard_count = 4, .file_count = 2};
    static struct sh_snapshot again;
    struct sh_error err;
    uint8_t bytes[SH_SNAPSHOT_MANIFEST_BYTES_MAX];
    snapshot.files[0] = (struct sh_snapshot_file){"shard-0", 5, 6, 7};
    snapshot.files[1] = (struct sh_snapshot_file){"exactly-31-bytes-of-a-file-name", 8, 9, 10};
    const size_t count = sh_snapshot_manifest_write(&snapshot, bytes);
    cr_assert_eq(count, 64u + 2 * 64);
    cr_assert_eq(sh_snapshot_manifest_read(bytes, count, &again, &err), SH_OK);
    cr_assert_eq(memcmp(&snapshot, &again, sizeof again), 0);
    for (size_t bit = 0; bit < count * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_neq(sh_snapshot_manifest_read(bytes, count, &again, &err), SH_OK, "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < count; cut++)
        cr_assert_eq(sh_snapshot_manifest_read(bytes, cut, &again, &err), SH_ERR_CORRUPT);
}
