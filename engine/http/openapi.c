#include "openapi.h"

#include "json.h"
#include "shard.h"

/* What a param of this name is, in every method that has it. Others may be anything; PROTOCOL.md says what. */
static const struct {
    const char *names; /* with a blank around each */
    const char *schema;
} schemas[] = {
    {" where filter seeds among base ", "{\"$ref\":\"#/components/schemas/expression\"}"},
    {" now ", "{\"$ref\":\"#/components/schemas/time\"}"},
    {" name note user id item from into client token workspace zone order by period tag tag_set inviter on method "
     "sequence "
     "first return cursor ",
     "{\"type\":\"string\"}"},
    {" limit top periods timeout_ms ttl_days days grace_s rate burst max_age_ms if_version version every_hours ",
     "{\"type\":\"integer\",\"format\":\"int64\"}"},
    {" desc keep past analyze combinations ", "{\"type\":\"boolean\"}"},
    {" ids fields session sections roles names ", "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"},
    {" rows ", "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{}}}"},
    {" items events users nodes points ", "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"},
    {" sets dimensions ", "{\"type\":\"array\",\"items\":{}}"},
};

static void append(struct sh_buffer *json, const char *text) {
    sh_buffer_append(json, text, strlen(text));
}

static const char *schema_of(const struct sh_method *method, struct sh_text name) {
    char key[SH_NAME_BYTES_MAX + 3];
    (void)snprintf(key, sizeof key, " %.*s ", SH_TEXT_ARGS(name));
    /* Of `schema.put` these are what there is, not rows; numbers of `model.train` are named as lists elsewhere. */
    const bool is_schema = strcmp(method->name, "schema.put") == 0;
    const bool is_model = strncmp(method->name, "model.", 6) == 0;
    if ((is_schema && strcmp(key, " events ") != 0 && strcmp(key, " zone ") != 0) || is_model) return "{}";
    if (strcmp(method->name, "user.get") == 0 && strcmp(key, " events ") == 0) return "{\"type\":\"integer\"}";
    for (uint32_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++)
        if (strstr(schemas[i].names, key) != NULL) return schemas[i].schema;
    return "{}";
}

/* The next of "where now? timeout_ms?"; false at the end. */
static bool next_param(const char **params, struct sh_text *name, bool *is_optional) {
    *params += strspn(*params, " ");
    const size_t count = strcspn(*params, " ");
    if (count == 0) return false;
    *is_optional = (*params)[count - 1] == '?';
    *name = (struct sh_text){*params, (uint32_t)(count - *is_optional)};
    *params += count;
    return true;
}

