"""Tapes: what is kept of an exchange, what is not, that the laws run over it, and that it answers."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote_plus

import pytest

from mediaglot.gateway import registry, testing
from mediaglot.gateway.command.contract.source import read
from mediaglot.gateway.contract.whereabout import Whereabouts
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.faults import Unavailable
from mediaglot.gateway.http.tape import keep, recording, replaying
from mediaglot.gateway.testing.case import Case, folders, read_call, read_request, read_response
from mediaglot.gateway.testing.scrub import Scrubber, Shapes
from mediaglot.gateway.testing.tape import Replay, Tape

DIALECT = registry.find("encoding_com")
FORM = Headers(
    lines=(("Content-Type", "application/x-www-form-urlencoded"), ("X-Api-Key", "s3cr3t-1"), ("Cookie", "s3cr3t-2"))
)
SECRETS = [f"s3cr3t-{number}" for number in range(1, 12)]
BODY = b"""json={"query": {"userid":"4711", "userkey":"s3cr3t-3",
 "action":"AddMedia", "source":"https://me:s3cr3t-4@h.example/s3cr3t-5.mov?sig=s3cr3t-6",
 "s3cr3t 11": "s3cr3t-7", "format":{"output":"mp4", "size":"640x360",
 "status": "http://s3cr3t-8/", "meta":["s3cr3t-9", 4711, 1.5, true]}}}"""
TOLD = b"""<?xml version="1.0" ?>
<!-- s3cr3t-1 --><response a="s3cr3t-2"><MediaID>4711</MediaID><![CDATA[s3cr3t-3>s3cr3t-4]]>
  <status>Processing</status><progress>40.5</progress><url>s3cr3t-5</url></response>"""


def asked(body: bytes = BODY) -> Request:
    return Request(method="POST", path="/", headers=FORM, body=body.replace(b'"', b"%22"))


def scrubbed() -> Scrubber:
    return Scrubber(DIALECT, Shapes())


def test_only_what_is_known_to_be_harmless_stays() -> None:
    answer = Response(headers=Headers(lines=(("Content-Type", "text/xml"), ("Set-Cookie", "s3cr3t-1"))), body=TOLD)
    folder = Tape(DIALECT).record(asked(), answer)
    whole = b"".join(folder.files.values()).decode()
    assert not [secret for secret in SECRETS if secret in whole]
    assert "4711" not in whole
    for kept in ("AddMedia", "640x360", "mp4", "Processing", "40.5", "Host: manage.encoding.com"):
        assert kept in whole
    intent = json.loads(folder.files["intent.json"])
    assert intent["job"]["outputs"][0]["container"] == "mp4"
    (userid,) = [intent["job"]["document"]["userid"]]
    assert f"<MediaID>{userid}</MediaID>" in folder.files["response.http"].decode(), (
        "the same value has the same stand-in"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"s3cr3t-1",
        b"s3cr3t-1=",
        b'{"userkey": "s3cr3t-1',
        b'{"{": ["s3cr3t-1"], "a": "s3cr3t-1"}',
        b'{"userkey": "s3cr\\u0033t-1", "a": ["s3cr3t-1", {"status": ["x"], "b": "s3cr3t-1"}, "s3cr3t-1"]}',
        b"<query><userkey>s3cr3t-1<b/>s3cr3t-1</userkey><s3cr3t-1 a='s3cr3t-1'/><!-- s3cr3t-1",
        b"<query><status><key>s3cr3t-1</key>s3cr3t-1@h</status></query>",
        b"--b\r\nContent-Disposition: form-data; name=key\r\n\r\ns3cr3t-1\r\n--b--",
        b"\xff\xfes3cr3t-1",
        b'json=<a>{"x": "s3cr3t-1"}</a>&x=%7B%22key%22%3A%22s3cr3t-1%22%7D',
    ],
)
def test_a_secret_is_not_kept_however_it_is_written(body: bytes) -> None:
    for kind in (
        "application/json",
        "text/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "",
    ):
        kept = scrubbed().body(body, kind).decode()
        assert "s3cr3t-1" not in kept.replace("<s3cr3t-1", "")
        assert "u0033" not in kept


def test_headers_path_and_query_are_scrubbed_too() -> None:
    dialect = registry.find("tpstreams")
    lines = Headers(
        lines=(("Authorization", "Token s3cr3t-1"), ("Accept", "application/json"), ("X-Forwarded-For", "1.2.3.4"))
    )
    request = Request(
        path="/api/v1/myorgs/transcoding_jobs/AbCdEfGhIjK/", query="page=2&token=s3cr3t-2&s3cr3t-3", headers=lines
    )
    kept = Scrubber(dialect, Shapes()).request(request)
    assert re.fullmatch(r"/api/v1/x0000\d/transcoding_jobs/X[2-9]{10}/", kept.path)
    assert re.fullmatch(r"page=2&token=text-\d&text-\d", kept.query)
    assert [name for name, _ in kept.headers] == ["Host", "Authorization", "Accept"]
    assert kept.headers.get("Authorization").startswith("Token text-")


def test_what_a_sentence_tells_has_a_stand_in_of_its_own() -> None:
    """As that is all that an answer says of it."""
    scrubber = Scrubber(registry.find("transparent_edge"), Shapes())
    told = scrubber.body(b'{"message":"Transcoding order #1789034411-4821 has been queued"}', "application/json")
    order = re.fullmatch(r'{"message":"Transcoding order #(\d{10}-\d{4}) has been queued"}', told.decode())
    assert order is not None
    assert order[1] != "1789034411-4821"
    assert json.loads(scrubber.body(b'{"id":"1789034411-4821"}', "application/json")) == {"id": order[1]}
    for strange in ("Transcoding order #s3cr3t-1 has been queued", "my s3cr3t-1 has been queued"):
        assert b"s3cr3t-1" not in scrubber.body(json.dumps({"message": strange}).encode(), "application/json")


@pytest.mark.parametrize("time", ["20210906 09:00:00", "2021-09-06T09:00:00.123456Z", "09:00:00"])
def test_times_stay(time: str) -> None:
    body = json.dumps({"whatever": time}).encode()
    assert scrubbed().body(body, "application/json") == body


@pytest.mark.heavy
@pytest.mark.parametrize("name", registry.names())
def test_the_laws_run_over_what_is_recorded(name: str, tmp_path: Path) -> None:
    """Over every fixture's own exchange, as if the provider had answered it."""
    dialect, tape, understood = registry.find(name), Tape(registry.find(name)), 0
    for case in folders(name):
        if isinstance(case, Case) and case.has("response.http") and not case.has("options.json"):
            recorded = tape.record(case.request, read_response(case.bytes_of("response.http")))
            keep(tmp_path, recorded)
            operation, number = recorded.path.split("/")
            again = Case(name, operation, number, tmp_path / recorded.path)
            testing.test_request_is_read(again)
            testing.test_reading_is_pure(again)
            understood += again.has("intent.json")
            secret = case.read().call.credential
            if secret is not None and len(secret.secret.reveal()) > 8:
                assert secret.secret.reveal().encode() not in b"".join(recorded.files.values()), str(case)
    assert dialect.name == name
    assert understood >= 20


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/*"))


async def test_what_was_recorded_is_answered_again_in_its_order(tmp_path: Path) -> None:
    words = iter(["Queued", "Processing", "Finished"])

    async def provider(request: Request) -> Response:
        if b"AddMedia" in request.body:
            return Response(body=b'{"response":{"MediaID":"991"}}')
        return Response(body=b'{"response":{"status":"%s"}}' % next(words).encode())

    def status(media: str, key: str) -> Request:
        return asked(
            b'json={"query":{"userid":"1","userkey":"%s","action":"GetStatus","mediaid":"%s"}}'
            % (key.encode(), media.encode())
        )

    send = recording(provider, DIALECT, tmp_path)
    assert b"991" in (await send(asked())).body, "who asks gets the answer as it is"
    for _ in range(3):
        await send(status("991", "one"))
    assert names(tmp_path) == ["0001_200", "0002_200", "0003_200", "0004_200"]
    replay = replaying(DIALECT, tmp_path)
    media = json.loads((await replay(asked())).body)["response"]["MediaID"]
    assert media != "991"
    told = [json.loads((await replay(status(media, "another key"))).body)["response"]["status"] for _ in range(4)]
    assert told == ["Queued", "Processing", "Finished", "Finished"]
    with pytest.raises(Unavailable):
        await replay(replace(asked(), path="/other"))
    more = recording(provider, DIALECT, tmp_path)
    await more(asked())
    assert names(tmp_path)[-1] == "0005_200", "a tape goes on where it ended"


async def test_of_several_jobs_each_gets_its_own_answers_again(tmp_path: Path) -> None:
    """Whoever was over first on the tape: the last answer of all is given to nobody else."""
    ids, turns = iter(["991", "992"]), iter(["Finished", "Processing", "Finished"])

    def status(media: str) -> Request:
        query = '{"userid":"1","userkey":"k","action":"GetStatus","mediaid":"%s"}'
        return asked(f'json={{"query":{query % media}}}'.encode())

    async def provider(request: Request) -> Response:
        if b"AddMedia" in request.body:
            return Response(body=b'{"response":{"MediaID":"%s"}}' % next(ids).encode())
        media = b"991" if b"991" in request.body else b"992"
        return Response(body=b'{"response":{"id":"%s","status":"%s"}}' % (media, next(turns).encode()))

    send = recording(provider, DIALECT, tmp_path)
    for request in (asked(), asked(), status("991"), status("992"), status("992")):
        await send(request)
    replay = replaying(DIALECT, tmp_path)
    first, second = [json.loads((await replay(asked())).body)["response"]["MediaID"] for _ in range(2)]
    told = [json.loads((await replay(status(media))).body)["response"] for media in (second, first, second, first)]
    assert [each["id"] for each in told] == [second, first, second, first]
    assert [each["status"] for each in told] == ["Processing", "Finished", "Finished", "Finished"]


def test_a_tape_is_not_the_network(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no tape"):
        replaying(DIALECT, tmp_path)
    with pytest.raises(Unavailable):
        Replay(DIALECT, []).answer(asked())


async def test_a_full_or_forbidden_folder_loses_no_answer(tmp_path: Path) -> None:
    (tmp_path / "add_media").write_text("in the way")

    async def provider(request: Request) -> Response:
        return Response(body=b"{}")

    assert (await recording(provider, DIALECT, tmp_path)(asked())).body == b"{}"


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (json.dumps({"id": "1" * 5000, "pair": "1" * 5000 + "-2"}).encode(), ("Vary", "Accept")),
        (b"{}", ("WWW-Authenticate", b'Basic realm="caf\xe9"'.decode("utf-8", "surrogateescape"))),
    ],
    ids=["thousands of digits", "a header in Latin 1"],
)
def test_hostile_answers_are_recorded(body: bytes, line: tuple[str, str]) -> None:
    lines = (("Content-Type", "application/json"), line)
    folder = Tape(DIALECT).record(asked(), Response(headers=Headers(lines=lines), body=body))
    assert read_response(folder.files["response.http"]).body.startswith(b"{")


def test_no_two_values_have_one_stand_in() -> None:
    shapes = Shapes()
    values = ["42", *map(str, range(10)), "1.5", "-3", "0.5", "abcd", *(f"some {number}" for number in range(20))]
    assert len({shapes(value) for value in values}) == len(values)


def test_a_long_tape_is_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number in (9999, 10000):
        recorded = Tape(DIALECT, number).record(asked(), Response(status=number // 50, body=b""))
        keep(tmp_path, recorded)
    for found in (read([tmp_path], Whereabouts(dialect="encoding_com")), replaying_order(tmp_path)):
        assert [each.response.status for each in found] == [199, 200]


def replaying_order(folder: Path) -> list[Any]:
    answer = replaying(DIALECT, folder)
    return [SimpleNamespace(response=asyncio.run(answer(asked()))) for _ in range(2)]


UNKEPT = {
    "encoding_com": set(),
    "tpstreams": {"create_job/multipart"},
    "transparent_edge": {"create_order/multipart"},
    "xvid_mediahub": {"jobs_post/as_typed", "presets_post/plain", "presets_put/plain"},
}
"""Bodies that are no documents, and ids that a provider's own things have."""


@pytest.mark.parametrize("name", UNKEPT)
def test_a_recorded_request_can_be_sent_again(name: str) -> None:
    """What could be read can be read without its secrets: replay sends that."""
    dialect, lost = registry.find(name), set()
    for path in (Path(testing.__file__).parents[2] / "fixtures" / name).glob("*/*/request.http"):
        asked = read_request(path.read_bytes())
        before, after = (read_call(dialect, each) for each in (asked, Scrubber(dialect, Shapes()).request(asked)))
        if before.intent is not None and type(before.intent) is not type(after.intent):
            lost.add("/".join(path.parts[-3:-1]))
    assert lost == UNKEPT[name]


