/* command_show.c -- user, item, forget, schema, stats, ping: what a workspace holds. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command_fields.h"
#include "guess.h"

static void write_words(struct shoal_client_writer *params, const char *key, char **words, uint32_t word_count) {
    shoal_client_write_literal(params, key);
    shoal_client_write_array(params, word_count);
    for (uint32_t i = 0; i < word_count; i++)
        shoal_client_write_literal(params, words[i]);
}

static char *need(char *text) {
    if (text != NULL) return text;
    (void)fputs("shoal: no memory\n", stderr);
    exit(1);
}

/* What an event has beside the columns of its table: "store online, quantity 2". */
static char *more_of_event(const struct session *session, struct shoal_client_value event) {
    static const char *const shown[] = {"id", "time", "type", "item", "amount"};
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return need(NULL);
    bool first = true;
    struct shoal_client_walk walk = shoal_client_walk_begin(event);
    struct shoal_client_value key, value;
    while (shoal_client_walk_next(&walk, &key, &value)) {
        bool is_shown = false;
        for (uint32_t i = 0; i < 5; i++)
            is_shown = is_shown || shoal_client_text_is(key, shown[i]);
        if (is_shown) continue;
        char *name = output_cell(key);
        char *cell = field_cell(session, field_shape_of(session, "events", name), value);
        (void)fprintf(out, "%s%s %s", first ? "" : ", ", name, cell);
        first = false;
        free(name);
        free(cell);
    }
    (void)fclose(out);
    return need(text);
}

static void print_events(const struct session *session, struct shoal_client_value events) {
    static const char *const names[] = {"time", "type", "item", "amount"};
    struct output_table *table = output_table_create(session->format, stdout);
    for (uint32_t i = 0; i < 4; i++)
        output_column(table, names[i], i == 3);
    output_column(table, "more", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(events);
    struct shoal_client_value event;
    while (shoal_client_walk_next(&walk, NULL, &event)) {
        for (uint32_t i = 0; i < 4; i++) {
            char *cell = field_cell(session, i == 0 ? FIELD_TIME : FIELD_TEXT, shoal_client_get(event, names[i]));
            output_add(table, cell);
            free(cell);
        }
        char *more = more_of_event(session, event);
        output_add(table, more);
        free(more);
    }
    output_table_finish(table);
}

/* One row a name; a list of events as a table of its own behind it. */
static void print_row(const struct session *session, const char *of, struct shoal_client_value row) {
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "name", false);
    output_column(table, "value", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(row);
    struct shoal_client_value key, value;
    while (shoal_client_walk_next(&walk, &key, &value)) {
        if (shoal_client_text_is(key, "events")) continue;
        char *name = output_cell(key);
        char *cell = field_cell(session, field_shape_of(session, of, name), value);
        output_add(table, name);
        output_add(table, cell);
        free(name);
        free(cell);
    }
    output_table_finish(table);
    const struct shoal_client_value events = shoal_client_get(row, "events");
    if (shoal_client_value_kind(events) != SHOAL_CLIENT_ARRAY) return;
    (void)fputc('\n', stdout);
    print_events(session, events);
}

static int show_rows(struct session *session, const struct command_options *options, const char *method, const char *of,
                     char **words, uint32_t word_count) {
    fields_learn(session);
    struct shoal_client_writer *params = new_params(1u + (options->fields != NULL) + (options->events != NULL));
    write_words(params, "ids", words, word_count);
    if (options->fields != NULL) write_key_list(params, "fields", options->fields);
    bool sent = options->events == NULL || write_key_number(params, "events", options->events);
    struct shoal_client_answer answer;
    sent = sent && session_call(session, method, params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    int status = 0;
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, of));
    struct shoal_client_value row;
    for (uint32_t i = 0; i < word_count && shoal_client_walk_next(&walk, NULL, &row); i++) {
        if (shoal_client_value_kind(row) == SHOAL_CLIENT_MAP) {
            if (i > 0) (void)fputc('\n', stdout);
            print_row(session, of, row);
        } else {
            (void)fprintf(stderr, "shoal: there is no %.4s '%s'\n", of, words[i]);
            status = 1;
        }
    }
    return status;
}

