"""A hostile client: requests that are nearly right, bytes that are not, connections that misbehave.

The same storm goes to four servers (both loop bodies, one shard and two), and all four must say the same to every
request: a request is refused with the same status everywhere, and a write that is accepted changes the same. At the
end every server still serves a workspace that the storm was not meant for, exactly as before, and stops with status 0.

    hostile_test.py [--seed N] [--requests N]
"""
import argparse
import copy
import random
import socket
import struct
import threading
import time

import msgpack

from rpc import Client, RpcError, Server

BODIES = [("uring", 1), ("epoll", 1), ("uring", 2), ("epoll", 2)]
NOW = 1769875200000
INTEGERS = [0, 1, -1, 2, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**62, 2**63 - 1, -2**63, 2**64 - 1, 10**6, 10**6 + 1,
            -62135596800000, 253402300799999, 253402300800000, NOW]
TEXTS = ["", "a", "茶", "x" * 255, "x" * 256, "茶" * 100, "x" * 4096, "x" * 4097, "\x1b[31m", "\n", "'", "id", "user", "now", "true",
         "2026-02-30", "2026-01-31 23:59:59.999", "0001-01-01", "9999-12-31", "1e9", "-0", "9" * 40, "0." + "9" * 30, "not",
         "zz.uu", "0.u.0-0", "ffffffffffffffff.o.0-ffffffff.0-ffffffff", "0-0"]
OTHERS = [None, True, False, 0.0, -0.0, 0.1, 1e308, -1e308, float("nan"), float("inf"), 5e-324, [], {}, b"\xff\x00", [[]], {"": ""}]
# What a server may answer to a client's fault; memory, io and corrupt are never a client's fault.
FAULTS = {"protocol", "too_large", "unsupported", "argument", "syntax", "type", "name", "not_found", "conflict", "overflow",
          "limit"}
SCHEMA = {
    "zone": "Asia/Shanghai",
    "users": {"attributes": [{"name": "city", "type": "string"}, {"name": "tier", "type": "enum", "labels": ["a", "b", "c"]},
                             {"name": "points", "type": "int"}, {"name": "money", "type": "decimal", "scale": 2},
                             {"name": "born", "type": "date"}, {"name": "seen", "type": "time"}, {"name": "vip", "type": "bool"}],
              "tag_sets": [{"name": "tags"}]},
    "items": {"attributes": [{"name": "kind", "type": "string"}, {"name": "stock", "type": "int"}], "tag_sets": [{"name": "tags"}]},
    "events": [{"name": "view"}, {"name": "buy", "amount_scale": 2, "properties": [{"name": "store", "type": "string"},
                                                                                  {"name": "n", "type": "int"}]}],
    "feed": {"eligible": "stock > 0", "weights": {"view": 1, "buy": 5}},
}


class Pairs(list):
    """A map whose keys may stand twice."""


class Raw(bytes):
    """Msgpack as it is."""


def pack(value):
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Pairs):
        head = bytes([0x80 | len(value)]) if len(value) < 16 else struct.pack(">BI", 0xDF, len(value))
        return head + b"".join(pack(key) + pack(inner) for key, inner in value)
    if isinstance(value, dict):
        return pack(Pairs(value.items()))
    if isinstance(value, (list, tuple)):
        head = bytes([0x90 | len(value)]) if len(value) < 16 else struct.pack(">BI", 0xDD, len(value))
        return head + b"".join(map(pack, value))
    return msgpack.packb(value, use_bin_type=True)


