#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "memory.h"

enum { NAMES_TABLE_MIN = 1024 };

void names_free(struct names *names) {
    for (uint32_t i = 0; i < names->count; i++)
        free(names->texts[i]);
    sh_free(names->texts);
    sh_free(names->table);
    *names = (struct names){.count = 0};
}

static uint32_t names_place(const struct names *names, struct sh_text text) {
    const uint32_t mask = names->table_capacity - 1;
    uint32_t place = (uint32_t)sh_hash_text(text) & mask;
    while (names->table[place] != 0 && !sh_text_equal(sh_text_of(names->texts[names->table[place] - 1]), text))
        place = (place + 1) & mask;
    return place;
}

static enum sh_status names_grow(struct names *names) {
    if (names->count < names->table_capacity / 2) return SH_OK;
    const uint32_t capacity = names->table_capacity == 0 ? NAMES_TABLE_MIN : 2 * names->table_capacity;
    uint32_t *table = sh_alloc_zero(capacity * sizeof *table);
    if (table == NULL) return SH_ERR_MEMORY;
    sh_free(names->table);
    names->table = table;
    names->table_capacity = capacity;
    for (uint32_t i = 0; i < names->count; i++)
        table[names_place(names, sh_text_of(names->texts[i]))] = i + 1;
    return SH_OK;
}

enum sh_status names_number(struct names *names, struct sh_text text, uint32_t *number) {
    if (names_grow(names) != SH_OK ||
        sh_grow((void **)&names->texts, &names->capacity, (uint64_t)names->count + 1, sizeof *names->texts) != SH_OK)
        return SH_ERR_MEMORY;
    const uint32_t place = names_place(names, text);
    if (names->table[place] == 0) {
        char *copy = strndup(text.bytes, text.count);
        if (copy == NULL) return SH_ERR_MEMORY;
        names->texts[names->count++] = copy;
        names->table[place] = names->count;
    }
    *number = names->table[place] - 1;
    return SH_OK;
}

bool names_find(const struct names *names, struct sh_text text, uint32_t *number) {
    if (names->table_capacity == 0) return false;
    const uint32_t place = names_place(names, text);
    *number = names->table[place] - 1;
    return names->table[place] != 0;
}
