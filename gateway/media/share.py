"""How many threads an FFmpeg gets where several run side by side. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.model import MediaFacts

BRIEF: Final = 300_000_000
"""Pixels that are encoded in a moment, so that the others will still be there: threads would only cost."""

APART: Final = (7, 0)
"""The FFmpeg from which on decoder, filters and encoders run beside each other even with one thread each."""


def alone(cores: int) -> int:
    """Of one that has ``cores`` for itself, as FFmpeg would choose; on one core one, that writes the same each time."""
    return max(1, cores * 3 // 2)


def threads(
    whole: int | None, count: int, plan: Plan, sources: Sequence[MediaFacts], release: tuple[int, int]
) -> int | None:
    """Of the ``whole`` that one FFmpeg would have alone, where ``count`` run.

    What takes long gets them all: it will be alone for some of the time.
    """
    if whole is None or count < 2 or release < APART or not brief(plan, sources):
        return whole
    return max(1, whole // count)


def brief(plan: Plan, sources: Sequence[MediaFacts]) -> bool:
    """Whether little is encoded; not where nobody knows how much."""
    pictures = [
        float(track.frame_rate * source.duration)
        for source in sources
        for track in source.video[:1]
        if track.frame_rate and source.duration
    ]
    if len(pictures) < len(sources):
        return False
    return sum(pictures) * sum(load.pixels for load in plan.loads) <= BRIEF
