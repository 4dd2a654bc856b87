/* table_sample.h -- tables with something of everything, and random changes that are the same for the same numbers. */
#ifndef TABLE_SAMPLE_H
#define TABLE_SAMPLE_H

#include "split_random.h"
#include "table.h"

/* Attributes of every type (also a date, and a string with too many values for bitmaps if rows are many) and two tag
 * sets. Ends the program if memory is out. */
struct sh_table *sample_create(void);
/* `count` random changes: rows come and go, slots are given out again, values, tags, tags that end, new labels. turn:
 * which call this is for the table, 0, 1, 2 ... */
void sample_change(struct sh_table *table, struct split_random *rng, uint32_t row_count, uint32_t count, uint32_t turn);

#endif
