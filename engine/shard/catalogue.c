#include "catalogue_private.h"

#include "memory.h"
#include "request_params.h"
#include "shard_private.h"

void sh_catalogue_init(struct sh_catalogue *segments) {
    *segments = (struct sh_catalogue){0};
    sh_arena_init(&segments->cache, SH_REQUEST_ARENA_BYTES_MAX);
}

void segment_destroy(struct sh_segment *segment) {
    if (segment == NULL) return;
    for (uint32_t i = 0; i < segment->version_count; i++)
        sh_text_free(segment->versions[i].text);
    sh_text_free(segment->name);
    sh_text_free(segment->note);
    sh_free(segment->versions);
    sh_free(segment->uses);
    sh_free(segment);
}

void sh_catalogue_deinit(struct sh_catalogue *segments) {
    for (uint32_t i = 0; i < segments->count; i++)
        segment_destroy(segments->list[i]);
    sh_free(segments->list);
    sh_arena_deinit(&segments->cache);
    *segments = (struct sh_catalogue){0};
}

/* ---- Finding ---- */

/* Where the name stands, or where it would. */
static uint32_t place_of(const struct sh_catalogue *segments, struct sh_text name) {
    uint32_t low = 0;
    uint32_t high = segments->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (sh_text_compare(segments->list[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct sh_segment *sh_catalogue_find(const struct sh_catalogue *segments, struct sh_text name) {
    const uint32_t place = place_of(segments, name);
    if (place == segments->count || !sh_text_equal(segments->list[place]->name, name)) return NULL;
    return segments->list[place];
}

enum sh_status sh_catalogue_fail_unknown(const struct sh_catalogue *segments, struct sh_text name,
                                         struct sh_error *err) {
    const int shown = (int)(name.count < SH_NAME_BYTES_MAX ? name.count : SH_NAME_BYTES_MAX);
    if (segments->count == 0)
        return sh_fail(err, SH_ERR_NAME, -1, "there is no segment '%.*s': none are saved here", shown, name.bytes);
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < segments->count; i++)
        sh_nearest_offer(&search, segments->list[i]->name);
    return sh_fail_unknown(err, SH_ERR_NAME, &search, "there is no segment '%.*s'", shown, name.bytes);
}

enum sh_status sh_catalogue_resolve(void *owner, struct sh_text name, struct sh_arena *arena, struct sh_node **tree,
                                    struct sh_error *err) {
    const struct sh_catalogue *segments = owner;
    if (segments->rehearsed_name != NULL && sh_text_equal(*segments->rehearsed_name, name))
        return sh_query_parse(segments->rehearsed_text, arena, tree, err);
    const struct sh_segment *segment = sh_catalogue_find(segments, name);
    if (segment == NULL) return sh_catalogue_fail_unknown(segments, name, err);
    return sh_query_parse(sh_segment_in_force(segment)->text, arena, tree, err);
}

/* ---- Does it fit? ---- */

static enum sh_status fits(struct sh_catalogue *segments, struct sh_text text, const struct sh_query_scope *scope,
                           struct sh_arena *arena, struct sh_error *err) {
    struct sh_query_scope with_segments = *scope;
    struct sh_node *tree;
    with_segments.segment = sh_catalogue_resolve;
    with_segments.segment_owner = segments;
    const enum sh_status status = sh_query_parse(text, arena, &tree, err);
    return status == SH_OK ? sh_query_check(&tree, &with_segments, arena, err) : status;
}

static enum sh_status fail_other(const struct sh_segment *segment, const struct sh_error *inner, struct sh_error *err) {
    if (inner->status == SH_ERR_MEMORY) return sh_fail_memory(err);
    (void)sh_fail(err, SH_ERR_CONFLICT, -1, "the segment '%.*s' would not be right any more: %s",
                  SH_TEXT_ARGS(segment->name), inner->message);
    return inner->hint[0] == '\0' ? SH_ERR_CONFLICT : sh_fail_hint(err, SH_ERR_CONFLICT, "%s", inner->hint);
}

enum sh_status sh_catalogue_fit(struct sh_catalogue *segments, const struct sh_query_scope *scope,
                                struct sh_arena *arena, struct sh_error *err) {
    for (uint32_t i = 0; i < segments->count; i++) {
        struct sh_error inner = {.status = SH_OK};
        const struct sh_segment *segment = segments->list[i];
        if (fits(segments, sh_segment_in_force(segment)->text, scope, arena, &inner) != SH_OK)
            return fail_other(segment, &inner, err);
    }
    return SH_OK;
}

/* ---- Who uses whom ---- */

void collect_uses(struct segment_uses *uses, const struct sh_node *node) {
    for (const struct sh_node *child = node->child; child != NULL; child = child->next)
        collect_uses(uses, child);
    if (node->kind != SH_NODE_SEGMENT) return;
    const struct sh_text name = node->literals[0].text;
    if (sh_text_equal(name, uses->self)) uses->self_use = node;
    struct sh_segment *used = sh_catalogue_find(uses->segments, name);
    if (used == NULL) return;
    for (uint32_t i = 0; i < uses->count; i++) {
        if (uses->list[i] == used) return;
    }
    uses->list[uses->count++] = used;
}

/* The path from `from` to `wanted` by way of uses, or 0. Each segment is looked at once. */
static uint32_t find_path(struct sh_segment *from, const struct sh_segment *wanted, uint32_t mark,
                          struct sh_segment *path[SH_SEGMENT_DEPTH_MAX], uint32_t depth) {
    if (from->mark == mark || depth == SH_SEGMENT_DEPTH_MAX) return 0;
    from->mark = mark;
    path[depth] = from;
    if (from == wanted) return depth + 1;
    for (uint32_t i = 0; i < from->use_count; i++) {
        const uint32_t found = find_path(from->uses[i], wanted, mark, path, depth + 1);
        if (found > 0) return found;
    }
    return 0;
}

static enum sh_status fail_cycle(struct sh_text name, struct sh_segment *const *path, uint32_t count,
                                 struct sh_error *err) {
    struct sh_buffer words;
    sh_buffer_init(&words, SH_SEGMENT_DEPTH_MAX * (SH_NAME_BYTES_MAX + 8));
    for (uint32_t i = 0; i < count; i++)
        sh_buffer_print(&words, " -> '%.*s'", SH_TEXT_ARGS(path[i]->name));
    (void)sh_fail(err, SH_ERR_CONFLICT, -1, "the segment would use itself: '%.*s'%.*s", SH_TEXT_ARGS(name),
                  (int)words.count, (const char *)words.bytes);
    sh_buffer_deinit(&words);
    return SH_ERR_CONFLICT;
}

static enum sh_status check_cycle(struct sh_catalogue *segments, const struct sh_segment_put *put,
                                  const struct segment_uses *uses, struct sh_error *err) {
    struct sh_segment *path[SH_SEGMENT_DEPTH_MAX];
    if (uses->self_use != NULL)
        return sh_fail(err, SH_ERR_CONFLICT, -1, "the segment would use itself: '%.*s' -> '%.*s'",
                       SH_TEXT_ARGS(put->name), SH_TEXT_ARGS(put->name));
    const struct sh_segment *self = sh_catalogue_find(segments, put->name);
    if (self == NULL) return SH_OK; /* nobody can use what is not there */
    const uint32_t mark = ++segments->mark;
    for (uint32_t i = 0; i < uses->count; i++) {
        const uint32_t count = find_path(uses->list[i], self, mark, path, 0);
        if (count > 0) return fail_cycle(put->name, path, count, err);
    }
    return SH_OK;
}

static bool is_using(const struct sh_segment *user, const struct sh_segment *used) {
    for (uint32_t i = 0; i < user->use_count; i++) {
        if (user->uses[i] == used) return true;
    }
    return false;
}

uint32_t depth_above(struct sh_segment *const *uses, uint32_t use_count) {
    uint32_t deepest = 0;
    for (uint32_t i = 0; i < use_count; i++)
        deepest = uses[i]->depth > deepest ? uses[i]->depth : deepest;
    return deepest + 1;
}

/* Depths follow from uses; a pass for each link of the longest chain. The segments are free of cycles. */
static uint32_t update_depths(struct sh_catalogue *segments) {
    uint32_t deepest = 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < segments->count; i++) {
            struct sh_segment *segment = segments->list[i];
            const uint32_t depth = depth_above(segment->uses, segment->use_count);
            changed = changed || depth != segment->depth;
            segment->depth = depth;
            deepest = depth > deepest ? depth : deepest;
        }
    }
    return deepest;
}

/* Mark all whose meaning the change of `self` changes: those that use it, and those that use them. */
static uint32_t mark_users(struct sh_catalogue *segments, struct sh_segment *self) {
    const uint32_t mark = ++segments->mark;
    self->mark = mark;
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < segments->count; i++) {
            struct sh_segment *segment = segments->list[i];
            for (uint32_t u = 0; segment->mark != mark && u < segment->use_count; u++) {
                if (segment->uses[u]->mark != mark) continue;
                segment->mark = mark;
                more = true;
            }
        }
    }
    return mark;
}

