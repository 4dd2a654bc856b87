#include "bench_shop.h"

#include <stdio.h>
#include <stdlib.h>

#include "hash.h"

static void must(enum sh_status status) {
    if (status != SH_OK) abort();
}

uint32_t bench_skewed(uint64_t mix, uint32_t count) {
    const double share = (double)(mix >> 11) / 9007199254740992.0;
    return (uint32_t)(share * share * count);
}

uint32_t bench_intern(struct sh_table *table, const char *prefix, uint32_t number) {
    char id[32];
    uint32_t slot;
    const int count = snprintf(id, sizeof id, "%s-%06u", prefix, number);
    const struct sh_text text = {id, (uint32_t)count};
    must(sh_table_intern(table, text, sh_id_hash(text), &slot, NULL, NULL));
    return slot;
}

void bench_add_tag(struct sh_table *table, uint32_t slot, uint32_t number) {
    char name[32];
    uint32_t tag;
    const int count = snprintf(name, sizeof name, "word-%u", number);
    must(sh_table_tag_code(table, 0, (struct sh_text){name, (uint32_t)count}, &tag, NULL));
    must(sh_table_tag_add(table, slot, 0, tag));
}

void bench_make_items(struct sh_table *items, uint32_t item_count) {
    const struct sh_attribute_spec category = {.name = SH_TEXT_LITERAL("category"), .type = SH_TYPE_STRING};
    must(sh_table_add_tag_set(items, SH_TEXT_LITERAL("tags"), NULL, NULL));
    must(sh_table_add_attribute(items, &category, NULL, NULL));
    for (uint32_t i = 0; i < item_count; i++) {
        const uint32_t item = bench_intern(items, "item", i);
        if (item != i) abort();
        for (uint32_t t = 0; t < BENCH_TAGS_AN_ITEM; t++)
            bench_add_tag(items, item, bench_skewed(sh_hash_mix(i + 1, t + 3), BENCH_TAGS));
        char name[32];
        uint32_t code;
        const int count =
            snprintf(name, sizeof name, "category-%u", (uint32_t)(sh_hash_mix(i + 1, 99) % BENCH_CATEGORIES));
        must(sh_table_text_code(items, 0, (struct sh_text){name, (uint32_t)count}, &code, NULL));
        must(sh_table_set(items, item, 0, code));
    }
}
