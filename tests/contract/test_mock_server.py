"""Prism, a stock mock server of the npm registry, takes our OpenAPI documents and answers what clients sent by them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import pytest
import requests

from mediaglot.gateway import registry
from mediaglot.gateway.contract.openapi import document
from mediaglot.gateway.contract.specimen import Specimen, kind_of, specimens, value_of
from mediaglot.gateway.wire.schema import stem

pytestmark = pytest.mark.npm
RELEASE = "@stoplight/prism-cli@5.16.0"
UNTIL = "2026-11-29"
"""What it depends on is of that day at the latest."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mediaglot-tests"
PATIENCE = 90.0
"""Seconds until it listens."""


@pytest.fixture(scope="module")
def prism() -> Path:
    """The program, installed from the npm registry the first time; none of its packages' scripts is run."""
    folder = CACHE / f"prism-{RELEASE.rpartition('@')[2]}-{UNTIL}"
    program = folder / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
    if not program.is_file():
        npm = shutil.which("npm") or pytest.skip("npm, which fetches the mock server, is not here")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as made:
            flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--before", UNTIL)
            words = [npm, "install", *flags, "--prefix", made, RELEASE]
            if subprocess.run(words, check=False, capture_output=True, cwd=made, timeout=240).returncode:
                pytest.skip(f"the npm registry, which has {RELEASE}, can't be reached")
            with contextlib.suppress(OSError):  # another worker was quicker
                Path(made).rename(folder)
            Path(made).mkdir(exist_ok=True)
    return program


@pytest.fixture
def mock(prism: Path, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Starts a mock server for a dialect, and gives its base URL."""
    node = shutil.which("node") or pytest.skip("node, which runs the mock server, is not here")
    with contextlib.ExitStack() as stack:

        def start(name: str) -> str:
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(document(registry.find(name))))
            words = [node, str(prism), "mock", "--host", "127.0.0.1", "--port", "0", str(path)]
            pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            process = stack.enter_context(subprocess.Popen(words, **pipe))
            lines: SimpleQueue[str] = SimpleQueue()
            following = Thread(target=follow, args=(process, lines))
            following.start()
            stack.callback(following.join)
            stack.callback(process.kill)
            return listening(name, lines)

        yield start


def follow(process: subprocess.Popen[str], lines: SimpleQueue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")


def listening(name: str, lines: SimpleQueue[str]) -> str:
    heard = []
    with contextlib.suppress(Empty):
        while line := lines.get(timeout=PATIENCE):
            heard.append(line)
            if "listening on" in line:
                return line.rpartition(" ")[2].strip()
    raise AssertionError(f"the mock server does not take the document of {name}: {''.join(heard[-20:])}")


UNREAD = {"create_order": "a form in which one field is JSON, as OpenAPI has it: Prism takes each field for a text"}
"""Operations whose requests Prism can't read, and why."""


def is_plain(each: Specimen) -> bool:
    """Written as every server would read it, and not only this provider."""
    try:
        return not each.request.body or value_of(each.request) is not None
    except ValueError:
        return False


def exchanges(name: str) -> dict[str, Specimen]:
    """By operation, a fixture that was understood and answered in JSON."""
    found: dict[str, Specimen] = {}
    for each in specimens(registry.find(name)):
        answer = each.response
        if each.refused or answer is None or each.route.name in UNREAD or not is_plain(each):
            continue
        if answer.status < 300 and kind_of(answer) == "application/json":
            found.setdefault(each.route.name, each)
    return found


@pytest.mark.parametrize("name", registry.names())
def test_a_stock_mock_server_answers_every_example(name: str, mock: Callable[[str], str]) -> None:
    site = mock(name)
    told: dict[str, Any] = {}
    wanted: dict[str, Any] = {}
    for operation, each in exchanges(name).items():
        asked, answer = each.request, each.response
        assert answer is not None
        lines = {key: value for key, value in asked.headers if key.lower() not in {"host", "content-length"}}
        lines |= {"Accept": "application/json", "Prefer": f"code={answer.status}, example={each.name}"}
        url = f"{site}{each.route.path.format(**each.params)}" + (f"?{asked.query}" if asked.query else "")
        got = requests.request(asked.method, url, data=asked.body, headers=lines, timeout=30)
        told[operation] = (got.status_code, got.text if got.status_code >= 300 else got.json())
        wanted[operation] = (answer.status, value_of(answer))
    assert told == wanted
    assert len(wanted) >= len({stem(route.name) for route in registry.find(name).routes}) - 6
