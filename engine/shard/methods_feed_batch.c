/* methods_feed_batch.c -- feed.batch: feeds of many users, for pushes: of a list of ids, or of an audience page by page.
 *
 *   {users: ["lea", "tom"], feed: {count: 5, filter: "..."}}           -> {feeds: [{user, rec_id, items, ...}, ...]}
 *   {where: "tier = 'gold'", limit: 500, feed: {...}}                  -> {feeds: [...], cursor}
 *   {where: the same, limit: 500, feed: the same, cursor}              -> {feeds: [...], cursor?} ... until there is none
 *
 * A feed of a batch is what feed.get says of the user, and is made by the same functions: `feed` holds its params. What
 * is the same for all users (rules, plans, the items that may be shown) is read once a page (feed_ask.h), and again only
 * if somebody changes items or rules while the page is made. Each feed has a rec_id of its own, made of the request's id
 * and the user's.
 *
 * Pages hold nothing open: the cursor is a page token (page_token.h) that says how far each shard has come in its slots,
 * and in place of an id the time of the first page, which is `now` of all of them. Who matches all the time while pages
 * are asked for is met exactly once; who comes or goes meanwhile may be met or not. Each shard offers its share of the
 * limit and some more, and what the page has no room for is made again for the next one.
 *
 * With `for` only those who may be written to for it get a feed. A list of users says how many it held back; of pages
 * of an audience, which hold nothing, audience.count says it.
 *
 * A part: {feeds: [place, {feed}, place, {feed}, ...], next, end}: places are those of the list of users, or slots.
 */
#include <stdlib.h>

#include "feed_ask.h"
#include "hash.h"
#include "memory.h"
#include "page_token.h"
#include "part_answer.h"

enum {
    BATCH_USERS,
    BATCH_WHERE,
    BATCH_FEED,
    BATCH_LIMIT,
    BATCH_CURSOR,
    BATCH_NOW,
    BATCH_TIMEOUT,
    BATCH_FOR,
    BATCH_PARAM_COUNT
};

enum {
    LIMIT_DEFAULT = 100,
    /* A feed takes a few hundred microseconds, as long as some dozens of blocks of a plain question. */
    BLOCKS_PER_FEED = 16,
    /* A page ends early rather than be longer than this in one shard. */
    PAGE_BYTES_MAX = 16 << 20,
};

struct user {
    struct sh_text id;
    uint64_t place; /* of the list, or the slot */
};

struct state {
    struct sh_param feed; /* the params of feed.get */
    int64_t now_ms;

    /* What is the same for all of them. */
    struct sh_feed_ask *ask; /* NULL: not read yet */
    struct sh_feed_stamp stamp;
    struct sh_arena shared;
    struct sh_request feed_request;
    struct sh_param feed_params[SH_ASK_WORD_COUNT];

    /* A list: the users of this shard. */
    struct user *users;
    uint32_t user_count;
    uint32_t user_next;

    /* An audience: the slots from next_slot to slot_end. */
    bool is_audience;
    uint64_t next_slot;
    uint64_t slot_end;
    uint32_t block; /* that `words` are of; UINT32_MAX: none yet */
    uint64_t words[SH_BLOCK_WORDS];

    uint32_t wanted; /* feeds that this part has at most */
    uint32_t made;
    struct sh_arena arena; /* of one feed */
    struct sh_buffer id;   /* of its user, as a param */
    struct sh_buffer body;
    struct sh_buffer feeds; /* places and feeds, one after another */
};

/* ---- The question ---- */

