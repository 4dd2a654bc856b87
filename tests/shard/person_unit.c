/* person_unit.c -- what a person may ask of a shop: user.export, user.receipt; with one, two and three shards. */
#include "shard_trio.h"

static void make_shop(struct trio *made) {
    struct trio trio;
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'phone', type: 'string'}], tag_sets: [{name: 'likes'}]},"
        " items: {tag_sets: [{name: 'kinds'}]}, events: [{name: 'view'}]}",
        "{changed: true}");
    SAY("user.put", "{users: [{id: 'a', phone: '1', likes: {add: ['tea'], until: 1770000000000}}, {id: 'b'}]}",
        "{accepted: 2, created: 2, refused: []}");
    SAY("segment.put", "{name: 'callable', where: 'phone is not missing'}", "{version: 1, changed: true}");
    *made = trio;
}

Test(person, everything_held_is_answered_page_by_page) {
    struct trio trio;
    make_shop(&trio);
    SAY("event.append",
        "{fields: ['type', 'user', 'time'], rows: [['view', 'a', 1000], ['view', 'a', 2000], ['view', 'a', 2000], "
        "['view', 'a', 2000], ['view', 'b', 5000]]}",
        "{accepted: 5, duplicates: 0, refused: []}");
    SAY_BEGIN("user.merge", "{from: 'cookie', into: 'a'}", "{merged: true");
    SAY("user.export", "{user: 'cookie', limit: 2}",
        "{user: {id: 'a', phone: '1', likes: ['tea']}, names: ['cookie'], ends: {likes: {tea: 1770000000000}}, "
        "segments: ['callable'], tastes: [], shown: [], vector: nil, event_count: 4, events: [{type: 'view', user: 'a', time: "
        "2000}, "
        "{type: 'view', user: 'a', time: 2000}], cursor: '2000.2'}");
    SAY("user.export", "{user: 'a', limit: 1, cursor: '2000.2'}",
        "{events: [{type: 'view', user: 'a', time: 2000}], cursor: '2000.3'}");
    SAY("user.export", "{user: 'a', limit: 9, cursor: '2000.3'}",
        "{events: [{type: 'view', user: 'a', time: 1000}], cursor: nil}");
    SAY("user.export", "{user: 'b'}",
        "{user: {id: 'b'}, names: [], ends: {likes: {}}, segments: [], tastes: [], shown: [], vector: nil, event_count: 1, "
        "events: [{type: 'view', user: 'b', time: 5000}], cursor: nil}");
    SAY("user.export", "{user: 'c'}", "304 not_found: there is no user `c`");
    SAY("user.export", "{user: 'a', cursor: 'x'}", "300 argument: `cursor` is not one that this server gave");
    SAY("user.export", "{user: 'a', cursor: '1.2.3'}", "300 argument: `cursor` is not one that this server gave");
    trio_deinit(&trio);
}

Test(person, a_receipt_has_numbers_and_nobody) {
    struct trio trio;
    make_shop(&trio);
    SAY_BEGIN("user.merge", "{from: 'cookie', into: 'a'}", "{merged: true");
    SAY("event.append", "{events: [{type: 'view', user: 'a', time: 1000}, {type: 'view', user: 'b', time: 1000}]}",
        "{accepted: 2, duplicates: 0, refused: []}");
    for (uint32_t i = 0; i < TRIO_COUNT; i++) {
        struct rig *rig = &trio.rigs[i];
        char params[64];
        char expected[512];
        const uint64_t id = rig->next_id;
        const char *answer = rig_ask(rig, "user.forget", "{ids: ['a', 'nobody', 'b']}");
        (void)snprintf(expected, sizeof expected,
                       "{forgotten: 2, unknown: ['nobody'], receipt: '%llx', erased_by: 1760000000000}",
                       (unsigned long long)id);
        cr_assert_str_eq(answer, expected, "%u shards: %s, not %s", i + 1, answer, expected);
        (void)snprintf(params, sizeof params, "{receipt: '%llx'}", (unsigned long long)id);
        (void)snprintf(expected, sizeof expected,
                       "{receipt: '%llx', state: 'complete', asked_at: 1760000000000, erased_by: 1760086400000, "
                       "erased_at: 1760000000000, users: 2, names: 1, events: 2, values: 2}",
                       (unsigned long long)id);
        answer = rig_ask(rig, "user.receipt", params);
        cr_assert_str_eq(answer, expected, "%u shards: %s", i + 1, answer);
    }
    SAY("user.receipt", "{receipt: 'abc'}", "304 not_found: there is no such receipt");
    SAY("user.receipt", "{receipt: 'wer'}", "300 argument: `receipt` is not one that this server gave");
    trio_deinit(&trio);
}

