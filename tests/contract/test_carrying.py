"""What a recorded request becomes for another implementation: its ids, its tokens, our credentials."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.contract.carrying import Carrying
from mediaglot.gateway.contract.difference import differences, passes
from mediaglot.gateway.contract.recording import Exchange
from mediaglot.gateway.errand import Login
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.model import Secret

LOGIN = Login(name="me", secret=Secret("mine"), tenant="ours")
FORM = "application/x-www-form-urlencoded"


def asked(method: str, path: str, body: Any = None, *, query: str = "", kind: str = "", **lines: str) -> Request:
    text = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else b""
    headers = {"Content-Type": kind or "application/json", **lines} if text else lines
    return Request(method=method, path=path, query=query, headers=Headers(lines=tuple(headers.items())), body=text)


def onward(carrying: Carrying, request: Request) -> Request:
    found = carrying.onward(request)
    assert found is not None
    return found


def test_ids_and_tokens_of_answers_are_carried_over() -> None:
    carrying = Carrying(registry.find("xvid_mediahub"))
    carrying.learn({"access_token": "tokentokenA"}, {"access_token": "tokentokenB"})
    carrying.learn({"job": {"id": "66aabb010123456789abcd02"}}, {"job": {"id": "77aabb010123456789abcd03"}})
    bearer = {"Authorization": "Bearer tokentokenA"}
    request = onward(carrying, asked("GET", "/v1/jobs/66aabb010123456789abcd02", **bearer))
    assert request.path == "/v1/jobs/77aabb010123456789abcd03"
    assert request.headers.get("Authorization") == "Bearer tokentokenB"


def test_an_id_within_a_sentence_is_carried_over() -> None:
    carrying = Carrying(registry.find("transparent_edge"))
    said = "Transcoding order #{} has been queued"
    carrying.learn({"message": said.format("1789034411-4821")}, {"message": said.format("1795990000-77")})
    assert onward(carrying, asked("GET", "/v1/media/42/transcode/1789034411-4821/")).path.endswith("/1795990000-77/")
    again = {"message": f"{said.format('1-1')} again"}
    carrying.learn({"message": said.format("1789034411-4821")}, again)
    assert onward(carrying, asked("GET", "/v1/media/42/transcode/1789034411-4821/")).path.endswith("/1795990000-77/")


def test_several_ids_in_one_value_are_carried_over() -> None:
    carrying = Carrying(registry.find("encoding_com"))
    carrying.learn({"MediaID": "1001"}, {"MediaID": 42})
    carrying.learn({"MediaID": "1002"}, {"MediaID": "43"})
    query = {"query": {"userid": "1", "userkey": "k", "action": "GetStatus", "mediaid": "1001,1002"}}
    request = onward(carrying, asked("POST", "/", f"json={json.dumps(query)}", kind=FORM))
    assert b"42%2C43" in request.body


def test_credentials_take_the_place_of_the_recorded_ones() -> None:
    carrying = Carrying(registry.find("encoding_com"), LOGIN)
    query = {"query": {"userid": "1", "userkey": "k", "action": "GetMediaList"}}
    request = onward(carrying, asked("POST", "/", f"json={json.dumps(query)}", kind=FORM))
    assert b"%22mine%22" in request.body
    assert b"%22k%22" not in request.body


def test_an_answer_calls_us_by_our_own_name() -> None:
    carrying = Carrying(registry.find("encoding_com"), LOGIN)
    query = {"query": {"userid": "1", "userkey": "k", "action": "GetStatus", "mediaid": "1"}}
    onward(carrying, asked("POST", "/", f"json={json.dumps(query)}", kind=FORM))
    assert carrying.alike("userid", "1", "me")
    assert not carrying.alike("userid", "1", "somebody")


def test_credentials_are_traded_for_a_token_that_is_used_then() -> None:
    carrying = Carrying(registry.find("transparent_edge"), LOGIN)
    form = "grant_type=client_credentials&client_id=theirs&client_secret=secret-of-theirs"
    request = onward(carrying, asked("POST", "/v1/oauth2/access_token/", form, kind=FORM))
    assert b"client_id=me&client_secret=mine" in request.body
    carrying.learn({"access_token": "old-token-0001"}, {"access_token": "new-token-0002"})
    bearer = {"Authorization": "Bearer old-token-0001"}
    request = onward(carrying, asked("GET", "/v1/media/42/transcode/", **bearer))
    assert request.headers.get("Authorization") == "Bearer new-token-0002"
    request = onward(carrying, asked("GET", "/v1/media/42/transcode/", Authorization="Bearer never-seen"))
    assert request.headers.get("Authorization") == "Bearer mine"


def test_a_pair_in_a_header_is_exchanged_too() -> None:
    carrying = Carrying(registry.find("transparent_edge"), LOGIN)
    pair = base64.b64encode(b"theirs:secret-of-theirs").decode()
    headers = {"Authorization": f"Basic {pair}"}
    request = onward(
        carrying, asked("POST", "/v1/oauth2/access_token/", "grant_type=client_credentials", kind=FORM, **headers)
    )
    assert base64.b64decode(request.headers.get("Authorization").partition(" ")[2]) == b"me:mine"


def test_what_the_client_says_itself_is_no_id() -> None:
    """And has to come back as it was said; another value may be set for it."""
    carrying = Carrying(registry.find("xvid_mediahub"), given={"ours": "yours"})
    request = asked("POST", "/v1/pipelines/", {"pipeline": {"name": "ours"}}, Authorization="Bearer abcdefgh1")
    assert json.loads(onward(carrying, request).body)["pipeline"]["name"] == "yours"
    assert carrying.alike("name", "ours", "yours")
    assert not carrying.alike("name", "ours", "theirs")
    carrying.learn({"pipeline": {"name": "ours", "id": "a1"}}, {"pipeline": {"name": "other", "id": "b2"}})
    assert json.loads(onward(carrying, request).body)["pipeline"]["name"] == "yours"
    assert carrying.alike("id", "a1", "b2")
    assert not carrying.alike("id", "a1", "c3"), "an id is the one that was given before"


@pytest.mark.parametrize(
    ("name", "before", "after", "alike"),
    [
        ("status", "SUCCESS", "FAILURE", False),
        ("width", 640, 640.0, True),
        ("width", "640", 641, False),
        ("progress", 10, 90, True),
        ("creation_date", "2026-01-01", "2027-02-02", True),
        ("whatever", "made up here", "made up there", True),
        ("enabled", True, False, False),
        ("type", "***", "what a journal hides", True),
        ("filesize", "1048576", "1048577", True),
        ("size_on_disk", 1048576, 1048577, True),
        ("size", "640x360", "320x180", False),
    ],
)
def test_values_that_may_stand_for_others(name: str, before: Any, after: Any, alike: bool) -> None:
    assert Carrying(registry.find("xvid_mediahub")).alike(name, before, after) is alike


def test_a_body_that_was_not_kept_cannot_be_sent() -> None:
    carrying = Carrying(registry.find("xvid_mediahub"))
    assert carrying.onward(asked("POST", "/v1/files/", "x", kind="multipart/form-data; boundary=b")) is None
    lost = {"Content-Type": "application/json", "Content-Length": "5"}
    assert carrying.onward(asked("POST", "/v1/jobs/", **lost)) is None
    assert carrying.onward(asked("POST", "/v1/jobs/", **lost | {"Content-Length": "0"})) is not None


def test_thousands_of_digits_are_no_time() -> None:
    assert not passes("name", "1" * 5000)
    assert passes("name", "1700000000")


def test_what_appeared_is_told_in_the_order_of_the_document() -> None:
    names = [f"name{number}" for number in range(20)]
    found = differences({}, dict.fromkeys(names, 1), lambda *_: True)
    assert [each.path[0] for each in found] == names


def test_whom_paths_name_is_known_before_a_path_names_it() -> None:
    """A login may say it first; another one, in a path that is refused, stays another one."""
    carrying = Carrying(registry.find("tpstreams"), LOGIN)
    said = {"username": "a@b.example", "password": "p", "organization_id": "ab12cd"}
    login = asked("POST", "/api/auth/login/", said)
    token = {"Authorization": f"Token {'0123456789abcdef' * 4}"}
    paths = (f"/api/v1/{whose}/transcoding_jobs/" for whose in ("zz99zz", "ab12cd"))
    wrong, right = (asked("GET", path, **token) for path in paths)
    statuses = ((login, 200), (wrong, 403), (right, 200))
    carrying.foresee(Exchange(name="", request=each, response=Response(status=status)) for each, status in statuses)
    assert json.loads(onward(carrying, login).body)["organization_id"] == "ours"
    assert onward(carrying, right).path == "/api/v1/ours/transcoding_jobs/"
    assert onward(carrying, wrong).path == "/api/v1/zz99zz/transcoding_jobs/"
