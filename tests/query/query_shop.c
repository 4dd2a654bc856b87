#include "query_shop.h"

#include <stdio.h>

static const struct sh_text tiers[] = {{"bronze", 6}, {"silver", 6}, {"gold", 4}, {"diamond", 7}};
static const struct sh_text grades[] = {{"普通", 6}, {"银卡", 6}, {"金卡", 6}};
static const struct sh_text channels[] = {{"app", 3}, {"web", 3}, {"shop", 4}};

static const struct sh_attribute_spec user_attributes[] = {
    {.name = {"tier", 4}, .type = SH_TYPE_ENUM, .labels = tiers, .label_count = 4},
    {.name = {"city", 4}, .type = SH_TYPE_STRING},
    {.name = {"points", 6}, .type = SH_TYPE_INT},
    {.name = {"balance", 7}, .type = SH_TYPE_DECIMAL, .scale = 2},
    {.name = {"vip", 3}, .type = SH_TYPE_BOOL},
    {.name = {"joined", 6}, .type = SH_TYPE_TIME},
    {.name = {"birthday", 8}, .type = SH_TYPE_TIME, .is_date = true},
    {.name = {"会员等级", 12}, .type = SH_TYPE_ENUM, .labels = grades, .label_count = 3},
};
static const struct sh_attribute_spec item_attributes[] = {
    {.name = {"category", 8}, .type = SH_TYPE_STRING},
    {.name = {"price", 5}, .type = SH_TYPE_DECIMAL, .scale = 2},
    {.name = {"fresh", 5}, .type = SH_TYPE_BOOL},
};
static const struct sh_attribute_spec view_properties[] = {
    {.name = {"store", 5}, .type = SH_TYPE_STRING},
    {.name = {"seconds", 7}, .type = SH_TYPE_INT},
    {.name = {"channel", 7}, .type = SH_TYPE_ENUM, .labels = channels, .label_count = 3},
};
static const struct sh_attribute_spec purchase_properties[] = {
    {.name = {"store", 5}, .type = SH_TYPE_STRING},
    {.name = {"quantity", 8}, .type = SH_TYPE_INT},
    {.name = {"discount", 8}, .type = SH_TYPE_DECIMAL, .scale = 3},
    {.name = {"coupon", 6}, .type = SH_TYPE_BOOL},
    {.name = {"paid", 4}, .type = SH_TYPE_TIME},
    {.name = {"delivery", 8}, .type = SH_TYPE_TIME, .is_date = true},
};

static void must_ok(enum sh_status status) {
    if (status != SH_OK) (void)fprintf(stderr, "%s\n", sh_status_name(status));
    sh_assert(status == SH_OK);
}

static void add_attributes(struct sh_table *table, const struct sh_attribute_spec *specs, size_t count) {
    for (size_t i = 0; i < count; i++)
        must_ok(sh_table_add_attribute(table, &specs[i], NULL, NULL));
}

static void add_tag_set(struct sh_table *table, const char *name, const char *const *tags, size_t tag_count) {
    uint32_t index, tag;
    must_ok(sh_table_add_tag_set(table, sh_text_of(name), &index, NULL));
    for (size_t i = 0; i < tag_count; i++)
        must_ok(sh_table_tag_code(table, index, sh_text_of(tags[i]), &tag, NULL));
}

static void add_strings(struct sh_table *table, uint32_t attribute, const char *const *strings, size_t count) {
    uint32_t code;
    for (size_t i = 0; i < count; i++)
        must_ok(sh_table_text_code(table, attribute, sh_text_of(strings[i]), &code, NULL));
}

static void add_rows(struct sh_table *table, const char *const *ids, size_t count) {
    uint32_t slot;
    for (size_t i = 0; i < count; i++)
        must_ok(sh_table_intern(table, sh_text_of(ids[i]), sh_id_hash(sh_text_of(ids[i])), &slot, NULL, NULL));
}

