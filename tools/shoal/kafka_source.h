/* kafka_source.h -- messages of a Kafka topic into a stream, each once.
 *
 *   partition 0   ...1041 1042|1043 1044            client NAME-TOPIC-0: the number of the last write is 4 * 1043 + ...
 *   partition 1   ...  77   78|                     client NAME-TOPIC-1
 *
 * The place in a partition is the offset behind a message. What the server remembers under the partition's name says
 * where to go on; Kafka's own group offsets are not used, so nothing can be told to Kafka that the server has not done,
 * nor the other way round. Partitions are read side by side, one batch of one partition at a time.
 */
#ifndef SHOAL_KAFKA_SOURCE_H
#define SHOAL_KAFKA_SOURCE_H

#include "segment.h"

struct kafka_options {
    const char *brokers;
    const char *topic;
    const char *name;   /* of the source */
    const char *config; /* "name=value,name=value" for librdkafka, or NULL */
    bool is_followed;   /* false: end when all partitions are read to their ends */
};

/* Until the ends, or until *stream->stop. SH_ERR_UNSUPPORTED in a build without librdkafka. */
SH_MUST_CHECK enum sh_status kafka_read(struct segment *segment, const struct kafka_options *options);

#endif
