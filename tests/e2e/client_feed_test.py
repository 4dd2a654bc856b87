"""The C client's feeds (tests/client/client_feed_app.c), against what a client of other hands is told."""
import subprocess
import unittest

from rpc import BUILD, RpcError, Server

NOW = 1_772_000_000_000


def load(client):
    client.call("schema.put", users={"attributes": [{"name": "points", "type": "int"}]},
                items={"attributes": [{"name": "kind", "type": "string"}]}, events=[{"name": "view"}, {"name": "purchase"}])
    client.call("item.put", items=[{"id": f"i{i}", "kind": ["茶", "cup", "rug"][i % 3]} for i in range(12)] + [{"id": "gone"}])
    client.call("item.remove", id="gone")
    client.call("user.put", users=[{"id": f"u{i}", "points": i} for i in range(20)])
    client.call("event.append", events=[{"type": "view", "user": f"u{i % 20}", "item": f"i{i * 7 % 12}", "time": NOW - i * 3_600_000}
                                        for i in range(90)])


def items(what, feed):
    return " ".join([f"{what} {len(feed['items'])}", *(f"{item['id']}={item['score']:.6f}" for item in feed["items"])])


class ClientFeed(unittest.TestCase):
    def test_what_is_told(self):
        for shards in 1, 2:
            with self.subTest(shards=shards), Server(shards=shards) as server, server.client() as client:
                load(client)
                told = subprocess.run([BUILD / "tests" / "client_feed_app", server.address, "u3", str(NOW)], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, encoding="utf-8", timeout=60)
                self.assertEqual(told.returncode, 0, told)
                self.assertEqual(told.stdout.splitlines(), list(self.expected(client)))

    def pages(self, client, **params):
        cursor = {}
        while True:
            page = client.call("feed.get", seed=7, now=NOW, **params, **cursor)
            yield items("page", page)
            if "cursor" not in page:
                return
            cursor = {"cursor": page["cursor"]}

    def expected(self, client):
        ask = {"user": "u3", "count": 5, "seed": 7, "now": NOW}
        yield from self.pages(client, user="u3", count=5)
        full = client.call("feed.get", **ask, explain="full", fields=["kind"], exclude=["i1", "i2"], filter="kind = '茶'", weights={"view": 2.5}, mmr=0.25)
        self.assertGreater(len(full["items"]), 2)
        for item in full["items"]:
            yield f"full {item['id']} 茶 {item['score']:.6f} {sum(item['contributions'].values()):.6f} 1.0"
        for item in "i1", "gone", "none":
            try:
                fate = client.call("feed.explain", item=item, **ask)
                yield f"why {item}: {fate['shown']:d} {fate['stage']} {fate.get('place', 0)} {fate.get('score', 0):.6f}"
            except RpcError as error:
                yield f"why {item}: {error.code} {error.message}"
        yield from self.pages(client, session=["i3", "i4"], count=9)
        feeds, cursor = [], {}
        while cursor is not None:
            page = client.call("feed.batch", where="points < 9", limit=4, feed={"count": 2, "seed": 7}, **cursor)
            feeds += page["feeds"]
            cursor = {"cursor": page["cursor"]} if "cursor" in page else None
        self.assertEqual(len(feeds), 9)
        yield from (" ".join(["to", feed["user"], *(item["id"] for item in feed["items"])]) for feed in feeds)
        yield "refused at 0: did you mean points?"
        yield "in flight 8 of 5"
        yield "early: busy"


if __name__ == "__main__":
    unittest.main()
