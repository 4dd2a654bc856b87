/* roaring_format.c -- RoaringFormatSpec bytes out and in. */
#include "roaring_format.h"

#include <string.h>

#include "bitmap_private.h"

enum {
    COOKIE_PLAIN = 12346,
    COOKIE_RUNS = 12347,
    OFFSETS_FROM_COUNT = 4,         /* with run containers, fewer containers than this have no offsets */
    ARRAY_CARDINALITY_MAX = 4096,   /* above, a container that is not runs is a bitset */
    CONTAINER_COUNT_MAX = 65536,    /* one for each upper half of a key */
    CONTAINER_HEADER_BYTES = 2 + 2, /* key, cardinality - 1 */
    RUN_BYTES = 4,
};

/* Bytes of a container's data. */
static uint32_t plain_container_bytes(uint32_t cardinality) {
    return cardinality <= ARRAY_CARDINALITY_MAX ? 2 * cardinality : (uint32_t)SH_BLOCK_BYTES;
}
static uint32_t runs_container_bytes(uint32_t run_count) {
    return 2 + RUN_BYTES * run_count;
}

/* ---- Writing ---- */

/* What is known of one block before its bytes are written. */
struct container_plan {
    uint32_t byte_count;
    uint32_t run_count; /* 0 if it is not written as runs */
};

static struct container_plan plan_container(struct sh_block_view view) {
    const uint32_t plain_bytes = plain_container_bytes(view.count);
    const uint32_t run_count = sh_block_run_count(view);
    const uint32_t runs_bytes = runs_container_bytes(run_count);
    if (runs_bytes <= plain_bytes) return (struct container_plan){runs_bytes, run_count};
    return (struct container_plan){plain_bytes, 0};
}

struct layout {
    uint32_t container_count;
    bool has_runs;
    uint64_t data_bytes;
};

static struct layout layout_of(const struct sh_bitmap *bitmap) {
    struct layout layout = {0};
    for (uint32_t i = 0; i < sh_bitmap_block_count(bitmap); i++) {
        const struct sh_block_view view = sh_bitmap_block(bitmap, i);
        if (view.count == 0) continue;
        const struct container_plan plan = plan_container(view);
        layout.container_count++;
        layout.has_runs = layout.has_runs || plan.run_count != 0;
        layout.data_bytes += plan.byte_count;
    }
    return layout;
}

/* Bytes from the cookie to the first container's data. */
static uint64_t header_bytes(bool has_runs, uint32_t container_count) {
    const bool has_offsets = !has_runs || container_count >= OFFSETS_FROM_COUNT;
    const uint64_t start_bytes = has_runs ? 4 + (container_count + 7) / 8 : 4 + 4;
    return start_bytes + (uint64_t)container_count * (CONTAINER_HEADER_BYTES + (has_offsets ? 4u : 0u));
}

uint64_t sh_roaring_byte_count(const struct sh_bitmap *bitmap) {
    const struct layout layout = layout_of(bitmap);
    return header_bytes(layout.has_runs, layout.container_count) + layout.data_bytes;
}

static uint8_t *put_u16(uint8_t *at, uint32_t number) {
    at[0] = (uint8_t)number;
    at[1] = (uint8_t)(number >> 8);
    return at + 2;
}
static uint8_t *put_u32(uint8_t *at, uint32_t number) {
    return put_u16(put_u16(at, number & 0xffff), number >> 16);
}
static uint8_t *put_words(uint8_t *at, const uint64_t *words) {
    for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++)
        at = put_u32(put_u32(at, (uint32_t)words[i]), (uint32_t)(words[i] >> 32));
    return at;
}

/* Scratch of one container: its runs are at most 32,768, its list at most 4,096. */
union container_room {
    uint64_t words[SH_BLOCK_WORDS];
    uint16_t list[ARRAY_CARDINALITY_MAX];
    struct sh_run runs[SH_BLOCK_BYTES / sizeof(struct sh_run)];
};

