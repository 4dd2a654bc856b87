"""A proxy between a client and a server that loses connections, or is slow, as a test says."""
import socket
import threading
import time


class Proxy:
    """Forwards TCP. lose(n): the next n connections that bring an answer are cut before it goes back, so that the request was done and
    nobody was told. pause: seconds before each answer."""

    def __init__(self, target):
        host, port = target.rsplit(":", 1)
        self.target = host, int(port)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listening.getsockname()[1]
        self.lock = threading.Lock()
        self.to_lose = 0
        self.lost = 0
        self.connections = 0
        self.pause = 0.0
        self.pairs = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def lose(self, count):
        with self.lock:
            self.to_lose += count

    def cut(self):
        """Cut every connection that is there now."""
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            self.end(pair)

    def end(self, pair):
        with self.lock:
            self.pairs.discard(pair)
        for one in pair:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self):
        while True:
            try:
                near = self.listening.accept()[0]
            except OSError:
                return
            far = socket.create_connection(self.target)
            for one in near, far:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = near, far
            with self.lock:
                self.connections += 1
                self.pairs.add(pair)
            threading.Thread(target=self.forward, args=(near, far, pair, False), daemon=True).start()
            threading.Thread(target=self.forward, args=(far, near, pair, True), daemon=True).start()

    def forward(self, source, target, pair, back):
        greeted = not back
        try:
            while data := source.recv(1 << 16):
                if greeted and back:
                    if self.pause:
                        time.sleep(self.pause)
                    with self.lock:
                        lose = self.to_lose > 0
                        if lose:
                            self.to_lose -= 1
                            self.lost += 1
                    if lose:
                        break
                target.sendall(data)
                greeted = True  # the answer to hello goes through
        except OSError:
            pass
        self.end(pair)
        if back:
            for one in pair:
                one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.close()
        self.cut()
