#include "query_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_COUNT = 5000 }; /* more than SH_VALUE_BITMAP_COUNT_MAX: in a large shop `note` has no value bitmaps */

static const char *const tiers[] = {"bronze", "silver", "gold", "platinum", "diamond"};
static const char *const grades[] = {"C", "B", "A"};
static const char *const cities[] = {"成都",   "上海",  "北京",  "重庆",     "Lisbon",   "Leeds",
                                     "Lima",   "Lyon",  "",      "New'York", "San José", "Zürich",
                                     "Aachen", "Aalen", "Aarau", "Aa",       "x",        "Xi'an"};
static const char *const categories[] = {"tea", "tea/green", "tea/black", "skin care", "mother-baby", "books"};
static const char *const stores[] = {"s1", "s2", "s3", "web"};
static const char *const tag_sets[] = {"interests", "marks"};
static const char *const labels[] = {"labels"};
static const char *notes[NOTE_COUNT];
static const char *tags[TWIN_TAGS_MAX];

#define COUNT_OF(array) (uint32_t)(sizeof(array) / sizeof *(array))

static struct twin_field user_fields[] = {
    {.name = "vip", .type = SH_TYPE_BOOL},
    {.name = "age", .type = SH_TYPE_INT},
    {.name = "points", .type = SH_TYPE_INT},
    {.name = "balance", .type = SH_TYPE_DECIMAL, .scale = 2},
    {.name = "seen", .type = SH_TYPE_TIME},
    {.name = "birthday", .type = SH_TYPE_TIME, .is_date = true},
    {.name = "tier", .type = SH_TYPE_ENUM, .texts = tiers, .text_count = COUNT_OF(tiers)},
    {.name = "city", .type = SH_TYPE_STRING, .texts = cities, .text_count = COUNT_OF(cities)},
    {.name = "note", .type = SH_TYPE_STRING, .texts = notes, .text_count = NOTE_COUNT},
};
static struct twin_field item_fields[] = {
    {.name = "price", .type = SH_TYPE_DECIMAL, .scale = 2},
    {.name = "category", .type = SH_TYPE_STRING, .texts = categories, .text_count = COUNT_OF(categories)},
    {.name = "grade", .type = SH_TYPE_ENUM, .texts = grades, .text_count = COUNT_OF(grades)},
    {.name = "launched", .type = SH_TYPE_TIME, .is_date = true},
};
static struct twin_field view_fields[] = {
    {.name = "store", .type = SH_TYPE_STRING, .texts = stores, .text_count = COUNT_OF(stores)},
    {.name = "dwell", .type = SH_TYPE_INT},
    {.name = "level", .type = SH_TYPE_ENUM, .texts = grades, .text_count = COUNT_OF(grades)},
};
static struct twin_field purchase_fields[] = {
    {.name = "quantity", .type = SH_TYPE_INT},
    {.name = "channel", .type = SH_TYPE_STRING, .texts = stores, .text_count = COUNT_OF(stores)},
    {.name = "coupon", .type = SH_TYPE_BOOL},
    {.name = "due", .type = SH_TYPE_TIME, .is_date = true},
    {.name = "tax", .type = SH_TYPE_DECIMAL, .scale = 3},
};
static const struct twin_event_type types[] = {
    {.name = "view", .amount_scale = 0, .fields = view_fields, .field_count = COUNT_OF(view_fields)},
    {.name = "purchase", .amount_scale = 2, .fields = purchase_fields, .field_count = COUNT_OF(purchase_fields)},
    {.name = "login", .amount_scale = 0},
};

static void must(enum sh_status status) {
    if (status == SH_OK) return;
    fprintf(stderr, "the world cannot be made: %s\n", sh_status_name(status));
    abort();
}

static void *must_have(void *memory) {
    if (memory == NULL) abort();
    return memory;
}

static uint32_t below(struct world *world, uint64_t bound) {
    return (uint32_t)split_below(&world->random, bound);
}

/* ---- Names ---- */

