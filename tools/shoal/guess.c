#include "guess.h"

#include <ctype.h>
#include <stdlib.h>

#include "calendar.h"
#include "decimal.h"
#include "hash.h"
#include "memory.h"
#include "record.h"

enum { SAMPLE_RECORD_COUNT = 20000, DISTINCT_COUNT_MAX = 4096 };

/* What was seen in a column. Counts are of values, unless they say otherwise. */
struct column_facts {
    struct sh_text name;
    uint64_t present, bools, integers, decimals, dates, times, epochs_ms, epochs_s, pipes, semicolons;
    uint32_t digits_max; /* after the point */
    uint64_t distinct[DISTINCT_COUNT_MAX];
    uint32_t distinct_count;
    bool all_distinct;
    char sample[48];
};

struct guess {
    FILE *out;
    struct sh_zone *utc;
    struct column_facts *columns;
    uint32_t count;
    uint64_t records;
    char delimiter; /* 0: what the file's name says is right */
};

/* --- facts --- */

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

/* For a comment: one line of UTF-8, cut at a character's start. */
static void copy_sample(char *sample, size_t sample_bytes, struct sh_text text) {
    uint32_t count = text.count < sample_bytes ? text.count : (uint32_t)sample_bytes - 1;
    while (count < text.count && count > 0 && ((uint8_t)text.bytes[count] & 0xC0) == 0x80)
        count--;
    if (!sh_text_is_utf8((struct sh_text){text.bytes, count})) count = 0;
    for (uint32_t i = 0; i < count; i++)
        sample[i] = (char)((uint8_t)text.bytes[i] < 0x20 ? ' ' : text.bytes[i]);
    sample[count] = '\0';
}

static void note_number(struct column_facts *facts, struct sh_text text) {
    int64_t units;
    const char *point = memchr(text.bytes, '.', text.count);
    const uint32_t digits = point == NULL ? 0 : text.count - (uint32_t)(point - text.bytes) - 1;
    if (digits > SH_DECIMAL_SCALE_MAX || sh_decimal_parse(text, digits, &units, NULL) != SH_OK) return;
    /* A leading zero means a code ("007", a phone number), not a number. */
    const bool is_code = text.count > 1 && text.bytes[0] == '0' && point == NULL;
    if (is_code) return;
    if (digits > facts->digits_max) facts->digits_max = digits;
    facts->decimals++;
    facts->integers += point == NULL;
    facts->epochs_ms += point == NULL && text.count == 13;
    facts->epochs_s += point == NULL && text.count == 10;
}

static void note(struct guess *guess, struct column_facts *facts, struct sh_text text) {
    struct sh_date date;
    int64_t instant_ms;
    if (facts->present++ == 0) copy_sample(facts->sample, sizeof facts->sample, text);
    note_distinct(facts, text);
    facts->bools += is_bool(text);
    note_number(facts, text);
    facts->dates += sh_date_parse(text, &date, NULL) == SH_OK;
    facts->times += sh_instant_parse(text, guess->utc, &instant_ms, NULL) == SH_OK;
    facts->pipes += memchr(text.bytes, '|', text.count) != NULL;
    facts->semicolons += memchr(text.bytes, ';', text.count) != NULL;
}

static bool name_has(struct sh_text name, const char *const *words) {
    char lower[256];
    if (name.count >= sizeof lower) return false;
    for (uint32_t i = 0; i < name.count; i++)
        lower[i] = (char)tolower((unsigned char)name.bytes[i]);
    lower[name.count] = '\0';
    for (; *words != NULL; words++)
        if (strstr(lower, *words) != NULL) return true;
    return false;
}
#define NAME_HAS(name, ...) name_has((name), (const char *const[]){__VA_ARGS__, NULL})

static bool is_epoch(const struct column_facts *facts) {
    return facts->present > 0 && (facts->epochs_ms == facts->present || facts->epochs_s == facts->present) &&
           NAME_HAS(facts->name, "time", "date", "stamp", "_at", "ts", "时间", "日期");
}

static const char *clock_of(const struct column_facts *facts) {
    if (!is_epoch(facts)) return "";
    return facts->epochs_ms == facts->present ? " ms" : " s";
}

