#include "follow.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hash.h"
#include "input.h"
#include "memory.h"

/* One file that is read. */
struct tail {
    const struct follow_sink *sink;
    const char *prefix;
    const char *path;
    struct input *input;
    char source[80];     /* "" while its first line is not there */
    uint64_t first_hash; /* of the first line */
    size_t first_bytes;  /* of it */
    char *header;        /* with its line end, if there is one */
    size_t header_bytes;
    uint64_t at;          /* bytes that are done with */
    uint64_t known_bytes; /* what the server knew of it when it was opened; 0: nothing */
    uint64_t line_number;
    ino_t inode;
    dev_t device;
};

static void pause_for(int64_t milliseconds) {
    const struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    (void)nanosleep(&pause, NULL);
}

static enum sh_status tail_open(struct tail *tail, const struct follow_sink *sink, const char *prefix,
                                const char *path) {
    struct stat info;
    *tail = (struct tail){.sink = sink, .prefix = prefix, .path = path};
    const enum sh_status status = input_open(path, &tail->input, sink->err);
    if (status != SH_OK) return status;
    if (fstat(input_descriptor(tail->input), &info) == 0) {
        tail->inode = info.st_ino;
        tail->device = info.st_dev;
    }
    return SH_OK;
}

static void tail_close(struct tail *tail) {
    input_close(tail->input);
    sh_free(tail->header);
    tail->input = NULL;
    tail->header = NULL;
}

/* More unread bytes; *is_more is false when there are none now. */
static enum sh_status read_more(struct tail *tail, bool *is_more) {
    bool at_end;
    input_look_again(tail->input);
    const enum sh_status status = input_more(tail->input, &at_end, tail->sink->err);
    *is_more = !at_end;
    return status;
}

/* --- batches --- */

/* Where the line ends, behind its line feed; 0: its end is not there. In CSV a quote at a field's begin opens it, and line
 * ends are part of it until it is closed. */
static size_t line_end(const struct follow_sink *sink, const char *bytes, size_t byte_count) {
    const char *feed = memchr(bytes, '\n', byte_count);
    if (feed == NULL) return 0;
    if (sink->delimiter == 0 || memchr(bytes, '"', (size_t)(feed - bytes)) == NULL) return (size_t)(feed - bytes) + 1;
    bool is_begin = true;
    for (size_t i = 0; i < byte_count; i++) {
        if (is_begin && bytes[i] == '"') {
            for (i++; i < byte_count; i++) {
                if (bytes[i] != '"') continue;
                if (i + 1 == byte_count || bytes[i + 1] != '"') break;
                i++;
            }
            is_begin = false;
        } else if (bytes[i] == '\n') {
            return i + 1;
        } else {
            is_begin = bytes[i] == sink->delimiter;
        }
    }
    return 0;
}

static uint64_t count_feeds(const char *bytes, size_t byte_count) {
    uint64_t count = 0;
    for (const char *at = bytes; (at = memchr(at, '\n', byte_count - (size_t)(at - bytes))) != NULL; at++)
        count++;
    return count;
}

/* One line to who takes them one by one. */
static enum sh_status take_line(struct tail *tail, struct sh_text line, uint64_t place) {
    struct stream *stream = tail->sink->stream;
    if (line.count > 0 && line.bytes[line.count - 1] == '\n') line.count--;
    if (line.count > 0 && line.bytes[line.count - 1] == '\r') line.count--;
    if (line.count == 0) return SH_OK;
    stream_add_line(stream, line, tail->line_number + 1);
    if (line.count > STREAM_LINE_BYTES_MAX)
        return stream_reject(stream, tail->path, SH_TEXT_LITERAL("a line of more than 1 MiB"));
    return tail->sink->take(tail->sink->context, tail->path, line, place);
}

/* Whole lines of the window, up to `limit` of its bytes, as many as a batch has; with is_whole what has no line end is a
 * line too. Those that are taken one by one are taken. *used is 0 when there was none. */
