#include "kafka_source.h"

#ifndef SHOAL_KAFKA

enum sh_status kafka_read(struct segment *segment, const struct kafka_options *options) {
    (void)options;
    (void)sh_fail(segment->err, SH_ERR_UNSUPPORTED, -1, "this build cannot read Kafka");
    return sh_fail_hint(segment->err, SH_ERR_UNSUPPORTED, "build it again with Debian's librdkafka-dev installed");
}

#else

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <string.h>

#include "bounds.h"
#include "hash.h"
#include "memory.h"

enum {
    KAFKA_PARTITION_COUNT_MAX = 1024,
    KAFKA_HELD_COUNT = 2 * STREAM_LINE_COUNT_MAX, /* a batch is whole in it */
    KAFKA_WAIT_MS = 100,
    KAFKA_METADATA_MS = 30000,
};

/* What was received of a partition, and is not sent. */
struct partition {
    int32_t number;
    char source[SH_NAME_BYTES_MAX + 1];
    rd_kafka_queue_t *queue;
    rd_kafka_message_t **held; /* KAFKA_HELD_COUNT */
    uint32_t held_count;
    uint64_t begin, resume_end; /* the batch to be sent again first; 0: there is none */
    bool is_at_end;
};

struct reader {
    struct segment *segment;
    const struct kafka_options *options;
    rd_kafka_t *kafka;
    struct partition *partitions;
    uint32_t partition_count;
};

/* --- connecting --- */

static enum sh_status set(struct reader *reader, rd_kafka_conf_t *conf, const char *name, const char *value) {
    char words[256];
    if (rd_kafka_conf_set(conf, name, value, words, sizeof words) == RD_KAFKA_CONF_OK) return SH_OK;
    return sh_fail(reader->segment->err, SH_ERR_ARGUMENT, -1, "Kafka: %s", words);
}

/* "name=value,name=value" */
static enum sh_status set_all(struct reader *reader, rd_kafka_conf_t *conf, const char *pairs) {
    enum sh_status status = SH_OK;
    while (pairs != NULL && *pairs != '\0' && status == SH_OK) {
        char pair[512];
        const size_t length = strcspn(pairs, ",");
        if (length >= sizeof pair)
            return sh_fail(reader->segment->err, SH_ERR_ARGUMENT, -1, "--config: a pair has at most %zu bytes",
                           sizeof pair - 1);
        memcpy(pair, pairs, length);
        pair[length] = '\0';
        char *equal = strchr(pair, '=');
        if (equal == NULL)
            return sh_fail(reader->segment->err, SH_ERR_ARGUMENT, -1, "--config: '%s' is no NAME=VALUE", pair);
        *equal = '\0';
        status = set(reader, conf, pair, equal + 1);
        pairs += length + (pairs[length] == ',');
    }
    return status;
}

static enum sh_status connect_to(struct reader *reader) {
    char words[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *const pairs[][2] = {
        {"bootstrap.servers", reader->options->brokers},
        {"group.id", reader->options->name}, /* needed for its interface; nothing is stored under it */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"}, /* what is gone is to be told, not passed over */
    };
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < sizeof pairs / sizeof *pairs && status == SH_OK; i++)
        status = set(reader, conf, pairs[i][0], pairs[i][1]);
    if (status == SH_OK) status = set_all(reader, conf, reader->options->config);
    if (status != SH_OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    reader->kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, words, sizeof words);
    if (reader->kafka != NULL) return SH_OK;
    rd_kafka_conf_destroy(conf);
    return sh_fail(reader->segment->err, SH_ERR_IO, -1, "Kafka: %s", words);
}

static void name_source(const struct kafka_options *options, struct partition *partition) {
    const int length = snprintf(partition->source, sizeof partition->source, "%s-%s-%d", options->name, options->topic,
                                partition->number);
    if (length < (int)sizeof partition->source) return;
    (void)snprintf(partition->source, sizeof partition->source, "%s-%016" PRIx64 "-%d", options->name,
                   sh_hash_text(sh_text_of(options->topic)), partition->number);
}

