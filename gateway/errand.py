"""Errands: what a client of a provider does, as generators that yield Requests and are sent the Responses.

One request or twelve fit the same contract, and who runs an errand decides what a request costs: a transport sends
it, a rehearsal answers it on paper. A dialect's own Client has a method for each of the few things that we want of a
provider. Like all of a dialect it is pure: what it learns, it returns.

Whatever is not the expected answer is a Fault: Refused, where the provider said no, with the canonical fault that it
meant; Unavailable, where it did not say anything that can be used.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Generator, Mapping, MutableMapping
from dataclasses import dataclass, fields
from datetime import datetime
from fractions import Fraction
from functools import cache, lru_cache
from string import Formatter
from typing import Any, ClassVar, Final, Protocol, TypeAlias, TypeVar
from urllib.parse import urlencode

from mediaglot.gateway import faults
from mediaglot.gateway.auth import Auth, Credential
from mediaglot.gateway.exchange import Request, Response, retry_after
from mediaglot.gateway.faults import EncodingFailed, Fault, Refused, Unavailable, Unsupported, WorkFault
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import is_empty, many
from mediaglot.gateway.model import EMPTY, Job, MediaFacts, Output, Phase, Secret, Status, Trouble
from mediaglot.gateway.trait import Complaint, Knob, chosen
from mediaglot.gateway.values import Table

T = TypeVar("T")
Errand: TypeAlias = Generator[Request, Response, T]
AGAIN: Final = frozenset({*range(300, 400), 408})
"""What is answered by somebody between, and decides nothing."""
LONGEST: Final = 500
"""Characters of a provider's own words that are kept."""


# --- what errands are given and give back -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What an account at a provider is opened with; ``tenant`` is what its paths name: an organization, a company."""

    name: str = ""
    secret: Secret
    tenant: str = ""