class Storm:
    """Requests from a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def one_of(self, *choices):
        return self.random.choice(choices)

    # ---- what is right ----

    def user(self):
        return f"u{self.random.randint(0, 40)}"

    def item(self):
        return f"i{self.random.randint(0, 20)}"

    def tags(self):
        return [self.one_of("tea", "茶", "milk", "x") for _ in range(self.random.randint(0, 3))]

    def user_row(self):
        row = {"id": self.user(), "city": self.one_of("成都", "上海", ""), "tier": self.one_of("a", "b", "c"),
               "points": self.one_of(*INTEGERS[:13]), "money": self.one_of("12.50", 3, "-0.01", "92233720368547758.07"),
               "born": self.one_of("1990-02-28", "2000-02-29"), "seen": self.one_of(NOW, "2026-01-31 10:00"), "vip": True,
               "tags": self.one_of(self.tags(), {"add": self.tags(), "remove": self.tags()})}
        return {key: value for key, value in row.items() if key == "id" or self.random.random() < 0.5}

    def event_row(self):
        row = {"type": self.one_of("view", "buy"), "user": self.user(), "time": NOW - self.random.randint(0, 10**10),
               "item": self.item(), "id": str(self.random.randint(0, 500))}
        if row["type"] == "buy":
            row |= {"amount": self.one_of("9.99", 5, "92233720368547758.07", "-92233720368547758.07"), "n": 1, "store": "s1"}
        return {key: value for key, value in row.items() if key in ("type", "user", "time") or self.random.random() < 0.7}

    def window(self):
        count = self.one_of(0, 1, 7, 30, 10**9, 2**31, 2**63 - 1, 10**30)
        return self.one_of("", f", last {count} {self.one_of('minutes', 'hours', 'days', 'weeks')}",
                           f", last {count} calendar {self.one_of('days', 'weeks', 'months', 'quarters', 'years')}", ", this month",
                           ", yesterday", ", since '2026-01-01'", ", before '9999-12-31'", ", between '0001-01-01' and '9999-12-31'",
                           ", on '2026-01-31'")

    def number(self):
        return self.one_of("0", "1", "-1", "3.5", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e3", "1" * 60,
                           "0.000000001")

    def expression(self, depth=0):
        if depth < 3 and self.random.random() < 0.5:
            word = self.one_of(" and ", " or ")
            inner = word.join(self.expression(depth + 1) for _ in range(self.random.randint(2, 4)))
            return self.one_of(f"({inner})", f"not ({inner})")
        compare = self.one_of("=", "!=", "<", "<=", ">", ">=")
        where = self.one_of("", " where amount > 1", " where item.kind = 'tea'", " where item.tags has 'tea'", " where n in (1, 2)",
                            f" where n {compare} {self.number()}")
        value = self.one_of("amount", "n", "amount", "store")
        return self.one_of(
            "true", "false", f"points {compare} {self.number()}", f"money {compare} {self.number()}", f"tier {compare} 'b'",
            f"points between {self.number()} and {self.number()}", "city in ('成都', 'x')", "city starts with '成'", "city contains ''",
            f"tags has {self.one_of('any', 'all', 'none')} ('tea', '茶')", "tags is missing", "born is missing", "seen > '2026-01-01'",
            f"born in next {self.one_of(0, 1, 365, 400, 2**31, 10**20)} days", f"sample({self.one_of(0, 10, 100, 101, '0.0001')}%, 's')",
            f"did(buy{where}{self.window()})", f"count(buy{where}{self.window()}) {compare} {self.number()}",
            f"{self.one_of('sum', 'avg', 'min', 'max')}(buy.{value}{where}{self.window()}) {compare} {self.number()}",
            f"sequence(view{where} -> buy{where}{self.one_of('', ', within 3 days', ', strict', ', reach 1', ', reach 3')}{self.window()})",
            f"days_since(view{where}) {compare} {self.number()}", f"days(view{self.window()}) {compare} {self.number()}",
            f"count(distinct buy.{self.one_of('item', 'store', 'amount', 'what')}{where}{self.window()}) {compare} {self.number()}",
            f"nth({self.one_of(0, 1, 2, 10**6, 10**7)}, buy.{value}{where}) {compare} {self.number()}",
            f"gap_{self.one_of('min', 'avg', 'max')}(buy{where}{self.window()}) {compare} {self.number()}",
            f"points * {self.number()} - count(buy{self.window()}) / {self.number()} {compare} money + sum(buy.amount{where})",
            f"did(buy where hour {compare} {self.number()} and weekday in (1, 7))", f"first(buy.{value}) = 's1'", f"last(view) {compare} '2026-01-31'",
            f"seen in last {self.one_of(1, 10**9, 2**62)} days")

    def request(self):
        """A method and params that are right, or nearly."""
        method = self.one_of("user.put", "user.put", "item.put", "event.append", "event.append", "user.get", "item.get", "user.forget",
                             "item.remove", "audience.count", "audience.count", "audience.count", "audience.list", "audience.list",
                             "audience.sample", "audience.ask", "audience.explain", "audience.close", "feed.get", "feed.trending", "feed.similar", "feed.also_bought",
                             "feed.users_for_item", "feed.batch",
                             "schema.get", "schema.put", "ping", "stats", "hello")
        return method, getattr(self, method.replace(".", "_"))()

    def rows(self, one, many, row):
        rows = [row() for _ in range(self.random.randint(0, 6))]
        form = self.random.randint(0, 3)
        if form == 0:
            return {one: row()}
        if form == 1:
            return {many: rows}
        fields = list({key: None for each in rows for key in each}) or ["id", "type", "user", "time"][:1 if one != "event" else 4]
        table = [[each.get(field) for field in fields] for each in rows]
        return {"fields": fields, "rows": table} | self.one_of({}, {"nil": "leave"}, {"nil": "clear"}, {many: None}, {one: None})

    def user_put(self):
        return self.rows("user", "users", self.user_row)

    def item_put(self):
        return self.rows("item", "items", lambda: {"id": self.item(), "kind": self.one_of("tea", "茶", None), "stock": self.one_of(0, 5),
                                                   "tags": self.tags()})

    def event_append(self):
        return self.rows("event", "events", self.event_row)

    def ids(self, name):
        return self.one_of({"id": name()}, {"ids": [name() for _ in range(self.random.randint(0, 5))]})

    def user_get(self):
        return self.ids(self.user) | self.one_of({}, {"events": 3}, {"fields": ["city", "tags", "id"]})

    def item_get(self):
        return self.ids(self.item)

    def user_forget(self):
        return self.ids(self.user)

    def item_remove(self):
        return self.ids(self.item)

    def question(self):
        return {"where": self.expression(), "now": self.now()}

    def now(self):
        return self.one_of(NOW, NOW, "2026-01-31", 1, -62135596800000, 253402300799999)

    def audience_count(self):
        return self.question()

    def list_params(self):
        return self.one_of({}, {"limit": self.one_of(0, 1, 5, 10**6)}) | self.one_of(
            {"order": "id"}, {"order": self.one_of("points", "money", "city", "tier"), "desc": self.one_of(True, False)}) | self.one_of(
            {}, {"fields": ["points", "tags"]})

    def audience_list(self):
        return self.question() | self.list_params()

    def audience_sample(self):
        return self.question() | {"count": self.one_of(0, 1, 5, 10**6), "seed": self.one_of("s", 1, -2**63)}

    def audience_ask(self):
        return self.question() | self.one_of({}, {"list": self.list_params()}) | self.one_of({}, {"sample": {"count": 3}})

    def audience_explain(self):
        return self.question() | self.one_of({}, {"analyze": True})

    def audience_close(self):
        return {"cursor": self.one_of(*TEXTS)}

    def feed_get(self):
        return {"user": self.user(), "seed": self.one_of(*INTEGERS[:13]), "now": self.now()} | self.one_of(
            {}, {"count": self.one_of(1, 1000)}, {"filter": "kind = 'tea'"}, {"exclude": [self.item()]}, {"fields": ["stock", "tags"]})

    def feed_trending(self):
        return {"count": self.one_of(1, 1000), "now": self.now()}

    def feed_similar(self):
        return {"item": self.item(), "now": self.now()} | self.one_of({}, {"count": self.one_of(1, 1000)}, {"filter": "kind = 'tea'"}, {"fields": ["tags"]})

    def feed_also_bought(self):
        return self.feed_similar() | self.one_of({}, {"by": self.one_of("cosine", "walk")})

    def feed_users_for_item(self):
        return self.question() | {"item": self.item()} | self.one_of({}, {"count": self.one_of(1, 10000)}, {"fields": ["city"]})

    def feed_batch(self):
        return self.one_of({"users": [self.user(), self.user()]}, self.question(), self.question() | {"limit": self.one_of(1, 7, 1000)},
                           self.question() | {"cursor": self.one_of(*TEXTS)}) | self.one_of(
            {}, {"feed": {}}, {"feed": {"count": self.one_of(1, 1000)}}, {"feed": {"user": "u"}}, {"feed": {"filter": "kind = 'tea'"}})

    def schema_get(self):
        return {}

    def schema_put(self):
        part = self.one_of("users", "items", "events", "feed")
        return self.one_of({part: SCHEMA[part]}, {"feed": {"weights": {"buy": self.one_of(0, 1, -1, 1000, 0.1)}}})

    def ping(self):
        return {}

    def stats(self):
        return {}

    def hello(self):
        return {"version": 1}

    # ---- what is wrong ----

    def evil(self):
        kind = self.random.randint(0, 7) if self.random.random() < 0.5 else self.random.randint(1, 4)
        if kind == 0:
            return self.one_of(*OTHERS)
        if kind <= 2:
            return self.one_of(*INTEGERS)
        if kind <= 4:
            return self.one_of(*TEXTS)
        if kind == 5:
            depth = self.one_of(10, 31, 32, 33, 60, 200)
            return Raw(b"\x91" * depth + b"\xc0")
        if kind == 6:
            return Raw(self.one_of(b"\xa2\xc3\x28", b"\xa3\xed\xa0\x80", b"\xa1\x00", b"\xa2\xe4\xbd", b"\xc7\x01\x05x", b"\xd6\xff\0\0\0\0"))
        return self.one_of([self.one_of(*INTEGERS)] * 20, {f"k{i}": i for i in range(20)}, "中" * self.random.randint(20, 60) + "x")

    def wound(self, value):
        """One node of the tree becomes another, goes, or comes twice."""
        if isinstance(value, dict):
            value = Pairs([key, inner] for key, inner in value.items())
        if isinstance(value, str) and value and self.random.random() < 0.4:
            at = self.random.randrange(len(value))
            return value[:at] + self.one_of("", value[at] * 2, "'", "(", ")", "茶", "\u0001", " ") + value[at + 1:]
        if not isinstance(value, list) or not value or self.random.random() < 0.15:
            return self.evil()
        at = self.random.randrange(len(value))
        act = self.random.random()
        if act < 0.1:
            del value[at]
        elif act < 0.2:
            value.insert(self.random.randrange(len(value) + 1), value[at])
        elif isinstance(value, Pairs):
            part = 0 if self.random.random() < 0.15 else 1
            pair = list(value[at])
            pair[part] = self.wound(pair[part]) if part == 1 else self.one_of(*TEXTS, 5, None, pair[0] + "s" if isinstance(pair[0], str) else "")
            value[at] = pair
        else:
            value[at] = self.wound(value[at])
        return value

    def hostile_request(self):
        method, params = self.request()
        for _ in range(self.one_of(0, 0, 1, 1, 1, 2, 3)):
            params = self.wound(copy.deepcopy(params))
        return method, pack(params)


# ---- the same answer everywhere ----

def plain(value):
    """An answer without what may differ from one server to another."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in ("took_us", "rec_id", "receipt", "erased_by", "server", "shards", "memory", "cursor")}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def comparable(method, params, answer):
    answer = plain(answer)
    if b"cursor" in params:
        return "cursor"
    if method == "stats":
        return repr([answer.get("workspace", {}).get(key) for key in ("users", "items", "listed", "events")])
    if method in ("hello", "ping", "audience.explain", "feed.get", "feed.trending", "feed.similar", "feed.also_bought", "feed.users_for_item", "feed.batch"):
        return repr(sorted(answer))
    if method in ("audience.list", "audience.ask") and b"order" not in params:  # then every shard has its own
        return repr({key: len(inner) if isinstance(inner, list) else inner for key, inner in answer.items() if key not in ("list", "sample")})
    if method == "user.get" or method == "item.get":
        return repr(sort_tags(answer))
    if "refused" in answer:
        answer["refused"] = [(each["row"], each["status"]) for each in answer["refused"]]
    return repr(sort_tags(answer))


