/* replay_main.c -- runs a fuzz target on kept inputs.
 *
 * Each argument is a file or a folder of files. A build without libFuzzer still runs every seed and every input that
 * once found a fault, so a fault that was mended stays mended. No input at all is a failure: a test that read nothing
 * has tested nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

static size_t input_count;

static void replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    uint8_t *bytes = NULL;
    size_t byte_count = 0;
    for (size_t capacity = 4096;; capacity *= 2) {
        uint8_t *grown = realloc(bytes, capacity);
        if (grown == NULL) abort();
        bytes = grown;
        byte_count += fread(bytes + byte_count, 1, capacity - byte_count, file);
        if (byte_count < capacity) break;
    }
    fclose(file);
    /* An exact copy, so that a sanitizer sees one byte read too many. */
    uint8_t *exact = malloc(byte_count == 0 ? 1 : byte_count);
    if (exact == NULL) abort();
    memcpy(exact, bytes, byte_count);
    free(bytes);
    (void)LLVMFuzzerTestOneInput(exact, byte_count);
    free(exact);
    input_count++;
}

static void replay_path(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISDIR(info.st_mode)) {
        replay_file(path);
        return;
    }
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        exit(1);
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        char child[4096];
        (void)snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        replay_path(child);
    }
    closedir(folder);
}

int main(int argument_count, char **arguments) {
    for (int i = 1; i < argument_count; i++)
        replay_path(arguments[i]);
    printf("%zu inputs replayed\n", input_count);
    return input_count == 0 ? 1 : 0;
}
