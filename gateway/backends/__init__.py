"""Backends: who turns an Intent into a Result. Which one sits behind a mount is configuration, never an ``if``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mediaglot.gateway.accounts import Account
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Intent, Result
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger, Loss, Policy
from mediaglot.gateway.model import File, Job, MediaFacts, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, in which dialect. ``policy`` is how much the request, or else its account, lets be lost; ``hops``
    through how many servers like this one it has come."""

    dialect: Dialect
    account: Account
    policy: Policy | None = None
    hops: int = 0

    @property
    def owner(self) -> tuple[str, str]:
        """The dialect and the account that things and jobs are kept for."""
        return self.dialect.name, self.account.id


class Backend(Protocol):
    async def perform(self, intent: Intent, caller: Caller, ledger: Ledger) -> Result:
        """Do what is wanted. Raises a Fault where that can't be."""
        ...


def hold_here(ledger: Ledger, caller: Caller | None, usual: Policy) -> None:
    """Work that is done here is refused for what is lost under the strict policy alone. Raises Lossy."""
    ledger.policy = (caller.policy if caller else None) or usual
    if ledger.policy is Policy.STRICT:
        ledger.enforce(ledger.policy)


class Report(Protocol):
    def __call__(self, progress: float, left: float | None = None) -> None:
        """How far this phase is, 0 to 1, and the seconds that it will still take where they are known."""
        ...


Over = Callable[[], None]
"""Told that nothing is encoded any more, so that somebody else may."""


def unheard() -> None:
    """For those who don't care."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One source, brought and probed."""

    size: int
    facts: MediaFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One file of an output, finished in the job's work folder."""

    path: Path
    file: File
    name: str | None = None
    """What the job wants it to be called, in a package with its folders; None leaves that to the craft."""
    losses: tuple[Loss, ...] = ()
    """What was lost of the sources that it was made of."""


class Craft(Protocol):
    """The doing of a job, without its bookkeeping. Every method raises a WorkFault where the work fails."""

    async def refuse(self, job: Job, ledger: Ledger, caller: Caller | None = None) -> Mapping[int, Fault]:
        """The outputs that can't be made here whatever the source, by index; what will only be nearly done is noted.

        ``caller`` is who asks, where it is known and matters. Raises Lossy where the job as a whole is not taken.
        """
        ...

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int | None:
        """Bring a source; its bytes. One that is there already is left alone; None where nobody brings it here."""
        ...

    async def probe(self, ticket: Ticket, index: int) -> MediaFacts | None: ...

    async def need(self, ticket: Ticket, wanted: frozenset[int]) -> int | None:
        """Bytes of memory that making the wanted outputs will take at its peak; None where it is made elsewhere."""
        ...

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        """Make the wanted outputs; one that fails does not lose the others.

        ``over`` is called, at most once, when all is encoded and what was made has only to be measured.
        """
        ...

    async def keep(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[File, ...]:
        """Move an output's files to where our own links lead."""
        ...

    async def deliver(self, ticket: Ticket, index: int, number: int, products: tuple[Product, ...]) -> None:
        """Bring an output's files to the destination of that number."""
        ...

    async def stream(self, ticket: Ticket, files: tuple[File, ...]) -> Mapping[str, str]:
        """The playlists ``hls`` and ``dash`` over finished files, with ``{outputs}`` for the URL of our outputs."""
        ...

    async def peek(self, path: str) -> bytes | None:
        """A small file of the outputs, whole."""
        ...

    def clear(self, ticket: Ticket) -> None:
        """Forget the work files and the sources of a job, at once; ``empty`` deletes them."""
        ...

    def discard(self, ticket: Ticket) -> None:
        """Forget the results that our own links lead to, at once; ``empty`` deletes them."""
        ...

    async def empty(self) -> None:
        """Delete what was forgotten, which may take a while: outside of transactions."""
        ...

    def left(self) -> frozenset[str]:
        """After a start: end what the last process left running. The folders (``Ticket.ids``) that have work files."""
        ...

    def sweep(self, folders: Iterable[str]) -> None:
        """After a start: forget the work files in folders of jobs that do not go on."""
        ...
