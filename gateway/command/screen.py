"""What the commands show: tables, and one bar per job on a terminal. The only place that knows how to draw."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self, TextIO

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

PIPED: Final = 160
"""Columns of text that nobody's window limits: a file or a pipe."""
GOOD: Final = "green"
BAD: Final = "red"
FAINT: Final = "dim"


class Paper(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Screen:
    """Standard output, or another stream. Colours and bars appear on a terminal only; texts are shown as they are,
    never as markup."""

    def __init__(self, stream: TextIO | None = None) -> None:
        file = stream or sys.stdout
        self._console = Paper(file=file, highlight=False, width=None if file.isatty() else PIPED)

    def say(self, text: str = "", style: str = "") -> None:
        self._console.print(escape(text), style=style, soft_wrap=True)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> None:
        """``right`` names the columns of numbers."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for name in head:
            table.add_column(name, justify="right" if name in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        self._console.print(table)

    def pairs(self, rows: Iterable[Sequence[str]]) -> None:
        """Names and values, without a head. A third text is the value's style."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column()
        grid.add_column(overflow="fold")
        for name, value, *style in rows:
            grid.add_row(escape(name), f"[{style[0]}]{escape(value)}[/]" if style and style[0] else escape(value))
        self._console.print(grid)

    def bars(self, names: Iterable[str]) -> Bars:
        return Bars(self._console, names)


class Bars:
    """One live bar for each name; without a terminal a line for each new word instead."""

    def __init__(self, console: Console, names: Iterable[str]) -> None:
        self._console = console
        self._words: dict[str, str] = dict.fromkeys(names, "")
        self._wide = max(map(len, self._words), default=0)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[word]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        self._tasks = {name: self._progress.add_task(escape(name), total=1.0, word="") for name in self._words}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, name: str, word: str, share: float) -> None:
        if self._console.is_terminal:
            self._progress.update(self._tasks[name], completed=share, word=escape(word))
        elif word != self._words[name]:
            self._console.print(f"{escape(name.ljust(self._wide))}  {share:4.0%}  {escape(word)}")
        self._words[name] = word
