/* score_archive.c -- scoring plans as a section of an archive.
 *
 *   section scores 1
 *     u32 count, then for each, names ascending
 *       name, note, u32 digits, i64 changed_ms, u32 count of parts, then for each
 *         text, u8 is_weight, i64 amount, u8 has_cap, i64 cap
 *
 * Nothing is kept a user, so there is no more. What a text means is seen when it is read, as ever.
 */
#include "memory.h"
#include "query_lexer.h"
#include "score_private.h"

enum { SCORES_VERSION = 1, PART_BYTES_MIN = 4 + 1 + 8 + 1 + 8, SCORE_BYTES_MIN = 4 + 4 + 4 + 8 + 4 };

void sh_scores_save(const struct sh_scores *scores, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "scores", SCORES_VERSION);
    sh_archive_put_u32(writer, scores->count);
    for (uint32_t i = 0; i < scores->count; i++) {
        const struct sh_score *score = scores->list[i];
        sh_archive_put_text(writer, score->name);
        sh_archive_put_text(writer, score->note);
        sh_archive_put_u32(writer, score->digits);
        sh_archive_put_i64(writer, score->changed_ms);
        sh_archive_put_u32(writer, score->part_count);
        for (uint32_t p = 0; p < score->part_count; p++) {
            const struct sh_score_part *part = &score->parts[p];
            sh_archive_put_text(writer, part->text);
            sh_archive_put_u8(writer, part->is_weight);
            sh_archive_put_i64(writer, part->amount);
            sh_archive_put_u8(writer, part->has_cap);
            sh_archive_put_i64(writer, part->cap);
        }
    }
    sh_archive_end(writer);
}

static void load_parts(struct sh_score *score, struct sh_archive_reader *reader) {
    const uint32_t count = sh_archive_get_count(reader, SH_SCORE_PART_COUNT_MAX, PART_BYTES_MIN, "parts of a score");
    score->parts = sh_alloc_zero(((size_t)count + 1) * sizeof *score->parts);
    if (score->parts == NULL) {
        (void)sh_archive_refuse_memory(reader);
        return;
    }
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++) {
        struct sh_score_part *part = &score->parts[score->part_count++];
        part->text = sh_archive_get_text(reader, SH_EXPRESSION_BYTES_MAX, "a part of a score");
        part->is_weight = sh_archive_get_bool(reader);
        part->amount = sh_archive_get_i64(reader);
        part->has_cap = sh_archive_get_bool(reader);
        part->cap = sh_archive_get_i64(reader);
        if (part->cap < 0) (void)sh_archive_refuse(reader, "the cap of a score is below 0");
    }
}

static void load_score(struct sh_scores *scores, struct sh_archive_reader *reader) {
    struct sh_score *score = sh_alloc_zero(sizeof *score);
    if (score == NULL || sh_grow((void **)&scores->list, &scores->capacity, (uint64_t)scores->count + 1,
                                 sizeof(struct sh_score *)) != SH_OK) {
        sh_free(score);
        (void)sh_archive_refuse_memory(reader);
        return;
    }
    const struct sh_score *before = scores->count == 0 ? NULL : scores->list[scores->count - 1];
    scores->list[scores->count++] = score; /* destroyed with the others, whatever fails */
    const struct sh_text name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of a score");
    const bool is_named = sh_archive_failed(reader) || score_set_name(score, name);
    if (!is_named) (void)sh_archive_refuse_memory(reader);
    if (!sh_archive_failed(reader) && (!sh_text_is_utf8(name) || !sh_name_is_bare(name) ||
                                       (before != NULL && sh_text_compare(before->name, name) >= 0)))
        (void)sh_archive_refuse(reader, "the names of scores are not in order");
    sh_free((char *)(uintptr_t)name.bytes);
    score->note = sh_archive_get_text(reader, SH_NOTE_BYTES_MAX, "the note of a score");
    score->digits = sh_archive_get_u32(reader);
    score->changed_ms = sh_archive_get_i64(reader);
    if (score->digits > SH_SCORE_DIGITS_MAX) (void)sh_archive_refuse(reader, "a score has too many digits");
    if (!sh_archive_failed(reader)) load_parts(score, reader);
}

enum sh_status sh_scores_load(struct sh_scores *scores, struct sh_archive_reader *reader) {
    sh_assert(scores->count == 0);
    if (sh_archive_enter(reader, "scores", SCORES_VERSION) == 0) return reader->error.status;
    const uint32_t count = sh_archive_get_count(reader, SH_SCORE_COUNT_MAX, SCORE_BYTES_MIN, "scores");
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++)
        load_score(scores, reader);
    sh_archive_leave(reader);
    if (!sh_archive_failed(reader)) sh_scores_relist(scores);
    return reader->error.status;
}
