/* effects.c -- what a request taught the feed about items, summed for the sibling shards.
 *
 * A batch of a few thousand events names a few hundred items: one sum for each item and period is what travels. Slots
 * mean nothing in another shard, so an item goes by its id:
 *
 *   {items: [[id, period, amount], ...  [id], ...]}     [id] alone: became known, and that is all
 *   {items: ..., clicks: [[key, start, i, place, 16 behind_count + behind], ...]}
 *                                                       steps of visits (sessions.h); i counts the items from 0
 *   {items: ..., pairs: [[i, added, is_bought, j, gain, j, gain, ...]]}
 *                                                       steps of pairs (pairs.h); i and j count the items from 0
 *   {items: ..., acts: [[rec, i, goal, amount], ...]}   what events say of feeds that were served (served.h)
 *   {items: ..., trends: [[i, store, short period, short amount, long period, long amount], ...]}
 *                                                       acts of trends (trends.h); store is a text, empty for none
 *   {swept: now}                                        a day has begun: what is kept no longer goes
 *   {forgotten: [user, ...], visits: [key, ...]}        what user.forget tells: these users' other names are free
 *                                                       again, these visits are gone
 *   {served: [hash, ...]}                               and what was served to them is nobody's
 *
 * Refreshes teach something else (methods_rfm.c, methods_referral.c), and user.forget takes some of it back:
 *
 *   {rfm: [id, now, counts]}
 *   {referral: [id, now, plan, [inviter, [n, ...], ...]]}      {uninvited: [[id, now, plan, inviter, [n, ...]], ...]}
 */
#include "hash.h"
#include "shard_private.h"

enum { SLOTS_MIN = 64 };

/* Its items are places in sums. */
struct told_pairs {
    struct sh_pair_step step;
    bool is_bought;
};

/* Whose item is a place in sums. */
struct told_trend {
    struct sh_trend_act act;
    uint32_t place;
};

