/* What happens when there are more receipts than are kept. */
#include <criterion/criterion.h>

#include "bounds.h"
#include "receipts.h"

static void add(struct sh_receipts *receipts, uint64_t number, bool is_complete) {
    const struct sh_receipt receipt = {.id = number,
                                       .position = number,
                                       .asked_ms = (int64_t)number,
                                       .erased_ms = is_complete ? (int64_t)number : INT64_MAX};
    cr_assert_eq(sh_receipts_reserve(receipts, NULL), SH_OK);
    sh_receipts_add(receipts, &receipt);
}

Test(receipts, what_is_complete_makes_room_for_what_is_not) {
    struct sh_receipts receipts = {0};
    add(&receipts, 1, false);
    for (uint64_t number = 2; number <= SH_RECEIPT_COUNT_MAX + 10; number++)
        add(&receipts, number, true);
    cr_assert_not_null(sh_receipts_find(&receipts, 1));
    cr_assert_null(sh_receipts_find(&receipts, 2));
    cr_assert_not_null(sh_receipts_find(&receipts, SH_RECEIPT_COUNT_MAX + 10));
    cr_assert_eq(sh_receipts_oldest(&receipts), 1);
    sh_receipts_deinit(&receipts);
}

Test(receipts, whose_receipt_had_to_go_is_erased_in_time_all_the_same) {
    struct sh_receipts receipts = {0};
    for (uint64_t number = 1; number <= SH_RECEIPT_COUNT_MAX + 1; number++)
        add(&receipts, number, false);
    cr_assert_null(sh_receipts_find(&receipts, 1));
    cr_assert_eq(sh_receipts_oldest(&receipts), 1, "the first that was asked for is still waited for");
    sh_receipts_erase(&receipts, 5, 1000);
    cr_assert_eq(sh_receipts_oldest(&receipts), 1, "not all that went are gone");
    sh_receipts_erase(&receipts, SH_RECEIPT_COUNT_MAX + 1, 1000);
    cr_assert_eq(sh_receipts_oldest(&receipts), INT64_MAX);
    sh_receipts_deinit(&receipts);
}
