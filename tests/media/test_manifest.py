"""DASH manifests as text, and the masters of packages whose variants share sounds."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from mediaglot.gateway.media import language, manifest, playlist
from mediaglot.gateway.media.box import Fragment
from mediaglot.gateway.media.manifest import Representation
from mediaglot.gateway.media.playlist import Entry, Sound
from mediaglot.gateway.model import AudioFacts, VideoFacts

PICTURE = VideoFacts(codec="h264", width=1280, height=720, frame_rate=Fraction(30000, 1001))
TONE = AudioFacts(codec="aac", sample_rate=48000, channels=2)


def pictures(**more: Any) -> Representation:
    known: dict[str, Any] = {
        "init": "hd/init.mp4",
        "media": "hd/segment_%05d.m4s",
        "timescale": 30000,
        "origin": Fraction(1),
        "fragments": (
            *(Fragment(30000 + 60060 * number, 60060, sync=True) for number in range(3)),
            Fragment(210180, 1001, sync=True),
        ),
        "bandwidth": 900_000,
        "codecs": "avc1.64001f",
        "track": PICTURE,
    }
    return Representation(**known | more)


def sound(**more: Any) -> Representation:
    fragments = (Fragment(46976, 96256, sync=True), Fragment(143360, 96256, sync=True))
    known = {"init": "s/init.mp4", "media": "s/%d.m4s", "timescale": 48000, "fragments": fragments}
    return pictures(**{"bandwidth": 130_000, "codecs": "mp4a.40.2", "track": TONE} | known | more)


WHOLE = """<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="PT6.039367S" minBufferTime="PT2.005334S">
  <Period id="0" start="PT0S">
    <AdaptationSet id="0" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1" maxWidth="1280" maxHeight="720">
      <Representation id="0" bandwidth="900000" codecs="avc1.64001f" width="1280" height="720" frameRate="30000/1001" sar="1:1">
        <SegmentTemplate timescale="30000" presentationTimeOffset="30000" startNumber="0" initialization="hd/init.mp4" media="hd/segment_$Number%05d$.m4s">
          <SegmentTimeline>
            <S t="30000" d="60060" r="2"/>
            <S d="1001"/>
          </SegmentTimeline>
        </SegmentTemplate>
      </Representation>
    </AdaptationSet>
    <AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" lang="de" segmentAlignment="true" startWithSAP="1">
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
      <Label>Ton &amp; mehr</Label>
      <Representation id="1" bandwidth="130000" codecs="mp4a.40.2" audioSamplingRate="48000">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
        <SegmentTemplate timescale="48000" presentationTimeOffset="48000" startNumber="0" initialization="a%20b/init.mp4" media="a%20b/$Number$.m4s">
          <SegmentTimeline>
            <S t="46976" d="96256"/>
            <S t="143360" d="96256"/>
          </SegmentTimeline>
        </SegmentTemplate>
      </Representation>
    </AdaptationSet>
  </Period>
</MPD>
"""  # noqa: E501


def test_a_manifest() -> None:
    """A gap in the sound's timeline is told, not covered."""
    tone = sound(init="a b/init.mp4", media="a b/%d.m4s", language="ger", name="Ton & mehr", default=True)
    assert manifest.write([pictures(), tone]) == WHOLE


def test_what_players_may_switch_between() -> None:
    """Pictures of one codec; sounds of one language, name and codec, the default ones in front."""
    found = [
        sound(language="en"),
        sound(language="de", default=True),
        pictures(),
        pictures(codecs="av01.0.05M.08"),
        pictures(name="SD"),
        sound(language="de"),
        sound(language="de", name="Comments"),
        sound(language="de", codecs="ac-3"),
    ]
    lines = manifest.write(found).splitlines()
    sets = [index for index, line in enumerate(lines) if "<AdaptationSet" in line]
    members: list[list[str]] = [[] for _ in sets]
    for index, line in enumerate(lines):
        if "<Representation" in line:
            members[sum(start < index for start in sets) - 1].append(line.split('"')[1])
    assert members == [["2", "4"], ["3"], ["1", "5"], ["0"], ["6"], ["7"]]
    assert [line.count('value="main"') for line in lines if "<Role" in line] == [1, 0, 0, 0]


def test_promises_that_do_not_hold_are_not_made() -> None:
    late = pictures(fragments=(Fragment(30000, 60060, sync=True), Fragment(90000, 60060, sync=False)))
    text = manifest.write([pictures(), late])
    assert 'segmentAlignment="false"' in text
    assert "startWithSAP" not in text
    thin = VideoFacts(codec="h264", width=360, height=480, pixel_aspect=Fraction(16, 9))
    bare = manifest.write([pictures(track=thin, codecs=None)])
    assert 'width="360" height="480" sar="16:9"' in bare
    assert "codecs" not in bare
    assert "frameRate" not in bare
    many = AudioFacts(codec="aac", sample_rate=48000, channels=7)
    assert "AudioChannelConfiguration" not in manifest.write([sound(track=many)])
    assert 'value="12"/>' in manifest.write([sound(track=replace(many, channels=8))]), "which is 7.1 there"


SHARED = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="en/index.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="ger",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="6",URI="d%20e/index.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="ger 2",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,URI="x/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1350000,AVERAGE-BANDWIDTH=1200000,RESOLUTION=1280x720,CODECS="avc1.64001f,mp4a.40.2,ec-3",FRAME-RATE=29.970,AUDIO="audio"
hd/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=800000,RESOLUTION=1280x720,CODECS="avc1.64001f",FRAME-RATE=29.970
mute/index.m3u8
"""


def test_a_master_with_sounds_of_its_own() -> None:
    """The bitrate of a variant is that with its costliest sound, its codecs are those of all of them."""
    sounds = (
        Sound(group="audio", uri="en/index.m3u8", peak=140_000, average=130_000, codecs=("mp4a.40.2",), name="English",
              language="eng", channels=2, default=True),
        Sound(group="audio", uri="d e/index.m3u8", peak=450_000, average=400_000, codecs=("ec-3",), language="ger",
              channels=6),
        Sound(group="audio", uri="x/index.m3u8", peak=100_000, average=90_000, codecs=("mp4a.40.2",), language="ger"),
    )  # fmt: skip
    high = Entry(
        uri="hd/index.m3u8", peak=900_000, average=800_000, codecs=("avc1.64001f",), video=PICTURE, group="audio"
    )
    mute = Entry(uri="mute/index.m3u8", peak=900_000, average=800_000, codecs=("avc1.64001f",), video=PICTURE)
    assert playlist.master([high, mute], sounds, fragmented=True) == SHARED
    unknown = Sound(group="audio", uri="x/index.m3u8", peak=1, average=1)
    text = playlist.master([high], [unknown], independent=False)
    assert "CODECS" not in text
    assert "INDEPENDENT" not in text


def test_languages() -> None:
    assert [language.short(word) for word in ("ger", "DEU", "de", "pt-BR", "gsw")] == ["de", "de", "de", "pt-BR", "gsw"]
    assert [language.long(word) for word in ("de", "ger", "GSW", "fr")] == ["deu", "deu", "gsw", "fra"]
