# Written by tools/dev protocol from the server's method table.

# Done once under a number, however often they are sent.
WRITES = frozenset((
    "event.append", "event.sweep", "feed.served", "item.put", "item.remove", "model.put", "model.remove", "model.train",
    "referral.put", "referral.refresh", "rfm.put", "rfm.refresh", "rule.put", "rule.remove", "scene.put", "scene.remove",
    "schema.put", "score.put", "score.remove", "segment.put", "segment.remove", "tree.put", "tree.remove", "user.forget",
    "user.merge", "user.put",
))

# These ask only, and may be asked again. A method in neither is sent once, without a number.
READS = frozenset((
    "audience.ask", "audience.close", "audience.count", "audience.explain", "audience.export", "audience.funnel",
    "audience.insight", "audience.list", "audience.lookalike", "audience.overlap", "audience.retention", "audience.rfm",
    "audience.sample", "audience.waterfall", "audience.why", "client.numbers", "event.list", "feed.also_bought",
    "feed.batch", "feed.explain", "feed.get", "feed.impressions", "feed.learning", "feed.similar", "feed.trending",
    "feed.users_for_item", "hello", "item.get", "item.list", "model.likings", "model.list", "ping", "referral.get",
    "rfm.get", "rule.get", "rule.list", "scene.get", "scene.list", "schema.get", "score.get", "score.list", "segment.get",
    "segment.list", "segment.of_user", "stats", "tree.get", "tree.list", "user.export", "user.get", "user.receipt",
))

# Questions to all shards, which are told how long they may take; a feed is made before it could matter.
TIMED = frozenset((
    "audience.ask", "audience.count", "audience.export", "audience.funnel", "audience.insight", "audience.list",
    "audience.lookalike", "audience.overlap", "audience.retention", "audience.rfm", "audience.sample", "audience.waterfall",
    "event.list", "feed.batch", "feed.users_for_item",
))
