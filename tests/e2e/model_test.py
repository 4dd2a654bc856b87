"""Trained tables through the real server: asked for, trained in the background, served, kept over restarts. One shard and
two must serve the same feed to the last bit, and what is served must be what the formulae of engine/train/train.h say,
worked out here in plain loops.
"""
import math
import random
import struct
import tempfile
import time
import unittest

from rpc import RpcError, Server

NOW = 1_700_000_000_000
METHODS = ("ials", "ease", "knn", "rp3")


def made_up(seed):
    """Events of people of three kinds, who like things of their kind."""
    draw = random.Random(seed)
    rows = []
    for user in range(90):
        for item in range(45):
            if draw.random() < (0.35 if user % 3 == item % 3 else 0.05):
                kind = draw.choice(["view", "view", "cart", "purchase"])
                rows.append([kind, f"用户{user}", f"item{item}", NOW - 1000 * (user * 50 + item)])
    return sorted(rows, key=lambda row: row[3])


def load(client, rows):
    client.call("schema.put", events=[{"name": name} for name in ("view", "cart", "purchase")],
                feed={"scores": {"affinity": 0, "popularity": 0, "recency": 0, "session": 0, "pairs": 0, "walk": 0},
                      "bought_days": 0})
    client.call("item.put", fields=["id"], rows=[[f"item{item}"] for item in range(45)])
    client.call("event.append", fields=["type", "user", "item", "time"], rows=rows)


def wait_for(client, method, number, seconds=20):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        model = next(one for one in client.call("model.list")["models"] if one["name"] == method)
        if model.get("fault"):
            return model
        if model.get("table", {}).get("number") == number:
            return model
        time.sleep(0.1)
    raise AssertionError(f"{method} was not trained in {seconds} s: {model}")


def train(client, method, **settings):
    return wait_for(client, method, client.call("model.train", name=method, **settings)["number"])


def feed(client, user, **more):
    answer = client.call("feed.get", user=user, count=45, now=NOW + 1000, seed=1, **more)
    return [(item["id"], item["score"], item["sources"]) for item in answer["items"]]


def likings(rows):
    weights = {"view": 1, "cart": 3, "purchase": 5}
    found = {}
    for kind, user, item, _ in rows:
        own = found.setdefault(user, {})
        own[item] = max(own.get(item, 0), weights[kind])
    return found


