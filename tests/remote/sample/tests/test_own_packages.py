"""The plug-in leaves the project's packages alone."""

from pathlib import Path

import fixtures
import gateway
import mediaglot
import schemas

HERE = Path(__file__).parents[1]


def test_they_are_the_projects() -> None:
    assert all(Path(each.__file__ or "").parents[1] == HERE for each in (gateway, schemas, fixtures))
    assert not Path(mediaglot.__file__ or "").is_relative_to(HERE)
    assert mediaglot.__name__ == "mediaglot"
