"""RELAX NG of the XML messages: fresh, kept to by every fixture, and not by what is wrong."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from mediaglot.gateway import cli, registry
from mediaglot.gateway.contract.grammar import SUFFIX, grammars
from mediaglot.gateway.contract.specimen import Specimen, specimens
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.wire.form import pairs
from mediaglot.gateway.wire.schema import stem

NAMES = ("encoding_com", "xvid_mediahub")


@cache
def grammar(name: str, schema: str) -> etree.RelaxNG:
    text = registry.find(name).material("schemas").joinpath(f"{schema}{SUFFIX}").read_bytes()
    return etree.RelaxNG(etree.fromstring(text))


def complaints(name: str, schema: str, text: bytes) -> list[str]:
    """What the grammar has against a message. The outer elements of a request may be written in any case."""
    root = etree.fromstring(text.strip())
    for child in root if schema.endswith(".request") else ():
        if isinstance(child.tag, str):
            child.tag = child.tag.lower()
    found = grammar(name, schema)
    return [] if found.validate(root) else [str(each.message) for each in found.error_log]


def test_the_files_are_fresh(root: Path) -> None:
    wanted = {
        f"{name}/{file}": text for name in registry.names() for file, text in grammars(registry.find(name)).items()
    }
    kept = {
        str(path.relative_to(root / "schemas")): path.read_bytes() for path in (root / "schemas").rglob(f"*{SUFFIX}")
    }
    stale = sorted(file for file in wanted.keys() | kept.keys() if wanted.get(file) != kept.get(file))
    assert stale == [], "run: mediaglot dialects --grammars schemas"
    assert {file.partition("/")[0] for file in wanted} == set(NAMES)


def test_there_is_one_for_each_message() -> None:
    for name in NAMES:
        dialect = registry.find(name)
        files = {file.removesuffix(SUFFIX) for file in grammars(dialect)}
        spoken = {stem(route.name) for route in dialect.routes if route.wire is None and not route.public}
        assert {f"{each}.reply" for each in spoken if "playlists" not in each} | {"error.reply"} <= files
        assert ({f"{each}.request" for each in spoken} <= files) is (name == "encoding_com")


def answers(name: str) -> list[tuple[str, str, bytes]]:
    """Each fixture's answer in XML: where it is from, the schema, and its text."""
    found = []
    for each in specimens(registry.find(name)):
        answer = each.response
        kind = answer.headers.get("Content-Type") if answer is not None else ""
        if answer is not None and "xml" in kind and kind == each.case.read().call.wire.content_type:
            found.append((each.name, "error.reply" if refused(each) else f"{stem(each.route.name)}.reply", answer.body))
    return found


def refused(each: Specimen) -> bool:
    if each.refused:
        return True
    try:
        each.route.gives(each.case.dialect, each.case.read().call, each.case.result)
    except Fault:
        return True
    return False


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_of_the_fixtures_keeps_to_it(name: str) -> None:
    found = answers(name)
    assert {title: said for title, schema, text in found if (said := complaints(name, schema, text))} == {}
    assert len(found) > (70 if name == "encoding_com" else 8)


def requests() -> dict[str, tuple[str, bytes]]:
    found = {}
    for each in specimens(registry.find("encoding_com")):
        text = dict(pairs(each.request.body)).get("xml")
        if text is not None and each.understood and each.route.when:
            found[each.name] = (f"{stem(each.route.name)}.request", text)
    return found


def test_every_request_of_the_fixtures_keeps_to_it() -> None:
    found = requests()
    assert {title: said for title, one in found.items() if (said := complaints("encoding_com", *one))} == {}
    assert len(found) > 60


ME = "<userid>1</userid><userkey>k</userkey>"
WRONG = {
    "another root": (
        "encoding_com",
        "add_media.reply",
        "<answer><message>Added</message><MediaID>1</MediaID></answer>",
    ),
    "the id in lower case": (
        "encoding_com",
        "add_media.reply",
        "<response><message>Added</message><mediaid>1</mediaid></response>",
    ),
    "no id": ("encoding_com", "add_media.reply", "<response><message>Added</message></response>"),
    "two ids": (
        "encoding_com",
        "add_media.reply",
        "<response><message>Added</message><MediaID>1</MediaID><MediaID>2</MediaID></response>",
    ),
    "another word": ("encoding_com", "update_media.reply", "<response><message>updated</message></response>"),
    "a word for a number": (
        "encoding_com",
        "add_media.reply",
        "<response><message>Added</message><MediaID>one</MediaID></response>",
    ),
    "no errors": ("encoding_com", "error.reply", "<response/>"),
    "an unknown field": (
        "encoding_com",
        "error.reply",
        "<response><errors><error>x</error><code>1</code></errors></response>",
    ),
    "no source": (
        "encoding_com",
        "add_media.request",
        f"<query>{ME}<action>AddMedia</action><format><output>mp4</output></format></query>",
    ),
    "another action": (
        "encoding_com",
        "get_status.request",
        f"<query>{ME}<action>AddMedia</action><mediaid>1</mediaid></query>",
    ),
    "a flag that is none": (
        "encoding_com",
        "get_status.request",
        f"<query>{ME}<action>GetStatus</action><mediaid>1</mediaid><extended>maybe</extended></query>",
    ),
    "an error without its code": (
        "xvid_mediahub",
        "error.reply",
        "<response><error><error_message>x</error_message></error></response>",
    ),
    "a list that is none": ("xvid_mediahub", "jobs_list.reply", "<response><jobs>x</jobs></response>"),
    "a job without its id": ("xvid_mediahub", "jobs_get.reply", "<response><job><title>x</title></job></response>"),
}


@pytest.mark.parametrize(("name", "schema", "text"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused(name: str, schema: str, text: str) -> None:
    assert complaints(name, schema, text.encode())


@pytest.mark.heavy
def test_the_command_writes_them_and_takes_away_those_that_are_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "encoding_com" / "gone.reply.rng"
    gone.parent.mkdir()
    gone.write_text("x")
    assert cli.main(["dialects", "--grammars", str(tmp_path)]) == 0
    assert "grammars" in capsys.readouterr().out
    assert not gone.exists()
    assert (tmp_path / "xvid_mediahub" / "jobs_get.reply.rng").read_bytes() == grammars(registry.find("xvid_mediahub"))[
        "jobs_get.reply.rng"
    ]
    assert cli.main(["dialects", "--grammars", "/dev/null/x"]) == 2
