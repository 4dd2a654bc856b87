/* text_uses.h -- how many rows have each text of a string attribute, and which texts no row has.
 *
 * A text that loses its last row is put on a list and erased later, all at once, when nobody is between getting a code
 * and setting it. Room is reserved when a text gets its code, so that counting cannot fail.
 */
#ifndef SH_TEXT_USES_H
#define SH_TEXT_USES_H

#include "dictionary.h"

struct sh_text_uses {
    uint32_t *counts; /* by code; the top bit: the code is on the list */
    uint32_t *idle;   /* codes without rows, and some that have rows again; each once */
    uint32_t counts_capacity;
    uint32_t idle_capacity;
    uint32_t idle_count;
};

struct sh_text_uses *text_uses_create(void); /* NULL if memory is out */
void text_uses_destroy(struct sh_text_uses *uses);
/* Room for codes 0 .. code_count - 1. */
SH_MUST_CHECK enum sh_status text_uses_reserve(struct sh_text_uses *uses, uint32_t code_count);
/* A code that is new, and that room was reserved for: no row has it yet. */
void text_uses_begin(struct sh_text_uses *uses, uint32_t code);
void text_uses_gain(struct sh_text_uses *uses, uint32_t code);
void text_uses_lose(struct sh_text_uses *uses, uint32_t code);
uint32_t text_uses_count(const struct sh_text_uses *uses, uint32_t code);
/* Erase all texts on the list that still have no row; how many. */
uint32_t text_uses_erase(struct sh_text_uses *uses, struct sh_dictionary *texts);
/* The list of idle codes, and back; the counts are for the caller to count again before the list is loaded. Into uses
 * with room for all texts and nothing on the list. SH_ERR_CORRUPT if text_uses_check would then find something. */
void text_uses_save(const struct sh_text_uses *uses, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status text_uses_load(struct sh_text_uses *uses, const struct sh_dictionary *texts,
                                            struct sh_archive_reader *reader);
size_t text_uses_memory_bytes(const struct sh_text_uses *uses);
/* Each code without rows is on the list or erased; a code with rows is not erased. */
bool text_uses_check(const struct sh_text_uses *uses, const struct sh_dictionary *texts, const char **reason);

#endif
