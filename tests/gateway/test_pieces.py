"""Ready-made lines of Records: each is read, written, and tells what it could not say."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import pieces
from mediaglot.gateway.faults import Invalid, Missing
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Entry, Field, Record
from mediaglot.gateway.model import (
    Audio,
    Average,
    Clip,
    Constant,
    Edges,
    Fit,
    FrameRate,
    ImageOverlay,
    KeyFrames,
    Location,
    Loudness,
    Output,
    Overlay,
    Quality,
    Share,
    Size,
    Stills,
    TextOverlay,
    Video,
)
from mediaglot.gateway.values import (
    DECIMAL,
    FRAME_RATE,
    KILOBITS,
    LOCATION,
    NATURAL,
    SECONDS,
    WHOLE,
    Table,
    Value,
    nonzero,
    or_share,
    unless,
)

F = Fraction
PERIOD = Clip(start=F(2), duration=F(3))
BOUNDS = {"least": "min", "most": "max", "buffer": "room", "constant": "cbr", "padded": "filled"}
RATE = pieces.BitRate("rate", **BOUNDS, at_most_source="capped")
NUMBERS = pieces.BitRate(
    "rate",
    most="max",
    at_most_source="capped",
    via=or_share(KILOBITS),
    bounds=Value(lambda kilo: NATURAL.read(kilo) * 1000, lambda bits: bits // 1000),
    flag=Table({"on": True, "off": False}),
)
COPIED = unless("copy", FRAME_RATE)
LOUD = pieces.flat("loudness", Loudness, unless("no", DECIMAL), integrated="lufs", range="lu")


def reading(model: type[Any], entry: Entry, tree: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The attributes that were set, and the keys that were left unread."""
    ledger = Ledger()
    return Record(model, entry).gather(tree, ledger), [loss.path for loss in ledger]


@pytest.mark.parametrize(
    ("model", "entry", "tree", "attributes"),
    [
        (
            Output,
            pieces.flat("clip", Clip, SECONDS, start="from", duration="for"),
            {"from": "2", "for": "3"},
            {"clip": PERIOD},
        ),
        (Output, pieces.texts("meta", "metadata"), {"meta": {"title": "T"}}, {"metadata": {"title": "T"}}),
        (TextOverlay, pieces.lines("words", "text"), {"words": ["a", "b"]}, {"text": "a\nb"}),
        (
            Video,
            pieces.edges("crop", "cut"),
            {f"cut_{side}": "4" for side in ("left", "top", "right", "bottom")},
            {"crop": Edges(left=4, top=4, right=4, bottom=4)},
        ),
        (Audio, LOUD, {"lufs": "-23", "lu": "7"}, {"loudness": Loudness(integrated=F(-23), range=F(7))}),
        (Video, pieces.sized("size", "keep"), {"size": "640x360"}, {"size": Size(width=640, height=360, fit=Fit.PAD)}),
        (
            Video,
            pieces.sized("size", "keep"),
            {"size": "640x360", "keep": "no"},
            {"size": Size(width=640, height=360, fit=Fit.STRETCH)},
        ),
        (Video, pieces.sized("size", "keep"), {"size": "0x360"}, {"size": Size(height=360)}),
        (
            Video,
            pieces.sides("size", "w", "h", WHOLE, fit=Fit.STRETCH),
            {"w": 640, "h": 360},
            {"size": Size(width=640, height=360, fit=Fit.STRETCH)},
        ),
        (
            Video,
            pieces.sides("size", "w", "h", or_share(WHOLE), fit=Fit.STRETCH),
            {"w": "50%"},
            {"size": Size(width=Share(F(1, 2)))},
        ),
        (ImageOverlay, pieces.boxed("box"), {"box": "50x0"}, {"width": 50}),
        (Video, RATE, {"rate": "800k"}, {"rate": Average(bitrate=800_000)}),
        (
            Video,
            RATE,
            {"rate": "1k", "min": "2k", "max": "3k", "room": "4k", "capped": "yes"},
            {"rate": Average(bitrate=1000, least=2000, most=3000, buffer=4000, at_most_source=True)},
        ),
        (Video, RATE, {"rate": "800k", "cbr": "yes"}, {"rate": Constant(bitrate=800_000)}),
        (Video, RATE, {"rate": "800k", "filled": "yes"}, {"rate": Constant(bitrate=800_000, padded=True)}),
        (
            Video,
            NUMBERS,
            {"rate": "50%", "max": 900, "capped": "on"},
            {"rate": Average(bitrate=Share(F(1, 2)), most=900_000, at_most_source=True)},
        ),
        (Video, pieces.frame_rate("fps", "most"), {"fps": "29.97"}, {"frame_rate": FrameRate(value=F("29.97"))}),
        (Video, pieces.frame_rate("fps", "most"), {"most": "25"}, {"frame_rate": FrameRate(value=F(25), at_most=True)}),
        (KeyFrames, pieces.forced("keys"), {"keys": "2s"}, {"every": F(2)}),
        (KeyFrames, pieces.forced("keys"), {"keys": "1.5,10"}, {"at": (F("1.5"), F(10))}),
        (Stills, pieces.moment("time", F(5)), {"time": "10!"}, {"every": F(10)}),
        (Stills, pieces.moment("time", F(5)), {"time": "50%"}, {"at": Share(F(1, 2))}),
        (Stills, pieces.moment("time", F(5)), {"time": "12"}, {"at": F(12)}),
        (
            ImageOverlay,
            pieces.distances("logo"),
            {"logo_right": "5", "logo_bottom": "6"},
            {"anchor": ("bottom", "right"), "x": 5, "y": 6},
        ),
    ],
)
def test_what_is_read_is_written_the_same(
    model: type[Any], entry: Entry, tree: dict[str, Any], attributes: dict[str, Any]
) -> None:
    assert reading(model, entry, tree) == (attributes, [])
    needed = {"location": Location(url="http://h/a.png")} if model is ImageOverlay else {}
    needed |= {"text": "x"} if model is TextOverlay else {}
    ledger = Ledger()
    assert Record(model, entry).write(model(**needed | attributes), ledger).items() >= tree.items()
    assert [loss for loss in ledger if loss.path not in needed] == []


