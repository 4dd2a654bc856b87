/* dictionary_property.c -- the hash index against an array of pairs, with hostile hashes, and a dictionary against a
 * list of texts; memory fails at random. Run: dictionary_property SEED COUNT, with COUNT changes each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_rig.h"
#include "dictionary.h"
#include "memory.h"
#include "split_random.h"

static struct split_random rng;
static uint64_t seed, step_count, step;

static void must(bool holds, const char *what) {
    if (holds) return;
    printf("reproduce: ./dictionary_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)step_count);
    printf("step %llu: %s\n", (unsigned long long)step, what);
    exit(1);
}

/* ---- The index ---- */

struct pair {
    uint64_t hash;
    uint32_t value;
};

/* One in some hashes shares all its tag, or most of it, with others. */
static uint64_t random_hash(bool is_hostile) {
    const uint64_t hash = split_next(&rng);
    if (!is_hostile) return hash;
    switch (split_below(&rng, 4)) {
    case 0:
        return hash & 0x00000000FFFFFFFFu; /* 64 tags */
    case 1:
        return (hash & 0x000FFFFFFFFFFFFFu); /* twelve first bits alike */
    case 2:
        return hash | 0xFFFFF00000000000u;
    default:
        return hash;
    }
}

static bool index_has(const struct sh_hash_index *index, struct pair pair) {
    struct sh_hash_probe probe;
    for (uint32_t value = sh_hash_index_first(index, pair.hash, &probe); value != SH_HASH_INDEX_NONE;
         value = sh_hash_index_next(&probe))
        if (value == pair.value) return true;
    return false;
}

static void check_index(const struct sh_hash_index *index, const struct pair *pairs, uint32_t pair_count) {
    const char *reason = NULL;
    must(sh_hash_index_check(index, &reason), reason);
    must(index->count == pair_count, "the index has another count");
    for (uint32_t i = 0; i < pair_count; i++)
        must(index_has(index, pairs[i]), "a pair is lost");
}

static void test_index(bool is_hostile, bool is_announced) {
    struct sh_hash_index index;
    sh_hash_index_init(&index);
    if (is_announced) {
        const uint64_t announced = 1 + split_below(&rng, 2 * step_count);
        sh_memory_fail_after(split_below(&rng, 10));
        if (sh_hash_index_announce(&index, announced) != SH_OK) must(index.directory == NULL, "a failed announcement");
        sh_memory_fail_after(UINT64_MAX);
        if (index.directory == NULL) must(sh_hash_index_announce(&index, announced) == SH_OK, "announce");
        check_index(&index, NULL, 0);
    }
    struct pair *pairs = calloc(step_count, sizeof *pairs);
    must(pairs != NULL, "no memory");
    uint32_t pair_count = 0;
    uint32_t next_value = 0;
    bool is_shrinking = false;
    for (step = 0; step < step_count; step++) {
        if (split_one_in(&rng, 2000)) is_shrinking = !is_shrinking;
        if (pair_count > 0 && split_one_in(&rng, is_shrinking ? 2 : 6)) {
            const uint32_t at = (uint32_t)split_below(&rng, pair_count);
            must(sh_hash_index_remove(&index, pairs[at].hash, pairs[at].value), "a pair is not there to be removed");
            must(!sh_hash_index_remove(&index, pairs[at].hash, pairs[at].value), "a removed pair is removed again");
            must(!index_has(&index, pairs[at]), "a removed pair is found");
            pairs[at] = pairs[--pair_count];
        } else {
            const struct pair pair = {.hash = random_hash(is_hostile), .value = next_value++};
            if (split_one_in(&rng, 20)) sh_memory_fail_after(split_below(&rng, 3));
            enum sh_status status = sh_hash_index_insert(&index, pair.hash, pair.value);
            sh_memory_fail_after(UINT64_MAX);
            if (status == SH_ERR_MEMORY) {
                must(!index_has(&index, pair), "a failed insert left the pair");
                status = sh_hash_index_insert(&index, pair.hash, pair.value);
            }
            must(status == SH_OK, sh_status_name(status));
            pairs[pair_count++] = pair;
        }
        if (split_one_in(&rng, 3000)) check_index(&index, pairs, pair_count);
    }
    check_index(&index, pairs, pair_count);
    if (!is_hostile && pair_count > 20000)
        must(sh_hash_index_memory_bytes(&index) < pair_count * UINT64_C(24), "the index takes too much memory");
    sh_hash_index_deinit(&index);
    free(pairs);
}

/* ---- The dictionary ---- */

