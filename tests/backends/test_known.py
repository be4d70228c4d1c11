"""Sources that come again are not probed again, unless they may be others."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mediaglot.gateway.backends.known import Known
from mediaglot.gateway.faults import SourceUnreadable
from mediaglot.gateway.model import MediaFacts


class Counting:
    """A prober that tells a file's size, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, path: Path) -> MediaFacts:
        self.asked += 1
        return MediaFacts(container="mov", size=size_of(path))


@pytest.fixture
def probe() -> Counting:
    return Counting()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return written(tmp_path / "film.mp4", b"film")


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        raise SourceUnreadable(reason="no_file") from None


def written(path: Path, content: bytes, seconds: int = 60) -> Path:
    """A file that was written so many seconds ago."""
    path.write_bytes(content)
    aged(path, seconds)
    return path


def aged(path: Path, seconds: int) -> None:
    changed = path.parent.stat().st_mtime_ns - seconds * 1_000_000_000
    os.utime(path, ns=(changed, changed))


def job(film: Path, name: str) -> Path:
    """The film in the folder of a job."""
    folder = film.parent / name
    folder.mkdir()
    os.link(film, folder / "source-0")
    return folder / "source-0"


async def test_a_file_of_many_jobs_is_probed_once(film: Path, probe: Counting) -> None:
    known = Known()
    facts = [await known.probe(job(film, name), probe) for name in "abc"]
    assert probe.asked == 1
    assert [one.size for one in facts] == [4, 4, 4]


async def test_a_changed_file_is_probed_again(film: Path, probe: Counting) -> None:
    known = Known()
    await known.probe(job(film, "a"), probe)
    written(film, b"maly", 30)
    await known.probe(job(film, "b"), probe)
    written(film, b"longer", 30)
    assert (await known.probe(job(film, "c"), probe)).size == 6
    assert probe.asked == 3


async def test_another_file_of_the_same_size_and_time_is_another_file(film: Path, probe: Counting) -> None:
    known, other = Known(), written(film.with_name("other.mp4"), b"abcd")
    shutil.copystat(film, other)
    await known.probe(job(film, "a"), probe)
    await known.probe(job(other, "b"), probe)
    assert probe.asked == 2


async def test_what_was_just_written_is_probed_each_time(film: Path, probe: Counting) -> None:
    """It may be written to once more before the clock has moved."""
    known = Known()
    aged(film, 0)
    for name in "ab":
        await known.probe(job(film, name), probe)
    assert probe.asked == 2


async def test_what_changes_meanwhile_is_not_remembered(film: Path, probe: Counting) -> None:
    known = Known()

    async def and_change(path: Path) -> MediaFacts:
        facts = await probe(path)
        written(film, b"longer", 30)
        return facts

    await known.probe(job(film, "a"), and_change)
    assert (await known.probe(job(film, "b"), probe)).size == 6


async def test_what_is_not_there_or_can_not_be_read_is_not_remembered(film: Path, probe: Counting) -> None:
    known, source = Known(), job(film, "a")
    source.unlink()
    for _ in range(2):
        with pytest.raises(SourceUnreadable):
            await known.probe(source, probe)
    assert probe.asked == 2


async def test_those_that_came_last_are_remembered(film: Path, probe: Counting) -> None:
    known = Known(kept=2)
    films = [job(written(film.with_name(f"{name}.mp4"), name.encode()), name) for name in "abc"]
    for number in (0, 1, 0, 2, 0, 1):
        await known.probe(films[number], probe)
    assert probe.asked == 4
