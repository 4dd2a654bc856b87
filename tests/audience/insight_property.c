/* insight_property.c -- insights into made-up shops of several blocks, against plain loops over the naive twin.
 *
 * Audiences of every size, so that tags are counted by lists, by bitmaps and by what is left over. Rows are written
 * between two steps now and then; then only the engine's own rules are looked at.
 *
 * Run: insight_property [SEED [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insight.h"
#include "memory.h"
#include "query_world.h"

enum { LOOK_MAX = 16, TEXT_BYTES = 65536 };

static uint64_t round_seed;
static struct world world;
static struct sh_arena arena;
static struct sh_buffer text;

static void must(bool condition, const char *what) {
    if (condition) return;
    (void)printf("reproduce: insight_property %llu 1: %s\n  where %.*s\n", (unsigned long long)round_seed, what,
                 (int)text.count, (const char *)text.bytes);
    exit(1);
}

/* A crowd of the engine's, and the same of the twin's. */
struct crowd {
    struct sh_plan *plan;
    bool *holds; /* by slot */
    uint64_t count;
};

static void make_crowd(struct crowd *crowd) {
    static const char *const sizes[] = {"true", "false", "sample(0.1%, 'a')", "not sample(0.1%, 'b')",
                                        "sample(3%, 'c')"};
    const struct twin_table *users = &world.twin.users;
    struct sh_node *written, *bound;
    sh_buffer_clear(&text);
    if (split_one_in(&world.random, 2))
        sh_buffer_print(&text, "%s", sizes[split_below(&world.random, 5)]);
    else
        world_expression(&world, false, 2, &text);
    const struct sh_text words = {(const char *)text.bytes, (uint32_t)text.count};
    must(sh_query_parse(words, &arena, &written, NULL) == SH_OK, "parse");
    must(sh_query_parse(words, &arena, &bound, NULL) == SH_OK, "parse");
    must(sh_query_check(&bound, &world.scope, &arena, NULL) == SH_OK, "check");
    must(sh_query_plan(bound, &world.scope, &arena, &crowd->plan, NULL) == SH_OK, "plan");
    crowd->holds = sh_arena_alloc_zero(&arena, users->row_count + 1);
    crowd->count = 0;
    for (uint32_t slot = 0; slot < users->row_count; slot++) {
        crowd->holds[slot] = users->rows[slot].is_live && twin_holds(&world.twin, users, written, slot);
        crowd->count += crowd->holds[slot];
    }
}

/* ---- What to look at ---- */

static uint32_t field_of(const char *name) {
    for (uint32_t i = 0; i < world.twin.users.field_count; i++)
        if (strcmp(world.twin.users.fields[i].name, name) == 0) return i;
    must(false, "a field");
    return 0;
}

static struct sh_look_spec look_at_attribute(const char *name, enum sh_look_kind kind) {
    const int32_t index = sh_table_find_attribute(world.users, sh_text_of(name));
    return (struct sh_look_spec){.kind = kind, .index = (uint32_t)index, .has_base = kind == SH_LOOK_VALUES};
}

static struct sh_look_spec look_at_events(enum sh_look_kind kind, enum sh_look_source source, const char *property) {
    struct sh_look_spec look = {.kind = kind, .source = source};
    const int64_t now = world.twin.now_ms;
    look.event_type = (uint32_t)sh_event_type_find(world.events, SH_TEXT_LITERAL("purchase"));
    if (property != NULL)
        look.index =
            (uint32_t)sh_event_property_find(sh_event_type(world.events, look.event_type), sh_text_of(property));
    look.until_ms = now + 1;
    look.from_ms = split_one_in(&world.random, 3) ? SH_INSTANT_MIN
                                                  : now - (int64_t)split_below(&world.random, 90) * 86400000 - 12345;
    return look;
}

