/* item_models_archive.c -- plans and tables as a section of an archive.
 *
 *   section models 1
 *     u64 last number, u32 count of methods, then for each
 *       text name, u64 plan number; if there is a plan: i64 asked_ms, u32 every_hours, spec
 *       u64 done number, i64 done_ms, text fault
 *       twice, the table in use and the one that comes in: u8 is there; if so
 *         head: spec, u64 number, u32 items, u32 entries, f64 scale, f32 base, u64 users, u64 likings, i64 trained_ms
 *         u32 parts, u32 the last that came, u32 rows, u32 slots of the rows
 *         factors: the gram, and the rows' numbers                    lists: u32 length of each row, the entries by row
 *
 *   spec        u32 dimension, epochs, neighbours, f64 unobserved, regularisation, shrink, alpha, beta, u64 seed
 *
 * A whole table is written as it came, row by row, so that one that is loaded is built as one that is put.
 */
#include <string.h>

#include "item_models_private.h"
#include "memory.h"

enum { MODELS_VERSION = 1, METHOD_NAME_BYTES_MAX = 16 };

static void put_double(struct sh_archive_writer *writer, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    sh_archive_put_u64(writer, bits);
}

static void put_float(struct sh_archive_writer *writer, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    sh_archive_put_u32(writer, bits);
}

static double get_double(struct sh_archive_reader *reader) {
    const uint64_t bits = sh_archive_get_u64(reader);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float get_float(struct sh_archive_reader *reader) {
    const uint32_t bits = sh_archive_get_u32(reader);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- Saving ---- */

static void save_spec(const struct sh_train_spec *spec, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, spec->dimension);
    sh_archive_put_u32(writer, spec->epochs);
    sh_archive_put_u32(writer, spec->neighbours);
    const double numbers[] = {spec->unobserved, spec->regularisation, spec->shrink, spec->alpha, spec->beta};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_double(writer, numbers[i]);
    sh_archive_put_u64(writer, spec->seed);
}

static void save_factors(const struct item_table *table, bool is_whole, struct sh_archive_writer *writer) {
    const size_t dimension = table->head.spec.dimension;
    sh_archive_put(writer, table->gram, dimension * dimension * sizeof *table->gram);
    for (uint32_t row = 0; row < table->row_count; row++) {
        float vector[SH_FACTOR_DIMENSION_MAX];
        const uint32_t slot = table->slots[row];
        for (size_t k = 0; k < dimension; k++)
            vector[k] = is_whole ? table->lanes[slot / SH_TRAIN_LANES * dimension * SH_TRAIN_LANES +
                                                k * SH_TRAIN_LANES + slot % SH_TRAIN_LANES]
                                 : table->rows[row * dimension + k];
        sh_archive_put(writer, vector, dimension * sizeof *vector);
    }
}

/* Of a whole table, rows and entries stand by slot, and are written so. */
static void save_lists(const struct item_table *table, bool is_whole, struct sh_archive_writer *writer) {
    const uint32_t line_count = is_whole ? table->slot_end : table->row_count;
    for (uint32_t line = 0; line < line_count; line++)
        sh_archive_put_u32(writer, table->begin[line + 1] - table->begin[line]);
    sh_archive_put(writer, table->entries, table->entries_used * sizeof *table->entries);
}

static void save_table(const struct item_table *table, struct sh_archive_writer *writer) {
    const struct sh_model_head *head = &table->head;
    const bool is_whole = table->part == table->part_count;
    sh_archive_put_u8(writer, head->number != 0);
    if (head->number == 0) return;
    save_spec(&head->spec, writer);
    sh_archive_put_u64(writer, head->number);
    sh_archive_put_u32(writer, head->item_count);
    sh_archive_put_u32(writer, head->entry_count);
    put_double(writer, head->scale);
    put_float(writer, head->fold_base);
    sh_archive_put_u64(writer, head->user_count);
    sh_archive_put_u64(writer, head->liking_count);
    sh_archive_put_i64(writer, head->trained_ms);
    sh_archive_put_u32(writer, table->part_count);
    sh_archive_put_u32(writer, table->part);
    sh_archive_put_u32(writer, table->row_count);
    sh_archive_put_u32(writer, table->slot_end);
    sh_archive_put_u32(writer, table->entries_used);
    sh_archive_put(writer, table->slots, table->row_count * sizeof *table->slots);
    if (sh_train_makes_factors(head->spec.method))
        save_factors(table, is_whole, writer);
    else
        save_lists(table, is_whole, writer);
}

void sh_item_models_save(const struct sh_item_models *models, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "models", MODELS_VERSION);
    sh_archive_put_u64(writer, models->last_number);
    sh_archive_put_u32(writer, SH_TRAIN_METHOD_COUNT);
    for (uint32_t i = 0; i < SH_TRAIN_METHOD_COUNT; i++) {
        const struct item_model *model = &models->models[i];
        sh_archive_put_text(writer, sh_text_of(sh_train_method_name((enum sh_train_method)i)));
        sh_archive_put_u64(writer, model->plan.number);
        if (model->plan.number != 0) {
            sh_archive_put_i64(writer, model->plan.asked_ms);
            sh_archive_put_u32(writer, model->plan.every_hours);
            save_spec(&model->plan.spec, writer);
        }
        sh_archive_put_u64(writer, model->done_number);
        sh_archive_put_i64(writer, model->done_ms);
        sh_archive_put_text(writer, (struct sh_text){model->fault, model->fault_count});
        save_table(&model->table, writer);
        save_table(&model->coming, writer);
    }
    sh_archive_end(writer);
}

