/* command_stream.c -- shoal stream: messages of the Segment specification from files, or from Kafka, each once. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "command_fields.h"
#include "follow.h"
#include "kafka_source.h"
#include "load_follow.h"
#include "memory.h"
#include "segment.h"

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int number) {
    (void)number;
    stop_asked = 1;
}

/* A batch that is under way is ended first. A second signal ends the program at once. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static enum sh_status take(void *context, const char *path, struct sh_text line, uint64_t place) {
    return segment_take(context, path, line, place);
}

static enum sh_status run(struct segment *segment, const struct command_options *options, char **words,
                          uint32_t word_count) {
    const char *prefix = options->source != NULL ? options->source : "segment";
    if (options->kafka != NULL) {
        const struct kafka_options kafka = {.brokers = options->kafka,
                                            .topic = words[0],
                                            .name = prefix,
                                            .config = options->config,
                                            .is_followed = options->follow};
        return kafka_read(segment, &kafka);
    }
    const struct follow_sink sink = {.stream = segment->stream, .err = segment->err, .take = take, .context = segment};
    if (options->follow) return follow_live(&sink, prefix, words[0]);
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < word_count && status == SH_OK && stop_asked == 0; i++)
        status = follow_whole(&sink, prefix, words[i]);
    return status;
}

int run_stream(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (word_count > 1 && (options->follow || options->kafka != NULL)) {
        (void)fputs("shoal stream: one file is followed, or one topic read, at a time\n", stderr);
        return 2;
    }
    if (options->source != NULL && strlen(options->source) > 40) {
        (void)fputs("shoal stream: the name of a source has at most 40 bytes\n", stderr);
        return 2;
    }
    catch_signals();
    /* Who follows outlives its server, also when that is not there yet. */
    while (!session_connect(session)) {
        if (!options->follow || stop_asked != 0) return 1;
        (void)sleep(1);
    }
    fields_forget(session);
    struct sh_error err = {.hint = ""};
    struct stream *stream = sh_alloc_zero(sizeof *stream);
    struct segment *segment = sh_alloc_zero(sizeof *segment);
    enum sh_status status = SH_ERR_MEMORY;
    if (stream != NULL && segment != NULL) {
        status = stream_init(stream, session->client, options->rejects != NULL ? options->rejects : "rejects.csv",
                             &stop_asked, &err);
        stream->is_quiet = options->quiet;
        if (status == SH_OK) status = segment_init(segment, stream, options->zone, &err);
        if (status == SH_OK) status = run(segment, options, words, word_count);
        if (status == SH_ERR_CLOSED && stop_asked != 0) status = SH_OK;
        if (!load_rejects_close(&stream->rejects) && status == SH_OK)
            status = sh_fail(&err, SH_ERR_IO, -1, "%s: %s", stream->rejects.path, strerror(errno));
        stream_print_summary(stream, stdout);
        if (segment->misfits > 0)
            (void)printf("left out     %llu values that do not fit their type\n", (unsigned long long)segment->misfits);
        segment_deinit(segment);
        stream_deinit(stream);
    }
    if (status != SH_OK)
        (void)fprintf(stderr, "shoal stream: %s%s%s\n", err.message, err.hint[0] == '\0' ? "" : "; ", err.hint);
    sh_free(segment);
    sh_free(stream);
    return status == SH_OK ? 0 : 1;
}

int run_load_follow(struct session *session, const struct command_options *options, const struct load_options *load) {
    struct sh_error err = {.hint = ""};
    struct stream *stream;
    enum sh_status status = SH_ERR_MEMORY;
    if (options->source != NULL && strlen(options->source) > 40) {
        (void)fputs("shoal load: the name of a source has at most 40 bytes\n", stderr);
        return 2;
    }
    catch_signals();
    while (!session_connect(session)) { /* as run_stream */
        if (stop_asked != 0) return 1;
        (void)sleep(1);
    }
    if ((stream = sh_alloc_zero(sizeof *stream)) != NULL) {
        status = stream_init(stream, session->client, load->rejects_path, &stop_asked, &err);
        stream->is_quiet = load->quiet;
        stream->unit = "lines";
        if (status == SH_OK) status = load_follow(stream, load, options->source != NULL ? options->source : "load");
        if (status == SH_ERR_CLOSED && stop_asked != 0) status = SH_OK;
        if (!load_rejects_close(&stream->rejects) && status == SH_OK)
            status = sh_fail(&err, SH_ERR_IO, -1, "%s: %s", stream->rejects.path, strerror(errno));
        stream_print_summary(stream, stdout);
        stream_deinit(stream);
    }
    if (status != SH_OK)
        (void)fprintf(stderr, "shoal load: %s%s%s\n", err.message, err.hint[0] == '\0' ? "" : "; ", err.hint);
    sh_free(stream);
    return status == SH_OK ? 0 : 1;
}
