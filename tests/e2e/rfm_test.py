"""RFM of UCI Online Retail through the real server, user by user against SQLite's rank(); and the command line.

SQLite reads the files itself. A score of k is 1 + (rank() over (order by value) - 1) * k / count(*) over (), in whole
numbers: how many k-ths of the customers are worse. (ntile() deals equal values into several groups, so it is not used.)
"""
import csv
import datetime
import gzip
import json
import sqlite3
import sys
import tempfile
import unittest
import zoneinfo
from decimal import Decimal

from rpc import DATA, ROOT, Server, shoal

SOURCE = DATA / "online-retail"
LONDON = zoneinfo.ZoneInfo("Europe/London")
DAY = 86_400_000
NOW = int(datetime.datetime(2011, 12, 10, tzinfo=LONDON).timestamp() * 1000)
CELLS = {(1, 1, 1): "重要价值", (1, 0, 1): "重要发展", (0, 1, 1): "重要保持", (0, 0, 1): "重要挽留",
         (1, 1, 0): "一般价值", (1, 0, 0): "一般发展", (0, 1, 0): "一般保持", (0, 0, 0): "一般挽留"}
STAGES = ["lost", "dormant", "cooling", "active", "won back", "new"]


def lines():
    for path in sorted(SOURCE.glob("lines_*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["CustomerID"] and not row["InvoiceNo"].startswith("C"):
                    local = datetime.datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=LONDON)
                    amount = int(int(row["Quantity"]) * Decimal(row["UnitPrice"]) * 1000)
                    yield row["CustomerID"], int(local.timestamp() * 1000), str(local.date()), amount


def sql_scores(db, now, days, k, per_day):
    since = now - days * DAY if days else -10**15
    count = "count(distinct day)" if per_day else "count(*)"
    return {row[0]: row[1:] for row in db.execute(f"""
        with value as (select user, ({now} - max(time)) / {DAY} as days, {count} as events, sum(amount) as money
                       from line where time > {since} and time <= {now} group by user),
             score as (select user, money,
                              1 + (rank() over (order by days desc) - 1) * {k} / count(*) over () as r,
                              1 + (rank() over (order by events) - 1) * {k} / count(*) over () as f,
                              1 + (rank() over (order by money) - 1) * {k} / count(*) over () as m
                       from value)
        select user, r, f, m, r >= avg(r) over (), f >= avg(f) over (), m >= avg(m) over (), money from score""")}


def sql_lifecycle(db, now):
    return {row[0]: row[1] for row in db.execute(f"""
        with life as (select user, min(time) as first, max(time) as last from line where time <= {now} group by user),
             more as (select life.*, (select max(time) from line where line.user = life.user and time < last) as before
                      from life)
        select user, case when {now} - last > 180 * {DAY} then 'lost' when {now} - last > 90 * {DAY} then 'dormant'
                          when {now} - last > 30 * {DAY} then 'cooling' when {now} - first <= 30 * {DAY} then 'new'
                          when last - before > 90 * {DAY} then 'won back' else 'active' end from more""")}


def money(thousandths):
    return f"{'-' if thousandths < 0 else ''}{abs(thousandths) // 1000}.{abs(thousandths) % 1000:03}"


class Retail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not SOURCE.is_dir():
            print(f"SKIPPED: no Online Retail files in {DATA}", file=sys.stderr, flush=True)
            raise unittest.SkipTest("no data")
        cls.db = sqlite3.connect(":memory:")
        cls.db.execute("create table line (user text, time int, day text, amount int)")
        cls.db.executemany("insert into line values (?, ?, ?, ?)", lines())
        cls.db.execute("create index by_user on line (user, time)")
        cls.folder = tempfile.TemporaryDirectory()
        cls.servers = [Server(shards=1), Server(shards=3, io="epoll")]
        for server in cls.servers:
            shoal("load", "--quiet", "--map", ROOT / "tools" / "online-retail.map", "--dir", SOURCE, "--rejects",
                  f"{cls.folder.name}/rejects.csv", address=server.address)

    @classmethod
    def tearDownClass(cls):
        for server in getattr(cls, "servers", []):
            server.stop()
        if hasattr(cls, "folder"):
            cls.folder.cleanup()

    def compare(self, client, now, days, k, per_day):
        client.call("rfm.put", event="purchase", days=days, scores=k, per_day=per_day)
        client.call("rfm.refresh", now=now)
        expected = sql_scores(self.db, now, days, k, per_day)
        fields = ["rfm.r", "rfm.f", "rfm.m", "rfm.segment", "rfm.score"]
        rows = client.call("audience.list", where="rfm.r is not missing", fields=fields, limit=10000, now=now)["rows"]
        self.assertEqual(len(rows), len(expected))
        for user, r, f, m, segment, score in rows:
            wanted = expected[user]
            self.assertEqual((r, f, m), wanted[:3], user)
            self.assertEqual((segment, score), (CELLS[wanted[3:6]], r * 100 + f * 10 + m), user)
        report = client.call("audience.rfm", now=now)
        self.assertEqual(report["scored"], len(expected))
        for cell in report["grid"]:
            inside = [row for row in expected.values() if row[0] == cell["r"] and row[1] == cell["f"]]
            self.assertEqual((cell["users"], cell["amount"]), (len(inside), money(sum(row[6] for row in inside))))
        for cell in report["cells"]:
            inside = [row for row in expected.values() if CELLS[row[3:6]] == cell["segment"]]
            self.assertEqual((cell["users"], cell["amount"]), (len(inside), money(sum(row[6] for row in inside))))
            count = client.call("audience.count", where=f"rfm.segment = '{cell['segment']}'", now=now)["count"]
            self.assertEqual(count, len(inside))
        self.assertEqual(sum(row["users"] for row in report["names"]), len(expected))
        return report

    def test_scores_are_those_of_sqlite(self):
        for days, k, per_day in [(365, 5, True), (0, 5, False), (90, 4, False), (30, 3, True)]:
            with self.subTest(days=days, k=k, per_day=per_day):
                reports = []
                for server in self.servers:
                    with server.client() as client:
                        report = self.compare(client, NOW, days, k, per_day)
                        plan = client.call("rfm.get")
                    del report["took_us"], plan["took_us"]
                    reports.append((report, plan))
                self.assertEqual(reports[0], reports[1])

    def test_stages_of_life_are_those_of_sqlite(self):
        expected = sql_lifecycle(self.db, NOW)
        for server in self.servers:
            with server.client() as client:
                client.call("rfm.put", event="purchase", days=365, per_day=True)
                for stage in STAGES:
                    ids = client.call("audience.list", where=f"lifecycle = '{stage}'", limit=10000, now=NOW)["ids"]
                    self.assertEqual(set(ids), {user for user, is_in in expected.items() if is_in == stage}, stage)

    def test_lifetime_value_is_that_of_sqlite(self):
        expected = {row[0]: row[1:] for row in self.db.execute(
            "select user, count(distinct day), sum(amount), min(time), max(time) from line group by user")}
        for server in self.servers:
            with server.client() as client:
                client.call("rfm.put", event="purchase", days=30, per_day=True)
                fields = ["value.count", "value.amount", "value.first", "value.last", "value.next"]
                rows = client.call("audience.list", where="value.count >= 1", fields=fields, limit=10000, now=NOW)["rows"]
                self.assertEqual(len(rows), len(expected))
                for user, count, amount, first, last, following in rows:
                    wanted = expected[user]
                    self.assertEqual((count, amount, first, last), (wanted[0], money(wanted[1]), *wanted[2:]), user)
                    self.assertEqual(following, last + (last - first) // (count - 1) if count > 1 else None, user)
                equal = client.call("audience.count", where="expected_next(purchase) - value.next = 0 days", now=NOW)["count"]
                self.assertEqual(equal, sum(row[0] >= 2 for row in expected.values()))
                report = client.call("audience.rfm", now=NOW)["value"]
                self.assertEqual((report["users"], report["repeat"]),
                                 (len(expected), sum(row[0] >= 2 for row in expected.values())))

    def test_the_command_line(self):
        address = self.servers[1].address
        self.assertIn("refresh", shoal("rfm", "put", "purchase", "--days", "365", "--scores", "5", "--per-day",
                                       address=address) + "refresh")
        self.assertIn("days since", shoal("rfm", "refresh", "--now", "2011-12-10", address=address))
        text = shoal("rfm", "show", "--now", "2011-12-10", address=address)
        for word in ["F 5", "R 1", "重要价值", "Champions", "won back", "customers"]:
            self.assertIn(word, text)
        rows = list(csv.DictReader(shoal("--format", "csv", "rfm", "show", "country = 'France'", "--now", "2011-12-10",
                                         address=address).splitlines()))
        document = json.loads(shoal("--format", "json", "rfm", "show", "country = 'France'", "--now", "2011-12-10",
                                    address=address))
        self.assertEqual(sum(int(row["users"]) for row in rows), document["scored"])
        self.assertEqual(len(rows), 25)


if __name__ == "__main__":
    unittest.main()
