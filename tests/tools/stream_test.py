"""shoal stream: messages of the Segment specification, and that each is done once whoever is killed when.

    stream_test.py [--seed N]
"""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from rpc import BUILD, SHOAL, SHOALD, Client, RpcError, Server, free_port, shoal  # noqa: E402

SEED = 7
MOCK = BUILD / "tests" / "kafka_mock"
DAY = 86_400_000
NOW = 1_772_323_200_000  # 2026-03-01


class Kept:
    """A server with a data directory that can be killed and started again at the same address."""

    def __init__(self, folder, shards):
        self.folder, self.shards = folder, shards
        # No port: who tries to connect to one that is closed may be given that very port, and then nobody can listen on it.
        self.address = f"unix:{folder}/socket"
        self.log = open(f"{folder}/server.log", "wb")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([SHOALD, "--listen", self.address, "--shards", str(self.shards), "--data", f"{self.folder}/data"],
                                        stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        for _ in range(400):
            try:
                Client(self.address).close()
                return
            except OSError:
                assert self.process.poll() is None, pathlib.Path(f"{self.folder}/server.log").read_text()
                time.sleep(0.02)
        raise AssertionError("the server did not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        self.log.close()


class Reader:
    """shoal stream, which can be killed and started again."""

    def __init__(self, server, folder, *words):
        self.server, self.folder, self.words = server, folder, words
        self.kills = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen([SHOAL, "--addr", self.server.address, "stream", "--quiet", "--rejects",
                                         f"{self.folder}/rejects.csv", *self.words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def kill(self):
        self.process.kill()
        self.process.communicate()
        self.kills += 1
        self.start()

    def alive(self):
        """Nothing but a kill ends it."""
        assert self.process.poll() is None, self.process.communicate()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, said
        return said[0]


def message(n):
    """Message n: without a messageId, so that nothing but its place tells it from a second sending."""
    if n % 7 == 3:
        return {"type": "identify", "userId": f"u{n % 50}", "traits": {"latest": n, "likes": [f"t{n % 5}"]}}
    return {"type": "track", "event": "Order Completed", "userId": f"u{n % 50}", "timestamp": NOW + n,
            "properties": {"order_id": f"o{n}", "n": n, "revenue": n / 100}}


def expected(count):
    users = {}
    for n in range(count):
        user = users.setdefault(f"u{n % 50}", {"orders": 0, "sum": 0})
        if n % 7 == 3:
            user["latest"] = n
        else:
            user["orders"] += 1
            user["sum"] += n
    return users


class Streams(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="shoal-stream-"))
        self.random = random.Random(SEED)

    def check(self, server, count):
        with Client(server.address, workspace="default") as client:
            for id, user in expected(count).items():
                found = client.call("user.get", id=id, events=10_000)["user"]
                events = found.pop("events")
                self.assertEqual(len(events), user["orders"], id)
                self.assertEqual(sum(round(100 * float(event["amount"])) for event in events), user["sum"], id)
                self.assertEqual(found.get("latest"), user.get("latest"), id)
            self.assertEqual(client.call("stats")["workspace"]["events"], sum(user["orders"] for user in expected(count).values()))

    def wait_for(self, server, count, seconds=60):
        wanted = sum(user["orders"] for user in expected(count).values())
        had = None
        for _ in range(seconds * 20):
            try:
                with Client(server.address, workspace="default") as client:
                    had = client.call("stats")["workspace"].get("events")
                    if had == wanted:
                        return
            except (OSError, RpcError):
                pass
            time.sleep(0.05)
        self.fail(f"{had} events of {wanted} after {seconds} s; reproduce: --seed {SEED}")


class Segment(Streams):
    def take(self, messages, shards, *words):
        path = pathlib.Path(self.folder) / "messages.jsonl"
        path.write_text("".join((one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)) + "\n" for one in messages))
        server = self.enterContext(Server(shards=shards))
        said = shoal("stream", path, "--rejects", f"{self.folder}/rejects.csv", *words, address=server.address)
        return server, said, path

    def test_a_shop(self):
        at = "2026-03-01T08:00:00.000Z"
        product = {"product_id": "p1", "name": "龙井茶", "category": "tea", "brand": "西湖", "price": 68}
        messages = [
            {"type": "page", "anonymousId": "a1", "messageId": "m1", "timestamp": at, "name": "Home", "properties": {"title": "首页", "path": "/"}},
            {"type": "track", "event": "Product Viewed", "anonymousId": "a1", "messageId": "m2", "timestamp": at, "properties": product},
            {"type": "identify", "userId": "u1", "anonymousId": "a1", "messageId": "m3", "traits": {
                "name": "小红", "age": 31, "vip": True, "birthday": "1995-02-03", "createdAt": "2025-12-01T00:00:00Z", "ltv": 12,
                "address": {"city": "成都"}, "interests": ["茶", "猫"]}},
            {"type": "track", "event": "Product Added", "userId": "u1", "messageId": "m4", "timestamp": at,
             "properties": {**product, "quantity": 2, "cart_id": "c1"}},
            {"type": "track", "event": "order completed", "userId": "u1", "messageId": "m5", "timestamp": at, "properties": {
                "order_id": "o1", "total": 155.9, "shipping": 5, "currency": "CNY",
                "products": [{**product, "quantity": 2}, {"sku": "p2", "name": "杯子", "price": "14.90"}]}},
            {"type": "track", "event": "Order Refunded", "userId": "u1", "messageId": "m6", "timestamp": at,
             "properties": {"order_id": "o1", "total": 14.9}},
            {"type": "group", "userId": "u1", "groupId": "acme", "traits": {"name": "Acme 茶行", "employees": 40}},
            {"type": "alias", "previousId": "old-7", "userId": "u1"},
            {"type": "track", "event": "Signed Up", "userId": 42, "timestamp": at, "properties": {"plan": "pro", "value": 9.5, "deep": {"x": 1}}},
            {"type": "identify", "userId": "42", "traits": {"age": "forty", "name": "Bo", "ltv": 0.125}},
            {"type": "identify", "userId": "u1", "traits": {"age": None, "vip": "false"}},
        ]
        for shards in 1, 2:
            with self.subTest(shards=shards):
                server, said, path = self.take(messages, shards)
                self.assertIn("events       7 new, 0 there already", said)
                self.assertIn("left out     1 values", said)
                with server.client(workspace="default") as client:
                    user = client.call("user.get", id="a1", events=10)["user"]
                    events = user.pop("events")
                    self.assertEqual(user, {
                        "id": "u1", "name": "小红", "vip": False, "birthday": "1995-02-03", "createdAt": 1764547200000, "ltv": "12.0000",
                        "address_city": "成都", "interests": ["猫", "茶"], "group": "acme", "group_name": "Acme 茶行", "group_employees": 40})
                    self.assertEqual(client.call("user.get", id="old-7")["user"]["id"], "u1")
                    kinds = {(event["type"], event.get("item"), event.get("amount")) for event in events}
                    self.assertEqual(kinds, {("page", None, None), ("view", "p1", "68.00"), ("cart", "p1", "136.00"), ("purchase", "p1", "136.00"),
                                             ("purchase", "p2", "14.90"), ("refund", None, "14.90")})
                    order = next(event for event in events if event.get("item") == "p2")
                    self.assertEqual({name: order[name] for name in ("order_id", "currency", "price")},
                                     {"order_id": "o1", "currency": "CNY", "price": "14.9000"})
                    self.assertNotIn("shipping", order)
                    other = client.call("user.get", id="42", events=2)["user"]
                    self.assertEqual((other["name"], other.get("age"), other["ltv"]), ("Bo", None, "0.1250"))
                    self.assertEqual(other["events"], [{"type": "Signed Up", "time": 1772352000000, "amount": "9.50", "plan": "pro", "deep_x": 1}])
                    item = client.call("item.get", id="p1")["item"]
                    self.assertEqual((item["title"], item["brand"], item["price"], item["listed"]), ("龙井茶", "西湖", "68.0000", True))
                    # Again it changes nothing, and as another source neither: the events have their ids.
                    before = client.call("stats")["workspace"]["events"]
                    self.assertIn("sent again", shoal("stream", path, address=server.address))
                    said = shoal("stream", path, "--source", "again", address=server.address)
                    self.assertIn("events       0 new, 7 there already", said)
                    self.assertEqual(client.call("stats")["workspace"]["events"], before)
                    # What the shop asks next.
                    self.assertEqual(client.call("audience.count", where="did(purchase where item.category = 'tea')")["count"], 1)
                    self.assertEqual(client.call("audience.count", where="sum(purchase.amount) = 150.90 and group = 'acme'")["count"], 1)

    def test_bad_messages_never_stop_it(self):
        good = {"type": "track", "event": "x", "userId": "u", "timestamp": NOW}
        bad = ["no json", "[1]", {"type": "identify"}, {"type": "dance", "userId": "u"}, {"type": "track", "event": "x", "userId": "u"},
               {"type": "track", "userId": "u", "timestamp": NOW}, {"type": "alias", "userId": "u"}, {"type": "group", "userId": "u"},
               {**good, "properties": {"products": 3}, "event": "e" * 65}, {"type": "track", "event": "x", "userId": "u" * 256, "timestamp": NOW},
               {**good, "event": "Order Completed", "properties": {"products": [{"product_id": "p"}] * 1001}}, '{"a":' * 3000]
        server, said, _ = self.take([good, *bad, "", {**good, "timestamp": NOW + 1}], 1)
        self.assertIn("events       2 new", said)
        self.assertIn(f"refused      {len(bad)}, in", said)
        rejects = (pathlib.Path(self.folder) / "rejects.csv").read_text()
        self.assertIn('messages.jsonl",5,"the type is none of', rejects)
        self.assertEqual(rejects.count("\n"), 1 + len(bad))

    def test_what_the_schema_has_already_is_what_counts(self):
        server = self.enterContext(Server())
        with server.client(workspace="default") as client:
            client.call("schema.put", users={"attributes": [{"name": "tier", "type": "enum", "labels": ["silver", "gold"]},
                                                            {"name": "age", "type": "string"}, {"name": "score", "type": "decimal", "scale": 1}]})
            path = pathlib.Path(self.folder) / "m.jsonl"
            path.write_text("".join(json.dumps({"type": "identify", "userId": "u", "traits": traits}) + "\n" for traits in
                                    ({"tier": "gold", "age": 31, "score": 1.25}, {"tier": "wooden"})))
            self.assertIn("left out     1 values", shoal("stream", path, address=server.address))
            user = client.call("user.get", id="u")["user"]
            self.assertEqual((user["tier"], user["age"], user["score"]), ("gold", "31", "1.2"))

    def test_numbers_of_a_client(self):
        for shards in 1, 3:
            server = self.enterContext(Server(shards=shards))
            with server.client(workspace="default") as client:
                client.call("schema.put", events=[{"name": "x"}])
                self.assertEqual(client.call("client.numbers", client="c")["numbers"], [])
                for seq in (4, 9, 11, 200):
                    client.socket.sendall(__import__("msgpack").packb(
                        [0, 1000 + seq, "event.append", [{"events": [{"type": "x", "user": f"u{i}", "time": NOW} for i in range(seq % 5)]},
                                                         {"client": "c", "seq": seq}]]))
                    client.receive(1000 + seq)
                told = client.call("client.numbers", client="c")["numbers"]
                self.assertEqual(told, [number for number in (200, 11, 9, 4) if number in told])
                self.assertTrue({4, 9, 11} <= set(told))
                self.assertEqual(client.call("client.numbers", client="c", count=2)["numbers"], told[:2])
                with self.assertRaises(RpcError):
                    client.call("client.numbers", client="")


class Follow(Streams):
    def test_whoever_is_killed_each_line_is_done_once(self):
        for shards in 1, 2:
            with self.subTest(shards=shards):
                folder = pathlib.Path(self.folder) / str(shards)
                folder.mkdir()
                live = folder / "shop.jsonl"
                server = Kept(folder, shards)
                generation = open(live, "a")
                generation.write(json.dumps(message(0)) + "\n")
                generation.flush()
                count, rotations = 1, 0
                reader = Reader(server, folder, "--follow", str(live))
                self.wait_for(server, count)  # from now on the server knows where it was
                deadline = time.monotonic() + 8
                step = 0
                while time.monotonic() < deadline:
                    step += 1
                    for _ in range(self.random.randrange(1, 400)):
                        line = json.dumps(message(count)) + "\n"
                        half = self.random.randrange(len(line)) if self.random.random() < 0.05 else 0
                        if half:  # a writer that is slow in the middle of a line
                            generation.write(line[:half])
                            generation.flush()
                        generation.write(line[half:])
                        count += 1
                    generation.flush()
                    time.sleep(self.random.random() * 0.05)
                    event = self.random.random()
                    if event < 0.06:
                        reader.kill()
                    elif event < 0.09:
                        server.kill()
                        time.sleep(self.random.random() * 0.3)
                        server.start()
                    elif event < 0.13:  # moved away, sometimes twice before anybody looks
                        rotations += 1
                        generation.close()
                        os.rename(live, folder / f"shop.jsonl.{1000 - rotations}")
                        generation = open(live, "a")
                    elif event < 0.15:  # copied and cut short
                        rotations += 1
                        shutil.copyfile(live, folder / f"shop.jsonl.{1000 - rotations}")
                        os.truncate(live, 0)
                    reader.alive()
                generation.close()
                self.wait_for(server, count)
                reader.alive()
                self.check(server, count)
                reader.stop()
                print(f"{shards} shards: {count} lines, {rotations} rotations, {reader.kills} kills of the reader", flush=True)
                self.assertGreater(rotations + reader.kills, 2)
                server.stop()
                self.assertFalse((folder / "rejects.csv").exists())

    def test_what_was_rotated_while_nobody_read(self):
        live = pathlib.Path(self.folder) / "shop.jsonl"
        server = Kept(self.folder, 1)
        lines = [json.dumps(message(n)) + "\n" for n in range(400)]
        older = live.with_name("shop.jsonl-2025")
        older.write_text(json.dumps({"type": "track", "event": "old", "userId": "u", "timestamp": NOW}) + "\n")
        os.utime(older, (1, 1))
        live.write_text("".join(lines[:50]))
        reader = Reader(server, self.folder, "--follow", str(live))
        self.wait_for(server, 50)
        reader.stop()
        with open(live, "a") as file:
            file.writelines(lines[50:100])
        os.rename(live, live.with_name("shop.jsonl.2"))
        live.write_text("".join(lines[100:300]))
        os.rename(live, live.with_name("shop.jsonl.1"))
        subprocess.run(["gzip", str(live.with_name("shop.jsonl.1"))], check=True)
        live.write_text("".join(lines[300:]).rstrip("\n"))  # its last line is not whole yet
        reader.start()
        self.wait_for(server, 399)
        with open(live, "a") as file:
            file.write("\n")
        self.wait_for(server, 400)
        reader.stop()
        self.check(server, 400)
        server.stop()

    def test_a_file_that_shrank_is_told(self):
        server = self.enterContext(Server())
        path = pathlib.Path(self.folder) / "shop.jsonl"
        lines = [json.dumps(message(n)) + "\n" for n in range(100)]
        path.write_text("".join(lines))
        shoal("stream", path, address=server.address)
        path.write_text("".join(lines[:50]))
        with self.assertRaisesRegex(AssertionError, "is shorter; --source NAME"):
            shoal("stream", path, address=server.address)


@unittest.skipUnless(MOCK.exists(), "built without librdkafka")
class Kafka(Streams):
    def topic(self, partitions):
        mock = subprocess.Popen([MOCK, "shop", str(partitions)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (mock.stdin.close(), mock.wait(30), mock.stdout.close()))
        brokers = mock.stdout.readline().strip()

        def produce(numbers):
            for n in numbers:
                # All of a user in one partition, as a producer with keys would have it.
                mock.stdin.write(f"{n % 50 % partitions} {json.dumps(message(n))}\n")
            mock.stdin.write("\n")
            mock.stdin.flush()
            self.assertEqual(mock.stdout.readline(), "done\n")
        return brokers, produce

    def test_a_topic_to_its_end(self):
        brokers, produce = self.topic(3)
        produce(range(1000))
        server = self.enterContext(Server(shards=2))
        said = shoal("stream", "--kafka", brokers, "shop", address=server.address)
        self.assertIn("messages     1000", said)
        produce(range(1000, 1500))
        said = shoal("stream", "--kafka", brokers, "shop", address=server.address)
        self.assertIn("sent again   3 batches", said)
        self.check(server, 1500)
        with self.assertRaisesRegex(AssertionError, "No such configuration property"):
            shoal("stream", "--kafka", brokers, "shop", "--config", "no.such=1", address=server.address)

    def test_whoever_is_killed_each_message_is_done_once(self):
        brokers, produce = self.topic(4)
        server = Kept(self.folder, 2)
        reader = Reader(server, self.folder, "--follow", "--kafka", brokers, "shop")
        count = kills = 0
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            more = self.random.randrange(1, 3000)
            produce(range(count, count + more))
            count += more
            time.sleep(self.random.random() * 0.2)
            event = self.random.random()
            if event < 0.3:
                reader.kill()
            elif event < 0.4:
                kills += 1
                server.kill()
                time.sleep(self.random.random() * 0.3)
                server.start()
            reader.alive()
        self.wait_for(server, count)
        self.check(server, count)
        reader.stop()
        server.stop()
        print(f"Kafka: {count} messages, {reader.kills} kills of the reader, {kills} of the server", flush=True)
        self.assertGreater(reader.kills, 1)


if __name__ == "__main__":
    if "--seed" in sys.argv:
        at = sys.argv.index("--seed")
        SEED = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    print(f"reproduce: stream_test.py --seed {SEED}", flush=True)
    unittest.main(verbosity=2)
