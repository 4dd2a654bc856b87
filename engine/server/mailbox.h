/* mailbox.h -- how one loop hands pointers to another: a ring with one writer and one reader.
 *
 *        from loop 0   from loop 1   from loop 2
 *   to 0      -            ring          ring        every ordered pair of loops has a ring of its own, so nothing is
 *   to 1     ring           -            ring        ever contended: the writer moves `tail`, the reader moves `head`
 *   to 2     ring          ring           -
 *
 * A loop that is about to sleep raises `sleeping` and then looks into its rings once more; a writer puts its pointer in
 * and then looks at `sleeping`. These four steps are sequentially consistent, so at least one of the two sees the
 * other: a pointer is never left lying before a sleeping reader, and a busy reader is not woken.
 *
 * What a pointer points to belongs to the reader from the moment it is taken out. A full ring keeps the rest in order
 * in a list on the writer's side, which is offered again with the next post or flush.
 */
#ifndef SH_MAILBOX_H
#define SH_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"

/* The head of everything that is posted. */
struct sh_letter {
    struct sh_letter *next; /* on the writer's side only */
};

struct sh_mailbox {
    _Alignas(64) _Atomic(uint32_t) tail; /* written by the writer */
    uint32_t head_seen;                  /* the writer's last look at head */
    struct sh_letter *waiting_first;     /* did not fit, in order */
    struct sh_letter *waiting_last;
    _Alignas(64) _Atomic(uint32_t) head; /* written by the reader */
    _Alignas(64) struct sh_letter *letters[SH_MAILBOX_COUNT];
};

/* Raised by a loop before it sleeps, lowered by whoever wakes it. */
struct sh_doorbell {
    _Alignas(64) _Atomic(uint32_t) sleeping;
};

/* ---- writer ---- */

/* True: the reader slept and has to be woken (once: the next post says false until it sleeps again). */
bool sh_mailbox_post(struct sh_mailbox *mailbox, struct sh_doorbell *reader, struct sh_letter *letter);
/* Offer what did not fit. True as above. */
bool sh_mailbox_flush(struct sh_mailbox *mailbox, struct sh_doorbell *reader);
static inline bool sh_mailbox_is_waiting(const struct sh_mailbox *mailbox) {
    return mailbox->waiting_first != NULL;
}

/* ---- reader ---- */

/* NULL when it is empty. */
struct sh_letter *sh_mailbox_take(struct sh_mailbox *mailbox);
bool sh_mailbox_is_empty(struct sh_mailbox *mailbox);
/* Before the last look into the mailboxes, and after the sleep. */
void sh_doorbell_sleep(struct sh_doorbell *doorbell);
void sh_doorbell_rise(struct sh_doorbell *doorbell);

#endif
