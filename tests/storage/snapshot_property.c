/* snapshot_property.c -- a set of snapshots against what was published, through crashes, failures and damage.
 *
 * Run: snapshot_property SEED STATES. In every state that a crash, a failing request or a flipped bit leaves, the
 * newest snapshot that is found is one that was published (or, wholly written, was about to be), with the bytes that
 * were written; as long as one was published one is found, or damage to all of them is told. A failure prints the
 * command that repeats its world alone: snapshot_property SEED 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk_sim.h"
#include "snapshot_files.h"

enum { FILE_BYTES_MAX = 6000, STORE = 77 };

struct world {
    struct split_random rng;
    struct disk_sim *sim;
    uint64_t seed;      /* with a sequence, of the contents */
    uint64_t published; /* the newest for which publish said so; 0: none */
    uint64_t older;     /* the one before */
    const char *fault;
};

static uint64_t state_count;
static uint64_t damage_count;
static uint64_t told_count;

static uint64_t content_seed(const struct world *world, uint64_t sequence, uint32_t file) {
    return world->seed * 1000003 + sequence * 64 + file;
}

static uint32_t file_count_of(const struct world *world, uint64_t sequence) {
    struct split_random rng = {content_seed(world, sequence, 63)};
    return 1 + (uint32_t)split_below(&rng, 3);
}

static size_t content(const struct world *world, uint64_t sequence, uint32_t file, uint8_t bytes[FILE_BYTES_MAX]) {
    struct split_random rng = {content_seed(world, sequence, file)};
    const size_t count = split_length(&rng, FILE_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)split_next(&rng);
    return count;
}

static bool wrong(struct world *world, const char *what) {
    if (world->fault == NULL) world->fault = what;
    return false;
}

static enum sh_status publish(struct world *world, struct disk_sim *sim, uint64_t sequence) {
    struct sh_snapshot_writer *writer;
    uint8_t bytes[FILE_BYTES_MAX];
    struct sh_disk *disk = disk_sim_disk(sim);
    enum sh_status status = sh_snapshot_begin(disk, "set", STORE, sequence, 1000 + (int64_t)sequence, 3, &writer, NULL);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < file_count_of(world, sequence); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "shard-%u", i);
        const size_t count = content(world, sequence, i, bytes);
        const size_t cut = split_below(&world->rng, count + 1);
        status = sh_snapshot_file(writer, name, sequence * 10 + i, NULL);
        if (status == SH_OK) status = sh_snapshot_write(writer, bytes, cut, NULL);
        if (status == SH_OK) status = sh_snapshot_write(writer, bytes + cut, count - cut, NULL);
        if (status == SH_OK) continue;
        sh_snapshot_abandon(writer);
        return status;
    }
    return sh_snapshot_publish(writer, NULL, NULL);
}

static void tell(void *context, const char *words) {
    (void)context;
    told_count += strlen(words) > 0;
}

static bool read_matches(struct world *world, struct disk_sim *sim, const struct sh_snapshot *snapshot) {
    if (snapshot->file_count != file_count_of(world, snapshot->sequence))
        return wrong(world, "another number of files");
    if (snapshot->store != STORE || snapshot->time_ms != 1000 + (int64_t)snapshot->sequence)
        return wrong(world, "another manifest");
    for (uint32_t i = 0; i < snapshot->file_count; i++) {
        uint8_t wanted[FILE_BYTES_MAX];
        uint8_t bytes[FILE_BYTES_MAX];
        struct sh_snapshot_reader *reader;
        size_t part;
        size_t got = 0;
        if (snapshot->files[i].position != snapshot->sequence * 10 + i) return wrong(world, "another position");
        const size_t count = content(world, snapshot->sequence, i, wanted);
        if (sh_snapshot_open(disk_sim_disk(sim), "set", snapshot, snapshot->files[i].name, &reader, NULL) != SH_OK)
            return wrong(world, "a file cannot be opened");
        do {
            if (sh_snapshot_read(reader, bytes + got, 1 + (count - got) / 2, &part, NULL) != SH_OK)
                return wrong(world, "a file cannot be read");
            got += part;
        } while (part > 0);
        sh_snapshot_close(reader);
        if (got != count || memcmp(bytes, wanted, count) != 0) return wrong(world, "other bytes than were written");
    }
    return true;
}

/* The newest that is found is at least `least` and at most `most`. */
static bool find_matches(struct world *world, struct disk_sim *sim, uint64_t least, uint64_t most) {
    static struct sh_snapshot snapshot;
    bool found;
    struct sh_error err = {0};
    const enum sh_status status =
        sh_snapshot_find(disk_sim_disk(sim), "set", STORE, tell, world, &snapshot, &found, &err);
    state_count++;
    if (status != SH_OK) return wrong(world, "finding fails");
    if (!found) return least == 0 || wrong(world, "a published snapshot is lost");
    if (snapshot.sequence < least || snapshot.sequence > most) return wrong(world, "not the newest");
    return read_matches(world, sim, &snapshot);
}

