/* mapping.h -- how the columns of somebody's files become users, items and events.
 *
 *   # a shop's export
 *   zone = Europe/London                          defaults before the first section
 *   calls = calls.jsonl                           {"method", "params"} a line, done before the rows; "after": behind them
 *
 *   [events]                                      one section a kind of row; a file may serve several sections
 *   file = lines_*.csv.gz                         a name or a pattern, beside the mapping; may repeat
 *   when = InvoiceNo starts with 'C'              rows that do not hold are not this section's; may repeat
 *   set aside = CustomerID is empty : no customer rows that hold go to the reject file with this reason; may repeat
 *   type = 'cancel'                               a constant in quotes, or a column
 *   user = CustomerID
 *   item = StockCode
 *   time = InvoiceDate                            then nothing (ISO 8601), ms, s, or a strptime pattern in quotes
 *   amount : decimal(3) = Quantity * UnitPrice    a column, or an exact product of two; a leading - turns the sign;
 *                                                 without a type it has two digits after the point
 *   id = LineNo                                   absent: made from the row's content and its place among equal rows
 *   invoice : string = InvoiceNo                  NAME : TYPE = SOURCE for attributes, tag sets and properties
 *
 *   [summary]                                     what the loader says at the end, over all records of events' files
 *   invoice lines = lines
 *   invoices = distinct InvoiceNo
 *   net = sum Quantity * UnitPrice
 *
 *   [feed]
 *   eligible = stock > 0                          goes to schema.put as it is
 *   diversity = 2 of brand in 5                   at most two of a brand among any five neighbours
 *   listed since = listed_at                      the item attribute that says since when it is sold
 *
 *   [privacy]
 *   purpose = sms                                 what people are written to for; may repeat. It makes the attributes
 *   purpose = push, unknown allowed               consent_sms (enum(denied, granted)), consent_sms_at, consent_sms_source
 *   purpose required = yes                        and the tags `suppressed`, which [users] may fill like others
 *   personal = phone                              not for tokens without the role for it; may repeat
 *
 * Per section also: format (csv, jsonl; default by the file's name), delimiter (a byte, or tab), header (yes, no),
 * columns (names, when there is no header, or instead of those in it), null (texts that mean "absent", beside the empty
 * field). Sections that read the same file agree on these.
 * TYPE is bool, int, decimal(SCALE), time, date, string, enum(LABEL, ...) lowest first, tags('SEPARATOR'), or of one name
 * of [users] and [items] vector(DIMENSION): numbers with commas or blanks between them, in brackets or not.
 * A column name that holds one of  ' " : * # =  or starts with - or [ or with a blank, or ends with one, is written in
 * double quotes; in a condition also one with a blank inside. A quote is written in quotes by doubling it. # begins a
 * comment outside quotes.
 *
 * Errors name the mapping's line. Nothing is opened or loaded here.
 */
#ifndef SHOAL_MAPPING_H
#define SHOAL_MAPPING_H

#include "arena.h"
#include "text.h"

enum {
    MAPPING_BYTES_MAX = 1 << 20,
    MAPPING_SECTION_COUNT_MAX = 576 /* two for each event type there may be, and more */,
    MAPPING_FIELD_COUNT_MAX = 1024
};

enum mapping_kind { MAPPING_USERS, MAPPING_ITEMS, MAPPING_EVENTS };
enum mapping_format { MAPPING_BY_NAME, MAPPING_CSV, MAPPING_JSONL };
enum mapping_type {
    MAPPING_BOOL,
    MAPPING_INT,
    MAPPING_DECIMAL,
    MAPPING_TIME,
    MAPPING_DATE,
    MAPPING_STRING,
    MAPPING_ENUM,
    MAPPING_TAGS,
    MAPPING_VECTOR
};
enum mapping_clock { MAPPING_CLOCK_ISO, MAPPING_CLOCK_MS, MAPPING_CLOCK_S, MAPPING_CLOCK_PATTERN };

/* Where a value comes from. */
struct mapping_source {
    struct sh_text column;   /* count 0: not given */
    struct sh_text factor;   /* a second column to multiply by; count 0 if none */
    struct sh_text constant; /* used instead of a column when is_constant */
    bool is_constant;
    bool negative;
    enum mapping_clock clock; /* of times */
    struct sh_text pattern;   /* MAPPING_CLOCK_PATTERN, ended by a zero byte */
};

struct mapping_field {
    struct sh_text name;
    enum mapping_type type;
    uint32_t scale;         /* decimal */
    uint32_t dimension;     /* vector */
    struct sh_text *labels; /* enum, lowest first */
    uint32_t label_count;
    struct sh_text separator; /* tags */
    uint32_t ttl_days;        /* tags: they are added and end so long after the load; 0: they are the row's tags */
    struct mapping_source source;
    uint32_t line;
};

enum mapping_test { MAPPING_EMPTY, MAPPING_EQUAL, MAPPING_STARTS };
struct mapping_condition {
    struct sh_text column;
    enum mapping_test test;
    bool negated;
    struct sh_text operand;
    struct sh_text reason; /* of set aside */
};

struct mapping_section {
    enum mapping_kind kind;
    uint32_t line;
    uint32_t keys_seen; /* a bit for each key that may stand once */
    struct sh_text *files;
    uint32_t file_count;
    enum mapping_format format;
    char delimiter; /* 0: by the file's name: tab for .tsv, else comma */
    bool has_header;
    struct sh_text *columns;
    uint32_t column_count;
    struct sh_text *nulls;
    uint32_t null_count;
    struct mapping_condition *conditions; /* when */
    uint32_t condition_count;
    struct mapping_condition *asides; /* set aside */
    uint32_t aside_count;
    struct mapping_source id, user, item, type, time, amount; /* `time` has the clock */
    uint32_t amount_scale;                                    /* 2 unless given */
    struct mapping_field *fields;
    uint32_t field_count;
};

enum mapping_sum_kind { MAPPING_DISTINCT, MAPPING_SUM, MAPPING_LINES };
struct mapping_summary {
    struct sh_text name;
    enum mapping_sum_kind kind;
    struct mapping_source source;
};

struct mapping_purpose {
    struct sh_text name;
    bool unknown_allows;
};

struct mapping {
    struct sh_text zone;  /* "UTC" unless given */
    struct sh_text calls; /* a file beside the mapping; count 0: none */
    struct mapping_section *sections;
    uint32_t section_count;
    struct mapping_summary *summaries;
    uint32_t summary_count;
    /* Of [feed]; count 0 where not given. */
    struct sh_text eligible;
    struct sh_text listed_since;
    struct sh_text diversity_attribute;
    uint32_t diversity_count;
    uint32_t diversity_window;
    /* Of [privacy]. */
    struct mapping_purpose *purposes;
    uint32_t purpose_count;
    struct sh_text *personal;
    uint32_t personal_count;
    bool purpose_required;
};

/* Everything, the texts included, lives in the arena; text itself need not stay. SH_ERR_SYNTAX with "line N: ...",
 * position = byte offset, and a hint with the nearest known key. */
SH_MUST_CHECK enum sh_status mapping_parse(struct sh_text text, struct sh_arena *arena, struct mapping *mapping,
                                           struct sh_error *err);

#endif
