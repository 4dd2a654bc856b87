/* sim_world_private.h -- a world's parts, for sim_world.c and sim_sweep.c. */
#ifndef SIM_WORLD_PRIVATE_H
#define SIM_WORLD_PRIVATE_H

#include "server.h"
#include "sim_client.h"
#include "sim_world.h"

enum { SIM_CLIENT_COUNT_MAX = 6 };

enum sim_crash { CRASH_POWER, CRASH_KILL, CRASH_STOP };
struct sim_world {
    struct sim_machine *machine;
    struct split_random rng;
    const struct sim_options *options;
    struct sim_outcome *outcome;
    uint32_t shard_count;
    struct sh_server_options server_options;
    struct sh_data_options data_options;
    struct sh_server *server;
    struct sim_fiber *starter;
    enum sh_status status;
    struct sh_error err;
    bool is_to_end; /* of the starter: join, not start */
    struct sim_client clients[SIM_CLIENT_COUNT_MAX];
    uint32_t client_count;
    struct sim_actor actors[SIM_CLIENT_COUNT_MAX];
    bool has_lied; /* the disk has, some time before */
    bool is_over;  /* refused to start, rightly */
    struct sh_buffer answer;
};

void sim_world_init(struct sim_world *world, uint64_t seed, const struct sim_options *options,
                    struct sim_outcome *outcome);
/* Nothing wrong has been seen; the clients' findings are taken over. */
bool sim_world_is_well(struct sim_world *world);
void sim_world_fail(struct sim_world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_world_say(const struct sim_world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One start: true if it serves. may_crash: in its midst, perhaps. */
bool sim_world_try_start(struct sim_world *world, bool may_crash);
/* Until it serves. It may refuse for a fault that the disk has now; then the disk is well again. */
bool sim_world_start(struct sim_world *world);
bool sim_world_stop(struct sim_world *world);
void sim_world_crash(struct sim_world *world, enum sim_crash kind);
void sim_world_hold(struct sim_world *world, bool is_held);
/* Before anything is sent again: users are as they may be, and shards agree. */
bool sim_world_look(struct sim_world *world);
/* Until clients have nothing left, or a crash is due, or nothing more can be done without a start. */
bool sim_world_live(struct sim_world *world, uint64_t free_ns);
/* Against the twin, and through restarts. The server serves before, and is stopped after. */
bool sim_world_compare(struct sim_world *world);
/* The answer as text, without took_us, or the refusal's words; NULL: none comes. */
const char *sim_world_ask(struct sim_world *world, const char *method, const char *params);
/* Does the refusal say where the damage is? */
bool sim_world_names_damage(const struct sh_error *err);
void sim_world_sum_up(struct sim_world *world);

#endif
