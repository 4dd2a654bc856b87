#include "load_summary.h"

#include <inttypes.h>

#include "decimal.h"
#include "hash.h"
#include "memory.h"

enum { TOTAL_SCALE = 18 };

struct load_distinct {
    uint64_t *hashes; /* 0: free */
    uint64_t capacity;
    uint64_t count;
};

static bool distinct_grow(struct load_distinct *set) {
    const uint64_t capacity = set->capacity == 0 ? 1024 : set->capacity * 2;
    uint64_t *hashes = sh_alloc_zero(capacity * sizeof *hashes);
    if (hashes == NULL) return false;
    for (uint64_t i = 0; i < set->capacity; i++) {
        if (set->hashes[i] == 0) continue;
        uint64_t at = set->hashes[i] & (capacity - 1);
        while (hashes[at] != 0)
            at = (at + 1) & (capacity - 1);
        hashes[at] = set->hashes[i];
    }
    sh_free(set->hashes);
    set->hashes = hashes;
    set->capacity = capacity;
    return true;
}

static bool distinct_add(struct load_distinct *set, uint64_t hash) {
    if (hash == 0) hash = 1;
    if (set->count * 4 >= set->capacity * 3 && !distinct_grow(set)) return false;
    uint64_t at = hash & (set->capacity - 1);
    while (set->hashes[at] != 0 && set->hashes[at] != hash)
        at = (at + 1) & (set->capacity - 1);
    if (set->hashes[at] == hash) return true;
    set->hashes[at] = hash;
    set->count++;
    return true;
}

void load_count_reason(struct load_counts *counts, struct sh_text words) {
    const char *quote = memchr(words.bytes, '\'', words.count);
    uint32_t length = quote == NULL ? words.count : (uint32_t)(quote - words.bytes);
    if (length >= LOAD_REASON_BYTES_MAX) length = LOAD_REASON_BYTES_MAX - 1;
    while (length > 0 && (words.bytes[length - 1] == ' ' || words.bytes[length - 1] == ':'))
        length--;
    while (length < words.count && length > 0 && ((uint8_t)words.bytes[length] & 0xC0) == 0x80)
        length--; /* cut at a character's start */
    for (uint32_t i = 0; i < counts->reason_count; i++) {
        struct load_reason *reason = &counts->reasons[i];
        const bool same = strlen(reason->words) == length && memcmp(reason->words, words.bytes, length) == 0;
        const bool last = i == LOAD_REASON_COUNT_MAX - 1; /* collects whatever else there is */
        if (!same && !last) continue;
        reason->count++;
        return;
    }
    struct load_reason *reason = &counts->reasons[counts->reason_count++];
    if (counts->reason_count == LOAD_REASON_COUNT_MAX) {
        (void)snprintf(reason->words, sizeof reason->words, "other reasons");
    } else {
        memcpy(reason->words, words.bytes, length);
        reason->words[length] = '\0';
    }
    reason->count = 1;
}

static void add_total(struct load_total *total, const struct record_reader *record) {
    static const struct mapping_section no_section = {0};
    bool present;
    __int128 units;
    uint32_t scale;
    if (row_number(&total->source, &no_section, record, &present, &units, &scale, NULL) != SH_OK) {
        total->unreadable_count++;
        return;
    }
    if (!present) return;
    for (; scale < TOTAL_SCALE; scale++)
        units *= 10;
    total->sum += units;
}

void load_add_totals(struct load_counts *counts, const struct record_reader *record) {
    for (uint32_t i = 0; i < counts->total_count; i++) {
        struct load_total *total = &counts->totals[i];
        total->lines++;
        if (total->source.column == UINT32_MAX || !record_has(record, total->source.column)) continue;
        if (total->summary.kind == MAPPING_SUM) {
            add_total(total, record);
            continue;
        }
        const struct record_value *value = &record->values[total->source.column];
        if (!value->present || value->array != NULL) continue;
        if (total->distinct == NULL) total->distinct = sh_alloc_zero(sizeof *total->distinct);
        if (total->distinct == NULL || !distinct_add(total->distinct, sh_hash_text(value->text)))
            total->unreadable_count++;
    }
}

void load_counts_deinit(struct load_counts *counts) {
    for (uint32_t i = 0; i < counts->total_count; i++) {
        if (counts->totals[i].distinct == NULL) continue;
        sh_free(counts->totals[i].distinct->hashes);
        sh_free(counts->totals[i].distinct);
    }
    counts->total_count = 0;
}

/* "1,234,567" */
static const char *grouped(uint64_t number, char room[32]) {
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *out = room;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return room;
}

/* The sum with as many digits after the point as it needs. */
static void print_sum(const struct load_total *total, bool with_groups, FILE *out) {
    __int128 units = total->sum;
    uint32_t scale = TOTAL_SCALE;
    for (; scale > 0 && units % 10 == 0; scale--)
        units /= 10;
    uint8_t room[80];
    struct sh_buffer digits = {.bytes = room, .capacity = sizeof room, .limit = sizeof room};
    sh_decimal_print(&digits, units, scale);
    uint32_t whole = 0;
    while (whole < digits.count && room[whole] != '.')
        whole++;
    for (uint32_t i = 0; i < digits.count; i++) {
        if (with_groups && i > 0 && i < whole && (whole - i) % 3 == 0 && room[i - 1] != '-') (void)fputc(',', out);
        (void)fputc(room[i], out);
    }
}

