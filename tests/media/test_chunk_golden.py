"""Where chunks begin and the exact commands that make and join them. No FFmpeg is run here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media import chunkindex
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.chunkindex import Index, read
from mediaglot.gateway.media.chunkseam import Lane, seams
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS, PICTURE_FORMATS
from mediaglot.gateway.media.guard import FORMATS
from mediaglot.gateway.media.machine import Machine
from mediaglot.gateway.media.parts import Plan, Run
from mediaglot.gateway.media.plan import plan

ENCODER_NAMES = frozenset(name for names in ENCODERS.values() for name in names)
MUXERS = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2", "framecrc", "hls"})
RATE = Fraction(30000, 1001)
CLIP = m.MediaFacts(
    container="mov",
    size=10_000_000,
    duration=Fraction(1001 * 24, 1000),
    video=(m.VideoFacts(codec="h264", width=1920, height=1080, frame_rate=RATE),),
    audio=(m.AudioFacts(codec="aac", sample_rate=44100, channels=2),),
)


def index(count: int = 600, keys: int = 60, late: int = 0) -> Index:
    """So many pictures at 29.97 a second, a key frame every ``keys``."""
    ticks = tuple(1001 * number + late for number in range(count))
    return Index(base=Fraction(1, 30000), ticks=ticks, keys=tuple(range(0, count, keys)))


# --- the list of packets --------------------------------------------------------------------------

LIST = """#extradata 0:       38, 0x08db0d4d
#software: Lavf63.1.102
#tb 0: 1/30000
#media_type 0: video
0,      -2002,          0,     1001,     7592, 0x0574fde6
0,      -1001,       3003,     1001,     2580, 0x2ebbd91e, F=0x0
0,          0,       1001,     1001,     2148, 0xaf032a5e, F=0x10
0,       1001,       2002,     1001,     1497, 0x118df530, F=0x0, S=1,       14, 0x118df530
0,       2002,       4004,     1001,     3155, 0x5576eeb4
"""


def test_packets_in_the_order_of_showing() -> None:
    assert read(LIST.splitlines(keepends=True)) == Index(
        base=Fraction(1, 30000), ticks=(0, 1001, 2002, 3003, 4004), keys=(0, 4)
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("F=0x10", "F=0x14"),
        ("F=0x10", "F=0x2"),
        ("       3003", "       NOPTS"),
        ("       3003", "       1001"),
        ("0x0574fde6", "0x0574fde6, F=0x0"),
        ("#tb 0: 1/30000\n", ""),
        (LIST, ""),
    ],
    ids=["hidden", "broken", "no time", "twice", "no key at the start", "no clock", "nothing"],
)
def test_packets_that_can_not_be_cut(old: str, new: str) -> None:
    assert read(LIST.replace(old, new).splitlines()) is None


def test_a_list_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunkindex, "MOST", 4)
    assert read(LIST.splitlines()) is None


def test_an_even_rate_is_one_at_every_picture() -> None:
    exact = index(60_000)
    assert exact.even(RATE)
    assert not exact.even(Fraction(2997, 100) * Fraction(9999, 10000))
    whole = Index(base=Fraction(1, 1000), ticks=tuple(round(n * 1000 / RATE) for n in range(9000)), keys=(0,))
    assert whole.even(RATE)
    assert not replace(whole, ticks=(*whole.ticks[:50], *whole.ticks[51:])).even(RATE)
    assert not replace(exact, ticks=tuple(tick + tick // 1001 % 2 * 400 for tick in exact.ticks)).even(RATE)


# --- seams ----------------------------------------------------------------------------------------


def lane(starts: frozenset[int] | None = None, rate: Fraction = RATE, total: int = 600) -> Lane:
    return Lane(rate=rate, own=rate == RATE, first=0, total=total, forced=(), starts=starts)


def every(distance: int, count: int = 600) -> frozenset[int]:
    return frozenset(range(0, count, distance))


@pytest.mark.parametrize(
    ("lanes", "keys", "expected"),
    [
        ([lane()], 60, (0, 120, 240, 360, 480)),
        ([lane()], 50, (0, 100, 250, 350, 500)),
        ([lane(every(60))], 118, (0, 120, 240, 360, 480)),
        ([lane(every(48)), lane(every(60))], 60, (0, 240, 480)),
        ([lane(every(7))], 600, None),
        ([lane(every(599))], 60, None),
        ([lane(), lane(rate=RATE / 2)], 45, (0, 90, 270, 360, 450)),
        ([lane(every(60)), lane(every(30), RATE / 2)], 60, (0, 120, 240, 360, 480)),
    ],
    ids=[
        *("anywhere", "nearest key", "grid before key", "two grids", "no key to decode from", "nothing near"),
        *("half the rate shows each second one", "grids of two rates"),
    ],
)
def test_seams(lanes: list[Lane], keys: int, expected: tuple[int, ...] | None) -> None:
    assert seams(index(keys=keys), lanes, Fraction(4004, 1000)) == expected


# --- the commands ---------------------------------------------------------------------------------

HEAD = (
    "ffmpeg -nostdin -hide_banner -y -loglevel level+warning -nostats -xerror -progress pipe:1 -stats_period 0.5"
).split()
GUARD = f"-protocol_whitelist file -format_whitelist {FORMATS} -max_pixels 50000000 -threads 1".split()
PICTURE = f"-protocol_whitelist file -format_whitelist {PICTURE_FORMATS} -max_pixels 50000000 -threads 1".split()
JOINT = (
    "-protocol_whitelist file -format_whitelist concat,mov -f concat -safe 1 -auto_convert 0 -max_pixels 50000000 "
    "-threads 1"
).split()
GRAPH = "-filter_complex_threads 1 -filter_complex".split()
X264 = "-threads 1 -c:v libx264 -preset veryfast".split()
SEVERED = "-map_metadata -1 -map_chapters -1 -f mp4".split()
KEYS = m.KeyFrames(every=Fraction(2), closed=True, scene_cuts=False)
LADDER = (
    m.Output(container="mp4", video=m.Video(key_frames=KEYS)),
    m.Output(
        container="mov",
        video=m.Video(codec="hevc", size=m.Size(height=360), frame_rate=m.FrameRate(value=RATE / 2), key_frames=KEYS),
        audio=m.Audio(language="de"),
        metadata={"title": "T"},
    ),
)


def make(outputs: tuple[m.Output, ...], pictures: Index | None, facts: m.MediaFacts = CLIP, chunk: int = 8) -> Plan:
    job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a.mp4")),), outputs=outputs)
    machine = Machine(cores=2, chunk=Fraction(chunk))
    return plan(job, (facts,), encoders=ENCODER_NAMES, muxers=MUXERS, machine=machine, pictures=pictures)


def command(run: Run | None) -> list[str]:
    assert run is not None
    return list(argv(run, "ffmpeg", threads=1))


def test_first_the_packets_are_listed() -> None:
    made = make(LADDER, None)
    assert made.chunks is None
    assert command(made.scan) == [
        *HEAD, *GUARD, *"-i source-0 -map 0:V:0 -threads 1 -c copy -fs 200000000 -f framecrc chunks/pictures".split(),
    ]  # fmt: skip


def test_a_ladder_in_chunks() -> None:
    """Forced key frames lie half a picture early on each chunk's own clock; 29.97 a second puts them on 60, 120 ..."""
    made = make(LADDER, index(count=720))
    assert made.scan is None
    assert len(made.runs) == 1
    work = made.chunks
    assert work is not None
    assert (work.workers, work.threads, [one.frames for one in work.pieces]) == (2, 1, [240, 240, 240])
    first, second, last = (command(one.run) for one in work.pieces)
    assert first == [
        *HEAD, *GUARD, *"-t 10.008 -i source-0".split(), *GRAPH,
        ("[0:V:0]setpts=round(PTS+(0)/TB),split=2[s1][s2];[s1]fps=30000/1001,trim=end=7.999658[v0];"
         "[s2]fps=15000/1001,scale=640:360,setsar=1,trim=end=7.991317[v1]"),
        *"-map [v0]".split(), *X264, *"-pix_fmt yuv420p -sc_threshold:v 0 -flags:v +cgop".split(),
        *"-force_key_frames:v 1.985317,3.987317,5.989317".split(), *SEVERED, "chunks/0-00000.mp4",
        *"-map [v1] -threads 1 -c:v libx265 -preset veryfast -pix_fmt yuv420p -forced-idr:v 1".split(),
        *"-flags:v +cgop -x265-params scenecut=0 -force_key_frames:v 1.968633,3.970633,5.972633".split(),
        *SEVERED, "chunks/1-00000.mp4",
    ]  # fmt: skip
    # A key frame at 240 (8.008 s): sought a little behind it, read from it on, cut by filters.
    assert second[len(HEAD) + len(GUARD) :][:8] == (
        "-noaccurate_seek -ss 8.208 -t 12.01 -i source-0".split() + GRAPH[:1]
    )
    assert "[0:V:0]setpts=round(PTS+(0.2)/TB),trim=start=-0.008342,split" in str(second)
    assert "[s1]fps=30000/1001,trim=end=7.999658[v0]" in str(second)
    assert "-t" not in last
    assert "fps=30000/1001,trim=end=7.999658[v0]" in str(last)
    assert "setsar=1[v1]" in str(last)


