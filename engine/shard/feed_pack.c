#include "feed_pack.h"

enum sh_status sh_feed_read_item(const struct sh_workspace *workspace, const struct sh_param *param, uint32_t *slot,
                                 struct sh_error *err) {
    struct sh_cursor cursor;
    struct sh_id_reader id;
    enum sh_status status = sh_param_require(param, "item", err);
    if (status != SH_OK) return status;
    sh_param_cursor(param, &cursor);
    if ((status = sh_id_read(&id, &cursor, "`item`", err)) != SH_OK) return status;
    *slot = sh_table_find(workspace->items, id.text);
    if (*slot != SH_SLOT_NONE) return SH_OK;
    return sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no item `%.*s`", SH_TEXT_ARGS(id.text));
}

void sh_feed_reason_pack(const struct sh_feed_reason *reason, double score, msgpack_packer *packer) {
    const bool has_name = reason->name.count > 0;
    const bool has_group = reason->group.count > 0;
    (void)msgpack_pack_map(packer, 3u + has_name + has_group);
    sh_pack_literal(packer, "kind");
    sh_pack_literal(packer, reason->kind);
    if (has_name) {
        sh_pack_literal(packer, "name");
        sh_pack_text(packer, reason->name);
    }
    if (has_group) {
        sh_pack_literal(packer, "of");
        sh_pack_text(packer, reason->group);
    }
    sh_pack_literal(packer, "value");
    (void)msgpack_pack_double(packer, reason->value);
    sh_pack_literal(packer, "share");
    (void)msgpack_pack_double(packer, score > 0 ? reason->value / score : 0);
}

void sh_feed_pack_reasons(const struct sh_feed_reason *reasons, uint32_t count, double score, msgpack_packer *packer) {
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++)
        sh_feed_reason_pack(&reasons[i], score, packer);
}

void sh_feed_pack_rules(uint32_t rules, msgpack_packer *packer) {
    (void)msgpack_pack_array(packer, (size_t)__builtin_popcount(rules));
    for (uint32_t rule = 0; rule < SH_FEED_RULE_COUNT; rule++)
        if ((rules >> rule & 1) != 0) sh_pack_literal(packer, sh_feed_rule_name(rule));
}

void sh_feed_pack_contributions(const struct sh_feed_item *item, msgpack_packer *packer) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < SH_FEED_FEATURE_COUNT; i++)
        count += item->contributions[i] != 0;
    (void)msgpack_pack_map(packer, count);
    for (uint32_t i = 0; i < SH_FEED_FEATURE_COUNT; i++) {
        if (item->contributions[i] == 0) continue;
        sh_pack_literal(packer, sh_feed_feature_name((enum sh_feed_feature)i));
        (void)msgpack_pack_double(packer, item->contributions[i]);
    }
}

void sh_feed_pack_sources(uint32_t sources, msgpack_packer *packer) {
    (void)msgpack_pack_array(packer, (size_t)__builtin_popcount(sources));
    for (int source = 0; source < SH_FEED_SOURCE_COUNT; source++)
        if ((sources >> source & 1) != 0) sh_pack_literal(packer, sh_feed_source_name((enum sh_feed_source)source));
}

void sh_feed_pack_applied(uint32_t applied, msgpack_packer *packer) {
    (void)msgpack_pack_array(packer, (size_t)__builtin_popcount(applied));
    for (int rule = 0; rule < SH_FEED_APPLIED_COUNT; rule++)
        if ((applied >> rule & 1) != 0) sh_pack_literal(packer, sh_feed_applied_name((enum sh_feed_applied)rule));
}

void sh_feed_pack_fields(const struct sh_table *items, uint32_t slot, const struct sh_row_fields *fields,
                         msgpack_packer *packer) {
    sh_pack_literal(packer, "fields");
    (void)msgpack_pack_map(packer, fields->count);
    for (uint32_t i = 0; i < fields->count; i++) {
        sh_pack_text(packer, fields->fields[i].name);
        sh_row_field_pack(items, slot, &fields->fields[i], packer);
    }
}
