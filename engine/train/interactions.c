/* interactions.c -- gathering rows, and bringing them into the one order that training reads. */
#include "interactions.h"

#include <string.h>

#include "bounds.h"
#include "hash.h"
#include "memory.h"

enum { PLACE_COUNT_FIRST = 1024 };

void sh_interactions_init(struct sh_interactions *interactions) {
    *interactions = (struct sh_interactions){.user_count = 0};
}

void sh_interactions_deinit(struct sh_interactions *interactions) {
    void *const all[] = {interactions->keys,    interactions->row_begin, interactions->rows,
                         interactions->columns, interactions->item_sums, interactions->column_begin,
                         interactions->names,   interactions->places,    interactions->name_begin};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        sh_free(all[i]);
    sh_interactions_init(interactions);
}

struct sh_text sh_interactions_name(const struct sh_interactions *interactions, uint32_t item) {
    const uint32_t begin = interactions->name_begin[item];
    return (struct sh_text){interactions->names + begin, interactions->name_begin[item + 1] - begin};
}

/* ---- Gathering ---- */

static uint32_t *find_place(const struct sh_interactions *interactions, struct sh_text id) {
    const uint32_t mask = interactions->place_count - 1;
    uint32_t place = (uint32_t)sh_hash_text(id) & mask;
    while (interactions->places[place] != 0 &&
           !sh_text_equal(sh_interactions_name(interactions, interactions->places[place] - 1), id))
        place = (place + 1) & mask;
    return &interactions->places[place];
}

/* Places for one item more: at most half of them are taken. */
static enum sh_status places_reserve(struct sh_interactions *interactions) {
    if (interactions->place_count >= 2 * ((uint64_t)interactions->item_count + 1)) return SH_OK;
    const uint32_t count = interactions->place_count == 0 ? PLACE_COUNT_FIRST : 2 * interactions->place_count;
    uint32_t *places = sh_alloc_zero(count * sizeof *places);
    if (places == NULL) return SH_ERR_MEMORY;
    sh_free(interactions->places);
    interactions->places = places;
    interactions->place_count = count;
    for (uint32_t item = 0; item < interactions->item_count; item++)
        *find_place(interactions, sh_interactions_name(interactions, item)) = item + 1;
    return SH_OK;
}

static enum sh_status add_name(struct sh_interactions *interactions, struct sh_text id) {
    const uint32_t item = interactions->item_count;
    const uint32_t begin = item == 0 ? 0 : interactions->name_begin[item];
    if (item == SH_TRAIN_ITEM_COUNT_MAX) return SH_ERR_LIMIT;
    enum sh_status status =
        sh_grow((void **)&interactions->names, &interactions->name_capacity, (uint64_t)begin + id.count, 1);
    if (status != SH_OK) return status;
    status = sh_grow((void **)&interactions->name_begin, &interactions->name_begin_capacity, (uint64_t)item + 2,
                     sizeof *interactions->name_begin);
    if (status != SH_OK) return status;
    memcpy(interactions->names + begin, id.bytes, id.count);
    interactions->name_begin[item] = begin;
    interactions->name_begin[item + 1] = begin + id.count;
    interactions->item_count++;
    return SH_OK;
}

enum sh_status sh_interactions_item(struct sh_interactions *interactions, struct sh_text id, uint32_t *number) {
    enum sh_status status = places_reserve(interactions);
    if (status != SH_OK) return status;
    uint32_t *place = find_place(interactions, id);
    if (*place == 0) {
        if ((status = add_name(interactions, id)) != SH_OK) return status;
        *place = interactions->item_count;
    }
    *number = *place - 1;
    return SH_OK;
}

enum sh_status sh_interactions_user(struct sh_interactions *interactions, uint64_t key) {
    const uint32_t user = interactions->user_count;
    enum sh_status status = sh_grow((void **)&interactions->keys, &interactions->key_capacity, (uint64_t)user + 1,
                                    sizeof *interactions->keys);
    if (status != SH_OK) return status;
    status = sh_grow((void **)&interactions->row_begin, &interactions->row_begin_capacity, (uint64_t)user + 2,
                     sizeof *interactions->row_begin);
    if (status != SH_OK) return status;
    interactions->keys[user] = key;
    interactions->row_begin[user] = interactions->entry_count;
    interactions->row_begin[user + 1] = interactions->entry_count;
    interactions->user_count++;
    return SH_OK;
}

enum sh_status sh_interactions_add(struct sh_interactions *interactions, uint32_t number, float weight) {
    sh_assert(interactions->user_count > 0);
    sh_assert(number < interactions->item_count);
    sh_assert(weight > 0);
    if (interactions->entry_count == SH_TRAIN_ENTRY_COUNT_MAX) return SH_ERR_LIMIT;
    const enum sh_status status = sh_grow((void **)&interactions->rows, &interactions->row_capacity,
                                          (uint64_t)interactions->entry_count + 1, sizeof *interactions->rows);
    if (status != SH_OK) return status;
    interactions->rows[interactions->entry_count++] = (struct sh_entry){number, weight};
    interactions->row_begin[interactions->user_count] = interactions->entry_count;
    return SH_OK;
}

/* ---- Into order ---- */

struct named {
    struct sh_text name;
    uint32_t item;
    bool is_used;
};
struct keyed {
    uint64_t key;
    uint32_t user;
};

static int by_name(const void *left, const void *right) {
    const struct named *a = left;
    const struct named *b = right;
    return sh_text_compare(a->name, b->name);
}

