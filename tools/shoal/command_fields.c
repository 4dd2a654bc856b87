#include "command_fields.h"

#include <stdlib.h>
#include <string.h>

#include "calendar.h"

struct field {
    const char *of;
    char *name;
    enum field_shape shape;
};
struct field_list {
    struct field *fields;
    size_t count;
    struct sh_zone *zone; /* NULL: times stay numbers */
};

static void note_fields(struct field_list *list, const char *of, struct shoal_client_value rows) {
    struct shoal_client_walk walk = shoal_client_walk_begin(rows);
    struct shoal_client_value row;
    while (shoal_client_walk_next(&walk, NULL, &row)) {
        const struct shoal_client_value type = shoal_client_get(row, "type");
        const bool is_time = shoal_client_text_is(type, "time");
        if (!is_time && !shoal_client_text_is(type, "int") && !shoal_client_text_is(type, "decimal")) continue;
        struct field *grown = realloc(list->fields, (list->count + 1) * sizeof *grown);
        if (grown == NULL) return;
        list->fields = grown;
        grown[list->count++] =
            (struct field){of, output_cell(shoal_client_get(row, "name")), is_time ? FIELD_TIME : FIELD_NUMBER};
    }
}

void fields_learn(struct session *session) {
    if (session->format != OUTPUT_TABLE || session->fields != NULL || !session_connect(session)) return;
    struct field_list *list = calloc(1, sizeof *list);
    if (list == NULL) return;
    session->fields = list;
    struct shoal_client_writer *params = new_params(0);
    struct shoal_client_answer answer;
    if (shoal_client_call(session->client, "schema.get", params, SHOAL_CLIENT_IDEMPOTENT, &answer, NULL) ==
        SHOAL_CLIENT_OK) {
        static const char *const kinds[] = {"users", "items"};
        for (uint32_t i = 0; i < 2; i++)
            note_fields(list, kinds[i], shoal_client_get(shoal_client_get(answer.result, kinds[i]), "attributes"));
        struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "events"));
        struct shoal_client_value type;
        while (shoal_client_walk_next(&walk, NULL, &type))
            note_fields(list, "events", shoal_client_get(type, "properties"));
        size_t length = 0;
        const char *zone = shoal_client_text(shoal_client_get(answer.result, "zone"), &length);
        if (zone == NULL || sh_zone_open((struct sh_text){zone, (uint32_t)length}, &list->zone, NULL) != SH_OK)
            list->zone = NULL;
    }
    shoal_client_writer_destroy(params);
}

void fields_forget(struct session *session) {
    struct field_list *list = session->fields;
    if (list == NULL) return;
    for (size_t i = 0; i < list->count; i++)
        free(list->fields[i].name);
    free(list->fields);
    sh_zone_close(list->zone);
    free(list);
    session->fields = NULL;
}

enum field_shape field_shape_of(const struct session *session, const char *of, const char *name) {
    const struct field_list *list = session->fields;
    for (size_t i = 0; list != NULL && i < list->count; i++)
        if (strcmp(list->fields[i].of, of) == 0 && strcmp(list->fields[i].name, name) == 0)
            return list->fields[i].shape;
    /* What rfm derives of users is in no schema. */
    static const char *const times[] = {"value.first", "value.last", "value.next"};
    static const char *const numbers[] = {"rfm.r",       "rfm.f",        "rfm.m",         "rfm.score",
                                          "value.count", "value.amount", "value.average", "value.interval"};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (strcmp(times[i], name) == 0) return FIELD_TIME;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(numbers[i], name) == 0) return FIELD_NUMBER;
    return FIELD_TEXT;
}

char *field_cell(const struct session *session, enum field_shape shape, struct shoal_client_value value) {
    const struct field_list *list = session->fields;
    const int64_t instant_ms = shoal_client_integer(value, INT64_MIN);
    if (session->format != OUTPUT_TABLE || shape != FIELD_TIME || list == NULL || list->zone == NULL ||
        instant_ms < SH_INSTANT_MIN || instant_ms > SH_INSTANT_MAX)
        return output_cell(value);
    uint8_t room[64];
    struct sh_buffer text = {.bytes = room, .capacity = sizeof room, .limit = sizeof room};
    sh_instant_print(&text, instant_ms, list->zone);
    char *cell = strndup((const char *)room, text.count);
    return cell != NULL ? cell : output_cell(value);
}
