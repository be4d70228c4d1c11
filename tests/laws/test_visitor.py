"""A plug-in from outside runs the laws from its two-line module, and is told what breaks them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DIALECT = """
from mediaglot.gateway.auth import BodyPair
from mediaglot.gateway.dialect import Complaint, Dialect, Route
from mediaglot.gateway.exchange import CancelJob
from mediaglot.gateway.faults import Fault, Unauthorized
from mediaglot.gateway.ids import Serial
from mediaglot.gateway.mapping import Field, Record
from mediaglot.gateway.model import Phase, Status
from mediaglot.gateway.values import Table, Value
from mediaglot.gateway.wire.json import Json


class Acme(Dialect):
    name, title = "acme", "Acme Encoder"
    wire = Json()
    auth = BodyPair(user="user", key="key")
    job_ids = output_ids = Serial(counter="acme")
    statuses = Table({
        "waiting": (Status.QUEUED, None), "held": (Status.HELD, None), "busy": (Status.RUNNING, None),
        "done": (Status.FINISHED, None), "failed": (Status.FAILED, None), "gone": (Status.CANCELLED, None),
        "odd": (Status.UNKNOWN, None),
    })
    faults = {Unauthorized: Complaint(401, "Who are you?"), Fault: Complaint(400, "Sorry: {reason}")}
    routes = (
        Route(method="POST", path="/stop", name="stop", intent=CancelJob,
              takes=Record(CancelJob, Field("job", "id"), open_keys=True), gives=lambda *_: {"stopped": True}),
    )

    def envelope(self, complaint, text):
        return {"error": text}
"""
REQUEST = "POST /stop HTTP/1.1\nHost: api.acme.example\n\n"
FIXTURES = {
    "stop/plain/request.http": REQUEST + '{"user": "a", "key": "fixture", "job": "7"}',
    "stop/plain/intent.json": '{"is": "cancel_job", "id": "7"}',
    "stop/plain/losses.json": "[]",
    "stop/plain/result.json": '{"is": "done"}',
    "stop/plain/response.http": 'HTTP/1.1 200 OK\nContent-Type: application/json\n\n{"stopped":true}',
    "stop/nobody/request.http": REQUEST + '{"job": "7"}',
    "stop/nobody/result.json": '{"fault": "unauthorized", "data": {"reason": "missing"}}',
    "stop/nobody/response.http": (
        'HTTP/1.1 401 Unauthorized\nContent-Type: application/json\n\n{"error":"Who are you?"}'
    ),
    "stop/strange/request.http": REQUEST + '{"user": "a b", "key": "fixture", "job": "7"}',
    "stop/strange/result.json": '{"fault": "unauthorized", "data": {"reason": "malformed"}}',
    "stop/strange/response.http": (
        'HTTP/1.1 401 Unauthorized\nContent-Type: application/json\n\n{"error":"Who are you?"}'
    ),
}
SCHEMAS = {
    "stop.request.json": '{"required": ["job"]}',
    "stop.reply.json": '{"properties": {"stopped": {"const": true}}}',
    "error.reply.json": '{"required": ["error"]}',
}
TESTS = 'from mediaglot.gateway.testing import *\nDIALECTS = ("acme",)\n'


@pytest.fixture
def visitor(tmp_path: Path) -> Path:
    package = tmp_path / "acme_plugin"
    files = {
        "acme_plugin/__init__.py": DIALECT,
        "acme_plugin-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme_plugin\nVersion: 1\n",
        "acme_plugin-1.dist-info/entry_points.txt": "[mediaglot.dialects]\nacme = acme_plugin:Acme\n",
        "test_acme.py": TESTS,
    }
    files |= {f"{package.name}/fixtures/acme/{name}": text for name, text in FIXTURES.items()}
    files |= {f"{package.name}/schemas/acme/{name}": text for name, text in SCHEMAS.items()}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    return tmp_path


def run(folder: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-rfs", "-p", "no:cacheprovider", "test_acme.py"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_lawful_plug_in_passes(visitor: Path) -> None:
    code, said = run(visitor)
    assert code == 0, said
    assert "acme has no document for an output" in said


@pytest.mark.parametrize(
    ("file", "old", "new", "law"),
    [
        ("fixtures/acme/stop/plain/response.http", "true", "false", "test_answer_is_written[acme/stop/plain]"),
        ("fixtures/acme/stop/plain/intent.json", '"7"', '"8"', "test_request_is_read[acme/stop/plain]"),
        ("schemas/acme/stop.reply.json", "true", "false", "test_answer_is_valid[acme/stop/plain]"),
        ("schemas/acme/stop.request.json", "job", "jobs", "test_request_is_valid[acme/stop/plain]"),
        ("__init__.py", "{reason}", "{{reason}}", "test_every_fault_is_told[acme]"),
        ("__init__.py", "(Status.FAILED, None)", "(Status.FAILED, Phase.STORING)", "test_every_state_has_a_word[acme]"),
        (
            "__init__.py",
            'Field("job", "id")',
            'Field("job", "id", Value(lambda word: word if word == "7" else int(word), str))',
            "test_a_refusal_does_not_repeat_the_request[acme/stop/plain]",
        ),
    ],
)
def test_a_broken_law_names_its_breaker(visitor: Path, file: str, old: str, new: str, law: str) -> None:
    path = visitor / "acme_plugin" / file
    assert old in path.read_text()
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
    code, said = run(visitor)
    assert code == 1, said
    assert f"test_acme.py::{law}" in said
