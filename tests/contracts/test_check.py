"""Recordings of every kind are held to the contract offline; what is hostile in them is complained of in one line."""

from __future__ import annotations

import base64
import json
import os
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from mediaglot.gateway import cli, registry
from mediaglot.gateway.command.contract import check
from mediaglot.gateway.command.contract.source import find
from mediaglot.gateway.contract.whereabout import Whereabouts
from mediaglot.gateway.http.tape import keep
from mediaglot.gateway.testing.case import Case, folders, read_response
from mediaglot.gateway.testing.tape import Tape

ROOT = Path(__file__).parents[2]


def checked(capsys: Any, *words: object) -> tuple[int, Any]:
    code = cli.main(["contract", "check", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


# --- folders ---------------------------------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize("name", registry.names())
def test_our_own_fixtures_keep_the_contract(capsys: Any, name: str) -> None:
    """With their options; and every operation is in them."""
    code, told = checked(capsys, ROOT / "fixtures" / name)
    assert code == 0, told["findings"]
    assert told["tried"] > 100
    assert told["missing"] == []


UNKEPT = {"multipart", "literal_ampersand"}
"""Bodies of which a tape keeps nothing, or not enough."""


@pytest.fixture(scope="module")
def taped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fixtures of one dialect as a recording without secrets."""
    folder, tape = tmp_path_factory.mktemp("taped"), Tape(registry.find("transparent_edge"))
    (folder / "recording.json").write_text('{"dialect": "transparent_edge"}')
    for case in folders("transparent_edge"):
        understood = isinstance(case, Case) and case.has("response.http") and case.has("intent.json")
        if understood and not case.has("options.json") and case.name not in UNKEPT:
            assert isinstance(case, Case)
            keep(folder, tape.record(case.request, read_response(case.bytes_of("response.http"))))
    return folder


def test_a_recording_without_secrets_keeps_the_contract_too(capsys: Any, taped: Path) -> None:
    """What stands for a value need not have the value's form."""
    code, told = checked(capsys, taped)
    assert code == 0, told["findings"]
    assert told["tried"] > 60


def test_a_broken_answer_in_a_recording_is_found(capsys: Any, taped: Path, tmp_path: Path) -> None:
    shutil.copytree(taped, tmp_path / "tape")
    broken = next(iter(sorted((tmp_path / "tape" / "get_profile").glob("*_200/response.http"))))
    head, _, body = broken.read_text().partition("\n\n")
    broken.write_text(f"{head}\n\n{json.dumps({**json.loads(body), 'id': True})}")
    report = tmp_path / "junit.xml"
    code, told = checked(capsys, tmp_path / "tape", "--junit", report)
    assert code == 1
    (finding,) = told["findings"]
    assert finding["place"] == "response.body: id"
    assert "#/" in finding["schema"]
    assert finding["exchange"] == f"get_profile/{broken.parent.name}"
    suite = ET.parse(report).getroot()[0]
    assert (suite.get("failures"), suite.get("tests")) == ("1", str(told["tried"]))


def test_many_exchanges_are_judged_by_several_processes(taped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "FEW", 10)
    monkeypatch.setattr(check, "PART", 40)
    found, _ = find([taped], Whereabouts())
    assert check.judged(found, jobs=2) == check.judged(found, jobs=1)
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    assert len(check.judged(found)) == len(found)


# --- HAR -------------------------------------------------------------------------------------------------


def har(*entries: dict[str, Any]) -> str:
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": entries}})


def entry(url: str, body: str | None, *, status: int = 200, **content: Any) -> dict[str, Any]:
    asked = {"method": "get", "url": url, "headers": [{"name": "Authorization", "value": "Token abc"}]}
    told = {"mimeType": "application/json", "size": 0, **({} if body is None else {"text": body}), **content}
    lines = {"content-type": "application/json", "Content-Encoding": "br", "Allow": "GET, POST", "Vary": "Accept"}
    headers = [{"name": name, "value": value} for name, value in lines.items()]
    return {"request": asked, "response": {"status": status, "headers": headers, "content": told}}


GOOD = json.dumps({"detail": "Authentication credentials were not provided."})
OURS = "https://app.tpstreams.com/api/v1/ab12cd/transcoding_jobs/"


def jobs(**more: Any) -> str:
    return json.dumps({"count": 0, "next": None, "previous": None, "results": [], **more})


def test_the_exchanges_with_a_provider_in_a_har_file(capsys: Any, tmp_path: Path) -> None:
    host = registry.find("tpstreams").hosts[0]
    url = f"https://{host}/api/v1/ab12cd/transcoding_jobs/"
    encoded = base64.b64encode(jobs().encode()).decode()
    file = tmp_path / "browser.har"
    file.write_text(
        har(
            entry("https://fonts.example.com/x.woff", "x"),
            entry(url, jobs()),
            entry(url, encoded, encoding="base64"),
            entry(url, None, status=0),
            entry(url, None, size=100),
            entry(url, jobs(count="none")),
        )
    )
    code, told = checked(capsys, file)
    assert code == 1
    assert told["tried"] == 3
    assert told["left_out"] == {"of another host": 1, "without an answer": 1, "whose content was not saved": 1}
    (finding,) = told["findings"]
    assert (finding["place"], finding["exchange"]) == ("response.body: count", "browser.har: entry 6")


def test_a_provider_elsewhere_is_named(capsys: Any, tmp_path: Path) -> None:
    file = tmp_path / "x.har"
    file.write_text(har(entry("http://Staging.example:81/tp/api/v1/ab12cd/transcoding_jobs/?page=1", jobs())))
    assert cli.main(["contract", "check", str(file)]) == 2
    assert "what is there was left out: 1 of another host; name --dialect and --base-url" in capsys.readouterr().err
    code, told = checked(capsys, file, "--dialect", "tpstreams", "--base-url", "http://staging.example:81/tp/")
    assert (code, told["operations"]) == (0, {"ListJobs": {"tried": 1, "findings": 0}})


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "it is empty"),
        ("[1, 2", "no JSON"),
        ('{"log": {"entries": [7]}}', "entry 1 is not as HAR 1.2 has it"),
        ('{"log": {"entries": [{"request": {}}]}}', "entry 1 is not as HAR 1.2 has it: there is no "),
        (har({**entry(OURS, "x"), "response": {"status": "200", "content": {}, "headers": []}}), "no HTTP status"),
        (har(entry("http://[bad/", "x")), "of another host"),
        (har(entry("http://x/tpstreams/api/v1/ab12cd/transcoding_jobs/", "###", encoding="base64")), "no base64"),
        ('{"entries": [{"request": {"body": 1}, "response": {"status": 1, "body": ""}}]}', "no entry of a journal"),
        ("[[1]]", "x.har: entry 1 is no entry of a journal, which is an object"),
        ("[{}]", "entry 1 is no entry of a journal: there is no 're"),
        ('{"a": 1}', "is no recording: expected folders OPERATION/CASE"),
        ('{"entries": []}', "no exchange to look at"),
        ("[" * 200_000, "no JSON"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "no JSON"),
    ],
)
def test_what_is_no_recording_is_complained_of_in_one_line(capsys: Any, tmp_path: Path, text: str, hint: str) -> None:
    (tmp_path / "x.har").write_text(text)
    assert cli.main(["contract", "check", str(tmp_path / "x.har")]) == 2
    said = capsys.readouterr().err
    assert hint in said
    assert said.count("\n") == 1
    assert len(said) < 1000


