"""Signed links: they open one file until their time, and nothing else does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from mediaglot.gateway.http.links import Signer, presented

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(seconds=60)
PATH = "outputs/job 1/ä.mp4"


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.open(tmp_path)


def test_a_link_holds_until_its_time(signer: Signer) -> None:
    query = signer.sign(PATH, LATER, filename='a "b"+c&d=ü.mp4', inline=True)
    assert signer.check(PATH, query, NOW)
    assert signer.check(PATH, query, LATER - timedelta(seconds=1))
    assert not signer.check(PATH, query, LATER)


def test_the_key_is_kept_and_only_the_owner_can_read_it(tmp_path: Path, signer: Signer) -> None:
    query = signer.sign(PATH, LATER)
    assert Signer.open(tmp_path).check(PATH, query, NOW)
    (key,) = tmp_path.iterdir()
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32
    key.write_bytes(b"cut")
    assert not Signer.open(tmp_path).check(PATH, query, NOW)
    assert len(key.read_bytes()) == 32


def test_a_key_that_a_crash_left_half_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "link.new").write_bytes(b"half")
    assert Signer.open(tmp_path).check(PATH, Signer.open(tmp_path).sign(PATH, LATER), NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["link.key"]


def test_another_key_another_signature(signer: Signer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert not Signer.open(tmp_path / "other").check(PATH, signer.sign(PATH, LATER), NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda query: query.replace("expires=1", "expires=2"),
        lambda query: query.replace("attachment", "inline"),
        lambda query: query.replace("a.mp4", "a.exe"),
        lambda query: query + "0",
        lambda query: query[:-1],
        lambda query: query.rpartition("=")[0] + "=",
        lambda query: query.rpartition("=")[0] + "=%E9",
        lambda query: query.rpartition("&")[0],
        lambda query: query + "&expires=9999999999",
        lambda query: "expires=9999999999&" + query,
        lambda query: query + "&more=1",
        lambda query: query.replace("expires=", "expires=%2B"),
        lambda query: "",
        lambda query: "%",
    ],
)
def test_a_changed_query_opens_nothing(signer: Signer, change: Callable[[str], str]) -> None:
    query = signer.sign("outputs/a", LATER, filename="a.mp4")
    assert signer.check("outputs/a", query, NOW)
    assert not signer.check("outputs/a", change(query), NOW)


def test_another_path_is_not_opened(signer: Signer) -> None:
    query = signer.sign("outputs/a", LATER)
    assert not any(signer.check(path, query, NOW) for path in ("outputs/b", "outputs/a/", "", "outputs/a&filename=x"))


def test_the_same_words_in_another_order_or_coding_are_the_same_link(signer: Signer) -> None:
    query = signer.sign("a", LATER, filename="x y.mp4")
    assert signer.check("a", "&".join(reversed(query.split("&"))), NOW)
    assert signer.check("a", query.replace("%20", "+"), NOW)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "attachment"),
        ("a b.mp4", 'attachment; filename="a b.mp4"'),
        ('a"b\r\nX: y.mp4', "attachment; filename=\"a_b__X: y.mp4\"; filename*=UTF-8''a%22b%0D%0AX%3A%20y.mp4"),
        ("ü.mp4", "attachment; filename=\"_.mp4\"; filename*=UTF-8''%C3%BC.mp4"),
        ("../../etc/x", 'attachment; filename="x"'),
    ],
)
def test_a_file_name_is_shown_safely(signer: Signer, name: str, shown: str) -> None:
    assert presented(signer.sign("a", LATER, filename=name))[0] == shown


@pytest.fixture
def film(data: Path) -> bytes:
    content = bytes(range(256)) * 40
    (data / "outputs" / "job 1").mkdir(parents=True)
    (data / "outputs" / "job 1" / "ä.mp4").write_bytes(content)
    return content


@pytest.fixture
async def site(serve: Callable[..., Awaitable[Any]]) -> str:
    return str((await serve(backend="simulated")).site)


async def test_a_signed_link_is_served_with_its_name_and_in_parts(
    session: aiohttp.ClientSession, data: Path, film: bytes, site: str
) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    link = URL(Signer.open(data).link(site, PATH, soon, filename="My film.mp4"), encoded=True)
    async with session.get(link) as answer:
        assert (answer.status, await answer.read()) == (200, film)
        assert answer.headers["Content-Disposition"] == 'attachment; filename="My film.mp4"'
        assert answer.headers["Content-Type"] == "video/mp4"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Accept-Ranges"] == "bytes"
    async with session.get(link, headers={"Range": "bytes=100-199"}) as answer:
        assert (answer.status, await answer.read()) == (206, film[100:200])
        assert answer.headers["Content-Range"] == f"bytes 100-199/{len(film)}"
    async with session.head(link) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(film)))
    async with session.post(link) as answer:
        assert answer.status == 405
    shown = URL(Signer.open(data).link(site, PATH, soon, inline=True), encoded=True)
    async with session.get(shown) as answer:
        assert answer.headers["Content-Disposition"] == "inline"


async def test_what_is_not_signed_or_not_shared_is_not_served(
    session: aiohttp.ClientSession, data: Path, film: bytes, site: str
) -> None:
    signer, soon = Signer.open(data), datetime.now(UTC) + timedelta(minutes=5)
    cases = [
        (f"{site}/_mediaglot/files/outputs/job%201/%C3%A4.mp4", 403),
        (signer.link(site, PATH, datetime.now(UTC) - timedelta(seconds=1)), 403),
        (signer.link(site, "outputs/other.mp4", soon).replace("other.mp4", "job%201/%C3%A4.mp4"), 403),
        (signer.link(site, "outputs/none.mp4", soon), 404),
        (signer.link(site, "link.key", soon), 404),
        (signer.link(site, "work/x", soon), 404),
        (signer.link(site, "outputs", soon), 404),
        (signer.link(site, "outputs//etc/passwd", soon), 404),
        (signer.link(site, "outputs/%2e%2e/link.key", soon), 404),
    ]
    for url, status in cases:
        async with session.get(URL(url, encoded=True)) as answer:
            assert answer.status == status, url
            assert (await answer.json())["error"]["code"] == {403: "link_refused", 404: "not_found"}[status]
