"""The client that waits: a pool of lanes for any number of threads, pipelines and bulk writers for many calls at once."""
from __future__ import annotations

import random
import select
import socket
import ssl
import threading
import time
from typing import Any, Generic, Iterable, Iterator, Mapping, Self, Sequence, TypeVar

from . import bulk, calls, errors, types, wire
from .calls import Call, Expression, Row
from .flight import Flight, Pending
from .target import Target, target_of

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

    def __init__(self, target: Target):
        self.target = target
        self.flight = Flight()
        self.output = bytearray()
        self.socket: socket.socket | None = None
        self.poll = select.poll()

    def submit(self, call: Call[T], timeout: float | None = None) -> Pending[T]:
        """Put it in flight. Waits (taking answers) while too much is."""
        seconds = self.target.timeout if timeout is None else timeout
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
                    raise errors.DeadlineExceeded(f"no answer from {self.target.address} in time")
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
                    raise kind(f"cannot connect to {self.target.address}: {error}", hint="is shoald running there?") from error
            except errors.ShoalError:
                self.disconnect()
                raise
            time.sleep(pause)

    def open(self, deadline: float) -> None:
        kind, host, port = wire.read_address(self.target.address)
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
            if self.target.tls is not None:
                opened = self.target.tls.wrap_socket(opened, server_hostname=host)
                self.socket = opened
        greeting = Flight()
        pending = greeting.begin(self.target.hello(), deadline, 0)
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

    def __init__(self, address: str = "127.0.0.1:7717", *, workspace: str | None = None, token: str | None = None,
                 tls: ssl.SSLContext | None = None, timeout: float = 30.0, pool: int = 4):
        if pool < 1:
            raise ValueError("a pool has at least one connection")
        self.target = target_of(address, workspace, timeout, token, tls)
        self._free: list[Lane] = []
        self._left = pool
        self._changed = threading.Condition()
        self._closed = False

    # ---- the pool ----

    def _take(self, timeout: float | None = None) -> Lane:
        seconds = self.target.timeout if timeout is None else timeout
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._free or self._left, seconds):
                raise errors.DeadlineExceeded("all connections of the pool are in use")
            if self._closed:
                raise errors.Closed("the client was closed")
            if self._free:
                return self._free.pop()
            self._left -= 1
            return Lane(self.target)

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
        deadline = time.monotonic() + (self.target.timeout if timeout is None else timeout)
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
            self.run(calls.close(cursor), timeout=min(self.target.timeout, 1.0))
        except errors.ShoalError:
            pass  # it closes by itself after five minutes

    def ids(self, where: Expression, **how: Any) -> Iterator[str]:
        """The id of each user of an audience; `how` as in pages."""
        for page in self.pages(where, **how):
            yield from page.ids

    def events(self, types: Sequence[str] | None = None, *, begin: Any = None, until: Any = None, now: Any = None, size: int = 5000,
               timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """Everything that happened from `begin` to before `until` (to now unless said), in the order of time: {"type", "user", "time", ...}.
        Nothing is held open on the server, so a loop may rest as long as it likes."""
        cursor = None
        while True:
            answer = self.run(calls.events_page(types, begin, until, now, size, cursor), timeout=timeout)
            yield from answer["events"]
            cursor = answer.get("cursor")
            if cursor is None:
                return

    def item_ids(self, *, listed: bool | None = None, size: int = 10_000, timeout: float | None = None) -> Iterator[str]:
        """The id of each item, ascending by bytes; of those that are listed, or are no longer, alone."""
        cursor = None
        while True:
            answer = self.run(calls.items_page(listed, size, cursor), timeout=timeout)
            yield from answer["ids"]
            cursor = answer.get("cursor")
            if cursor is None:
                return

    def user(self, id: str | int, *, fields: Sequence[str] | None = None, events: int | None = None) -> dict[str, Any]:
        """NotFound if there is none."""
        return self.run(calls.user(id, fields=fields, events=events))

    # ---- feeds ----

    def feed(self, user: str | int | None = None, *, timeout: float | None = None, **how: Any) -> types.Feed:
        """`how` as in calls.feed: count, session, filter, scene, explain, weights, pins ..."""
        return self.run(calls.feed(user, **how), timeout=timeout)

    def feed_why(self, item: str | int, user: str | int | None = None, *, timeout: float | None = None, **how: Any) -> types.Fate:
        """The fate of an item in a feed: shown, or what kept it out; `how` as in feed."""
        return self.run(calls.feed_why(item, user, **how), timeout=timeout)

    def trending(self, *, timeout: float | None = None, **how: Any) -> list[types.FeedItem]:
        """`how` as in calls.trending: count, filter, fields, store, by, now."""
        return self.run(calls.trending(**how), timeout=timeout)

    def similar(self, item: str | int, *, timeout: float | None = None, **how: Any) -> types.Companions:
        """What is like an item; `how` as in calls.similar."""
        return self.run(calls.similar(item, **how), timeout=timeout)

    def also_bought(self, item: str | int, *, timeout: float | None = None, **how: Any) -> types.Companions:
        """What its buyers also bought; `how` as in calls.also_bought."""
        return self.run(calls.also_bought(item, **how), timeout=timeout)

    def users_for_item(self, item: str | int, *, timeout: float | None = None, **how: Any) -> types.UsersForItem:
        """The users whom an item suits best; `how`: where, count, fields, now."""
        return self.run(calls.users_for_item(item, **how), timeout=timeout)

    def batch(self, users: Iterable[str | int] | None = None, *, timeout: float | None = None, **how: Any) -> types.Batch:
        """Feeds of a list of users, or of one page of an audience; `how` as in calls.batch: where, limit, cursor, count, filter ..."""
        return self.run(calls.batch(users, **how), timeout=timeout)

    def served(self, rec_id: str, items: Iterable[Any], *, timeout: float | None = None, **how: Any) -> dict[str, Any]:
        """A feed that another system showed is learned from; `how`: user, now, place, hour."""
        return self.run(calls.served(rec_id, items, **how), timeout=timeout)

    def learning(self, *, timeout: float | None = None, **how: Any) -> dict[str, Any]:
        """How well the feed learns, and what came of what it showed."""
        return self.run(calls.learning(**how), timeout=timeout)

    def put_scene(self, name: str, rules: Mapping[str, Any], *, timeout: float | None = None, **how: Any) -> bool:
        """Rules of feeds by the place where they are shown; has anything changed?"""
        return self.run(calls.put_scene(name, rules, **how), timeout=timeout)

    def scene(self, name: str, *, timeout: float | None = None, **how: Any) -> types.Scene:
        """NotFound if there is none."""
        return self.run(calls.scene(name, **how), timeout=timeout)

    def scenes(self, *, timeout: float | None = None, **how: Any) -> list[types.Scene]:
        """All of them."""
        return self.run(calls.scenes(**how), timeout=timeout)

    def remove_scene(self, name: str, *, timeout: float | None = None, **how: Any) -> bool:
        """Was there one?"""
        return self.run(calls.remove_scene(name, **how), timeout=timeout)

    def train(self, name: str, *, timeout: float | None = None, **how: Any) -> int:
        """Train a table of items in the background; `how`: every_hours, dimensions, epochs, seed ..."""
        return self.run(calls.train(name, **how), timeout=timeout)

    def models(self, *, timeout: float | None = None, **how: Any) -> list[types.Model]:
        """Tables of items, and plans to train them."""
        return self.run(calls.models(**how), timeout=timeout)

    def put_model(self, name: str, *, timeout: float | None = None, **how: Any) -> bool:
        """A part of a table that was trained elsewhere; is it whole now? `how` as in calls.put_model."""
        return self.run(calls.put_model(name, **how), timeout=timeout)

    def remove_model(self, name: str, *, timeout: float | None = None, **how: Any) -> bool:
        """Was there one?"""
        return self.run(calls.remove_model(name, **how), timeout=timeout)

    def likings(self, at: Any = 0, *, timeout: float | None = None, **how: Any) -> dict[str, Any]:
        """A page of who likes what, to train elsewhere."""
        return self.run(calls.likings(at, **how), timeout=timeout)

    def feed_pages(self, user: str | int | None = None, *, timeout: float | None = None, **how: Any) -> Iterator[types.Feed]:
        """A feed page by page, for endless scrolling: nothing comes twice. `how` as in feed; one seed holds for all pages."""
        page = self.run(calls.feed(user, **how), timeout=timeout)
        yield page
        while page.cursor is not None:
            page = self.run(calls.feed(user, **{**how, "cursor": page.cursor}), timeout=timeout)
            yield page

    def batches(self, where: Expression, *, timeout: float | None = None, **how: Any) -> Iterator[tuple[str, types.Feed]]:
        """(user, feed) of everybody in an audience, for pushes; `how` as in batch, limit users a page."""
        cursor = None
        while True:
            page = self.run(calls.batch(where=where, cursor=cursor, **how), timeout=timeout)
            for user, feed in page.feeds:
                yield user, feed
            if page.cursor is None:
                return
            cursor = page.cursor
            how.pop("now", None)  # it is that of the first page

    def impressions(self, after: Any = None, *, size: int = 1000, timeout: float | None = None) -> Iterator[types.Impression]:
        """What feeds showed and what came of it, oldest first."""
        while True:
            found, after = self.run(calls.impressions(after=after, limit=size), timeout=timeout)
            for impression in found:
                yield impression
            if after is None:
                return