/* ---- user export ---- */

static bool export_page(struct session *session, const char *id, const char *cursor,
                        struct shoal_client_answer *answer) {
    struct shoal_client_writer *params = new_params(2u + (cursor != NULL));
    write_key_text(params, "user", id);
    shoal_client_write_literal(params, "limit");
    shoal_client_write_integer(params, 10000);
    if (cursor != NULL) write_key_text(params, "cursor", cursor);
    const bool sent = session_call(session, "user.export", params, NULL, answer);
    shoal_client_writer_destroy(params);
    return sent;
}

static void print_exported_events(struct shoal_client_value events, bool *is_first) {
    struct shoal_client_walk walk = shoal_client_walk_begin(events);
    for (struct shoal_client_value event; shoal_client_walk_next(&walk, NULL, &event); *is_first = false) {
        (void)fputs(*is_first ? "\n" : ",\n", stdout);
        output_json(event, stdout);
    }
}

/* Everything held of a person, as one JSON document, whatever the format: it is to be handed over. */
static int export_person(struct session *session, const char *id) {
    struct shoal_client_answer answer;
    char cursor[64] = "";
    bool is_first = true;
    if (!export_page(session, id, NULL, &answer)) return 1;
    struct shoal_client_value key;
    struct shoal_client_value value;
    struct shoal_client_walk walk = shoal_client_walk_begin(answer.result);
    (void)fputs("{", stdout);
    while (shoal_client_walk_next(&walk, &key, &value)) {
        size_t length;
        const char *name = shoal_client_text(key, &length);
        static const char *const others[] = {"events", "cursor", "took_us"};
        bool is_other = false;
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            is_other |= strlen(others[i]) == length && memcmp(others[i], name, length) == 0;
        if (is_other) continue;
        (void)printf("\"%.*s\": ", (int)length, name);
        output_json(value, stdout);
        (void)fputs(",\n", stdout);
    }
    (void)fputs("\"events\": [", stdout);
    for (;;) {
        size_t length = 0;
        print_exported_events(shoal_client_get(answer.result, "events"), &is_first);
        const char *text = shoal_client_text(shoal_client_get(answer.result, "cursor"), &length);
        if (text == NULL || length >= sizeof cursor) break;
        memcpy(cursor, text, length);
        cursor[length] = '\0';
        if (!export_page(session, id, cursor, &answer)) return 1;
    }
    (void)fputs("]}\n", stdout);
    return 0;
}

int run_user(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (word_count == 2 && strcmp(words[0], "export") == 0) return export_person(session, words[1]);
    return show_rows(session, options, "user.get", "users", words, word_count);
}

int run_item(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    return show_rows(session, options, "item.get", "items", words, word_count);
}

int run_forget(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)options;
    struct shoal_client_writer *params = new_params(1);
    write_words(params, "ids", words, word_count);
    struct shoal_client_answer answer;
    const bool sent = session_call(session, "user.forget", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    (void)printf("%" PRId64 " forgotten", shoal_client_integer(shoal_client_get(answer.result, "forgotten"), 0));
    char *unknown = output_cell(shoal_client_get(answer.result, "unknown"));
    (void)printf("%s%s\n", unknown[0] == '\0' ? "" : "; not known: ", unknown);
    const bool all_known = unknown[0] == '\0';
    free(unknown);
    size_t length = 0;
    const char *receipt = shoal_client_text(shoal_client_get(answer.result, "receipt"), &length);
    if (receipt != NULL && session->format == OUTPUT_TABLE) (void)printf("receipt %.*s\n", (int)length, receipt);
    return all_known ? 0 : 1;
}

