"""The Python client, waiting and asyncio, against the real server: over 1 and 2 shards, both loops, and connections that are lost.

A question that both kinds of clients have is asked through `both`, which runs it in each and compares.
"""
import asyncio
import contextlib
import datetime
import decimal
import pathlib
import re
import socket
import sys
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tools" / "clients" / "python")]

import shoal  # noqa: E402
from proxy import Proxy  # noqa: E402
from rpc import Server  # noqa: E402
from shoal import bulk, flight, wire  # noqa: E402

NOW = 1_772_000_000_000
SCHEMA = dict(
    zone="Asia/Shanghai",
    users={"attributes": [{"name": "城市", "type": "string"}, {"name": "points", "type": "int"}, {"name": "born", "type": "date"},
                          {"name": "seen", "type": "time"}, {"name": "spent", "type": "decimal"}], "tag_sets": [{"name": "likes"}]},
    items={"attributes": [{"name": "kind", "type": "string"}]},
    events=[{"name": "view"}, {"name": "purchase", "amount_scale": 2}])


def make_shop(client, users=300):
    client.call("schema.put", **SCHEMA)
    client.put("users", [{"id": f"用户{i:04}", "城市": ["成都", "上海", "Lisbon"][i % 3], "points": i, "likes": {"茶", "猫"} if i % 2 else []}
                         for i in range(users)])
    client.put("items", [{"id": f"item{i}", "kind": ["茶", "猫粮"][i % 2]} for i in range(40)])
    client.put("events", [{"type": "view", "user": f"用户{i:04}", "time": NOW - i * 1000, "item": f"item{i % 40}"} for i in range(users)])


class Shop(unittest.TestCase):
    """A server with a shop, and both clients."""

    shards, io = 1, "uring"

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.server = cls.stack.enter_context(Server(shards=cls.shards, io=cls.io))
        cls.client = cls.stack.enter_context(shoal.Client(cls.server.address))
        make_shop(cls.client)

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def asynchronously(self, question, address=None, **options):
        async def ask():
            async with shoal.aio.Client(address or self.server.address, **options) as client:
                return await question(client)
        return asyncio.run(ask())


