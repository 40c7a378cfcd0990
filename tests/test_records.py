"""Records of echosvc's own: they say who and what, and writing one fails nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from echosvc._records import write
from tests.hostile import KEPT, Recipe, recipes

LOG = logging.getLogger("echosvc.test")


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept()
    LOG.addHandler(handler)
    LOG.setLevel(logging.DEBUG)
    LOG.propagate = False
    yield handler
    LOG.propagate = True
    LOG.setLevel(logging.NOTSET)
    LOG.removeHandler(handler)


def test_a_record_has_its_fields_and_those_that_its_message_says(kept: Kept) -> None:
    write(LOG, logging.INFO, "100% of it", {"who": "me", "n": 1}, said=("who",))
    (record,) = kept.records
    assert record.getMessage() == "100% of it"
    assert (record.fields, record.said) == ({"who": "me", "n": 1}, ("who",))  # type: ignore[attr-defined]  # set with extra=
    assert record.funcName == test_a_record_has_its_fields_and_those_that_its_message_says.__name__


def test_nothing_is_written_below_the_level(kept: Kept) -> None:
    LOG.setLevel(logging.ERROR)
    write(LOG, logging.INFO, "m", {})
    assert kept.records == []


@given(recipe=recipes().filter(lambda recipe: recipe.base != KEPT))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_whatever_the_error_is_the_record_is_written(kept: Kept, recipe: Recipe) -> None:
    kept.records.clear()
    write(LOG, logging.ERROR, "m", {}, error=recipe.make())
    assert [record.getMessage()[:1] for record in kept.records] == ["m"]


def test_what_cannot_be_shown_with_its_traceback_is_written_without(kept: Kept) -> None:
    error = Recipe("ValueError", ("notes raise",)).make()
    write(LOG, logging.ERROR, "m", {}, error=error)
    (record,) = kept.records
    assert record.getMessage().startswith("m (logged without its traceback: RuntimeError: ")
    assert record.exc_info is None


def test_what_keeps_a_record_from_being_written_is_told_in_the_way_of_logging(
    kept: Kept, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise KeyError("of the filter")

    kept.addFilter(refuse)
    write(LOG, logging.ERROR, "what had to be said", {})
    err = capsys.readouterr().err
    assert err.startswith("--- Logging error ---\n")
    assert "KeyError: 'of the filter'" in err
    assert "Message: 'what had to be said'" in err
    monkeypatch.setattr(logging, "raiseExceptions", False)
    write(LOG, logging.ERROR, "what had to be said", {})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_gets_out_of_a_filter(kept: Kept, error: type[BaseException]) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise error

    kept.addFilter(refuse)
    with pytest.raises(error):
        write(LOG, logging.ERROR, "m", {})
