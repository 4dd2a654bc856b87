/* kafka_mock.c -- librdkafka's mock cluster as a program: kafka_mock TOPIC PARTITIONS
 *
 * Prints its brokers' addresses. Then each line of standard input, "PARTITION TEXT", is produced; an empty line is answered
 * with "done" once all before it are in the topic. Ends with its input.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES_MAX = 1 << 20, FLUSH_MS = 30000 };

static void die(const char *words) {
    (void)fprintf(stderr, "kafka_mock: %s\n", words);
    exit(1);
}

static void on_delivery(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *context) {
    (void)kafka;
    (void)context;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) die(rd_kafka_err2str(message->err));
}

int main(int count, char **words) {
    static char line[LINE_BYTES_MAX];
    char reason[256];
    if (count != 3) die("usage: kafka_mock TOPIC PARTITIONS");
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (kafka == NULL) die(reason);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(kafka, 2);
    if (cluster == NULL || rd_kafka_mock_topic_create(cluster, words[1], atoi(words[2]), 1) != 0) die("no cluster");
    const char *brokers = rd_kafka_mock_cluster_bootstraps(cluster);
    rd_kafka_conf_t *producer_conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(producer_conf, on_delivery);
    (void)rd_kafka_conf_set(producer_conf, "bootstrap.servers", brokers, NULL, 0);
    (void)rd_kafka_conf_set(producer_conf, "linger.ms", "5", NULL, 0);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, producer_conf, reason, sizeof reason);
    if (producer == NULL) die(reason);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, words[1], NULL);
    if (topic == NULL) die("no topic");
    (void)printf("%s\n", brokers);
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0') {
            if (rd_kafka_flush(producer, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) die("not produced in time");
            (void)puts("done");
            (void)fflush(stdout);
            continue;
        }
        char *text;
        const long partition = strtol(line, &text, 10);
        rd_kafka_resp_err_t error;
        do {
            const int result = rd_kafka_produce(topic, (int32_t)partition, RD_KAFKA_MSG_F_COPY, text + 1,
                                                strlen(text + 1), NULL, 0, NULL);
            error = result == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_last_error();
            (void)rd_kafka_poll(producer, error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 50 : 0);
        } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) die(rd_kafka_err2str(error));
    }
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(kafka);
    return 0;
}
