"""The program shoald as its user meets it: flags, the ready line, signals, exit codes. Run: shoald_test.py SHOALD"""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SHOALD = ""
PING = bytes([0x94, 0, 7, 0xA4]) + b"ping" + bytes([0x90])


def run(*flags):
    return subprocess.run([SHOALD, *flags], capture_output=True, text=True, timeout=20)


class Running:
    """A server with its ready line read."""

    def __init__(self, *flags, **environment):
        self.process = subprocess.Popen([SHOALD, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})
        self.ready = self.process.stdout.readline()
        self.addresses = [word for word in self.ready.split("(")[0].split()[2:]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def end(self):
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, err


def connect(address):
    if address.startswith("unix:"):
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(address[5:])
    else:
        host, _, port = address.rpartition(":")
        peer = socket.create_connection((host.strip("[]"), int(port)))
    peer.settimeout(20)
    return peer


class Flags(unittest.TestCase):
    def test_help_and_version_go_to_standard_output(self):
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--listen ADDRESS", done.stdout)
        done = run("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^shoald \d+\.\d+\.\d+\n$")

    def test_wrong_flags_are_refused_with_words(self):
        for flags in (["--shards", "0"], ["--shards", "65"], ["--shards", "two"], ["--io", "kqueue"], ["--no-such"],
                      ["--log-level", "loud"], ["extra"], ["--listen", "7717"], ["--listen", "127.0.0.1:x"]):
            with self.subTest(flags=flags):
                done = run(*flags)
                self.assertEqual(done.returncode, 64)
                self.assertNotEqual(done.stderr, "")
                self.assertEqual(done.stdout, "")

    def test_an_address_in_use_is_said(self):
        with Running("--listen", "127.0.0.1:0") as server:
            done = run("--listen", server.addresses[0])
            self.assertEqual(done.returncode, 71)
            self.assertIn("in use", done.stderr)


class Serving(unittest.TestCase):
    def test_every_address_answers_on_both_bodies(self):
        with tempfile.TemporaryDirectory() as folder:
            for body in ("uring", "epoll"):
                path = pathlib.Path(folder) / "socket"
                flags = ["--listen", "127.0.0.1:0", "--listen", f"unix:{path}", "--shards", "2"]
                with Running(*flags, SHOAL_IO="" if body == "uring" else body) as server:
                    self.assertRegex(server.ready, r"^shoald ready \S+ \S+ \(version \S+, 2 shards, (uring|epoll), \w+\)$")
                    self.assertEqual(len(server.addresses), 2)
                    for address in server.addresses:
                        with connect(address) as peer:
                            peer.sendall(PING)
                            self.assertEqual(peer.recv(4)[:3], bytes([0x94, 1, 7]))
                    server.process.send_signal(signal.SIGTERM)
                    self.assertEqual(server.end()[0], 0)
                self.assertFalse(path.exists(), "the socket file is removed")

    def test_a_killed_server_leaves_a_socket_file_that_the_next_one_replaces(self):
        with tempfile.TemporaryDirectory() as folder:
            address = f"unix:{folder}/socket"
            with Running("--listen", address) as server:
                server.process.kill()
                server.process.wait()
            self.assertTrue(pathlib.Path(address[5:]).exists())
            with Running("--listen", address) as server:
                connect(address).close()

    def test_an_open_address_without_access_control_is_refused(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:7717"):
            with self.subTest(address=address):
                done = run("--listen", "127.0.0.1:0", "--listen", address)
                self.assertEqual(done.returncode, 64)
                self.assertEqual(done.stdout, "")
                self.assertIn(f"{address} can be reached from other machines", done.stderr)
                self.assertIn("--access", done.stderr)
        with tempfile.TemporaryDirectory() as folder:
            with Running("--listen", "0.0.0.0:0", "--access", f"{folder}/tokens") as server:
                server.process.send_signal(signal.SIGINT)
                code, err = server.end()
                self.assertEqual(code, 0)
                self.assertIn("no tokens", err)


class Notifying(unittest.TestCase):
    """The service manager's side of sd_notify(3): a datagram socket of a path, or of a name without a file."""

    def test_the_service_manager_is_told_of_the_start_the_life_and_the_end(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in (f"{folder}/notify", f"@shoald-test-{os.getpid()}"):
                with self.subTest(name=name), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                    manager.bind(name.replace("@", "\0"))
                    manager.settimeout(20)
                    with Running("--listen", "127.0.0.1:0", NOTIFY_SOCKET=name, WATCHDOG_USEC="1000000") as server:
                        self.assertEqual(manager.recv(4096), b"STATUS=loading what was kept")
                        self.assertEqual(manager.recv(4096), b"READY=1\nSTATUS=serving")
                        self.assertEqual(manager.recv(4096), b"WATCHDOG=1")
                        self.assertEqual(manager.recv(4096), b"WATCHDOG=1")
                        server.process.send_signal(signal.SIGTERM)
                        while (told := manager.recv(4096)) == b"WATCHDOG=1":
                            pass
                        self.assertEqual(told, b"STOPPING=1\nSTATUS=answering what has come in")
                        self.assertEqual(server.end()[0], 0)

    def test_a_manager_that_is_not_there_changes_nothing(self):
        for name in ("/no/such/socket", "relative", "", "@", "/" + "x" * 200):
            with Running("--listen", "127.0.0.1:0", NOTIFY_SOCKET=name, WATCHDOG_USEC="x") as server:
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(server.end()[0], 0)


class Stopping(unittest.TestCase):
    def test_sigterm_and_sigint_end_it_soon_even_with_idle_clients(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Running("--listen", "127.0.0.1:0") as server, connect(server.addresses[0]) as peer:
                peer.sendall(PING)
                self.assertTrue(peer.recv(64))
                begin = time.monotonic()
                server.process.send_signal(number)
                self.assertEqual(peer.recv(64), b"", "the client is told by the end of the stream")
                peer.close()
                code, err = server.end()
                self.assertEqual(code, 0)
                self.assertIn("stopping", err)
                self.assertLess(time.monotonic() - begin, 5)

    def test_a_second_signal_does_not_wait(self):
        with Running("--listen", "127.0.0.1:0") as server, connect(server.addresses[0]) as peer:
            peer.sendall(PING)
            self.assertTrue(peer.recv(64))
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            begin = time.monotonic()
            self.assertEqual(server.end()[0], 0)
            self.assertLess(time.monotonic() - begin, 3)


if __name__ == "__main__":
    SHOALD = sys.argv.pop(1)
    unittest.main()
