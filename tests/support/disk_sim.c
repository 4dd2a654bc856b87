#include "disk_sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io_private.h"
#include "memory.h"

enum { SECTOR = 512, INODE_MAX = 512, HANDLE_MAX = 96, QUEUE_MAX = 64, NAME_MAX_BYTES = 64, ENTRY_MAX = 192 };

/* A sector as it was written, and not synced since. */
struct version {
    uint32_t sector;
    uint32_t count; /* bytes of it that are in the file */
    uint8_t bytes[SECTOR];
};

struct entry {
    char name[NAME_MAX_BYTES];
    int inode;
};

/* A change of a directory that is not synced: name begins or stops to mean inode; a rename is one change of both. */
struct change {
    char add[NAME_MAX_BYTES];
    char remove[NAME_MAX_BYTES];
    int inode;
};

struct names {
    struct entry entries[ENTRY_MAX];
    uint32_t count;
};

struct inode {
    bool is_directory;
    /* a file */
    uint8_t *bytes;
    uint64_t size;
    uint64_t capacity;
    uint8_t *durable;
    uint64_t durable_size;
    uint64_t durable_capacity;
    struct version *versions;
    uint32_t version_count;
    uint32_t version_capacity;
    /* a directory */
    struct names *names;
    struct names *durable_names;
    struct change *changes;
    uint32_t change_count;
    uint32_t change_capacity;
};

struct handle {
    bool is_open;
    bool is_locking;
    int inode;
    unsigned flags;
};

struct disk_sim {
    struct sh_disk disk;
    struct sh_io io;
    struct split_random rng;
    struct disk_sim_faults faults;
    uint64_t count;
    uint64_t write_count;
    uint64_t now_ns;
    struct inode *inodes[INODE_MAX];
    int inode_count;
    struct handle handles[HANDLE_MAX];
    struct sh_io_file_request *queue[QUEUE_MAX];
    uint32_t queue_count;
};

static void need(bool condition, const char *what) {
    if (condition) return;
    (void)fprintf(stderr, "disk_sim: %s\n", what);
    abort();
}

static void *more(void *memory, uint64_t *capacity, uint64_t needed) {
    if (needed <= *capacity) return memory;
    uint64_t grown = *capacity * 2 < needed ? needed : *capacity * 2;
    memory = realloc(memory, grown);
    need(memory != NULL, "no memory");
    *capacity = grown;
    return memory;
}

static void inode_free(struct inode *inode) {
    if (inode == NULL) return;
    free(inode->bytes);
    free(inode->durable);
    free(inode->versions);
    free(inode->names);
    free(inode->durable_names);
    free(inode->changes);
    free(inode);
}

/* Free what no name, past or present, and no handle can reach. */
static void inodes_collect(struct disk_sim *sim) {
    bool used[INODE_MAX] = {true};
    for (int i = 0; i < sim->inode_count; i++) {
        const struct inode *inode = sim->inodes[i];
        if (inode == NULL || !inode->is_directory) continue;
        for (uint32_t n = 0; n < inode->names->count; n++)
            used[inode->names->entries[n].inode] = true;
        for (uint32_t n = 0; n < inode->durable_names->count; n++)
            used[inode->durable_names->entries[n].inode] = true;
        for (uint32_t n = 0; n < inode->change_count; n++)
            used[inode->changes[n].inode] = true;
    }
    for (int i = 0; i < HANDLE_MAX; i++)
        if (sim->handles[i].is_open) used[sim->handles[i].inode] = true;
    for (int i = 0; i < sim->inode_count; i++) {
        if (used[i]) continue;
        inode_free(sim->inodes[i]);
        sim->inodes[i] = NULL;
    }
}

static int inode_number(struct disk_sim *sim) {
    if (sim->inode_count < INODE_MAX) return sim->inode_count++;
    inodes_collect(sim);
    for (int i = 0; i < INODE_MAX; i++)
        if (sim->inodes[i] == NULL) return i;
    need(false, "too many files");
    return -1;
}

static struct inode *inode_new(bool is_directory) {
    struct inode *inode = calloc(1, sizeof *inode);
    need(inode != NULL, "no memory");
    inode->is_directory = is_directory;
    if (is_directory) {
        inode->names = calloc(1, sizeof *inode->names);
        inode->durable_names = calloc(1, sizeof *inode->durable_names);
        need(inode->names != NULL && inode->durable_names != NULL, "no memory");
    }
    return inode;
}