int run_receipt(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)options;
    (void)word_count;
    struct shoal_client_answer answer;
    struct shoal_client_writer *params = new_params(1);
    write_key_text(params, "receipt", words[0]);
    const bool sent = session_call(session, "user.receipt", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    static const char *const times[] = {"asked_at", "erased_by", "erased_at"};
    static const char *const numbers[] = {"users", "names", "events", "values"};
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "name", false);
    output_column(table, "value", false);
    output_add(table, "state");
    output_add_value(table, shoal_client_get(answer.result, "state"));
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        const int64_t time_ms = shoal_client_integer(shoal_client_get(answer.result, times[i]), INT64_MIN);
        char text[40];
        struct tm parts;
        const time_t seconds = (time_t)(time_ms / 1000);
        if (time_ms == INT64_MIN || gmtime_r(&seconds, &parts) == NULL) continue;
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
        output_add(table, times[i]);
        output_add(table, text);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        output_add(table, numbers[i]);
        output_add_value(table, shoal_client_get(answer.result, numbers[i]));
    }
    output_table_finish(table);
    return 0;
}

int run_merge(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)options;
    (void)word_count;
    struct shoal_client_writer *params = new_params(2);
    write_key_text(params, "from", words[0]);
    write_key_text(params, "into", words[1]);
    struct shoal_client_answer answer;
    const bool sent = session_call(session, "user.merge", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (!shoal_client_boolean(shoal_client_get(answer.result, "merged"), false)) {
        (void)printf("%s and %s are one already\n", words[0], words[1]);
        return 0;
    }
    char moved[32], doubled[32];
    (void)printf("%s is %s from now on: %s events moved, %s were there already\n", words[0], words[1],
                 print_grouped(shoal_client_integer(shoal_client_get(answer.result, "events"), 0), moved),
                 print_grouped(shoal_client_integer(shoal_client_get(answer.result, "duplicates"), 0), doubled));
    return 0;
}

/* --- schema --- */

/* "decimal(2)", "enum(银卡, 金卡)", "tags". */
static char *type_cell(struct shoal_client_value field) {
    char *text = NULL;
    char *type = output_cell(shoal_client_get(field, "type"));
    char *scale = output_cell(shoal_client_get(field, "scale"));
    char *labels = output_cell(shoal_client_get(field, "labels"));
    const char *inner = scale[0] != '\0' ? scale : labels;
    const int length = asprintf(&text, "%s%s%s%s", type[0] == '\0' ? "tags" : type, inner[0] == '\0' ? "" : "(", inner,
                                inner[0] == '\0' ? "" : ")");
    free(type);
    free(scale);
    free(labels);
    return need(length < 0 ? NULL : text);
}

static void add_fields(struct output_table *table, const char *of, struct shoal_client_value fields) {
    struct shoal_client_walk walk = shoal_client_walk_begin(fields);
    struct shoal_client_value field;
    while (shoal_client_walk_next(&walk, NULL, &field)) {
        char *type = type_cell(field);
        output_add(table, of);
        output_add_value(table, shoal_client_get(field, "name"));
        output_add(table, type);
        free(type);
    }
}

static int show_schema(struct session *session) {
    struct shoal_client_writer *params = new_params(0);
    struct shoal_client_answer answer;
    const bool sent = session_call(session, "schema.get", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "of", false);
    output_column(table, "name", false);
    output_column(table, "type", false);
    static const char *const kinds[] = {"users", "items"};
    for (uint32_t i = 0; i < 2; i++) {
        const struct shoal_client_value rows = shoal_client_get(answer.result, kinds[i]);
        add_fields(table, kinds[i], shoal_client_get(rows, "attributes"));
        add_fields(table, kinds[i], shoal_client_get(rows, "tag_sets"));
    }
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "events"));
    struct shoal_client_value type;
    while (shoal_client_walk_next(&walk, NULL, &type)) {
        output_add(table, "events");
        output_add_value(table, shoal_client_get(type, "name"));
        const int64_t keep_days = shoal_client_integer(shoal_client_get(type, "keep_days"), 0);
        char kept[64] = "event";
        if (keep_days > 0) (void)snprintf(kept, sizeof kept, "event, kept for %lld days", (long long)keep_days);
        output_add(table, kept);
        char *name = output_cell(shoal_client_get(type, "name"));
        char of[160];
        (void)snprintf(of, sizeof of, "  %.150s", name);
        add_fields(table, of, shoal_client_get(type, "properties"));
        free(name);
    }
    output_table_finish(table);
    char *zone = output_cell(shoal_client_get(answer.result, "zone"));
    if (session->format == OUTPUT_TABLE) (void)printf("time zone: %s\n", zone[0] == '\0' ? "not set yet" : zone);
    free(zone);
    return 0;
}

