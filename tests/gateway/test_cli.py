"""The command line as its users meet it: as a process, by its output and its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import cli
from mediaglot.gateway.model import Secret
from mediaglot.gateway.store.sqlite import SqliteStore

COMMAND = (sys.executable, "-m", "mediaglot")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAGLOT_")}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default data folder is below the current one."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(name="call")
def _call(nursery: Any) -> Any:
    return lambda *words, **variables: nursery.run(*words, environment=CLEAN | variables)


def serving(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "serve", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=CLEAN
    )


@contextlib.contextmanager
def served(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running server and its first line."""
    process = serving(*words)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().rstrip("\n")
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(name="refusal")
def _refusal(call: Any) -> Any:
    def refused(*words: str, **variables: str) -> str:
        """The one line of a command that can't be followed."""
        done = call(*words, **variables)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        return str(line)

    return refused


def test_help_names_the_commands(call: Any) -> None:
    done = call("--help")
    assert done.returncode == 0
    assert {"serve", "translate", "demo", "dialects", "doctor", "contract"} <= set(
        re.findall(r"^    (\w+)", done.stdout, re.MULTILINE)
    )


def test_help_of_serve_names_flag_variable_and_default(call: Any) -> None:
    text = " ".join(call("serve", "--help").stdout.split())
    assert "--port N port that the server listens on, 0 for a free one [MEDIAGLOT_PORT, default 8080]" in text
    assert "--backend auto|ffmpeg|simulated" in text
    assert "[MEDIAGLOT_WORKERS, default 0]" in text
    assert "[MEDIAGLOT_DURABLE, default false]" in text
    assert "[MEDIAGLOT_ALLOW_HOST, may be repeated]" in text
    assert "--config FILE" in text


def test_no_command_is_a_mistake(call: Any) -> None:
    done = call()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: mediaglot")


def test_version(call: Any) -> None:
    assert re.fullmatch(r"mediaglot \d+\.\d+\.\d+\n", call("--version").stdout)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("sreve",), "invalid choice: 'sreve'"),
        (("serve", "--prot", "1"), "did you mean --port?; see 'mediaglot serve --help'"),
        (("serve", "--prot", "1"), "unrecognized arguments: --prot 1"),
        (("contract", "check", "x", "--jason"), "did you mean --json?; see 'mediaglot contract check --help'"),
        (("serve", "--url", "foo"), "'foo' is no base URL such as"),
        (("serve", "--ffmpeg", "/nowhere/ffmpeg"), "'/nowhere/ffmpeg' is not there"),
        (("contract", "compare", "--config", "/nowhere.toml"), "cannot read /nowhere.toml"),
        (("serve", "--wor", "1"), "unrecognized arguments: --wor 1"),
        (("serve", "--port"), "argument --port: expected one argument"),
        (("serve", "--port", "x"), "--port: 'x' is not a whole number"),
        (("serve", "--dialects", "encoding_com,tpstreams"), "it is a dialect, to be named by itself"),
        (("serve", "--dialects", "encodingcom"), "did you mean encoding_com?"),
        (("serve", "--dialects", "encoding_com,echo=loud"), "echo is one of full, short"),
        (("serve", "--host", "nowhere.invalid"), "cannot listen on nowhere.invalid:8080"),
        (("serve", "--host", "nowhere.invalid"), "try another --host"),
        (("serve", "--dialects", "encoding_com,eco=short"), "encoding_com has no option eco; there are "),
        (("route", "--read", "tpstreams"), "standard input is empty"),
        (("serve", "--data", "/dev/null/x"), "choose another folder with --data"),
        (("dialects", "encodingcom"), "did you mean encoding_com?"),
    ],
)
def test_what_cannot_be_followed_is_one_line_and_exit_code_2(refusal: Any, words: tuple[str, ...], says: str) -> None:
    assert says in refusal(*words)


def test_a_bad_variable_is_named(refusal: Any) -> None:
    assert refusal("serve", MEDIAGLOT_PORT="x") == "mediaglot: MEDIAGLOT_PORT: 'x' is not a whole number"


