/* goods.h -- what files say of items, for an evaluation: their ids, and of each some texts (its category, its brand) and
 * sets of tags.
 *
 *   items    u30  tea-1   mug-7           columns    category   茶       器皿
 *   number         0       1                         genres     绿茶|春  陶
 *
 * They come from columns of the events, or from a file of items. What is said of an item first counts.
 */
#ifndef SHOAL_GOODS_H
#define SHOAL_GOODS_H

#include "names.h"

enum { GOODS_COLUMN_COUNT_MAX = 8 };

struct goods_column {
    char *name;      /* of the attribute or tag set */
    bool is_tags;    /* cut at | and ; */
    uint32_t *cells; /* by item: number + 1 in texts; 0: nothing */
    uint32_t capacity;
};

struct goods {
    struct names items;
    struct names texts;
    struct names types;  /* of events, those of all files */
    struct names stores; /* the same */
    struct goods_column columns[GOODS_COLUMN_COUNT_MAX];
    uint32_t column_count;
};

/* The column of that name, new if there is none. SH_ERR_LIMIT: there are too many. */
SH_MUST_CHECK enum sh_status goods_column(struct goods *goods, struct sh_text name, bool is_tags, uint32_t *column,
                                          struct sh_error *err);
/* Nothing happens if the text is empty or the item has one there. */
SH_MUST_CHECK enum sh_status goods_say(struct goods *goods, uint32_t column, uint32_t item, struct sh_text text);
/* NULL: nothing was said. */
const char *goods_text(const struct goods *goods, uint32_t column, uint32_t item);
/* A file of items with a head line; what it says of items that are not known yet is passed over. columns:
 * "item_id,category=kind,tags=genres", the id first. */
SH_MUST_CHECK enum sh_status goods_read(const char *path, const char *columns, struct goods *goods,
                                        struct sh_error *err);
void goods_free(struct goods *goods);

#endif
