"""shoal export: what comes out is what is there; whoever is killed when, the finished file has the bytes of one that was not interrupted;
and what was exported, loaded again, is the same shop."""
import csv
import gzip
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.path.insert(0, str(ROOT / "tests" / "tools"))

from rpc import BUILD, SHOAL, SHOAL_GEN, Client, Server  # noqa: E402
from stream_test import Kept  # noqa: E402

SEED = int(os.environ.get("SHOAL_SEED", "11"))
NOW = "2026-02-01"
NOW_MS = 1_769_875_200_000
NUMBERS = BUILD / "tests" / "roaring_numbers"
NASTY = ["plain", "", " ", " lead", "trail ", "a,b", 'say "x"', "two\nlines", "cr\rlf\r\n", "制表\t符", "#hash", "'one'", "=1+1", "null", "表情😀", "\\n"]


def export(address, *words, check=True, **environment):
    done = subprocess.run([SHOAL, "--addr", address, "export", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, **environment})
    if check and done.returncode != 0:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}")
    return done


def load(address, folder):
    done = subprocess.run([SHOAL, "--addr", address, "load", "--map", f"{folder}/shop.map", "--quiet", "--rejects", f"{folder}/rejects.csv"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0 and not pathlib.Path(f"{folder}/rejects.csv").exists(), done.stdout


def whole(path):
    """The text of a file, whatever it is packed with."""
    path = pathlib.Path(path)
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes()).decode()
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-qdc", path], check=True, stdout=subprocess.PIPE).stdout.decode()
    return path.read_bytes().decode()


def rows(path):
    text = whole(path)
    if ".csv" in pathlib.Path(path).name:
        return list(csv.DictReader(io.StringIO(text, newline="")))
    return [json.loads(line) for line in text.splitlines()]


def everything(client):
    """A workspace as a value: users, items, events, what is saved; with nothing in it that depends on when it came in."""
    ids = client.call("audience.list", where="true", order="id", limit=100000)["ids"]
    users = client.call("user.get", ids=ids, fields=FIELDS)["users"]
    items, cursor, events = client.call("item.list", limit=65536)["ids"], None, []
    while True:
        page = client.call("event.list", limit=16384, **({"cursor": cursor} if cursor else {"now": NOW_MS * 2}))
        events += [{key: value for key, value in event.items() if key != "id"} for event in page["events"]]
        cursor = page.get("cursor")
        if cursor is None:
            break
    saved = [(s["name"], s["where"]) for s in client.call("segment.list", counts=False)["segments"]]
    schema = client.call("schema.get")
    del schema["took_us"]
    rules = [{k: v for k, v in rule.items() if k not in ("changed_at", "given")} for rule in client.call("rule.list")["rules"]]
    scenes = [(s["name"], s["rules"]) for s in client.call("scene.list")["scenes"]]
    tree = client.call("tree.get", name="places")["nodes"]
    return {"users": users, "items": client.call("item.get", ids=items)["items"], "events": events, "saved": saved, "schema": schema,
            "rules": rules, "scenes": scenes, "tree": tree, "plan": client.call("rfm.get")["plan"],
            "rfm": client.call("audience.rfm", now=NOW_MS)["grid"], "scores": [s["points"] for s in client.call("score.list")["scores"]]}


FIELDS = ["note", "n", "money", "day", "at", "yes", "tier", "city", "likes", "score.worth"]
SCHEMA = {
    "zone": "Asia/Shanghai",
    "users": {"attributes": [{"name": "note", "type": "string"}, {"name": "n", "type": "int"}, {"name": "money", "type": "decimal", "scale": 3},
                             {"name": "day", "type": "date"}, {"name": "at", "type": "time"}, {"name": "yes", "type": "bool"},
                             {"name": "tier", "type": "enum", "labels": ["it's", "银卡", "金, 卡"]}, {"name": "city", "type": "string"},
                             {"name": "phone", "type": "string"}],
              "tag_sets": [{"name": "likes"}]},
    "items": {"attributes": [{"name": "title", "type": "string"}, {"name": "价格", "type": "decimal"}], "tag_sets": [{"name": "kinds"}]},
    "events": [{"name": "view", "properties": [{"name": "store", "type": "string"}]},
               {"name": "purchase", "amount_scale": 3, "properties": [{"name": "store", "type": "string"}, {"name": "due", "type": "time"},
                                                                      {"name": "how", "type": "enum", "labels": ["cash", "card"]}]}],
    "feed": {"eligible": "价格 > 1", "weights": {"view": 2.5}},
    "privacy": {"personal": ["phone"]},
}


def fill(client, rng, users=1200, events=3000):
    client.call("schema.put", **SCHEMA)
    client.call("user.put", users=[
        {"id": rng.choice(["u", "用户", "x,y", 'q"', "#"]) + str(i), "note": rng.choice(NASTY), "n": rng.randrange(-10**15, 10**15),
         "money": f"{rng.randrange(-10**9, 10**9) / 1000:.3f}", "day": f"19{rng.randrange(10, 99)}-0{rng.randrange(1, 9)}-11",
         "at": rng.randrange(-10**12, 2 * 10**12), "yes": rng.random() < .5, "tier": rng.choice(["it's", "银卡", "金, 卡"]),
         "city": rng.choice(["上海", "杭州"]), "phone": str(rng.randrange(10**10)), "likes": rng.sample(["tea", "咖啡", "a b", "c,d", 'e"f', ";"], rng.randrange(4))}
        if rng.random() < .9 else {"id": f"bare{i}"} for i in range(users)])
    client.call("item.put", items=[{"id": f"item {i}", "title": rng.choice(NASTY), "价格": f"{i}.50", "kinds": ["a", "b"][:i % 3]} for i in range(300)])
    client.call("item.remove", ids=["item 3", "item 77"])
    client.call("event.append", events=[
        {"type": kind, "user": rng.choice(["u", "用户", "new"]) + str(rng.randrange(users)), "time": NOW_MS - rng.randrange(10**10), "item": f"item {rng.randrange(320)}",
         "store": rng.choice(NASTY), **({"amount": f"{rng.randrange(10**6) / 1000:.3f}", "due": rng.randrange(2 * 10**12), "how": rng.choice(["cash", "card"])}
                                        if kind == "purchase" else {}), **({"id": f"e{i}"} if rng.random() < .5 else {})}
        for i in range(events) for kind in [rng.choice(["view", "purchase"])]])
    client.call("event.append", event={"type": "view", "user": "u1", "time": NOW_MS + 10**11})  # dated later than any clock of a test
    client.call("tree.put", name="places", of=["city"], nodes=[{"name": "华东"}, {"name": "上海", "parent": "华东"}, {"name": "杭州", "parent": "华东"}])
    client.call("score.put", name="worth", points=[{"when": "n > 0", "points": 3}, {"when": "did(purchase)", "points": 4}])
    client.call("segment.put", name="it's", where="score.worth > 3 and city under '华东'", note="a note")
    client.call("segment.put", name="a first", where="in_segment('it''s') and yes")
    client.call("segment.put", name="nobody", where="n > 0 and n < 0")
    client.call("rule.put", name="buyer", on="purchase", tag_set="likes", tag="bought")
    client.call("scene.put", name="home", rules={"mmr": 0.5})
    client.call("rfm.put", event="purchase")
    client.call("rfm.refresh", now=NOW_MS)


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"seed {SEED}; SHOAL_SEED repeats it", file=sys.stderr)
        cls.server = Server(shards=2)
        cls.addClassCleanup(cls.server.stop)
        cls.client = cls.server.client(workspace="default")
        cls.addClassCleanup(cls.client.close)
        fill(cls.client, random.Random(SEED))

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="shoal-export-")))
        self.address = self.server.address

    def test_a_shop_that_is_loaded_again_is_the_same(self):
        before = everything(self.client)
        self.assertGreater(len(before["users"]), 1200)
        for turn, (shards, form) in enumerate([(1, "jsonl.zst"), (3, "csv.gz")]):
            place = self.folder / f"shop{turn}"
            export(self.address, "shop", "--out", place, "--as", form)
            self.assertEqual(sorted(os.listdir(place)), sorted(["manifest.json", "calls.jsonl", "shop.map", *(f"{k}.{form}" for k in ("users", "items", "events"))]))
            self.assertEqual(export(self.address, "--verify", place / "manifest.json").stdout.count("as the manifest says"), 5)
            with Server(shards=shards) as other:
                load(other.address, place)
                with other.client(workspace="default") as client:
                    after = everything(client)
                    for key, value in before.items():
                        self.assertEqual(after[key], value, (key, form))
                    load(other.address, place)  # again: nothing changes
                    self.assertEqual(everything(client), before)
                # And out again: the same bytes, whatever the number of shards.
                export(other.address, "shop", "--out", self.folder / f"again{turn}", "--as", form)
                for kind in "users", "items", "events":
                    a, b = rows(place / f"{kind}.{form}"), rows(self.folder / f"again{turn}/{kind}.{form}")
                    if kind == "events":  # who had no id has one made by the load
                        a, b = ([{k: v for k, v in row.items() if k != "id"} for row in some] for some in (a, b))
                    self.assertEqual(a, b)

    def test_rows_are_what_the_server_says(self):
        where = "n > 0 and city = '上海'"
        ids = self.client.call("audience.list", where=where, order="id", limit=100000)["ids"]
        for form in "csv", "jsonl", "csv.zst", "jsonl.gz":
            export(self.address, "audience", where, "--out", self.folder / f"bare.{form}")
            self.assertEqual([row["id"] for row in rows(self.folder / f"bare.{form}")], ids)
            manifest = json.loads((self.folder / f"bare.{form}.manifest.json").read_text())
            self.assertEqual((manifest["asked"]["where"], manifest["rows"], manifest["done"], manifest["skipped"]), (where, len(ids), True, 0))
            self.assertAlmostEqual(manifest["now"], time.time() * 1000, delta=60000)
        export(self.address, "audience", where, "--fields", "note,money,likes,at,score.worth", "--order", "money", "--desc", "--out", self.folder / "some.jsonl")
        told = self.client.call("audience.list", where=where, order="money", desc=True, fields=["note", "money", "likes", "score.worth"], limit=100000)["rows"]
        self.assertEqual([[row["id"], row.get("note"), row.get("money"), row.get("likes"), row.get("score.worth")] for row in rows(self.folder / "some.jsonl")], told)
        export(self.address, "segment", "it's", "--out", self.folder / "segment.csv")
        self.assertEqual([row["id"] for row in rows(self.folder / "segment.csv")],
                         self.client.call("audience.list", where="in_segment('it''s')", order="id", limit=100000)["ids"])
        export(self.address, "memberships", "--out", self.folder / "members.csv.gz")
        told = [(name, one) for name in ("a first", "it's", "nobody")
                for one in self.client.call("audience.list", where="in_segment('%s')" % name.replace("'", "''"), order="id", limit=100000)["ids"]]
        self.assertEqual(sorted((row["segment"], row["id"]) for row in rows(self.folder / "members.csv.gz")), sorted(told))
        export(self.address, "feeds", where, "--count", "3", "--fields", "title", "--out", self.folder / "feeds.jsonl", "--now", NOW)
        feeds = self.client.call("feed.batch", users=ids[:200], now=NOW_MS, feed={"count": 3, "seed": 1, "fields": ["title"]})["feeds"]
        told = [(feed["user"], place, item["id"], item["score"], item["fields"].get("title")) for feed in feeds for place, item in enumerate(feed["items"], 1)]
        self.assertEqual([(row["user"], row["place"], row["item"], row["score"], row.get("title")) for row in rows(self.folder / "feeds.jsonl")][:len(told)], told)
        export(self.address, "events", "--types", "purchase", "--from", "2025-12-01", "--until", "2026-01-01", "--out", self.folder / "events.jsonl.zst")
        found = rows(self.folder / "events.jsonl.zst")
        self.assertEqual({row["type"] for row in found}, {"purchase"})
        self.assertTrue(all("2025-11-30T16:00" <= row["time"] < "2025-12-31T16:00" for row in found))
        self.assertEqual(len(found), sum(self.client.call("audience.insight", where="true", now=NOW_MS, dimensions=[
            {"events": "purchase, between '2025-12-01' and '2025-12-31'", "per": "day"}])["dimensions"][0]["days"][i]["events"] for i in range(31)))

    def test_bitmaps_are_read_by_libroaring(self):
        if not NUMBERS.exists():
            self.skipTest("libroaring-dev is not installed")
        where = "city = '上海'"
        ids = self.client.call("audience.list", where=where, order="id", limit=100000)["ids"]
        export(self.address, "audience", where, "--out", self.folder / "a.roaring")
        table = {int(row["number"]): row["id"] for row in rows(self.folder / "a.roaring.numbers.csv")}
        self.assertEqual(list(table.values()), self.client.call("audience.list", where="true", order="id", limit=100000)["ids"])
        read = subprocess.run([NUMBERS, self.folder / "a.roaring"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        self.assertEqual([table[int(number)] for number in read], ids)
        export(self.address, "--verify", self.folder / "a.roaring.manifest.json")  # the engine's own import
        # Another set by the same table: the two can be crossed.
        export(self.address, "audience", "yes", "--table", self.folder / "a.roaring.numbers.csv", "--out", self.folder / "b.roaring")
        other = subprocess.run([NUMBERS, self.folder / "b.roaring"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        self.assertEqual(len(set(read) & set(other)), self.client.call("audience.count", where=f"{where} and yes")["count"])
        # By an attribute, or by the ids themselves; what is no number is named.
        with Client(self.address, workspace="numbers") as client:
            client.call("schema.put", users={"attributes": [{"name": "no", "type": "int"}, {"name": "name", "type": "string"}]})
            client.call("user.put", users=[{"id": i * i, "no": 70000 + i, "name": "x"} for i in range(3000)])
            client.call("user.put", user={"id": "4294967295", "no": None})
            for key, numbers in ("id", [*(i * i for i in range(3000)), 4294967295]), ("no", [70000 + i for i in range(3000)]):
                subprocess.run([SHOAL, "--addr", self.address, "--workspace", "numbers", "export", "users", "--key", key, "--out", self.folder / f"{key}.roaring"], check=True, stdout=subprocess.DEVNULL)
                read = subprocess.run([NUMBERS, self.folder / f"{key}.roaring"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
                self.assertEqual(list(map(int, read)), numbers)
            client.call("user.put", user={"id": "4294967296"})
            said = subprocess.run([SHOAL, "--addr", self.address, "--workspace", "numbers", "export", "users", "--key", "id", "--out", self.folder / "none.roaring"],
                                  stderr=subprocess.PIPE, text=True).stderr
            self.assertIn("4294967296", said)

    def test_what_is_not_as_the_manifest_says_is_found(self):
        out = self.folder / "u.csv"
        export(self.address, "users", "--out", out)
        manifest = f"{out}.manifest.json"
        good = out.read_bytes()
        for bad, words in ((good[:-1], "bytes, and the manifest says"), (good[:100] + b"~" + good[101:], "other bytes"), (good + b"x\n", "bytes, and")):
            out.write_bytes(bad)
            done = export(self.address, "--verify", manifest, check=False)
            self.assertEqual((done.returncode, words in done.stdout), (1, True), done.stdout)
        out.unlink()
        self.assertEqual(export(self.address, "--verify", manifest, check=False).returncode, 1)
        out.write_bytes(good)
        self.assertEqual(export(self.address, "--verify", manifest).returncode, 0)
        # The same again is done already; another question has to say so.
        before = os.stat(out).st_mtime_ns
        self.assertIn("rows", export(self.address, "users", "--out", out).stdout)
        self.assertEqual(os.stat(out).st_mtime_ns, before)
        done = export(self.address, "users", "--fields", "n", "--out", out, check=False)
        self.assertEqual((done.returncode, "--anew" in done.stdout), (1, True))
        export(self.address, "users", "--fields", "n", "--out", out, "--anew")
        self.assertEqual(set(rows(out)[0]), {"id", "n"})

    def test_bad_questions(self):
        for words, part in ((["users"], "--out"), (["users", "--out", "x.txt"], ".csv or .jsonl"), (["users", "x", "--out", "x.csv"], "no further word"),
                            (["audience", "--out", "x.csv"], "one word more"), (["items", "--order", "n", "--out", "x.csv"], "--order means nothing"),
                            (["events", "--out", "x.roaring"], ".roaring of an audience"), (["nothing", "--out", "x.csv"], "one of audience"),
                            (["users", "--key", "n", "--out", "x.csv"], "--key and --table"), (["--verify", "/no/such/file"], "No such file"),
                            (["audience", "n > ", "--out", f"{self.folder}/x.csv"], "expected"), (["users", "--out", "/no/such/folder/x.csv"], "No such file"),
                            (["users", "--fields", "nn", "--out", f"{self.folder}/y.csv"], "nn"),
                            (["users", "--fields", "likes", "--separator", " ", "--out", f"{self.folder}/z.csv"], "separator")):
            done = export(self.address, *words, check=False)
            self.assertIn(done.returncode, (1, 2), words)
            self.assertIn(part, done.stdout, words)


    def test_who_may_not_be_written_to_is_held_back(self):
        with Client(self.address, workspace="consent") as client:
            client.call("schema.put", privacy={"purposes": [{"name": "sms"}], "purpose_required": True})
            client.call("user.put", users=[{"id": f"u{i}", **({"consent_sms": "granted"} if i % 3 else {}), **({"suppressed": ["all"]} if i % 10 == 1 else {})} for i in range(300)])
            may = client.call("audience.list", where="true", order="id", limit=1000, **{"for": "sms"})["ids"]
            run = lambda *words: subprocess.run([SHOAL, "--addr", self.address, "--workspace", "consent", "export", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            done = run("users", "--for", "sms", "--fields", "consent_sms", "--out", self.folder / "sms.csv")
            self.assertEqual((done.returncode, [row["id"] for row in rows(self.folder / "sms.csv")]), (0, may), done.stdout)
            self.assertIn(f"held back: {300 - len(may)}", done.stdout)
            done = run("users", "--out", self.folder / "all.csv")
            self.assertEqual((done.returncode, "for" in done.stdout), (1, True), done.stdout)
            # A copy, and a table of numbers, write to nobody.
            self.assertEqual(run("shop", "--out", self.folder / "copy").returncode, 0)
            self.assertEqual(len(rows(self.folder / "copy/users.jsonl.zst")), 300)
            with Server(shards=1) as other:
                load(other.address, self.folder / "copy")
                with other.client(workspace="default") as copy:
                    self.assertEqual(copy.call("audience.list", where="true", order="id", limit=1000, **{"for": "sms"})["ids"], may)
            done = run("users", "--for", "sms", "--out", self.folder / "sms.roaring")
            self.assertEqual((done.returncode, len(rows(self.folder / "sms.roaring.numbers.csv"))), (0, 300), done.stdout)


class Interrupted(unittest.TestCase):
    """kill -9 of the export, and of the server, again and again."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="shoal-export-")))
        self.rng = random.Random(SEED)
        self.server = Kept(self.folder, 2)
        self.addCleanup(lambda: (self.server.kill(), self.server.log.close()))
        subprocess.run([SHOAL_GEN, "--out", self.folder / "gen", "--users", "6000", "--items", "300", "--events", "24000"], check=True, stdout=subprocess.DEVNULL)
        load(self.server.address, self.folder / "gen")
        with Client(self.server.address, workspace="default") as client:
            client.call("segment.put", name="a", where="points > 300")
            client.call("segment.put", name="b", where="did(purchase)")

    def killed(self, words, out, chance):
        """Run it until it is done, killed after a random while; how often it was."""
        count = 0
        while True:
            again = ["--resume", self.manifest(out)] if count % 2 and self.manifest(out).exists() else [*words, "--out", out]
            process = subprocess.Popen([SHOAL, "--addr", self.server.address, "export", *map(str, again)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                said = process.communicate(timeout=self.rng.random() * chance)[1]
                self.assertEqual(process.returncode, 0, said.decode())
                return count
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                count += 1
                self.assertLess(count, 500)

    @staticmethod
    def manifest(out):
        return out / "manifest.json" if out.is_dir() else pathlib.Path(f"{out}.manifest.json")

    @staticmethod
    def bytes_of(out):
        return {one.name: one.read_bytes() for one in sorted(out.iterdir()) if one.name != "manifest.json"} if out.is_dir() else out.read_bytes()

    def test_the_finished_file_has_the_same_bytes(self):
        kills = 0
        for words, name in ((["users"], "u.jsonl.zst"), (["events"], "e.csv.gz"), (["events", "--types", "view,cart"], "e.jsonl"),
                            (["audience", "points > 100", "--fields", "name,points"], "a.csv"), (["memberships"], "m.csv.zst"),
                            (["audience", "points > 100"], "r.roaring"), (["shop"], "shop")):
            out, other = self.folder / name, self.folder / f"other-{name}"
            words = words if words[0] in ("items", "events") else [*words, "--now", NOW]
            begin = time.monotonic()
            export(self.server.address, *words, "--out", out)
            kills += self.killed(words, other, 1.2 * (time.monotonic() - begin))  # however fast the machine is, some come before the end
            one, two = self.bytes_of(out), self.bytes_of(other)
            if isinstance(one, dict):
                self.assertEqual(one.keys(), two.keys())
            self.assertTrue(one == two, name)
            export(self.server.address, "--verify", self.manifest(other))
            left = [one.name for one in self.folder.iterdir() if one.suffix in (".part", ".ids", ".new")]
            self.assertEqual(left, [])
        print(f"{kills} kills", file=sys.stderr)
        self.assertGreater(kills, 0)

    def test_the_server_may_be_killed_and_come_back(self):
        out, other = self.folder / "shop", self.folder / "other"
        export(self.server.address, "shop", "--out", out, "--now", NOW)
        stop = threading.Event()

        def trouble():
            for _ in range(4):
                if stop.wait(.3 + self.rng.random()):
                    return
                self.server.kill()
                self.server.start()
        thread = threading.Thread(target=trouble)
        thread.start()
        try:
            done = export(self.server.address, "shop", "--out", other, "--now", NOW, check=False)
            end = time.monotonic() + 60
            while done.returncode != 0 and time.monotonic() < end:
                done = export(self.server.address, "--resume", other / "manifest.json", check=False)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue(self.bytes_of(out) == self.bytes_of(other))


class Roles(unittest.TestCase):
    def test_a_token_for_exports_gets_what_it_may_see_and_stands_in_the_log(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            with Server(shards=2, flags=["--access", f"{folder}/access.json", "--audit", f"{folder}/audit"]) as server:
                with Client(server.unix, workspace="default") as owner:
                    fill(owner, random.Random(SEED), 200, 400)
                    tokens = {name: owner.call("token.create", id=name, roles=roles)["token"]
                              for name, roles in (("out", ["export"]), ("all", ["export", "personal", "audience", "schema", "feed"]), ("ask", ["audience"]))}
                export(server.address, "users", "--out", folder / "u.csv", SHOAL_TOKEN=tokens["out"])
                self.assertNotIn("phone", rows(folder / "u.csv")[0])
                export(server.address, "users", "--out", folder / "all.csv", SHOAL_TOKEN=tokens["all"])
                self.assertIn("phone", rows(folder / "all.csv")[0])
                for words in (["users", "--fields", "phone"], ["audience", "phone = '1'"], ["users", "--order", "phone"]):
                    done = export(server.address, *words, "--out", folder / "no.csv", "--anew", check=False, SHOAL_TOKEN=tokens["out"])
                    self.assertEqual((done.returncode, "personal" in done.stdout), (1, True), done.stdout)
                for words in (["events"], ["items"], ["memberships"], ["feeds", "true", "--count", "2"], ["audience", "n > 0"]):
                    export(server.address, *words, "--out", folder / f"{words[0]}.jsonl", SHOAL_TOKEN=tokens["out"])
                    self.assertGreater(len(rows(folder / f"{words[0]}.jsonl")), 5)
                export(server.address, "shop", "--out", folder / "shop", SHOAL_TOKEN=tokens["all"])
                done = export(server.address, "users", "--out", folder / "ask.csv", check=False, SHOAL_TOKEN=tokens["ask"])
                self.assertEqual((done.returncode, "export" in done.stdout), (1, True), done.stdout)
            noted = [json.loads(line) for line in (folder / "audit").read_text().splitlines()]
            self.assertTrue({("audience.export", "out", "ok"), ("event.list", "out", "ok"), ("audience.export", "ask", "forbidden")} <=
                            {(one["method"], one["token"], one["result"]) for one in noted})


if __name__ == "__main__":
    unittest.main(verbosity=2)
