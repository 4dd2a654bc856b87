/* rfm_count_values.h -- how often each of many values occurs: included by rfm_spread.c for values of four bytes and for
 * values of eight, as VALUE and NAMED say.
 */
/* Both arrays are used; which of them holds the sorted values is returned. */
static VALUE *NAMED(sort)(VALUE *values, VALUE *spare, size_t count, struct span span) {
    const uint64_t greatest = (uint64_t)span.most - (uint64_t)span.least;
    for (uint32_t shift = 0; shift < 64 && greatest >> shift > 0; shift += DIGIT_BITS) {
        size_t places[DIGIT_VALUES] = {0};
        size_t sum = 0;
        for (size_t i = 0; i < count; i++)
            places[((uint64_t)values[i] - (uint64_t)span.least) >> shift & (DIGIT_VALUES - 1)]++;
        for (uint32_t i = 0; i < DIGIT_VALUES; i++) {
            const size_t here = places[i];
            places[i] = sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++)
            spare[places[((uint64_t)values[i] - (uint64_t)span.least) >> shift & (DIGIT_VALUES - 1)]++] = values[i];
        VALUE *sorted = spare;
        spare = values;
        values = sorted;
    }
    return values;
}

static enum sh_status NAMED(count_sorted)(struct sh_rfm_tally *tally, const VALUE *sorted, size_t count) {
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        distinct += i == 0 || sorted[i] != sorted[i - 1];
    if (tally_make(tally, distinct) != SH_OK) return SH_ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1]) {
            tally->values[tally->count] = sorted[i];
            tally->counts[tally->count++] = 0;
        }
        tally->counts[tally->count - 1]++;
    }
    return SH_OK;
}

/* counters: COUNTER_SETS sets of one for each value of the span. */
static void NAMED(count_near)(const VALUE *values, size_t count, struct span span, uint32_t *counters) {
    const size_t span_count = (size_t)(span.most - span.least) + 1;
    for (size_t i = 0; i < count; i++)
        counters[i % COUNTER_SETS * span_count + (size_t)(values[i] - span.least)]++;
}

static enum sh_status NAMED(count_far)(struct sh_rfm_tally *tally, VALUE *values, size_t count, struct span span) {
    VALUE *spare = sh_alloc(count * sizeof *spare);
    if (spare == NULL) return SH_ERR_MEMORY;
    const enum sh_status status = NAMED(count_sorted)(tally, NAMED(sort)(values, spare, count, span), count);
    sh_free(spare);
    return status;
}