static int by_key(const void *left, const void *right) {
    const struct keyed *a = left;
    const struct keyed *b = right;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return a->user < b->user ? -1 : a->user > b->user;
}

static int by_number(const void *left, const void *right) {
    const struct sh_entry *a = left;
    const struct sh_entry *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

static void *array_of(uint64_t count, size_t element_bytes) {
    return sh_alloc_zero((count + 1) * element_bytes);
}

/* Items by id, those without entries left out. */
static enum sh_status order_items(struct sh_interactions *interactions) {
    const uint32_t old_count = interactions->item_count;
    const uint32_t byte_count = old_count == 0 ? 0 : interactions->name_begin[old_count];
    struct named *named = array_of(old_count, sizeof *named);
    uint32_t *numbers = array_of(old_count, sizeof *numbers);
    char *names = array_of(byte_count, 1);
    uint32_t *name_begin = array_of(old_count, sizeof *name_begin);
    const bool is_there = named != NULL && numbers != NULL && names != NULL && name_begin != NULL;
    if (is_there) {
        uint32_t count = 0;
        uint32_t at = 0;
        for (uint32_t item = 0; item < old_count; item++)
            named[item] = (struct named){sh_interactions_name(interactions, item), item, false};
        for (uint32_t i = 0; i < interactions->entry_count; i++)
            named[interactions->rows[i].number].is_used = true;
        qsort(named, old_count, sizeof *named, by_name);
        for (uint32_t i = 0; i < old_count; i++) {
            if (!named[i].is_used) continue;
            memcpy(names + at, named[i].name.bytes, named[i].name.count);
            name_begin[count] = at;
            at += named[i].name.count;
            numbers[named[i].item] = count++;
        }
        name_begin[count] = at;
        for (uint32_t i = 0; i < interactions->entry_count; i++)
            interactions->rows[i].number = numbers[interactions->rows[i].number];
        sh_free(interactions->names);
        sh_free(interactions->name_begin);
        interactions->names = names;
        interactions->name_begin = name_begin;
        interactions->item_count = count;
    } else {
        sh_free(names);
        sh_free(name_begin);
    }
    sh_free(named);
    sh_free(numbers);
    return is_there ? SH_OK : SH_ERR_MEMORY;
}

/* Users by key, each row by item. */
static enum sh_status order_users(struct sh_interactions *interactions) {
    struct keyed *keyed = array_of(interactions->user_count, sizeof *keyed);
    struct sh_entry *rows = array_of(interactions->entry_count, sizeof *rows);
    uint32_t *row_begin = array_of(interactions->user_count, sizeof *row_begin);
    const bool is_there = keyed != NULL && rows != NULL && row_begin != NULL;
    if (is_there) {
        uint32_t count = 0;
        uint32_t at = 0;
        for (uint32_t user = 0; user < interactions->user_count; user++)
            keyed[user] = (struct keyed){interactions->keys[user], user};
        qsort(keyed, interactions->user_count, sizeof *keyed, by_key);
        for (uint32_t i = 0; i < interactions->user_count; i++) {
            const uint32_t begin = interactions->row_begin[keyed[i].user];
            const uint32_t row_count = interactions->row_begin[keyed[i].user + 1] - begin;
            if (row_count == 0) continue;
            memcpy(rows + at, interactions->rows + begin, row_count * sizeof *rows);
            qsort(rows + at, row_count, sizeof *rows, by_number);
            interactions->keys[count] = keyed[i].key;
            row_begin[count++] = at;
            at += row_count;
        }
        row_begin[count] = at;
        interactions->user_count = count;
        sh_free(interactions->rows);
        sh_free(interactions->row_begin);
        interactions->rows = rows;
        interactions->row_begin = row_begin;
    } else {
        sh_free(rows);
        sh_free(row_begin);
    }
    sh_free(keyed);
    return is_there ? SH_OK : SH_ERR_MEMORY;
}

static enum sh_status make_columns(struct sh_interactions *interactions) {
    interactions->column_begin = array_of((uint64_t)interactions->item_count + 1, sizeof *interactions->column_begin);
    interactions->columns = array_of(interactions->entry_count, sizeof *interactions->columns);
    interactions->item_sums = array_of(interactions->item_count, sizeof *interactions->item_sums);
    if (interactions->column_begin == NULL || interactions->columns == NULL || interactions->item_sums == NULL)
        return SH_ERR_MEMORY;
    uint32_t *begin = interactions->column_begin; /* first each column's length two places on, then its place one on */
    for (uint32_t i = 0; i < interactions->entry_count; i++)
        begin[interactions->rows[i].number + 2]++;
    for (uint32_t item = 2; item <= interactions->item_count; item++)
        begin[item] += begin[item - 1];
    for (uint32_t user = 0; user < interactions->user_count; user++)
        for (uint32_t i = interactions->row_begin[user]; i < interactions->row_begin[user + 1]; i++) {
            const struct sh_entry entry = interactions->rows[i];
            interactions->columns[begin[entry.number + 1]++] = (struct sh_entry){user, entry.weight};
            interactions->item_sums[entry.number] += (double)entry.weight;
        }
    return SH_OK;
}

enum sh_status sh_interactions_finish(struct sh_interactions *interactions) {
    sh_assert(!interactions->is_finished);
    enum sh_status status = order_items(interactions);
    if (status == SH_OK) status = order_users(interactions);
    if (status == SH_OK) status = make_columns(interactions);
    sh_free(interactions->places);
    interactions->places = NULL;
    interactions->is_finished = status == SH_OK;
    return status;
}
