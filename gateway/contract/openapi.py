"""A dialect as one OpenAPI 3.1 document, assembled from its routes, its schemas, its faults and its fixtures.

Operations whose verbs are in the body share a path: their documents are alternatives there, and each one's schema names
its verb. Documents that are one field of a form are texts, whose content is described as JSON Schema has it.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mediaglot.gateway.contract.component import Components
from mediaglot.gateway.contract.refusal import Refusal, refusals
from mediaglot.gateway.contract.security import demanded, schemes
from mediaglot.gateway.contract.specimen import Specimen, kind_of, specimens, value_of
from mediaglot.gateway.dialect import Dialect, Route
from mediaglot.gateway.exchange import Response
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.wire import Media, Medium, media_of
from mediaglot.gateway.wire.schema import Schemas, stem

Tree = dict[str, Any]
VERSION: Final = "3.1.0"
EVERY: Final = "parameters"
"""The schema of parameters that all operations have."""
MEDIA: Final = "x-media-types"
"""In the schema of a request: the media types that it comes in, where they are not those of all the others."""
ALSO: Final = "x-also-at"
BODIES: Final = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True)
class Group:
    """All operations with one method on one path; several where a verb in the body tells them apart."""

    routes: list[Route] = field(default_factory=list)
    specimens: list[Specimen] = field(default_factory=list)


def document(dialect: Dialect, servers: Iterable[str] = ()) -> Tree:
    """``servers`` are base URLs at which the dialect is spoken; the provider's own come after them."""
    return Assembly(dialect).document(servers)


