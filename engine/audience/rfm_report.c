#include "rfm_report.h"

#include "decimal.h"

/* ---- Sums ---- */

void sh_rfm_report_begin(struct sh_rfm_report *report, const struct sh_rfm *rfm) {
    const struct sh_rfm_config *config = sh_rfm_config(rfm);
    *report = (struct sh_rfm_report){.r_scores = config->scores[SH_RFM_R], .f_scores = config->scores[SH_RFM_F]};
    const struct sh_derived *derived = sh_rfm_derived(rfm);
    report->scale = derived->fields[sh_derived_find(derived, SH_TEXT_LITERAL("value.amount"))].scale;
}

static void add_to(struct sh_rfm_report *report, uint32_t place, __int128 amount) {
    report->sums[place].users++;
    report->sums[place].amount += amount;
}

static void add_user(struct sh_rfm_report *report, const struct sh_rfm *rfm, uint32_t slot, int64_t now_ms) {
    struct sh_rfm_line line;
    sh_rfm_line(rfm, slot, now_ms, &line);
    if (line.count_ever == 0) return;
    const int32_t stage = sh_rfm_stage(rfm, &line, now_ms);
    const uint32_t code = sh_rfm_code(rfm, slot, now_ms);
    add_to(report, SH_RFM_SUM_EVER, line.amount_ever);
    add_to(report, SH_RFM_SUM_STAGES + (uint32_t)stage, line.amount_ever);
    report->repeat += line.count_ever >= 2;
    report->events += line.count_ever;
    if (code == 0) return;
    const uint32_t r = sh_rfm_code_score(code, SH_RFM_R);
    const uint32_t f = sh_rfm_code_score(code, SH_RFM_F);
    report->scored++;
    add_to(report, SH_RFM_SUM_GRID + SH_RFM_SCORE_MAX * (r - 1) + f - 1, line.amount);
    add_to(report, SH_RFM_SUM_CELLS + sh_rfm_code_cell(rfm, code), line.amount);
    add_to(report, SH_RFM_SUM_NAMES + sh_rfm_code_name(rfm, code), line.amount);
}

void sh_rfm_report_add_block(struct sh_rfm_report *report, const struct sh_rfm *rfm, uint32_t block,
                             const uint64_t *words, int64_t now_ms) {
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w++) {
        for (uint64_t rest = words[w]; rest != 0; rest &= rest - 1) {
            report->count++;
            add_user(report, rfm, block * SH_BLOCK_SLOTS + w * 64 + (uint32_t)__builtin_ctzll(rest), now_ms);
        }
    }
}

void sh_rfm_report_add(struct sh_rfm_report *sum, const struct sh_rfm_report *other) {
    sum->count += other->count;
    sum->scored += other->scored;
    sum->repeat += other->repeat;
    sum->events += other->events;
    for (uint32_t i = 0; i < SH_RFM_SUM_COUNT; i++) {
        sum->sums[i].users += other->sums[i].users;
        sum->sums[i].amount += other->sums[i].amount;
    }
}

/* ---- Parts ---- */

enum { HEAD_COUNT = 7, SUM_INTS = 3 };

void sh_rfm_report_pack_part(const struct sh_rfm_report *report, msgpack_packer *packer) {
    (void)msgpack_pack_array(packer, HEAD_COUNT + SUM_INTS * SH_RFM_SUM_COUNT);
    const uint64_t head[HEAD_COUNT] = {report->r_scores, report->f_scores, report->scale, report->count,
                                       report->scored,   report->repeat,   report->events};
    for (uint32_t i = 0; i < HEAD_COUNT; i++)
        (void)msgpack_pack_uint64(packer, head[i]);
    for (uint32_t i = 0; i < SH_RFM_SUM_COUNT; i++) {
        (void)msgpack_pack_uint64(packer, report->sums[i].users);
        (void)msgpack_pack_int64(packer, (int64_t)(report->sums[i].amount >> 62));
        (void)msgpack_pack_int64(packer, (int64_t)(report->sums[i].amount & (((__int128)1 << 62) - 1)));
    }
}

