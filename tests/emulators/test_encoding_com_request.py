"""What each action takes: from bytes to the intent, and every refusal in the provider's words."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any
from urllib.parse import quote_plus

import pytest

from mediaglot.emulators.encoding_com import Dialect
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import (
    CancelJob,
    CreateJob,
    DeleteJobs,
    DeletePreset,
    Filter,
    GetAccount,
    GetJob,
    GetJobs,
    GetPreset,
    Intent,
    ListJobs,
    ListPresets,
    PutPresets,
    Request,
    RetryJob,
    StartJob,
    UpdateJob,
    Window,
)
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Access, Clip, Event, Input, Location, Secret

DIALECT = Dialect()
ME = {"userid": "7", "userkey": "k"}
SOURCE = "http://h/in.mov"
FORMAT = {"output": "mp4"}


def post(field: str, text: str) -> Request:
    return Request(method="POST", body=f"{field}={quote_plus(text)}".encode())


def as_json(action: str, **query: Any) -> Request:
    return post("json", json.dumps({"query": {**ME, "action": action, **query}}))


def as_xml(action: str, inner: str) -> Request:
    return post("xml", f"<query><userid>7</userid><userkey>k</userkey><action>{action}</action>{inner}</query>")


def intent_of(request: Request) -> Intent:
    return DIALECT.read(DIALECT.open(request), Ledger())


def wanted(action: str, **query: Any) -> Any:
    return intent_of(as_json(action, **query))


def complaint(request: Request) -> str:
    """What the client hears of a refusal; it must be one, and travel with HTTP 200."""
    call = Call(request=request, wire=DIALECT.wire.choose(request))
    with pytest.raises(Fault) as caught:
        intent_of(request)
    answer = DIALECT.render_response(call, caught.value)
    assert answer.status == 200
    if answer.headers.get("content-type") == "application/json":
        text: str = json.loads(answer.body)["response"]["errors"]["error"]
        return text
    assert answer.body.startswith(b'<?xml version="1.0"?>\n<response><errors><error>')
    return answer.body.decode().partition("<error>")[2].partition("</error>")[0]


# --- add --------------------------------------------------------------------------------------------


def test_the_same_job_in_both_formats_is_the_same_job() -> None:
    inner = (
        "<source>http://h/1.mov</source><source>http://h/2.mov</source><priority>5</priority>"
        "<format><output>mp4</output><size>640x360</size><destination>ftp://u:p@h/a</destination>"
        "<destination>ftp://h/b</destination></format><format><output>webm</output></format>"
        "<meta><order>17</order></meta><notify>http://c/hook</notify>"
    )
    query: dict[str, Any] = {
        "source": ["http://h/1.mov", "http://h/2.mov"],
        "priority": 5,
        "format": [
            {"output": "mp4", "size": "640x360", "destination": ["ftp://u:p@h/a", "ftp://h/b"]},
            {"output": ["webm"]},
        ],
        "meta": {"order": 17},
        "notify": ["http://c/hook"],
    }
    first, second = intent_of(as_xml("AddMedia", inner)), wanted("addmedia", **query)
    assert isinstance(first, CreateJob)
    assert first == second
    job = first.job
    assert [source.location.url for source in job.inputs] == ["http://h/1.mov", "http://h/2.mov"]
    assert [output.container for output in job.outputs] == ["mp4", "webm"]
    assert job.outputs[0].destinations[0].access == Access(user="u", password=Secret("p"))
    assert (job.priority, job.tags, job.hold) == (5, {"order": "17"}, False)


@pytest.mark.parametrize(
    ("text", "url", "clip"),
    [
        ("http://h/a?nocopy", "http://h/a", None),
        ("http://h/a?nocopy&multithread", "http://h/a", None),
        ("http://h/a?x=1&nocopy&y=2", "http://h/a?x=1&y=2", None),
        ("http://h/a?nocopy=1", "http://h/a?nocopy=1", None),
        ("http://h/a?start=5&end=9.5", "http://h/a", Clip(start=Fraction(5), end=Fraction(19, 2))),
        ("http://h/a?end=00:00:09&k=v&start=1", "http://h/a?k=v", Clip(start=Fraction(1), end=Fraction(9))),
        ("http://h/a?start=5", "http://h/a?start=5", None),
        ("http://h/a?Signature=a%2Bb&Expires=1", "http://h/a?Signature=a%2Bb&Expires=1", None),
    ],
)
def test_a_sources_switches_are_ours_and_the_rest_is_the_hosts(text: str, url: str, clip: Clip | None) -> None:
    (source,) = wanted("AddMedia", source=text, format=FORMAT).job.inputs
    assert source == Input(location=Location(url=url), clip=clip)
    assert source.location.verbatim == text


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "Source file is not indicated!"),
        ({"format": FORMAT}, "Source file is not indicated!"),
        ({"source": [], "format": FORMAT}, "Source file is not indicated!"),
        ({"source": "", "format": FORMAT}, "Source file is not indicated!"),
        ({"source": SOURCE}, "No formats specified!"),
        ({"source": SOURCE, "format": []}, "No formats specified!"),
        ({"source": SOURCE, "format": {}}, "No formats specified!"),
        ({"source": SOURCE, "format": "mp4"}, "Wrong value of parameter format.0: must be an object"),
        ({"source": SOURCE, "format": [FORMAT, {"size": "1x1"}]}, "Parameter format.1.output is missing"),
        (
            {"source": SOURCE, "format": FORMAT, "priority": "high"},
            "Wrong value of parameter priority: is not a number",
        ),
        ({"source": SOURCE, "format": FORMAT, "notify": "x"}, "Wrong value of parameter notify: is not a URL"),
        (
            {"source": SOURCE, "format": FORMAT, "notify_format": "yaml"},
            "Wrong value of parameter notify_format: is not one of json, xml",
        ),
        ({"source": {"url": SOURCE}, "format": FORMAT}, "Wrong value of parameter source: must be a single value"),
        ({"source": "ftp://u:sesame@h:port/x", "format": FORMAT}, "Wrong value of parameter source: is not a URL"),
        (
            {"source": SOURCE + "?start=1.2.3&end=5", "format": FORMAT},
            "Wrong value of parameter source: is not a time in seconds or as hh:mm:ss",
        ),
        ({"source": [SOURCE] * 101, "format": FORMAT}, "Wrong value of parameter source: is given more than 100 times"),
        ({"source": SOURCE, "format": [FORMAT] * 101}, "Wrong value of parameter format: is given more than 100 times"),
    ],
)
def test_a_job_that_cannot_be_is_refused_in_words(query: dict[str, Any], text: str) -> None:
    assert complaint(as_json("AddMedia", **query)) == text


def test_a_format_may_name_only_a_preset() -> None:
    (output,) = wanted(
        "AddMedia", source=SOURCE, format={"output_preset": "mine", "destination": "ftp://h/a"}
    ).job.outputs
    assert (output.preset, output.container) == ("mine", None)


def test_a_benchmark_waits_and_needs_no_format() -> None:
    job = wanted("AddMediaBenchmark", source=SOURCE).job
    assert (job.hold, job.outputs) == (True, ())
    assert complaint(as_json("AddMediaBenchmark")) == "Source file is not indicated!"


def test_whom_to_tell_of_what() -> None:
    job = wanted(
        "AddMedia", source=SOURCE, format=FORMAT, notify="http://a/", notify_upload="http://b/",
        notify_encoding_errors=["http://c/", "http://d/"],
    ).job  # fmt: skip
    told = {(target.target.url, target.style): target.events for target in job.notifications}
    assert told == {
        ("http://a/", "notify"): {Event.FINISHED, Event.FAILED, Event.READY},
        ("http://b/", "notify_upload"): {Event.DELIVERED},
        ("http://c/", "notify_encoding_errors"): {Event.OUTPUT_FAILED},
        ("http://d/", "notify_encoding_errors"): {Event.OUTPUT_FAILED},
    }


def test_unknown_parameters_are_tolerated_and_noted() -> None:
    ledger = Ledger()
    call = DIALECT.open(as_json("AddMedia", source=SOURCE, format={**FORMAT, "mine": "1"}, split_screen={"rows": 2}))
    intent = DIALECT.read(call, ledger)
    assert isinstance(intent, CreateJob)
    assert {loss.path for loss in ledger} == {"split_screen", "format.0.mine"}
    assert intent.job.document["split_screen"] == {"rows": "2"}


def test_the_key_of_the_account_is_nowhere_in_the_job() -> None:
    job = wanted("AddMedia", source=SOURCE, format=FORMAT, userkey="sesame-key").job
    assert "sesame-key" not in repr(job) + str(dict(job.document))


def test_presets_are_kept_along_with_a_job() -> None:
    made = wanted(
        "AddMedia", source=SOURCE, format={**FORMAT, "save_preset": "mine", "destination": "ftp://h/a", "size": ""}
    )
    (preset,) = made.presets
    assert (preset.name, preset.output.destinations, preset.output.document) == ("mine", (), {"output": "mp4"})


# --- ids --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mediaid", ["5001", 5001, ["5001"], " 5001 ", [5001], "5001,", ["", "5001"]])
@pytest.mark.parametrize(
    ("action", "intent"),
    [
        ("GetStatus", GetJob(id="5001")),
        ("GetMediaInfo", GetJob(id="5001")),
        ("GetMediaInfoEx", GetJob(id="5001")),
        ("ProcessMedia", StartJob(id="5001")),
        ("CancelMedia", DeleteJobs(ids=("5001",))),
        ("StopMedia", CancelJob(id="5001", keep_saved=True)),
        ("RestartMedia", RetryJob(id="5001")),
        ("RestartMediaErrors", RetryJob(id="5001", failed_only=True)),
    ],
)
def test_an_action_on_one_media(action: str, mediaid: Any, intent: Intent) -> None:
    assert wanted(action, mediaid=mediaid, notify="http://x/", format={"output": "junk"}) == intent


def test_the_name_of_the_id_may_be_written_as_one_client_does() -> None:
    assert wanted("GetStatus", MediaID="5001") == GetJob(id="5001")


@pytest.mark.parametrize("mediaid", [None, "", [], {}, " , ", ["", ""]])
@pytest.mark.parametrize(
    "action", ["GetStatus", "CancelMedia", "StopMedia", "RestartMedia", "GetMediaInfo", "UpdateMedia"]
)
def test_an_action_without_an_id_is_refused(action: str, mediaid: Any) -> None:
    assert complaint(as_json(action, mediaid=mediaid)) == "Parameter mediaid is missing"


@pytest.mark.parametrize(
    ("query", "intent"),
    [
        ({"mediaid": "1"}, GetJob(id="1")),
        ({"mediaid": "1", "extended": "yes"}, GetJobs(ids=("1",))),
        ({"mediaid": "1", "extended": True}, GetJobs(ids=("1",))),
        ({"mediaid": "1", "extended": "no"}, GetJob(id="1")),
        ({"mediaid": "1,2 , 3"}, GetJobs(ids=("1", "2", "3"))),
        ({"mediaid": [1, "2,3"], "extended": "yes"}, GetJobs(ids=("1", "2", "3"))),
    ],
)
def test_several_ids_mean_the_extended_form(query: dict[str, Any], intent: Intent) -> None:
    assert wanted("GetStatus", **query) == intent


def test_ids_without_end_are_refused() -> None:
    assert "more than 1000" in complaint(as_json("GetStatus", mediaid=",".join(map(str, range(1001)))))


def test_update_takes_formats_and_tells_others() -> None:
    found = wanted("UpdateMedia", mediaid="1", format=[FORMAT, {"output": "webm"}], notify="http://n/")
    assert isinstance(found, UpdateJob)
    assert (found.id, [output.container for output in found.outputs], len(found.notifications)) == (
        "1",
        ["mp4", "webm"],
        1,
    )
    assert complaint(as_json("UpdateMedia", mediaid="1")) == "No formats specified!"


def test_restarting_a_task_names_it() -> None:
    assert wanted("RestartMediaTask", mediaid="1", taskid=9001) == RetryJob(id="1", output_id="9001")


def test_cancel_takes_a_comma_list() -> None:
    assert wanted("CancelMedia", mediaid="1,2") == DeleteJobs(ids=("1", "2"))


# --- lists, presets, account ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", [{}, {"version": 1}, {"version": "2"}, {"page": "3"}, {"version": "2", "sort": "junk"}]
)
def test_the_older_lists_are_whole(query: dict[str, Any]) -> None:
    assert wanted("GetMediaList", **query) == ListJobs()


def test_the_newer_list_is_cut_filtered_and_sorted() -> None:
    found = wanted(
        "GetMediaList", version="3", page="2", per_page="5", mediaid="1", taskid=9, output=["mp4"], sort="finished",
        order="DESC", date_from="2020-01-02", date_to="2020-01-03 04:05:06",
    )  # fmt: skip
    assert isinstance(found, ListJobs)
    assert found.window == Window(offset=5, limit=5, sort="finished", descending=True)
    since, until = found.filter.created_from, found.filter.created_to
    assert found.filter == Filter(created_from=since, created_to=until, id="1", output_id="9", container="mp4")
    assert (str(since), str(until)) == ("2020-01-02 00:00:00+00:00", "2020-01-03 04:05:06+00:00")


@pytest.mark.parametrize(
    "query",
    [
        {"version": "4"},
        {"version": "two"},
        {"version": "3", "sort": "size"},
        {"version": "3", "order": "up"},
        {"version": "3", "page": "-1"},
        {"version": "3", "per_page": "many"},
        {"version": "3", "date_from": "yesterday"},
        {"version": "3", "mediaid": ["1", "2"]},
        {"version": "3", "taskid": {"a": "b"}},
        {"version": "3", "output": ["mp4", "mov"]},
    ],
)
def test_a_wrong_list_is_refused(query: dict[str, Any]) -> None:
    assert complaint(as_json("GetMediaList", **query)).startswith("Wrong value of parameter ")


def test_presets_are_saved_by_name_or_by_their_product() -> None:
    found = wanted(
        "SavePreset", name="mine", format={**FORMAT, "keyframe": ["90"], "size": "", "destination": "ftp://h/a"}
    )
    assert isinstance(found, PutPresets)
    assert [(preset.name, preset.output.document) for preset in found.presets] == [
        ("mine", {"output": "mp4", "keyframe": "90"})
    ]
    several = wanted("SavePreset", name="mine", format=[FORMAT, {"output": "webm"}])
    assert [preset.name for preset in several.presets] == ["mine", "mine 2"]
    unnamed = wanted("SavePreset", format=[FORMAT, {"output": "webm"}])
    assert len({preset.name for preset in unnamed.presets}) == 2
    assert complaint(as_json("SavePreset", name="x")) == "No formats specified!"
    assert "200" in complaint(as_json("SavePreset", name="x" * 201, format=FORMAT))


def test_presets_are_asked_for_by_name() -> None:
    assert wanted("GetPreset", name="mine", type="all") == GetPreset(name="mine")
    assert wanted("DeletePreset", name="mine") == DeletePreset(name="mine")
    assert wanted("GetPresetsList", type="ui") == ListPresets()
    assert complaint(as_json("GetPreset")) == "Parameter name is missing"
    assert complaint(as_json("GetPresetsList", type="odd")).startswith("Wrong value of parameter type")


@pytest.mark.parametrize("action", ["GetUserInfo", "getReservedInfo", "GETUSERINFO"])
def test_an_account_asks_about_itself(action: str) -> None:
    assert wanted(action, action_user_id="7") == GetAccount()


# --- the envelope -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (Request(method="POST"), "Wrong query format"),
        (post("xml", "<query><userid>7"), "Wrong query format"),
        (post("xml", "<!DOCTYPE query><query><userid>7</userid></query>"), "Wrong query format"),
        (post("json", "{"), "Wrong query format"),
        (post("json", '{"request":{}}'), "Wrong query format"),
        (post("xml", "<query><action>GetUserInfo</action></query>"), "Wrong user id or key!"),
        (post("json", '{"query":{"userid":"seven","userkey":"k","action":"GetUserInfo"}}'), "Wrong user id or key!"),
        (as_json("FlyToTheMoon"), "Unknown action: FlyToTheMoon"),
        (as_json(""), "Unknown action: /"),
        (as_json("AddSubUser"), "Unknown action: AddSubUser"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(request_: Request, text: str) -> None:
    assert complaint(request_) == text


def test_a_token_replaces_the_pair() -> None:
    request = post("json", json.dumps({"query": {"oidc_refresh_token": "t", "action": "GetUserInfo"}}))
    assert intent_of(request) == GetAccount()


def test_the_status_page_is_public() -> None:
    call = DIALECT.open(Request(method="GET", path="/status.php", query="format=json"))
    assert (call.credential, call.wire.content_type) == (None, "application/json")
