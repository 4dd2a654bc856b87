"""Scoring plans, windows after an event and spans of time through the real server, against plain loops over the same
made-up people. Each answer is asked of one shard, of two and of three, and must be the same from all.
"""
import random
import unittest
from fractions import Fraction

from behaviour_test import DAY, NOW, Shop
from rpc import RpcError, Server, shoal


def half_even(value):
    """A fraction to the nearest whole number, halves to even."""
    return round(value)


class Score(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.servers = [Server(shards=1), Server(shards=2, io="epoll"), Server(shards=3)]
        cls.shop = Shop(23)
        cls.clients = [server.client(workspace="shop", timeout=60) for server in cls.servers]
        for client in cls.clients:
            cls.shop.load(client)

    @classmethod
    def tearDownClass(cls):
        for client, server in zip(cls.clients, cls.servers):
            client.close()
            server.stop()

    def tearDown(self):
        for client in self.clients:
            for segment in client.call("segment.list", counts=False)["segments"][::-1]:
                client.call("segment.put", name=segment["name"], where="true")
            for _ in range(5):
                for score in client.call("score.list")["scores"]:
                    try:
                        client.call("score.remove", name=score["name"])
                    except RpcError:
                        pass  # another uses it: the next round
            for segment in client.call("segment.list", counts=False)["segments"]:
                client.call("segment.remove", name=segment["name"])

    def ask(self, method, **params):
        """The answer, which all servers give alike."""
        answers = [client.call(method, **params) for client in self.clients]
        for answer in answers:
            answer.pop("took_us")
            answer.get("rows", []).sort(key=lambda row: row[0]) if "order" not in params else None
            for score in answer.get("scores", [answer]):
                score.pop("changed_at", None)
        for answer in answers[1:]:
            self.assertEqual(answer, answers[0], params)
        return answers[0]

    def refused(self, method, **params):
        errors = []
        for client in self.clients:
            with self.assertRaises(RpcError) as caught:
                client.call(method, **params)
            errors.append(caught.exception)
        return errors[1]

    def scores_of(self, name):
        rows = self.ask("audience.list", where="true", fields=[f"score.{name}"], limit=100000, now=NOW)["rows"]
        return {row[0]: row[1] for row in rows}

    # ---- The number ----

    def count(self, user, kind, days, least=0):
        return sum(e["type"] == kind and NOW - days * DAY < e["time"] <= NOW and e.get("amount", 0) >= least
                   for e in self.shop.history[user])

    def part(self, rng, digits):
        """A part as the request has it, and what it adds to a user, in units of 10^-digits."""
        unit = 10 ** digits
        points = Fraction(rng.randint(-50 * unit, 50 * unit), unit)
        days = rng.choice([3, 10, 30])
        kind = rng.choice(["view", "cart", "purchase"])
        people = self.shop.people
        form = rng.randrange(6)
        if form == 0:
            return ({"when": f"did({kind}, last {days} days)", "points": str(float(points))},
                    lambda u: points * unit if self.count(u, kind, days) else 0)
        if form == 1:
            city = rng.choice(["成都", "上海"])
            return ({"when": f"city = '{city}' or vip", "points": str(float(points))},
                    lambda u: points * unit if people[u].get("city") == city or people[u].get("vip") else 0)
        weight = Fraction(rng.randint(-4000, 4000), 1000)
        cap = rng.choice([None, Fraction(rng.randint(0, 60 * unit), unit)])
        if form == 2:
            text, value = f"count({kind}, last {days} days)", lambda u: Fraction(self.count(u, kind, days))
        elif form == 3:
            text, value = "points", lambda u: Fraction(people[u]["points"])
        elif form == 4:
            text = f"sum(purchase.amount, last {days} days) / 7"
            value = lambda u: Fraction(sum(e["amount"] for e in self.shop.history[u] if e["type"] == "purchase"
                                           and NOW - days * DAY < e["time"] <= NOW), 7)
        else:
            text = f"count({kind}, last {days} days) / count(view, last {days} days)"

            def value(u):
                views = self.count(u, "view", days)
                return Fraction(self.count(u, kind, days), views) if views else Fraction(0)
        part = {"value": text, "weight": str(float(weight))}
        if cap is not None:
            part["cap"] = str(float(cap))

        def added(u):
            amount = half_even(value(u) * weight * unit)
            return amount if cap is None else max(-int(cap * unit), min(int(cap * unit), amount))
        return part, added

    def test_scores_are_what_plain_loops_add_up(self):
        rng = random.Random(5)
        for round_number in range(12):
            digits = rng.choice([0, 0, 1, 2])
            parts = [self.part(rng, digits) for _ in range(rng.randint(1, 8))]
            self.ask("score.put", name="s", digits=digits, points=[p for p, _ in parts if "when" in p],
                     weights=[p for p, _ in parts if "value" in p])
            sums = {user: sum(int(added(user)) for _, added in parts) for user in self.shop.people}
            unit = 10 ** digits
            said = {user: value if digits == 0 else int(Fraction(value) * unit)
                    for user, value in self.scores_of("s").items()}
            self.assertEqual(said, sums, (round_number, parts))
            # In expressions: the block, and below one user at a time.
            cut = Fraction(rng.choice(list(sums.values())), unit)
            expected = sum(value >= cut * unit for value in sums.values())
            for where in (f"score.s >= {float(cut)}", f"score.s + points >= {float(cut)} + points", f"not score.s < {float(cut)}"):
                self.assertEqual(self.ask("audience.count", where=where, now=NOW)["count"], expected, where)
            for user in rng.sample(sorted(sums), 3):
                why = self.ask("audience.why", user=user, where=f"score.s >= {float(cut)}", now=NOW)
                self.assertEqual(why["matches"], sums[user] >= cut * unit)
                self.assertEqual(self.ask("user.get", ids=[user], fields=["score.s"])["users"][0]["id"], user)

    def test_order_by_a_score_and_pages_of_it(self):
        self.ask("score.put", name="s", weights=[{"value": "count(view) * 3 + points", "weight": 1}])
        worth = {user: 3 * sum(e["type"] == "view" for e in self.shop.history[user]) + person["points"]
                 for user, person in self.shop.people.items()}
        order = sorted(worth, key=lambda user: (-worth[user], user))
        answer = self.ask("audience.list", where="true", order="score.s", desc=True, fields=["score.s"],
                          limit=50, now=NOW)
        self.assertEqual(answer["rows"], [[user, worth[user]] for user in order[:50]])
        for client in self.clients:
            page = client.call("audience.list", where="true", order="score.s", desc=True, keep=True, limit=100,
                               fields=["score.s"], now=NOW)
            rows = page["rows"]
            while page.get("cursor"):
                page = client.call("audience.list", cursor=page["cursor"], limit=100)
                rows += page["rows"]
            self.assertEqual([row[0] for row in rows], order)

    def test_writes_between_two_questions_count(self):
        self.ask("score.put", name="s", weights=[{"value": "count(cart)", "weight": 1}])
        before = self.ask("audience.count", where="score.s >= 1000", now=NOW)["count"]
        self.assertEqual(before, 0)
        user = "u5"
        had = sum(e["type"] == "cart" for e in self.shop.history[user])
        events = [{"type": "cart", "user": user, "time": NOW - 5, "id": f"more{i}"} for i in range(1000 - had)]
        self.ask("event.append", events=events)
        self.shop.history[user] += events
        self.assertEqual(self.ask("audience.list", where="score.s >= 1000", now=NOW)["ids"], [user])

    # ---- Who uses whom ----

    def test_scores_and_segments_use_each_other_without_circles(self):
        self.ask("score.put", name="a", points=[{"when": "did(view)", "points": 10}])
        self.ask("segment.put", name="warm", where="score.a >= 10")
        self.ask("score.put", name="b", points=[{"when": "in_segment('warm')", "points": 5}],
                 weights=[{"value": "score.a", "weight": "0.5"}])
        viewers = sum(any(e["type"] == "view" for e in events) for events in self.shop.history.values())
        self.assertEqual(self.ask("audience.count", where="score.b = 10", now=NOW)["count"], viewers)
        error = self.refused("score.put", name="a", points=[{"when": "score.b > 1", "points": 1}])
        self.assertEqual((error.status, error.message),
                         ("conflict", "the scoring plan would use itself: score.a -> score.b -> 'warm' -> score.a"))
        error = self.refused("segment.put", name="warm", where="score.b > 1")
        self.assertEqual(error.message, "the segment would use itself: 'warm' -> score.b -> 'warm'")
        error = self.refused("score.put", name="a", weights=[{"value": "score.a + 1", "weight": 1}])
        self.assertEqual(error.message, "the scoring plan would use itself: score.a -> score.a")
        self.assertEqual(self.refused("score.remove", name="a").message, "the segment 'warm' uses it")
        self.assertEqual(self.refused("segment.remove", name="warm").message, "the scoring plan 'b' uses it")
        self.ask("segment.put", name="warm", where="true")
        self.assertEqual(self.refused("score.remove", name="a").message, "the scoring plan 'b' uses it")
        self.ask("score.remove", name="b")
        self.assertEqual(self.ask("score.remove", name="a"), {"removed": True})
        self.assertEqual(self.ask("score.remove", name="a"), {"removed": False})

    def test_a_chain_of_five_is_too_long(self):
        self.ask("score.put", name="s1", points=[{"when": "did(view)", "points": 1}])
        for i in range(2, 6):
            self.ask("score.put", name=f"s{i}", weights=[{"value": f"score.s{i - 1}", "weight": 1}])
        self.assertGreater(self.ask("audience.count", where="score.s4 = 1", now=NOW)["count"], 0)
        error = self.refused("audience.count", where="score.s5 = 1", now=NOW)
        self.assertEqual((error.status, error.message),
                         ("limit", "scoring plans use each other in a chain longer than 4"))

    # ---- Plans as they are kept ----

    def test_a_plan_is_kept_in_its_one_written_form(self):
        put = {"name": "loyalty", "digits": 1, "note": "spring",
               "points": [{"when": "vip   and did( view )", "points": "2.5"}],
               "weights": [{"value": "2*count(cart)", "weight": 0.25, "cap": 9}]}
        self.assertEqual(self.ask("score.put", **put), {"changed": True})
        self.assertEqual(self.ask("score.put", **put), {"changed": False})
        got = self.ask("score.get", name="loyalty")
        self.assertEqual(got, {"name": "loyalty", "digits": 1, "note": "spring",
                               "points": [{"when": "did(view) and vip", "points": "2.5"}],
                               "weights": [{"value": "2 * count(cart)", "weight": "0.25", "cap": "9"}]})
        self.assertEqual([score["name"] for score in self.ask("score.list")["scores"]], ["loyalty"])
        self.assertEqual(self.ask("score.put", **dict(put, digits=2)), {"changed": True})
        self.assertEqual(self.refused("schema.put", users={"attributes": [{"name": "vip", "type": "int"}]}).status != "", True)

    def test_what_is_wrong_is_told_with_its_place(self):
        point = {"when": "did(view)", "points": 1}
        error = self.refused("score.put", name="s", points=[point, {"when": "did(vew)", "points": 1}])
        self.assertEqual((error.status, error.message, error.position, error.hint),
                         ("name", "`points`, number 2: there is no event type `vew`", 4, "did you mean view?"))
        error = self.refused("score.put", name="s", weights=[{"value": "city", "weight": 1}])
        self.assertEqual(error.message, "`weights`, number 1: city is a string and cannot be compared with a number")
        error = self.refused("score.put", name="s", weights=[{"value": "last(view) - first(view)", "weight": 1}])
        self.assertEqual(error.message,
                         "`weights`, number 1: a span of time is compared with a span of time, not with a number")
        error = self.refused("score.put", name="s", points=[{"when": "did(view)", "points": "1.5"}])
        self.assertTrue(error.message.startswith("`points`, number 1: `points` cannot be \"1.5\""), error.message)
        error = self.refused("score.put", name="s", weights=[{"value": "points", "weight": 1, "cap": -1}])
        self.assertTrue(error.message.startswith("`weights`, number 1: `cap` is"), error.message)
        for name in ("", "a b", "in", "7up", "x" * 80):
            self.assertEqual(self.refused("score.put", name=name, points=[point]).status, "argument", name)
        self.assertEqual(self.refused("score.put", name="s").message, "a scoring plan needs `points`, `weights` or both")
        self.assertEqual(self.refused("score.get", name="s").hint, "score.put makes one")
        error = self.refused("audience.count", where="score.s > 1")
        self.assertEqual((error.message, error.hint),
                         ("there is no attribute or tag set `score.s`", "score.put makes scoring plans"))
        self.ask("score.put", name="活跃度", points=[point])
        self.assertGreater(self.ask("audience.count", where="score.活跃度 = 1", now=NOW)["count"], 0)
        error = self.refused("audience.count", where="score.活跃 > 1")
        self.assertEqual(error.hint, "did you mean score.活跃度?")

    # ---- Windows after an event, and spans ----

    def test_a_window_after_an_event_is_each_users_own(self):
        def holds(user):
            bought = sorted(e["time"] for e in self.shop.history[user] if e["type"] == "purchase" and e["time"] <= NOW)
            return bool(bought) and sum(bought[0] < at <= bought[0] + 10 * DAY for at in bought) >= 2
        expected = sum(holds(user) for user in self.shop.people)
        where = "count(purchase, within 10 days after first(purchase)) >= 2"
        self.assertEqual(self.ask("audience.count", where=where, now=NOW)["count"], expected)
        error = self.refused("audience.insight", where="true", now=NOW,
                             dimensions=[{"events": "purchase, within 10 days after first(view)", "of": "amount"}])
        self.assertIn("one for all users", error.message)
        waterfall = self.ask("audience.waterfall", where=where + " and last(view) - first(view) > 30 days", now=NOW)
        self.assertEqual(len(waterfall["steps"]), 2)

    # ---- The command line ----

    def test_the_command_line_puts_shows_and_removes(self):
        address = self.servers[0].address
        put = shoal("--workspace", "shop", "score", "put", "engagement", "5 when did(view, last 7 days)",
                    "2.5 of count(cart, last 30 days) up to 10", "--digits", "1", "--note", "for the spring",
                    address=address)
        self.assertEqual(put.strip(), "engagement: the plan is new")
        listed = shoal("--workspace", "shop", "--format", "csv", "score", "list", address=address)
        self.assertEqual(listed.splitlines()[1], "engagement,1,1,1,for the spring")
        got = shoal("--workspace", "shop", "--format", "csv", "score", "get", "engagement", address=address)
        self.assertEqual(got.splitlines(), ["add,per,cap", '5,"when did(view, last 7 days)",',
                                            '2.5,"of count(cart, last 30 days)",10'])
        removed = shoal("--workspace", "shop", "score", "remove", "engagement", address=address)
        self.assertEqual(removed.strip(), "engagement: removed")


if __name__ == "__main__":
    unittest.main()