static uint32_t make_looks(struct sh_look_spec *looks) {
    uint32_t count = 0;
    for (uint32_t set = 0; set < 2; set++)
        looks[count++] = (struct sh_look_spec){.kind = SH_LOOK_TAGS, .index = set, .has_base = true};
    looks[count++] = look_at_attribute("vip", SH_LOOK_VALUES);
    looks[count++] = look_at_attribute("city", SH_LOOK_VALUES);
    looks[count++] = look_at_attribute("note", SH_LOOK_VALUES);
    looks[count++] = look_at_attribute("tier", SH_LOOK_VALUES);
    looks[count++] = look_at_attribute("points", SH_LOOK_NUMBERS);
    looks[count++] = look_at_attribute("seen", SH_LOOK_NUMBERS);
    looks[count++] = look_at_events(SH_LOOK_EVENT_VALUES, SH_LOOK_PROPERTY, "channel");
    looks[count++] = look_at_events(SH_LOOK_EVENT_VALUES, SH_LOOK_ITEM, NULL);
    looks[count++] = look_at_events(SH_LOOK_EVENT_NUMBERS, SH_LOOK_AMOUNT, NULL);
    looks[count++] = look_at_events(SH_LOOK_EVENT_NUMBERS, SH_LOOK_PROPERTY, "quantity");
    looks[count++] = look_at_events(SH_LOOK_DAYS, SH_LOOK_PROPERTY, NULL);
    return count;
}

/* ---- By hand ---- */

static void check_tags(const struct sh_look *look, const struct crowd *crowd, const uint64_t *counts) {
    const struct twin_table *users = &world.twin.users;
    for (uint32_t tag = 0; tag < TWIN_TAGS_MAX; tag++) {
        uint64_t expected = 0;
        const int32_t set = sh_table_find_tag_set(world.users, sh_text_of(users->tag_sets[look->spec.index]));
        const uint32_t code = sh_table_find_tag(world.users, (uint32_t)set, sh_text_of(users->tags[tag]));
        if (code == SH_CODE_NONE) continue;
        must((uint32_t)set == look->spec.index, "tag sets are in order");
        for (uint32_t slot = 0; slot < users->row_count; slot++)
            expected += crowd->holds[slot] && (users->rows[slot].tags[look->spec.index] >> tag & 1);
        must(counts[code] == expected, "users with a tag");
    }
}

static const char *attribute_name(const struct sh_look *look, char room[80]) {
    const struct sh_text name = sh_table_attribute(world.users, look->spec.index)->name;
    (void)snprintf(room, 80, "%.*s", SH_TEXT_ARGS(name));
    return room;
}

static void check_values(const struct sh_look *look, const struct crowd *crowd, const uint64_t *counts) {
    char room[80];
    const uint32_t field = field_of(attribute_name(look, room));
    const struct twin_table *users = &world.twin.users;
    const struct sh_attribute *attribute = sh_table_attribute(world.users, look->spec.index);
    const uint32_t value_count = attribute->type == SH_TYPE_BOOL ? 2 : users->fields[field].text_count;
    uint64_t *expected = calloc(value_count, sizeof *expected);
    uint64_t missing = 0;
    for (uint32_t slot = 0; slot < users->row_count; slot++) {
        const struct twin_value value = users->rows[slot].values[field];
        if (!crowd->holds[slot]) continue;
        if (value.is_present)
            expected[value.number]++;
        else
            missing++;
    }
    for (uint32_t i = 0; i < value_count; i++) {
        uint32_t code = i;
        if (attribute->type != SH_TYPE_BOOL)
            code = sh_attribute_find_code(attribute, sh_text_of(users->fields[field].texts[i]));
        must((code == SH_CODE_NONE ? 0 : counts[code]) == expected[i], "users with a value");
    }
    if (counts == look->users) must(look->missing_users == missing, "users without a value");
    free(expected);
}

