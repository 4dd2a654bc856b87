"""shoal load --follow: files of a mapping that grow. Each line is done once, whoever is killed when, and as a plain load does it."""
import collections
import csv
import io
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.path.insert(0, str(ROOT / "tests" / "tools"))

from rpc import SHOAL, Client, RpcError, Server  # noqa: E402
from stream_test import Kept  # noqa: E402

SEED = int(os.environ.get("SHOAL_SEED", "5"))
FIRST = 1_767_225_600_000
MAP = """zone = Asia/Shanghai
[users]
file = users.csv
id = id
city : string = city

[events]
file = events.{form}
when = kind != 'refund'
type = kind
user = user
item = sku
time = at ms
amount : decimal(2) = amount
note : string = note

[events]
file = events.{form}
when = kind = 'refund'
set aside = user is empty : nobody
type = 'refund'
user = user
time = at ms
"""
COLUMNS = ["kind", "user", "sku", "at", "amount", "note"]
NOTES = ["", "plain", "a,b", 'say "x"', "two\nlines", "three\r\nlines\n\n", "备注，", "'", 'ends "']


def make(rng, count):
    made = []
    for i in range(count):
        made.append({"kind": rng.choice(["view", "view", "buy", "refund"]), "user": rng.choice(["u1", "u2", f"u{rng.randrange(40)}"]), "sku": f"i{rng.randrange(9)}",
                     "at": str(FIRST + rng.choice([0, 1000, i * 1000])), "amount": rng.choice(["", "12.50", "3"]), "note": rng.choice(NOTES)})
        if rng.random() < .02:
            made[-1]["at"] = "never"  # is refused
        if rng.random() < .02:
            made.append(dict(made[-1]))  # an equal line is an event of its own
    return made


def text_of(rows, form):
    if form == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([row[name] for name in COLUMNS] for row in rows)
    return out.getvalue()


def shown(row):
    """The event that a line is."""
    if row["kind"] == "refund":
        return ("refund", row["user"], int(row["at"]), None, None, None)
    amount = {"": None, "3": "3.00"}.get(row["amount"], row["amount"])
    return (row["kind"], row["user"], int(row["at"]), row["sku"], amount, row["note"] or None)  # CSV: what is empty is absent


def told(client):
    events, cursor = [], None
    while True:
        page = client.call("event.list", limit=16384, **({"cursor": cursor} if cursor else {}))
        events += page["events"]
        cursor = page.get("cursor")
        if cursor is None:
            return sorted(events, key=lambda event: json.dumps(event, sort_keys=True))


