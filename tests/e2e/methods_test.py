"""Every method of the protocol, through the real server and an independent client.

Each test runs against both loop bodies, with one shard and with two, and all four must say the same (lists without an
order are compared as sets).
"""
import gzip
import json
import os
import sqlite3
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import msgpack

from rpc import SHOAL, SHOALD, SHOAL_GEN, Client, RpcError, Server, shoal

BODIES = [("uring", 1), ("epoll", 1), ("uring", 2), ("epoll", 2)]
NOW = 1769875200000  # 2026-02-01 00:00 in Shanghai: the end of the made-up shop
SCHEMA = {
    "zone": "Asia/Shanghai",
    "users": {"attributes": [{"name": "城市", "type": "string"}, {"name": "tier", "type": "enum", "labels": ["银卡", "金卡"]},
                             {"name": "points", "type": "int"}, {"name": "balance", "type": "decimal", "scale": 2},
                             {"name": "birthday", "type": "date"}, {"name": "seen", "type": "time"},
                             {"name": "consent", "type": "bool"}],
              "tag_sets": [{"name": "interests"}]},
    "items": {"attributes": [{"name": "category", "type": "string"}, {"name": "stock", "type": "int"}],
              "tag_sets": [{"name": "tags"}]},
    "events": [{"name": "view"}, {"name": "purchase", "amount_scale": 2,
                                  "properties": [{"name": "store", "type": "string"}]}],
}


class EachServer(unittest.TestCase):
    """Runs test bodies on every kind of server; `each` yields a client in a workspace of its own."""

    @classmethod
    def setUpClass(cls):
        cls.servers = [(body, Server(io=body[0], shards=body[1])) for body in BODIES]

    @classmethod
    def tearDownClass(cls):
        for _, server in cls.servers:
            server.stop()

    def each(self):
        for body, server in self.servers:
            with self.subTest(io=body[0], shards=body[1]), server.client(workspace=self.id()[-60:]) as client:
                yield client

    def refused(self, status, call, *arguments, **parameters):
        with self.assertRaises(RpcError) as caught:
            call(*arguments, **parameters)
        self.assertEqual(caught.exception.status, status, caught.exception.error)
        self.assertGreater(len(caught.exception.message), 10)
        return caught.exception


