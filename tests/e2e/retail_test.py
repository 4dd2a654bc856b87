"""UCI Online Retail through `shoal load`: the checked figures of the data set, before and after."""
import csv
import json
import sys
import tempfile
import unittest

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
                invoices, codes, net, cancels = set(), set(), 0, 0
                for start in range(0, len(users), 500):
                    for user in client.call("user.get", ids=users[start:start + 500], events=10000)["users"]:
                        for event in user["events"]:
                            invoices.add(event["invoice"])
                            codes.add(event["item"])
                            whole, fraction = event["amount"].lstrip("-").split(".")
                            net += (-1 if event["amount"].startswith("-") else 1) * (int(whole) * 1000 + int(fraction))
                            cancels += event["type"] == "cancel"
                self.assertEqual((len(invoices), len(codes), cancels, net), (22190, 3684, 8905, 8300065814))
            again = load()
            self.assertEqual(again["events"], {"read": 406829, "accepted": 0, "duplicates": 406829})
            self.assertEqual(again["users"]["created"], 0)


if __name__ == "__main__":
    unittest.main()
