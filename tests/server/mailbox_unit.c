#include <criterion/criterion.h>

#include <stdlib.h>

#include "mailbox.h"

struct test_letter {
    struct sh_letter letter;
    uint32_t number;
};

static struct sh_mailbox mailbox;
static struct sh_doorbell doorbell;
static struct test_letter *letters;

Test(mailbox, what_does_not_fit_the_ring_waits_in_order) {
    letters = calloc(3 * SH_MAILBOX_COUNT, sizeof *letters);
    for (uint32_t i = 0; i < 3 * SH_MAILBOX_COUNT; i++) {
        letters[i].number = i;
        cr_assert_not(sh_mailbox_post(&mailbox, &doorbell, &letters[i].letter), "nobody sleeps");
    }
    cr_assert(sh_mailbox_is_waiting(&mailbox));
    for (uint32_t i = 0; i < 3 * SH_MAILBOX_COUNT; i++) {
        struct sh_letter *letter = sh_mailbox_take(&mailbox);
        if (letter == NULL) {
            (void)sh_mailbox_flush(&mailbox, &doorbell);
            letter = sh_mailbox_take(&mailbox);
        }
        cr_assert_eq(((struct test_letter *)(void *)letter)->number, i);
    }
    cr_assert(sh_mailbox_is_empty(&mailbox));
    cr_assert_not(sh_mailbox_is_waiting(&mailbox));
    free(letters);
}

Test(mailbox, a_sleeping_reader_is_woken_once) {
    struct test_letter pair[2] = {0};
    sh_doorbell_sleep(&doorbell);
    cr_assert(sh_mailbox_post(&mailbox, &doorbell, &pair[0].letter));
    cr_assert_not(sh_mailbox_post(&mailbox, &doorbell, &pair[1].letter));
    sh_doorbell_sleep(&doorbell);
    sh_doorbell_rise(&doorbell);
    cr_assert_not(sh_mailbox_flush(&mailbox, &doorbell));
}
