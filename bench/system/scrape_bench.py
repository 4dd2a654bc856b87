"""What does a scrape of /metrics cost, and do feeds feel it?

One server, a made-up shop, one connection that asks for feed after feed. Slices without scrapes and slices with a scrape each
second (--every) take turns, so that both meet the same machine; the answer is the ratio of their p99. Beside it the same with two
kinds of slices that are both without scrapes: what a ratio is worth here.

    bench/system/scrape_bench.py BUILD [--pairs 20] [--slice 3] [--every 1] [--users 20000]
"""
import argparse
import http.client
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "e2e"))


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--slice", type=float, default=3)
    parser.add_argument("--every", type=float, default=1)
    parser.add_argument("--users", type=int, default=20000)
    return parser.parse_args()


class Scraper:
    def __init__(self, port, every):
        self.port, self.every, self.times, self.bytes = port, every, [], 0

    def run_for(self, seconds):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end:
            connection.request("GET", "/metrics")
            self.bytes = len(connection.getresponse().read())
            self.times.append(time.perf_counter() - begin)
            time.sleep(max(0, min(self.every - (time.perf_counter() - begin), end - time.perf_counter())))
        connection.close()


def ask_for(client, users, seconds, took):
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        client.call("feed.get", user=random.choice(users), count=20, record=False)
        took.append(time.perf_counter() - begin)


def p99(took):
    return sorted(took)[len(took) * 99 // 100] * 1e6


def main():
    options = parse()
    os.environ["SHOAL_BUILD"] = str(options.build.resolve())
    import rpc
    random.seed(7)
    with tempfile.TemporaryDirectory(prefix="shoal-scrape-") as folder:
        port = rpc.free_port()
        with rpc.Server(shards=1, io=None, flags=["--http", f"127.0.0.1:{port}"]) as server:
            subprocess.run([rpc.SHOAL_GEN, "--out", folder, "--users", str(options.users), "--items", "5000", "--events", str(15 * options.users)],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            rpc.shoal("load", "--quiet", "--map", f"{folder}/shop.map", "--dir", folder, address=server.address)
            with server.client() as client:
                users = client.call("audience.sample", where="count(view) >= 5", count=min(1000, options.users // 4), seed="bench")["ids"]
                scraper = Scraper(port, options.every)
                slices = {"quiet": [], "quiet again": [], "scraped": []}
                ask_for(client, users, options.slice, [])
                for _ in range(options.pairs):
                    for name, took in slices.items():
                        thread = threading.Thread(target=scraper.run_for, args=(options.slice,)) if name == "scraped" else None
                        if thread is not None:
                            thread.start()
                        took.append([])
                        ask_for(client, users, options.slice, took[-1])
                        if thread is not None:
                            thread.join()
    if not scraper.times or not all(took for took in slices["scraped"]):
        sys.exit("no scrape, or no feed, was measured")
    print(f"a scrape ({scraper.bytes:,} bytes): median {statistics.median(scraper.times) * 1e3:.2f} ms, longest {max(scraper.times) * 1e3:.2f} ms of {len(scraper.times)}")
    whole = {name: [one for took in several for one in took] for name, several in slices.items()}
    for name, took in whole.items():
        print(f"feeds, {name:12} {len(took):7,} of them, median {statistics.median(took) * 1e6:6.0f} us, p99 {p99(took):6.0f} us")
    print(f"p99 with a scrape each {options.every:g} s / without: {p99(whole['scraped']) / p99(whole['quiet']):.3f}"
          f"   (without / without: {p99(whole['quiet again']) / p99(whole['quiet']):.3f})")


if __name__ == "__main__":
    main()
