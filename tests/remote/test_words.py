"""Every verb of the control API from Python: worlds, clock, journal, messages, state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from mediaglot.gateway.lab import fate, inbox, journal
from mediaglot.gateway.remote import asynchronous, sync
from mediaglot.testing import Double, DoubleError, Unmet, World

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_provider_in_a_world(world: World, client: Any) -> None:
    job = client.create()
    account = world.encoding_com
    assert account is world["encoding_com"]
    assert account.url.startswith(world.url)
    assert (account.credentials.name, account.credentials.secret) == ("100", world.secret)
    assert world.secret not in repr(account.credentials)
    assert [found.id for found in account.jobs] == [job]
    assert account.jobs.get(job).status != "finished"
    world.clock.advance(600)
    (found,) = account.jobs.list(status="finished")
    assert (found.id, found.progress, found.fault) == (job, 1.0, None)
    assert found.tree["job"]["outputs"][0]["container"] == "mp4"
    assert (len(world.jobs), len(world.tpstreams.jobs)) == (1, 0)
    with pytest.raises(Unmet, match=job):
        account.jobs.get("7")
    with pytest.raises(AttributeError, match="tpstreams"):
        _ = world.nobody


def test_worlds(double: Double, encoding: Callable[[Any], Any]) -> None:
    with double.world(id="mine", clock="virtual", start="2030-05-05T00:00:00Z") as mine, double.world() as other:
        assert double.find("mine").secret == mine.secret
        assert {"mine", other.id} <= {world.id for world in double.worlds()}
        assert mine.clock.now() == datetime(2030, 5, 5, tzinfo=UTC)
        assert encoding(mine).create() == encoding(other).create()
        with pytest.raises(DoubleError, match="exists"):
            double.world(id="mine")
        mine.close()
    with pytest.raises(DoubleError, match="no_such_world"):
        double.find("mine")
    with pytest.raises(DoubleError, match="clock"):
        double.world(clock="sundial")


def test_a_clock_by_hand(world: World, client: Any) -> None:
    clock = world.clock
    assert clock.now() == START
    assert clock.advance(30) == START + timedelta(seconds=30)
    assert clock.advance(timedelta(minutes=1)) == START + timedelta(seconds=90)
    assert clock.set("2026-01-02T00:00:00Z") == clock.set(START + timedelta(days=1)) == START + timedelta(days=1)
    job = client.create()
    due = clock.pending()
    assert due is not None
    assert clock.next() == START + timedelta(days=1, seconds=due)
    clock.run(1000)
    assert clock.freeze() == clock.now() > START + timedelta(days=1, seconds=due)
    clock.advance(600)
    assert client.status(job) == "Finished"
    with pytest.raises(DoubleError, match=r"advance is a number .* hundred years"):
        clock.advance(-1)


def test_a_real_clock_is_not_moved(double: Double) -> None:
    with double.world() as world, pytest.raises(DoubleError, match="virtual"):
        world.clock.advance(1)


def test_the_journal(world: World, client: Any) -> None:
    job = client.create(notastandardfield="x")
    client.status(job)
    client.said("GetStatus", mediaid="77")
    journal = world.requests
    assert [entry.operation for entry in journal] == ["AddMedia", "GetStatus", "GetStatus"]
    assert (len(journal), journal.count(operation="GetStatus"), journal.dropped()) == (3, 2, 0)
    assert [entry.number for entry in journal.list(limit=1)] == [3]
    created = journal.find(operation="AddMedia", intent__job__outputs__0__video__size__width=320)
    assert (created.job, created.unread, created.response.status) == (job, ("notastandardfield",), 200)
    assert created.response.json()["response"]["MediaID"] == job
    assert created.response.header("content-type") == "application/json"
    assert world.secret not in str(created.tree)
    assert journal.find({"fault.code": "not_found"}).number == 3
    assert journal.near(operation="AddMedia", job="7")[0].misses == {"job": [job]}
    assert world.tpstreams.requests.count() == 0
    assert world.encoding_com.requests.count(operation="GetStatus") == 2
    journal.clear()
    assert journal.count() == 0


def test_what_should_have_been_asked(world: World, client: Any) -> None:
    client.status(client.create())
    journal = world.requests
    assert journal.verify(operation="AddMedia", exactly=1) == 1
    assert journal.verify(operation="StopMedia", exactly=0) == 0
    assert journal.verify(at_least=1, at_most=2) == 2
    assert journal.in_order({"operation": "AddMedia"}, {"operation": "GetStatus"}) == [1, 2]
    with pytest.raises(Unmet, match="0 requests match, expected exactly 1") as caught:
        journal.verify(operation="AddMedia", job="7", exactly=1)
    told = str(caught.value)
    assert '#1 encoding_com AddMedia -> 200 job 5001: job is "5001", not "7"' in told
    assert "the last requests:\n  #1 encoding_com AddMedia -> 200 job 5001\n  #2 encoding_com GetStatus" in told
    with pytest.raises(Unmet, match="number 2 of the order after request 2"):
        journal.in_order({"operation": "GetStatus"}, {"operation": "AddMedia"})
    with pytest.raises(Unmet, match="no request matches"):
        journal.find(operation="StopMedia")
    with pytest.raises(DoubleError, match="exactly"):
        journal.verify(exactly=1, at_least=1)


def test_waiting_for_a_request(world: World, client: Any) -> None:
    client.status(client.create())
    assert [entry.number for entry in world.requests.wait(operation="GetStatus")] == [2]
    with pytest.raises(Unmet, match=r"1 of 2 requests came within 0\.01 s"):
        world.requests.wait(operation="GetStatus", count=2, seconds=0.01)


def test_messages(world: World, client: Any) -> None:
    inbox = world.inbox("done")
    assert world.id in inbox.url
    inbox.respond(500, times=1)
    job = client.create(notify=inbox.url)
    world.clock.advance(3600)
    first, second = inbox.wait(count=2)
    assert (first.method, first.body) == ("POST", second.body)
    assert job in first.body
    assert first.header("Mediaglot-Delivery") == second.header("Mediaglot-Delivery")
    assert [message.number for message in inbox.messages(number=2)] == [2]
    (letter,) = world.notifications.list(state="delivered")
    assert len(world.notifications.get(letter["id"])["log"]) == 2
    world.notifications.redeliver(letter["id"])
    world.clock.advance(1)
    assert len(inbox.wait(count=3)) == 3
    with pytest.raises(Unmet, match="what came:\n  #1 POST"):
        inbox.wait(count=4, seconds=0.01)
    inbox.clear()
    assert inbox.messages() == []


FATES: dict[str, tuple[dict[str, Any], Callable[[list[str], str], bool]]] = {
    "drop": ({"drop": True}, lambda bodies, plain: not bodies),
    "delay": ({"delay": 86_400}, lambda bodies, plain: not bodies),
    "duplicate": ({"duplicate": 2}, lambda bodies, plain: len(bodies) == 3 and len({*bodies}) == 1),
    "reorder": ({"reorder": True}, lambda bodies, plain: len(bodies) == 1),
    "corrupt": ({"corrupt": "body"}, lambda bodies, plain: len(bodies) == 1 and "\ufffd" in bodies[0]),
}


@pytest.mark.parametrize("verb", FATES)
def test_what_befalls_messages(world: World, client: Any, verb: str) -> None:
    document, holds = FATES[verb]
    fate = world.fates.add({**document, "first": 1})
    client.create(notify=world.inbox().url)
    world.clock.advance(3600)
    assert holds([message.body for message in world.inbox().messages()], "")
    assert world.fates.get(fate).hits == 1
    world.fates.remove(fate)
    world.fates.add(drop=True)
    world.fates.clear()
    assert world.fates.list() == []
    world.clock.advance(86_400)
    assert world.inbox().messages() or verb == "drop"


def test_what_becomes_of_jobs(world: World, client: Any) -> None:
    failing = world.rules.add(match={"outputs[].container": "mp4"}, outcome={"fail": "encoding", "at": 40}, next=1)
    jobs = [client.create(), client.create()]
    world.clock.advance(3600)
    assert [client.status(job) for job in jobs] == ["Error", "Finished"]
    assert world.jobs.get(jobs[0]).fault == "encoding_failed"
    assert [(rule.id, rule.hits) for rule in world.rules.list()] == [(failing.id, 1)]
    world.rules.remove(failing)
    world.rules.default(stall="fetching")
    stuck = client.create()
    world.clock.advance(3600)
    assert world.jobs.get(stuck).phase == "fetching"
    world.rules.clear()
    with pytest.raises(DoubleError, match="invalid"):
        world.rules.add(outcome={"fail": "cooking"})


def test_state_goes_and_comes_back(double: Double, world: World, client: Any) -> None:
    job = client.create(notify=world.inbox().url)
    world.snapshot("begun")
    world.clock.advance(600)
    assert client.status(job) == "Finished"
    world.restore("begun")
    assert world.clock.now() == START
    assert client.status(job) != "Finished"
    world.clock.advance(600)
    assert world.inbox().messages()
    world.reset()
    assert (len(world.jobs), len(world.requests), world.inbox().messages()) == (0, 0, [])
    assert client.create() == job
    exported = world.export()
    assert [ticket["id"] for ticket in exported["jobs"]] == [job]
    with pytest.raises(DoubleError, match="no_such_snapshot"):
        world.restore("never")
    double.reset()
    assert len(world.jobs) == 0


def test_a_seed_makes_a_world_what_a_test_needs(world: World) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    who = "grant_type=client_credentials&client_id=demo&client_secret={secret}"
    token = {"dialect": "transparent_edge", "path": "/v1/oauth2/access_token/", "headers": form, "body": who}
    answers = world.seed([token, {"advance": 90}])
    assert answers[0]["body"]["access_token"]
    assert world.clock.now() == START + timedelta(seconds=90)
    with pytest.raises(DoubleError, match="step 0"):
        world.seed([{"advance": -1}])


FACES = [
    name for name in vars(sync) if isinstance(getattr(sync, name), type) and issubclass(getattr(sync, name), sync.Face)
]


@pytest.mark.parametrize("name", FACES)
def test_both_kinds_have_the_same_words(name: str) -> None:
    def words(kind: type) -> set[str]:
        return {word for each in kind.__mro__ for word in vars(each) if not word.startswith("_")}

    assert words(getattr(asynchronous, f"Async{name}")) == words(getattr(sync, name)) - {"asynchronous"}


def test_a_world_whose_id_begins_like_another_one(double: Double) -> None:
    with double.world(id="a") as short, double.world(id="a.b") as longer:
        boxes = [short.inbox("mine"), short.inbox("c.mine"), longer.inbox("mine")]
        for box in boxes:
            requests.post(box.url, data=b"x", timeout=30)
        short.reset()
        assert [len(box.messages()) for box in boxes] == [0, 0, 1]
        short.close()
        assert len(boxes[2].messages()) == 1


@pytest.mark.parametrize(
    "error",
    [
        5,
        ["busy"],
        {"code": "busy", "data": {"self": 1}},
        {"code": ["busy"]},
        {"code": "refused", "data": {"meaning": 1}},
    ],
    ids=str,
)
def test_errors_that_there_are_not(world: World, error: Any) -> None:
    with pytest.raises(DoubleError, match=r"no fault is called|data is an object of"):
        world.faults.add(error=error)


def test_places_that_no_list_has(world: World, client: Any) -> None:
    world.faults.add({"match": {f"request.headers.{'9' * 5000}.0": "x"}, "status": 500})
    assert client.create()


def test_errors_do_not_say_lists(world: World) -> None:
    with pytest.raises(DoubleError, match="data is an object of texts"):
        world.faults.add(error={"code": "busy", "data": {"reason": [1]}})


@pytest.mark.parametrize("name", ["a b", "test_it[ü-100%]", "a?b=c", "x#y", "a%20b"])
def test_a_letter_box_may_be_called_like_a_test(world: World, name: str) -> None:
    box, later = world.inbox(name), world.asynchronous.inbox(name)
    assert box.url == later.url
    assert requests.post(box.url, data=b"x", timeout=30).status_code == 200
    assert [each.body for each in box.messages()] == ["x"]
    assert [each.body for each in asyncio.run(later.messages())] == ["x"]
    with pytest.raises(DoubleError, match="small letters"):
        world.snapshot(name)


@pytest.mark.parametrize(
    "look",
    [
        lambda world: world.requests.verify(operatoin="AddMedia", exactly=0),
        lambda world: world.requests.in_order({"response_status": 200}),
        lambda world: world.requests.list(response_status=500),
        lambda world: world.requests.near(response_status=500),
        lambda world: world.jobs.list(state="queued"),
        lambda world: world.inbox().messages(text="x"),
        lambda world: world.faults.add(drop=True, match={"response.status": 200}),
        lambda world: world.fates.add(drop=True, match={"evnt": "finished"}),
    ],
)
def test_a_path_that_nothing_has_is_refused(world: World, look: Callable[[World], Any]) -> None:
    with pytest.raises(DoubleError, match="a path begins with"):
        look(world)


def test_paths_begin_as_what_is_looked_at(world: World, client: Any) -> None:
    client.create(notify=world.inbox().url)
    world.clock.advance(600)
    assert {*world.requests.list()[0].tree} == journal.FIELDS > journal.ASKED
    assert {each.name for each in fields(world.inbox().wait()[0])} == inbox.FIELDS
    for name in sorted(fate.FIELDS):
        world.fates.add(drop=True, match={name: {"absent": True}})
    world.notifications.redeliver(world.notifications.list()[0]["id"])
    assert [each.hits for each in world.fates.list()] == [0] * len(fate.FIELDS)


def test_a_job_has_its_state_from_its_beginning(double: Double, encoding: Callable[[Any], Any]) -> None:
    for _ in range(8):
        with double.world(clock="virtual", progression="manual") as world:
            job = encoding(world).create()
            assert [each.id for each in world.jobs.list(phase="fetching", progress={"most": 0})] == [job]
            world.clock.advance(1)
            (found,) = world.jobs.list(status="running", progress={"least": 0.001})
            assert 0 < found.progress == found.tree["progress"] < 1


def test_times_are_said_as_python_has_them(double: Double) -> None:
    with double.world(clock="virtual", start=START + timedelta(days=1)) as world:
        assert world.clock.now() == START + timedelta(days=1)
        assert world.fates.add(delay=timedelta(hours=1)).document == {"delay": 3600}
        assert world.requests.count(at=START) == 0
        with pytest.raises(DoubleError, match="not_json"):
            world.rules.add(outcome=object())


def test_the_clock_goes_from_event_to_event_until_there_are_none(world: World, client: Any) -> None:
    client.create()
    events = 0
    while (due := world.clock.pending()) is not None:
        before, events = world.clock.now(), events + 1
        assert (world.clock.next() - before).total_seconds() == pytest.approx(due)
        assert events < 1000
    assert world.jobs.list(status="finished")


def test_all_notifications_are_told_page_by_page(world: World, client: Any) -> None:
    for _ in range(52):
        client.create(notify=world.inbox().url)
    world.clock.advance(3600)
    assert len({each["id"] for each in world.notifications.list(dialect="encoding_com")}) == 52
    assert len(world.notifications.list(limit=3)) == 3
    with pytest.raises(DoubleError, match=f"worlds/{world.id}/notifications lists them"):
        world.notifications.get("none")
