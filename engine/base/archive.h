/* archive.h -- state as a stream of checked bytes: what a snapshot file is made of.
 *
 * A module writes itself as a section: numbers and arrays one after another, and sections inside it. It reads itself
 * back in the same order. Below, the stream is cut into frames, each with its checksum, so that a reader is handed no
 * byte that was not verified, and nobody has to know a section's length before it is written:
 *
 *   section  shoal ............................................................
 *              users ....................  items .............
 *                column ..  column ....
 *   frames   [shoal][users][column][column][column][users][items][items][shoal]
 *             first  first  first   first   last    last   first  last   last      last ones may be empty
 *
 * A frame is 32 bytes and a body. All numbers are little-endian.
 *
 *   offset  size  field
 *        0     8  checksum    XXH3-64 of bytes 8..31 and the body; its seed is the checksum of the frame before
 *        8     4  body_bytes  0 .. SH_ARCHIVE_FRAME_BYTES_MAX - 32
 *       12     4  number      0, 1, 2 ... in the archive
 *       16    12  name        of the section: a-z 0-9 _ and zero bytes behind
 *       28     2  version     of the section's content; 1 and up
 *       30     1  depth       0 for the outermost section
 *       31     1  flags       1: the section's first frame; 2: its last; no others
 *
 * An archive is valid if and only if it is a chain of frames whose checksums and numbers match, which open and close
 * sections properly (a first frame is one deeper than the section open before it, any other carries the name, version
 * and depth of the section open), whose first frame opens and whose last frame closes the only section of depth 0,
 * "shoal" in version SH_ARCHIVE_VERSION, and behind which nothing follows. What the bodies say is for the modules to
 * check: the chain shows that bytes are as they were written, not who wrote them. So a reader refuses what its
 * module's memory safety could not stand, in the words "which section, at which byte, what is wrong".
 *
 * Failures stick. A writer or reader that failed does nothing more, and what a failed reader gives is zero; so a long
 * run of calls needs one check before a number read is used as a bound, and one at the end.
 *
 * Cost: a copy and an XXH3 of bytes that are in the L2 cache, several GB/s; a small number costs about a nanosecond.
 * Memory: one frame for a writer, four for a reader. Threads: none; one writer or reader belongs to one thread.
 */
#ifndef SH_ARCHIVE_H
#define SH_ARCHIVE_H

#include <stddef.h>
#include <string.h>

#include "bounds.h"
#include "buffer.h"
#include "status.h"
#include "text.h"

enum { SH_ARCHIVE_VERSION = 1, SH_ARCHIVE_NAME_BYTES_MAX = 12 };

struct sh_archive_frame {
    uint64_t checksum;
    uint32_t body_bytes;
    uint32_t number;
    char name[SH_ARCHIVE_NAME_BYTES_MAX];
    uint16_t version;
    uint8_t depth;
    uint8_t flags;
};
_Static_assert(sizeof(struct sh_archive_frame) == 32, "written as is: no padding");
_Static_assert(offsetof(struct sh_archive_frame, flags) == 31, "as the table above says");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are written in the machine's order");

/* ---- Where bytes go and come from ---- */

/* Write all byte_count bytes, or fail with words. */
struct sh_archive_sink {
    void *context;
    enum sh_status (*write)(void *context, const void *bytes, size_t byte_count, struct sh_error *err);
};
/* Read up to byte_count bytes; *got is how many, 0 only at the end. */
struct sh_archive_source {
    void *context;
    enum sh_status (*read)(void *context, void *bytes, size_t byte_count, size_t *got, struct sh_error *err);
};

/* A sink that appends to the buffer; a source that reads bytes in memory. What they point to must outlive them. */
struct sh_archive_bytes {
    const uint8_t *bytes;
    size_t count;
    size_t at;
};
struct sh_archive_sink sh_archive_to_buffer(struct sh_buffer *buffer);
struct sh_archive_source sh_archive_from_bytes(struct sh_archive_bytes *bytes);

/* ---- Writing ---- */

struct sh_archive_section {
    char name[SH_ARCHIVE_NAME_BYTES_MAX];
    uint16_t version;
    bool is_first; /* writer: its first frame is not written yet */
    bool has_last; /* reader: its last frame was read */
};

