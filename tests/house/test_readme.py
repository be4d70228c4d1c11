"""The papers keep their word: commands run as written, tables match the code.

As a script (``python tests/house/test_readme.py``) it renews the tables of docs/settings.md and docs/providers.md.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from mediaglot.gateway.backends import reason
from mediaglot.gateway.backends.agent import Manners
from mediaglot.gateway.backends.reason import OWN
from mediaglot.gateway.cli import main
from mediaglot.gateway.config import PREFIX, Settings
from mediaglot.gateway.http.kind import PROVIDER
from mediaglot.gateway.registry import find, names
from mediaglot.testing import Double, DoubleError

ROOT = Path(__file__).resolve().parents[2]
README, SETTINGS, PROVIDERS = ROOT / "README.md", ROOT / "docs" / "settings.md", ROOT / "docs" / "providers.md"
CONTRACTS, TESTING = ROOT / "docs" / "contracts.md", ROOT / "docs" / "testing.md"
ADDRESS = "http://127.0.0.1:8080"
PATIENCE = 180.0


def settings_table() -> str:
    """Every setting with its flag, its variable, its default and what it is."""
    lines = ["| flag | variable | default | |", "|---|---|---|---|"]
    for item in fields(Settings):
        if item.metadata.get("table"):
            continue
        default = "" if item.default in ("", (), MISSING) else f"`{str(item.default).lower()}`"
        choices = f" ({', '.join(item.metadata['choices'])})" if "choices" in item.metadata else ""
        again = " (may be repeated)" if isinstance(item.default, tuple) else ""
        flag, variable = f"--{item.name.replace('_', '-')}", f"{PREFIX}{item.name.upper()}"
        lines.append(f"| `{flag}` | `{variable}` | {default} | {item.metadata['about']}{choices}{again} |")
    return "\n".join(lines) + "\n"


def failures_table() -> str:
    """Every code that ``on`` of a route can name, whether it is meant without ``on``, and its reasons."""
    lines = ["| code | | | reasons |", "|---|---|---|---|"]
    lines += [
        f"| `{code}` | {'✓' if code in OWN else ''} | {meaning} | {words} |" for code, meaning, words in reason.rows()
    ]
    return "\n".join(lines) + "\n"


TABLES = {SETTINGS: ("settings", settings_table), PROVIDERS: ("failures", failures_table)}


def with_table(path: Path) -> str:
    """The page as it has to be."""
    name, table = TABLES[path]
    marks = rf"(<!-- {name}: .* -->\n).*?(<!-- end of {name} -->)"
    return re.sub(marks, lambda match: match[1] + table() + match[2], path.read_text(), flags=re.DOTALL)


def blocks(text: str) -> list[tuple[str, str]]:
    """The language and the content of each code block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def text() -> str:
    return README.read_text()


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_the_tables_are_fresh(path: Path) -> None:
    assert with_table(path) == path.read_text(), "run: python tests/house/test_readme.py"
    assert "|---|" in with_table(path)


def test_the_defaults_of_a_providers_keys_are_told() -> None:
    page = section_of(PROVIDERS.read_text(), "Keys of a provider")
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]*) \|", page, re.MULTILINE)
    told = {
        key: value for keys, values in rows for key, value in zip(keys.split(", "), values.split(", "), strict=True)
    }
    assert {f"`{item.name}`": f"{item.default:g}" for item in fields(Manners)}.items() <= told.items()
    assert {word.strip("`") for word in told} <= PROVIDER.keys()


def test_the_gate_is_the_readmes_own_command(root: Path, text: str) -> None:
    demo, tests = (content.strip() for language, content in blocks(text) if not language)
    assert demo.endswith("/mediaglot demo")
    script = (root / ".ci" / "run").read_text()
    assert script.rstrip().splitlines()[-1] == tests
    assert "set -euo pipefail" in script
    assert os.access(root / ".ci" / "run", os.X_OK)
    assert tests in (root / "CONTRIBUTING.md").read_text()


def test_links_lead_somewhere(root: Path, checkout: tuple[Path, ...]) -> None:
    for path in (path for path in checkout if path.suffix == ".md"):
        for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", (root / path).read_text()):
            assert (root / path).parent.joinpath(target).exists(), f"{path} links to {target}"


