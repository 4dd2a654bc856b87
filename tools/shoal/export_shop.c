/* export_shop.c -- the mapping by which `shoal load` reads an exported shop, and the calls that make what is no row.
 *
 *   shop.map      [users], [items], two [events] for each type: the columns of the files beside it, with their types
 *   calls.jsonl   {"method", "params"} a line: schema, trees, scores, segments, rules, scenes, plans
 */
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "json_value.h"

/* ---- shop.map ---- */

static void write_quoted(const char *text, char quote, struct sh_buffer *out) {
    sh_buffer_append(out, &quote, 1);
    for (; *text != '\0'; text++) {
        if (*text == quote) sh_buffer_append(out, &quote, 1);
        sh_buffer_append(out, text, 1);
    }
    sh_buffer_append(out, &quote, 1);
}

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

/* NAME : TYPE = NAME */
static void write_field(const json_t *field, const char *separator, struct sh_buffer *out) {
    const char *name = text_of(field, "name");
    const char *type = text_of(field, "type");
    const json_t *label;
    size_t i;
    write_quoted(name, '"', out);
    if (type[0] == '\0') {
        sh_buffer_print(out, " : tags(");
        write_quoted(separator, '\'', out);
        sh_buffer_print(out, ")");
    } else if (strcmp(type, "enum") == 0) {
        sh_buffer_print(out, " : enum(");
        json_array_foreach(json_object_get(field, "labels"), i, label) {
            if (i > 0) sh_buffer_print(out, ", ");
            write_quoted(json_string_value(label), '\'', out);
        }
        sh_buffer_print(out, ")");
    } else if (strcmp(type, "decimal") == 0) {
        sh_buffer_print(out, " : decimal(%d)", (int)json_integer_value(json_object_get(field, "scale")));
    } else {
        sh_buffer_print(out, " : %s", type);
    }
    sh_buffer_print(out, " = ");
    write_quoted(name, '"', out);
    sh_buffer_print(out, "\n");
}

static void write_fields(const json_t *fields, const char *separator, struct sh_buffer *out) {
    const json_t *field;
    size_t i;
    json_array_foreach(fields, i, field) {
        write_field(field, separator, out);
    }
}

static const char *file_of(const struct export *export, const char *kind) {
    for (uint32_t i = 0; i < export->part_count; i++)
        if (strcmp(export->parts[i].kind, kind) == 0) return export->parts[i].file;
    return "";
}

static bool is_exported(const struct export *export, const char *kind, const char *name) {
    const json_t *field;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(export->asked, "fields"), kind), i, field) {
        if (strcmp(json_string_value(field), name) == 0) return true;
    }
    return false;
}

/* Of what is exported: who may not see what is personal has none of it. */
static json_t *exported_fields(const struct export *export, const char *kind, const char *list) {
    const json_t *field;
    json_t *kept = json_array();
    size_t i;
    json_array_foreach(json_object_get(json_object_get(export->schema, kind), list), i, field) {
        if (is_exported(export, kind, text_of(field, "name")))
            (void)json_array_append(kept, (json_t *)(uintptr_t)field);
    }
    return kept;
}

static void write_table(const struct export *export, const char *kind, const char *separator, struct sh_buffer *out) {
    static const char *const lists[] = {"attributes", "tag_sets"};
    sh_buffer_print(out, "\n[%s]\nfile = %s\nid = id\n", kind, file_of(export, kind));
    for (uint32_t i = 0; i < 2; i++) {
        json_t *fields = exported_fields(export, kind, lists[i]);
        write_fields(fields, separator, out);
        json_decref(fields);
    }
}

static void write_events(const struct export *export, const json_t *type, const char *separator, bool has_id,
                         struct sh_buffer *out) {
    const char *name = text_of(type, "name");
    sh_buffer_print(out, "\n[events]\nfile = %s\nwhen = type = ", file_of(export, "events"));
    write_quoted(name, '\'', out);
    sh_buffer_print(out, "\nwhen = id is %sempty\ntype = ", has_id ? "not " : "");
    write_quoted(name, '\'', out);
    sh_buffer_print(out, "\nuser = user\nitem = item\ntime = time\n%samount : decimal(%d) = amount\n",
                    has_id ? "id = id\n" : "", (int)json_integer_value(json_object_get(type, "amount_scale")));
    write_fields(json_object_get(type, "properties"), separator, out);
}

