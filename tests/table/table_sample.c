#include "table_sample.h"

#include <stdio.h>
#include <stdlib.h>

#include "calendar.h"

enum { TAGS = 40, ATTRIBUTE_COUNT = 8 };

static void must_ok(enum sh_status status) {
    if (status == SH_OK) return;
    printf("table_sample: %s\n", sh_status_name(status));
    exit(1);
}

static void add_labels(struct sh_table *table, uint32_t label_count) {
    char bytes[16][16];
    struct sh_text labels[16];
    for (uint32_t i = 0; i < label_count; i++) { /* the newest comes first */
        (void)snprintf(bytes[i], sizeof bytes[i], "l%u", label_count - 1 - i);
        labels[i] = sh_text_of(bytes[i]);
    }
    const struct sh_attribute_spec spec = {
        .name = SH_TEXT_LITERAL("tier"), .type = SH_TYPE_ENUM, .labels = labels, .label_count = label_count};
    must_ok(sh_table_add_attribute(table, &spec, NULL, NULL));
}

struct sh_table *sample_create(void) {
    struct sh_table *table = sh_table_create();
    if (table == NULL) exit(1);
    const struct sh_attribute_spec specs[ATTRIBUTE_COUNT - 1] = {
        {.name = SH_TEXT_LITERAL("vip"), .type = SH_TYPE_BOOL},
        {.name = SH_TEXT_LITERAL("age"), .type = SH_TYPE_INT},
        {.name = SH_TEXT_LITERAL("paid"), .type = SH_TYPE_DECIMAL, .scale = 2},
        {.name = SH_TEXT_LITERAL("seen"), .type = SH_TYPE_TIME},
        {.name = SH_TEXT_LITERAL("birthday"), .type = SH_TYPE_TIME, .is_date = true},
        {.name = SH_TEXT_LITERAL("city"), .type = SH_TYPE_STRING},
        {.name = SH_TEXT_LITERAL("note"), .type = SH_TYPE_STRING},
    };
    for (uint32_t i = 0; i < ATTRIBUTE_COUNT - 1; i++)
        must_ok(sh_table_add_attribute(table, &specs[i], NULL, NULL));
    add_labels(table, 3);
    must_ok(sh_table_add_tag_set(table, SH_TEXT_LITERAL("interests"), NULL, NULL));
    must_ok(sh_table_add_tag_set(table, SH_TEXT_LITERAL("campaigns"), NULL, NULL));
    return table;
}

static struct sh_text id_of(uint64_t number, char *bytes) {
    int count = snprintf(bytes, SH_ID_BYTES_MAX + 1, "u-%llu", (unsigned long long)number);
    if (number % 7 == 0)
        while (count < 20 + (int)(number % 30))
            bytes[count++] = 'x';
    return (struct sh_text){.bytes = bytes, .count = (uint32_t)count};
}

static int64_t random_value(struct sh_table *table, struct split_random *rng, uint32_t attribute) {
    char bytes[32];
    uint32_t code;
    switch (attribute) {
    case 0:
        return (int64_t)split_below(rng, 2);
    case 1:
        return 13 + (int64_t)split_below(rng, 80);
    case 2:
        return (int64_t)split_length(rng, UINT64_C(1) << 40) - 1000;
    case 3:
        return 1700000000000 + (int64_t)split_below(rng, 1000000000);
    case 4:
        return (int64_t)split_below(rng, 20000) * SH_DAY_MS;
    case 5:
    case 6:
        (void)snprintf(bytes, sizeof bytes, "%s%llu", attribute == 5 ? "城" : "note-",
                       (unsigned long long)split_below(rng, attribute == 5 ? 30 : 20000));
        must_ok(sh_table_text_code(table, attribute, sh_text_of(bytes), &code, NULL));
        return code;
    default:
        return (int64_t)split_below(rng, 3);
    }
}

static void change_tags(struct sh_table *table, struct split_random *rng, uint32_t slot) {
    const uint32_t set = (uint32_t)split_below(rng, 2);
    uint32_t tags[12];
    const uint32_t count = (uint32_t)split_length(rng, 12);
    for (uint32_t i = 0; i < count; i++) {
        char bytes[16];
        (void)snprintf(bytes, sizeof bytes, "t%llu", (unsigned long long)split_below(rng, TAGS));
        must_ok(sh_table_tag_code(table, set, sh_text_of(bytes), &tags[i], NULL));
    }
    if (split_one_in(rng, 2)) must_ok(sh_table_tags_set(table, slot, set, tags, count));
    for (uint32_t i = 0; i < count && split_one_in(rng, 2); i++) /* few instants, so that many end at one */
        must_ok(sh_table_tag_add_until(table, slot, set, tags[i], 1000 + (int64_t)split_below(rng, 20)));
}

void sample_change(struct sh_table *table, struct split_random *rng, uint32_t row_count, uint32_t count,
                   uint32_t turn) {
    enum { SEQUENCES = 20 }; /* of one turn */
    for (uint32_t step = 0; step < count; step++) {
        char bytes[SH_ID_BYTES_MAX + 1];
        uint32_t slot;
        const struct sh_text id = id_of(split_below(rng, row_count), bytes);
        const uint64_t what = split_below(rng, 100);
        if (what < 2) {
            sh_table_reuse_before(table, turn * SEQUENCES + split_below(rng, SEQUENCES + 10));
        } else if (what < 4) {
            (void)sh_table_expire(table, 1000 + (int64_t)split_below(rng, 20), 3);
        } else if (what < 5 && split_one_in(rng, 100)) {
            add_labels(table, 3 + (uint32_t)(sh_table_schema_version(table) % 8));
        } else if (what < 12) {
            slot = sh_table_find(table, id);
            if (slot != SH_SLOT_NONE)
                must_ok(sh_table_forget(table, slot, turn * SEQUENCES + step / (count / SEQUENCES + 1)));
        } else {
            must_ok(sh_table_intern(table, id, sh_id_hash(id), &slot, NULL, NULL));
            const uint32_t attribute = (uint32_t)split_below(rng, ATTRIBUTE_COUNT);
            if (split_one_in(rng, 8))
                must_ok(sh_table_clear(table, slot, attribute));
            else
                must_ok(sh_table_set(table, slot, attribute, random_value(table, rng, attribute)));
            change_tags(table, rng, slot);
        }
    }
}
