#include "event_clause.h"

#include <string.h>

#include "bounds.h"
#include "shard_private.h"

enum { DID_BYTES = 4 };

enum sh_status sh_event_clause_read(struct sh_text written, const char *name, const struct sh_query_scope *scope,
                                    struct sh_arena *arena, struct sh_node **tree, struct sh_error *err) {
    if (written.count > SH_EXPRESSION_BYTES_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "`%s` has at most %d bytes", name, SH_EXPRESSION_BYTES_MAX);
    char *text = sh_arena_alloc(arena, (size_t)written.count + DID_BYTES + 2);
    if (text == NULL) return sh_fail_memory(err);
    memcpy(text, "did(", DID_BYTES);
    if (written.count > 0) memcpy(text + DID_BYTES, written.bytes, written.count);
    text[DID_BYTES + written.count] = ')';
    enum sh_status status = sh_query_parse((struct sh_text){text, written.count + DID_BYTES + 1}, arena, tree, err);
    if (status == SH_OK && scope != NULL) status = sh_query_check(tree, scope, arena, err);
    if (status != SH_OK) {
        if (err != NULL && err->position >= DID_BYTES) err->position -= DID_BYTES;
        return status;
    }
    if ((*tree)->kind == SH_NODE_DID && (*tree)->operand.window.kind == SH_WINDOW_EVER) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` is an event type, perhaps with where ..., and no window", name);
}

void sh_event_clause_print(const struct sh_node *tree, struct sh_buffer *buffer) {
    const size_t begin = buffer->count;
    sh_query_print(tree, buffer);
    if (buffer->failed) return;
    sh_assert(buffer->count >= begin + DID_BYTES + 1);
    memmove(buffer->bytes + begin, buffer->bytes + begin + DID_BYTES, buffer->count - begin - DID_BYTES);
    buffer->count -= DID_BYTES + 1;
}
