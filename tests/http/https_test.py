"""HTTPS as its users meet it: versions, certificates read anew, client certificates, large and slow peers, and a stop under way.

Certificates are made for the run by the openssl command: an authority, two of a server, a client's, and a stranger's.
"""
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import rpc  # noqa: E402

JSON = {"Content-Type": "application/json"}
FOLDER = None


def openssl(*words):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=FOLDER).stdout


def setUpModule():
    global FOLDER
    FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="shoal-https-"))
    (FOLDER / "names").write_text("subjectAltName=DNS:localhost,DNS:shop.example,IP:127.0.0.1\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for name in ("authority", "stranger"):
        openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    for name, authority in (("first", "authority"), ("second", "authority"), ("client", "authority"), ("impostor", "stranger")):
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", f"{name}.pem")
        whole = (FOLDER / f"{name}.pem").read_text() + (FOLDER / f"{name}.key").read_text()
        (FOLDER / f"{name}.both.pem").write_text(whole)


def tearDownModule():
    shutil.rmtree(FOLDER)


def context(of=None):
    made = ssl.create_default_context(cafile=FOLDER / "authority.pem")
    if of is not None:
        made.load_cert_chain(FOLDER / f"{of}.both.pem")
    return made


class Secure:
    """shoald with HTTPS on a free port, and nothing else but a Unix socket."""

    def __init__(self, *flags, certificate="first"):
        self.unix = f"unix:{FOLDER}/socket-{time.monotonic_ns()}"
        self.process = subprocess.Popen(
            [rpc.SHOALD, "--listen", self.unix, "--https", "127.0.0.1:0", "--tls-certificate", FOLDER / f"{certificate}.both.pem",
             "--shards", "1", *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split()
        self.port = int(next(word for word in words if word.startswith("https://")).rpartition(":")[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, self.log = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, f"{self.process.returncode}\n{self.log}"

    def connection(self, of=None, **changes):
        made = context(of)
        for name, value in changes.items():
            setattr(made, name, value)
        return http.client.HTTPSConnection("localhost", self.port, timeout=30, context=made)

    def ask(self, verb, path, body=None, headers=None, **changes):
        connection = self.connection(**changes)
        try:
            connection.request(verb, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def call(self, method, **params):
        status, _, body = self.ask("POST", f"/rpc/{method}", json.dumps(params), JSON)
        assert status == 200, (status, body)
        return json.loads(body)


class Https(unittest.TestCase):
    def test_what_http_answers_it_answers_with_both_versions(self):
        with Secure() as server:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                status, headers, page = server.ask("GET", "/", minimum_version=version, maximum_version=version)
                self.assertEqual((status, headers["X-Frame-Options"]), (200, "DENY"))
                self.assertIn(b"<html", page)
            server.call("schema.put", users={"attributes": [{"name": "points", "type": "int"}]})
            server.call("user.put", users=[{"id": f"u{i}", "points": i} for i in range(20000)])
            # A long answer, and many questions on one connection.
            ids = server.call("audience.list", where="points >= 0", limit=10000)
            self.assertEqual(len(ids["rows"] if "rows" in ids else ids["ids"]), 10000)
            connection = server.connection()
            for i in range(50):
                connection.request("POST", "/rpc/audience.count", json.dumps({"where": f"points < {i}"}), JSON)
                self.assertEqual(json.loads(connection.getresponse().read())["count"], i)
            connection.close()
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                counts = list(pool.map(lambda i: server.call("audience.count", where=f"points < {i}")["count"], range(200)))
            self.assertEqual(counts, list(range(200)))

    def test_older_versions_and_plain_words_are_refused(self):
        with Secure() as server:
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it is deprecated: so it is tried
                old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                old.wrap_socket(socket.create_connection(("localhost", server.port)))
            with socket.create_connection(("localhost", server.port), timeout=20) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                said = plain.recv(100)
                self.assertNotIn(b"HTTP/1.1 200", said)
            self.assertEqual(server.ask("GET", "/livez")[0], 200)

    def test_a_certificate_is_read_anew(self):
        shutil.copy(FOLDER / "first.both.pem", FOLDER / "changing.both.pem")

        def shown(server):
            with context().wrap_socket(socket.create_connection(("localhost", server.port)), server_hostname="localhost") as peer:
                return dict(pair[0] for pair in peer.getpeercert()["subject"])["commonName"]

        with Secure(certificate="changing") as server:
            kept = server.connection()
            kept.request("GET", "/livez")
            self.assertEqual(kept.getresponse().read(), b"alive\n")
            self.assertEqual(shown(server), "first")
            shutil.copy(FOLDER / "second.both.pem", FOLDER / "changing.both.pem")
            server.process.send_signal(signal.SIGHUP)
            until = time.monotonic() + 20
            while shown(server) != "second":
                self.assertLess(time.monotonic(), until)
                time.sleep(0.05)
            kept.request("GET", "/livez")  # who is there goes on
            self.assertEqual(kept.getresponse().read(), b"alive\n")
            kept.close()

    def test_clients_show_a_certificate_where_it_is_asked_for(self):
        with Secure("--tls-client-ca", FOLDER / "authority.pem") as server:
            self.assertEqual(server.ask("GET", "/livez", of="client")[0], 200)
            for of in (None, "impostor"):
                with self.assertRaises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
                    server.ask("GET", "/livez", of=of)

    def test_other_machines_need_tokens(self):
        done = subprocess.run([rpc.SHOALD, "--listen", f"unix:{FOLDER}/s", "--https", "0.0.0.0:0", "--tls-certificate",
                               FOLDER / "first.both.pem"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("no access control", done.stderr)
        done = subprocess.run([rpc.SHOALD, "--https", "127.0.0.1:0", "--check-config"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 64)
        self.assertIn("tls-certificate", done.stderr)
        access = FOLDER / "access.json"
        subprocess.run([rpc.SHOAL, "token", "create", "app", "--roles", "audience", "--access", access], check=True, capture_output=True)
        with Secure("--access", access) as server:
            self.assertEqual(server.ask("POST", "/rpc/ping", "{}", JSON)[0], 401)
            # A page of this server's own name may call it, one of another may not.
            self.assertEqual(server.ask("POST", "/rpc/ping", "{}", {**JSON, "Origin": f"https://localhost:{server.port}"})[0], 401)
            self.assertEqual(server.ask("POST", "/rpc/ping", "{}", {**JSON, "Origin": "https://elsewhere.example"})[0], 403)

    def test_a_stranger_is_refused_before_the_body(self):
        access, audit = FOLDER / "tokens.json", FOLDER / "audit.log"
        subprocess.run([rpc.SHOAL, "token", "create", "app", "--roles", "audience", "--access", access], check=True, capture_output=True)
        with Secure("--access", access, "--audit", audit) as server:
            for shown in ({}, {"Authorization": "Bearer app.wrong"}):
                connection = server.connection()
                connection.putrequest("POST", "/rpc/user.put")
                for name, value in {**JSON, **shown, "Content-Length": str(8 << 20)}.items():
                    connection.putheader(name, value)
                connection.endheaders()  # and not one byte of the body
                self.assertEqual(connection.getresponse().status, 401)
                connection.close()
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        self.assertEqual([(line["method"], line["token"], line["result"]) for line in lines], [("hello", "", "unauthenticated")] * 2)

    def test_whoever_never_finishes_a_handshake_is_cut_off_and_hinders_nobody(self):
        with Secure() as server:
            silent = [socket.create_connection(("localhost", server.port)) for _ in range(1200)]  # more than there are places
            for peer in silent[:100]:
                peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00")  # the begin of a greeting
            time.sleep(0.3)
            for peer in silent[:300]:
                peer.close()
            until = time.monotonic() + 20
            while True:
                try:
                    self.assertEqual(server.ask("GET", "/livez")[0], 200)
                    break
                except (OSError, http.client.HTTPException):
                    self.assertLess(time.monotonic(), until)
            for peer in silent[300:]:
                peer.close()

    def test_a_large_answer_reaches_a_slow_reader_whole(self):
        with Secure() as server:
            server.call("schema.put", users={"attributes": [{"name": "note", "type": "string"}]})
            server.call("user.put", users=[{"id": f"u{i:05}", "note": "x" * 200 + str(i)} for i in range(10000)])
            connection = server.connection()
            body = json.dumps({"where": "true", "limit": 10000, "fields": ["note"], "order": "id"})
            connection.request("POST", "/rpc/audience.list", body, {**JSON, "Connection": "close"})
            answer = connection.getresponse()
            read = bytearray()
            while piece := answer.read(37_000):
                read += piece
                time.sleep(0.002)
            self.assertEqual(len(json.loads(read)["rows"]), 10000)
            self.assertGreater(len(read), 2_000_000)

    def test_what_is_under_way_is_answered_when_it_stops(self):
        with Secure() as server:
            server.call("schema.put", users={"attributes": [{"name": "points", "type": "int"}]})
            server.call("user.put", users=[{"id": f"u{i}", "points": i} for i in range(20000)])
            connections = [server.connection() for _ in range(20)]
            for connection in connections:
                connection.request("POST", "/rpc/audience.list", json.dumps({"where": "true", "limit": 10000}), JSON)
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            for connection in connections:
                answer = connection.getresponse()
                whole = json.loads(answer.read())
                self.assertIn(answer.status, (200, 503))
                if answer.status == 200:
                    self.assertEqual(whole["count"], 20000)
                connection.close()

    def test_garbage_inside_and_outside_is_survived(self):
        with Secure() as server:
            for garbage in (b"", b"\x16\x03\x01", b"\x16\x03\x03\x00\x05hello" * 100, os.urandom(100_000)):
                with socket.create_connection(("localhost", server.port)) as peer:
                    try:
                        peer.sendall(garbage)
                    except OSError:
                        pass
            for garbage in (b"\x00" * 100_000, b"GET / HTTP/9.9\r\n\r\n", b"POST /rpc/ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{}"):
                with context().wrap_socket(socket.create_connection(("localhost", server.port)), server_hostname="localhost") as peer:
                    try:
                        peer.sendall(garbage)
                    except OSError:
                        pass
            self.assertEqual(server.ask("GET", "/livez")[0], 200)


if __name__ == "__main__":
    unittest.main()
