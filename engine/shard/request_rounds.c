#include "request_rounds.h"

#include "answer_map.h"
#include "lookalike_rounds.h"
#include "memory.h"
#include "request_params.h"
#include "shard_private.h"

struct sh_rounds {
    enum sh_merge_step step;
    char from[SH_ID_BYTES_MAX];
    char into[SH_ID_BYTES_MAX];
    uint32_t from_count;
    uint32_t into_count;
    bool merged; /* they were two */
    uint64_t event_count;
    uint64_t duplicate_count;
    enum sh_status status; /* of the round that failed */
    struct sh_error error;
};

void sh_rounds_free(struct sh_rounds *rounds) {
    sh_free(rounds);
}

static struct sh_text from_of(const struct sh_rounds *rounds) {
    return (struct sh_text){rounds->from, rounds->from_count};
}

static struct sh_text into_of(const struct sh_rounds *rounds) {
    return (struct sh_text){rounds->into, rounds->into_count};
}

/* ---- Parts ---- */

static void parts_free(struct sh_split *split) {
    for (uint32_t i = 0; i < split->part_count; i++)
        sh_buffer_deinit(&split->parts[i].params);
    split->part_count = 0;
}

/* person may be empty: none. */
static void pack_part(struct sh_text from, struct sh_text into, enum sh_merge_step step, struct sh_text person,
                      struct sh_buffer *params) {
    msgpack_packer packer;
    sh_buffer_packer(params, &packer);
    (void)msgpack_pack_map(&packer, 3u + (person.count > 0));
    sh_pack_literal(&packer, "from");
    sh_pack_text(&packer, from);
    sh_pack_literal(&packer, "into");
    sh_pack_text(&packer, into);
    sh_pack_literal(&packer, "step");
    (void)msgpack_pack_int(&packer, (int)step);
    if (person.count == 0) return;
    sh_pack_literal(&packer, "person");
    (void)msgpack_pack_bin(&packer, person.count);
    sh_buffer_append(params, person.bytes, person.count);
}

static void add_part(struct sh_split *split, uint32_t shard, struct sh_text person) {
    const struct sh_rounds *rounds = split->rounds;
    struct sh_part *part = &split->parts[split->part_count++];
    *part = (struct sh_part){.shard = shard};
    sh_buffer_init(&part->params, SH_PART_BYTES_MAX);
    pack_part(from_of(rounds), into_of(rounds), rounds->step, person, &part->params);
}

static const enum sh_part_kind part_kinds[] = {[SH_MERGE_HOLD] = SH_PART_HOLD,
                                               [SH_MERGE_TAKE] = SH_PART_TAKE,
                                               [SH_MERGE_END] = SH_PART_END,
                                               [SH_MERGE_LET_GO] = SH_PART_LET_GO};

/* The round to come, whose parts take the place of those before. */
static enum sh_status begin_round(struct sh_split *split, enum sh_merge_step step, struct sh_text person,
                                  struct sh_error *err) {
    const uint32_t shard_count = split->shard_count;
    const uint32_t of_from = sh_shard_of_user(from_of(split->rounds), shard_count);
    const uint32_t of_into = sh_shard_of_user(into_of(split->rounds), shard_count);
    split->rounds->step = step;
    split->kind = part_kinds[step];
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        const bool is_asked = step == SH_MERGE_END    ? true
                              : step == SH_MERGE_TAKE ? shard == of_into
                                                      : shard == of_from || shard == of_into;
        if (is_asked) add_part(split, shard, person);
    }
    for (uint32_t i = 0; i < split->part_count; i++)
        if (split->parts[i].params.failed) return sh_fail_memory(err);
    return SH_OK;
}

/* ---- The first round ---- */

static enum sh_status read_id(const struct sh_param *param, const char *name, const struct sh_aliases *aliases,
                              char bytes[SH_ID_BYTES_MAX], uint32_t *count, struct sh_error *err) {
    struct sh_id_reader id;
    struct sh_cursor cursor;
    enum sh_status status = sh_param_require(param, name, err);
    if (status != SH_OK) return status;
    sh_param_cursor(param, &cursor);
    if ((status = sh_id_read(&id, &cursor, name, err)) != SH_OK) return status;
    if ((status = sh_id_check(id.text, err)) != SH_OK) return status;
    const struct sh_text user = aliases == NULL ? id.text : sh_aliases_resolve(aliases, id.text);
    memcpy(bytes, user.bytes, user.count);
    *count = user.count;
    return SH_OK;
}

