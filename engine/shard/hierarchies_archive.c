/* hierarchies_archive.c -- the trees of a workspace as a section of an archive.
 *
 *   section trees 1
 *     u32 count, then ascending by name
 *       name, i64 changed_ms, u32 count of attributes, their names
 *       u32 count of names, then by place: name, u32 place of the parent (all ones: at the top)
 */
#include "memory.h"
#include "shard_private.h"

enum { TREES_VERSION = 1, TREE_BYTES_MIN = 4 + 8 + 4 + 4, NODE_BYTES_MIN = 4 + 4 };

void sh_hierarchies_save(const struct sh_hierarchies *hierarchies, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "trees", TREES_VERSION);
    sh_archive_put_u32(writer, hierarchies->count);
    for (uint32_t i = 0; i < hierarchies->count; i++) {
        const struct sh_hierarchy *hierarchy = hierarchies->list[i];
        sh_archive_put_text(writer, hierarchy->name);
        sh_archive_put_i64(writer, hierarchy->changed_ms);
        sh_archive_put_u32(writer, hierarchy->of_count);
        for (uint32_t j = 0; j < hierarchy->of_count; j++)
            sh_archive_put_text(writer, hierarchy->of[j]);
        sh_archive_put_u32(writer, hierarchy->count);
        for (uint32_t place = 0; place < hierarchy->count; place++) {
            sh_archive_put_text(writer, hierarchy->names[place]);
            sh_archive_put_u32(writer, hierarchy->parents[place]);
        }
    }
    sh_archive_end(writer);
}

/* What is read is put together again as a put does it, so that no other tree comes out than a put could have made. */
static struct sh_text get_text(struct sh_archive_reader *reader, struct sh_arena *arena, uint32_t bytes_max,
                               const char *what) {
    const struct sh_text text = sh_archive_get_text(reader, bytes_max, what);
    const char *copy = sh_archive_failed(reader) ? NULL : sh_arena_copy(arena, text.bytes, text.count);
    if (copy == NULL && !sh_archive_failed(reader)) (void)sh_archive_refuse_memory(reader);
    sh_free((char *)(uintptr_t)text.bytes);
    return (struct sh_text){copy, copy == NULL ? 0 : text.count};
}

static struct sh_hierarchy_node *get_nodes(struct sh_archive_reader *reader, struct sh_arena *arena, uint32_t count) {
    struct sh_hierarchy_node *nodes = sh_arena_alloc(arena, ((size_t)count + 1) * sizeof *nodes);
    if (nodes == NULL) (void)sh_archive_refuse_memory(reader);
    for (uint32_t place = 0; place < count && !sh_archive_failed(reader); place++) {
        nodes[place] = (struct sh_hierarchy_node){.name = get_text(reader, arena, SH_ID_BYTES_MAX, "a name in a tree")};
        const uint32_t parent = sh_archive_get_u32(reader);
        if (parent == SH_HIERARCHY_NONE) continue;
        if (parent >= place) {
            (void)sh_archive_refuse(reader, "a name in a tree stands below one behind it");
            break;
        }
        nodes[place].parent = nodes[parent].name;
    }
    return nodes;
}

static void load_tree(struct sh_hierarchies *hierarchies, struct sh_arena *arena, struct sh_archive_reader *reader) {
    struct sh_hierarchy *made = NULL;
    struct sh_error err;
    struct sh_text of[SH_HIERARCHY_OF_COUNT_MAX];
    struct sh_hierarchy_spec spec = {.of = of};
    sh_arena_reset(arena);
    spec.name = get_text(reader, arena, SH_NAME_BYTES_MAX, "the name of a tree");
    spec.changed_ms = sh_archive_get_i64(reader);
    spec.of_count = sh_archive_get_count(reader, SH_HIERARCHY_OF_COUNT_MAX, sizeof(uint32_t), "attributes of a tree");
    for (uint32_t i = 0; i < spec.of_count && !sh_archive_failed(reader); i++)
        of[i] = get_text(reader, arena, SH_NAME_BYTES_MAX, "an attribute of a tree");
    spec.count = sh_archive_get_count(reader, SH_HIERARCHY_NODE_COUNT_MAX, NODE_BYTES_MIN, "names in a tree");
    if (!sh_archive_failed(reader)) spec.nodes = get_nodes(reader, arena, spec.count);
    if (sh_archive_failed(reader)) return;
    const uint32_t count = hierarchies->count;
    enum sh_status status = sh_hierarchy_create(&spec, arena, &made, &err);
    if (status == SH_OK && count > 0 && sh_text_compare(hierarchies->list[count - 1]->name, spec.name) >= 0)
        status = sh_fail(&err, SH_ERR_CONFLICT, -1, "the names of trees do not ascend");
    if (status == SH_OK) status = sh_hierarchies_accept(hierarchies, made, &err);
    if (status == SH_OK) {
        (void)sh_hierarchies_exchange(hierarchies, made); /* none was there: names ascend */
        return;
    }
    sh_hierarchy_destroy(made);
    if (status == SH_ERR_MEMORY) (void)sh_archive_refuse_memory(reader);
    (void)sh_archive_refuse(reader, "%s", err.message);
}

enum sh_status sh_hierarchies_load(struct sh_hierarchies *hierarchies, struct sh_archive_reader *reader) {
    sh_assert(hierarchies->count == 0);
    if (sh_archive_enter(reader, "trees", TREES_VERSION) == 0) return sh_archive_status(reader, NULL);
    struct sh_arena arena;
    sh_arena_init(&arena, 2 * (size_t)SH_HIERARCHY_BYTES_MAX);
    const uint32_t count = sh_archive_get_count(reader, SH_HIERARCHY_COUNT_MAX, TREE_BYTES_MIN, "trees");
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++)
        load_tree(hierarchies, &arena, reader);
    sh_arena_deinit(&arena);
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
