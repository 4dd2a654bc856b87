"""Who may do what: tokens, roles, workspaces and limits, against the real server on both loop bodies.

The methods and their roles are read from the method table of the engine, so that a new method is in these tests from its first day.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

import msgpack

from rpc import ROOT, SHOAL, Client, RpcError, Server, shoal

sys.path.insert(0, str(ROOT / "tools" / "clients" / "python"))
import shoal as shoal_client  # noqa: E402  (the Python client, by another name than the command line's helper)

ROLES = ["feed", "audience", "ingest", "schema", "export", "forget", "admin", "metrics", "personal"]
OPENING = ROLES[:8]
SECRET = "SECRET-OF-THE-RIVAL"


def method_table():
    """{method: roles}, internal methods left out."""
    text = (ROOT / "engine" / "shard" / "method_table.c").read_text()
    found = {}
    for name, internal, roles in re.findall(r'\{"([\w.]+)",\s*SH_SPREAD_\w+,\s*\w+,\s*(\w+),\s*\w+,\s*([\w |\n]+?),', text):
        if internal == "true":
            continue
        words = [word.strip().lower() for word in roles.split("|")]
        found[name] = OPENING if words == ["any"] else words
    return found


METHODS = method_table()
SCHEMA = {
    "users": {"attributes": [{"name": "city", "type": "string"}, {"name": "inviter", "type": "string"}],
              "tag_sets": [{"name": "tags"}]},
    "items": {"attributes": [{"name": "kind", "type": "string"}], "tag_sets": [{"name": "tags"}]},
    "events": [{"name": "view"}, {"name": "purchase", "properties": [{"name": "store", "type": "string"}]}],
}


def fill(client, secret):
    """A workspace in which every text says whose it is."""
    now = int(time.time() * 1000)
    client.call("schema.put", **SCHEMA)
    client.call("user.put", users=[{"id": f"user-{n}", "city": secret, "tags": [secret], "inviter": "user-0"} for n in range(20)])
    client.call("item.put", items=[{"id": f"item-{n}", "kind": secret, "tags": [secret]} for n in range(5)])
    client.call("event.append", events=[{"type": kind, "user": f"user-{n}", "item": f"item-{n % 5}", "time": now - n * 1000}
                                        for n in range(20) for kind in ("view", "purchase")])
    client.call("segment.put", name="best", where="city is not missing", note=secret)
    client.call("score.put", name="worth", points=[{"when": f"city = '{secret}'", "points": 1}])
    client.call("rule.put", name="buyer", on="purchase", tag_set="tags", tag=secret)
    client.call("tree.put", name="places", of="city", nodes=[{"name": secret}])


# Params with which a method says something about the rival, if it could.
ASKING = {
    "user.get": {"id": "user-1", "events": 5}, "item.get": {"id": "item-1"}, "feed.get": {"user": "user-1", "fields": ["kind"]},
    "audience.list": {"where": "city is not missing", "fields": ["city", "tags"]}, "audience.why": {"user": "user-1", "where": "city = 'x'"},
    "audience.sample": {"where": "true", "count": 3, "fields": ["city"]}, "segment.get": {"name": "best"}, "score.get": {"name": "worth"},
    "rule.get": {"name": "buyer"}, "tree.get": {"name": "places"}, "segment.of_user": {"user": "user-1"},
    "feed.similar": {"item": "item-1", "fields": ["kind"]}, "feed.also_bought": {"item": "item-1", "fields": ["kind"]},
    "feed.trending": {"fields": ["kind"]}, "audience.insight": {"where": "true", "dimensions": ["city", "tags"]},
    "audience.lookalike": {"seeds": "city is not missing", "count": 2}, "audience.count": {"where": "city is not missing"},
    "audience.ask": {"where": "true", "list": {"fields": ["city"]}}, "audience.explain": {"where": "city is not missing", "analyze": True},
    "audience.waterfall": {"where": "city is not missing"}, "audience.overlap": {"sets": ["city is not missing"]},
}


class Guarded:
    """A server with access control and a workspace of a shop and of a rival; tokens by name."""

    def __init__(self, io, shards):
        self.folder = tempfile.TemporaryDirectory(prefix="shoal-access-")
        self.file = f"{self.folder.name}/access.json"
        self.server = Server(shards=shards, io=io, flags=["--access", self.file])
        self.tokens = {}
        with self.owner() as owner:
            for role in ROLES:
                self.tokens[role] = owner.call("token.create", id=role, workspace="shop", roles=[role])["token"]
            for name, workspace in (("shop", "shop"), ("rival", "rival"), ("empty", "empty"), ("all", "*")):
                self.tokens[name] = owner.call("token.create", id=name, workspace=workspace, roles=ROLES)["token"]
        with self.client("shop") as client:
            fill(client, "own")
        with self.client("rival") as client:
            fill(client, SECRET)

    def owner(self, **arguments):
        return Client(self.server.unix, **arguments)

    def client(self, name, **arguments):
        return Client(self.server.address, token=self.tokens[name], **arguments)

    def stop(self):
        self.server.stop()
        self.folder.cleanup()


def status_of(client, method, **params):
    try:
        client.call(method, **params)
        return "ok"
    except RpcError as error:
        return error.status


class OnOneBody:
    IO, SHARDS = "uring", 1

    @classmethod
    def setUpClass(cls):
        cls.guarded = Guarded(cls.IO, cls.SHARDS)

    @classmethod
    def tearDownClass(cls):
        cls.guarded.stop()

    def test_the_table_is_read(self):
        self.assertGreater(len(METHODS), 55)
        self.assertEqual(METHODS["user.forget"], ["forget"])
        self.assertNotIn("shard.learn", METHODS)

    def test_every_method_is_closed_without_one_of_its_roles(self):
        refused = 0
        for role in ROLES:
            if role not in OPENING:
                with self.assertRaises(RpcError, msg="a token that opens nothing does not get past hello") as caught:
                    self.guarded.client(role)
                self.assertEqual(caught.exception.status, "forbidden")
                continue
            client = self.guarded.client(role)
            with client:
                self.assertEqual(client.hello["roles"], [role])
                for method, roles in METHODS.items():
                    with self.subTest(role=role, method=method):
                        status = status_of(client, method)
                        if method == "hello":
                            self.assertEqual(status, "argument")
                        elif role in roles:
                            self.assertNotIn(status, ("unauthenticated",))
                            self.assertTrue(status != "forbidden" or method.startswith("token."), status)
                        else:
                            self.assertEqual(status, "forbidden")
                            refused += 1
        self.assertGreater(refused, 300)

    def test_nobody_gets_nothing_and_is_closed(self):
        words = set()
        for method in [*METHODS, "no.such.method", "shard.learn", ""]:
            if method == "hello":
                continue
            with Client(self.guarded.server.address) as client:
                with self.assertRaises(RpcError) as caught:
                    client.call(method)
                self.assertEqual(caught.exception.status, "unauthenticated", method)
                words.add(caught.exception.message)
                with self.assertRaises(OSError):
                    client.call("ping")
        self.assertEqual(len(words), 1, "the words do not tell which methods there are")

    def test_hello_without_a_right_token_is_refused_once_and_for_all(self):
        good = self.guarded.tokens["shop"]
        wrong = [good[:-1] + ("A" if good[-1] != "A" else "B"), "shop", "", "nobody." + good.split(".")[1], good + "x", "x" * 300]
        words = set()
        for token in wrong:
            with Client(self.guarded.server.address) as client:
                first = client.send("hello", version=1, token=token)
                second = client.send("hello", version=1, token=good)
                with self.assertRaises(RpcError) as caught:
                    client.receive(first)
                self.assertEqual(caught.exception.status, "unauthenticated")
                words.add(caught.exception.message)
                with self.assertRaises(OSError, msg="one attempt a connection"):
                    client.receive(second)
        self.assertEqual(len(words), 1, words)

    def test_a_large_message_of_nobody_is_refused_before_it_has_come(self):
        with Client(self.guarded.server.address) as client:
            client.socket.sendall(b"\x94\x00\x01\xa5hello\x91\x82\xa7version\x01\xa5token\xdb\x00\x10\x00\x00" + b"x" * 5000)
            client.socket.settimeout(20)
            said = b""
            while data := client.socket.recv(1 << 16):
                said += data
            self.assertIn(b"too_large", said)

    def test_a_token_leads_to_its_own_workspace_only(self):
        words = set()
        for workspace in ("rival", "no such workspace", "default", "*"):
            with self.assertRaises(RpcError) as caught:
                self.guarded.client("shop", workspace=workspace)
            self.assertEqual(caught.exception.status, "forbidden")
            words.add(caught.exception.message)
        self.assertEqual(len(words), 1, "the words do not tell which workspaces there are")
        with self.guarded.client("shop") as client:
            self.assertEqual(client.hello["workspace"], "shop")
            self.assertEqual(status_of(client, "hello", version=1, workspace="rival"), "forbidden")
            self.assertEqual(client.call("user.get", id="user-1")["user"]["city"], "own")
            for name in ("workspace", "_workspace"):
                self.assertEqual(status_of(client, "user.get", id="user-1", **{name: "rival"}), "argument")
        with self.guarded.client("all", workspace="rival") as client:
            self.assertEqual(client.call("user.get", id="user-1")["user"]["city"], SECRET)

    def test_no_method_says_anything_of_another_workspace(self):
        with self.guarded.client("rival") as rival:
            cursor = rival.call("audience.list", where="true", limit=3, keep=True, fields=["city"])["cursor"]
        for name in ("shop", "empty"):
            with self.guarded.client(name) as client:
                for method in METHODS:
                    if method in ("hello", "token.create"):
                        continue
                    with self.subTest(workspace=name, method=method):
                        try:
                            answer = client.call(method, **ASKING.get(method, {}))
                        except RpcError as error:
                            answer = error.error
                        self.assertNotIn(SECRET.encode(), msgpack.packb(answer))
                for params in ({"cursor": cursor}, {"cursor": cursor, "limit": 1}):
                    self.assertEqual(status_of(client, "audience.list", **params), "not_found")
                # The server's own counters are about everybody.
                self.assertNotIn("server", client.call("stats"))
        with self.guarded.client("all") as client:
            self.assertIn("server", client.call("stats"))
        with self.guarded.client("rival") as rival:
            self.assertEqual(len(rival.call("audience.list", cursor=cursor)["rows"]), 17, "and it is as it was")

    def test_the_owner_needs_no_token_at_the_socket(self):
        with self.guarded.owner(workspace="rival") as owner:
            self.assertEqual(owner.call("audience.count", where="true")["count"], 20)
        with self.guarded.owner(token=self.guarded.tokens["feed"]) as client:
            self.assertEqual(client.hello["workspace"], "shop")
            self.assertEqual(status_of(client, "audience.count", where="true"), "forbidden", "who shows a token is its holder")

    def test_tokens_are_for_who_may_enter_every_workspace(self):
        with self.guarded.client("shop") as client:
            for method, params in (("token.list", {}), ("token.create", {"id": "more", "roles": ["feed"]}),
                                   ("token.rotate", {"id": "rival"}), ("token.revoke", {"id": "rival"})):
                self.assertEqual(status_of(client, method, **params), "forbidden")
        with self.guarded.client("all") as client:
            lesser = client.call("token.create", id=f"lesser-{self.IO}", workspace="*", roles=["admin", "feed"])["token"]
        with Client(self.guarded.server.address, token=lesser) as client:
            self.assertEqual(status_of(client, "token.create", id="more", roles=["forget"]), "forbidden")
            self.assertEqual(status_of(client, "token.rotate", id="all"), "forbidden")
            self.assertEqual(status_of(client, "token.create", id="more", roles=["fed"]), "argument")
            self.assertEqual(status_of(client, "token.create", id="all", roles=["feed"]), "conflict")
            self.assertEqual(status_of(client, "token.revoke", id="none"), "not_found")

    def test_revoking_ends_what_is_open_at_once(self):
        with self.guarded.owner() as owner:
            token = owner.call("token.create", id="leaver", workspace="shop", roles=["feed"])["token"]
            with Client(self.guarded.server.address, token=token) as client:
                client.call("feed.get", user="user-1")
                owner.call("token.revoke", id="leaver")
                self.assertEqual(status_of(client, "feed.get", user="user-1"), "unauthenticated")
                with self.assertRaises(OSError):
                    client.call("ping")
            listed = {one["id"]: one for one in owner.call("token.list")["tokens"]}
            self.assertIsNotNone(listed["leaver"]["revoked"])
            self.assertNotIn(token.split(".")[1], json.dumps(listed))

    def test_a_connection_that_asks_nothing_ends_with_its_token_too(self):
        with self.guarded.owner() as owner:
            token = owner.call("token.create", id="listener", workspace="shop", roles=["feed"])["token"]
            with Client(self.guarded.server.address, token=token, timeout=20) as client:
                owner.call("token.revoke", id="listener")
                said = b""
                while data := client.socket.recv(1 << 16):
                    said += data
                self.assertIn(b"no longer good", said)

    def test_rotation_keeps_the_old_secret_for_its_grace(self):
        with self.guarded.owner() as owner:
            first = owner.call("token.create", id="turner", workspace="shop", roles=["feed"])["token"]
            old = Client(self.guarded.server.address, token=first)
            second = owner.call("token.rotate", id="turner", grace_s=1)["token"]
            with old, Client(self.guarded.server.address, token=second) as new:
                old.call("ping")
                new.call("ping")
                time.sleep(1.1)
                self.assertEqual(status_of(old, "ping"), "unauthenticated")
                new.call("ping")
            with self.assertRaises(RpcError):
                Client(self.guarded.server.address, token=first)

    def test_a_limit_holds_over_all_connections_of_a_token(self):
        with self.guarded.owner() as owner:
            token = owner.call("token.create", id="slow", workspace="shop", roles=["feed"], rate=2, burst=10)["token"]
        with Client(self.guarded.server.address, token=token) as one, Client(self.guarded.server.address, token=token) as two:
            answers = [status_of(client, "ping") for client in (one, two) * 15]
            self.assertIn("rate_limited", answers)
            self.assertGreaterEqual(answers.count("ok"), 6)
            with self.assertRaises(RpcError) as caught:
                for _ in range(40):
                    one.call("ping")
            self.assertEqual((caught.exception.status, caught.exception.code), ("rate_limited", 405))
            self.assertRegex(caught.exception.hint, r"^again in \d+ ms$")
            time.sleep(1.1)
            two.call("ping")

    def test_what_is_personal_stays_with_who_has_the_role(self):
        phone = "13800138000"
        workspace = {"workspace": f"personal-{self.IO}"}
        everything = [role for role in ROLES if role != "personal"]
        with self.guarded.owner() as owner:
            plain = owner.call("token.create", id=f"plain-{self.IO}", roles=everything, **workspace)["token"]
            trusted = owner.call("token.create", id=f"trusted-{self.IO}", roles=ROLES, **workspace)["token"]
        with Client(self.guarded.server.address, token=plain) as plain, Client(self.guarded.server.address, token=trusted) as trusted:
            schema = {**SCHEMA, "users": {"attributes": SCHEMA["users"]["attributes"] + [
                {"name": "phone", "type": "string"}, {"name": "生日", "type": "date"}],
                "tag_sets": [{"name": "tags"}, {"name": "illness"}]}}
            for personal in (["phone", "phone"], ["id"], ["no such"], "phone"):
                self.assertIn(status_of(trusted, "schema.put", **schema, privacy={"personal": personal}), ("argument", "name"))
            trusted.call("schema.put", **schema, privacy={"personal": ["phone", "生日", "illness"]})
            self.assertEqual(plain.call("schema.get")["privacy"], {"personal": ["phone", "生日", "illness"]})
            # Who may write may write it.
            plain.call("user.put", users=[{"id": f"user-{n}", "city": "成都", "phone": phone, "生日": "1990-03-01", "illness": ["flu"],
                                           "tags": ["tea"]} for n in range(5)])
            plain.call("user.put", user={"id": "user-5", "city": "上海"})
            plain.call("item.put", item={"id": "cup"})
            trusted.call("segment.put", name="reachable", where=f"phone = '{phone}' and illness has 'flu'")
            trusted.call("score.put", name="ill", points=[{"when": "illness has 'flu'", "points": 3}])
            self.assertEqual(trusted.call("user.get", id="user-1")["user"]["phone"], phone)
            row = plain.call("user.get", id="user-1")["user"]
            self.assertEqual((row["city"], row["tags"]), ("成都", ["tea"]))
            self.assertFalse({"phone", "生日", "illness"} & set(row))
            # What is saved by who may see it can be used by all; that there is a value is no secret.
            self.assertEqual(plain.call("audience.count", where="in_segment('reachable')")["count"], 5)
            self.assertEqual(plain.call("audience.count", where="phone is not missing")["count"], 5)
            self.assertEqual(plain.call("segment.of_user", user="user-1")["segments"], ["reachable"])
            self.assertEqual(plain.call("segment.list")["segments"][0]["count"], 5)
            self.assertEqual(plain.call("audience.list", where="score.ill = 3")["count"], 5)
            lines = plain.call("audience.why", user="user-1", where="in_segment('reachable') and city = '成都'")["lines"]
            self.assertEqual([line.get("found") for line in lines if line["kind"] == "clause" and "phone" in line["clause"]], [None])
            self.assertEqual([line.get("found") for line in lines if "city" in line["clause"]][-1], "成都")
            asked = "phone starts with '138'"
            tree = trusted.call("audience.explain", where=asked)["tree"]
            closed = [
                ("audience.count", {"where": asked}), ("audience.count", {"where": "not (city = 'x' or 生日 < '2000-01-01')"}),
                ("audience.count", {"where": "illness has 'flu'"}), ("audience.count", {"where": tree}),
                ("audience.list", {"where": "true", "fields": ["phone"]}), ("audience.list", {"where": "true", "order": "生日"}),
                ("audience.list", {"where": "true", "fields": ["city", "illness"]}),
                ("audience.sample", {"where": "true", "count": 3, "fields": ["phone"]}), ("audience.sample", {"where": asked, "count": 1}),
                ("audience.ask", {"where": "true", "list": {"fields": ["phone"]}}),
                ("audience.ask", {"where": "true", "list": {"order": "phone"}}),
                ("audience.ask", {"where": "true", "sample": {"count": 1, "fields": ["phone"]}}),
                ("audience.insight", {"where": "true", "dimensions": ["phone"]}),
                ("audience.insight", {"where": "true", "dimensions": [{"cross": ["city", "illness"]}]}),
                ("audience.insight", {"where": "true", "dimensions": ["生日"]}),
                ("audience.insight", {"where": "true", "base": asked, "dimensions": ["city"]}),
                ("audience.explain", {"where": asked, "analyze": True}), ("audience.waterfall", {"where": asked}),
                ("audience.overlap", {"sets": ["true", asked]}), ("audience.why", {"user": "user-1", "where": asked}),
                ("audience.lookalike", {"seeds": asked, "count": 2}), ("audience.lookalike", {"seeds": "city = '上海'", "exclude": asked, "count": 2}),
                ("audience.funnel", {"sequence": "sequence(view -> purchase)", "by": "phone"}),
                ("audience.funnel", {"sequence": "sequence(view -> purchase)", "among": asked}),
                ("audience.retention", {"first": "view", "among": asked}), ("user.get", {"id": "user-1", "fields": ["phone"]}),
                ("feed.users_for_item", {"item": "cup", "where": asked}), ("feed.users_for_item", {"item": "cup", "fields": ["phone"]}),
                ("scene.put", {"name": "mine", "rules": {"targets": [{"where": "true", "users": asked}]}}),
                ("schema.put", {"privacy": {"personal": []}}),
                ("segment.put", {"name": "mine", "where": asked}), ("segment.put", {"name": "mine", "where": "illness has 'flu'"}),
                ("score.put", {"name": "mine", "points": [{"when": asked, "points": 1}]}),
                ("referral.put", {"inviter": "inviter", "counts": [{"name": "ill", "where": asked}]}),
            ]
            for method, params in closed:
                with self.subTest(method=method, params=params):
                    with self.assertRaises(RpcError) as caught:
                        plain.call(method, **params)
                    self.assertEqual(caught.exception.status, "forbidden")
                    self.assertNotIn(phone, str(caught.exception.error))
            answer = plain.call("audience.lookalike", seeds="city = '成都'", count=1)
            self.assertFalse({"phone", "illness"} & {feature["of"] for feature in answer["features"]})
            # With the role all of it is answered, and pages are closed to who lacks it.
            for method, params in closed:
                if method not in ("segment.put", "score.put", "referral.put", "scene.put", "schema.put"):
                    with self.subTest(trusted=method, params=params):
                        trusted.call(method, **params)
            cursor = trusted.call("audience.list", where="true", fields=["phone"], limit=2, keep=True)["cursor"]
            self.assertEqual(status_of(plain, "audience.list", cursor=cursor), "forbidden")
            self.assertEqual(len(trusted.call("audience.list", cursor=cursor)["rows"]), 4)
            ordered = trusted.call("audience.list", where="true", order="phone", limit=2, keep=True)["cursor"]
            self.assertEqual(status_of(plain, "audience.list", cursor=ordered), "ok", "who, not what")
            trusted.call("schema.put", privacy={"personal": []})
            self.assertEqual(plain.call("user.get", id="user-1")["user"]["phone"], phone)
            self.assertNotIn("privacy", plain.call("schema.get"))

    def test_a_limit_does_not_touch_others(self):
        with self.guarded.client("shop") as client:
            for _ in range(200):
                client.call("ping")

    def test_the_command_line_makes_and_shows_tokens(self):
        unix, address = self.guarded.server.unix, self.guarded.server.address
        token = shoal("--workspace", "shop", "token", "create", "till", "--roles", "feed,ingest", "--days", 3, "--note", "收银台",
                      address=unix).strip()
        self.assertTrue(token.startswith("till."))
        with open(f"{self.guarded.folder.name}/till", "w") as file:
            file.write(token + "\n")
        listed = shoal("--format", "csv", "token", "list", address=unix)
        self.assertIn("收银台", listed)
        self.assertNotIn(token.split(".")[1], listed)
        environment = {**os.environ, "SHOAL_TOKEN": token}
        self.assertIn("item-", shoal("feed", "user-1", address=address, env=environment))
        self.assertIn("item-", shoal("--token-file", f"{self.guarded.folder.name}/till", "feed", "user-1", address=address))
        done = subprocess.run([SHOAL, "--addr", address, "count", "true"], capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, 1)
        self.assertIn("`audience.count` is not open to the token till", done.stderr)
        self.assertIn("it needs one of: audience", done.stderr)
        done = subprocess.run([SHOAL, "--addr", address, "count", "true"], capture_output=True, text=True)
        self.assertIn("asks for a token", done.stderr)
        # In the file, while the server runs: it notices within a second or so.
        shoal("token", "revoke", "till", "--access", self.guarded.file, address=unix)
        for _ in range(50):
            done = subprocess.run([SHOAL, "--addr", address, "ping"], capture_output=True, text=True, env=environment)
            if done.returncode != 0:
                break
            time.sleep(0.1)
        self.assertIn("is revoked", done.stderr)

    def test_the_python_client_shows_its_token(self):
        with shoal_client.Client(self.guarded.server.address, token=self.guarded.tokens["audience"], timeout=10) as client:
            self.assertEqual(client.count("true").count, 20)
            with self.assertRaises(shoal_client.Forbidden) as caught:
                client.feed("user-1")
            self.assertEqual(caught.exception.code, 201)
        with shoal_client.Client(self.guarded.server.address, timeout=10) as client:
            with self.assertRaises(shoal_client.Unauthenticated):
                client.count("true")


class OnUring(OnOneBody, unittest.TestCase):
    pass


class OnEpollWithTwoShards(OnOneBody, unittest.TestCase):
    IO, SHARDS = "epoll", 2


class Alone(unittest.TestCase):
    def test_who_shows_no_token_is_closed_in_five_seconds(self):
        with tempfile.TemporaryDirectory() as folder, Server(flags=["--access", f"{folder}/tokens"]) as server:
            with Client(server.address, timeout=20) as client:
                begin = time.monotonic()
                said = b""
                while data := client.socket.recv(1 << 16):
                    said += data
                self.assertTrue(4 < time.monotonic() - begin < 18, time.monotonic() - begin)
                self.assertIn(b"no token in time", said)

    def test_what_is_personal_is_so_after_a_restart(self):
        for snapshot in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                with Server(flags=["--data", f"{folder}/data"]) as server, server.client() as client:
                    client.call("schema.put", **SCHEMA, privacy={"personal": ["inviter", "tags"]})
                    if snapshot:
                        client.call("snapshot")
                with Server(flags=["--data", f"{folder}/data"]) as server, server.client() as client:
                    self.assertEqual(client.call("schema.get")["privacy"], {"personal": ["inviter", "tags"]})

    def test_tokens_of_the_data_directory_need_no_flag(self):
        with tempfile.TemporaryDirectory() as folder:
            token = shoal("token", "create", "one", "--roles", "admin", "--access", f"{folder}/access.json", address="").strip()
            for _ in range(2):
                with Server(flags=["--data", folder]) as server:
                    with self.assertRaises(RpcError):
                        Client(server.address).call("ping")
                    with Client(server.address, token=token) as client:
                        client.call("snapshot")


if __name__ == "__main__":
    unittest.main()
