/* repeats_private.h -- what the files of numbered writes share.
 *
 *   repeats.c          looking up, remembering, forgetting
 *   repeats_archive.c  into a snapshot and back
 */
#ifndef SH_REPEATS_PRIVATE_H
#define SH_REPEATS_PRIVATE_H

#include "repeats.h"

struct repeat_name {
    char bytes[2 * SH_NAME_BYTES_MAX];
    uint32_t workspace_bytes;
    uint32_t client_bytes;
};
/* The client, made if need be, as the one that wrote last; NULL without memory. */
struct sh_repeat_client *repeats_find_or_add(struct sh_repeats *repeats, const struct repeat_name *name);

#endif
