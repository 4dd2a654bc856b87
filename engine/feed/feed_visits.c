#include "feed_visits.h"

#include "feed_private.h"
#include "sessions_private.h"

/* A visit that began so many of the user's events ago is not looked for. */
enum { ADOPT_EVENT_COUNT_MAX = 1024 };

enum sh_status sh_feed_adopt_visit(struct sh_feed_model *model, uint32_t user, uint64_t name_hash) {
    struct sh_event_ref event;
    if (!sh_event_history_first(model->scope.events, user, &event)) return SH_OK;
    int64_t last_ms = INT64_MIN;
    for (uint32_t i = 0; i < ADOPT_EVENT_COUNT_MAX; i++) {
        const int64_t time_ms = sh_event_ref_time(event);
        if (sh_event_ref_item(event) != SH_NO_ITEM && sh_feed_weight(model, sh_event_ref_type(event)).weight > 0) {
            if (last_ms == INT64_MIN) last_ms = time_ms;
            const uint64_t key = sh_session_key(name_hash, time_ms);
            bool found;
            const enum sh_status status = sessions_adopt(model->sessions, user, key, last_ms, &found);
            if (status != SH_OK || found) return status;
        }
        if (!sh_event_history_next(model->scope.events, &event)) break;
    }
    return SH_OK;
}

void sh_feed_forget_visits_of(struct sh_feed_model *model, uint32_t user, uint64_t name_hash,
                              struct sh_buffer *visits) {
    struct sh_event_ref event;
    if (!sh_event_history_first(model->scope.events, user, &event)) return;
    do {
        const uint64_t key = sh_session_key(name_hash, sh_event_ref_time(event));
        if (sh_event_ref_item(event) == SH_NO_ITEM || !sh_sessions_drop(model->sessions, key)) continue;
        sh_buffer_append(visits, &key, sizeof key);
    } while (sh_event_history_next(model->scope.events, &event));
}
