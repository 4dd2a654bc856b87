/* guess.c -- `shoal schema guess FILE`: proposes a mapping from the first records of a file.
 *
 * Each column is tried as every type; the narrowest type that all sampled values fit wins:
 *   bool < int < decimal < date < time < tags (values cut by | or ; that repeat) < string
 * The kind of rows is told by names: a time and somebody's id make events, a price or a title make items. It is a
 * proposal: the comments say what was seen, so that a person can correct it.
 */
#include <ctype.h>
#include <libgen.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "calendar.h"
#include "command.h"
#include "decimal.h"
#include "hash.h"
#include "memory.h"
#include "record.h"

enum { SAMPLE_RECORD_COUNT = 20000, DISTINCT_COUNT_MAX = 4096 };

struct column_facts {
    struct sh_text name;
    uint64_t present, bools, integers, decimals, dates, times, epochs, pipes, semicolons;
    uint32_t digits_max; /* after the point */
    uint64_t distinct[DISTINCT_COUNT_MAX];
    uint32_t distinct_count;
    bool all_distinct;
    char sample[48];
};

static bool is_bool(struct sh_text text) {
    static const char *const words[] = {"true", "false", "yes", "no", "是", "否"};
    for (uint32_t i = 0; i < 6; i++)
        if (sh_text_equal_keyword(text, words[i])) return true;
    return false;
}

static void note_distinct(struct column_facts *facts, struct sh_text text) {
    const uint64_t hash = sh_hash_text(text) | 1;
    for (uint32_t i = 0; i < facts->distinct_count; i++) {
        if (facts->distinct[i] != hash) continue;
        facts->all_distinct = false;
        return;
    }
    if (facts->distinct_count < DISTINCT_COUNT_MAX) facts->distinct[facts->distinct_count++] = hash;
}

static void note(struct column_facts *facts, struct sh_text text, const struct sh_zone *utc) {
    int64_t units;
    struct sh_date date;
    if (facts->present++ == 0) (void)snprintf(facts->sample, sizeof facts->sample, "%.*s", SH_TEXT_ARGS(text));
    note_distinct(facts, text);
    facts->bools += is_bool(text);
    const char *point = memchr(text.bytes, '.', text.count);
    const uint32_t digits = point == NULL ? 0 : text.count - (uint32_t)(point - text.bytes) - 1;
    if (digits <= SH_DECIMAL_SCALE_MAX && sh_decimal_parse(text, digits, &units, NULL) == SH_OK) {
        if (digits > facts->digits_max) facts->digits_max = digits;
        facts->decimals++;
        /* A leading zero means a code ("007", a phone number), not a number. */
        const bool is_code = text.count > 1 && text.bytes[0] == '0';
        if (digits == 0 && !is_code) facts->integers++;
        if (is_code && point == NULL) facts->decimals--;
        if (digits == 0 && text.count == 13) facts->epochs++;
    }
    facts->dates += sh_date_parse(text, &date, NULL) == SH_OK;
    facts->times += sh_instant_parse(text, utc, &units, NULL) == SH_OK;
    facts->pipes += memchr(text.bytes, '|', text.count) != NULL;
    facts->semicolons += memchr(text.bytes, ';', text.count) != NULL;
}

