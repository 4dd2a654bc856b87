/* contact_unit.c -- who may be written to: consent, suppression, `for`; with one, two and three shards. */
#include "shard_trio.h"

#define NOW INT64_C(1760000000000)
#define DAY INT64_C(86400000)

static void make_shop(struct trio *made) {
    struct trio trio;
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'age', type: 'int'}]},"
        " items: {tag_sets: [{name: 'kinds'}]}, events: [{name: 'view'}],"
        " privacy: {purposes: [{name: 'sms'}, {name: '企微', unknown: 'allow'}]}}",
        "{changed: true}");
    *made = trio;
}

Test(contact, only_those_who_agreed_and_are_not_suppressed_are_listed) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.put",
        "{users: [{id: 'a', age: 1, consent_sms: 'granted'}, {id: 'b', age: 2, consent_sms: 'denied'}, {id: 'c', age: "
        "3},"
        " {id: 'd', age: 4, consent_sms: 'granted', suppressed: ['all']},"
        " {id: 'e', age: 5, consent_sms: 'granted', suppressed: {add: ['sms'], until: 1760100000000}},"
        " {id: 'f', age: 6, consent_sms: 'granted', suppressed: ['企微']}]}",
        "{accepted: 6, created: 6, refused: []}");
    SAY("audience.count", "{where: 'age >= 1', for: 'sms'}", "{count: 2, total: 6, suppressed: 2, no_consent: 2}");
    SAY("audience.count", "{where: 'age >= 1'}", "{count: 6, total: 6}");
    SAY("audience.list", "{where: 'age >= 2', for: 'sms', order: 'id'}",
        "{count: 1, suppressed: 2, no_consent: 2, ids: ['f']}");
    SAY("audience.list", "{where: 'age >= 1', for: '企微', order: 'age', desc: true, fields: ['age']}",
        "{count: 4, suppressed: 2, no_consent: 0, rows: [['e', 5], ['c', 3], ['b', 2], ['a', 1]]}");
    SAY("audience.list", "{where: 'age >= 1', for: 'internal', order: 'id', limit: 3}",
        "{count: 6, suppressed: 0, no_consent: 0, ids: ['a', 'b', 'c']}");
    SAY("audience.ask", "{where: 'age >= 1', for: 'sms', list: {order: 'id'}}",
        "{count: 2, total: 6, suppressed: 2, no_consent: 2, list: {ids: ['a', 'f']}}");
    SAY("audience.ask", "{where: 'age >= 1', for: 'sms', count: false, list: {order: 'id'}, sample: {count: 0}}",
        "{suppressed: 2, no_consent: 2, list: {ids: ['a', 'f']}, sample: {ids: []}}");
    SAY("audience.sample", "{where: 'age = 1 or age = 2', for: 'sms', count: 5}",
        "{count: 1, suppressed: 0, no_consent: 1, ids: ['a']}");
    trio_set_now(&trio, 1760100000000);
    SAY("audience.list", "{where: 'age >= 1', for: 'sms', order: 'id'}",
        "{count: 3, suppressed: 1, no_consent: 2, ids: ['a', 'e', 'f']}");
    SAY("audience.list", "{where: 'age >= 1', for: 'smss'}",
        "303 name: there is no purpose `smss` (did you mean `sms`?)");
    SAY("audience.count", "{where: 'age >= 1', for: ''}", "300 argument: `for` names a purpose");
    trio_deinit(&trio);
}

Test(contact, expressions_ask_for_it_in_words_of_their_own) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.put",
        "{users: [{id: 'a', consent_sms: 'granted', 'consent_企微': 'denied'},"
        " {id: 'b', suppressed: ['all']}, {id: 'c', suppressed: ['sms']}]}",
        "{accepted: 3, created: 3, refused: []}");
    SAY("audience.list", "{where: \"consent('sms')\", order: 'id'}", "{count: 1, ids: ['a']}");
    SAY("audience.list", "{where: \"not consent('企微')\", order: 'id'}", "{count: 3, ids: ['a', 'b', 'c']}");
    SAY("audience.list", "{where: \"suppressed()\", order: 'id'}", "{count: 1, ids: ['b']}");
    SAY("audience.list", "{where: \"suppressed('sms')\", order: 'id'}", "{count: 2, ids: ['b', 'c']}");
    SAY("segment.put", "{name: 'reachable', where: \"consent('sms') and not suppressed('sms')\"}",
        "{version: 1, changed: true}");
    SAY_BEGIN("segment.get", "{name: 'reachable'}",
              "{name: 'reachable', version: 1, where: 'consent_sms = \\'granted\\' and not suppressed has any "
              "(\\'all\\', \\'sms\\')'");
    SAY_BEGIN("audience.count", "{where: \"consent('smss')\"}", "303 name at 8: ");
    SAY_BEGIN("audience.count", "{where: \"consent(sms)\"}",
              "301 syntax at 8: expected a purpose in quotes: consent('sms'), found ");
    trio_deinit(&trio);
}

