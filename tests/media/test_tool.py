from __future__ import annotations

import json
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from mediaglot.gateway.media import tool as tools
from mediaglot.gateway.media.tool import NoTool, find, missing, release


@pytest.fixture
def packaged() -> tools.Tool:
    found = tools._packaged()
    assert found is not None
    tool = tools._look(found, "package", None)
    assert tool is not None
    return tool


def imitation(folder: Path, tool: tools.Tool, *, version: str = "7.1.1", lacks: str = "") -> Path:
    """A program that answers as an ffmpeg of that version, in the older format of lists, and counts its runs."""
    folder.mkdir(exist_ok=True)
    listings = {
        "-version": f"ffmpeg version {version} Copyright (c) 2000-2025 the FFmpeg developers\n",
        "-encoders": "".join(f" V....D {name:<20} {name}\n" for name in sorted(tool.encoders) if name != lacks),
        "-muxers": "".join(f"  E {name:<15} {name}\n" for name in sorted(tool.muxers) if name != lacks),
        "-filters": "".join(f" ... {name:<17} V->V       {name}\n" for name in sorted(tool.filters) if name != lacks),
    }
    for question, listing in listings.items():
        (folder / question[1:]).write_text(listing)
    program = folder / "ffmpeg"
    program.write_text(f'#!/bin/sh\necho run >> "{folder}/runs"\nexec /bin/cat "{folder}/${{2#-}}"\n')
    program.chmod(0o755)
    return program


@pytest.mark.ffmpeg
def test_the_program_from_pip_has_everything_that_is_promised(packaged: tools.Tool) -> None:
    assert missing(packaged) == {}
    assert packaged.release >= tools.TRIED
    assert packaged.ffprobe is None


@pytest.mark.ffmpeg
def test_lists_are_read_whole_and_clean(packaged: tools.Tool) -> None:
    assert {"libx264", "aac", "mov_text"} <= packaged.encoders
    assert {"mp4", "matroska", "mpegts"} <= packaged.muxers
    assert {"scale", "amix", "testsrc2", "overlay"} <= packaged.filters
    assert not {"=", "", "Encoders:", "Video"} & (packaged.encoders | packaged.muxers | packaged.filters)
    assert "mpegvideo" not in packaged.muxers, "a format that can only be read"


@pytest.mark.ffmpeg
def test_a_system_ffmpeg_that_can_do_it_comes_before_the_package(
    tmp_path: Path, packaged: tools.Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = imitation(tmp_path, packaged, version="9.1.2-1ubuntu1")
    (tmp_path / "ffprobe").write_text("#!/bin/sh\n")
    (tmp_path / "ffprobe").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find()
    assert (found.path, found.origin, found.release) == (str(program), "system", (9, 1))
    assert found.ffprobe == str(tmp_path / "ffprobe")


@pytest.mark.ffmpeg
@pytest.mark.parametrize("lack", ["libx264", "hls", "overlay", "version"])
def test_a_system_ffmpeg_that_is_old_or_lacks_something_is_passed_over(
    tmp_path: Path, packaged: tools.Tool, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    imitation(tmp_path, packaged, version="5.1.9-0+deb12u1" if lack == "version" else "9.1", lacks=lack)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find().origin == "package"


@pytest.mark.ffmpeg
@pytest.mark.parametrize(("version", "usable"), [("5.1.9-0+deb12u1", True), ("4.4.2", False)])
def test_where_pip_brings_none_an_older_one_is_better_than_nothing(
    tmp_path: Path, packaged: tools.Tool, monkeypatch: pytest.MonkeyPatch, version: str, usable: bool
) -> None:
    program = imitation(tmp_path, packaged, version=version)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_packaged", lambda: None)
    with nullcontext() if usable else pytest.raises(NoTool):
        assert find().path == str(program)


@pytest.mark.ffmpeg
def test_a_setting_is_taken_whatever_it_lacks(tmp_path: Path, packaged: tools.Tool) -> None:
    program = imitation(tmp_path, packaged, lacks="libx265")
    found = find(str(program))
    assert (found.path, found.origin) == (str(program), "setting")
    assert missing(found) == {"encoders": ["libx265"]}


def test_a_setting_that_leads_nowhere_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoTool, match=r"not there.*correct or remove"):
        find(str(tmp_path / "nothing"))
    other = tmp_path / "ffmpeg"
    other.write_text("#!/bin/sh\necho hello\n")
    other.chmod(0o755)
    with pytest.raises(NoTool, match="is no ffmpeg"):
        find(str(other))


@pytest.mark.ffmpeg
def test_the_environment_does_not_replace_the_package_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/false")
    monkeypatch.setenv("PATH", "")
    assert "imageio_ffmpeg" in find().path


def test_nothing_at_all_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(tools, "_packaged", lambda: None)
    with pytest.raises(NoTool, match="pip install imageio-ffmpeg"):
        find()


@pytest.mark.ffmpeg
def test_features_are_asked_once_per_build(tmp_path: Path, packaged: tools.Tool) -> None:
    program, cache = imitation(tmp_path / "bin", packaged), tmp_path / "new" / "ffmpeg.json"
    first = find(str(program), cache)
    assert find(str(program), cache) == first
    assert (tmp_path / "bin" / "runs").read_text().count("run") == 4
    os.utime(program, (1, 1))
    find(str(program), cache)
    assert (tmp_path / "bin" / "runs").read_text().count("run") == 8


@pytest.mark.ffmpeg
@pytest.mark.parametrize("broken", ["", "[]", '{"x"', "\xff"])
def test_a_broken_cache_is_made_again(tmp_path: Path, packaged: tools.Tool, broken: str) -> None:
    program, cache = imitation(tmp_path / "bin", packaged), tmp_path / "ffmpeg.json"
    cache.write_text(broken)
    found = find(str(program), cache)
    assert found.version == "7.1.1"
    assert json.loads(cache.read_text())


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("9.0.2", (9, 0)),
        ("n9.0.2-17-g2a571b6068-20260930", (9, 0)),
        ("5.1.9-0+deb12u1", (5, 1)),
        ("7.0.2-static", (7, 0)),
    ],
)
def test_versions_are_numbers(version: str, numbers: tuple[int, int]) -> None:
    assert release(version) == numbers


def test_a_build_from_git_counts_as_new() -> None:
    assert release("N-118193-g5f38c82536") > (9, 9)


@pytest.mark.ffmpeg
def test_missing_names_what_is_missing(packaged: tools.Tool) -> None:
    poor = replace(packaged, muxers=packaged.muxers - {"dash", "hls"}, filters=packaged.filters - {"bwdif"})
    assert missing(poor) == {"muxers": ["dash", "hls"], "filters": ["bwdif"]}
