"""What an export costs: rows a second of CPU time of `shoal export` and of the server, in wall time, and the most memory `shoal export` had.

    export_bench.py            100,000 users, 1,000,000 events
    export_bench.py --small    seconds only, for the tests: it checks the counts of rows and nothing else
"""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from rpc import SHOAL, SHOAL_GEN, Server  # noqa: E402

SMALL = "--small" in sys.argv
USERS, EVENTS = (2000, 10_000) if SMALL else (100_000, 1_000_000)
ASKED = [(["events"], "events.jsonl"), (["events"], "events.csv.zst"), (["users"], "users.csv"), (["users"], "users.jsonl.zst"),
         (["audience", "true"], "ids.csv"), (["audience", "points > 100"], "ids.roaring")]


def server_cpu(process):
    told = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def main():
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder, Server(shards=1) as server:
        folder = pathlib.Path(folder)
        subprocess.run([SHOAL_GEN, "--out", folder, "--users", str(USERS), "--items", "1000", "--events", str(EVENTS)], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([SHOAL, "--addr", server.address, "load", "--map", folder / "shop.map", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        for words, name in ASKED:
            before, theirs, wall = resource.getrusage(resource.RUSAGE_CHILDREN), server_cpu(server.process.pid), time.perf_counter()
            said = subprocess.run([SHOAL, "--addr", server.address, "export", *words, "--out", folder / name], check=True, stdout=subprocess.PIPE, text=True).stdout
            wall, theirs = time.perf_counter() - wall, server_cpu(server.process.pid) - theirs
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            ours = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            count = int(said.split(": ")[1].split(" ")[0].replace(",", ""))
            assert count == {"events": EVENTS}.get(words[0], USERS), said
            print(f"{' '.join(words):24} {name:16} {count / ours:11,.0f} /s of CPU {count / max(theirs, .01):11,.0f} /s of the server's {count / wall:11,.0f} /s of wall time", flush=True)
        print(f"the most memory that one had: {after.ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