struct sh_effects {
    struct sh_arena *arena;
    struct told_trend *trends;
    uint32_t trend_count;
    uint32_t trend_capacity;
    uint32_t *trend_table; /* as table below */
    uint32_t trend_table_mask;
    struct sh_feed_effect *sums; /* in order of first sight */
    uint32_t count;
    uint32_t capacity;
    struct sh_session_click *clicks; /* whose item is a place in sums */
    uint32_t click_count;
    uint32_t click_capacity;
    struct told_pairs *pairs;
    uint32_t pairs_count;
    uint32_t pairs_capacity;
    struct sh_learner_act *acts; /* likewise */
    uint32_t act_count;
    uint32_t act_capacity;
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

/* *place among the sums. */
static enum sh_status add_effect(struct sh_effects *effects, const struct sh_feed_effect *effect, uint32_t *place,
                                 struct sh_error *err) {
    if (effects->count == effects->capacity) {
        const enum sh_status status = grow(effects, err);
        if (status != SH_OK) return status;
    }
    const uint32_t at = place_of(effects, effect->item, effect->period);
    if (effects->table[at] != 0) {
        *place = effects->table[at] - 1;
        effects->sums[*place].amount += effect->amount;
        return SH_OK;
    }
    *place = effects->count++;
    effects->sums[*place] = *effect;
    effects->table[at] = effects->count;
    return SH_OK;
}

static enum sh_status add_click(struct sh_effects *effects, const struct sh_session_click *click, uint32_t place,
                                struct sh_error *err) {
    if (effects->click_count == effects->click_capacity) {
        const uint32_t capacity = effects->click_capacity == 0 ? SLOTS_MIN : effects->click_capacity * 2;
        struct sh_session_click *clicks = sh_arena_alloc(effects->arena, capacity * sizeof *clicks);
        if (clicks == NULL) return sh_fail_memory(err);
        if (effects->click_count > 0) memcpy(clicks, effects->clicks, effects->click_count * sizeof *clicks);
        effects->clicks = clicks;
        effects->click_capacity = capacity;
    }
    effects->clicks[effects->click_count] = *click;
    effects->clicks[effects->click_count++].item = place;
    return SH_OK;
}

static enum sh_status add_pairs(struct sh_effects *effects, const struct sh_pair_step *step, bool is_bought,
                                struct sh_error *err) {
    if (step->item == SH_NO_ITEM || step->added == 0) return SH_OK;
    struct told_pairs told = {.step = *step, .is_bought = is_bought};
    struct sh_feed_effect known = {.item = step->item, .period = NO_PERIOD};
    enum sh_status status = add_effect(effects, &known, &told.step.item, err);
    for (uint32_t i = 0; i < step->count && status == SH_OK; i++) {
        known.item = step->gains[i].item;
        status = add_effect(effects, &known, &told.step.gains[i].item, err);
    }
    if (status == SH_OK && effects->pairs_count == effects->pairs_capacity) {
        const uint32_t capacity = effects->pairs_capacity == 0 ? SLOTS_MIN : effects->pairs_capacity * 2;
        struct told_pairs *pairs = sh_arena_alloc(effects->arena, capacity * sizeof *pairs);
        if (pairs == NULL) return sh_fail_memory(err);
        if (effects->pairs_count > 0) memcpy(pairs, effects->pairs, effects->pairs_count * sizeof *pairs);
        effects->pairs = pairs;
        effects->pairs_capacity = capacity;
    }
    if (status == SH_OK) effects->pairs[effects->pairs_count++] = told;
    return status;
}

static uint32_t trend_place(const struct sh_effects *effects, const struct sh_trend_act *act, uint32_t place) {
    const uint64_t periods = (uint64_t)(uint32_t)act->short_period << 32 | (uint32_t)act->long_period;
    uint32_t at = (uint32_t)sh_hash_mix((uint64_t)place << 32 | act->store, periods) & effects->trend_table_mask;
    for (; effects->trend_table[at] != 0; at = (at + 1) & effects->trend_table_mask) {
        const struct told_trend *told = &effects->trends[effects->trend_table[at] - 1];
        if (told->place == place && told->act.store == act->store && told->act.short_period == act->short_period &&
            told->act.long_period == act->long_period)
            break;
    }
    return at;
}

static enum sh_status grow_trends(struct sh_effects *effects, struct sh_error *err) {
    const uint32_t capacity = effects->trend_capacity == 0 ? SLOTS_MIN : effects->trend_capacity * 2;
    struct told_trend *trends = sh_arena_alloc(effects->arena, capacity * sizeof *trends);
    uint32_t *table = sh_arena_alloc_zero(effects->arena, 2 * (size_t)capacity * sizeof *table);
    if (trends == NULL || table == NULL) return sh_fail_memory(err);
    if (effects->trend_count > 0) memcpy(trends, effects->trends, effects->trend_count * sizeof *trends);
    effects->trends = trends;
    effects->trend_capacity = capacity;
    effects->trend_table = table;
    effects->trend_table_mask = 2 * capacity - 1;
    for (uint32_t i = 0; i < effects->trend_count; i++)
        table[trend_place(effects, &trends[i].act, trends[i].place)] = i + 1;
    return SH_OK;
}

/* Acts of the same item, store and periods are one. */
static enum sh_status add_trend(struct sh_effects *effects, const struct sh_trend_act *act, uint32_t place,
                                struct sh_error *err) {
    if (effects->trend_count == effects->trend_capacity) {
        const enum sh_status status = grow_trends(effects, err);
        if (status != SH_OK) return status;
    }
    const uint32_t at = trend_place(effects, act, place);
    if (effects->trend_table[at] != 0) {
        struct told_trend *told = &effects->trends[effects->trend_table[at] - 1];
        told->act.short_amount += act->short_amount;
        told->act.long_amount += act->long_amount;
        return SH_OK;
    }
    effects->trends[effects->trend_count++] = (struct told_trend){*act, place};
    effects->trend_table[at] = effects->trend_count;
    return SH_OK;
}

enum sh_status sh_effects_add_trend(struct sh_effects **effects, struct sh_arena *arena, const struct sh_trend_act *act,
                                    struct sh_error *err) {
    const struct sh_feed_effect known = {.item = act->item, .period = NO_PERIOD};
    uint32_t place;
    if (act->item == SH_NO_ITEM) return SH_OK;
    enum sh_status status = make(effects, arena, err);
    if (status == SH_OK) status = add_effect(*effects, &known, &place, err);
    return status == SH_OK ? add_trend(*effects, act, place, err) : status;
}

enum sh_status sh_effects_add(struct sh_effects **effects, struct sh_arena *arena, const struct sh_feed_effect *effect,
                              struct sh_error *err) {
    uint32_t place;
    const enum sh_status status = make(effects, arena, err);
    return status != SH_OK ? status : add_effect(*effects, effect, &place, err);
}

enum sh_status sh_effects_add_lesson(struct sh_effects **effects, struct sh_arena *arena,
                                     const struct sh_feed_lesson *lesson, struct sh_error *err) {
    uint32_t place;
    if (lesson->effect.item == SH_NO_ITEM) return SH_OK; /* nor is there a click or a pair then */
    enum sh_status status = make(effects, arena, err);
    if (status == SH_OK) status = add_effect(*effects, &lesson->effect, &place, err);
    if (status == SH_OK && lesson->trend.item != SH_NO_ITEM) status = add_trend(*effects, &lesson->trend, place, err);
    if (status == SH_OK) status = add_pairs(*effects, &lesson->liked, false, err);
    if (status == SH_OK) status = add_pairs(*effects, &lesson->bought, true, err);
    if (status != SH_OK || lesson->click.item == SH_NO_ITEM) return status;
    sh_assert(lesson->click.item == lesson->effect.item);
    return add_click(*effects, &lesson->click, place, err);
}

enum sh_status sh_effects_add_item(struct sh_effects **effects, struct sh_arena *arena, uint32_t item,
                                   struct sh_error *err) {
    const struct sh_feed_effect nothing = {.item = item, .period = NO_PERIOD, .amount = 0};
    return sh_effects_add(effects, arena, &nothing, err);
}

enum sh_status sh_effects_add_act(struct sh_effects **made, struct sh_arena *arena, const struct sh_learner_act *act,
                                  struct sh_error *err) {
    const struct sh_feed_effect known = {.item = act->item, .period = NO_PERIOD};
    uint32_t place;
    enum sh_status status = make(made, arena, err);
    if (status == SH_OK) status = add_effect(*made, &known, &place, err);
    if (status != SH_OK) return status;
    struct sh_effects *effects = *made;
    if (effects->act_count == effects->act_capacity) {
        const uint32_t capacity = effects->act_capacity == 0 ? SLOTS_MIN : effects->act_capacity * 2;
        struct sh_learner_act *acts = sh_arena_alloc(effects->arena, capacity * sizeof *acts);
        if (acts == NULL) return sh_fail_memory(err);
        if (effects->act_count > 0) memcpy(acts, effects->acts, effects->act_count * sizeof *acts);
        effects->acts = acts;
        effects->act_capacity = capacity;
    }
    effects->acts[effects->act_count] = *act;
    effects->acts[effects->act_count++].item = place;
    return SH_OK;
}

static void pack_acts(const struct sh_effects *effects, msgpack_packer *packer) {
    sh_pack_literal(packer, "acts");
    (void)msgpack_pack_array(packer, effects->act_count);
    for (uint32_t i = 0; i < effects->act_count; i++) {
        const struct sh_learner_act *act = &effects->acts[i];
        (void)msgpack_pack_array(packer, 4);
        (void)msgpack_pack_int64(packer, (int64_t)act->rec);
        (void)msgpack_pack_uint32(packer, act->item);
        (void)msgpack_pack_uint32(packer, act->goal);
        (void)msgpack_pack_int64(packer, act->amount);
    }
}

static void pack_clicks(const struct sh_effects *effects, msgpack_packer *packer) {
    sh_pack_literal(packer, "clicks");
    (void)msgpack_pack_array(packer, effects->click_count);
    for (uint32_t i = 0; i < effects->click_count; i++) {
        const struct sh_session_click *click = &effects->clicks[i];
        (void)msgpack_pack_array(packer, 5);
        (void)msgpack_pack_int64(packer, (int64_t)click->key);
        (void)msgpack_pack_int64(packer, click->start_ms);
        (void)msgpack_pack_uint32(packer, click->item);
        (void)msgpack_pack_uint32(packer, click->place);
        (void)msgpack_pack_uint32(packer, click->behind_count * SH_SESSION_AGAIN_COUNT + click->behind);
    }
}

static void pack_pairs(const struct sh_effects *effects, msgpack_packer *packer) {
    sh_pack_literal(packer, "pairs");
    (void)msgpack_pack_array(packer, effects->pairs_count);
    for (uint32_t i = 0; i < effects->pairs_count; i++) {
        const struct sh_pair_step *step = &effects->pairs[i].step;
        (void)msgpack_pack_array(packer, 3 + 2 * (size_t)step->count);
        (void)msgpack_pack_uint32(packer, step->item);
        (void)msgpack_pack_uint32(packer, step->added);
        (void)msgpack_pack_uint32(packer, effects->pairs[i].is_bought);
        for (uint32_t k = 0; k < step->count; k++) {
            (void)msgpack_pack_uint32(packer, step->gains[k].item);
            (void)msgpack_pack_uint32(packer, step->gains[k].gain);
        }
    }
}

static void pack_trends(const struct sh_effects *effects, const struct sh_workspace *workspace,
                        msgpack_packer *packer) {
    sh_pack_literal(packer, "trends");
    (void)msgpack_pack_array(packer, effects->trend_count);
    for (uint32_t i = 0; i < effects->trend_count; i++) {
        const struct sh_trend_act *act = &effects->trends[i].act;
        (void)msgpack_pack_array(packer, 6);
        (void)msgpack_pack_uint32(packer, effects->trends[i].place);
        sh_pack_text(packer, sh_feed_trend_store_name(workspace->feed, act->store));
        (void)msgpack_pack_int32(packer, act->short_period);
        (void)msgpack_pack_int64(packer, act->short_amount);
        (void)msgpack_pack_int32(packer, act->long_period);
        (void)msgpack_pack_int64(packer, act->long_amount);
    }
}

void sh_effects_pack(const struct sh_effects *effects, const struct sh_workspace *workspace, struct sh_buffer *buffer) {
    if (effects == NULL) return;
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    (void)msgpack_pack_map(&packer, 4u + effects->has_swept + (effects->act_count > 0));
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
    pack_clicks(effects, &packer);
    pack_pairs(effects, &packer);
    pack_trends(effects, workspace, &packer);
    if (effects->act_count > 0) pack_acts(effects, &packer);
}

/* *item is the item that it is about. */
static enum sh_status learn_one(struct sh_call *call, struct sh_cursor *cursor, uint32_t *item, struct sh_error *err) {
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
    *item = effect.item;
    if (status != SH_OK || count == 1) return status;
    return sh_feed_learn_effect(workspace->feed, &effect) == SH_OK ? SH_OK : sh_fail_memory(err);
}

/* Keys are 64 bits without a meaning: they travel as whole numbers with a sign. */
static enum sh_status read_key(struct sh_cursor *cursor, uint64_t *key, struct sh_error *err) {
    int64_t number = 0;
    const enum sh_status status = sh_cursor_integer(cursor, INT64_MIN, INT64_MAX, &number, "the key of a visit", err);
    *key = (uint64_t)number;
    return status;
}

/* The items of a message, which its clicks count. */
struct known_items {
    uint32_t *items;
    uint32_t count;
};

static enum sh_status learn_items(struct sh_call *call, const struct sh_param *param, struct known_items *known,
                                  struct sh_error *err) {
    struct sh_cursor cursor;
    enum sh_status status = sh_param_array(param, "items", UINT32_MAX, &cursor, &known->count, err);
    if (status != SH_OK) return status;
    known->items = sh_arena_alloc(call->arena, ((size_t)known->count + 1) * sizeof *known->items);
    if (known->items == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < known->count && status == SH_OK; i++)
        status = learn_one(call, &cursor, &known->items[i], err);
    return status;
}

static enum sh_status learn_click(struct sh_call *call, const struct known_items *known, struct sh_cursor *cursor,
                                  struct sh_error *err) {
    struct sh_session_click click;
    uint32_t count;
    int64_t item;
    int64_t place;
    int64_t behind;
    enum sh_status status;
    if ((status = sh_cursor_array(cursor, &count, "a click", err)) != SH_OK) return status;
    if (count != 5) return sh_fail(err, SH_ERR_ARGUMENT, -1, "a click is [key, start, item, place, behind]");
    if ((status = read_key(cursor, &click.key, err)) != SH_OK) return status;
    status = sh_cursor_integer(cursor, INT64_MIN, INT64_MAX, &click.start_ms, "the start of a visit", err);
    if (status != SH_OK) return status;
    status = sh_cursor_integer(cursor, 0, (int64_t)known->count - 1, &item, "a click's item", err);
    if (status != SH_OK) return status;
    status = sh_cursor_integer(cursor, 0, SH_SESSION_CLICK_COUNT_MAX, &place, "a place", err);
    if (status != SH_OK) return status;
    status = sh_cursor_integer(cursor, 0, SH_SESSION_AGAIN_COUNT * SH_SESSION_AGAIN_COUNT - 1, &behind,
                               "what is behind", err);
    if (status != SH_OK) return status;
    click.place = (uint32_t)place;
    click.behind_count = (uint32_t)behind / SH_SESSION_AGAIN_COUNT;
    click.behind = (uint32_t)behind % SH_SESSION_AGAIN_COUNT;
    if (click.behind > click.behind_count) return sh_fail(err, SH_ERR_ARGUMENT, -1, "a click returns to nothing");
    click.item = known->items[item];
    return sh_feed_learn_click(call->workspace->feed, &click) == SH_OK ? SH_OK : sh_fail_memory(err);
}

static enum sh_status learn_clicks(struct sh_call *call, const struct known_items *known, const struct sh_param *param,
                                   struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "clicks", UINT32_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++)
        status = learn_click(call, known, &cursor, err);
    return status;
}

