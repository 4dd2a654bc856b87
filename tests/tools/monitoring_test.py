"""The alert rules and the dashboard are about metrics that a server has, and promtool agrees with the rules."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))
from http_test import Running, fill  # noqa: E402

MONITORING = pathlib.Path(__file__).resolve().parents[2] / "tools" / "monitoring"
NAME = re.compile(r"\b(?:shoal|process)_[a-z_]+")


def promtool(*words):
    return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, cwd=MONITORING)


def expressions(board):
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for entry in board["annotations"]["list"]:
        yield entry["expr"]


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder, Running("--data", f"{folder}/data", shards=2) as server:
            fill(server, 5)
            cls.known = set()
            for line in server.get("/metrics")[2].decode().splitlines():
                if not line.startswith("#"):
                    cls.known.add(re.match(r"[a-z_]+", line).group())

    def need_promtool(self):
        if shutil.which("promtool") is None:
            self.skipTest("SKIPPED: no promtool (Debian package prometheus)")

    def test_rules_and_their_tests_pass(self):
        self.need_promtool()
        for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"],
                      ["check", "config", "--syntax-only", "prometheus.yml"]):
            done = promtool(*words)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_rules_are_about_metrics_that_there_are(self):
        text = re.sub(r"#.*", "", (MONITORING / "alerts.yml").read_text(encoding="utf-8"))
        names = set(NAME.findall(" ".join(re.findall(r"expr: (?:\|\n(?:\s{10}.*\n)+|.*)", text))))
        self.assertGreater(len(names), 8)
        self.assertEqual(names - self.known, set())

    def test_the_dashboard_is_about_metrics_that_there_are(self):
        board = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
        found = list(expressions(board))
        self.assertGreater(len(found), 25)
        names = {name for expression in found for name in NAME.findall(expression)}
        self.assertEqual(names - self.known, set())
        ids = [panel["id"] for panel in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))

    def test_the_dashboards_expressions_can_be_read(self):
        self.need_promtool()
        board = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            rules = [{"record": f"panel_{i}", "expr": expression.replace("$__rate_interval", "1m")}
                     for i, expression in enumerate(expressions(board))]
            path = pathlib.Path(folder, "rules.json")  # JSON is YAML
            path.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
            done = promtool("check", "rules", path)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
