#include "page_token.h"

uint64_t sh_page_token_left(const struct sh_page_token *token) {
    uint64_t left = 0;
    for (uint32_t i = 0; i < token->shard_count; i++)
        left += token->shards[i].count - token->shards[i].place;
    return left;
}

void sh_page_token_print(const struct sh_page_token *token, struct sh_buffer *buffer) {
    sh_buffer_print(buffer, "%llx.%c", (unsigned long long)token->id, token->is_ordered ? 'o' : 'u');
    for (uint32_t i = 0; i < token->shard_count; i++)
        sh_buffer_print(buffer, ".%llx-%llx", (unsigned long long)token->shards[i].place,
                        (unsigned long long)token->shards[i].count);
}

/* One to 16 hexadecimal digits, as printf makes them, up to `end`; false if there is anything else before it. */
static bool read_hex(struct sh_text *text, char end, uint64_t *number) {
    *number = 0;
    uint32_t i = 0;
    for (; i < text->count && text->bytes[i] != end; i++) {
        const char digit = text->bytes[i];
        uint32_t value;
        if (digit >= '0' && digit <= '9')
            value = (uint32_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            value = (uint32_t)(digit - 'a') + 10;
        else
            return false;
        if (i == 16) return false;
        *number = *number << 4 | value;
    }
    if (i == 0 || (end != '\0' && i == text->count)) return false;
    const uint32_t used = i < text->count ? i + 1 : i;
    text->bytes += used;
    text->count -= used;
    return true;
}

static bool read_token(struct sh_text text, uint32_t shard_count, struct sh_page_token *token) {
    *token = (struct sh_page_token){.shard_count = shard_count};
    if (!read_hex(&text, '.', &token->id)) return false;
    if (text.count < 2 || text.bytes[1] != '.' || (text.bytes[0] != 'o' && text.bytes[0] != 'u')) return false;
    token->is_ordered = text.bytes[0] == 'o';
    text.bytes += 2;
    text.count -= 2;
    for (uint32_t i = 0; i < shard_count; i++) {
        struct sh_page_place *shard = &token->shards[i];
        if (!read_hex(&text, '-', &shard->place)) return false;
        if (!read_hex(&text, i + 1 < shard_count ? '.' : '\0', &shard->count)) return false;
        if (shard->place > shard->count || shard->count > (uint64_t)UINT32_MAX + 1) return false;
    }
    return text.count == 0;
}

enum sh_status sh_page_token_parse(struct sh_text text, uint32_t shard_count, struct sh_page_token *token,
                                   struct sh_error *err) {
    if (read_token(text, shard_count, token)) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`cursor` is not one that this server gave");
}
