/* sim_twin.h -- what the server should answer in the end: one shard in memory that got everything once, in order. */
#ifndef SIM_TWIN_H
#define SIM_TWIN_H

#include "shard_rig.h"
#include "sim_client.h"

enum { SIM_QUESTION_COUNT_MAX = 512 };

struct sim_twin {
    const struct sim_client *clients;
    uint32_t client_count;
    struct rig rig;
    char *answers[SIM_QUESTION_COUNT_MAX]; /* the server's, of the first comparison */
    uint32_t answer_count;
    uint32_t compared_count;
};

typedef const char *sim_ask(void *context, const char *method, const char *params);

void sim_twin_init(struct sim_twin *twin, const struct sim_client *clients, uint32_t client_count);
void sim_twin_deinit(struct sim_twin *twin);
/* Ask both. False: fault is filled in. */
bool sim_twin_compare(struct sim_twin *twin, sim_ask *ask, void *context, char *fault, size_t fault_bytes);
/* Ask the server the same again: it answers the same. */
bool sim_twin_compare_again(struct sim_twin *twin, sim_ask *ask, void *context, char *fault, size_t fault_bytes);

#endif
