/* methods_why.c -- audience.why: for one user, clause by clause, why in or out, with what was found.
 *
 *   tier >= 'gold' and (city = 'Chengdu' or did(purchase, last 7 days))
 *
 *   depth  holds  kind     clause                           found
 *     0    no     and      (all of it)
 *     1    yes    clause   tier >= 'gold'                   'gold'
 *     1    no     or       city = ... or did(...)
 *     2    no     clause   city = 'Chengdu'                 'Leeds'
 *     2    no     clause   did(purchase, last 7 days)       0
 */
#include "decimal.h"
#include "memory.h"
#include "part_answer.h"
#include "query_events.h"
#include "query_plan.h"

enum { WHY_USER, WHY_WHERE, WHY_NOW, WHY_PARAM_COUNT };

struct why {
    struct sh_call *call;
    struct sh_query_scope scope;
    uint32_t slot;
    uint32_t line_count;
    struct sh_buffer lines; /* packed, one after another */
    msgpack_packer packer;
    struct sh_buffer text;
};

/* ---- What was found ---- */

static void pack_attribute(struct why *why, uint32_t index, bool is_tag_set) {
    const struct sh_row_field field = {.kind = is_tag_set ? SH_FIELD_TAG_SET : SH_FIELD_ATTRIBUTE, .index = index};
    sh_row_field_pack(why->call->workspace->users, why->slot, &field, &why->packer);
}

static void pack_printed(struct why *why) {
    sh_pack_text(&why->packer, (struct sh_text){(const char *)why->text.bytes, (uint32_t)why->text.count});
}

/* A value of the aggregated property: min, max, first, last ... */
static void pack_property(struct why *why, const struct sh_aggregate *aggregate, const struct sh_operand *operand,
                          int64_t value) {
    const struct sh_event_type *type = sh_event_type(why->scope.events, aggregate->event_type);
    struct sh_text text = {0};
    if (aggregate->source == SH_SOURCE_PROPERTY) {
        const struct sh_event_property *property = type->properties[aggregate->property];
        if (aggregate->by_rank) value = property->code_of_rank[value];
        if (property->type == SH_TYPE_ENUM || property->type == SH_TYPE_STRING)
            text = sh_dictionary_text(&property->texts, (uint32_t)value);
    }
    sh_value_pack((enum sh_type)operand->type, operand->scale, operand->date_only, value, text, &why->packer);
}

static enum sh_status pack_aggregate(struct why *why, const struct sh_plan *plan, const struct sh_aggregate *aggregate,
                                     const struct sh_operand *operand, struct sh_error *err) {
    struct sh_aggregate_state state;
    struct sh_aggregate whole = *aggregate;
    whole.match.kind = SH_MATCH_ANY; /* or a count would stop where the clause is decided */
    const enum sh_status status = sh_aggregate_walk(plan, &whole, why->slot, &state, err);
    if (status != SH_OK) return status;
    sh_buffer_clear(&why->text);
    switch (aggregate->function) {
    case SH_FUNCTION_COUNT:
    case SH_FUNCTION_DAYS:
    case SH_FUNCTION_DISTINCT:
        (void)msgpack_pack_uint64(&why->packer, state.count);
        return SH_OK;
    case SH_FUNCTION_SUM:
        sh_decimal_print(&why->text, state.sum, operand->scale);
        pack_printed(why);
        return SH_OK;
    case SH_FUNCTION_AVG:
        if (state.count == 0) break;
        sh_decimal_print_ratio(&why->text, state.sum, state.count, operand->scale);
        pack_printed(why);
        return SH_OK;
    case SH_FUNCTION_DAYS_SINCE:
        if (!state.is_present) break;
        (void)msgpack_pack_int64(&why->packer, (aggregate->now_ms - state.value) / SH_DAY_MS);
        return SH_OK;
    case SH_FUNCTION_MIN:
    case SH_FUNCTION_MAX:
    case SH_FUNCTION_FIRST:
    case SH_FUNCTION_LAST:
    case SH_FUNCTION_NTH:
    case SH_FUNCTION_EXPECTED_NEXT:
        if (!state.is_present) break;
        pack_property(why, aggregate, operand, state.value);
        return SH_OK;
    default:
        break;
    }
    (void)msgpack_pack_nil(&why->packer);
    return SH_OK;
}

