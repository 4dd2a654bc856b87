#include "scenes.h"

#include <string.h>

#include "memory.h"
#include "request_params.h"

void sh_scenes_deinit(struct sh_scenes *scenes) {
    for (uint32_t i = 0; i < scenes->count; i++)
        sh_free(scenes->list[i]);
    scenes->count = 0;
}

/* The place of the name, or where it would be. */
static uint32_t find_place(const struct sh_scenes *scenes, struct sh_text name, bool *found) {
    uint32_t place = 0;
    while (place < scenes->count && sh_text_compare(scenes->list[place]->name, name) < 0)
        place++;
    *found = place < scenes->count && sh_text_equal(scenes->list[place]->name, name);
    return place;
}

struct sh_scene *sh_scenes_find(const struct sh_scenes *scenes, struct sh_text name) {
    bool found;
    const uint32_t place = find_place(scenes, name, &found);
    return found ? scenes->list[place] : NULL;
}

enum sh_status sh_scenes_fail_unknown(const struct sh_scenes *scenes, struct sh_text name, struct sh_error *err) {
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < scenes->count; i++)
        sh_nearest_offer(&search, scenes->list[i]->name);
    return sh_fail_unknown(err, SH_ERR_NOT_FOUND, &search, "there is no scene `%.*s`",
                           (int)(name.count < 80 ? name.count : 80), name.bytes);
}

static struct sh_scene *copy_scene(const struct sh_scene *scene) {
    struct sh_scene *copy = sh_alloc(sizeof *copy + scene->name.count + scene->rules_bytes);
    if (copy == NULL) return NULL;
    char *name = (char *)(copy + 1);
    *copy = (struct sh_scene){.name = {name, scene->name.count},
                              .rules = (uint8_t *)name + scene->name.count,
                              .rules_bytes = scene->rules_bytes,
                              .changed_ms = scene->changed_ms};
    memcpy(name, scene->name.bytes, scene->name.count);
    memcpy(copy->rules, scene->rules, scene->rules_bytes);
    return copy;
}

enum sh_status sh_scenes_put(struct sh_scenes *scenes, const struct sh_scene *scene, bool *changed,
                             struct sh_error *err) {
    bool found;
    const uint32_t place = find_place(scenes, scene->name, &found);
    const struct sh_scene *known = found ? scenes->list[place] : NULL;
    *changed = known == NULL || known->rules_bytes != scene->rules_bytes ||
               memcmp(known->rules, scene->rules, scene->rules_bytes) != 0;
    if (!*changed) return SH_OK;
    if (!found && scenes->count == SH_SCENE_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "a workspace has at most %d scenes", (int)SH_SCENE_COUNT_MAX);
    struct sh_scene *copy = copy_scene(scene);
    if (copy == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "there is no memory for a scene");
    if (found) {
        sh_free(scenes->list[place]);
    } else {
        memmove(&scenes->list[place + 1], &scenes->list[place], (scenes->count - place) * sizeof *scenes->list);
        scenes->count++;
    }
    scenes->list[place] = copy;
    return SH_OK;
}

bool sh_scenes_remove(struct sh_scenes *scenes, struct sh_text name) {
    bool found;
    const uint32_t place = find_place(scenes, name, &found);
    if (!found) return false;
    sh_free(scenes->list[place]);
    scenes->count--;
    memmove(&scenes->list[place], &scenes->list[place + 1], (scenes->count - place) * sizeof *scenes->list);
    return true;
}

/* ---- Saving ----
 *
 *   section scenes 1
 *     u32 count, then ascending by name: name, i64 changed_ms, the rules as a text
 */
enum { SCENES_VERSION = 1, SCENE_BYTES_MIN = 4 + 8 + 4 };

void sh_scenes_save(const struct sh_scenes *scenes, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "scenes", SCENES_VERSION);
    sh_archive_put_u32(writer, scenes->count);
    for (uint32_t i = 0; i < scenes->count; i++) {
        const struct sh_scene *scene = scenes->list[i];
        sh_archive_put_text(writer, scene->name);
        sh_archive_put_i64(writer, scene->changed_ms);
        sh_archive_put_text(writer, (struct sh_text){(const char *)scene->rules, scene->rules_bytes});
    }
    sh_archive_end(writer);
}

/* Requests trust that the bytes are one whole map. */
static bool is_map(const uint8_t *bytes, uint32_t byte_count) {
    struct sh_cursor cursor;
    struct sh_cursor ahead;
    struct sh_value head;
    sh_cursor_init(&cursor, bytes, byte_count);
    ahead = cursor;
    return sh_cursor_next(&ahead, &head, NULL) == SH_OK && head.kind == SH_VALUE_MAP &&
           sh_cursor_skip(&cursor, NULL, NULL) == SH_OK && cursor.at == bytes + byte_count;
}

static const char *fault_of(const struct sh_scenes *scenes, const struct sh_scene *scene) {
    if (scene->name.count == 0 || !sh_text_is_utf8(scene->name)) return "the name of a scene is empty, or not UTF-8";
    if (scenes->count > 0 && sh_text_compare(scenes->list[scenes->count - 1]->name, scene->name) >= 0)
        return "the names of scenes do not ascend";
    return is_map(scene->rules, scene->rules_bytes) ? NULL : "the rules of a scene are no map";
}

static void load_scene(struct sh_scenes *scenes, struct sh_archive_reader *reader) {
    struct sh_error err;
    bool changed;
    struct sh_scene scene = {.name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of a scene")};
    scene.changed_ms = sh_archive_get_i64(reader);
    const struct sh_text rules = sh_archive_get_text(reader, SH_SCENE_BYTES_MAX, "the rules of a scene");
    scene.rules = (uint8_t *)(uintptr_t)rules.bytes;
    scene.rules_bytes = rules.count;
    const char *fault = sh_archive_failed(reader) ? NULL : fault_of(scenes, &scene);
    if (fault != NULL) (void)sh_archive_refuse(reader, "%s", fault);
    if (!sh_archive_failed(reader) && sh_scenes_put(scenes, &scene, &changed, &err) != SH_OK)
        (void)sh_archive_refuse_memory(reader);
    sh_free((char *)(uintptr_t)scene.name.bytes);
    sh_free(scene.rules);
}

enum sh_status sh_scenes_load(struct sh_scenes *scenes, struct sh_archive_reader *reader) {
    sh_assert(scenes->count == 0);
    if (sh_archive_enter(reader, "scenes", SCENES_VERSION) == 0) return sh_archive_status(reader, NULL);
    const uint32_t count = sh_archive_get_count(reader, SH_SCENE_COUNT_MAX, SCENE_BYTES_MIN, "scenes");
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++)
        load_scene(scenes, reader);
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}

bool sh_scenes_check(const struct sh_scenes *scenes, const char **reason) {
    for (uint32_t i = 0; i < scenes->count; i++) {
        const struct sh_scenes before = {.count = 0};
        const char *fault = fault_of(&before, scenes->list[i]);
        if (fault == NULL && i > 0 && sh_text_compare(scenes->list[i - 1]->name, scenes->list[i]->name) >= 0)
            fault = "the names of scenes do not ascend";
        if (fault == NULL) continue;
        if (reason != NULL) *reason = fault;
        return false;
    }
    return true;
}
