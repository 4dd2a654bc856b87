"""The same client for asyncio. Calls share connections: whatever is awaited at the same time is pipelined.

    async with shoal.aio.Client("127.0.0.1:7717") as client:
        feeds = await asyncio.gather(*(client.feed(user) for user in users))

A lane has one Wire (a connection) after another. A wire that is lost starts the task that makes the next one; calls wait for it, and
what was in flight is sent again on it.
"""
from __future__ import annotations

import asyncio
import collections
import ssl
from typing import Any, AsyncIterator, Iterable, Mapping, Self, Sequence, TypeVar

from . import bulk, calls, errors, types, wire
from .calls import Call, Expression, Row
from .client import ATTEMPT_COUNT_MAX, pauses
from .flight import COUNT_MAX, Flight, Pending
from .target import Target, target_of

T = TypeVar("T")


class Wire(asyncio.Protocol):
    """One connection of a lane. Until it has greeted, what arrives is for the greeting."""

    def __init__(self, lane: "AsyncLane"):
        self.lane = lane
        self.greeting: Flight | None = Flight()
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            if self.greeting is None:
                self.lane.received(self.lane.flight.receive(data))
                return
            for pending in self.greeting.receive(data):
                pending.result()
                self._end_greeting(None)
        except errors.ShoalError as error:
            self._end_greeting(error)
            if isinstance(error, errors.ProtocolError):
                self.lane.broken(self, error)

    def _end_greeting(self, error: errors.ShoalError | None) -> None:
        if self.greeted.done():
            return
        if error is None:
            self.greeting = None
            self.greeted.set_result(None)
        else:
            self.greeted.set_exception(error)

    def connection_lost(self, why: Exception | None) -> None:
        farewell = self.greeting.farewell if self.greeting is not None else None
        self._end_greeting(farewell or errors.Closed(f"the connection is lost: {why or 'the server closed it'}"))
        self.lane.lost(self, str(why or "the server closed it"))

    def pause_writing(self) -> None:
        self.lane.paused = True

    def resume_writing(self) -> None:
        self.lane.paused = False
        self.lane.make_room()


