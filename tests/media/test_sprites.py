"""Sheets of tiles with WebVTT: every cue's tile is cut out of its sheet and compared with what the clip shows then."""

from __future__ import annotations

import re
import subprocess
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageStat

from mediaglot.gateway import model as m
from mediaglot.gateway.backends.ffmpeg import FFmpegCraft
from mediaglot.gateway.backends.making import Maker
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.media import tool
from mediaglot.gateway.media.parts import Grid, Memo
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits
from mediaglot.gateway.media.sheet import shape, webvtt
from mediaglot.gateway.media.size import Picture
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLACE = m.Location(url="https://example.test/a")
HALF = Fraction(1, 2)
CUE = re.compile(r"(\d\d):(\d\d):(\d\d\.\d{3}) --> (\d\d):(\d\d):(\d\d\.\d{3})\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n")
Box = tuple[int, int, int, int]


@pytest.fixture(scope="session")
def steps(program: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, grey, lighter at each half second; a key frame every second."""
    path = tmp_path_factory.mktemp("steps") / "steps film.mp4"
    picture = "color=black:size=320x180:rate=20:duration=4,geq=lum='16+25*floor(2*T)':cb=128:cr=128"
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "20", "-sc_threshold", "0")
    subprocess.run([program, "-v", "error", "-y", "-f", "lavfi", "-i", picture, *coding, str(path)], check=True)
    return path


def light(moment: float) -> float:
    """What the clip shows at a moment, 0 to 255."""
    return 25 * int(moment * 2) * 255 / 219


def read(text: str) -> list[tuple[float, float, str, Box]]:
    """Start, end, sheet and the tile's left, top, width and height of each cue."""
    assert text.startswith("WEBVTT\n\n")
    found = [match.groups() for match in CUE.finditer(text)]
    assert len(found) == text.count("-->")
    times = [[int(one[at]) * 3600 + int(one[at + 1]) * 60 + float(one[at + 2]) for at in (0, 3)] for one in found]
    return [
        (start, end, one[6], (int(one[7]), int(one[8]), int(one[9]), int(one[10])))
        for (start, end), one in zip(times, found, strict=True)
    ]


def shown(sheet: Path, box: Box) -> float:
    left, top, width, height = box
    with Image.open(sheet) as image:
        tile = image.convert("L").crop((left + 2, top + 2, left + width - 2, top + height - 2))
        return float(ImageStat.Stat(tile).mean[0])


class Workshop:
    """Makes jobs from the clip, without a server around it."""

    def __init__(self, folder: Path, craft: FFmpegCraft, clip: Path) -> None:
        self.folder, self.craft, self.clip = folder, craft, clip

    async def make(self, *outputs: m.Output) -> tuple[m.Ticket, Mapping[int, Any]]:
        source = m.Input(location=m.Location(url=f"file://{self.clip}"))
        ticket = m.Ticket(
            id="1",
            account="a",
            dialect="d",
            job=m.Job(inputs=(source,), outputs=outputs),
            created=NOON,
            sources=(m.Source(id="5"),),
            outputs=tuple(m.Made(id=str(901 + number)) for number in range(len(outputs))),
            ids={"folder": "f1"},
        )
        await self.craft.fetch(ticket, 0, lambda progress, left=None: None)
        facts = await self.craft.probe(ticket, 0)
        ticket = replace(ticket, sources=(replace(ticket.sources[0], facts=facts),))
        made = await self.craft.make(ticket, frozenset(range(len(outputs))), lambda progress, left=None: None)
        return ticket, made

    async def keep(self, output: m.Output) -> tuple[Path, tuple[m.File, ...]]:
        """The folder of an output's files, and these with their names in it."""
        ticket, made = await self.make(output)
        assert not isinstance(made[0], Fault), made[0]
        files = await self.craft.keep(ticket, 0, made[0])
        room = self.craft.outputs / "f1" / "901"
        return room, tuple(replace(file, path=str(Path(file.path).relative_to("f1/901"))) for file in files)

    async def deliver(self, output: m.Output) -> None:
        ticket, made = await self.make(output)
        for number in range(len(output.destinations)):
            await self.craft.deliver(ticket, 0, number, made[0])


@pytest.fixture
async def workshop(steps: Path, tmp_path: Path) -> AsyncIterator[Workshop]:
    found = tool.find(None)

    async def the_tool() -> tool.Tool:
        return found

    async with Prober(found, helpers=1) as prober:

        async def the_prober() -> Prober:
            return prober

        carrier = Carrier(Policy(allow_dirs=(steps.parent, tmp_path), file_sources=True))
        craft = FFmpegCraft(
            tmp_path / "data", lambda: Maker(the_tool, the_prober, carrier, limits=Limits()), the_prober, carrier
        )
        yield Workshop(tmp_path, craft, steps)
        await carrier.close()


def series(sheet: m.Sheet, **more: Any) -> m.Output:
    return m.Output(stills=(m.Stills(sheet=sheet, **{"every": HALF, "size": m.Size(width=64), **more}),))


@pytest.mark.ffmpeg
@pytest.mark.parametrize("key_frames", [False, True])
async def test_each_cue_names_the_tile_that_shows_its_moment(workshop: Workshop, key_frames: bool) -> None:
    """Eight tiles, three in a row and two rows on a sheet: two sheets, the second of them not full."""
    output = series(m.Sheet(columns=3, rows=2), name="film_{n:03}", key_frames=key_frames)
    room, files = await workshop.keep(output)
    assert [(file.path, file.role) for file in files] == [
        ("film_001.jpg", "sheet"),
        ("film_002.jpg", "sheet"),
        ("film.vtt", "cues"),
    ]
    cues = read((room / "film.vtt").read_text())
    assert [(start, end) for start, end, _, _ in cues] == [(n / 2, n / 2 + 0.5) for n in range(8)]
    assert [name for _, _, name, _ in cues] == ["film_001.jpg"] * 6 + ["film_002.jpg"] * 2
    assert [box for _, _, _, box in cues][:4] == [(0, 0, 64, 36), (64, 0, 64, 36), (128, 0, 64, 36), (0, 36, 64, 36)]
    for start, _, name, box in cues:
        wanted = light(int(start) if key_frames else start)
        assert shown(room / name, box) == pytest.approx(wanted, abs=6), start
    with Image.open(room / "film_002.jpg") as image:
        assert image.size == (192, 72)
    assert all(file.size == (room / file.path).stat().st_size and file.sha256 and file.md5 for file in files)


@pytest.mark.ffmpeg
async def test_names_are_unique_without_a_word_and_the_zip_agrees_with_itself(workshop: Workshop) -> None:
    output = m.Output(stills=(m.Stills(every=Fraction(1), sheet=m.Sheet(), archive=True),))
    room, files = await workshop.keep(output)
    names = ["steps_film_901_1.jpg", "steps_film_901_2.vtt", "steps_film_901_3.zip"]
    assert [file.path for file in files] == names
    cues = read((room / names[1]).read_text())
    assert [(name, box) for _, _, name, box in cues] == [(names[0], (160 * n, 0, 160, 90)) for n in range(4)]
    with zipfile.ZipFile(room / names[2]) as archive:
        inside = archive.namelist()
        found = read(archive.read(inside[1]).decode())
    assert [name for _, _, name, _ in found] == [inside[0]] * 4
    with Image.open(room / names[0]) as image:
        assert image.size == (1600, 90)


@pytest.mark.ffmpeg
async def test_a_clip_s_last_tile_lasts_until_its_end(workshop: Workshop) -> None:
    output = replace(series(m.Sheet(), every=Fraction(1), name="a"), clip=m.Clip(start=Fraction(1, 2), end=Fraction(3)))
    room, _ = await workshop.keep(output)
    cues = read((room / "a.vtt").read_text())
    assert [(start, end) for start, end, _, _ in cues] == [(0, 1), (1, 2), (2, 2.5)]
    for start, _, name, box in cues:
        assert shown(room / name, box) == pytest.approx(light(start + 0.5), abs=6)


@pytest.mark.ffmpeg
async def test_sheets_and_cues_stay_together_at_a_destination(workshop: Workshop) -> None:
    folder = workshop.folder / "to"
    (folder / "other").mkdir(parents=True)
    base = series(m.Sheet(columns=4, rows=1))
    places = (m.Location(url=f"file://{folder}/my%20sheet.jpg"), m.Location(url=f"file://{folder}/other/"))
    await workshop.deliver(replace(base, destinations=places))
    names = ["my sheet.vtt", "my sheet_1.jpg", "my sheet_2.jpg"]
    for room in (folder, folder / "other"):
        assert sorted(path.name for path in room.iterdir() if path.is_file()) == names
        cues = read((room / names[0]).read_text())
        assert [name for _, _, name, _ in cues] == ["my%20sheet_1.jpg"] * 4 + ["my%20sheet_2.jpg"] * 4


@pytest.mark.ffmpeg
async def test_cues_have_a_place_and_addresses_of_their_own(workshop: Workshop) -> None:
    folder = workshop.folder / "to"
    folder.mkdir()
    sheet = m.Sheet(
        url="https://cdn.example/s/", destinations=(m.Location(url=f"file://{folder}/index.vtt"),), columns=8
    )
    output = replace(
        series(sheet), container="mp4", video=m.Video(), destinations=(m.Location(url=f"file://{folder}/film.mp4"),)
    )
    await workshop.deliver(output)
    assert sorted(path.name for path in folder.iterdir()) == ["film.mp4", "index.vtt", "steps_film_901_2.jpg"]
    addresses = {name for _, _, name, _ in read((folder / "index.vtt").read_text())}
    assert addresses == {"https://cdn.example/s/steps_film_901_2.jpg"}


@pytest.mark.ffmpeg
async def test_the_series_comes_from_the_common_decode_and_so_do_single_pictures(workshop: Workshop) -> None:
    """A poster at a second, at a share and at the very end, beside a series and its sheet."""
    moments = (Fraction(3), m.Share(HALF), m.Share(Fraction(1)), Fraction(99))
    posters = tuple(m.Stills(at=at, name=f"p{number}") for number, at in enumerate(moments))
    grid = m.Stills(count=4, sheet=m.Sheet(columns=2), name="grid", size=m.Size(width=64))
    room, files = await workshop.keep(m.Output(stills=(*posters, grid)))
    assert [file.path for file in files] == ["p0.jpg", "p1.jpg", "p2.jpg", "p3.jpg", "grid.jpg", "grid.vtt"]
    lights = [shown(room / f"p{number}.jpg", (0, 0, 320, 180)) for number in range(4)]
    assert lights == pytest.approx([light(3), light(2), light(3.9), light(3.9)], abs=6)
    for start, _, name, box in read((room / "grid.vtt").read_text()):
        assert shown(room / name, box) == pytest.approx(light(start), abs=6)


# --- pure ---------------------------------------------------------------------------------------


def test_a_sheet_is_made_by_two_filters_from_one_feed(has_both: tuple[frozenset[str], frozenset[str]]) -> None:
    video = m.VideoFacts(codec="h264", width=320, height=180, frame_rate=Fraction(25))
    source = m.MediaFacts(container="mov", size=1, duration=Fraction(40), video=(video,))
    outputs = (series(m.Sheet(), every=Fraction(2)), m.Output(container="mp4"))
    drawn = plan(
        m.Job(inputs=(m.Input(location=PLACE),), outputs=outputs), [source], encoders=has_both[0], muxers=has_both[1]
    )
    (run,) = drawn.runs
    assert len(run.feeds) == 1
    pick = "fps=1/2:round=up:start_time=0,trim=end_frame=20"
    assert f"{pick},scale=64:36,setsar=1,tile=10x2[i0_0]" in run.graph
    assert f"{pick},scale=16:16[i0_1]" in run.graph
    assert [target.muxer for target in run.targets] == ["mp4", "image2", "framecrc"]
    (product,) = drawn.products[0]
    assert (product.role, product.many) == ("sheet", True)


@pytest.fixture
def has_both() -> tuple[frozenset[str], frozenset[str]]:
    return tool.PROMISED_ENCODERS, tool.PROMISED_MUXERS


@pytest.mark.parametrize(
    ("asked", "tiles", "found"),
    [
        (m.Sheet(), 1, (10, 1)),
        (m.Sheet(), 41, (10, 5)),
        (m.Sheet(), 4000, (10, 10)),
        (m.Sheet(columns=4), 41, (4, 10)),
        (m.Sheet(columns=4, rows=50), 41, (4, 50)),
    ],
)
def test_how_many_tiles_are_on_a_sheet(asked: m.Sheet, tiles: int, found: tuple[int, int]) -> None:
    assert shape(asked, tiles, Picture(width=160, height=90), Memo("x")) == found


@pytest.mark.parametrize(
    "asked", [m.Sheet(columns=0), m.Sheet(rows=101), m.Sheet(columns=100, rows=100), m.Sheet(columns=100, rows=1)]
)
def test_sheets_that_cant_be(asked: m.Sheet) -> None:
    with pytest.raises(Fault) as caught:
        shape(asked, 10_000, Picture(width=165, height=90), Memo("x"))
    assert caught.value.data["field"] in ("x.columns", "x.rows")


@pytest.mark.parametrize("field", ["name", "sheet.name"])
def test_names_lead_nowhere_else(has_both: tuple[frozenset[str], frozenset[str]], field: str) -> None:
    sheet = m.Sheet(name="../b") if field == "sheet.name" else m.Sheet()
    output = series(sheet, name="../a" if field == "name" else None)
    video = m.VideoFacts(codec="h264", width=320, height=180)
    source = m.MediaFacts(container="mov", size=1, duration=Fraction(4), video=(video,))
    drawn = plan(
        m.Job(inputs=(m.Input(location=PLACE),), outputs=(output,)), [source], encoders=has_both[0], muxers=has_both[1]
    )
    assert drawn.faults[0].data["field"] == f"outputs.0.stills.0.{field}"


@pytest.mark.parametrize(
    ("url", "names", "address"),
    [
        (None, ["a b.jpg"], "a%20b.jpg"),
        ("https://c/x/", ["a.jpg"], "https://c/x/a.jpg"),
        ("https://c/x.jpg?k=1", ["a.jpg"], "https://c/x.jpg?k=1"),
        ("https://c/x.jpg?k=1", ["a.jpg", "b.jpg"], "https://c/x_1.jpg?k=1"),
    ],
)
def test_what_cues_call_a_sheet(url: str | None, names: list[str], address: str) -> None:
    grid = Grid(columns=2, rows=2, every=Fraction(3600), tally="t", url=url, duration=Fraction(5000))
    text = webvtt(grid, names, 2, (160, 90))
    assert text == (
        f"WEBVTT\n\n00:00:00.000 --> 01:00:00.000\n{address}#xywh=0,0,160,90\n"
        f"\n01:00:00.000 --> 01:23:20.000\n{address}#xywh=160,0,160,90\n"
    )
