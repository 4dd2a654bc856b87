"""Rules of places while a learned model orders the feed: the second phase looks at the best of several pools, and what one
pool ranked stands in others, too. Each item's contributions must add up to its score, and nothing stands twice.
"""
import random
import time
import unittest

from rpc import Server

ITEMS = 3000
KINDS = 16


def trusted(client):
    """A shop whose click model has seen enough to be used."""
    draw = random.Random(5)
    now = int(time.time() * 1000)
    client.call("schema.put", items={"attributes": [{"name": "kind", "type": "int"}], "tag_sets": [{"name": "tags"}]},
                users={"attributes": [{"name": "tier", "type": "string"}]}, events=[{"name": "view"}],
                feed={"learning": {"share": 1}})
    client.call("item.put", items=[{"id": f"i{i}", "kind": i % KINDS, "tags": [f"t{i % 7}"]} for i in range(ITEMS)])
    client.call("user.put", users=[{"id": f"u{i}", "tier": "g"} for i in range(50)])
    client.call("event.append", events=[{"type": "view", "user": f"u{i}", "item": f"i{i * 3}", "time": now - i} for i in range(50)])
    for k in range(60):
        shown = draw.sample(range(ITEMS), 50)
        client.call("feed.served", rec_id=f"{0xabc000 + k:x}", user=f"u{k % 50}", items=[f"i{i}" for i in shown], now=now - 7200000 + k)
        client.call("event.append", events=[{"type": "view", "user": f"u{k % 50}", "item": f"i{shown[j]}", "time": now - 3600000,
                                             "rec_id": f"{0xabc000 + k:x}"} for j in range(5)])
    for k in range(60):
        client.call("feed.served", rec_id=f"{0xdef000 + k:x}", items=["i1"], now=now)


class Trusted(unittest.TestCase):
    def test_rules_of_places_and_a_model_that_is_used(self):
        for shards in (1, 2):
            with self.subTest(shards=shards):
                server = Server(shards=shards)
                try:
                    with server.client(workspace="trusted") as client:
                        trusted(client)
                        goals = client.call("feed.learning")["goals"]
                        self.assertTrue(any(goal["used"] for goal in goals.values()), goals)
                        self.ask(client)
                        self.years_ahead(client)
                finally:
                    server.stop()

    def ask(self, client):
        every = [{"where": f"kind = {k}", "place": k + 1} for k in range(KINDS)]
        quotas = [{"where": f"kind = {k}", "of": 20, "at_least": 1} for k in range(8)]
        for rules in ({}, {"slots": every[:1]}, {"slots": every}, {"quotas": quotas}, {"slots": every, "quotas": quotas},
                      {"slots": every, "mmr": 0.5}, {"diversity": {"attribute": "kind", "count": 1, "window": 3}, "slots": every}):
            for count in (1, 50, 200, 400):
                items = client.call("feed.get", user="u1", count=count, **rules)["items"]
                self.assertEqual(len({item["id"] for item in items}), count, rules)
        # What passes over every item for every place is worked out once a place.
        begin = time.monotonic()
        client.call("feed.get", user="u1", count=400, quotas=[{"where": "kind is not missing", "of": 1000, "at_most": 1}] * 8)
        self.assertLess(time.monotonic() - begin, 5)

    def years_ahead(self, client):
        """A feed said to be served years from now is one of now: the latest for ever, it would keep all behind it from being learned."""
        client.call("feed.served", rec_id="dead", items=["i1"], now="9999-12-30")
        shown = {feed["rec_id"]: feed["time"] for feed in client.call("feed.impressions", limit=10000)["impressions"]}
        self.assertLessEqual(shown["dead"], int(time.time() * 1000))


if __name__ == "__main__":
    unittest.main()