def test_entities_of_a_recorded_document_are_not_expanded(capsys: Any, tmp_path: Path) -> None:
    case = tmp_path / "tape" / "get_status" / "0001_200"
    shutil.copytree(ROOT / "fixtures" / "encoding_com" / "get_status" / "xml_processing", case)
    bomb = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><response>&b;</response>'
    (case / "response.http").write_text(f"HTTP/1.1 200 OK\nContent-Type: text/xml\n\n{bomb}")
    code, told = checked(capsys, tmp_path / "tape", "--dialect", "encoding_com")
    assert code == 1
    assert "a document type is not allowed" in told["findings"][0]["message"]


def test_a_folder_with_traps_is_not_waited_for(capsys: Any, tmp_path: Path) -> None:
    case = tmp_path / "a" / "b"
    case.mkdir(parents=True)
    os.mkfifo(case / "request.http")
    (case / "response.http").write_text("HTTP/1.1 200 OK\n\n")
    assert cli.main(["contract", "check", str(tmp_path), "--dialect", "tpstreams"]) == 2
    assert "is no plain file" in capsys.readouterr().err
    (case / "request.http").unlink()
    (case / "request.http").write_bytes(b"\xff\xfe nonsense")
    assert cli.main(["contract", "check", str(tmp_path), "--dialect", "tpstreams"]) == 2
    assert "a/b: no HTTP message" in capsys.readouterr().err
    (case / "request.http").unlink()
    assert cli.main(["contract", "check", str(tmp_path), "--dialect", "tpstreams"]) == 2
    assert "cannot read " in capsys.readouterr().err
    assert cli.main(["contract", "check", str(tmp_path / "nowhere")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_what_nobody_speaks_is_not_tried_and_nothing_tried_fails(capsys: Any, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "fixtures" / "tpstreams" / "list_jobs" / "seed", tmp_path / "a" / "b")
    code, told = checked(capsys, tmp_path)
    assert (code, told["tried"], told["passed"]) == (1, 0, False)
    assert told["skipped"] == [{"name": "a/b", "reason": "nothing says whose it is"}]