static uint8_t *put_container(uint8_t *at, struct sh_block_view view) {
    const struct container_plan plan = plan_container(view);
    union container_room room;
    if (plan.run_count != 0) { /* fewer than 2,048, or bits would be smaller */
        const uint32_t run_count = sh_block_list_runs(view, room.runs);
        at = put_u16(at, run_count);
        for (uint32_t i = 0; i < run_count; i++)
            at = put_u16(put_u16(at, room.runs[i].first), (uint32_t)room.runs[i].last - room.runs[i].first);
    } else if (view.count <= ARRAY_CARDINALITY_MAX) {
        const uint32_t count = sh_block_list_u16(view, room.list);
        for (uint32_t i = 0; i < count; i++)
            at = put_u16(at, room.list[i]);
    } else {
        sh_block_store(view, room.words);
        at = put_words(at, room.words);
    }
    return at;
}

enum sh_status sh_roaring_write(const struct sh_bitmap *bitmap, struct sh_buffer *buffer, struct sh_error *err) {
    const struct layout layout = layout_of(bitmap);
    const uint64_t data_offset = header_bytes(layout.has_runs, layout.container_count);
    const uint64_t byte_count = data_offset + layout.data_bytes;
    uint8_t *start = sh_buffer_reserve(buffer, byte_count);
    if (start == NULL) return sh_buffer_status(buffer, err);

    const uint32_t count = layout.container_count;
    const bool has_offsets = !layout.has_runs || count >= OFFSETS_FROM_COUNT;
    uint8_t *flags = start + 4;
    uint8_t *header = layout.has_runs ? flags + (count + 7) / 8 : start + 8;
    uint8_t *offsets = header + (size_t)count * CONTAINER_HEADER_BYTES;
    uint8_t *data = start + data_offset;
    if (layout.has_runs) {
        (void)put_u16(put_u16(start, COOKIE_RUNS), count - 1);
        memset(flags, 0, (count + 7) / 8);
    } else {
        (void)put_u32(put_u32(start, COOKIE_PLAIN), count);
    }
    uint32_t container = 0;
    for (uint32_t i = 0; i < sh_bitmap_block_count(bitmap); i++) {
        const struct sh_block_view view = sh_bitmap_block(bitmap, i);
        if (view.count == 0) continue;
        if (plan_container(view).run_count != 0) flags[container / 8] |= (uint8_t)(1u << (container % 8));
        header = put_u16(put_u16(header, i), view.count - 1);
        if (has_offsets) offsets = put_u32(offsets, (uint32_t)(data - start));
        data = put_container(data, view);
        container++;
    }
    sh_assert(data == start + byte_count);
    buffer->count += byte_count;
    return SH_OK;
}

/* ---- Reading ---- */

struct reader {
    const uint8_t *start;
    size_t at; /* everything below it has been read */
    size_t byte_count;
    struct sh_error *err;
};

static enum sh_status refuse(const struct reader *reader, size_t position, const char *what) {
    return sh_fail(reader->err, SH_ERR_ARGUMENT, (int64_t)position, "roaring bitmap: %s", what);
}

static enum sh_status need(const struct reader *reader, uint64_t byte_count, const char *what) {
    if (byte_count <= reader->byte_count - reader->at) return SH_OK;
    return sh_fail(reader->err, SH_ERR_ARGUMENT, (int64_t)reader->byte_count,
                   "roaring bitmap: the bytes end inside %s, %llu more are needed", what,
                   (unsigned long long)(byte_count - (reader->byte_count - reader->at)));
}

static uint32_t get_u16(const uint8_t *at) {
    return at[0] | (uint32_t)at[1] << 8;
}
static uint32_t get_u32(const uint8_t *at) {
    return get_u16(at) | get_u16(at + 2) << 16;
}

/* Where the parts of the header are. NULL for what is not there. */
struct header {
    uint32_t container_count;
    const uint8_t *run_flags;
    const uint8_t *containers;
    const uint8_t *offsets;
};

