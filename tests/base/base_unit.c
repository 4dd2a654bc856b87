/* base_unit.c -- status, memory, arena, buffer, hash. */
#include <criterion/criterion.h>
#include <msgpack.h>

#include "arena.h"
#include "buffer.h"
#include "hash.h"
#include "memory.h"

Test(status, a_failure_is_filled_in_and_its_code_returned) {
    struct sh_error err;
    cr_assert_eq(sh_fail(&err, SH_ERR_SYNTAX, 7, "at %d", 12), SH_ERR_SYNTAX);
    cr_assert_eq(err.status, SH_ERR_SYNTAX);
    cr_assert_eq(err.position, 7);
    cr_assert_str_eq(err.message, "at 12");
    cr_assert_str_empty(err.hint);
    cr_assert_eq(sh_fail_hint(&err, SH_ERR_NAME, "try %s", "this"), SH_ERR_SYNTAX, "the error's own status");
    cr_assert_str_eq(err.hint, "try this");
    (void)sh_fail(&err, SH_ERR_IO, -1, "again");
    cr_assert_str_empty(err.hint, "a new failure has no old hint");
    cr_assert_eq(sh_fail(NULL, SH_ERR_IO, -1, "nobody listens"), SH_ERR_IO);
    cr_assert_eq(sh_fail_hint(NULL, SH_ERR_NAME, "nobody listens"), SH_ERR_NAME);
}

Test(status, characters_that_the_words_cut_are_taken_out) {
    struct sh_error err;
    (void)sh_fail(&err, SH_ERR_ARGUMENT, -1, "`%.*s` cannot be", 10, "\u4e2d\u4e2d\u4e2d\u4e2d");
    cr_assert_str_eq(err.message, "`\u4e2d\u4e2d\u4e2d` cannot be");
    (void)sh_fail_hint(&err, SH_ERR_ARGUMENT, "%.*s, %.*s!", 5, "\u4e2d\u4e2d", 6, "a\U0001F600\U0001F600");
    cr_assert_str_eq(err.hint, "\u4e2d, a\U0001F600!");
    (void)sh_fail(&err, SH_ERR_ARGUMENT, -1, "%s", "\xFF\x80 and \xC0\xAF");
    cr_assert_str_eq(err.message, " and ");
}

Test(status, long_messages_are_cut_between_characters) {
    for (size_t ascii_count = 0; ascii_count < 8; ascii_count++) {
        char text[2 * SH_ERROR_MESSAGE_BYTES_MAX];
        memset(text, 'x', ascii_count);
        size_t count = ascii_count;
        while (count + 4 < sizeof text) {
            memcpy(text + count, ascii_count % 2 == 0 ? "\xE5\x9F\x8E" : "\xF0\x9F\x98\x80", 4);
            count += ascii_count % 2 == 0 ? 3 : 4;
        }
        text[count] = '\0';
        struct sh_error err;
        (void)sh_fail(&err, SH_ERR_IO, -1, "%s", text);
        const struct sh_text message = sh_text_of(err.message);
        cr_assert(sh_text_is_utf8(message));
        cr_assert_gt(message.count, SH_ERROR_MESSAGE_BYTES_MAX - 6);
        cr_assert_eq(memcmp(err.message, text, message.count), 0);
    }
}

Test(status, every_code_has_its_own_name) {
    cr_assert_str_eq(sh_status_name(SH_OK), "ok");
    cr_assert_str_eq(sh_status_name(SH_ERR_NOT_FOUND), "not_found");
    cr_assert_str_eq(sh_status_name((enum sh_status)9999), "unknown");
}

Test(memory, large_blocks_are_aligned_and_all_are_counted) {
    const int64_t before = sh_memory_bytes();
    uint8_t *small = sh_alloc(10);
    uint8_t *large = sh_alloc_zero(1000);
    uint8_t *empty = sh_alloc(0);
    cr_assert_not_null(empty);
    cr_assert_eq((uintptr_t)large % 64, 0);
    cr_assert_eq(large[0] + large[999], 0);
    cr_assert_geq(sh_memory_bytes() - before, 1010);
    memset(small, 'a', 10);
    small = sh_realloc(small, 10, 5000);
    cr_assert_eq((uintptr_t)small % 64, 0, "grown memory is aligned as new memory is");
    cr_assert_eq(small[9], 'a');
    small = sh_realloc(small, 5000, 4);
    cr_assert_eq(small[3], 'a');
    sh_free(small);
    sh_free(large);
    sh_free(empty);
    sh_free(NULL);
    cr_assert_eq(sh_memory_bytes(), before);
}

