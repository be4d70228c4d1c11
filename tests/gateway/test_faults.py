"""Faults: data that survives storing, codes that name one class each."""

from __future__ import annotations

from collections import Counter

import pytest

from mediaglot.gateway import faults
from mediaglot.gateway.faults import (
    EncodingFailed,
    Fault,
    Internal,
    NotFound,
    SourceMissing,
    WorkFault,
    by_code,
    from_trouble,
)
from mediaglot.gateway.model import Trouble

OURS = [cls for cls in vars(faults).values() if isinstance(cls, type) and issubclass(cls, Fault)]


def test_no_two_faults_share_a_code() -> None:
    assert [code for code, count in Counter(cls.code for cls in OURS).items() if count > 1] == []


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_a_stored_fault_comes_back_as_itself(cls: type[Fault]) -> None:
    back = from_trouble(cls(reason="because", limit=5).trouble())
    assert type(back) is cls
    assert back.data == {"reason": "because", "limit": "5"}
    assert by_code(cls.code) is cls


def test_a_trouble_holds_text_only_and_no_empty_data() -> None:
    assert SourceMissing(status=404, reason=None).trouble() == Trouble(code="source_missing", data={"status": "404"})


def test_a_code_of_a_later_version_is_a_failed_encoding() -> None:
    assert type(from_trouble(Trouble(code="eaten_by_dog"))) is EncodingFailed


def test_a_fault_of_a_plug_in_comes_back_as_itself() -> None:
    class Seasick(WorkFault):
        code = "seasick"

    assert type(from_trouble(Seasick(waves=3).trouble())) is Seasick


def test_faults_are_told_apart_by_class() -> None:
    with pytest.raises(faults.BadRequest):
        raise faults.Missing(field="source")
    with pytest.raises(faults.SourceUnreachable):
        raise faults.SourceTimeout(seconds=3)
    assert not issubclass(NotFound, faults.WorkFault)
    assert not issubclass(Internal, faults.BadRequest)


def test_the_text_of_a_fault_is_for_the_log() -> None:
    assert str(NotFound(kind="job", id="7")) == "not_found kind=job id=7"
