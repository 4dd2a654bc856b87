"""A feed that learns from what it served: a population of strangers whose taste only their group tells, clicks that carry
the rec_id, and what the shop knows afterwards. On one shard and on two, before a restart and after."""
import random
import subprocess
import tempfile
import time
import unittest

from rpc import SHOALD, Client, RpcError, Server

MINUTE = 60_000
KINDS = ["茶", "coffee", "tin", "cup", "酒", "soap", "lamp", "book"]
GROUPS = 4
ITEMS = 64
COUNT = 8


def schema(**learning):
    return {
        "users": {"attributes": [{"name": "group", "type": "string"}]},
        "items": {"attributes": [{"name": "kind", "type": "string"}, {"name": "price", "type": "decimal", "scale": 2}]},
        "events": [{"name": "view"}, {"name": "cart"}, {"name": "purchase", "amount_scale": 2}],
        "feed": {"explore_every": 8, "learning": {"share": 1, "window_minutes": 1, "category": "kind", "price": "price", **learning}},
    }


class Population:
    """Everybody comes once. A group likes two kinds, and the order on the page counts a little."""

    def __init__(self, client, start):
        self.client = client
        self.random = random.Random(7)
        self.now = start
        self.visits = 0
        self.shown = self.clicks = 0

    def stock(self):
        self.client.call("item.put", items=[{"id": f"i{n}", "kind": KINDS[n % len(KINDS)], "price": 100 + n} for n in range(ITEMS)])

    def visit(self):
        self.visits += 1
        self.now += 5_000
        user, group = f"u{self.visits}", self.visits % GROUPS
        self.client.call("user.put", user={"id": user, "group": f"g{group}"})
        feed = self.client.call("feed.get", user=user, count=COUNT, now=self.now, seed=self.visits)
        events = []
        for place, item in enumerate(feed["items"]):
            kind = int(item["id"][1:]) % len(KINDS)
            likes = kind % GROUPS == group
            if self.random.random() < (0.5 if likes else 0.03) / (1 + 0.1 * place):
                events.append({"type": "view", "user": user, "item": item["id"], "time": self.now + 1000 + place, "rec_id": feed["rec_id"]})
        if events:
            self.client.call("event.append", events=events)
        self.shown += len(feed["items"])
        self.clicks += len(events)
        return feed

    def rate(self, visits):
        shown, clicks = self.shown, self.clicks
        for _ in range(visits):
            self.visit()
        return (self.clicks - clicks) / (self.shown - shown)


def settled(client, feeds):
    """What was served is written after the answer: wait for it."""
    for _ in range(200):
        learning = client.call("feed.learning")
        if learning["feeds"] >= feeds:
            return learning
        time.sleep(0.01)
    raise AssertionError(f"{learning['feeds']} feeds of {feeds} are remembered")


def without_time(answer):
    return {key: value for key, value in answer.items() if key not in ("took_us", "memory_bytes")}


