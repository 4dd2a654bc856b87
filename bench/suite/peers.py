"""The other systems: installing, starting as their own experts would, and stopping them.

Each peer is a context that gives what its programs need; what it was configured with is text for the report. A peer that cannot be had
here (no network, no package) is left out, and the report says so.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "e2e"))
import npm  # noqa: E402

ALL = ["libroaring", "redis", "memcached", "duckdb", "clickhouse", "faiss", "hnswlib"]
PACKAGES = {
    "libroaring": ["libroaring-dev"],
    "redis": ["redis-server", "libhiredis-dev"],
    "memcached": ["memcached"],
    "duckdb": ["nodejs", "npm"],
    "clickhouse": ["clickhouse-server", "clickhouse-client"],
    "faiss": ["python3-faiss"],
    "hnswlib": ["python3-hnswlib"],
}
CONFIGURATIONS = {
    "libroaring": "in the same process, one thread; a bitmap a value, run-optimized in the Roaring sets; points as 17 bit slices",
    "redis": "redis-server --save '' --appendonly no; bitmaps over a Unix socket with hiredis, one pipeline a question; "
             "the wire rows over TCP with the client of rpc_bench; processor 0",
    "memcached": "memcached -t 1 -m 2048 over TCP with the client of rpc_bench; processor 0",
    "duckdb": "in the Node process (@duckdb/node-api), statements prepared, a database file with checkpoint; once with one thread, "
              "once with all; smallest column types, enums, ten boolean columns for the commonest tags, tags sorted by tag, "
              "purchases by user",
    "clickhouse": "MergeTree sorted by user, marks and uncompressed blocks cached, over HTTP with one connection kept open; one thread, "
                  "and all",
    "faiss": "IndexFlatIP with an IDSelectorBitmap, one thread",
    "hnswlib": "HNSW M = 16, ef 200, one thread",
}
FILES = ROOT / "bench" / "peers"
JUDGE = ROOT / "tests" / "e2e" / "judge"


def is_there(package):
    """Node may have come another way than by Debian."""
    return bool(machine.package_version(package)) or package in ("nodejs", "npm") and shutil.which(package.replace("nodejs", "node")) is not None


def install(names, say, only_here=False):
    """Debian's packages of those peers; those that cannot be installed are left out. -> the names that are there"""
    missing = {package for name in names for package in PACKAGES[name] if not is_there(package)}
    if missing and not only_here:
        say(f"installing {' '.join(sorted(missing))}")
        prefix = [] if os.geteuid() == 0 else ["sudo"]
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(missing)]):
            with contextlib.suppress(OSError):
                subprocess.run(prefix + command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    there = [name for name in names if all(map(is_there, PACKAGES[name]))]
    for name in set(names) - set(there):
        say(f"NOT COMPARED: {name}, its packages are not here: {' '.join(PACKAGES[name])}")
    return there


def versions(names):
    found = {name: "; ".join(f"{package} {machine.package_version(package) or 'not from Debian'}" for package in PACKAGES[name]) for name in names}
    if "duckdb" in found:
        lock = json.loads((JUDGE / "package.json").read_text())["dependencies"]
        found["duckdb"] = "; ".join([*(f"{name} {version}" for name, version in lock.items()), f"node {machine.text_of(['node', '--version'])}"])
    return found


def install_duckdb(build, say):
    """Its package from npm, at the version and hash of the lock file of the tests that ask DuckDB too, in the folder that those use.
    -> a folder to run duckdb_peer.mjs in, or None"""
    try:
        folder = npm.install(JUDGE, build / "judge")
    except npm.Unavailable as why:
        say(f"NOT COMPARED: duckdb, {why}")
        return None
    shutil.copy(FILES / "duckdb_peer.mjs", folder)
    return folder


def on_processor_0():
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def wait_for(kind, address):
    for _ in range(200):
        with socket.socket(kind) as probe, contextlib.suppress(OSError):
            probe.connect(address)
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody answers at {address}")


@contextlib.contextmanager
def server(command, log):
    with open(log, "ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, preexec_fn=on_processor_0)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def redis(folder):
    """-> (path of its Unix socket, its TCP address)"""
    port, path = free_port(), folder / "redis.sock"
    path.unlink(missing_ok=True)
    with server(["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--unixsocket", str(path), "--save", "", "--appendonly", "no",
                 "--dir", str(folder)], folder / "redis.log"):
        wait_for(socket.AF_UNIX, str(path))
        yield str(path), f"127.0.0.1:{port}"


@contextlib.contextmanager
def memcached(folder):
    """-> its TCP address"""
    port = free_port()
    command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-t", "1", "-m", "2048"]
    if os.geteuid() == 0:
        command += ["-u", "nobody"]
    with server(command, folder / "memcached.log"):
        wait_for(socket.AF_INET, ("127.0.0.1", port))
        yield f"127.0.0.1:{port}"
