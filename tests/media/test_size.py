"""The arithmetic of pictures."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaglot.gateway.media.parts import Memo
from mediaglot.gateway.media.size import Picture, even, frame
from mediaglot.gateway.model import Fit, Share, Size

MEMO = Memo("outputs.0.video")
HD = Picture(width=1920, height=1080)
PAL = Picture(width=720, height=576, aspect=Fraction(64, 45))


@pytest.mark.parametrize(
    ("size", "picture", "filters", "result"),
    [
        (None, HD, [], (1920, 1080)),
        (None, Picture(width=1919, height=1079), ["crop=1918:1078:0:0"], (1918, 1078)),
        (Size(width=1280, height=0), HD, ["scale=1280:720", "setsar=1"], (1280, 720)),
        (Size(width=1280), PAL, ["scale=1280:720", "setsar=1"], (1280, 720)),
        (Size(width=640, height=360), HD, ["scale=640:360", "setsar=1"], (640, 360)),
        (Size(width=640, height=480), HD, ["scale=640:360", "setsar=1", "pad=640:480:0:60"], (640, 480)),
        (
            Size(width=640, height=480, fit=Fit.CROP),
            HD,
            ["scale=854:480", "setsar=1", "crop=640:480:106:0"],
            (640, 480),
        ),
        (Size(width=640, height=480, fit=Fit.INSIDE), HD, ["scale=640:360", "setsar=1"], (640, 360)),
        (Size(width=640, height=480, fit=Fit.STRETCH), HD, ["scale=640:480", "setsar=1"], (640, 480)),
        (Size(height=Share(Fraction(1, 3))), HD, ["scale=640:360", "setsar=1"], (640, 360)),
        (Size(width=1920, height=1080), HD, [], (1920, 1080)),
    ],
)  # fmt: skip
def test_rules(size: Size | None, picture: Picture, filters: list[str], result: tuple[int, int]) -> None:
    words, after = frame(size, picture, MEMO)
    assert words == filters
    assert (after.width, after.height) == result


@pytest.mark.parametrize(
    ("size", "picture", "result"),
    [
        (None, Picture(width=321, height=181), (321, 181)),
        (Size(width=80), HD, (80, 45)),
        (Size(height=57), HD, (101, 57)),
        (Size(width=101, height=57, fit=Fit.STRETCH), HD, (101, 57)),
        (Size(width=101, height=101), HD, (102, 102)),
    ],
)
def test_sides_are_as_asked_where_any_will_do(size: Size | None, picture: Picture, result: tuple[int, int]) -> None:
    _, after = frame(size, picture, MEMO, step=1)
    assert (after.width, after.height) == result


SIDES = st.integers(200, 1500)


@given(width=SIDES, height=SIDES, wide=SIDES, high=SIDES, fit=st.sampled_from(Fit))
def test_a_size_is_met_with_even_sides(width: int, height: int, wide: int, high: int, fit: Fit) -> None:
    _, after = frame(Size(width=wide, height=high, fit=fit), Picture(width=width, height=height), MEMO)
    assert (after.width % 2, after.height % 2) == (0, 0)
    if fit is Fit.INSIDE:
        assert after.width <= even(wide)
        assert after.height <= even(high)
    else:
        assert (after.width, after.height) == (even(wide), even(high))
