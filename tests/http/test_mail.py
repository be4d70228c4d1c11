"""Notifications by e-mail: to a real SMTP server, and given up where they can't go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from mediaglot.gateway.clock import RealClock, VirtualClock
from mediaglot.gateway.exchange import headers
from mediaglot.gateway.http.client import Sender
from mediaglot.gateway.http.mail import Mailer, MailServer, receivers
from mediaglot.gateway.model import Secret
from mediaglot.gateway.notify import Answer, Backoff, Courier, Undeliverable
from mediaglot.gateway.store import Key, Letter, LetterState, Topic
from mediaglot.gateway.store.sqlite import SqliteStore
from mediaglot.gateway.transfer.policy import Policy

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JOB = Key("acme", "ann", "1")


class Postbox:
    """Keeps what it is given. ``refusals`` are answers to the next receivers, instead of taking them."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.users: list[str | None] = []
        self.refusals: list[str] = []
        self.port = 0

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, to: str, options: Any) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        self.users.append(session.auth_data.login.decode() if session.auth_data else None)
        return "250 Message accepted"

    def only(self) -> EmailMessage:
        (envelope,) = self.envelopes
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.SMTP)
        assert isinstance(message, EmailMessage)
        return message


@pytest.fixture
async def box(mail_server: Any) -> Postbox:
    one = Postbox()
    one.port = await mail_server(one)
    return one


@pytest.fixture
async def mailer() -> AsyncIterator[Callable[..., Mailer]]:
    made: list[Mailer] = []

    def make(port: int, **more: Any) -> Mailer:
        server = MailServer(host="127.0.0.1", port=port, sender="Films <films@media.example>", **more)
        made.append(Mailer(server, VirtualClock(START)))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def letter(url: str = "mailto:ann@example.com", body: str = "It is done.\n", **lines: str) -> Letter:
    return Letter(
        id="letter-1",
        key=JOB,
        target="t",
        event="finished",
        url=Secret(url),
        due=START,
        headers=headers(**lines),
        body=body.encode(),
    )


async def test_a_letter_arrives_as_it_was_written(box: Postbox, mailer: Callable[..., Mailer]) -> None:
    body = "Größe: 5\n.\n.hidden dots\n" + "x" * 2000 + "\n"
    answer = await mailer(box.port)(letter(body=body, subject="Job 1: fertig ü", content_type="text/plain"))
    assert answer == Answer(250, "accepted")
    mail = box.only()
    assert mail.get_content().splitlines() == body.splitlines()
    assert mail.get_content_type() == "text/plain"
    assert mail["Subject"] == "Job 1: fertig ü"
    assert (mail["From"], mail["To"]) == ("Films <films@media.example>", "ann@example.com")
    assert (box.envelopes[0].mail_from, box.envelopes[0].rcpt_tos) == ("films@media.example", ["ann@example.com"])
    assert mail["Date"].datetime == START
    assert (mail["Message-ID"], mail["Mediaglot-Delivery"]) == ("<letter-1@mediaglot>", "letter-1")


async def test_html_and_a_missing_subject(box: Postbox, mailer: Callable[..., Mailer]) -> None:
    await mailer(box.port)(letter(body="<b>ok</b>", content_type="text/html; charset=utf-8"))
    assert box.only().get_content_type() == "text/html"
    assert box.only().get_content().rstrip() == "<b>ok</b>"
    assert box.only()["Subject"] == "Notification: finished"


async def test_several_receivers_and_a_name_in_percents(box: Postbox, mailer: Callable[..., Mailer]) -> None:
    await mailer(box.port)(letter("mailto:ann%2Bfilms@example.com,bob@example.com?subject=no&bcc=eve@example.com"))
    assert box.envelopes[0].rcpt_tos == ["ann+films@example.com", "bob@example.com"]
    assert "eve" not in box.only().as_string()
    assert box.only()["Subject"] == "Notification: finished"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x00"])
async def test_a_subject_can_not_bring_headers(box: Postbox, mailer: Callable[..., Mailer], end: str) -> None:
    await mailer(box.port)(letter(subject=f"Done{end}Bcc: eve@example.com{end}{end}body"))
    assert box.envelopes[0].rcpt_tos == ["ann@example.com"]
    assert box.only()["Bcc"] is None
    assert box.only()["Subject"].startswith("Done Bcc: eve@example.com")