static enum sh_status check_feed(const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status;
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    if ((status = sh_cursor_map(&cursor, &count, "`feed`", err)) != SH_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        struct sh_text name;
        if ((status = sh_cursor_text(&cursor, &name, "a key of `feed`", err)) != SH_OK) return status;
        if ((status = sh_cursor_skip(&cursor, NULL, err)) != SH_OK) return status;
        if (sh_text_equal(name, SH_TEXT_LITERAL("user")) || sh_text_equal(name, SH_TEXT_LITERAL("now")) ||
            sh_text_equal(name, SH_TEXT_LITERAL("session")) || sh_text_equal(name, SH_TEXT_LITERAL("cursor")))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` is no part of `feed` here: each feed is a user's own",
                           SH_TEXT_ARGS(name));
    }
    return SH_OK;
}

/* ---- What is the same for all users ---- */

static struct sh_call feed_call(struct sh_job *job, const struct sh_answer *answer, struct sh_arena *arena) {
    struct state *state = job->state;
    return (struct sh_call){.shard = job->shard,
                            .is_one_page = true,
                            .workspace = job->workspace,
                            .request = &state->feed_request,
                            .answer = answer,
                            .arena = arena};
}

static void drop_ask(struct state *state) {
    if (state->ask != NULL) sh_feed_ask_deinit(state->ask);
    state->ask = NULL;
    sh_arena_reset(&state->shared);
}

static enum sh_status read_ask(struct sh_job *job, struct sh_error *err) {
    static const struct sh_param_names names = {sh_ask_words, SH_ASK_WORD_COUNT, 0};
    struct state *state = job->state;
    const struct sh_answer answer = {.body = &state->body};
    struct sh_call call = feed_call(job, &answer, &state->shared);
    drop_ask(state);
    state->feed_request = job->request;
    state->feed_request.method = sh_method_at(SH_METHOD_FEED_GET);
    state->feed_request.now_ms = state->now_ms;
    state->stamp = sh_feed_stamp_of(job->workspace, state->now_ms);
    memset(state->feed_params, 0, sizeof state->feed_params);
    enum sh_status status = SH_OK;
    if (sh_param_given(&state->feed))
        status = sh_params_read(state->feed.begin, (size_t)(state->feed.end - state->feed.begin), &names,
                                state->feed_params, NULL, err);
    if (status != SH_OK) return status;
    if ((state->ask = sh_arena_alloc(&state->shared, sizeof *state->ask)) == NULL) return sh_fail_memory(err);
    sh_feed_ask_init(state->ask, &call);
    return sh_feed_ask_read(state->ask, state->feed_params, err);
}

/* Read, and still what it would be if it were read now. */
static enum sh_status keep_ask(struct sh_job *job, struct sh_error *err) {
    struct state *state = job->state;
    const struct sh_feed_stamp stamp = sh_feed_stamp_of(job->workspace, state->now_ms);
    const bool holds = state->ask != NULL && memcmp(&stamp, &state->stamp, sizeof stamp) == 0;
    return holds ? SH_OK : read_ask(job, err);
}

/* ---- Whose feeds ---- */

static bool is_own(const struct sh_job *job, struct sh_text id) {
    const struct sh_shard_options *options = &job->shard->options;
    const struct sh_text user = sh_aliases_resolve(&job->workspace->aliases, id);
    return options->shard_count == 1 || sh_shard_of_user(user, options->shard_count) == options->shard_index;
}

static enum sh_status read_users(struct sh_job *job, const struct sh_param *param, struct sh_error *err) {
    struct state *state = job->state;
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "users", SH_FEED_BATCH_COUNT_MAX, &cursor, &count, err);
    if (status != SH_OK) return status;
    state->users = sh_arena_alloc(&job->arena, ((size_t)count + 1) * sizeof *state->users);
    if (state->users == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        struct sh_id_reader id;
        if ((status = sh_id_read(&id, &cursor, "each of `users`", err)) != SH_OK) return status;
        if (!is_own(job, id.text)) continue;
        const char *bytes = sh_arena_copy(&job->arena, id.text.bytes, id.text.count);
        if (bytes == NULL) return sh_fail_memory(err);
        state->users[state->user_count++] = (struct user){{bytes, id.text.count}, i};
    }
    state->wanted = state->user_count;
    return SH_OK;
}

static enum sh_status read_audience(struct sh_job *job, const struct sh_param *params, struct sh_error *err) {
    struct state *state = job->state;
    const struct sh_shard_options *options = &job->shard->options;
    int64_t limit = LIMIT_DEFAULT;
    enum sh_status status = sh_param_integer(&params[BATCH_LIMIT], "limit", 1, SH_FEED_BATCH_COUNT_MAX, &limit, err);
    if (status != SH_OK) return status;
    state->is_audience = true;
    state->block = UINT32_MAX;
    state->wanted = ((uint32_t)limit + options->shard_count - 1) / options->shard_count;
    state->slot_end = sh_table_slot_end(job->workspace->users);
    if (sh_param_given(&params[BATCH_CURSOR])) {
        struct sh_text text;
        struct sh_page_token token;
        if ((status = sh_param_text(&params[BATCH_CURSOR], "cursor", &text, err)) != SH_OK) return status;
        if ((status = sh_page_token_parse(text, options->shard_count, &token, err)) != SH_OK) return status;
        if (sh_param_given(&params[BATCH_NOW]))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`now` was fixed when the cursor was made");
        const struct sh_page_place *place = &token.shards[options->shard_index];
        state->next_slot = place->place;
        if (place->count < state->slot_end) state->slot_end = place->count; /* who came since is not met */
        state->now_ms = (int64_t)token.id;
        if (state->now_ms < SH_INSTANT_MIN || state->now_ms > SH_INSTANT_MAX)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`cursor` is not one that this server gave");
        job->scope.now_ms = state->now_ms;
    }
    return sh_plan_among(job, &params[BATCH_WHERE], err);
}

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    struct state *state = job->state;
    const bool has_users = sh_param_given(&params[BATCH_USERS]);
    enum sh_status status;
    sh_arena_init(&state->arena, SH_REQUEST_ARENA_BYTES_MAX);
    sh_arena_init(&state->shared, SH_REQUEST_ARENA_BYTES_MAX);
    sh_buffer_init(&state->id, SH_FRAME_BYTES_MAX);
    sh_buffer_init(&state->body, SH_ANSWER_BYTES_MAX);
    sh_buffer_init(&state->feeds, SH_ANSWER_BYTES_MAX);
    if (has_users == sh_param_given(&params[BATCH_WHERE]))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "give `users`, a list of ids, or `where`, who they are");
    for (uint32_t i = BATCH_LIMIT; i <= BATCH_CURSOR && has_users; i++)
        if (sh_param_given(&params[i]))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` is for pages of an audience; a list of users is one page",
                           i == BATCH_LIMIT ? "limit" : "cursor");
    if ((status = check_feed(&params[BATCH_FEED], err)) != SH_OK) return status;
    state->feed = params[BATCH_FEED];
    if ((status = sh_job_read_now(job, call, &params[BATCH_NOW], &params[BATCH_TIMEOUT], err)) != SH_OK) return status;
    state->now_ms = job->scope.now_ms;
    if ((status = sh_job_read_for(job, &params[BATCH_FOR], true, err)) != SH_OK) return status;
    status = has_users ? read_users(job, &params[BATCH_USERS], err) : read_audience(job, params, err);
    return status == SH_OK ? read_ask(job, err) : status;
}

