/* table.h -- rows: users or items, by external id, with typed attributes and tag sets.
 *
 *   external id          slot     live   tier      age      points      interests
 *   "u-10029"     <->    0         1     bitmaps   u8       u32         [3, 17]
 *   "成都-7"      <->    1         1     a value   strips   strips      [17]       forward: slot -> tags
 *   (forgotten)          2         0     a code    + slices + slices    []         backward: tag -> bitmap
 *   "u-10031"     <->    3         1     u8                             [3]
 *
 * Everything about a row hangs on its slot, the number it got on arrival. A predicate reads a column or a bitmap of
 * slots block by block; ids are looked at only on the way in and on the way out. Users and items are two tables.
 *
 * Values are canonical int64, whatever the type:
 *   BOOL 0 or 1 | INT itself | DECIMAL units of 10^-scale | TIME milliseconds since 1970 UTC, a date its UTC midnight |
 *   ENUM the label's code (not its rank!) | STRING the text's code
 * BOOL, ENUM and STRING attributes also keep one bitmap a distinct value, while there are at most
 * SH_VALUE_BITMAP_COUNT_MAX of them: equality crosses bitmaps, and a bare count is a kept count.
 *
 * Rules that hold after every call (sh_table_check tests them):
 *   - a live slot has exactly one id and the id finds the slot; a slot that is not live has no id, value or tag;
 *   - a value bitmap holds exactly the slots whose column says that code;
 *   - slot is in a tag's bitmap if and only if the tag is in the slot's list; lists ascend;
 *   - ranks of an enum are a permutation of its codes;
 *   - a string value that no row has is erased by the next sh_table_reuse_before() at the latest: what a forgotten
 * person alone was called does not stay in memory;
 *   - a tag that only a forgotten row had keeps its code, without a row, and has the empty text from then on;
 *   - a forgotten slot is not given out again before sh_table_reuse_before() says so.
 *
 * Failure: what returns a status leaves the table as it was on every status but SH_OK, unless it says otherwise.
 * Pointers and texts that a call returns are good until the table is changed next; attributes and tag sets are named by
 * index, which never changes. Threads: a table belongs to one shard; nothing here locks.
 */
#ifndef SH_TABLE_H
#define SH_TABLE_H

#include "archive.h"
#include "bitmap.h"
#include "bounds.h"
#include "column.h"
#include "dictionary.h"
#include "text.h"

#define SH_SLOT_NONE UINT32_MAX

struct sh_table;
struct sh_text_uses;

/* ---- Life ---- */

/* NULL if memory is out. */
struct sh_table *sh_table_create(void);
void sh_table_destroy(struct sh_table *table); /* NULL is fine */

/* ---- Schema ---- */

enum sh_type { SH_TYPE_BOOL, SH_TYPE_INT, SH_TYPE_DECIMAL, SH_TYPE_TIME, SH_TYPE_ENUM, SH_TYPE_STRING };
enum { SH_TYPE_COUNT = SH_TYPE_STRING + 1 };
const char *sh_type_name(enum sh_type type); /* "bool", "int", "decimal", "time", "enum", "string" */

/* What a caller asks for. */
struct sh_attribute_spec {
    struct sh_text name; /* 1 to SH_NAME_BYTES_MAX bytes of UTF-8, no zero byte */
    enum sh_type type;
    uint8_t scale;                /* DECIMAL: digits after the point, 0..9; else 0 */
    bool is_date;                 /* TIME: whole days; kept as milliseconds at UTC midnight */
    const struct sh_text *labels; /* ENUM: lowest rank first, 1 to SH_VALUE_BITMAP_COUNT_MAX, all different */
    uint32_t label_count;
};

/* What is there. Read it, change it only through the table. */
struct sh_attribute {
    struct sh_text name;
    enum sh_type type;
    uint8_t scale;
    bool is_date;
    bool has_value_bitmaps;     /* BOOL, ENUM, STRING, until there are too many values */
    struct sh_column column;    /* canonical values */
    struct sh_dictionary texts; /* ENUM: labels in order of arrival; STRING: values; code = place */
    struct sh_bitmap *values;   /* one a code (BOOL: 0 and 1), value_count of them, if has_value_bitmaps */
    uint32_t value_count;       /* a code at or above it has no slot */
    uint32_t value_capacity;
    uint32_t *rank_of_code;    /* ENUM: 0 is the lowest */
    uint32_t *code_of_rank;    /* ENUM: its inverse */
    struct sh_text_uses *uses; /* STRING: how many rows have each text */
};

