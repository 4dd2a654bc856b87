"""A server under a seccomp profile as containers have it, where io_uring's system calls are refused: it says so once, and serves."""
import ctypes
import pathlib
import platform
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from rpc import Client, Server  # noqa: E402

IO_URING_CALLS = (425, 426, 427)  # setup, enter, register: the same on every architecture
EPERM = 1
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_NUMBER = (0x20, 0, 0, 0)  # the call's number, at the begin of struct seccomp_data
ALLOW = (0x06, 0, 0, 0x7FFF0000)
REFUSE = (0x06, 0, 0, 0x00050000 | EPERM)


def forbid_io_uring():
    """In the child, before the server's program begins; it and all its threads inherit it."""
    program = [LOAD_NUMBER]
    for left, number in zip(range(len(IO_URING_CALLS), 0, -1), IO_URING_CALLS):
        program.append((0x15, left, 0, number))  # equal: over the rest, and over ALLOW, to REFUSE
    program += [ALLOW, REFUSE]
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    kept = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxP", len(program), ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


@unittest.skipUnless(platform.machine() == "x86_64", "written for x86-64")
class Seccomp(unittest.TestCase):
    def test_serves_with_epoll_and_says_so(self):
        with Server(io=None) as server, Client(server.address) as client:
            if client.call("stats")["server"]["io"] != "uring":  # then what follows would prove nothing
                self.skipTest("io_uring is forbidden here anyway")
        with tempfile.TemporaryDirectory(prefix="shoal-seccomp-") as data:
            for turn in range(2):  # the second finds what the first has kept
                with Server(shards=2, io=None, flags=["--data", data], before=forbid_io_uring) as server:
                    with Client(server.address) as client:
                        self.assertEqual(client.call("stats")["server"]["io"], "epoll")
                        if turn == 0:
                            client.call("schema.put", users={"attributes": [{"name": "points", "type": "int"}]})
                            client.call("user.put", users=[{"id": f"u{i}", "points": i} for i in range(1000)])
                        self.assertEqual(client.call("audience.count", where="points >= 990")["count"], 10)
                    words = server.read_log()
                self.assertEqual(words.count("warn"), 1, words)
                self.assertRegex(words, "io_uring.*epoll")


if __name__ == "__main__":
    unittest.main()