/* ---- Loading ---- */

static bool refuse(struct sh_archive_reader *reader, const char *words) {
    (void)sh_archive_refuse(reader, "%s", words);
    return false;
}

static bool load_spec(struct sh_train_spec *spec, enum sh_train_method method, struct sh_archive_reader *reader) {
    struct sh_error err;
    *spec = (struct sh_train_spec){.method = method};
    spec->dimension = sh_archive_get_u32(reader);
    spec->epochs = sh_archive_get_u32(reader);
    spec->neighbours = sh_archive_get_u32(reader);
    double *const numbers[] = {&spec->unobserved, &spec->regularisation, &spec->shrink, &spec->alpha, &spec->beta};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] = get_double(reader);
    spec->seed = sh_archive_get_u64(reader);
    if (sh_archive_failed(reader)) return false;
    return sh_train_spec_check(spec, &err) == SH_OK || refuse(reader, err.message);
}

/* What is read goes into what item_table_begin made room for; whole lists stand by slot, in arrays of their own. */
static bool load_factors(struct item_table *table, struct sh_archive_reader *reader) {
    const size_t dimension = table->head.spec.dimension;
    if (!sh_archive_get(reader, table->gram, dimension * dimension * sizeof *table->gram)) return false;
    return sh_archive_get(reader, table->rows, table->row_count * dimension * sizeof *table->rows);
}

static bool load_lists(struct item_table *table, bool is_whole, struct sh_archive_reader *reader) {
    const uint32_t line_count = is_whole ? table->slot_end : table->row_count;
    if (is_whole) {
        uint32_t *begin = sh_alloc_zero(((size_t)table->slot_end + 2) * sizeof *begin);
        if (begin == NULL) {
            (void)sh_archive_refuse_memory(reader);
            return false;
        }
        sh_free(table->begin);
        table->begin = begin;
    }
    for (uint32_t line = 0; line < line_count && !sh_archive_failed(reader); line++) {
        const uint32_t count = sh_archive_get_u32(reader);
        if (count > table->entries_used - table->begin[line]) return refuse(reader, "a table's rows are too long");
        table->begin[line + 1] = table->begin[line] + count;
    }
    return sh_archive_get(reader, table->entries, table->entries_used * sizeof *table->entries);
}

static bool load_head(struct item_table *table, struct sh_model_head *head, enum sh_train_method method,
                      struct sh_archive_reader *reader) {
    struct sh_error err;
    if (!load_spec(&head->spec, method, reader)) return false;
    head->number = sh_archive_get_u64(reader);
    head->item_count = sh_archive_get_u32(reader);
    head->entry_count = sh_archive_get_u32(reader);
    head->scale = get_double(reader);
    head->fold_base = get_float(reader);
    head->user_count = sh_archive_get_u64(reader);
    head->liking_count = sh_archive_get_u64(reader);
    head->trained_ms = sh_archive_get_i64(reader);
    table->part_count = sh_archive_get_u32(reader);
    table->part = sh_archive_get_u32(reader);
    table->row_count = sh_archive_get_u32(reader);
    table->slot_end = sh_archive_get_u32(reader);
    table->entries_used = sh_archive_get_u32(reader);
    if (sh_archive_failed(reader)) return false;
    return item_head_check(head, &err) == SH_OK || refuse(reader, err.message);
}

