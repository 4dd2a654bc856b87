/* table_property.c -- random changes to a table and to a twin made of plain arrays: rows come and go, values and tags
 * change, attributes, labels and tag sets are added, memory fails. Run: table_property SEED COUNT, with COUNT tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_rig.h"
#include "memory.h"
#include "split_random.h"
#include "table.h"

enum {
    ROWS = 3000, /* different ids */
    ATTRIBUTES = 12,
    TAG_SETS = 3,
    TAGS = 600,
    LABELS = 40,
    STEPS = 60,
};

static struct split_random rng;
static uint64_t seed, table_count, current_table, step;
static const char *doing = "nothing yet";

/* ---- The twin ---- */

struct twin_row {
    bool is_live;
    uint32_t slot;
    bool has[ATTRIBUTES];
    int64_t value[ATTRIBUTES]; /* texts as their number in twin_text() */
    bool tags[TAG_SETS][TAGS];
};
struct twin_attribute {
    enum sh_type type;
    uint8_t scale;
    bool is_date;
    uint32_t label_count;
    uint32_t labels[LABELS]; /* by rank */
};
static struct twin_row rows[ROWS];
static struct twin_attribute attributes[ATTRIBUTES];
static uint32_t attribute_count;
static uint32_t tag_set_count;
static uint64_t sequence;
static uint64_t forgotten_at[ROWS * STEPS]; /* by slot; 0: never forgotten, or given out again */
static struct sh_table *table;

