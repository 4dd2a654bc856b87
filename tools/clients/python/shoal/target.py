"""Where a client asks, and as whom: what both kinds of clients and all their connections have in common."""
from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import Any

from . import calls, wire
from .calls import Call


@dataclass(frozen=True, slots=True)
class Target:
    address: str
    workspace: str | None
    timeout: float
    token: str | None
    tls: ssl.SSLContext | None

    def hello(self) -> Call[dict[str, Any]]:
        """The first call of each connection."""
        return calls.hello(self.workspace, self.token)


def target_of(address: str, workspace: str | None, timeout: float, token: str | None, tls: ssl.SSLContext | None) -> Target:
    """With what is not said from the environment. ValueError: that is no address."""
    wire.read_address(address)
    return Target(address, workspace, timeout, token if token is not None else os.environ.get("SHOAL_TOKEN"), wire.tls_of(address, tls))
