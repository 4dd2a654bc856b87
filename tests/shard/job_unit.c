/* job_unit.c -- questions that take several steps, with other requests in between; and allocations that fail. */
#include <criterion/criterion.h>

#include "memory.h"
#include "msgpack_text.h"
#include "shard_rig.h"

enum { USERS = 1200000, BATCH = 60000 }; /* more blocks than a question begins with */

static struct rig rig;

static void fill(void) {
    rig_init(&rig, 1);
    cr_assert_str_eq(rig_ask(&rig, "schema.put",
                             "{users: {attributes: [{name: 'n', type: 'int'},"
                             " {name: 'tier', type: 'enum', labels: ['a', 'b']}]}}"),
                     "{changed: true}");
    for (uint32_t first = 0; first < USERS; first += BATCH) {
        struct sh_buffer params;
        msgpack_packer packer;
        sh_buffer_init(&params, SH_FRAME_BYTES_MAX);
        sh_buffer_packer(&params, &packer);
        (void)msgpack_pack_map(&packer, 2);
        sh_pack_literal(&packer, "fields");
        (void)msgpack_pack_array(&packer, 2);
        sh_pack_literal(&packer, "id");
        sh_pack_literal(&packer, "n");
        sh_pack_literal(&packer, "rows");
        (void)msgpack_pack_array(&packer, BATCH);
        for (uint32_t i = 0; i < BATCH; i++) {
            (void)msgpack_pack_array(&packer, 2);
            (void)msgpack_pack_uint32(&packer, 1000000 + first + i);
            (void)msgpack_pack_uint64(&packer, (uint64_t)(first + i) * 7919 % 1000003);
        }
        const char *answer = rig_ask_bytes(&rig, "user.put", params.bytes, params.count);
        cr_assert(strncmp(answer, "{accepted: 60000, created: 60000,", 33) == 0, "%s", answer);
        sh_buffer_deinit(&params);
    }
}

static void empty(void) {
    rig_check(&rig);
    rig_deinit(&rig);
}

TestSuite(job, .init = fill, .fini = empty);

/* A question under way. */
struct asked {
    struct sh_buffer params;
    struct sh_buffer body;
    struct sh_job *job;
    enum sh_status status;
};

static void begin(struct asked *asked, const char *method, const char *params) {
    sh_buffer_init(&asked->params, 1 << 20);
    sh_buffer_init(&asked->body, SH_ANSWER_BYTES_MAX);
    msgpack_of_text(params, &asked->params);
    const struct sh_request request = {.method = sh_method_find(sh_text_of(method), NULL),
                                       .workspace = SH_TEXT_LITERAL("default"),
                                       .params = asked->params.bytes,
                                       .params_count = asked->params.count,
                                       .now_ms = rig.now_ms,
                                       .id = rig.next_id++};
    const struct sh_answer answer = {.body = &asked->body, .effects = NULL};
    asked->status = sh_shard_start(rig.shards[0], &request, &answer, &asked->job, NULL);
    cr_assert_eq(asked->status, SH_OK);
    cr_assert(asked->job != NULL, "it takes more than one step");
    cr_assert_eq(asked->body.count, 0);
}

static bool step(struct asked *asked, uint32_t blocks) {
    bool done;
    asked->status = sh_job_step(asked->job, blocks, &done, NULL);
    cr_assert_eq(asked->status, SH_OK);
    return done;
}

static const char *finish(struct asked *asked) {
    static struct sh_buffer text;
    while (!step(asked, 3)) {}
    sh_buffer_deinit(&text);
    sh_buffer_init(&text, 1 << 28);
    text_of_msgpack(asked->body.bytes, asked->body.count, 1, &text);
    sh_buffer_append(&text, "", 1);
    sh_buffer_deinit(&asked->params);
    sh_buffer_deinit(&asked->body);
    return (const char *)text.bytes;
}

