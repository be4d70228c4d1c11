"""The schemas of a dialect as components of one document: each with its definitions beside it, under one name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mediaglot.gateway.wire.schema import SUFFIX, Schemas

Tree = dict[str, Any]
SHARED: Final = "common"
"""The document whose definitions go by their own names."""
OWN: Final = frozenset({"$schema", "$id", "$defs"})
"""What only a document by itself has."""
PLACE: Final = "#/components/schemas/"


class Components:
    """All schemas of a dialect; those that something refers to are in ``used``."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self.used: dict[str, Tree] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._schemas.names

    def refer(self, name: str) -> Tree:
        """A reference to the document ``add_media.request`` and its like."""
        return {"$ref": self._place(f"{name}{SUFFIX}", "")}

    def properties(self, name: str) -> tuple[Mapping[str, Tree], frozenset[str]]:
        """The outermost properties of a document, and which of them must be there."""
        return self._properties(self._schemas.document(name), name)

    def _properties(self, schema: Tree, home: str) -> tuple[Mapping[str, Tree], frozenset[str]]:
        found: dict[str, Tree] = {}
        needed: set[str] = set(schema.get("required", ()))
        others = [*schema.get("allOf", ()), *([{"$ref": schema["$ref"]}] if "$ref" in schema else [])]
        for other in others:
            there, place = self._found(other["$ref"], home) if "$ref" in other else (other, home)
            inner, more = self._properties(there, place)
            found |= inner
            needed |= more
        own = {key: self._moved(each, home) for key, each in schema.get("properties", {}).items()}
        return found | own, frozenset(needed)

    def _found(self, reference: str, home: str) -> tuple[Tree, str]:
        """What a reference leads to, and the document that it is in."""
        file, _, pointer = reference.partition("#")
        name = file.removesuffix(SUFFIX) or home
        found = self._schemas.document(name)
        for step in filter(None, pointer.split("/")):
            found = found[step]
        return found, name

    def _place(self, reference: str, home: str) -> str:
        """The reference as the whole document has it; what it leads to is used from now on."""
        found, document = self._found(reference, home)
        definition = reference.partition("#/$defs/")[2]
        name = document
        if definition:
            name = definition if document == SHARED else f"{document}.{definition}"
        if name not in self.used:
            self.used[name] = {}
            moved: Tree = self._moved({key: value for key, value in found.items() if key not in OWN}, document)
            self.used[name] = moved
        return f"{PLACE}{name}"

    def _moved(self, tree: Any, home: str) -> Any:
        """A part of a document with references that hold everywhere."""
        if isinstance(tree, list):
            return [self._moved(each, home) for each in tree]
        if not isinstance(tree, dict):
            return tree
        return {
            key: self._place(value, home) if key == "$ref" and isinstance(value, str) else self._moved(value, home)
            for key, value in tree.items()
        }