/* The new text fits, and with it all that use the segment. */
static enum sh_status rehearse(struct sh_catalogue *segments, const struct sh_segment_put *put, struct sh_segment *self,
                               const struct sh_query_scope *scope, struct sh_arena *arena, struct sh_error *err) {
    enum sh_status status = fits(segments, put->text, scope, arena, err);
    if (status != SH_OK || self == NULL) return status;
    const uint32_t mark = mark_users(segments, self);
    segments->rehearsed_name = &put->name;
    segments->rehearsed_text = put->text;
    for (uint32_t i = 0; i < segments->count && status == SH_OK; i++) {
        struct sh_error inner = {.status = SH_OK};
        const struct sh_segment *segment = segments->list[i];
        if (segment == self || segment->mark != mark) continue;
        if (fits(segments, sh_segment_in_force(segment)->text, scope, arena, &inner) != SH_OK)
            status = fail_other(segment, &inner, err);
    }
    segments->rehearsed_name = NULL;
    return status;
}

/* ---- Changing ---- */

/* Room for one version more, the oldest gone if need be; the texts are moved, not copied. */
static bool make_version_room(struct sh_segment *segment) {
    if (segment->versions == NULL) {
        segment->versions = sh_alloc(SH_SEGMENT_VERSION_COUNT_MAX * sizeof *segment->versions);
        return segment->versions != NULL;
    }
    if (segment->version_count < SH_SEGMENT_VERSION_COUNT_MAX) return true;
    sh_text_free(segment->versions[0].text);
    segment->version_count--;
    memmove(segment->versions, segment->versions + 1, segment->version_count * sizeof *segment->versions);
    return true;
}

