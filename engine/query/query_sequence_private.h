/* query_sequence_private.h -- what the two files of sequences share. */
#ifndef SH_QUERY_SEQUENCE_PRIVATE_H
#define SH_QUERY_SEQUENCE_PRIVATE_H

#include "bitmap_block.h"
#include "query_sequence.h"

/* Grows in the arena, by doubling; what it leaves behind is less than what it has. */
struct sequence_marks {
    struct sh_sequence_mark *marks;
    size_t count;
    size_t capacity;
};

struct sh_sequence_scratch {
    struct sequence_marks history;  /* of one user */
    struct sequence_marks gathered; /* of a slice, in the order of the cells */
    struct sequence_marks dealt;    /* the same, user by user */
    struct sequence_tables *tables; /* query_sequence_block.c */
};

SH_MUST_CHECK enum sh_status sh_sequence_scratch_take(struct sh_sequence *sequence, struct sh_error *err);
/* Room for count marks in all. */
SH_MUST_CHECK enum sh_status sh_marks_reserve(struct sh_sequence *sequence, struct sequence_marks *marks, size_t count,
                                              struct sh_error *err);

#endif