/* The aggregate that a clause is, below what a plan may have put around it. */
static const struct sh_aggregate *aggregate_of(const struct sh_plan_node *node) {
    while (node->op == SH_PLAN_NOT)
        node = node->children[0];
    return node->op == SH_PLAN_EVENT ? node->aggregate : NULL;
}

/* The value that a clause asks about; nil where there is none, or nothing that one value says. */
static enum sh_status pack_found(struct why *why, const struct sh_node *clause, const struct sh_plan *plan,
                                 struct sh_error *err) {
    const struct sh_aggregate *aggregate = aggregate_of(plan->root);
    switch (clause->kind) {
    case SH_NODE_HAS:
        pack_attribute(why, clause->tag_set, true);
        return SH_OK;
    case SH_NODE_MISSING:
    case SH_NODE_COMPARE:
    case SH_NODE_BETWEEN:
    case SH_NODE_IN:
    case SH_NODE_UNDER:
    case SH_NODE_STARTS:
    case SH_NODE_CONTAINS:
    case SH_NODE_WINDOW:
    case SH_NODE_NEXT:
    case SH_NODE_DID:
        break;
    default:
        (void)msgpack_pack_nil(&why->packer);
        return SH_OK;
    }
    /* Of what a saved segment asks for it is told whether it holds, but not the value. */
    if (clause->operand.function == SH_FUNCTION_NONE && sh_hidden_has(why->scope.hidden, clause->operand.name)) {
        (void)msgpack_pack_nil(&why->packer);
        return SH_OK;
    }
    if (aggregate != NULL) return pack_aggregate(why, plan, aggregate, &clause->operand, err);
    const int32_t attribute = clause->operand.function == SH_FUNCTION_NONE
                                  ? sh_table_find_attribute(why->call->workspace->users, clause->operand.name)
                                  : -1;
    const int32_t tag_set = clause->operand.function == SH_FUNCTION_NONE && attribute < 0
                                ? sh_table_find_tag_set(why->call->workspace->users, clause->operand.name)
                                : -1;
    if (attribute >= 0)
        pack_attribute(why, (uint32_t)attribute, false);
    else if (tag_set >= 0)
        pack_attribute(why, (uint32_t)tag_set, true);
    else
        (void)msgpack_pack_nil(&why->packer);
    return SH_OK;
}

/* ---- Lines ---- */

/* One clause alone, as a plan. */
static enum sh_status plan_node(struct why *why, const struct sh_node *node, struct sh_plan **plan, bool *holds,
                                struct sh_error *err) {
    struct sh_node *alone = sh_arena_copy(why->call->arena, node, sizeof *node);
    if (alone == NULL) return sh_fail_memory(err);
    alone->next = NULL;
    const enum sh_status status = sh_query_plan(alone, &why->scope, why->call->arena, plan, err);
    return status == SH_OK ? sh_plan_test(*plan, why->slot, holds, err) : status;
}

static const char *kind_of(const struct sh_node *node) {
    switch (node->kind) {
    case SH_NODE_AND:
        return "and";
    case SH_NODE_OR:
        return "or";
    case SH_NODE_NOT:
        return "not";
    default:
        return "clause";
    }
}

