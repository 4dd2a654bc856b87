#include "client_writer.h"

#include "memory.h"

/* What is called `writer` outside is a buffer inside; msgpack-c's packer is made anew for each value, which costs two
 * stores. */
#define PACK(writer)                                                                                                   \
    msgpack_packer packer;                                                                                             \
    sh_buffer_packer(&(writer)->buffer, &packer)

struct shoal_client_writer *shoal_client_writer_create(void) {
    struct shoal_client_writer *writer = sh_alloc_zero(sizeof *writer);
    if (writer != NULL) sh_buffer_init(&writer->buffer, SH_FRAME_BYTES_MAX);
    return writer;
}

void shoal_client_writer_destroy(struct shoal_client_writer *writer) {
    if (writer == NULL) return;
    sh_buffer_deinit(&writer->buffer);
    sh_free(writer);
}

void shoal_client_writer_clear(struct shoal_client_writer *writer) {
    sh_buffer_clear(&writer->buffer);
}

const void *shoal_client_writer_bytes(const struct shoal_client_writer *writer, size_t *byte_count) {
    *byte_count = writer->buffer.count;
    return writer->buffer.bytes;
}

void shoal_client_write_map(struct shoal_client_writer *writer, uint32_t pair_count) {
    PACK(writer);
    msgpack_pack_map(&packer, pair_count);
}

void shoal_client_write_array(struct shoal_client_writer *writer, uint32_t count) {
    PACK(writer);
    msgpack_pack_array(&packer, count);
}

static size_t begin(struct shoal_client_writer *writer, uint8_t head) {
    const size_t begun = writer->buffer.count;
    const uint8_t bytes[5] = {head};
    sh_buffer_append(&writer->buffer, bytes, sizeof bytes);
    return begun;
}

size_t shoal_client_begin_map(struct shoal_client_writer *writer) {
    return begin(writer, 0xDF);
}

size_t shoal_client_begin_array(struct shoal_client_writer *writer) {
    return begin(writer, 0xDD);
}

void shoal_client_end(struct shoal_client_writer *writer, size_t begun, uint32_t count) {
    if (writer->buffer.failed) return;
    sh_assert(begun + 5 <= writer->buffer.count);
    uint8_t *head = writer->buffer.bytes + begun;
    sh_assert(head[0] == 0xDD || head[0] == 0xDF);
    for (uint32_t i = 0; i < 4; i++)
        head[1 + i] = (uint8_t)(count >> (24 - 8 * i));
}

void shoal_client_write_nil(struct shoal_client_writer *writer) {
    PACK(writer);
    msgpack_pack_nil(&packer);
}

void shoal_client_write_boolean(struct shoal_client_writer *writer, bool boolean) {
    PACK(writer);
    if (boolean)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void shoal_client_write_integer(struct shoal_client_writer *writer, int64_t integer) {
    PACK(writer);
    msgpack_pack_int64(&packer, integer);
}

void shoal_client_write_real(struct shoal_client_writer *writer, double real) {
    PACK(writer);
    msgpack_pack_double(&packer, real);
}

void shoal_client_write_text(struct shoal_client_writer *writer, const char *text, size_t byte_count) {
    PACK(writer);
    msgpack_pack_str(&packer, byte_count);
    msgpack_pack_str_body(&packer, text, byte_count);
}

void shoal_client_write_literal(struct shoal_client_writer *writer, const char *zero_ended) {
    shoal_client_write_text(writer, zero_ended, strlen(zero_ended));
}

void shoal_client_write_raw(struct shoal_client_writer *writer, const void *bytes, size_t byte_count) {
    sh_buffer_append(&writer->buffer, bytes, byte_count);
}
