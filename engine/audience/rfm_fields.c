/* rfm_fields.c -- scores, stages and values as fields of users. */
#include <string.h>

#include "memory.h"
#include "rfm_private.h"

const char *const sh_rfm_cells[SH_RFM_CELL_COUNT] = {"一般挽留", "一般保持", "一般发展", "一般价值",
                                                     "重要挽留", "重要保持", "重要发展", "重要价值"};
const char *const sh_rfm_names[SH_RFM_NAME_COUNT] = {
    "Lost",      "Hibernating",   "About To Sleep",      "At Risk", "Cannot Lose Them", "Need Attention",
    "Promising", "New Customers", "Potential Loyalists", "Loyal",   "Champions"};
const char *const sh_rfm_stages[SH_RFM_STAGE_COUNT] = {"lost", "dormant", "cooling", "active", "won back", "new"};
enum { STAGE_LOST, STAGE_DORMANT, STAGE_COOLING, STAGE_ACTIVE, STAGE_WON_BACK, STAGE_NEW };
enum {
    LOST,
    HIBERNATING,
    ABOUT_TO_SLEEP,
    AT_RISK,
    CANNOT_LOSE,
    NEED_ATTENTION,
    PROMISING,
    NEW,
    POTENTIAL,
    LOYAL,
    BEST
};
/* [R - 1][FM - 1] */
static const uint8_t name_grid[SH_RFM_SCORE_MAX][SH_RFM_SCORE_MAX] = {
    {LOST, HIBERNATING, AT_RISK, AT_RISK, CANNOT_LOSE},
    {HIBERNATING, HIBERNATING, AT_RISK, AT_RISK, CANNOT_LOSE},
    {ABOUT_TO_SLEEP, ABOUT_TO_SLEEP, NEED_ATTENTION, LOYAL, LOYAL},
    {PROMISING, POTENTIAL, POTENTIAL, LOYAL, LOYAL},
    {NEW, POTENTIAL, POTENTIAL, BEST, BEST},
};

enum field {
    FIELD_R,
    FIELD_F,
    FIELD_M,
    FIELD_SCORE,
    FIELD_SEGMENT,
    FIELD_NAME,
    FIELD_LIFECYCLE,
    FIELD_AMOUNT,
    FIELD_COUNT,
    FIELD_AVERAGE,
    FIELD_FIRST,
    FIELD_LAST,
    FIELD_INTERVAL,
    FIELD_NEXT
};
_Static_assert(FIELD_NEXT + 1 == SH_RFM_FIELD_COUNT, "every field has a number");

static const uint32_t ranks[SH_RFM_NAME_COUNT] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
static const int64_t stage_values[1 + SH_RFM_STAGE_COUNT] = {0, 0, 1, 2, 3, 4, 5};

/* ---- Codes ---- */

uint32_t sh_rfm_code_cell(const struct sh_rfm *rfm, uint32_t code) {
    const uint32_t *high = rfm->cuts.high;
    const uint32_t m = sh_rfm_code_score(code, SH_RFM_M) >= high[SH_RFM_M];
    const uint32_t r = sh_rfm_code_score(code, SH_RFM_R) >= high[SH_RFM_R];
    const uint32_t f = sh_rfm_code_score(code, SH_RFM_F) >= high[SH_RFM_F];
    return m << 2 | r << 1 | f;
}

uint32_t sh_rfm_code_name(const struct sh_rfm *rfm, uint32_t code) {
    const uint32_t r = sh_rfm_code_score(code, SH_RFM_R);
    const uint32_t f = sh_rfm_code_score(code, SH_RFM_F);
    const uint32_t m = sh_rfm_code_score(code, SH_RFM_M);
    const uint32_t *scores = rfm->config.scores;
    const uint32_t stretched_r = 1 + (r - 1) * 4 / (scores[SH_RFM_R] - 1);
    const uint32_t stretched_f = 1 + (f - 1) * 4 / (scores[SH_RFM_F] - 1);
    const uint32_t stretched_m = 1 + (m - 1) * 4 / (scores[SH_RFM_M] - 1);
    const uint32_t fm = (stretched_f + stretched_m + 1) / 2;
    if (r > scores[SH_RFM_R] || f > scores[SH_RFM_F] || m > scores[SH_RFM_M]) return LOST; /* nobody has it */
    return name_grid[stretched_r - 1][fm - 1];
}

