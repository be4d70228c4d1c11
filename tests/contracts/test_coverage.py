"""How much of a contract a client's test run used: from a running double, from journals, and as a Pact file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from mediaglot.gateway import cli, registry
from mediaglot.gateway.contract.coverage import Coverage, cases, contract
from mediaglot.gateway.contract.judge import judge
from mediaglot.gateway.testing.case import Case, folders, read_response

ROOT = Path(__file__).parents[2]


def control(site: str, method: str, path: str, document: Any = None) -> Any:
    body = None if document is None else json.dumps(document).encode()
    with urlopen(Request(f"{site}/_mediaglot/worlds{path}", data=body, method=method), timeout=60) as answer:
        return json.load(answer)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["tpstreams", "transparent_edge", "xvid_mediahub"])
def test_our_answers_have_no_field_that_the_contract_lacks(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["contract", "coverage", str(ROOT / "fixtures" / name), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["dialects"]
    assert told["dialect"] == name
    assert [field for field in told["strangers"] if "response." in field] == []


@pytest.fixture(scope="module")
def run_site(plain: Any, session: Any) -> str:
    """A double that a client's test run has gone through; then it was made to answer with trouble."""
    site: str = plain.serve().url
    world = control(site, "POST", "", {"id": "mine", "secret": "s3cr3t-key"})["id"]
    session(f"{site}/acme")
    control(site, "POST", f"/{world}/faults", {"operation": "stop", "status": 503})
    with pytest.raises(AssertionError):
        session(f"{site}/acme")
    return site


@pytest.fixture(scope="module")
def journal(run_site: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that the double noted, and what it exports."""
    file: Path = tmp_path_factory.mktemp("journal") / "journal.json"
    file.write_text(json.dumps(control(run_site, "GET", "/mine/export")))
    return file


@pytest.mark.heavy
def test_coverage_of_a_running_double(plain: Any, run_site: str) -> None:
    said = plain.run("contract", "coverage", "--server", run_site, "--json")
    assert said.code == 0, said.err
    (acme,) = said.tree["dialects"]
    assert acme["dialect"] == "acme"
    assert acme["operations"] == {"make": 4, "look": 4, "list": 2, "stop": 1}, "what was injected does not count"
    assert said.tree["left_out"] == {"with an answer that was made up by a test": 1}
    shares = acme["shares"]
    assert shares["operations"]["percent"] == 100.0
    assert shares["error cases"]["unused"] == ["401 Who are you?"]
    assert shares["request fields"]["unused"] == ["list request.body: page"]
    assert "look response.body: state" not in shares["answer fields"]["unused"]
    assert "look response.body: note" in acme["strangers"], "its schemas do not have it"


@pytest.mark.heavy
def test_a_threshold_fails(plain: Any, journal: Path, tmp_path: Path) -> None:
    """Of the export, and of its entries a line each."""
    said = plain.run("contract", "coverage", journal, "--fail-under", "99")
    assert said.code == 1
    assert "99 % are wanted" in said.out
    lines = tmp_path / "journal.ndjson"
    lines.write_text("\n".join(json.dumps(entry) for entry in json.loads(journal.read_text())["journal"]))
    said = plain.run("contract", "coverage", lines, "--min", "100", "--of", "operations")
    assert said.code == 0, said.out + said.err
    assert "100.0 % of operations is used" in said.out
    assert "left out: 1 with an answer that was made up by a test" in said.out


@pytest.mark.heavy
def test_a_journal_keeps_the_contract(plain: Any, journal: Path) -> None:
    said = plain.run("contract", "check", journal, "--json")
    assert said.code == 0, said.out
    assert said.tree["tried"] == 11
    (skipped,) = said.tree["skipped"]
    assert skipped["reason"].startswith("the answer was made up by a test: ")


def test_interactions_as_a_pact_file(plain: Any, journal: Path, tmp_path: Path) -> None:
    file = tmp_path / "pact.json"
    said = plain.run("contract", "coverage", journal, "--pact", file, "--consumer", "our app")
    assert said.code == 0, said.err
    assert "interactions are in" in said.out
    pact = json.loads(file.read_text())
    assert (pact["consumer"], pact["provider"]) == ({"name": "our app"}, {"name": "acme"})
    assert pact["metadata"]["pactSpecification"] == {"version": "3.0.0"}
    assert "s3cr3t" not in file.read_text()
    names = [each["description"] for each in pact["interactions"]]
    assert sorted(names) == [
        "list is answered with 200",
        "look is answered with 200",
        "look is answered with 404",
        "make is answered with 200",
        "stop is answered with 400",
    ]
    look = pact["interactions"][names.index("look is answered with 200")]
    assert (look["request"]["method"], look["request"]["path"]) == ("POST", "/look")
    told = look["response"]["body"]
    assert (told["state"], look["response"]["status"]) == ("done", 200)
    rules = look["response"]["matchingRules"]["body"]
    assert rules["$.job"] == {"matchers": [{"match": "type"}], "combine": "AND"}
    assert "$.state" not in rules
    assert "$.files[*]" in rules
    assert "$.key" in look["request"]["matchingRules"]["body"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((), "Name a journal, or a running double with --server"),
        (("--server", "http://127.0.0.1:1"), "no answer from http://127.0.0.1:1/_mediaglot/worlds"),
        (("--server", "nowhere"), "--server wants a URL"),
    ],
)
def test_commands_that_cannot_be_followed(capsys: Any, words: tuple[str, ...], hint: str) -> None:
    assert cli.main(["contract", "coverage", *words]) == 2
    said = capsys.readouterr().err
    assert hint in said
    assert said.count("\n") == 1


def test_a_run_that_used_nothing_fails(capsys: Any, tmp_path: Path) -> None:
    fixtures = str(ROOT / "fixtures" / "tpstreams")
    assert cli.main(["contract", "coverage", fixtures, "--dialect", "tpstreams", "--fail-under", "1"]) == 0
    entry = {
        "dialect": "tpstreams",
        "request": {"method": "GET", "path": "/nowhere", "query": "", "headers": [], "body": ""},
        "response": {"status": 404, "headers": [["Content-Type", "text/html"]], "body": ""},
    }
    file = tmp_path / "journal.json"
    file.write_text(json.dumps([entry]))
    assert cli.main(["contract", "coverage", str(file)]) == 1
    assert "Nothing was exercised" in capsys.readouterr().out


@pytest.mark.heavy
@pytest.mark.parametrize("name", registry.names())
def test_the_fixtures_use_every_operation_and_every_error_case_is_one(name: str) -> None:
    dialect = registry.find(name)
    coverage = Coverage(dialect)
    for case in folders(name):
        if isinstance(case, Case) and case.has("response.http"):
            answer = read_response(case.bytes_of("response.http"))
            coverage.add(judge(case.dialect, case.request, answer), answer)
    shares = coverage.shares()
    assert shares["operations"].unused == []
    assert shares["answer fields"].used
    assert len(contract(dialect)) == len({route.name for route in dialect.routes})
    assert len(cases(dialect)) == len(shares["error cases"].all)