static void write_map(const struct export *export, struct sh_buffer *out) {
    const char *given = export_asked(export, "separator");
    const char *separator = given != NULL ? given : "|";
    const json_t *type;
    size_t i;
    sh_buffer_print(out, "# A whole shop: shoal load --map shop.map\nzone = %s\ncalls = %s\n",
                    text_of(export->schema, "zone"), file_of(export, "calls"));
    write_table(export, "users", separator, out);
    write_table(export, "items", separator, out);
    /* An event that came without an id has its own section, which makes one of the line. */
    json_array_foreach(json_object_get(export->schema, "events"), i, type) {
        write_events(export, type, separator, true, out);
        write_events(export, type, separator, false, out);
    }
}

/* ---- calls.jsonl ---- */

/* What is listed, and how each of it is put. get: asked for each by name; NULL: the list says it all. */
static const struct saved {
    const char *list;
    const char *key; /* of the list in the answer */
    const char *get;
    const char *put;
    bool is_after;         /* behind the rows: what rules gave is among the users' tags already */
    const char *params[8]; /* what is put of an entry */
} saved[] = {
    {"tree.list", "trees", "tree.get", "tree.put", false, {"name", "nodes", "of"}},
    {"score.list", "scores", NULL, "score.put", false, {"name", "points", "weights", "digits", "note"}},
    {"segment.list", "segments", NULL, "segment.put", false, {"name", "where", "note"}},
    {"rule.list", "rules", NULL, "rule.put", true, {"name", "on", "tag_set", "tag", "ttl_days", "note"}},
    {"scene.list", "scenes", NULL, "scene.put", false, {"name", "rules"}},
};

/* {"method": ..., "params": ...}, and "after": true of what comes behind the rows. The params are taken. */
static void write_call(const char *method, json_t *params, bool is_after, struct sh_buffer *out) {
    json_t *call = json_pack("{s:s, s:o}", "method", method, "params", params);
    if (call != NULL && is_after) (void)json_object_set_new(call, "after", json_true());
    char *text = call == NULL ? NULL : json_dumps(call, JSON_COMPACT);
    json_decref(call);
    if (text == NULL) {
        out->failed = true;
        return;
    }
    sh_buffer_append(out, text, strlen(text));
    sh_buffer_append(out, "\n", 1);
    free(text);
}

static enum sh_status ask(struct export *export, const char *method, const char *name, json_t **answered) {
    struct shoal_client_answer answer;
    json_error_t fault;
    shoal_client_writer_clear(export->params);
    shoal_client_write_map(export->params, name != NULL);
    if (name != NULL) write_key_text(export->params, "name", name);
    const enum sh_status status = export_call(export, method, &answer);
    if (status == SH_ERR_NOT_FOUND) return SH_OK; /* no plan was made, and *answered stays NULL */
    if (status != SH_OK) return status;
    struct sh_buffer text;
    sh_buffer_init(&text, EXPORT_PAGE_BYTES_MAX);
    json_value_append(answer.result, &text, NULL);
    *answered = json_loadb((const char *)text.bytes, text.count, 0, &fault);
    sh_buffer_deinit(&text);
    if (*answered != NULL) return SH_OK;
    return sh_fail(export->err, SH_ERR_PROTOCOL, -1, "the answer of %s cannot be read", method);
}

static enum sh_status write_saved(struct export *export, const struct saved *kind, struct sh_buffer *out) {
    json_t *list = NULL;
    const json_t *entry;
    size_t i;
    enum sh_status status = ask(export, kind->list, NULL, &list);
    if (status != SH_OK) return status;
    json_array_foreach(json_object_get(list, kind->key), i, entry) {
        json_t *params = json_object();
        json_t *whole = NULL;
        if (kind->get != NULL && (status = ask(export, kind->get, text_of(entry, "name"), &whole)) != SH_OK) {
            json_decref(params);
            break;
        }
        for (uint32_t p = 0; p < 8 && kind->params[p] != NULL; p++) {
            json_t *value = json_object_get(whole != NULL ? whole : entry, kind->params[p]);
            if (value != NULL) (void)json_object_set(params, kind->params[p], value);
        }
        write_call(kind->put, params, kind->is_after, out);
        json_decref(whole);
    }
    json_decref(list);
    return status;
}

