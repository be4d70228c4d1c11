"""The server's own description of what it speaks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.contract.openapi import document


@pytest.mark.heavy
async def test_every_dialect_is_listed_with_its_document(client: Any) -> None:
    status, headers, body = await client.get("/_mediaglot/dialects")
    listed = json.loads(body)["dialects"]
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert [each["name"] for each in listed] == sorted(registry.names())
    for each in listed:
        assert each["url"] == f"{client.site}/{each['name']}"
        status, headers, body = await client.get(each["openapi"])
        assert (status, headers["Content-Type"]) == (200, "application/json")
        served = json.loads(body)
        assert served == document(registry.find(each["name"]), [each["url"]])


async def test_what_is_not_there_is_said(client: Any) -> None:
    for path in ("dialects/nobody/openapi.json", "dialects/tpstreams", "dialects/tpstreams/swagger.json"):
        status, _, body = await client.get(f"/_mediaglot/{path}")
        assert status == 404
        assert "openapi.json" in json.loads(body)["error"]["message"]
    _, _, body = await client.get("/_mediaglot/nothing")
    assert "dialects/" in json.loads(body)["error"]["message"]


async def test_only_what_is_served_is_described(serve: Any) -> None:
    client = await serve(dialects=("tpstreams",))
    _, _, body = await client.get("/_mediaglot/dialects")
    assert [each["name"] for each in json.loads(body)["dialects"]] == ["tpstreams"]
    assert (await client.get("/_mediaglot/dialects/encoding_com/openapi.json"))[0] == 404
