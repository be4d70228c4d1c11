"""How much of a source is damaged, by what FFmpeg says when it decodes what a job uses and gives up on nothing. Pure.

A picture is lost when it is not decoded, or when the decoder made up a part of it; sound is counted by its samples.
What damage does to the pictures that are made of a broken one, and what no decoder notices, is not counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, NamedTuple

from mediaglot.gateway.media.parts import NULL, Feed, Run, Target
from mediaglot.gateway.media.progress import Progress
from mediaglot.gateway.model import Job, MediaFacts

OLDEST: Final = (7, 0)
"""The FFmpeg whose exit code tells of what could not be written, also where it is to give up on nothing."""
ENDED: Final = frozenset({"mov", "matroska"})
"""Formats that say how long they are, unless they were written as they came."""
ENDLESS: Final = "mpegts"
"""A format that does not: it has to be what it is up to its last bytes."""
SLACK: Final = Fraction(1)
"""Seconds that may be missing at the end of a source that says how long it is."""
SEEN: Final = Fraction(1, 4)
"""Seconds by which a track may be shorter than its file without being damaged."""
MOST: Final = Fraction(11, 10)
"""Of what a track should have: what has more was not understood."""

PACKETS: Final = (188, 192, 204)
"""Bytes of a packet of MPEG-TS: alone, with a time stamp, with check bytes."""
LAST: Final = 64
"""Packets at the end that are looked at."""
TAIL: Final = (LAST + 1) * max(PACKETS)
SYNC: Final = b"\x47"

DISCARD: Final = ("-fflags", "+discardcorrupt")

_STREAM: Final = re.compile(r"\[(\d+):(V:0|a:\d+)\]")
_TORN: Final = re.compile(r"[av]ist#0:(\d+)/.*corrupt decoded frame|corrupt decoded frame in stream (\d+)")
_SIGN: Final = re.compile(r"Packet corrupt \(stream = (\d+)|Error while decoding stream #0:(\d+)")
_READ: Final = re.compile(
    r"Input stream #0:(\d+) \((video|audio)\): .*?(\d+) frames decoded(?:; (\d+) decode errors)?(?: \((\d+) samples\))?"
)


def judged(job: Job, sources: Sequence[MediaFacts]) -> bool:
    """Whether it can be told how much is lost: all of each source is used, and where it ends is known."""
    clips = [*(one.clip for one in job.inputs), *(one.clip for one in job.outputs)]
    return not any(clips) and all(_ends(facts) for facts in sources)


def _ends(facts: MediaFacts) -> bool:
    """A file that was written as it came has no bitrate, which is reckoned from the length that the others say."""
    return bool(facts.duration) and (
        facts.container == ENDLESS or (facts.container in ENDED and facts.bitrate is not None)
    )


def ended(facts: MediaFacts, end: Fraction) -> bool:
    """Whether a source goes on as long as it says, ``end`` being where there was nothing more to decode."""
    return facts.container not in ENDED or end >= (facts.duration or 0) - SLACK


def to_the_end(tail: bytes) -> bool:
    """Whether these bytes, ``TAIL`` of them, end with packets of MPEG-TS."""
    return any(tail[at::size][-LAST:] == SYNC * LAST for size in PACKETS for at in range(size))


def copying(runs: Sequence[Run]) -> bool:
    """Whether packets get into a file as they are. Broken ones are then left out: not every muxer takes them."""
    return any("copy" in target.options and target.muxer != "null" for one in runs for target in one.targets)


def used(runs: Sequence[Run], path: str) -> tuple[str, ...]:
    """What these runs take of a source, as ``-map`` has it: its pictures, then its sounds."""
    found = set()
    for one in runs:
        texts = [one.graph, *(f"[{word}]" for target in one.targets for word in target.maps)]
        streams = [match for text in texts for match in _STREAM.finditer(text)]
        found |= {f"0:{match[2]}" for match in streams if one.feeds[int(match[1])].path == path}
    return tuple(sorted(found, key=lambda name: (_kind(name) == "audio", len(name), name)))


def survey(path: str, maps: tuple[str, ...], *, discard: bool) -> Run:
    """Decodes these tracks of a source for a ``Count``."""
    target = Target(maps=maps, options=(), muxer="null", path=NULL)
    feed = Feed(path=path, options=DISCARD if discard else ())
    return Run(
        feeds=(feed,), graph="", targets=(target,), duration=None, weight=Fraction(0), strict=False, counted=True
    )


def lenient(runs: Sequence[Run]) -> tuple[Run, ...]:
    """The same runs, not ended by damage in a source. What an encoder or a muxer can't do ends them as ever."""
    more = DISCARD if copying(runs) else ()
    return tuple(
        replace(one, strict=False, feeds=tuple(replace(feed, options=(*more, *feed.options)) for feed in one.feeds))
        for one in runs
    )


