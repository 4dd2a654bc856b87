/* scenes.h -- what the merchant rules in each place where a feed is shown: the front page, below an item, the cart.
 *
 *   "default"   {diversity: .., held: ..}          of all feeds, unless their scene or request says another
 *   "cart"      {quotas: .., floor: 4}             key by key in place of the default's
 *
 * A scene is the map of rules as it was put, checked then (feed_ask.h) and read anew by each request: its bytes are
 * some hundred, and what they mean depends on the items of the day. The same scenes are in every shard.
 *
 * Invariants: names ascend by bytes and differ, each 1 to SH_NAME_BYTES_MAX bytes of UTF-8; rules are a msgpack map.
 */
#ifndef SH_SCENES_H
#define SH_SCENES_H

#include "archive.h"
#include "bounds.h"
#include "cursor.h"
#include "text.h"

enum { SH_SCENE_COUNT_MAX = 256, SH_SCENE_BYTES_MAX = 64 << 10 };

struct sh_scene {
    struct sh_text name;
    uint8_t *rules; /* behind the name, in one piece of memory */
    uint32_t rules_bytes;
    int64_t changed_ms;
};

struct sh_scenes {
    struct sh_scene *list[SH_SCENE_COUNT_MAX];
    uint32_t count;
};

static inline void sh_scenes_init(struct sh_scenes *scenes) {
    *scenes = (struct sh_scenes){.count = 0};
}
void sh_scenes_deinit(struct sh_scenes *scenes);
/* NULL if there is none. */
struct sh_scene *sh_scenes_find(const struct sh_scenes *scenes, struct sh_text name);
/* The fault that there is none of that name, with the nearest. */
enum sh_status sh_scenes_fail_unknown(const struct sh_scenes *scenes, struct sh_text name, struct sh_error *err);
/* Copies name and rules. *changed: it was not there with these rules. SH_ERR_LIMIT, SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_scenes_put(struct sh_scenes *scenes, const struct sh_scene *scene, bool *changed,
                                           struct sh_error *err);
/* Was it there? */
bool sh_scenes_remove(struct sh_scenes *scenes, struct sh_text name);

/* Write all of them as the section "scenes". Allocates nothing. */
void sh_scenes_save(const struct sh_scenes *scenes, struct sh_archive_writer *writer);
/* Into initialised, empty scenes, which on a failure can only be deinited. Any bytes. */
SH_MUST_CHECK enum sh_status sh_scenes_load(struct sh_scenes *scenes, struct sh_archive_reader *reader);
bool sh_scenes_check(const struct sh_scenes *scenes, const char **reason);

#endif
