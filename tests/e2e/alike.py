"""Tests that ask servers of one, two and three shards the same, who must answer alike."""
import unittest

from rpc import RpcError, Server


class Alike(unittest.TestCase):
    now = None  # given with each question
    make_shop = None  # an object whose load(client) fills the workspace `shop`

    @classmethod
    def setUpClass(cls):
        cls.servers, cls.clients = [], []
        cls.shop = cls.make_shop()
        for shards, io in (1, "uring"), (2, "epoll"), (3, "uring"):
            server = Server(shards=shards, io=io)
            cls.addClassCleanup(server.stop)  # also when what follows fails
            client = server.client(workspace="shop", timeout=60)
            cls.addClassCleanup(client.close)
            cls.shop.load(client)
            cls.servers.append(server)
            cls.clients.append(client)

    def ask(self, method, **params):
        """The answer, which all servers give alike."""
        answers = [client.call(method, now=self.now, **params) for client in self.clients]
        for answer in answers:
            del answer["took_us"]
        for answer in answers[1:]:
            self.assertEqual(answer, answers[0], (method, params))
        return answers[0]

    def refused(self, method, **params):
        """The fault, which all servers find alike."""
        faults = []
        for client in self.clients:
            with self.assertRaises(RpcError) as caught:
                client.call(method, now=self.now, **params)
            faults.append(caught.exception)
        for fault in faults[1:]:
            self.assertEqual(fault.error, faults[0].error, (method, params))
        return faults[0]