static void make_names(void) {
    static char note_texts[NOTE_COUNT][16];
    static char tag_texts[TWIN_TAGS_MAX][8];
    for (uint32_t i = 0; i < NOTE_COUNT; i++) {
        (void)snprintf(note_texts[i], sizeof note_texts[i], "n%u-%c", i * 7919 % NOTE_COUNT, 'a' + (char)(i % 26));
        notes[i] = note_texts[i];
    }
    for (uint32_t i = 0; i < TWIN_TAGS_MAX; i++) {
        (void)snprintf(tag_texts[i], sizeof tag_texts[i], "t%u", i);
        tags[i] = tag_texts[i];
    }
}

/* ---- Schema ---- */

/* Labels are added first in part and in another order, so that codes are not ranks. */
static void spec_of(const struct twin_field *field, struct sh_text *texts, bool is_part,
                    struct sh_attribute_spec *spec) {
    *spec = (struct sh_attribute_spec){.name = sh_text_of(field->name),
                                       .type = field->type,
                                       .scale = (uint8_t)field->scale,
                                       .is_date = field->is_date};
    if (field->type != SH_TYPE_ENUM) return;
    for (uint32_t i = 0; i < field->text_count; i++)
        if (!is_part || i % 2 == 1) texts[spec->label_count++] = sh_text_of(field->texts[i]);
    spec->labels = texts;
}

static void add_attributes(struct sh_table *table, const struct twin_field *fields, uint32_t count) {
    for (uint32_t i = 0; i < 2 * count; i++) {
        struct sh_text texts[8];
        struct sh_attribute_spec spec;
        const struct twin_field *field = &fields[i % count];
        if (i < count && field->type == SH_TYPE_STRING) continue; /* so that attributes are not in the twin's order */
        spec_of(field, texts, i < count, &spec);
        must(sh_table_add_attribute(table, &spec, NULL, NULL));
    }
}

static void add_event_types(struct world *world) {
    for (uint32_t i = 0; i < COUNT_OF(types); i++) {
        uint32_t number;
        must(sh_event_type_add(world->events, sh_text_of(types[i].name), types[i].amount_scale, &number, NULL));
        for (uint32_t k = 0; k < 2 * types[i].field_count; k++) {
            struct sh_text texts[8];
            struct sh_attribute_spec spec;
            spec_of(&types[i].fields[k % types[i].field_count], texts, k < types[i].field_count, &spec);
            must(sh_event_property_add(world->events, number, &spec, NULL, NULL));
        }
        /* Plans know the texts of their time, and events are written while one runs. */
        for (uint32_t k = 0; k < types[i].field_count; k++)
            for (uint32_t text = 0; types[i].fields[k].type == SH_TYPE_STRING && text < COUNT_OF(stores); text++)
                must(sh_event_text_code(world->events, number, k, sh_text_of(stores[text]), &(uint32_t){0}, NULL));
    }
}

/* ---- Rows ---- */

/* What a field's values look like depends on the field, the block and the world: all missing, constant, dense ... */
static struct twin_value random_value(struct world *world, const struct twin_field *field, uint32_t slot) {
    const uint32_t mood =
        (uint32_t)(slot / SH_BLOCK_SLOTS + (uintptr_t)field->name[0] + world->twin.users.row_count) % 6;
    struct twin_value value = {.is_present = mood == 0 || !split_one_in(&world->random, mood == 5 ? 2 : 12)};
    switch (field->type) {
    case SH_TYPE_BOOL:
        value.number = mood == 1 ? 1 : below(world, 2);
        break;
    case SH_TYPE_INT:
        value.number = mood == 2 ? 40 : (int64_t)split_length(&world->random, 100000) - 13;
        break;
    case SH_TYPE_DECIMAL:
        value.number = (int64_t)split_length(&world->random, 3000000) - 5000;
        break;
    case SH_TYPE_TIME:
        value.number = world->twin.now_ms + ((int64_t)below(world, 800) - 700) * SH_DAY_MS +
                       (int64_t)below(world, (uint64_t)SH_DAY_MS);
        if (field->is_date) /* some blocks have dates outside of the years that are looked up in a table */
            value.number =
                (mood == 3 ? (int64_t)below(world, 130000) - 60000 : (int64_t)below(world, 40000) - 12000) * SH_DAY_MS;
        break;
    default:
        value.number = (int64_t)split_length(&world->random, field->text_count);
        break;
    }
    return value;
}

