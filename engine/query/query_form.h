/* query_form.h -- the two written forms of an expression: text for people, msgpack arrays for programs.
 *
 *   "tier >= 'gold' and did(view)"                    [ "and", [">=", "tier", "gold"], ["did", {"event": "view"}] ]
 *              |  sh_query_parse                                         |  sh_query_read
 *              '-------------------->  struct sh_node  <-----------------'
 *              .---------------------  canonical form  ------------------.
 *              v  sh_query_print                                         v  sh_query_write
 *   "did(view) and tier >= 'gold'"                    [ "and", ["did", {"event": "view"}], [">=", "tier", "gold"] ]
 *
 * Both readers end in sh_query_canonicalize, so what they return is canonical, prints the same text whichever form it
 * came in, and the printed text parses back to the same tree. Nothing here knows a schema.
 *
 * THE TEXT
 *   expression  = condition { "and" condition } | ... "or" ... ; "not" binds tightest, then "and", then "or"; ( )
 *   condition   = operand compare value | value compare operand | operand            -- a bool on its own
 *               | operand [not] in ( value, ... ) | operand [not] between value and value | operand is [not] missing
 *               | operand [not] starts with 'x' | operand [not] contains 'x'
 *               | operand [not] under 'x'     -- x, or what stands below it in a hierarchy, such as a store tree
 *               | operand in window | operand in next N days
 *               | operand has 'x' | operand has any|all|none ( 'x', ... )
 *               | did(event [where expression] [, window])
 *               | sequence(event [where expression] -> ... [, within N minutes|hours|days|weeks] [, strict|loose]
 *                          [, reach N] [, window])                                -- the rule: query_sequence.h
 *               | sample(10%, 'seed') | in_segment('name') | true | false
 *               | consent('sms')             -- consent_sms = 'granted'
 *               | suppressed(['sms'])        -- suppressed has any ('all', 'sms')
 *               | calculation compare calculation | calculation [not] between calculation and calculation
 *               | calculation [not] in ( number, ... ) | calculation is [not] missing
 *   calculation = number | number minutes|hours|days|weeks | operand | ( calculation ) | - calculation
 *               | calculation + | - | * | / calculation
 *   operand     = name | item.name | item                                               -- item: only inside where
 *               | count|days|days_since|gap_min|gap_avg|gap_max|expected_next|first|last
 *                 ( event [where expression] [, window] )
 *               | sum|min|max|avg|first|last ( event.property [where expression] [, window] )
 *               | count ( distinct event.property [where expression] [, window] )        -- property: also item
 *               | nth ( n, event[.property] [where expression] [, window] )
 *   window      = last N minutes|hours|days|weeks | last N calendar days|weeks|months|quarters|years
 *               | from N minutes|hours|days|weeks ago to N minutes|hours|days|weeks ago | ever
 *               | today | yesterday | this|previous week|month|quarter|year
 *               | between 'd' and 'd' | on 'd' | since 'd' | before 'd'               -- d: a date or an instant
 *               | within N minutes|hours|days|weeks after|before operand     -- of events only; the operand is a time
 *                 of the user, such as first(event): the anchor, whose own window is none of these
 *   compare     = = == != <> < <= > >=
 * Keywords are ASCII in any case. A name is a word of letters, digits, _ and characters above ASCII that does not start
 * with a digit, or anything in backticks, `` standing for one; names keep their case. Texts stand in ' or ", doubled
 * inside. Numbers are a sign, digits, a point and digits. "-- " to the end of the line is a comment. What Chinese input
 * methods type for ASCII signs (full-width ones, the quotes U+2018 to U+201D, U+3001) means the ASCII sign.
 *
 * THE ARRAYS
 *   ["true"] ["false"] ["and", e, ...] ["or", e, ...] ["not", e]
 *   ["=" | "!=" | "<" | "<=" | ">" | ">=", operand, value]
 *   ["in" | "not_in", operand, [value, ...]]           ["between" | "not_between", operand, value, value]
 *   ["missing" | "not_missing", operand]               ["starts_with" | "not_starts_with", operand, text]
 *   ["contains" | "not_contains", operand, text]       ["has_any" | "has_all" | "has_none", operand, [text, ...]]
 *   ["under" | "not_under", operand, text]
 *   ["in_window", operand, window]                     ["in_next_days", operand, days]
 *   ["compare", compare, term, term]                   term: a number, ["span", number, "days"], operand, or
 *   ["in" | "not_in", calculated, [number, ...]]              calculated: ["+" | "-" | "*" | "/", term, term]
 *   ["missing" | "not_missing", calculated]
 *   ["did", {"event": name, "where": e, "window": window}]     "where" and "window" may be absent, here and below
 *   ["sequence", {"steps": [name | {"event": name, "where": e}, ...], "within": [3, "days"], "strict": bool,
 *                 "reach": step, "window": window}]    all but "steps" may be absent
 *   ["sample", millionths, seed]                       ["in_segment", name]
 * operand: name | ["item", name] | [function, {"event": name, "property": name, "where": e, "window": window}]
 *          function "count_distinct" is count(distinct ...); "nth" has "nth": n in its map
 * window:  ["last", 7, "days"] | ["ago", 60, "days", 30, "days"] | ["last_calendar", 3, "months"] |
 *          ["this", "month"] | ["previous", "day"] |
 *          ["within", 7, "days", "after" | "before", operand] |
 *          ["between", text, text] | ["on", text] | ["since", text] | ["before", text]; "this" "day" is today
 * value:   str, int, bool, a float that is a decimal of at most 15 digits, or ["number", "12.50"] for any other number
 *
 * Cost: linear in the expression, but ordering children prints a subtree once for each level above it.
 */
