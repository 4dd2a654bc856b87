"""How a call fails: one class for each status of the protocol, all of them ShoalError.

    ShoalError
      ProtocolError  TooLarge  Unsupported                        1xx  the bytes
      Unauthenticated  Forbidden                                  2xx  who asks
      ArgumentError  NotFound  Conflict  Overflow                 3xx  the request
      ExpressionError: SyntaxFault  TypeFault  NameUnknown        3xx  with the place in the expression
      Busy (RateLimited)  DeadlineExceeded  LimitReached  Closed  ReadOnly      4xx  it may work later
      ServerMemoryError  ServerIOError  Corrupt                   5xx  the server

A code that is not known yet is a plain ShoalError.
"""
from __future__ import annotations

from typing import Any, Mapping

# The params that hold an expression. When exactly one of them was sent as a text, an error's position is in that text.
EXPRESSIONS = ("where", "filter", "sequence", "seeds", "exclude", "base", "among", "first", "return", "on")


class ShoalError(Exception):
    """code, status, message: what the protocol says. position: bytes of UTF-8 before the fault, or None. hint: what to do, or None.
    from_server: False if this side found it, and then nobody can say whether the request was done."""

    code = 0
    status = "unknown"

    def __init__(self, message: str, *, code: int | None = None, status: str | None = None, position: int | None = None,
                 hint: str | None = None, expression: str | None = None, from_server: bool = False):
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status
        self.position = position
        self.hint = hint
        self.expression = expression
        self.from_server = from_server
        self.rows: tuple[int, int] | None = None
        """Of a writer: the first row of the batch that was refused as a whole, and how many it has."""

    @property
    def column(self) -> int | None:
        """The position in characters instead of bytes: an index into the expression."""
        if self.position is None or self.expression is None:
            return None
        return len(self.expression.encode()[: self.position].decode(errors="ignore"))

    def __str__(self) -> str:
        text = f"{self.status}: {self.message}"
        column = self.column
        if column is not None and self.expression is not None:
            text += f"\n  {self.expression[:column]}»{self.expression[column:]}"
        elif self.position is not None:
            text += f" (at byte {self.position})"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ProtocolError(ShoalError):
    code, status = 100, "protocol"


class TooLarge(ShoalError):
    code, status = 102, "too_large"


class Unsupported(ShoalError):
    code, status = 103, "unsupported"


class Unauthenticated(ShoalError):
    """No token, or none that is alive."""
    code, status = 200, "unauthenticated"


class Forbidden(ShoalError):
    """The token's roles do not open it."""
    code, status = 201, "forbidden"


class ArgumentError(ShoalError):
    code, status = 300, "argument"


class ExpressionError(ShoalError):
    """An expression that cannot be read, or that asks what cannot be asked."""


class SyntaxFault(ExpressionError):
    code, status = 301, "syntax"


class TypeFault(ExpressionError):
    code, status = 302, "type"


class NameUnknown(ExpressionError):
    code, status = 303, "name"


class NotFound(ShoalError):
    code, status = 304, "not_found"


class Conflict(ShoalError):
    code, status = 305, "conflict"


class Overflow(ShoalError):
    code, status = 306, "overflow"


class Busy(ShoalError):
    code, status = 400, "busy"


class DeadlineExceeded(ShoalError, TimeoutError):
    code, status = 401, "deadline"


class LimitReached(ShoalError):
    code, status = 402, "limit"


class Closed(ShoalError, ConnectionError):
    code, status = 403, "closed"


class ReadOnly(ShoalError):
    code, status = 404, "read_only"


class RateLimited(Busy):
    """More requests than the token's limit. A call is made again until its timeout, as when the server is busy."""
    code, status = 405, "rate_limited"


class ServerMemoryError(ShoalError):
    code, status = 500, "memory"


class ServerIOError(ShoalError):
    code, status = 501, "io"


class Corrupt(ShoalError):
    code, status = 502, "corrupt"


BY_CODE: dict[int, type[ShoalError]] = {kind.code: kind for kind in (
    ProtocolError, TooLarge, Unsupported, Unauthenticated, Forbidden, RateLimited, ArgumentError, SyntaxFault, TypeFault, NameUnknown, NotFound, Conflict, Overflow, Busy,
    DeadlineExceeded, LimitReached, Closed, ReadOnly, ServerMemoryError, ServerIOError, Corrupt)}


def from_map(error: Any, params: Mapping[str, Any] | None = None) -> ShoalError:
    """The error that an answer carries. params: what was asked, to show the place in its expression."""
    if not isinstance(error, dict):
        return ProtocolError(f"an error that is no map: {error!r}", from_server=True)
    code = error.get("code", 0)
    texts = [params[name] for name in EXPRESSIONS if isinstance(params.get(name), str)] if params else []
    position = error.get("position")
    return BY_CODE.get(code, ShoalError)(
        str(error.get("message", "")), code=code, status=error.get("status"), position=position, hint=error.get("hint"),
        expression=texts[0] if len(texts) == 1 and position is not None else None, from_server=True)
