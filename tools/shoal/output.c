#include "output.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "bounds.h"
#include "json_value.h"

bool output_format_of(const char *name, enum output_format *format) {
    static const char *const names[] = {"table", "csv", "json"};
    for (uint32_t i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *format = (enum output_format)i;
        return true;
    }
    return false;
}

static void *need(void *memory) {
    if (memory != NULL) return memory;
    (void)fputs("shoal: no memory\n", stderr);
    exit(1);
}

void output_json(struct shoal_client_value value, FILE *out) {
    struct sh_buffer text;
    sh_buffer_init(&text, SH_ANSWER_BYTES_MAX);
    json_value_append(value, &text, out);
    if (text.failed) {
        (void)fputs("shoal: no memory\n", stderr);
        exit(1);
    }
    (void)fwrite(text.bytes, 1, text.count, out);
    sh_buffer_deinit(&text);
}

static void print_cell(struct shoal_client_value value, FILE *out) {
    size_t byte_count;
    const char *text;
    switch (shoal_client_value_kind(value)) {
    case SHOAL_CLIENT_ABSENT:
    case SHOAL_CLIENT_NIL:
        return;
    case SHOAL_CLIENT_TEXT:
        text = shoal_client_text(value, &byte_count);
        (void)fwrite(text, 1, byte_count, out);
        return;
    case SHOAL_CLIENT_ARRAY: {
        struct shoal_client_walk walk = shoal_client_walk_begin(value);
        struct shoal_client_value element;
        for (bool first = true; shoal_client_walk_next(&walk, NULL, &element); first = false) {
            if (!first) (void)fputs(", ", out);
            print_cell(element, out);
        }
        return;
    }
    default:
        output_json(value, out);
    }
}

char *output_cell(struct shoal_client_value value) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = need(open_memstream(&text, &length));
    print_cell(value, out);
    (void)fclose(out);
    return need(text);
}

