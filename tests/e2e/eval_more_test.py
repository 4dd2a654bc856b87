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


    def test_a_scene_is_asked_of_the_server(self):
        """The other policy shows what its scene shows: the log's items of that kind, whose rewards are known, and no others."""
        with Server() as server, server.client(workspace="default") as client, tempfile.TemporaryDirectory() as folder:
            client.call("schema.put", items={"attributes": [{"name": "kind", "type": "string"}, {"name": "rank", "type": "int"}]},
                        events=[{"name": "view"}], feed={"explore_every": 0})
            client.call("item.put", items=[{"id": f"{kind}{n}", "kind": kind, "rank": n} for kind in ("茶", "杯") for n in range(4)])
            for scene, kind in (("teas", "茶"), ("cups", "杯")):
                client.call("scene.put", name=scene, rules={"boost": [{"where": f"kind = '{kind}' and rank = 2", "points": 9}], "eligible": f"kind = '{kind}'"})
            # The logger drew each of the eight with the same chance; cups are clicked in one of two, tea in one of eight.
            rows = []
            for feed in range(320):
                item = f"{'茶杯'[feed % 2]}{feed // 2 % 4}"
                clicked = feed // 8 % (8 if feed % 2 == 0 else 2) == 0
                rows.append({"rec_id": f"r{feed}", "user": f"u{feed % 9}", "time": 1_700_000_000_000 + feed, "place": 1, "id": item,
                             "propensity": 0.125, "click": int(clicked)})
            path = self.write(folder, rows)
            for words, item, rate in ((("--scene", "teas"), "茶2", 1 / 8), (("--scene", "cups", "--draws", "3"), "杯2", 1 / 2),
                                      (("--filter", "kind = '杯' and rank = 3"), "杯3", 1 / 2),
                                      (("--scene", "teas", "--filter", "rank < 2"), None, None)):
                told = json.loads(shoal("--format", "json", "eval", "policy", "--log", path, *words, address=server.address))
                shown = [row for row in rows if row["id"] == item]
                if item is None:
                    self.assertEqual(told["weight_max"], 8)
                    continue
                self.assertAlmostEqual(told["IPS"]["value"], rate, places=6)
                self.assertAlmostEqual(told["SNIPS"]["value"], sum(row["click"] for row in shown) / len(shown), places=6)
                self.assertAlmostEqual(told["effective_rows"], len(shown), places=3)
            fault = run("--addr", server.address, "eval", "policy", "--log", path, "--scene", "nowhere", check=False)
            self.assertIn("nowhere", fault.stderr)
            fault = run("--addr", server.address, "eval", "policy", "--log", path, "--filter", "kind =", check=False)
            self.assertNotEqual(fault.returncode, 0)
            bare = self.write(folder, [{"rec_id": "r", "propensity": 1, "click": 1}], "bare.csv")
            self.assertIn("no column `user`", run("eval", "policy", "--log", bare, "--scene", "teas", check=False).stderr)


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
            self.assertIn(told["best_batch"], told["batch"])
            best = max(sums["NDCG@5"] for sums in told["batch"].values())
            self.assertAlmostEqual(told["online_share"], told["last_tenth"]["NDCG@5"] / best, delta=1e-3)
            self.assertIn("usage", run("eval", "replay", check=False).stderr)

    def shop(self, folder):
        """Views of anything; each person buys of one kind, in one of two stores, where only that store's things are dear."""
        dice, path = random.Random(6), pathlib.Path(folder) / "events.csv"
        with path.open("w", encoding="utf-8") as out:
            print("who,what,at,act,paid,shop,genre", file=out)
            for step in range(1500):
                user = dice.randrange(30)
                kind = user % 5
                bought = step % 3 == 0
                number = dice.randrange(12) if bought else dice.randrange(60)
                item = f"k{kind}-{number}" if bought else f"k{number % 5}-{number // 5}"
                print(f"u{user},{item},{1_650_000_000 + step * 3600},{'buy' if bought else 'look'},{user + 1 if bought else ''},"
                      f"{'成都' if user % 2 else '重庆'},{item.split('-')[0]}|all", file=out)
        return path

    def test_types_values_stores_and_tags(self):
        with tempfile.TemporaryDirectory() as folder:
            path = self.shop(folder)
            plain = run("eval", "replay", "--events", path, "--columns", "who,what,at", "--count", "10")
            columns = ["--columns", "who,what,at,type=act,value=paid,store=shop,tags=genre", "--weights", "buy=5,look=0.1"]
            told = run("eval", "replay", "--events", path, *columns, "--targets", "buy", "--count", "10")
            self.assertEqual(plain["all"]["predictions"], 1500 - 30)
            self.assertLess(told["all"]["predictions"], 501)
            self.assertNotIn("value@10", plain["all"])
            self.assertGreater(told["all"]["value@10"], 0)
            # What is bought is of the person's kind, which tags tell.
            bought = run("eval", "replay", "--events", path, "--columns", "who,what,at,type=act", "--targets", "buy", "--count", "10")
            self.assertEqual(bought["all"]["predictions"], told["all"]["predictions"])
            self.assertGreater(told["last_tenth"]["NDCG@10"], 1.2 * bought["last_tenth"]["NDCG@10"])
            looks = run("eval", "replay", "--events", path, "--columns", "who,what,at,type=act", "--types", "look", "--count", "10")
            self.assertEqual(sum(day["events"] for day in looks["days"]), 1000)
            items = pathlib.Path(folder) / "items.csv"
            items.write_text("sku;sort\n" + "".join(f"k{k}-{n};k{k}\n" for k in range(5) for n in range(12)) + "unknown;x\n", encoding="utf-8")
            beside = run("eval", "replay", "--events", path, "--columns", "who,what,at,type=act", "--targets", "buy", "--weights", "buy=5,look=0.1",
                         "--items", items, "--item-columns", "sku,category=sort", "--count", "10")
            self.assertGreater(beside["last_tenth"]["NDCG@10"], 1.2 * bought["last_tenth"]["NDCG@10"])
            for words, said in ((["--columns", "who,what,at,kind=act"], "names no column"), (["--targets", "steal"], "no event is of the type `steal`"),
                                (["--columns", "who,what"], "the user, the item and the time"), (["--weights", "buy"], "--weights is like"),
                                (["--columns", "who,what,at", "--types", "buy"], "no type=NAME"), (["--columns", "who,what,at,value=act"], "the value is no number"),
                                (["--config", path], "events.csv, line 1"), (["--items", items, "--item-columns", "sku,tags=none"], "no column `none`")):
                fault = run("eval", "replay", "--events", path, *columns, *words, check=False)
                self.assertNotEqual(fault.returncode, 0, words)
                self.assertIn(said, fault.stderr)

    def test_a_split_keeps_what_the_file_says(self):
        with tempfile.TemporaryDirectory() as folder:
            path = self.shop(folder)
            subprocess.run([SHOAL, "eval", "split", "--events", path, "--by", "time", "--dir", folder, "--columns", "who,what,at,type=act,value=paid,store=shop"],
                           check=True, stdout=subprocess.DEVNULL)
            with (pathlib.Path(folder) / "train.csv").open(encoding="utf-8") as lines:
                rows = list(csv.DictReader(lines))
            self.assertEqual(set(rows[0]), {"user", "item", "time", "type", "value", "store"})
            self.assertEqual({row["value"] for row in rows if row["user"] == "u4" and row["type"] == "buy"}, {"5.00"})
            self.assertEqual({row["store"] for row in rows if row["user"] == "u3"}, {"成都"})


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
            self.assertGreater(told["tuned"], max(0.2, told["before"]))
            out = pathlib.Path(folder) / "tuned.json"
            again = run("tune", "ranking", "--train", f"{folder}/train", "--valid", f"{folder}/valid", "--count", "10", "--out", out)
            self.assertEqual(again, told)
            config = json.loads(out.read_text(encoding="utf-8"))
            self.assertEqual(config["feed"]["scores"], told["scores"])
            trained = {model["name"] for model in config["models"]}
            self.assertEqual(trained, {name for name in ("ials", "ease", "knn", "rp3") if told["scores"][name] > 0})
            with Server() as server, server.client(workspace="default") as client:
                client.call("schema.put", events=[{"name": "like"}])
                shoal("tune", "load", out, address=server.address)
                scores = client.call("schema.get")["feed"]["scores"]
                self.assertEqual({name: scores[name] for name in told["scores"]}, told["scores"])
                plans = {model["name"]: model.get("plan", {}) for model in client.call("model.list")["models"]}
                for model in config["models"]:
                    for key, value in model.items():
                        if key != "name":
                            self.assertEqual(plans[model["name"]][key], value, model)
                fault = run("--addr", server.address, "tune", "load", f"{folder}/train", check=False)
                self.assertIn("line 1", fault.stderr)

    def test_a_stream_is_tuned_on_its_ninth_tenth(self):
        """Its last tenth is another world, which tuning must not see."""
        dice = random.Random(12)
        with tempfile.TemporaryDirectory() as folder:
            lines = []
            for step in range(900):
                user, first = dice.randrange(25), dice.randrange(15)
                lines += [f"u{user},a{first},{1_600_000_000 + step * 7200}", f"u{user},b{first},{1_600_000_030 + step * 7200}"]
            path = pathlib.Path(folder) / "events.csv"
            found = []
            for rest in ("x", "y"):
                last = [f"{rest}{n % 9},{rest}{n * 7 % 11},{1_700_000_000 + n}" for n in range(200)]
                path.write_text("user,item,time\n" + "\n".join(lines + last) + "\n", encoding="utf-8")
                found.append(run("tune", "replay", "--events", path, "--trials", "20", "--count", "10", "--out", f"{folder}/tuned.json"))
            self.assertEqual(found[0], found[1])
            self.assertGreater(found[0]["tuned"], 0.2)
            self.assertGreaterEqual(found[0]["tuned"], found[0]["before"])
            told = run("eval", "replay", "--events", path, "--config", f"{folder}/tuned.json", "--count", "10")
            self.assertEqual(told["all"]["predictions"] + 25 + 9, 2000)


if __name__ == "__main__":
    unittest.main()