def test_cdata_is_a_text_and_so_is_an_ampersand_that_parts_nothing() -> None:
    kind = "application/x-www-form-urlencoded"
    body = (
        b"xml=<query><source><![CDATA[https://h.example/s3cr3t-1.mov?a=1&b=<2>]]></source><!-- s3cr3t-2 > --></query>"
    )
    kept = unquote_plus(scrubbed().body(body, kind).decode())
    assert kept == "xml=<query><source>https://media.example.test/1.mov</source></query>"
    body = b'json={"query": {"source": "https://h.example/s3cr3t-1.mov?a=1&b=2"}}'
    assert unquote_plus(scrubbed().body(body, kind).decode()) == (
        'json={"query": {"source": "https://media.example.test/1.mov"}}'
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"meta": {"order": "s3cr3t-1", "x": {"size": "s3cr3t-1"}}, "size": "a"}',
        b"<meta><order>s3cr3t-1</order></meta>",
    ],
)
def test_names_that_clients_give_mean_nothing(body: bytes) -> None:
    assert b"s3cr3t" not in scrubbed().body(body, "application/json")


def test_what_is_to_become_of_a_clip_is_no_secret() -> None:
    clip = "https://media.mediaglot.test/bars-60s.mp4"
    for kept in (f"{clip}?fail=encoding&at=40&fault=no_track", f"{clip}?stuck&at=30"):
        assert scrubbed().value("source", kept) == kept
    assert "s3cr3t" not in scrubbed().value("source", f"{clip}?sig=s3cr3t-1&fail=encoding")


