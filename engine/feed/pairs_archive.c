/* pairs_archive.c -- counts of pairs as a section of an archive.
 *
 *   section named by the caller, 1
 *     u32 count of items up to the last that has a sum or places, then for each
 *         struct list_head, and its companions, u32 item and u32 count each
 *     u32 count of users up to the last with latest items, then for each
 *         u32 count, and the items, oldest first, u32 item and u32 liking each
 *
 * Companions stand in the order of their places, beginning behind a line that is not full, so that putting them into as
 * many places one after another finds each the place it had.
 */
#include "pairs_private.h"

enum { PAIRS_VERSION = 1 };

struct list_head {
    uint64_t sum;
    uint64_t lost;
    uint32_t count;
    uint32_t bits;
};
_Static_assert(sizeof(struct list_head) == 24, "written as is: no padding");
_Static_assert(sizeof(struct sh_pair) == 8 && sizeof(struct sh_pair_liking) == 8, "written as they are");

/* ---- Saving ---- */

static void save_list(const struct item_pairs *list, struct sh_archive_writer *writer) {
    const struct list_head head = {list->sum, list->lost, list->count, list->bits};
    sh_archive_put(writer, &head, sizeof head);
    if (list->count == 0) return;
    const uint32_t line_count = pair_line_count(list->bits);
    uint32_t before = 0;
    while (list->lines[before].names[SH_LANE_COUNT - 1] != 0)
        before++;
    for (uint32_t i = 1; i <= line_count; i++) {
        const struct pair_line *line = &list->lines[(before + i) % line_count];
        for (uint32_t k = 0; k < SH_LANE_COUNT && line->names[k] != 0; k++) {
            const struct sh_pair pair = {line->names[k] - 1, line->counts[k]};
            sh_archive_put(writer, &pair, sizeof pair);
        }
    }
}

static void save_latest(const struct latest *latest, struct sh_archive_writer *writer) {
    const uint32_t count = latest == NULL ? 0 : latest->count;
    sh_archive_put_u32(writer, count);
    if (count > 0) sh_archive_put(writer, latest->items, count * sizeof *latest->items);
}

void sh_pairs_save(const struct sh_pairs *pairs, const char *name, struct sh_archive_writer *writer) {
    uint32_t item_count = pairs->item_capacity;
    uint32_t user_count = pairs->user_capacity;
    while (item_count > 0 && pairs->items[item_count - 1].sum == 0 && pairs->items[item_count - 1].bits == 0)
        item_count--;
    while (user_count > 0 && pairs->users[user_count - 1] == NULL)
        user_count--;
    sh_archive_begin(writer, name, PAIRS_VERSION);
    sh_archive_put_u32(writer, item_count);
    for (uint32_t item = 0; item < item_count; item++)
        save_list(&pairs->items[item], writer);
    sh_archive_put_u32(writer, user_count);
    for (uint32_t user = 0; user < user_count; user++)
        save_latest(pairs->users[user], writer);
    sh_archive_end(writer);
}

/* ---- Loading ---- */

static bool refuse(struct sh_archive_reader *reader, const char *words) {
    (void)sh_archive_refuse(reader, "%s", words);
    return false;
}

static bool head_is_good(const struct sh_pairs *pairs, const struct list_head *head) {
    if (head->bits == 0) return head->count == 0;
    if (head->bits < PAIR_BITS_MIN || head->bits > PAIR_BITS_MAX) return false;
    if (head->count > pair_room(head->bits) || head->count > pairs->limits.of_item) return false;
    return pairs->place_count + pair_places_counted(head->bits) <= pairs->limits.place_count;
}

static bool load_list(struct sh_pairs *pairs, uint32_t item, uint32_t item_end, struct sh_archive_reader *reader) {
    struct item_pairs *list = &pairs->items[item];
    struct list_head head;
    if (!sh_archive_get(reader, &head, sizeof head)) return false;
    if (!head_is_good(pairs, &head)) return refuse(reader, "an item has more companions than it may");
    list->sum = head.sum;
    list->lost = head.lost;
    if (head.bits == 0) return true;
    if (pair_list_resize(pairs, list, head.bits) != SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    for (; list->count < head.count; list->count++) {
        struct sh_pair pair;
        if (!sh_archive_get(reader, &pair, sizeof pair)) return false;
        if (pair.item >= item_end || pair.item == item || pair.count == 0)
            return refuse(reader, "an item has a companion that is not there, or itself");
        const struct pair_place place = pair_place(list, pair.item);
        if (place.is_found) return refuse(reader, "an item has a companion twice");
        place.line->names[place.at] = pair.item + 1;
        place.line->counts[place.at] = pair.count;
    }
    return true;
}

static bool load_latest(struct sh_pairs *pairs, uint32_t user, uint32_t item_end, struct sh_archive_reader *reader) {
    const uint32_t count =
        sh_archive_get_count(reader, SH_PAIR_LATEST_MAX, sizeof(struct sh_pair_liking), "latest items");
    if (count == 0) return !sh_archive_failed(reader);
    if (pair_latest_reserve(pairs, user, count) != SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    struct latest *latest = pairs->users[user];
    if (!sh_archive_get(reader, latest->items, count * sizeof *latest->items)) return false;
    for (; latest->count < count; latest->count++) {
        const struct sh_pair_liking *liked = &latest->items[latest->count];
        if (liked->item >= item_end || liked->liking == 0)
            return refuse(reader, "a user's latest item is not there, or not liked");
        for (uint32_t i = 0; i < latest->count; i++)
            if (latest->items[i].item == liked->item) return refuse(reader, "a user has a latest item twice");
    }
    return true;
}

static bool load_all(struct sh_pairs *pairs, uint32_t item_end, uint32_t user_end, struct sh_archive_reader *reader) {
    const uint32_t item_count = sh_archive_get_count(reader, item_end, sizeof(struct list_head), "items with pairs");
    /* For all items: what bytes say may name any of them. */
    if (item_end > 0 && !sh_archive_failed(reader) && pair_items_reserve(pairs, item_end - 1) != SH_OK)
        (void)sh_archive_refuse_memory(reader);
    for (uint32_t item = 0; item < item_count && !sh_archive_failed(reader); item++)
        if (!load_list(pairs, item, item_end, reader)) return false;
    const uint32_t user_count = sh_archive_get_count(reader, user_end, sizeof(uint32_t), "users with latest items");
    for (uint32_t user = 0; user < user_count && !sh_archive_failed(reader); user++)
        if (!load_latest(pairs, user, item_end, reader)) return false;
    return !sh_archive_failed(reader);
}

enum sh_status sh_pairs_load(struct sh_pairs *pairs, const char *name, uint32_t item_end, uint32_t user_end,
                             struct sh_archive_reader *reader) {
    sh_assert(pairs->item_capacity == 0 && pairs->user_capacity == 0);
    if (sh_archive_enter(reader, name, PAIRS_VERSION) == 0) return sh_archive_status(reader, NULL);
    if (load_all(pairs, item_end, user_end, reader)) sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
