"""A MessagePack-RPC client of a few lines on Debian's python3-msgpack, and a server to talk to.

Written against engine/protocol/PROTOCOL.md, not against the C client, so that the two check each other.
"""
import itertools
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

import msgpack

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SHOAL_BUILD", ROOT / "build"))
SHOALD = BUILD / "bin" / "shoald"
SHOAL = BUILD / "bin" / "shoal"
SHOAL_GEN = BUILD / "bin" / "shoal-gen"
DATA = pathlib.Path(os.environ.get("SHOAL_DATA", ROOT.parent / "shared" / "data"))


class RpcError(Exception):
    """The server's error map: code, status, message, position and hint if it has them."""

    def __init__(self, error):
        super().__init__(error)
        self.error = error if isinstance(error, dict) else {"message": str(error)}

    def __getattr__(self, name):
        return self.error.get(name)


class Client:
    def __init__(self, address, workspace=None, timeout=60, token=None):
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address[5:])
        else:
            host, port = address.removeprefix("tcp:").rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)), timeout)
        self.unpacker = msgpack.Unpacker(raw=False, max_buffer_size=1 << 30, strict_map_key=False)
        self.ids = itertools.count(1)
        self.waiting = {}
        if workspace is not None or token is not None:
            given = {"workspace": workspace, "token": token}
            try:
                self.hello = self.call("hello", version=1, client="e2e", **{k: v for k, v in given.items() if v is not None})
            except BaseException:
                self.close()
                raise

    def send(self, method, **params):
        message_id = next(self.ids)
        self.socket.sendall(msgpack.packb([0, message_id, method, [params]]))
        return message_id

    def receive(self, message_id):
        while message_id not in self.waiting:
            for message in self.unpacker:
                assert message[0] == 1 and len(message) == 4, message
                self.waiting[message[1]] = message
                break
            else:
                data = self.socket.recv(1 << 20)
                if not data:
                    raise ConnectionError("the server closed the connection")
                self.unpacker.feed(data)
        _, _, error, result = self.waiting.pop(message_id)
        if error is not None:
            raise RpcError(error)
        assert "took_us" in result, result
        return result

    def call(self, method, **params):
        return self.receive(self.send(method, **params))

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """shoald on a free port and a Unix socket, stopped at the end of the with block; its exit status must be 0.

    io: None leaves the choice to the server. before: what its process does before its program begins.
    """

    def __init__(self, shards=1, io="uring", environment=None, flags=(), before=None):
        self.folder = tempfile.TemporaryDirectory(prefix="shoal-e2e-")
        self.unix = f"unix:{self.folder.name}/socket"
        self.address = f"127.0.0.1:{free_port()}"
        self.log = open(f"{self.folder.name}/log", "w+b")
        self.process = subprocess.Popen(
            [SHOALD, "--listen", self.address, "--listen", self.unix, "--shards", str(shards),
             *([] if io is None else ["--io", io]), *flags],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})},
            preexec_fn=before)
        for _ in range(200):
            try:
                Client(self.address).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError(f"shoald did not start:\n{self.read_log()}")

    def read_log(self):
        self.log.seek(0)
        return self.log.read().decode()

    def client(self, **arguments):
        return Client(self.address, **arguments)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        text = self.read_log()
        self.log.close()
        self.folder.cleanup()
        assert status == 0, f"shoald ended with {status}:\n{text}"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            print(self.read_log())


def shoal(*words, address, check=True, **arguments):
    """The command line. Returns what it printed."""
    done = subprocess.run([SHOAL, "--addr", address, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, **arguments)
    if check and done.returncode != 0:
        raise AssertionError(f"shoal {words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
