"""Runs the chunks of a job side by side and joins them. Nothing of them is left, whatever happens."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from fractions import Fraction
from pathlib import Path

from mediaglot.gateway.backends import Report
from mediaglot.gateway.media import chunkindex
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.chunkrun import FOLDER, SCAN
from mediaglot.gateway.media.parts import Chunks, Run
from mediaglot.gateway.media.progress import Progress
from mediaglot.gateway.media.run import Limits, run, unread
from mediaglot.gateway.transfer.disk import in_thread


class Chunker:
    """Works in one job's folder, with this FFmpeg and these limits on each process, whose lines ``on_line`` hears."""

    def __init__(
        self,
        folder: Path,
        program: str,
        limits: Limits,
        threads: int | None,
        on_line: Callable[[str], None] = unread,
    ) -> None:
        self._folder, self._program, self._limits, self._threads = folder, program, limits, threads
        self._on_line = on_line

    async def index(self, scan: Run) -> chunkindex.Index | None:
        """Where the source's pictures lie, None where that does not say. Raises a WorkFault."""
        await self._begin()
        try:
            await self._run(scan, lambda _: None)
            return await asyncio.to_thread(_listed, self._folder / SCAN)
        finally:
            await self._end()

    async def make(self, work: Chunks, report: Report) -> bool:
        """False where a chunk has not the pictures that it should: one process must do it. Raises a WorkFault."""
        await self._begin()
        try:
            gauge = _Gauge(report)
            if not await self._pieces(work, gauge):
                return False
            for path, text in work.lists.items():
                await in_thread((self._folder / path).write_text, text)
            await self._run(work.joint, gauge.of(work.joint))
            return True
        finally:
            await self._end()

    async def _pieces(self, work: Chunks, gauge: _Gauge) -> bool:
        """So many at a time as there are workers, and the little that is made beside them all the while."""
        waiting, right = iter(work.pieces), []

        async def worker() -> None:
            for piece in waiting:
                frames = await self._run(piece.run, gauge.of(piece.run), work.threads)
                right.append(piece.frames is None or frames == piece.frames)

        beside = [self._run(work.beside, gauge.of(work.beside))] if work.beside is not None else []
        await _together([*beside, *(worker() for _ in range(work.workers))])
        return all(right)

    async def _run(self, one: Run, on_progress: Callable[[Progress], None], threads: int | None = None) -> int | None:
        """How many pictures the first video target got."""
        frames: int | None = None

        def note(progress: Progress) -> None:
            nonlocal frames
            frames = progress.frame
            on_progress(progress)

        command = argv(one, self._program, threads=threads or self._threads)
        await run(command, cwd=self._folder, on_progress=note, on_line=self._on_line, limits=self._limits)
        return frames

    async def _begin(self) -> None:
        await self._end()
        (self._folder / FOLDER).mkdir()

    async def _end(self) -> None:
        await in_thread(shutil.rmtree, self._folder / FOLDER, ignore_errors=True)


def _listed(path: Path) -> chunkindex.Index | None:
    with path.open(encoding="ascii") as lines:
        return chunkindex.read(lines)


async def _together(works: Sequence[Awaitable[object]]) -> None:
    """All of them, or none: the first fault ends the others, and is what is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Gauge:
    """Adds up what several runs have done of the whole."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._done: dict[int, Fraction] = {}

    def of(self, one: Run) -> Callable[[Progress], None]:
        place = len(self._done)
        self._done[place] = Fraction(0)

        def forward(progress: Progress) -> None:
            if progress.done:
                self._done[place] = one.weight
            elif progress.out_time is not None and one.duration:
                share = min(progress.out_time / one.duration, Fraction(1)) * one.weight
                self._done[place] = max(share, self._done[place])
            self._report(float(sum(self._done.values())))

        return forward
