/* methods_insight.c -- audience.insight: what an audience is like. See insight_question.h for what a part says. */
#include "insight_question.h"
#include "memory.h"

enum { INSIGHT_WHERE, INSIGHT_DIMENSIONS, INSIGHT_BASE, INSIGHT_NOW, INSIGHT_TIMEOUT, INSIGHT_PARAM_COUNT };

/* ---- The question ---- */

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    return sh_insight_step(((struct sh_insight_question *)job->state)->insight, block_count, done, err);
}

static void release(struct sh_job *job) {
    sh_insight_destroy(((struct sh_insight_question *)job->state)->insight);
}

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    enum sh_status status;
    struct sh_insight_question *question = job->state;
    if ((status = sh_param_require(&params[INSIGHT_WHERE], "where", err)) != SH_OK) return status;
    if ((status = sh_param_require(&params[INSIGHT_DIMENSIONS], "dimensions", err)) != SH_OK) return status;
    if ((status = sh_job_read_now(job, call, &params[INSIGHT_NOW], &params[INSIGHT_TIMEOUT], err)) != SH_OK)
        return status;
    status = sh_plan_param(&params[INSIGHT_WHERE], &job->scope, &job->arena, &job->tree, &job->plan, err);
    if (status != SH_OK) return status;
    if (sh_param_given(&params[INSIGHT_BASE])) {
        struct sh_node *tree;
        status = sh_plan_param(&params[INSIGHT_BASE], &job->scope, &job->arena, &tree, &question->base, err);
        if (status != SH_OK) return status;
    }
    if ((status = sh_dimensions_read(job, &params[INSIGHT_DIMENSIONS], question, err)) != SH_OK) return status;
    const struct sh_insight_spec spec = {.scope = &job->scope,
                                         .audience = job->plan,
                                         .base = question->base,
                                         .looks = question->looks,
                                         .look_count = question->dimension_count};
    return sh_insight_create(&spec, &question->insight, err);
}

enum sh_status sh_handle_audience_insight(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {.prepare = prepare,
                                            .step = step,
                                            .form = &sh_insight_form,
                                            .release = release,
                                            .state_bytes = sizeof(struct sh_insight_question)};
    static const char *const words[INSIGHT_PARAM_COUNT] = {"where", "dimensions", "base", "now", "timeout_ms"};
    static const struct sh_param_names names = {words, INSIGHT_PARAM_COUNT, 0};
    return sh_job_ask(call, &names, &work, err);
}

/* ---- The part ---- */

static void pack_words(msgpack_packer *packer, const char *name, struct sh_text text) {
    sh_pack_literal(packer, name);
    sh_pack_text(packer, text);
}

static void pack_kind(msgpack_packer *packer, uint32_t pair_count, const char *kind) {
    (void)msgpack_pack_map(packer, pair_count);
    sh_pack_literal(packer, "kind");
    sh_pack_literal(packer, kind);
}

/* What a code says, the same in every shard. */
static void pack_code(const struct sh_table *table, const struct sh_look_axis *axis, uint32_t code,
                      msgpack_packer *packer) {
    if (code == SH_CODE_NONE) {
        (void)msgpack_pack_nil(packer);
        return;
    }
    if (axis->is_tag_set) {
        sh_pack_text(packer, sh_table_tag_text(table, axis->index, code));
        return;
    }
    const struct sh_attribute *attribute = sh_table_attribute(table, axis->index);
    struct sh_text text = {0};
    if (attribute->type != SH_TYPE_BOOL) text = sh_attribute_text(attribute, code);
    sh_value_pack(attribute->type, 0, false, code, text, packer);
}

static void pack_event_code(const struct sh_job *job, const struct sh_look_spec *spec, uint32_t code,
                            msgpack_packer *packer) {
    const struct sh_workspace *workspace = job->workspace;
    if (spec->source == SH_LOOK_ITEM) {
        sh_pack_text(packer, sh_table_id(workspace->items, code));
        return;
    }
    if (spec->source == SH_LOOK_ITEM_ATTRIBUTE) {
        const struct sh_look_axis axis = {.index = spec->index};
        pack_code(workspace->items, &axis, code, packer);
        return;
    }
    const struct sh_event_property *property =
        sh_event_type(workspace->events, spec->event_type)->properties[spec->index];
    struct sh_text text = {0};
    if (property->type != SH_TYPE_BOOL) text = sh_dictionary_text(&property->texts, code);
    sh_value_pack(property->type, 0, false, code, text, packer);
}