@pytest.mark.parametrize(
    ("model", "entry", "tree", "attributes"),
    [
        (Video, pieces.edges("crop", "cut"), {"cut_left": "0", "cut_top": "0"}, {}),
        (Output, pieces.flat("clip", Clip, nonzero(SECONDS), start="from"), {"from": "00:00:00"}, {}),
        (Audio, LOUD, {"lufs": "no"}, {}),
        (Video, pieces.sides("size", "w", "h"), {"w": "0", "h": "0"}, {}),
        (Video, RATE, {"cbr": "yes"}, {}),
        (Video, RATE, {"rate": "1k", "cbr": "no"}, {"rate": Average(bitrate=1000)}),
        (Video, RATE, {"max": "1k", "cbr": "yes"}, {"rate": Average(most=1000)}),
        (Video, pieces.frame_rate("fps", "most", COPIED), {"fps": "copy"}, {}),
        (
            Video,
            pieces.frame_rate("fps", "most", COPIED),
            {"fps": "copy", "most": "25"},
            {"frame_rate": FrameRate(value=F(25), at_most=True)},
        ),
        (Video, pieces.frame_rate("fps", "most"), {"fps": "30", "most": "25"}, {"frame_rate": FrameRate(value=F(30))}),
        (
            Video,
            pieces.frame_rate("fps", "most", capped=True),
            {"fps": "30", "most": "25"},
            {"frame_rate": FrameRate(value=F(25))},
        ),
        (Output, pieces.texts("meta", "metadata"), {"meta": {"a": ["b"], "c": ""}}, {"metadata": {"a": "b"}}),
        (TextOverlay, pieces.lines("words", "text"), {"words": "a"}, {"text": "a"}),
        (ImageOverlay, pieces.distances("logo"), {"logo_x": "3"}, {"anchor": ("top", "left"), "x": 3, "y": 0}),
        (
            ImageOverlay,
            pieces.distances("logo"),
            {"logo_left": "1", "logo_right": "2", "logo_y": "3"},
            {"anchor": ("top", "left"), "x": 1, "y": 3},
        ),
    ],
)
def test_what_says_little_means_little(
    model: type[Any], entry: Entry, tree: dict[str, Any], attributes: dict[str, Any]
) -> None:
    assert reading(model, entry, tree) == (attributes, [])


def test_what_an_object_lacks_is_told() -> None:
    """A range of loudness alone asks for nothing, and that is not passed over in silence."""
    ledger = Ledger()
    assert LOUD.read({"lu": "7"}, ledger) == {}
    assert [(loss.kind, loss.path, loss.reason) for loss in ledger] == [
        (Kind.UNREAD, "lu", "means nothing without integrated")
    ]


