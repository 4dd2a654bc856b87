"""Shoal against SQLite: the same rows, random expressions, the same people, every time.

    /usr/bin/python3 tests/e2e/differential_sqlite.py [--seed N] [--shop N] [--retail N] [--shards N] [--io BODY]

Two data sets: a shop made by shoal-gen (all attribute types, tags, missing values), and UCI Online Retail where its
files are there (real dirt, exact amounts). Each expression's whole list of ids is compared, not only its count.
Prints the seed; the first difference is printed with both answers and ends the run.
"""
import argparse
import csv
import datetime
import glob
import gzip
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import zoneinfo

from expressions import DAY, Calendar, Column, Events, Tags, combine
from rpc import DATA, SHOAL_GEN, ROOT, Server, shoal

SCHEMA = """
CREATE TABLE items (id TEXT PRIMARY KEY, title TEXT, category TEXT, brand TEXT, price INTEGER, stock INTEGER, kind TEXT) WITHOUT ROWID;
CREATE TABLE item_tags (id TEXT, tag TEXT, PRIMARY KEY (id, tag)) WITHOUT ROWID;
CREATE TABLE user_tags (id TEXT, tag TEXT, PRIMARY KEY (id, tag)) WITHOUT ROWID;
CREATE TABLE events (type TEXT, user TEXT, item TEXT, time INTEGER, amount INTEGER, store TEXT, quantity INTEGER, invoice TEXT, price INTEGER,
                     day TEXT, hour INTEGER, weekday INTEGER);
"""


def scaled(value, scale):
    """A decimal's text as a whole number of 10^-scale, exactly."""
    if value == "":
        return None
    sign = -1 if value.startswith("-") else 1
    whole, _, fraction = value.lstrip("-").partition(".")
    assert len(fraction.rstrip("0")) <= scale, value
    return sign * int(whole + fraction.rstrip("0").ljust(scale, "0"))


def set_clock(database, zone):
    """What the wall clock of the zone says at each event."""
    zone = zoneinfo.ZoneInfo(zone)

    def local(form):
        return lambda time: form(datetime.datetime.fromtimestamp(time / 1000, zone))

    database.create_function("least", 2, lambda a, b: None if a is None else min(a, b))  # as in other dialects
    database.create_function("day_of", 1, local(lambda at: at.date().isoformat()))
    database.create_function("hour_of", 1, local(lambda at: at.hour))
    database.create_function("weekday_of", 1, local(lambda at: at.isoweekday()))
    database.execute("UPDATE events SET day = day_of(time), hour = hour_of(time), weekday = weekday_of(time)")


def values_of(database, sql):
    return [row[0] for row in database.execute(sql)]


