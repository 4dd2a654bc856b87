"""What is run, by groups: each function runs the programs of one group once. Peers of a group run right after it, so that a slow moment
of the machine is not one side's alone."""
import sys

import peers


class Context:
    def __init__(self, run, options, there):
        self.run, self.options, self.there = run, options, there
        self.redis = self.memcached = self.files = self.duckdb = None

    def pick(self, check, quick, full):
        return check if self.options.check else full if self.options.full else quick


def limits(context, repeat):
    """bandwidth of caches and memory, random reads, commits to disk"""
    rounds, large = context.pick((1, 16), (3, 512), (7, 1024))
    context.run.program("limits_bench", ["--rounds", rounds, "--threads", 2, "--large", large, "--disk", context.run.work], repeat, "limits")


def audience(context, repeat):
    """counts, lists, tags, overlaps, look-alikes (Q1 to Q8) in the engine; Redis, DuckDB, ClickHouse"""
    run, users = context.run, context.options.users
    rounds = context.pick(3, 41, 101)
    run.program("query_bench", ["--users", users, "--rounds", rounds, "--purchases", 5], repeat, "audience")
    run.program("insight_bench", ["--users", users, "--rounds", context.pick(2, 7, 21)], repeat, "audience")
    asked = ["--users", users, "--rounds", context.pick(2, 11, 21)]
    first = ["--load"] if repeat == 0 else []
    if context.redis:
        run.program("redis_peer", [context.redis[0], *asked, *first], repeat, "audience")
    threads = [1] if context.options.check else [1, 2]
    if context.duckdb:
        for count in threads:
            loads = first if count == 1 else []
            run.command(["node", str(context.duckdb / "duckdb_peer.mjs"), "--files", str(context.files), "--database", str(run.work / "duckdb"),
                         "--threads", str(count), *map(str, asked), *loads], repeat, "audience", folder=context.duckdb)
    if "clickhouse" in context.there and context.files:
        for count in threads:
            loads = first if count == 1 else []
            run.command([sys.executable, "-B", str(peers.FILES / "clickhouse_peer.py"), str(run.work / "clickhouse"), "--files",
                         str(context.files), "--threads", str(count), *map(str, asked), *loads], repeat, "audience")


def behaviour(context, repeat):
    """funnels, sequences, retention, RFM over all users"""
    users = min(context.options.users, 10_000_000)
    context.run.program("behaviour_bench", ["--users", users, "--rounds", context.pick(2, 5, 7)], repeat, "behaviour")
    context.run.program("rfm_bench", [users, 5 * users, context.pick(1, 3, 5)], repeat, "behaviour")


def bitmaps(context, repeat):
    """the sets of the Roaring papers, all pairs; kernels"""
    context.run.program("roaring_bench", context.pick([1], [3], ["--all", 3]), repeat, "bitmaps")
    context.run.program("bitmap_bench", [context.pick(1, 5, 20)], repeat, "bitmaps")


def feed(context, repeat):
    """feeds of 100,000 items, what learning costs"""
    run = context.run
    items, requests = context.pick((5000, 200), (100_000, 200), (100_000, 400))
    vectors = run.work / "vectors"
    run.program("feed_bench", [items, requests, context.pick(1, 3, 7)], repeat, "feed", {"SHOAL_BENCH_DUMP": str(vectors)})
    if vectors.exists():
        with_peers = [name for name in ("faiss", "hnswlib") if name in context.there]
        if with_peers:
            run.command([sys.executable, "-B", str(peers.FILES / "vector_peers.py"), str(vectors), *with_peers], repeat, "feed")
        vectors.unlink()
    run.program("learn_bench", context.pick([20_000, 1000, 500], [1_000_000, 200_000, 20_000], [4_000_000, 1_000_000, 100_000]), repeat, "feed")


def wire(context, repeat):
    """requests a second over TCP, with one and with many in flight; Redis, memcached"""
    seconds, users = context.pick((0.2, 1000), (1, 100_000), (3, 1_000_000))
    addresses = ([f"redis={context.redis[1]}"] if context.redis else []) + ([f"memcached={context.memcached}"] if context.memcached else [])
    for connections, in_flight in context.pick([(4, 4)], [(50, 1), (50, 16)], [(1, 1), (50, 1), (50, 16), (200, 16)]):
        context.run.program("rpc_bench", [context.run.build / "bin" / "shoald", connections, in_flight, seconds, users, *addresses], repeat, "wire")


def clients(context, repeat):
    """the Python and the Node client, exports, events that change the next feed"""
    run, small = context.run, [] if context.options.full else ["--small"]
    if repeat > 0 or context.options.check:
        return
    for name in ("client_bench.py", "export_bench.py", "feed_flow_bench.py"):
        run.command([sys.executable, "-B", str(peers.ROOT / "bench" / "clients" / name), *small], repeat, "clients",
                    {"SHOAL_BUILD": str(run.build)})


def load(context, repeat):
    """a shop's files into a server"""
    run = context.run
    users = context.pick(20_000, 500_000, 2_000_000)
    run.program("wire_bench", [run.build / "bin" / "shoald", run.build / "bin" / "shoal", users, context.pick(3, 5, 5)], repeat, "load")


def traffic(context, repeat):
    """feeds, counts, lists, events and snapshots at once, as they come (open loop)"""
    run = context.run
    users, items, history, seconds = context.pick((2000, 200, 10_000, 0.3), (100_000, 5000, 1_000_000, 4), (1_000_000, 20_000, 10_000_000, 10))
    rates = context.pick(["--feeds", 50, "--events", 5000], ["--feeds", 500, "--events", 100_000], ["--feeds", 1000, "--events", 250_000])
    run.program("traffic_bench", [run.build / "bin" / "shoald", run.build / "bin" / "shoal", run.build / "bin" / "shoal-gen", "--users", users,
                                  "--items", items, "--history", history, "--seconds", seconds, "--data", run.work / f"data{repeat}", *rates],
                repeat, "traffic")


def scaling(context, repeat):
    """the questions at other numbers of users; ingest and counts over one and two shards"""
    run = context.run
    for users in context.pick([10_000], [100_000, 300_000], [100_000, 1_000_000, 3_000_000]):
        run.program("query_bench", ["--users", users, "--rounds", context.pick(3, 41, 101), "--purchases", 5], repeat, "scaling")


GROUPS = {function.__name__: function for function in (limits, audience, behaviour, bitmaps, feed, wire, clients, load, traffic, scaling)}
