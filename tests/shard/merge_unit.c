/* merge_unit.c -- two users become one, with one, two and three shards. */
#include "shard_trio.h"

static void make_shop(struct trio *made) {
    struct trio trio;
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'age', type: 'int'}, {name: 'city', type: 'string'},"
        " {name: 'tier', type: 'enum', labels: ['silver', 'gold']}], tag_sets: [{name: 'likes'}]},"
        " items: {tag_sets: [{name: 'kinds'}]},"
        " events: [{name: 'view'}, {name: 'purchase', properties: [{name: 'store', type: 'string'}]}]}",
        "{changed: true}");
    SAY("user.put",
        "{users: [{id: 'cookie', age: 20, city: 'x', likes: ['tea', 'milk']},"
        " {id: 'wang', age: 30, tier: 'gold', likes: ['tea', 'cake']}, {id: 'other', age: 40}]}",
        "{accepted: 3, created: 3, refused: []}");
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'cookie', time: 1000, item: 'i1', amount: '2.50', id: 'o1', store: 's1'},"
        " {type: 'view', user: 'cookie', time: 2000, item: 'i2'},"
        " {type: 'purchase', user: 'wang', time: 1000, item: 'i1', amount: '2.50', id: 'o1', store: 's1'},"
        " {type: 'purchase', user: 'wang', time: 3000, amount: '1.00', id: 'o2'},"
        " {type: 'view', user: 'wang', time: 2000, item: 'i2'}]}",
        "{accepted: 5, duplicates: 0, refused: []}");
    *made = trio;
}

#define MERGED                                                                                                         \
    "{user: {id: 'wang', age: 30, city: 'x', tier: 'gold', likes: ['cake', 'milk', 'tea'],"                            \
    " events: [{type: 'purchase', time: 3000, amount: '1.00'}, {type: 'view', time: 2000, item: 'i2'},"                \
    " {type: 'view', time: 2000, item: 'i2'},"                                                                         \
    " {type: 'purchase', time: 1000, item: 'i1', amount: '2.50', store: 's1'}]}}"

Test(merge, values_tags_and_events_move_once) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.merge", "{from: 'cookie', into: 'wang'}", "{merged: true, events: 1, duplicates: 1}");
    SAY("user.get", "{id: 'wang', events: 10}", MERGED);
    SAY("user.get", "{id: 'cookie', events: 10}", MERGED);
    SAY("audience.count", "{where: 'true'}", "{count: 2, total: 2}");
    SAY("audience.count", "{where: \"sum(purchase.amount where store = 's1') = 2.5\"}", "{count: 1, total: 2}");
    SAY("user.merge", "{from: 'cookie', into: 'wang'}", "{merged: false, events: 0, duplicates: 0}");
    SAY("user.merge", "{from: 'wang', into: 'cookie'}", "{merged: false, events: 0, duplicates: 0}");
    SAY("user.merge", "{from: 'wang', into: 'wang'}", "{merged: false, events: 0, duplicates: 0}");
    SAY("user.get", "{id: 'wang', events: 10}", MERGED);
    trio_deinit(&trio);
}

Test(merge, the_other_name_means_the_user_from_then_on) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.merge", "{from: 'cookie', into: 'wang'}", "{merged: true, events: 1, duplicates: 1}");
    SAY("user.put", "{users: [{id: 'cookie', age: 31}, {id: 'other', age: 41}]}",
        "{accepted: 2, created: 0, refused: []}");
    SAY("event.append",
        "{events: [{type: 'view', user: 'cookie', time: 5000}, {type: 'view', user: 'wang', time: 5001}]}",
        "{accepted: 2, duplicates: 0, refused: []}");
    /* An event of the cookie that is sent again is known. */
    SAY("event.append", "{event: {type: 'purchase', user: 'cookie', time: 1000, id: 'o1'}}",
        "{accepted: 0, duplicates: 1, refused: []}");
    SAY("audience.list", "{where: 'count(view) = 4 and age = 31'}", "{count: 1, ids: ['wang']}");
    SAY_BEGIN("user.get", "{ids: ['cookie', 'nobody', 'other'], fields: ['age']}",
              "{users: [{id: 'wang', age: 31}, nil, {id: 'other', age: 41}]}");
    SAY("segment.put", "{name: 'grown', where: 'age > 30'}", "{version: 1, changed: true}");
    SAY("segment.of_user", "{user: 'cookie'}", "{segments: ['grown']}");
    trio_deinit(&trio);
}

