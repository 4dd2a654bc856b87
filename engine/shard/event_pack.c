#include "event_pack.h"

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

static void pack_event(const struct sh_workspace *workspace, struct sh_event_ref event, msgpack_packer *packer) {
    const struct sh_event_type *type = sh_event_type(workspace->events, sh_event_ref_type(event));
    int64_t value;
    (void)msgpack_pack_map(packer, count_pairs(event, type));
    sh_pack_literal(packer, "type");
    sh_pack_text(packer, type->name);
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
        pack_event(workspace, event, packer);
        (void)sh_event_history_next(workspace->events, &event);
    }
}
