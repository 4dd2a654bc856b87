"""Kill a real server at random moments, again and again, and hold it to every answer that it gave.

    crash_test.py SHOALD [--cycles N] [--seed S]

Several clients write without pause: events that have no id (done twice they would count twice), values, batches over
all shards, items, a segment's versions, merges of users; in every other cycle one asks for snapshots all the time. This process is the witness: it knows what was sent and what
was answered. The server is killed with SIGKILL in the middle of it and started again on the same directory. Then, for
every client:

    before anything is sent again   what was answered is there, and nothing that was never sent is
    after what was not answered     everything is there exactly once, whichever of it had been done before the kill
      is sent again

The clients number their writes (engine/protocol/PROTOCOL.md), so they may send again. N cycles are dealt over io_uring
and epoll, one and two shards. The last line says how many answers were checked.
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import msgpack

WINDOW = 8         # requests of a client that are not answered yet
USERS = 6          # of a client
TIME_MS = 1760000000000


class Stopped(Exception):
    pass


class Server:
    def __init__(self, shoald, folder, shards, io, extra=()):
        self.address = f"{folder}/socket"
        self.log_path = f"{folder}/log"
        self.log = open(self.log_path, "ab")
        words = [shoald, "--listen", f"unix:{self.address}", "--data", f"{folder}/data", "--shards", str(shards),
                 "--io", io, "--segment", "1", *extra]
        for _ in range(50):
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
                                            text=True)
            line = self.process.stdout.readline()
            if line.startswith("shoald ready"):
                return
            # The kernel may hold on to the socket of a process with a ring for a moment after its end.
            if self.process.wait() != 71:
                break
            self.process.stdout.close()
            time.sleep(0.1)
        raise AssertionError(f"the server did not start ({self.process.returncode}):\n"
                             + pathlib.Path(self.log_path).read_text()[-3000:])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.close()
        assert status == 0, f"the server stopped with {status}:\n" + pathlib.Path(self.log_path).read_text()[-3000:]

    def close(self):
        self.process.stdout.close()
        self.log.close()


class Wire:
    """One connection."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        try:
            self.socket.connect(address)
        except OSError as error:
            self.socket.close()
            raise Stopped from error
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=1 << 28)

    def send(self, number, method, params, envelope=None):
        arguments = [params] if envelope is None else [params, envelope]
        try:
            self.socket.sendall(msgpack.packb([0, number, method, arguments]))
        except OSError as error:
            raise Stopped from error

    def receive(self):
        while True:
            for message in self.unpacker:
                assert message[0] == 1, message
                return message[1], message[2], message[3]
            try:
                data = self.socket.recv(1 << 18)
            except (ConnectionError, OSError) as error:
                raise Stopped from error
            if not data:
                raise Stopped
            self.unpacker.feed(data)

    def call(self, method, **params):
        self.send(0, method, params)
        _, error, result = self.receive()
        assert error is None, (method, params, error)
        return result

    def close(self):
        self.socket.close()


