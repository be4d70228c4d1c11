"""The recording proxy over real sockets: what goes by as it is, and what of it is kept."""

from __future__ import annotations

import asyncio
import gzip
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import cli, registry
from mediaglot.gateway.http.recorder import Limits, Recorder

DIALECT = registry.find("tpstreams")
PATH = "/api/v1/org/transcoding_jobs/"


class Provider:
    """Answers each connection with the same bytes, and keeps what it was sent."""

    def __init__(self, answer: bytes) -> None:
        self._answer, self.heard = answer, list[bytes]()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(1 << 16))
                connection.sendall(self._answer)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def spoken(url: str, request: bytes) -> bytes:
    """The answer, as it comes, to a request as it is."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while block := connection.recv(1 << 16):
            answer += block
        return answer


@pytest.fixture
def provider() -> Iterator[Callable[[bytes], Provider]]:
    made: list[Provider] = []

    def make(answer: bytes) -> Provider:
        made.append(Provider(answer))
        return made[-1]

    yield make
    for one in made:
        one.close()


def asked(path: str = PATH, body: bytes = b"", **headers: str) -> bytes:
    lines = {"Host": "x", "Connection": "close", "X-Own": "1", "Content-Length": len(body), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def recording(upstream: str, folder: Path, **limits: int) -> AsyncIterator[Recorder]:
    async with Recorder(DIALECT, upstream, folder, Limits(**limits)).open("127.0.0.1", 0) as recorder:
        yield recorder


def answer(body: bytes, *lines: str, status: str = "200 OK", length: int | None = None) -> bytes:
    more = "".join(f"{line}\r\n" for line in lines)
    count = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {count}\r\nConnection: close\r\n{more}\r\n".encode() + body


def kept(folder: Path) -> str:
    (path,) = folder.glob("*/*/response.http")
    return path.read_text()


async def test_what_is_too_long_goes_by_and_is_not_kept(provider: Any, tmp_path: Path) -> None:
    text = b"{" + b" " * 300_000 + b"}"
    upstream = provider(answer(text))
    async with recording(upstream.url, tmp_path, body=1000) as recorder:
        told = await asyncio.to_thread(spoken, recorder.url, asked(f"{PATH}?x=%2F"))
    assert told.endswith(b"\r\n\r\n" + text)
    assert upstream.heard[0].startswith(f"GET {PATH}?x=%2F HTTP/1.1\r\n".encode())
    assert b"X-Own: 1\r\n" in upstream.heard[0]
    assert b"Host: x\r\n" not in upstream.heard[0]
    assert not recorder.kept
    assert sum(recorder.lost.values()) == 1


async def test_a_long_request_goes_by_and_is_not_kept(provider: Any, tmp_path: Path) -> None:
    upstream = provider(answer(b"{}"))
    async with recording(upstream.url, tmp_path, body=1000) as recorder:
        told = await asyncio.to_thread(spoken, recorder.url, asked(body=b"[" + b" " * 5000 + b"]"))
    assert told.endswith(b"{}")
    assert b"Content-Length: 5002\r\n" in upstream.heard[0]
    assert sum(recorder.lost.values()) == 1


async def test_an_answer_that_breaks_off_breaks_off(provider: Any, tmp_path: Path) -> None:
    upstream = provider(answer(b"{", length=100))
    async with recording(upstream.url, tmp_path) as recorder:
        try:
            told = await asyncio.to_thread(spoken, recorder.url, asked())
        except ConnectionResetError:
            told = b""
        assert not told.endswith(b"{"), "the last block waits for what does not come"
    assert recorder.lost == {"broken off by the upstream": 1}
    assert not recorder.kept


async def test_no_provider_is_502_with_a_hint(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with recording(f"http://127.0.0.1:{taken.getsockname()[1]}", tmp_path) as recorder:
            told = await asyncio.to_thread(spoken, recorder.url, asked())
    assert told.startswith(b"HTTP/1.1 502 ")
    assert b"No answer of http://127.0.0.1:" in told
    assert recorder.lost == {"without an answer": 1}


async def test_a_strange_status_and_coded_bodies_are_recorded(provider: Any, tmp_path: Path) -> None:
    body = gzip.compress(b'{"detail": "s3cr3t"}')
    lines = ("Content-Encoding: gzip", "Content-Type: application/json", "Set-Cookie: s3cr3t")
    upstream = provider(answer(body, *lines, status="599 Odd"))
    async with recording(upstream.url, tmp_path) as recorder:
        told = await asyncio.to_thread(spoken, recorder.url, asked(Accept_Encoding="br"))
    assert told.startswith(b"HTTP/1.1 599 Odd\r\n")
    assert told.endswith(body)
    assert b"Set-Cookie: s3cr3t" in told, "the client has what it is told"
    assert b"Accept-Encoding: identity\r\n" in upstream.heard[0]
    assert kept(tmp_path).startswith("HTTP/1.1 599 \nContent-Type: application/json\n\n")
    assert "s3cr3t" not in kept(tmp_path)


async def test_a_bomb_is_not_kept(provider: Any, tmp_path: Path) -> None:
    body = gzip.compress(b" " * 10_000_000)
    async with recording(provider(answer(body, "Content-Encoding: gzip")).url, tmp_path) as recorder:
        assert (await asyncio.to_thread(spoken, recorder.url, asked())).endswith(body)
    assert not recorder.kept


async def test_it_is_no_proxy_for_others(provider: Any, tmp_path: Path) -> None:
    upstream = provider(answer(b"{}"))
    async with recording(upstream.url, tmp_path) as recorder:
        told = await asyncio.to_thread(spoken, recorder.url, asked("http://127.0.0.1:1/"))
    assert told.startswith(b"HTTP/1.1 400 ")
    assert not upstream.heard


async def test_a_folder_that_cannot_be_written_loses_no_answer(provider: Any, tmp_path: Path) -> None:
    upstream = provider(answer(b"{}", "Content-Type: application/json"))
    (tmp_path / "list_jobs").write_text("in the way")
    async with recording(upstream.url, tmp_path) as recorder:
        request = asked(Authorization="Token abc")
        assert (await asyncio.to_thread(spoken, recorder.url, request)).endswith(b"{}")
    assert recorder.lost == {"that could not be written": 1}


# --- the command -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--upstream", "api.example.com"), "--upstream wants a URL such as https://"),
        (("--upstream", "http://u:p@x/"), "--upstream wants a URL such as https://"),
        (("--dialect", "tpstream"), "did you mean tpstreams?"),
        (("--out", "/dev/null/x"), "choose another folder with --out"),
        (("--host", "192.0.2.1"), "cannot listen on 192.0.2.1:0"),
        (("--ca", "/dev/null"), "no certificates in it"),
    ],
)
def test_commands_that_cannot_be_followed(capsys: Any, tmp_path: Path, words: tuple[str, str], hint: str) -> None:
    given = {"--dialect": "tpstreams", "--upstream": "http://x/", "--out": str(tmp_path / "tape"), words[0]: words[1]}
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert cli.main(["contract", "record", *(word for pair in given.items() for word in pair)]) == 2
    said = capsys.readouterr().err
    assert hint in said
    assert said.count("\n") == 1
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_a_recording_of_another_dialect_is_not_mixed(capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "recording.json").write_text('{"dialect": "encoding_com"}')
    words = ("--dialect", "tpstreams", "--upstream", "http://x/", "--out", str(tmp_path))
    assert cli.main(["contract", "record", *words]) == 2
    assert "is a recording of encoding_com; choose another folder" in capsys.readouterr().err
