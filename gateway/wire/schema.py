"""The documents of a dialect as JSON Schemas (2020-12): the one door of jsonschema.

Schemas describe the plain tree that a Wire reads, so one of them holds for every format of a dialect. They are
package data: ``schemas/<dialect>/<operation>.request.json`` and ``.reply.json``, ``error.reply.json`` for every
error, and ``common.json`` for shared definitions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from typing import Any, Protocol

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

SUFFIX = ".json"
Problem = tuple[str, str]
"""Where in the document (dotted, with list indices; empty for the whole), and what is wrong. May quote values."""


class Owner(Protocol):
    """What schemas belong to: a Dialect."""

    def material(self, kind: str) -> Traversable: ...


def stem(operation: str) -> str:
    """An operation's name as files and folders have it: ``GetMediaInfoEx`` is ``get_media_info_ex``."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()).strip("_")


class Schemas:
    """All schemas of one dialect; each is compiled once, when it is first asked for."""

    def __init__(self, owner: Owner) -> None:
        self._documents = dict(_documents(owner.material("schemas")))
        resources = ((name + SUFFIX, DRAFT202012.create_resource(found)) for name, found in self._documents.items())
        self._registry: Registry[Any] = Registry().with_resources(resources)
        self._compiled: dict[str, Draft202012Validator] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """``add_media.request``, ``common`` ... in alphabetical order."""
        return tuple(sorted(self._documents))

    def document(self, name: str) -> Any:
        return self._documents[name]

    def check(self, name: str, tree: Any) -> list[Problem]:
        """What is wrong with ``tree``, in the order of the document; nothing for a valid one. Raises KeyError."""
        if name not in self._compiled:
            Draft202012Validator.check_schema(self._documents[name])
            self._compiled[name] = Draft202012Validator({"$ref": name + SUFFIX}, registry=self._registry)
        found = (best_match([error]) or error for error in self._compiled[name].iter_errors(tree))
        return sorted((".".join(str(part) for part in error.absolute_path), error.message) for error in found)


def _documents(folder: Traversable) -> Iterator[tuple[str, Any]]:
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        if file.name.endswith(SUFFIX):
            yield file.name.removesuffix(SUFFIX), json.loads(file.read_bytes())
