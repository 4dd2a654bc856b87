#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"
#include "buffer.h"
#include "memory.h"
#include "server_log.h"

enum { LINE_BYTES_MAX = 2048 };

struct sh_audit {
    char path[PATH_MAX];
    pthread_mutex_t mutex; /* of the next four */
    int handle;
    bool has_failed;
    int64_t denied_second; /* since 1970, and how many were written in it */
    uint32_t denied_count;
};

static int open_file(const char *path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

enum sh_status sh_audit_open(const char *path, struct sh_audit **opened, struct sh_error *err) {
    *opened = NULL;
    if (strlen(path) >= PATH_MAX) return sh_fail(err, SH_ERR_ARGUMENT, -1, "the path of the audit log is too long");
    struct sh_audit *audit = sh_alloc_zero(sizeof *audit);
    if (audit == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for an audit log");
    memcpy(audit->path, path, strlen(path) + 1);
    audit->handle = open_file(path);
    if (audit->handle < 0) {
        const int error = errno;
        sh_free(audit);
        return sh_fail(err, SH_ERR_IO, -1, "%s: %s", path, strerror(error));
    }
    (void)pthread_mutex_init(&audit->mutex, NULL);
    *opened = audit;
    return SH_OK;
}

void sh_audit_close(struct sh_audit *audit) {
    if (audit == NULL) return;
    (void)close(audit->handle);
    (void)pthread_mutex_destroy(&audit->mutex);
    sh_free(audit);
}

enum sh_status sh_audit_reopen(struct sh_audit *audit, struct sh_error *err) {
    const int handle = open_file(audit->path);
    if (handle < 0) return sh_fail(err, SH_ERR_IO, -1, "%s: %s", audit->path, strerror(errno));
    (void)pthread_mutex_lock(&audit->mutex);
    (void)close(audit->handle);
    audit->handle = handle;
    (void)pthread_mutex_unlock(&audit->mutex);
    return SH_OK;
}

/* A JSON string. Workspaces are UTF-8 with anything in it. */
static void print_string(struct sh_buffer *line, const char *name, struct sh_text text) {
    sh_buffer_print(line, ",\"%s\":\"", name);
    for (uint32_t i = 0; i < text.count; i++) {
        const unsigned char byte = (unsigned char)text.bytes[i];
        if (byte == '"' || byte == '\\')
            sh_buffer_print(line, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7F)
            sh_buffer_print(line, "\\u%04x", byte);
        else
            sh_buffer_append(line, text.bytes + i, 1);
    }
    sh_buffer_append(line, "\"", 1);
}

static void print_entry(struct sh_buffer *line, const struct sh_audit_entry *entry) {
    struct tm parts;
    char time[32] = "";
    const time_t seconds = (time_t)(entry->time_ms / 1000);
    if (gmtime_r(&seconds, &parts) != NULL) (void)strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &parts);
    sh_buffer_print(line, "{\"time\":\"%s.%03dZ\",\"method\":\"%s\"", time, (int)(entry->time_ms % 1000),
                    entry->method);
    print_string(line, "token", sh_text_of(entry->token));
    print_string(line, "workspace", entry->workspace);
    if (entry->subject.count > 0) print_string(line, "subject", entry->subject);
    sh_buffer_print(line, ",\"result\":\"%s\"", sh_status_name(entry->result));
    if (entry->request != 0) sh_buffer_print(line, ",\"request\":%llu", (unsigned long long)entry->request);
    sh_buffer_print(line, ",\"took_us\":%llu}\n", (unsigned long long)entry->took_us);
}

/* Under the mutex. */
static bool is_flood(struct sh_audit *audit, const struct sh_audit_entry *entry) {
    if (entry->result != SH_ERR_UNAUTHENTICATED) return false;
    const int64_t second = entry->time_ms / 1000;
    if (second != audit->denied_second) {
        audit->denied_second = second;
        audit->denied_count = 0;
    }
    return ++audit->denied_count > SH_AUDIT_DENIED_MAX;
}

static void append(struct sh_audit *audit, const struct sh_buffer *line) {
    const ssize_t count = write(audit->handle, line->bytes, line->count);
    const bool has_failed = count != (ssize_t)line->count;
    if (has_failed && !audit->has_failed)
        sh_log(SH_LOG_ERROR, "the audit log cannot be written: %s", count < 0 ? strerror(errno) : "the disk is full");
    audit->has_failed = has_failed;
}

void sh_audit_write(struct sh_audit *audit, const struct sh_audit_entry *entry) {
    uint8_t bytes[LINE_BYTES_MAX];
    struct sh_buffer line = {.bytes = bytes, .capacity = sizeof bytes, .limit = sizeof bytes};
    if (audit == NULL) return;
    print_entry(&line, entry);
    sh_assert(!line.failed); /* names have bounds, and six bytes for each of their bytes fit */
    (void)pthread_mutex_lock(&audit->mutex);
    if (!is_flood(audit, entry)) append(audit, &line);
    (void)pthread_mutex_unlock(&audit->mutex);
}
