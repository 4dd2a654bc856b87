/* methods_learning.c -- feed.learning: how well the feed learns; feed.impressions: what was served, and what became of it.
 *
 * Every shard has the same, so any of them answers. */
#include "served.h"

static const char *const goal_words[SH_GOAL_COUNT] = {"click", "cart", "purchase"};

/* Amounts are kept in hundredths. */
static void pack_amount(msgpack_packer *packer, int64_t amount) {
    sh_pack_literal(packer, "amount");
    sh_value_pack(SH_TYPE_DECIMAL, 2, false, amount, (struct sh_text){0}, packer);
}

/* ---- feed.learning ---- */

static void pack_goal(const struct sh_goal_report *goal, msgpack_packer *packer) {
    (void)msgpack_pack_map(packer, 8);
    sh_pack_uint(packer, "acts", goal->acts);
    sh_pack_real(packer, "rate", goal->rate);
    sh_pack_uint(packer, "examples", goal->examples);
    sh_pack_real(packer, "loss", goal->loss);
    sh_pack_real(packer, "loss_blend", goal->loss_calibrated);
    sh_pack_real(packer, "loss_rate", goal->loss_rate);
    sh_pack_uint(packer, "weights", goal->weight_count);
    sh_pack_bool(packer, "used", goal->is_trusted);
}

static void pack_shown(const struct sh_shown_report *shown, msgpack_packer *packer) {
    (void)msgpack_pack_map(packer, 1 + SH_GOAL_COUNT);
    sh_pack_uint(packer, "shown", shown->shown);
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++)
        sh_pack_uint(packer, goal_words[goal], shown->acts[goal]);
}

static void pack_report(const struct sh_learner_report *report, msgpack_packer *packer) {
    uint32_t source_count = 0;
    uint32_t place_count = 0;
    for (uint32_t i = 0; i < SH_FEED_SOURCE_COUNT; i++)
        source_count += report->sources[i].shown > 0;
    while (place_count < SH_LEARNER_PLACE_COUNT && report->places[place_count].shown > 0)
        place_count++;
    sh_pack_uint(packer, "feeds", report->feeds);
    sh_pack_uint(packer, "items", report->items);
    sh_pack_uint(packer, "kept", report->kept);
    sh_pack_uint(packer, "open", report->open);
    sh_pack_uint(packer, "lost", report->lost);
    sh_pack_uint(packer, "unknown", report->unknown);
    pack_amount(packer, report->amount);
    sh_pack_literal(packer, "goals");
    (void)msgpack_pack_map(packer, SH_GOAL_COUNT);
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++) {
        sh_pack_literal(packer, goal_words[goal]);
        pack_goal(&report->goals[goal], packer);
    }
    sh_pack_literal(packer, "sources");
    (void)msgpack_pack_map(packer, source_count);
    for (uint32_t i = 0; i < SH_FEED_SOURCE_COUNT; i++) {
        if (report->sources[i].shown == 0) continue;
        sh_pack_literal(packer, sh_feed_source_name((enum sh_feed_source)i));
        pack_shown(&report->sources[i], packer);
    }
    sh_pack_literal(packer, "places");
    (void)msgpack_pack_array(packer, place_count);
    for (uint32_t i = 0; i < place_count; i++)
        pack_shown(&report->places[i], packer);
    sh_pack_literal(packer, "explored");
    pack_shown(&report->explored, packer);
}

enum sh_status sh_handle_feed_learning(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"now"};
    struct sh_param params[1];
    struct sh_learner_report report;
    int64_t now_ms;
    enum sh_status status = sh_call_params(call, words, 1, params, err);
    if (status == SH_OK) status = sh_read_now(&params[0], call, &now_ms, err);
    if (status != SH_OK) return status;
    const struct sh_learner *learner = sh_feed_learner(call->workspace->feed);
    sh_learner_report(learner, now_ms, &report);
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 12);
    pack_report(&report, &packer);
    sh_pack_uint(&packer, "memory_bytes", sh_learner_memory_bytes(learner));
    return SH_OK;
}

/* ---- feed.impressions ---- */

static void pack_impression_item(const struct sh_call *call, const struct sh_shown *shown, uint32_t place,
                                 msgpack_packer *packer) {
    (void)msgpack_pack_map(packer, 8u + SH_GOAL_COUNT);
    sh_pack_literal(packer, "id");
    sh_pack_text(packer, sh_table_id(call->workspace->items, shown->item));
    sh_pack_uint(packer, "place", place);
    sh_pack_real(packer, "score", (double)shown->score);
    sh_pack_real(packer, "propensity", (double)shown->propensity);
    sh_pack_real(packer, "predicted", (double)shown->predicted);
    sh_pack_bool(packer, "explored", (shown->flags & SH_SHOWN_EXPLORED) != 0);
    sh_pack_literal(packer, "sources");
    (void)msgpack_pack_array(packer, (size_t)__builtin_popcount(shown->sources));
    for (uint32_t i = 0; i < SH_FEED_SOURCE_COUNT; i++)
        if ((shown->sources >> i & 1) != 0) sh_pack_literal(packer, sh_feed_source_name((enum sh_feed_source)i));
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++)
        sh_pack_uint(packer, goal_words[goal], shown->flags >> goal & 1);
    pack_amount(packer, shown->amount);
}

static void pack_impression(const struct sh_call *call, const struct sh_impression *impression,
                            msgpack_packer *packer) {
    char rec_id[SH_REC_ID_BYTES];
    sh_rec_id_print(impression->rec, rec_id);
    (void)msgpack_pack_map(packer, 3);
    sh_pack_literal(packer, "rec_id");
    sh_pack_literal(packer, rec_id);
    sh_pack_literal(packer, "time");
    sh_value_pack(SH_TYPE_TIME, 0, false, impression->time_ms, (struct sh_text){0}, packer);
    sh_pack_literal(packer, "items");
    (void)msgpack_pack_array(packer, impression->count);
    for (uint32_t i = 0; i < impression->count; i++)
        pack_impression_item(call, &impression->items[i], impression->places_before + i + 1, packer);
}

/* `after` is a number that an answer told: what came later follows, without what is kept no longer. */
enum sh_status sh_handle_feed_impressions(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"after", "limit"};
    struct sh_param params[2];
    int64_t after = 0;
    int64_t limit = 100;
    enum sh_status status = sh_call_params(call, words, 2, params, err);
    if (status == SH_OK) status = sh_param_integer(&params[0], "after", 0, INT64_MAX, &after, err);
    if (status == SH_OK) status = sh_param_integer(&params[1], "limit", 1, SH_IMPRESSION_PAGE_MAX, &limit, err);
    if (status != SH_OK) return status;
    const struct sh_impressions *impressions = sh_learner_impressions(sh_feed_learner(call->workspace->feed));
    uint64_t begin = (uint64_t)after < impressions->oldest ? impressions->oldest : (uint64_t)after;
    if (begin > impressions->newest) begin = impressions->newest;
    const uint64_t rest = impressions->newest - begin;
    const uint64_t count = rest < (uint64_t)limit ? rest : (uint64_t)limit;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 3);
    sh_pack_literal(&packer, "impressions");
    (void)msgpack_pack_array(&packer, count);
    for (uint64_t n = begin; n < begin + count; n++)
        pack_impression(call, sh_impressions_at(impressions, n), &packer);
    sh_pack_uint(&packer, "after", begin + count);
    sh_pack_bool(&packer, "more", begin + count < impressions->newest);
    return SH_OK;
}