def test_a_buffer_is_not_full_at_a_seam() -> None:
    capped = m.Video(rate=m.Average(bitrate=1_000_000, most=1_000_000, buffer=2_000_000), key_frames=KEYS)
    work = make((m.Output(container="mp4", video=capped),), index(count=720)).chunks
    assert work is not None
    first, *others = (" ".join(command(one.run)) for one in work.pieces)
    assert "-rc_init_occupancy" not in first
    assert all("-bufsize 2000000" in one and "-rc_init_occupancy:v 1200000" in one for one in others)


def test_one_sound_for_all_and_the_joint() -> None:
    work = make(LADDER, index(count=720)).chunks
    assert work is not None
    assert command(work.beside) == [
        *HEAD, *GUARD, *"-i source-0 -map 0:a:0 -threads 1 -c:a aac -map_metadata -1 -map_chapters -1".split(),
        *"-f mp4 chunks/sound-0.mp4 -map 0:a:0 -threads 1 -c:a aac -metadata:s:a:0 language=deu".split(),
        *"-map_metadata -1 -map_chapters -1 -f mp4 chunks/sound-1.mp4".split(),
    ]  # fmt: skip
    own, told = "-seek_timestamp 1 -i".split(), "-fflags +noparse".split()  # of H.264
    assert command(work.joint) == [
        *HEAD, *GUARD, *"-i source-0".split(), *JOINT, *told, *own, "chunks/0.txt", *JOINT, *own, "chunks/1.txt",
        *GUARD, *own, "chunks/sound-0.mp4", *GUARD, *own, "chunks/sound-1.mp4",
        *"-map 1:v:0 -map 3:a:0 -threads 1 -c:v copy -c:a copy".split(),
        *"-map_metadata -1 -map_chapters 0 -movflags +faststart -f mp4 out-0/media.mp4".split(),
        *"-map 2:v:0 -map 4:a:0 -threads 1 -c:v copy -tag:v hvc1 -c:a copy -metadata:s:a:0 language=deu".split(),
        *"-map_metadata -1 -map_chapters 0 -metadata title=T -movflags +faststart -f mov out-1/media.mov".split(),
    ]  # fmt: skip
    assert work.lists == {
        f"chunks/{number}.txt": "ffconcat version 1.0\n" + "".join(
            f"file {number}-{chunk:05d}.mp4\nduration {length}\n"
            for chunk, length in enumerate(("8.008000", "8.008000", last))
        )
        for number, last in enumerate(("8.008000", "8.074733"))
    }  # fmt: skip