/* The engine's value: texts become codes. */
static int64_t store_value(struct sh_table *table, uint32_t attribute, const struct twin_field *field, int64_t number) {
    uint32_t code;
    if (field->type != SH_TYPE_ENUM && field->type != SH_TYPE_STRING) return number;
    must(sh_table_text_code(table, attribute, sh_text_of(field->texts[number]), &code, NULL));
    return code;
}

static void set_value(struct sh_table *table, struct twin_table *twin, uint32_t slot, uint32_t field,
                      struct twin_value value) {
    const uint32_t attribute = (uint32_t)sh_table_find_attribute(table, sh_text_of(twin->fields[field].name));
    if (value.is_present)
        must(sh_table_set(table, slot, attribute, store_value(table, attribute, &twin->fields[field], value.number)));
    else
        must(sh_table_clear(table, slot, attribute));
    twin->rows[slot].values[field] = value;
}

/* Tag 0 nearly everybody has, tag 1 comes in runs, tags from 2 on get rarer. */
static bool wants_tag(struct world *world, uint32_t tag, uint32_t slot) {
    if (tag == 0) return !split_one_in(&world->random, 400);
    if (tag == 1) return slot / 1000 % 3 == 0;
    return split_one_in(&world->random, 2 + (uint64_t)tag * tag);
}

static void set_tags(struct world *world, struct sh_table *table, struct twin_table *twin, uint32_t slot,
                     uint32_t set) {
    for (uint32_t tag = 0; tag < TWIN_TAGS_MAX; tag++) {
        uint32_t code;
        const bool wanted = wants_tag(world, tag, slot);
        const bool has = twin->rows[slot].tags[set] >> tag & 1;
        if (wanted == has) continue;
        must(sh_table_tag_code(table, set, sh_text_of(twin->tags[tag]), &code, NULL));
        must(wanted ? sh_table_tag_add(table, slot, set, code) : sh_table_tag_remove(table, slot, set, code));
        twin->rows[slot].tags[set] ^= 1ULL << tag;
    }
}

static void write_row(struct world *world, struct sh_table *table, struct twin_table *twin, uint32_t number,
                      char letter, uint32_t set_count) {
    char id[32];
    uint32_t slot;
    (void)snprintf(id, sizeof id, "%c%u", letter, number);
    const struct sh_text text = sh_text_of(id);
    must(sh_table_intern(table, text, sh_id_hash(text), &slot, NULL, NULL));
    if (slot >= twin->row_count) twin->row_count = slot + 1;
    struct twin_row *row = &twin->rows[slot];
    row->is_live = true;
    memcpy(row->id, id, sizeof id);
    for (uint32_t i = 0; i < twin->field_count; i++)
        set_value(table, twin, slot, i, random_value(world, &twin->fields[i], slot));
    for (uint32_t set = 0; set < set_count; set++)
        set_tags(world, table, twin, slot, set);
}

void world_write_user(struct world *world) {
    write_row(world, world->users, &world->twin.users, below(world, world->twin.users.row_count), 'u',
              COUNT_OF(tag_sets));
}

static void forget_user(struct world *world, uint32_t slot) {
    struct twin *twin = &world->twin;
    if (!twin->users.rows[slot].is_live) return;
    must(sh_table_forget(world->users, slot, 1));
    sh_event_forget(world->events, slot, NULL);
    memset(&twin->users.rows[slot], 0, sizeof *twin->users.rows);
    twin->first_event[slot] = twin->last_event[slot] = 0;
}

void world_forget_user(struct world *world) {
    forget_user(world, below(world, world->twin.users.row_count));
}

