"""What the tests of the house look at beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def modules(checkout: tuple[Path, ...]) -> tuple[Path, ...]:
    """The package's own code, relative to the root."""
    return tuple(path for path in checkout if path.suffix == ".py" and path.parts[0] in ("gateway", "emulators"))