static const char *const kind_names[] = {"users", "items", "events"};

void load_print_summary(const struct load_counts *counts, const char *rejects_path, FILE *out) {
    char a[32], b[32];
    (void)fprintf(out, "%s lines read in %.1f s\n", grouped(counts->lines, a), counts->seconds);
    for (uint32_t kind = 0; kind < 3; kind++) {
        if (counts->read[kind] == 0) continue;
        (void)fprintf(out, "  %-8s %14s rows accepted", kind_names[kind], grouped(counts->accepted[kind], a));
        if (kind != MAPPING_EVENTS)
            (void)fprintf(out, ", %s new", grouped(counts->created[kind], b));
        else if (counts->duplicates > 0)
            (void)fprintf(out, ", %s already there", grouped(counts->duplicates, b));
        (void)fputc('\n', out);
    }
    for (uint32_t i = 0; i < counts->total_count; i++) {
        const struct load_total *total = &counts->totals[i];
        (void)fprintf(out, "  %.*s: ", SH_TEXT_ARGS(total->summary.name));
        if (total->summary.kind == MAPPING_SUM)
            print_sum(total, true, out);
        else
            (void)fputs(grouped(total->distinct == NULL ? 0 : total->distinct->count, a), out);
        if (total->unreadable_count > 0)
            (void)fprintf(out, " (%s rows not readable)", grouped(total->unreadable_count, a));
        (void)fputc('\n', out);
    }
    if (counts->aside + counts->refused > 0) {
        (void)fprintf(out, "  set aside %s, refused %s; each with its line and reason in %s\n",
                      grouped(counts->aside, a), grouped(counts->refused, b), rejects_path);
        for (uint32_t i = 0; i < counts->reason_count; i++)
            (void)fprintf(out, "    %14s  %s\n", grouped(counts->reasons[i].count, a), counts->reasons[i].words);
    }
}

static void print_json_text(FILE *out, struct sh_text text) {
    json_t *json = json_stringn(text.bytes, text.count);
    char *printed = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY);
    (void)fputs(printed == NULL ? "\"\"" : printed, out);
    free(printed);
    json_decref(json);
}

void load_print_summary_json(const struct load_counts *counts, const char *rejects_path, FILE *out) {
    (void)fprintf(out, "{\"lines\": %" PRIu64 ", \"seconds\": %.3f", counts->lines, counts->seconds);
    for (uint32_t kind = 0; kind < 3; kind++) {
        (void)fprintf(out, ", \"%s\": {\"read\": %" PRIu64 ", \"accepted\": %" PRIu64, kind_names[kind],
                      counts->read[kind], counts->accepted[kind]);
        if (kind == MAPPING_EVENTS)
            (void)fprintf(out, ", \"duplicates\": %" PRIu64 "}", counts->duplicates);
        else
            (void)fprintf(out, ", \"created\": %" PRIu64 "}", counts->created[kind]);
    }
    (void)fputs(", \"totals\": {", out);
    for (uint32_t i = 0; i < counts->total_count; i++) {
        const struct load_total *total = &counts->totals[i];
        if (i > 0) (void)fputs(", ", out);
        print_json_text(out, total->summary.name);
        (void)fputs(": ", out);
        if (total->summary.kind == MAPPING_SUM)
            print_sum(total, false, out);
        else
            (void)fprintf(out, "%" PRIu64, total->distinct == NULL ? 0 : total->distinct->count);
    }
    (void)fprintf(out, "}, \"aside\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"reasons\": {", counts->aside,
                  counts->refused);
    for (uint32_t i = 0; i < counts->reason_count; i++) {
        if (i > 0) (void)fputs(", ", out);
        print_json_text(out, sh_text_of(counts->reasons[i].words));
        (void)fprintf(out, ": %" PRIu64, counts->reasons[i].count);
    }
    (void)fputs("}, \"rejects\": ", out);
    if (counts->aside + counts->refused > 0)
        print_json_text(out, sh_text_of(rejects_path));
    else
        (void)fputs("null", out);
    (void)fputs("}\n", out);
}

static void put_quoted(FILE *file, struct sh_text text) {
    (void)fputc('"', file);
    for (uint32_t i = 0; i < text.count; i++) {
        if (text.bytes[i] == '"') (void)fputc('"', file);
        (void)fputc(text.bytes[i], file);
    }
    (void)fputc('"', file);
}

bool load_reject(struct load_rejects *rejects, const char *file, uint64_t line, struct sh_text reason,
                 struct sh_text record) {
    if (rejects->file == NULL) {
        rejects->file = fopen(rejects->path, "wb");
        if (rejects->file == NULL) return false;
        (void)fputs("file,line,reason,record\n", rejects->file);
    }
    rejects->count++;
    put_quoted(rejects->file, sh_text_of(file));
    (void)fprintf(rejects->file, ",%" PRIu64 ",", line);
    put_quoted(rejects->file, reason);
    (void)fputc(',', rejects->file);
    put_quoted(rejects->file, record);
    (void)fputc('\n', rejects->file);
    return !ferror(rejects->file);
}

bool load_rejects_close(struct load_rejects *rejects) {
    if (rejects->file == NULL) return true;
    FILE *file = rejects->file;
    rejects->file = NULL;
    return fclose(file) == 0;
}
