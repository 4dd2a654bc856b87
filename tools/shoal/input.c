#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "memory.h"

enum packing { PACKING_UNKNOWN, PACKING_PLAIN, PACKING_GZIP, PACKING_ZSTD };

struct input {
    int file;
    bool owns_file;
    const uint8_t *memory; /* of input_open_memory, instead of a file; what is not read yet */
    size_t memory_left, piece_bytes;
    bool file_ended;
    enum packing packing;
    char path[256]; /* for words, cut if longer */
    uint64_t file_position;
    uint64_t file_bytes;

    char *window;
    size_t start; /* first unread byte */
    size_t end;
    size_t capacity;
    size_t chunk_bytes; /* INPUT_CHUNK_BYTES, or what is enough for a few bytes in memory */

    uint8_t *raw; /* compressed bytes from the file */
    size_t raw_start, raw_end;
    z_stream gzip;
    bool gzip_open;
    bool unit_ended; /* a gzip member or zstd frame is whole: another may follow, or the end */
    ZSTD_DStream *zstd;
};

static struct input *input_new(const char *name) {
    struct input *input = sh_alloc_zero(sizeof *input);
    if (input == NULL) return NULL;
    input->file = -1;
    input->chunk_bytes = INPUT_CHUNK_BYTES;
    (void)strncpy(input->path, name, sizeof input->path - 1);
    return input;
}