def sort_tags(value):
    """Tags have no order, and where shards deal out the rows, no row has tags but in its own list."""
    if isinstance(value, dict):
        return {key: sort_tags(inner) for key, inner in value.items()}
    if isinstance(value, list):
        inner = [sort_tags(each) for each in value]
        return sorted(inner) if all(isinstance(each, str) for each in inner) and len(inner) < 5 else inner
    return value


class Target:
    """A server, its connection for the storm, and the workspace that the storm must not touch."""

    def __init__(self, body):
        self.body = body
        self.server = Server(io=body[0], shards=body[1])
        self.client = self.connect()
        self.client.call("schema.put", **SCHEMA)
        self.canary = self.server.client(workspace="canary")
        self.canary.call("schema.put", **SCHEMA)
        self.canary.call("user.put", users=[{"id": f"c{i}", "points": i, "tags": ["tea"]} for i in range(100)])
        self.canary.call("event.append", events=[{"type": "buy", "user": f"c{i}", "time": NOW, "amount": i} for i in range(100)])

    def connect(self):
        client = self.server.client(workspace="storm")
        client.unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 30, strict_map_key=False)
        return client

    def ask(self, method, params):
        """What is said to it: a plain answer, or the fault's status."""
        client = self.client
        message_id = next(client.ids)
        client.socket.sendall(b"\x94\x00" + msgpack.packb(message_id) + msgpack.packb(method) + b"\x91" + params)
        try:
            return comparable(method, params, client.receive(message_id))
        except RpcError as fault:
            assert fault.status in FAULTS, (fault.error, method, params)
            self.fault = fault.status
            return "cursor" if b"cursor" in params else "refused"  # a cursor says how many shards there are
        except (ConnectionError, AssertionError):
            self.client = self.connect()  # the framing is wrong: a farewell, and the end of this connection alone
            return "closed"

    def check(self):
        ask = self.canary.call
        assert ask("audience.count", where="tags has 'tea' and sum(buy.amount) >= 50", now=NOW)["count"] == 50
        assert ask("audience.list", where="points < 5", order="points", fields=["points"])["rows"] == [[f"c{i}", i] for i in range(5)]
        assert ask("stats")["workspace"]["users"] == 100

    def end(self):
        self.check()
        self.canary.close()
        self.client.close()
        self.server.stop()


