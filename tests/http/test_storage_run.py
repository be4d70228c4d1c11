"""Real runs from and to storage that is a directory of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

CLIP = "bars-1s-320x180-25fps.mp4"


@pytest.mark.ffmpeg
async def test_a_job_from_a_bucket_to_a_mapped_bucket_and_a_file_server(
    serve: Callable[..., Awaitable[Any]],
    data: Path,
    tmp_path: Path,
    clips: Callable[[str], Path],
    measure: Callable[[bytes], dict[str, Any]],
) -> None:
    client = await serve(storage=(f"https://films.s3.amazonaws.com={tmp_path / 'films'}",))
    (data / "storage" / "s3" / "raw").mkdir(parents=True)
    shutil.copy(clips(CLIP), data / "storage" / "s3" / "raw" / "in.mp4")
    places = [
        "https://KEY:SE%2FCRET@s3.eu-central-1.wasabisys.com/films/out/a.mp4?acl=public-read",
        "ftp://ann:secret@ftp.example.test/b/c.mp4?passive=yes",
    ]
    media = await client.add(
        "http://KEY:SECRET@raw.s3.amazonaws.com/in.mp4?nocopy",
        {"output": "mp4", "size": "160x90", "destination": places},
    )
    ended = await client.end(media)
    assert ended["status"] == "Finished", ended
    for file in (tmp_path / "films" / "out" / "a.mp4", data / "storage" / "ftp" / "ftp.example.test" / "b" / "c.mp4"):
        assert measure(file.read_bytes())["size"] == (160, 90)


@pytest.mark.ffmpeg
async def test_an_object_that_is_not_there_fails_the_job(serve: Callable[..., Awaitable[Any]]) -> None:
    client = await serve()
    ended = await client.end(await client.add("sftp://ann@host.example.test/none.mp4", {"output": "mp4"}))
    assert ended["status"] == "Error", ended