enum sh_status input_open(const char *path, struct input **result, struct sh_error *err) {
    *result = NULL;
    const bool is_standard = strcmp(path, "-") == 0;
    struct input *input = input_new(is_standard ? "standard input" : path);
    if (input == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to open %s", path);
    input->file = is_standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    input->owns_file = !is_standard;
    struct stat info;
    if (input->file < 0 || fstat(input->file, &info) != 0) {
        const int reason = errno;
        input_close(input);
        return sh_fail(err, SH_ERR_IO, -1, "%s: %s", path, strerror(reason));
    }
    if (S_ISDIR(info.st_mode)) {
        input_close(input);
        return sh_fail(err, SH_ERR_IO, -1, "%s is a folder; a file is needed", path);
    }
    if (S_ISREG(info.st_mode)) input->file_bytes = (uint64_t)info.st_size;
    *result = input;
    return SH_OK;
}

enum sh_status input_open_memory(const void *bytes, size_t byte_count, size_t piece_bytes, struct input **result,
                                 struct sh_error *err) {
    struct input *input = input_new("memory");
    *result = input;
    if (input == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to open %zu bytes", byte_count);
    input->memory = bytes;
    input->memory_left = byte_count;
    input->piece_bytes = piece_bytes == 0 ? SIZE_MAX : piece_bytes;
    input->file_ended = byte_count == 0;
    input->file_bytes = byte_count;
    if (byte_count < INPUT_CHUNK_BYTES) input->chunk_bytes = byte_count + 4096;
    return SH_OK;
}

void input_close(struct input *input) {
    if (input == NULL) return;
    if (input->gzip_open) (void)inflateEnd(&input->gzip);
    ZSTD_freeDStream(input->zstd);
    if (input->owns_file && input->file >= 0) (void)close(input->file);
    sh_free(input->window);
    sh_free(input->raw);
    sh_free(input);
}

const char *input_at(const struct input *input, size_t *byte_count) {
    *byte_count = input->end - input->start;
    return input->window == NULL ? "" : input->window + input->start;
}

void input_advance(struct input *input, size_t byte_count) {
    sh_assert(byte_count <= input->end - input->start);
    input->start += byte_count;
}

uint64_t input_file_position(const struct input *input) {
    return input->file_position;
}

uint64_t input_file_bytes(const struct input *input) {
    return input->file_bytes;
}

static size_t read_memory(struct input *input, void *target, size_t byte_count) {
    if (byte_count > input->piece_bytes) byte_count = input->piece_bytes;
    if (byte_count > input->memory_left) byte_count = input->memory_left;
    memcpy(target, input->memory, byte_count);
    input->memory += byte_count;
    input->memory_left -= byte_count;
    return byte_count;
}

/* Up to byte_count bytes of the file; 0 at its end. */
static enum sh_status read_file(struct input *input, void *target, size_t byte_count, size_t *read_count,
                                struct sh_error *err) {
    *read_count = 0;
    if (input->file_ended) return SH_OK;
    for (;;) {
        const ssize_t got = input->memory != NULL ? (ssize_t)read_memory(input, target, byte_count)
                                                  : read(input->file, target, byte_count);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return sh_fail(err, SH_ERR_IO, -1, "%s: %s", input->path, strerror(errno));
        if (got == 0) input->file_ended = true;
        input->file_position += (uint64_t)got;
        *read_count = (size_t)got;
        return SH_OK;
    }
}

/* Room for one chunk behind the unread bytes; they move to the front of the window first. */
static enum sh_status make_room(struct input *input, struct sh_error *err) {
    if (input->start > 0) {
        memmove(input->window, input->window + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
    }
    if (input->capacity - input->end >= input->chunk_bytes) return SH_OK;
    size_t wanted = input->capacity + input->capacity / 2;
    if (wanted > INPUT_WINDOW_BYTES_MAX) wanted = INPUT_WINDOW_BYTES_MAX;
    if (wanted < input->end + input->chunk_bytes) wanted = input->end + input->chunk_bytes;
    if (wanted > INPUT_WINDOW_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "%s: more than %d bytes without an end", input->path,
                       INPUT_WINDOW_BYTES_MAX - INPUT_CHUNK_BYTES);
    char *grown = sh_realloc(input->window, input->end, wanted);
    if (grown == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to read %s", input->path);
    input->window = grown;
    input->capacity = wanted;
    return SH_OK;
}

/* The first bytes say how a file is packed. RFC 1952: 1F 8B. RFC 8878: a frame begins with 28 B5 2F FD, a frame to be
 * skipped, which some packers write first, with 5x 2A 4D 18. */
static enum packing packing_of(const uint8_t *bytes, size_t byte_count) {
    if (byte_count >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B) return PACKING_GZIP;
    if (byte_count < 4) return PACKING_PLAIN;
    if (bytes[0] == 0x28 && bytes[1] == 0xB5 && bytes[2] == 0x2F && bytes[3] == 0xFD) return PACKING_ZSTD;
    if ((bytes[0] & 0xF0) == 0x50 && bytes[1] == 0x2A && bytes[2] == 0x4D && bytes[3] == 0x18) return PACKING_ZSTD;
    return PACKING_PLAIN;
}

static enum sh_status detect_packing(struct input *input, struct sh_error *err) {
    if (input->raw == NULL) input->raw = sh_alloc(input->chunk_bytes);
    if (input->raw == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to read %s", input->path);
    while (input->raw_end < 4 && !input->file_ended) {
        size_t got;
        const enum sh_status status =
            read_file(input, input->raw + input->raw_end, input->chunk_bytes - input->raw_end, &got, err);
        if (status != SH_OK) return status;
        input->raw_end += got;
    }
    const enum packing packing = packing_of(input->raw, input->raw_end);
    if (packing == PACKING_GZIP) {
        if (inflateInit2(&input->gzip, 15 + 16) != Z_OK) /* 16: expect a gzip header */
            return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to unpack %s", input->path);
        input->gzip_open = true;
    } else if (packing == PACKING_ZSTD) {
        input->zstd = ZSTD_createDStream();
        if (input->zstd == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to unpack %s", input->path);
    }
    input->packing = packing;
    return SH_OK;
}

static enum sh_status unpack_gzip(struct input *input, struct sh_error *err) {
    if (input->unit_ended) { /* gzip files may be put end to end */
        if (inflateReset(&input->gzip) != Z_OK)
            return sh_fail(err, SH_ERR_CORRUPT, -1, "%s: damaged gzip data", input->path);
        input->unit_ended = false;
    }
    input->gzip.next_in = input->raw + input->raw_start;
    input->gzip.avail_in = (uInt)(input->raw_end - input->raw_start);
    input->gzip.next_out = (Bytef *)input->window + input->end;
    input->gzip.avail_out = (uInt)input->chunk_bytes;
    const int result = inflate(&input->gzip, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "%s: damaged gzip data near byte %llu of the file", input->path,
                       (unsigned long long)(input->file_position - input->gzip.avail_in));
    input->raw_start = input->raw_end - input->gzip.avail_in;
    input->end += input->chunk_bytes - input->gzip.avail_out;
    input->unit_ended = result == Z_STREAM_END;
    return SH_OK;
}

static enum sh_status unpack_zstd(struct input *input, struct sh_error *err) {
    ZSTD_inBuffer source = {input->raw + input->raw_start, input->raw_end - input->raw_start, 0};
    ZSTD_outBuffer target = {input->window + input->end, input->chunk_bytes, 0};
    const size_t result = ZSTD_decompressStream(input->zstd, &target, &source);
    if (ZSTD_isError(result))
        return sh_fail(err, SH_ERR_CORRUPT, -1, "%s: damaged zstd data near byte %llu of the file: %s", input->path,
                       (unsigned long long)input->file_position, ZSTD_getErrorName(result));
    input->raw_start += source.pos;
    input->end += target.pos;
    input->unit_ended = result == 0;
    return SH_OK;
}

static enum sh_status more_plain(struct input *input, struct sh_error *err) {
    size_t got = input->raw_end - input->raw_start; /* what detect_packing read */
    if (got > 0) {
        memcpy(input->window + input->end, input->raw + input->raw_start, got);
        input->raw_start = input->raw_end;
    } else {
        const enum sh_status status = read_file(input, input->window + input->end, input->chunk_bytes, &got, err);
        if (status != SH_OK) return status;
    }
    input->end += got;
    return SH_OK;
}

/* Unpacks until there is something new, or the end. */
static enum sh_status more_packed(struct input *input, struct sh_error *err) {
    const size_t before = input->end;
    while (input->end == before) {
        bool ended = false;
        if (input->raw_start == input->raw_end) {
            input->raw_start = input->raw_end = 0;
            const enum sh_status status = read_file(input, input->raw, input->chunk_bytes, &input->raw_end, err);
            if (status != SH_OK) return status;
            ended = input->raw_end == 0;
        }
        if (ended && input->unit_ended) return SH_OK;
        /* At the end, too: the unpacker may hold bytes that did not fit the last chunk. */
        const enum sh_status status =
            input->packing == PACKING_GZIP ? unpack_gzip(input, err) : unpack_zstd(input, err);
        if (status != SH_OK) return status;
        if (ended && input->end == before && !input->unit_ended)
            return sh_fail(err, SH_ERR_CORRUPT, -1, "%s: the compressed data ends too early", input->path);
    }
    return SH_OK;
}

enum sh_status input_more(struct input *input, bool *at_end, struct sh_error *err) {
    enum sh_status status;
    *at_end = false;
    if (input->packing == PACKING_UNKNOWN && (status = detect_packing(input, err)) != SH_OK) return status;
    if ((status = make_room(input, err)) != SH_OK) return status;
    const size_t before = input->end;
    status = input->packing == PACKING_PLAIN ? more_plain(input, err) : more_packed(input, err);
    *at_end = status == SH_OK && input->end == before;
    return status;
}

int input_descriptor(const struct input *input) {
    return input->file;
}

void input_look_again(struct input *input) {
    if (input->packing == PACKING_PLAIN && input->memory == NULL) input->file_ended = false;
}

enum sh_status input_pass_line(struct input *input, bool *at_end, struct sh_error *err) {
    for (;;) {
        size_t byte_count;
        const char *at = input_at(input, &byte_count);
        const char *feed = memchr(at, '\n', byte_count);
        input_advance(input, feed == NULL ? byte_count : (size_t)(feed - at) + 1);
        if (feed != NULL || *at_end) return SH_OK;
        const enum sh_status status = input_more(input, at_end, err);
        if (status != SH_OK) return status;
    }
}
