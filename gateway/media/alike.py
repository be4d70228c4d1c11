"""Which outputs are the same work: within a job, and from one job to another. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from mediaglot.gateway.faults import Fault
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.layout import layout
from mediaglot.gateway.media.parts import Layout, Memo
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.model import EMPTY, Job, MediaFacts, Output

EDITION: Final = "1"
"""Raise it when texts are drawn in another way: commands do not show that."""


def twins(job: Job, wanted: Collection[int]) -> Mapping[int, int]:
    """Outputs that are made by making an earlier one, to that: they differ in names, labels and destinations only."""
    firsts: list[tuple[Output, Layout | None, int]] = []
    found = {}
    for index in sorted(wanted):
        try:
            bare, names = nameless(job.outputs[index]), _names(job.outputs[index])
        except Fault:
            continue
        first = next((number for one, other, number in firsts if (one, other) == (bare, names)), None)
        if first is None:
            firsts.append((bare, names, index))
        else:
            found[index] = first
    return found


def nameless(output: Output) -> Output:
    """What decides about the bytes that FFmpeg writes."""
    stills = (replace(one, name=None, label=None, archive=False, archive_name=None) for one in output.stills)
    return replace(
        output,
        label=None,
        name=None,
        extension=None,
        preset=None,
        destinations=(),
        stills=tuple(stills),
        extras=EMPTY,
        document=EMPTY,
    )


def _names(output: Output) -> Layout | None:
    """A package's names are in its playlists. Raises Invalid."""
    return None if output.package is None else layout(output, output.package, 0, Memo("outputs.0"))


def fingerprint(
    job: Job,
    index: int,
    sources: Sequence[MediaFacts],
    digests: Sequence[str],
    *,
    encoders: frozenset[str],
    muxers: frozenset[str],
    filters: frozenset[str],
    version: str,
    threads: int | None,
    copy: bool,
) -> str | None:
    """The SHA-256 of everything that decides about one output's bytes, None for one that can't be made.

    That is the commands that would make it alone, the content of what they read (``digests`` of the sources, then
    of the output's pictures and fonts, in the order of ``plan.needs``) and FFmpeg's ``version``.
    """
    alone = replace(job, outputs=(nameless(job.outputs[index]),))
    drawn = plan(alone, sources, encoders=encoders, muxers=muxers, filters=filters, copy=copy)
    if drawn.faults:
        return None
    said = hashlib.sha256()
    for words in (
        (EDITION, version, *digests),
        *(argv(run, "", threads=threads) for run in drawn.runs),
        *(
            (repr(replace(one.overlay, font=None)), one.path, str(one.width), str(one.height), str(one.font))
            for one in drawn.drawings
        ),
    ):
        said.update(repr(words).encode())
    return said.hexdigest()
