/* roaring_property.c -- bytes and counts against libroaring, on random sets and on the sets of the Roaring papers.
 * Run: roaring_property SEED COUNT, with COUNT random sets. */
#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap_twin.h"
#include "roaring_format.h"
#include "roaring_real.h"

static struct random rng;
static uint64_t seed, round_count;
static const char *subject = "nothing yet";

static void must(bool holds, const char *what) {
    if (holds) return;
    printf("reproduce: SHOAL_ISA=%s ./roaring_property %llu %llu\n", sh_bits->name, (unsigned long long)seed,
           (unsigned long long)round_count);
    printf("%s: %s\n", subject, what);
    exit(1);
}

static void must_be_same(const struct sh_bitmap *bitmap, const roaring_bitmap_t *theirs) {
    const char *reason = NULL;
    must(sh_bitmap_check(bitmap, &reason), reason);
    const uint64_t count = roaring_bitmap_get_cardinality(theirs);
    must(sh_bitmap_count(bitmap) == count, "the counts differ");
    uint32_t *our_slots = malloc(count * sizeof(uint32_t) + 1), *their_slots = malloc(count * sizeof(uint32_t) + 1);
    if (our_slots == NULL || their_slots == NULL) abort();
    roaring_bitmap_to_uint32_array(theirs, their_slots);
    must(sh_bitmap_list(bitmap, 0, our_slots, count) == count, "the list is short");
    must(memcmp(our_slots, their_slots, count * sizeof(uint32_t)) == 0, "the slots differ");
    free(our_slots);
    free(their_slots);
}

/* What libroaring writes is what we read. */
static void check_their_bytes(const struct sh_bitmap *ours, const roaring_bitmap_t *theirs, uint32_t array_count_max) {
    struct sh_error err;
    const size_t byte_count = roaring_bitmap_portable_size_in_bytes(theirs);
    char *bytes = malloc(byte_count);
    if (bytes == NULL) abort();
    must(roaring_bitmap_portable_serialize(theirs, bytes) == byte_count, "libroaring's size");
    struct sh_bitmap back;
    sh_bitmap_init(&back, array_count_max);
    must(sh_roaring_read(&back, bytes, byte_count, &err) == SH_OK, err.message);
    must_be_same(&back, theirs);
    must(sh_bitmap_equal(&back, ours), "not equal after the way through libroaring");
    sh_bitmap_deinit(&back);
    free(bytes);
}

/* The same set without run containers. (roaring_bitmap_remove_run_compression of 0.2.66 writes past its memory for a
 * run that ends at 65535.) */
static roaring_bitmap_t *without_runs(const roaring_bitmap_t *theirs) {
    const uint64_t count = roaring_bitmap_get_cardinality(theirs);
    uint32_t *slots = malloc(count * sizeof *slots + 1);
    if (slots == NULL) abort();
    roaring_bitmap_to_uint32_array(theirs, slots);
    roaring_bitmap_t *plain = roaring_bitmap_of_ptr(count, slots);
    free(slots);
    return plain;
}

/* What we write is what libroaring reads and what it writes itself; and the other way. */
static void check_bytes(const struct sh_bitmap *ours, const roaring_bitmap_t *theirs) {
    struct sh_buffer buffer;
    struct sh_error err;
    sh_buffer_init(&buffer, (size_t)1 << 30);
    must(sh_roaring_write(ours, &buffer, &err) == SH_OK, "cannot be written");
    must(sh_roaring_byte_count(ours) == buffer.count, "the byte count");
    roaring_bitmap_t *read = roaring_bitmap_portable_deserialize_safe((const char *)buffer.bytes, buffer.count);
    must(read != NULL, "libroaring refuses our bytes");
    must(roaring_bitmap_equals(read, theirs), "libroaring reads another set from our bytes");
    roaring_bitmap_free(read);

    roaring_bitmap_t *plain = without_runs(theirs);
    check_their_bytes(ours, plain, SH_ARRAY_COUNT_COMPACT);
    (void)roaring_bitmap_run_optimize(plain);
    check_their_bytes(ours, plain, SH_ARRAY_COUNT_FAST);
    char *bytes = malloc(buffer.count);
    must(roaring_bitmap_portable_size_in_bytes(plain) == buffer.count, "our bytes are not as many as theirs");
    must(bytes != NULL && roaring_bitmap_portable_serialize(plain, bytes) == buffer.count, "libroaring's size");
    must(memcmp(bytes, buffer.bytes, buffer.count) == 0, "our bytes are not theirs");
    free(bytes);
    roaring_bitmap_free(plain);
    sh_buffer_deinit(&buffer);
}

