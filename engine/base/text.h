/* text.h -- a piece of UTF-8: a pointer and a length, not ended by a zero byte, and not owned but where said. */
#ifndef SH_TEXT_H
#define SH_TEXT_H

#include <stddef.h>
#include <string.h>

#include "status.h"

struct sh_text {
    const char *bytes;
    uint32_t count; /* bytes, not characters */
};

#define SH_TEXT_LITERAL(literal) ((struct sh_text){(literal), sizeof(literal) - 1})
/* For printf: "%.*s". */
#define SH_TEXT_ARGS(text) (int)(text).count, (text).bytes

static inline struct sh_text sh_text_of(const char *zero_ended) {
    return (struct sh_text){zero_ended, (uint32_t)strlen(zero_ended)};
}
static inline bool sh_text_equal(struct sh_text a, struct sh_text b) {
    return a.count == b.count && (a.count == 0 || memcmp(a.bytes, b.bytes, a.count) == 0);
}
/* <0, 0, >0 by bytes, the shorter first: the order of external ids and strings everywhere. */
int sh_text_compare(struct sh_text a, struct sh_text b);
/* A copy of its own, to be freed. False: memory is out. */
bool sh_text_copy(struct sh_text text, struct sh_text *copy);
void sh_text_free(struct sh_text copy);
/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF) without a zero byte? */
bool sh_text_is_utf8(struct sh_text text);
/* Case of ASCII letters ignored: for keywords only. */
bool sh_text_equal_keyword(struct sh_text text, const char *keyword);
/* Edit distance (insert, remove, replace or swap of two neighbours; no character is edited twice), over characters, at
 * most limit + 1; for "did you mean". A text of more than 256 characters is near to itself only. */
uint32_t sh_text_distance(struct sh_text a, struct sh_text b, uint32_t limit);

/* Collects names one by one and keeps the nearest to `wanted`. nearest.count is 0 while none is near enough
 * (a third of the wanted characters, at least one, at most three; ASCII case ignored when comparing). Of equally near
 * names the first by bytes, whatever the order of the offers. `nearest` points into the offered name, which must live
 * as long as the search. */
struct sh_nearest {
    struct sh_text wanted;
    struct sh_text nearest;
    uint32_t distance;
};
void sh_nearest_init(struct sh_nearest *search, struct sh_text wanted);
void sh_nearest_offer(struct sh_nearest *search, struct sh_text name);

#endif
