"""`shoal eval ranking` and `eval split`: the ranking of knn and every measure against plain loops that share no line with the
engine; files split as they should be."""
import csv
import json
import math
import pathlib
import random
import subprocess
import tempfile
import unittest

from rpc import SHOAL

KS = (3, 5, 10)


def shoal(*words):
    return subprocess.run([SHOAL, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", check=False)


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(["user", "item", "time"])
        lines.writerows(rows)


def read(path):
    with path.open(encoding="utf-8", newline="") as lines:
        return [(row["user"], row["item"]) for row in csv.DictReader(lines)]


def knn_lists(train, items, shrink=10):
    """Each user's items by the sum of shrunk cosines, the user's own left out."""
    users = {}
    for user, item in train:
        users.setdefault(user, set()).add(item)
    counts = {item: sum(item in own for own in users.values()) for item in items}

    def cosine(i, j):
        return sum(i in own and j in own for own in users.values()) / (math.sqrt(counts[i] * counts[j]) + shrink)

    table = {(i, j): cosine(i, j) for i in items for j in items if i != j}
    lists = {}
    for user, own in users.items():
        scores = {item: sum(table[liked, item] for liked in sorted(own)) for item in items - own}
        lists[user] = sorted(scores, key=lambda item: (-scores[item], item.encode()))[: max(KS)]
        places = sorted(scores.values(), reverse=True)[: max(KS) + 1]
        assert all(a - b > 1e-6 for a, b in zip(places, places[1:])), "two items score alike: choose another seed"
    return lists


def measures(lists, test, items):
    right = {}
    for user, item in test:
        right.setdefault(user, set()).add(item)
    found = {}
    for k in KS:
        recall, ndcg, hit, mrr, shown = [], [], [], [], set()
        for user, wanted in right.items():
            if user not in lists:
                continue
            best = lists[user][:k]
            places = [place for place, item in enumerate(best, 1) if item in wanted]
            recall.append(len(places) / len(wanted))
            ideal = sum(1 / math.log2(1 + place) for place in range(1, min(k, len(wanted)) + 1))
            ndcg.append(sum(1 / math.log2(1 + place) for place in places) / ideal)
            hit.append(bool(places))
            mrr.append(1 / places[0] if places else 0)
            shown |= set(best)
        count = len(recall)
        found |= {f"recall@{k}": sum(recall) / count, f"NDCG@{k}": sum(ndcg) / count, f"HR@{k}": sum(hit) / count,
                  f"MRR@{k}": sum(mrr) / count, f"coverage@{k}": len(shown) / len(items)}
    return found


class Ranking(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="shoal-ranking-")
        self.place = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def make(self, seed, by="user"):
        """Odd popularities, so that no two items score alike."""
        draw = random.Random(seed)
        likes = [draw.random() ** 2 for _ in range(40)]
        rows = [(f"客{user}", f"i{item}", 1_600_000_000 + 1000 * draw.randrange(10**6)) for user in range(70) for item in range(40)
                if draw.random() < 0.1 + 0.6 * likes[item] * (1 if (user + item) % 3 else 0.4)]
        write(self.place / "all.csv", rows)
        answer = shoal("eval", "split", "--events", self.place / "all.csv", "--by", by, "--seed", str(seed), "--dir", self.place)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return rows, answer.stdout, {part: read(self.place / f"{part}.csv") for part in ("train", "valid", "test")}

    def test_the_list_and_every_measure_are_those_of_plain_loops(self):
        _, _, parts = self.make(4)
        items = {item for part in ("train", "test") for _, item in parts[part]}
        command = ["--format", "json", "eval", "ranking", "--train", self.place / "train.csv", "--test", self.place / "test.csv",
                   "--methods", "knn", "--k", ",".join(map(str, KS))]
        answer = shoal(*command)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        document = json.loads(answer.stdout)
        self.assertEqual(document["items"], len(items))
        found = document["methods"][0]
        wanted = measures(knn_lists(parts["train"], items), parts["test"], items)
        self.assertGreater(wanted["NDCG@5"], 0.05)
        for name, value in wanted.items():
            self.assertAlmostEqual(found[name], value, places=5, msg=name)

    def test_validation_chooses_and_all_together_is_no_worse_there(self):
        self.make(7)
        command = ["--format", "json", "eval", "ranking", "--train", self.place / "train.csv", "--valid", self.place / "valid.csv",
                   "--test", self.place / "test.csv", "--methods", "popular,knn,ease,auto", "--k", "5"]
        methods = {one["method"]: one for one in json.loads(shoal(*command).stdout)["methods"]}
        self.assertEqual(set(methods), {"popular", "knn", "ease", "auto"})
        best = max(one["valid_NDCG@5"] for name, one in methods.items() if name != "auto")
        self.assertGreaterEqual(methods["auto"]["valid_NDCG@5"], best)
        self.assertIn("shrink", methods["knn"]["settings"])

    def test_splits(self):
        rows, words, parts = self.make(9)
        self.assertIn("seed 9:", words)
        pairs = [pair for part in parts.values() for pair in part]
        self.assertEqual(sorted(pairs), sorted({(user, item) for user, item, _ in rows}))
        self.assertEqual(len(pairs), len(set(pairs)))
        for user in {user for user, _ in pairs}:
            counts = [sum(one == user for one, _ in parts[part]) for part in ("train", "valid", "test")]
            total = sum(counts)
            first, second = (8 * total + 5) // 10, (9 * total + 5) // 10
            self.assertEqual(counts, [first, second - first, total - second])
        self.assertNotEqual(self.make(10)[2]["test"], parts["test"])
        times = {(user, item): time for user, item, time in rows}
        _, _, by_time = self.make(9, by="time")
        self.assertLessEqual(max(times[pair] for pair in by_time["train"]), min(times[pair] for pair in by_time["valid"]))
        self.assertLessEqual(max(times[pair] for pair in by_time["valid"]), min(times[pair] for pair in by_time["test"]))

    def test_faults(self):
        self.make(3)
        paths = ["--train", self.place / "train.csv", "--test", self.place / "test.csv"]
        for words, said in [(["--k", "0"], "--k is"), (["--methods", "kn"], "no method `kn`"), (["--min", "rating"], "COLUMN=NUMBER"),
                            (["--min", "rating=4"], "no column `rating`"), (["--columns", "user,thing,time"], "no column `thing`")]:
            answer = shoal("eval", "ranking", *paths, *words)
            self.assertNotEqual(answer.returncode, 0)
            self.assertIn(said, answer.stderr)
        self.assertIn("there are session, ranking", shoal("eval", "rank").stderr)


if __name__ == "__main__":
    unittest.main()