enum sh_status sh_rfm_report_read_part(struct sh_cursor *cursor, struct sh_rfm_report *report, struct sh_error *err) {
    uint32_t count;
    int64_t ints[HEAD_COUNT + SUM_INTS * SH_RFM_SUM_COUNT];
    enum sh_status status = sh_cursor_array(cursor, &count, "a part of audience.rfm", err);
    if (status != SH_OK) return status;
    if (count != sizeof ints / sizeof ints[0])
        return sh_fail(err, SH_ERR_PROTOCOL, -1, "a part of audience.rfm has %zu ints", sizeof ints / sizeof ints[0]);
    for (uint32_t i = 0; i < count; i++)
        if ((status = sh_cursor_integer(cursor, INT64_MIN, INT64_MAX, &ints[i], "a sum", err)) != SH_OK) return status;
    *report = (struct sh_rfm_report){.r_scores = (uint32_t)ints[0],
                                     .f_scores = (uint32_t)ints[1],
                                     .scale = (uint32_t)ints[2],
                                     .count = (uint64_t)ints[3],
                                     .scored = (uint64_t)ints[4],
                                     .repeat = (uint64_t)ints[5],
                                     .events = (uint64_t)ints[6]};
    for (uint32_t i = 0; i < SH_RFM_SUM_COUNT; i++) {
        const int64_t *sum = ints + HEAD_COUNT + SUM_INTS * i;
        report->sums[i] = (struct sh_rfm_sum){(uint64_t)sum[0], (__int128)sum[1] * ((__int128)1 << 62) + sum[2]};
    }
    return SH_OK;
}

/* ---- The answer ---- */

static void pack_number(msgpack_packer *packer, const char *name, uint64_t number) {
    sh_pack_literal(packer, name);
    (void)msgpack_pack_uint64(packer, number);
}

static void pack_buffer(msgpack_packer *packer, const char *name, struct sh_buffer *text) {
    sh_pack_literal(packer, name);
    sh_pack_text(packer, (struct sh_text){(const char *)text->bytes, (uint32_t)text->count});
    if (text->failed) ((struct sh_buffer *)packer->data)->failed = true;
    sh_buffer_deinit(text);
}

static void pack_amount(msgpack_packer *packer, const struct sh_rfm_report *report, __int128 amount) {
    struct sh_buffer text;
    sh_buffer_init(&text, 256);
    sh_decimal_print(&text, amount, report->scale);
    pack_buffer(packer, "amount", &text);
}

static void pack_ratio(msgpack_packer *packer, const char *name, __int128 sum, uint64_t count, uint32_t scale) {
    struct sh_buffer text;
    if (count == 0) {
        sh_pack_literal(packer, name);
        (void)msgpack_pack_nil(packer);
        return;
    }
    sh_buffer_init(&text, 256);
    sh_decimal_print_ratio(&text, sum, count, scale);
    pack_buffer(packer, name, &text);
}

static void pack_sum(const struct sh_rfm_report *report, uint32_t place, msgpack_packer *packer) {
    pack_number(packer, "users", report->sums[place].users);
    pack_amount(packer, report, report->sums[place].amount);
}

/* From the best to the worst. */
static void pack_labelled(const struct sh_rfm_report *report, const char *list, const char *word,
                          const char *const *labels, uint32_t count, uint32_t place, msgpack_packer *packer) {
    sh_pack_literal(packer, list);
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = count; i > 0; i--) {
        (void)msgpack_pack_map(packer, 3);
        sh_pack_literal(packer, word);
        sh_pack_literal(packer, labels[i - 1]);
        pack_sum(report, place + i - 1, packer);
    }
}

static void pack_grid(const struct sh_rfm_report *report, msgpack_packer *packer) {
    sh_pack_literal(packer, "grid");
    (void)msgpack_pack_array(packer, (size_t)report->r_scores * report->f_scores);
    for (uint32_t r = report->r_scores; r > 0; r--) {
        for (uint32_t f = 1; f <= report->f_scores; f++) {
            (void)msgpack_pack_map(packer, 4);
            pack_number(packer, "r", r);
            pack_number(packer, "f", f);
            pack_sum(report, SH_RFM_SUM_GRID + SH_RFM_SCORE_MAX * (r - 1) + f - 1, packer);
        }
    }
}

void sh_rfm_report_pack(const struct sh_rfm_report *report, msgpack_packer *packer) {
    const struct sh_rfm_sum *ever = &report->sums[SH_RFM_SUM_EVER];
    pack_number(packer, "count", report->count);
    pack_number(packer, "scored", report->scored);
    pack_grid(report, packer);
    pack_labelled(report, "cells", "segment", sh_rfm_cells, SH_RFM_CELL_COUNT, SH_RFM_SUM_CELLS, packer);
    pack_labelled(report, "names", "name", sh_rfm_names, SH_RFM_NAME_COUNT, SH_RFM_SUM_NAMES, packer);
    pack_labelled(report, "lifecycle", "stage", sh_rfm_stages, SH_RFM_STAGE_COUNT, SH_RFM_SUM_STAGES, packer);
    sh_pack_literal(packer, "value");
    (void)msgpack_pack_map(packer, 6);
    pack_number(packer, "users", ever->users);
    pack_number(packer, "repeat", report->repeat);
    pack_ratio(packer, "repeat_percent", (__int128)report->repeat * 100, ever->users, 0);
    pack_number(packer, "count", report->events);
    pack_amount(packer, report, ever->amount);
    pack_ratio(packer, "average", ever->amount, report->events, report->scale);
}
