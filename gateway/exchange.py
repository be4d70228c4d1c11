"""What dialects and backends say to each other: HTTP messages as values, Intents, and Results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Generic, TypeVar

from mediaglot.gateway.model import EMPTY, Job, Notification, Output, Preset, Secret, Status, Ticket
from mediaglot.gateway.model.quick import quick

Item = TypeVar("Item")
PART: Final = "part:"
"""Facets whose names begin so are quick to find by parts of their values."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """Header lines in order, looked up without regard to case."""

    lines: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        wanted = name.lower()
        return next((value for key, value in self.lines if key.lower() == wanted), default)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.lines)


def headers(**lines: str) -> Headers:
    """``headers(content_type="text/xml")``: underscores become hyphens."""
    return Headers(lines=tuple((name.replace("_", "-").title(), value) for name, value in lines.items()))


def retry_after(headers: Headers) -> int | None:
    """In seconds, by both forms of Retry-After: a date is reckoned from that of the answer, by the same clock."""
    after = headers.get("Retry-After").strip()
    if re.fullmatch(r"\d{1,6}", after, re.ASCII):
        return int(after)
    try:
        left = parsedate_to_datetime(after) - parsedate_to_datetime(headers.get("Date"))
    except (OverflowError, TypeError, ValueError):
        return None
    return max(0, round(left.total_seconds()))


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request as the provider would see it: its own path, without our mount."""

    method: str = "GET"
    path: str = "/"
    query: str = ""
    """The raw query string, not decoded."""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    base: str = ""
    """The URL that the dialect's own paths hang under, without a final slash."""
    site: str = ""
    """The URL that our own reserved prefix hangs under, without a final slash."""
    received: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int = 200
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


# --- intents: what a client wants -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Base of all intents."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob(Intent):
    job: Job
    presets: tuple[Preset, ...] = ()
    """Presets to store along with the job."""
    needs: tuple[tuple[str, str], ...] = ()
    """Kinds and ids of the things that ``Dialect.settle`` is to find for this job."""
    unique: tuple[tuple[str, str], ...] = ()
    """Kinds and ids of things that may not be there yet: names that only one job can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetJob(Intent):
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetJobs(Intent):
    """Several tickets by id, in that order. Unknown ids are left out of the answer."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Conditions on a list, AND-ed; None means no condition."""

    statuses: frozenset[Status] | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    id: str | None = None
    output_id: str | None = None
    container: str | None = None
    facets: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Equality on the dialect's own facets (``Dialect.facets``), indexed by the store."""
    parts: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Parts of the dialect's own facets, which are quick to find where a facet's name begins with ``PART``."""
    recent: int | None = None
    """Only what is unfinished, or ended at most so many seconds ago."""
    ended_from: datetime | None = None
    """Only what is unfinished, or ended then or later; the desk makes this of ``recent``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a list. ``limit`` None means everything."""

    offset: int = 0
    limit: int | None = None
    sort: str = "created"
    """created, started, finished, status, id or source; ``facet:NAME`` for a facet that every ticket has."""
    descending: bool = False
    last: bool = False
    """The page of ``limit`` that the list ends with, wherever that begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobs(Intent):
    filter: Filter = field(default_factory=Filter)
    window: Window = field(default_factory=Window)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateJob(Intent):
    """Replace the outputs of a job; running ones are cancelled and the work begins at once."""

    id: str
    outputs: tuple[Output, ...]
    notifications: tuple[Notification, ...] = ()
    """What to tell of from now on; empty leaves the earlier ones."""
    document: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """The client's own words that replace those of the job (``Job.document``), key by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartJob(Intent):
    """Let a held job go."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelJob(Intent):
    """End a job now; it stays readable. ``keep_saved``: with something delivered it counts as finished.

    ``also`` names the ends in which a job may be called cancelled all the same.
    """

    id: str
    keep_saved: bool = False
    also: frozenset[Status] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJobs(Intent):
    """End jobs if need be and take them out of the account's sight."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryJob(Intent):
    """Run again: everything with a new fetch, only what failed, or the one output with ``output_id``."""

    id: str
    failed_only: bool = False
    output_id: str | None = None
    ended: bool = False
    """Only a job that is at its end; otherwise Conflict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutPresets(Intent):
    presets: tuple[Preset, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPreset(Intent):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPresets(Intent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePreset(Intent):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutThing(Intent):
    """Keep a provider's own document: a pipeline, a profile, a webhook.

    Without ``id`` it is a new one, whose id the dialect mints. With it, the document replaces the earlier one,
    or with ``merge`` its outer keys are laid over the earlier one's.
    """

    kind: str
    document: Mapping[str, Any]
    id: str | None = None
    merge: bool = False
    aliases: tuple[tuple[str, str], ...] = ()
    """For a new one: ``Thing.aliases``; an empty id is the new one's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetThing(Intent):
    kind: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFiles(Intent):
    """Playlists over the finished MP4 files of a job, or over those of ``outputs``, all of one job.

    The answer is a Thing of the kind ``stream`` whose document has ``hls`` and ``dash``: texts in which ``{outputs}``
    stands for the URL of our outputs.
    """

    job: str = ""
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListThings(Intent):
    """All documents of a kind, those that the provider brings first, in the order in which they came."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindThings(Intent):
    """Several things by kind and id, as a Page in that order; unknown ones are left out.

    ``job`` is a kind too, of tickets, and ``content``: small files of ours, whose document has ``base64``.
    """

    needs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteThing(Intent):
    """``unless``: not while jobs are unfinished that this filter lets through."""

    kind: str
    id: str
    unless: Filter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueToken(Intent):
    """Trade a credential for a token. ``lifetime`` in seconds, None for one that does not expire."""

    name: str
    secret: Secret
    lifetime: int | None = None
    scopes: tuple[str, ...] = ()
    most: int | None = None
    """How many tokens the account may have at a time; one more is Forbidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeToken(Intent):
    """The token that the request came with is worth nothing from now on."""

    token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAccount(Intent):
    """Who is asking, and what room there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Intent):
    pass


# --- results: what a backend answers --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    items: Sequence[Item]
    total: int
    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It is done and there is nothing to tell but, maybe, names."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    id: str
    created: datetime
    workers: int
    running: int
    waiting: int
    healthy: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A provider's own document. ``owner`` is None for those that the provider brings."""

    kind: str
    id: str
    document: Mapping[str, Any]
    created: datetime | None = None
    updated: datetime | None = None
    owner: str | None = None
    aliases: tuple[tuple[str, str], ...] = ()
    """Further kinds and ids under which its document is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """``expires`` is None for a token that does not."""

    text: Secret
    name: str
    issued: datetime
    expires: datetime | None = None
    scopes: tuple[str, ...] = ()


Listed = Page[Ticket] | Page[Preset] | Page[Thing] | Page[Thing | Ticket]
Result = Ticket | tuple[Ticket, ...] | Preset | Thing | Token | Listed | Done | AccountFacts