def test_stand_ins_have_the_form_of_what_they_stand_for() -> None:
    for value, stand_in in (
        ("ftp://ann:s3cr3t-1@h.example/s3cr3t-2.mp4", "ftp://someone1:secret1@media.example.test/1.mp4"),
        ("https://h.example/a@b.mov", "https://media.example.test/1.mov"),
        ("gopher://h.example/x", "gopher://media.example.test/1"),
        ("mailto:ann@h.example", "mailto:someone1@example.test"),
    ):
        assert scrubbed().value("destination", value) == stand_in


def test_entries_of_a_list_in_xml_are_called_as_the_list_is() -> None:
    body = b"<a><max_width><item>16</item><item>4096</item></max_width><names><item>s3cr3t-1</item></names></a>"
    kept = scrubbed().body(body, "text/xml").decode()
    assert kept == "<a><max_width><item>16</item><item>4096</item></max_width><names><item>text-1</item></names></a>"


def test_the_turn_of_an_entry_is_a_name() -> None:
    body = b'{"resolutions": {"0": ["s3cr3t-1"]}, "4711": 1}'
    assert scrubbed().body(body, "application/json") == b'{"resolutions": {"0": ["text-1"]}, "field": 3}'


def test_a_body_that_is_not_kept_leaves_its_length() -> None:
    request = Request(method="POST", path="/", headers=FORM, body=b'{"s3cr3t-1')
    kept = scrubbed().request(request)
    assert (kept.body, kept.headers.get("Content-Length")) == (b"", "10")
    assert "Content-Length" not in dict(scrubbed().request(asked()).headers)
