"""Text overlays, drawn into a job's work folder."""

from __future__ import annotations

import asyncio
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from mediaglot.gateway.faults import EncodingFailed
from mediaglot.gateway.media.draw import draw
from mediaglot.gateway.media.parts import Drawing

LONGEST: Final = 20.0
"""Seconds for one drawing with a font of the client's."""


async def draw_into(folder: Path, drawing: Drawing) -> None:
    """Draw ``drawing`` to its path. Raises Invalid or EncodingFailed for a font that is none, or worse."""
    if drawing.font is None:
        await asyncio.to_thread(_draw, folder, drawing)
    else:
        await _draw_apart(folder, drawing)


async def _draw_apart(folder: Path, drawing: Drawing) -> None:
    """In a process that may die: a fetched font is hostile input to the library that reads it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        drawn = asyncio.get_running_loop().run_in_executor(pool, _draw, folder, drawing)
        try:
            await asyncio.wait_for(drawn, LONGEST)
        except (BrokenProcessPool, TimeoutError) as error:
            for process in list(pool._processes.values()):  # noqa: SLF001 - the pool itself would wait for ever
                process.kill()
            raise EncodingFailed(reason="font") from error


def _draw(folder: Path, drawing: Drawing) -> None:
    font = folder / drawing.font if drawing.font else None
    (folder / drawing.path).write_bytes(draw(drawing.overlay, drawing.width, drawing.height, font=font))
