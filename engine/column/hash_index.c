/* hash_index.c -- extendible hashing over small open-addressed segments. */
#include "hash_index.h"

#include <string.h>

#include "memory.h"

enum {
    CLASS_COUNT = 16,
    CLASS_SPLIT = 8,     /* the class that a segment has when it splits */
    CLASS_HALF = 5,      /* what halves of it begin with: 358 of 511 places taken */
    DEPTH_MAX = 24,      /* 2^24 segments of some 600 entries are more than u32 values */
    ENTRIES_PER_WORD = 4 /* at least so many for each word of the directory */
};

/* With the word in front, multiples of a cache line. From 511 on in steps, so that segments are 64-80 % full. */
static const uint32_t class_capacity[CLASS_COUNT] = {15,  31,   63,   127,  255,  511,   639,   767,
                                                     895, 1023, 2047, 4095, 8191, 16383, 32767, 65535};

static const uint64_t entry_free = UINT64_MAX;

/* ---- Directory words ---- */

static uint64_t *word_segment(uint64_t word) {
    return (uint64_t *)(uintptr_t)(word & 0x00FFFFFFFFFFFFC0u);
}
static uint32_t word_class(uint64_t word) {
    return word & 63;
}
static uint32_t word_depth(uint64_t word) {
    return (uint32_t)(word >> 56);
}
static uint64_t word_of(const uint64_t *segment, uint32_t class, uint32_t depth) {
    const uint64_t address = (uint64_t)(uintptr_t)segment;
    sh_assert((address & 0xFF0000000000003Fu) == 0);
    return address | class | (uint64_t)depth << 56;
}

static uint32_t tag_of(uint64_t hash) {
    return (uint32_t)(hash >> 32);
}
static uint32_t directory_at(const struct sh_hash_index *index, uint32_t tag) {
    return (uint32_t)((uint64_t)tag >> (32 - index->depth));
}

/* ---- Segments ---- */

static uint32_t place_of(uint32_t tag, uint32_t capacity) {
    return (uint32_t)((uint64_t)(tag * 0x9E3779B1u) * capacity >> 32); /* the tag's first bits are all alike here */
}
static uint32_t entry_tag(uint64_t entry) {
    return (uint32_t)(entry >> 32);
}
static uint32_t entry_value(uint64_t entry) {
    return (uint32_t)entry;
}
static uint32_t count_max(uint32_t class) {
    return class_capacity[class] * 4 / 5;
}
static size_t class_bytes(uint32_t class) {
    return (class_capacity[class] + (size_t)1) * sizeof(uint64_t);
}

static uint64_t *segment_create(uint32_t class) {
    uint64_t *segment = sh_alloc(class_bytes(class));
    if (segment == NULL) return NULL;
    segment[0] = 0;
    memset(segment + 1, 0xFF, class_capacity[class] * sizeof(uint64_t));
    return segment;
}

static void segment_add(uint64_t *segment, uint32_t class, uint64_t entry) {
    const uint32_t capacity = class_capacity[class];
    uint64_t *entries = segment + 1;
    uint32_t at = place_of(entry_tag(entry), capacity);
    while (entries[at] != entry_free)
        at = at + 1 == capacity ? 0 : at + 1;
    entries[at] = entry;
    segment[0]++;
}

/* ---- Life ---- */

void sh_hash_index_init(struct sh_hash_index *index) {
    *index = (struct sh_hash_index){.directory = NULL};
}

/* How many words of the directory lead to the same segment: they stand side by side. */
static uint32_t word_count_of(const struct sh_hash_index *index, uint64_t word) {
    return 1u << (index->depth - word_depth(word));
}

void sh_hash_index_deinit(struct sh_hash_index *index) {
    if (index->directory != NULL) {
        for (uint32_t at = 0; at < 1u << index->depth;) {
            const uint64_t word = index->directory[at];
            at += word_count_of(index, word);
            sh_free(word_segment(word));
        }
        sh_free(index->directory);
    }
    sh_hash_index_init(index);
}