static bool name_has(struct sh_text name, const char *const *words, size_t word_count) {
    char lower[SH_ERROR_HINT_BYTES_MAX];
    if (name.count >= sizeof lower) return false;
    for (uint32_t i = 0; i < name.count; i++)
        lower[i] = (char)tolower((unsigned char)name.bytes[i]);
    lower[name.count] = '\0';
    for (size_t i = 0; i < word_count; i++)
        if (strstr(lower, words[i]) != NULL) return true;
    return false;
}
#define NAME_HAS(name, ...)                                                                                            \
    name_has((name), (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static bool is_time(const struct column_facts *facts) {
    return facts->present > 0 && (facts->times == facts->present || facts->epochs == facts->present) &&
           facts->dates < facts->present;
}

static const char *type_of(const struct column_facts *facts, char room[32]) {
    if (facts->present == 0) return "string";
    if (facts->bools == facts->present) return "bool";
    if (facts->epochs == facts->present && NAME_HAS(facts->name, "time", "at", "date", "ts")) return "time";
    if (facts->integers == facts->present) return "int";
    if (facts->decimals == facts->present && facts->digits_max > 0) {
        (void)snprintf(room, 32, "decimal(%u)", facts->digits_max);
        return room;
    }
    if (facts->dates == facts->present) return "date";
    if (facts->times == facts->present) return "time";
    if (facts->pipes * 10 > facts->present) return "tags('|')";
    if (facts->semicolons * 10 > facts->present) return "tags(';')";
    return "string";
}

static void print_name(struct sh_text name, bool quoted) {
    bool plain = name.count > 0;
    for (uint32_t i = 0; i < name.count; i++)
        plain = plain && strchr("'\":*#= ", name.bytes[i]) == NULL;
    if (plain && !quoted) {
        (void)printf("%.*s", SH_TEXT_ARGS(name));
        return;
    }
    (void)putchar('"');
    for (uint32_t i = 0; i < name.count; i++) {
        if (name.bytes[i] == '"') (void)putchar('"');
        (void)putchar(name.bytes[i]);
    }
    (void)putchar('"');
}

static void print_key(const char *key, const struct column_facts *facts, const char *behind) {
    (void)printf("%s = ", key);
    print_name(facts->name, false);
    (void)printf("%s\n", behind);
}

static void print_field(const struct column_facts *facts) {
    char room[32];
    print_name(facts->name, false);
    (void)printf(" : %s = ", type_of(facts, room));
    print_name(facts->name, false);
    const bool is_epoch = facts->epochs == facts->present && strcmp(type_of(facts, room), "time") == 0;
    (void)printf("%s\n", is_epoch ? " ms" : "");
    if (facts->present > 0)
        (void)printf("#   for example %s; %u%s different values seen\n", facts->sample, facts->distinct_count,
                     facts->distinct_count == DISTINCT_COUNT_MAX ? " or more" : "");
}

/* The first column that says it is what is wanted, by its name; NULL if there is none. */
static struct column_facts *find_named(struct column_facts *columns, uint32_t count, const char *const *words,
                                       size_t word_count) {
    for (uint32_t i = 0; i < count; i++)
        if (name_has(columns[i].name, words, word_count)) return &columns[i];
    return NULL;
}
#define FIND_NAMED(columns, count, ...)                                                                                \
    find_named((columns), (count), (const char *const[]){__VA_ARGS__},                                                 \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void print_events(struct column_facts *columns, uint32_t count, struct column_facts *time,
                         struct column_facts *user) {
    struct column_facts *type =
        FIND_NAMED(columns, count, "event_type", "type", "action", "behavior", "behaviour", "行为");
    struct column_facts *item = FIND_NAMED(columns, count, "item", "product", "sku", "stockcode", "商品", "goods");
    struct column_facts *amount = FIND_NAMED(columns, count, "amount", "total", "revenue", "金额");
    struct column_facts *id = FIND_NAMED(columns, count, "event_id", "eventid");
    print_key("user", user, "");
    print_key("time", time, time->epochs == time->present ? " ms" : "");
    if (type != NULL && type != item && type != id)
        print_key("type", type, "");
    else
        (void)puts("type = 'purchase'   # every row is one of these");
    if (item != NULL) print_key("item", item, "");
    if (amount != NULL && amount->decimals == amount->present) {
        (void)printf("amount : decimal(%u) = ", amount->digits_max);
        print_name(amount->name, false);
        (void)putchar('\n');
    }
    if (id != NULL) print_key("id", id, "");
    for (uint32_t i = 0; i < count; i++) {
        struct column_facts *column = &columns[i];
        if (column == time || column == user || column == type || column == item || column == id ||
            (column == amount && amount->decimals == amount->present))
            continue;
        print_field(column);
    }
}

static void print_mapping(const char *path, struct column_facts *columns, uint32_t count, uint64_t records) {
    struct column_facts *time = NULL;
    for (uint32_t i = 0; i < count && time == NULL; i++)
        if (is_time(&columns[i])) time = &columns[i];
    struct column_facts *user =
        FIND_NAMED(columns, count, "user", "customer", "member", "buyer", "用户", "会员", "客户");
    struct column_facts *id = NULL;
    for (uint32_t i = 0; i < count && id == NULL; i++)
        if (columns[i].present == records && columns[i].all_distinct) id = &columns[i];
    char *copy = strdup(path);
    (void)printf("# Proposed from the first %llu records; correct what is wrong, then: shoal load --map THIS\n"
                 "zone = Asia/Shanghai   # of times that name none\n\n",
                 (unsigned long long)records);
    const bool is_event = time != NULL && user != NULL && (user != id || count > 3) && !user->all_distinct;
    const bool is_item =
        !is_event && FIND_NAMED(columns, count, "price", "title", "sku", "stock", "商品", "价格") != NULL;
    (void)printf("[%s]\nfile = %s\n",
                 is_event  ? "events"
                 : is_item ? "items"
                           : "users",
                 copy == NULL ? path : basename(copy));
    free(copy);
    if (is_event) {
        print_events(columns, count, time, user);
        return;
    }
    if (id == NULL) {
        (void)puts("# No column has a different value in every record; name the one that identifies a row.");
        id = &columns[0];
    }
    print_key("id", id, "");
    for (uint32_t i = 0; i < count; i++)
        if (&columns[i] != id) print_field(&columns[i]);
}

/* JSON Lines have no header: the keys of the first object, in their order. */
static enum sh_status first_keys(const char *path, struct sh_arena *arena, struct sh_text **names, uint32_t *count,
                                 struct sh_error *err) {
    struct record_reader reader;
    const struct record_options options = {.has_header = true};
    enum sh_status status = record_open(&reader, path, NULL, &options, NULL, 0, 0, err);
    if (status != SH_OK) return status;
    bool at_end = false;
    status = record_next(&reader, &at_end, err);
    *names = sh_arena_alloc(arena, CSV_FIELD_COUNT_MAX * sizeof **names);
    *count = 0;
    const char *key;
    json_t *value;
    if (status == SH_OK && !at_end && *names != NULL) {
        json_object_foreach(reader.json, key, value) {
            if (*count == CSV_FIELD_COUNT_MAX) break;
            const char *name = sh_arena_copy(arena, key, strlen(key));
            if (name != NULL) (*names)[(*count)++] = (struct sh_text){name, (uint32_t)strlen(key)};
        }
    }
    record_close(&reader);
    if (status == SH_OK && *count == 0) return sh_fail(err, SH_ERR_SYNTAX, -1, "%s has no records", path);
    return status;
}

static enum sh_status sample_file(const char *path, const struct sh_zone *utc, struct sh_arena *arena,
                                  struct sh_error *err) {
    enum mapping_format format = MAPPING_BY_NAME;
    char delimiter = 0;
    record_format_of(path, &format, &delimiter);
    struct sh_text *names = NULL;
    uint32_t count = 0;
    enum sh_status status = SH_OK;
    if (format == MAPPING_JSONL && (status = first_keys(path, arena, &names, &count, err)) != SH_OK) return status;
    struct record_reader reader;
    const struct record_options options = {.has_header = true};
    status = record_open(&reader, path, NULL, &options, names, count, 0, err);
    if (status != SH_OK) return status;
    count = reader.wanted_count;
    struct column_facts *columns = sh_alloc_zero((count + 1) * sizeof *columns);
    if (columns == NULL) status = sh_fail(err, SH_ERR_MEMORY, -1, "no memory for %u columns", count);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        columns[i].name = reader.wanted[i];
        columns[i].all_distinct = true;
    }
    uint64_t records = 0;
    while (status == SH_OK && records < SAMPLE_RECORD_COUNT) {
        bool at_end;
        status = record_next(&reader, &at_end, err);
        if (status == SH_ERR_SYNTAX) { /* a bad record is the load's affair */
            status = SH_OK;
            continue;
        }
        if (status != SH_OK || at_end) break;
        records++;
        for (uint32_t i = 0; i < count; i++) {
            const struct record_value *value = &reader.values[i];
            if (!value->present) continue;
            if (value->array == NULL) {
                note(&columns[i], value->text, utc);
                continue;
            }
            columns[i].present++;
            columns[i].pipes++;
            (void)snprintf(columns[i].sample, sizeof columns[i].sample, "a list");
        }
    }
    if (status == SH_OK && records == 0) status = sh_fail(err, SH_ERR_SYNTAX, -1, "%s has no records", path);
    if (status == SH_OK) print_mapping(path, columns, count, records);
    sh_free(columns);
    record_close(&reader);
    return status;
}

int guess_run(struct session *session, const char *path, const struct command_options *options) {
    (void)session;
    (void)options;
    struct sh_arena arena;
    struct sh_error err = {0};
    sh_arena_init(&arena, 16 << 20);
    struct sh_zone *utc = NULL;
    enum sh_status status = sh_zone_open(SH_TEXT_LITERAL("UTC"), &utc, &err);
    if (status == SH_OK) status = sample_file(path, utc, &arena, &err);
    sh_zone_close(utc);
    sh_arena_deinit(&arena);
    if (status == SH_OK) return 0;
    (void)fprintf(stderr, "shoal schema guess: %s\n", err.message);
    return 1;
}
