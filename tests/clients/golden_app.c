/* golden_app.c -- the C client's part of golden_test.py: calls each entry of golden/session.json that has no number, in
 * order, on one connection, and prints what it read of the answer as a line of JSON: the result, or the error's parts.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "shoal/client.h"

static void write_json(struct shoal_client_writer *writer, json_t *value) {
    const char *key;
    json_t *part;
    size_t index;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        shoal_client_write_map(writer, (uint32_t)json_object_size(value));
        json_object_foreach(value, key, part) {
            shoal_client_write_literal(writer, key);
            write_json(writer, part);
        }
        break;
    case JSON_ARRAY:
        shoal_client_write_array(writer, (uint32_t)json_array_size(value));
        json_array_foreach(value, index, part) write_json(writer, part);
        break;
    case JSON_STRING:
        shoal_client_write_text(writer, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        shoal_client_write_integer(writer, json_integer_value(value));
        break;
    case JSON_REAL:
        shoal_client_write_real(writer, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        shoal_client_write_boolean(writer, json_is_true(value));
        break;
    case JSON_NULL:
        shoal_client_write_nil(writer);
        break;
    }
}

static json_t *read_text(struct shoal_client_value value) {
    size_t byte_count;
    const char *text = shoal_client_text(value, &byte_count);
    return json_stringn(text, byte_count);
}

static json_t *read_json(struct shoal_client_value value) {
    struct shoal_client_walk walk;
    struct shoal_client_value key, part;
    json_t *whole;
    switch (shoal_client_value_kind(value)) {
    case SHOAL_CLIENT_BOOLEAN:
        return json_boolean(shoal_client_boolean(value, false));
    case SHOAL_CLIENT_INTEGER:
        return json_integer(shoal_client_integer(value, 0));
    case SHOAL_CLIENT_REAL:
        return json_real(shoal_client_real(value, 0));
    case SHOAL_CLIENT_TEXT:
    case SHOAL_CLIENT_BINARY:
        return read_text(value);
    case SHOAL_CLIENT_ARRAY:
        whole = json_array();
        walk = shoal_client_walk_begin(value);
        while (shoal_client_walk_next(&walk, NULL, &part))
            json_array_append_new(whole, read_json(part));
        return whole;
    case SHOAL_CLIENT_MAP:
        whole = json_object();
        walk = shoal_client_walk_begin(value);
        while (shoal_client_walk_next(&walk, &key, &part)) {
            json_t *name = read_text(key);
            json_object_set_new(whole, json_string_value(name), read_json(part));
            json_decref(name);
        }
        return whole;
    case SHOAL_CLIENT_ABSENT:
    case SHOAL_CLIENT_NIL:
        break;
    }
    return json_null();
}

static json_t *call(struct shoal_client *client, json_t *entry) {
    struct shoal_client_writer *params = shoal_client_writer_create();
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    write_json(params, json_object_get(entry, "params"));
    const int code =
        shoal_client_call(client, json_string_value(json_object_get(entry, "method")), params, 0, &answer, &error);
    shoal_client_writer_destroy(params);
    if (code == SHOAL_CLIENT_OK) return read_json(answer.result);
    return json_pack("{si ss ss sI ss}", "code", error.code, "status", error.status, "message", error.message,
                     "position", (json_int_t)error.position, "hint", error.hint);
}

int main(int count, char **words) {
    if (count != 3) {
        (void)fprintf(stderr, "usage: golden_app ADDRESS session.json\n");
        return 2;
    }
    json_error_t fault;
    struct shoal_client_error error;
    struct shoal_client *client = NULL;
    json_t *session = json_load_file(words[2], 0, &fault);
    if (session == NULL || shoal_client_open(words[1], NULL, &client, &error) != SHOAL_CLIENT_OK) {
        (void)fprintf(stderr, "golden_app: %s\n", session == NULL ? fault.text : error.message);
        json_decref(session);
        return 1;
    }
    size_t index;
    json_t *entry;
    json_array_foreach(session, index, entry) {
        if (json_object_get(entry, "number") != NULL) continue;
        json_t *told = call(client, entry);
        char *line = json_dumps(told, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
        puts(line);
        free(line);
        json_decref(told);
    }
    shoal_client_close(client);
    json_decref(session);
    return 0;
}