size_t sh_hash_index_memory_bytes(const struct sh_hash_index *index) {
    return index->segment_bytes + (index->directory == NULL ? 0 : ((size_t)1 << index->depth) * sizeof(uint64_t));
}

/* ---- Finding ---- */

uint32_t sh_hash_index_next(struct sh_hash_probe *probe) {
    for (;;) {
        const uint64_t entry = probe->entries[probe->at];
        if (entry == entry_free) return SH_HASH_INDEX_NONE;
        probe->at = probe->at + 1 == probe->capacity ? 0 : probe->at + 1;
        if (entry_tag(entry) == probe->tag) return entry_value(entry);
    }
}

uint32_t sh_hash_index_first(const struct sh_hash_index *index, uint64_t hash, struct sh_hash_probe *probe) {
    static const uint64_t nothing = UINT64_MAX;
    probe->tag = tag_of(hash);
    if (index->directory == NULL) {
        *probe = (struct sh_hash_probe){.entries = &nothing, .capacity = 1};
        return SH_HASH_INDEX_NONE;
    }
    const uint64_t word = index->directory[directory_at(index, probe->tag)];
    probe->entries = word_segment(word) + 1;
    probe->capacity = class_capacity[word_class(word)];
    probe->at = place_of(probe->tag, probe->capacity);
    return sh_hash_index_next(probe);
}

void sh_hash_index_prefetch(const struct sh_hash_index *index, uint64_t hash) {
    if (index->directory == NULL) return;
    const uint32_t tag = tag_of(hash);
    const uint64_t word = index->directory[directory_at(index, tag)];
    const uint64_t *segment = word_segment(word);
    __builtin_prefetch(segment + 1 + place_of(tag, class_capacity[word_class(word)]));
    __builtin_prefetch(segment);
}

/* ---- Growing ---- */

static void put_words(struct sh_hash_index *index, uint32_t at, uint32_t word_count, uint64_t word) {
    for (uint32_t i = 0; i < word_count; i++)
        index->directory[at + i] = word;
}

static enum sh_status create_first(struct sh_hash_index *index) {
    uint64_t *directory = sh_alloc(sizeof *directory);
    uint64_t *segment = segment_create(0);
    if (directory == NULL || segment == NULL) {
        sh_free(directory);
        sh_free(segment);
        return SH_ERR_MEMORY;
    }
    directory[0] = word_of(segment, 0, 0);
    index->directory = directory;
    index->depth = 0;
    index->segment_bytes = class_bytes(0);
    return SH_OK;
}

/* The same segment, one class larger. */
static enum sh_status enlarge(struct sh_hash_index *index, uint32_t tag) {
    const uint64_t word = index->directory[directory_at(index, tag)];
    const uint32_t class = word_class(word);
    if (class + 1 == CLASS_COUNT) return SH_ERR_LIMIT;
    uint64_t *old = word_segment(word);
    uint64_t *segment = segment_create(class + 1);
    if (segment == NULL) return SH_ERR_MEMORY;
    for (uint32_t i = 1; i <= class_capacity[class]; i++)
        if (old[i] != entry_free) segment_add(segment, class + 1, old[i]);
    const uint32_t word_count = word_count_of(index, word);
    put_words(index, directory_at(index, tag) & ~(word_count - 1), word_count,
              word_of(segment, class + 1, word_depth(word)));
    index->segment_bytes += class_bytes(class + 1) - class_bytes(class);
    sh_free(old);
    return SH_OK;
}

static enum sh_status double_directory(struct sh_hash_index *index) {
    const size_t word_count = (size_t)1 << index->depth;
    uint64_t *directory = sh_alloc(2 * word_count * sizeof *directory);
    if (directory == NULL) return SH_ERR_MEMORY;
    for (size_t i = 0; i < word_count; i++)
        directory[2 * i] = directory[2 * i + 1] = index->directory[i];
    sh_free(index->directory);
    index->directory = directory;
    index->depth++;
    return SH_OK;
}

