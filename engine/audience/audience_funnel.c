#include "audience_funnel.h"

#include <string.h>

#include "memory.h"

/* A block takes about as long as so many blocks of a plain audience, and the server counts in those. */
enum { BLOCKS_OF_WORK = 8 };

struct sh_funnel {
    struct sh_plan *among;
    struct sh_sequence *sequence;
    uint32_t by;
    uint32_t block; /* the next one */
    uint32_t block_count;
    uint32_t step_count;
    uint64_t among_count;
    uint64_t users[SH_SEQUENCE_STEP_COUNT_MAX];
    uint64_t missing[SH_SEQUENCE_STEP_COUNT_MAX];
    struct sh_tally from_first[SH_SEQUENCE_STEP_COUNT_MAX];
    struct sh_tally from_previous[SH_SEQUENCE_STEP_COUNT_MAX];
    uint64_t *by_code; /* step_count each */
    uint32_t code_count;
    uint32_t unit_s;
    enum sh_status status; /* of what went on inside a block */
    uint64_t began[SH_BLOCK_WORDS];
};

static enum sh_status fail_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory while counting a funnel");
}

static const struct sh_attribute *by_attribute(const struct sh_funnel *funnel) {
    return sh_table_attribute(funnel->among->scope.table, funnel->by);
}

/* A counter for each unit of the longest time that there can be. */
static enum sh_status init_tallies(struct sh_funnel *funnel) {
    const struct sh_sequence *sequence = funnel->sequence;
    const int64_t window_ms = sequence->until_ms - sequence->from_ms;
    const int64_t longest_ms = sequence->within_ms < window_ms ? sequence->within_ms : window_ms;
    static const uint32_t units[] = {1, 60, 3600};
    uint32_t unit = 0;
    while (unit < 2 && longest_ms / SH_SECOND_MS / units[unit] >= SH_TALLY_DENSE_COUNT_MAX)
        unit++;
    funnel->unit_s = units[unit];
    enum sh_status status = SH_OK;
    for (uint32_t step = 1; step < funnel->step_count && status == SH_OK; step++) {
        const int64_t high = longest_ms / SH_SECOND_MS / funnel->unit_s;
        status = sh_tally_init(&funnel->from_first[step], 0, high, 1);
        if (status == SH_OK) status = sh_tally_init(&funnel->from_previous[step], 0, high, 1);
    }
    return status;
}

enum sh_status sh_funnel_create(struct sh_plan *among, struct sh_sequence *sequence, uint32_t by,
                                struct sh_funnel **created, struct sh_error *err) {
    *created = NULL;
    if (by != SH_FUNNEL_BY_NONE) {
        const struct sh_attribute *attribute = sh_table_attribute(among->scope.table, by);
        if (attribute->type != SH_TYPE_BOOL && attribute->type != SH_TYPE_ENUM && attribute->type != SH_TYPE_STRING)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "a funnel goes by a bool, an enum or a string; `%.*s` is none",
                           SH_TEXT_ARGS(attribute->name));
    }
    struct sh_funnel *funnel = sh_alloc_zero(sizeof *funnel);
    if (funnel == NULL) return fail_memory(err);
    funnel->among = among;
    funnel->sequence = sequence;
    funnel->by = by;
    funnel->block_count = sh_plan_block_count(among);
    funnel->step_count = sequence->step_count;
    const enum sh_status status = init_tallies(funnel);
    if (status != SH_OK) {
        sh_funnel_destroy(funnel);
        return fail_memory(err);
    }
    *created = funnel;
    return SH_OK;
}

void sh_funnel_destroy(struct sh_funnel *funnel) {
    if (funnel == NULL) return;
    for (uint32_t i = 0; i < funnel->step_count; i++) {
        sh_tally_deinit(&funnel->from_first[i]);
        sh_tally_deinit(&funnel->from_previous[i]);
    }
    sh_free(funnel->by_code);
    sh_free(funnel);
}

/* ---- By an attribute ---- */

/* A string may be new since the last block. */
static bool reserve_code(struct sh_funnel *funnel, uint64_t code) {
    if (code < funnel->code_count) return true;
    uint64_t count = funnel->code_count < 16 ? 16 : funnel->code_count;
    while (count <= code)
        count *= 2;
    const size_t row_bytes = funnel->step_count * sizeof *funnel->by_code;
    uint64_t *grown = sh_realloc(funnel->by_code, funnel->code_count * row_bytes, (size_t)count * row_bytes);
    if (grown == NULL) return false;
    memset(grown + (size_t)funnel->code_count * funnel->step_count, 0,
           ((size_t)count - funnel->code_count) * row_bytes);
    funnel->by_code = grown;
    funnel->code_count = (uint32_t)count;
    return true;
}

