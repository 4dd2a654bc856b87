/* recovery_property.c -- whatever a crash leaves of several shards' logs, a start makes shards that agree of it.
 *
 *   a server with several shards, clients that write at once      logs of all shards
 *     cut each log at a place of its own, near a moment            as a crash then would have left them
 *       start a server there, ask, stop it                         it completes what is half done, in the logs
 *         replay the logs into bare shards, without recovery       they hold all of it: nothing is completed twice
 *           ask every shard what all of them must know alike
 *
 * What must hold: schema, items, segments and plan are the same in every shard; popularity is, too (each has learned
 * what every other's events taught); nobody is held by a merge that will not go on; what was answered before the cut is
 * there. Cuts that no crash could leave are passed over: a shard does not learn what its teacher has not durable, and a
 * merge does not go on before its shards hold.
 *
 * Run: recovery_property SEED CUTS [SHARDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"
#include "log_record.h"
#include "memory.h"
#include "msgpack_text.h"
#include "server.h"
#include "server_log.h"
#include "shoal/client.h"

enum {
    CLIENT_COUNT = 3,
    IN_FLIGHT_COUNT = 12,
    REQUEST_COUNT = 400,
    USER_COUNT = 40,
    ITEM_COUNT = 25,
    SHARD_COUNT_MAX = 4,
    RECORD_COUNT_MAX = 4096,
    PATH_BYTES = 256,
    SEGMENT_BYTES = 1 << 20,
};

struct kept {
    uint8_t *bytes;
    size_t count;
    struct sh_log_record record;
};

/* All records of a shard's log. */
struct records {
    struct kept list[RECORD_COUNT_MAX];
    uint32_t count;
};

static uint64_t state;
static uint32_t shard_count;
static char folder[64];
static struct records originals[SHARD_COUNT_MAX];
static struct records recovered[SHARD_COUNT_MAX];
static uint64_t salt = 1;

static _Noreturn void die(const char *what, const char *words) {
    printf("%s: %s\n(%s is kept)\n", what, words, folder);
    exit(1);
}

static uint32_t below(uint32_t bound) {
    state = sh_hash_mix(state ^ 0xA0761D6478BD642F, 0xE7037ED1A0B428DB);
    return (uint32_t)(state % bound);
}

/* ---- a server ---- */

static struct sh_server *serve(const char *directory) {
    static const char *const any_port[] = {"127.0.0.1:0"};
    char path[PATH_BYTES];
    struct sh_server *server;
    struct sh_error err;
    (void)snprintf(path, sizeof path, "%s/%s", folder, directory);
    const struct sh_data_options data = {.path = path, .segment_bytes = SEGMENT_BYTES, .durability = SH_LOG_NONE};
    const struct sh_server_options options = {
        .addresses = any_port, .address_count = 1, .shard_count = shard_count, .io = SH_IO_EPOLL, .data = &data};
    if (sh_server_start(&options, &server, &err) != SH_OK) die("start", err.message);
    return server;
}

static void stop(struct sh_server *server) {
    struct sh_error err;
    sh_server_stop(server);
    if (sh_server_join(server, &err) != SH_OK) die("stop", err.message);
}

static struct shoal_client *connect_to(const struct sh_server *server) {
    struct shoal_client *client;
    struct shoal_client_error error;
    if (shoal_client_open(sh_server_address(server, 0), NULL, &client, &error) != SHOAL_CLIENT_OK)
        die("connect", error.message);
    return client;
}

static void write_text(struct shoal_client_writer *writer, const char *text) {
    struct sh_buffer bytes;
    sh_buffer_init(&bytes, 1 << 20);
    msgpack_of_text(text, &bytes);
    shoal_client_writer_clear(writer);
    shoal_client_write_raw(writer, bytes.bytes, bytes.count);
    sh_buffer_deinit(&bytes);
}

/* ---- the writes ---- */

static const char schema[] = "{users: {attributes: [{name: 'n', type: 'int'}], tag_sets: [{name: 'likes'}]}, "
                             "items: {attributes: [{name: 'price', type: 'int'}], tag_sets: [{name: 'about'}]}, "
                             "events: [{name: 'visit'}, {name: 'buy', amount_scale: 2}]}";

