"""Tariffs: what a job costs at a provider, by the heights that it asks for. Pure; the numbers are the operator's."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from mediaglot.gateway.model import Job, Output, Video

Tariff = tuple[tuple[int, Fraction], ...]
"""From which height on a rendition costs how much, the lowest first; empty for nothing."""


def read(value: Any) -> Tariff:
    """One price for all, or a table of heights. Raises ValueError."""
    table = value if isinstance(value, Mapping) else {"0": value}
    try:
        steps = sorted((int(least), Fraction(str(cost))) for least, cost in table.items())
    except (ValueError, ZeroDivisionError):
        raise ValueError("price wants a number, or a table of heights and numbers") from None
    if not steps or steps[0][0] != 0 or min(cost for _, cost in steps) < 0:
        raise ValueError("price wants numbers from 0 on, and one for the height 0")
    return tuple(steps)


def price(tariff: Tariff, job: Job) -> Fraction:
    """Of all renditions together, for each minute of the source. One of unknown height is reckoned as the tallest."""
    if not tariff:
        return Fraction(0)
    silent = sum(not _videos(output) for output in job.outputs)
    return silent * tariff[0][1] + sum((_step(tariff, _height(video)) for video in videos(job)), Fraction(0))


def _step(tariff: Tariff, tall: int | None) -> Fraction:
    return [cost for least, cost in tariff if tall is None or least <= tall][-1]


def videos(job: Job) -> list[Video]:
    return [video for output in job.outputs for video in _videos(output)]


def _videos(output: Output) -> list[Video]:
    """Those of the package's variants, where it is one."""
    variants = [variant.video for variant in output.package.variants] if output.package else []
    return [video for video in (*variants, output.video) if isinstance(video, Video)]


def _height(video: Video) -> int | None:
    return video.size.height if video.size is not None and isinstance(video.size.height, int) else None


def height(job: Job) -> int:
    """The greatest that is asked for."""
    return max((_height(video) or 0 for video in videos(job)), default=0)