void rfm_fields_update(struct sh_rfm *rfm) {
    const uint32_t scale = sh_event_type(rfm->events, rfm->config.event_type)->amount_scale;
    rfm->derived.field_count = SH_RFM_FIELD_COUNT;
    rfm->fields[FIELD_AMOUNT].scale = scale;
    rfm->fields[FIELD_AVERAGE].scale = scale;
    for (uint32_t code = 1; code < SH_RFM_CODE_COUNT; code++) {
        const uint32_t r = sh_rfm_code_score(code, SH_RFM_R);
        const uint32_t f = sh_rfm_code_score(code, SH_RFM_F);
        const uint32_t m = sh_rfm_code_score(code, SH_RFM_M);
        rfm->code_values[FIELD_R][code] = r;
        rfm->code_values[FIELD_F][code] = f;
        rfm->code_values[FIELD_M][code] = m;
        rfm->code_values[FIELD_SCORE][code] = r * 100 + f * 10 + m;
        rfm->code_values[FIELD_SEGMENT][code] = sh_rfm_code_cell(rfm, code);
        rfm->code_values[FIELD_NAME][code] = sh_rfm_code_name(rfm, code);
    }
}

/* Latest times above limits[i] have a score of i + 2 or more. */
static void recency_limits(const struct sh_rfm *rfm, int64_t now_ms, int64_t limits[SH_RFM_CUT_MAX]) {
    for (uint32_t i = 0; i < SH_RFM_CUT_MAX; i++)
        limits[i] =
            i + 1 < rfm->config.scores[SH_RFM_R] ? now_ms - (rfm->cuts.cuts[SH_RFM_R][i] + 1) * SH_DAY_MS : INT64_MAX;
}

static inline uint8_t code_of(uint8_t scores, int64_t last_ms, const int64_t limits[SH_RFM_CUT_MAX]) {
    uint32_t r = 0;
    for (uint32_t i = 0; i < SH_RFM_CUT_MAX; i++)
        r += last_ms > limits[i];
    return (uint8_t)(scores == 0 ? 0 : scores + SH_RFM_SCORE_MAX * SH_RFM_SCORE_MAX * r);
}

static uint8_t code_of_past(const struct sh_rfm *rfm, uint32_t slot, int64_t now_ms,
                            const int64_t limits[SH_RFM_CUT_MAX]) {
    struct sh_rfm_line line;
    sh_rfm_line(rfm, slot, now_ms, &line);
    return code_of(rfm_scores_of(rfm, line.count, line.amount), line.last_ms, limits);
}

static void read_rfm_codes(const struct sh_rfm *rfm, uint32_t first, uint32_t count, int64_t now_ms, uint8_t *codes) {
    int64_t limits[SH_RFM_CUT_MAX];
    const uint32_t number = first / SH_BLOCK_SLOTS;
    const uint32_t place = first % SH_BLOCK_SLOTS;
    const uint32_t capacity = number < rfm->block_count ? rfm->blocks[number].capacity : 0;
    const uint32_t known = place >= capacity ? 0 : (capacity - place < count ? capacity - place : count);
    memset(codes + known, 0, count - known);
    if (known == 0) return;
    if (!rfm->cuts.is_set) {
        memset(codes, 0, known);
        return;
    }
    recency_limits(rfm, now_ms, limits);
    const int64_t *last_ms = rfm->blocks[number].last_ms + place;
    const uint8_t *scores = rfm->blocks[number].scores + place;
    uint8_t is_any_later = 0;
    for (uint32_t i = 0; i < known; i++) {
        codes[i] = code_of(scores[i], last_ms[i], limits);
        is_any_later |= last_ms[i] > now_ms;
    }
    for (uint32_t i = 0; is_any_later && i < known; i++)
        if (last_ms[i] > now_ms) codes[i] = code_of_past(rfm, first + i, now_ms, limits);
}

uint8_t sh_rfm_code(const struct sh_rfm *rfm, uint32_t slot, int64_t now_ms) {
    uint8_t code;
    read_rfm_codes(rfm, slot, 1, now_ms, &code);
    return code;
}