struct sh_archive_writer {
    struct sh_archive_sink sink;
    uint8_t *bytes;      /* frames on their way to the sink; SH_ARCHIVE_FRAME_BYTES_MAX of them */
    size_t frame;        /* where the open frame begins in bytes */
    size_t at;           /* where its body goes on; frame == at: none is open */
    uint64_t checksum;   /* of the last frame closed */
    uint64_t byte_count; /* given to the sink */
    uint32_t number;     /* of the next frame */
    uint32_t depth;      /* sections open */
    struct sh_archive_section open[SH_ARCHIVE_DEPTH_MAX];
    struct sh_error error; /* status SH_OK: none */
};

/* SH_ERR_MEMORY is kept, too: init, write, finish and look at its status. deinit in any case. */
void sh_archive_writer_init(struct sh_archive_writer *writer, struct sh_archive_sink sink);
void sh_archive_writer_deinit(struct sh_archive_writer *writer);
/* Close the archive; every section begun must be ended. SH_OK: all bytes are with the sink. */
SH_MUST_CHECK enum sh_status sh_archive_finish(struct sh_archive_writer *writer, struct sh_error *err);
static inline bool sh_archive_writer_failed(const struct sh_archive_writer *writer) {
    return writer->error.status != SH_OK;
}

/* name: 1 to 12 of a-z 0-9 _; version at least 1. Sections nest up to SH_ARCHIVE_DEPTH_MAX, the outermost included. */
void sh_archive_begin(struct sh_archive_writer *writer, const char *name, uint16_t version);
void sh_archive_end(struct sh_archive_writer *writer);

/* Into the open section. Give no struct with padding: its bytes are memory that nobody chose to write. */
void sh_archive_put(struct sh_archive_writer *writer, const void *bytes, size_t byte_count);
void sh_archive_put_u8(struct sh_archive_writer *writer, uint8_t value);
void sh_archive_put_u16(struct sh_archive_writer *writer, uint16_t value);
void sh_archive_put_u32(struct sh_archive_writer *writer, uint32_t value);
void sh_archive_put_u64(struct sh_archive_writer *writer, uint64_t value);
void sh_archive_put_i64(struct sh_archive_writer *writer, int64_t value);
/* Its length as u32, and its bytes. */
void sh_archive_put_text(struct sh_archive_writer *writer, struct sh_text text);

/* ---- Reading ---- */

struct sh_archive_reader {
    struct sh_archive_source source;
    uint8_t *bytes;         /* read ahead: whole and begun frames */
    size_t bytes_capacity;  /* four frames, or all of an archive that is shorter */
    size_t bytes_at;        /* the first byte behind the current frame */
    size_t bytes_end;       /* the first byte not read yet */
    const uint8_t *at;      /* the rest of the current frame's body */
    const uint8_t *end;     /* at == end: the next frame is due */
    uint64_t checksum;      /* of the current frame */
    uint64_t offset;        /* of its end in the archive */
    uint64_t byte_count;    /* of the whole archive */
    uint32_t number;        /* of the next frame */
    uint32_t depth;         /* sections open */
    bool has_child;         /* the current frame begins a section that was not entered yet */
    bool ignores_checksums; /* for fuzzing and salvage: believe what is written */
    struct sh_archive_frame child;
    struct sh_archive_section open[SH_ARCHIVE_DEPTH_MAX];
    struct sh_error error; /* status SH_OK: none. Errors are SH_ERR_CORRUPT with the offset as position, the source's
                            * own, SH_ERR_MEMORY, or SH_ERR_UNSUPPORTED for a version from the future */
};

/* byte_count is how long the archive is, as the file system or the manifest knows it: no count that is read may
 * promise more than what is left of it, and nothing is allocated for more. deinit in any case. */
