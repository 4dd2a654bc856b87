/* trainer.c -- reading likings, training, writing the table in parts. */
#include "trainer.h"

#include <stdatomic.h>

#include "answer_map.h"
#include "memory.h"
#include "shard_private.h"

enum {
    PAGE_USERS = 512,     /* of a page and shard: half a millisecond for users with some tens of likings */
    PART_BYTES = 1 << 20, /* of a part's rows */
    PART_ITEMS = 4096,
};

struct sh_trainer {
    enum sh_trainer_phase phase;
    char workspace[SH_NAME_BYTES_MAX];
    uint32_t workspace_count;
    struct sh_train_spec spec;
    uint64_t number;
    uint64_t at; /* of the next page */
    struct sh_interactions interactions;
    struct sh_trained trained;
    uint64_t user_count; /* that were read */
    enum sh_status status;
    struct sh_error error;
    bool is_written;
    uint32_t part, part_count;
    uint32_t row; /* the first of the next part */
    struct sh_buffer params;
    struct sh_buffer rows;
    atomic_bool is_stopped;
};

/* ---- Life ---- */

static struct sh_trainer *trainer_create(const struct sh_workspace *workspace, const struct sh_model_plan *plan) {
    struct sh_trainer *trainer = sh_alloc_zero(sizeof *trainer);
    if (trainer == NULL) return NULL;
    memcpy(trainer->workspace, workspace->name, workspace->name_count);
    trainer->workspace_count = workspace->name_count;
    trainer->spec = plan->spec;
    trainer->number = plan->number;
    sh_interactions_init(&trainer->interactions);
    sh_buffer_init(&trainer->params, SH_FRAME_BYTES_MAX);
    sh_buffer_init(&trainer->rows, SH_FRAME_BYTES_MAX);
    atomic_init(&trainer->is_stopped, false);
    return trainer;
}

struct sh_trainer *sh_trainer_find_due(const struct sh_shard *shard, uint32_t *turn, int64_t now_ms) {
    const uint32_t plan_count = shard->workspace_count * SH_TRAIN_METHOD_COUNT;
    const uint32_t first = turn == NULL ? 0 : *turn;
    for (uint32_t i = 0; i < plan_count; i++) {
        /* One method of all workspaces, then the next: nobody has two turns while another waits for the first. */
        const uint32_t number = (uint32_t)(((uint64_t)first + i) % plan_count);
        const struct sh_workspace *workspace = shard->workspaces[number % shard->workspace_count];
        const enum sh_train_method method = (enum sh_train_method)(number / shard->workspace_count);
        const struct sh_item_models *models = sh_feed_trained(workspace->feed);
        if (!sh_item_models_is_due(models, method, now_ms)) continue;
        if (turn != NULL) *turn = (number + 1) % plan_count;
        return trainer_create(workspace, sh_item_models_planned(models, method));
    }
    return NULL;
}

void sh_trainer_destroy(struct sh_trainer *trainer) {
    if (trainer == NULL) return;
    sh_interactions_deinit(&trainer->interactions);
    sh_trained_deinit(&trainer->trained);
    sh_buffer_deinit(&trainer->params);
    sh_buffer_deinit(&trainer->rows);
    sh_free(trainer);
}

enum sh_trainer_phase sh_trainer_phase(const struct sh_trainer *trainer) {
    return trainer->phase;
}

void sh_trainer_stop(struct sh_trainer *trainer) {
    atomic_store(&trainer->is_stopped, true);
}

bool sh_trainer_is_well(const struct sh_trainer *trainer, struct sh_error *err) {
    if (trainer->status != SH_OK && err != NULL) *err = trainer->error;
    return trainer->status == SH_OK;
}

bool sh_trainer_is_written(const struct sh_trainer *trainer) {
    return trainer->is_written;
}

/* It cannot be trained: that is written where the table would have been. */
static void give_up(struct sh_trainer *trainer, enum sh_status status) {
    trainer->status = status;
    trainer->phase = SH_TRAINER_WRITING;
}

static void end(struct sh_trainer *trainer, enum sh_status status, const struct sh_error *err) {
    if (status != SH_OK) {
        trainer->status = status;
        if (err != NULL) trainer->error = *err;
    }
    trainer->phase = SH_TRAINER_DONE;
}

/* ---- Reading ---- */

static enum sh_status take_row(struct sh_interactions *interactions, const uint32_t *numbers, uint32_t number_count,
                               const uint8_t **at, const uint8_t *last) {
    struct {
        uint32_t item;
        float weight;
    } liking;
    uint64_t key;
    uint32_t count;
    sh_assert((size_t)(last - *at) >= sizeof key + sizeof count);
    memcpy(&key, *at, sizeof key);
    memcpy(&count, *at + sizeof key, sizeof count);
    *at += sizeof key + sizeof count;
    sh_assert((size_t)(last - *at) >= count * sizeof liking);
    enum sh_status status = sh_interactions_user(interactions, key);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        memcpy(&liking, *at, sizeof liking);
        *at += sizeof liking;
        sh_assert(liking.item < number_count);
        status = sh_interactions_add(interactions, numbers[liking.item], liking.weight);
    }
    return status;
}

