#include <stdio.h>

#include "client_private.h"
#include "memory.h"

void sh_client_error_fill(struct shoal_client_error *error, const struct sh_error *err, bool from_server) {
    if (error == NULL) return;
    error->code = (int)err->status;
    error->from_server = from_server;
    error->position = err->position;
    (void)snprintf(error->status, sizeof error->status, "%s", sh_status_name(err->status));
    _Static_assert(sizeof error->message == sizeof err->message, "a message fits");
    _Static_assert(sizeof error->hint == sizeof err->hint, "a hint fits");
    memcpy(error->message, err->message, sizeof error->message);
    memcpy(error->hint, err->hint, sizeof error->hint);
}

static uint32_t slot_of(const struct shoal_client *client, const struct sh_client_call *call) {
    return (uint32_t)(call - client->calls);
}

struct sh_client_call *sh_client_call_of(struct shoal_client *client, uint32_t id) {
    struct sh_client_call *call = &client->calls[id % SH_CLIENT_SLOT_COUNT];
    const bool in_flight = call->state == SH_CLIENT_CALL_WAITING || call->state == SH_CLIENT_CALL_ABANDONED;
    return in_flight && call->id == id ? call : NULL;
}

struct sh_client_call *sh_client_call_begin(struct shoal_client *client) {
    if (client->in_flight_count >= client->options.in_flight_count_max) return NULL;
    uint32_t slot = client->next_slot;
    while (client->calls[slot].state != SH_CLIENT_CALL_FREE)
        slot = (slot + 1) % SH_CLIENT_SLOT_COUNT;
    client->next_slot = (slot + 1) % SH_CLIENT_SLOT_COUNT;
    client->sequence = (client->sequence + 1) % (UINT32_MAX >> SH_CLIENT_SLOT_BITS);
    struct sh_client_call *call = &client->calls[slot];
    *call = (struct sh_client_call){.state = SH_CLIENT_CALL_WAITING,
                                    .id = (client->sequence + 1) << SH_CLIENT_SLOT_BITS | slot,
                                    .before = client->last,
                                    .after = SH_CLIENT_NO_SLOT};
    if (client->last == SH_CLIENT_NO_SLOT)
        client->first = slot;
    else
        client->calls[client->last].after = slot;
    client->last = slot;
    client->in_flight_count++;
    return call;
}

void sh_client_call_end(struct shoal_client *client, struct sh_client_call *call) {
    sh_assert(call->state != SH_CLIENT_CALL_FREE);
    if (call->state == SH_CLIENT_CALL_ANSWERED) client->answered_count--;
    client->kept_bytes -= call->request_bytes;
    client->in_flight_count--;
    if (call->before == SH_CLIENT_NO_SLOT)
        client->first = call->after;
    else
        client->calls[call->before].after = call->after;
    if (call->after == SH_CLIENT_NO_SLOT)
        client->last = call->before;
    else
        client->calls[call->after].before = call->before;
    sh_free(call->request);
    sh_free(call->answer);
    *call = (struct sh_client_call){.state = SH_CLIENT_CALL_FREE};
}

void sh_client_calls_lost(struct shoal_client *client, bool all, const struct sh_error *why) {
    uint32_t next;
    for (uint32_t slot = client->first; slot != SH_CLIENT_NO_SLOT; slot = next) {
        struct sh_client_call *call = &client->calls[slot];
        sh_assert(slot_of(client, call) == slot);
        next = call->after;
        if (call->state == SH_CLIENT_CALL_ABANDONED) sh_client_call_end(client, call);
        if (call->state != SH_CLIENT_CALL_WAITING) continue;
        if (call->request != NULL && !all) continue;
        sh_client_error_fill(&call->error, why, false);
        call->state = SH_CLIENT_CALL_ANSWERED;
        client->answered_count++;
    }
}

void sh_client_calls_resend(struct shoal_client *client) {
    for (uint32_t slot = client->first; slot != SH_CLIENT_NO_SLOT; slot = client->calls[slot].after) {
        const struct sh_client_call *call = &client->calls[slot];
        if (call->state != SH_CLIENT_CALL_WAITING) continue;
        sh_buffer_append(&client->output, call->request, call->request_bytes);
    }
}
