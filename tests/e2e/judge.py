"""DuckDB beside Shoal, as a process that is asked SQL.

The package comes from npm, at the versions and hashes of judge/package-lock.json, into the build folder and nowhere else.
Where npm is not there or reaches nothing, Unavailable says so, and the test that wanted a judge is skipped.
"""
import hashlib
import json
import pathlib
import shutil
import subprocess

from rpc import BUILD

SOURCE = pathlib.Path(__file__).resolve().parent / "judge"


class Unavailable(Exception):
    pass


def install():
    """The folder with the package. Once installed it is used as it is until the lock file changes."""
    folder = BUILD / "judge"
    stamp = folder / "installed"
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == lock:
        return folder
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("node and npm are not installed")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, folder)
    try:
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1",
                               "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000", "--fetch-timeout=20000"], cwd=folder, text=True, timeout=180, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired as error:
        raise Unavailable("npm did not come to an end in 180 s") from error
    if done.returncode != 0:
        raise Unavailable(f"npm cannot install it: {done.stdout[-600:]}")
    stamp.write_text(lock)
    return folder


class Judge:
    def __init__(self):
        folder = install()
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