@pytest.mark.parametrize(
    ("entry", "tree", "field"),
    [
        (pieces.edges("crop", "cut"), {"cut_left": "1", "cut_top": "wide"}, "cut_top"),
        (pieces.texts("meta", "metadata"), {"meta": "x"}, "meta"),
        (pieces.frame_rate("fps", "most"), {"fps": "0"}, "fps"),
        (pieces.forced("keys"), {"keys": "1,x"}, "keys"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_key(entry: Entry, tree: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        entry.read(tree, Ledger())
    assert caught.value.data["field"] == field


@pytest.mark.parametrize(
    ("entry", "video", "tree", "lost"),
    [
        (RATE, Video(rate=Average(bitrate=Share(F(1, 2)), most=9000)), {"max": "9k"}, {Kind.APPROXIMATED: "rate"}),
        (RATE, Video(rate=Quality(level=F(20))), {}, {Kind.DROPPED: "rate"}),
        (NUMBERS, Video(rate=Constant(bitrate=9000)), {"rate": "9k"}, {Kind.APPROXIMATED: "rate"}),
        (
            pieces.sides("size", "w", "h"),
            Video(size=Size(width=640, height=Share(F(1, 2)))),
            {"w": "640"},
            {Kind.APPROXIMATED: "size"},
        ),
        (
            pieces.edges("crop", "cut"),
            Video(crop=Edges()),
            {f"cut_{each}": "0" for each in "left top right bottom".split()},
            {},
        ),
    ],
)
def test_what_cannot_be_said_is_told(entry: Entry, video: Video, tree: dict[str, Any], lost: dict[Kind, str]) -> None:
    ledger = Ledger()
    assert Record(Video, entry).write(video, ledger) == tree
    assert {loss.kind: loss.path for loss in ledger} == lost


# --- lists of several kinds -------------------------------------------------------------------------


def kind_of(overlay: Overlay) -> str:
    return "caption" if isinstance(overlay, TextOverlay) else "badge"


BADGE = Record(ImageOverlay, Field("from", "location", LOCATION), Field("x", "x", NATURAL), meant={"x": 10})
CAPTION = Record(TextOverlay, pieces.lines("words", "text"))
MIXED = pieces.Mixed("overlays", {"badge": BADGE, "caption": CAPTION}, kind_of, most=3)
AT = Location(url="http://h/a.png")


def test_lists_of_several_kinds_are_one() -> None:
    tree = {"caption": {"words": "x"}, "badge": [{"from": AT.url}, {"from": AT.url, "x": "0"}]}
    badges = (ImageOverlay(location=AT, x=10), ImageOverlay(location=AT))
    assert MIXED.read(tree, Ledger()) == {"overlays": (*badges, TextOverlay(text="x"))}
    assert MIXED.read({"badge": []}, Ledger()) == {}


def test_another_order_of_kinds_is_told() -> None:
    output = Output(overlays=(TextOverlay(text="x"), ImageOverlay(location=AT, x=1)))
    ledger = Ledger()
    tree = MIXED.write(output, ledger)
    assert tree == {"caption": [{"words": ["x"]}], "badge": [{"from": AT.url, "x": "1"}]}
    assert [(loss.kind, loss.path) for loss in ledger] == [(Kind.APPROXIMATED, "overlays")]


@pytest.mark.parametrize("item", ["text", {"x": "1"}])
def test_each_object_must_have_what_its_kind_needs(item: Any) -> None:
    with pytest.raises(Missing) as caught:
        MIXED.read({"badge": [{"from": AT.url}, item]}, Ledger())
    assert caught.value.data["field"] == "badge.1.from"


def test_there_are_only_so_many_of_all_kinds() -> None:
    with pytest.raises(Invalid, match="more than 3 times"):
        MIXED.read({"badge": [{"from": AT.url}] * 2, "caption": [{"words": "x"}] * 2}, Ledger())


COLUMNS = {"rates": "rate", "sizes": "size"}


def test_lists_beside_each_other_are_several_things() -> None:
    tree = {"rates": "1k, 2k,3k", "sizes": "4x4", "codec": "x", "name": "n"}
    things = [{"codec": "x", "rate": rate, "size": "4x4"} for rate in ("1k", "2k", "3k")]
    assert pieces.spread(tree, "thing", COLUMNS, {"codec"}) == {"name": "n", "thing": things}
    assert pieces.spread({"codec": "x", "sizes": ""}, "thing", COLUMNS, {"codec"}) == {"codec": "x", "sizes": ""}


def test_lists_beside_each_other_are_of_one_length() -> None:
    with pytest.raises(Invalid, match="2 values, another list 3") as caught:
        pieces.spread({"rates": "1,2,3", "sizes": "1x1,2x2"}, "thing", COLUMNS, set())
    assert caught.value.data["field"] == "sizes"