class AsyncLane:
    """One connection that comes back, for any number of tasks of one loop."""

    def __init__(self, target: Target):
        self.target = target
        self.loop = asyncio.get_running_loop()
        self.flight = Flight()
        self.wire: Wire | None = None
        self.connecting: asyncio.Task[errors.ShoalError | None] | None = None
        self.output: list[bytes] = []
        self.paused = False
        self.room: collections.deque[asyncio.Future[None]] = collections.deque()

    # ---- calls ----

    async def submit(self, call: Call[T], timeout: float | None = None) -> Pending[T]:
        """Put it in flight. Waits while too much is."""
        deadline = self.loop.time() + (self.target.timeout if timeout is None else timeout)
        while self.wire is None or self.paused or not self.flight.has_room():
            if self.wire is None:
                await self._until_connected(deadline)
            else:
                await self._until_room(deadline)
        pending = self.flight.begin(call, deadline, int(1000 * (deadline - self.loop.time())))
        pending.waiter = self.loop.create_future()
        # What is submitted in one round of the loop goes out with one write.
        if not self.output:
            self.loop.call_soon(self._write)
        self.output.append(pending.frame)
        return pending

    async def wait(self, pending: Pending[T]) -> T:
        if not pending.done:
            timer = self.loop.call_at(pending.deadline, self._expire, pending)
            try:
                await pending.waiter
            finally:
                timer.cancel()
                self.drop(pending)
        return pending.result()

    def drop(self, pending: Pending[Any]) -> None:
        self.flight.drop(pending)
        self.make_room()

    def _expire(self, pending: Pending[Any]) -> None:
        if not pending.done:
            pending.fail(errors.DeadlineExceeded(f"no answer from {self.target.address} in time"))
            self.received([pending])

    def received(self, finished: Iterable[Pending[Any]]) -> None:
        for pending in finished:
            if not pending.waiter.done():
                pending.waiter.set_result(None)
        self.make_room()

    def make_room(self) -> None:
        """Wake as many as there may be room for; who finds none waits again."""
        # Once there is room for many: woken one by one, each would send a packet of its own.
        if not self.room or self.paused or not self.flight.has_room() or len(self.flight.pending) > COUNT_MAX // 2:
            return
        for _ in range(min(len(self.room), COUNT_MAX - len(self.flight.pending))):
            waiter = self.room.popleft()
            if not waiter.done():
                waiter.set_result(None)

    async def _until_room(self, deadline: float) -> None:
        waiter = self.loop.create_future()
        self.room.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
        except TimeoutError:
            raise errors.DeadlineExceeded(f"too much is in flight to {self.target.address}") from None

    def _write(self) -> None:
        output, self.output = self.output, []
        if self.wire is not None:
            self.wire.transport.write(output[0] if len(output) == 1 else b"".join(output))

    # ---- the connection ----

    async def _until_connected(self, deadline: float) -> None:
        if self.connecting is None:
            self.connecting = self.loop.create_task(self._connect())
        done, _ = await asyncio.wait([self.connecting], timeout=max(0.0, deadline - self.loop.time()))
        if not done:
            raise errors.DeadlineExceeded(f"no connection to {self.target.address} in time")
        error = next(iter(done)).result()
        if error is not None:
            raise error

    async def _connect(self) -> errors.ShoalError | None:
        """Connect and greet, several times if it must be, then send again what is in flight."""
        error: errors.ShoalError | None = None
        deadline = self.loop.time() + self.target.timeout
        try:
            for attempt, pause in enumerate(pauses(), 1):
                try:
                    async with asyncio.timeout_at(deadline):
                        self.wire = await self._open()
                    break
                except (OSError, errors.Busy) as why:  # Closed is among them
                    if attempt == ATTEMPT_COUNT_MAX or self.loop.time() + pause >= deadline:
                        kind = errors.DeadlineExceeded if isinstance(why, TimeoutError) else errors.Closed
                        error = kind(f"cannot connect to {self.target.address}: {why}", hint="is shoald running there?")
                        break
                except errors.ShoalError as why:
                    error = why
                    break
                await asyncio.sleep(pause)
        finally:
            self.connecting = None
        if error is not None:
            self.received(self.flight.give_up(error))
            return error
        # What waits in output is in flight too: once is enough.
        self.output.clear()
        frames = self.flight.again()
        if frames and self.wire is not None:
            self.wire.transport.write(frames)
        self.make_room()
        return None

    async def _open(self) -> Wire:
        kind, host, port = wire.read_address(self.target.address)
        made = Wire(self)
        if kind == "unix":
            await self.loop.create_unix_connection(lambda: made, host)
        else:
            await self.loop.create_connection(lambda: made, host, port, ssl=self.target.tls,
                                              server_hostname=host if self.target.tls is not None else None)
        assert made.greeting is not None
        hello = self.target.hello()
        try:
            made.transport.write(made.greeting.begin(hello, 0.0, 0).frame)
            await made.greeted
        except BaseException:
            made.transport.abort()
            raise
        return made

    def lost(self, lost: Wire, why: str) -> None:
        if lost is not self.wire:
            return
        self.wire = None
        self.paused = False
        self.received(self.flight.lost(why))
        if self.flight.pending and self.connecting is None:
            self.connecting = self.loop.create_task(self._connect())
        # Whoever waits for room waits for the connection now.
        while self.room:
            waiter = self.room.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def broken(self, at: Wire, error: errors.ShoalError) -> None:
        """The stream cannot be read on, and would not be better a second time."""
        if at is self.wire:
            self.received(self.flight.give_up(error))
        at.transport.abort()

    async def close(self) -> None:
        if self.connecting is not None:
            self.connecting.cancel()
            await asyncio.wait([self.connecting])
        self.received(self.flight.give_up(errors.Closed("the client was closed")))
        if self.wire is not None:
            self.wire.transport.abort()
            self.wire = None


