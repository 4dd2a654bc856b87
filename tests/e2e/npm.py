"""Packages from npm for a test, at the versions and hashes of a package-lock.json, into the build folder and nowhere else.

Where npm is not there or reaches nothing, Unavailable says so, and the test that wanted them is skipped.
"""
import contextlib
import fcntl
import hashlib
import pathlib
import shutil
import subprocess


class Unavailable(Exception):
    pass


def run(words, folder, timeout=180):
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("node and npm are not installed")
    quick = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-retry-mintimeout=1000",
             "--fetch-retry-maxtimeout=2000", "--fetch-timeout=20000"]
    try:
        done = subprocess.run(["npm", *words, *quick], cwd=folder, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"npm did not come to an end in {timeout} s") from error
    if done.returncode != 0:
        raise Unavailable(f"npm cannot install it: {done.stdout[-600:]}")
    return done.stdout


@contextlib.contextmanager
def alone(folder):
    """One test at a time fills the folder; the others wait and find it full."""
    folder = pathlib.Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{folder.name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(source, folder):
    """What source/package-lock.json names, in folder/node_modules. Once installed it is used as it is until the lock file changes."""
    with alone(folder):
        return install_alone(pathlib.Path(source), pathlib.Path(folder))


def install_alone(source, folder):
    stamp = folder / "installed"
    lock = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == lock:
        return folder
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("node and npm are not installed")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, folder)
    run(["install"], folder)
    stamp.write_text(lock)
    return folder


def client(folder):
    """The Node client of this tree as a package of the folder, whose node_modules has what it needs. Returns where it stands."""
    source = pathlib.Path(__file__).resolve().parents[2] / "tools" / "clients" / "node"
    place = pathlib.Path(folder) / "node_modules" / "shoal-client"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, place, ignore=shutil.ignore_patterns("node_modules"))
    return str(place)
