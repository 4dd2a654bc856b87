#include "event_pack.h"

#include <inttypes.h>
#include <stdio.h>

static uint32_t count_pairs(struct sh_event_ref event, const struct sh_event_type *type) {
    int64_t value;
    uint32_t count = 2;
    count += sh_event_ref_item(event) != SH_NO_ITEM;
    count += sh_event_ref_amount(event, &value);
    for (uint32_t i = 0; i < type->property_count; i++)
        count += sh_event_ref_property(event, i, &value);
    return count;
}

static void pack_property(const struct sh_event_property *property, int64_t value, msgpack_packer *packer) {
    struct sh_text text = {0};
    if (property->type == SH_TYPE_ENUM || property->type == SH_TYPE_STRING)
        text = sh_dictionary_text(&property->texts, (uint32_t)value);
    sh_pack_text(packer, property->name);
    sh_value_pack(property->type, property->scale, property->is_date, value, text, packer);
}

static void pack_event_id(uint64_t hash, msgpack_packer *packer) {
    char key[SH_EVENT_KEY_BYTES + 1];
    (void)snprintf(key, sizeof key, "#%016" PRIx64, hash);
    sh_pack_literal(packer, "id");
    sh_pack_text(packer, (struct sh_text){key, SH_EVENT_KEY_BYTES});
}

/* user NULL: neither user nor id. */
static void pack_event(const struct sh_workspace *workspace, struct sh_event_ref event, const struct sh_text *user,
                       msgpack_packer *packer) {
    const struct sh_event_type *type = sh_event_type(workspace->events, sh_event_ref_type(event));
    const uint64_t id_hash = user == NULL ? 0 : sh_event_ref_id_hash(event);
    int64_t value;
    (void)msgpack_pack_map(packer, count_pairs(event, type) + (user != NULL) + (id_hash != 0));
    sh_pack_literal(packer, "type");
    sh_pack_text(packer, type->name);
    if (user != NULL) {
        sh_pack_literal(packer, "user");
        sh_pack_text(packer, *user);
    }
    sh_pack_literal(packer, "time");
    (void)msgpack_pack_int64(packer, sh_event_ref_time(event));
    const uint32_t item = sh_event_ref_item(event);
    if (item != SH_NO_ITEM) {
        sh_pack_literal(packer, "item");
        sh_pack_text(packer, sh_table_id(workspace->items, item));
    }
    if (sh_event_ref_amount(event, &value)) {
        sh_pack_literal(packer, "amount");
        sh_value_pack(SH_TYPE_DECIMAL, type->amount_scale, false, value, (struct sh_text){0}, packer);
    }
    for (uint32_t i = 0; i < type->property_count; i++) {
        if (sh_event_ref_property(event, i, &value)) pack_property(type->properties[i], value, packer);
    }
    if (id_hash != 0) pack_event_id(id_hash, packer);
}

void sh_event_pack(const struct sh_workspace *workspace, struct sh_event_ref event, struct sh_text user,
                   msgpack_packer *packer) {
    pack_event(workspace, event, &user, packer);
}

uint64_t sh_event_id_hash(struct sh_text id) {
    uint64_t hash = 0;
    bool is_key = id.count == SH_EVENT_KEY_BYTES && id.bytes[0] == '#';
    for (uint32_t i = 1; is_key && i < SH_EVENT_KEY_BYTES; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = memchr(digits, id.bytes[i], sizeof digits - 1);
        is_key = digit != NULL;
        if (is_key) hash = hash << 4 | (uint64_t)(digit - digits);
    }
    if (!is_key) hash = sh_id_hash(id);
    return hash == 0 ? 1 : hash; /* 0 says that there is none */
}

void sh_history_pack(const struct sh_workspace *workspace, uint32_t slot, uint32_t count, msgpack_packer *packer) {
    struct sh_event_ref event;
    uint32_t found = 0;
    bool more = count > 0 && sh_event_history_first(workspace->events, slot, &event);
    while (more && ++found < count)
        more = sh_event_history_next(workspace->events, &event);
    (void)msgpack_pack_array(packer, found);
    if (found == 0) return;
    (void)sh_event_history_first(workspace->events, slot, &event);
    for (uint32_t i = 0; i < found; i++) {
        pack_event(workspace, event, NULL, packer);
        (void)sh_event_history_next(workspace->events, &event);
    }
}
