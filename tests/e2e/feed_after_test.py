"""Read your writes: a feed that is asked for `after` a write which is not done yet waits for it, and shows it; nobody else
waits meanwhile, and what never comes is told in time. With one and two shards, in memory and kept on a disk.

Run: feed_after_test.py [unittest's arguments].
"""
import tempfile
import time
import unittest

import msgpack
from rpc import RpcError, Server

USERS = [f"用户{n}" for n in range(12)]


def write(client, number, seq, method, **params):
    """A numbered write: the answer is not waited for."""
    message_id = next(client.ids)
    client.socket.sendall(msgpack.packb([0, message_id, method, [params, {"client": number, "seq": seq}]]))
    return message_id


class FeedAfter(unittest.TestCase):
    def on_all(self, check):
        for shards in (1, 2):
            for kept in (False, True):
                with self.subTest(shards=shards, kept=kept), tempfile.TemporaryDirectory() as folder:
                    with Server(shards, flags=("--data", f"{folder}/data") if kept else ()) as server:
                        with server.client() as writer, server.client() as reader:
                            writer.call("schema.put", events=[{"name": "view"}, {"name": "purchase"}])
                            writer.call("item.put", items=[{"id": f"item{n}"} for n in range(40)])
                            writer.call("user.put", users=[{"id": user} for user in USERS])
                            check(server, writer, reader)

    def test_a_feed_waits_for_the_write_and_shows_it(self):
        def check(_, writer, reader):
            for seq, user in enumerate(USERS, 1):
                best = reader.call("feed.get", user=user, count=5)["items"][0]["id"]
                asked = reader.send("feed.get", user=user, count=39, after={"client": f"till of {user}", "number": 1})
                others = [writer.send("feed.get", user=other, count=3) for other in USERS]
                for message_id in others:  # many turns of the loop, and none of them waits
                    self.assertEqual(len(writer.receive(message_id)["items"]), 3)
                event = {"type": "purchase", "user": user, "item": best, "time": int(time.time() * 1000)}
                written = write(writer, f"till of {user}", 1, "event.append", event=event)
                after = reader.receive(asked)
                self.assertEqual(writer.receive(written)["accepted"], 1)
                ids = [item["id"] for item in after["items"]]
                self.assertNotIn(best, ids)  # what was bought just now is not shown
                self.assertEqual(len(ids), 39)
                again = reader.call("feed.get", user=user, count=5, after={"client": f"till of {user}", "number": 1})
                self.assertNotIn(best, [item["id"] for item in again["items"]])

        self.on_all(check)

    def test_what_never_comes_is_told_in_time(self):
        def check(_, writer, reader):
            for words, least in (({"timeout_ms": 60}, 0.05), ({}, 0.9)):
                begin = time.monotonic()
                asked = reader.send("feed.get", user=USERS[0], after={"client": "nobody", "number": 7}, **words)
                self.assertEqual(len(writer.call("feed.get", user=USERS[0], count=3)["items"]), 3)
                with self.assertRaises(RpcError) as caught:
                    reader.receive(asked)
                self.assertIn(caught.exception.status, ("busy", "deadline"))
                self.assertGreater(time.monotonic() - begin, least)

        self.on_all(check)

    def test_who_waits_may_leave_and_the_server_may_stop(self):
        def check(server, _, reader):
            for _ in range(20):
                reader.send("feed.get", user=USERS[0], after={"client": "nobody", "number": 7})
            with server.client() as other:
                other.send("feed.get", user=USERS[0], after={"client": "nobody", "number": 7})

        self.on_all(check)  # Server's end looks at the exit status


if __name__ == "__main__":
    unittest.main()