static const char *type_of(const struct column_facts *facts, char room[32]) {
    if (facts->present == 0) return "string";
    if (facts->bools == facts->present) return "bool";
    if (is_epoch(facts)) return "time";
    if (facts->integers == facts->present) return "int";
    if (facts->decimals == facts->present) {
        (void)snprintf(room, 32, "decimal(%u)", facts->digits_max);
        return room;
    }
    if (facts->dates == facts->present) return "date";
    if (facts->times == facts->present) return "time";
    if (facts->pipes * 10 > facts->present) return "tags('|')";
    if (facts->semicolons * 10 > facts->present) return "tags(';')";
    return "string";
}

/* --- the proposal --- */

static void print_quoted(FILE *out, struct sh_text text, char quote) {
    (void)fputc(quote, out);
    for (uint32_t i = 0; i < text.count; i++) {
        if (text.bytes[i] == quote) (void)fputc(quote, out);
        (void)fputc(text.bytes[i], out);
    }
    (void)fputc(quote, out);
}

/* A column's name, in quotes where the mapping would read something else. */
static void print_name(FILE *out, struct sh_text name) {
    bool plain = name.count > 0;
    for (uint32_t i = 0; i < name.count; i++) {
        const unsigned char byte = (unsigned char)name.bytes[i];
        plain = plain && (isalnum(byte) || byte == '_' || byte >= 0x80);
    }
    if (plain)
        (void)fprintf(out, "%.*s", SH_TEXT_ARGS(name));
    else
        print_quoted(out, name, '"');
}

static void print_key(FILE *out, const char *key, const struct column_facts *facts, const char *behind) {
    (void)fprintf(out, "%s = ", key);
    print_name(out, facts->name);
    (void)fprintf(out, "%s\n", behind);
}

/* Can this column be mapped at all? A line feed in a name has no place in a mapping's line. */
static bool is_usable(const struct column_facts *facts) {
    return facts->name.count > 0 && memchr(facts->name.bytes, '\n', facts->name.count) == NULL &&
           memchr(facts->name.bytes, '\r', facts->name.count) == NULL;
}

static void print_field(const struct guess *guess, const struct column_facts *facts) {
    char room[32];
    FILE *out = guess->out;
    if (!is_usable(facts)) {
        (void)fputs("# a column has no name, or one of several lines: rename it with columns = a, b, c\n", out);
        return;
    }
    for (const struct column_facts *before = guess->columns; before < facts; before++)
        if (sh_text_equal(before->name, facts->name)) {
            (void)fputs("# a name stands twice in the header: rename it with columns = a, b, c\n", out);
            return;
        }
    const char *type = type_of(facts, room);
    /* Names that every row has are keys of the mapping, so an attribute needs another. */
    static const char *const taken[] = {"id", "type", "user", "item", "time", "amount"};
    bool is_taken = false;
    for (uint32_t i = 0; i < 6; i++)
        is_taken = is_taken || sh_text_equal(facts->name, sh_text_of(taken[i]));
    if (is_taken)
        (void)fprintf(out, "the_%.*s", SH_TEXT_ARGS(facts->name));
    else
        print_name(out, facts->name);
    (void)fprintf(out, " : %s = ", type);
    print_name(out, facts->name);
    (void)fprintf(out, "%s\n", strcmp(type, "time") == 0 ? clock_of(facts) : "");
    if (facts->present > 0)
        (void)fprintf(out, "#   for example %s; %u%s different values seen\n", facts->sample, facts->distinct_count,
                      facts->distinct_count == DISTINCT_COUNT_MAX ? " or more" : "");
}

/* The first usable column whose name has one of the words; NULL if there is none. */
static struct column_facts *find_named(const struct guess *guess, const char *const *words) {
    for (uint32_t i = 0; i < guess->count; i++)
        if (is_usable(&guess->columns[i]) && name_has(guess->columns[i].name, words)) return &guess->columns[i];
    return NULL;
}
#define FIND_NAMED(guess, ...) find_named((guess), (const char *const[]){__VA_ARGS__, NULL})

/* When it happened: a full time before a mere date. */
static struct column_facts *find_time(const struct guess *guess) {
    struct column_facts *date = NULL;
    for (uint32_t i = 0; i < guess->count; i++) {
        struct column_facts *facts = &guess->columns[i];
        if (facts->present == 0 || !is_usable(facts)) continue;
        if (is_epoch(facts) || (facts->times == facts->present && facts->dates < facts->present)) return facts;
        if (date == NULL && facts->dates == facts->present) date = facts;
    }
    return date;
}

