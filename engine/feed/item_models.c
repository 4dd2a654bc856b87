/* item_models.c -- plans, parts that come in, and the change from one table to the next. */
#include <math.h>
#include <string.h>

#include "calendar.h"
#include "item_models_private.h"
#include "memory.h"

#define GRAM_VALUE_MAX 1e18f /* SH_TRAIN_ITEM_COUNT_MAX rows of the largest values */

struct sh_item_models *sh_item_models_create(void) {
    return sh_alloc_zero(sizeof(struct sh_item_models));
}

void item_table_deinit(struct item_table *table) {
    void *const all[] = {table->slots, table->gram,  table->rows,   table->lanes,
                         table->has,   table->begin, table->entries};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        sh_free(all[i]);
    *table = (struct item_table){.part = 0};
}

void sh_item_models_destroy(struct sh_item_models *models) {
    if (models == NULL) return;
    for (uint32_t i = 0; i < SH_TRAIN_METHOD_COUNT; i++) {
        item_table_deinit(&models->models[i].table);
        item_table_deinit(&models->models[i].coming);
    }
    sh_free(models);
}

/* Sums over these stay finite, and so do scores. */
static bool number_is_good(float number) {
    return number >= (float)-SH_MODEL_VALUE_MAX && number <= (float)SH_MODEL_VALUE_MAX;
}

static bool has_factors(const struct item_table *table) {
    return sh_train_makes_factors(table->head.spec.method);
}

/* ---- Plans ---- */

void sh_item_models_plan(struct sh_item_models *models, const struct sh_train_spec *spec, uint32_t every_hours,
                         int64_t now_ms) {
    models->models[spec->method].plan = (struct sh_model_plan){
        .spec = *spec, .number = ++models->last_number, .asked_ms = now_ms, .every_hours = every_hours};
}

const struct sh_model_plan *sh_item_models_planned(const struct sh_item_models *models, enum sh_train_method method) {
    return &models->models[method].plan;
}

bool sh_item_models_is_due(const struct sh_item_models *models, enum sh_train_method method, int64_t now_ms) {
    const struct item_model *model = &models->models[method];
    if (model->plan.number == 0) return false;
    if (model->done_number != model->plan.number) return true;
    const int64_t every_ms = (int64_t)model->plan.every_hours * (SH_DAY_MS / 24);
    return every_ms > 0 && now_ms - model->done_ms >= every_ms;
}

static void note_done(struct item_model *model, uint64_t number, struct sh_text fault, int64_t now_ms) {
    model->done_number = number;
    model->done_ms = now_ms;
    model->fault_count = fault.count < SH_MODEL_FAULT_BYTES_MAX ? fault.count : SH_MODEL_FAULT_BYTES_MAX;
    memset(model->fault, 0, sizeof model->fault);
    if (fault.count > 0) memcpy(model->fault, fault.bytes, model->fault_count);
}

void sh_item_models_fail(struct sh_item_models *models, enum sh_train_method method, uint64_t number,
                         struct sh_text fault, int64_t now_ms) {
    struct item_model *model = &models->models[method];
    if (number == model->plan.number) note_done(model, number, fault, now_ms);
}

/* ---- Parts ---- */

bool item_gram_is_good(const float *gram, uint32_t dimension) {
    for (size_t i = 0; gram != NULL && i < (size_t)dimension * dimension; i++)
        if (!(gram[i] >= -GRAM_VALUE_MAX && gram[i] <= GRAM_VALUE_MAX)) return false; /* what is no number, too */
    return true;
}

