/* methods_feed_users.c -- feed.users_for_item: the users whom an item suits best, among an audience.
 *
 * A part: {users: how many it suits, best: [{id, score, affinity, pairs, walk, reasons, fields?}, ...]}, best first. The
 * merge takes the best of all parts, ties by id.
 */
#include <stdlib.h>

#include "feed_fit.h"
#include "feed_pack.h"
#include "memory.h"
#include "part_answer.h"

enum { FIT_ITEM, FIT_WHERE, FIT_COUNT, FIT_FIELDS, FIT_NOW, FIT_TIMEOUT, FIT_FOR, FIT_PARAM_COUNT };

enum {
    COUNT_DEFAULT = 100,
    /* Some 0.1 ms, where each of them has something to do with the item: as long as some blocks of a plain question. */
    USERS_PER_BLOCK_OF_WORK = 128,
};

struct state {
    struct sh_feed_fit *fit;
    bool has_fields;
    struct sh_row_fields fields;
    uint32_t block; /* the next one */
    uint32_t block_count;
    uint32_t word; /* of `words` that is looked at next; SH_BLOCK_WORDS: all are done */
    uint64_t words[SH_BLOCK_WORDS];
};

/* ---- The question ---- */

static enum sh_status read_fields(struct sh_job *job, const struct sh_param *param, struct sh_error *err) {
    struct state *state = job->state;
    struct sh_cursor cursor;
    state->has_fields = sh_param_given(param);
    if (!state->has_fields) return SH_OK;
    sh_param_cursor(param, &cursor);
    const struct sh_row_source source = {.table = job->workspace->users,
                                         .derived = job->scope.derived,
                                         .hidden = job->scope.hidden,
                                         .now_ms = job->scope.now_ms};
    return sh_row_fields_read(&cursor, &source, &job->arena, &state->fields, err);
}

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    struct state *state = job->state;
    int64_t count = COUNT_DEFAULT;
    uint32_t item;
    enum sh_status status;
    if ((status = sh_feed_read_item(job->workspace, &params[FIT_ITEM], &item, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[FIT_COUNT], "count", 1, SH_FEED_USERS_COUNT_MAX, &count, err)) != SH_OK)
        return status;
    if ((status = sh_job_read_now(job, call, &params[FIT_NOW], &params[FIT_TIMEOUT], err)) != SH_OK) return status;
    if ((status = sh_job_read_for(job, &params[FIT_FOR], true, err)) != SH_OK) return status;
    if ((status = sh_plan_among(job, &params[FIT_WHERE], err)) != SH_OK) return status;
    if ((status = read_fields(job, &params[FIT_FIELDS], err)) != SH_OK) return status;
    state->block_count = sh_plan_block_count(job->plan);
    state->word = SH_BLOCK_WORDS;
    return sh_feed_fit_create(job->workspace->feed, item, job->scope.now_ms, (uint32_t)count, &job->arena, &state->fit,
                              err);
}

/* The audience's users of the next block. */
static enum sh_status next_block(struct sh_job *job, struct sh_error *err) {
    struct state *state = job->state;
    const uint64_t *found;
    uint32_t count;
    const enum sh_status status = sh_plan_run_block(job->plan, state->block, &found, &count, err);
    if (status != SH_OK) return status;
    if (count > 0) {
        memcpy(state->words, found, sizeof state->words);
        count = sh_contact_narrow(&job->gate, state->block, state->words, count);
    }
    state->word = count == 0 ? SH_BLOCK_WORDS : 0;
    return SH_OK;
}

/* Returns how many users were looked at, the rest of the block or a few more than `most`. */
static uint32_t look_at_some(struct state *state, uint32_t most) {
    const uint32_t first = state->word;
    uint32_t looked = 0;
    for (; state->word < SH_BLOCK_WORDS && looked < most; state->word++)
        looked += (uint32_t)__builtin_popcountll(state->words[state->word]);
    sh_feed_fit_offer(state->fit, state->block, state->words + first, first, state->word - first);
    if (state->word == SH_BLOCK_WORDS) state->block++;
    return looked;
}

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    struct state *state = job->state;
    uint64_t left = (uint64_t)block_count * USERS_PER_BLOCK_OF_WORK;
    *done = false;
    while (state->block < state->block_count && left > 0) {
        if (state->word == SH_BLOCK_WORDS) {
            const enum sh_status status = next_block(job, err);
            if (status != SH_OK) return status;
            left -= left < USERS_PER_BLOCK_OF_WORK ? left : USERS_PER_BLOCK_OF_WORK;
        }
        const uint32_t looked = look_at_some(state, left > UINT32_MAX ? UINT32_MAX : (uint32_t)left);
        left -= left < looked ? left : looked;
    }
    *done = state->block == state->block_count;
    return SH_OK;
}

enum sh_status sh_handle_feed_users_for_item(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {
        .prepare = prepare, .step = step, .form = &sh_feed_users_form, .state_bytes = sizeof(struct state)};
    static const char *const words[FIT_PARAM_COUNT] = {"item", "where", "count", "fields", "now", "timeout_ms", "for"};
    static const struct sh_param_names names = {words, FIT_PARAM_COUNT, 0};
    return sh_job_ask(call, &names, &work, err);
}