/* A place among the message's items becomes the item. */
static enum sh_status read_place(const struct known_items *known, struct sh_cursor *cursor, uint32_t *item,
                                 struct sh_error *err) {
    int64_t place = 0;
    const enum sh_status status = sh_cursor_integer(cursor, 0, (int64_t)known->count - 1, &place, "a pair's item", err);
    if (status == SH_OK) *item = known->items[place];
    return status;
}

static enum sh_status read_gain(struct sh_cursor *cursor, uint32_t *gain, struct sh_error *err) {
    int64_t number = 0;
    const enum sh_status status = sh_cursor_integer(cursor, 1, UINT32_MAX, &number, "a gain", err);
    *gain = (uint32_t)number;
    return status;
}

static enum sh_status learn_step(struct sh_call *call, const struct known_items *known, struct sh_cursor *cursor,
                                 struct sh_error *err) {
    struct sh_pair_step step;
    uint32_t count;
    int64_t is_bought;
    enum sh_status status;
    if ((status = sh_cursor_array(cursor, &count, "a step of pairs", err)) != SH_OK) return status;
    if (count < 3 || count % 2 == 0 || count > 3 + 2 * (SH_PAIR_LATEST_MAX - 1))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a step of pairs is [item, added, is_bought, item, gain, ...]");
    if ((status = read_place(known, cursor, &step.item, err)) != SH_OK) return status;
    if ((status = read_gain(cursor, &step.added, err)) != SH_OK) return status;
    if ((status = sh_cursor_integer(cursor, 0, 1, &is_bought, "whether it is bought", err)) != SH_OK) return status;
    step.count = (count - 3) / 2;
    for (uint32_t i = 0; i < step.count; i++) {
        if ((status = read_place(known, cursor, &step.gains[i].item, err)) != SH_OK) return status;
        if ((status = read_gain(cursor, &step.gains[i].gain, err)) != SH_OK) return status;
        if (step.gains[i].item == step.item) return sh_fail(err, SH_ERR_ARGUMENT, -1, "an item is no pair with itself");
    }
    return sh_feed_learn_pairs(call->workspace->feed, &step, is_bought != 0) == SH_OK ? SH_OK : sh_fail_memory(err);
}

