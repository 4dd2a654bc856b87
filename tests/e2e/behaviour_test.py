"""What people do one after another, and whether they come back, through the real server: funnels and retention against
plain loops over the same made-up people.

Each answer is asked of one shard, of two and of three, and must be the same from all.
"""
import datetime
import random
import unittest
import zoneinfo

from alike import Alike
from rpc import shoal

DAY = 86_400_000
NOW = 1769875200000  # 2026-02-01 00:00 in Shanghai
CITIES = ["成都", "上海", "北京", "Lisbon", "Leeds"]
STORES = ["s1", "s2", "web"]
SCHEMA = {
    "zone": "Asia/Shanghai",
    "users": {"attributes": [{"name": "city", "type": "string"}, {"name": "vip", "type": "bool"},
                             {"name": "points", "type": "int"}]},
    "events": [{"name": "view", "properties": [{"name": "store", "type": "string"}]},
               {"name": "cart"}, {"name": "purchase", "amount_scale": 2}],
}
UNITS = {"minutes": 60_000, "hours": 3_600_000, "days": DAY, "weeks": 7 * DAY}


class Shop:
    def __init__(self, seed, people_count=600, event_count=9000):
        rng = self.rng = random.Random(seed)
        self.people = {}
        for i in range(people_count):
            person = self.people[f"u{i}"] = {"id": f"u{i}", "points": rng.randrange(100)}
            if rng.random() < 0.9:
                person["city"] = rng.choice(CITIES)
            if rng.random() < 0.5:
                person["vip"] = rng.random() < 0.5
        self.events = []
        for i in range(event_count):
            kind = rng.choice(["view", "view", "cart", "purchase"])
            # Half of the times are whole hours, so that many are equal and arrival decides.
            time = NOW - rng.randrange(1440) * 3_600_000 if rng.random() < 0.5 else NOW - rng.randrange(60 * DAY)
            event = {"type": kind, "user": f"u{int(people_count * rng.random() ** 2)}", "time": time, "id": f"e{i}"}
            if kind == "view" and rng.random() < 0.8:
                event["store"] = rng.choice(STORES)
            if kind == "purchase":
                event["amount"] = rng.randrange(1, 90)
            self.events.append(event)
        self.history = {user: [] for user in self.people}
        for event in self.events:  # in order of arrival
            self.history[event["user"]].append(event)
        for events in self.history.values():
            events.sort(key=lambda event: event["time"])  # stable: then by arrival

    def load(self, client):
        client.call("schema.put", **SCHEMA)
        client.call("user.put", users=list(self.people.values()))
        for begin in range(0, len(self.events), 500):
            client.call("event.append", events=self.events[begin:begin + 500])


def follow(events, steps, within, strict):
    """How far, and the times of each step reached, by trying every way there is (as the rule says it)."""
    marks = [(event["time"], [step(event) for step in steps]) for event in events]
    marks = [mark for mark in marks if any(mark[1])]
    times = []
    ways = [(i, i, 0) for i, mark in enumerate(marks) if mark[1][0]]  # (first, last, place before the last)
    for step in range(len(steps)):
        if not ways:
            break
        reached = min(last for _, last, _ in ways)
        first_ms, before_ms = max((marks[first][0], -marks[before][0]) for first, last, before in ways if last == reached)
        times.append((marks[reached][0] - first_ms, marks[reached][0] + before_ms if step else 0))
        if step + 1 == len(steps):
            break
        after = {}
        for first, last, _ in ways:
            for at in range(last + 1, len(marks)):
                if within is not None and marks[at][0] - marks[first][0] > within:
                    break
                if marks[at][1][step + 1]:
                    key = (first, at)
                    after[key] = min(after.get(key, last), last)
                if strict and not marks[at][1][step]:
                    break
        ways = [(first, at, before) for (first, at), before in after.items()]
    return times


