"""The command: what it prints and writes, its exit codes, and implementations that send anything."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from mediaglot.gateway import cli, registry
from mediaglot.gateway.contract.sarif import line_of
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.http.transport import Transport

PROGRESSION = "immediate"
ROOT = Path(__file__).resolve().parents[2]
BOMB = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><response>&b;</response>'
HOSTILE = {
    "nothing": b"",
    "noise": bytes(range(256)) * 20,
    "deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "deep list": b"[" * 900 + b"]" * 900,
    "a large number": b'{"count":' + b"9" * 5000 + b"}",
    "no number": b'{"count":NaN,"total":Infinity}',
    "null": b"null",
    "a text": b'"text"',
    "a list": b'[1,{"id":[]},null]',
    "bomb": BOMB,
    "deep XML": b"<response>" + b"<a>" * 500 + b"</a>" * 500 + b"</response>",
    "a link that is none": b'{"count":1,"next":"http://[::x","previous":null,"results":[],"last":{"href":"http://["}}',
    "escapes": b'{"\\u001b[2J\\u0007":"\\u001b]0;owned\\u0007"}',
    "wrong kinds": b'{"job":[],"jobs":{},"media":7,"response":{"media":[[]],"job":3},"results":{"id":1},"token":1}',
}


@pytest.mark.heavy
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_implementation_may_send_anything(standing: Any, body: bytes) -> None:
    """After it has let us in. The walk goes to its end, and finds that nothing is right."""
    for name in registry.names():
        seen = []

        def alter(request: Request, answer: Response, seen: list[int] = seen) -> Response:
            seen.append(1)
            return answer if len(seen) == 1 and "token" in request.path else replace(answer, body=body)

        _, outcome = standing.walk(name, "unknown", "pages", "job", alter=alter, jobs=1, patience=1.0)
        assert not outcome.passed
        assert all(str(each).isprintable() for each in outcome.findings)
        assert sum(len(str(each)) for each in outcome.findings) < 200_000


@pytest.mark.heavy
def test_lists_may_be_garbage(standing: Any) -> None:
    """And the ids of what was made may be anywhere."""
    for name, body in (("encoding_com", b"garbage"), ("xvid_mediahub", b'[["x"]]'), ("transparent_edge", b"[")):

        def alter(request: Request, answer: Response, body: bytes = body) -> Response:
            return answer if "token" in request.path else replace(answer, body=body)

        _, outcome = standing.walk(name, "kept", alter=alter, write=True)
        assert not outcome.passed


class Server(ThreadingHTTPServer):
    daemon_threads = True
    asked: list[str]


def serve(answer: Callable[[BaseHTTPRequestHandler], None]) -> Server:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer(self)

        do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Nobody wants to read that."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


@pytest.fixture
def elsewhere() -> Iterator[Callable[..., str]]:
    started: list[Server] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
        started.append(serve(answer))
        return f"http://127.0.0.1:{started[-1].server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def says(status: int, body: bytes, kind: str = "application/json", length: int | None = None) -> Any:
    def answer(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(status)
        asked.send_header("Content-Type", kind)
        asked.send_header("Content-Length", str(len(body) if length is None else length))
        asked.end_headers()
        asked.wfile.write(body)
        asked.close_connection = True

    return answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says(200, b"x" * 5000), "more than 1000 bytes"),
        (says(200, b"{}", length=900), "no answer"),
        (lambda asked: asked.wfile.write(b"\x00\xffnothing at all\r\n\r\n"), "no answer"),
    ],
)
def test_what_is_too_much_or_too_little_is_no_answer(elsewhere: Any, answer: Any, reason: str) -> None:
    assert reason in silence(elsewhere(answer))


def test_a_server_that_speaks_no_tls_is_said_to_be_one(elsewhere: Any) -> None:
    assert "wrong version number" in silence(elsewhere(says(200, b"{}")).replace("http:", "https:"))


def silence(base: str) -> str:
    """Why there is no answer."""

    async def ask() -> None:
        async with Transport(most=1000, seconds=5) as transport:
            await transport.send(Request(), base)

    with pytest.raises(ConnectionError) as caught:
        asyncio.run(ask())
    return str(caught.value)


def test_who_never_answers_is_not_waited_for(elsewhere: Any) -> None:
    over = threading.Event()
    base = elsewhere(lambda _: over.wait(20) and None)

    async def ask() -> None:
        async with Transport(most=1000, seconds=0.1) as transport:
            await transport.send(Request(), base)

    with pytest.raises((TimeoutError, ConnectionError)):
        asyncio.run(ask())
    over.set()


def verify(*words: str) -> int:
    return cli.main(["contract", "verify", *words])


def test_reports(standing: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    junit, sarif = tmp_path / "junit.xml", tmp_path / "contract.sarif"
    login = standing.login("tpstreams")
    account = ("--secret", login.secret.reveal(), "--tenant", login.tenant)
    words = ("--dialect", "tpstreams", "--base-url", standing.base("tpstreams"), *account, "--only", "look")
    assert verify(*words, "--junit", str(junit), "--sarif", str(sarif)) == 0
    table = capsys.readouterr().out
    assert "ListJobs" in table
    assert "not exercised, no good answer to: " in table
    assert login.secret.reveal() not in table
    assert int(ET.fromstring(junit.read_text()).get("tests") or 0) > 10
    assert json.loads(sarif.read_text())["runs"][0]["results"] == []


def test_findings_lead_to_the_lines_of_the_schemas(
    elsewhere: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = b'{"count":"one","next":null,"previous":null,"results":[]}'
    sarif = tmp_path / "contract.sarif"
    words = (
        "--dialect",
        "tpstreams",
        "--base-url",
        elsewhere(says(200, body)),
        "--secret",
        "t0ken",
        "--tenant",
        "demo00",
    )
    assert verify(*words, "--only", "look", "--json", "--sarif", str(sarif)) == 1
    told = json.loads(capsys.readouterr().out)
    found = next(each for each in told["findings"] if each["place"] == "response.body: count")
    assert found["schema"] == "list_jobs.reply.json#/properties/count/type"
    results = json.loads(sarif.read_text())["runs"][0]["results"]
    place = next(
        each["locations"][0]["physicalLocation"]
        for each in results
        if each["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == found["schema"]
    )
    lines = (ROOT / place["artifactLocation"]["uri"]).read_text().splitlines()
    assert '"type": "integer"' in lines[place["region"]["startLine"] - 1]


def test_the_line_of_a_place() -> None:
    tree = {"a": {"b": [1, {"c~/d": True}]}}
    assert [line_of(tree, each) for each in ("", "/a", "/a/b", "/a/b/1/c~0~1d")] == [1, 2, 3, 6]


@pytest.mark.heavy
def test_secrets_are_not_in_reports(elsewhere: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even where the implementation throws them back."""
    secret = "s3cr3t-t0ken-of-somebody"

    def echo(asked: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"detail": asked.headers.get("Authorization"), secret: secret}).encode()
        says(200, body)(asked)

    reports = [tmp_path / name for name in ("junit.xml", "contract.sarif")]
    words = ("--dialect", "tpstreams", "--base-url", elsewhere(echo), "--secret", secret, "--tenant", "demo00")
    assert verify(*words, "--json", "--junit", str(reports[0]), "--sarif", str(reports[1])) == 1
    told = [capsys.readouterr().out, *(path.read_text() for path in reports)]
    assert [secret in each for each in told] == [False, False, False]
    assert "***" in told[0]


