/* bitmap_memory_unit.c -- each change with its first, second, third ... allocation failing: it says SH_ERR_MEMORY and
 * has changed nothing, or it could do without and is done. */
#include <criterion/criterion.h>

#include "bitmap.h"
#include "bitmap_archetypes.h"
#include "memory.h"
#include "roaring_format.h"

/* A target with an archetype in each block, a source with them in another order, and a small set elsewhere. */
struct scene {
    struct sh_bitmap target;
    struct sh_bitmap source;
    struct sh_bitmap far;
};

static void scene_init(struct scene *scene, uint32_t turn) {
    sh_bitmap_init(&scene->target, SH_ARRAY_COUNT_FAST);
    sh_bitmap_init(&scene->source, SH_ARRAY_COUNT_COMPACT);
    sh_bitmap_init(&scene->far, SH_ARRAY_COUNT_FAST);
    for (uint32_t i = 0; i < ARCHETYPE_COUNT; i++) {
        archetype_put(&archetypes[i], &scene->target, i);
        archetype_put(&archetypes[(i + turn) % ARCHETYPE_COUNT], &scene->source, i);
    }
    cr_assert_eq(sh_bitmap_add(&scene->far, 90 * SH_BLOCK_SLOTS, NULL), SH_OK);
}

static void scene_deinit(struct scene *scene) {
    sh_bitmap_deinit(&scene->target);
    sh_bitmap_deinit(&scene->source);
    sh_bitmap_deinit(&scene->far);
}

static enum sh_status add_everywhere(struct scene *scene) { /* slots that open a form: one block each call */
    return sh_bitmap_add(&scene->target, 200 * SH_BLOCK_SLOTS, NULL);
}
static enum sh_status add_to_array_max(struct scene *scene) {
    return sh_bitmap_add(&scene->target, 5 * SH_BLOCK_SLOTS, NULL);
}
static enum sh_status add_to_runs(struct scene *scene) {
    return sh_bitmap_add(&scene->target, 13 * SH_BLOCK_SLOTS + 50000, NULL);
}
static enum sh_status remove_from_full(struct scene *scene) {
    return sh_bitmap_remove(&scene->target, 1 * SH_BLOCK_SLOTS + 9, NULL);
}
static enum sh_status remove_from_inverted_max(struct scene *scene) {
    return sh_bitmap_remove(&scene->target, 10 * SH_BLOCK_SLOTS + 9, NULL);
}
static enum sh_status remove_from_runs(struct scene *scene) {
    return sh_bitmap_remove(&scene->target, 14 * SH_BLOCK_SLOTS + 60000, NULL);
}
static enum sh_status add_range(struct scene *scene) {
    return sh_bitmap_add_range(&scene->target, 1000, 100 * SH_BLOCK_SLOTS + 5);
}
static enum sh_status remove_range(struct scene *scene) {
    return sh_bitmap_remove_range(&scene->target, 1000, 14 * SH_BLOCK_SLOTS + 5);
}
static enum sh_status add_sorted(struct scene *scene) {
    static uint32_t slots[20000];
    for (uint32_t i = 0; i < 20000; i++)
        slots[i] = 77 * i;
    return sh_bitmap_add_sorted(&scene->target, slots, 20000);
}
static enum sh_status and_into(struct scene *scene) {
    return sh_bitmap_and_into(&scene->target, &scene->source);
}
static enum sh_status or_into(struct scene *scene) {
    return sh_bitmap_or_into(&scene->target, &scene->source);
}
static enum sh_status or_into_far(struct scene *scene) {
    return sh_bitmap_or_into(&scene->target, &scene->far);
}
static enum sh_status xor_into(struct scene *scene) {
    return sh_bitmap_xor_into(&scene->target, &scene->source);
}
static enum sh_status andnot_into(struct scene *scene) {
    return sh_bitmap_andnot_into(&scene->target, &scene->source);
}
static enum sh_status and (struct scene * scene) {
    return sh_bitmap_and(&scene->target, &scene->source, &scene->target);
}
static enum sh_status or (struct scene * scene) { return sh_bitmap_or(&scene->target, &scene->source, &scene->far); }
static enum sh_status xor (struct scene * scene) {
    return sh_bitmap_xor(&scene->target, &scene->target, &scene->source);
}
static enum sh_status andnot(struct scene *scene) {
    return sh_bitmap_andnot(&scene->target, &scene->source, &scene->target);
}
static enum sh_status or_many(struct scene *scene) {
    const struct sh_bitmap *sources[] = {&scene->source, &scene->far, &scene->source};
    return sh_bitmap_or_many(&scene->target, sources, 3);
}
static enum sh_status copy(struct scene *scene) {
    return sh_bitmap_copy(&scene->target, &scene->source);
}
static enum sh_status put_view(struct scene *scene) {
    return sh_bitmap_put_view(&scene->target, 500, sh_bitmap_block(&scene->target, 7));
}
static enum sh_status optimize(struct scene *scene) {
    return sh_bitmap_optimize(&scene->target);
}
static enum sh_status read_bytes(struct scene *scene) {
    static uint8_t bytes[] = {0x3a, 0x30, 0,  0, 2, 0, 0,  0, 0, 0, 0, 0, 9, 0,
                              0,    0,    24, 0, 0, 0, 26, 0, 0, 0, 5, 0, 6, 0};
    struct sh_error err;
    return sh_roaring_read(&scene->target, bytes, sizeof bytes, &err);
}

