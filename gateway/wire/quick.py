"""Whether a document fits its schema, and nothing else, as fast as can be: the one door of jsonschema-rs, an extra.

Without it the shapes of ``wire/shape.py`` say yes, and who they say no to is looked at thoroughly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mediaglot.gateway.wire.schema import SUFFIX, Schemas

Test = Callable[[Any], bool]
BASE = "mediaglot:///"
"""What the names of schemas are relative to."""


class Quick:
    """The tests of one dialect's schemas, each compiled when it is first asked for."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self._find = compiled(schemas)
        self._tests: dict[str, Test | None] = {}

    def find(self, name: str) -> Test | None:
        """None for a schema that there is not."""
        if name not in self._tests:
            self._tests[name] = self._find(name) if name in self.schemas.names else None
        return self._tests[name]


def compiled(schemas: Schemas) -> Callable[[str], Test]:
    try:
        import jsonschema_rs  # noqa: PLC0415 - an extra
    except ImportError:
        return lambda name: lambda tree: not schemas.check(name, tree)
    registry = jsonschema_rs.Registry(
        [
            (f"{BASE}{name}{SUFFIX}", {**schemas.document(name), "$id": f"{BASE}{name}{SUFFIX}"})
            for name in schemas.names
        ],
        draft=jsonschema_rs.Draft202012,
    )

    def find(name: str) -> Test:
        place = {"$ref": f"{BASE}{name}{SUFFIX}"}
        test: Test = jsonschema_rs.Draft202012Validator(place, registry=registry).is_valid

        def fits(tree: Any) -> bool:
            try:
                return test(tree)
            except UnicodeEncodeError:  # half a character, of which the others can tell
                return not schemas.check(name, tree)

        return fits

    return find