enum sh_status item_head_check(const struct sh_model_head *head, struct sh_error *err) {
    const bool of_factors = sh_train_makes_factors(head->spec.method);
    enum sh_status status = sh_train_spec_check(&head->spec, err);
    if (status != SH_OK) return status;
    if (head->number == 0 || head->item_count == 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a table has a number and items");
    if (!(head->scale >= 1 / SH_MODEL_VALUE_MAX && head->scale <= SH_MODEL_VALUE_MAX))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`scale` is 0.000001 to 1,000,000");
    if (of_factors && !(head->fold_base >= 0 && head->fold_base < INFINITY))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`base` is from 0");
    if (of_factors && !item_gram_is_good(head->gram, head->spec.dimension))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a number of `gram` is none, or beyond 1e18");
    const uint64_t byte_count = of_factors ? (uint64_t)head->item_count * head->spec.dimension * sizeof(float)
                                           : (uint64_t)head->entry_count * sizeof(struct sh_entry);
    if (head->item_count <= SH_TRAIN_ITEM_COUNT_MAX && byte_count <= SH_MODEL_BYTES_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_LIMIT, -1, "a table has at most %d items and %d MiB", (int)SH_TRAIN_ITEM_COUNT_MAX,
                   (int)(SH_MODEL_BYTES_MAX >> 20));
}

enum sh_status item_table_begin(struct item_table *table, const struct sh_model_head *head, uint32_t part_count) {
    const size_t gram_bytes = (size_t)head->spec.dimension * head->spec.dimension * sizeof(float);
    *table = (struct item_table){.head = *head, .part_count = part_count};
    table->head.gram = NULL;
    if (!has_factors(table)) return item_table_reserve(table, 0, 0);
    table->gram = sh_alloc(gram_bytes);
    if (table->gram == NULL) return SH_ERR_MEMORY;
    memcpy(table->gram, head->gram, gram_bytes);
    return item_table_reserve(table, 0, 0);
}

enum sh_status item_table_reserve(struct item_table *table, uint32_t row_count, uint32_t entry_count) {
    enum sh_status status =
        sh_grow((void **)&table->slots, &table->slot_capacity, (uint64_t)row_count + 1, sizeof *table->slots);
    if (status != SH_OK) return status;
    if (has_factors(table))
        return sh_grow((void **)&table->rows, &table->row_capacity, (uint64_t)row_count + 1,
                       table->head.spec.dimension * sizeof *table->rows);
    const bool is_first = table->begin == NULL;
    status = sh_grow((void **)&table->begin, &table->begin_capacity, (uint64_t)row_count + 1, sizeof *table->begin);
    if (status != SH_OK) return status;
    if (is_first) table->begin[0] = 0;
    return sh_grow((void **)&table->entries, &table->entry_capacity, (uint64_t)entry_count + 1, sizeof *table->entries);
}

static enum sh_status refuse(struct sh_error *err, const char *words) {
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s", words);
}

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "there is no memory for the table");
}

static enum sh_status take_factors(struct item_table *table, const struct sh_model_part *part, struct sh_error *err) {
    const size_t row_bytes = table->head.spec.dimension * sizeof(float);
    if (part->row_bytes != part->item_count * row_bytes) return refuse(err, "`rows` are not as many as `items`");
    if (item_table_reserve(table, table->row_count + part->item_count, 0) != SH_OK) return no_memory(err);
    float *rows = table->rows + (size_t)table->row_count * table->head.spec.dimension;
    memcpy(rows, part->rows, part->row_bytes);
    for (size_t i = 0; i < part->row_bytes / sizeof(float); i++)
        if (!number_is_good(rows[i])) return refuse(err, "a number of `rows` is not -1,000,000 to 1,000,000");
    return SH_OK;
}

static enum sh_status take_lists(struct item_table *table, const struct sh_model_part *part, struct sh_error *err) {
    const uint8_t *at = part->rows;
    const uint8_t *const end = at + part->row_bytes;
    uint32_t used = table->entries_used;
    const uint64_t most = used + (uint64_t)(part->row_bytes / sizeof(struct sh_entry));
    const uint32_t room = most < table->head.entry_count ? (uint32_t)most : table->head.entry_count;
    if (item_table_reserve(table, table->row_count + part->item_count, room) != SH_OK) return no_memory(err);
    for (uint32_t i = 0; i < part->item_count; i++) {
        uint32_t count;
        if ((size_t)(end - at) < sizeof count) return refuse(err, "`rows` end within a row");
        memcpy(&count, at, sizeof count);
        at += sizeof count;
        if (count > table->head.entry_count - used || count > (size_t)(end - at) / sizeof(struct sh_entry))
            return refuse(err, "`rows` have more entries than there are to be");
        if (count > 0) memcpy(table->entries + used, at, count * sizeof(struct sh_entry));
        at += count * sizeof(struct sh_entry);
        for (uint32_t k = used; k < used + count; k++)
            if (table->entries[k].number >= table->head.item_count || !number_is_good(table->entries[k].weight))
                return refuse(err, "an entry of `rows` is of no item, or its weight not -1,000,000 to 1,000,000");
        used += count;
        table->begin[table->row_count + i + 1] = used;
    }
    if (at != end) return refuse(err, "`rows` are more than `items`");
    table->entries_used = used;
    return SH_OK;
}

