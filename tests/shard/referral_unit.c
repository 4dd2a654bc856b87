/* referral_unit.c -- who invited whom, with one, two and three shards. */
#include "shard_trio.h"

#define DAY INT64_C(86400000)

static void make_shop(struct trio *made) {
    struct trio trio;
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'by', type: 'string'}, {name: 'age', type: 'int'}]},"
        " events: [{name: 'view'}, {name: 'purchase'}]}",
        "{changed: true}");
    SAY("user.put",
        "{users: [{id: 'a'}, {id: 'b', by: 'a'}, {id: 'c', by: 'a'}, {id: 'd', by: 'a'}, {id: 'e', by: 'b'},"
        " {id: 'f', by: 'f'}, {id: 'g', by: 'nobody'}, {id: 'h', by: 'b'}]}",
        "{accepted: 8, created: 8, refused: []}");
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'b', time: 1760000000000}, {type: 'purchase', user: 'b', time: "
        "1759990000000}, {type: 'purchase', user: 'c', time: 1750000000000}, {type: 'purchase', user: 'e', time: "
        "1760000000000}, {type: 'purchase', user: 'f', time: 1760000000000}]}",
        "{accepted: 5, duplicates: 0, refused: []}");
    SAY("referral.put",
        "{inviter: 'by', counts: [{name: 'buyers', where: 'did(purchase)'}, {name: 'fresh', where: 'did(purchase, last "
        "30 days)'}]}",
        "{changed: true}");
    *made = trio;
}

static void set_now(struct trio *trio, int64_t now_ms) {
    for (uint32_t i = 0; i < TRIO_COUNT; i++)
        trio->rigs[i].now_ms = now_ms;
}

#define NUMBERS                                                                                                        \
    "{where: 'invited.users > 0', order: 'id', fields: ['invited.users', 'invited.buyers', 'invited.fresh']}"

Test(referral, a_refresh_counts_who_was_invited_and_who_of_them_buys) {
    struct trio trio;
    make_shop(&trio);
    SAY("audience.count", "{where: 'invited.users is missing'}", "{count: 8, total: 8}");
    SAY("referral.refresh", "{}", "{now: 1760000000000}");
    /* Nobody is his own inviter, and what is nobody's is nobody's. */
    SAY("audience.list", NUMBERS, "{count: 2, rows: [['a', 3, 2, 1], ['b', 2, 1, 1]]}");
    SAY("audience.list", "{where: 'invited.buyers >= 2', order: 'id'}", "{count: 1, ids: ['a']}");
    SAY("audience.count", "{where: 'invited.users = 0'}", "{count: 6, total: 8}");
    SAY("audience.list", "{where: 'true', order: 'invited.users', desc: true, limit: 2}",
        "{count: 8, ids: ['a', 'b']}");
    SAY("user.get", "{id: 'b'}", "{user: {id: 'b', by: 'a', invited.users: 2, invited.buyers: 1, invited.fresh: 1}}");
    SAY("referral.get", "{}",
        "{inviter: 'by', counts: [{name: 'buyers', where: 'did(purchase)'}, {name: 'fresh', where: 'did(purchase, last "
        "30 days)'}], refreshed: 1760000000000}");
    /* What happens is seen by the next refresh, at its now. */
    SAY("user.put", "{users: [{id: 'h', by: 'a'}, {id: 'e', by: nil}]}", "{accepted: 2, created: 0, refused: []}");
    SAY("event.append", "{event: {type: 'purchase', user: 'd', time: 1760000000000}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("audience.list", NUMBERS, "{count: 2, rows: [['a', 3, 2, 1], ['b', 2, 1, 1]]}");
    set_now(&trio, 1760000000000 + 30 * DAY);
    SAY("referral.refresh", "{}", "{now: 1762592000000}");
    SAY("audience.list", NUMBERS, "{count: 1, rows: [['a', 4, 3, 0]]}");
    trio_deinit(&trio);
}

Test(referral, forgetting_takes_out_at_once) {
    struct trio trio;
    make_shop(&trio);
    SAY("referral.refresh", "{}", "{now: 1760000000000}");
    SAY_BEGIN("user.forget", "{ids: ['c', 'h']}", "{forgotten: 2, unknown: []");
    SAY("audience.list", NUMBERS, "{count: 2, rows: [['a', 2, 1, 1], ['b', 1, 1, 1]]}");
    /* The attribute may have changed since: it is the counted inviter who loses. */
    SAY("user.put", "{user: {id: 'd', by: 'b'}}", "{accepted: 1, created: 0, refused: []}");
    SAY_BEGIN("user.forget", "{id: 'd'}", "{forgotten: 1, unknown: []");
    SAY("audience.list", NUMBERS, "{count: 2, rows: [['a', 1, 1, 1], ['b', 1, 1, 1]]}");
    /* An inviter who comes back under the same id begins at 0, and stays there. */
    SAY_BEGIN("user.forget", "{id: 'a'}", "{forgotten: 1, unknown: []");
    SAY("user.put", "{user: {id: 'a'}}", OK_PUT);
    SAY_BEGIN("user.forget", "{id: 'b'}", "{forgotten: 1, unknown: []");
    SAY("audience.list", NUMBERS, "{count: 0, rows: []}");
    SAY("referral.refresh", "{}", "{now: 1760000000000}");
    SAY("audience.list", NUMBERS, "{count: 0, rows: []}");
    trio_deinit(&trio);
}

Test(referral, another_name_means_its_user_and_nobody_counts_twice) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.merge", "{from: 'a', into: 'b'}", "{merged: true, events: 0, duplicates: 0}");
    SAY("user.merge", "{from: 'd', into: 'c'}", "{merged: true, events: 0, duplicates: 0}");
    SAY("referral.refresh", "{}", "{now: 1760000000000}");
    /* b, who was invited by a, is a: c (with d), e and h are left. */
    SAY("audience.list", NUMBERS, "{count: 1, rows: [['b', 3, 2, 1]]}");
    SAY("user.merge", "{from: 'h', into: 'e'}", "{merged: true, events: 0, duplicates: 0}");
    SAY("audience.list", NUMBERS, "{count: 1, rows: [['b', 3, 2, 1]]}");
    SAY("referral.refresh", "{}", "{now: 1760000000000}");
    SAY("audience.list", NUMBERS, "{count: 1, rows: [['b', 2, 2, 1]]}");
    trio_deinit(&trio);
}