static const char *make_events(char *params, size_t bytes) {
    int used = snprintf(params, bytes, "{events: [");
    const uint32_t count = 1 + below(6);
    for (uint32_t i = 0; i < count; i++)
        used += snprintf(params + used, bytes - (size_t)used,
                         "%s{type: '%s', user: 'u%u', item: 'i%u', time: %llu, amount: %u}", i == 0 ? "" : ", ",
                         below(2) == 0 ? "visit" : "buy", below(USER_COUNT), below(ITEM_COUNT),
                         1760000000000ull + below(1000000), below(50));
    (void)snprintf(params + used, bytes - (size_t)used, "]}");
    return "event.append";
}

static const char *make_request(char *params, size_t bytes) {
    switch (below(16)) {
    case 0:
        (void)snprintf(params, bytes, "{item: {id: 'i%u', price: %u, about: ['t%u']}}", below(ITEM_COUNT), below(9),
                       below(4));
        return "item.put";
    case 1:
        (void)snprintf(params, bytes, "{name: 's%u', where: 'n > %u'}", below(3), below(9));
        return "segment.put";
    case 2:
        (void)snprintf(params, bytes, "{users: {attributes: [{name: 'more%u', type: 'int'}]}}", below(20));
        return "schema.put";
    case 3:
        (void)snprintf(params, bytes, "{event: 'buy', days: %u}", 30 + below(3));
        return "rfm.put";
    case 4:
        (void)snprintf(params, bytes, "{now: %llu}", 1760100000000ull);
        return "rfm.refresh";
    case 5:
    case 6:
        (void)snprintf(params, bytes, "{from: 'u%u', into: 'u%u'}", below(USER_COUNT), below(USER_COUNT));
        return "user.merge";
    case 7:
        (void)snprintf(params, bytes, "{id: 'u%u'}", below(USER_COUNT));
        return "user.forget";
    case 8:
        (void)snprintf(params, bytes, "{id: 'i%u'}", below(ITEM_COUNT));
        return "item.remove";
    case 9:
    case 10:
        (void)snprintf(params, bytes, "{users: [{id: 'u%u', n: %u}, {id: 'u%u', likes: ['t%u']}]}", below(USER_COUNT),
                       below(9), below(USER_COUNT), below(4));
        return "user.put";
    default:
        return make_events(params, bytes);
    }
}

static void take_answer(struct shoal_client *client) {
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    if (shoal_client_next(client, -1, &answer, &error) != SHOAL_CLIENT_OK) die("answer", error.message);
}

/* Several clients, each with some requests in flight. Some are refused (a plan that is not there yet, a held user). */
static void write_all(struct sh_server *server) {
    struct shoal_client *clients[CLIENT_COUNT];
    struct shoal_client_writer *params = shoal_client_writer_create();
    char text[4096];
    for (uint32_t i = 0; i < CLIENT_COUNT; i++)
        clients[i] = connect_to(server);
    write_text(params, schema);
    struct shoal_client_answer answer;
    if (shoal_client_call(clients[0], "schema.put", params, 0, &answer, NULL) != SHOAL_CLIENT_OK)
        die("schema", answer.error.message);
    for (uint32_t i = 0; i < REQUEST_COUNT; i++) {
        struct shoal_client *client = clients[below(CLIENT_COUNT)];
        struct shoal_client_error error;
        const char *method = make_request(text, sizeof text);
        write_text(params, text);
        if (shoal_client_submit(client, method, params, 0, NULL, &error) != SHOAL_CLIENT_OK) die(method, error.message);
        if (shoal_client_flush(client, &error) != SHOAL_CLIENT_OK) die("flush", error.message);
        while (shoal_client_in_flight_count(client) > below(IN_FLIGHT_COUNT))
            take_answer(client);
    }
    for (uint32_t i = 0; i < CLIENT_COUNT; i++) {
        while (shoal_client_in_flight_count(clients[i]) > 0)
            take_answer(clients[i]);
        shoal_client_close(clients[i]);
    }
    shoal_client_writer_destroy(params);
}

/* ---- logs ---- */

static void on_durable(void *context, uint64_t position) {
    (void)context;
    (void)position;
}

