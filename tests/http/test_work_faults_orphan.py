"""A server that is killed takes its FFmpeg along, whatever that runs in."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.media import sandbox
from mediaglot.gateway.media.tool import Tool

LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
LARGE = {"output": "mp4", "size": "2560x1440"}


@pytest.mark.ffmpeg
@pytest.mark.parametrize("kind", ["off", "unshare", "bwrap"])
async def test_killed_with_its_sandbox(
    command: Any, visit: Any, encoders: Any, wait: Any, data: Path, the_tool: Tool, kind: sandbox.Mode
) -> None:
    try:
        sandbox.choose(kind, the_tool.path)
    except sandbox.NoSandbox:
        pytest.skip(f"this machine has no {kind}, or does not allow it")
    server = await command("--sandbox", kind, "--ffmpeg", the_tool.path)
    client = visit(server.site)
    await client.encoding(await client.add(LONG, LARGE))
    assert len(encoders()) == (3 if kind == "bwrap" else 1)
    assert await server.end(signal.SIGKILL) == -signal.SIGKILL

    async def gone() -> bool:
        return encoders() == []

    await wait(gone, seconds=5)
