"""A MessagePack-RPC client that has never heard of Shoal, unmodified: pynvim's msgpack_rpc (Debian's python3-pynvim).

Its ready-made sessions begin with a notification to the editor that it is for; so the session is made of its parts here.
"""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from rpc import Server  # noqa: E402

try:
    from pynvim.msgpack_rpc import AsyncSession, EventLoop, MsgpackStream, Session
except ImportError:
    print("SKIPPED: python3-pynvim is not installed")
    sys.exit(0)


def connect(*where):
    return Session(AsyncSession(MsgpackStream(EventLoop(*where))))


class Stranger(unittest.TestCase):
    def ask(self, session):
        refused = []
        session.error_wrapper = lambda error: refused.append(error) or RuntimeError(error)
        self.assertEqual(session.request("hello", {"version": 1, "workspace": "stranger"})["workspace"], "stranger")
        session.request("schema.put", {"users": {"attributes": [{"name": "城市", "type": "string"}]}})
        session.request("user.put", {"users": [{"id": i, "城市": "成都" if i % 2 else "上海"} for i in range(1000)]})
        self.assertEqual(session.request("audience.count", {"where": "城市 = '成都'"})["count"], 500)
        with self.assertRaises(RuntimeError):
            session.request("audience.count", {"where": "城市 = "})
        self.assertEqual((refused[0]["status"], refused[0]["position"]), ("syntax", 9))
        self.assertEqual(len(session.request("audience.list", {"where": "true", "limit": 700})["ids"]), 700)
        session.close()

    def test_over_tcp_and_unix(self):
        with Server(shards=2) as server:
            host, port = server.address.split(":")
            self.ask(connect("tcp", host, int(port)))
            self.ask(connect("socket", server.unix.removeprefix("unix:")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
