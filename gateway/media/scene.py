"""The job's timeline as its outputs see it: spans of time, and the facts of one source or of several joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from mediaglot.gateway.media import tone
from mediaglot.gateway.media.parts import Memo, Note, number
from mediaglot.gateway.media.size import Picture, even
from mediaglot.gateway.model import AudioFacts, Clip, Input, Job, MediaFacts, VideoFacts

IMAGE_SECONDS: Final = Fraction(5)
"""How long a still picture lasts as a source."""

LOOSE: Final = frozenset({"mpegts", "mpeg"})
RUN_UP: Final = Fraction(10)
"""Seconds: hardly any source has its key frames further apart."""

JOINED_SAMPLE_RATE: Final = 48_000
DEFAULT_FRAME_RATE: Final = Fraction(25)
UNSTEADY: Final = Fraction(30)
"""What a steady rate is for moving pictures of which none is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a timeline in seconds; without a length it goes to the end."""

    start: Fraction = Fraction(0)
    length: Fraction | None = None

    @property
    def whole(self) -> bool:
        return not self.start and self.length is None

    def of(self, duration: Fraction | None) -> Fraction | None:
        """How long it is on a timeline of this duration."""
        if duration is None:
            return self.length
        rest = max(duration - self.start, Fraction(0))
        return rest if self.length is None else min(rest, self.length)

    def within(self, outer: Span) -> Span:
        """The same stretch, counted on the timeline that ``outer`` is a part of."""
        rest = None if outer.length is None else outer.length - self.start
        known = [length for length in (self.length, rest) if length is not None]
        return Span(start=outer.start + self.start, length=min(known, default=None))

    def seek(self) -> tuple[str, ...]:
        """As options before ``-i``."""
        from_here = ("-ss", number(self.start)) if self.start else ()
        return from_here if self.length is None else (*from_here, "-t", number(self.length))


def span(clip: Clip | None, duration: Fraction | None, memo: Memo) -> Span:
    """Raises Invalid for a clip that is empty or begins after the end."""
    if clip is None:
        return Span()
    start = clip.start or Fraction(0)
    length = clip.duration
    if clip.end is not None:
        rest = clip.end - start
        length = rest if length is None else min(length, rest)
    if start < 0 or (duration is not None and start >= duration):
        raise memo.invalid("clip.start", start, "outside of the source")
    if length is not None and length <= 0:
        raise memo.invalid("clip", length, "its end is not after its start")
    if length is not None and duration is not None and start + length >= duration:
        length = None
    return Span(start=start, length=length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One source: its file, what of it is used, and what is known about that."""

    index: int
    span: Span
    duration: Fraction | None
    video: VideoFacts | None
    audio: AudioFacts | None
    image: bool
    bitrate: int | None
    sounds: tuple[AudioFacts, ...] = ()
    """All that it has, the first of which is ``audio``."""
    container: str = ""
    """FFmpeg's name of its format."""
    loose: bool = False
    """A seek may land behind the key frame that comes before the moment, so that pictures would be missing."""

    def opened(self, cut: Span = Span()) -> tuple[Span, Fraction]:
        """What to open for the stretch ``cut`` of this part, and how many seconds of that come too early."""
        wanted = cut.within(self.span)
        early = min(wanted.start, RUN_UP) if self.loose else Fraction(0)
        length = None if wanted.length is None else wanted.length + early
        return Span(start=wanted.start - early, length=length), early

    @property
    def path(self) -> str:
        return f"source-{self.index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """``joined`` when the streams come from a filter (several sources, or a still picture) and not from a file."""

    parts: tuple[Part, ...]
    joined: bool
    video: VideoFacts | None
    audio: AudioFacts | None
    duration: Fraction | None
    maps_tones: bool = False
    """This FFmpeg can make a standard picture of one with high dynamic range."""
    chapters: int | None = None
    """Of the file, None where that is not known."""

    @property
    def frame_rate(self) -> Fraction:
        rate = self.video.frame_rate if self.video else None
        return rate or UNSTEADY

    @property
    def video_bitrate(self) -> int | None:
        """Bits per second, estimated from the whole file's where the stream does not say."""
        if self.video is None or self.video.bitrate:
            return self.video.bitrate if self.video else None
        if self.joined or not self.parts[0].bitrate:
            return None
        rest = self.parts[0].bitrate - ((self.audio.bitrate or 0) if self.audio else 0)
        return rest if rest > 0 else None


