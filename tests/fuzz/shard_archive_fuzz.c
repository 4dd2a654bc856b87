/* shard_archive_fuzz.c -- any bytes as the archive of a shard, their checksums believed.
 *
 * Input: one byte, 1 or 2: how many shards there are; the rest is the archive of the first. What is refused is
 * SH_ERR_CORRUPT and the like. What is taken stands questions and writes of every kind, and can be saved. It need
 * not keep all rules, and so what was saved need not be taken again: checksums are there for that.
 */
#include "archive_shop.h"

static enum sh_status load(const struct sh_shard_options *options, const uint8_t *bytes, size_t byte_count,
                           bool ignores_checksums, struct sh_shard **shard) {
    struct sh_archive_bytes source = {.bytes = bytes, .count = byte_count};
    struct sh_archive_reader reader;
    struct sh_error err = {.status = SH_OK};
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), byte_count);
    reader.ignores_checksums = ignores_checksums;
    enum sh_status status = sh_shard_load(options, &reader, shard, &err);
    sh_assert((status == SH_OK) == (*shard != NULL));
    sh_assert(status == SH_OK || (err.status == status && err.message[0] != '\0'));
    if (status == SH_OK && (status = sh_archive_close(&reader, &err)) != SH_OK) {
        sh_shard_destroy(*shard);
        *shard = NULL;
    }
    sh_archive_reader_deinit(&reader);
    return status;
}

static void use(struct sh_shard *shard, uint32_t shard_count) {
    static struct rig rig;
    rig_init(&rig, shard_count);
    sh_shard_destroy(rig.shards[0]);
    rig.shards[0] = shard;
    if (shard_count > 1) { /* the others know nothing of what the first one has: what is merged makes no sense */
        rig_deinit(&rig);
        return;
    }
    archive_shop_use(&rig);
    struct sh_buffer bytes[1];
    rig_save(&rig, bytes);
    const struct sh_shard_options options = {.shard_count = 1};
    struct sh_shard *again;
    if (load(&options, bytes[0].bytes, bytes[0].count, false, &again) == SH_OK) sh_shard_destroy(again);
    sh_buffer_deinit(&bytes[0]);
    rig_deinit(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count < 1 || bytes[0] < 1 || bytes[0] > 2) return 0;
    const struct sh_shard_options options = {.shard_index = 0, .shard_count = bytes[0]};
    struct sh_shard *shard;
    if (load(&options, bytes + 1, byte_count - 1, true, &shard) == SH_OK) use(shard, options.shard_count);
    return 0;
}