static enum sh_status add_lines(struct why *why, const struct sh_node *node, uint32_t depth, struct sh_error *err) {
    struct sh_plan *plan;
    bool holds;
    enum sh_status status = plan_node(why, node, &plan, &holds, err);
    if (status != SH_OK) return status;
    const bool is_joined = node->kind == SH_NODE_AND || node->kind == SH_NODE_OR || node->kind == SH_NODE_NOT;
    why->line_count++;
    (void)msgpack_pack_map(&why->packer, is_joined ? 4 : 5);
    sh_pack_literal(&why->packer, "depth");
    (void)msgpack_pack_uint32(&why->packer, depth);
    sh_pack_literal(&why->packer, "kind");
    sh_pack_literal(&why->packer, kind_of(node));
    sh_pack_literal(&why->packer, "clause");
    sh_buffer_clear(&why->text);
    sh_query_print(node, &why->text);
    if ((status = sh_buffer_status(&why->text, err)) != SH_OK) return status;
    pack_printed(why);
    sh_pack_literal(&why->packer, "holds");
    if (holds)
        (void)msgpack_pack_true(&why->packer);
    else
        (void)msgpack_pack_false(&why->packer);
    if (!is_joined) {
        sh_pack_literal(&why->packer, "found");
        return pack_found(why, node, plan, err);
    }
    for (const struct sh_node *child = node->child; child != NULL && status == SH_OK; child = child->next)
        status = add_lines(why, child, depth + 1, err);
    return status;
}

static enum sh_status answer(struct why *why, const struct sh_node *tree, struct sh_text user, struct sh_error *err) {
    msgpack_packer packer;
    struct sh_plan *plan;
    bool holds;
    enum sh_status status = plan_node(why, tree, &plan, &holds, err);
    if (status == SH_OK) status = add_lines(why, tree, 0, err);
    if (status == SH_OK) status = sh_buffer_status(&why->lines, err);
    if (status != SH_OK) return status;
    sh_answer_begin(why->call, &packer, 3);
    sh_pack_literal(&packer, "user");
    sh_pack_text(&packer, user);
    sh_pack_literal(&packer, "matches");
    if (holds)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
    sh_pack_literal(&packer, "lines");
    (void)msgpack_pack_array(&packer, why->line_count);
    sh_buffer_append(why->call->answer->body, why->lines.bytes, why->lines.count);
    return SH_OK;
}

enum sh_status sh_handle_audience_why(struct sh_call *call, struct sh_error *err) {
    static const char *const words[WHY_PARAM_COUNT] = {"user", "where", "now"};
    static const struct sh_param_names names = {words, WHY_PARAM_COUNT, 0};
    struct sh_param params[WHY_PARAM_COUNT];
    struct why why = {.call = call};
    struct sh_id_reader id;
    struct sh_cursor cursor;
    struct sh_node *tree;
    struct sh_plan *plan;
    int64_t now_ms;
    enum sh_status status =
        sh_params_read(call->request->params, call->request->params_count, &names, params, NULL, err);
    if (status != SH_OK) return status;
    if ((status = sh_param_require(&params[WHY_USER], "user", err)) != SH_OK) return status;
    if ((status = sh_param_require(&params[WHY_WHERE], "where", err)) != SH_OK) return status;
    if ((status = sh_read_now(&params[WHY_NOW], call, &now_ms, err)) != SH_OK) return status;
    sh_param_cursor(&params[WHY_USER], &cursor);
    if ((status = sh_id_read(&id, &cursor, "`user`", err)) != SH_OK) return status;
    sh_workspace_scope(call->workspace, false, now_ms, &why.scope);
    if ((status = sh_plan_param(&params[WHY_WHERE], &why.scope, call->arena, &tree, &plan, err)) != SH_OK)
        return status;
    why.slot = sh_workspace_find_user(call->workspace, id.text);
    if (why.slot == SH_SLOT_NONE)
        return sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no user `%.*s`", SH_TEXT_ARGS(id.text));
    sh_buffer_init(&why.lines, SH_ANSWER_BYTES_MAX);
    sh_buffer_init(&why.text, SH_ANSWER_BYTES_MAX);
    sh_buffer_packer(&why.lines, &why.packer);
    status = answer(&why, tree, id.text, err);
    sh_buffer_deinit(&why.lines);
    sh_buffer_deinit(&why.text);
    return status;
}
