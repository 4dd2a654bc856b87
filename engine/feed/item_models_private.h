/* item_models_private.h -- for the files of the tables. */
#ifndef SH_ITEM_MODELS_PRIVATE_H
#define SH_ITEM_MODELS_PRIVATE_H

#include "item_models.h"

/* A table, whole or as far as it came. */
struct item_table {
    struct sh_model_head head; /* number 0: there is none */
    uint32_t part_count;
    uint32_t part; /* the last that came; part_count: it is whole */
    uint32_t row_count;
    uint32_t entries_used;
    uint32_t *slots; /* by row: item_count */
    uint32_t slot_capacity, row_capacity, begin_capacity, entry_capacity;
    uint32_t slot_end;        /* above the highest slot of a row */
    float *gram;              /* of factors */
    float *rows;              /* of factors, until it is whole: row by row */
    float *lanes;             /* of factors, when it is whole: by slot, sixteen side by side */
    uint64_t *has;            /* of factors, likewise: a bit a slot */
    uint32_t *begin;          /* of lists: by row, and by slot when it is whole; one more at the end */
    struct sh_entry *entries; /* numbers are rows, and slots when it is whole */
};

struct item_model {
    struct sh_model_plan plan;
    uint64_t done_number; /* of the plan that a table came for, or that failed */
    int64_t done_ms;
    char fault[SH_MODEL_FAULT_BYTES_MAX];
    uint32_t fault_count;
    struct item_table table;  /* in use, whole */
    struct item_table coming; /* never whole */
};

struct sh_item_models {
    struct item_model models[SH_TRAIN_METHOD_COUNT];
    uint64_t last_number;
};

void item_table_deinit(struct item_table *table);
/* A table without rows. */
SH_MUST_CHECK enum sh_status item_table_begin(struct item_table *table, const struct sh_model_head *head,
                                              uint32_t part_count);
/* Room for so many rows and entries in all: what has come, not what the head promises. */
SH_MUST_CHECK enum sh_status item_table_reserve(struct item_table *table, uint32_t row_count, uint32_t entry_count);
/* All rows are there: by slot from here on. */
SH_MUST_CHECK enum sh_status item_table_complete(struct item_table *table);
/* Rows and numbers as they may be? NULL, or what is wrong. */
const char *item_table_fault(const struct item_table *table, uint32_t item_end);
/* All of its numbers are numbers, and none is beyond what sums of good rows can be. NULL is good. */
bool item_gram_is_good(const float *gram, uint32_t dimension);
/* Is there such a head? Memory is judged, too. */
SH_MUST_CHECK enum sh_status item_head_check(const struct sh_model_head *head, struct sh_error *err);

#endif
