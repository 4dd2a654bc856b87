"""The Node client: node's own tests (node/*.test.mjs), the golden frames, the types, the package, and its README as a new user would
follow it. What it is made of comes from npm into the build folder; where npm reaches nothing this says so and counts as skipped."""
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

import npm  # noqa: E402
from rpc import BUILD, Server  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent / "node"
SOURCE = ROOT / "tools" / "clients" / "node"
SHOP = {"attributes": [{"name": "会员等级", "type": "enum", "labels": ["银卡", "金卡", "钻石"]}, {"name": "city", "type": "string"}]}


def run(words, folder, **environment):
    return subprocess.run([str(word) for word in words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          encoding="utf-8", stdin=subprocess.DEVNULL, timeout=200, env={**os.environ, **environment})


class Node(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # What a user has after npm install: the package itself, and beside it what it needs.
        cls.place = npm.install(HERE, BUILD / "node-client")
        cls.client = npm.client(cls.place)
        for name in HERE.glob("*.*s"):
            shutil.copy(name, cls.place)

    def node_test(self, name):
        done = run(["node", "--test", "--test-reporter=spec", name], self.place, SHOAL_BUILD=str(BUILD), SHOAL_CLIENT=self.client,
                   SHOAL_GOLDEN=str(HERE.parent / "golden" / "session.json"))
        self.assertEqual(done.returncode, 0, done.stdout)
        ran = int(re.search(r"^ℹ pass (\d+)$", done.stdout, re.M)[1])
        self.assertGreater(ran, 5)
        print(f"{name}: {ran} passed")

    def test_golden_frames(self):
        self.node_test("golden.test.mjs")

    def test_against_the_server(self):
        self.node_test("client.test.mjs")

    def test_tokens_and_tls(self):
        self.node_test("access.test.mjs")

    def test_types(self):
        done = run(["node", "node_modules/typescript/lib/tsc.js", "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--types",
                    "--lib", "es2022,dom,esnext.disposable", "types_check.ts"], self.place)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_package_and_its_readme(self):
        text = (SOURCE / "README.md").read_text()
        shells = re.findall(r"```sh\n(.*?)```", text, re.S)
        snippets = re.findall(r"```js\n(.*?)```", text, re.S)
        self.assertEqual((len(shells), len(snippets), text.count("```")), (1, 6, 14))
        with tempfile.TemporaryDirectory(prefix="shoal-node-") as folder:
            folder = pathlib.Path(folder)
            shutil.copytree(SOURCE, folder / "tools/clients/node", ignore=shutil.ignore_patterns("node_modules"))
            (folder / "package.json").write_text('{"name": "new-user", "private": true}')
            for line in shells[0].strip().splitlines():
                # node_modules/shoal-client comes from the tarball; what it needs, from npm.
                npm.run(line.split()[1:], folder)
            inside = {str(path.relative_to(folder / "node_modules/shoal-client")) for path in (folder / "node_modules/shoal-client").rglob("*")
                      if path.is_file()}
            self.assertEqual(inside, {"package.json", "README.md", "index.d.ts"} | {f"src/{path.name}" for path in (SOURCE / "src").iterdir()})
            with Server(shards=2) as server:
                with server.client() as client:
                    client.call("schema.put", users=SHOP)
                    client.call("user.put", users=[{"id": "a", "会员等级": "金卡", "city": "成都"}, {"id": "b", "city": "成都"}])
                program = "\n".join(snippets)
                self.assertIn("127.0.0.1:7717", program)
                (folder / "first.mjs").write_text(program.replace("127.0.0.1:7717", server.address))
                done = run(["node", "first.mjs"], folder)
        self.assertEqual(done.returncode, 0, done.stdout)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[:4], ["{ count: 1, total: 2 }", "1", "1000 [ [ 1000, 'name' ] ]", "ann 成都"])
        self.assertRegex(lines[4], r"^(cup|pot) tea \[")
        self.assertEqual(lines[-6:-3], ["2", "2", "2 2"])
        self.assertEqual(lines[-3:], ["syntax: expected a condition, found the word `and`", "  city = '成都' and »and",
                                      "301 syntax 20 16 null"])


if __name__ == "__main__":
    try:
        npm.install(HERE, BUILD / "node-client")
    except npm.Unavailable as error:
        print(f"SKIPPED: no npm ({error})")
        sys.exit(0)
    unittest.main(verbosity=2)