def test_a_list_of_accounts_under_a_misspelt_name_opens_nothing(refusal: Any, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[[accounts.encoding_con]]\nname = '1'\nsecret = 'x'\n")
    line = refusal("serve", "--port", "0", "--data", str(tmp_path / "data"), "--config", str(path))
    assert "'encoding_con'" in line


def test_a_port_that_is_taken(refusal: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = refusal("serve", "--port", port, "--data", str(tmp_path))
    assert line == f"mediaglot: cannot listen on 127.0.0.1:{port}: Address already in use; try --port 0"


@pytest.mark.heavy
def test_a_data_folder_that_is_in_use(refusal: Any, tmp_path: Path) -> None:
    words = ("--port", "0", "--data", str(tmp_path), "--backend", "simulated")
    with served(*words) as (first, _):
        line = refusal("serve", *words)
    assert f"is in use by process {first.pid}" in line


def test_a_database_that_is_none(refusal: Any, tmp_path: Path) -> None:
    (tmp_path / "mediaglot.db").write_bytes(b"this is no database, but something else\n" * 100)
    line = refusal("serve", "--port", "0", "--data", str(tmp_path), "--backend", "simulated")
    assert "mediaglot.db can't be used (file is not a database)" in line
    assert "--data" in line


def test_an_address_that_can_not_be_written_down(refusal: Any, tmp_path: Path) -> None:
    (tmp_path / "address").mkdir()
    line = refusal("serve", "--port", "0", "--data", str(tmp_path), "--backend", "simulated")
    assert line == f"mediaglot: cannot use {tmp_path}/address: Is a directory; choose another folder with --data"


@pytest.mark.heavy
def test_a_data_folder_that_is_full(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "serve", "--port", "0", "--data", str(tmp_path), "--backend", "simulated"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        capture_output=True,
        text=True,
        check=False,
        env=CLEAN,
        timeout=30,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"mediaglot: cannot write to {tmp_path}: File too large; make room")


@pytest.mark.heavy
@pytest.mark.usefixtures("terminal")
def test_a_server_whose_terminal_is_gone_ends_as_a_whole(tmp_path: Path) -> None:
    with served("--port", "0", "--data", str(tmp_path), "--backend", "simulated") as (process, _):
        process.send_signal(signal.SIGHUP)
        _, complaint = process.communicate(timeout=20)
    assert (process.returncode, complaint) == (0, "")
    assert not (tmp_path / "address").exists()


@pytest.mark.heavy
def test_an_encrypted_data_folder_wants_its_key(refusal: Any, tmp_path: Path) -> None:
    words = ("serve", "--port", "0", "--data", str(tmp_path), "--backend", "simulated")

    async def encrypt() -> None:
        await (await SqliteStore.open(tmp_path, keys=[Secret("the key of this folder")])).close()

    asyncio.run(encrypt())
    assert "MEDIAGLOT_DATA_KEY" in refusal(*words)
    assert "data_key_old" in refusal(*words, MEDIAGLOT_DATA_KEY="another key for this folder")


@pytest.mark.heavy
def test_the_ready_line_is_all_of_stdout_and_the_server_answers_when_it_comes(tmp_path: Path) -> None:
    with served("--port", "0", "--data", str(tmp_path), "--backend", "simulated") as (process, line):
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", line)
        with urllib.request.urlopen(f"{line}/_mediaglot/ready", timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=20)
    assert (process.returncode, rest) == (0, "")


@pytest.mark.heavy
def test_the_ready_line_is_the_external_url_where_one_is_set(tmp_path: Path) -> None:
    words = ("--port", "0", "--data", str(tmp_path), "--backend", "simulated", "--url", "https://media.example.com/")
    with served(*words) as (_, line):
        assert line == "https://media.example.com"


def test_a_mistake_of_ours_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(given: dict[str, object]) -> int:
        raise RuntimeError("bug")

    monkeypatch.setattr("mediaglot.gateway.command.dialects.run", broken)
    with pytest.raises(RuntimeError):
        cli.main(["dialects"])


def test_ctrl_c_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(given: dict[str, object]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("mediaglot.gateway.command.dialects.run", interrupted)
    assert cli.main(["dialects"]) == 130
