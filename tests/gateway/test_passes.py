"""Presets: what they give, and what the job's own settings keep."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.faults import NotFound
from mediaglot.gateway.model import (
    SKIP,
    Audio,
    Average,
    Clip,
    Constant,
    Edges,
    FrameRate,
    Job,
    Location,
    Output,
    Preset,
    Quality,
    Share,
    Size,
    Stills,
    Video,
)
from mediaglot.gateway.passes import capped, merge, preset_names, resolve_presets

HERE = (Location(url="ftp://h/a"),)
PRESET = Preset(
    name="small",
    output=Output(
        container="mp4",
        extension="m4v",
        video=Video(codec="h264", size=Size(width=640, height=360), rate=Average(bitrate=800_000, most=900_000)),
        audio=Audio(codec="aac", bitrate=64_000),
        metadata={"title": "preset"},
        stills=(Stills(every=Fraction(1)),),
        document={"output": "mp4", "size": "640x360", "bitrate": "800k"},
    ),
)


def resolved(output: Output) -> Output:
    return resolve_presets(Job(outputs=(output,)), {"small": PRESET}).outputs[0]


def test_a_preset_gives_everything_that_the_job_leaves_open() -> None:
    output = resolved(Output(preset="small", destinations=HERE))
    assert (output.container, output.video, output.audio) == ("mp4", PRESET.output.video, PRESET.output.audio)
    assert (output.destinations, output.preset, output.stills) == (HERE, "small", PRESET.output.stills)


def test_the_jobs_own_settings_win_in_depth() -> None:
    output = resolved(
        Output(preset="small", container="mov", video=Video(size=Size(height=720)), audio=Audio(bitrate=128_000))
    )
    assert output.container == "mov"
    assert output.video == Video(
        codec="h264", size=Size(width=640, height=720), rate=Average(bitrate=800_000, most=900_000)
    )
    assert output.audio == Audio(codec="aac", bitrate=128_000)


def test_a_choice_of_another_kind_replaces_the_presets() -> None:
    quality = resolved(Output(preset="small", video=Video(rate=Quality(level=Fraction(20)))))
    assert isinstance(quality.video, Video)
    assert quality.video.rate == Quality(level=Fraction(20))
    assert resolved(Output(preset="small", video=SKIP)).video is SKIP
    silent = Preset(name="silent", output=Output(audio=SKIP))
    loud = resolve_presets(Job(outputs=(Output(preset="silent", audio=Audio(codec="mp3")),)), {"silent": silent})
    assert loud.outputs[0].audio == Audio(codec="mp3")


def test_collections_are_taken_whole() -> None:
    own = resolved(Output(preset="small", metadata={"author": "me"}, stills=(Stills(name="x"),)))
    assert own.metadata == {"author": "me"}
    assert own.stills == (Stills(name="x"),)


def test_the_echo_is_of_both_and_an_empty_word_is_none() -> None:
    own = resolved(Output(preset="small", document={"output_preset": "small", "size": "", "bitrate": "1m", "x": []}))
    assert own.document == {"output": "mp4", "size": "640x360", "bitrate": "1m", "output_preset": "small"}


def test_extras_are_the_jobs_own() -> None:
    assert resolved(Output(preset="small", extras={"acme": {"k": "v"}})).extras == {"acme": {"k": "v"}}


def test_an_unknown_preset_is_not_found_by_its_name() -> None:
    with pytest.raises(NotFound) as caught:
        resolved(Output(preset="huge"))
    assert caught.value.data == {"kind": "preset", "id": "huge"}


def test_outputs_without_a_preset_are_left_alone() -> None:
    job = Job(outputs=(Output(container="webm"), Output(preset="small")))
    assert preset_names(job) == {"small"}
    assert resolve_presets(job, lambda name: PRESET).outputs[0] is job.outputs[0]
    assert preset_names(Job()) == frozenset()


@pytest.mark.parametrize(
    ("base", "top", "merged"),
    [
        (None, None, None),
        (1, None, 1),
        (1, 2, 2),
        (None, Clip(start=Fraction(1)), Clip(start=Fraction(1))),
        (Clip(end=Fraction(9)), Clip(start=Fraction(1)), Clip(start=Fraction(1), end=Fraction(9))),
        (Constant(bitrate=1, padded=True), Constant(bitrate=2), Constant(bitrate=2, padded=True)),
        (Edges(left=1, top=2), Edges(left=3), Edges(left=3, top=2)),
        (Constant(bitrate=1), Average(most=2), Average(most=2)),
    ],
)
def test_merging_lays_one_over_the_other(base: object, top: object, merged: object) -> None:
    assert merge(base, top) == merged


def test_merging_changes_neither() -> None:
    base, top = Video(codec="h264"), Video(profile="high")
    merge(base, top)
    assert (base, top) == (Video(codec="h264"), Video(profile="high"))


def test_caps_are_the_most_whatever_a_job_says() -> None:
    bounds = Output(video=Video(rate=Average(most=500), frame_rate=FrameRate(value=Fraction(30), at_most=True)))

    def video(own: Video) -> Any:
        return capped(bounds, Output(video=own), merge(bounds, Output(video=own))).video

    assert video(Video(rate=Average(bitrate=900))).rate == Average(bitrate=900, most=500)
    assert video(Video(rate=Average(bitrate=200))).rate == Average(bitrate=200, most=200)
    assert video(Video(rate=Average(bitrate=Share(Fraction(1, 2))))).rate.most == 500
    assert video(Video(frame_rate=FrameRate(value=Fraction(60)))).frame_rate == FrameRate(value=Fraction(30))
    assert video(Video()).frame_rate == FrameRate(value=Fraction(30), at_most=True)
    assert capped(bounds, Output(video=SKIP), Output(video=SKIP)).video is SKIP


def test_the_cap_of_a_sound_is_the_most_whatever_a_job_says() -> None:
    bounds = Output(video=SKIP, audio=Audio(bitrate=48_000, at_most_source=True))

    def bitrate(own: Output) -> Any:
        return capped(bounds, own, merge(bounds, own)).audio.bitrate

    assert bitrate(Output(audio=Audio(bitrate=128_000))) == 48_000
    assert bitrate(Output(audio=Audio(bitrate=32_000))) == 32_000
    assert bitrate(Output()) == 48_000
    assert capped(bounds, Output(audio=SKIP), Output(audio=SKIP)).audio is SKIP
