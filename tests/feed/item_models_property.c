/* item_models_property.c -- random tables in random parts against what was put, part by part saved and loaded. Run:
 * item_models_property SEED COUNT (of tables). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_rig.h"
#include "buffer.h"
#include "hash.h"
#include "item_models.h"

enum { ITEMS = 200, ROWS_MAX = 60, DIMENSION = 16, THOROUGH_COUNT = 4 };

static uint64_t state;
static struct sh_item_models *models;
static const char *reason;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

static bool promise(bool holds, const char *words_if_not) {
    if (!holds) reason = words_if_not;
    return holds;
}

/* ---- The truth ---- */

static struct {
    bool is_there;
    enum sh_train_method method;
    uint32_t row_count;
    uint32_t slots[ROWS_MAX];
    float factors[ROWS_MAX][DIMENSION];
    float lists[ROWS_MAX][ROWS_MAX]; /* 0: no entry */
} truth[SH_TRAIN_METHOD_COUNT];

static void draw_table(enum sh_train_method method, uint32_t row_max) {
    truth[method].is_there = true;
    truth[method].method = method;
    truth[method].row_count = 1 + random_below(row_max);
    bool used[ITEMS] = {false};
    for (uint32_t row = 0; row < truth[method].row_count; row++) {
        uint32_t slot = random_below(ITEMS);
        while (used[slot])
            slot = (slot + 1) % ITEMS;
        used[slot] = true;
        truth[method].slots[row] = slot;
        for (uint32_t k = 0; k < DIMENSION; k++)
            truth[method].factors[row][k] = (float)random_below(1000) / 500.0f - 1.0f;
        for (uint32_t k = 0; k < ROWS_MAX; k++)
            truth[method].lists[row][k] =
                k < truth[method].row_count && random_below(4) == 0 ? (float)(1 + random_below(100)) / 50.0f : 0;
    }
}

/* ---- Parts ---- */

static void append_row(struct sh_buffer *rows, enum sh_train_method method, uint32_t row) {
    if (sh_train_makes_factors(method)) {
        sh_buffer_append(rows, truth[method].factors[row], sizeof truth[method].factors[row]);
        return;
    }
    uint32_t count = 0;
    for (uint32_t k = 0; k < ROWS_MAX; k++)
        count += truth[method].lists[row][k] != 0;
    sh_buffer_append(rows, &count, sizeof count);
    for (uint32_t k = 0; k < ROWS_MAX; k++) {
        const struct sh_entry entry = {k, truth[method].lists[row][k]};
        if (entry.weight != 0) sh_buffer_append(rows, &entry, sizeof entry);
    }
}

static struct sh_model_head head_of(enum sh_train_method method, uint64_t number, const float *gram) {
    struct sh_model_head head = {.spec = sh_train_spec_default(method),
                                 .number = number,
                                 .item_count = truth[method].row_count,
                                 .scale = 2,
                                 .fold_base = 3,
                                 .gram = gram,
                                 .trained_ms = 1000};
    head.spec.dimension = DIMENSION;
    for (uint32_t row = 0; row < truth[method].row_count && !sh_train_makes_factors(method); row++)
        for (uint32_t k = 0; k < ROWS_MAX; k++)
            head.entry_count += truth[method].lists[row][k] != 0;
    return head;
}

static bool check_tables(void);

static void save_models(const void *thing, struct sh_archive_writer *writer) {
    sh_item_models_save(*(struct sh_item_models *const *)thing, writer);
}

static enum sh_status load_models(void *thing, struct sh_archive_reader *reader) {
    struct sh_item_models *loaded = sh_item_models_create();
    if (loaded == NULL) return sh_archive_refuse_memory(reader);
    const enum sh_status status = sh_item_models_load(loaded, ITEMS, reader);
    if (status == SH_OK)
        *(struct sh_item_models **)thing = loaded;
    else
        sh_item_models_destroy(loaded);
    return status;
}

static bool check_models(const void *thing, const char **why) {
    return sh_item_models_check(*(struct sh_item_models *const *)thing, why);
}

static void destroy_models(void *thing) {
    sh_item_models_destroy(*(struct sh_item_models **)thing);
}

/* From here on the models are those that were loaded. */
static bool save_and_load(bool is_thorough) {
    struct sh_item_models *loaded = NULL;
    const struct archive_rig rig = {save_models, load_models, check_models, destroy_models, &loaded};
    const char *fault = rig_renew(&rig, &models, is_thorough ? RIG_STARVE : RIG_ROUND_TRIP);
    return promise(fault == NULL, fault);
}

