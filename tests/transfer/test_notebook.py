"""What is known of an upload in parts is there after a kill, and each further part costs one line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from mediaglot.gateway.transfer.notebook import Begun, Notebook, Page

FACTS = (10, 20)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.touch()
    return path


def page(film: Path, *, part: int = 5) -> Page:
    return Notebook(film.parent / "notes").page(film, "https://b.example/a", FACTS, {}, part)


def file(film: Path) -> Path:
    (found,) = (film.parent / "notes").iterdir()
    return found


async def test_each_part_is_one_line_more(film: Path) -> None:
    begun = page(film)
    await begun.write(Begun(query="uploadId=7", tags={1: '"a"'}))
    inode, sizes = file(film).stat().st_ino, [file(film).stat().st_size]
    for number in range(2, 500):
        await begun.add(number, '"b"')
        sizes.append(file(film).stat().st_size)
    assert max(later - sooner for sooner, later in pairwise(sizes)) < 20
    assert file(film).stat().st_ino == inode
    tags = {1: '"a"', **dict.fromkeys(range(2, 500), '"b"')}
    assert await page(film).read() == (Begun(query="uploadId=7", tags=tags), True)
    assert await page(film, part=6).read() == (Begun(query="uploadId=7", tags=tags), False)


async def test_a_line_that_was_not_written_to_its_end_loses_no_other(film: Path) -> None:
    begun = page(film)
    await begun.write(Begun(query="q"))
    await begun.add(1, '"a"')
    with file(film).open("a") as notes:
        notes.write('\n[2, "\\"b')
    await begun.add(3, '"c"')
    with file(film).open("a") as notes:
        notes.write("\n[4]\n{}\n[null, 1]\n5")
    assert await page(film).read() == (Begun(query="q", tags={1: '"a"', 3: '"c"'}), True)


async def test_what_could_not_be_begun_is_not_gone_on_with(film: Path) -> None:
    await page(film).add(1, '"a"')
    assert not (film.parent / "notes").exists()
    assert await page(film).read() == (Begun(), False)


@pytest.mark.parametrize("text", ["", "{", "[]", "[1, 2]", "{}", '{"query": "q", "asked": false, "tags": 7}'])
async def test_a_page_that_is_none_says_nothing(film: Path, text: str) -> None:
    await page(film).write(Begun(query="q"))
    file(film).write_text(text)
    assert await page(film).read() == (Begun(), False)


async def test_a_page_of_a_file_that_is_gone_is_thrown_away(tmp_path: Path) -> None:
    begun = page(tmp_path / "gone.mp4")
    await begun.write(Begun(query="q"))
    await begun.add(1, '"a"')
    Notebook(tmp_path / "notes")
    assert list((tmp_path / "notes").iterdir()) == []
