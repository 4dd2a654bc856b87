/* methods_person.c -- what a person may ask of a shop: everything that is held (user.export), and that it is gone
 * (user.receipt).
 *
 *   user.export {user: "u1"}            -> {user: {id, ...}, names, ends, segments, tastes, shown, event_count, events,
 *                                           cursor?}
 *   user.export {user: "u1", cursor}    -> {events: [...], cursor?} ... until there is none
 *
 * The first page has all but the events, of which each page has at most `limit`, newest first. The cursor is the place of
 * the last one, "time.number": how many of that time were passed. It holds nothing open. What is held is held by slot and
 * by hashes of the user's own id: both are looked at.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer_map.h"
#include "event_pack.h"
#include "memory.h"
#include "part_answer.h"
#include "person.h"
#include "segment_cache.h"
#include "served.h"

enum { EVENT_LIMIT_DEFAULT = 1000 };

/* ---- user.export ---- */

enum { EXPORT_USER, EXPORT_LIMIT, EXPORT_CURSOR, EXPORT_NOW, EXPORT_PARAM_COUNT };

struct person {
    struct sh_call *call;
    struct sh_workspace *workspace;
    uint32_t slot;
    struct sh_text id; /* the user's own */
    int64_t limit;
    int64_t now_ms;
    bool is_next; /* a page behind the first */
    int64_t time_ms;
    uint64_t passed;
};

static bool parse_cursor(struct sh_text text, struct person *person) {
    char copy[48];
    int used = 0;
    if (text.count == 0 || text.count >= sizeof copy) return false;
    memcpy(copy, text.bytes, text.count);
    copy[text.count] = '\0';
    return sscanf(copy, "%" SCNd64 ".%" SCNu64 "%n", &person->time_ms, &person->passed, &used) == 2 &&
           (uint32_t)used == text.count;
}

static enum sh_status read_export(struct person *person, struct sh_error *err) {
    static const char *const words[EXPORT_PARAM_COUNT] = {"user", "limit", "cursor", "now"};
    struct sh_call *call = person->call;
    struct sh_param params[EXPORT_PARAM_COUNT];
    struct sh_id_reader user;
    struct sh_cursor cursor;
    struct sh_text place = {0};
    enum sh_status status;
    person->limit = EVENT_LIMIT_DEFAULT;
    if ((status = sh_call_params(call, words, EXPORT_PARAM_COUNT, params, err)) != SH_OK) return status;
    if ((status = sh_param_require(&params[EXPORT_USER], "user", err)) != SH_OK) return status;
    sh_param_cursor(&params[EXPORT_USER], &cursor);
    if ((status = sh_id_read(&user, &cursor, "`user`", err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[EXPORT_LIMIT], "limit", 1, SH_HISTORY_COUNT_MAX, &person->limit, err)) !=
        SH_OK)
        return status;
    if ((status = sh_param_text(&params[EXPORT_CURSOR], "cursor", &place, err)) != SH_OK) return status;
    person->is_next = sh_param_given(&params[EXPORT_CURSOR]);
    if (person->is_next && !parse_cursor(place, person))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`cursor` is not one that this server gave");
    if ((status = sh_read_now(&params[EXPORT_NOW], call, &person->now_ms, err)) != SH_OK) return status;
    /* Half of what is held would be no answer to somebody who asks for all of it. */
    if (call->request->hides_personal && person->workspace->privacy.hidden.count > 0) {
        (void)sh_fail(err, SH_ERR_FORBIDDEN, -1, "everything held of a person needs the role personal, too");
        return sh_fail_hint(err, SH_ERR_FORBIDDEN, "user.get answers with what this token may see");
    }
    person->slot = sh_workspace_find_user(person->workspace, user.text);
    if (person->slot == SH_SLOT_NONE)
        return sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no user `%.*s`", SH_TEXT_ARGS(user.text));
    person->id = sh_table_id(person->workspace->users, person->slot);
    return SH_OK;
}

static void pack_names(const struct person *person, msgpack_packer *packer) {
    const struct sh_aliases *aliases = &person->workspace->aliases;
    const uint32_t own = sh_aliases_are_none(aliases) ? SH_SLOT_NONE : sh_table_find(aliases->ids, person->id);
    uint32_t count = 0;
    if (own != SH_SLOT_NONE)
        for (uint32_t name = aliases->list[own].next; name != own; name = aliases->list[name].next)
            count++;
    sh_pack_literal(packer, "names");
    (void)msgpack_pack_array(packer, count);
    if (own == SH_SLOT_NONE) return;
    for (uint32_t name = aliases->list[own].next; name != own; name = aliases->list[name].next)
        sh_pack_text(packer, sh_table_id(aliases->ids, name));
}

