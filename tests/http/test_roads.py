"""From one provider on to the next: for what, when, and what becomes of the job at the first one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from aiohttp import web

from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.model import Secret

pytestmark = pytest.mark.ffmpeg

SOURCE = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
FORMAT = {"output": "mp4", "size": "160x90", "video_codec": "libx264", "bitrate": "100k"}
Gateway = Callable[..., Awaitable[Any]]


class Provider:
    """Takes a job, and says of it what it is told to say."""

    def __init__(self) -> None:
        self.url = self.marker = ""
        self.status: dict[str, Any] = {"status": "Processing", "progress": "10"}
        self.others: list[dict[str, Any]] = []
        """What it says first, of another job."""
        self.actions: list[str] = []
        self.stops = asyncio.Event()
        """Until then it does not answer to who wants a job stopped."""
        self.stops.set()
        self.wakes = asyncio.Event()
        """Until then it answers the first request with status 500, and no other one."""
        self.wakes.set()

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        (text,) = parse_qs((await request.read()).decode())["json"]
        query = orjson.loads(text)["query"]
        action = query["action"]
        self.actions.append(action)
        if not self.wakes.is_set() and len(self.actions) == 1:
            return web.Response(status=500)
        await self.wakes.wait()
        told: dict[str, Any] = {"message": "ok"}
        if action == "StopMedia":
            await self.stops.wait()
        if action == "AddMedia":
            told["MediaID"] = "77"
            self.marker = query["format"][0]["mediaglot"]
        if action == "GetStatus":
            said = {"id": "77", **self.status, "format": {"id": "5", "mediaglot": self.marker, **self.status}}
            told = {"job": self.others.pop(0) if self.others else said}
        return web.json_response({"response": told})


@pytest.fixture
async def provider(standing: Any) -> AsyncIterator[Provider]:
    async with standing(Provider()) as one:
        yield one


@pytest.fixture
def gateway(serve: Any, provider: Provider) -> Gateway:
    async def start(route: dict[str, Any], **manners: Any) -> Any:
        away = {"dialect": "encoding_com", "url": provider.url, "user": "900", "secret": Secret("their-key")}
        away |= {"options": {"format": "json"}, "hear": False, "poll": 0.05, "slowest_poll": 0.1, **manners}
        return await serve(providers={"away": away}, routes=({"to": ["away", "local"], **route},))

    return start


async def test_a_job_that_takes_too_long_is_stopped_there_and_goes_on(
    gateway: Gateway, provider: Provider, wait: Any
) -> None:
    client = await gateway({}, longest=0.3)
    done = await client.end(await client.add(SOURCE, FORMAT))
    assert done["status"] == "Finished"

    async def stopped() -> bool:
        return "StopMedia" in provider.actions

    assert await wait(stopped)
    assert provider.actions.count("AddMedia") == 1


async def test_a_job_that_takes_too_long_is_stopped_once_though_it_ends_here_meanwhile(
    gateway: Gateway, provider: Provider, wait: Any
) -> None:
    client = await gateway({"to": ["away"]}, longest=0.3)
    provider.stops.clear()
    for _ in range(2):  # the second one takes as long as it may: the first one's end is over for sure
        assert (await client.end(await client.add(SOURCE, FORMAT)))["status"] == "Error"

    async def let_go() -> bool:
        _, _, body = await client.get("/_mediaglot/providers/away")
        return orjson.loads(body)["jobs"] == []

    provider.stops.set()
    await wait(let_go)
    assert provider.actions.count("StopMedia") == provider.actions.count("AddMedia") == 2


async def test_a_job_takes_too_long_though_the_server_was_stopped_meanwhile(
    served: Any, session: Any, data: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch, wait: Any
) -> None:
    away = {"dialect": "encoding_com", "url": provider.url, "user": "900", "secret": Secret("their-key")}
    away |= {"options": {"format": "json"}, "hear": False, "poll": 600, "slowest_poll": 600}
    setting = {"providers": {"away": away}, "routes": ({"to": ["away", "local"]},)}

    async def looked() -> bool:
        return "GetStatus" in provider.actions

    async with served(session, data, **setting) as client:
        media = await client.add(SOURCE, FORMAT)
        await wait(looked)
    now = RealClock.now
    monkeypatch.setattr(RealClock, "now", lambda clock: now(clock) + timedelta(days=8))
    async with served(session, data, **setting) as client:
        assert (await client.end(media))["status"] == "Finished"
    assert provider.actions.count("AddMedia") == 1


async def test_a_job_that_has_gone_on_is_stopped_there_while_another_one_works(
    gateway: Gateway, provider: Provider, origin: Any, wait: Any
) -> None:
    """It can't be said for a while, and not for as long as the provider is waited for."""
    provider.others = [{"id": "78", "status": "Processing"}] * 10_000
    client = await gateway({}, patience=0.5, wait=0.01, cool=0.05)
    media = await client.add(f"{origin.url}/hang.mp4", FORMAT)
    await origin.reached.wait()
    provider.others.clear()

    async def stopped() -> bool:
        return "StopMedia" in provider.actions

    await wait(stopped)
    assert provider.actions.count("AddMedia") == 1
    await client.json("StopMedia", mediaid=media)


