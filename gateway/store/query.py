"""SQL lives in .sql files; each statement in them follows a line ``-- name: what_it_does``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias

HERE = Path(__file__).parent
Row: TypeAlias = tuple[Any, ...]


class Connection(Protocol):
    """One connection to the database. Each call is one trip to its thread."""

    async def rows(self, sql: str, **values: Any) -> list[Row]: ...

    async def row(self, sql: str, **values: Any) -> Row | None: ...

    async def alone(self, sql: str, **values: Any) -> Row | None:
        """As ``row``. What is the first thing in its transaction is a whole one, and what follows is another."""
        ...

    def later(self, sql: str, **values: Any) -> None:
        """A statement whose rows nobody wants: it is run with the next one, and fails there."""
        ...

    async def script(self, sql: str) -> None: ...


@cache
def statements(name: str) -> Mapping[str, str]:
    """The statements of the file ``<name>.sql`` by their names."""
    parts = (HERE / f"{name}.sql").read_text(encoding="utf-8").split("-- name:")[1:]
    found = (part.partition("\n") for part in parts)
    return {title.strip(): sql.strip().removesuffix(";") for title, _, sql in found}
