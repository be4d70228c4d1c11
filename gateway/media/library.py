"""The clips of ``recipe.py`` on disk: made on first use, once for all who ask, and kept while there is room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.media.orphan import kill_orphans
from mediaglot.gateway.media.recipe import Recipe, argv, parse
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.media.tool import Tool

ROOM: Final = 2 << 30
MAKING: Final = ".making"


class Library:
    """``await library.get(name)`` gives the file; ``close`` ends what is being made.

    One library per ``folder``. It holds at most ``room`` bytes, the file that was asked for last always included;
    ``makers`` clips are made at the same time, further ones wait.
    """

    def __init__(
        self,
        folder: Path,
        tool: Tool,
        *,
        room: int = ROOM,
        makers: int = 2,
        clock: Clock = RealClock(),  # noqa: B008
    ) -> None:
        self._folder = folder.absolute()
        self._tool = tool
        self._room = room
        self._clock = clock
        self._makers = asyncio.Semaphore(makers)
        self._making: dict[str, asyncio.Task[None]] = {}
        self._swept = False

    async def get(self, name: str) -> Path:
        """The clip of that name, in any spelling. Raises NotFound and Invalid as ``parse`` does, or a WorkFault."""
        recipe = parse(name)
        path = self._folder / recipe.name
        if not self._touch(path):
            await asyncio.shield(self._made(recipe, path))
        return path

    async def close(self) -> None:
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _touch(self, path: Path) -> bool:
        """Note when it was used, by the access time: the other one is part of what HTTP says about the file."""
        try:
            facts = path.stat()
            os.utime(path, ns=(int(self._clock.now().timestamp() * 1e9), facts.st_mtime_ns))
        except OSError:
            return False
        return True

    def _made(self, recipe: Recipe, path: Path) -> asyncio.Task[None]:
        """The one making of a clip. It goes on when somebody who waits for it goes away."""
        if (task := self._making.get(recipe.name)) is None:
            task = self._making[recipe.name] = asyncio.create_task(self._make(recipe, path))
            task.add_done_callback(lambda done: self._over(recipe.name, done))
        return task

    def _over(self, name: str, task: asyncio.Task[None]) -> None:
        del self._making[name]
        if not task.cancelled():
            task.exception()  # whoever waits gets it; if nobody does, it is no news

    async def _make(self, recipe: Recipe, path: Path) -> None:
        async with self._makers:
            bench = self._bench(recipe)
            target = bench / f"clip.{recipe.extension}"
            try:
                limits = Limits(output_bytes=self._room)
                line = argv(recipe, self._tool, target)
                await run(line, cwd=bench, on_progress=lambda _: None, limits=limits, clock=self._clock)
                target.replace(path)
                self._touch(path)
            finally:
                shutil.rmtree(bench, ignore_errors=True)
        await asyncio.to_thread(_make_room, self._folder, self._room, path)

    def _bench(self, recipe: Recipe) -> Path:
        making = self._folder / MAKING
        if not self._swept:  # what a dead server left
            kill_orphans(making)
            shutil.rmtree(making, ignore_errors=True)
            self._swept = True
        bench = making / recipe.name
        bench.mkdir(parents=True)
        return bench


def _make_room(folder: Path, room: int, keep: Path) -> None:
    """Remove the clips that were not used for longest, but not ``keep``, until the rest fits."""
    clips = [(path.stat(), path) for path in folder.iterdir() if path.is_file()]
    total = sum(facts.st_size for facts, _ in clips)
    for facts, path in sorted(clips, key=lambda clip: clip[0].st_atime_ns):
        if total <= room:
            return
        if path != keep:
            with contextlib.suppress(OSError):
                path.unlink()
            total -= facts.st_size
