"""Shoal against DuckDB, which reads the same files by itself: what people did, when, how often and in which order.

    /usr/bin/python3 tests/e2e/differential_duckdb.py [--seed N]

Two data sets: UCI Online Retail in London's time (where its files are), and a shop of shoal-gen in New York's, so that
both have a night of 25 hours and one of 23. Local days, months and the hours of events come from DuckDB's own calendar,
not from this program. Whole answers are compared, one server with two shards, no tolerance anywhere.

WHERE THE TWO MEAN DIFFERENT THINGS, and what the SQL says instead:
  scores        ntile() deals users with equal values into several groups. Equal values have equal scores in Shoal:
                1 + (rank() - 1) * k / count(*), which is the share of users who are worse.
  percentiles   quantile_cont() makes up a number between two. Shoal's is one of the numbers: quantile_disc().
  sequences     there is no such operator. Loose: for each first event the nearest next one, step by step (ASOF JOIN).
                Strict: the nearest ones that come before an event that is out of turn.
  equal times   SQL has no order for them. Shoal's is their arrival, which is the row's number here.
  sum, count    of nothing is 0 in Shoal; SQL's sum is NULL there. Others are missing in both, and then no comparison
                holds, `!=` neither.
  weeks         begin on Monday in both; DuckDB's `week` of date_trunc() is the ISO one.
  windows       `last 30 days` is 30 * 24 h back from now and not a calendar's 30 days (interval '30 days' of a local time
                is 23 or 25 hours longer or shorter twice a year). Calendar windows are local dates in both.
  local times   one that happens twice is the later instant in DuckDB and the earlier one in Shoal; none of the times that
                stand as local ones in these files is such a one (events of the shop are in ms).
  shares        round() of a double; Shoal rounds half to even in whole numbers, and so does the macro `even` here.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unittest
from decimal import Decimal

import differential_sqlite
from expressions import DAY
from judge import Judge, Unavailable
from rpc import DATA, ROOT, SHOAL_GEN, Server, shoal

SEED = 20111209
CELLS = {(1, 1, 1): "重要价值", (1, 0, 1): "重要发展", (0, 1, 1): "重要保持", (0, 0, 1): "重要挽留",
         (1, 1, 0): "一般价值", (1, 0, 0): "一般发展", (0, 1, 0): "一般保持", (0, 0, 0): "一般挽留"}

# number / of, rounded half to even.
MACROS = """CREATE OR REPLACE MACRO even(number, of) AS number // of + CASE
    WHEN 2 * (number % of) > of OR (2 * (number % of) = of AND number // of % 2 = 1) THEN 1 ELSE 0 END"""

# Shoal's window; the same of e.time, an instant in ms, or e.local, the wall clock; {now} and {local} are the present.
WINDOWS = [
    ("", "true"),
    (", last 30 days", "e.time > {now} - 2592000000"),
    (", last 36 hours", "e.time > {now} - 129600000"),
    (", last 12 weeks", "e.time > {now} - 7257600000"),
    (", from 60 days ago to 30 days ago", "e.time > {now} - 5184000000 AND e.time <= {now} - 2592000000"),
    (", today", "e.local::DATE = {local}::DATE"),
    (", yesterday", "e.local::DATE = {local}::DATE - 1"),
    (", last 10 calendar days", "e.local::DATE > {local}::DATE - 10"),
    (", this week", "date_trunc('week', e.local) = date_trunc('week', {local})"),
    (", previous week", "date_trunc('week', e.local) = date_trunc('week', {local}) - INTERVAL 7 DAY"),
    (", this month", "date_trunc('month', e.local) = date_trunc('month', {local})"),
    (", previous month", "date_trunc('month', e.local) = date_trunc('month', {local}) - INTERVAL 1 MONTH"),
    (", last 3 calendar months", "date_trunc('month', e.local) > date_trunc('month', {local}) - INTERVAL 3 MONTH"),
    (", this quarter", "date_trunc('quarter', e.local) = date_trunc('quarter', {local})"),
    (", previous quarter", "date_trunc('quarter', e.local) = date_trunc('quarter', {local}) - INTERVAL 3 MONTH"),
    (", this year", "year(e.local) = year({local})"),
    (", previous year", "year(e.local) = year({local}) - 1"),
    (", since '{a}'", "e.local >= '{a}'"),
    (", before '{a}'", "e.local < '{a}'"),
    (", on '{a}'", "e.local::DATE = '{a}'"),
    (", between '{a}' and '{b}'", "e.local::DATE BETWEEN '{a}' AND '{b}'"),
]

# In the order of the columns that test_windows selects; whether it is an amount.
AGGREGATES = [
    ("count({type}{window})", False),
    ("sum({type}.amount{window})", True),
    ("min({type}.amount{window})", True),
    ("max({type}.amount{window})", True),
    ("days({type}{window})", False),
    ("count(distinct {type}.item{window})", False),
    ("first({type}.amount{window})", True),
    ("last({type}.amount{window})", True),
    ("nth(2, {type}.amount{window})", True),
    ("days_since({type}{window})", False),
]


def amount_text(units, scale):
    return f"{'-' if units < 0 else ''}{abs(units) // 10**scale}.{abs(units) % 10**scale:0{scale}}"

POINTS = [0.5, 5, 12.5, 25, 50, 75, 90, 99, 99.9]


class Data:
    """The rows in DuckDB, in the form that differential_sqlite.py has: amounts are whole numbers of the smallest unit."""

    def clock(self):
        self.database.execute(MACROS)
        self.database.execute(f"""CREATE OR REPLACE TABLE events AS SELECT *, local::DATE::VARCHAR AS day,
            hour(local) AS hour, isodow(local) AS weekday,
            row_number() OVER (ORDER BY "time", number) AS place FROM
            (SELECT *, timezone('{self.zone}', timezone('UTC', epoch_ms("time"))) AS local FROM raw) ORDER BY number""")
        self.database.execute("DROP TABLE raw")


class Retail(Data, differential_sqlite.Retail):
    judge_name = "DuckDB"
    expression_count = 60
    scale = 3
    kind = "purchase"
    at = ["2011-12-10 00:00:00", "2011-03-27 12:30:00", "2011-10-30 09:00:00", "2011-11-01 09:30:00"]
    dates = [("2011-03-27", "2011-04-10"), ("2011-10-30", "2011-11-02"), ("2011-06-01", "2011-08-31")]
    by = "country"
    funnels = [("purchase", "cancel", "purchase"), ("purchase where amount > 100", "cancel"),
               ("purchase where quantity >= 100", "purchase where item.title contains 'RED'", "cancel", "purchase")]
    cross = None

    def __init__(self, folder, address, database):
        source = DATA / "online-retail"
        shoal("--workspace", self.workspace, "load", "--quiet", "--map", ROOT / "tools" / "online-retail.map", "--dir", source,
              "--rejects", f"{folder}/rejects.csv", address=address)
        self.database = database
        for sql in [
            f"CREATE OR REPLACE TABLE items AS SELECT StockCode AS id, last(Description) AS title FROM "
            f"read_csv('{source}/stockcodes.csv.gz', all_varchar = true, header = true) GROUP BY StockCode",
            f"""CREATE OR REPLACE TABLE lines AS SELECT row_number() OVER () AS number, * FROM
                read_csv('{source}/lines_*.csv.gz', all_varchar = true, header = true, parallel = false)
                WHERE CustomerID IS NOT NULL""",
            "CREATE OR REPLACE TABLE users AS SELECT CustomerID AS id, arg_max(Country, number) AS country FROM lines GROUP BY 1",
            f"""CREATE OR REPLACE TABLE raw AS SELECT number, CASE WHEN InvoiceNo LIKE 'C%' THEN 'cancel' ELSE 'purchase' END AS type,
                CustomerID AS "user", StockCode AS item,
                epoch_ms(timezone('{self.zone}', InvoiceDate::TIMESTAMP)) AS "time",
                (Quantity::BIGINT * UnitPrice::DECIMAL(18, 3) * 1000)::BIGINT AS amount,
                Quantity::BIGINT AS quantity, InvoiceNo AS invoice, (UnitPrice::DECIMAL(18, 3) * 1000)::BIGINT AS price FROM lines"""]:
            database.execute(sql)
        self.clock()
        facts = database.execute("SELECT count(*), count(DISTINCT e.user), count(DISTINCT invoice), count(DISTINCT item),"
                                 " count(*) FILTER (type = 'cancel'), sum(amount) FROM events e")
        assert facts == [[406829, 4372, 22190, 3684, 8905, 8300065814]], facts

    def conditions(self, step):
        """A step of a funnel as SQL over e and i."""
        return {"purchase": "e.type = 'purchase'", "cancel": "e.type = 'cancel'",
                "purchase where amount > 100": "e.type = 'purchase' AND e.amount > 100000",
                "purchase where quantity >= 100": "e.type = 'purchase' AND e.quantity >= 100",
                "purchase where item.title contains 'RED'": "e.type = 'purchase' AND contains(i.title, 'RED')"}[step]


class Shop(Data, differential_sqlite.Shop):
    judge_name = "DuckDB"
    expression_count = 150
    workspace = "night"
    zone = "America/New_York"  # the clocks go back on 2025-11-02, and forward on 2025-03-09
    scale = 2
    kind = "purchase"
    at = ["2026-01-31 12:00:00", "2025-11-02 01:30:00", "2025-11-03 00:00:00", "2026-01-01 00:00:00"]
    dates = [("2025-11-02", "2025-11-02"), ("2025-10-20", "2025-11-05"), ("2025-12-31", "2026-01-01")]
    by = "city"
    funnels = [("view", "cart", "purchase"), ("view where item.category = 'tea'", "purchase"),
               ("view", "view", "cart where quantity >= 2", "purchase where store = 'store-03'")]
    cross = ("gender", "会员等级", "interests")

    def __init__(self, folder, address, database):
        subprocess.run([SHOAL_GEN, "--out", folder, "--users", "1500", "--items", "300", "--events", "40000", "--days",
                        "200", "--seed", "7"], check=True)
        mapping = pathlib.Path(folder) / "night.map"
        mapping.write_text((pathlib.Path(folder) / "shop.map").read_text().replace("zone = Asia/Shanghai", f"zone = {self.zone}"))
        shoal("--workspace", self.workspace, "load", "--quiet", "--map", mapping, "--rejects", f"{folder}/rejects.csv", address=address)
        self.database = database
        read = f"read_csv('{folder}/{{}}.csv', all_varchar = true, header = true, parallel = false)".format
        ranks = ", ".join(f"'{label}'" for label in self.labels)
        for sql in [
            f"""CREATE OR REPLACE TABLE users AS SELECT user_id AS id, name, gender, city,
                list_position([{ranks}], tier) - 1 AS tier, birthday,
                epoch_ms(timezone('{self.zone}', joined::TIMESTAMP)) AS joined, points::BIGINT AS points,
                (balance::DECIMAL(18, 2) * 100)::BIGINT AS balance, store, channel, invited_by,
                (consent = 'true')::INTEGER AS consent FROM {read('users')}""",
            f"""CREATE OR REPLACE TABLE items AS SELECT item_id AS id, title, category, brand, (price::DECIMAL(18, 2) * 100)::BIGINT
                AS price, stock::BIGINT AS stock, kind FROM {read('items')}""",
            f"""CREATE OR REPLACE TABLE user_tags AS SELECT DISTINCT user_id AS id, unnest(string_split(interests, '|')) AS tag
                FROM {read('users')} WHERE interests IS NOT NULL""",
            f"""CREATE OR REPLACE TABLE item_tags AS SELECT DISTINCT item_id AS id, unnest(string_split(tags, '|')) AS tag
                FROM {read('items')} WHERE tags IS NOT NULL""",
            f"""CREATE OR REPLACE TABLE raw AS SELECT row_number() OVER () AS number, type, user_id AS "user", item_id AS item,
                "time"::BIGINT AS "time", (amount::DECIMAL(18, 2) * 100)::BIGINT AS amount, store, quantity::BIGINT AS quantity
                FROM {read('events')}"""]:
            database.execute(sql)
        self.clock()

    def conditions(self, step):
        return {"view": "e.type = 'view'", "cart": "e.type = 'cart'", "purchase": "e.type = 'purchase'",
                "view where item.category = 'tea'": "e.type = 'view' AND i.category = 'tea'",
                "cart where quantity >= 2": "e.type = 'cart' AND e.quantity >= 2",
                "purchase where store = 'store-03'": "e.type = 'purchase' AND e.store = 'store-03'"}[step]


class Agreement:
    """The questions. self.data, self.client and self.database are those of one data set."""

    @classmethod
    def setUpClass(cls):
        if cls.make is Retail and not (DATA / "online-retail").is_dir():
            print(f"SKIPPED: no Online Retail files in {DATA}", flush=True)
            raise unittest.SkipTest("no data")
        cls.database = cls.judge
        cls.folder = tempfile.TemporaryDirectory(prefix="shoal-judge-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.server = Server(shards=2)
        cls.addClassCleanup(cls.server.stop)
        cls.data = cls.make(cls.folder.name, cls.server.address, cls.judge)
        cls.client = cls.server.client(workspace=cls.data.workspace)
        cls.addClassCleanup(cls.client.close)
        cls.data.nows = [cls.judge.values(f"SELECT epoch_ms(timezone('{cls.data.zone}', TIMESTAMP '{at}'))")[0] for at in cls.data.at]

    def moments(self):
        """now in ms, and the wall clock then, as SQL."""
        return [(now, f"timezone('{self.data.zone}', timezone('UTC', epoch_ms({now})))") for now in self.data.nows]

    def ids(self, where, now):
        return self.client.call("audience.list", where=where, now=now, limit=1000000)["ids"]

    # ---- expressions ----

    def test_random_expressions(self):
        differential_sqlite.compare(self.data, self.server.address, self.data.expression_count, self.seed, self.client)

    def test_windows(self):
        """Every aggregate in every window at every moment, at the median of its values."""
        told = 0
        for now, local in self.moments():
            for window, condition in WINDOWS:
                a, b = random.Random(f"{self.seed}{now}{window}").choice(self.data.dates)
                window = window.format(a=a, b=b)
                rows = self.database.execute(f"""
                    SELECT u.id, coalesce(v.events, 0), coalesce(v.money, 0), v.least, v.most, coalesce(v.days, 0),
                           coalesce(v.items, 0), v.first, v.last, v.second, v.since
                    FROM users u LEFT JOIN (
                        SELECT e.user, count(*) AS events, sum(amount) AS money, min(amount) AS least, max(amount) AS most,
                               count(DISTINCT local::DATE) AS days, count(DISTINCT item) AS items,
                               arg_min(amount, (e.time, number)) AS first, arg_max(amount, (e.time, number)) AS last,
                               arg_min(amount, (e.time, number), 2)[2] AS second, ({now} - max(e.time)) // {DAY} AS since
                        FROM events e WHERE type = '{self.data.kind}' AND e.time <= {now}
                             AND {condition.format(now=now, local=local, a=a, b=b)} GROUP BY e.user) v ON v.user = u.id""")
                for place, (form, is_money) in enumerate(AGGREGATES, 1):
                    values = sorted(row[place] for row in rows if row[place] not in (None, 0))
                    threshold = values[len(values) // 2] if values else 1
                    shown = amount_text(threshold, self.data.scale) if is_money else threshold
                    where = f"{form.format(type=self.data.kind, window=window)} >= {shown}"
                    expected = {row[0] for row in rows if row[place] is not None and row[place] >= threshold}
                    self.assertEqual(set(self.ids(where, now)), expected, f"{where} at {now}")
                    told += 0 < len(expected) < len(rows)
        self.assertGreater(told, 400, "most windows are empty")

    # ---- sequences and funnels ----

    def paths(self, steps, within, is_strict, since, now):
        """A table of (step, user, from_first, from_previous) for each step that a user reached."""
        for i in range(len(steps)):
            self.database.execute(f"""CREATE OR REPLACE TEMP TABLE step{i} AS SELECT e.user, e.time, e.place
                FROM events e LEFT JOIN items i ON i.id = e.item WHERE e.time > {since} AND e.time <= {now} AND {self.data.conditions(steps[i])}""")
        anything = " UNION ".join(f"SELECT * FROM step{i}" for i in range(len(steps)))
        self.database.execute("CREATE OR REPLACE TEMP TABLE way0 AS SELECT s.user, s.time AS begun, s.time AS before, s.time, s.place FROM step0 s")
        for i in range(1, len(steps)):
            limit = "" if within is None else f" AND s.time - w.begun <= {within}"
            if is_strict:
                self.database.execute(f"""CREATE OR REPLACE TEMP TABLE wrong AS SELECT * FROM ({anything}) a
                    WHERE NOT EXISTS (SELECT 1 FROM step{i - 1} p WHERE p.place = a.place)""")
                self.database.execute(f"""CREATE OR REPLACE TEMP TABLE way{i} AS
                    SELECT w.user, w.begun, w.time AS before, s.time, s.place FROM (
                        SELECT w.*, coalesce(x.place, 1000000000) AS stop FROM way{i - 1} w
                        ASOF LEFT JOIN wrong x ON x.user = w.user AND w.place < x.place) w
                    JOIN step{i} s ON s.user = w.user AND s.place > w.place AND s.place <= w.stop{limit}""")
            else:
                self.database.execute(f"""CREATE OR REPLACE TEMP TABLE way{i} AS
                    SELECT w.user, w.begun, w.time AS before, s.time, s.place FROM way{i - 1} w
                    ASOF JOIN step{i} s ON s.user = w.user AND w.place < s.place
                    WHERE true{limit}""")
        ways = " UNION ALL ".join(f"SELECT {i} AS step, * FROM way{i}" for i in range(len(steps)))
        self.database.execute(f"""CREATE OR REPLACE TEMP TABLE paths AS SELECT w.step, w.user, w.time - w.begun AS from_first,
            w.time - w.before AS from_previous FROM ({ways}) w
            QUALIFY row_number() OVER (PARTITION BY w.step, w.user ORDER BY w.place, w.begun DESC, w.before) = 1""")

    def test_funnels_and_sequences(self):
        days = 120
        for number, steps in enumerate(self.data.funnels):
            for within, text, is_strict in [(None, "", False), (7 * DAY, ", within 7 days", False),
                                            (DAY // 2, ", within 12 hours", False), (14 * DAY, ", within 14 days", True)]:
                now = self.data.nows[(number + is_strict) % 2 * 3]
                self.paths(steps, within, is_strict, now - days * DAY, now)
                sequence = f"sequence({' -> '.join(steps)}{text}{', strict' * is_strict}, last {days} days)"
                answer = self.client.call("audience.funnel", sequence=sequence, now=now, by=self.data.by, top=1000)
                unit = 60 if min(within or days * DAY, days * DAY) // 1000 > 1 << 20 else 1
                counts = self.database.execute(f"""SELECT step, count(*),
                    quantile_disc(from_first // {1000 * unit} * {unit}, 0.5), quantile_disc(from_previous // {1000 * unit} * {unit}, 0.5)
                    FROM paths GROUP BY step ORDER BY step""")
                expected = [[i, 0, None, None] for i in range(len(steps))]
                for row in counts:
                    expected[row[0]] = row if row[0] else [0, row[1], None, None]
                self.assertEqual([[i, step["users"], step["from_first_s"], step["from_previous_s"]]
                                  for i, step in enumerate(answer["steps"])], expected, sequence)
                by = {value: users for value, *users in self.database.execute(f"""SELECT u.{self.data.by},
                    {', '.join(f'count(*) FILTER (step = {i})' for i in range(len(steps)))}
                    FROM paths p JOIN users u ON u.id = p.user GROUP BY 1""")}
                self.assertEqual(answer["by"]["missing"], by.pop(None, [0] * len(steps)))
                self.assertEqual({row["value"]: row["users"] for row in answer["by"]["values"]}, by)
                for reach in range(1, len(steps) + 1):
                    found = self.ids(sequence.replace(f", last {days}", f", reach {reach}, last {days}"), now)
                    self.assertEqual(sorted(found), self.database.values(
                        f"SELECT p.user FROM paths p WHERE step = {reach - 1} ORDER BY 1"))

    # ---- who comes back ----

    def test_retention(self):
        first, other = self.data.funnels[0][0], self.data.funnels[0][1]
        for first, again in [(first, first), (first, other), (other, first)]:
            for period, periods in [("day", 10), ("week", 12), ("month", 13)]:
                now, local = self.moments()[0 if period != "day" else 2]
                answer = self.client.call("audience.retention", first=first, period=period, periods=periods, now=now,
                                          **({"return": again} if again is not first else {}))
                starts = [cohort["start"] for cohort in answer["cohorts"]]
                self.assertEqual(starts, self.database.values(f"""SELECT strftime(date_trunc('{period}', {local}) -
                    INTERVAL (n) {period}, '%Y-%m-%d') FROM range({periods}) r(n) ORDER BY 1"""))
                self.database.execute(f"""CREATE OR REPLACE TEMP TABLE cohort AS SELECT b.user, b.began,
                    date_trunc('{period}', b.local) AS start FROM (SELECT e.user, min(e.time) AS began, min_by(e.local, e.time)
                    AS local FROM events e LEFT JOIN items i ON i.id = e.item
                    WHERE {self.data.conditions(first)} AND e.time <= {now} GROUP BY 1) b WHERE b.local >= '{starts[0]}'""")
                self.database.execute(f"""CREATE OR REPLACE TEMP TABLE back AS SELECT e.user, e.time, e.local,
                    date_trunc('{period}', e.local) AS start FROM events e LEFT JOIN items i ON i.id = e.item
                    WHERE {self.data.conditions(again)} AND e.time <= {now}""")
                users = dict(self.database.execute("SELECT start::DATE::VARCHAR, count(*) FROM cohort GROUP BY 1"))
                grid = {(a, b): n for a, b, n in self.database.execute("""SELECT c.start::DATE::VARCHAR, b.start::DATE::VARCHAR,
                    count(DISTINCT b.user) FROM cohort c JOIN back b ON b.user = c.user AND b.time > c.began GROUP BY ALL""")}
                self.assertEqual([(cohort["users"], cohort["returned"]) for cohort in answer["cohorts"]],
                                 [(users.get(a, 0), [grid.get((a, b), 0) for b in starts[i:]]) for i, a in enumerate(starts)])
                gaps = dict(self.database.execute(f"""SELECT day, count(*) FROM (SELECT c.user, min(b.time - c.began) // {DAY}
                    AS day FROM cohort c JOIN back b ON b.user = c.user AND b.time > c.began GROUP BY 1) GROUP BY 1"""))
                self.assertEqual(answer["again"], {"users": sum(users.values()),
                                                   "days": [gaps.get(d, 0) for d in range(max(gaps) + 1)]})
                active = {row[0]: row[1:] for row in self.database.execute("""SELECT b.start::DATE::VARCHAR,
                    count(DISTINCT b.user), count(DISTINCT (b.user, b.local::DATE)) FROM back b GROUP BY 1""")}
                self.assertEqual([[row["users"], row["user_days"]] for row in answer["active"]],
                                 [active.get(start, [0, 0]) for start in starts])

    # ---- scores ----

    def test_rfm(self):
        for now, days, k, per_day in [(0, 0, 5, False), (0, 365, 5, True), (3, 90, 4, False), (2, 30, 3, True)]:
            now = self.data.nows[now]
            self.client.call("rfm.put", event=self.data.kind, days=days, scores=k, per_day=per_day)
            self.client.call("rfm.refresh", now=now)
            count = "count(DISTINCT e.local::DATE)" if per_day else "count(*)"
            expected = self.database.execute(f"""
                WITH value AS (SELECT e.user, ({now} - max(e.time)) // {DAY} AS days, {count} AS events,
                        coalesce(sum(amount), 0) AS money FROM events e
                        WHERE type = '{self.data.kind}' AND e.time <= {now} AND ({days} = 0 OR e.time > {now - days * DAY}) GROUP BY 1),
                    score AS (SELECT v.user, 1 + (rank() OVER (ORDER BY days DESC) - 1) * {k} // count(*) OVER () AS r,
                        1 + (rank() OVER (ORDER BY events) - 1) * {k} // count(*) OVER () AS f,
                        1 + (rank() OVER (ORDER BY money) - 1) * {k} // count(*) OVER () AS m FROM value v)
                SELECT s.user, r, f, m, r * count(*) OVER () >= sum(r) OVER (), f * count(*) OVER () >= sum(f) OVER (),
                       m * count(*) OVER () >= sum(m) OVER () FROM score s ORDER BY 1""")
            rows = self.client.call("audience.list", where="rfm.r is not missing", order="id", limit=1000000, now=now,
                                    fields=["rfm.r", "rfm.f", "rfm.m", "rfm.score", "rfm.segment"])["rows"]
            self.assertEqual(rows, [[user, r, f, m, 100 * r + 10 * f + m, CELLS[tuple(map(int, high))]]
                                    for user, r, f, m, *high in expected])

    # ---- what they are like ----

    def audience(self):
        """An audience of about half of the users, and what SQL calls it."""
        now = self.data.nows[0]
        return (f"count({self.data.kind}) >= 5", f"(SELECT count(*) FROM events e WHERE e.user = u.id AND e.type = '{self.data.kind}'"
                f" AND e.time <= {now}) >= 5", now)

    def test_values_and_their_index(self):
        where, sql, now = self.audience()
        found = self.client.call("audience.insight", where=where, now=now, dimensions=[{"of": self.data.by, "top": 1000}])
        expected = self.database.execute(f"""
            WITH mark AS (SELECT u.{self.data.by} AS value, ({sql})::INTEGER AS inside FROM users u),
                 size AS (SELECT sum(inside) AS a, count(*) AS b FROM mark)
            SELECT value, sum(inside), even(1000000 * sum(inside), any_value(a)), count(*),
                   even(10000 * sum(inside) * any_value(b), count(*) * any_value(a))
            FROM mark, size WHERE value IS NOT NULL GROUP BY value HAVING sum(inside) > 0 ORDER BY 2 DESC, 4 DESC, 1""")
        self.assertEqual([[row["value"], row["count"], round(row["share"] * 1000000), row["base"], round(row["index"] * 100)]
                          for row in found["dimensions"][0]["values"]], expected)

    def check_percentiles(self, found, sql, show):
        """sql is a query of one column, value."""
        self.assertEqual([point for point, _ in found["percentiles"]], POINTS)
        shares = ", ".join(f"quantile_disc(value, {Decimal(str(point)) / 100})" for point in POINTS)
        count, *rest = self.database.execute(f"SELECT count(*), sum(value), min(value), max(value), {shares} FROM ({sql})")[0]
        self.assertEqual(sum(b["count"] for b in found["histogram"]), count)
        self.assertEqual([found["sum"], found["min"], found["max"], *(value for _, value in found["percentiles"])],
                         [show(value) for value in rest])

    def test_percentiles(self):
        where, sql, now = self.audience()
        looks = [{"events": f"{self.data.kind}, last 120 days", "of": "amount", "percentiles": POINTS},
                 {"events": f"{self.data.kind} where quantity > 1, this year", "of": "quantity", "percentiles": POINTS}]
        if isinstance(self.data, Shop):
            looks += [{"of": "points", "percentiles": POINTS}, {"of": "balance", "percentiles": POINTS}]
        found = self.client.call("audience.insight", where=where, now=now, dimensions=looks)["dimensions"]
        money = lambda value: amount_text(value, self.data.scale)
        events = f"FROM events e JOIN users u ON u.id = e.user WHERE {sql} AND e.type = '{self.data.kind}' AND e.time <= {now}"
        year = self.data.at[0][:4]
        self.check_percentiles(found[0], f"SELECT e.amount AS value {events} AND e.time > {now - 120 * DAY} AND e.amount IS NOT NULL", money)
        self.check_percentiles(found[1], f"SELECT e.quantity AS value {events} AND e.quantity > 1 AND year(e.local) = {year}", int)
        if isinstance(self.data, Shop):
            self.check_percentiles(found[2], f"SELECT u.points AS value FROM users u WHERE {sql}", int)
            self.check_percentiles(found[3], f"SELECT u.balance AS value FROM users u WHERE {sql}", money)

    def test_what_they_bought(self):
        where, sql, now = self.audience()
        found = self.client.call("audience.insight", where=where, now=now, dimensions=[
            {"events": f"{self.data.kind}, last 3 calendar months", "of": "item", "top": 50},
            {"events": f"{self.data.kind}, last 3 calendar months", "per": "day"}])["dimensions"]
        local = self.moments()[0][1]
        events = f"""FROM events e JOIN users u ON u.id = e.user WHERE {sql} AND e.type = '{self.data.kind}' AND e.time <= {now}
            AND date_trunc('month', e.local) > date_trunc('month', {local}) - INTERVAL 3 MONTH"""
        self.assertEqual([[row["value"], row["users"], row["events"]] for row in found[0]["values"]], self.database.execute(
            f"SELECT e.item, count(DISTINCT e.user), count(*) {events} GROUP BY 1 ORDER BY 2 DESC, 3 DESC, 1 LIMIT 50"))
        self.assertEqual([[row["day"], row["users"], row["events"]] for row in found[1]["days"] if row["events"]],
                         self.database.execute(f"SELECT e.day, count(DISTINCT e.user), count(*) {events} GROUP BY 1 ORDER BY 1"))

    def test_cross_tables(self):
        if self.data.cross is None:
            return
        where, sql, now = self.audience()
        first, second, tags = self.data.cross
        found = self.client.call("audience.insight", where=where, now=now, dimensions=[
            {"cross": [first, second], "top": 100}, {"cross": [tags, first], "top": 100}])["dimensions"]
        queries = [f"SELECT u.gender, u.tier, count(*) FROM users u WHERE {sql} GROUP BY ALL",
                   f"""SELECT t.tag, u.gender, count(*) FROM users u LEFT JOIN user_tags t ON t.id = u.id WHERE {sql} GROUP BY ALL"""]
        for table, query in zip(found, queries):
            cells = {(row, column): count for row, counts in zip(table["rows"], table["counts"])
                     for column, count in zip(table["columns"], counts) if count}
            expected = {(a, b): count for a, b, count in self.database.execute(query)}
            if table["with"] == second:
                expected = {(a, None if b is None else self.data.labels[b]): count for (a, b), count in expected.items()}
            self.assertEqual(cells, expected)

    def test_overlap_and_waterfall(self):
        _, _, now = self.audience()
        kind = self.data.kind
        sets = [f"count({kind}) >= 5", f"did({kind}, last 60 days)", f"count({kind} where quantity >= 2) >= 3", f"days({kind}) >= 4"]
        marks = ["count(*) >= 5", f"count(*) FILTER (e.time > {now - 60 * DAY}) >= 1", "count(*) FILTER (e.quantity >= 2) >= 3",
                 "count(DISTINCT e.day) >= 4"]
        self.database.execute(f"""CREATE OR REPLACE TEMP TABLE mark AS SELECT {', '.join(
            f'coalesce(v.m{i}, 0) AS m{i}' for i in range(4))} FROM users u LEFT JOIN (SELECT e.user, {', '.join(
            f'({mark})::INTEGER AS m{i}' for i, mark in enumerate(marks))} FROM events e
            WHERE type = '{kind}' AND e.time <= {now} GROUP BY 1) v ON v.user = u.id""")
        answer = self.client.call("audience.overlap", sets=sets, combinations=True, now=now)
        self.assertEqual(answer["matrix"], [[self.database.values(f"SELECT count(*) FROM mark WHERE m{a} + m{b} = 2")[0]
                                             for b in range(4)] for a in range(4)])
        expected = {tuple(i for i in range(4) if row[i]): row[4] for row in self.database.execute(
            "SELECT m0, m1, m2, m3, count(*) FROM mark GROUP BY ALL")}
        self.assertEqual(answer["none"], expected.pop((), 0))
        self.assertEqual({tuple(c["sets"]): c["count"] for c in answer["combinations"]}, expected)
        fall = self.client.call("audience.waterfall", where=" and ".join(sets), now=now)
        total = fall["total"]
        for i, step in enumerate(fall["steps"]):
            held = " + ".join(f"m{j}" for j in range(i + 1))
            others = " + ".join(f"m{j}" for j in range(4) if j != i)
            alone, after, only = self.database.execute(f"""SELECT sum(m{i}), count(*) FILTER ({held} = {i + 1}),
                count(*) FILTER ({others} = 3 AND m{i} = 0) FROM mark""")[0]
            self.assertEqual((step["alone"], step["after"], step["removed"], step["only"]), (alone, after, total - after, only))
            total = after


class OnRetail(Agreement, unittest.TestCase):
    make = Retail


class OnAShop(Agreement, unittest.TestCase):
    make = Shop


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=SEED)
    arguments, rest = parser.parse_known_args()
    print(f"reproduce: differential_duckdb.py --seed {arguments.seed}", flush=True)
    try:
        Agreement.judge = Judge()
    except Unavailable as error:
        print(f"SKIPPED: no DuckDB from npm to compare with: {error}", flush=True)
        return
    Agreement.seed = arguments.seed
    began = time.monotonic()
    program = unittest.main(argv=[sys.argv[0], *rest], exit=False)
    Agreement.judge.close()
    print(f"{program.result.testsRun} comparisons with DuckDB in {time.monotonic() - began:.0f} s", flush=True)
    sys.exit(not program.result.wasSuccessful())


if __name__ == "__main__":
    main()