@pytest.mark.parametrize(
    "url",
    [
        "mailto:",
        "mailto:ann",
        "mailto:ann@",
        "mailto:@example.com",
        "mailto:ann@example.com%0d%0aBcc:eve@example.com",
        "mailto:ann@example.com%0aRCPT TO:<eve@example.com>",
        "mailto:ann@example.com%00",
        "mailto:ann@exam%2Cple.com,",
        "mailto:Eve <eve@example.com>",
        "mailto:a@b@example.com",
        "mailto:" + "a" * 400 + "@example.com",
        "mailto:" + ",".join(f"a{n}@example.com" for n in range(21)),
        "http://example.com/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Undeliverable):
        receivers(url)


async def test_name_and_password(mail_server: Any, mailer: Callable[..., Mailer]) -> None:
    def admit(server: Any, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
        known = (data.login, data.password) == (b"films", b"hush")
        return AuthResult(success=known, handled=known, auth_data=data)

    box = Postbox()
    box.port = await mail_server(box, authenticator=admit, auth_require_tls=False)
    await mailer(box.port, user="films", password=Secret("hush"))(letter())
    assert box.users == ["films"]
    refused = await mailer(box.port, user="films", password=Secret("wrong"))(letter())
    assert refused == Answer(535, "the mail server refused smtp_user and smtp_password")
    assert len(box.envelopes) == 1


async def test_a_final_refusal_is_told_from_a_passing_one(box: Postbox, mailer: Callable[..., Mailer]) -> None:
    box.refusals = ["550 No such user", "450 Try later"]
    with pytest.raises(Undeliverable, match="550 No such user"):
        await mailer(box.port)(letter())
    assert await mailer(box.port)(letter()) == Answer(450, "Try later")
    assert box.envelopes == []


async def test_what_some_receivers_get_counts_as_delivered(box: Postbox, mailer: Callable[..., Mailer]) -> None:
    box.refusals = ["550 No such user"]
    answer = await mailer(box.port)(letter("mailto:gone@example.com,bob@example.com"))
    assert answer == Answer(250, "accepted, but not for 1 of the receivers")
    assert box.envelopes[0].rcpt_tos == ["bob@example.com"]


async def test_tls_wants_a_certificate_that_can_be_checked(box: Postbox, mailer: Callable[..., Mailer]) -> None:
    """A server without STARTTLS gets nothing in the clear."""
    with pytest.raises(Undeliverable, match="STARTTLS"):
        await mailer(box.port, tls="starttls")(letter())
    assert box.envelopes == []


async def test_a_server_that_is_silent_does_not_hold_up_the_end(mailer: Callable[..., Mailer]) -> None:
    greeted = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        greeted.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        slow = mailer(server.sockets[0].getsockname()[1])
        sending = asyncio.create_task(slow(letter()))
        async with asyncio.timeout(10):
            await greeted.wait()
            await slow.close()
            with pytest.raises(OSError, match="closed"):
                await sending


async def test_a_server_that_finds_no_end_is_not_listened_to(mailer: Callable[..., Mailer]) -> None:
    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220-hello and\r\n" * 20_000 + b"220 hello\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(chatter, "127.0.0.1", 0)
    async with server, asyncio.timeout(10):
        with pytest.raises(SMTPServerDisconnected, match="too much"):
            await mailer(server.sockets[0].getsockname()[1])(letter())


@pytest.mark.parametrize("greeting", [b"", b"220 hello\r\n"], ids=["greeting", "answer"])
async def test_who_waits_no_longer_for_a_server_hangs_up(mailer: Callable[..., Mailer], greeting: bytes) -> None:
    reached, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        if greeting:
            await reader.readline()
        reached.set()
        await reader.read()
        gone.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server, asyncio.timeout(10):
        sending = asyncio.create_task(mailer(server.sockets[0].getsockname()[1])(letter()))
        await reached.wait()
        sending.cancel()
        await gone.wait()
        with pytest.raises(asyncio.CancelledError):
            await sending


class Log:
    """The store's letters as they change."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._news = asyncio.Event()
        store.watch(Topic.LETTERS, lambda _: self._news.set())

    async def ended(self) -> Letter:
        async with asyncio.timeout(20):
            while (found := await self._store.letter("letter-1")) is None or found.state is LetterState.OPEN:
                self._news.clear()
                await self._news.wait()
        return found


@pytest.fixture
async def end_of(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Posts a letter, lets a courier deliver it, and gives it as it is in the end."""
    async with await SqliteStore.open(tmp_path / "data") as store:

        async def post(one: Letter, send: Any) -> Letter:
            log = Log(store)
            async with store.write() as tx:
                await tx.post(one)
            courier = Courier(store, send, RealClock(), backoff=Backoff(first=0.001))
            running = asyncio.create_task(courier.run())
            try:
                return await log.ended()
            finally:
                running.cancel()
                await asyncio.wait([running])

        yield post


async def test_the_courier_brings_mail_and_repeats_what_was_put_off(
    end_of: Callable[..., Any], box: Postbox, mailer: Callable[..., Mailer]
) -> None:
    box.refusals = ["450 Try later"]
    sent = await end_of(letter(subject="Done"), Sender(Policy(), RealClock(), mailer(box.port)))
    assert (sent.state, sent.attempts, sent.status) == (LetterState.DELIVERED, 2, 250)
    assert box.only()["Subject"] == "Done"


async def test_without_a_mail_server_a_letter_is_given_up_at_once(
    end_of: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    lost = await end_of(letter(), Sender(Policy(), RealClock(), Mailer(MailServer(), RealClock())))
    assert (lost.state, lost.attempts, lost.status) == (LetterState.GIVEN_UP, 1, None)
    assert lost.answer == "no mail server is configured: set smtp_host"
    assert "given up after 1 attempts: no mail server is configured" in caplog.text


@pytest.mark.parametrize("url", ["mailto:ann@example.com", "ftp://example.com/x"])
async def test_a_scheme_that_nobody_takes_is_given_up_at_once(end_of: Callable[..., Any], url: str) -> None:
    lost = await end_of(letter(url), Sender(Policy(), RealClock()))
    assert (lost.state, lost.attempts) == (LetterState.GIVEN_UP, 1)