static void check_pair(const struct sh_bitmap *a, const struct sh_bitmap *b, const roaring_bitmap_t *x,
                       const roaring_bitmap_t *y) {
    must(sh_bitmap_and_count(a, b) == roaring_bitmap_and_cardinality(x, y), "and_count");
    must(sh_bitmap_or_count(a, b) == roaring_bitmap_or_cardinality(x, y), "or_count");
    must(sh_bitmap_xor_count(a, b) == roaring_bitmap_xor_cardinality(x, y), "xor_count");
    must(sh_bitmap_andnot_count(a, b) == roaring_bitmap_andnot_cardinality(x, y), "andnot_count");
    must(sh_bitmap_intersects(a, b) == roaring_bitmap_intersect(x, y), "intersects");
    static enum sh_status (*const into[])(struct sh_bitmap *, const struct sh_bitmap *) = {
        sh_bitmap_and_into, sh_bitmap_or_into, sh_bitmap_xor_into, sh_bitmap_andnot_into};
    static enum sh_status (*const build[])(struct sh_bitmap *, const struct sh_bitmap *, const struct sh_bitmap *) = {
        sh_bitmap_and, sh_bitmap_or, sh_bitmap_xor, sh_bitmap_andnot};
    static roaring_bitmap_t *(*const theirs[])(const roaring_bitmap_t *, const roaring_bitmap_t *) = {
        roaring_bitmap_and, roaring_bitmap_or, roaring_bitmap_xor, roaring_bitmap_andnot};
    for (uint32_t i = 0; i < 4; i++) {
        struct sh_bitmap result = SH_BITMAP_EMPTY;
        must(sh_bitmap_copy(&result, a) == SH_OK && into[i](&result, b) == SH_OK, "no memory");
        roaring_bitmap_t *expected = theirs[i](x, y);
        must_be_same(&result, expected);
        must(build[i](&result, a, b) == SH_OK, "no memory");
        must_be_same(&result, expected);
        roaring_bitmap_free(expected);
        sh_bitmap_deinit(&result);
    }
}

static void check_real_set(uint32_t index) {
    static struct real_set set;
    static struct sh_bitmap ours[REAL_BITMAP_COUNT];
    static roaring_bitmap_t *theirs[REAL_BITMAP_COUNT];
    subject = real_set_names[index];
    if (!real_set_open(&set, index)) return;
    uint64_t integers = 0;
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++) {
        const struct real_bitmap *real = &set.bitmaps[i];
        integers += real->count;
        sh_bitmap_init(&ours[i], i % 2 == 0 ? SH_ARRAY_COUNT_FAST : SH_ARRAY_COUNT_COMPACT);
        must(sh_bitmap_add_sorted(&ours[i], real->slots, real->count) == SH_OK, "no memory");
        theirs[i] = roaring_bitmap_of_ptr(real->count, real->slots);
        must_be_same(&ours[i], theirs[i]);
        check_bytes(&ours[i], theirs[i]);
        if (i % 3 == 0) must(sh_bitmap_optimize(&ours[i]) == SH_OK, "no memory");
        must_be_same(&ours[i], theirs[i]);
        if (i > 0) check_pair(&ours[i - 1], &ours[i], theirs[i - 1], theirs[i]);
    }
    must(integers == real_set_integers[index], "the set has another number of integers than it should");

    struct sh_bitmap sum = SH_BITMAP_EMPTY;
    const struct sh_bitmap *sources[REAL_BITMAP_COUNT];
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++)
        sources[i] = &ours[i];
    must(sh_bitmap_or_many(&sum, sources, REAL_BITMAP_COUNT) == SH_OK, "no memory");
    roaring_bitmap_t *their_sum = roaring_bitmap_or_many(REAL_BITMAP_COUNT, (const roaring_bitmap_t **)theirs);
    must_be_same(&sum, their_sum);
    printf("%s: 200 bitmaps, %llu integers, 199 pairs agree with libroaring; union %llu\n", subject,
           (unsigned long long)integers, (unsigned long long)sh_bitmap_count(&sum));
    roaring_bitmap_free(their_sum);
    sh_bitmap_deinit(&sum);
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++) {
        sh_bitmap_deinit(&ours[i]);
        roaring_bitmap_free(theirs[i]);
    }
    real_set_close(&set);
}