static struct inode *inode_make(struct disk_sim *sim, bool is_directory, int *number) {
    *number = inode_number(sim);
    sim->inodes[*number] = inode_new(is_directory);
    return sim->inodes[*number];
}

/* ---- names ---- */

static struct entry *find(struct names *names, const char *name) {
    for (uint32_t i = 0; i < names->count; i++)
        if (strcmp(names->entries[i].name, name) == 0) return &names->entries[i];
    return NULL;
}

static void names_apply(struct names *names, const struct change *change) {
    if (change->remove[0] != '\0') {
        struct entry *old = find(names, change->remove);
        if (old != NULL) *old = names->entries[--names->count];
        /* A rename whose file's creation never happened: the rename makes the name durable, as one change. */
    }
    if (change->add[0] == '\0') return;
    struct entry *entry = find(names, change->add);
    if (entry == NULL) {
        need(names->count < ENTRY_MAX, "too many names");
        entry = &names->entries[names->count++];
        (void)snprintf(entry->name, sizeof entry->name, "%s", change->add);
    }
    entry->inode = change->inode;
}

static void directory_change(struct inode *directory, const char *add, const char *remove, int inode) {
    struct change change = {.inode = inode};
    (void)snprintf(change.add, sizeof change.add, "%s", add == NULL ? "" : add);
    (void)snprintf(change.remove, sizeof change.remove, "%s", remove == NULL ? "" : remove);
    names_apply(directory->names, &change);
    uint64_t capacity = (uint64_t)directory->change_capacity * sizeof change;
    directory->changes = more(directory->changes, &capacity, ((uint64_t)directory->change_count + 1) * sizeof change);
    directory->change_capacity = (uint32_t)(capacity / sizeof change);
    directory->changes[directory->change_count++] = change;
}

/* The directory in which path is, and its last part. NULL: there is no such directory. */
static struct inode *parent_of(struct disk_sim *sim, const char *path, const char **last) {
    struct inode *directory = sim->inodes[0];
    *last = path;
    while (*path == '/')
        path++;
    for (;;) {
        const char *slash = strchr(path, '/');
        if (slash == NULL) break;
        char name[NAME_MAX_BYTES];
        (void)snprintf(name, sizeof name, "%.*s", (int)(slash - path), path);
        const struct entry *entry = find(directory->names, name);
        if (entry == NULL || !sim->inodes[entry->inode]->is_directory) return NULL;
        directory = sim->inodes[entry->inode];
        path = slash + 1;
    }
    *last = path;
    return directory;
}

static int inode_of(struct disk_sim *sim, const char *path) {
    const char *last;
    struct inode *directory = parent_of(sim, path, &last);
    if (directory == NULL) return -1;
    const struct entry *entry = find(directory->names, last);
    return entry == NULL ? -1 : entry->inode;
}

/* ---- bytes ---- */

static uint64_t used_in(const struct disk_sim *sim, const struct inode *directory) {
    uint64_t used = 0;
    for (uint32_t i = 0; i < directory->names->count; i++) {
        const struct inode *inode = sim->inodes[directory->names->entries[i].inode];
        used += inode->is_directory ? used_in(sim, inode) : inode->size;
    }
    return used;
}

static void version_add(struct inode *inode, uint32_t sector) {
    uint64_t capacity = (uint64_t)inode->version_capacity * sizeof *inode->versions;
    inode->versions = more(inode->versions, &capacity, ((uint64_t)inode->version_count + 1) * sizeof *inode->versions);
    inode->version_capacity = (uint32_t)(capacity / sizeof *inode->versions);
    struct version *version = &inode->versions[inode->version_count++];
    const uint64_t begin = (uint64_t)sector * SECTOR;
    const uint64_t count = inode->size - begin < SECTOR ? inode->size - begin : SECTOR;
    version->sector = sector;
    version->count = (uint32_t)count;
    memcpy(version->bytes, inode->bytes + begin, count);
}