static enum sh_status take_part(struct item_table *table, const struct sh_model_part *part, struct sh_error *err) {
    if (part->item_count > table->head.item_count - table->row_count)
        return refuse(err, "the parts have more items than the first one says");
    enum sh_status status = has_factors(table) ? take_factors(table, part, err) : take_lists(table, part, err);
    if (status != SH_OK) return status;
    if (part->part == part->part_count && (table->row_count + part->item_count != table->head.item_count ||
                                           table->entries_used != table->head.entry_count))
        return refuse(err, "the parts have fewer items or entries than the first one says");
    if (part->name_items != NULL && (status = part->name_items(part->context, err)) != SH_OK) return status;
    for (uint32_t i = 0; i < part->item_count; i++) {
        const uint32_t slot = part->items[i];
        table->slots[table->row_count + i] = slot;
        if (slot >= table->slot_end) table->slot_end = slot + 1;
    }
    table->row_count += part->item_count;
    table->part = part->part;
    /* A table in use has a place for each slot up to its last item. */
    if (has_factors(table) &&
        (uint64_t)table->slot_end * table->head.spec.dimension * sizeof(float) > SH_MODEL_BYTES_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "for items as many as these a table of %u factors has more than %d MiB",
                       table->head.spec.dimension, (int)(SH_MODEL_BYTES_MAX >> 20));
    return SH_OK;
}

enum sh_status sh_item_models_put(struct sh_item_models *models, const struct sh_model_head *head,
                                  const struct sh_model_part *part, struct sh_error *err) {
    struct item_model *model = &models->models[head->spec.method];
    struct item_table *coming = &model->coming;
    enum sh_status status = SH_OK;
    if (part->part == 0 || part->part > part->part_count) return refuse(err, "`part` is 1 to `parts`");
    if (part->part == 1) {
        if ((status = item_head_check(head, err)) != SH_OK) return status;
        item_table_deinit(coming);
        if (item_table_begin(coming, head, part->part_count) != SH_OK) status = no_memory(err);
    } else if (coming->head.number != head->number || coming->part_count != part->part_count ||
               coming->part + 1 != part->part) {
        return sh_fail(err, SH_ERR_CONFLICT, -1, "part %u of %u does not follow what came before: begin with part 1",
                       part->part, part->part_count);
    }
    if (status == SH_OK) status = take_part(coming, part, err);
    if (status == SH_OK && part->part == part->part_count && item_table_complete(coming) != SH_OK)
        status = no_memory(err);
    if (status != SH_OK) {
        item_table_deinit(coming);
        return status;
    }
    if (part->part < part->part_count) return SH_OK;
    item_table_deinit(&model->table);
    model->table = *coming;
    *coming = (struct item_table){.part = 0};
    note_done(model, model->table.head.number, (struct sh_text){0}, model->table.head.trained_ms);
    return SH_OK;
}

bool sh_item_models_remove(struct sh_item_models *models, enum sh_train_method method) {
    struct item_model *model = &models->models[method];
    const bool was_there = model->plan.number > 0 || model->table.head.number > 0 || model->coming.head.number > 0;
    item_table_deinit(&model->table);
    item_table_deinit(&model->coming);
    *model = (struct item_model){.done_number = 0};
    return was_there;
}

/* ---- By slot ---- */

