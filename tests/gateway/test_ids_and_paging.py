"""Strategies that a dialect names in one line: ids and pages."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from mediaglot.gateway.exchange import Page, Window
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.ids import Serial
from mediaglot.gateway.paging import PageNumber

PAGES = PageNumber(page="page", size="per_page", default=10, least=5, most=100)


def test_serial_ids_are_the_counters_numbers() -> None:
    ids = Serial(counter="acme.job", start=5001)
    assert (ids.counter, ids.start) == ("acme.job", 5001)
    assert ids.mint(5003, datetime(2026, 1, 1, tzinfo=UTC), Random(1)) == "5003"


@pytest.mark.parametrize(
    ("tree", "offset", "limit"),
    [
        ({}, 0, 10),
        ({"page": "", "per_page": None}, 0, 10),
        ({"page": "3"}, 20, 10),
        ({"page": "2", "per_page": "50"}, 50, 50),
        ({"page": "0"}, 0, 10),
        ({"per_page": "1"}, 0, 5),
        ({"per_page": "0"}, 0, 5),
        ({"page": 2, "per_page": "5000"}, 100, 100),
    ],
)
def test_pages_count_from_one_and_sizes_are_brought_inside(tree: dict[str, Any], offset: int, limit: int) -> None:
    window = PAGES.window(tree, sort="created", descending=True)
    assert window == Window(offset=offset, limit=limit, sort="created", descending=True)


@pytest.mark.parametrize(
    ("tree", "field"),
    [
        ({"page": "-1"}, "page"),
        ({"page": "two"}, "page"),
        ({"page": ["1", "2"]}, "page"),
        ({"page": "9" * 30}, "page"),
        ({"per_page": "1.5"}, "per_page"),
        ({"per_page": {"a": "b"}}, "per_page"),
    ],
)
def test_what_is_no_number_of_a_page_is_invalid(tree: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        PAGES.window(tree, sort="id", descending=False)
    assert caught.value.data["field"] == field


def test_the_farthest_page_still_fits_a_database() -> None:
    assert PAGES.window({"page": "9" * 15, "per_page": "100"}, sort="id", descending=False).offset < 2**63


@pytest.mark.parametrize(
    ("offset", "total", "number", "pages"), [(0, 0, 1, 0), (0, 10, 1, 1), (0, 11, 1, 2), (20, 21, 3, 3), (50, 5, 6, 1)]
)
def test_a_page_knows_its_number_and_how_many_there_are(offset: int, total: int, number: int, pages: int) -> None:
    page: Page[int] = Page(items=(), total=total, offset=offset, limit=10)
    assert PAGES.pages(page) == (number, pages)
