"""What scripts rely on: exit codes, variables for every flag, and fields that nobody knows."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mediaglot.gateway import cli
from mediaglot.gateway.command.contract.verb import VERBS
from mediaglot.gateway.registry import names

COMMAND = (sys.executable, "-m", "mediaglot")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAGLOT_")}
COMMANDS = [
    *(name for name in re.findall(r"^    (\w+)", cli._parser().format_help(), re.MULTILINE) if name != "contract"),
    *(f"contract {verb}" for verb in VERBS),
]
NAME = names()[0]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() - CLEAN.keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "300")


def helped(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as done:
        cli.main([*words, "--help"])
    assert done.value.code == 0
    return capsys.readouterr().out


def test_all_commands_are_looked_at() -> None:
    assert {"serve", "env", "translate", "demo", "dialects", "doctor", "notifications"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_is_a_variable(capsys: pytest.CaptureFixture[str], command: str) -> None:
    told = re.split(r"\n +(?=--)", helped(capsys, *command.split()))[1:]
    assert [flag for flag in told if "[MEDIAGLOT_" not in flag] == []
    assert told


@pytest.mark.parametrize(
    ("command", "flag", "default"),
    [("env", "--shell", "sh"), ("contract verify", "--patience", "300.0"), ("contract record", "--most", "8000000")],
)
def test_a_flags_default_is_told(capsys: pytest.CaptureFixture[str], command: str, flag: str, default: str) -> None:
    (told,) = (
        text for text in re.split(r"\n +(?=--)", helped(capsys, *command.split())) if text.startswith(f"{flag} ")
    )
    assert f", default {default}]" in told


def test_a_variable_is_as_good_as_its_flag(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MEDIAGLOT_ENV_SHELL", "json")
    monkeypatch.setenv("MEDIAGLOT_ENV_UNSET", "yes")
    assert cli.main(["env", NAME]) == 0
    assert set(json.loads(capsys.readouterr().out).values()) == {None}
    for words in (("--shell", "fish"), ("--shell=fish",)):
        assert cli.main(["env", NAME, *words]) == 0
        assert capsys.readouterr().out.startswith("set -e ")
    monkeypatch.setenv("MEDIAGLOT_ENV_UNSET", "false")
    monkeypatch.setenv("MEDIAGLOT_ENV_SERVER", "http://127.0.0.1:1")
    assert cli.main(["env", NAME]) == 2
    assert "http://127.0.0.1:1/" in capsys.readouterr().err


def test_what_must_be_given_may_be_a_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "request").write_text("nothing")
    for flag in ("READ", "WRITE"):
        monkeypatch.setenv(f"MEDIAGLOT_TRANSLATE_{flag}", f"{NAME}x")
    assert cli.main(["translate", str(tmp_path / "request")]) == 2
    assert f"did you mean {NAME}" in capsys.readouterr().err


def test_a_variable_that_can_not_be_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDIAGLOT_ENV_SHELL", "zsh")
    with pytest.raises(SystemExit) as done:
        cli.main(["env", NAME])
    assert done.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "invalid choice: 'zsh'" in line
    assert "(of MEDIAGLOT_ENV_SHELL)" in line


@pytest.mark.heavy
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_told_to_stop_has_done_well(tmp_path: Path, number: int) -> None:
    words = ("serve", "--port", "0", "--proxy-port", "0", "--data", str(tmp_path), "--backend", "simulated")
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, text=True, env=CLEAN) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(number)
        assert process.communicate(timeout=30)[0] == ""
    assert process.returncode == 0


def test_the_exit_codes_are_written_down() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
    table = page.read_text().partition("| code |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
    assert ", ".join(rows) == "0, 1, 2, 129, 130, 141, 143"