void world_pass_time(struct world *world) {
    static const int64_t steps_ms[] = {SH_MINUTE_MS, SH_HOUR_MS, SH_DAY_MS};
    world->twin.now_ms += (int64_t)(1 + below(world, 30)) * steps_ms[below(world, 6) % 3] / 2;
    world->scope.now_ms = world->twin.now_ms;
}

/* ---- Events ---- */

static int64_t random_time(struct world *world) {
    switch (below(world, 8)) {
    case 0:
        return world->twin.now_ms + (int64_t)below(world, 5) - 2;
    case 1:
        return world->twin.now_ms - 30 * SH_DAY_MS + (int64_t)below(world, 3) - 1; /* at the edge of a window */
    case 2:
        return world->twin.now_ms - (int64_t)below(world, 40) * SH_DAY_MS; /* equal times */
    case 3:
        return world->twin.now_ms + (int64_t)below(world, 3) * SH_DAY_MS;
    default:
        return world->twin.now_ms - (int64_t)below(world, (uint64_t)(100 * SH_DAY_MS));
    }
}

static void append_event(struct world *world, const struct twin_event *event, uint32_t slot) {
    struct sh_event_value values[TWIN_FIELDS_MAX];
    const struct twin_event_type *type = &types[event->type];
    struct sh_event stored = {.type = event->type,
                              .slot = slot,
                              .item = event->item,
                              .time_ms = event->time_ms,
                              .has_amount = event->amount.is_present,
                              .amount = event->amount.number,
                              .values = values};
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (!event->values[i].is_present) continue;
        int64_t value = event->values[i].number;
        if (type->fields[i].type == SH_TYPE_ENUM || type->fields[i].type == SH_TYPE_STRING) {
            uint32_t code;
            must(sh_event_text_code(world->events, event->type, i, sh_text_of(type->fields[i].texts[value]), &code,
                                    NULL));
            value = code;
        }
        values[stored.value_count++] = (struct sh_event_value){.property = i, .value = value};
    }
    bool duplicate;
    must(sh_event_append(world->events, &stored, &duplicate, NULL));
}

void world_write_event(struct world *world) {
    struct twin *twin = &world->twin;
    const uint32_t slot = (uint32_t)split_length(&world->random, twin->users.row_count);
    if (!twin->users.rows[slot].is_live) return;
    struct twin_event *event = &twin->events[++twin->event_count];
    *event =
        (struct twin_event){.type = below(world, COUNT_OF(types)), .time_ms = random_time(world), .item = SH_NO_ITEM};
    if (!split_one_in(&world->random, 4)) event->item = below(world, twin->items.row_count);
    if (!split_one_in(&world->random, 5))
        event->amount =
            (struct twin_value){.is_present = true, .number = (int64_t)split_length(&world->random, 100000) - 50};
    for (uint32_t i = 0; i < types[event->type].field_count; i++)
        event->values[i] = random_value(world, &types[event->type].fields[i], slot);
    append_event(world, event, slot);
    if (twin->first_event[slot] == 0)
        twin->first_event[slot] = twin->event_count;
    else
        twin->events[twin->last_event[slot]].next = twin->event_count;
    twin->last_event[slot] = twin->event_count;
}

/* ---- Life ---- */

enum { SPARE_ROWS = 1000, SPARE_EVENTS = 10000 };

static void make_twin(struct world *world, const struct world_options *options) {
    struct twin *twin = &world->twin;
    twin->zone = world->zone;
    twin->types = types;
    twin->type_count = COUNT_OF(types);
    twin->users =
        (struct twin_table){.fields = user_fields,
                            .field_count = COUNT_OF(user_fields),
                            .tag_sets = tag_sets,
                            .tags = tags,
                            .rows = must_have(calloc(options->user_count + SPARE_ROWS, sizeof(struct twin_row)))};
    twin->items =
        (struct twin_table){.fields = item_fields,
                            .field_count = COUNT_OF(item_fields),
                            .tag_sets = labels,
                            .tags = tags,
                            .rows = must_have(calloc(options->item_count + SPARE_ROWS, sizeof(struct twin_row)))};
    twin->events = must_have(calloc(options->event_count + SPARE_EVENTS, sizeof *twin->events));
    twin->first_event = must_have(calloc(options->user_count + SPARE_ROWS, sizeof *twin->first_event));
    twin->last_event = must_have(calloc(options->user_count + SPARE_ROWS, sizeof *twin->last_event));
}