static void add_event_type(struct sh_event_store *events, const char *name, uint32_t scale,
                           const struct sh_attribute_spec *properties, size_t count) {
    uint32_t number, index;
    must_ok(sh_event_type_add(events, sh_text_of(name), scale, &number, NULL));
    for (size_t i = 0; i < count; i++)
        must_ok(sh_event_property_add(events, number, &properties[i], &index, NULL));
}

void query_shop_open(struct query_shop *shop) {
    query_shop_open_in(shop, "+08:00");
}

void query_shop_open_in(struct query_shop *shop, const char *zone) {
    static const char *const interests[] = {"tea", "mother-baby", "skin-care"};
    static const char *const cities[] = {"上海", "成都", "Lisbon"};
    static const char *const ids[] = {"a-1", "a-2", "a-3"};
    *shop = (struct query_shop){.zone = NULL};
    must_ok(sh_zone_open(sh_text_of(zone), &shop->zone, NULL));
    shop->users = sh_table_create();
    shop->items = sh_table_create();
    shop->events = sh_event_store_create(shop->zone);
    sh_assert(shop->users != NULL && shop->items != NULL && shop->events != NULL);
    add_attributes(shop->users, user_attributes, sizeof user_attributes / sizeof user_attributes[0]);
    add_attributes(shop->items, item_attributes, sizeof item_attributes / sizeof item_attributes[0]);
    add_tag_set(shop->users, "interests", interests, 3);
    add_tag_set(shop->users, "notes", NULL, 0);
    add_tag_set(shop->items, "labels", interests, 2);
    add_strings(shop->users, 1, cities, 3);
    add_rows(shop->users, ids, 3);
    add_rows(shop->items, ids, 2);
    add_event_type(shop->events, "view", 0, view_properties, sizeof view_properties / sizeof view_properties[0]);
    add_event_type(shop->events, "purchase", 2, purchase_properties,
                   sizeof purchase_properties / sizeof purchase_properties[0]);
    uint32_t code;
    must_ok(sh_event_text_code(shop->events, 1, 0, SH_TEXT_LITERAL("成都-1"), &code, NULL));
    shop->scope =
        (struct sh_query_scope){.table = shop->users, .items = shop->items, .events = shop->events, .zone = shop->zone};
    must_ok(sh_instant_parse(SH_TEXT_LITERAL("2026-03-11 12:00"), shop->zone, &shop->scope.now_ms, NULL));
    sh_arena_init(&shop->arena, 64 << 20);
}

void query_shop_close(struct query_shop *shop) {
    sh_arena_deinit(&shop->arena);
    sh_event_store_destroy(shop->events);
    sh_table_destroy(shop->items);
    sh_table_destroy(shop->users);
    sh_zone_close(shop->zone);
}

enum sh_status query_shop_check(struct query_shop *shop, const char *text, struct sh_node **tree) {
    shop->err = (struct sh_error){.status = SH_OK};
    const enum sh_status status = sh_query_parse(sh_text_of(text), &shop->arena, tree, &shop->err);
    return status != SH_OK ? status : sh_query_check(tree, &shop->scope, &shop->arena, &shop->err);
}

struct sh_node *query_shop_bound(struct query_shop *shop, const char *text) {
    struct sh_node *tree = NULL;
    const enum sh_status status = query_shop_check(shop, text, &tree);
    if (status != SH_OK) (void)fprintf(stderr, "%s: %s\n", text, shop->err.message);
    sh_assert(status == SH_OK);
    return tree;
}

const char *query_shop_printed(struct query_shop *shop, const struct sh_node *tree) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 1 << 20);
    sh_query_print(tree, &buffer);
    sh_buffer_append(&buffer, "", 1);
    const char *text = sh_arena_copy(&shop->arena, buffer.bytes, buffer.count);
    sh_buffer_deinit(&buffer);
    sh_assert(text != NULL);
    return text;
}