Test(referral, with_rfm_beside_it_and_in_segments) {
    struct trio trio;
    make_shop(&trio);
    SAY("referral.refresh", "{}", "{now: 1760000000000}");
    SAY("rfm.put", "{event: 'purchase'}", "{changed: true}");
    SAY("segment.put", "{name: 'hosts', where: 'invited.users >= 2 and value.count >= 1'}",
        "{version: 1, changed: true}");
    SAY("audience.list", "{where: \"in_segment('hosts')\"}", "{count: 1, ids: ['b']}");
    /* A condition may ask about invitations: by the refresh before. */
    SAY("referral.put", "{inviter: 'by', counts: [{name: 'hosts', where: 'invited.users >= 2'}]}", "{changed: true}");
    SAY("audience.count", "{where: 'invited.users is missing'}", "{count: 8, total: 8}");
    SAY("referral.refresh", "{}", "{now: 1760000000000}");
    SAY("referral.refresh", "{}", "{now: 1760000000000}");
    SAY("audience.list", "{where: 'invited.hosts > 0', fields: ['invited.hosts']}", "{count: 1, rows: [['a', 1]]}");
    trio_deinit(&trio);
}

Test(referral, what_is_wrong_is_said) {
    struct trio trio;
    make_shop(&trio);
    SAY("referral.put", "{inviter: 'buy'}", "303 name: users have no attribute `buy` (did you mean `by`?)");
    SAY("referral.put", "{inviter: 'age'}",
        "302 type: `inviter` is a string attribute of users, with the inviter's id; `age` is int");
    SAY("referral.put", "{inviter: 'by', counts: [{name: 'Buyers', where: 'true'}]}",
        "300 argument: the name of a count is 1 to 64 letters a to z and _");
    SAY("referral.put", "{inviter: 'by', counts: [{name: 'users', where: 'true'}]}",
        "300 argument: there are two counts `users`");
    SAY_BEGIN("referral.put", "{inviter: 'by', counts: [{name: 'x', where: 'agee > 3'}]}", "303 name at 0: ");
    SAY_BEGIN(
        "referral.put",
        "{inviter: 'by', counts: [{name: 'a', where: 'true'}, {name: 'b', where: 'true'}, {name: 'c', where: "
        "'true'}, {name: 'd', where: 'true'}, {name: 'e', where: 'true'}, {name: 'f', where: 'true'}, {name: 'g', "
        "where: 'true'}, {name: 'h', where: 'true'}]}",
        "102 too_large: `counts` has 8 elements; at most 7 are accepted");
    SAY_BEGIN("audience.count", "{where: 'invited.byers > 1'}", "303 name at 0: ");
    trio_deinit(&trio);
}