int32_t sh_rfm_stage(const struct sh_rfm *rfm, const struct sh_rfm_line *line, int64_t now_ms) {
    const struct sh_rfm_config *config = &rfm->config;
    if (line->last_ms == SH_RFM_NEVER) return -1;
    const int64_t age_ms = now_ms - line->last_ms;
    if (age_ms > config->dormant_days * SH_DAY_MS) return STAGE_LOST;
    if (age_ms > config->cooling_days * SH_DAY_MS) return STAGE_DORMANT;
    if (age_ms > config->active_days * SH_DAY_MS) return STAGE_COOLING;
    if (now_ms - line->first_ms <= config->active_days * SH_DAY_MS) return STAGE_NEW;
    const bool has_gap = line->previous_ms != SH_RFM_NEVER;
    return has_gap && line->last_ms - line->previous_ms > config->cooling_days * SH_DAY_MS ? STAGE_WON_BACK
                                                                                           : STAGE_ACTIVE;
}

/* Most stages are told by the latest time alone, which lies in a row; only who was there lately needs the line. */
static void read_stage_codes(const struct sh_rfm *rfm, uint32_t first, uint32_t count, int64_t now_ms, uint8_t *codes) {
    const uint32_t number = first / SH_BLOCK_SLOTS;
    const uint32_t place = first % SH_BLOCK_SLOTS;
    const uint32_t capacity = number < rfm->block_count ? rfm->blocks[number].capacity : 0;
    const uint32_t known = place >= capacity ? 0 : (capacity - place < count ? capacity - place : count);
    const int64_t lost_ms = now_ms - rfm->config.dormant_days * SH_DAY_MS;
    const int64_t dormant_ms = now_ms - rfm->config.cooling_days * SH_DAY_MS;
    const int64_t cooling_ms = now_ms - rfm->config.active_days * SH_DAY_MS;
    memset(codes + known, 0, count - known);
    for (uint32_t i = 0; i < known; i++) {
        const int64_t last_ms = rfm->blocks[number].last_ms[place + i];
        if (last_ms < cooling_ms) {
            const uint32_t stage = last_ms < lost_ms      ? STAGE_LOST
                                   : last_ms < dormant_ms ? STAGE_DORMANT
                                                          : STAGE_COOLING;
            codes[i] = (uint8_t)(last_ms == SH_RFM_NEVER ? 0 : stage + 1);
            continue;
        }
        struct sh_rfm_line line;
        sh_rfm_line(rfm, first + i, now_ms, &line);
        codes[i] = (uint8_t)(sh_rfm_stage(rfm, &line, now_ms) + 1);
    }
}

static void read_codes(const void *owner, uint32_t field, uint32_t first, uint32_t count, int64_t now_ms,
                       uint8_t *codes) {
    if (field == FIELD_LIFECYCLE)
        read_stage_codes(owner, first, count, now_ms, codes);
    else
        read_rfm_codes(owner, first, count, now_ms, codes);
}

/* ---- Values ---- */

/* a / b, b > 0, halves to even. */
static __int128 divide_half_even(__int128 a, int64_t b) {
    __int128 whole = a / b;
    __int128 rest = a % b;
    if (rest < 0) {
        whole--;
        rest += b;
    }
    if (2 * rest > b || (2 * rest == b && (whole & 1) != 0)) whole++;
    return whole;
}

/* One digit after the point: tenths of days. */
enum { INTERVAL_SCALE = 1, INTERVAL_UNIT_MS = SH_DAY_MS / 10 };

static bool read_value(const struct sh_rfm_line *line, enum field field, int64_t *value) {
    __int128 wide = 0;
    const int64_t gaps = (int64_t)line->count_ever - 1;
    if (gaps < 0 || (gaps == 0 && field >= FIELD_INTERVAL)) return false;
    switch (field) {
    case FIELD_AMOUNT:
        wide = line->amount_ever;
        break;
    case FIELD_COUNT:
        wide = line->count_ever;
        break;
    case FIELD_AVERAGE:
        wide = divide_half_even(line->amount_ever, line->count_ever);
        break;
    case FIELD_FIRST:
        wide = line->first_ms;
        break;
    case FIELD_LAST:
        wide = line->last_ms;
        break;
    case FIELD_INTERVAL:
        wide = divide_half_even(line->last_ms - line->first_ms, gaps * INTERVAL_UNIT_MS);
        break;
    default:
        wide = line->last_ms + (line->last_ms - line->first_ms) / gaps;
        break;
    }
    *value = (int64_t)wide;
    return wide >= INT64_MIN && wide <= INT64_MAX;
}