Test(job, people_forgotten_between_two_steps_are_not_listed_and_nobody_takes_their_place) {
    struct asked asked;
    begin(&asked, "audience.list", "{where: '', limit: 4, order: 'id'}");
    cr_assert_not(step(&asked, 1));
    cr_assert_eq(
        strncmp(rig_ask(&rig, "user.forget", "{ids: [1000001, 1000002, 9]}"), "{forgotten: 2, unknown: ['9']", 29), 0);
    cr_assert_str_eq(rig_ask(&rig, "user.put", "{users: [{id: 'x'}, {id: 'y'}, {id: 'z'}]}"),
                     "{accepted: 3, created: 3, refused: []}");
    /* Counted as each block was when it was read: the forgotten in the first, the new ones in the last. */
    cr_assert_str_eq(finish(&asked), "{count: 1200003, ids: ['1000000', '1000003']}");
    cr_assert_str_eq(rig_ask(&rig, "audience.list", "{where: '', limit: 3, order: 'id', desc: true}"),
                     "{count: 1200001, ids: ['z', 'y', 'x']}");
}

Test(job, a_schema_change_lets_questions_finish_first) {
    struct asked list;
    struct asked sample;
    begin(&list, "audience.list", "{where: \"tier < 'b' or n < 4\", limit: 3, order: 'n', fields: ['n']}");
    begin(&sample, "audience.sample", "{where: '', count: 3}");
    cr_assert_str_eq(rig_ask(&rig, "schema.put",
                             "{users: {attributes: [{name: 'tier', type: 'enum', labels: ['z', 'a', 'm', 'b']}]}}"),
                     "{changed: true}");
    cr_assert_str_eq(finish(&list), "{count: 5, rows: [['1000000', 0], ['2000003', 0], ['1658671', 1]]}");
    cr_assert(strncmp(finish(&sample), "{count: 1200000, ids: ['", 24) == 0);
}

Test(job, the_first_of_many_blocks_are_found_whatever_blocks_they_are_in) {
    struct asked asked;
    begin(&asked, "audience.list", "{where: '', limit: 4, order: 'n', desc: true, fields: ['n']}");
    cr_assert_str_eq(finish(&asked), "{count: 1200000, rows: [['1341332', 1000002], ['1682664', 1000001], ['1023993', "
                                     "1000000], ['2023996', 1000000]]}");
    begin(&asked, "audience.list", "{where: '', limit: 4, order: 'n', fields: ['n']}");
    cr_assert_str_eq(finish(&asked),
                     "{count: 1200000, rows: [['1000000', 0], ['2000003', 0], ['1658671', 1], ['1317339', 2]]}");
}

Test(job, a_question_that_nobody_waits_for_any_more_is_dropped) {
    struct asked asked;
    begin(&asked, "audience.list", "{where: '', limit: 10, order: 'n', keep: true}");
    cr_assert_not(step(&asked, 2));
    sh_job_cancel(asked.job);
    cr_assert_eq(asked.body.count, 0);
    sh_buffer_deinit(&asked.params);
    sh_buffer_deinit(&asked.body);
    begin(&asked, "audience.sample", "{where: '', count: 10}"); /* and one is open when the shard ends */
    sh_buffer_deinit(&asked.body);
    sh_buffer_deinit(&asked.params);
    rig_check(&rig);
}

Test(job, a_frozen_order_of_everybody_goes_on_page_by_page) {
    struct asked asked;
    begin(&asked, "audience.list", "{where: '', limit: 2, order: 'n', desc: true, keep: true}");
    const char *answer = finish(&asked);
    cr_assert(strncmp(answer, "{count: 1200000, ids: ['1", 25) == 0, "%s", answer);
    char cursor[64];
    (void)snprintf(cursor, sizeof cursor, "{cursor: '%.30s", strstr(answer, "cursor: '") + 9);
    (void)snprintf(strchr(cursor + 10, '\''), 20, "', limit: 1}");
    answer = rig_ask(&rig, "audience.list", cursor);
    cr_assert(strstr(answer, "skipped: 0") != NULL, "%s", answer);
}

/* ---- Allocations that fail ---- */

