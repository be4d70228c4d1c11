"""Where the dialect and our own pages answer."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
import pytest

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.model import Secret

QUERY = b'json={"query":{"userid":"100","userkey":"k","action":"GetMediaList"}}'
EMPTY = {"response": {"media": []}}


@pytest.fixture
async def client(serve: Any) -> Any:
    return await serve(backend="simulated")


@pytest.mark.parametrize("path", ["/encoding_com", "/encoding_com/"])
async def test_both_spellings_of_the_mount(client: Any, path: str) -> None:
    status, kind, body = await client.post(QUERY, path=path)
    assert (status, kind, orjson.loads(body)) == (200, "application/json", EMPTY)


@pytest.mark.parametrize("host", ["manage.encoding.com", "MANAGE.encoding.com:80", "manage.encoding.com:8080"])
@pytest.mark.parametrize("path", ["/", ""])
async def test_the_providers_own_host_has_its_own_paths(client: Any, host: str, path: str) -> None:
    status, _, body = await client.post(QUERY, path=path, headers={"Host": host})
    assert (status, orjson.loads(body)) == (200, EMPTY)


@pytest.mark.parametrize("host", ["manage.encoding.com.evil.example", "example.com", "xmanage.encoding.com"])
async def test_other_hosts_are_not_the_provider(client: Any, host: str) -> None:
    status, _, body = await client.post(QUERY, path="/", headers={"Host": host})
    assert status == 404
    assert "/encoding_com/" in orjson.loads(body)["error"]["message"]


async def test_the_status_page(client: Any) -> None:
    host = {"headers": {"Host": "status.encoding.com"}}
    for path, more in (("/encoding_com/status.php?format=json", {}), ("/status.php?format=json", host)):
        status, headers, body = await client.get(path, **more)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert orjson.loads(body) == {"status": "Ok", "status_code": "ok", "incident": ""}


@pytest.mark.parametrize("path", ["/encoding_com/", "/xvid_mediahub/v1/jobs/", "/_mediaglot/health", "/nowhere"])
async def test_no_answer_names_what_it_is_made_with(client: Any, path: str) -> None:
    async with client.session.get(client.site + path) as answer:
        assert "Server" not in answer.headers


async def test_our_own_pages_on_every_host(client: Any) -> None:
    for more in ({}, {"headers": {"Host": "manage.encoding.com"}}):
        assert orjson.loads((await client.get("/_mediaglot/ready", **more))[2]) == {"status": "ready"}
        health = orjson.loads((await client.get("/_mediaglot/health", **more))[2])
        assert health["status"] == "ok"
        assert "encoding_com" in health["dialects"]
    assert (await client.get("/_mediaglot/nothing"))[0] == 404
    assert (await client.post(b"", path="/_mediaglot/health"))[0] == 405
    assert (await client.post(b"", path="/_mediaglot/media/bars-1s.mp4"))[0] == 405
    assert (await client.post(b"", path="/_mediaglot/world"))[0] == 404


@pytest.mark.parametrize(("name", "part"), [("films-10s.mp4", "pattern"), ("bars-10s.mpg", "extension")])
async def test_a_clip_of_another_name_is_told_how_clips_are_called(client: Any, name: str, part: str) -> None:
    status, _, body = await client.get(f"/_mediaglot/media/{name}")
    assert status == 404
    message = orjson.loads(body)["error"]["message"]
    assert message.startswith(f"no {part} of that name; a clip is called like bars-")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/encoding_comx",
        "//encoding_com/",
        "/encoding_com%00/",
        "/%ff",
        "/_mediaglot",
        "/" + "a" * 7000,
    ],
)
async def test_other_paths_are_nobodys(client: Any, path: str) -> None:
    status, _, body = await client.post(QUERY, path=path)
    assert status == 404
    assert orjson.loads(body)["error"]["code"] == "not_found"


async def test_forms_as_careless_clients_send_them(client: Any) -> None:
    raw = (
        b"xml=<?xml?>\n<query><userid>100</userid><userkey>k</userkey><action>getmedialist</action></query>".replace(
            b"<?xml?>", b'<?xml version="1.0" encoding="utf-8"?>'
        ),
        b"other=1&xml=%0A++%3Cquery%3E<userid>100</userid><userkey>k</userkey><action>GETMEDIALIST</action></query>",
        b'{"query":{}}&json={"query":{"userid":100,"userkey":["k"],"Action":"getMediaList"}}&xml=',
    )
    for body in raw:
        status, kind, answer = await client.post(body)
        assert (status, b"error" in answer) == (200, False), answer
        assert kind == ("application/json" if b"json" in body else "text/xml")


async def test_names_are_found_in_any_case(client: Any) -> None:
    media = await client.add("http://nowhere.test/a.mp4", {"output": "mp4"})
    answer = await client.query({"userid": "100", "userkey": "k", "ACTION": "getstatus", "MediaID": int(media)})
    assert answer["id"] == media


async def test_the_layout_of_xml_answers(client: Any) -> None:
    form = aiohttp.FormData({"xml": "<query><userid>100</userid><userkey>k</userkey><action>x</action></query>"})
    _, _, body = await client.post(form())
    assert body == b'<?xml version="1.0"?>\n<response><errors><error>Unknown action: x</error></errors></response>\n'


async def test_a_field_that_nobody_knows_is_accepted_and_reported(client: Any) -> None:
    known, unknown = {"output": "mp4"}, {"output": "mp4", "no_such_setting": "7"}
    media = await client.add("http://nowhere.test/a.mp4", unknown)
    report = f"/_mediaglot/reports/encoding_com/{Credential('100', Secret('k')).account}"
    losses = orjson.loads((await client.get(f"{report}/{media}"))[2])["losses"]
    assert [(loss["kind"], loss["path"]) for loss in losses] == [("unread", "format.0.no_such_setting")]
    for given, refused in ((known, False), (unknown, True)):
        query = {
            "userid": "100",
            "userkey": "k",
            "action": "AddMedia",
            "source": "http://a.test/a.mp4",
            "format": given,
        }
        body = b"json=" + orjson.dumps({"query": query})
        _, _, answer = await client.post(body, headers={"Mediaglot-Policy": "strict"})
        assert (b"no_such_setting" in answer, b"errors" in answer) == (refused, refused), answer


@pytest.mark.parametrize("path", ["worlds", "worlds/mine/clock", "openapi.json"])
async def test_a_server_that_is_no_double_says_how_to_have_one(client: Any, path: str) -> None:
    status, _, body = await client.post(b"{}", path=f"/_mediaglot/{path}")
    assert status == 404
    assert "--double" in orjson.loads(body)["error"]["message"]