def filled(login: Login, part: str) -> bool:
    return getattr(login, part) not in ("", Secret(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What lets requests in, for ``lifetime`` seconds from the answer on, or for good."""

    credential: Credential
    tenant: str = ""
    lifetime: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A job as the provider knows it: its id, and those of its outputs where they are told."""

    id: str
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file that came out, and where it is."""

    url: str
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One output of a job, in the job's own order."""

    id: str = ""
    status: Status = Status.UNKNOWN
    phase: Phase | None = None
    progress: Fraction = Fraction(0)
    files: tuple[Artifact, ...] = ()
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What a provider says of a job. A status of UNKNOWN says nothing: look again."""

    id: str
    status: Status = Status.UNKNOWN
    phase: Phase | None = None
    word: str = ""
    """The provider's own for that state."""
    progress: Fraction = Fraction(0)
    """0 to 1, of the whole job."""
    parts: tuple[Part, ...] = ()
    trouble: Trouble | None = None
    marker: str = ""
    """The one that the job was created with, where the answer shows it."""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None

    @property
    def files(self) -> tuple[Artifact, ...]:
        return tuple(file for part in self.parts for file in part.files)


# --- what a provider says is wrong ------------------------------------------------------------------


class Speaker(Protocol):
    """What a Client needs of its Dialect."""

    @property
    def name(self) -> str: ...
    @property
    def auth(self) -> Auth: ...
    @property
    def faults(self) -> Mapping[type[Fault], Complaint]: ...
    @property
    def kinds(self) -> Mapping[str, str]: ...
    @property
    def statuses(self) -> Table[tuple[Status, Phase | None]]: ...
    def heard(self, word: str) -> tuple[Status, Phase | None]: ...
    def write_output(self, output: Output, ledger: Ledger) -> dict[str, Any]: ...


BY_STATUS: Final[Mapping[int, type[Fault]]] = {
    401: faults.Unauthorized,
    403: faults.Forbidden,
    404: faults.NotFound,
    405: faults.MethodNotAllowed,
    409: faults.Conflict,
    413: faults.TooLarge,
    429: faults.Busy,
}


@cache
def _backwards(dialect: Any) -> tuple[tuple[type[Fault], Complaint, re.Pattern[str]], ...]:
    """The dialect's table of faults with patterns of their texts, those with the most words of their own first."""
    found = []
    for fault, complaint in dialect.faults.items():
        pieces = list(Formatter().parse(complaint.text))
        if any(char.isalpha() for literal, *_ in pieces for char in literal):
            found.append((sum(len(literal) for literal, *_ in pieces), fault, complaint, _pattern(pieces)))
    found.sort(key=lambda each: -each[0])
    return tuple((fault, complaint, pattern) for _, fault, complaint, pattern in found)


def _pattern(pieces: list[tuple[str, str | None, str | None, str | None]]) -> re.Pattern[str]:
    """What ``Complaint.say`` makes of a text; a field that is named twice says the same twice."""
    text, seen = "", set()
    for literal, name, *_ in pieces:
        text += re.escape(literal)
        if name:
            text += f"(?P={name})" if name in seen else f"(?P<{name}>.*?)"
            seen.add(name)
    return re.compile(f"{text.rstrip()}\\s*", re.DOTALL)


def _data(speaker: Speaker, match: re.Match[str]) -> dict[str, Any]:
    """The fields of a text, with kinds and states in our words again."""
    data = {name: value for name, value in match.groupdict().items() if value}
    if "kind" in data:
        data["kind"] = next((ours for ours, word in speaker.kinds.items() if word == data["kind"]), data["kind"])
    if "state" in data:
        data["state"] = str(speaker.heard(data["state"])[0])
    return data


def recognise(speaker: Speaker, status: int, code: str, text: str) -> Fault:
    """The fault that a provider's complaint stands for, by the dialect's own table read backwards.

    Text counts where it is the table's, word for word but for the fields; then the code alone, then the HTTP status
    alone, where only one fault has it; then what HTTP means by that status. Of faults with the same words it is the one
    that the table has first.
    """
    table = _backwards(type(speaker))
    for fault, complaint, pattern in table:
        if (complaint.status, complaint.code) == (status, code) and (match := pattern.fullmatch(text)):
            return fault(**_data(speaker, match))
    coded = [fault for fault, complaint in speaker.faults.items() if code and complaint.code == code]
    like = [fault for fault, complaint in speaker.faults.items() if complaint.status == status]
    for found in (coded, like):
        if len(found) == 1:
            return found[0]()
    return BY_STATUS.get(status, faults.BadRequest)(reason="refused")


def refused(
    speaker: Speaker, response: Response, *, code: str = "", text: str = "", meaning: Fault | None = None
) -> Fault:
    """What to raise for an answer that says no; who is overloaded or broken, or leads elsewhere, is not available."""
    fault = meaning or recognise(speaker, response.status, code, text)
    if isinstance(fault, faults.Busy):
        return unavailable(response, fault.code)
    if response.status >= 500 or response.status in AGAIN:
        return unavailable(response)
    return Refused(fault, status=response.status, error=code or None, text=text[:LONGEST])


def unavailable(response: Response, reason: str = "") -> Unavailable:
    """What to raise for an answer that is none: it can't be read, or says that it could not be made."""
    return Unavailable(status=response.status, reason=reason or None, retry_after=retry_after(response.headers))


def blamed(speaker: Speaker, text: str) -> Trouble:
    """Why a job failed, by what the provider says of it; what the dialect's table does not have is EncodingFailed."""
    for fault, _, pattern in _backwards(type(speaker)):
        if issubclass(fault, WorkFault) and fault is not WorkFault and (match := pattern.fullmatch(text)):
            return fault(**_data(speaker, match), text=text[:LONGEST]).trouble()
    return EncodingFailed(text=text[:LONGEST] or None).trouble()


def held(tree: Any, *path: str) -> dict[str, Any]:
    """The object below ``path`` in an answer, an empty one where there is none."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def objects(tree: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects in an answer's list."""
    return [each for each in many(tree.get(key)) if isinstance(each, dict)]


def said(tree: Mapping[str, Any], key: str) -> str:
    """An answer's value as a text, empty where there is none."""
    value = tree.get(key)
    return "" if is_empty(value) or isinstance(value, (dict, list)) else str(value)


def needed(tree: Mapping[str, Any], key: str) -> str:
    """What an answer can't do without. Raises Unavailable."""
    if not (found := said(tree, key)):
        raise unavailable(Response(), f"no {key}")
    return found


def by_login(login: Login) -> Pass:
    """For providers that trade nothing: the login goes with every request."""
    return Pass(credential=Credential(login.name, login.secret), tenant=login.tenant)


# --- the client -------------------------------------------------------------------------------------


@lru_cache
def encoded(*fields: tuple[str, str]) -> str:
    """A query string: clients ask for the same few lists again and again."""
    return urlencode(fields)


SORTED: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)


def content_name(document: Any, prefix: str = "mediaglot") -> str:
    """A name for a preset or a profile that follows from what is in it, so that the next one like it is the same."""
    return f"{prefix}-{hashlib.sha256(SORTED.encode(document).encode()).hexdigest()[:16]}"


class Client:
    """Base of all clients: one for each dialect (``Dialect.client``), a method for each thing that is wanted.

    A client keeps nothing but ``known``: the ids of presets, profiles and the like that were made before, by kind and
    by a name that follows from the content (``content_name``). It belongs to one account at the provider and may be
    kept in a store. What is not in it is looked up at the provider before it is made.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {}
    """How requests are to be written, where there is a choice; the first value is the default."""
    example: ClassVar[Login]
    """A well-formed login, for rehearsals. Its secret opens nothing."""
    shares_news: ClassVar[bool] = False
    """Whether what is made for a job to send its news serves other jobs too: ``hear`` is the same URL for all of them
    then, and each message has the marker of its job in it."""

    def __init__(
        self,
        speaker: Speaker,
        options: Mapping[str, str] = EMPTY,
        known: MutableMapping[tuple[str, str], str] | None = None,
    ) -> None:
        self.speaker, self.known = speaker, {} if known is None else known
        self.options = chosen(speaker.name, self.knobs, options)

    def lacking(self, login: Login) -> tuple[str, ...]:
        """The parts without which nobody is let in: those that ``example`` has, where nothing else is said."""
        parts = (each.name for each in fields(Login) if filled(self.example, each.name))
        return tuple(part for part in parts if not filled(login, part))

    def frame(self, body: bytes) -> Request:
        """The request that creates a job with ``body``, let in by ``example``: a document that somebody has in a file.

        The format follows from the content.
        """
        raise NotImplementedError

    def enter(self, login: Login) -> Errand[Pass]:
        """Trade a login for a pass. Providers without tokens are not asked: the login is the pass."""
        yield from ()
        return by_login(login)

    def wrap(self, permit: Pass, job: Job, ledger: Ledger, *, hear: str = "") -> Errand[Mapping[str, str]]:
        """Make what must be there before ``job`` is created (presets, profiles, pipelines, webhooks), or find it.

        Ids by whatever ``create`` knows each of them by; each is also in ``known``. ``create`` does this first itself.
        """
        yield from ()
        return {}

    def create(self, permit: Pass, job: Job, ledger: Ledger, *, marker: str = "", hear: str = "") -> Errand[Placed]:
        """Submit a job. ``marker`` is a word to find it by afterwards, ``hear`` the URL that wants the provider's news.

        The request that creates it is the last one. What of the job can't be said is in the ledger. Raises Unsupported
        for a job that can't be said at all.
        """
        raise NotImplementedError

    def look(self, permit: Pass, placed: Placed) -> Errand[Glimpse]:
        raise NotImplementedError

    def find(self, permit: Pass, marker: str = "") -> Errand[tuple[Glimpse, ...]]:
        """The account's newest jobs, or those that were created with ``marker``: none or one, if all went well.

        A create whose answer was lost is looked up by it before it is sent again.
        """
        raise NotImplementedError

    def start(self, permit: Pass, placed: Placed) -> Errand[None]:
        """Let a held job go."""
        raise Unsupported(feature="start")

    def cancel(self, permit: Pass, placed: Placed) -> Errand[None]:
        raise Unsupported(feature="cancel")

    def retry(self, permit: Pass, placed: Placed) -> Errand[None]:
        raise Unsupported(feature="retry")

    def probe(self, permit: Pass, placed: Placed) -> Errand[tuple[MediaFacts, ...]]:
        """What the provider measured on a job's sources."""
        raise Unsupported(feature="probe")

    def overhear(self, response: Response, placed: Placed) -> Glimpse:
        """What an answer says that somebody else got who looked at a job. Raises the Fault of what can't be used."""
        errand = self.look(Pass(credential=Credential("", Secret(""))), placed)
        next(errand)
        try:
            errand.send(response)
        except StopIteration as end:
            found: Glimpse = end.value
            return found
        errand.close()
        raise unavailable(response, "not all of it")

    def hear(self, request: Request) -> Glimpse:
        """What a message of the provider's to ``hear`` says. Raises Malformed or Invalid for what is none."""
        raise Unsupported(feature="notification")
