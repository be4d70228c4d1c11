"""Where the command begins and ends: until all is loaded, and when all is done, Ctrl-C ends it at once and without a
word."""

from __future__ import annotations

import signal
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from mediaglot.gateway import cli  # noqa: PLC0415 - loading it is most of what a short command does

    signal.signal(signal.SIGINT, before)
    try:
        return cli.main(argv)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the interpreter that puts its things away would complain
