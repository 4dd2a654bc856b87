/* sim_machine.h -- a made-up machine for a real server: clock, threads, disk, network, all in one thread, from a seed.
 *
 *        clients (sim_client.c)            what the server sees: host.h, io.h, disk.h
 *              |                                         |
 *   +----------v-----------------------------------------v----------------------------------------------+
 *   |  wires: bytes on their way, cut at    fibers: every thread of the server, with a stack of its own  |
 *   |  any byte, late, dropped              child:  the process that writes a snapshot, really forked,   |
 *   |  queue: file requests on their way             each of its file requests carried out when it is    |
 *   |  disk:  tests/support/disk_sim.h               its turn                                            |
 *   |                         machine_step(): one of all that can happen now, drawn by lot               |
 *   +----------------------------------------------------------------------------------------------------+
 *
 * A thread of the server gives way only where a thread waits: in sh_io_turn, in a wait for another thread, and in each
 * request to the disk. Between two of these it is alone, so one order of steps is one run, and the seed draws the
 * order. Time stands still but for what steps, looks at the clock and waiting take. The same seed does the same steps:
 * `trace` is a hash of all of them, with every byte that was written to the disk and every byte that a client read.
 *
 * A crash is the end of all fibers and wires at a step; what the disk has then is disk_sim.h's business.
 */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "disk_sim.h"
#include "host.h"
#include "split_random.h"

enum {
    SIM_FIBER_COUNT_MAX = 16,
    SIM_IO_COUNT_MAX = 8,
    SIM_WIRE_COUNT_MAX = 64,
};

struct sim_machine;
struct sim_fiber;
struct sim_io;

/* One connection, as both sides see it. */
struct sim_wire {
    struct sh_io_connection base; /* the server's handle: must be first */
    struct sim_machine *machine;
    struct sim_io *io; /* NULL: not accepted yet, or gone */
    struct sh_buffer to_server;
    size_t to_server_at;
    uint64_t to_server_due_ns; /* the next bytes arrive */
    struct sh_buffer to_client;
    size_t to_client_at;
    uint64_t to_client_due_ns;
    /* of the client */
    bool is_cut;   /* both directions are lost */
    bool is_ended; /* the client sends no more */
    bool is_left;  /* the client looks at it no more: its place may be used again when the server has closed it, too */
    /* of the server */
    bool is_accepted;
    bool is_paused;
    bool is_end_told;
    bool is_closing;
    bool is_gone;       /* on_closed was called, or the server is no more */
    bool is_server_end; /* sh_io_end */
    const uint8_t *send_at;
    size_t send_left;
    bool is_sending;
    uint64_t sent_due_ns;
};

/* What happens on this machine apart from the server. */
struct sim_actor {
    bool (*can_act)(void *context, uint64_t now_ns, uint64_t *due_ns); /* *due_ns: when to ask again, or UINT64_MAX */
    void (*act)(void *context);
    void *context;
};

struct sim_machine {
    struct sh_host host; /* must be first */
    struct sh_disk disk_door;
    struct disk_sim *disk;
    struct split_random rng;
    uint64_t now_ns;
    int64_t wall_ms; /* wall clock at now_ns 0: jumps */
    uint64_t step_count;
    uint64_t trace;
    struct sim_fiber *fibers[SIM_FIBER_COUNT_MAX];
    uint32_t fiber_count;
    struct sim_fiber *running; /* NULL: the scheduler */
    struct sim_io *ios[SIM_IO_COUNT_MAX];
    uint32_t io_count;
    struct sim_wire *wires[SIM_WIRE_COUNT_MAX];
    struct sim_actor *actors;
    uint32_t actor_count;
    /* the child */
    struct sh_host_child *child;
    uint64_t child_due_ns;
    int child_line;
    bool is_child; /* this process is it */
    /* what the world turns */
    uint64_t disk_latency_ns; /* of a request, on average */
    uint64_t wire_latency_ns;
    bool may_stall;          /* now and then a thread stands still for a while */
    uint64_t crash_requests; /* crash when so many more file requests were begun; 0: not by this */
    bool is_crash_due;
    bool log_requests;
    uint64_t allocations_left; /* of the server's, until one fails; UINT64_MAX: none will */
    bool has_failed_allocation;
    uint64_t request_count;
    uint32_t stuck_count;
};

