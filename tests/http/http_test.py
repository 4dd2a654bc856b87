"""HTTP as its users meet it: calls as JSON, probes, the console's files, and everything that must be refused."""
import concurrent.futures
import gzip
import http.client
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import rpc  # noqa: E402

JSON = {"Content-Type": "application/json"}
SCHEMA = {"users": {"attributes": [{"name": "会员", "type": "enum", "labels": ["银卡", "金卡"]},
                                   {"name": "points", "type": "int"}, {"name": "joined", "type": "time"},
                                   {"name": "spent", "type": "decimal"}],
                    "tag_sets": [{"name": "interests"}]},
          "events": [{"name": "purchase", "properties": []}]}


class Running:
    """shoald with HTTP on a free port."""

    def __init__(self, *flags, shards=1):
        self.process = subprocess.Popen(
            [rpc.SHOALD, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--shards", str(shards), *flags],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split()
        self.address = words[2]
        self.http = next(word for word in words if word.startswith("http://")).removeprefix("http://")
        self.host, port = self.http.split(":")
        self.port = int(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, self.log = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, f"{self.process.returncode}\n{self.log}"

    def ask(self, verb, path, body=None, headers=None):
        """(status, headers, bytes) of one request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(verb, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask("GET", path, None, {name.replace("_", "-"): value for name, value in headers.items()})

    def rpc(self, method, params=None, query="", body=None):
        """(status, JSON) of one call."""
        body = json.dumps(params or {}).encode() if body is None else body
        status, headers, answer = self.ask("POST", f"/rpc/{method}{query}", body, JSON)
        assert headers["Content-Type"] == "application/json", headers
        return status, json.loads(answer)

    def must(self, method, query="", **params):
        status, answer = self.rpc(method, params, query)
        assert status == 200 and "took_us" in answer, (method, status, answer)
        return answer

    def raw(self, data, wait=3):
        """What comes back for these bytes until the server closes or is silent."""
        with socket.create_connection((self.host, self.port)) as peer:
            peer.settimeout(wait)
            got = b""
            try:
                peer.sendall(data)
                while piece := peer.recv(65536):
                    got += piece
            except (TimeoutError, ConnectionError):
                pass
            return got


def fill(server, count=500):
    server.must("schema.put", **SCHEMA)
    rows = [[f"u{i}", "金卡" if i % 4 == 0 else "银卡", i, 1767225600000 + i, f"{i}.50"] for i in range(count)]
    server.must("user.put", fields=["id", "会员", "points", "joined", "spent"], rows=rows)


class Calls(unittest.TestCase):
    def test_the_same_questions_have_the_same_answers_as_over_messagepack(self):
        for shards in (1, 2):
            with self.subTest(shards=shards), Running(shards=shards) as server:
                fill(server)
                questions = [("audience.count", {"where": "会员 >= '金卡' and points > 100"}),
                             ("audience.list", {"where": "points < 7", "order": "points",
                                                "fields": ["会员", "points", "joined", "spent", "interests"]}),
                             ("user.get", {"ids": ["u3", "nobody"]}), ("schema.get", {}),
                             ("audience.insight", {"where": "points > 3", "dimensions": ["会员", "points"]})]
                with rpc.Client(server.address) as client:
                    for method, params in questions:
                        asked = server.must(method, **params)
                        told = client.call(method, **params)
                        asked.pop("took_us"), told.pop("took_us")
                        self.assertEqual(asked, told)

    def test_errors_have_codes_and_positions_and_a_status(self):
        with Running() as server:
            status, answer = server.rpc("audience.count", {"where": "points > 1"})
            self.assertEqual((status, answer["error"]["status"]), (404, "not_found"))
            fill(server, 10)
            cases = [("audience.count", {"where": "会员 >> 1"}, 400, 301, 8),
                     ("audience.count", {"where": "pionts > 1"}, 400, 303, 0),
                     ("audience.count", {"where": "points > 1", "wheer": 1}, 400, 300, None),
                     ("user.get", {"id": "nobody"}, 404, 304, None),
                     ("schema.put", {"zone": "Asia/Shanghai"}, 409, 305, None),
                     ("snapshot", {}, 501, 103, None),
                     ("no.such", {}, 404, 303, None),
                     ("shard.learn", {}, 404, 303, None)]
            with rpc.Client(server.address) as client:
                for method, params, status, code, position in cases:
                    with self.subTest(method=method, params=params):
                        got, answer = server.rpc(method, params)
                        self.assertEqual((got, answer["error"]["code"], answer["error"].get("position")),
                                         (status, code, position))
                        with self.assertRaises(rpc.RpcError) as told:
                            client.call(method, **params)
                        self.assertEqual(told.exception.error, answer["error"])

    def test_bad_json_is_said_where_it_is(self):
        with Running() as server:
            for body, position in ((b'{"where": }', 10), (b'{"a": 1,}', 8), (b"[1, 2", 5), (b'{"a": 01}', 6),
                                   (b'{"a": "\\ud800"}', 7), (b'{"a": "\\u0000"}', 7), (b'{"a": 1} x', 9),
                                   (b'{"a": 18446744073709551616}', 6), (b'{"a": 1e999}', 6), (b'{"a": NaN}', 6),
                                   (b"[" * 100, 80), (b'{"a": "x', 8), (b'{a: 1}', 1)):
                with self.subTest(body=body):
                    status, answer = server.rpc("ping", body=body)
                    self.assertEqual((status, answer["error"]["code"], answer["error"].get("position")),
                                     (400, 100, position))
            for body in (b'"\xff"', b'{"a\x00b": 1}'):
                self.assertEqual(server.rpc("ping", body=body)[0], 400)
            status, answer = server.rpc("ping", body=b"[1]")
            self.assertEqual((status, answer["error"]["message"]), (400, "the params are one object, not an array"))
            self.assertEqual(server.rpc("ping", body=b"")[0], 200)

    def test_numbers_of_64_bits_are_exact(self):
        with Running() as server:
            fill(server, 1)
            for number in (0, -1, 2**53 - 1, -(2**53) + 1, 2**53, -(2**53), 2**63 - 1, -(2**63)):
                self.assertEqual(server.must("user.put", user={"id": "u0", "points": number})["accepted"], 1)
                got = server.must("user.get", id="u0")["user"]["points"]
                self.assertEqual(got, number if abs(number) < 2**53 else str(number))

    def test_workspaces_are_apart_and_a_session_is_nobody_elses(self):
        with Running(shards=2) as server:
            one, two = ("?workspace=" + urllib.parse.quote(name) for name in ("商户一", "商户二"))
            for query in (one, two):
                server.must("schema.put", query, **SCHEMA)
            server.must("user.put", one, user={"id": "u", "points": 1})

            def count(number):
                query = one if number % 2 else two
                return server.must("audience.count", query, where="points is not missing")["count"] == number % 2

            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                self.assertTrue(all(pool.map(count, range(400))))
            # hello is answered, and leaves nothing behind for the next caller.
            for _ in range(40):
                self.assertEqual(server.must("hello", version=1, workspace="商户一")["workspace"], "商户一")
                status, answer = server.rpc("audience.count", {"where": "points = 1"})
                self.assertEqual((status, answer["error"]["status"]), (404, "not_found"))
            self.assertEqual(server.rpc("ping", query="?workspace=" + "x" * 65)[0], 400)
            self.assertEqual(server.rpc("ping", query="?worksapce=x")[0], 400)

    def test_a_numbered_write_is_done_once(self):
        with Running() as server:
            fill(server, 1)
            event = {"event": {"type": "purchase", "user": "u0", "time": 1767225600000}}
            for _ in range(3):
                self.assertEqual(server.rpc("event.append", event, "?client=shop&seq=7")[1]["accepted"], 1)
            self.assertEqual(server.must("audience.count", where="count(purchase, ever) = 1")["count"], 1)
            status, answer = server.rpc("event.append", {**event, "event": {**event["event"], "time": 1}},
                                        "?client=shop&seq=7")
            self.assertEqual((status, answer["error"]["status"]), (409, "conflict"))
            for query in ("?client=shop", "?seq=7", "?client=shop&seq=0", "?client=shop&seq=7x", "?client=&seq=1"):
                self.assertEqual(server.rpc("event.append", event, query)[0], 400)

    def test_one_connection_serves_many_calls(self):
        with Running() as server:
            connection = http.client.HTTPConnection(server.host, server.port)
            for _ in range(300):
                connection.request("POST", "/rpc/ping", b"{}", JSON)
                self.assertEqual(connection.getresponse().read()[:11], b'{"took_us":')
            connection.close()


class Strangers(unittest.TestCase):
    def test_only_this_servers_pages_may_call_it(self):
        with Running("--http-host", "shoal.shop.cn") as server:
            own = f"http://{server.http}"
            for headers, status in (({}, 200), ({"Origin": own}, 200), ({"Origin": own, "Sec-Fetch-Site": "same-origin"}, 200),
                                    ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                                    ({"Origin": f"http://{server.host}:1"}, 403),
                                    ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
                                    ({"Host": "evil.example"}, 421), ({"Host": f"evil.example:{server.port}"}, 421),
                                    ({"Host": "127.0.0.1.evil.example"}, 421), ({"Host": "[::1"}, 421),
                                    ({"Host": "shoal.shop.cn"}, 200), ({"Host": "SHOAL.shop.cn:80"}, 200),
                                    ({"Host": f"localhost:{server.port}"}, 200), ({"Host": "[::1]:7718"}, 200),
                                    ({"Content-Type": "text/plain"}, 415),
                                    ({"Content-Type": "application/json; charset=utf-8"}, 200),
                                    ({"Content-Type": "application/jsonx"}, 415),
                                    ({"Content-Type": "application/x-www-form-urlencoded"}, 415)):
                with self.subTest(headers=headers):
                    got, said, _ = server.ask("POST", "/rpc/ping", b"{}", {**JSON, **headers})
                    self.assertEqual(got, status)
                    self.assertNotIn("Access-Control-Allow-Origin", said)
            self.assertEqual(server.ask("POST", "/rpc/ping", b"{}")[0], 415)
            self.assertEqual(server.get("/livez", Host="evil.example")[0], 421)
            self.assertEqual(server.ask("OPTIONS", "/rpc/ping", headers={"Origin": "http://evil.example"})[0], 405)
            self.assertEqual(server.get("/rpc/ping")[0], 405)
            self.assertEqual(server.ask("POST", "/metrics", b"", JSON)[0], 405)

    def test_only_this_machine_is_served(self):
        done = subprocess.run([rpc.SHOALD, "--http", "0.0.0.0:0"], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 64)
        self.assertIn("this machine only", done.stderr)

    def test_what_is_too_large_is_refused(self):
        with Running() as server:
            for headers in (JSON, {**JSON, "Transfer-Encoding": "chunked"}):
                pieces = (b" " * 65536 for _ in range(8 * 16 + 1))
                body = b" " * (8 * 2**20 + 1) if headers is JSON else pieces
                connection = http.client.HTTPConnection(server.host, server.port)
                try:
                    connection.request("POST", "/rpc/ping", body, headers, encode_chunked=headers is not JSON)
                    self.assertEqual(connection.getresponse().status, 413)
                except (BrokenPipeError, ConnectionResetError):
                    self.assertIs(headers, JSON)  # it said so before the body came, and closed
                connection.close()
            # One that goes on for ever is cut.
            head = b"POST /rpc/ping HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            with socket.create_connection((server.host, server.port)) as peer:
                peer.settimeout(20)
                peer.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
                chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
                with self.assertRaises(ConnectionError):
                    for _ in range(64 * 16):
                        peer.sendall(chunk)
            # What is nested, or has no end, costs nothing.
            self.assertEqual(server.rpc("ping", body=b"[" * (8 * 2**20))[0], 400)
            self.assertEqual(server.rpc("ping", body=b"[],"* (2 * 2**20))[0], 400)
            self.assertEqual(server.must("ping").keys(), {"took_us"})

    def test_garbage_is_survived(self):
        # Without a page: a line without a path is read as a wish for one.
        with tempfile.TemporaryDirectory() as folder, Running("--console", folder) as server:
            for data in (b"\x00" * 1000, b"GET\r\n\r\n", b"GET /none HTTP/9.9\r\n\r\n", b"\x94\x00\x07\xa4ping\x90",
                         b"GET / HTTP/1.1\r\n" + b"A: " + b"x" * 100000 + b"\r\n\r\n",
                         b"GET /%00%ff/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                         b"POST /rpc/ping HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         b"Content-Length: -5\r\n\r\n",
                         b"POST /rpc/ping HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         b"Content-Length: 99999999999999999999\r\n\r\n",
                         b"POST /rpc/ping HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"):
                got = server.raw(data, wait=1)
                self.assertTrue(got == b"" or b" 200 " not in got[:20], got[:200])
            self.assertEqual(server.get("/livez")[0], 200)


class OpenApi(unittest.TestCase):
    def test_every_method_takes_the_params_that_it_says_and_no_others(self):
        with Running() as server:
            fill(server, 3)
            status, headers, body = server.get("/openapi.json")
            self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
            told = json.loads(body)
            printed = subprocess.run([rpc.SHOALD, "--openapi"], capture_output=True, check=True).stdout
            self.assertEqual(json.loads(printed), told)
            self.assertEqual(told["openapi"], "3.0.3")
            said = {path.removeprefix("/rpc/"): entry["post"]["requestBody"]["content"]["application/json"]["schema"]
                    for path, entry in told["paths"].items()}
            self.assertGreater(len(said), 50)
            everything = sorted({name for schema in said.values() for name in schema["properties"]})
            self.assertNotIn("zzz", everything)
            connection = http.client.HTTPConnection(server.host, server.port)

            def complaint(method, name):
                connection.request("POST", f"/rpc/{method}", json.dumps({name: None}), JSON)
                return json.loads(connection.getresponse().read()).get("error", {}).get("message", "")

            for method, schema in said.items():
                if method in ("snapshot", "token.list", "token.create", "token.rotate", "token.revoke"):
                    continue  # refused before their params are looked at, by a server without tokens and data
                taken = set()
                for name in everything:
                    # nil counts as absent, so only a name that is unknown is complained of.
                    message = complaint(method, name)
                    if f"unknown key `{name}`" not in message and f"knows no key `{name}`" not in message:
                        taken.add(name)
                hidden = {"user.merge": {"step", "person"}, "audience.lookalike": {"part_weights"}}.get(method, set())
                with self.subTest(method=method):
                    self.assertEqual(taken - hidden, set(schema["properties"]))
                    for name in schema.get("required", []):
                        self.assertIn(name, schema["properties"])
            connection.close()

    def test_it_is_whole(self):
        told = json.loads(subprocess.run([rpc.SHOALD, "--openapi"], capture_output=True, check=True).stdout)

        def walk(value):
            if isinstance(value, dict):
                if "$ref" in value:
                    target = told
                    for step in value["$ref"].removeprefix("#/").split("/"):
                        target = target[step]
                for inner in value.values():
                    walk(inner)
            elif isinstance(value, list):
                for inner in value:
                    walk(inner)

        walk(told)
        for path, entry in told["paths"].items():
            self.assertTrue(entry["post"]["summary"], path)
            self.assertTrue(entry["post"]["x-roles"], path)


class Tokens(unittest.TestCase):
    def test_with_access_control_a_token_is_needed_and_opens_what_its_roles_open(self):
        with tempfile.TemporaryDirectory() as folder:
            flags = ["--listen", f"unix:{folder}/socket", "--access", f"{folder}/access.json"]
            with Running(*flags, shards=2) as server, rpc.Client(f"unix:{folder}/socket") as owner:
                owner.call("hello", version=1, workspace="shop")
                owner.call("schema.put", **SCHEMA)
                owner.call("user.put", user={"id": "u", "points": 5})
                shown = {name: owner.call("token.create", id=name, workspace=workspace, roles=roles)["token"]
                         for name, workspace, roles in (("asks", "shop", ["audience"]), ("loads", "shop", ["ingest"]),
                                                        ("other", "elsewhere", ["audience"]),
                                                        ("scrape", "*", ["metrics"]), ("one", "shop", ["metrics"]))}
                count = {"where": "points = 5"}

                def ask(token, method="audience.count", params=count, query=""):
                    headers = {**JSON, **({} if token is None else {"Authorization": f"Bearer {token}"})}
                    status, said, body = server.ask("POST", f"/rpc/{method}{query}", json.dumps(params), headers)
                    return status, said, json.loads(body)

                self.assertEqual(ask(shown["asks"])[2]["count"], 1)
                self.assertEqual(ask(shown["asks"], query="?workspace=shop")[0], 200)
                self.assertEqual(ask(shown["asks"], query="?workspace=elsewhere")[0], 403)
                status, said, body = ask(None)
                self.assertEqual((status, said["WWW-Authenticate"], body["error"]["code"]), (401, "Bearer", 200))
                for wrong in (shown["asks"][:-1], "asks.x", "x" * 257, "", shown["asks"] + "x"):
                    self.assertEqual(ask(wrong)[0], 401)
                self.assertEqual(ask(shown["loads"])[0], 403)
                self.assertEqual(ask(shown["loads"], "user.put", {"user": {"id": "v", "points": 5}})[0], 200)
                self.assertEqual(ask(shown["other"])[0], 404)  # there is no such workspace yet, and no other is seen
                # One caller's session is never another's, also under load.
                with concurrent.futures.ThreadPoolExecutor(16) as pool:
                    names = ["asks", None, "loads", "other"] * 50
                    got = list(pool.map(lambda name: ask(shown.get(name))[0], names))
                self.assertEqual(got, [200, 401, 403, 404] * 50)
                # hello with another token in its params gives that caller nothing beyond its own answer.
                self.assertEqual(ask(shown["loads"], "hello", {"version": 1, "token": shown["asks"]})[0], 200)
                self.assertEqual(ask(shown["loads"])[0], 403)
                owner.call("token.revoke", id="asks")
                self.assertEqual(ask(shown["asks"])[0], 401)
                for token, status in ((None, 401), ("x.y", 401), (shown["loads"], 403), (shown["one"], 403),
                                      (shown["scrape"], 200)):
                    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                    self.assertEqual(server.get("/metrics", **headers)[0], status, token)
                self.assertEqual(server.get("/livez")[0], 200)
                self.assertEqual(server.get("/readyz")[0], 200)


class Console(unittest.TestCase):
    def test_files_are_served_from_memory_with_tags_and_gzip(self):
        with tempfile.TemporaryDirectory() as folder:
            page = "<!doctype html><title>圈人</title>" + "<p>hello</p>" * 100
            root = pathlib.Path(folder, "page")
            (root / "lib").mkdir(parents=True)
            (root / "index.html").write_text(page)
            (root / "lib" / "a.js").write_text("export const a = 1;\n" * 100)
            (root / "tiny.css").write_text("p{}")
            (root / ".hidden.js").write_text("no")
            (root / "notes.md").write_text("no")
            pathlib.Path(folder, "secret.json").write_text("no")
            with Running("--console", str(root)) as server:
                status, headers, body = server.get("/")
                self.assertEqual((status, body.decode(), headers["Content-Type"]), (200, page, "text/html; charset=utf-8"))
                self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                status, packed, body = server.get("/", Accept_Encoding="br, gzip;q=0.9")
                self.assertEqual((status, gzip.decompress(body).decode()), (200, page))
                self.assertEqual(packed["Content-Encoding"], "gzip")
                self.assertNotEqual(packed["ETag"], headers["ETag"])
                self.assertIsNone(server.get("/", Accept_Encoding="gzip;q=0")[1]["Content-Encoding"])
                for tag in (headers["ETag"], f'"x", {headers["ETag"]}', f'W/{headers["ETag"]}'):
                    status, again, body = server.get("/index.html", If_None_Match=tag)
                    self.assertEqual((status, body, again["ETag"]), (304, b"", headers["ETag"]))
                self.assertEqual(server.get("/", If_None_Match='"x"')[0], 200)
                status, head, body = server.ask("HEAD", "/lib/a.js")
                self.assertEqual((status, body, head["Content-Length"]), (200, b"", "2000"))
                self.assertIsNone(server.get("/tiny.css", Accept_Encoding="gzip")[1]["Content-Encoding"])
                (root / "index.html").write_text("changed")
                self.assertEqual(server.get("/")[2].decode(), page)
                for path in ("/.hidden.js", "/notes.md", "/../secret.json", "/%2e%2e/secret.json", "/lib", "/lib/",
                             "/index.html/", "//index.html", "/" + "x" * 5000):
                    with self.subTest(path=path[:40]):
                        self.assertIn(server.get(path)[0], (404, 414))

    def test_a_folder_that_is_not_there_is_said(self):
        done = subprocess.run([rpc.SHOALD, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--console", "/no/such"],
                              capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 71)
        self.assertIn("/no/such", done.stderr)


def metrics_of(server):
    """{name: {labels: value}}"""
    found = {}
    for line in server.get("/metrics")[2].decode().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name, _, labels = name.partition("{")
            found.setdefault(name, {})[labels.rstrip("}")] = float(value)
    return found


class Metrics(unittest.TestCase):
    def test_promtool_finds_nothing_to_say_about_the_metrics(self):
        if shutil.which("promtool") is None:
            self.skipTest("SKIPPED: no promtool (Debian package prometheus)")
        with tempfile.TemporaryDirectory() as folder, Running("--data", f"{folder}/data", shards=2) as server:
            fill(server)
            server.must("snapshot")
            server.rpc("audience.count", {"where": "no such thing"})
            text = server.get("/metrics")[2]
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_what_is_counted_is_what_was_done(self):
        with Running(shards=2) as server:
            fill(server, 300)
            for _ in range(25):
                server.must("audience.count", where="points >= 0")
            for _ in range(3):
                server.rpc("audience.count", {"where": "points >="})
            server.rpc("no.such")
            time.sleep(1.2)  # the shards tell once a second how much is in them
            found = metrics_of(server)
            bucket = found["shoal_request_duration_seconds_bucket"]
            edges = [(float(label.rpartition('le="')[2].rstrip('"')), count) for label, count in bucket.items()
                     if label.startswith('method="audience.count"')]
            self.assertEqual(edges, sorted(edges))
            self.assertEqual([count for _, count in edges], sorted(count for _, count in edges))
            self.assertEqual(edges[-1], (float("inf"), 28))
            self.assertEqual(found["shoal_request_duration_seconds_count"]['method="audience.count"'], 28)
            self.assertGreater(found["shoal_request_duration_seconds_sum"]['method="audience.count"'], 0)
            self.assertEqual(found["shoal_request_errors_total"]['method="audience.count"'], 3)
            self.assertEqual(found["shoal_errors_total"]['status="syntax"'], 3)
            self.assertEqual(sum(found["shoal_users"].values()), 300)
            self.assertEqual(found["shoal_shards"][""], 2)
            self.assertEqual(found["shoal_up"][""], 1)
            self.assertGreater(sum(found["shoal_memory_bytes"].values()), 0)
            self.assertGreater(found["process_resident_memory_bytes"][""], 1 << 20)
            # `stats` says the same by section.
            stats = server.must("stats", sections=["server", "methods", "loops", "errors"])
            self.assertEqual(set(stats), {"server", "methods", "loops", "errors", "workspace", "took_us"})
            self.assertEqual(stats["server"]["users"], 300)
            self.assertNotIn("methods", stats["server"])
            self.assertEqual(stats["methods"]["audience.count"]["requests"], 28)
            self.assertEqual(stats["errors"]["syntax"], 3)
            self.assertEqual(sum(loop["users"] for loop in stats["loops"]), 300)
            latencies = server.must("stats", sections=["latencies"])["latencies"]["audience.count"]
            self.assertEqual(sum(count for _, count in latencies["took_us"]), 28)
            self.assertLessEqual(latencies["p50_us"], latencies["p99_us"])
            self.assertIn("methods", server.must("stats")["server"])
            status, answer = server.rpc("stats", {"sections": ["lops"]})
            self.assertEqual((status, answer["error"]["hint"]), (400, "did you mean `loops`?"))

    def test_a_scrape_is_short_when_every_method_was_asked(self):
        with Running(shards=2) as server:
            fill(server, 10)
            with rpc.Client(server.address) as client:
                for method in ("audience.count", "audience.list", "user.get", "item.get", "segment.list", "rule.list",
                               "tree.list", "score.list", "feed.get", "feed.trending", "schema.get", "ping"):
                    try:
                        client.call(method)
                    except rpc.RpcError:
                        pass
            connection = http.client.HTTPConnection(server.host, server.port)
            times = []
            for _ in range(21):
                begin = time.perf_counter()
                connection.request("GET", "/metrics")
                connection.getresponse().read()
                times.append(time.perf_counter() - begin)
            connection.close()
            print(f"a scrape takes {sorted(times)[10] * 1000:.2f} ms (median of 21)")
            self.assertLess(min(times), 0.005)


class SlowLog(unittest.TestCase):
    def test_a_slow_request_is_noted_without_its_values(self):
        with Running("--slow-ms", "1", shards=2) as server:
            fill(server, 100)
            body = {"fields": ["id", "points", "会员"], "rows": [[f"v{i}", i, "银卡"] for i in range(60000)]}
            server.must("user.put", **body)
            for _ in range(5):
                server.must("audience.list", where="points > 77 and 会员 in ('银卡', '金卡')", order="points", limit=60000,
                            fields=["会员", "points", "joined", "spent", "interests"])
            noted = [json.loads(entry["what"]) for entry in server.must("stats", sections=["slow"])["slow"]]
            put = [entry for entry in noted if entry["method"] == "user.put"]
            listed = [entry for entry in noted if entry["method"] == "audience.list"]
            self.assertTrue(put or len(noted) == 32, noted)
            self.assertTrue(listed, noted)
            for entry in listed:
                self.assertEqual(entry["where"], "points > ? and 会员 in (?, ?)")
                self.assertGreaterEqual(entry["took_ms"], 1)
                self.assertGreater(entry["worked_ms"], 0)
                self.assertEqual(entry["status"], "ok")
                self.assertGreater(entry["answer_bytes"], 60000)
            self.assertEqual(sum(metrics_of(server)["shoal_requests_slow_total"].values()) >= len(noted), True)
        lines = [line for line in server.log.splitlines() if " slow {" in line]
        self.assertTrue(lines)
        self.assertIn("audience.list", server.log)
        self.assertNotIn("77", "".join(line.partition("where")[2] for line in lines))
        with Running("--slow-ms", "0") as server:
            fill(server, 10)
            self.assertEqual(server.must("stats", sections=["slow"])["slow"], [])
        for value in ("x", "-1", "3600001", ""):
            done = subprocess.run([rpc.SHOALD, "--slow-ms", value], capture_output=True, timeout=20)
            self.assertEqual(done.returncode, 64)


class Probes(unittest.TestCase):
    def test_probes_answer_while_long_questions_run_and_hung_up_questions_end(self):
        with Running() as server:
            fill(server, 5)
            self.assertEqual(server.get("/livez")[2], b"alive\n")
            self.assertEqual(server.get("/readyz")[2], b"ready\n")
            with concurrent.futures.ThreadPoolExecutor(40) as pool:
                calls = [pool.submit(server.must, "audience.count", where="points > 1") for _ in range(400)]
                for _ in range(20):
                    self.assertEqual(server.get("/livez")[0], 200)
                self.assertEqual({call.result()["count"] for call in calls}, {3})

    def test_what_is_under_way_is_answered_when_it_stops(self):
        with tempfile.TemporaryDirectory() as folder, Running("--data", f"{folder}/data", shards=2) as server:
            server.must("schema.put", **SCHEMA)
            rows = [[f"u{i}", i] for i in range(60000)]
            body = json.dumps({"fields": ["id", "points"], "rows": rows}).encode()
            head = (f"POST /rpc/user.put HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n").encode()
            peers = [socket.create_connection((server.host, server.port)) for _ in range(4)]
            for peer in peers:
                peer.settimeout(20)
                peer.sendall(head + body)
            end = time.monotonic() + 1  # until a worker has begun
            while metrics_of(server)["shoal_http_calls_running"][""] == 0 and time.monotonic() < end:
                pass
            begin = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            answers = []
            for peer in peers:
                got = b""
                while piece := peer.recv(65536):
                    got += piece
                peer.close()
                answers.append((int(got.split()[1]), json.loads(got.partition(b"\r\n\r\n")[2])))
            self.assertEqual(server.process.wait(20), 0)
            self.assertLess(time.monotonic() - begin, 15)
            for status, answer in answers:
                self.assertTrue((status, answer.get("accepted")) == (200, 60000) or status == 503, (status, answer))
            self.assertIn(200, [status for status, _ in answers])


if __name__ == "__main__":
    unittest.main()