static enum sh_status learn_pairs(struct sh_call *call, const struct known_items *known, const struct sh_param *param,
                                  struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "pairs", UINT32_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++)
        status = learn_step(call, known, &cursor, err);
    return status;
}

static enum sh_status learn_act(struct sh_call *call, const struct known_items *known, struct sh_cursor *cursor,
                                struct sh_error *err) {
    struct sh_learner_act act;
    uint32_t count;
    int64_t item;
    int64_t goal;
    enum sh_status status;
    if ((status = sh_cursor_array(cursor, &count, "an act", err)) != SH_OK) return status;
    if (count != 4) return sh_fail(err, SH_ERR_ARGUMENT, -1, "an act is [rec, item, goal, amount]");
    if ((status = read_key(cursor, &act.rec, err)) != SH_OK) return status;
    status = sh_cursor_integer(cursor, 0, (int64_t)known->count - 1, &item, "an act's item", err);
    if (status != SH_OK) return status;
    if ((status = sh_cursor_integer(cursor, 0, SH_GOAL_COUNT - 1, &goal, "a goal", err)) != SH_OK) return status;
    status = sh_cursor_integer(cursor, 0, INT64_MAX, &act.amount, "an amount", err);
    if (status != SH_OK) return status;
    act.item = known->items[item];
    act.goal = (enum sh_goal)goal;
    (void)sh_learner_act(sh_feed_learner(call->workspace->feed), &act);
    return SH_OK;
}

