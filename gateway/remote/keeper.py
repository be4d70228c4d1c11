"""A double in a process of its own: ``python -m mediaglot.gateway.remote.keeper FOLDER SETTINGS``.

It ends when nobody holds the lock in FOLDER any more, which the kernel sees to, however its users end. It leaves the
process that started it at once, so that nobody has to wait for it and no signal of a terminal ends it too early.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from threading import Thread
from typing import Any, Final

from mediaglot.gateway.remote.host import LOCK, configured, refusals, serve

ADDRESS: Final = "double.url"
"""In FOLDER as long as newcomers may use the double."""


def main(folder: Path, given: dict[str, Any]) -> int:
    if os.fork():
        return 0
    os.setsid()
    own = Path(tempfile.mkdtemp(prefix="mediaglot-"))
    try:
        asyncio.run(_keep(folder, own, given))
    except refusals() as error:
        sys.stderr.write(f"{error}\n")
    finally:
        shutil.rmtree(own, ignore_errors=True)
    return 0


async def _keep(folder: Path, own: Path, given: dict[str, Any]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # Kept to the end: whoever comes while it ends waits for the lock, and then starts another double.
    with (folder / LOCK).open("ab") as lock:

        def watch() -> None:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / ADDRESS).unlink(missing_ok=True)
            loop.call_soon_threadsafe(stop.set)

        Thread(target=watch, daemon=True).start()
        await serve(configured(given, own), stop, _tell)


def _tell(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
