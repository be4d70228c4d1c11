"""Where messages of implementations come to: the receiver, and what the command says of it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest

from mediaglot.gateway import cli
from mediaglot.gateway.command.contract.hearing import hear_of
from mediaglot.gateway.contract.news import DEAF
from mediaglot.gateway.contract.post import MOST, Post
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.http.receiver import LARGEST, Receiver

PROGRESSION = "immediate"
ENC = "encoding_com"
PATIENCE = 20
"""Seconds for a message that is there at once."""


# --- the receiver -----------------------------------------------------------------------------------------


def test_a_receiver_takes_what_is_for_it() -> None:
    async def talk() -> tuple[list[int], Post]:
        statuses = []
        async with Receiver().open("127.0.0.1", 0) as receiver, aiohttp.ClientSession() as session:
            home = receiver.post.home
            for method, url, body in (
                ("PUT", f"{receiver.post.place(3)}?a=%20", b"\xff"),
                ("POST", f"{home}/other/3", b"x"),
                ("POST", receiver.post.place(3), b"x" * (LARGEST + 1)),
            ):
                async with session.request(method, url, data=body, headers={"X-Own": "1"}) as answer:
                    statuses.append(answer.status)
            await receiver.wait(lambda: len(receiver.post.came) > 1, 0)
            await receiver.wait(lambda: len(receiver.post.came) > 0, PATIENCE)
            return statuses, receiver.post

    statuses, post = asyncio.run(talk())
    assert statuses == [200, 404, 413]
    [(order, message)] = post.at(post.place(3))
    assert (order, message.method, message.body, message.headers.get("x-own")) == (0, "PUT", b"\xff", "1")
    assert list(post.at(post.place(4))) == []


def test_who_sends_too_many_is_not_listened_to() -> None:
    post = Post("http://127.0.0.1:9/key")
    for _ in range(MOST + 1):
        post.put(Request())
    assert len(post.came) == MOST


# --- the command ------------------------------------------------------------------------------------------


PLAYS = [f"{end} {kind}" for kind in ("xml", "json") for end in ("to its end", "that fails", "that is delivered")]


def verify(standing: Any, *words: str) -> int:
    login = standing.login(ENC)
    who = ("--user", login.name, "--secret", login.secret.reveal(), "--dialect", ENC, "--base-url", standing.base(ENC))
    return cli.main(["contract", "verify", *who, "--only", "news", "--jobs", "1", "--linger", "0", *words])


def test_the_command_listens(standing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(standing, "--pause", "0") == 0
    told = capsys.readouterr().out
    assert "notification       1          0" in told
    assert verify(standing, "--hear", "off") == 1
    skipped = ", ".join(f"news: {each}" for each in PLAYS)
    assert f"skipped: {skipped}: {DEAF}" in capsys.readouterr().out


def test_another_address_may_lead_here(standing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert verify(standing, "--listen", f"127.0.0.1:{port}") == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in capsys.readouterr().err
    where = ("--listen", f"127.0.0.1:{port}", "--hear", f"http://localhost:{port}/below/")
    assert verify(standing, "--pause", "0", *where) == 0


@pytest.mark.parametrize(
    ("base", "hear", "found"),
    [
        ("http://127.0.0.9:80/x", "", ""),
        ("http://localhost/x", "", ""),
        ("http://[::1]:80", "", ""),
        ("https://staging.example.test", "", None),
        ("http://10.0.0.1", "", None),
        ("http://127.0.0.1", "off", None),
        ("https://staging.example.test", "https://tunnel.example.test/me", "https://tunnel.example.test/me"),
    ],
)
def test_where_messages_can_be_sent_to(base: str, hear: str, found: str | None) -> None:
    assert hear_of({"hear": hear}, base) == found


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--hear", "tunnel.example.test"), "--hear wants a URL such as"),
        (("--hear", "http://[::1"), "--hear wants a URL such as"),
        (("--hear", "http://tunnel.example.test:99999"), "--hear wants a URL such as"),
        (("--hear", "http://me:secret@tunnel.example.test"), "without credentials"),
        (("--hear-patience", "0"), "no negative numbers"),
        (("--linger", "inf"), "no endless ones"),
    ],
)
def test_what_can_not_be_followed(
    standing: Any, words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(standing, *words) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("where", ["9000", ":9000", "127.0.0.1:70000", "127.0.0.1:x"])
def test_what_is_no_address(standing: Any, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        verify(standing, "--listen", where)
    assert ended.value.code == 2
    assert f"an address such as 127.0.0.1:9000 is wanted, not {where!r}" in capsys.readouterr().err
