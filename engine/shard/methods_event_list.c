/* methods_event_list.c -- event.list: everything that happened, all users together, in the order of time (event_page.h).
 *
 *   {types: ["purchase"], from: "2026-01-01", limit: 5000}            -> {events: [{type, user, time, ...}, ...], cursor}
 *   {types: the same, limit: 5000, cursor}                            -> {events: [...], cursor?} ... until there is none
 *
 * Pages hold nothing open: the cursor is the place behind the page's last event and the end of the window,
 *
 *   "1772323800000.2.1772409600000.tom"     time . how many of this user's at this time are passed . until . user
 *
 * so any shard, any number of them, can go on, also after a restart. An event that is there all the time while pages
 * are asked for is met exactly once.
 *
 * A part: {events: [time, user, number, {event}, ...], more}. Each shard offers its share of the limit and some more; the
 * merge takes the first of all, and ends the page where a part is used up that has more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "event_pack.h"
#include "event_page.h"
#include "memory.h"
#include "part_answer.h"
#include "value_reader.h"

enum { LIST_TYPES, LIST_FROM, LIST_UNTIL, LIST_LIMIT, LIST_CURSOR, LIST_NOW, LIST_TIMEOUT, LIST_PARAM_COUNT };

enum {
    LIMIT_DEFAULT = 1000,
    /* A step packs so many events for a block that it may look through: some tens of microseconds either way. */
    EVENTS_PER_BLOCK = 64,
    /* A page ends early rather than be longer than this in one shard. */
    PAGE_BYTES_MAX = 16 << 20,
    /* After so many that were begun anew because somebody was forgotten meanwhile, a page is made in one step. */
    RESTART_COUNT_MAX = 4,
};

struct state {
    uint32_t limit;
    struct sh_event_page_spec spec;
    struct sh_event_page *page;
    uint64_t sequence; /* of the workspace, when the page was begun */
    uint32_t restart_count;
    bool is_found; /* the page is whole; packed of it are so many */
    uint32_t packed;
    bool has_more;
    struct sh_buffer events;
};

/* ---- The cursor ---- */

/* A number and the point behind it. */
static bool take_number(struct sh_text *text, int64_t *number) {
    uint32_t at = 0;
    while (at < text->count && text->bytes[at] != '.')
        at++;
    if (at == 0 || at == text->count || at > 20) return false;
    char digits[24];
    memcpy(digits, text->bytes, at);
    digits[at] = '\0';
    char *end;
    errno = 0;
    const long long value = strtoll(digits, &end, 10);
    if (errno != 0 || *end != '\0') return false;
    *number = value;
    text->bytes += at + 1;
    text->count -= at + 1;
    return true;
}

static bool parse_cursor(struct sh_text text, struct sh_event_place *place, int64_t *until_ms) {
    int64_t passed;
    if (!take_number(&text, &place->time_ms) || !take_number(&text, &passed) || !take_number(&text, until_ms))
        return false;
    if (passed < 0 || text.count == 0 || text.count > SH_ID_BYTES_MAX) return false;
    if (place->time_ms < SH_INSTANT_MIN || place->time_ms > SH_INSTANT_MAX) return false;
    if (*until_ms < SH_INSTANT_MIN || *until_ms > SH_INSTANT_MAX + 1) return false;
    place->passed = (uint64_t)passed;
    place->user = text;
    return true;
}

static void pack_cursor(const struct sh_event_place *place, int64_t until_ms, msgpack_packer *packer) {
    char text[80 + SH_ID_BYTES_MAX];
    int length = snprintf(text, 80, "%" PRId64 ".%" PRIu64 ".%" PRId64 ".", place->time_ms, place->passed, until_ms);
    memcpy(text + length, place->user.bytes, place->user.count);
    length += (int)place->user.count;
    sh_pack_literal(packer, "cursor");
    sh_pack_text(packer, (struct sh_text){text, (uint32_t)length});
}

/* ---- The question ---- */

static enum sh_status read_types(struct sh_job *job, const struct sh_param *param, struct sh_error *err) {
    struct state *state = job->state;
    const struct sh_event_store *events = job->workspace->events;
    const uint32_t type_count = sh_event_type_count(events);
    bool *types = sh_arena_alloc_zero(&job->arena, type_count + 1);
    struct sh_cursor cursor;
    uint32_t count;
    if (types == NULL) return sh_fail_memory(err);
    state->spec.types = types;
    state->spec.type_count = type_count;
    if (!sh_param_given(param)) {
        memset(types, true, type_count);
        return SH_OK;
    }
    enum sh_status status = sh_param_array(param, "types", SH_EVENT_TYPE_COUNT_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        struct sh_text name;
        if ((status = sh_cursor_text(&cursor, &name, "each of `types`", err)) != SH_OK) return status;
        uint32_t type;
        if ((status = sh_event_type_named(events, name, &type, err)) != SH_OK) return status;
        types[type] = true;
    }
    return status;
}

