/* prefetch.h -- functions that do nothing but ask for memory.
 *
 * gcc (12 to 14 at least) takes a function of which __builtin_prefetch is the whole effect for one without any, and
 * drops the calls that are not inlined before it finds out. So a helper in the file (or header) of its callers is
 *
 *     SH_PREFETCHER void ask_for_cell(const struct cell *cell) { ... }
 *
 * One that is called from other files alone needs nothing: they cannot see into it.
 */
#ifndef SH_PREFETCH_H
#define SH_PREFETCH_H

#define SH_PREFETCHER __attribute__((always_inline)) static inline

#endif
