/* limits_loops.h -- the plainest loops over memory, built with whatever the machine at hand has. Word counts are
 * multiples of 512 (a page). */
#ifndef LIMITS_LOOPS_H
#define LIMITS_LOOPS_H

#include <stddef.h>
#include <stdint.h>

uint64_t limits_read(const uint64_t *words, size_t count);
uint64_t limits_popcnt(const uint64_t *words, size_t count);
uint64_t limits_and_popcnt(const uint64_t *a, const uint64_t *b, size_t count);
void limits_copy(uint64_t *to, const uint64_t *from, size_t count);
/* Makes the first word of each line the number of another line, so that all lines are one ring in random order. */
void limits_chain(uint64_t *memory, size_t line_count);
/* The line that lies so many steps on. */
uint64_t limits_follow(const uint64_t *memory, uint32_t step_count);
/* The sum of the first words of random lines. */
uint64_t limits_gather(const uint64_t *memory, size_t line_count, uint32_t read_count);

#endif
