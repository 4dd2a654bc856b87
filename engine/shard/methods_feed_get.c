/* methods_feed_get.c -- feed.get, and feed.explain: why an item is in somebody's feed, or why not. */
#include "feed_ask.h"
#include "feed_pack.h"

static const struct sh_table *items_of(const struct sh_feed_ask *ask) {
    return ask->call->workspace->items;
}

/* ---- feed.get ---- */

static void pack_item(const struct sh_feed_ask *ask, const struct sh_feed_item *item, msgpack_packer *packer) {
    static const uint32_t pair_counts[] = {
        [SH_FEED_DETAIL_NONE] = 2, [SH_FEED_DETAIL_REASONS] = 4, [SH_FEED_DETAIL_FULL] = 7};
    const bool has_propensity =
        ask->detail >= SH_FEED_DETAIL_FULL || (item->sources >> SH_FEED_SOURCE_EXPLORE & 1) != 0;
    (void)msgpack_pack_map(packer, pair_counts[ask->detail] + has_propensity + ask->has_fields);
    sh_pack_literal(packer, "id");
    sh_pack_text(packer, sh_table_id(items_of(ask), item->item));
    sh_pack_literal(packer, "score");
    (void)msgpack_pack_double(packer, item->score);
    if (has_propensity) {
        sh_pack_literal(packer, "propensity");
        (void)msgpack_pack_double(packer, item->propensity);
    }
    if (ask->detail >= SH_FEED_DETAIL_REASONS) {
        sh_pack_literal(packer, "sources");
        sh_feed_pack_sources(item->sources, packer);
        sh_pack_literal(packer, "reasons");
        sh_feed_pack_reasons(item->reasons, item->reason_count, item->score, packer);
    }
    if (ask->detail >= SH_FEED_DETAIL_FULL) {
        sh_pack_literal(packer, "contributions");
        sh_feed_pack_contributions(item, packer);
        sh_pack_literal(packer, "rules");
        sh_feed_pack_applied(item->applied, packer);
        sh_pack_literal(packer, "relaxed");
        sh_feed_pack_rules(item->relaxed, packer);
    }
    if (ask->has_fields) sh_feed_pack_fields(items_of(ask), item->item, &ask->fields, packer);
}

/* A page that is not full was the last. */
static struct sh_text next_cursor(const struct sh_feed_ask *ask, const struct sh_feed_answer *answer) {
    if (answer->count < ask->request.count || ask->call->is_one_page) return (struct sh_text){0};
    uint32_t *hashes = sh_arena_alloc(ask->call->arena, (answer->count + (size_t)1) * sizeof *hashes);
    if (hashes == NULL) return (struct sh_text){0};
    for (uint32_t i = 0; i < answer->count; i++)
        hashes[i] = sh_feed_page_hash(sh_table_id(items_of(ask), answer->items[i].item));
    return sh_feed_pages_print(&ask->pages, hashes, answer->count, ask->call->arena);
}

static void pack_feed(const struct sh_feed_ask *ask, const struct sh_feed_answer *answer) {
    msgpack_packer packer;
    char rec_id[SH_REC_ID_BYTES];
    const struct sh_text cursor = next_cursor(ask, answer);
    sh_rec_id_print(ask->call->request->id, rec_id);
    sh_answer_begin(ask->call, &packer, 3u + (cursor.count > 0) + (ask->detail == SH_FEED_DETAIL_FULL ? 3u : 0u));
    sh_pack_literal(&packer, "rec_id");
    sh_pack_literal(&packer, rec_id);
    sh_pack_literal(&packer, "items");
    (void)msgpack_pack_array(&packer, answer->count);
    for (uint32_t i = 0; i < answer->count; i++)
        pack_item(ask, &answer->items[i], &packer);
    sh_pack_literal(&packer, "relaxed");
    sh_feed_pack_rules(answer->relaxed, &packer);
    if (ask->detail == SH_FEED_DETAIL_FULL) {
        sh_pack_literal(&packer, "candidates");
        (void)msgpack_pack_uint32(&packer, answer->eligible_count);
        sh_pack_bool(&packer, "narrowed", answer->is_narrowed);
        sh_pack_literal(&packer, "scored");
        (void)msgpack_pack_uint32(&packer, answer->scored_count);
    }
    if (cursor.count == 0) return;
    sh_pack_literal(&packer, "cursor");
    sh_pack_text(&packer, cursor);
}

enum sh_status sh_feed_ask_answer(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    struct sh_call *call = ask->call;
    struct sh_feed_answer answer;
    enum sh_status status = sh_feed_get(call->workspace->feed, &ask->request, call->arena, &answer, err);
    if (status == SH_OK) status = sh_feed_ask_check_time(ask, &params[SH_ASK_TIMEOUT_MS], err);
    if (status != SH_OK) return status;
    pack_feed(ask, &answer);
    if (answer.serving != NULL) sh_served_pack(call, answer.serving, ask->user.text);
    return SH_OK;
}

