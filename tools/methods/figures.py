#!/usr/bin/python3
"""What tools/METHODS.md says, measured: files -> shoal eval, shoal tune and reference.py -> figures.json -> page, pictures.

    tools/methods/figures --write [PART ...]    measure all parts (or these), write figures.json, the page and the pictures
    tools/methods/figures --render              page and pictures from figures.json alone
    tools/methods/figures --check               is the page that of figures.json, and does a quick part still measure alike?

Parts: quick, movielens, movielens-time, journey, shop, sessions, online-movielens, online-journey, online-retail,
online-shop. What was measured is kept in --cache (a folder of the system's temporary one) by the bytes of the files, the
words of the command and the program, so that a run that was cut off goes on. Programs are those of --build (build/).
"""
import argparse
import csv
import gzip
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
FIGURES = HERE / "figures.json"
METHODS = ("knn", "rp3", "ials", "ease")
SEEDS = (1, 2, 3, 4, 5)
K, K_ONLINE = 10, 20
POINTS_MAX = 100  # of a curve


class Measuring:
    def __init__(self, build, cache):
        self.shoal, self.generate = build / "bin" / "shoal", build / "bin" / "shoal-gen"
        self.cache = cache
        self.data = pathlib.Path(os.environ.get("SHOAL_DATA", HERE.parents[2] / "shared" / "data"))
        cache.mkdir(parents=True, exist_ok=True)

    def folder(self, name):
        place = self.cache / name
        place.mkdir(exist_ok=True)
        return place

    def run(self, words, program):
        """A command's JSON; asked once for the same files, words and program."""
        words = [str(word) for word in words]
        digest = hashlib.sha256("\0".join(words).encode())
        for path in [program, *map(pathlib.Path, words)]:
            if path.is_file() or path.is_dir():
                for one in sorted(path.glob("*.csv")) if path.is_dir() else [path]:
                    digest.update(one.read_bytes())
        kept = self.cache / f"{digest.hexdigest()[:24]}.json"
        if not kept.exists():
            done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", check=False)
            if done.returncode != 0:
                sys.exit(f"{' '.join(words)}:\n{done.stderr}")
            kept.write_text(done.stdout, encoding="utf-8")
        return json.loads(kept.read_text(encoding="utf-8"))

    def ours(self, *words):
        return self.run([self.shoal, "--format", "json", *words], self.shoal)

    def reference(self, folder):
        return self.run(["/usr/bin/python3", "-B", HERE / "reference.py", folder], HERE / "reference.py")

    # ---- Files ----

    def plain(self, name):
        """A file of the data, unpacked."""
        target = self.cache / name.replace("/", "-").removesuffix(".gz")
        if not target.exists():
            with gzip.open(self.data / name) as packed:
                target.write_bytes(packed.read())
        return target

    def shop(self, users, items, events, days):
        folder = self.folder(f"shop-{users}-{items}-{events}-{days}")
        if not (folder / "events.csv").exists():
            subprocess.run([self.generate, "--out", folder, "--users", str(users), "--items", str(items), "--events", str(events),
                            "--days", str(days)], check=True)
        return folder

    def retail(self):
        """Lines of known customers that were not cancelled; one customer in four, by a hash of the number."""
        target = self.cache / "retail.csv"
        if not target.exists():
            with target.open("w", encoding="utf-8", newline="") as out:
                writer = csv.writer(out)
                writer.writerow(["user", "item", "time"])
                for path in sorted((self.data / "online-retail").glob("lines_*.csv.gz")):
                    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
                        for row in csv.DictReader(lines):
                            if row["CustomerID"] and int(row["Quantity"]) > 0 and zlib.crc32(row["CustomerID"].encode()) % 4 == 0:
                                writer.writerow([row["CustomerID"], row["StockCode"], row["InvoiceDate"]])
        return target

    def journey(self):
        """Lines of products that at least three households ever bought: of the others nobody's taste tells anything."""
        target = self.cache / "journey.csv"
        if not target.exists():
            with gzip.open(self.data / "complete-journey" / "transactions_sample.csv.gz", "rt", encoding="utf-8", newline="") as lines:
                rows = [(row["household_id"], row["product_id"], row["transaction_timestamp"]) for row in csv.DictReader(lines)]
            buyers = {}
            for household, product, _ in rows:
                buyers.setdefault(product, set()).add(household)
            with target.open("w", encoding="utf-8", newline="") as out:
                writer = csv.writer(out)
                writer.writerow(["user", "item", "time"])
                writer.writerows(row for row in rows if len(buyers[row[1]]) >= 3)
        return target

    def split(self, name, events, by, seed, *words):
        folder = self.folder(name)
        subprocess.run([self.shoal, "eval", "split", "--events", events, "--by", by, "--seed", str(seed), "--dir", folder, *words],
                       check=True, stdout=subprocess.DEVNULL)
        return folder

    # ---- Tables ----

    def ranking(self, folder, *items):
        """Our methods and the reference's, by name, settings of both chosen on the same validation."""
        told = self.ours("eval", "ranking", "--train", folder / "train.csv", "--valid", folder / "valid.csv", "--test",
                         folder / "test.csv", "--k", f"{K},{2 * K},{5 * K}", *items)
        reference = self.reference(folder)
        assert (reference["items"]) == told["items"]
        keys = [f"{key}@{K}" for key in ("NDCG", "recall", "HR", "MRR", "coverage")]

        def short(methods):
            return {one["method"]: {"settings": one["settings"], **{key: round(one[key], 6) for key in keys}} for one in methods}

        return {"users": reference["users"], "items": reference["items"], "lines": sum(1 for _ in open(folder / "train.csv", "rb")) - 1,
                "ours": short(told["methods"]), "reference": short(reference["methods"])}

    def movielens_words(self):
        return ["--columns", "userId,movieId,timestamp", "--min", "rating=4"]

    def genres(self):
        return ["--items", self.plain("movielens-latest-small/movies.csv.gz"), "--item-columns", "movieId,tags=genres"]

    def measure(self, part):
        ratings = self.data / "movielens-latest-small" / "ratings.csv.gz"
        journey = self.data / "complete-journey" / "transactions_sample.csv.gz"
        journey_columns = ["--columns", "household_id,product_id,transaction_timestamp"]
        shop_columns = ["--columns", "user_id,item_id,time,type=type", "--types", "view,favorite,cart,purchase"]
        if part == "quick":
            shop = self.shop(500, 250, 12000, 60)
            folder = self.split("quick", shop / "events.csv", "user", 1, *shop_columns)
            return self.ranking(folder, "--items", shop / "items.csv", "--item-columns", "item_id,category=category,tags=tags")
        if part == "movielens":
            return [self.ranking(self.split(f"movielens-{seed}", ratings, "user", seed, *self.movielens_words()), *self.genres())
                    for seed in SEEDS]
        if part == "movielens-time":
            return self.ranking(self.split(part, ratings, "time", 1, *self.movielens_words()), *self.genres())
        if part == "journey":
            folder = self.split(part, self.journey(), "time", 1)
            return self.ranking(folder, "--items", self.plain("complete-journey/products.csv.gz"), "--item-columns",
                                "product_id,category=department,category=product_category")
        if part == "shop":
            shop = self.shop(3000, 1500, 120000, 200)
            folder = self.split(part, shop / "events.csv", "time", 1, *shop_columns)
            return self.ranking(folder, "--items", shop / "items.csv", "--item-columns", "item_id,category=category,category=brand,tags=tags")
        if part == "sessions":
            folder = self.folder("sessions")
            with zipfile.ZipFile(self.data / "serenade-example" / "example.zip") as archive:
                archive.extractall(folder)
            train, test = (next(folder.rglob(f"*{word}*.txt")) for word in ("train", "test"))
            told = self.ours("eval", "session", "--train", train, "--test", test)
            return {key: told[key] for key in ("predictions", "HR@20", "MRR@20", "NDCG@20")}
        shop = self.shop(3000, 1500, 120000, 200) if part == "online-shop" else None
        return self.online(*{"online-movielens": (ratings, self.movielens_words()), "online-journey": (journey, journey_columns),
                             "online-retail": (None, []),
                             "online-shop": (shop and shop / "events.csv", shop_columns)}[part])

    def online(self, events, words):
        """Weights found on the ninth tenth of the stream, and the whole stream replayed by them."""
        events = events or self.retail()
        config = self.cache / f"tuned-{hashlib.sha256(str(events).encode()).hexdigest()[:8]}.json"
        tuned = self.ours("tune", "replay", "--events", events, *words, "--trials", 32, "--seed", 1)
        config.write_text(json.dumps({"feed": {"scores": tuned["scores"]}}), encoding="utf-8")
        plain = self.ours("eval", "replay", "--events", events, *words)
        told = self.ours("eval", "replay", "--events", events, *words, "--config", config)
        measure = f"NDCG@{K_ONLINE}"
        return {"events": sum(day["events"] for day in told["days"]), "scores": {name: weight for name, weight in tuned["scores"].items() if weight},
                "online": told["last_tenth"][measure], "plain": plain["last_tenth"][measure],
                "batch": {name: sums[measure] for name, sums in plain["batch"].items()} | {"frozen, tuned": told["batch"]["frozen"][measure]},
                "curve": curve(told["days"])}