enum sh_status sh_rounds_begin(const struct sh_request *request, const struct sh_aliases *aliases,
                               struct sh_split *split, struct sh_error *err) {
    static const char *const words[] = {"from", "into"};
    static const struct sh_param_names names = {words, 2, 0};
    struct sh_param params[2];
    enum sh_status status = sh_params_read(request->params, request->params_count, &names, params, NULL, err);
    if (status != SH_OK) return status;
    struct sh_rounds *rounds = sh_alloc_zero(sizeof *rounds);
    if (rounds == NULL) return sh_fail_memory(err);
    split->rounds = rounds;
    if ((status = read_id(&params[0], "from", aliases, rounds->from, &rounds->from_count, err)) != SH_OK) return status;
    if ((status = read_id(&params[1], "into", aliases, rounds->into, &rounds->into_count, err)) != SH_OK) return status;
    rounds->merged = !sh_text_equal(from_of(rounds), into_of(rounds));
    if (rounds->merged) return begin_round(split, SH_MERGE_HOLD, (struct sh_text){0}, err);
    /* One user already, as far as this shard knows. Should an earlier try have failed half way, the others learn it
     * now: so the names are those of the request. */
    if ((status = read_id(&params[0], "from", NULL, rounds->from, &rounds->from_count, err)) != SH_OK) return status;
    return begin_round(split, SH_MERGE_END, (struct sh_text){0}, err);
}

/* ---- A round that was lost ---- */

enum sh_status sh_merge_part(const struct sh_request *hold, enum sh_part_kind kind, struct sh_buffer *params,
                             struct sh_error *err) {
    static const char *const words[] = {"from", "into", "step"};
    static const struct sh_param_names names = {words, 3, 0};
    struct sh_param given[3];
    char from[SH_ID_BYTES_MAX];
    char into[SH_ID_BYTES_MAX];
    uint32_t from_count;
    uint32_t into_count;
    sh_assert(kind == SH_PART_END || kind == SH_PART_LET_GO);
    enum sh_status status = sh_params_read(hold->params, hold->params_count, &names, given, NULL, err);
    if (status == SH_OK) status = read_id(&given[0], "from", NULL, from, &from_count, err);
    if (status == SH_OK) status = read_id(&given[1], "into", NULL, into, &into_count, err);
    if (status != SH_OK) return status;
    pack_part((struct sh_text){from, from_count}, (struct sh_text){into, into_count},
              kind == SH_PART_END ? SH_MERGE_END : SH_MERGE_LET_GO, (struct sh_text){0}, params);
    return params->failed ? sh_fail_memory(err) : SH_OK;
}

/* ---- From round to round ---- */

/* What the shard of `from` packed; empty if there is no such user. It stands in the answer's bytes. */
static struct sh_text person_of(const struct sh_split *split, const struct sh_part_result *results) {
    for (uint32_t i = 0; i < split->part_count; i++) {
        struct sh_answer_map map;
        sh_answer_map_read_body(&map, results[i].body);
        const struct sh_answer_pair *pair = sh_answer_map_find(&map, "person");
        if (pair == NULL) continue;
        struct sh_cursor cursor;
        struct sh_value value;
        sh_cursor_init(&cursor, pair->begin, (size_t)(pair->end - pair->begin));
        const enum sh_status status = sh_cursor_next(&cursor, &value, NULL);
        sh_assert(status == SH_OK);
        sh_assert(value.kind == SH_VALUE_BIN);
        return value.text;
    }
    return (struct sh_text){0};
}

static void note_added(struct sh_rounds *rounds, const struct sh_part_result *result) {
    struct sh_answer_map map;
    sh_answer_map_read_body(&map, result->body);
    rounds->event_count = sh_answer_map_uint(&map, "events");
    rounds->duplicate_count = sh_answer_map_uint(&map, "duplicates");
}