static enum sh_status learn_acts(struct sh_call *call, const struct known_items *known, const struct sh_param *param,
                                 struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "acts", UINT32_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++)
        status = learn_act(call, known, &cursor, err);
    return status;
}

static enum sh_status learn_served_gone(struct sh_call *call, const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "served", UINT32_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        uint64_t user_hash;
        if ((status = read_key(&cursor, &user_hash, err)) == SH_OK)
            sh_learner_forget(sh_feed_learner(call->workspace->feed), user_hash);
    }
    return status;
}

static enum sh_status learn_trend(struct sh_call *call, const struct known_items *known, struct sh_cursor *cursor,
                                  struct sh_error *err) {
    struct sh_trend_act act;
    struct sh_text store;
    int64_t periods[2];
    int64_t *const amounts[2] = {&act.short_amount, &act.long_amount};
    uint32_t count;
    enum sh_status status;
    if ((status = sh_cursor_array(cursor, &count, "a trend", err)) != SH_OK) return status;
    if (count != 6)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a trend is [item, store, period, amount, period, amount]");
    if ((status = read_place(known, cursor, &act.item, err)) != SH_OK) return status;
    if ((status = sh_cursor_text(cursor, &store, "a store", err)) != SH_OK) return status;
    for (uint32_t i = 0; i < 2; i++) {
        status = sh_cursor_integer(cursor, INT32_MIN + 1, INT32_MAX, &periods[i], "a period", err);
        if (status == SH_OK) status = sh_cursor_integer(cursor, INT64_MIN, INT64_MAX, amounts[i], "an amount", err);
        if (status != SH_OK) return status;
    }
    act.short_period = (int32_t)periods[0];
    act.long_period = (int32_t)periods[1];
    if (sh_feed_trend_store(call->workspace->feed, store, &act.store) != SH_OK) return sh_fail_memory(err);
    return sh_feed_learn_trend(call->workspace->feed, &act) == SH_OK ? SH_OK : sh_fail_memory(err);
}

