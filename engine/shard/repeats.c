#include "repeats_private.h"

#include <string.h>

#include "hash.h"
#include "memory.h"

enum { TABLE_COUNT = 4 * SH_CLIENT_COUNT_MAX };
_Static_assert((TABLE_COUNT & (TABLE_COUNT - 1)) == 0, "places wrap around by a mask");

/* ---- Clients ---- */

static struct repeat_name name_of(const struct sh_request *request) {
    struct repeat_name name = {.workspace_bytes = request->workspace.count, .client_bytes = request->client.count};
    sh_assert(name.workspace_bytes <= SH_NAME_BYTES_MAX);
    sh_assert(name.client_bytes <= SH_NAME_BYTES_MAX);
    memcpy(name.bytes, request->workspace.bytes, name.workspace_bytes);
    memcpy(name.bytes + name.workspace_bytes, request->client.bytes, name.client_bytes);
    return name;
}

static uint32_t place_of_name(const char *bytes, uint32_t workspace_bytes, uint32_t client_bytes) {
    return (uint32_t)sh_hash_bytes(bytes, (size_t)workspace_bytes + client_bytes, workspace_bytes) & (TABLE_COUNT - 1);
}

static uint32_t home_of(const struct sh_repeat_client *client) {
    return place_of_name(client->name, client->workspace_bytes, client->client_bytes);
}

/* The place of the client, or the free one where it would stand. */
static uint32_t find_place(const struct sh_repeats *repeats, const struct repeat_name *name) {
    uint32_t at = place_of_name(name->bytes, name->workspace_bytes, name->client_bytes);
    while (repeats->table[at] != NULL) {
        const struct sh_repeat_client *client = repeats->table[at];
        if (client->workspace_bytes == name->workspace_bytes && client->client_bytes == name->client_bytes &&
            memcmp(client->name, name->bytes, (size_t)name->workspace_bytes + name->client_bytes) == 0)
            break;
        at = (at + 1) & (TABLE_COUNT - 1);
    }
    return at;
}

static void unlink_client(struct sh_repeats *repeats, struct sh_repeat_client *client) {
    if (client->newer == NULL)
        repeats->newest = client->older;
    else
        client->newer->older = client->older;
    if (client->older == NULL)
        repeats->oldest = client->newer;
    else
        client->older->newer = client->newer;
}

static void link_newest(struct sh_repeats *repeats, struct sh_repeat_client *client) {
    client->newer = NULL;
    client->older = repeats->newest;
    if (repeats->newest == NULL)
        repeats->oldest = client;
    else
        repeats->newest->newer = client;
    repeats->newest = client;
}

static void free_client(struct sh_repeat_client *client) {
    for (uint32_t i = 0; i < client->done_count; i++)
        sh_free(client->done[i].answer);
    sh_free(client->done);
    sh_free(client);
}

/* Take it out of the table; those behind it that could not be found any more move up. */
static void remove_oldest(struct sh_repeats *repeats) {
    struct sh_repeat_client *client = repeats->oldest;
    uint32_t hole = home_of(client);
    while (repeats->table[hole] != client)
        hole = (hole + 1) & (TABLE_COUNT - 1);
    for (uint32_t at = (hole + 1) & (TABLE_COUNT - 1); repeats->table[at] != NULL; at = (at + 1) & (TABLE_COUNT - 1)) {
        const uint32_t home = home_of(repeats->table[at]);
        if (((at - home) & (TABLE_COUNT - 1)) < ((at - hole) & (TABLE_COUNT - 1))) continue;
        repeats->table[hole] = repeats->table[at];
        hole = at;
    }
    repeats->table[hole] = NULL;
    unlink_client(repeats, client);
    free_client(client);
    repeats->client_count--;
}

struct sh_repeat_client *repeats_find_or_add(struct sh_repeats *repeats, const struct repeat_name *name) {
    if (repeats->table == NULL) repeats->table = sh_alloc_zero(TABLE_COUNT * sizeof(struct sh_repeat_client *));
    if (repeats->table == NULL) return NULL;
    uint32_t place = find_place(repeats, name);
    struct sh_repeat_client *client = repeats->table[place];
    if (client != NULL) {
        unlink_client(repeats, client);
        link_newest(repeats, client);
        return client;
    }
    client = sh_alloc_zero(sizeof *client);
    if (client == NULL) return NULL;
    if (repeats->client_count == SH_CLIENT_COUNT_MAX) {
        remove_oldest(repeats);
        place = find_place(repeats, name); /* others may have moved */
    }
    client->workspace_bytes = (uint8_t)name->workspace_bytes;
    client->client_bytes = (uint8_t)name->client_bytes;
    memcpy(client->name, name->bytes, (size_t)name->workspace_bytes + name->client_bytes);
    repeats->table[place] = client;
    link_newest(repeats, client);
    repeats->client_count++;
    return client;
}

void sh_repeats_deinit(struct sh_repeats *repeats) {
    while (repeats->newest != NULL) {
        struct sh_repeat_client *client = repeats->newest;
        unlink_client(repeats, client);
        free_client(client);
    }
    sh_free(repeats->table);
    *repeats = (struct sh_repeats){0};
}

/* ---- Numbers ---- */

static uint64_t hash_of(const struct sh_request *request) {
    const uint64_t method = sh_hash_text(sh_text_of(request->method->name));
    return sh_hash_bytes(request->params, request->params_count, method);
}

