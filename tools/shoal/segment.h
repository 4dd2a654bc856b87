/* segment.h -- messages in the Segment specification as users, items, events and merges, without a mapping.
 *
 *   identify   the traits are the user's attributes; with an anonymousId as well, both ids are one user from then on
 *   group      the attribute `group`, and the group's traits as group_name, group_plan ...
 *   alias      previousId is another name of userId from then on
 *   page, screen   an event `page` or `screen` with what is in `properties`, name and category
 *   track      an event of that name; those of the e-commerce specification have names that feeds know:
 *
 *      Product Viewed       view             Product Added                 cart        Order Completed   purchase
 *      Product Clicked      click            Product Removed               cart_remove  Order Refunded    refund
 *      Products Searched    search           Product Added to Wishlist     favorite     Order Cancelled   cancel
 *      Product Shared       share            Product Removed from Wishlist favorite_remove
 *      Product Reviewed     review           Wishlist Product Added to Cart cart        Checkout Started  checkout
 *
 * A purchase, refund or cancel is one event a product: its amount is price * quantity, and the order's texts stand in
 * each. Numbers of the whole order are left out then, or they would be summed several times. Without products it is one
 * event with the revenue, total or value. What is said of a product (name -> title, category, brand, price ...) is put
 * to the item. Other events have `revenue`, `value` or price * quantity as their amount; everything else in
 * `properties` is a property. An object's parts are joined by _ (address_city).
 *
 * The user is userId, or else anonymousId. An event's id is messageId (with #2 ... for the products of an order), or is
 * made of its line and place. Its time is timestamp, else originalTimestamp, sentAt or receivedAt.
 *
 * Names and types grow with what comes (segment_names.h). A value that does not fit its type is left out and
 * counted in `misfits`; the rest of its message is taken.
 */
#ifndef SHOAL_SEGMENT_H
#define SHOAL_SEGMENT_H

#include "segment_names.h"
#include "stream.h"

enum {
    SEGMENT_PRODUCT_COUNT_MAX = 1000,
    SEGMENT_DEPTH_MAX = 4, /* objects inside objects */
    SEGMENT_KNOWN_COUNT = 1 << 14,
};

struct segment {
    struct segment_names names;
    struct stream *stream;
    const char *source;
    struct sh_error *err;
    uint64_t misfits; /* values that were left out */
    /* Hashes of items and merges that were put lately, so that they are not put with every message again. */
    uint64_t known[SEGMENT_KNOWN_COUNT];
};

SH_MUST_CHECK enum sh_status segment_init(struct segment *segment, struct stream *stream, const char *zone,
                                          struct sh_error *err);
void segment_deinit(struct segment *segment);
/* The rows of the line that stream_add_line was told last; `place` is where it ends in the source. A bad message is
 * rejected, which is no failure. */
SH_MUST_CHECK enum sh_status segment_take(struct segment *segment, const char *source, struct sh_text line,
                                          uint64_t place);

#endif