class Kept:
    """shoald on a folder, so that it can be started again."""

    def __init__(self, folder, shards):
        self.address = f"unix:{folder}/socket"
        self.process = subprocess.Popen(
            [SHOALD, "--listen", self.address, "--shards", str(shards), "--data", f"{folder}/data", "--io", "epoll"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        for _ in range(400):
            try:
                Client(self.address).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("shoald did not start")

    def kill(self):
        self.process.kill()
        self.process.wait(30)


class Learning(unittest.TestCase):
    def start(self):
        return (int(time.time() * 1000) - 20 * 86_400_000) // MINUTE * MINUTE

    def run_shop(self, client, **learning):
        client.call("schema.put", **schema(**learning))
        shop = Population(client, self.start())
        shop.stock()
        early = shop.rate(100)
        shop.rate(500)
        return shop, early, shop.rate(200)

    def check_figures(self, client, shop):
        learning = settled(client, shop.visits)
        click = learning["goals"]["click"]
        self.assertEqual((learning["feeds"], learning["items"]), (shop.visits, shop.shown))
        self.assertEqual((click["acts"], learning["unknown"], learning["lost"]), (shop.clicks, 0, 0))
        self.assertEqual(sum(place["shown"] for place in learning["places"]), shop.shown)
        self.assertEqual(sum(place["click"] for place in learning["places"]), shop.clicks)
        self.assertEqual(learning["explored"]["shown"], shop.visits)
        # Said before it was known: better than the score alone, which is better than one rate for all.
        self.assertLess(click["loss"], 0.95 * click["loss_blend"])
        self.assertLess(click["loss_blend"], click["loss_rate"] + 0.01)
        self.assertTrue(click["used"])

    def test_clicks_rise(self):
        late_rates = []
        for shards in (1, 2):
            with self.subTest(shards=shards), Server(shards=shards) as server:
                with server.client(workspace="learning") as client:
                    shop, early, late = self.run_shop(client)
                    self.check_figures(client, shop)
                    self.assertGreater(late, 1.8 * early, f"{late} after {early}")
                    late_rates.append(late)
                if shards == 2:
                    continue
                with server.client(workspace="blind") as client:
                    _, _, blind = self.run_shop(client, rank=False)
                    self.assertGreater(late, 1.8 * blind, f"{late}, and {blind} with the score alone")
        # Impressions reach the shards after the answer, so two shards may learn a moment later; no more than that.
        self.assertLess(abs(late_rates[0] - late_rates[1]), 0.05)

    def test_propensities_are_shares(self):
        """The explored place of many feeds: an item stands there as often as its propensities say."""
        with Server() as server, server.client(workspace="shop") as client:
            client.call("schema.put", **schema(share=0))
            client.call("item.put", items=[{"id": f"i{n}", "kind": KINDS[n % 8]} for n in range(24)])
            client.call("schema.put", feed={"learning": {"share": 1}})
            weights = {}
            for seed in range(600):
                feed = client.call("feed.get", user="谁", count=COUNT, seed=seed)
                rec_id = feed["rec_id"]
                if seed < 40 and feed["items"][7]["id"] in ("i3", "i7"):
                    client.call("event.append", event={"type": "view", "user": "谁", "item": feed["items"][7]["id"], "time": 1, "rec_id": rec_id})
            settled(client, 600)
            page = client.call("feed.impressions", limit=1000)
            self.assertFalse(page["more"])
            self.assertEqual(len(page["impressions"]), 600)
            for impression in page["impressions"]:
                self.assertEqual([item["place"] for item in impression["items"]], list(range(1, COUNT + 1)))
                self.assertTrue(all(item["propensity"] == 1 and not item["explored"] for item in impression["items"][:7]))
                drawn = impression["items"][7]
                self.assertTrue(drawn["explored"] and 0 < drawn["propensity"] <= 1)
                weights[drawn["id"]] = weights.get(drawn["id"], 0) + 1 / drawn["propensity"]
            # Each draw weighed by 1 / its chance counts each item that can be drawn once a feed.
            first = {item["id"] for item in page["impressions"][0]["items"][:7]}
            self.assertAlmostEqual(sum(weights.values()) / 600 / (24 - len(first)), 1, delta=0.25)

    def test_what_an_event_is_credited_to(self):
        with Server() as server, server.client(workspace="shop") as client:
            client.call("schema.put", **schema(goals={"click": 1, "purchase": 4, "amount": 0.01}, events={"cart": "none"}))
            client.call("item.put", items=[{"id": f"i{n}", "kind": "茶"} for n in range(4)])
            feed = client.call("feed.get", user="甲", count=2)
            settled(client, 1)
            item = feed["items"][0]["id"]
            base = {"user": "甲", "item": item, "time": 5, "rec_id": feed["rec_id"]}
            client.call("event.append", events=[{"type": "view", "id": "1", **base}, {"type": "view", "id": "1", **base}, {"type": "view", "id": "2", **base}])
            client.call("event.append", fields=["type", "user", "item", "time", "amount", "rec_id"],
                        rows=[["purchase", "甲", item, 6, "12.50", feed["rec_id"]], ["cart", "甲", item, 6, None, feed["rec_id"]], ["view", "甲", "i9", 6, None, feed["rec_id"]],
                              ["view", "甲", item, 7, None, None]])
            shown = client.call("feed.impressions")["impressions"][0]["items"][0]
            self.assertEqual((shown["id"], shown["click"], shown["cart"], shown["purchase"], shown["amount"]), (item, 1, 0, 1, "12.50"))
            learning = client.call("feed.learning")
            self.assertEqual([learning["goals"][goal]["acts"] for goal in ("click", "cart", "purchase")], [1, 0, 1])
            # An event may be here before what it answers.
            client.call("event.append", event={"type": "view", "user": "乙", "item": "i1", "time": 5, "rec_id": "abc"})
            self.assertEqual(client.call("feed.learning")["unknown"], 1)
            client.call("feed.served", rec_id="abc", user="乙", items=["i0", ["i1", 2.5, 0.25]])
            after = client.call("feed.impressions", after=1)["impressions"][0]
            self.assertEqual((after["rec_id"], [item["click"] for item in after["items"]], after["items"][1]["propensity"]), ("abc", [0, 1], 0.25))
            for words, fault in (({"rec_id": "xyz", "items": []}, "digits"), ({"rec_id": "1"}, "items"), ({"rec_id": "1", "items": [["i1", 1, 2]]}, "0 to 1"),
                                 ({"rec_id": "1", "items": ["i1"], "hour": 24}, "hour")):
                with self.assertRaisesRegex(RpcError, fault):
                    client.call("feed.served", **words)
            # What is refused leaves nothing behind, not even the name of an item.
            known = client.call("stats")["workspace"]["items"]
            for words, fault in (({"items": ["never seen", ["i1", 1, 2]]}, "0 to 1"), ({"items": ["never seen"] + [7.5]}, "items")):
                with self.assertRaisesRegex(RpcError, fault):
                    client.call("feed.served", rec_id="2", **words)
            self.assertEqual(client.call("stats")["workspace"]["items"], known)
            refused = client.call("event.append", events=[{"type": "view", "user": "甲", "item": item, "time": 9, "rec_id": 12}])["refused"]
            self.assertIn("rec_id", refused[0]["message"])
            # Who is forgotten leaves no feeds behind.
            client.call("user.forget", id="甲")
            self.assertEqual([len(impression["items"]) for impression in client.call("feed.impressions")["impressions"]], [0, 2])
            self.assertEqual(client.call("feed.get", user="乙", record=False)["rec_id"] == "abc", False)
            time.sleep(0.05)
            self.assertEqual(client.call("feed.learning")["feeds"], 2)
            with self.assertRaisesRegex(RpcError, "click"):
                client.call("schema.put", feed={"learning": {"events": {"view": "buy"}}})
            self.assertEqual(client.call("schema.get")["feed"]["learning"]["events"], {"view": "click", "cart": "none", "purchase": "purchase"})

    def test_it_survives_a_kill(self):
        for shards in (1, 2):
            with self.subTest(shards=shards), tempfile.TemporaryDirectory() as folder:
                server = Kept(folder, shards)
                with Client(server.address, workspace="shop") as client:
                    client.call("schema.put", **schema())
                    shop = Population(client, self.start())
                    shop.stock()
                    shop.rate(60)
                    settled(client, 60)
                    client.call("snapshot")
                    shop.rate(60)
                    settled(client, 120)
                    client.call("user.put", user={"id": "after"})
                    now = shop.now
                    before = without_time(client.call("feed.learning", now=now)), client.call("feed.impressions", limit=500)["impressions"]
                server.kill()
                server = Kept(folder, shards)
                with Client(server.address, workspace="shop") as client:
                    self.assertEqual((without_time(client.call("feed.learning", now=now)), client.call("feed.impressions", limit=500)["impressions"]), before)
                server.kill()


if __name__ == "__main__":
    unittest.main()
