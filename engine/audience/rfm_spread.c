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

/* ---- Values ---- */

bool sh_rfm_values_init(struct sh_rfm_values *values, size_t room) {
    *values = (struct sh_rfm_values){
        .narrow = sh_alloc(room * sizeof *values->narrow), .room = room, .least = INT64_MAX, .most = INT64_MIN};
    return values->narrow != NULL;
}

void sh_rfm_values_deinit(struct sh_rfm_values *values) {
    sh_free(values->narrow);
    sh_free(values->wide);
    *values = (struct sh_rfm_values){0};
}

bool sh_rfm_values_add_wide(struct sh_rfm_values *values, int64_t value) {
    if (values->wide == NULL) {
        values->wide = sh_alloc(values->room * sizeof *values->wide);
        if (values->wide == NULL) return false;
        for (size_t i = 0; i < values->count; i++)
            values->wide[i] = values->narrow[i];
        sh_free(values->narrow);
        values->narrow = NULL;
    }
    values->wide[values->count++] = value;
    return true;
}

/* ---- Counting ----
 *
 * Values that lie close together (days, events) have a counter each. Others are sorted by their distance to the least,
 * 11 bits at a time from the lowest, as many as the greatest has: money in cents takes two or three passes. */

enum {
    DIGIT_BITS = 11,
    DIGIT_VALUES = 1 << DIGIT_BITS,
    COUNTERS_MAX = 1 << 16,
    COUNTER_SETS = 4, /* taken in turn: the same value twice running does not wait for its counter */
};

/* Order as unsigned is order as signed. */
static uint64_t key_of(int64_t value) {
    return (uint64_t)value ^ (uint64_t)1 << 63;
}

struct span {
    int64_t least;
    int64_t most;
};

#define VALUE       int32_t
#define NAMED(name) name##_narrow
#include "rfm_count_values.h"
#undef VALUE
#undef NAMED
#define VALUE       int64_t
#define NAMED(name) name##_wide
#include "rfm_count_values.h"

static enum sh_status count_near(struct sh_rfm_tally *tally, const struct sh_rfm_values *values, struct span span) {
    const size_t span_count = (size_t)(span.most - span.least) + 1;
    uint32_t *counters = sh_alloc_zero(COUNTER_SETS * span_count * sizeof *counters);
    if (counters == NULL) return SH_ERR_MEMORY;
    if (values->narrow != NULL)
        count_near_narrow(values->narrow, values->count, span, counters);
    else
        count_near_wide(values->wide, values->count, span, counters);
    size_t distinct = 0;
    for (size_t i = 0; i < span_count; i++) {
        for (uint32_t set = 1; set < COUNTER_SETS; set++)
            counters[i] += counters[set * span_count + i];
        distinct += counters[i] != 0;
    }
    const enum sh_status status = tally_make(tally, distinct);
    for (size_t i = 0; i < span_count && status == SH_OK; i++) {
        if (counters[i] == 0) continue;
        tally->values[tally->count] = span.least + (int64_t)i;
        tally->counts[tally->count++] = counters[i];
    }
    sh_free(counters);
    return status;
}

enum sh_status sh_rfm_tally_count(struct sh_rfm_tally *tally, struct sh_rfm_values *values) {
    const size_t count = values->count;
    const struct span span = {.least = values->least, .most = values->most};
    if (count == 0) return tally_make(tally, 0);
    if ((uint64_t)span.most - (uint64_t)span.least < COUNTERS_MAX) return count_near(tally, values, span);
    return values->narrow != NULL ? count_far_narrow(tally, values->narrow, count, span)
                                  : count_far_wide(tally, values->wide, count, span);
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
