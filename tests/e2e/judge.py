"""DuckDB beside Shoal, as a process that is asked SQL.

The package comes from npm, at the versions and hashes of judge/package-lock.json, into the build folder and nowhere else.
Where npm is not there or reaches nothing, Unavailable says so, and the test that wanted a judge is skipped.
"""
import json
import pathlib
import shutil
import subprocess

import npm
from npm import Unavailable  # noqa: F401  who asks for a judge catches it
from rpc import BUILD

SOURCE = pathlib.Path(__file__).resolve().parent / "judge"


class Judge:
    def __init__(self):
        folder = npm.install(SOURCE, BUILD / "judge")
        shutil.copy(SOURCE / "judge.mjs", folder)
        self.process = subprocess.Popen(["node", folder / "judge.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, encoding="utf-8")

    def execute(self, sql):
        """The rows, each a list."""
        self.process.stdin.write(json.dumps(sql) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise AssertionError(f"{answer['error']}\n{sql}")
        return answer["rows"]

    def values(self, sql):
        return [row[0] for row in self.execute(sql)]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)
