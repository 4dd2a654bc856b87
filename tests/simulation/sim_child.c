/* sim_child.c -- the process that writes a snapshot, on a made-up machine.
 *
 * It is forked as on a real one, so its memory is as the server's was at that moment; but each request to its disk goes
 * through a pair of sockets to the machine, which carries it out when the lot falls on the child, and only then answers.
 * So it does one request a step, between any two steps of the threads, and it can be ended before any of them.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim_machine.h"

enum { PATH_BYTES = 256, NAMES_BYTES = 64 << 10, REPORT_BYTES_MAX = 4096 };

enum asked_kind { ASKED_REQUEST, ASKED_NAMES, ASKED_END };

/* What the child says; a write's bytes follow. */
struct asked {
    enum asked_kind kind;
    enum sh_io_file_operation operation;
    unsigned open_flags;
    int handle;
    size_t byte_count;
    uint64_t offset;
    bool has_path;
    bool has_target;
    char path[PATH_BYTES];
    char path_target[PATH_BYTES];
};

/* What it gets; the bytes of a read, or names, follow. */
struct answered {
    enum sh_status status;
    int system_error;
    int64_t result;
    size_t byte_count;
};

static int child_line = -1;
static uint8_t report_bytes_of_child[REPORT_BYTES_MAX];
static enum sh_host_child_state child_state;
static void *scratch;
static size_t scratch_bytes;

static void *scratch_of(size_t count) {
    if (count > scratch_bytes) {
        free(scratch);
        scratch = malloc(count);
        if (scratch == NULL) abort();
        scratch_bytes = count;
    }
    return scratch;
}

/* The other side is a process of ours: it is there, or this one ends. */
static void put(int line, const void *bytes, size_t count) {
    for (size_t at = 0; at < count;) {
        const ssize_t sent = send(line, (const uint8_t *)bytes + at, count - at, MSG_NOSIGNAL);
        if (sent > 0)
            at += (size_t)sent;
        else if (errno != EINTR)
            _exit(1);
    }
}

static bool take(int line, void *bytes, size_t count) {
    for (size_t at = 0; at < count;) {
        const ssize_t got = recv(line, (uint8_t *)bytes + at, count - at, 0);
        if (got > 0)
            at += (size_t)got;
        else if (got == 0 || errno != EINTR)
            return false;
    }
    return true;
}

/* ---- in the child ---- */

void sim_child_ask(struct sim_machine *machine, struct sh_io_file_request *request) {
    (void)machine;
    struct asked asked;
    struct answered answered;
    memset(&asked, 0, sizeof asked);
    asked.kind = ASKED_REQUEST;
    asked.operation = request->operation;
    asked.open_flags = request->open_flags;
    asked.handle = request->handle;
    asked.byte_count = request->byte_count;
    asked.offset = request->offset;
    asked.has_path = request->path != NULL;
    asked.has_target = request->path_target != NULL;
    if (asked.has_path) strncpy(asked.path, request->path, PATH_BYTES - 1);
    if (asked.has_target) strncpy(asked.path_target, request->path_target, PATH_BYTES - 1);
    put(child_line, &asked, sizeof asked);
    if (request->operation == SH_IO_FILE_WRITE) put(child_line, request->bytes, request->byte_count);
    if (!take(child_line, &answered, sizeof answered)) _exit(1);
    if (answered.byte_count > 0 && !take(child_line, request->bytes, answered.byte_count)) _exit(1);
    request->status = answered.status;
    request->system_error = answered.system_error;
    request->result = answered.result;
}

enum sh_status sim_child_ask_names(struct sim_machine *machine, const char *path,
                                   void (*each)(void *context, const char *name), void *context, struct sh_error *err) {
    (void)machine;
    struct asked asked;
    struct answered answered;
    memset(&asked, 0, sizeof asked);
    asked.kind = ASKED_NAMES;
    strncpy(asked.path, path, PATH_BYTES - 1);
    put(child_line, &asked, sizeof asked);
    if (!take(child_line, &answered, sizeof answered)) _exit(1);
    char *names = malloc(answered.byte_count + 1);
    if (names == NULL || !take(child_line, names, answered.byte_count)) _exit(1);
    for (size_t at = 0; at < answered.byte_count; at += strlen(names + at) + 1)
        each(context, names + at);
    free(names);
    if (answered.status != SH_OK) return sh_fail(err, answered.status, -1, "cannot read directory %s", path);
    return SH_OK;
}