/* Plans, and what is counted by them once the rows are there. */
static enum sh_status write_plans(struct export *export, struct sh_buffer *out) {
    json_t *rfm = NULL;
    json_t *referral = NULL;
    enum sh_status status = ask(export, "rfm.get", NULL, &rfm);
    if (status == SH_OK) status = ask(export, "referral.get", NULL, &referral);
    json_t *plan = json_object_get(rfm, "plan");
    if (status == SH_OK && json_is_object(plan)) {
        json_t *now = json_object_get(rfm, "refreshed");
        write_call("rfm.put", json_incref(plan), false, out);
        if (json_is_integer(now)) write_call("rfm.refresh", json_pack("{s:O}", "now", now), true, out);
    }
    if (status == SH_OK && json_is_string(json_object_get(referral, "inviter"))) {
        json_t *now = json_object_get(referral, "refreshed");
        json_t *params = json_pack("{s:O}", "inviter", json_object_get(referral, "inviter"));
        if (json_is_array(json_object_get(referral, "counts")))
            (void)json_object_set(params, "counts", json_object_get(referral, "counts"));
        write_call("referral.put", params, false, out);
        if (json_is_integer(now)) write_call("referral.refresh", json_pack("{s:O}", "now", now), true, out);
    }
    json_decref(rfm);
    json_decref(referral);
    return status;
}

/* Items that are listed no longer are put with the others, and removed. */
static enum sh_status write_removed(struct export *export, struct sh_buffer *out) {
    struct shoal_client_answer answer;
    char cursor[EXPORT_CURSOR_BYTES_MAX] = "";
    for (bool is_last = false; !is_last;) {
        shoal_client_writer_clear(export->params);
        shoal_client_write_map(export->params, cursor[0] == '\0' ? 1 : 2);
        shoal_client_write_literal(export->params, "listed");
        shoal_client_write_boolean(export->params, false);
        if (cursor[0] != '\0') write_key_text(export->params, "cursor", cursor);
        const enum sh_status status = export_call(export, "item.list", &answer);
        if (status != SH_OK) return status;
        struct sh_buffer text;
        json_error_t fault;
        sh_buffer_init(&text, EXPORT_PAGE_BYTES_MAX);
        json_value_append(answer.result, &text, NULL);
        json_t *page = json_loadb((const char *)text.bytes, text.count, 0, &fault);
        sh_buffer_deinit(&text);
        json_t *ids = json_object_get(page, "ids");
        if (json_array_size(ids) > 0) write_call("item.remove", json_pack("{s:O}", "ids", ids), true, out);
        const char *next = json_string_value(json_object_get(page, "cursor"));
        is_last = next == NULL || strlen(next) >= sizeof cursor;
        if (!is_last) memcpy(cursor, next, strlen(next) + 1);
        json_decref(page);
    }
    return SH_OK;
}

static enum sh_status write_calls(struct export *export, struct export_part *part, struct sh_buffer *out) {
    enum sh_status status = SH_OK;
    write_call("schema.put", json_incref(export->schema), false, out);
    for (size_t i = 0; i < sizeof saved / sizeof saved[0] && status == SH_OK; i++)
        status = write_saved(export, &saved[i], out);
    if (status == SH_OK) status = write_plans(export, out);
    if (status == SH_OK) status = write_removed(export, out);
    for (size_t i = 0; i < out->count; i++)
        part->rows += out->bytes[i] == '\n';
    if (status == SH_ERR_FORBIDDEN)
        (void)sh_fail_hint(export->err, status,
                           "a whole shop needs a token with the roles export, audience, schema and feed");
    return status;
}

enum sh_status export_write_shop(struct export *export, struct export_part *part) {
    part->rows = 0;
    if (strcmp(part->kind, "calls") == 0) return write_calls(export, part, &export->page);
    write_map(export, &export->page);
    return SH_OK;
}