def storm(targets, seed, request_count):
    source = Storm(seed)
    said = {}
    for number in range(request_count):
        method, params = source.hostile_request()
        answers = [target.ask(method, params) for target in targets]
        for target, answer in zip(targets, answers):
            assert answer == answers[0], (number, target.body, method, msgpack.unpackb(params, strict_map_key=False, unicode_errors="replace",
                                          object_pairs_hook=list) if answers[0] != "closed" else params, answer, answers[0])
        word = targets[0].fault if answers[0] == "refused" else "closed" if answers[0] == "closed" else "done"
        said[word] = said.get(word, 0) + 1
    return said


# ---- faults that were found once ----

def rows_find_their_shards(target):
    """`users: nil` beside compact rows, and a second id behind a nil one."""
    with target.server.client(workspace="rows") as client:
        client.call("schema.put", **SCHEMA)
        ids = [f"r{i}" for i in range(30)]
        assert client.call("user.put", users=None, fields=["id"], rows=[[each] for each in ids])["created"] == 30
        assert None not in client.call("user.get", ids=ids)["users"]
        for i in range(10):
            message_id = next(client.ids)
            row = pack(Pairs([["user", Pairs([["id", None], ["id", f"s{i}"]])], ["nil", "leave"]]))
            client.socket.sendall(b"\x94\x00" + msgpack.packb(message_id) + msgpack.packb("user.put") + b"\x91" + row)
            assert client.receive(message_id)["refused"][0]["status"] == "argument"