static void pack_values(const struct sh_job *job, const struct sh_dimension *dimension, const struct sh_look *look,
                        msgpack_packer *packer) {
    const bool is_tags = look->spec.kind == SH_LOOK_TAGS;
    const struct sh_look_axis axis = {is_tags, look->spec.index};
    uint32_t found = 0;
    for (uint32_t code = 0; code < look->code_count; code++)
        found += (look->users[code] | look->base[code]) != 0;
    pack_kind(packer, is_tags ? 5 : 6, "values");
    pack_words(packer, "of", dimension->of);
    sh_pack_uint(packer, "top", dimension->top);
    sh_pack_uint(packer, "by_index", dimension->by_index);
    if (!is_tags) sh_pack_uint(packer, "missing", look->missing_users);
    sh_pack_literal(packer, "list");
    (void)msgpack_pack_array(packer, (size_t)found * 3);
    for (uint32_t code = 0; code < look->code_count; code++) {
        if ((look->users[code] | look->base[code]) == 0) continue;
        pack_code(job->workspace->users, &axis, code, packer);
        (void)msgpack_pack_uint64(packer, look->users[code]);
        (void)msgpack_pack_uint64(packer, look->base[code]);
    }
}

static void pack_actors(const struct sh_dimension *dimension, const struct sh_look *look, msgpack_packer *packer) {
    pack_words(packer, "events", dimension->events);
    sh_pack_uint(packer, "count", look->event_count);
    sh_pack_uint(packer, "actors", look->actor_count);
}

static void pack_event_values(const struct sh_job *job, const struct sh_dimension *dimension,
                              const struct sh_look *look, msgpack_packer *packer) {
    uint32_t found = 0;
    for (uint32_t code = 0; code < look->code_count; code++)
        found += look->events[code] != 0;
    pack_kind(packer, 8, "event_values");
    pack_words(packer, "of", dimension->of);
    pack_actors(dimension, look, packer);
    sh_pack_uint(packer, "top", dimension->top);
    sh_pack_uint(packer, "missing", look->missing_events);
    sh_pack_literal(packer, "list");
    (void)msgpack_pack_array(packer, (size_t)found * 3);
    for (uint32_t code = 0; code < look->code_count; code++) {
        if (look->events[code] == 0) continue;
        pack_event_code(job, &look->spec, code, packer);
        (void)msgpack_pack_uint64(packer, look->users[code]);
        (void)msgpack_pack_uint64(packer, look->events[code]);
    }
}

static void pack_days(const struct sh_job *job, const struct sh_dimension *dimension, const struct sh_look *look,
                      msgpack_packer *packer) {
    const struct sh_zone *zone = job->workspace->zone;
    const bool is_open = look->spec.from_ms <= SH_INSTANT_MIN;
    const bool is_empty = look->spec.from_ms >= look->spec.until_ms;
    uint32_t found = 0;
    for (uint32_t code = 0; code < look->code_count; code++)
        found += look->events[code] != 0;
    pack_kind(packer, 5u + (is_empty ? 0 : 1u + !is_open), "days");
    pack_actors(dimension, look, packer);
    if (!is_empty) {
        if (!is_open) {
            sh_pack_literal(packer, "from");
            (void)msgpack_pack_int32(packer, sh_zone_day(zone, look->spec.from_ms));
        }
        sh_pack_literal(packer, "until");
        (void)msgpack_pack_int32(packer, sh_zone_day(zone, look->spec.until_ms - 1));
    }
    sh_pack_literal(packer, "list");
    (void)msgpack_pack_array(packer, (size_t)found * 3);
    for (uint32_t code = 0; code < look->code_count; code++) {
        if (look->events[code] == 0) continue;
        (void)msgpack_pack_int32(packer, look->first_day + (int32_t)code);
        (void)msgpack_pack_uint64(packer, look->users[code]);
        (void)msgpack_pack_uint64(packer, look->events[code]);
    }
}

