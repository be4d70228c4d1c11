"""The journal of a real double is a recording that keeps the contract, though its secrets are hidden."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from mediaglot.gateway import cli
from mediaglot.testing import Double


def ask(url: str, form: Mapping[str, str] | None = None, **headers: str) -> Any:
    body = urlencode(form).encode() if form else None
    with urlopen(Request(url, body, headers), timeout=30) as answer:
        return json.load(answer)


@pytest.mark.parametrize(
    ("name", "token", "grant", "path"),
    [
        ("xvid_mediahub", "/v1/oauth2/token/", "client_credential", "/v1/presets/?start=1&limit=2"),
        ("transparent_edge", "/v1/oauth2/access_token/", "client_credentials", "/v1/media/{}/transcode/?output=std"),
    ],
)
def test_what_a_double_wrote_down_keeps_the_contract(
    name: str, token: str, grant: str, path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Double.started() as double, double.world() as world:
        account = getattr(world, name)
        who = account.credentials
        form = {"grant_type": grant, "client_id": who.name, "client_secret": who.secret}
        bearer = ask(f"{account.url}{token}", form)["access_token"]
        pair = base64.b64encode(f"{who.name}:{who.secret}".encode()).decode()
        if name == "transparent_edge":
            ask(f"{account.url}{token}", {"grant_type": grant}, Authorization=f"Basic {pair}")
        ask(f"{account.url}{path.format(who.tenant)}", Authorization=f"Bearer {bearer}")
        entries = [entry.tree for entry in world.requests]
    journal = tmp_path / "journal.json"
    journal.write_text(json.dumps({"entries": entries}))
    assert not {who.secret, bearer, pair} & {*journal.read_text().replace('"', " ").split()}
    assert cli.main(["contract", "check", str(journal)]) == 0, capsys.readouterr().out
    assert "unknown" not in capsys.readouterr().out
