#include "token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

static bool is_id_character(char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '_' || character == '-';
}

bool sh_token_id_is_valid(struct sh_text id) {
    if (id.count == 0 || id.count > SH_NAME_BYTES_MAX) return false;
    for (uint32_t i = 0; i < id.count; i++)
        if (!is_id_character(id.bytes[i])) return false;
    return true;
}

bool sh_token_is_for_all(const struct sh_token *token) {
    return strcmp(token->workspace, "*") == 0;
}

bool sh_token_cut(struct sh_text shown, struct sh_text *id, struct sh_text *secret) {
    const char *point = shown.count == 0 ? NULL : memchr(shown.bytes, '.', shown.count);
    if (point == NULL) return false;
    *id = (struct sh_text){shown.bytes, (uint32_t)(point - shown.bytes)};
    *secret = (struct sh_text){point + 1, shown.count - id->count - 1};
    return sh_token_id_is_valid(*id) && secret->count == SH_TOKEN_SECRET_CHARACTERS;
}

/* False: OpenSSL has no memory, or no SHA-256. */
static bool hash_secret(const uint8_t salt[SH_TOKEN_SALT_BYTES], struct sh_text secret,
                        uint8_t hash[SH_TOKEN_HASH_BYTES]) {
    uint8_t salted[SH_TOKEN_SALT_BYTES + SH_TOKEN_SECRET_CHARACTERS];
    memcpy(salted, salt, SH_TOKEN_SALT_BYTES);
    memcpy(salted + SH_TOKEN_SALT_BYTES, secret.bytes, secret.count);
    const bool done = EVP_Digest(salted, SH_TOKEN_SALT_BYTES + secret.count, hash, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_cleanse(salted, sizeof salted);
    return done;
}

/* base64 with the two characters that are at home in addresses and file names, and without padding. */
static void write_base64url(const uint8_t bytes[SH_TOKEN_SECRET_BYTES], char text[SH_TOKEN_SECRET_CHARACTERS + 1]) {
    unsigned char padded[(SH_TOKEN_SECRET_BYTES + 2) / 3 * 4 + 1];
    (void)EVP_EncodeBlock(padded, bytes, SH_TOKEN_SECRET_BYTES);
    for (uint32_t i = 0; i < SH_TOKEN_SECRET_CHARACTERS; i++)
        text[i] = padded[i] == '+' ? '-' : padded[i] == '/' ? '_' : (char)padded[i];
    text[SH_TOKEN_SECRET_CHARACTERS] = '\0';
    OPENSSL_cleanse(padded, sizeof padded);
}

enum sh_status sh_token_renew(struct sh_token *token, int64_t now_ms, int64_t old_until_ms,
                              char shown[SH_TOKEN_TEXT_BYTES_MAX], struct sh_error *err) {
    uint8_t random[SH_TOKEN_SECRET_BYTES];
    char text[SH_TOKEN_SECRET_CHARACTERS + 1];
    struct sh_token_secret made = {.created_ms = now_ms};
    if (RAND_bytes(random, sizeof random) != 1 || RAND_bytes(made.salt, sizeof made.salt) != 1)
        return sh_fail(err, SH_ERR_IO, -1, "the system has no randomness for a secret");
    write_base64url(random, text);
    OPENSSL_cleanse(random, sizeof random);
    if (!hash_secret(made.salt, sh_text_of(text), made.hash))
        return sh_fail(err, SH_ERR_MEMORY, -1, "OpenSSL cannot make a hash");
    if (token->secret_count > 0) {
        token->secrets[1] = token->secrets[0];
        if (token->secrets[1].expires_ms == 0 || token->secrets[1].expires_ms > old_until_ms)
            token->secrets[1].expires_ms = old_until_ms;
        token->secret_count = 2;
    } else {
        token->secret_count = 1;
    }
    token->secrets[0] = made;
    const size_t id_count = strlen(token->id);
    memcpy(shown, token->id, id_count);
    shown[id_count] = '.';
    memcpy(shown + id_count + 1, text, sizeof text);
    OPENSSL_cleanse(text, sizeof text);
    return SH_OK;
}

uint32_t sh_token_find_secret(const struct sh_token *token, struct sh_text secret, int64_t now_ms) {
    static const struct sh_token_secret nobodys;
    uint32_t found = SH_TOKEN_LIVE_COUNT_MAX;
    if (secret.count != SH_TOKEN_SECRET_CHARACTERS) return found;
    /* Two hashes and two comparisons, whatever there is. */
    for (uint32_t i = 0; i < SH_TOKEN_LIVE_COUNT_MAX; i++) {
        const bool is_there = token != NULL && i < token->secret_count;
        const struct sh_token_secret *kept = is_there ? &token->secrets[i] : &nobodys;
        const bool is_alive = is_there && (kept->expires_ms == 0 || now_ms < kept->expires_ms);
        uint8_t hash[SH_TOKEN_HASH_BYTES];
        const bool is_hashed = hash_secret(kept->salt, secret, hash);
        const bool is_equal = CRYPTO_memcmp(hash, kept->hash, sizeof hash) == 0;
        if ((uint32_t)is_alive & (uint32_t)is_hashed & (uint32_t)is_equal) found = i;
    }
    return found;
}

uint64_t sh_token_secret_number(const struct sh_token_secret *secret) {
    uint64_t number;
    memcpy(&number, secret->salt, sizeof number);
    return number;
}

void sh_token_wipe(void *bytes, size_t byte_count) {
    OPENSSL_cleanse(bytes, byte_count);
}
