"""``mediaglot env``: the variables that point a client of a provider at the running server, and how to take them back.

A client with a compiled-in host finds its provider through the proxy, one that can be configured by the base URL.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import mediaglot.gateway.config as configuration
from mediaglot.gateway.command.notifications import address, ask
from mediaglot.gateway.command.screen import FAINT, Screen
from mediaglot.gateway.config import PREFIX, Settings, UserError
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import IssueToken
from mediaglot.gateway.http.authority import FILE
from mediaglot.gateway.http.whereabouts import ADDRESS
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.registry import UnknownDialect, find

PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
DIRECT: Final = ("NO_PROXY", "no_proxy")
BUNDLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
NODE: Final = "NODE_USE_ENV_PROXY"
SOURCE: Final = "https://media.mediaglot.test/bars-10s-1280x720-30fps.mp4"
NO_PROXY: Final = "the server has no proxy, which clients with a compiled-in host need: start it with --proxy-port 0"
Variables = Mapping[str, str]


def run(given: dict[str, Any]) -> int:
    settings = configuration.load({key: given.get(key) for key in ("host", "port", "data", "config")})
    dialect = known(given["dialect"])
    set_line, unset_line = SHELLS[given["shell"]]
    if given.get("unset"):
        print(unset_line(names(dialect)))  # noqa: T201
        return 0
    found = ask(f"{server(given, settings)}/_mediaglot/proxy", "GET", settings)
    if dialect.name not in found["dialects"]:
        raise UserError(f"this server does not serve {dialect.name}; it was started with --dialects")
    print(set_line(variables(dialect, found, lambda pem: bundle(pem, given.get("ca"), settings))))  # noqa: T201
    if not found["proxy"]:
        Screen(sys.stderr).say(NO_PROXY, FAINT)
    return 0


def known(name: str) -> Dialect:
    try:
        return find(name)
    except (UnknownDialect, ValueError) as error:
        raise UserError(str(error)) from None


def server(given: Mapping[str, Any], settings: Settings) -> str:
    """The base URL of the server: as it is told, else from the data folder, else by the settings."""
    if given.get("server"):
        return str(given["server"]).rstrip("/")
    try:
        posted = (settings.data / ADDRESS).read_text().strip() if given.get("port") is None else ""
    except OSError:
        posted = ""
    if not posted and given.get("data") and not (given.get("host") or given.get("port")):
        raise UserError(f"no server runs in {settings.data}; name its data folder, or its address with --server")
    return posted or address(settings)


def variables(dialect: Dialect, found: Mapping[str, Any], save: Callable[[str], Path]) -> dict[str, str]:
    """All that a client wants to know; ``save`` puts the certificate into a file."""
    place = found["dialects"][dialect.name]
    told = own(dialect, place["url"], credential(dialect) if place["open"] else None)
    if not found["proxy"] or not place["hosts"]:
        return told
    hosts = dict.fromkeys(("localhost", "127.0.0.1", "::1", urlsplit(found["url"]).hostname or "localhost"))
    bundled = str(save(found["certificate"]))
    return {
        **dict.fromkeys(PROXIES, found["proxy"]),
        **dict.fromkeys(DIRECT, ",".join(hosts)),
        **dict.fromkeys(BUNDLES, bundled),
        NODE: "1",
        **told,
    }


def names(dialect: Dialect) -> tuple[str, ...]:
    return (*PROXIES, *DIRECT, *BUNDLES, NODE, *own(dialect, "", ("", "")))


def own(dialect: Dialect, url: str, who: tuple[str, str] | None) -> dict[str, str]:
    prefix = f"{PREFIX}{dialect.name.upper()}"
    return {f"{prefix}_URL": url} | ({f"{prefix}_USER": who[0], f"{prefix}_SECRET": who[1]} if who else {})


def credential(dialect: Dialect) -> tuple[str, str] | None:
    """The name and the secret of the dialect's own sample client: made up, and good for any server that is open."""
    if dialect.sample is None:
        return None
    call = dialect.open(next(dialect.sample().create(SOURCE)))
    if call.credential is not None:
        return call.credential.name, call.credential.secret.reveal()
    intent = dialect.read(call, Ledger())
    return (intent.name, intent.secret.reveal()) if isinstance(intent, IssueToken) else None


def bundle(pem: str, given: str | None, settings: Settings) -> Path:
    """The file with the certificate: the server's own where that is at hand, else the one that was named for it."""
    path = Path(given) if given else settings.data / FILE
    try:
        if given:
            path.write_text(pem)
        elif path.read_text() != pem:
            raise UserError(f"{path} is not the certificate of this server; save that with --ca FILE")
    except OSError as error:
        hint = "" if given else "; name the server's data folder with --data, or save the certificate with --ca FILE"
        raise UserError(f"{path}: {error.strerror}{hint}") from None
    return path.resolve()


def _quoted_for_fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: Final[Mapping[str, tuple[Callable[[Variables], str], Callable[[tuple[str, ...]], str]]]] = {
    "sh": (
        lambda told: "\n".join(f"export {name}={shlex.quote(value)}" for name, value in told.items()),
        lambda gone: f"unset {' '.join(gone)}",
    ),
    "fish": (
        lambda told: "\n".join(f"set -gx {name} {_quoted_for_fish(value)}" for name, value in told.items()),
        lambda gone: f"set -e {' '.join(gone)}",
    ),
    "json": (
        lambda told: json.dumps(told, indent=2),
        lambda gone: json.dumps(dict.fromkeys(gone), indent=2),
    ),
}
"""How variables are set, and taken back."""
