/* command_tree.c -- tree put, get, list, remove: names below names, such as stores in regions. */
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "csv.h"

/* Each record is a name and, unless it stands at the top, the name above it. */
static enum sh_status write_nodes(struct csv_reader *reader, struct shoal_client_writer *params, struct sh_error *err) {
    const size_t begun = shoal_client_begin_array(params);
    uint32_t count = 0;
    for (;;) {
        bool at_end;
        enum sh_status status = csv_next(reader, &at_end, err);
        if (status == SH_OK && at_end) break;
        if (status == SH_OK && (reader->field_count > 2 || reader->fields[0].count == 0))
            status = sh_fail(err, SH_ERR_SYNTAX, -1, "a line is NAME or NAME,PARENT");
        if (status != SH_OK) return status;
        const bool has_parent = reader->field_count == 2 && reader->fields[1].count > 0;
        shoal_client_write_map(params, 1u + has_parent);
        shoal_client_write_literal(params, "name");
        shoal_client_write_text(params, reader->fields[0].bytes, reader->fields[0].count);
        if (has_parent) {
            shoal_client_write_literal(params, "parent");
            shoal_client_write_text(params, reader->fields[1].bytes, reader->fields[1].count);
        }
        count++;
    }
    shoal_client_end(params, begun, count);
    return SH_OK;
}

static bool write_file(const char *path, struct shoal_client_writer *params) {
    struct sh_error err = {.status = SH_OK};
    struct csv_reader reader;
    struct input *input;
    enum sh_status status = input_open(path, &input, &err);
    if (status != SH_OK) {
        (void)fprintf(stderr, "shoal: %s: %s\n", path, err.message);
        return false;
    }
    csv_init(&reader, input, ',');
    status = write_nodes(&reader, params, &err);
    if (status != SH_OK) (void)fprintf(stderr, "shoal: %s:%" PRIu64 ": %s\n", path, reader.line_number, err.message);
    csv_deinit(&reader);
    input_close(input);
    return status == SH_OK;
}

static int put(struct session *session, const struct command_options *options, char **words) {
    struct shoal_client_writer *params = new_params(2u + (options->of != NULL));
    struct shoal_client_answer answer;
    write_key_text(params, "name", words[0]);
    if (options->of != NULL) write_key_list(params, "of", options->of);
    shoal_client_write_literal(params, "nodes");
    const bool done = write_file(words[1], params) && session_call(session, "tree.put", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!done) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const bool changed = shoal_client_boolean(shoal_client_get(answer.result, "changed"), false);
    (void)printf("%s: %" PRId64 " names, %" PRId64 " levels%s\n", words[0],
                 shoal_client_integer(shoal_client_get(answer.result, "names"), 0),
                 shoal_client_integer(shoal_client_get(answer.result, "depth"), 0), changed ? "" : ", as it was");
    return 0;
}

/* As a file that `tree put` reads. */
static int get(struct session *session, char **words) {
    static const char *const keys[] = {"name"};
    static const char *const shown[] = {"name", "parent"};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "tree.get", keys, words, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    for (uint32_t i = 0; i < 2; i++)
        output_column(table, shown[i], false);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "nodes"));
    struct shoal_client_value node;
    while (shoal_client_walk_next(&walk, NULL, &node)) {
        for (uint32_t i = 0; i < 2; i++)
            output_add_value(table, shoal_client_get(node, shown[i]));
    }
    output_table_finish(table);
    return 0;
}

static int list(struct session *session) {
    static const char *const shown[] = {"name", "of", "names", "depth"};
    enum { SHOWN_COUNT = sizeof shown / sizeof shown[0], NUMBERS = 2 };
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "tree.list", NULL, NULL, 0, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    for (uint32_t i = 0; i < SHOWN_COUNT; i++)
        output_column(table, shown[i], i >= NUMBERS);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "trees"));
    struct shoal_client_value tree;
    while (shoal_client_walk_next(&walk, NULL, &tree)) {
        for (uint32_t i = 0; i < SHOWN_COUNT; i++)
            output_add_value(table, shoal_client_get(tree, shown[i]));
    }
    output_table_finish(table);
    return 0;
}

static int remove_one(struct session *session, char **words) {
    static const char *const keys[] = {"name"};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "tree.remove", keys, words, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (shoal_client_boolean(shoal_client_get(answer.result, "removed"), false)) {
        (void)printf("%s: removed\n", words[0]);
        return 0;
    }
    (void)fprintf(stderr, "shoal: there is no tree '%s'\n", words[0]);
    return 1;
}

int run_tree(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (strcmp(words[0], "put") == 0 && word_count == 3) return put(session, options, words + 1);
    if (strcmp(words[0], "get") == 0 && word_count == 2) return get(session, words + 1);
    if (strcmp(words[0], "list") == 0 && word_count == 1) return list(session);
    if (strcmp(words[0], "remove") == 0 && word_count == 2) return remove_one(session, words + 1);
    (void)fputs("shoal tree: put NAME FILE [--of ATTRIBUTE,...], get NAME, list, or remove NAME\n", stderr);
    return 2;
}