Test(memory, the_planned_allocation_fails_once) {
    sh_memory_fail_after(2);
    void *first = sh_alloc(8);
    void *second = sh_alloc(8);
    cr_assert(!sh_memory_failed());
    cr_assert_null(sh_alloc(8));
    cr_assert(sh_memory_failed());
    void *fourth = sh_alloc(8);
    cr_assert_not_null(fourth);
    sh_memory_fail_after(UINT64_MAX);
    cr_assert(!sh_memory_failed());
    sh_free(first);
    sh_free(second);
    sh_free(fourth);
}

Test(memory, grow_keeps_the_elements_and_a_failure_keeps_all) {
    uint32_t *numbers = NULL;
    uint32_t capacity = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert_eq(sh_grow((void **)&numbers, &capacity, i + 1, sizeof *numbers), SH_OK);
        numbers[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(numbers[i], i);
    const uint32_t capacity_before = capacity;
    const uint32_t *const numbers_before = numbers;
    sh_memory_fail_after(0);
    cr_assert_eq(sh_grow((void **)&numbers, &capacity, capacity + 1, sizeof *numbers), SH_ERR_MEMORY);
    cr_assert_eq(sh_grow((void **)&numbers, &capacity, UINT64_C(1) << 32, 1), SH_ERR_LIMIT);
    cr_assert_eq(capacity, capacity_before);
    cr_assert_eq(numbers, numbers_before);
    cr_assert_eq(numbers[999], 999);
    sh_free(numbers);
}

Test(arena, blocks_are_aligned_apart_and_writable) {
    struct sh_arena arena;
    sh_arena_init(&arena, 10 << 20);
    uint8_t *blocks[300];
    for (uint32_t i = 0; i < 300; i++) {
        blocks[i] = sh_arena_alloc_zero(&arena, i * 5);
        cr_assert_not_null(blocks[i]);
        cr_assert_eq((uintptr_t)blocks[i] % (i * 5 >= 64 ? 64 : 16), 0);
        memset(blocks[i], (int)(i & 0xFF), i * 5);
    }
    for (uint32_t i = 0; i < 300; i++) {
        for (uint32_t k = 0; k < i * 5; k++)
            cr_assert_eq(blocks[i][k], (uint8_t)i);
    }
    cr_assert_eq(memcmp(sh_arena_copy(&arena, "text", 4), "text", 4), 0);
    cr_assert_not_null(sh_arena_copy(&arena, NULL, 0));
    sh_arena_deinit(&arena);
    cr_assert_eq(sh_memory_bytes(), 0);
}

Test(arena, the_limit_holds_for_the_chunks_together) {
    enum { LIMIT = 300000 };
    struct sh_arena arena;
    sh_arena_init(&arena, LIMIT);
    uint32_t block_count = 0;
    while (sh_arena_alloc(&arena, 40000) != NULL)
        block_count++;
    cr_assert_geq(block_count, 4);
    cr_assert_leq(sh_memory_bytes(), LIMIT + 16 * 128, "chunks and their heads");
    cr_assert_null(sh_arena_alloc(&arena, SIZE_MAX));
    cr_assert_null(sh_arena_alloc(&arena, LIMIT + 1));
    sh_arena_reset(&arena);
    cr_assert_not_null(sh_arena_alloc(&arena, 200000), "a reset gives the room back");
    sh_arena_deinit(&arena);
}

Test(arena, a_reset_keeps_a_common_first_chunk_and_gives_back_a_large_one) {
    struct sh_arena arena;
    sh_arena_init(&arena, 10 << 20);
    const void *first = sh_arena_alloc(&arena, 100);
    (void)sh_arena_alloc(&arena, 5 << 20);
    sh_arena_reset(&arena);
    cr_assert_lt(sh_memory_bytes(), 100000);
    cr_assert_eq(sh_arena_alloc(&arena, 100), first);
    sh_arena_deinit(&arena);
    (void)sh_arena_alloc(&arena, 5 << 20);
    sh_arena_reset(&arena);
    cr_assert_eq(sh_memory_bytes(), 0);
    sh_arena_deinit(&arena);
}

Test(arena, failing_memory_leaves_it_as_it_was) {
    struct sh_arena arena;
    sh_arena_init(&arena, 10 << 20);
    sh_memory_fail_after(0);
    cr_assert_null(sh_arena_alloc(&arena, 10));
    cr_assert_eq(arena.reserved_bytes, 0);
    uint8_t *block = sh_arena_alloc(&arena, 10);
    cr_assert_not_null(block);
    sh_memory_fail_after(0);
    cr_assert_null(sh_arena_alloc_zero(&arena, 1 << 20));
    cr_assert_not_null(sh_arena_alloc(&arena, 10));
    sh_arena_deinit(&arena);
}

Test(buffer, appends_and_prints_grow_it) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 1 << 20);
    for (uint32_t i = 0; i < 5000; i++)
        sh_buffer_print(&buffer, "%05u ", i);
    sh_buffer_append_text(&buffer, SH_TEXT_LITERAL("end"));
    sh_buffer_append(&buffer, NULL, 0);
    cr_assert_eq(sh_buffer_status(&buffer, NULL), SH_OK);
    cr_assert_eq(buffer.count, 5000 * 6 + 3);
    cr_assert_eq(memcmp(buffer.bytes + 4999 * 6, "04999 end", 9), 0);
    sh_buffer_clear(&buffer);
    cr_assert_eq(buffer.count, 0);
    sh_buffer_deinit(&buffer);
    cr_assert_eq(sh_memory_bytes(), 0);
}