def test_shares_of_the_progress_add_up() -> None:
    work = make(LADDER, index(count=720)).chunks
    assert work is not None
    assert work.beside is not None
    weights = [one.run.weight for one in work.pieces]
    assert len(set(weights)) == 1
    assert sum(weights) + work.beside.weight + work.joint.weight == 1


def test_without_sound_there_is_nothing_beside() -> None:
    work = make(LADDER, index(count=720), replace(CLIP, audio=())).chunks
    assert work is not None
    assert work.beside is None
    assert sum(one.run.weight for one in work.pieces) + work.joint.weight == 1
    assert [target.maps for target in work.joint.targets] == [("1:v:0",), ("2:v:0",)]


def test_a_picture_that_begins_late_stays_late() -> None:
    work = make(LADDER[:1], index(keys=60, late=9009)).chunks
    assert work is not None
    assert work.joint.feeds[1].options == ("-fflags", "+noparse", "-seek_timestamp", "1", "-itsoffset", "0.3003")
    assert "setpts=round(PTS+(-0.3003)/TB),fps" in work.pieces[0].run.graph


@pytest.mark.parametrize(
    "spoiled",
    [
        replace(index(), ticks=(*index().ticks[:99], *index().ticks[100:])),
        index(keys=600),
        index(count=20),
    ],
    ids=["a picture is missing", "one key frame", "too short"],
)
def test_pictures_that_are_left_to_one_process(spoiled: Index) -> None:
    made = make(LADDER, spoiled)
    assert made.chunks is None
    assert len(made.runs) == 1


def test_without_the_muxers_there_is_no_scan() -> None:
    job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a.mp4")),), outputs=LADDER)
    few = MUXERS - {"framecrc"}
    machine = Machine(cores=2, chunk=Fraction(8))
    assert plan(job, (CLIP,), encoders=ENCODER_NAMES, muxers=few, machine=machine).scan is None
    assert plan(job, (CLIP,), encoders=ENCODER_NAMES, muxers=MUXERS).scan is None
