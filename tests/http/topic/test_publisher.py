"""What is published, what of it is tried again, and where nothing goes."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.exchange import headers
from mediaglot.gateway.http.client import Sender
from mediaglot.gateway.http.publisher import MOST, NotPublished, Publisher
from mediaglot.gateway.model import Secret
from mediaglot.gateway.notify import Answer, Backoff, Courier, Undeliverable
from mediaglot.gateway.store import Key, Letter, LetterFilter, LetterState, Topic
from mediaglot.gateway.store.sqlite import SqliteStore
from mediaglot.gateway.transfer.endpoint import Keys
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.reach import Reach
from mediaglot.gateway.transfer.signature import _loaded
from mediaglot.gateway.transfer.topic import Outlet
from mediaglot.gateway.transfer.trust import Trust

START = datetime(2026, 1, 1, tzinfo=UTC)
ARN = "arn:aws:sns:eu-west-1:123456789012:films"
KEYS = Keys(user="KEY-OF-FILMS", secret=Secret("SE/CR+ET-of-the-topics"))
GATEWAY = "https://abc123.execute-api.eu-west-1.amazonaws.com/prod/told?stage=1"


def letter(url: str = ARN, body: str = "It is done.\n", number: int = 1, job: str = "5001", **lines: str) -> Letter:
    return Letter(
        id=f"letter-{number}",
        key=Key("films", "100", job),
        target="t",
        event="finished",
        url=Secret(url),
        due=START,
        headers=headers(**lines),
        body=body.encode(),
    )


@pytest.fixture
async def publisher(bus: Any) -> AsyncIterator[Callable[..., Publisher]]:
    made: list[Publisher] = []

    def make(*outlets: Outlet, policy: Policy | None = None, **more: Any) -> Publisher:
        made.append(Publisher(outlets or (bus.outlet(),), policy or Policy(), **more))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_what_a_letter_says_of_itself(publisher: Any, bus: Any) -> None:
    topic = await bus.topic()
    answer = await publisher()(letter(topic.arn, "größe=5&a=b c\n", subject="Job 1: fertig ü " + "x" * 200))
    (envelope,) = await topic.told()
    assert answer == Answer(200, f"message {envelope['MessageId']}")
    assert envelope["Message"] == "größe=5&a=b c\n"
    assert envelope["Subject"] == ("Job 1: fertig   " + "x" * 200)[:99]
    assert envelope["MessageAttributes"] == {"Mediaglot-Delivery": {"Type": "String", "Value": "letter-1"}}


async def test_a_session_token_goes_along_and_is_signed(publisher: Any, bus: Any) -> None:
    keys = replace(KEYS, token=Secret("token-of-a-session"))
    await publisher(bus.outlet(keys=keys))(letter((await bus.topic()).arn))
    (sent,) = bus.headers
    assert sent["X-Amz-Security-Token"] == "token-of-a-session"
    assert "x-amz-security-token" in sent["Authorization"]


async def test_the_first_entry_that_fits_signs(publisher: Any, bus: Any) -> None:
    topic = await bus.topic()
    bus.keys["OWN"] = "own-secret"
    own = Outlet(topic=f"{topic.arn[:-3]}*", keys=Keys(user="OWN", secret=Secret("own-secret")), url=bus.url)
    nowhere = Outlet(topic=f"{topic.arn}-more", keys=KEYS, url="http://127.0.0.1:9")
    assert (await publisher(nowhere, own, bus.outlet())(letter(topic.arn))).status == 200
    assert "Credential=OWN/" in bus.headers[0]["Authorization"]


@pytest.mark.parametrize(
    ("status", "text", "told"),
    [
        (400, "<Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>", "Throttling (Rate exceeded)"),
        (403, "<Code>AuthorizationError</Code><Message>a\n&lt;b&gt;</Message>", "AuthorizationError (a <b>)"),
        (503, "<Code>ServiceUnavailable</Code>", "ServiceUnavailable ()"),
        (502, "Bad gateway", "Bad gateway"),
    ],
)
async def test_a_refusal_is_told_in_one_line(publisher: Any, bus: Any, status: int, text: str, told: str) -> None:
    bus.answers = [(status, text)]
    assert await publisher()(letter()) == Answer(status, told)


async def test_a_topic_that_is_not_there_is_told(publisher: Any, bus: Any) -> None:
    gone = f"{(await bus.topic()).arn}-gone"
    assert await publisher()(letter(gone)) == Answer(404, "NotFound (Endpoint does not exist)")


async def test_an_answer_may_come_in_pieces(publisher: Any, bus: Any) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<PublishResponse><MessageId>a1")
        await asyncio.sleep(0.05)
        writer.write(b"b2</MessageId></PublishResponse>")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        slow = bus.outlet(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert await publisher(slow)(letter()) == Answer(200, "message a1b2")


async def test_a_server_that_says_yes_and_has_published_nothing_is_not_believed(publisher: Any, bus: Any) -> None:
    bus.answers = [(200, "<html>Welcome!</html>")]
    with pytest.raises(NotPublished):
        await publisher()(letter())


@pytest.mark.parametrize(
    "url",
    [
        "arn:aws:sns:eu-west-1:123456789012:films:5f2b3c4d-0000-4000-8000-000000000000",
        "arn:aws:sqs:eu-west-1:123456789012:films",
        "arn:aws:sns::123456789012:films",
        "arn:aws:sns:evil.example/#-1:123456789012:films",
        "arn:aws:sns:eu-west-1.evil.example:123456789012:films",
        "arn:evil:sns:eu-west-1:123456789012:films",
        "arn:aws:sns:eu-west-1:1234:films",
        "arn:aws:sns:eu-west-1:123456789012:fil ms",
        "arn:aws:sns:eu-west-1:123456789012:films\n",
        "arn:aws:sns:eu-west-1:123456789012:" + "a" * 252 + ".fifo",
        "arn:aws:sns:eu-west-1:١٢٣٤٥٦٧٨٩٠١٢:films",
        "arn:",
    ],
)
async def test_what_is_no_topic_is_given_up(publisher: Any, bus: Any, url: str) -> None:
    with pytest.raises(Undeliverable, match="is no ARN of a topic"):
        await publisher()(letter(url))
    assert bus.asked == []


async def test_what_is_too_large_or_empty_is_given_up_and_the_largest_arrives(publisher: Any, bus: Any) -> None:
    topic, name = await bus.topic(), len("Content-TypeStringMediaglot-DeliveryStringletter-1")
    await publisher()(letter(topic.arn, "ü" * ((MOST - name) // 2)))
    assert len((await topic.told())[0]["Message"]) == (MOST - name) // 2
    with pytest.raises(Undeliverable, match=f"has {MOST + 2} bytes with its attributes, and Amazon SNS takes {MOST}"):
        await publisher()(letter(topic.arn, "ü" * ((MOST - name) // 2 + 1)))
    with pytest.raises(Undeliverable, match="takes no empty message"):
        await publisher()(letter(topic.arn, ""))
    assert len(bus.asked) == 1


async def test_without_the_extra_the_command_is_told(publisher: Any, bus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("botocore", "botocore.auth"):
        monkeypatch.setitem(sys.modules, name, None)
    _loaded.cache_clear()
    with pytest.raises(Undeliverable) as caught:
        await publisher()(letter())
    assert str(caught.value) == "signing is not installed: pip install 'mediaglot[s3]'"
    assert bus.asked == []


# --- the outbox ---------------------------------------------------------------------------------------


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Lets a courier deliver letters, and gives them as they are when none is open any more."""
    async with await SqliteStore.open(tmp_path / "outbox") as store:

        async def run(send: Any, *written: Letter) -> list[Letter]:
            news = asyncio.Event()
            store.watch(Topic.LETTERS, lambda _: news.set())
            async with store.write() as tx:
                for one in written:
                    await tx.post(one)
            courier = Courier(store, send, RealClock(), retries=3, backoff=Backoff(first=0.001))
            running = asyncio.create_task(courier.run())
            try:
                async with asyncio.timeout(20):
                    while await store.find_letters(LetterFilter(state=LetterState.OPEN), 1, None):
                        news.clear()
                        await news.wait()
            finally:
                running.cancel()
                await asyncio.wait([running])
            found = [await store.letter(one.id) for one in written]
            return [one for one in found if one is not None]

        yield run


