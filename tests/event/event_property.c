/* event_property.c -- the event store and its twin take the same random steps: append in and out of order, equal times,
 * repeated ids, days when clocks change, properties added on the way, forget, trim, restarts from an archive, in
 * another zone too; and now and then memory runs out. Run: event_property SEED COUNT (of runs). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_twin.h"
#include "hash.h"
#include "memory.h"

enum { STEPS_MAX = 600, TYPES_MAX = 3 };

static const char *const zones[] = {"UTC",           "Asia/Shanghai",    "America/New_York",
                                    "Europe/Lisbon", "America/St_Johns", "America/Sao_Paulo"};
static uint64_t state;
static struct twin twin;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

struct run {
    struct sh_zone *zone;
    struct sh_event_store *store;
    int64_t base_ms;  /* around this instant everything happens */
    int64_t clock_ms; /* of events in order */
    uint32_t slots[12];
    int32_t swept_day;
    uint32_t heard; /* users, of the latest sweep */
    bool heard_wrong;
    const char *reason;
};

static const uint32_t slots_of_interest[] = {0, 1, 2, 1023, 1024, 65535, 65536, 70000, 131071, 131072, 200000, 262143};

static int64_t random_time(struct run *run) {
    switch (random_below(6)) {
    case 0:
        return run->clock_ms; /* the same again */
    case 1:
        return run->base_ms + (int64_t)random_below(5);
    case 2:
        return run->base_ms + ((int64_t)random_below(96) - 48) * SH_HOUR_MS / 4; /* a day around it, all midnights */
    case 3:
        return run->base_ms - (int64_t)random_below(400) * SH_DAY_MS;
    default:
        return run->clock_ms += random_below(3) == 0 ? 0 : (int64_t)random_below((uint32_t)SH_HOUR_MS);
    }
}

static int64_t random_value(const struct sh_event_property *property) {
    switch (property->type) {
    case SH_TYPE_BOOL:
        return random_below(2);
    case SH_TYPE_TIME:
        return (int64_t)random_below(40000) * SH_DAY_MS;
    case SH_TYPE_ENUM:
    case SH_TYPE_STRING:
        return random_below(sh_dictionary_count(&property->texts));
    default:
        return random_below(4) == 0 ? (int64_t)sh_hash_mix(state, 2) : (int64_t)random_below(1u << random_below(20));
    }
}

static bool step_append(struct run *run) {
    const struct sh_event_type *type = sh_event_type(run->store, random_below(sh_event_type_count(run->store)));
    struct sh_event_value values[TWIN_PROPERTY_COUNT_MAX];
    struct sh_event event = {.type = type->number,
                             .slot = run->slots[random_below(12)],
                             .item = random_below(3) == 0 ? SH_NO_ITEM : random_below(100000),
                             .time_ms = random_time(run),
                             .has_amount = random_below(2),
                             .has_id = random_below(3) == 0,
                             .amount = (int64_t)random_below(1u << random_below(31)) - 1000,
                             .id_hash = 1 + random_below(4),
                             .values = values};
    if (!event.has_amount) event.amount = 0;
    if (!event.has_id) event.id_hash = 0;
    for (uint32_t i = 0; i < type->property_count; i++)
        if (random_below(3) != 0)
            values[event.value_count++] = (struct sh_event_value){i, random_value(type->properties[i])};
    const bool fails = random_below(8) == 0;
    bool duplicate;
    if (fails) sh_memory_fail_after(random_below(6));
    enum sh_status status = sh_event_append(run->store, &event, &duplicate, NULL);
    sh_memory_fail_after(UINT64_MAX);
    if (status == SH_ERR_MEMORY && fails) {
        if (!sh_event_store_check(run->store, &run->reason)) return false;
        status = sh_event_append(run->store, &event, &duplicate, NULL);
    }
    run->reason = "append";
    return status == SH_OK && twin_append(&twin, &event) == !duplicate;
}

static bool step_property(struct run *run) {
    static const struct sh_text names[TWIN_PROPERTY_COUNT_MAX] = {SH_TEXT_LITERAL("p0"), SH_TEXT_LITERAL("p1"),
                                                                  SH_TEXT_LITERAL("p2"), SH_TEXT_LITERAL("p3"),
                                                                  SH_TEXT_LITERAL("p4"), SH_TEXT_LITERAL("p5")};
    static const struct sh_text labels[] = {SH_TEXT_LITERAL("low"), SH_TEXT_LITERAL("middle"), SH_TEXT_LITERAL("high")};
    const uint32_t type = random_below(sh_event_type_count(run->store));
    const uint32_t count = sh_event_type(run->store, type)->property_count;
    if (count == TWIN_PROPERTY_COUNT_MAX) return true;
    struct sh_attribute_spec spec = {.name = names[count], .type = (enum sh_type)random_below(SH_TYPE_COUNT)};
    if (spec.type == SH_TYPE_DECIMAL) spec.scale = 2;
    if (spec.type == SH_TYPE_TIME) spec.is_date = true;
    if (spec.type == SH_TYPE_ENUM) {
        spec.labels = labels;
        spec.label_count = 3;
    }
    run->reason = "property";
    uint32_t index;
    if (sh_event_property_add(run->store, type, &spec, &index, NULL) != SH_OK || index != count) return false;
    for (uint32_t i = 0; spec.type == SH_TYPE_STRING && i < 3; i++) {
        uint32_t code;
        if (sh_event_text_code(run->store, type, index, labels[i], &code, NULL) != SH_OK || code != i) return false;
    }
    return true;
}

