/* cursor_property.c -- the cursor against its twin and msgpack-c: random good values, whole and cut at every byte, then
 * with bytes changed. Run: cursor_property SEED COUNT */
#include <stdio.h>

#include "buffer.h"
#include "cursor_twin.h"
#include "hash.h"

static uint64_t state;

static uint64_t random_word(void) {
    state += 0x9E3779B97F4A7C15u;
    return sh_hash_mix(state, 1);
}

static uint32_t random_below(uint32_t bound) {
    return (uint32_t)(random_word() % bound);
}

static void pack_random_text(msgpack_packer *packer) {
    static const char piece[] =
        "shoal \xE6\xB5\x85\xE6\xBB\xA9 plain ascii text that is long enough for every form of length, "
        "\xF0\x9F\x90\x9F and then some more of it";
    static const uint8_t ends[] = {0, 1, 5, 6, 9, 12, 31, 32, 33, 60};
    sh_pack_text(packer, (struct sh_text){piece, ends[random_below(sizeof ends)]});
}

static void pack_random_scalar(msgpack_packer *packer) {
    char bytes[300] = {0};
    switch (random_below(8)) {
    case 0:
        msgpack_pack_nil(packer);
        break;
    case 1:
        if (random_below(2) == 0)
            msgpack_pack_true(packer);
        else
            msgpack_pack_false(packer);
        break;
    case 2:
        msgpack_pack_int64(packer, (int64_t)random_word() >> random_below(64));
        break;
    case 3:
        msgpack_pack_uint64(packer, random_word() >> random_below(64));
        break;
    case 4:
        msgpack_pack_double(packer, (double)(int64_t)random_word() / 1e6);
        break;
    case 5:
        msgpack_pack_float(packer, (float)(int32_t)random_word() / 3);
        break;
    case 6:
        msgpack_pack_bin_with_body(packer, bytes, random_below(sizeof bytes));
        break;
    default:
        pack_random_text(packer);
    }
}

static void pack_random(msgpack_packer *packer, uint32_t depth) {
    const uint32_t shape = random_below(10);
    if (depth == 0 || shape < 5) {
        pack_random_scalar(packer);
        return;
    }
    const uint32_t count = random_below(random_below(12) == 0 ? 20 : 4);
    if (shape < 8)
        msgpack_pack_array(packer, count);
    else
        msgpack_pack_map(packer, count);
    for (uint32_t i = 0; i < (shape < 8 ? count : 2 * count); i++)
        pack_random(packer, depth - 1);
}

static const char *check_changed(struct sh_buffer *buffer) {
    for (uint32_t round = 0; round < 20; round++) {
        const size_t at = random_below((uint32_t)buffer->count);
        const uint8_t before = buffer->bytes[at];
        static const uint8_t heads[] = {0xC1, 0xC7, 0xD4, 0xDC, 0xDD, 0xDE, 0xDF, 0xDB, 0xC6, 0xCB, 0xFF, 0x00, 0x93};
        buffer->bytes[at] = random_below(2) == 0 ? heads[random_below(sizeof heads)] : (uint8_t)random_word();
        const char *fault = cursor_twin_check(buffer->bytes, buffer->count);
        buffer->bytes[at] = before;
        if (fault != NULL) return fault;
    }
    return NULL;
}

static const char *check_step(struct sh_buffer *buffer) {
    sh_buffer_clear(buffer);
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    pack_random(&packer, random_below(7));
    uint32_t depth;
    if (cursor_twin_accepts(buffer->bytes, buffer->count, &depth) != buffer->count) return "a packed value is refused";
    const char *fault = cursor_twin_check(buffer->bytes, buffer->count);
    for (size_t count = 0; count < buffer->count && count < 400 && fault == NULL; count++) {
        fault = cursor_twin_check(buffer->bytes, count);
        if (fault == NULL && cursor_twin_accepts(buffer->bytes, count, &depth) != 0) fault = "a cut value is accepted";
    }
    return fault == NULL ? check_changed(buffer) : fault;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 20000;
    printf("reproduce: ./cursor_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)count);
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 1 << 24);
    const char *fault = NULL;
    for (uint64_t step = 0; step < count && fault == NULL; step++) {
        state = sh_hash_mix(seed, step);
        fault = check_step(&buffer);
        if (fault != NULL) printf("step %llu: %s\n", (unsigned long long)step, fault);
    }
    sh_buffer_deinit(&buffer);
    return fault == NULL ? 0 : 1;
}