@pytest.mark.heavy
def test_a_base_url_that_leads_nowhere_is_one_line(elsewhere: Any, capsys: pytest.CaptureFixture[str]) -> None:
    base = elsewhere(says(404, b"no such page", "text/plain"))
    assert verify("--dialect", "tpstreams", "--base-url", base, "--pause", "0") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"mediaglot: nothing of tpstreams is at {base} (404): is --base-url right?")
    assert said.err.count("\n") == 1


def test_a_run_that_exercised_nothing_fails(elsewhere: Any, capsys: pytest.CaptureFixture[str]) -> None:
    base = elsewhere(says(404, b'{"detail":"Not found."}'))
    words = ("--dialect", "tpstreams", "--base-url", base, "--secret", "t", "--tenant", "demo00", "--only", "kept")
    assert verify(*words) == 1
    assert "Nothing was exercised" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--dialect", "nobody", "--base-url", "http://127.0.0.1:9"), "no dialect is called 'nobody'"),
        (("--dialect", "tpstreams", "--base-url", "http://[x"), "--base-url wants a URL"),
        (("--dialect", "tpstreams", "--base-url", "ftp://x"), "--base-url wants a URL"),
        (("--dialect", "tpstreams", "--base-url", "http://me:secret@h"), "--base-url wants a URL"),
        (("--dialect", "tpstreams", "--base-url", "http://127.0.0.1:9", "--user", "me"), "an account has a secret"),
        (("--dialect", "tpstreams", "--base-url", "http://127.0.0.1:9", "--jobs", "-1"), "no negative numbers"),
        (("--dialect", "tpstreams", "--base-url", "http://127.0.0.1:9", "--pause", "nan"), "no endless ones"),
        (("--dialect", "tpstreams", "--base-url", "http://127.0.0.1:9", "--patience", "inf"), "no endless ones"),
        (("--dialect", "tpstreams", "--base-url", "http://127.0.0.1:9"), "no answer from http://127.0.0.1:9"),
    ],
)
def test_what_can_not_be_followed(words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(*words) == 2
    assert says in capsys.readouterr().err


@pytest.mark.heavy
def test_headers_of_an_answer_may_be_anything(standing: Any) -> None:
    odd = Headers(lines=(("Content-Type", "\x1b[2J;;=;charset=\x00"), ("Location", "http://["), ("", "")))

    def alter(_: Request, answer: Response) -> Response:
        return replace(answer, headers=odd)

    for name in registry.names():
        _, outcome = standing.walk(name, "look", "refused", alter=alter)
        assert not outcome.passed
        assert all(str(each).isprintable() for each in outcome.findings)
