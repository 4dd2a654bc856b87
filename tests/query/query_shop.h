/* query_shop.h -- the small shop that the unit tests of the language ask about: a schema with every type, in Shanghai.
 *
 *   users   tier enum, city string, points int, balance decimal(2), vip bool, joined time, birthday date,
 *           会员等级 enum; tag sets interests, notes
 *   items   category string, price decimal(2), fresh bool; tag set labels
 *   view      amount(0); store string, seconds int, channel enum
 *   purchase  amount(2); store string, quantity int, discount decimal(3), coupon bool, paid time, delivery date
 */
#ifndef QUERY_SHOP_H
#define QUERY_SHOP_H

#include "memory.h"
#include "query.h"

struct query_shop {
    struct sh_zone *zone;
    struct sh_table *users;
    struct sh_table *items;
    struct sh_event_store *events;
    struct sh_query_scope scope; /* about users; now is 2026-03-11 12:00 in Shanghai */
    struct sh_arena arena;
    struct sh_error err;
};

void query_shop_open(struct query_shop *shop);
void query_shop_open_in(struct query_shop *shop, const char *zone);
void query_shop_close(struct query_shop *shop);

/* Parse and check; the status of whichever failed, with the words in shop->err. */
enum sh_status query_shop_check(struct query_shop *shop, const char *text, struct sh_node **tree);
/* The same, and it must succeed. */
struct sh_node *query_shop_bound(struct query_shop *shop, const char *text);
/* The canonical text, until the arena is reset. */
const char *query_shop_printed(struct query_shop *shop, const struct sh_node *tree);

#endif
