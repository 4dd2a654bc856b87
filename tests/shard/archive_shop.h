/* archive_shop.h -- a very small shop with one of everything that a shard keeps, for tests of its archive. */
#ifndef SH_ARCHIVE_SHOP_H
#define SH_ARCHIVE_SHOP_H

#include "shard_rig.h"

/* The rig is initialised and empty. The same bytes each time it is saved. */
void archive_shop_fill(struct rig *rig);
/* The same shop with hardly anything in it: what fuzzing bites on. */
void archive_shop_fill_little(struct rig *rig);
/* Questions of every kind and some writes, whose answers do not matter: whatever state the shards are in, they stand
 * it.
 */
void archive_shop_use(struct rig *rig);

#endif