class Client:
    """Writes, and remembers what it wrote: `pending` was sent and not answered, by number, in order."""

    def __init__(self, name, seed):
        self.name = name
        self.random = random.Random(f"{seed} {name}")
        self.seq = 0
        self.pending = {}
        self.answer_count = 0
        self.failure = None
        self.prepare()

    def prepare(self):
        self.hits = {f"{self.name}-{i}": [0, 0] for i in range(USERS)}   # answered, sent
        self.values = {user: [] for user in self.hits}                   # every value that was put, in order
        self.value_answered = dict.fromkeys(self.hits, -1)               # place of the last that was answered

    def make(self):
        """The next request, and what its answer means."""
        if self.random.random() < 0.3:
            user = self.random.choice(list(self.hits))
            self.values[user].append(self.seq)
            place = len(self.values[user]) - 1
            request = ("user.put", {"user": {"id": user, "n": self.seq}})

            def answered(result):
                assert result["accepted"] == 1 and not result["refused"], result
                self.value_answered[user] = max(self.value_answered[user], place)
            return request, answered
        users = [self.random.choice(list(self.hits)) for _ in range(self.random.choice([1, 1, 1, 5, 40]))]
        for user in users:
            self.hits[user][1] += 1
        rows = [["hit", user, TIME_MS + self.seq, f"item-{self.random.randrange(20)}"] for user in users]
        request = ("event.append", {"fields": ["type", "user", "time", "item"], "rows": rows})

        def answered(result):
            assert result["accepted"] == len(users) and not result["refused"] and result["duplicates"] == 0, result
            for user in users:
                self.hits[user][0] += 1
        return request, answered

    def send(self, wire, seq):
        (method, params), _ = self.pending[seq]
        wire.send(seq & 0xFFFFFFFF, method, params, {"client": self.name, "seq": seq})

    def take_answer(self, wire):
        number, error, result = wire.receive()
        assert error is None, (self.name, number, error)
        _, answered = self.pending.pop(number)
        answered(result)
        self.answer_count += 1

    def write(self, address, stop):
        """Until stop is set, or the server is gone."""
        try:
            wire = Wire(address)
            try:
                while not stop.is_set():
                    while len(self.pending) < WINDOW:
                        self.seq += 1
                        self.pending[self.seq] = self.make()
                        self.send(wire, self.seq)
                    self.take_answer(wire)
                while self.pending:
                    self.take_answer(wire)
            finally:
                wire.close()
        except Stopped:
            pass
        except Exception as error:  # told to the main thread
            self.failure = error

    def send_again(self, address):
        wire = Wire(address)
        numbers = sorted(self.pending)
        for seq in numbers:
            self.send(wire, seq)
        for _ in numbers:
            self.take_answer(wire)
        wire.close()

    def check(self, wire, is_settled):
        for user, (answered, sent) in self.hits.items():
            found = self.find(wire, user)
            count = found.pop("hits")
            assert answered <= count <= sent, f"{user}: {count} events, {answered} answered, {sent} sent"
            place = self.values[user].index(found["n"]) if "n" in found else -1
            assert place >= self.value_answered[user], f"{user}: value {place}, {self.value_answered[user]} answered"
            if is_settled:
                assert count == sent, f"{user}: {count} events, but {sent} were sent"
                assert place == len(self.values[user]) - 1, f"{user}: value {place} of {len(self.values[user])}"

    @staticmethod
    def find(wire, user):
        row = wire.call("user.get", ids=[user], fields=["n"])["users"][0] or {}
        row = {key: value for key, value in row.items() if value is not None}
        if row:
            lines = wire.call("audience.why", user=user, where="count(hit) >= 0")["lines"]
            return {**row, "hits": lines[-1]["found"]}
        return {"hits": 0}


class Admin(Client):
    """What all shards have: items, versions of a segment, merges."""

    def prepare(self):
        self.items = {}       # id -> answered?
        self.versions = 0     # sent
        self.version = 0      # answered
        self.merged = {}      # other name -> answered?

    def make(self):
        what = self.random.choice(["item", "segment", "merge"])
        if what == "item":
            name = f"shelf-{self.seq}"
            self.items[name] = False
            return (("item.put", {"item": {"id": name, "price": self.seq % 100}}),
                    lambda result: self.items.__setitem__(name, True))
        if what == "segment":
            self.versions += 1
            place = self.versions

            def answered(result):
                assert result["version"] == place, (result, place)
                self.version = max(self.version, place)
            return ("segment.put", {"name": "s", "where": f"n > {place}"}), answered
        name = f"other-{self.seq}"
        self.merged[name] = False
        return (("user.merge", {"from": name, "into": f"one-{self.seq % 5}"}),
                lambda result: self.merged.__setitem__(name, True))

    def send_again(self, address):
        # One after another: a segment's next version must not overtake the one before, nor a merge its sibling.
        for seq in sorted(self.pending):
            wire = Wire(address)
            self.send(wire, seq)
            self.take_answer(wire)
            wire.close()

    def write(self, address, stop):
        try:
            wire = Wire(address)
            try:
                while not stop.is_set():
                    self.seq += 1
                    self.pending[self.seq] = self.make()
                    self.send(wire, self.seq)
                    self.take_answer(wire)
            finally:
                wire.close()
        except Stopped:
            pass
        except Exception as error:
            self.failure = error

    def check(self, wire, is_settled):
        found = wire.call("item.get", ids=list(self.items))["items"]
        for name, row in zip(self.items, found):
            assert row is not None or not (self.items[name] or is_settled), f"{name} is lost"
        segments = {row["name"]: row for row in wire.call("segment.list", counts=False)["segments"]}
        version = segments["s"]["version"] if segments else 0
        assert self.version <= version <= self.versions, f"version {version}, {self.version} answered"
        if is_settled:
            assert version == self.versions, f"version {version}, {self.versions} sent"
        for name, answered in self.merged.items():
            if answered or is_settled:
                # A name of a user who does not exist is resolved all the same: a put through it makes that user.
                wire.call("user.put", user={"id": name, "n": 1})
                row = wire.call("user.get", ids=[name])["users"][0]
                assert row["id"].startswith("one-"), f"{name} is {row}"


