"""Where a source's pictures lie, read from FFmpeg's list of its packets: exact times, key frames, an even rate."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

KEY, CORRUPT, DISCARD = 1, 2, 4
"""Packet flags (``AV_PKT_FLAG_*``)."""

MOST: Final = 2_000_000
"""Pictures, nine hours at 60 a second: a list is kept in memory."""

_BASE: Final = re.compile(r"#tb 0: (\d+)/(\d+)\s*$")
_WHOLE: Final = re.compile(r"-?\d+")
_FLAGS: Final = re.compile(r", F=0x([0-9A-Fa-f]+)")
_ROUNDING: Final = Fraction(1, 1000)
"""Matroska keeps whole milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """``ticks`` of ``base`` seconds from the file's start, a picture each, in the order of showing."""

    base: Fraction
    ticks: tuple[int, ...]
    keys: tuple[int, ...]
    """The positions of the key frames in ``ticks``; the first picture is one."""

    def time(self, position: int) -> Fraction:
        return self.ticks[position] * self.base

    def key_before(self, position: int) -> int:
        """The position of the key frame from which this picture is decoded."""
        return self.keys[bisect_right(self.keys, position) - 1]

    def even(self, rate: Fraction) -> bool:
        """Every picture is where this rate wants it, but for what the file's clock rounds off."""
        slack = max(self.base, _ROUNDING)
        # whole numbers: there may be half a million pictures
        step, one, most = (1 / rate).as_integer_ratio(), self.base.as_integer_ratio(), slack.as_integer_ratio()
        unit = step[1] * one[1] * most[1]
        per_tick, per_step = one[0] * unit // one[1], step[0] * unit // step[1]
        bound, first = most[0] * unit // most[1], self.ticks[0]
        return all(abs((tick - first) * per_tick - count * per_step) <= bound for count, tick in enumerate(self.ticks))


def read(lines: Iterable[str]) -> Index | None:
    """From the ``framecrc`` muxer's list (``stream, dts, pts, duration, size, checksum[, F=flags]``) of one stream.

    None for what can't be cut: pictures without a time or twice at one, broken or hidden ones, no key at the start,
    more than ``MOST``.
    """
    base: re.Match[str] | None = None
    found: dict[int, bool] = {}
    for line in lines:
        if line.startswith("#"):
            base = base or _BASE.match(line)
            continue
        flags = _FLAGS.search(line)
        marks = int(flags[1], 16) if flags else KEY
        when = line.split(",", 3)[2].strip()
        if marks & (CORRUPT | DISCARD) or not _WHOLE.fullmatch(when) or int(when) in found or len(found) == MOST:
            return None
        found[int(when)] = bool(marks & KEY)
    ticks = sorted(found)
    keys = tuple(position for position, tick in enumerate(ticks) if found[tick])
    if base is None or not keys or keys[0] or not int(base[2]):
        return None
    return Index(base=Fraction(int(base[1]), int(base[2])), ticks=tuple(ticks), keys=keys)
