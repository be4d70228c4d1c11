"""Text overlays as pictures."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.media.draw import draw
from mediaglot.gateway.media.overlay import DRAWN
from mediaglot.gateway.model import TextOverlay

FRAME = (320, 180)


def drawn(overlay: TextOverlay, font: Path | None = None) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """The picture, and the box of what is not transparent."""
    with Image.open(io.BytesIO(draw(overlay, *FRAME, font=font))) as image:
        image.load()
        return image, image.getchannel("A").getbbox() or (0, 0, 0, 0)


def test_it_has_the_frame_s_size_the_place_and_the_color() -> None:
    image, box = drawn(TextOverlay(text="Hello", x=30, y=40, font_size=20, color="ff8000"))
    assert (image.size, image.mode) == (FRAME, "RGBA")
    assert (abs(box[0] - 30) <= 2, abs(box[1] - 40) <= 2) == (True, True)
    assert 10 <= box[3] - box[1] <= 24
    solid = [pixel[:3] for _, pixel in image.getcolors(1 << 16) or [] if pixel[3] == 255]
    assert solid == [(255, 128, 0)]


def test_a_centered_text_is_in_the_middle() -> None:
    _, (left, top, right, bottom) = drawn(TextOverlay(text="Hello\nthere", centered=True, font_size=24))
    assert abs(left - (FRAME[0] - right)) <= 2
    assert abs(top - (FRAME[1] - bottom)) <= 2
    _, low = drawn(TextOverlay(text="Hello", centered=True, y=100))
    assert abs(low[1] - 100) <= 2


def test_it_turns_clockwise() -> None:
    flat, upright = (drawn(TextOverlay(text="Hello", rotate=turn, font_size=24))[1] for turn in (0, 90))
    assert (flat[2] - flat[0], flat[3] - flat[1]) == (upright[3] - upright[1], upright[2] - upright[0])


def test_what_our_font_lacks_is_drawn_as_near_as_may_be() -> None:
    words = ("Größe “naïve” 3\u00a0€", "日本", "ﬁne\ttab")
    bare = ("Gro?e “naive” 3 ?", "??", "fine tab")
    for told, drawn_as in zip(words, bare, strict=True):
        assert draw(TextOverlay(text=told), *FRAME) == draw(TextOverlay(text=drawn_as), *FRAME)


def test_our_font_has_all_that_it_is_said_to_have() -> None:
    face = ImageFont.load_default(40)
    lacking = bytes(face.getmask("\u4e00"))
    assert not [char for char in DRAWN - {" ", "\n"} if bytes(face.getmask(char)) in (lacking, b"")]


def test_a_fetched_font_is_used(tmp_path: Path) -> None:
    built_in = ImageFont.load_default(20)
    assert isinstance(built_in, ImageFont.FreeTypeFont)
    source = built_in.font_bytes if hasattr(built_in, "font_bytes") else None
    path = tmp_path / "font"
    path.write_bytes(source or built_in.path.getvalue())  # type: ignore[union-attr]
    assert drawn(TextOverlay(text="Hello"), path)[1] == drawn(TextOverlay(text="Hello"))[1]


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x00\x01\x00\x00" + b"\xff" * 400, b"OTTO", b"ttcf" + bytes(99)])
def test_a_font_that_is_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "font").write_bytes(data)
    with pytest.raises(Invalid):
        draw(TextOverlay(text="Hello"), *FRAME, font=tmp_path / "font")


def test_endless_texts_and_huge_letters_stay_bounded() -> None:
    started = time.monotonic()
    drawn(TextOverlay(text="W" * 100_000, font_size=1_000_000, rotate=45))
    drawn(TextOverlay(text="W\n" * 100_000, font_size=500))
    assert time.monotonic() - started < 10
    with pytest.raises(Invalid):
        draw(TextOverlay(text="a"), 100_000, 100_000)


@pytest.mark.heavy
@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=60), rotate=st.integers(-720, 720), x=st.integers(-9999, 9999))
def test_any_text_can_be_drawn(text: str, rotate: int, x: int) -> None:
    image, _ = drawn(TextOverlay(text=text, rotate=rotate, x=x))
    assert image.size == FRAME
