"""Random expressions in Shoal's language, each with the SQL that says the same.

Two-valued logic in SQL: every leaf is `(...) IS TRUE`, so a comparison with NULL is false, and `not` is the complement.
Amounts and decimals are scaled integers in SQL; an average is compared by multiplying with its count.
"""
import datetime
import re
import zoneinfo

DAY = 86_400_000


class Calendar:
    def __init__(self, zone, now):
        self.zone = zoneinfo.ZoneInfo(zone)
        self.now = now

    def start(self, date):
        """The first instant of a local day."""
        local = datetime.datetime.combine(date, datetime.time(), self.zone)
        return int(local.timestamp()) * 1000

    def today(self):
        return datetime.datetime.fromtimestamp(self.now / 1000, self.zone).date()


def text(value):
    return "'" + value.replace("'", "''") + "'"


def decimal(units, scale):
    if scale == 0:
        return str(units)
    sign = "-" if units < 0 else ""
    return f"{sign}{abs(units) // 10**scale}.{abs(units) % 10**scale:0{scale}d}"


class Column:
    """A typed value: its Shoal name, its SQL, and literals to compare it with (drawn from the data)."""

    def __init__(self, name, sql, kind, values, scale=0, labels=None, zone=None):
        self.name, self.sql, self.kind, self.scale, self.labels, self.zone = name, sql, kind, scale, labels, zone
        self.values = [value for value in values if value is not None]

    def literal(self, value):
        if self.kind in ("int", "decimal"):
            return decimal(value, self.scale)
        if self.kind == "bool":
            return "true" if value else "false"
        if self.kind == "enum":
            return text(self.labels[value])
        if self.kind == "time":
            return text(f"{datetime.datetime.fromtimestamp(value / 1000, self.zone):%Y-%m-%d %H:%M:%S}")
        return text(value)

    def sql_literal(self, value):
        return str(int(value)) if self.kind in ("int", "decimal", "bool", "enum", "time") else text(value)

    def pick(self, random):
        value = random.choice(self.values)
        if self.kind in ("int", "decimal") and random.random() < 0.3:
            value += random.randint(-2, 2)
        return value

    def leaf(self, random):
        ordered = self.kind in ("int", "decimal", "enum", "date", "time")
        forms = ["=", "!=", "in", "not in", "missing", "not missing"]
        if ordered:
            forms += ["<", "<=", ">", ">=", "between", "not between"] * 2
        if self.kind == "string":
            forms += ["starts with", "contains", "not starts with"]
        form = random.choice(forms)
        a = self.pick(random)
        name, sql = self.name, self.sql
        if form in ("missing", "not missing"):
            negated = "not " if form == "not missing" else ""
            return f"{name} is {negated}missing", f"({sql}) IS {negated.upper()}NULL"
        if form in ("in", "not in"):
            values = [self.pick(random) for _ in range(random.randint(1, 4))]
            return (f"{name} {form} ({', '.join(map(self.literal, values))})",
                    f"(({sql}) {form.upper()} ({', '.join(map(self.sql_literal, values))})) IS TRUE")
        if form in ("between", "not between"):
            b = self.pick(random)
            low, high = sorted((a, b)) if random.random() < 0.9 else (a, b)
            return (f"{name} {form} {self.literal(low)} and {self.literal(high)}",
                    f"(({sql}) {form.upper()} {self.sql_literal(low)} AND {self.sql_literal(high)}) IS TRUE")
        if form in ("starts with", "not starts with", "contains"):
            length = random.randint(1, min(3, len(a))) if a else 0
            at = 0 if "starts" in form else random.randint(0, len(a) - length)
            piece = a[at:at + length] or "x"
            test = f"substr({sql}, 1, {len(piece)}) = {text(piece)}" if "starts" in form else f"instr({sql}, {text(piece)}) > 0"
            if form == "not starts with":
                test = f"NOT ({test})"
            return f"{name} {form} {text(piece)}", f"({test}) IS TRUE"
        return f"{name} {form} {self.literal(a)}", f"(({sql}) {form} {self.sql_literal(a)}) IS TRUE"


