"""The questions of query_bench and insight_bench to a ClickHouse server over HTTP, one connection kept open.

    clickhouse_peer.py FOLDER --files DIR [--load] [--rounds N] [--threads N] [--users N]

The server is started here, with its data in FOLDER, and ended with this program. Debian's ClickHouse is 18.16, of 2018: the report
says so. Tables as its users would keep the shop: MergeTree sorted by user, strings of few values as enums, a column for each of the ten
commonest tags beside the table of all tags.
"""
import argparse
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.parse

NOW_MS = 1_767_225_600_000
FROM_MS = NOW_MS - 30 * 86_400_000 + 1
WIDE = "tier >= 5 AND city IN ('c2', 'c3', 'c4', 'c5', 'c6')"
SMALL = f"{WIDE} AND t2 = 1 AND t4 = 0"
PAIRS = ", ".join(f"countIf(t{a} = 1 AND t{b} = 1)" for a in range(10) for b in range(a + 1))


def one(rows):
    return rows[0][0]


def ids(rows):
    return str(len(rows))


def tags(rows):
    return " ".join(f"t{tag}:{count}" for tag, count in rows)


QUESTIONS = [
    ("Q1", "SELECT count() FROM users WHERE t0 = 1", one),
    ("Q2", f"SELECT count() FROM users WHERE {SMALL}", one),
    ("Q3", "SELECT count() FROM users WHERE age BETWEEN 25 AND 40 AND u IN (SELECT u FROM tags WHERE tag BETWEEN 60 AND 79)", one),
    ("Q4", "SELECT count() FROM users WHERE points BETWEEN 20001 AND 50000", one),
    ("Q5", f"SELECT count() FROM users WHERE t2 = 1 AND u IN (SELECT u FROM purchases WHERE t >= {FROM_MS} GROUP BY u"
           " HAVING count() >= 2 AND sum(amount) >= 30000)", one),
    ("Q6", f"SELECT id FROM users WHERE {SMALL}", ids),
    ("Q6b", f"SELECT id FROM users WHERE {WIDE}", ids),
    ("Q7", f"SELECT tag, count() AS c FROM tags WHERE u IN (SELECT u FROM users WHERE {SMALL}) GROUP BY tag ORDER BY c DESC, tag LIMIT 20", tags),
    ("Q7b", "SELECT tag, count() AS c FROM tags WHERE u IN (SELECT u FROM users WHERE age >= 30) GROUP BY tag ORDER BY c DESC, tag LIMIT 20", tags),
    ("Q8", f"SELECT {PAIRS} FROM users", lambda rows: " ".join(rows[0])),
]

CONFIG = """<yandex>
  <logger><level>error</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
  <listen_host>127.0.0.1</listen_host><http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>
  <path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path><mark_cache_size>5368709120</mark_cache_size>
  <users_config>{folder}/users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
</yandex>
"""
USERS = """<yandex>
  <profiles><default><max_memory_usage>20000000000</max_memory_usage><use_uncompressed_cache>1</use_uncompressed_cache>
    <max_threads>{threads}</max_threads></default></profiles>
  <users><default><password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default></users>
  <quotas><default/></quotas>
</yandex>
"""


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


class Peer:
    def __init__(self, folder, threads):
        folder = folder.resolve()
        for name in ("data", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.http, self.tcp = free_port(), free_port()
        (folder / "config.xml").write_text(CONFIG.format(folder=folder, http=self.http, tcp=self.tcp))
        (folder / "users.xml").write_text(USERS.format(threads=threads))
        self.process = subprocess.Popen(["clickhouse-server", f"--config-file={folder}/config.xml"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=600)
                self.ask("SELECT 1")
                return
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"clickhouse-server ended with {self.process.returncode}: see {folder}/errors")
                time.sleep(0.1)
        sys.exit("clickhouse-server does not answer")

    def ask(self, sql, body=None):
        path = "/?" + urllib.parse.urlencode({"query": sql})
        self.connection.request("POST", path, body=body)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"ClickHouse: {text.decode()[:500]}")
        return text

    def load(self, files):
        for name in ("users", "tags", "purchases"):
            self.ask(f"DROP TABLE IF EXISTS {name}")
        flags = ", ".join(f"t{tag} UInt8" for tag in range(10))
        cities = ", ".join(f"'c{city}' = {city}" for city in range(340))
        self.ask(f"CREATE TABLE users (u UInt32, id String, city Enum16({cities}), tier UInt8, gender Enum8('f' = 0, 'm' = 1, 'x' = 2),"
                 f" age UInt8, points UInt32, {flags}) ENGINE = MergeTree ORDER BY u SETTINGS index_granularity = 8192")
        self.ask("CREATE TABLE tags (tag UInt16, u UInt32) ENGINE = MergeTree ORDER BY (tag, u) SETTINGS index_granularity = 8192")
        self.ask("CREATE TABLE purchases (u UInt32, t Int64, amount UInt32) ENGINE = MergeTree ORDER BY (u, t) SETTINGS index_granularity = 8192")
        for name in ("users", "tags", "purchases"):
            with open(files / f"{name}.tsv", "rb") as file:
                subprocess.run(["clickhouse-client", "--port", str(self.tcp), "--query", f"INSERT INTO {name} FORMAT TSV"],
                               stdin=file, check=True)
        for name in ("users", "tags", "purchases"):
            self.ask(f"OPTIMIZE TABLE {name} FINAL")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--files", type=pathlib.Path, required=True)
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--users", type=int, default=0)
    options = parser.parse_args()
    peer = Peer(options.folder, options.threads)
    try:
        if options.load:
            peer.load(options.files)
        side = "ClickHouse 18.16" if options.threads == 1 else f"ClickHouse 18.16, {options.threads} threads"
        for row, sql, read in QUESTIONS:
            samples, answer = [], ""
            for turn in range(options.rounds + 1):
                begin = time.perf_counter()
                text = peer.ask(sql)
                took = (time.perf_counter() - begin) * 1e6
                if turn:
                    samples.append(round(took, 1))
                answer = read([line.split("\t") for line in text.decode().splitlines()])
            record = {"group": "audience", "row": row, "side": side, "unit": "us", "answer": answer, "users": options.users,
                      "samples": samples, "quantiles": []}
            if os.environ.get("SHOAL_BENCH_RECORD"):
                with open(os.environ["SHOAL_BENCH_RECORD"], "a") as file:
                    file.write(json.dumps(record) + "\n")
            print(f"{row:4} best {min(samples):10.1f} us  {answer[:60]}", flush=True)
    finally:
        peer.stop()


if __name__ == "__main__":
    main()