class Shop:
    judge_name = "sqlite"
    zone = "Asia/Shanghai"
    labels = ["普通会员", "银卡", "金卡", "钻石"]

    def __init__(self, folder, address):
        self.folder = folder
        subprocess.run([SHOAL_GEN, "--out", folder, "--users", "1500", "--items", "300", "--events", "40000", "--days",
                        "200", "--seed", "7"], check=True)
        shoal("--workspace", "shop", "load", "--quiet", "--map", f"{folder}/shop.map", "--rejects", f"{folder}/rejects.csv",
              address=address)
        self.database = sqlite3.connect(":memory:")
        self.database.executescript(SCHEMA + """CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, gender TEXT, city TEXT,
            tier INTEGER, birthday TEXT, joined INTEGER, points INTEGER, balance INTEGER, store TEXT, channel TEXT,
            invited_by TEXT, consent INTEGER) WITHOUT ROWID;""")
        self.read()

    def rows(self, name):
        with open(f"{self.folder}/{name}.csv", newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)

    def read(self):
        insert = self.database.executemany
        zone = zoneinfo.ZoneInfo(self.zone)
        for row in self.rows("users"):
            joined = datetime.datetime.strptime(row["joined"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
            insert("INSERT INTO users VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", [(
                row["user_id"], row["name"] or None, row["gender"] or None, row["city"] or None,
                self.labels.index(row["tier"]), row["birthday"] or None, int(joined.timestamp()) * 1000, int(row["points"]),
                scaled(row["balance"], 2), row["store"] or None, row["channel"] or None, row["invited_by"] or None,
                row["consent"] == "true")])
            insert("INSERT INTO user_tags VALUES (?,?)", {(row["user_id"], tag) for tag in row["interests"].split("|") if tag})
        for row in self.rows("items"):
            insert("INSERT INTO items VALUES (?,?,?,?,?,?,?)", [(row["item_id"], row["title"], row["category"], row["brand"],
                                                                 scaled(row["price"], 2), int(row["stock"]), row["kind"])])
            insert("INSERT INTO item_tags VALUES (?,?)", {(row["item_id"], tag) for tag in row["tags"].split("|") if tag})
        insert("INSERT INTO events (type, user, item, time, amount, store, quantity) VALUES (?,?,?,?,?,?,?)", (
            (row["type"], row["user_id"], row["item_id"] or None, int(row["time"]), scaled(row["amount"], 2), row["store"],
             int(row["quantity"]) if row["quantity"] else None) for row in self.rows("events")))
        set_clock(self.database, self.zone)
        self.database.execute("CREATE INDEX by_user ON events (user, type, time)")

    def leaves(self, source, now):
        query = lambda sql: values_of(self.database, sql)
        zone = zoneinfo.ZoneInfo(self.zone)
        columns = [Column(name, f"u.{column}", kind, query(f"SELECT {column} FROM users"), scale, labels, zone)
                   for name, column, kind, scale, labels in [
                       ("name", "name", "string", 0, None), ("gender", "gender", "string", 0, None),
                       ("city", "city", "string", 0, None), ("会员等级", "tier", "enum", 0, self.labels),
                       ("birthday", "birthday", "date", 0, None), ("joined", "joined", "time", 0, None),
                       ("points", "points", "int", 0, None), ("balance", "balance", "decimal", 2, None),
                       ("store", "store", "string", 0, None), ("channel", "channel", "string", 0, None),
                       ("invited_by", "invited_by", "string", 0, None), ("consent", "consent", "bool", 0, None)]]
        tags = Tags("interests", "user_tags", "u.id", query("SELECT DISTINCT tag FROM user_tags") + ["没有这个"])
        events = Events(
            query("SELECT DISTINCT type FROM events") + ["purchase"] * 6 + ["view"] * 2,
            query("SELECT amount FROM events WHERE type = 'purchase'"), 2,
            [Column("store", "e.store", "string", query("SELECT store FROM events LIMIT 2000")),
             Column("quantity", "e.quantity", "int", query("SELECT quantity FROM events WHERE quantity > 0 LIMIT 2000"))],
            [Column("item.category", "i.category", "string", query("SELECT category FROM items")),
             Column("item.price", "i.price", "decimal", query("SELECT price FROM items"), 2),
             Column("item.stock", "i.stock", "int", query("SELECT stock FROM items"))],
            Tags("item.tags", "item_tags", "e.item", query("SELECT DISTINCT tag FROM item_tags")), Calendar(self.zone, now), 200,
            has_sequences=True)
        result = []
        for _ in range(400):
            kind = source.random()
            one = source.choice(columns) if kind < 0.45 else tags if kind < 0.6 else events
            result.append(one.leaf(source))
        return result

    workspace = "shop"
    nows = [1769875200000, 1769900000123, 1764547200000]  # the last evening, an odd millisecond, two months earlier


class Retail:
    judge_name = "sqlite"
    zone = "Europe/London"
    workspace = "retail"
    nows = [int(datetime.datetime(2011, 12, 10, tzinfo=datetime.timezone.utc).timestamp() * 1000),
            int(datetime.datetime(2011, 11, 1, 9, 30, tzinfo=datetime.timezone.utc).timestamp() * 1000)]

    def __init__(self, folder, address):
        source = DATA / "online-retail"
        shoal("--workspace", "retail", "load", "--quiet", "--map", ROOT / "tools" / "online-retail.map", "--dir", source,
              "--rejects", f"{folder}/rejects.csv", address=address)
        self.database = sqlite3.connect(":memory:")
        self.database.executescript(SCHEMA + "CREATE TABLE users (id TEXT PRIMARY KEY, country TEXT) WITHOUT ROWID;")
        insert = self.database.executemany
        with gzip.open(source / "stockcodes.csv.gz", "rt", newline="", encoding="utf-8") as file:
            insert("INSERT OR REPLACE INTO items (id, title) VALUES (?, ?)",
                   ((row["StockCode"], row["Description"] or None) for row in csv.DictReader(file)))
        zone = zoneinfo.ZoneInfo(self.zone)
        times = {}

        def instant(local):
            if local not in times:
                parsed = datetime.datetime.strptime(local, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
                times[local] = int(parsed.timestamp()) * 1000
            return times[local]

        users = {}

        def lines():
            for path in sorted(glob.glob(str(source / "lines_*.csv.gz"))):
                with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
                    for row in csv.DictReader(file):
                        if not row["CustomerID"]:
                            continue
                        users[row["CustomerID"]] = row["Country"]
                        price = scaled(row["UnitPrice"], 3)
                        yield ("cancel" if row["InvoiceNo"].startswith("C") else "purchase", row["CustomerID"],
                               row["StockCode"], instant(row["InvoiceDate"]), int(row["Quantity"]) * price,
                               int(row["Quantity"]), row["InvoiceNo"], price)

        insert("INSERT INTO events (type, user, item, time, amount, quantity, invoice, price) VALUES (?,?,?,?,?,?,?,?)", lines())
        insert("INSERT INTO users VALUES (?,?)", users.items())
        set_clock(self.database, self.zone)
        self.database.execute("CREATE INDEX by_user ON events (user, type, time)")
        facts = self.database.execute("SELECT count(*), count(DISTINCT user), count(DISTINCT invoice), count(DISTINCT item),"
                                      " sum(type = 'cancel'), sum(amount) FROM events").fetchone()
        assert facts == (406829, 4372, 22190, 3684, 8905, 8300065814), facts

    def leaves(self, source, now):
        query = lambda sql: values_of(self.database, sql)
        country = Column("country", "u.country", "string", query("SELECT country FROM users"))
        sample = "FROM events WHERE rowid % 400 = 7"
        events = Events(
            ["purchase"] * 4 + ["cancel"], query(f"SELECT amount {sample}"), 3,
            [Column("quantity", "e.quantity", "int", query(f"SELECT quantity {sample}")),
             Column("price", "e.price", "decimal", query(f"SELECT price {sample}"), 3),
             Column("invoice", "e.invoice", "string", query(f"SELECT invoice {sample}"))],
            [Column("item.title", "i.title", "string", query("SELECT title FROM items WHERE title IS NOT NULL"))],
            None, Calendar(self.zone, now), 380)
        return [country.leaf(source) if source.random() < 0.2 else events.leaf(source) for _ in range(300)]


def compare(data, address, count, seed, client):
    source = random.Random(seed)
    pools = {now: data.leaves(source, now) for now in data.nows}
    sizes = []
    started = time.monotonic()
    for number in range(count):
        now = source.choice(data.nows)
        shoal_text, sql = combine(source, pools[now])
        expected = values_of(data.database, f"SELECT u.id FROM users u WHERE {sql} ORDER BY u.id")
        try:
            answer = client.call("audience.list", where=shoal_text, now=now, limit=1000000)
        except Exception as error:  # the expression is what one needs to see
            raise AssertionError(f"seed {seed}, expression {number}: {shoal_text}\nnow {now}: {error}") from error
        found = sorted(answer["ids"])
        if found != expected or answer["count"] != len(expected):
            judge = data.judge_name
            only_shoal = sorted(set(found) - set(expected))[:5]
            only_judge = sorted(set(expected) - set(found))[:5]
            raise AssertionError(f"seed {seed}, expression {number}, now {now}:\n{shoal_text}\n{sql}\n"
                                 f"shoal {len(found)} (count {answer['count']}), {judge} {len(expected)}; only shoal "
                                 f"{only_shoal}, only {judge} {only_judge}")
        sizes.append(len(expected))
    some = sum(0 < size < max(sizes) for size in sizes)
    print(f"{data.workspace}: {count} expressions agree in {time.monotonic() - started:.0f} s, {some} of them neither "
          f"empty nor everybody", flush=True)
    assert some * 3 > count, "most expressions say nothing: the generator is wrong"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=20111209)
    parser.add_argument("--shop", type=int, default=1500)
    parser.add_argument("--retail", type=int, default=600)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--io", default="uring")
    arguments = parser.parse_args()
    print(f"reproduce: differential_sqlite.py --seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="shoal-differential-") as folder, \
            Server(shards=arguments.shards, io=arguments.io) as server:
        for kind, count in ((Shop, arguments.shop), (Retail, arguments.retail)):
            if kind is Retail and not (DATA / "online-retail").is_dir():
                print(f"SKIPPED: no Online Retail files in {DATA}", flush=True)
                continue
            if count == 0:
                continue
            data = kind(folder, server.address)
            with server.client(workspace=kind.workspace) as client:
                compare(data, server.address, count, arguments.seed, client)


if __name__ == "__main__":
    sys.exit(main())