def curve(days):
    """Days one after another as at most POINTS_MAX points of about as many predictions: day, NDCG."""
    asked = sum(day["sums"]["predictions"] for day in days)
    points, count, gain = [], 0, 0.0
    for day in days:
        count += day["sums"]["predictions"]
        gain += day["sums"]["predictions"] * day["sums"][f"NDCG@{K_ONLINE}"]
        if count > 0 and (count >= asked / POINTS_MAX or day is days[-1]):
            points.append([day["day"], round(gain / count, 4)])
            count, gain = 0, 0.0
    return points


# ---- The page ----

def interval(values):
    """Mean and half the width of its 95 % interval (Student)."""
    half = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}[len(values)] * statistics.stdev(values) / len(values) ** 0.5
    return statistics.mean(values), half


NAMES = {"popular": "popular", "tags": "tags", "pairs": "pairs", "walk": "walk", "knn": "ItemKNN", "rp3": "RP3beta", "ials": "iALS", "ease": "EASE",
         "auto": "**auto**"}


def one_table(told):
    key = f"NDCG@{K}"
    best = max(one[key] for one in told["reference"].values())
    lines = [f"| method | reference | Shoal | of the reference | recall@{K} | HR@{K} | MRR@{K} | coverage | settings, chosen on validation |",
             "|---|---|---|---|---|---|---|---|---|"]
    for name, one in told["ours"].items():
        reference = told["reference"].get(name)
        share = one[key] / (reference[key] if reference else best)
        beside = f"{share:.3f}" if reference else f"{share:.3f} of its best" if name == "auto" else ""
        lines.append(f"| {NAMES[name]} | {reference[key]:.4f} | " if reference else f"| {NAMES[name]} | – | ")
        lines[-1] += f"{one[key]:.4f} | {beside} | " + " | ".join(f"{one[f'{other}@{K}']:.4f}" for other in ("recall", "HR", "MRR", "coverage"))
        lines[-1] += f" | {one['settings']} |"
    return "\n".join(lines)


