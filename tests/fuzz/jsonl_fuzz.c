/* Any bytes as JSON Lines: whole and in pieces they must give the same texts, and every text must be UTF-8. */
#include <stdint.h>
#include <stdlib.h>

#include "hash.h"
#include "record.h"

/* A hash of all that is read, and how it ended. */
static uint64_t read_lines(const uint8_t *bytes, size_t byte_count, size_t piece_bytes) {
    struct sh_text wanted[] = {SH_TEXT_LITERAL("a"), SH_TEXT_LITERAL("b.c"), SH_TEXT_LITERAL("id"),
                               SH_TEXT_LITERAL("")};
    const struct record_options options = {.format = MAPPING_JSONL};
    struct input *input;
    struct record_reader reader;
    struct sh_error err;
    uint64_t hash = 0;
    if (input_open_memory(bytes, byte_count, piece_bytes, &input, &err) != SH_OK) abort();
    if (record_open(&reader, "fuzz", input, &options, wanted, 4, 4, &err) != SH_OK) abort();
    for (;;) {
        bool at_end = false;
        const enum sh_status status = record_next(&reader, &at_end, &err);
        if ((status != SH_OK && status != SH_ERR_SYNTAX) || at_end) {
            hash = status == SH_OK ? sh_hash_mix(hash, 1) : (uint64_t)status;
            break;
        }
        const struct sh_text raw = record_raw(&reader);
        hash = sh_hash_bytes(raw.bytes, raw.count, sh_hash_mix(hash, reader.line_number));
        if (status == SH_ERR_SYNTAX) continue;
        for (uint32_t i = 0; i < 4; i++) {
            const struct record_value *value = &reader.values[i];
            if (!value->present || value->array != NULL) continue;
            if (!sh_text_is_utf8(value->text)) abort();
            hash = sh_hash_bytes(value->text.bytes, value->text.count, hash);
        }
    }
    record_close(&reader);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count < 1) return 0;
    const uint64_t whole = read_lines(bytes + 1, byte_count - 1, 0);
    if (whole != read_lines(bytes + 1, byte_count - 1, 1u + bytes[0])) abort();
    return 0;
}
