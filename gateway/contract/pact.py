"""Exchanges as a Pact file, version 3: those that fit, without secrets, with what may differ left open. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from mediaglot.gateway.contract.difference import leaves, name_of, passes
from mediaglot.gateway.contract.docket import dialect_of
from mediaglot.gateway.contract.judge import Judgement
from mediaglot.gateway.contract.recording import Exchange
from mediaglot.gateway.dialect import Route
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.testing.scrub import Scrubber, Shapes

Tree = dict[str, Any]
PLAIN: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
SENT: Final = frozenset({"accept", "content-type", "authorization"})
TOLD: Final = frozenset({"content-type"})


class Unfit(ValueError):
    """A Pact can't say this; the message says why."""


@dataclass(frozen=True, slots=True)
class Parties:
    consumer: str
    provider: str


def pact(parties: Parties, judged: Iterable[tuple[Exchange, Judgement]], version: str) -> tuple[Tree, Counter[str]]:
    """The file's document, and how many exchanges are not in it, by the reason."""
    unfit: Counter[str] = Counter()
    made: dict[str, Tree] = {}
    for exchange, judgement in judged:
        try:
            interaction = _interaction(exchange, judgement)
        except Unfit as error:
            unfit[str(error)] += 1
        else:
            made.setdefault(_likeness(interaction), interaction)
    interactions = list(_named(made.values()))
    metadata = {"pactSpecification": {"version": "3.0.0"}, "mediaglot": {"version": version}}
    names = {"consumer": {"name": parties.consumer}, "provider": {"name": parties.provider}}
    return {**names, "interactions": interactions, "metadata": metadata}, unfit


def _interaction(exchange: Exchange, judgement: Judgement) -> Tree:
    route = judgement.reading.call.route
    if exchange.injected:
        raise Unfit("made up by a test")
    if route is None:
        raise Unfit("of no operation")
    if judgement.findings:
        raise Unfit("not as the contract has it")
    scrubber = Scrubber(dialect_of(exchange.dialect), Shapes())
    request, response = scrubber.request(exchange.request), scrubber.response(exchange.response)
    named = "{" in route.path or exchange.request.body
    state = {"name": "what the request names is there" if named else "the account is there"}
    return {
        "description": f"{route.name} is answered with {response.status}",
        "providerStates": [state],
        "request": _request(request, route, scrubber),
        "response": _response(response, scrubber),
    }


def _request(request: Request, route: Route, scrubber: Scrubber) -> Tree:
    tree: Tree = {"method": request.method, "path": request.path}
    rules: Tree = {}
    if "{" in route.path:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route.path.rstrip("/")))
        rules["path"] = _rule("regex", regex=f"^{pattern}/?$")
    pairs = parse_qsl(request.query, keep_blank_values=True)
    if pairs:
        tree["query"] = {name: [value for key, value in pairs if key == name] for name, _ in pairs}
        loose = {name for name, value in pairs if not scrubber.keeps(name, value)}
        rules["query"] = {name: _rule("type") for name in sorted(loose)}
    tree["headers"] = _headers(request.headers, SENT)
    if authorization := request.headers.get("Authorization"):
        scheme = re.escape(authorization.partition(" ")[0])
        rules["header"] = {"Authorization": _rule("regex", regex=rf"^{scheme}\s+\S+$")}
    return _with_body(tree, request.body, rules, scrubber)


def _response(response: Response, scrubber: Scrubber) -> Tree:
    tree: Tree = {"status": response.status, "headers": _headers(response.headers, TOLD)}
    return _with_body(tree, response.body, {}, scrubber)


def _with_body(tree: Tree, body: bytes, rules: Tree, scrubber: Scrubber) -> Tree:
    if body:
        try:
            tree["body"] = json.loads(body)
        except ValueError:
            raise Unfit("with a body that is no JSON") from None
        rules["body"] = dict(_loose(tree["body"], scrubber))
    rules = {part: rule for part, rule in rules.items() if rule}
    return {**tree, **({"matchingRules": rules} if rules else {})}


def _loose(body: Any, scrubber: Scrubber) -> Iterator[tuple[str, Tree]]:
    """The places whose values are only examples."""
    yield from ((_expression(path), _rule("type", min=1)) for path in _lists(body, ()))
    for path, value in leaves(body):
        name = name_of(path)
        if value is not None and (passes(name, value) or not scrubber.keeps(name, str(value))):
            yield _expression(path), _rule("type")


def _lists(body: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Those with entries: an answer may have more of them, or fewer."""
    if isinstance(body, list) and body:
        yield path
    for key, inner in body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ():
        yield from _lists(inner, (*path, key))


def _expression(path: Iterable[str | int]) -> str:
    steps = (_step(part) for part in path)
    return "$" + "".join(steps)


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return "[*]"
    return f".{part}" if PLAIN.fullmatch(part) else f"[{json.dumps(part)}]".replace('"', "'")


def _rule(match: str, **more: str | int) -> Tree:
    return {"matchers": [{"match": match, **more}], "combine": "AND"}


def _headers(headers: Headers, wanted: frozenset[str]) -> dict[str, str]:
    return {name.title(): value for name, value in headers if name.lower() in wanted}


def _likeness(interaction: Tree) -> str:
    """Exchanges that differ in nothing but examples are one interaction."""
    asked, told = interaction["request"], interaction["response"]
    names = [[_expression(path) for path, _ in leaves(each.get("body"))] for each in (asked, told)]
    rules = asked.get("matchingRules", {})
    path = rules.get("path", asked["path"])
    query = {name: None if name in rules.get("query", {}) else value for name, value in asked.get("query", {}).items()}
    return json.dumps([interaction["description"], path, query, sorted(names[0]), sorted(set(names[1]))])


def _named(interactions: Iterable[Tree]) -> Iterator[Tree]:
    """Each with a description of its own."""
    seen: Counter[str] = Counter()
    for each in interactions:
        name = each["description"]
        seen[name] += 1
        yield each if seen[name] == 1 else {**each, "description": f"{name} ({seen[name]})"}
