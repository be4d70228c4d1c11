"""From a Run to FFmpeg's argument list. Pure; nothing in it ever meets a shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mediaglot.gateway.media.format import PICTURE_FORMATS
from mediaglot.gateway.media.guard import FORMATS, JOINT, MOST_PIXELS, PROTOCOLS
from mediaglot.gateway.media.parts import Feed, Run, Target

MOST_THREADS: Final = 8
"""Memory grows with every thread of an encoder, speed hardly does beyond this."""

LIGHT: Final = frozenset({"split", "asplit", "scale", "setsar", "setdar", "format", "null", "anull", "fps", "crop"})
"""Filters that one thread does faster than several encoders take what it makes."""
PAD: Final = re.compile(r"\[([^][]*)]")
"""Where a filter's stream comes from or goes to: with a colon it is one of a source's."""
ENOUGH: Final = 4
"""So many threads of encoders are kept busy by each thread of light filters. Measured on two cores, reasoned beyond."""


def argv(run: Run, program: str, *, progress_period: float = 0.5, threads: int | None = None) -> tuple[str, ...]:
    """The command for one process, to be started in the job's work folder.

    ``threads`` is the number of cores that it may use; at most eight are asked for.
    """
    count = str(max(1, min(threads or MOST_THREADS, MOST_THREADS)))
    return (
        program,
        *("-nostdin", "-hide_banner", "-y", "-loglevel", "repeat+level+verbose" if run.counted else "level+warning"),
        *("-nostats", *(("-xerror",) if run.strict else ()), *(("-max_error_rate", "1") if run.counted else ())),
        *("-progress", "pipe:1", "-stats_period", str(progress_period)),
        *(word for feed in run.feeds for word in _feed(feed, count)),
        *(("-filter_complex_threads", _shared(run.graph, count)) if run.graph else ()),
        *(word for graph in apart(run.graph) for word in ("-filter_complex", graph)),
        *(word for target in run.targets for word in _target(target, count)),
    )


def apart(graph: str) -> list[str]:
    """The graphs that this one consists of.

    Sound and pictures in one graph wait for each other, which can last for ever: FFmpeg 9 stands still in half of the
    runs that fill gaps in sound and make another output of the same sound without a filter.
    """
    chains = [(chain, {pad for pad in PAD.findall(chain) if ":" not in pad}) for chain in graph.split(";") if chain]
    graphs: list[str] = []
    while chains:
        pads, known = chains[0][1], 0
        while len(pads) > known:
            known = len(pads)
            pads = pads.union(*(more for _, more in chains if more & pads))
        here = [one for one in chains if one is chains[0] or one[1] & pads]
        graphs.append(";".join(chain for chain, _ in here))
        chains = [one for one in chains if one not in here]
    return graphs


def _shared(graph: str, threads: str) -> str:
    """Threads for each filter. What is light anyway costs more CPU when it is shared out, up to a tenth of a ladder."""
    names = {re.split(r"[=@]", re.sub(r"\[[^]]*\]", "", one))[0] for one in re.split("[;,]", graph)}
    return str(max(1, int(threads) // ENOUGH)) if names <= LIGHT else threads


def _feed(feed: Feed, threads: str) -> Iterator[str]:
    """Both whitelists: the one of protocols alone leaves the door open to playlists that name other files."""
    yield from ("-protocol_whitelist", PROTOCOLS)
    if feed.joint:
        yield from ("-format_whitelist", JOINT, "-f", "concat", "-safe", "1", "-auto_convert", "0")
    else:
        yield from ("-format_whitelist", PICTURE_FORMATS if feed.picture else FORMATS)
    yield from ("-max_pixels", str(MOST_PIXELS), "-threads", threads)
    yield from feed.options
    yield from ("-i", feed.path)


def _target(target: Target, threads: str) -> Iterator[str]:
    for one in target.maps:
        yield from ("-map", one)
    if "-threads:v" not in target.options:
        yield from ("-threads", threads)
    yield from target.options
    yield from ("-f", target.muxer, target.path)
