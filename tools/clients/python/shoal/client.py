"""The client that waits: a pool of lanes for any number of threads, pipelines and bulk writers for many calls at once."""
from __future__ import annotations

import os
import random
import select
import socket
import ssl
import threading
import time
from typing import Any, Generic, Iterable, Iterator, Self, Sequence, TypeVar

from . import bulk, calls, errors, types, wire
from .calls import Call, Expression, Row
from .flight import Flight, Pending

T = TypeVar("T")

ATTEMPT_COUNT_MAX = 6
PAUSE_FIRST = 0.02
PAUSE_MAX = 1.0
RECEIVE_BYTES = 256 << 10


def pauses() -> Iterator[float]:
    """Growing, and not the same for everybody who lost the same server."""
    pause = PAUSE_FIRST
    while True:
        yield pause * random.uniform(0.5, 1.5)
        pause = min(2 * pause, PAUSE_MAX)


class Lane:
    """One connection that comes back: what was in flight when it was lost is sent again, under its old numbers. One thread at a time."""

    def __init__(self, address: str, workspace: str | None, timeout: float, token: str | None = None,
                 tls: ssl.SSLContext | None = None):
        self.address = address
        self.workspace = workspace
        self.token = token
        self.tls = tls
        self.timeout = timeout
        self.flight = Flight()
        self.output = bytearray()
        self.socket: socket.socket | None = None
        self.poll = select.poll()

    def submit(self, call: Call[T], timeout: float | None = None) -> Pending[T]:
        """Put it in flight. Waits (taking answers) while too much is."""
        seconds = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        while not self.flight.has_room():
            self.step(deadline)
        if self.socket is None:
            self.connect(deadline)
        pending = self.flight.begin(call, deadline, int(1000 * (deadline - time.monotonic())))
        self.output += pending.frame
        if len(self.output) >= 64 << 10:
            self.step(deadline, wait=False)
        return pending

    def wait(self, pending: Pending[T]) -> T:
        while not pending.done:
            try:
                self.step(pending.deadline)
            except errors.DeadlineExceeded as error:
                if not pending.done:
                    self.flight.drop(pending)
                    pending.fail(error)
        return pending.result()

    def step(self, deadline: float, *, wait: bool = True) -> None:
        """Send and receive once what can be. DeadlineExceeded: nothing could until then."""
        try:
            if self.socket is None:
                raise ConnectionError("it was closed")
            left_ms = max(0, int(1000 * (deadline - time.monotonic())))
            self.poll.modify(self.socket, select.POLLIN | (select.POLLOUT if self.output else 0))
            ready = self.poll.poll(min(left_ms, 60_000) if wait else 0)
            if not ready:
                if wait and time.monotonic() >= deadline:
                    raise errors.DeadlineExceeded(f"no answer from {self.address} in time")
                return
            if ready[0][1] & ~select.POLLOUT:
                self.take()
            elif self.output:
                try:
                    with memoryview(self.output) as view:
                        sent = self.socket.send(view)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    return
                del self.output[:sent]
        except errors.ShoalError:
            raise
        except OSError as why:
            self.revive(str(why), deadline)

    def take(self) -> list[Pending[Any]]:
        assert self.socket is not None
        try:
            data = self.socket.recv(RECEIVE_BYTES)
            while data and isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                data += self.socket.recv(RECEIVE_BYTES)  # it has come, so poll would say nothing of it
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return []
        if not data:
            raise ConnectionError("the server closed it")
        try:
            return self.flight.receive(data)
        except errors.ProtocolError as error:
            self.close()
            self.flight.give_up(error)
            raise

    def revive(self, why: str, deadline: float) -> None:
        self.disconnect()
        self.flight.lost(why)
        if not self.flight.pending:
            return
        try:
            self.connect(max(deadline, min(pending.deadline for pending in self.flight.pending.values())))
        except errors.ShoalError as error:
            self.flight.give_up(error)
            return
        self.output += self.flight.again()

    def connect(self, deadline: float) -> None:
        """Connect and greet, several times if it must be."""
        for attempt, pause in enumerate(pauses(), 1):
            try:
                self.open(deadline)
                return
            except (OSError, errors.Busy, errors.Closed) as error:
                self.disconnect()
                if isinstance(error, errors.DeadlineExceeded):
                    raise
                if attempt == ATTEMPT_COUNT_MAX or time.monotonic() + pause >= deadline:
                    kind = errors.DeadlineExceeded if isinstance(error, TimeoutError) else errors.Closed
                    raise kind(f"cannot connect to {self.address}: {error}", hint="is shoald running there?") from error
            except errors.ShoalError:
                self.disconnect()
                raise
            time.sleep(pause)

    def open(self, deadline: float) -> None:
        kind, host, port = wire.read_address(self.address)
        left = max(0.001, deadline - time.monotonic())
        if kind == "unix":
            opened = socket.socket(socket.AF_UNIX)
            self.socket = opened
            opened.settimeout(left)
            opened.connect(host)
        else:
            opened = socket.create_connection((host, port), left)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = opened
            if self.tls is not None:
                opened = self.tls.wrap_socket(opened, server_hostname=host)
                self.socket = opened
        greeting = Flight()
        pending = greeting.begin(calls.raw("hello", **calls.given(version=1, workspace=self.workspace, client="shoal-python", token=self.token)), deadline, 0)
        opened.sendall(pending.frame)
        while not pending.done:
            opened.settimeout(max(0.001, deadline - time.monotonic()))
            data = opened.recv(RECEIVE_BYTES)
            if not data:
                raise greeting.farewell or ConnectionError("closed before it greeted")
            greeting.receive(data)
        pending.result()
        opened.setblocking(False)
        self.poll.register(opened, select.POLLIN)

    def disconnect(self) -> None:
        self.output.clear()
        if self.socket is not None:
            try:
                self.poll.unregister(self.socket)
            except KeyError:
                pass
            self.socket.close()
            self.socket = None

    def close(self) -> None:
        self.disconnect()
        self.flight.give_up(errors.Closed("the client was closed"))
        self.flight = Flight()


