/* snapshot_manifest_fuzz.c -- foreign bytes as a manifest, as they are and with the checksum mended. One that is read
 * must be written as the same bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "snapshot_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

static void try_read(const uint8_t *bytes, size_t byte_count) {
    static struct sh_snapshot snapshot;
    static uint8_t again[SH_SNAPSHOT_MANIFEST_BYTES_MAX];
    struct sh_error err;
    if (sh_snapshot_manifest_read(bytes, byte_count, &snapshot, &err) != SH_OK) return;
    if (sh_snapshot_manifest_write(&snapshot, again) == byte_count && memcmp(again, bytes, byte_count) == 0) return;
    (void)fprintf(stderr, "a manifest is not written as it was read\n");
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    enum { AT_CHECKSUM = 56 };
    static uint8_t mended[SH_SNAPSHOT_MANIFEST_BYTES_MAX];
    try_read(bytes, byte_count);
    if (byte_count < AT_CHECKSUM + 8 || byte_count > sizeof mended) return 0;
    memcpy(mended, bytes, byte_count);
    memset(mended + AT_CHECKSUM, 0, 8);
    const uint64_t checksum = sh_hash_bytes(mended, byte_count, 0);
    memcpy(mended + AT_CHECKSUM, &checksum, sizeof checksum);
    try_read(mended, byte_count);
    return 0;
}
