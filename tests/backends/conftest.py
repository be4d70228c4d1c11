"""What the tests of the backends share."""

from __future__ import annotations

import pytest

from mediaglot.gateway.media import tool


@pytest.fixture(scope="session")
def the_tool(tmp_path_factory: pytest.TempPathFactory) -> tool.Tool:
    """FFmpeg, whose features are asked for once."""
    return tool.find(None, tmp_path_factory.mktemp("tool") / "ffmpeg.json")
