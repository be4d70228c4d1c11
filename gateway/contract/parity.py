"""The same job for several dialects, and whether the same came of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mediaglot.gateway import codec
from mediaglot.gateway.contract.example import leaves
from mediaglot.gateway.contract.finding import Finding, short
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.loss import Kind
from mediaglot.gateway.media.alike import nameless
from mediaglot.gateway.model import (
    EMPTY,
    Audio,
    Average,
    Fit,
    Input,
    Job,
    Location,
    MediaFacts,
    Output,
    Package,
    PackageKind,
    Size,
    Ticket,
    Video,
)
from mediaglot.gateway.translation import write_job

RATES: Final = {"file": Average(bitrate=1_000_000), "capped file": Average(bitrate=1_000_000, most=1_000_000)}
"""There are providers who always set a limit, and ones who never do."""
NAMES: Final = frozenset({"playlist", "media_playlist", "segment_name", "name", "folder"})
"""Settings of packages that name files, and say nothing of what is in them."""


@dataclass(frozen=True, slots=True)
class Commission:
    """A job, and who can say all of it; ``silent`` are the others, and what they can't say."""

    name: str
    job: Job
    able: tuple[str, ...]
    silent: Mapping[str, str]


def commissions(dialects: Sequence[Dialect], source: str) -> Iterator[Commission]:
    """Files, and a package as the first dialect understands one that can't do with files."""
    files = [commission(name, _job(source, _file(rate)), dialects) for name, rate in RATES.items()]
    yield from files
    others = [dialect for dialect in dialects if all(dialect.name in each.silent for each in files)]
    package = _job(source, Output(package=Package(kind=PackageKind.HLS)))
    if others and (read := write_job(others[0], placed(package, others[0].name)).got) is not None:
        output = replace(read.outputs[0], document=EMPTY, extras=EMPTY)
        yield commission("package", replace(package, outputs=(output,)), dialects)


def _file(rate: Average) -> Output:
    picture = Video(codec="h264", size=Size(width=640, height=360, fit=Fit.STRETCH), rate=rate)
    return Output(container="mp4", video=picture, audio=Audio(codec="aac", bitrate=96_000))


def _job(source: str, output: Output) -> Job:
    return Job(inputs=(Input(location=Location(url=source)),), outputs=(output,))


def placed(job: Job, name: str) -> Job:
    """The job with its results in a folder of that name."""
    place = (Location(url=f"s3://mediaglot-compare/{name}/"),)
    return replace(job, outputs=tuple(replace(output, destinations=place) for output in job.outputs))


def commission(name: str, job: Job, dialects: Sequence[Dialect]) -> Commission:
    found = {dialect.name: unsaid(dialect, job) for dialect in dialects if dialect.client is not None}
    able = tuple(each for each, reason in found.items() if not reason)
    return Commission(name, job, able, {each: reason for each, reason in found.items() if reason})


def unsaid(dialect: Dialect, job: Job) -> str:
    """The first setting of the job that a dialect can't say as it is; names of files don't count."""
    translation = write_job(dialect, placed(job, dialect.name))
    for loss in translation.report.losses:
        if loss.kind is not Kind.DEFAULTED and loss.path.rpartition(".")[2] not in NAMES:
            return loss.path
    read = translation.got.outputs if translation.got is not None else ()
    return next((path for path, _, _ in differences(job.outputs, read)), "")


def differences(one: Sequence[Output], other: Sequence[Output]) -> list[tuple[str, Any, Any]]:
    """Settings that are not the same, but for names and places."""
    first, second = (dict(_settings(outputs)) for outputs in (one, other))
    paths = sorted(first.keys() | second.keys())
    return [(path, first.get(path), second.get(path)) for path in paths if first.get(path) != second.get(path)]


def _settings(outputs: Sequence[Output]) -> Iterator[tuple[str, Any]]:
    for path, value in leaves([codec.encode(nameless(output)) for output in outputs]):
        if value not in (None, [], {}) and path[-1] not in NAMES:
            yield ".".join(("outputs", *path)), value


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a job in one dialect: the neutral ticket, and each file's facts and sums of its streams."""

    dialect: str
    ticket: Ticket
    facts: tuple[MediaFacts, ...]
    sums: tuple[str, ...]


def compare(name: str, one: Result, other: Result) -> list[Finding]:
    """What ``other`` has otherwise than ``one``."""
    found = [("status", one.ticket.status.value, other.ticket.status.value), ("phases", _phases(one), _phases(other))]
    found += differences(one.ticket.job.outputs, other.ticket.job.outputs)
    found += [("facts", _measures(one), _measures(other)), ("streams", one.sums, other.sums)]
    return [
        Finding(
            rule="parity",
            operation=other.dialect,
            place=f"{name}: {place}",
            message=f"expected {short(first)}, as {one.dialect} has it, found {short(second)}",
        )
        for place, first, second in found
        if first != second
    ]


def _phases(result: Result) -> tuple[str, ...]:
    """In the order of their first time."""
    return tuple(dict.fromkeys(str(step.phase or step.status) for step in result.ticket.history))


def _measures(result: Result) -> tuple[str, ...]:
    """Sizes of files are not among them: names and tags are in there."""
    return tuple(str(replace(facts, size=0, bitrate=None)) for facts in result.facts)
