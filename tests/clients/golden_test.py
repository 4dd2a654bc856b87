"""golden/session.json: requests and answers that the server, the C client and the Python client share, byte for byte.

The same calls give the same bytes in both clients; the real server answers those bytes with the golden answers; and both clients read
the golden answers alike. `golden_test.py --renew` writes the file anew from CALLS below and a real server's answers; look at what changed.
In the file took_us is 0 and rec_id "0", which are never the same twice.
"""
import json
import pathlib
import socket
import subprocess
import sys
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tools" / "clients" / "python")]

import msgpack  # noqa: E402
from rpc import BUILD, Server  # noqa: E402
from shoal import calls, errors, flight, methods, types, wire  # noqa: E402

FILE = pathlib.Path(__file__).with_name("golden") / "session.json"
NOW = 1_772_000_000_000
NUMBER = {"client": "golden", "seq": 300}
# What a client is called with: method, params, and a number for those that the C client does not send.
CALLS = [
    ("schema.put", {"zone": "Asia/Shanghai", "users": {
        "attributes": [{"name": "会员等级", "type": "enum", "labels": ["普通", "银卡", "金卡"]}, {"name": "points", "type": "int"},
                       {"name": "spent", "type": "decimal", "scale": 2}, {"name": "member", "type": "bool"}],
        "tag_sets": [{"name": "likes"}]},
        "items": {"attributes": [{"name": "kind", "type": "string"}]}, "events": [{"name": "view"}, {"name": "purchase"}]}, None),
    ("user.put", {"users": [{"id": "小红", "会员等级": "金卡", "points": 70_000, "spent": "12.50", "member": True, "likes": ["茶", "猫"]},
                            {"id": "bo", "points": -33_000, "member": False}, {"id": "cy", "points": 1 << 40, "member": None}]}, None),
    ("item.put", {"fields": ["id", "kind"], "rows": [["cup", "tea"], ["pot", "tea"], ["ball", "cat"], ["rope"]]}, None),
    ("event.append", {"events": [{"type": "view", "user": "小红", "time": NOW - 60_000, "item": "cup"},
                                 {"type": "purchase", "user": "小红", "time": NOW - 50_000, "item": "ball", "amount": 12.5, "id": "o1"},
                                 {"type": "gift", "user": "bo", "time": NOW}]}, None),
    ("event.append", {"events": [{"type": "view", "user": "bo", "time": NOW - 40_000, "item": "pot"}]}, NUMBER),
    ("event.append", {"events": [{"type": "view", "user": "bo", "time": NOW - 40_000, "item": "pot"}]}, NUMBER),
    ("event.append", {"events": [{"type": "view", "user": "bo", "time": NOW, "item": "pot"}]}, NUMBER),
    ("audience.count", {"where": "会员等级 >= '金卡' and likes has '茶'", "now": NOW}, None),
    ("audience.count", {"where": ["and", [">", "points", 0], ["=", "member", True]], "now": NOW, "timeout_ms": 60_000}, None),
    ("audience.count", {"where": "会员等级 >= '金卡' and and", "now": NOW}, None),
    ("audience.count", {"where": "pionts > 1", "now": NOW}, None),
    ("audience.list", {"where": "true", "fields": ["points", "会员等级", "likes", "spent"], "order": "points", "desc": True, "now": NOW}, None),
    ("audience.sample", {"where": "true", "count": 2, "seed": 7, "now": NOW}, None),
    ("user.get", {"id": "小红", "events": 2}, None),
    ("user.get", {"id": "nobody"}, None),
    ("score.put", {"name": "忠诚度", "points": [{"when": "did(purchase)", "points": 20}],
                   "weights": [{"value": "count(view)", "weight": 2.5, "cap": 40}]}, None),
    ("feed.get", {"user": "小红", "count": 2, "fields": ["kind"], "seed": 1, "now": NOW}, None),
    ("feed.trending", {"count": 2, "now": NOW}, None),
    ("scene.put", {"name": "首页", "rules": {"boost": [{"where": "kind = 'cat'", "factor": 2.5, "name": "猫"}], "weights": {"view": 0.5},
                                             "half_life_days": {"types": {"purchase": {"long": 90}}}}}, None),
    ("feed.explain", {"item": "rope", "user": "小红", "count": 1, "seed": 1, "scene": "首页", "now": NOW}, None),
    ("feed.similar", {"item": "cup", "count": 2, "now": NOW}, None),
    ("feed.batch", {"users": ["小红"], "now": NOW, "feed": {"count": 2, "seed": 1, "explain": "full"}, "timeout_ms": 60_000}, None),
    ("feed.users_for_item", {"item": "cup", "count": 2, "now": NOW, "timeout_ms": 60_000}, None),
    ("feed.explain", {"item": "cup", "user": "小红", "weights": {"veiw": 1}, "now": NOW}, None),
    ("model.list", {}, None),
    ("no.such", {}, None),
]


