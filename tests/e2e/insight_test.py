"""What audiences are like, through the real server: overlap, against plain loops over the same made-up people.

Each answer is asked of one shard and of two, and must be the same from both.
"""
import datetime
import random
import unittest

from rpc import RpcError, Server, shoal

DAY = 86_400_000
NOW = 1769875200000  # 2026-02-01 00:00 in Shanghai
CITIES = ["成都", "上海", "北京", "Lisbon", "x"]
TIERS = ["银卡", "金卡", "钻石"]
TAGS = ["茶", "咖啡", "跑步", "母婴", "猫", "狗"]
STORES = ["s1", "s2", "web"]
SCHEMA = {
    "zone": "Asia/Shanghai",
    "users": {"attributes": [{"name": "city", "type": "string"}, {"name": "tier", "type": "enum", "labels": TIERS},
                             {"name": "points", "type": "int"}, {"name": "balance", "type": "decimal", "scale": 2},
                             {"name": "joined", "type": "date"}, {"name": "consent", "type": "bool"}],
              "tag_sets": [{"name": "likes"}]},
    "items": {"attributes": [{"name": "category", "type": "string"}]},
    "events": [{"name": "view"}, {"name": "purchase", "amount_scale": 2, "properties": [
        {"name": "store", "type": "string"}, {"name": "pieces", "type": "int"}]}],
}


def made_up_people(rng, count):
    people = {}
    for i in range(count):
        person = {"id": f"u{i}"}
        if rng.random() < 0.9:
            person["city"] = rng.choice(CITIES)
        if rng.random() < 0.8:
            person["tier"] = rng.choice(TIERS)
        if rng.random() < 0.9:
            person["points"] = rng.choice([0, 5, 10, rng.randrange(-50, 2000)])
        if rng.random() < 0.7:
            person["balance"] = rng.randrange(-10000, 100000)
        if rng.random() < 0.6:
            person["joined"] = str(datetime.date(2025, 1, 1) + datetime.timedelta(days=rng.randrange(380)))
        if rng.random() < 0.5:
            person["consent"] = rng.random() < 0.3
        person["likes"] = sorted({rng.choice(TAGS) for _ in range(rng.randrange(4))}, key=str.encode)
        people[person["id"]] = person
    return people


def made_up_events(rng, count, people_count):
    events = []
    for i in range(count):
        event = {"type": rng.choice(["view", "purchase", "purchase"]), "user": f"u{rng.randrange(people_count)}",
                 "time": NOW - rng.randrange(60 * DAY), "id": f"e{i}"}
        if rng.random() < 0.9:
            event["item"] = f"i{rng.randrange(12)}"
        if event["type"] == "purchase":
            if rng.random() < 0.9:
                event["amount"] = rng.randrange(100, 50000)
            if rng.random() < 0.8:
                event["store"] = rng.choice(STORES)
            if rng.random() < 0.7:
                event["pieces"] = rng.randrange(1, 6)
        events.append(event)
    return events


def money(units):
    return f"{'-' if units < 0 else ''}{abs(units) // 100}.{abs(units) % 100:02}"


