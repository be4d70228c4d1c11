from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from mediaglot.gateway.faults import Invalid, NotFound
from mediaglot.gateway.media.recipe import KINDS, Recipe, argv, parse
from mediaglot.gateway.media.tool import Tool

TOOL = Tool(
    path="/bin/ffmpeg",
    version="9.0",
    encoders=frozenset(),
    muxers=frozenset(),
    filters=frozenset(),
    origin="setting",
)


def test_a_recipe_says_what_it_makes() -> None:
    assert parse("bars-2.5s-640x360-29.97fps-silent.mkv") == Recipe(
        pattern="bars",
        seconds=Fraction(5, 2),
        width=640,
        height=360,
        fps=Fraction(30000, 1001),
        silent=True,
        extension="mkv",
    )


def test_what_is_not_said_has_a_default() -> None:
    assert parse("bars.mp4").name == "bars-10s-1280x720-30fps.mp4"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("bars-30fps-1280x720-10s.mp4", "bars-10s-1280x720-30fps.mp4"),
        ("BARS-10.000s.MP4", "bars-10s-1280x720-30fps.mp4"),
        ("mandelbrot-silent-0.5s-64x64-23.976fps.webm", "mandelbrot-0.5s-64x64-23.976fps-silent.webm"),
        ("bars-100s.mp3", "bars-100s.mp3"),
        ("bars.jpg", "bars-1280x720.jpg"),
        ("bars-600s.wav", "bars-600s.wav"),
    ],
)
def test_every_spelling_has_one_name_that_means_the_same(spelling: str, name: str) -> None:
    assert parse(spelling).name == name
    assert parse(name) == parse(spelling)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("bars", "extension"),
        ("bars.exe", "extension"),
        ("", "extension"),
        (".mp4", "pattern"),
        ("../bars.mp4", "pattern"),
        ("movie-10s.mp4", "pattern"),
    ],
)
def test_what_is_no_recipe_is_not_found(name: str, part: str) -> None:
    with pytest.raises(NotFound) as caught:
        parse(name)
    assert caught.value.data == {"kind": "media", "id": name, "part": part}


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("bars-0s.mp4", "seconds", "0s"),
        ("bars-3601s-64x64.mp4", "seconds", "3601s"),
        ("bars-3000s-1920x1080.mp4", "seconds", "3000s"),
        ("bars-641x360.mp4", "size", "641x360"),
        ("bars-8x8.mp4", "size", "8x8"),
        ("bars-5000x360.mp4", "size", "5000x360"),
        ("bars-0fps.mp4", "fps", "0fps"),
        ("bars-121fps.mp4", "fps", "121fps"),
        ("bars-12.5fps.mp4", "fps", "12.5fps"),
        ("bars-10s-20s.mp4", "seconds", "20s"),
        ("bars-loud.mp4", "part", "loud"),
        ("bars--5s.mp4", "part", ""),
        ("bars-1e3s.mp4", "part", "1e3s"),
        ("bars-10s/x.mp4", "part", "10s/x"),
        ("bars-64x64.mp3", "size", "64x64"),
        ("bars-silent.wav", "silent", "silent"),
        ("bars-10s.png", "seconds", "10s"),
    ],
)
def test_a_part_that_can_not_be_used_is_named(name: str, field: str, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(name)
    assert (caught.value.data["field"], caught.value.data["value"]) == (field, value)


def test_the_command_line_follows_from_the_recipe() -> None:
    words = argv(parse("bars-2s-64x48-25fps.mp4"), TOOL, Path("/w/out.mp4"))
    assert words[0] == "/bin/ffmpeg"
    assert words[-1] == "/w/out.mp4"
    assert "testsrc2=size=64x48:rate=25" in words
    assert words[words.index("-t") + 1] == "2"
    assert "+bitexact" in words


@pytest.mark.parametrize("extension", KINDS)
def test_silence_and_stills_have_no_sound_source(extension: str) -> None:
    recipe = parse(f"bars.{extension}")
    assert any("sine" in word for word in argv(recipe, TOOL, Path("o"))) == bool(KINDS[extension][1])
    if recipe.has_video and recipe.has_sound:
        silent = argv(parse(f"bars-silent.{extension}"), TOOL, Path("o"))
        assert not any("sine" in word for word in silent)
