#include "text_uses.h"

#include "memory.h"

static const uint32_t is_listed = 1u << 31;

struct sh_text_uses *text_uses_create(void) {
    return sh_alloc_zero(sizeof(struct sh_text_uses));
}

void text_uses_destroy(struct sh_text_uses *uses) {
    if (uses == NULL) return;
    sh_free(uses->counts);
    sh_free(uses->idle);
    sh_free(uses);
}

enum sh_status text_uses_reserve(struct sh_text_uses *uses, uint32_t code_count) {
    void *counts = uses->counts;
    enum sh_status status = sh_grow(&counts, &uses->counts_capacity, code_count, sizeof *uses->counts);
    uses->counts = counts;
    if (status != SH_OK) return status;
    void *idle = uses->idle;
    status = sh_grow(&idle, &uses->idle_capacity, code_count, sizeof *uses->idle);
    uses->idle = idle;
    return status;
}

static void put_on_list(struct sh_text_uses *uses, uint32_t code) {
    if ((uses->counts[code] & is_listed) != 0) return;
    uses->counts[code] |= is_listed;
    uses->idle[uses->idle_count++] = code;
}

void text_uses_begin(struct sh_text_uses *uses, uint32_t code) {
    uses->counts[code] = 0;
    put_on_list(uses, code);
}

void text_uses_gain(struct sh_text_uses *uses, uint32_t code) {
    uses->counts[code]++;
}

void text_uses_lose(struct sh_text_uses *uses, uint32_t code) {
    sh_assert(text_uses_count(uses, code) > 0);
    uses->counts[code]--;
    if (text_uses_count(uses, code) == 0) put_on_list(uses, code);
}

uint32_t text_uses_count(const struct sh_text_uses *uses, uint32_t code) {
    return uses->counts[code] & ~is_listed;
}

uint32_t text_uses_erase(struct sh_text_uses *uses, struct sh_dictionary *texts) {
    uint32_t erased = 0;
    while (uses->idle_count > 0) {
        const uint32_t code = uses->idle[--uses->idle_count];
        uses->counts[code] &= ~is_listed;
        if (uses->counts[code] > 0) continue;
        sh_dictionary_erase(texts, code);
        erased++;
    }
    return erased;
}

/* In an archive: u32 how many, and the codes on the list in their order. */
void text_uses_save(const struct sh_text_uses *uses, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, uses->idle_count);
    sh_archive_put(writer, uses->idle, uses->idle_count * sizeof *uses->idle);
}

enum sh_status text_uses_load(struct sh_text_uses *uses, const struct sh_dictionary *texts,
                              struct sh_archive_reader *reader) {
    sh_assert(uses->idle_count == 0 && uses->idle_capacity >= texts->count);
    const uint32_t idle_count = sh_archive_get_count(reader, texts->count, sizeof(uint32_t), "idle texts");
    for (uint32_t i = 0; i < idle_count; i++) {
        const uint32_t code = sh_archive_get_u32(reader);
        if (sh_archive_failed(reader)) break;
        if (code >= texts->count || (uses->counts[code] & is_listed) != 0)
            return sh_archive_refuse(reader, "text %u is idle twice, or is none", code);
        put_on_list(uses, code);
    }
    const char *reason = NULL;
    if (!sh_archive_failed(reader) && !text_uses_check(uses, texts, &reason))
        return sh_archive_refuse(reader, "%s", reason);
    return sh_archive_status(reader, NULL);
}

size_t text_uses_memory_bytes(const struct sh_text_uses *uses) {
    if (uses == NULL) return 0;
    return sizeof *uses + ((size_t)uses->counts_capacity + uses->idle_capacity) * sizeof(uint32_t);
}

bool text_uses_check(const struct sh_text_uses *uses, const struct sh_dictionary *texts, const char **reason) {
    uint32_t listed = 0;
    for (uint32_t code = 0; code < texts->count; code++) {
        const bool on_list = (uses->counts[code] & is_listed) != 0;
        const bool is_erased = sh_dictionary_is_erased(texts, code);
        listed += on_list;
        if (is_erased ? uses->counts[code] != 0 : !on_list && uses->counts[code] == 0) {
            if (reason != NULL) *reason = "text uses: a text has rows, is on the list, or is erased";
            return false;
        }
    }
    if (listed == uses->idle_count) return true;
    if (reason != NULL) *reason = "text uses: each code on the list is marked";
    return false;
}
