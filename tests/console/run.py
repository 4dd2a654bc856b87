"""Runs tests of the console under node: those of its model as they are, those of its page with a browser.

    SHOAL_BUILD=build /usr/bin/python3 tests/console/run.py [--plain] FILE...

playwright-core is installed from npm into the build folder, at the version and hash of package-lock.json, and nowhere else.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import npm  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get("SHOAL_BUILD", ROOT / "build")).resolve()
NODE_MAJOR = 20  # playwright-core asks for it


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plain", action="store_true", help="no browser is needed")
    parser.add_argument("--script", action="store_true", help="a program and its arguments, no tests")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    if shutil.which("node") is None:
        skip("node is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.match(r"v(\d+)", version).group(1)) < NODE_MAJOR:
        skip(f"node {version.strip()} is older than {NODE_MAJOR}")
    environment = {**os.environ, "SHOAL_BUILD": str(BUILD)}
    if not options.plain:
        chromium = shutil.which("chromium")
        if chromium is None:
            skip("chromium is not installed")
        with npm.alone(BUILD / "console-npm"):
            subprocess.run(["bash", "-c", '. tools/lib/console.sh && fetch_console "$1"', "run", str(BUILD)], cwd=ROOT, check=True)
        try:
            packages = npm.install(HERE, BUILD / "console-test")
        except npm.Unavailable as error:
            skip(str(error))
        environment |= {"SHOAL_PACKAGES": str(packages), "SHOAL_CHROMIUM": chromium}
    sys.stdout.flush()
    if options.script:
        command = ["node", str(HERE / options.files[0]), *options.files[1:]]
    else:
        command = ["node", "--test", "--test-timeout=540000", *(str(HERE / name) for name in options.files)]
    done = subprocess.run(command, env=environment)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
