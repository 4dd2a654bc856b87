/* archive_rig.h -- things saved to memory and loaded again, whole, cut, and with every bit turned. */
#ifndef ARCHIVE_RIG_H
#define ARCHIVE_RIG_H

#include <stdio.h>
#include <string.h>

#include "archive.h"
#include "memory.h"

/* How a test saves and loads its thing. load makes a new one of *thing, or fails and leaves nothing to free. */
struct archive_rig {
    void (*save)(const void *thing, struct sh_archive_writer *writer);
    enum sh_status (*load)(void *thing, struct sh_archive_reader *reader);
    bool (*check)(const void *thing, const char **reason);
    void (*deinit)(void *thing);
    void *room; /* for a thing */
};

static inline enum sh_status rig_save(const struct archive_rig *rig, const void *thing, struct sh_buffer *buffer) {
    struct sh_archive_writer writer;
    sh_buffer_clear(buffer);
    sh_archive_writer_init(&writer, sh_archive_to_buffer(buffer));
    sh_archive_begin(&writer, "thing", 1);
    rig->save(thing, &writer);
    sh_archive_end(&writer);
    const enum sh_status status = sh_archive_finish(&writer, NULL);
    sh_archive_writer_deinit(&writer);
    return status;
}

static inline enum sh_status rig_load(const struct archive_rig *rig, void *thing, const void *bytes, size_t count,
                                      bool ignores_checksums, struct sh_error *err) {
    struct sh_archive_bytes source = {.bytes = bytes, .count = count};
    struct sh_archive_reader reader;
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), count);
    if (ignores_checksums && sh_archive_failed(&reader)) { /* the flip was in the frame that init reads */
        const enum sh_status status = sh_archive_status(&reader, err);
        sh_archive_reader_deinit(&reader);
        return status;
    }
    reader.ignores_checksums = ignores_checksums;
    (void)sh_archive_enter(&reader, "thing", 1);
    enum sh_status status = sh_archive_status(&reader, err);
    if (status == SH_OK && (status = rig->load(thing, &reader)) == SH_OK) {
        sh_archive_leave(&reader);
        status = sh_archive_close(&reader, err);
        if (status != SH_OK) rig->deinit(thing);
    } else {
        (void)!sh_archive_status(&reader, err);
    }
    sh_archive_reader_deinit(&reader);
    return status;
}

/* Saved, loaded into rig->room, checked, and saved again to the same bytes. The caller compares what it likes and
 * deinits rig->room. NULL, or what is wrong. */
static inline const char *rig_round_trip(const struct archive_rig *rig, const void *thing, struct sh_buffer *first,
                                         struct sh_buffer *second) {
    static struct sh_error err;
    const char *reason = NULL;
    if (rig_save(rig, thing, first) != SH_OK) return "it was not saved";
    if (rig_load(rig, rig->room, first->bytes, first->count, false, &err) != SH_OK) return err.message;
    if (!rig->check(rig->room, &reason)) return reason;
    if (rig_save(rig, rig->room, second) != SH_OK) return "it was not saved again";
    if (first->count != second->count || memcmp(first->bytes, second->bytes, first->count) != 0)
        return "saved again it has other bytes";
    return NULL;
}

/* Every cut and every turned bit is refused; and when checksums are believed, every turned bit is refused or gives a
 * thing that passes its check. NULL, or what is wrong. */
static inline const char *rig_sweep(const struct archive_rig *rig, struct sh_buffer *buffer) {
    static char words[600];
    const char *reason = NULL;
    for (size_t count = 0; count < buffer->count; count++)
        if (rig_load(rig, rig->room, buffer->bytes, count, false, NULL) == SH_OK) return "a cut was not seen";
    for (size_t bit = 0; bit < buffer->count * 8; bit++) {
        buffer->bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (rig_load(rig, rig->room, buffer->bytes, buffer->count, false, NULL) == SH_OK)
            return "a turned bit was not seen";
        if (rig_load(rig, rig->room, buffer->bytes, buffer->count, true, NULL) == SH_OK) {
            if (!rig->check(rig->room, &reason)) {
                (void)snprintf(words, sizeof words, "bit %zu turned, and loaded: %s", bit, reason);
                return words;
            }
            rig->deinit(rig->room);
        }
        buffer->bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    return NULL;
}

/* Loading with the first, second, third ... allocation failing says so and leaves no memory taken. */
static inline const char *rig_starve(const struct archive_rig *rig, const struct sh_buffer *buffer) {
    const int64_t bytes_before = sh_memory_bytes();
    for (uint64_t successes = 0;; successes++) {
        sh_memory_fail_after(successes);
        const enum sh_status status = rig_load(rig, rig->room, buffer->bytes, buffer->count, false, NULL);
        const bool failed = sh_memory_failed();
        sh_memory_fail_after(UINT64_MAX);
        if (status == SH_OK) rig->deinit(rig->room);
        if (sh_memory_bytes() != bytes_before) return "a load that failed kept memory";
        if (!failed) return status == SH_OK ? NULL : "it was not loaded";
        if (status != SH_ERR_MEMORY && status != SH_OK) return "memory that is out was not told as that";
    }
}

enum rig_depth { RIG_ROUND_TRIP, RIG_SWEEP, RIG_STARVE };

/* Of a thing that is a pointer, as what rig->room points to is: round trip, and as deep as said also cuts and turned bits,
 * and allocations that fail. From here on *thing is the one that was loaded. NULL, or what is wrong. */
static inline const char *rig_renew(const struct archive_rig *rig, void *thing, enum rig_depth depth) {
    struct sh_buffer first;
    struct sh_buffer second;
    void *loaded;
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
    const char *fault = rig_round_trip(rig, thing, &first, &second);
    memcpy(&loaded, rig->room, sizeof loaded);
    if (fault == NULL && depth >= RIG_SWEEP) fault = rig_sweep(rig, &first);
    if (fault == NULL && depth >= RIG_STARVE) fault = rig_starve(rig, &first);
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
    if (fault != NULL) return fault;
    rig->deinit(thing);
    memcpy(thing, &loaded, sizeof loaded);
    return NULL;
}

#endif