/* What a put needs, all of it taken before anything is changed. */
struct taken {
    struct sh_segment *made; /* for a new name */
    struct sh_text text;
    struct sh_text note;
    struct sh_segment **uses;
};

static void taken_free(struct taken *taken) {
    segment_destroy(taken->made);
    sh_text_free(taken->text);
    sh_text_free(taken->note);
    sh_free(taken->uses);
}

static bool take(struct sh_catalogue *segments, const struct sh_segment_put *put, const struct segment_uses *uses,
                 bool is_new, struct taken *taken) {
    *taken = (struct taken){0};
    if (!sh_text_copy(put->text, &taken->text) || !sh_text_copy(put->note, &taken->note)) return false;
    taken->uses = sh_alloc((size_t)uses->count * sizeof(struct sh_segment *));
    if (taken->uses == NULL) return false;
    if (uses->count > 0) memcpy(taken->uses, uses->list, uses->count * sizeof(struct sh_segment *));
    if (!is_new) return true;
    taken->made = sh_alloc_zero(sizeof *taken->made);
    if (taken->made == NULL || !sh_text_copy(put->name, &taken->made->name)) return false;
    if (!make_version_room(taken->made)) return false;
    return sh_grow((void **)&segments->list, &segments->capacity, (uint64_t)segments->count + 1,
                   sizeof *segments->list) == SH_OK;
}

static void insert(struct sh_catalogue *segments, struct sh_segment *segment) {
    const uint32_t place = place_of(segments, segment->name);
    memmove(segments->list + place + 1, segments->list + place, (segments->count - place) * sizeof *segments->list);
    segments->list[place] = segment;
    segments->count++;
}

static void swap_uses(struct sh_segment *segment, struct sh_segment ***uses, uint32_t *use_count) {
    struct sh_segment **const old = segment->uses;
    const uint32_t old_count = segment->use_count;
    segment->uses = *uses;
    segment->use_count = *use_count;
    *uses = old;
    *use_count = old_count;
}

static void commit(struct sh_catalogue *segments, const struct sh_segment_put *put, struct sh_segment *self,
                   bool has_new_text, struct taken *taken) {
    if (has_new_text) {
        const uint32_t number = self->version_count == 0 ? 1 : sh_segment_in_force(self)->number + 1;
        const bool has_room = make_version_room(self);
        sh_assert(has_room);
        self->versions[self->version_count++] =
            (struct sh_segment_version){.number = number, .changed_ms = put->now_ms, .text = taken->text};
        taken->text = (struct sh_text){0};
    }
    if (put->has_note) {
        const struct sh_text old = self->note;
        self->note = taken->note;
        taken->note = old;
    }
    segments->version++;
}

static enum sh_status put_taken(struct sh_catalogue *segments, const struct sh_segment_put *put,
                                struct sh_segment *self, bool has_new_text, uint32_t use_count, struct taken *taken,
                                struct sh_error *err) {
    const bool is_new = self == NULL;
    if (is_new) {
        self = taken->made;
        insert(segments, self);
    }
    swap_uses(self, &taken->uses, &use_count);
    if (update_depths(segments) > SH_SEGMENT_DEPTH_MAX) {
        swap_uses(self, &taken->uses, &use_count);
        if (is_new) {
            const uint32_t place = place_of(segments, self->name);
            segments->count--;
            memmove(segments->list + place, segments->list + place + 1,
                    (segments->count - place) * sizeof *segments->list);
        }
        (void)update_depths(segments);
        return sh_fail(err, SH_ERR_LIMIT, -1, "segments would use each other in a chain longer than %d",
                       SH_SEGMENT_DEPTH_MAX);
    }
    taken->made = NULL;
    commit(segments, put, self, has_new_text, taken);
    return SH_OK;
}

