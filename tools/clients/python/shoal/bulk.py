"""Many rows become batches. No sockets: Writer and aio.Writer send them.

    add row, add row ... -> [ packed rows ] -- full: rows or bytes --> take: one put of the protocol

A row is packed once, when it is added, so a batch's size is known to the byte. `place` counts all rows that were added, from 0;
refused rows are told by it.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Sequence

import msgpack

from . import errors, wire
from .calls import PUT, Call, Row, given
from .flight import Pending
from .types import Refused, Written, read_written

ROWS_MAX = 65_536  # of the protocol
BYTES_MAX = wire.REQUEST_BYTES_MAX - 65_536  # room for the frame, names of fields and number


@dataclass(slots=True)
class Report:
    """What became of the rows."""

    rows: int = 0
    accepted: int = 0
    created: int = 0
    duplicates: int = 0
    refused_count: int = 0
    refused: list[Refused] = field(default_factory=list)
    """The first refused rows (as many as the writer was told to keep), each with its place among all rows."""
    unanswered: list[tuple[int, int]] = field(default_factory=list)
    """(first row, rows) of batches that were done, but whose answer was lost with a connection: the server keeps only short
    answers. Which of their rows were refused is not known."""


class Batcher:
    def __init__(self, what: str, *, fields: Sequence[str] | None, nil: str | None, batch_rows: int, batch_bytes: int, refused_max: int):
        if what not in PUT:
            raise ValueError(f"a writer is for users, items or events, not {what!r}")
        if not 1 <= batch_rows <= ROWS_MAX or not 1 <= batch_bytes <= BYTES_MAX:
            raise ValueError(f"a batch has 1 to {ROWS_MAX} rows and 1 to {BYTES_MAX} bytes")
        self.method = PUT[what]
        self.fields = None if fields is None else list(fields)
        named = given(fields=self.fields, nil=nil)
        packer = msgpack.Packer()
        self.head = packer.pack_map_header(len(named) + 1) + b"".join(wire.pack(part) for pair in named.items() for part in pair)
        self.head += wire.pack(what if fields is None else "rows")
        self.batch_rows = batch_rows
        self.batch_bytes = batch_bytes
        self.refused_max = refused_max
        self.pack_row = msgpack.Packer(default=wire.plain).pack
        self.packed: list[bytes] = []
        self.byte_count = 0
        self.report = Report()

    def add(self, row: Row) -> Call[Written] | None:
        """The batch to send now, if the row does not fit into it any more. A row that cannot be packed raises TypeError, one that no
        message can carry TooLarge; neither is added."""
        packed = self.pack_row(row)
        size = len(packed)
        if size > BYTES_MAX:
            raise errors.TooLarge(f"row {self.report.rows} has {size} bytes, a message at most {BYTES_MAX}")
        full = None
        if len(self.packed) >= self.batch_rows or self.byte_count + size > self.batch_bytes:
            full = self.take()
        self.packed.append(packed)
        self.byte_count += size
        self.report.rows += 1
        return full

    def take(self) -> Call[Written] | None:
        """What was added since, as one put; None if that is nothing."""
        count = len(self.packed)
        if count == 0:
            return None
        body = b"".join((self.head, msgpack.Packer().pack_array_header(count), *self.packed))
        first = self.report.rows - count
        self.packed = []
        self.byte_count = 0
        return Call(self.method, {"first": first, "count": count}, read_written, body)

    def account(self, pending: Pending[Written]) -> None:
        """Add an answer to the report. Raises the error of a batch that was refused as a whole; error.rows says which rows."""
        first, count = pending.call.params["first"], pending.call.params["count"]
        report = self.report
        try:
            written = pending.result()
        except errors.ShoalError as error:
            if isinstance(error, errors.Conflict) and pending.sent_count > 1:
                report.unanswered.append((first, count))
                return
            error.rows = (first, count)
            raise
        report.accepted += written.accepted
        report.created += written.created
        report.duplicates += written.duplicates
        report.refused_count += len(written.refused)
        for row in written.refused[: max(0, self.refused_max - len(report.refused))]:
            row.row += first
            report.refused.append(row)