Test(contact, the_latest_word_counts_by_its_own_time) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.put", "{user: {id: 'a', consent_sms: 'granted', consent_sms_source: 'checkout'}}", OK_PUT);
    SAY("user.get", "{id: 'a'}",
        "{user: {id: 'a', consent_sms: 'granted', consent_sms_at: 1760000000000, consent_sms_source: 'checkout'}}");
    /* Said before: too late. */
    SAY("user.put",
        "{user: {id: 'a', consent_sms: 'denied', consent_sms_at: 1759999999999, consent_sms_source: 'file', age: 3}}",
        "{accepted: 1, created: 0, refused: []}");
    SAY("user.get", "{id: 'a'}",
        "{user: {id: 'a', age: 3, consent_sms: 'granted', consent_sms_at: 1760000000000, consent_sms_source: "
        "'checkout'}}");
    /* At one time the denial counts, in whichever order they come. */
    SAY("user.put", "{user: {id: 'a', consent_sms: 'denied', consent_sms_at: 1760000000000}}",
        "{accepted: 1, created: 0, refused: []}");
    SAY("user.put", "{user: {id: 'a', consent_sms: 'granted', consent_sms_at: 1760000000000}}",
        "{accepted: 1, created: 0, refused: []}");
    SAY("user.get", "{id: 'a', fields: ['consent_sms', 'consent_sms_source']}",
        "{user: {id: 'a', consent_sms: 'denied', consent_sms_source: nil}}");
    /* Nothing is said later than now: a wrong clock must not outlast what is said next. */
    SAY("user.put", "{user: {id: 'a', consent_sms: 'granted', consent_sms_at: 1760050000000}}",
        "{accepted: 1, created: 0, refused: []}");
    trio_set_now(&trio, NOW + 1);
    SAY("user.put", "{user: {id: 'a', consent_sms: 'denied'}}", "{accepted: 1, created: 0, refused: []}");
    SAY("user.get", "{id: 'a', fields: ['consent_sms', 'consent_sms_at']}",
        "{user: {id: 'a', consent_sms: 'denied', consent_sms_at: 1760000000001}}");
    SAY("user.put", "{user: {id: 'a', consent_sms: 'granted', consent_sms_at: 1790000000000}}",
        "{accepted: 0, created: 0, refused: [{row: 0, code: 300, status: 'argument', message: '`consent_sms_at` lies "
        "in the future'}]}");
    SAY("user.put", "{user: {id: 'a', consent_sms_source: 'x'}}",
        "{accepted: 0, created: 0, refused: [{row: 0, code: 300, status: 'argument', message: '`consent_sms_source` "
        "goes with "
        "`consent_sms`, which the row does not have'}]}");
    /* Cleared, nobody knows. */
    SAY("user.put", "{user: {id: 'a', consent_sms: nil}}", "{accepted: 1, created: 0, refused: []}");
    SAY("user.get", "{id: 'a'}", "{user: {id: 'a', age: 3}}");
    trio_deinit(&trio);
}

Test(contact, a_page_passes_over_whom_a_word_holds_back_since) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.put",
        "{fields: ['id', 'consent_sms'], rows: [['a', 'granted'], ['b', 'granted'], ['c', 'granted'], ['d', "
        "'granted'], ['e', 'granted']]}",
        "{accepted: 5, created: 5, refused: []}");
    SAY_BEGIN("audience.list", "{where: '', for: 'sms', order: 'id', limit: 2, keep: true}",
              "{count: 5, suppressed: 0, no_consent: 0, ids: ['a', 'b'], cursor: ");
    for (uint32_t i = 0; i < TRIO_COUNT; i++) { /* between two pages */
        char cursor[4096];
        (void)snprintf(cursor, sizeof cursor, "%s", rig_cursor(&trio.rigs[i]));
        (void)rig_ask(&trio.rigs[i], "user.put",
                      "{users: [{id: 'c', consent_sms: 'denied'}, {id: 'e', suppressed: ['sms']}]}");
        char params[8192];
        (void)snprintf(params, sizeof params, "{cursor: %s, limit: 5}", cursor);
        const char *answer = rig_ask(&trio.rigs[i], "audience.list", params);
        cr_assert_str_eq(answer, "{ids: ['d'], skipped: 2}", "%u shards: %s", i + 1, answer);
    }
    trio_deinit(&trio);
}

