"""What an FFmpeg can make of the containers and codecs that are offered. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mediaglot.gateway.media.format import CONTAINERS, ENCODERS


def offered() -> Mapping[str, tuple[str, ...]]:
    """Container to the coding formats that may be asked for in it."""
    return {name: (*kind.video, *kind.audio) for name, kind in CONTAINERS.items()}


def lacking(encoders: frozenset[str], muxers: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """What of ``offered`` can't be made with these, every codec of a container whose muxer is missing."""
    found = {
        name: tuple(
            codec for codec in codecs if CONTAINERS[name].muxer not in muxers or not encoders & {*ENCODERS[codec]}
        )
        for name, codecs in offered().items()
    }
    return {name: codecs for name, codecs in found.items() if codecs}
