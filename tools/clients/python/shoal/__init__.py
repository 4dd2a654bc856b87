"""Ask a Shoal server from Python.

    import shoal

    with shoal.Client("127.0.0.1:7717") as client:
        print(client.count("tier >= 'gold' and city = '成都'").count)

`shoal.Client` waits for each answer, `shoal.aio.Client` is the same for asyncio. How they are made:

    Client / aio.Client        typed questions; a pool of lanes
       |  calls.py             a question as a value: method, params, and how its answer is read
    Lane / AsyncLane           one connection that comes back after a loss, many calls in flight on it
       |  flight.py            what is in flight, and what is to be sent again: no sockets, no clock
    wire.py                    MessagePack-RPC frames

Everything that the server knows and that has no method of its own here is asked with `client.call("rfm.put", event="purchase")`.
"""
from . import aio, calls
from .bulk import Report
from .client import Client, Pipeline, Writer
from .errors import (ArgumentError, Busy, Closed, Conflict, Corrupt, DeadlineExceeded, ExpressionError, Forbidden, LimitReached,
                     NameUnknown, NotFound, Overflow, ProtocolError, RateLimited, ReadOnly, ServerIOError, ServerMemoryError, ShoalError, SyntaxFault, TooLarge,
                     TypeFault, Unauthenticated, Unsupported)
from .types import (Batch, Companions, Count, Fate, Feed, FeedItem, Impression, Model, Page, Reason, Refused, Sample, Scene, UserFit,
                    UsersForItem, Written)

__all__ = ["ArgumentError", "Batch", "Busy", "Client", "Closed", "Companions", "Conflict", "Corrupt", "Count", "DeadlineExceeded",
           "ExpressionError", "Fate", "Feed", "FeedItem", "Forbidden", "Impression", "LimitReached", "Model", "NameUnknown", "NotFound", "Overflow", "Page", "Pipeline", "ProtocolError", "RateLimited", "ReadOnly", "Reason",
           "Refused", "Report", "Sample", "Scene", "ServerIOError", "ServerMemoryError", "ShoalError", "SyntaxFault", "TooLarge", "TypeFault",
           "Unauthenticated", "Unsupported", "UserFit", "UsersForItem", "Writer", "Written", "aio", "calls"]
