"""Where chunks begin: at pictures of the source that are key frames of every output, if possible of the source too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Final

from mediaglot.gateway.media.chunk import STEADY
from mediaglot.gateway.media.chunkindex import Index
from mediaglot.gateway.media.draft import Draft
from mediaglot.gateway.media.settings import pairs

DISTANCE: Final = 250
"""Pictures between key frames where nobody says: what libx264 and libx265 take."""

FEWEST: Final = 16
"""Pictures of a chunk: more than any encoder reorders."""

PHASE: Final = Fraction(1, 20)
"""How far, in pictures of the output, a seam may be from the moment of one."""

LATE: Final = Fraction(1, 10)
MOST_WASTE: Final = Fraction(1, 4)
"""The share of the source that may be decoded twice; decoding is about a tenth of the work."""

_EVERY: Final = re.compile(r"expr:gte\(t,n_forced\*([0-9./]+)\)")
_TIMES: Final = re.compile(r"[0-9.]+(,[0-9.]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One output's pictures: counted from 0 at the file's start, at ``rate`` a second."""

    rate: Fraction
    own: bool
    """Each picture of the source is one of the output."""
    first: int
    total: int
    """One more than the number of the last, roughly where the rate is changed."""
    forced: tuple[int, ...]
    """Those that must be key frames."""
    starts: frozenset[int] | None
    """Those at which there is a key frame anyhow; None where the encoder looks for places itself."""

    def number(self, index: Index, position: int) -> int:
        """The output's picture at which this one of the source first shows."""
        return self.first + position if self.own else floor(index.time(position) * self.rate + Fraction(1, 2))

    def fits(self, index: Index, position: int) -> bool:
        number = self.number(index, position)
        if self.starts is not None and number not in self.starts:
            return False
        return self.own or abs(index.time(position) * self.rate - number) <= PHASE


def lane(one: Draft, index: Index, rate: Fraction) -> Lane | None:
    """None for an output whose key frames or first picture can't be foretold. ``rate`` is the source's."""
    assert one.video is not None  # noqa: S101 - chunked
    assert one.container is not None  # noqa: S101 - chunked
    words = dict(pairs(one.video.options))
    own, wanted = _rate(one.video.filters, rate)
    late = index.time(0) * (wanted or 0)
    if wanted is None or (one.container.muxer in STEADY and late > LATE):
        return None
    first = round(late) if own else floor(late + Fraction(1, 2))
    total = first + (len(index.ticks) if own else ceil(len(index.ticks) / rate * wanted) + 1)
    forced = _forced(words.get("-force_key_frames:v"), wanted, first, total)
    if forced is None:
        return None
    distance = int(words.get("-g:v", DISTANCE))
    steady = words.get("-sc_threshold:v") == "0" or "scenecut=0" in words.get("-x265-params", "").split(":")
    every = (words.get("-force_key_frames:v") or "").startswith("expr")
    starts = _walk(forced, max(distance, 1), first, total) if steady else frozenset(forced) if every else None
    return Lane(rate=wanted, own=own, first=first, total=total, forced=forced, starts=starts)


def _rate(filters: Sequence[str], rate: Fraction) -> tuple[bool, Fraction | None]:
    """Whether the source's rate is kept, and the output's; None for a change that is not a plain one."""
    changes = [text.partition("=")[2] for text in filters if text.startswith("fps=")]
    if not changes:
        return True, rate
    plain = len(changes) == 1 and re.fullmatch(r"\d+(/\d+)?", changes[0])
    return False, Fraction(changes[0]) if plain else None


def _forced(text: str | None, rate: Fraction, first: int, total: int) -> tuple[int, ...] | None:
    """The pictures that ``-force_key_frames`` means: the first at or after its moments.

    FFmpeg counts the time of an expression from the first picture, the times of a list from the file's start.
    """
    if text is None:
        return ()
    if match := _EVERY.fullmatch(text):
        every = Fraction(match[1])
        numbers = [first + ceil(every * count * rate) for count in range(ceil(total / rate / (every or 1)) + 1)]
    elif _TIMES.fullmatch(text):
        numbers = [max(first, ceil(Fraction(word) * rate)) for word in text.split(",")]
    else:
        return None
    return tuple(sorted({one for one in numbers if one < total}))


def _walk(forced: Sequence[int], distance: int, first: int, total: int) -> frozenset[int]:
    """Key frames of an encoder that sets one when it must or when the last is ``distance`` pictures ago."""
    marks = sorted({first, *forced})
    return frozenset(n for mark, end in pairwise([*marks, total]) for n in range(mark, end, distance))


def seams(index: Index, lanes: Sequence[Lane], length: Fraction) -> tuple[int, ...] | None:
    """The positions in the source at which chunks of about ``length`` seconds begin, the first at 0.

    None where there are not even two, or where too much would be decoded twice for want of key frames.
    """
    total = len(index.ticks)
    rate = next((one.rate for one in lanes if one.own), None) or _pace(index)
    count = max(1, round(total / (length * rate)))
    step = Fraction(total, count)
    found = [0]
    for number in range(1, count):
        position = _near(index, lanes, round(step * number), int(step / 3))
        if position is not None and position - found[-1] >= FEWEST and total - position >= FEWEST:
            found.append(position)
    waste = sum(position - index.key_before(position) for position in found)
    return tuple(found) if len(found) > 1 and waste <= total * MOST_WASTE else None


def _pace(index: Index) -> Fraction:
    return (len(index.ticks) - 1) / (index.time(len(index.ticks) - 1) - index.time(0))


def _near(index: Index, lanes: Sequence[Lane], wanted: int, reach: int) -> int | None:
    """The nearest place that fits, preferably at a key frame of the source."""

    def fitting(positions: Iterator[int]) -> int | None:
        return next((one for one in positions if all(lane.fits(index, one) for lane in lanes)), None)

    keys = sorted((key for key in index.keys if abs(key - wanted) <= reach), key=lambda key: abs(key - wanted))
    at_key = fitting(iter(keys))
    if at_key is not None:
        return at_key
    inside = (one for away in range(reach + 1) for one in (wanted - away, wanted + away))
    return fitting(one for one in inside if 0 < one < len(index.ticks))
