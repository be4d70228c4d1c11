"""A whole server, in this process or as the real command, and what surrounds it: clients, sources, receivers."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs

import aiohttp
import av
import orjson
import pytest
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from aiosmtpd.smtp import SMTP
from lxml import etree

from mediaglot.gateway.config import Settings
from mediaglot.gateway.http.app import Server, listen
from mediaglot.gateway.media import recipe, tool

T = TypeVar("T")
ENDS = ("Finished", "Error", "Stopped")


async def until(look: Callable[[], Awaitable[T]], *, seconds: float = 60) -> T:
    """The first answer of ``look`` that is true. The only place in these tests that waits by asking again: the less
    often the longer it takes, because asking is work for the server that is waited for."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(seconds):
        while not (found := await look()):
            pause = loop.create_future()
            loop.call_later(min(0.2, max(0.02, (loop.time() - begun) / 20)), pause.set_result, None)
            await pause
    return found


def plain(element: etree._Element) -> Any:
    tree: dict[str, list[Any]] = {}
    for child in element:
        tree.setdefault(child.tag, []).append(plain(child))
    if not tree:
        return element.text or ""
    return {tag: values[0] if len(values) == 1 else values for tag, values in tree.items()}


def grown(tag: str, value: Any) -> Iterator[etree._Element]:
    for item in value if isinstance(value, list) else [value]:
        element = etree.Element(tag)
        if isinstance(item, dict):
            element.extend(child for key, inner in item.items() for child in grown(key, inner))
        else:
            element.text = str(item)
        yield element


class Client:
    """A client of the provider's API. ``xml`` and ``json`` give what is under ``response``."""

    def __init__(self, session: aiohttp.ClientSession, site: str, user: str = "100", key: str = "k") -> None:
        self.session, self.site, self.url = session, site, f"{site}/encoding_com/"
        self.user, self.key = user, key
        self.server: Server | None = None

    def as_user(self, user: str, key: str = "k") -> Client:
        return Client(self.session, self.site, user, key)

    async def post(self, body: Any, *, path: str = "/encoding_com/", **options: Any) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer to exactly these bytes."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", **options.pop("headers", {})}
        method = options.pop("method", "POST")
        async with self.session.request(method, self.site + path, data=body, headers=headers, **options) as answer:
            return answer.status, answer.content_type, await answer.read()

    async def xml(self, action: str, **fields: Any) -> Any:
        query = {"userid": self.user, "userkey": self.key, "action": action, **fields}
        (root,) = grown("query", query)
        status, kind, body = await self.post(aiohttp.FormData({"xml": etree.tostring(root).decode()})())
        assert (status, kind) == (200, "text/xml"), body
        answer = etree.fromstring(body)
        assert answer.tag == "response"
        return plain(answer)

    async def json(self, action: str, **fields: Any) -> Any:
        query = {"userid": self.user, "userkey": self.key, "action": action, **fields}
        return await self.query(query)

    async def query(self, query: Any) -> Any:
        form = aiohttp.FormData({"json": orjson.dumps({"query": query}).decode()})
        status, kind, body = await self.post(form())
        assert (status, kind) == (200, "application/json"), body
        return orjson.loads(body)["response"]

    async def add(self, source: Any, *formats: Any, action: str = "AddMedia", **fields: Any) -> str:
        answer = await self.json(action, source=source, format=list(formats), **fields)
        return str(answer.get("MediaID") or pytest.fail(str(answer)))

    async def status(self, media: str) -> Any:
        answer = await self.json("GetStatus", mediaid=media)
        assert "errors" not in answer, answer
        return answer

    async def reach(self, media: str, *words: str, seconds: float = 60) -> Any:
        """The status document when its status is one of ``words``; fails where it ends with another one."""

        async def look() -> Any:
            found = await self.status(media)
            assert found["status"] in words or found["status"] not in ENDS, found
            return found if found["status"] in words else None

        return await until(look, seconds=seconds)

    async def end(self, media: str, *, seconds: float = 60) -> Any:
        return await self.reach(media, *ENDS, seconds=seconds)

    async def encoding(self, media: str) -> Any:
        """The status document once FFmpeg has got somewhere."""

        async def look() -> Any:
            found = await self.status(media)
            assert found["status"] not in ENDS, found
            busy = found["status"] == "Processing" and float(found["progress_current"]) > 0
            return found if busy else None

        return await until(look)

    async def get(self, path: str, **options: Any) -> tuple[int, Any, bytes]:
        async with self.session.get(path if path.startswith("http") else self.site + path, **options) as answer:
            return answer.status, answer.headers, await answer.read()


