"""A data directory on a disk that becomes full, and gets room again: writes are refused, questions are answered, people are
forgotten, and nothing that was answered is lost. Run: full_disk_test.py SHOALD

The disk is a tmpfs of its own, which only root can mount: without that the test is skipped, and says so.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from crash_test import Server, Wire  # noqa: E402

MIB = 1 << 20
ROWS = 2000


class Refused(Exception):
    pass


def call(wire, method, **params):
    wire.send(1, method, params)
    _, error, result = wire.receive()
    if error is not None:
        raise Refused(error["status"])
    return result


def put(wire, batch):
    rows = [[f"user-{batch}-{i}", batch] for i in range(ROWS)]
    assert call(wire, "user.put", fields=["id", "n"], rows=rows)["accepted"] == ROWS


def fill(wire, batches):
    """Until the disk is full. Returns how many batches were taken."""
    for batch in range(batches, batches + 5000):
        try:
            put(wire, batch)
        except Refused as refused:
            assert str(refused) == "read_only", refused
            return batch
    raise AssertionError("the disk never became full")


def count(wire):
    return call(wire, "audience.count", where="true")["total"]


def run(shoald, folder, shards, io):
    ballast = f"{folder}/ballast"
    with open(ballast, "wb") as file:
        file.write(bytes(8 * MIB))
    server = Server(shoald, folder, shards, io, ("--snapshot-log", "0"))
    wire = Wire(server.address)
    call(wire, "schema.put", users={"attributes": [{"name": "n", "type": "int"}]})
    batches = fill(wire, 0)
    # A batch over several shards that was refused in one of them may be there in another: rows stand for themselves.
    total = count(wire)
    assert batches * ROWS <= total < (batches + 1) * ROWS, (batches, total)
    assert call(wire, "user.get", id="user-0-0")["user"]["n"] == 0
    for i in range(20):
        assert call(wire, "user.forget", id=f"user-0-{i}")["forgotten"] == 1
    assert count(wire) == total - 20
    try:
        put(wire, batches)
        raise AssertionError("a full disk takes a batch")
    except Refused as refused:
        assert str(refused) == "read_only"
    # Room: taken again without a restart.
    os.unlink(ballast)
    for _ in range(200):
        try:
            put(wire, batches)
            break
        except Refused:
            time.sleep(0.05)
    else:
        raise AssertionError("there is room, but no write is taken")
    more = fill(wire, batches + 1)
    assert more > batches + 1
    total = count(wire)
    wire.close()
    # What was answered is there after a kill on the full disk, the forgotten are not.
    server.kill()
    server = Server(shoald, folder, shards, io, ("--snapshot-log", "0"))
    wire = Wire(server.address)
    assert count(wire) == total, (count(wire), total)
    assert call(wire, "user.get", ids=["user-0-0"])["users"] == [None]
    wire.close()
    server.stop()
    return more


def main():
    shoald = sys.argv[1]
    for shards, io in ((1, "uring"), (2, "epoll")):
        with tempfile.TemporaryDirectory(prefix="shoal-full-") as folder:
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "shoal-full", folder],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if mounted.returncode != 0:
                print("SKIPPED: no file system can be mounted here, so none becomes full")
                return
            try:
                batches = run(shoald, folder, shards, io)
                print(f"{shards} shards, {io}: full after {batches} batches")
            except BaseException:
                log = pathlib.Path(folder) / "log"
                print(log.read_text()[-3000:] if log.exists() else "no log")
                raise
            finally:
                subprocess.run(["umount", "-l", folder], check=True)


if __name__ == "__main__":
    main()