async def test_what_is_refused_for_now_is_repeated_and_stays_in_order(post: Any, publisher: Any, bus: Any) -> None:
    topic = await bus.topic(fifo=True)
    bus.answers = [(400, "<Code>Throttling</Code>"), (500, "<Code>InternalError</Code>")]
    send = Sender(Policy(), RealClock(), topics=publisher())
    sent = await post(send, *(letter(topic.arn, f"{number}", number) for number in (1, 2, 3)))
    assert [(one.state, one.attempts) for one in sent] == [(LetterState.DELIVERED, count) for count in (3, 1, 1)]
    assert [each["Message"] for each in await topic.told()] == ["1", "2", "3"]
    ids = [each["MessageDeduplicationId"] for each in bus.asked]
    assert ids == ["letter-1"] * 3 + ["letter-2", "letter-3"]


async def test_what_is_refused_for_good_is_given_up_in_the_end(post: Any, publisher: Any, bus: Any) -> None:
    send = Sender(Policy(), RealClock(), topics=publisher())
    (lost,) = await post(send, letter(f"{(await bus.topic()).arn}-gone"))
    assert (lost.state, lost.attempts, lost.status) == (LetterState.GIVEN_UP, 3, 404)
    assert lost.answer == "NotFound (Endpoint does not exist)"


