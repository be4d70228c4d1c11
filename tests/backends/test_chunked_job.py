"""A whole job through the maker on a machine that wants chunks, with a real FFmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.chunking import Chunker
from mediaglot.gateway.backends.making import Maker
from mediaglot.gateway.faults import EncodingFailed, Fault
from mediaglot.gateway.media import chunkrun, tool
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.machine import Machine
from mediaglot.gateway.media.parts import Feed, Run, Target
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

pytestmark = pytest.mark.ffmpeg
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIMITS = Limits(stall=20)


class Bench:
    """A job of one source in one folder."""

    def __init__(self, folder: Path, maker: Maker, prober: Prober) -> None:
        self.folder, self.maker, self.prober = folder, maker, prober
        self.version = ""
        """What the program says, if not its own."""
        self.shares: list[float] = []

    async def make(self, *outputs: m.Output) -> list[tuple[Product, ...] | Fault]:
        job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=outputs)
        made = tuple(m.Made(id=str(number)) for number in range(len(outputs)))
        source = m.Source(id="s", facts=await self.prober.probe(self.folder / "source-0"))
        ticket = m.Ticket(id="1", account="a", dialect="d", job=job, created=NOON, sources=(source,), outputs=made)
        wanted = frozenset(range(len(outputs)))
        found = await self.maker.make(ticket, self.folder, wanted, lambda share, left=None: self.shares.append(share))
        return [found[index] for index in sorted(found)]


@pytest.fixture
def source(tmp_path: Path, the_tool: tool.Tool) -> Path:
    sources = ("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=4", "-f", "lavfi", "-i", "sine=d=4")
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-c:a", "aac", "-f", "mp4")
    subprocess.run([the_tool.path, "-v", "error", *sources, *coding, tmp_path / "source-0"], check=True)
    return tmp_path / "source-0"


@pytest.fixture
async def bench(source: Path, the_tool: tool.Tool) -> AsyncIterator[Bench]:
    async def get_tool() -> tool.Tool:
        return replace(the_tool, version=bench.version or the_tool.version)

    async with Prober(the_tool) as prober:

        async def get_prober() -> Prober:
            return prober

        def machine() -> Machine:
            return Machine(cores=2, chunk=Fraction(1))

        carrier = Carrier(Policy())
        maker = Maker(get_tool, get_prober, carrier, limits=LIMITS, threads=2, machine=machine)
        bench = Bench(source.parent, maker, prober)
        yield bench
        await carrier.close()


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What became of each attempt in chunks."""
    found: list[bool] = []
    make = Chunker.make

    async def noted(self: Chunker, *words: object) -> bool:
        found.append(await make(self, *words))  # type: ignore[arg-type]
        return found[-1]

    monkeypatch.setattr(Chunker, "make", noted)
    return found


def frames(made: tuple[Product, ...] | Fault) -> int:
    assert not isinstance(made, Fault), made
    with av.open(str(made[0].path)) as file:
        return sum(1 for _ in file.decode(video=0))


FAST = m.Video(speed="ultrafast")
PLAIN = m.Output(container="mp4", video=FAST)
SMALL = replace(PLAIN, video=replace(FAST, size=m.Size(height=54)))
PACKAGE = m.Output(package=m.Package(kind=m.PackageKind.HLS, segment=Fraction(2)), video=FAST)


async def test_an_ffmpeg_that_nothing_was_tried_with_makes_no_chunks(bench: Bench, verdicts: list[bool]) -> None:
    """Some of the pictures would be missing: FFmpeg 5.1 cuts sources elsewhere."""
    bench.version = "8.0"
    (plain,) = await bench.make(PLAIN)
    assert (frames(plain), verdicts) == (100, [])


async def test_a_job_in_chunks_is_measured_and_leaves_nothing_else(bench: Bench, verdicts: list[bool]) -> None:
    plain, small, package = await bench.make(PLAIN, SMALL, PACKAGE)
    assert verdicts == [True]
    assert (frames(plain), frames(small)) == (100, 100)
    assert not isinstance(plain, Fault)
    facts = plain[0].file.facts
    assert facts is not None
    assert (facts.duration, facts.video[0].frame_rate, facts.audio[0].codec) == (4, 25, "aac")
    assert not isinstance(package, Fault)
    assert [product.file.role for product in package].count("segment") == 2
    assert bench.shares == sorted(bench.shares)
    assert sorted(path.name for path in bench.folder.iterdir()) == ["out-0", "out-1", "out-2", "source-0"]


async def test_chunks_without_all_their_pictures_are_given_up(
    bench: Bench, verdicts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seek that lands behind its aim leaves a hole; the output is made by one process then."""
    monkeypatch.setattr(chunkrun, "_aim", lambda begin, key, index: index.time(begin) + Fraction(1, 2))
    (plain,) = await bench.make(PLAIN)
    assert verdicts == [False]
    assert frames(plain) == 100
    assert sorted(path.name for path in bench.folder.iterdir()) == ["out-0", "source-0"]


async def test_an_output_that_fails_in_chunks_leaves_the_others(
    bench: Bench, verdicts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mediaglot.gateway.media import chunkrun

    cut = chunkrun._options

    def broken(*words: object) -> tuple[str, ...]:
        options = cut(*words)  # type: ignore[arg-type]
        return tuple("nonsense" if "9" in word else word for word in options)

    monkeypatch.setattr(chunkrun, "_options", broken)
    crf = replace(PLAIN, video=replace(FAST, rate=m.Quality(level=Fraction(29))))
    plain, failed = await bench.make(PLAIN, crf)
    assert frames(plain) == 100
    assert isinstance(failed, EncodingFailed)
    assert verdicts == [True]


async def test_the_joint_reads_nothing_but_chunks_beside_its_list(bench: Bench, the_tool: tool.Tool) -> None:
    """Without ``-safe`` and the list of formats it does."""
    inside = bench.folder / "chunks"
    inside.mkdir()
    (inside / "0.txt").write_text("ffconcat version 1.0\nfile ../source-0\n")
    target = Target(maps=("0:v:0",), options=("-c", "copy"), muxer="mp4", path="out.mp4")
    joint = Run(
        feeds=(Feed(path="chunks/0.txt", joint=True),), graph="", targets=(target,), duration=None, weight=Fraction(1)
    )
    command = argv(joint, the_tool.path)
    open_ = [word if word != "1" or command[at - 1] != "-safe" else "0" for at, word in enumerate(command)]
    with pytest.raises(Fault):
        await run(command, cwd=bench.folder, on_progress=lambda _: None, limits=LIMITS)
    await run(open_, cwd=bench.folder, on_progress=lambda _: None, limits=LIMITS)
    (inside / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nx.ts\n#EXT-X-ENDLIST\n")
    (inside / "0.txt").write_text("ffconcat version 1.0\nfile list.m3u8\n")
    with pytest.raises(Fault):
        await run(command, cwd=bench.folder, on_progress=lambda _: None, limits=LIMITS)
