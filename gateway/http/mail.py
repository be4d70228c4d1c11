"""Letters to ``mailto:`` addresses, by SMTP.

The letter's headers ``Subject`` and ``Content-Type`` (text/plain, text/html ...) and its body, UTF-8, make the
message; everything else is ours. A ``mailto:`` URL's own header fields are not taken over.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import smtplib
import socket
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import partial
from typing import BinaryIO, Final
from urllib.parse import unquote

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.model import Secret, masked
from mediaglot.gateway.notify import Answer, Undeliverable
from mediaglot.gateway.store import Letter
from mediaglot.gateway.transfer.pinned import connect, look_up
from mediaglot.gateway.transfer.shuttle import Shuttle
from mediaglot.gateway.transfer.trust import Trust, tls_context

MOST: Final = 20
"""Receivers of one letter."""
LONGEST_SUBJECT: Final = 500
PARALLEL: Final = 4
MOST_SAID: Final = 64 * 1024
"""Bytes that a server may say in one conversation."""
CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
TEXT: Final = re.compile(r"text/([a-z0-9.+-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail goes out. ``tls``: off, starttls, or tls from the first byte. Without ``host`` there is no mail."""

    host: str = ""
    port: int = 25
    sender: str = "mediaglot@localhost"
    tls: str = "off"
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    timeout: float = 15.0
    """Seconds for each step of the conversation."""
    trust: Trust = field(default_factory=Trust)


class Mailer:
    """Sends letters, a few at a time in threads of their own. Call ``close`` at the end."""

    def __init__(self, server: MailServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._room = asyncio.Semaphore(PARALLEL)
        self._under_way: set[Shuttle] = set()

    async def __call__(self, letter: Letter) -> Answer:
        """The server's answer, 250 when it took the letter; a passing refusal (4xx) has its number too.

        Raises Undeliverable for a final refusal, an unusable letter, or where no server is configured.
        """
        if not self._server.host:
            raise Undeliverable("no mail server is configured: set smtp_host")
        message = self._message(letter, receivers(letter.url.reveal()))
        try:
            answer = await self._sent(message)
        except Undeliverable as final:
            raise Undeliverable(masked(str(final), [self._server.password.reveal()])) from None
        return answer._replace(text=masked(answer.text, [self._server.password.reveal()]))

    async def _sent(self, message: EmailMessage) -> Answer:
        try:
            refused = await self._talk(message)
        except smtplib.SMTPNotSupportedError as error:
            raise Undeliverable(f"the mail server can't take it: {error}") from error
        except smtplib.SMTPRecipientsRefused as error:
            return _refused(*min(error.recipients.values()))
        except (smtplib.SMTPConnectError, smtplib.SMTPHeloError) as error:
            return Answer(error.smtp_code, "the mail server does not want to talk")
        except smtplib.SMTPAuthenticationError as error:
            return Answer(error.smtp_code, "the mail server refused smtp_user and smtp_password")
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        return Answer(250, f"accepted, but not for {refused} of the receivers" if refused else "accepted")

    async def close(self) -> None:
        """Break off what is under way; it counts as not delivered."""
        for shuttle in self._under_way:
            shuttle.leave()

    def _message(self, letter: Letter, to: tuple[Address, ...]) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._server.sender
        message["To"] = to
        message["Subject"] = _one_line(letter.headers.get("Subject")) or f"Notification: {letter.event}"
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{letter.id}@mediaglot>"
        message["Auto-Submitted"] = "auto-generated"
        message["Mediaglot-Delivery"] = letter.id
        kind = TEXT.match(letter.headers.get("Content-Type"))
        # Base64: no line of the body can be too long or taken for the end of the mail.
        message.set_content(letter.body.decode(errors="replace"), subtype=kind[1] if kind else "plain", cte="base64")
        return message

    async def _talk(self, message: EmailMessage) -> int:
        """How many receivers the server refused, though not all. Whoever is cancelled hangs up."""
        server = self._server
        async with self._room:
            async with asyncio.timeout(server.timeout):
                sock = await connect(await look_up(server.host, server.port))
            self._under_way.add(shuttle := Shuttle())
            try:
                return await shuttle.run(partial(self._send, message, sock, shuttle))
            finally:
                self._under_way.discard(shuttle)

    def _send(self, message: EmailMessage, sock: socket.socket, shuttle: Shuttle) -> int:
        server = self._server
        with sock:
            # A second name of it, which is good whatever TLS makes of the first.
            shuttle.hold(sock.dup())
            sock.settimeout(server.timeout)
            context = tls_context(server.trust) if server.tls != "off" else None
            opened = sock
            if context is not None and server.tls == "tls":
                opened = context.wrap_socket(sock, server_hostname=server.host)
            with opened, contextlib.closing(Conversation(opened, server)) as connection:
                if server.tls == "starttls":
                    connection.starttls(context=context)
                if server.user:
                    connection.login(server.user, server.password.reveal())
                refused = connection.send_message(message)
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    connection.quit()
        return len(refused)


class Conversation(smtplib.SMTP):
    """With a server that may find no end."""

    def __init__(self, opened: socket.socket, server: MailServer) -> None:
        self._opened = opened
        ours = server.sender.rpartition("@")[2].strip("> ")
        super().__init__(server.host, server.port, ours, timeout=server.timeout)

    def _get_socket(self, *_: object) -> socket.socket:
        return self._opened

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = Words(self.sock.makefile("rb"))
        return super().getreply()


class Words:
    """What a server says, as long as anybody would listen."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, MOST_SAID
        self.close = file.close

    def readline(self, most: int) -> bytes:
        line = self._file.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("it says too much")
        return line


def receivers(url: str) -> tuple[Address, ...]:
    """The addresses of a ``mailto:`` URL. Raises Undeliverable where one could be more than an address."""
    scheme, _, rest = url.partition(":")
    given = [unquote(part).strip() for part in rest.partition("?")[0].split(",")]
    if scheme.lower() != "mailto" or not 1 <= len(given) <= MOST:
        raise Undeliverable("not one to twenty mail addresses")
    try:
        return tuple(_address(text) for text in given)
    except (ValueError, IndexError):
        # The parser of addresses raises IndexError for some that end too soon.
        raise Undeliverable("not a usable mail address") from None


def _address(text: str) -> Address:
    if CONTROLS.search(text) or len(text) > 320 or not re.fullmatch(r'[^\s,;<>@"]+@[^\s,;<>@]+', text):
        raise ValueError("is no address")
    return Address(addr_spec=text)


def _refused(status: int, said: bytes | str) -> Answer:
    text = _one_line(said.decode(errors="replace") if isinstance(said, bytes) else said)
    if 500 <= status < 600:
        raise Undeliverable(f"{status} {text}")
    return Answer(status, text)


def _one_line(text: str) -> str:
    return CONTROLS.sub(" ", text).strip()[:LONGEST_SUBJECT]
