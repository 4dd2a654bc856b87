"""A server that may use little memory: writes are refused before it has more, questions are answered, people are forgotten, nothing is
half-applied, and writes are taken again when there is room. Run: memory_test.py SHOALD

`--memory` bounds what the loops hold, so the process is a little larger: its own size is held to twice the bound and what it began with.
"""
import os
import pathlib
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from crash_test import Server, Wire  # noqa: E402

MIB = 1 << 20
SIZE_MIB = 48
ROWS = 2000


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error["status"])
        self.error = error


def call(wire, method, **params):
    wire.send(1, method, params)
    _, error, result = wire.receive()
    if error is not None:
        raise Refused(error)
    return result


def put(wire, batch):
    rows = [[f"user-{batch}-{i}", batch, f"说明 {batch} {i} " + "x" * 40] for i in range(ROWS)]
    assert call(wire, "user.put", fields=["id", "n", "note"], rows=rows)["accepted"] == ROWS


def fill(wire):
    for batch in range(2000):
        try:
            put(wire, batch)
        except Refused as refused:
            assert str(refused) == "limit", refused.error
            assert f"of {SIZE_MIB} that the server may use" in refused.error["message"], refused.error
            assert "removed" in refused.error["hint"], refused.error
            return batch
    raise AssertionError("the bound was never reached")


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def run(shoald, folder, shards):
    config = pathlib.Path(folder) / "shoald.conf"
    config.write_text(f"memory = {SIZE_MIB}\n")
    server = Server(shoald, folder, shards, "epoll", ("--config", str(config)))
    wire = Wire(server.address)
    call(wire, "schema.put", users={"attributes": [{"name": "n", "type": "int"}, {"name": "note", "type": "string"}]})
    before = resident(server.process.pid)
    batches = fill(wire)
    assert batches > 3, batches
    grown = resident(server.process.pid) - before
    assert "ASAN_OPTIONS" in os.environ or grown < 2 * SIZE_MIB * MIB, grown  # a sanitizer keeps what is freed
    # All or nothing, over all shards.
    total = call(wire, "audience.count", where="true")["total"]
    assert total == batches * ROWS, (total, batches)
    for method, params in (("event.append", {"event": {"type": "view", "user": "user-0-0"}}), ("segment.put", {"name": "s", "where": "n > 1"})):
        try:
            call(wire, method, **params)
            raise AssertionError(f"{method} was taken")
        except Refused as refused:
            assert str(refused) == "limit", refused.error
    assert call(wire, "user.get", id="user-0-0")["user"]["n"] == 0
    call(wire, "ping")
    for _ in range(100):  # it is counted once a second
        if call(wire, "stats")["server"]["memory_bytes"] >= SIZE_MIB * MIB * 9 // 10:
            break
        time.sleep(0.05)
    else:
        raise AssertionError(call(wire, "stats")["server"])
    # What one loop takes another one frees: answers leave nothing behind in the sum.
    for _ in range(300):
        assert len(call(wire, "audience.list", where="n >= 0", limit=3000, fields=["note"])["rows"]) == 3000
    for i in range(20):
        assert call(wire, "user.forget", id=f"user-0-{i}")["forgotten"] == 1
    assert call(wire, "audience.count", where="true")["total"] == total - 20
    # Room, without a restart.
    config.write_text(f"memory = {4 * SIZE_MIB}\n")
    server.process.send_signal(signal.SIGHUP)
    for _ in range(200):
        try:
            put(wire, batches)
            break
        except Refused:
            time.sleep(0.05)
    else:
        raise AssertionError("no write is taken with room for it")
    assert call(wire, "audience.count", where="true")["total"] == total - 20 + ROWS
    # What the log has is replayed whole, into a server that may use less.
    config.write_text(f"memory = {SIZE_MIB}\n")
    server.stop()
    server = Server(shoald, folder, shards, "epoll", ("--config", str(config)))
    wire = Wire(server.address)
    assert call(wire, "user.get", id=f"user-{batches}-1")["user"]["n"] == batches
    assert call(wire, "user.forget", id=f"user-{batches}-1")["forgotten"] == 1
    server.stop()


def main():
    for shards in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            run(sys.argv[1], folder, shards)
            print(f"{shards} shard{'s' if shards > 1 else ''}: writes end at the bound, and go on when there is room")


if __name__ == "__main__":
    main()
