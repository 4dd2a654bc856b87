"""engine/query/LANGUAGE.md in both languages: every example is asked of a real server that holds the page's own shop.

The shop is read from the page's tables. `→` is followed by the ids that an expression finds, `nobody`, or for errors by
the byte position and a part of the message.
"""
import datetime
import re
import unittest

from rpc import ROOT, RpcError, Server

PAGES = [ROOT / "engine" / "query" / name for name in ("LANGUAGE.md", "LANGUAGE.zh.md")]
ZONE = datetime.timezone(datetime.timedelta(hours=8))
NOW = int(datetime.datetime(2026, 7, 31, 12, tzinfo=ZONE).timestamp() * 1000)
SCHEMA = {
    "zone": "Asia/Shanghai",
    "users": {"attributes": [{"name": "name", "type": "string"}, {"name": "city", "type": "string"},
                             {"name": "tier", "type": "enum", "labels": ["普通", "银卡", "金卡", "黑钻"]},
                             {"name": "birthday", "type": "date"}, {"name": "balance", "type": "decimal", "scale": 2},
                             {"name": "joined", "type": "time"}, {"name": "inviter", "type": "string"}],
              "tag_sets": [{"name": "interests"}]},
    "items": {"attributes": [{"name": "category", "type": "string"}, {"name": "price", "type": "decimal", "scale": 2}],
              "tag_sets": [{"name": "labels"}]},
    "events": [{"name": name, "properties": [{"name": "channel", "type": "string"}]}
               for name in ("view", "cart", "purchase", "cancel")],
}


def instant(text):
    form = "%Y-%m-%d %H:%M" if ":" in text else "%Y-%m-%d"
    return int(datetime.datetime.strptime(text, form).replace(tzinfo=ZONE).timestamp() * 1000)


def tables(page):
    """The page's tables as (names of columns, rows of texts)."""
    found = re.findall(r"((?:^\|.*\|\n)+)", page, re.M)
    for table in found:
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        yield head, rows


def value(name, text):
    if text == "":
        return None
    if name in ("joined", "time"):
        return instant(text)
    if name in ("interests", "labels"):
        return text.split(", ")
    return text


def examples(page, kind):
    for block in re.findall(rf"^```{kind}\n(.*?)^```$", page, re.M | re.S):
        for line in block.splitlines():
            expression, arrow, answer = line.partition("→")
            assert arrow, f"an example without an answer: {line}"
            yield expression.strip(), answer.strip()


def load(client, page):
    by_head = {head[0]: (head, rows) for head, rows in tables(page)}
    client.call("schema.put", **SCHEMA)
    for first, method in (("item", "item.put"), ("id", "user.put"), ("event", "event.append")):
        head, rows = by_head[first]
        fields = ["id" if method == "item.put" and name == "item" else "type" if name == "event" else name for name in head]
        put = client.call(method, fields=fields, rows=[[value(name, text) for name, text in zip(fields, row)] for row in rows])
        assert put["accepted"] == len(rows) and not put["refused"], put
    client.call("segment.put", name="老客", where="count(purchase) >= 3")
    client.call("tree.put", name="地区", of="city", nodes=[{"name": "华东"}, {"name": "上海", "parent": "华东"},
                                                        {"name": "杭州", "parent": "华东"}, {"name": "成都"}])
    client.call("rfm.put", event="purchase")
    client.call("rfm.refresh", now=NOW)
    client.call("referral.put", inviter="inviter", counts=[{"name": "buyers", "where": "did(purchase)"}])
    client.call("referral.refresh", now=NOW)
    client.call("score.put", name="忠诚度", points=[{"when": "did(purchase, last 30 days)", "points": 20}],
                weights=[{"value": "count(purchase)", "weight": 10, "cap": 30}])


class Language(unittest.TestCase):
    maxDiff = None

    def test_each_example_has_its_answer(self):
        for path in PAGES:
            page = path.read_text(encoding="utf-8")
            for shards in (1, 2):
                with self.subTest(page=path.name, shards=shards):
                    server = Server(shards=shards)
                    try:
                        with server.client(workspace="language") as client:
                            load(client, page)
                            self.answers(client, page)
                    finally:
                        server.stop()

    def answers(self, client, page):
        said, found = [], []
        for expression, answer in examples(page, "shoal"):
            ids = client.call("audience.list", where=expression, limit=100, now=NOW, order="id")["ids"]
            said.append((expression, answer))
            found.append((expression, " ".join(ids) or "nobody"))
        # Items are asked for as a feed asks: what may be shown to somebody who has done nothing.
        for expression, answer in examples(page, "shoal-items"):
            feed = client.call("feed.get", user="u6", count=10, filter=expression, now=NOW)
            said.append((expression, answer))
            found.append((expression, " ".join(sorted(item["id"] for item in feed["items"]))))
        self.assertEqual(found, said)
        for expression, answer in examples(page, "shoal-errors"):
            position, _, part = answer.partition(": ")
            with self.assertRaises(RpcError, msg=expression) as caught:
                client.call("audience.count", where=expression, now=NOW)
            self.assertEqual(caught.exception.position, int(position), (expression, caught.exception.error))
            self.assertIn(part, caught.exception.message, expression)

    def test_both_pages_have_the_same_examples_and_the_same_shop(self):
        english, chinese = [path.read_text(encoding="utf-8") for path in PAGES]
        for kind in ("shoal", "shoal-items", "shoal-errors"):
            self.assertEqual(list(examples(english, kind)), list(examples(chinese, kind)), kind)
        shops = [[rows for head, rows in tables(page) if head[0] in ("id", "item", "event")] for page in (english, chinese)]
        self.assertEqual(*shops)

    def test_no_function_and_no_unit_is_left_out(self):
        words = (ROOT / "engine" / "query" / "query_words.c").read_text(encoding="utf-8")
        asked = " ".join(expression for path in PAGES for expression, _ in examples(path.read_text(encoding="utf-8"), "shoal"))
        functions = re.search(r"sh_function_words\[.*?\{(.*?)\}", words, re.S)[1]
        names = re.findall(r'"(\w+)"', functions)
        self.assertGreater(len(names), 10)
        for name in names:
            self.assertIn("count(distinct" if name == "count_distinct" else f"{name}(", asked)
        units = re.search(r"sh_unit_words\[.*?\{(.*?)\}", words, re.S)[1]
        for name in re.findall(r'"(\w+)"', units):
            if name != "minute":  # as hours, and a day's events are too few to tell them apart
                self.assertRegex(asked, rf"\b{name}s?\b")


if __name__ == "__main__":
    unittest.main()
