"""One file by FTP, over as many connections as it takes. ``attempt`` is blocking, and called until it returns."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Final

from mediaglot.gateway.faults import DeliveryFailed, SourceTooLarge, SourceUnreachable
from mediaglot.gateway.transfer import OnProgress
from mediaglot.gateway.transfer.disk import Part
from mediaglot.gateway.transfer.ftp_channel import Judge, NoRestart, channel, hang_up
from mediaglot.gateway.transfer.ftp_line import Garbled, Line, Refused
from mediaglot.gateway.transfer.policy import Limits
from mediaglot.gateway.transfer.retry import Transient

CHUNK: Final = 256 * 1024
"""What the kernel is asked to send at once; none of it passes through here."""
NATURAL: Final = re.compile(r"[0-9]{1,19}")
UNKNOWN: Final = frozenset({500, 501, 502, 504, 550, 553})
"""Replies that leave open whether the file is not there or the command."""


class Load:
    """A RETR into ``part``, which holds the bytes that are sure."""

    def __init__(self, part: Part, limits: Limits, judge: Judge, on_progress: OnProgress, *, active: bool) -> None:
        self._part = part
        self._limits = limits
        self._judge = judge
        self._on_progress = on_progress
        self._active = active
        self._marks: tuple[str | None, str | None] | None = None

    def attempt(self, line: Line) -> None:
        path = line.site.path
        marks = line.number("SIZE", path), line.number("MDTM", path)
        if self._part.size and marks != self._marks:
            self._part.restart_now()
        self._marks = marks
        total = _natural(marks[0])
        self._measure(total or 0)
        try:
            self._retrieve(line, path, total)
        except NoRestart:
            raise self._anew("range") from None
        if total is not None and self._part.size != total:
            raise Transient(SourceUnreachable(reason="length"))

    def _retrieve(self, line: Line, path: str, total: int | None) -> None:
        with (
            channel(line, "RETR", path, offset=self._part.size, active=self._active, judge=self._judge) as opened,
            memoryview(bytearray(CHUNK)) as room,
        ):
            for filled in _filled(opened, room):
                self._measure(self._part.size + filled)
                if total is not None and self._part.size + filled > total:
                    raise self._anew("length")
                self._part.write_now(room[:filled])
                self._on_progress(self._part.size, total)
            hang_up(opened)
        reply = line.finish()
        if reply.code >= 300:
            raise Refused(reply.code)

    def _anew(self, reason: str) -> Transient:
        self._part.restart_now()
        return Transient(SourceUnreachable(reason=reason))

    def _measure(self, size: int) -> None:
        if self._limits.max_bytes is not None and size > self._limits.max_bytes:
            raise SourceTooLarge(limit=self._limits.max_bytes)


class Store:
    """A STOR of ``path`` under a temporary name, then RNFR and RNTO. ``sent`` is how far any attempt has come."""

    def __init__(self, path: Path, temporary: str, judge: Judge, on_progress: OnProgress, *, active: bool) -> None:
        self.size = 0
        self.sent = 0
        self.begun = False
        self._path = path
        self._temporary = temporary
        self._judge = judge
        self._on_progress = on_progress
        self._active = active
        self._restarts = True

    def attempt(self, line: Line) -> None:
        with _opened(self._path) as file:
            self.size = os.fstat(file.fileno()).st_size
            offset = self._offset(line)
            try:
                self._send_making(line, file, offset)
            except NoRestart:
                self._restarts = False
                self._send(line, file, offset, "APPE")
        there = _natural(line.number("SIZE", self._temporary))
        if there is not None and there != self.size:
            self.sent = 0
            raise Transient(SourceUnreachable(reason="length"))
        self._rename(line)

    def _offset(self, line: Line) -> int:
        """How much of it is there already. What we never sent is somebody else's, and replaced."""
        there = _natural(line.number("SIZE", self._temporary)) if self.sent else None
        return there if there is not None and there <= self.sent else 0

    def _send_making(self, line: Line, file: FileIO, offset: int) -> None:
        """Where the server takes no file, its directory may be missing."""
        command = "STOR" if self._restarts or not offset else "APPE"
        try:
            self._send(line, file, offset, command)
        except Refused as refused:
            if refused.code not in {550, 553} or offset or not line.site.folders or self.begun:
                raise
            for folder in line.site.folders:
                line.ask("MKD", folder)
            self._send(line, file, offset, command)

    def _send(self, line: Line, file: FileIO, offset: int, command: str) -> None:
        restart = offset if command == "STOR" else 0
        with channel(line, command, self._temporary, offset=restart, active=self._active, judge=self._judge) as opened:
            self.begun = True
            for done in _poured(file, opened, offset, self.size):
                self.sent = max(self.sent, done)
                self._on_progress(done, self.size)
            hang_up(opened)
        reply = line.finish()
        if reply.code >= 300:
            raise Refused(reply.code)

    def _rename(self, line: Line) -> None:
        """Some servers rename to no name that is taken."""
        try:
            self._name(line)
        except Refused as refused:
            if refused.code not in UNKNOWN:
                raise
            line.ask("DELE", line.site.path)
            self._name(line)

    def _name(self, line: Line) -> None:
        if (code := line.ask("RNFR", self._temporary).code) != 350:
            raise Refused(code)
        line.do("RNTO", line.site.path)


def remove(line: Line, *, path: str) -> None:
    line.ask("DELE", path)


def _filled(opened: socket.socket, room: memoryview) -> Iterator[int]:
    """``room`` filled again and again; what had come when the connection broke is given before the error."""
    while True:
        filled, trouble = 0, None
        try:
            while filled < len(room) and (more := opened.recv_into(room[filled:])):
                filled += more
        except OSError as error:
            trouble = error
        if filled:
            yield filled
        if trouble is not None:
            raise trouble
        if filled < len(room):
            return


def _poured(file: FileIO, opened: socket.socket, offset: int, size: int) -> Iterator[int]:
    """Send the rest of ``file``, telling how far it is."""
    file.seek(offset)
    while offset < size:
        offset += _pour(file, opened, size - offset)
        yield offset


def _pour(file: FileIO, opened: socket.socket, count: int) -> int:
    block = file.read(min(count, CHUNK))
    if not block:
        raise DeliveryFailed(reason="changed")
    opened.sendall(block)
    return len(block)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    try:
        file = path.open("rb", buffering=0)
    except OSError:
        raise DeliveryFailed(reason="no_file") from None
    with file:
        yield file


def _natural(text: str | None) -> int | None:
    if text is None:
        return None
    if not NATURAL.fullmatch(text):
        raise Garbled
    return int(text)
