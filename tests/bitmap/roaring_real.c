#include "roaring_real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const real_set_names[REAL_SET_COUNT] = {"census-income", "census1881", "wikileaks-noquotes"};
const uint64_t real_set_integers[REAL_SET_COUNT] = {6922021, 1003861, 275355};

/* Each archive, and where its files are inside it. */
static const char *const archives[REAL_SET_COUNT] = {"census-income.tar.xz", "census1881.zip",
                                                     "wikileaks-noquotes.zip"};
static const char *const folders[REAL_SET_COUNT] = {"benchmarks/realdata/census-income/", "", ""};

enum { PATH_BYTES = 4096 };

static void give_up(const char *what, const char *path) {
    printf("%s: %s\n", path, what);
    exit(1);
}

static void read_bitmap(const char *path, struct real_bitmap *bitmap) {
    FILE *file = fopen(path, "r");
    if (file == NULL) give_up("cannot be read", path);
    size_t capacity = 0;
    unsigned long number = 0;
    *bitmap = (struct real_bitmap){0};
    while (fscanf(file, "%lu%*[,\n]", &number) == 1) {
        if (bitmap->count == capacity) {
            capacity = capacity == 0 ? 1024 : 2 * capacity;
            bitmap->slots = realloc(bitmap->slots, capacity * sizeof *bitmap->slots);
            if (bitmap->slots == NULL) abort();
        }
        bitmap->slots[bitmap->count++] = (uint32_t)number;
    }
    (void)fclose(file);
}

bool real_set_open(struct real_set *set, uint32_t index) {
    char path[PATH_BYTES], folder[] = "/tmp/shoal-roaring-XXXXXX", command[3 * PATH_BYTES];
    const char *data = getenv("SHOAL_DATA");
    (void)snprintf(path, sizeof path, "%s/roaring-real/%s", data != NULL ? data : SHOAL_SOURCE_DIR "/../shared/data",
                   archives[index]);
    *set = (struct real_set){.name = real_set_names[index]};
    if (access(path, R_OK) != 0) {
        printf("SKIPPED %s: there is no %s (SHOAL_DATA says where the data is)\n", set->name, path);
        return false;
    }
    if (mkdtemp(folder) == NULL) give_up("cannot be made", folder);
    const bool is_zip = strstr(archives[index], ".zip") != NULL;
    (void)snprintf(command, sizeof command, is_zip ? "unzip -q '%s' -d '%s'" : "xz -dc '%s' | tar -x -C '%s'", path,
                   folder);
    if (system(command) != 0) give_up("cannot be unpacked (are xz, tar and unzip installed?)", path);
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++) {
        (void)snprintf(path, sizeof path, "%s/%s%s.csv%u.txt", folder, folders[index], set->name, i);
        read_bitmap(path, &set->bitmaps[i]);
    }
    (void)snprintf(command, sizeof command, "rm -r '%s'", folder);
    if (system(command) != 0) give_up("cannot be removed", folder);
    return true;
}

void real_set_close(struct real_set *set) {
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++)
        free(set->bitmaps[i].slots);
}
