/* table_archive_property.c -- a table that was saved and loaded stays the same as one that was not: the same changes
 * give the same bytes when both are saved again. Run: table_archive_property SEED COUNT, with COUNT tables. */
#include <stdio.h>
#include <stdlib.h>

#include "archive_rig.h"
#include "memory.h"
#include "table_sample.h"

static void save(const void *thing, struct sh_archive_writer *writer) {
    sh_table_save(*(struct sh_table *const *)thing, writer);
}
static enum sh_status load(void *thing, struct sh_archive_reader *reader) {
    return sh_table_load(thing, reader);
}
static bool check(const void *thing, const char **reason) {
    return sh_table_check(*(struct sh_table *const *)thing, reason);
}
static void destroy(void *thing) {
    sh_table_destroy(*(struct sh_table **)thing);
}

static struct sh_table *back;
static const struct archive_rig rig = {save, load, check, destroy, &back};

static const char *run(struct split_random *rng, struct sh_buffer *first, struct sh_buffer *second) {
    struct sh_table *table = sample_create();
    const char *fault = NULL;
    const uint32_t row_count = 1 + (uint32_t)split_length(rng, 6000);
    for (uint32_t turn = 0; turn < 4 && fault == NULL; turn++) {
        const uint32_t change_count = (uint32_t)split_length(rng, 20000);
        struct split_random same = {split_next(rng)};
        if ((fault = rig_round_trip(&rig, &table, first, second)) != NULL) break;
        struct split_random again = same;
        sample_change(table, &same, row_count, change_count, turn);
        sample_change(back, &again, row_count, change_count, turn);
        if (rig_save(&rig, &table, first) != SH_OK || rig_save(&rig, &back, second) != SH_OK)
            fault = "not saved";
        else if (first->count != second->count || memcmp(first->bytes, second->bytes, first->count) != 0)
            fault = "the loaded table went another way";
        sh_table_destroy(table);
        table = back; /* loaded once more in the next turn */
    }
    sh_table_destroy(table);
    return fault;
}

int main(int argc, char **argv) {
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 40;
    struct split_random rng = {seed};
    struct sh_buffer first, second;
    printf("reproduce: ./table_archive_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)count);
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
    for (uint64_t i = 0; i < count; i++) {
        const char *fault = run(&rng, &first, &second);
        if (fault == NULL) continue;
        printf("table %llu: %s\n", (unsigned long long)i, fault);
        return 1;
    }
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
    if (sh_memory_bytes() != 0) {
        printf("memory is left\n");
        return 1;
    }
    return 0;
}
