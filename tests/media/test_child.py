"""How child processes end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import Any

import pytest

from mediaglot.gateway.media.child import end, spawn

HEIR = "setsid sh -c 'echo $$; exec sleep 600' & exec sleep 600"
"""What it has started is out of reach, and holds its pipes when it is gone."""


def test_pipes_that_outlive_their_process_are_nothing_to_complain_of(monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)

    async def work() -> int:
        process = await spawn(["sh", "-c", HEIR], prefix=())
        assert process.stdout is not None
        heir = int(await process.stdout.readline())
        await end(process)
        return heir

    heir = asyncio.run(work())
    gc.collect()
    os.kill(heir, signal.SIGKILL)
    assert complaints == []