class Shop:
    """The same people in the servers and in plain dicts; `where` gives pairs of an expression and what it means."""

    def __init__(self, seed, people_count=400, event_count=3000):
        rng = self.rng = random.Random(seed)
        self.people = made_up_people(rng, people_count)
        self.events = made_up_events(rng, event_count, people_count)
        self.bought = {}
        for event in self.events:
            if event["type"] == "purchase":
                self.bought.setdefault(event["user"], []).append(event)

    def load(self, client):
        client.call("schema.put", **SCHEMA)
        client.call("item.put", items=[{"id": f"i{i}", "category": f"c{i % 3}"} for i in range(10)])
        rows = [{**p, **({"balance": money(p["balance"])} if "balance" in p else {})} for p in self.people.values()]
        assert client.call("user.put", users=rows)["accepted"] == len(rows)
        rows = [{**e, **({"amount": money(e["amount"])} if "amount" in e else {})} for e in self.events]
        assert client.call("event.append", events=rows)["accepted"] == len(rows)

    def clause(self):
        rng = self.rng
        kind = rng.randrange(6)
        if kind == 0:
            city = rng.choice(CITIES)
            return f"city = '{city}'", lambda p: p.get("city") == city
        if kind == 1:
            low = rng.randrange(-50, 2000)
            return f"points >= {low}", lambda p: "points" in p and p["points"] >= low
        if kind == 2:
            tag = rng.choice(TAGS)
            return f"likes has '{tag}'", lambda p: tag in p["likes"]
        if kind == 3:
            rank = rng.randrange(3)
            return f"tier >= '{TIERS[rank]}'", lambda p: "tier" in p and TIERS.index(p["tier"]) >= rank
        if kind == 4:
            days, least = rng.randrange(1, 60), rng.randrange(1, 5)
            return (f"count(purchase, last {days} days) >= {least}",
                    lambda p: sum(e["time"] > NOW - days * DAY for e in self.bought.get(p["id"], [])) >= least)
        return "consent is missing", lambda p: "consent" not in p

    def where(self, depth=2):
        if depth == 0 or self.rng.random() < 0.3:
            return self.clause()
        a, b = self.where(depth - 1), self.where(depth - 1)
        kind = self.rng.randrange(3)
        if kind == 0:
            return f"({a[0]}) and ({b[0]})", lambda p: a[1](p) and b[1](p)
        if kind == 1:
            return f"({a[0]}) or ({b[0]})", lambda p: a[1](p) or b[1](p)
        return f"not ({a[0]})", lambda p: not a[1](p)

    def ids(self, holds):
        return {i for i, p in self.people.items() if holds(p)}


class Insight(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.servers = [Server(shards=1), Server(shards=2, io="epoll"), Server(shards=3)]
        cls.shop = Shop(7)
        cls.clients = [server.client(workspace="shop", timeout=60) for server in cls.servers]
        for client in cls.clients:
            cls.shop.load(client)

    @classmethod
    def tearDownClass(cls):
        for client, server in zip(cls.clients, cls.servers):
            client.close()
            server.stop()

    def ask(self, method, **params):
        """The answer, which all servers give alike."""
        answers = [client.call(method, now=NOW, **params) for client in self.clients]
        for answer in answers:
            del answer["took_us"]
        for answer in answers[1:]:
            self.assertEqual(answers[0], answer, (method, params))
        return answers[0]

    def refused(self, method, **params):
        faults = set()
        for client in self.clients:
            with self.assertRaises(RpcError) as caught:
                client.call(method, now=NOW, **params)
            faults.add((caught.exception.status, caught.exception.message))
        self.assertEqual(len(faults), 1, faults)
        return faults.pop()

    def test_overlap_is_what_a_plain_loop_finds(self):
        for count in (1, 2, 5, 16):
            wheres = [self.shop.where() for _ in range(count)]
            sets = [self.shop.ids(holds) for _, holds in wheres]
            answer = self.ask("audience.overlap", sets=[text for text, _ in wheres], combinations=True)
            self.assertEqual(answer["total"], len(self.shop.people))
            self.assertEqual(answer["matrix"], [[len(a & b) for b in sets] for a in sets])
            self.assertEqual(answer["counts"], [len(a) for a in sets])
            found = {}
            for person in self.shop.people:
                key = tuple(i for i, members in enumerate(sets) if person in members)
                found[key] = found.get(key, 0) + 1
            self.assertEqual(answer["none"], found.pop((), 0))
            self.assertEqual({tuple(c["sets"]): c["count"] for c in answer["combinations"]}, found)
            counts = [c["count"] for c in answer["combinations"]]
            self.assertEqual(counts, sorted(counts, reverse=True))

    def test_overlap_of_64(self):
        wheres = [self.shop.where(1) for _ in range(64)]
        sets = [self.shop.ids(holds) for _, holds in wheres]
        answer = self.ask("audience.overlap", sets=[text for text, _ in wheres])
        self.assertEqual(answer["matrix"], [[len(a & b) for b in sets] for a in sets])
        self.assertEqual(self.refused("audience.overlap", sets=["true"] * 65)[0], "too_large")
        self.assertEqual(self.refused("audience.overlap", sets=["true", "ponts > 3"])[0], "name")

    def test_overlap_on_the_command_line(self):
        for server in self.servers:
            text = shoal("--workspace", "shop", "overlap", "--combinations", "--now", "2026-02-01", "points >= 100",
                         "likes has '茶'", address=server.unix)
            self.assertIn("A & B", text)
            self.assertIn("█", text)


if __name__ == "__main__":
    unittest.main()
