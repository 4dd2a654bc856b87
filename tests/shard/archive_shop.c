#include "archive_shop.h"

#include <stdio.h>

static void put_schema(struct rig *rig) {
    (void)rig_ask(
        rig, "schema.put",
        "{zone: 'Asia/Shanghai', users: {attributes: [{name: 'age', type: 'int'}, {name: 'city', type: "
        "'string'}, {name: 'tier', type: 'enum', labels: ['silver', 'gold']}, {name: 'money', type: "
        "'decimal'}, {name: 'born', type: 'date'}, {name: 'vip', type: 'bool'}, {name: 'by', type: 'string'}], "
        "tag_sets: [{name: 'tags'}]}, "
        "items: {attributes: [{name: 'brand', type: 'string'}], tag_sets: [{name: 'kinds'}]}, events: [{name: "
        "'view'}, {name: 'purchase', properties: [{name: 'store', type: 'string'}, {name: 'how', type: "
        "'enum', labels: ['cash', 'card']}, {name: 'day', type: 'date'}]}]}");
}

void archive_shop_fill_little(struct rig *rig) {
    put_schema(rig);
    (void)rig_ask(rig, "user.put", "{users: [{id: 'a', age: 30, city: 'x', tier: 'gold', tags: ['p']}, {id: 'b'}]}");
    (void)rig_ask(rig, "item.put", "{item: {id: 'i', brand: 'A', kinds: ['k']}}");
    (void)rig_ask(rig, "event.append",
                  "{events: [{type: 'view', user: 'a', time: 1759999999000, item: 'i'}, {type: 'purchase', user: 'a', "
                  "time: 1759999000000, item: 'i', amount: 3, id: 'o', store: 's', how: 'card'}]}");
}

