/* mailbox_property.c -- a writer and a reader that sleeps whenever it finds nothing: every letter comes once, in order,
 * and the reader never oversleeps. Bursts and pauses come from the seed. A program of its own rather than a Criterion
 * suite, so that it also runs under the thread sanitizer. Run: mailbox_property SEED COUNT */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hash.h"
#include "mailbox.h"

struct test_letter {
    struct sh_letter letter;
    uint64_t number;
};

static struct sh_mailbox mailbox;
static struct sh_doorbell doorbell;
static struct test_letter *letters;
static uint64_t letter_count;
static uint64_t seed;
static uint64_t sleep_count;

/* What an io's wake and wait are to a loop. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t rung = PTHREAD_COND_INITIALIZER;
static uint32_t wake_count;

static _Noreturn void die(const char *what) {
    printf("%s\n", what);
    exit(1);
}

static void wake(void) {
    pthread_mutex_lock(&mutex);
    wake_count++;
    pthread_cond_signal(&rung);
    pthread_mutex_unlock(&mutex);
}

static void sleep_until_woken(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    int result = 0;
    sleep_count++;
    pthread_mutex_lock(&mutex);
    while (wake_count == 0 && result == 0)
        result = pthread_cond_timedwait(&rung, &mutex, &until);
    wake_count = 0;
    pthread_mutex_unlock(&mutex);
    if (result != 0) die("a letter lies before a sleeping reader");
}

static void *write_letters(void *argument) {
    (void)argument;
    for (uint64_t i = 0; i < letter_count; i++) {
        letters[i].number = i;
        if (sh_mailbox_post(&mailbox, &doorbell, &letters[i].letter)) wake();
        if (sh_hash_mix(i ^ 0xA0761D6478BD642F, seed ^ 0xE7037ED1A0B428DB) % 500 == 0) sched_yield();
    }
    while (sh_mailbox_is_waiting(&mailbox)) {
        if (sh_mailbox_flush(&mailbox, &doorbell)) wake();
        sched_yield();
    }
    return NULL;
}

static void read_letters(void) {
    for (uint64_t expected = 0; expected < letter_count;) {
        struct sh_letter *letter = sh_mailbox_take(&mailbox);
        if (letter != NULL) {
            if (((struct test_letter *)(void *)letter)->number != expected) die("letters come out of order");
            expected++;
            continue;
        }
        sh_doorbell_sleep(&doorbell);
        if (sh_mailbox_is_empty(&mailbox)) sleep_until_woken();
        sh_doorbell_rise(&doorbell);
    }
    if (sh_mailbox_take(&mailbox) != NULL) die("a letter came twice");
}

int main(int argument_count, char **arguments) {
    seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    letter_count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 300000;
    printf("reproduce: ./mailbox_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)letter_count);
    letters = calloc(letter_count, sizeof *letters);
    if (letters == NULL) die("no memory");
    pthread_t writer;
    if (pthread_create(&writer, NULL, write_letters, NULL) != 0) die("no thread");
    read_letters();
    pthread_join(writer, NULL);
    printf("%llu letters, the reader slept %llu times\n", (unsigned long long)letter_count,
           (unsigned long long)sleep_count);
    free(letters);
    return 0;
}
