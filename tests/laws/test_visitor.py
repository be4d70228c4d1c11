"""A fifth dialect comes in, as a folder beside ours or from outside: nothing of ours is edited, and all laws hold.

It is in ``tests/laws/acme``. Each program runs in a process of its own, as a stranger would start it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from mediaglot import emulators
from mediaglot.gateway import registry

ACME = Path(__file__).parent / "acme"
POINT = "[mediaglot.dialects]\nacme = acme_plugin:Dialect\n"
BESIDE = "import mediaglot.emulators\nmediaglot.emulators.__path__.append({folder!r})\n"
"""Run at the start of every Python: what the folder would be without if it lay where ours do."""
TESTS = 'from mediaglot.gateway.testing import *\nDIALECTS = ("acme",)\n'
QUICK = """
from hypothesis import Phase, configuration, settings
from mediaglot.gateway import testing
from mediaglot.gateway.testing import crossing

testing.EXAMPLES = crossing.EXAMPLES = 30
configuration.set_hypothesis_home_dir({home!r})
settings.register_profile("quick", derandomize=True, phases=(Phase.explicit, Phase.generate))
settings.load_profile("quick")
"""
"""That the laws are run is shown by a few examples, that one is broken by the first that is found, and what is known of
our modules is used again."""
PATIENCE = 120.0


def settle(package: Path) -> None:
    shutil.copytree(ACME, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").write_text("from .dialect import Acme as Dialect\n")


def add_folder(home: Path) -> Path:
    settle(home / "dialects" / "acme")
    (home / "sitecustomize.py").write_text(BESIDE.format(folder=str(home / "dialects")))
    return home / "dialects" / "acme"


def add_distribution(home: Path) -> Path:
    """As pip would install it."""
    settle(home / "acme_plugin")
    info = home / "acme_plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme_plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text(POINT)
    return home / "acme_plugin"


WAYS: dict[str, Callable[[Path], Path]] = {"folder": add_folder, "entry point": add_distribution}


@pytest.fixture(params=WAYS)
def visitor(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The visitor's package, found by every Python that has its parent's parent, or parent, in its path."""
    (tmp_path / "test_acme.py").write_text(TESTS)
    return WAYS[request.param](tmp_path)


