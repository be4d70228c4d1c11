"""Files that clients bring: whole or not at all, only under ids that are waited for, in constant memory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from mediaglot.gateway.faults import Fault, SourceMissing
from mediaglot.gateway.http.uploads import UPLOADS, Uploads
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

FILM = hashlib.sha256(b"film").digest() * 4_000  # 128 KB


def form(content: Any = FILM, **fields: str) -> aiohttp.FormData:
    content = io.BytesIO(content) if isinstance(content, bytes) else content
    data = aiohttp.FormData()
    for name, value in fields.items():
        data.add_field(name, value)
    data.add_field("file", content, filename="film.mp4", content_type="video/mp4")
    return data


@pytest.fixture
def uploads(data: Path) -> Uploads:
    """The same folder that the server works on, as another part of it would see it."""
    return Uploads(data / "uploads", most=200_000)


@pytest.fixture
async def place(serve: Callable[..., Awaitable[Any]], uploads: Uploads) -> str:
    uploads.announce("up-1")
    client = await serve(backend="simulated", max_source=200_000, max_body=10_000)
    return f"{client.site}{UPLOADS}up-1"


def kept(data: Path) -> dict[str, int]:
    found = {}
    for path in (data / "uploads").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = path.stat().st_size
    return found


async def test_a_form_and_a_plain_body_end_in_the_same_file(
    session: aiohttp.ClientSession, place: str, uploads: Uploads
) -> None:
    async with session.post(place, data=form(name="x", chunk="0", policy="p" * 50_000, filename="")) as answer:
        assert (answer.status, await answer.json()) == (201, {"id": "up-1", "size": len(FILM)})
    path = uploads.path("up-1")
    assert path is not None
    assert path.read_bytes() == FILM
    async with session.put(place, data=b"other") as answer:
        assert answer.status == 201
    assert path.read_bytes() == b"other"


async def test_only_announced_ids_are_taken(
    session: aiohttp.ClientSession, place: str, uploads: Uploads, data: Path
) -> None:
    for other in ("up-2", "up-1.open", "..%2Fup-1", "", "up-1/x"):
        async with session.put(place.replace("up-1", other), data=b"x") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (404, "not_found"), other
    assert kept(data) == {"up-1.open": 0}
    async with session.put(place, data=b"x") as answer:
        assert answer.status == 201
    assert uploads.finish("up-1") == data / "uploads" / "up-1"
    async with session.put(place, data=b"again") as answer:
        assert answer.status == 404
    assert kept(data) == {"up-1": 1}


def test_an_announcement_survives_a_restart_and_rests_of_a_crash_do_not(tmp_path: Path) -> None:
    Uploads(tmp_path, most=10).announce("a")
    (tmp_path / ".mediaglot-0123456789abcdef.part").write_bytes(b"half")
    again = Uploads(tmp_path, most=10)
    assert again.announced("a")
    assert again.path("a") is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.open"]
    again.forget("a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("upload_id", ["", "../a", "a/b", "a.open", ".x", "a b", "a\0", "x" * 129])
def test_an_id_that_is_no_plain_name_is_refused(tmp_path: Path, upload_id: str) -> None:
    uploads = Uploads(tmp_path / "uploads", most=10)
    with pytest.raises(ValueError, match="only ASCII letters"):
        uploads.announce(upload_id)
    assert uploads.path(upload_id) is None
    assert not uploads.announced(upload_id)
    uploads.forget(upload_id)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["uploads"]


async def stream(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(65_536)


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("told", [True, False])
async def test_too_much_is_refused_and_nothing_stays(
    session: aiohttp.ClientSession,
    place: str,
    data: Path,
    method: str,
    told: bool,
) -> None:
    content: Any = io.BytesIO(bytes(1_300_000)) if told else stream(4)
    body = content if method == "PUT" else form(content)
    async with session.request(method, place, data=body) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "too_large")
    assert kept(data) == {"up-1.open": 0}


async def test_forms_that_are_not_right_are_told_so(session: aiohttp.ClientSession, place: str, data: Path) -> None:
    none, twice, nested = aiohttp.FormData(), form(b"1"), b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    none.add_field("name", "x")
    none.add_field("other", b"x", filename="file")
    twice.add_field("file", b"2", filename="b")
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    head = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
    cases: list[tuple[Any, dict[str, str], int, str]] = [
        (none, {}, 400, "missing"),
        (twice, {}, 400, "invalid"),
        (b"file=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported"),
        (b"x", {"Content-Type": "multipart/form-data"}, 400, "malformed"),
        (b"x", kind, 400, "malformed"),
        (head + b"half", kind, 400, "malformed"),
        (head + b"half\r\n--b", kind, 400, "malformed"),
        (nested, kind, 400, "malformed"),
        (head[:-2] + b"no colon\r\n\r\nx\r\n--b--\r\n", kind, 400, "malformed"),
    ]
    for body, lines, status, code in cases:
        async with session.post(place, data=body, headers=lines) as answer:
            said = await answer.json()
            assert answer.status == status, said
            assert said["error"]["code"] == code
        assert kept(data) == {"up-1.open": 0}, body


async def test_a_connection_that_breaks_leaves_what_was_there(
    session: aiohttp.ClientSession, place: str, data: Path, wait: Callable[..., Awaitable[Any]]
) -> None:
    async with session.put(place, data=b"first") as answer:
        assert answer.status == 201
    host, port = place.removeprefix("http://").partition("/")[0].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"PUT {UPLOADS}up-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode() + b"x" * 50_000)
    await writer.drain()

    async def begun() -> bool:
        return len(kept(data)) == 3

    async def over() -> bool:
        return kept(data) == {"up-1": 5, "up-1.open": 0}

    await wait(begun)
    writer.write_eof()
    async with asyncio.timeout(10):
        assert b" 201 " not in await reader.read()
    writer.close()
    await wait(over)


async def test_other_methods_are_told_what_to_use(session: aiohttp.ClientSession, place: str) -> None:
    async with session.get(place) as answer:
        assert answer.status == 405


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Callable[[Uploads], Awaitable[str]]]:
    """An application that only takes uploads."""
    runners: list[web.AppRunner] = []

    async def start(uploads: Uploads) -> str:
        async def take(request: web.Request) -> web.Response:
            try:
                return web.json_response(await uploads.receive(request, request.match_info["id"]))
            except Fault as error:
                return web.Response(status=500, text=type(error).__name__)

        app = web.Application()
        app.router.add_route("*", "/{id}", take)
        runners.append(web.AppRunner(app))
        await runners[-1].setup()
        site = web.TCPSite(runners[-1], "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runners[-1].addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_large_file_takes_constant_memory(
    session: aiohttp.ClientSession, alone: Callable[[Uploads], Awaitable[str]], tmp_path: Path, method: str
) -> None:
    uploads = Uploads(tmp_path, most=10**9)
    uploads.announce("big")
    url = f"{await alone(uploads)}/big"
    body: Any = stream(1024) if method == "PUT" else form(stream(1024))
    tracemalloc.start()
    try:
        async with session.request(method, url, data=body) as answer:
            assert await answer.json() == 64 * 2**20
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()


async def test_an_upload_that_falls_silent_is_given_up(
    session: aiohttp.ClientSession, alone: Callable[[Uploads], Awaitable[str]], tmp_path: Path
) -> None:
    uploads, go_on = Uploads(tmp_path, most=1000, stall=0.05), asyncio.Event()
    uploads.announce("slow")

    async def halting() -> AsyncIterator[bytes]:
        yield b"x"
        await go_on.wait()

    async with asyncio.timeout(10), session.put(f"{await alone(uploads)}/slow", data=halting()) as answer:
        assert await answer.text() == "SourceTimeout"
        go_on.set()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slow.open"]  # noqa: ASYNC240


async def test_an_upload_that_drips_is_given_up(
    session: aiohttp.ClientSession, alone: Callable[[Uploads], Awaitable[str]], tmp_path: Path
) -> None:
    uploads = Uploads(tmp_path, most=10**9, total=0.2)
    uploads.announce("slow")

    async def dripping() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0)

    async with asyncio.timeout(10):
        with contextlib.suppress(aiohttp.ClientConnectionError):  # it speaks against a closed door
            async with session.put(f"{await alone(uploads)}/slow", data=dripping()) as answer:
                assert await answer.text() == "SourceTimeout"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slow.open"]  # noqa: ASYNC240


async def test_two_at_once_do_not_mix(
    session: aiohttp.ClientSession, alone: Callable[[Uploads], Awaitable[str]], tmp_path: Path
) -> None:
    uploads, go_on, begun = Uploads(tmp_path, most=10**6), asyncio.Event(), asyncio.Event()
    uploads.announce("one")
    url = f"{await alone(uploads)}/one"

    async def waiting() -> AsyncIterator[bytes]:
        yield b"a" * 1000
        begun.set()
        await go_on.wait()
        yield b"a" * 1000

    async def first() -> None:
        async with session.put(url, data=waiting()) as answer:
            assert await answer.json() == 2000

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(first())
        await begun.wait()
        async with session.put(url, data=b"b" * 10) as answer:
            assert await answer.json() == 10
        assert (tmp_path / "one").read_bytes() == b"b" * 10
        go_on.set()
    assert (tmp_path / "one").read_bytes() == b"a" * 2000


async def test_an_upload_is_a_source(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", most=100)
    carrier = Carrier(Policy(), resolvers=[uploads.resolve])
    uploads.announce("one")
    with pytest.raises(SourceMissing):
        await carrier.fetch(Location(url="https://uploads.mediaglot.test/one"), tmp_path / "got")
    (tmp_path / "uploads" / "one").write_bytes(b"film")
    await carrier.fetch(Location(url="https://uploads.mediaglot.test/one"), tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"film"
    with pytest.raises(SourceMissing):
        await carrier.fetch(Location(url="https://uploads.mediaglot.test/one.open"), tmp_path / "got")