static void put(uint8_t **bytes, uint64_t *size, uint64_t *capacity, uint64_t offset, const uint8_t *from,
                uint64_t count) {
    *bytes = more(*bytes, capacity, offset + count);
    if (offset > *size) memset(*bytes + *size, 0, offset - *size);
    if (count > 0) memcpy(*bytes + offset, from, count);
    if (offset + count > *size) *size = offset + count;
}

static void versions_forget(struct inode *inode, uint64_t begin, uint64_t end) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < inode->version_count; i++) {
        const uint64_t at = (uint64_t)inode->versions[i].sector * SECTOR;
        if (at < begin || at >= end) inode->versions[kept++] = inode->versions[i];
    }
    inode->version_count = kept;
}

static void write_bytes(struct inode *inode, uint64_t offset, const uint8_t *bytes, uint64_t count, bool is_durable) {
    if (count == 0) return;
    put(&inode->bytes, &inode->size, &inode->capacity, offset, bytes, count);
    const uint64_t begin = offset / SECTOR * SECTOR;
    const uint64_t end = (offset + count + SECTOR - 1) / SECTOR * SECTOR;
    if (is_durable) {
        need(offset % SECTOR == 0 && count % SECTOR == 0, "a durable write is of whole sectors");
        put(&inode->durable, &inode->durable_size, &inode->durable_capacity, offset, bytes, count);
        versions_forget(inode, begin, end);
        return;
    }
    for (uint64_t at = begin; at < end; at += SECTOR)
        version_add(inode, (uint32_t)(at / SECTOR));
}

static void sync_inode(struct inode *inode) {
    if (inode->is_directory) {
        *inode->durable_names = *inode->names;
        inode->change_count = 0;
        return;
    }
    /* Sector by sector: what was not written since is durable already. */
    for (uint32_t i = 0; i < inode->version_count; i++) {
        const struct version *version = &inode->versions[i];
        put(&inode->durable, &inode->durable_size, &inode->durable_capacity, (uint64_t)version->sector * SECTOR,
            version->bytes, version->count);
    }
    inode->version_count = 0;
}

/* ---- requests ---- */

static int open_file(struct disk_sim *sim, const struct sh_io_file_request *request) {
    const char *last;
    struct inode *directory = parent_of(sim, request->path, &last);
    if (directory == NULL) return -ENOENT;
    const struct entry *entry = find(directory->names, last);
    int number = entry == NULL ? -1 : entry->inode;
    if (strcmp(request->path, ".") == 0) number = 0;
    if (number >= 0 && (request->open_flags & SH_IO_OPEN_EXCLUSIVE) != 0) return -EEXIST;
    if (number < 0) {
        if ((request->open_flags & SH_IO_OPEN_CREATE) == 0) return -ENOENT;
        (void)inode_make(sim, false, &number);
        directory_change(directory, last, NULL, number);
    } else if ((request->open_flags & SH_IO_OPEN_TRUNCATE) != 0 && sim->inodes[number]->size > 0) {
        /* As a new file of the name: what a cut leaves of the old one is that name with its old bytes. */
        (void)inode_make(sim, false, &number);
        directory_change(directory, last, last, number);
    }
    for (int i = 0; i < HANDLE_MAX; i++) {
        if (sim->handles[i].is_open) continue;
        sim->handles[i] = (struct handle){.is_open = true, .inode = number, .flags = request->open_flags};
        return i;
    }
    need(false, "too many open files");
    return -1;
}

/* Where a misdirected write goes. */
static struct inode *misdirect(struct disk_sim *sim, const struct sh_io_file_request *request, uint64_t *offset) {
    struct inode *target = sim->inodes[split_below(&sim->rng, (uint64_t)sim->inode_count)];
    if (target == NULL || target->is_directory || target->size < request->byte_count)
        target = sim->inodes[sim->handles[request->handle].inode];
    const uint64_t room = target->size > request->byte_count ? target->size - request->byte_count : 0;
    *offset = split_below(&sim->rng, room / 4096 + 1) * 4096;
    return target;
}

