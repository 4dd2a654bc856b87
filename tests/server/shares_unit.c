/* Whose question is worked on next, when several workspaces ask at once. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "bounds.h"
#include "memory.h"
#include "shares.h"

enum { ERRAND_COUNT = 64 };

static struct sh_errand errands[3][ERRAND_COUNT];
static const char *const names[3] = {"甲店", "shop-b", "shop-c"};

static void set_up(struct sh_shares *shares) {
    sh_shares_init(shares);
    for (uint32_t w = 0; w < 3; w++)
        for (uint32_t i = 0; i < ERRAND_COUNT; i++) {
            errands[w][i] = (struct sh_errand){.number = i};
            errands[w][i].request.workspace = sh_text_of(names[w]);
        }
}

static uint32_t workspace_of(const struct sh_errand *errand) {
    for (uint32_t w = 0; w < 3; w++)
        if (errand >= errands[w] && errand < errands[w] + ERRAND_COUNT) return w;
    cr_assert_fail("an errand of nobody");
    return 0;
}

/* One step of `ns` for whoever is next; a question needs so many steps. Returns the workspace; 3: nobody. */
static uint32_t step(struct sh_shares *shares, uint64_t ns, uint64_t steps_each) {
    bool is_new;
    struct sh_errand *errand = sh_shares_next(shares, true, &is_new);
    if (errand == NULL) return 3;
    errand->position++; /* steps it had */
    if (errand->position < steps_each) sh_shares_add_job(shares, errand);
    sh_shares_used(shares, errand->request.workspace, ns);
    return workspace_of(errand);
}

Test(shares, workspaces_that_ask_get_the_same_time_however_much_they_ask) {
    struct sh_shares shares;
    set_up(&shares);
    for (uint32_t i = 0; i < ERRAND_COUNT; i++)
        sh_shares_add_waiting(&shares, &errands[0][i]);
    for (uint32_t i = 0; i < 4; i++)
        sh_shares_add_waiting(&shares, &errands[1][i]);
    uint32_t turns[4] = {0};
    for (uint32_t i = 0; i < 20; i++) /* shop-b's four questions of five steps need 20 */
        turns[step(&shares, 100, 5)]++;
    cr_assert_eq(turns[0], 10);
    cr_assert_eq(turns[1], 10);
    for (uint32_t i = 0; i < 20; i++)
        turns[step(&shares, 100, 5)]++;
    cr_assert_eq(turns[1], 20, "shop-b is done when it has had as much as its neighbour");
    while (step(&shares, 100, 5) != 3) {}
    cr_assert_eq(shares.job_count, 0);
    cr_assert_eq(shares.wait_count, 0);
    cr_assert_null(shares.first, "no share is left without questions");
}

Test(shares, a_workspace_whose_steps_are_long_has_fewer_of_them) {
    struct sh_shares shares;
    set_up(&shares);
    for (uint32_t i = 0; i < 4; i++) {
        sh_shares_add_waiting(&shares, &errands[0][i]);
        sh_shares_add_waiting(&shares, &errands[1][i]);
    }
    uint32_t turns[2] = {0};
    for (uint32_t i = 0; i < 40; i++) {
        bool is_new;
        struct sh_errand *errand = sh_shares_next(&shares, true, &is_new);
        const uint32_t w = workspace_of(errand);
        turns[w]++;
        sh_shares_add_job(&shares, errand);
        sh_shares_used(&shares, errand->request.workspace, w == 0 ? 300 : 100);
    }
    cr_assert_eq(turns[0], 10);
    cr_assert_eq(turns[1], 30);
    sh_shares_deinit(&shares);
}

Test(shares, who_comes_later_begins_at_once_though_all_places_are_taken) {
    struct sh_shares shares;
    set_up(&shares);
    for (uint32_t i = 0; i < ERRAND_COUNT; i++)
        sh_shares_add_waiting(&shares, &errands[0][i]);
    for (uint32_t i = 0; i < 10 * SH_JOB_COUNT_MAX; i++)
        cr_assert_eq(step(&shares, 100, 1000), 0);
    cr_assert_eq(shares.job_count, SH_JOB_COUNT_MAX);
    cr_assert_not(sh_shares_may_begin(&shares, sh_text_of(names[0])), "its own wait already");
    cr_assert(sh_shares_may_begin(&shares, sh_text_of(names[1])));
    sh_shares_add_waiting(&shares, &errands[1][0]);
    sh_shares_add_waiting(&shares, &errands[1][1]);
    /* It starts at the least of those that are there, not at nothing. */
    uint32_t turns[2] = {0};
    for (uint32_t i = 0; i < 100; i++)
        turns[step(&shares, 100, 1000)]++;
    cr_assert_eq(turns[0], 50);
    cr_assert_eq(turns[1], 50);
    cr_assert_eq(shares.job_count, SH_JOB_COUNT_MAX + 1, "one of its own, beyond the usual");
    sh_shares_deinit(&shares);
}

Test(shares, within_a_workspace_questions_begin_in_order_and_then_take_turns) {
    struct sh_shares shares;
    set_up(&shares);
    for (uint32_t i = 0; i < 3; i++)
        sh_shares_add_waiting(&shares, &errands[0][i]);
    const uint64_t wanted[9] = {0, 1, 2, 0, 1, 2, 0, 1, 2};
    for (uint32_t i = 0; i < 9; i++) {
        bool is_new;
        struct sh_errand *errand = sh_shares_next(&shares, true, &is_new);
        cr_assert_eq(is_new, i < 3);
        cr_assert_eq(errand->number, wanted[i]);
        sh_shares_add_job(&shares, errand);
        sh_shares_used(&shares, errand->request.workspace, 100);
    }
    sh_shares_deinit(&shares);
}

Test(shares, nothing_is_begun_when_nothing_may_be) {
    struct sh_shares shares;
    bool is_new;
    set_up(&shares);
    sh_shares_add_waiting(&shares, &errands[0][0]);
    cr_assert_not(sh_shares_have_work(&shares, false));
    cr_assert(sh_shares_have_work(&shares, true));
    cr_assert_null(sh_shares_next(&shares, false, &is_new));
    sh_shares_add_job(&shares, &errands[1][0]);
    cr_assert(sh_shares_have_work(&shares, false));
    cr_assert_eq(sh_shares_next(&shares, false, &is_new), &errands[1][0]);
    cr_assert_not(is_new);
    sh_shares_deinit(&shares);
}

Test(shares, without_memory_for_a_share_questions_are_worked_on_all_the_same) {
    struct sh_shares shares;
    set_up(&shares);
    sh_memory_fail_after(0);
    sh_shares_add_waiting(&shares, &errands[0][0]);
    sh_memory_fail_after(UINT64_MAX);
    sh_shares_add_waiting(&shares, &errands[1][0]);
    uint32_t turns[4] = {0};
    for (uint32_t i = 0; i < 6; i++)
        turns[step(&shares, 100, 3)]++;
    cr_assert_eq(turns[0], 3);
    cr_assert_eq(turns[1], 3);
    cr_assert_eq(step(&shares, 100, 3), 3);
    cr_assert_null(shares.first);
}
