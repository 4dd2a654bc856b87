/* sim_io.c -- the io of a made-up machine: file requests and wires, as io.h promises them, and the client's end. */
#include <errno.h>
#include <string.h>

#include "io_private.h"
#include "memory.h"
#include "sim_machine.h"

enum {
    FILE_COUNT_MAX = 64,
    PIPE_BYTES = 32 << 10, /* what the network takes from a side before the other has read it */
    CLIENT_BYTES_MAX = 16 << 20,
    NEXT_PIECE_NS = 4000,
};

struct sim_file {
    struct sh_io_file_request *request;
    uint64_t due_ns;
};

struct sim_io {
    struct sh_io base;
    struct sim_machine *machine;
    bool is_woken;
    bool is_accepting;
    struct sim_file files[FILE_COUNT_MAX];
    uint32_t file_count;
};

static struct sim_io *io_of(struct sh_io *io) {
    return (struct sim_io *)io;
}

static struct sim_wire *wire_of(struct sh_io_connection *connection) {
    return (struct sim_wire *)(void *)connection;
}

/* ---- wires: what can happen ---- */

static bool has_bytes(const struct sim_wire *wire) {
    return wire->to_server_at < wire->to_server.count;
}

static bool can_read(const struct sim_wire *wire) {
    if (wire->is_paused || wire->is_end_told || wire->is_closing) return false;
    return has_bytes(wire) || wire->is_ended || wire->is_cut;
}

static bool has_sent(const struct sim_wire *wire) {
    return wire->is_sending && !wire->is_closing && (wire->send_left == 0 || wire->is_cut);
}

static bool wire_is_ready(const struct sim_wire *wire, uint64_t now_ns, uint64_t *due_ns) {
    if (wire->is_closing || !wire->is_accepted) return true;
    if (has_sent(wire)) {
        if (wire->sent_due_ns <= now_ns) return true;
        if (wire->sent_due_ns < *due_ns) *due_ns = wire->sent_due_ns;
    }
    if (can_read(wire)) {
        if (wire->to_server_due_ns <= now_ns) return true;
        if (wire->to_server_due_ns < *due_ns) *due_ns = wire->to_server_due_ns;
    }
    return false;
}

bool sim_io_is_ready(const struct sim_io *io, uint64_t *due_ns) {
    const struct sim_machine *machine = io->machine;
    if (io->is_woken) return true;
    for (uint32_t i = 0; i < io->file_count; i++) {
        if (io->files[i].due_ns <= machine->now_ns) return true;
        if (io->files[i].due_ns < *due_ns) *due_ns = io->files[i].due_ns;
    }
    for (uint32_t i = 0; i < SIM_WIRE_COUNT_MAX; i++) {
        const struct sim_wire *wire = machine->wires[i];
        if (wire == NULL || wire->io != io) continue;
        if (!wire->is_accepted && !io->is_accepting) continue;
        if (wire_is_ready(wire, machine->now_ns, due_ns)) return true;
    }
    return false;
}

/* Move what fits from the server's send onto the wire. */
static void pump(struct sim_wire *wire) {
    if (!wire->is_sending || wire->send_left == 0 || wire->is_cut) return;
    const size_t queued = wire->to_client.count - wire->to_client_at;
    size_t count = queued < PIPE_BYTES ? PIPE_BYTES - queued : 0;
    if (count > wire->send_left) count = wire->send_left;
    if (count == 0) return;
    /* Its room was made when it was opened: what a network takes is not the server's memory. */
    if (wire->to_client_at > 0 && queued > 0)
        memmove(wire->to_client.bytes, wire->to_client.bytes + wire->to_client_at, queued);
    wire->to_client.count = queued;
    wire->to_client_at = 0;
    if (queued == 0)
        wire->to_client_due_ns =
            wire->machine->now_ns + sim_machine_latency(wire->machine, wire->machine->wire_latency_ns);
    sh_buffer_append(&wire->to_client, wire->send_at, count);
    wire->send_at += count;
    wire->send_left -= count;
    if (wire->send_left == 0)
        wire->sent_due_ns = wire->machine->now_ns + sim_machine_latency(wire->machine, NEXT_PIECE_NS);
}

/* ---- wires: what happens ---- */

