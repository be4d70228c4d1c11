"""Real commands in processes of their own, on loopback, and a provider that there isn't for them to speak of."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

ACME = Path(__file__).parents[1] / "laws" / "acme"
PATIENCE = 60


def settle(home: Path, changes: Mapping[str, str] | None = None) -> None:
    """The package of a dialect as pip would install it, with other words in its ``dialect.py``."""
    package, info = home / "acme_plugin", home / "acme_plugin-1.dist-info"
    shutil.copytree(ACME, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").write_text("from .dialect import Acme as Dialect\n")
    text = (package / "dialect.py").read_text()
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    (package / "dialect.py").write_text(text)
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme_plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[mediaglot.dialects]\nacme = acme_plugin:Dialect\n")


def environment(home: Path) -> dict[str, str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("MEDIAGLOT_")}
    return {**plain, "PYTHONPATH": os.pathsep.join(filter(None, (str(home), os.environ.get("PYTHONPATH"))))}


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def tree(self) -> Any:
        return json.loads(self.out)


@dataclass
class Running:
    """A command that has said where it answers."""

    process: subprocess.Popen[str]
    url: str

    def stop(self, number: int = signal.SIGINT) -> Said:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return Said(self.process.returncode, out, err)


class Commands:
    """``mediaglot ...`` where a dialect ``acme`` is installed."""

    def __init__(self, home: Path, nursery: Any) -> None:
        self.home, self._nursery, self._started = home, nursery, list[subprocess.Popen[str]]()

    def run(self, *words: object, **variables: str) -> Said:
        env = environment(self.home) | variables
        done = self._nursery.run(*map(str, words), environment=env, folder=self.home)
        return Said(done.returncode, done.stdout, done.stderr)

    def start(self, *words: object) -> Running:
        line = [sys.executable, "-m", "mediaglot", *map(str, words)]
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(line, cwd=self.home, env=environment(self.home), **pipes)
        self._started.append(process)
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http"), process.communicate(timeout=PATIENCE)
        return Running(process, url)

    def serve(self, *words: object) -> Running:
        folder = self.home / f"data-{len(self._started)}"
        return self.start("serve", "--double", "--port", "0", "--progression", "immediate", "--data", folder, *words)

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, nursery: Any) -> Iterator[Callable[..., Commands]]:
    """Homes of their own, each with an ``acme`` whose words are changed."""
    made: list[Commands] = []

    def install(changes: Mapping[str, str] | None = None) -> Commands:
        home = tmp_path_factory.mktemp("home")
        settle(home, changes)
        made.append(Commands(home, nursery))
        return made[-1]

    yield install
    for commands in made:
        commands.end()


@pytest.fixture(scope="session")
def plain(installed: Callable[..., Commands]) -> Commands:
    return installed()


def ask(base: str, path: str, **fields: Any) -> tuple[int, Any]:
    """As a client of Acme does."""
    body = json.dumps({"user": "ann", "key": "s3cr3t-key", **fields}).encode()
    headers = {"Content-Type": "application/json", "Cookie": "s3cr3t-cookie"}
    try:
        with urlopen(Request(f"{base}/{path}", data=body, headers=headers), timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def session(base: str) -> str:
    """What a client of Acme does with it in a day: six requests. The id of the last job."""
    source = "https://media.mediaglot.test/bars-1s-320x180-10fps.mp4"
    job = ""
    for note in ("one", "two"):
        status, told = ask(base, "make", source=source, make={"format": "mp4", "size": {"w": 160, "h": 90}}, note=note)
        assert status == 200, told
        job = told["job"]
    assert ask(base, "look", job=job)[0] == 200
    assert ask(base, "list", size=10)[0] == 200
    assert ask(base, "look", job="does-not-exist-1")[0] in {404, 410}
    assert ask(base, "stop", job=job)[0] in {200, 400}
    return str(job)


ALTERED = {
    '"trouble": dialect.describe(ticket.trouble) if ticket.trouble else "",': '"eta": 5,',
    '"files": [f"{': '"files": [[f"{',
    "for path in files],\n": "for path in files]],\n",
    '"done": (Status.FINISHED': '"ready": (Status.FINISHED',
    '"of": page.total': '"of": str(page.total)',
    "404, ": "410, ",
    'return {"error": text}': 'return {"error": [text]}',
}


@pytest.fixture(scope="session")
def upstream(plain: Commands) -> str:
    return f"{plain.serve().url}/acme"


@pytest.fixture(scope="session")
def altered(installed: Callable[..., Commands]) -> str:
    """Another implementation, which is not quite the same."""
    return f"{installed(ALTERED).serve().url}/acme"


def recorded(commands: Commands, upstream: str, folder: Path) -> Said:
    """A client's day with a provider, by way of the recording proxy."""
    words = ("contract", "record", "--dialect", "acme", "--upstream", upstream, "--out", folder)
    recorder = commands.start(*words)
    assert recorder.url.startswith("http://127.0.0.1:")
    session(recorder.url)
    return recorder.stop()


@pytest.fixture(scope="session", name="session")
def _session() -> Callable[[str], str]:
    return session


@pytest.fixture(scope="session", name="recorded")
def _recorded() -> Callable[..., Said]:
    return recorded


@pytest.fixture(scope="session")
def tape(plain: Commands, upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "tape"
    said = recorded(plain, upstream, folder)
    assert said.code == 0, said.err
    assert "6 exchanges recorded in" in said.out
    for operation, count in {"list": 1, "look": 2, "make": 2, "stop": 1}.items():
        assert f"{operation:<10}" in said.out, (operation, count)
    return folder