/* One shard's part of a page. */
static enum sh_status take_page(struct sh_trainer *trainer, const struct sh_answer_map *page) {
    struct sh_answer_list items;
    const struct sh_text rows = sh_answer_map_value(page, "rows").text;
    sh_answer_list_begin(&items, sh_answer_map_find(page, "items"));
    const uint32_t count = items.left;
    uint32_t *numbers = sh_alloc(((size_t)count + 1) * sizeof *numbers);
    enum sh_status status = numbers == NULL ? SH_ERR_MEMORY : SH_OK;
    for (uint32_t i = 0; status == SH_OK && sh_answer_list_next(&items); i++)
        status = sh_interactions_item(&trainer->interactions, sh_answer_list_value(&items).text, &numbers[i]);
    const uint8_t *at = (const uint8_t *)rows.bytes;
    const uint8_t *const last = at + rows.count;
    while (status == SH_OK && at < last)
        status = take_row(&trainer->interactions, numbers, count, &at, last);
    sh_free(numbers);
    return status;
}

static void take_likings(struct sh_trainer *trainer, const struct sh_buffer *body) {
    struct sh_answer_map answer;
    struct sh_answer_list pages;
    enum sh_status status = SH_OK;
    sh_answer_map_read_body(&answer, body);
    sh_answer_list_begin(&pages, sh_answer_map_find(&answer, "pages"));
    while (status == SH_OK && sh_answer_list_next(&pages)) {
        struct sh_answer_map page;
        sh_answer_list_map(&pages, &page);
        status = take_page(trainer, &page);
    }
    trainer->at = sh_answer_map_uint(&answer, "next");
    if (status == SH_ERR_LIMIT)
        (void)sh_fail(&trainer->error, status, -1, "a training takes at most %d likings of %d items",
                      (int)SH_TRAIN_ENTRY_COUNT_MAX, (int)SH_TRAIN_ITEM_COUNT_MAX);
    else if (status != SH_OK)
        (void)sh_fail(&trainer->error, status, -1, "there is no memory for the likings");
    if (status != SH_OK)
        give_up(trainer, status);
    else if (trainer->at == 0)
        trainer->phase = SH_TRAINER_TRAINING;
}

static void ask_likings(struct sh_trainer *trainer, msgpack_packer *packer) {
    (void)msgpack_pack_map(packer, 2);
    sh_pack_literal(packer, "at");
    (void)msgpack_pack_uint64(packer, trainer->at);
    sh_pack_literal(packer, "count");
    (void)msgpack_pack_uint64(packer, PAGE_USERS);
}

/* ---- Training ---- */

static bool is_wanted(void *context) {
    return !atomic_load_explicit(&((struct sh_trainer *)context)->is_stopped, memory_order_relaxed);
}

/* Rows of the next part from this one on, and what they are as bytes. */
static uint32_t part_end(const struct sh_trainer *trainer, uint32_t row) {
    const struct sh_trained *trained = &trainer->trained;
    size_t byte_count = 0;
    uint32_t last = row;
    while (last < trained->item_count && last - row < PART_ITEMS && byte_count < PART_BYTES) {
        byte_count += trained->factors != NULL
                          ? trained->spec.dimension * sizeof(float)
                          : sizeof(uint32_t) + sizeof(struct sh_entry) *
                                                   (size_t)(trained->list_begin[last + 1] - trained->list_begin[last]);
        last++;
    }
    return last;
}

void sh_trainer_compute(struct sh_trainer *trainer) {
    struct sh_train_watch watch = {.is_wanted = is_wanted, .context = trainer};
    enum sh_status status = SH_OK;
    sh_assert(trainer->phase == SH_TRAINER_TRAINING);
    if (sh_interactions_finish(&trainer->interactions) != SH_OK)
        status = sh_fail(&trainer->error, SH_ERR_MEMORY, -1, "there is no memory for the training");
    trainer->user_count = trainer->interactions.user_count;
    if (status == SH_OK)
        status = sh_train_run(&trainer->spec, &trainer->interactions, &watch, &trainer->trained, &trainer->error);
    if (status == SH_ERR_CLOSED) {
        end(trainer, status, NULL);
    } else if (status != SH_OK) {
        give_up(trainer, status);
    } else {
        for (uint32_t row = 0; row < trainer->trained.item_count; row = part_end(trainer, row))
            trainer->part_count++;
        trainer->part = 1;
        trainer->phase = SH_TRAINER_WRITING;
    }
}

/* ---- Writing ---- */