def items_of_a_large_batch_are_known_everywhere(target):
    """What a batch teaches the other shards may be larger than the batch."""
    with target.server.client(workspace="large") as client:
        client.call("schema.put", events=[{"name": "v"}], feed={"weights": {"v": 1000}})
        rows = [["v", "u", 5, f"{i:0119}"] for i in range(65000)]
        assert client.call("event.append", fields=["type", "user", "time", "item"], rows=rows)["accepted"] == 65000
    for _ in range(6):  # whichever loop takes the connection
        with target.server.client(workspace="large") as client:
            assert None not in client.call("item.get", ids=[f"{i:0119}" for i in (0, 1, 64999)])["items"]


# ---- connections that misbehave ----

def raw(target):
    host, port = target.server.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 20)


def request_bytes(message_id, method, **params):
    return msgpack.packb([0, message_id, method, [params]])


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def broken_frames(target, source):
    for _ in range(60):
        method, params = source.hostile_request()
        frame = bytearray(b"\x94\x00\x01" + msgpack.packb(method) + b"\x91" + params)
        for _ in range(source.random.randint(1, 4)):
            frame[source.random.randrange(min(len(frame), 40))] = source.random.randrange(256)
        with raw(target) as connection:
            connection.sendall(bytes(frame[:source.random.randint(1, len(frame))]))
            if source.random.random() < 0.5:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass


