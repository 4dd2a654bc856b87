"""The commands of README.md and of shoal(1)'s pages on exports and messages, as they stand there, against a shop like the quickstart's.

Every line of a block that begins with build/bin/shoal (README) or shoal (the man page) is run, in its order; what goes on for ever is ended when
it has done its work. Nothing is asked of other lines (tools/quickstart, curl, shoald), which other tests run.
"""
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tools"))

from rpc import BUILD, SHOAL, SHOAL_GEN, Server  # noqa: E402
from stream_test import MOCK, message  # noqa: E402

MESSAGES = 400


def readme():
    blocks = re.findall(r"^```\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    return [line for block in blocks for line in block.splitlines() if line.startswith("build/bin/shoal")]


def man(*chapters):
    page = (ROOT / "tools/shoal/shoal.1").read_text(encoding="utf-8")
    lines = []
    for chapter in chapters:
        text = re.search(rf"^\.SH {chapter}\n(.*?)(?=^\.SH )", page, re.S | re.M)[1]
        for block in re.findall(r"^\.nf\n(.*?)^\.fi", text, re.S | re.M):
            lines += [line.replace(r"\-", "-").replace(r"\e", "\\") for line in block.splitlines() if line.startswith("shoal ")]
    return lines


class Readme(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="shoal-readme-")))
        (self.folder / "build").mkdir()
        (self.folder / "build/bin").symlink_to(BUILD / "bin")
        subprocess.run([SHOAL_GEN, "--out", self.folder, "--users", "2000", "--items", "200", "--events", "20000", "--until", datetime.date.today().isoformat()],
                       check=True, stdout=subprocess.DEVNULL)
        self.server = self.enterContext(Server(shards=2))
        self.environment = {**os.environ, "SHOAL_ADDR": self.server.address, "PATH": f"{BUILD}/bin:{os.environ['PATH']}"}
        subprocess.run([SHOAL, "load", "--map", "shop.map", "--quiet"], cwd=self.folder, env=self.environment, check=True, stdout=subprocess.DEVNULL)
        self.live = self.folder / "events.jsonl"
        (self.folder / "shop.jsonl").write_text("".join(json.dumps(message(n)) + "\n" for n in range(50)))

    def run_line(self, line):
        """To its end; a shell is asked one thing."""
        done = subprocess.run(["/bin/sh", "-c", line], cwd=self.folder, env=self.environment, input="count true\n", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}{done.stderr}")
        if ">" not in line.split('"')[0] and " guess " not in line:
            self.assertNotEqual(done.stdout, "", line)
        return done.stdout

    def follow(self, line):
        """One that goes on for ever, until all messages are done."""
        if "--kafka" in line:
            if not MOCK.exists():
                self.skipTest("built without librdkafka: no Kafka to read from")
            mock = subprocess.Popen([MOCK, "shop-events", "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.addCleanup(lambda: (mock.stdin.close(), mock.wait(30), mock.stdout.close()))
            line = line.replace("localhost:9092", mock.stdout.readline().strip())
            mock.stdin.write("".join(f"{n % 50 % 2} {json.dumps(message(n))}\n" for n in range(MESSAGES)) + "\n")
            mock.stdin.flush()
            self.assertEqual(mock.stdout.readline(), "done\n")
        else:
            self.assertIn("/var/log/shop/events.jsonl", line)
            line = line.replace("/var/log/shop/events.jsonl", str(self.live))
            self.live.write_text("".join(json.dumps(message(n)) + "\n" for n in range(MESSAGES)))
        workspace = f"stream{time.monotonic_ns()}"
        line = re.sub(r"^(\S*shoal) ", rf"exec \1 --workspace {workspace} ", line)
        process = subprocess.Popen(["/bin/sh", "-c", line], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        end = time.monotonic() + 60
        with self.server.client(workspace=workspace) as client:
            events = 0
            while events < MESSAGES * 8 // 10 and time.monotonic() < end and process.poll() is None:
                time.sleep(.05)
                events = client.call("stats")["workspace"].get("events", 0)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 0, f"{line}\n{said}")
        self.assertGreaterEqual(events, MESSAGES * 8 // 10, f"{line}\n{said}")

    def test_every_command_does_what_it_says(self):
        lines = readme() + man("EXPORTS", "MESSAGES")
        self.assertGreater(len(lines), 30)
        for part in "export audience", "export shop", "stream --follow", "--kafka", "--verify", "segment put", "shop.jsonl":
            self.assertTrue(any(part in line for line in lines), part)
        said = {}
        for line in lines:
            with self.subTest(line):
                if "--follow" in line:
                    self.follow(line)
                else:
                    for made in "backup", "copy":  # README and the man page show the same twice
                        if f"--out {made}" in line and (self.folder / made).exists():
                            subprocess.run(["rm", "-r", self.folder / made], check=True)
                    said[line.split("#")[0].strip()] = self.run_line(line)
        count = re.search(r"^(\S+) of ([\d,]+) users", said["build/bin/shoal count \"city = '成都' and points > 500\""])
        self.assertGreater(int(count[1].replace(",", "")), 0)
        # What was exported and loaded beside it is the same shop.
        with self.server.client(workspace="default") as client, self.server.client(workspace="copy") as copy:
            for where in "points > 500", "did(purchase, last 30 days)", "in_segment('沉睡老客')":
                self.assertEqual(client.call("audience.count", where=where)["count"], copy.call("audience.count", where=where)["count"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
