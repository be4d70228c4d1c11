"""What is remembered of documents, tracks and providers on paper changes nothing but the time that it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = "100"
LOT = 3000
"""As many translations as there are at least."""


@pytest.mark.heavy
def test_translations_are_the_same_where_nothing_is_remembered() -> None:
    command = (sys.executable, str(Path(__file__).with_name("told.py")), EXAMPLES)
    # Sets of words are told in the order of their hashes.
    told = [
        subprocess.Popen(
            (*command, *words), stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONHASHSEED": "0"}
        )
        for words in ((), ("forget",))
    ]
    found, wanted = (process.communicate()[0].splitlines() for process in told)
    assert [process.returncode for process in told] == [0, 0]
    assert len(wanted) > LOT
    assert [line for line in found if line not in wanted] == []
    assert found == wanted
