/* item_models.h -- the tables that trainings left (train.h), as feeds read them.
 *
 *   ials   factors by slot, sixteen items side by side:   slots 0..15   d rows of 16 floats | slots 16..31  d rows ...
 *   ease \
 *   knn   } row of slot -> entries {slot, weight}         mug -> pot 0.31, tea 0.12       rug -> mug 0.08 ...
 *   rp3  /
 *
 * How a table comes to be, and why the same log always gives the same feeds:
 *
 *   model.train   a logged write: the plan "train ials so" is state, numbered; from here on it is due
 *      |          who owns a clock and a thread (the server's trainer, or the embedded engine at once) reads likings,
 *      |          trains, and writes what came out:
 *   model.put     logged writes: the table itself, in parts, to all shards. A part is kept beside the table in use.
 *      '--------- the last part is where the new table takes the old one's place, all at once
 *
 * Training is thereby no part of the state machine: a replay of the log puts the same bytes in the same places, whatever
 * the machine and however long the training took, and a crash in between leaves the plan due. A put from anywhere else
 * (a table trained by another program) is as good.
 *
 * Rules that hold after every call: entries name items below item_end; numbers are at most SH_MODEL_VALUE_MAX; a table that is not whole is
 * never asked. sh_item_models_check() tests them.
 *
 * Memory: factors 4 * dimension bytes an item slot; lists 8 an entry and 8 an item slot; twice that while a new one
 * comes in. A table has at most SH_MODEL_BYTES_MAX. Failure: on any status but SH_OK the table in use is the one it
 * was. Threads: one.
 */
#ifndef SH_ITEM_MODELS_H
#define SH_ITEM_MODELS_H

#include "archive.h"
#include "buffer.h"
#include "train.h"

enum { SH_MODEL_FAULT_BYTES_MAX = 255 };
#define SH_MODEL_VALUE_MAX SH_TRAINED_VALUE_MAX

struct sh_item_models;

/* What is to be trained. */
struct sh_model_plan {
    struct sh_train_spec spec;
    uint64_t number; /* rises with each model.train; 0: there is no plan */
    int64_t asked_ms;
    uint32_t every_hours; /* and again so long after the last one came; 0: once */
};

/* What a table is, beside its rows: known with its first part. */
struct sh_model_head {
    struct sh_train_spec spec;
    uint64_t number; /* of the plan that it follows */
    uint32_t item_count;
    uint32_t entry_count; /* of lists */
    double scale;
    float fold_base;     /* of factors: struct sh_fold */
    const float *gram;   /* dimension^2; in a part only */
    uint64_t user_count; /* that it was trained from */
    uint64_t liking_count;
    int64_t trained_ms;
};

/* Rows of items, one behind another: factors have `dimension` floats each, lists a u32 count and so many pairs of a u32
 * (the other item's place among all items of all parts, from 0) and a float. */
struct sh_model_part {
    uint32_t part; /* from 1 */
    uint32_t part_count;
    const uint32_t *items; /* slots */
    uint32_t item_count;
    const uint8_t *rows;
    size_t row_bytes;
    /* Called when everything but the items has been looked over: from then on `items` has the slots, so that a part that
     * is refused makes no item known. NULL: they are there. */
    enum sh_status (*name_items)(void *context, struct sh_error *err);
    void *context;
};

struct sh_item_models *sh_item_models_create(void); /* NULL if memory is out */
void sh_item_models_destroy(struct sh_item_models *models);

/* The plan in force from now on; its number is one more than any before. */
void sh_item_models_plan(struct sh_item_models *models, const struct sh_train_spec *spec, uint32_t every_hours,
                         int64_t now_ms);
const struct sh_model_plan *sh_item_models_planned(const struct sh_item_models *models, enum sh_train_method method);
/* Is it to be trained now? */
bool sh_item_models_is_due(const struct sh_item_models *models, enum sh_train_method method, int64_t now_ms);
/* The training of that plan failed: it is not due any more (but after every_hours again). */
void sh_item_models_fail(struct sh_item_models *models, enum sh_train_method method, uint64_t number,
                         struct sh_text fault, int64_t now_ms);
/* Take a part. head matters with the first one, which gives up what came before; the others must follow one by one, of
 * the same number (SH_ERR_CONFLICT). SH_ERR_ARGUMENT: it cannot be part of such a table. */
SH_MUST_CHECK enum sh_status sh_item_models_put(struct sh_item_models *models, const struct sh_model_head *head,
                                                const struct sh_model_part *part, struct sh_error *err);
/* No table and no plan of that method any more. False: there was none. */
bool sh_item_models_remove(struct sh_item_models *models, enum sh_train_method method);

/* NULL: there is no table of that method. Its gram is that of sh_item_models_fold. */
const struct sh_model_head *sh_item_models_head(const struct sh_item_models *models, enum sh_train_method method);
/* Empty: the last training, if any, was well. */
struct sh_text sh_item_models_fault(const struct sh_item_models *models, enum sh_train_method method);
size_t sh_item_models_bytes(const struct sh_item_models *models, enum sh_train_method method);

/* ---- Asking a table that is there ---- */

/* What the item speaks for; *count is 0 if it is not in the table. Entries' numbers are slots. */
const struct sh_entry *sh_item_models_list(const struct sh_item_models *models, enum sh_train_method method,
                                           uint32_t item, uint32_t *count);
struct sh_fold sh_item_models_fold(const struct sh_item_models *models);
/* The item's vector, copied; false if the table does not have it. */
bool sh_item_models_vector(const struct sh_item_models *models, uint32_t item, float *vector);
/* The sixteen vectors side by side that begin at this slot, a multiple of SH_TRAIN_LANES; those of items that the table
 * does not have are zeros. NULL: it has none from there on. */
const float *sh_item_models_lanes(const struct sh_item_models *models, uint32_t slot);

/* ---- Saving, upkeep ---- */

/* The section "models". Allocates nothing. */
void sh_item_models_save(const struct sh_item_models *models, struct sh_archive_writer *writer);
/* Into models that are as created; on a failure they can only be destroyed. Items are below item_end. Any bytes. */
SH_MUST_CHECK enum sh_status sh_item_models_load(struct sh_item_models *models, uint32_t item_end,
                                                 struct sh_archive_reader *reader);
size_t sh_item_models_memory_bytes(const struct sh_item_models *models);
bool sh_item_models_check(const struct sh_item_models *models, const char **reason);

#endif
