"""What FFmpeg says of a damaged source, counted: lines of FFmpeg 9, and of FFmpeg 5 where it has other words."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.damage import (
    LAST,
    TAIL,
    Count,
    Track,
    certain,
    copying,
    ended,
    judged,
    lenient,
    survey,
    to_the_end,
    used,
)
from mediaglot.gateway.media.parts import Feed, Run, Target
from mediaglot.gateway.media.progress import Progress

FACTS = m.MediaFacts(
    container="mpegts",
    size=1000,
    duration=Fraction(40),
    bitrate=200,
    video=(m.VideoFacts(codec="h264", width=64, height=36, frame_rate=Fraction(25), duration=Fraction(40)),),
    audio=(m.AudioFacts(codec="aac", sample_rate=48000), m.AudioFacts(codec="mp2", sample_rate=48000)),
)
BOTH = ("0:V:0", "0:a:0")
TORN = "[vist#0:0/h264 @ 0x5f] [dec:h264 @ 0x60] [warning] corrupt decoded frame"
NINE = (
    "[in#0/mpegts @ 0x55] [warning] Packet corrupt (stream = 1, dts = 1234).",
    TORN,
    TORN,
    "[verbose]   Input stream #0:0 (video): 998 packets read (7777 bytes); 990 frames decoded; 8 decode errors; ",
    "[info] Input stream #0:1 (audio): 9 packets read (9 bytes); 1 frames decoded; 0 decode errors (1920000 samples); ",
    "[verbose]   Input stream #0:2 (audio): 0 packets read (0 bytes); ",
)
FIVE = (
    "[warning] corrupt decoded frame in stream 0",
    "[error] Error while decoding stream #0:1: Invalid data found when processing input",
    "[verbose]   Input stream #0:0 (video): 1000 packets read (7777 bytes); 1000 frames decoded; ",
    "[verbose]   Input stream #0:1 (audio): 1875 packets read (99 bytes); 1874 frames decoded (1918976 samples); ",
)


def tracks(
    lines: tuple[str, ...], maps: tuple[str, ...] = BOTH, facts: m.MediaFacts = FACTS
) -> list[tuple[Track, ...]]:
    count = Count()
    for line in lines:
        count.hear(line)
    found = count.tracks(facts, maps)
    return [] if found is None else [found]


def test_what_is_not_decoded_made_up_or_not_there_is_lost() -> None:
    ((pictures, sound),) = tracks(NINE)
    assert (pictures.broken, pictures.unread) == (Fraction(10, 25), Fraction(2, 25))
    assert pictures.lost == Fraction(12, 25)
    assert (sound.kind, sound.whole, sound.lost, sound.damaged) == ("audio", 40, 0, True)


def test_an_older_ffmpeg_is_understood() -> None:
    ((pictures, sound),) = tracks(FIVE)
    assert (pictures.lost, pictures.damaged) == (Fraction(1, 25), True)
    assert (sound.lost, sound.damaged) == (Fraction(1024, 48000), True)


def test_a_track_that_is_a_little_shorter_is_not_damaged() -> None:
    (found,) = tracks(NINE[3:5], facts=replace(FACTS, duration=Fraction(402, 10)))
    assert [track.damaged for track in found] == [True, False]


@pytest.mark.parametrize(
    ("lines", "maps", "facts"),
    [
        (NINE, ("0:V:0",), FACTS),
        (NINE, ("0:V:0", "0:a:0", "0:a:1"), FACTS),
        ((), BOTH, FACTS),
        (NINE, BOTH, replace(FACTS, duration=None)),
        (NINE, BOTH, replace(FACTS, video=(replace(FACTS.video[0], frame_rate=None),))),
        (NINE, BOTH, replace(FACTS, video=(replace(FACTS.video[0], frame_rate=Fraction(12)),))),
    ],
)
def test_what_does_not_go_together_is_not_counted(
    lines: tuple[str, ...], maps: tuple[str, ...], facts: m.MediaFacts
) -> None:
    assert tracks(lines, maps, facts) == []


def test_in_doubt_what_is_missing_of_one_track_alone_is_its_length() -> None:
    one = Track(kind="video", whole=Fraction(40), broken=Fraction(1), unread=Fraction(10), said=True)
    two = replace(one, kind="audio", unread=Fraction(1))
    assert [track.lost for track in certain((one, two))] == [Fraction(9, 4), 2]
    assert [track.lost for track in certain((one, replace(one, kind="audio")))] == [11, 11]
    assert [track.lost for track in certain((one,))] == [Fraction(5, 4)]
    assert certain(()) == ()


def test_a_source_that_says_how_long_it_is_has_to_be_as_long() -> None:
    count = Count()
    for seconds in (10, 38):
        count.see(Progress(out_time=Fraction(seconds)))
    count.see(Progress(done=True))
    assert count.end == 38
    assert ended(FACTS, count.end)
    assert not ended(replace(FACTS, container="mov"), count.end)
    assert ended(replace(FACTS, container="mov"), Fraction(39))


@pytest.mark.parametrize("size", [188, 192, 204])
def test_mpegts_is_known_by_its_last_bytes(size: int) -> None:
    data = (b"\x47" + b"\xff" * (size - 1)) * (LAST + 30)
    for cut in (0, 1, size - 1):
        assert to_the_end(data[: len(data) - cut][-TAIL:])
    assert not to_the_end((data + bytes(size * 3))[-TAIL:])
    assert not to_the_end(data[: size * (LAST - 1)])
    assert not to_the_end(b"")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, True),
        ({"container": "matroska"}, True),
        ({"container": "matroska", "bitrate": None}, False),
        ({"container": "avi"}, False),
        ({"duration": None}, False),
    ],
)
def test_a_loss_can_be_told_where_a_source_ends_somewhere(change: dict[str, object], wanted: bool) -> None:
    facts = replace(FACTS, **change)  # type: ignore[arg-type]
    job = m.Job(inputs=(m.Input(location=m.Location(url="a")),), outputs=(m.Output(),))
    assert judged(job, [facts]) is wanted
    assert judged(job, [facts, FACTS]) is wanted
    clip = m.Clip(start=Fraction(1))
    assert not judged(replace(job, outputs=(m.Output(clip=clip),)), [facts])
    assert not judged(replace(job, inputs=(replace(job.inputs[0], clip=clip),)), [facts])


def run(graph: str, *targets: Target) -> Run:
    feeds = (Feed(path="source-0"), Feed(path="overlay-0-0", picture=True), Feed(path="source-1"))
    return Run(feeds=feeds, graph=graph, targets=targets, duration=None, weight=Fraction(1))


MADE = Target(maps=("[v0]", "0:a:11"), options=("-c:v", "libx264"), muxer="mp4", path="a.mp4")
COPIED = Target(maps=("0:V:0", "0:a:2"), options=("-c:v", "copy"), muxer="mp4", path="b.mp4")
ANALYSED = Target(maps=("[v0]", "0:0"), options=("-c:v", "libx264", "-c:1", "copy"), muxer="null", path="-")


def test_a_survey_reads_what_the_job_uses() -> None:
    runs = [run("[0:V:0]split=2[a][v0];[1:V:0]scale=2:2[b]", MADE, COPIED), run("[2:a:1]anull[x]")]
    assert used(runs, "source-0") == ("0:V:0", "0:a:2", "0:a:11")
    assert used(runs, "source-1") == ("0:a:1",)
    assert used(runs, "source-2") == ()


def test_broken_packets_are_left_out_where_packets_are_copied() -> None:
    assert copying([run("", MADE), run("", COPIED)])
    assert not copying([run("", ANALYSED), run("", MADE)])
    copied, made = (" ".join(argv(lenient([run("", target)])[0], "ffmpeg")) for target in (COPIED, MADE))
    assert "-xerror" not in copied + made
    assert copied.count("-fflags +discardcorrupt") == 3
    assert "discardcorrupt" not in made


def test_a_survey_gives_up_on_nothing_and_tells_everything() -> None:
    words = " ".join(argv(survey("source-1", ("0:V:0", "0:a:1"), discard=True), "ffmpeg", threads=1))
    assert "-loglevel repeat+level+verbose -nostats -max_error_rate 1 " in words
    assert "-fflags +discardcorrupt -i source-1 -map 0:V:0 -map 0:a:1 -threads 1 -f null -" in words
    assert "-xerror" not in words
