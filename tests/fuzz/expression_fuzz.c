/* expression_fuzz.c -- any bytes as an expression in text and as a tree in msgpack. What is accepted must print, parse,
 * write and read back to the same. */
#include <stdio.h>
#include <stdlib.h>

#include "bounds.h"
#include "query_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

static void must(bool holds, const char *what, const struct sh_error *err) {
    if (holds) return;
    (void)fprintf(stderr, "%s: %s\n", what, err->message);
    abort();
}

static void write(const struct sh_node *tree, struct sh_buffer *buffer) {
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    sh_query_write(tree, &packer);
}

static bool same(const struct sh_buffer *a, const struct sh_buffer *b) {
    return !a->failed && !b->failed && a->count == b->count && memcmp(a->bytes, b->bytes, a->count) == 0;
}

static void check_tree(const struct sh_node *tree, struct sh_arena *arena) {
    struct sh_buffer text, text_again, packed, packed_again;
    struct sh_error err = {0};
    struct sh_node *parsed, *read;
    sh_buffer_init(&text, SH_EXPRESSION_BYTES_MAX);
    sh_buffer_init(&text_again, SH_EXPRESSION_BYTES_MAX);
    sh_buffer_init(&packed, 4 * SH_EXPRESSION_BYTES_MAX);
    sh_buffer_init(&packed_again, 4 * SH_EXPRESSION_BYTES_MAX);
    sh_query_print(tree, &text);
    const struct sh_text source = {(const char *)text.bytes, (uint32_t)text.count};
    must(sh_query_parse(source, arena, &parsed, &err) == SH_OK, "the canonical text is refused", &err);
    sh_query_print(parsed, &text_again);
    must(same(&text, &text_again), "the canonical text prints otherwise", &err);
    write(tree, &packed);
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, packed.bytes, packed.count);
    must(sh_query_read(&cursor, arena, &read, &err) == SH_OK, "the canonical arrays are refused", &err);
    must(sh_cursor_at_end(&cursor), "the canonical arrays are longer than what is read", &err);
    write(read, &packed_again);
    must(same(&packed, &packed_again), "the canonical arrays are written otherwise", &err);
    sh_buffer_deinit(&text);
    sh_buffer_deinit(&text_again);
    sh_buffer_deinit(&packed);
    sh_buffer_deinit(&packed_again);
}

static void check_error(const struct sh_error *err, size_t byte_count) {
    must(err->position >= -1 && err->position <= (int64_t)byte_count, "the position is outside", err);
    must(err->message[0] != '\0', "an error without words", err);
    must(sh_text_is_utf8(sh_text_of(err->message)) && sh_text_is_utf8(sh_text_of(err->hint)), "not UTF-8", err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct sh_arena arena;
    struct sh_error err = {0};
    struct sh_node *tree;
    sh_arena_init(&arena, 64 << 20);
    if (byte_count <= UINT32_MAX &&
        sh_query_parse((struct sh_text){(const char *)bytes, (uint32_t)byte_count}, &arena, &tree, &err) == SH_OK)
        check_tree(tree, &arena);
    else
        check_error(&err, byte_count);
    sh_arena_reset(&arena);
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, bytes, byte_count);
    if (sh_query_read(&cursor, &arena, &tree, &err) == SH_OK)
        check_tree(tree, &arena);
    else
        check_error(&err, byte_count);
    sh_arena_deinit(&arena);
    return 0;
}
