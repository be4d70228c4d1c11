"""Servers that lie: what they say is bounded, and where they point to is not followed."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from dataclasses import replace

import pytest

from mediaglot.gateway.faults import SourceForbidden, SourceMissing, SourceTimeout, SourceUnreachable
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer.ftp import Ftp
from mediaglot.gateway.transfer.ftp_line import Line
from mediaglot.gateway.transfer.reach import Reach
from mediaglot.gateway.transfer.shuttle import Shuttle
from mediaglot.gateway.transfer.site import site

BODY = bytes(range(256)) * 40


class Liar:
    """Answers by its table; what is not there gets 200. ``data`` is what its data connections give."""

    def __init__(self) -> None:
        self.said, self.data_peers, self.table, self.url, self.port = [], [], {}, "", 0
        self.greeting = b"220 hello\r\n"
        self.writers = []

    async def talk(self, reader, writer):
        self.writers.append(writer)
        writer.write(self.greeting)
        try:
            while line := await reader.readline():
                words = line.decode().strip()
                self.said.append(words)
                answer = self.table.get(words.partition(" ")[0], b"200 fine\r\n")
                writer.write(answer.replace(b"HIGH,LOW", f"{self.port // 256},{self.port % 256}".encode()))
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    async def give(self, _, writer):
        self.writers.append(writer)
        self.data_peers.append(writer.get_extra_info("peername"))
        writer.write(BODY)
        writer.close()


@pytest.fixture
async def liar():
    one = Liar()
    one.table = {
        "USER": b"331 who\r\n",
        "PASS": b"230 in\r\n",
        "SIZE": b"550 no\r\n",
        "MDTM": b"550 no\r\n",
        "PASV": b"227 here (127,0,0,1,HIGH,LOW)\r\n",
        "RETR": b"150 coming\r\n226 done\r\n",
    }
    control = await asyncio.start_server(one.talk, "127.0.0.1", 0)
    data = await asyncio.start_server(one.give, "127.0.0.1", 0)
    one.port = data.sockets[0].getsockname()[1]
    one.url = f"ftp://127.0.0.1:{control.sockets[0].getsockname()[1]}/film.mp4"
    yield one
    for server in (control, data):
        server.close()
    for writer in one.writers:
        writer.transport.abort()
    for server in (control, data):
        await server.wait_closed()


def here(liar):
    return Location(url=liar.url, access=Access(user="ann", password=Secret("hidden-pw")))


async def test_an_honest_liar_is_believed(liar, pull):
    assert await pull(here(liar)) == BODY


@pytest.mark.parametrize("address", ["10,0,0,1", "169,254,169,254", "127,0,0,9", "999,0,0,1"])
async def test_the_address_of_pasv_is_not_followed(liar, pull, address):
    liar.table["PASV"] = f"227 here ({address},HIGH,LOW)\r\n".encode()
    assert await pull(here(liar)) == BODY
    assert [peer[0] for peer in liar.data_peers] == ["127.0.0.1"]


@pytest.mark.parametrize("listed", ["allow_port", "deny_port"])
async def test_a_port_that_may_not_be_reached_is_not_reached_for_data(liar, trusting, eager, pull, listed):
    """It could be that of another service beside the server."""
    ports = {"allow_port": liar.url.split(":")[2].split("/")[0], "deny_port": str(liar.port)}
    policy = replace(trusting, reach=Reach.parse(**{listed: [ports[listed]]}))
    with pytest.raises(SourceForbidden) as caught:
        await pull(here(liar), Ftp(policy, eager))
    assert caught.value.data == {"reason": "port"}
    assert liar.data_peers == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("PASV", b"227 nowhere\r\n"),
        ("PASV", b"227 (127,0,0,1,300,300)\r\n"),
        ("PASV", b"227 (127,0,0,1,0,0)\r\n"),
        ("SIZE", b"213 -5\r\n"),
        ("SIZE", b"213 1\xc2\xb2\r\n"),
        ("SIZE", b"213 " + b"9" * 5000 + b"\r\n"),
        ("USER", b"no code at all\r\n"),
        ("USER", b"331-begun\r\n" + b"more of it\r\n" * 10_000),
        ("USER", b"3" * 200_000 + b"\r\n"),
        ("RETR", b"150 once\r\n" * 100),
        ("TYPE", b"150 what\r\n"),
    ],
)
async def test_words_that_are_no_ftp_end_it(liar, pull, command, answer):
    liar.table[command] = answer
    with pytest.raises(SourceUnreachable) as caught:
        await pull(here(liar))
    assert caught.value.data == {"reason": "protocol"}
    assert "hidden-pw" not in f"{caught.value!r} {caught.value.data} {caught.value.__cause__!r}"


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n", b"\x00" * 100_000, b"150 wait\r\n"])
async def test_who_greets_otherwise_gets_no_credential(liar, pull, greeting):
    liar.greeting = greeting
    with pytest.raises(SourceUnreachable):
        await pull(here(liar))
    assert not any(line.startswith(("USER", "PASS")) for line in liar.said)


async def test_a_server_that_says_nothing_is_given_up(liar, trusting, eager, pull):
    liar.greeting = b""
    with pytest.raises(SourceTimeout):
        await pull(here(liar), Ftp(replace(trusting, connect_timeout=0.2), eager))


@pytest.mark.parametrize("greeting", [b"2", b"220-hello\r\n"], ids=["line", "lines"])
async def test_a_server_that_comes_to_no_point_is_given_up(trusting, eager, pull, greeting):
    talks = []

    async def drip(_, writer):
        talks.append(asyncio.current_task())
        try:
            while not writer.is_closing():
                writer.write(greeting)
                await asyncio.sleep(0.02)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    place = Location(url=f"ftp://127.0.0.1:{server.sockets[0].getsockname()[1]}/film.mp4")
    client = Ftp(replace(trusting, connect_timeout=0.3, total_timeout=10), eager)
    try:
        with pytest.raises(SourceTimeout) as caught:
            await pull(place, client)
    finally:
        server.close()
        await asyncio.gather(*talks)
        await server.wait_closed()
    assert caught.value.data["reason"] == "stall"


def test_each_reply_has_the_time_of_a_whole_silence(trusting):
    ours, server = socket.socketpair()
    with ours, server:
        line = Line(Shuttle(), ours, site(Location(url="ftp://127.0.0.1/a")), replace(trusting, connect_timeout=30))
        for _ in range(2):
            server.sendall(b"220-hello\r\n220 you\r\n")
            assert line.read().text == "hello"
            assert ours.gettimeout() == 30


async def test_a_refusal_does_not_quote_what_we_sent(liar, pull):
    liar.table["PASS"] = b"530 no such user with hidden-pw\r\n"
    with pytest.raises(SourceUnreachable) as caught:
        await pull(here(liar))
    assert caught.value.data == {"status": 530, "reason": "login"}


async def test_bytes_that_end_too_early_are_not_the_file(liar, pull):
    liar.table["SIZE"] = f"213 {len(BODY) + 1}\r\n".encode()
    liar.table["REST"] = b"350 go on\r\n"
    with pytest.raises(SourceUnreachable) as caught:
        await pull(here(liar))
    assert caught.value.data == {"reason": "length"}


async def test_more_bytes_than_were_told_are_not_the_file(liar, pull):
    liar.table["SIZE"] = f"213 {len(BODY) - 1}\r\n".encode()
    with pytest.raises(SourceUnreachable) as caught:
        await pull(here(liar))
    assert caught.value.data == {"reason": "length"}


async def test_an_aborted_transfer_is_not_the_file(liar, pull):
    liar.table["RETR"] = b"150 coming\r\n426 broke\r\n"
    liar.table["SIZE"] = f"213 {len(BODY)}\r\n".encode()
    liar.table["REST"] = b"350 go on\r\n"
    with pytest.raises(SourceUnreachable) as caught:
        await pull(here(liar))
    assert caught.value.data == {"status": 426, "reason": "refused"}


async def test_a_busy_server_is_asked_again(liar, pull, eager):
    liar.table["RETR"] = b"450 later\r\n"
    with pytest.raises(SourceUnreachable):
        await pull(here(liar))
    assert sum(line.startswith("RETR") for line in liar.said) == 3
    assert len(eager.slept) == 2
    liar.table["RETR"] = b"550 gone\r\n"
    with pytest.raises(SourceMissing):
        await pull(here(liar))


async def test_a_host_with_one_forbidden_address_is_forbidden(liar, trusting, eager, pull):
    """DNS rebinding: the numbers are judged, and no name is looked up a second time."""
    asked = []

    async def find(host, port):
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", (number, port)) for number in ("93.184.216.34", "127.0.0.1")
        ]

    client = Ftp(replace(trusting, local_addresses=False), eager, find=find)
    with pytest.raises(SourceForbidden):
        await pull(Location(url=liar.url.replace("127.0.0.1", "films.example")), client)
    assert asked == ["films.example"]
    assert liar.said == []


async def test_words_in_the_clear_before_tls_are_not_taken_for_words_from_within(liar, pull):
    liar.table["AUTH"] = b"234 go\r\n230 already in\r\n"
    with pytest.raises(SourceUnreachable) as caught:
        await pull(Location(url=liar.url.replace("ftp:", "ftps:")))
    assert caught.value.data == {"reason": "protocol"}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_data_connection_resumes_the_session_of_the_control_connection(certificates, pull, version):
    """Some servers take no other, so that nobody else can pick up a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates[0])
    context.minimum_version = context.maximum_version = version
    reused, waiting = [], [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    port = waiting[1].getsockname()[1]
    table = {
        "USER": "230 in",
        "SIZE": f"213 {len(BODY)}",
        "PASV": f"227 (127,0,0,1,{port // 256},{port % 256})",
        "RETR": "150 coming",
    }

    def serve():
        with context.wrap_socket(waiting[0].accept()[0], server_side=True) as control:
            control.sendall(b"220 hello\r\n")
            for line in control.makefile("r"):
                control.sendall((table.get(line.split()[0], "200 fine") + "\r\n").encode())
                if line.startswith("RETR"):
                    with context.wrap_socket(waiting[1].accept()[0], server_side=True) as data:
                        reused.append(data.session_reused)
                        data.sendall(BODY)
                        data.unwrap()
                    control.sendall(b"226 done\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    url = f"ftps://127.0.0.1:{waiting[0].getsockname()[1]}/film.mp4?tls=implicit"
    try:
        assert await pull(Location(url=url)) == BODY
    finally:
        await asyncio.to_thread(thread.join)
        for one in waiting:
            one.close()
    assert reused == [True]