void sh_archive_reader_init(struct sh_archive_reader *reader, struct sh_archive_source source, uint64_t byte_count);
void sh_archive_reader_deinit(struct sh_archive_reader *reader);
static inline bool sh_archive_failed(const struct sh_archive_reader *reader) {
    return reader->error.status != SH_OK;
}
/* SH_OK, or the failure; fills *err (may be NULL). */
SH_MUST_CHECK enum sh_status sh_archive_status(const struct sh_archive_reader *reader, struct sh_error *err);
/* Everything must have been read, and nothing follow. */
SH_MUST_CHECK enum sh_status sh_archive_close(struct sh_archive_reader *reader, struct sh_error *err);

/* The next thing must be this section, in a version of 1 .. version_max. Returns its version, 0 on failure. */
uint16_t sh_archive_enter(struct sh_archive_reader *reader, const char *name, uint16_t version_max);
/* The section must be wholly read. */
void sh_archive_leave(struct sh_archive_reader *reader);
/* Is the next thing a section of this name? For sections that older archives do not have. */
bool sh_archive_comes(struct sh_archive_reader *reader, const char *name);
/* Pass over the rest of the section and leave it. Its bytes are verified, not understood. */
void sh_archive_skip(struct sh_archive_reader *reader);
/* Is there nothing left in the section, neither bytes nor sections? True after a failure. */
bool sh_archive_at_end(struct sh_archive_reader *reader);
/* The name of the section that comes next, in room for 13 bytes with a zero at the end; "" if none does: for dumps. */
void sh_archive_next_name(struct sh_archive_reader *reader, char *name);

/* Byte offset in the archive of what is read next. */
uint64_t sh_archive_offset(const struct sh_archive_reader *reader);
/* At most so many bytes can follow. */
uint64_t sh_archive_left(const struct sh_archive_reader *reader);

/* False on failure, and target is then all zero. */
bool sh_archive_get(struct sh_archive_reader *reader, void *target, size_t byte_count);
uint8_t sh_archive_get_u8(struct sh_archive_reader *reader);
uint16_t sh_archive_get_u16(struct sh_archive_reader *reader);
uint32_t sh_archive_get_u32(struct sh_archive_reader *reader);
uint64_t sh_archive_get_u64(struct sh_archive_reader *reader);
int64_t sh_archive_get_i64(struct sh_archive_reader *reader);
/* A u8 that must be 0 or 1. */
bool sh_archive_get_bool(struct sh_archive_reader *reader);
/* A u32 of things that follow, each of at least element_bytes: refused if it is over count_max or if so many cannot
 * follow. `what` names them in the error: "value bitmaps". 0 on failure. */
uint32_t sh_archive_get_count(struct sh_archive_reader *reader, uint32_t count_max, size_t element_bytes,
                              const char *what);
/* An array of count elements, to be freed with sh_free; NULL on failure, which includes more bytes than are left. Never
 * NULL else: a count of 0 gives memory too. */
void *sh_archive_get_array(struct sh_archive_reader *reader, uint64_t count, size_t element_bytes);
/* A text of at most bytes_max, in memory to be freed with sh_free; empty, with bytes NULL, on failure. Not checked to
 * be UTF-8. */
struct sh_text sh_archive_get_text(struct sh_archive_reader *reader, uint32_t bytes_max, const char *what);

/* ---- Looking at an archive without knowing its content ---- */

struct sh_archive_entry {
    char name[SH_ARCHIVE_NAME_BYTES_MAX + 1];
    uint16_t version;
    uint32_t depth; /* 0: directly in the archive */
    uint64_t offset;
    uint64_t byte_count; /* with the sections in it and all heads of frames */
};

/* Read a whole archive and list its sections in the order in which they begin; *entries is for sh_free, whatever is
 * returned. On a failure those stand there that began before it; the last of them, or one around it, is damaged. */
SH_MUST_CHECK enum sh_status sh_archive_list(struct sh_archive_source source, uint64_t byte_count,
                                             struct sh_archive_entry **entries, uint32_t *entry_count,
                                             struct sh_error *err);

/* ---- Refusing ---- */

/* What was read cannot be: SH_ERR_CORRUPT, with the section's path and the offset before these words. */
enum sh_status sh_archive_refuse(struct sh_archive_reader *reader, const char *format, ...) SH_PRINTF(2, 3);
/* Memory is out. */
enum sh_status sh_archive_refuse_memory(struct sh_archive_reader *reader);

#endif
