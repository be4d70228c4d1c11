"""GetStatus against the provider's own documented answers: the same fields in the same order, in XML and JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from lxml import etree

from mediaglot.gateway import registry
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.exchange import CreateJob, Request
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Delivery, File, Made, Phase, Source, Status, Step, Ticket, Trouble

DOCUMENTED = Path(__file__).parent / "documented"
CAPTURED = {"filesize", "processor", "region", "queue_time"}
"""Media fields that captured answers have and the documentation leaves out."""
ACCOUNTED = {"convertedsize", "queued", "converttime"}
"""The same for a format."""
PLACEHOLDER = re.compile(r"\[[\w|() ]+\]")
START = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
WHO = {"userid": "100", "userkey": "fixture-key"}
DESTINATIONS = ["ftp://fixture:secret@ftp.example.com/a.mp4", "https://storage.example.com/a.mp4", "ftp://b.example/a"]
ADD = WHO | {
    "action": "AddMedia",
    "source": "http://media.example.com/in.mov",
    "notify": "http://client.example.com/done",
    "format": [{"output": "mp4", "size": "640x360", "destination": DESTINATIONS}, {"output": "webm"}],
}
DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
VALUES = {
    "[MediaID]": r"5001",
    "[UserID]": r"100",
    "[PlatformVersion]": r"\d+\.\d+\.\d+",
    "[SourceFile]": re.escape(str(ADD["source"])),
    "[MediaStatus]": r"Finished|Saving",
    "[NotifyURL]": re.escape(str(ADD["notify"])),
    "[Date]": DATE,
    "[StateDateTime]": DATE,
    "[TotalTimeLeft]": r"\d+",
    "[StatusTimeLeft]": r"\d+",
    "[TotalProgress]": r"\d+\.\d",
    "[StatusProgress]": r"\d+\.\d",
    "[ID]": r"900\d",
    "[Status]": r"Finished",
    "[TempS3Link]": r"http://manage\.encoding\.com/_mediaglot/.+",
    "[TempCFLink]": r"http://manage\.encoding\.com/_mediaglot/.+",
    "[URL]": re.escape(DESTINATIONS[0]),
    "[URL_2]": re.escape(DESTINATIONS[1]),
    "[URL_N]": re.escape(DESTINATIONS[2]),
    "[Saved|Error (ErrorDescription)]": r"Saved|Error \(.+\)",
    "[Message]": r"[A-Z][a-z ]+",
}


def post(kind: str, query: dict[str, Any]) -> Request:
    """The request in one of the formats, as a client sends it."""
    document = json.dumps({"query": query}) if kind == "json" else f"<query>{elements(query)}</query>"
    site = "http://manage.encoding.com"
    return Request(method="POST", path="/", body=f"{kind}={quote_plus(document)}".encode(), base=site, site=site)


def elements(tree: dict[str, Any]) -> str:
    pairs = ((key, each) for key, value in tree.items() for each in (value if isinstance(value, list) else [value]))
    return "".join(f"<{key}>{elements(value) if isinstance(value, dict) else value}</{key}>" for key, value in pairs)


def after(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def finished() -> Ticket:
    """A job in the state that the documentation describes: one format delivered to three places, one to none."""
    dialect = registry.find("encoding_com")
    intent = dialect.read(dialect.open(post("json", ADD)), Ledger())
    assert isinstance(intent, CreateJob)
    history = (
        Step(at=after(0), status=Status.QUEUED),
        Step(at=after(6), status=Status.RUNNING, phase=Phase.ENCODING),
        Step(at=after(10), status=Status.FINISHED),
    )
    first, second, third = (Delivery(location=location, saved=True) for location in intent.job.outputs[0].destinations)
    broken = replace(second, saved=False, trouble=Trouble(code="delivery_failed", data={"reason": "403"}))
    both = [
        Made(
            id=str(9001 + number),
            status=Status.FINISHED,
            created=after(0),
            queued=after(5),
            started=after(6),
            finished=after(10),
            files=(File(path=f"x/{number}.mp4", size=4096),),
            deliveries=deliveries,
            history=history,
        )
        for number, deliveries in enumerate([(first, broken, third), ()])
    ]
    return Ticket(
        id="5001",
        account="100-fixture",
        dialect="encoding_com",
        job=intent.job,
        created=after(0),
        status=Status.FINISHED,
        previous=(Status.RUNNING, Phase.STORING),
        progress=Fraction(1),
        phase_progress=Fraction(1),
        left=0,
        started=after(0),
        fetched=after(4),
        stored=after(10),
        finished=after(10),
        sources=(Source(id="0", size=1_600_000),),
        outputs=tuple(both),
    )


def answered(kind: str, link: str = "s3") -> bytes:
    """What our GetStatus says of that job."""
    dialect = registry.find(f"encoding_com,temporary_link={link}")
    ask = WHO | {"action": "GetStatus", "mediaid": "5001", "include_task_status": "yes", "include_qc_task_status": "no"}
    call = replace(dialect.open(post(kind, ask)), account=Account(id="100-fixture", user="100"))
    dialect.read(call, Ledger())
    return dialect.render_response(call, finished()).body


def xml(text: bytes) -> etree._Element:
    parser = etree.XMLParser(remove_comments=True, remove_blank_text=True)
    return etree.fromstring(text.strip(), parser)


def pairs(element: etree._Element) -> list[tuple[str, Any]]:
    """Names and values in order; the value of an element with others in it is such a list."""
    return [(str(child.tag), pairs(child) if len(child) else (child.text or "").strip()) for child in element]


def unfold(tree: dict[str, Any]) -> list[tuple[str, Any]]:
    """A JSON object in the form of ``pairs``: an array is its key, repeated."""
    each = (
        (key, one) for key, value in tree.items() for one in (value if isinstance(value, list) and value else [value])
    )
    return [(key, unfold(one) if isinstance(one, dict) else one) for key, one in each]


def of(kind: str, text: bytes) -> list[tuple[str, Any]]:
    return pairs(xml(text)) if kind == "xml" else unfold(json.loads(text)["response"])


def documented(kind: str) -> list[tuple[str, Any]]:
    return of(kind, (DOCUMENTED / f"get_status.{kind}").read_bytes())


def names(fields: list[tuple[str, Any]]) -> list[str]:
    return [name for name, _ in fields]


def formats(fields: list[tuple[str, Any]]) -> list[list[tuple[str, Any]]]:
    return [value for name, value in fields if name == "format"]


def fits(wanted: list[tuple[str, Any]], got: list[tuple[str, Any]]) -> None:
    """The same names in the same order, and values of the kind that a placeholder stands for."""
    assert names(got) == names(wanted)
    for (name, want), (_, value) in zip(wanted, got, strict=True):
        if isinstance(want, list):
            fits(want, value)
        else:
            assert PLACEHOLDER.fullmatch(want), want
            assert re.fullmatch(VALUES[want], value), f"{name}: {value!r} is no {want}"


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_media_has_the_documented_fields_in_order(kind: str) -> None:
    wanted = [field for field in documented(kind) if field[0] != "format"]
    got = [field for field in of(kind, answered(kind)) if field[0] != "format" and field[0] not in CAPTURED]
    fits(wanted, got)


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_formats_come_after_the_progress(kind: str) -> None:
    got = names(of(kind, answered(kind)))
    assert got[got.index("progress_current") + 1 :] == ["format", "format", "queue_time"]


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_format_with_destinations_has_the_documented_fields_in_order(kind: str) -> None:
    """In XML each destination is followed by its status; in JSON they are parallel arrays."""
    wanted = [field for field in formats(documented(kind))[0] if not field[0].endswith("3_destination")]
    wanted = [field for field in wanted if field[0] != "cf_destination"]
    got = formats(of(kind, answered(kind)))[0]
    fits(wanted, [field for field in got if field[0] in names(wanted)])
    assert names(got)[:5] == ["id", "status", "created", "started", "finished"]
    assert names(got)[-1] == "task_status"
    assert names(got)[-4:-1] == sorted(ACCOUNTED, key=["convertedsize", "queued", "converttime"].index)


@pytest.mark.parametrize("kind", ["xml", "json"])
@pytest.mark.parametrize("link", ["s3", "cf"])
def test_format_without_destination_has_its_link_in_their_place(kind: str, link: str) -> None:
    there = [field for field in formats(documented(kind))[0] if not field[0].startswith("destination")]
    wanted = [field for field in there if field[0] != f"{'cf' if link == 's3' else 's3'}_destination"]
    got = formats(of(kind, answered(kind, link)))[1]
    fits(wanted, [field for field in got if field[0] in names(there)])
    assert not {"destination", "destination_status"} & set(names(got))


def test_a_failed_destination_says_why() -> None:
    got = formats(of("json", answered("json")))[0]
    assert [value for name, value in got if name == "destination_status"] == [
        "Saved",
        "Error (Upload error: 403)",
        "Saved",
    ]


def test_both_formats_say_the_same() -> None:
    """Field by field, with the one documented difference: how destinations and their statuses are repeated."""

    def settled(fields: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        last = {"destination": 1, "destination_status": 2}
        return [
            (name, settled(value) if isinstance(value, list) and value else value or "")
            for name, value in sorted(fields, key=lambda field: last.get(field[0], 0))
        ]

    assert settled(of("xml", answered("xml"))) == settled(of("json", answered("json")))
