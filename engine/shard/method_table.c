/* method_table.c -- the methods by name and number. */
#include "shard_private.h"

/* Short, so that a method is a line. */
enum {
    NOBODY = SH_ROLES_NOBODY,
    ANY = SH_ROLES_ANY,
    FEED = SH_ROLE_FEED,
    AUDIENCE = SH_ROLE_AUDIENCE,
    INGEST = SH_ROLE_INGEST,
    SCHEMA = SH_ROLE_SCHEMA,
    EXPORT = SH_ROLE_EXPORT,
    FORGET = SH_ROLE_FORGET,
    ADMIN = SH_ROLE_ADMIN,
    METRICS = SH_ROLE_METRICS,
    URGENT = SH_METHOD_URGENT,
    AUDITED = SH_METHOD_AUDITED,
    FREES = SH_METHOD_FREES,
};

/* Ascending by (length, bytes): sh_method_find halves it. `number` is the place; then whose roles open it (roles.h). */
static const struct sh_method methods[SH_METHOD_COUNT] = {
    [SH_METHOD_PING] = {"ping", SH_SPREAD_ANY, false, false, SH_METHOD_PING, ANY, 0},
    [SH_METHOD_HELLO] = {"hello", SH_SPREAD_SESSION, false, false, SH_METHOD_HELLO, ANY, 0},
    [SH_METHOD_STATS] = {"stats", SH_SPREAD_ALL, false, false, SH_METHOD_STATS, METRICS | ADMIN, 0},
    [SH_METHOD_RFM_GET] = {"rfm.get", SH_SPREAD_ANY, false, false, SH_METHOD_RFM_GET, AUDIENCE | SCHEMA, 0},
    [SH_METHOD_RFM_PUT] = {"rfm.put", SH_SPREAD_EVERY, true, false, SH_METHOD_RFM_PUT, SCHEMA, 0},
    [SH_METHOD_FEED_GET] = {"feed.get", SH_SPREAD_ONE, false, false, SH_METHOD_FEED_GET, FEED, 0},
    [SH_METHOD_ITEM_GET] = {"item.get", SH_SPREAD_ANY, false, false, SH_METHOD_ITEM_GET,
                            FEED | AUDIENCE | INGEST | EXPORT, 0},
    [SH_METHOD_ITEM_PUT] = {"item.put", SH_SPREAD_EVERY, true, false, SH_METHOD_ITEM_PUT, INGEST, 0},
    [SH_METHOD_RULE_GET] = {"rule.get", SH_SPREAD_ANY, false, false, SH_METHOD_RULE_GET, AUDIENCE | SCHEMA, 0},
    [SH_METHOD_RULE_PUT] = {"rule.put", SH_SPREAD_EVERY, true, false, SH_METHOD_RULE_PUT, SCHEMA, 0},
    [SH_METHOD_SNAPSHOT] = {"snapshot", SH_SPREAD_SESSION, false, false, SH_METHOD_SNAPSHOT, ADMIN, AUDITED},
    [SH_METHOD_TREE_GET] = {"tree.get", SH_SPREAD_ANY, false, false, SH_METHOD_TREE_GET, AUDIENCE | SCHEMA, 0},
    [SH_METHOD_TREE_PUT] = {"tree.put", SH_SPREAD_EVERY, true, false, SH_METHOD_TREE_PUT, SCHEMA, 0},
    [SH_METHOD_USER_GET] = {"user.get", SH_SPREAD_ROWS, false, false, SH_METHOD_USER_GET, AUDIENCE | EXPORT, 0},
    [SH_METHOD_USER_PUT] = {"user.put", SH_SPREAD_ROWS, true, false, SH_METHOD_USER_PUT, INGEST, 0},
    [SH_METHOD_ITEM_LIST] = {"item.list", SH_SPREAD_ANY, false, false, SH_METHOD_ITEM_LIST, AUDIENCE | INGEST | EXPORT,
                             0},
    [SH_METHOD_MODEL_PUT] = {"model.put", SH_SPREAD_EVERY, true, false, SH_METHOD_MODEL_PUT, SCHEMA, 0},
    [SH_METHOD_RULE_LIST] = {"rule.list", SH_SPREAD_ALL, false, false, SH_METHOD_RULE_LIST, AUDIENCE | SCHEMA, 0},
    [SH_METHOD_SCENE_GET] = {"scene.get", SH_SPREAD_ANY, false, false, SH_METHOD_SCENE_GET, FEED | SCHEMA, 0},
    [SH_METHOD_SCENE_PUT] = {"scene.put", SH_SPREAD_EVERY, true, false, SH_METHOD_SCENE_PUT, SCHEMA, 0},
    [SH_METHOD_SCORE_GET] = {"score.get", SH_SPREAD_ANY, false, false, SH_METHOD_SCORE_GET, AUDIENCE, 0},
    [SH_METHOD_SCORE_PUT] = {"score.put", SH_SPREAD_EVERY, true, false, SH_METHOD_SCORE_PUT, AUDIENCE, 0},
    [SH_METHOD_TREE_LIST] = {"tree.list", SH_SPREAD_ANY, false, false, SH_METHOD_TREE_LIST, AUDIENCE | SCHEMA, 0},
    [SH_METHOD_EVENT_LIST] = {"event.list", SH_SPREAD_ALL, false, false, SH_METHOD_EVENT_LIST, EXPORT, AUDITED},
    [SH_METHOD_FEED_BATCH] = {"feed.batch", SH_SPREAD_ALL, false, false, SH_METHOD_FEED_BATCH, AUDIENCE | EXPORT, 0},
    [SH_METHOD_MODEL_LIST] = {"model.list", SH_SPREAD_ANY, false, false, SH_METHOD_MODEL_LIST, FEED | SCHEMA, 0},
    [SH_METHOD_SCENE_LIST] = {"scene.list", SH_SPREAD_ANY, false, false, SH_METHOD_SCENE_LIST, FEED | SCHEMA, 0},
    [SH_METHOD_SCHEMA_GET] = {"schema.get", SH_SPREAD_ANY, false, false, SH_METHOD_SCHEMA_GET, ANY, 0},
    [SH_METHOD_SCHEMA_PUT] = {"schema.put", SH_SPREAD_EVERY, true, false, SH_METHOD_SCHEMA_PUT, SCHEMA, AUDITED},
    [SH_METHOD_SCORE_LIST] = {"score.list", SH_SPREAD_ANY, false, false, SH_METHOD_SCORE_LIST, AUDIENCE, 0},
    [SH_METHOD_TOKEN_LIST] = {"token.list", SH_SPREAD_SESSION, false, false, SH_METHOD_TOKEN_LIST, ADMIN, 0},
    [SH_METHOD_USER_MERGE] = {"user.merge", SH_SPREAD_ROUNDS, true, false, SH_METHOD_USER_MERGE, INGEST, 0},
    [SH_METHOD_EVENT_SWEEP] = {"event.sweep", SH_SPREAD_EVERY, true, false, SH_METHOD_EVENT_SWEEP, SCHEMA | INGEST,
                               FREES},
    [SH_METHOD_FEED_SERVED] = {"feed.served", SH_SPREAD_EVERY, true, false, SH_METHOD_FEED_SERVED, FEED | INGEST, 0},
    [SH_METHOD_ITEM_REMOVE] = {"item.remove", SH_SPREAD_EVERY, true, false, SH_METHOD_ITEM_REMOVE, INGEST, FREES},
    [SH_METHOD_MODEL_TRAIN] = {"model.train", SH_SPREAD_EVERY, true, false, SH_METHOD_MODEL_TRAIN, SCHEMA, 0},
    [SH_METHOD_RFM_REFRESH] = {"rfm.refresh", SH_SPREAD_EVERY, true, false, SH_METHOD_RFM_REFRESH, SCHEMA | INGEST, 0},
    [SH_METHOD_RULE_REMOVE] = {"rule.remove", SH_SPREAD_EVERY, true, false, SH_METHOD_RULE_REMOVE, SCHEMA, FREES},
    [SH_METHOD_SEGMENT_GET] = {"segment.get", SH_SPREAD_ANY, false, false, SH_METHOD_SEGMENT_GET, AUDIENCE | EXPORT, 0},
    [SH_METHOD_SEGMENT_PUT] = {"segment.put", SH_SPREAD_EVERY, true, false, SH_METHOD_SEGMENT_PUT, AUDIENCE, 0},
    [SH_METHOD_SHARD_LEARN] = {"shard.learn", SH_SPREAD_EVERY, true, true, SH_METHOD_SHARD_LEARN, NOBODY, 0},
    [SH_METHOD_TREE_REMOVE] = {"tree.remove", SH_SPREAD_EVERY, true, false, SH_METHOD_TREE_REMOVE, SCHEMA, FREES},
    [SH_METHOD_USER_EXPORT] = {"user.export", SH_SPREAD_ONE, false, false, SH_METHOD_USER_EXPORT, EXPORT, AUDITED},
    [SH_METHOD_USER_FORGET] = {"user.forget", SH_SPREAD_ROWS, true, false, SH_METHOD_USER_FORGET, FORGET,
                               URGENT | AUDITED | FREES},
    [SH_METHOD_AUDIENCE_ASK] = {"audience.ask", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_ASK, AUDIENCE, 0},
    [SH_METHOD_AUDIENCE_RFM] = {"audience.rfm", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_RFM, AUDIENCE, 0},
    [SH_METHOD_AUDIENCE_WHY] = {"audience.why", SH_SPREAD_ONE, false, false, SH_METHOD_AUDIENCE_WHY, AUDIENCE, 0},
    [SH_METHOD_EVENT_APPEND] = {"event.append", SH_SPREAD_ROWS, true, false, SH_METHOD_EVENT_APPEND, INGEST, 0},
    [SH_METHOD_FEED_EXPLAIN] = {"feed.explain", SH_SPREAD_ONE, false, false, SH_METHOD_FEED_EXPLAIN, FEED, 0},
    [SH_METHOD_FEED_SIMILAR] = {"feed.similar", SH_SPREAD_ANY, false, false, SH_METHOD_FEED_SIMILAR, FEED, 0},
    [SH_METHOD_MODEL_REMOVE] = {"model.remove", SH_SPREAD_EVERY, true, false, SH_METHOD_MODEL_REMOVE, SCHEMA, FREES},
    [SH_METHOD_REFERRAL_GET] = {"referral.get", SH_SPREAD_ANY, false, false, SH_METHOD_REFERRAL_GET, AUDIENCE | SCHEMA,
                                0},
    [SH_METHOD_REFERRAL_PUT] = {"referral.put", SH_SPREAD_EVERY, true, false, SH_METHOD_REFERRAL_PUT, SCHEMA, 0},
    [SH_METHOD_SCENE_REMOVE] = {"scene.remove", SH_SPREAD_EVERY, true, false, SH_METHOD_SCENE_REMOVE, SCHEMA, FREES},
    [SH_METHOD_SCORE_REMOVE] = {"score.remove", SH_SPREAD_EVERY, true, false, SH_METHOD_SCORE_REMOVE, AUDIENCE, FREES},
    [SH_METHOD_SEGMENT_LIST] = {"segment.list", SH_SPREAD_ALL, false, false, SH_METHOD_SEGMENT_LIST, AUDIENCE | EXPORT,
                                0},
    [SH_METHOD_TOKEN_CREATE] = {"token.create", SH_SPREAD_SESSION, false, false, SH_METHOD_TOKEN_CREATE, ADMIN,
                                AUDITED},
    [SH_METHOD_TOKEN_REVOKE] = {"token.revoke", SH_SPREAD_SESSION, false, false, SH_METHOD_TOKEN_REVOKE, ADMIN,
                                AUDITED},
    [SH_METHOD_TOKEN_ROTATE] = {"token.rotate", SH_SPREAD_SESSION, false, false, SH_METHOD_TOKEN_ROTATE, ADMIN,
                                AUDITED},
    [SH_METHOD_USER_RECEIPT] = {"user.receipt", SH_SPREAD_ALL, false, false, SH_METHOD_USER_RECEIPT, FORGET, 0},
    [SH_METHOD_AUDIENCE_LIST] = {"audience.list", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_LIST, AUDIENCE, 0},
    [SH_METHOD_FEED_LEARNING] = {"feed.learning", SH_SPREAD_ANY, false, false, SH_METHOD_FEED_LEARNING, FEED | AUDIENCE,
                                 0},
    [SH_METHOD_FEED_TRENDING] = {"feed.trending", SH_SPREAD_ANY, false, false, SH_METHOD_FEED_TRENDING, FEED, 0},
    [SH_METHOD_MODEL_LIKINGS] = {"model.likings", SH_SPREAD_ALL, false, false, SH_METHOD_MODEL_LIKINGS, EXPORT,
                                 AUDITED},
    [SH_METHOD_AUDIENCE_CLOSE] = {"audience.close", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_CLOSE,
                                  AUDIENCE | EXPORT, FREES},
    [SH_METHOD_AUDIENCE_COUNT] = {"audience.count", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_COUNT, AUDIENCE, 0},
    [SH_METHOD_CLIENT_NUMBERS] = {"client.numbers", SH_SPREAD_ALL, false, false, SH_METHOD_CLIENT_NUMBERS, INGEST, 0},
    [SH_METHOD_SEGMENT_REMOVE] = {"segment.remove", SH_SPREAD_EVERY, true, false, SH_METHOD_SEGMENT_REMOVE, AUDIENCE,
                                  FREES},
    [SH_METHOD_AUDIENCE_EXPORT] = {"audience.export", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_EXPORT, EXPORT,
                                   AUDITED},
    [SH_METHOD_AUDIENCE_FUNNEL] = {"audience.funnel", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_FUNNEL, AUDIENCE,
                                   0},
    [SH_METHOD_AUDIENCE_SAMPLE] = {"audience.sample", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_SAMPLE, AUDIENCE,
                                   0},
    [SH_METHOD_SEGMENT_OF_USER] = {"segment.of_user", SH_SPREAD_ONE, false, false, SH_METHOD_SEGMENT_OF_USER,
                                   FEED | AUDIENCE, 0},
    [SH_METHOD_AUDIENCE_EXPLAIN] = {"audience.explain", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_EXPLAIN,
                                    AUDIENCE, 0},
    [SH_METHOD_AUDIENCE_INSIGHT] = {"audience.insight", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_INSIGHT,
                                    AUDIENCE, 0},
    [SH_METHOD_AUDIENCE_OVERLAP] = {"audience.overlap", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_OVERLAP,
                                    AUDIENCE, 0},
    [SH_METHOD_FEED_ALSO_BOUGHT] = {"feed.also_bought", SH_SPREAD_ANY, false, false, SH_METHOD_FEED_ALSO_BOUGHT, FEED,
                                    0},
    [SH_METHOD_FEED_IMPRESSIONS] = {"feed.impressions", SH_SPREAD_ANY, false, false, SH_METHOD_FEED_IMPRESSIONS, EXPORT,
                                    AUDITED},
    [SH_METHOD_REFERRAL_REFRESH] = {"referral.refresh", SH_SPREAD_EVERY, true, false, SH_METHOD_REFERRAL_REFRESH,
                                    SCHEMA | INGEST, 0},
    [SH_METHOD_AUDIENCE_LOOKALIKE] = {"audience.lookalike", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_LOOKALIKE,
                                      AUDIENCE, 0},
    [SH_METHOD_AUDIENCE_RETENTION] = {"audience.retention", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_RETENTION,
                                      AUDIENCE, 0},
    [SH_METHOD_AUDIENCE_WATERFALL] = {"audience.waterfall", SH_SPREAD_ALL, false, false, SH_METHOD_AUDIENCE_WATERFALL,
                                      AUDIENCE, 0},
    [SH_METHOD_FEED_USERS_FOR_ITEM] = {"feed.users_for_item", SH_SPREAD_ALL, false, false,
                                       SH_METHOD_FEED_USERS_FOR_ITEM, AUDIENCE, 0},
};

static int compare_names(struct sh_text name, const char *known) {
    const uint32_t known_count = (uint32_t)strlen(known);
    if (name.count != known_count) return name.count < known_count ? -1 : 1;
    return memcmp(name.bytes, known, known_count);
}

const struct sh_method *sh_method_find(struct sh_text name, struct sh_error *err) {
    uint32_t low = 0;
    uint32_t high = SH_METHOD_COUNT;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        const int order = compare_names(name, methods[middle].name);
        if (order == 0) return &methods[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < SH_METHOD_COUNT; i++) {
        if (!methods[i].internal) sh_nearest_offer(&search, sh_text_of(methods[i].name));
    }
    (void)sh_fail(err, SH_ERR_NAME, -1, "there is no method `%.*s`", (int)(name.count < 80 ? name.count : 80),
                  name.bytes);
    if (search.nearest.count > 0)
        (void)sh_fail_hint(err, SH_ERR_NAME, "did you mean `%.*s`?", SH_TEXT_ARGS(search.nearest));
    return NULL;
}

const struct sh_method *sh_method_at(uint32_t number) {
    sh_assert(number < SH_METHOD_COUNT);
    return &methods[number];
}

uint32_t sh_method_count(void) {
    return SH_METHOD_COUNT;
}
