/* effects.c -- what a request taught the feed about items, summed for the sibling shards.
 *
 * A batch of a few thousand events names a few hundred items: one sum for each item and period is what travels. Slots
 * mean nothing in another shard, so an item goes by its id:
 *
 *   {items: [[id, period, amount], ...  [id], ...]}     [id] alone: became known, and that is all
 *   {swept: now}                                        a day has begun: what is kept no longer goes
 *   {forgotten: [user, ...]}                            what user.forget tells: these users' other names are free again
 *
 * rfm.refresh teaches something else (methods_rfm.c):
 *
 *   {rfm: [id, now, counts]}
 */
#include "shard_private.h"

enum { SLOTS_MIN = 64 };

struct sh_effects {
    struct sh_arena *arena;
    struct sh_feed_effect *sums; /* in order of first sight */
    uint32_t count;
    uint32_t capacity;
    uint32_t *table; /* open addressing: place in sums + 1, or 0; twice the capacity of sums, at least */
    uint32_t table_mask;
    bool has_swept;
    int64_t swept_ms;
};

/* The period that says that there is no effect: no time a server accepts comes near it. */
#define NO_PERIOD INT32_MIN

static uint32_t place_of(const struct sh_effects *effects, uint32_t item, int32_t period) {
    const uint64_t word = ((uint64_t)item << 32 | (uint32_t)period) * 0x9E3779B97F4A7C15u;
    uint32_t at = (uint32_t)(word >> 32) & effects->table_mask;
    while (effects->table[at] != 0) {
        const struct sh_feed_effect *sum = &effects->sums[effects->table[at] - 1];
        if (sum->item == item && sum->period == period) break;
        at = (at + 1) & effects->table_mask;
    }
    return at;
}

static enum sh_status grow(struct sh_effects *effects, struct sh_error *err) {
    const uint32_t capacity = effects->capacity == 0 ? SLOTS_MIN : effects->capacity * 2;
    struct sh_feed_effect *sums = sh_arena_alloc(effects->arena, capacity * sizeof *sums);
    uint32_t *table = sh_arena_alloc_zero(effects->arena, 2 * (size_t)capacity * sizeof *table);
    if (sums == NULL || table == NULL) return sh_fail_memory(err);
    if (effects->count > 0) memcpy(sums, effects->sums, effects->count * sizeof *sums);
    effects->sums = sums;
    effects->capacity = capacity;
    effects->table = table;
    effects->table_mask = 2 * capacity - 1;
    for (uint32_t i = 0; i < effects->count; i++)
        effects->table[place_of(effects, sums[i].item, sums[i].period)] = i + 1;
    return SH_OK;
}

static enum sh_status make(struct sh_effects **made, struct sh_arena *arena, struct sh_error *err) {
    if (*made != NULL) return SH_OK;
    *made = sh_arena_alloc_zero(arena, sizeof **made);
    if (*made == NULL) return sh_fail_memory(err);
    (*made)->arena = arena;
    return SH_OK;
}

enum sh_status sh_effects_add_sweep(struct sh_effects **effects, struct sh_arena *arena, int64_t now_ms,
                                    struct sh_error *err) {
    const enum sh_status status = make(effects, arena, err);
    if (status != SH_OK) return status;
    (*effects)->has_swept = true;
    (*effects)->swept_ms = now_ms;
    return SH_OK;
}

enum sh_status sh_effects_add(struct sh_effects **made, struct sh_arena *arena, const struct sh_feed_effect *effect,
                              struct sh_error *err) {
    enum sh_status status = make(made, arena, err);
    if (status != SH_OK) return status;
    struct sh_effects *effects = *made;
    if (effects->count == effects->capacity && (status = grow(effects, err)) != SH_OK) return status;
    const uint32_t at = place_of(effects, effect->item, effect->period);
    if (effects->table[at] != 0) {
        effects->sums[effects->table[at] - 1].amount += effect->amount;
        return SH_OK;
    }
    effects->sums[effects->count++] = *effect;
    effects->table[at] = effects->count;
    return SH_OK;
}

