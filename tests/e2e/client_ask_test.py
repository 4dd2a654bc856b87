"""The C client's questions (tests/client/client_ask_app.c), against what a client of other hands is told."""
import random
import subprocess
import time
import unittest

from rpc import BUILD, Server

DAY = 86_400_000


def load(client):
    rng = random.Random(3)
    now = int(time.time()) * 1000
    client.call("schema.put", users={"attributes": [{"name": "city", "type": "string"}], "tag_sets": [{"name": "likes"}]},
                events=[{"name": "view"}, {"name": "cart"}, {"name": "purchase", "amount_scale": 2}])
    client.call("user.put", users=[{"id": f"u{i}", "city": rng.choice(["Lisbon", "成都", "上海"]),
                                    "likes": rng.sample(["茶", "猫", "跑步"], rng.randrange(3))} for i in range(60)])
    events = [{"type": rng.choice(["view", "view", "cart", "purchase"]), "user": f"u{rng.randrange(60)}",
               "time": now - rng.randrange(3 * DAY, 60 * DAY)} for _ in range(600)]
    for event in events:
        if event["type"] == "purchase":
            event["amount"] = f"{rng.randrange(100)}.50"
    client.call("event.append", events=events)


def shown(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return " yes" if value else " no"
    if isinstance(value, float):
        return f" {value:.2f}"
    return "".join(map(shown, value)) if isinstance(value, list) else f" {value}"


def rows(maps, *keys):
    return ["".join(shown(row.get(key)) for key in keys) for row in maps]


class ClientAsk(unittest.TestCase):
    def test_each_question(self):
        for shards in 1, 2:
            with self.subTest(shards=shards), Server(shards=shards) as server, server.client() as client:
                load(client)
                told = subprocess.run([BUILD / "tests" / "client_ask_app", server.address], check=True, stdout=subprocess.PIPE,
                                      text=True, encoding="utf-8").stdout.splitlines()
                self.assertEqual(told, self.expected(client))

    def expected(self, client):
        both = "did(cart) and city = 'Lisbon'"
        why = client.call("audience.why", user="u4", where=both)
        return [
            "funnel", *rows(client.call("audience.funnel", sequence="sequence(view -> cart -> purchase, within 3 days)",
                                        among="city = 'Lisbon'")["steps"], "step", "users", "from_first_s", "reached"),
            "retention", *rows(client.call("audience.retention", first="view", period="week", **{"return": "purchase"})["cohorts"],
                               "start", "users", "returned"),
            "insight", *rows(client.call("audience.insight", where="did(purchase)", dimensions=["city"])["dimensions"][0]["values"],
                             "value", "count", "base", "index"),
            "overlap", shown(client.call("audience.overlap", sets=["did(cart)", "city = 'Lisbon'"])["matrix"]),
            "lookalike", shown(client.call("audience.lookalike", seeds="did(purchase)", count=5)["ids"]),
            "waterfall", *rows(client.call("audience.waterfall", where=both)["steps"], "clause", "alone", "after", "removed", "only"),
            "why", *rows(why["lines"], "depth", "holds", "clause", "found"), shown(why["matches"]),
            "segments", shown(client.call("segment.of_user", user="u4")["segments"]),
            "rfm", *rows(client.call("audience.rfm")["cells"], "segment", "users", "amount"),
            "refused: there is no event type `prchase`"]


if __name__ == "__main__":
    unittest.main()
