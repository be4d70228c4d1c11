"""Each test notes in which worker it ran, on which server, and in which world."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def noted(mediaglot_server: Any, mediaglot: Any) -> Iterator[None]:
    yield
    worker, notes = os.environ.get("PYTEST_XDIST_WORKER", ""), Path(os.environ["NOTES"])
    told = {"worker": worker, "server": mediaglot_server.url, "world": mediaglot.id}
    with (notes / f"{worker}.jsonl").open("a") as file:
        file.write(f"{json.dumps(told)}\n")