class _Read(NamedTuple):
    stream: int
    kind: str
    frames: int
    errors: int
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What a survey found of one track, in seconds."""

    kind: str
    whole: Fraction
    broken: Fraction
    """Read, and not decoded as it should be."""
    unread: Fraction
    said: bool
    """FFmpeg spoke of damage here."""

    @property
    def lost(self) -> Fraction:
        return min(self.whole, self.broken + self.unread)

    @property
    def damaged(self) -> bool:
        """FFmpeg said so, or more is missing than tracks differ in length."""
        return self.said or self.unread > SEEN


class Count:
    """Hears and sees a survey; afterwards it knows the ``tracks``."""

    def __init__(self) -> None:
        self._torn: Counter[int] = Counter()
        self._signs: set[int] = set()
        self._read: list[_Read] = []
        self.end = Fraction(0)
        """Seconds until which there was something to decode."""

    def see(self, progress: Progress) -> None:
        self.end = max(self.end, progress.out_time or Fraction(0))

    def hear(self, line: str) -> None:
        if (torn := _TORN.search(line)) is not None:
            self._torn[int(torn[1] or torn[2])] += 1
        elif (sign := _SIGN.search(line)) is not None:
            self._signs.add(int(sign[1] or sign[2]))
        elif (read := _READ.search(line)) is not None:
            stream, kind, *numbers = read.groups()
            self._read.append(_Read(int(stream), kind, *(int(number or 0) for number in numbers)))

    def tracks(self, facts: MediaFacts, maps: Sequence[str]) -> tuple[Track, ...] | None:
        """Those of ``maps``; None where they don't go together with the source's facts."""
        read = sorted(self._read, key=lambda one: (one.kind == "audio", one.stream))
        if [one.kind for one in read] != [_kind(name) for name in maps]:
            return None
        found = [self._track(one, *_expected(facts, name)) for one, name in zip(read, maps, strict=True)]
        return None if None in found else tuple(one for one in found if one is not None)

    def _track(self, one: _Read, seconds: Fraction, rate: Fraction) -> Track | None:
        if not seconds or not rate:
            return None
        made, torn = Fraction(one.samples or one.frames) / rate, self._torn[one.stream]
        if made > seconds * MOST + SLACK:
            return None
        each = made / max(one.frames, 1)
        return Track(
            kind=one.kind,
            whole=seconds,
            broken=each * (torn + one.errors),
            unread=max(seconds - made - each * one.errors, Fraction(0)),
            said=bool(torn or one.errors) or one.stream in self._signs,
        )


def _kind(name: str) -> str:
    return "audio" if ":a:" in name else "video"


def _expected(facts: MediaFacts, name: str) -> tuple[Fraction, Fraction]:
    """A track's seconds, and how many pictures or samples each has."""
    duration, number = facts.duration or Fraction(0), int(name.rpartition(":")[2])
    if _kind(name) == "video":
        picture = facts.video[number]
        return picture.duration or duration, picture.frame_rate or Fraction(0)
    sound = facts.audio[number]
    return sound.duration or duration, Fraction(sound.sample_rate or 0)


def certain(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """The same, where in doubt nothing is lost: what is missing of one track alone may be all there is of it, and what
    is missing of pictures without sound may only be shown at another rate."""
    heard = any(track.kind == "audio" for track in tracks)
    hole = (min(track.unread for track in tracks) if heard else Fraction(0)) + SEEN
    return tuple(replace(track, unread=min(track.unread, hole)) for track in tracks)