static void deliver_bytes(struct sim_io *io, struct sim_wire *wire) {
    struct sim_machine *machine = io->machine;
    uint8_t piece[SH_IO_RECEIVE_BYTES];
    size_t count = wire->to_server.count - wire->to_server_at;
    if (count > sizeof piece) count = sizeof piece;
    if (count > 1 && split_one_in(&machine->rng, 3)) count = 1 + split_below(&machine->rng, count);
    if (count > 0) memcpy(piece, wire->to_server.bytes + wire->to_server_at, count);
    wire->to_server_at += count;
    if (wire->to_server_at == wire->to_server.count) {
        wire->to_server_at = 0;
        sh_buffer_clear(&wire->to_server);
    }
    wire->to_server_due_ns = machine->now_ns + sim_machine_latency(machine, NEXT_PIECE_NS);
    if (count == 0) wire->is_end_told = true;
    io->base.statistics.receive_count++;
    io->base.statistics.received_bytes += count;
    io->base.events->on_bytes(io->base.context, &wire->base, piece, count);
}

static void deliver_wire(struct sim_io *io, struct sim_wire *wire) {
    const uint64_t now_ns = io->machine->now_ns;
    if (!wire->is_accepted) {
        if (!io->is_accepting) return;
        wire->is_accepted = true;
        io->base.statistics.accept_count++;
        io->base.events->on_accept(io->base.context, &wire->base);
        return;
    }
    if (has_sent(wire) && wire->sent_due_ns <= now_ns) {
        const enum sh_status status = wire->send_left > 0 || wire->is_cut ? SH_ERR_CLOSED : SH_OK;
        wire->is_sending = false;
        wire->send_left = 0;
        io->base.events->on_sent(io->base.context, &wire->base, status);
    }
    if (can_read(wire) && wire->to_server_due_ns <= now_ns) deliver_bytes(io, wire);
    if (!wire->is_closing) return;
    wire->is_gone = true;
    wire->io = NULL;
    io->base.events->on_closed(io->base.context, &wire->base);
}

static void deliver_file(struct sim_io *io, uint32_t place) {
    struct sh_io_file_request *request = io->files[place].request;
    io->files[place] = io->files[--io->file_count];
    disk_sim_finish(io->machine->disk, request);
    request->done(io->base.context, request);
}

static void deliver_files(struct sim_io *io) {
    for (uint32_t i = io->file_count; i-- > 0;)
        if (i < io->file_count && io->files[i].due_ns <= io->machine->now_ns && !split_one_in(&io->machine->rng, 8))
            deliver_file(io, i);
}

static enum sh_status turn(struct sh_io *base, uint64_t wait_ns, struct sh_error *err) {
    struct sim_io *io = io_of(base);
    struct sim_machine *machine = io->machine;
    (void)err;
    sim_fiber_sleep(machine, io, machine->now_ns + wait_ns);
    sh_io_clock_take(base);
    const bool files_first = split_one_in(&machine->rng, 2);
    const uint32_t first = (uint32_t)split_below(&machine->rng, SIM_WIRE_COUNT_MAX);
    if (files_first) deliver_files(io);
    for (uint32_t i = 0; i < SIM_WIRE_COUNT_MAX; i++) {
        struct sim_wire *wire = machine->wires[(first + i) % SIM_WIRE_COUNT_MAX];
        uint64_t due_ns = UINT64_MAX;
        if (wire == NULL || wire->io != io || !wire_is_ready(wire, machine->now_ns, &due_ns)) continue;
        if (!split_one_in(&machine->rng, 8)) deliver_wire(io, wire);
    }
    if (!files_first) deliver_files(io);
    if (io->is_woken) {
        io->is_woken = false;
        base->events->on_wake(base->context);
    }
    return SH_OK;
}

/* ---- what the server asks for ---- */

static void destroy(struct sh_io *base) {
    struct sim_io *io = io_of(base);
    struct sim_machine *machine = io->machine;
    for (uint32_t i = 0; i < machine->io_count; i++)
        if (machine->ios[i] == io) machine->ios[i] = machine->ios[--machine->io_count];
    for (uint32_t i = 0; i < SIM_WIRE_COUNT_MAX; i++) {
        struct sim_wire *wire = machine->wires[i];
        if (wire == NULL || wire->io != io) continue;
        wire->is_cut = true;
        wire->is_gone = true;
        wire->io = NULL;
    }
    sh_free(io);
}