static enum sh_status find_partitions(struct reader *reader) {
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reader->kafka, reader->options->topic, NULL);
    const rd_kafka_resp_err_t error = rd_kafka_metadata(reader->kafka, 0, topic, &metadata, KAFKA_METADATA_MS);
    if (topic != NULL) rd_kafka_topic_destroy(topic);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return sh_fail(reader->segment->err, SH_ERR_IO, -1, "Kafka at %s: %s", reader->options->brokers,
                       rd_kafka_err2str(error));
    const struct rd_kafka_metadata_topic *found = metadata->topic_cnt > 0 ? &metadata->topics[0] : NULL;
    const int count = found != NULL && found->err == RD_KAFKA_RESP_ERR_NO_ERROR ? found->partition_cnt : 0;
    enum sh_status status = SH_OK;
    if (count < 1 || count > KAFKA_PARTITION_COUNT_MAX) {
        status = sh_fail(reader->segment->err, SH_ERR_NOT_FOUND, -1, "the topic %s has %d partitions: %s",
                         reader->options->topic, count, found == NULL ? "unknown" : rd_kafka_err2str(found->err));
    } else if ((reader->partitions = sh_alloc_zero((size_t)count * sizeof *reader->partitions)) == NULL) {
        status = sh_fail(reader->segment->err, SH_ERR_MEMORY, -1, "no memory for %d partitions", count);
    }
    for (int i = 0; i < count && status == SH_OK; i++) {
        struct partition *partition = &reader->partitions[reader->partition_count++];
        partition->number = found->partitions[i].id;
        partition->held = sh_alloc((size_t)KAFKA_HELD_COUNT * sizeof *partition->held);
        if (partition->held == NULL)
            status = sh_fail(reader->segment->err, SH_ERR_MEMORY, -1, "no memory for messages");
        name_source(reader->options, partition);
    }
    rd_kafka_metadata_destroy(metadata);
    return status;
}

/* Each partition from where the server says. */
static enum sh_status assign(struct reader *reader) {
    enum sh_status status = SH_OK;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)reader->partition_count);
    for (uint32_t i = 0; i < reader->partition_count && status == SH_OK; i++) {
        struct partition *partition = &reader->partitions[i];
        status = stream_resume(reader->segment->stream, partition->source, &partition->begin, &partition->resume_end);
        rd_kafka_topic_partition_list_add(list, reader->options->topic, partition->number)->offset =
            partition->resume_end == 0 || partition->begin == 0 ? RD_KAFKA_OFFSET_BEGINNING : (int64_t)partition->begin;
    }
    if (status == SH_OK) {
        const rd_kafka_resp_err_t error = rd_kafka_assign(reader->kafka, list);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
            status = sh_fail(reader->segment->err, SH_ERR_IO, -1, "Kafka: %s", rd_kafka_err2str(error));
    }
    rd_kafka_topic_partition_list_destroy(list);
    for (uint32_t i = 0; i < reader->partition_count && status == SH_OK; i++) {
        struct partition *partition = &reader->partitions[i];
        partition->queue = rd_kafka_queue_get_partition(reader->kafka, reader->options->topic, partition->number);
        if (partition->queue == NULL)
            return sh_fail(reader->segment->err, SH_ERR_MEMORY, -1, "Kafka: no queue for partition %d",
                           partition->number);
        rd_kafka_queue_forward(partition->queue, NULL);
    }
    return status;
}

/* --- batches --- */

static void drop_held(struct partition *partition, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        rd_kafka_message_destroy(partition->held[i]);
    partition->held_count -= count;
    memmove(partition->held, partition->held + count, partition->held_count * sizeof *partition->held);
}

/* The first `limit` held messages, or as many as a batch takes, as a batch that ends at `end` (0: behind its last). */
static enum sh_status send_held(struct reader *reader, struct partition *partition, uint32_t limit, uint64_t end) {
    struct segment *segment = reader->segment;
    struct stream *stream = segment->stream;
    uint32_t count = 0;
    enum sh_status status = SH_OK;
    stream_begin(stream);
    while (count < limit && !stream_is_full(stream) && status == SH_OK) {
        const rd_kafka_message_t *message = partition->held[count++];
        if (message->len == 0) continue; /* a tombstone */
        const struct sh_text line = {message->payload, (uint32_t)message->len};
        stream_add_line(stream, line, (uint64_t)message->offset);
        if (line.count > STREAM_LINE_BYTES_MAX)
            status = stream_reject(stream, partition->source, SH_TEXT_LITERAL("a message of more than 1 MiB"));
        else
            status = segment_take(segment, partition->source, line, (uint64_t)message->offset + 1);
    }
    if (status == SH_OK && count > 0)
        status =
            stream_send(stream, partition->source, end > 0 ? end : (uint64_t)partition->held[count - 1]->offset + 1);
    if (status == SH_OK && end > 0 && count < limit)
        return sh_fail(segment->err, SH_ERR_CONFLICT, -1,
                       "%s: the batch that ends at offset %" PRIu64 " is another now", partition->source, end);
    drop_held(partition, count);
    return status;
}

