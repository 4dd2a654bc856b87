"""A question as a value: its method, its params, and how its answer is read. A client runs it, a pipeline sends many.

    pipeline.send(calls.feed("u7", count=10))
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Generic, Iterable, Mapping, Sequence, TypeVar

from . import types

T = TypeVar("T")
Expression = str | Sequence[Any]
Row = Mapping[str, Any] | Sequence[Any]


@dataclass(slots=True)
class Call(Generic[T]):
    method: str
    params: Mapping[str, Any]
    read: Callable[[dict[str, Any]], T]
    packed: bytes | None = None
    """The params as bytes, if they are packed already; params is then for errors only."""


def given(**params: Any) -> dict[str, Any]:
    """Only what is not None: a value of nil counts as absent."""
    return {name: value for name, value in params.items() if value is not None}


def as_it_is(result: dict[str, Any]) -> dict[str, Any]:
    return result


def raw(method: str, **params: Any) -> Call[dict[str, Any]]:
    """Any method of the protocol; the answer's map as it is."""
    return Call(method, params, as_it_is)


def count(where: Expression, *, now: Any = None) -> Call[types.Count]:
    return Call("audience.count", given(where=where, now=now), types.read_count)


def page(where: Expression, *, limit: int = 1000, fields: Sequence[str] | None = None, order: str | None = None,
         desc: bool | None = None, keep: bool | None = None, now: Any = None) -> Call[types.Page]:
    return Call("audience.list", given(where=where, limit=limit, fields=fields, order=order, desc=desc, keep=keep, now=now),
                types.read_page)


def next_page(cursor: Any, *, limit: int = 1000) -> Call[types.Page]:
    return Call("audience.list", given(cursor=cursor, limit=limit), types.read_page)


def close(cursor: Any) -> Call[dict[str, Any]]:
    return Call("audience.close", {"cursor": cursor}, as_it_is)


def sample(where: Expression, count: int, *, seed: str | int | None = None, fields: Sequence[str] | None = None,
           now: Any = None) -> Call[types.Sample]:
    return Call("audience.sample", given(where=where, count=count, seed=seed, fields=fields, now=now), types.read_sample)


def user(id: str | int, *, fields: Sequence[str] | None = None, events: int | None = None) -> Call[dict[str, Any]]:
    return Call("user.get", given(id=id, fields=fields, events=events), lambda result: result["user"])


def feed(user: str | int | None = None, *, count: int | None = None, session: Sequence[str] | None = None,
         filter: Expression | None = None, exclude: Iterable[str] | None = None, fields: Sequence[str] | None = None,
         seed: str | int | None = None, scene: str | None = None, store: str | None = None, cursor: str | None = None,
         now: Any = None) -> Call[types.Feed]:
    return Call("feed.get", given(user=user, count=count, session=session, filter=filter,
                                  exclude=None if exclude is None else list(exclude), fields=fields, seed=seed, scene=scene,
                                  store=store, cursor=cursor, now=now), types.read_feed)


def trending(*, count: int | None = None, filter: Expression | None = None, fields: Sequence[str] | None = None,
             store: str | None = None, by: str | None = None, now: Any = None) -> Call[list[types.FeedItem]]:
    """`by`: "long" (the default), "short" or "rising"."""
    return Call("feed.trending", given(count=count, filter=filter, fields=fields, store=store, by=by, now=now),
                lambda result: types.read_items(result["items"]))


def users_for_item(item: str | int, *, where: Expression | None = None, count: int | None = None,
                   fields: Sequence[str] | None = None, now: Any = None) -> Call[dict[str, Any]]:
    """The users whom an item suits best: {count, users: [{id, score, reasons, ...}]}."""
    return Call("feed.users_for_item", given(item=item, where=where, count=count, fields=fields, now=now), lambda result: result)


def batch(users: Iterable[str | int] | None = None, *, where: Expression | None = None, limit: int | None = None,
          cursor: str | None = None, now: Any = None, **feed: Any) -> Call[types.Batch]:
    """Feeds of many users; `feed` as in feed(): count, filter, exclude, fields ..."""
    return Call("feed.batch", given(users=None if users is None else list(users), where=where, limit=limit, cursor=cursor, now=now,
                                    feed=feed or None), types.read_batch)


PUT = {"users": "user.put", "items": "item.put", "events": "event.append"}


def put(what: str, rows: Iterable[Row], *, fields: Sequence[str] | None = None, nil: str | None = None) -> Call[types.Written]:
    """One batch. what: users, items or events. With fields each row is a sequence of values in their order."""
    name = what if fields is None else "rows"
    return Call(PUT[what], given(fields=fields, nil=nil) | {name: list(rows)}, types.read_written)
