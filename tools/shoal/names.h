/* names.h -- texts by number, each once: users, items, types and stores of files that are read for an evaluation. */
#ifndef SHOAL_NAMES_H
#define SHOAL_NAMES_H

#include "status.h"
#include "text.h"

struct names {
    char **texts;
    uint32_t count;
    uint32_t capacity;
    uint32_t *table; /* number + 1 by hash */
    uint32_t table_capacity;
};

/* The text's number, a new one if it has none. */
SH_MUST_CHECK enum sh_status names_number(struct names *names, struct sh_text text, uint32_t *number);
/* The number of a text; false if it has none. */
bool names_find(const struct names *names, struct sh_text text, uint32_t *number);
void names_free(struct names *names);

#endif
