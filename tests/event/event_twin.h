/* event_twin.h -- the event store as one array of events and loops: too simple to be wrong. */
#ifndef EVENT_TWIN_H
#define EVENT_TWIN_H

#include "event_store.h"

enum { TWIN_EVENT_COUNT_MAX = 20000, TWIN_PROPERTY_COUNT_MAX = 6 };

struct twin_event {
    uint32_t type;
    uint32_t slot;
    uint32_t item;
    int64_t time_ms;
    uint64_t arrival;
    bool has_amount;
    bool has_id;
    int64_t amount;
    uint64_t id_hash;
    bool has_value[TWIN_PROPERTY_COUNT_MAX];
    int64_t values[TWIN_PROPERTY_COUNT_MAX];
};

struct twin {
    struct twin_event events[TWIN_EVENT_COUNT_MAX];
    uint32_t count;
    uint64_t arrivals;
};

/* True if it was stored, false for a duplicate. */
bool twin_append(struct twin *twin, const struct sh_event *event);
uint32_t twin_forget(struct twin *twin, uint32_t slot);
/* Events of the type before that instant are gone; how many they were. */
uint32_t twin_sweep(struct twin *twin, uint32_t type, int64_t from_ms);
/* The user's events, newest first by (time, arrival); returns how many. history has room for all events. */
uint32_t twin_history(const struct twin *twin, uint32_t slot, const struct twin_event **history);

/* Does the store say the same as the twin about this user? If not, *reason says what differs. */
bool twin_compare_history(const struct twin *twin, const struct sh_event_store *store, uint32_t slot,
                          const char **reason);
/* The same about the events of a type in a window and a block (through cells), and in all blocks (kept counts). */
bool twin_compare_window(const struct twin *twin, const struct sh_event_store *store, uint32_t type, uint32_t block,
                         int64_t from_ms, int64_t until_ms, const char **reason);

#endif
