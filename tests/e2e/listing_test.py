"""event.list, item.list and audience.export: whatever the size of a page and the number of shards, the pages are the whole, once, in order."""
import bisect
import os
import random
import sys
import unittest

from rpc import RpcError, Server

SEED = int(os.environ.get("SHOAL_SEED", "4711"))
NOW = 1_769_875_200_000
DAY = 86_400_000
SCHEMA = {"zone": "America/New_York", "users": {"attributes": [{"name": "n", "type": "int"}]}, "items": {"attributes": [{"name": "n", "type": "int"}]},
          "events": [{"name": "view"}, {"name": "purchase", "properties": [{"name": "店", "type": "string"}]}, {"name": "never"}]}


def make_events(rng):
    """(time, user, arrival, event): with ties of every kind, some of one person in plenty."""
    events = []
    for arrival in range(3000):
        user = rng.choice(["a", "b", "c", "用户", "z" * 40, f"u{rng.randrange(200)}"])
        time = NOW - rng.choice([0, 0, 1, DAY, rng.randrange(40) * DAY, rng.randrange(3 * DAY), rng.randrange(400) * DAY // 3])
        event = {"type": rng.choice(["view", "view", "purchase"]), "user": user, "time": time, "item": f"i{rng.randrange(30)}"}
        if rng.random() < 0.3:
            event["id"] = f"e{arrival}"
        if event["type"] == "purchase":
            event |= {"amount": f"{rng.randrange(10000) / 100:.2f}", "店": rng.choice(["一店", "二店"])}
        events.append((time, user.encode(), arrival, event))
    return events


class Listing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"seed {SEED}; SHOAL_SEED repeats it", file=sys.stderr)
        cls.rng = random.Random(SEED)
        cls.events = make_events(cls.rng)
        cls.shops = []
        for shards, io in (1, "uring"), (2, "epoll"), (3, "uring"):
            server = Server(shards=shards, io=io)
            cls.addClassCleanup(server.stop)
            client = server.client(workspace="shop")
            cls.addClassCleanup(client.close)
            client.call("schema.put", **SCHEMA)
            client.call("item.put", items=[{"id": f"i{n}", "n": n} for n in range(40)])
            client.call("item.remove", ids=["i3", "i35"])
            client.call("user.put", users=[{"id": f"idle{n}", "n": n} for n in range(50)])
            for first in range(0, len(cls.events), 500):
                answer = client.call("event.append", events=[event for *_, event in cls.events[first:first + 500]])
                assert answer["accepted"] + answer["duplicates"] == 500, answer
            cls.shops.append(client)
        # Rows of one batch are applied in the order of their times, which for equal times is that of arrival.
        cls.events.sort(key=lambda one: one[:3])

    def pages(self, client, method, key, limit, **params):
        whole, cursor, count = [], None, 0
        while True:
            answer = client.call(method, limit=limit() if callable(limit) else limit,
                                 **({"cursor": cursor} | ({"types": params["types"]} if "types" in params else {}) if cursor else params))
            whole += answer[key]
            cursor = answer.get("cursor")
            count += 1
            if cursor is None:
                return whole
            self.assertGreater(len(answer[key]), 0)
            self.assertLess(count, 10000)

    def expected(self, types=None, begin=-10**18, until=NOW + 1):
        return [(time, user.decode(), event["type"], event["item"], event.get("amount"), event.get("店"), "id" in event)
                for time, user, _, event in self.events
                if begin <= time < until and (types is None or event["type"] in types)]

    @staticmethod
    def shown(events):
        return [(event["time"], event["user"], event["type"], event["item"], event.get("amount"), event.get("店"), "id" in event) for event in events]

    def test_all_events_in_order_in_pages_of_any_size(self):
        for client in self.shops:
            for limit in 1000, 7, 16384, lambda: self.rng.randrange(1, 40):
                self.assertEqual(self.shown(self.pages(client, "event.list", "events", limit, now=NOW)), self.expected())
        self.assertEqual(len({event["id"] for event in self.pages(self.shops[0], "event.list", "events", 900, now=NOW) if "id" in event}),
                         sum("id" in event for *_, event in self.events))

    def test_types_and_windows(self):
        times = sorted({time for time, *_ in self.events})
        for turn in range(60):
            types = self.rng.choice([None, ["view"], ["purchase"], ["never"], [], ["purchase", "view"]])
            begin, until = sorted((self.rng.choice(times) + self.rng.randrange(2), self.rng.choice(times) + self.rng.randrange(2)))
            client = self.shops[turn % 3]
            params = {"from": begin, "until": until} | ({} if types is None else {"types": types})
            found = self.pages(client, "event.list", "events", self.rng.choice([3, 50, 5000]), **params)
            self.assertEqual(self.shown(found), self.expected(types, begin, until), (params, turn))
        first = bisect.bisect_left(times, NOW - DAY)
        self.assertGreater(first, 0)
        # A day is the workspace's; what has not happened by now is left out.
        for client in self.shops:
            whole = client.call("event.list", limit=16384, **{"from": "2026-01-31", "until": "2026-02-01"})["events"]
            day = 1_769_835_600_000  # midnight in New York
            self.assertEqual(self.shown(whole), self.expected(None, day, day + DAY))
            early = client.call("event.list", limit=16384, now=NOW - DAY)["events"]
            self.assertEqual(self.shown(early), self.expected(until=NOW - DAY + 1))

    def test_who_is_forgotten_between_two_pages_is_gone_and_nobody_else(self):
        for number, client in enumerate(self.shops):
            client.call("event.append", events=[{"type": "view", "user": user, "time": NOW + 10, "item": "i1", "id": f"{user}{n}"}
                                                for n in range(20) for user in ("gone1", "gone2", "here")])
            params = {"from": NOW + 10, "until": NOW + 11}
            first = client.call("event.list", limit=25, **params)
            self.assertEqual([event["user"] for event in first["events"]], ["gone1"] * 20 + ["gone2"] * 5)
            client.call("user.forget", ids=["gone1", "gone2"])
            rest = client.call("event.list", limit=100, cursor=first["cursor"])["events"]
            self.assertEqual([event["user"] for event in rest], ["here"] * 20, number)
            client.call("user.forget", ids=["here"])

    def test_an_event_that_is_sent_back_is_the_same(self):
        for client in self.shops:
            whole = self.pages(client, "event.list", "events", 16384, now=NOW)
            answer = client.call("event.append", events=[event for event in whole if "id" in event])
            self.assertEqual((answer["accepted"], answer["refused"]), (0, []))
            self.assertEqual(answer["duplicates"], sum("id" in event for event in whole))
            again = [event for *_, event in self.events if "id" in event]
            self.assertEqual(client.call("event.append", events=again)["accepted"], 0)

    def test_bad_questions(self):
        for params, status in (({"types": ["veiw"]}, "name"), ({"cursor": "x"}, "argument"), ({"cursor": "1.2.3."}, "argument"),
                               ({"cursor": "1.-2.3.a"}, "argument"), ({"cursor": "99999999999999999999.0.3.a"}, "argument"),
                               ({"cursor": "1.0.3.a", "from": 3}, "argument"), ({"limit": 0}, "argument"), ({"limit": 16385}, "argument"),
                               ({"from": "yesterday"}, "argument"), ({"user": "a"}, "argument")):
            for client in self.shops:
                with self.assertRaises(RpcError) as caught:
                    client.call("event.list", **params)
                self.assertEqual(caught.exception.status, status, params)
        # A place that passes more than there is, or of nobody, is a place all the same.
        for cursor in f"{NOW - 1}.999999999999999.{NOW + 1}.a", f"{NOW}.0.{NOW + 1}.0nobody":
            answers = [client.call("event.list", cursor=cursor, limit=16384)["events"] for client in self.shops]
            self.assertEqual(self.shown(answers[0]), self.shown(answers[1]))
            self.assertEqual(self.shown(answers[0]), self.shown(answers[2]))
            self.assertGreater(len(answers[0]), 0)

    def test_items(self):
        everything = sorted((f"i{n}" for n in range(40)), key=str.encode)
        for client in self.shops:
            for limit in 1, 7, 65536:
                self.assertEqual(self.pages(client, "item.list", "ids", limit), everything)
            self.assertEqual(client.call("item.list", listed=False)["ids"], ["i3", "i35"])
            self.assertEqual(client.call("item.list", listed=True)["ids"], [one for one in everything if one not in ("i3", "i35")])

    def test_audiences(self):
        for client in self.shops:
            everybody = client.call("audience.list", where="true", limit=10000, order="id")["ids"]
            first = client.call("audience.export", limit=10)
            self.assertEqual((first["count"], first["ids"]), (len(everybody), everybody[:10]))
            self.assertAlmostEqual(first["now"], client.call("hello", version=1, workspace="shop")["now"], delta=60_000)
            self.assertEqual(first["ids"] + client.call("audience.export", cursor=first["cursor"], limit=10000)["ids"], everybody)
            some = client.call("audience.export", where="n >= 40", order="n", desc=True, limit=4, now=NOW)
            self.assertEqual((some["ids"], some["now"]), (["idle49", "idle48", "idle47", "idle46"], NOW))
            self.assertEqual(client.call("audience.export", cursor=some["cursor"])["ids"], [f"idle{n}" for n in range(45, 39, -1)])
            with self.assertRaises(RpcError) as caught:
                client.call("audience.export", where="true", fields=["n"])
            self.assertEqual(caught.exception.status, "argument")


if __name__ == "__main__":
    unittest.main(verbosity=2)