static enum sh_status read_header(struct reader *reader, struct header *header) {
    enum sh_status status;
    *header = (struct header){0};
    if ((status = need(reader, 4, "the cookie")) != SH_OK) return status;
    const uint32_t cookie = get_u32(reader->start);
    reader->at = 4;
    if ((cookie & 0xffff) == COOKIE_RUNS) {
        header->container_count = (cookie >> 16) + 1;
        const uint32_t flag_bytes = (header->container_count + 7) / 8;
        if ((status = need(reader, flag_bytes, "the run flags")) != SH_OK) return status;
        header->run_flags = reader->start + reader->at;
        if (header->container_count % 8 != 0 && header->run_flags[flag_bytes - 1] >> (header->container_count % 8) != 0)
            return refuse(reader, reader->at + flag_bytes - 1, "run flags beyond the last container");
        reader->at += flag_bytes;
    } else if (cookie == COOKIE_PLAIN) {
        if ((status = need(reader, 4, "the container count")) != SH_OK) return status;
        header->container_count = get_u32(reader->start + 4);
        if (header->container_count > CONTAINER_COUNT_MAX) return refuse(reader, 4, "more than 65,536 containers");
        reader->at = 8;
    } else {
        return refuse(reader, 0, "it begins with neither of the two cookies, 12346 and 12347");
    }
    const uint64_t count = header->container_count;
    if ((status = need(reader, count * CONTAINER_HEADER_BYTES, "the container headers")) != SH_OK) return status;
    header->containers = reader->start + reader->at;
    reader->at += count * CONTAINER_HEADER_BYTES;
    if (header->run_flags == NULL || count >= OFFSETS_FROM_COUNT) {
        if ((status = need(reader, count * 4, "the offsets")) != SH_OK) return status;
        header->offsets = reader->start + reader->at;
        reader->at += count * 4;
    }
    return SH_OK;
}

/* words get the runs; what was read is checked against cardinality. */
static enum sh_status read_runs(struct reader *reader, uint32_t cardinality, uint64_t *words) {
    enum sh_status status;
    if ((status = need(reader, 2, "a run count")) != SH_OK) return status;
    const size_t count_at = reader->at;
    const uint32_t run_count = get_u16(reader->start + count_at);
    reader->at += 2;
    if ((status = need(reader, (uint64_t)run_count * RUN_BYTES, "runs")) != SH_OK) return status;
    uint32_t end = 0; /* of the run before; runs may touch it */
    uint32_t count = 0;
    memset(words, 0, SH_BLOCK_BYTES);
    for (uint32_t i = 0; i < run_count; i++, reader->at += RUN_BYTES) {
        const uint32_t first = get_u16(reader->start + reader->at);
        const uint32_t last = first + get_u16(reader->start + reader->at + 2);
        if (first < end) return refuse(reader, reader->at, "a run begins before the one in front of it ends");
        if (last >= SH_BLOCK_SLOTS) return refuse(reader, reader->at, "a run goes past its container");
        sh_block_set_range(words, first, last);
        count += last - first + 1;
        end = last + 1;
    }
    if (count != cardinality) return refuse(reader, count_at, "runs do not add up to the container's cardinality");
    return SH_OK;
}

static enum sh_status read_list(struct reader *reader, uint32_t cardinality, uint16_t *list) {
    enum sh_status status;
    if ((status = need(reader, (uint64_t)cardinality * 2, "an array container")) != SH_OK) return status;
    for (uint32_t i = 0; i < cardinality; i++, reader->at += 2) {
        list[i] = (uint16_t)get_u16(reader->start + reader->at);
        if (i > 0 && list[i] <= list[i - 1]) return refuse(reader, reader->at, "an array is not strictly ascending");
    }
    return SH_OK;
}