@pytest.mark.heavy
def test_the_benchmarks_that_are_named_run(root: Path, text: str) -> None:
    told = text + (root / "docs" / "speed.md").read_text()
    named = set(re.findall(r"`python (tests/benchmarks/\w+\.py)`", told))
    assert named >= {"tests/benchmarks/run.py", "tests/benchmarks/media.py"}
    for script in named:
        words = (sys.executable, root / script, "--help")
        subprocess.run(words, check=True, capture_output=True, cwd=root, timeout=30)


def test_the_changelog_has_room_for_the_next_entry(root: Path) -> None:
    assert "## [Unreleased]" in (root / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", names())
def test_a_dialects_readme_tells_each_operation_and_its_evidence(root: Path, name: str) -> None:
    told = (root / "emulators" / name / "README.md").read_text()
    rows = set(re.findall(r"^\| `([^`]+)` \| (\w+) \|", told, re.MULTILINE))
    assert rows == {(route.name, route.evidence) for route in find(name).routes}


@pytest.mark.parametrize("name", names())
def test_a_dialects_readme_lists_every_text_that_nobody_has_seen(root: Path, name: str) -> None:
    told = (root / "emulators" / name / "README.md").read_text()
    unproven = [complaint for complaint in find(name).faults.values() if complaint.evidence in ("proposed", "inferred")]
    assert not [complaint.text for complaint in unproven if f"`{complaint.text}`" not in told]


# --- the quick start, executed ------------------------------------------------------------------------


@contextlib.contextmanager
def server(line: str, folder: Path, **variables: str) -> Iterator[str]:
    """The README's own command, on a free port and with another folder; gives the base URL."""
    program, *words = line.split()
    assert program == ".venv/bin/mediaglot"
    words[words.index("--data") + 1] = str(folder / "data")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    process = subprocess.Popen(
        [sys.executable, "-m", "mediaglot", *words, "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=clean | variables,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=30)


def shell(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{script}\n{done.stderr}"
    return done.stdout


def finished(script: str, folder: Path) -> str:
    """The answer of a GetStatus when the job has ended well."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        answer = shell(script, folder)
        status = re.search(r"(?:<status>|\"status\":\")([^<\"]+)", answer)
        if status is not None and status[1] == "Finished":
            return answer
        assert status is not None, answer
        assert status[1] != "Error", answer
    raise AssertionError(f"not finished after {PATIENCE} seconds: {answer}")


def play(section: str, folder: Path) -> None:
    """Run its shell blocks on a server as the first one starts it; a block of text is what the one before must say."""
    (_, start), *steps = [block for block in blocks(section) if block[0] in ("sh", "text")]
    answers = [content if language == "text" else "" for language, content in [*steps[1:], ("", "")]]
    with server(start, folder) as site:
        for (language, written), expected in zip(steps, answers, strict=True):
            if language != "sh":
                continue
            assert ADDRESS in written
            script = written.replace(ADDRESS, site)
            asks = "GetStatus" in script and "|" not in script and not expected
            answer = finished(script, folder) if asks else shell(script, folder)
            if expected:
                assert answer.strip() == expected.strip()


def section_of(text: str, title: str) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="this is written with curl, which is not here")


@pytest.mark.ffmpeg
@CURL
def test_the_quick_start_runs_as_written(text: str, tmp_path: Path) -> None:
    play(section_of(text, "Quick start"), tmp_path)
    saved = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert saved == ["bars-5s-640x360-30fps_9001.mp4", "bars-5s-640x360-30fps_9002.jpg"]
    assert all((tmp_path / name).stat().st_size > 1000 for name in saved)


@pytest.mark.heavy
@CURL
def test_the_test_double_runs_as_written(text: str, tmp_path: Path) -> None:
    play(section_of(text, "As a test double"), tmp_path)
    assert json.loads((tmp_path / "fault.json").read_text())["error"] == "busy"
    assert json.loads((tmp_path / "clock.json").read_text())["now"] == "2026-01-01T00:10:00+00:00"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder in which the README's own command is."""
    program = tmp_path / ".venv" / "bin" / "mediaglot"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mediaglot "$@"\n')
    program.chmod(0o755)
    return tmp_path


@pytest.mark.heavy
def test_contract_testing_in_ci_runs_as_written(text: str, installed: Path) -> None:
    section = section_of(text, "Contract testing in CI")
    play(section, installed)
    assert "<testsuite " in (installed / "contract.xml").read_text()
    assert json.loads((installed / "contract.sarif").read_text())["version"] == "2.1.0"
    assert json.loads((installed / "contract.json").read_text())["passed"] is True
    (actions,) = (yaml.safe_load(content) for kind, content in blocks(CONTRACTS.read_text()) if kind == "yaml")
    words = next(
        step["run"] for step in actions["jobs"]["contract"]["steps"] if "verify" in step.get("run", "")
    ).split()
    known = shell(".venv/bin/mediaglot contract verify --help", installed)
    assert words[:3] == ["mediaglot", "contract", "verify"]
    assert all(word in known for word in words if word.startswith("--"))


@pytest.mark.heavy
@CURL
def test_clients_with_a_compiled_in_host_run_as_written(text: str, installed: Path) -> None:
    (_, start), (_, script), (_, told) = blocks(section_of(text, "Clients with a compiled-in host"))
    with server(start, installed):
        assert shell(script.replace("/tmp/mediaglot-proxy", str(installed / "data")), installed) == told.strip()


@pytest.mark.heavy
def test_translation_runs_as_written(
    text: str, root: Path, installed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (_, script), (_, program) = blocks(section_of(text, "Translation"))
    (installed / "fixtures").symlink_to(root / "fixtures")
    assert shell(script, installed).startswith("POST /\n")
    monkeypatch.chdir(root)
    exec(compile(program, "README.md", "exec"), {})
    assert "4 dropped" in capsys.readouterr().out


@pytest.mark.parametrize("path", [README, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.stem)
def test_examples_of_the_configuration_can_be_used(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    request = str(ROOT / "fixtures" / "tpstreams" / "create_job" / "documented" / "request.http")
    for number, (language, content) in enumerate(blocks(path.read_text())):
        if language != "toml":
            continue
        file = tmp_path / f"{number}.toml"
        file.write_text(content)
        assert main(["route", "--config", str(file), "--read", "tpstreams", request]) in (0, 1), capfd.readouterr().err


class Client:
    """What the README calls the client of a project."""

    def __init__(self, url: str, user: str, key: str) -> None:
        self.url, self.who = url, {"userid": user, "userkey": key}

    def submit(self, source: str, notify: str) -> str:
        said = self.ask(action="AddMedia", source=source, notify=notify, format={"output": "mp4"})
        return str(said.json()["response"]["MediaID"])

    def status(self, job: str) -> str:
        while (said := self.ask(action="GetStatus", mediaid=job)).status_code == 503:
            pass
        return str(said.json()["response"]["status"])

    def ask(self, **fields: Any) -> requests.Response:
        return requests.post(f"{self.url}/", data={"json": json.dumps({"query": self.who | fields})}, timeout=60)


def test_the_test_double_in_python_runs_as_written(text: str) -> None:
    written = next(
        content for language, content in blocks(section_of(text, "As a test double")) if language == "python"
    )
    exec(compile(written, "README.md", "exec"), {"Client": Client})


@pytest.mark.heavy
def test_the_yaml_of_the_test_double(text: str, tmp_path: Path) -> None:
    pages = (section_of(text, "As a test double"), section_of(TESTING.read_text(), "Beside the tests"))
    actions, compose = (yaml.safe_load(content) for page in pages for kind, content in blocks(page) if kind == "yaml")
    assert [step["run"].split()[0] for step in actions["jobs"]["test"]["steps"] if "run" in step] == ["pip", "pytest"]
    double, tests = compose["services"]["transcoder"], compose["services"]["tests"]
    assert tests["environment"]["MEDIAGLOT_CONTROL_TOKEN"] == double["environment"]["MEDIAGLOT_CONTROL_TOKEN"]
    line = double["command"].partition("exec ")[2].strip().strip('"')
    here = line.replace("0.0.0.0", "127.0.0.1").replace("mediaglot serve", ".venv/bin/mediaglot serve", 1)
    outside = tests["environment"]["MEDIAGLOT_DOUBLE_URL"]
    assert f"--url {outside} " in here
    with server(here.replace(f"--url {outside} ", ""), tmp_path, **double["environment"]) as site:
        with pytest.raises(DoubleError, match="unauthorized"):
            Double.at(site).world()
        with Double.at(site, double["environment"]["MEDIAGLOT_CONTROL_TOKEN"]).world(clock="virtual") as world:
            account = world.encoding_com
            client = Client(account.url, account.credentials.name, account.credentials.secret)
            client.submit("https://media.mediaglot.test/bars-5s.mp4", world.inbox().url)
            world.clock.advance(600)
            assert world.inbox().wait()


if __name__ == "__main__":
    for page in TABLES:
        page.write_text(with_table(page))
