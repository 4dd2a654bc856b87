/* repeats_archive.c -- numbered writes as a section of an archive.
 *
 *   section repeats 1
 *     u32 count of clients, then from the one that wrote first to the one that wrote last
 *       workspace, client, u64 floor, u32 count of numbers, then ascending
 *                                     u64 seq, u64 hash, u8 has_answer; if so the answer
 */
#include "memory.h"
#include "repeats_private.h"

enum {
    REPEATS_VERSION = 1,
    CLIENT_BYTES_MIN = 4 + 4 + 8 + 4, /* in the archive, at least */
    NUMBER_BYTES_MIN = 8 + 8 + 1,
};

/* ---- Saving ---- */

static void save_client(const struct sh_repeat_client *client, struct sh_archive_writer *writer) {
    sh_archive_put_text(writer, (struct sh_text){client->name, client->workspace_bytes});
    sh_archive_put_text(writer, (struct sh_text){client->name + client->workspace_bytes, client->client_bytes});
    sh_archive_put_u64(writer, client->floor);
    sh_archive_put_u32(writer, client->done_count);
    for (uint32_t i = 0; i < client->done_count; i++) {
        const struct sh_repeat *done = &client->done[i];
        sh_archive_put_u64(writer, done->seq);
        sh_archive_put_u64(writer, done->hash);
        sh_archive_put_u8(writer, done->answer != NULL);
        if (done->answer != NULL)
            sh_archive_put_text(writer, (struct sh_text){(const char *)done->answer, done->answer_bytes});
    }
}

void sh_repeats_save(const struct sh_repeats *repeats, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "repeats", REPEATS_VERSION);
    sh_archive_put_u32(writer, repeats->client_count);
    for (const struct sh_repeat_client *client = repeats->oldest; client != NULL; client = client->newer)
        save_client(client, writer);
    sh_archive_end(writer);
}

/* ---- Loading ---- */

static void get_name(struct sh_archive_reader *reader, struct repeat_name *name) {
    *name = (struct repeat_name){.workspace_bytes = 0};
    name->workspace_bytes = sh_archive_get_count(reader, SH_NAME_BYTES_MAX, 1, "bytes of a workspace's name");
    (void)sh_archive_get(reader, name->bytes, name->workspace_bytes);
    name->client_bytes = sh_archive_get_count(reader, SH_NAME_BYTES_MAX, 1, "bytes of a client's name");
    (void)sh_archive_get(reader, name->bytes + name->workspace_bytes, name->client_bytes);
    if (name->client_bytes == 0) (void)sh_archive_refuse(reader, "a client without a name");
}

static bool load_number(struct sh_repeat_client *client, struct sh_archive_reader *reader) {
    const uint64_t before = client->done_count == 0 ? client->floor : client->done[client->done_count - 1].seq;
    struct sh_repeat done = {.seq = sh_archive_get_u64(reader)};
    done.hash = sh_archive_get_u64(reader);
    if (sh_archive_get_bool(reader)) {
        const struct sh_text answer = sh_archive_get_text(reader, SH_REPEAT_ANSWER_BYTES_MAX, "an answer");
        done.answer = (uint8_t *)(uintptr_t)answer.bytes;
        done.answer_bytes = answer.count;
    }
    if (!sh_archive_failed(reader) && done.seq <= before)
        (void)sh_archive_refuse(reader, "the numbers of a client's writes do not ascend above its floor");
    if (sh_archive_failed(reader)) {
        sh_free(done.answer);
        return false;
    }
    client->done[client->done_count++] = done;
    return true;
}

static bool load_client(struct sh_repeats *repeats, struct sh_archive_reader *reader) {
    struct repeat_name name;
    const uint32_t clients_before = repeats->client_count;
    get_name(reader, &name);
    if (sh_archive_failed(reader)) return false;
    struct sh_repeat_client *client = repeats_find_or_add(repeats, &name);
    if (client == NULL) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    if (repeats->client_count == clients_before) {
        (void)sh_archive_refuse(reader, "a client is there twice");
        return false;
    }
    client->floor = sh_archive_get_u64(reader);
    const uint32_t count = sh_archive_get_count(reader, SH_CLIENT_SEQ_COUNT_MAX, NUMBER_BYTES_MIN, "numbered writes");
    if (sh_grow((void **)&client->done, &client->done_capacity, count, sizeof *client->done) != SH_OK)
        (void)sh_archive_refuse_memory(reader);
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++) {
        if (!load_number(client, reader)) return false;
    }
    return !sh_archive_failed(reader);
}

enum sh_status sh_repeats_load(struct sh_repeats *repeats, struct sh_archive_reader *reader) {
    sh_assert(repeats->client_count == 0);
    if (sh_archive_enter(reader, "repeats", REPEATS_VERSION) == 0) return sh_archive_status(reader, NULL);
    const uint32_t count = sh_archive_get_count(reader, SH_CLIENT_COUNT_MAX, CLIENT_BYTES_MIN, "clients");
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++) {
        if (!load_client(repeats, reader)) break;
    }
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
