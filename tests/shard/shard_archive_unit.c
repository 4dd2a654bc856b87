/* shard_archive_unit.c -- a shard's archive that is not what was written: cut, flipped, of another shard, without
 * memory. That a whole one is the shard is the business of shard_archive_property. */
#include <criterion/criterion.h>

#include <string.h>

#include "archive_shop.h"
#include "memory.h"

static struct sh_buffer saved;
static struct sh_error err;

static void save(uint32_t shard_count, void (*fill)(struct rig *rig)) {
    static struct rig rig;
    struct sh_buffer bytes[SH_SHARD_COUNT_MAX];
    rig_init(&rig, shard_count);
    fill(&rig);
    rig_save(&rig, bytes);
    saved = bytes[0];
    for (uint32_t i = 1; i < shard_count; i++)
        sh_buffer_deinit(&bytes[i]);
    rig_deinit(&rig);
}

static enum sh_status load(const struct sh_shard_options *options, size_t byte_count, struct sh_shard **shard) {
    struct sh_archive_bytes source = {.bytes = saved.bytes, .count = byte_count};
    struct sh_archive_reader reader;
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), byte_count);
    enum sh_status status = sh_shard_load(options, &reader, shard, &err);
    cr_assert_eq(status == SH_OK, *shard != NULL);
    if (status == SH_OK && (status = sh_archive_close(&reader, &err)) != SH_OK) {
        sh_shard_destroy(*shard);
        *shard = NULL;
    }
    sh_archive_reader_deinit(&reader);
    return status;
}

static void end(void) {
    sh_buffer_deinit(&saved);
}

TestSuite(shard_archive, .fini = end, .timeout = 600);

static const struct sh_shard_options one_shard = {.shard_count = 1};

Test(shard_archive, another_shards_archive_is_refused_by_name) {
    const struct sh_shard_options other = {.shard_index = 1, .shard_count = 2};
    struct sh_shard *shard;
    save(2, archive_shop_fill_little);
    cr_assert_eq(load(&other, saved.count, &shard), SH_ERR_CONFLICT);
    cr_assert_str_eq(err.message, "this is shard 0 of 2, not shard 1 of 2");
    cr_assert_eq(load(&one_shard, saved.count, &shard), SH_ERR_CONFLICT);
    cr_assert_str_eq(err.message, "this is shard 0 of 2, not shard 0 of 1");
}

Test(shard_archive, a_cut_archive_is_refused_wherever_it_is_cut) {
    struct sh_shard *shard;
    save(1, archive_shop_fill);
    for (size_t count = 0; count < saved.count; count++)
        cr_assert_eq(load(&one_shard, count, &shard), SH_ERR_CORRUPT, "cut at %zu", count);
    cr_assert_eq(load(&one_shard, saved.count, &shard), SH_OK);
    sh_shard_destroy(shard);
}

Test(shard_archive, each_flipped_bit_is_noticed) {
    struct sh_shard *shard;
    save(1, archive_shop_fill);
    for (size_t bit = 0; bit < 8 * saved.count; bit++) {
        saved.bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        const enum sh_status status = load(&one_shard, saved.count, &shard);
        saved.bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        cr_assert(status != SH_OK, "bit %zu", bit);
    }
}

Test(shard_archive, without_memory_nothing_is_loaded_and_nothing_is_left) {
    struct sh_shard *shard = NULL;
    save(1, archive_shop_fill);
    const int64_t before = sh_memory_bytes();
    for (uint64_t after = 0; shard == NULL; after++) {
        sh_memory_fail_after(after);
        const enum sh_status status = load(&one_shard, saved.count, &shard);
        sh_memory_fail_after(UINT64_MAX);
        cr_assert(status == SH_OK || status == SH_ERR_MEMORY, "%s", err.message);
        if (shard == NULL) cr_assert_eq(sh_memory_bytes(), before);
    }
    const char *reason = "";
    cr_assert(sh_shard_check(shard, &reason), "%s", reason);
    sh_shard_destroy(shard);
    cr_assert_eq(sh_memory_bytes(), before);
}

Test(shard_archive, saving_takes_no_memory) {
    static struct rig rig;
    struct sh_archive_writer writer;
    struct sh_buffer bytes;
    rig_init(&rig, 1);
    archive_shop_fill(&rig);
    sh_buffer_init(&bytes, 1 << 20);
    sh_archive_writer_init(&writer, sh_archive_to_buffer(&bytes));
    cr_assert_eq(sh_shard_save(rig.shards[0], &writer, &err), SH_OK); /* all fits into the writer's own frame */
    sh_buffer_clear(&bytes);
    sh_archive_writer_deinit(&writer);
    sh_archive_writer_init(&writer, sh_archive_to_buffer(&bytes));
    sh_memory_fail_after(0);
    const enum sh_status status = sh_shard_save(rig.shards[0], &writer, &err);
    const bool asked = sh_memory_failed();
    sh_memory_fail_after(UINT64_MAX);
    cr_assert_eq(status, SH_OK);
    cr_assert_not(asked);
    sh_archive_writer_deinit(&writer);
    sh_buffer_deinit(&bytes);
    rig_deinit(&rig);
}
