"""Playlists on demand: finished files cut into segments as they are, once, beside the other results of their job."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mediaglot.gateway.media import stream
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.model import File
from mediaglot.gateway.transfer.disk import in_thread


async def restreamed(
    outputs: Path, room: str, files: tuple[File, ...], program: str, limits: Limits
) -> Mapping[str, str]:
    """``hls`` and ``dash``, with ``{outputs}`` for the URL of ``outputs``; everything lies in its folder ``room``."""
    name = "stream-" + hashlib.sha256(" ".join(file.path for file in files).encode()).hexdigest()[:16]
    folder = outputs / room / name
    if not await asyncio.to_thread(folder.is_dir):
        sources = [(str((outputs / file.path).absolute()), file.facts) for file in files]
        await _make(folder, argv(stream.restream(sources), program), limits)
    hls, dash = [await asyncio.to_thread((folder / one).read_text) for one in (stream.HLS, stream.DASH)]
    base = f"{{outputs}}/{room}/{name}"
    return {"hls": stream.hls_from(base, hls), "dash": stream.dash_from(base, dash)}


def _tidy(folder: Path) -> None:
    """Put right what FFmpeg says of times."""
    count = len(list(folder.glob(stream.PLAYLIST.format("*"))))
    playlists = [folder / stream.PLAYLIST.format(number) for number in range(count)]
    for one in playlists:
        one.write_text(stream.undated(one.read_text()))
    manifest = folder / stream.DASH
    manifest.write_text(stream.timed(manifest.read_text(), [one.read_text() for one in playlists]))


async def _make(folder: Path, command: tuple[str, ...], limits: Limits) -> None:
    """Made beside its place and put there whole; whoever comes second leaves the first one's."""
    draft = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=folder.parent, prefix="making-"))
    try:
        await run(command, cwd=draft, on_progress=lambda _: None, limits=limits)
        await asyncio.to_thread(_tidy, draft)
        with contextlib.suppress(OSError):
            await in_thread(draft.rename, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