static enum sh_status take_lines(struct tail *tail, size_t limit, bool is_whole, bool is_passed, size_t *used) {
    const struct follow_sink *sink = tail->sink;
    size_t byte_count;
    const char *bytes = input_at(tail->input, &byte_count);
    if (byte_count > limit) byte_count = limit;
    size_t done = 0;
    enum sh_status status = SH_OK;
    const uint64_t line_number = tail->line_number;
    for (uint32_t count = 0; done < byte_count && status == SH_OK; count++) {
        if (sink->take != NULL ? stream_is_full(sink->stream)
                               : count == STREAM_LINE_COUNT_MAX || done >= STREAM_BATCH_BYTES)
            break;
        size_t length = line_end(sink, bytes + done, byte_count - done);
        if (length == 0 && !is_whole) break;
        if (length == 0) length = byte_count - done;
        const struct sh_text line = {bytes + done, (uint32_t)length};
        done += length;
        if (sink->take != NULL && !is_passed) status = take_line(tail, line, tail->at + done);
        tail->line_number += sink->delimiter == 0 ? 1 : count_feeds(line.bytes, line.count);
    }
    if (status == SH_OK && done > 0 && sink->window != NULL)
        status = sink->window(sink->context, tail->path, (struct sh_text){tail->header, (uint32_t)tail->header_bytes},
                              (struct sh_text){bytes, (uint32_t)done}, line_number, is_passed);
    *used = done;
    return status;
}

/* The lines of the window, up to `limit` of its bytes, as one batch that ends there. */
static enum sh_status send_window(struct tail *tail, size_t limit, bool is_whole, size_t *used) {
    struct stream *stream = tail->sink->stream;
    size_t byte_count;
    (void)input_at(tail->input, &byte_count);
    stream_begin(stream);
    enum sh_status status = take_lines(tail, limit, is_whole, false, used);
    if (status == SH_OK && *used > 0) status = stream_send(stream, tail->source, tail->at + *used);
    if (status != SH_OK) return status;
    input_advance(tail->input, *used);
    tail->at += *used;
    if (*used == 0 && byte_count > FOLLOW_LONG_LINE_BYTES && limit >= byte_count)
        return sh_fail(tail->sink->err, SH_ERR_TOO_LARGE, -1, "%s: a line of more than %d bytes at byte %" PRIu64,
                       tail->path, FOLLOW_LONG_LINE_BYTES, tail->at);
    return SH_OK;
}

/* --- who it is, and how far it was read --- */

/* What it begins with: the first line, with a header the first two; 0: not all of that is there. */
static size_t begin_bytes(struct tail *tail, const char *bytes, size_t byte_count, bool is_whole) {
    const struct follow_sink *sink = tail->sink;
    size_t header = 0;
    if (sink->has_header) {
        header = line_end(sink, bytes, byte_count);
        if (header == 0) return 0;
    }
    size_t line = line_end(sink, bytes + header, byte_count - header);
    if (line == 0 && is_whole) line = byte_count - header;
    tail->header_bytes = header;
    return line == 0 ? 0 : header + line;
}

static enum sh_status keep_header(struct tail *tail, const char *bytes) {
    tail->header = sh_alloc(tail->header_bytes + 1);
    if (tail->header == NULL) return sh_fail(tail->sink->err, SH_ERR_MEMORY, -1, "no memory to follow a file");
    memcpy(tail->header, bytes, tail->header_bytes);
    return SH_OK;
}

/* Its first line, if that is there whole: *is_there. */
static enum sh_status read_first_line(struct tail *tail, bool is_whole, bool *is_there) {
    size_t byte_count;
    for (;;) {
        bool is_more;
        const char *bytes = input_at(tail->input, &byte_count);
        tail->first_bytes = begin_bytes(tail, bytes, byte_count, false);
        if (tail->first_bytes > 0) break;
        if (byte_count > FOLLOW_LONG_LINE_BYTES)
            return sh_fail(tail->sink->err, SH_ERR_TOO_LARGE, -1, "%s: a line of more than %d bytes", tail->path,
                           FOLLOW_LONG_LINE_BYTES);
        const enum sh_status status = read_more(tail, &is_more);
        if (status != SH_OK) return status;
        if (!is_more) break;
    }
    const char *bytes = input_at(tail->input, &byte_count);
    if (tail->first_bytes == 0 && is_whole) tail->first_bytes = begin_bytes(tail, bytes, byte_count, true);
    *is_there = tail->first_bytes > 0;
    if (!*is_there) return SH_OK;
    /* Without its line feed, with which it may not have come yet. */
    if (bytes[tail->first_bytes - 1] == '\n') tail->first_bytes--;
    tail->first_hash = sh_hash_bytes(bytes, tail->first_bytes, 0);
    (void)snprintf(tail->source, sizeof tail->source, "%s-%016" PRIx64, tail->prefix, tail->first_hash);
    return tail->header == NULL ? keep_header(tail, bytes) : SH_OK;
}