def take_snapshots(address, stop, failures):
    try:
        wire = Wire(address)
        try:
            while not stop.is_set():
                assert wire.call("snapshot")["sequence"] > 0
        finally:
            wire.close()
    except Stopped:
        pass
    except Exception as error:
        failures.append(error)


def check_shards(address, shards):
    """Every loop says the same about what all shards have, however a connection came to it."""
    answers = set()
    for _ in range(4 * shards):
        wire = Wire(address)
        for method, params in (("feed.trending", {"count": 30, "now": TIME_MS + 1000}), ("schema.get", {}),
                               ("segment.list", {"counts": False})):
            result = wire.call(method, **params)
            result.pop("took_us")
            answers.add((method, repr(result)))
        wire.close()
    assert len(answers) == 3, "shards differ:\n" + "\n".join(sorted(str(answer) for answer in answers))


def begin(address):
    wire = Wire(address)
    wire.call("schema.put", users={"attributes": [{"name": "n", "type": "int"}]},
              items={"attributes": [{"name": "price", "type": "int"}]}, events=[{"name": "hit"}])
    wire.close()


def check_all(server, clients, is_settled):
    wire = Wire(server.address)
    for client in clients:
        client.check(wire, is_settled)
    known = sum(len(client.hits) for client in clients if hasattr(client, "hits"))
    total = wire.call("audience.count", where="true")["total"]
    assert total <= known + 5, f"{total} users, but only {known + 5} were ever written"
    wire.close()


def run(shoald, cycles, shards, io, seed, extra):
    folder = tempfile.mkdtemp(prefix="shoal-crash-")
    chance = random.Random(f"{seed} {shards} {io}")
    clients = [Client(f"client{i}", seed) for i in range(4)] + [Admin("admin", seed)]
    try:
        for cycle in range(cycles):
            server = Server(shoald, folder, shards, io, extra)
            if cycle == 0:
                begin(server.address)
            check_all(server, clients, False)
            for client in clients:
                client.send_again(server.address)
            check_all(server, clients, True)
            check_shards(server.address, shards)
            stop = threading.Event()
            failures = []
            threads = [threading.Thread(target=client.write, args=(server.address, stop)) for client in clients]
            if cycle % 2 == 1:
                threads.append(threading.Thread(target=take_snapshots, args=(server.address, stop, failures)))
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.02, 0.3))
            server.kill()
            for thread in threads:
                thread.join()
            failures += [client.failure for client in clients if client.failure is not None]
            if failures:
                raise failures[0]
        # Once without a kill: what a graceful stop leaves is everything.
        server = Server(shoald, folder, shards, io, extra)
        for client in clients:
            client.send_again(server.address)
        server.stop()
        server = Server(shoald, folder, shards, io, extra)
        check_all(server, clients, True)
        check_shards(server.address, shards)
        server.stop()
    except BaseException:
        print(f"reproduce: crash_test.py SHOALD --seed {seed} (cycle {cycle}, {shards} shards, {io}); "
              f"its directory is kept: {folder}", flush=True)
        raise
    shutil.rmtree(folder)
    return sum(client.answer_count for client in clients)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shoald")
    parser.add_argument("--cycles", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("extra", nargs="*", help="more flags for the server, behind --")
    options = parser.parse_args()
    answers = 0
    cycles = 0
    # A directory sees at most 25 kills, so that what is done again at each start stays small.
    round_number = 0
    while cycles < options.cycles:
        for shards, io in ((1, "uring"), (2, "epoll"), (2, "uring"), (1, "epoll")):
            share = min(25, max(1, options.cycles // 4), options.cycles - cycles)
            if share <= 0:
                break
            answers += run(options.shoald, share, shards, io, options.seed + round_number, options.extra)
            cycles += share
            print(f"{cycles} kills: {shards} shards, {io}, {answers} answers so far", flush=True)
        round_number += 1
    print(f"{cycles} kills, {answers} answers: nothing lost, nothing doubled, nothing that was never sent")


if __name__ == "__main__":
    main()
