"""Every fault by its name, in every dialect, from Python: the client gets the provider's own error, to the byte."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import every
from mediaglot.gateway.lab.mishap import DATA
from mediaglot.gateway.registry import find, names
from mediaglot.testing import Double, DoubleError, World


def codes() -> dict[str, Any]:
    """Every fault that has a name of its own, those of dialects too."""
    for name in names():
        find(name)
    found: dict[str, Any] = {}
    for kind in every():
        found.setdefault(kind.code, kind)
    return found


def asked(name: str) -> Request:
    """What the dialect's sample client asks when it looks after its job."""
    sample = find(name).sample
    assert sample is not None
    return next(sample().status("77"))


def admitted(world: World, name: str, play: Callable[..., Any]) -> Request:
    """The same by a client that has been let in."""
    sample = find(name).sample
    assert sample is not None
    client = sample()
    job = play(world[name].url, client.create("https://media.mediaglot.test/bars-60s-640x360-30fps.mp4"))
    return next(client.status(job))


@pytest.mark.heavy
@pytest.mark.parametrize("name", names())
def test_each_fault_is_told_as_the_provider_tells_it(
    world: World, name: str, send: Callable[..., Any], play: Callable[..., Any]
) -> None:
    dialect, account = find(name), world[name]
    request = admitted(world, name, play)
    call = dialect.open(request)
    statuses = set()
    for code, kind in codes().items():
        planned = account.faults.add(error=code, first=1)
        answer = send(account.url, request)
        expected = dialect.render_response(call, kind(**DATA))
        assert (answer.status, answer.body) == (expected.status, expected.body), code
        assert answer.headers.get("Content-Type") == expected.headers.get("Content-Type"), code
        assert planned.hits == 0
        statuses.add(answer.status)
    assert [planned.hits for planned in account.faults.list()] == [1] * len(codes())
    assert account.requests.count(injected={"absent": False}) == len(codes())
    assert send(account.url, request).status == 200
    assert statuses - {200} or name == "encoding_com"


@pytest.mark.parametrize("name", names())
def test_each_dialects_own_table_is_reached(name: str) -> None:
    """Each of its rows has a fault by whose name it is reached, unless the row's fault has no name of its own."""
    dialect = find(name)
    named = codes()
    reached = {dialect.complaint(kind(**DATA)) for kind in named.values()}
    own = {kind: complaint for kind, complaint in dialect.faults.items() if named.get(kind.code) is kind}
    assert own
    assert set(own.values()) <= reached


@dataclass(frozen=True)
class Seen:
    """An answer, and the seconds until it was there."""

    status: int
    text: str
    headers: Any
    seconds: float


def look(client: Any) -> Seen:
    begun = time.monotonic()
    answer = client.ask("GetMediaList")
    return Seen(answer.status_code, answer.text, answer.headers, time.monotonic() - begun)


WIRE: dict[str, tuple[dict[str, Any], Callable[[Seen], bool]]] = {
    "a status": ({"status": 503}, lambda seen: seen.status == 503),
    "its body": ({"status": 502, "body": "<h1>no</h1>"}, lambda seen: seen.text == "<h1>no</h1>"),
    "its headers": ({"status": 502, "headers": {"Via": "x"}}, lambda seen: seen.headers["Via"] == "x"),
    "a type": ({"content_type": "text/html"}, lambda seen: seen.headers["Content-Type"] == "text/html"),
    "latency": ({"latency": 0.2}, lambda seen: seen.seconds >= 0.2),
    "latency from to": ({"latency": {"uniform": [0.1, 0.2]}}, lambda seen: seen.seconds >= 0.1),
    "latency by chance": ({"latency": {"lognormal": {"median": 0.1, "sigma": 0}}}, lambda seen: seen.seconds >= 0.1),
    "slowly": ({"slow": 100}, lambda seen: seen.seconds >= 0.15),
    "after the deed": ({"status": 500, "performed": True}, lambda seen: seen.status == 500),
}
CUT: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "drop": ({"drop": True}, requests.ConnectionError),
    "reset": ({"reset": True}, requests.ConnectionError),
    "truncate": ({"truncate": 3}, requests.RequestException),
    "malform": ({"malform": True}, requests.JSONDecodeError),
}


@pytest.mark.parametrize("words", WIRE)
def test_what_goes_wrong_on_the_wire(world: World, client: Any, words: str) -> None:
    document, holds = WIRE[words]
    planned = world.faults.add({"operation": "GetMediaList", "first": 1, **document})
    assert holds(look(client))
    assert world.faults.get(planned).hits == 1
    assert look(client).status == 200


def test_a_limit_counts_by_the_worlds_clock(world: World, client: Any) -> None:
    world.faults.add(limit={"requests": 2, "seconds": 60})
    assert [look(client).status for _ in range(3)] == [200, 200, 421]
    world.clock.advance(61)
    assert look(client).status == 200


@pytest.mark.parametrize("words", CUT)
def test_answers_that_do_not_come_whole(world: World, client: Any, words: str) -> None:
    document, error = CUT[words]
    world.faults.add(document, operation="GetMediaList", first=1)
    with pytest.raises(error):
        client.said("GetMediaList")
    assert "response" in client.ask("GetMediaList").json()


def test_which_requests(world: World, client: Any) -> None:
    world.faults.add(match={"operation": {"like": "Get*"}}, status=503, skip=1, every=2, first=1)
    assert [client.ask("GetMediaList").status_code for _ in range(5)] == [200, 200, 503, 200, 200]
    assert world.faults.list()[0].seen == 5
    world.tpstreams.faults.add(status=500)
    assert client.ask("GetMediaList").status_code == 200
    world.tpstreams.faults.clear()
    assert [planned.id for planned in world.faults.list()] == ["f1"]
    world.faults.clear()
    assert world.faults.list() == []


def test_what_is_no_fault_is_said_with_a_hint(double: Double, world: World) -> None:
    with pytest.raises(DoubleError, match="GetStatus") as caught:
        world.faults.add(operation="GetStatsu", status=503)
    assert (caught.value.code, caught.value.status) == ("invalid", 400)
    with pytest.raises(DoubleError, match="no_such_fault"):
        world.faults.get("f99")
    with pytest.raises(DoubleError, match="no_such_fault"):
        world.faults.remove("f99")
    with pytest.raises(DoubleError, match="no_such_world"):
        double.find("none")