/* So many unread bytes are in the window, or the file ends before: *are_there. */
static enum sh_status need_bytes(struct tail *tail, size_t wanted, bool *are_there) {
    for (;;) {
        size_t byte_count;
        bool is_more = false;
        (void)input_at(tail->input, &byte_count);
        *are_there = byte_count >= wanted;
        if (*are_there) return SH_OK;
        const enum sh_status status = read_more(tail, &is_more);
        if (status != SH_OK || !is_more) return status;
    }
}

/* Pass by what was done before; who counts lines sees them. */
static enum sh_status pass_by(struct tail *tail, size_t byte_count) {
    size_t used = byte_count;
    if (tail->sink->window != NULL && tail->at >= tail->header_bytes) {
        const enum sh_status status = take_lines(tail, byte_count, true, true, &used);
        if (status != SH_OK) return status;
    } else {
        size_t there;
        tail->line_number += count_feeds(input_at(tail->input, &there), byte_count);
    }
    input_advance(tail->input, used);
    tail->at += used;
    return SH_OK;
}

static enum sh_status skip_to(struct tail *tail, uint64_t begin, bool *are_there) {
    *are_there = true;
    while (tail->at < begin && *are_there) {
        size_t byte_count;
        size_t used = 0;
        enum sh_status status = need_bytes(tail, 1, are_there);
        if (status != SH_OK) return status;
        const char *bytes = input_at(tail->input, &byte_count);
        if (byte_count > begin - tail->at) byte_count = (size_t)(begin - tail->at);
        if (tail->sink->window != NULL) { /* whole lines only */
            const bool is_header = tail->at < tail->header_bytes;
            for (size_t length; used < byte_count && (!is_header || used == 0); used += length) {
                length = line_end(tail->sink, bytes + used, byte_count - used);
                if (length == 0) break;
                if (used + length > STREAM_BATCH_BYTES && used > 0) break;
            }
            if (used == 0 && tail->at + byte_count < begin) {
                status = need_bytes(tail, byte_count + 1, are_there);
                if (status != SH_OK) return status;
                continue;
            }
            if (used > 0) byte_count = used;
        }
        if (byte_count > 0 && (status = pass_by(tail, byte_count)) != SH_OK) return status;
    }
    return SH_OK;
}

/* Go to where the server says, and send again what was under way. */
static enum sh_status resume(struct tail *tail) {
    uint64_t begin;
    uint64_t end;
    bool are_there;
    size_t used = 0;
    struct stream *stream = tail->sink->stream;
    if (tail->sink->begin != NULL) tail->sink->begin(tail->sink->context);
    enum sh_status status = stream_resume(stream, tail->source, &begin, &end);
    if (status == SH_OK && begin < tail->header_bytes) begin = tail->header_bytes;
    if (status == SH_OK && end == 0) return skip_to(tail, begin, &are_there);
    if (status != SH_OK) return status;
    tail->known_bytes = end;
    status = skip_to(tail, begin, &are_there);
    if (status == SH_OK && are_there) status = need_bytes(tail, (size_t)(end - tail->at), &are_there);
    if (status != SH_OK) return status;
    if (!are_there) {
        (void)sh_fail(stream->err, SH_ERR_CONFLICT, -1,
                      "%s begins like a file that was read up to byte %" PRIu64 ", and is shorter", tail->path, end);
        return sh_fail_hint(stream->err, SH_ERR_CONFLICT, "--source NAME reads it as another one");
    }
    stream->repeated++;
    status = send_window(tail, (size_t)(end - tail->at), true, &used);
    if (status == SH_OK && tail->at != end)
        return sh_fail(stream->err, SH_ERR_CONFLICT, -1, "%s: the batch that ends at byte %" PRIu64 " is another now",
                       tail->path, end);
    return status;
}

/* --- a file that grows no more --- */