class Visitor:
    """A client of any provider that speaks JSON."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session, self.base, self.authorization = session, base, ""

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": self.authorization} if self.authorization else {}
        async with self.session.request(method, self.base + path, headers=headers, **options) as answer:
            told = await answer.text()
            assert answer.status < 300, told
            return orjson.loads(told)


def lossy(recording: bytes) -> bytes:
    """MPEG-TS without a packet in its middle."""
    at = len(recording) // 2 // 188 * 188
    return recording[:at] + recording[at + 188 :]


class Origin:
    """A web site with sources: real clips under /clips/, the same received with a gap under /off-air/, and some that
    are not what they should be."""

    def __init__(self, clips: Callable[[str], Path]) -> None:
        self._clips = clips
        self.url = ""
        self.hang = asyncio.Event()
        self.reached = asyncio.Event()
        self.asked: list[web.BaseRequest] = []

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        if request.path.startswith("/clips/"):
            return web.FileResponse(self._clips(request.path.split("/")[2]))
        if request.path.startswith("/off-air/"):
            return web.Response(body=lossy(self._clips(request.path.split("/")[2]).read_bytes()))
        match request.path:
            case "/page.mp4":
                return web.Response(text="<!DOCTYPE html><html><body>Sign in</body></html>", content_type="text/html")
            case "/empty.mp4":
                return web.Response(body=b"", content_type="video/mp4")
            case "/noise.mp4":
                return web.Response(body=bytes(range(256)) * 400, content_type="video/mp4")
            case "/list.m3u8":
                return web.Response(text="#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
            case "/hang.mp4":
                response = web.StreamResponse()
                response.content_length = 100_000
                await response.prepare(request)
                await response.write(b"x" * 100)
                self.reached.set()
                await self.hang.wait()
                return response
        return web.Response(status=404)


class Receiver:
    """Takes notifications. ``letters`` holds what came: path, content type, body and the letter's id."""

    def __init__(self) -> None:
        self.url = ""
        self.letters: list[dict[str, Any]] = []
        self.refuse = 0
        """How many of the next ones get 503."""
        self.mute, self.heard, self.over = False, asyncio.Event(), asyncio.Event()
        """Whether the next ones get no answer before all is ``over``; ``heard`` is set when there was one."""
        self._news = asyncio.Condition()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        kind, name = request.headers["Content-Type"], request.headers.get("Mediaglot-Delivery")
        letter = {"path": request.path, "type": kind, "body": await request.read(), "id": name}
        if self.refuse:
            self.refuse -= 1
            return web.Response(status=503)
        async with self._news:
            self.letters.append(letter)
            self._news.notify_all()
        if self.mute:
            self.heard.set()
            await self.over.wait()
        return web.Response()

    async def at(self, path: str, count: int = 1, seconds: float = 30) -> list[Any]:
        """The ``result`` documents of the first ``count`` letters to ``path``."""

        def found() -> list[dict[str, Any]]:
            return [letter for letter in self.letters if letter["path"] == path]

        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: len(found()) >= count)
        return [document(letter) for letter in found()]


def document(letter: dict[str, Any]) -> Any:
    """What is under ``result``, however it was sent."""
    body = letter["body"]
    kind = "json" if "json" in letter["type"] else "xml"
    if letter["type"] == "application/x-www-form-urlencoded":
        ((kind, (text,)),) = parse_qs(body.decode(), strict_parsing=True).items()
        body = text.encode()
    if kind == "json":
        return orjson.loads(body)["result"]
    root = etree.fromstring(body)
    assert root.tag == "result"
    return plain(root)


class Process:
    """The real command ``mediaglot serve`` on a data folder of its own."""

    def __init__(self, process: Any, log: Path) -> None:
        self.process, self.log, self.site = process, log, ""

    async def end(self, number: int = signal.SIGTERM) -> int:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        async with asyncio.timeout(20):
            return await self.process.wait()


@pytest.fixture(scope="session")
def known_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server remembers of FFmpegs that it has seen: asking one for its features takes a tenth of a second."""
    return tmp_path_factory.mktemp("tool") / "ffmpeg.json"


@pytest.fixture(scope="session")
def the_tool(known_tools: Path) -> tool.Tool:
    return tool.find(None, known_tools)


@pytest.fixture(scope="session")
def clips(the_tool: tool.Tool, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Real clips by the names of their recipes, each made once a session."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str) -> Path:
        path = folder / name
        if not path.exists():
            target = folder / f"making-{name}"
            subprocess.run(recipe.argv(recipe.parse(name), the_tool, target), check=True, capture_output=True)
            target.replace(path)
        return path

    return make


@pytest.fixture(scope="session")
def slow(the_tool: tool.Tool, known_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An FFmpeg that reads its first source twice as fast as it would be played, and no faster."""
    program = tmp_path_factory.mktemp("slow") / "ffmpeg"
    pace = 'case " $* " in *" -protocol_whitelist "*) set -- -readrate 2 "$@";; esac'
    program.write_text(f'#!/bin/bash\n{pace}\nexec -a "$0" {the_tool.path} "$@"\n')
    program.chmod(0o755)
    tool.find(str(program), known_tools)
    return program