/* ---- The part ---- */

static void pack_user(const struct sh_job *job, const struct sh_feed_fit_user *user, msgpack_packer *packer) {
    const struct state *state = job->state;
    const struct sh_table *users = job->workspace->users;
    (void)msgpack_pack_map(packer, 6u + state->has_fields);
    sh_pack_literal(packer, "id");
    sh_pack_text(packer, sh_table_id(users, user->user));
    sh_pack_real(packer, "score", user->score);
    sh_pack_real(packer, "affinity", user->affinity);
    sh_pack_real(packer, "pairs", user->pairs);
    sh_pack_real(packer, "walk", user->walk);
    sh_pack_literal(packer, "reasons");
    (void)msgpack_pack_array(packer, user->reason_count);
    for (uint32_t i = 0; i < user->reason_count; i++)
        sh_feed_reason_pack(&user->reasons[i], user->score, packer);
    if (!state->has_fields) return;
    sh_pack_literal(packer, "fields");
    (void)msgpack_pack_map(packer, state->fields.count);
    for (uint32_t i = 0; i < state->fields.count; i++) {
        sh_pack_text(packer, state->fields.fields[i].name);
        sh_row_field_pack(users, user->user, &state->fields.fields[i], packer);
    }
}

static enum sh_status pack_part(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct state *state = job->state;
    struct sh_feed_fit_user *users;
    uint32_t count;
    msgpack_packer packer;
    const enum sh_status status = sh_feed_fit_best(state->fit, &users, &count, err);
    if (status != SH_OK) return status;
    sh_buffer_packer(part, &packer);
    for (uint32_t i = 0; i < count;) {
        if (sh_contact_allows(&job->gate, users[i].user)) {
            i++;
            continue;
        }
        memmove(&users[i], &users[i + 1], (--count - i) * sizeof *users); /* held back since the block was read */
    }
    (void)msgpack_pack_map(&packer, 2 + 1 + sh_job_held_count(job));
    sh_job_pack_held(job, &packer);
    sh_pack_literal(&packer, "users");
    (void)msgpack_pack_uint64(&packer, sh_feed_fit_count(state->fit));
    sh_pack_literal(&packer, "best");
    (void)msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < count; i++)
        pack_user(job, &users[i], &packer);
    return SH_OK;
}

/* ---- The answer ---- */

struct found {
    struct sh_text id;
    double score;
    const uint8_t *begin;
    const uint8_t *end;
};

static int by_score(const void *left, const void *right) {
    const struct found *a = left;
    const struct found *b = right;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return sh_text_compare(a->id, b->id);
}

static uint32_t gather(const struct sh_answer_map *maps, uint32_t part_count, struct found *found) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], "best"));
        while (sh_answer_list_next(&list)) {
            struct sh_answer_map user;
            sh_answer_list_map(&list, &user);
            found[count++] = (struct found){.id = sh_answer_map_text(&user, "id"),
                                            .score = sh_answer_map_real(&user, "score"),
                                            .begin = list.begin,
                                            .end = list.end};
        }
    }
    return count;
}

/* The request's count, which the shards have checked. */
static uint32_t wanted_count(const struct sh_request *request) {
    struct sh_answer_map params;
    const struct sh_answer_pair all = {.begin = request->params, .end = request->params + request->params_count};
    sh_answer_map_read(&params, &all);
    const struct sh_answer_pair *count = sh_answer_map_find(&params, "count");
    if (count == NULL || *count->begin == 0xC0) return COUNT_DEFAULT;
    return (uint32_t)sh_answer_map_uint(&params, "count");
}

static enum sh_status merge(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                            struct sh_buffer *merged, struct sh_error *err) {
    uint64_t users = 0;
    uint64_t capacity = 1;
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], "best"));
        users += sh_answer_map_uint(&maps[i], "users");
        capacity += list.left;
    }
    struct found *found = sh_alloc(capacity * sizeof *found);
    if (found == NULL) return sh_fail_memory(err);
    uint32_t count = gather(maps, part_count, found);
    qsort(found, count, sizeof *found, by_score);
    const uint32_t wanted = wanted_count(request);
    if (count > wanted) count = wanted;
    msgpack_packer packer;
    sh_buffer_packer(merged, &packer);
    (void)msgpack_pack_map(&packer, 2 + 1 + sh_part_held_count(maps));
    sh_pack_literal(&packer, "count");
    (void)msgpack_pack_uint64(&packer, users);
    sh_part_merge_held(maps, part_count, &packer);
    sh_pack_literal(&packer, "users");
    (void)msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < count; i++)
        sh_buffer_append(merged, found[i].begin, (size_t)(found[i].end - found[i].begin));
    sh_free(found);
    return SH_OK;
}

const struct sh_part_form sh_feed_users_form = {pack_part, merge};