/* What a log may let go of is in both of the snapshots that are kept. */
static bool releasable_is_kept(struct world *world) {
    uint64_t position;
    static struct sh_snapshot kept[3];
    uint32_t count;
    struct sh_disk *disk = disk_sim_disk(world->sim);
    if (sh_snapshot_releasable(disk, "set", "shard-0", &position, NULL) != SH_OK) return wrong(world, "releasable");
    if (position != world->older * 10) return wrong(world, "too much or too little may be released");
    if (sh_snapshot_list(disk, "set", kept, 3, &count, NULL) != SH_OK) return wrong(world, "list");
    if (count != (world->older > 0 ? 2u : 1u)) return wrong(world, "not two are kept");
    for (uint32_t i = 0; i < count; i++)
        if (sh_snapshot_verify(disk, "set", &kept[i], NULL) != SH_OK || !read_matches(world, world->sim, &kept[i]))
            return wrong(world, "a kept one is not valid");
    return true;
}

/* Publishing fails at each of its requests in turn, with a power cut there; at last it succeeds. */
static bool publish_through_crashes(struct world *world) {
    uint64_t sequence;
    if (sh_snapshot_next(disk_sim_disk(world->sim), "set", &sequence, NULL) != SH_OK) return wrong(world, "next");
    for (uint64_t at = 1;; at += 1 + split_length(&world->rng, 4)) {
        struct disk_sim *trial = disk_sim_power_cut(world->sim, &world->rng);
        struct disk_sim_faults *faults = disk_sim_faults(trial);
        faults->fail_at = at;
        faults->fail_always = split_one_in(&world->rng, 2);
        const bool done = publish(world, trial, sequence) == SH_OK;
        const bool has_failed = faults->has_failed;
        faults->fail_at = 0;
        struct disk_sim *cut = disk_sim_power_cut(trial, &world->rng);
        const uint64_t least = done ? sequence : world->published;
        const bool right = find_matches(world, trial, least, sequence) && find_matches(world, cut, least, sequence) &&
                           find_matches(world, cut, least, sequence);
        disk_sim_destroy(cut);
        disk_sim_destroy(trial);
        if (!right) return false;
        if (!has_failed) break;
    }
    if (publish(world, world->sim, sequence) != SH_OK) return wrong(world, "publishing fails without a fault");
    world->older = world->published;
    world->published = sequence;
    /* Also a cut right after it was said to be there. */
    struct disk_sim *cut = disk_sim_power_cut(world->sim, &world->rng);
    disk_sim_destroy(world->sim);
    world->sim = cut;
    return find_matches(world, world->sim, sequence, sequence) && releasable_is_kept(world);
}

static bool flip(struct world *world, struct disk_sim *sim, uint64_t sequence) {
    static const char *const names[] = {"MANIFEST", "shard-0", "shard-1", "shard-2"};
    char path[128];
    uint64_t count;
    (void)snprintf(path, sizeof path, "set/snapshot-%016llx/%s", (unsigned long long)sequence,
                   names[split_below(&world->rng, 4)]);
    uint8_t *bytes = disk_sim_bytes(sim, path, &count);
    if (bytes == NULL || count == 0) return false;
    const uint64_t at = split_below(&world->rng, count);
    if (split_one_in(&world->rng, 4)) {
        disk_sim_shorten(sim, path, at);
        return true;
    }
    bytes[at] ^= (uint8_t)(1u << split_below(&world->rng, 8));
    return strcmp(names[0], path + strlen(path) - 8) != 0 || at < 8 || at >= 12; /* not the version's number */
}

/* One bit of the newest: the older one is found, and the damage told. One of each: nothing is guessed. */
static bool damage(struct world *world) {
    if (world->older == 0) return true;
    struct disk_sim *copy = disk_sim_power_cut(world->sim, &world->rng);
    bool right = true;
    if (flip(world, copy, world->published)) {
        const uint64_t told = told_count;
        damage_count++;
        right = find_matches(world, copy, world->older, world->older);
        if (right && told_count == told) right = wrong(world, "damage was not told");
        if (right && flip(world, copy, world->older)) {
            static struct sh_snapshot snapshot;
            bool found;
            struct sh_error err;
            state_count++;
            if (sh_snapshot_find(disk_sim_disk(copy), "set", STORE, tell, world, &snapshot, &found, &err) !=
                    SH_ERR_CORRUPT ||
                found || strstr(err.message, "damaged") == NULL)
                right = strstr(err.message, "MANIFEST") != NULL || wrong(world, "damage of all was not refused");
        }
    }
    disk_sim_destroy(copy);
    return right;
}

static bool run_world(uint64_t seed) {
    struct world world = {.rng = {seed}, .seed = seed};
    world.sim = disk_sim_create(split_next(&world.rng));
    bool right = find_matches(&world, world.sim, 0, 0);
    for (uint32_t i = 0; i < 4 && right; i++) {
        right = publish_through_crashes(&world);
        for (uint32_t k = 0; k < 6 && right; k++)
            right = damage(&world);
    }
    disk_sim_destroy(world.sim);
    if (!right)
        (void)printf("FAILED: %s\n  reproduce: snapshot_property %llu 0\n", world.fault == NULL ? "?" : world.fault,
                     (unsigned long long)seed);
    return right;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 0) : 1;
    const uint64_t wanted = argument_count > 2 ? strtoull(arguments[2], NULL, 0) : 4000;
    uint64_t world_count = 0;
    do {
        if (!run_world(seed + world_count)) return 1;
        world_count++;
    } while (state_count < wanted);
    printf("seed %llu: %llu worlds, %llu states of the set, none lost, none false; %llu damaged ones told\n",
           (unsigned long long)seed, (unsigned long long)world_count, (unsigned long long)state_count,
           (unsigned long long)damage_count);
    return 0;
}
