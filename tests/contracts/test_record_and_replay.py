"""A real exchange between two processes is recorded, and asked again of a third one, which is altered or not."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from mediaglot.gateway import cli

ROOT = Path(__file__).parents[2]
OPERATIONS = {"list", "look", "make", "stop"}


@pytest.mark.heavy
def test_a_recording_has_folders_and_no_secret(tape: Path) -> None:
    names = sorted(str(path.parent.relative_to(tape)) for path in tape.glob("*/*/request.http"))
    assert names == [
        "list/0004_200",
        "look/0003_200",
        "look/0005_404",
        "make/0001_200",
        "make/0002_200",
        "stop/0006_400",
    ]
    whole = b"".join(path.read_bytes() for path in tape.rglob("*") if path.is_file())
    assert b"s3cr3t" not in whole
    assert b"Cookie" not in whole


@pytest.mark.heavy
def test_the_same_implementation_answers_the_same(plain: Any, tape: Path, upstream: str) -> None:
    """In another state, with other ids: it has jobs already."""
    said = plain.run("contract", "replay", "--base-url", upstream, "--user", "bob", "--json", tape, **SECRET)
    assert said.code == 0, said.out + said.err
    assert said.tree["tried"] == 6
    assert said.tree["operations"].keys() == OPERATIONS
    again = plain.run("contract", "replay", "--base-url", upstream, "--user", "bob", tape, **SECRET)
    assert again.code == 1, "whoever has jobs already has a longer list"
    assert "jobs [length]\n  expected 2 entries, found 4\n" in again.out


SECRET = {"MEDIAGLOT_REPLAY_SECRET": "another-key"}


@pytest.mark.heavy
def test_an_altered_implementation_is_told_place_by_place(plain: Any, altered: str, tape: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    said = plain.run("contract", "replay", "--base-url", altered, "--json", "--junit", report, tape)
    assert said.code == 1, said.err
    found = {(each["operation"], each["place"], each["rule"]) for each in said.tree["findings"]}
    for operation in ("make", "look"):
        assert (operation, "response.body: trouble", "vanished") in found
        assert (operation, "response.body: eta", "appeared") in found
    assert ("look", "response.body: state", "value") in found
    assert ("look", "response.body: files.0", "type") in found
    assert ("list", "response.body: jobs.0.trouble", "vanished") in found
    assert ("list", "response.body: of", "type") in found
    assert ("look", "response.status", "status") in found
    state = next(each for each in said.tree["findings"] if each["place"] == "response.body: state")
    assert state["message"] == "expected 'done', found 'ready'"
    cases = {case.get("name"): case for case in ET.parse(report).iter("testcase")}
    assert len(cases) == 6
    failure = cases["look/0005_404"].find("failure")
    assert failure is not None
    assert failure.get("message") == "response.status: expected 404, found 410"
    assert "expected string 'Sorry: " not in report.read_text(), "texts are not on the tape"


def test_differences_may_be_expected(plain: Any, altered: str, tape: Path) -> None:
    places = ("*state", "*files*", "*trouble", "*eta", "*: of", "*: error", "response.status")
    ignored = [word for place in places for word in ("--ignore", place)]
    said = plain.run("contract", "replay", "--base-url", altered, *ignored, "--user", "eve", tape, **SECRET)
    assert said.code == 0, said.out


def test_a_silent_implementation_is_a_difference(capsys: Any, tmp_path: Path) -> None:
    fixture = ROOT / "fixtures" / "tpstreams" / "list_jobs" / "seed"
    shutil.copytree(fixture, tmp_path / "tape" / "list_jobs" / "0001_200")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
        words = ("--base-url", base, "--dialect", "tpstreams", str(tmp_path / "tape"))
        assert cli.main(["contract", "replay", *words]) == 1
    assert "expected an answer, there is none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--base-url", "127.0.0.1:1"), "--base-url wants a URL such as https://"),
        (("--base-url", "http://127.0.0.1:1"), "the recording does not say whose it is; name --dialect"),
        (("--base-url", "http://127.0.0.1:1", "--dialect", "acne"), "no dialect is called 'acne'"),
        (("--base-url", "http://127.0.0.1:1", "--dialect", "tpstreams", "--user", "me"), "an account has a secret too"),
    ],
)
def test_commands_that_cannot_be_followed(capsys: Any, tmp_path: Path, words: tuple[str, ...], hint: str) -> None:
    shutil.copytree(ROOT / "fixtures" / "tpstreams" / "list_jobs" / "seed", tmp_path / "a" / "b")
    assert cli.main(["contract", "replay", *words, str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert hint in said
    assert said.count("\n") == 1