static void print_events(const struct guess *guess, const struct column_facts *time, const struct column_facts *user) {
    const struct column_facts *type =
        FIND_NAMED(guess, "event_type", "type", "action", "behavior", "behaviour", "行为", "类型");
    const struct column_facts *item = FIND_NAMED(guess, "item", "product", "sku", "stockcode", "商品", "goods");
    const struct column_facts *amount = FIND_NAMED(guess, "amount", "total", "revenue", "金额");
    const struct column_facts *id = FIND_NAMED(guess, "event_id", "eventid");
    if (item == user || item == time) item = NULL;
    if (type == user || type == time || type == item || type == id || (type != NULL && type->distinct_count > 256))
        type = NULL;
    if (amount != NULL && amount->decimals < amount->present) amount = NULL;
    if (id == user || (id != NULL && !id->all_distinct)) id = NULL;
    print_key(guess->out, "user", user, "");
    print_key(guess->out, "time", time, clock_of(time));
    if (type != NULL)
        print_key(guess->out, "type", type, "");
    else
        (void)fputs("type = 'purchase'   # every row is one of these\n", guess->out);
    if (item != NULL) print_key(guess->out, "item", item, "");
    if (amount != NULL) {
        (void)fprintf(guess->out, "amount : decimal(%u) = ", amount->digits_max);
        print_name(guess->out, amount->name);
        (void)fputc('\n', guess->out);
    }
    if (id != NULL) print_key(guess->out, "id", id, "");
    for (uint32_t i = 0; i < guess->count; i++) {
        const struct column_facts *facts = &guess->columns[i];
        if (facts != time && facts != user && facts != type && facts != item && facts != id && facts != amount)
            print_field(guess, facts);
    }
}

static void print_people_or_goods(const struct guess *guess) {
    struct column_facts *id = NULL;
    for (uint32_t i = 0; i < guess->count && id == NULL; i++)
        if (is_usable(&guess->columns[i]) && guess->columns[i].present == guess->records &&
            guess->columns[i].all_distinct)
            id = &guess->columns[i];
    if (id == NULL) {
        (void)fputs("# No column has a different value in every record; name the one that identifies a row.\n",
                    guess->out);
        for (uint32_t i = 0; i < guess->count && id == NULL; i++)
            if (is_usable(&guess->columns[i])) id = &guess->columns[i];
    }
    if (id == NULL) return;
    print_key(guess->out, "id", id, "");
    for (uint32_t i = 0; i < guess->count; i++)
        if (&guess->columns[i] != id) print_field(guess, &guess->columns[i]);
}

static void print_mapping(const struct guess *guess, const char *path) {
    const struct column_facts *time = find_time(guess);
    const struct column_facts *user = FIND_NAMED(guess, "user", "customer", "member", "buyer", "用户", "会员", "客户");
    const bool is_event = time != NULL && user != NULL && user != time && !user->all_distinct;
    const bool is_item =
        !is_event && FIND_NAMED(guess, "price", "title", "sku", "stock", "商品", "价格", "库存") != NULL;
    const char *slash = strrchr(path, '/');
    FILE *out = guess->out;
    (void)fprintf(out,
                  "# Proposed from the first %llu records; correct what is wrong, then: shoal load --map THIS\n"
                  "zone = Asia/Shanghai   # of times that name none\n\n[%s]\nfile = ",
                  (unsigned long long)guess->records,
                  is_event  ? "events"
                  : is_item ? "items"
                            : "users");
    print_quoted(out, sh_text_of(slash == NULL ? path : slash + 1), '"');
    (void)fputc('\n', out);
    if (guess->delimiter == '\t')
        (void)fputs("delimiter = tab\n", out);
    else if (guess->delimiter != 0)
        (void)fprintf(out, "delimiter = '%c'\n", guess->delimiter);
    if (is_event)
        print_events(guess, time, user);
    else
        print_people_or_goods(guess);
}

/* --- reading --- */