enum sh_status sh_effects_add_item(struct sh_effects **effects, struct sh_arena *arena, uint32_t item,
                                   struct sh_error *err) {
    const struct sh_feed_effect nothing = {.item = item, .period = NO_PERIOD, .amount = 0};
    return sh_effects_add(effects, arena, &nothing, err);
}

void sh_effects_pack(const struct sh_effects *effects, const struct sh_workspace *workspace, struct sh_buffer *buffer) {
    if (effects == NULL || (effects->count == 0 && !effects->has_swept)) return;
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    (void)msgpack_pack_map(&packer, 1u + effects->has_swept);
    if (effects->has_swept) {
        sh_pack_literal(&packer, "swept");
        (void)msgpack_pack_int64(&packer, effects->swept_ms);
    }
    sh_pack_literal(&packer, "items");
    (void)msgpack_pack_array(&packer, effects->count);
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct sh_feed_effect *sum = &effects->sums[i];
        const bool is_known_only = sum->period == NO_PERIOD;
        (void)msgpack_pack_array(&packer, is_known_only ? 1 : 3);
        sh_pack_text(&packer, sh_table_id(workspace->items, sum->item));
        if (is_known_only) continue;
        (void)msgpack_pack_int32(&packer, sum->period);
        (void)msgpack_pack_int64(&packer, sum->amount);
    }
}

static enum sh_status learn_one(struct sh_call *call, struct sh_cursor *cursor, struct sh_error *err) {
    struct sh_workspace *workspace = call->workspace;
    struct sh_id_reader id;
    uint32_t count;
    int64_t period;
    struct sh_feed_effect effect;
    enum sh_status status;
    if ((status = sh_cursor_array(cursor, &count, "an effect", err)) != SH_OK) return status;
    if (count != 1 && count != 3) return sh_fail(err, SH_ERR_ARGUMENT, -1, "an effect is [id] or [id, period, amount]");
    if ((status = sh_id_read(&id, cursor, "an item's id", err)) != SH_OK) return status;
    if (count == 3) {
        if ((status = sh_cursor_integer(cursor, INT32_MIN + 1, INT32_MAX, &period, "a period", err)) != SH_OK)
            return status;
        status = sh_cursor_integer(cursor, INT64_MIN, INT64_MAX, &effect.amount, "an amount", err);
        if (status != SH_OK) return status;
        effect.period = (int32_t)period;
    }
    status = sh_table_intern(workspace->items, id.text, sh_id_hash(id.text), &effect.item, NULL, err);
    if (status != SH_OK || count == 1) return status;
    return sh_feed_learn_effect(workspace->feed, &effect) == SH_OK ? SH_OK : sh_fail_memory(err);
}

/* Users who were forgotten in another shard, and had other names. */
static enum sh_status learn_forgotten(struct sh_call *call, const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "forgotten", UINT32_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        struct sh_id_reader id;
        bool known;
        if ((status = sh_id_read(&id, &cursor, "a user's id", err)) != SH_OK) return status;
        status = sh_aliases_forget(&call->workspace->aliases, id.text, &known, err);
    }
    return status;
}

enum sh_status sh_handle_shard_learn(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"items", "forgotten", "rfm", "swept"};
    static const struct sh_param_names names = {words, 4, 0};
    struct sh_param params[4];
    struct sh_cursor cursor;
    uint32_t count;
    const struct sh_request *request = call->request;
    enum sh_status status;
    if ((status = sh_params_read(request->params, request->params_count, &names, params, NULL, err)) != SH_OK)
        return status;
    if ((status = sh_param_array(&params[0], "items", UINT32_MAX, &cursor, &count, err)) != SH_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        if ((status = learn_one(call, &cursor, err)) != SH_OK) return status;
    }
    if ((status = learn_forgotten(call, &params[1], err)) != SH_OK) return status;
    if (sh_param_given(&params[2]) && (status = sh_rfm_learn_part(call, &params[2], err)) != SH_OK) return status;
    if (sh_param_given(&params[3])) {
        int64_t now_ms;
        status = sh_param_integer(&params[3], "swept", SH_INSTANT_MIN, SH_INSTANT_MAX, &now_ms, err);
        if (status != SH_OK) return status;
        (void)sh_workspace_sweep(call->workspace, now_ms);
    }
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 0);
    return SH_OK;
}
