/* hidden.h -- names that this caller may not see the values of.
 *
 * A workspace says which attributes and tag sets of its users are personal. Who asks without the role for them gets
 * none of their values: not as a field, not as an order, not by asking for them in an expression, which would tell a
 * phone number digit by digit. That there is a value (`phone is not missing`) is not hidden.
 */
#ifndef SH_HIDDEN_H
#define SH_HIDDEN_H

#include "text.h"

struct sh_hidden {
    const struct sh_text *names;
    uint32_t count;
};

/* hidden NULL: nothing is. */
bool sh_hidden_has(const struct sh_hidden *hidden, struct sh_text name);
/* SH_ERR_FORBIDDEN if it is hidden. position: of the name in a text, or -1. */
SH_MUST_CHECK enum sh_status sh_hidden_check(const struct sh_hidden *hidden, struct sh_text name, int64_t position,
                                             struct sh_error *err);

#endif