def upright(video: VideoFacts, *, turned: bool = True) -> Picture:
    """The picture after the decoder turned it by the source's display matrix (or before it did)."""
    aspect = video.pixel_aspect if video.pixel_aspect and video.pixel_aspect > 0 else Fraction(1)
    plain = Picture(width=video.width, height=video.height, aspect=aspect)
    return plain.turned() if turned and video.rotation % 180 else plain


def scene(job: Job, sources: Sequence[MediaFacts], notes: list[Note], filters: frozenset[str] = frozenset()) -> Scene:
    parts = tuple(
        _part(index, asked, facts, Memo(f"inputs.{index}", notes))
        for index, (asked, facts) in enumerate(zip(job.inputs, sources, strict=True))
    )
    first = parts[0]
    if len(parts) == 1 and not first.image:
        return Scene(
            parts=parts,
            joined=False,
            video=first.video,
            audio=first.audio,
            duration=first.duration,
            maps_tones=filters >= tone.NEEDED,
            chapters=sources[0].chapters,
        )
    lengths = [part.duration for part in parts]
    known = [length for length in lengths if length is not None]
    return Scene(
        parts=parts,
        joined=True,
        video=_joined_video(parts),
        audio=_joined_audio(parts),
        duration=sum(known, Fraction(0)) if len(known) == len(lengths) else None,
        maps_tones=filters >= tone.NEEDED,
    )


def _part(index: int, asked: Input, facts: MediaFacts, memo: Memo) -> Part:
    if asked.frame_rate is not None:
        memo.note("frame_rate")
    video = next((track for track in facts.video if track.width > 0 and track.height > 0), None)
    image = video is not None and (facts.container.endswith("_pipe") or facts.container == "image2")
    if video is not None and asked.pixel_aspect is not None:
        video = replace(video, pixel_aspect=asked.pixel_aspect)
    if video is not None and asked.interlaced is not None:
        video = replace(video, interlaced=asked.interlaced)
    used = Span() if image else span(asked.clip, facts.duration, memo)
    length = (asked.clip.duration if asked.clip else None) or IMAGE_SECONDS
    return Part(
        index=index,
        span=used,
        duration=length if image else used.of(facts.duration),
        video=video,
        audio=facts.audio[0] if facts.audio else None,
        sounds=facts.audio,
        image=image,
        bitrate=facts.bitrate,
        container=facts.container,
        loose=facts.container in LOOSE,
    )


def _joined_video(parts: Sequence[Part]) -> VideoFacts | None:
    """The first source's display size and frame rate, in square pixels."""
    tracks = [part for part in parts if part.video is not None]
    if not tracks or tracks[0].video is None:
        return None
    picture = upright(tracks[0].video)
    rates = [part.video.frame_rate for part in tracks if part.video and part.video.frame_rate and not part.image]
    return VideoFacts(
        codec="joined",
        width=even(picture.width * picture.aspect),
        height=even(Fraction(picture.height)),
        frame_rate=rates[0] if rates else DEFAULT_FRAME_RATE if all(part.image for part in tracks) else UNSTEADY,
        bitrate=tracks[0].video.bitrate,
    )


def _joined_audio(parts: Sequence[Part]) -> AudioFacts | None:
    first = next((part.audio for part in parts if part.audio is not None), None)
    if first is None:
        return None
    return AudioFacts(codec="joined", sample_rate=JOINED_SAMPLE_RATE, channels=2, bitrate=first.bitrate)