static enum sh_status complete_factors(struct item_table *table) {
    const size_t dimension = table->head.spec.dimension;
    const size_t group_count = (table->slot_end + (size_t)SH_TRAIN_LANES - 1) / SH_TRAIN_LANES;
    table->lanes = sh_alloc_zero((group_count * SH_TRAIN_LANES + 1) * dimension * sizeof *table->lanes);
    table->has = sh_alloc_zero((table->slot_end / 64 + (size_t)1) * sizeof *table->has);
    if (table->lanes == NULL || table->has == NULL) return SH_ERR_MEMORY;
    for (uint32_t row = 0; row < table->row_count; row++) {
        const uint32_t slot = table->slots[row];
        float *lane = table->lanes + slot / SH_TRAIN_LANES * dimension * SH_TRAIN_LANES + slot % SH_TRAIN_LANES;
        table->has[slot / 64] |= UINT64_C(1) << (slot % 64);
        for (size_t k = 0; k < dimension; k++)
            lane[k * SH_TRAIN_LANES] = table->rows[row * dimension + k];
    }
    sh_free(table->rows);
    table->rows = NULL;
    return SH_OK;
}

/* Rows go where their slots are; two rows of one slot are one behind the other. */
static enum sh_status complete_lists(struct item_table *table) {
    uint32_t *begin = sh_alloc_zero(((size_t)table->slot_end + 2) * sizeof *begin);
    struct sh_entry *entries = sh_alloc((table->entries_used + (size_t)1) * sizeof *entries);
    if (begin == NULL || entries == NULL) {
        sh_free(begin);
        sh_free(entries);
        return SH_ERR_MEMORY;
    }
    for (uint32_t row = 0; row < table->row_count; row++)
        begin[table->slots[row] + 2] += table->begin[row + 1] - table->begin[row];
    for (uint32_t slot = 2; slot <= table->slot_end; slot++)
        begin[slot] += begin[slot - 1];
    for (uint32_t row = 0; row < table->row_count; row++)
        for (uint32_t i = table->begin[row]; i < table->begin[row + 1]; i++)
            entries[begin[table->slots[row] + 1]++] =
                (struct sh_entry){table->slots[table->entries[i].number], table->entries[i].weight};
    sh_free(table->begin);
    sh_free(table->entries);
    table->begin = begin;
    table->entries = entries;
    return SH_OK;
}

enum sh_status item_table_complete(struct item_table *table) {
    return has_factors(table) ? complete_factors(table) : complete_lists(table);
}

/* ---- Asking ---- */

const struct sh_model_head *sh_item_models_head(const struct sh_item_models *models, enum sh_train_method method) {
    return models->models[method].table.head.number == 0 ? NULL : &models->models[method].table.head;
}

struct sh_text sh_item_models_fault(const struct sh_item_models *models, enum sh_train_method method) {
    return (struct sh_text){models->models[method].fault, models->models[method].fault_count};
}

const struct sh_entry *sh_item_models_list(const struct sh_item_models *models, enum sh_train_method method,
                                           uint32_t item, uint32_t *count) {
    const struct item_table *table = &models->models[method].table;
    *count = 0;
    if (item >= table->slot_end) return NULL;
    *count = table->begin[item + 1] - table->begin[item];
    return table->entries + table->begin[item];
}

struct sh_fold sh_item_models_fold(const struct sh_item_models *models) {
    const struct item_table *table = &models->models[SH_TRAIN_IALS].table;
    return (struct sh_fold){.dimension = table->head.spec.dimension,
                            .regularisation = (float)table->head.spec.regularisation,
                            .base = table->head.fold_base,
                            .gram = table->gram};
}

const float *sh_item_models_lanes(const struct sh_item_models *models, uint32_t slot) {
    const struct item_table *table = &models->models[SH_TRAIN_IALS].table;
    sh_assert(slot % SH_TRAIN_LANES == 0);
    return slot >= table->slot_end ? NULL : table->lanes + (size_t)slot * table->head.spec.dimension;
}

