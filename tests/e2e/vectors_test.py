"""Vectors of items and users, and feeds that are narrowed: through the door, on one shard and on two, before a restart and
after. Cosines, folded vectors and the best items are worked out here once more, in plain Python."""
import json
import math
import random
import struct
import subprocess
import tempfile
import unittest

from rpc import SHOAL, Client, RpcError, Server

DAY = 86_400_000
NOW = 1_772_294_400_000
DIMENSION = 24
ITEMS = 5000
ONLY_VECTORS = {"affinity": 0, "popularity": 0, "recency": 0, "session": 0, "pairs": 0, "vector": 1}


def schema(space="clip", dimension=DIMENSION):
    return {
        "users": {"tag_sets": [{"name": "interests"}]},
        "items": {"attributes": [{"name": "kind", "type": "string"}, {"name": "since", "type": "time"}], "tag_sets": [{"name": "tags"}]},
        "events": [{"name": "view"}, {"name": "purchase", "amount_scale": 2}],
        "feed": {"listed_since": "since", "vectors": {"space": space, "dimension": dimension}},
    }


def direction(vector):
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


def cosine(a, b):
    return sum(x * y for x, y in zip(direction(a), direction(b)))


def packed(vector):
    return struct.pack(f"<{len(vector)}f", *vector)


def spelled(vector):
    return "[" + ", ".join(repr(x) for x in vector) + "]"


class Shop:
    """Vectors around forty points, in the three forms in which they may come."""

    def __init__(self):
        draw = random.Random(11)
        points = [[draw.gauss(0, 1) for _ in range(DIMENSION)] for _ in range(40)]
        self.vectors = {}
        self.tags = {}
        for n in range(ITEMS):
            if n % 50 == 49:
                continue  # some items have none
            self.vectors[f"i{n}"] = [p + draw.gauss(0, 0.8) for p in points[n % 40]]
        for n in range(ITEMS):
            self.tags[f"i{n}"] = draw.sample([f"标签{k}" for k in range(60)], 4)

    def row(self, item):
        n = int(item[1:])
        row = {"id": item, "kind": f"k{n % 7}", "since": NOW - n * 3_600_000, "tags": self.tags[item]}
        if item in self.vectors:
            row["clip"] = (packed, list, spelled)[n % 3](self.vectors[item])
        return row

    def stock(self, client):
        client.call("schema.put", **schema())
        items = [self.row(item) for item in self.tags]
        for first in range(0, ITEMS, 1000):
            answer = client.call("item.put", items=items[first : first + 1000])
            assert answer["refused"] == [], answer
        client.call("user.put", users=[{"id": "given", "clip": packed(self.vectors["i3"]), "interests": ["标签1", "标签2", "标签3"]}, {"id": "plain", "interests": ["标签5"]}])
        client.call("event.append", events=[{"type": "view", "user": "folder", "item": "i8", "time": NOW - 3000}, {"type": "view", "user": "folder", "item": "i17", "time": NOW - 2000}])

    def best(self, vector, without=()):
        scores = {item: cosine(vector, other) for item, other in self.vectors.items() if item not in without}
        return sorted(scores, key=lambda item: -scores[item])