Test(buffer, the_limit_is_kept_and_remembered) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 10);
    sh_buffer_append(&buffer, "0123456789", 10);
    cr_assert_eq(sh_buffer_status(&buffer, NULL), SH_OK);
    sh_buffer_append(&buffer, "x", 1);
    sh_buffer_append(&buffer, "", 0);
    struct sh_error err;
    cr_assert_eq(sh_buffer_status(&buffer, &err), SH_ERR_LIMIT);
    cr_assert_eq(buffer.count, 10);
    cr_assert_null(sh_buffer_reserve(&buffer, 0), "nothing more until it is cleared");
    sh_buffer_clear(&buffer);
    sh_buffer_append(&buffer, "again", 5);
    cr_assert_eq(sh_buffer_status(&buffer, NULL), SH_OK);
    sh_buffer_append(&buffer, "x", SIZE_MAX);
    cr_assert_eq(sh_buffer_status(&buffer, NULL), SH_ERR_LIMIT);
    sh_buffer_deinit(&buffer);
}

Test(buffer, failing_memory_is_a_failed_append) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 1000);
    sh_memory_fail_after(0);
    sh_buffer_append(&buffer, "x", 1);
    cr_assert(buffer.failed);
    sh_buffer_deinit(&buffer);
}

Test(buffer, packs_msgpack) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 100);
    msgpack_packer packer;
    sh_buffer_packer(&buffer, &packer);
    msgpack_pack_map(&packer, 1);
    sh_pack_literal(&packer, "key");
    sh_pack_text(&packer, SH_TEXT_LITERAL(""));
    cr_assert_eq(buffer.count, 6);
    cr_assert_eq(memcmp(buffer.bytes, "\x81\xA3key\xA0", 6), 0);
    sh_buffer_deinit(&buffer);
}

/* Stored and sampled results depend on these. */
Test(hash, values_never_change) {
    cr_assert_eq(sh_hash_text(SH_TEXT_LITERAL("")), 0x2D06800538D394C2u);
    cr_assert_eq(sh_hash_text(SH_TEXT_LITERAL("u1000001")), sh_hash_bytes("u1000001", 8, 0));
    cr_assert_neq(sh_hash_bytes("u1000001", 8, 0), sh_hash_bytes("u1000001", 8, 1));
    cr_assert_eq(sh_hash_mix(0, 0), sh_hash_mix(0, 0));
    cr_assert_neq(sh_hash_mix(1, 2), sh_hash_mix(2, 1));
}
