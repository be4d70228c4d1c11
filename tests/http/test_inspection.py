"""A server that holds its own traffic against the schemas: what it finds is in the log, in a header and in a count."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
import requests

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Route
from mediaglot.testing import Double

HEADERS = {"Authorization": "Token " + "0" * 40, "Content-Type": "application/json"}
JOBS = "/tpstreams/api/v1/ab12cd/transcoding_jobs/"


async def checked(client: Any) -> Any:
    status, _, body = await client.get("/_mediaglot/contract")
    assert status == 200
    return json.loads(body)


async def test_what_fits_is_only_counted(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    media = await client.add("https://media.mediaglot.test/bars-2s-320x180-30fps.mp4", {"output": "mp4"})
    await client.status(media)
    await client.xml("GetMediaList")
    found = await checked(client)
    assert found.pop("checked").keys() == {"encoding_com"}
    assert found == {"requests": {}, "answers": {}, "last": []}
    assert not [record for record in caplog.records if record.getMessage().startswith("contract")]


async def test_a_wrong_request_is_told_without_its_values(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    body: dict[str, Any] = {"output_path": 5, "resolutions": "x"}
    body |= {"enable_drm": "s3cret-value", "input_url": "https://a.example/b.mp4"}
    async with client.session.post(client.site + JOBS, json=body, headers=HEADERS) as answer:
        assert answer.status == 400
        assert answer.headers["Mediaglot-Contract"] == "request=2, answer=0"
    found = await checked(client)
    assert (found["requests"], found["answers"]) == ({"tpstreams": 1}, {})
    first, second = found["last"]
    assert first == {
        "dialect": "tpstreams",
        "accepted": False,
        "rule": "request",
        "operation": "CreateJob",
        "place": "request.body: enable_drm",
        "message": "is not what enum says",
        "schema": "create_job.request.json#/properties/enable_drm/enum",
        "level": "error",
    }
    assert second["place"] == "request.body: resolutions"
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("contract")]
    assert len(told) == 2
    assert "s3cret-value" not in json.dumps(found) + "".join(told)


async def test_a_wrong_answer_is_told(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dialect is altered as a mistake in it would alter it: a number becomes a text."""
    dialect = type(registry.find("tpstreams"))

    def altered(route: Route) -> Route:
        gives = route.gives
        spoil = {"count": "0"} if route.name == "ListJobs" else {}
        return replace(route, gives=lambda *given: {**gives(*given), **spoil}) if spoil else route

    monkeypatch.setattr(dialect, "routes", tuple(map(altered, dialect.routes)))
    client = await serve(check_contract=True, dialects=("tpstreams",))
    async with client.session.get(client.site + JOBS, headers=HEADERS) as answer:
        assert answer.status == 200
        assert answer.headers["Mediaglot-Contract"] == "request=0, answer=1"
    found = await checked(client)
    assert found["answers"] == {"tpstreams": 1}
    assert found["last"][0]["place"] == "response.body: count"
    client.server.inspection.last.clear()


@pytest.mark.heavy
async def test_a_repeated_answer_has_been_looked_at(client: Any) -> None:
    media = await client.add("https://media.mediaglot.test/bars-2s-320x180-30fps.mp4", {"output": "mp4"})
    await client.end(media)
    before = await client.status(media)
    once = (await checked(client))["checked"]["encoding_com"]
    assert [await client.status(media) for _ in range(3)] == [before] * 3
    assert (await checked(client))["checked"]["encoding_com"] <= once + 1


async def test_without_the_flag_nothing_is_looked_at(serve: Any) -> None:
    client = await serve(check_contract=False)
    assert client.server.inspection is None
    status, _, body = await client.get("/_mediaglot/contract")
    assert status == 404
    assert "--check-contract" in json.loads(body)["error"]["message"]
    assert (await client.get("/_mediaglot/contract/x"))[0] == 404


def test_a_double_looks_into_all_its_worlds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with Double.started(check_contract=True) as double, double.world() as world:
        got = requests.post(world.tpstreams.url + JOBS.removeprefix("/tpstreams"), json={}, headers=HEADERS, timeout=10)
        assert got.headers["Mediaglot-Contract"] == "request=3, answer=0"
        found = requests.get(f"{double.url}/_mediaglot/contract", timeout=10).json()
        assert found["requests"] == {"tpstreams": 1}
        (entry,) = world.requests.list()
        assert entry.response.header("Mediaglot-Contract") == "request=3, answer=0"


async def test_half_a_character_is_a_wrong_request_as_any_other(client: Any) -> None:
    body = b'{"input_url": "https://a.example/b.mp4", "output_path": "s3://b/", "resolutions": ["240p", "\\ud800"]}'
    async with client.session.post(client.site + JOBS, data=body, headers=HEADERS) as answer:
        assert answer.status == 400
        assert answer.headers["Mediaglot-Contract"] == "request=1, answer=0"