@pytest.fixture
def data(request: pytest.FixtureRequest, tmp_path: Path, known_tools: Path, the_tool: tool.Tool, slow: Path) -> Path:
    """The data folder of a server that knows its FFmpeg; for tests with one the clips that most of them use are there
    already."""
    folder = tmp_path / "data"
    (folder / "media").mkdir(parents=True)
    shutil.copy(known_tools, folder / known_tools.name)
    if request.node.get_closest_marker("ffmpeg") is None:
        return folder
    clips = request.getfixturevalue("clips")
    for name in ("bars-1s-320x180-25fps.mp4", "bars-2s-320x180-25fps.mp4", "bars-8s-320x180-25fps.mp4"):
        shutil.copy(clips(name), folder / "media" / name)
    return folder


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def visit(session: aiohttp.ClientSession) -> Callable[[str], Client]:
    return lambda site: Client(session, site)


@contextlib.asynccontextmanager
async def served(session: aiohttp.ClientSession, folder: Path, **settings: Any) -> AsyncIterator[Client]:
    """A server in this process on a free port, and a client of it."""
    server = Server(Settings(**{"port": 0, "data": folder, "check_contract": True, **settings}))
    runner = await listen(server)
    host, port = runner.addresses[0][:2]
    client = Client(session, f"http://{host}:{port}")
    client.server = server
    try:
        yield client
        keeps_its_contract(server)
    finally:
        await runner.cleanup()


def keeps_its_contract(server: Server) -> None:
    """Whatever a test did, each answer fits the schemas. Requests are read more leniently than they are described."""
    found = server.inspection.document() if server.inspection is not None else {"last": []}
    wrong = [each for each in found["last"] if each["rule"] == "response"]
    assert not wrong, "\n".join(map(str, wrong[:5]))


@pytest.fixture(scope="session", name="served")
def _served() -> Any:
    return served


@pytest.fixture
async def serve(session: aiohttp.ClientSession, data: Path) -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """Starts a server in this process on a free port; gives a client of it. ``settings`` are those of the command."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: Any) -> Client:
            return await stack.enter_async_context(served(session, settings.pop("data", data), **settings))

        yield start


@pytest.fixture
async def client(serve: Any) -> Client:
    return await serve()


class Born:
    """A process that the nursery bore, as asyncio would show it."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader, told: asyncio.StreamReader) -> None:
        self.pid, self.stdout, self._told = pid, stdout, told
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    async def wait(self) -> int:
        if self.returncode is None:
            self.returncode = int(await self._told.readline())
        return self.returncode


@contextlib.asynccontextmanager
async def reading() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A pipe's two ends."""
    end, begin = os.pipe()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(end, "rb"))
    try:
        yield reader, begin
    finally:
        transport.close()


Start = Callable[[tuple[str, ...], dict[str, str], Path], Awaitable[Process]]


@contextlib.asynccontextmanager
async def started(data: Path, logs: Path, begin: Start) -> AsyncIterator[Callable[..., Awaitable[Process]]]:
    """Starts the real command; returns when it has said where it answers."""
    processes: list[Process] = []
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MEDIAGLOT_")}

    async def start(*flags: str, folder: Path = data, **more: str) -> Process:
        words = ("serve", "--port", "0", "--data", str(folder), *flags)
        one = await begin(words, environment | more, logs / f"log-{len(processes)}.txt")
        processes.append(one)
        async with asyncio.timeout(30):
            one.site = (await one.process.stdout.readline()).decode().strip()
        return one

    yield start
    for one in processes:
        await one.end(signal.SIGKILL)