static enum sh_status pack_numbers(const struct sh_dimension *dimension, const struct sh_look *look,
                                   msgpack_packer *packer, struct sh_error *err) {
    const bool is_of_events = look->spec.kind == SH_LOOK_EVENT_NUMBERS;
    const uint64_t value_count = sh_tally_value_count(&look->numbers);
    struct sh_tally_entry *entries = sh_alloc((value_count + 1) * sizeof *entries);
    if (entries == NULL) return sh_fail_memory(err);
    sh_tally_list(&look->numbers, entries);
    pack_kind(packer, is_of_events ? 14 : 11, "numbers");
    pack_words(packer, "of", dimension->of);
    if (is_of_events) pack_actors(dimension, look, packer);
    sh_pack_uint(packer, "type", dimension->type);
    sh_pack_uint(packer, "scale", dimension->scale);
    sh_pack_uint(packer, "is_date", dimension->is_date);
    sh_pack_uint(packer, "missing", is_of_events ? look->missing_events : look->missing_users);
    sh_pack_uint(packer, "high", (uint64_t)((unsigned __int128)look->numbers.sum >> 64));
    sh_pack_uint(packer, "low", (uint64_t)look->numbers.sum);
    sh_pack_uint(packer, "bins", dimension->bins);
    sh_pack_literal(packer, "percents");
    (void)msgpack_pack_array(packer, dimension->percent_count);
    for (uint32_t i = 0; i < dimension->percent_count; i++)
        (void)msgpack_pack_uint32(packer, dimension->percents[i]);
    sh_pack_literal(packer, "list");
    (void)msgpack_pack_array(packer, value_count * 2);
    uint64_t before = 0;
    for (uint64_t i = 0; i < value_count; i++) {
        (void)msgpack_pack_uint64(packer, (uint64_t)entries[i].value - before);
        (void)msgpack_pack_uint64(packer, entries[i].count);
        before = (uint64_t)entries[i].value;
    }
    sh_free(entries);
    return SH_OK;
}

static enum sh_status pack_cross(const struct sh_job *job, const struct sh_dimension *dimension,
                                 const struct sh_look *look, msgpack_packer *packer, struct sh_error *err) {
    const uint64_t count = sh_tally_value_count(&look->numbers);
    struct sh_tally_entry *entries = sh_alloc((count + 1) * sizeof *entries);
    if (entries == NULL) return sh_fail_memory(err);
    sh_tally_list(&look->numbers, entries);
    pack_kind(packer, 5, "cross");
    pack_words(packer, "of", dimension->of);
    pack_words(packer, "with", dimension->with);
    sh_pack_uint(packer, "top", dimension->top);
    sh_pack_literal(packer, "list");
    (void)msgpack_pack_array(packer, count * 3);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t codes = (uint64_t)entries[i].value;
        pack_code(job->workspace->users, &look->spec.axes[0], (uint32_t)(codes >> 32), packer);
        pack_code(job->workspace->users, &look->spec.axes[1], (uint32_t)codes, packer);
        (void)msgpack_pack_uint64(packer, entries[i].count);
    }
    sh_free(entries);
    return SH_OK;
}

static enum sh_status pack_part(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct sh_insight_question *question = job->state;
    msgpack_packer packer;
    enum sh_status status = SH_OK;
    sh_buffer_packer(part, &packer);
    (void)msgpack_pack_map(&packer, 4 + 1);
    sh_pack_uint(&packer, "count", sh_insight_count(question->insight));
    sh_pack_uint(&packer, "base", sh_insight_base_count(question->insight));
    sh_pack_uint(&packer, "total", sh_bitmap_count(sh_table_live(job->workspace->users)));
    sh_pack_literal(&packer, "dimensions");
    (void)msgpack_pack_array(&packer, question->dimension_count);
    for (uint32_t i = 0; i < question->dimension_count && status == SH_OK; i++) {
        const struct sh_dimension *dimension = &question->dimensions[i];
        const struct sh_look *look = sh_insight_look(question->insight, i);
        switch (look->spec.kind) {
        case SH_LOOK_TAGS:
        case SH_LOOK_VALUES:
            pack_values(job, dimension, look, &packer);
            break;
        case SH_LOOK_EVENT_VALUES:
            pack_event_values(job, dimension, look, &packer);
            break;
        case SH_LOOK_DAYS:
            pack_days(job, dimension, look, &packer);
            break;
        case SH_LOOK_NUMBERS:
        case SH_LOOK_EVENT_NUMBERS:
            status = pack_numbers(dimension, look, &packer, err);
            break;
        case SH_LOOK_CROSS:
            status = pack_cross(job, dimension, look, &packer, err);
            break;
        }
    }
    return status;
}

const struct sh_part_form sh_insight_form = {pack_part, sh_insight_merge};
