#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "client_private.h"
#include "client_writer.h"
#include "memory.h"

enum {
    TIMEOUT_MS = 30000,
    IN_FLIGHT_COUNT = 256,
    IN_FLIGHT_BYTES = 64 << 20,
    ATTEMPT_COUNT = 5,
    OUTPUT_MOVE_BYTES = 1 << 20, /* bytes already sent that are worth moving the rest over */
};

/* The numbers are public; they must not drift apart. */
#define SAME(name) _Static_assert((int)SHOAL_CLIENT_##name == (int)SH_##name, #name)
SAME(OK);
SAME(ERR_PROTOCOL);
SAME(ERR_TOO_LARGE);
SAME(ERR_UNSUPPORTED);
SAME(ERR_UNAUTHENTICATED);
SAME(ERR_FORBIDDEN);
SAME(ERR_RATE_LIMITED);
SAME(ERR_ARGUMENT);
SAME(ERR_SYNTAX);
SAME(ERR_TYPE);
SAME(ERR_NAME);
SAME(ERR_NOT_FOUND);
SAME(ERR_CONFLICT);
SAME(ERR_OVERFLOW);
SAME(ERR_BUSY);
SAME(ERR_DEADLINE);
SAME(ERR_LIMIT);
SAME(ERR_CLOSED);
SAME(ERR_MEMORY);
SAME(ERR_IO);
SAME(ERR_CORRUPT);
_Static_assert((int)SH_CLIENT_SLOT_COUNT == (int)SH_PIPELINE_COUNT_MAX, "a client can fill a connection's pipeline");

/* ---- life ---- */

static enum sh_status set_options(struct shoal_client *client, const struct shoal_client_options *options,
                                  struct sh_error *err) {
    struct shoal_client_options *set = &client->options;
    if (options != NULL) *set = *options;
    const char *workspace = set->workspace == NULL ? "" : set->workspace;
    const char *token = set->token == NULL ? "" : set->token;
    if (strlen(token) >= sizeof client->token)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a token has less than %zu bytes", sizeof client->token);
    memcpy(client->token, token, strlen(token) + 1);
    set->token = client->token;
    if (strlen(workspace) > SH_NAME_BYTES_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a workspace's name has at most %d bytes", SH_NAME_BYTES_MAX);
    memcpy(client->workspace, workspace, strlen(workspace) + 1);
    set->workspace = client->workspace;
    if (set->timeout_ms == 0) set->timeout_ms = TIMEOUT_MS;
    if (set->in_flight_count_max == 0) set->in_flight_count_max = IN_FLIGHT_COUNT;
    if (set->in_flight_count_max > SH_CLIENT_SLOT_COUNT) set->in_flight_count_max = SH_CLIENT_SLOT_COUNT;
    if (set->in_flight_bytes_max == 0) set->in_flight_bytes_max = IN_FLIGHT_BYTES;
    if (set->answer_bytes_max == 0) set->answer_bytes_max = SH_ANSWER_BYTES_MAX;
    if (set->attempt_count_max == 0) set->attempt_count_max = ATTEMPT_COUNT;
    return SH_OK;
}

static uint64_t deadline_of(const struct shoal_client *client) {
    return sh_client_clock_ms() + client->options.timeout_ms;
}

/* The files are read once; the caller's texts may go. */
static enum sh_status read_tls(struct shoal_client *client, struct sh_error *err) {
    struct shoal_client_options *options = &client->options;
    const char *name = options->tls_name == NULL ? client->address.host : options->tls_name;
    enum sh_status status = SH_OK;
    sh_buffer_init(&client->cipher, 4 * (size_t)SH_TLS_PIECE_BYTES);
    if (strlen(name) >= sizeof client->tls_name)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the name of a server has less than %zu bytes",
                       sizeof client->tls_name);
    memcpy(client->tls_name, name, strlen(name) + 1);
    const struct sh_tls_files files = {options->tls_certificate, options->tls_key, options->tls_authorities};
    if (client->address.is_tls) status = sh_tls_open_client(&files, &client->tls, err);
    options->tls_name = client->tls_name;
    options->tls_certificate = NULL;
    options->tls_key = NULL;
    options->tls_authorities = NULL;
    return status;
}

