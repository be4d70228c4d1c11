"""Streaming packages: an output becomes one draft per variant, all cut at the same key frames."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Final

from mediaglot.gateway.faults import Unsupported
from mediaglot.gateway.media.draft import Draft, Tools, draft, tracks
from mediaglot.gateway.media.format import CMAF, SEGMENTED, Container
from mediaglot.gateway.media.layout import is_fragmented, layout
from mediaglot.gateway.media.parts import Memo, Note, Place, Product, number
from mediaglot.gateway.media.rendition import Source
from mediaglot.gateway.media.scene import Scene, span
from mediaglot.gateway.media.still import still_sets
from mediaglot.gateway.model import COPY, KeyFrames, Output, Package, PackageKind, Video

KEY_DISTANCE: Final = 2
"""Seconds between key frames where a variant does not say."""

HEAD_START: Final = 1
"""Seconds before the first packet. Without, what comes before the first picture (reordering, the sound's own start)
would shift each variant's clock by an amount of its own."""


def drafts(output: Output, index: int, scene: Scene, tools: Tools, notes: list[Note]) -> tuple[Draft, ...]:
    """What an output consists of, the stills with the first. Raises the Fault that says why it can't be made."""
    package = output.package
    if package is None:
        return (draft(output, index, scene, tools, notes),)
    memo = Memo(f"outputs.{index}", notes)
    used = span(output.clip, scene.duration, memo)
    duration = used.of(scene.duration)
    there = Source(pictures=scene.video is not None, sounds=scene.audio is not None)
    named = layout(output, package, index, memo, there)
    first = Draft(
        index=index,
        tag=str(index),
        output=output,
        span=used,
        duration=duration,
        product=Product(path=f"out-{index}", role="playlist", duration=duration, layout=named),
        stills=still_sets(output, index, scene, used, tools.encoders, tools.muxers, memo),
        memo=memo,
    )
    found = []
    for position, place in enumerate(named.distinct):
        base = replace(first, tag=f"{index}x{position}") if not position else _later(first, position)
        within = _memo(memo, package, position, len(named.places))
        found.append(_segmented(replace(base, memo=within), place, package, named.segment, scene, tools))
    return tuple(found)


def _later(first: Draft, position: int) -> Draft:
    return replace(first, tag=f"{first.index}x{position}", product=None, stills=())


def _memo(memo: Memo, package: Package, position: int, count: int) -> Memo:
    """Where in the job the settings of a set of segments come from."""
    if position >= count:
        return memo.at("package").at("audio").at(position - count) if package.audio else memo
    return memo.at("package").at("variants").at(position) if package.variants else memo


def _segmented(base: Draft, place: Place, package: Package, segment: Fraction, scene: Scene, tools: Tools) -> Draft:
    video = place.video
    wanted = video or Video()
    if isinstance(wanted, Video) and scene.video is not None and wanted.codec != COPY:
        video = _aligned(wanted, segment, base.memo.at("video"))
    output = replace(base.output, video=video, audio=place.audio)
    kind = SEGMENTED[is_fragmented(package)] if package.kind is PackageKind.HLS else CMAF
    container = _container(kind, segment, place)
    made = tracks(replace(base, output=output, path=place.path), package.kind.value, container, scene, tools)
    if made.copies and kind is CMAF and not made.span.whole:
        raise Unsupported(feature="copy", value="clip")
    return made


def _container(kind: Container, segment: Fraction, place: Place) -> Container:
    names = place.path.replace("list.m3u8", f"%05d.{kind.extension}")
    return replace(
        kind,
        options=(
            *("-output_ts_offset", str(HEAD_START), "-hls_time", number(segment), "-hls_playlist_type", "vod"),
            *kind.options,
            *("-hls_segment_filename", names),
        ),
    )


def _aligned(video: Video, segment: Fraction, memo: Memo) -> Video:
    """A key frame at the end of every segment and at even distances between, whatever else the variant asks for."""
    own = video.key_frames or KeyFrames()
    silent = own.frames is None and own.seconds is None
    distance = own.every or (Fraction(KEY_DISTANCE) if silent else segment)
    every = segment / ceil(segment / distance) if distance > 0 else distance
    if own.every not in (None, every):
        memo.note("key_frames.every")
    if video.tag_rotation:
        memo.note("tag_rotation")
    keys = replace(own, every=every, closed=True, scene_cuts=False)
    return replace(video, key_frames=keys, tag_rotation=None)
