"""The pytest plug-in, installed from the wheel beside a project that has packages named as parts of ours are."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mediaglot.testing import Double, DoubleError

SAMPLE = Path(__file__).with_name("sample")
BORROWED = ("pytest", "xdist", "pytest_asyncio", "requests", "aiohttp", "orjson")
"""What the sample project has installed, taken from where these tests have it."""
STRANGE = ("schemathesis", "hypothesispytest", "anyio", "xdist.looponfail")
"""Plug-ins that lie there too, and would be loaded by each worker."""
FAILS = """
import pytest

@pytest.mark.mediaglot(clock="virtual")
def test_red(mediaglot):
    import requests
    requests.get(mediaglot.tpstreams.url + "/api/v1/demo00/transcoding_jobs/", timeout=60)
    mediaglot.requests.verify({"response.status": 200}, dialect="tpstreams", exactly=1)

def test_green(mediaglot):
    assert mediaglot.clock.now()

def test_without():
    raise AssertionError("no world")

@pytest.mark.mediaglot("virtual")
def test_marked_without_a_word(mediaglot):
    pass
"""


def packages() -> str:
    """Folders with what is borrowed, without the package under test: that is installed from the wheel."""
    places = [Path(str(found.origin)).parents[1] for name in BORROWED if (found := importlib.util.find_spec(name))]
    assert len(places) == len(BORROWED)
    return os.pathsep.join(dict.fromkeys(map(str, places)))


def of_the_readme(root: Path) -> str:
    """The test that the README shows."""
    found = re.findall(r"^```python\n(.*?)^```$", (root / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    return next(str(block) for block in found if "pytest.mark.mediaglot" in block)


def run(room: Path, project: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MEDIAGLOT_", "PYTEST_"))}
    without = [word for name in STRANGE for word in ("-p", f"no:{name}")]
    return subprocess.run(
        [room / "bin" / "python", "-m", "pytest", "-q", "--basetemp", project.parent / "basetemp", *without, *words],
        cwd=project,
        env={**kept, "PYTHONPATH": packages(), **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.heavy
def test_two_hundred_tests_of_four_workers_on_one_server(room: Path, tmp_path: Path) -> None:
    project, notes = tmp_path / "project", tmp_path / "notes"
    shutil.copytree(SAMPLE, project)
    notes.mkdir()
    done = run(room, project, "-n", "4", NOTES=str(notes))
    assert "200 passed" in done.stdout, done.stdout + done.stderr
    assert "warning" not in done.stdout
    told = [json.loads(line) for path in notes.iterdir() for line in path.read_text().splitlines()]
    assert len({note["world"] for note in told}) == len(told) == 200
    assert {note["worker"] for note in told} == {"gw0", "gw1", "gw2", "gw3"}
    (server,) = {note["server"] for note in told}
    with pytest.raises(DoubleError, match="unreachable"):
        Double.at(server).worlds()


@pytest.mark.heavy
def test_a_red_test_tells_what_was_asked(room: Path, root: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "test_red.py").write_text(FAILS)
    (project / "test_readme.py").write_text(of_the_readme(root))
    done = run(room, project, "-p", "no:xdist", "-p", "no:asyncio", "-p", "no:aiohttp", "-W", "error")
    assert "2 failed, 2 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "takes words such as clock='virtual', not 'virtual'" in done.stdout
    assert re.search(r"- mediaglot world w\d+ -", done.stdout)
    assert (
        "the last requests:\n  #1 tpstreams GET /api/v1/demo00/transcoding_jobs/ -> 401 fault unauthorized"
        in done.stdout
    )
    assert "near misses:" in done.stdout
    assert "response.status is 401, not 200" in done.stdout
    assert done.stdout.count("mediaglot world") == 1
    assert "remote/plan.py" not in done.stdout, "the way through our code is nothing to a test"


def test_it_is_no_burden_to_whoever_does_not_use_it() -> None:
    """Nothing of ours is loaded with it but what it is, and nothing of others."""
    script = (
        "import sys, pytest, os, _pytest.tmpdir\n"
        "before = {*sys.modules}\n"
        "import mediaglot.gateway.remote.plugin\n"
        "print(*sorted({*sys.modules} - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    ours = ["mediaglot", "mediaglot.gateway", "mediaglot.gateway.remote", "mediaglot.gateway.remote.plugin"]
    assert done.stdout.split() == ours
