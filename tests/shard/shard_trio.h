/* shard_trio.h -- the same requests to one shard, to two and to three, which must all say the same. */
#ifndef SH_SHARD_TRIO_H
#define SH_SHARD_TRIO_H

#include <criterion/criterion.h>

#include "shard_rig.h"

enum { TRIO_COUNT = 3 };

struct trio {
    struct rig rigs[TRIO_COUNT];
};

static inline void trio_init(struct trio *trio) {
    for (uint32_t i = 0; i < TRIO_COUNT; i++)
        rig_init(&trio->rigs[i], i + 1);
}

static inline void trio_deinit(struct trio *trio) {
    for (uint32_t i = 0; i < TRIO_COUNT; i++) {
        rig_check(&trio->rigs[i]);
        rig_deinit(&trio->rigs[i]);
    }
}

static inline void trio_set_now(struct trio *trio, int64_t now_ms) {
    for (uint32_t i = 0; i < TRIO_COUNT; i++)
        trio->rigs[i].now_ms = now_ms;
}

static inline void trio_say(struct trio *trio, int line, const char *method, const char *params, const char *expected) {
    for (uint32_t i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio->rigs[i], method, params);
        cr_assert_str_eq(answer, expected, "line %d, %u shards: %s %s\n  said     %s\n  expected %s", line, i + 1,
                         method, params, answer, expected);
    }
}
/* The answer begins like this. */
static inline void trio_begin(struct trio *trio, int line, const char *method, const char *params,
                              const char *expected) {
    for (uint32_t i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio->rigs[i], method, params);
        cr_assert(strncmp(answer, expected, strlen(expected)) == 0,
                  "line %d, %u shards: %s %s\n  said     %s\n  expected %s...", line, i + 1, method, params, answer,
                  expected);
    }
}
/* The next page of what each rig listed last: $ in params stands for its cursor. */
static inline void trio_page(struct trio *trio, int line, const char *params, const char *expected) {
    for (uint32_t i = 0; i < TRIO_COUNT; i++) {
        char with[8192];
        const char *dollar = strchr(params, '$');
        (void)snprintf(with, sizeof with, "%.*s%s%s", (int)(dollar - params), params, rig_cursor(&trio->rigs[i]),
                       dollar + 1);
        const char *answer = rig_ask(&trio->rigs[i], "audience.list", with);
        cr_assert(strncmp(answer, expected, strlen(expected)) == 0,
                  "line %d, %u shards: %s\n  said     %s\n  expected %s...", line, i + 1, with, answer, expected);
    }
}

#define SAY(method, params, expected)       trio_say(&trio, __LINE__, method, params, expected)
#define SAY_BEGIN(method, params, expected) trio_begin(&trio, __LINE__, method, params, expected)
#define SAY_PAGE(params, expected)          trio_page(&trio, __LINE__, params, expected)
#define OK_PUT                              "{accepted: 1, created: 1, refused: []}"

#endif