/* ---- keep ---- */

static int put_keep(struct session *session, char **words) {
    struct shoal_client_writer *params = new_params(1);
    struct shoal_client_answer answer;
    shoal_client_write_literal(params, "events");
    shoal_client_write_array(params, 1);
    shoal_client_write_map(params, 2);
    write_key_text(params, "name", words[0]);
    const bool done =
        write_key_number(params, "keep_days", words[1]) && session_call(session, "schema.put", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!done) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const bool changed = shoal_client_boolean(shoal_client_get(answer.result, "changed"), false);
    (void)printf("%s: %s\n", words[0], changed ? "in force" : "as it was");
    return 0;
}

int run_keep(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct shoal_client_answer answer;
    (void)options;
    if (word_count == 1) {
        (void)fputs("shoal keep: EVENT DAYS, or nothing\n", stderr);
        return 2;
    }
    if (word_count == 2) return put_keep(session, words);
    if (!call_with_texts(session, "event.sweep", NULL, NULL, 0, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "event", false);
    output_column(table, "kept_from", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "kept_from"));
    struct shoal_client_value type, day;
    while (shoal_client_walk_next(&walk, &type, &day)) {
        output_add_value(table, type);
        output_add_value(table, day);
    }
    output_table_finish(table);
    return 0;
}

int run_schema(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)options;
    if (word_count == 0) return show_schema(session);
    if (word_count != 2 || strcmp(words[0], "guess") != 0) {
        (void)fputs("usage: shoal schema, or shoal schema guess FILE\n", stderr);
        return 2;
    }
    struct sh_error err = {.hint = ""};
    if (guess_mapping(words[1], stdout, &err) == SH_OK) return 0;
    (void)fprintf(stderr, "shoal schema guess: %s\n", err.message);
    if (err.hint[0] != '\0') (void)fprintf(stderr, "  %s\n", err.hint);
    return 1;
}

/* --- stats --- */

/* Maps inside maps as dotted names. */
static void add_stats(struct output_table *table, const char *prefix, struct shoal_client_value map) {
    struct shoal_client_walk walk = shoal_client_walk_begin(map);
    struct shoal_client_value key, value;
    while (shoal_client_walk_next(&walk, &key, &value)) {
        char *name = output_cell(key);
        char path[256];
        (void)snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", name);
        free(name);
        if (shoal_client_value_kind(value) == SHOAL_CLIENT_MAP) {
            add_stats(table, path, value);
            continue;
        }
        output_add(table, path);
        char grouped[32];
        if (shoal_client_value_kind(value) == SHOAL_CLIENT_INTEGER)
            output_add(table, print_grouped(shoal_client_integer(value, 0), grouped));
        else
            output_add_value(table, value);
    }
}

int run_stats(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)options;
    (void)words;
    (void)word_count;
    struct shoal_client_writer *params = new_params(0);
    struct shoal_client_answer answer;
    const bool sent = session_call(session, "stats", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "name", false);
    output_column(table, "value", true);
    add_stats(table, "", answer.result);
    output_table_finish(table);
    return 0;
}

int run_snapshot(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    static const char *const names[] = {"sequence", "bytes", "write_ms", "hold_us", "pause_us"};
    (void)options;
    (void)words;
    (void)word_count;
    struct shoal_client_writer *params = new_params(0);
    struct shoal_client_answer answer;
    const bool sent = session_call(session, "snapshot", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "name", false);
    output_column(table, "value", true);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char grouped[32];
        output_add(table, names[i]);
        output_add(table, print_grouped(shoal_client_integer(shoal_client_get(answer.result, names[i]), 0), grouped));
    }
    output_table_finish(table);
    return 0;
}

int run_ping(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)options;
    (void)words;
    (void)word_count;
    struct shoal_client_writer *params = new_params(0);
    struct shoal_client_answer answer;
    const bool sent = session_call(session, "ping", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    (void)printf("%s answers\n", session->address);
    return 0;
}
