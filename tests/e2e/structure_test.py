"""What a shop's structure adds to audiences, through the real server with one and with two shards: tags made by rules,
events that are kept for some days, who invited whom.

A twin in Python says who should have what.
"""
import csv
import datetime
import io
import os
import random
import tempfile
import unittest

from rpc import Server, shoal

DAY = 86_400_000


class Rules(unittest.TestCase):
    SCHEMA = {"users": {"tag_sets": [{"name": "interests"}]},
              "items": {"attributes": [{"name": "category", "type": "string"}]},
              "events": [{"name": "purchase", "properties": [{"name": "store", "type": "string"}]}, {"name": "view"}]}

    def play(self, shards):
        rng = random.Random(5)
        with Server(shards) as server:
            client = server.client()
            now = client.call("hello", version=1, workspace="rules")["now"]
            client.call("schema.put", **self.SCHEMA)
            categories = ["tea", "cup", "cake"]
            client.call("item.put", items=[{"id": f"i{n}", "category": categories[n % 3]} for n in range(30)])
            client.call("rule.put", name="tea", on="purchase where item.category = 'tea' and amount >= 20",
                        tag_set="interests", tag="茶", ttl_days=30)
            client.call("rule.put", name="north", on="purchase where store in ('n1', 'n2')", tag_set="interests",
                        tag="north")
            ends = {}
            for _ in range(5):
                events = []
                for _ in range(400):
                    item, user = rng.randrange(30), f"u{rng.randrange(300)}"
                    amount, store = rng.randrange(60), rng.choice(["n1", "n2", "s1"])
                    kind, days = rng.choice(["purchase", "view"]), rng.randrange(60)
                    time = now - days * DAY - 1000
                    event = {"type": kind, "user": user, "time": time, "item": f"i{item}"}
                    if kind == "purchase":
                        event |= {"amount": amount, "store": store}
                        if item % 3 == 0 and amount >= 20:
                            ends[user, "茶"] = max(ends.get((user, "茶"), 0), time + 30 * DAY)
                        if store != "s1":
                            ends[user, "north"] = 1 << 62
                    events.append(event)
                client.call("event.append", events=events)
            for days in [0, 1, 10, 29, 31]:
                at = now + 3_600_000 + days * DAY
                for tag in ["茶", "north"]:
                    wanted = sorted(user for (user, had), end in ends.items() if had == tag and end > at)
                    found = client.call("audience.list", where=f"interests has '{tag}'", limit=1000, order="id", now=at)
                    self.assertEqual(found["ids"], wanted, (shards, days, tag))
            table = list(csv.DictReader(io.StringIO(
                shoal("--workspace", "rules", "--format", "csv", "rule", "list", address=server.address))))
            self.assertEqual([(row["name"], row["tag"], row["ttl_days"]) for row in table],
                             [("north", "north", ""), ("tea", "茶", "30")])
            self.assertEqual(shoal("--workspace", "rules", "rule", "remove", "tea", address=server.address), "tea: removed\n")
            put = shoal("--workspace", "rules", "rule", "put", "seen", "view", "interests", "seen", "--past",
                        address=server.address)
            self.assertEqual(put, "seen: in force\n")
            self.assertEqual(client.call("audience.count", where="interests has 'seen'")["count"],
                             client.call("audience.count", where="did(view)")["count"])
            client.close()

    def test_rules(self):
        for shards in (1, 2):
            self.play(shards)


