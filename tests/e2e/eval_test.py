"""`shoal eval session`: figures of files small enough to count by hand, and those of a web shop's sessions."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

from rpc import BUILD, DATA

SHOAL = BUILD / "bin" / "shoal"


def evaluate(train, test, *more):
    command = [SHOAL, "--format", "json", "eval", "session", "--train", train, "--test", test, *more]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", check=False)


class Eval(unittest.TestCase):
    def files(self, folder, train, test, head="SessionId\tItemId\tTime", delimiter="\t"):
        paths = []
        for name, sessions in (("train", train), ("test", test)):
            path = pathlib.Path(folder) / name
            with path.open("w", encoding="utf-8") as out:
                print(head, file=out)
                for number, items in enumerate(sessions):
                    for place, item in enumerate(items):
                        print(f"{name}{number}", item, 1_600_000_000 + 100_000 * number + 60 * place, sep=delimiter, file=out)
            paths.append(path)
        return paths

    def test_figures_that_can_be_counted(self):
        with tempfile.TemporaryDirectory() as folder:
            # After 茶 comes 杯, whatever else there is; after 杯 nobody ever went on.
            train = [["茶", "杯"]] * 5 + [["cup", "tin"]]
            result = json.loads(evaluate(*self.files(folder, train, [["茶", "杯"], ["茶", "杯", "tin"]])).stdout)
            self.assertEqual((result["predictions"], result["HR@20"]), (3, 1.0))
            result = json.loads(evaluate(*self.files(folder, train, [["茶", "杯"], ["茶", "tin"]]), "--count", "1").stdout)
            self.assertEqual((result["predictions"], result["HR@1"], result["MRR@1"]), (2, 0.5, 0.5))
            self.assertEqual(result["coverage"], 0.25)

    def test_columns_and_faults(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = self.files(folder, [["a", "b"]] * 3, [["a", "b"]], "visit,product,at", ",")
            self.assertIn("no column `SessionId`", evaluate(*paths).stderr)
            result = json.loads(evaluate(*paths, "--columns", "visit,product,at").stdout)
            self.assertEqual((result["predictions"], result["MRR@20"]), (1, 1.0))
            paths[1].write_text("visit,product,at\nx,a,noon\n", encoding="utf-8")
            answer = evaluate(*paths, "--columns", "visit,product,at")
            self.assertEqual(answer.returncode, 1)
            self.assertIn("line 2: the time is no number", answer.stderr)
            paths[1].write_text("visit,product,at\nx,a,1\ny,b,1\n", encoding="utf-8")
            self.assertIn("no session has two clicks", evaluate(*paths, "--columns", "visit,product,at").stderr)
            self.assertEqual(evaluate(*paths, "--count", "0").returncode, 2)

    def test_a_web_shop(self):
        archive = DATA / "serenade-example" / "example.zip"
        if not archive.is_file():
            print(f"SKIPPED: no {archive}", file=sys.stderr, flush=True)
            self.skipTest("no data")
        with tempfile.TemporaryDirectory() as folder:
            zipfile.ZipFile(archive).extractall(folder)
            train, test = pathlib.Path(folder) / "train.txt", pathlib.Path(folder) / "test.txt"
            result = json.loads(evaluate(train, test).stdout)
            self.assertEqual(result["predictions"], 931)
            # The published VMIS-kNN has 0.3277 and 0.6402.
            self.assertEqual((result["MRR@20"], result["HR@20"], result["NDCG@20"]), (0.3859, 0.6799, 0.4539))


if __name__ == "__main__":
    unittest.main()