void output_csv_cell(const char *text, FILE *out) {
    if (strpbrk(text, ",\"\r\n") == NULL && text[0] != '\0') {
        (void)fputs(text, out);
        return;
    }
    if (text[0] == '\0') return; /* absent */
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') (void)fputc('"', out);
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

/* Characters that have no shape and change how others stand: marks and overrides of direction, line and paragraph ends.
 * With one of them a name can make a line read otherwise than it is. */
static bool turns_text(wchar_t wide) {
    return wide == 0x061C || (wide >= 0x200E && wide <= 0x200F) || (wide >= 0x2028 && wide <= 0x202E) ||
           (wide >= 0x2066 && wide <= 0x2069);
}

/* The next character's bytes and its places of a terminal. A control character, and a byte that begins no character,
 * takes one: it is shown as a blank or a question mark, never as it is, because terminals obey it. */
static size_t next_character(const char *text, uint32_t *places, bool *is_shown) {
    const unsigned char first = (unsigned char)text[0];
    *places = 1;
    *is_shown = first >= 0x20 && first < 0x7F;
    if (first < 0x80) return 1;
    wchar_t wide;
    mbstate_t state = {0};
    const size_t used = mbrtowc(&wide, text, strlen(text), &state);
    if (used == (size_t)-1 || used == (size_t)-2 || used == 0) return 1;
    const int width = turns_text(wide) ? -1 : wcwidth(wide);
    *is_shown = width >= 0;
    if (width >= 0) *places = (uint32_t)width;
    return used;
}

uint32_t output_width(const char *text) {
    uint32_t width = 0;
    while (*text != '\0') {
        uint32_t places;
        bool is_shown;
        text += next_character(text, &places, &is_shown);
        width += places;
    }
    return width;
}

void output_shown(const char *text, FILE *out) {
    while (*text != '\0') {
        uint32_t places;
        bool is_shown;
        const size_t used = next_character(text, &places, &is_shown);
        if (is_shown)
            (void)fwrite(text, 1, used, out);
        else
            (void)fputc((unsigned char)*text < 0x80 ? ' ' : '?', out);
        text += used;
    }
}

struct column {
    char *name;
    bool is_number;
    uint32_t width;
};
struct output_table {
    enum output_format format;
    FILE *out;
    struct column *columns;
    uint32_t column_count;
    char **cells;
    size_t cell_count;
    size_t cell_capacity;
};

struct output_table *output_table_create(enum output_format format, FILE *out) {
    struct output_table *table = need(calloc(1, sizeof *table));
    table->format = format;
    table->out = out;
    return table;
}

void output_column(struct output_table *table, const char *name, bool is_number) {
    table->columns = need(realloc(table->columns, (table->column_count + 1) * sizeof *table->columns));
    table->columns[table->column_count++] =
        (struct column){.name = need(strdup(name)), .is_number = is_number, .width = output_width(name)};
}

void output_add(struct output_table *table, const char *text) {
    if (table->cell_count == table->cell_capacity) {
        table->cell_capacity = table->cell_capacity * 2 + 64;
        table->cells = need(realloc(table->cells, table->cell_capacity * sizeof *table->cells));
    }
    struct column *column = &table->columns[table->cell_count % table->column_count];
    const uint32_t width = output_width(text);
    if (width > column->width) column->width = width;
    table->cells[table->cell_count++] = need(strdup(text));
}

void output_add_value(struct output_table *table, struct shoal_client_value value) {
    char *text = output_cell(value);
    output_add(table, text);
    free(text);
}

static bool has_drawings = true;

void output_draw(bool is_wanted) {
    has_drawings = is_wanted;
}

void output_column_bar(struct output_table *table) {
    if (has_drawings && table->format == OUTPUT_TABLE) output_column(table, "", false);
}

void output_add_bar(struct output_table *table, double share) {
    enum { PLACES = 24 };
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    if (!has_drawings || table->format != OUTPUT_TABLE) return;
    const double clamped = share > 0 ? (share < 1 ? share : 1) : 0; /* not a number: nothing */
    uint32_t eighths = (uint32_t)(clamped * PLACES * 8 + 0.5);
    if (eighths == 0 && share > 0) eighths = 1;
    char bar[PLACES * 4 + 1];
    char *at = bar;
    *at = '\0';
    for (; eighths >= 8; eighths -= 8)
        at = stpcpy(at, "█");
    (void)stpcpy(at, parts[eighths]);
    output_add(table, bar);
}

const char *output_shade(double share) {
    static const char *const shades[] = {"  ", " ░", " ▒", " ▓", " █"};
    if (!has_drawings) return "";
    const double clamped = share > 0 ? (share < 1 ? share : 1) : 0;
    return shades[(uint32_t)(clamped * 4 + 0.5)];
}

static void print_padded(const char *text, const struct column *column, bool is_last, FILE *out) {
    const uint32_t width = output_width(text);
    const uint32_t missing = column->width > width ? column->width - width : 0;
    if (column->is_number) (void)fprintf(out, "%*s", (int)missing, "");
    output_shown(text, out);
    if (!column->is_number && !is_last) (void)fprintf(out, "%*s", (int)missing, "");
    (void)fputs(is_last ? "\n" : "  ", out);
}

static void print_table(const struct output_table *table) {
    const uint32_t count = table->column_count;
    for (uint32_t i = 0; i < count; i++)
        print_padded(table->columns[i].name, &table->columns[i], i + 1 == count, table->out);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t at = 0; at < table->columns[i].width; at++)
            (void)fputs("─", table->out);
        (void)fputs(i + 1 == count ? "\n" : "  ", table->out);
    }
    for (size_t i = 0; i < table->cell_count; i++)
        print_padded(table->cells[i], &table->columns[i % count], i % count + 1 == count, table->out);
}

static void print_csv(const struct output_table *table) {
    for (uint32_t i = 0; i < table->column_count; i++) {
        output_csv_cell(table->columns[i].name, table->out);
        (void)fputc(i + 1 == table->column_count ? '\n' : ',', table->out);
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        output_csv_cell(table->cells[i], table->out);
        (void)fputc((i + 1) % table->column_count == 0 ? '\n' : ',', table->out);
    }
}

void output_table_finish(struct output_table *table) {
    if (table->column_count > 0) {
        if (table->format == OUTPUT_CSV)
            print_csv(table);
        else
            print_table(table);
    }
    for (uint32_t i = 0; i < table->column_count; i++)
        free(table->columns[i].name);
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->columns);
    free(table->cells);
    free(table);
}
