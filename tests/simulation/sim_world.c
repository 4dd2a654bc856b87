#include "sim_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "log_format.h"
#include "loop.h"
#include "msgpack_text.h"
#include "sim_twin.h"
#include "sim_world_private.h"

enum {
    ERA_COUNT_MAX = 8,
    START_COUNT_MAX = 40,
    STEP_COUNT_MAX = 30000000,
    ANSWER_BYTES = 8 << 20,
    ERA_NS_MAX = 600, /* seconds */
};

enum failure { FAIL_NOTHING, FAIL_ONE, FAIL_ALL, FAIL_SPACE, FAIL_SLOW, FAIL_LIE, FAIL_COUNT };

void sim_world_fail(struct sim_world *world, const char *format, ...) {
    va_list arguments;
    struct sim_outcome *outcome = world->outcome;
    if (outcome->fault[0] != '\0') return;
    va_start(arguments, format);
    (void)vsnprintf(outcome->fault, sizeof outcome->fault, format, arguments);
    va_end(arguments);
}

bool sim_world_is_well(struct sim_world *world) {
    for (uint32_t i = 0; i < world->client_count; i++)
        if (world->clients[i].fault[0] != '\0') sim_world_fail(world, "%s", world->clients[i].fault);
    return world->outcome->fault[0] == '\0';
}

