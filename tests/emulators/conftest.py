"""A ticket of this provider in any state, and its answers as a client reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote_plus

import aiohttp
import pytest
from aiohttp import web
from lxml import etree
from yarl import URL

from mediaglot.emulators.encoding_com import Dialect
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.config import Settings
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.errand import Errand, Glimpse
from mediaglot.gateway.exchange import CreateJob, Headers, Request, Response
from mediaglot.gateway.http.app import Server, listen
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import (
    AudioFacts,
    Delivery,
    File,
    Made,
    MediaFacts,
    Phase,
    Source,
    Status,
    Step,
    Ticket,
    VideoFacts,
)

T = TypeVar("T")
OVER: Final = frozenset({Status.FINISHED, Status.FAILED, Status.CANCELLED})
START = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2020, 1, 2, 3, 5, 0, tzinfo=UTC)
FACTS = MediaFacts(
    container="mov",
    size=2_259_000,
    duration=Fraction(646483, 100),
    bitrate=1_807_400,
    video=(
        VideoFacts(
            codec="h264",
            profile="High",
            width=640,
            height=352,
            frame_rate=Fraction(24000, 1001),
            bitrate=1_679_000,
            duration=Fraction(10),
            pixel_aspect=Fraction(1),
            display_aspect=Fraction(20, 11),
            rotation=90,
        ),
    ),
    audio=(AudioFacts(codec="aac", sample_rate=48_000, channels=2, bitrate=128_000, duration=Fraction(10)),),
)


def post(field: str, query: dict[str, Any]) -> Request:
    text = json.dumps({"query": query}) if field == "json" else f"<query>{''.join(elements(query))}</query>"
    site = "https://gate.example"
    return Request(method="POST", body=f"{field}={quote_plus(text)}".encode(), base=f"{site}/encoding_com", site=site)


def elements(query: dict[str, Any]) -> list[str]:
    return [
        f"<{key}>{''.join(elements(item)) if isinstance(item, dict) else item}</{key}>"
        for key, value in query.items()
        for item in (value if isinstance(value, list) else [value])
    ]


class Client:
    """Asks the dialect for the answer to an action, given the result of a backend."""

    def __init__(self, **options: str) -> None:
        self.dialect = Dialect(**options)

    def call(self, action: str, field: str, query: dict[str, Any]) -> Call:
        request = post(field, {"userid": "7", "userkey": "k", "action": action, **query})
        call = self.dialect.open(request)
        return Call(**{name: getattr(call, name) for name in ("request", "wire", "route", "tree", "params")} | {
            "account": Account(id="7-abc", user="7"), "credential": call.credential,
        })  # fmt: skip

    def json(self, action: str, result: Any, **query: Any) -> Any:
        answer = self.dialect.render_response(self.call(action, "json", query), result)
        assert answer.status == 200
        assert list(json.loads(answer.body)) == ["response"]
        return json.loads(answer.body)["response"]

    def xml(self, action: str, result: Any, **query: Any) -> Any:
        answer = self.dialect.render_response(self.call(action, "xml", query), result)
        return etree.fromstring(answer.body)

    def job(self, *formats: dict[str, Any], source: Any = "http://u:p@h/in.mov", **query: Any) -> Any:
        """The job that a client's own words make."""
        document = {"userid": "7", "userkey": "k", "action": "AddMediaBenchmark", "source": source, **query}
        request = post("json", {**document, "format": list(formats)})
        intent = self.dialect.read(self.dialect.open(request), Ledger())
        assert isinstance(intent, CreateJob)
        return intent.job


def made(number: int, output: Any, status: Status, phase: Phase | None = None, **changes: Any) -> Made:
    facts: dict[str, Any] = {
        "id": str(9001 + number),
        "status": status,
        "phase": phase,
        "created": START,
        "deliveries": tuple(Delivery(location=location) for location in output.destinations),
        "history": (Step(at=START, status=Status.QUEUED),),
    }
    return Made(**{**facts, **changes})


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def client_with() -> type[Client]:
    return Client


@pytest.fixture
def facts() -> MediaFacts:
    return FACTS


@pytest.fixture
def new(client: Client) -> Callable[..., Ticket]:
    """A ticket just taken in, for formats as the client wrote them."""

    def build(*formats: dict[str, Any], changes: dict[str, Any] | None = None, **query: Any) -> Ticket:
        job = client.job(*formats, **query)
        facts: dict[str, Any] = {
            "id": "5001",
            "account": "7-abc",
            "dialect": "encoding_com",
            "job": job,
            "created": START,
            "sources": tuple(Source(id=str(index)) for index in range(len(job.inputs))),
            "outputs": tuple(made(number, output, Status.QUEUED) for number, output in enumerate(job.outputs)),
        }
        return Ticket(**{**facts, **(changes or {})})

    return build