Test(person, a_receipt_is_pending_until_the_server_says_what_is_gone) {
    struct rig rig;
    rig_init(&rig, 1);
    (void)rig_ask(&rig, "schema.put", "{}");
    cr_assert_eq(sh_shard_forget_oldest(rig.shards[0]), INT64_MAX);
    rig.position = 7;
    const char *text = rig_ask(&rig, "user.forget", "{id: 'a'}");
    cr_assert(strstr(text, "erased_by: 1760086400000") != NULL, "%s", text);
    char params[64];
    (void)snprintf(params, sizeof params, "{receipt: '%llx'}", (unsigned long long)rig.next_id - 1);
    cr_assert_eq(sh_shard_forget_oldest(rig.shards[0]), rig.now_ms);
    sh_shard_erased(rig.shards[0], 6, rig.now_ms + 5);
    cr_assert(strstr(rig_ask(&rig, "user.receipt", params), "state: 'pending'") != NULL);
    struct sh_buffer bytes[SH_SHARD_COUNT_MAX];
    rig_save(&rig, bytes);
    rig_load(&rig, bytes);
    sh_buffer_deinit(&bytes[0]);
    sh_shard_erased(rig.shards[0], 7, rig.now_ms + 5);
    sh_shard_erased(rig.shards[0], 8, rig.now_ms + 6); /* it was gone already */
    text = rig_ask(&rig, "user.receipt", params);
    cr_assert(strstr(text, "erased_at: 1760000000005") != NULL, "%s", text);
    cr_assert_eq(sh_shard_forget_oldest(rig.shards[0]), INT64_MAX);
    rig_deinit(&rig);
}

/* The text of a tag that nobody else had went only from rows, and stayed in the snapshot. */
Test(person, regression_the_text_of_an_own_tag_goes_too) {
    struct rig rig;
    rig_init(&rig, 1);
    (void)rig_ask(&rig, "schema.put", "{users: {tag_sets: [{name: 'likes'}]}}");
    (void)rig_ask(&rig, "user.put",
                  "{users: [{id: 'a', likes: ['shared', 'onlyhers']}, {id: 'b', likes: ['shared']}]}");
    (void)rig_ask(&rig, "user.forget", "{id: 'a'}");
    struct sh_buffer bytes[SH_SHARD_COUNT_MAX];
    rig_save(&rig, bytes);
    cr_assert(memmem(bytes[0].bytes, bytes[0].count, "onlyhers", 8) == NULL);
    cr_assert(memmem(bytes[0].bytes, bytes[0].count, "shared", 6) != NULL);
    rig_load(&rig, bytes);
    sh_buffer_deinit(&bytes[0]);
    cr_assert_str_eq(rig_ask(&rig, "user.put", "{user: {id: 'c', likes: ['onlyhers']}}"), OK_PUT);
    cr_assert_str_eq(rig_ask(&rig, "audience.list", "{where: \"likes has 'onlyhers'\"}"), "{count: 1, ids: ['c']}");
    rig_check(&rig);
    rig_deinit(&rig);
}
