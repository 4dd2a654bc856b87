#include "load_calls.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_params.h"

enum { LINE_BYTES_MAX = 64 << 20 };

static enum sh_status fault(struct sh_error *err, const char *path, size_t line, const char *words) {
    return sh_fail(err, SH_ERR_SYNTAX, -1, "%s, line %zu: %s", path, line, words);
}

/* Every line as a call of the list. */
static enum sh_status read_lines(FILE *file, const char *path, json_t *calls, struct sh_error *err) {
    char *line = NULL;
    size_t room = 0;
    enum sh_status status = SH_OK;
    for (size_t number = 1; status == SH_OK; number++) {
        const ssize_t length = getline(&line, &room, file);
        if (length < 0) break;
        if (length == 0 || line[0] == '\n') continue;
        json_error_t found;
        json_t *call =
            length > LINE_BYTES_MAX ? NULL : json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES, &found);
        if (!json_is_string(json_object_get(call, "method")) || !json_is_object(json_object_get(call, "params")))
            status = fault(err, path, number, "a call is {\"method\": \"...\", \"params\": {...}}");
        else
            (void)json_array_append(calls, call);
        json_decref(call);
    }
    if (status == SH_OK && ferror(file)) status = sh_fail(err, SH_ERR_IO, -1, "%s: %s", path, strerror(errno));
    free(line);
    return status;
}

static int call_one(struct shoal_client *client, struct shoal_client_writer *params, const json_t *call,
                    struct shoal_client_error *error) {
    struct shoal_client_answer answer;
    shoal_client_writer_clear(params);
    json_params_write(params, json_object_get(call, "params"));
    return shoal_client_call(client, json_string_value(json_object_get(call, "method")), params,
                             SHOAL_CLIENT_IDEMPOTENT, &answer, error);
}

/* Round by round, until none is left or none can be done. */
static enum sh_status do_calls(struct shoal_client *client, struct shoal_client_writer *params, json_t *calls,
                               bool is_after, const char *path, struct sh_error *err) {
    struct shoal_client_error error = {.position = -1};
    for (size_t done = 1; done > 0 && json_array_size(calls) > 0;) {
        done = 0;
        for (size_t i = 0; i < json_array_size(calls);) {
            json_t *call = json_array_get(calls, i);
            const bool is_now = json_is_true(json_object_get(call, "after")) == is_after;
            if (is_now && call_one(client, params, call, &error) != SHOAL_CLIENT_OK) {
                if (!error.from_server) return sh_fail(err, SH_ERR_IO, -1, "%s", error.message);
                i++;
                continue;
            }
            done += is_now;
            (void)json_array_remove(calls, i);
        }
    }
    const json_t *left = json_array_get(calls, 0);
    if (left == NULL) return SH_OK;
    (void)sh_fail(err, SH_ERR_CONFLICT, error.position, "%s: %s: %s", path,
                  json_string_value(json_object_get(left, "method")), error.message);
    return error.hint[0] == '\0' ? SH_ERR_CONFLICT : sh_fail_hint(err, SH_ERR_CONFLICT, "%s", error.hint);
}

enum sh_status load_calls(struct shoal_client *client, const struct mapping *mapping, const char *mapping_path,
                          const char *folder, bool is_after, struct sh_error *err) {
    char beside[PATH_MAX];
    char path[PATH_MAX + 1024];
    if (mapping->calls.count == 0) return SH_OK;
    (void)snprintf(beside, sizeof beside, "%s", mapping_path);
    (void)snprintf(path, sizeof path, "%s/%.*s", folder != NULL ? folder : dirname(beside),
                   (int)(mapping->calls.count < 1000 ? mapping->calls.count : 1000), mapping->calls.bytes);
    FILE *file = fopen(path, "r");
    if (file == NULL) return sh_fail(err, SH_ERR_NOT_FOUND, -1, "%s: %s", path, strerror(errno));
    json_t *calls = json_array();
    struct shoal_client_writer *params = shoal_client_writer_create();
    enum sh_status status = calls != NULL && params != NULL ? SH_OK : sh_fail(err, SH_ERR_MEMORY, -1, "no memory");
    if (status == SH_OK) status = read_lines(file, path, calls, err);
    if (status == SH_OK) status = do_calls(client, params, calls, is_after, path, err);
    shoal_client_writer_destroy(params);
    json_decref(calls);
    (void)fclose(file);
    return status;
}
