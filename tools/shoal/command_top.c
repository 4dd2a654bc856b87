/* command_top.c -- top: what a server is doing, anew every second.
 *
 * On a terminal it draws over itself until q or Ctrl-C, and leaves the screen as it was; elsewhere it prints one frame
 * behind another. --once prints one, of all that was since the server's start, and ends.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "top_sample.h"

enum { INTERVAL_S_DEFAULT = 1, INTERVAL_S_MAX = 3600, HEAD_LINES = 8, ROWS_DEFAULT = 200 };

/* ---- numbers for people ---- */

/* Digits up to 9999; then 12.3k, 4.5M. */
static void print_count(char cell[32], double count) {
    static const char units[] = " kMGT";
    uint32_t unit = 0;
    while (count >= 9999.5 && unit < 4) {
        count /= 1000;
        unit++;
    }
    if (unit > 0)
        (void)snprintf(cell, 32, "%.1f%c", count, units[unit]);
    else
        (void)snprintf(cell, 32, count < 10 && count > 0 && count != (double)(int)count ? "%.1f" : "%.0f", count);
}

static void print_bytes(char cell[32], double bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    uint32_t unit = 0;
    while (bytes >= 1000 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    (void)snprintf(cell, 32, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static void print_time(char cell[32], double us) {
    if (us < 999.5)
        (void)snprintf(cell, 32, us < 9.95 ? "%.1f us" : "%.0f us", us);
    else if (us < 999500)
        (void)snprintf(cell, 32, us < 99500 ? "%.1f ms" : "%.0f ms", us / 1000);
    else
        (void)snprintf(cell, 32, "%.1f s", us / 1e6);
}

static void print_uptime(char cell[32], uint64_t ms) {
    const uint64_t minutes = ms / 60000;
    if (minutes < 60)
        (void)snprintf(cell, 32, "%" PRIu64 " min %" PRIu64 " s", minutes, ms / 1000 % 60);
    else if (minutes < 48 * 60)
        (void)snprintf(cell, 32, "%" PRIu64 " h %" PRIu64 " min", minutes / 60, minutes % 60);
    else
        (void)snprintf(cell, 32, "%" PRIu64 " days", minutes / 1440);
}

/* ---- one frame ---- */

struct frame {
    const struct top_sample *sample; /* a difference */
    uint64_t uptime_ms;              /* of the server */
    double seconds;                  /* that the difference is of */
    FILE *out;
};

static double rate(const struct frame *frame, uint64_t count) {
    return frame->seconds > 0 ? (double)count / frame->seconds : 0;
}

static void draw_head(const struct frame *frame) {
    const struct top_sample *sample = frame->sample;
    char cells[10][32];
    uint64_t requests = 0;
    uint64_t errors = 0;
    for (uint32_t i = 0; i < sample->method_count; i++) {
        requests += sample->methods[i].request_count;
        errors += sample->methods[i].error_count;
    }
    print_uptime(cells[0], frame->uptime_ms);
    print_bytes(cells[1], (double)sample->numbers[TOP_MEMORY_BYTES]);
    print_count(cells[2], (double)sample->numbers[TOP_USERS]);
    print_count(cells[3], (double)sample->numbers[TOP_EVENTS]);
    (void)fprintf(frame->out, "shoald %s on %s, up %s   %u %s   %s users, %s events, %s\n", sample->version, sample->io,
                  cells[0], sample->loop_count, sample->loop_count == 1 ? "shard" : "shards", cells[2], cells[3],
                  cells[1]);
    print_count(cells[0], rate(frame, requests));
    print_count(cells[1], rate(frame, errors));
    print_bytes(cells[2], rate(frame, sample->numbers[TOP_RECEIVED_BYTES]));
    print_bytes(cells[3], rate(frame, sample->numbers[TOP_SENT_BYTES]));
    print_bytes(cells[4], rate(frame, sample->numbers[TOP_LOG_BYTES]));
    print_count(cells[5], rate(frame, sample->numbers[TOP_LOG_COMMITS]));
    (void)fprintf(frame->out, "%s requests/s, %s errors/s   in %s/s, out %s/s   log %s/s, %s commits/s\n", cells[0],
                  cells[1], cells[2], cells[3], cells[4], cells[5]);
    (void)fprintf(frame->out,
                  "%" PRIu64 " connections, %" PRIu64 " in flight, %" PRIu64 " questions run and %" PRIu64
                  " wait   %" PRIu64 " slow, %" PRIu64 " evicted, %" PRIu64 " denied\n\n",
                  sample->numbers[TOP_CONNECTIONS], sample->numbers[TOP_IN_FLIGHT], sample->numbers[TOP_JOBS],
                  sample->numbers[TOP_JOBS_WAITING], sample->numbers[TOP_SLOW], sample->numbers[TOP_EVICTED],
                  sample->numbers[TOP_DENIED]);
}

/* Turns that found something to do at once, of all. */
static double busy_share(const uint64_t numbers[TOP_NUMBER_COUNT]) {
    const uint64_t turns = numbers[TOP_TURNS];
    const uint64_t sleeps = numbers[TOP_SLEEPS] < turns ? numbers[TOP_SLEEPS] : turns;
    return turns == 0 ? 0 : (double)(turns - sleeps) / (double)turns;
}

static void draw_loops(const struct frame *frame, uint32_t row_count_max) {
    (void)fprintf(frame->out, "%5s %9s %7s %9s %5s %5s %9s %8s %8s %10s %10s\n", "SHARD", "TURNS/S", "AWAKE",
                  "IN FLIGHT", "JOBS", "WAIT", "LETTERS/S", "USERS", "EVENTS", "MEMORY", "UNSENT");
    for (uint32_t i = 0; i < frame->sample->loop_count && i < row_count_max; i++) {
        const uint64_t *numbers = frame->sample->loops[i];
        char cells[6][32];
        print_count(cells[0], rate(frame, numbers[TOP_TURNS]));
        print_count(cells[1], rate(frame, numbers[TOP_LETTERS]));
        print_count(cells[2], (double)numbers[TOP_USERS]);
        print_count(cells[3], (double)numbers[TOP_EVENTS]);
        print_bytes(cells[4], (double)numbers[TOP_MEMORY_BYTES]);
        print_bytes(cells[5], (double)numbers[TOP_UNSENT_BYTES]);
        (void)fprintf(frame->out, "%5u %9s %5.0f %% %9" PRIu64 " %5" PRIu64 " %5" PRIu64 " %9s %8s %8s %10s %10s\n", i,
                      cells[0], busy_share(numbers) * 100, numbers[TOP_IN_FLIGHT], numbers[TOP_JOBS],
                      numbers[TOP_JOBS_WAITING] + numbers[TOP_LOG_WAITING], cells[1], cells[2], cells[3], cells[4],
                      cells[5]);
    }
    (void)fputc('\n', frame->out);
}

static void draw_methods(const struct frame *frame, uint32_t row_count_max) {
    double busy_us = 0;
    for (uint32_t i = 0; i < frame->sample->method_count; i++)
        busy_us += frame->sample->methods[i].busy_us;
    (void)fprintf(frame->out, "%-20s %9s %8s %9s %9s %9s %9s %8s\n", "METHOD", "REQ/S", "ERR/S", "P50", "P99", "P99.9",
                  "LONGEST", "OF TIME");
    for (uint32_t i = 0; i < frame->sample->method_count && i < row_count_max; i++) {
        const struct top_method *method = &frame->sample->methods[i];
        char cells[6][32];
        print_count(cells[0], rate(frame, method->request_count));
        print_count(cells[1], rate(frame, method->error_count));
        print_time(cells[2], top_percentile_us(method, 0.5));
        print_time(cells[3], top_percentile_us(method, 0.99));
        print_time(cells[4], top_percentile_us(method, 0.999));
        print_time(cells[5], method->us_max);
        (void)fprintf(frame->out, "%-20s %9s %8s %9s %9s %9s %9s %6.1f %%\n", method->name, cells[0], cells[1],
                      cells[2], cells[3], cells[4], cells[5], busy_us > 0 ? method->busy_us / busy_us * 100 : 0);
    }
    if (frame->sample->method_count == 0) (void)fputs("nothing was asked\n", frame->out);
}

static void draw(const struct frame *frame, uint32_t row_count_max) {
    draw_head(frame);
    draw_loops(frame, row_count_max);
    const uint32_t used = HEAD_LINES + frame->sample->loop_count;
    draw_methods(frame, row_count_max > used ? row_count_max - used : 3);
}

/* ---- asking ---- */

static bool ask(struct session *session, struct top_sample *sample, struct shoal_client_answer *answer) {
    static const char *const sections[] = {"server", "latencies", "loops"};
    struct shoal_client_writer *params = new_params(1);
    shoal_client_write_literal(params, "sections");
    shoal_client_write_array(params, 3);
    for (uint32_t i = 0; i < 3; i++)
        shoal_client_write_literal(params, sections[i]);
    const bool is_told = session_call(session, "stats", params, NULL, answer);
    shoal_client_writer_destroy(params);
    if (!is_told) return false;
    if (top_sample_read(sample, answer->result)) return true;
    (void)fputs("shoal top: the server tells this token nothing of itself; that takes one for all workspaces, with the "
                "role metrics or admin\n",
                stderr);
    return false;
}

static int run_once(struct session *session) {
    struct top_sample *sample = top_sample_create();
    struct shoal_client_answer answer;
    int status = 1;
    if (sample != NULL && ask(session, sample, &answer)) {
        status = 0;
        if (session->format == OUTPUT_JSON) {
            status = print_document(answer.result);
        } else {
            const uint64_t uptime_ms = sample->uptime_ms;
            top_sample_since(sample, NULL);
            const struct frame frame = {sample, uptime_ms, (double)uptime_ms / 1000, stdout};
            draw(&frame, ROWS_DEFAULT);
        }
    }
    top_sample_destroy(sample);
    return status;
}

/* ---- the terminal ---- */

static volatile sig_atomic_t is_over;

static void on_signal(int number) {
    (void)number;
    is_over = 1;
}

struct screen {
    bool is_terminal;
    bool has_keys;
    struct termios before;
};

static void screen_open(struct screen *screen) {
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    screen->is_terminal = isatty(STDOUT_FILENO) == 1;
    screen->has_keys =
        screen->is_terminal && isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &screen->before) == 0;
    if (screen->has_keys) {
        struct termios now = screen->before;
        now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &now);
    }
    if (screen->is_terminal) (void)fputs("\033[?1049h\033[?25l", stdout); /* another screen, no cursor */
}

static void screen_close(const struct screen *screen) {
    if (screen->is_terminal) (void)fputs("\033[?25h\033[?1049l", stdout);
    if (screen->has_keys) (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
    (void)fflush(stdout);
}

static uint32_t screen_rows(const struct screen *screen) {
    struct winsize size;
    if (!screen->is_terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return ROWS_DEFAULT;
    return size.ws_row;
}

/* The frame is made first and then put out line by line, so that nothing flickers and no line wraps into the next. */
static void screen_show(const struct screen *screen, const struct frame *frame) {
    char *text = NULL;
    size_t count = 0;
    struct frame into = *frame;
    into.out = open_memstream(&text, &count);
    if (into.out == NULL) return;
    draw(&into, screen_rows(screen));
    (void)fclose(into.out);
    if (!screen->is_terminal) {
        (void)printf("%s\n", text);
    } else {
        (void)fputs("\033[H\033[?7l", stdout);
        for (char *line = text; *line != '\0';) {
            const size_t length = strcspn(line, "\n");
            (void)printf("%.*s\033[K\n", (int)length, line);
            line += length + (line[length] == '\n');
        }
        (void)fputs("\033[J\033[?7h", stdout);
    }
    (void)fflush(stdout);
    free(text);
}

/* False: it is time to end. */
static bool screen_wait(const struct screen *screen, uint32_t seconds) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t due_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + seconds * INT64_C(1000);
    while (!is_over) {
        struct pollfd keys = {.fd = screen->has_keys ? STDIN_FILENO : -1, .events = POLLIN};
        clock_gettime(CLOCK_MONOTONIC, &now);
        const int64_t left_ms = due_ms - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
        if (left_ms <= 0) return true;
        if (poll(&keys, 1, (int)left_ms) <= 0 || (keys.revents & POLLIN) == 0) continue;
        char key = 0;
        if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q') return false;
    }
    return false;
}

static int run_on(struct session *session, uint32_t interval_s) {
    struct top_sample *before = top_sample_create();
    struct top_sample *now = top_sample_create();
    struct top_sample *shown = top_sample_create();
    struct shoal_client_answer answer;
    struct screen screen;
    int status = before == NULL || now == NULL || shown == NULL || !ask(session, before, &answer);
    if (status == 0) {
        screen_open(&screen);
        while (status == 0 && screen_wait(&screen, interval_s)) {
            /* Read twice from one answer: what is shown is a difference, what is kept is not. */
            status = !ask(session, now, &answer) || !top_sample_read(shown, answer.result);
            if (status != 0) break;
            const uint64_t uptime_ms = now->uptime_ms;
            top_sample_since(shown, before);
            const struct frame frame = {shown, uptime_ms, (double)shown->uptime_ms / 1000, stdout};
            screen_show(&screen, &frame);
            struct top_sample *swapped = before;
            before = now;
            now = swapped;
        }
        screen_close(&screen);
    }
    top_sample_destroy(before);
    top_sample_destroy(now);
    top_sample_destroy(shown);
    return status;
}

int run_top(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)words;
    (void)word_count;
    uint32_t interval_s = INTERVAL_S_DEFAULT;
    if (options->interval != NULL) {
        char *end;
        const unsigned long number = strtoul(options->interval, &end, 10);
        if (options->interval[0] < '0' || options->interval[0] > '9' || *end != '\0' || number < 1 ||
            number > INTERVAL_S_MAX) {
            (void)fputs("shoal top: --interval is a number of seconds from 1 to 3600\n", stderr);
            return 2;
        }
        interval_s = (uint32_t)number;
    }
    return options->once ? run_once(session) : run_on(session, interval_s);
}
