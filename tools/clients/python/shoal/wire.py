"""MessagePack-RPC frames: [0, msgid, method, [params]] there, [1, msgid, error, result] back.

A writing request has a second map beside its params, {client, seq}: under that number the server does it once, however often
it is sent. Values that MessagePack does not have: Decimal goes as its digits, datetime as milliseconds (as an ISO 8601 text, in
the workspace's zone, if it names no zone), date as "2026-03-01", a set as an array.
"""
from __future__ import annotations

import datetime
import decimal
import os
import ssl
from typing import Any

import msgpack

ANSWER_BYTES_MAX = 256 << 20
REQUEST_BYTES_MAX = 8 << 20

TIMEOUT_MS_MAX = 3_600_000

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MILLISECOND = datetime.timedelta(milliseconds=1)


def plain(value: Any) -> Any:
    """What a value of Python is in MessagePack."""
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        return value.isoformat() if value.tzinfo is None else (value - EPOCH) // MILLISECOND
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be sent: {value!r}")


def pack(value: Any) -> bytes:
    return msgpack.packb(value, default=plain)


def request(msgid: int, method: str, params: bytes, number: bytes = b"") -> bytes:
    """params and number are packed maps; no number, no second map."""
    return b"".join((b"\x94\x00", pack(msgid), pack(method), b"\x92" if number else b"\x91", params, number))


def number(client: str, seq: int) -> bytes:
    return pack({"client": client, "seq": seq})


def unpacker() -> msgpack.Unpacker:
    return msgpack.Unpacker(raw=False, max_buffer_size=ANSWER_BYTES_MAX, strict_map_key=False, unicode_errors="replace")


def unpack(message: bytes) -> Any:
    return msgpack.unpackb(message, raw=False, strict_map_key=False, unicode_errors="replace", max_str_len=ANSWER_BYTES_MAX,
                           max_bin_len=ANSWER_BYTES_MAX, max_array_len=ANSWER_BYTES_MAX, max_map_len=ANSWER_BYTES_MAX)


def read_msgid(message: bytes, at: int) -> int:
    """The number that begins there; -1 if something else does."""
    byte = message[at]
    if byte < 0x80:
        return byte
    return int.from_bytes(message[at + 1: at + 1 + (1 << (byte - 0xCC))], "big") if 0xCC <= byte <= 0xCE else -1


def tls_of(address: str, given: ssl.SSLContext | None) -> ssl.SSLContext | None:
    """What an address that begins with tls: is spoken to with: what was given, or what believes the authorities of SHOAL_TLS_CA, or
    of this system."""
    if not address.startswith("tls:"):
        return None
    return given if given is not None else ssl.create_default_context(cafile=os.environ.get("SHOAL_TLS_CA"))


def read_address(address: str) -> tuple[str, str, int]:
    """("unix", path, 0), ("tcp", host, port) or ("tls", host, port) of "127.0.0.1:7717", "tcp:host:7717", "[::1]:7717",
    "tls:host:7718" or "unix:/path"."""
    if address.startswith("unix:"):
        return "unix", address[5:], 0
    kind = "tls" if address.startswith("tls:") else "tcp"
    host, colon, port = address.removeprefix(f"{kind}:").rpartition(":")
    if not colon or not port.isdigit():
        raise ValueError(f"an address is host:port, tls:host:port or unix:/path, not {address!r}")
    return kind, host.removeprefix("[").removesuffix("]"), int(port)