static struct sh_log *open_log(const char *directory, uint32_t shard, uint64_t store) {
    static const struct sh_log_events events = {.on_durable = on_durable};
    char path[PATH_BYTES];
    struct sh_log *log;
    struct sh_error err;
    (void)snprintf(path, sizeof path, "%s/%s/shard-%u", folder, directory, shard);
    const struct sh_log_options options = {.directory = path,
                                           .store = store,
                                           .shard = shard,
                                           .salt = ++salt,
                                           .durability = SH_LOG_NONE,
                                           .segment_bytes = SEGMENT_BYTES,
                                           .create = true,
                                           .disk = sh_disk_system(),
                                           .events = &events};
    if (sh_log_open(&options, &log, &err) != SH_OK) die("log", err.message);
    return log;
}

static enum sh_status keep(void *context, uint64_t position, const uint8_t *bytes, size_t count, struct sh_error *err) {
    struct records *records = context;
    (void)position;
    if (records->count == RECORD_COUNT_MAX) die("log", "too many records");
    struct kept *kept = &records->list[records->count++];
    *kept = (struct kept){.bytes = malloc(count), .count = count};
    memcpy(kept->bytes, bytes, count);
    return sh_log_record_read(kept->bytes, count, &kept->record, err);
}

static void read_logs(const char *directory, uint64_t store, struct records *all) {
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        struct sh_log *log = open_log(directory, shard, store);
        struct sh_log_end end;
        struct sh_error err;
        while (all[shard].count > 0)
            free(all[shard].list[--all[shard].count].bytes);
        if (sh_log_replay(log, 0, keep, &all[shard], &end, &err) != SH_OK) die("read", err.message);
        sh_log_close(log);
    }
}

static uint64_t read_store(const char *directory) {
    char path[PATH_BYTES];
    unsigned long long store = 0;
    (void)snprintf(path, sizeof path, "%s/%s/shoal.data", folder, directory);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "shoal data 1 store %llx", &store) != 1) die("read", path);
    (void)fclose(file);
    return store;
}

/* ---- cuts ---- */

static const struct kept *find_before(const struct records *records, uint32_t count, uint64_t id,
                                      enum sh_part_kind kind) {
    for (uint32_t i = 0; i < count; i++)
        if (records->list[i].record.request.id == id && records->list[i].record.kind == kind) return &records->list[i];
    return NULL;
}

/* Is each record's cause there, wherever it is? */
static bool has_cause(const struct sh_log_record *record, const uint32_t *cuts) {
    const uint64_t id = record->request.id;
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        const struct records *all = &originals[shard];
        const bool holds = find_before(all, all->count, id, SH_PART_HOLD) != NULL;
        const bool takes = find_before(all, all->count, id, SH_PART_TAKE) != NULL;
        if (record->kind == SH_PART_LESSON && shard == record->source &&
            find_before(all, cuts[shard], id, SH_PART_OWN) == NULL &&
            find_before(all, cuts[shard], id, SH_PART_EVERY) == NULL)
            return false;
        if ((record->kind == SH_PART_TAKE || record->kind == SH_PART_END || record->kind == SH_PART_LET_GO) && holds &&
            find_before(all, cuts[shard], id, SH_PART_HOLD) == NULL)
            return false;
        if ((record->kind == SH_PART_END || record->kind == SH_PART_LET_GO) && takes &&
            find_before(all, cuts[shard], id, SH_PART_TAKE) == NULL)
            return false;
    }
    return true;
}

/* A moment, and what each shard had durable then, give or take what was under way; then shorter, until a crash could
 * have left it. */
static void choose_cuts(uint32_t *cuts) {
    const struct records *first = &originals[below(shard_count)];
    const uint64_t moment = first->list[below(first->count)].record.request.id;
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        const struct records *all = &originals[shard];
        cuts[shard] = 0;
        while (cuts[shard] < all->count && all->list[cuts[shard]].record.request.id <= moment)
            cuts[shard]++;
        cuts[shard] += below(CLIENT_COUNT * IN_FLIGHT_COUNT / 2);
        if (cuts[shard] > all->count) cuts[shard] = all->count;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t shard = 0; shard < shard_count; shard++)
            for (uint32_t i = 0; i < cuts[shard]; i++)
                if (!has_cause(&originals[shard].list[i].record, cuts)) {
                    cuts[shard] = i;
                    changed = true;
                }
    }
}