/* The delimiter that the first line has most of, outside quotes; 0 if it is the one that the name says. */
static enum sh_status find_delimiter(const char *path, char by_name, char *delimiter, struct sh_error *err) {
    static const char candidates[] = {',', ';', '\t', '|'};
    uint32_t counts[4] = {0};
    struct input *input;
    size_t byte_count;
    *delimiter = 0;
    enum sh_status status = input_open(path, &input, err);
    if (status != SH_OK) return status;
    bool at_end;
    status = input_more(input, &at_end, err);
    const char *at = input_at(input, &byte_count);
    bool quoted = false;
    for (size_t i = 0; i < byte_count && (quoted || at[i] != '\n'); i++) {
        quoted ^= at[i] == '"';
        for (uint32_t c = 0; c < 4 && !quoted; c++)
            counts[c] += at[i] == candidates[c];
    }
    uint32_t best = 0;
    for (uint32_t c = 0; c < 4; c++)
        if (counts[c] > counts[best] || (counts[c] == counts[best] && candidates[c] == by_name)) best = c;
    if (counts[best] > 0 && candidates[best] != by_name) *delimiter = candidates[best];
    input_close(input);
    return status;
}

/* JSON Lines have no header: the keys of the first object, in their order. */
static enum sh_status first_keys(const char *path, struct sh_arena *arena, struct sh_text **names, uint32_t *count,
                                 struct sh_error *err) {
    struct record_reader reader;
    const struct record_options options = {.has_header = true};
    *count = 0;
    *names = sh_arena_alloc(arena, CSV_FIELD_COUNT_MAX * sizeof **names);
    if (*names == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the names of columns");
    enum sh_status status = record_open(&reader, path, NULL, &options, NULL, 0, 0, err);
    if (status != SH_OK) return status;
    bool at_end = false;
    status = record_next(&reader, &at_end, err);
    const char *key;
    json_t *value;
    if (status == SH_OK && !at_end) {
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

static void note_record(struct guess *guess, const struct record_reader *reader) {
    guess->records++;
    for (uint32_t i = 0; i < guess->count; i++) {
        const struct record_value *value = &reader->values[i];
        struct column_facts *facts = &guess->columns[i];
        if (!value->present) continue;
        if (value->array == NULL && value->text.count > 0) note(guess, facts, value->text);
        if (value->array == NULL) continue;
        facts->present++;
        facts->pipes++;
        facts->all_distinct = false;
        copy_sample(facts->sample, sizeof facts->sample, SH_TEXT_LITERAL("a list"));
    }
}

static enum sh_status read_sample(struct guess *guess, struct record_reader *reader, const char *path,
                                  struct sh_error *err) {
    guess->count = reader->wanted_count;
    guess->columns = sh_alloc_zero((guess->count + 1) * sizeof *guess->columns);
    if (guess->columns == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for %u columns", guess->count);
    for (uint32_t i = 0; i < guess->count; i++) {
        guess->columns[i].name = reader->wanted[i];
        guess->columns[i].all_distinct = true;
    }
    while (guess->records < SAMPLE_RECORD_COUNT) {
        bool at_end;
        const enum sh_status status = record_next(reader, &at_end, err);
        if (status == SH_ERR_SYNTAX) continue; /* a bad record is the load's affair */
        if (status != SH_OK) return status;
        if (at_end) break;
        note_record(guess, reader);
    }
    if (guess->records == 0) return sh_fail(err, SH_ERR_SYNTAX, -1, "%s has no records", path);
    return SH_OK;
}

static enum sh_status guess_file(struct guess *guess, const char *path, struct sh_arena *arena, struct sh_error *err) {
    struct record_options options = {.has_header = true};
    struct sh_text *names = NULL;
    uint32_t count = 0;
    char by_name = 0;
    record_format_of(path, &options.format, &by_name);
    enum sh_status status = options.format == MAPPING_JSONL ? first_keys(path, arena, &names, &count, err)
                                                            : find_delimiter(path, by_name, &guess->delimiter, err);
    if (status != SH_OK) return status;
    options.delimiter = guess->delimiter;
    struct record_reader reader;
    if ((status = record_open(&reader, path, NULL, &options, names, count, 0, err)) != SH_OK) return status;
    status = read_sample(guess, &reader, path, err);
    if (status == SH_OK) print_mapping(guess, path);
    sh_free(guess->columns);
    record_close(&reader);
    return status;
}

enum sh_status guess_mapping(const char *path, FILE *out, struct sh_error *err) {
    if (strcmp(path, "-") == 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a file is needed: standard input can only be read once");
    struct guess guess = {.out = out};
    struct sh_arena arena;
    sh_arena_init(&arena, 16 << 20);
    enum sh_status status = sh_zone_open(SH_TEXT_LITERAL("UTC"), &guess.utc, err);
    if (status == SH_OK) status = guess_file(&guess, path, &arena, err);
    sh_zone_close(guess.utc);
    sh_arena_deinit(&arena);
    return status;
}