static void pack_about(const struct sh_trainer *trainer, msgpack_packer *packer) {
    const struct sh_trained *trained = &trainer->trained;
    const struct sh_train_spec *spec = &trained->spec;
    const bool of_factors = trained->factors != NULL;
    sh_pack_literal(packer, "about");
    (void)msgpack_pack_map(packer, 14u + 2 * of_factors);
    sh_pack_uint(packer, "dimensions", spec->dimension);
    sh_pack_uint(packer, "epochs", spec->epochs);
    sh_pack_uint(packer, "neighbours", spec->neighbours);
    sh_pack_real(packer, "unobserved", spec->unobserved);
    sh_pack_real(packer, "regularisation", spec->regularisation);
    sh_pack_real(packer, "shrink", spec->shrink);
    sh_pack_real(packer, "alpha", spec->alpha);
    sh_pack_real(packer, "beta", spec->beta);
    sh_pack_uint(packer, "seed", spec->seed);
    sh_pack_uint(packer, "items", trained->item_count);
    sh_pack_uint(packer, "entries", of_factors ? 0 : trained->list_begin[trained->item_count]);
    sh_pack_real(packer, "scale", trained->scale);
    sh_pack_uint(packer, "users", trainer->user_count);
    sh_pack_uint(packer, "likings", trainer->interactions.entry_count);
    if (!of_factors) return;
    const size_t gram_bytes = (size_t)spec->dimension * spec->dimension * sizeof(float);
    sh_pack_real(packer, "base", (double)trained->fold.base);
    sh_pack_literal(packer, "gram");
    (void)msgpack_pack_bin(packer, gram_bytes);
    (void)msgpack_pack_bin_body(packer, trained->fold.gram, gram_bytes);
}

static void fill_rows(struct sh_trainer *trainer, uint32_t from, uint32_t to) {
    const struct sh_trained *trained = &trainer->trained;
    sh_buffer_clear(&trainer->rows);
    if (trained->factors != NULL) {
        const size_t dimension = trained->spec.dimension;
        sh_buffer_append(&trainer->rows, trained->factors + from * dimension, (to - from) * dimension * sizeof(float));
        return;
    }
    for (uint32_t row = from; row < to; row++) {
        const uint32_t count = trained->list_begin[row + 1] - trained->list_begin[row];
        sh_buffer_append(&trainer->rows, &count, sizeof count);
        sh_buffer_append(&trainer->rows, trained->list + trained->list_begin[row], count * sizeof *trained->list);
    }
}

static void ask_put(struct sh_trainer *trainer, msgpack_packer *packer) {
    const bool is_first = trainer->part == 1;
    (void)msgpack_pack_map(packer, trainer->status != SH_OK ? 3 : 6u + is_first);
    sh_pack_literal(packer, "name");
    sh_pack_literal(packer, sh_train_method_name(trainer->spec.method));
    sh_pack_uint(packer, "number", trainer->number);
    if (trainer->status != SH_OK) {
        sh_pack_literal(packer, "fault");
        sh_pack_literal(packer, trainer->error.message);
        return;
    }
    const uint32_t last = part_end(trainer, trainer->row);
    fill_rows(trainer, trainer->row, last);
    if (trainer->rows.failed) trainer->params.failed = true;
    sh_pack_uint(packer, "part", trainer->part);
    sh_pack_uint(packer, "parts", trainer->part_count);
    sh_pack_literal(packer, "items");
    (void)msgpack_pack_array(packer, last - trainer->row);
    for (uint32_t item = trainer->row; item < last; item++)
        sh_pack_text(packer, sh_interactions_name(&trainer->interactions, item));
    sh_pack_literal(packer, "rows");
    (void)msgpack_pack_bin(packer, trainer->rows.count);
    (void)msgpack_pack_bin_body(packer, trainer->rows.bytes, trainer->rows.count);
    if (is_first) pack_about(trainer, packer);
}

static void took_put(struct sh_trainer *trainer) {
    if (trainer->status == SH_OK) {
        trainer->row = part_end(trainer, trainer->row);
        trainer->part++;
        if (trainer->part <= trainer->part_count) return;
    }
    trainer->is_written = true;
    trainer->phase = SH_TRAINER_DONE;
}

/* ---- Asking ---- */

void sh_trainer_next(struct sh_trainer *trainer, struct sh_request *request) {
    msgpack_packer packer;
    const bool is_reading = trainer->phase == SH_TRAINER_READING;
    sh_assert(is_reading || trainer->phase == SH_TRAINER_WRITING);
    sh_buffer_clear(&trainer->params);
    sh_buffer_packer(&trainer->params, &packer);
    if (is_reading)
        ask_likings(trainer, &packer);
    else
        ask_put(trainer, &packer);
    if (trainer->params.failed) trainer->params.count = 0; /* which is refused, and ends it */
    request->method = sh_method_at(is_reading ? SH_METHOD_MODEL_LIKINGS : SH_METHOD_MODEL_PUT);
    request->workspace = (struct sh_text){trainer->workspace, trainer->workspace_count};
    request->params = trainer->params.bytes;
    request->params_count = trainer->params.count;
}

void sh_trainer_take(struct sh_trainer *trainer, enum sh_status status, const struct sh_error *err,
                     const struct sh_buffer *body) {
    if (status != SH_OK || !is_wanted(trainer))
        end(trainer, status == SH_OK ? SH_ERR_CLOSED : status, err);
    else if (trainer->phase == SH_TRAINER_READING)
        take_likings(trainer, body);
    else
        took_put(trainer);
}