class Answer(Generic[T]):
    """Of a call in a pipeline."""

    __slots__ = ("lane", "pending")

    def __init__(self, lane: Lane, pending: Pending[T]):
        self.lane = lane
        self.pending = pending

    def done(self) -> bool:
        return self.pending.done

    def result(self) -> T:
        """Waits for it. Raises what the call failed with."""
        return self.lane.wait(self.pending)


class Pipeline:
    """Many calls in flight on one connection, answered in any order. The end of the with block waits for all of them; an error is
    raised by result() alone."""

    def __init__(self, client: "Client", timeout: float | None):
        self.client = client
        self.timeout = timeout
        self.lane = client._take()
        self.open = True

    def send(self, call: Call[T]) -> Answer[T]:
        if not self.open:
            raise errors.Closed("the pipeline was closed")
        return Answer(self.lane, self.lane.submit(call, self.timeout))

    def map(self, many: Iterable[Call[T]], window: int = 64) -> Iterator[T]:
        """The results of calls that are made as they are needed, in their order; `window` to two of it are in flight."""
        waiting: list[Answer[T]] = []
        for call in many:
            waiting.append(self.send(call))
            if len(waiting) >= 2 * window:
                for answer in waiting[:window]:
                    yield answer.result()
                del waiting[:window]
        for answer in waiting:
            yield answer.result()

    def close(self) -> None:
        if not self.open:
            return
        self.open = False
        for pending in list(self.lane.flight.pending.values()):
            try:
                self.lane.wait(pending)
            except errors.ShoalError:
                pass
        self.client._give(self.lane)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is not None:
            self.lane.close()
        self.close()