class Data(EachServer):
    def test_a_row_is_put_and_read_back(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            row = {"id": "王小明", "城市": "成都", "tier": "金卡", "points": -5, "balance": "12.50", "birthday": "1990-02-28",
                   "seen": "2026-01-31 23:59:59", "consent": True, "interests": ["茶", "咖啡"]}
            answer = client.call("user.put", user=row)
            self.assertEqual((answer["accepted"], answer["created"], answer["refused"]), (1, 1, []))
            read = client.call("user.get", id="王小明")["user"]
            self.assertEqual(read["城市"], "成都")
            self.assertEqual(read["tier"], "金卡")
            self.assertEqual(read["points"], -5)
            self.assertEqual(read["balance"], "12.50")
            self.assertEqual(read["consent"], True)
            self.assertEqual(set(read["interests"]), {"茶", "咖啡"})

    def test_absent_leaves_and_nil_clears(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            client.call("user.put", user={"id": "a", "城市": "成都", "points": 7, "interests": ["茶"]})
            client.call("user.put", user={"id": "a", "points": 8})
            self.assertEqual(client.call("audience.count", where="城市 = '成都' and points = 8")["count"], 1)
            client.call("user.put", user={"id": "a", "城市": None, "interests": {"add": ["咖啡"], "remove": ["茶"]}})
            self.assertEqual(client.call("audience.count", where="城市 is missing and interests has '咖啡'")["count"], 1)
            self.assertEqual(client.call("audience.count", where="interests has '茶'")["count"], 0)

    def test_compact_rows_with_nil_that_leaves(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            client.call("user.put", fields=["id", "城市", "points"], rows=[["a", "成都", 1], ["b", "上海"]])
            client.call("user.put", fields=["id", "城市", "points"], rows=[["a", None, 2]], nil="leave")
            self.assertEqual(client.call("audience.count", where="城市 = '成都' and points = 2")["count"], 1)
            client.call("user.put", fields=["id", "城市", "points"], rows=[["a", None, 3]])
            self.assertEqual(client.call("audience.count", where="城市 is missing and points = 3")["count"], 1)

    def test_bad_rows_are_refused_alone(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            answer = client.call("user.put", users=[{"id": "a", "points": 1}, {"id": "b", "points": "many"},
                                                    {"id": "", "points": 1}, {"id": "c", "nothing": 1},
                                                    {"id": "d", "points": 4, "tier": "铂金"}, {"id": "e", "points": 5}])
            self.assertEqual(answer["accepted"], 2)
            self.assertEqual([refused["row"] for refused in answer["refused"]], [1, 2, 3, 4])
            self.assertEqual(client.call("audience.count", where="true")["count"], 2)
            self.assertIn("nothing", answer["refused"][2]["message"])

    def test_events_are_stored_once_by_id(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            events = [{"type": "purchase", "user": f"u{i % 7}", "time": NOW - i * 3_600_000, "item": f"i{i % 5}",
                       "amount": f"{i}.25", "id": f"e{i}", "store": "s1"} for i in range(100)]
            first = client.call("event.append", events=events)
            self.assertEqual((first["accepted"], first["duplicates"], first["refused"]), (100, 0, []))
            again = client.call("event.append", events=events[::-1])
            self.assertEqual((again["accepted"], again["duplicates"]), (0, 100))
            self.assertEqual(client.call("audience.count", where="count(purchase) >= 14", now=NOW)["count"], 7)
            total = sum(i * 100 + 25 for i in range(0, 100, 7))
            self.assertEqual(client.call("audience.list", where=f"sum(purchase.amount) = {total // 100}.{total % 100:02}",
                                         now=NOW)["ids"], ["u0"])

    def test_forget_removes_a_person_everywhere(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            client.call("user.put", users=[{"id": f"u{i}", "城市": "成都", "interests": ["茶"]} for i in range(10)])
            client.call("event.append", event={"type": "view", "user": "u3", "time": NOW, "item": "x", "id": "1"})
            page = client.call("audience.list", where="城市 = '成都'", limit=2, keep=True, order="id")
            self.assertEqual(page["ids"], ["u0", "u1"])
            answer = client.call("user.forget", ids=["u3", "nobody"])
            self.assertEqual((answer["forgotten"], answer["unknown"]), (1, ["nobody"]))
            rest = client.call("audience.list", cursor=page["cursor"], limit=100)
            self.assertEqual((rest["ids"], rest["skipped"]), ([f"u{i}" for i in (2, 4, 5, 6, 7, 8, 9)], 1))
            self.assertNotIn("cursor", rest)
            self.refused("not_found", client.call, "user.get", id="u3")
            client.call("user.put", user={"id": "u3"})
            self.assertEqual(client.call("audience.count", where="did(view) or 城市 = '成都' and interests has none ('茶')",
                                         now=NOW)["count"], 0)

    def test_an_item_removed_is_unlisted_but_remembered(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            client.call("item.put", items=[{"id": "tea-1", "category": "tea"}, {"id": "tea-2", "category": "tea"}])
            client.call("event.append", event={"type": "view", "user": "a", "time": NOW, "item": "tea-1"})
            client.call("item.remove", id="tea-1")
            self.assertEqual(client.call("audience.count", where="did(view where item.category = 'tea')", now=NOW)["count"], 1)
            ids = [item["id"] for item in client.call("feed.get", user="a", count=10, now=NOW)["items"]]
            self.assertEqual(ids, ["tea-2"])
            self.assertFalse(client.call("item.get", id="tea-1")["item"]["listed"])


class Merge(EachServer):
    def test_two_users_become_one(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            for i in range(12):
                client.call("user.put", users=[{"id": f"cookie-{i}", "points": i, "interests": ["茶", f"t{i}"]},
                                               {"id": f"member-{i}", "城市": "成都", "interests": ["茶"]}])
                client.call("event.append", events=[
                    {"type": "purchase", "user": f"cookie-{i}", "time": NOW - 1000, "amount": "1.50", "id": "o", "store": "s1"},
                    {"type": "purchase", "user": f"member-{i}", "time": NOW - 1000, "amount": "1.50", "id": "o", "store": "s1"},
                    {"type": "view", "user": f"cookie-{i}", "time": NOW - 500, "item": "i1"}])
                answer = client.call("user.merge", **{"from": f"cookie-{i}", "into": f"member-{i}"})
                self.assertEqual((answer["merged"], answer["events"], answer["duplicates"]), (True, 1, 1))
                self.assertFalse(client.call("user.merge", **{"from": f"cookie-{i}", "into": f"member-{i}"})["merged"])
                client.call("event.append", event={"type": "view", "user": f"cookie-{i}", "time": NOW - 400})
                self.assertEqual(client.call("user.get", id=f"cookie-{i}")["user"]["id"], f"member-{i}")
            where = "sum(purchase.amount) = 1.5 and count(view) = 2 and points >= 0 and 城市 = '成都'"
            self.assertEqual(client.call("audience.count", where=where, now=NOW)["count"], 12)
            self.assertEqual(client.call("audience.count", where="true")["total"], 12)
            self.assertEqual(client.call("user.forget", id="cookie-3")["forgotten"], 1)
            self.assertEqual(client.call("user.put", users=[{"id": "cookie-3"}, {"id": "member-3"}])["created"], 2)
            self.refused("argument", client.call, "user.merge", into="member-1")

    def test_merges_from_many_connections_end_in_one_state(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            client.call("event.append", events=[{"type": "view", "user": f"c{i}", "time": NOW - i, "id": f"e{i}"} for i in range(60)])
            server = next(s for _, s in self.servers if s.address == "%s:%d" % client.socket.getpeername()[:2])
            clients = [server.client(workspace=self.id()[-60:]) for _ in range(4)]
            for i in range(0, 60, 4):
                sent = [other.send("user.merge", **{"from": f"c{i + k}", "into": f"c{(i + k) // 10 * 10}"})
                        for k, other in enumerate(clients)]
                for other, message_id in zip(clients, sent):
                    try:
                        other.receive(message_id)
                    except RpcError as fault:  # two merges met; the next loop does what was refused
                        self.assertEqual(fault.status, "busy")
            for i in range(60):
                client.call("user.merge", **{"from": f"c{i}", "into": f"c{i // 10 * 10}"})
            for other in clients:
                other.close()
            self.assertEqual(client.call("audience.list", where="count(view) = 10", order="id", now=NOW)["ids"],
                             [f"c{i}" for i in range(0, 60, 10)])
            self.assertEqual(client.call("audience.count", where="true")["total"], 6)


class Expiry(EachServer):
    def test_tags_end(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            now = int(time.time() * 1000)
            client.call("user.put", users=[{"id": f"u{i}", "interests": {"add": ["促销"], "ttl_days": 1 + i % 3}} for i in range(30)])
            client.call("user.put", user={"id": "soon", "interests": {"add": ["促销"], "until": now + 1500}})
            client.call("user.put", user={"id": "past", "interests": {"add": ["促销"], "until": now - 1}})
            day = 86_400_000
            counts = [client.call("audience.count", where="interests has '促销'", now=now + d * day + 60_000)["count"] for d in range(4)]
            self.assertEqual(counts, [30, 20, 10, 0])
            time.sleep(max(0, (now + 1600) / 1000 - time.time()))
            self.assertEqual(client.call("audience.count", where="interests has '促销'")["count"], 30)
            self.assertNotIn("interests", client.call("user.get", id="soon")["user"])


class Segments(EachServer):
    def test_segments_are_saved_used_counted_and_removed(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            client.call("user.put", fields=["id", "城市", "points"], rows=[[f"u{i}", "成都" if i % 2 else "上海", i] for i in range(40)])
            client.call("event.append", events=[{"type": "purchase", "user": f"u{i}", "time": NOW - i * 3_600_000, "amount": 5}
                                                for i in range(0, 40, 4)])
            self.assertEqual(client.call("segment.put", name="富人", where="points >= 20", note="rich")["version"], 1)
            client.call("segment.put", name="成都富人", where="in_segment('富人') and 城市 = '成都'")
            client.call("segment.put", name="bought", where="did(purchase, last 10 hours)")
            listed = client.call("segment.list", now=NOW)
            self.assertEqual([(s["name"], s["count"], s["counted_at"]) for s in listed["segments"]],
                             [("bought", 3, NOW), ("富人", 20, NOW), ("成都富人", 10, NOW)])
            self.assertEqual(listed["total"], 40)
            self.assertEqual(client.call("segment.of_user", user="u39", now=NOW)["segments"], ["富人", "成都富人"])
            self.assertEqual(client.call("segment.of_user", user="u4", now=NOW)["segments"], ["bought"])
            self.assertEqual(client.call("segment.put", name="富人", where="points >= 30")["version"], 2)
            self.assertEqual(client.call("audience.count", where="in_segment('成都富人')")["count"], 5)
            self.assertEqual(client.call("segment.get", name="富人")["used_by"], ["成都富人"])
            self.refused("conflict", client.call, "segment.remove", name="富人")
            fault = self.refused("conflict", client.call, "segment.put", name="富人", where="in_segment('成都富人')")
            self.assertIn("'富人' -> '成都富人' -> '富人'", fault.message)
            self.assertTrue(client.call("segment.remove", name="成都富人")["removed"])
            self.assertTrue(client.call("segment.remove", name="富人")["removed"])
            self.refused("name", client.call, "audience.count", where="in_segment('富人')")

    def test_segments_by_the_command_line(self):
        for (_, server) in self.servers:
            address = server.address
            with server.client(workspace="line") as client:
                client.call("schema.put", **SCHEMA)
                client.call("user.put", fields=["id", "points"], rows=[[f"u{i}", i] for i in range(10)])
            line = ["--workspace", "line"]
            self.assertIn("version 1", shoal(*line, "segment", "put", "top", "points >= 7", "--note", "the best", address=address))
            self.assertIn("version 1", shoal(*line, "segment", "put", "top", "points>=7", address=address))
            table = shoal(*line, "segment", "list", address=address)
            self.assertIn("points >= 7", table)
            self.assertIn("30.0 %", table)
            self.assertEqual(shoal(*line, "segment", "list", "--format", "csv", address=address).splitlines()[1],
                             "top,3,10,1,points >= 7,the best")
            self.assertEqual(shoal(*line, "segment", "of", "u8", address=address).strip(), "top")
            self.assertIn("points >= 7", shoal(*line, "segment", "get", "top", address=address))
            self.assertIn("removed", shoal(*line, "segment", "remove", "top", address=address))


class Errors(EachServer):
    def test_a_wrong_expression_says_where_and_what(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            error = self.refused("syntax", client.call, "audience.count", where="points >= ")
            self.assertEqual(error.position, len("points >= "))
            error = self.refused("name", client.call, "audience.count", where="pionts > 5")
            self.assertEqual(error.position, 0)
            self.assertIn("points", error.hint + error.message)
            error = self.refused("type", client.call, "audience.count", where="points = 'many'")
            self.refused("name", client.call, "audience.count", where="tier >= '铂金'")
            self.refused("name", client.call, "audience.count", where="did(buy)")

    def test_unknown_methods_and_keys_are_named(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            error = self.refused("name", client.call, "audience.cuont", where="true")
            self.assertIn("audience.count", error.hint + error.message)
            error = self.refused("argument", client.call, "audience.count", wher="true")
            self.assertIn("wher", error.message)
            self.refused("argument", client.call, "user.get")
            self.refused("argument", client.call, "audience.list", where="true", limit=-1)

    def test_schema_conflicts(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            self.assertFalse(client.call("schema.put", **SCHEMA)["changed"])
            self.refused("conflict", client.call, "schema.put", users={"attributes": [{"name": "points", "type": "string"}]})
            self.refused("conflict", client.call, "schema.put", zone="Europe/London")
            client.call("schema.put", users={"attributes": [{"name": "tier", "type": "enum", "labels": ["普通", "银卡", "黄金卡", "金卡"]}]})
            client.call("user.put", users=[{"id": "a", "tier": "黄金卡"}, {"id": "b", "tier": "金卡"}, {"id": "c", "tier": "普通"}])
            self.assertEqual(client.call("audience.count", where="tier > '银卡' and tier < '金卡'")["count"], 1)

    def test_a_hostile_frame_closes_the_connection_alone(self):
        for _, server in self.servers:
            for bytes_sent in (b"\xdd\xff\xff\xff\xff", b"\xc1", b"\x94\x00\x01" + b"\x91" * 100, b"\x94\x00\x01\xa4ping",
                               msgpack.packb([0, 1, "ping", [{}]])[:-1], b"\xc6\x7f\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n"):
                with socket.create_connection(tuple(server.address.rsplit(":", 1))) as raw:
                    raw.sendall(bytes_sent)
            with server.client() as client:
                client.call("ping")


class Connections(EachServer):
    def test_pipelined_requests_are_all_answered(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            ids = [client.send("user.put", user={"id": f"u{i}", "points": i}) for i in range(500)]
            counts = [client.send("audience.count", where=f"points >= {i}") for i in range(50)]
            self.assertTrue(all(client.receive(i)["accepted"] == 1 for i in ids))
            for i in counts:
                client.receive(i)
            self.assertEqual(client.call("audience.count", where="points >= 250")["count"], 250)

    def test_a_connection_reads_its_own_writes(self):
        for client in self.each():
            client.call("schema.put", **SCHEMA)
            for i in range(50):
                client.send("user.put", user={"id": "a", "points": i})
                self.assertEqual(client.call("user.get", id="a")["user"]["points"], i)

    def test_workspaces_do_not_see_each_other(self):
        for _, server in self.servers:
            with server.client(workspace="one") as one, server.client(workspace="two") as two:
                one.call("schema.put", **SCHEMA)
                one.call("user.put", user={"id": "a", "points": 1})
                two.call("schema.put", users={"attributes": [{"name": "points", "type": "string"}]})
                self.assertEqual(two.call("audience.count", where="true")["count"], 0)
                self.refused("not_found", two.call, "user.get", id="a")

    def test_both_kinds_of_socket(self):
        for _, server in self.servers:
            for address in (server.address, server.unix):
                client = Client(address)
                client.call("ping")
                self.assertIn("shards", client.call("hello", version=1))
                client.close()

    def test_a_byte_at_a_time(self):
        for _, server in self.servers:
            client = server.client()
            for byte in msgpack.packb([0, 77, "ping", [{}]]):
                client.socket.sendall(struct.pack("B", byte))
            client.receive(77)
            client.close()


class Programs(unittest.TestCase):
    def test_the_instruction_set_is_chosen_or_refused(self):
        with Server(environment={"SHOAL_ISA": "scalar"}) as server:
            for _ in range(100):
                if "ready" in server.read_log():
                    break
                time.sleep(0.05)
            self.assertIn("scalar", server.read_log())
        refused = subprocess.run([SHOALD, "--listen", "127.0.0.1:0"], env={**os.environ, "SHOAL_ISA": "nonsense"},
                                 capture_output=True, text=True, timeout=20)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("nonsense", refused.stderr)

    def test_packed_files_json_lines_and_standard_input(self):
        mapping = ("zone = UTC\n[users]\nfile = {}\nid = id\ncity : string = address.city\npoints : int = points\n"
                   "balance : decimal(2) = balance\ntags : tags = tags\n")
        rows = "".join(json.dumps({"id": f"u{i}", "address": {"city": "成都" if i % 2 else "上海"}, "points": i,
                                   "balance": i / 4, "tags": ["茶"] if i % 3 else []}, ensure_ascii=False) + "\n"
                       for i in range(1000)) + "{broken\n"
        with tempfile.TemporaryDirectory() as folder, Server() as server:
            packed = {"a.jsonl": rows.encode(), "b.jsonl.gz": gzip.compress(rows.encode())}
            for number, (name, content) in enumerate(packed.items()):
                with open(f"{folder}/{name}", "wb") as file:
                    file.write(content)
                with open(f"{folder}/{number}.map", "w", encoding="utf-8") as file:
                    file.write(mapping.format(name))
                summary = json.loads(shoal("--format", "json", "--workspace", name, "load", "--quiet", "--map",
                                           f"{folder}/{number}.map", "--rejects", f"{folder}/rejects.csv", address=server.address))
                self.assertEqual((summary["users"]["accepted"], summary["refused"]), (1000, 1))
                with server.client(workspace=name) as client:
                    self.assertEqual(client.call("audience.count", where="city = '成都' and tags has '茶' and balance >= 100.25")
                                     ["count"], sum(i % 2 == 1 and i % 3 > 0 and i >= 401 for i in range(1000)))
            with open(f"{folder}/in.map", "w", encoding="utf-8") as file:
                file.write("zone = UTC\n[users]\nfile = -\nid = id\npoints : int = points\n")
            done = shoal("--format", "json", "--workspace", "in", "load", "--quiet", "--map", f"{folder}/in.map", "--rejects",
                         f"{folder}/rejects.csv", address=server.address, input="id,points\na,1\nb,x\n")
            self.assertEqual((json.loads(done)["users"]["accepted"], json.loads(done)["refused"]), (1, 1))


class SameAnswers(unittest.TestCase):
    """The made-up shop, loaded by `shoal load`: all bodies and shard counts say the same."""

    QUESTIONS = ["true", "会员等级 >= '金卡' and city in ('成都', '上海')", "interests has '护肤' and not did(purchase, last 30 days)",
                 "count(purchase) >= 3 and days_since(purchase) > 30", "birthday in next 7 days and consent",
                 "did(view where item.category = 'tea', last 7 days) and not did(purchase where item.category = 'tea', last 7 days)",
                 "sum(purchase.amount, last 90 days) >= 300 or avg(purchase.amount) > 200", "sample(10%, 'spring') and points > 500",
                 "name contains '王' and birthday is missing", "first(purchase) < '2025-12-01' and last(view.store) = 'online'"]

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="shoal-shop-")
        subprocess.run([SHOAL_GEN, "--out", cls.folder.name, "--users", "3000", "--items", "400", "--events", "60000", "--days",
                        "150"], check=True)
        cls.servers = [Server(io=io, shards=shards) for io, shards in BODIES]
        cls.summaries = [json.loads(cls.load(server)) for server in cls.servers]

    @classmethod
    def load(cls, server):
        return shoal("--format", "json", "load", "--quiet", "--map", f"{cls.folder.name}/shop.map", "--rejects",
                     f"{cls.folder.name}/rejects.csv", address=server.address)

    @classmethod
    def tearDownClass(cls):
        for server in cls.servers:
            server.stop()
        cls.folder.cleanup()

    def same(self, method, key=lambda answer: answer, **parameters):
        answers = []
        for server in self.servers:
            with server.client() as client:
                answer = client.call(method, now=NOW, **parameters)
                answer.pop("took_us")
                answers.append(key(answer))
        for answer in answers[1:]:
            self.assertEqual(answer, answers[0], (method, parameters))
        return answers[0]

    def test_everything_was_accepted(self):
        for summary in self.summaries:
            self.assertEqual(summary["users"], {"read": 3000, "accepted": 3000, "created": 3000})
            self.assertEqual(summary["items"], {"read": 400, "accepted": 400, "created": 400})
            self.assertEqual(summary["events"], {"read": 60000, "accepted": 60000, "duplicates": 0})
            self.assertEqual((summary["aside"], summary["refused"], summary["lines"]), (0, 0, 63400))

    def test_loading_twice_changes_nothing(self):
        for server in self.servers[::3]:
            summary = json.loads(self.load(server))
            self.assertEqual(summary["events"], {"read": 60000, "accepted": 0, "duplicates": 60000})
            self.assertEqual(summary["users"], {"read": 3000, "accepted": 3000, "created": 0})

    def test_counts_and_lists(self):
        for where in self.QUESTIONS:
            count = self.same("audience.count", where=where)["count"]
            ids = self.same("audience.list", key=lambda a: (a["count"], sorted(a["ids"])), where=where, limit=10000)
            self.assertEqual(count, len(ids[1]))
            self.assertEqual(len(set(ids[1])), count)
            rows = self.same("audience.list", where=where, limit=50, order="points", desc=True, fields=["points", "city", "interests"],
                             key=lambda a: [row[:3] + [set(row[3] or [])] for row in a["rows"]])  # tags have no order
            points = [row[1] for row in rows if row[1] is not None]
            self.assertEqual(points, sorted(points, reverse=True))

    def test_pages_neither_overlap_nor_miss_anyone(self):
        where = self.QUESTIONS[2]
        for order in (None, "points", "id"):
            extra = {} if order is None else {"order": order}
            for server in self.servers:
                with server.client() as client:
                    whole = client.call("audience.list", where=where, limit=100000, now=NOW, **extra)["ids"]
                    answer = client.call("audience.list", where=where, limit=7, keep=True, now=NOW, **extra)
                    paged = answer["ids"]
                    while "cursor" in answer:
                        answer = client.call("audience.list", cursor=answer["cursor"], limit=113)
                        self.assertEqual(answer["skipped"], 0)
                        paged += answer["ids"]
                    self.assertEqual(len(paged), len(whole))
                    self.assertEqual(set(paged), set(whole))
                    if order is not None:
                        self.assertEqual(paged, whole)

    def test_samples_are_exact_and_nested(self):
        where = self.QUESTIONS[4].replace("7", "60")
        small = self.same("audience.sample", key=lambda a: set(a["ids"]), where=where, count=10, seed="x")
        large = self.same("audience.sample", key=lambda a: set(a["ids"]), where=where, count=40, seed="x")
        other = self.same("audience.sample", key=lambda a: set(a["ids"]), where=where, count=40, seed="y")
        self.assertEqual((len(small), len(large)), (10, 40))
        self.assertLess(small, large)
        self.assertNotEqual(large, other)

    def test_several_asks_of_one_evaluation(self):
        answer = self.same("audience.ask", where=self.QUESTIONS[1], count=True, list={"limit": 5, "order": "id", "fields": ["city"]},
                           sample={"count": 5, "seed": "s"})
        self.assertEqual(answer["count"], self.same("audience.count", where=self.QUESTIONS[1])["count"])
        self.assertEqual(len(answer["list"]["rows"]), 5)
        self.assertEqual(len(answer["sample"]["ids"]), 5)

    def test_a_tree_means_the_same_as_its_text(self):
        for where in self.QUESTIONS:
            with self.servers[0].client() as client:
                explained = client.call("audience.explain", where=where, analyze=True, now=NOW)
                count = client.call("audience.count", where=where, now=NOW)["count"]
                self.assertEqual(client.call("audience.count", where=explained["tree"], now=NOW)["count"], count)
                self.assertEqual(client.call("audience.count", where=explained["canonical"], now=NOW)["count"], count)
                self.assertEqual(explained["lines"][0]["rows"], count)

    def test_feeds(self):
        for user in ("u0000001", "u0000777", "u0002999", "a stranger"):
            # The servers were loaded at different instants, and what decays is kept relative to an instant: the last bits
            # of a score may differ. The same log gives the same bits; that is tested with a clock that stands still.
            feed = self.same("feed.get", user=user, count=20, key=lambda a: [
                (i["id"], round(i["score"], 9), [(r["kind"], r.get("name"), round(r["value"], 9)) for r in i["reasons"]])
                for i in a["items"]])
            self.assertEqual(len(feed), 20)
            self.assertEqual(len({item[0] for item in feed}), 20)
            self.assertTrue(all(item[2] for item in feed))
            tea = self.same("feed.get", user=user, count=10, filter="category = 'tea'", fields=["category", "stock"],
                            key=lambda a: [item["fields"] for item in a["items"]])
            self.assertTrue(tea)
            self.assertTrue(all(fields["category"] == "tea" and fields["stock"] > 0 for fields in tea))
        self.assertEqual(len(self.same("feed.trending", count=15)["items"]), 15)

    def test_a_request_brings_its_own_weights_of_features(self):
        def score(feed, kind):
            return sum(reason["value"] for item in feed["items"] for reason in item["reasons"] if reason["kind"] == kind)

        with self.servers[0].client() as client:
            def feed(**params):
                return client.call("feed.get", user="u0000777", count=20, seed=1, now=NOW, **params)

            usual = feed()
            weights = client.call("schema.get")["feed"]["scores"]
            self.assertEqual(feed(scores={"popularity": weights["popularity"]})["items"], usual["items"])
            self.assertEqual(feed(scores={})["items"], usual["items"])
            self.assertEqual(score(feed(scores={"affinity": 0, "session": 0, "pairs": 0}), "affinity"), 0)
            self.assertGreater(score(feed(scores={"popularity": 100}), "popular"), 10 * score(usual, "popular"))
            self.assertEqual(feed()["items"], usual["items"])  # nothing was kept
            for scores, wrong in (({"popularityy": 1}, "popularityy"), ({"popularity": -1}, "popularity"), ({"declared": 1}, "declared"), (3, "")):
                with self.assertRaises(RpcError) as caught:
                    feed(scores=scores)
                self.assertIn(wrong, str(caught.exception))

    def test_companions_of_items_are_the_same_for_any_number_of_shards(self):
        with self.servers[0].client() as client:
            popular = [item["id"] for item in client.call("feed.trending", count=5, now=NOW)["items"]]
        for item in popular:
            bought = self.same("feed.also_bought", item=item, fields=["category"])
            self.assertEqual(len(bought["items"]), 20)
            self.assertGreater(bought["buyers"], bought["items"][0]["together"])
            scores = [each["score"] for each in bought["items"]]
            self.assertEqual(scores, sorted(scores, reverse=True))
            for each in bought["items"]:
                self.assertNotEqual(each["id"], item)
                self.assertEqual([reason["kind"] for reason in each["reasons"]], ["bought"])
            similar = self.same("feed.similar", item=item, filter="category = 'tea'", fields=["category"])
            self.assertTrue(similar["items"])
            for each in similar["items"]:
                self.assertEqual(each["fields"]["category"], "tea")
                self.assertLessEqual({reason["kind"] for reason in each["reasons"]}, {"liked", "tag"})
                self.assertAlmostEqual(sum(reason["share"] for reason in each["reasons"]), 1, places=1)
        self.assertEqual(self.same("feed.also_bought", item=popular[0], count=3, by="walk")["missing"], 0)

    def test_users_for_an_item_have_it_in_their_own_feeds_for_the_same_reasons(self):
        with self.servers[0].client() as client:
            popular = [item["id"] for item in client.call("feed.trending", count=3, now=NOW)["items"]]
        for item in popular:
            answer = self.same("feed.users_for_item", item=item, where="points > 300", count=7, fields=["points"])
            self.assertEqual(len(answer["users"]), 7)
            self.assertGreater(answer["count"], 100)
            scores = [user["score"] for user in answer["users"]]
            self.assertEqual(scores, sorted(scores, reverse=True))
            for user in answer["users"]:
                self.assertGreater(user["fields"]["points"], 300)
                reasons = self.same("feed.get", user=user["id"], count=1000, key=lambda a: [
                    (r["kind"], r.get("name"), round(r["value"], 9)) for i in a["items"] if i["id"] == item for r in i["reasons"]])
                mine = [(r["kind"], r.get("name"), round(r["value"], 9)) for r in user["reasons"]]
                self.assertTrue(reasons)
                for reason in reasons:
                    if reason[0] in ("affinity", "declared", "pairs", "walk"):
                        self.assertIn(reason, mine)

    def test_a_batch_is_everybodys_own_feed_page_by_page(self):
        where = "city = '成都' and points > 300"
        for server in self.servers:
            with server.client() as client:
                expected = set(client.call("audience.list", where=where, limit=5000, now=NOW)["ids"])
                self.assertGreater(len(expected), 50)
                met, cursor, pages = {}, {}, 0
                while True:
                    answer = client.call("feed.batch", where=where, limit=40, feed={"count": 2, "fields": ["category"]}, **(cursor or {"now": NOW}))
                    self.assertLessEqual(len(answer["feeds"]), 40)
                    for feed in answer["feeds"]:
                        self.assertNotIn(feed["user"], met)
                        met[feed["user"]] = [item["id"] for item in feed["items"]]
                    pages += 1
                    if "cursor" not in answer:
                        break
                    cursor = {"cursor": answer["cursor"]}
                self.assertEqual(set(met), expected)
                self.assertGreaterEqual(pages, len(expected) // 40)
                some = sorted(expected)[:20]
                listed = client.call("feed.batch", users=some, feed={"count": 2}, now=NOW)["feeds"]
                self.assertEqual([feed["user"] for feed in listed], some)
                self.assertEqual(len({feed["rec_id"] for feed in listed}), 20)
                for feed in listed:
                    own = client.call("feed.get", user=feed["user"], count=2, now=NOW)
                    self.assertEqual(feed["items"], own["items"])
                    self.assertEqual(met[feed["user"]], [item["id"] for item in own["items"]])

    def test_companions_are_counted_as_sql_does(self):
        """Nobody here buys more than eight different things, so every pair is counted."""
        baskets = {f"pair-{n}": [f"p{(n * step) % 13}" for step in range(1, 6)] for n in range(40)}
        database = sqlite3.connect(":memory:")
        database.execute("CREATE TABLE bought (user TEXT, item TEXT, PRIMARY KEY (user, item)) WITHOUT ROWID")
        database.executemany("INSERT OR IGNORE INTO bought VALUES (?, ?)", [(u, i) for u, items in baskets.items() for i in items])
        pairs = database.execute("SELECT a.item, b.item, COUNT(*) FROM bought a JOIN bought b USING (user) WHERE a.item <> b.item GROUP BY 1, 2")
        expected = {}
        for one, other, count in pairs:
            expected.setdefault(one, {})[other] = count
        buyers = dict(database.execute("SELECT item, COUNT(*) FROM bought GROUP BY 1"))
        for server in self.servers:
            with server.client(workspace="pairs") as client:
                client.call("schema.put", items={"tag_sets": [{"name": "tags"}]}, events=[{"name": "purchase"}])
                client.call("item.put", items=[{"id": f"p{n}"} for n in range(13)])
                client.call("event.append", events=[{"type": "purchase", "user": user, "time": NOW - 1000, "item": item}
                                                    for user, items in baskets.items() for item in items])
                for item, others in expected.items():
                    answer = client.call("feed.also_bought", item=item, now=NOW)
                    self.assertEqual(answer["buyers"], buyers[item])
                    self.assertEqual({each["id"]: each["together"] for each in answer["items"]}, others)
                    for each in answer["items"]:
                        score = each["together"] / ((buyers[item] * buyers[each["id"]]) ** 0.5 + 10)
                        self.assertAlmostEqual(each["score"], score, places=12)
                client.call("user.forget", ids=list(baskets))

    def test_an_event_changes_the_next_feed(self):
        for server in self.servers:
            with server.client() as client:
                client.call("event.append", events=[{"type": "view", "user": "newcomer", "time": NOW, "item": "i000002", "id": str(i)}
                                                    for i in range(3)])
                items = client.call("feed.get", user="newcomer", count=10, now=NOW, fields=["category"])["items"]
                self.assertEqual(sum(item["fields"]["category"] == "coffee" for item in items[:5]), 2)  # all that diversity allows
                client.call("user.forget", id="newcomer")

    def test_the_command_line(self):
        address = self.servers[2].address
        answer = json.loads(shoal("--format", "json", "count", "city = '成都'", address=address))
        self.assertIsInstance(answer["count"], int)
        table = shoal("list", "--limit", 3, "--fields", "name,city", "city = '成都'", address=address)
        self.assertIn("成都", table)
        self.assertIn("3 of", table)
        pages = shoal("--format", "csv", "list", "--all", "--fields", "city", "city = '成都'", address=address).splitlines()
        self.assertEqual(pages[0], "id,city")
        self.assertEqual(len(pages) - 1, answer["count"])
        self.assertIn("会员等级", shoal("schema", address=address))
        self.assertIn("users", shoal("stats", address=address))
        self.assertIn("u0000005", shoal("user", "u0000005", "--events", 3, address=address))
        self.assertIn("tea", shoal("item", "i000001", address=address))
        self.assertIn("why", shoal("feed", "u0000005", address=address))
        lines = shoal(address=address, input="count true\ncity = '成都'\nsample --count 2 --seed x true\n")
        self.assertIn("3,000 of 3,000", lines)
        failed = subprocess.run([SHOAL, "--addr", address, "count", "city => '成都'"],
                                capture_output=True, text=True)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("^", failed.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1, argv=[sys.argv[0], *sys.argv[1:]])