void archive_shop_fill(struct rig *rig) {
    put_schema(rig);
    (void)rig_ask(rig, "schema.put",
                  "{events: [{name: 'purchase', properties: [{name: 'how', type: 'enum', labels: ['cash', 'cheque', "
                  "'card']}]}], feed: {weights: {view: 2}, eligible: \"brand != 'Z'\", explore_every: 3, "
                  "vectors: {space: 'clip', dimension: 3}}}");
    (void)rig_ask(rig, "user.put",
                  "{users: [{id: 'a', age: 30, city: 'x', tier: 'gold', tags: ['p', 'q']}, {id: 'b', age: 20, vip: "
                  "true}, {id: 'c', money: '1.50', born: '1990-03-01', city: 'y'}, {id: 'd', age: 70000, city: 'z'}, "
                  "{id: 'a rather long name of somebody', tags: {add: ['p', 'r'], ttl_days: 3}}, {id: 'e'}]}");
    (void)rig_ask(rig, "item.put",
                  "{items: [{id: 'i', brand: 'A', kinds: ['k'], clip: [1, 2, 2]}, {id: 'j', brand: 'B', kinds: ['k', "
                  "'l', 'm'], clip: '0.5 -3 1e2'}, {id: 'k', brand: 'A', clip: [3, 0, 0]}]}");
    (void)rig_ask(rig, "item.remove", "{id: 'k'}");
    (void)rig_ask(rig, "user.put",
                  "{users: [{id: 'b', clip: [0, 1, 0]}, {id: 'd', clip: [1, 1, 1]}, {id: 'e', clip: [0, 0, 2]}]}");
    (void)rig_ask(rig, "rfm.put", "{event: 'purchase', days: 90, scores: 3}");
    (void)rig_ask(rig, "tree.put",
                  "{name: 'areas', of: ['city', 'store'], nodes: [{name: 'east'}, {name: 'x', parent: 'east'}, {name: "
                  "'s1', parent: 'east'}, {name: 'west'}, {name: 'z', parent: 'west'}]}");
    (void)rig_ask(rig, "tree.put", "{name: 'little', of: 'how', nodes: []}");
    (void)rig_ask(rig, "segment.put", "{name: 'grown up', where: 'age >= 18'}");
    (void)rig_ask(rig, "segment.put", "{name: 'east', where: \"city under 'east'\"}");
    (void)rig_ask(rig, "segment.put", "{name: 'buyers', where: \"in_segment('grown up') and count(purchase) > 0\"}");
    (void)rig_ask(rig, "segment.put", "{name: 'grown up', where: 'age >= 21', note: 'by law'}");
    (void)rig_ask(
        rig, "score.put",
        "{name: 'loyal', digits: 1, note: 'n', points: [{when: \"in_segment('buyers')\", points: '2.5'}], weights: "
        "[{value: 'sum(purchase.amount) / 3', weight: '0.7', cap: 20}]}");
    (void)rig_ask(rig, "rule.put",
                  "{name: 'r', on: 'purchase where amount > 2', tag_set: 'tags', tag: 'payer', ttl_days: 30}");
    for (int i = 0; i < 12; i++) {
        char text[512];
        (void)snprintf(
            text, sizeof text,
            "{events: [{type: 'view', user: '%c', time: %lld, item: 'i'}, {type: 'purchase', user: '%c', "
            "time: %lld, item: '%c', amount: %d, id: 'o%d', store: 's%d', how: 'card', day: '2025-01-0%d'}]}",
            'a' + i % 5, 1759999999000 - i * 30000000LL, 'a' + i % 3, 1759999000000 - i * 50000000LL, 'i' + i % 4,
            i * i, i, i % 3, 1 + i % 9);
        (void)rig_ask(rig, "event.append", text);
    }
    (void)rig_ask(rig, "schema.put", "{events: [{name: 'view', keep_days: 3}]}");
    (void)rig_ask(rig, "event.sweep", "{}");
    (void)rig_ask(rig, "rfm.refresh", "{}");
    (void)rig_ask(rig, "user.put", "{users: [{id: 'b', by: 'a'}, {id: 'c', by: 'a'}, {id: 'a', by: 'nobody'}]}");
    (void)rig_ask(rig, "referral.put", "{inviter: 'by', counts: [{name: 'buyers', where: 'did(purchase)'}]}");
    (void)rig_ask(rig, "referral.refresh", "{}");
    (void)rig_ask(rig, "segment.list", "{}");
    (void)rig_ask(rig, "schema.put",
                  "{privacy: {purposes: [{name: 'sms'}, {name: 'push', unknown: 'allow'}], purpose_required: true}}");
    (void)rig_ask(rig, "user.put",
                  "{users: [{id: 'b', consent_sms: 'granted', consent_sms_source: 'web'}, {id: 'c', suppressed: {add: "
                  "['all'], ttl_days: 9}}]}");
    (void)rig_ask(rig, "user.merge", "{from: 'cookie', into: 'b'}");
    (void)rig_ask(rig, "user.merge", "{from: 'e', into: 'a'}");
    rig->client = "till";
    rig->seq = 1;
    (void)rig_ask(rig, "user.put", "{user: {id: 'b', vip: false}}");
    rig->seq = 0;
    rig->client = "";
    (void)rig_ask(rig, "user.forget", "{id: 'd'}");
    rig->workspace = "second";
    put_schema(rig);
    (void)rig_ask(rig, "user.put", "{user: {id: 'a', age: 1}}");
    rig->workspace = "default";
}