/* When tags end that do: {tag set: {tag: time}}. */
static void pack_ends(const struct person *person, msgpack_packer *packer) {
    const struct sh_table *users = person->workspace->users;
    sh_pack_literal(packer, "ends");
    (void)msgpack_pack_map(packer, sh_table_tag_set_count(users));
    for (uint32_t set = 0; set < sh_table_tag_set_count(users); set++) {
        struct sh_tag_list tags;
        uint32_t count = 0;
        sh_table_tags(users, person->slot, set, &tags);
        for (uint32_t i = 0; i < tags.count; i++)
            count += sh_table_tag_until(users, person->slot, set, tags.codes[i]) != INT64_MAX;
        sh_pack_text(packer, sh_table_tag_set_name(users, set));
        (void)msgpack_pack_map(packer, count);
        for (uint32_t i = 0; i < tags.count; i++) {
            const int64_t until_ms = sh_table_tag_until(users, person->slot, set, tags.codes[i]);
            if (until_ms == INT64_MAX) continue;
            sh_pack_text(packer, sh_table_tag_text(users, set, tags.codes[i]));
            (void)msgpack_pack_int64(packer, until_ms);
        }
    }
}

static enum sh_status pack_segments(const struct person *person, msgpack_packer *packer, struct sh_error *err) {
    struct sh_workspace *workspace = person->workspace;
    const struct sh_catalogue *segments = &workspace->segments;
    struct sh_query_scope scope;
    bool *is_in = sh_arena_alloc_zero(person->call->arena, (size_t)segments->count + 1);
    uint32_t count = 0;
    if (is_in == NULL) return sh_fail_memory(err);
    sh_workspace_scope(workspace, false, person->now_ms, &scope);
    scope.hidden = NULL;
    sh_segment_cache_refresh(workspace);
    for (uint32_t i = 0; i < segments->count; i++) {
        struct sh_plan *plan;
        enum sh_status status = sh_segment_plan(workspace, segments->list[i], &scope, person->call->arena, &plan, err);
        if (status == SH_OK) status = sh_plan_test(plan, person->slot, &is_in[i], err);
        if (status != SH_OK) return status;
        count += is_in[i];
    }
    sh_pack_literal(packer, "segments");
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < segments->count; i++)
        if (is_in[i]) sh_pack_text(packer, segments->list[i]->name);
    return SH_OK;
}

/* What the feed has learned of the user: what they are drawn to. */
static enum sh_status pack_tastes(const struct person *person, msgpack_packer *packer, struct sh_error *err) {
    struct sh_feed_affinity *list = sh_arena_alloc(person->call->arena, SH_FEED_AFFINITY_COUNT_MAX * sizeof *list);
    if (list == NULL) return sh_fail_memory(err);
    const uint32_t count =
        sh_feed_affinities(person->workspace->feed, person->slot, person->now_ms, list, SH_FEED_AFFINITY_COUNT_MAX);
    sh_pack_literal(packer, "tastes");
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++) {
        (void)msgpack_pack_map(packer, 4);
        sh_pack_literal(packer, "of");
        sh_pack_text(packer, list[i].group);
        sh_pack_literal(packer, "value");
        sh_pack_text(packer, list[i].name);
        sh_pack_literal(packer, "short");
        (void)msgpack_pack_double(packer, list[i].short_lived);
        sh_pack_literal(packer, "long");
        (void)msgpack_pack_double(packer, list[i].long_lived);
    }
    return SH_OK;
}

/* Feeds that were shown and are remembered. */
static void pack_shown(const struct person *person, msgpack_packer *packer) {
    const struct sh_impressions *all = sh_learner_impressions(sh_feed_learner(person->workspace->feed));
    const uint64_t user = sh_id_hash(person->id);
    uint32_t count = 0;
    for (uint64_t n = all->oldest; n < all->newest; n++)
        count += sh_impressions_at(all, n)->user == user && sh_impressions_at(all, n)->count > 0;
    sh_pack_literal(packer, "shown");
    (void)msgpack_pack_array(packer, count);
    for (uint64_t n = all->oldest; n < all->newest; n++) {
        const struct sh_impression *feed = sh_impressions_at(all, n);
        char rec_id[SH_REC_ID_BYTES];
        if (feed->user != user || feed->count == 0) continue;
        sh_rec_id_print(feed->rec, rec_id);
        (void)msgpack_pack_map(packer, 3);
        sh_pack_literal(packer, "rec_id");
        sh_pack_literal(packer, rec_id);
        sh_pack_literal(packer, "time");
        (void)msgpack_pack_int64(packer, feed->time_ms);
        sh_pack_literal(packer, "items");
        (void)msgpack_pack_array(packer, feed->count);
        for (uint32_t i = 0; i < feed->count; i++)
            sh_pack_text(packer, sh_table_id(person->workspace->items, feed->items[i].item));
    }
}

