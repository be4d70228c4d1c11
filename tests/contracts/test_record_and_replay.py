"""A real exchange between two processes is recorded, and asked again of a third one, which is altered or not."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from mediaglot.gateway import cli

ROOT = Path(__file__).parents[2]
OPERATIONS = {"list", "look", "make", "stop"}
DEEP = b'{"a":' * 1000 + b"1" + b"}" * 1000


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


def silent(tmp_path: Path, base: str) -> int:
    """Replays a recording of two exchanges."""
    for number in (1, 2):
        fixture = ROOT / "fixtures" / "tpstreams" / "list_jobs" / "seed"
        shutil.copytree(fixture, tmp_path / "tape" / "list_jobs" / f"000{number}_200")
    words = ("--base-url", base, "--dialect", "tpstreams", str(tmp_path / "tape"))
    return cli.main(["contract", "replay", *words])


def test_where_nobody_answers_that_is_one_line(capsys: Any, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert silent(tmp_path, base) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert f"no answer from {base}: " in said.err
    assert "is the server running?" in said.err


def test_who_falls_silent_differs(capsys: Any, tmp_path: Path) -> None:
    class Once(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.server_close()
            self.send_response(204)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Once) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        assert silent(tmp_path, f"http://127.0.0.1:{server.server_port}") == 1
        answering.join()
    told = capsys.readouterr().out
    assert "expected 200, found 204" in told
    assert "expected an answer, there is none" in told


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


@pytest.fixture
def asked() -> Iterator[Callable[..., int]]:
    """Replays one exchange of a list of jobs, whose answer was ``was`` and is ``now``."""
    servers: list[HTTPServer] = []

    def replay(folder: Path, was: bytes, now: bytes, *words: str) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(now)))
                self.end_headers()
                self.wfile.write(now)

            def log_message(self, *_: Any) -> None:
                """Nobody wants to read that."""

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        place = folder / "list_jobs" / "0001_200"
        shutil.copytree(ROOT / "fixtures" / "tpstreams" / "list_jobs" / "seed", place)
        (place / "response.http").write_bytes(b"HTTP/1.1 200 OK\nContent-Type: application/json\n\n" + was)
        base = f"http://127.0.0.1:{servers[-1].server_port}"
        return cli.main(["contract", "replay", "--dialect", "tpstreams", "--base-url", base, *words, str(folder)])

    yield replay
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        (DEEP, DEEP, "0 findings"),
        (b"{}", DEEP, "expected a document, found none"),
        (b'{"name":"' + b"1" * 5000 + b'"}', b'{"name":"2"}', "1 tried"),
    ],
    ids=["twice deep", "deep", "thousands of digits"],
)
def test_an_implementation_may_send_anything(
    asked: Any, tmp_path: Path, capsys: Any, was: bytes, now: bytes, told: str
) -> None:
    asked(tmp_path, was, now)
    assert told in capsys.readouterr().out


def test_what_is_sent_does_not_move_the_terminal_and_tells_no_secret(asked: Any, tmp_path: Path, capsys: Any) -> None:
    secret = "a-s3cr3t-of-somebody's"
    now = json.dumps({"\x1b[2J": 1, "key": secret, secret: "x" * 95 + secret, "\u202e": 2}).encode()
    report = tmp_path / "report.xml"
    words = ("--secret", secret, "--tenant", "org")
    for more in ((), ("--json",), ("--junit", str(report))):
        assert asked(tmp_path / f"tape{len(more)}{more[:1]}", b"{}", now, *words, *more) == 1
        said = capsys.readouterr().out + (report.read_text() if report.exists() else "")
        assert "s3cr3t" not in said
        assert not {"\x1b", "\u202e"} & {*said}
        assert "***" in said


def test_who_is_patient_compares_the_last_of_several_looks(asked: Any, tmp_path: Path, capsys: Any) -> None:
    earlier = tmp_path / "list_jobs" / "0000_200"
    shutil.copytree(ROOT / "fixtures" / "tpstreams" / "list_jobs" / "seed", earlier)
    (earlier / "response.http").write_bytes(b"HTTP/1.1 200 OK\nContent-Type: application/json\n\n" + b'{"count":0}')
    assert asked(tmp_path, b'{"count":1}', b'{"count":1}', "--patience", "0.01") == 0
    told = capsys.readouterr().out
    assert "left out: 1 looks at what is looked at again later" in told
    assert "1 tried, 0 findings" in told


def test_an_error_is_one_finding_that_says_what_it_says(asked: Any, tmp_path: Path, capsys: Any) -> None:
    now = b'{"errors":{"detail":["Not so."]}}'
    assert asked(tmp_path, b'{"count":1,"next":null,"results":[]}', now) == 1
    told = capsys.readouterr().out
    assert "expected a document with 'count, next, results', found one with errors.detail.0 'Not so.'" in told
    assert "1 tried, 1 findings" in told
