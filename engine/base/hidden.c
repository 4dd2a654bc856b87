#include "hidden.h"

bool sh_hidden_has(const struct sh_hidden *hidden, struct sh_text name) {
    if (hidden == NULL) return false;
    for (uint32_t i = 0; i < hidden->count; i++)
        if (sh_text_equal(hidden->names[i], name)) return true;
    return false;
}

enum sh_status sh_hidden_check(const struct sh_hidden *hidden, struct sh_text name, int64_t position,
                               struct sh_error *err) {
    if (!sh_hidden_has(hidden, name)) return SH_OK;
    (void)sh_fail(err, SH_ERR_FORBIDDEN, position, "`%.*s` is personal, and its values stay here", SH_TEXT_ARGS(name));
    return sh_fail_hint(err, SH_ERR_FORBIDDEN,
                        "a token with the role personal may ask for them; whether there is one "
                        "may be asked by all: is missing");
}