enum sh_status sh_handle_feed_get(struct sh_call *call, struct sh_error *err) {
    struct sh_param params[SH_ASK_WORD_COUNT];
    enum sh_status status = sh_call_params(call, sh_ask_words, SH_ASK_WORD_COUNT, params, err);
    if (status != SH_OK) return status;
    struct sh_feed_ask *ask = sh_arena_alloc(call->arena, sizeof *ask);
    if (ask == NULL) return sh_fail_memory(err);
    sh_feed_ask_init(ask, call);
    status = sh_feed_ask_read(ask, params, err);
    if (status == SH_OK) status = sh_feed_ask_visitor(ask, params, err);
    if (status == SH_OK) status = sh_feed_ask_answer(ask, params, err);
    sh_feed_ask_deinit(ask);
    return status;
}

/* ---- feed.explain ---- */

/* What a stage is called outside: the engine's, or the gate's that kept the item out. */
static const char *stage_name(const struct sh_feed_ask *ask, const struct sh_feed_fate *fate, uint32_t item,
                              const struct sh_feed_gate *gate) {
    if (fate->stage == SH_FEED_STAGE_ELIGIBLE && gate != NULL) return gate->name;
    if (fate->stage != SH_FEED_STAGE_EXCLUDED) return sh_feed_stage_name(fate->stage);
    const uint32_t hash = sh_feed_page_hash(sh_table_id(items_of(ask), item));
    for (uint32_t i = 0; i < ask->pages.count; i++)
        if (ask->pages.hashes[i] == hash) return "cursor";
    return sh_feed_stage_name(fate->stage);
}

static void pack_fate(const struct sh_feed_ask *ask, const struct sh_feed_fate *fate, uint32_t item,
                      const char *stage) {
    const bool is_shown = fate->stage == SH_FEED_STAGE_SHOWN;
    const bool is_scored = fate->stage != SH_FEED_STAGE_CATALOGUE;
    msgpack_packer packer;
    sh_answer_begin(ask->call, &packer, 5u + is_shown + (is_scored ? 6u : 0u) + (fate->rank > 0));
    sh_pack_literal(&packer, "item");
    sh_pack_text(&packer, sh_table_id(items_of(ask), item));
    sh_pack_bool(&packer, "shown", is_shown);
    sh_pack_literal(&packer, "stage");
    sh_pack_literal(&packer, stage);
    sh_pack_literal(&packer, "rules");
    sh_feed_pack_rules(fate->rules, &packer);
    sh_pack_literal(&packer, "candidates");
    (void)msgpack_pack_uint32(&packer, fate->candidate_count);
    if (is_shown) {
        sh_pack_literal(&packer, "place");
        (void)msgpack_pack_uint32(&packer, fate->place + 1);
    }
    if (fate->rank > 0) {
        sh_pack_literal(&packer, "rank");
        (void)msgpack_pack_uint32(&packer, fate->rank);
    }
    if (!is_scored) return;
    sh_pack_literal(&packer, "score");
    (void)msgpack_pack_double(&packer, fate->item.score);
    sh_pack_literal(&packer, "last_score");
    (void)msgpack_pack_double(&packer, fate->last_score);
    sh_pack_literal(&packer, "contributions");
    sh_feed_pack_contributions(&fate->item, &packer);
    sh_pack_literal(&packer, "sources");
    sh_feed_pack_sources(fate->item.sources, &packer);
    sh_pack_literal(&packer, "reasons");
    sh_feed_pack_reasons(fate->item.reasons, fate->item.reason_count, fate->item.score, &packer);
    sh_pack_literal(&packer, "applied");
    sh_feed_pack_applied(fate->item.applied, &packer);
}

static enum sh_status explain(struct sh_feed_ask *ask, const struct sh_param *item_param, struct sh_error *err) {
    struct sh_call *call = ask->call;
    const struct sh_feed_gate *gate;
    struct sh_feed_fate fate;
    uint32_t item;
    enum sh_status status = sh_feed_read_item(call->workspace, item_param, &item, err);
    if (status != SH_OK) return status;
    if ((status = sh_feed_ask_gate_of(ask, item, &gate, err)) != SH_OK) return status;
    status = sh_feed_explain(call->workspace->feed, &ask->request, item, call->arena, &fate, err);
    if (status == SH_OK) pack_fate(ask, &fate, item, stage_name(ask, &fate, item, gate));
    return status;
}

enum sh_status sh_handle_feed_explain(struct sh_call *call, struct sh_error *err) {
    const char *words[SH_ASK_WORD_COUNT + 1];
    struct sh_param params[SH_ASK_WORD_COUNT + 1];
    memcpy(words, sh_ask_words, sizeof sh_ask_words);
    words[SH_ASK_WORD_COUNT] = "item";
    enum sh_status status = sh_call_params(call, words, SH_ASK_WORD_COUNT + 1, params, err);
    if (status != SH_OK) return status;
    struct sh_feed_ask *ask = sh_arena_alloc(call->arena, sizeof *ask);
    if (ask == NULL) return sh_fail_memory(err);
    sh_feed_ask_init(ask, call);
    status = sh_feed_ask_read(ask, params, err);
    if (status == SH_OK) status = sh_feed_ask_visitor(ask, params, err);
    ask->request.is_remembered = false;
    ask->request.is_bare = false;
    if (status == SH_OK) status = explain(ask, &params[SH_ASK_WORD_COUNT], err);
    sh_feed_ask_deinit(ask);
    return status;
}