Test(contact, of_two_who_become_one_the_denial_counts) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.put",
        "{users: [{id: 'a', consent_sms: 'granted', consent_sms_source: 'web', 'consent_企微': 'granted'},"
        " {id: 'b', consent_sms: 'denied', consent_sms_at: 1750000000000, suppressed: ['all']},"
        " {id: 'c'}, {id: 'd', consent_sms: 'granted', consent_sms_at: 1740000000000, consent_sms_source: 'till'}]}",
        "{accepted: 4, created: 4, refused: []}");
    SAY_BEGIN("user.merge", "{from: 'b', into: 'a'}", "{merged: true");
    SAY("user.get", "{id: 'a'}",
        "{user: {id: 'a', consent_sms: 'denied', consent_sms_at: 1750000000000, consent_企微: 'granted', "
        "consent_企微_at: 1760000000000, suppressed: ['all']}}");
    SAY_BEGIN("user.merge", "{from: 'd', into: 'c'}", "{merged: true");
    SAY("user.get", "{id: 'c'}",
        "{user: {id: 'c', consent_sms: 'granted', consent_sms_at: 1740000000000, consent_sms_source: 'till'}}");
    SAY_BEGIN("user.merge", "{from: 'c', into: 'a'}", "{merged: true");
    SAY("user.get", "{id: 'a', fields: ['consent_sms', 'consent_sms_source']}",
        "{user: {id: 'a', consent_sms: 'denied', consent_sms_source: nil}}");
    trio_deinit(&trio);
}

Test(contact, a_workspace_may_require_a_purpose) {
    struct trio trio;
    make_shop(&trio);
    SAY("schema.put", "{privacy: {purpose_required: true}}", "{changed: true}");
    SAY("schema.put", "{privacy: {purpose_required: true}}", "{changed: false}");
    SAY("item.put", "{item: {id: 'tea'}}", OK_PUT);
    static const char needs[] = "300 argument: here a list of people needs `for`, the purpose they are listed for "
                                "(for: \"internal\" lists for those who write to nobody)";
    SAY("audience.list", "{where: ''}", needs);
    SAY("audience.export", "{}", needs);
    SAY("audience.sample", "{where: '', count: 1}", needs);
    SAY("audience.ask", "{where: '', list: {}}", needs);
    SAY("audience.lookalike", "{seeds: '', count: 1}", needs);
    SAY("feed.batch", "{users: ['a']}", needs);
    SAY("feed.batch", "{where: ''}", needs);
    SAY("feed.users_for_item", "{item: 'tea'}", needs);
    SAY("audience.ask", "{where: ''}", "{count: 0, total: 0}");
    SAY("audience.count", "{where: ''}", "{count: 0, total: 0}");
    SAY("audience.list", "{where: '', for: 'internal'}", "{count: 0, suppressed: 0, no_consent: 0, ids: []}");
    trio_deinit(&trio);
}

Test(contact, feeds_and_users_of_an_item_are_held_back_too) {
    struct trio trio;
    make_shop(&trio);
    SAY("item.put", "{items: [{id: 'tea', kinds: ['leaf']}, {id: 'cup', kinds: ['leaf']}]}",
        "{accepted: 2, created: 2, refused: []}");
    SAY("user.put",
        "{users: [{id: 'a', consent_sms: 'granted'}, {id: 'b', consent_sms: 'denied'}, {id: 'c', consent_sms: "
        "'granted', suppressed: ['sms']}]}",
        "{accepted: 3, created: 3, refused: []}");
    SAY("event.append",
        "{events: [{type: 'view', user: 'a', item: 'tea', time: 1759990000000}, {type: 'view', user: 'b', item: 'tea', "
        "time: 1759990000000}, {type: 'view', user: 'c', item: 'tea', time: 1759990000000}]}",
        "{accepted: 3, duplicates: 0, refused: []}");
    for (uint32_t i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio.rigs[i], "feed.users_for_item", "{item: 'cup', for: 'sms'}");
        cr_assert(strstr(answer, "suppressed: 1, no_consent: 1") != NULL, "%s", answer);
        cr_assert(strstr(answer, "id: 'a'") != NULL && strstr(answer, "id: 'b'") == NULL, "%s", answer);
        answer = rig_ask(&trio.rigs[i], "feed.batch", "{users: ['c', 'x', 'b', 'a'], for: 'sms'}");
        cr_assert(strstr(answer, "suppressed: 1, no_consent: 2") != NULL, "%s", answer);
        cr_assert(strstr(answer, "user: 'a'") != NULL && strstr(answer, "user: 'b'") == NULL &&
                      strstr(answer, "user: 'c'") == NULL && strstr(answer, "user: 'x'") == NULL,
                  "%s", answer);
        answer = rig_ask(&trio.rigs[i], "feed.batch", "{where: '', for: 'sms', limit: 10}");
        cr_assert(strstr(answer, "user: 'a'") != NULL && strstr(answer, "user: 'b'") == NULL &&
                      strstr(answer, "user: 'c'") == NULL,
                  "%s", answer);
        answer =
            rig_ask(&trio.rigs[i], "audience.lookalike", "{seeds: \"consent_sms = 'denied'\", count: 5, for: 'sms'}");
        cr_assert(strstr(answer, "suppressed: 1, no_consent: 0") != NULL, "%s", answer);
        cr_assert(strstr(answer, "ids: ['a']") != NULL, "%s", answer);
    }
    trio_deinit(&trio);
}