class Vectors(unittest.TestCase):
    SHARDS = 1

    @classmethod
    def setUpClass(cls):
        cls.shop = Shop()
        cls.directory = tempfile.TemporaryDirectory()
        cls.server = Server(cls.SHARDS, flags=("--data", cls.directory.name))
        cls.client = Client(cls.server.address, "shop")
        cls.shop.stock(cls.client)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.server.stop()
        cls.directory.cleanup()

    def feed(self, **params):
        return self.client.call("feed.get", **{"now": NOW, "seed": 1, "explain": "full", "count": 10, **params})

    def test_scores_are_cosines(self):
        feed = self.feed(user="given", scores=ONLY_VECTORS, narrow="never")
        self.assertEqual([item["id"] for item in feed["items"]][:1], ["i3"])
        for item in feed["items"]:
            self.assertAlmostEqual(item["score"], cosine(self.shop.vectors["i3"], self.shop.vectors[item["id"]]), places=3)
            self.assertEqual(item["contributions"], {"vector": item["score"]})
            self.assertIn("vector", item["sources"])
            self.assertEqual(item["reasons"][0]["kind"], "vector")
        self.assertEqual({item["id"] for item in feed["items"]}, set(self.shop.best(self.shop.vectors["i3"])[:10]))
        self.assertEqual((feed["narrowed"], feed["scored"]), (False, feed["candidates"]))

    def test_a_user_without_a_vector_has_one_folded_from_what_they_liked(self):
        older, newer = direction(self.shop.vectors["i8"]), direction(self.shop.vectors["i17"])
        folded = [x / 1.8 + 0.8 * y / 1.8 for x, y in zip(newer, older)]
        feed = self.feed(user="folder", scores=ONLY_VECTORS, narrow="never")
        for item in feed["items"]:
            self.assertAlmostEqual(item["score"], cosine(folded, self.shop.vectors[item["id"]]), places=3)
            self.assertEqual(sum(reason["value"] for reason in item["reasons"]) - item["score"] < 1e-9, True)
        named = {reason.get("name") for item in feed["items"] for reason in item["reasons"]}
        self.assertTrue({"i8", "i17"} <= named, named)
        session = self.feed(session=["i8", "i17"], scores=ONLY_VECTORS, narrow="never")
        self.assertEqual([item["id"] for item in session["items"]], [item["id"] for item in feed["items"]])

    def test_what_is_held_of_a_person_has_their_vector(self):
        held = self.client.call("user.export", user="given")["vector"]
        self.assertAlmostEqual(cosine(held, self.shop.vectors["i3"]), 1, places=6)
        self.assertIsNone(self.client.call("user.export", user="plain")["vector"])

    def test_narrowed_feeds_have_the_same_best(self):
        for params in ({"user": "given"}, {"user": "folder"}, {"user": "given", "scores": ONLY_VECTORS}, {"user": "given", "filter": "kind in ('k1', 'k2', 'k5')"}, {"user": "plain"}):
            exact, narrowed = self.feed(narrow="never", **params), self.feed(narrow="always", **params)
            best = {item["id"] for item in exact["items"]}
            self.assertGreaterEqual(len(best & {item["id"] for item in narrowed["items"]}), 9, params)
            scores = {item["id"]: item["score"] for item in exact["items"]}
            for item in narrowed["items"]:
                self.assertEqual(item["score"], scores.get(item["id"], item["score"]))
            if narrowed["narrowed"]:
                self.assertLess(narrowed["scored"], narrowed["candidates"] // 10)
        self.assertTrue(self.feed(user="given", narrow="always")["narrowed"])
        self.assertFalse(self.feed(user="given")["narrowed"], "a small catalogue is scored exactly")

    def test_why_an_item_was_not_scored(self):
        last = self.shop.best(self.shop.vectors["i3"])[-1]
        fate = self.client.call("feed.explain", item=last, user="given", now=NOW, count=10, narrow="always", scores=ONLY_VECTORS)
        self.assertEqual((fate["shown"], fate["stage"]), (False, "narrowed"))
        self.assertGreater(fate["rank"], 1000)
        exact = self.client.call("feed.explain", item=last, user="given", now=NOW, count=10, narrow="never", scores=ONLY_VECTORS)
        self.assertEqual(exact["stage"], "score")
        self.assertEqual(exact["score"], fate["score"])

    def test_a_scene_says_whether_to_narrow(self):
        self.client.call("scene.put", name="首页", rules={"narrow": "always"})
        self.assertTrue(self.feed(user="given", scene="首页")["narrowed"])
        self.assertFalse(self.feed(user="given", scene="首页", narrow="never")["narrowed"])
        self.client.call("scene.remove", name="首页")
        with self.assertRaises(RpcError) as fault:
            self.feed(user="given", narrow="sometimes")
        self.assertIn("`narrow` is", fault.exception.message)

    def test_rules_hold_in_narrowed_feeds(self):
        rules = {"filter": "kind != 'k3'", "exclude": ["i3", "i43"], "diversity": {"attribute": "kind", "count": 1, "window": 3}, "boost": [{"where": "kind = 'k4'", "factor": 1.5}], "slots": [{"where": "kind = 'k6'", "place": 2}], "quotas": [{"where": "kind = 'k0'", "at_least": 1, "of": 5}]}
        feed = self.feed(user="given", narrow="always", count=20, **rules)
        kinds = [f"k{int(item['id'][1:]) % 7}" for item in feed["items"]]
        self.assertTrue(feed["narrowed"])
        self.assertEqual(len(kinds), 20)
        self.assertNotIn("k3", kinds)
        self.assertEqual(kinds[1], "k6")
        self.assertFalse({"i3", "i43"} & {item["id"] for item in feed["items"]})
        for place in range(20):
            self.assertNotIn(kinds[place], kinds[max(0, place - 2) : place])
        for first in range(0, 20, 5):
            self.assertIn("k0", kinds[first : first + 5])

    def test_mmr_and_similar_go_by_vectors(self):
        plain = [item["id"] for item in self.feed(user="given", scores=ONLY_VECTORS)["items"]]
        mixed = [item["id"] for item in self.feed(user="given", scores=ONLY_VECTORS, mmr=0.7)["items"]]
        likeness = lambda ids: sum(cosine(self.shop.vectors[a], self.shop.vectors[b]) for a in ids for b in ids if a < b)
        self.assertLess(likeness(mixed), 0.8 * likeness(plain))
        similar = self.client.call("feed.similar", item="i5", count=10)["items"]
        self.assertIn("vector", {reason["kind"] for item in similar for reason in item["reasons"]})
        near = set(self.shop.best(self.shop.vectors["i5"], {"i5"})[:100])
        self.assertGreaterEqual(len(near & {item["id"] for item in similar}), 8)

    def test_what_is_no_vector_is_refused_by_its_row(self):
        wrong = [[1.0] * 5, [0.0] * DIMENSION, "1 2 3", b"123", ["x"] * DIMENSION, 7, struct.pack(f"<{DIMENSION}f", *[math.inf] * DIMENSION), " ".join(["zwei"] * DIMENSION)]
        answer = self.client.call("item.put", items=[{"id": f"w{n}", "clip": value} for n, value in enumerate(wrong)])
        self.assertEqual([refused["row"] for refused in answer["refused"]], list(range(len(wrong))))
        messages = [refused["message"] for refused in answer["refused"]]
        self.assertIn("`clip` has 5 numbers; vectors of this space have 24", messages[0])
        self.assertIn("no direction", messages[1])
        with self.assertRaises(RpcError) as fault:
            self.client.call("schema.put", feed={"vectors": {"space": "kind", "dimension": 3}})
        self.assertIn("already", fault.exception.message)
        with self.assertRaises(RpcError):
            self.client.call("schema.put", feed={"vectors": {"space": "clip", "dimension": 257}})

    def test_zz_restarted_merged_forgotten_and_emptied(self):
        questions = [{"user": user, "narrow": narrow} for user in ("given", "folder", "plain") for narrow in ("never", "always")]
        before = [self.feed(**question)["items"] for question in questions]
        self.server.stop()
        type(self).server = Server(self.SHARDS, flags=("--data", self.directory.name))
        self.client.close()
        type(self).client = Client(self.server.address, "shop")
        self.assertEqual([self.feed(**question)["items"] for question in questions], before)
        self.assertEqual(self.client.call("schema.get")["feed"]["vectors"], {"space": "clip", "dimension": DIMENSION})
        # The vector of one person under two names goes with the other's.
        self.client.call("user.put", users=[{"id": f"new{n}"} for n in range(4)])
        for n in range(4):
            self.client.call("user.put", user={"id": f"old{n}", "clip": self.shop.vectors["i3"]})
            self.client.call("user.merge", **{"from": f"old{n}", "into": f"new{n}"})
            self.assertEqual(self.feed(user=f"new{n}", scores=ONLY_VECTORS)["items"][0]["id"], "i3")
        # nil clears, absent leaves; forgetting takes it.
        self.client.call("user.put", user={"id": "given"})
        self.assertEqual(self.feed(user="given", scores=ONLY_VECTORS)["items"][0]["contributions"].keys(), {"vector"})
        self.client.call("user.forget", id="given")
        self.assertEqual(self.feed(user="given", scores=ONLY_VECTORS)["items"][0]["score"], 0)
        self.client.call("item.put", item={"id": "i3", "clip": None})
        self.assertNotEqual(self.feed(user="new1", scores=ONLY_VECTORS)["items"][0]["id"], "i3")
        # Another space forgets the vectors of the old one.
        self.client.call("schema.put", feed={"vectors": {"space": "clip-2", "dimension": 3}})
        self.assertEqual(self.feed(user="new1", scores=ONLY_VECTORS)["items"][0]["score"], 0)
        self.client.call("item.put", item={"id": "i9", "clip-2": [1, 2, 3]})
        self.client.call("user.put", user={"id": "new1", "clip-2": [1, 2, 3]})
        self.assertEqual(self.feed(user="new1", scores=ONLY_VECTORS)["items"][0]["id"], "i9")


class Files(unittest.TestCase):
    """The same vectors from files: a column of numbers, and JSON arrays."""

    def test_vectors_are_loaded_from_files(self):
        shop = Shop()
        rows = [item for item in list(shop.vectors)[:200]]
        with Server(2) as server, tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/items.csv", "w", encoding="utf-8") as file:
                file.write("id,embedding\n")
                for item in rows[:100]:
                    file.write(f'{item},"{" ".join(repr(x) for x in shop.vectors[item])}"\n')
                file.write('broken,"1 2 3"\n')
            with open(f"{folder}/more.jsonl", "w", encoding="utf-8") as file:
                for item in rows[100:]:
                    file.write(json.dumps({"id": item, "embedding": shop.vectors[item]}) + "\n")
            with open(f"{folder}/users.jsonl", "w", encoding="utf-8") as file:
                file.write(json.dumps({"id": "王小明", "embedding": shop.vectors["i3"]}) + "\n")
            with open(f"{folder}/shop.map", "w", encoding="utf-8") as file:
                for section, name in (("items", "items.csv"), ("items", "more.jsonl"), ("users", "users.jsonl")):
                    file.write(f"[{section}]\nfile = {name}\nid = id\nclip : vector({DIMENSION}) = embedding\n")
            command = [SHOAL, "--addr", server.address, "--workspace", "shop", "load", "--map", f"{folder}/shop.map", "--rejects", f"{folder}/rejects.csv"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            self.assertIn("vectors of this space have 24", open(f"{folder}/rejects.csv", encoding="utf-8").read(), done.stderr)
            client = Client(server.address, "shop")
            feed = client.call("feed.get", user="王小明", scores=ONLY_VECTORS, count=5)
            expected = sorted(rows, key=lambda item: -cosine(shop.vectors["i3"], shop.vectors[item]))[:5]
            self.assertEqual([item["id"] for item in feed["items"]], expected)
            client.close()


class VectorsOnTwoShards(Vectors):
    SHARDS = 2

    def test_one_shard_says_the_same(self):
        questions = [{"user": user, "narrow": narrow, "count": 30} for user in ("given", "folder", "plain") for narrow in ("never", "always")]
        with Server(1) as server:
            client = Client(server.address, "shop")
            self.shop.stock(client)
            for question in questions:
                other = client.call("feed.get", now=NOW, seed=1, explain="full", **question)
                self.assertEqual(self.feed(**question)["items"], other["items"], question)
            client.close()


if __name__ == "__main__":
    unittest.main()
