"""Text and vector overlays, drawn into a job's work folder."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.faults import EncodingFailed
from mediaglot.gateway.media.draw import draw
from mediaglot.gateway.media.parts import Drawing
from mediaglot.gateway.transfer.disk import in_thread

LONGEST: Final = 20.0
"""Seconds for one drawing from a file of the client's."""
MOST_MEMORY: Final = 2 << 30
"""Bytes of address space for it."""
HEAD: Final = 1_024


async def draw_into(folder: Path, drawing: Drawing) -> None:
    """Draw ``drawing`` to its path. Raises Invalid or EncodingFailed for a font that is none, or worse."""
    if drawing.font is None:
        await in_thread(_draw, folder, drawing)
    else:
        await _apart(_draw, folder, drawing, reason="font")


async def flatten(path: Path, width: int | None) -> None:
    """Put a picture in the place of an SVG drawing; anything else is left alone.

    Raises SourceUnreadable, SourceForbidden or EncodingFailed for one that can't be drawn.
    """
    from mediaglot.gateway.media.vector import is_svg  # noqa: PLC0415 - few jobs bring a drawing

    if is_svg(await asyncio.to_thread(_head, path)):
        await _apart(_flatten, path, width, reason="svg")


async def _apart(work: Callable[..., None], *values: Any, reason: str) -> None:
    """In a process that may die: fetched fonts and drawings are hostile input to the libraries that read them."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_bound)
    drawn = asyncio.get_running_loop().run_in_executor(pool, work, *values)
    try:
        await asyncio.wait_for(drawn, LONGEST)
    except (BrokenProcessPool, TimeoutError) as error:
        raise EncodingFailed(reason=reason) from error
    finally:
        for process in list(pool._processes.values()):  # noqa: SLF001 - the pool itself would wait for ever
            process.kill()
        await in_thread(pool.shutdown)


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _draw(folder: Path, drawing: Drawing) -> None:
    font = folder / drawing.font if drawing.font else None
    (folder / drawing.path).write_bytes(draw(drawing.overlay, drawing.width, drawing.height, font=font))


def _flatten(path: Path, width: int | None) -> None:
    from mediaglot.gateway.media.vector import raster  # noqa: PLC0415

    # Beside it first: what was fetched may be another name of the client's own file.
    drawn = path.with_suffix(".drawn")
    drawn.write_bytes(raster(path.read_bytes(), width))
    drawn.replace(path)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
