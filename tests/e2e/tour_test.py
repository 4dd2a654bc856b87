"""tools/TOUR.md is what tools/tour prints: each figure of the page, asked of a fresh server."""
import difflib
import os
import subprocess
import sys
import unittest

from rpc import BUILD, DATA, ROOT


class Tour(unittest.TestCase):
    def test_the_page_is_what_the_server_says(self):
        if not (DATA / "online-retail").is_dir():
            print(f"SKIPPED: no Online Retail files in {DATA}", file=sys.stderr, flush=True)
            self.skipTest("no data")
        printed = subprocess.run([ROOT / "tools" / "tour", DATA / "online-retail"], env={**os.environ, "SHOAL_BUILD": str(BUILD)},
                                 check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8").stdout
        page = (ROOT / "tools" / "TOUR.md").read_text(encoding="utf-8")
        difference = list(difflib.unified_diff(page.splitlines(), printed.splitlines(), "tools/TOUR.md", "tools/tour", lineterm=""))
        self.assertEqual(difference, [], "\n".join(["if this is meant: tools/tour > tools/TOUR.md", *difference[:60]]))


if __name__ == "__main__":
    unittest.main()