class Follow(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="shoal-follow-")))
        self.rng = random.Random(SEED)
        (self.folder / "users.csv").write_text("id,city\n" + "".join(f"u{i},{'上海' if i % 2 else '杭州'}\n" for i in range(40)))

    def plain(self, folder, form, rows):
        """What a plain load of the whole makes."""
        place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="shoal-plain-")))
        (place / "users.csv").write_text((folder / "users.csv").read_text())
        (place / "shop.map").write_text(MAP.format(form=form))
        (place / f"events.{form}").write_text((",".join(COLUMNS) + "\n" if form == "csv" else "") + text_of(rows, form), newline="")
        with Server(shards=2) as server:
            subprocess.run([SHOAL, "--addr", server.address, "load", "--map", place / "shop.map", "--quiet", "--rejects", place / "rejects.csv"],
                           check=True, stdout=subprocess.DEVNULL)
            with server.client(workspace="default") as client:
                return told(client), client.call("audience.count", where="city = '上海'")["count"]

    def until(self, address, wanted, follower):
        end = time.monotonic() + 90
        found = "nothing"
        while time.monotonic() < end:
            try:
                with Client(address, workspace="default") as client:
                    found = len(told(client))
                    if found >= wanted:
                        return
            except (RpcError, OSError) as error:  # the schema is not there yet, or the server
                found = error
            if follower is not None and follower.poll() is not None:
                self.fail(follower.communicate()[0].decode())
            time.sleep(.05)
        follower.kill()
        self.fail(f"the follower does not come to the end: {found} of {wanted}; {follower.communicate()[0].decode()}")

    def start(self, address):
        return subprocess.Popen([SHOAL, "--addr", address, "load", "--map", self.folder / "shop.map", "--follow", "--quiet", "--rejects", self.folder / "rejects.csv"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def stop(self, follower):
        follower.send_signal(signal.SIGTERM)
        said = follower.communicate(timeout=60)[0].decode()
        self.assertEqual(follower.returncode, 0, said)
        return said

    def test_each_line_once_whoever_is_killed(self):
        for form in "csv", "jsonl":
            with self.subTest(form=form), tempfile.TemporaryDirectory() as data:
                rows = make(self.rng, 1500)
                expected, people = self.plain(self.folder, form, rows)
                (self.folder / "shop.map").write_text(MAP.format(form=form))
                path = self.folder / f"events.{form}"
                path.write_text(",".join(COLUMNS) + "\n" if form == "csv" else "")
                server = Kept(data, 2)
                self.addCleanup(server.log.close)
                self.addCleanup(server.kill)
                written = threading.Event()

                def write():
                    with open(path, "a", newline="") as file:
                        text = text_of(rows, form)
                        while text:
                            count = self.rng.randrange(1, 6000)  # anywhere in a line, in a character's middle too
                            file.write(text[:count])
                            file.flush()
                            text = text[count:]
                            time.sleep(.02)
                    written.set()
                thread = threading.Thread(target=write)
                thread.start()
                follower, kills = self.start(server.address), 0
                while not written.is_set() or kills < 4:
                    time.sleep(.15 + self.rng.random() / 3)
                    kills += 1
                    if kills % 3 == 0:
                        server.kill()
                        server.start()
                    else:
                        follower.kill()
                        follower.communicate()
                        follower = self.start(server.address)
                thread.join()
                self.until(server.address, len(expected), follower)
                self.stop(follower)
                with Client(server.address, workspace="default") as client:
                    self.assertEqual(told(client), expected)
                    self.assertEqual(client.call("audience.count", where="city = '上海'")["count"], people)

    @staticmethod
    def lines(rows, last):
        """Files of 300 lines each: how often each line counts."""
        places = collections.Counter()
        for first in range(0, last, 300):
            places |= collections.Counter(tuple(row.items()) for row in rows[first:first + 300] if row["at"] != "never")
        return places

    def test_a_file_that_is_rotated_and_a_load_before_it(self):
        rows = make(self.rng, 900)[:900]
        expected, _ = self.plain(self.folder, "csv", rows[:300])
        (self.folder / "shop.map").write_text(MAP.format(form="csv"))
        path = self.folder / "events.csv"
        path.write_text(",".join(COLUMNS) + "\n" + text_of(rows[:300], "csv"), newline="")
        with Server(shards=1) as server, server.client(workspace="default") as client:
            # Loaded before it is followed: events without ids have the same ids, so nothing is there twice.
            subprocess.run([SHOAL, "--addr", server.address, "load", "--map", self.folder / "shop.map", "--quiet", "--rejects", self.folder / "r.csv"],
                           check=True, stdout=subprocess.DEVNULL)
            self.assertEqual(told(client), expected)
            follower = self.start(server.address)
            time.sleep(.5)
            self.assertEqual(told(client), expected)
            for first, last in (300, 600), (600, 900):
                path.rename(self.folder / f"events.csv.{first}")
                path.write_text(",".join(COLUMNS) + "\n" + text_of(rows[first:last], "csv"), newline="")
                self.until(server.address, sum(self.lines(rows, last).values()), follower)
            said = self.stop(follower)
            # An event without an id is known by its line and its place among the equal lines of its file.
            wanted = collections.Counter(shown(dict(line)) for line in self.lines(rows, 900).elements())
            found = collections.Counter((event["type"], event["user"], event["time"], event.get("item"), event.get("amount"), event.get("note"))
                                        for event in told(client))
            self.assertEqual((found - wanted, wanted - found), (collections.Counter(), collections.Counter()))
            self.assertIn("lines", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
