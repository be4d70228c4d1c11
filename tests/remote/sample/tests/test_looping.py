"""Tests with a client on an event loop."""

from typing import Any

import aiohttp
import pytest
from gateway.transcoder import AsyncTranscoder

from fixtures import film

pytestmark = pytest.mark.mediaglot(clock="virtual", seed=3)


@pytest.mark.parametrize("number", range(99))
async def test_films(mediaglot_async: Any, number: int) -> None:
    account, inbox = mediaglot_async.encoding_com, mediaglot_async.inbox("done")
    async with aiohttp.ClientSession() as session:
        who = account.credentials
        transcoder = AsyncTranscoder(session, account.url, who.name, who.secret)
        if number % 2:
            await mediaglot_async.fates.add(drop=True, first=1)
        jobs = [await transcoder.submit(film.url(number), inbox.url) for _ in range(number % 2 + 1)]
        await mediaglot_async.clock.advance(600)
        assert [await transcoder.status(job) for job in jobs] == ["Finished"] * len(jobs)
    assert [job.id for job in await account.jobs.list()] == jobs == [str(5001 + place) for place in range(len(jobs))]
    assert len(await inbox.wait()) == 1
    assert await mediaglot_async.requests.count() == 2 * len(jobs)
