"""What shoald is told (file, environment, flags), what it takes anew on SIGHUP, and what it writes down: its log and the audit log."""
import json
import os
import pathlib
import pwd
import re
import signal
import subprocess
import tempfile
import time
import unittest

from rpc import SHOALD, Client, RpcError, free_port


def check(*flags, **environment):
    return subprocess.run([SHOALD, "--check-config", *flags], capture_output=True, text=True, timeout=20,
                          env={**os.environ, **environment})


class Case(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="shoal-settings-")
        self.folder = pathlib.Path(self.holder.name)
        self.process = None

    def tearDown(self):
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self.holder.cleanup()

    def config(self, text):
        path = self.folder / "shoald.conf"
        path.write_text(text)
        return path

    def start(self, *flags, **environment):
        self.log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen([SHOALD, *map(str, flags)], stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env={**os.environ, **environment})
        self.ready = self.process.stdout.readline()
        return self.ready

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(20), 0, self.words())
        self.process.stdout.close()
        self.log.close()

    def words(self):
        return (self.folder / "log").read_text()

    def wait_for(self, words):
        for _ in range(100):
            if words in self.words():
                return
            time.sleep(0.05)
        self.fail(f"{words!r} is not in {self.words()!r}")


class Layers(Case):
    def test_a_later_layer_wins_and_a_list_is_one_layers(self):
        path = self.config("# a shop's server\nlisten = 127.0.0.1:7001\nlisten=127.0.0.1:7002 ; and this\n\nshards = 2\nslow-ms = 5\n")
        done = check("--config", path)
        self.assertEqual((done.returncode, done.stdout), (0, "listen = 127.0.0.1:7001\nlisten = 127.0.0.1:7002\nshards = 2\nslow-ms = 5\n"),
                         done.stderr)
        done = check(SHOALD_CONFIG=str(path), SHOALD_LISTEN="127.0.0.1:7003 unix:/tmp/x", SHOALD_SLOW_MS="6", SHOALD_DATA="")
        self.assertEqual(done.stdout, "listen = 127.0.0.1:7003\nlisten = unix:/tmp/x\nshards = 2\nslow-ms = 6\n", done.stderr)
        done = check("--config", path, "--slow-ms", "7", "--listen", "127.0.0.1:7004", SHOALD_SLOW_MS="6")
        self.assertEqual(done.stdout, "listen = 127.0.0.1:7004\nshards = 2\nslow-ms = 7\n", done.stderr)
        again = self.folder / "again.conf"
        again.write_text(done.stdout)
        self.assertEqual(check("--config", again).stdout, done.stdout, "what is printed can be read")

    def test_what_is_wrong_is_told_with_its_place(self):
        for text, words in (("lisen = 127.0.0.1:1\n", [":1:", "did you mean listen?"]), ("\nshards = two\n", ["shards is a number"]),
                            ("[server]\nshards = 2\n", [":2:", "no sections"]), ("shards\n", [":1:"]), ("shards =\n", [":1:", "no value"]),
                            ("listen = here\n", ["here", "is not an address"]), ("durability = sync\n", ["go with data"]),
                            ("log-format = xml\n", ["text or json"]), ("log-level = loud\n", ["log level"]),
                            ("config = other\n", ["no setting"]), ("help = yes\n", ["no setting"]), ("listen = 0.0.0.0:1\n", ["--access"]),
                            ("listen = tls:127.0.0.1:1\n", ["certificate"]), ("tls-certificate = /none\n", ["/none"]),
                            ("user = nobody-of-that-name\n", ["no user"]), ("slow-ms = 99999999\n", ["slow-ms"]), ("io = kqueue\n", ["kqueue"]),
                            ("listen = 127.0.0.1:1\n" * 9, [":9:", "8 times"])):
            with self.subTest(text=text):
                done = check("--config", self.config(text))
                self.assertEqual((done.returncode, done.stdout), (64, ""))
                for word in words:
                    self.assertIn(word, done.stderr)
        self.assertEqual(check("--config", self.folder / "none").returncode, 64)
        done = check(SHOALD_LISTEM="x")
        self.assertEqual(done.returncode, 64)
        self.assertIn("the environment", done.stderr)
        (self.folder / "tokens").write_text("{")
        self.assertEqual(check("--access", self.folder / "tokens").returncode, 65)

    def test_a_check_serves_nobody_and_leaves_nothing(self):
        data = self.folder / "data"
        done = check("--listen", f"unix:{self.folder}/socket", "--data", data)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), [])

    def test_the_settings_are_those_of_the_server(self):
        port = free_port()
        path = self.config(f"listen = 127.0.0.1:{port}\nshards = 2\nio = epoll\ndata = {self.folder}/data\n")
        self.assertIn("2 shards, epoll", self.start("--config", path))
        with Client(f"127.0.0.1:{port}") as client:
            client.call("ping")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_root_becomes_who_it_is_told_to_be(self):
        os.chmod(self.folder, 0o777)
        self.start("--listen", f"unix:{self.folder}/socket", "--data", self.folder / "data", "--user", "nobody")
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        self.assertRegex(status, rf"Uid:\s+{pwd.getpwnam('nobody').pw_uid}\s")
        self.assertRegex(status, r"CapEff:\s+0+\n")
        self.assertRegex(status, r"NoNewPrivs:\s+1")
        self.assertEqual(os.stat(self.folder / "data" / "shoal.data").st_uid, pwd.getpwnam("nobody").pw_uid)
        with Client(f"unix:{self.folder}/socket") as client:
            client.call("ping")
            client.call("snapshot")


