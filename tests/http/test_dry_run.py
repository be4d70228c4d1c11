"""The control API's dry run: the real server's routes, presets of the account included, and no job comes of it."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import orjson
import pytest

from mediaglot.gateway.model import Secret

pytestmark = pytest.mark.ffmpeg

AWAY = {"dialect": "encoding_com", "url": "http://127.0.0.1:9/p", "user": "900", "secret": Secret("their-key")}
ROUTES = ({"to": ["away", "local"], "when": {"codec": "vp8"}},)
QUERY = {"action": "AddMedia", "source": "https://media.example.com/a.mp4"}


@pytest.fixture
async def gateway(serve: Any) -> Any:
    return await serve(providers={"away": AWAY}, routes=ROUTES)


async def ask(gateway: Any, query: dict[str, Any], *, dialect: str = "encoding_com", **more: Any) -> tuple[int, Any]:
    head = b"POST / HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\nMediaglot-Policy: warn\n\n"
    query = query | {"userid": gateway.user, "userkey": gateway.key}
    form = aiohttp.FormData({"json": orjson.dumps({"query": query}).decode()})()
    body = more.pop("body", head + form._value)
    url = f"{gateway.site}/_mediaglot/routes/{dialect}"
    async with gateway.session.request(more.pop("method", "POST"), url, data=body, **more) as answer:
        return answer.status, orjson.loads(await answer.read())


async def test_a_preset_of_the_account_decides_and_no_job_comes_of_it(gateway: Any) -> None:
    preset = {"output": "webm", "size": "0x180", "video_codec": "libvpx", "bitrate": "250k"}
    await gateway.json("SavePreset", name="small", format=preset)
    status, told = await ask(gateway, QUERY | {"format": [{"output_preset": "small"}]})
    assert (status, told["rule"], told["road"]) == (200, 0, ["away", "local"])
    assert [each["policy"] for each in told["providers"]] == ["warn", "warn"]
    _, other = await ask(gateway, QUERY | {"format": [{"output": "mp4"}]})
    assert (other["rule"], other["passed_over"], other["road"]) == (None, ["codec = vp8"], ["local"])
    listed = await gateway.json("GetMediaList")
    assert not listed.get("media")


async def test_a_mere_document_will_do(gateway: Any) -> None:
    body = b'{"query": {"source": "https://media.example.com/a.mp4", "format": {"output": "mp4"}}}'
    status, told = await ask(gateway, {}, body=body)
    assert (status, told["road"]) == (200, ["local"])


@pytest.mark.parametrize(
    ("query", "more", "status", "code"),
    [
        ({**QUERY, "action": "GetStatus", "mediaid": "1"}, {}, 400, "no_job"),
        (QUERY, {}, 400, "no_formats"),
        (QUERY, {"dialect": "nobody"}, 404, "not_found"),
        (QUERY, {"method": "PUT"}, 405, "method_not_allowed"),
        (QUERY, {"headers": {"Via": "1.1 proxy"}}, 403, "not_direct"),
        (QUERY, {"body": io.BytesIO(b"x" * 5_000_000)}, 413, "too_large"),
    ],
)
async def test_what_can_not_be_answered_is_told(
    query: dict[str, Any], more: dict[str, Any], status: int, code: str, gateway: Any
) -> None:
    given, told = await ask(gateway, query, **more)
    assert (given, told["error"]["code"]) == (status, code)
    assert gateway.key not in orjson.dumps(told).decode().split('"')


async def test_without_routes_the_work_stays_here(client: Any) -> None:
    status, told = await ask(client, QUERY | {"format": [{"output": "mp4"}]})
    assert (status, told["rule"], told["road"]) == (200, 0, ["local"])


async def test_a_destination_that_is_not_allowed_is_the_provider_s_affair_where_it_puts_files_there_itself(
    gateway: Any,
) -> None:
    asked = {"output": "webm", "video_codec": "libvpx", "bitrate": "250k"}
    refusal = "delivery_forbidden reason=outside destination=0"
    for place, theirs in (("file:///etc/a.webm", None), ("file:///etc/", refusal)):
        _, told = await ask(gateway, QUERY | {"format": [asked | {"destination": place}]})
        assert [each.get("refusal") for each in told["providers"]] == [theirs, refusal]
