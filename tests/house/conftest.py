"""What the tests of the house look at: the files of the checkout, wherever the tests are started."""

from __future__ import annotations

import fnmatch
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def checkout() -> tuple[Path, ...]:
    """The repository's files, relative to its root, without what .gitignore names."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0 and listed.stdout:
        names = {Path(name) for name in listed.stdout.split("\0") if name}
        return tuple(sorted(name for name in names if (ROOT / name).is_file()))
    # No git, or somebody else's repository: the same list by hand.
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()] + [".git"]
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file() and not path.is_symlink())
    return tuple(
        sorted(
            path for path in found if not any(fnmatch.fnmatch(part, name) for part in path.parts for name in ignored)
        )
    )


@pytest.fixture(scope="session")
def modules(checkout: tuple[Path, ...]) -> tuple[Path, ...]:
    """The package's own code, relative to the root."""
    return tuple(path for path in checkout if path.suffix == ".py" and path.parts[0] in ("gateway", "emulators"))
