"""What is in flight on one lane, without sockets and without a clock, so that both kinds of clients do the same.

    begin ---> [ msgid -> Pending, oldest first ] ---> receive: done, in any order
                  |                     ^
                  +-- lost: what may be sent again, byte for byte; the rest has failed

Rules that hold after every call:
  - A write carries {client: this lane's id, seq}, so that it is done once, however often it is sent.
  - The server remembers the 1,024 highest numbers of a client. So no number is given while an unanswered one is as far back as
    SEQ_SPAN_MAX (has_room), and a lane has its own id: a slow lane does not fall behind the others.
  - Frames are kept until they are answered: COUNT_MAX and BYTES_MAX bound them.
"""
from __future__ import annotations

import uuid
from typing import Any, Generic, TypeVar

import msgpack

from . import errors, methods, wire
from .calls import Call

T = TypeVar("T")

COUNT_MAX = 512  # half of what the server takes unread
BYTES_MAX = 32 << 20
SEQ_SPAN_MAX = 1000


class Pending(Generic[T]):
    """A call that was sent. The answer is kept as bytes until result reads it, and what it reads is kept nowhere: of many answers that
    wait only the one in hand is made of objects, so that they are soon free again."""

    __slots__ = ("call", "msgid", "frame", "seq", "deadline", "repeatable", "sent_count", "done", "answer", "error", "waiter")

    def __init__(self, call: Call[T], msgid: int, frame: bytes, seq: int, deadline: float, repeatable: bool):
        self.call = call
        self.msgid = msgid
        self.frame = frame
        self.seq = seq
        self.deadline = deadline
        self.repeatable = repeatable
        self.sent_count = 1
        self.done = False
        self.answer = b""
        self.error: errors.ShoalError | None = None
        self.waiter: Any = None

    def fail(self, error: errors.ShoalError) -> None:
        self.done = True
        self.error = error

    def result(self) -> T:
        """Of a call that is done: its value, or its error is raised. Each time it is read anew."""
        if self.error is not None:
            raise self.error
        try:
            _, _, error, result = wire.unpack(self.answer)
            if error is None:
                return self.call.read(result)
        except (msgpack.UnpackException, ValueError, LookupError, TypeError) as fault:
            words = f"{self.call.method}: not the answer that the protocol names: {fault!r}"
            self.error = errors.ProtocolError(words, from_server=True)
            raise self.error from fault
        self.error = errors.from_map(error, self.call.params)
        raise self.error


class Flight:
    def __init__(self) -> None:
        self.client_id = f"py-{uuid.uuid4()}"
        self.seq = 0
        self.msgid = 0
        self.pending: dict[int, Pending[Any]] = {}
        self.writes: dict[int, None] = {}  # numbers that are not answered, ascending
        self.byte_count = 0
        self.farewell: errors.ShoalError | None = None
        self.begin_stream()

    def begin_stream(self) -> None:
        self.unpacker: msgpack.Unpacker = wire.unpacker()  # finds where messages end
        self.parts: list[bytes] = []  # what came of a message whose end has not
        self.start = 0  # of them in the stream

    def has_room(self) -> bool:
        if len(self.pending) >= COUNT_MAX or self.byte_count >= BYTES_MAX:
            return False
        return not self.writes or self.seq - next(iter(self.writes)) < SEQ_SPAN_MAX

    def begin(self, call: Call[T], deadline: float, timeout_ms: int) -> Pending[T]:
        """timeout_ms is told to the server where the method has it."""
        number = b""
        seq = 0
        if call.method in methods.WRITES:
            seq = self.seq + 1
            number = wire.number(self.client_id, seq)
        params = call.packed
        if params is None:
            asked = call.params
            if call.method in methods.TIMED and "timeout_ms" not in asked and "cursor" not in asked:
                asked = {**asked, "timeout_ms": min(max(timeout_ms, 1), wire.TIMEOUT_MS_MAX)}
            params = wire.pack(asked)
        msgid = self.msgid % 0xFFFFFFFF + 1
        frame = wire.request(msgid, call.method, params, number)
        if len(frame) > wire.REQUEST_BYTES_MAX:
            raise errors.TooLarge(f"{call.method}: {len(frame)} bytes are more than a message may have ({wire.REQUEST_BYTES_MAX})")
        self.msgid = msgid
        if seq:
            self.seq = seq
            self.writes[seq] = None
        pending = Pending(call, msgid, frame, seq, deadline, bool(seq) or call.method in methods.READS)
        self.pending[msgid] = pending
        self.byte_count += len(frame)
        return pending

    def drop(self, pending: Pending[Any]) -> None:
        """Nobody waits for it any more. Its answer, if it comes, is passed over."""
        if self.pending.pop(pending.msgid, None) is not None:
            self.byte_count -= len(pending.frame)
            self.writes.pop(pending.seq, None)

    def receive(self, data: bytes) -> list[Pending[Any]]:
        """The calls that these bytes finish. ProtocolError: the stream cannot be read on."""
        finished = []
        unpacker = self.unpacker
        whole = None
        at = 0
        try:
            unpacker.feed(data)
            self.parts.append(data)
            while True:
                try:
                    unpacker.skip()
                except msgpack.OutOfData:
                    break
                if whole is None:
                    whole = data if len(self.parts) == 1 else b"".join(self.parts)
                end = unpacker.tell() - self.start
                pending = self._take(whole[at:end])
                if pending is not None:
                    finished.append(pending)
                at = end
        except (msgpack.UnpackException, msgpack.BufferFull, ValueError, TypeError, LookupError) as fault:
            raise errors.ProtocolError(f"what the server sends is no MessagePack-RPC: {fault}") from fault
        if whole is not None:
            self.start += at
            self.parts = [whole[at:]] if at < len(whole) else []
        return finished

    def _take(self, message: bytes) -> Pending[Any] | None:
        """The call that it answers."""
        if message.startswith(b"\x94\x01"):
            pending = self.pending.get(wire.read_msgid(message, 2))
            if pending is not None:
                self.drop(pending)
                pending.answer = message
                pending.done = True
            return pending
        told = wire.unpack(message)
        if told[0] == 2 and len(told) == 3 and told[1] == "error":
            self.farewell = errors.from_map(told[2][0])
        return None

    def lost(self, why: str) -> list[Pending[Any]]:
        """The connection is gone. Returns those that have failed; the others are to be sent again (again)."""
        self.begin_stream()
        farewell, self.farewell = self.farewell, None
        error = farewell or errors.Closed(f"the connection is lost: {why}")
        # What the server could not read it could not read a second time.
        hopeless = farewell is not None and farewell.code < 400
        failed = [pending for pending in self.pending.values() if hopeless or not pending.repeatable]
        for pending in failed:
            self.drop(pending)
            pending.fail(error)
        return failed

    def again(self) -> bytes:
        """All frames that are to be sent on a new connection, in the order they were sent first."""
        for pending in self.pending.values():
            pending.sent_count += 1
        return b"".join(pending.frame for pending in self.pending.values())

    def give_up(self, error: errors.ShoalError) -> list[Pending[Any]]:
        failed = list(self.pending.values())
        for pending in failed:
            self.drop(pending)
            pending.fail(error)
        return failed