static void release(struct sh_job *job) {
    struct state *state = job->state;
    drop_ask(state);
    sh_arena_deinit(&state->shared);
    sh_arena_deinit(&state->arena);
    sh_buffer_deinit(&state->id);
    sh_buffer_deinit(&state->body);
    sh_buffer_deinit(&state->feeds);
}

/* ---- One feed ---- */

/* The answer of feed.get, whose map's head counts took_us, with `user` in its place. */
static enum sh_status take_feed(struct state *state, struct sh_text user, uint64_t place, struct sh_error *err) {
    msgpack_packer packer;
    sh_assert(state->body.count > 0 && (state->body.bytes[0] & 0xF0) == 0x80);
    sh_buffer_packer(&state->feeds, &packer);
    (void)msgpack_pack_uint64(&packer, place);
    sh_buffer_append(&state->feeds, state->body.bytes, 1);
    sh_pack_literal(&packer, "user");
    sh_pack_text(&packer, user);
    sh_buffer_append(&state->feeds, state->body.bytes + 1, state->body.count - 1);
    state->made++;
    return sh_buffer_status(&state->feeds, err);
}

/* The user as the param of that name. */
static enum sh_status write_user(struct state *state, struct sh_text user, struct sh_error *err) {
    msgpack_packer packer;
    sh_buffer_clear(&state->id);
    sh_buffer_packer(&state->id, &packer);
    sh_pack_text(&packer, user);
    const enum sh_status status = sh_buffer_status(&state->id, err);
    if (status == SH_OK)
        state->feed_params[SH_ASK_USER] = (struct sh_param){state->id.bytes, state->id.bytes + state->id.count};
    return status;
}