/* Enough bytes for what the numbers promise? Then they are no larger than the archive. */
static bool head_fits(const struct item_table *read, const struct sh_model_head *head, uint32_t item_end,
                      struct sh_archive_reader *reader) {
    const bool of_factors = sh_train_makes_factors(head->spec.method);
    const uint64_t row_bytes = sizeof(uint32_t) + (of_factors ? head->spec.dimension * sizeof(float) : 0);
    const uint64_t promised = read->row_count * row_bytes + (uint64_t)read->entries_used * sizeof(struct sh_entry);
    const bool is_whole = read->part == read->part_count;
    if (read->part == 0 || read->part > read->part_count || read->row_count > head->item_count ||
        read->entries_used > head->entry_count || read->slot_end > item_end || (of_factors && read->entries_used > 0) ||
        (is_whole && (read->row_count != head->item_count || read->entries_used != head->entry_count)))
        return refuse(reader, "a table has more rows than there are to be, or is said to be whole and is not");
    return promised <= sh_archive_left(reader) || refuse(reader, "a table promises more than follows");
}

static bool load_table(struct item_table *table, enum sh_train_method method, uint32_t item_end, bool whole_wanted,
                       struct sh_archive_reader *reader) {
    struct item_table read = {.part = 0};
    struct sh_model_head head = {.number = 0};
    static const float no_gram[SH_FACTOR_DIMENSION_MAX * SH_FACTOR_DIMENSION_MAX];
    if (!sh_archive_get_bool(reader)) return !sh_archive_failed(reader);
    if (!load_head(&read, &head, method, reader) || !head_fits(&read, &head, item_end, reader)) return false;
    const bool is_whole = read.part == read.part_count;
    if (is_whole != whole_wanted) return refuse(reader, "a table in use is not whole, or one that comes in is");
    head.gram = no_gram;
    if (item_table_begin(table, &head, read.part_count) != SH_OK ||
        item_table_reserve(table, read.row_count, read.entries_used) != SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    table->part = read.part;
    table->row_count = read.row_count;
    table->slot_end = read.slot_end;
    table->entries_used = read.entries_used;
    const bool of_factors = sh_train_makes_factors(method);
    if (!sh_archive_get(reader, table->slots, table->row_count * sizeof *table->slots)) return false;
    for (uint32_t row = 0; row < table->row_count; row++)
        if (table->slots[row] >= table->slot_end) return refuse(reader, "a table has a row of no item");
    if (of_factors ? !load_factors(table, reader) : !load_lists(table, is_whole, reader)) return false;
    if (of_factors && is_whole && item_table_complete(table) != SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    const char *fault = item_table_fault(table, item_end);
    return fault == NULL || refuse(reader, fault);
}

static bool load_model(struct sh_item_models *models, uint32_t item_end, struct sh_archive_reader *reader) {
    const struct sh_text name = sh_archive_get_text(reader, METHOD_NAME_BYTES_MAX, "a method of training");
    const enum sh_train_method method = sh_train_method_find(name);
    sh_free((char *)(uintptr_t)name.bytes);
    if (sh_archive_failed(reader)) return false;
    if (method == SH_TRAIN_METHOD_COUNT) return refuse(reader, "there is no method of training of that name");
    struct item_model *model = &models->models[method];
    if (model->plan.number != 0 || model->table.head.number != 0 || model->coming.head.number != 0)
        return refuse(reader, "a method of training is there twice");
    model->plan.number = sh_archive_get_u64(reader);
    if (model->plan.number != 0) {
        model->plan.asked_ms = sh_archive_get_i64(reader);
        model->plan.every_hours = sh_archive_get_u32(reader);
        if (!load_spec(&model->plan.spec, method, reader)) return false;
        if (model->plan.number > models->last_number || model->plan.every_hours > SH_MODEL_EVERY_HOURS_MAX)
            return refuse(reader, "a plan of training cannot be");
    }
    model->done_number = sh_archive_get_u64(reader);
    model->done_ms = sh_archive_get_i64(reader);
    const struct sh_text fault = sh_archive_get_text(reader, SH_MODEL_FAULT_BYTES_MAX, "why a training failed");
    model->fault_count = fault.count;
    if (fault.count > 0) memcpy(model->fault, fault.bytes, fault.count);
    sh_free((char *)(uintptr_t)fault.bytes);
    return load_table(&model->table, method, item_end, true, reader) &&
           load_table(&model->coming, method, item_end, false, reader);
}

enum sh_status sh_item_models_load(struct sh_item_models *models, uint32_t item_end, struct sh_archive_reader *reader) {
    if (sh_archive_enter(reader, "models", MODELS_VERSION) == 0) return sh_archive_status(reader, NULL);
    models->last_number = sh_archive_get_u64(reader);
    const uint32_t count = sh_archive_get_count(reader, SH_TRAIN_METHOD_COUNT, sizeof(uint32_t), "methods of training");
    bool is_good = !sh_archive_failed(reader);
    for (uint32_t i = 0; i < count && is_good; i++)
        is_good = load_model(models, item_end, reader);
    if (is_good) sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
