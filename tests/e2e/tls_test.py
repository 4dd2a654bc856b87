"""TLS on both loop bodies: against Python's ssl, the openssl command, the command line and the Python client.

Certificates are made for the run by the openssl command: an authority, a server's, a client's, and a stranger's.
"""
import asyncio
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import msgpack

from rpc import ROOT, SHOAL, SHOALD, Client, RpcError, free_port

sys.path.insert(0, str(ROOT / "tools" / "clients" / "python"))
import shoal as shoal_client  # noqa: E402

FOLDER = None


def openssl(*words, **arguments):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=FOLDER, **arguments).stdout


def make_authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_certificate(name, authority, names="DNS:localhost,IP:127.0.0.1"):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.csr")
    pathlib.Path(FOLDER, "names").write_text(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", f"{name}.pem")


def setUpModule():
    global FOLDER
    FOLDER = tempfile.mkdtemp(prefix="shoal-tls-")
    make_authority("authority")
    make_authority("stranger")
    for name in ("server", "second", "client"):
        make_certificate(name, "authority")
    make_certificate("elsewhere", "authority", "DNS:elsewhere.example")
    make_certificate("impostor", "stranger")


def tearDownModule():
    shutil.rmtree(FOLDER)


def path(name):
    return f"{FOLDER}/{name}"


def context(authority="authority", **certificate):
    made = ssl.create_default_context(cafile=path(f"{authority}.pem"))
    if certificate:
        made.load_cert_chain(path(certificate["of"] + ".pem"), path(certificate["of"] + ".key"))
    return made


class Secure:
    """shoald on a tls: address and a plain one of this machine."""

    def __init__(self, io="uring", shards=1, certificate="server", flags=()):
        self.port, self.plain = free_port(), free_port()
        self.address = f"tls:127.0.0.1:{self.port}"
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [SHOALD, "--listen", self.address, "--listen", f"127.0.0.1:{self.plain}", "--tls-certificate", path(f"{certificate}.pem"),
             "--tls-key", path(f"{certificate}.key"), "--io", io, "--shards", str(shards), *flags],
            stdout=subprocess.PIPE, stderr=self.log)
        self.ready = self.process.stdout.readline().decode()
        assert self.address in self.ready, self.ready

    def connect(self, made=None, name="127.0.0.1"):
        plain = socket.create_connection(("127.0.0.1", self.port), 20)
        try:
            return (made or context()).wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    def client(self, **arguments):
        """The tests' own client over Python's ssl."""
        made = Client(f"127.0.0.1:{self.plain}")
        made.close()
        made.socket = self.connect(**arguments)
        return made

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.process.stdout.close()
        self.log.seek(0)
        self.words = self.log.read().decode()
        self.log.close()
        assert status == 0, self.words


def ping(connection):
    connection.sendall(msgpack.packb([0, 7, "ping", []]))
    return msgpack.unpackb(connection.recv(1000))[:2] == [1, 7]


