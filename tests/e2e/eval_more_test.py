"""`shoal eval policy`, `shoal eval replay`, `shoal tune` beside plain Python, and `shoal impressions` into the first of them."""
import csv
import io
import json
import math
import pathlib
import random
import subprocess
import tempfile
import time
import unittest

from rpc import SHOAL, Server, shoal

DAY = 86_400


def run(*words, check=True):
    done = subprocess.run([SHOAL, "--format", "json", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", check=False)
    if check and done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout) if check else done


def estimates(rows):
    """IPS, SNIPS and DR with intervals over feeds, from their definitions."""
    feeds = {}
    for row in rows:
        feeds.setdefault(row["rec_id"], []).append(row)
    n, weights = len(rows), [row["target"] / row["propensity"] for row in rows]
    total = sum(weights)
    value = {"IPS": sum(w * r["click"] for w, r in zip(weights, rows)) / n}
    value["SNIPS"] = sum(w * r["click"] for w, r in zip(weights, rows)) / total
    value["DR"] = sum(r["target_predicted"] + w * (r["click"] - r["predicted"]) for w, r in zip(weights, rows)) / n
    residual = {
        "IPS": lambda w, r: (w * r["click"] - value["IPS"]) / n,
        "SNIPS": lambda w, r: w * (r["click"] - value["SNIPS"]) / total,
        "DR": lambda w, r: (r["target_predicted"] + w * (r["click"] - r["predicted"]) - value["DR"]) / n,
    }
    result = {}
    for name, part in residual.items():
        sums = [sum(part(r["target"] / r["propensity"], r) for r in feed) for feed in feeds.values()]
        half = 1.959963984540054 * math.sqrt(sum(s * s for s in sums) * len(sums) / (len(sums) - 1))
        result[name] = (value[name], value[name] - half, value[name] + half)
    return result


class Policy(unittest.TestCase):
    def write(self, folder, rows, name="log.csv"):
        path = pathlib.Path(folder) / name
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        return path

    def log(self, dice, feeds, arms=6):
        """A logger that prefers the first arms, another policy that prefers the last; the truth is known."""
        rates = [0.02 + 0.03 * arm for arm in range(arms)]
        logger = [arms - arm for arm in range(arms)]
        target = [arm * arm for arm in range(arms)]
        rows = []
        for feed in range(feeds):
            for _ in range(2):
                arm = dice.choices(range(arms), logger)[0]
                guess = [rate * 0.8 + 0.01 for rate in rates]
                rows.append({"rec_id": f"r{feed}", "propensity": logger[arm] / sum(logger), "target": target[arm] / sum(target),
                             "click": int(dice.random() < rates[arm]), "predicted": guess[arm],
                             "target_predicted": sum(t * g for t, g in zip(target, guess)) / sum(target)})
        return rows, sum(t * r for t, r in zip(target, rates)) / sum(target)

    def test_estimates_are_their_definitions(self):
        with tempfile.TemporaryDirectory() as folder:
            rows, _ = self.log(random.Random(5), 700)
            told = run("eval", "policy", "--log", self.write(folder, rows))
            for name, (value, low, high) in estimates(rows).items():
                for key, number in (("value", value), ("low", low), ("high", high)):
                    self.assertAlmostEqual(told[name][key], number, places=7, msg=f"{name} {key}")
            weights = [row["target"] / row["propensity"] for row in rows]
            self.assertAlmostEqual(told["effective_rows"], sum(weights) ** 2 / sum(w * w for w in weights), delta=0.01)
            self.assertEqual((told["rows"], told["feeds"], told["clipped"]), (1400, 700, 0))
            clipped = run("eval", "policy", "--log", self.write(folder, rows), "--clip", 3)
            self.assertEqual(clipped["weight_max"], 3)
            self.assertEqual(clipped["clipped"], sum(w > 3 for w in weights))

    def test_intervals_hold_the_truth(self):
        """95 % of the intervals, give or take what 60 logs can tell."""
        dice, held = random.Random(11), {"IPS": 0, "SNIPS": 0, "DR": 0}
        with tempfile.TemporaryDirectory() as folder:
            for number in range(60):
                rows, truth = self.log(dice, 400)
                told = run("eval", "policy", "--log", self.write(folder, rows, f"{number}.csv"))
                for name in held:
                    held[name] += told[name]["low"] <= truth <= told[name]["high"]
        for name, count in held.items():
            self.assertGreaterEqual(count, 52, name)

    def test_columns_and_faults(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "log.csv"
            path.write_text("buy,p,q\n1,0.5,0.5\n0,0.5,1\n", encoding="utf-8")
            columns = ["--columns", "reward=buy,propensity=p,target=q"]
            self.assertEqual(run("eval", "policy", "--log", path, *columns)["IPS"]["value"], 0.5)
            for text, fault in (("buy,p,q\n1,0,1\n", "line 2: a propensity"), ("buy,p,q\nx,1,1\n", "line 2: the reward"), ("buy,p\n", "no column `q`"), ("buy,p,q\n", "no rows"), ("", "empty")):
                path.write_text(text, encoding="utf-8")
                self.assertIn(fault, run("eval", "policy", "--log", path, *columns, check=False).stderr)
            self.assertIn("--columns is like", run("eval", "policy", "--log", path, "--columns", "what=p", check=False).stderr)
            self.assertEqual(run("eval", "policy", check=False).returncode, 2)

    def test_the_log_of_a_shop(self):
        """What explored places showed, weighed by its propensities, is what uniform draws would have earned."""
        rates = [0.05 + 0.05 * number for number in range(12)]
        dice = random.Random(3)
        with Server() as server, server.client(workspace="default") as client, tempfile.TemporaryDirectory() as folder:
            client.call("schema.put", events=[{"name": "view"}], feed={"explore_every": 2, "weights": {"view": 0}, "learning": {"share": 1, "rank": False}})
            client.call("item.put", items=[{"id": f"i{n:02}"} for n in range(12)])
            now = int(time.time() * 1000) - 10 * DAY * 1000
            for visit in range(700):
                feed = client.call("feed.get", user=f"u{visit}", count=2, now=now + visit * 1000, seed=visit)
                item = feed["items"][1]
                self.assertIn("propensity", item)
                if dice.random() < rates[int(item["id"][1:])]:
                    client.call("event.append", event={"type": "view", "user": f"u{visit}", "item": item["id"], "time": now + visit * 1000, "rec_id": feed["rec_id"]})
            for _ in range(100):
                if client.call("feed.learning")["feeds"] == 700:
                    break
                time.sleep(0.02)
            printed = shoal("--format", "csv", "impressions", "--all", address=server.address)
            rows = [row for row in csv.DictReader(io.StringIO(printed)) if row["explored"] == "true"]
            self.assertEqual(len(rows), 700)
            first = [row["id"] for row in csv.DictReader(io.StringIO(printed)) if row["explored"] == "false"]
            drawn = sorted(set(row["id"] for row in rows))
            self.assertEqual(len(set(first)), 1)
            for row in rows:
                row["target"] = 1 / len(drawn)
            told = run("eval", "policy", "--log", self.write(folder, rows))
            truth = sum(rates[int(item[1:])] for item in drawn) / len(drawn)
            self.assertLess(told["SNIPS"]["low"], truth)
            self.assertGreater(told["SNIPS"]["high"], truth)
            # Thompson's draws earn more than uniform ones would have.
            self.assertGreater(told["logged"]["value"], told["SNIPS"]["value"])
            self.assertIn("explored places", shoal("learning", address=server.address))


class Replay(unittest.TestCase):
    def test_a_shop_that_is_foreseen_better_day_by_day(self):
        dice = random.Random(2)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "events.csv"
            start = 1_600_000_000 // DAY * DAY
            with path.open("w", encoding="utf-8") as out:
                print("user,item,time", file=out)
                for day in range(6):
                    for second in range(0, 60_000, 300):
                        chain = dice.randrange(10)
                        user = f"用户{dice.randrange(40)}-{chain}"
                        for step in range(3):
                            print(f"{user},c{chain}-{step},{start + day * DAY + second + 30 * step}", file=out)
            told = run("eval", "replay", "--events", path, "--count", "5")
            self.assertEqual([day["events"] for day in told["days"]], [600] * 6)
            self.assertEqual(told["days"][0]["day"], "2020-09-13")
            self.assertEqual(told["all"]["predictions"], sum(day["sums"]["predictions"] for day in told["days"]))
            self.assertGreater(told["days"][5]["sums"]["NDCG@5"], told["days"][0]["sums"]["NDCG@5"])
            self.assertGreater(told["online_share"], 0.95)
            again = run("eval", "replay", "--events", path, "--count", "5")
            self.assertEqual(again, told)
            self.assertIn("usage", run("eval", "replay", check=False).stderr)


class Tune(unittest.TestCase):
    def test_weights_are_found_on_the_validation_and_loaded(self):
        dice = random.Random(4)
        with tempfile.TemporaryDirectory() as folder:
            paths = {}
            for name, count in (("train", 400), ("valid", 60)):
                paths[name] = pathlib.Path(folder) / f"{name}.csv"
                with paths[name].open("w", encoding="utf-8") as out:
                    print("SessionId,ItemId,Time", file=out)
                    for visit in range(count):
                        first = dice.randrange(20)
                        # The next is always the same one; a few are popular with everybody, which misleads.
                        for place, item in enumerate([f"a{first}", f"b{first}", f"hit{dice.randrange(3)}"]):
                            print(f"{name}{visit},{item},{1_600_000_000 + visit * 4000 + place * 20}", file=out)
            command = ["tune", "session", "--train", paths["train"], "--valid", paths["valid"], "--trials", "24", "--count", "10"]
            told = run(*command, "--out", pathlib.Path(folder) / "tuned.json")
            self.assertEqual(told["measure"], "MRR@10")
            self.assertGreaterEqual(told["tuned"], told["before"])
            self.assertLessEqual(told["trials"], 24)
            self.assertEqual(run(*command), told)
            config = json.loads((pathlib.Path(folder) / "tuned.json").read_text(encoding="utf-8"))
            self.assertEqual(config, {"feed": {"scores": told["scores"]}})
            with Server() as server, server.client(workspace="default") as client:
                client.call("schema.put", **config)
                scores = client.call("schema.get")["feed"]["scores"]
                self.assertEqual({name: scores[name] for name in told["scores"]}, told["scores"])
                client.call("schema.put", feed={"scores": {name: 1 for name in told["scores"]}})
                shoal(*command[:-4], "--trials", "1", "--seed", "9", "--apply", address=server.address)
                # One trial is the weights as they are in a new workspace, of which none is 1 but that of the visit.
                self.assertEqual(client.call("schema.get")["feed"]["scores"]["popularity"], 0.5)

    def test_ranking(self):
        dice = random.Random(8)
        with tempfile.TemporaryDirectory() as folder:
            files = {name: [] for name in ("train", "valid")}
            for user in range(80):
                taste = user % 4
                liked = dice.sample([f"t{taste}-{n}" for n in range(12)], 7)
                for place, item in enumerate(liked):
                    files["train" if place < 5 else "valid"].append(f"u{user},{item},{1_600_000_000 + user * 100_000 + place * 10_000}")
            for name, lines in files.items():
                (pathlib.Path(folder) / name).write_text("user,item,time\n" + "\n".join(lines) + "\n", encoding="utf-8")
            told = run("tune", "ranking", "--train", f"{folder}/train", "--valid", f"{folder}/valid", "--trials", "16", "--count", "10")
            self.assertEqual(told["measure"], "NDCG@10")
            self.assertGreaterEqual(told["tuned"], told["before"])
            self.assertGreater(told["tuned"], 0.2)


if __name__ == "__main__":
    unittest.main()