/* The page's events, and the cursor behind them. */
static void pack_events(const struct person *person, msgpack_packer *packer) {
    const struct sh_event_store *events = person->workspace->events;
    struct sh_event_ref event;
    uint64_t number = 0; /* of this time, those before it */
    int64_t time_ms = 0;
    int64_t left = person->limit;
    struct sh_event_ref *page = sh_arena_alloc(person->call->arena, (size_t)person->limit * sizeof *page);
    uint32_t count = 0;
    bool more = sh_event_history_first(events, person->slot, &event);
    for (; more && page != NULL; more = sh_event_history_next(events, &event)) {
        const bool is_same_time = number > 0 && sh_event_ref_time(event) == time_ms;
        if (person->is_next && sh_event_ref_time(event) > person->time_ms) continue;
        if (left == 0) break;
        number = is_same_time ? number + 1 : 1;
        time_ms = sh_event_ref_time(event);
        if (person->is_next && time_ms == person->time_ms && number <= person->passed) continue;
        page[count++] = event;
        left--;
    }
    sh_pack_literal(packer, "events");
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++)
        sh_event_pack(person->workspace, page[i], person->id, packer);
    sh_pack_literal(packer, "cursor");
    if (!more) {
        (void)msgpack_pack_nil(packer);
        return;
    }
    char cursor[48];
    (void)snprintf(cursor, sizeof cursor, "%" PRId64 ".%" PRIu64, time_ms, number);
    sh_pack_literal(packer, cursor);
}

/* The vector that user.put gave, by its direction; nil: none. */
static void pack_vector(const struct person *person, msgpack_packer *packer) {
    const struct sh_vectors *vectors = sh_feed_vectors(person->workspace->feed, SH_FEED_OF_USER);
    const int16_t *row = sh_vectors_row(vectors, person->slot);
    sh_pack_literal(packer, "vector");
    if (row == NULL) {
        (void)msgpack_pack_nil(packer);
        return;
    }
    (void)msgpack_pack_array(packer, sh_vectors_dimension(vectors));
    for (uint32_t i = 0; i < sh_vectors_dimension(vectors); i++)
        (void)msgpack_pack_double(packer, (double)row[i] / SH_VECTOR_UNIT);
}

static void pack_event_count(const struct person *person, msgpack_packer *packer) {
    sh_pack_literal(packer, "event_count");
    (void)msgpack_pack_uint64(packer, sh_person_event_count(person->workspace, person->slot));
}

enum sh_status sh_handle_user_export(struct sh_call *call, struct sh_error *err) {
    struct person person = {.call = call, .workspace = call->workspace};
    enum sh_status status = read_export(&person, err);
    if (status != SH_OK) return status;
    msgpack_packer packer;
    if (person.is_next) {
        sh_answer_begin(call, &packer, 2);
        pack_events(&person, &packer);
        return SH_OK;
    }
    sh_answer_begin(call, &packer, 10);
    sh_pack_literal(&packer, "user");
    if ((status = sh_user_pack(call, person.slot, &packer, err)) != SH_OK) return status;
    pack_names(&person, &packer);
    pack_ends(&person, &packer);
    if ((status = pack_segments(&person, &packer, err)) != SH_OK) return status;
    if ((status = pack_tastes(&person, &packer, err)) != SH_OK) return status;
    pack_shown(&person, &packer);
    pack_vector(&person, &packer);
    pack_event_count(&person, &packer);
    pack_events(&person, &packer);
    return SH_OK;
}

/* ---- user.receipt ---- */

static enum sh_status pack_receipt(struct sh_job *job, struct sh_buffer *part, struct sh_error *err);
static enum sh_status merge_receipts(const struct sh_request *request, const struct sh_answer_map *maps,
                                     uint32_t part_count, struct sh_buffer *merged, struct sh_error *err);
const struct sh_part_form sh_receipt_form = {pack_receipt, merge_receipts};

struct asked {
    uint64_t id;
};

static enum sh_status prepare_receipt(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                                      struct sh_error *err) {
    struct asked *asked = job->state;
    struct sh_text text = {0};
    (void)call;
    const enum sh_status status = sh_param_needed_text(&params[0], "receipt", &text, err);
    if (status != SH_OK) return status;
    if (sh_rec_id_read(text, &asked->id, NULL) == SH_OK) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`receipt` is not one that this server gave");
}