static enum sh_status make_feed(struct sh_job *job, struct sh_text user, uint64_t place, struct sh_error *err) {
    struct state *state = job->state;
    const struct sh_answer answer = {.body = &state->body};
    struct sh_call call = feed_call(job, &answer, &state->arena);
    enum sh_status status = keep_ask(job, err);
    if (status == SH_OK) status = write_user(state, user, err);
    if (status != SH_OK) return status;
    state->feed_request.id = sh_hash_mix(job->request.id, sh_hash_text(user));
    sh_buffer_clear(&state->body);
    sh_arena_reset(&state->arena);
    state->ask->call = &call;
    status = sh_feed_ask_visitor(state->ask, state->feed_params, err);
    if (status == SH_OK) status = sh_feed_ask_answer(state->ask, state->feed_params, err);
    if (status == SH_OK) status = sh_buffer_status(&state->body, err);
    state->ask->call = NULL; /* it ends here */
    return status == SH_OK ? take_feed(state, user, place, err) : status;
}

/* ---- Steps ---- */

/* The audience's next slot from next_slot on; slot_end if there is none in this block or after it. */
static enum sh_status find_next(struct sh_job *job, struct sh_error *err) {
    struct state *state = job->state;
    while (state->next_slot < state->slot_end) {
        const uint32_t block = (uint32_t)(state->next_slot / SH_BLOCK_SLOTS);
        if (block != state->block) {
            const uint64_t *found;
            uint32_t count;
            const enum sh_status status = sh_plan_run_block(job->plan, block, &found, &count, err);
            if (status != SH_OK) return status;
            if (count > 0)
                memcpy(state->words, found, sizeof state->words);
            else
                memset(state->words, 0, sizeof state->words);
            state->block = block;
        }
        for (uint32_t at = (uint32_t)(state->next_slot % SH_BLOCK_SLOTS); at < SH_BLOCK_SLOTS;
             at = (at / 64 + 1) * 64) {
            const uint64_t word = state->words[at / 64] >> (at % 64);
            if (word == 0) continue;
            state->next_slot = (uint64_t)block * SH_BLOCK_SLOTS + at + (uint32_t)__builtin_ctzll(word);
            if (state->next_slot > state->slot_end) state->next_slot = state->slot_end;
            return SH_OK;
        }
        state->next_slot = (uint64_t)(block + 1) * SH_BLOCK_SLOTS;
    }
    state->next_slot = state->slot_end;
    return SH_OK;
}