async def test_a_job_that_is_changed_and_has_another_way_now_is_stopped_as_it_was(
    gateway: Gateway, provider: Provider, origin: Any, wait: Any
) -> None:
    client = await gateway({"when": {"container": "mp4"}})
    media = await client.add(f"{origin.url}/hang.mp4", FORMAT)

    async def looked() -> bool:
        return "GetStatus" in provider.actions

    async def stopped() -> bool:
        return "StopMedia" in provider.actions

    await wait(looked)
    await client.json("UpdateMedia", mediaid=media, format=[FORMAT | {"output": "mov"}])
    await wait(stopped)
    assert (await client.status(media))["status"] == "Downloading"
    await client.json("StopMedia", mediaid=media)


async def test_what_is_said_of_another_job_is_no_answer(gateway: Gateway, provider: Provider) -> None:
    """Of the right one it is said that it was stopped, for which the next provider does it."""
    provider.others = [{"id": "78", "status": "Error", "description": "Something odd"}]
    provider.status = {"status": "Stopped"}
    client = await gateway({}, wait=0.01)
    assert (await client.end(await client.add(SOURCE, FORMAT)))["status"] == "Finished"
    assert provider.actions.count("GetStatus") == 2


async def test_what_a_provider_says_of_our_secret_is_told_nobody(gateway: Gateway, provider: Provider) -> None:
    provider.status = {"status": "Error", "description": "Upload error: their-key was refused"}
    client = await gateway({"to": ["away"]})
    assert (await client.end(await client.add(SOURCE, FORMAT)))["description"] == "Upload error: *** was refused"


async def test_a_job_whose_id_another_one_has_is_lost_and_the_other_one_is_left_alone(
    gateway: Gateway, provider: Provider, wait: Any
) -> None:
    """The provider has begun anew, with the same numbers."""
    odd = {"status": "Error", "description": "Something odd"}
    provider.others = [{"id": "77", **odd, "format": {"id": "5", "mediaglot": "mg-another", **odd}}]
    client = await gateway({}, settle=0.01)
    assert (await client.end(await client.add(SOURCE, FORMAT)))["status"] == "Finished"

    async def let_go() -> bool:
        _, _, body = await client.get("/_mediaglot/providers/away")
        return orjson.loads(body)["jobs"] == []

    await wait(let_go)
    assert {*provider.actions} == {"AddMedia", "GetStatus", "GetMediaList"}


async def test_before_a_job_is_stopped_it_is_seen_whether_it_is_ours(
    gateway: Gateway, provider: Provider, wait: Any
) -> None:
    client = await gateway({}, settle=0.01, poll=60, slowest_poll=60)
    media = await client.add(SOURCE, FORMAT)

    async def looked() -> bool:
        return "GetStatus" in provider.actions

    async def let_go() -> bool:
        _, _, body = await client.get("/_mediaglot/providers/away")
        return orjson.loads(body)["jobs"] == []

    await wait(looked)
    provider.others = [{"id": "77", "status": "Processing", "format": {"id": "5", "mediaglot": "mg-another"}}]
    await client.xml("StopMedia", mediaid=media)
    await wait(let_go)
    assert {*provider.actions} == {"AddMedia", "GetStatus", "GetMediaList"}


@pytest.mark.parametrize(("on", "ends"), [([], "Error"), (["encoding_failed"], "Finished")])
async def test_a_job_goes_on_for_the_failures_that_are_given(
    on: list[str], ends: str, gateway: Gateway, provider: Provider
) -> None:
    """Why an encoder gave up is not known: by itself that sends no job on."""
    provider.status = {"status": "Error", "description": "Something odd"}
    client = await gateway({"on": on} if on else {})
    assert (await client.end(await client.add(SOURCE, FORMAT)))["status"] == ends


