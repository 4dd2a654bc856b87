/* request_fuzz.c -- any requests, in any order, to one shard or to two.
 *
 * Input: one byte (its last bit: two shards), then requests, each a byte that chooses the method, two that say how many
 * bytes of params follow (little end first), and the params. A small shop is there before the first request. Every
 * answer must be msgpack, a failed request must leave no answer, and at the end everything must keep its rules.
 */
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    static struct rig rig;
    if (byte_count < 4) return 0;
    rig_init(&rig, 1 + (bytes[0] & 1));
    rig.step_blocks = bytes[0] & 2;
    fill(&rig);
    size_t at = 1;
    while (byte_count - at >= 3) {
        const uint32_t number = bytes[at] % sh_method_count();
        size_t params_count = (size_t)bytes[at + 1] | (size_t)bytes[at + 2] << 8;
        at += 3;
        if (params_count > byte_count - at) params_count = byte_count - at;
        const struct sh_method *method = sh_method_at(number);
        if (!method->internal || rig.shard_count == 1)
            (void)rig_ask_bytes(&rig, method->name, bytes + at, params_count);
        at += params_count;
    }
    rig_check(&rig);
    rig_deinit(&rig);
    return 0;
}
