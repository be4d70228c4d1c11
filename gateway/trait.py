"""What a dialect is described with beside its routes: complaints, knobs, insistence, and a sample client."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Protocol

from mediaglot.gateway.exchange import Request, Response

EVIDENCE: Final = {
    "seed": "one of the documented pages that the project was made from",
    "documented": "another page of the provider's documentation",
    "captured": "an answer of the real service, kept in a client's tests",
    "client": "what clients of the provider send and expect",
    "inferred": "follows from the others",
    "proposed": "our choice, nothing is known",
}
"""From the surest to the least sure."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """How a fault is told: HTTP status, the provider's code where it has codes, and a text with {fields}."""

    status: int
    text: str
    code: str = ""
    evidence: str = "inferred"

    def say(self, data: Mapping[str, Any]) -> str:
        return self.text.format_map(_Blank(data)).rstrip()


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Knob:
    """A choice between behaviours that the evidence leaves open; the first value is the default."""

    values: tuple[str, ...]
    about: str
    free: bool = False
    """Whether any other text is welcome too."""


def chosen(owner: str, knobs: Mapping[str, Knob], options: Mapping[str, str]) -> dict[str, str]:
    """The value of each knob. Raises ValueError for an option that is none, or has no such value."""
    if unknown := options.keys() - knobs.keys():
        known = f"there are {', '.join(sorted(knobs))}" if knobs else "it has none"
        raise ValueError(f"{owner} has no option {', '.join(sorted(unknown))}; {known}")
    for option, value in options.items():
        knob = knobs[option]
        if not knob.free and value not in knob.values:
            raise ValueError(f"{owner}: {option} is one of {', '.join(knob.values)}, not {value}")
    return {name: options.get(name, knob.values[0]) for name, knob in knobs.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Insistence:
    """How news is brought to receivers, where a provider has ways of its own; None leaves it to the server."""

    attempts: int | None = None
    """In all, the first included."""
    timeout: float | None = None
    """Seconds that a receiver may take."""
    taken: range = range(200, 300)
    """The answers that end it: the message has arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a client sees of its job in an answer."""

    word: str
    """The state in the dialect's own words; ``Dialect.statuses`` says what it means."""
    progress: Fraction = Fraction(0)
    """0 to 1."""
    results: tuple[str, ...] = ()
    """URLs of the files that came out, or storage URLs of where they were delivered."""
    detail: str = ""
    """What the answer says of a failure."""


class Sample(Protocol):
    """A client of the provider that takes one job through, seen from outside; a new one for each job.

    Its methods are generators: they yield Requests (on the provider's own path, with its credentials), are sent
    the Responses, and return what they learned. One request or several: a token or a preset may come first, and
    what is to be remembered between calls is kept on ``self``. Any well-formed credential is accepted.
    An answer that is not the expected one raises ValueError with what it said.
    """

    def create(self, source: str) -> Generator[Request, Response, str]:
        """Submit a job without destination that makes small playable files of ``source``; returns its id."""
        ...

    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        """Look at the job once."""
        ...