void sim_world_say(const struct sim_world *world, const char *format, ...) {
    va_list arguments;
    if (!world->options->is_verbose) return;
    va_start(arguments, format);
    printf("  %10.6f  step %llu  ", (double)world->machine->now_ns / 1e9,
           (unsigned long long)world->machine->step_count);
    (void)vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

static uint64_t below(struct sim_world *world, uint64_t bound) {
    return split_below(&world->rng, bound);
}

static bool step(struct sim_world *world) {
    if (!sim_machine_step(world->machine)) {
        sim_world_fail(world, "everything waits, for ever");
        return false;
    }
    if (world->machine->step_count < STEP_COUNT_MAX) return true;
    sim_world_fail(world, "it does not come to an end");
    return false;
}

void sim_world_hold(struct sim_world *world, bool is_held) {
    for (uint32_t i = 0; i < world->client_count; i++)
        world->clients[i].is_held = is_held;
}

/* ---- starting, stopping, crashing ---- */

static void *starter_main(void *argument) {
    struct sim_world *world = argument;
    if (world->is_to_end) {
        world->status = sh_server_join(world->server, &world->err);
        world->server = NULL;
    } else {
        world->status = sh_server_start(&world->server_options, &world->server, &world->err);
    }
    return NULL;
}

/* The server is gone from one step to the next. */
void sim_world_crash(struct sim_world *world, enum sim_crash kind) {
    struct sim_machine *machine = world->machine;
    world->outcome->crash_count++;
    sim_world_say(world, "%s", kind == CRASH_POWER ? "the power is cut" : "the process is killed");
    if (world->server != NULL) world->outcome->snapshot_count += (uint32_t)world->server->snapshots.done_count;
    if (kind == CRASH_POWER) {
        struct disk_sim *cut = disk_sim_power_cut(machine->disk, &world->rng);
        machine->disk = cut; /* the old one stays with those whose requests it had */
    } else {
        disk_sim_kill(machine->disk, &world->rng);
    }
    sim_machine_drop_server(machine);
    *disk_sim_faults(machine->disk) = (struct disk_sim_faults){0};
    world->server = NULL;
    for (uint32_t i = 0; i < world->client_count; i++)
        sim_client_lose(&world->clients[i]);
    machine->now_ns += below(world, 2000000000);
}

/* Does the refusal say where the damage is? */
bool sim_world_names_damage(const struct sh_error *err) {
    const char *words = err->message;
    /* What shoal.data says is compared with what everything else says. */
    if (strstr(words, "shoal.data") != NULL || strstr(words, "belongs to store") != NULL) return true;
    if (strstr(words, "data is of") != NULL) return true;
    const bool has_place = strstr(words, "offset") != NULL || strstr(words, "record") != NULL;
    if (err->status != SH_ERR_CORRUPT) return false;
    return strstr(words, "snapshot") != NULL || (strstr(words, "shard-") != NULL && has_place);
}

bool sim_world_try_start(struct sim_world *world, bool may_crash) {
    struct sim_machine *machine = world->machine;
    world->is_to_end = false;
    world->server = NULL;
    world->starter = sim_fiber_start(machine, starter_main, world);
    if (may_crash) machine->crash_requests = 1 + below(world, 120);
    while (!sim_fiber_has_ended(world->starter) && !machine->is_crash_due)
        if (!step(world)) return false;
    if (!sim_fiber_has_ended(world->starter)) {
        world->outcome->recovery_crashes++;
        sim_world_crash(world, split_one_in(&world->rng, 2) ? CRASH_POWER : CRASH_KILL);
        return false;
    }
    if (may_crash) {
        machine->is_crash_due = false;
        machine->crash_requests = 0;
    }
    if (world->status == SH_OK) return true;
    sim_world_say(world, "no start: %d %s", (int)world->status, world->err.message);
    sim_machine_drop_server(machine);
    return false;
}

/* Until it serves. It may refuse for a fault that the disk has now; then the disk is well again. */
bool sim_world_start(struct sim_world *world) {
    for (uint32_t i = 0; i < START_COUNT_MAX; i++) {
        if (sim_world_try_start(world, i < 3 && split_one_in(&world->rng, 3))) {
            sim_world_say(world, "it serves");
            return true;
        }
        if (!sim_world_is_well(world)) return false;
        if (!sim_fiber_has_ended(world->starter)) continue; /* crashed */
        const bool is_damage = world->status == SH_ERR_CORRUPT;
        struct disk_sim_faults *faults = disk_sim_faults(world->machine->disk);
        world->outcome->refused_starts++;
        if (is_damage && world->has_lied && sim_world_names_damage(&world->err)) {
            world->is_over = true;
            return false;
        }
        const bool has_fault = faults->has_failed || faults->space_bytes != 0 || world->machine->has_failed_allocation;
        if (is_damage || !has_fault) {
            sim_world_fail(world, "it refuses to start: %d %s", (int)world->status, world->err.message);
            return false;
        }
        *faults = (struct disk_sim_faults){0};
    }
    sim_world_fail(world, "it does not start");
    return false;
}

bool sim_world_stop(struct sim_world *world) {
    sim_world_say(world, "it is stopped");
    world->outcome->snapshot_count += (uint32_t)world->server->snapshots.done_count;
    sh_server_stop(world->server);
    world->is_to_end = true;
    world->starter = sim_fiber_start(world->machine, starter_main, world);
    while (!sim_fiber_has_ended(world->starter))
        if (!step(world)) return false;
    if (world->status != SH_OK) sim_world_fail(world, "it ended with a fault: %s", world->err.message);
    sim_machine_drop_server(world->machine);
    /* What it left unsynced is in the page cache, as after the end of any process. */
    disk_sim_kill(world->machine->disk, &world->rng);
    *disk_sim_faults(world->machine->disk) = (struct disk_sim_faults){0};
    for (uint32_t i = 0; i < world->client_count; i++)
        sim_client_lose(&world->clients[i]);
    return sim_world_is_well(world);
}

/* ---- asking ---- */

/* The answer as text, without took_us, or the refusal's words. NULL: none comes. The wire is left. */
static const char *ask_on(struct sim_world *world, struct sim_wire *wire, const char *method, const char *params_text) {
    struct sh_buffer params;
    struct sh_buffer frame_bytes;
    struct sh_buffer input;
    struct sh_frame_scan scan;
    struct sh_frame frame;
    size_t count = 0;
    bool is_over = wire == NULL;
    sh_buffer_init(&params, 1 << 20);
    sh_buffer_init(&frame_bytes, 1 << 20);
    sh_buffer_init(&input, ANSWER_BYTES);
    sh_buffer_clear(&world->answer);
    msgpack_of_text(params_text, &params);
    sh_frame_write_request(&frame_bytes, 1, sh_text_of(method), params.bytes, params.count);
    if (!is_over) sim_wire_write(wire, frame_bytes.bytes, frame_bytes.count);
    while (!is_over && count == 0 && !world->machine->is_crash_due) {
        uint64_t due_ns = UINT64_MAX;
        uint8_t piece[32 << 10];
        if (!step(world)) break;
        if (!sim_wire_can_read(wire, &due_ns)) {
            if (due_ns != UINT64_MAX && due_ns > world->machine->now_ns) world->machine->now_ns = due_ns;
            continue;
        }
        sh_buffer_append(&input, piece, sim_wire_read(wire, piece, sizeof piece, &is_over));
        sh_frame_scan_init(&scan, ANSWER_BYTES);
        if (input.count > 0 && sh_frame_scan(&scan, input.bytes, input.count, &count, NULL) != SH_OK) break;
    }
    if (count > 0 && sh_frame_read(input.bytes, count, &frame, NULL) == SH_OK) {
        if (frame.result != NULL)
            text_of_msgpack(frame.result, frame.result_bytes, 0, &world->answer);
        else
            text_of_msgpack(frame.error, frame.error_bytes, 0, &world->answer);
        sh_buffer_append(&world->answer, "", 1);
        char *took = strstr((char *)world->answer.bytes, ", took_us:");
        if (took != NULL) memcpy(took, "}", 2);
    } else if (!world->machine->is_crash_due && !world->machine->has_failed_allocation &&
               !sh_server_has_ended(world->server)) {
        sim_world_fail(world, "no answer to %s", method);
    }
    if (wire != NULL) sim_wire_leave(wire);
    sh_buffer_deinit(&params);
    sh_buffer_deinit(&frame_bytes);
    sh_buffer_deinit(&input);
    return sim_world_is_well(world) && world->answer.count > 0 ? (const char *)world->answer.bytes : NULL;
}

const char *sim_world_ask(struct sim_world *world, const char *method, const char *params) {
    return ask_on(world, sim_wire_open(world->machine), method, params);
}

static const char *ask_of_twin(void *context, const char *method, const char *params) {
    return sim_world_ask(context, method, params);
}

/* Every plain user of every client, before anything is sent again. */
static bool look_at_users(struct sim_world *world) {
    if (world->clients[0].is_setting_up) return true;
    for (uint32_t c = 0; c < world->client_count; c++) {
        for (uint32_t user = 0; user < SIM_PLAIN_COUNT; user++) {
            char name[16];
            char params[64];
            sim_client_user_name(&world->clients[c], user, name);
            (void)snprintf(params, sizeof params, "{ids: ['%s'], events: 10000}", name);
            const char *text = sim_world_ask(world, "user.get", params);
            if (text == NULL) return false;
            const bool is_there = strstr(text, "{id:") != NULL;
            if (!is_there && strstr(text, "users: [nil]") == NULL)
                sim_world_fail(world, "user.get %s: %.300s", name, text);
            (void)sim_client_check_user(&world->clients[c], user, is_there ? text : NULL);
            if (!sim_world_is_well(world)) return false;
        }
    }
    sim_world_say(world, "all users are as they may be");
    return true;
}

/* What all shards have each says itself, when it is asked on its own loop. */
static bool ask_all_shards(struct sim_world *world, const char *method, const char *params) {
    char *first = NULL;
    for (uint32_t shard = 0; shard < world->shard_count; shard++) {
        const char *text = ask_on(world, sim_wire_open_to(world->machine, shard), method, params);
        if (text == NULL) break;
        if (first == NULL)
            first = strdup(text);
        else if (strcmp(first, text) != 0)
            sim_world_fail(world, "SHARDS DIFFER: %s %s\n  shard 0: %.400s\n  shard %u: %.400s", method, params, first,
                           shard, text);
    }
    free(first);
    return sim_world_is_well(world);
}

static bool compare_shards(struct sim_world *world) {
    char params[64];
    if (world->shard_count == 1 || world->clients[0].is_setting_up) return true;
    bool is_right = ask_all_shards(world, "schema.get", "{}") &&
                    ask_all_shards(world, "segment.list", "{counts: false, now: 1760009000000}") &&
                    ask_all_shards(world, "feed.trending", "{count: 100, now: 1760009000000}");
    for (uint32_t c = 0; c < world->client_count && is_right; c++) {
        (void)snprintf(params, sizeof params, "{ids: ['c%u-i0', 'c%u-i1', 'c%u-i2']}", c, c, c);
        is_right = ask_all_shards(world, "item.get", params);
    }
    return is_right;
}

bool sim_world_look(struct sim_world *world) {
    return look_at_users(world) && compare_shards(world);
}

/* ---- an era ---- */

static bool all_idle(const struct sim_world *world) {
    for (uint32_t i = 0; i < world->client_count; i++)
        if (!sim_client_is_idle(&world->clients[i])) return false;
    return true;
}

static enum failure begin_failure(struct sim_world *world, bool may_lie) {
    struct sim_machine *machine = world->machine;
    struct disk_sim_faults *faults = disk_sim_faults(machine->disk);
    const enum failure failure = (enum failure)below(world, FAIL_COUNT + 3);
    machine->disk_latency_ns = 10000 + below(world, 80000);
    machine->wire_latency_ns = 3000 + below(world, 60000);
    switch (failure) {
    case FAIL_ONE:
    case FAIL_ALL:
        faults->fail_at = disk_sim_count(machine->disk) + 1 + below(world, 400);
        faults->fail_always = failure == FAIL_ALL;
        break;
    case FAIL_SPACE:
        faults->space_bytes = disk_sim_used(machine->disk) + below(world, 300000);
        break;
    case FAIL_SLOW:
        machine->disk_latency_ns = 1000000 + below(world, 8000000);
        break;
    case FAIL_LIE:
        if (!may_lie) break;
        faults->lie = split_one_in(&world->rng, 2) ? DISK_SIM_MISDIRECT : DISK_SIM_LOSE;
        faults->lie_at = disk_sim_writes(machine->disk) + 1 + below(world, 60);
        break;
    default:
        return FAIL_NOTHING;
    }
    if (failure != FAIL_SLOW) world->outcome->fault_count++;
    static const char *const words[] = {"nothing", "one request", "all requests", "space", "slow disk", "a lie"};
    sim_world_say(world, "fails: %s", words[failure]);
    return failure;
}

static void jump_clock(struct sim_world *world) {
    static const int64_t jumps_ms[] = {1, 999, 3600000, 86400000, -1, -2500, -3600000, -86400000};
    world->machine->wall_ms += jumps_ms[below(world, sizeof jumps_ms / sizeof jumps_ms[0])];
}

/* What the clients have to do is done, or the crash has come, or nothing more can be done without a start. */
bool sim_world_live(struct sim_world *world, uint64_t free_ns) {
    struct sim_machine *machine = world->machine;
    struct disk_sim_faults *faults = disk_sim_faults(machine->disk);
    const uint64_t begin_ns = machine->now_ns;
    while (!machine->is_crash_due) {
        if (all_idle(world) || !sim_world_is_well(world)) break;
        if (!step(world)) return false;
        for (uint32_t i = 1; i < world->client_count; i++)
            world->clients[i].is_setting_up = world->clients[0].is_setting_up;
        if (split_one_in(&world->rng, 4000)) jump_clock(world);
        if (sh_server_has_ended(world->server)) break; /* a loop could not go on */
        if (machine->now_ns > free_ns && faults->space_bytes != 0) {
            sim_world_say(world, "there is space again");
            faults->space_bytes = 0;
        }
        if (atomic_load(&world->server->failed_logs) != 0 && split_one_in(&world->rng, 500)) break;
        if (machine->now_ns - begin_ns > ERA_NS_MAX * UINT64_C(1000000000)) {
            sim_world_fail(world, "clients do not come to an end: %u of requests are left, the first %u of client 0",
                           world->clients[0].pending_count, world->clients[0].oldest_pending);
            return false;
        }
    }
    return sim_world_is_well(world);
}

/* Any file of the store. */
static uint8_t *choose_file(struct sim_world *world, char path[64], uint64_t *count) {
    for (uint32_t i = 0; i < 400; i++) {
        const unsigned shard = (unsigned)below(world, world->shard_count);
        const uint64_t kind = below(world, 16);
        *count = 0;
        if (kind == 0)
            (void)snprintf(path, 64, "data/shoal.data");
        else if (kind < 10)
            (void)snprintf(path, 64, "data/shard-%u/log-%08x", shard, (unsigned)(1 + below(world, 12)));
        else if (kind < 15)
            (void)snprintf(path, 64, "data/snapshots/snapshot-%016x/shard-%u", (unsigned)(1 + below(world, 20)), shard);
        else
            (void)snprintf(path, 64, "data/snapshots/snapshot-%016x/MANIFEST", (unsigned)(1 + below(world, 20)));
        uint8_t *bytes = disk_sim_bytes(world->machine->disk, path, count);
        if (bytes != NULL && *count > 0) return bytes;
    }
    return NULL;
}

/* Nothing of what was let go may be left: a file of the log that is not in use is all zero. */
static bool check_spares(struct sim_world *world) {
    for (uint32_t shard = 0; shard < world->shard_count; shard++) {
        for (unsigned number = 1; number < 200; number++) {
            char path[64];
            uint64_t count = 0;
            (void)snprintf(path, sizeof path, "data/shard-%u/log-%08x", shard, number);
            const uint8_t *bytes = disk_sim_bytes(world->machine->disk, path, &count);
            if (bytes == NULL || count < SH_LOG_BLOCK_BYTES) continue;
            struct sh_log_head head;
            struct sh_log_block block;
            memcpy(&block, bytes, sizeof block);
            if (sh_log_head_read(&block, &head, NULL) != SH_ERR_NOT_FOUND) continue;
            for (uint64_t at = 0; at < count; at++)
                if (bytes[at] != 0) {
                    sim_world_fail(world, "LEFT BEHIND: %s is not in use, and not zero at %llu", path,
                                   (unsigned long long)at);
                    return false;
                }
            world->outcome->spare_count++;
        }
    }
    return true;
}

/* A bit of a stopped store turns: refused, with the place, or harmless. */
static uint32_t count_snapshots(const struct sim_world *world) {
    uint32_t found = 0;
    for (unsigned sequence = 1; sequence < 200; sequence++) {
        char path[64];
        uint64_t count;
        (void)snprintf(path, sizeof path, "data/snapshots/snapshot-%016x/MANIFEST", sequence);
        found += disk_sim_bytes(world->machine->disk, path, &count) != NULL;
    }
    return found;
}

static bool flip_bit(struct sim_world *world) {
    char path[64];
    uint64_t count = 0;
    uint8_t *bytes = choose_file(world, path, &count);
    if (bytes == NULL) return true;
    const bool must_serve = strstr(path, "snapshots") != NULL && count_snapshots(world) >= 2;
    const uint64_t at = below(world, split_one_in(&world->rng, 2) ? count : count < 8192 ? count : 8192);
    const uint8_t bit = (uint8_t)(1u << below(world, 8));
    sim_world_say(world, "a bit of %s turns, at %llu", path, (unsigned long long)at);
    world->outcome->fault_count++;
    bytes[at] ^= bit;
    const bool serves = sim_world_try_start(world, false);
    if (!sim_world_is_well(world)) return false;
    if (serves) {
        if (!look_at_users(world) || !sim_world_stop(world)) return false;
    } else {
        world->outcome->refused_starts++;
        if (!sim_world_names_damage(&world->err) || must_serve)
            sim_world_fail(world, "after a bit of %s at %llu turned: %d %s", path, (unsigned long long)at,
                           (int)world->status, world->err.message);
    }
    bytes = disk_sim_bytes(world->machine->disk, path, &count);
    if (!serves && bytes != NULL && at < count) bytes[at] ^= bit;
    return sim_world_is_well(world);
}

static bool run_era(struct sim_world *world, uint32_t budget, bool may_lie, bool is_last) {
    struct sim_machine *machine = world->machine;
    sim_world_hold(world, true);
    if (!sim_world_start(world) || !sim_world_look(world)) return false;
    if (all_idle(world) && budget == 0) return true;
    for (uint32_t i = 0; i < world->client_count; i++) {
        world->clients[i].budget += budget / world->client_count;
        world->clients[i].loses_connections = !is_last && split_one_in(&world->rng, 2);
    }
    sim_world_hold(world, false);
    const enum failure failure = is_last ? FAIL_NOTHING : begin_failure(world, may_lie);
    const bool lies = failure == FAIL_LIE;
    enum sim_crash kind = lies ? CRASH_STOP : (enum sim_crash)below(world, 8) % 3;
    if (!lies && !is_last && kind != CRASH_STOP) machine->crash_requests = 1 + split_length(&world->rng, 3000);
    machine->may_stall = split_one_in(&world->rng, 2);
    if (!sim_world_live(world, machine->now_ns + 300000000 + below(world, 700000000))) return false;
    if (disk_sim_faults(machine->disk)->has_lied) world->has_lied = true;
    if (is_last) return true;
    if (kind == CRASH_STOP && atomic_load(&world->server->failed_logs) != 0) kind = CRASH_POWER;
    if (kind != CRASH_STOP) {
        sim_world_crash(world, kind);
        return true;
    }
    if (!sim_world_stop(world)) return false;
    if (world->has_lied) return true;
    /* What a disk refused to fill with zeroes is filled at the next start: the stop after that looks. */
    if (failure == FAIL_ONE || failure == FAIL_ALL) return true;
    return check_spares(world) && (split_one_in(&world->rng, 2) || flip_bit(world));
}

/* ---- the end ---- */

static bool restart_and_compare(struct sim_world *world, struct sim_twin *twin, enum sim_crash kind,
                                const char *words) {
    if (kind == CRASH_STOP) {
        if (!sim_world_stop(world)) return false;
    } else {
        sim_world_crash(world, kind);
    }
    if (!sim_world_start(world)) return false;
    if (!sim_twin_compare_again(twin, ask_of_twin, world, world->outcome->fault, sizeof world->outcome->fault)) {
        sim_world_say(world, "%s", words);
        return false;
    }
    return sim_world_is_well(world);
}

bool sim_world_compare(struct sim_world *world) {
    struct sim_twin twin;
    sim_twin_init(&twin, world->clients, world->client_count);
    bool is_right = compare_shards(world) &&
                    sim_twin_compare(&twin, ask_of_twin, world, world->outcome->fault, sizeof world->outcome->fault);
    is_right = is_right && restart_and_compare(world, &twin, CRASH_STOP, "after a stop and a start");
    is_right = is_right && sim_world_ask(world, "snapshot", "{}") != NULL;
    is_right = is_right && restart_and_compare(world, &twin, CRASH_KILL, "after a snapshot and a kill");
    is_right = is_right && sim_world_stop(world);
    world->outcome->compared_count = twin.compared_count;
    sim_twin_deinit(&twin);
    return is_right;
}

void sim_world_init(struct sim_world *world, uint64_t seed, const struct sim_options *options,
                    struct sim_outcome *outcome) {
    static const char *const addresses[] = {"127.0.0.1:1"};
    memset(world, 0, sizeof *world);
    memset(outcome, 0, sizeof *outcome);
    world->options = options;
    world->outcome = outcome;
    world->rng.state = seed * 0x2545F4914F6CDD1Du + 1;
    world->machine = sim_machine_create(split_next(&world->rng));
    world->machine->log_requests = options->log_requests;
    world->shard_count = options->shard_count != 0 ? options->shard_count : 1 + (uint32_t)below(world, 3);
    outcome->shard_count = world->shard_count;
    world->data_options = (struct sh_data_options){.path = "data",
                                                   .durability = SH_LOG_SYNC,
                                                   .segment_bytes = UINT64_C(65536) << below(world, 3),
                                                   .snapshot_log_bytes = 20000 + below(world, 200000),
                                                   .forget_ms = world->shard_count == 2 ? 2000 : 0};
    world->server_options = (struct sh_server_options){.addresses = addresses,
                                                       .address_count = 1,
                                                       .shard_count = world->shard_count,
                                                       .host = &world->machine->host,
                                                       .data = &world->data_options};
    sh_buffer_init(&world->answer, 64 << 20);
    world->client_count = 2 + (uint32_t)below(world, SIM_CLIENT_COUNT_MAX - 1);
    for (uint32_t i = 0; i < world->client_count; i++) {
        sim_client_init(&world->clients[i], world->machine, i, world->client_count, split_next(&world->rng));
        world->actors[i] = (struct sim_actor){sim_client_can_act, sim_client_act, &world->clients[i]};
    }
    world->machine->actors = world->actors;
    world->machine->actor_count = world->client_count;
}

void sim_world_sum_up(struct sim_world *world) {
    struct sim_outcome *outcome = world->outcome;
    for (uint32_t i = 0; i < world->client_count; i++) {
        outcome->request_count += world->clients[i].request_count;
        outcome->refused_count += world->clients[i].refused_count;
        outcome->repeated_count += world->clients[i].repeated_count;
    }
    outcome->trace = world->machine->trace;
    outcome->step_count = world->machine->step_count;
    outcome->file_request_count = world->machine->request_count;
    outcome->simulated_ms = world->machine->now_ns / 1000000;
    outcome->is_right = sim_world_is_well(world);
}

void sim_world_run(uint64_t seed, const struct sim_options *options, struct sim_outcome *outcome) {
    static struct sim_world world;
    sim_world_init(&world, seed, options, outcome);
    const uint32_t era_count = 2 + (uint32_t)below(&world, ERA_COUNT_MAX - 2);
    const uint32_t budget = options->request_count / era_count + 1;
    bool goes_on = true;
    for (uint32_t era = 0; era < era_count && goes_on; era++)
        goes_on = run_era(&world, budget + world.client_count, era > 0 && era + 1 == era_count, false);
    /* A seed has at least one crash. */
    if (goes_on && outcome->crash_count == 0) {
        sim_world_hold(&world, true);
        goes_on = sim_world_start(&world);
        if (goes_on) sim_world_crash(&world, CRASH_POWER);
    }
    if (goes_on && run_era(&world, 0, false, true)) (void)sim_world_compare(&world);
    sim_world_sum_up(&world);
}
