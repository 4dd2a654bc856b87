/* affinity_property.c -- random likings: every instruction set leaves the same bytes, and they are what a plain loop
 * leaves. Run: affinity_property SEED COUNT (of lists). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "affinity_kernels.h"
#include "hash.h"
#include "isa.h"

enum { EVENTS = 200, TAGS_MAX = 64, WORDS = 3 * AFFINITY_COUNT_MAX };

static uint64_t state;

static uint32_t random_below(uint32_t bound) {
    state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(state, 1) % bound);
}

struct list {
    uint32_t words[WORDS];
    uint32_t capacity;
    uint32_t count;
};

static struct affinity_list view(struct list *list) {
    return (struct affinity_list){.tags = list->words,
                                  .short_lived = (float *)(void *)(list->words + list->capacity),
                                  .long_lived = (float *)(void *)(list->words + 2 * (size_t)list->capacity),
                                  .capacity = list->capacity,
                                  .count = list->count};
}

/* ---- The twin: as the header says it ---- */

static uint32_t strength(float value, uint32_t place) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7FFFFFE0) | place;
}

static uint32_t weakest(const struct affinity_list *list, const bool *is_touched) {
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < list->count; i++)
        if (!is_touched[i] &&
            (found == UINT32_MAX || strength(list->long_lived[i], i) < strength(list->long_lived[found], found)))
            found = i;
    return found;
}

static void twin_add(struct affinity_list *list, const struct affinity_event *event) {
    bool is_touched[AFFINITY_COUNT_MAX] = {false};
    bool is_known[TAGS_MAX] = {false};
    for (uint32_t t = 0; t < event->tag_count; t++)
        for (uint32_t i = 0; i < list->count; i++) {
            if (list->tags[i] != event->tags[t]) continue;
            list->short_lived[i] += event->short_add;
            list->long_lived[i] += event->long_add;
            is_touched[i] = is_known[t] = true;
        }
    for (uint32_t t = 0; t < event->tag_count; t++) {
        if (is_known[t]) continue;
        const uint32_t place = list->count < AFFINITY_COUNT_MAX ? list->count++ : weakest(list, is_touched);
        if (place == UINT32_MAX) return;
        is_touched[place] = true;
        list->tags[place] = event->tags[t];
        list->short_lived[place] = event->short_add;
        list->long_lived[place] = event->long_add;
    }
}

/* ---- Lists ---- */

/* Room as the model makes it: for all of the event's tags, in steps, up to the most. */
static void reserve(struct list *list, uint32_t more) {
    const uint32_t needed = list->count + more < AFFINITY_COUNT_MAX ? list->count + more : AFFINITY_COUNT_MAX;
    if (needed <= list->capacity) return;
    struct list grown = {.capacity = (needed + AFFINITY_STEP - 1) / AFFINITY_STEP * AFFINITY_STEP,
                         .count = list->count};
    memset(grown.words, 0xFF, grown.capacity * sizeof *grown.words);
    for (uint32_t part = 0; part < 3; part++)
        memcpy(grown.words + part * grown.capacity, list->words + part * list->capacity,
               list->count * sizeof *grown.words);
    *list = grown;
}

static struct affinity_event random_event(uint32_t *tags) {
    struct affinity_event event = {.tags = tags};
    const uint32_t wanted = random_below(20) == 0 ? random_below(TAGS_MAX) : random_below(8);
    const uint32_t step = 1 + random_below(3);
    uint32_t tag = random_below(60);
    for (; event.tag_count < wanted; tag += step)
        tags[event.tag_count++] = tag % 7 == 0 ? tag | UINT32_C(1) << 31 : tag;
    event.short_add = (float)((int)random_below(2001) - 700) / 64.0f;
    event.long_add = event.short_add / (float)(1 + random_below(9));
    return event;
}

/* Lists of all instruction sets, and behind them the twin's. */
static void add_to(struct list *lists, uint32_t isa, const struct affinity_event *event) {
    uint32_t unknown[TAGS_MAX + 1];
    const struct affinity_kernels *kernels = isa < SH_ISA_COUNT ? affinity_kernels_of(isa) : NULL;
    reserve(&lists[isa], event->tag_count);
    struct affinity_list list = view(&lists[isa]);
    if (isa == SH_ISA_COUNT)
        twin_add(&list, event);
    else if (kernels != NULL)
        kernels->add(&list, event, unknown);
    lists[isa].count = list.count;
}

static const char *compare(struct list *lists) {
    for (uint32_t isa = 1; isa < SH_ISA_COUNT; isa++)
        if (affinity_kernels_of(isa) != NULL && memcmp(&lists[isa], &lists[SH_ISA_SCALAR], sizeof lists[isa]) != 0)
            return "an instruction set leaves other bytes than the plain one";
    const struct affinity_list one = view(&lists[SH_ISA_SCALAR]);
    const struct affinity_list twin = view(&lists[SH_ISA_COUNT]);
    if (one.count != twin.count || memcmp(one.tags, twin.tags, one.capacity * sizeof *one.tags) != 0)
        return "the list has other tags than the twin";
    for (uint32_t i = 0; i < one.count; i++)
        if (one.short_lived[i] != twin.short_lived[i] || one.long_lived[i] != twin.long_lived[i])
            return "a value is another";
    return NULL;
}

static const char *run_list(void) {
    struct list lists[SH_ISA_COUNT + 1] = {{.count = 0}};
    const char *fault = NULL;
    for (uint32_t e = 0; e < EVENTS && fault == NULL; e++) {
        uint32_t tags[TAGS_MAX];
        const struct affinity_event event = random_event(tags);
        for (uint32_t isa = 0; isa <= SH_ISA_COUNT; isa++)
            add_to(lists, isa, &event);
        fault = compare(lists);
    }
    return fault;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint32_t count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 100;
    for (uint32_t i = 0; i < count; i++) {
        state = seed + i;
        const char *fault = run_list();
        if (fault == NULL) continue;
        (void)fprintf(stderr, "reproduce: affinity_property %" PRIu64 " 1: %s\n", seed + i, fault);
        return 1;
    }
    return 0;
}
