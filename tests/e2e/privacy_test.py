"""Consent, access requests and forgetting against the real server, with one shard and with two: what a crash does to them, and that
nothing of somebody forgotten is left in the files of the data directory after the horizon.
"""
import json
import os
import pathlib
import signal
import tempfile
import time
import unittest

from rpc import RpcError, Server, shoal

HORIZON_S = 4
SECRET = "姓名-Q7ZK-secret"  # in ids, attributes, tags and properties of one person, and nowhere else


def holding(folder, needle):
    """The files below a folder that hold these bytes."""
    return [str(path) for path in pathlib.Path(folder).rglob("*") if path.is_file() and needle in path.read_bytes()]


def start(folder, shards, io="uring", *flags):
    return Server(shards, io, flags=("--data", folder, "--forget-within", str(HORIZON_S), *flags))


def kill(server):
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(30)
    server.log.close()
    server.folder.cleanup()


def fill(client):
    client.call("schema.put",
                users={"attributes": [{"name": "phone", "type": "string"}, {"name": "by", "type": "string"}],
                       "tag_sets": [{"name": "likes"}]},
                items={"tag_sets": [{"name": "kinds"}]},
                events=[{"name": "view"}, {"name": "purchase"}],
                privacy={"purposes": [{"name": "sms"}]},
                feed={"learning": {"share": 1}})
    client.call("item.put", items=[{"id": f"item-{n}", "kinds": ["tea"]} for n in range(5)])
    client.call("user.put", users=[{"id": f"user-{n}", "phone": str(n), "likes": ["tea"], "consent_sms": "granted"}
                                   for n in range(50)])


def add_person(client):
    client.call("user.put", user={"id": SECRET, "phone": f"phone {SECRET}", "likes": [f"tag {SECRET}"],
                                  "consent_sms": "granted", "consent_sms_source": f"till {SECRET}"})
    client.call("user.merge", **{"from": f"cookie {SECRET}", "into": SECRET})
    now = int(time.time() * 1000)
    client.call("event.append", events=[{"type": "purchase", "user": SECRET, "item": f"item-{n % 5}", "amount": "3.50",
                                         "id": f"order-{n}", "time": now - n * 1000} for n in range(25)])
    client.call("feed.get", user=SECRET, count=3)


def each(test):
    """With one shard and with two, on both loop bodies, each in a folder of its own."""
    def run(self):
        for shards, io in ((1, "uring"), (2, "epoll")):
            with self.subTest(shards=shards), tempfile.TemporaryDirectory(prefix="shoal-privacy-") as folder:
                test(self, shards, io, folder)
    return run


