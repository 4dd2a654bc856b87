/* feed_vector.h -- the user's vector of a request, and likeness of items by their vectors. */
#ifndef FEED_VECTOR_H
#define FEED_VECTOR_H

#include "feed_feature.h"

/* The row that the feature "vector" goes by; NULL: there is none. The feature is on, and has begun. */
const int16_t *vector_of_run(const struct feed_run *run);
/* The cosine of two items' vectors; 0 if one has none. */
double vector_likeness(const struct sh_feed_model *model, uint32_t item, uint32_t other);

#endif
