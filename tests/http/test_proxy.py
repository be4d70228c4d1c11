"""Clients with a compiled-in host, unchanged, by the variables that ``mediaglot env`` prints and by nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.registry import find, names

COMMAND = (sys.executable, "-m", "mediaglot")
CLIENT = Path(__file__).with_name("compiled_in.py")
BARE = {"PATH": os.environ["PATH"]}
"""All that a client has of the environment beside the variables."""
LIBRARIES = ("requests", "aiohttp", "urllib", "curl")
BUNDLES = {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}


@pytest.fixture(scope="session", name="call")
def _call(nursery: Any) -> Any:
    def run(*words: str, **variables: str) -> str:
        done = nursery.run(*words, environment=BARE | variables)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proxied") / "data"


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    """The real command, which has chosen both ports."""
    words = ("serve", "--port", "0", "--proxy-port", "0", "--data", str(folder), "--backend", "simulated")
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, text=True, env=BARE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()
        assert process.wait(20) == 0


@pytest.fixture(scope="module")
def variables(site: str, folder: Path, call: Any) -> dict[str, str]:
    """What ``mediaglot env`` prints for each dialect, together: the proxy and the certificate are the same for all."""
    told: dict[str, str] = {}
    for name in names():
        found = json.loads(call("env", name, "--shell", "json", "--data", str(folder)))
        assert all(told.get(key, value) == value for key, value in found.items())
        told |= found
    return told


def run(variables: dict[str, str], *schemes: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, CLIENT, *schemes], capture_output=True, text=True, check=False, timeout=120, env=variables
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def seen(variables: dict[str, str]) -> dict[str, str]:
    return run(BARE | variables, "http", "https")


@pytest.fixture(scope="module")
def distrusted(variables: dict[str, str]) -> dict[str, str]:
    """What the same clients see who have the proxy and not the certificate."""
    return run(BARE | {key: value for key, value in variables.items() if key not in BUNDLES}, "https")


@pytest.mark.heavy
@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_an_unmodified_client_gets_its_job_through_the_proxy(
    seen: dict[str, str], library: str, scheme: str, name: str
) -> None:
    if library == "curl" and not any(key.startswith("curl") for key in seen):
        pytest.skip("there is no curl on this machine")
    word = seen[f"{library} {scheme} {name}"]
    assert find(name).heard(word)[0].value not in {"unknown", "failed"}, word


@pytest.mark.heavy
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_certificate_is_really_checked(distrusted: dict[str, str], library: str) -> None:
    if library == "curl" and not any(key.startswith("curl") for key in distrusted):
        pytest.skip("there is no curl on this machine")
    for name in names():
        assert "certificate" in distrusted[f"{library} https {name}"].lower()


@pytest.mark.heavy
def test_the_variables_of_the_shell_are_set_and_taken_back(variables: dict[str, str], site: str, folder: Path) -> None:
    name = names()[0]
    env = f"{' '.join(COMMAND)} env {name} --data {folder}"
    script = f'eval "$({env})"; env; echo ---; eval "$({env} --unset)"; env'
    done = subprocess.run(["/bin/sh", "-euc", script], capture_output=True, text=True, check=True, timeout=60, env=BARE)
    before, after = (dict(line.split("=", 1) for line in part.split()) for part in done.stdout.split("---"))
    own = {key for key in variables if not key.startswith("MEDIAGLOT_") or name.upper() in key}
    assert {key: before.get(key) for key in own} == {key: variables[key] for key in own}
    assert after.keys().isdisjoint(variables)
    assert before[f"MEDIAGLOT_{name.upper()}_URL"] == f"{site}/{name}"


@pytest.mark.heavy
def test_what_comes_of_a_stopped_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "env", names()[0], "--server", "http://127.0.0.1:1"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "is the server running" in line


@pytest.mark.heavy
def test_the_folder_says_where_as_long_as_the_server_runs(tmp_path: Path) -> None:
    words = ("serve", "--port", "0", "--data", str(tmp_path), "--backend", "simulated")
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, text=True, env=BARE) as process:
        assert process.stdout is not None
        address = process.stdout.readline()
        assert (tmp_path / "address").read_text() == address
        done = subprocess.run(
            [*COMMAND, "env", names()[0], "--data", tmp_path], capture_output=True, text=True, check=True, env=BARE
        )
        process.terminate()
        process.wait(20)
    assert "--proxy-port" in done.stderr
    assert "PROXY" not in done.stdout
    assert f"{address.strip()}/{names()[0]}" in done.stdout
    assert not (tmp_path / "address").exists()


@pytest.mark.heavy
def test_a_proxy_port_that_is_taken_is_named(site: str, variables: dict[str, Any], tmp_path: Path) -> None:
    port = variables["HTTP_PROXY"].rpartition(":")[2]
    words = ("serve", "--port", "0", "--proxy-port", port, "--data", str(tmp_path), "--backend", "simulated")
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False, timeout=60, env=BARE)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mediaglot: the proxy cannot listen on 127.0.0.1:{port}: ")
    assert line.endswith("; try --proxy-port 0")