#ifndef SH_QUERY_FORM_H
#define SH_QUERY_FORM_H

#include "buffer.h"
#include "cursor.h"
#include "query_tree.h"

/* SH_ERR_SYNTAX with the byte position, what was expected, what was found and a hint; SH_ERR_LIMIT over the limits of
 * canonicalize or over SH_EXPRESSION_BYTES_MAX. An empty text, or only blanks and comments, is `true`: everybody. The
 * tree keeps nothing of `text`, it copies. */
SH_MUST_CHECK enum sh_status sh_query_parse(struct sh_text text, struct sh_arena *arena, struct sh_node **tree,
                                            struct sh_error *err);
/* A calculation alone, as it stands on one side of a comparison; not brought into canonical form. */
struct sh_term;
SH_MUST_CHECK enum sh_status sh_query_parse_term(struct sh_text text, struct sh_arena *arena, struct sh_term **term,
                                                 struct sh_error *err);
/* The msgpack form: the value under the cursor is a str (text, as above, and positions count inside it) or an array
 * (then positions count from the cursor's start). SH_ERR_PROTOCOL for bytes that are not msgpack, else as parse.
 * The tree keeps nothing of the bytes, it copies. */
SH_MUST_CHECK enum sh_status sh_query_read(struct sh_cursor *cursor, struct sh_arena *arena, struct sh_node **tree,
                                           struct sh_error *err);
/* Bring the tree into canonical form (query_tree.h), in place. SH_ERR_LIMIT if it is then deeper than
 * SH_EXPRESSION_DEPTH_MAX, has more than SH_EXPRESSION_NODE_COUNT_MAX nodes, or prints more than
 * SH_EXPRESSION_BYTES_MAX bytes. Parse and read have done it already. */
SH_MUST_CHECK enum sh_status sh_query_canonicalize(struct sh_arena *arena, struct sh_node **tree, struct sh_error *err);
/* Canonical text: parses back to an equal tree. */
void sh_query_print(const struct sh_node *tree, struct sh_buffer *buffer);
/* Canonical msgpack arrays: reads back to an equal tree. */
void sh_query_write(const struct sh_node *tree, msgpack_packer *packer);
/* XXH3-64 of the canonical text. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_query_hash(const struct sh_node *tree, uint64_t *hash);

#endif
