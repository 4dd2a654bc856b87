/* rfm_archive.c -- the plan and its cut points as a section of an archive.
 *
 *   section rfm 1
 *     u8 is_on; and if it is:
 *     plan      u32 event_type, u32 days, u8 per_day, then for each axis   u32 scores, u8 is_fixed, i64 fixed cuts,
 *                                                                          u32 split;   u32 active, cooling, dormant
 *     cuts      u8 is_set, i64 now_ms, u64 id, u64 user_count, then for each axis   i64 cuts, u64 score_sum, u32 high
 *     horizon   i64 from_ms, i64 measured_ms
 *     pending   for each place: u32 shard_count; if not 0   u64 id, i64 now_ms, u64 user_count,
 *                                                           then for each axis   u32 count, i64 values, u64 counts
 *
 * Lines of users are not written: they are what the events say, and are counted anew.
 */
#include "calendar.h"
#include "rfm_private.h"

enum { RFM_VERSION = 1 };

/* ---- Saving ---- */

static void save_plan(const struct sh_rfm_config *config, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, config->event_type);
    sh_archive_put_u32(writer, config->days);
    sh_archive_put_u8(writer, config->per_day);
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++) {
        sh_archive_put_u32(writer, config->scores[axis]);
        sh_archive_put_u8(writer, config->is_fixed[axis]);
        sh_archive_put(writer, config->fixed[axis], sizeof config->fixed[axis]);
        sh_archive_put_u32(writer, config->split[axis]);
    }
    sh_archive_put_u32(writer, config->active_days);
    sh_archive_put_u32(writer, config->cooling_days);
    sh_archive_put_u32(writer, config->dormant_days);
}

static void save_cuts(const struct sh_rfm_cuts *cuts, struct sh_archive_writer *writer) {
    sh_archive_put_u8(writer, cuts->is_set);
    sh_archive_put_i64(writer, cuts->now_ms);
    sh_archive_put_u64(writer, cuts->id);
    sh_archive_put_u64(writer, cuts->user_count);
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++) {
        sh_archive_put(writer, cuts->cuts[axis], sizeof cuts->cuts[axis]);
        sh_archive_put_u64(writer, cuts->score_sums[axis]);
        sh_archive_put_u32(writer, cuts->high[axis]);
    }
}

static void save_pending(const struct sh_rfm_pending *pending, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, pending->shard_count);
    if (pending->shard_count == 0) return;
    sh_archive_put_u64(writer, pending->id);
    sh_archive_put_i64(writer, pending->now_ms);
    sh_archive_put_u64(writer, pending->spread.user_count);
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++) {
        const struct sh_rfm_tally *tally = &pending->spread.tallies[axis];
        sh_archive_put_u32(writer, tally->count);
        sh_archive_put(writer, tally->values, tally->count * sizeof *tally->values);
        sh_archive_put(writer, tally->counts, tally->count * sizeof *tally->counts);
    }
}

void sh_rfm_save(const struct sh_rfm *rfm, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "rfm", RFM_VERSION);
    sh_archive_put_u8(writer, rfm->is_on);
    if (rfm->is_on) {
        save_plan(&rfm->config, writer);
        save_cuts(&rfm->cuts, writer);
        sh_archive_put_i64(writer, rfm->from_ms);
        sh_archive_put_i64(writer, rfm->measured_ms);
        for (uint32_t i = 0; i < SH_RFM_PENDING_MAX; i++)
            save_pending(&rfm->pending[i], writer);
    }
    sh_archive_end(writer);
}

/* ---- Loading ---- */

/* Times that only are compared; INT64_MIN stands for "ever". */
static bool is_time(int64_t time_ms) {
    return time_ms == INT64_MIN ||
           (time_ms >= SH_INSTANT_MIN - SH_RFM_DAYS_MAX * SH_DAY_MS && time_ms <= SH_INSTANT_MAX);
}

static bool load_plan(struct sh_rfm *rfm, struct sh_rfm_config *config, struct sh_archive_reader *reader) {
    struct sh_error err;
    config->event_type = sh_archive_get_u32(reader);
    config->days = sh_archive_get_u32(reader);
    config->per_day = sh_archive_get_bool(reader);
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++) {
        config->scores[axis] = sh_archive_get_u32(reader);
        config->is_fixed[axis] = sh_archive_get_bool(reader);
        (void)sh_archive_get(reader, config->fixed[axis], sizeof config->fixed[axis]);
        config->split[axis] = sh_archive_get_u32(reader);
    }
    config->active_days = sh_archive_get_u32(reader);
    config->cooling_days = sh_archive_get_u32(reader);
    config->dormant_days = sh_archive_get_u32(reader);
    if (sh_archive_failed(reader)) return false;
    if (config->event_type >= sh_event_type_count(rfm->events))
        (void)sh_archive_refuse(reader, "the plan is about an event type that is not there");
    else if (sh_rfm_config_check(config, &err) != SH_OK)
        (void)sh_archive_refuse(reader, "%s", err.message);
    return !sh_archive_failed(reader);
}