class OnOneBody:
    IO, SHARDS = "uring", 1

    def test_1_2_and_1_3_are_spoken_and_nothing_older(self):
        with Secure(self.IO, self.SHARDS) as server:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                made = context()
                made.minimum_version = made.maximum_version = version
                with server.connect(made) as connection:
                    self.assertEqual(connection.version(), {771: "TLSv1.2", 772: "TLSv1.3"}[version])
                    self.assertTrue(ping(connection))
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                                  input=b"", capture_output=True)
            self.assertNotEqual(done.returncode, 0)

    def test_the_openssl_command_believes_it(self):
        with Secure(self.IO, self.SHARDS) as server:
            said = openssl("s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", "authority.pem", "-verify_return_error",
                           "-verify_ip", "127.0.0.1", input=b"")
            self.assertIn(b"Verify return code: 0 (ok)", said)

    def test_large_answers_and_large_requests_come_through_whole(self):
        with Secure(self.IO, self.SHARDS) as server, server.client() as client:
            client.call("schema.put", users={"attributes": [{"name": "note", "type": "string"}]})
            notes = {f"user-{n}": f"{n}-" + "茶" * 600 for n in range(4000)}
            ids = list(notes)
            for begin in range(0, 4000, 1000):
                client.call("user.put", fields=["id", "note"], rows=[[one, notes[one]] for one in ids[begin:begin + 1000]])
            answers = [client.send("audience.list", where="true", limit=4000, fields=["note"]) for _ in range(4)]
            for number in answers:
                self.assertEqual(dict(client.receive(number)["rows"]), notes)

    def test_bytes_one_by_one_and_many_connections(self):
        with Secure(self.IO, self.SHARDS) as server:
            with server.connect() as connection:
                for byte in msgpack.packb([0, 7, "ping", []]):
                    connection.sendall(bytes([byte]))
                self.assertEqual(msgpack.unpackb(connection.recv(1000))[:2], [1, 7])

            def one():
                with server.connect() as connection:
                    results.append(all(ping(connection) for _ in range(50)))
            results = []
            threads = [threading.Thread(target=one) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(results, [True] * 16)

    def test_what_is_no_tls_is_closed_and_others_go_on(self):
        with Secure(self.IO, self.SHARDS) as server:
            for bytes_ in (msgpack.packb([0, 7, "ping", []]), b"GET / HTTP/1.1\r\n\r\n", os.urandom(3000), b"\x16\x03\x01\xff\xff" + b"\0" * 70000):
                with socket.create_connection(("127.0.0.1", server.port), 20) as plain:
                    try:
                        plain.sendall(bytes_)
                        while plain.recv(1 << 16):
                            pass
                    except ConnectionError:
                        pass
            with socket.create_connection(("127.0.0.1", server.port), 20) as silent, server.connect() as connection:
                begin = time.monotonic()
                self.assertEqual(silent.recv(100), b"", "a handshake that does not go on")
                self.assertLess(time.monotonic() - begin, 18)
                self.assertTrue(ping(connection))
            with self.assertRaises(OSError):
                Client(f"127.0.0.1:{server.port}", timeout=20).call("ping")

    def test_the_end_is_said_and_what_was_asked_is_answered(self):
        with Secure(self.IO, self.SHARDS) as server, server.connect() as connection:
            connection.sendall(msgpack.packb([0, 7, "ping", []]))
            self.assertTrue(connection.recv(1000))
            connection.sendall(msgpack.packb([0, 8, "ping", []]) * 100)
            server.process.send_signal(signal.SIGTERM)
            said = b""
            connection.suppress_ragged_eofs = False
            while data := connection.recv(1 << 16):  # an end without close_notify would raise
                said += data
            self.assertGreaterEqual(len(said), 100)


class OnUring(OnOneBody, unittest.TestCase):
    pass


class OnEpollWithTwoShards(OnOneBody, unittest.TestCase):
    IO, SHARDS = "epoll", 2


class Identities(unittest.TestCase):
    def test_a_client_refuses_who_it_does_not_know(self):
        for certificate, authority in (("impostor", "authority"), ("server", "stranger"), ("elsewhere", "authority")):
            with self.subTest(certificate=certificate), Secure(certificate=certificate) as server:
                with self.assertRaises(ssl.SSLCertVerificationError):
                    server.connect(context(authority))
                done = subprocess.run([SHOAL, "--addr", server.address, "ping"], capture_output=True, text=True,
                                      env={**os.environ, "SHOAL_TLS_CA": path(f"{authority}.pem")})
                self.assertEqual(done.returncode, 1)
                self.assertIn("the certificate is not accepted", done.stderr)

    def test_clients_may_have_to_show_a_certificate(self):
        with Secure(flags=["--tls-client-ca", path("authority.pem")]) as server:
            with server.connect(context(of="client")) as connection:
                self.assertTrue(ping(connection))
            for made in (context(), context(of="impostor")):
                with self.assertRaises(OSError):
                    with server.connect(made) as connection:
                        ping(connection)
            environment = {**os.environ, "SHOAL_TLS_CA": path("authority.pem")}
            done = subprocess.run([SHOAL, "--addr", server.address, "ping"], capture_output=True, text=True, env=environment)
            self.assertEqual(done.returncode, 1)
            environment |= {"SHOAL_TLS_CERTIFICATE": path("client.pem"), "SHOAL_TLS_KEY": path("client.key")}
            done = subprocess.run([SHOAL, "--addr", server.address, "ping"], capture_output=True, text=True, env=environment)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_certificate_is_read_anew_and_open_connections_stay(self):
        shutil.copy(path("server.pem"), path("live.pem"))
        shutil.copy(path("server.key"), path("live.key"))

        def shown():
            with server.connect() as connection:
                return dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"]

        with Secure(certificate="live") as server, server.connect() as before:
            self.assertEqual(shown(), "server")
            shutil.copy(path("second.pem"), path("live.pem"))
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            self.assertEqual(shown(), "server", "a certificate without its key changes nothing")
            shutil.copy(path("second.key"), path("live.key"))
            server.process.send_signal(signal.SIGHUP)
            for _ in range(50):
                if shown() == "second":
                    break
                time.sleep(0.1)
            self.assertEqual(shown(), "second")
            self.assertTrue(ping(before))
            before.close()
        self.assertIn("certificate: as before, because of this", server.words)

    def test_files_that_are_wrong_are_told_at_the_start(self):
        pathlib.Path(path("rubbish.pem")).write_text("no certificate")
        for flags, words in ((["--tls-certificate", path("none.pem")], "none.pem"), (["--tls-certificate", path("rubbish.pem")], "rubbish.pem"),
                             (["--tls-certificate", path("server.pem"), "--tls-key", path("client.key")], "client.key"),
                             (["--tls-certificate", path("server.pem"), "--tls-key", path("server.key"), "--tls-client-ca",
                               path("rubbish.pem")], "rubbish.pem"), ([], "--tls-certificate"),
                             (["--tls-key", path("server.key")], "--tls-certificate")):
            done = subprocess.run([SHOALD, "--listen", "tls:127.0.0.1:0", *flags], capture_output=True, text=True, timeout=20)
            self.assertEqual((done.returncode, done.stdout), (64, ""), done.stderr)
            self.assertIn(words, done.stderr)


class Clients(unittest.TestCase):
    def test_clients_speak_it(self):
        environment = {**os.environ, "SHOAL_TLS_CA": path("authority.pem")}
        for io in ("uring", "epoll"):
            with Secure(io) as server:
                rows = "id,note\n" + "".join(f"u{n},{'x' * 500}\n" for n in range(20000))
                pathlib.Path(path("users.csv")).write_text(rows)
                pathlib.Path(path("users.map")).write_text(subprocess.run(
                    [SHOAL, "schema", "guess", path("users.csv")], capture_output=True, text=True, check=True).stdout)
                done = subprocess.run([SHOAL, "--addr", server.address, "load", "--quiet", "--map", path("users.map"), "--dir", FOLDER, "--rejects",
                                       path("rejects")], capture_output=True, text=True, env=environment)
                self.assertEqual(done.returncode, 0, done.stderr)
                done = subprocess.run([SHOAL, "--addr", server.address, "--format", "csv", "list", "--limit", "20000", "--fields", "note", "true"],
                                      capture_output=True, text=True, env=environment)
                self.assertEqual(len(done.stdout.splitlines()), 20001, done.stderr)
                with shoal_client.Client(server.address, tls=context(), timeout=20) as client:
                    self.assertEqual(client.count("true").count, 20000)
                    self.assertEqual(len(client.call("audience.list", where="true", limit=20000, fields=["note"])["rows"]), 20000)

                async def ask():
                    async with shoal_client.aio.Client(server.address, tls=context(), timeout=20) as client:
                        return await asyncio.gather(*(client.count("true") for _ in range(20)))
                self.assertEqual({answer.count for answer in asyncio.run(ask())}, {20000})

    def test_tokens_go_with_it(self):
        with Secure(flags=["--access", path("access.json")]) as server:
            token = subprocess.run([SHOAL, "token", "create", "app", "--roles", "metrics", "--access", path("access.json")],
                                   capture_output=True, text=True, check=True).stdout.strip()
            time.sleep(1.2)
            with server.client() as client:
                client.call("hello", version=1, token=token)
                client.call("stats")
                with self.assertRaises(RpcError):
                    client.call("snapshot")


if __name__ == "__main__":
    unittest.main()