@pytest.fixture
async def command(data: Path, tmp_path: Path, nursery: Any) -> AsyncIterator[Callable[..., Awaitable[Process]]]:
    """Starts servers that the nursery bears."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(words: tuple[str, ...], environment: dict[str, str], log: Path) -> Process:
            stdout, out = await stack.enter_async_context(reading())
            told, tell = await stack.enter_async_context(reading())
            nothing = os.open(os.devnull, os.O_RDONLY)
            with log.open("wb") as errors:
                nursery.order(words, environment, nothing, out, errors.fileno(), tell, folder=None)
            for file in (nothing, out, tell):
                os.close(file)
            return Process(Born(int(await told.readline()), stdout, told), log)

        async with started(data, tmp_path, begin) as start:
            yield start


@pytest.fixture
async def program(data: Path, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Process]]]:
    """Starts servers as a shell does: each loads all that it is made of. ``ULIMIT`` is how many files it may open."""

    async def begin(words: tuple[str, ...], environment: dict[str, str], log: Path) -> Process:
        argv, pipes = (sys.executable, "-m", "mediaglot", *words), {"stdout": asyncio.subprocess.PIPE}
        if limit := environment.pop("ULIMIT", ""):
            argv = ("sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *argv)
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=subprocess.DEVNULL, stderr=errors, env=environment, **pipes
            )
        return Process(process, log)

    async with started(data, tmp_path, begin) as start:
        yield start


@contextlib.asynccontextmanager
async def standing(handler: Any) -> AsyncIterator[Any]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    handler.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield handler
    await runner.cleanup()


@pytest.fixture(name="standing")
def _standing() -> Any:
    return standing


@pytest.fixture
async def origin(clips: Callable[[str], Path]) -> AsyncIterator[Origin]:
    async with standing(Origin(clips)) as one:
        yield one
        one.hang.set()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with standing(Receiver()) as one:
        yield one
        one.over.set()


@pytest.fixture
async def mail_server() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Opens an SMTP server on a free port, which it gives. It ends with the test; nobody is served any more then."""
    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server] = []
    served: list[SMTP] = []

    async def stand(handler: object, **settings: Any) -> int:
        def greet() -> SMTP:
            served.append(SMTP(handler, loop=loop, enable_SMTPUTF8=True, **settings))
            return served[-1]

        servers.append(await loop.create_server(greet, "127.0.0.1", 0))
        return int(servers[-1].sockets[0].getsockname()[1])

    yield stand
    for server in servers:
        server.close()
    for each in served:
        if each.transport is not None:
            each.transport.abort()
    tasks = [task for each in served if (task := each._handler_coroutine) is not None]
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def measure() -> Callable[[bytes], dict[str, Any]]:
    """What PyAV finds in a file by decoding all of its pictures."""

    def look(content: bytes) -> dict[str, Any]:
        with av.open(io.BytesIO(content)) as box:
            found = {"codecs": {stream.type: stream.codec_context.codec.canonical_name for stream in box.streams}}
            if box.streams.video:
                first = box.streams.video[0]
                frames = sum(1 for _ in box.decode(first))
                found |= {"size": (first.codec_context.width, first.codec_context.height), "frames": frames}
                found |= {"seconds": float(frames / first.average_rate)}
            return found

    return look


@pytest.fixture
def encoders(data: Path) -> Callable[[], list[int]]:
    """The ids of the processes that work in the folders of jobs."""

    def look() -> list[int]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to((data / "work").resolve()):
                    found.append(int(entry.name))
        return found

    return look


@pytest.fixture(scope="session")
def certify(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """Makes a server's certificate with its key, for localhost and the given hosts, and that of the authority."""
    path = Path(__file__).parents[1] / "transfer" / "ftp" / "server.py"
    spec = importlib.util.spec_from_file_location("mediaglot_test_certificates", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *hosts: module.certify(tmp_path_factory.mktemp("certificates"), *hosts)


@pytest.fixture
def swept(data: Path) -> Callable[..., Awaitable[None]]:
    """Waits until nothing is left in these rooms of the data folder: it goes when the end of a job is written down."""

    async def sweep(*rooms: str) -> None:
        async def nothing() -> bool:
            return not [path for room in rooms for path in (data / room).glob("*")]

        await until(nothing)

    return sweep


@pytest.fixture
def no_mistakes(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that happens in the test may be a mistake of the server's; what aiohttp says of broken HTTP is none."""
    yield
    for record in (record for when in ("setup", "call") for record in caplog.get_records(when)):
        broken = record.exc_info and isinstance(record.exc_info[1], BadHttpMessage)
        assert broken or record.levelno < logging.ERROR, record.getMessage()


@pytest.fixture
def wait() -> Callable[..., Awaitable[Any]]:
    return until


@pytest.fixture
def visitor(client: Any, session: aiohttp.ClientSession) -> Callable[[str], Visitor]:
    """Gives a client of a dialect of the test's own server."""
    return lambda dialect: Visitor(session, f"{client.site}/{dialect}")


@pytest.fixture
def ended(wait: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Asks again until the status is one of some words."""

    async def until(ask: Callable[[], Awaitable[Any]], *words: str) -> Any:
        async def look() -> Any:
            found = await ask()
            return found if found["status"] in words else None

        return await wait(look)

    return until