@pytest.fixture
def done(client: Client) -> Callable[..., Ticket]:
    """A ticket at its end, every destination saved, or every file kept where there is none."""

    def build(*formats: dict[str, Any], changes: dict[str, Any] | None = None, **query: Any) -> Ticket:
        job = client.job(*formats, **query)
        outputs = tuple(
            made(
                number,
                output,
                Status.FINISHED,
                queued=START,
                started=START,
                finished=LATER,
                deliveries=tuple(Delivery(location=location, saved=True) for location in output.destinations),
                files=(File(path=f"room/{9001 + number}/out.mp4", size=4096, facts=FACTS),),
            )
            for number, output in enumerate(job.outputs)
        )
        facts: dict[str, Any] = {
            "id": "5001",
            "account": "7-abc",
            "dialect": "encoding_com",
            "job": job,
            "created": START,
            "started": START,
            "fetched": START,
            "stored": LATER,
            "finished": LATER,
            "status": Status.FINISHED,
            "previous": (Status.RUNNING, Phase.STORING),
            "progress": Fraction(1),
            "phase_progress": Fraction(1),
            "left": 0,
            "sources": tuple(Source(id=str(index), size=FACTS.size, facts=FACTS) for index in range(len(job.inputs))),
            "outputs": outputs,
        }
        return Ticket(**{**facts, **(changes or {})})

    return build


# --- clients of providers ---------------------------------------------------------------------------


class Upstream:
    """A provider over HTTP; errands run against it until they are over."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session, self.base = session, base
        self.asked: list[tuple[str, str]] = []

    async def run(self, errand: Errand[T]) -> T:
        try:
            request = next(errand)
            while True:
                request = errand.send(await self.send(request))
        except StopIteration as end:
            return cast("T", end.value)

    async def send(self, request: Request) -> Response:
        url = f"{self.base}{request.path}" + (f"?{request.query}" if request.query else "")
        self.asked.append((request.method, request.path))
        async with self.session.request(
            request.method,
            URL(url, encoded=True),
            data=request.body or None,
            headers=request.headers.lines,
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
        ) as answer:
            lines = tuple(answer.headers.items())
            return Response(status=answer.status, headers=Headers(lines=lines), body=await answer.read())

    async def ended(self, look: Callable[[], Errand[Glimpse]]) -> Glimpse:
        """Looks until the job is over."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30):
            while (seen := await self.run(look())).status not in OVER:
                pause = loop.create_future()
                loop.call_later(0.02, pause.set_result, None)
                await pause
        return seen


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def upstream(session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Upstream]]]:
    """Starts a server of ours that only pretends to work, and gives the provider ``dialect`` in it."""
    runners: list[web.AppRunner] = []

    async def start(dialect: str, **settings: Any) -> Upstream:
        facts = {"port": 0, "data": tmp_path / "data", "backend": "simulated", "dialects": (dialect,), **settings}
        runners.append(await listen(Server(Settings(**facts))))
        host, port = runners[-1].addresses[0][:2]
        return Upstream(session, f"http://{host}:{port}/{dialect.partition(',')[0]}")

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def canned(session: aiohttp.ClientSession) -> AsyncIterator[Callable[..., Awaitable[Upstream]]]:
    """Starts a provider that has one answer to everything."""
    runners: list[web.ServerRunner] = []

    async def start(status: int, body: bytes = b"", **headers: str) -> Upstream:
        lines = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=status, body=body, headers=lines)

        runners.append(web.ServerRunner(web.Server(answer), shutdown_timeout=0.1))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        return Upstream(session, f"http://127.0.0.1:{runners[-1].addresses[0][1]}")

    yield start
    for runner in runners:
        await runner.cleanup()


class Ear:
    """Takes what providers send, as the requests that clients hear."""

    def __init__(self) -> None:
        self.url = ""
        self.came: list[Request] = []
        self._news = asyncio.Condition()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        lines, body = tuple(request.headers.items()), await request.read()
        async with self._news:
            self.came.append(Request(method=request.method, headers=Headers(lines=lines), body=body))
            self._news.notify_all()
        return web.Response()

    async def hears(self, enough: Callable[[list[Request]], bool]) -> list[Request]:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: enough(self.came))
        return self.came


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    ear = Ear()
    runner = web.ServerRunner(web.Server(ear), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ear.url = f"http://127.0.0.1:{runner.addresses[0][1]}/news"
    yield ear
    await runner.cleanup()
