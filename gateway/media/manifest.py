"""The manifest of MPEG-DASH (ISO/IEC 23009-1) as text: static, with a template and a timeline of segments. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final
from xml.sax.saxutils import quoteattr

from mediaglot.gateway.media import naming
from mediaglot.gateway.media.box import Fragment
from mediaglot.gateway.media.language import short
from mediaglot.gateway.media.playlist import address
from mediaglot.gateway.model import AudioFacts, VideoFacts

PROFILE: Final = "urn:mpeg:dash:profile:isoff-live:2011"
ROLE: Final = "urn:mpeg:dash:role:2011"
CHANNELS: Final = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
LAYOUTS: Final = {number: number for number in range(1, 7)} | {8: 12}
"""Numbers of channels to the numbers of their usual layouts there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """One set of segments, all measured."""

    init: str
    media: str
    """The path of its segments, with a counter such as ``%05d`` that begins at 0."""
    timescale: int
    origin: Fraction
    """The second of its own timeline at which the presentation begins."""
    fragments: tuple[Fragment, ...]
    bandwidth: int
    """Bits per second that suffice once the longest segment has been loaded."""
    codecs: str | None
    track: VideoFacts | AudioFacts
    language: str | None = None
    name: str | None = None
    default: bool = False

    @property
    def kind(self) -> str:
        return "video" if isinstance(self.track, VideoFacts) else "audio"

    @property
    def times(self) -> tuple[Fraction, ...]:
        return tuple(Fraction(one.start, self.timescale) for one in self.fragments)

    @property
    def end(self) -> Fraction:
        """Seconds of the presentation."""
        last = self.fragments[-1]
        return Fraction(last.start + last.duration, self.timescale) - self.origin


def write(found: Sequence[Representation]) -> str:
    longest = max(Fraction(part.duration, one.timescale) for one in found for part in one.fragments)
    root = _attributes(
        xmlns="urn:mpeg:dash:schema:mpd:2011",
        profiles=PROFILE,
        type="static",
        mediaPresentationDuration=_seconds(max(one.end for one in found)),
        minBufferTime=_seconds(longest),
    )
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f"<MPD{root}>", '  <Period id="0" start="PT0S">']
    for number, members in enumerate(_sets(found)):
        lines += _adaptation(number, members)
    return "\n".join([*lines, "  </Period>", "</MPD>", ""])


def _sets(found: Sequence[Representation]) -> list[list[tuple[int, Representation]]]:
    """Those that players may switch between, each with its number; pictures first, then the default sound."""
    sets: dict[tuple[str, ...], list[tuple[int, Representation]]] = {}
    for number, one in enumerate(found):
        family = (one.codecs or "").partition(".")[0]
        own = (one.language or "", one.name or "") if one.kind == "audio" else ()
        sets.setdefault((one.kind, family, *own), []).append((number, one))
    return sorted(sets.values(), key=lambda members: (members[0][1].kind == "audio", not _default(members)))


def _default(members: Sequence[tuple[int, Representation]]) -> bool:
    return any(one.default for _, one in members)


def _adaptation(place: int, members: Sequence[tuple[int, Representation]]) -> Iterator[str]:
    all_of = [one for _, one in members]
    first, pictures = all_of[0], [one.track for one in all_of if isinstance(one.track, VideoFacts)]
    yield (
        "    <AdaptationSet"
        + _attributes(
            id=place,
            contentType=first.kind,
            mimeType=f"{first.kind}/mp4",
            lang=short(first.language) if first.language and not pictures else None,
            segmentAlignment=_truth(len({one.times for one in all_of}) == 1),
            startWithSAP=1 if all(part.sync for one in all_of for part in one.fragments) else None,
            maxWidth=max(track.width for track in pictures) if pictures else None,
            maxHeight=max(track.height for track in pictures) if pictures else None,
        )
        + ">"
    )
    if not pictures:
        yield "      <Role" + _attributes(schemeIdUri=ROLE, value="main" if _default(members) else "alternate") + "/>"
        if first.name:
            yield f"      <Label>{_text(first.name)}</Label>"
    for number, one in members:
        yield from _representation(number, one)
    yield "    </AdaptationSet>"


def _representation(number: int, one: Representation) -> Iterator[str]:
    said = {"id": number, "bandwidth": one.bandwidth, "codecs": one.codecs}
    yield "      <Representation" + _attributes(**said, **_of_track(one.track)) + ">"
    channels = LAYOUTS.get(one.track.channels or 0) if isinstance(one.track, AudioFacts) else None
    if channels is not None:
        scheme = _attributes(schemeIdUri=CHANNELS, value=channels)
        yield f"        <AudioChannelConfiguration{scheme}/>"
    yield (
        "        <SegmentTemplate"
        + _attributes(
            timescale=one.timescale,
            presentationTimeOffset=round(one.origin * one.timescale) or None,
            startNumber=0,
            initialization=address(one.init),
            media=_template(one.media),
        )
        + ">"
    )
    yield "          <SegmentTimeline>"
    yield from (f"            <S{_attributes(**said)}/>" for said in _timeline(one.fragments))
    yield from ("          </SegmentTimeline>", "        </SegmentTemplate>", "      </Representation>")


def _of_track(track: VideoFacts | AudioFacts) -> dict[str, object]:
    if isinstance(track, AudioFacts):
        return {"audioSamplingRate": track.sample_rate}
    aspect = track.pixel_aspect or Fraction(1)
    return {
        "width": track.width,
        "height": track.height,
        "frameRate": track.frame_rate or None,
        "sar": f"{aspect.numerator}:{aspect.denominator}",
    }


def _template(path: str) -> str:
    """The counter in DASH's own words."""
    found = naming.COUNTER.search(path)
    assert found is not None  # noqa: S101 - the layout has checked it
    counter = f"$Number%0{found[1]}d$" if found[1] else "$Number$"
    return address(path[: found.start()]) + counter + address(path[found.end() :])


def _timeline(fragments: Iterable[Fragment]) -> list[dict[str, int]]:
    """The entries of the timeline; alike neighbours share one."""
    lines: list[dict[str, int]] = []
    expected = None
    for one in fragments:
        if one.start != expected:
            lines.append({"t": one.start, "d": one.duration})
        elif lines[-1]["d"] == one.duration:
            lines[-1]["r"] = lines[-1].get("r", 0) + 1
        else:
            lines.append({"d": one.duration})
        expected = one.start + one.duration
    return lines


def _attributes(**values: object) -> str:
    return "".join(f" {name}={quoteattr(str(value))}" for name, value in values.items() if value is not None)


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _seconds(value: Fraction) -> str:
    """A duration as XML Schema has it, rounded up to the next microsecond."""
    micros = -(-value.numerator * 1_000_000 // value.denominator)
    whole, rest = divmod(micros, 1_000_000)
    return f"PT{whole}.{rest:06}".rstrip("0").rstrip(".") + "S"