class Assembly:
    """One document in the making."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.media = media_of(dialect.wire)
        self.schemas = Schemas(dialect)
        self.components = Components(self.schemas)

    def document(self, servers: Iterable[str]) -> Tree:
        urls = [*servers, *(f"https://{host}" for host in self.dialect.hosts)]
        paths: dict[str, Tree] = defaultdict(dict)
        for (method, path), group in self._groups().items():
            paths[path][method.lower()] = self._operation(group)
        return {
            "openapi": VERSION,
            "info": self._info(),
            "servers": [{"url": url} for url in urls] or [{"url": "/"}],
            "paths": dict(paths),
            "components": {
                "schemas": dict(sorted(self.components.used.items())),
                "securitySchemes": schemes(self.dialect.auth),
            },
        }

    def _info(self) -> Tree:
        about = f"Assembled by mediaglot from what is known of {self.dialect.title}; x-evidence says how sure that is."
        version = importlib.metadata.version("mediaglot")
        more = {"x-documentation": self.dialect.docs} if self.dialect.docs else {}
        return {"title": self.dialect.title, "version": version, "description": about, **more}

    def _groups(self) -> dict[tuple[str, str], Group]:
        """A route that is on several paths stands at the first of them."""
        first = {route.name: route for route in reversed(self.dialect.routes)}
        groups: dict[tuple[str, str], Group] = defaultdict(Group)
        for route in self.dialect.routes:
            if first[route.name] is route:
                groups[route.method, route.path].routes.append(route)
        for each in specimens(self.dialect):
            home = first[each.route.name]
            groups[home.method, home.path].specimens.append(each)
        return groups

    def _operation(self, group: Group) -> Tree:
        first = group.routes[0]
        named = first.when is None
        also = [each.path for each in self.dialect.routes if each.name == first.name and each.path != first.path]
        operation: Tree = {
            "operationId": stem(first.name) if named else stem(f"{first.method}{first.path}") or "post",
            "summary": ", ".join(route.name for route in group.routes),
            "parameters": [*self._places(group), *self._asked(group)],
            "responses": self._responses(group),
            "security": demanded(self.dialect, first),
            **({"x-evidence": first.evidence} if named else {"x-operations": dict(map(fact, group.routes))}),
            **({ALSO: also} if also else {}),
        }
        if body := self._body(group):
            operation["requestBody"] = {"required": not named or self._is_needed(first), "content": body}
        return operation

    # --- parameters -------------------------------------------------------------------------------

    def _places(self, group: Group) -> Iterator[Tree]:
        for name in re.findall(r"{(\w+)}", group.routes[0].path):
            seen = {each.params[name]: None for each in group.specimens if not each.refused and name in each.params}
            examples = {f"seen {number}": {"value": value} for number, value in enumerate(list(seen)[:3], 1)}
            schema = {"type": "string", "minLength": 1}
            yield {"name": name, "in": "path", "required": True, "schema": schema, "examples": examples}

    def _asked(self, group: Group) -> Iterator[Tree]:
        """The query: the document of the request, where that is its place, and what is beside it."""
        route = group.routes[0]
        own = f"{stem(route.name)}.request" if self._in_query(route) else f"{stem(route.name)}.query"
        names = [name for name in (EVERY, own) if name in self.components]
        found: dict[str, Tree] = {}
        for name in names:
            properties, needed = self.components.properties(name)
            found |= {key: self._parameter(key, schema, key in needed) for key, schema in properties.items()}
        yield from found.values()

    def _parameter(self, name: str, schema: Tree, needed: bool) -> Tree:
        evidence = {"x-evidence": schema["x-evidence"]} if "x-evidence" in schema else {}
        about: Tree = {"name": name, "in": "query", "required": needed, **evidence}
        if name in self.media.documents:
            return {**about, "content": {"application/json": {"schema": schema}}}
        return {**about, "schema": schema}

    def _in_query(self, route: Route) -> bool:
        return self.media.query and route.method not in BODIES and not route.public

    # --- requests ---------------------------------------------------------------------------------

    def _body(self, group: Group) -> Tree:
        bodies = [route for route in group.routes if self._has_body(route)]
        names = [f"{stem(route.name)}.request" for route in bodies]
        known = [name for name in names if name in self.components]
        if not known:
            return {}
        schema = one_of([self.components.refer(name) for name in known])
        content: dict[str, Tree] = {}
        for medium in self._taken(known[0]):
            parts = {name: {"contentType": "application/json"} for name in sorted(medium.documents)}
            encoding = {"encoding": parts} if parts else {}
            content[medium.kind] = {"schema": written(medium, schema), **encoding, **self._sent(group, medium)}
        return content

    def _has_body(self, route: Route) -> bool:
        return route.method in BODIES

    def _is_needed(self, route: Route) -> bool:
        return bool(self.components.properties(f"{stem(route.name)}.request")[1])

    def _taken(self, name: str) -> Sequence[Medium]:
        kinds = self.schemas.document(name).get(MEDIA)
        if kinds is None:
            return self.media.asked
        return [Medium(content_type=kind) for kind in kinds]

    def _sent(self, group: Group, medium: Medium) -> Tree:
        """Requests of the fixtures that were understood."""
        found = {}
        for each in group.specimens:
            plain = kind_of(each.request) == medium.kind and not medium.documents
            if each.refused or not each.request.body or not plain:
                continue
            try:
                value = value_of(each.request)
            except ValueError:
                continue  # written as only this provider reads it
            found[each.name] = {"value": each.tree if medium.is_form and each.tree else value}
        return {"examples": found} if found else {}

    # --- answers ----------------------------------------------------------------------------------

    def _responses(self, group: Group) -> Tree:
        answers = Answers(self, group)
        for route in group.routes:
            answers.expect(route)
        for each in group.specimens:
            if each.response is not None:
                answers.show(each, each.response)
        return answers.tree()


@dataclass
class Answer:
    """What comes with one status."""

    about: dict[str, None] = field(default_factory=dict)
    content: dict[str, Tree] = field(default_factory=dict)
    faults: dict[str, Tree] = field(default_factory=dict)

    def add(self, kind: str, schema: Tree) -> None:
        there = self.content.setdefault(kind, {"schemas": [], "examples": {}})
        if schema not in there["schemas"]:
            there["schemas"].append(schema)

    def tree(self) -> Tree:
        content = {
            kind: {"schema": any_of(each["schemas"]), **({"examples": each["examples"]} if each["examples"] else {})}
            for kind, each in self.content.items()
        }
        more = {"x-faults": self.faults} if self.faults else {}
        return {"description": "; ".join(self.about) or "-", **({"content": content} if content else {}), **more}


class Answers:
    """The answers to one operation, or to several on one path, by status."""

    def __init__(self, assembly: Assembly, group: Group) -> None:
        self._assembly, self._group = assembly, group
        self._found: dict[int, Answer] = defaultdict(Answer)

    def expect(self, route: Route) -> None:
        """What follows from the tables: the reply, and all refusals."""
        name = f"{stem(route.name)}.reply"
        self._found[route.status].about[route.name] = None
        self._document(route, route.status, name)
        seen = (each.params for each in self._group.specimens if each.params)
        params = next(seen, {})
        for refusal in refusals(self._assembly.dialect, route, params):
            self._refuse(route, refusal)

    def _document(self, route: Route, status: int, name: str) -> None:
        if status == 204:
            return
        for medium in self._told(route).told:
            self._found[status].add(medium.kind, written(medium, self._assembly.components.refer(name), reply=True))

    def _told(self, route: Route) -> Media:
        return media_of(route.wire) if route.wire is not None else self._assembly.media

    def _refuse(self, route: Route, refusal: Refusal) -> None:
        response, complaint = refusal.response, refusal.complaint
        answer = self._found[response.status]
        answer.about[f"{refusal.fault.code}: {complaint.text}"] = None
        about = {"code": complaint.code, "text": complaint.text, "x-evidence": complaint.evidence}
        answer.faults[refusal.fault.code] = {key: value for key, value in about.items() if value}
        if self._is_document(route, response):
            self._document(route, response.status, "error.reply")
        elif response.body:
            answer.add(kind_of(response), {"type": "string"})

    def _is_document(self, route: Route, response: Response) -> bool:
        return kind_of(response) in {medium.kind for medium in self._told(route).told}

    def show(self, each: Specimen, response: Response) -> None:
        """An answer of the fixtures as an example."""
        kind, answer = kind_of(response), self._found[response.status]
        if self._is_document(each.route, response):
            self._document(each.route, response.status, "error.reply" if each.refused else self._reply(each))
        elif response.body:
            answer.add(kind, {"type": "string"})
        if kind in answer.content:
            answer.content[kind]["examples"][each.name] = {"value": value_of(response)}
        elif not answer.about:
            answer.about[each.route.name] = None

    def _reply(self, each: Specimen) -> str:
        """An operation may also end in an error that its own ``gives`` raises."""
        call = each.case.read().call
        try:
            each.route.gives(each.case.dialect, call, each.case.result)
        except Fault:
            return "error.reply"
        return f"{stem(each.route.name)}.reply"

    def tree(self) -> Tree:
        return {str(status): self._found[status].tree() for status in sorted(self._found)}


def fact(route: Route) -> tuple[str, Tree]:
    return route.name, {"request": f"{stem(route.name)}.request", "x-evidence": route.evidence}


def one_of(schemas: list[Tree]) -> Tree:
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def any_of(schemas: list[Tree]) -> Tree:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def written(medium: Medium, schema: Tree, *, reply: bool = False) -> Tree:
    """The schema of a body that carries a document in this way."""
    if medium.fields:
        return {"type": "object", "oneOf": [carried(name, inner, schema) for name, inner in medium.fields.items()]}
    if medium.kind.endswith("xml"):
        return {**schema, "xml": {"name": medium.root}}
    if not medium.root:
        return schema
    closed = {"additionalProperties": False} if reply else {}
    return {"type": "object", "properties": {medium.root: schema}, "required": [medium.root], **closed}


def carried(name: str, medium: Medium, schema: Tree) -> Tree:
    content = written(medium, schema)
    text = {"type": "string", "contentMediaType": medium.kind, "contentSchema": content}
    return {"properties": {name: text}, "required": [name]}
