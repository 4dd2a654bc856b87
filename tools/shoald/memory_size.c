#include "memory_size.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* The number in a file of a control group; UINT64_MAX for `max`, or when there is none. */
static uint64_t limit_of(const char *folder) {
    char path[PATH_BYTES + 64];
    char text[32] = "";
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", folder);
    FILE *file = fopen(path, "re");
    if (file == NULL) return UINT64_MAX;
    const bool has_text = fgets(text, sizeof text, file) != NULL;
    (void)fclose(file);
    return has_text && text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* The least of this process's group and all above it. */
static uint64_t group_limit(void) {
    char line[PATH_BYTES];
    char folder[PATH_BYTES] = "";
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL) return UINT64_MAX;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) == 0) (void)snprintf(folder, sizeof folder, "%s", line + 3);
    }
    (void)fclose(file);
    uint64_t least = UINT64_MAX;
    for (;;) {
        const uint64_t limit = limit_of(strcmp(folder, "/") == 0 ? "" : folder);
        if (limit < least) least = limit;
        char *last = strrchr(folder, '/');
        if (last == NULL) return least;
        *last = '\0';
    }
}

uint64_t memory_size(void) {
    const long pages = sysconf(_SC_PHYS_PAGES);
    const long page_bytes = sysconf(_SC_PAGESIZE);
    const uint64_t machine = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : UINT64_MAX;
    const uint64_t group = group_limit();
    const uint64_t least = machine < group ? machine : group;
    return least == UINT64_MAX ? 0 : least;
}
