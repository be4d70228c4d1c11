"""Messages about jobs: our own server's are right, and what is wrong with others' is found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from mediaglot.gateway import life, registry
from mediaglot.gateway.command.contract.verify import outcome_of
from mediaglot.gateway.contract.finding import ERROR, WARNING
from mediaglot.gateway.contract.message import certainty, document
from mediaglot.gateway.contract.news import DEAF, SHARED, news
from mediaglot.gateway.contract.outcome import Outcome, junit
from mediaglot.gateway.contract.post import Post
from mediaglot.gateway.contract.sarif import sarif
from mediaglot.gateway.contract.stage import Listen, Stage, Terms
from mediaglot.gateway.exchange import DeleteThing, GetJob, GetJobs, Headers, Request, Response
from mediaglot.gateway.faults import EncodingFailed
from mediaglot.gateway.model import Delivery, Event, Made, Status, Ticket
from mediaglot.gateway.rehearsal import NOW, SITE
from mediaglot.gateway.testing.case import Notice, folders, read_call
from mediaglot.gateway.trait import EVIDENCE
from mediaglot.gateway.translation import entered
from mediaglot.gateway.translation import stage as rehearsed
from mediaglot.gateway.wire.schema import Schemas

XVID_SCHEMA = "schemas/xvid_mediahub/notification.json"
PROGRESSION = "immediate"
TPS, XVID, ENC, EDGE = "tpstreams", "xvid_mediahub", "encoding_com", "transparent_edge"
Alter = Callable[[Request], Iterable[Request]]
PATIENCE = 20
"""Seconds for a message of a server; it is there at once."""


# --- a real server ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", registry.names())
def test_our_own_server_tells_what_it_has_to(standing: Any, name: str) -> None:
    stage, outcome = standing.walk(name, "news", jobs=6, write=True, hear_patience=PATIENCE)
    assert [str(each) for each in outcome.findings] == []
    assert not [each for each in outcome.trials if each.skipped]
    assert len(stage.post.came) >= len(stage.made) > 1


@pytest.mark.parametrize("name", [TPS, XVID])
def test_what_was_made_for_messages_is_taken_away(standing: Any, name: str) -> None:
    made: list[bytes] = []
    gone: list[str] = []

    def listen(request: Request, answer: Response) -> Response:
        if re.search("/(webhooks|pipelines)/", request.path) and answer.status < 300:
            if request.method == "POST":
                made.append(answer.body)
            elif request.method == "DELETE":
                gone.append(request.path.rstrip("/").rpartition("/")[2])
        return answer

    standing.walk(name, "news", alter=listen, jobs=2, write=True, hear_patience=PATIENCE)
    assert all(any(each.encode() in body for body in made) for each in gone)
    assert len(gone) == len(made) > 0


def test_what_can_not_be_taken_away_is_told(standing: Any) -> None:
    def keep(request: Request, answer: Response) -> Response:
        return replace(answer, status=403) if request.method == "DELETE" else answer

    _, outcome = standing.walk(TPS, "news", alter=keep, jobs=1, write=True, hear_patience=PATIENCE)
    assert [each.place for each in outcome.findings] == ["response.status"]


class Hole(Post):
    def put(self, message: Request) -> None:
        """Nothing ever comes."""


class Echo(Post):
    def put(self, message: Request) -> None:
        super().put(message)
        super().put(message)


@pytest.mark.parametrize(("post", "rule", "waits"), [(Hole, "unsent", (0.5, 0)), (Echo, "twice", (PATIENCE, PATIENCE))])
def test_a_server_whose_messages_get_lost_or_come_twice(standing: Any, post: Any, rule: str, waits: Any) -> None:
    patience, linger = waits
    _, outcome = standing.walk(ENC, "news", post=post, jobs=1, hear_patience=patience, linger=linger)
    assert [(each.exchange, each.rule, each.level) for each in outcome.findings] == [("to its end xml", rule, ERROR)]
    assert not outcome.passed


# --- an implementation on paper ---------------------------------------------------------------------------


MOVED: dict[Status, dict[str, Any]] = {
    Status.RUNNING: {"started": NOW},
    Status.FINISHED: {"finished": NOW},
    Status.FAILED: {"finished": NOW, "trouble": EncodingFailed().trouble()},
}


@dataclass
class Paper:
    """A provider whose jobs go on with each look, and whose messages are altered on their way."""

    stage: Stage
    alter: Alter
    states: tuple[Status, ...] = (Status.RUNNING, Status.RUNNING, Status.FINISHED)
    life: dict[str, list[Status]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.provider = rehearsed(self.stage.dialect).again()

    def play(self) -> Outcome:
        steps = news(self.stage)
        step = next(steps)
        try:
            while True:
                step = steps.send(self.answer(step) if isinstance(step, Request) else Response())
                if isinstance(step, Listen):
                    step.until()
        except StopIteration:
            return outcome_of(self.stage)

    def answer(self, request: Request) -> Response:
        intent = read_call(self.stage.dialect, request).intent
        ids = (intent.id,) if isinstance(intent, GetJob) else intent.ids if isinstance(intent, GetJobs) else ()
        for ticket in [self.provider.tickets[each] for each in ids if each in self.provider.tickets]:
            self.go_on(ticket)
        if isinstance(intent, DeleteThing):
            self.provider.things = {name: each for name, each in self.provider.things.items() if each.id != intent.id}
        return self.provider.answer(request)

    def go_on(self, ticket: Ticket) -> None:
        ahead = self.life.setdefault(ticket.id, list(self.states))
        if ahead and (status := ahead.pop(0)) is not ticket.status:
            self.provider.tickets[ticket.id] = told = life.move(ticket, status, NOW, **MOVED[status])
            for made in told.outputs if status is Status.FINISHED else ():
                for each in made.deliveries:
                    self.tell(told, Event.DELIVERED, (made, replace(each, saved=True)))
            self.tell(told, Event.STARTED if status is Status.RUNNING else Event(status.value))

    def tell(self, ticket: Ticket, event: Event, subject: tuple[Made, Delivery] | None = None) -> None:
        dialect = self.stage.dialect
        hooks = {each.id: each for each in self.provider.things.values() if each.kind == dialect.standing}
        for wish in (*ticket.job.notifications, *map(dialect.subscription, hooks.values())):
            if event in wish.events:
                message = dialect.render_notification(ticket, wish, event, SITE, subject)
                assert message is not None
                for each in self.alter(replace(message, path=urlsplit(wish.target.url).path)):
                    assert self.stage.post is not None
                    self.stage.post.put(each)


def heard(name: str, alter: Alter, jobs: int = 1, **more: Any) -> Outcome:
    dialect = registry.find(name)
    stage = Stage(dialect, SITE, terms=Terms(jobs=jobs, write=True))
    stage.permits.append(entered(dialect))
    stage.post = Post("http://127.0.0.1:9/key")
    outcome = Paper(stage, alter, **more).play()
    return replace(outcome, trials=[replace(each, findings=about_messages(each)) for each in outcome.trials])


def about_messages(trial: Any) -> tuple[Any, ...]:
    """Nothing is made on paper, which is said of answers."""
    return tuple(each for each in trial.findings if each.operation == "notification")


def swap(old: bytes, new: bytes) -> Alter:
    def alter(message: Request) -> Iterable[Request]:
        yield replace(message, body=re.sub(old, new, message.body))

    return alter


def header(name: str, value: str) -> Alter:
    def alter(message: Request) -> Iterable[Request]:
        lines = [line for line in message.headers if line[0].lower() != name]
        yield replace(message, headers=Headers(lines=(*lines, *([(name, value)] if value else []))))

    return alter


def last(word: bytes, change: Alter) -> Alter:
    """Only of messages with that word in them."""
    return lambda message: change(message) if word in message.body else [message]


def again(message: Request) -> Iterable[Request]:
    return [message, message]


def nothing(_: Request) -> Iterable[Request]:
    return []


def by_put(message: Request) -> Iterable[Request]:
    yield replace(message, method="PUT")


def text(body: bytes) -> Alter:
    return lambda message: [replace(message, body=body)]


def put(name: str, value: Any) -> Alter:
    def alter(message: Request) -> Iterable[Request]:
        yield replace(message, body=json.dumps({**json.loads(message.body), name: value}).encode())

    return alter


PLAIN, FIELD = "text/plain", "notification.body: status"
FAULTS: list[tuple[str, str, Alter, str, str, str]] = [
    # what, dialect, what becomes of its messages; rule, place and level of the finding
    ("none ever comes", ENC, nothing, "unsent", "notification", ERROR),
    ("none ever comes", TPS, nothing, "unsent", "notification", ERROR),
    ("none ever comes", EDGE, nothing, "unsent", "notification", ERROR),
    ("none ever comes", XVID, nothing, "unsent", "notification", WARNING),
    ("no end is told", TPS, last(b"Completed", nothing), "unsent", "notification", ERROR),
    ("no step is told", TPS, last(b"Transcoding", nothing), "unsent", "notification", ERROR),
    ("no step is told", XVID, last(b"PROCESSING", nothing), "unsent", "notification", WARNING),
    ("another method", ENC, by_put, "method", "notification.method", ERROR),
    ("another method", EDGE, by_put, "method", "notification.method", WARNING),
    ("another type", ENC, header("content-type", PLAIN), "content_type", "notification.headers: Content-Type", ERROR),
    ("no type", TPS, header("content-type", ""), "content_type", "notification.headers: Content-Type", ERROR),
    ("no token", TPS, header("x-streams-token", ""), "header", "notification.headers: x-streams-token", ERROR),
    ("another token", TPS, header("x-streams-token", "x"), "header", "notification.headers: x-streams-token", ERROR),
    ("nothing in it", TPS, text(b""), "body", "notification.body", ERROR),
    ("half a document", TPS, swap(rb"\}$", b""), "body", "notification.body", ERROR),
    ("too deep", TPS, text(b'{"a":' * 900 + b"1" + b"}" * 900), "body", "notification.body", ERROR),
    ("noise", ENC, text(bytes(range(256))), "body", "notification.body", ERROR),
    ("another field of the form", ENC, swap(b"^xml=", b"document="), "body", "notification.body", ERROR),
    ("another root", ENC, swap(b"result", b"answer"), "body", "notification.body", ERROR),
    ("an unknown field", TPS, put("event", "x"), "notification", "notification.body: event", ERROR),
    ("a number for a text", TPS, put("output_path", 5), "notification", "notification.body: output_path", ERROR),
    ("a state that there is not", ENC, swap(b"%3EFinished%3C", b"%3EDone%3C"), "notification", FIELD, ERROR),
    ("a state that there is not", XVID, swap(b"SUCCESS", b"FERTIG"), "notification", "job.status", WARNING),
    ("no state", TPS, put("status", "Unknown"), "state", "notification.body", ERROR),
    ("a job that is not there", ENC, swap(b"%3E5001%3C", b"%3E5999%3C"), "id", "notification.body", ERROR),
    ("a job that is not there", TPS, put("id", "NBTj56vc8Rf"), "id", "notification.body", ERROR),
    ("another end", ENC, swap(b"%3EFinished%3C", b"%3EError%3C"), "state", "notification.body", ERROR),
    (
        "an end too early",
        TPS,
        swap(b"Transcoding", b"Error"),
        "state",
        "notification.body",
        ERROR,
    ),
    ("another source", ENC, swap(b"bars-10s", b"bars-11s"), "echo", "notification.body: source", ERROR),
    ("another destination", TPS, swap(b"s3://", b"s3://x"), "echo", "notification.body: output_path", ERROR),
    ("told twice", ENC, again, "twice", "notification", ERROR),
    ("told twice", EDGE, again, "twice", "notification", WARNING),
]


@pytest.mark.parametrize("name", [*registry.names(), f"{EDGE},callback=GET", f"{TPS},lowercase_status=webhook"])
def test_an_implementation_on_paper_tells_what_it_has_to(name: str) -> None:
    for states in ((Status.RUNNING, Status.FINISHED), (Status.RUNNING, Status.FAILED), (Status.FAILED,)):
        outcome = heard(name, lambda message: [message], jobs=6, states=states)
        assert [str(each) for each in outcome.findings] == []
        assert len([each for each in outcome.trials if not each.skipped]) > 1


@pytest.mark.parametrize(
    ("name", "alter", "rule", "place", "level"),
    [each[1:] for each in FAULTS],
    ids=[f"{each[1]}: {each[0]}" for each in FAULTS],
)
def test_a_fault_is_found(name: str, alter: Alter, rule: str, place: str, level: str) -> None:
    outcome = heard(name, alter)
    found = {(each.rule, each.place, each.level) for each in outcome.findings}
    assert [each for each in found if each[0] == rule and each[1].endswith(place) and each[2] == level], found
    assert outcome.passed is (level == WARNING)


UPLOADS: list[tuple[str, Alter, str, str]] = [
    ("none ever comes", last(b"Saved", nothing), "unsent", "notification"),
    ("told twice", last(b"Saved", again), "twice", "notification"),
    (
        "of another file",
        last(b"Saved", swap(b"contract", b"other")),
        "echo",
        "notification.body: destination",
    ),
    ("of no task", last(b"Saved", swap(b"taskid", b"task")), "notification", "notification.body: taskid"),
    ("of another media", last(b"Saved", swap(b"%3E5003%3C", b"%3E5001%3C")), "id", "notification.body"),
]


@pytest.mark.parametrize(("alter", "rule", "place"), [each[1:] for each in UPLOADS], ids=[each[0] for each in UPLOADS])
def test_a_fault_in_what_is_told_of_a_file_is_found(alter: Alter, rule: str, place: str) -> None:
    outcome = heard(ENC, alter, jobs=3)
    found = {(each.exchange, each.rule, each.place) for each in outcome.findings}
    assert ("that is delivered xml", rule, place) in found, found


ODD = (b"null", b'"x"', b"[]", b'{"id":[],"status":{}}', b'{"job":7}', b"<a><b/></a>", b"xml=<a")


@pytest.mark.parametrize("body", ODD)
def test_a_message_may_be_anything(body: bytes) -> None:
    for name in registry.names():
        outcome = heard(name, text(body))
        assert outcome.findings
        assert all(str(each).isprintable() for each in outcome.findings)


def test_the_field_of_a_form_is_named() -> None:
    [found] = heard(ENC, swap(b"^xml=", b"json=")).findings
    assert found.message == "expected a document, found what can't be read: no field 'xml'"


def test_messages_about_jobs_of_others_are_theirs() -> None:
    """A webhook hears of everything that its organization does; who asks for one job's messages does not."""
    for name, rules in ((TPS, set()), (ENC, {"id"})):
        first: list[bytes] = []

        def alter(message: Request, first: list[bytes] = first) -> Iterable[Request]:
            own = re.search(rb'"id":"(\w+)"|mediaid%3E(\d+)', message.body)
            assert own is not None
            found = own[1] or own[2]
            first.append(found)
            yield message
            if found != first[0]:
                yield replace(message, body=message.body.replace(found, first[0]))

        outcome = heard(name, alter, jobs=2)
        assert {each.rule for each in outcome.findings} == rules
        assert len(set(first)) == 2


