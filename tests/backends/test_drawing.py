"""Drawings of the client's, made in a process of their own."""

from __future__ import annotations

import asyncio
import multiprocessing
from pathlib import Path

from mediaglot.gateway.backends.drawing import flatten

SLOW = """<svg xmlns="http://www.w3.org/2000/svg" width="4096" height="4096">
<filter id="a" x="0" y="0" width="1" height="1"><feTurbulence baseFrequency="0.9" numOctaves="200"/></filter>
<rect width="4096" height="4096" filter="url(#a)"/></svg>"""
"""Takes longer than the time that a drawing is given."""


async def test_a_drawing_ends_with_the_job_that_wanted_it(tmp_path: Path) -> None:
    path = tmp_path / "logo"
    path.write_text(SLOW)
    drawing = asyncio.create_task(flatten(path, None))
    while not multiprocessing.active_children():  # noqa: ASYNC110  (a process, which tells nobody)
        await asyncio.sleep(0)
    (child,) = multiprocessing.active_children()
    drawing.cancel()
    await asyncio.wait({drawing})
    assert path.read_text() == SLOW, "the event loop stood still until it was drawn"
    assert not child.is_alive()
    assert not path.with_suffix(".drawn").exists()