class Reload(Case):
    def test_sighup_takes_what_can_change(self):
        port = free_port()
        path = self.config(f"listen = 127.0.0.1:{port}\nlog-level = error\nslow-ms = 0\n")
        self.start("--config", path)
        with Client(f"127.0.0.1:{port}") as client:
            client.call("schema.put", users={"attributes": [{"name": "city", "type": "string"}]})
            self.config(f"listen = 127.0.0.1:{port}\nlog-level = info\nslow-ms = 1\nlog-format = json\n")
            self.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            client.call("user.put", fields=["id", "city"], rows=[[f"user-{n}", f"city {n}"] for n in range(60000)])
            self.wait_for('"level":"warn"')
            line = [line for line in self.words().splitlines() if line.startswith("{")][-1]
            entry = json.loads(line)
            self.assertEqual(entry["level"], "warn")
            self.assertIn("user.put", entry["message"])
            self.config("shards = none\n")
            self.process.send_signal(signal.SIGHUP)
            self.wait_for("the settings stay as they were")
            client.call("ping")

    def test_lines_of_json_are_json(self):
        self.start("--listen", "127.0.0.1:0", "--log-format", "json", "--data", self.folder / 'a "quoted"\\ name')
        self.stop()
        lines = [json.loads(line) for line in self.words().splitlines()]
        self.assertTrue(lines)
        for line in lines:
            self.assertEqual(sorted(line), ["level", "message", "time"])
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class Audit(Case):
    def entries(self, name="audit"):
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def test_who_did_what_is_written_down_and_nothing_of_people(self):
        for shards, data in ((1, []), (2, []), (2, ["--data", self.folder / "data"])):
            with self.subTest(shards=shards, data=data):
                (self.folder / "audit").unlink(missing_ok=True)
                (self.folder / "tokens").unlink(missing_ok=True)
                port = free_port()
                self.start("--listen", f"127.0.0.1:{port}", "--listen", f"unix:{self.folder}/socket", "--shards", shards, *data,
                           "--access", self.folder / "tokens", "--audit", self.folder / "audit")
                address = f"127.0.0.1:{port}"
                with Client(f"unix:{self.folder}/socket") as owner:
                    token = owner.call("token.create", id="crm", workspace='shop "1"\n', roles=["schema", "ingest", "audience", "forget"])["token"]
                with Client(address, token=token) as client:
                    client.call("schema.put", users={"attributes": [{"name": "phone", "type": "string"}]})
                    client.call("user.put", user={"id": "secret-person", "phone": "13800138000"})
                    client.call("user.forget", ids=["secret-person", "somebody-else"])
                    for method, params in (("user.forget", {"id": 1.5}), ("snapshot", {}), ("token.revoke", {"id": "crm"})):
                        with self.assertRaises(RpcError):
                            client.call(method, **params)
                with self.assertRaises(RpcError):
                    Client(address, token="crm." + "x" * 43)
                with Client(f"unix:{self.folder}/socket") as owner:
                    owner.call("token.revoke", id="crm")
                self.stop()
                entries = self.entries()
                self.assertEqual([(e["method"], e["token"], e["result"], e.get("subject")) for e in entries], [
                    ("token.create", "owner", "ok", "crm"), ("schema.put", "crm", "ok", None), ("user.forget", "crm", "ok", None),
                    ("user.forget", "crm", "argument", None), ("snapshot", "crm", "forbidden", None), ("token.revoke", "crm", "forbidden", "crm"),
                    ("hello", "", "unauthenticated", None), ("token.revoke", "owner", "ok", "crm")])
                self.assertEqual(entries[1]["workspace"], 'shop "1"\n')
                self.assertTrue(all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", e["time"]) for e in entries))
                text = (self.folder / "audit").read_text()
                for private in ("secret-person", "somebody-else", "13800138000", token.split(".")[1]):
                    self.assertNotIn(private, text)
                self.assertEqual((self.folder / "audit").stat().st_mode & 0o777, 0o600)

    def test_it_is_rotated_by_renaming_and_sighup(self):
        self.start("--listen", f"unix:{self.folder}/socket", "--data", self.folder / "data", "--audit", self.folder / "audit")
        with Client(f"unix:{self.folder}/socket") as owner:
            owner.call("snapshot")
            os.rename(self.folder / "audit", self.folder / "audit.1")
            owner.call("snapshot")
            self.process.send_signal(signal.SIGHUP)
            self.wait_for("audit log: read anew")
            owner.call("snapshot")
        self.stop()
        self.assertEqual((len(self.entries("audit.1")), len(self.entries())), (2, 1))

    def test_strangers_cannot_fill_the_disk(self):
        port = free_port()
        self.start("--listen", f"127.0.0.1:{port}", "--access", self.folder / "tokens", "--audit", self.folder / "audit")
        begin = time.monotonic()
        for _ in range(400):
            with self.assertRaises(RpcError):
                Client(f"127.0.0.1:{port}", token="nobody." + "x" * 43)
        seconds = time.monotonic() - begin
        self.stop()
        self.assertLessEqual(len(self.entries()), 20 * (seconds + 2))
        self.assertGreaterEqual(len(self.entries()), 20)


if __name__ == "__main__":
    unittest.main()
