"""The contract of a dialect: how a request is opened, and how results and faults are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from mediaglot.gateway import exchange
from mediaglot.gateway.accounts import ANYBODY
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.dialect import Call, Complaint, Dialect, Route
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import (
    Conflict,
    Fault,
    Internal,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    SourceMissing,
    Unauthorized,
    UnknownAction,
)
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Field, Record, Tree
from mediaglot.gateway.model import Phase, Secret, Status, Ticket, Trouble
from mediaglot.gateway.wire.json import Json

ME = {"user": "u", "key": "k"}


def post(path: str, **tree: Any) -> Request:
    return Request(method="POST", path=path, body=json.dumps(tree).encode())


@pytest.fixture
def verbs(toy_class: type[Dialect]) -> Dialect:
    """A toy with verbs in the body, a public page and paths with parameters."""

    def gives(dialect: Dialect, call: Call, result: Any) -> Tree:
        return {"verb": call.route.name if call.route else ""}

    def route(method: str, path: str, name: str, **more: Any) -> Route:
        facts: dict[str, Any] = {"intent": exchange.GetJob, "takes": Record(exchange.GetJob, Field("id", "id")), **more}
        return Route(method=method, path=path, name=name, gives=gives, **facts)

    class Verbs(toy_class):  # type: ignore[valid-type, misc]
        routes = (
            route("POST", "/", "read", when="Read"),
            route("POST", "/", "write", when="Write"),
            route("GET", "/page.html", "page", public=True, wire=Json(content_type="text/x-page")),
            route("GET", "/a/{id}", "one"),
            route("DELETE", "/a/{id}", "drop"),
            route("GET", "/a/{id}/b.{kind}", "two"),
        )

    made: Dialect = Verbs()
    return made


# --- opening a request ------------------------------------------------------------------------------


def test_a_request_is_opened_into_its_parts(toy: Dialect) -> None:
    call = toy.open(post("/job/5", **ME, more="1"))
    assert call.route is toy.routes[0]
    assert call.params == {"id": "5"}
    assert call.credential == Credential("u", Secret("k"))
    assert call.tree["more"] == "1"
    assert call.account is ANYBODY
    assert toy.read(call, Ledger()) == exchange.GetJob(id="5")


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (Request(method="POST", path="/nowhere", body=b"{"), UnknownAction),
        (Request(method="GET", path="/job/5", body=b"{"), MethodNotAllowed),
        (Request(method="POST", path="/job/5", body=b"{"), Malformed),
        (post("/job/5", user="u"), Unauthorized),
        (Request(method="POST", path="/job/", body=b"{}"), UnknownAction),
        (Request(method="POST", path="/job/5/6", body=b"{}"), UnknownAction),
        (Request(method="POST", path="/xjob/5", body=b"{}"), UnknownAction),
    ],
)
def test_checks_come_in_order(toy: Dialect, request_: Request, fault: type[Fault]) -> None:
    with pytest.raises(fault):
        toy.open(request_)


def test_a_wrong_method_hears_of_the_right_ones(verbs: Dialect) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        verbs.open(Request(method="PUT", path="/a/5"))
    assert caught.value.data == {"name": "PUT", "allowed": "DELETE, GET"}


@pytest.mark.parametrize(("action", "name"), [("Read", "read"), ("wRITE", "write"), (["read"], "read")])
def test_the_verb_in_the_body_chooses(verbs: Dialect, action: Any, name: str) -> None:
    call = verbs.open(post("/", **ME, action=action))
    assert call.route is not None
    assert call.route.name == name


@pytest.mark.parametrize("action", ["Fly", "", None, {"a": 1}, ["Read", "Write"]])
def test_credentials_are_checked_before_the_verb(verbs: Dialect, action: Any) -> None:
    with pytest.raises(Unauthorized):
        verbs.open(post("/", action=action))
    call = verbs.open(post("/", **ME, action=action))
    with pytest.raises(UnknownAction) as caught:
        verbs.read(call, Ledger())
    assert caught.value.data["name"]


def test_a_public_page_wants_neither_document_nor_credential(verbs: Dialect) -> None:
    call = verbs.open(Request(method="GET", path="/page.html", body=b"\xff"))
    answer = verbs.render_response(call, exchange.Done())
    assert (answer.status, answer.headers.get("content-type")) == (200, "text/x-page")


@pytest.mark.parametrize(
    ("path", "name", "params"),
    [("/a/5", "one", {"id": "5"}), ("/a/x.y", "one", {"id": "x.y"}), ("/a/5/b.mp4", "two", {"id": "5", "kind": "mp4"})],
)
def test_paths_have_parameters(verbs: Dialect, path: str, name: str, params: Mapping[str, str]) -> None:
    call = verbs.open(replace(post(path, **ME), method="GET"))
    assert call.route is not None
    assert (call.route.name, call.params) == (name, params)


def test_dots_in_a_path_are_dots(verbs: Dialect) -> None:
    with pytest.raises(UnknownAction):
        verbs.open(Request(method="GET", path="/pageXhtml"))


# --- telling results and faults -----------------------------------------------------------------------


def told(dialect: Dialect, fault: Fault) -> tuple[int, str]:
    answer = dialect.render_response(Call(request=Request(), wire=dialect.wire), fault)
    return answer.status, json.loads(answer.body)["error"]


def test_a_result_is_rendered_by_its_route(toy: Dialect, ticket: Ticket) -> None:
    call = toy.open(post("/job/7", **ME))
    answer = toy.render_response(call, ticket)
    assert (answer.status, json.loads(answer.body)) == (200, {"id": "7", "state": "waiting", "revision": 0})
    assert answer.headers.get("content-type") == "application/json"


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (NotFound(kind="job", id="7"), 404, "no task 7"),
        (NotFound(kind="preset", id="p"), 404, "no profile p"),
        (NotFound(kind="cup", id="c"), 404, "no cup c"),
        (Conflict(kind="job", id="7", state="running"), 409, "task 7 is working"),
        (Conflict(kind="job", id="7", state="present"), 409, "task 7 is present"),
        (Invalid(field="size", reason="{odd} %s"), 400, "bad size: {odd} %s"),
        (Malformed(), 400, "bad :"),
        (Unauthorized(reason="missing"), 401, "who are you?"),
        (Internal(reference="abc"), 500, "our mistake"),
        (SourceMissing(status=404), 500, "our mistake"),
    ],
)
def test_a_fault_is_told_along_its_line_of_classes(toy: Dialect, fault: Fault, status: int, text: str) -> None:
    assert told(toy, fault) == (status, text)


def test_a_subclass_of_a_fault_needs_no_entry_of_its_own(toy: Dialect) -> None:
    class Locked(Conflict):
        code = "locked_for_test"

    assert told(toy, Locked(kind="job", id="1", state="held")) == (409, "task 1 is held")


def test_a_fault_while_rendering_is_told_as_well(toy_class: type[Dialect], ticket: Ticket) -> None:
    def gives(dialect: Dialect, call: Call, result: Any) -> Tree:
        raise NotFound(kind="job", id="later")

    class Late(toy_class):  # type: ignore[valid-type, misc]
        routes = (replace(toy_class.routes[0], gives=gives),)

    dialect = Late()
    answer = dialect.render_response(dialect.open(post("/job/7", **ME)), ticket)
    assert (answer.status, json.loads(answer.body)) == (404, {"error": "no task later"})


def test_a_trouble_on_a_ticket_has_the_same_words(toy: Dialect) -> None:
    assert toy.describe(Trouble(code="not_found", data={"kind": "job", "id": "3"})) == "no task 3"
    assert toy.describe(Trouble(code="of_the_future")) == "our mistake"


def test_a_text_with_an_empty_end_has_no_blank_there() -> None:
    assert Complaint(400, "error: {status} {reason}").say({"status": 400}) == "error: 400"


# --- states and options -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "phase", "word"),
    [
        (Status.RUNNING, Phase.ENCODING, "encoding"),
        (Status.RUNNING, Phase.STORING, "working"),
        (Status.RUNNING, None, "working"),
        (Status.QUEUED, Phase.WAITING, "waiting"),
        (Status.CANCELLED, None, "unknown"),
    ],
)
def test_a_state_without_a_word_has_its_statuss(toy: Dialect, status: Status, phase: Phase | None, word: str) -> None:
    assert toy.state(status, phase) == word


def test_options_have_defaults_and_are_checked(toy_class: type[Dialect]) -> None:
    assert toy_class().options == {"mood": "calm"}
    assert toy_class(mood="wild").options == {"mood": "wild"}
    with pytest.raises(ValueError, match="calm, wild"):
        toy_class(mood="sad")
    with pytest.raises(ValueError, match="colour"):
        toy_class(colour="red")


def test_the_working_defaults_say_nothing(ticket: Ticket) -> None:
    class Bare(Dialect):
        name: ClassVar[str] = "bare"

    assert Bare().facets(ticket) == {}
    assert Bare().options == {}
    with pytest.raises(NotImplementedError):
        Bare().envelope(Complaint(400, ""), "")