static uint32_t class_for(uint32_t count) {
    uint32_t class = CLASS_HALF;
    while (count > count_max(class))
        class ++;
    return class;
}

/* The tag's segment becomes two, by the next bit of the tags. */
static enum sh_status split(struct sh_hash_index *index, uint32_t tag) {
    uint64_t word = index->directory[directory_at(index, tag)];
    const uint32_t depth = word_depth(word);
    if (depth == index->depth) {
        const enum sh_status status = double_directory(index);
        if (status != SH_OK) return status;
    }
    uint64_t *old = word_segment(word);
    const uint32_t capacity = class_capacity[word_class(word)];
    const uint32_t bit = 1u << (31 - depth);
    uint32_t counts[2] = {0, 0};
    for (uint32_t i = 1; i <= capacity; i++)
        if (old[i] != entry_free) counts[(entry_tag(old[i]) & bit) != 0]++;
    const uint32_t classes[2] = {class_for(counts[0]), class_for(counts[1])};
    uint64_t *halves[2] = {segment_create(classes[0]), segment_create(classes[1])};
    if (halves[0] == NULL || halves[1] == NULL) {
        sh_free(halves[0]);
        sh_free(halves[1]);
        return SH_ERR_MEMORY;
    }
    for (uint32_t i = 1; i <= capacity; i++) {
        if (old[i] == entry_free) continue;
        const uint32_t side = (entry_tag(old[i]) & bit) != 0;
        segment_add(halves[side], classes[side], old[i]);
    }
    const uint32_t word_count = 1u << (index->depth - depth);
    const uint32_t first = directory_at(index, tag) & ~(word_count - 1);
    put_words(index, first, word_count / 2, word_of(halves[0], classes[0], depth + 1));
    put_words(index, first + word_count / 2, word_count / 2, word_of(halves[1], classes[1], depth + 1));
    index->segment_bytes += class_bytes(classes[0]) + class_bytes(classes[1]) - class_bytes(word_class(word));
    sh_free(old);
    return SH_OK;
}

enum sh_status sh_hash_index_announce(struct sh_hash_index *index, uint64_t count) {
    enum { SHARE_MAX = 600 }; /* of a segment: with what chance adds, four deviations, it fits without growing */
    sh_assert(index->directory == NULL);
    uint32_t depth = 0;
    while (count >> depth > SHARE_MAX && depth < DEPTH_MAX)
        depth++;
    if (depth == 0) return SH_OK; /* growing as they come is as good */
    const uint32_t share = (uint32_t)(count >> depth);
    const uint32_t class = class_for(share + share / 8 + 24);
    uint64_t *directory = sh_alloc(sizeof *directory << depth);
    if (directory == NULL) return SH_ERR_MEMORY;
    *index = (struct sh_hash_index){.directory = directory, .depth = depth};
    for (uint32_t at = 0; at < 1u << depth; at++) {
        uint64_t *segment = segment_create(class);
        if (segment == NULL) {
            while (at-- > 0)
                sh_free(word_segment(directory[at]));
            sh_free(directory);
            sh_hash_index_init(index);
            return SH_ERR_MEMORY;
        }
        directory[at] = word_of(segment, class, depth);
        index->segment_bytes += class_bytes(class);
    }
    return SH_OK;
}

enum sh_status sh_hash_index_insert(struct sh_hash_index *index, uint64_t hash, uint32_t value) {
    sh_assert(value != SH_HASH_INDEX_NONE);
    const uint32_t tag = tag_of(hash);
    enum sh_status status;
    if (index->directory == NULL && (status = create_first(index)) != SH_OK) return status;
    for (;;) {
        const uint64_t word = index->directory[directory_at(index, tag)];
        const uint32_t class = word_class(word);
        uint64_t *segment = word_segment(word);
        if (segment[0] < count_max(class)) {
            segment_add(segment, class, (uint64_t)tag << 32 | value);
            index->count++;
            return SH_OK;
        }
        const uint32_t depth = word_depth(word);
        const bool may_split =
            class >= CLASS_SPLIT && depth < DEPTH_MAX && (UINT64_C(2) << depth) <= index->count / ENTRIES_PER_WORD;
        status = may_split ? split(index, tag) : enlarge(index, tag);
        if (status != SH_OK) return status;
    }
}