static enum sh_status open_client(struct shoal_client *client, const char *address,
                                  const struct shoal_client_options *options, struct sh_error *err) {
    client->handle = -1;
    client->first = SH_CLIENT_NO_SLOT;
    client->last = SH_CLIENT_NO_SLOT;
    enum sh_status status = set_options(client, options, err);
    if (status != SH_OK) return status;
    if ((status = sh_address_parse(address, &client->address, err)) != SH_OK) return status;
    if ((status = read_tls(client, err)) != SH_OK) return status;
    const size_t address_bytes = strlen(address) + 1;
    client->address_text = sh_alloc(address_bytes);
    client->calls = sh_alloc_zero(SH_CLIENT_SLOT_COUNT * sizeof *client->calls);
    if (client->address_text == NULL || client->calls == NULL)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a client");
    memcpy(client->address_text, address, address_bytes);
    sh_buffer_init(&client->output, client->options.in_flight_bytes_max + 2 * (size_t)SH_FRAME_BYTES_MAX);
    sh_buffer_init(&client->input, client->options.answer_bytes_max + 2 * (size_t)SH_CLIENT_RECEIVE_BYTES);
    client->attempts_left = client->options.attempt_count_max;
    return sh_client_connect(client, deadline_of(client), err);
}

int shoal_client_open(const char *address, const struct shoal_client_options *options, struct shoal_client **client,
                      struct shoal_client_error *error) {
    struct sh_error err;
    *client = NULL;
    struct shoal_client *made = sh_alloc_zero(sizeof *made);
    enum sh_status status = SH_ERR_MEMORY;
    if (made == NULL)
        (void)sh_fail(&err, status, -1, "no memory for a client");
    else
        status = open_client(made, address, options, &err);
    if (status == SH_OK) {
        *client = made;
        return SHOAL_CLIENT_OK;
    }
    shoal_client_close(made);
    sh_client_error_fill(error, &err, status != SH_ERR_IO && status != SH_ERR_MEMORY && status != SH_ERR_DEADLINE);
    return (int)status;
}

void shoal_client_close(struct shoal_client *client) {
    if (client == NULL) return;
    sh_client_disconnect(client);
    while (client->calls != NULL && client->first != SH_CLIENT_NO_SLOT)
        sh_client_call_end(client, &client->calls[client->first]);
    sh_buffer_deinit(&client->output);
    sh_buffer_deinit(&client->input);
    sh_buffer_deinit(&client->cipher);
    sh_tls_close(client->tls);
    sh_free(client->shown);
    sh_free(client->calls);
    sh_free(client->address_text);
    explicit_bzero(client->token, sizeof client->token);
    sh_free(client);
}

int shoal_client_descriptor(const struct shoal_client *client) {
    return client->handle;
}

uint32_t shoal_client_in_flight_count(const struct shoal_client *client) {
    return client->in_flight_count;
}

/* ---- a lost connection ---- */

static bool anything_waits(const struct shoal_client *client) {
    for (uint32_t slot = client->first; slot != SH_CLIENT_NO_SLOT; slot = client->calls[slot].after)
        if (client->calls[slot].state == SH_CLIENT_CALL_WAITING) return true;
    return false;
}