@pytest.mark.parametrize(
    ("name", "terms", "post", "why"),
    [
        (ENC, Terms(), True, Terms().spent),
        (ENC, Terms(jobs=1), False, DEAF),
        (TPS, Terms(jobs=1), True, SHARED),
    ],
)
def test_why_nothing_is_asked_for(name: str, terms: Terms, post: bool, why: str) -> None:
    dialect = registry.find(name)
    stage = Stage(dialect, SITE, terms=terms)
    stage.permits.append(entered(dialect))
    stage.post = Post("http://127.0.0.1:9/key") if post else None
    assert list(news(stage)) == []
    assert {line.skipped for line in stage.lines} == {why}


# --- reports ----------------------------------------------------------------------------------------------


def test_a_guess_is_a_warning_in_every_report() -> None:
    outcome = heard(XVID, nothing)
    assert outcome.passed
    assert {each["level"] for each in outcome.tree()["findings"]} == {WARNING}
    assert 'failures="0"' in junit(outcome).decode()
    assert "<system-out>to its end json notification notification: expected" in junit(outcome).decode()
    assert "none came [unsent, a guess: warning]" in junit(outcome).decode()
    results = json.loads(sarif(outcome, XVID, lambda _: {}))["runs"][0]["results"]
    assert {each["level"] for each in results} == {WARNING}
    assert XVID_SCHEMA in {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results}


@pytest.mark.parametrize("name", registry.names())
def test_every_message_of_the_fixtures_fits_its_schema(name: str) -> None:
    """And what is said of how sure it is, is said in the words of evidence."""
    schemas, known = Schemas(registry.find(name)), certainty(type(registry.find(name)))
    assert known is not None
    assert {known.end, known.steps, known.how, known.once} <= {*EVIDENCE, ""}
    notices = [each for each in folders(name) if isinstance(each, Notice) and not each.mail]
    for notice in notices:
        message = notice.render(notice.ticket)
        if message is not None and message.body:
            assert schemas.check("notification", document(notice.dialect, message, message)) == [], str(notice)
    assert notices
