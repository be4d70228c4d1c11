"""Collects the options of one output stream: the later word wins, flags and x265 parameters add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Settings:
    def __init__(self) -> None:
        self._options: dict[str, str] = {}
        self._flags: list[str] = []
        self._params: list[str] = []

    def set(self, name: str, value: str | int) -> None:
        self._options[name] = str(value)

    def update(self, words: Iterable[str]) -> None:
        """``("-crf", "33", "-b:v", "0")``"""
        for name, value in pairs(list(words)):
            self.set(name, value)

    def flag(self, text: str) -> None:
        """``+cgop`` or several in one."""
        self._flags.append(text)

    def param(self, text: str) -> None:
        """One ``key=value`` of ``-x265-params``."""
        self._params.append(text)

    def options(self) -> tuple[str, ...]:
        named = dict(self._options)
        if self._flags:
            named["-flags:v"] = "".join(self._flags)
        if self._params:
            named["-x265-params"] = ":".join(self._params)
        return tuple(word for pair in named.items() for word in pair)


def pairs(options: Sequence[str]) -> list[tuple[str, str]]:
    """The options, each with its value."""
    return list(zip(options[::2], options[1::2], strict=True))
