"""Weights and half-lives of event types, of a request and of a scene, through the real server with one and two shards:
the contributions of a feed against a twin that goes through all events of the user.

Run: feed_weights_test.py [unittest's arguments]; SHOAL_SEED chooses another shop.
"""
import math
import os
import random
import time
import unittest

from rpc import RpcError, Server

DAY = 86_400_000
NOW = int(time.time()) // 3600 * 3_600_000
SEED = int(os.environ.get("SHOAL_SEED", "7"))
TYPES = {"view": 1.0, "cart": 3.0, "purchase": 5.0, "退货": 1.0}  # as they are unless somebody says otherwise
HALF_LIVES = {"short": 1.0, "long": 30.0}


class FeedWeights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"SHOAL_SEED={SEED}", flush=True)
        draw = random.Random(SEED)
        cls.draw = draw
        cls.items = {f"i{i:02}": {"kind": draw.choice(["茶", "coffee", "mug"]), "tags": sorted(draw.sample(["a", "b", "c", "d"], 2))}
                     for i in range(40)}
        cls.events = [(draw.choice(list(TYPES)), draw.choice(["ann", "bo"]), draw.choice(list(cls.items)), NOW - draw.randrange(60 * DAY))
                      for _ in range(160)]
        cls.servers = [Server(shards=1), Server(shards=2)]
        cls.clients = [server.client(workspace="shop") for server in cls.servers]
        for client in cls.clients:
            client.call("schema.put", items={"attributes": [{"name": "kind", "type": "string"}], "tag_sets": [{"name": "tags"}]},
                        users={}, events=[{"name": name} for name in TYPES], feed={"bought_days": 0})
            client.call("item.put", items=[{"id": item, **row} for item, row in cls.items.items()])
            client.call("event.append", events=[{"type": e, "user": u, "item": i, "time": t} for e, u, i, t in cls.events])

    @classmethod
    def tearDownClass(cls):
        for client, server in zip(cls.clients, cls.servers):
            client.close()
            server.stop()

    def feed(self, **params):
        """{item: contributions}, which both servers tell alike."""
        answers = [client.call("feed.get", count=100, now=NOW, seed=1, explain="full", **params)["items"] for client in self.clients]
        self.assertEqual(answers[0], answers[1])
        for item in answers[0]:
            self.assertAlmostEqual(sum(item["contributions"].values()), item["score"], places=9)
        return {item["id"]: item["contributions"] for item in answers[0]}

    def refused(self, **params):
        errors = []
        for client in self.clients:
            with self.assertRaises(RpcError) as caught:
                client.call("feed.get", user="ann", **params)
            errors.append(caught.exception)
        self.assertEqual(str(errors[0]), str(errors[1]))
        return errors[0]

    def features(self, item):
        return {("kind", self.items[item]["kind"])} | {("tags", tag) for tag in self.items[item]["tags"]}

    def affinity(self, user, weights, half_lives):
        """As engine/feed/feed.h has it, by loops."""
        drawn = {}
        for event, who, item, at in self.events:
            if who != user or at > NOW:
                continue
            short, long = half_lives(event)
            share = weights[event] * (0.5 * 2 ** -((NOW - at) / DAY / short) + 0.5 * 2 ** -((NOW - at) / DAY / long))
            for feature in self.features(item):
                drawn[feature] = drawn.get(feature, 0) + share
        norm = 1 + math.sqrt(sum(value * value for value in drawn.values()))
        holders = {feature: sum(feature in self.features(item) for item in self.items) for feature in drawn}
        return {item: sum(drawn.get(f, 0) / norm * math.log2(1 + len(self.items) / holders[f]) for f in self.features(item) if f in drawn)
                / math.sqrt(len(self.features(item))) for item in self.items}

    def check(self, user, feed, weights, half_lives):
        expected = self.affinity(user, weights, half_lives)
        for item, contributions in feed.items():
            self.assertAlmostEqual(contributions["affinity"], expected[item], places=9, msg=item)

    def test_weights_and_half_lives_of_a_request(self):
        for _ in range(12):
            weights = {name: self.draw.randrange(-40, 80) / 8 for name in TYPES if self.draw.random() < 0.6}
            types = {name: {"short": self.draw.randrange(1, 9), "long": self.draw.randrange(10, 90)} for name in TYPES if self.draw.random() < 0.5}
            all_types = {"short": 2.5} if self.draw.random() < 0.5 else {}
            user = self.draw.choice(["ann", "bo"])
            feed = self.feed(user=user, weights=weights, half_life_days={**all_types, "types": types})

            def half_lives(event):
                own = {**HALF_LIVES, **all_types, **types.get(event, {})}
                return own["short"], own["long"]

            self.check(user, feed, {**TYPES, **weights}, half_lives)

    def test_the_workspaces_own_said_again_change_next_to_nothing(self):
        plain = self.feed(user="ann")
        again = self.feed(user="ann", weights=TYPES, half_life_days=HALF_LIVES)
        for item, contributions in plain.items():  # what is learned is kept in four bytes
            self.assertAlmostEqual(contributions["affinity"], again[item]["affinity"], places=4)
            self.assertEqual(contributions["popularity"], again[item]["popularity"])

    def test_a_scene_says_them_for_its_feeds_and_the_default_one_for_all(self):
        only_purchases = {**dict.fromkeys(TYPES, 0), "purchase": 1}
        plain = self.feed(user="bo")
        for client in self.clients:
            client.call("scene.put", name="gifts", rules={"weights": only_purchases})
        by_scene = self.feed(user="bo", scene="gifts")
        self.assertEqual(by_scene, self.feed(user="bo", weights=only_purchases))
        self.assertNotEqual(by_scene, plain)
        for client in self.clients:
            client.call("scene.put", name="default", rules={"weights": only_purchases, "half_life_days": {"types": {"purchase": {"long": 90}}}})
        try:
            self.check("bo", self.feed(user="bo"), only_purchases, lambda event: (1, 90 if event == "purchase" else 30))
            # The request's stands in place of the scene's, key by key.
            self.check("bo", self.feed(user="bo", weights=TYPES), TYPES, lambda event: (1, 90 if event == "purchase" else 30))
            for client in self.clients:  # a batch goes by the same rules
                feed = client.call("feed.batch", users=["bo"], now=NOW, feed={"count": 100, "seed": 1, "explain": "full"})["feeds"][0]
                self.assertEqual({item["id"]: item["contributions"] for item in feed["items"]}, self.feed(user="bo"))
        finally:
            for client in self.clients:
                client.call("scene.remove", name="default")

    def test_goals_may_be_said_before_anything_is_learned(self):
        self.assertEqual(self.feed(user="ann", goals={"purchase": 3, "amount": 0.1, "click": 0}), self.feed(user="ann"))

    def test_what_is_wrong_is_named(self):
        self.assertIn("`purchase`", str(self.refused(weights={"purchas": 1})))
        self.assertEqual(self.refused(weights={"purchas": 1}).status, "name")
        self.assertEqual(self.refused(half_life_days={"types": {"gift": {"short": 1}}}).status, "name")
        for params in ({"weights": {"view": 1001}}, {"weights": {"view": "much"}}, {"half_life_days": {"short": 0}},
                       {"half_life_days": {"middle": 3}}, {"half_life_days": {"types": {"view": {"shrt": 1}}}}, {"goals": {"clicks": 1}},
                       {"goals": {"click": -1}}, {"weights": [1]}, {"half_life_days": {"long": 1e9}}):
            self.assertEqual(self.refused(**params).status, "argument", params)


if __name__ == "__main__":
    unittest.main()