static int64_t write_file(struct disk_sim *sim, const struct sh_io_file_request *request, bool fails) {
    const struct handle *handle = &sim->handles[request->handle];
    struct inode *inode = sim->inodes[handle->inode];
    const uint64_t end = request->offset + request->byte_count;
    if ((handle->flags & SH_IO_OPEN_DIRECT) != 0)
        need(request->offset % 4096 == 0 && request->byte_count % 4096 == 0 && (uintptr_t)request->bytes % 4096 == 0,
             "a direct write is aligned");
    const bool is_durable = (handle->flags & SH_IO_OPEN_DURABLE) != 0;
    if (end > inode->size && sim->faults.space_bytes > 0) {
        const uint64_t used = used_in(sim, sim->inodes[0]);
        if (used + (end - inode->size) > sim->faults.space_bytes) return -ENOSPC;
    }
    if (fails) { /* any part may have arrived */
        write_bytes(inode, request->offset, request->bytes, split_below(&sim->rng, request->byte_count + 1), false);
        return -EIO;
    }
    bool is_zero = true;
    for (size_t i = 0; i < request->byte_count && is_zero; i++)
        is_zero = request->bytes[i] == 0;
    if (!is_zero) sim->write_count++;
    if (is_zero || sim->faults.lie == DISK_SIM_HONEST || sim->write_count != sim->faults.lie_at) {
        write_bytes(inode, request->offset, request->bytes, request->byte_count, is_durable);
        return (int64_t)request->byte_count;
    }
    sim->faults.has_lied = true;
    if (sim->faults.lie == DISK_SIM_MISDIRECT) {
        uint64_t offset;
        struct inode *target = misdirect(sim, request, &offset);
        write_bytes(target, offset, request->bytes, request->byte_count, is_durable);
    }
    return (int64_t)request->byte_count;
}

static int64_t read_file(struct disk_sim *sim, const struct sh_io_file_request *request) {
    const struct inode *inode = sim->inodes[sim->handles[request->handle].inode];
    if (request->offset >= inode->size) return 0;
    uint64_t count = inode->size - request->offset;
    if (count > request->byte_count) count = request->byte_count;
    memcpy(request->bytes, inode->bytes + request->offset, count);
    return (int64_t)count;
}

static int rename_file(struct disk_sim *sim, const char *from, const char *to) {
    const char *old;
    const char *new;
    struct inode *directory = parent_of(sim, from, &old);
    if (directory == NULL || find(directory->names, old) == NULL) return -ENOENT;
    need(parent_of(sim, to, &new) == directory, "a rename stays in its directory");
    const int inode = find(directory->names, old)->inode;
    const struct entry *target = find(directory->names, new);
    if (target != NULL && sim->inodes[target->inode]->is_directory && sim->inodes[target->inode]->names->count > 0)
        return -ENOTEMPTY;
    directory_change(directory, new, old, inode);
    return 0;
}

static int remove_name(struct disk_sim *sim, const char *path, bool is_directory) {
    const char *last;
    struct inode *directory = parent_of(sim, path, &last);
    if (directory == NULL) return -ENOENT;
    const struct entry *entry = find(directory->names, last);
    if (entry == NULL) return -ENOENT;
    const struct inode *inode = sim->inodes[entry->inode];
    if (inode->is_directory != is_directory) return is_directory ? -ENOTDIR : -EISDIR;
    if (is_directory && inode->names->count > 0) return -ENOTEMPTY;
    directory_change(directory, NULL, last, entry->inode);
    return 0;
}

static int make_directory(struct disk_sim *sim, const char *path) {
    const char *last;
    struct inode *directory = parent_of(sim, path, &last);
    if (directory == NULL) return -ENOENT;
    if (find(directory->names, last) != NULL) return -EEXIST;
    int number;
    (void)inode_make(sim, true, &number);
    directory_change(directory, last, NULL, number);
    return 0;
}

static int lock_file(struct disk_sim *sim, int at) {
    for (int i = 0; i < HANDLE_MAX; i++) {
        const struct handle *handle = &sim->handles[i];
        if (i != at && handle->is_open && handle->is_locking && handle->inode == sim->handles[at].inode)
            return -EWOULDBLOCK;
    }
    sim->handles[at].is_locking = true;
    return 0;
}

