"""The files of an output as FFmpeg left them, for those that want them a second time.

Whoever does makes the folder ``raw-<index>`` in the job's work folder before the run. The files are put there before
they are measured and named, without their bytes once more where the file system can.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from mediaglot.gateway.faults import NoSpace


def raw(folder: Path, index: int) -> Path:
    return folder / f"raw-{index}"


def made(folder: Path, index: int) -> Path:
    return folder / f"out-{index}"


def expect(folder: Path, wanted: Iterable[int]) -> None:
    """Have the files of these outputs put by."""
    for index in wanted:
        shutil.rmtree(raw(folder, index), ignore_errors=True)
        raw(folder, index).mkdir(parents=True)


def put_by(folder: Path, finished: Iterable[int]) -> None:
    for index in finished:
        if raw(folder, index).is_dir():
            spread(made(folder, index), raw(folder, index))


def spread(source: Path, target: Path) -> None:
    """The same files in a new folder: linked, or copied where that can't be. Raises NoSpace."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in source.rglob("*"):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        _place(path, place)


def _place(path: Path, place: Path) -> None:
    try:
        os.link(path, place)
    except OSError:
        try:
            shutil.copyfile(path, place)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise NoSpace from error
            raise
