#include "rfm_spread.h"

#include <string.h>

#include "memory.h"

void sh_rfm_spread_init(struct sh_rfm_spread *spread) {
    *spread = (struct sh_rfm_spread){.user_count = 0};
}

static void tally_deinit(struct sh_rfm_tally *tally) {
    sh_free(tally->values);
    sh_free(tally->counts);
    *tally = (struct sh_rfm_tally){0};
}

void sh_rfm_spread_deinit(struct sh_rfm_spread *spread) {
    for (uint32_t i = 0; i < 3; i++)
        tally_deinit(&spread->tallies[i]);
    spread->user_count = 0;
}

static enum sh_status tally_make(struct sh_rfm_tally *tally, size_t count) {
    *tally = (struct sh_rfm_tally){.values = sh_alloc((count + 1) * sizeof *tally->values),
                                   .counts = sh_alloc((count + 1) * sizeof *tally->counts)};
    if (tally->values != NULL && tally->counts != NULL) return SH_OK;
    tally_deinit(tally);
    return SH_ERR_MEMORY;
}

/* ---- Counting ----
 *
 * Values that lie close together (days, events) have a counter each. Others are sorted, 11 bits at a time from the
 * lowest, those bits passed over in which all values are alike: money in cents takes two or three passes. */

enum { DIGIT_BITS = 11, DIGIT_COUNT = 6, DIGIT_VALUES = 1 << DIGIT_BITS, COUNTERS_MAX = 1 << 16 };

/* Order as unsigned is order as signed. */
static uint64_t key_of(int64_t value) {
    return (uint64_t)value ^ (uint64_t)1 << 63;
}

/* Both arrays are used; which of them holds the sorted values is returned. */
static int64_t *sort(int64_t *values, int64_t *spare, size_t count) {
    uint64_t all = UINT64_MAX;
    uint64_t any = 0;
    for (size_t i = 0; i < count; i++) {
        all &= key_of(values[i]);
        any |= key_of(values[i]);
    }
    for (uint32_t digit = 0; digit < DIGIT_COUNT; digit++) {
        const uint32_t shift = digit * DIGIT_BITS;
        size_t places[DIGIT_VALUES] = {0};
        size_t sum = 0;
        if (((all ^ any) >> shift & (DIGIT_VALUES - 1)) == 0) continue;
        for (size_t i = 0; i < count; i++)
            places[key_of(values[i]) >> shift & (DIGIT_VALUES - 1)]++;
        for (uint32_t i = 0; i < DIGIT_VALUES; i++) {
            const size_t here = places[i];
            places[i] = sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++)
            spare[places[key_of(values[i]) >> shift & (DIGIT_VALUES - 1)]++] = values[i];
        int64_t *sorted = spare;
        spare = values;
        values = sorted;
    }
    return values;
}
_Static_assert(DIGIT_BITS *DIGIT_COUNT >= 64, "all bits are sorted by");

static enum sh_status count_sorted(struct sh_rfm_tally *tally, const int64_t *sorted, size_t count) {
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        distinct += i == 0 || sorted[i] != sorted[i - 1];
    if (tally_make(tally, distinct) != SH_OK) return SH_ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1]) {
            tally->values[tally->count] = sorted[i];
            tally->counts[tally->count++] = 0;
        }
        tally->counts[tally->count - 1]++;
    }
    return SH_OK;
}

static enum sh_status count_near(struct sh_rfm_tally *tally, const int64_t *values, size_t count, int64_t least) {
    uint32_t *counters = sh_alloc_zero(COUNTERS_MAX * sizeof *counters);
    size_t distinct = 0;
    if (counters == NULL) return SH_ERR_MEMORY;
    for (size_t i = 0; i < count; i++)
        distinct += counters[values[i] - least]++ == 0;
    const enum sh_status status = tally_make(tally, distinct);
    for (uint32_t i = 0; i < COUNTERS_MAX && status == SH_OK; i++) {
        if (counters[i] == 0) continue;
        tally->values[tally->count] = least + i;
        tally->counts[tally->count++] = counters[i];
    }
    sh_free(counters);
    return status;
}

enum sh_status sh_rfm_tally_count(struct sh_rfm_tally *tally, int64_t *values, int64_t *spare, size_t count) {
    int64_t least = INT64_MAX;
    int64_t most = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    if (count > 0 && (uint64_t)most - (uint64_t)least < COUNTERS_MAX) return count_near(tally, values, count, least);
    return count_sorted(tally, sort(values, spare, count), count);
}

/* ---- Sums ---- */