static void write_cuts(const char *directory, uint64_t store, const uint32_t *cuts) {
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, directory);
    if (sh_disk_make_directory(sh_disk_system(), path, NULL) != SH_OK) die("make", path);
    (void)snprintf(path, sizeof path, "%s/%s/shoal.data", folder, directory);
    FILE *file = fopen(path, "w");
    if (file == NULL) die("make", path);
    (void)fprintf(file, "shoal data 1\nstore %016llx\nshards %u\n", (unsigned long long)store, shard_count);
    (void)fclose(file);
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        struct sh_log *log = open_log(directory, shard, store);
        struct sh_log_end end;
        struct sh_error err;
        if (sh_log_replay(log, 0, NULL, NULL, &end, &err) != SH_OK) die("cut", err.message);
        for (uint32_t i = 0; i < cuts[shard]; i++) {
            const struct kept *kept = &originals[shard].list[i];
            const struct sh_log_piece piece = {kept->bytes, kept->count};
            uint64_t position;
            if (sh_log_append(log, &piece, 1, SH_LOG_USUAL, &position, &err) != SH_OK) die("cut", err.message);
            sh_log_commit(log);
        }
        sh_log_close(log);
    }
}

/* ---- what must hold ---- */

static struct sh_shard *shards[SHARD_COUNT_MAX];
static struct sh_buffer body;
static struct sh_buffer effects;

static void replay_bare(void) {
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        const struct sh_shard_options options = {.shard_index = shard, .shard_count = shard_count};
        if (sh_shard_create(&options, &shards[shard], NULL) != SH_OK) die("shard", "no memory");
        for (uint32_t i = 0; i < recovered[shard].count; i++) {
            const struct sh_answer answer = {.body = &body, .effects = &effects};
            sh_buffer_clear(&body);
            sh_buffer_clear(&effects);
            (void)!sh_shard_apply(shards[shard], &recovered[shard].list[i].record.request, &answer, NULL);
        }
        const char *reason = "";
        if (!sh_shard_check(shards[shard], &reason)) die("a shard's rules", reason);
    }
}

/* The answer of a shard as text, or the fault's words. */
static void ask(uint32_t shard, const char *method, const char *params, struct sh_buffer *text) {
    struct sh_buffer bytes;
    struct sh_error err;
    sh_buffer_init(&bytes, 1 << 20);
    msgpack_of_text(params, &bytes);
    const struct sh_request request = {.method = sh_method_find(sh_text_of(method), NULL),
                                       .workspace = SH_TEXT_LITERAL("default"),
                                       .params = bytes.bytes,
                                       .params_count = bytes.count,
                                       .now_ms = 1760200000000,
                                       .id = 1};
    const struct sh_answer answer = {.body = &body, .effects = &effects};
    sh_buffer_clear(&body);
    sh_buffer_clear(&effects);
    sh_buffer_clear(text);
    if (sh_shard_apply(shards[shard], &request, &answer, &err) == SH_OK)
        text_of_msgpack(body.bytes, body.count, 1, text);
    else
        sh_buffer_print(text, "%s", err.message);
    sh_buffer_append(text, "", 1);
    sh_buffer_deinit(&bytes);
}

static void check_alike(const char *method, const char *params) {
    struct sh_buffer first;
    struct sh_buffer other;
    sh_buffer_init(&first, 1 << 24);
    sh_buffer_init(&other, 1 << 24);
    ask(0, method, params, &first);
    for (uint32_t shard = 1; shard < shard_count; shard++) {
        ask(shard, method, params, &other);
        if (strcmp((char *)first.bytes, (char *)other.bytes) == 0) continue;
        printf("%s %s\n  shard 0: %s\n  shard %u: %s\n", method, params, (char *)first.bytes, shard,
               (char *)other.bytes);
        die("shards", "do not agree");
    }
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&other);
}

