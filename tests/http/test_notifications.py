"""The outbox and its control API over a real server, with receivers that are quick, slow and dead."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from mediaglot.gateway import cli
from mediaglot.gateway.model import Secret

ROOM = "/_mediaglot/notifications"
LOCAL = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
SMALL = {"output": "thumbnail", "time": "0", "width": "32"}
SECRET = "hunter2-of-a-notification"


class Door:
    """A receiver that takes letters once it is open, and says when one is there."""

    def __init__(self) -> None:
        self.url = ""
        self.open = asyncio.Event()
        self.knocked = asyncio.Event()
        self.ids: list[str] = []
        self.status = 200

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.ids.append(request.headers["Mediaglot-Delivery"])
        body = (await request.read()).decode()
        self.knocked.set()
        await self.open.wait()
        return web.Response(status=self.status, text=f"thanks for {request.rel_url} and {body}")


@pytest.fixture
async def slow(standing: Any) -> AsyncIterator[Door]:
    async with standing(Door()) as one:
        yield one
        one.open.set()


@pytest.fixture
async def dead() -> AsyncIterator[str]:
    """Takes connections and never says a word."""
    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in held:
            writer.close()


async def told(client: Any, path: str = "", **query: str) -> Any:
    async with client.session.get(f"{client.site}{ROOM}{path}", params=query) as answer:
        return json.loads(await answer.read()) | {"code": answer.status}


async def settled(client: Any, wait: Any, job: str, state: str) -> Any:
    """The notification of a job once it is in a state."""

    async def look() -> Any:
        found = (await told(client, job=job, state=state))["notifications"]
        return found[0] if found else None

    return await wait(look)


@pytest.mark.heavy
async def test_a_dead_and_a_slow_receiver_delay_nobody_else(
    client: Any, receiver: Any, slow: Door, dead: str, wait: Any
) -> None:
    """Each of the others has far more waiting than may be under way at once."""
    late = [await client.add(LOCAL, SMALL, notify=f"{slow.url}/{n}") for n in range(6)]
    lost = [await client.add(LOCAL, SMALL, notify=f"{dead}/{n}") for n in range(6)]
    for job in (*late, *lost):
        await client.end(job)
    async with asyncio.timeout(20):
        await slow.knocked.wait()
    quick = await client.add(LOCAL, SMALL, notify=f"{receiver.url}/quick")
    assert (await settled(client, wait, quick, "delivered"))["attempts"] == 1
    assert {one["job"] for one in (await told(client, state="open"))["notifications"]} == {*late, *lost}
    slow.open.set()
    for job in late:
        assert (await settled(client, wait, job, "delivered"))["attempts"] == 1
    assert {one["job"] for one in (await told(client, state="open"))["notifications"]} == set(lost)


@pytest.mark.heavy
async def test_what_was_sent_and_answered_is_shown_without_credentials(client: Any, slow: Door, wait: Any) -> None:
    slow.open.set()
    place = slow.url.replace("http://", f"http://ann:{SECRET}@")
    source = f"http://127.0.0.1:9/{SECRET[:3]}.mp4?X-Amz-Signature={SECRET}"
    job = await client.add(source, SMALL, notify=f"{place}/told?token={SECRET}", notify_format="json")
    one = await settled(client, wait, job, "delivered")
    whole = await told(client, f"/{one['id']}")
    assert SECRET not in json.dumps(whole)
    assert whole["url"] == f"{slow.url.replace('http://', 'http://***@')}/told?token=***"
    assert whole["request"]["method"] == "POST"
    assert "X-Amz-Signature%3D***" in whole["request"]["body"] or "X-Amz-Signature=***" in whole["request"]["body"]
    (attempt,) = whole["log"]
    assert attempt["status"] == 200
    assert attempt["answer"].startswith("thanks for /told?token=***")
    assert 0 <= attempt["seconds"] < 20
    assert slow.ids == [one["id"]]


@pytest.mark.heavy
async def test_a_notification_is_repeated_with_its_id_and_dropped(client: Any, slow: Door, wait: Any) -> None:
    job = await client.add(LOCAL, SMALL, notify=f"{slow.url}/again")
    slow.open.set()
    one = await settled(client, wait, job, "delivered")
    slow.open.clear()
    slow.knocked.clear()
    async with client.session.post(f"{client.site}{ROOM}/{one['id']}/redeliver") as answer:
        assert (answer.status, (await answer.json())["state"]) == (200, "open")
    async with asyncio.timeout(20):
        await slow.knocked.wait()
    async with client.session.delete(f"{client.site}{ROOM}/{one['id']}") as answer:
        assert (answer.status, (await answer.json())["state"]) == (200, "dropped")
    async with client.session.delete(f"{client.site}{ROOM}/{one['id']}") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (409, "not_open")
    slow.open.set()

    async def both() -> Any:
        found = await told(client, f"/{one['id']}")
        return found if len(found["log"]) == 2 else None

    assert (await wait(both))["state"] == "dropped"
    assert slow.ids == [one["id"]] * 2


@pytest.mark.heavy
async def test_lists_have_filters_and_pages(client: Any, receiver: Any, wait: Any) -> None:
    jobs = [await client.add(LOCAL, SMALL, notify=f"{receiver.url}/{n}") for n in range(5)]
    other = await client.as_user("200").add(LOCAL, SMALL, notify=f"{receiver.url}/other")
    for job in (*jobs, other):
        await settled(client, wait, job, "delivered")
    everything = await told(client, dialect="encoding_com")
    assert [one["sequence"] for one in everything["notifications"]] == sorted(
        (one["sequence"] for one in everything["notifications"]), reverse=True
    )
    assert {one["job"] for one in everything["notifications"]} == {*jobs, other}
    account = next(one["account"] for one in everything["notifications"] if one["job"] == other)
    assert [one["job"] for one in (await told(client, account=account))["notifications"]] == [other]
    assert (await told(client, dialect="tpstreams"))["notifications"] == []
    assert (await told(client, state="given_up"))["notifications"] == []
    pages, link = [], f"{ROOM}?limit=4&dialect=encoding_com"
    while link:
        _, _, body = await client.get(link)
        page = json.loads(body)
        pages.append([one["id"] for one in page["notifications"]])
        link = page["next"]
    assert [len(page) for page in pages] == [4, 2]
    assert [*pages[0], *pages[1]] == [one["id"] for one in everything["notifications"]]


@pytest.mark.parametrize(
    ("method", "path", "code", "hint"),
    [
        ("GET", "?colour=red", "unknown_parameter", "there are dialect, account, job, state, limit, before"),
        ("GET", "?state=lost", "unknown_state", "state is one of open, delivered, given_up, dropped"),
        ("GET", "?limit=0", "not_a_number", "limit is a whole number"),
        ("GET", "?before=x", "not_a_number", "before is a whole number"),
        ("GET", "/nothing", "not_found", "GET /_mediaglot/notifications lists them"),
        ("POST", "/nothing/redeliver", "not_found", "no notification 'nothing'"),
        ("DELETE", "/nothing", "not_found", "no notification"),
        ("POST", "", "method_not_allowed", "use GET"),
        ("GET", "/nothing/redeliver", "method_not_allowed", "use POST"),
        ("GET", "/nothing/at/all", "not_found", "notifications/ID/redeliver"),
    ],
)
async def test_a_mistake_is_told_with_what_to_change(client: Any, method: str, path: str, code: str, hint: str) -> None:
    async with client.session.request(method, f"{client.site}{ROOM}{path}") as answer:
        error = (await answer.json())["error"]
        assert answer.status in {400, 404, 405}
        assert ("Allow" in answer.headers) is (answer.status == 405)
    assert error["code"] == code
    assert hint in error["message"]


async def test_with_a_token_nobody_comes_in_without(serve: Any) -> None:
    client = await serve(control_token=Secret(SECRET))
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {SECRET}"}, 401),
        ({"Authorization": "Bearer \u00fc"}, 401),
        ({"Authorization": f"Bearer {SECRET}"}, 200),
        ({"Authorization": f"bearer {SECRET}", "X-Forwarded-For": "192.0.2.1"}, 200),
    ):
        async with client.session.get(f"{client.site}{ROOM}", headers=headers) as answer:
            assert answer.status == status
            assert SECRET not in await answer.text()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "media.example.com"},
        {"Host": "127.0.0.1.example.com:80"},
        {"X-Forwarded-For": "192.0.2.1"},
        {"Forwarded": "for=192.0.2.1"},
        {"Via": "1.1 proxy"},
        {"Origin": "https://evil.example"},
    ],
)
async def test_without_a_token_what_comes_by_others_is_refused(client: Any, headers: dict[str, str]) -> None:
    async with client.session.get(f"{client.site}{ROOM}", headers=headers) as answer:
        assert (answer.status, "control_token" in await answer.text()) == (403, True)


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0"}, {"url": "https://media.example.com"}])
async def test_a_server_for_others_has_no_control_api_without_a_token(serve: Any, settings: dict[str, str]) -> None:
    client = await serve(**settings)
    site = client.site.replace("0.0.0.0", "127.0.0.1")
    async with client.session.get(f"{site}{ROOM}") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (403, "no_control_token")


@pytest.fixture
def command_of(nursery: Any) -> Any:
    async def run(client: Any, *words: str, **environment: str) -> tuple[int, str, str]:
        words = ("notifications", *words, "--server", client.site)
        own = {"PATH": "/usr/bin:/bin", **environment}
        done = await asyncio.to_thread(nursery.run, *words, environment=own)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.heavy
async def test_the_command_lists_shows_and_repeats(command_of: Any, serve: Any, receiver: Any, tmp_path: Any) -> None:
    client = await serve(control_token=Secret(SECRET))
    key = {"MEDIAGLOT_CONTROL_TOKEN": SECRET}
    job = await client.add(LOCAL, SMALL, notify=f"{receiver.url}/told")
    await receiver.at("/told")
    code, out, _ = await command_of(client, "list", "--json", "--job", job, **key)
    (one,) = json.loads(out)["notifications"]
    assert (code, one["job"], one["url"]) == (0, job, f"{receiver.url}/told")
    code, out, _ = await command_of(client, **key)
    assert code == 0
    assert {"encoding_com", job, one["id"]} <= set(out.split())
    code, out, _ = await command_of(client, "redeliver", one["id"], **key)
    assert (code, out) == (0, f"{one['id']} to {one['url']} is open\n")
    await receiver.at("/told", 2)
    code, out, _ = await command_of(client, "show", one["id"], **key)
    assert code == 0
    assert "POST with" in out
    code, out, errors = await command_of(client, "show", "nothing", **key)
    assert (code, out) == (2, "")
    assert errors.startswith("mediaglot: there is no notification 'nothing'")
    code, out, errors = await command_of(client, "list")
    assert (code, out) == (2, "")
    assert "wants its control_token: put it into MEDIAGLOT_CONTROL_TOKEN" in errors


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("show",), "which one? mediaglot notifications show ID"),
        (("list", "5"), "list takes no id"),
        (("list", "--server", "ftp://h"), "--server wants a URL"),
        (("list", "--port", "1"), "no answer from http://127.0.0.1:1/_mediaglot/notifications"),
    ],
)
def test_a_command_that_can_not_be_followed(
    words: tuple[str, ...], hint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEDIAGLOT_CONFIG", raising=False)
    with contextlib.suppress(SystemExit):
        assert cli.main(["notifications", *words]) == 2
    assert hint in capsys.readouterr().err