class Questions(Shop):
    def both(self, question):
        """The answer of one question, which both clients must give."""
        here = question(self.client)
        there = self.asynchronously(question)
        self.assertEqual(here, there)
        return here

    def test_count(self):
        self.assertEqual(self.both(lambda client: client.count("城市 = '成都'")), shoal.Count(100, 300))
        self.assertEqual(self.both(lambda client: client.count(["=", "城市", "成都"])).count, 100)

    def test_sample_and_user(self):
        sample = self.both(lambda client: client.sample("points < 100", 10, seed="s", fields=["points"]))
        self.assertEqual((sample.count, len(sample.ids)), (100, 10))
        self.assertTrue(all(int(id[2:]) == points < 100 for id, points in sample.rows))
        user = self.both(lambda client: client.user("用户0007", events=3))
        self.assertEqual((user["城市"], user["likes"], len(user["events"])), ("上海", ["猫", "茶"], 1))

    def test_pages(self):
        ids = [f"用户{i:04}" for i in range(299, -1, -1)]
        pages = list(self.client.pages("true", size=70, order="points", desc=True, fields=["points"]))
        self.assertEqual([len(page.ids) for page in pages], [70, 70, 70, 70, 20])
        self.assertEqual((pages[0].count, pages[-1].cursor), (300, None))
        self.assertEqual([id for page in pages for id in page.ids], ids)
        self.assertEqual([row[1] for page in pages for row in page.rows], list(range(299, -1, -1)))
        self.assertEqual(list(self.client.ids("true", size=70, order="points", desc=True)), ids)

        async def walk(client):
            return [id async for id in client.ids("true", size=70, order="points", desc=True)]
        self.assertEqual(self.asynchronously(walk), ids)

    def test_events_and_items_page_by_page(self):
        whole = self.client.call("event.list", limit=16384, now=NOW)["events"]
        self.assertGreater(len(whole), 100)
        self.assertEqual(list(self.client.events(now=NOW, size=7)), whole)
        kind = whole[0]["type"]
        some = [event for event in whole if event["type"] == kind and whole[5]["time"] <= event["time"] < whole[-3]["time"]]
        self.assertEqual(list(self.client.events([kind], begin=whole[5]["time"], until=whole[-3]["time"], size=40)), some)
        items = self.client.call("item.list", limit=1000)["ids"]
        self.assertEqual(list(self.client.item_ids(size=3)), items)

        async def walk(client):
            return [event async for event in client.events(now=NOW, size=7)], [id async for id in client.item_ids(size=3, listed=True)]
        self.assertEqual(self.asynchronously(walk), (whole, list(self.client.item_ids(listed=True))))

    def test_pages_left_early_are_let_go(self):
        def cursors():
            return self.client.call("stats")["workspace"]["cursors"]
        before = cursors()
        pages = self.client.pages("true", size=10)
        next(pages)
        self.assertGreater(cursors(), before)
        pages.close()
        self.assertEqual(cursors(), before)

        async def leave(client):
            async with contextlib.aclosing(client.pages("true", size=10)) as pages:
                async for _ in pages:
                    break
        self.asynchronously(leave)
        self.assertEqual(cursors(), before)

    def test_feed(self):
        call = shoal.calls.feed("用户0004", count=7, seed=1, fields=["kind"], filter="kind = '茶'", now=NOW)
        here, there = self.client.run(call), self.asynchronously(lambda client: client.run(call))
        self.assertNotEqual(here.rec_id, there.rec_id)
        self.assertEqual(here.items, there.items)
        feed = here.items
        self.assertEqual(len(feed), 7)
        for item in feed:
            self.assertIsInstance(item, shoal.FeedItem)
            self.assertEqual(item.fields, {"kind": "茶"})
            self.assertTrue(item.reasons and all(isinstance(reason, shoal.Reason) for reason in item.reasons))
            self.assertAlmostEqual(sum(reason.share for reason in item.reasons), 1, places=3)
        affinity = [reason for item in feed for reason in item.reasons if reason.kind == "affinity"]
        self.assertIn(("kind", "茶"), {(reason.of, reason.name) for reason in affinity})
        trending = self.both(lambda client: client.trending(count=5, now=NOW))
        self.assertEqual(len(trending), 5)

    def test_feeds_of_many(self):
        def walk(client, where):
            met, cursor = {}, None
            while True:
                page = client.batch(where=where, limit=20, cursor=cursor, count=2, now=None if cursor else NOW)
                met |= {user: [item.id for item in feed.items] for user, feed in page.feeds}
                cursor = page.cursor
                if cursor is None:
                    return met
        met = walk(self.client, "points < 50")
        self.assertEqual(set(met), set(self.client.ids("points < 50")))
        call = shoal.calls.batch(["用户0004", "nobody"], count=2, filter="kind = '茶'", now=NOW)
        page, there = self.client.run(call), self.asynchronously(lambda client: client.run(call))
        self.assertEqual([(user, feed.items) for user, feed in page.feeds], [(user, feed.items) for user, feed in there.feeds])
        self.assertEqual([user for user, _ in page.feeds], ["用户0004", "nobody"])
        self.assertIsNone(page.cursor)
        liked = page.feeds[0][1].items[0].id
        suits = self.client.users_for_item(liked, where="points < 50", count=3, now=NOW)
        self.assertEqual(suits, self.asynchronously(lambda client: client.users_for_item(liked, where="points < 50", count=3, now=NOW)))
        self.assertTrue(suits.users and all(isinstance(user, shoal.UserFit) for user in suits.users))
        self.assertLessEqual({user.id for user in suits.users}, set(met))
        for user in suits.users:
            self.assertAlmostEqual(user.affinity + user.pairs + user.walk, user.score)

    def collected(self, walk):
        """What both clients walk over: lists that are alike."""
        async def gather(client):
            return [one async for one in walk(client)]
        here, there = list(walk(self.client)), self.asynchronously(gather)
        self.assertEqual(len(here), len(there))
        return here, there

    def test_feeds_page_by_page_and_of_an_audience(self):
        here, there = self.collected(lambda client: client.feed_pages("用户0004", count=9, seed=5, now=NOW, explain="none"))
        ids = [item.id for page in here for item in page.items]
        self.assertEqual([page.items for page in here], [page.items for page in there])
        self.assertEqual((len(ids), len(set(ids)), len(here)), (40, 40, 5))
        here, there = self.collected(lambda client: client.batches("points < 30", limit=8, count=1, seed=1, now=NOW))
        self.assertEqual([(user, feed.items) for user, feed in here], [(user, feed.items) for user, feed in there])
        self.assertEqual({user for user, _ in here}, set(self.client.ids("points < 30")))

    def test_a_full_feed_and_the_fate_of_an_item(self):
        feed = self.client.feed("用户0004", count=5, seed=1, now=NOW, explain="full", pins=[{"item": "item9", "place": 2}], weights={"view": 3})
        self.assertEqual((feed.candidates, feed.items[1].id, feed.items[1].rules), (40, "item9", ["pin"]))
        for item in feed.items:
            self.assertAlmostEqual(sum(item.contributions.values()), item.score)
            self.assertEqual((item.propensity, item.relaxed), (1.0, []))
        fate = self.both(lambda client: client.feed_why("item9", "用户0004", count=5, seed=1, now=NOW, filter="kind = '茶'"))
        self.assertEqual((fate.item, fate.shown, fate.stage, fate.place), ("item9", False, "filter", None))
        shown = self.both(lambda client: client.feed_why(feed.items[0].id, "用户0004", count=5, seed=1, now=NOW, weights={"view": 3}))
        self.assertEqual((shown.stage, shown.place, shown.score, shown.contributions),
                         ("shown", 1, feed.items[0].score, feed.items[0].contributions))
        with self.assertRaises(TypeError):
            self.client.feed("u", cuont=3)
        with self.assertRaises(shoal.NameUnknown) as caught:
            self.client.feed("u", filter="knd = '茶'")
        self.assertEqual((caught.exception.position, caught.exception.column), (0, 0))

    def test_companions_scenes_and_models(self):
        similar = self.both(lambda client: client.similar("item1", count=3, fields=["kind"], now=NOW))
        self.assertTrue(similar.items and similar.items[0].reasons and similar.missing == 0)
        self.assertEqual(self.both(lambda client: client.also_bought("item1", now=NOW)).of, 0)
        self.assertTrue(self.client.put_scene("首页", {"mmr": 0.5}))
        self.assertFalse(self.asynchronously(lambda client: client.put_scene("首页", {"mmr": 0.5})))
        scene = self.both(lambda client: client.scene("首页"))
        self.assertEqual((scene.name, scene.rules, [one.name for one in self.client.scenes()]), ("首页", {"mmr": 0.5}, ["首页"]))
        self.assertEqual(len(self.client.feed("用户0004", scene="首页", count=3).items), 3)
        self.assertTrue(self.client.remove_scene("首页"))
        self.assertFalse(self.asynchronously(lambda client: client.remove_scene("首页")))
        with self.assertRaises(shoal.NotFound):
            self.client.scene("首页")
        self.assertGreater(self.client.train("ease", seed=3), 0)
        until = time.monotonic() + 60
        while (model := {one.name: one for one in self.client.models()}["ease"]).table is None:
            self.assertLess(time.monotonic(), until, model)
            time.sleep(0.05)
        self.assertEqual((model.name, model.fault, model.table["number"], model.table["items"]), ("ease", None, model.plan["number"], 40))
        self.assertEqual(len(self.client.likings(count=10)["pages"]) > 0, True)
        self.assertTrue(self.client.remove_model("ease"))

    def test_what_was_shown_and_what_came_of_it(self):
        workspace = f"shown-{self.id().rsplit('.', 2)[1][-12:].lower()}"
        with shoal.Client(self.server.address, workspace=workspace) as client:
            client.call("schema.put", items={}, users={}, events=[{"name": "click"}], feed={"learning": {"share": 1}})
            client.put("items", [{"id": f"i{n}"} for n in range(6)])
            rec_ids = [f"{n:x}" for n in range(1, 8)]
            for rec_id in rec_ids:
                client.served(rec_id, ["i1", ["i2", 0.5]], user="ann", now=NOW)
            client.put("events", [{"type": "click", "user": "ann", "item": "i2", "time": NOW + 1000, "rec_id": "3"}])
            found = list(client.impressions(size=2))
            self.assertEqual([one.rec_id.lstrip("0") for one in found], rec_ids)
            self.assertTrue(all(isinstance(one, shoal.Impression) and [item["id"] for item in one.items] == ["i1", "i2"] for one in found))
            self.assertEqual([item["click"] for item in found[2].items], [0, 1])
            self.assertEqual(client.learning()["items"], 14)

    def test_pipeline(self):
        asked = [shoal.calls.count(f"points < {n}") for n in range(1200)]
        wanted = [shoal.Count(min(n, 300), 300) for n in range(1200)]
        with self.client.pipeline() as pipeline:
            self.assertEqual(list(pipeline.map(asked)), wanted)
            good, bad, last = pipeline.send(asked[3]), pipeline.send(shoal.calls.count("nobody = 1")), pipeline.send(asked[4])
            self.assertEqual(last.result().count, 4)
            self.assertEqual(good.result().count, 3)
            with self.assertRaises(shoal.NameUnknown):
                bad.result()

        async def many(client):
            streamed = [answer async for answer in client.map(asked)]
            gathered = await asyncio.gather(*(client.run(call) for call in asked))
            return streamed, gathered
        self.assertEqual(self.asynchronously(many), (wanted, wanted))

    def test_threads_share_a_client(self):
        wrong = []

        def ask(n):
            for _ in range(30):
                if self.client.count(f"points < {n}").count != n:
                    wrong.append(n)
        threads = [threading.Thread(target=ask, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_values(self):
        zone = datetime.timezone(datetime.timedelta(hours=8))
        self.client.put("users", [{"id": "values", "born": datetime.date(1990, 5, 17), "spent": decimal.Decimal("1E+2"),
                                   "seen": datetime.datetime(2026, 1, 1, 8, 0, 0, 5000, zone), "likes": {"b", "a"}}])
        user = self.client.user("values")
        self.assertEqual((user["born"], user["spent"], user["likes"]), ("1990-05-17", "100.00", ["a", "b"]))
        self.assertEqual(user["seen"], 1_767_225_600_005)
        self.client.put("users", [{"id": "values", "seen": datetime.datetime(2026, 1, 1, 8)}])
        self.assertEqual(self.client.user("values")["seen"], 1_767_225_600_000)
        self.client.call("user.forget", id="values")
        with self.assertRaisesRegex(TypeError, "cannot be sent"):
            self.client.put("users", [{"id": object()}])

    def test_errors(self):
        def failing(question):
            with self.assertRaises(shoal.ShoalError) as here:
                question(self.client)
            with self.assertRaises(shoal.ShoalError) as there:
                self.asynchronously(question)
            self.assertEqual((type(here.exception), str(here.exception)), (type(there.exception), str(there.exception)))
            return here.exception
        error = failing(lambda client: client.count("城市 = '成都' and and points > 1"))
        self.assertIsInstance(error, shoal.SyntaxFault)
        self.assertIsInstance(error, shoal.ExpressionError)
        self.assertEqual((error.code, error.status, error.from_server), (301, "syntax", True))
        self.assertEqual((error.position, error.column), (22, 14))
        self.assertIn("城市 = '成都' and »and points > 1", str(error))
        error = failing(lambda client: client.count("pionts > 1"))
        self.assertIsInstance(error, shoal.NameUnknown)
        self.assertIn("points", error.hint)
        self.assertIsInstance(failing(lambda client: client.count("points = 'x'")), shoal.TypeFault)
        self.assertIsInstance(failing(lambda client: client.user("nobody")), shoal.NotFound)
        self.assertIsInstance(failing(lambda client: client.call("audience.count", where="true", wehre=1)), shoal.ArgumentError)
        self.assertIsInstance(failing(lambda client: client.call("no.such")), shoal.NameUnknown)
        self.client.call("segment.put", name="s", where="true")
        self.assertIsInstance(failing(lambda client: client.call("segment.put", name="s", where="points > 1", if_version=7)), shoal.Conflict)
        with self.assertRaises(shoal.TooLarge):
            self.client.put("users", [{"id": "big", "城市": "x" * (9 << 20)}])
        self.assertEqual(self.client.count("true").count, 300)

    def test_workspaces(self):
        with shoal.Client(self.server.address, workspace="other") as other:
            with self.assertRaises(shoal.NotFound):
                other.count("true")
        with shoal.Client(self.server.unix) as client:
            self.assertEqual(client.count("true").count, 300)
        with self.assertRaises(shoal.Closed):
            client.count("true")


class QuestionsOver2Shards(Questions):
    shards, io = 2, "epoll"


class Writers(Shop):
    shards = 2

    def report(self, rows, **how):
        with self.client.writer("events", **how) as writer:
            writer.add_all(rows)
        return writer.report

    def test_100_000_rows(self):
        fields = ["type", "user", "time", "item", "amount", "id"]

        def rows(name):
            for i in range(100_000):
                kind = "gift" if i in (5, 70_001) else "purchase"
                yield kind, f"用户{i % 300:04}", NOW - i, f"item{i % 40}", "1.25", f"{name}{i}"
        report = self.report(rows("a"), fields=fields, batch_rows=5000)
        self.assertEqual((report.rows, report.accepted, report.refused_count), (100_000, 99_998, 2))
        self.assertEqual([(row.row, row.status) for row in report.refused], [(5, "name"), (70_001, "name")])
        self.assertEqual(self.client.count("count(purchase) > 333", now=NOW + 1).count, 99)
        self.assertEqual(self.report(rows("a"), fields=fields, batch_bytes=100_000).duplicates, 99_998)

        async def load(client):
            async with client.writer("events", fields=fields, refused_max=1) as writer:
                await writer.add_all(rows("b"))
            return writer.report
        report = self.asynchronously(load)
        self.assertEqual((report.accepted, report.refused_count, [row.row for row in report.refused]), (99_998, 2, [5]))

    def test_maps_and_nil(self):
        with self.client.writer("users", nil="leave", batch_rows=2) as writer:
            for i in range(5):
                writer.add({"id": f"用户{i:04}", "城市": None})
            self.assertEqual(writer.flush().accepted, 5)
        self.assertEqual(self.client.user("用户0000")["城市"], "成都")

    def test_a_batch_that_is_refused_as_a_whole(self):
        with self.assertRaises(shoal.NameUnknown) as caught:
            self.report((("x",) for _ in range(25)), fields=["no such"], batch_rows=10)
        self.assertEqual(caught.exception.rows, (0, 10))

    def test_a_row_that_cannot_be_sent_leaves_the_others(self):
        with self.client.writer("events", fields=["type", "user", "time"]) as writer:
            writer.add(("view", "用户0001", NOW))
            with self.assertRaises(TypeError):
                writer.add(("view", object(), NOW))
            with self.assertRaises(shoal.TooLarge):
                writer.add(("view", "x" * bulk.BYTES_MAX, NOW))
            writer.add(("view", "用户0001", NOW))
        self.assertEqual((writer.report.rows, writer.report.accepted), (2, 2))

    def test_a_batch_keeps_to_its_bytes(self):
        batcher = bulk.Batcher("users", fields=["id", "城市"], nil=None, batch_rows=1000, batch_bytes=5000, refused_max=1)
        batches = [batch for i in range(2000) if (batch := batcher.add((f"u{i}", "成" * (i % 90)))) is not None] + [batcher.take()]
        self.assertTrue(all(len(batch.packed) <= 5000 + len(batcher.head) + 5 for batch in batches))
        self.assertEqual([batch.params["first"] for batch in batches][1:],
                         [batch.params["first"] + batch.params["count"] for batch in batches][:-1])


class Losses(Shop):
    """Connections that end between the doing and the telling."""

    def test_a_write_is_done_once(self):
        with Proxy(self.server.address) as proxy:
            with shoal.Client(proxy.address) as client:
                for n in range(5):
                    proxy.lose(2)
                    self.assertEqual(client.put("events", [{"type": "view", "user": "once", "time": NOW + n}]).accepted, 1)
            self.assertEqual(proxy.lost, 10)

            async def write(client):
                for n in range(5):
                    proxy.lose(2)
                    written = await client.put("events", [{"type": "view", "user": "once", "time": NOW + n}])
                    self.assertEqual(written.accepted, 1)
            self.asynchronously(write, proxy.address)
            self.assertEqual(proxy.lost, 20)
        self.assertEqual(len(self.client.user("once", events=100)["events"]), 10)
        self.client.call("user.forget", id="once")

    def test_a_pipeline_of_writes_is_done_once(self):
        def call(n):
            return shoal.calls.put("events", [{"type": "view", "user": "many", "time": NOW + n}])
        with Proxy(self.server.address) as proxy:
            with shoal.Client(proxy.address) as client, client.pipeline() as pipeline:
                for n in range(3000):
                    if n % 500 == 250:
                        proxy.lose(1)
                    pipeline.send(call(n))

            async def write(client):
                n = 0
                async for written in client.map(call(n) for n in range(3000, 6000)):
                    n += written.accepted
                    if n % 500 == 250:
                        proxy.lose(1)
                return n
            self.assertEqual(self.asynchronously(write, proxy.address), 3000)
            self.assertGreater(proxy.lost, 5)
        self.assertEqual(self.client.count("count(view) = 6000", now=NOW + 10_000).count, 1)
        self.client.call("user.forget", id="many")

    def test_a_load_is_done_once(self):
        rows = [("view", f"load{i % 50}", NOW - i) for i in range(60_000)]
        with Proxy(self.server.address) as proxy:
            with shoal.Client(proxy.address) as client, client.writer("events", fields=["type", "user", "time"], batch_rows=1000) as writer:
                for i, row in enumerate(rows):
                    if i % 10_000 == 5000:
                        proxy.lose(1)
                    writer.add(row)
            self.assertEqual(writer.report.accepted, 60_000)

            async def load(client):
                async with client.writer("events", fields=["type", "user", "time"], batch_rows=1000) as writer:
                    for i, row in enumerate(rows):
                        if i % 10_000 == 5000:
                            proxy.cut()
                        await writer.add(row)
                return writer.report.accepted
            self.assertEqual(self.asynchronously(load, proxy.address), 60_000)
            self.assertGreater(proxy.lost, 3)
        self.assertEqual(self.client.count("count(view) = 2400", now=NOW + 1).count, 50)
        self.client.call("user.forget", ids=[f"load{i}" for i in range(50)])

    def test_an_answer_too_long_to_keep(self):
        rows = [("gift", "nobody", NOW)] * 20 + [("view", "kept", NOW)]
        with Proxy(self.server.address) as proxy, shoal.Client(proxy.address) as client:
            proxy.lose(1)
            with client.writer("events", fields=["type", "user", "time"]) as writer:
                writer.add_all(rows)
        self.assertEqual((writer.report.accepted, writer.report.unanswered), (0, [(0, 21)]))
        self.assertEqual(len(self.client.user("kept", events=10)["events"]), 1)
        self.client.call("user.forget", id="kept")

    def test_a_question_is_asked_again(self):
        with Proxy(self.server.address) as proxy, shoal.Client(proxy.address) as client:
            self.assertEqual(client.count("true").count, 300)
            proxy.cut()
            self.assertEqual(client.count("true").count, 300)
            proxy.lose(3)
            self.assertEqual(client.count("true").count, 300)
            self.assertEqual(proxy.connections, 5)

    def test_what_nobody_knows_is_not_sent_again(self):
        with Proxy(self.server.address) as proxy, shoal.Client(proxy.address) as client:
            proxy.lose(1)
            with self.assertRaises(shoal.Closed) as caught:
                client.call("no.such")
            self.assertFalse(caught.exception.from_server)
            with self.assertRaises(shoal.NameUnknown):
                client.call("no.such")

    def test_a_slow_server(self):
        with Proxy(self.server.address) as proxy, shoal.Client(proxy.address) as client:
            self.assertEqual(client.count("true").count, 300)
            proxy.pause = 0.4
            began = time.monotonic()
            with self.assertRaises(shoal.DeadlineExceeded) as caught:
                client.count("true", timeout=0.1)
            self.assertLess(time.monotonic() - began, 0.39)
            self.assertIsInstance(caught.exception, TimeoutError)
            self.assertEqual(client.count("points < 7", timeout=20).count, 7)  # not the late answer of the first

            async def ask(client):
                with self.assertRaises(shoal.DeadlineExceeded):
                    await client.count("true", timeout=0.1)
                with self.assertRaises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await client.count("true")
                return (await client.count("points < 7", timeout=20)).count
            self.assertEqual(self.asynchronously(ask, proxy.address), 7)

    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            address = "127.0.0.1:%d" % probe.getsockname()[1]
        with shoal.Client(address, timeout=5) as client, self.assertRaisesRegex(shoal.Closed, "is shoald running"):
            client.count("true")
        with self.assertRaisesRegex(shoal.Closed, "is shoald running"):
            self.asynchronously(lambda client: client.count("true"), address, timeout=5)

    def test_a_server_that_says_nothing_and_one_that_says_nonsense(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = "127.0.0.1:%d" % silent.getsockname()[1]
            with shoal.Client(address) as client, self.assertRaises(shoal.DeadlineExceeded):
                client.call("ping", timeout=0.2)
            with self.assertRaises(shoal.DeadlineExceeded):
                self.asynchronously(lambda client: client.call("ping", timeout=0.2), address)
        with socket.create_server(("127.0.0.1", 0)) as talking:
            def talk():
                with contextlib.suppress(OSError):
                    while True:
                        connection = talking.accept()[0]
                        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=talk, daemon=True).start()
            address = "127.0.0.1:%d" % talking.getsockname()[1]
            with shoal.Client(address) as client, self.assertRaises(shoal.ProtocolError):
                client.call("ping", timeout=5)
            with self.assertRaises(shoal.ProtocolError):
                self.asynchronously(lambda client: client.call("ping", timeout=5), address)


class Tables(unittest.TestCase):
    def test_numbers_do_not_fall_behind(self):
        lane = flight.Flight()
        put = shoal.calls.raw("event.sweep")
        first = lane.begin(put, 0, 1000)
        while lane.has_room():
            lane.drop(lane.begin(put, 0, 1000))
        self.assertEqual(lane.seq - first.seq, flight.SEQ_SPAN_MAX)
        lane.drop(first)
        self.assertTrue(lane.has_room())


if __name__ == "__main__":
    unittest.main(verbosity=2)