/* How many numbers are below seq. They usually come in order, so the end is looked at first. */
static uint32_t place_of_seq(const struct sh_repeat_client *client, uint64_t seq) {
    uint32_t low = 0;
    uint32_t high = client->done_count;
    if (high == 0 || client->done[high - 1].seq < seq) return high;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (client->done[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum sh_status repeat(const struct sh_repeat *done, const struct sh_request *request, struct sh_buffer *body,
                             struct sh_error *err) {
    if (done->hash != hash_of(request)) {
        (void)sh_fail(err, SH_ERR_CONFLICT, -1, "the client's write %llu was another request",
                      (unsigned long long)request->seq);
        return sh_fail_hint(err, SH_ERR_CONFLICT, "each write needs a number of its own");
    }
    if (done->answer == NULL) {
        (void)sh_fail(err, SH_ERR_CONFLICT, -1, "the client's write %llu was done, and is not done again",
                      (unsigned long long)request->seq);
        return sh_fail_hint(err, SH_ERR_CONFLICT, "its answer was too long to be kept");
    }
    sh_buffer_append(body, done->answer, done->answer_bytes);
    return sh_buffer_status(body, err);
}

uint64_t sh_repeats_latest(const struct sh_repeats *repeats, struct sh_text workspace, struct sh_text client) {
    struct repeat_name name = {.workspace_bytes = workspace.count, .client_bytes = client.count};
    if (repeats->table == NULL || client.count > SH_NAME_BYTES_MAX) return 0;
    memcpy(name.bytes, workspace.bytes, workspace.count);
    memcpy(name.bytes + workspace.count, client.bytes, client.count);
    const struct sh_repeat_client *known = repeats->table[find_place(repeats, &name)];
    return known == NULL || known->done_count == 0 ? 0 : known->done[known->done_count - 1].seq;
}

enum sh_status sh_repeats_look(struct sh_repeats *repeats, const struct sh_request *request, struct sh_buffer *body,
                               bool *is_repeated, struct sh_error *err) {
    sh_assert(request->seq > 0);
    const struct repeat_name name = name_of(request);
    *is_repeated = false;
    struct sh_repeat_client *client = repeats_find_or_add(repeats, &name);
    if (client == NULL || sh_grow((void **)&client->done, &client->done_capacity, (uint64_t)client->done_count + 1,
                                  sizeof *client->done) != SH_OK)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to remember the number of this write; it was not done");
    const uint32_t place = place_of_seq(client, request->seq);
    if (place < client->done_count && client->done[place].seq == request->seq) {
        *is_repeated = true;
        return repeat(&client->done[place], request, body, err);
    }
    if (request->seq > client->floor) return SH_OK;
    (void)sh_fail(err, SH_ERR_CONFLICT, -1, "the client's write %llu is too long ago to say whether it was done",
                  (unsigned long long)request->seq);
    return sh_fail_hint(err, SH_ERR_CONFLICT, "the last %d numbers of a client are remembered, here those above %llu",
                        SH_CLIENT_SEQ_COUNT_MAX, (unsigned long long)client->floor);
}

void sh_repeats_add(struct sh_repeats *repeats, const struct sh_request *request, const uint8_t *answer,
                    size_t answer_bytes) {
    struct sh_repeat_client *client = repeats->newest;
    struct sh_repeat done = {.seq = request->seq, .hash = hash_of(request)};
    if (answer_bytes <= SH_REPEAT_ANSWER_BYTES_MAX && (done.answer = sh_alloc(answer_bytes)) != NULL) {
        memcpy(done.answer, answer, answer_bytes);
        done.answer_bytes = (uint32_t)answer_bytes;
    }
    uint32_t place = place_of_seq(client, request->seq);
    sh_assert(client->done_count < client->done_capacity);
    memmove(&client->done[place + 1], &client->done[place], (client->done_count - place) * sizeof *client->done);
    client->done[place] = done;
    if (++client->done_count <= SH_CLIENT_SEQ_COUNT_MAX) return;
    client->floor = client->done[0].seq;
    sh_free(client->done[0].answer);
    memmove(&client->done[0], &client->done[1], --client->done_count * sizeof *client->done);
}

const struct sh_repeat *sh_repeats_done(const struct sh_repeats *repeats, struct sh_text workspace,
                                        struct sh_text client, uint32_t *count) {
    const struct sh_request asked = {.workspace = workspace, .client = client};
    const struct repeat_name name = name_of(&asked);
    *count = 0;
    if (repeats->table == NULL) return NULL;
    const struct sh_repeat_client *found = repeats->table[find_place(repeats, &name)];
    if (found == NULL) return NULL;
    *count = found->done_count;
    return found->done;
}

bool sh_repeats_check(const struct sh_repeats *repeats, const char **reason) {
    uint32_t count = 0;
    for (const struct sh_repeat_client *client = repeats->newest; client != NULL; client = client->older, count++) {
        const struct repeat_name name = {.workspace_bytes = client->workspace_bytes,
                                         .client_bytes = client->client_bytes};
        struct repeat_name found = name;
        memcpy(found.bytes, client->name, (size_t)name.workspace_bytes + name.client_bytes);
        *reason = "a client that numbers its writes is not found by its name";
        if (repeats->table[find_place(repeats, &found)] != client) return false;
        *reason = "the numbers of a client's writes do not ascend above its floor";
        if (client->done_count > SH_CLIENT_SEQ_COUNT_MAX) return false;
        for (uint32_t i = 0; i < client->done_count; i++)
            if (client->done[i].seq <= (i == 0 ? client->floor : client->done[i - 1].seq)) return false;
    }
    *reason = "the number of clients that number their writes is wrong";
    return count == repeats->client_count && count <= SH_CLIENT_COUNT_MAX;
}