def all_are_answered_after_a_half_close(target):
    """Whoever sends no more is answered all the same, in full, then closed."""
    with raw(target) as connection:
        count = 2000
        body = b"".join(request_bytes(i, "audience.list", where="true", limit=1000) for i in range(count))
        connection.settimeout(60)
        sender = memoryview(request_bytes(count, "hello", version=1, workspace="canary") + body)
        connection.setblocking(False)
        unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 30)
        seen = set()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if sender:
                try:
                    sender = sender[connection.send(sender):]
                    if not sender:
                        connection.shutdown(socket.SHUT_WR)
                except BlockingIOError:
                    pass
            try:
                data = connection.recv(1 << 20)
            except BlockingIOError:
                time.sleep(0.001)
                continue
            if not data:
                break
            unpacker.feed(data)
            for message in unpacker:
                assert message[0] == 1 and message[2] is None and message[1] not in seen, message[:3]
                seen.add(message[1])
        assert len(seen) == count + 1, len(seen)


def gone_in_the_middle(target):
    """Clients that reset with requests in every state, and one that asks for much and never reads."""
    for i in range(60):
        connection = raw(target)
        connection.sendall(request_bytes(1, "hello", version=1, workspace="gone") + request_bytes(2, "schema.put", **SCHEMA)
                           + b"".join(request_bytes(3 + k, "item.put", item={"id": f"g{k}"}) for k in range(20))
                           + b"".join(request_bytes(30 + k, "audience.list", where="points >= 0", order="points") for k in range(20)))
        if i % 3 == 0:
            time.sleep(0.002)
        reset(connection)
    idle = raw(target)
    idle.setblocking(False)
    try:
        idle.send(request_bytes(0, "hello", version=1, workspace="canary"))
        for k in range(20000):
            idle.send(request_bytes(k, "audience.list", where="true", fields=["points", "tags"]))
    except BlockingIOError:
        pass
    return idle


