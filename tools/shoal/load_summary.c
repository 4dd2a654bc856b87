#include "load_summary.h"

#include <inttypes.h>

#include "hash.h"
#include "memory.h"
#include "row_cells.h"

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

/* The words without the values that they show. */
static uint32_t reason_bytes(struct sh_text words) {
    const char *quote = memchr(words.bytes, '\'', words.count);
    uint32_t length = quote == NULL ? words.count : (uint32_t)(quote - words.bytes);
    if (length >= LOAD_REASON_BYTES_MAX) {
        length = LOAD_REASON_BYTES_MAX - 1;
        while (length > 0 && ((uint8_t)words.bytes[length] & 0xC0) == 0x80)
            length--; /* cut at a character's start */
    }
    if (quote == NULL) return length;
    while (length > 0 && strchr(" :(", words.bytes[length - 1]) != NULL)
        length--;
    return length;
}

void load_count_reason(struct load_counts *counts, struct sh_text words) {
    const uint32_t length = reason_bytes(words);
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

static void add_total(struct load_total *total, const struct mapping_section *section,
                      const struct record_reader *record) {
    bool present;
    __int128 units, sum;
    uint32_t scale = 0;
    bool fits = row_number(&total->source, section, record, &present, &units, &scale, NULL) == SH_OK;
    if (fits && !present) return;
    for (; fits && scale < TOTAL_SCALE; scale++)
        fits = !__builtin_mul_overflow(units, 10, &units);
    if (fits && !__builtin_add_overflow(total->sum, units, &sum))
        total->sum = sum;
    else
        total->unreadable_count++;
}

static bool add_distinct(struct load_total *total, const struct mapping_section *section,
                         const struct record_reader *record) {
    struct sh_text text;
    if (!row_text(&total->source, section, record, &text) || text.count == 0) return true;
    if (total->distinct == NULL) total->distinct = sh_alloc_zero(sizeof *total->distinct);
    return total->distinct != NULL && distinct_add(total->distinct, sh_hash_text(text));
}

void load_add_totals(struct load_counts *counts, const struct mapping_section *section,
                     const struct record_reader *record) {
    for (uint32_t i = 0; i < counts->total_count; i++) {
        struct load_total *total = &counts->totals[i];
        const struct row_source *source = &total->source;
        total->lines++;
        if (total->summary.kind == MAPPING_LINES) {
            total->seen = true;
            continue;
        }
        if (source->column == UINT32_MAX || !record_has(record, source->column)) continue;
        if (source->factor != UINT32_MAX && !record_has(record, source->factor)) continue;
        total->seen = true;
        if (total->summary.kind == MAPPING_SUM)
            add_total(total, section, record);
        else if (!add_distinct(total, section, record))
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

/* The sum with as many digits after the point as it needs, with commas for people. */
static void print_sum(const struct load_total *total, bool with_groups, FILE *out) {
    unsigned __int128 units = total->sum < 0 ? 0 - (unsigned __int128)total->sum : (unsigned __int128)total->sum;
    uint32_t scale = TOTAL_SCALE;
    for (; scale > 0 && units % 10 == 0; scale--)
        units /= 10;
    char digits[96]; /* from the end: 39 digits, commas, a point, a sign */
    uint32_t at = sizeof digits;
    for (uint32_t count = 0; count <= scale || units > 0; count++, units /= 10) {
        if (count == scale && scale > 0) digits[--at] = '.';
        if (with_groups && count > scale && (count - scale) % 3 == 0) digits[--at] = ',';
        digits[--at] = (char)('0' + (uint32_t)(units % 10));
    }
    if (total->sum < 0) digits[--at] = '-';
    (void)fwrite(digits + at, 1, sizeof digits - at, out);
}

static uint64_t total_count(const struct load_total *total) {
    if (total->summary.kind == MAPPING_LINES) return total->lines;
    return total->distinct == NULL ? 0 : total->distinct->count;
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
            (void)fputs(grouped(total_count(total), a), out);
        if (!total->seen && counts->lines > 0) (void)fputs(" (no file of events has its columns)", out);
        if (total->unreadable_count > 0)
            (void)fprintf(out, " (without %s records that are not readable)", grouped(total->unreadable_count, a));
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
            (void)fprintf(out, "%" PRIu64, total_count(total));
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
