/* feed_narrow_state.h -- what narrowing keeps in a model: feed_narrow.h says what it is for. */
#ifndef FEED_NARROW_STATE_H
#define FEED_NARROW_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct feed_narrow {
    uint32_t capacity; /* of the arrays by item slot, whole blocks for the scratch; 0: nobody asked yet */
    uint8_t *norms;
    uint8_t *popularities;
    uint8_t *recencies;
    uint8_t *lengths;
    uint8_t *codes;
    int16_t *sums;   /* scratch: what an item has without its vector */
    int16_t *scores; /* scratch */
    int16_t *tops;   /* scratch: by group of 64 */
    uint32_t code_bytes;
    uint64_t centre_number;
    int32_t popularity_exponent;
    int32_t recency_exponent;
    double recency_top;   /* the highest of a listed item */
    uint8_t norm_least;   /* the least of a listed item */
    bool is_item_current; /* norms, recencies and what follows from them */
    bool is_popularity_current;
};

#endif
