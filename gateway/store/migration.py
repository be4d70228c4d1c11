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
    present, known = (row[0] if row else 0), steps(folder)
    newest = max(known, default=0)
    if present > newest:
        raise NewerData(f"The data is of version {present}, this program knows up to {newest}: upgrade the program.")
    due = [path for version, path in known.items() if version > present]
    for path in due:
        await _apply(connection, script(path))
    return len(due)


def steps(folder: Path = FOLDER) -> dict[int, Path]:
    """Each step's file by its number, in their order."""
    return {int(path.stem.split("_")[0]): path for path in sorted(folder.glob("*.sql"))}


def script(path: Path) -> str:
    """Does a step and remembers it, in one transaction."""
    number, sql = int(path.stem.split("_")[0]), path.read_text(encoding="utf-8")
    done = f"INSERT INTO migrations VALUES ({number}, '{path.stem}')"  # noqa: S608  (our own file's name)
    return "\n".join(["BEGIN IMMEDIATE;", sql, f";{done};", "COMMIT;"])


async def _apply(connection: Connection, sql: str) -> None:
    try:
        await connection.script(sql)
    except BaseException:
        await connection.rows("ROLLBACK")
        raise
