"""The doctor: which ffmpeg, what it has, what is missing, and an exit code that a script can use."""

from __future__ import annotations

import asyncio
import gc
import re
import stat
import sys
from pathlib import Path

import pytest

from mediaglot.gateway import cli
from mediaglot.gateway.backends.cache import Cache
from mediaglot.gateway.command import doctor
from mediaglot.gateway.media import capacity, sandbox, tool

PACKAGED = tool._packaged()

pytestmark = pytest.mark.ffmpeg


def program(folder: Path, without: str, name: str = "ffmpeg") -> Path:
    """A real ffmpeg that does not tell of one encoder."""
    path = folder / name
    path.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *-encoders*) "{PACKAGED}" "$@" | grep -v -w -e {without} ;; *) exec "{PACKAGED}" "$@" ;; esac\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def consult(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = cli.main(["doctor", *words])
    return code, capsys.readouterr().out


@pytest.fixture(autouse=True)
def _no_ffmpeg_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("MEDIAGLOT_FFMPEG", raising=False)


def test_all_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = consult(capsys)
    assert code == 0
    assert re.search(r"^ffmpeg +n?\d+\.\d+", out, re.MULTILINE)
    for kind, promised in doctor.PROMISED.items():
        assert re.search(rf"^{kind} +{len(promised)} of {len(promised)}: ", out, re.MULTILINE)
    words = set(out.split())
    assert words >= tool.PROMISED_ENCODERS | tool.PROMISED_MUXERS | tool.PROMISED_FILTERS
    assert "Everything that is promised is there." in out


def test_it_tells_the_licence_and_how_media_are_probed(capsys: pytest.CaptureFixture[str]) -> None:
    _, out = consult(capsys)
    assert re.search(r"^licence +GPL version 3 or later", out, re.MULTILINE)
    assert re.search(r"^probing +(PyAV \d|ffprobe beside it)", out, re.MULTILINE)
    assert re.search(r"^leash +\w", out, re.MULTILINE)


def test_it_tells_what_there_is_to_encode_with(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out = consult(capsys)
    assert re.search(r"^cores +\d+ of \d+", out, re.MULTILINE)
    assert re.search(r"^chunks +from 300 s on", out, re.MULTILINE)
    monkeypatch.setenv("MEDIAGLOT_CORES", "3")
    monkeypatch.setenv("MEDIAGLOT_CHUNK_SECONDS", "7.5")
    _, out = consult(capsys)
    assert re.search(r"^cores +3, as set", out, re.MULTILINE)
    assert re.search(r"^chunks +of 7.5 s", out, re.MULTILINE)


def test_it_tells_what_jobs_may_use(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = capacity.memory()
    _, out = consult(capsys)
    assert re.search(
        rf"^cores +{capacity.cores()} of \d+, {capacity.workers(capacity.cores())} jobs at", out, re.MULTILINE
    )
    told = re.search(r"^memory +([\d.]+) GB, jobs may use ([\d.]+) GB together", out, re.MULTILINE)
    assert told is not None
    assert [float(number) * 1e9 for number in told.groups()] == pytest.approx([whole, whole * capacity.SHARE], rel=0.05)
    for name, value in (("WORKERS", "5"), ("MEMORY", "1500000000")):
        monkeypatch.setenv(f"MEDIAGLOT_{name}", value)
    _, out = consult(capsys)
    assert ", 5 jobs at the same time" in out
    assert ", jobs may use 1.5 GB together" in out


def test_it_tells_what_the_cache_has_spared(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert re.search(r"^cache +off *$", consult(capsys)[1], re.MULTILINE)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "media.mp4").write_bytes(b"x" * 1500)
    cache = Cache(tmp_path / "data" / "cache", 10**9)
    cache.put("one", tmp_path / "files")
    for name in ("one", "one", "other"):
        cache.take(name, tmp_path / "out")
    monkeypatch.setenv("MEDIAGLOT_CACHE", "2000000000")
    monkeypatch.setenv("MEDIAGLOT_DATA", str(tmp_path / "data"))
    assert "1 results, 1.5 kB of 2.0 GB; 2 hits, 1 misses, 0 damaged" in consult(capsys)[1]


def test_what_is_missing_is_named_and_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = consult(capsys, "--ffmpeg", str(program(tmp_path, "libx265")))
    assert code == 1
    assert re.search(r"^ +missing: libx265 *$", out, re.MULTILINE)
    assert f"encoders  {len(tool.PROMISED_ENCODERS) - 1} of {len(tool.PROMISED_ENCODERS)}" in out
    assert "Use another ffmpeg" in out
    told = re.sub(r"\s+", " ", out)
    assert "can't be made, refused at submission: mp4: hevc; mov: hevc; mkv: hevc; mpegts: hevc" in told


def test_other_providers_are_told_and_those_that_can_not_be_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, lines = tmp_path / "config.toml", "[providers.acme]\ndialect = 'encoding_com'\nurl = 'https://h.test/p'\n"
    config.write_text(f"{lines}user = '1'\nsecret = 'hush'\n")
    code, out = consult(capsys, "--config", str(config))
    assert re.search(r"^provider +acme: Encoding.com .* at h.test *$", out, re.MULTILINE)
    assert (code, "hush" in out) == (0, False)
    config.write_text("[providers.acme]\ndialect = 'encoding_com'\nreplay = 'tape'\n")
    assert re.search(
        r"^provider +acme: Encoding.com .* from a tape *$", consult(capsys, "--config", str(config))[1], re.MULTILINE
    )
    config.write_text(lines)
    assert consult(capsys, "--config", str(config)) == (2, "")


@pytest.mark.parametrize(
    "line",
    [
        "url = 'here'",
        "dialects = ['nobody']",
        "allow_network = ['x']",
        "ssh_key = '/nowhere'",
        "double = true\nseed_file = '/nowhere'",
        "[[accounts.nobody]]\nname = '1'\nsecret = 's'",
    ],
)
def test_what_the_server_would_refuse_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(line)
    assert consult(capsys, "--config", str(config)) == (2, "")


def test_the_variable_sets_it_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAGLOT_FFMPEG", str(program(tmp_path, "libx265")))
    assert consult(capsys)[0] == 1


def test_one_that_is_no_ffmpeg(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = consult(capsys, "--ffmpeg", "/bin/true")
    assert code == 1
    assert "correct or remove it" in out


def test_why_the_one_on_path_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin", "libsvtav1")
    code, out = consult(capsys)
    assert code == 0
    assert re.search(r"^on PATH +.*/bin/ffmpeg \S+ lacks libsvtav1 *$", out, re.MULTILINE)


def test_an_older_one_on_path_is_passed_over_and_one_that_is_set_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin").mkdir()
    old = tmp_path / "bin" / "ffmpeg"
    old.write_text(f'#!/bin/sh\n"{PACKAGED}" "$@" | sed "s/^ffmpeg version [^ ]*/ffmpeg version 5.1.9/"\n')
    old.chmod(0o755)
    code, out = consult(capsys)
    assert code == 0
    assert re.search(r"^on PATH +.*/bin/ffmpeg is older than 9.0: 5.1.9 *$", out, re.MULTILINE)
    assert not re.search("^age", out, re.MULTILINE)
    code, out = consult(capsys, "--ffmpeg", str(old))
    assert code == 0
    assert re.search("^age +older than 9.0, ", out, re.MULTILINE)


def test_nothing_to_probe_with_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "packaged", lambda name: None)
    code, out = consult(capsys)
    assert code == 1
    assert "neither ffprobe nor PyAV" in out
    assert "Nothing can measure media" in out


@pytest.mark.parametrize(
    ("options", "licence"),
    [
        ("--enable-gpl --enable-version3", "GPL version 3 or later"),
        ("--enable-gpl", "GPL version 2 or later"),
        ("--enable-gpl --enable-nonfree", "must not be passed on"),
        ("--enable-shared", "LGPL"),
    ],
)
def test_the_licence_follows_from_how_it_was_built(tmp_path: Path, options: str, licence: str) -> None:
    path = tmp_path / "told"
    path.write_text(f"#!/bin/sh\necho configuration: {options}\n")
    path.chmod(0o755)
    nothing: frozenset[str] = frozenset()
    told = tool.Tool(
        path=str(path), version="1", encoders=nothing, muxers=nothing, filters=nothing, origin="setting", ffprobe=None
    )
    assert licence in doctor.licence(told)


def test_paths_are_told_as_short_as_they_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctor.place(str(tmp_path / "bin" / "ffmpeg")) == "./bin/ffmpeg"
    assert doctor.place(f"{sys.prefix}/lib/ffmpeg") == "<environment>/lib/ffmpeg"
    assert doctor.place("/opt/somewhere/ffmpeg") == "/opt/somewhere/ffmpeg"


def bare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any sandbox."""
    (folder / "bin").mkdir()
    (folder / "bin" / "true").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(folder / "bin"))
    sandbox.choose.cache_clear()
    sandbox.demand.cache_clear()


def test_it_tells_the_sandbox_and_how_to_get_a_better_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare(tmp_path, monkeypatch)
    code, out = consult(capsys)
    assert code == 0
    assert re.search(r"^sandbox +none: FFmpeg is held by its own whitelists alone \(auto\) *$", out, re.MULTILINE)
    assert "bwrap is not there: install bubblewrap" in out
    assert "the sandbox bwrap needs bwrap: install bubblewrap" in " ".join(
        consult(capsys, "--sandbox", "bwrap")[1].split()
    )
    sandbox.choose.cache_clear()


def test_a_sandbox_that_was_asked_for_and_is_not_there_is_said_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare(tmp_path, monkeypatch)
    assert cli.main(["serve", "--sandbox", "bwrap", "--port", "0", "--data", str(tmp_path / "data")]) == 2
    said = "mediaglot: the sandbox bwrap needs bwrap: install bubblewrap, or set sandbox to auto or off\n"
    assert capsys.readouterr().err == said
    assert gc.isenabled(), "what suits a server is not left to whoever has called us"
    if sys.version_info < (3, 12):
        assert isinstance(asyncio.get_child_watcher(), asyncio.ThreadedChildWatcher)


def test_it_tells_whether_credentials_are_encrypted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert re.search(r"^data +credentials of clients are stored in clear", consult(capsys)[1], re.MULTILINE)
    monkeypatch.setenv("MEDIAGLOT_DATA_KEY", "a key of this very house")
    told = consult(capsys)[1]
    assert re.search(r"^data +documents .* are encrypted", told, re.MULTILINE)
    assert "very house" not in told


def test_it_tells_to_which_topics_notifications_go(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "notifications to it are given up: no [[sns]]" in consult(capsys)[1]
    for name, value in {"TOPIC": "arn:aws:sns:*", "ACCESS_KEY": "K", "SECRET_KEY": "hush-hush"}.items():
        monkeypatch.setenv(f"MEDIAGLOT_SNS_{name}", value)
    out = consult(capsys)[1]
    assert re.search(r"^SNS +notifications to arn:aws:sns:\* *$", out, re.MULTILINE)
    assert "hush-hush" not in out


def test_without_a_current_folder_and_a_home_a_path_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Path:
        raise FileNotFoundError

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "cwd", gone)
    monkeypatch.setattr(Path, "home", homeless)
    assert doctor.place("/opt/somewhere/ffmpeg") == "/opt/somewhere/ffmpeg"