def seeds_table(runs):
    key = f"NDCG@{K}"
    lines = ["| method | reference, mean | Shoal, mean | 95 % interval | of the reference | each seed |", "|---|---|---|---|---|---|"]
    means = {name: statistics.mean(run["reference"][name][key] for run in runs) for name in METHODS}
    best = max(means, key=means.get)
    for name in runs[0]["ours"]:
        values = [run["ours"][name][key] for run in runs]
        mean, half = interval(values)
        against = means[name] if name in means else means[best] if name == "auto" else None
        words = "" if against is None else f"{mean / against:.3f}" + (f" of {NAMES[best]}, the best" if name == "auto" else "")
        told = f"{means[name]:.4f}" if name in means else "–"
        lines.append(f"| {NAMES[name]} | {told} | {mean:.4f} | ± {half:.4f} | {words} | {', '.join(f'{value:.4f}' for value in values)} |")
    ratios = [run["ours"]["auto"][key] / run["reference"][best][key] for run in runs]
    mean, half = interval(ratios)
    lines += ["", f"Seed by seed `auto` is {mean:.3f} ± {half:.3f} times {NAMES[best]} of the reference (mean of the ratios and its 95 % interval)."]
    return "\n".join(lines)


STREAMS = {"online-movielens": "MovieLens small", "online-journey": "complete-journey", "online-retail": "Online Retail, every fourth customer",
           "online-shop": "generated shop"}