/* From where the tail is to the end. */
static enum sh_status read_rest(struct tail *tail) {
    const volatile sig_atomic_t *stop = tail->sink->stream->stop;
    for (bool is_more = true; *stop == 0;) {
        size_t used;
        enum sh_status status = send_window(tail, SIZE_MAX, !is_more, &used);
        if (status != SH_OK) return status;
        if (used > 0) continue;
        if (!is_more) return SH_OK;
        if ((status = read_more(tail, &is_more)) != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status begin_tail(struct tail *tail, bool is_whole, bool *has_begun) {
    const enum sh_status status = read_first_line(tail, is_whole, has_begun);
    return status == SH_OK && *has_begun ? resume(tail) : status;
}

enum sh_status follow_whole(const struct follow_sink *sink, const char *prefix, const char *path) {
    struct tail tail;
    bool has_begun;
    enum sh_status status = tail_open(&tail, sink, prefix, path);
    if (status != SH_OK) return status;
    status = begin_tail(&tail, true, &has_begun);
    if (status == SH_OK && has_begun) status = read_rest(&tail);
    tail_close(&tail);
    return status;
}

/* --- what was rotated away --- */

/* Of one live file. */
struct follower {
    const struct follow_sink *sink;
    const char *prefix;
    const char *path;
    struct done {
        uint64_t hash; /* of the first line */
        off_t size;
    } done[FOLLOW_SIBLING_COUNT_MAX]; /* siblings that were read by this process */
    uint32_t done_count;
};

struct sibling {
    const char *path;
    struct timespec changed;
};

static int compare_age(const void *left, const void *right) {
    const struct sibling *a = left;
    const struct sibling *b = right;
    if (a->changed.tv_sec != b->changed.tv_sec) return a->changed.tv_sec < b->changed.tv_sec ? -1 : 1;
    if (a->changed.tv_nsec != b->changed.tv_nsec) return a->changed.tv_nsec < b->changed.tv_nsec ? -1 : 1;
    return strcmp(b->path, a->path); /* .2 is older than .1 */
}

/* Who writes it may not have seen yet that it was moved. */
static void wait_until_still(const char *path, const volatile sig_atomic_t *stop) {
    struct stat info;
    while (*stop == 0 && stat(path, &info) == 0 && time(NULL) - info.st_mtim.tv_sec <= FOLLOW_STILL_S)
        pause_for(FOLLOW_POLL_MS);
}

/* Was it read to this size by this process? What an earlier one has read to its end is read again from its last batch on:
 * that may be done in part only. */
static bool is_done(const struct follower *follower, uint64_t hash, off_t size) {
    for (uint32_t i = 0; i < follower->done_count; i++)
        if (follower->done[i].hash == hash && follower->done[i].size == size) return true;
    return false;
}

/* Read a sibling if the server knows it, or has known an older one. */
static enum sh_status take_sibling(struct follower *follower, const char *path, bool *is_known) {
    const struct follow_sink *sink = follower->sink;
    struct tail tail;
    struct stat info;
    uint64_t begin;
    uint64_t end = 0;
    bool has_begun;
    enum sh_status status = tail_open(&tail, sink, follower->prefix, path);
    if (status != SH_OK) return SH_OK; /* it was removed meanwhile */
    status = read_first_line(&tail, true, &has_begun);
    if (status == SH_OK && has_begun) status = stream_resume(sink->stream, tail.source, &begin, &end);
    tail_close(&tail);
    if (status != SH_OK || !has_begun) return status;
    *is_known = *is_known || end > 0;
    if (!*is_known || (stat(path, &info) == 0 && is_done(follower, tail.first_hash, info.st_size))) return SH_OK;
    wait_until_still(path, sink->stream->stop);
    if (stat(path, &info) != 0) return SH_OK;
    status = follow_whole(sink, follower->prefix, path);
    if (status != SH_OK || *sink->stream->stop != 0) return status;
    follower->done[follower->done_count % FOLLOW_SIBLING_COUNT_MAX] = (struct done){tail.first_hash, info.st_size};
    if (follower->done_count < FOLLOW_SIBLING_COUNT_MAX) follower->done_count++;
    return SH_OK;
}

static enum sh_status catch_up(struct follower *follower) {
    const struct follow_sink *sink = follower->sink;
    const char *path = follower->path;
    static const char *const patterns[] = {".*", "-*"};
    char pattern[PATH_MAX + 8];
    glob_t found = {0};
    struct sibling siblings[FOLLOW_SIBLING_COUNT_MAX];
    uint32_t count = 0;
    bool is_known = false;
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < 2; i++) {
        (void)snprintf(pattern, sizeof pattern, "%s%s", path, patterns[i]);
        (void)glob(pattern, i > 0 ? GLOB_APPEND : 0, NULL, &found);
    }
    for (size_t i = 0; i < found.gl_pathc && count < FOLLOW_SIBLING_COUNT_MAX; i++) {
        struct stat info;
        if (stat(found.gl_pathv[i], &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) continue;
        siblings[count++] = (struct sibling){found.gl_pathv[i], info.st_mtim};
    }
    qsort(siblings, count, sizeof *siblings, compare_age);
    for (uint32_t i = 0; i < count && status == SH_OK && *sink->stream->stop == 0; i++)
        status = take_sibling(follower, siblings[i].path, &is_known);
    globfree(&found);
    return status;
}

/* --- the live file --- */

enum change { CHANGE_NONE, CHANGE_MOVED, CHANGE_CUT };

/* Does the file that is open still begin as it did? Its own bytes are asked, whatever its name points to by now. */
static bool is_cut(const struct tail *tail) {
    struct stat info;
    const int file = input_descriptor(tail->input);
    if (fstat(file, &info) != 0) return false;
    if ((uint64_t)info.st_size < tail->at) return true;
    if (tail->source[0] == '\0') return false;
    char *first = sh_alloc(tail->first_bytes + 1);
    if (first == NULL) return false;
    const ssize_t got = pread(file, first, tail->first_bytes, 0);
    const bool is_same =
        got < 0 || ((size_t)got == tail->first_bytes && sh_hash_bytes(first, tail->first_bytes, 0) == tail->first_hash);
    sh_free(first);
    return !is_same;
}

static enum change look(const struct tail *tail) {
    struct stat info;
    if (is_cut(tail)) return CHANGE_CUT;
    if (stat(tail->path, &info) != 0) return CHANGE_NONE; /* moved away, and nothing there yet: it may still grow */
    return info.st_ino != tail->inode || info.st_dev != tail->device ? CHANGE_MOVED : CHANGE_NONE;
}

/* Until the file changes or the end is asked for. */
static enum sh_status read_live(struct follower *follower, struct tail *tail, enum change *change) {
    const volatile sig_atomic_t *stop = tail->sink->stream->stop;
    uint32_t still = 0;
    *change = CHANGE_NONE;
    while (*stop == 0) {
        bool has_begun = tail->source[0] != '\0';
        bool is_more = false;
        size_t used = 0;
        enum sh_status status = SH_OK;
        /* Before what is new is taken: it may be another file's. */
        const enum change now = look(tail);
        if (now == CHANGE_CUT) {
            *change = now;
            return SH_OK;
        }
        if (!has_begun) {
            status = begin_tail(tail, false, &has_begun);
            /* From here on it is seen when this file is cut short; one that was cut before now stands among the others. */
            if (status == SH_OK && has_begun) status = catch_up(follower);
            if (status == SH_OK && has_begun) continue;
        }
        if (status == SH_OK && has_begun) status = send_window(tail, SIZE_MAX, false, &used);
        if (status == SH_OK && used == 0) status = read_more(tail, &is_more);
        if (status != SH_OK) return status;
        still = used > 0 || is_more || now == CHANGE_NONE ? 0 : still + 1;
        if (still > FOLLOW_GRACE_POLLS) {
            *change = CHANGE_MOVED;
            return SH_OK;
        }
        if (used == 0 && !is_more) pause_for(FOLLOW_POLL_MS);
    }
    return SH_OK;
}

static bool wait_for(const char *path, const volatile sig_atomic_t *stop) {
    struct stat info;
    while (*stop == 0) {
        if (stat(path, &info) == 0) return true;
        pause_for(FOLLOW_POLL_MS);
    }
    return false;
}

enum sh_status follow_live(const struct follow_sink *sink, const char *prefix, const char *path) {
    const volatile sig_atomic_t *stop = sink->stream->stop;
    enum sh_status status = SH_OK;
    struct follower follower = {.sink = sink, .prefix = prefix, .path = path};
    while (status == SH_OK && wait_for(path, stop)) {
        struct tail tail;
        enum change change = CHANGE_NONE;
        /* It is held before the others are looked over: what is moved away meanwhile is this one, and no other is missed.
         * The others are looked over now, since this one may be empty for long, and when its first line has come. */
        if (tail_open(&tail, sink, prefix, path) != SH_OK) continue; /* moved away since */
        status = catch_up(&follower);
        if (status == SH_OK) status = read_live(&follower, &tail, &change);
        /* What was moved away and is still: a last line without its end is a line. */
        if (status == SH_OK && change == CHANGE_MOVED && tail.source[0] != '\0') status = read_rest(&tail);
        tail_close(&tail);
    }
    return status;
}