static void write_params(const struct sh_method *method, struct sh_buffer *json) {
    const char *params = sh_method_words(method->number)->params;
    struct sh_text name;
    bool is_optional;
    uint32_t count = 0;
    append(json, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    for (const char *at = params; next_param(&at, &name, &is_optional); count++)
        sh_buffer_print(json, "%s\"%.*s\":%s", count == 0 ? "" : ",", SH_TEXT_ARGS(name), schema_of(method, name));
    append(json, "}");
    count = 0;
    for (const char *at = params; next_param(&at, &name, &is_optional);)
        if (!is_optional)
            sh_buffer_print(json, "%s\"%.*s\"", count++ == 0 ? ",\"required\":[" : ",", SH_TEXT_ARGS(name));
    append(json, count > 0 ? "]}" : "}");
}

static void write_method(const struct sh_method *method, bool is_first, struct sh_buffer *json) {
    const char *dot = strchr(method->name, '.');
    const size_t group_count = dot == NULL ? 0 : (size_t)(dot - method->name);
    sh_buffer_print(json, "%s\"/rpc/%s\":{\"post\":{\"operationId\":\"%s\",\"summary\":", is_first ? "" : ",",
                    method->name, method->name);
    sh_json_write_text(json, sh_text_of(sh_method_words(method->number)->words));
    sh_buffer_print(json, ",\"tags\":[\"%.*s\"],\"x-writes\":%s,\"x-roles\":[", group_count > 0 ? (int)group_count : 7,
                    group_count > 0 ? method->name : "session", method->writes ? "true" : "false");
    bool is_first_role = true;
    for (uint32_t place = 0; place < SH_ROLE_COUNT; place++) {
        if ((method->roles >> place & 1) == 0) continue;
        sh_buffer_print(json, "%s\"%s\"", is_first_role ? "" : ",", sh_role_name(place));
        is_first_role = false;
    }
    append(json, "],\"parameters\":[{\"$ref\":\"#/components/parameters/workspace\"}");
    if (method->writes)
        append(json, ",{\"$ref\":\"#/components/parameters/client\"},{\"$ref\":\"#/components/parameters/seq\"}");
    append(json, "],\"requestBody\":{\"content\":{\"application/json\":{\"schema\":");
    write_params(method, json);
    append(json, "}}},\"responses\":{\"200\":{\"$ref\":\"#/components/responses/result\"},"
                 "\"default\":{\"$ref\":\"#/components/responses/error\"}}}}");
}

static const char components[] =
    "\"components\":{"
    "\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
    "\"parameters\":{"
    "\"workspace\":{\"name\":\"workspace\",\"in\":\"query\",\"schema\":{\"type\":\"string\",\"minLength\":1,"
    "\"maxLength\":64},"
    "\"description\":\"Whose data; the token's own, or `default`, if absent\"},"
    "\"client\":{\"name\":\"client\",\"in\":\"query\",\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}"
    ","
    "\"description\":\"Who numbers its writes, so that one is done once however often it is sent\"},"
    "\"seq\":{\"name\":\"seq\",\"in\":\"query\",\"schema\":{\"type\":\"integer\",\"minimum\":1},"
    "\"description\":\"The client's number of this write\"}},"
    "\"schemas\":{"
    "\"expression\":{\"description\":\"An expression as text, or as the same tree in arrays\","
    "\"oneOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{}}]},"
    "\"time\":{\"description\":\"Milliseconds since 1970 UTC, or ISO 8601\","
    "\"oneOf\":[{\"type\":\"integer\",\"format\":\"int64\"},{\"type\":\"string\"}]},"
    "\"error\":{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"object\","
    "\"required\":[\"code\",\"status\",\"message\"],\"properties\":{\"code\":{\"type\":\"integer\"},"
    "\"status\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"},\"hint\":{\"type\":\"string\"},"
    "\"position\":{\"type\":\"integer\",\"description\":\"Byte offset in the expression, or in the body if that is no "
    "JSON\"}}}}}},"
    "\"responses\":{"
    "\"result\":{\"description\":\"The result\",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\","
    "\"required\":[\"took_us\"],\"properties\":{\"took_us\":{\"type\":\"integer\"}}}}}},"
    "\"error\":{\"description\":\"Why not\",\"content\":{\"application/json\":{\"schema\":"
    "{\"$ref\":\"#/components/schemas/error\"}}}}}}";

void sh_openapi_write(struct sh_buffer *json) {
    append(
        json,
        "{\"openapi\":\"3.0.3\",\"info\":{\"title\":\"Shoal\",\"version\":\"" SHOAL_VERSION
        "\",\"description\":\"Audiences, feeds and membership from memory. PROTOCOL.md says what each param and each "
        "result means; integers beyond 2^53 - 1 are strings of digits in answers.\"},"
        "\"security\":[{},{\"token\":[]}],\"paths\":{");
    bool is_first = true;
    for (uint32_t number = 0; number < sh_method_count(); number++) {
        const struct sh_method *method = sh_method_at(number);
        if (method->internal) continue;
        write_method(method, is_first, json);
        is_first = false;
    }
    append(json, "},");
    append(json, components);
    append(json, "}\n");
}
