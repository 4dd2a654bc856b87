/* output.h -- answers for people (tables) and for programs (CSV, JSON).
 *
 * A table is collected first, so that columns line up: Chinese characters take two places of a terminal. CSV follows
 * RFC 4180 with LF line ends. JSON prints an answer as it came: numbers as numbers, one document an answer.
 */
#ifndef SHOAL_OUTPUT_H
#define SHOAL_OUTPUT_H

#include <stdio.h>

#include "shoal/client.h"

enum output_format { OUTPUT_TABLE, OUTPUT_CSV, OUTPUT_JSON };
/* False when it is none of table, csv, json. */
bool output_format_of(const char *name, enum output_format *format);

/* A value as JSON. Binary values become base64 texts. */
void output_json(struct shoal_client_value value, FILE *out);
/* A value as one cell: texts bare, nil empty, lists joined by ", ", maps as JSON. */
char *output_cell(struct shoal_client_value value); /* free() it; never NULL */
/* A cell of CSV, quoted where it must be. */
void output_csv_cell(const char *text, FILE *out);
/* Places of a terminal that a text takes when a table shows it. */
uint32_t output_width(const char *text);

/* A text as a table shows it: characters that a terminal obeys, line ends too, are blanks or question marks. */
void output_shown(const char *text, FILE *out);

struct output_table;
struct output_table *output_table_create(enum output_format format, FILE *out); /* exits when memory is out */
/* Columns first. Numbers stand right in a table. */
void output_column(struct output_table *table, const char *name, bool is_number);
/* Cells row by row; the row is done when every column has one. text is copied. */
void output_add(struct output_table *table, const char *text);
void output_add_value(struct output_table *table, struct shoal_client_value value);
/* Drawings are for eyes: only tables have them, and only while they are wanted (they are; --plain turns them off). A
 * column of bars without a head, each as long as its share of 1, to an eighth of a place; without drawings these do
 * nothing. */
void output_draw(bool is_wanted);
void output_column_bar(struct output_table *table);
void output_add_bar(struct output_table *table, double share);
/* What to put behind a number: a blank, and a blank, ░, ▒, ▓ or █; "" without drawings. */
const char *output_shade(double share);
/* Print what was collected (CSV with its header line) and free it. JSON formats never use a table. */
void output_table_finish(struct output_table *table);

#endif
