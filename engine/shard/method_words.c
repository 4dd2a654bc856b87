/* method_words.c -- what each method is for, in one line, and the names of its params ("?": it may be left out).
 *
 * Beside the method table, for whoever has to describe the methods: OpenAPI, the table in PROTOCOL.md (`tools/dev
 * protocol` writes it from here, and tests/structure compares). A test asks every method of a server for these names and
 * for all others, so none is missing and none is made up.
 */
#include "shard_private.h"

static const struct sh_method_words words[SH_METHOD_COUNT] = {
    [SH_METHOD_PING] = {"", "Is anybody there?"},
    [SH_METHOD_HELLO] = {"version workspace? client? token?", "Show a token, choose a workspace"},
    [SH_METHOD_STATS] = {"sections?", "What a workspace holds, and how the server is"},
    [SH_METHOD_RFM_GET] = {"", "The plan of RFM, its cut points and its sizes"},
    [SH_METHOD_RFM_PUT] = {"event days? per_day? scores? cuts? split? lifecycle?",
                           "Score users by recency, frequency, money"},
    [SH_METHOD_FEED_GET] =
        {"user? session? count? filter? exclude? fields? seed? now? scene? store? cursor? explain? timeout_ms? after? "
         "record? "
         "boost? bury? pins? slots? quotas? diversity? mmr? held? caps? fatigue? relax? floor? scores? weights? "
         "half_life_days? "
         "goals?",
         "What a user should see next, with reasons"},
    [SH_METHOD_ITEM_GET] = {"id? ids? fields?", "Items by id"},
    [SH_METHOD_ITEM_PUT] = {"item? items? fields? rows? nil?", "Items come in; they are listed"},
    [SH_METHOD_RULE_GET] = {"name", "One rule"},
    [SH_METHOD_RULE_PUT] = {"name on tag_set tag ttl_days? note? past?", "A tag that events give by themselves"},
    [SH_METHOD_SNAPSHOT] = {"", "All state into the data directory, now"},
    [SH_METHOD_TREE_GET] = {"name", "One tree of names"},
    [SH_METHOD_TREE_PUT] = {"name nodes of?", "Names below names: stores in cities"},
    [SH_METHOD_USER_GET] = {"id? ids? fields? events?", "Users by id, with their latest events"},
    [SH_METHOD_USER_PUT] = {"user? users? fields? rows? nil?", "Users come in, or change"},
    [SH_METHOD_ITEM_LIST] = {"limit? cursor? listed?", "The ids of all items, page by page"},
    [SH_METHOD_MODEL_PUT] = {"name number? part? parts? items? rows? about? fault?",
                             "A part of a trained table of items; what a trainer sends"},
    [SH_METHOD_RULE_LIST] = {"", "All rules, and how often each gave its tag"},
    [SH_METHOD_SCENE_GET] = {"name", "The rules of one scene"},
    [SH_METHOD_SCENE_PUT] = {"name rules", "Rules of feeds, by the place where they are shown"},
    [SH_METHOD_SCORE_GET] = {"name", "One scoring plan"},
    [SH_METHOD_SCORE_PUT] = {"name points? weights? digits? note?", "A scoring plan, which is a field of every user"},
    [SH_METHOD_TREE_LIST] = {"", "All trees"},
    [SH_METHOD_MODEL_LIST] = {"", "The tables of items, and their trainings"},
    [SH_METHOD_SCENE_LIST] = {"", "All scenes"},
    [SH_METHOD_SCHEMA_GET] = {"", "Attributes, tag sets, event types, settings of the feed"},
    [SH_METHOD_SCHEMA_PUT] = {"zone? users? items? events? feed? privacy?", "Add to the schema; makes the workspace"},
    [SH_METHOD_SCORE_LIST] = {"", "All scoring plans"},
    [SH_METHOD_TOKEN_LIST] = {"", "All tokens, without their secrets"},
    [SH_METHOD_USER_MERGE] = {"from into", "Two users become one"},
    [SH_METHOD_EVENT_SWEEP] = {"", "Let go of days that are kept no longer"},
    [SH_METHOD_ITEM_REMOVE] = {"id? ids?", "Items are listed no longer"},
    [SH_METHOD_MODEL_TRAIN] = {"name every_hours? dimensions? epochs? neighbours? unobserved? regularisation? shrink? "
                               "alpha? beta? seed?",
                               "Train a table of items, once or again and again"},
    [SH_METHOD_RFM_REFRESH] = {"now?", "New cut points"},
    [SH_METHOD_RULE_REMOVE] = {"name", "Remove a rule; tags that it gave stay"},
    [SH_METHOD_SEGMENT_GET] = {"name", "One segment, with its earlier versions"},
    [SH_METHOD_SEGMENT_PUT] = {"name where note? if_version?", "Save an expression by name"},
    [SH_METHOD_TREE_REMOVE] = {"name", "Remove a tree that nothing uses"},
    [SH_METHOD_USER_EXPORT] = {"user limit? cursor? now?", "Everything that is held of a person"},
    [SH_METHOD_USER_RECEIPT] = {"receipt", "Is what was forgotten gone from the disk, too?"},
    [SH_METHOD_USER_FORGET] = {"id? ids?", "Remove people everywhere"},
    [SH_METHOD_AUDIENCE_ASK] = {"where count? list? sample? now? timeout_ms? for?", "Several asks from one evaluation"},
    [SH_METHOD_AUDIENCE_RFM] = {"where? now? timeout_ms?", "How an audience spreads over the cells of RFM"},
    [SH_METHOD_AUDIENCE_WHY] = {"user where now?", "Why a user matches, or not, clause by clause"},
    [SH_METHOD_EVENT_APPEND] = {"event? events? fields? rows? nil?", "What users did comes in"},
    [SH_METHOD_EVENT_LIST] = {"types? from? until? limit? cursor? now? timeout_ms?",
                              "Everything that happened, in the order of time, page by page"},
    [SH_METHOD_FEED_BATCH] = {"users? where? feed? limit? cursor? now? timeout_ms? for?",
                              "Feeds of many users at once"},
    [SH_METHOD_FEED_USERS_FOR_ITEM] = {"item where? count? fields? now? timeout_ms? for?",
                                       "Users whom an item may interest"},
    [SH_METHOD_FEED_SERVED] = {"rec_id items user? now? place? hour? kinds? sources? features?",
                               "A feed was shown, to be learned from"},
    [SH_METHOD_FEED_LEARNING] = {"now?", "How well the feed learns, and what came of what it showed"},
    [SH_METHOD_FEED_IMPRESSIONS] = {"after? limit?", "What was shown, with propensities, and what came of it"},
    [SH_METHOD_FEED_EXPLAIN] =
        {"user? session? count? filter? exclude? fields? seed? now? scene? store? cursor? explain? timeout_ms? after? "
         "record? "
         "boost? bury? pins? slots? quotas? diversity? mmr? held? caps? fatigue? relax? floor? scores? weights? "
         "half_life_days? "
         "goals? item",
         "Why an item is in a feed, or why not"},
    [SH_METHOD_FEED_SIMILAR] = {"item count? filter? fields? now?", "Items that are like one"},
    [SH_METHOD_MODEL_REMOVE] = {"name", "Remove a table and its plan"},
    [SH_METHOD_REFERRAL_GET] = {"", "The plan of invitations"},
    [SH_METHOD_REFERRAL_PUT] = {"inviter counts?", "Count whom users have invited"},
    [SH_METHOD_SCENE_REMOVE] = {"name", "Drop a scene"},
    [SH_METHOD_SCORE_REMOVE] = {"name", "Remove a scoring plan that nothing uses"},
    [SH_METHOD_SEGMENT_LIST] = {"names? counts? max_age_ms? now?", "All segments, with their sizes"},
    [SH_METHOD_TOKEN_CREATE] = {"id roles workspace? days? rate? burst? note?", "A new token, shown once"},
    [SH_METHOD_TOKEN_REVOKE] = {"id", "Nobody gets in with it from now on"},
    [SH_METHOD_TOKEN_ROTATE] = {"id grace_s?", "Another secret; the one before lives on for a while"},
    [SH_METHOD_AUDIENCE_LIST] = {"where? limit? fields? order? desc? keep? cursor? now? timeout_ms? for?",
                                 "Who matches, page by page"},
    [SH_METHOD_FEED_TRENDING] = {"count? filter? fields? now? store? by?",
                                 "What is popular, or rises, in a store or everywhere"},
    [SH_METHOD_MODEL_LIKINGS] = {"at? count? now?", "Who likes what, page by page, to train elsewhere"},
    [SH_METHOD_AUDIENCE_CLOSE] = {"cursor", "Close a cursor before its last page"},
    [SH_METHOD_AUDIENCE_COUNT] = {"where now? timeout_ms? for?", "How many match"},
    [SH_METHOD_CLIENT_NUMBERS] = {"client count?", "Which numbered writes of a client were done"},
    [SH_METHOD_SEGMENT_REMOVE] = {"name", "Remove a segment that nothing uses"},
    [SH_METHOD_AUDIENCE_EXPORT] = {"where? limit? order? desc? cursor? now? timeout_ms? for?",
                                   "The ids of all who match, frozen, page by page"},
    [SH_METHOD_AUDIENCE_FUNNEL] = {"sequence among? by? top? now? timeout_ms?", "How far users come, step by step"},
    [SH_METHOD_AUDIENCE_SAMPLE] = {"where count seed? fields? now? timeout_ms? for?",
                                   "Exactly so many of those who match"},
    [SH_METHOD_SEGMENT_OF_USER] = {"user names? now?", "Which segments a user is in"},
    [SH_METHOD_AUDIENCE_EXPLAIN] = {"where analyze? now?", "How a question is answered, and what each line costs"},
    [SH_METHOD_AUDIENCE_INSIGHT] = {"where dimensions base? now? timeout_ms?",
                                    "What an audience is like, against others"},
    [SH_METHOD_AUDIENCE_OVERLAP] = {"sets combinations? now? timeout_ms?", "How audiences cross"},
    [SH_METHOD_FEED_ALSO_BOUGHT] = {"item count? filter? fields? by? now?", "What its buyers also bought"},
    [SH_METHOD_REFERRAL_REFRESH] = {"now?", "Count invitations anew"},
    [SH_METHOD_AUDIENCE_LOOKALIKE] = {"seeds count exclude? now? timeout_ms? for?", "Who else is like them"},
    [SH_METHOD_AUDIENCE_RETENTION] = {"first return? period? periods? among? now? timeout_ms?",
                                      "Who comes back, by cohort"},
    [SH_METHOD_AUDIENCE_WATERFALL] = {"where now? timeout_ms?", "What each clause removes"},
};

const struct sh_method_words *sh_method_words(uint32_t number) {
    sh_assert(number < SH_METHOD_COUNT);
    return &words[number];
}
