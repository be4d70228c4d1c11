"""What would come out: the files of an output, with measures that follow from what the planner has decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Final

from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.sim.weight import CODECS, audio_bits, option, still_bytes, video_bits
from mediaglot.gateway.chance import Chance
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.media import naming, package, parts, sheet
from mediaglot.gateway.media.draft import Draft, Tools
from mediaglot.gateway.media.scene import Scene, scene, upright
from mediaglot.gateway.media.size import frame
from mediaglot.gateway.media.still import StillSet
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_FILTERS, PROMISED_MUXERS
from mediaglot.gateway.model import AudioFacts, File, Job, MediaFacts, StillFormat, VideoFacts

TOOLS: Final = Tools(encoders=PROMISED_ENCODERS, muxers=PROMISED_MUXERS)
FORMATS: Final = {
    **dict.fromkeys(("mp4", "ipod", "mov", "3gp"), "mov"),
    **dict.fromkeys(("matroska", "webm"), "matroska"),
    **dict.fromkeys(("mpeg", "vob"), "mpeg"),
    **dict.fromkeys(("ogg", "opus"), "ogg"),
    "adts": "aac",
}
"""A muxer to what probing calls its files."""
OVERHEAD: Final = {"mpegts": 1.08, "hls": 1.05, "avi": 1.03, "asf": 1.03}
SECOND: Final = Fraction(1)


@dataclass(frozen=True, slots=True)
class Results:
    """``made`` and ``faults`` are by output index; each output is in one of them. ``length`` is the longest one's."""

    made: Mapping[int, tuple[Product, ...]]
    faults: Mapping[int, Fault]
    length: Fraction


def results(job: Job, sources: Sequence[MediaFacts], wanted: Sequence[int], chance: Chance) -> Results:
    made: dict[int, tuple[Product, ...]] = {}
    faults: dict[int, Fault] = {}
    lengths = [Fraction(0)]
    try:
        view = scene(job, sources, [], PROMISED_FILTERS)
    except Fault as fault:
        return Results({}, dict.fromkeys(wanted, fault), Fraction(0))
    for index in wanted:
        try:
            drafts = package.drafts(job.outputs[index], index, view, TOOLS, [])
        except Fault as fault:
            faults[index] = fault
            continue
        one = Output(view, drafts, chance.of(f"output/{index}"))
        made[index] = tuple(one.products())
        lengths += [draft.duration or SECOND for draft in drafts if draft.container is not None]
    return Results(made, faults, max(lengths))