static enum sh_status tally_add(struct sh_rfm_tally *sum, const struct sh_rfm_tally *other) {
    struct sh_rfm_tally both;
    uint32_t a = 0;
    uint32_t b = 0;
    if (tally_make(&both, (size_t)sum->count + other->count) != SH_OK) return SH_ERR_MEMORY;
    while (a < sum->count || b < other->count) {
        const bool from_a = b == other->count || (a < sum->count && sum->values[a] <= other->values[b]);
        const bool from_b = a == sum->count || (b < other->count && other->values[b] <= sum->values[a]);
        both.values[both.count] = from_a ? sum->values[a] : other->values[b];
        both.counts[both.count] = 0;
        if (from_a) both.counts[both.count] += sum->counts[a++];
        if (from_b) both.counts[both.count] += other->counts[b++];
        both.count++;
    }
    tally_deinit(sum);
    *sum = both;
    return SH_OK;
}

enum sh_status sh_rfm_spread_add(struct sh_rfm_spread *sum, const struct sh_rfm_spread *other) {
    for (uint32_t i = 0; i < 3; i++)
        if (tally_add(&sum->tallies[i], &other->tallies[i]) != SH_OK) return SH_ERR_MEMORY;
    sum->user_count += other->user_count;
    return SH_OK;
}

int64_t sh_rfm_tally_cut(const struct sh_rfm_tally *tally, uint64_t user_count, uint32_t part, uint32_t parts) {
    unsigned __int128 worse = 0;
    uint32_t i = 0;
    /* Users with a value up to values[i] are worse than those with the next one. */
    for (; i < tally->count; i++) {
        worse += tally->counts[i];
        if (worse * parts >= (unsigned __int128)user_count * part) break;
    }
    return tally->values[i] == INT64_MAX ? INT64_MAX : tally->values[i] + 1;
}

/* ---- Bytes: 7 bits a byte, the lowest first; the highest bit says that more follow ---- */

static void put_number(struct sh_buffer *buffer, uint64_t number) {
    uint8_t bytes[10];
    uint32_t count = 0;
    do {
        bytes[count] = (uint8_t)(number & 0x7F);
        number >>= 7;
        if (number != 0) bytes[count] |= 0x80;
        count++;
    } while (number != 0);
    sh_buffer_append(buffer, bytes, count);
}

void sh_rfm_spread_write(const struct sh_rfm_spread *spread, struct sh_buffer *buffer) {
    put_number(buffer, spread->user_count);
    for (uint32_t t = 0; t < 3; t++) {
        const struct sh_rfm_tally *tally = &spread->tallies[t];
        uint64_t before = 0;
        put_number(buffer, tally->count);
        for (uint32_t i = 0; i < tally->count; i++) {
            put_number(buffer, key_of(tally->values[i]) - before);
            put_number(buffer, tally->counts[i]);
            before = key_of(tally->values[i]);
        }
    }
}

struct byte_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static uint64_t take_number(struct byte_reader *reader) {
    uint64_t number = 0;
    for (uint32_t shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->end) break;
        const uint8_t byte = *reader->at++;
        if (shift == 63 && byte > 1) break;
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) return number;
    }
    reader->failed = true;
    return 0;
}

static enum sh_status read_tally(struct byte_reader *reader, struct sh_rfm_tally *tally) {
    const uint64_t count = take_number(reader);
    uint64_t key = 0;
    if (count > (uint64_t)(reader->end - reader->at) / 2) reader->failed = true; /* two bytes each at least */
    if (reader->failed) return SH_OK;
    if (tally_make(tally, (size_t)count) != SH_OK) return SH_ERR_MEMORY;
    for (uint64_t i = 0; i < count && !reader->failed; i++) {
        const uint64_t step = take_number(reader);
        if ((i > 0 && step == 0) || step > UINT64_MAX - key) reader->failed = true;
        key += step;
        tally->values[i] = (int64_t)(key ^ (uint64_t)1 << 63);
        tally->counts[i] = take_number(reader);
        tally->count++;
    }
    return SH_OK;
}

enum sh_status sh_rfm_spread_read(struct sh_text bytes, struct sh_rfm_spread *spread, struct sh_error *err) {
    struct byte_reader reader = {.at = (const uint8_t *)bytes.bytes, .end = (const uint8_t *)bytes.bytes + bytes.count};
    sh_rfm_spread_init(spread);
    spread->user_count = take_number(&reader);
    for (uint32_t t = 0; t < 3 && !reader.failed; t++) {
        uint64_t sum = 0;
        if (read_tally(&reader, &spread->tallies[t]) != SH_OK) {
            sh_rfm_spread_deinit(spread);
            return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
        }
        for (uint32_t i = 0; i < spread->tallies[t].count; i++)
            sum += spread->tallies[t].counts[i];
        if (sum != spread->user_count) reader.failed = true;
    }
    if (!reader.failed && reader.at == reader.end) return SH_OK;
    sh_rfm_spread_deinit(spread);
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "these bytes are no counts of scores");
}
