"""The gate: lint, format, strict types, and the size of files and functions."""

from __future__ import annotations

import ast
import io
import os
import statistics
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST_FILE = 400
LONGEST_FUNCTION = 50
LARGEST_DIALECT = 1000
CLIENT = frozenset({"client.py", "facts.py"})
"""What speaks to the provider for us, and what only that needs to know: counted apart."""
LARGEST_CLIENT = 350


def tool(root: Path, *words: str, **variables: str) -> str:
    """What a tool complains of; empty when it is content."""

    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
    )
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"


@pytest.mark.heavy
def test_lint(root: Path) -> None:
    assert tool(root, "ruff", "check", ".") == ""


def test_format(root: Path) -> None:
    assert tool(root, "ruff", "format", "--check", ".") == ""


@pytest.mark.heavy
def test_types(root: Path, tmp_path: Path) -> None:
    """Checked under the package's own name, by way of a link that gives the root its name."""
    (tmp_path / "mediaglot").symlink_to(root, target_is_directory=True)
    cache = f"--cache-dir={root / '.mypy_cache' / 'gate'}"
    config = f"--config-file={root / 'pyproject.toml'}"
    rooms = ("-p", "mediaglot.gateway", "-p", "mediaglot.emulators", "-m", "mediaglot.testing")
    assert tool(tmp_path, "mypy", config, cache, *rooms, MYPYPATH=str(tmp_path)) == ""


def test_files_are_short(root: Path, modules: tuple[Path, ...]) -> None:
    lengths = {path: len((root / path).read_text().splitlines()) for path in modules}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}
    assert statistics.median(length for length in lengths.values() if length) <= 165


def code_lines(text: str) -> int:
    """Lines with something on them that is neither a comment nor a docstring."""
    nothing = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    used = {line for one in tokens if one.type not in nothing for line in range(one.start[0], one.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            used -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return len(used)


@pytest.mark.heavy
def test_dialects_are_small(root: Path, modules: tuple[Path, ...]) -> None:
    sizes: Counter[str] = Counter()
    clients: Counter[str] = Counter()
    for path in modules:
        if path.parts[0] == "emulators" and len(path.parts) > 2:
            counted = clients if path.name in CLIENT else sizes
            counted[path.parts[1]] += code_lines((root / path).read_text())
    assert len(sizes) >= 4
    assert {name: size for name, size in sizes.items() if size > LARGEST_DIALECT} == {}
    assert {name: size for name, size in clients.items() if size > LARGEST_CLIENT} == {}


@pytest.fixture(scope="module")
def functions(root: Path, modules: tuple[Path, ...]) -> dict[str, int]:
    return {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, node in all_functions(root, modules)
    }


def all_functions(
    root: Path, modules: tuple[Path, ...]
) -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in modules:
        for node in ast.walk(ast.parse((root / path).read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path, node


@pytest.mark.heavy
def test_functions_are_short(functions: dict[str, int]) -> None:
    assert not {place: length for place, length in functions.items() if length > LONGEST_FUNCTION}
    lengths = sorted(functions.values())
    assert statistics.median(lengths) <= 9
    assert lengths[len(lengths) * 9 // 10] <= 35


def test_nothing_is_left_for_later(root: Path, modules: tuple[Path, ...]) -> None:
    marks = ("TODO", "FIXME", "XXX", "HACK")
    assert not [
        f"{path}:{number}"
        for path in modules
        for number, line in enumerate((root / path).read_text().splitlines(), 1)
        if any(mark in line for mark in marks)
    ]


@pytest.mark.heavy
def test_every_module_says_what_it_is(root: Path, modules: tuple[Path, ...]) -> None:
    texts = {path: (root / path).read_text() for path in modules if path.name != "__init__.py"}
    assert not [path for path, text in texts.items() if ast.get_docstring(ast.parse(text)) is None]