class Writer:
    """As shoal.Writer: rows in batches, `window` of them in flight; add waits when the server is slower."""

    def __init__(self, lane: AsyncLane, batcher: bulk.Batcher, window: int, timeout: float | None):
        self.lane = lane
        self.batcher = batcher
        self.report = batcher.report
        self.window = window
        self.timeout = timeout
        self.waiting: collections.deque[Pending[types.Written]] = collections.deque()

    async def add(self, row: Row) -> None:
        full = self.batcher.add(row)
        if full is not None:
            await self._send(full)

    async def add_all(self, rows: Iterable[Row]) -> None:
        for row in rows:
            full = self.batcher.add(row)
            if full is not None:
                await self._send(full)

    async def _send(self, batch: Call[types.Written]) -> None:
        while len(self.waiting) >= self.window:
            await self._account()
        self.waiting.append(await self.lane.submit(batch, self.timeout))
        await asyncio.sleep(0)  # let it go out while the next batch is packed

    async def _account(self) -> None:
        pending = self.waiting.popleft()
        try:
            await self.lane.wait(pending)
        except errors.ShoalError:
            pass  # the batcher raises it, with its rows
        self.batcher.account(pending)

    async def flush(self) -> bulk.Report:
        """Send what was added and wait for all answers."""
        rest = self.batcher.take()
        if rest is not None:
            await self._send(rest)
        while self.waiting:
            await self._account()
        return self.report

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: Any, *_: Any) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            while self.waiting:
                self.lane.drop(self.waiting.popleft())