static enum sh_status read_instant(const struct sh_job *job, const struct sh_param *param, const char *name,
                                   int64_t *instant_ms, struct sh_error *err) {
    struct sh_cursor cursor;
    struct sh_value value;
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    const enum sh_status status = sh_cursor_next(&cursor, &value, err);
    const struct sh_value_type type = {.name = sh_text_of(name), .type = SH_TYPE_TIME};
    return status != SH_OK ? status : sh_read_plain(&value, &type, job->workspace->zone, instant_ms, err);
}

/* Where the page begins, and where the window ends. */
static enum sh_status read_place(struct sh_job *job, const struct sh_param *params, struct sh_error *err) {
    struct sh_event_page_spec *spec = &((struct state *)job->state)->spec;
    enum sh_status status;
    spec->place.time_ms = SH_INSTANT_MIN;
    spec->until_ms = job->scope.now_ms + 1; /* what is still to come has not happened */
    if (!sh_param_given(&params[LIST_CURSOR])) {
        if ((status = read_instant(job, &params[LIST_FROM], "from", &spec->place.time_ms, err)) != SH_OK) return status;
        return read_instant(job, &params[LIST_UNTIL], "until", &spec->until_ms, err);
    }
    static const uint32_t fixed[] = {LIST_FROM, LIST_UNTIL, LIST_NOW};
    static const char *const names[] = {"from", "until", "now"};
    for (uint32_t i = 0; i < 3; i++)
        if (sh_param_given(&params[fixed[i]]))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` was fixed when the cursor was made", names[i]);
    struct sh_text text = {0};
    if ((status = sh_param_text(&params[LIST_CURSOR], "cursor", &text, err)) != SH_OK) return status;
    if (!parse_cursor(text, &spec->place, &spec->until_ms))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`cursor` is not one that this server gave");
    char *user = sh_arena_copy(&job->arena, spec->place.user.bytes, spec->place.user.count);
    if (user == NULL) return sh_fail_memory(err);
    spec->place.user.bytes = user;
    return SH_OK;
}

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    struct state *state = job->state;
    const uint32_t shard_count = job->shard->options.shard_count;
    int64_t limit = LIMIT_DEFAULT;
    enum sh_status status;
    sh_buffer_init(&state->events, SH_ANSWER_BYTES_MAX);
    if ((status = sh_param_integer(&params[LIST_LIMIT], "limit", 1, SH_EVENT_LIST_LIMIT_MAX, &limit, err)) != SH_OK)
        return status;
    if ((status = sh_job_read_now(job, call, &params[LIST_NOW], &params[LIST_TIMEOUT], err)) != SH_OK) return status;
    if ((status = read_types(job, &params[LIST_TYPES], err)) != SH_OK) return status;
    if ((status = read_place(job, params, err)) != SH_OK) return status;
    state->limit = (uint32_t)limit;
    const uint32_t share = (uint32_t)limit / shard_count + (uint32_t)limit / 8 + 16;
    state->spec.wanted = shard_count == 1 || share > (uint32_t)limit ? (uint32_t)limit : share;
    state->spec.events = job->workspace->events;
    state->spec.users = job->workspace->users;
    state->sequence = job->workspace->sequence;
    state->page = sh_event_page_create(&state->spec);
    return state->page != NULL ? SH_OK : sh_fail_memory(err);
}

static void release(struct sh_job *job) {
    struct state *state = job->state;
    sh_event_page_destroy(state->page);
    sh_buffer_deinit(&state->events);
}

/* ---- Steps ---- */

/* Rows move when somebody is forgotten: what was found is no good any more. */
static void look_for_forgotten(struct sh_job *job) {
    struct state *state = job->state;
    if (state->sequence == job->workspace->sequence) return;
    state->sequence = job->workspace->sequence;
    state->restart_count++;
    state->is_found = false;
    state->packed = 0;
    sh_buffer_clear(&state->events);
    sh_event_page_restart(state->page);
}

static enum sh_status pack_some(struct sh_job *job, uint64_t count, bool *done, struct sh_error *err) {
    struct state *state = job->state;
    const uint32_t found_count = sh_event_page_count(state->page);
    msgpack_packer packer;
    sh_buffer_packer(&state->events, &packer);
    for (; count > 0 && state->packed < found_count && state->events.count < PAGE_BYTES_MAX; count--) {
        uint64_t number;
        const struct sh_event_ref event = sh_event_page_at(state->page, state->packed++, &number);
        const struct sh_text user = sh_table_id(job->workspace->users, sh_event_ref_slot(event));
        (void)msgpack_pack_int64(&packer, sh_event_ref_time(event));
        sh_pack_text(&packer, user);
        (void)msgpack_pack_uint64(&packer, number);
        sh_event_pack(job->workspace, event, user, &packer);
    }
    *done = state->packed == found_count || state->events.count >= PAGE_BYTES_MAX;
    state->has_more = state->packed < found_count || sh_event_page_has_more(state->page);
    return sh_buffer_status(&state->events, err);
}

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    struct state *state = job->state;
    look_for_forgotten(job);
    const bool at_once = state->restart_count > RESTART_COUNT_MAX;
    *done = false;
    if (!state->is_found) {
        const enum sh_status status =
            sh_event_page_step(state->page, at_once ? UINT32_MAX : block_count, &state->is_found, err);
        if (status != SH_OK || !state->is_found) return status;
    }
    return pack_some(job, at_once ? UINT64_MAX : (uint64_t)block_count * EVENTS_PER_BLOCK, done, err);
}

enum sh_status sh_handle_event_list(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {.prepare = prepare,
                                            .step = step,
                                            .form = &sh_event_list_form,
                                            .release = release,
                                            .state_bytes = sizeof(struct state)};
    static const char *const words[LIST_PARAM_COUNT] = {"types",  "from", "until",     "limit",
                                                        "cursor", "now",  "timeout_ms"};
    static const struct sh_param_names names = {words, LIST_PARAM_COUNT, 0};
    return sh_job_ask(call, &names, &work, err);
}

/* ---- The part ---- */

static enum sh_status pack_part(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct state *state = job->state;
    msgpack_packer packer;
    (void)err;
    sh_buffer_packer(part, &packer);
    (void)msgpack_pack_map(&packer, 4 + 1);
    sh_pack_literal(&packer, "events");
    (void)msgpack_pack_array(&packer, (size_t)state->packed * 4);
    sh_buffer_append(part, state->events.bytes, state->events.count);
    sh_pack_literal(&packer, "more");
    if (state->has_more)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
    sh_pack_literal(&packer, "until");
    (void)msgpack_pack_int64(&packer, state->spec.until_ms);
    sh_pack_literal(&packer, "limit");
    (void)msgpack_pack_uint32(&packer, state->limit);
    return SH_OK;
}

/* ---- The answer ---- */

/* What a part offers, one event at a time. */
struct offer {
    struct sh_answer_list list;
    bool has_next;
    bool has_more; /* behind what it offers */
    struct sh_event_place place;
    const uint8_t *begin; /* of the event's map */
    const uint8_t *end;
};

static struct sh_value next_value(struct offer *offer) {
    const bool is_there = sh_answer_list_next(&offer->list);
    sh_assert(is_there);
    return sh_answer_list_value(&offer->list);
}

static void advance(struct offer *offer) {
    offer->has_next = sh_answer_list_next(&offer->list);
    if (!offer->has_next) return;
    offer->place.time_ms = sh_answer_list_value(&offer->list).integer;
    offer->place.user = next_value(offer).text;
    offer->place.passed = next_value(offer).big + 1;
    (void)next_value(offer);
    offer->begin = offer->list.begin;
    offer->end = offer->list.end;
}

/* The one whose event is first; NULL: there is none, or not known which. */
static struct offer *first_of(struct offer *offers, uint32_t count) {
    struct offer *first = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct offer *offer = &offers[i];
        if (!offer->has_next && offer->has_more) return NULL;
        if (!offer->has_next) continue;
        if (first == NULL || offer->place.time_ms < first->place.time_ms ||
            (offer->place.time_ms == first->place.time_ms && sh_text_compare(offer->place.user, first->place.user) < 0))
            first = offer;
    }
    return first;
}

static enum sh_status merge(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                            struct sh_buffer *merged, struct sh_error *err) {
    struct offer *offers = sh_alloc_zero(part_count * sizeof *offers);
    struct sh_buffer events;
    msgpack_packer packer;
    struct sh_event_place last = {0};
    uint32_t count = 0;
    struct offer *first;
    if (offers == NULL) return sh_fail_memory(err);
    (void)request;
    sh_buffer_init(&events, SH_ANSWER_BYTES_MAX);
    for (uint32_t i = 0; i < part_count; i++) {
        sh_answer_list_begin(&offers[i].list, sh_answer_map_find(&maps[i], "events"));
        offers[i].has_more = sh_answer_map_bool(&maps[i], "more");
        advance(&offers[i]);
    }
    const uint64_t limit = sh_answer_map_uint(&maps[0], "limit");
    while (count < limit && (first = first_of(offers, part_count)) != NULL) {
        sh_buffer_append(&events, first->begin, (size_t)(first->end - first->begin));
        last = first->place;
        count++;
        advance(first);
    }
    bool has_more = false;
    for (uint32_t i = 0; i < part_count; i++)
        has_more = has_more || offers[i].has_next || offers[i].has_more;
    sh_assert(!has_more || count > 0); /* who has more has offered some */
    sh_buffer_packer(merged, &packer);
    (void)msgpack_pack_map(&packer, 1u + has_more + 1);
    sh_pack_literal(&packer, "events");
    (void)msgpack_pack_array(&packer, count);
    sh_buffer_append(merged, events.bytes, events.count);
    if (has_more) pack_cursor(&last, sh_answer_map_value(&maps[0], "until").integer, &packer);
    const enum sh_status status = sh_buffer_status(&events, err);
    sh_buffer_deinit(&events);
    sh_free(offers);
    return status;
}

const struct sh_part_form sh_event_list_form = {pack_part, merge};
