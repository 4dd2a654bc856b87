#include "audience_pack.h"

void sh_people_pack(const struct sh_workspace *workspace, const struct sh_row_fields *fields,
                    const struct sh_people *people, struct sh_buffer *body) {
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    sh_pack_literal(&packer, fields == NULL ? "ids" : "rows");
    (void)msgpack_pack_array(&packer, people->count);
    if (fields == NULL)
        sh_ids_pack(workspace->users, people->slots, people->count, body);
    else
        sh_rows_pack(workspace->users, fields, people->slots, people->count, body);
}

static void pack_keys(const struct sh_order *order, const struct sh_people *people, msgpack_packer *packer) {
    const char *texts = (const char *)people->ordered->texts.bytes;
    sh_pack_literal(packer, "keys");
    (void)msgpack_pack_array(packer, people->count);
    for (uint32_t i = 0; i < people->count; i++) {
        const uint64_t at = people->places != NULL ? people->places[i] - 1 : i;
        const struct sh_order_key key = people->ordered->keys[at];
        if (key.size == SH_CODE_NONE)
            (void)msgpack_pack_nil(packer);
        else if (order->by == SH_ORDER_TEXT)
            sh_pack_text(packer, (struct sh_text){key.size == 0 ? "" : texts + key.key, key.size});
        else
            (void)msgpack_pack_uint64(packer, key.key);
    }
}

static void pack_places(const struct sh_people *people, const struct sh_frozen_page *page, uint64_t start,
                        uint64_t frozen_count, msgpack_packer *packer) {
    sh_pack_literal(packer, "start");
    (void)msgpack_pack_uint64(packer, start);
    sh_pack_literal(packer, "next");
    (void)msgpack_pack_uint64(packer, page->next);
    sh_pack_literal(packer, "count");
    (void)msgpack_pack_uint64(packer, frozen_count);
    if (page->skipped == 0) return; /* then place i is start + i + 1 */
    sh_pack_literal(packer, "places");
    (void)msgpack_pack_array(packer, people->count);
    for (uint32_t i = 0; i < people->count; i++)
        (void)msgpack_pack_uint64(packer, people->places[i]);
}

void sh_part_pack(const struct sh_order *order, const struct sh_people *people, const struct sh_frozen_page *page,
                  uint64_t start, uint64_t frozen_count, struct sh_buffer *body) {
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    const bool has_keys = order->by == SH_ORDER_NUMBER || order->by == SH_ORDER_TEXT;
    uint32_t pair_count = 2 + has_keys;
    if (page != NULL) pair_count += page->skipped == 0 ? 3 : 4;
    sh_pack_literal(&packer, "part");
    (void)msgpack_pack_map(&packer, pair_count);
    sh_pack_literal(&packer, "by");
    (void)msgpack_pack_int(&packer, (int)order->by);
    sh_pack_literal(&packer, "desc");
    if (order->descending)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
    if (has_keys) pack_keys(order, people, &packer);
    if (page != NULL) pack_places(people, page, start, frozen_count, &packer);
}