class Tags:
    def __init__(self, name, table, key, values):
        self.name, self.table, self.key, self.values = name, table, key, values

    def leaf(self, random):
        wanted = [random.choice(self.values) for _ in range(random.randint(1, 4))]
        inside = f"SELECT count(DISTINCT tag) FROM {self.table} t WHERE t.id = {self.key} AND t.tag IN ({', '.join(map(text, wanted))})"
        listed = f"({', '.join(map(text, wanted))})"
        form = random.choice(["any", "all", "none", "one"])
        if form == "one":
            return (f"{self.name} has {text(wanted[0])}",
                    f"EXISTS (SELECT 1 FROM {self.table} t WHERE t.id = {self.key} AND t.tag = {text(wanted[0])})")
        if form == "any":
            return f"{self.name} has any {listed}", f"({inside}) > 0"
        if form == "all":
            return f"{self.name} has all {listed}", f"({inside}) = {len(set(wanted))}"
        return f"{self.name} has none {listed}", f"({inside}) = 0"


CLOCK = Column("hour", "e.hour", "int", range(24)), Column("weekday", "e.weekday", "int", range(1, 8))


class Events:
    """Event types with their numeric property `amount`, other properties, and what is known of the item."""

    def __init__(self, types, amount_values, amount_scale, properties, item_columns, item_tags, calendar, days, has_sequences=False):
        self.has_sequences = has_sequences  # quadratic in a user's events, in SQL
        self.types, self.amount_scale = types, amount_scale
        self.amount = Column("amount", "e.amount", "decimal", amount_values, amount_scale)
        self.properties, self.item_columns, self.item_tags = properties, item_columns, item_tags
        self.calendar, self.days = calendar, days

    def window(self, random):
        """Shoal text and [from, until) in milliseconds; until is never after now + 1."""
        calendar, now = self.calendar, self.calendar.now
        today = calendar.today()
        day = datetime.timedelta(days=1)
        end = now + 1
        form = random.randint(0, 9)
        if form == 0:
            return "", -10**15, end
        if form <= 3:
            unit, size = random.choice([("days", DAY), ("hours", DAY // 24), ("minutes", 60_000), ("weeks", 7 * DAY)])
            count = random.randint(1, max(1, int(self.days * DAY // size)))
            if random.random() < 0.3:
                return f", from {count + 1} {unit} ago to {count} {unit} ago", now - (count + 1) * size + 1, now - count * size + 1
            return f", last {count} {unit}", now - count * size + 1, end
        if form == 4:
            return ", today", calendar.start(today), end
        if form == 5:
            count = random.randint(1, 60)
            return f", last {count} calendar days", calendar.start(today - (count - 1) * day), end
        if form == 6:
            first = today.replace(day=1)
            previous = (first - day).replace(day=1)
            return random.choice([(", this month", calendar.start(first), end),
                                  (", previous month", calendar.start(previous), calendar.start(first)),
                                  (", yesterday", calendar.start(today - day), calendar.start(today)),
                                  (", this year", calendar.start(today.replace(month=1, day=1)), end),
                                  (", this week", calendar.start(today - today.weekday() * day), end)])
        a = today - random.randint(0, self.days) * day
        b = today - random.randint(0, self.days) * day
        a, b = min(a, b), max(a, b)
        if form == 7:
            return f", between '{a}' and '{b}'", calendar.start(a), min(end, calendar.start(b + day))
        if form == 8:
            return f", since '{a}'", calendar.start(a), end
        return random.choice([(f", on '{a}'", calendar.start(a), min(end, calendar.start(a + day))),
                              (f", before '{a}'", -10**15, min(end, calendar.start(a)))])

    def any_window(self, random):
        """As window; half of those that have an end of their own are after or before what the user did: SQL, then."""
        if random.random() < 0.8:
            return self.window(random)
        kind = random.choice(self.types)
        where, where_sql = self.where(random)
        window, begin, until = self.window(random)
        where_sql = re.sub(r"\b([ei])\.", r"\1a.", where_sql)
        rows = (f"FROM events ea LEFT JOIN items ia ON ia.id = ea.item WHERE ea.user = u.id AND ea.type = {text(kind)}"
                f" AND ea.time >= {begin} AND ea.time < {until}{where_sql}")
        function, sql = random.choice([
            ("first(", f"(SELECT min(ea.time) {rows})"), ("last(", f"(SELECT max(ea.time) {rows})"),
            ("nth(2, ", f"(SELECT ea.time {rows} ORDER BY ea.time LIMIT 1 OFFSET 1)")])
        unit, size = random.choice([("days", DAY), ("hours", DAY // 24), ("weeks", 7 * DAY)])
        count = random.choice([1, 2, 7, 30, 100])
        shoal = f", within {count} {unit} {{}} {function}{kind}{where}{window})"
        if random.random() < 0.5:
            return shoal.format("before"), f"({sql} - {count * size})", f"least({sql}, {self.calendar.now + 1})"
        return shoal.format("after"), f"({sql} + 1)", f"least({sql} + {count * size} + 1, {self.calendar.now + 1})"

    def where(self, random):
        if random.random() < 0.6:
            return "", ""
        parts = []
        for _ in range(random.randint(1, 2)):
            pool = [self.amount, CLOCK[0], CLOCK[1]] + self.properties + self.item_columns + ([self.item_tags] if self.item_tags else [])
            source = random.choice(pool)
            shoal, sql = source.leaf(random)
            if random.random() < 0.2:
                shoal, sql = f"not ({shoal})", f"NOT ({sql})"
            parts.append((shoal, sql))
        joiner = random.choice([" and ", " or "])
        return " where " + joiner.join(p[0] for p in parts), " AND (" + joiner.upper().join(f"({p[1]})" for p in parts) + ")"

    def sequence(self, random):
        """Each way through the steps is a row of joins: (time, rowid) is the order, rowid the arrival."""
        window, begin, until = self.window(random)
        count = random.choice([1, 2, 2, 2, 3])
        reach = random.choice([count, count, random.randint(1, count)])
        steps = []
        for _ in range(count):
            kind, (where, where_sql) = random.choice(self.types), self.where(random)
            steps.append((f"{kind}{where}", f"(e.type = {text(kind)}{where_sql}) IS TRUE"))
        unit, ms = random.choice([("minutes", 60_000), ("hours", 3_600_000), ("days", DAY), ("weeks", 7 * DAY)])
        n = random.choice([1, 2, 3, 7, 30])
        within = random.random() < 0.6
        strict = random.random() < 0.5

        def named(sql, alias):
            return re.sub(r"\b([ei])\.", lambda found: f"{found.group(1)}{alias}.", sql)

        def rows(alias):
            return (f"FROM events e{alias} LEFT JOIN items i{alias} ON i{alias}.id = e{alias}.item WHERE e{alias}.user = u.id"
                    f" AND e{alias}.time >= {begin} AND e{alias}.time < {until}")

        def behind(at):
            if at == reach:
                return ""
            sql = (f" AND EXISTS (SELECT 1 {rows(at)} AND {named(steps[at][1], at)}"
                   f" AND (e{at}.time, e{at}.rowid) > (e{at - 1}.time, e{at - 1}.rowid)")
            if within:
                sql += f" AND e{at}.time - e0.time <= {n * ms}"
            if strict:
                anything = " OR ".join(named(step[1], "x") for step in steps)
                sql += (f" AND NOT EXISTS (SELECT 1 {rows('x')} AND ({anything}) AND NOT {named(steps[at - 1][1], 'x')}"
                        f" AND (ex.time, ex.rowid) > (e{at - 1}.time, e{at - 1}.rowid)"
                        f" AND (ex.time, ex.rowid) < (e{at}.time, e{at}.rowid))")
            return sql + behind(at + 1) + ")"

        terms = [f", within {n} {unit}"] * within + [", strict"] * strict + [f", reach {reach}"] + [window]
        random.shuffle(terms)
        return (f"sequence({' -> '.join(step[0] for step in steps)}{''.join(terms)})",
                f"EXISTS (SELECT 1 {rows(0)} AND {named(steps[0][1], 0)}{behind(1)})")

    def newer_leaf(self, random, form, kind, inside, rows, compare):
        n = random.randint(0, 4)
        if form == 13:
            return self.expected_next(random, f"{kind}{inside}", rows)
        if form == 9:
            return f"days({kind}{inside}) {compare} {n}", f"(SELECT count(DISTINCT e.day) {rows}) {compare} {n}"
        if form == 10:
            name = random.choice(["item", "amount"] + [column.name for column in self.properties])
            return (f"count(distinct {kind}.{name}{inside}) {compare} {n}",
                    f"(SELECT count(DISTINCT e.{name}) {rows}) {compare} {n}")
        if form == 11:
            units = self.amount.pick(random)
            return (f"nth({n + 1}, {kind}.amount{inside}) {compare} {decimal(units, self.amount_scale)}",
                    f"((SELECT e.amount {rows} AND e.amount IS NOT NULL ORDER BY e.time, e.rowid LIMIT 1 OFFSET {n})"
                    f" {compare} {units}) IS TRUE")
        days = random.randint(0, 300)
        gaps = f"(SELECT e.time - lag(e.time) OVER (ORDER BY e.time) AS gap {rows})"
        if n < 2:
            return (f"gap_avg({kind}{inside}) {compare} {decimal(days, 1)}",
                    f"((SELECT (sum(gap) - {days * DAY // 10} * count(gap)) FROM {gaps}) {compare} 0) IS TRUE")
        which = "min" if n == 2 else "max"
        return (f"gap_{which}({kind}{inside}) {compare} {decimal(days, 1)}",
                f"((SELECT {which}(gap) FROM {gaps}) {compare} {days * DAY // 10}) IS TRUE")

    def expected_next(self, random, events, rows):
        """Not divided, so that all judges have the same integers: last + floor(span / steps) >= t is
        span >= (t - last) * steps, and below t is span < that."""
        day = self.calendar.today() + datetime.timedelta(days=random.randint(-self.days, 60))
        begin, end = self.calendar.start(day), self.calendar.start(day + datetime.timedelta(days=1))
        now, ahead = self.calendar.now, random.randint(1, 60)

        def holds(test):
            return f"((SELECT count(DISTINCT e.day) > 1{test} {rows}) IS TRUE)"

        def from_on(ms):
            return f" AND max(e.time) - min(e.time) >= ({ms} - max(e.time)) * (count(DISTINCT e.day) - 1)"

        def until(ms):
            return f" AND max(e.time) - min(e.time) < ({ms} - max(e.time)) * (count(DISTINCT e.day) - 1)"

        name = f"expected_next({events})"
        return random.choice([
            (f"{name} is missing", f"NOT {holds('')}"),
            (f"{name} < '{day}'", holds(until(begin))),
            (f"{name} > '{day}'", holds(from_on(end))),
            (f"{name} = '{day}'", holds(from_on(begin) + until(end))),
            (f"{name} in next {ahead} days", holds(from_on(now + 1) + until(now + ahead * DAY + 1))),
            (f"{name} in last {ahead} days", holds(from_on(now - ahead * DAY + 1) + until(now + 1)))])

    def part(self, random):
        """kind, where and window of an aggregate, and the SQL that has its events."""
        kind = random.choice(self.types)
        window, begin, until = self.any_window(random)
        where, where_sql = self.where(random)
        return (f"{kind}{{}}{where}{window}", f"FROM events e LEFT JOIN items i ON i.id = e.item WHERE e.user = u.id AND e.type ="
                f" {text(kind)} AND e.time >= {begin} AND e.time < {until}{where_sql}")

    def calculation(self, random):
        (a, rows_a), (b, rows_b) = self.part(random), self.part(random)
        compare = random.choice(["=", "!=", "<", "<=", ">", ">="])
        n = random.randint(0, 5)
        form = random.randint(0, 6)
        if form == 4:
            days = random.randint(0, 100)
            return (f"last({a.format('')}) - first({b.format('')}) {compare} {days} days",
                    f"((SELECT max(e.time) {rows_a}) - (SELECT min(e.time) {rows_b}) {compare} {days * DAY}) IS TRUE")
        if form == 5:
            return (f"first({a.format('')}) + {n} weeks {compare} last({b.format('')}) - 12 hours",
                    f"((SELECT min(e.time) {rows_a}) + {n * 7 * DAY} {compare} (SELECT max(e.time) {rows_b}) - {DAY // 2}) IS TRUE")
        if form == 6:
            if n < 3:
                no = random.choice(["", "not "])
                return (f"count({a.format('')}) / count({b.format('')}) is {no}missing",
                        f"{no.upper()}((SELECT count(*) {rows_b}) = 0)")
            no = random.choice(["", "not "])
            return (f"count({a.format('')}) + count({b.format('')}) * 2 {no}in (1, {n}, {n + 3}, 2.5)",
                    f"((SELECT count(*) {rows_a}) + (SELECT count(*) {rows_b}) * 2) {no.upper()}IN (1, {n}, {n + 3})")
        if form == 0:
            return (f"sum({a.format('.amount')}) {compare} sum({b.format('.amount')})",
                    f"(SELECT coalesce(sum(e.amount), 0) {rows_a}) {compare} (SELECT coalesce(sum(e.amount), 0) {rows_b})")
        if form == 1:
            return (f"count({a.format('')}) * {n} - count({b.format('')}) {compare} {n + 1}",
                    f"(SELECT count(*) {rows_a}) * {n} - (SELECT count(*) {rows_b}) {compare} {n + 1}")
        if form == 2:  # a ratio; nothing below the line is missing
            return (f"count({a.format('')}) / count({b.format('')}) {compare} 0.{n}",
                    f"((SELECT count(*) {rows_b}) > 0 AND 10 * (SELECT count(*) {rows_a}) {compare} {n} * (SELECT count(*) {rows_b}))")
        return (f"first({a.format('')}) {compare} last({b.format('')})",
                f"((SELECT min(e.time) {rows_a}) {compare} (SELECT max(e.time) {rows_b})) IS TRUE")

    def leaf(self, random):
        if random.random() < 0.15:
            return self.calculation(random)
        kind = random.choice(self.types)
        window, begin, until = self.any_window(random)
        where, where_sql = self.where(random)
        rows = (f"FROM events e LEFT JOIN items i ON i.id = e.item WHERE e.user = u.id AND e.type = {text(kind)}"
                f" AND e.time >= {begin} AND e.time < {until}{where_sql}")
        inside = f"{where}{window}"
        compare = random.choice(["=", "!=", "<", "<=", ">", ">="])
        form = random.randint(0, 14 if self.has_sequences else 13)
        if form == 14:
            return self.sequence(random)
        if form >= 9:
            return self.newer_leaf(random, form, kind, inside, rows, compare)
        if form <= 1:
            return f"did({kind}{inside})", f"EXISTS (SELECT 1 {rows})"
        if form <= 3:
            n = random.choice([0, 1, 1, 2, 3, 5, 10])
            return f"count({kind}{inside}) {compare} {n}", f"(SELECT count(*) {rows}) {compare} {n}"
        units = self.amount.pick(random)
        amount = decimal(units, self.amount_scale)
        if form == 4:
            units *= random.randint(0, 4)
            return (f"sum({kind}.amount{inside}) {compare} {decimal(units, self.amount_scale)}",
                    f"(SELECT coalesce(sum(e.amount), 0) {rows}) {compare} {units}")
        if form == 5:
            return (f"avg({kind}.amount{inside}) {compare} {amount}",
                    f"((SELECT CASE WHEN count(e.amount) > 0 THEN sum(e.amount) - ({units}) * count(e.amount) END {rows}) {compare} 0) IS TRUE")
        if form == 6:
            function = random.choice(["min", "max"])
            return (f"{function}({kind}.amount{inside}) {compare} {amount}",
                    f"((SELECT {function}(e.amount) {rows}) {compare} {units}) IS TRUE")
        if form == 7:
            function, order = random.choice([("first", "ASC"), ("last", "DESC")])
            return (f"{function}({kind}.amount{inside}) {compare} {amount}",
                    f"((SELECT e.amount {rows} AND e.amount IS NOT NULL ORDER BY e.time {order}, e.rowid {order} LIMIT 1)"
                    f" {compare} {units}) IS TRUE")
        n = random.randint(0, self.days)
        return (f"days_since({kind}{inside}) {compare} {n}",
                f"((SELECT ({self.calendar.now} - max(e.time)) / {DAY} {rows}) {compare} {n}) IS TRUE")


def combine(random, leaves, depth=0):
    """A random tree over (shoal, sql) leaves."""
    if depth >= 3 or random.random() < 0.25 + 0.2 * depth:
        return random.choice(leaves)
    form = random.random()
    if form < 0.2:
        shoal, sql = combine(random, leaves, depth + 1)
        return f"not ({shoal})", f"NOT ({sql})"
    joiner = " and " if form < 0.65 else " or "
    parts = [combine(random, leaves, depth + 1) for _ in range(random.randint(2, 3))]
    return joiner.join(f"({p[0]})" for p in parts), joiner.upper().join(f"({p[1]})" for p in parts)