def online_table(figures):
    lines = ["| stream | events | online, tuned | online, as it comes | best batch | tuned, of that | as it comes, of that | all batches |",
             "|---|---|---|---|---|---|---|---|"]
    for part, name in STREAMS.items():
        if part not in figures:
            continue
        told = figures[part]
        best = max(told["batch"], key=told["batch"].get)
        value = told["batch"][best]
        lines.append(f"| {name} | {told['events']:,} | {told['online']:.4f} | {told['plain']:.4f} | {value:.4f} ({best}) | "
                     f"**{100 * told['online'] / value:.0f} %** | {100 * told['plain'] / value:.0f} % | "
                     + ", ".join(f"{batch} {ndcg:.4f}" for batch, ndcg in sorted(told["batch"].items(), key=lambda one: -one[1])) + " |")
    return "\n".join(lines)


def picture(name, told):
    """One curve as SVG: NDCG of the days, and the best batch on the last tenth."""
    wide, high, left, bottom, top = 760, 260, 56, 40, 34
    points = told["curve"]
    best = max(told["batch"], key=told["batch"].get)
    highest = max([value for _, value in points] + [told["batch"][best]]) * 1.08 or 1
    x = [left + (wide - left - 16) * place / max(1, len(points) - 1) for place in range(len(points))]

    def y(value):
        return high - bottom - (high - bottom - top) * value / highest

    smooth = [statistics.mean(value for _, value in points[max(0, place - 4): place + 5]) for place in range(len(points))]
    tenth = left + (wide - left - 16) * 0.9
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="12">',
             f'<rect width="{wide}" height="{high}" fill="#fff"/>',
             f'<text x="{left}" y="18" font-size="14" fill="#222">{name}: NDCG@{K_ONLINE} of each event before it is learned</text>']
    for step in range(5):
        value = highest * step / 4
        parts.append(f'<path d="M{left} {y(value):.1f}H{wide - 16}" stroke="#e4e4e4"/>'
                     f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#555">{value:.3f}</text>')
    for place in sorted({0, len(points) // 3, 2 * len(points) // 3, len(points) - 1}):
        anchor = "start" if place == 0 else "end" if place == len(points) - 1 else "middle"
        parts.append(f'<text x="{x[place]:.1f}" y="{high - bottom + 18}" text-anchor="{anchor}" fill="#555">{points[place][0]}</text>')
    parts += [f'<circle cx="{place:.1f}" cy="{y(value):.1f}" r="1.8" fill="#9ec3e6"/>' for place, (_, value) in zip(x, points)]
    parts.append('<path fill="none" stroke="#1f5fa8" stroke-width="2" d="M'
                 + "L".join(f"{place:.1f} {y(value):.1f}" for place, value in zip(x, smooth)) + '"/>')
    level = y(told["batch"][best])
    parts.append(f'<path d="M{tenth:.1f} {level:.1f}H{wide - 16}" stroke="#c0392b" stroke-width="2" stroke-dasharray="5 3"/>'
                 f'<text x="{tenth - 6:.1f}" y="{level + 4:.1f}" text-anchor="end" fill="#c0392b">best batch ({best}), last tenth</text>')
    parts.append("</svg>\n")
    return "\n".join(parts)


def render(figures):
    """Every file of the page: path below the tree's top -> text."""
    files = {}
    pictures = []
    for part, name in STREAMS.items():
        if part in figures:
            files[f"tools/methods/{part}.svg"] = picture(name, figures[part])
            pictures.append(f"![{name}](methods/{part}.svg)")
    text = (HERE / "page.template").read_text(encoding="utf-8")
    made = {"movielens": lambda: seeds_table(figures["movielens"]), "pictures": lambda: "\n\n".join(pictures), "online": lambda: online_table(figures)}
    for name in ("movielens-time", "journey", "shop", "quick"):
        made[name] = lambda name=name: one_table(figures[name])
    made["sessions"] = lambda: "| {predictions} predictions | HR@20 | MRR@20 | NDCG@20 |\n|---|---|---|---|\n| Shoal | {HR@20:.4f} | {MRR@20:.4f} | {NDCG@20:.4f} |".format(
        **figures["sessions"])
    for name, make in made.items():
        text = text.replace("{{" + name + "}}", make() if name in ("online", "pictures") or name in figures else "Not measured.")
    sizes = {name: figures[name][0] if name == "movielens" else figures[name] for name in ("movielens", "movielens-time", "journey", "shop", "quick") if name in figures}
    for name, told in sizes.items():
        text = text.replace("{{size " + name + "}}", f"{told['users']:,} users, {told['items']:,} items, {told['lines']:,} lines for training")
    files["tools/METHODS.md"] = re.sub(r"\{\{size [^}]*\}\}", "not measured", text)
    return files


# ---- Checks ----

def differences(told, kept, where=""):
    """Figures that are not alike, as words."""
    if isinstance(kept, dict):
        return [word for key in kept for word in differences(told.get(key), kept[key], f"{where} {key}")]
    if isinstance(kept, float):
        return [] if isinstance(told, (int, float)) and abs(told - kept) <= 2e-4 else [f"{where.strip()}: {told}, and figures.json has {kept}"]
    return [] if told == kept else [f"{where.strip()}: {told!r}, and figures.json has {kept!r}"]


def check(measuring, figures):
    faults = []
    top = HERE.parents[1]
    for path, text in render(figures).items():
        if not (top / path).exists() or (top / path).read_text(encoding="utf-8") != text:
            faults.append(f"{path} is not what figures.json makes: tools/methods/figures --render")
    if missing := [name for name in ("numpy", "scipy", "xxhash") if importlib.util.find_spec(name) is None]:
        print(f"SKIPPED: no {', '.join('python3-' + name for name in missing)}", file=sys.stderr)
        return faults
    told = measuring.measure("quick")
    faults += differences(told, figures["quick"], "quick")
    for name in METHODS:
        ours, reference = told["ours"][name][f"NDCG@{K}"], told["reference"][name][f"NDCG@{K}"]
        if not abs(ours / reference - 1) < 0.01:
            faults.append(f"{name}: {ours} is not within 1 % of the reference's {reference}")
    if "movielens" not in figures:
        faults.append("figures.json has no part `movielens`: tools/methods/figures --write movielens")
    elif (measuring.data / "movielens-latest-small").is_dir():
        ratings = measuring.data / "movielens-latest-small" / "ratings.csv.gz"
        folder = measuring.split("movielens-check", ratings, "user", 1, *measuring.movielens_words())
        found = measuring.ours("eval", "ranking", "--train", folder / "train.csv", "--valid", folder / "valid.csv", "--test", folder / "test.csv",
                               "--k", K, "--methods", "knn,ease")
        for one in found["methods"]:
            faults += differences(one, figures["movielens"][0]["ours"][one["method"]], f"movielens {one['method']}")
    else:
        print(f"SKIPPED: no {measuring.data}/movielens-latest-small", file=sys.stderr)
    return faults


PARTS = ("quick", "movielens", "movielens-time", "journey", "shop", "sessions", *STREAMS)


def main():
    reader = argparse.ArgumentParser(description="the figures of tools/METHODS.md")
    reader.add_argument("--write", action="store_true")
    reader.add_argument("--render", action="store_true")
    reader.add_argument("--check", action="store_true")
    reader.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build")
    reader.add_argument("--cache", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / f"shoal-methods-{os.getuid()}")
    reader.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    words = reader.parse_args()
    figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    if unknown := set(words.parts) - set(PARTS):
        reader.error(f"there is no part {', '.join(unknown)}")
    if words.check:
        faults = check(Measuring(words.build.resolve(), words.cache), figures)
        print("\n".join(faults) or "the page is that of figures.json, and a quick part still measures alike")
        sys.exit(1 if faults else 0)
    if words.write:
        measuring = Measuring(words.build.resolve(), words.cache)
        for part in words.parts or PARTS:
            print(part, flush=True)
            measured = measuring.measure(part)
            figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}  # others may have written
            figures[part] = measured
            FIGURES.write_text(json.dumps({name: figures[name] for name in PARTS if name in figures}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if not words.write and not words.render:
        reader.error("--write, --render or --check")
    for path, text in render(figures).items():
        (HERE.parents[1] / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
