/* archive_shop_write.c -- renews the archives that tests keep: archive_shop_write FOLDER (tests/fuzz/seeds/
 * shard_archive_fuzz). Each is one byte, the number of shards, and the archive of the first of them. */
#include <stdio.h>
#include <stdlib.h>

#include "archive_shop.h"

static void write_file(const char *folder, const char *name, uint32_t shard_count, void (*fill)(struct rig *rig)) {
    static struct rig rig;
    struct sh_buffer bytes[SH_SHARD_COUNT_MAX];
    char path[4096];
    rig_init(&rig, shard_count);
    fill(&rig);
    rig_save(&rig, bytes);
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL && fputc((int)shard_count, file) != EOF;
    ok = ok && fwrite(bytes[0].bytes, 1, bytes[0].count, file) == bytes[0].count;
    if (file == NULL || fclose(file) != 0 || !ok) {
        perror(path);
        exit(1);
    }
    (void)printf("%s: %zu bytes\n", path, bytes[0].count + 1);
    for (uint32_t i = 0; i < shard_count; i++)
        sh_buffer_deinit(&bytes[i]);
    rig_deinit(&rig);
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2) {
        (void)fprintf(stderr, "usage: archive_shop_write FOLDER\n");
        return 2;
    }
    write_file(arguments[1], "shop", 1, archive_shop_fill);
    write_file(arguments[1], "shop_half", 2, archive_shop_fill);
    write_file(arguments[1], "little_shop", 1, archive_shop_fill_little);
    return 0;
}