def median(values, longest):
    """In seconds; where times may be longer than 2^20 of them, in whole minutes."""
    unit = 1 if longest < 1 << 20 else 60
    values = sorted(value // 1000 // unit * unit for value in values)
    return values[(len(values) + 1) // 2 - 1] if values else None


class Behaviour(Alike):
    now = NOW

    @staticmethod
    def make_shop():
        return Shop(11)

    # ---- Funnels ----

    def steps(self, rng):
        found = []
        for _ in range(rng.randint(1, 4)):
            kind = rng.choice(["view", "cart", "purchase"])
            if kind == "view" and rng.random() < 0.5:
                store = rng.choice(STORES)
                found.append((f"view where store = '{store}'",
                              lambda e, s=store: e["type"] == "view" and e.get("store") == s))
            elif kind == "purchase" and rng.random() < 0.5:
                amount = rng.randrange(90)
                found.append((f"purchase where amount > {amount}",
                              lambda e, a=amount: e["type"] == "purchase" and e["amount"] > a))
            else:
                found.append((kind, lambda e, k=kind: e["type"] == k))
        return found

    def expected(self, steps, within, strict, since, people):
        paths = {}
        for user in people:
            events = [event for event in self.shop.history[user] if since < event["time"] <= NOW]
            paths[user] = follow(events, [step[1] for step in steps], within, strict)
        return paths

    def test_a_funnel_is_what_plain_loops_count(self):
        rng = random.Random(5)
        for round_ in range(40):
            steps = self.steps(rng)
            unit, count = rng.choice(list(UNITS)), rng.randint(1, 40)
            within = count * UNITS[unit] if rng.random() < 0.7 else None
            strict, days = rng.random() < 0.4, rng.choice([7, 30, 60])
            points = rng.choice([0, 20, 60])
            people = [user for user, person in self.shop.people.items() if person["points"] >= points]
            text = "sequence(" + " -> ".join(step[0] for step in steps)
            text += f", within {count} {unit}" * (within is not None) + ", strict" * strict + f", last {days} days)"
            answer = self.ask("audience.funnel", sequence=text, among=f"points >= {points}", by="city", top=3)
            paths = self.expected(steps, within, strict, NOW - days * DAY, people)
            self.assertEqual(answer["among"], len(people))
            users = [sum(len(path) > i for path in paths.values()) for i in range(len(steps))]
            self.assertEqual([step["users"] for step in answer["steps"]], users, text)
            longest = min(days * DAY, days * DAY if within is None else within) // 1000
            for i, step in enumerate(answer["steps"]):
                self.assertEqual(step["step"], steps[i][0])
                self.assertEqual(step["of_first"], users[i] / users[0] if users[0] else None)
                self.assertEqual(step["of_previous"], users[i] / users[max(i - 1, 0)] if users[max(i - 1, 0)] else None)
                if i > 0:
                    self.assertEqual(step["from_first_s"], median([p[i][0] for p in paths.values() if len(p) > i], longest), text)
                    self.assertEqual(step["from_previous_s"], median([p[i][1] for p in paths.values() if len(p) > i], longest), text)
            self.check_by(answer["by"], paths, len(steps))
            if round_ < 10:
                self.check_expressions(answer["steps"], users, points)

    def check_by(self, by, paths, step_count):
        def counts(users):
            return [sum(len(paths[user]) > i for user in users) for i in range(step_count)]
        city = {user: self.shop.people[user].get("city") for user in paths}
        rows = [(value, counts([user for user in paths if city[user] == value])) for value in CITIES]
        rows = sorted((row for row in rows if row[1][0] > 0), key=lambda row: (-row[1][0], row[0].encode()))
        self.assertEqual([(row["value"], row["users"]) for row in by["values"]], rows[:3])
        self.assertEqual(by["others"], [sum(row[1][i] for row in rows[3:]) for i in range(step_count)])
        self.assertEqual(by["missing"], counts([user for user in paths if city[user] is None]))

    def check_expressions(self, steps, users, points):
        """Who reached a step, and who stopped there, is an audience."""
        for i, step in enumerate(steps):
            counted = self.ask("audience.count", where=f"({step['reached']}) and points >= {points}")["count"]
            self.assertEqual(counted, users[i], step["reached"])
            if i + 1 == len(steps):
                self.assertIsNone(step["dropped"])
                continue
            counted = self.ask("audience.count", where=f"({step['dropped']}) and points >= {points}")["count"]
            self.assertEqual(counted, users[i] - users[i + 1], step["dropped"])

    def test_the_arrays_say_the_same_as_the_text(self):
        text = self.ask("audience.funnel", sequence="sequence(view where store = 's1' -> cart, within 3 days, last 30 days)")
        tree = ["sequence", {"steps": [{"event": "view", "where": ["=", "store", "s1"]}, "cart"], "within": [3, "days"],
                             "window": ["last", 30, "days"]}]
        self.assertEqual(self.ask("audience.funnel", sequence=tree), text)
        self.assertEqual(text["among"], len(self.shop.people))

    def test_a_funnel_on_the_command_line(self):
        sequence = "sequence(view -> cart where amount is missing -> purchase, within 3 days, last 30 days)"
        for server in self.servers:
            table = shoal("--workspace", "shop", "funnel", sequence, "--now", "2026-02-01", "--by", "city", "--top", "2",
                          "--among", "points >= 10", address=server.unix)
            self.assertIn("█", table)
            self.assertIn("cart where amount is missing", table)
            self.assertIn("(others)", table)
            lines = shoal("--workspace", "shop", "--format", "csv", "funnel", sequence, "--now", "2026-02-01",
                          address=server.unix).splitlines()
            self.assertEqual(lines[0], "step,users,of_first,of_previous,from_first_s,from_previous_s")
            self.assertEqual(len(lines), 4)

    def test_wrong_funnels_are_refused_with_words(self):
        for params, words in [
            ({}, "`sequence`"),
            ({"sequence": "did(view)"}, "one sequence(...)"),
            ({"sequence": "sequence(view -> cart, reach 1)"}, "one sequence(...)"),
            ({"sequence": "sequence(view -> crat)"}, "no event type `crat`"),
            ({"sequence": "sequence(view)", "by": "ctiy"}, "no attribute `ctiy`"),
            ({"sequence": "sequence(view)", "by": "points"}, "a bool, an enum or a string"),
            ({"sequence": "sequence(view)", "top": 3}, "`top` needs `by`"),
            ({"sequence": "sequence(view)", "by": "city", "top": 0}, "top"),
            ({"sequence": "sequence(view)", "amnog": "true"}, "amnog"),
            ({"sequence": "sequence(view)", "among": "pionts > 3"}, "no attribute or tag set `pionts`"),
        ]:
            self.assertIn(words, str(self.refused("audience.funnel", **params)), params)

    # ---- Retention ----

    def test_retention_is_what_plain_loops_count(self):
        rng = random.Random(6)
        for _ in range(25):
            first, again = self.steps(rng)[0], self.steps(rng)[0]
            if rng.random() < 0.5:
                again = first
            period, count = rng.choice([("day", 40), ("day", 7), ("week", 12), ("week", 3), ("month", 4), ("month", 2)])
            points = rng.choice([0, 50])
            people = [user for user, person in self.shop.people.items() if person["points"] >= points]
            params = {} if again is first else {"return": again[0]}
            answer = self.ask("audience.retention", first=first[0], period=period, periods=count,
                              among=f"points >= {points}", **params)
            self.assertEqual(answer, self.retention(first[1], again[1], period, count, people))

    def retention(self, first, again, period, count, people):
        zone = zoneinfo.ZoneInfo("Asia/Shanghai")

        def day_of(ms):
            return datetime.datetime.fromtimestamp(ms / 1000, zone).date()

        def start_of(day):
            if period == "week":
                return day - datetime.timedelta(days=day.weekday())
            return day.replace(day=1) if period == "month" else day
        today = day_of(NOW)
        starts = [start_of(today)]
        while len(starts) < count:
            starts.insert(0, start_of(starts[0] - datetime.timedelta(days=1)))
        place = {start: i for i, start in enumerate(starts)}
        cohorts, grid = [0] * count, [[0] * (count - i) for i in range(count)]
        days, active, user_days, gaps = [], [set() for _ in starts], [set() for _ in starts], []
        for user in people:
            events = [event for event in self.shop.history[user] if event["time"] <= NOW]
            times = [event["time"] for event in events if again(event)]
            for time in times:
                at = place.get(start_of(day_of(time)))
                if at is not None:
                    active[at].add(user)
                    user_days[at].add((user, day_of(time)))
            began = [event["time"] for event in events if first(event)]
            cohort = place.get(start_of(day_of(min(began)))) if began else None
            if cohort is None:
                continue
            cohorts[cohort] += 1
            later = [time for time in times if time > min(began)]
            for at in {place[start_of(day_of(time))] for time in later}:
                grid[cohort][at - cohort] += 1
            if later:
                gaps.append((min(later) - min(began)) // DAY)
        for i, start in enumerate(starts):
            days.append(((starts[i + 1] if i + 1 < count else today + datetime.timedelta(days=1)) - start).days)
        return {"among": len(people), "period": period,
                "cohorts": [{"start": str(start), "users": cohorts[i], "returned": grid[i]} for i, start in enumerate(starts)],
                "again": {"users": sum(cohorts), "days": [gaps.count(d) for d in range(max(gaps) + 1)] if gaps else []},
                "active": [{"start": str(start), "days": days[i], "users": len(active[i]), "user_days": len(user_days[i]),
                            "stickiness": len(user_days[i]) / days[i] / len(active[i]) if active[i] else None}
                           for i, start in enumerate(starts)]}

    def test_retention_on_the_command_line(self):
        for server in self.servers:
            table = shoal("--workspace", "shop", "retention", "purchase where amount > 5", "view", "--period", "month",
                          "--periods", "3", "--now", "2026-02-01", "--among", "points >= 10", address=server.unix)
            for words in ("2025-12-01", "+2", "again within", "stickiness", "█", "▓"):
                self.assertIn(words, table)
            for before, behind in (["--plain"], []), ([], ["--plain"]):
                plain = shoal("--workspace", "shop", *before, "retention", "purchase", "--now", "2026-02-01", *behind,
                              address=server.unix)
                self.assertFalse(set("▏▎▍▌▋▊▉█░▒▓") & set(plain), plain)
            lines = shoal("--workspace", "shop", "--format", "csv", "retention", "purchase", "--periods", "2", "--now",
                          "2026-02-01", address=server.unix).splitlines()
            self.assertEqual(lines[0], "cohort,users,+0,+1")
            self.assertEqual(len(lines), 3)

    def test_wrong_retentions_are_refused_with_words(self):
        for params, words in [
            ({}, "`first`"),
            ({"first": "purchase, last 30 days"}, "no window"),
            ({"first": "view) or did(cart"}, "an event type"),
            ({"first": "prchase"}, "no event type `prchase`"),
            ({"first": "view", "return": "purchase where amuont > 3"}, "`amuont`"),
            ({"first": "view", "period": "year"}, "day, week or month"),
            ({"first": "view", "periods": 367}, "periods"),
            ({"first": "view", "periods": 0}, "periods"),
            ({"first": "view", "by": "city"}, "by"),
        ]:
            self.assertIn(words, str(self.refused("audience.retention", **params)), params)
        self.assertEqual(self.refused("audience.retention", first="prchase").position, 0)


if __name__ == "__main__":
    unittest.main()
