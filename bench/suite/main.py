"""One run of the benchmark suite: Shoal, its peers and the machine's own limits, side by side.

    bench/run                       a small shop (--scale 1m), about five minutes
    bench/run --full                ten million users, more rounds, every peer, scaling: about an hour
    bench/run --only audience,wire  some groups; --list names them
    bench/run --peers redis,duckdb  some peers; --peers none
    bench/run --out DIR             where the report goes (build/report)
    bench/run --check               every program, small, nothing timed: for the tests

What it needs from Debian and npm it installs. Every program is run several times (repeats), peers in between, and what differs less than
from repeat to repeat is called a tie. Answers of all sides of a row are compared; a row whose answers differ fails the run.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import judge
import machine
import peers
import programs
import report

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCALES = {"100k": 100_000, "1m": 1_000_000, "10m": 10_000_000, "50m": 50_000_000, "100m": 100_000_000}


def say(text):
    print(time.strftime("%H:%M:%S "), text, flush=True)


def read_options(arguments):
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--quick", action="store_true", help="about five minutes; this is the default")
    kind.add_argument("--full", action="store_true", help="ten million users, more rounds, scaling: about an hour")
    kind.add_argument("--check", action="store_true", help="every program, small: answers are checked, times mean nothing")
    parser.add_argument("--scale", choices=SCALES, help="users of the population (1m; with --full 10m; with --check 20k)")
    parser.add_argument("--only", default=",".join(programs.GROUPS), help=f"groups, with commas between: {','.join(programs.GROUPS)}")
    parser.add_argument("--peers", default=",".join(peers.ALL), help=f"peers, or none: {','.join(peers.ALL)}")
    parser.add_argument("--peers-here", action="store_true", help="only peers that are installed already; nothing is installed")
    parser.add_argument("--repeats", type=int, help="how often each program runs (2; with --full 3)")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "report", help="folder of the report (build/report)")
    parser.add_argument("--build", type=pathlib.Path, help="a folder that is built already; without it build/ is built now")
    parser.add_argument("--list", action="store_true", help="name the programs, and end")
    options = parser.parse_args(arguments)
    options.only = [name for name in options.only.split(",") if name]
    options.peers = [] if options.peers == "none" else [name for name in options.peers.split(",") if name]
    for name, known in (("--only", programs.GROUPS), ("--peers", peers.ALL)):
        unknown = set(getattr(options, name[2:])) - set(known)
        if unknown:
            parser.error(f"{name}: not known: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    options.users = SCALES[options.scale] if options.scale else 20_000 if options.check else 10_000_000 if options.full else 1_000_000
    options.repeats = options.repeats or (1 if options.check else 3 if options.full else 2)
    return options


def build(options):
    if options.build:
        return options.build.resolve()
    say("building")
    subprocess.run([ROOT / "tools" / "dev", "build"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return ROOT / "build"


class Run:
    """The programs of one run, their lines and what they printed."""

    def __init__(self, options, folder, work):
        self.options, self.build, self.work = options, folder, work
        self.lines, self.printed = [], []

    def program(self, name, arguments, repeat, group, environment=()):
        """Runs one; its records carry the repeat and the command."""
        path = next((str(self.build / place / name) for place in ("bench", "bench/peers", "bin") if (self.build / place / name).exists()), None)
        command = [path or name, *map(str, arguments)]
        self.command(command, repeat, group, environment)

    def command(self, command, repeat, group, environment=(), folder=None):
        record = self.work / "record.jsonl"
        record.unlink(missing_ok=True)
        shown = " ".join(pathlib.Path(part).name if index == 0 else part.replace(str(self.build) + "/", "").replace(str(self.work), "DIR").replace(str(ROOT) + "/", "")
                         for index, part in enumerate(command))
        say(f"{repeat + 1}/{self.options.repeats}  {shown}")
        begin = time.monotonic()
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=dict(os.environ, SHOAL_BENCH_RECORD=str(record), **dict(environment)), check=False)
        self.printed.append({"command": shown, "repeat": repeat, "seconds": round(time.monotonic() - begin, 1), "printed": done.stdout,
                             "exit": done.returncode})
        if done.returncode != 0:
            print(done.stdout[-3000:])
            raise SystemExit(f"{shown}: ended with {done.returncode}")
        for line in record.read_text().splitlines() if record.exists() else ():
            self.lines.append(dict(json.loads(line), repeat=repeat, command=shown, of=group))


def measure(run, options, there):
    with contextlib.ExitStack() as stack:
        context = programs.Context(run, options, there)
        if "redis" in there and {"audience", "wire"} & set(options.only):
            context.redis = stack.enter_context(peers.redis(run.work))
        if "memcached" in there and "wire" in options.only:
            context.memcached = stack.enter_context(peers.memcached(run.work))
        if {"duckdb", "clickhouse"} & set(there) and "audience" in options.only:
            context.files = run.work / "files"
            context.files.mkdir(exist_ok=True)
            run.program("population_write", [context.files, "--users", options.users, "--purchases", 5], 0, "setup")
        if "duckdb" in there and "audience" in options.only:
            context.duckdb = peers.install_duckdb(run.build, say)
        for repeat in range(options.repeats):
            for group in options.only:
                programs.GROUPS[group](context, repeat)


def main():
    options = read_options(sys.argv[1:])
    if options.list:
        print("\n".join(f"{name:10} {function.__doc__}" for name, function in programs.GROUPS.items()))
        return 0
    begin = time.monotonic()
    there = peers.install(options.peers, say, only_here=options.peers_here)
    folder = build(options)
    options.out.mkdir(parents=True, exist_ok=True)
    work = options.out / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    run = Run(options, folder, work)
    about = machine.describe(folder)
    try:
        measure(run, options, there)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    rows = judge.rows_of(run.lines, machine.cache_bytes())
    differing = [row for row in rows if row["differ"]]
    result = {
        "date": time.strftime("%Y-%m-%d"),
        "command": "bench/run " + " ".join(sys.argv[1:]),
        "minutes": round((time.monotonic() - begin) / 60, 1),
        "users": options.users,
        "repeats": options.repeats,
        "machine": about,
        "peers": {name: {"version": version, "configuration": peers.CONFIGURATIONS[name]} for name, version in peers.versions(there).items()},
        "left out": sorted(set(peers.ALL) - set(there)),
        "rows": rows,
        "printed": run.printed,
    }
    (options.out / "report.json").write_text(json.dumps(result, indent=1, ensure_ascii=False))
    (options.out / "report.md").write_text(report.markdown(result))
    (options.out / "report.html").write_text(report.page(result, options.out))
    say(f"{len(rows)} rows in {result['minutes']} minutes: {options.out}/report.md, report.html, report.json")
    for row in differing:
        print(f"ANSWERS DIFFER: {row['group']} {row['row']}: {row['differ']}")
    return 1 if differing else 0