static int by_size(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left;
    const int64_t b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

/* The tally says these numbers, in any order. */
static void check_tally(const struct sh_tally *tally, int64_t *numbers, uint64_t count) {
    __int128 sum = 0;
    const uint64_t value_count = sh_tally_value_count(tally);
    struct sh_tally_entry *entries = malloc((value_count + 1) * sizeof *entries);
    sh_tally_list(tally, entries);
    qsort(numbers, count, sizeof *numbers, by_size);
    uint64_t at = 0;
    for (uint64_t i = 0; i < value_count; i++)
        for (uint64_t n = 0; n < entries[i].count; n++, at++)
            must(at < count && numbers[at] == entries[i].value, "the same numbers");
    for (uint64_t i = 0; i < count; i++)
        sum += numbers[i];
    must(at == count && tally->count == count && tally->sum == sum, "as many, with the same sum");
    free(entries);
}

static void check_numbers(const struct sh_look *look, const struct crowd *crowd) {
    char room[80];
    const uint32_t field = field_of(attribute_name(look, room));
    const struct twin_table *users = &world.twin.users;
    int64_t *numbers = malloc((crowd->count + 1) * sizeof *numbers);
    uint64_t count = 0;
    for (uint32_t slot = 0; slot < users->row_count; slot++)
        if (crowd->holds[slot] && users->rows[slot].values[field].is_present)
            numbers[count++] = users->rows[slot].values[field].number;
    must(look->missing_users == crowd->count - count, "users without a number");
    check_tally(&look->numbers, numbers, count);
    free(numbers);
}

static const struct twin_event_type *purchase_type(uint32_t *number) {
    for (*number = 0; *number < world.twin.type_count; (*number)++)
        if (strcmp(world.twin.types[*number].name, "purchase") == 0) return &world.twin.types[*number];
    must(false, "a type");
    return NULL;
}

/* False if the event has no such value. Texts are brought to the engine's codes. */
static bool twin_event_value(const struct sh_look_spec *spec, const struct twin_event *event, int64_t *value) {
    uint32_t number;
    const struct twin_event_type *type = purchase_type(&number);
    const struct sh_event_type *engine = sh_event_type(world.events, spec->event_type);
    struct twin_value found = event->amount;
    if (spec->kind == SH_LOOK_DAYS) {
        *value = sh_zone_day(world.zone, event->time_ms);
        return true;
    }
    if (spec->source == SH_LOOK_ITEM) {
        *value = event->item;
        return event->item != SH_NO_ITEM;
    }
    if (spec->source == SH_LOOK_PROPERTY) {
        uint32_t field = 0;
        while (!sh_text_equal(sh_text_of(type->fields[field].name), engine->properties[spec->index]->name))
            field++;
        found = event->values[field];
        if (found.is_present && type->fields[field].type == SH_TYPE_STRING)
            found.number = sh_event_property_code(engine->properties[spec->index],
                                                  sh_text_of(type->fields[field].texts[found.number]));
    }
    *value = found.number;
    return found.is_present;
}

static void check_events(const struct sh_look *look, const struct crowd *crowd) {
    enum { VALUES_MAX = 1 << 16 };
    uint32_t type;
    uint64_t event_count = 0, missing = 0, actors = 0, count = 0;
    uint64_t *users = calloc(VALUES_MAX, sizeof *users);
    uint64_t *events = calloc(VALUES_MAX, sizeof *events);
    uint32_t *last = calloc(VALUES_MAX, sizeof *last);
    int64_t *numbers = malloc(((size_t)world.twin.event_count + 1) * sizeof *numbers);
    (void)purchase_type(&type);
    for (uint32_t slot = 0; slot < world.twin.users.row_count; slot++) {
        bool acted = false;
        if (!crowd->holds[slot]) continue;
        for (uint32_t at = world.twin.first_event[slot]; at != 0; at = world.twin.events[at].next) {
            const struct twin_event *event = &world.twin.events[at];
            int64_t value;
            if (event->type != type || event->time_ms < look->spec.from_ms || event->time_ms >= look->spec.until_ms)
                continue;
            event_count++;
            acted = true;
            if (!twin_event_value(&look->spec, event, &value)) {
                missing++;
                continue;
            }
            numbers[count++] = value;
            if (look->spec.kind == SH_LOOK_EVENT_NUMBERS) continue;
            if (look->spec.kind == SH_LOOK_DAYS) value -= look->first_day;
            must(value >= 0 && value < VALUES_MAX, "a small value");
            events[value]++;
            users[value] += last[value] != slot + 1;
            last[value] = slot + 1;
        }
        actors += acted;
    }
    must(look->event_count == event_count && look->missing_events == missing && look->actor_count == actors,
         "events, those without a value, and actors");
    if (look->spec.kind == SH_LOOK_EVENT_NUMBERS) {
        check_tally(&look->numbers, numbers, count);
    } else {
        for (uint32_t code = 0; code < VALUES_MAX; code++) {
            const bool is_known = code < look->code_count;
            must((is_known ? look->events[code] : 0) == events[code], "events with a value");
            must((is_known ? look->users[code] : 0) == users[code], "users with a value");
        }
    }
    free(users);
    free(events);
    free(last);
    free(numbers);
}

static void check(const struct sh_look *look, const struct crowd *crowd, const struct crowd *base) {
    switch (look->spec.kind) {
    case SH_LOOK_TAGS:
        check_tags(look, crowd, look->users);
        check_tags(look, base, look->base);
        break;
    case SH_LOOK_VALUES:
        check_values(look, crowd, look->users);
        check_values(look, base, look->base);
        break;
    case SH_LOOK_NUMBERS:
        check_numbers(look, crowd);
        break;
    default:
        check_events(look, crowd);
    }
}

/* ---- Rounds ---- */

static enum sh_status run(const struct sh_insight_spec *spec, struct sh_insight **insight, bool writes) {
    bool done = false;
    enum sh_status status = sh_insight_create(spec, insight, NULL);
    while (status == SH_OK && !done) {
        status = sh_insight_step(*insight, 1 + (uint32_t)split_below(&world.random, 60), &done, NULL);
        for (uint32_t i = 0; writes && i < 5; i++) {
            world_write_user(&world);
            world_write_event(&world);
        }
    }
    return status;
}

static void one_round(bool is_large) {
    struct sh_look_spec looks[LOOK_MAX];
    struct crowd crowd, base;
    struct sh_insight *insight;
    const bool has_base = split_one_in(&world.random, 2);
    make_crowd(&base);
    if (!has_base) {
        base.count = 0;
        for (uint32_t slot = 0; slot < world.twin.users.row_count; slot++)
            base.count += base.holds[slot] = world.twin.users.rows[slot].is_live;
    }
    make_crowd(&crowd);
    const struct sh_insight_spec spec = {.scope = &world.scope,
                                         .audience = crowd.plan,
                                         .base = has_base ? base.plan : NULL,
                                         .looks = looks,
                                         .look_count = make_looks(looks)};
    must(run(&spec, &insight, false) == SH_OK, "run");
    must(sh_insight_count(insight) == crowd.count && sh_insight_base_count(insight) == base.count, "how many");
    for (uint32_t i = 0; i < spec.look_count; i++)
        check(sh_insight_look(insight, i), &crowd, &base);
    sh_insight_destroy(insight);
    for (uint64_t n = 0; !is_large && n < 200; n += 1 + n / 8) { /* allocations fail, one after another */
        sh_memory_fail_after(n);
        const enum sh_status status = run(&spec, &insight, false);
        const bool failed = sh_memory_failed();
        sh_memory_fail_after(UINT64_MAX);
        must(status == SH_OK || (failed && status == SH_ERR_MEMORY),
             "only a failed allocation fails a insight"); /* caches do without */
        sh_insight_destroy(insight);
        if (!failed) break;
    }
    must(run(&spec, &insight, true) == SH_OK, "run while rows are written");
    sh_insight_destroy(insight);
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t rounds = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 40;
    sh_arena_init(&arena, SH_REQUEST_ARENA_BYTES_MAX);
    sh_buffer_init(&text, TEXT_BYTES);
    for (uint64_t i = 0; i < rounds; i++) {
        round_seed = seed + i;
        const bool is_large = i % 4 == 3;
        const struct world_options options = {.seed = round_seed,
                                              .user_count = is_large ? 150000 : 1 + (uint32_t)(round_seed * 97 % 900),
                                              .item_count = 40,
                                              .event_count = is_large ? 60000 : 3000,
                                              .forget_one_in = i % 3 == 0 ? 20 : 0};
        world_create(&world, &options);
        one_round(is_large);
        sh_arena_reset(&arena);
        world_destroy(&world);
    }
    sh_buffer_deinit(&text);
    sh_arena_deinit(&arena);
    (void)printf("insight_property: seeds %llu to %llu: alike\n", (unsigned long long)seed,
                 (unsigned long long)(seed + rounds - 1));
    return 0;
}
