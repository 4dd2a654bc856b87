"""How soon does an event show in a feed, how many feeds a second are there over TCP, and do trainings disturb them?

Through the real server, with a made-up shop (items with a kind and two tags, users who liked things):

    fresh      a purchase on one connection and, right behind it, the buyer's feed on another one (`after` names the purchase):
               from sending the purchase to having read the feed. Each feed is checked: the thing that was first in the feed
               before, and is bought now, is gone. Durable (--data, sync), and without a log. Beside it: a ping, which is what
               the wire and this client take.
    feeds      feed.get of random users, 20 items with reasons, 32 connections each with one in flight: a second, and the
               server's processor time for one. Each answer has its 20 different items.
    training   one connection's feeds, p50 and p99, before and while an iALS table of 64 factors is trained beside them, and
               how long an epoch took

    feed_flow_bench.py [--shards N] [--users N] [--items N] [--likings N]
    feed_flow_bench.py --small    seconds only, for the tests

This client is Python: it needs a processor of its own (the server is put on the others where there are some), and its own
time is in all figures but the server's processor time.
"""
import argparse
import os
import pathlib
import random
import select
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e")]

import msgpack  # noqa: E402
from rpc import Server  # noqa: E402

BATCH = 8192


def share_of(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def used_seconds(process):
    with open(f"/proc/{process}/stat") as stat:
        words = stat.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Shop:
    def __init__(self, words, draw):
        self.words, self.draw = words, draw
        self.now = int(time.time() * 1000)

    def load(self, client, likings):
        client.call("schema.put", items={"attributes": [{"name": "kind", "type": "string"}], "tag_sets": [{"name": "tags"}]},
                    events=[{"name": "view"}, {"name": "purchase"}])
        items = [{"id": f"i{n}", "kind": f"k{n % 60}", "tags": [f"t{n % 211}", f"t{n * 7 % 211}"]} for n in range(self.words.items)]
        for first in range(0, len(items), BATCH):
            client.call("item.put", items=items[first:first + BATCH])
        users = [{"id": f"u{n}"} for n in range(self.words.users)]
        for first in range(0, len(users), BATCH):
            client.call("user.put", users=users[first:first + BATCH])
        self.like(client, likings)

    def like(self, client, count):
        sent = []
        for first in range(0, count, BATCH):
            rows = []
            for n in range(first, min(count, first + BATCH)):
                user = self.draw.randrange(self.words.users)
                item = int(self.draw.random() ** 2 * self.words.items) // 8 * 8 + user % 8  # people of a kind like things of a kind
                rows.append(("view", f"u{user}", f"i{item % self.words.items}", self.now - (count - n) * 20))
            sent.append(client.send("event.append", fields=["type", "user", "item", "time"], rows=rows))
            if len(sent) > 4:
                client.receive(sent.pop(0))
        for one in sent:
            client.receive(one)


def measure_fresh(title, server, shop, rounds):
    spent, pings = [], []
    with server.client() as writer, server.client() as reader:
        for n in range(rounds):
            user = f"u{n % shop.words.users}"
            best = reader.call("feed.get", user=user, count=10, explain="none")["items"][0]["id"]
            event = {"type": "purchase", "user": user, "item": best, "time": int(time.time() * 1000)}
            begin = time.perf_counter()
            message = next(writer.ids)
            writer.socket.sendall(msgpack.packb([0, message, "event.append", [{"event": event}, {"client": "till", "seq": n + 1}]]))
            feed = reader.call("feed.get", user=user, count=10, explain="none", after={"client": "till", "number": n + 1})
            spent.append((time.perf_counter() - begin) * 1e3)
            assert best not in [item["id"] for item in feed["items"]], "what was bought is in the feed"
            assert writer.receive(message)["accepted"] == 1
            begin = time.perf_counter()
            reader.call("ping")
            pings.append((time.perf_counter() - begin) * 1e3)
    print(f"fresh, {title:22} p50 {share_of(spent, 0.5):6.3f} ms  p99 {share_of(spent, 0.99):6.3f} ms"
          f"   a ping: p50 {share_of(pings, 0.5):6.3f} ms  p99 {share_of(pings, 0.99):6.3f} ms", flush=True)


def measure_feeds(server, shop, connections, seconds):
    clients = [server.client() for _ in range(connections)]
    poll = select.epoll()
    by_handle = {client.socket.fileno(): client for client in clients}
    for client in clients:
        poll.register(client.socket.fileno(), select.EPOLLIN)
    ask = [msgpack.packb([0, 1, "feed.get", [{"user": f"u{n}", "count": 20}]]) for n in range(shop.words.users)]
    for client in clients:
        client.socket.sendall(shop.draw.choice(ask))
    count, used, begin = 0, used_seconds(server.process.pid), time.perf_counter()
    while time.perf_counter() < begin + seconds:
        for handle, _ in poll.poll(1):
            client = by_handle[handle]
            client.unpacker.feed(client.socket.recv(1 << 20))
            for _, _, error, feed in client.unpacker:
                assert error is None and len({item["id"] for item in feed["items"]}) == 20, (error, feed)
                client.socket.sendall(shop.draw.choice(ask))
                count += 1
    took, used = time.perf_counter() - begin, used_seconds(server.process.pid) - used
    for client in clients:
        client.close()
    print(f"feeds, {connections} connections: {count / took:8,.0f} /s; {used / count * 1e6:6.0f} us of the server's processor a feed,"
          f" so {count / used:8,.0f} /s a processor", flush=True)


def measure_one(client, shop, is_over):
    spent = []
    while not is_over(len(spent)):
        begin = time.perf_counter()
        feed = client.call("feed.get", user=f"u{shop.draw.randrange(shop.words.users)}", count=20, explain="none")
        spent.append((time.perf_counter() - begin) * 1e3)
        assert len(feed["items"]) == 20
    return spent


def measure_training(server, shop, epochs):
    with server.client() as client, server.client() as other:
        before = measure_one(client, shop, lambda count: count >= shop.words.feeds)
        number = other.call("model.train", name="ials", dimensions=64, epochs=epochs)["number"]
        last, begin = [0.0, False], time.perf_counter()

        def is_over(count):
            if time.perf_counter() < last[0] + 0.25:
                return last[1]
            last[0] = time.perf_counter()
            model = next(m for m in other.call("model.list")["models"] if m["name"] == "ials")
            assert "fault" not in model, model
            last[1] = model.get("table", {}).get("number") == number
            return last[1]

        during = measure_one(client, shop, is_over)
        took = time.perf_counter() - begin
    print(f"training beside feeds: p50 {share_of(before, 0.5):.3f} -> {share_of(during, 0.5):.3f} ms,"
          f" p99 {share_of(before, 0.99):.3f} -> {share_of(during, 0.99):.3f} ms"
          f" ({share_of(during, 0.99) / share_of(before, 0.99):.2f} times); {len(during):,} feeds in {took:.1f} s of training,"
          f" {took / epochs:.2f} s an epoch with reading and writing", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--likings", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=4000)
    parser.add_argument("--feeds", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    words = parser.parse_args()
    if words.small:
        words.users, words.items, words.likings, words.rounds, words.feeds = 300, 400, 6000, 60, 60
        words.seconds, words.epochs = 0.3, 1
    draw = random.Random(5)
    with tempfile.TemporaryDirectory() as folder:
        for title, flags in (("sync", ("--data", f"{folder}/sync")), ("no durability", ("--data", f"{folder}/none", "--durability", "none")),
                             ("no log", ())):
            with Server(words.shards, flags=flags) as server, server.client() as client:
                shop = Shop(words, draw)
                shop.load(client, words.likings // 10 if flags else words.likings)
                measure_fresh(title, server, shop, words.rounds)
                if flags:
                    continue
                measure_feeds(server, shop, 32, words.seconds)
                measure_training(server, shop, words.epochs)


if __name__ == "__main__":
    main()