enum sh_status sh_catalogue_put(struct sh_catalogue *segments, const struct sh_segment_put *put,
                                const struct sh_query_scope *scope, struct sh_arena *arena, bool *changed,
                                struct sh_error *err) {
    struct sh_segment *self = sh_catalogue_find(segments, put->name);
    const bool has_new_text = self == NULL || !sh_text_equal(sh_segment_in_force(self)->text, put->text);
    const bool has_new_note = put->has_note && (self == NULL || !sh_text_equal(self->note, put->note));
    *changed = has_new_text || has_new_note;
    if (!*changed) return SH_OK;
    if (self == NULL && segments->count == SH_SEGMENT_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are %d segments, and no more are allowed", SH_SEGMENT_COUNT_MAX);
    struct segment_uses uses = {.segments = segments, .self = put->name};
    uses.list = sh_arena_alloc(arena, ((size_t)segments->count + 1) * sizeof(struct sh_segment *));
    if (uses.list == NULL) return sh_fail_memory(err);
    collect_uses(&uses, put->tree);
    enum sh_status status;
    if ((status = check_cycle(segments, put, &uses, err)) != SH_OK) return status;
    if ((status = rehearse(segments, put, self, scope, arena, err)) != SH_OK) return status;
    struct taken taken;
    if (take(segments, put, &uses, self == NULL, &taken))
        status = put_taken(segments, put, self, has_new_text, uses.count, &taken, err);
    else
        status = sh_fail_memory(err);
    taken_free(&taken);
    return status;
}

enum sh_status sh_catalogue_remove(struct sh_catalogue *segments, struct sh_text name, bool *removed,
                                   struct sh_error *err) {
    struct sh_segment *self = sh_catalogue_find(segments, name);
    *removed = self != NULL;
    if (self == NULL) return SH_OK;
    enum { NAMED_MAX = 5 }; /* names that fit a message */
    struct sh_buffer users;
    uint32_t user_count = 0;
    sh_buffer_init(&users, SH_ERROR_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < segments->count; i++) {
        if (!is_using(segments->list[i], self) || user_count++ >= NAMED_MAX) continue;
        sh_buffer_print(&users, "%s'%.*s'", user_count == 1 ? "" : ", ", SH_TEXT_ARGS(segments->list[i]->name));
    }
    if (user_count > NAMED_MAX) sh_buffer_print(&users, " and %u more", user_count - NAMED_MAX);
    if (user_count > 0)
        (void)sh_fail(err, SH_ERR_CONFLICT, -1, "the segment '%.*s' is used by %.*s", SH_TEXT_ARGS(name),
                      (int)users.count, (const char *)users.bytes);
    sh_buffer_deinit(&users);
    if (user_count > 0) return sh_fail_hint(err, SH_ERR_CONFLICT, "change or remove those first");
    const uint32_t place = place_of(segments, name);
    segments->count--;
    memmove(segments->list + place, segments->list + place + 1, (segments->count - place) * sizeof *segments->list);
    segment_destroy(self);
    (void)update_depths(segments);
    segments->version++;
    return SH_OK;
}

/* ---- Check ---- */

static const char *fault_of(const struct sh_catalogue *segments, const struct sh_segment *segment) {
    if (segment->version_count == 0) return "a segment has no version";
    if (segment->version_count > SH_SEGMENT_VERSION_COUNT_MAX) return "a segment keeps too many versions";
    for (uint32_t i = 1; i < segment->version_count; i++) {
        if (segment->versions[i].number != segment->versions[i - 1].number + 1)
            return "the versions of a segment do not rise by one";
    }
    if (segment->depth > SH_SEGMENT_DEPTH_MAX) return "a chain of segments is too long";
    if (segment->depth != depth_above(segment->uses, segment->use_count)) return "the depth of a segment is wrong";
    for (uint32_t i = 0; i < segment->use_count; i++) {
        if (sh_catalogue_find(segments, segment->uses[i]->name) != segment->uses[i])
            return "a segment uses one that is not there";
    }
    return NULL;
}

bool sh_catalogue_check(const struct sh_catalogue *segments, const char **reason) {
    for (uint32_t i = 0; i < segments->count; i++) {
        *reason = "the names of segments do not ascend";
        if (i > 0 && sh_text_compare(segments->list[i - 1]->name, segments->list[i]->name) >= 0) return false;
        const char *fault = fault_of(segments, segments->list[i]);
        if (fault != NULL) {
            *reason = fault;
            return false;
        }
    }
    return true;
}