static void sweep(const char *name, enum sh_status (*change)(struct scene *), uint32_t turn) {
    struct scene before, after, scene;
    scene_init(&before, turn);
    scene_init(&after, turn);
    cr_assert_eq(change(&after), SH_OK, "%s", name);
    for (uint64_t successes = 0;; successes++) {
        cr_assert_lt(successes, 1000, "%s", name);
        scene_init(&scene, turn);
        sh_memory_fail_after(successes);
        const enum sh_status status = change(&scene);
        const bool failed = sh_memory_failed();
        sh_memory_fail_after(UINT64_MAX);
        const char *reason = NULL;
        cr_assert(sh_bitmap_check(&scene.target, &reason), "%s, allocation %d: %s", name, (int)successes, reason);
        cr_assert(status == SH_OK || (failed && status == SH_ERR_MEMORY), "%s", name);
        const struct scene *expected = status == SH_OK ? &after : &before;
        cr_assert(sh_bitmap_equal(&scene.target, &expected->target), "%s, allocation %d", name, (int)successes);
        cr_assert(sh_bitmap_equal(&scene.source, &before.source), "%s", name);
        scene_deinit(&scene);
        if (!failed) break;
    }
    scene_deinit(&before);
    scene_deinit(&after);
}

Test(bitmap_memory, changes_are_whole_or_not_at_all) {
    static const struct {
        const char *name;
        enum sh_status (*change)(struct scene *);
    } changes[] = {
        {"add_everywhere", add_everywhere},
        {"add_to_array_max", add_to_array_max},
        {"add_to_runs", add_to_runs},
        {"remove_from_full", remove_from_full},
        {"remove_from_inverted_max", remove_from_inverted_max},
        {"remove_from_runs", remove_from_runs},
        {"add_range", add_range},
        {"remove_range", remove_range},
        {"add_sorted", add_sorted},
        {"and_into", and_into},
        {"or_into", or_into},
        {"or_into_far", or_into_far},
        {"xor_into", xor_into},
        {"andnot_into", andnot_into},
        {"and", and},
        {"or", or },
        {"xor", xor},
        {"andnot", andnot},
        {"or_many", or_many},
        {"copy", copy},
        {"put_view", put_view},
        {"optimize", optimize},
        {"read_bytes", read_bytes},
    };
    for (uint32_t i = 0; i < sizeof changes / sizeof *changes; i++)
        for (uint32_t turn = 0; turn < ARCHETYPE_COUNT; turn += 3)
            sweep(changes[i].name, changes[i].change, turn);
}

/* Bits that have become few stay bits if there is no memory for the list, and turn into it at the next chance. */
Test(bitmap_memory, removing_from_bits_never_fails) {
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
    archetype_put(&archetypes[6], &bitmap, 0);
    uint32_t slot = 0;
    while (sh_bitmap_min(&bitmap, &slot)) {
        sh_memory_fail_after(0);
        cr_assert_eq(sh_bitmap_remove(&bitmap, slot, NULL), SH_OK);
        sh_memory_fail_after(UINT64_MAX);
        cr_assert(sh_bitmap_check(&bitmap, NULL));
        if (sh_bitmap_count(&bitmap) > 0) cr_assert_eq(sh_bitmap_block(&bitmap, 0).form, SH_BLOCK_BITS);
    }
    cr_assert_eq(sh_bitmap_count(&bitmap), 0);
    sh_bitmap_deinit(&bitmap);
}