class Privacy(unittest.TestCase):
    @each
    def test_consent_survives_a_kill_and_holds_at_once(self, shards, io, folder):
        server = start(folder, shards, io)
        with server.client(workspace="shop") as client:
            fill(client)
            client.call("user.put", users=[{"id": f"user-{n}", "consent_sms": "denied"} for n in range(10)])
            client.call("user.put", user={"id": "user-10", "suppressed": {"add": ["all"], "ttl_days": 1}})
            client.call("rule.put", name="unsubscribed", on="view", tag_set="suppressed", tag="sms")
            client.call("event.append", event={"type": "view", "user": "user-11", "time": int(time.time() * 1000)})
            before = client.call("audience.count", where="", **{"for": "sms"})
        kill(server)
        with start(folder, shards, io) as server, server.client(workspace="shop") as client:
            answer = client.call("audience.count", where="", **{"for": "sms"})
            self.assertEqual((answer["count"], answer["suppressed"], answer["no_consent"]), (38, 2, 10))
            self.assertEqual({k: v for k, v in answer.items() if k != "took_us"},
                             {k: v for k, v in before.items() if k != "took_us"})
            first = client.call("audience.list", where="", order="id", limit=3, keep=True, **{"for": "sms"})
            self.assertEqual(first["ids"], ["user-12", "user-13", "user-14"])
            client.call("user.put", user={"id": "user-15", "consent_sms": "denied"})
            page = client.call("audience.list", cursor=first["cursor"], limit=2)
            self.assertEqual((page["ids"], page["skipped"]), (["user-16", "user-17"], 1))
            text = shoal("--workspace", "shop", "count", "true", "--for", "sms", address=server.address)
            self.assertIn("held back: 2 suppressed, 11 without consent", text)

    @each
    def test_a_mapping_loads_consent(self, shards, io, folder):
        files = pathlib.Path(folder, "files")
        files.mkdir()
        (files / "people.csv").write_text("id,sms,when\na,granted,2026-03-01\nb,denied,2026-03-01\nc,,\n"
                                          "a,denied,2026-02-01\n")
        (files / "people.map").write_text(
            "[privacy]\npurpose = sms\n[users]\nfile = people.csv\nid = id\n"
            "consent_sms : enum(denied, granted) = sms\nconsent_sms_at : time = when\n")
        with Server(shards, io) as server:
            shoal("--workspace", "shop", "load", "--map", files / "people.map", "--dir", files, "--quiet",
                  address=server.address)
            text = shoal("--workspace", "shop", "list", "true", "--for", "sms", "--format", "csv", address=server.address)
            self.assertEqual(text.split(), ["id", "a"])

    @each
    def test_everything_held_of_a_person(self, shards, io, folder):
        with start(folder, shards, io) as server, server.client(workspace="shop") as client:
            fill(client)
            add_person(client)
            client.call("segment.put", name="buyers", where="did(purchase)")
            answer = client.call("user.export", user=f"cookie {SECRET}", limit=10)
            self.assertEqual(answer["user"]["id"], SECRET)
            self.assertEqual(answer["user"]["phone"], f"phone {SECRET}")
            self.assertEqual(answer["user"]["consent_sms"], "granted")
            self.assertEqual((answer["names"], answer["segments"]), ([f"cookie {SECRET}"], ["buyers"]))
            self.assertEqual(answer["event_count"], 25)
            self.assertEqual(answer["tastes"][0]["value"], "tea")
            self.assertEqual(len(answer["shown"][0]["items"]), 3)
            events = answer["events"]
            while answer["cursor"] is not None:
                answer = client.call("user.export", user=SECRET, limit=10, cursor=answer["cursor"])
                events += answer["events"]
            self.assertEqual(len(events), 25)
            self.assertEqual(len({event["time"] for event in events}), 25)
            told = json.loads(shoal("--workspace", "shop", "user", "export", SECRET, address=server.address))
            self.assertEqual((told["user"]["id"], len(told["events"])), (SECRET, 25))
            with self.assertRaises(RpcError) as caught:
                client.call("user.export", user="nobody")
            self.assertEqual(caught.exception.status, "not_found")

    @each
    def test_nothing_of_the_forgotten_is_left_on_the_disk(self, shards, io, folder):
        needle = SECRET.encode()
        data, audit = os.path.join(folder, "data"), os.path.join(folder, "audit")
        server = start(data, shards, io, "--segment", "1", "--audit", audit)
        with server.client(workspace="shop") as client:
            fill(client)
            add_person(client)
            client.call("snapshot")
            self.assertTrue(any("snapshots" in path for path in holding(data, needle)))
            client.call("user.put", user={"id": SECRET, "phone": f"another {SECRET}"})
            begun = time.time()
            answer = client.call("user.forget", id=SECRET)
            self.assertEqual((answer["forgotten"], answer["unknown"]), (1, []))
            due = answer["erased_by"]
            self.assertAlmostEqual(due / 1000, begun + HORIZON_S, delta=2)
            receipt = client.call("user.receipt", receipt=answer["receipt"])
            self.assertEqual((receipt["state"], receipt["users"], receipt["names"], receipt["events"], receipt["values"]),
                             ("pending", 1, 1, 25, 5))
            self.assertTrue(holding(data, needle))
        kill(server)  # a receipt is not lost by that, and neither is what it promises
        server = start(data, shards, io, "--segment", "1", "--audit", audit)
        with server.client(workspace="shop") as client:
            self.assertEqual(client.call("user.get", ids=[SECRET])["users"], [None])
            deadline = time.time() + 60
            while (receipt := client.call("user.receipt", receipt=answer["receipt"]))["state"] == "pending":
                self.assertLess(time.time(), deadline, server.read_log())
                time.sleep(0.1)
            self.assertEqual(holding(data, needle), [])
            self.assertGreaterEqual(receipt["erased_at"], receipt["asked_at"])
            self.assertEqual(client.call("audience.count", where="")["total"], 50)
            text = shoal("--workspace", "shop", "receipt", answer["receipt"], address=server.address)
            self.assertIn("complete", text)
            client.call("snapshot")  # what is complete stays so, in every later snapshot
        kill(server)
        with start(data, shards, io, "--segment", "1") as server, server.client(workspace="shop") as client:
            again = client.call("user.receipt", receipt=answer["receipt"])
            self.assertEqual((again["state"], again["erased_at"]), ("complete", receipt["erased_at"]))
            self.assertEqual(client.call("audience.count", where="")["total"], 50)
        lines = [json.loads(line) for line in pathlib.Path(audit).read_text(encoding="utf-8").splitlines()]
        methods = [line["method"] for line in lines]
        self.assertIn("user.forget", methods)
        self.assertIn("user.erased", methods)
        self.assertFalse(any(SECRET in json.dumps(line, ensure_ascii=False) for line in lines))


if __name__ == "__main__":
    unittest.main()