/* Only the shards whose hold succeeded are to let go; a part that failed holds nothing. */
static enum sh_status begin_letting_go(struct sh_split *split, const struct sh_part_result *results, bool *more,
                                       struct sh_error *err) {
    uint32_t shards[2];
    uint32_t count = 0;
    const uint32_t of_from = sh_shard_of_user(from_of(split->rounds), split->shard_count);
    const uint32_t of_into = sh_shard_of_user(into_of(split->rounds), split->shard_count);
    if (split->rounds->step == SH_MERGE_HOLD) {
        for (uint32_t i = 0; i < split->part_count; i++)
            if (results[i].status == SH_OK) shards[count++] = split->parts[i].shard;
    } else {
        shards[count++] = of_from;
        if (of_into != of_from) shards[count++] = of_into;
    }
    parts_free(split);
    split->rounds->step = SH_MERGE_LET_GO;
    split->kind = SH_PART_LET_GO;
    for (uint32_t i = 0; i < count; i++) {
        add_part(split, shards[i], (struct sh_text){0});
        if (split->parts[i].params.failed) return sh_fail_memory(err);
    }
    *more = count > 0;
    return SH_OK;
}

/* The round is over, and not well. */
static enum sh_status fail_round(struct sh_split *split, const struct sh_part_result *results,
                                 const struct sh_part_result *failed, bool *more, struct sh_error *err) {
    struct sh_rounds *rounds = split->rounds;
    rounds->status = failed->status;
    rounds->error = *failed->err;
    if (rounds->step == SH_MERGE_HOLD || rounds->step == SH_MERGE_TAKE) {
        const enum sh_status status = begin_letting_go(split, results, more, err);
        if (status != SH_OK || *more) return status;
    }
    if (err != NULL) *err = rounds->error;
    return rounds->status;
}

static enum sh_status next_round(struct sh_split *split, const struct sh_part_result *results, bool *more,
                                 struct sh_error *err) {
    struct sh_rounds *rounds = split->rounds;
    struct sh_text person = {0};
    *more = true;
    switch (rounds->step) {
    case SH_MERGE_HOLD:
        person = person_of(split, results);
        parts_free(split);
        return begin_round(split, person.count > 0 ? SH_MERGE_TAKE : SH_MERGE_END, person, err);
    case SH_MERGE_TAKE:
        note_added(rounds, &results[0]);
        parts_free(split);
        return begin_round(split, SH_MERGE_END, (struct sh_text){0}, err);
    case SH_MERGE_END:
        *more = false;
        return SH_OK;
    case SH_MERGE_LET_GO:
        break;
    }
    *more = false;
    if (err != NULL) *err = rounds->error;
    return rounds->status;
}

enum sh_status sh_request_next(const struct sh_request *request, struct sh_split *split,
                               const struct sh_part_result *results, bool *more, struct sh_error *err) {
    *more = false;
    if (split->question_round == 1) {
        const enum sh_status status = sh_lookalike_next(request, split, results, err);
        *more = status == SH_OK;
        return status;
    }
    sh_assert(split->rounds != NULL);
    for (uint32_t i = 0; i < split->part_count; i++)
        if (results[i].status != SH_OK) return fail_round(split, results, &results[i], more, err);
    return next_round(split, results, more, err);
}

/* ---- The answer ---- */

void sh_merge_pack(bool merged, uint64_t event_count, uint64_t duplicate_count, struct sh_buffer *body) {
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    sh_pack_literal(&packer, "merged");
    if (merged)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
    sh_pack_literal(&packer, "events");
    (void)msgpack_pack_uint64(&packer, event_count);
    sh_pack_literal(&packer, "duplicates");
    (void)msgpack_pack_uint64(&packer, duplicate_count);
}

void sh_rounds_answer(const struct sh_rounds *rounds, struct sh_buffer *merged) {
    msgpack_packer packer;
    sh_buffer_packer(merged, &packer);
    (void)msgpack_pack_map(&packer, 4); /* and took_us */
    sh_merge_pack(rounds->merged, rounds->event_count, rounds->duplicate_count, merged);
}
