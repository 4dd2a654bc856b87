/* archive_private.h -- what writer and reader of an archive agree on, beside the table in archive.h. */
#ifndef SH_ARCHIVE_PRIVATE_H
#define SH_ARCHIVE_PRIVATE_H

#include "archive.h"

enum { ARCHIVE_FIRST = 1, ARCHIVE_LAST = 2 };

#define ARCHIVE_ROOT "shoal"
/* The seed of the first frame's checksum: "shoalarc". */
#define ARCHIVE_SEED UINT64_C(0x6372616C616F6873)

/* Enter the section that comes next, whatever it is; false if none does. */
bool sh_archive_enter_any(struct sh_archive_reader *reader);
/* Pass over the bytes at hand, if there are any before the next section or the end. */
void sh_archive_pass(struct sh_archive_reader *reader);

static inline bool archive_name_is_good(const char *name, size_t byte_count) {
    if (byte_count == 0 || byte_count > SH_ARCHIVE_NAME_BYTES_MAX) return false;
    for (size_t i = 0; i < byte_count; i++) {
        const char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return true;
}

#endif
