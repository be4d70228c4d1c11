"""The craft of make-believe: the whole life of a job on a clock, without touching media.

Facts about sources and results follow from the job alone, so the same job always has the same ones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Final

from mediaglot.gateway.backends import Caller, Over, Product, Report, hold_here, unheard
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.faults import Fault, SourceMissing
from mediaglot.gateway.loss import Ledger, Policy
from mediaglot.gateway.media import naming, parts
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_MUXERS
from mediaglot.gateway.model import (
    AudioFacts,
    Average,
    Constant,
    Delivery,
    File,
    Input,
    Job,
    Location,
    MediaFacts,
    Output,
    Skip,
    Ticket,
    VideoFacts,
)

STEPS: Final = 20
SPEED: Final = 30
"""How many seconds of media are encoded in one second."""


class SimulatedCraft:
    """``speed`` seconds of media go through in one second of ``clock``."""

    def __init__(self, clock: Clock, *, speed: int = SPEED, policy: Policy = Policy.ESSENTIAL) -> None:
        self._clock, self._speed, self._policy = clock, speed, policy

    async def refuse(self, job: Job, ledger: Ledger, caller: Caller | None = None) -> Mapping[int, Fault]:
        inputs = job.inputs or (Input(location=Location(url="")),)
        facts = [source_facts(source.location.url) for source in inputs]
        refused = plan(replace(job, inputs=inputs), facts, encoders=PROMISED_ENCODERS, muxers=PROMISED_MUXERS).faults
        hold_here(ledger, caller, self._policy)
        return refused

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int:
        url = ticket.job.inputs[index].location.url
        if not url.lower().startswith(("http://", "https://", "ftp://", "sftp://", "s3://")):
            raise SourceMissing(status=404, reason="Not Found")
        size = source_facts(url).size
        for step in range(1, 5):
            await self._clock.sleep(0.02)
            report(step / 4)
        return size

    async def probe(self, ticket: Ticket, index: int) -> MediaFacts:
        return source_facts(ticket.job.inputs[index].location.url)

    async def need(self, ticket: Ticket, wanted: frozenset[int]) -> int:
        return 0

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        facts = [source.facts for source in ticket.sources if source.facts is not None]
        drawn = plan(ticket.job, facts, encoders=PROMISED_ENCODERS, muxers=PROMISED_MUXERS, only=wanted)
        length = sum((fact.duration or Fraction(0) for fact in facts), Fraction(0))
        for step in range(1, STEPS + 1):
            await self._clock.sleep(float(length) / self._speed / STEPS)
            report(step / STEPS)
        made: dict[int, tuple[Product, ...] | Fault] = dict(drawn.faults)
        for index, products in drawn.products.items():
            made[index] = tuple(_products(ticket.job.outputs[index], facts[0], products))
        return made

    async def keep(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[File, ...]:
        room = f"{ticket.ids['folder']}/{ticket.outputs[index].id}"
        return tuple(replace(product.file, path=f"{room}/{product.file.path}") for product in products)

    async def deliver(self, ticket: Ticket, output: Output, delivery: Delivery, products: tuple[Product, ...]) -> None:
        await self._clock.sleep(0.02)

    async def stream(self, ticket: Ticket, files: tuple[File, ...]) -> Mapping[str, str]:
        folder = f"{{outputs}}/{ticket.ids['folder']}"
        entries = (f"#EXT-X-STREAM-INF:BANDWIDTH={file.size * 8}\n{folder}/{file.path}\n" for file in files)
        return {"hls": "#EXTM3U\n" + "".join(entries), "dash": f"<MPD><BaseURL>{folder}/</BaseURL></MPD>"}

    async def peek(self, path: str) -> bytes | None:
        return None

    def clear(self, ticket: Ticket) -> None:
        return

    def discard(self, ticket: Ticket) -> None:
        return

    def sweep(self, live: Iterable[Ticket]) -> None:
        return


def source_facts(url: str) -> MediaFacts:
    """What a source could be: as its name says (``bars-10s-1280x720-30fps.mp4``), or else drawn from its URL."""
    seed = hashlib.sha256(url.encode()).digest()
    seconds = re.search(r"(\d+)s\b", url)
    size = re.search(r"(\d{2,4})x(\d{2,4})", url)
    duration = Fraction(int(seconds[1]) if seconds else 10 + seed[0] % 110)
    width, height = (int(size[1]), int(size[2])) if size else ((1280, 720), (1920, 1080), (640, 360))[seed[1] % 3]
    return _facts(duration, width, height, 800_000 + 4 * width * height, 128_000)


def result_file(output: Output, source: MediaFacts, name: str) -> File:
    """A size that follows from the settings: bitrate times duration."""
    video, audio = output.video, output.audio
    rate = video.rate if video is not None and not isinstance(video, Skip) else None
    asked = rate.bitrate if isinstance(rate, (Average, Constant)) and isinstance(rate.bitrate, int) else 1_000_000
    sound = audio.bitrate if audio is not None and not isinstance(audio, Skip) and isinstance(audio.bitrate, int) else 0
    duration = source.duration or Fraction(1)
    width, height = source.video[0].width, source.video[0].height
    facts = _facts(duration, width, height, asked, sound or 128_000)
    return File(path=name, size=facts.size, facts=facts)


def _products(output: Output, source: MediaFacts, planned: tuple[parts.Product, ...]) -> Iterator[Product]:
    """One file for what is planned first; for a package its playlists and as many segments as its duration asks for."""
    layout = planned[0].layout if planned else None
    if layout is None:
        name = (planned[0].name or Path(planned[0].path).name) if planned else "output"
        name = naming.pictured(name, 1, source.video[0].width, source.video[0].height)
        yield Product(path=Path(name), file=result_file(output, source, name))
        return
    duration = planned[0].duration or source.duration or Fraction(1)
    count = max(1, ceil(duration / layout.segment))
    heads = [_listed(output, source, name) for name in (layout.master, layout.manifest) if name is not None]
    yield from heads[:1]
    for place in layout.distinct:
        one = replace(output, video=place.video, audio=place.audio)
        whole = result_file(one, source, layout.within(place, layout.media_playlist or ""))
        if layout.media_playlist is not None:
            yield _named(replace(whole, role="playlist", size=100 + 40 * count))
        yield from _beside(layout, place, whole.size, count)
    yield from heads[1:]
    for key in layout.keys:
        yield _named(File(path=key, size=16, role="key"))


def _beside(layout: parts.Layout, place: parts.Place, size: int, count: int) -> Iterator[Product]:
    """The segments, and the list of key frames."""
    names = [place.single] if place.single else [naming.nth(layout.segment_name, number) for number in range(count)]
    for name in names:
        yield _named(File(path=layout.within(place, name), size=size // len(names), role="segment"))
    if place.i_frames:
        yield _named(File(path=layout.within(place, layout.i_frames), size=100 + 40 * count, role="i_frames"))


def _listed(output: Output, source: MediaFacts, name: str) -> Product:
    return _named(replace(result_file(output, source, name), role="playlist"))


def _named(file: File) -> Product:
    return Product(path=Path(file.path), file=file, name=file.path)


def _facts(duration: Fraction, width: int, height: int, video: int, audio: int) -> MediaFacts:
    return MediaFacts(
        container="mov",
        size=int((video + audio) * duration / 8),
        duration=duration,
        bitrate=video + audio,
        video=(
            VideoFacts(
                codec="h264",
                profile="High",
                width=width,
                height=height,
                frame_rate=Fraction(30),
                bitrate=video,
                duration=duration,
                pixel_aspect=Fraction(1),
                display_aspect=Fraction(width, height),
            ),
        ),
        audio=(AudioFacts(codec="aac", sample_rate=48_000, channels=2, bitrate=audio, duration=duration),),
    )