static enum sh_status step_audience(struct sh_job *job, bool *done, struct sh_error *err) {
    struct state *state = job->state;
    const struct sh_table *users = job->workspace->users;
    if (state->made == state->wanted || state->feeds.count > PAGE_BYTES_MAX) {
        *done = true;
        return SH_OK;
    }
    enum sh_status status = find_next(job, err);
    *done = state->next_slot == state->slot_end;
    if (status != SH_OK || *done) return status;
    const uint32_t slot = (uint32_t)state->next_slot++;
    if (!sh_bitmap_contains(sh_table_live(users), slot)) return SH_OK; /* forgotten since the block was read */
    if (!sh_contact_allows(&job->gate, slot)) return SH_OK;
    char id[SH_ID_BYTES_MAX];
    const struct sh_text text = sh_table_id(users, slot);
    memcpy(id, text.bytes, text.count);
    return make_feed(job, (struct sh_text){id, text.count}, slot, err);
}

/* Of a stranger nothing is known: no word, and no rule against it. */
static bool may_be_listed(struct sh_job *job, struct sh_text id) {
    const uint32_t slot = sh_workspace_find_user(job->workspace, id);
    if (slot != SH_SLOT_NONE || job->gate.is_open) return slot == SH_SLOT_NONE || sh_contact_passes(&job->gate, slot);
    if (job->gate.purpose.unknown_allows) return true;
    job->gate.no_consent_count++;
    return false;
}

static enum sh_status step_list(struct sh_job *job, bool *done, struct sh_error *err) {
    struct state *state = job->state;
    *done = state->user_next == state->user_count;
    if (*done) return SH_OK;
    const struct user *user = &state->users[state->user_next++];
    if (!may_be_listed(job, user->id)) return SH_OK;
    return make_feed(job, user->id, user->place, err);
}

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    const struct state *state = job->state;
    uint32_t left = block_count / BLOCKS_PER_FEED + 1;
    enum sh_status status = SH_OK;
    *done = false;
    for (; left > 0 && status == SH_OK && !*done; left--)
        status = state->is_audience ? step_audience(job, done, err) : step_list(job, done, err);
    return status;
}

enum sh_status sh_handle_feed_batch(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {.prepare = prepare,
                                            .step = step,
                                            .form = &sh_feed_batch_form,
                                            .release = release,
                                            .state_bytes = sizeof(struct state)};
    static const char *const words[BATCH_PARAM_COUNT] = {"users",  "where", "feed",       "limit",
                                                         "cursor", "now",   "timeout_ms", "for"};
    static const struct sh_param_names names = {words, BATCH_PARAM_COUNT, 0};
    return sh_job_ask(call, &names, &work, err);
}

/* ---- The part ---- */

static enum sh_status pack_part(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct state *state = job->state;
    msgpack_packer packer;
    (void)err;
    sh_buffer_packer(part, &packer);
    const uint32_t held_count = state->is_audience ? 0 : sh_job_held_count(job);
    (void)msgpack_pack_map(&packer, 5 + 1 + held_count);
    if (held_count > 0) sh_job_pack_held(job, &packer);
    sh_pack_literal(&packer, "feeds");
    (void)msgpack_pack_array(&packer, (size_t)state->made * 2);
    sh_buffer_append(part, state->feeds.bytes, state->feeds.count);
    sh_pack_literal(&packer, "now");
    (void)msgpack_pack_int64(&packer, state->now_ms);
    sh_pack_literal(&packer, "shard");
    (void)msgpack_pack_uint32(&packer, job->shard->options.shard_index);
    sh_pack_literal(&packer, "next");
    (void)msgpack_pack_uint64(&packer, state->next_slot);
    sh_pack_literal(&packer, "end");
    (void)msgpack_pack_uint64(&packer, state->slot_end);
    return SH_OK;
}

/* ---- The answer ---- */

struct made_feed {
    uint64_t place;
    uint32_t part;
    const uint8_t *begin;
    const uint8_t *end;
};

static int by_place(const void *left, const void *right) {
    const struct made_feed *a = left;
    const struct made_feed *b = right;
    if (a->place != b->place) return a->place < b->place ? -1 : 1;
    return a->part < b->part ? -1 : a->part > b->part;
}

/* `users` is a list: its order, all of them. Else as many as the limit, by slot, and where the rest begin. */
struct page {
    bool is_audience;
    uint64_t limit;
    struct sh_page_token token;
};