static void must(bool holds, const char *what) {
    if (holds) return;
    printf("reproduce: ./table_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)table_count);
    printf("table %llu step %llu (%s): %s\n", (unsigned long long)current_table, (unsigned long long)step, doing, what);
    exit(1);
}

static char name_bytes[64];
static struct sh_text name_of(const char *kind, uint32_t number) {
    (void)snprintf(name_bytes, sizeof name_bytes, "%s-%u", kind, number);
    return sh_text_of(name_bytes);
}

/* Short and long ids, with and without Chinese. */
static struct sh_text id_of(uint32_t row) {
    static char bytes[SH_ID_BYTES_MAX + 1];
    int count = snprintf(bytes, sizeof bytes, "%s%u", row % 3 == 0 ? "用户-" : "u", row);
    if (row % 5 == 0)
        while (count < (int)(16 + row % 240))
            bytes[count++] = 'x';
    return (struct sh_text){.bytes = bytes, .count = (uint32_t)count};
}

/* Memory may fail in anything that is tried like this; then it is tried again with memory. */
#define TRY(status, call)                                                                                              \
    do {                                                                                                               \
        if (split_one_in(&rng, 15)) {                                                                                  \
            sh_memory_fail_after(split_below(&rng, 6));                                                                \
            (status) = (call);                                                                                         \
            const bool failed = sh_memory_failed();                                                                    \
            sh_memory_fail_after(UINT64_MAX);                                                                          \
            must((status) != SH_ERR_MEMORY || failed, "out of memory without a reason");                               \
            if ((status) == SH_ERR_MEMORY) (status) = (call);                                                          \
        } else {                                                                                                       \
            (status) = (call);                                                                                         \
        }                                                                                                              \
    } while (0)

/* ---- Schema ---- */

static void label_texts(const struct twin_attribute *attribute, struct sh_text *labels, char bytes[LABELS][16]) {
    for (uint32_t i = 0; i < attribute->label_count; i++) {
        (void)snprintf(bytes[i], sizeof bytes[i], "label-%u", attribute->labels[i]);
        labels[i] = sh_text_of(bytes[i]);
    }
}

static enum sh_status put_attribute(uint32_t number, const struct twin_attribute *attribute, uint32_t *index) {
    struct sh_text labels[LABELS];
    char bytes[LABELS][16];
    label_texts(attribute, labels, bytes);
    const struct sh_attribute_spec spec = {
        .name = name_of("attribute", number),
        .type = attribute->type,
        .scale = attribute->scale,
        .is_date = attribute->is_date,
        .labels = labels,
        .label_count = attribute->type == SH_TYPE_ENUM ? attribute->label_count : 0,
    };
    return sh_table_add_attribute(table, &spec, index, NULL);
}

static void insert_label(struct twin_attribute *attribute, uint32_t label) {
    const uint32_t place = (uint32_t)split_below(&rng, attribute->label_count + 1);
    memmove(attribute->labels + place + 1, attribute->labels + place,
            (attribute->label_count - place) * sizeof *attribute->labels);
    attribute->labels[place] = label;
    attribute->label_count++;
}

static void add_attribute(void) {
    if (attribute_count == ATTRIBUTES) return;
    struct twin_attribute *attribute = &attributes[attribute_count];
    memset(attribute, 0, sizeof *attribute);
    attribute->type = (enum sh_type)split_below(&rng, SH_TYPE_COUNT);
    if (attribute->type == SH_TYPE_DECIMAL) attribute->scale = (uint8_t)split_below(&rng, 10);
    if (attribute->type == SH_TYPE_TIME) attribute->is_date = split_one_in(&rng, 2);
    if (attribute->type == SH_TYPE_ENUM)
        for (uint32_t i = 0; i < 3; i++)
            insert_label(attribute, i);
    uint32_t index = 0;
    enum sh_status status;
    TRY(status, put_attribute(attribute_count, attribute, &index));
    must(status == SH_OK && index == attribute_count, "adding an attribute");
    attribute_count++;
    for (uint32_t row = 0; row < ROWS; row++)
        rows[row].has[index] = false;
}

/* The same attribute again, a longer enum, or one that is not the same. */
static void add_again(void) {
    if (attribute_count == 0) return;
    const uint32_t number = (uint32_t)split_below(&rng, attribute_count);
    struct twin_attribute *attribute = &attributes[number];
    struct twin_attribute changed = *attribute;
    const uint64_t version = sh_table_schema_version(table);
    enum sh_status status;
    if (split_one_in(&rng, 3)) {
        if (changed.type == SH_TYPE_ENUM && split_one_in(&rng, 2)) {
            const uint32_t label = changed.labels[0];
            changed.labels[0] = changed.labels[1];
            changed.labels[1] = label;
        } else {
            changed.type = (changed.type + 1) % SH_TYPE_COUNT;
            changed.is_date = false;
            changed.scale = 0;
            changed.label_count = changed.label_count == 0 ? 1 : changed.label_count;
        }
        TRY(status, put_attribute(number, &changed, NULL));
        must(status == SH_ERR_CONFLICT, "a different attribute is a conflict");
        must(sh_table_schema_version(table) == version, "a refused attribute changed the schema");
        return;
    }
    const bool grows = changed.type == SH_TYPE_ENUM && changed.label_count < LABELS;
    if (grows) insert_label(&changed, changed.label_count);
    uint32_t index = UINT32_MAX;
    TRY(status, put_attribute(number, &changed, &index));
    must(status == SH_OK && index == number, "adding the same attribute again");
    must((sh_table_schema_version(table) != version) == grows, "the schema's version");
    *attribute = changed;
}

static void add_tag_set(void) {
    if (tag_set_count == TAG_SETS) return;
    uint32_t index = 0;
    enum sh_status status;
    TRY(status, sh_table_add_tag_set(table, name_of("tags", tag_set_count), &index, NULL));
    must(status == SH_OK && index == tag_set_count, "adding a tag set");
    for (uint32_t row = 0; row < ROWS; row++)
        memset(rows[row].tags[index], 0, sizeof rows[row].tags[index]);
    tag_set_count++;
}

/* ---- Rows ---- */

static void intern_row(uint32_t number) {
    struct twin_row *row = &rows[number];
    const struct sh_text id = id_of(number);
    uint32_t slot = 0;
    bool created = false;
    enum sh_status status;
    sh_table_prefetch(table, sh_id_hash(id));
    sh_table_prefetch_row(table, sh_id_hash(id));
    TRY(status, sh_table_intern(table, id, sh_id_hash(id), &slot, &created, NULL));
    must(status == SH_OK, "intern");
    must(created == !row->is_live, "whether the row is new");
    must(!row->is_live || slot == row->slot, "a row has another slot");
    if (created) {
        must(forgotten_at[slot] == 0, "a slot in quarantine was given out");
        memset(row, 0, sizeof *row);
        row->is_live = true;
        row->slot = slot;
    }
}

static void forget_row(uint32_t number) {
    struct twin_row *row = &rows[number];
    if (!row->is_live) return;
    sequence += split_below(&rng, 3);
    if (sequence == 0) sequence = 1;
    enum sh_status status;
    TRY(status, sh_table_forget(table, row->slot, sequence));
    must(status == SH_OK, "forget");
    forgotten_at[row->slot] = sequence;
    row->is_live = false;
    must(sh_table_find(table, id_of(number)) == SH_SLOT_NONE, "a forgotten id is found");
    must(sh_table_id(table, row->slot).count == 0, "a forgotten slot has an id");
}

static void allow_reuse(void) {
    const uint64_t before = split_below(&rng, sequence + 2);
    sh_table_reuse_before(table, before);
    for (uint32_t slot = 0; slot < ROWS * STEPS; slot++)
        if (forgotten_at[slot] < before) forgotten_at[slot] = 0;
}

/* ---- Values ---- */

static int64_t random_value(uint32_t number) {
    const struct twin_attribute *attribute = &attributes[number];
    switch (attribute->type) {
    case SH_TYPE_BOOL:
        return (int64_t)split_below(&rng, 2);
    case SH_TYPE_INT:
        return split_one_in(&rng, 50) ? (int64_t)split_next(&rng) : (int64_t)split_length(&rng, 100000);
    case SH_TYPE_DECIMAL:
        return (int64_t)split_length(&rng, 1000000) - 500;
    case SH_TYPE_TIME:
        return attribute->is_date ? ((int64_t)split_below(&rng, 40000) - 20000) * 86400000
                                  : 1700000000000 + (int64_t)split_length(&rng, 10000000000);
    case SH_TYPE_ENUM:
        return attribute->labels[split_below(&rng, attribute->label_count)];
    case SH_TYPE_STRING:
        return (int64_t)split_length(&rng, number % 2 == 0 ? 50 : 20000);
    }
    return 0;
}

static bool has_texts(uint32_t number) {
    return attributes[number].type == SH_TYPE_ENUM || attributes[number].type == SH_TYPE_STRING;
}

static struct sh_text value_text(uint32_t number, int64_t value) {
    return name_of(attributes[number].type == SH_TYPE_ENUM ? "label" : "文", (uint32_t)value);
}

static void set_value(struct twin_row *row, uint32_t number, int64_t value) {
    int64_t canonical = value;
    enum sh_status status;
    if (has_texts(number)) {
        uint32_t code = 0;
        TRY(status, sh_table_text_code(table, number, value_text(number, value), &code, NULL));
        must(status == SH_OK, "the code of a text");
        canonical = code;
    }
    must(sh_value_check(sh_table_attribute(table, number), canonical, NULL) == SH_OK, "a value is refused");
    TRY(status, sh_table_set(table, row->slot, number, canonical));
    must(status == SH_OK, "set");
    row->has[number] = true;
    row->value[number] = value;
}

static void change_values(void) {
    for (uint64_t i = split_length(&rng, 2000); i > 0 && attribute_count > 0; i--) {
        struct twin_row *row = &rows[split_below(&rng, ROWS)];
        if (!row->is_live) continue;
        const uint32_t number = (uint32_t)split_below(&rng, attribute_count);
        if (!split_one_in(&rng, 5)) {
            set_value(row, number, random_value(number));
            continue;
        }
        enum sh_status status;
        TRY(status, sh_table_clear(table, row->slot, number));
        must(status == SH_OK, "clear");
        row->has[number] = false;
    }
}

/* ---- Tags ---- */

static uint32_t tag_code(uint32_t set, uint32_t tag) {
    uint32_t code = 0;
    enum sh_status status;
    TRY(status, sh_table_tag_code(table, set, name_of("标签", tag), &code, NULL));
    must(status == SH_OK, "the code of a tag");
    return code;
}

static void replace_tags(struct twin_row *row, uint32_t set) {
    uint32_t codes[TAGS];
    uint32_t count = 0;
    memset(row->tags[set], 0, sizeof row->tags[set]);
    for (uint64_t i = split_one_in(&rng, 4) ? 0 : split_length(&rng, split_one_in(&rng, 10) ? TAGS : 6); i > 0; i--) {
        const uint32_t tag = (uint32_t)split_length(&rng, TAGS);
        row->tags[set][tag] = true;
        codes[count++] = tag_code(set, tag);
    }
    enum sh_status status;
    TRY(status, sh_table_tags_set(table, row->slot, set, codes, count));
    must(status == SH_OK, "setting tags");
}

static void change_tags(void) {
    for (uint64_t i = split_length(&rng, 2000); i > 0 && tag_set_count > 0; i--) {
        struct twin_row *row = &rows[split_below(&rng, ROWS)];
        if (!row->is_live) continue;
        const uint32_t set = (uint32_t)split_below(&rng, tag_set_count);
        const uint32_t tag = (uint32_t)split_length(&rng, TAGS);
        enum sh_status status;
        switch (split_below(&rng, 4)) {
        case 0:
            replace_tags(row, set);
            break;
        case 1: {
            const uint32_t code = tag_code(set, tag);
            TRY(status, sh_table_tag_remove(table, row->slot, set, code));
            must(status == SH_OK, "removing a tag");
            row->tags[set][tag] = false;
            break;
        }
        default: {
            const uint32_t code = tag_code(set, tag);
            TRY(status, sh_table_tag_add(table, row->slot, set, code));
            must(status == SH_OK, "adding a tag");
            row->tags[set][tag] = true;
            break;
        }
        }
    }
}

/* ---- Comparing ---- */

static void compare_row(uint32_t number) {
    const struct twin_row *row = &rows[number];
    const uint32_t slot = sh_table_find(table, id_of(number));
    must(slot == (row->is_live ? row->slot : SH_SLOT_NONE), "an id finds another slot");
    if (!row->is_live) return;
    must(sh_text_equal(sh_table_id(table, slot), id_of(number)), "a slot has another id");
    for (uint32_t i = 0; i < attribute_count; i++) {
        int64_t value = 0;
        must(sh_table_get(table, slot, i, &value) == row->has[i], "a value is missing, or is not");
        if (!row->has[i]) continue;
        if (!has_texts(i)) {
            must(value == row->value[i], "a value differs");
            continue;
        }
        const struct sh_attribute *attribute = sh_table_attribute(table, i);
        must(sh_text_equal(sh_attribute_text(attribute, (uint32_t)value), value_text(i, row->value[i])),
             "a text differs");
    }
    for (uint32_t set = 0; set < tag_set_count; set++) {
        struct sh_tag_list list;
        sh_table_tags(table, slot, set, &list);
        uint32_t count = 0;
        for (uint32_t tag = 0; tag < TAGS; tag++) {
            if (!row->tags[set][tag]) continue;
            count++;
            const uint32_t code = sh_table_find_tag(table, set, name_of("标签", tag));
            must(code != SH_CODE_NONE && sh_table_has_tag(table, slot, set, code), "a tag is lost");
        }
        must(list.count == count, "a row has other tags");
    }
}

static void compare_counts(void) {
    uint64_t live_count = 0;
    for (uint32_t number = 0; number < ROWS; number++)
        live_count += rows[number].is_live;
    must(sh_bitmap_count(sh_table_live(table)) == live_count, "the live count differs");
    for (uint32_t i = 0; i < attribute_count; i++) {
        const struct sh_attribute *attribute = sh_table_attribute(table, i);
        uint64_t count = 0;
        uint64_t same = 0;
        const int64_t wanted = random_value(i);
        for (uint32_t number = 0; number < ROWS; number++) {
            if (!rows[number].is_live || !rows[number].has[i]) continue;
            count++;
            same += rows[number].value[i] == wanted;
        }
        must(sh_attribute_present_count(attribute) == count, "the count of present values differs");
        if (!attribute->has_value_bitmaps) continue;
        int64_t code = wanted;
        if (has_texts(i)) code = sh_attribute_find_code(attribute, value_text(i, wanted));
        const struct sh_bitmap *slots = code == SH_CODE_NONE ? NULL : sh_attribute_value_slots(attribute, code);
        must((slots == NULL ? 0 : sh_bitmap_count(slots)) == same, "the kept count of a value differs");
    }
    for (uint32_t set = 0; set < tag_set_count; set++) {
        uint64_t words[SH_BLOCK_WORDS];
        sh_table_tagged_block(table, set, 0, words);
        for (uint32_t number = 0; number < ROWS; number++) {
            if (!rows[number].is_live || rows[number].slot >= SH_BLOCK_SLOTS) continue;
            const bool tagged = memchr(rows[number].tags[set], 1, TAGS) != NULL;
            must((words[rows[number].slot / 64] >> (rows[number].slot % 64) & 1) == tagged, "tagged slots differ");
        }
    }
}

/* An enum's code is not its rank. */
static void compare_ranks(void) {
    for (uint32_t i = 0; i < attribute_count; i++) {
        if (attributes[i].type != SH_TYPE_ENUM) continue;
        const struct sh_attribute *attribute = sh_table_attribute(table, i);
        must(attribute->texts.count == attributes[i].label_count, "an enum has another number of labels");
        for (uint32_t rank = 0; rank < attributes[i].label_count; rank++) {
            const struct sh_text label = value_text(i, attributes[i].labels[rank]);
            must(sh_text_equal(sh_attribute_text(attribute, attribute->code_of_rank[rank]), label), "a rank differs");
        }
    }
}

static void save_table(const void *thing, struct sh_archive_writer *writer) {
    sh_table_save(*(struct sh_table *const *)thing, writer);
}
static enum sh_status load_table(void *thing, struct sh_archive_reader *reader) {
    return sh_table_load(thing, reader);
}
static bool check_table(const void *thing, const char **reason) {
    return sh_table_check(*(struct sh_table *const *)thing, reason);
}
static void destroy_table(void *thing) {
    sh_table_destroy(*(struct sh_table **)thing);
}

/* The changes go on with the table that was loaded. */
static void save_and_load(void) {
    struct sh_table *back;
    struct sh_buffer first, second;
    const struct archive_rig rig = {save_table, load_table, check_table, destroy_table, &back};
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
    const char *fault = rig_round_trip(&rig, &table, &first, &second);
    must(fault == NULL, fault);
    sh_table_destroy(table);
    table = back;
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
}

static void change(void) {
    switch (split_below(&rng, 11)) {
    case 0:
        doing = "add an attribute";
        add_attribute();
        break;
    case 1:
        doing = "add an attribute again";
        add_again();
        break;
    case 2:
        doing = "add a tag set";
        add_tag_set();
        break;
    case 3:
        doing = "forget";
        for (uint64_t i = split_length(&rng, 500); i > 0; i--)
            forget_row((uint32_t)split_below(&rng, ROWS));
        break;
    case 4:
        doing = "allow reuse";
        allow_reuse();
        break;
    case 5:
    case 6:
        doing = "intern";
        for (uint64_t i = split_length(&rng, ROWS); i > 0; i--)
            intern_row((uint32_t)split_below(&rng, ROWS));
        break;
    case 7:
        doing = "change tags";
        change_tags();
        break;
    case 8:
        doing = "save and load";
        save_and_load();
        break;
    default:
        doing = "change values";
        change_values();
        break;
    }
}

int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    table_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 20;
    rng.state = seed;
    for (current_table = 0; current_table < table_count; current_table++) {
        table = sh_table_create();
        memset(rows, 0, sizeof rows);
        memset(forgotten_at, 0, sizeof forgotten_at);
        attribute_count = 0;
        tag_set_count = 0;
        sequence = 0;
        for (step = 0; step < STEPS; step++) {
            change();
            const char *reason = NULL;
            must(sh_table_check(table, &reason), reason);
            for (uint32_t i = 0; i < 300; i++)
                compare_row((uint32_t)split_below(&rng, ROWS));
            compare_counts();
            compare_ranks();
        }
        sh_table_destroy(table);
        must(sh_memory_bytes() == 0, "memory is left");
    }
    printf("%llu tables agree\n", (unsigned long long)table_count);
    return 0;
}
