"""``mediaglot notifications``: what the running server has told its clients' receivers, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

import mediaglot.gateway.config as configuration
from mediaglot.gateway.command.screen import BAD, FAINT, GOOD, Screen
from mediaglot.gateway.config import Settings, UserError
from mediaglot.gateway.http.whereabouts import url_of

ROOM: Final = "/_mediaglot/notifications"
FILTERS: Final = ("dialect", "account", "job", "state", "limit", "before")
STYLES: Final = {"delivered": GOOD, "given_up": BAD, "open": ""}
PATIENCE: Final = 30.0
Tree = dict[str, Any]


def run(given: dict[str, Any]) -> int:
    settings = configuration.load({key: given.get(key) for key in ("host", "port", "config")})
    base = (given.get("server") or address(settings)).rstrip("/")
    verb, name = given["verb"], quote(given.get("id") or "", safe="")
    if (verb != "list") is not bool(name):
        raise UserError("list takes no id" if name else f"which one? mediaglot notifications {verb} ID")
    query = urlencode({key: given[key] for key in FILTERS if given.get(key) is not None})
    path = {"list": f"?{query}" if query else "", "redeliver": f"/{name}/redeliver"}.get(verb, f"/{name}")
    method = {"redeliver": "POST", "drop": "DELETE"}.get(verb, "GET")
    found = ask(base + ROOM + path, method, settings)
    if given.get("json"):
        print(json.dumps(found, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        {"list": overview, "show": portrait}.get(verb, change)(Screen(), found)
    return 0


def address(settings: Settings) -> str:
    return url_of(settings.host.strip("[]"), settings.port)


def ask(url: str, method: str, settings: Settings) -> Tree:
    """The server's answer. Raises UserError with what it says is wrong."""
    token = settings.control_token.reveal()
    if not url.startswith(("http://", "https://")):
        raise UserError(f"{url}: --server wants a URL such as http://127.0.0.1:8080")
    request = Request(url, method=method, headers={"Authorization": f"Bearer {token}"} if token else {})  # noqa: S310
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=PATIENCE) as answer:
            found: Tree = json.load(answer)
    except HTTPError as error:
        with error:
            raise UserError(_said(error)) from None
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"no answer from {url}: {reason}; is the server running, and is this its address?") from None
    return found


def _said(error: HTTPError) -> str:
    if error.code == HTTPStatus.UNAUTHORIZED:
        return "this server wants its control_token: put it into MEDIAGLOT_CONTROL_TOKEN"
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered with {error.code}; is it mediaglot?"


def overview(screen: Screen, found: Tree) -> None:
    head = ("id", "dialect", "job", "event", "to", "state", "attempts", "last answer")
    rows = [
        (
            one["id"],
            one["dialect"],
            one["job"],
            one["event"],
            one["url"],
            one["state"],
            str(one["attempts"]),
            answer(one),
        )
        for one in found["notifications"]
    ]
    screen.table(head, rows, right=("attempts",))
    if found["next"]:
        screen.say(f"More: --before {found['notifications'][-1]['sequence']}", FAINT)


def answer(one: Mapping[str, Any]) -> str:
    told = " ".join(str(part) for part in (one["status"], one["answer"]) if part not in (None, ""))
    return told.replace("\n", " ")[:60]


def portrait(screen: Screen, one: Tree) -> None:
    facts = [(name, str(one[name])) for name in ("id", "dialect", "account", "job", "event", "url")]
    screen.pairs([*facts, ("state", one["state"], STYLES.get(one["state"], "")), ("due", one["due"])])
    screen.say()
    asked = one["request"]
    screen.say(f"{asked['method']} with {asked['size']} bytes", FAINT)
    screen.pairs([(name, value) for name, value in asked["headers"]])
    screen.say(asked["body"])
    screen.say()
    rows = [(each["at"], f"{each['seconds']:.3f}", answer(each)) for each in one["log"]]
    screen.table(("attempt at", "seconds", "answer"), rows, right=("seconds",))


def change(screen: Screen, one: Tree) -> None:
    screen.say(f"{one['id']} to {one['url']} is {one['state']}")
