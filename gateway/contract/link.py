"""Links to other parts of a list: a client follows them as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from mediaglot.gateway.contract.finding import short, spot
from mediaglot.gateway.contract.form import Problem
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.faults import Fault, Unauthorized

RELATIONS: Final = ("next", "previous", "prev", "first", "last")
"""What HTTP calls the pages of a list beside this one."""


def problems(dialect: Dialect, call: Call, tree: Any) -> Iterator[Problem]:
    for name in RELATIONS if isinstance(tree, dict) else ():
        told = target(tree.get(name))
        reason = _wrong(dialect, call, told) if isinstance(told, str) and told else ""
        if reason:
            yield "link", spot("response.body", [name]), f"expected a link to a page of this list, {reason}"


def references(call: Call, tree: Any) -> Iterator[Problem]:
    """An object that has an id and a link leads to itself, at the server that was asked; of others one is told."""
    base = urlsplit(call.request.base).netloc.lower()
    for place, each in objects(tree):
        thing, told = each.get("id"), each.get("href")
        if not isinstance(thing, str) or not isinstance(told, str):
            continue
        path = told.partition("?")[0]
        if path.rstrip("/").rpartition("/")[2] != thing:
            yield "link", spot("response.body", (*place, "href")), f"expected a link to {thing}, found {short(told)}"
        elif base and path.partition("://")[2].partition("/")[0].lower() != base:
            reason = f"found {short(told)}, which leads to another host"
            yield "link", spot("response.body", (*place, "href")), f"expected a link to {thing} at {base}, {reason}"
            base = ""


def objects(tree: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    if isinstance(tree, dict):
        yield place, tree
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in inside:
        yield from objects(value, (*place, name))


def target(told: Any) -> Any:
    """The URL of a link, which may be an object that has it."""
    return told["href"] if isinstance(told, dict) and told.keys() == {"href"} else told


def _wrong(dialect: Dialect, call: Call, told: str) -> str:
    try:
        base, url = urlsplit(call.request.base), urlsplit(told)
    except ValueError:
        return f"found {short(told)}, which is no URL"
    if not url.scheme or not url.netloc:
        return f"found {short(told)}, which is not absolute"
    if base.netloc and url.netloc.lower() != base.netloc.lower():
        return f"found {short(told)}, which leads to another host"
    path = url.path.removeprefix(base.path)
    try:
        there = dialect.open(replace(call.request, method="GET", path=path, query=url.query))
    except Unauthorized:
        return ""  # a client has a credential of its own
    except Fault as fault:
        return f"found {short(told)}, which leads to {fault.code}"
    if there.route is None or call.route is None or there.route.name != call.route.name:
        return f"found {short(told)}, which leads elsewhere"
    return ""