static int64_t carry_out(struct disk_sim *sim, struct sh_io_file_request *request) {
    const bool fails = sim->faults.fail_at > 0 && (sim->count == sim->faults.fail_at ||
                                                   (sim->faults.fail_always && sim->count > sim->faults.fail_at));
    if (fails) sim->faults.has_failed = true;
    if (fails && request->operation != SH_IO_FILE_WRITE && request->operation != SH_IO_FILE_CLOSE) return -EIO;
    if (request->operation != SH_IO_FILE_OPEN && request->path == NULL)
        need(request->handle >= 0 && sim->handles[request->handle].is_open, "a closed handle is used");
    switch (request->operation) {
    case SH_IO_FILE_OPEN:
        return open_file(sim, request);
    case SH_IO_FILE_CLOSE:
        sim->handles[request->handle].is_open = false;
        return 0;
    case SH_IO_FILE_READ:
        return read_file(sim, request);
    case SH_IO_FILE_WRITE:
        return write_file(sim, request, fails);
    case SH_IO_FILE_SYNC:
    case SH_IO_FILE_SYNC_DATA:
        sync_inode(sim->inodes[sim->handles[request->handle].inode]);
        return 0;
    case SH_IO_FILE_RENAME:
        return rename_file(sim, request->path, request->path_target);
    case SH_IO_FILE_UNLINK:
        return remove_name(sim, request->path, false);
    case SH_IO_FILE_SIZE:
        return (int64_t)sim->inodes[sim->handles[request->handle].inode]->size;
    case SH_IO_FILE_LOCK:
        return lock_file(sim, request->handle);
    case SH_IO_FILE_MAKE_DIRECTORY:
        return make_directory(sim, request->path);
    case SH_IO_FILE_REMOVE_DIRECTORY:
        return remove_name(sim, request->path, true);
    }
    return -ENOSYS;
}

static void sim_run(struct sh_disk *disk, struct sh_io_file_request *request) {
    struct disk_sim *sim = (struct disk_sim *)(void *)disk;
    sim->count++;
    request->status = SH_OK;
    request->system_error = 0;
    sh_io_file_finish(request, carry_out(sim, request));
}

static enum sh_status sim_list(struct sh_disk *disk, const char *path, void (*each)(void *context, const char *name),
                               void *context, struct sh_error *err) {
    struct disk_sim *sim = (struct disk_sim *)(void *)disk;
    const int number = inode_of(sim, path);
    if (number < 0 || !sim->inodes[number]->is_directory)
        return sh_fail(err, SH_ERR_NOT_FOUND, -1, "cannot read directory %s: there is none", path);
    const struct names names = *sim->inodes[number]->names;
    for (uint32_t i = 0; i < names.count; i++)
        each(context, names.entries[i].name);
    return SH_OK;
}

/* ---- the io ---- */

void disk_sim_submit(struct disk_sim *sim, struct sh_io_file_request *request) {
    need(sim->queue_count < QUEUE_MAX, "too many requests");
    sim->queue[sim->queue_count++] = request;
}

void disk_sim_finish(struct disk_sim *sim, struct sh_io_file_request *request) {
    uint32_t at = 0;
    while (at < sim->queue_count && sim->queue[at] != request)
        at++;
    need(at < sim->queue_count, "a request that was not submitted is finished");
    sim->queue[at] = sim->queue[--sim->queue_count];
    sim_run(&sim->disk, request);
}

static void sim_file(struct sh_io *io, struct sh_io_file_request *request) {
    disk_sim_submit((struct disk_sim *)io->context, request);
}

static struct sh_io_file_request *queue_take(struct disk_sim *sim, struct split_random *rng) {
    const uint64_t at = split_below(rng, sim->queue_count);
    struct sh_io_file_request *request = sim->queue[at];
    sim->queue[at] = sim->queue[--sim->queue_count];
    return request;
}

static enum sh_status sim_turn(struct sh_io *io, uint64_t wait_ns, struct sh_error *err) {
    (void)wait_ns;
    (void)err;
    struct disk_sim *sim = (struct disk_sim *)io->context;
    sh_io_clock_take(io);
    uint64_t count = split_below(&sim->rng, (uint64_t)sim->queue_count + 1);
    while (count-- > 0 && sim->queue_count > 0) {
        struct sh_io_file_request *request = queue_take(sim, &sim->rng);
        sim_run(&sim->disk, request);
        request->done(sim, request);
    }
    return SH_OK;
}

static _Thread_local uint64_t sim_clock_ns;