class Client:
    """As shoal.Client, with the same names; calls are awaited, pages and ids are looped over with async for. It belongs to the loop
    that uses it first. Calls that are in flight together are in no order of each other."""

    def __init__(self, address: str = "127.0.0.1:7717", *, workspace: str | None = None, token: str | None = None,
                 tls: ssl.SSLContext | None = None, timeout: float = 30.0, pool: int = 2):
        if pool < 1:
            raise ValueError("a pool has at least one connection")
        self.target = target_of(address, workspace, timeout, token, tls)
        self._pool = pool
        self._lanes: list[AsyncLane] = []
        self._closed = False

    def _take(self) -> AsyncLane:
        """The lane with the least in flight; a new one only when all are in use."""
        if self._closed:
            raise errors.Closed("the client was closed")
        least = min(self._lanes, key=lambda lane: len(lane.flight.pending), default=None)
        if least is None or (least.flight.pending and len(self._lanes) < self._pool):
            least = AsyncLane(self.target)
            self._lanes.append(least)
        return least

    async def close(self) -> None:
        self._closed = True
        for lane in self._lanes:
            await lane.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def run(self, call: Call[T], *, timeout: float | None = None) -> T:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self.target.timeout if timeout is None else timeout)
        for pause in pauses():
            lane = self._take()
            try:
                return await lane.wait(await lane.submit(call, deadline - loop.time()))
            except errors.Busy:
                if loop.time() + pause >= deadline:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    async def map(self, many: Iterable[Call[T]], *, window: int = 128, timeout: float | None = None) -> AsyncIterator[T]:
        """The results of calls that are made as they are needed, in their order, half of `window` to all of it in flight on one
        connection. It costs less than a task for each."""
        lane = self._take()
        waiting: collections.deque[Pending[T]] = collections.deque()
        try:
            for call in many:
                waiting.append(await lane.submit(call, timeout))
                if len(waiting) >= window:  # down to half, so that the next ones go out together
                    while len(waiting) > window // 2:
                        yield await lane.wait(waiting.popleft())
            while waiting:
                yield await lane.wait(waiting.popleft())
        finally:
            for pending in waiting:
                lane.drop(pending)

    async def call(self, method: str, /, timeout: float | None = None, **params: Any) -> dict[str, Any]:
        """Any method of the protocol, its answer as it is."""
        return await self.run(calls.raw(method, **params), timeout=timeout)

    def writer(self, what: str, *, fields: Sequence[str] | None = None, nil: str | None = None, batch_rows: int = 8192,
               batch_bytes: int = 1 << 20, window: int = 4, refused_max: int = 10_000, timeout: float | None = None) -> Writer:
        """what: users, items or events. Rows are maps, or with `fields` sequences of values in their order."""
        batcher = bulk.Batcher(what, fields=fields, nil=nil, batch_rows=batch_rows, batch_bytes=batch_bytes, refused_max=refused_max)
        return Writer(self._take(), batcher, window, timeout)

    async def put(self, what: str, rows: Iterable[Row], **how: Any) -> types.Written:
        """One batch of users, items or events."""
        return await self.run(calls.put(what, rows, **how))

    async def count(self, where: Expression, *, now: Any = None, timeout: float | None = None) -> types.Count:
        return await self.run(calls.count(where, now=now), timeout=timeout)

    async def sample(self, where: Expression, count: int, *, seed: str | int | None = None, fields: Sequence[str] | None = None,
                     now: Any = None, timeout: float | None = None) -> types.Sample:
        return await self.run(calls.sample(where, count, seed=seed, fields=fields, now=now), timeout=timeout)

    async def pages(self, where: Expression, *, size: int = 1000, fields: Sequence[str] | None = None, order: str | None = None,
                    desc: bool | None = None, now: Any = None, timeout: float | None = None) -> AsyncIterator[types.Page]:
        """All of an audience, frozen with the first page. Close it (contextlib.aclosing) to let go of the rest early."""
        page = await self.run(calls.page(where, limit=size, fields=fields, order=order, desc=desc, keep=True, now=now), timeout=timeout)
        try:
            yield page
            while page.cursor is not None:
                page = await self.run(calls.next_page(page.cursor, limit=size), timeout=timeout)
                yield page
        finally:
            if page.cursor is not None:
                try:
                    await self.run(calls.close(page.cursor), timeout=min(self.target.timeout, 1.0))
                except errors.ShoalError:
                    pass  # it closes by itself after five minutes

    async def ids(self, where: Expression, **how: Any) -> AsyncIterator[str]:
        """The id of each user of an audience; `how` as in pages."""
        async for page in self.pages(where, **how):
            for id in page.ids:
                yield id

    async def events(self, types: Sequence[str] | None = None, *, begin: Any = None, until: Any = None, now: Any = None, size: int = 5000,
                     timeout: float | None = None) -> AsyncIterator[dict[str, Any]]:
        """Everything that happened from `begin` to before `until` (to now unless said), in the order of time: {"type", "user", "time", ...}.
        Nothing is held open on the server, so a loop may rest as long as it likes."""
        cursor = None
        while True:
            answer = await self.run(calls.events_page(types, begin, until, now, size, cursor), timeout=timeout)
            for event in answer["events"]:
                yield event
            cursor = answer.get("cursor")
            if cursor is None:
                return

    async def item_ids(self, *, listed: bool | None = None, size: int = 10_000, timeout: float | None = None) -> AsyncIterator[str]:
        """The id of each item, ascending by bytes; of those that are listed, or are no longer, alone."""
        cursor = None
        while True:
            answer = await self.run(calls.items_page(listed, size, cursor), timeout=timeout)
            for id in answer["ids"]:
                yield id
            cursor = answer.get("cursor")
            if cursor is None:
                return

    async def user(self, id: str | int, *, fields: Sequence[str] | None = None, events: int | None = None) -> dict[str, Any]:
        """NotFound if there is none."""
        return await self.run(calls.user(id, fields=fields, events=events))

    # ---- feeds ----

    async def feed(self, user: str | int | None = None, *, timeout: float | None = None, **how: Any) -> types.Feed:
        """`how` as in calls.feed: count, session, filter, scene, explain, weights, pins ..."""
        return await self.run(calls.feed(user, **how), timeout=timeout)

    async def feed_why(self, item: str | int, user: str | int | None = None, *, timeout: float | None = None, **how: Any) -> types.Fate:
        """The fate of an item in a feed: shown, or what kept it out; `how` as in feed."""
        return await self.run(calls.feed_why(item, user, **how), timeout=timeout)

    async def trending(self, *, timeout: float | None = None, **how: Any) -> list[types.FeedItem]:
        """`how` as in calls.trending: count, filter, fields, store, by, now."""
        return await self.run(calls.trending(**how), timeout=timeout)

    async def similar(self, item: str | int, *, timeout: float | None = None, **how: Any) -> types.Companions:
        """What is like an item; `how` as in calls.similar."""
        return await self.run(calls.similar(item, **how), timeout=timeout)

    async def also_bought(self, item: str | int, *, timeout: float | None = None, **how: Any) -> types.Companions:
        """What its buyers also bought; `how` as in calls.also_bought."""
        return await self.run(calls.also_bought(item, **how), timeout=timeout)

    async def users_for_item(self, item: str | int, *, timeout: float | None = None, **how: Any) -> types.UsersForItem:
        """The users whom an item suits best; `how`: where, count, fields, now."""
        return await self.run(calls.users_for_item(item, **how), timeout=timeout)

    async def batch(self, users: Iterable[str | int] | None = None, *, timeout: float | None = None, **how: Any) -> types.Batch:
        """Feeds of a list of users, or of one page of an audience; `how` as in calls.batch: where, limit, cursor, count, filter ..."""
        return await self.run(calls.batch(users, **how), timeout=timeout)

    async def served(self, rec_id: str, items: Iterable[Any], *, timeout: float | None = None, **how: Any) -> dict[str, Any]:
        """A feed that another system showed is learned from; `how`: user, now, place, hour."""
        return await self.run(calls.served(rec_id, items, **how), timeout=timeout)

    async def learning(self, *, timeout: float | None = None, **how: Any) -> dict[str, Any]:
        """How well the feed learns, and what came of what it showed."""
        return await self.run(calls.learning(**how), timeout=timeout)

    async def put_scene(self, name: str, rules: Mapping[str, Any], *, timeout: float | None = None, **how: Any) -> bool:
        """Rules of feeds by the place where they are shown; has anything changed?"""
        return await self.run(calls.put_scene(name, rules, **how), timeout=timeout)

    async def scene(self, name: str, *, timeout: float | None = None, **how: Any) -> types.Scene:
        """NotFound if there is none."""
        return await self.run(calls.scene(name, **how), timeout=timeout)

    async def scenes(self, *, timeout: float | None = None, **how: Any) -> list[types.Scene]:
        """All of them."""
        return await self.run(calls.scenes(**how), timeout=timeout)

    async def remove_scene(self, name: str, *, timeout: float | None = None, **how: Any) -> bool:
        """Was there one?"""
        return await self.run(calls.remove_scene(name, **how), timeout=timeout)

    async def train(self, name: str, *, timeout: float | None = None, **how: Any) -> int:
        """Train a table of items in the background; `how`: every_hours, dimensions, epochs, seed ..."""
        return await self.run(calls.train(name, **how), timeout=timeout)

    async def models(self, *, timeout: float | None = None, **how: Any) -> list[types.Model]:
        """Tables of items, and plans to train them."""
        return await self.run(calls.models(**how), timeout=timeout)

    async def put_model(self, name: str, *, timeout: float | None = None, **how: Any) -> bool:
        """A part of a table that was trained elsewhere; is it whole now? `how` as in calls.put_model."""
        return await self.run(calls.put_model(name, **how), timeout=timeout)

    async def remove_model(self, name: str, *, timeout: float | None = None, **how: Any) -> bool:
        """Was there one?"""
        return await self.run(calls.remove_model(name, **how), timeout=timeout)

    async def likings(self, at: Any = 0, *, timeout: float | None = None, **how: Any) -> dict[str, Any]:
        """A page of who likes what, to train elsewhere."""
        return await self.run(calls.likings(at, **how), timeout=timeout)

    async def feed_pages(self, user: str | int | None = None, *, timeout: float | None = None, **how: Any) -> AsyncIterator[types.Feed]:
        """A feed page by page, for endless scrolling: nothing comes twice. `how` as in feed; one seed holds for all pages."""
        page = await self.run(calls.feed(user, **how), timeout=timeout)
        yield page
        while page.cursor is not None:
            page = await self.run(calls.feed(user, **{**how, "cursor": page.cursor}), timeout=timeout)
            yield page

    async def batches(self, where: Expression, *, timeout: float | None = None, **how: Any) -> AsyncIterator[tuple[str, types.Feed]]:
        """(user, feed) of everybody in an audience, for pushes; `how` as in batch, limit users a page."""
        cursor = None
        while True:
            page = await self.run(calls.batch(where=where, cursor=cursor, **how), timeout=timeout)
            for user, feed in page.feeds:
                yield user, feed
            if page.cursor is None:
                return
            cursor = page.cursor
            how.pop("now", None)  # it is that of the first page

    async def impressions(self, after: Any = None, *, size: int = 1000, timeout: float | None = None) -> AsyncIterator[types.Impression]:
        """What feeds showed and what came of it, oldest first."""
        while True:
            found, after = await self.run(calls.impressions(after=after, limit=size), timeout=timeout)
            for impression in found:
                yield impression
            if after is None:
                return