class Keep(unittest.TestCase):
    """Days that are kept no longer, by the server's own clock."""

    def play(self, shards):
        rng = random.Random(11)
        with Server(shards) as server:
            client = server.client()
            now = client.call("hello", version=1, workspace="keep")["now"]
            client.call("schema.put", events=[{"name": "view"}, {"name": "purchase"}])
            client.call("rfm.put", event="purchase", days=0)
            today = now // DAY
            events = [{"type": rng.choice(["view", "purchase"]), "user": f"u{rng.randrange(200)}",
                       "time": (today - rng.randrange(40)) * DAY + rng.randrange(DAY // 2) - DAY // 2,
                       "amount": rng.randrange(100)} for _ in range(3000)]
            client.call("event.append", events=events)
            before = client.call("stats")["workspace"]["events"]
            self.assertEqual(before, 3000)
            words = ["--workspace", "keep", "--format", "csv"]
            shoal(*words, "keep", "view", 10, address=server.address)
            shoal(*words, "keep", "purchase", 20, address=server.address)
            kept = dict(csv.reader(io.StringIO(shoal(*words, "keep", address=server.address))))
            day_now = client.call("hello", version=1, workspace="keep")["now"] // DAY
            self.assertEqual({kind: (datetime.date.fromisoformat(kept[kind]) - datetime.date(1970, 1, 1)).days
                              for kind in ("view", "purchase")}, {"view": day_now - 10, "purchase": day_now - 20})
            limit = {"view": day_now - 10, "purchase": day_now - 20}
            left = [event for event in events if event["time"] // DAY >= limit[event["type"]]]
            self.assertEqual(client.call("stats")["workspace"]["events"], len(left))
            for kind in ("view", "purchase"):
                who = sorted({event["user"] for event in left if event["type"] == kind})
                found = client.call("audience.list", where=f"did({kind})", limit=1000, order="id")
                self.assertEqual(found["ids"], who)
            rows = client.call("audience.list", where="value.count >= 1", limit=1000, order="id",
                               fields=["value.count", "value.amount"])["rows"]
            wanted = {}
            for event in left:
                if event["type"] == "purchase":
                    count, amount = wanted.get(event["user"], (0, 0))
                    wanted[event["user"]] = (count + 1, amount + event["amount"])
            self.assertEqual(rows, [[user, count, f"{amount}.00"] for user, (count, amount) in sorted(wanted.items())])
            old = client.call("event.append", event={"type": "view", "user": "late", "time": (day_now - 12) * DAY})
            self.assertEqual((old["accepted"], old["refused"][0]["status"]), (0, "limit"))
            client.close()

    def test_keep(self):
        for shards in (1, 2):
            self.play(shards)


class Stores(unittest.TestCase):
    """Stores in regions: an audience of a region is the union of its stores, each user once."""

    def play(self, shards):
        rng = random.Random(17)
        parents = {f"区{n}": None for n in range(4)}
        parents |= {f"城{n}": f"区{n % 4}" for n in range(12)}
        parents |= {f"店{n}": f"城{n % 12}" for n in range(60)}

        def below(name):
            names = {name}
            for _ in range(4):
                names |= {child for child, parent in parents.items() if parent in names}
            return names

        with Server(shards) as server, tempfile.TemporaryDirectory() as folder:
            client = server.client()
            now = client.call("hello", version=1, workspace="stores")["now"]
            client.call("schema.put", users={"attributes": [{"name": "store", "type": "string"}]},
                        events=[{"name": "purchase", "properties": [{"name": "store", "type": "string"}]}])
            home = {f"u{n}": rng.choice([None, *(f"店{m}" for m in range(70))]) for n in range(600)}
            client.call("user.put", users=[{"id": user, "store": store} for user, store in home.items()])
            bought = [(f"u{rng.randrange(600)}", f"店{rng.randrange(70)}", rng.randrange(60)) for _ in range(2000)]
            client.call("event.append", events=[{"type": "purchase", "user": user, "time": now - days * DAY - 1000,
                                                 "store": store} for user, store, days in bought])
            path = os.path.join(folder, "stores.csv")
            words = ["--workspace", "stores"]

            def put():
                lines = [name if parent is None else f"{name},{parent}" for name, parent in parents.items()]
                rng.shuffle(lines)
                with open(path, "w", encoding="utf8") as file:
                    file.write("\n".join(lines) + "\n")
                return shoal(*words, "tree", "put", "门店", path, address=server.address)

            def check():
                for name in ["区0", "区3", "城5", "店7"]:
                    names = below(name)
                    found = client.call("audience.list", where=f"store under '{name}'", limit=1000, order="id")
                    self.assertEqual(found["ids"], sorted(user for user, store in home.items() if store in names))
                    found = client.call("audience.list", where=f"store not under '{name}'", limit=1000, order="id")
                    self.assertEqual(found["ids"], sorted(user for user, store in home.items()
                                                          if store is not None and store not in names))
                    found = client.call("audience.list", limit=1000, order="id",
                                        where=f"did(purchase where store under '{name}', last 30 days)")
                    self.assertEqual(found["ids"], sorted({user for user, store, days in bought
                                                           if store in names and days < 30}))

            self.assertEqual(put(), "门店: 76 names, 3 levels\n")
            check()
            client.call("segment.put", name="华东", where="store under '区1'")
            shown = {entry["name"]: entry for entry in client.call("segment.list")["segments"]}["华东"]
            self.assertEqual(shown["count"], sum(store in below("区1") for store in home.values()))
            parents["城5"] = "区3"
            put()
            check()
            shown = {entry["name"]: entry for entry in client.call("segment.list")["segments"]}["华东"]
            self.assertEqual(shown["count"], sum(store in below("区1") for store in home.values()))
            self.assertEqual(shown["where"], "store under '区1'")
            table = list(csv.DictReader(io.StringIO(
                shoal(*words, "--format", "csv", "tree", "get", "门店", address=server.address))))
            self.assertEqual({row["name"]: row["parent"] or None for row in table}, parents)
            with self.assertRaisesRegex(Exception, "华东"):
                client.call("tree.remove", name="门店")
            client.call("segment.remove", name="华东")
            self.assertEqual(shoal(*words, "tree", "remove", "门店", address=server.address), "门店: removed\n")
            client.close()

    def test_stores(self):
        for shards in (1, 2):
            self.play(shards)


class Referral(unittest.TestCase):
    def play(self, shards):
        rng = random.Random(3)
        with Server(shards) as server:
            client = server.client()
            now = client.call("hello", version=1, workspace="referral")["now"]
            client.call("schema.put", users={"attributes": [{"name": "invited_by", "type": "string"}]},
                        events=[{"name": "purchase"}])
            by = {f"u{n}": rng.choice([None, f"u{int(rng.paretovariate(0.5)) % 600}"]) for n in range(500)}
            client.call("user.put", users=[{"id": user, "invited_by": inviter} for user, inviter in by.items()])
            buyers = {f"u{n}" for n in range(500) if rng.random() < 0.4}
            client.call("event.append", events=[{"type": "purchase", "user": user, "time": now - 5000}
                                                for user in sorted(buyers)])
            words = ["--workspace", "referral"]
            shoal(*words, "referral", "put", "invited_by", "buyers", "did(purchase)", address=server.address)
            self.assertEqual(shoal(*words, "referral", "refresh", address=server.address), "counted\n")

            def wanted(gone=()):
                numbers = {}
                for user, inviter in by.items():
                    if user not in gone and inviter in by and inviter != user:
                        users, bought = numbers.get(inviter, (0, 0))
                        numbers[inviter] = (users + 1, bought + (user in buyers))
                return [[user, *pair] for user, pair in sorted(numbers.items()) if user not in gone]

            def found():
                return client.call("audience.list", where="invited.users >= 1", order="id", limit=1000,
                                   fields=["invited.users", "invited.buyers"])["rows"]

            self.assertEqual(found(), wanted())
            three = [user for user, _, bought in wanted() if bought >= 3]
            self.assertGreater(len(three), 2)
            self.assertEqual(client.call("audience.list", where="invited.buyers >= 3", order="id")["ids"], three)
            gone = {user for user in by if rng.random() < 0.1}
            client.call("user.forget", ids=sorted(gone))
            self.assertEqual(found(), wanted(gone))
            client.call("referral.refresh")
            self.assertEqual(found(), wanted(gone))
            plan = list(csv.reader(io.StringIO(
                shoal(*words, "--format", "csv", "referral", address=server.address))))
            self.assertEqual(plan, [["field", "counts"], ["invited.users", "users whose invited_by it is"],
                                    ["invited.buyers", "did(purchase)"]])
            client.close()

    def test_referral(self):
        for shards in (1, 2):
            self.play(shards)


if __name__ == "__main__":
    unittest.main()