static enum sh_status read_words(struct reader *reader, uint32_t cardinality, uint64_t *words) {
    enum sh_status status;
    if ((status = need(reader, SH_BLOCK_BYTES, "a bitset container")) != SH_OK) return status;
    const uint8_t *at = reader->start + reader->at;
    for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++, at += 8)
        words[i] = get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
    if (sh_bits->popcount(words, SH_BLOCK_WORDS) != cardinality)
        return refuse(reader, reader->at, "a bitset does not have as many ones as the container's cardinality");
    reader->at += SH_BLOCK_BYTES;
    return SH_OK;
}

/* The block of a run container: as runs where there are few enough to be looked at, for the bitmap to choose. */
static enum sh_status put_runs(struct sh_bitmap *bitmap, uint32_t key, uint32_t cardinality, const uint64_t *words) {
    struct sh_run runs[SH_BLOCK_BYTES / sizeof(struct sh_run)];
    const struct sh_block_view view = sh_block_of_words(words, cardinality);
    const uint32_t run_count = sh_block_run_count(view);
    if (run_count > sizeof runs / sizeof runs[0]) return sh_bitmap_put_view(bitmap, key, view);
    (void)sh_block_list_runs(view, runs);
    return sh_bitmap_put_view(bitmap, key, sh_block_of_runs(runs, run_count, cardinality));
}

static enum sh_status read_container(struct reader *reader, const struct header *header, uint32_t i,
                                     struct sh_bitmap *bitmap) {
    const uint8_t *fields = header->containers + (size_t)i * CONTAINER_HEADER_BYTES;
    const uint32_t key = get_u16(fields);
    const uint32_t cardinality = get_u16(fields + 2) + 1;
    if (i > 0 && key <= get_u16(fields - CONTAINER_HEADER_BYTES))
        return refuse(reader, (size_t)(fields - reader->start), "container keys are not strictly ascending");
    if (header->offsets != NULL && get_u32(header->offsets + (size_t)i * 4) != reader->at)
        return refuse(reader, (size_t)(header->offsets - reader->start) + (size_t)i * 4,
                      "an offset is not where the container's data is");
    enum sh_status status;
    union container_room room;
    if (header->run_flags != NULL && (header->run_flags[i / 8] >> (i % 8) & 1) != 0) {
        if ((status = read_runs(reader, cardinality, room.words)) != SH_OK) return status;
        status = put_runs(bitmap, key, cardinality, room.words);
    } else if (cardinality <= ARRAY_CARDINALITY_MAX) {
        if ((status = read_list(reader, cardinality, room.list)) != SH_OK) return status;
        status = sh_bitmap_put_view(bitmap, key, sh_block_of_list(room.list, cardinality));
    } else {
        if ((status = read_words(reader, cardinality, room.words)) != SH_OK) return status;
        status = sh_bitmap_put_block(bitmap, key, room.words, cardinality);
    }
    if (status != SH_OK) return sh_fail(reader->err, status, -1, "no memory for a roaring bitmap");
    return SH_OK;
}

enum sh_status sh_roaring_read(struct sh_bitmap *bitmap, const void *bytes, size_t byte_count, struct sh_error *err) {
    struct reader reader = {.start = bytes, .byte_count = byte_count, .err = err};
    struct header header;
    struct sh_bitmap result;
    sh_bitmap_init(&result, bitmap->array_count_max);
    enum sh_status status = read_header(&reader, &header);
    if (status == SH_OK && header.container_count > 0) { /* the whole directory at once, or growing it takes more */
        const uint8_t *last = header.containers + (size_t)(header.container_count - 1) * CONTAINER_HEADER_BYTES;
        if (sh_bitmap_reserve_blocks(&result, get_u16(last) + 1) != SH_OK)
            status = sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a roaring bitmap");
    }
    for (uint32_t i = 0; status == SH_OK && i < header.container_count; i++)
        status = read_container(&reader, &header, i, &result);
    if (status == SH_OK && reader.at != byte_count)
        status = refuse(&reader, reader.at, "there are bytes after the last container");
    if (status == SH_OK) sh_bitmap_swap(bitmap, &result);
    sh_bitmap_deinit(&result);
    return status;
}
