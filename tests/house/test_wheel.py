"""The built wheel: everything that belongs in it, nothing else, and no collision with a user's own folders."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def belongs(path: Path) -> bool:
    """The package's own files: modules, statements, schemas, fixtures, and what a dialect says of itself."""
    folder = path.parts[0] if len(path.parts) > 1 else ""
    return (
        (folder in ("gateway", "emulators") and path.suffix in (".py", ".sql"))
        or (folder == "emulators" and path.name == "README.md")
        or folder in ("schemas", "fixtures")
        or str(path) in ("__init__.py", "__main__.py", "testing.py", "py.typed")
    )


def test_the_wheel_holds_the_package_and_nothing_else(checkout: tuple[Path, ...], names: set[str]) -> None:
    held = {name for name in names if ".dist-info/" not in name}
    assert held == {f"mediaglot/{path.as_posix()}" for path in checkout if belongs(path)}


def test_each_dialect_brings_its_papers(checkout: tuple[Path, ...], names: set[str]) -> None:
    dialects = {path.parts[1] for path in checkout if path.parts[0] == "emulators" and len(path.parts) == 3}
    assert dialects
    for name in dialects:
        assert f"mediaglot/emulators/{name}/README.md" in names
        assert any(entry.startswith(f"mediaglot/schemas/{name}/") for entry in names)
        assert any(entry.startswith(f"mediaglot/fixtures/{name}/") for entry in names)


def test_every_statement_and_the_licence_travel_along(names: set[str]) -> None:
    assert {"mediaglot/py.typed", "mediaglot/gateway/store/migrations/0001_first.sql"} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if "/tests/" in name or name.endswith(("setup.py", ".pyc"))]


def test_the_command_and_the_version(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        (facts,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        told = archive.read(points).decode()
        assert "mediaglot = mediaglot.gateway.start:main" in told
        assert "[pytest11]\nmediaglot = mediaglot.gateway.remote.plugin" in told
        assert "Requires-Python: >=3.11" in archive.read(facts).decode()


def test_installed_it_leaves_a_projects_own_folders_alone(room: Path, tmp_path: Path) -> None:
    """A project may have packages of its own called gateway, emulators, schemas and fixtures."""
    for folder in ("gateway", "emulators", "schemas", "fixtures"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("OWN = True\n")
    script = (
        "import gateway, emulators, schemas, fixtures, mediaglot.gateway.model as model\n"
        "assert all(each.OWN for each in (gateway, emulators, schemas, fixtures))\n"
        "print(model.__name__, model.Status.FINISHED.value)\n"
    )
    done = subprocess.run(
        [room / "bin" / "python", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("mediaglot.gateway.model finished\n", "")
    installed = {path.name.partition("-")[0] for path in room.glob("lib/python*/site-packages/*")}
    assert installed == {"mediaglot"}


def test_installed_it_is_typed_for_its_users(room: Path, tmp_path: Path) -> None:
    script = tmp_path / "user.py"
    script.write_text("from mediaglot.gateway.model import Clip\n\nClip(start='soon')\n")
    line = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(room / "bin" / "python"), "user.py"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 'user.py:3: error: Argument "start" to "Clip" has incompatible type "str"' in done.stdout
    assert "Found 1 error" in done.stdout
