"""Notifications to topics, from a client's request to the queue behind the topic."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

ROOM = "/_mediaglot/notifications"
FILM = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}
QUICK = {"backend": "simulated", "progression": "immediate"}
SECRET = "SE/CR+ET-of-the-topics"


async def letters(client: Any, **query: str) -> list[Any]:
    async with client.session.get(f"{client.site}{ROOM}", params=query) as answer:
        return list((await answer.json())["notifications"])


@pytest.fixture
def settled(wait: Any) -> Any:
    """The notification of a job once it is in a state, or was tried."""

    async def until(client: Any, job: str, state: str) -> Any:
        async def look() -> Any:
            found = await letters(client, job=job, state=state)
            return found[0] if found and found[0]["attempts"] else None

        return await wait(look)

    return until


async def test_the_end_of_a_job_arrives_in_the_queue_of_the_topic(serve: Any, bus: Any, settled: Any) -> None:
    client, topic = await serve(**QUICK, sns=(bus.outlet(),)), await bus.topic()
    job = await client.add(FILM, SMALL, notify=topic.arn, notify_format="json", meta="größe & mehr")
    sent = await settled(client, job, "delivered")
    (envelope,) = await topic.told()
    assert (sent["url"], sent["status"]) == (topic.arn, 200)
    assert sent["answer"] == f"message {envelope['MessageId']}"
    told = json.loads(envelope["Message"])["result"]
    assert (told["mediaid"], told["status"], told["meta"]) == (job, "Finished", "größe & mehr")
    assert envelope["Subject"] == "Notification: finished"
    attributes = {name: each["Value"] for name, each in envelope["MessageAttributes"].items()}
    assert attributes == {"Content-Type": "application/json", "Mediaglot-Delivery": sent["id"]}
    assert "MessageGroupId" not in bus.asked[0]


async def test_a_form_is_published_where_the_client_asks_for_one(serve: Any, bus: Any, settled: Any) -> None:
    client, topic = await serve(**QUICK, sns=(bus.outlet(),)), await bus.topic()
    words = {"notify_body_format": "form_urlencoded", "notify_format": "xml"}
    job = await client.add(FILM, SMALL, notify=topic.arn, **words)
    await settled(client, job, "delivered")
    (envelope,) = await topic.told()
    assert envelope["Message"].startswith("xml=%3C%3Fxml")


@pytest.mark.heavy
async def test_killed_before_the_answer_it_publishes_again_and_a_fifo_topic_tells_once(
    command: Any, visit: Any, bus: Any, settled: Any, tmp_path: Path, data: Path
) -> None:
    entry = {"topic": "arn:aws:sns:*", "endpoint": bus.url, "access_key": "KEY-OF-FILMS", "secret_key": SECRET}
    lines = (f'{name} = "{value}"' for name, value in entry.items())
    (tmp_path / "settings.toml").write_text("\n".join(["[[sns]]", *lines]))
    flags = ("--config", str(tmp_path / "settings.toml"), "--backend", "simulated", "--log-level", "debug")
    server, topic = await command(*flags, "--progression", "immediate"), await bus.topic(fifo=True)
    bus.mute = True
    job = await visit(server.site).add(FILM, SMALL, notify=topic.arn)
    await bus.knocked.wait()
    await server.end(signal.SIGKILL)
    bus.mute = False
    bus.over.set()
    again = await command(*flags)
    sent = await settled(visit(again.site), job, "delivered")
    assert [each["MessageDeduplicationId"] for each in bus.asked] == [sent["id"]] * 2
    assert [each["MessageGroupId"] for each in bus.asked] == [job] * 2
    assert len(await topic.told()) == 1
    assert SECRET.encode() not in written(server.log, again.log, data)


def written(*places: Path) -> bytes:
    files = (each for place in places for each in ([place] if place.is_file() else place.rglob("*")))
    return b"".join(each.read_bytes() for each in files if each.is_file())


async def test_keys_that_are_refused_show_nowhere(
    serve: Any, bus: Any, settled: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    bus.keys = {"KEY-OF-FILMS": "another"}
    client, topic = await serve(**QUICK, sns=(bus.outlet(),)), await bus.topic()
    job = await client.add(FILM, SMALL, notify=topic.arn)
    sent = await settled(client, job, "open")
    assert sent["status"] == 403
    assert sent["answer"].startswith('SignatureDoesNotMatch (Your key *** of *** is "wrong", it signs Action=Publish')
    async with client.session.get(f"{client.site}{ROOM}/{sent['id']}") as answer:
        shown = await answer.text()
    assert "Your key *** of *** is" in shown
    assert SECRET not in shown + caplog.text + json.dumps(await client.status(job))
    assert await topic.told() == []


@pytest.mark.parametrize(
    ("sns", "hint"),
    [
        (None, "no Amazon SNS is configured: add [[sns]] with topic, access_key and secret_key"),
        ("arn:aws:sns:eu-west-1:123456789012:other-*", "no [[sns]] of the configuration is for this topic"),
    ],
)
async def test_where_nothing_is_configured_the_letter_is_given_up_with_what_to_do(
    serve: Any, bus: Any, settled: Any, sns: str | None, hint: str
) -> None:
    """As with mail: the job is taken and done."""
    outlets = (bus.outlet(topic=sns),) if sns else ()
    client = await serve(**QUICK, sns=outlets)
    job = await client.add(FILM, SMALL, notify="arn:aws:sns:eu-west-1:123456789012:films")
    lost = await settled(client, job, "given_up")
    assert (lost["attempts"], lost["answer"]) == (1, hint)
    assert (await client.end(job))["status"] == "Finished"
    assert bus.asked == []