static void write_again(struct rig *rig) {
    (void)rig_ask(
        rig, "user.put",
        "{users: [{id: 'a', age: 31, city: 'x', tags: {add: ['p'], remove: ['q']}}, {id: 'n', city: 'new'}]}");
    (void)rig_ask(rig, "event.append",
                  "{events: [{type: 'view', user: 'a', time: 1759999999500, item: 'j'}, {type: 'purchase', user: 'n', "
                  "time: 1759999000000, item: 'new', amount: 300, id: 'o', store: 't'}, {type: 'purchase', user: 'a', "
                  "time: 1759999000000, item: 'i', amount: 3, id: 'o', store: 's'}]}");
    (void)rig_ask(rig, "item.put",
                  "{items: [{id: 'i', brand: 'C', kinds: ['l'], clip: nil}, {id: 'z', brand: 'Z', clip: [1, 0, 9]}]}");
    (void)rig_ask(rig, "rfm.refresh", "{}");
    (void)rig_ask(rig, "referral.refresh", "{}");
    (void)rig_ask(rig, "user.merge", "{from: 'c', into: 'b'}");
    (void)rig_ask(rig, "segment.put", "{name: 'buyers', where: \"in_segment('grown up')\"}");
    (void)rig_ask(rig, "tree.put", "{name: 'areas', nodes: [{name: 'east'}, {name: 'new', parent: 'east'}]}");
    (void)rig_ask(rig, "tree.remove", "{name: 'little'}");
    (void)rig_ask(rig, "schema.put", "{users: {attributes: [{name: 'more', type: 'string'}]}}");
    (void)rig_ask(rig, "user.forget", "{ids: ['a', 'b']}");
    (void)rig_ask(rig, "user.put", "{users: [{id: 'a2'}, {id: 'b2', tags: ['p', 'q', 's']}]}");
}

void archive_shop_use(struct rig *rig) {
    static const char *const questions[][2] = {
        {"schema.get", "{}"},
        {"audience.list", "{where: '', for: 'push'}"},
        {"stats", "{}"},
        {"rfm.get", "{}"},
        {"audience.rfm", "{}"},
        {"referral.get", "{}"},
        {"audience.list", "{where: 'invited.users > 0', fields: ['id', 'invited.users', 'invited.buyers']}"},
        {"rule.list", "{}"},
        {"tree.list", "{}"},
        {"tree.get", "{name: 'areas'}"},
        {"audience.list", "{where: \"city under 'east' or did(purchase where store under 'east')\"}"},
        {"segment.list", "{}"},
        {"segment.get", "{name: 'buyers'}"},
        {"score.list", "{}"},
        {"audience.list", "{where: 'score.loyal > 1', limit: 100, order: 'score.loyal', fields: ['score.loyal']}"},
        {"segment.of_user", "{user: 'a'}"},
        {"user.get", "{ids: ['a', 'b', 'c', 'd', 'cookie', 'a rather long name of somebody'], events: 100}"},
        {"item.get", "{ids: ['i', 'j', 'k', 'l']}"},
        {"feed.get", "{user: 'a', count: 5, fields: ['brand', 'kinds']}"},
        {"feed.get", "{user: 'b', count: 5}"},
        {"feed.get", "{session: ['i', 'j'], count: 5}"},
        {"feed.trending", "{}"},
        {"audience.list", "{where: '', limit: 100, order: 'age', fields: ['id', 'city', 'tier', 'rfm.score', 'tags']}"},
        {"audience.sample", "{where: '', count: 2}"},
        {"audience.count", "{where: \"city in ('x', 'y') or tier >= 'gold' or tags has any ('p', 'q') or vip\"}"},
        {"audience.count", "{where: 'age between 20 and 90000 and money is missing and born is missing'}"},
        {"audience.count", "{where: \"did(purchase where store = 's1' and how = 'card', last 30 days)\"}"},
        {"audience.count", "{where: 'sum(purchase.amount) > 2 and days_since(view) < 100 and count(view) > 0'}"},
        {"audience.count", "{where: \"did(view where item.brand = 'A') or value.amount > 3\"}"},
        {"audience.insight", "{where: '', dimensions: ['city', 'tags', 'age', {events: 'purchase', of: 'store'}, "
                             "{events: 'purchase', of: 'day'}, {events: 'view', of: 'item.brand'}]}"},
        {"audience.funnel", "{sequence: 'sequence(view -> purchase, within 30 days)'}"},
        {"audience.retention", "{first: 'view', return: 'purchase', period: 'day'}"},
        {"audience.lookalike", "{seeds: \"tags has 'p'\", count: 3}"},
        {"audience.explain", "{where: \"tags has 'p' and age > 2\", analyze: true}"},
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        (void)rig_ask(rig, questions[i][0], questions[i][1]);
    write_again(rig);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        (void)rig_ask(rig, questions[i][0], questions[i][1]);
}
