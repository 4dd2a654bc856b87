/* request_fuzz.c -- any requests, in any order, to one shard or to two.
 *
 * Input: one byte (its last bit: two shards), then requests, each a byte that chooses the method, two that say how many
 * bytes of params follow (little end first), and the params. A small shop is there before the first request. Every
 * answer must be msgpack, a failed request must leave no answer, and at the end everything must keep its rules.
 */
#include <string.h>

#include "shard_rig.h"

static void fill(struct rig *rig) {
    (void)rig_ask(
        rig, "schema.put",
        "{zone: 'Asia/Shanghai', users: {attributes: [{name: 'age', type: 'int'}, {name: 'city', type: 'string'},"
        " {name: 'tier', type: 'enum', labels: ['silver', 'gold']}, {name: 'money', type: 'decimal'},"
        " {name: 'born', type: 'date'}, {name: 'vip', type: 'bool'}], tag_sets: [{name: 'tags'}]},"
        " items: {attributes: [{name: 'brand', type: 'string'}], tag_sets: [{name: 'kinds'}]},"
        " events: [{name: 'view'}, {name: 'purchase', properties: [{name: 'store', type: 'string'}]}]}");
    (void)rig_ask(
        rig, "user.put",
        "{users: [{id: 'a', age: 30, city: 'x', tier: 'gold', tags: ['p', 'q']}, {id: 'b', age: 20, vip: true},"
        " {id: 'c', money: '1.50', born: '1990-03-01'}, {id: 'd'}]}");
    (void)rig_ask(rig, "item.put",
                  "{items: [{id: 'i', brand: 'A', kinds: ['k']}, {id: 'j', brand: 'B', kinds: ['k', 'l']}]}");
    (void)rig_ask(rig, "event.append",
                  "{events: [{type: 'view', user: 'a', time: 1759999999000, item: 'i'},"
                  " {type: 'purchase', user: 'b', time: 1759999000000, item: 'j', amount: 3, id: 'o', store: 's'}]}");
    (void)rig_ask(rig, "audience.list", "{where: '', limit: 1, keep: true, order: 'age'}");
    (void)rig_ask(rig, "audience.list", "{where: '', limit: 1, keep: true}");
}

/* The shop stays for the next input unless this one changed it: most of the time of a run would be its making. */
struct shop {
    struct rig rig;
    uint64_t next_id; /* of the first request after the making: ids are the same whatever ran before */
    bool is_open;
    bool is_changed;
};

static void shop_open(struct shop *shop, uint32_t shard_count) {
    rig_init(&shop->rig, shard_count);
    fill(&shop->rig);
    shop->next_id = shop->rig.next_id;
    shop->is_open = true;
    shop->is_changed = false;
}

static void ask(struct shop *shop, const struct sh_method *method, const uint8_t *params, size_t params_count) {
    struct rig *rig = &shop->rig;
    if (method->internal && rig->shard_count > 1) return;
    const char *text = rig_ask_bytes(rig, method->name, params, params_count);
    /* A refused write may have done some of its rows, and a kept audience takes a place. */
    if (method->writes || strstr(text, "cursor") != NULL) shop->is_changed = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    static struct shop shops[2];
    if (byte_count < 4) return 0;
    struct shop *shop = &shops[bytes[0] & 1];
    if (!shop->is_open) shop_open(shop, 1 + (bytes[0] & 1));
    shop->rig.next_id = shop->next_id;
    shop->rig.step_blocks = bytes[0] & 2;
    size_t at = 1;
    while (byte_count - at >= 3) {
        const uint32_t number = bytes[at] % sh_method_count();
        size_t params_count = (size_t)bytes[at + 1] | (size_t)bytes[at + 2] << 8;
        at += 3;
        if (params_count > byte_count - at) params_count = byte_count - at;
        ask(shop, sh_method_at(number), bytes + at, params_count);
        at += params_count;
    }
    if (!shop->is_changed) return 0;
    rig_check(&shop->rig);
    rig_deinit(&shop->rig);
    shop->is_open = false;
    return 0;
}
