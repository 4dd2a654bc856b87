"""UCI Online Retail through `shoal load`: the checked figures of the data set, before and after."""
import csv
import datetime
import json
import sys
import tempfile
import unittest
import zoneinfo

from rpc import DATA, ROOT, Server, shoal

SOURCE = DATA / "online-retail"


class Retail(unittest.TestCase):
    def test_the_figures(self):
        if not SOURCE.is_dir():
            print(f"SKIPPED: no Online Retail files in {DATA}", file=sys.stderr, flush=True)
            self.skipTest("no data")
        with tempfile.TemporaryDirectory() as folder, Server() as server:
            def load():
                return json.loads(shoal("--format", "json", "load", "--quiet", "--map", ROOT / "tools" / "online-retail.map",
                                        "--dir", SOURCE, "--rejects", f"{folder}/rejects.csv", address=server.address))
            summary = load()
            self.assertEqual(summary["totals"], {"invoice lines": 541909, "invoices": 25900, "net of all lines": 9747747.934})
            self.assertEqual((summary["aside"], summary["reasons"]), (135080, {"no customer": 135080}))
            self.assertEqual(summary["events"], {"read": 406829, "accepted": 406829, "duplicates": 0})
            with open(f"{folder}/rejects.csv", newline="", encoding="utf-8") as file:
                rejects = list(csv.DictReader(file))
            self.assertEqual(len(rejects), 135080)
            self.assertEqual({row["reason"] for row in rejects}, {"no customer"})
            with server.client() as client:
                count = lambda where: client.call("audience.count", where=where, now="2011-12-10")["count"]
                self.assertEqual(count("true"), 4372)
                stats = client.call("stats")["workspace"]
                self.assertEqual(stats["events"]["cancel"] if isinstance(stats["events"], dict) else stats["events"],
                                 8905 if isinstance(stats["events"], dict) else 406829)
                users = client.call("audience.list", where="true", limit=10000)["ids"]
                invoices, codes, net, cancels, history = set(), set(), 0, 0, {}
                for start in range(0, len(users), 500):
                    for user in client.call("user.get", ids=users[start:start + 500], events=10000)["users"]:
                        for event in user["events"]:
                            history.setdefault(user["id"], []).append((event["time"], event["type"]))
                            invoices.add(event["invoice"])
                            codes.add(event["item"])
                            whole, fraction = event["amount"].lstrip("-").split(".")
                            net += (-1 if event["amount"].startswith("-") else 1) * (int(whole) * 1000 + int(fraction))
                            cancels += event["type"] == "cancel"
                self.assertEqual((len(invoices), len(codes), cancels, net), (22190, 3684, 8905, 8300065814))
                self.check_behaviour(client, history)
            again = load()
            self.assertEqual(again["events"], {"read": 406829, "accepted": 0, "duplicates": 406829})
            self.assertEqual(again["users"]["created"], 0)

    def check_behaviour(self, client, history):
        """Monthly retention, and who sends back within 30 days of buying, as loops over every line count them."""
        zone, grid, sizes, began, sent_back = zoneinfo.ZoneInfo("Europe/London"), {}, {}, 0, 0
        for events in history.values():
            bought = sorted(time for time, kind in events if kind == "purchase")
            if not bought:
                continue
            months = [datetime.datetime.fromtimestamp(time / 1000, zone).strftime("%Y-%m-01") for time in bought]
            sizes[months[0]] = sizes.get(months[0], 0) + 1
            for month in {month for time, month in zip(bought, months) if time > bought[0]}:
                grid[months[0], month] = grid.get((months[0], month), 0) + 1
            began += 1
            latest, came_back = None, False
            for time, kind in reversed(events):  # oldest first, equal times as they arrived
                latest = time if kind == "purchase" else latest
                came_back |= kind == "cancel" and latest is not None and time - latest <= 30 * 86_400_000
            sent_back += came_back
        answer = client.call("audience.retention", first="purchase", period="month", periods=13, now="2011-12-10")
        starts = [cohort["start"] for cohort in answer["cohorts"]]
        self.assertEqual({cohort["start"]: cohort["users"] for cohort in answer["cohorts"]}, sizes)
        for i, cohort in enumerate(answer["cohorts"]):
            self.assertEqual(cohort["returned"], [grid.get((starts[i], start), 0) for start in starts[i:]])
        funnel = client.call("audience.funnel", sequence="sequence(purchase -> cancel, within 30 days)", now="2011-12-10")
        self.assertEqual([step["users"] for step in funnel["steps"]], [began, sent_back])


if __name__ == "__main__":
    unittest.main()