static void read_values(const void *owner, uint32_t field, uint32_t first, uint32_t count, int64_t now_ms,
                        int64_t *values, uint64_t *present) {
    const struct sh_rfm *rfm = owner;
    memset(present, 0, (count + 63) / 64 * sizeof *present);
    for (uint32_t i = 0; i < count; i++) {
        struct sh_rfm_line line;
        sh_rfm_line(rfm, first + i, now_ms, &line);
        if (read_value(&line, field, &values[i])) present[i / 64] |= 1ULL << i % 64;
    }
}

/* ---- The catalogue ---- */

static bool fill_labels(struct sh_dictionary *labels, const char *const *words, uint32_t count) {
    sh_dictionary_init(labels, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code;
        if (sh_dictionary_intern(labels, sh_text_of(words[i]), &code, NULL) != SH_OK) return false;
        sh_assert(code == i);
    }
    return true;
}

static void set_coded(struct sh_rfm *rfm, enum field field, const char *name, const struct sh_dictionary *labels) {
    rfm->fields[field] = (struct sh_derived_field){.name = sh_text_of(name),
                                                   .type = labels == NULL ? SH_TYPE_INT : SH_TYPE_ENUM,
                                                   .labels = labels,
                                                   .ranks = labels == NULL ? NULL : ranks,
                                                   .values = rfm->code_values[field],
                                                   .value_count = SH_RFM_CODE_COUNT};
}

static void set_valued(struct sh_rfm *rfm, enum field field, const char *name, enum sh_type type, uint32_t scale) {
    rfm->fields[field] = (struct sh_derived_field){.name = sh_text_of(name), .type = type, .scale = scale};
}

bool rfm_fields_init(struct sh_rfm *rfm) {
    rfm->derived =
        (struct sh_derived){.fields = rfm->fields, .owner = rfm, .read_codes = read_codes, .read_values = read_values};
    if (!fill_labels(&rfm->cell_labels, sh_rfm_cells, SH_RFM_CELL_COUNT)) return false;
    if (!fill_labels(&rfm->name_labels, sh_rfm_names, SH_RFM_NAME_COUNT)) return false;
    if (!fill_labels(&rfm->stage_labels, sh_rfm_stages, SH_RFM_STAGE_COUNT)) return false;
    set_coded(rfm, FIELD_R, "rfm.r", NULL);
    set_coded(rfm, FIELD_F, "rfm.f", NULL);
    set_coded(rfm, FIELD_M, "rfm.m", NULL);
    set_coded(rfm, FIELD_SCORE, "rfm.score", NULL);
    set_coded(rfm, FIELD_SEGMENT, "rfm.segment", &rfm->cell_labels);
    set_coded(rfm, FIELD_NAME, "rfm.name", &rfm->name_labels);
    rfm->fields[FIELD_LIFECYCLE] = (struct sh_derived_field){.name = sh_text_of("lifecycle"),
                                                             .type = SH_TYPE_ENUM,
                                                             .labels = &rfm->stage_labels,
                                                             .ranks = ranks,
                                                             .values = stage_values,
                                                             .value_count = 1 + SH_RFM_STAGE_COUNT};
    set_valued(rfm, FIELD_AMOUNT, "value.amount", SH_TYPE_DECIMAL, 0);
    set_valued(rfm, FIELD_COUNT, "value.count", SH_TYPE_INT, 0);
    set_valued(rfm, FIELD_AVERAGE, "value.average", SH_TYPE_DECIMAL, 0);
    set_valued(rfm, FIELD_FIRST, "value.first", SH_TYPE_TIME, 0);
    set_valued(rfm, FIELD_LAST, "value.last", SH_TYPE_TIME, 0);
    set_valued(rfm, FIELD_INTERVAL, "value.interval", SH_TYPE_DECIMAL, INTERVAL_SCALE);
    set_valued(rfm, FIELD_NEXT, "value.next", SH_TYPE_TIME, 0);
    return true;
}

void rfm_fields_deinit(struct sh_rfm *rfm) {
    sh_dictionary_deinit(&rfm->cell_labels);
    sh_dictionary_deinit(&rfm->name_labels);
    sh_dictionary_deinit(&rfm->stage_labels);
}
