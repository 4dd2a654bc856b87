"""The command line against a real server: loads and their refusals, exit statuses, formats, words for faults."""
import csv
import gzip
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from rpc import SHOAL, Server  # noqa: E402


class Command(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="shoal-command-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.workspace = self.id().rsplit(".", 1)[1][:60]

    def run_shoal(self, *words, stdin=None, environment=None):
        return subprocess.run([SHOAL, "--addr", self.server.unix, "--workspace", self.workspace, *map(str, words)],
                              input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder, timeout=60,
                              env={**os.environ, "HOME": str(self.folder), **(environment or {})})

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def load(self, mapping, *words, status=0, **arguments):
        path = self.write("the.map", mapping)
        done = self.run_shoal("--format", "json", "load", "--quiet", "--map", path, *words, **arguments)
        self.assertEqual(done.returncode, status, done)
        return json.loads(done.stdout) if done.stdout else None, done.stderr.decode()

    def rejects(self):
        # A record stands there byte for byte, whatever its bytes are.
        with open(self.folder / "rejects.csv", newline="", encoding="utf-8", errors="replace") as file:
            return [(int(row["line"]), row["reason"], row["record"]) for row in csv.DictReader(file)]

    def ask(self, *words):
        done = self.run_shoal("--format", "json", *words)
        self.assertEqual(done.returncode, 0, done)
        return json.loads(done.stdout)

    def test_a_bad_row_never_stops_a_load(self):
        self.write("users.csv", 'id,points,city\nu1,5,"a\nb"\nu2,many,x\nu3,7\nu4,8,"x"y\n,9,x\nu5,10,\xff\nu6,11,ok\n'.encode("latin-1"))
        summary, _ = self.load("[users]\nfile = users.csv\nid = id\npoints : int = points\ncity : string = city\n")
        self.assertEqual((summary["lines"], summary["users"], summary["refused"]),
                         (7, {"read": 2, "accepted": 2, "created": 2}, 5))
        self.assertEqual([(line, reason) for line, reason, _ in self.rejects()],
                         [(4, "points: 'many' is not a whole number"), (5, "fewer fields than the header has: '2', not '3'"),
                          (6, "something stands behind the closing quote: field '3'"), (7, "no id: id is empty"),
                          (8, "city: '?' is not UTF-8 text")])
        self.assertEqual(self.ask("count", "points = 5 and city = 'a\nb'")["count"], 1)

    def test_an_event_type_that_the_server_refuses_costs_its_rows(self):
        self.write("events.csv", "u,type,t\nu1,view,1\nu1," + "x" * 100 + ",2\nu2,view,3\nu2," + "x" * 100 + ",4\nu2,buy,5\n")
        summary, _ = self.load("[events]\nfile = events.csv\nuser = u\ntype = type\ntime = t ms\n")
        self.assertEqual((summary["events"]["accepted"], summary["refused"]), (3, 2))
        self.assertEqual([line for line, _, _ in self.rejects()], [3, 5])

    def test_users_go_before_the_events_that_name_them(self):
        rows = "".join(f"u{i},{i},{i % 7}\n" for i in range(20000))
        self.write("both.csv", "u,t,q\n" + rows)
        mapping = ("[users]\nfile = both.csv\nid = u\nq : int = q\n[events]\nfile = both.csv\nwhen = q != '3'\nuser = u\n"
                   "type = 'view'\ntime = t ms\n[summary]\nall = lines\nq = sum q\n")
        summary, _ = self.load(mapping)
        self.assertEqual((summary["users"]["created"], summary["totals"]), (20000, {"all": 20000, "q": 59997}))
        summary, _ = self.load(mapping)
        self.assertEqual((summary["users"]["created"], summary["events"]["accepted"]), (0, 0))
        self.assertEqual(summary["events"]["duplicates"], sum(i % 7 != 3 for i in range(20000)))

    def test_equal_rows_without_an_id_are_events_of_their_own(self):
        self.write("e.csv", "u,t\nu1,5\nu1,5\nu1,5\n")
        mapping = "[events]\nfile = e.csv\nuser = u\ntype = 'view'\ntime = t ms\n"
        self.assertEqual(self.load(mapping)[0]["events"]["accepted"], 3)
        self.assertEqual(self.load(mapping)[0]["events"], {"read": 3, "accepted": 0, "duplicates": 3})

    def test_json_lines_packed_from_standard_input(self):
        lines = '{"id": "u1", "address": {"city": "成都"}, "likes": ["a", "b"]}\n[1]\n{"id": 7, "address": {"city": "x"}}\n'
        summary, _ = self.load("[users]\nfile = -\nformat = jsonl\nid = id\ncity : string = address.city\nlikes : tags = likes\n",
                               stdin=gzip.compress(lines.encode()))
        self.assertEqual((summary["users"]["accepted"], summary["refused"]), (2, 1))
        self.assertEqual(self.ask("count", "city = '成都' and likes has all ('a', 'b')")["count"], 1)

    def test_a_damaged_file_loads_what_comes_before_the_damage(self):
        rows = "id\n" + "".join(f"u{i}\n" for i in range(300000))
        packed = gzip.compress(rows.encode())
        self.write("u.csv.gz", packed[:-1000])
        summary, words = self.load("[users]\nfile = u.csv.gz\nid = id\n", status=1)
        self.assertIn("the compressed data ends too early", words)
        self.assertGreater(summary["users"]["accepted"], 200000)
        self.assertEqual(summary["users"]["accepted"], self.ask("count")["count"])

    def test_what_makes_a_load_impossible_has_words_and_status_1(self):
        self.write("u.csv", "id,a\nu1,1\n")
        section = "[users]\nfile = u.csv\nid = id\n"
        for mapping, words in (
                ("[users]\nfile = u.csv\nid = nope\n", "u.csv has no column 'nope'; it has: id, a"),
                ("[users]\nfile = none*.csv\nid = id\n", "there is no file"),
                ("[users]\nfil = u.csv\n", "the.map: line 2: there is no such key"),
                ("zone = Asia/Shangai\n" + section, "Asia/Shanghai"),
                (section + "[items]\nfile = u.csv\ndelimiter = ;\nid = a\n", "lines 1 and 4 of the mapping")):
            _, said = self.load(mapping, status=1)
            self.assertIn(words, said)
        self.assertEqual(self.run_shoal("load", "--map", "none.map").returncode, 1)
        self.assertEqual(self.run_shoal("load").returncode, 2)

    def test_only_schema_loads_nothing(self):
        self.write("u.csv", "id,a\nu1,1\n")
        self.load("[users]\nfile = u.csv\nid = id\na : int = a\n", "--only-schema")
        self.assertEqual(self.ask("count")["count"], 0)
        self.assertEqual(self.ask("schema")["users"]["attributes"], [{"name": "a", "type": "int"}])

    def test_formats_and_locales(self):
        self.write("u.csv", 'id,name,p,b\nu1,"a,""b""",1234,1.50\nu2,,,\n')
        self.load("[users]\nfile = u.csv\nid = id\nname : string = name\np : int = p\nb : decimal = b\n")
        for locale in ("C", "C.UTF-8", "de_DE.UTF-8", "nonsense"):
            done = self.run_shoal("--format", "csv", "list", "--order", "id", "--fields", "name,p,b", environment={"LC_ALL": locale})
            self.assertEqual(list(csv.reader(io.StringIO(done.stdout.decode()))),
                             [["id", "name", "p", "b"], ["u1", 'a,"b"', "1234", "1.50"], ["u2", "", "", ""]])
            done = self.run_shoal("--format", "json", "feed", "u1", environment={"LC_ALL": locale})
            self.assertEqual(json.loads(done.stdout)["items"], [])
        table = self.run_shoal("list", "--order", "id", "--fields", "name,p,b").stdout.decode().splitlines()
        self.assertEqual(table[:4], ['id  name      p     b', '──  ─────  ────  ────', 'u1  a,"b"  1234  1.50', 'u2' + ' ' * 19])

    def test_all_pages_of_a_list(self):
        self.write("u.csv", "id\n" + "".join(f"u{i:06}\n" for i in range(250000)))
        self.load("[users]\nfile = u.csv\nid = id\n")
        done = self.run_shoal("--format", "csv", "list", "--all")
        ids = done.stdout.decode().split()
        self.assertEqual((ids[0], len(ids), len(set(ids))), ("id", 250001, 250001))

    def test_words_for_faults_and_exit_statuses(self):
        self.write("u.csv", "id,city\nu1,x\n")
        self.load("[users]\nfile = u.csv\nid = id\ncity : string = city\n")
        done = self.run_shoal("count", "city = '成都' and citi = 'x'")
        self.assertEqual(done.returncode, 1)
        lines = done.stderr.decode().splitlines()
        self.assertEqual(lines[1], "  city = '成都' and citi = 'x'")
        self.assertEqual(lines[2], " " * (2 + len("city = 'XXXX' and ")) + "^")  # each of the two takes two places
        self.assertEqual(lines[3], "  did you mean city?")
        for words, status in ((["nonsense"], 2), (["count", "a", "b"], 2), (["count", "--limit", "3"], 2), (["user"], 2),
                              (["user", "nobody"], 1), (["list", "--limit", "x"], 1), (["--format", "xml", "ping"], 2),
                              (["forget", "nobody"], 1), (["ping"], 0), (["help"], 0), (["user", "u1", "--events=1"], 0)):
            self.assertEqual(self.run_shoal(*words).returncode, status, words)
        nobody = subprocess.run([SHOAL, "--addr=127.0.0.1:1", "ping"], stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(nobody.returncode, 1)
        self.assertIn(b"127.0.0.1:1", nobody.stderr)

    def test_a_script_on_standard_input(self):
        self.write("u.csv", "id\nu1\n")
        self.load("[users]\nfile = u.csv\nid = id\n")
        done = self.run_shoal(stdin=b"# a comment\n\nping\ntrue\n--format\ncount nonsense\nexit\nping\n")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.decode().count("answers"), 1)
        self.assertEqual(done.stdout.decode().count("1 of 1 users"), 1)

    def test_a_guess_loads(self):
        self.write("members.csv", "会员;姓名;消费时间;金额\nm1;王;2024-01-02 03:04:05;1.5\nm1;王;2024-01-03 03:04:05;2\nm2;李;2024-01-04 03:04:05;3\n")
        guess = self.run_shoal("schema", "guess", "members.csv")
        self.assertEqual(guess.returncode, 0, guess)
        summary, _ = self.load(guess.stdout.decode())
        self.assertEqual((summary["events"]["accepted"], summary["refused"]), (3, 0))
        self.assertEqual(self.ask("count", "sum(purchase.amount) >= 3.5")["count"], 1)


if __name__ == "__main__":
    unittest.main()