Test(contact, names_are_checked) {
    struct trio trio;
    make_shop(&trio);
    SAY("schema.put", "{privacy: {purposes: [{name: 'all'}]}}", "300 argument: the name `all` is taken");
    SAY("schema.put", "{privacy: {purposes: [{name: 'x_at'}]}}",
        "300 argument: a purpose's name does not end with _at or _source");
    SAY("schema.put", "{privacy: {purposes: [{name: 'x'}, {name: 'x'}]}}",
        "300 argument: the purpose `x` stands there twice");
    SAY("schema.put", "{privacy: {purposes: [{name: 'x', unknown: 'perhaps'}]}}",
        "300 argument: `unknown` of a purpose is \"hold\" or \"allow\"");
    SAY_BEGIN("schema.put",
              "{users: {attributes: [{name: 'consent_x', type: 'int'}]}, privacy: {purposes: [{name: 'x'}]}}",
              "305 conflict: ");
    SAY("user.put", "{user: {id: 'a', suppressed: ['smss']}}",
        "{accepted: 0, created: 0, refused: [{row: 0, code: 300, status: 'argument', message: 'there is no purpose "
        "`smss`', hint: 'did you "
        "mean `sms`?'}]}");
    for (uint32_t i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio.rigs[i], "schema.get", "{}");
        cr_assert(strstr(answer, "privacy: {purposes: [{name: 'sms', unknown: 'hold'}, {name: '企微', unknown: "
                                 "'allow'}]}") != NULL,
                  "%s", answer);
    }
    /* Personal names stay as they are when only purposes are given, and the other way round. */
    SAY("schema.put", "{privacy: {personal: ['age']}}", "{changed: true}");
    SAY("schema.put", "{privacy: {purposes: [{name: 'sms'}]}}", "{changed: true}");
    for (uint32_t i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio.rigs[i], "schema.get", "{}");
        cr_assert(strstr(answer, "privacy: {personal: ['age'], purposes: [{name: 'sms', unknown: 'hold'}]}") != NULL,
                  "%s", answer);
    }
    trio_deinit(&trio);
}

Test(contact, a_snapshot_keeps_it) {
    struct trio trio;
    make_shop(&trio);
    SAY("schema.put", "{privacy: {purpose_required: true}}", "{changed: true}");
    SAY("user.put", "{user: {id: 'a', consent_sms: 'granted'}}", OK_PUT);
    for (uint32_t i = 0; i < TRIO_COUNT; i++) {
        struct sh_buffer bytes[SH_SHARD_COUNT_MAX];
        rig_save(&trio.rigs[i], bytes);
        rig_load(&trio.rigs[i], bytes);
        for (uint32_t s = 0; s < trio.rigs[i].shard_count; s++)
            sh_buffer_deinit(&bytes[s]);
    }
    SAY("audience.list", "{where: '', for: 'sms'}", "{count: 1, suppressed: 0, no_consent: 0, ids: ['a']}");
    SAY_BEGIN("audience.list", "{where: ''}", "300 argument: here a list of people needs `for`");
    SAY("user.put", "{user: {id: 'a', consent_sms: 'denied'}}", "{accepted: 1, created: 0, refused: []}");
    SAY("audience.list", "{where: '', for: 'sms'}", "{count: 0, suppressed: 0, no_consent: 1, ids: []}");
    trio_deinit(&trio);
}