/* ---- Removing ---- */

bool sh_hash_index_remove(struct sh_hash_index *index, uint64_t hash, uint32_t value) {
    if (index->directory == NULL) return false;
    const uint32_t tag = tag_of(hash);
    const uint64_t word = index->directory[directory_at(index, tag)];
    const uint32_t capacity = class_capacity[word_class(word)];
    uint64_t *segment = word_segment(word);
    uint64_t *entries = segment + 1;
    const uint64_t wanted = (uint64_t)tag << 32 | value;
    uint32_t hole = place_of(tag, capacity);
    while (entries[hole] != wanted) {
        if (entries[hole] == entry_free) return false;
        hole = hole + 1 == capacity ? 0 : hole + 1;
    }
    /* Pull back what came after and would no longer be found over the hole. */
    for (uint32_t at = hole;;) {
        at = at + 1 == capacity ? 0 : at + 1;
        if (entries[at] == entry_free) break;
        const uint32_t home = place_of(entry_tag(entries[at]), capacity);
        const uint32_t from_home = at >= home ? at - home : at + capacity - home;
        const uint32_t from_hole = at >= hole ? at - hole : at + capacity - hole;
        if (from_home < from_hole) continue;
        entries[hole] = entries[at];
        hole = at;
    }
    entries[hole] = entry_free;
    segment[0]--;
    index->count--;
    return true;
}

/* ---- Checking ---- */

static bool refuse(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

static bool check_segment(const struct sh_hash_index *index, uint32_t at, uint64_t word, const char **reason) {
    const uint32_t capacity = class_capacity[word_class(word)];
    const uint64_t *segment = word_segment(word);
    const uint64_t *entries = segment + 1;
    uint64_t count = 0;
    for (uint32_t i = 0; i < capacity; i++) {
        if (entries[i] == entry_free) continue;
        count++;
        const uint32_t tag = entry_tag(entries[i]);
        const uint32_t depth = word_depth(word);
        if ((uint64_t)tag >> (32 - depth) != at >> (index->depth - depth))
            return refuse(reason, "hash index: an entry is in a segment of other first bits");
        for (uint32_t p = place_of(tag, capacity); p != i; p = p + 1 == capacity ? 0 : p + 1)
            if (entries[p] == entry_free) return refuse(reason, "hash index: a free place hides an entry");
    }
    if (count != segment[0]) return refuse(reason, "hash index: a segment's count is exact");
    if (count > count_max(word_class(word))) return refuse(reason, "hash index: a segment is at most 4/5 full");
    return true;
}

bool sh_hash_index_check(const struct sh_hash_index *index, const char **reason) {
    if (index->directory == NULL)
        return index->count == 0 || refuse(reason, "hash index: without a directory there is nothing");
    uint64_t count = 0;
    size_t bytes = 0;
    for (uint32_t at = 0; at < 1u << index->depth;) {
        const uint64_t word = index->directory[at];
        if (word_depth(word) > index->depth)
            return refuse(reason, "hash index: a segment is deeper than the directory");
        const uint32_t word_count = word_count_of(index, word);
        if (at % word_count != 0) return refuse(reason, "hash index: a segment's words are aligned");
        for (uint32_t i = 1; i < word_count; i++)
            if (index->directory[at + i] != word) return refuse(reason, "hash index: a segment's words are equal");
        if (!check_segment(index, at, word, reason)) return false;
        count += word_segment(word)[0];
        bytes += class_bytes(word_class(word));
        at += word_count;
    }
    if (count != index->count) return refuse(reason, "hash index: count is exact");
    if (bytes != index->segment_bytes) return refuse(reason, "hash index: segment_bytes is exact");
    return true;
}