static void flush(struct sh_io *base) {
    (void)base;
}

static void wake(struct sh_io *base) {
    io_of(base)->is_woken = true;
}

static void clock_read(int64_t *now_ms, uint64_t *monotonic_ns) {
    sim_machine_clock(sim_machine_now, now_ms, monotonic_ns);
}

static enum sh_status accept_begin(struct sh_io *base, const struct sh_io_listener *listener, struct sh_error *err) {
    (void)listener;
    (void)err;
    io_of(base)->is_accepting = true;
    return SH_OK;
}

static struct sh_io_connection *adopt(struct sh_io *base, int handle) {
    (void)base;
    (void)handle;
    return NULL;
}

static void accept_stop(struct sh_io *base) {
    struct sim_io *io = io_of(base);
    io->is_accepting = false;
    for (uint32_t i = 0; i < SIM_WIRE_COUNT_MAX; i++) {
        struct sim_wire *wire = io->machine->wires[i];
        if (wire == NULL || wire->io != io || wire->is_accepted) continue;
        wire->is_cut = true;
        wire->is_gone = true;
        wire->io = NULL;
    }
}

static void send_bytes(struct sh_io *base, struct sh_io_connection *connection, const void *bytes, size_t count) {
    (void)base;
    struct sim_wire *wire = wire_of(connection);
    sh_assert(!wire->is_sending);
    sh_assert(!wire->is_closing);
    wire->is_sending = true;
    wire->send_at = bytes;
    wire->send_left = count;
    wire->sent_due_ns = wire->machine->now_ns + sim_machine_latency(wire->machine, NEXT_PIECE_NS);
    pump(wire);
}

static void pause_wire(struct sh_io *base, struct sh_io_connection *connection) {
    (void)base;
    wire_of(connection)->is_paused = true;
}

static void resume_wire(struct sh_io *base, struct sh_io_connection *connection) {
    (void)base;
    wire_of(connection)->is_paused = false;
}

static void end_wire(struct sh_io *base, struct sh_io_connection *connection) {
    (void)base;
    sh_assert(!wire_of(connection)->is_sending);
    wire_of(connection)->is_server_end = true;
}

static void close_wire(struct sh_io *base, struct sh_io_connection *connection) {
    (void)base;
    struct sim_wire *wire = wire_of(connection);
    wire->is_closing = true;
    wire->is_sending = false;
    wire->is_server_end = true;
}

static void file(struct sh_io *base, struct sh_io_file_request *request) {
    struct sim_io *io = io_of(base);
    struct sim_machine *machine = io->machine;
    sh_assert(io->file_count < FILE_COUNT_MAX);
    sim_machine_count_request(machine, request);
    disk_sim_submit(machine->disk, request);
    io->files[io->file_count++] =
        (struct sim_file){request, machine->now_ns + sim_machine_latency(machine, machine->disk_latency_ns)};
}

static const struct sh_io_operations sim_io_operations = {
    .destroy = destroy,
    .turn = turn,
    .flush = flush,
    .wake = wake,
    .clock = clock_read,
    .accept = accept_begin,
    .adopt = adopt,
    .accept_stop = accept_stop,
    .send = send_bytes,
    .pause = pause_wire,
    .resume = resume_wire,
    .end = end_wire,
    .close = close_wire,
    .file = file,
};

enum sh_status sim_io_create(struct sh_host *host, enum sh_io_body body, const struct sh_io_events *events,
                             void *context, struct sh_io **made, struct sh_error *err) {
    struct sim_machine *machine = (struct sim_machine *)host;
    (void)body;
    struct sim_io *io = sh_alloc_zero(sizeof *io);
    if (io == NULL || machine->io_count == SIM_IO_COUNT_MAX)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no room for an io");
    io->base.operations = &sim_io_operations;
    io->base.events = events;
    io->base.context = context;
    io->machine = machine;
    machine->ios[machine->io_count++] = io;
    sh_io_clock_take(&io->base);
    *made = &io->base;
    return SH_OK;
}

/* ---- the client's end ---- */

static struct sim_wire **free_place(struct sim_machine *machine) {
    for (uint32_t i = 0; i < SIM_WIRE_COUNT_MAX; i++) {
        struct sim_wire *wire = machine->wires[i];
        if (wire == NULL) return &machine->wires[i];
        if (!wire->is_left || !wire->is_gone) continue;
        sh_buffer_deinit(&wire->to_server);
        sh_buffer_deinit(&wire->to_client);
        sh_free(wire);
        machine->wires[i] = NULL;
        return &machine->wires[i];
    }
    return NULL;
}

