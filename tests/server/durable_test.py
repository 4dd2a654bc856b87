"""What --data promises, as its user meets it: restarts, refusals, numbered writes, snapshots. Run: durable_test.py SHOALD"""
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from crash_test import Server, Stopped, Wire  # noqa: E402

SHOALD = ""
SCHEMA = {"users": {"attributes": [{"name": "n", "type": "int"}]}, "items": {"attributes": [{"name": "p", "type": "int"}]},
          "events": [{"name": "hit"}]}


class Numbered(Wire):
    def write(self, seq, method, client="till", **params):
        self.send(7, method, params, {"client": client, "seq": seq})
        _, error, result = self.receive()
        return error["status"] if error else {key: value for key, value in result.items() if key != "took_us"}


class Durable(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="shoal-durable-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.server = None
        self.addCleanup(lambda: self.server and self.server.process.poll() is None and self.server.kill())

    def start(self, shards=1, io="uring", *extra):
        self.server = Server(SHOALD, self.folder, shards, io, extra)
        return Numbered(self.server.address)

    def refused(self, *flags):
        done = subprocess.run([SHOALD, "--listen", f"unix:{self.folder}/other", "--data", f"{self.folder}/data", *flags],
                              capture_output=True, text=True, timeout=30)
        return done.returncode, done.stderr

    def test_what_was_written_is_there_after_a_stop_and_after_a_kill(self):
        for shards in (1, 2):
            with self.subTest(shards=shards):
                shutil.rmtree(f"{self.folder}/data", True)
                wire = self.start(shards)
                wire.call("schema.put", **SCHEMA)
                wire.call("item.put", items=[{"id": f"i{i}", "p": i} for i in range(5)])
                wire.call("user.put", users=[{"id": f"u{i}", "n": i} for i in range(100)])
                wire.call("event.append", fields=["type", "user", "time", "item"],
                          rows=[["hit", f"u{i % 50}", 1000 + i, f"i{i % 5}"] for i in range(200)])
                wire.call("user.merge", **{"from": "u1", "into": "u2"})
                wire.call("user.forget", id="u3")
                wire.call("segment.put", name="s", where="n > 10")

                def look(wire):
                    questions = (("audience.count", {"where": "count(hit) = 4"}), ("audience.count", {"where": "n > 10"}),
                                 ("user.get", {"ids": ["u1", "u2", "u3"], "events": 20}), ("segment.get", {"name": "s"}),
                                 ("feed.trending", {"now": 5000}), ("item.get", {"id": "i3"}), ("schema.get", {}))
                    return [{**wire.call(method, **params), "took_us": 0} for method, params in questions]

                wire.call("audience.list", where="true", keep=True, limit=1)
                before = look(wire)
                self.server.stop()
                wire = self.start(shards)
                self.assertEqual(look(wire), before)
                wire.call("snapshot")
                self.assertEqual(look(wire), before)
                wire.call("user.put", user={"id": "u0", "n": 7})
                before = look(wire)
                self.server.kill()
                wire = self.start(shards)
                self.assertEqual(look(wire), before)
                self.server.stop()

    def test_a_directory_has_one_server_and_one_number_of_shards(self):
        wire = self.start(2)
        code, words = self.refused()
        self.assertEqual(code, 75)
        self.assertIn("another server", words)
        wire.close()
        self.server.stop()
        code, words = self.refused("--shards", "3")
        self.assertEqual(code, 64)
        self.assertIn("--shards 2", words)
        process = subprocess.Popen([SHOALD, "--listen", f"unix:{self.folder}/other", "--data", f"{self.folder}/data"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.assertIn("2 shards", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 0)
        process.stdout.close()

    def test_somebody_elses_directory_is_left_alone(self):
        pathlib.Path(f"{self.folder}/data").mkdir()
        pathlib.Path(f"{self.folder}/data/letter").write_text("dear")
        code, words = self.refused()
        self.assertEqual(code, 64)
        self.assertIn("not empty", words)

    def test_damage_is_named_and_refuses_the_start(self):
        wire = self.start()
        wire.call("schema.put", **SCHEMA)
        for i in range(200):
            wire.call("user.put", user={"id": f"u{i}", "n": i})
        wire.close()
        self.server.stop()
        path = pathlib.Path(f"{self.folder}/data/shard-0/log-00000001")
        bytes_ = bytearray(path.read_bytes())
        bytes_[20000] ^= 1
        path.write_bytes(bytes_)
        code, words = self.refused()
        self.assertEqual(code, 65, words)
        self.assertIn("log-00000001", words)
        pathlib.Path(f"{self.folder}/data/shoal.data").write_text("shoal data 1\nstore 12\nshards 1\n")
        code, words = self.refused()
        self.assertEqual(code, 65, words)
        self.assertIn("shoal.data", words)

    def test_a_connection_reads_its_own_writes(self):
        for shards, io in ((1, "uring"), (2, "epoll")):
            with self.subTest(shards=shards):
                shutil.rmtree(f"{self.folder}/data", True)
                wire = self.start(shards, io)
                wire.call("schema.put", **SCHEMA)
                for round_number in range(50):
                    # All in flight at once.
                    for i in range(8):
                        wire.send(2 * i, "user.put", {"user": {"id": f"u{round_number}-{i}", "n": i}})
                        wire.send(2 * i + 1, "user.get", {"id": f"u{round_number}-{i}"})
                    wire.send(100, "item.put", {"item": {"id": f"i{round_number}", "p": 1}})
                    wire.send(101, "item.get", {"id": f"i{round_number}"})
                    wire.send(102, "audience.count", {"where": "true"})
                    answers = {}
                    while len(answers) < 19:
                        number, error, result = wire.receive()
                        self.assertIsNone(error)
                        answers[number] = result
                    for i in range(8):
                        self.assertEqual(answers[2 * i + 1]["user"]["n"], i)
                    self.assertEqual(answers[101]["item"]["p"], 1)
                    self.assertEqual(answers[102]["count"], 8 * (round_number + 1))
                wire.close()
                self.server.stop()

    def test_numbered_writes_are_done_once_across_connections_restarts_and_snapshots(self):
        for shards in (1, 2):
            with self.subTest(shards=shards):
                shutil.rmtree(f"{self.folder}/data", True)
                wire = self.start(shards)
                wire.call("schema.put", **SCHEMA)
                rows = [["hit", f"u{i}", 1000] for i in range(10)]
                batch = {"fields": ["type", "user", "time"], "rows": rows}
                done = {"accepted": 10, "duplicates": 0, "refused": []}
                self.assertEqual(wire.write(1, "event.append", **batch), done)
                self.assertEqual(wire.write(2, "item.put", item={"id": "i", "p": 1}),
                                 {"accepted": 1, "created": 1, "refused": []})
                self.assertEqual(wire.write(1, "event.append", **batch), done)
                self.assertEqual(wire.write(1, "event.append", client="other", **batch), done)
                wire.close()
                for how in ("kill", "snapshot", "stop"):
                    if how == "snapshot":
                        wire = Numbered(self.server.address)
                        wire.call("snapshot")
                        wire.close()
                    (self.server.kill if how == "kill" else self.server.stop)()
                    wire = self.start(shards)
                    self.assertEqual(wire.write(1, "event.append", **batch), done)
                    self.assertEqual(wire.write(2, "item.put", item={"id": "i", "p": 1}),
                                     {"accepted": 1, "created": 1, "refused": []})
                    self.assertEqual(wire.write(2, "item.put", item={"id": "i", "p": 2}), "conflict")
                    self.assertEqual(wire.call("audience.count", where="count(hit) = 2")["count"], 10)
                    wire.close()
                self.server.stop()

    def test_the_envelope_is_checked(self):
        wire = self.start()
        wire.call("schema.put", **SCHEMA)
        for envelope in ({"client": "a"}, {"seq": 1}, {"client": "", "seq": 1}, {"client": "a", "seq": 0},
                         {"client": "a", "seq": 1, "x": 1}, {"client": "a" * 65, "seq": 1}):
            wire.send(3, "user.put", {"user": {"id": "a"}}, envelope)
            _, error, _ = wire.receive()
            self.assertEqual(error["status"], "argument", envelope)
        wire.close()
        self.server.stop()

    def test_a_stop_answers_what_has_come_in(self):
        wire = self.start(2)
        wire.call("schema.put", **SCHEMA)
        for i in range(300):
            wire.send(i, "user.put", {"user": {"id": f"u{i}", "n": i}})
        self.server.process.send_signal(signal.SIGTERM)
        answered = 0
        try:
            while True:
                _, error, _ = wire.receive()
                self.assertIsNone(error)
                answered += 1
        except Stopped:
            pass
        wire.close()
        self.server.stop()
        wire = self.start(2)
        self.assertGreaterEqual(wire.call("audience.count", where="true")["count"], answered)
        self.assertGreater(answered, 0)
        self.server.stop()

    def test_what_a_start_did_again_counts_towards_the_next_snapshot(self):
        wire = self.start(2, "epoll", "--snapshot-log", "4")
        wire.call("schema.put", **SCHEMA)
        for start in range(4):  # each writes about 1.5 MiB, and no one of them 4
            for batch in range(60):
                rows = [[f"u{start}-{batch}-{i}", batch] for i in range(2000)]
                wire.call("user.put", fields=["id", "n"], rows=rows)
            deadline = time.monotonic() + 20
            while start == 3 and wire.call("stats")["server"]["snapshots"] == 0 and time.monotonic() < deadline:
                time.sleep(0.1)
            if start < 3:
                self.assertEqual(wire.call("stats")["server"]["snapshots"], 0)
                self.server.stop()
                wire = self.start(2, "epoll", "--snapshot-log", "4")
        self.assertGreater(wire.call("stats")["server"]["snapshots"], 0)

    def test_snapshots_are_taken_by_themselves_and_let_go_of_the_log(self):
        segment = 4
        wire = self.start(2, "epoll", "--snapshot-log", "1", "--segment", str(segment))
        wire.call("schema.put", **SCHEMA)
        logs = pathlib.Path(f"{self.folder}/data/shard-0")
        written = 0
        batch = 0
        stats = {"snapshots": 0}
        while stats["snapshots"] < 3 or written < 16 * segment << 20:
            rows = [[f"u{batch % 7}-{i}", batch] for i in range(2000)]
            wire.call("user.put", fields=["id", "n"], rows=rows)
            stats = wire.call("stats")["server"]
            written = stats["log_bytes"]
            batch += 1
        self.assertGreater(stats["snapshot_bytes"], 0)
        # How much of the log two snapshots leave depends on how long they take; two now, with nothing in between, leave
        # one file, and what is kept ready. Each shard has half of what was written.
        for _ in range(2):
            wire.call("snapshot")
        deadline = time.monotonic() + 20
        while len(list(logs.glob("log-*"))) > 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertLessEqual(len(list(logs.glob("log-*"))), 4, "the log of what snapshots have is used again")
        self.assertEqual(len(list(pathlib.Path(f"{self.folder}/data/snapshots").glob("snapshot-*"))), 2)
        total = wire.call("audience.count", where="true")
        self.server.kill()
        wire = self.start(2)
        self.assertEqual(wire.call("audience.count", where="true")["count"], total["count"])
        self.server.stop()

    def test_many_may_ask_for_a_snapshot_and_nobody_waits_for_ever(self):
        wire = self.start(2)
        wire.call("schema.put", **SCHEMA)
        wires = [Numbered(self.server.address) for _ in range(6)]
        answers = []
        threads = [threading.Thread(target=lambda w=w: answers.append(w.call("snapshot")["sequence"])) for w in wires]
        for thread in threads:
            thread.start()
        for i in range(50):
            wire.call("user.put", user={"id": f"u{i}", "n": i})
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(answers), 6)
        with self.assertRaises(AssertionError):
            wire.call("snapshot", what="all")
        wires[0].send(9, "snapshot", {})
        wires[0].close()  # its answer is wanted by nobody
        self.server.stop()


if __name__ == "__main__":
    SHOALD = sys.argv.pop(1)
    unittest.main(warnings="ignore")