class Writer:
    """Rows in batches, `window` of them in flight: add waits when the server is slower. At the end of the with block all are answered
    and `report` is whole. A batch that is refused as a whole raises its error, with error.rows; rows that are refused by themselves
    are in the report."""

    def __init__(self, client: "Client", batcher: bulk.Batcher, window: int, timeout: float | None):
        self.batcher = batcher
        self.report = batcher.report
        self.window = window
        self.waiting: list[Answer[types.Written]] = []
        self.pipeline = Pipeline(client, timeout)

    def add(self, row: Row) -> None:
        full = self.batcher.add(row)
        if full is not None:
            self._send(full)

    def add_all(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.add(row)

    def _send(self, batch: Call[types.Written]) -> None:
        while len(self.waiting) >= self.window:
            self._account()
        self.waiting.append(self.pipeline.send(batch))
        self.pipeline.lane.step(0, wait=False)

    def _account(self) -> None:
        answer = self.waiting.pop(0)
        try:
            answer.result()
        except errors.ShoalError:
            pass  # the batcher raises it, with its rows
        self.batcher.account(answer.pending)

    def flush(self) -> bulk.Report:
        """Send what was added and wait for all answers."""
        rest = self.batcher.take()
        if rest is not None:
            self._send(rest)
        while self.waiting:
            self._account()
        return self.report

    def close(self) -> bulk.Report:
        try:
            return self.flush()
        finally:
            self.pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, *error: Any) -> None:
        if kind is not None:
            self.pipeline.__exit__(kind, *error)
        else:
            self.close()


