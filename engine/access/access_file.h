/* access_file.h -- the tokens in a file. For the files of this folder only.
 *
 * JSON, so that people can read it and other programs can make it; programs of ours change it under FILE.lock, and put
 * a whole new file in the place of the old one.
 *
 *   {"shoal_access": 1,
 *    "tokens": [{"id": "checkout", "workspace": "shop", "roles": ["feed"], "rate": 200, "burst": 400,
 *                "created": 1767225600000, "expires": 0, "revoked": 0, "note": "",
 *                "secrets": [{"salt": 32 hexadecimal digits, "sha256": 64, "created": ..., "expires": 0}]}]}
 *
 * Times are milliseconds since 1970, 0 for never. Unknown keys are refused: a misspelt limit would be no limit.
 */
#ifndef SH_ACCESS_FILE_H
#define SH_ACCESS_FILE_H

#include <sys/stat.h>

#include "token.h"

struct sh_token_table {
    struct sh_token *tokens; /* ascending by id */
    uint32_t count;
    uint32_t capacity;
};
/* What the file was when it was read. */
struct sh_file_mark {
    bool is_there;
    dev_t device;
    ino_t inode;
    off_t byte_count;
    struct timespec changed;
};

void sh_token_table_free(struct sh_token_table *table);
/* NULL if there is none. */
struct sh_token *sh_token_table_find(const struct sh_token_table *table, struct sh_text id);
/* Add at its place. On SH_ERR_MEMORY and SH_ERR_LIMIT nothing changed. */
SH_MUST_CHECK enum sh_status sh_token_table_add(struct sh_token_table *table, const struct sh_token *token,
                                                struct sh_error *err);

/* A file that is not there is an empty table. */
SH_MUST_CHECK enum sh_status sh_access_file_read(const char *path, struct sh_token_table *table,
                                                 struct sh_file_mark *mark, struct sh_error *err);
/* The bytes of such a file. */
SH_MUST_CHECK enum sh_status sh_access_text_read(const char *text, size_t byte_count, struct sh_token_table *table,
                                                 struct sh_error *err);
/* Put it in the place of what was, durably. Under the lock. */
SH_MUST_CHECK enum sh_status sh_access_file_write(const char *path, const struct sh_token_table *table,
                                                  struct sh_file_mark *mark, struct sh_error *err);
bool sh_access_file_has_changed(const char *path, const struct sh_file_mark *mark);
/* Waits for others. The handle goes to unlock. */
SH_MUST_CHECK enum sh_status sh_access_file_lock(const char *path, int *handle, struct sh_error *err);
void sh_access_file_unlock(int handle);

#endif