/* Where the counts of the user's value are. NULL: memory is out. */
static uint64_t *counts_of(struct sh_funnel *funnel, uint32_t slot) {
    int64_t code;
    if (!sh_column_get(&by_attribute(funnel)->column, slot, &code)) return funnel->missing;
    if (!reserve_code(funnel, (uint64_t)code)) return NULL;
    return funnel->by_code + (size_t)code * funnel->step_count;
}

static bool count_began(struct sh_funnel *funnel, uint32_t base) {
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w++) {
        for (uint64_t rest = funnel->began[w]; rest != 0; rest &= rest - 1) {
            uint64_t *counts = counts_of(funnel, base + w * 64 + (uint32_t)__builtin_ctzll(rest));
            if (counts == NULL) return false;
            counts[0]++;
        }
    }
    return true;
}

/* ---- A block ---- */

static void add_time(struct sh_funnel *funnel, struct sh_tally *tally, int64_t ms) {
    const enum sh_status status = sh_tally_add(tally, ms / SH_SECOND_MS / funnel->unit_s);
    if (status != SH_OK) funnel->status = status;
}

static void take_path(void *context, uint32_t slot_low, const struct sh_sequence_path *path) {
    struct sh_funnel *funnel = context;
    for (uint32_t step = 1; step < path->reached; step++) {
        funnel->users[step]++;
        add_time(funnel, &funnel->from_first[step], path->since_first_ms[step]);
        add_time(funnel, &funnel->from_previous[step], path->since_previous_ms[step]);
    }
    if (funnel->by == SH_FUNNEL_BY_NONE || path->reached < 2) return;
    uint64_t *counts = counts_of(funnel, funnel->block * SH_BLOCK_SLOTS + slot_low);
    if (counts == NULL) funnel->status = SH_ERR_MEMORY;
    for (uint32_t step = 1; step < path->reached && counts != NULL; step++)
        counts[step]++;
}

static enum sh_status run_block(struct sh_funnel *funnel, struct sh_error *err) {
    const uint64_t *words;
    uint32_t count;
    enum sh_status status = sh_plan_run_block(funnel->among, funnel->block, &words, &count, err);
    if (status != SH_OK || count == 0) return status;
    funnel->among_count += count;
    const struct sh_sequence_block block = {.block = funnel->block,
                                            .candidates = words,
                                            .least = funnel->step_count < 2 ? 1 : 2,
                                            .began = funnel->began,
                                            .take = take_path,
                                            .context = funnel};
    status = sh_sequence_block_run(funnel->sequence, funnel->among->scope.events, &block, err);
    if (status != SH_OK) return status;
    funnel->users[0] += sh_bits->popcount(funnel->began, SH_BLOCK_WORDS);
    if (funnel->by != SH_FUNNEL_BY_NONE && !count_began(funnel, funnel->block * SH_BLOCK_SLOTS))
        funnel->status = SH_ERR_MEMORY;
    return funnel->status == SH_OK ? SH_OK : fail_memory(err);
}

enum sh_status sh_funnel_step(struct sh_funnel *funnel, uint32_t block_count, bool *done, struct sh_error *err) {
    *done = false;
    for (uint32_t left = block_count; left > 0 && funnel->block < funnel->block_count;
         left -= left < BLOCKS_OF_WORK ? left : BLOCKS_OF_WORK, funnel->block++) {
        const enum sh_status status = run_block(funnel, err);
        if (status != SH_OK) return status;
    }
    *done = funnel->block >= funnel->block_count;
    return SH_OK;
}

/* ---- The answer ---- */

uint64_t sh_funnel_among(const struct sh_funnel *funnel) {
    return funnel->among_count;
}

uint64_t sh_funnel_users(const struct sh_funnel *funnel, uint32_t step) {
    return funnel->users[step];
}

uint32_t sh_funnel_unit_s(const struct sh_funnel *funnel) {
    return funnel->unit_s;
}

const struct sh_tally *sh_funnel_from_first(const struct sh_funnel *funnel, uint32_t step) {
    return &funnel->from_first[step];
}

const struct sh_tally *sh_funnel_from_previous(const struct sh_funnel *funnel, uint32_t step) {
    return &funnel->from_previous[step];
}

uint32_t sh_funnel_code_count(const struct sh_funnel *funnel) {
    return funnel->code_count;
}

const uint64_t *sh_funnel_by_code(const struct sh_funnel *funnel, uint32_t code) {
    return funnel->by_code + (size_t)code * funnel->step_count;
}

const uint64_t *sh_funnel_missing(const struct sh_funnel *funnel) {
    return funnel->missing;
}