class Client:
    """Of one server and workspace. Threads may share it: each call takes one of `pool` connections, which are made when they are needed.

    tls: for an address tls:host:port; a context that believes SHOAL_TLS_CA, or what this system believes, unless given.
    token: "id.secret" for a server with access control; SHOAL_TOKEN unless given. workspace: the token's own, or "default".
    timeout: seconds that a call may take, with connecting, sending again and all; the server is told where its method has
    timeout_ms. A call is made again when its connection was lost (a write under its number, so that it is done once) and when the
    server was busy."""

    def __init__(self, address: str = "127.0.0.1:7717", *, workspace: str | None = None, token: str | None = None, tls: ssl.SSLContext | None = None,
                 timeout: float = 30.0,
                 pool: int = 4):
        if pool < 1:
            raise ValueError("a pool has at least one connection")
        wire.read_address(address)
        self.address = address
        self.workspace = workspace
        self.token = token if token is not None else os.environ.get("SHOAL_TOKEN")
        self.tls = wire.tls_of(address, tls)
        self.timeout = timeout
        self._free: list[Lane] = []
        self._left = pool
        self._changed = threading.Condition()
        self._closed = False

    # ---- the pool ----

    def _take(self, timeout: float | None = None) -> Lane:
        seconds = self.timeout if timeout is None else timeout
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._free or self._left, seconds):
                raise errors.DeadlineExceeded("all connections of the pool are in use")
            if self._closed:
                raise errors.Closed("the client was closed")
            if self._free:
                return self._free.pop()
            self._left -= 1
            return Lane(self.address, self.workspace, self.timeout, self.token, self.tls)

    def _give(self, lane: Lane) -> None:
        with self._changed:
            if self._closed:
                lane.close()
            self._free.append(lane)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            for lane in self._free:
                lane.close()
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    # ---- calls ----

    def run(self, call: Call[T], *, timeout: float | None = None) -> T:
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        for pause in pauses():
            lane = self._take(deadline - time.monotonic())
            try:
                return lane.wait(lane.submit(call, deadline - time.monotonic()))
            except errors.Busy:
                if time.monotonic() + pause >= deadline:
                    raise
            except BaseException as error:
                if not isinstance(error, errors.ShoalError):
                    lane.close()  # interrupted: what is in flight is nobody's any more
                raise
            finally:
                self._give(lane)
            time.sleep(pause)
        raise AssertionError("pauses never end")

    def call(self, method: str, /, timeout: float | None = None, **params: Any) -> dict[str, Any]:
        """Any method of the protocol, its answer as it is."""
        return self.run(calls.raw(method, **params), timeout=timeout)

    def pipeline(self, *, timeout: float | None = None) -> Pipeline:
        return Pipeline(self, timeout)

    def writer(self, what: str, *, fields: Sequence[str] | None = None, nil: str | None = None, batch_rows: int = 8192,
               batch_bytes: int = 1 << 20, window: int = 4, refused_max: int = 10_000, timeout: float | None = None) -> Writer:
        """what: users, items or events. Rows are maps, or with `fields` sequences of values in their order."""
        batcher = bulk.Batcher(what, fields=fields, nil=nil, batch_rows=batch_rows, batch_bytes=batch_bytes, refused_max=refused_max)
        return Writer(self, batcher, window, timeout)

    def put(self, what: str, rows: Iterable[Row], **how: Any) -> types.Written:
        """One batch of users, items or events."""
        return self.run(calls.put(what, rows, **how))

    def count(self, where: Expression, *, now: Any = None, timeout: float | None = None) -> types.Count:
        return self.run(calls.count(where, now=now), timeout=timeout)

    def sample(self, where: Expression, count: int, *, seed: str | int | None = None, fields: Sequence[str] | None = None,
               now: Any = None, timeout: float | None = None) -> types.Sample:
        return self.run(calls.sample(where, count, seed=seed, fields=fields, now=now), timeout=timeout)

    def pages(self, where: Expression, *, size: int = 1000, fields: Sequence[str] | None = None, order: str | None = None,
              desc: bool | None = None, now: Any = None, timeout: float | None = None) -> Iterator[types.Page]:
        """All of an audience, frozen with the first page. Ending the loop early lets go of the rest on the server."""
        page = self.run(calls.page(where, limit=size, fields=fields, order=order, desc=desc, keep=True, now=now), timeout=timeout)
        try:
            yield page
            while page.cursor is not None:
                page = self.run(calls.next_page(page.cursor, limit=size), timeout=timeout)
                yield page
        finally:
            if page.cursor is not None:
                self._forget(page.cursor)

    def _forget(self, cursor: Any) -> None:
        try:
            self.run(calls.close(cursor), timeout=min(self.timeout, 1.0))
        except errors.ShoalError:
            pass  # it closes by itself after five minutes

    def ids(self, where: Expression, **how: Any) -> Iterator[str]:
        """The id of each user of an audience; `how` as in pages."""
        for page in self.pages(where, **how):
            yield from page.ids

    def user(self, id: str | int, *, fields: Sequence[str] | None = None, events: int | None = None) -> dict[str, Any]:
        """NotFound if there is none."""
        return self.run(calls.user(id, fields=fields, events=events))

    def feed(self, user: str | int | None = None, *, timeout: float | None = None, **how: Any) -> types.Feed:
        """`how` as in calls.feed: count, session, filter, exclude, fields, seed, scene, store, cursor, now."""
        return self.run(calls.feed(user, **how), timeout=timeout)

    def users_for_item(self, item: str | int, *, timeout: float | None = None, **how: Any) -> dict[str, Any]:
        """`how` as in calls.users_for_item: where, count, fields, now."""
        return self.run(calls.users_for_item(item, **how), timeout=timeout)

    def batch(self, users: Iterable[str | int] | None = None, *, timeout: float | None = None, **how: Any) -> types.Batch:
        """Feeds of a list of users, or of one page of an audience; `how` as in calls.batch: where, limit, cursor, count, filter ..."""
        return self.run(calls.batch(users, **how), timeout=timeout)

    def trending(self, *, timeout: float | None = None, **how: Any) -> list[types.FeedItem]:
        return self.run(calls.trending(**how), timeout=timeout)
