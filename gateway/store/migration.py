"""The database's shape, in numbered steps: ``0001_first.sql``, ``0002_...``, each applied once, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mediaglot.gateway.store.query import HERE, Connection

FOLDER: Final = HERE / "migrations"
TABLE: Final = "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)"


class NewerData(RuntimeError):
    """The data folder was written by a later version of this program."""


async def migrate(connection: Connection, folder: Path = FOLDER) -> int:
    """Bring the database up to date; the number of steps taken. Raises NewerData."""
    await connection.rows(TABLE)
    row = await connection.row("SELECT coalesce(max(version), 0) FROM migrations")
    present, steps = (row[0] if row else 0), _steps(folder)
    newest = max(steps, default=0)
    if present > newest:
        raise NewerData(f"The data is of version {present}, this program knows up to {newest}: upgrade the program.")
    due = [script for version, script in steps.items() if version > present]
    for script in due:
        await _apply(connection, script)
    return len(due)


def _steps(folder: Path) -> dict[int, str]:
    """Each step's number with a script that does it and remembers it, in one transaction."""
    return {int(path.stem.split("_")[0]): _script(path) for path in sorted(folder.glob("*.sql"))}


def _script(path: Path) -> str:
    number, sql = int(path.stem.split("_")[0]), path.read_text(encoding="utf-8")
    done = f"INSERT INTO migrations VALUES ({number}, '{path.stem}')"  # noqa: S608  (our own file's name)
    return "\n".join(["BEGIN IMMEDIATE;", sql, f";{done};", "COMMIT;"])


async def _apply(connection: Connection, script: str) -> None:
    try:
        await connection.script(script)
    except BaseException:
        await connection.rows("ROLLBACK")
        raise