/* A set of up to 12 blocks anywhere in u32, in any mix of shapes. */
static void random_set(struct sh_bitmap *ours, roaring_bitmap_t *theirs) {
    const uint32_t block_count = random_below(&rng, 12);
    for (uint32_t i = 0; i < block_count; i++) {
        const uint32_t key = random_below(&rng, 3) == 0 ? random_below(&rng, 65536) : 65535 * random_below(&rng, 2) + i;
        const uint32_t base = (key & 0xffff) * SH_BLOCK_SLOTS;
        const uint32_t count = random_length(&rng, 20000);
        const uint32_t length = random_below(&rng, 3) == 0 ? random_length(&rng, 2000) : 1;
        for (uint32_t k = 0; k * length < count; k++) {
            const uint32_t first = random_below(&rng, SH_BLOCK_SLOTS);
            const uint32_t last = first + length - 1 < SH_BLOCK_SLOTS ? first + length - 1 : SH_BLOCK_SLOTS - 1;
            must(sh_bitmap_add_range(ours, base + first, (uint64_t)base + last + 1) == SH_OK, "no memory");
            roaring_bitmap_add_range_closed(theirs, base + first, base + last);
        }
        if (random_below(&rng, 4) == 0) { /* nearly or wholly full */
            must(sh_bitmap_add_range(ours, base, (uint64_t)base + SH_BLOCK_SLOTS) == SH_OK, "no memory");
            roaring_bitmap_add_range_closed(theirs, base, base + SH_BLOCK_SLOTS - 1);
            for (uint32_t k = random_below(&rng, 3000); k > 1; k--) {
                const uint32_t slot = base + random_below(&rng, SH_BLOCK_SLOTS);
                must(sh_bitmap_remove(ours, slot, NULL) == SH_OK, "no memory");
                roaring_bitmap_remove(theirs, slot);
            }
        }
    }
    if (random_below(&rng, 2) == 0) must(sh_bitmap_optimize(ours) == SH_OK, "no memory");
}

static void check_random(void) {
    subject = "a random set";
    struct sh_bitmap before = SH_BITMAP_EMPTY;
    roaring_bitmap_t *their_before = roaring_bitmap_create();
    for (uint64_t i = 0; i < round_count; i++) {
        struct sh_bitmap ours;
        sh_bitmap_init(&ours, random_below(&rng, 2) == 0 ? SH_ARRAY_COUNT_FAST : SH_ARRAY_COUNT_COMPACT);
        roaring_bitmap_t *theirs = roaring_bitmap_create();
        random_set(&ours, theirs);
        must_be_same(&ours, theirs);
        check_bytes(&ours, theirs);
        check_pair(&before, &ours, their_before, theirs);
        sh_bitmap_deinit(&before);
        roaring_bitmap_free(their_before);
        before = ours;
        their_before = theirs;
    }
    sh_bitmap_deinit(&before);
    roaring_bitmap_free(their_before);
    printf("%llu random sets agree with libroaring %d.%d.%d\n", (unsigned long long)round_count, ROARING_VERSION_MAJOR,
           ROARING_VERSION_MINOR, ROARING_VERSION_REVISION);
}

int main(int argument_count, char **arguments) {
    seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    round_count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 100;
    rng.state = seed;
    check_random();
    for (uint32_t i = 0; i < REAL_SET_COUNT; i++)
        check_real_set(i);
    return 0;
}