/* Each row of a batch that was answered is accepted, a duplicate or refused, whatever ran out of memory on the way. */
static void check_sums(const char *answer, unsigned row_count) {
    unsigned accepted, duplicates;
    unsigned refused = 0;
    cr_assert_eq(sscanf(answer, "{accepted: %u, duplicates: %u", &accepted, &duplicates), 2, "%s", answer);
    for (const char *at = answer; (at = strstr(at, "{row: ")) != NULL; at++)
        refused++;
    cr_assert_eq(accepted + duplicates + refused, row_count, "%s", answer);
}

TestSuite(memory);

Test(memory, a_request_that_runs_out_of_memory_says_so_and_breaks_nothing) {
    static const struct {
        const char *method;
        const char *params;
    } requests[] = {
        {"schema.put",
         "{users: {attributes: [{name: 'n', type: 'int'}, {name: 's', type: 'string'}], tag_sets: [{name: 't'}]},"
         " items: {attributes: [{name: 'b', type: 'string'}]}, events: [{name: 'e', properties: [{name: 'p', "
         "type: 'string'}]}], feed: {eligible: \"b != 'x'\"}}"},
        {"user.put", "{users: [{id: 'a', n: 1, s: 'x', t: ['p', 'q']}, {id: 'a-much-longer-id-than-most', s: 'y'}]}"},
        {"user.put", "{fields: ['id', 's', 't'], rows: [['a', 'z', ['r', 's', 'u']], ['c', nil, nil]]}"},
        {"item.put", "{items: [{id: 'i', b: 'k'}]}"},
        {"event.append", "{events: [{type: 'e', user: 'a', time: 1759999999000, item: 'i', amount: 1, id: 'x', p: 'q'},"
                         " {type: 'e', user: 'n', time: 5, item: 'j'}]}"},
        {"user.get", "{ids: ['a', 'c'], events: 3}"},
        {"audience.count", "{where: \"n = 1 and t has 'p' or did(e, last 3 days)\"}"},
        {"audience.list", "{where: 's is not missing', order: 's', limit: 1, keep: true, fields: ['n', 's', 't']}"},
        {"audience.ask", "{where: '', list: {keep: true, limit: 1}, sample: {count: 2}}"},
        {"audience.explain", "{where: 'n > 1 and n < 4'}"},
        {"feed.get", "{user: 'a', filter: \"b = 'k'\"}"},
        {"feed.trending", "{}"},
        {"feed.also_bought", "{item: 'i', filter: \"b = 'k'\"}"},
        {"feed.similar", "{item: 'i'}"},
        {"feed.users_for_item", "{item: 'i', where: 'n > 1', fields: ['n']}"},
        {"feed.batch", "{users: ['a', 'z'], feed: {filter: \"b = 'k'\"}}"},
        {"feed.batch", "{where: 'n > 1', limit: 2}"},
        {"user.forget", "{ids: ['a', 'n']}"},
        {"stats", "{}"},
    };
    for (uint32_t shard_count = 1; shard_count <= 2; shard_count++) {
        rig_init(&rig, shard_count);
        for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
            struct sh_buffer params;
            sh_buffer_init(&params, 1 << 16);
            msgpack_of_text(requests[i].params, &params);
            (void)sh_buffer_reserve(&rig.body, 1 << 16);
            (void)sh_buffer_reserve(&rig.text, 1 << 16);
            uint64_t failures = 0;
            for (uint64_t n = 0;; n++) {
                sh_memory_fail_after(n);
                const char *answer = rig_ask_bytes(&rig, requests[i].method, params.bytes, params.count);
                const bool failed = sh_memory_failed();
                sh_memory_fail_after(UINT64_MAX);
                if (answer[0] == '{' && strcmp(requests[i].method, "event.append") == 0) check_sums(answer, 2);
                rig_check(&rig);
                if (!failed) break;
                failures++;
                cr_assert_lt(n, 5000, "%s needs ever more allocations", requests[i].method);
            }
            cr_assert_eq(rig.error.status, SH_OK, "%s: %s", requests[i].method, rig.error.message);
            sh_buffer_deinit(&params);
        }
        rig_deinit(&rig);
    }
}
