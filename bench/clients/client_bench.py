"""How fast are the Python and the Node client, and what of it is the client's own doing?

Each figure is work done by one process in CPU time of its main thread (so that a busy machine changes it little) and in wall time, beside
a bare loop that does only what cannot be left out: packing with msgpack and sendall, recv and unpacking, no typed objects, no retry, no
deadlines.

    client_bench.py            the figures; --node or --python: of one of them
    client_bench.py --small    seconds only, for the tests: it prints, and checks the answers and nothing else

What the Node client needs comes from npm; where that reaches nothing, its part says so and is left out.
"""
import asyncio
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tools" / "clients" / "python")]

import msgpack  # noqa: E402
import npm  # noqa: E402
import shoal  # noqa: E402
from rpc import BUILD, Server  # noqa: E402

SMALL = "--small" in sys.argv
EVENTS = 20_000 if SMALL else 600_000
FEEDS = 1000 if SMALL else 30_000
ROUNDS = 1 if SMALL else 3
NOW = 1_772_000_000_000
FIELDS = ["type", "user", "time", "item", "amount", "id"]


def rows(count, name):
    return [("purchase", f"u{i % 5000}", NOW - i, f"item{i % 200}", 1250 + i % 100, f"{name}{i}") for i in range(count)]


def timed(what, count, work):
    cpu, wall = time.thread_time(), time.perf_counter()
    work()
    cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    print(f"  {what:44} {count / cpu:10,.0f} /s of CPU {count / wall:10,.0f} /s of wall time", flush=True)
    return cpu


def bare_load(connection, many):
    sent = []
    for first in range(0, len(many), 8192):
        sent.append(connection.send("event.append", fields=FIELDS, rows=many[first:first + 8192]))
        if len(sent) > 4:
            connection.receive(sent.pop(0))
    for one in sent:
        connection.receive(one)


def bare_feeds(connection, count):
    users = range(FEEDS)
    for first in range(0, FEEDS, 256):
        part = users[first:first + 256]
        connection.socket.sendall(b"".join(msgpack.packb([0, i + 1, "feed.get", [{"user": f"u{i % 5000}", "count": count}]]) for i in part))
        for i in part:
            connection.receive(i + 1)


def load(client, many):
    with client.writer("events", fields=FIELDS) as writer:
        for row in many:
            writer.add(row)
    assert writer.report.accepted == len(many), writer.report


async def load_async(client, many):
    async with client.writer("events", fields=FIELDS) as writer:
        await writer.add_all(many)
    assert writer.report.accepted == len(many), writer.report


def feeds(client, count):
    with client.pipeline() as pipeline:
        for feed in pipeline.map(shoal.calls.feed(f"u{i % 5000}", count=count) for i in range(FEEDS)):
            assert len(feed.items) == count


async def feeds_async(client, count):
    async for feed in client.map(shoal.calls.feed(f"u{i % 5000}", count=count) for i in range(FEEDS)):
        assert len(feed.items) == count


async def feeds_gathered(client, count):
    for first in range(0, FEEDS, 1000):
        for feed in await asyncio.gather(*(client.feed(f"u{i % 5000}", count=count) for i in range(first, min(first + 1000, FEEDS)))):
            assert len(feed.items) == count


async def asynchronously(server, work):
    async with shoal.aio.Client(server.address, timeout=120) as client:
        await work(client)


def python_part(server, client):
    with server.client(workspace="default") as bare:
        for n in range(ROUNDS):
            print(f"Python, {EVENTS:,} events, rows of {len(FIELDS)} values:")
            least = timed("bare loop", EVENTS, lambda: bare_load(bare, rows(EVENTS, f"{n}a")))
            ours = timed("writer", EVENTS, lambda: load(client, rows(EVENTS, f"{n}b")))
            theirs = timed("writer, asyncio", EVENTS, lambda: asyncio.run(
                asynchronously(server, lambda one: load_async(one, rows(EVENTS, f"{n}c")))))
            print(f"  CPU against the bare loop: {ours / least:.2f}, asyncio {theirs / least:.2f}  (making the rows is in all three)")
        for count in 5, 20:
            for _ in range(ROUNDS):
                print(f"Python, {FEEDS:,} feeds of {count} items with reasons:")
                least = timed("bare loop", FEEDS, lambda: bare_feeds(bare, count))
                ours = timed("pipeline.map, typed", FEEDS, lambda: feeds(client, count))
                theirs = timed("map, asyncio, typed", FEEDS, lambda: asyncio.run(
                    asynchronously(server, lambda one: feeds_async(one, count))))
                tasks = timed("gather, asyncio, typed", FEEDS, lambda: asyncio.run(
                    asynchronously(server, lambda one: feeds_gathered(one, count))))
                print(f"  CPU against the bare loop: {ours / least:.2f}, asyncio {theirs / least:.2f}, gather {tasks / least:.2f}")


def node_part(server):
    try:
        place = npm.install(ROOT / "tests" / "clients" / "node", BUILD / "node-client")
    except npm.Unavailable as error:
        print(f"Node: left out, {error}")
        return
    script = pathlib.Path(__file__).with_suffix(".mjs")
    words = ["node", "--expose-gc", script, server.address, EVENTS, FEEDS, ROUNDS]
    subprocess.run([str(word) for word in words], check=True, env={**os.environ, "SHOAL_CLIENT": npm.client(place)})


def main():
    with Server() as server, shoal.Client(server.address, timeout=120) as client:
        client.call("schema.put", users={"attributes": [{"name": "city", "type": "string"}]},
                    items={"attributes": [{"name": "kind", "type": "string"}]}, events=[{"name": "purchase", "amount_scale": 2}])
        client.put("items", [{"id": f"item{i}", "kind": f"k{i % 12}"} for i in range(200)])
        client.put("users", [{"id": f"u{i}"} for i in range(5000)])
        # The same feeds for both: of people who bought something.
        load(client, rows(20_000, "first"))
        if "--node" not in sys.argv:
            python_part(server, client)
        if "--python" not in sys.argv:
            node_part(server)


if __name__ == "__main__":
    main()
