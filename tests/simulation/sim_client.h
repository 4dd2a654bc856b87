/* sim_client.h -- clients of a simulated server, and what each of them knows: what it sent, what was answered.
 *
 * A client numbers its writes (PROTOCOL.md), sends several before the first is answered, loses connections, and sends
 * again what was not answered. All that it writes is about users and items of its own, so it knows what must be there:
 *
 *   plain users    events (each with a moment of its own, so that one that is there twice or never is seen), a number
 *                  with a tag that goes with it, and being forgotten. Looked at after every start, before anything is
 *                  sent again: all that was answered is there; of what was not answered, anything may be, once.
 *   merged users   the same, and they are merged with each other. Looked at in the end, by the twin.
 *
 * Now and then it gives up what it cannot know the end of, of its items and segments: done or not, all shards must say
 * the same of it.
 *
 * So that order does not matter among what is not answered: of a user at most one put is under way, nothing else while
 * it is being forgotten, and nothing of the client while users are being merged.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "sim_machine.h"

enum {
    SIM_PLAIN_COUNT = 5,
    SIM_USER_COUNT = 9, /* of a client; those from SIM_PLAIN_COUNT on are merged */
    SIM_ITEM_COUNT = 3, /* of a client */
    SIM_OP_COUNT_MAX = 4096,
    SIM_EVENT_COUNT_MAX = 24000,
    SIM_FAULT_BYTES = 2048,
};
#define SIM_TIME_MS INT64_C(1760000000000)

enum sim_op_kind { SIM_SETUP, SIM_EVENTS, SIM_PUT, SIM_FORGET, SIM_ITEM, SIM_SEGMENT, SIM_SCHEMA, SIM_MERGE };

struct sim_op {
    enum sim_op_kind kind;
    const char *method;
    uint8_t *params;
    size_t params_count;
    bool is_done;
    bool is_sent; /* on the connection there is now */
    bool was_refused;
    bool is_given_up; /* the client will never know: see below */
    uint64_t not_before_ns;
    uint64_t answer_hash;
    uint32_t user_mask;
    uint32_t item; /* ITEM */
    uint32_t user; /* PUT, FORGET */
    int64_t number;
};

struct sim_event {
    uint32_t op;
    uint8_t user;
    bool is_forgotten;
};

struct sim_user {
    bool is_there;
    int64_t number;  /* -1: none */
    uint32_t put_op; /* under way; 0: none */
    uint32_t forget_op;
    uint32_t pending_count;
};

struct sim_client {
    struct sim_machine *machine;
    uint32_t number;
    char name[8];
    struct split_random rng;
    struct sim_wire *wire;
    uint64_t connect_ns; /* not before */
    uint64_t send_ns;
    struct sh_buffer input;
    struct sim_op *ops; /* from 1: the op's seq */
    uint32_t op_count;
    uint32_t oldest_pending;
    uint32_t pending_count;
    struct sim_event *events;
    uint32_t event_count;
    struct sim_user users[SIM_USER_COUNT];
    uint32_t item_op[SIM_ITEM_COUNT];
    bool is_unknown; /* whether something of its items or segments was done */
    uint32_t segment_op;
    uint32_t schema_op;
    uint32_t question_count;
    uint32_t window;
    uint32_t merge_op; /* under way; 0: none */
    uint32_t last_merge;
    uint64_t request_count; /* all that was sent for the first time, questions included */
    bool is_snapshot_asked;
    /* what the world turns */
    uint32_t budget; /* of new requests */
    bool is_held;
    bool loses_connections;
    bool is_setting_up;
    uint32_t client_count; /* of all */
    bool was_reordered;    /* a write came after a later one about the same user: it had been refused, for a while */
    uint64_t refused_count;
    uint64_t repeated_count;
    char fault[SIM_FAULT_BYTES];
};

void sim_client_init(struct sim_client *client, struct sim_machine *machine, uint32_t number, uint32_t client_count,
                     uint64_t seed);
bool sim_client_can_act(void *client, uint64_t now_ns, uint64_t *due_ns);
void sim_client_act(void *client);
/* The server is gone: connections, too. */
void sim_client_lose(struct sim_client *client);
/* Nothing is under way and nothing more will be. */
bool sim_client_is_idle(const struct sim_client *client);
void sim_client_user_name(const struct sim_client *client, uint32_t user, char name[16]);
/* Does the answer of user.get say what it may? Else the client's fault is filled in. text NULL: there is no such user.
 */
bool sim_client_check_user(struct sim_client *client, uint32_t user, const char *text);

#endif
