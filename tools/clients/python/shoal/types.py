"""What answers are made of. Decimals are strings and times are milliseconds since 1970, as the server gives them: exact."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Count:
    count: int
    total: int
    """All users of the workspace."""


@dataclass(slots=True)
class Page:
    """A page of an audience that was frozen when the first page was asked for."""

    ids: list[str]
    rows: list[list[Any]] | None
    """With `fields`: [id, value, ...] of each user; ids has the ids all the same."""
    count: int | None
    """How many the audience has; on the first page."""
    skipped: int
    """People of this page who were forgotten since the audience was frozen."""
    cursor: Any = None
    """For the next page; None on the last one."""


@dataclass(slots=True)
class Sample:
    count: int
    """How many the audience has that the sample was drawn from."""
    ids: list[str]
    rows: list[list[Any]] | None


@dataclass(slots=True)
class Reason:
    """Why an item is in a feed: `share` of its score is due to this."""

    kind: str
    value: float
    share: float
    name: str | None = None
    """The tag or value that it is about, of the tag set or attribute `of`."""
    of: str | None = None


class FeedItem:
    """An item of a feed. It looks into the answer as it came, `told`, when it is asked: of a feed's many values few are read."""

    __slots__ = ("told",)

    def __init__(self, told: dict[str, Any]):
        self.told = told

    @property
    def id(self) -> str:
        return self.told["id"]

    @property
    def score(self) -> float:
        return self.told["score"]

    @property
    def sources(self) -> list[str]:
        return self.told.get("sources", [])

    @property
    def fields(self) -> dict[str, Any]:
        return self.told.get("fields", {})

    @property
    def reasons(self) -> list[Reason]:
        return read_reasons(self.told)

    @property
    def contributions(self) -> dict[str, float]:
        """What each feature gave; in their order they add up to the score. With explain="full"."""
        return self.told.get("contributions", {})

    @property
    def rules(self) -> list[str]:
        """What put it there: pin, slot, quota, boost, bury, fatigue, mmr. With explain="full"."""
        return self.told.get("rules", [])

    @property
    def relaxed(self) -> list[str]:
        """The rules that gave way for it. With explain="full"."""
        return self.told.get("relaxed", [])

    @property
    def propensity(self) -> float:
        """How likely it was to stand there; 1 unless its place was explored."""
        return self.told.get("propensity", 1.0)

    @property
    def together(self) -> float | None:
        """Of feed.similar and feed.also_bought: how much or how many people say so."""
        return self.told.get("together")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeedItem) and self.told == other.told

    def __repr__(self) -> str:
        return f"FeedItem(id={self.id!r}, score={self.score!r}, sources={self.sources!r}, fields={self.fields!r})"


@dataclass(slots=True)
class Feed:
    rec_id: Any
    items: list[FeedItem]
    relaxed: list[str]
    """Rules that had to give way to fill the feed: seen, bought, diversity."""
    took_us: int
    cursor: str | None = None
    """For the next page, with the same request; None when there is none."""
    candidates: int | None = None
    """How many items were scored. With explain="full"."""


@dataclass(slots=True)
class Fate:
    """What became of one item in a feed, and why."""

    item: str
    shown: bool
    stage: str
    """"shown", or what kept it out: catalogue, eligible, scene, store, target, filter, excluded, cursor, held, score, place."""
    rules: list[str]
    candidates: int
    place: int | None
    rank: int | None
    score: float | None
    """None, and nothing below it, for an item that is not listed."""
    last_score: float | None
    contributions: dict[str, float]
    sources: list[str]
    reasons: list[Reason]
    applied: list[str]


@dataclass(slots=True)
class Companions:
    """What goes with an item: `of` buyers, or so much liking, say so; counts may be too low by `missing`."""

    items: list[FeedItem]
    of: float
    missing: float


@dataclass(slots=True)
class UserFit:
    """A user whom an item suits; the score is the sum of the three."""

    id: str
    score: float
    affinity: float
    pairs: float
    walk: float
    reasons: list[Reason]
    fields: dict[str, Any]


@dataclass(slots=True)
class UsersForItem:
    count: int
    """Users whom it suits at all."""
    users: list[UserFit]
    """The best of them, best first."""


