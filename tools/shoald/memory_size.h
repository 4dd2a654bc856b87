/* memory_size.h -- how much memory this process may have at most. */
#ifndef MEMORY_SIZE_H
#define MEMORY_SIZE_H

#include <stdint.h>

/* Of the machine, or of the control group (v2) that this process is in or of one above it, if that is less. In bytes; 0
 * when nothing tells. */
uint64_t memory_size(void);

#endif