bool sim_child_start(struct sh_host *host, struct sh_host_child *child, void (*work)(void *context, void *report),
                     void *context, size_t report_bytes) {
    struct sim_machine *machine = (struct sim_machine *)host;
    int ends[2];
    if (report_bytes > REPORT_BYTES_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    const pid_t process = fork();
    if (process < 0) abort();
    if (process == 0) {
        struct asked asked;
        (void)close(ends[0]);
        child_line = ends[1];
        machine->is_child = true;
        work(context, report_bytes_of_child);
        memset(&asked, 0, sizeof asked);
        asked.kind = ASKED_END;
        asked.byte_count = report_bytes;
        put(child_line, &asked, sizeof asked);
        put(child_line, report_bytes_of_child, report_bytes);
        _exit(0);
    }
    (void)close(ends[1]);
    *child = (struct sh_host_child){.process = process, .pipe = ends[0]};
    machine->child = child;
    machine->child_line = ends[0];
    machine->child_due_ns = machine->now_ns + sim_machine_latency(machine, machine->disk_latency_ns);
    child_state = SH_HOST_CHILD_RUNS;
    return true;
}

/* ---- on the machine ---- */

static void child_is_over(struct sim_machine *machine, enum sh_host_child_state state) {
    (void)close(machine->child_line);
    while (waitpid(machine->child->process, NULL, 0) < 0 && errno == EINTR) {}
    machine->child_line = -1;
    machine->child = NULL;
    child_state = state;
}

static void carry_out(struct sim_machine *machine, const struct asked *asked) {
    struct sh_io_file_request request = {
        .operation = asked->operation,
        .open_flags = asked->open_flags,
        .handle = asked->handle,
        .path = asked->has_path ? asked->path : NULL,
        .path_target = asked->has_target ? asked->path_target : NULL,
        .byte_count = asked->byte_count,
        .offset = asked->offset,
    };
    request.bytes = scratch_of(asked->byte_count + 1);
    if (asked->operation == SH_IO_FILE_WRITE && !take(machine->child_line, request.bytes, request.byte_count)) abort();
    sim_machine_count_request(machine, &request);
    struct sh_disk *disk = disk_sim_disk(machine->disk);
    disk->run(disk, &request);
    struct answered answered;
    memset(&answered, 0, sizeof answered);
    answered.status = request.status;
    answered.system_error = request.system_error;
    answered.result = request.result;
    if (asked->operation == SH_IO_FILE_READ && request.status == SH_OK) answered.byte_count = (size_t)request.result;
    put(machine->child_line, &answered, sizeof answered);
    if (answered.byte_count > 0) put(machine->child_line, request.bytes, answered.byte_count);
}

struct names {
    char bytes[NAMES_BYTES];
    size_t count;
};

static void add_name(void *context, const char *name) {
    struct names *names = context;
    const size_t count = strlen(name) + 1;
    if (names->count + count > sizeof names->bytes) abort();
    memcpy(names->bytes + names->count, name, count);
    names->count += count;
}

static void list_names(struct sim_machine *machine, const struct asked *asked) {
    static struct names names;
    struct answered answered;
    struct sh_disk *disk = disk_sim_disk(machine->disk);
    names.count = 0;
    memset(&answered, 0, sizeof answered);
    answered.status = disk->list(disk, asked->path, add_name, &names, NULL);
    answered.byte_count = names.count;
    put(machine->child_line, &answered, sizeof answered);
    put(machine->child_line, names.bytes, names.count);
}

void sim_child_step(struct sim_machine *machine) {
    struct asked asked;
    if (!take(machine->child_line, &asked, sizeof asked)) {
        child_is_over(machine, SH_HOST_CHILD_LOST);
        return;
    }
    machine->child_due_ns = machine->now_ns + sim_machine_latency(machine, machine->disk_latency_ns);
    switch (asked.kind) {
    case ASKED_REQUEST:
        carry_out(machine, &asked);
        return;
    case ASKED_NAMES:
        list_names(machine, &asked);
        return;
    case ASKED_END:
        if (!take(machine->child_line, report_bytes_of_child, asked.byte_count)) abort();
        child_is_over(machine, SH_HOST_CHILD_REPORTED);
        return;
    }
}

enum sh_host_child_state sim_child_look(struct sh_host *host, struct sh_host_child *child, void *report,
                                        size_t report_bytes) {
    (void)host;
    if (child_state == SH_HOST_CHILD_RUNS) return child_state;
    if (child_state == SH_HOST_CHILD_REPORTED) memcpy(report, report_bytes_of_child, report_bytes);
    *child = (struct sh_host_child){.process = 0};
    return child_state;
}

void sim_child_end(struct sh_host *host, struct sh_host_child *child) {
    struct sim_machine *machine = (struct sim_machine *)host;
    if (machine->child != NULL && child->process != 0) {
        (void)kill(child->process, SIGKILL);
        child_is_over(machine, SH_HOST_CHILD_LOST);
    }
    *child = (struct sh_host_child){.process = 0};
}