def environment(home: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(home), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def run(home: Path, *command: str) -> tuple[int, str]:
    line = [sys.executable, "-m", *command]
    done = subprocess.run(
        line, cwd=home, env=environment(home), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.returncode, done.stdout + done.stderr


def laws(home: Path, *only: str) -> tuple[int, str]:
    (home / "conftest.py").write_text(QUICK.format(home=str(Path.cwd() / ".hypothesis")))
    with tempfile.TemporaryDirectory() as base:
        flags = ("-q", "-rfsp", "-p", "no:cacheprovider", "--basetemp", f"{base}/tests")
        return run(home, "pytest", *flags, *(only or ("test_acme.py",)))


# --- the laws -----------------------------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize("visitor", ["folder"], indirect=True)
def test_all_laws_hold_for_a_lawful_visitor(visitor: Path, tmp_path: Path) -> None:
    code, said = laws(tmp_path)
    assert code == 0, said
    for law in ("outputs_survive[acme]", "pages_cover_the_list[acme]", "request_is_read[acme/make/plain]"):
        assert f"PASSED test_acme.py::test_{law}" in said
    pairs = set(re.findall(r"PASSED test_acme.py::test_pairs_agree\[(.*)\]", said))
    ours = [name for name in registry.names() if name != "acme"]
    assert pairs == {pair for name in ours for pair in (f"acme-{name}", f"{name}-acme")}
    for law in ("of_fixtures_tell_all", "of_any_job_tell_all"):
        assert {"acme-acme", "acme-encoding_com", "encoding_com-acme"} <= set(
            re.findall(rf"PASSED test_acme.py::test_translations_{law}\[(.*)\]", said)
        )
    skipped = re.findall(r"SKIPPED .*", said)
    assert all("(notice)" in line for line in skipped), "it sends no news, and every other law has run"


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("file", "old", "new", "law"),
    [
        ("fixtures/acme/stop/plain/response.http", "true", "false", "test_answer_is_written[acme/stop/plain]"),
        ("fixtures/acme/stop/plain/intent.json", '"7"', '"8"', "test_request_is_read[acme/stop/plain]"),
        ("schemas/acme/stop.reply.json", "true", "false", "test_answer_is_valid[acme/stop/plain]"),
        ("schemas/acme/stop.request.json", '"job"\n', '"jobs"\n', "test_request_is_valid[acme/stop/plain]"),
        ("dialect.py", "{reason}", "{{reason}}", "test_every_fault_is_told[acme]"),
        ("dialect.py", "(Status.FAILED, None)", "(Status.FAILED, Phase.STORING)", "test_every_state_has_a_word[acme]"),
        (
            "dialect.py",
            'CancelJob, Field("job", "id")',
            'CancelJob, Field("job", "id", type(NATURAL)(lambda word: word if word == "7" else int(word), str))',
            "test_a_refusal_does_not_repeat_the_request[acme/stop/plain]",
        ),
        (
            "dialect.py",
            "    output = OUTPUT\n",
            "    output = OUTPUT\n    write_output = lambda self, output, ledger: {}\n",
            "test_outputs_survive[acme]",
        ),
    ],
)
def test_a_broken_law_names_its_breaker(tmp_path: Path, file: str, old: str, new: str, law: str) -> None:
    (tmp_path / "test_acme.py").write_text(TESTS)
    path = add_distribution(tmp_path) / file
    assert old in path.read_text()
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
    code, said = laws(tmp_path, f"test_acme.py::{law}")
    assert code == 1, said
    assert f"FAILED test_acme.py::{law}" in said


@pytest.mark.heavy
def test_a_visitor_without_a_client_is_asked_for_none(tmp_path: Path) -> None:
    (tmp_path / "test_acme.py").write_text(TESTS)
    path = add_distribution(tmp_path) / "dialect.py"
    path.write_text(path.read_text().replace("    client = Client\n", ""))
    code, said = laws(tmp_path, "test_acme.py", "-k", "test_a_client or by_the_last_request")
    assert code == 0, said
    assert "acme has no client" in said


# --- the registry and the command line ------------------------------------------------------------------


def test_a_folder_beside_ours_is_a_dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = registry.names()
    monkeypatch.setattr(emulators, "__path__", [*emulators.__path__, str(add_folder(tmp_path).parent)])
    registry._class.cache_clear()
    assert registry.names() == tuple(sorted((*before, "acme")))
    assert registry.find("acme").title == "Acme Encoder"
    for module in [name for name in sys.modules if name.startswith("mediaglot.emulators.acme")]:
        monkeypatch.delitem(sys.modules, module)
    registry._class.cache_clear()


@pytest.mark.heavy
def test_it_is_listed(visitor: Path, tmp_path: Path) -> None:
    code, said = run(tmp_path, "mediaglot", "dialects")
    assert code == 0, said
    assert re.search(r"^acme +Acme Encoder +/acme/ +4 +4 proposed", said, re.MULTILINE), said
    assert "POST /make" in run(tmp_path, "mediaglot", "dialects", "acme")[1]


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The base URL of a server that was started without a word about the visitor."""
    line = [sys.executable, "-m", "mediaglot", "serve", "--port", "0", "--data", str(home / "data")]
    with subprocess.Popen(line, cwd=home, env=environment(home), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def ask(base: str, path: str, **fields: Any) -> tuple[int, Any]:
    body = json.dumps({"user": "ann", "key": "demo", **fields}).encode()
    try:
        with urlopen(Request(f"{base}/acme/{path}", data=body), timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.ffmpeg
def test_it_is_served_with_real_jobs(visitor: Path, tmp_path: Path) -> None:
    with serving(tmp_path) as base:
        source = "https://media.mediaglot.test/bars-1s-320x180-10fps.mp4"
        status, made = ask(base, "make", source=source, make={"format": "mp4", "size": {"w": 160, "h": 90}})
        assert (status, made["state"]) == (200, "waiting")
        end = time.monotonic() + PATIENCE
        while (seen := ask(base, "look", job=made["job"])[1])["state"] not in ("done", "failed"):
            assert time.monotonic() < end, seen
        assert seen["state"] == "done", seen
        with urlopen(seen["files"][0], timeout=PATIENCE) as file:
            assert file.read()[4:8] == b"ftyp"
        assert ask(base, "list")[1] == {"jobs": [seen], "of": 1}
        assert ask(base, "make", user="a b") == (401, {"error": "Who are you?"})


@pytest.mark.ffmpeg
@pytest.mark.parametrize("visitor", ["entry point"], indirect=True)
def test_the_demo_runs_its_job(visitor: Path, tmp_path: Path) -> None:
    code, said = run(tmp_path, "mediaglot", "demo")
    assert code == 0, said
    assert re.search(r"^acme +1 +done +h264 \+ aac +160x90 +10\.0\d s +[\d,]+$", said, re.MULTILINE), said
