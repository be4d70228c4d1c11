"""Bears processes of ``mediaglot``: each is a fork of one in which all is loaded that a server loads sooner or later.

Loading takes a second of the processor's, and hundreds are started here. Nothing else is different: each is a process
of its own, with its own arguments, environment and standard streams, that runs the command's ``main``.

Orders come by the socket that its argument names, each with the three files to be its standard streams, and one that is
told the process's number and, when it has ended, its exit code.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import threading
from importlib import import_module
from typing import Any

from mediaglot.gateway import cli, registry

ROOMS = ("http", "backends", "engine", "store")
MODULES = ("media.library", "transfer.http", "transfer.mapped", "transfer.s3")
"""What else servers load for most jobs."""


def load() -> None:
    for name in registry.names():
        registry.find(name)
    for room in ROOMS:
        package = import_module(f"mediaglot.gateway.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name in MODULES:
        import_module(f"mediaglot.gateway.{name}")
    assert threading.active_count() == 1, "a fork takes no thread along"
    gc.collect()
    gc.freeze()


class Nursery:
    def __init__(self, way: socket.socket) -> None:
        self._way = way
        self._files = selectors.DefaultSelector()
        self._files.register(way, selectors.EVENT_READ)
        self._living: dict[int, tuple[int, int]] = {}
        """Processes, and the files that are told of their ends, by the files that tell of them."""

    def bear(self) -> list[str] | None:
        """In each new process what it shall do; None when nobody wants any more."""
        while True:
            for key, _ in self._files.select():
                if key.fd != self._way.fileno():
                    self._bury(key.fd)
                    continue
                order, files, _, _ = socket.recv_fds(self._way, 1 << 20, 4)
                if not order:
                    return self._close()
                if (pid := os.fork()) == 0:
                    return self._become(json.loads(order), *files)
                self._watch(pid, *files)

    def _watch(self, pid: int, *files: int) -> None:
        *streams, told = files
        for stream in streams:
            os.close(stream)
        os.write(told, b"%d\n" % pid)
        file = os.pidfd_open(pid)
        self._living[file] = pid, told
        self._files.register(file, selectors.EVENT_READ)

    def _bury(self, file: int) -> None:
        pid, told = self._living.pop(file)
        self._files.unregister(file)
        os.close(file)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(BrokenPipeError):  # nobody waits for it
            os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(told)

    def _close(self) -> None:
        for pid, _ in self._living.values():
            os.kill(pid, signal.SIGKILL)

    def _become(self, order: dict[str, Any], *files: int) -> list[str]:
        *streams, told = files
        self._files.close()
        self._way.close()
        for file in (told, *self._living, *(told for _, told in self._living.values())):
            os.close(file)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        os.chdir(order["folder"])
        return list(order["words"])


if __name__ == "__main__":
    load()
    words = Nursery(socket.socket(fileno=int(sys.argv[1]))).bear()
    if words is not None:
        sys.argv[1:] = words
        sys.exit(cli.main(words))
