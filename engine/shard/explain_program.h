/* explain_program.h -- the lines of an explained expression: for people, for programs, and those of several shards as
 * one.
 *
 *   shard 0    and                        2 blocks   40 users left
 *                tag bitmap: t has 'x'               90                merged    and             4 blocks   70 users
 * left column range: age > 30              40           -->              tag bitmap ...         160 shard 1    and 2
 * blocks   30 users left                 column range ...        70 column range: age > 30              70 tag bitmap:
 * t has 'x'               30
 *
 * Shards plan for themselves, by their own users: one may take the clauses in another order, or know that nobody is
 * left before it begins (a text that no user of its has). So the program with the most lines is shown, the first of
 * them, and what the others have to say about a line is found by its clause. Rows and blocks add up; costs and times
 * are those of the slowest shard, because shards work side by side. Where the orders differ, a line's rows are what its
 * clause left in its place in each shard; the first line's are the answer whatever the orders are.
 */
#ifndef SH_EXPLAIN_PROGRAM_H
#define SH_EXPLAIN_PROGRAM_H

#include "answer_map.h"
#include "query.h"

struct sh_explain_program {
    struct sh_plan_line *lines;
    uint32_t line_count;
    bool is_measured;
};

/* A table; numbers first and names last, so that columns stand whatever the width of the characters in a clause. */
void sh_explain_print(const struct sh_explain_program *program, struct sh_buffer *text);
/* The pair `lines`. */
void sh_explain_pack(const struct sh_explain_program *program, msgpack_packer *packer);
/* One program of the shards' answers, each of which has the pair `lines`. The caller frees merged->lines with sh_free;
 * their texts are the answers'. */
SH_MUST_CHECK enum sh_status sh_explain_merge(const struct sh_answer_map *answers, uint32_t answer_count,
                                              struct sh_explain_program *merged, struct sh_error *err);

#endif
