/* train_bench.c -- how long is an epoch of ials, and how long does a table of ease take?
 *
 * Likings of a shop: each user has as many as any other, of items that are popular as 1 / rank. The hash is of the
 * table, and the same in every instruction set (SHOAL_ISA). Limits of the machine: an epoch adds likings * 2 * d^2 / 2
 * products into matrices that stay in L1, and factorises (users + items) of them, d^3 / 6 products each; ease's inverse
 * is side^3 / 2.
 *
 * Run: train_bench [LIKINGS [USERS [ITEMS [EPOCHS [EASE_ITEMS]]]]].
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hash.h"
#include "train.h"

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The k-th liking of a user: a rank with density 1 / rank; doubles are moved to the next item. */
static void add_user(struct sh_interactions *interactions, uint32_t user, uint32_t count, uint32_t item_count) {
    uint32_t *taken = calloc(count, sizeof *taken);
    if (taken == NULL || sh_interactions_user(interactions, sh_hash_mix(user, 3)) != SH_OK) abort();
    for (uint32_t k = 0; k < count; k++) {
        const double share = (double)(sh_hash_mix((uint64_t)user << 32 | k, 5) >> 11) / 9007199254740992.0;
        uint32_t item = (uint32_t)(exp(share * log(item_count)) - 1) % item_count;
        for (uint32_t i = 0; i < k; i++) {
            if (taken[i] != item) continue;
            item = (item + 1) % item_count;
            i = UINT32_MAX; /* look through all of them again */
        }
        taken[k] = item;
        char id[16];
        uint32_t number;
        (void)snprintf(id, sizeof id, "i%u", item);
        if (sh_interactions_item(interactions, sh_text_of(id), &number) != SH_OK) abort();
        if (sh_interactions_add(interactions, number, 1) != SH_OK) abort();
    }
    free(taken);
}

static void make(struct sh_interactions *interactions, uint32_t likings, uint32_t users, uint32_t items) {
    const uint32_t each = likings / users < items / 2 ? likings / users : items / 2;
    sh_interactions_init(interactions);
    for (uint32_t user = 0; user < users; user++)
        add_user(interactions, user, each == 0 ? 1 : each, items);
    if (sh_interactions_finish(interactions) != SH_OK) abort();
}

static uint64_t hash_of(const struct sh_trained *trained) {
    if (trained->factors != NULL)
        return sh_hash_bytes(trained->factors, (size_t)trained->item_count * trained->spec.dimension * sizeof(float),
                             0);
    return sh_hash_bytes(trained->list, trained->list_begin[trained->item_count] * sizeof *trained->list, 0);
}

static void run(const struct sh_train_spec *spec, const struct sh_interactions *interactions) {
    struct sh_trained trained;
    struct sh_error err;
    const double begin = now_seconds();
    if (sh_train_run(spec, interactions, NULL, &trained, &err) != SH_OK) {
        (void)printf("%s: %s\n", sh_train_method_name(spec->method), err.message);
        return;
    }
    const double took = now_seconds() - begin;
    (void)printf("%-5s %9u likings %7u users %6u items  %8.3f s in all", sh_train_method_name(spec->method),
                 interactions->entry_count, interactions->user_count, interactions->item_count, took);
    if (spec->method == SH_TRAIN_IALS) (void)printf("  %7.3f s an epoch, d = %u", took / spec->epochs, spec->dimension);
    (void)printf("  hash %016llx\n", (unsigned long long)hash_of(&trained));
    sh_trained_deinit(&trained);
}

static uint32_t argument(int count, char **arguments, int place, uint32_t otherwise) {
    return count > place ? (uint32_t)strtoul(arguments[place], NULL, 10) : otherwise;
}

int main(int argument_count, char **arguments) {
    const uint32_t likings = argument(argument_count, arguments, 1, 1000000);
    const uint32_t users = argument(argument_count, arguments, 2, 50000);
    const uint32_t items = argument(argument_count, arguments, 3, 20000);
    const uint32_t ease_items = argument(argument_count, arguments, 5, 2000);
    struct sh_interactions interactions;
    struct sh_train_spec spec = sh_train_spec_default(SH_TRAIN_IALS);
    spec.epochs = argument(argument_count, arguments, 4, 3);
    (void)printf("kernels: %s\n", sh_train->name);
    make(&interactions, likings, users, items);
    run(&spec, &interactions);
    sh_interactions_deinit(&interactions);
    make(&interactions, likings, users, ease_items);
    for (int method = SH_TRAIN_EASE; method < SH_TRAIN_METHOD_COUNT; method++) {
        spec = sh_train_spec_default((enum sh_train_method)method);
        run(&spec, &interactions);
    }
    sh_interactions_deinit(&interactions);
    return 0;
}