@pytest.mark.parametrize("lists", [{"deny_host": ["*.amazonaws.com"]}, {"allow_host": ["example.com"]}])
async def test_the_provider_s_own_server_is_under_the_policy(post: Any, publisher: Any, lists: Any) -> None:
    policy = Policy(reach=Reach.parse(**lists))
    topics = publisher(Outlet(topic="*", keys=KEYS), policy=policy)
    (lost,) = await post(Sender(policy, RealClock(), topics=topics), letter())
    assert (lost.state, lost.attempts) == (LetterState.GIVEN_UP, 1)
    assert lost.answer == "the policy does not allow it (host)"


# --- the provider's own hosts, which a resolver leads to this machine ----------------------------------


class Here(AbstractResolver):
    def __init__(self, port: int) -> None:
        self.port, self.names = port, list[str]()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.names.append(host)
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self.port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module")
def certificates(certify: Callable[..., tuple[Path, Path]]) -> tuple[Path, Path]:
    return certify(
        "sns.eu-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn", "*.execute-api.eu-west-1.amazonaws.com"
    )


class Cloud:
    """Serves all of them by TLS."""

    def __init__(self, authority: Path) -> None:
        self.policy = Policy(local_addresses=True, trust=Trust(ca_bundle=authority))
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.resolver = Here(0)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        line = (request.method, request.headers["Host"], request.raw_path, await request.read())
        self.asked.append(line)
        sns = request.headers["Host"].startswith("sns.")
        return web.Response(text="<MessageId>1-2</MessageId>" if sns else '{"message": "thanks"}')


@pytest.fixture
async def cloud(certificates: tuple[Path, Path]) -> AsyncIterator[Cloud]:
    one = Cloud(certificates[1])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates[0])
    runner = web.ServerRunner(web.Server(one), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    one.resolver.port = runner.addresses[0][1]
    yield one
    await runner.cleanup()


@pytest.mark.parametrize(
    ("arn", "host"),
    [
        (ARN, "sns.eu-west-1.amazonaws.com"),
        ("arn:aws-cn:sns:cn-north-1:123456789012:films", "sns.cn-north-1.amazonaws.com.cn"),
    ],
)
async def test_without_an_endpoint_the_region_s_own_server_is_asked_by_tls(
    publisher: Any, cloud: Cloud, arn: str, host: str
) -> None:
    send = publisher(Outlet(topic="*", keys=KEYS), policy=cloud.policy, resolver=cloud.resolver)
    assert await send(letter(arn)) == Answer(200, "message 1-2")
    assert [each[:3] for each in cloud.asked] == [("POST", host, "/")]
    assert cloud.resolver.names == [host]


async def test_a_certificate_that_nobody_knows_stops_it(publisher: Any, cloud: Cloud) -> None:
    policy = replace(cloud.policy, trust=Trust())
    send = publisher(Outlet(topic="*", keys=KEYS), policy=policy, resolver=cloud.resolver)
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await send(letter())
    assert cloud.asked == []


async def test_an_api_gateway_is_a_receiver_like_others(post: Any, cloud: Cloud) -> None:
    sender = Sender(cloud.policy, RealClock(), resolver=cloud.resolver)
    (sent,) = await post(sender, letter(GATEWAY, '{"result": {}}', content_type="application/json"))
    await sender.close()
    assert (sent.state, sent.status, sent.answer) == (LetterState.DELIVERED, 200, '{"message": "thanks"}')
    host = "abc123.execute-api.eu-west-1.amazonaws.com"
    assert cloud.asked == [("POST", host, "/prod/told?stage=1", b'{"result": {}}')]
