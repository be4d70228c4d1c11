"""The variables that point a client at the server: what they are, for which shell, and what is missing where."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.command import env
from mediaglot.gateway.config import UserError
from mediaglot.gateway.model import Secret
from mediaglot.gateway.registry import names

Call = Callable[..., Any]


def in_shell(script: str) -> str:
    return subprocess.run(["/bin/sh", "-euc", script], capture_output=True, check=True, text=True).stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "it's a \\ folder"


@pytest.fixture
def ask(data: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """What the command prints."""

    async def run(dialect: str, shell: str = "json", **given: Any) -> Any:
        capsys.readouterr()
        said = {"dialect": dialect, "shell": shell, "data": str(data), **given}
        assert await asyncio.to_thread(env.run, said) == 0
        printed = capsys.readouterr().out
        return json.loads(printed) if shell == "json" else printed

    return run


@pytest.fixture
async def site(serve: Any) -> str:
    return str((await serve(backend="simulated", proxy_port=0)).site)


@pytest.mark.parametrize("name", names())
async def test_all_that_is_set_is_taken_back(site: str, ask: Call, name: str) -> None:
    told = await ask(name, server=site)
    prefix = f"MEDIAGLOT_{name.upper()}"
    assert told[f"{prefix}_URL"] == f"{site}/{name}"
    assert all((told[f"{prefix}_USER"], told[f"{prefix}_SECRET"]))
    assert told["NO_PROXY"] == told["no_proxy"] == "localhost,127.0.0.1,::1"
    assert told["HTTP_PROXY"] == told["https_proxy"] != site
    assert await ask(name, unset=True) == dict.fromkeys(told)


async def test_shells_read_it_as_it_is_meant(site: str, ask: Call, data: Path) -> None:
    name = names()[0]
    told = await ask(name, server=site)
    assert told["SSL_CERT_FILE"] == str(data / "proxy-ca.pem")
    script = f'{await ask(name, "sh", server=site)}\nprintf %s "$SSL_CERT_FILE"'
    assert in_shell(script) == str(data / "proxy-ca.pem")
    quoted = str(data / "proxy-ca.pem").replace("\\", "\\\\").replace("'", "\\'")
    assert f"set -gx SSL_CERT_FILE '{quoted}'" in (await ask(name, "fish", server=site)).splitlines()
    assert await ask(name, "fish", unset=True) == f"set -e {' '.join(told)}\n"
    assert await ask(name, "sh", unset=True) == f"unset {' '.join(told)}\n"


async def test_the_certificate_is_the_servers_or_is_saved(site: str, ask: Call, tmp_path: Path, data: Path) -> None:
    name, saved = names()[0], tmp_path / "ca.pem"
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match="--ca FILE"):
            await ask(name, server=site, data=str(folder))
    (tmp_path / "proxy-ca.pem").write_text("that of another run")
    with pytest.raises(UserError, match="is not the certificate of this server"):
        await ask(name, server=site, data=str(tmp_path))
    told = await ask(name, server=site, data=str(tmp_path), ca=str(saved))
    assert told["CURL_CA_BUNDLE"] == str(saved)
    assert saved.read_bytes() == (data / "proxy-ca.pem").read_bytes()
    with pytest.raises(UserError, match="No such file"):
        await ask(name, server=site, ca=str(tmp_path / "nowhere" / "ca.pem"))


async def test_without_a_proxy_there_is_the_base_url(serve: Any, ask: Call, capsys: pytest.CaptureFixture[str]) -> None:
    client, name = await serve(backend="simulated"), names()[0]
    prefix = f"MEDIAGLOT_{name.upper()}"
    assert (await ask(name, server=f"{client.site}/")).keys() == {f"{prefix}_{it}" for it in ("URL", "USER", "SECRET")}


async def test_listed_accounts_are_not_told(serve: Any, ask: Call) -> None:
    one, *_, other = names()
    listed = {one: (Credential("ann", Secret("her key")),)}
    client = await serve(backend="simulated", accounts=listed)
    assert (await ask(one, server=client.site)).keys() == {f"MEDIAGLOT_{one.upper()}_URL"}
    assert len(await ask(other, server=client.site)) == 3


async def test_what_can_not_be_told(serve: Any, ask: Call) -> None:
    one, other, *_ = names()
    client = await serve(backend="simulated", dialects=(one,))
    with pytest.raises(UserError, match=f"does not serve {other}"):
        await ask(other, server=client.site)
    with pytest.raises(UserError, match=f"did you mean {one}"):
        await ask(f"{one}x", server=client.site)
    with pytest.raises(UserError, match="wants a URL"):
        await ask(one, server="localhost")
    with pytest.raises(UserError, match="no server runs in"):
        await ask(one)
