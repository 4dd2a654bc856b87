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


def hello(workspace: str | None, token: str | None) -> Call[dict[str, Any]]:
    return raw("hello", **given(version=1, workspace=workspace, client="shoal-python", token=token))


def raw(method: str, **params: Any) -> Call[dict[str, Any]]:
    """Any method of the protocol; the answer's map as it is."""
    return Call(method, params, as_it_is)


def count(where: Expression, *, now: Any = None) -> Call[types.Count]:
    return Call("audience.count", given(where=where, now=now), types.read_count)


def events_page(types: Sequence[str] | None, begin: Any, until: Any, now: Any, limit: int, cursor: str | None) -> Call[dict[str, Any]]:
    if cursor is not None:
        begin = until = now = None  # they are in it
    window = {"from": begin} if begin is not None else {}
    return raw("event.list", **given(types=types, until=until, now=now, limit=limit, cursor=cursor), **window)


def items_page(listed: bool | None, limit: int, cursor: str | None) -> Call[dict[str, Any]]:
    return raw("item.list", **given(listed=listed, limit=limit, cursor=cursor))


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


FEED = frozenset((
    "count", "session", "filter", "exclude", "fields", "seed", "scene", "store", "cursor", "explain", "after", "record", "now",
    "timeout_ms", "boost", "bury", "pins", "slots", "quotas", "diversity", "mmr", "held", "caps", "fatigue", "relax", "floor", "scores",
    "weights", "half_life_days", "goals"))
"""What a feed may be asked with, beside its user: each is a keyword of feed, feed_why and batch, as the protocol has it."""


def feed_params(how: Mapping[str, Any]) -> dict[str, Any]:
    for name in how:
        if name not in FEED:
            raise TypeError(f"a feed has no {name!r}; it has {', '.join(sorted(FEED))}")
    params = given(**how)
    if "exclude" in params:
        params["exclude"] = list(params["exclude"])
    return params


def feed(user: str | int | None = None, **how: Any) -> Call[types.Feed]:
    """`how`: the names in FEED: count, session (clicks of the visit, oldest first), filter, exclude, fields, seed, scene, store, cursor,
    explain ("none", "reasons" or "full"), weights, goals, boost, pins, mmr ..."""
    params = feed_params(how)
    return Call("feed.get", params if user is None else {"user": user, **params}, types.read_feed)


def feed_why(item: str | int, user: str | int | None = None, **how: Any) -> Call[types.Fate]:
    """The fate of one item in that feed; `how` as in feed()."""
    return Call("feed.explain", given(item=item, user=user) | feed_params(how), types.read_fate)


def trending(*, count: int | None = None, filter: Expression | None = None, fields: Sequence[str] | None = None,
             store: str | None = None, by: str | None = None, now: Any = None) -> Call[list[types.FeedItem]]:
    """`by`: "long" (the default), "short" or "rising"."""
    return Call("feed.trending", given(count=count, filter=filter, fields=fields, store=store, by=by, now=now),
                lambda result: types.read_items(result["items"]))


def similar(item: str | int, *, count: int | None = None, filter: Expression | None = None, fields: Sequence[str] | None = None,
            now: Any = None) -> Call[types.Companions]:
    """What is like an item."""
    return Call("feed.similar", given(item=item, count=count, filter=filter, fields=fields, now=now), types.read_companions)


def also_bought(item: str | int, *, count: int | None = None, filter: Expression | None = None, fields: Sequence[str] | None = None,
                by: str | None = None, now: Any = None) -> Call[types.Companions]:
    """What buyers of an item also bought. `by`: "cosine" (the default) or "walk"."""
    return Call("feed.also_bought", given(item=item, count=count, filter=filter, fields=fields, by=by, now=now), types.read_companions)


def users_for_item(item: str | int, *, where: Expression | None = None, count: int | None = None,
                   fields: Sequence[str] | None = None, now: Any = None) -> Call[types.UsersForItem]:
    """The users whom an item suits best."""
    return Call("feed.users_for_item", given(item=item, where=where, count=count, fields=fields, now=now), types.read_users_for_item)


def batch(users: Iterable[str | int] | None = None, *, where: Expression | None = None, limit: int | None = None,
          cursor: str | None = None, now: Any = None, **feed: Any) -> Call[types.Batch]:
    """Feeds of many users; `feed` as in feed(): count, filter, exclude, fields ..."""
    return Call("feed.batch", given(users=None if users is None else list(users), where=where, limit=limit, cursor=cursor, now=now,
                                    feed=feed_params(feed) or None), types.read_batch)


def served(rec_id: str, items: Iterable[Any], *, user: str | int | None = None, now: Any = None, place: int | None = None,
           hour: int | None = None) -> Call[dict[str, Any]]:
    """A feed that another system showed. items: ids, or [id, score, propensity, predicted]."""
    return Call("feed.served", given(rec_id=rec_id, items=list(items), user=user, now=now, place=place, hour=hour), as_it_is)


def learning(*, now: Any = None) -> Call[dict[str, Any]]:
    """How well the feed learns, and what came of what it showed."""
    return Call("feed.learning", given(now=now), as_it_is)


def impressions(*, after: Any = None, limit: int = 1000) -> Call[tuple[list[types.Impression], Any]]:
    """A page of what was shown, oldest first, and what the next one is asked for with."""
    return Call("feed.impressions", given(after=after, limit=limit), types.read_impressions)


def put_scene(name: str, rules: Mapping[str, Any]) -> Call[bool]:
    """Rules of feeds by the place where they are shown; is it another scene than before?"""
    return Call("scene.put", {"name": name, "rules": dict(rules)}, lambda result: result["changed"])


def scene(name: str) -> Call[types.Scene]:
    return Call("scene.get", {"name": name}, types.read_scene)


def scenes() -> Call[list[types.Scene]]:
    return Call("scene.list", {}, types.read_scenes)


def remove_scene(name: str) -> Call[bool]:
    return Call("scene.remove", {"name": name}, lambda result: result["removed"])


def train(name: str, **plan: Any) -> Call[int]:
    """Train a table of items in the background; `plan`: every_hours, dimensions, epochs, seed ... The number of the plan."""
    return Call("model.train", {"name": name, **given(**plan)}, lambda result: result["number"])


def models() -> Call[list[types.Model]]:
    return Call("model.list", {}, types.read_models)


def put_model(name: str, **part: Any) -> Call[bool]:
    """A part of a table that was trained elsewhere: number, part, parts, items, rows, about; is it whole now?"""
    return Call("model.put", {"name": name, **given(**part)}, lambda result: result["whole"])


def remove_model(name: str) -> Call[bool]:
    return Call("model.remove", {"name": name}, lambda result: result["removed"])


def likings(at: Any = 0, *, count: int | None = None) -> Call[dict[str, Any]]:
    """A page of who likes what, to train elsewhere: {next, pages}."""
    return Call("model.likings", given(at=at, count=count), as_it_is)


PUT = {"users": "user.put", "items": "item.put", "events": "event.append"}


def put(what: str, rows: Iterable[Row], *, fields: Sequence[str] | None = None, nil: str | None = None) -> Call[types.Written]:
    """One batch. what: users, items or events. With fields each row is a sequence of values in their order."""
    name = what if fields is None else "rows"
    return Call(PUT[what], given(fields=fields, nil=nil) | {name: list(rows)}, types.read_written)
