#include "roles.h"

#include <stdio.h>

static const char *const names[SH_ROLE_COUNT] = {"feed",   "audience", "ingest",  "schema",  "export",
                                                 "forget", "admin",    "metrics", "personal"};

const char *sh_role_name(uint32_t place) {
    sh_assert(place < SH_ROLE_COUNT);
    return names[place];
}

uint32_t sh_role_find(struct sh_text name) {
    for (uint32_t i = 0; i < SH_ROLE_COUNT; i++)
        if (sh_text_equal(name, sh_text_of(names[i]))) return UINT32_C(1) << i;
    return 0;
}

void sh_roles_print(uint32_t roles, char words[SH_ROLES_WORDS_BYTES_MAX]) {
    size_t used = 0;
    words[0] = '\0';
    for (uint32_t i = 0; i < SH_ROLE_COUNT; i++) {
        if ((roles >> i & 1) == 0) continue;
        const int count =
            snprintf(words + used, SH_ROLES_WORDS_BYTES_MAX - used, "%s%s", used > 0 ? ", " : "", names[i]);
        used += (size_t)count;
        sh_assert(used < SH_ROLES_WORDS_BYTES_MAX);
    }
}
