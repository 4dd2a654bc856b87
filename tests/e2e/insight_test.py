"""What audiences are like, through the real server: overlap, insight, waterfall, why and look-alikes, against plain loops over the same made-up people.

Each answer is asked of one shard and of two, and must be the same from both.
"""
import collections
import datetime
import decimal
import math
import random
import unittest

from alike import Alike
from rpc import shoal

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


class Insight(Alike):
    now = NOW

    @staticmethod
    def make_shop():
        return Shop(7)

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
        self.assertEqual(self.refused("audience.overlap", sets=["true"] * 65).status, "too_large")
        self.assertEqual(self.refused("audience.overlap", sets=["true", "ponts > 3"]).status, "name")

    def test_overlap_on_the_command_line(self):
        for server in self.servers:
            text = shoal("--workspace", "shop", "overlap", "--combinations", "--now", "2026-02-01", "points >= 100",
                         "likes has '茶'", address=server.unix)
            self.assertIn("A & B", text)
            self.assertIn("█", text)

    # ---- insight ----

    def look(self, where, dimension, base=None):
        answer = self.ask("audience.insight", where=where, dimensions=[dimension], **({"base": base} if base else {}))
        return answer, answer["dimensions"][0]

    def check_values(self, dimension, values_of):
        """values_of(person) is the list of what the person has of it."""
        for _ in range(8):
            (where, holds), (base, of_base) = self.shop.where(), self.shop.where()
            crowd = [p for p in self.shop.people.values() if holds(p)]
            for base_text, others in ((None, list(self.shop.people.values())),
                                      (base, [p for p in self.shop.people.values() if of_base(p)])):
                answer, found = self.look(where, {"of": dimension, "top": 100}, base_text)
                self.assertEqual((answer["count"], answer["base"]), (len(crowd), len(others)))
                users = collections.Counter(v for p in crowd for v in values_of(p))
                base_users = collections.Counter(v for p in others for v in values_of(p))
                self.assertEqual(found["different"], len(users))
                self.assertEqual([v["value"] for v in found["values"]], sorted(users, key=lambda v: (
                    -users[v], -base_users[v], v.encode() if isinstance(v, str) else v)))
                for value in found["values"]:
                    name = value["value"]
                    self.assertEqual((value["count"], value["base"]), (users[name], base_users[name]))
                    self.assertEqual(value["share"], rounded(users[name], len(crowd), 6))
                    index = None
                    if base_users[name]:
                        index = rounded(100 * users[name] * len(others), base_users[name] * len(crowd), 2)
                    self.assertEqual(value["index"], index)
                if dimension != "likes":
                    self.assertEqual(found["missing"], sum(not values_of(p) for p in crowd))

    def test_tags(self):
        self.check_values("likes", lambda p: p["likes"])

    def test_strings_enums_and_bools(self):
        for name in ("city", "tier", "consent"):
            self.check_values(name, lambda p: [p[name]] if name in p else [])

    def test_the_top_values_by_count_and_by_index(self):
        _, all_of_them = self.look("points > 3", {"of": "city", "top": 100})
        _, three = self.look("points > 3", {"of": "city", "top": 3})
        self.assertEqual(three["values"], all_of_them["values"][:3])
        _, by_index = self.look("points > 3", {"of": "city", "order": "index"})
        indexes = [v["index"] for v in by_index["values"]]
        self.assertEqual(indexes, sorted(indexes, reverse=True))

    def check_numbers(self, found, numbers, scale, show, bins):
        numbers = sorted(numbers)
        count = len(numbers)
        self.assertEqual(found["count"], count)
        if not numbers:
            self.assertEqual((found["min"], found["max"], found["percentiles"], found["histogram"]), (None, None, [], []))
            return
        self.assertEqual((found["min"], found["max"]), (show(numbers[0]), show(numbers[-1])))
        if "sum" in found:
            mean = (decimal.Decimal(sum(numbers)) / count / 10**scale)
            self.assertLess(abs(mean - decimal.Decimal(found["mean"])), decimal.Decimal(1).scaleb(-scale - 2))
            self.assertEqual(found["sum"], show(sum(numbers)))
        for percent, value in found["percentiles"]:
            place = max(1, math.ceil(decimal.Decimal(str(percent)) * count / 100))
            self.assertEqual(value, show(numbers[place - 1]), percent)
        self.assertEqual(sum(b["count"] for b in found["histogram"]), count)
        self.assertLessEqual(len(found["histogram"]), bins)

    def test_numbers(self):
        for _ in range(10):
            where, holds = self.shop.where()
            crowd = [p for p in self.shop.people.values() if holds(p)]
            answer = self.ask("audience.insight", where=where, dimensions=[
                {"of": "points", "percentiles": [0, 12.5, 50, 99.9, 100], "bins": 7}, "balance", "joined"])
            points, balance, joined = answer["dimensions"]
            numbers = [p["points"] for p in crowd if "points" in p]
            self.check_numbers(points, numbers, 0, lambda n: n, 7)
            for b in points["histogram"]:
                self.assertEqual(b["count"], sum(b["from"] <= n <= b["to"] for n in numbers))
            self.check_numbers(balance, [p["balance"] for p in crowd if "balance" in p], 2, money, 10)
            self.check_numbers(joined, [p["joined"] for p in crowd if "joined" in p], 0, lambda n: n, 10)
            self.assertEqual(joined["missing"], sum("joined" not in p for p in crowd))

    def window(self):
        """A window's text, and whether an event's time lies in it."""
        days = self.shop.rng.randrange(1, 50)
        return self.shop.rng.choice([
            ("", lambda e: e["time"] <= NOW),
            (f", last {days} days", lambda e: NOW - days * DAY < e["time"] <= NOW),
            (", between '2026-01-10' and '2026-01-20'",
             lambda e: NOW - 22 * DAY <= e["time"] < NOW - 11 * DAY)])

    def test_events(self):
        show = {"item": lambda e: e.get("item"), "store": lambda e: e.get("store"),
                "item.category": lambda e: f"c{int(e['item'][1:]) % 3}" if "item" in e and int(e["item"][1:]) < 10 else None}
        wheres = [self.shop.where() for _ in range(8)] + [("true", lambda p: True), ("id in ('u3', 'u5')", lambda p: p["id"] in ("u3", "u5"))]
        for where, holds in wheres:
            ids = self.shop.ids(holds)
            window, in_window = self.window()
            condition, holds_of = self.shop.rng.choice([("", lambda e: True), (" where store = 's1'", lambda e: e.get("store") == "s1")])
            events = [e for e in self.shop.events if e["type"] == "purchase" and e["user"] in ids and in_window(e) and holds_of(e)]
            text = "purchase" + condition + window
            answer = self.ask("audience.insight", where=where, dimensions=[
                {"events": text, "of": "item", "top": 50}, {"events": text, "of": "store"},
                {"events": text, "of": "item.category"}, {"events": text, "of": "amount"},
                {"events": text, "of": "pieces"}, {"events": text, "per": "day"}])
            for found in answer["dimensions"]:
                self.assertEqual((found["users"], found["events"]), (len({e["user"] for e in events}), text))
            for found in answer["dimensions"][:3]:
                value = show[found["of"]]
                expected = collections.Counter(value(e) for e in events)
                self.assertEqual(found["count"], len(events))
                self.assertEqual(found["missing"], expected.pop(None, 0))
                self.assertEqual({v["value"]: v["events"] for v in found["values"]}, dict(expected))
                for v in found["values"]:
                    users = {e["user"] for e in events if value(e) == v["value"]}
                    self.assertEqual((v["users"], v["user_share"], v["event_share"]),
                                     (len(users), rounded(len(users), len(ids), 6), rounded(v["events"], len(events), 6)))
            amounts, pieces, days = answer["dimensions"][3:]
            self.check_numbers(amounts, [e["amount"] for e in events if "amount" in e], 2, money, 10)
            self.check_numbers(pieces, [e["pieces"] for e in events if "pieces" in e], 0, lambda n: n, 10)
            self.assertEqual(amounts["missing"], sum("amount" not in e for e in events))
            by_day = {}
            for event in events:
                by_day.setdefault(local_day(event["time"]), []).append(event["user"])
            self.assertEqual({d["day"]: (d["users"], d["events"]) for d in days["days"] if d["events"]},
                             {day: (len(set(users)), len(users)) for day, users in by_day.items()})
            self.assertEqual([d["day"] for d in days["days"]], sorted(d["day"] for d in days["days"]))

    def test_crosses(self):
        for of, other in (("city", "tier"), ("tier", "likes"), ("likes", "likes"), ("consent", "city")):
            where, holds = self.shop.where()
            _, found = self.look(where, {"cross": [of, other], "top": 50})
            cells = collections.Counter()
            for person in self.shop.people.values():
                if not holds(person):
                    continue
                for a in values_or_none(person, of):
                    for b in values_or_none(person, other):
                        cells[a, b] += 1
            self.assertEqual({(a, b): n for a, row in zip(found["rows"], found["counts"])
                              for b, n in zip(found["columns"], row) if n}, dict(cells))

    def test_an_insight_that_is_wrong_is_explained(self):
        def words(dimension, where="true"):
            fault = self.refused("audience.insight", where=where, dimensions=[dimension])
            return fault.status, fault.message
        self.assertEqual(words("ctiy")[0], "name")
        self.assertEqual(words("id")[0], "type")
        self.assertEqual(words({"cross": ["city", "points"]})[0], "type")
        self.assertEqual(words({"cross": ["city"]})[0], "argument")
        self.assertEqual(words({"events": "purchase", "of": "stoer"})[0], "name")
        self.assertEqual(words({"events": "purchase"})[0], "argument")
        self.assertEqual(words({"events": "purchase) or did(view", "of": "store"})[0], "argument")
        self.assertEqual(words({"events": "purchase, last x days", "of": "store"})[0], "syntax")
        self.assertEqual(words({"of": "city", "what": 1})[0], "argument")
        self.assertEqual(words({"of": "points", "percentiles": [101]})[0], "argument")
        self.assertEqual(words("city", where="ponts > 3")[0], "name")

    # ---- waterfall and why ----

    def test_a_waterfall_is_what_a_plain_loop_finds(self):
        for word in ("and", "or"):
            for count in (1, 2, 4):
                clauses = {}
                while len(clauses) < count:
                    text, holds = self.shop.clause()
                    clauses.setdefault(text, holds)
                sets = [self.shop.ids(holds) for holds in clauses.values()]
                answer = self.ask("audience.waterfall", where=f" {word} ".join(clauses))
                everybody = set(self.shop.people)
                self.assertEqual(answer["total"], len(everybody))
                before = everybody if word == "and" or count == 1 else set()
                kind = "and" if count == 1 else word
                self.assertEqual(answer["kind"], kind)
                for i, step in enumerate(answer["steps"]):
                    others = [s for j, s in enumerate(sets) if j != i]
                    if kind == "and":
                        after = before & sets[i]
                        moved = len(before) - len(after)
                        only = everybody.intersection(*others) - sets[i]
                    else:
                        after = before | sets[i]
                        moved = len(after) - len(before)
                        only = sets[i].difference(*others)
                    self.assertEqual((step["alone"], step["after"], step["removed" if kind == "and" else "added"], step["only"]),
                                     (len(sets[i]), len(after), moved, len(only)), (answer, i))
                    before = after
                self.assertEqual(answer["count"], len(before))
                self.assertEqual(len(answer["steps"]), count)

    def test_a_waterfall_keeps_the_written_order(self):
        answer = self.ask("audience.waterfall", where="points > 5 and city = 'x' and balance > 3 and (consent or city = '成都')")
        self.assertEqual([s["clause"] for s in answer["steps"]],
                         ["points > 5", "city = 'x'", "balance > 3", "city = '成都' or consent"])
        self.assertEqual(self.refused("audience.waterfall", where="points > 5 and ponts > 3").status, "name")

    def test_why_says_what_was_found(self):
        for _ in range(40):
            where, holds = self.shop.where()
            person = self.shop.rng.choice(list(self.shop.people.values()))
            answer = self.ask("audience.why", user=person["id"], where=where)
            self.assertEqual(answer["matches"], holds(person), where)
            self.assertEqual(answer["lines"][0]["holds"], holds(person))
            for line in answer["lines"]:
                if line["kind"] != "clause" or line["clause"].startswith("consent is"):
                    continue
                word = line["clause"].split()[0]
                if word.startswith("count("):
                    days = int(line["clause"].split("last ")[1].split()[0])
                    found = sum(e["time"] > NOW - days * DAY for e in self.shop.bought.get(person["id"], []))
                else:
                    found = person.get(word) or (person.get(word) if word != "likes" else None)
                self.assertEqual(line["found"], found, line)
        self.assertEqual(self.refused("audience.why", user="nobody", where="true").status, "not_found")

    def test_why_of_aggregates(self):
        person, events = max(self.shop.bought.items(), key=lambda pair: len(pair[1]))
        amounts = [e["amount"] for e in events if "amount" in e]
        where = ("sum(purchase.amount) > 1 and min(purchase.amount) > 1 and max(purchase.amount) > 1 and avg(purchase.amount) > 1 "
                 "and days_since(purchase) >= 0 and did(purchase) and count(view, last 1 minutes) = 0")
        found = {line["clause"].split("(")[0]: line["found"] for line in self.ask("audience.why", user=person, where=where)["lines"]
                 if line["kind"] == "clause"}
        self.assertEqual((found["sum"], found["min"], found["max"]), (money(sum(amounts)), money(min(amounts)), money(max(amounts))))
        self.assertLess(abs(decimal.Decimal(found["avg"]) * 100 - decimal.Decimal(sum(amounts)) / len(amounts)), 1)
        self.assertEqual((found["days_since"], found["did"], found["count"]),
                         ((NOW - max(e["time"] for e in events)) // DAY, len(events), 0))

    # ---- look-alikes ----

    def test_look_alikes_are_what_a_plain_loop_finds(self):
        people = self.shop.people
        for count, (seeds, is_seed), (exclude, is_excluded) in (
                (1000, ("points >= 900", lambda p: p.get("points", 0) >= 900), (None, lambda p: False)),
                (37, ("likes has '茶'", lambda p: "茶" in p["likes"]), ("city = '成都'", lambda p: p.get("city") == "成都")),
                (5, ("tier = '钻石'", lambda p: p.get("tier") == "钻石"), (None, lambda p: False))):
            answer = self.ask("audience.lookalike", seeds=seeds, count=count, **({"exclude": exclude} if exclude else {}))
            seed_ids, excluded = self.shop.ids(is_seed), self.shop.ids(is_excluded)
            candidates = set(people) - seed_ids - excluded
            self.assertEqual((answer["seeds"], answer["candidates"]), (len(seed_ids), len(candidates)))
            expected = {}
            for name in ("likes", "city", "tier", "consent"):
                for value in {v for p in people.values() for v in values_of(p, name)}:
                    having = {i for i, p in people.items() if value in values_of(p, name)}
                    r, n = len(having & seed_ids), len(having)
                    weight = math.log((r + .5) / (len(seed_ids) - r + .5) / ((n - r + .5) / (len(people) - n - len(seed_ids) + r + .5)))
                    if (r / len(seed_ids) - (n - r) / (len(people) - len(seed_ids))) * weight > 1e-9:  # it tells something
                        expected[name, value] = round(1000 * weight) / 1000, r, n
            self.assertEqual({(f["of"], f["value"]): (f["weight"], f["seeds"], f["users"]) for f in answer["features"]}, expected)
            scores = {i: sum(round(1000 * expected[f][0]) for f in expected if f[1] in values_of(people[i], f[0])) for i in candidates}
            ids = answer["ids"]
            self.assertEqual((len(ids), len(set(ids))), (min(count, len(candidates)),) * 2)
            self.assertLessEqual(set(ids), candidates)
            found = [scores[i] for i in ids]
            self.assertEqual(found, sorted(scores.values(), reverse=True)[:len(ids)])
            for point in answer["curve"]:
                self.assertEqual(round(1000 * point["score"]), found[point["rank"] - 1])
            self.assertEqual([answer["curve"][0]["rank"], answer["curve"][-1]["rank"]], [1, len(ids)])

    def test_a_look_alike_that_is_wrong_is_refused(self):
        self.assertEqual(self.refused("audience.lookalike", seeds="false", count=3).status, "argument")
        self.assertEqual(self.refused("audience.lookalike", seeds="true", count=3).status, "argument")
        self.assertEqual(self.refused("audience.lookalike", seeds="ponts > 3", count=3).status, "name")
        self.assertEqual(self.refused("audience.lookalike", seeds="points > 3").status, "argument")
        self.assertEqual(self.refused("audience.lookalike", seeds="points > 3", count=3, part_weights={}).status, "argument")
        self.assertEqual(self.ask("audience.lookalike", seeds="points > 3", count=0)["ids"], [])

    def test_look_alikes_on_the_command_line(self):
        for server in self.servers:
            text = shoal("--workspace", "shop", "lookalike", "--count", "20", "--now", "2026-02-01", "likes has '茶'", address=server.unix)
            self.assertIn("weight", text)
            text = shoal("--workspace", "shop", "lookalike", "--format", "csv", "--count", "20", "likes has '茶'", address=server.unix)
            self.assertEqual(len(text.splitlines()), 21)

    def test_waterfall_and_why_on_the_command_line(self):
        for server in self.servers:
            text = shoal("--workspace", "shop", "waterfall", "--now", "2026-02-01", "points >= 100 and likes has '茶'", address=server.unix)
            self.assertIn("likes has '茶'", text)
            text = shoal("--workspace", "shop", "why", "u1", "--now", "2026-02-01", "points >= 100 and likes has '茶'", address=server.unix)
            self.assertIn("u1 is ", text)

    def test_an_insight_on_the_command_line(self):
        for server in self.servers:
            text = shoal("--workspace", "shop", "insight", "--of", "city,likes,points", "--events", "purchase, last 30 days",
                         "--by", "store,amount", "--cross", "city,tier", "--now", "2026-02-01", "points >= 100",
                         address=server.unix)
            for word in ("成都", "index", "mean", "█", "user_share", "city x tier"):
                self.assertIn(word, text)
            days = shoal("--workspace", "shop", "insight", "--format", "csv", "--events", "view, last 3 days", "--now", "2026-02-01",
                         address=server.unix)
            self.assertEqual(days.splitlines()[0], "day,users,events")


def rounded(number, divisor, digits):
    """Half to even, exactly."""
    if divisor == 0:
        return 0
    with decimal.localcontext() as context:
        context.prec = 60
        return float((decimal.Decimal(number) / divisor).quantize(decimal.Decimal(1).scaleb(-digits), decimal.ROUND_HALF_EVEN))


def local_day(time_ms):
    return str((datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=time_ms, hours=8)).date())


def values_of(person, name):
    return person["likes"] if name == "likes" else [person[name]] if name in person else []


def values_or_none(person, name):
    if name == "likes":
        return person["likes"] or [None]
    return [person.get(name)]


if __name__ == "__main__":
    unittest.main()
