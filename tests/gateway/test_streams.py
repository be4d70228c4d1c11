"""Commands whose output nobody reads, whose streams are closed or full, and that are interrupted at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "mediaglot")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAGLOT_")}
FIXTURES = str(Path(__file__).parents[2] / "fixtures" / "tpstreams")

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize(
    "words",
    [
        ("dialects", "tpstreams", "--openapi"),
        ("dialects", "tpstreams"),
        pytest.param(("contract", "check", FIXTURES, "--json"), marks=pytest.mark.heavy),
    ],
)
def test_output_that_nobody_reads_is_no_traceback(words: tuple[str, ...]) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as pipe:
        done = subprocess.run([*COMMAND, *words], stdout=pipe, stderr=subprocess.PIPE, env=CLEAN, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [("dialects", "tpstreams", "--openapi"), ("dialects",)])
def test_a_full_disk_behind_standard_output_is_one_line(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, env=CLEAN, check=False)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"No space left on device" in done.stderr


@pytest.mark.parametrize(
    ("closed", "words", "code"),
    [
        (">&-", "dialects", 0),
        ("<&-", "translate --read tpstreams --write encoding_com", 2),
        ("2>&-", "dialects nobody", 2),
    ],
)
def test_a_closed_stream_is_one_that_leads_nowhere(closed: str, words: str, code: int) -> None:
    line = f"exec {sys.executable} -m mediaglot {words} {closed}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, env=CLEAN, check=False)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr


def interrupted_in(module: str) -> subprocess.CompletedProcess[bytes]:
    """``mediaglot dialects`` with Ctrl-C at the moment when ``module`` is loaded."""
    program = f"""
import os, signal, sys
from mediaglot.gateway.start import main

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.exit(main(["dialects"]))
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, env=CLEAN, check=False)


def test_ctrl_c_while_the_command_is_being_loaded_is_without_a_word() -> None:
    done = interrupted_in("mediaglot.gateway.config")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_ctrl_c_while_the_work_is_being_loaded_is_exit_code_130() -> None:
    done = interrupted_in("mediaglot.gateway.command.dialects")
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
