/* mapping_values.h -- the right sides of a mapping's lines: columns, sources, times, conditions, types. Private to
 * mapping*.c.
 *
 * Texts point into the parser's copy of the mapping, or, where quotes had to go, into its arena. Each reader takes a
 * piece of one line, blanks around it allowed, and fails with map_fault's words.
 */
#ifndef SHOAL_MAPPING_VALUES_H
#define SHOAL_MAPPING_VALUES_H

#include "mapping.h"

struct map_parser {
    struct sh_arena *arena;
    struct sh_error *err;
    struct mapping *mapping;
    const char *start;     /* of the whole text, a copy in the arena */
    struct sh_text source; /* the same, behind a byte order mark */
    uint32_t line;
    int64_t line_offset; /* from start */
    bool zone_seen;
    enum { PART_HEAD, PART_ROWS, PART_SUMMARY, PART_FEED, PART_PRIVACY } part;
    struct mapping_section *section; /* of PART_ROWS */
};

extern const struct sh_text map_nothing;

/* SH_ERR_SYNTAX with "line N: words: 'about'", without the last part if about is empty. */
enum sh_status map_fault(struct map_parser *parser, const char *words, struct sh_text about);
enum sh_status map_no_memory(struct map_parser *parser);

struct sh_text map_trim(struct sh_text text);
struct sh_text map_part(struct sh_text text, uint32_t from, uint32_t until);
/* The first `wanted` outside quotes, or count if there is none. */
uint32_t map_find_outside(struct sh_text text, char wanted);
/* Does text start with this word, as a word? Then *rest is what follows it. */
bool map_take_word(struct sh_text text, const char *word, struct sh_text *rest);
/* Add one element of element_bytes to an array in the arena that doubles; returns it zeroed, NULL without memory.
 * `array` is the address of a pointer to the elements, whatever their type: it is copied, never dereferenced as one. */
void *map_add(struct map_parser *parser, void *array, uint32_t *count, size_t element_bytes);

/* 'text' or "text" without its quotes, doubled quotes undone. */
SH_MUST_CHECK enum sh_status map_unquote(struct map_parser *parser, struct sh_text quoted, struct sh_text *text);
SH_MUST_CHECK enum sh_status map_read_column(struct map_parser *parser, struct sh_text text, struct sh_text *column);
/* COLUMN | 'constant' | [-] COLUMN [* COLUMN]; a plain source has neither sign nor product. */
SH_MUST_CHECK enum sh_status map_read_source(struct map_parser *parser, struct sh_text text,
                                             struct mapping_source *source);
SH_MUST_CHECK enum sh_status map_read_plain_source(struct map_parser *parser, struct sh_text text,
                                                   struct mapping_source *source);
/* COLUMN, COLUMN iso, COLUMN ms, COLUMN s, COLUMN '%d/%m/%Y'. */
SH_MUST_CHECK enum sh_status map_read_time_source(struct map_parser *parser, struct sh_text text,
                                                  struct mapping_source *source);
/* "a, b, 'c, d'" behind what the list has. */
SH_MUST_CHECK enum sh_status map_read_list(struct map_parser *parser, struct sh_text text, struct sh_text **list,
                                           uint32_t *count);
/* COLUMN is [not] empty, COLUMN [not] starts with 'x', COLUMN = 'x', COLUMN != 'x'. */
SH_MUST_CHECK enum sh_status map_read_condition(struct map_parser *parser, struct sh_text text,
                                                struct mapping_condition *condition);
/* decimal(2), enum(a, b), tags('|'), or a bare word: the field's type and what belongs to it. */
SH_MUST_CHECK enum sh_status map_read_type(struct map_parser *parser, struct sh_text text, struct mapping_field *field);

#endif
