"""Where nobody can listen: what is told of it, and what helps."""

from __future__ import annotations

import errno
import os
from typing import Final

from mediaglot.gateway.config import UserError

PORTS: Final = frozenset({errno.EADDRINUSE, errno.EACCES, errno.EPERM})
"""What another port helps against."""


def cannot_listen(host: str, port: int, error: OSError, instead: str = "") -> UserError:
    number = error.errno or 0
    # asyncio puts the address into the text once more; a name that does not resolve has a number of its own kind.
    reason = os.strerror(number) if number > 0 else error.strerror
    instead = instead or ("--port 0" if number in PORTS else "another --host")
    return UserError(f"cannot listen on {host}:{port}: {reason}; try {instead}")
