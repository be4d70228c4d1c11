"""A real exchange between two processes is recorded, and asked again of a third one, which is altered or not."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

RECORDED = {"list": 1, "look": 2, "make": 2, "stop": 1}
ALTERED = {
    '"trouble": dialect.describe(ticket.trouble) if ticket.trouble else "",': '"eta": 5,',
    '"files": [f"{': '"files": [[f"{',
    "for path in files],\n": "for path in files]],\n",
    '"done": (Status.FINISHED': '"ready": (Status.FINISHED',
    '"of": page.total': '"of": str(page.total)',
    "404, ": "410, ",
}


def record(commands: Any, upstream: str, out: Path, *words: object) -> Any:
    return commands.start("contract", "record", "--dialect", "acme", "--upstream", upstream, "--out", out, *words)


@pytest.fixture(scope="module")
def upstream(plain: Any) -> str:
    return f"{plain.serve().url}/acme"


@pytest.fixture(scope="module")
def tape(plain: Any, upstream: str, session: Callable[[str], str], tmp_path_factory: Any) -> Path:
    """A recording of a client's day with the provider as it is."""
    folder = tmp_path_factory.mktemp("recorded") / "tape"
    recorder = record(plain, upstream, folder)
    assert recorder.url.startswith("http://127.0.0.1:")
    session(recorder.url)
    said = recorder.stop()
    assert said.code == 0, said.err
    assert "6 exchanges recorded in" in said.out
    for operation, count in RECORDED.items():
        assert f"{operation:<10}" in said.out, (operation, count)
    return folder


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


def test_the_same_implementation_answers_the_same(plain: Any, tape: Path, upstream: str) -> None:
    """In another state, with other ids: it has jobs already."""
    said = plain.run("contract", "replay", "--base-url", upstream, "--user", "bob", "--json", tape, **SECRET)
    assert said.code == 0, said.out + said.err
    assert said.tree["tried"] == 6
    assert said.tree["operations"].keys() == RECORDED.keys()
    again = plain.run("contract", "replay", "--base-url", upstream, "--user", "bob", tape, **SECRET)
    assert again.code == 1, "whoever has jobs already has a longer list"
    assert "jobs [length]\n  expected 2 entries, found 4\n" in again.out


SECRET = {"MEDIAGLOT_REPLAY_SECRET": "another-key"}


@pytest.fixture(scope="module")
def altered(installed: Any) -> str:
    return f"{installed(ALTERED).serve().url}/acme"


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
    assert cases["stop/0006_400"].find("failure") is None


def test_differences_may_be_expected(plain: Any, altered: str, tape: Path) -> None:
    places = ("*state", "*files*", "*trouble", "*eta", "*: of", "response.status")
    ignored = [word for place in places for word in ("--ignore", place)]
    said = plain.run("contract", "replay", "--base-url", altered, *ignored, "--user", "eve", tape, **SECRET)
    assert said.code == 0, said.out


def test_a_silent_implementation_is_a_difference(plain: Any, tape: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        said = plain.run("contract", "replay", "--base-url", f"http://127.0.0.1:{taken.getsockname()[1]}", tape)
    assert said.code == 1
    assert "expected an answer, there is none" in said.out