/* Add an attribute, *index (may be NULL) is its number; or find the same one there, or give an enum more labels:
 * the spec's labels must hold all those known, in the known order, with new ones anywhere between. Values of rows stay.
 * SH_ERR_CONFLICT: the name is in use differently (also by a tag set); SH_ERR_ARGUMENT; SH_ERR_LIMIT. Costs nothing a
 * row, so it is online. */
SH_MUST_CHECK enum sh_status sh_table_add_attribute(struct sh_table *table, const struct sh_attribute_spec *spec,
                                                    uint32_t *index, struct sh_error *err);
uint32_t sh_table_attribute_count(const struct sh_table *table);
const struct sh_attribute *sh_table_attribute(const struct sh_table *table, uint32_t index);
/* -1 if there is none. */
int32_t sh_table_find_attribute(const struct sh_table *table, struct sh_text name);

SH_MUST_CHECK enum sh_status sh_table_add_tag_set(struct sh_table *table, struct sh_text name, uint32_t *index,
                                                  struct sh_error *err);
uint32_t sh_table_tag_set_count(const struct sh_table *table);
struct sh_text sh_table_tag_set_name(const struct sh_table *table, uint32_t tag_set);
int32_t sh_table_find_tag_set(const struct sh_table *table, struct sh_text name);

/* Rises with every attribute, tag set or label added, and with every new string value or tag: a plan that looked up
 * names or texts is good while this is the same. */
uint64_t sh_table_schema_version(const struct sh_table *table);
uint64_t sh_table_text_version(const struct sh_table *table);

/* ---- Ids and slots ---- */

/* 1 to SH_ID_BYTES_MAX bytes of UTF-8 without a zero byte? Else SH_ERR_ARGUMENT with the reason. */
SH_MUST_CHECK enum sh_status sh_id_check(struct sh_text id, struct sh_error *err);
/* The hash that the _hashed calls and prefetches want: sh_hash_text(id). */
uint64_t sh_id_hash(struct sh_text id);

/* The slot, or SH_SLOT_NONE. About two cache misses. */
uint32_t sh_table_find(const struct sh_table *table, struct sh_text id);
uint32_t sh_table_find_hashed(const struct sh_table *table, struct sh_text id, uint64_t hash);
/* The slot of a known id, or a new row: live, with nothing but its id. *created may be NULL. The first unused slot, or
 * one that may be reused. SH_ERR_ARGUMENT: not an id; SH_ERR_LIMIT: no more slots. */
SH_MUST_CHECK enum sh_status sh_table_intern(struct sh_table *table, struct sh_text id, uint64_t hash, uint32_t *slot,
                                             bool *created, struct sh_error *err);
/* For batches: call prefetch for row i + 16, prefetch_row for row i + 8, then do row i. prefetch_row looks up where
 * the id probably is and asks for its cell, its columns' lines and its tags. Both are hints. */
void sh_table_prefetch(const struct sh_table *table, uint64_t hash);
void sh_table_prefetch_row(const struct sh_table *table, uint64_t hash);
/* Only where the id probably is: another id may have the same hash, so never more than a hint. SH_SLOT_NONE: unknown.
 */
uint32_t sh_table_guess(const struct sh_table *table, uint64_t hash);
/* As prefetch_row, for a slot that is known. */
void sh_table_prefetch_slot(const struct sh_table *table, uint32_t slot);
/* For long lists of ids: only the id cell. */
void sh_table_prefetch_id(const struct sh_table *table, uint32_t slot);

/* For reading many rows' tags: first the cell of row i + 16, then where the cell of row i + 8 points, then row i. */
void sh_table_prefetch_tag_cell(const struct sh_table *table, uint32_t tag_set, uint32_t slot);
void sh_table_prefetch_tags(const struct sh_table *table, uint32_t tag_set, uint32_t slot);