struct sim_machine *sim_machine_create(uint64_t seed);

/* A thread of the server. */
struct sim_fiber *sim_fiber_start(struct sim_machine *machine, void *(*run)(void *argument), void *argument);
bool sim_fiber_has_ended(const struct sim_fiber *fiber);
/* One of all that can happen. False: nothing ever will again. */
bool sim_machine_step(struct sim_machine *machine);
/* All threads, connections and handles of the server are gone. The disk stays; what was on its way to it is still in
 * its queue (disk_sim_kill, disk_sim_power_cut). What the server had in memory is left behind, as nobody else's. */
void sim_machine_drop_server(struct sim_machine *machine);
void sim_machine_note(struct sim_machine *machine, const void *bytes, size_t count); /* into the trace */
/* Drawn by lot for the machine itself: short mostly, at times long; the mean is about `mean`. */
uint64_t sim_machine_latency(struct sim_machine *machine, uint64_t mean);

/* ---- the client's end of a wire; sim_io.c ---- */

/* NULL: nobody accepts. */
struct sim_wire *sim_wire_open(struct sim_machine *machine);
/* The same, to the loop of this number. */
struct sim_wire *sim_wire_open_to(struct sim_machine *machine, uint32_t number);
void sim_wire_write(struct sim_wire *wire, const void *bytes, size_t count);
/* Some of what has arrived. 0: nothing now; then *is_over says whether anything ever will. */
size_t sim_wire_read(struct sim_wire *wire, void *bytes, size_t room, bool *is_over);
bool sim_wire_can_read(const struct sim_wire *wire, uint64_t *due_ns);
void sim_wire_end(struct sim_wire *wire);
/* The connection is lost; what was on its way to the server may still come there. */
void sim_wire_cut(struct sim_wire *wire);
/* The client looks at it no more. */
void sim_wire_leave(struct sim_wire *wire);

/* ---- of this folder: sim_io.c, sim_child.c ---- */

enum sh_status sim_io_create(struct sh_host *host, enum sh_io_body body, const struct sh_io_events *events,
                             void *context, struct sh_io **io, struct sh_error *err);
/* Is there something for a turn of this io? Else *due_ns says when there may be. */
bool sim_io_is_ready(const struct sim_io *io, uint64_t *due_ns);
/* Sleep in the running fiber: until ready (io not NULL) or due. */
void sim_fiber_sleep(struct sim_machine *machine, struct sim_io *io, uint64_t until_ns);
void sim_machine_clock(struct sim_machine *machine, int64_t *now_ms, uint64_t *monotonic_ns);
extern struct sim_machine *sim_machine_now; /* the one there is: a clock is asked without saying whose */

bool sim_child_start(struct sh_host *host, struct sh_host_child *child, void (*work)(void *context, void *report),
                     void *context, size_t report_bytes);
enum sh_host_child_state sim_child_look(struct sh_host *host, struct sh_host_child *child, void *report,
                                        size_t report_bytes);
void sim_child_end(struct sh_host *host, struct sh_host_child *child);
/* One request of the child, or its end. */
void sim_child_step(struct sim_machine *machine);
/* In the child: ask the machine. */
void sim_child_ask(struct sim_machine *machine, struct sh_io_file_request *request);
enum sh_status sim_child_ask_names(struct sim_machine *machine, const char *path,
                                   void (*each)(void *context, const char *name), void *context, struct sh_error *err);
/* A request is begun: count it, and see whether the crash comes now. */
void sim_machine_count_request(struct sim_machine *machine, const struct sh_io_file_request *request);

#endif
