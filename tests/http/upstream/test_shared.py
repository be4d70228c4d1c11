"""What several jobs need at a provider: presets, profiles, pipelines and webhooks are made once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from mediaglot.gateway import registry
from mediaglot.gateway.model import Status

pytestmark = pytest.mark.ffmpeg

SPOKEN = [name for name in registry.names() if registry.find(name).client is not None]


@pytest.mark.parametrize("name", SPOKEN)
async def test_what_jobs_share_is_made_once_and_news_of_each_is_heard(name: str, lay: Any, storm: Any) -> None:
    """Of jobs that come together, and of one more; nobody would look at them in time if the provider said nothing."""
    sky, made = await storm(name), list[bytes]()

    async def noting(storm: Any, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        if storm.kind(request, body) in ("PutThing", "PutPresets"):
            made.append(body)
        return await storm.forward(request, body)  # type: ignore[no-any-return]

    sky.always = noting
    road = await lay(name, name, lines="poll = 600\nslowest_poll = 600", storm=sky)
    placed = await asyncio.gather(*(road.asking.create(road.output) for _ in range(3)))
    ended = await asyncio.gather(*map(road.ended, placed))
    together = len(made)
    assert len({*made}) == together
    ended.append(await road.ended(await road.asking.create(road.output)))
    assert len(made) == together
    assert [each.status for each in ended] == [Status.FINISHED] * 4
