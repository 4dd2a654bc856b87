/* command_model.c -- model train, list, remove: tables of items that the server trains; likings and put: the same trained
 * elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "json_params.h"
#include "question.h"

/* ---- train, list, remove ---- */

static int train(struct session *session, const struct command_options *options, char **words) {
    struct question question = question_begin(NULL, options);
    struct shoal_client_answer answer;
    question_text(&question, "name", words[0]);
    question_number(&question, "every_hours", options->every);
    question_number(&question, "seed", options->seed);
    question_json(&question, options->with);
    if (!question_send(session, &question, "model.train", &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    (void)printf("%s: plan %lld; it is trained in the background, `shoal model list` says when it is there\n", words[0],
                 (long long)shoal_client_integer(shoal_client_get(answer.result, "number"), 0));
    return 0;
}

static int list(struct session *session) {
    static const char *const of_plan[] = {"every_hours"};
    static const char *const of_table[] = {"number", "trained_at", "items", "entries", "users", "likings", "bytes"};
    enum { TABLE_KEYS = sizeof of_table / sizeof *of_table };
    struct shoal_client_answer answer;
    struct shoal_client_value model;
    if (!call_with_texts(session, "model.list", NULL, NULL, 0, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "model", false);
    output_column(table, "due", false);
    output_column(table, of_plan[0], true);
    for (uint32_t i = 0; i < TABLE_KEYS; i++)
        output_column(table, of_table[i], true);
    output_column(table, "fault", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "models"));
    while (shoal_client_walk_next(&walk, NULL, &model)) {
        output_add_value(table, shoal_client_get(model, "name"));
        output_add_value(table, shoal_client_get(model, "due"));
        output_add_value(table, shoal_client_get(shoal_client_get(model, "plan"), of_plan[0]));
        for (uint32_t i = 0; i < TABLE_KEYS; i++)
            output_add_value(table, shoal_client_get(shoal_client_get(model, "table"), of_table[i]));
        output_add_value(table, shoal_client_get(model, "fault"));
    }
    output_table_finish(table);
    return 0;
}

static int remove_one(struct session *session, char **words) {
    static const char *const keys[] = {"name"};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "model.remove", keys, words, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (shoal_client_boolean(shoal_client_get(answer.result, "removed"), false)) {
        (void)printf("%s: removed\n", words[0]);
        return 0;
    }
    (void)fprintf(stderr, "shoal: there is no model '%s'\n", words[0]);
    return 1;
}

/* ---- likings ---- */

static uint64_t take_bytes(const uint8_t **at, const uint8_t *end, uint32_t byte_count) {
    uint64_t number = 0;
    for (uint32_t i = 0; i < byte_count && *at < end; i++)
        number |= (uint64_t) * (*at)++ << (8 * i);
    return number;
}

/* Rows of one page: u64 user, u32 count, and so many pairs of a u32 place in `items` and an f32 weight. */
static void print_rows(struct shoal_client_value page) {
    const struct shoal_client_value items = shoal_client_get(page, "items");
    size_t byte_count = 0;
    const uint8_t *at = (const uint8_t *)shoal_client_text(shoal_client_get(page, "rows"), &byte_count);
    const uint8_t *end = at + byte_count;
    uint32_t item_count = shoal_client_count(items);
    char **names = calloc(item_count + (size_t)1, sizeof *names);
    if (names == NULL) exit(1);
    struct shoal_client_walk walk = shoal_client_walk_begin(items);
    struct shoal_client_value item;
    for (uint32_t i = 0; i < item_count && shoal_client_walk_next(&walk, NULL, &item); i++)
        names[i] = output_cell(item);
    while (at != NULL && at < end) {
        const uint64_t user = take_bytes(&at, end, 8);
        const uint64_t count = take_bytes(&at, end, 4);
        for (uint64_t i = 0; i < count && at < end; i++) {
            const uint64_t place = take_bytes(&at, end, 4);
            const uint32_t bits = (uint32_t)take_bytes(&at, end, 4);
            float weight;
            memcpy(&weight, &bits, sizeof weight);
            (void)printf("%016llx,", (unsigned long long)user);
            output_csv_cell(place < item_count ? names[place] : "", stdout);
            (void)printf(",%g\n", (double)weight);
        }
    }
    for (uint32_t i = 0; i < item_count; i++)
        free(names[i]);
    free(names);
}

/* All of them, page by page: CSV, or with JSON the pages as they come. */
static int likings(struct session *session, const struct command_options *options) {
    int64_t next = 0;
    if (session->format != OUTPUT_JSON) (void)puts("user,item,weight");
    do {
        struct question question = question_begin(NULL, options);
        struct shoal_client_answer answer;
        struct shoal_client_value page;
        shoal_client_write_literal(question.params, "at");
        shoal_client_write_integer(question.params, next);
        question.pair_count++;
        question_number(&question, "count", options->count);
        if (!question_send(session, &question, "model.likings", &answer)) return 1;
        struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "pages"));
        while (session->format != OUTPUT_JSON && shoal_client_walk_next(&walk, NULL, &page))
            print_rows(page);
        if (session->format == OUTPUT_JSON) (void)print_document(answer.result);
        next = shoal_client_integer(shoal_client_get(answer.result, "next"), 0);
    } while (next != 0);
    return 0;
}