@dataclass(slots=True)
class Scene:
    name: str
    rules: dict[str, Any]
    changed_at: int


@dataclass(slots=True)
class Model:
    """A table of items that is trained, or to be."""

    name: str
    due: bool
    plan: dict[str, Any] | None
    table: dict[str, Any] | None
    fault: str | None
    """Why the last training came to nothing."""


@dataclass(slots=True)
class Impression:
    """A feed that was shown, and what came of its items: {id, place, score, propensity, click, cart, purchase, amount, ...}."""

    rec_id: str
    time: int
    items: list[dict[str, Any]]


@dataclass(slots=True)
class Refused:
    """A row that was refused; the others of its batch were not."""

    row: int
    """Its place, counted from 0: in the batch, or in all that a writer was given."""
    code: int
    status: str
    message: str
    hint: str | None = None


@dataclass(slots=True)
class Written:
    accepted: int
    created: int
    duplicates: int
    refused: list[Refused]


def read_reasons(told: dict[str, Any]) -> list[Reason]:
    return [Reason(one["kind"], one["value"], one["share"], one.get("name"), one.get("of")) for one in told.get("reasons", ())]


def read_fate(result: dict[str, Any]) -> Fate:
    return Fate(result["item"], result["shown"], result["stage"], result["rules"], result["candidates"], result.get("place"),
                result.get("rank"), result.get("score"), result.get("last_score"), result.get("contributions", {}),
                result.get("sources", []), read_reasons(result), result.get("applied", []))


def read_companions(result: dict[str, Any]) -> Companions:
    return Companions(read_items(result["items"]), result["liking"] if "liking" in result else result["buyers"], result["missing"])


def read_users_for_item(result: dict[str, Any]) -> UsersForItem:
    return UsersForItem(result["count"], [
        UserFit(one["id"], one["score"], one["affinity"], one["pairs"], one["walk"], read_reasons(one), one.get("fields", {}))
        for one in result["users"]])


def read_scene(result: dict[str, Any]) -> Scene:
    return Scene(result["name"], result["rules"], result["changed_at"])


def read_scenes(result: dict[str, Any]) -> list[Scene]:
    return [read_scene(one) for one in result["scenes"]]


def read_models(result: dict[str, Any]) -> list[Model]:
    return [Model(one["name"], one["due"], one.get("plan"), one.get("table"), one.get("fault")) for one in result["models"]]


def read_impressions(result: dict[str, Any]) -> tuple[list[Impression], Any]:
    """And where the next ones begin; None when these are the last."""
    return ([Impression(one["rec_id"], one["time"], one["items"]) for one in result["impressions"]],
            result["after"] if result["more"] else None)


def read_count(result: dict[str, Any]) -> Count:
    return Count(result["count"], result["total"])


def read_page(result: dict[str, Any]) -> Page:
    rows = result.get("rows")
    ids = result["ids"] if rows is None else [row[0] for row in rows]
    return Page(ids, rows, result.get("count"), result.get("skipped", 0), result.get("cursor"))


def read_sample(result: dict[str, Any]) -> Sample:
    rows = result.get("rows")
    return Sample(result["count"], result["ids"] if rows is None else [row[0] for row in rows], rows)


def read_items(items: list[dict[str, Any]]) -> list[FeedItem]:
    return [FeedItem(item) for item in items]


def read_feed(result: dict[str, Any]) -> Feed:
    return Feed(result["rec_id"], read_items(result["items"]), result.get("relaxed", []), result["took_us"], result.get("cursor"),
                result.get("candidates"))


@dataclass(frozen=True, slots=True)
class Batch:
    """Feeds by user, and where the next page begins; None if this was the last."""
    feeds: list[tuple[str, Feed]]
    cursor: str | None


def read_batch(result: dict[str, Any]) -> Batch:
    took_us = result["took_us"]
    return Batch([(feed["user"], read_feed(feed | {"took_us": took_us})) for feed in result["feeds"]], result.get("cursor"))


def read_written(result: dict[str, Any]) -> Written:
    refused = [Refused(row["row"], row["code"], row["status"], row["message"], row.get("hint")) for row in result["refused"]]
    return Written(result["accepted"], result.get("created", 0), result.get("duplicates", 0), refused)
