#include "mailbox.h"

_Static_assert((SH_MAILBOX_COUNT & (SH_MAILBOX_COUNT - 1)) == 0, "counters run on past the end of the ring");

static bool put(struct sh_mailbox *mailbox, struct sh_letter *letter) {
    const uint32_t tail = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);
    if (tail - mailbox->head_seen == SH_MAILBOX_COUNT) {
        mailbox->head_seen = atomic_load_explicit(&mailbox->head, memory_order_acquire);
        if (tail - mailbox->head_seen == SH_MAILBOX_COUNT) return false;
    }
    mailbox->letters[tail % SH_MAILBOX_COUNT] = letter;
    atomic_store_explicit(&mailbox->tail, tail + 1, memory_order_seq_cst);
    return true;
}

static bool must_wake(struct sh_doorbell *reader) {
    return atomic_load_explicit(&reader->sleeping, memory_order_seq_cst) != 0 &&
           atomic_exchange_explicit(&reader->sleeping, 0, memory_order_seq_cst) != 0;
}

bool sh_mailbox_flush(struct sh_mailbox *mailbox, struct sh_doorbell *reader) {
    bool posted = false;
    while (mailbox->waiting_first != NULL) {
        struct sh_letter *letter = mailbox->waiting_first;
        /* Once it is in the ring it is the reader's: take the link before. */
        struct sh_letter *next = letter->next;
        if (!put(mailbox, letter)) break;
        mailbox->waiting_first = next;
        posted = true;
    }
    if (mailbox->waiting_first == NULL) mailbox->waiting_last = NULL;
    return posted && must_wake(reader);
}

bool sh_mailbox_post(struct sh_mailbox *mailbox, struct sh_doorbell *reader, struct sh_letter *letter) {
    letter->next = NULL;
    if (mailbox->waiting_first == NULL && put(mailbox, letter)) return must_wake(reader);
    if (mailbox->waiting_last == NULL)
        mailbox->waiting_first = letter;
    else
        mailbox->waiting_last->next = letter;
    mailbox->waiting_last = letter;
    return sh_mailbox_flush(mailbox, reader);
}

struct sh_letter *sh_mailbox_take(struct sh_mailbox *mailbox) {
    const uint32_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&mailbox->tail, memory_order_seq_cst)) return NULL;
    struct sh_letter *letter = mailbox->letters[head % SH_MAILBOX_COUNT];
    atomic_store_explicit(&mailbox->head, head + 1, memory_order_release);
    return letter;
}

bool sh_mailbox_is_empty(struct sh_mailbox *mailbox) {
    return atomic_load_explicit(&mailbox->head, memory_order_relaxed) ==
           atomic_load_explicit(&mailbox->tail, memory_order_seq_cst);
}

void sh_doorbell_sleep(struct sh_doorbell *doorbell) {
    atomic_store_explicit(&doorbell->sleeping, 1, memory_order_seq_cst);
}

void sh_doorbell_rise(struct sh_doorbell *doorbell) {
    atomic_store_explicit(&doorbell->sleeping, 0, memory_order_seq_cst);
}