static void read_page(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                      struct page *page) {
    struct sh_answer_map params;
    const struct sh_answer_pair all = {.begin = request->params, .end = request->params + request->params_count};
    sh_answer_map_read(&params, &all);
    const struct sh_answer_pair *users = sh_answer_map_find(&params, "users");
    const struct sh_answer_pair *limit = sh_answer_map_find(&params, "limit");
    *page = (struct page){.is_audience = users == NULL || *users->begin == 0xC0, .limit = UINT64_MAX};
    if (!page->is_audience) return;
    const bool has_limit = limit != NULL && *limit->begin != 0xC0;
    page->limit = has_limit ? sh_answer_map_uint(&params, "limit") : (uint64_t)LIMIT_DEFAULT;
    page->token.id = (uint64_t)sh_answer_map_value(&maps[0], "now").integer;
    page->token.shard_count = part_count;
    for (uint32_t i = 0; i < part_count; i++)
        page->token.shards[sh_answer_map_uint(&maps[i], "shard")] =
            (struct sh_page_place){sh_answer_map_uint(&maps[i], "next"), sh_answer_map_uint(&maps[i], "end")};
}

static uint32_t gather(const struct sh_answer_map *maps, uint32_t part_count, struct made_feed *feeds) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], "feeds"));
        while (sh_answer_list_next(&list)) {
            feeds[count].part = i;
            feeds[count].place = sh_answer_list_value(&list).big;
            const bool has_feed = sh_answer_list_next(&list);
            sh_assert(has_feed);
            feeds[count].begin = list.begin;
            feeds[count++].end = list.end;
        }
    }
    qsort(feeds, count, sizeof *feeds, by_place);
    return count;
}

/* What has no room is asked for again: the shard's place is that of its first. */
static void leave_rest(struct page *page, const struct sh_answer_map *maps, const struct made_feed *feeds,
                       uint32_t count) {
    for (uint64_t i = count; i-- > page->limit;)
        page->token.shards[sh_answer_map_uint(&maps[feeds[i].part], "shard")].place = feeds[i].place;
}

static void pack_cursor(const struct sh_page_token *token, struct sh_buffer *merged, msgpack_packer *packer) {
    struct sh_buffer text;
    sh_buffer_init(&text, 4096);
    sh_page_token_print(token, &text);
    sh_pack_literal(packer, "cursor");
    sh_pack_text(packer, (struct sh_text){(const char *)text.bytes, (uint32_t)text.count});
    if (text.failed) merged->failed = true;
    sh_buffer_deinit(&text);
}

static enum sh_status merge(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                            struct sh_buffer *merged, struct sh_error *err) {
    struct page page;
    uint64_t capacity = 1;
    msgpack_packer packer;
    read_page(request, maps, part_count, &page);
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], "feeds"));
        capacity += list.left / 2;
    }
    struct made_feed *feeds = sh_alloc(capacity * sizeof *feeds);
    if (feeds == NULL) return sh_fail_memory(err);
    uint32_t count = gather(maps, part_count, feeds);
    leave_rest(&page, maps, feeds, count);
    if (count > page.limit) count = (uint32_t)page.limit;
    const bool has_more = page.is_audience && sh_page_token_left(&page.token) > 0;
    sh_buffer_packer(merged, &packer);
    (void)msgpack_pack_map(&packer, 1u + has_more + 1 + sh_part_held_count(maps));
    sh_part_merge_held(maps, part_count, &packer);
    sh_pack_literal(&packer, "feeds");
    (void)msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < count; i++)
        sh_buffer_append(merged, feeds[i].begin, (size_t)(feeds[i].end - feeds[i].begin));
    if (has_more) pack_cursor(&page.token, merged, &packer);
    sh_free(feeds);
    return SH_OK;
}

const struct sh_part_form sh_feed_batch_form = {pack_part, merge};