/* ---- What stands under a name ---- */

static void collect_fields(const struct twin_field *fields, uint32_t field_count, struct sh_text name,
                           struct sh_text *names, uint32_t *count) {
    for (uint32_t i = 0; i < field_count; i++) {
        for (uint32_t j = 0; j < fields[i].text_count; j++) {
            const struct sh_text text = sh_text_of(fields[i].texts[j]);
            if (twin_is_under(text, name)) names[(*count)++] = text;
        }
    }
}

enum sh_status world_below(const void *owner, struct sh_text attribute, struct sh_text name,
                           const struct sh_text **names, uint32_t *count, struct sh_error *err) {
    static struct sh_text found[NOTE_COUNT + 64]; /* some stand twice, as in no real tree */
    (void)owner;
    (void)attribute;
    (void)err;
    *count = 0;
    *names = found;
    collect_fields(user_fields, COUNT_OF(user_fields), name, found, count);
    collect_fields(item_fields, COUNT_OF(item_fields), name, found, count);
    collect_fields(view_fields, COUNT_OF(view_fields), name, found, count);
    return SH_OK;
}

void world_create(struct world *world, const struct world_options *options) {
    static const char *const zones[] = {"UTC", "Asia/Shanghai", "America/New_York"};
    *world = (struct world){.random = {options->seed}};
    make_names();
    must(sh_zone_open(sh_text_of(zones[below(world, 3)]), &world->zone, NULL));
    world->users = must_have(sh_table_create());
    world->items = must_have(sh_table_create());
    world->events = must_have(sh_event_store_create(world->zone));
    world->kept =
        must_have(sh_kept_create(world->events, below(world, 100), 100000 + below(world, 20) * (size_t)200000));
    make_twin(world, options);
    /* Around the end of a February, or any time. */
    world->twin.now_ms = (split_one_in(&world->random, 2) ? 20878 : 20000 + below(world, 1500)) * SH_DAY_MS +
                         (int64_t)below(world, (uint64_t)SH_DAY_MS);
    add_attributes(world->users, user_fields, COUNT_OF(user_fields));
    add_attributes(world->items, item_fields, COUNT_OF(item_fields));
    for (uint32_t i = 0; i < COUNT_OF(tag_sets); i++)
        must(sh_table_add_tag_set(world->users, sh_text_of(tag_sets[i]), NULL, NULL));
    must(sh_table_add_tag_set(world->items, sh_text_of(labels[0]), NULL, NULL));
    add_event_types(world);
    for (uint32_t i = 0; i < options->user_count; i++)
        write_row(world, world->users, &world->twin.users, i, 'u', COUNT_OF(tag_sets));
    for (uint32_t i = 0; i < options->item_count; i++)
        write_row(world, world->items, &world->twin.items, i, 'i', 1);
    for (uint32_t i = 0; i < options->event_count; i++)
        world_write_event(world);
    for (uint32_t slot = 0; options->forget_one_in > 0 && slot < world->twin.users.row_count; slot++)
        if (split_one_in(&world->random, options->forget_one_in)) forget_user(world, slot);
    world->scope = (struct sh_query_scope){.table = world->users,
                                           .items = world->items,
                                           .events = world->events,
                                           .kept = world->kept,
                                           .zone = world->zone,
                                           .now_ms = world->twin.now_ms,
                                           .below = world_below};
}

void world_destroy(struct world *world) {
    struct twin *twin = &world->twin;
    sh_kept_destroy(world->kept);
    sh_event_store_destroy(world->events);
    sh_table_destroy(world->users);
    sh_table_destroy(world->items);
    sh_zone_close(world->zone);
    free(twin->users.rows);
    free(twin->items.rows);
    free(twin->events);
    free(twin->first_event);
    free(twin->last_event);
}
