"""shoal top: one frame, frames one behind another, and a terminal that is left as it was."""
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from rpc import SHOAL, RpcError, Server, shoal  # noqa: E402


class Top(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(shards=2)
        cls.client = cls.server.client()
        cls.client.call("schema.put", users={"attributes": [{"name": "points", "type": "int"}]})
        cls.client.call("user.put", fields=["id", "points"], rows=[[f"u{i}", i] for i in range(1500)])
        time.sleep(1.1)  # the shards tell once a second how much is in them

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.server.stop()

    def ask(self, count):
        for _ in range(count):
            self.client.call("audience.count", where="points > 3")
        try:
            self.client.call("audience.count", where="points >")
        except RpcError:
            pass

    def test_once_is_of_all_since_the_start(self):
        self.ask(40)
        frame = shoal("top", "--once", address=self.server.address)
        self.assertIn("2 shards", frame)
        self.assertIn("1500 users, 0 events", frame)
        self.assertRegex(frame, r"(?m)^METHOD +REQ/S +ERR/S +P50 +P99 +P99.9 +LONGEST +OF TIME$")
        self.assertRegex(frame, r"(?m)^audience.count +\S+ +\S+ +[0-9.]+ [mu]?s +[0-9.]+ [mu]?s")
        self.assertRegex(frame, r"(?m)^    [01] ")
        told = json.loads(shoal("--format", "json", "top", "--once", address=self.server.address))
        self.assertGreaterEqual(told["latencies"]["audience.count"]["requests"], 41)

    def test_frames_are_of_what_was_since_the_one_before(self):
        process = subprocess.Popen([SHOAL, "--addr", self.server.address, "top", "--interval", "1"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0.4)
        self.ask(100)
        time.sleep(2.4)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        self.assertEqual((process.returncode, err), (0, ""))
        frames = out.split("shoald ")[1:]
        self.assertGreaterEqual(len(frames), 2)
        rates = [re.search(r"(?m)^audience.count +(\S+)", frame) for frame in frames]
        self.assertGreater(float(rates[0].group(1)), 50)
        self.assertIsNone(rates[-1], "nothing was asked in the last second")

    def test_a_terminal_is_drawn_over_and_left_as_it_was(self):
        pid, handle = pty.fork()
        if pid == 0:
            os.execv(SHOAL, [str(SHOAL), "--addr", self.server.address, "top", "--interval", "1"])
        seen = b""
        end = time.monotonic() + 10
        while time.monotonic() < end and b"METHOD" not in seen:
            if select.select([handle], [], [], 0.2)[0]:
                seen += os.read(handle, 65536)
        os.write(handle, b"q")
        while True:
            try:
                piece = os.read(handle, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        os.close(handle)
        self.assertTrue(seen.startswith(b"\x1b[?1049h\x1b[?25l"), seen[:40])
        self.assertTrue(seen.rstrip().endswith(b"\x1b[?25h\x1b[?1049l"), seen[-40:])
        self.assertIn(b"METHOD", seen)

    def test_wrong_intervals_are_refused(self):
        for interval in ("0", "x", "3601", "-1"):
            done = subprocess.run([SHOAL, "--addr", self.server.address, "top", "--interval", interval],
                                  capture_output=True, timeout=10)
            self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