static void sim_clock(int64_t *now_ms, uint64_t *monotonic_ns) {
    if (now_ms != NULL) *now_ms = (int64_t)(sim_clock_ns / 1000000u);
    *monotonic_ns = sim_clock_ns;
}

static const struct sh_io_operations sim_operations = {.turn = sim_turn, .file = sim_file, .clock = sim_clock};

/* ---- life ---- */

static struct disk_sim *sim_make(uint64_t seed) {
    struct disk_sim *sim = calloc(1, sizeof *sim);
    need(sim != NULL, "no memory");
    sim->disk.run = sim_run;
    sim->disk.list = sim_list;
    sim->rng.state = seed;
    sim->io.operations = &sim_operations;
    sim->io.context = sim;
    sh_io_clock_take(&sim->io);
    return sim;
}

struct disk_sim *disk_sim_create(uint64_t seed) {
    struct disk_sim *sim = sim_make(seed);
    int root;
    (void)inode_make(sim, true, &root);
    return sim;
}

void disk_sim_destroy(struct disk_sim *sim) {
    if (sim == NULL) return;
    for (int i = 0; i < sim->inode_count; i++)
        inode_free(sim->inodes[i]);
    sh_free(sim->io.timers);
    free(sim);
}

struct sh_disk *disk_sim_disk(struct disk_sim *sim) {
    return &sim->disk;
}

struct sh_io *disk_sim_io(struct disk_sim *sim) {
    return &sim->io;
}

struct disk_sim_faults *disk_sim_faults(struct disk_sim *sim) {
    return &sim->faults;
}

uint64_t disk_sim_count(const struct disk_sim *sim) {
    return sim->count;
}

uint64_t disk_sim_writes(const struct disk_sim *sim) {
    return sim->write_count;
}

void disk_sim_advance(struct disk_sim *sim, uint64_t ns) {
    sim_clock_ns += ns;
    sh_io_clock_take(&sim->io);
}

/* ---- the end of a process, and of power ---- */

void disk_sim_kill(struct disk_sim *sim, struct split_random *rng) {
    while (sim->queue_count > 0) {
        struct sh_io_file_request *request = queue_take(sim, rng);
        if (split_one_in(rng, 2)) sim_run(&sim->disk, request);
    }
    memset(sim->handles, 0, sizeof sim->handles);
    sim->io.timer_count = 0;
    sim->faults = (struct disk_sim_faults){.space_bytes = sim->faults.space_bytes};
}

/* Keep nothing, all, or some share of what was not synced. */
static uint64_t keep_of_16(struct split_random *rng) {
    const uint64_t kind = split_below(rng, 6);
    return kind == 0 ? 0 : kind == 1 ? 16 : kind == 2 ? 15 : kind == 3 ? 1 : split_below(rng, 17);
}

static void version_keep(struct inode *inode, const struct version *version, struct split_random *rng) {
    uint64_t count = version->count;
    if (split_one_in(rng, 16)) count = split_below(rng, count + 1);
    put(&inode->bytes, &inode->size, &inode->capacity, (uint64_t)version->sector * SECTOR, version->bytes, count);
}

static void cut_file(struct inode *inode, const struct inode *old, uint64_t keep, struct split_random *rng) {
    if (old->durable_size > 0) put(&inode->bytes, &inode->size, &inode->capacity, 0, old->durable, old->durable_size);
    for (uint32_t i = 0; i < old->version_count; i++)
        if (split_below(rng, 16) < keep) version_keep(inode, &old->versions[i], rng);
    if (inode->size > old->durable_size && split_one_in(rng, 4))
        inode->size = old->durable_size + split_below(rng, inode->size - old->durable_size);
    if (inode->size > 0)
        put(&inode->durable, &inode->durable_size, &inode->durable_capacity, 0, inode->bytes, inode->size);
}

static void cut_directory(struct inode *inode, const struct inode *old, struct split_random *rng) {
    const uint64_t keep = keep_of_16(rng);
    *inode->names = *old->durable_names;
    for (uint32_t i = 0; i < old->change_count; i++)
        if (split_below(rng, 16) < keep) names_apply(inode->names, &old->changes[i]);
    *inode->durable_names = *inode->names;
}