def entries():
    """msgid: what the C client gives its calls (a sequence and a slot, client_private.h), so that whole frames can be compared."""
    msgid = 2048 - 1025
    for method, params, number in CALLS:
        if number is None:
            msgid += 1025
        yield {"method": method, "params": params, **({"number": number, "msgid": 5} if number else {"msgid": msgid})}


def python_frame(entry):
    number = wire.number(**entry["number"]) if "number" in entry else b""
    return wire.request(entry["msgid"], entry["method"], wire.pack(entry["params"]), number)


def steady(answer):
    """An answer without what differs each time. The bytes around it stay as the server wrote them."""
    head, key, _ = answer.rpartition(b"\xa7took_us")
    if key:
        answer = head + key + b"\0"
    head, key, rest = answer.partition(b"\xa6rec_id")
    return head + key + b"\xa10" + rest[1 + (rest[0] & 31):] if key else answer


def ask(connection, request):
    """The bytes of the answer."""
    connection.socket.sendall(request)
    unpacker = msgpack.Unpacker()
    data = b""
    while True:
        more = connection.socket.recv(1 << 16)
        assert more, "the server closed the connection"
        data += more
        unpacker.feed(more)
        try:
            unpacker.skip()
            return data
        except msgpack.OutOfData:
            continue


def from_server(shards, io):
    with Server(shards=shards, io=io) as server, server.client(workspace="golden") as connection:
        for entry in entries():
            request = python_frame(entry)
            yield {**entry, "request": request.hex(), "answer": steady(ask(connection, request)).hex()}