bool sh_item_models_vector(const struct sh_item_models *models, uint32_t item, float *vector) {
    const struct item_table *table = &models->models[SH_TRAIN_IALS].table;
    if (item >= table->slot_end || !(table->has[item / 64] >> (item % 64) & 1)) return false;
    const float *lane = sh_item_models_lanes(models, item & ~(SH_TRAIN_LANES - 1u)) + item % SH_TRAIN_LANES;
    for (uint32_t k = 0; k < table->head.spec.dimension; k++)
        vector[k] = lane[(size_t)k * SH_TRAIN_LANES];
    return true;
}

/* ---- Upkeep ---- */

static size_t table_bytes(const struct item_table *table, bool is_whole) {
    const struct sh_model_head *head = &table->head;
    const size_t dimension = head->spec.dimension;
    if (head->number == 0) return 0;
    const size_t slot_bytes = head->item_count * sizeof *table->slots;
    const size_t lines = is_whole ? table->slot_end : head->item_count;
    if (has_factors(table)) return slot_bytes + (dimension + lines) * dimension * sizeof(float) + table->slot_end / 8;
    return slot_bytes + lines * sizeof(uint32_t) + head->entry_count * sizeof(struct sh_entry);
}

size_t sh_item_models_bytes(const struct sh_item_models *models, enum sh_train_method method) {
    return table_bytes(&models->models[method].table, true);
}

size_t sh_item_models_memory_bytes(const struct sh_item_models *models) {
    size_t bytes = sizeof *models;
    for (uint32_t i = 0; i < SH_TRAIN_METHOD_COUNT; i++)
        bytes += table_bytes(&models->models[i].table, true) + table_bytes(&models->models[i].coming, false);
    return bytes;
}

const char *item_table_fault(const struct item_table *table, uint32_t item_end) {
    const bool is_whole = table->part == table->part_count;
    const uint32_t number_end = is_whole ? table->slot_end : table->head.item_count;
    for (uint32_t row = 0; row < table->row_count; row++)
        if (table->slots[row] >= item_end || table->slots[row] >= table->slot_end)
            return "a table has a row of an item that is not there";
    if (has_factors(table)) {
        if (!item_gram_is_good(table->gram, table->head.spec.dimension))
            return "a number of a table's gram is too large or none";
        const float *numbers = is_whole ? table->lanes : table->rows;
        const size_t groups = (table->slot_end + (size_t)SH_TRAIN_LANES - 1) / SH_TRAIN_LANES * SH_TRAIN_LANES;
        const size_t count = (is_whole ? groups : table->row_count) * table->head.spec.dimension;
        for (size_t i = 0; i < count; i++)
            if (!number_is_good(numbers[i])) return "a number of a table is too large or none";
        return NULL;
    }
    const uint32_t line_count = is_whole ? table->slot_end : table->row_count;
    for (uint32_t line = 0; line < line_count; line++)
        if (table->begin[line] > table->begin[line + 1]) return "rows of a table are not one behind another";
    if (table->begin[line_count] != table->entries_used) return "a table's entries are not those of its rows";
    for (uint32_t i = 0; i < table->entries_used; i++)
        if (table->entries[i].number >= number_end || !number_is_good(table->entries[i].weight))
            return "an entry of a table is of no item, or its weight too large or none";
    return NULL;
}

static const char *fault_of_model(const struct sh_item_models *models, const struct item_model *model) {
    const bool has_table = model->table.head.number != 0;
    const bool has_coming = model->coming.head.number != 0;
    const char *fault = NULL;
    if (model->plan.number > models->last_number) return "a plan has a number that was never given out";
    if (has_table && model->table.part != model->table.part_count) return "a table in use is not whole";
    if (has_coming && model->coming.part == model->coming.part_count) return "a table that comes in is whole";
    if (has_table) fault = item_table_fault(&model->table, UINT32_MAX);
    if (has_coming && fault == NULL) fault = item_table_fault(&model->coming, UINT32_MAX);
    return fault;
}

bool sh_item_models_check(const struct sh_item_models *models, const char **reason) {
    const char *fault = NULL;
    for (uint32_t i = 0; i < SH_TRAIN_METHOD_COUNT && fault == NULL; i++)
        fault = fault_of_model(models, &models->models[i]);
    if (fault != NULL && reason != NULL) *reason = fault;
    return fault == NULL;
}