class Output:
    """One output: its drafts are the variants of a package, or one."""

    def __init__(self, view: Scene, drafts: Sequence[Draft], chance: Chance) -> None:
        self._view, self._drafts, self._chance = view, drafts, chance

    def products(self) -> Iterator[Product]:
        first = self._drafts[0]
        if first.product is not None and first.product.layout is not None:
            yield from self._package(first.product.layout)
        elif first.product is not None:
            facts = self._facts(first)
            name = _pictured(first.product.name, 1, facts)
            path = Path(first.product.path)
            yield Product(path=path, file=File(path=name or path.name, size=facts.size, facts=facts), name=name)
        for still in first.stills:
            if still.product is not None:
                yield from self._stills(first, still, still.product)

    # --- measures -----------------------------------------------------------------------------------

    def _facts(self, one: Draft) -> MediaFacts:
        duration, muxer = one.duration or SECOND, one.container.muxer if one.container else ""
        video, audio = self._pictures(one, duration), self._sound(one, duration)
        bits = sum(one.bitrate or 0 for one in video) + sum(one.bitrate or 0 for one in audio)
        noise = self._chance.of(one.tag).uniform(0.97, 1.02)
        size = 500 + int(bits * float(duration) / 8 * OVERHEAD.get(muxer, 1.01) * noise)
        named = FORMATS.get(muxer, muxer)
        return MediaFacts(
            container=named if muxer != "hls" else "mpegts" if one.container and not one.container.tags else "mov",
            size=size,
            duration=duration,
            bitrate=int(size * 8 / duration),
            video=video,
            audio=audio,
            chapters=0,
        )

    def _pictures(self, one: Draft, duration: Fraction) -> tuple[VideoFacts, ...]:
        track, source = one.video, self._view.video
        if track is None or source is None:
            return ()
        codec = CODECS[track.encoder] if track.encoder is not None else source.codec
        rate = _rate(track.filters) or self._view.frame_rate
        bits = source.bitrate if track.encoder is None else None
        picture = track.picture
        return (
            VideoFacts(
                codec=codec,
                profile=(option(track.options, "-profile:v") or "high").capitalize() if codec == "h264" else None,
                width=picture.width,
                height=picture.height,
                frame_rate=rate,
                bitrate=bits or video_bits(codec, picture, rate, track.options),
                duration=duration,
                pixel_format=option(track.options, "-pix_fmt") or "yuv420p",
                pixel_aspect=picture.aspect,
                display_aspect=picture.shape,
                rotation=track.rotation,
            ),
        )

    def _sound(self, one: Draft, duration: Fraction) -> tuple[AudioFacts, ...]:
        track, source = one.audio, self._view.audio
        if track is None or source is None:
            return ()
        codec = CODECS[track.encoder] if track.encoder is not None else source.codec
        sample_rate = int(option(track.options, "-ar") or source.sample_rate or 48_000)
        channels = int(option(track.options, "-ac") or source.channels or 2)
        bits = source.bitrate if track.encoder is None else None
        language = next((word.partition("=")[2] for word in track.options if word.startswith("language=")), None)
        return (
            AudioFacts(
                codec=codec,
                sample_rate=sample_rate,
                channels=channels,
                bitrate=bits or audio_bits(codec, sample_rate, channels, track.options),
                duration=duration,
                language=language,
            ),
        )

    # --- pictures -----------------------------------------------------------------------------------

    def _stills(self, one: Draft, still: StillSet, planned: parts.Product) -> Iterator[Product]:
        asked, source = one.output.stills[planned.still or 0], self._view.video
        assert source is not None  # noqa: S101 - the planner has looked
        kind, grid = asked.format or StillFormat.JPEG, planned.grid
        size = asked.size or (sheet.TILE if grid is not None else None)
        _, picture = frame(size, upright(source), one.memo)
        columns, rows = (grid.columns, grid.rows) if grid is not None else (1, 1)
        width, height = picture.width * columns, picture.height * rows
        count = int(option(still.options, "-frames:v") or 1)
        made = []
        for number in range(1, count + 1):
            noise = self._chance.of(f"still/{planned.still}/{number}").uniform(0.8, 1.2)
            bytes_ = int(still_bytes(kind, width, height, asked.quality) * noise)
            facts = _picture(kind, width, height, bytes_)
            path = Path(still.path % number if planned.many else planned.path)
            name = _pictured(planned.name, number, facts)
            made.append(
                Product(
                    path=path,
                    file=File(path=name or path.name, size=bytes_, facts=facts, role=planned.role),
                    name=name,
                )
            )
        yield from made
        if grid is not None:
            tiles = ceil((grid.duration or SECOND) / grid.every)
            name = None if grid.name is None else naming.pictured(grid.name, 1, width, height)
            path = Path(grid.tally).with_suffix(".vtt")
            yield Product(path=path, file=File(path=name or path.name, size=10 + 70 * tiles, role="cues"), name=name)
        if planned.archive is not None:
            size_ = sum(one.file.size + 150 for one in made) + 22
            path = made[0].path.with_suffix(".zip")
            name = planned.archive or None
            yield Product(path=path, file=File(path=name or path.name, size=size_, role="archive"), name=name)

    # --- packages -----------------------------------------------------------------------------------

    def _package(self, layout: parts.Layout) -> Iterator[Product]:
        """In the order of real ones: the master, or the manifest where there is none; what it names; the keys."""
        facts = [self._facts(one) for one in self._drafts]
        best = max(facts[: len(layout.places)], key=lambda one: (one.video[0].width if one.video else 0, one.size))
        heads = [
            _named(File(path=name, size=180 + 160 * len(facts), role="playlist", facts=best))
            for name in (layout.master, layout.manifest)
            if name is not None
        ]
        yield from heads[:1]
        for place, measured in zip(layout.distinct, facts, strict=True):
            count = max(1, ceil((measured.duration or SECOND) / layout.segment))
            if layout.media_playlist is not None:
                path = layout.within(place, layout.media_playlist)
                yield _named(File(path=path, size=130 + 36 * count, facts=measured, role="playlist"))
            yield from _segments(layout, place, measured.size, count)
        yield from heads[1:]
        for key in layout.keys:
            yield _named(File(path=key, size=16, role="key"))


def _segments(layout: parts.Layout, place: parts.Place, size: int, count: int) -> Iterator[Product]:
    """The segments, what begins them, and the list of key frames."""
    if layout.init is not None and not place.single:
        yield _named(File(path=layout.within(place, layout.init), size=800, role="segment"))
    names = [place.single] if place.single else [naming.nth(layout.segment_name, number) for number in range(count)]
    for name in names:
        yield _named(File(path=layout.within(place, name), size=max(1, size // len(names)), role="segment"))
    if place.i_frames:
        yield _named(File(path=layout.within(place, layout.i_frames), size=130 + 60 * count, role="i_frames"))


def _named(file: File) -> Product:
    return Product(path=Path(file.path), file=file, name=file.path)


def _pictured(pattern: str | None, number: int, facts: MediaFacts) -> str | None:
    if pattern is None:
        return None
    return naming.pictured(pattern, number, *((facts.video[0].width, facts.video[0].height) if facts.video else (0, 0)))


def _picture(kind: StillFormat, width: int, height: int, size: int) -> MediaFacts:
    codec = "mjpeg" if kind is StillFormat.JPEG else kind.value
    video = VideoFacts(
        codec=codec, width=width, height=height, pixel_aspect=Fraction(1), display_aspect=Fraction(width, height)
    )
    return MediaFacts(container="gif" if kind is StillFormat.GIF else f"{kind.value}_pipe", size=size, video=(video,))


def _rate(filters: Sequence[str]) -> Fraction | None:
    found = next((word.removeprefix("fps=") for word in filters if word.startswith("fps=")), None)
    return Fraction(found) if found is not None else None