/* ---- put ---- */

static int digit_of(char character) {
    if (character >= 'A' && character <= 'Z') return character - 'A';
    if (character >= 'a' && character <= 'z') return character - 'a' + 26;
    if (character >= '0' && character <= '9') return character - '0' + 52;
    return character == '+' ? 62 : character == '/' ? 63 : -1;
}

/* Base64 as bytes in MessagePack; false if it is none. */
static bool write_base64(struct shoal_client_writer *params, const char *text, size_t length) {
    uint8_t *bytes = malloc(length + 8);
    size_t count = 5; /* behind the head: bin 32 */
    uint32_t bits = 0;
    uint32_t bit_count = 0;
    while (length > 0 && text[length - 1] == '=')
        length--;
    bool ok = bytes != NULL;
    for (size_t i = 0; i < length && ok; i++) {
        const int digit = digit_of(text[i]);
        ok = digit >= 0;
        bits = bits << 6 | (uint32_t)(digit & 63);
        bit_count += 6;
        if (bit_count < 8) continue;
        bit_count -= 8;
        bytes[count++] = (uint8_t)(bits >> bit_count);
    }
    if (ok) {
        const uint32_t size = (uint32_t)(count - 5);
        const uint8_t head[5] = {0xC6, (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                                 (uint8_t)size};
        memcpy(bytes, head, sizeof head);
        shoal_client_write_raw(params, bytes, count);
    }
    free(bytes);
    return ok;
}

static bool is_bytes(const char *key) {
    return strcmp(key, "rows") == 0 || strcmp(key, "base") == 0 || strcmp(key, "gram") == 0;
}

/* A map whose bytes are base64. */
static bool write_part(struct shoal_client_writer *params, json_t *object) {
    bool ok = true;
    for (void *at = json_object_iter(object); at != NULL && ok; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        json_t *value = json_object_iter_value(at);
        shoal_client_write_literal(params, key);
        if (is_bytes(key) && json_is_string(value)) {
            ok = write_base64(params, json_string_value(value), json_string_length(value));
        } else if (strcmp(key, "about") == 0 && json_is_object(value)) {
            shoal_client_write_map(params, (uint32_t)json_object_size(value));
            ok = write_part(params, value);
        } else {
            json_params_write(params, value);
        }
    }
    if (!ok) (void)fputs("shoal: `rows`, `base` and `gram` are base64\n", stderr);
    return ok;
}

/* A part a line, as the protocol has them, without the name. */
static int put(struct session *session, char **words) {
    FILE *file = strcmp(words[1], "-") == 0 ? stdin : fopen(words[1], "r");
    if (file == NULL) {
        perror(words[1]);
        return 1;
    }
    char *line = NULL;
    size_t room = 0;
    uint32_t part_count = 0;
    bool ok = true;
    bool is_whole = false;
    for (; ok && getline(&line, &room, file) > 0; part_count++) {
        json_error_t fault;
        json_t *part = json_loads(line, JSON_REJECT_DUPLICATES, &fault);
        ok = json_is_object(part);
        if (!ok) (void)fprintf(stderr, "shoal: line %u: %s\n", part_count + 1, part == NULL ? fault.text : "no object");
        struct shoal_client_answer answer;
        struct shoal_client_writer *params = new_params((uint32_t)json_object_size(part) + 1);
        write_key_text(params, "name", words[0]);
        ok = ok && write_part(params, part) && session_call(session, "model.put", params, NULL, &answer);
        is_whole = ok && shoal_client_boolean(shoal_client_get(answer.result, "whole"), false);
        shoal_client_writer_destroy(params);
        json_decref(part);
    }
    free(line);
    if (file != stdin) (void)fclose(file);
    if (!ok) return 1;
    (void)printf("%s: %u parts, %s\n", words[0], part_count, is_whole ? "in use" : "more are to come");
    return 0;
}

int run_model(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (strcmp(words[0], "train") == 0 && word_count == 2) return train(session, options, words + 1);
    if (strcmp(words[0], "list") == 0 && word_count == 1) return list(session);
    if (strcmp(words[0], "remove") == 0 && word_count == 2) return remove_one(session, words + 1);
    if (strcmp(words[0], "likings") == 0 && word_count == 1) return likings(session, options);
    if (strcmp(words[0], "put") == 0 && word_count == 3) return put(session, words + 1);
    (void)fputs("shoal model: train NAME [--every HOURS] [--with JSON], list, remove NAME, likings, or put NAME FILE\n",
                stderr);
    return 2;
}