/* What was on its way: as if some of it had been written a moment ago. */
static void cut_queue(struct disk_sim *cut, const struct disk_sim *sim, uint64_t keep, struct split_random *rng) {
    for (uint32_t q = 0; q < sim->queue_count; q++) {
        const struct sh_io_file_request *request = sim->queue[q];
        if (request->operation != SH_IO_FILE_WRITE) continue;
        struct inode *inode = cut->inodes[sim->handles[request->handle].inode];
        for (uint64_t at = 0; at < request->byte_count; at += SECTOR) {
            if (split_below(rng, 16) >= keep) continue;
            uint64_t count = request->byte_count - at < SECTOR ? request->byte_count - at : SECTOR;
            if (split_one_in(rng, 16)) count = split_below(rng, count + 1);
            if (request->offset + at > inode->size) continue;
            put(&inode->bytes, &inode->size, &inode->capacity, request->offset + at, request->bytes + at, count);
            put(&inode->durable, &inode->durable_size, &inode->durable_capacity, request->offset + at,
                request->bytes + at, count);
        }
    }
}

struct disk_sim *disk_sim_power_cut(const struct disk_sim *sim, struct split_random *rng) {
    struct disk_sim *cut = sim_make(split_next(rng));
    const uint64_t keep = keep_of_16(rng);
    cut->inode_count = sim->inode_count;
    for (int i = 0; i < sim->inode_count; i++) {
        if (sim->inodes[i] == NULL) continue;
        struct inode *inode = inode_new(sim->inodes[i]->is_directory);
        cut->inodes[i] = inode;
        if (inode->is_directory)
            cut_directory(inode, sim->inodes[i], rng);
        else
            cut_file(inode, sim->inodes[i], keep, rng);
    }
    cut_queue(cut, sim, keep, rng);
    return cut;
}

/* ---- looking and damaging ---- */

uint8_t *disk_sim_bytes(struct disk_sim *sim, const char *path, uint64_t *byte_count) {
    const int number = inode_of(sim, path);
    if (number < 0 || sim->inodes[number]->is_directory) return NULL;
    *byte_count = sim->inodes[number]->size;
    return sim->inodes[number]->bytes;
}

static bool contains_in(const struct disk_sim *sim, const struct inode *directory, const void *bytes, size_t count) {
    for (uint32_t i = 0; i < directory->names->count; i++) {
        const struct inode *inode = sim->inodes[directory->names->entries[i].inode];
        if (inode->is_directory) {
            if (contains_in(sim, inode, bytes, count)) return true;
        } else if (inode->size > 0 && memmem(inode->bytes, inode->size, bytes, count) != NULL) {
            return true;
        }
    }
    return false;
}

bool disk_sim_contains(const struct disk_sim *sim, const void *bytes, size_t count) {
    return contains_in(sim, sim->inodes[0], bytes, count);
}

uint64_t disk_sim_used(const struct disk_sim *sim) {
    return used_in(sim, sim->inodes[0]);
}

void disk_sim_settle(struct disk_sim *sim) {
    for (int i = 0; i < sim->inode_count; i++)
        if (sim->inodes[i] != NULL) sync_inode(sim->inodes[i]);
}

static void files_in(const struct disk_sim *sim, const struct inode *directory, const char *path,
                     void (*each)(void *context, const char *path, uint64_t byte_count), void *context) {
    for (uint32_t i = 0; i < directory->names->count; i++) {
        const struct entry *entry = &directory->names->entries[i];
        const struct inode *inode = sim->inodes[entry->inode];
        char name[256];
        (void)snprintf(name, sizeof name, "%s%s%s", path, path[0] == '\0' ? "" : "/", entry->name);
        if (inode->is_directory)
            files_in(sim, inode, name, each, context);
        else
            each(context, name, inode->size);
    }
}

void disk_sim_files(const struct disk_sim *sim, void (*each)(void *context, const char *path, uint64_t byte_count),
                    void *context) {
    files_in(sim, sim->inodes[0], "", each, context);
}

void disk_sim_shorten(struct disk_sim *sim, const char *path, uint64_t byte_count) {
    const int number = inode_of(sim, path);
    need(number >= 0 && byte_count <= sim->inodes[number]->size, "a file is made longer by shortening it");
    sim->inodes[number]->size = byte_count;
    sim->inodes[number]->durable_size = byte_count;
}
