"""The pytest plug-in. It is loaded wherever mediaglot is installed, so it does nothing, and loads nothing, until a test
wants one of its fixtures."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from mediaglot.gateway.remote.asynchronous import AsyncWorld
    from mediaglot.gateway.remote.sync import Double, World

MARKER: Final = "mediaglot(clock='virtual', seed=3, start=..., journal=...): how the world of this test is"
URL: Final = "MEDIAGLOT_DOUBLE_URL"
TOKEN: Final = "MEDIAGLOT_CONTROL_TOKEN"  # noqa: S105 - a name
WORLD: Final = pytest.StashKey["World"]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def mediaglot_settings() -> dict[str, Any]:
    """Settings of ``mediaglot serve`` for the server of the session; override it in a conftest."""
    return {}


@pytest.fixture(scope="session")
def mediaglot_server(tmp_path_factory: pytest.TempPathFactory, mediaglot_settings: dict[str, Any]) -> Iterator[Double]:
    """The test double of this session, one for all workers of pytest-xdist; or the one at MEDIAGLOT_DOUBLE_URL."""
    from mediaglot.gateway.remote.share import joined  # noqa: PLC0415 - only who wants it loads it
    from mediaglot.gateway.remote.sync import Double  # noqa: PLC0415

    if url := os.environ.get(URL):
        yield Double.at(url, os.environ.get(TOKEN, ""))
        return
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with joined(shared / "mediaglot", mediaglot_settings) as url:
        yield Double.at(url)


@pytest.fixture
def mediaglot(request: pytest.FixtureRequest, mediaglot_server: Double) -> Iterator[World]:
    """A world of this test's own: ``mediaglot.<provider>.url``, ``.credentials`` and ``.jobs``, ``mediaglot.clock``,
    ``.faults``, ``.fates``, ``.requests``, ``.inbox("name")``."""
    marker = request.node.get_closest_marker("mediaglot")
    if marker is not None and marker.args:
        pytest.fail(
            f"@pytest.mark.mediaglot takes words such as clock='virtual', not {marker.args[0]!r}", pytrace=False
        )
    with mediaglot_server.world(**(marker.kwargs if marker is not None else {})) as world:
        request.node.stash[WORLD] = world
        yield world
        del request.node.stash[WORLD]


@pytest.fixture
def mediaglot_async(mediaglot: World) -> AsyncWorld:
    """The same world, for tests on an event loop: what talks to the double is to be awaited."""
    return mediaglot.asynchronous


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    outcome = yield
    world = item.stash.get(WORLD, None)
    if world is None:
        return
    report = outcome.get_result()
    if report.failed:
        report.sections.append((f"mediaglot world {world.id}", _story(world)))


def _story(world: World) -> str:
    from mediaglot.gateway.remote.ask import DoubleError  # noqa: PLC0415 - a world is there, so it is loaded

    try:
        return world.requests.last()
    except DoubleError as error:
        return str(error)
