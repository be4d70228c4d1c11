"""A source that is another name of the client's file: nothing of ours changes it, and a change of theirs is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.backends import Over, Product, Report
from mediaglot.gateway.backends.drawing import flatten
from mediaglot.gateway.backends.ffmpeg import FFmpegCraft
from mediaglot.gateway.backends.making import Maker
from mediaglot.gateway.faults import Fault, SourceUnreadable
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8" fill="red"/></svg>'


class Idle:
    """Makes nothing, while something happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    async def fetch_needs(
        self, ticket: m.Ticket, folder: Path, wanted: frozenset[int], *, anew: bool
    ) -> Mapping[int, Fault]:
        return {}

    async def make(
        self, ticket: m.Ticket, folder: Path, wanted: frozenset[int], report: Report, over: Over
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        self._meanwhile()
        return {}


async def work(tmp_path: Path, film: Path, meanwhile: Callable[[], object]) -> Any:
    carrier = Carrier(Policy(allow_dirs=(film.parent,), file_sources=True))
    craft = FFmpegCraft(tmp_path / "data", lambda: cast("Maker", Idle(meanwhile)), cast("Any", None), carrier)
    source = m.Input(location=m.Location(url=f"file://{film}"))
    job = m.Job(inputs=(source,), outputs=())
    ticket = m.Ticket(
        id="1", account="a", dialect="d", job=job, created=NOW, updated=NOW, sources=(m.Source(id="1"),),
        ids={"folder": "f1"},
    )  # fmt: skip
    await craft.fetch(ticket, 0, lambda share, left=None: None)
    assert (tmp_path / "data" / "work" / "f1" / "source-0").samefile(film)
    try:
        return await craft.make(ticket, frozenset(), lambda share, left=None: None)
    finally:
        craft.clear(ticket)
        await carrier.close()


def film_in(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    film = tmp_path / "films" / "film.mp4"
    film.write_bytes(b"film")
    return film


async def test_a_source_that_is_written_to_during_the_job_is_told_so(tmp_path: Path) -> None:
    film = film_in(tmp_path)
    with pytest.raises(SourceUnreadable) as caught:
        await work(tmp_path, film, lambda: film.write_bytes(b"another film"))
    assert caught.value.data == {"reason": "changed"}


async def test_a_source_that_is_replaced_or_removed_during_the_job_stays_as_it_was(tmp_path: Path) -> None:
    film = film_in(tmp_path)
    (tmp_path / "new").write_bytes(b"another film")
    assert await work(tmp_path, film, lambda: os.replace(tmp_path / "new", film)) == {}  # noqa: PTH105
    assert await work(tmp_path, film, film.unlink) == {}


@pytest.mark.heavy
async def test_the_client_s_drawing_stays_a_drawing(tmp_path: Path) -> None:
    own, ours = tmp_path / "logo.svg", tmp_path / "overlay-0"
    own.write_bytes(SVG)
    ours.hardlink_to(own)
    await flatten(ours, None)
    assert own.read_bytes() == SVG
    assert ours.read_bytes().startswith(b"\x89PNG")