/* Days since the last event; what lies outside all time was never counted. */
static bool days_are_good(const struct sh_rfm_cuts *cuts) {
    for (uint32_t i = 0; i < SH_RFM_CUT_MAX; i++) {
        const int64_t days = cuts->cuts[SH_RFM_R][i];
        if (days < SH_INSTANT_MIN / SH_DAY_MS || days > SH_INSTANT_MAX / SH_DAY_MS) return false;
    }
    return true;
}

static bool load_cuts(struct sh_rfm_cuts *cuts, struct sh_archive_reader *reader) {
    cuts->is_set = sh_archive_get_bool(reader);
    cuts->now_ms = sh_archive_get_i64(reader);
    cuts->id = sh_archive_get_u64(reader);
    cuts->user_count = sh_archive_get_u64(reader);
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT; axis++) {
        (void)sh_archive_get(reader, cuts->cuts[axis], sizeof cuts->cuts[axis]);
        cuts->score_sums[axis] = sh_archive_get_u64(reader);
        cuts->high[axis] = sh_archive_get_u32(reader);
    }
    if (sh_archive_failed(reader)) return false;
    if (!is_time(cuts->now_ms) || !days_are_good(cuts) || (cuts->is_set && cuts->user_count == 0))
        (void)sh_archive_refuse(reader, "the cut points are of nobody, or of no time");
    return !sh_archive_failed(reader);
}

/* Values ascend, and their counts are those of all users. */
static bool tally_is_good(const struct sh_rfm_tally *tally, uint64_t user_count) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < tally->count; i++) {
        if (i > 0 && tally->values[i - 1] >= tally->values[i]) return false;
        if (tally->counts[i] > user_count - sum) return false;
        sum += tally->counts[i];
    }
    return sum == user_count;
}

static bool load_pending(struct sh_rfm_pending *pending, struct sh_archive_reader *reader) {
    const uint32_t shard_count = sh_archive_get_u32(reader);
    if (shard_count == 0) return !sh_archive_failed(reader);
    pending->shard_count = shard_count;
    pending->id = sh_archive_get_u64(reader);
    pending->now_ms = sh_archive_get_i64(reader);
    pending->spread.user_count = sh_archive_get_u64(reader);
    if (shard_count >= SH_SHARD_COUNT_MAX || !is_time(pending->now_ms))
        (void)sh_archive_refuse(reader, "a refresh waits for more shards than there can be, or is of no time");
    for (uint32_t axis = 0; axis < SH_RFM_AXIS_COUNT && !sh_archive_failed(reader); axis++) {
        struct sh_rfm_tally *tally = &pending->spread.tallies[axis];
        const uint32_t count = sh_archive_get_count(reader, UINT32_MAX, sizeof *tally->values + sizeof *tally->counts,
                                                    "values of a refresh");
        tally->values = sh_archive_get_array(reader, count, sizeof *tally->values);
        tally->counts = sh_archive_get_array(reader, count, sizeof *tally->counts);
        if (sh_archive_failed(reader)) return false;
        tally->count = count;
        if (!tally_is_good(tally, pending->spread.user_count))
            (void)sh_archive_refuse(reader, "the values of a refresh do not ascend, or are not those of all users");
    }
    return !sh_archive_failed(reader);
}

static bool load_all(struct sh_rfm *rfm, struct sh_archive_reader *reader) {
    struct sh_rfm_config config = {0};
    if (!sh_archive_get_bool(reader)) return !sh_archive_failed(reader);
    if (!load_plan(rfm, &config, reader) || !load_cuts(&rfm->cuts, reader)) return false;
    const int64_t from_ms = sh_archive_get_i64(reader);
    rfm->measured_ms = sh_archive_get_i64(reader);
    if (!is_time(from_ms) || !is_time(rfm->measured_ms))
        (void)sh_archive_refuse(reader, "the horizon is outside all time");
    for (uint32_t i = 0; i < SH_RFM_PENDING_MAX; i++) {
        if (!load_pending(&rfm->pending[i], reader)) return false;
    }
    if (rfm_rebuild(rfm, &config, from_ms, NULL) != SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    rfm->is_on = true;
    rfm_score_all(rfm);
    rfm_fields_update(rfm);
    return true;
}

enum sh_status sh_rfm_load(const struct sh_event_store *events, struct sh_archive_reader *reader,
                           struct sh_rfm **loaded) {
    *loaded = NULL;
    if (sh_archive_enter(reader, "rfm", RFM_VERSION) == 0) return sh_archive_status(reader, NULL);
    struct sh_rfm *rfm = sh_rfm_create(events);
    if (rfm == NULL) return sh_archive_refuse_memory(reader);
    if (load_all(rfm, reader)) sh_archive_leave(reader);
    if (sh_archive_failed(reader))
        sh_rfm_destroy(rfm);
    else
        *loaded = rfm;
    return sh_archive_status(reader, NULL);
}