def many_connections(target):
    connections = [raw(target) for _ in range(300)]
    for connection in connections:
        connection.sendall(request_bytes(7, "ping")[:-1])
    for connection in connections:
        connection.sendall(request_bytes(7, "ping")[-1:])
    for connection in connections:
        assert connection.recv(100)[:3] == b"\x94\x01\x07"
        connection.close()


def a_long_pipeline_leaves_time_for_others(target):
    """One client asks hundreds of heavy questions at once; another is answered in between, not behind them."""
    with target.server.client(workspace="heavy") as client, target.server.client(workspace="canary") as other:
        client.call("schema.put", **SCHEMA)
        for begin in range(0, 150000, 50000):
            client.call("user.put", fields=["id", "points"], rows=[[i, i * 7919 % 1000003] for i in range(begin, begin + 50000)])
        other.call("ping")
        begin = time.monotonic()
        asked = [client.send("audience.list", where="points >= 0", order="points", limit=1) for _ in range(300)]
        worst = 0
        for _ in range(20):
            before = time.monotonic()
            other.call("ping")
            worst = max(worst, time.monotonic() - before)
        for each in asked:
            client.receive(each)
        whole = time.monotonic() - begin
        assert worst < whole / 4, (worst, whole)


def large_writes_do_not_pile_up(target):
    """All of it for one user, so for one shard, which cannot follow; what it has not come to is left with the client."""
    with target.server.client(workspace="pile") as client, target.server.client() as other:
        client.call("schema.put", **SCHEMA)
        rows = [["a", [f"t{(i * 31 + k * k) % 997}" for k in range(20)]] for i in range(20000)]
        frame = request_bytes(1 << 20, "user.put", fields=["id", "tags"], rows=rows)
        sender = threading.Thread(target=lambda: [client.socket.sendall(frame) for _ in range(24)])
        before = other.call("stats")["server"]["in_flight"]  # of the one that does not read
        sender.start()
        most = 0
        while sender.is_alive():
            most = max(most, other.call("stats")["server"]["in_flight"])
        sender.join()
        assert most - before <= (16 << 20) // len(frame) + 2, (most, before)


def sleeps_when_idle(target):
    """Nobody asks: the processor is left alone."""
    def ticks():
        fields = open(f"/proc/{target.server.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    before = ticks()
    time.sleep(1)
    assert ticks() - before <= 20, "a server that nobody asks is busy"


def attack(targets, seed, request_count):
    print("storm:", storm(targets, seed, request_count), flush=True)
    idle = []
    for target in targets:
        target.check()
        rows_find_their_shards(target)
        items_of_a_large_batch_are_known_everywhere(target)
        broken_frames(target, Storm(seed))
        many_connections(target)
        all_are_answered_after_a_half_close(target)
        a_long_pipeline_leaves_time_for_others(target)
        idle.append(gone_in_the_middle(target))
        target.check()
    large_writes_do_not_pile_up(targets[-1])
    for target in targets:
        sleeps_when_idle(target)
    for target in targets:
        for _ in range(50):  # work that is under way when the signal comes
            target.canary.send("audience.count", where="sum(buy.amount) > 3")
        target.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=int, default=2500)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    targets = []
    try:
        for body in BODIES:
            targets.append(Target(body))
        attack(targets, arguments.seed, arguments.requests)
    except BaseException:
        for target in targets:
            print(target.body, "pid", target.server.process.pid, "status", target.server.process.poll())
            target.server.process.kill()
            print(target.server.read_log()[-4000:], flush=True)
        raise
    print("ok")


if __name__ == "__main__":
    main()