Test(merge, names_follow_when_their_user_is_merged_too) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.merge", "{from: 'cookie', into: 'wang'}", "{merged: true, events: 1, duplicates: 1}");
    SAY("user.merge", "{from: 'wx-1', into: 'cookie'}", "{merged: true, events: 0, duplicates: 0}");
    SAY("user.merge", "{from: 'cookie', into: 'u-1'}", "{merged: true, events: 4, duplicates: 0}");
    SAY("user.get", "{ids: ['cookie', 'wang', 'wx-1'], fields: ['age']}",
        "{users: [{id: 'u-1', age: 30}, {id: 'u-1', age: 30}, {id: 'u-1', age: 30}]}");
    SAY("user.merge", "{from: 'wang', into: 'other'}", "{merged: true, events: 4, duplicates: 0}");
    SAY("user.get", "{ids: ['u-1', 'wx-1', 'cookie'], fields: ['age']}",
        "{users: [{id: 'other', age: 40}, {id: 'other', age: 40}, {id: 'other', age: 40}]}");
    SAY("audience.count", "{where: 'true'}", "{count: 1, total: 1}");
    trio_deinit(&trio);
}

Test(merge, forgetting_takes_all_names) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.merge", "{from: 'cookie', into: 'wang'}", "{merged: true, events: 1, duplicates: 1}");
    SAY_BEGIN("user.forget", "{ids: ['cookie', 'wang', 'cookie', 'nobody']}",
              "{forgotten: 1, unknown: ['wang', 'cookie', 'nobody']");
    SAY("user.get", "{ids: ['cookie', 'wang']}", "{users: [nil, nil]}");
    /* The id is free, and whoever has it now is somebody else. */
    SAY("user.put", "{users: [{id: 'cookie', age: 1}, {id: 'wang', age: 2}]}",
        "{accepted: 2, created: 2, refused: []}");
    SAY("user.get", "{ids: ['cookie', 'wang']}", "{users: [{id: 'cookie', age: 1}, {id: 'wang', age: 2}]}");
    trio_deinit(&trio);
}

Test(merge, a_name_may_come_before_its_user) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.merge", "{from: 'device-9', into: 'li'}", "{merged: true, events: 0, duplicates: 0}");
    SAY("audience.count", "{where: 'true'}", "{count: 3, total: 3}");
    SAY("user.put", "{user: {id: 'device-9', age: 5}}", OK_PUT);
    SAY("user.get", "{id: 'li'}", "{user: {id: 'li', age: 5}}");
    SAY_BEGIN("user.forget", "{id: 'device-9'}", "{forgotten: 1, unknown: []");
    SAY("user.put", "{user: {id: 'device-9', age: 6}}", OK_PUT);
    SAY("user.get", "{id: 'device-9'}", "{user: {id: 'device-9', age: 6}}");
    trio_deinit(&trio);
}

Test(merge, what_is_wrong_is_refused_and_nobody_stays_held) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.merge", "{from: 'cookie'}", "300 argument: the key `into` is needed");
    SAY_BEGIN("user.merge", "{from: '', into: 'wang'}", "300 argument: ");
    SAY_BEGIN("user.merge", "{from: 'cookie', into: 'wang', step: 1}", "300 argument: ");
    /* Too many tags together. */
    for (int half = 0; half < 2; half++) {
        struct sh_buffer params;
        sh_buffer_init(&params, 1 << 20);
        sh_buffer_print(&params, "{user: {id: '%s', likes: {add: [", half == 0 ? "cookie" : "wang");
        for (int i = 0; i < 2100; i++)
            sh_buffer_print(&params, "%s't%d'", i == 0 ? "" : ", ", half * 2100 + i);
        sh_buffer_append(&params, "]}}}", 5);
        SAY("user.put", (const char *)params.bytes, "{accepted: 1, created: 0, refused: []}");
        sh_buffer_deinit(&params);
    }
    SAY("user.merge", "{from: 'cookie', into: 'wang'}", "402 limit: `likes` would have more than 4096 tags");
    SAY("user.put", "{users: [{id: 'cookie', age: 21}, {id: 'wang', age: 31}]}",
        "{accepted: 2, created: 0, refused: []}");
    SAY("user.put", "{user: {id: 'wang', likes: []}}", "{accepted: 1, created: 0, refused: []}");
    SAY("user.merge", "{from: 'cookie', into: 'wang'}", "{merged: true, events: 1, duplicates: 1}");
    trio_deinit(&trio);
}

/* ---- In between, over several shards ---- */

/* Two ids that live in different shards of two. */
static const char *of_shard(uint32_t shard, char room[16]) {
    for (int i = 0;; i++) {
        (void)snprintf(room, 16, "p%d", i);
        if (sh_shard_of_user(sh_text_of(room), 2) == shard) return room;
    }
}