/* The batch that was under way is sent once all of it is here. */
static enum sh_status send_again(struct reader *reader, struct partition *partition) {
    uint32_t count = 0;
    while (count < partition->held_count && (uint64_t)partition->held[count]->offset < partition->resume_end)
        count++;
    const bool is_whole = count < partition->held_count ||
                          (count > 0 && (uint64_t)partition->held[count - 1]->offset + 1 == partition->resume_end);
    if (!is_whole) return SH_OK;
    const uint64_t end = partition->resume_end;
    partition->resume_end = 0;
    reader->segment->stream->repeated++;
    return count > 0 ? send_held(reader, partition, count, end) : SH_OK;
}

/* Take out what is no message: ends, and faults. */
static enum sh_status look_at(struct reader *reader, struct partition *partition, uint32_t from) {
    enum sh_status status = SH_OK;
    uint32_t kept = from;
    for (uint32_t i = from; i < partition->held_count; i++) {
        rd_kafka_message_t *message = partition->held[i];
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            partition->is_at_end = false;
            partition->held[kept++] = message;
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            partition->is_at_end = true;
        } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
            (void)sh_fail(reader->segment->err, SH_ERR_NOT_FOUND, -1,
                          "%s: Kafka does not have offset %" PRIu64 " any more", partition->source, partition->begin);
            status = sh_fail_hint(reader->segment->err, SH_ERR_NOT_FOUND,
                                  "what it has let go of is lost; --source NAME begins with what it has");
        } else if (!reader->segment->stream->is_quiet) {
            (void)fprintf(stderr, "shoal stream: Kafka: %s\n", rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    partition->held_count = kept;
    return status;
}

static enum sh_status take_partition(struct reader *reader, struct partition *partition, int wait_ms, bool *is_busy) {
    const uint32_t before = partition->held_count;
    if (before == KAFKA_HELD_COUNT)
        return sh_fail(reader->segment->err, SH_ERR_CONFLICT, -1,
                       "%s: there are more messages before offset %" PRIu64 " than were sent", partition->source,
                       partition->resume_end);
    const ssize_t count =
        rd_kafka_consume_batch_queue(partition->queue, wait_ms, partition->held + before, KAFKA_HELD_COUNT - before);
    if (count > 0) partition->held_count += (uint32_t)count;
    enum sh_status status = look_at(reader, partition, before);
    *is_busy = *is_busy || partition->held_count > before;
    if (status == SH_OK && partition->resume_end > 0) status = send_again(reader, partition);
    while (status == SH_OK && partition->resume_end == 0 && partition->held_count > 0 &&
           *reader->segment->stream->stop == 0)
        status = send_held(reader, partition, partition->held_count, 0);
    return status;
}

static enum sh_status read_all(struct reader *reader) {
    bool is_busy = true;
    while (*reader->segment->stream->stop == 0) {
        /* Nothing anywhere: wait at the first, so that an idle topic costs nothing. */
        int wait_ms = is_busy ? 0 : KAFKA_WAIT_MS;
        bool are_at_end = true;
        is_busy = false;
        (void)rd_kafka_poll(reader->kafka, 0);
        for (uint32_t i = 0; i < reader->partition_count; i++) {
            struct partition *partition = &reader->partitions[i];
            const enum sh_status status = take_partition(reader, partition, wait_ms, &is_busy);
            if (status != SH_OK) return status;
            are_at_end = are_at_end && partition->is_at_end && partition->held_count == 0;
            wait_ms = 0;
        }
        if (are_at_end && !reader->options->is_followed) return SH_OK;
    }
    return SH_OK;
}

enum sh_status kafka_read(struct segment *segment, const struct kafka_options *options) {
    struct reader reader = {.segment = segment, .options = options};
    enum sh_status status = connect_to(&reader);
    if (status == SH_OK) status = find_partitions(&reader);
    if (status == SH_OK) status = assign(&reader);
    if (status == SH_OK) status = read_all(&reader);
    for (uint32_t i = 0; i < reader.partition_count; i++) {
        drop_held(&reader.partitions[i], reader.partitions[i].held_count);
        sh_free(reader.partitions[i].held);
        if (reader.partitions[i].queue != NULL) rd_kafka_queue_destroy(reader.partitions[i].queue);
    }
    sh_free(reader.partitions);
    if (reader.kafka != NULL) {
        (void)rd_kafka_consumer_close(reader.kafka);
        rd_kafka_destroy(reader.kafka);
    }
    return status;
}

#endif