struct sim_wire *sim_wire_open_to(struct sim_machine *machine, uint32_t number) {
    struct sim_wire **place = free_place(machine);
    if (number >= machine->io_count || !machine->ios[number]->is_accepting || place == NULL) return NULL;
    struct sim_wire *wire = sh_alloc_zero(sizeof *wire);
    if (wire == NULL) return NULL;
    *place = wire;
    wire->machine = machine;
    wire->io = machine->ios[number];
    sh_buffer_init(&wire->to_server, CLIENT_BYTES_MAX);
    sh_buffer_init(&wire->to_client, CLIENT_BYTES_MAX);
    if (sh_buffer_reserve(&wire->to_client, PIPE_BYTES) == NULL) sh_assert(false);
    return wire;
}

struct sim_wire *sim_wire_open(struct sim_machine *machine) {
    if (machine->io_count == 0) return NULL;
    const uint32_t first = (uint32_t)split_below(&machine->rng, machine->io_count);
    for (uint32_t i = 0; i < machine->io_count; i++) {
        struct sim_wire *wire = sim_wire_open_to(machine, (first + i) % machine->io_count);
        if (wire != NULL) return wire;
    }
    return NULL;
}

void sim_wire_write(struct sim_wire *wire, const void *bytes, size_t count) {
    struct sim_machine *machine = wire->machine;
    if (wire->is_cut || wire->is_gone) return;
    if (!has_bytes(wire))
        wire->to_server_due_ns = machine->now_ns + sim_machine_latency(machine, machine->wire_latency_ns);
    sh_buffer_append(&wire->to_server, bytes, count);
}

bool sim_wire_can_read(const struct sim_wire *wire, uint64_t *due_ns) {
    if (wire->is_cut) return true;
    if (wire->to_client_at == wire->to_client.count) return wire->is_server_end || wire->is_gone;
    if (wire->to_client_due_ns <= wire->machine->now_ns) return true;
    if (wire->to_client_due_ns < *due_ns) *due_ns = wire->to_client_due_ns;
    return false;
}

size_t sim_wire_read(struct sim_wire *wire, void *bytes, size_t room, bool *is_over) {
    struct sim_machine *machine = wire->machine;
    size_t count = wire->to_client.count - wire->to_client_at;
    *is_over = wire->is_cut || (count == 0 && (wire->is_server_end || wire->is_gone));
    if (wire->is_cut || count == 0 || wire->to_client_due_ns > machine->now_ns) return 0;
    if (count > room) count = room;
    if (count > 1 && split_one_in(&machine->rng, 3)) count = 1 + split_below(&machine->rng, count);
    memcpy(bytes, wire->to_client.bytes + wire->to_client_at, count);
    sim_machine_note(machine, bytes, count);
    wire->to_client_at += count;
    if (wire->to_client_at == wire->to_client.count) {
        wire->to_client_at = 0;
        sh_buffer_clear(&wire->to_client);
    }
    wire->to_client_due_ns = machine->now_ns + sim_machine_latency(machine, NEXT_PIECE_NS);
    pump(wire);
    return count;
}

void sim_wire_end(struct sim_wire *wire) {
    wire->is_ended = true;
}

void sim_wire_cut(struct sim_wire *wire) {
    struct sim_machine *machine = wire->machine;
    if (wire->is_cut) return;
    wire->is_cut = true;
    /* Of what was on its way some may still arrive, up to any byte, at any time. */
    const size_t left = wire->to_server.count - wire->to_server_at;
    if (left > 0) wire->to_server.count -= split_below(&machine->rng, left + 1);
    wire->to_server_due_ns = machine->now_ns + sim_machine_latency(machine, 50 * machine->wire_latency_ns);
    wire->sent_due_ns = machine->now_ns + sim_machine_latency(machine, machine->wire_latency_ns);
    if (wire->io != NULL && !wire->is_accepted && !wire->io->is_accepting) wire->is_gone = true;
}

void sim_wire_leave(struct sim_wire *wire) {
    sim_wire_cut(wire);
    wire->is_left = true;
}