static enum sh_status ask_shard(struct rig *rig, uint32_t shard, const char *method, const struct sh_buffer *params,
                                struct sh_buffer *body, struct sh_error *err) {
    const struct sh_request request = {.method = sh_method_find(sh_text_of(method), NULL),
                                       .workspace = sh_text_of("default"),
                                       .params = params->bytes,
                                       .params_count = params->count,
                                       .now_ms = rig->now_ms,
                                       .id = rig->next_id++};
    struct sh_buffer effects;
    sh_buffer_init(&effects, 1 << 20);
    const struct sh_answer answer = {.body = body, .effects = &effects};
    sh_buffer_clear(body);
    const enum sh_status status = sh_shard_apply(rig->shards[shard], &request, &answer, err);
    sh_buffer_deinit(&effects);
    return status;
}

/* Every write that comes between two rounds is refused with busy, whichever shard it meets; nothing gets lost. */
Test(merge, between_the_rounds_writes_are_refused_and_not_lost) {
    struct rig rig;
    char from[16];
    char into[16];
    char text[256];
    rig_init(&rig, 2);
    (void)rig_ask(&rig, "schema.put", "{users: {attributes: [{name: 'age', type: 'int'}]}, events: [{name: 'view'}]}");
    (void)of_shard(0, from);
    (void)of_shard(1, into);
    (void)snprintf(text, sizeof text,
                   "{events: [{type: 'view', user: '%s', time: 1}, {type: 'view', user: '%s', time: 2}]}", from, into);
    (void)rig_ask(&rig, "event.append", text);

    struct sh_buffer params;
    struct sh_buffer bodies[2];
    sh_buffer_init(&params, 4096);
    sh_buffer_init(&bodies[0], 1 << 20);
    sh_buffer_init(&bodies[1], 1 << 20);
    msgpack_packer packer;
    sh_buffer_packer(&params, &packer);
    (void)msgpack_pack_map(&packer, 2);
    sh_pack_literal(&packer, "from");
    sh_pack_literal(&packer, from);
    sh_pack_literal(&packer, "into");
    sh_pack_literal(&packer, into);
    const struct sh_request merge = {.method = sh_method_find(sh_text_of("user.merge"), NULL),
                                     .workspace = sh_text_of("default"),
                                     .params = params.bytes,
                                     .params_count = params.count,
                                     .now_ms = rig.now_ms,
                                     .id = 1};
    struct sh_split split;
    struct sh_error err;
    cr_assert_eq(sh_request_split(&merge, rig.shards[0], &split, &err), SH_OK);
    uint32_t rounds = 0;
    for (bool more = true; more; rounds++) {
        struct sh_part_result results[2];
        const uint32_t part_count = split.part_count;
        for (uint32_t i = 0; i < part_count; i++) {
            const enum sh_status status =
                ask_shard(&rig, split.parts[i].shard, "user.merge", &split.parts[i].params, &bodies[i], &err);
            cr_assert_eq(status, SH_OK, "%s", err.message);
            results[i] = (struct sh_part_result){status, &err, &bodies[i]};
            /* Between two parts of one round, too: the whole way round a write meets busy, or it is done. */
            const char *const ids[] = {from, into};
            for (uint32_t k = 0; k < 2 && (rounds < 2 || i == 0); k++) {
                (void)snprintf(text, sizeof text, "{event: {type: 'view', user: '%s', time: %u}}", ids[k], 100 + k);
                const char *answer = rig_ask(&rig, "event.append", text);
                const bool is_busy = strstr(answer, "busy") != NULL;
                /* Before its shard was asked to hold it, and after it was let go, a user can be written. */
                const bool may_pass = (rounds == 0 && i == 0 && k == 1) || rounds == 2;
                cr_assert(is_busy || may_pass, "round %u, part %u, %s: %s", rounds, i, ids[k], answer);
            }
        }
        cr_assert_eq(sh_request_next(&merge, &split, results, &more, &err), SH_OK);
    }
    sh_split_free(&split);
    cr_assert_eq(rounds, 3);
    (void)snprintf(text, sizeof text, "{event: {type: 'view', user: '%s', time: 200}}", from);
    cr_assert_str_eq(rig_ask(&rig, "event.append", text), "{accepted: 1, duplicates: 0, refused: []}");
    cr_assert_str_eq(rig_ask(&rig, "audience.count", "{where: 'true'}"), "{count: 1, total: 1}");
    rig_check(&rig);
    rig_deinit(&rig);
    sh_buffer_deinit(&params);
    sh_buffer_deinit(&bodies[0]);
    sh_buffer_deinit(&bodies[1]);
}
