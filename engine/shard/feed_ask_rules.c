/* feed_ask_rules.c -- the rules of a feed as a request or a scene writes them; PROTOCOL.md has their forms. */
#include "calendar.h"
#include "feed_ask.h"

/* Days as the merchant says them; a hundred years is as good as for ever. */
#define DAYS_MAX   36500.0
#define NUMBER_MAX 1000.0

/* ---- Lists of maps ---- */

struct list {
    struct sh_feed_ask *ask;
    const char *name;
    const char *const *words;
    uint32_t word_count;
    uint32_t max;
    enum sh_status (*read)(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err);
};

enum { ELEMENT_WORD_COUNT_MAX = 6 };

static enum sh_status read_list(const struct list *list, const struct sh_param *param, struct sh_error *err) {
    const struct sh_param_names names = {list->words, list->word_count, 0};
    struct sh_cursor cursor;
    uint32_t count;
    sh_assert(list->word_count <= ELEMENT_WORD_COUNT_MAX);
    enum sh_status status = sh_param_array(param, list->name, list->max, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        struct sh_param params[ELEMENT_WORD_COUNT_MAX];
        const uint8_t *begin = cursor.at;
        if ((status = sh_cursor_skip(&cursor, NULL, err)) != SH_OK) return status;
        status = sh_params_read(begin, (size_t)(cursor.at - begin), &names, params, NULL, err);
        if (status == SH_OK) status = list->read(list->ask, params, err);
    }
    return status;
}

static enum sh_status read_days(const struct sh_param *param, const char *name, int64_t *span_ms,
                                struct sh_error *err) {
    double days = (double)*span_ms / (double)SH_DAY_MS;
    const enum sh_status status = sh_param_real(param, name, 0, DAYS_MAX, &days, err);
    if (status == SH_OK && sh_param_given(param)) *span_ms = (int64_t)(days * (double)SH_DAY_MS);
    return status;
}

static enum sh_status read_count(const struct sh_param *param, const char *name, int64_t low, int64_t high,
                                 uint32_t *count, struct sh_error *err) {
    int64_t value = *count;
    const enum sh_status status = sh_param_integer(param, name, low, high, &value, err);
    *count = (uint32_t)value;
    return status;
}

/* A place as people count, from 1, as the engine does, from 0. */
static enum sh_status read_place(const struct sh_param *param, uint32_t *place, struct sh_error *err) {
    uint32_t number = 1;
    enum sh_status status = sh_param_require(param, "place", err);
    if (status == SH_OK) status = read_count(param, "place", 1, SH_FEED_PAGED_COUNT_MAX, &number, err);
    *place = number - 1;
    return status;
}

/* ---- Boosts ---- */

enum { BOOST_WHERE, BOOST_FACTOR, BOOST_POINTS, BOOST_NAME, BOOST_WORD_COUNT };
static const char *const boost_words[BOOST_WORD_COUNT] = {"where", "factor", "points", "name"};

