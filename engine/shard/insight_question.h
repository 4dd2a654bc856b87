/* insight_question.h -- audience.insight between its files: what each dimension of the request is.
 *
 *   methods_insight.c   reads the request, runs it, packs the part: counts with texts instead of codes
 *   insight_read.c      its dimensions
 *   insight_merge.c     parts of all shards -> shares, indexes, top values, the answer
 *   insight_numbers.c   numbers among them: sums, percentiles, histograms
 *
 * A dimension's part is a map; `kind` says which. The lists are flat: a value and its counts, again and again.
 *
 *   values        {of, top, by_index, missing?, list: [value, users, base ...]}
 *   event_values  {of, events, top, missing, count, actors, list: [value, users, events ...]}
 *   numbers       {of, events?, type, scale, is_date, missing, actors?, high, low (the sum's halves), percents, bins,
 *                  list: [number - the one before, how many ...]}
 *   days          {events, count, actors, from?, until?, list: [day, users, events ...]}
 *   cross         {of, with, top, list: [value, value, users ...]}
 */
#ifndef SH_INSIGHT_QUESTION_H
#define SH_INSIGHT_QUESTION_H

#include "insight.h"
#include "part_answer.h"

enum {
    SH_INSIGHT_TOP_DEFAULT = 20,
    SH_INSIGHT_CROSS_TOP_DEFAULT = 10,
    SH_INSIGHT_CROSS_TOP_MAX = 100, /* rows, and columns */
    SH_INSIGHT_BINS_DEFAULT = 10,
    SH_INSIGHT_BINS_MAX = 1000,
    SH_INSIGHT_PERCENTILE_COUNT_MAX = 101,
    SH_PERCENT_PARTS = 1000, /* percentiles are exact to a thousandth of a percent */
};

struct sh_dimension {
    struct sh_text of; /* texts lie in the params */
    struct sh_text with;
    struct sh_text events;
    uint32_t top;
    bool by_index;
    uint32_t bins;
    uint32_t percents[SH_INSIGHT_PERCENTILE_COUNT_MAX]; /* in thousandths of a percent, as asked */
    uint32_t percent_count;
    enum sh_type type;
    uint32_t scale;
    bool is_date;
};

struct sh_insight_question {
    struct sh_plan *base; /* NULL: everybody */
    uint32_t dimension_count;
    struct sh_dimension *dimensions;
    struct sh_look_spec *looks;
    struct sh_insight *insight;
};

/* insight_read.c: `dimensions` of the request. SH_ERR_NAME with the nearest, SH_ERR_TYPE, SH_ERR_ARGUMENT. */
SH_MUST_CHECK enum sh_status sh_dimensions_read(struct sh_job *job, const struct sh_param *param,
                                                struct sh_insight_question *question, struct sh_error *err);
/* insight_merge.c; insight_numbers.c: the map of one dimension of numbers. */
SH_MUST_CHECK enum sh_status sh_insight_merge(const struct sh_request *request, const struct sh_answer_map *maps,
                                              uint32_t part_count, struct sh_buffer *merged, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_numbers_merge(const struct sh_answer_map *maps, uint32_t part_count,
                                              struct sh_buffer *merged, struct sh_error *err);

#endif
