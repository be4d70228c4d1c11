"""A job as another provider is asked for it, and what that provider says of it as ours. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.book import Entry
from mediaglot.gateway.errand import Glimpse, Part
from mediaglot.gateway.faults import Fault, NotFound, ProviderFailed, Refused, Unavailable, WorkFault, from_trouble
from mediaglot.gateway.media import naming
from mediaglot.gateway.media.parts import Memo
from mediaglot.gateway.model import Job, Output

NEVER_SENT: Final = frozenset({"breaker", "ClientConnectorError", "ClientConnectorDNSError"})
"""Reasons for which there was no answer, because nobody was asked."""
TIMED_OUT: Final = frozenset({None, 408, 504})
"""No answer, and those of somebody between who waited for one in vain."""


def theirs(job: Job, served: frozenset[int] | None = None) -> Job:
    """A job as the provider is asked for it: it goes at once, tells nobody but us, and serves those destinations only.

    ``served`` None leaves all of them. What presets say is in the outputs by now; their names mean nothing elsewhere.
    """
    outputs = tuple(replace(output, preset=None) for output in job.outputs)
    if served is not None:
        outputs = tuple(
            output if number in served else replace(output, destinations=()) for number, output in enumerate(outputs)
        )
    return replace(job, notifications=(), hold=False, outputs=outputs)


def named(output: Output) -> bool:
    """Whether its destinations say what its one file is called; in a directory each provider has names of its own."""
    whole = output.package is None and not output.stills
    return whole and not any(place.url.partition("?")[0].endswith("/") for place in output.destinations)


def name_for(output: Output, index: int) -> str | None:
    """What the client was told that a file is called, or the first playlist of a package. Raises Invalid."""
    memo = Memo(f"outputs.{index}")
    if output.package is not None:
        wanted = output.package.playlist
        return naming.playlist(wanted, memo, "package.playlist") if wanted else None
    if output.name is None or output.stills:
        return None
    extension = output.extension or output.container or "mp4"
    return naming.picture(output.name, extension, memo, "name", many=False)


def called(products: tuple[Product, ...], name: str | None) -> tuple[Product, ...]:
    """The first file by its name; nothing in a package refers to that one."""
    first = products[0]
    listed = first.file.role == "playlist"
    if name is None or listed is not name.endswith(".m3u8") or any(one.name == name for one in products):
        return products
    if not listed and len(products) > 1:
        return products
    return (replace(first, name=name, file=replace(first.file, path=name)), *products[1:])


def part_of(job: Job, wanted: tuple[int, ...]) -> Job:
    return replace(job, outputs=tuple(job.outputs[index] for index in wanted))


def part_for(glimpse: Glimpse, entry: Entry, index: int) -> Part | None:
    """What is said of an output of ours: by its id where the provider told ids, else by its place.

    None too for one that it was not asked for: whoever was has lost it since.
    """
    if index not in entry.wanted:
        return None
    place = entry.wanted.index(index)
    if place < len(entry.outputs):
        by_id = next((part for part in glimpse.parts if part.id == entry.outputs[place]), None)
        if by_id is not None:
            return by_id
    return glimpse.parts[place] if place < len(glimpse.parts) else None


def is_ours(glimpse: Glimpse, entry: Entry) -> bool:
    """Whether that is said of the job that was sent: who begins anew gives the same ids again.

    Raises Unavailable for what was said to somebody else.
    """
    if glimpse.id not in ("", entry.id):
        raise Unavailable(reason="another_job")
    return glimpse.marker in ("", entry.marker)


def blame(said: Glimpse | Part, provider: str) -> Fault:
    """Why a job, or one output of it, came to nothing."""
    if said.trouble is None:
        return ProviderFailed(provider=provider, reason=str(said.status))
    return from_trouble(said.trouble)


def under_way(fault: Unavailable) -> bool:
    """Whether what was sent may arrive yet: it was sent for all that we know, and whoever has it has not answered."""
    return fault.data.get("status") in TIMED_OUT and fault.data.get("reason") not in NEVER_SENT


def meant(fault: Fault, provider: str) -> Fault:
    """A refusal as the end of a job: by what it means, if that is a trouble of the work's."""
    meaning = fault.meaning if isinstance(fault, Refused) else fault
    if isinstance(meaning, WorkFault):
        return meaning
    reason = "lost" if isinstance(meaning, NotFound) else meaning.code
    return ProviderFailed(
        provider=provider, reason=reason, status=fault.data.get("status"), error=fault.data.get("error")
    )