static enum sh_status read_boost_rule(struct sh_feed_ask *ask, const struct sh_param *params, bool buries,
                                      struct sh_error *err) {
    struct sh_feed_boost boost = {.name = {NULL, 0}, .factor = 1, .points = 0};
    enum sh_status status;
    if (ask->rules.boost_count == SH_FEED_BOOST_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "a feed has at most %d boosts, those that bury among them",
                       (int)SH_FEED_BOOST_COUNT_MAX);
    if (!sh_param_given(&params[BOOST_FACTOR]) && !sh_param_given(&params[BOOST_POINTS]))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` needs a factor or points", buries ? "bury" : "boost");
    status =
        sh_param_real(&params[BOOST_FACTOR], "factor", buries ? 0 : 1, buries ? 1 : NUMBER_MAX, &boost.factor, err);
    if (status == SH_OK) status = sh_param_real(&params[BOOST_POINTS], "points", 0, NUMBER_MAX, &boost.points, err);
    if (status == SH_OK) status = sh_param_text(&params[BOOST_NAME], "name", &boost.name, err);
    if (status == SH_OK) status = sh_feed_ask_set(ask, &params[BOOST_WHERE], &boost.items, err);
    if (buries) boost.points = -boost.points;
    ask->rules.boosts[ask->rules.boost_count++] = boost;
    return status;
}

static enum sh_status read_boost(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    return read_boost_rule(ask, params, false, err);
}

static enum sh_status read_bury(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    return read_boost_rule(ask, params, true, err);
}

/* ---- Places ---- */

/* An item that is not known has nothing to pin. */
static enum sh_status read_pin(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    struct sh_cursor cursor;
    struct sh_id_reader id;
    struct sh_feed_pin pin = {0};
    enum sh_status status = sh_param_require(&params[0], "item", err);
    if (status != SH_OK) return status;
    sh_param_cursor(&params[0], &cursor);
    if ((status = sh_id_read(&id, &cursor, "the item of a pin", err)) != SH_OK) return status;
    if ((status = read_place(&params[1], &pin.place, err)) != SH_OK) return status;
    pin.item = sh_table_find(ask->call->workspace->items, id.text);
    if (pin.item != SH_SLOT_NONE) ask->rules.pins[ask->rules.pin_count++] = pin;
    return SH_OK;
}

static enum sh_status read_slot(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    struct sh_feed_slot *slot = &ask->rules.slots[ask->rules.slot_count++];
    *slot = (struct sh_feed_slot){.place = 0};
    enum sh_status status = read_place(&params[1], &slot->place, err);
    if (status == SH_OK) status = sh_param_text(&params[2], "name", &slot->name, err);
    return status == SH_OK ? sh_feed_ask_set(ask, &params[0], &slot->items, err) : status;
}

static enum sh_status read_quota(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    struct sh_feed_quota *quota = &ask->rules.quotas[ask->rules.quota_count++];
    *quota = (struct sh_feed_quota){.of = 1};
    enum sh_status status = sh_param_require(&params[3], "of", err);
    if (status == SH_OK) status = read_count(&params[3], "of", 1, SH_FEED_COUNT_MAX, &quota->of, err);
    quota->at_most = quota->of;
    if (status == SH_OK) status = read_count(&params[1], "at_least", 0, quota->of, &quota->at_least, err);
    if (status == SH_OK) status = read_count(&params[2], "at_most", 0, quota->of, &quota->at_most, err);
    if (status == SH_OK) status = sh_param_text(&params[4], "name", &quota->name, err);
    return status == SH_OK ? sh_feed_ask_set(ask, &params[0], &quota->items, err) : status;
}

static enum sh_status read_diversity(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    struct sh_feed_diversity *rule = &ask->rules.diversities[ask->rules.diversity_count++];
    struct sh_text name = {0};
    struct sh_row_field field;
    *rule = (struct sh_feed_diversity){.count = 1, .window = 2};
    enum sh_status status = sh_param_needed_text(&params[0], "attribute", &name, err);
    if (status == SH_OK) status = sh_row_field_find(ask->call->workspace->items, name, &field, err);
    if (status != SH_OK) return status;
    if (field.kind != SH_FIELD_ATTRIBUTE)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`diversity` must name an attribute of items");
    rule->attribute = field.index;
    status = read_count(&params[1], "count", 1, SH_FEED_COUNT_MAX, &rule->count, err);
    return status == SH_OK ? read_count(&params[2], "window", 2, SH_FEED_COUNT_MAX, &rule->window, err) : status;
}

/* One rule, or an array of rules; none in the place of those there were. */
static enum sh_status read_diversities(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    static const char *const words[] = {"attribute", "count", "window"};
    static const struct sh_param_names names = {words, 3, 0};
    const struct list list = {ask, "diversity", words, 3, SH_FEED_DIVERSITY_COUNT_MAX, read_diversity};
    struct sh_cursor cursor;
    enum sh_value_kind kind;
    struct sh_param params[3];
    if (!sh_param_given(param)) return SH_OK;
    ask->rules.diversity_count = 0;
    sh_param_cursor(param, &cursor);
    enum sh_status status = sh_cursor_peek(&cursor, &kind, err);
    if (status != SH_OK || kind != SH_VALUE_MAP) return status == SH_OK ? read_list(&list, param, err) : status;
    status = sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
    return status == SH_OK ? read_diversity(ask, params, err) : status;
}

static enum sh_status read_places(struct sh_feed_ask *ask, const struct sh_param *words, struct sh_error *err) {
    static const char *const pin_words[] = {"item", "place"};
    static const char *const slot_words[] = {"where", "place", "name"};
    static const char *const quota_words[] = {"where", "at_least", "at_most", "of", "name"};
    const struct list pins = {ask, "pins", pin_words, 2, SH_FEED_PIN_COUNT_MAX, read_pin};
    const struct list slots = {ask, "slots", slot_words, 3, SH_FEED_SLOT_COUNT_MAX, read_slot};
    const struct list quotas = {ask, "quotas", quota_words, 5, SH_FEED_QUOTA_COUNT_MAX, read_quota};
    enum sh_status status = read_list(&pins, &words[SH_WORD_PINS], err);
    if (status == SH_OK) status = read_list(&slots, &words[SH_WORD_SLOTS], err);
    if (status == SH_OK) status = read_list(&quotas, &words[SH_WORD_QUOTAS], err);
    if (status == SH_OK) status = read_diversities(ask, &words[SH_WORD_DIVERSITY], err);
    return status == SH_OK ? sh_param_real(&words[SH_WORD_MMR], "mmr", 0, 1, &ask->rules.mmr, err) : status;
}

/* ---- Who may see what again ---- */

static enum sh_status read_kind(struct sh_text name, uint32_t end, uint32_t *rule, struct sh_error *err) {
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (*rule = 0; *rule < end; (*rule)++) {
        if (sh_text_equal(name, sh_text_of(sh_feed_rule_name(*rule)))) return SH_OK;
        sh_nearest_offer(&search, sh_text_of(sh_feed_rule_name(*rule)));
    }
    return sh_fail_unknown(err, SH_ERR_NAME, &search, "there is no rule `%.*s`",
                           (int)(name.count < 80 ? name.count : 80), name.bytes);
}

static enum sh_status read_held(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    const char *words[SH_FEED_KIND_COUNT];
    struct sh_param params[SH_FEED_KIND_COUNT];
    const struct sh_param_names names = {words, SH_FEED_KIND_COUNT, 0};
    if (!sh_param_given(param)) return SH_OK;
    for (uint32_t kind = 0; kind < SH_FEED_KIND_COUNT; kind++)
        words[kind] = sh_feed_rule_name(kind);
    enum sh_status status =
        sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
    for (uint32_t kind = 0; kind < SH_FEED_KIND_COUNT && status == SH_OK; kind++)
        status = read_days(&params[kind], words[kind], &ask->rules.held_ms[kind], err);
    return status;
}

static enum sh_status read_cap(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    struct sh_feed_cap *cap = &ask->rules.caps[ask->rules.cap_count++];
    struct sh_text what = SH_TEXT_LITERAL("served");
    uint32_t kind;
    *cap = (struct sh_feed_cap){.count = 1, .window_ms = SH_DAY_MS};
    enum sh_status status = sh_param_text(&params[0], "what", &what, err);
    if (status == SH_OK) status = read_kind(what, SH_FEED_KIND_COUNT, &kind, err);
    if (status != SH_OK) return status;
    cap->kind = (enum sh_feed_kind)kind;
    if ((status = sh_param_require(&params[1], "count", err)) != SH_OK) return status;
    if ((status = read_count(&params[1], "count", 1, SH_FEED_HISTORY_COUNT_MAX, &cap->count, err)) != SH_OK)
        return status;
    return read_days(&params[2], "days", &cap->window_ms, err);
}

static enum sh_status read_fatigue(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    static const char *const words[] = {"days", "factor"};
    static const struct sh_param_names names = {words, 2, 0};
    struct sh_param params[2];
    if (!sh_param_given(param)) return SH_OK;
    ask->rules.fatigue_ms = 7 * SH_DAY_MS;
    ask->rules.fatigue_factor = 0.8;
    enum sh_status status =
        sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
    if (status == SH_OK) status = read_days(&params[0], "days", &ask->rules.fatigue_ms, err);
    return status == SH_OK ? sh_param_real(&params[1], "factor", 0, 1, &ask->rules.fatigue_factor, err) : status;
}

static enum sh_status read_relax(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    if (!sh_param_given(param)) return SH_OK;
    enum sh_status status = sh_param_array(param, "relax", SH_FEED_RULE_COUNT, &cursor, &count, err);
    ask->rules.relax_count = 0;
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        struct sh_text name;
        uint32_t rule;
        status = sh_cursor_text(&cursor, &name, "a rule in `relax`", err);
        if (status == SH_OK) status = read_kind(name, SH_FEED_RULE_COUNT, &rule, err);
        if (status == SH_OK) ask->rules.relax[ask->rules.relax_count++] = (uint8_t)rule;
    }
    return status;
}

static enum sh_status read_again(struct sh_feed_ask *ask, const struct sh_param *words, struct sh_error *err) {
    static const char *const cap_words[] = {"what", "count", "days"};
    const struct list caps = {ask, "caps", cap_words, 3, SH_FEED_CAP_COUNT_MAX, read_cap};
    enum sh_status status = read_held(ask, &words[SH_WORD_HELD], err);
    if (status == SH_OK) status = read_list(&caps, &words[SH_WORD_CAPS], err);
    if (status == SH_OK) status = read_fatigue(ask, &words[SH_WORD_FATIGUE], err);
    if (status == SH_OK) status = read_relax(ask, &words[SH_WORD_RELAX], err);
    if (status != SH_OK) return status;
    return read_count(&words[SH_WORD_FLOOR], "floor", 0, SH_FEED_COUNT_MAX, &ask->rules.floor, err);
}

/* ---- All ---- */

static enum sh_status read_scores(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    const char *words[SH_FEED_RANKER];
    struct sh_param params[SH_FEED_RANKER];
    const struct sh_param_names names = {words, SH_FEED_RANKER, 0};
    if (!sh_param_given(param)) return SH_OK;
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        words[i] = sh_feed_feature_name((enum sh_feed_feature)i);
    enum sh_status status =
        sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
    for (uint32_t i = 0; i < SH_FEED_RANKER && status == SH_OK; i++)
        status = sh_param_real(&params[i], words[i], 0, SH_FEED_WEIGHT_MAX, &ask->weights[i], err);
    ask->request.weights = ask->weights;
    return status;
}

static enum sh_status read_narrow(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    static const char *const words[] = {"auto", "never", "always"};
    struct sh_text text = SH_TEXT_LITERAL("auto");
    const enum sh_status status = sh_param_text(param, "narrow", &text, err);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < 3; i++) {
        if (!sh_text_equal(text, sh_text_of(words[i]))) continue;
        ask->request.narrowing = (enum sh_feed_narrowing)i;
        return SH_OK;
    }
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`narrow` is \"auto\", \"never\" or \"always\"");
}

enum sh_status sh_feed_ask_read_rules(struct sh_feed_ask *ask, const struct sh_param *words, struct sh_error *err) {
    const struct sh_feed_config *config = sh_feed_config(ask->call->workspace->feed);
    const struct list boosts = {ask, "boost", boost_words, BOOST_WORD_COUNT, SH_FEED_BOOST_COUNT_MAX, read_boost};
    const struct list buries = {ask, "bury", boost_words, BOOST_WORD_COUNT, SH_FEED_BOOST_COUNT_MAX, read_bury};
    sh_feed_rules_default(config, &ask->rules);
    memcpy(ask->weights, config->weights, sizeof ask->weights);
    enum sh_status status = read_list(&boosts, &words[SH_WORD_BOOST], err);
    if (status == SH_OK) status = read_list(&buries, &words[SH_WORD_BURY], err);
    if (status == SH_OK) status = read_places(ask, words, err);
    if (status == SH_OK) status = read_again(ask, words, err);
    if (status == SH_OK) status = read_scores(ask, &words[SH_WORD_SCORES], err);
    if (status == SH_OK) status = sh_feed_ask_read_reading(ask, words, err);
    if (status == SH_OK) status = read_narrow(ask, &words[SH_WORD_NARROW], err);
    ask->request.rules = &ask->rules;
    return status == SH_OK ? sh_feed_rules_check(&ask->rules, ask->call->workspace->items, err) : status;
}