static void check_nobody_held(void) {
    struct sh_buffer text;
    char params[64];
    sh_buffer_init(&text, 1 << 20);
    for (uint32_t user = 0; user < USER_COUNT; user++) {
        char id[16];
        (void)snprintf(id, sizeof id, "u%u", user);
        (void)snprintf(params, sizeof params, "{user: {id: '%s', n: 1}}", id);
        ask(sh_shard_of_user(sh_text_of(id), shard_count), "user.put", params, &text);
        /* One who is another's other name now is put where that one lives. */
        struct sh_buffer row;
        sh_buffer_init(&row, 1 << 20);
        if (strstr((char *)text.bytes, "being merged") != NULL) {
            bool is_put = false;
            for (uint32_t shard = 0; shard < shard_count && !is_put; shard++) {
                ask(shard, "user.put", params, &row);
                is_put = strstr((char *)row.bytes, "accepted: 1") != NULL;
            }
            if (!is_put) die("held for ever", id);
        }
        sh_buffer_deinit(&row);
    }
    sh_buffer_deinit(&text);
}

static void check_bare(void) {
    char items[ITEM_COUNT * 8 + 32] = "{ids: [";
    for (uint32_t i = 0; i < ITEM_COUNT; i++)
        (void)snprintf(items + strlen(items), sizeof items - strlen(items), "%s'i%u'", i == 0 ? "" : ", ", i);
    (void)snprintf(items + strlen(items), sizeof items - strlen(items), "]}");
    check_alike("schema.get", "{}");
    check_alike("item.get", items);
    check_alike("feed.trending", "{count: 100}");
    check_alike("rfm.get", "{}");
    for (uint32_t i = 0; i < 3; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "{name: 's%u'}", i);
        check_alike("segment.get", name);
    }
    check_nobody_held();
    for (uint32_t shard = 0; shard < shard_count; shard++)
        sh_shard_destroy(shards[shard]);
}

static void check_cut(uint32_t number, uint64_t store) {
    uint32_t cuts[SHARD_COUNT_MAX];
    char directory[32];
    char command[PATH_BYTES];
    choose_cuts(cuts);
    (void)snprintf(directory, sizeof directory, "cut-%u", number);
    write_cuts(directory, store, cuts);
    stop(serve(directory));
    read_logs(directory, store, recovered);
    uint32_t added = 0;
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        if (recovered[shard].count < cuts[shard]) die("lost", "records that were durable");
        for (uint32_t i = 0; i < cuts[shard]; i++)
            if (recovered[shard].list[i].count != originals[shard].list[i].count ||
                memcmp(recovered[shard].list[i].bytes, originals[shard].list[i].bytes, recovered[shard].list[i].count))
                die("changed", "a record that was durable");
        added += recovered[shard].count - cuts[shard];
    }
    replay_bare();
    check_bare();
    /* A second start finds nothing left to do. */
    stop(serve(directory));
    const uint32_t before[SHARD_COUNT_MAX] = {recovered[0].count, recovered[1].count, recovered[2].count,
                                              recovered[3].count};
    read_logs(directory, store, recovered);
    for (uint32_t shard = 0; shard < shard_count; shard++)
        if (recovered[shard].count != before[shard]) die("twice", "a start completed what was complete");
    (void)snprintf(command, sizeof command, "rm -r '%s/%s'", folder, directory);
    if (system(command) != 0) die("remove", command);
    printf("cut %u: %u %u completed %u\n", number, cuts[0], cuts[1], added);
}

int main(int argument_count, char **arguments) {
    char command[PATH_BYTES];
    state = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint32_t cut_count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 10;
    shard_count = argument_count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 2;
    if (shard_count < 2 || shard_count > SHARD_COUNT_MAX) die("recovery_property", "2 to 4 shards");
    printf("reproduce: recovery_property %llu %u %u\n", (unsigned long long)state, cut_count, shard_count);
    sh_log_set_level(SH_LOG_ERROR);
    sh_buffer_init(&body, SH_ANSWER_BYTES_MAX);
    sh_buffer_init(&effects, SH_ANSWER_BYTES_MAX);
    (void)snprintf(folder, sizeof folder, "/tmp/shoal-recovery-XXXXXX");
    if (mkdtemp(folder) == NULL) die("folder", folder);
    struct sh_server *server = serve("whole");
    write_all(server);
    stop(server);
    const uint64_t store = read_store("whole");
    read_logs("whole", store, originals);
    for (uint32_t i = 0; i < cut_count; i++)
        check_cut(i, store);
    (void)snprintf(command, sizeof command, "rm -r '%s'", folder);
    if (system(command) != 0) die("remove", command);
    printf("%u cuts of logs of %u shards: all agree\n", cut_count, shard_count);
    return 0;
}