/* Empty if the slot is not live. One cache line for ids up to 15 bytes, two for longer ones. The bytes do not move
 * until the slot is forgotten. */
struct sh_text sh_table_id(const struct sh_table *table, uint32_t slot);
/* All slots ever given out are below it. */
uint32_t sh_table_slot_end(const struct sh_table *table);
/* Live rows: their set, whose count is their number. */
const struct sh_bitmap *sh_table_live(const struct sh_table *table);

/* Remove a live row from everything: id, values, tags, and the texts of tags that no other row has. The slot waits in quarantine, stamped with `sequence`, which
 * never falls from call to call. On SH_ERR_MEMORY the row is still live and whole in itself, but may have lost some of
 * its values; call again. */
SH_MUST_CHECK enum sh_status sh_table_forget(struct sh_table *table, uint32_t slot, uint64_t sequence);
/* Slots forgotten at a sequence below this one may be given out again: no cursor, snapshot or model refers to them.
 * Also erases string values that no row has, so a code from sh_table_text_code() that was not set yet is then no more.
 */
void sh_table_reuse_before(struct sh_table *table, uint64_t sequence);
uint32_t sh_table_quarantine_count(const struct sh_table *table);

/* ---- Values ---- */

/* value must be canonical and valid for the type (BOOL 0/1, a known code, a date at midnight): sh_value_check tells,
 * these assert it. The slot is live. */