/* A table in some parts; between them it is saved, and what is asked is still the table before. */
static bool put_table(enum sh_train_method method, uint64_t number, bool is_thorough) {
    static float gram[DIMENSION * DIMENSION];
    const struct sh_model_head head = head_of(method, number, gram);
    const uint32_t part_count = 1 + random_below(truth[method].row_count < 4 ? truth[method].row_count : 4);
    struct sh_buffer rows;
    uint32_t from = 0;
    sh_buffer_init(&rows, SIZE_MAX);
    for (uint32_t part = 1; part <= part_count; part++) {
        const uint32_t rest = truth[method].row_count - from;
        const uint32_t count = part == part_count ? rest : random_below(rest + 1);
        sh_buffer_clear(&rows);
        for (uint32_t row = from; row < from + count; row++)
            append_row(&rows, method, row);
        const struct sh_model_part piece = {.part = part,
                                            .part_count = part_count,
                                            .items = truth[method].slots + from,
                                            .item_count = count,
                                            .rows = rows.bytes,
                                            .row_bytes = rows.count};
        static struct sh_error err;
        if (!promise(sh_item_models_put(models, &head, &piece, &err) == SH_OK, err.message)) return false;
        from += count;
        if (!promise(sh_item_models_check(models, &reason), reason)) return false;
        if (part < part_count && !save_and_load(is_thorough && part == 1)) return false;
    }
    sh_buffer_deinit(&rows);
    return check_tables();
}

/* ---- Asking ---- */

static bool check_factors(uint32_t slot, uint32_t row) {
    float vector[SH_FACTOR_DIMENSION_MAX];
    const bool found = sh_item_models_vector(models, slot, vector);
    if (!promise(found == (row < truth[SH_TRAIN_IALS].row_count), "a vector is there, or not, without reason"))
        return false;
    return !found || promise(memcmp(vector, truth[SH_TRAIN_IALS].factors[row], sizeof truth[0].factors[0]) == 0,
                             "a vector is another");
}

static bool check_list(enum sh_train_method method, uint32_t slot, uint32_t row) {
    uint32_t count;
    uint32_t wanted = 0;
    const struct sh_entry *list = sh_item_models_list(models, method, slot, &count);
    for (uint32_t k = 0; k < ROWS_MAX && row < truth[method].row_count; k++) {
        if (truth[method].lists[row][k] == 0) continue;
        if (!promise(wanted < count && list[wanted].number == truth[method].slots[k] &&
                         list[wanted].weight == truth[method].lists[row][k],
                     "an entry is another"))
            return false;
        wanted++;
    }
    return promise(wanted == count, "a list is longer than it should be");
}

static bool check_tables(void) {
    for (int i = 0; i < SH_TRAIN_METHOD_COUNT; i++) {
        const enum sh_train_method method = (enum sh_train_method)i;
        if (!promise((sh_item_models_head(models, method) != NULL) == truth[i].is_there, "a table is there, or not"))
            return false;
        for (uint32_t slot = 0; slot < ITEMS && truth[i].is_there; slot++) {
            uint32_t row = 0;
            while (row < truth[i].row_count && truth[i].slots[row] != slot)
                row++;
            if (!(sh_train_makes_factors(method) ? check_factors(slot, row) : check_list(method, slot, row)))
                return false;
        }
    }
    return true;
}

static bool run_table(uint32_t number) {
    const enum sh_train_method method = (enum sh_train_method)(number % SH_TRAIN_METHOD_COUNT);
    const struct sh_train_spec spec = sh_train_spec_default(method);
    sh_item_models_plan(models, &spec, random_below(2) * 24, 5);
    if (!promise(sh_item_models_is_due(models, method, 6), "a new plan is not due")) return false;
    const bool is_thorough = number < THOROUGH_COUNT;
    draw_table(method, is_thorough ? 4 : ROWS_MAX);
    if (!put_table(method, sh_item_models_planned(models, method)->number, is_thorough)) return false;
    if (!promise(!sh_item_models_is_due(models, method, 1001), "a plan is due although its table came")) return false;
    if (!save_and_load(false) || !check_tables()) return false;
    if (random_below(5) == 0) {
        truth[method].is_there = false;
        if (!promise(sh_item_models_remove(models, method), "a table could not be removed")) return false;
    }
    return check_tables();
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint32_t count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 20;
    models = sh_item_models_create();
    state = seed;
    for (uint32_t i = 0; i < count; i++) {
        if (run_table(i)) continue;
        printf("seed %" PRIu64 ", table %u: %s\n", seed, i, reason);
        return 1;
    }
    sh_item_models_destroy(models);
    printf("seed %" PRIu64 ": %u tables\n", seed, count);
    return 0;
}