async def test_a_provider_that_nobody_can_ask_is_passed_by_at_once(
    gateway: Gateway, provider: Provider, tmp_path: Path
) -> None:
    """Although it would have all the time of the world to come back; the first job opened its breaker."""
    client = await gateway({}, url="http://127.0.0.1:9", failures=1, cool=600, patience=0.1, tries=1, wait=0.01)
    assert (await client.end(await client.add(SOURCE, FORMAT)))["status"] == "Finished"
    asked = await states(client)
    assert (asked["breaker"], asked["requests"]) == ("open", {"sent": 1, "failed": 1, "open": 0})
    assert (await client.end(await client.add(SOURCE, FORMAT)))["status"] == "Finished"
    assert (await states(client))["requests"]["sent"] == 1
    assert provider.actions == []


async def test_a_job_that_a_provider_can_not_have_heard_of_does_not_wait_for_it(gateway: Gateway) -> None:
    """It came while the breaker was closed yet, and opens it."""
    client = await gateway({}, url="http://127.0.0.1:9", failures=2, cool=600, wait=0.01)
    assert (await client.end(await client.add(SOURCE, FORMAT)))["status"] == "Finished"
    _, _, body = await client.get("/_mediaglot/providers/away")
    assert orjson.loads(body)["jobs"] == []


async def test_a_job_that_may_not_go_on_for_that_waits_for_a_provider_that_nobody_can_ask(
    gateway: Gateway, provider: Provider, wait: Any
) -> None:
    """The first job opens the breaker, the second one finds it open."""
    provider.wakes.clear()
    client = await gateway({"on": ["stalled"]}, failures=1, cool=1, wait=0.02, settle=0.01)
    await client.add(SOURCE, FORMAT)

    async def is_open() -> bool:
        return (await states(client))["breaker"] == "open"

    async def have_come() -> bool:
        return provider.actions.count("AddMedia") == 3

    await wait(is_open)
    await client.add(SOURCE, FORMAT)
    provider.wakes.set()
    await wait(have_come)
    assert provider.actions.count("GetMediaList") == 1, "what was never sent is not looked for"


async def test_a_provider_that_one_alone_may_ask_is_passed_by_at_once(
    gateway: Gateway, provider: Provider, wait: Any
) -> None:
    """The first job tries whether it is back, which takes its time."""
    provider.wakes.clear()
    client = await gateway({}, failures=1, cool=0.01, wait=0.02)
    await client.add(SOURCE, FORMAT)

    async def trying() -> bool:
        return len(provider.actions) == 2

    await wait(trying)
    assert (await states(client))["breaker"] == "half_open"
    assert (await client.end(await client.add(SOURCE, FORMAT)))["status"] == "Finished"
    assert len(provider.actions) == 2
    provider.wakes.set()


async def states(client: Any) -> Any:
    _, _, body = await client.get("/_mediaglot/providers")
    (state,) = orjson.loads(body)["providers"]
    return state


async def test_rules_in_rules_lead_where_the_job_fits(gateway: Gateway, provider: Provider) -> None:
    inner = {"to": ["away"], "when": {"least_height": "1000"}}
    client = await gateway({"to": [inner, "local"]})
    assert (await client.end(await client.add(SOURCE, FORMAT)))["status"] == "Finished"
    assert provider.actions == []


async def test_what_is_recorded_plays_the_provider_again(serve: Any, provider: Provider, tmp_path: Path) -> None:
    """On the way there and back nothing is changed; afterwards nobody is asked any more."""
    provider.status = {"status": "Error", "description": "Something odd"}
    away = {"dialect": "encoding_com", "options": {"format": "json"}, "hear": False, "poll": 0.05}
    login = {"url": provider.url, "user": "900", "secret": Secret("their-key")}
    tape = str(tmp_path / "tape")
    for number, more in enumerate(({**login, "tape": tape}, {"replay": tape})):
        client = await serve(providers={"away": away | more}, data=tmp_path / str(number))
        assert (await client.end(await client.add("https://media.example.com/a.mp4", FORMAT)))["status"] == "Error"
    assert provider.actions.count("AddMedia") == 1
    kept = b"".join([path.read_bytes() for path in (tmp_path / "tape").rglob("*.*")])
    assert b"AddMedia" in kept
    assert not [word for word in (b"their-key", b"media.example.com", b"Something odd") if word in kept]