SH_MUST_CHECK enum sh_status sh_value_check(const struct sh_attribute *attribute, int64_t value, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_table_set(struct sh_table *table, uint32_t slot, uint32_t attribute, int64_t value);
/* Make it missing; it may be already. */
SH_MUST_CHECK enum sh_status sh_table_clear(struct sh_table *table, uint32_t slot, uint32_t attribute);
/* False if missing. */
bool sh_table_get(const struct sh_table *table, uint32_t slot, uint32_t attribute, int64_t *value);

/* The code of an ENUM's label or a STRING's text, or SH_CODE_NONE. */
uint32_t sh_attribute_find_code(const struct sh_attribute *attribute, struct sh_text text);
/* The same for a writer: a new STRING gets a code, to be set before the next sh_table_reuse_before(); an unknown ENUM
 * label is SH_ERR_ARGUMENT with the nearest known. */
SH_MUST_CHECK enum sh_status sh_table_text_code(struct sh_table *table, uint32_t attribute, struct sh_text text,
                                                uint32_t *code, struct sh_error *err);
/* ENUM, STRING: what a code says. */
struct sh_text sh_attribute_text(const struct sh_attribute *attribute, uint32_t code);
/* The slots with this value; NULL if the attribute keeps no bitmaps (ask has_value_bitmaps) or no slot ever had it. */
const struct sh_bitmap *sh_attribute_value_slots(const struct sh_attribute *attribute, int64_t value);
/* How many slots have any value. */
uint64_t sh_attribute_present_count(const struct sh_attribute *attribute);

/* ---- Tags ---- */

enum { SH_TAG_COUNT_MAX = 65534 }; /* different tags in a set: a tag is a u16 in the lists of rows */

/* A row's tags, ascending codes. Do not copy the struct: codes may point into it. Good until the table changes. */
struct sh_tag_list {
    const uint16_t *codes;
    uint32_t count;
    uint16_t held[2];
};

uint32_t sh_table_find_tag(const struct sh_table *table, uint32_t tag_set, struct sh_text text); /* or SH_CODE_NONE */
/* For a writer: the tag's code, new if need be. SH_ERR_ARGUMENT, SH_ERR_TOO_LARGE, SH_ERR_LIMIT. */
SH_MUST_CHECK enum sh_status sh_table_tag_code(struct sh_table *table, uint32_t tag_set, struct sh_text text,
                                               uint32_t *tag, struct sh_error *err);
struct sh_text sh_table_tag_text(const struct sh_table *table, uint32_t tag_set, uint32_t tag);
uint32_t sh_table_tag_count(const struct sh_table *table, uint32_t tag_set);
/* Never NULL for tag < sh_table_tag_count. Its count is the kept count of the tag. */
const struct sh_bitmap *sh_table_tag_slots(const struct sh_table *table, uint32_t tag_set, uint32_t tag);
/* The slots of one block that have at least one tag of the set, into SH_BLOCK_WORDS words. Reads 4 bytes a slot. */
void sh_table_tagged_block(const struct sh_table *table, uint32_t tag_set, uint32_t block, uint64_t *words);

/* Adding one that is there and removing one that is not are fine. SH_ERR_LIMIT: the row has SH_TAGS_PER_ROW_MAX. */
SH_MUST_CHECK enum sh_status sh_table_tag_add(struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag);
SH_MUST_CHECK enum sh_status sh_table_tag_remove(struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag);
/* The row's tags become exactly these (any order, doubles are fine, none clears). On SH_ERR_MEMORY they are as they
 * were; should undoing need memory too, they are some of both, and the table still keeps its rules. */
SH_MUST_CHECK enum sh_status sh_table_tags_set(struct sh_table *table, uint32_t slot, uint32_t tag_set,
                                               const uint32_t *tags, uint32_t tag_count);
/* The same as sh_table_tag_add, which lets a tag last, but it ends: it is there before until_ms. A tag that is set,
 * added without an end, or removed has no end any more. On SH_ERR_MEMORY the row is as it was, or has the tag lasting.
 */
SH_MUST_CHECK enum sh_status sh_table_tag_add_until(struct sh_table *table, uint32_t slot, uint32_t tag_set,
                                                    uint32_t tag, int64_t until_ms);
/* INT64_MAX: it lasts, or the row does not have it. */
int64_t sh_table_tag_until(const struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag);
/* Take away tags that have ended by now_ms, up to count_max of them; how many were taken away. now_ms never falls. One
 * that is left, for want of room in count_max or of memory, is still in bitmaps and lists: readers ask
 * sh_table_ended_slots (for a tag) or sh_table_tag_has_ended (for a row). */
uint32_t sh_table_expire(struct sh_table *table, int64_t now_ms, uint32_t count_max);
/* Does any tag in the table end at or before this instant? One comparison. */
bool sh_table_any_ended(const struct sh_table *table, int64_t now_ms);
/* Has any tag an end at all? */
bool sh_table_any_ends(const struct sh_table *table);
/* Slots in the tag's bitmap whose tag has ended by now_ms; as many as fit are written, in no order, all are counted. */
uint32_t sh_table_ended_slots(const struct sh_table *table, uint32_t tag_set, uint32_t tag, int64_t now_ms,
                              uint32_t *slots, uint32_t capacity);
/* A tag in the row's list that had ended when sh_table_expire was told last. */
bool sh_table_tag_has_ended(const struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag);
void sh_table_tags(const struct sh_table *table, uint32_t slot, uint32_t tag_set, struct sh_tag_list *list);
bool sh_table_has_tag(const struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag);

/* ---- In an archive ---- */

/* The whole table as a section "table" in the open section, and back from it: the same rows in the same slots, codes,
 * bitmaps in the same forms, slots given out again in the same order. Caches begin anew, and so do indexes of hashes,
 * which are built again. Saving takes no memory and changes nothing. *table is NULL on a failure, which the reader
 * keeps: SH_ERR_CORRUPT if a rule above that can be checked in one pass does not hold. Not checked is that every single
 * slot of a value's or a tag's bitmap is in the right row (their numbers are): nothing is unsafe by that, and
 * sh_table_check does it. 10 M rows take a few seconds. */
void sh_table_save(const struct sh_table *table, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status sh_table_load(struct sh_table **table, struct sh_archive_reader *reader);

/* ---- Upkeep ---- */

struct sh_table_memory {
    size_t ids; /* cells, long ids, the index */
    size_t columns;
    size_t slices; /* the caches beside the columns */
    size_t value_bitmaps;
    size_t tag_bitmaps;
    size_t tag_lists; /* and when tags end */
    size_t dictionaries;
    size_t total; /* all of it, with the small things */
};
void sh_table_memory(const struct sh_table *table, struct sh_table_memory *memory);
/* Do the rules hold? If not, *reason says which does not. Reads everything. */
bool sh_table_check(const struct sh_table *table, const char **reason);
/* For people: the schema with counts, and the rows of the first slots. */
void sh_table_print(const struct sh_table *table, struct sh_buffer *buffer);

#endif