static bool step_forget(struct run *run) {
    const uint32_t slot = run->slots[random_below(12)];
    uint64_t forgotten;
    if (random_below(2) == 0) sh_memory_fail_after(0); /* forgetting must not need any */
    sh_event_forget(run->store, slot, &forgotten);
    sh_memory_fail_after(UINT64_MAX);
    run->reason = "forget";
    return forgotten == twin_forget(&twin, slot);
}

/* The store out of an archive, in a zone; NULL if that did not go. */
static struct sh_event_store *load(const struct sh_buffer *bytes, const struct sh_zone *zone, enum sh_status *status) {
    struct sh_bitmap users = SH_BITMAP_EMPTY;
    for (size_t i = 0; i < sizeof slots_of_interest / sizeof *slots_of_interest; i++)
        sh_assert(sh_bitmap_add(&users, slots_of_interest[i], NULL) == SH_OK);
    const struct sh_event_bounds bounds = {.users = &users, .item_end = 100000};
    struct sh_archive_bytes source = {.bytes = bytes->bytes, .count = bytes->count};
    struct sh_archive_reader reader;
    struct sh_event_store *store;
    if (random_below(4) == 0) sh_memory_fail_after(random_below(200));
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), bytes->count);
    *status = sh_event_store_load(zone, &bounds, &reader, &store);
    sh_assert((*status == SH_OK) == (store != NULL));
    if (*status == SH_OK) *status = sh_archive_close(&reader, NULL);
    sh_memory_fail_after(UINT64_MAX);
    sh_archive_reader_deinit(&reader);
    sh_bitmap_deinit(&users);
    return store;
}

static void save(const struct sh_event_store *store, struct sh_buffer *bytes) {
    struct sh_archive_writer writer;
    sh_buffer_init(bytes, 1 << 28);
    sh_archive_writer_init(&writer, sh_archive_to_buffer(bytes));
    sh_event_store_save(store, &writer);
    sh_assert(sh_archive_finish(&writer, NULL) == SH_OK);
    sh_archive_writer_deinit(&writer);
}

/* The store goes on as its copy; now and then the zone has got other rules meanwhile. */
static bool step_restart(struct run *run) {
    struct sh_buffer bytes;
    struct sh_buffer again;
    struct sh_zone *zone;
    enum sh_status status;
    const bool moves = random_below(4) == 0;
    const struct sh_text name =
        moves ? sh_text_of(zones[random_below(sizeof zones / sizeof *zones)]) : sh_zone_name(run->zone);
    if (sh_zone_open(name, &zone, NULL) != SH_OK) return false;
    save(run->store, &bytes);
    struct sh_event_store *store = load(&bytes, zone, &status);
    if (store == NULL && status == SH_ERR_MEMORY) store = load(&bytes, zone, &status);
    if (store == NULL && status == SH_ERR_MEMORY) { /* another time */
        sh_buffer_deinit(&bytes);
        sh_zone_close(zone);
        return true;
    }
    run->reason = "restart";
    bool ok = store != NULL;
    if (ok) {
        save(store, &again);
        run->reason = "a copy is not saved as the same bytes";
        ok = moves || (bytes.count == again.count && memcmp(bytes.bytes, again.bytes, bytes.count) == 0);
        sh_buffer_deinit(&again);
        sh_event_store_destroy(run->store);
        sh_zone_close(run->zone);
        run->store = store;
        run->zone = zone;
        ok = ok && sh_event_store_check(store, &run->reason);
    } else {
        sh_zone_close(zone);
    }
    sh_buffer_deinit(&bytes);
    return ok;
}

static bool compare_all(struct run *run) {
    if (!sh_event_store_check(run->store, &run->reason)) return false;
    run->reason = "count";
    if (sh_event_count(run->store) != twin.count) return false;
    for (uint32_t i = 0; i < 12; i++)
        if (!twin_compare_history(&twin, run->store, run->slots[i], &run->reason)) return false;
    for (uint32_t type = 0; type < sh_event_type_count(run->store); type++)
        for (uint32_t block = 0; block < 5; block++)
            if (!twin_compare_window(&twin, run->store, type, block, SH_INSTANT_MIN, SH_INSTANT_MAX, &run->reason))
                return false;
    return true;
}