static enum sh_status learn_trends(struct sh_call *call, const struct known_items *known, const struct sh_param *param,
                                   struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "trends", UINT32_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++)
        status = learn_trend(call, known, &cursor, err);
    return status;
}

static enum sh_status learn_visits_gone(struct sh_call *call, const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "visits", UINT32_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        uint64_t key;
        if ((status = read_key(&cursor, &key, err)) == SH_OK) sh_feed_forget_visit(call->workspace->feed, key);
    }
    return status;
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
    static const char *const words[] = {"items",    "forgotten", "rfm",   "swept", "clicks", "visits",
                                        "referral", "uninvited", "pairs", "acts",  "served", "trends"};
    static const struct sh_param_names names = {words, 12, 0};
    struct sh_param params[12];
    struct known_items known;
    const struct sh_request *request = call->request;
    enum sh_status status;
    if ((status = sh_params_read(request->params, request->params_count, &names, params, NULL, err)) != SH_OK)
        return status;
    if ((status = learn_items(call, &params[0], &known, err)) != SH_OK) return status;
    if ((status = learn_forgotten(call, &params[1], err)) != SH_OK) return status;
    if (sh_param_given(&params[2]) && (status = sh_rfm_learn_part(call, &params[2], err)) != SH_OK) return status;
    if (sh_param_given(&params[3])) {
        int64_t now_ms;
        status = sh_param_integer(&params[3], "swept", SH_INSTANT_MIN, SH_INSTANT_MAX, &now_ms, err);
        if (status != SH_OK) return status;
        (void)sh_workspace_sweep(call->workspace, now_ms);
    }
    if ((status = learn_clicks(call, &known, &params[4], err)) != SH_OK) return status;
    if ((status = learn_visits_gone(call, &params[5], err)) != SH_OK) return status;
    if (sh_param_given(&params[6]) && (status = sh_referral_learn_part(call, &params[6], err)) != SH_OK) return status;
    if ((status = sh_referral_learn_forgotten(call, &params[7], err)) != SH_OK) return status;
    if ((status = learn_pairs(call, &known, &params[8], err)) != SH_OK) return status;
    if ((status = learn_acts(call, &known, &params[9], err)) != SH_OK) return status;
    if ((status = learn_served_gone(call, &params[10], err)) != SH_OK) return status;
    if ((status = learn_trends(call, &known, &params[11], err)) != SH_OK) return status;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 0);
    return SH_OK;
}
