"""The demo: what it shows, when it counts as a success, and what it leaves behind."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mediaglot.emulators.encoding_com.sample import Sample
from mediaglot.gateway import cli
from mediaglot.gateway.command import demo
from mediaglot.gateway.dialect import Sighting
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.registry import names

ENCODING_COM = "mediaglot.emulators.encoding_com.dialect.EncodingCom.sample"
TINY = "bars-1s-320x180-30fps.mp4"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made; a tiny clip keeps the runs short."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(demo, "CLIP", TINY)
    return folder


@pytest.mark.ffmpeg
def test_a_job_through_every_dialect_ends_in_files_that_play(
    scratch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["demo", "--keep", str(tmp_path / "kept")]) == 0
    out = capsys.readouterr().out
    for name in names():
        assert re.search(rf"^{name} +[\w-]+ +\w+ .*\b1\.\d\d s +[\d,]+$", out, re.MULTILINE), out
        assert list((tmp_path / "kept").glob(f"{name}-*"))
    (row,) = re.findall(r"^encoding_com +(\d+) +Finished +h264 \+ aac +640x360 +1\.0\d s +([\d,]+)$", out, re.MULTILINE)
    (file,) = (tmp_path / "kept").glob("encoding_com-*.mp4")
    assert int(row[1].replace(",", "")) == file.stat().st_size
    assert not list(scratch.iterdir())


@pytest.mark.ffmpeg
def test_without_a_terminal_progress_is_a_line_for_each_new_word(
    scratch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["demo"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if re.match(r"encoding_com +\d+%", line)]
    assert lines[-1] == ["encoding_com", "100%", "Finished"]
    words = [line[2:] for line in lines]
    assert all(one != two for one, two in pairwise(words))


@pytest.mark.ffmpeg
def test_what_the_machine_sets_for_servers_is_not_for_the_demo(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAGLOT_BACKEND", "simulated")
    monkeypatch.setenv("MEDIAGLOT_HOST", "192.0.2.1")
    monkeypatch.setenv("MEDIAGLOT_PORT", "1")
    assert cli.main(["demo"]) == 0


class Failing(Sample):
    def create(self, source: str) -> Generator[Request, Response, str]:
        return super().create(source.replace("bars", "beers"))


class Refused(Sample):
    def create(self, source: str) -> Generator[Request, Response, str]:
        return super().create("")


class Unlinked(Sample):
    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        seen = yield from super().status(job_id)
        return Sighting(word=seen.word, progress=seen.progress)


class Elsewhere(Sample):
    """Links to something that is no media."""

    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        seen = yield from super().status(job_id)
        found = tuple(f"{url.partition('/outputs/')[0]}/health" for url in seen.results)
        return Sighting(word=seen.word, progress=seen.progress, results=found)


class Gone(Sample):
    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        seen = yield from super().status(job_id)
        return Sighting(word=seen.word, progress=seen.progress, results=tuple(f"{url}x" for url in seen.results))


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("sample", "says"),
    [
        (Failing, "Download error:  The requested URL returned error: 404 Not Found"),
        (Refused, "Source file is not indicated!"),
        (Unlinked, "no file came out"),
        (Elsewhere, "cannot be played (source_unreadable)"),
        (Gone, "HTTP 404"),
    ],
)
def test_a_job_that_fails_or_a_file_that_does_not_play_is_exit_code_1(
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sample: type[Sample],
    says: str,
) -> None:
    monkeypatch.setattr(ENCODING_COM, sample)
    assert cli.main(["demo"]) == 1
    out = capsys.readouterr().out
    assert re.search(rf"^encoding_com: .*{re.escape(says)}.*; try 'mediaglot doctor'$", out, re.MULTILINE), out
    assert not list(scratch.iterdir())


@pytest.mark.ffmpeg
def test_a_job_that_never_ends_is_given_up(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Endless(Sample):
        def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
            yield from super().status(job_id)
            return Sighting(word="A word that nobody knows")

    monkeypatch.setattr(ENCODING_COM, Endless)
    monkeypatch.setattr(demo, "PATIENCE", 1.0)
    assert cli.main(["demo"]) == 1
    assert "not done after 1 seconds" in capsys.readouterr().out


@pytest.mark.ffmpeg
def test_a_dialect_without_a_sample_is_named_and_does_not_count(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ENCODING_COM, None)
    cli.main(["demo"])
    assert "encoding_com has no sample job" in capsys.readouterr().out


def test_an_ffmpeg_that_is_none_is_one_line(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--ffmpeg", "/nowhere/ffmpeg"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "mediaglot: the ffmpeg that is set, '/nowhere/ffmpeg', is not there or may not be executed: "
        "correct or remove it\n"
    )
    assert not list(scratch.iterdir())


def test_a_folder_that_cannot_be_made_is_one_line(
    scratch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for folder in (str(tmp_path / "file"), "/proc"):
        assert cli.main(["demo", "--keep", folder]) == 2
        said = capsys.readouterr()
        assert f"mediaglot: {folder}: " in said.err
        assert "choose another folder with --keep" in said.err
        assert said.out == "", "no job was done for it"


@pytest.mark.ffmpeg
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.usefixtures("terminal")
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "mediaglot", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(number)
    _, complaint = process.communicate(timeout=30)
    assert first.startswith("server"), complaint
    assert (process.returncode, complaint) == (128 + number, "")
    assert not list(tmp_path.iterdir())


def test_live_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    from mediaglot.gateway.command.screen import Screen

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Screen().bars(["one", "two"]) as bars:
        bars.show("one", "[busy]", 0.5)
        bars.show("two", "done", 1.0)
    last: Any = terminal.getvalue().split("\x1b[2K")
    assert "50%" in terminal.getvalue()
    assert "[busy]" in terminal.getvalue()
    assert "done" in last[-1]