/* Who is heard of has lost something, and has the rest by then. */
static void hear(void *context, uint32_t slot) {
    struct run *run = context;
    const char *reason;
    run->heard++;
    if (!twin_compare_history(&twin, run->store, slot, &reason)) run->heard_wrong = true;
}

static bool step_sweep(struct run *run) {
    const struct sh_event_sweep_hearing hearing = {hear, run};
    const struct sh_zone *zone = sh_event_store_zone(run->store);
    if (random_below(2) == 0)
        sh_event_type_keep(run->store, random_below(sh_event_type_count(run->store)),
                           random_below(3) * random_below(200));
    const int64_t now_ms = run->base_ms + ((int64_t)random_below(90) - 80) * SH_DAY_MS;
    const int32_t today = sh_zone_day(zone, now_ms);
    if (today > run->swept_day) run->swept_day = today;
    uint64_t wanted = 0;
    for (uint32_t i = 0; i < sh_event_type_count(run->store); i++) {
        const uint32_t days = sh_event_type(run->store, i)->keep_days;
        if (days == 0) continue;
        wanted += twin_sweep(&twin, i, sh_zone_day_start_ms(zone, run->swept_day - (int32_t)days));
    }
    run->heard = 0;
    if (random_below(2) == 0) sh_memory_fail_after(0); /* nor must sweeping */
    const uint64_t swept = sh_event_sweep(run->store, now_ms, &hearing);
    sh_memory_fail_after(UINT64_MAX);
    run->reason = "sweep";
    if (swept != wanted || (swept > 0) != (run->heard > 0) || run->heard_wrong) return false;
    if (sh_event_swept_day(run->store) != run->swept_day || sh_event_sweep_is_due(run->store, now_ms)) return false;
    return random_below(4) != 0 || compare_all(run);
}

static bool compare_somewhere(struct run *run) {
    if (!twin_compare_history(&twin, run->store, run->slots[random_below(12)], &run->reason)) return false;
    const int64_t from_ms = random_time(run);
    const int64_t until_ms = from_ms + (int64_t)random_below(60) * SH_HOUR_MS * (random_below(2) ? 1 : 24);
    return twin_compare_window(&twin, run->store, random_below(sh_event_type_count(run->store)), random_below(5),
                               from_ms, until_ms, &run->reason);
}

static bool take_steps(struct run *run) {
    const uint32_t steps = 1 + random_below(STEPS_MAX);
    for (uint32_t step = 0; step < steps; step++) {
        const uint32_t kind = random_below(100);
        const bool ok = kind < 80   ? step_append(run)
                        : kind < 84 ? step_property(run)
                        : kind < 86 ? step_forget(run)
                        : kind < 88 ? step_sweep(run)
                        : kind < 98 ? compare_somewhere(run)
                        : kind < 99 ? step_restart(run)
                                    : (sh_event_trim(run->store), compare_all(run));
        if (!ok) return false;
    }
    return compare_all(run);
}

static bool one_run(const char **reason) {
    struct sh_zone *zone;
    struct sh_error err;
    if (sh_zone_open(sh_text_of(zones[random_below(sizeof zones / sizeof *zones)]), &zone, &err) != SH_OK) {
        *reason = "no zone";
        return false;
    }
    /* Noon of a day at which clocks change somewhere, or any day. */
    static const int32_t days[] = {20157 /* 2025-03-09 */, 20395 /* 2025-11-02 */, 17839 /* 2018-11-04 */,
                                   14920 /* 2010-11-07, back over midnight in St. John's */, 20000};
    struct run run = {.zone = zone, .store = sh_event_store_create(zone), .swept_day = INT32_MIN};
    run.base_ms = (int64_t)days[random_below(5)] * SH_DAY_MS + SH_DAY_MS / 2;
    run.clock_ms = run.base_ms - SH_DAY_MS;
    for (uint32_t i = 0; i < 12; i++)
        run.slots[i] = slots_of_interest[random_below(sizeof slots_of_interest / sizeof *slots_of_interest)];
    twin.count = 0;
    bool ok = true;
    for (uint32_t i = 0; i < TYPES_MAX; i++) {
        const char name[2] = {(char)('a' + i), 0};
        ok = ok && sh_event_type_add(run.store, sh_text_of(name), i, NULL, NULL) == SH_OK;
    }
    ok = ok && take_steps(&run);
    *reason = run.reason;
    sh_event_store_destroy(run.store);
    sh_zone_close(run.zone);
    return ok;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 400;
    printf("reproduce: ./event_property %" PRIu64 " %" PRIu64 "\n", seed, count);
    for (uint64_t run = 0; run < count; run++) {
        state = sh_hash_mix(seed, run);
        const char *reason = "";
        if (!one_run(&reason)) {
            printf("run %" PRIu64 ": differs from the twin: %s\n", run, reason);
            return 1;
        }
    }
    return 0;
}