/* The pause before an attempt: none before the first, then twice as long each time. */
static void pause_before_attempt(const struct shoal_client *client, uint64_t deadline_ms) {
    const uint32_t attempts_made = client->options.attempt_count_max - client->attempts_left;
    if (attempts_made == 0) return;
    uint64_t pause_ms = SH_CLIENT_PAUSE_MS;
    for (uint32_t i = 1; i < attempts_made && pause_ms < SH_CLIENT_PAUSE_MS_MAX; i++)
        pause_ms *= 2;
    const uint64_t now_ms = sh_client_clock_ms();
    const uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    if (pause_ms > left_ms) pause_ms = left_ms;
    const struct timespec pause = {.tv_sec = (time_t)(pause_ms / 1000), .tv_nsec = (long)(pause_ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* Connect again and send again what waits. SH_ERR_DEADLINE leaves all as it is, to be tried again; when the attempts
 * are over, everything in flight is answered with the error. */
static enum sh_status connect_again(struct shoal_client *client, uint64_t deadline_ms, struct sh_error *err) {
    enum sh_status status = sh_fail(err, SH_ERR_CLOSED, -1, "the connection to %s is lost", client->address_text);
    while (client->attempts_left > 0) {
        pause_before_attempt(client, deadline_ms);
        if (sh_client_clock_ms() >= deadline_ms)
            return sh_fail(err, SH_ERR_DEADLINE, -1, "no connection to %s in time", client->address_text);
        client->attempts_left--;
        status = sh_client_connect(client, deadline_ms, err);
        /* Who is not let in now would not be a moment later. */
        if (status == SH_ERR_UNAUTHENTICATED || status == SH_ERR_FORBIDDEN) break;
        if (status != SH_OK) continue;
        sh_client_calls_resend(client);
        if (!client->output.failed) return SH_OK;
        sh_client_disconnect(client);
        status = sh_fail(err, SH_ERR_MEMORY, -1, "no memory to send again what is in flight");
    }
    client->attempts_left = client->options.attempt_count_max;
    err->status = SH_ERR_CLOSED;
    sh_client_calls_lost(client, true, err);
    return status;
}

/* A stream that cannot be read would not be better the second time, so only a closed one is opened again. */
static void connection_broken(struct shoal_client *client, struct sh_error *why) {
    sh_client_disconnect(client);
    struct sh_error unknown = *why;
    if (unknown.status == SH_ERR_CLOSED)
        (void)sh_fail_hint(&unknown, SH_ERR_CLOSED, "nobody can say whether this call ran");
    sh_client_calls_lost(client, unknown.status != SH_ERR_CLOSED, &unknown);
}

/* ---- answers ---- */

static void show_frame(struct shoal_client_answer *answer, const struct sh_frame *frame) {
    answer->id = frame->msgid;
    answer->code = SHOAL_CLIENT_OK;
    answer->error.code = SHOAL_CLIENT_OK;
    answer->error.message[0] = '\0';
    answer->error.hint[0] = '\0';
    answer->result = (struct shoal_client_value){frame->result, frame->result_bytes};
    if (frame->error == NULL) return;
    struct sh_error err;
    sh_frame_read_error(frame->error, frame->error_bytes, &err);
    sh_client_error_fill(&answer->error, &err, true);
    answer->code = answer->error.code;
}

/* An answer that was kept, or that this client made up itself, goes to the caller. */
static void show_kept(struct shoal_client *client, struct sh_client_call *call, struct shoal_client_answer *answer) {
    sh_assert(call->state == SH_CLIENT_CALL_ANSWERED);
    if (call->answer != NULL) {
        struct sh_frame frame;
        const enum sh_status status = sh_frame_read(call->answer, call->answer_bytes, &frame, NULL);
        sh_assert(status == SH_OK); /* it was read when it came */
        show_frame(answer, &frame);
        client->shown = call->answer;
        call->answer = NULL;
    } else {
        *answer = (struct shoal_client_answer){.id = call->id, .code = call->error.code, .error = call->error};
    }
    sh_client_call_end(client, call);
}

static void keep(struct shoal_client *client, struct sh_client_call *call, const uint8_t *bytes, size_t byte_count) {
    call->answer = sh_alloc(byte_count);
    if (call->answer == NULL) {
        struct sh_error err;
        (void)sh_fail(&err, SH_ERR_MEMORY, -1, "no memory to keep an answer of %zu bytes", byte_count);
        sh_client_error_fill(&call->error, &err, false);
    } else {
        memcpy(call->answer, bytes, byte_count);
        call->answer_bytes = byte_count;
    }
    call->state = SH_CLIENT_CALL_ANSWERED;
    client->answered_count++;
}

enum { ANY_ID = 0 }; /* what hello uses, so no call has it */

/* One message from the server. *shown: it was the answer that is wanted, and is in *answer. */
static enum sh_status on_message(struct shoal_client *client, uint32_t wanted_id, const uint8_t *bytes,
                                 size_t byte_count, struct shoal_client_answer *answer, bool *shown,
                                 struct sh_error *err) {
    struct sh_frame frame;
    const enum sh_status status = sh_frame_read(bytes, byte_count, &frame, err);
    if (status != SH_OK) return status;
    if (frame.kind == SH_FRAME_NOTICE && sh_text_equal(frame.method, SH_TEXT_LITERAL("error"))) {
        struct sh_error farewell;
        sh_frame_read_error(frame.params, frame.params_bytes, &farewell);
        memcpy(client->farewell, farewell.message, sizeof client->farewell);
    }
    if (frame.kind != SH_FRAME_ANSWER) return SH_OK;
    struct sh_client_call *call = sh_client_call_of(client, frame.msgid);
    if (call == NULL) return SH_OK;
    client->attempts_left = client->options.attempt_count_max;
    if (call->state == SH_CLIENT_CALL_ABANDONED) {
        sh_client_call_end(client, call);
    } else if (wanted_id != ANY_ID && call->id != wanted_id) {
        keep(client, call, bytes, byte_count);
    } else {
        show_frame(answer, &frame);
        sh_client_call_end(client, call);
        *shown = true;
    }
    return SH_OK;
}

static struct sh_client_call *kept_call(struct shoal_client *client, uint32_t wanted_id) {
    if (client->answered_count == 0) return NULL;
    for (uint32_t slot = client->first; slot != SH_CLIENT_NO_SLOT; slot = client->calls[slot].after) {
        struct sh_client_call *call = &client->calls[slot];
        if (call->state == SH_CLIENT_CALL_ANSWERED && (wanted_id == ANY_ID || call->id == wanted_id)) return call;
    }
    return NULL;
}

/* Until the wanted answer is shown. SH_ERR_DEADLINE: not yet. SH_ERR_NOT_FOUND: there is nothing to wait for. */
static enum sh_status await(struct shoal_client *client, uint32_t wanted_id, uint64_t deadline_ms,
                            struct shoal_client_answer *answer, struct sh_error *err) {
    sh_free(client->shown);
    client->shown = NULL;
    for (bool has_looked = false;;) {
        struct sh_client_call *kept = kept_call(client, wanted_id);
        if (kept != NULL) {
            show_kept(client, kept, answer);
            return SH_OK;
        }
        if (!anything_waits(client)) return sh_fail(err, SH_ERR_NOT_FOUND, -1, "nothing is in flight");
        enum sh_status status = SH_OK;
        if (client->handle < 0) {
            status = connect_again(client, deadline_ms, err);
            if (status == SH_ERR_DEADLINE) return status;
            if (status != SH_OK) continue; /* all is answered now, with the error */
        }
        const uint8_t *frame;
        size_t frame_bytes;
        status = sh_client_take(client, &frame, &frame_bytes, err);
        if (status == SH_OK && frame_bytes > 0) {
            bool shown = false;
            status = on_message(client, wanted_id, frame, frame_bytes, answer, &shown, err);
            if (shown) return SH_OK;
        } else if (status == SH_OK && has_looked && sh_client_clock_ms() >= deadline_ms) {
            /* Bytes may come without end, and without the answer among them. */
            status = sh_fail(err, SH_ERR_DEADLINE, -1, "no answer from %s in time", client->address_text);
        } else if (status == SH_OK) {
            has_looked = true;
            status = sh_client_receive(client, deadline_ms, err);
        }
        if (status == SH_ERR_DEADLINE) return status;
        if (status != SH_OK) connection_broken(client, err);
    }
}

/* ---- calls ---- */

static void output_compact(struct sh_buffer *output, size_t *output_at) {
    if (*output_at < OUTPUT_MOVE_BYTES || *output_at < output->count / 2) return;
    memmove(output->bytes, output->bytes + *output_at, output->count - *output_at);
    output->count -= *output_at;
    *output_at = 0;
}

static enum sh_status submit(struct shoal_client *client, const char *method, const struct shoal_client_writer *params,
                             unsigned flags, struct sh_client_call **begun, struct sh_error *err) {
    static const uint8_t empty_map[1] = {0x80};
    if (params != NULL && params->buffer.failed)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "the params do not fit the memory or %d bytes", SH_FRAME_BYTES_MAX);
    const bool is_empty = params == NULL || params->buffer.count == 0;
    const void *bytes = is_empty ? empty_map : params->buffer.bytes;
    const size_t byte_count = is_empty ? sizeof empty_map : params->buffer.count;
    const size_t unsent_bytes = client->output.count - client->output_at;
    if (client->in_flight_count > 0 &&
        unsent_bytes + client->kept_bytes + byte_count > client->options.in_flight_bytes_max)
        return sh_fail(err, SH_ERR_BUSY, -1, "as many bytes are in flight as may be: take answers first");
    if (client->handle < 0) {
        const enum sh_status status = connect_again(client, deadline_of(client), err);
        if (status != SH_OK) return status;
    }
    struct sh_client_call *call = sh_client_call_begin(client);
    if (call == NULL)
        return sh_fail(err, SH_ERR_BUSY, -1, "%u calls are in flight: take answers first", client->in_flight_count);
    output_compact(&client->output, &client->output_at);
    const size_t begin = client->output.count;
    sh_frame_write_numbered(&client->output, call->id, sh_text_of(method), bytes, byte_count,
                            sh_text_of(client->number_client), client->number_seq);
    client->number_seq = 0;
    const size_t frame_bytes = client->output.count - begin;
    if (!client->output.failed && (flags & SHOAL_CLIENT_IDEMPOTENT) != 0) {
        call->request = sh_alloc(frame_bytes);
        if (call->request != NULL) {
            memcpy(call->request, client->output.bytes + begin, frame_bytes);
            call->request_bytes = frame_bytes;
            client->kept_bytes += frame_bytes;
        }
    }
    if (client->output.failed || ((flags & SHOAL_CLIENT_IDEMPOTENT) != 0 && call->request == NULL)) {
        client->output.count = begin;
        client->output.failed = false;
        sh_client_call_end(client, call);
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a request of %zu bytes", byte_count);
    }
    *begun = call;
    return SH_OK;
}

int shoal_client_submit(struct shoal_client *client, const char *method, const struct shoal_client_writer *params,
                        unsigned flags, uint32_t *id, struct shoal_client_error *error) {
    struct sh_error err;
    struct sh_client_call *call;
    const enum sh_status status = submit(client, method, params, flags, &call, &err);
    if (status != SH_OK) {
        sh_client_error_fill(error, &err, false);
        return (int)status;
    }
    if (id != NULL) *id = call->id;
    /* A failure to send shows again when an answer is waited for, and is dealt with there. */
    if (client->output.count - client->output_at >= SH_CLIENT_GATHER_BYTES) (void)sh_client_send(client, NULL);
    return SHOAL_CLIENT_OK;
}

int shoal_client_number(struct shoal_client *client, const char *name, uint64_t seq) {
    const size_t length = strlen(name);
    if (length == 0 || length > SH_NAME_BYTES_MAX || seq == 0 || seq > INT64_MAX) return SHOAL_CLIENT_ERR_ARGUMENT;
    memcpy(client->number_client, name, length + 1);
    client->number_seq = seq;
    return SHOAL_CLIENT_OK;
}

int shoal_client_flush(struct shoal_client *client, struct shoal_client_error *error) {
    struct sh_error err;
    if (client->handle < 0) return SHOAL_CLIENT_OK; /* it is sent when next has connected again */
    const enum sh_status status = sh_client_send(client, &err);
    if (status != SH_OK) sh_client_error_fill(error, &err, false);
    return (int)status;
}

int shoal_client_next(struct shoal_client *client, int64_t timeout_ms, struct shoal_client_answer *answer,
                      struct shoal_client_error *error) {
    struct sh_error err;
    const uint64_t wait_ms = timeout_ms < 0 ? client->options.timeout_ms : (uint64_t)timeout_ms;
    const enum sh_status status = await(client, ANY_ID, sh_client_clock_ms() + wait_ms, answer, &err);
    if (status != SH_OK) sh_client_error_fill(error, &err, false);
    return (int)status;
}

int shoal_client_call(struct shoal_client *client, const char *method, const struct shoal_client_writer *params,
                      unsigned flags, struct shoal_client_answer *answer, struct shoal_client_error *error) {
    struct sh_error err;
    struct sh_client_call *call;
    enum sh_status status = submit(client, method, params, flags, &call, &err);
    if (status == SH_OK) {
        const uint32_t id = call->id;
        status = await(client, id, deadline_of(client), answer, &err);
        if (status == SH_OK) {
            if (answer->code != SHOAL_CLIENT_OK && error != NULL) *error = answer->error;
            return answer->code;
        }
        call->state = SH_CLIENT_CALL_ABANDONED;
    }
    *answer = (struct shoal_client_answer){.code = (int)status};
    sh_client_error_fill(&answer->error, &err, false);
    if (error != NULL) *error = answer->error;
    return (int)status;
}

int shoal_client_ask(struct shoal_client *client, const char *method, const char *const *params,
                     struct shoal_client_answer *answer, struct shoal_client_error *error) {
    struct shoal_client_writer writer;
    uint32_t pair_count = 0;
    sh_buffer_init(&writer.buffer, SH_FRAME_BYTES_MAX);
    const size_t map = shoal_client_begin_map(&writer);
    for (const char *const *pair = params; pair != NULL && pair[0] != NULL; pair += 2) {
        if (pair[1] == NULL) continue;
        shoal_client_write_literal(&writer, pair[0]);
        shoal_client_write_literal(&writer, pair[1]);
        pair_count++;
    }
    shoal_client_end(&writer, map, pair_count);
    const int code = shoal_client_call(client, method, &writer, SHOAL_CLIENT_IDEMPOTENT, answer, error);
    sh_buffer_deinit(&writer.buffer);
    return code;
}