class Playback:
    """A server that answers what is in the file, and keeps what it was sent."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.frames = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        connection = self.listening.accept()[0]
        connection.settimeout(20)
        unpacker = msgpack.Unpacker(raw=False)
        data = b""
        with connection:
            while more := connection.recv(1 << 16):
                data += more
                unpacker.feed(more)
                for message in unpacker:
                    start, data = data[:unpacker.tell() - self.taken], data[unpacker.tell() - self.taken:]
                    self.taken = unpacker.tell()
                    if message[2] == "hello":
                        connection.sendall(msgpack.packb([1, message[1], None, {"version": 1, "took_us": 0}]))
                    else:
                        self.frames.append(start)
                        connection.sendall(self.answers.pop(0))

    taken = 0

    def close(self):
        self.thread.join(30)
        self.listening.close()


class Golden(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.session = json.loads(FILE.read_text())

    def test_the_file_is_of_these_calls(self):
        self.assertEqual([{key: entry[key] for key in entry if key not in ("request", "answer")} for entry in self.session], list(entries()))

    def test_python_sends_these_bytes(self):
        for entry in self.session:
            self.assertEqual(python_frame(entry).hex(), entry["request"], entry["method"])
            lane = flight.Flight()
            if "number" in entry:
                lane.client_id, lane.seq = entry["number"]["client"], entry["number"]["seq"] - 1
            lane.msgid = entry["msgid"] - 1
            call = calls.raw(entry["method"], **entry["params"])
            if entry["method"] in methods.WRITES and "number" not in entry or entry["method"] in methods.TIMED and "timeout_ms" not in call.params:
                continue  # the client would add a number, or its time
            self.assertEqual(lane.begin(call, 0, 1000).frame.hex(), entry["request"])

    def test_typed_calls_are_these_calls(self):
        def same(call, index):
            self.assertEqual((call.method, list(call.params.items())), (CALLS[index][0], list(CALLS[index][1].items())))
        same(calls.count(CALLS[7][1]["where"], now=NOW), 7)
        same(calls.sample("true", 2, seed=7, now=NOW), 12)
        same(calls.user("小红", events=2), 13)
        same(calls.feed("小红", count=2, fields=["kind"], seed=1, now=NOW), 16)
        same(calls.trending(count=2, now=NOW), 17)
        same(calls.put_scene("首页", CALLS[18][1]["rules"]), 18)
        same(calls.feed_why("rope", "小红", count=1, seed=1, scene="首页", now=NOW), 19)
        same(calls.similar("cup", count=2, now=NOW), 20)
        same(calls.models(), 24)
        same(calls.put("items", CALLS[2][1]["rows"], fields=["id", "kind"]), 2)

    def test_python_reads_these_answers(self):
        def read(index, call=None):
            entry = self.session[index]
            lane = flight.Flight()
            lane.msgid = entry["msgid"] - 1
            pending = lane.begin(call or calls.raw(entry["method"], **entry["params"]), 0, 1000)
            answer = bytes.fromhex(entry["answer"])
            for i in range(len(answer) - 1):  # in the smallest pieces
                self.assertEqual(lane.receive(answer[i:i + 1]), [])
            self.assertEqual(lane.receive(answer[-1:]), [pending])
            return pending.result()

        def refused(index):
            with self.assertRaises(errors.ShoalError) as caught:
                read(index)
            return caught.exception
        self.assertEqual(read(7, calls.count("x")), types.Count(1, 3))
        error = refused(9)
        self.assertEqual((error.status, error.position, error.column), ("syntax", 29, 17))
        self.assertIn("points", refused(10).hint)
        written = read(3, calls.put("events", []))
        self.assertEqual((written.accepted, [row.row for row in written.refused]), (2, [2]))
        self.assertEqual(read(5), read(4))
        self.assertEqual(refused(6).status, "conflict")
        feed = read(16, calls.feed("小红"))
        self.assertEqual([len(feed.items), feed.items[0].fields], [2, {"kind": "tea"}])
        self.assertTrue(read(18, calls.put_scene("首页", {})))
        fate = read(19, calls.feed_why("rope"))
        self.assertEqual((fate.item, fate.shown, fate.stage, fate.place), ("rope", False, "score", None))
        self.assertAlmostEqual(sum(fate.contributions.values()), fate.score)
        self.assertEqual(read(20, calls.similar("cup")).items[0].id, "pot")
        ((user, own),) = read(21, calls.batch(["小红"])).feeds
        self.assertEqual((user, own.candidates, [item.id for item in own.items]), ("小红", 3, [item.id for item in feed.items]))
        self.assertAlmostEqual(sum(own.items[0].contributions.values()), own.items[0].score)
        self.assertEqual({one.id for one in read(22, calls.users_for_item("cup")).users}, {"小红", "bo"})
        self.assertIn("view", refused(23).hint)
        self.assertEqual([model.name for model in read(24, calls.models())], ["ials", "ease", "knn", "rp3"])

    def test_the_server_answers_so(self):
        for shards, io in (1, "uring"), (2, "epoll"):
            with self.subTest(shards=shards, io=io):
                for entry, answered in zip(self.session, from_server(shards, io), strict=True):
                    self.assertEqual(answered, entry, f"\n{msgpack.unpackb(bytes.fromhex(answered['answer']))}\n"
                                                      f"{msgpack.unpackb(bytes.fromhex(entry['answer']))}")

    def test_c_sends_and_reads_the_same(self):
        session = [entry for entry in self.session if "number" not in entry]
        playback = Playback(bytes.fromhex(entry["answer"]) for entry in session)
        told = subprocess.run([BUILD / "tests" / "golden_app", playback.address, FILE], stdout=subprocess.PIPE, text=True, encoding="utf-8",
                              timeout=20)
        playback.close()
        self.assertEqual(told.returncode, 0)
        self.assertEqual([frame.hex() for frame in playback.frames], [entry["request"] for entry in session])
        for entry, line in zip(session, told.stdout.splitlines(), strict=True):
            _, _, error, result = msgpack.unpackb(bytes.fromhex(entry["answer"]))
            if error is not None:
                result = {"code": error["code"], "status": error["status"], "message": error["message"],
                          "position": error.get("position", -1), "hint": error.get("hint", "")}
            self.assertEqual(json.loads(line), result)


if __name__ == "__main__":
    if sys.argv[1:] == ["--renew"]:
        FILE.write_text("[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in from_server(1, "uring")) + "\n]\n")
    else:
        unittest.main(verbosity=2)
