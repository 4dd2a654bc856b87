"""shoal check, dump and repair on the directory of a real server: whole, in use, damaged, repaired."""
import csv
import io
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from rpc import SHOAL, SHOALD, Client  # noqa: E402

BLOCK = 4096


class Data(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="shoal-data-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.data = self.folder / "data"
        self.address = f"unix:{self.folder}/socket"
        self.server = None
        self.addCleanup(self.stop)

    def start(self):
        """The server, or what it said when it did not start."""
        self.server = subprocess.Popen([SHOALD, "--listen", self.address, "--shards", "2", "--segment", "1", "--data", self.data],
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(400):
            if self.server.poll() is not None:
                said = self.server.communicate()[0]
                self.server = None
                return None, said
            try:
                return Client(self.address, "shop"), ""
            except OSError:
                time.sleep(0.02)
        self.fail("the server does not answer")

    def stop(self):
        if self.server is None:
            return
        self.server.send_signal(signal.SIGTERM)
        self.server.communicate()
        self.server = None

    def run_shoal(self, *words, status=0):
        done = subprocess.run([SHOAL, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, status, (words, done))
        return done.stdout if status == 0 or done.stdout else done.stderr

    def fill(self):
        client, said = self.start()
        self.assertIsNotNone(client, said)
        client.call("schema.put", users={"attributes": [{"name": "city", "type": "string"}]})
        for number in range(30):
            client.call("user.put", user={"id": f"u{number}", "city": f"城市{number}"})
        client.close()
        self.stop()

    def check(self, status=0):
        return json.loads(self.run_shoal("--format", "json", "check", self.data, status=status))

    def records(self):
        return [json.loads(line) for line in self.run_shoal("--format", "json", "dump", self.data).splitlines()]

    def test_a_whole_directory(self):
        self.fill()
        found = self.check()
        self.assertFalse(found["damaged"])
        self.assertEqual([place["state"] for place in found["places"]], ["whole"] * len(found["places"]))
        records = [record for record in self.records() if "position" in record]
        self.assertEqual(len(records), sum(place.get("records", 0) for place in found["places"]))
        puts = [record for record in records if record["method"] == "user.put"]
        self.assertEqual({record["params"]["user"]["id"] for record in puts}, {f"u{n}" for n in range(30)})
        self.assertEqual({record["workspace"] for record in records}, {"shop"})
        for shard in (0, 1):
            own = [record["position"] for record in records if record["shard"] == shard]
            self.assertEqual(own, list(range(1, len(own) + 1)))
        some = self.run_shoal("--format", "csv", "dump", "--from", 3, "--limit", 2, self.data / "shard-1")
        rows = list(csv.DictReader(io.StringIO(some)))
        self.assertEqual([int(row["position"]) for row in rows], [3, 4])
        self.assertRegex(rows[0]["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ$")
        self.assertIn("user.put", self.run_shoal("dump", self.data))
        self.assertIn("nothing to repair", self.run_shoal("repair", self.data))

    def test_a_running_server_is_left_alone(self):
        client, said = self.start()
        self.assertIsNotNone(client, said)
        client.close()
        for command in ("check", "dump", "repair"):
            self.assertIn("in use by another process", self.run_shoal(command, self.data, status=1))
            self.assertIn("in use by another process", self.run_shoal(command, self.data / "shard-0", status=1))

    def test_damage_is_named_and_repaired(self):
        self.fill()
        path = self.data / "shard-1" / "log-00000001"
        with open(path, "r+b") as file:
            file.seek(5 * BLOCK + 200)
            byte = file.read(1)[0]
            file.seek(5 * BLOCK + 200)
            file.write(bytes([byte ^ 16]))
        before = self.check(status=1)
        place = next(place for place in before["places"] if place["what"].endswith("shard-1"))
        self.assertEqual(place["state"], "damaged")
        self.assertIn(f"shard-1/log-00000001 is damaged at offset {5 * BLOCK}, record ", place["remark"])
        client, said = self.start()
        self.assertIsNone(client)
        self.assertIn("is damaged at offset", said)
        said = self.run_shoal("repair", self.data)
        self.assertRegex(said, r"records \d+ to \d+ are lost")
        self.assertIn("kept in", said)
        self.assertTrue((self.data / "shard-1.damaged" / "log-00000001").exists())
        after = self.check()
        place = next(place for place in after["places"] if place["what"].endswith("shard-1"))
        self.assertGreater(place["lost"], 0)
        self.assertIn("lost before a repair", place["remark"])
        client, said = self.start()
        self.assertIsNotNone(client, said)
        count = client.call("audience.count", where="city is not missing")["count"]
        self.assertEqual(count, 30 - place["lost"])
        client.close()

    def test_what_is_no_data_is_refused(self):
        self.folder.joinpath("empty").mkdir()
        self.assertIn("neither logs nor snapshots", self.run_shoal("check", self.folder / "empty", status=1))
        self.assertIn("No such file", self.run_shoal("dump", self.folder / "nowhere", status=1))
        self.assertIn("--limit is a number", self.run_shoal("dump", "--limit", "x", self.folder, status=2))


if __name__ == "__main__":
    unittest.main()
