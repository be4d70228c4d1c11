"""The documents of a dialect as JSON Schemas (2020-12): the one door of jsonschema.

Schemas describe the plain tree that a Wire reads, so one of them holds for every format of a dialect. They are
package data: ``schemas/<dialect>/<operation>.request.json`` and ``.reply.json``, ``error.reply.json`` for every
error, ``notification.json`` for messages to clients, and ``common.json`` for shared definitions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from importlib.resources.abc import Traversable
from typing import Any, Final, Protocol

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from mediaglot.gateway.wire.flaw import Flaw, flaws
from mediaglot.gateway.wire.shape import Shapes

SUFFIX = ".json"
Problem = tuple[str, str]
"""Where in the document (dotted, with list indices; empty for the whole), and what is wrong. May quote values."""


def _items(validator: Any, items: Any, found: Any, schema: Any) -> Iterator[ValidationError]:
    """Nothing of the entries of a list that is too long: they may be any number, and it is refused anyway."""
    if not isinstance(found, list) or len(found) <= schema.get("maxItems", len(found)):
        yield from Draft202012Validator.VALIDATORS["items"](validator, items, found, schema)


Validator: Final[Any] = validators.extend(Draft202012Validator, {"items": _items})  # type: ignore[no-untyped-call]


class Owner(Protocol):
    """What schemas belong to: a Dialect."""

    def material(self, kind: str) -> Traversable: ...


@lru_cache
def stem(operation: str) -> str:
    """An operation's name as files and folders have it: ``GetMediaInfoEx`` is ``get_media_info_ex``."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()).strip("_")


class Schemas:
    """All schemas of one dialect; each is read and compiled once, when it is first asked for."""

    def __init__(self, owner: Owner) -> None:
        self._folder = owner.material("schemas")
        self._registry: Registry[Any] = Registry()
        self._documents: dict[str, Any] = {}
        self._compiled: dict[str, Any] = {}
        self._shapes = Shapes(self._documents, SUFFIX)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """``add_media.request``, ``common`` ... in alphabetical order."""
        files = self._folder.iterdir() if self._folder.is_dir() else ()
        return tuple(sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX)))

    def document(self, name: str) -> Any:
        """Raises KeyError."""
        if name not in self._documents:
            if name not in self.names:
                raise KeyError(name)
            self._documents[name] = json.loads(self._folder.joinpath(name + SUFFIX).read_bytes())
        return self._documents[name]

    def check(self, name: str, tree: Any) -> list[Problem]:
        """What is wrong with ``tree``, in the order of the document; nothing for a valid one. Raises KeyError."""
        validator = self._validator(name)
        if self._shapes.find(name)(tree):
            return []
        found = (best_match([error]) or error for error in validator.iter_errors(tree))
        return sorted((".".join(str(part) for part in error.absolute_path), error.message) for error in found)

    def flaws(self, name: str, tree: Any) -> list[Flaw]:
        """What ``check`` finds, as values that say where in the schemas too. Raises KeyError."""
        validator = self._validator(name)
        if self._shapes.find(name)(tree):
            return []
        return flaws(validator.iter_errors(tree), name + SUFFIX, self._of_file)

    def _of_file(self, file: str) -> Any:
        return self.document(file.removesuffix(SUFFIX))

    def prove(self, name: str) -> None:
        """Raises ``jsonschema.SchemaError`` where a schema is none; checking takes for granted that it is one."""
        Draft202012Validator.check_schema(self.document(name))

    def _validator(self, name: str) -> Any:
        if name not in self._compiled:
            self._gather(name)
            self._compiled[name] = Validator({"$ref": name + SUFFIX}, registry=self._registry)
        return self._compiled[name]

    def _gather(self, name: str) -> None:
        """Adds a document to the registry, and those that it refers to."""
        if name + SUFFIX not in self._registry:
            # where a document names its standard, the validator of that is taken, and not ours
            own = {key: value for key, value in self.document(name).items() if key != "$schema"}
            resource = DRAFT202012.create_resource(own)
            self._registry = self._registry.with_resource(name + SUFFIX, resource)
            for other in _referred(resource.contents):
                self._gather(other)


def _referred(tree: Any) -> Iterator[str]:
    """The names of the other documents that one refers to."""
    if isinstance(tree, dict) and isinstance(file := tree.get("$ref"), str) and not file.startswith("#"):
        yield file.partition("#")[0].removesuffix(SUFFIX)
    for item in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _referred(item)