class Models(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rows = made_up(11)
        cls.servers = [Server(shards=1), Server(shards=2, io="epoll")]
        cls.clients = [server.client(workspace="店", timeout=60) for server in cls.servers]
        for client in cls.clients:
            load(client, cls.rows)

    @classmethod
    def tearDownClass(cls):
        for client, server in zip(cls.clients, cls.servers):
            client.close()
            server.stop()

    def tearDown(self):
        for client in self.clients:
            for method in METHODS:
                client.call("model.remove", name=method)

    def test_shards_serve_the_same_and_the_formula_holds(self):
        likes = likings(self.rows)
        for client in self.clients:
            model = train(client, "knn", neighbours=1024, shrink=10)
            self.assertEqual(model["table"]["likings"], sum(len(own) for own in likes.values()))
            self.assertEqual(model["table"]["users"], len(likes))
            self.assertFalse(model["due"])
        scale = model["table"]["scale"]
        sums = {}
        for own in likes.values():
            for item, weight in own.items():
                sums[item] = sums.get(item, 0) + weight

        def cosine(i, j):
            together = sum(min(own[i], own[j]) for own in likes.values() if i in own and j in own)
            return together / (math.sqrt(sums[i] * sums[j]) + 10)

        for user in list(likes)[:20]:
            feeds = [feed(client, user) for client in self.clients]
            self.assertEqual(feeds[0], feeds[1])
            for item, score, sources in feeds[0]:
                wanted = sum(cosine(liked, item) for liked in likes[user] if liked != item) / scale
                self.assertAlmostEqual(score, wanted, delta=1e-5 * (1 + wanted))
                self.assertEqual("trained" in sources, wanted > 0)

    def test_every_method_alone_and_all_together(self):
        numbers = []
        for method in METHODS:
            settings = {"dimensions": 16, "epochs": 4} if method == "ials" else {"neighbours": 40}
            numbers.append([train(client, method, **settings)["table"] for client in self.clients])
        for tables in numbers:
            self.assertEqual(tables[0]["scale"], tables[1]["scale"])
            self.assertEqual(tables[0]["items"], 45)
        hits = 0
        for user in range(40):
            feeds = [feed(client, f"用户{user}") for client in self.clients]
            self.assertEqual(feeds[0], feeds[1])
            hits += sum(int(item[4:]) % 3 == user % 3 for item, _, _ in feeds[0][:5])
        self.assertGreater(hits, 0.8 * 5 * 40)  # things of their kind; a third would be luck
        answers = [client.call("feed.get", user="用户3", count=5, now=NOW + 1000, seed=1) for client in self.clients]
        self.assertEqual(answers[0]["items"], answers[1]["items"])
        reasons = [reason for item in answers[0]["items"] for reason in item["reasons"]]
        self.assertTrue(any(reason["kind"] == "trained" and reason["of"] in METHODS for reason in reasons), reasons)

    def test_an_event_moves_the_next_feed_and_a_visit_without_a_name_has_one(self):
        for client in self.clients:
            train(client, "ials", dimensions=16, regularisation=0.1)
            by_event = by_visit = 0
            for liked in range(9):
                self.assertTrue(all("trained" not in sources for _, _, sources in feed(client, "somebody new")))
                client.call("event.append", event={"type": "purchase", "user": "somebody new", "item": f"item{liked}", "time": NOW})
                best = feed(client, "somebody new", exclude=[f"item{liked}"])
                client.call("user.forget", id="somebody new")
                visit = client.call("feed.get", session=[f"item{liked}"], exclude=[f"item{liked}"], count=5, now=NOW, seed=1)["items"]
                by_event += sum(int(item[4:]) % 3 == liked % 3 for item, _, _ in best[:5])
                by_visit += sum(int(item["id"][4:]) % 3 == liked % 3 for item in visit)
            self.assertGreater(by_event, 0.6 * 45)  # a third would be luck
            self.assertGreater(by_visit, 0.6 * 45)

    def test_tables_from_elsewhere_and_faults(self):
        for client in self.clients:
            row = struct.pack("<I", 1) + struct.pack("<If", 1, 2.5) + struct.pack("<I", 0)
            put = {"name": "ease", "number": 1, "items": ["item1", "item2"], "rows": row, "about": {"items": 2, "entries": 1}}
            self.assertTrue(client.call("model.put", **put)["whole"])
            client.call("event.append", event={"type": "view", "user": "u", "item": "item1", "time": NOW})
            self.assertEqual(feed(client, "u")[0][:2], ("item2", 2.5))
            client.call("user.forget", id="u")
            for change, words in [({"rows": row[:-1]}, "end within a row"), ({"rows": row + b"\0"}, "more than `items`"),
                                  ({"about": {"items": 2, "entries": 2}}, "fewer items or entries"),
                                  ({"about": {"items": 3, "entries": 1}}, "fewer items or entries"),
                                  ({"about": None}, "`about`"), ({"part": 2, "parts": 2}, "does not follow"),
                                  ({"name": "eas"}, "`name` is"), ({"rows": "text"}, "must be bin"),
                                  ({"rows": struct.pack("<IIfI", 1, 1, math.nan, 0)}, "not -1,000,000")]:
                before = client.call("stats")["workspace"]["items"]
                with self.assertRaises(RpcError) as caught:
                    client.call("model.put", **{**put, "items": ["item1", "never seen"], **change})
                self.assertIn(words, str(caught.exception))
                self.assertEqual(client.call("stats")["workspace"]["items"], before)  # no item is known by a part that is refused
            factors = {"name": "ials", "number": 1, "items": ["item1"], "rows": struct.pack("<16f", *range(16)),
                       "about": {"items": 1, "dimensions": 16, "gram": struct.pack("<256f", *([1.0] * 255 + [math.nan]))}}
            with self.assertRaisesRegex(RpcError, "gram"):
                client.call("model.put", **factors)
            for settings, words in [({"name": "ials", "dimensions": 17}, "multiple of 16"), ({"name": "knn", "shrunk": 1}, "shrunk"),
                                    ({"name": "ease", "regularisation": 0}, "regularisation"), ({}, "name")]:
                with self.assertRaises(RpcError) as caught:
                    client.call("model.train", **settings)
                self.assertIn(words, str(caught.exception))

    def test_nothing_to_learn_from_is_said_and_not_tried_again(self):
        with self.servers[0].client(workspace="empty") as client:
            client.call("schema.put", events=[{"name": "view"}])
            model = train(client, "ease")
            self.assertIn("nobody likes anything", model["fault"])
            self.assertFalse(model["due"])
            client.call("model.remove", name="ease")

    def test_likings_come_in_pages(self):
        likes = likings(self.rows)
        for client in self.clients:
            found, at = {}, 0
            while True:
                answer = client.call("model.likings", at=at, count=7)
                for page in answer["pages"]:
                    rows, place = page["rows"], 0
                    while place < len(rows):
                        key, count = struct.unpack_from("<QI", rows, place)
                        place += 12
                        for _ in range(count):
                            number, weight = struct.unpack_from("<If", rows, place)
                            place += 8
                            found.setdefault(key, {})[page["items"][number]] = weight
                at = answer["next"]
                if at == 0:
                    break
            self.assertEqual(sorted(map(sorted_items, found.values())), sorted(map(sorted_items, likes.values())))


def sorted_items(own):
    return sorted(own.items())


class Restarts(unittest.TestCase):
    def test_tables_survive_by_log_and_by_snapshot(self):
        rows = made_up(5)
        with tempfile.TemporaryDirectory(prefix="shoal-model-") as folder:
            flags = ("--data", folder)
            for shards in (1, 2):
                place = f"{folder}/{shards}"
                flags = ("--data", place)
                with Server(shards=shards, flags=flags) as server, server.client(workspace="店") as client:
                    load(client, rows)
                    train(client, "ials", dimensions=32)
                    before = [feed(client, f"用户{user}") for user in range(20)]
                with Server(shards=shards, flags=flags) as server, server.client(workspace="店") as client:
                    self.assertEqual([feed(client, f"用户{user}") for user in range(20)], before)
                    train(client, "ease", neighbours=10)
                    before = [feed(client, f"用户{user}") for user in range(20)]
                    client.call("snapshot")
                with Server(shards=shards, flags=flags) as server, server.client(workspace="店") as client:
                    self.assertEqual([feed(client, f"用户{user}") for user in range(20)], before)
                    models = {model["name"]: model for model in client.call("model.list")["models"]}
                    self.assertEqual((models["ials"]["table"]["number"], models["ease"]["table"]["number"]), (1, 2))


if __name__ == "__main__":
    unittest.main()