static enum sh_status step_nothing(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    (void)job;
    (void)block_count;
    (void)err;
    *done = true;
    return SH_OK;
}

enum sh_status sh_handle_user_receipt(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {.prepare = prepare_receipt,
                                            .step = step_nothing,
                                            .form = &sh_receipt_form,
                                            .state_bytes = sizeof(struct asked)};
    static const char *const words[] = {"receipt"};
    static const struct sh_param_names names = {words, 1, 0};
    return sh_job_ask(call, &names, &work, err);
}

static const char *const number_names[] = {"users", "names", "events", "values"};
enum { NUMBER_COUNT = sizeof number_names / sizeof number_names[0] };

static enum sh_status pack_receipt(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct asked *asked = job->state;
    const struct sh_receipt *receipt = sh_receipts_find(&job->workspace->receipts, asked->id);
    msgpack_packer packer;
    (void)err;
    sh_buffer_packer(part, &packer);
    (void)msgpack_pack_map(&packer, receipt == NULL ? 1 : 4 + NUMBER_COUNT + 1);
    if (receipt == NULL) return SH_OK;
    const uint64_t numbers[NUMBER_COUNT] = {receipt->users, receipt->names, receipt->events, receipt->values};
    sh_pack_literal(&packer, "id");
    (void)msgpack_pack_uint64(&packer, receipt->id);
    sh_pack_literal(&packer, "asked_at");
    (void)msgpack_pack_int64(&packer, receipt->asked_ms);
    sh_pack_literal(&packer, "erased_by");
    (void)msgpack_pack_int64(&packer, sh_forget_due(&job->shard->options, receipt->asked_ms));
    sh_pack_literal(&packer, "erased_at");
    (void)msgpack_pack_int64(&packer, receipt->erased_ms);
    for (uint32_t i = 0; i < NUMBER_COUNT; i++) {
        sh_pack_text(&packer, sh_text_of(number_names[i]));
        (void)msgpack_pack_uint64(&packer, numbers[i]);
    }
    return SH_OK;
}

static enum sh_status merge_receipts(const struct sh_request *request, const struct sh_answer_map *maps,
                                     uint32_t part_count, struct sh_buffer *merged, struct sh_error *err) {
    int64_t asked_ms = 0, due_ms = 0;
    int64_t erased_ms = INT64_MIN; /* when the last of them was */
    uint64_t id = 0;
    uint64_t sums[NUMBER_COUNT] = {0};
    char text[SH_REC_ID_BYTES];
    (void)request;
    for (uint32_t i = 0; i < part_count; i++) {
        if (sh_answer_map_find(&maps[i], "id") == NULL) continue;
        id = sh_answer_map_uint(&maps[i], "id");
        asked_ms = sh_answer_map_value(&maps[i], "asked_at").integer;
        due_ms = sh_answer_map_value(&maps[i], "erased_by").integer;
        const int64_t own_ms = sh_answer_map_value(&maps[i], "erased_at").integer;
        if (own_ms > erased_ms) erased_ms = own_ms;
        for (uint32_t n = 0; n < NUMBER_COUNT; n++)
            sums[n] += sh_answer_map_uint(&maps[i], number_names[n]);
    }
    if (erased_ms == INT64_MIN) return sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no such receipt");
    const bool is_complete = erased_ms != INT64_MAX;
    msgpack_packer packer;
    sh_buffer_packer(merged, &packer);
    (void)msgpack_pack_map(&packer, 4u + is_complete + NUMBER_COUNT + 1);
    sh_pack_literal(&packer, "receipt");
    sh_rec_id_print(id, text);
    sh_pack_literal(&packer, text);
    sh_pack_literal(&packer, "state");
    sh_pack_text(&packer, sh_text_of(is_complete ? "complete" : "pending"));
    sh_pack_literal(&packer, "asked_at");
    (void)msgpack_pack_int64(&packer, asked_ms);
    sh_pack_literal(&packer, "erased_by");
    (void)msgpack_pack_int64(&packer, due_ms);
    if (is_complete) {
        sh_pack_literal(&packer, "erased_at");
        (void)msgpack_pack_int64(&packer, erased_ms);
    }
    for (uint32_t n = 0; n < NUMBER_COUNT; n++) {
        sh_pack_text(&packer, sh_text_of(number_names[n]));
        (void)msgpack_pack_uint64(&packer, sums[n]);
    }
    return SH_OK;
}
