"""The README of the Python client, as a new user would follow it: install into a fresh environment, run every snippet in order."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from rpc import Server  # noqa: E402

SHOP = {"attributes": [{"name": "会员等级", "type": "enum", "labels": ["银卡", "金卡", "钻石"]}, {"name": "city", "type": "string"}]}


class Readme(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="shoal-readme-")))
        self.text = (ROOT / "tools" / "clients" / "python" / "README.md").read_text()
        # A build leaves its traces beside the sources: use a copy.
        shutil.copytree(ROOT / "tools" / "clients" / "python", self.folder / "tools" / "clients" / "python",
                        ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))

    def test_every_snippet(self):
        shells = re.findall(r"```sh\n(.*?)```", self.text, re.S)
        snippets = re.findall(r"```python\n(.*?)```", self.text, re.S)
        self.assertEqual((len(shells), len(snippets)), (1, 7))
        self.assertEqual(self.text.count("```"), 2 * 8)
        install = [line for line in shells[0].splitlines() if not line.startswith("apt-get")]
        self.assertEqual(len(install), 2)
        for line in install:
            # The system's python3 is meant; nothing may come over the network.
            done = subprocess.run(["/bin/sh", "-c", line], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  env={**os.environ, "PATH": "/usr/bin:/bin", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull,
                                       "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"})
            self.assertEqual(done.returncode, 0, done.stdout)
        python = self.folder / "env" / "bin" / "python"
        with Server(shards=2) as server:
            with server.client() as client:
                client.call("schema.put", users=SHOP)
                client.call("user.put", users=[{"id": "a", "会员等级": "金卡", "city": "成都"}, {"id": "b", "city": "成都"}])
            program = "import shoal\nprint(shoal.__file__)\n" + "\n".join(snippets)
            self.assertIn("127.0.0.1:7717", program)
            done = subprocess.run([python, "-c", program.replace("127.0.0.1:7717", server.address)], cwd=self.folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)
        lines = done.stdout.splitlines()
        self.assertTrue(lines[0].startswith(str(self.folder / "env")), lines[0])
        self.assertEqual(lines[1:3], ["Count(count=1, total=2)", "1"])
        self.assertEqual(lines[3][:30], "1000 [Refused(row=1000, code=3")
        self.assertEqual(lines[4], "ann 成都")
        self.assertRegex(lines[5], r"^(cup|pot) tea \[\('")
        self.assertEqual(lines[-4:], ["ann 2 2", "syntax: expected a condition, found the word `and`", "  city = '成都' and »and",
                                      "301 syntax 20 16 None"])
        installed = list((self.folder / "env/lib").rglob("shoal/py.typed"))
        self.assertEqual(len(installed), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
