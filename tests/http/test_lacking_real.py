"""What this FFmpeg lacks is refused by name at submission; what it has comes out, sheets with their cues too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ffmpeg, pytest.mark.usefixtures("no_mistakes")]
LOCAL = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}


@pytest.fixture
def lacking(the_tool: Any, tmp_path: Path) -> str:
    """A real FFmpeg that was built without HEVC and without a muxer for FLV."""
    program = tmp_path / "ffmpeg"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *-encoders*) "{the_tool.path}" "$@" | grep -v -w libx265 ;;\n'
        f'*-muxers*) "{the_tool.path}" "$@" | grep -v -w flv ;;\n'
        f'*) exec "{the_tool.path}" "$@" ;; esac\n'
    )
    program.chmod(0o755)
    return str(program)


async def test_a_codec_that_is_missing_is_named_when_the_job_comes(serve: Any, lacking: str) -> None:
    client = await serve(ffmpeg=lacking)
    hevc, flv = SMALL | {"video_codec": "hevc"}, {"output": "flv"}
    for bad, text in ((hevc, "Codec hevc is not available"), (flv, "Output flv is not available")):
        answer = await client.json("AddMedia", source=LOCAL, format=[bad])
        assert answer["errors"]["error"] == text
        assert "MediaID" not in answer
    done = await client.end(await client.add(LOCAL, SMALL, hevc))
    good, refused = done["format"]
    assert (good["status"], refused["status"]) == ("Finished", "Error")
    assert refused["description"] == "Codec hevc is not available"


async def test_thumbnails_with_vtt(client: Any, measure: Any) -> None:
    asked = {"output": "thumbnail", "time": "0.5!", "width": "80", "use_vtt": "yes", "vtt_line_size": "2"}
    done = await client.end(await client.add(LOCAL, asked))
    assert done["status"] == "Finished"
    sheet, cues = done["format"]["s3_destination"]
    status, headers, body = await client.get(cues)
    assert (status, headers["Content-Type"].partition(";")[0]) == (200, "text/vtt")
    text = body.decode()
    places = re.findall(r"^(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$", text, re.MULTILINE)
    assert {name for name, *_ in places} == {sheet.rpartition("/")[2]}
    width, height = (int(side) for side in places[0][3:])
    assert [(int(x), int(y)) for _, x, y, *_ in places] == [(0, 0), (width, 0), (0, height), (width, height)]
    assert measure((await client.get(sheet))[2])["size"] == (2 * width, 2 * height)
