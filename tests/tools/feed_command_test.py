"""The commands about feeds, scenes, models and whatever has no command of its own, against a real server of two shards."""
import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from rpc import SHOAL, Server  # noqa: E402

DAY = 86_400_000
NOW = int(time.time()) // 3600 * 3_600_000


class FeedCommands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="shoal-feed-command-"))
        cls.server = Server(shards=2)
        with cls.server.client(workspace="shop") as client:
            client.call("schema.put", users={"attributes": [{"name": "tier", "type": "string"}]},
                        items={"attributes": [{"name": "kind", "type": "string"}, {"name": "stock", "type": "int"}]},
                        events=[{"name": "view"}, {"name": "purchase"}], feed={"eligible": "stock > 0", "learning": {"share": 1}})
            client.call("item.put", items=[{"id": f"{kind}{i}", "kind": kind, "stock": i} for kind in ("茶", "cup", "rug") for i in range(6)])
            client.call("user.put", users=[{"id": f"u{i}", "tier": "gold" if i % 2 else "silver"} for i in range(12)])
            client.call("event.append", events=[{"type": "view", "user": f"u{u}", "item": f"{kind}{i}", "time": NOW - (u + i) * 3_600_000}
                                                for u in range(12) for kind in ("茶", "cup") for i in range(1, 4) if (u + i) % 3])
            client.call("event.append", events=[{"type": "purchase", "user": "u1", "item": "茶2", "time": NOW - DAY}])

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def shoal(self, *words, stdin=None, status=0):
        done = subprocess.run([SHOAL, "--addr", self.server.unix, "--workspace", "shop", *map(str, words)], input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder, timeout=60, env={**os.environ, "LANG": "C.UTF-8"})
        self.assertEqual(done.returncode, status, done)
        return done.stdout if status == 0 else done.stderr

    def ask(self, *words, **how):
        return json.loads(self.shoal("--format", "json", *words, **how))

    def test_any_other_rule_of_a_feed(self):
        plain = self.ask("feed", "u0", "--count", 5, "--seed", 1)["items"]
        pinned = self.ask("feed", "u0", "--count", 5, "--seed", 1, "--with", '{"pins": [{"item": "rug5", "place": 1}], "explain": "full"}')["items"]
        self.assertNotEqual(plain[0]["id"], "rug5")
        self.assertEqual((pinned[0]["id"], pinned[0]["rules"]), ("rug5", ["pin"]))
        (self.folder / "rules.json").write_text('{"weights": {"view": 0.5}}')
        self.assertEqual(len(self.ask("feed", "u0", "--with", "@rules.json")["items"]), 10)
        batch = self.ask("feeds", "--users", "u0,u1", "--count", 2, "--with", '{"pins": [{"item": "rug5", "place": 2}]}')["feeds"]
        self.assertEqual([feed["items"][1]["id"] for feed in batch], ["rug5", "rug5"])
        self.assertIn("`mrr`", self.shoal("feed", "u0", "--with", '{"mrr": 1}', status=1))
        self.assertIn("line 1", self.shoal("feed", "u0", "--with", "{", status=1))
        self.assertIn("JSON object", self.shoal("feed", "u0", "--with", "[1]", status=1))
        self.assertIn("event type `vew`", self.shoal("feed", "u0", "--with", '{"weights": {"vew": 1}}', status=1))

    def test_why_an_item_is_in_a_feed_or_not(self):
        shown = self.shoal("feed-why", "u0", "茶1", "--seed", 1)
        self.assertRegex(shown, r"^茶1 is in the feed, in place \d+\n\d+ candidates, \d+ with a higher score; score ")
        self.assertIn("because: affinity", shown)
        self.assertIn("茶0 is not in the feed: the workspace's rule `eligible` does not allow it (eligible)", self.shoal("feed-why", "u0", "茶0"))
        self.assertIn("held back (held), by bought", self.shoal("feed-why", "u1", "茶2", "--count", 3))
        self.assertIn("the request's filter does not allow it", self.shoal("feed-why", "u0", "rug1", "--filter", "kind = 'cup'"))
        self.assertIn("the request excludes it", self.shoal("feed-why", "u0", "cup1", "--exclude", "cup1,cup2"))
        self.assertIn("others have higher scores", self.shoal("feed-why", "u0", "rug1", "--count", 1))
        parts = list(csv.DictReader(io.StringIO(self.shoal("--format", "csv", "feed-why", "u0", "茶1"))))
        fate = self.ask("feed-why", "u0", "茶1")
        told = {row["part"]: float(row["value"]) for row in parts if not row["part"].startswith("because")}
        self.assertEqual(set(told), {name for name, value in fate["contributions"].items() if value})
        self.assertAlmostEqual(sum(told.values()), fate["score"], places=3)
        anonymous = self.ask("feed-why", "cup3", "--session", "cup1,cup2", "--count", 2)
        self.assertIn(anonymous["stage"], ("shown", "score"))
        self.assertIn("there is no item", self.shoal("feed-why", "u0", "none", status=1))

    def test_scenes(self):
        rules = {"floor": 3, "boost": [{"where": "kind = 'rug'", "factor": 2, "name": "毯"}]}
        self.assertEqual(self.shoal("scene", "put", "首页", json.dumps(rules)), "首页: in force\n")
        self.assertEqual(self.shoal("scene", "put", "首页", "-", stdin=json.dumps(rules)), "首页: as it was\n")
        self.assertEqual(self.ask("scene", "get", "首页"), rules)
        self.assertIn("毯", self.shoal("scene", "list"))
        rows = list(csv.DictReader(io.StringIO(self.shoal("--format", "csv", "scene", "get", "首页"))))
        self.assertEqual({row["rule"]: json.loads(row["is"]) for row in rows}, rules)
        self.assertIn("did you mean kind?", self.shoal("scene", "put", "x", '{"eligible": "knd = 1"}', status=1))
        self.assertEqual(len(self.ask("feed", "u0", "--scene", "首页")["items"]), 10)
        self.assertEqual(self.shoal("scene", "remove", "首页"), "首页: removed\n")
        self.assertIn("no scene", self.shoal("scene", "remove", "首页", status=1))
        self.assertIn("scene: put NAME", self.shoal("scene", "put", "x", status=2))

    def test_models_are_trained_here_or_elsewhere(self):
        self.assertIn("plan 1", self.shoal("model", "train", "ease", "--every", "6"))
        likings = list(csv.DictReader(io.StringIO(self.shoal("model", "likings"))))
        self.assertIn({"item": "茶2", "weight": "5"}, [{"item": row["item"], "weight": row["weight"]} for row in likings])
        people = {row["user"] for row in likings}
        self.assertEqual(len(people), 12)
        until = time.monotonic() + 60
        while "trained_at" not in json.dumps(self.ask("model", "list")):
            self.assertLess(time.monotonic(), until, "it is not trained")
            time.sleep(0.05)
        self.assertRegex(self.shoal("model", "list"), r"(?m)^ease +")
        import base64
        import struct
        # What goes with 茶1, by somebody else's reckoning: a table of two items.
        rows = struct.pack("<I", 1) + struct.pack("<If", 1, 0.7) + struct.pack("<I", 1) + struct.pack("<If", 0, 0.7)
        part = {"number": 1, "part": 1, "parts": 1, "items": ["茶1", "rug3"], "rows": base64.b64encode(rows).decode(),
                "about": {"items": 2, "entries": 2, "scale": 1.0}}
        (self.folder / "table.jsonl").write_text(json.dumps(part) + "\n")
        self.shoal("model", "train", "knn")
        number = next(model["plan"]["number"] for model in self.ask("model", "list")["models"] if model["name"] == "knn")
        (self.folder / "table.jsonl").write_text(json.dumps({**part, "number": number}) + "\n")
        self.assertEqual(self.shoal("model", "put", "knn", "table.jsonl"), "knn: 1 parts, in use\n")
        self.assertIn("base64", self.shoal("model", "put", "knn", "-", stdin='{"rows": "?"}', status=1))
        self.assertIn("line 1", self.shoal("model", "put", "knn", "-", stdin="{\n", status=1))
        self.assertEqual(self.shoal("model", "remove", "knn"), "knn: removed\n")
        self.assertIn("no model", self.shoal("model", "remove", "knn", status=1))

    def test_a_feed_that_was_shown_elsewhere(self):
        before = self.ask("learning")["items"]
        self.assertEqual(self.shoal("served", "abc123", "cup1", "cup2", "--user", "u3"), "abc123: 2 items were shown\n")
        self.assertEqual(self.ask("learning")["items"], before + 2)
        self.assertIn("rec_id", self.shoal("served", "xyz", "cup1", status=1))

    def test_items_are_taken_off_the_list(self):
        self.assertEqual(self.shoal("unlist", "rug4"), "not listed any more: 1\n")
        self.assertIn("these were not listed: rug4", self.shoal("unlist", "rug4", status=1))
        self.assertIn("it is not listed (catalogue)", self.shoal("feed-why", "u0", "rug4"))

    def test_one_rule(self):
        self.shoal("rule", "put", "tea", "purchase where item.kind = '茶'", "interests", "tea", status=1)  # there is no such tag set
        self.shoal("call", "schema.put", '{"users": {"tag_sets": [{"name": "interests"}]}}')
        self.shoal("rule", "put", "tea", "purchase where item.kind = '茶'", "interests", "tea")
        self.assertIn("item.kind = '茶'", self.shoal("rule", "get", "tea"))
        self.assertEqual(self.ask("rule", "get", "tea")["tag"], "tea")
        self.assertIn("tea", self.shoal("rule", "get", "te", status=1))

    def test_any_method(self):
        self.assertEqual(json.loads(self.shoal("call", "audience.count", '{"where": "tier = \'gold\'"}'))["count"], 6)
        self.assertIn("took_us", json.loads(self.shoal("call", "ping")))
        self.assertEqual(json.loads(self.shoal("call", "audience.count", "-", stdin='{"where": "true"}'))["total"], 12)
        fault = self.shoal("call", "audience.count", '{"where": "teir = 1"}', status=1)
        self.assertIn("tier", fault)
        self.assertIn("^", fault)  # where in the expression
        self.assertIn("did you mean `audience.count`", self.shoal("call", "audience.cuont", status=1))
        self.assertIn("JSON", self.shoal("call", "ping", "{nope", status=2))


if __name__ == "__main__":
    unittest.main()
