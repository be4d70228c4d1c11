"""SFTP servers that lie: what they say is bounded, and ends a transfer as any other trouble does."""

from __future__ import annotations

import asyncio
import gc
import struct

import asyncssh
import pytest

from mediaglot.gateway.faults import SourceUnreachable

BODY = bytes(range(256)) * 1024
OPEN, CLOSE, READ, STAT = 3, 4, 5, 8
VERSION, STATUS, HANDLE, DATA, ATTRIBUTES, EXTENDED = 2, 101, 102, 103, 105, 201


def text(value):
    return struct.pack(">I", len(value)) + value


def packet(kind, *parts):
    return text(bytes([kind]) + b"".join(parts))


class Liar(asyncssh.SSHServer, asyncssh.SSHServerSession):
    """Answers a request by its table, or as a server would that has BODY; ``asked`` are the sizes of reads."""

    def __init__(self):
        self.table, self.asked, self.buffer, self.extensions = {}, [], b"", b""
        self.most = len(BODY)
        """Bytes of one answer."""

    def begin_auth(self, username):
        return False

    def session_requested(self):
        return self

    def connection_made(self, there):
        self.channel = there

    def subsystem_requested(self, subsystem):
        return True

    def data_received(self, data, datatype):
        self.buffer += data
        while len(self.buffer) >= 4 and len(self.buffer) >= 4 + (size := int.from_bytes(self.buffer[:4])):
            request, self.buffer = self.buffer[4 : 4 + size], self.buffer[4 + size :]
            self.channel.write(self.answer(request[0], request[1:5], request[5:]))

    def answer(self, kind, number, rest):
        if kind in self.table:
            return packet(self.table[kind][0], number, self.table[kind][1])
        if kind == READ:
            start, size = struct.unpack(">QI", rest[5:])
            self.asked.append(size)
            if part := BODY[start : start + min(size, self.most)]:
                return packet(DATA, number, text(part))
        usual = {
            1: packet(VERSION, struct.pack(">I", 3), self.extensions),
            OPEN: packet(HANDLE, number, text(b"h")),
            STAT: packet(ATTRIBUTES, number, struct.pack(">IQ", 1, len(BODY))),
            CLOSE: packet(STATUS, number, struct.pack(">I", 0), text(b""), text(b"")),
        }
        return usual.get(kind) or packet(STATUS, number, struct.pack(">I", 1), text(b""), text(b""))


@pytest.fixture
async def liar():
    one = Liar()
    options = {"server_host_keys": [asyncssh.generate_private_key("ssh-ed25519")], "encoding": None}
    acceptor = await asyncssh.listen("127.0.0.1", 0, server_factory=lambda: one, **options)
    one.url = f"sftp://127.0.0.1:{acceptor.get_port()}/film.mp4"
    yield one
    acceptor.close()
    await acceptor.wait_closed()


LIMITS = text(b"limits@openssh.com") + text(b"1")


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (OPEN, (HANDLE, text(b"h") + b"more")),
        (OPEN, (HANDLE, b"\x00\x00\xff\xffh")),
        (STAT, (ATTRIBUTES, b"\x00")),
        (READ, (DATA, b"\x00\xff\xff\xffx")),
        (200, (EXTENDED, b"\x00" * 8)),
    ],
    ids=["more", "handle", "attributes", "data", "limits"],
)
async def test_words_that_are_no_sftp_end_it(liar, pull, at, kind, answer):
    liar.extensions, liar.table = LIMITS if kind == 200 else b"", {kind: answer}
    with pytest.raises(SourceUnreachable) as caught:
        await pull(at(liar.url))
    assert caught.value.data == {"reason": "protocol"}


@pytest.mark.parametrize("most", [len(BODY), 7000])
async def test_a_server_that_gives_little_at_a_time_gives_the_file(liar, pull, at, most):
    liar.most = most
    assert await pull(at(liar.url)) == BODY


async def test_a_server_does_not_have_a_file_asked_for_byte_by_byte(liar, pull, at):
    liar.extensions, liar.table = LIMITS, {200: (EXTENDED, struct.pack(">QQQQ", 1, 1, 1, 1))}
    assert await pull(at(liar.url)) == BODY
    assert min(liar.asked) == 16 << 10


async def test_nothing_that_comes_is_unpacked(pull, at):
    """Each packet could become a thousand times as much in memory, in one go."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    packing = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key], compression_algs=["zlib@openssh.com"])
    try:
        with pytest.raises(SourceUnreachable) as caught:
            await pull(at(f"sftp://127.0.0.1:{packing.get_port()}/film.mp4"))
        assert caught.value.data == {"reason": "protocol"}
    finally:
        packing.close()
        await packing.wait_closed()


@pytest.mark.heavy
async def test_a_connection_that_broke_leaves_no_requests_behind(sshd, pull, at, body, caplog):
    there = await sshd(cuts=[2_000_000, 2_000_000])
    (there.folder / "film.mp4").write_bytes(body)
    before = asyncio.all_tasks()
    assert await pull(at(there.url("film.mp4"))) == body
    assert [task for task in asyncio.all_tasks() - before if "sftp" in repr(task.get_coro())] == []
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
