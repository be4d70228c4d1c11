"""Tests with a client that blocks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from gateway.transcoder import Transcoder

from fixtures import film

START = datetime(2026, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.mediaglot(clock="virtual", seed=3)


@pytest.mark.parametrize("number", range(100))
def test_films(mediaglot: Any, number: int) -> None:
    account, inbox = mediaglot.encoding_com, mediaglot.inbox("done")
    transcoder = Transcoder(account.url, account.credentials.name, account.credentials.secret)
    if number % 2:
        mediaglot.faults.add(operation="GetStatus", status=503, first=1)
    jobs = [transcoder.submit(film.url(number), inbox.url) for _ in range(number % 2 + 1)]
    assert jobs == [str(5001 + place) for place in range(number % 2 + 1)]
    mediaglot.clock.advance(600 + number)
    if number % 2:
        with pytest.raises(requests.HTTPError):
            transcoder.status(jobs[0])
    assert [transcoder.status(job) for job in jobs] == ["Finished"] * len(jobs)
    assert [job.id for job in account.jobs] == jobs
    assert mediaglot.requests.verify(operation="AddMedia", exactly=len(jobs)) == len(jobs)
    assert len(mediaglot.requests) == 2 * len(jobs) + number % 2
    assert len(inbox.wait(count=len(jobs))) == len(jobs)
    assert mediaglot.clock.now() == START + timedelta(seconds=600 + number)