static uint32_t random_text(char *bytes) {
    static const char *const letters[] = {"a", "b", "z", "0", "-", "\xc3\xa9", "\xe6\x88\x90", "\xf0\x9f\x90\x9f"};
    uint32_t count = 0;
    const uint64_t wanted = split_one_in(&rng, 500) ? split_length(&rng, 1000) : split_length(&rng, 12);
    for (uint64_t i = 0; i < wanted; i++) {
        const char *letter = letters[split_below(&rng, sizeof letters / sizeof *letters)];
        memcpy(bytes + count, letter, strlen(letter));
        count += (uint32_t)strlen(letter);
    }
    return count;
}

static void save_dictionary(const void *thing, struct sh_archive_writer *writer) {
    sh_dictionary_save(thing, writer);
}
static enum sh_status load_dictionary(void *thing, struct sh_archive_reader *reader) {
    sh_dictionary_init(thing, 1 << 20);
    return sh_dictionary_load(thing, reader);
}
static bool check_dictionary(const void *thing, const char **reason) {
    return sh_dictionary_check(thing, reason);
}
static void deinit_dictionary(void *thing) {
    sh_dictionary_deinit(thing);
}

/* The changes go on with the dictionary that was loaded. */
static void save_and_load(struct sh_dictionary *dictionary) {
    struct sh_dictionary back;
    struct sh_buffer first, second;
    const struct archive_rig rig = {save_dictionary, load_dictionary, check_dictionary, deinit_dictionary, &back};
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
    const char *fault = rig_round_trip(&rig, dictionary, &first, &second);
    must(fault == NULL, fault);
    must(back.count == dictionary->count, "a loaded dictionary has other codes");
    sh_dictionary_deinit(dictionary);
    *dictionary = back;
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
}

static void test_dictionary(void) {
    struct sh_dictionary dictionary;
    sh_dictionary_init(&dictionary, 1 << 20);
    struct sh_text *texts = malloc(step_count * sizeof *texts);
    must(texts != NULL, "no memory");
    uint32_t text_count = 0;
    for (step = 0; step < step_count; step++) {
        char bytes[4000];
        const struct sh_text text = {.bytes = bytes, .count = random_text(bytes)};
        const uint32_t known = sh_dictionary_find(&dictionary, text);
        must(known == SH_CODE_NONE || sh_text_equal(texts[known], text), "find gives another text's code");
        uint32_t code = 0;
        if (split_one_in(&rng, 10)) sh_memory_fail_after(split_below(&rng, 4));
        enum sh_status status = sh_dictionary_intern(&dictionary, text, &code, NULL);
        sh_memory_fail_after(UINT64_MAX);
        if (status == SH_ERR_MEMORY) {
            must(sh_dictionary_count(&dictionary) == text_count, "a failed intern changed the count");
            must(sh_dictionary_find(&dictionary, text) == known, "a failed intern left the text");
            status = sh_dictionary_intern(&dictionary, text, &code, NULL);
        }
        must(status == SH_OK, sh_status_name(status));
        must(known == SH_CODE_NONE ? code == text_count : code == known, "intern gives another code");
        if (known == SH_CODE_NONE) {
            char *copy = malloc(text.count + (size_t)1);
            must(copy != NULL, "no memory");
            memcpy(copy, bytes, text.count);
            texts[text_count++] = (struct sh_text){.bytes = copy, .count = text.count};
        }
        must(sh_text_equal(sh_dictionary_text(&dictionary, code), text), "a code has another text");
        if (split_one_in(&rng, 1000)) save_and_load(&dictionary);
        if (!split_one_in(&rng, 4)) continue;
        const uint32_t gone = (uint32_t)split_below(&rng, text_count);
        sh_dictionary_erase(&dictionary, gone);
        must(sh_dictionary_is_erased(&dictionary, gone), "an erased code is not erased");
        must(sh_dictionary_text(&dictionary, gone).count == 0, "an erased code has a text");
        if (texts[gone].count > 0) {
            const uint32_t again = sh_dictionary_find(&dictionary, texts[gone]);
            must(again == SH_CODE_NONE || again != gone, "an erased text is found");
        }
        texts[gone].count = 0;
    }
    const char *reason = NULL;
    must(sh_dictionary_check(&dictionary, &reason), reason);
    for (uint32_t code = 0; code < text_count; code++) {
        must(sh_text_equal(sh_dictionary_text(&dictionary, code), texts[code]), "a text changed");
        free((void *)(uintptr_t)texts[code].bytes);
    }
    sh_dictionary_deinit(&dictionary);
    free(texts);
}

int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    step_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 40000;
    rng.state = seed;
    for (uint32_t way = 0; way < 4; way++)
        test_index(way % 2 == 1, way / 2 == 1);
    test_dictionary();
    must(sh_memory_bytes() == 0, "memory is left");
    printf("%llu changes agree\n", (unsigned long long)step_count);
    return 0;
}
